"""Slow readers, floods, many connections; queues and broadcasts of `whirlwind.fanout`."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.wire.server import Logs, ServerThread, web
from whirlwind import fanout, websocket
from whirlwind.fanout import WhenFull
from whirlwind.protocol import deflate, limits
from whirlwind.websocket import WebSocketClosedError

from .frames import BINARY, CLOSE, PING, PONG, TEXT, Frame, close, frame
from .peer import Peer, wait_for

BLOCK = b"x" * 65536


class Member(websocket.WebSocketHandler):
    """Notes that it is there."""

    seen: list[Any]
    options: dict[str, Any] | None = None

    def initialize(self, seen: list[Any]) -> None:
        self.seen = seen

    def get_compression_options(self) -> dict[str, Any] | None:
        return self.options

    def open(self, *args: str) -> None:
        self.seen.append(self)

    def on_message(self, message: str | bytes) -> Any:
        self.write_message(message, binary=isinstance(message, bytes))

    def on_close(self) -> None:
        self.seen.append(("close", self.close_code))


class Compressing(Member):
    """Compresses everything."""

    options = {"threshold": 0}


@pytest.fixture
def seen() -> list[Any]:
    """What handlers note."""
    return []


@pytest.fixture
def server(start: Callable[..., ServerThread], seen: list[Any]) -> ServerThread:
    """Serves the handlers of this file."""
    arguments = {"seen": seen}
    routes = [("/", Member, arguments), ("/compressed", Compressing, arguments)]
    return start(web.Application(routes))


@pytest.fixture
def slow(server: ServerThread, seen: list[Any]) -> Iterator[tuple[Peer, Any]]:
    """A peer with a small receive buffer that does not read, and its handler."""
    with Peer(server, receive_buffer=4096) as peer:
        wait_for(lambda: seen)
        yield peer, seen[0]


def block(server: ServerThread, handler: Any) -> None:
    """Write until the peer's slowness shows."""

    def write() -> None:
        while fanout.is_writable(handler):
            handler.write_message(BLOCK, binary=True)

    # The first turns only fill the kernel's buffers.
    for _ in range(50):
        server.call(write)
        server.turn()
        if not server.call(lambda: fanout.is_writable(handler)):
            return
    raise AssertionError("the peer takes everything")


def drain(peer: Peer, size: int) -> list[Any]:
    """Read frames until so many bytes of blocks were read."""
    found = []
    while size > 0:
        one = peer.read()
        assert one is not None
        found.append(one)
        size -= len(one.payload)
    return found


# --- without a queue ------------------------------------------------------------------------------


def test_writes_wait_for_a_slow_reader(
    server: ServerThread, slow: tuple[Peer, Any], seen: list[Any]
) -> None:
    peer, handler = slow

    async def write() -> int:
        count = 0
        while True:
            pending = handler.write_message(BLOCK, binary=True)
            count += 1
            if not pending.done() and handler.ws_connection.is_blocked():
                seen.append(pending)
                await pending
                return count
            await pending

    writing = asyncio.run_coroutine_threadsafe(write(), server.loop)
    wait_for(lambda: len(seen) == 2)
    server.turn()
    assert not seen[1].done()
    unsent = server.call(lambda: fanout.unsent(handler))
    assert unsent > 0
    while not writing.done():
        assert peer.read() is not None
    assert writing.result(5) > 1
    assert server.call(lambda: fanout.unsent(handler)) < unsent


def test_a_write_that_waits_fails_with_the_connection(
    server: ServerThread, slow: tuple[Peer, Any]
) -> None:
    peer, handler = slow
    block(server, handler)

    async def write() -> None:
        await handler.write_message("one more")

    writing = asyncio.run_coroutine_threadsafe(write(), server.loop)
    server.turn()
    assert not writing.done()
    peer.connection.abort()
    assert isinstance(writing.exception(10), WebSocketClosedError)


