"""Peers that leave without a word, stay without one, or only seem to have left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.server import Logs, ServerThread, web
from whirlwind import websocket
from whirlwind.protocol import limits
from whirlwind.websocket import websocket_connect

from .frames import CLOSE, PING, PONG, TEXT, frame
from .peer import Peer, wait_for
from .raw_server import RawConnection, RawServer

BLOCK = b"x" * 65536


class Member(websocket.WebSocketHandler):
    """Notes that it is there; handles a message for as long as it is told to."""

    seen: list[Any]
    ping_interval = 1000  # type: ignore[assignment]

    def initialize(self, seen: list[Any]) -> None:
        self.seen = seen
        self.go = asyncio.Event()

    def open(self, *args: str) -> None:
        self.seen.append(self)

    async def on_message(self, message: str | bytes) -> None:
        await self.go.wait()
        await self.write_message("done")

    def on_close(self) -> None:
        self.seen.append("closed")


@pytest.fixture
def seen() -> list[Any]:
    """What handlers note."""
    return []


@pytest.fixture
def put(start: Callable[..., ServerThread], seen: list[Any]) -> Callable[..., ServerThread]:
    """Serves `Member`."""
    return lambda **options: start(web.Application([("/", Member, {"seen": seen})]), **options)


def fill(server: ServerThread, handler: Any) -> None:
    """Write until some bytes stay here, without the transport's finding that many."""
    transport = handler.ws_connection.transport

    def write() -> None:
        transport.set_write_buffer_limits(high=1 << 30)
        handler.write_message(BLOCK, binary=True)

    for _ in range(1000):
        server.call(write)
        server.turn()
        if server.call(transport.get_write_buffer_size):
            return
    raise AssertionError("the peer takes everything")


def test_a_peer_that_closes_its_half_and_does_not_read(
    put: Callable[..., ServerThread], seen: list[Any], logs: Logs
) -> None:
    server = put(write_timeout=0.01)
    with Peer(server, receive_buffer=4096) as peer:
        wait_for(lambda: seen)
        fill(server, seen[0])
        peer.connection.half_close()
        wait_for(lambda: seen[1:] == ["closed"])
    assert [line for line in logs.lines("general") if "does not read" in line]


def test_a_write_to_a_peer_that_has_closed_its_half_is_no_mistake(
    put: Callable[..., ServerThread], seen: list[Any], logs: Logs
) -> None:
    server = put()
    with Peer(server, receive_buffer=4096) as peer:
        peer.send(TEXT, b"work")
        wait_for(lambda: seen)
        handler = seen[0]
        connection = handler.ws_connection
        server.turn()
        fill(server, handler)
        peer.connection.half_close()
        wait_for(lambda: server.call(connection.is_closing))
        server.call(handler.go.set)
        server.turn()
        assert not connection.closed
    wait_for(lambda: seen[1:] == ["closed"])
    assert not logs.tracebacks()


def test_a_pong_that_comes_while_a_handler_is_busy(
    put: Callable[..., ServerThread], seen: list[Any]
) -> None:
    server = put()
    with Peer(server) as peer:
        peer.send(TEXT, b"work")
        wait_for(lambda: seen)
        connection = seen[0].ws_connection

        def later(seconds: float) -> int:
            server.call(lambda: connection.expire(server.loop.time() + seconds))
            found = peer.read()
            assert found is not None
            return found.opcode

        server.turn()
        assert later(1001) == PING
        peer.send(PONG)
        server.turn()
        assert later(2002) == PING
        assert later(3003) == CLOSE


def test_a_pong_that_cannot_be_heard(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    server = put()
    with Peer(server) as peer:
        peer.send(TEXT, b"work")
        wait_for(lambda: seen)
        connection = seen[0].ws_connection
        server.turn()
        peer.send_raw(frame(TEXT, b"y" * (limits.MAX_UNREAD_MESSAGES + 1)))
        wait_for(lambda: server.call(connection.parser.buffered) > limits.MAX_UNREAD_MESSAGES)
        for seconds in (1001, 2002, 3003):
            server.call(lambda: connection.expire(server.loop.time() + seconds))  # noqa: B023
            found = peer.read()
            assert found is not None
            assert found.opcode == PING
        server.call(seen[0].go.set)
        assert [peer.message(), peer.message()] == ["done", "done"]


async def test_a_client_does_not_wait_for_a_server_that_does_not_read() -> None:
    async def talk(raw: RawConnection) -> None:
        raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await raw.writer.wait_closed()

    async with RawServer(talk) as raw:
        connection = await websocket_connect(raw.url)
        protocol: Any = connection.protocol
        protocol.hub.write_timeout = 0.01
        while not protocol.is_blocked():
            connection.write_message(BLOCK, binary=True)
            await asyncio.sleep(0)
        assert await asyncio.wait_for(connection.read_message(), 60) is None


def test_a_message_that_crosses_the_close_frame_is_no_mistake(
    put: Callable[..., ServerThread], seen: list[Any], logs: Logs
) -> None:
    server = put()
    with Peer(server) as peer:
        wait_for(lambda: seen)
        seen[0].go.set()
        server.call(lambda: seen[0].ws_connection.close(1001))
        peer.send(TEXT, b"too late for an answer")
        assert [one.code for one in peer.close(1001)] == [1001]
    wait_for(lambda: seen[1:] == ["closed"])
    assert not logs.tracebacks()
