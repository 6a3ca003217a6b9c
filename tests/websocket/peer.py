"""A WebSocket client for tests that sends any bytes and reads frames with a strict reader."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterable
from typing import Any

from tests.wire.raw import DEADLINE, Answer, RawConnection
from tests.wire.server import ServerThread

from .frames import KEY, Frame, FrameReader, close, frame

KEY_FIELD = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def accept(key: str) -> str:
    """The proof that goes with a key (RFC 6455 section 4.2.2)."""
    guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    return base64.b64encode(hashlib.sha1((key + guid).encode()).digest()).decode()


def upgrade(target: str = "/", fields: dict[str, str | None] | None = None) -> bytes:
    """The bytes of a handshake.

    :arg fields: fields that replace or join the usual ones; None leaves one out.
    """
    usual: dict[str, str | None] = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY_FIELD,
        "Sec-WebSocket-Version": "13",
    }
    usual.update(fields or {})
    lines = [f"GET {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in usual.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Peer:
    """One WebSocket connection to a server under test."""

    def __init__(
        self,
        server: ServerThread,
        target: str = "/",
        fields: dict[str, str | None] | None = None,
        *,
        send: bytes = b"",
        connection: RawConnection | None = None,
        **options: Any,
    ) -> None:
        """
        :arg fields: of the handshake.
        :arg send: frames that leave together with the handshake.
        :arg options: as for `RawConnection`.
        """
        self.connection = connection or server.connect(**options)
        self.connection.send(upgrade(target, fields) + send)
        self.answer: Answer = self.connection.read()
        self.frames = FrameReader()
        self._read: list[Frame] = []

    def __enter__(self) -> Peer:
        assert self.answer.status == 101, self.answer
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, opcode: int, payload: bytes = b"", **options: Any) -> None:
        """Send a frame; options as for `frames.frame`."""
        self.connection.send(frame(opcode, payload, **{"key": KEY, **options}))

    def send_raw(self, data: bytes) -> None:
        """Send bytes."""
        self.connection.send(data)

    def send_each(self, parts: Iterable[bytes], server: ServerThread) -> None:
        """Send parts one by one, each of which the server has handled before the next."""
        self.connection.send_each(parts, server.turn)

    def _fill(self) -> bool:
        reader = self.connection.reader
        if not reader.buffer and not reader.fill():
            return False
        data, reader.buffer = reader.buffer, b""
        found = self.frames.feed(data)
        assert not any(one.masked for one in found), "a server's frame has a mask"
        self._read += found
        return True

    def read(self) -> Frame | None:
        """The next frame, None at the end of the connection."""
        while not self._read:
            if not self._fill():
                assert not self.frames.buffer, "the connection ended inside a frame"
                return None
        return self._read.pop(0)

    def rest(self) -> list[Frame]:
        """Every frame up to the end of the connection."""
        found = []
        while (one := self.read()) is not None:
            found.append(one)
        return found

    def message(self) -> str | bytes | None:
        """The next message, which has to be one frame; None if there is another frame or none."""
        one = self.read()
        if one is None or one.opcode not in (1, 2):
            return None
        assert one.fin
        assert not one.rsv
        return one.payload.decode() if one.opcode == 1 else one.payload

    def close(self, code: int | None = 1000, reason: bytes = b"") -> list[Frame]:
        """Close in good order; returns what came before the end."""
        self.connection.send(close(code, reason))
        return self.rest()


def wait_for(condition: Any) -> Any:
    """Poll until a condition is true."""
    end = time.monotonic() + DEADLINE
    while not (value := condition()):
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.002)
    return value