def test_one_write_that_is_given_up_leaves_the_others(
    server: ServerThread, slow: tuple[Peer, Any]
) -> None:
    peer, handler = slow
    block(server, handler)
    writes = server.call(lambda: [handler.write_message("more") for _ in range(3)])

    async def wait(write: Any) -> None:
        await write

    waiting = [asyncio.run_coroutine_threadsafe(wait(write), server.loop) for write in writes[:2]]
    server.turn()
    waiting[0].cancel()
    server.turn()
    assert not waiting[1].done()
    assert not writes[2].done()
    while not waiting[1].done():
        assert peer.read() is not None
    assert waiting[1].result(5) is None
    server.turn()
    assert [write.cancelled() for write in writes] == [True, False, False]
    # The third was held, and nobody has waited for it yet.
    assert asyncio.run_coroutine_threadsafe(wait(writes[2]), server.loop).result(5) is None


def test_a_write_that_waits_keeps_its_task(server: ServerThread, slow: tuple[Peer, Any]) -> None:
    """A program need not hold a task that waits for a write."""
    peer, handler = slow
    block(server, handler)
    done: list[str] = []

    async def write() -> None:
        await handler.write_message("more")
        done.append("done")

    def begin() -> None:
        server.loop.create_task(write())

    server.call(begin)
    server.turn()
    server.call(gc.collect)
    while not done:
        assert peer.read() is not None


def test_writes_that_nobody_waits_for_leave_nothing(
    server: ServerThread, slow: tuple[Peer, Any]
) -> None:
    """A peer that reads nothing costs the bytes that wait for it, not an object for each write."""
    _, handler = slow
    block(server, handler)

    def write_many() -> int:
        gc.collect()
        before = len(gc.get_objects())
        pending = [weakref.ref(handler.write_message(b"x", binary=True)) for _ in range(1000)]
        assert not any(one() for one in pending)
        del pending
        return len(gc.get_objects()) - before

    # The transport has some objects for each of its writes.
    assert server.call(write_many) < 4000
    handler.ws_connection.corked = True
    assert server.call(write_many) < 100
    handler.ws_connection.corked = False


def test_nobody_has_to_await_a_write(
    server: ServerThread, slow: tuple[Peer, Any], logs: Logs, seen: list[Any]
) -> None:
    peer, handler = slow
    block(server, handler)
    server.call(lambda: [handler.write_message("more") and None for _ in range(10)])
    peer.connection.abort()
    wait_for(lambda: len(seen) == 2)
    server.turn()
    assert server.loop_errors == []
    assert not logs.tracebacks()


def test_an_echo_server_does_not_grow_without_bound(server: ServerThread, seen: list[Any]) -> None:
    """A peer that only writes is not read from once too much waits for it."""
    message = frame(BINARY, b"\0" * 1048576, key=b"\0\0\0\0")
    with Peer(server, receive_buffer=4096) as peer:
        peer.connection.sock.setblocking(False)
        sent, idle = 0, 0
        while idle < 20 and sent < 200 * len(message):
            try:
                sent += peer.connection.sock.send(message[sent % len(message) :])
                idle = 0
            except BlockingIOError:
                idle += 1
                server.turn()
        unsent = server.call(lambda: fanout.unsent(seen[0]))
        assert limits.MAX_UNSENT_BYTES < unsent < limits.MAX_UNSENT_BYTES + 8 * len(message)
        assert sent < limits.MAX_UNSENT_BYTES + 40 * len(message)
        # It goes on when the peer reads.
        peer.connection.sock.settimeout(10)
        before = sent // len(message)
        assert len(drain(peer, before * 1048576)) == before
        peer.send_raw(message[sent % len(message) :] if sent % len(message) else message)
        assert len(drain(peer, 1048576)) == 1


