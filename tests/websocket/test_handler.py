"""Handlers of WebSocket connections over real sockets: hooks, sending, errors, the end."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import socket
import ssl
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import whirlwind
from tests.wire.server import Logs, ServerThread, web
from whirlwind import gen, websocket
from whirlwind.http1connection import HTTP1ServerConnection
from whirlwind.netutil import bind_sockets
from whirlwind.protocol import limits
from whirlwind.tcpserver import TCPServer

from .frames import BINARY, CONTINUATION, PING, PONG, TEXT, close, frame
from .peer import Peer, upgrade, wait_for

HERE = Path(__file__).parent
Handler = websocket.WebSocketHandler


class Recording(Handler):
    """Notes what happens to it."""

    seen: list[Any]

    def initialize(self, seen: list[Any]) -> None:
        self.seen = seen

    def on_message(self, message: str | bytes) -> Any:
        self.seen.append(message)

    def on_close(self) -> None:
        self.seen.append(("close", self.close_code, self.close_reason))


@pytest.fixture
def seen() -> list[Any]:
    """What handlers note."""
    return []


@pytest.fixture
def put(start: Callable[..., ServerThread], seen: list[Any]) -> Callable[..., ServerThread]:
    """Serves one handler class, which gets ``seen``, at every path."""

    def put(handler: type[Recording], options: Any = None, **settings: Any) -> ServerThread:
        routes = [(r"/(\w*)", handler, {"seen": seen})]
        return start(web.Application(routes, **settings), **(options or {}))

    return put


# --- the life of a connection ---------------------------------------------------------------------


def test_hooks_in_order(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    class Life(Recording):
        def prepare(self) -> None:
            self.seen.append("prepare")

        def open(self, *args: str) -> None:
            self.seen.append(("open", args, self.open_args, self.open_kwargs))

        def on_ping(self, data: bytes) -> None:
            self.seen.append(("ping", data))

        def on_pong(self, data: bytes) -> None:
            self.seen.append(("pong", data))

        def on_finish(self) -> None:
            self.seen.append("finish")

        def on_ws_connection_close(
            self, close_code: int | None = None, close_reason: str | None = None
        ) -> None:
            self.seen.append(("ws", close_code, close_reason, self.close_code))
            super().on_ws_connection_close(close_code, close_reason)

        def on_connection_close(self) -> None:
            self.seen.append(("connection", self.close_code))
            super().on_connection_close()
            self.seen.append(self.ws_connection)

    server = put(Life)
    with Peer(server, "/abc") as peer:
        peer.send(PING, b"1")
        peer.send(PONG, b"2")
        peer.send(TEXT, "grüß".encode())
        peer.send(BINARY, b"\xff")
        assert [one.opcode for one in peer.close(4000, b"bye")] == [PONG, 8]
    server.turn()
    assert seen == [
        "prepare",
        "finish",
        ("open", ("abc",), ("abc",), {}),
        ("ping", b"1"),
        ("pong", b"2"),
        "grüß",
        b"\xff",
        ("ws", 4000, "bye", None),
        ("connection", 4000),
        ("close", 4000, "bye"),
        None,
    ]


def test_messages_wait_for_open(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    class Slow(Recording):
        async def open(self, *args: str) -> None:  # type: ignore[override]
            await asyncio.sleep(0.01)
            self.seen.append("opened")

    with Peer(put(Slow), send=frame(TEXT, b"early")) as peer:
        peer.send(TEXT, b"later")
        peer.close()
    assert seen[:3] == ["opened", "early", "later"]


@pytest.mark.parametrize("kind", ["native", "generator", "future"])
def test_one_message_at_a_time(
    put: Callable[..., ServerThread], seen: list[Any], kind: str
) -> None:
    class Native(Recording):
        async def on_message(self, message: str | bytes) -> None:
            self.seen.append(("begin", message))
            await asyncio.sleep(0)
            self.seen.append(("end", message))
            await self.write_message(message)

    class Generator(Recording):
        @gen.coroutine
        def on_message(self, message: str | bytes) -> Any:
            self.seen.append(("begin", message))
            yield gen.moment
            self.seen.append(("end", message))
            yield self.write_message(message)

    class Future(Recording):
        def on_message(self, message: str | bytes) -> Any:
            self.seen.append(("begin", message))
            done = asyncio.get_running_loop().create_future()

            def end() -> None:
                self.seen.append(("end", message))
                self.write_message(message)
                done.set_result(None)

            asyncio.get_running_loop().call_soon(end)
            return done

    handler: Any = {"native": Native, "generator": Generator, "future": Future}[kind]
    many = b"".join(frame(TEXT, b"%d" % i) for i in range(5))
    with Peer(put(handler), send=many + close(1000)) as peer:
        assert [one.payload for one in peer.rest()[:-1]] == [b"%d" % i for i in range(5)]
    assert [one for one in seen if one[0] != "close"] == [
        (what, str(i)) for i in range(5) for what in ("begin", "end")
    ]


def test_pings_wait_too(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    class Slow(Recording):
        async def on_message(self, message: str | bytes) -> None:
            await asyncio.sleep(0.01)
            self.seen.append(message)

        def on_ping(self, data: bytes) -> None:
            self.seen.append(data)

    with Peer(put(Slow), send=frame(TEXT, b"a") + frame(PING, b"p") + frame(TEXT, b"b")) as peer:
        peer.close()
    assert seen[:3] == ["a", b"p", "b"]


def test_what_hooks_may_return(
    put: Callable[..., ServerThread], seen: list[Any], logs: Logs
) -> None:
    class Returning(Recording):
        def on_message(self, message: str | bytes) -> Any:
            if message == "list":
                return [self.write_message("1"), self.write_message("2")]
            if message == "write":
                return self.write_message("written")
            return 5

    server = put(Returning)
    with Peer(server) as peer:
        peer.send(TEXT, b"list")
        peer.send(TEXT, b"write")
        assert [peer.message() for _ in range(3)] == ["1", "2", "written"]
        peer.send(TEXT, b"number")
        assert [one.code for one in peer.rest()] == [1011]
    assert [error.__name__ for error in logs.errors()] == ["BadYieldError"]


def test_overriding_get(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    class Guarded(Recording):
        async def get(self, *args: Any, **kwargs: Any) -> None:
            self.seen.append("before")
            await super().get(*args, **kwargs)
            self.seen.append("after")

    server = put(Guarded)
    with Peer(server, send=frame(TEXT, b"hi")) as peer:
        server.turn()
        assert seen == ["before", "hi"]
        peer.close()
    server.turn()
    assert seen == ["before", "hi", ("close", 1000, None), "after"]
    # It also comes back when the request is declined.
    del seen[:]
    assert Peer(server, "/", {"Sec-WebSocket-Key": None}).answer.status == 400
    assert seen == ["before", "after"]


def test_no_task_and_no_timer_for_a_connection(
    put: Callable[..., ServerThread], seen: list[Any]
) -> None:
    server = put(Recording)

    def tasks() -> int:
        return len(asyncio.all_tasks(server.loop))

    before = server.call(tasks)
    peers = [Peer(server) for _ in range(5)]
    server.turn()
    assert server.call(tasks) == before
    for peer in peers:
        peer.connection.close()


def test_context_variables(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="nobody")

    class Contextual(Recording):
        def prepare(self) -> None:
            name.set(self.request.path)

        def open(self, *args: str) -> None:
            self.seen.append(name.get())
            name.set(name.get() + "+open")

        def on_message(self, message: str | bytes) -> Any:
            self.seen.append(name.get())
            name.set(name.get() + "+" + str(message))
            return self.later() if message == "task" else None

        async def later(self) -> None:
            await asyncio.sleep(0)
            self.seen.append(("task", asyncio.current_task() is not None, name.get()))

        def on_close(self) -> None:
            self.seen.append(name.get())

    server = put(Contextual)
    with Peer(server, "/one") as one, Peer(server, "/two") as two:
        for peer in (one, two, one):
            peer.send(TEXT, b"m")
            server.turn()
        two.send(TEXT, b"task")
        two.close()
    server.turn()
    wait_for(lambda: len(seen) == 9)
    assert seen[:8] == [
        "/one",
        "/two",
        "/one+open",
        "/two+open",
        "/one+open+m",
        "/two+open+m",
        ("task", True, "/two+open+m+task"),
        "/two+open+m+task",
    ]


def test_what_was_entered_in_prepare_is_left_in_on_close(
    put: Callable[..., ServerThread], seen: list[Any]
) -> None:
    """As tracing agents do: a token is only taken back in the context that it was made in."""
    span: contextvars.ContextVar[str] = contextvars.ContextVar("span", default="none")

    class Traced(Recording):
        def prepare(self) -> None:
            self.token = span.set("this")

        def on_message(self, message: str | bytes) -> Any:
            self.seen.append(span.get())

        def on_close(self) -> None:
            span.reset(self.token)
            self.seen.append(span.get())

    class Suspended(Traced):
        async def prepare(self) -> None:  # type: ignore[override]
            self.token = span.set("this")
            await asyncio.sleep(0)

    for kind in (Traced, Suspended):
        seen.clear()
        server = put(kind)
        with Peer(server) as peer:
            peer.send(TEXT, b"m")
            server.turn()
            peer.close()
        wait_for(lambda: len(seen) == 2)
        assert seen == ["this", "none"]


def test_the_handler_is_let_go(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    class Kept(Recording):
        def open(self, *args: str) -> None:
            self.seen.append(weakref.ref(self))
            self.seen.append(weakref.ref(self.ws_connection))

    server = put(Kept)
    gc.disable()
    try:
        with Peer(server, send=frame(TEXT, b"hi")) as peer:
            peer.close()
        server.turn()
        handler, connection = seen[:2]
        wait_for(lambda: handler() is None and connection() is None)
    finally:
        gc.enable()


# --- sending --------------------------------------------------------------------------------------


class Sending(Recording):
    """Sends what the test gives it."""

    def open(self, *args: str) -> None:
        self.seen.append(self)


def connected(put: Callable[..., ServerThread], seen: list[Any]) -> tuple[ServerThread, Peer, Any]:
    server = put(Sending)
    peer = Peer(server)
    wait_for(lambda: seen)
    return server, peer, seen[0]


def test_kinds_of_messages(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    server, peer, handler = connected(put, seen)

    class Text(str):
        __slots__ = ()

    def send() -> None:
        handler.write_message("text ✓")
        handler.write_message(b"bytes as text")
        handler.write_message(b"\xff\xfe", binary=True)
        handler.write_message("text as bytes", True)
        handler.write_message({"a": [1, None]})
        handler.write_message(Text("sub"))
        handler.write_message("")
        for bad in (5, [1], None, bytearray(b"x"), memoryview(b"x")):
            with pytest.raises(TypeError, match=r"str, bytes or a dict"):
                handler.write_message(bad)
        with pytest.raises(ValueError, match="UTF-8"):
            handler.write_message(b"\xff")
        with pytest.raises(UnicodeEncodeError):
            handler.write_message("\ud800")

    with peer:
        server.call(send)
        found = [peer.read() for _ in range(7)]
        assert [(one.opcode, one.payload) for one in found if one] == [
            (TEXT, "text ✓".encode()),
            (TEXT, b"bytes as text"),
            (BINARY, b"\xff\xfe"),
            (BINARY, b"text as bytes"),
            (TEXT, b'{"a": [1, null]}'),
            (TEXT, b"sub"),
            (TEXT, b""),
        ]
        peer.close()


def test_awaiting_a_write(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    server, peer, handler = connected(put, seen)

    async def send() -> list[Any]:
        first = handler.write_message("1")
        assert asyncio.isfuture(first)
        return [await first, await handler.write_message("2")]

    with peer:
        assert server.call(send) == [None, None]
        assert [peer.message(), peer.message()] == ["1", "2"]


def test_pings_and_nodelay(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    server, peer, handler = connected(put, seen)

    def send() -> None:
        handler.ping()
        handler.ping("text")
        handler.ping(b"x" * 125)
        with pytest.raises(ValueError, match="at most 125 bytes"):
            handler.ping(b"x" * 126)
        handler.set_nodelay(False)
        option = (socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert handler.ws_connection.stream.socket.getsockopt(*option) == 0
        handler.set_nodelay(True)
        assert handler.ws_connection.stream.socket.getsockopt(*option) != 0

    with peer:
        server.call(send)
        found = [peer.read() for _ in range(3)]
        assert [one.payload for one in found if one] == [b"", b"text", b"x" * 125]


def test_what_cannot_be_done_any_more(
    put: Callable[..., ServerThread], seen: list[Any], logs: Logs
) -> None:
    server, peer, handler = connected(put, seen)

    def attempt() -> None:
        for call in (
            lambda: handler.write("x"),
            lambda: handler.redirect("/"),
            lambda: handler.set_header("A", "b"),
            lambda: handler.set_cookie("a", "b"),
            lambda: handler.set_status(200),
            lambda: handler.flush(),
            lambda: handler.finish(),
        ):
            with pytest.raises(RuntimeError, match="WebSocket connection"):
                call()

    with peer:
        server.call(attempt)
        peer.close()
    assert not logs.tracebacks()


def test_one_write_for_each_read(
    monkeypatch: pytest.MonkeyPatch, start: Callable[..., ServerThread], loop_kind: str
) -> None:
    if loop_kind != "asyncio":
        pytest.skip("only asyncio's transports can be watched")
    writes: list[int] = []
    transport: Any = asyncio.selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
    write = transport.write

    def counted(self: Any, data: bytes) -> None:
        writes.append(len(data))
        write(self, data)

    class Talkative(Handler):
        def open(self) -> None:  # type: ignore[override]
            self.write_message("welcome")

        def on_message(self, message: str | bytes) -> None:
            self.write_message(message)
            self.write_message(message)

    monkeypatch.setattr(transport, "write", counted)
    server = start(web.Application([("/", Talkative)]))
    batch = frame(TEXT, b"a") * 10 + frame(PING) * 2
    with Peer(server, send=batch) as peer:
        assert len([peer.read() for _ in range(23)]) == 23
        assert len(writes) == 1  # the handshake, open() and all answers
        peer.send_raw(batch)
        assert len([peer.read() for _ in range(22)]) == 22
        assert len(writes) == 2


# --- errors ---------------------------------------------------------------------------------------


class Failing(Recording):
    """Raises where it is told to."""

    def open(self, where: str) -> Any:
        self.where = where
        self.fail("open")
        return self.fail_later() if where == "open_later" else None

    def fail(self, where: str) -> None:
        if self.where == where:
            raise ZeroDivisionError

    async def fail_later(self) -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    async def fail_now(self) -> None:
        raise ZeroDivisionError

    async def cancel(self) -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    def on_message(self, message: str | bytes) -> Any:
        self.fail("message")
        if self.where == "cancelled":
            raise asyncio.CancelledError
        if self.where == "cancelled_now":
            return self.cancel()
        if self.where == "message_now":
            return self.fail_now()
        return self.fail_later() if self.where == "message_later" else None

    def on_ping(self, data: bytes) -> None:
        self.fail("ping")

    def on_pong(self, data: bytes) -> None:
        self.fail("pong")

    def on_close(self) -> None:
        super().on_close()
        self.fail("close")


@pytest.mark.parametrize(
    "where",
    [
        "open",
        "open_later",
        "message",
        "message_later",
        "message_now",
        "cancelled",
        "cancelled_now",
        "ping",
        "pong",
    ],
)
def test_errors_in_hooks(
    put: Callable[..., ServerThread], seen: list[Any], logs: Logs, where: str
) -> None:
    server = put(Failing)
    with Peer(server, f"/{where}") as peer:
        for opcode in (PING, PONG, TEXT):
            peer.send(opcode, b"x")
        found = peer.rest()
        assert found[-1].code == 1011
        assert b"ZeroDivision" not in found[-1].payload
    server.turn()
    assert seen[-1] == ("close", None, None)
    (error,) = logs.errors()
    assert error is (asyncio.CancelledError if "cancelled" in where else ZeroDivisionError)
    assert "Uncaught exception GET /" in logs.tracebacks()[0]


def test_a_hook_that_is_cancelled(
    put: Callable[..., ServerThread], seen: list[Any], logs: Logs
) -> None:
    class Waiting(Recording):
        async def on_message(self, message: str | bytes) -> None:
            self.seen.append(asyncio.current_task())
            await asyncio.sleep(3600)

    server = put(Waiting)
    with Peer(server) as peer:
        peer.send(TEXT)
        wait_for(lambda: seen)
        server.call(seen[0].cancel)
        assert peer.rest()[-1].code == 1001
    server.turn()
    assert seen[1:] == [("close", None, None)]
    assert not logs.tracebacks()


def test_an_error_in_on_close(
    put: Callable[..., ServerThread], seen: list[Any], logs: Logs
) -> None:
    server = put(Failing)
    with Peer(server, "/close") as peer:
        assert peer.close()[-1].code == 1000
    server.turn()
    assert logs.errors() == [ZeroDivisionError]
    with Peer(server, "/none") as peer:  # the server goes on
        assert peer.close()[-1].code == 1000


def test_http_errors_are_one_line(
    put: Callable[..., ServerThread], seen: list[Any], logs: Logs
) -> None:
    class Refusing(Recording):
        def on_message(self, message: str | bytes) -> None:
            raise web.HTTPError(403, "not for you")

    with Peer(put(Refusing)) as peer:
        peer.send(TEXT)
        assert peer.rest()[-1].code == 1011
    assert not logs.tracebacks()
    assert logs.lines("general") == ["403 GET / (127.0.0.1): not for you"]


def test_a_handler_without_on_message(start: Callable[..., ServerThread], logs: Logs) -> None:
    class Deaf(Handler):
        pass

    with Peer(start(web.Application([("/", Deaf)]))) as peer:
        peer.send(TEXT, b"hello?")
        assert peer.rest()[-1].code == 1011
    assert logs.errors() == [NotImplementedError]


def test_mistakes_of_the_peer_are_one_line(
    put: Callable[..., ServerThread], seen: list[Any], logs: Logs
) -> None:
    server = put(Recording)
    with Peer(server) as peer:
        peer.send(TEXT, b"\xff")
        found = peer.rest()
        assert found[-1].payload == b"\x03\xeftext that is not UTF-8"
    server.turn()
    assert logs.lines("general") == [  # at DEBUG
        "Closing a WebSocket connection from 127.0.0.1: text that is not UTF-8"
    ]
    assert not logs.tracebacks()
    assert not logs.lines("general", logging.INFO)


# --- limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["setting", "property"])
def test_the_size_of_messages(put: Callable[..., ServerThread], seen: list[Any], how: str) -> None:
    class Small(Recording):
        @property
        def max_message_size(self) -> int:
            return 1000

    if how == "setting":
        server = put(Recording, websocket_max_message_size=1000)
    else:
        server = put(Small)
    with Peer(server) as peer:
        peer.send(TEXT, b"x" * 1000)
        peer.send(TEXT, b"x" * 600, fin=False)
        peer.send_raw(frame(CONTINUATION, b"x" * 401)[:4])
        assert peer.rest()[-1].payload == b"\x03\xf1message too big"
    server.turn()
    assert seen == ["x" * 1000, ("close", None, None)]


def test_the_default_size(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    with Peer(put(Recording)) as peer:
        peer.send_raw(frame(BINARY, says=10 * 1024 * 1024 + 1)[:10])
        assert peer.rest()[-1].code == 1009


# --- the end --------------------------------------------------------------------------------------


def test_the_server_closes(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    server, peer, handler = connected(put, seen)

    def end() -> None:
        connection = handler.ws_connection
        for code in (0, 999, 1004, 1005, 1006, 1015, 2000, 5000):
            with pytest.raises(ValueError, match="not a close code"):
                handler.close(code)
        with pytest.raises(ValueError, match="123 bytes"):
            handler.close(1000, "x" * 124)
        assert not connection.is_closing()
        handler.close(4001, "enough")
        assert handler.ws_connection is None
        assert connection.is_closing()
        handler.close()  # once is enough
        for call in (lambda: handler.write_message("x"), lambda: handler.ping()):
            with pytest.raises(websocket.WebSocketClosedError):
                call()
        with pytest.raises(websocket.WebSocketClosedError):
            connection.write_message("x")

    with peer:
        server.call(end)
        one = peer.read()
        assert one is not None
        assert one.payload == b"\x0f\xa1enough"
        peer.send(TEXT, b"crossing")  # a message that was on its way is still a message
        assert peer.close(4001) == []
    server.turn()
    assert seen[1:] == ["crossing", ("close", 4001, None)]


@pytest.mark.parametrize(
    ("arguments", "payload"),
    [((), b""), ((1001,), b"\x03\xe9"), ((None, "why"), b"\x03\xe8why"), ((3000, ""), b"\x0b\xb8")],
)
def test_close_frames(
    put: Callable[..., ServerThread], seen: list[Any], arguments: Any, payload: bytes
) -> None:
    server, peer, handler = connected(put, seen)
    with peer:
        server.call(lambda: handler.close(*arguments))
        one = peer.read()
        assert one is not None
        assert one.payload == payload
        peer.close(None)
    server.turn()
    assert seen[1:] == [("close", None, None)]


def test_a_peer_that_does_not_agree_to_close(
    put: Callable[..., ServerThread], seen: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLOSE_TIMEOUT", 0.05)
    server, peer, handler = connected(put, seen)
    with peer:
        server.call(lambda: (handler.ws_connection.hub.watch_closely(0.05), handler.close(1000)))
        assert [one.code for one in peer.rest()] == [1000]
        server.turn()
        assert seen[1:] == [("close", None, None)]


def test_a_peer_that_keeps_the_connection_open(
    put: Callable[..., ServerThread], seen: list[Any]
) -> None:
    # The server closes first (RFC 6455 section 7.1.1), so it does not wait for this.
    with Peer(put(Recording)) as peer:
        assert [one.code for one in peer.close()] == [1000]
        assert seen == [("close", 1000, None)]


@pytest.mark.parametrize("how", ["close", "reset", "half", "inside a frame"])
def test_peers_that_vanish(
    put: Callable[..., ServerThread], seen: list[Any], logs: Logs, how: str
) -> None:
    server = put(Recording)
    with Peer(server) as peer:
        peer.send(TEXT, b"hi")
        if how == "inside a frame":
            peer.send_raw(frame(TEXT, b"unfinished")[:9])
        wait_for(lambda: seen)
        if how == "reset":
            peer.connection.abort()
        elif how == "half":
            peer.connection.half_close()
            assert peer.rest() == []
        else:
            peer.connection.close()
        wait_for(lambda: len(seen) == 2)
    assert seen == ["hi", ("close", None, None)]
    assert [line[:9] for line in logs.lines()] == ["101 GET /"]


def test_what_a_vanished_peer_has_sent_is_handled(
    put: Callable[..., ServerThread], seen: list[Any]
) -> None:
    class Slow(Recording):
        async def on_message(self, message: str | bytes) -> None:
            await asyncio.sleep(0.005)
            self.seen.append(message)

    server = put(Slow)
    with Peer(server, send=frame(TEXT, b"a") + frame(TEXT, b"b") + close(1001)) as peer:
        peer.connection.half_close()
        assert peer.rest()[-1].code == 1001
    server.turn()
    assert seen == ["a", "b", ("close", 1001, None)]


def test_a_coroutine_hears_of_a_vanished_peer(
    put: Callable[..., ServerThread], seen: list[Any], logs: Logs
) -> None:
    class Waiting(Recording):
        def initialize(self, seen: list[Any]) -> None:
            super().initialize(seen)
            self.gone = asyncio.Event()

        async def on_message(self, message: str | bytes) -> None:
            await self.gone.wait()
            self.seen.append("awake")
            await self.write_message("too late")

        def on_close(self) -> None:
            super().on_close()
            self.gone.set()

    server = put(Waiting)
    with Peer(server, send=frame(TEXT, b"wait")) as peer:
        server.turn()
        peer.connection.close()
        wait_for(lambda: len(seen) == 2)
    server.turn()
    assert seen == [("close", None, None), "awake"]
    assert not logs.tracebacks()  # nobody has made a mistake


def test_an_error_after_the_peer_has_gone_is_logged(
    put: Callable[..., ServerThread], seen: list[Any], logs: Logs
) -> None:
    class Broken(Recording):
        def initialize(self, seen: list[Any]) -> None:
            super().initialize(seen)
            self.gone = asyncio.Event()

        def on_close(self) -> None:
            self.gone.set()

        async def on_message(self, message: str | bytes) -> None:
            await self.gone.wait()
            raise ZeroDivisionError

    server = put(Broken)
    with Peer(server, send=frame(TEXT, b"wait")) as peer:
        server.turn()
        peer.connection.close()
        wait_for(lambda: logs.errors() == [ZeroDivisionError])


def test_a_client_that_leaves_before_the_handshake_is_done(
    put: Callable[..., ServerThread], seen: list[Any], logs: Logs
) -> None:
    class Slow(Recording):
        def initialize(self, seen: list[Any]) -> None:
            super().initialize(seen)
            self.gone = asyncio.Event()

        async def prepare(self) -> None:
            await self.gone.wait()

        def on_close(self) -> None:
            super().on_close()
            self.gone.set()

        def open(self, *args: str) -> None:
            self.seen.append("opened")

    server = put(Slow)
    with server.connect() as connection:
        connection.send(upgrade())
        server.turn()
    wait_for(lambda: seen)
    server.turn()
    server.turn()
    assert seen == [("close", None, None)]
    assert not logs.tracebacks()
    # What it has sent before is still worth an answer.
    del seen[:]
    with server.connect() as connection:
        connection.send(upgrade() + frame(TEXT, b"hi") + close(1000))
        connection.half_close()
        assert connection.read().status == 101
        wait_for(lambda: len(seen) == 3)
    assert seen == [("close", None, None), "opened", "hi"]


def test_draining(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    server = put(Recording)
    with Peer(server) as peer:
        server.loop.call_soon_threadsafe(
            lambda: server.loop.create_task(server.server.drain(timeout=5))
        )
        one = peer.read()
        assert one is not None
        assert one.code == 1001
        assert peer.close(1001) == []


def test_stopping_with_open_connections(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    server = put(Recording)
    with Peer(server) as peer:
        server.call(server.server.close_all_connections)
        assert peer.rest() == []
    assert seen == [("close", None, None)]


def test_delegates_hear_of_the_end(start: Callable[..., ServerThread], seen: list[Any]) -> None:
    class Watching(web.Application):
        def on_close(self, server_conn: object) -> None:
            seen.append(server_conn)

    class Noting(Recording):
        def open(self, *args: str) -> None:
            self.seen.append(self.request.server_connection)

    server = start(Watching([("/", Noting, {"seen": seen})]))
    with Peer(server) as peer:
        peer.close()
    server.turn()
    assert len(seen) == 3
    assert seen[0] is seen[2]


# --- pings ----------------------------------------------------------------------------------------


def test_periodic_pings(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    class Ponged(Recording):
        def on_pong(self, data: bytes) -> None:
            self.seen.append(("pong", data))

    server = put(Ponged, websocket_ping_interval=0.02)
    with Peer(server) as peer:
        for _ in range(3):
            one = peer.read()
            assert one is not None
            assert (one.opcode, one.payload) == (PING, b"")
            peer.send(PONG)
        peer.close()
    server.turn()
    assert seen == [("pong", b"")] * 3 + [("close", 1000, None)]


def test_a_peer_that_does_not_answer_pings(
    put: Callable[..., ServerThread], seen: list[Any], logs: Logs
) -> None:
    server = put(Recording, websocket_ping_interval=0.2, websocket_ping_timeout=0.02)
    with Peer(server) as peer:
        assert peer.read() is not None
        one = peer.read()
        assert one is not None
        assert one.payload == b"\x03\xe8ping timed out"
        peer.close()
    server.turn()
    assert seen == [("close", 1000, None)]
    assert not logs.tracebacks()


def test_any_pong_is_an_answer_in_time(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    server = put(Recording, websocket_ping_interval=0.02, websocket_ping_timeout=0)
    with Peer(server) as peer:
        for _ in range(5):
            one = peer.read()
            assert one is not None
            assert one.opcode == PING


def test_ping_settings(put: Callable[..., ServerThread], seen: list[Any], logs: Logs) -> None:
    websocket.de_dupe_gen_log.cache_clear()
    server = put(Sending, websocket_ping_interval=10, websocket_ping_timeout=30)
    with Peer(server), Peer(server):
        wait_for(lambda: len(seen) == 2)
        handler = seen[0]
        assert (handler.ping_interval, handler.ping_timeout) == (10, 30)
        assert handler.ws_connection.ping_interval == handler.ws_connection.ping_timeout == 10
    assert len([line for line in logs.lines("general") if "websocket_ping_timeout" in line]) == 1
    # And without settings.
    with Peer(put(Sending)):
        wait_for(lambda: len(seen) == 5 or len(seen) == 3)
        handler = next(one for one in seen[2:] if not isinstance(one, tuple))
        assert (handler.ping_interval, handler.ping_timeout) == (None, None)
        assert handler.ws_connection.ping_interval == handler.ws_connection.ping_timeout == 0


def test_ping_sleep_time() -> None:
    sleep_time = websocket.WebSocketProtocol13.ping_sleep_time
    assert sleep_time(last_ping_time=94.0, interval=10, now=100.0) == 4.0
    assert sleep_time(last_ping_time=80.0, interval=10, now=100.0) == 0.0


# --- the connection as programs see it ------------------------------------------------------------


def test_the_connection(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    server, peer, handler = connected(put, seen)

    def look() -> None:
        connection = handler.ws_connection
        assert isinstance(connection, websocket.WebSocketProtocol13)
        assert isinstance(connection, websocket.WebSocketProtocol)
        assert connection.handler is handler
        assert not connection.mask_outgoing
        assert not connection.client_terminated
        assert not connection.server_terminated
        assert connection.close_code is connection.close_reason is None
        assert connection.params.max_message_size == 10 * 1024 * 1024
        assert handler.selected_subprotocol is None
        assert (connection.FIN, connection.RSV_MASK, connection.OPCODE_MASK) == (0x80, 0x70, 0x0F)
        connection.anything = 1
        stream = connection.stream
        assert handler.stream is stream
        assert not stream.closed()
        assert not stream.writing()
        assert stream.error is None
        assert stream.fileno() > 0
        assert stream.socket.getpeername() == handler.request.connection.context.address
        assert stream.io_loop.asyncio_loop is asyncio.get_running_loop()
        stream.set_close_callback(lambda: handler.seen.append("stream closed"))
        stream.set_close_callback(None)
        stream.write(frame(TEXT, b"ready-made", key=None))

    with peer:
        server.call(look)
        assert peer.message() == "ready-made"
        connection = handler.ws_connection
        server.call(connection.stream.close)
        assert peer.rest() == []
    server.turn()
    server.turn()
    assert seen[1:] == [("close", None, None), "stream closed"]
    assert connection.client_terminated
    assert connection.stream.closed()
    with pytest.raises(websocket.WebSocketClosedError):
        connection.stream.write(b"x")
    assert handler.stream is None
    handler.stream = "of one's own"
    assert handler.stream == "of one's own"


def test_a_protocol_of_ones_own(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    class Counting(websocket.WebSocketProtocol13):
        async def accept_connection(self, handler: Any) -> None:
            handler.seen.append("accepting")
            await super().accept_connection(handler)
            handler.seen.append("over")

        def write_message(self, message: Any, binary: bool = False) -> Any:
            return super().write_message(str(message).upper(), binary)

    class Own(Recording):
        def get_websocket_protocol(self) -> websocket.WebSocketProtocol | None:
            usual = super().get_websocket_protocol()
            assert isinstance(usual, websocket.WebSocketProtocol13)
            return Counting(self, False, usual.params)

        def on_message(self, message: str | bytes) -> None:
            self.write_message(message)

    server = put(Own)
    with Peer(server, send=frame(TEXT, b"loud")) as peer:
        assert peer.message() == "LOUD"
        peer.close()
    server.turn()
    assert seen == ["accepting", ("close", 1000, None), "over"]


def test_no_protocol(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    class Old(Recording):
        def get_websocket_protocol(self) -> None:
            return None

    answer = Peer(put(Old)).answer
    assert answer.status == 426
    assert answer.get("Sec-WebSocket-Version") == "13"


def test_tls(start: Callable[..., ServerThread], seen: list[Any]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    wire = HERE.parent / "wire"
    context.load_cert_chain(wire / "test.crt", wire / "test.key")

    class Secure(Recording):
        def on_message(self, message: str | bytes) -> None:
            self.write_message(f"{self.request.protocol} {message!s}")

    server = start(web.Application([("/", Secure, {"seen": seen})]), ssl_options=context)
    trusting = ssl.create_default_context(cafile=str(wire / "test.crt"))
    with Peer(server, context=trusting, send=frame(TEXT, b"hi")) as peer:
        assert peer.message() == "https hi"
        peer.send(TEXT, b"x" * 300_000)
        assert peer.message() == "https " + "x" * 300_000
        assert [one.code for one in peer.close()] == [1000]
    server.turn()
    with Peer(server, context=trusting) as peer:
        peer.send(TEXT, b"\xff")
        assert [one.code for one in peer.rest()] == [1007]
    server.turn()
    wait_for(lambda: len(seen) == 2)
    assert seen == [("close", 1000, None), ("close", None, None)]


def test_the_connection_of_the_request_has_no_stream_any_more(
    put: Callable[..., ServerThread], seen: list[Any]
) -> None:
    """It belongs to the WebSocket: Dask takes any other stream for a closed connection."""

    class Looks(Recording):
        def prepare(self) -> None:
            self.seen.append(self.request.connection.stream.closed())

        def open(self, *args: str) -> None:
            self.seen.append(self.request.connection.stream)

        def on_message(self, message: str | bytes) -> None:
            self.seen.append(self.request.connection.stream)

        def on_close(self) -> None:
            self.seen.append(self.request.connection.stream)

    server = put(Looks)
    with Peer(server, "/") as peer:
        peer.send(TEXT, b"hi")
        peer.close()
    wait_for(lambda: len(seen) == 4)
    assert seen == [False, None, None, None]


def test_unix_sockets(put: Callable[..., ServerThread], seen: list[Any], logs: Logs) -> None:
    server = put(Recording, {"unix": True})
    with Peer(server) as peer:
        peer.send(TEXT, b"hi")
        peer.send(3)
        assert [one.code for one in peer.rest()] == [1002]
    assert seen[0] == "hi"
    assert "from a local socket: unknown opcode" in logs.lines("general")[0]


async def test_servers_over_streams(seen: list[Any]) -> None:
    class Server(TCPServer):
        def handle_stream(self, stream: Any, address: Any) -> None:
            HTTP1ServerConnection(stream).start_serving(application)

    class Echo(Recording):
        def on_message(self, message: str | bytes) -> None:
            self.write_message(message)

    application = web.Application([("/", Echo, {"seen": seen})])
    server = Server()
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    url = f"ws://127.0.0.1:{sockets[0].getsockname()[1]}/"
    async with await websocket.websocket_connect(url) as connection:
        for message in ("hi", "x" * 200_000):
            connection.write_message(message)
            assert await connection.read_message() == message
        connection.close(4000)
        assert await connection.read_message() is None
    server.stop()
    assert seen == [("close", 4000, None)]


def test_names() -> None:
    assert websocket.WebSocketHandler.__module__ == "whirlwind.websocket"
    assert websocket.WebSocketProtocol13.__module__ == "whirlwind.websocket"
    assert whirlwind.websocket is websocket
    assert "websocket" not in whirlwind.__all__


def test_handlers_among_other_bases(put: Callable[..., ServerThread], seen: list[Any]) -> None:
    """As programs have them: mixins, and a base that answers plain requests as well."""

    class Site(web.RequestHandler):
        def current(self) -> str:
            return "site"

    class Mixin:
        name = "mixin"

    class Both(Mixin, Recording, Site):
        def prepare(self) -> None:
            seen.append(self.ws_connection)
            super().prepare()

        def on_message(self, message: str | bytes) -> None:
            self.extra = message
            self.write_message(f"{self.name} {self.current()} {self.extra}")

    with Peer(put(Both)) as peer:
        assert seen[0] is None
        peer.send(TEXT, b"x")
        assert peer.message() == "mixin site x"
