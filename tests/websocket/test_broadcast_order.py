"""Broadcasts and what else a connection sends: one after the other, whichever way it goes."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.wire.server import ServerThread, web
from whirlwind import fanout, websocket

from .frames import TEXT, frame
from .peer import Peer, wait_for

WIRE = Path(__file__).parent.parent / "wire"


class Member(websocket.WebSocketHandler):
    """Is in the room."""

    members: list[Member] = []

    def open(self, *args: str) -> None:
        self.members.append(self)

    def on_message(self, message: str | bytes) -> None:
        fanout.broadcast(self.members, message)

    def on_close(self) -> None:
        self.members.remove(self)


class Room:
    """A server with one room."""

    def __init__(self, kind: str, start: Callable[..., ServerThread]) -> None:
        Member.members = []
        serving: dict[str, Any] = {}
        self.options: dict[str, Any] = {}
        if kind == "tls":
            serving["ssl_options"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            serving["ssl_options"].load_cert_chain(WIRE / "test.crt", WIRE / "test.key")
            self.options["context"] = ssl.create_default_context(cafile=str(WIRE / "test.crt"))
        self.server = start(web.Application([("/", Member)]), unix=kind == "unix", **serving)

    def enter(self, **options: Any) -> Peer:
        """Another member."""
        count = len(Member.members)
        peer = Peer(self.server, **self.options, **options)
        wait_for(lambda: len(Member.members) > count)
        return peer


@pytest.fixture(params=["tcp", "tls", "unix"])
def room(request: pytest.FixtureRequest, start: Callable[..., ServerThread]) -> Room:
    """A room over each kind of transport."""
    return Room(request.param, start)


def test_broadcasts_of_one_turn_leave_together(start: Callable[..., ServerThread]) -> None:
    room = Room("tcp", start)
    with room.enter() as peer:
        room.server.call(lambda: [fanout.broadcast(Member.members, str(i)) for i in range(20)])
        data = peer.connection.sock.recv(65536)
        assert data == b"".join(frame(TEXT, str(i).encode(), key=None) for i in range(20))


def test_nothing_overtakes(room: Room) -> None:
    """What the socket does not take, what follows it, and what is written to one alone."""
    big = "x" * 700_000
    with room.enter(receive_buffer=4096) as slow, room.enter() as other:

        def send(number: int) -> None:
            for member in Member.members:
                member.write_message(f"a {number}")
            fanout.broadcast(Member.members, f"b {number}")
            fanout.broadcast(Member.members, big)
            for member in Member.members:
                member.write_message(f"c {number}")

        for number in range(3):
            room.server.call(lambda number=number: send(number))
            room.server.turn()
            for peer in (other, slow):
                expected = [f"a {number}", f"b {number}", big, f"c {number}"]
                assert [peer.message() for _ in range(4)] == expected
        slow.send(TEXT, b"hello all")
        assert [peer.message() for peer in (slow, other)] == ["hello all"] * 2

        def end() -> None:
            fanout.broadcast(Member.members, "the end")
            Member.members[0].close()

        room.server.call(end)
        assert slow.message() == other.message() == "the end"
        assert [one.opcode for one in slow.close()] == [8]


def test_broadcast_to_who_has_just_gone(room: Room) -> None:
    """Its socket may refuse what is written before the loop hears of it."""
    with room.enter() as other:
        for _ in range(3):
            with room.enter() as peer:
                room.server.call(lambda: fanout.broadcast(Member.members, "all"))
                assert [peer.message(), other.message()] == ["all", "all"]
                with room.server.held():
                    room.server.loop.call_soon_threadsafe(
                        lambda: fanout.broadcast(Member.members, "who is left")
                    )
                    peer.connection.abort()
            assert other.message() == "who is left"
            wait_for(lambda: len(Member.members) == 1)


@pytest.mark.parametrize("queued", [False, True])
def test_broadcast_to_who_is_behind_and_has_gone(room: Room, queued: bool) -> None:
    """The transport has given up, and the connection has not heard of it yet."""
    with room.enter(receive_buffer=4096) as slow, room.enter() as other:
        [behind, _] = Member.members

        def fill() -> None:
            if queued:
                fanout.limit_queue(behind)
            while not behind.ws_connection.is_blocked():
                behind.write_message(b"x" * 500_000, binary=True)

        def lose() -> int:
            behind.ws_connection.transport.abort()
            return fanout.broadcast(Member.members, "who is left")

        room.server.call(fill)
        assert room.server.call(lose) == 1
        assert other.message() == "who is left"
        wait_for(lambda: len(Member.members) == 1)
        slow.connection.abort()
