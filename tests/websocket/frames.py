"""Frames made and read for tests; shares nothing with the package under test."""

from __future__ import annotations

import struct
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = b"\x37\xfa\x21\x3d"


def masked(payload: bytes, key: bytes) -> bytes:
    """XOR a payload with a key, byte by byte."""
    return bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    key: bytes | None = KEY,
    form: int | None = None,
    says: int | None = None,
) -> bytes:
    """One frame, however wrong.

    :arg rsv: the three reserved bits, RSV1 being 4.
    :arg key: the mask, None for none.
    :arg form: 7, 16 or 64: bits of the length, the shortest by default.
    :arg says: a length to write that is not the payload's.
    """
    size = len(payload) if says is None else says
    if form is None:
        form = 7 if size < 126 else 16 if size < 65536 else 64
    head = bytes([fin << 7 | rsv << 4 | opcode])
    flag = 0 if key is None else 128
    if form == 7:
        head += bytes([flag | size])
    elif form == 16:
        head += bytes([flag | 126]) + struct.pack("!H", size)
    else:
        head += bytes([flag | 127]) + struct.pack("!Q", size)
    return head + (payload if key is None else key + masked(payload, key))


def close(code: int | None = None, reason: bytes = b"", **options: object) -> bytes:
    """A close frame."""
    payload = b"" if code is None else struct.pack("!H", code) + reason
    return frame(CLOSE, payload, **options)  # type: ignore[arg-type]


@dataclass
class Frame:
    """One frame as it was on the wire."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0
    masked: bool = False

    @property
    def code(self) -> int | None:
        """The code of a close frame."""
        return int.from_bytes(self.payload[:2], "big") if self.payload else None


class FrameReader:
    """Cuts frames out of bytes, and refuses any that RFC 6455 forbids a sender to make."""

    def __init__(self) -> None:
        self.buffer = b""
        self.inside = False

    def feed(self, data: bytes) -> list[Frame]:
        """Add bytes; return the frames that are complete."""
        self.buffer += data
        found = []
        while (one := self._next()) is not None:
            found.append(one)
        return found

    def _next(self) -> Frame | None:
        data = self.buffer
        if len(data) < 2:
            return None
        size, at = data[1] & 127, 2
        if size == 126:
            if len(data) < 4:
                return None
            size, at = int.from_bytes(data[2:4], "big"), 4
            assert size > 125, "length not in its shortest form"
        elif size == 127:
            if len(data) < 10:
                return None
            size, at = int.from_bytes(data[2:10], "big"), 10
            assert 65535 < size < 2**63, "length not in its shortest form"
        key = b""
        if data[1] & 128:
            key, at = data[at : at + 4], at + 4
        if len(data) < at + size:
            return None
        payload = data[at : at + size]
        self.buffer = data[at + size :]
        made = Frame(
            data[0] & 15,
            masked(payload, key) if key else payload,
            bool(data[0] & 128),
            data[0] >> 4 & 7,
            bool(key),
        )
        if made.opcode >= 8:
            assert made.opcode <= 10
            assert made.fin
            assert size <= 125
            assert not made.rsv
        else:
            assert made.opcode <= 2
            assert (made.opcode == 0) == self.inside
            assert not made.rsv or (made.rsv == 4 and made.opcode)
            self.inside = not made.fin
        return made