@pytest.mark.parametrize("size", [50000, 1048576])
def test_a_peer_that_sends_one_message_at_a_time_and_reads_nothing(
    server: ServerThread, seen: list[Any], size: int
) -> None:
    """It is not read from, either, though nothing of a next message is ever here."""
    message = frame(BINARY, b"\0" * size, key=b"\0\0\0\0")
    with Peer(server, receive_buffer=4096) as peer:
        peer.connection.sock.settimeout(0.5)
        for _ in range(100 * 1048576 // size):
            try:
                peer.connection.sock.sendall(message)
            except TimeoutError:
                break
            server.turn()
        else:
            pytest.fail("the server reads for ever")
        unsent = server.call(lambda: fanout.unsent(seen[0]))
        assert unsent < limits.MAX_UNSENT_BYTES + 4 * 1048576


def test_messages_wait_in_the_kernel_while_a_handler_is_busy(
    start: Callable[..., ServerThread], seen: list[Any]
) -> None:
    class Busy(Member):
        async def on_message(self, message: str | bytes) -> None:
            await self.application.settings["go"].wait()
            self.seen.append(len(message))

    go = asyncio.Event()
    server = start(web.Application([("/", Busy, {"seen": seen})], go=go))
    with Peer(server) as peer:
        peer.connection.sock.setblocking(False)
        message = frame(BINARY, b"\0" * 50_000, key=b"\0\0\0\0")
        sent, idle = 0, 0
        while idle < 20 and sent < 1000 * len(message):
            try:
                sent += peer.connection.sock.send(message[sent % len(message) :])
                idle = 0
            except BlockingIOError:
                idle += 1
                server.turn()
        handler = seen[0]
        buffered = server.call(lambda: handler.ws_connection.parser.buffered())
        assert buffered < limits.MAX_UNREAD_MESSAGES + 262144
        assert sent < 1000 * len(message)
        peer.connection.sock.settimeout(10)
        server.call(go.set)
        peer.send_raw(message[sent % len(message) :] if sent % len(message) else b"")
        peer.close()
    assert seen[1:-1] == [50_000] * -(-sent // len(message))


def test_the_newest_of_many_pings_is_answered(
    server: ServerThread, slow: tuple[Peer, Any], seen: list[Any]
) -> None:
    peer, handler = slow
    block(server, handler)
    unsent = server.call(lambda: fanout.unsent(handler))
    for number in range(50):
        peer.send(PING, b"%d" % number)
    server.turn()
    assert server.call(lambda: fanout.unsent(handler)) <= unsent
    pongs = []
    while not pongs:
        one = peer.read()
        assert one is not None
        if one.opcode == PONG:
            pongs.append(one.payload)
    assert pongs == [b"49"]
    peer.send(PING, b"again")
    while (one := peer.read()) is not None and one.opcode != PONG:
        pass
    assert one is not None
    assert one.payload == b"again"


def test_a_slow_peer_gets_all_that_was_sent_before_the_close_frame(
    server: ServerThread, slow: tuple[Peer, Any]
) -> None:
    """The time for the closing handshake begins anew for as long as the peer reads."""
    peer, handler = slow
    blocks = 400
    connection = handler.ws_connection

    def write_and_close() -> None:
        for _ in range(blocks):
            handler.write_message(BLOCK, binary=True)
        handler.close(1000, "that was all")

    def time_passes() -> int:
        connection.expire(connection.hub.now() + limits.CLOSE_TIMEOUT + 1)
        return int(fanout.unsent(connection))

    server.call(write_and_close)
    left = server.call(lambda: fanout.unsent(connection))
    for _ in range(3):
        drain(peer, 60 * len(BLOCK))
        wait_for(lambda before=left: server.call(lambda: fanout.unsent(connection)) < before)
        left = server.call(time_passes)
        assert left > 0
    drain(peer, (blocks - 180) * len(BLOCK))
    assert peer.read() == Frame(CLOSE, b"\x03\xe8that was all")


def test_a_peer_that_stops_reading_is_not_waited_for(
    server: ServerThread, slow: tuple[Peer, Any]
) -> None:
    _, handler = slow
    connection = handler.ws_connection

    def write_and_close() -> None:
        for _ in range(400):
            handler.write_message(BLOCK, binary=True)
        handler.close()

    server.call(write_and_close)
    for _ in range(50):  # the first turns only fill the kernel's buffers
        server.call(lambda: connection.expire(connection.hub.now() + limits.CLOSE_TIMEOUT + 1))
        server.turn()
    assert connection.closed


def test_a_peer_that_reads_nothing_is_given_up(
    start: Callable[..., ServerThread], seen: list[Any], logs: Logs
) -> None:
    server = start(web.Application([("/", Member, {"seen": seen})]), write_timeout=0.1)
    with Peer(server, receive_buffer=4096):
        wait_for(lambda: seen)
        server.call(lambda: seen[0].ws_connection.hub.watch_closely(0.1))
        block(server, seen[0])
        wait_for(lambda: len(seen) == 2)
    assert "Closing a connection from 127.0.0.1 that does not read" in logs.lines("general")


def test_many_messages_in_one_read_leave_others_their_turn(
    server: ServerThread, seen: list[Any]
) -> None:
    class Counter:
        ticks = 0

    def tick() -> None:
        if len([one for one in seen if one == "last"]) == 0:
            Counter.ticks += 1
            server.loop.call_soon(tick)

    flood = frame(TEXT, b"x") * 5000 + frame(PING) * 3000
    with Peer(server) as peer:
        with server.held():
            peer.send_raw(flood)
            server.loop.call_soon_threadsafe(tick)
        found = [peer.read() for _ in range(8000)]
        seen.append("last")
        assert [one.opcode for one in found if one] == [TEXT] * 5000 + [PONG] * 3000
    assert Counter.ticks > 8000 // limits.MAX_MESSAGES_PER_TURN - 2


# --- queues ---------------------------------------------------------------------------------------


def test_dropping_the_oldest(server: ServerThread, slow: tuple[Peer, Any]) -> None:
    peer, handler = slow

    def write() -> Any:
        queue = fanout.limit_queue(handler, max_messages=3, when_full="drop_oldest")
        results = [handler.write_message(f"message {i}") for i in range(10)]
        assert all(one.done() for one in results)
        assert (len(queue), queue.dropped) == (3, 7)
        assert queue.size == 3 * len("message 0")
        return queue

    block(server, handler)
    queue = server.call(write)
    texts = []
    while len(texts) < 3:
        one = peer.read()
        assert one is not None
        if one.opcode == TEXT:
            texts.append(one.payload)
    assert texts == [b"message 7", b"message 8", b"message 9"]
    assert (len(queue), queue.size) == (0, 0)
    assert server.call(lambda: fanout.is_writable(handler))


def test_dropping_by_size(server: ServerThread, slow: tuple[Peer, Any]) -> None:
    _, handler = slow
    block(server, handler)

    def write() -> None:
        queue = fanout.limit_queue(handler, max_bytes=1000, when_full=WhenFull.DROP_OLDEST)
        before = fanout.unsent(handler)
        for _ in range(100):
            handler.write_message("y" * 300)
        assert queue.size == 900
        assert fanout.unsent(handler) == before + 900
        handler.write_message("z" * 5000)  # the newest stays, however large
        assert (queue.size, len(queue)) == (5000, 1)
        assert fanout.limit_queue(handler, max_bytes=10_000) is queue
        assert queue.when_full is WhenFull.CLOSE

    server.call(write)


def test_closing_when_full(
    server: ServerThread, slow: tuple[Peer, Any], seen: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLOSE_TIMEOUT", 0.05)
    _, handler = slow
    block(server, handler)

    def write() -> None:
        connection = handler.ws_connection
        connection.hub.watch_closely(0.05)
        queue = fanout.limit_queue(handler, max_messages=2)
        for i in range(3):
            handler.write_message(f"message {i}")
        assert (len(queue), queue.dropped) == (0, 3)
        assert connection.is_closing()
        assert not fanout.is_writable(handler)
        with pytest.raises(WebSocketClosedError):
            handler.write_message("more")

    server.call(write)
    wait_for(lambda: len(seen) == 2)  # it does not answer, and is aborted
    assert seen[1] == ("close", None)
    assert server.call(lambda: fanout.unsent(handler)) == 0


def test_the_reason_reaches_a_peer_that_begins_to_read(
    server: ServerThread, slow: tuple[Peer, Any]
) -> None:
    peer, handler = slow
    block(server, handler)
    server.call(lambda: fanout.limit_queue(handler, max_bytes=1))
    server.call(lambda: handler.write_message("xx"))
    while (one := peer.read()) is not None and one.opcode == BINARY:
        pass
    assert one is not None
    assert one.payload == b"\x03\xf0reads too slowly"


def test_waiting_when_full(server: ServerThread, slow: tuple[Peer, Any]) -> None:
    peer, handler = slow
    block(server, handler)
    full = threading.Event()

    async def write() -> None:
        queue = fanout.limit_queue(handler, max_messages=2, when_full=WhenFull.WAIT)
        first = handler.write_message("1")
        assert first.done()
        second = handler.write_message("2")
        assert not second.done()
        with pytest.raises(fanout.QueueFullError):
            handler.write_message("3")
        assert len(queue) == 2
        full.set()
        await second
        await handler.write_message("3")
        await fanout.wait_writable(handler)
        assert fanout.is_writable(handler)

    writing = asyncio.run_coroutine_threadsafe(write(), server.loop)
    assert full.wait(60)  # reading makes room
    texts = []
    while len(texts) < 3:
        one = peer.read()
        assert one is not None
        if one.opcode == TEXT:
            texts.append(one.payload)
    writing.result(10)
    assert texts == [b"1", b"2", b"3"]


def test_waiting_ends_with_the_connection(server: ServerThread, slow: tuple[Peer, Any]) -> None:
    peer, handler = slow
    block(server, handler)

    async def write() -> list[Any]:
        connection = handler.ws_connection
        fanout.limit_queue(handler, max_messages=1, when_full="wait")
        found: list[Any] = []
        for wait in (handler.write_message("1"), fanout.wait_writable(connection)):
            try:
                await wait
            except WebSocketClosedError:
                found.append("closed")
        with pytest.raises(WebSocketClosedError):
            await fanout.wait_writable(handler)
        with pytest.raises(WebSocketClosedError):
            fanout.limit_queue(handler)
        return found

    writing = asyncio.run_coroutine_threadsafe(write(), server.loop)
    server.turn()
    peer.connection.abort()
    assert writing.result(10) == ["closed", "closed"]


def test_a_queue_costs_a_fast_reader_nothing(server: ServerThread, seen: list[Any]) -> None:
    with Peer(server) as peer:
        wait_for(lambda: seen)

        def write() -> None:
            queue = fanout.limit_queue(seen[0], max_messages=1)
            for i in range(5):
                seen[0].write_message(str(i))
            assert len(queue) == 0

        server.call(write)
        assert [peer.message() for _ in range(5)] == list("01234")


def test_what_is_queued_leaves_before_the_close_frame(
    server: ServerThread, slow: tuple[Peer, Any]
) -> None:
    peer, handler = slow
    block(server, handler)

    def write() -> None:
        fanout.limit_queue(handler)
        handler.write_message("last words")
        handler.close(1000)

    server.call(write)
    while (one := peer.read()) is not None and one.opcode == BINARY:
        pass
    assert one is not None
    assert one.payload == b"last words"
    one = peer.read()
    assert one is not None
    assert one.code == 1000


def test_bad_limits(server: ServerThread, slow: tuple[Peer, Any]) -> None:
    _, handler = slow

    def attempt() -> None:
        with pytest.raises(ValueError, match="drop_newest"):
            fanout.limit_queue(handler, when_full="drop_newest")
        with pytest.raises(TypeError, match="no WebSocket connection"):
            fanout.is_writable(type("Thing", (), {"protocol": 5})())

    server.call(attempt)


# --- broadcasts -----------------------------------------------------------------------------------


def test_broadcast(server: ServerThread, seen: list[Any]) -> None:
    offer: dict[str, str | None] = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    peers = [Peer(server) for _ in range(3)] + [Peer(server, "/compressed", offer)]
    wait_for(lambda: len(seen) == 4)
    inflater = deflate.Inflater(15, True)

    def send() -> list[int]:
        members = list(seen)
        return [
            fanout.broadcast(members, "to all ☃" * 20),
            fanout.broadcast(members[:3], {"a": 1}),
            fanout.broadcast(iter(members), b"\xff\0", binary=True),
            fanout.broadcast([], "nobody"),
        ]

    assert server.call(send) == [4, 3, 4, 0]
    for peer in peers[:3]:
        assert [peer.message() for _ in range(3)] == ["to all ☃" * 20, '{"a": 1}', b"\xff\0"]
    one = peers[3].read()
    assert one is not None
    assert one.rsv == 4
    assert inflater.message(one.payload, 1000).decode() == "to all ☃" * 20
    assert peers[3].message() == b"\xff\0"  # gets longer by compression
    for peer in peers:
        peer.connection.close()


def test_broadcast_and_messages_of_ones_own_share_a_context(
    server: ServerThread, seen: list[Any]
) -> None:
    offer: dict[str, str | None] = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    inflaters = [deflate.Inflater(15, True) for _ in range(2)]
    with Peer(server, "/compressed", offer) as one, Peer(server, "/compressed", offer) as two:
        wait_for(lambda: len(seen) == 2)

        def send(round_: int) -> None:
            for handler in seen[:2]:
                handler.write_message(f"for one of you, {round_} " * 5)
            fanout.broadcast(seen[:2], f"for both, {round_} " * 5)

        for round_ in range(3):
            server.call(lambda round_=round_: send(round_))
            for peer, inflater in zip((one, two), inflaters, strict=True):
                for text in (f"for one of you, {round_} " * 5, f"for both, {round_} " * 5):
                    found = peer.read()
                    assert found is not None
                    assert found.rsv == 4
                    assert inflater.message(found.payload, 1000).decode() == text


def test_broadcast_compresses_once(
    server: ServerThread, seen: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    alone = deflate.Deflater.alone

    def counted(self: deflate.Deflater, data: bytes) -> bytes:
        calls.append(len(data))
        return alone(self, data)

    monkeypatch.setattr(deflate.Deflater, "alone", counted)
    offer: dict[str, str | None] = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    peers = [Peer(server, "/compressed", offer) for _ in range(4)]
    wait_for(lambda: len(seen) == 4)
    assert server.call(lambda: fanout.broadcast(seen, "hello " * 50)) == 4
    assert calls == [300]
    for peer in peers:
        assert peer.read() is not None
        peer.connection.close()


def test_broadcast_passes_over_those_that_left(server: ServerThread, seen: list[Any]) -> None:
    with Peer(server) as one, Peer(server) as two, Peer(server) as three:
        wait_for(lambda: len(seen) == 3)
        members = seen[:3]
        two.connection.close()
        wait_for(lambda: len(seen) == 4)

        def send() -> int:
            members[2].close()
            return fanout.broadcast(members, "still here?")

        assert server.call(send) == 1
        assert one.message() == "still here?"
        left = three.read()
        assert left is not None
        assert left.opcode == 8


def test_broadcast_to_a_slow_reader(
    server: ServerThread, slow: tuple[Peer, Any], seen: list[Any]
) -> None:
    _, handler = slow
    block(server, handler)

    def send() -> None:
        assert handler.ws_connection.queue is None
        before = fanout.unsent(handler)
        for _ in range(10):
            assert fanout.broadcast([handler], "y" * 100_000) == 1
        queue = handler.ws_connection.queue
        assert (len(queue), queue.size) == (10, 1_000_000)
        assert fanout.broadcast([handler], "y" * 100_000) == 1
        assert handler.ws_connection.is_closing()
        assert fanout.broadcast([handler], "y") == 0
        assert fanout.unsent(handler) < before + 1000

    server.call(send)


def test_broadcast_does_not_wait_for_a_full_queue(
    server: ServerThread, slow: tuple[Peer, Any], seen: list[Any]
) -> None:
    """The others get the message, whatever was agreed on with the one that is slow."""
    _, handler = slow
    block(server, handler)
    with Peer(server) as other:
        wait_for(lambda: len(seen) == 2)

        def send() -> list[int]:
            fanout.limit_queue(handler, max_messages=2, when_full=WhenFull.WAIT)
            return [fanout.broadcast([handler, seen[1]], str(i)) for i in range(4)]

        assert server.call(send) == [2, 2, 1, 1]
        assert [other.message() for _ in range(4)] == ["0", "1", "2", "3"]
        assert server.call(lambda: handler.ws_connection.is_closing())


def test_broadcast_refuses_what_is_no_message(server: ServerThread) -> None:
    with pytest.raises(TypeError):
        fanout.broadcast([], 5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="UTF-8"):
        fanout.broadcast([], b"\xff")


# --- many connections -----------------------------------------------------------------------------


def test_many_connections_that_vanish(server: ServerThread, seen: list[Any], logs: Logs) -> None:
    for round_ in range(4):
        peers = [Peer(server) for _ in range(50)]
        for number, peer in enumerate(peers):
            peer.send(TEXT, b"%d" % number)
        for number, peer in enumerate(peers):
            assert peer.message() == str(number)
            if number % 3 == 0:
                peer.connection.abort()
            elif number % 3 == 1:
                peer.send_raw(frame(TEXT, b"cut short")[:7])
                peer.connection.close()
            else:
                peer.send_raw(close(1001))
                peer.connection.close()
        wait_for(lambda round_=round_: len(seen) == 100 * (round_ + 1))
    assert server.call(lambda: len(next(iter(server.server._sites.values())).connections)) == 0
    assert len(logs.lines("access")) == 200
    assert logs.lines() == logs.lines("access")
