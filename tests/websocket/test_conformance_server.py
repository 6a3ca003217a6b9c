"""An echo server over every case: whole, byte by byte, and with compression agreed on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.server import ServerThread, web
from whirlwind import websocket

from . import cases
from .frames import PONG, TEXT, Frame, frame
from .peer import Peer

ALL = cases.all_cases()
SMALL = [case for case in ALL if sum(len(payload) for _, payload, _ in case.sent) < 25]


class Echo(websocket.WebSocketHandler):
    """Sends every message back."""

    options: dict[str, Any] | None = None
    closed: list[tuple[int | None, str | None]] = []

    def get_compression_options(self) -> dict[str, Any] | None:
        return self.options

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message, binary=isinstance(message, bytes))

    def on_close(self) -> None:
        self.closed.append((self.close_code, self.close_reason))


class EchoLater(Echo):
    """Sends every message back from a coroutine."""

    async def on_message(self, message: str | bytes) -> None:  # type: ignore[override]
        await self.write_message(message, binary=isinstance(message, bytes))


class EchoCompressed(Echo):
    """Would compress."""

    options = {}


@pytest.fixture
def server(start: Callable[..., ServerThread]) -> ServerThread:
    """Serves the handlers of this file."""
    Echo.closed.clear()
    routes = [("/", Echo), ("/later", EchoLater), ("/compressed", EchoCompressed)]
    return start(web.Application(routes))


def wire(case: cases.Case) -> bytes:
    return b"".join(
        frame(opcode, payload, key=b"\x81\x02\xf3\x44", **options)  # type: ignore[arg-type]
        for opcode, payload, options in case.sent
    )


def answers(found: list[Frame]) -> list[object]:
    """What was echoed, as cases have it."""
    seen: list[object] = []
    for one in found:
        if one.opcode == PONG:
            seen.append(cases.pong(one.payload))
        else:
            seen.append(one.payload.decode() if one.opcode == TEXT else one.payload)
    return seen


def check(case: cases.Case, found: list[Frame]) -> None:
    assert found, f"{case.name}: no close frame"
    *before, last = found
    assert answers(before) == case.answers, case.name
    assert last.opcode == 8, case.name
    assert last.code == case.code, case.name


def on_close_saw(case: cases.Case) -> tuple[int | None, str | None]:
    return (None, None) if case.peer_closed is None else case.peer_closed


@pytest.mark.parametrize("target", ["/", "/later"])
def test_whole(server: ServerThread, target: str) -> None:
    for number, case in enumerate(ALL):
        data = wire(case)
        with Peer(server, target, send=data if number % 2 else b"") as peer:
            if not number % 2:
                peer.send_raw(data)
            check(case, peer.rest())
            assert not peer.connection.reset
    server.turn()
    assert Echo.closed == [on_close_saw(case) for case in ALL]


def test_byte_by_byte(server: ServerThread) -> None:
    for case in SMALL:
        data = wire(case)
        with Peer(server) as peer:
            peer.send_each([data[i : i + 1] for i in range(len(data))], server)
            check(case, peer.rest())
    server.turn()
    assert Echo.closed == [on_close_saw(case) for case in SMALL]


def test_with_compression_agreed_on(server: ServerThread) -> None:
    """Uncompressed frames, and their mistakes, are what they were; RSV1 on a message is not."""
    offer: dict[str, str | None] = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    for case in SMALL:
        if any(options.get("rsv") == 4 and opcode in (1, 2) for opcode, _, options in case.sent):
            continue
        with Peer(server, "/compressed", offer, send=wire(case)) as peer:
            assert peer.answer.get("Sec-WebSocket-Extensions") == "permessage-deflate"
            found = peer.rest()
            assert found[-1].opcode == 8
            assert found[-1].code == case.code, case.name
            assert len(found) == len(case.answers) + 1
