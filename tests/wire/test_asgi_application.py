"""`Application.asgi`: through our own server's container, under a strict driver, under uvicorn."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from whirlwind import web, websocket
from whirlwind.asgi import ASGIContainer, ASGIError
from whirlwind.iostream import StreamClosedError
from whirlwind.protocol import limits
from whirlwind.websocket import WebSocketClosedError, websocket_connect

from .asgi_driver import Driver
from .raw import RawConnection, build, wait_until

DISCONNECT = {"type": "http.disconnect"}


class Echo(web.RequestHandler):
    def get(self, name: str = "") -> None:
        request = self.request
        self.write(
            {"name": name, "uri": request.uri, "ip": request.remote_ip, "host": request.host}
        )

    async def post(self) -> None:
        await asyncio.sleep(0)
        self.set_header("Server", "mine")
        self.write(self.request.body)


def application(*rules: Any, **settings: Any) -> Any:
    return web.Application([*rules, (r"/", Echo), (r"/n/(.*)", Echo)], **settings).asgi()


def _logged(logs: Any, text: str) -> bool:
    formatter = logging.Formatter()
    return any(text in formatter.format(record) for record in logs.records)


async def _turns(condition: Callable[[], Any] | None = None) -> None:
    """Let the loop turn until something is so, or twenty times."""
    for _ in range(20 if condition is None else 100_000):
        await asyncio.sleep(0)
        if condition is not None and condition():
            return
    assert condition is None


# --- through the container, on the wire ---------------------------------------------------------


def test_an_answer(start) -> None:
    server = start(ASGIContainer(application()))
    answer = server.request("/n/a%20b?q=%C3%A9")
    assert answer.status == 200
    assert json.loads(answer.body) == {
        "name": "a b",
        "uri": "/n/a%20b?q=%C3%A9",
        "ip": "127.0.0.1",
        "host": "localhost",
    }
    assert answer.get("Etag")
    assert len(answer.get_all("Server")) == len(answer.get_all("Date")) == 1
    assert server.request("/none").status == 404


@pytest.mark.parametrize("size", [0, 1, 65537, 3_000_000])
def test_bodies_of_any_size(start, size) -> None:
    server = start(ASGIContainer(application()))
    with server.connect() as connection:
        for _ in range(2):
            answer = connection.request("/", "POST", body=b"x" * size)
            assert answer.body == b"x" * size
            assert answer.get_all("Server") == ["mine"]


@pytest.mark.parametrize(
    ("status", "method"), [(200, "HEAD"), (204, "GET"), (304, "GET"), (404, "HEAD")]
)
def test_answers_without_a_body(start, status, method) -> None:
    class Handler(web.RequestHandler):
        def get(self) -> None:
            self.set_status(status)

        def head(self) -> None:
            self.set_status(status)
            self.write("not sent")

    with start(ASGIContainer(application((r"/x", Handler)))).connect() as connection:
        for _ in range(2):
            answer = connection.request("/x", method)
            assert (answer.status, answer.body) == (status, b"")
            if method == "HEAD":
                assert answer.get("Content-Length") == "8"


def test_a_streamed_answer_in_chunks(start) -> None:
    class Handler(web.RequestHandler):
        async def get(self) -> None:
            for part in ("a", "", "b"):
                self.write(part)
                await self.flush()
            self.write("c")

    answer = start(ASGIContainer(application((r"/x", Handler)))).request("/x")
    assert answer.get("Transfer-Encoding") == "chunked"
    assert answer.body == b"abc"


def test_compression_and_cookies(start) -> None:
    class Handler(web.RequestHandler):
        def get(self) -> None:
            self.set_cookie("a", "1")
            self.set_cookie("b", "2")
            self.write("x" * 5000)

    server = start(ASGIContainer(application((r"/x", Handler), compress_response=True)))
    answer = server.request("/x", fields={"Accept-Encoding": "gzip"})
    assert answer.get("Content-Encoding") == "gzip"
    assert len(answer.get_all("Set-Cookie")) == 2


@pytest.mark.parametrize("length", ["2", "9"])
def test_a_wrong_content_length_cuts_the_answer(start, logs, length) -> None:
    class Handler(web.RequestHandler):
        async def get(self) -> None:
            self.set_header("Content-Length", length)
            self.write("ab")
            await self.flush()
            self.write("cd")

    with start(ASGIContainer(application((r"/x", Handler)))).connect() as connection:
        connection.send(build("/x"))
        assert connection.reader.rest().endswith(b"ab" if length == "2" else b"abcd")
    assert _logged(logs, "Content-Length")


def test_a_failure_after_the_head_cuts_the_answer(start, logs) -> None:
    class Handler(web.RequestHandler):
        async def get(self) -> None:
            self.write("part")
            await self.flush()
            raise ValueError("broken")

    with start(ASGIContainer(application((r"/x", Handler)))).connect() as connection:
        connection.send(build("/x"))
        assert connection.reader.rest().endswith(b"4\r\npart\r\n")
    assert _logged(logs, "ValueError: broken")


def test_a_client_that_leaves(start) -> None:
    seen: list[Any] = []

    class Handler(web.RequestHandler):
        async def get(self) -> None:
            self.gone = asyncio.Event()
            seen.append("began")
            await self.gone.wait()
            try:
                self.write("x")
                await self.flush()
            except StreamClosedError:
                seen.append("failed")

        def on_connection_close(self) -> None:
            seen.append("left")
            self.gone.set()

    server = start(ASGIContainer(application((r"/x", Handler))))
    with server.connect() as connection:
        connection.send(build("/x"))
        wait_until(lambda: seen)
    wait_until(lambda: len(seen) == 3)
    assert seen == ["began", "left", "failed"]


def test_bodies_over_the_limit(start, logs) -> None:
    class Handler(web.RequestHandler):
        def post(self) -> None:
            self.write("ok")

    @web.stream_request_body
    class Large(web.RequestHandler):
        size = 0

        def prepare(self) -> None:
            self.request.connection.set_max_body_size(1 << 20)

        def data_received(self, chunk: bytes) -> None:
            self.size += len(chunk)

        def post(self) -> None:
            self.write(str(self.size))

    app = web.Application([(r"/", Handler), (r"/large", Large)])
    server = start(ASGIContainer(app.asgi(max_body_size=100_000)))
    assert server.request("/", "POST", body=b"x" * 100_000).body == b"ok"
    assert server.request("/large", "POST", body=b"x" * 1_000_000).body == b"1000000"
    with server.connect() as connection:
        connection.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n" + b"x" * 9)
        answer = connection.read()
        assert answer.status == 413
        assert answer.body.startswith(b"413 ")
    assert _logged(logs, "body too large")


class Socket(websocket.WebSocketHandler):
    events: list[Any]

    def initialize(self, events: list[Any]) -> None:
        self.events = events

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return subprotocols[-1] if subprotocols else None

    def open(self, *args: str) -> Any:
        self.set_nodelay(True)
        return self.write_message(f"{self.request.path} {self.selected_subprotocol}")

    async def on_message(self, message: str | bytes) -> None:
        if message == "close":
            self.close(4001, "enough")
        elif message == "fail":
            raise ValueError("broken")
        else:
            await self.write_message(message, binary=isinstance(message, bytes))

    def on_close(self) -> None:
        self.events.append((self.close_code, self.close_reason))


def socket_app(events: list[Any], **settings: Any) -> Any:
    return application((r"/ws", Socket, {"events": events}), **settings)


async def _talk(server: Any, *messages: Any, **options: Any) -> tuple[list[Any], Any]:
    connection = await websocket_connect(f"ws://127.0.0.1:{server.port}/ws", **options)
    heard = [await connection.read_message()]
    for message in messages:
        await connection.write_message(message, binary=isinstance(message, bytes))
        heard.append(await connection.read_message())
    connection.close(4000, "bye")
    while await connection.read_message() is not None:
        pass
    return heard, connection


def test_websocket_messages(start) -> None:
    events: list[Any] = []
    server = start(ASGIContainer(socket_app(events)))
    heard, _ = asyncio.run(_talk(server, "é", b"\xff" * 100_000, "", subprotocols=["a", "b"]))
    assert heard == ["/ws b", "é", b"\xff" * 100_000, ""]
    wait_until(lambda: events)
    assert events == [(4000, "bye")]


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [("close", 4001, "enough"), ("fail", 1011, "internal error"), ("x" * 101, 1009, None)],
)
def test_websocket_closed_by_the_handler(start, logs, message, code, reason) -> None:
    events: list[Any] = []
    server = start(ASGIContainer(socket_app(events, websocket_max_message_size=100)))
    heard, connection = asyncio.run(_talk(server, message))
    assert heard[1] is None
    assert connection.close_code == code
    assert reason is None or connection.close_reason == reason
    wait_until(lambda: events)
    assert _logged(logs, "ValueError: broken") == (message == "fail")


def test_websocket_declined(start) -> None:
    class Handler(websocket.WebSocketHandler):
        async def prepare(self) -> None:
            await asyncio.sleep(0)
            self.set_header("X-Why", "because")
            raise web.Finish(b"not you")

    server = start(ASGIContainer(application((r"/ws", Handler), (r"/plain", Echo))))
    with server.connect() as connection:
        connection.send(_handshake("/ws"))
        answer = connection.read()
        assert (answer.get("X-Why"), answer.body) == ("because", b"not you")


def _handshake(target: str) -> bytes:
    return (
        f"GET {target} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def test_a_websocket_client_that_leaves_before_it_is_accepted(start) -> None:
    events: list[Any] = []

    class Handler(Socket):
        async def prepare(self) -> None:
            self.events.append("began")
            self.gone = asyncio.Event()
            await self.gone.wait()
            self.events.append("went on")

        def on_close(self) -> None:
            super().on_close()
            self.gone.set()

    server = start(ASGIContainer(application((r"/ws", Handler, {"events": events}))))
    with server.connect() as connection:
        connection.send(_handshake("/ws"))
        wait_until(lambda: events)
    wait_until(lambda: len(events) == 3)
    assert events == ["began", (None, None), "went on"]


# --- under the strict driver --------------------------------------------------------------------


async def test_one_whole_answer_is_two_messages() -> None:
    driver = Driver(application())
    driver.give_body(b"")
    await driver.start().end()
    assert [m["type"] for m in driver.sent] == ["http.response.start", "http.response.body"]
    assert driver.field(b"date") is None  # the server's
    assert driver.field(b"server") is None
    assert int(driver.field(b"content-length") or b"") == len(driver.body)
    assert b'"ip": "192.0.2.7"' in driver.body


async def test_a_unix_socket_has_no_address() -> None:
    driver = Driver(application(), client=None)
    driver.give_body(b"")
    await driver.start().end()
    assert b'"ip": "0.0.0.0"' in driver.body


@pytest.mark.parametrize(
    ("root", "path", "raw_path"),
    [
        ("/api", "/api/n/a b", b"/api/n/a%20b"),
        ("/api/", "/api/n/a b", None),
        ("/api", "/n/a b", b"/n/a%20b"),
        ("/a b", "/a b/n/a b", b"/a%20b/n/a%20b"),
        ("/api", "/api/n/a b", b"/n/a%20b"),
        ("", "/n/a b", b"/n/a%20b"),
    ],
)
async def test_the_path_is_seen_from_where_it_is_mounted(root, path, raw_path) -> None:
    driver = Driver(application(), root_path=root, path=path, raw_path=raw_path)
    driver.give_body(b"")
    await driver.start().end()
    assert b'"name": "a b", "uri": "/n/a%20b"' in driver.body


async def test_a_request_without_host_is_refused(logs) -> None:
    driver = Driver(application(), headers=[])
    driver.give_body(b"")
    await driver.start().end()
    assert driver.sent[0]["status"] == 400
    assert _logged(logs, "Missing Host")


async def test_a_body_is_received_as_the_handler_takes_it() -> None:
    go = asyncio.Event()
    taken: list[bytes] = []

    @web.stream_request_body
    class Handler(web.RequestHandler):
        async def data_received(self, chunk: bytes) -> None:
            taken.append(chunk)
            await go.wait()

        def put(self) -> None:
            self.write(b"".join(taken))

    driver = Driver(application((r"/x", Handler)), method="PUT", path="/x", raw_path=b"/x")
    driver.give_body(b"a", b"b", b"c")
    driver.start()
    await _turns(lambda: taken)
    await _turns()
    assert (driver.received, taken) == (1, [b"a"])
    go.set()
    await driver.end()
    assert driver.body == b"abc"


async def test_flush_waits_for_the_server() -> None:
    written: list[int] = []

    class Handler(web.RequestHandler):
        async def get(self) -> None:
            for number in range(3):
                self.write(b"x")
                await self.flush()
                written.append(number)

    driver = Driver(application((r"/x", Handler)), path="/x", raw_path=b"/x")
    driver.give_body(b"")
    driver.hold()
    driver.start()
    await driver.until(1)
    await _turns()
    assert written == []
    driver.let_go()
    await driver.end()
    assert written == [0, 1, 2]
    assert driver.body == b"xxx"


async def test_a_disconnect_in_the_midst_of_a_body() -> None:
    seen: list[str] = []

    @web.stream_request_body
    class Handler(web.RequestHandler):
        def data_received(self, chunk: bytes) -> None:
            seen.append("chunk")

        def put(self) -> None:
            seen.append("put")

        def on_connection_close(self) -> None:
            seen.append("left")
            super().on_connection_close()

    driver = Driver(application((r"/x", Handler)), method="PUT", path="/x", raw_path=b"/x")
    driver.give({"type": "http.request", "body": b"a", "more_body": True}, DISCONNECT)
    await driver.start().end()
    assert seen == ["chunk", "left"]
    assert driver.sent == []


@pytest.mark.parametrize("failure", [OSError("left"), RuntimeError("the server is broken")])
async def test_send_fails(logs, failure) -> None:
    seen: list[Any] = []

    class Handler(web.RequestHandler):
        async def get(self) -> None:
            self.write("x")
            try:
                await self.flush()
            except StreamClosedError as error:
                seen.append(error.real_error)
                raise

        def on_connection_close(self) -> None:
            seen.append("left")

    driver = Driver(application((r"/x", Handler)), path="/x", raw_path=b"/x")
    driver.give_body(b"")
    driver.failure = failure
    driver.start()
    if isinstance(failure, OSError):
        await driver.end()
    else:
        with pytest.raises(RuntimeError, match="the server is broken"):
            await driver.end()
    await _turns(lambda: len(seen) == 2)
    assert seen == ["left", failure]
    assert not _logged(logs, "Traceback")


async def test_a_server_that_cancels() -> None:
    left = asyncio.Event()

    class Handler(web.RequestHandler):
        async def get(self) -> None:
            await left.wait()

        def on_connection_close(self) -> None:
            left.set()

    driver = Driver(application((r"/x", Handler)), path="/x", raw_path=b"/x")
    driver.give_body(b"")
    driver.start()
    await _turns(lambda: driver.received)
    assert driver.task is not None
    driver.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await driver.end()
    await left.wait()


async def test_detaching_is_refused_with_a_reason(logs) -> None:
    class Handler(web.RequestHandler):
        def get(self) -> None:
            self.detach()

    driver = Driver(application((r"/x", Handler)), path="/x", raw_path=b"/x")
    driver.give_body(b"")
    await driver.start().end()
    assert driver.sent[0]["status"] == 500
    assert _logged(logs, "does not give its connections away")


async def test_a_broken_router_is_a_500(logs) -> None:
    class Broken(web.Application):
        def find_handler(self, request: Any, **kwargs: Any) -> Any:
            raise ValueError("no idea")

    driver = Driver(Broken([]).asgi())
    driver.give_body(b"")
    await driver.start().end()
    assert driver.sent[0]["status"] == 500
    assert _logged(logs, "ValueError: no idea")


async def test_lifespan_hooks() -> None:
    calls: list[str] = []

    async def stop() -> None:
        calls.append("stop")

    app = web.Application([]).asgi(on_startup=lambda: calls.append("start"), on_shutdown=stop)
    sent: list[Any] = []
    steps = iter(("lifespan.startup", "lifespan.shutdown"))

    async def receive() -> Any:
        return {"type": next(steps)}

    async def send(message: Any) -> None:
        sent.append((message["type"], list(calls)))

    await app({"type": "lifespan"}, receive, send)
    assert sent == [
        ("lifespan.startup.complete", ["start"]),
        ("lifespan.shutdown.complete", ["start", "stop"]),
    ]


async def test_a_startup_that_fails(logs) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    def fail() -> None:
        raise ValueError("no database")

    await web.Application([]).asgi(on_startup=fail)({"type": "lifespan"}, receive, send)
    assert sent == [{"type": "lifespan.startup.failed", "message": "ValueError('no database')"}]
    assert _logged(logs, "on_startup")


async def test_an_unknown_scope() -> None:
    with pytest.raises(ValueError, match="'smtp'"):
        await application()({"type": "smtp"}, None, None)


def _socket_driver(handler: Any, **scope: Any) -> Driver:
    scope = {"path": "/ws", "raw_path": b"/ws", **scope}
    driver = Driver(application((r"/ws", handler)), "websocket", **scope)
    driver.give({"type": "websocket.connect"})
    return driver


async def test_websocket_over_http2_has_none_of_the_fields_of_a_handshake() -> None:
    class Handler(websocket.WebSocketHandler):
        def select_subprotocol(self, subprotocols: list[str]) -> str | None:
            return subprotocols[0]

        def on_message(self, message: str | bytes) -> None:
            self.close()

    driver = _socket_driver(
        Handler, http_version="2", headers=[(b"host", b"a")], subprotocols=["chat"]
    )
    driver.start()
    sent = await driver.until(1)
    assert sent[0]["type"] == "websocket.accept"
    assert sent[0]["subprotocol"] == "chat"
    assert not {name for name, _ in sent[0]["headers"]} & {b"upgrade", b"connection"}
    driver.give({"type": "websocket.receive", "text": "x"})
    assert (await driver.until(2))[1] == {"type": "websocket.close", "code": 1000, "reason": ""}
    driver.give({"type": "websocket.disconnect", "code": 1000})
    await driver.end()


@pytest.mark.parametrize("extensions", [{}, {"websocket.http.response": {}}])
async def test_websocket_declined_as_the_server_can(extensions) -> None:
    class Handler(websocket.WebSocketHandler):
        def prepare(self) -> None:
            self.set_status(402)
            self.finish("pay")

    driver = _socket_driver(Handler, extensions=extensions)
    await driver.start().end()
    if extensions:
        assert driver.sent[0]["status"] == 402
        assert driver.body == b"pay"
    else:
        assert [m["type"] for m in driver.sent] == ["websocket.close"]


@pytest.mark.parametrize(
    ("told", "seen"), [((1005, ""), (None, None)), ((1006, ""), (None, None)), ((4000, "x"),) * 2]
)
async def test_websocket_disconnect_codes(told, seen) -> None:
    closed: list[Any] = []

    class Handler(websocket.WebSocketHandler):
        def on_close(self) -> None:
            closed.append((self.close_code, self.close_reason))
            with pytest.raises(WebSocketClosedError):
                self.write_message("late")

    driver = _socket_driver(Handler)
    driver.give({"type": "websocket.disconnect", "code": told[0], "reason": told[1]})
    await driver.start().end()
    assert closed == [seen]


async def test_websocket_writes_wait_for_the_server_and_keep_their_order() -> None:
    written: list[str] = []

    class Handler(websocket.WebSocketHandler):
        async def on_message(self, message: str | bytes) -> None:
            self.write_message("first")
            await self.write_message("second")
            written.append("second")

    driver = _socket_driver(Handler)
    driver.start()
    await driver.until(1)
    driver.hold()
    driver.give({"type": "websocket.receive", "text": "x"})
    await driver.until(2)
    await _turns()
    assert written == []
    driver.let_go()
    assert [m.get("text") for m in await driver.until(3)] == [None, "first", "second"]
    driver.give({"type": "websocket.disconnect", "code": 1000})
    await driver.end()
    assert written == ["second"]


async def test_websocket_messages_are_handled_one_after_the_other() -> None:
    go = asyncio.Event()
    handled: list[Any] = []

    class Handler(websocket.WebSocketHandler):
        async def on_message(self, message: str | bytes) -> None:
            handled.append(message)
            await go.wait()

    driver = _socket_driver(Handler)
    driver.give(*({"type": "websocket.receive", "bytes": b"%d" % n} for n in range(3)))
    driver.start()
    await _turns(lambda: handled)
    await _turns()
    assert handled == [b"0"]
    go.set()
    driver.give({"type": "websocket.disconnect", "code": 1000})
    await driver.end()
    assert handled == [b"0", b"1", b"2"]


async def test_a_server_that_never_says_that_the_websocket_is_closed(monkeypatch) -> None:
    monkeypatch.setattr(limits, "CLOSE_TIMEOUT", 0.0)
    closed: list[Any] = []

    class Handler(websocket.WebSocketHandler):
        def open(self, *args: str) -> None:
            self.close(1001)

        def on_close(self) -> None:
            closed.append(self.close_code)

    driver = _socket_driver(Handler)
    await driver.start().end()
    assert driver.sent[-1] == {"type": "websocket.close", "code": 1001, "reason": ""}
    assert closed == [None]


async def test_a_server_that_cancels_a_websocket() -> None:
    closed = asyncio.Event()

    class Handler(websocket.WebSocketHandler):
        def on_close(self) -> None:
            closed.set()

    driver = _socket_driver(Handler)
    driver.start()
    await driver.until(1)
    assert driver.task is not None
    driver.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await driver.end()
    await closed.wait()


async def test_websocket_misuse(logs) -> None:
    seen: list[type[BaseException]] = []

    class Handler(websocket.WebSocketHandler):
        def open(self, *args: str) -> None:
            for call in (
                lambda: self.ping(b"x"),
                lambda: self.close(1005),
                lambda: self.write_message(b"\xff"),
                lambda: self.write_message(1),  # type: ignore[arg-type]
                lambda: self.write("x"),
            ):
                with pytest.raises((ASGIError, ValueError, TypeError, RuntimeError)) as caught:
                    call()
                seen.append(caught.type)

    driver = _socket_driver(Handler)
    driver.give({"type": "websocket.disconnect", "code": 1000})
    await driver.start().end()
    assert seen == [ASGIError, ValueError, ValueError, TypeError, RuntimeError]


# --- under uvicorn ------------------------------------------------------------------------------

_PROGRAM = """
import asyncio
from whirlwind import web, websocket

class Main(web.RequestHandler):
    async def post(self):
        self.write(self.request.body)
        await self.flush()
        self.write(b"!")

class Socket(websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)

app = web.Application([("/", Main), ("/ws", Socket)]).asgi(on_startup=lambda: print("started"))
"""


@pytest.mark.skipif(
    importlib.util.find_spec("uvicorn") is None, reason="the package uvicorn is not installed"
)
def test_under_uvicorn(tmp_path) -> None:
    (tmp_path / "program.py").write_text(_PROGRAM)
    listener = socket.create_server(("127.0.0.1", 0))
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "program:app", "--fd", str(listener.fileno())],
        pass_fds=[listener.fileno()],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    watchdog = threading.Timer(100, process.kill)
    watchdog.start()
    try:
        port = listener.getsockname()[1]
        with RawConnection(("127.0.0.1", port)) as connection:
            for size in (0, 200_000):
                answer = connection.request("/", "POST", body=b"x" * size)
                assert answer.body == b"x" * size + b"!"

        async def talk() -> Any:
            client = await websocket_connect(f"ws://127.0.0.1:{port}/ws")
            await client.write_message("é")
            answer = await client.read_message()
            client.close(1000)
            while await client.read_message() is not None:
                pass
            return answer, client.close_code

        assert asyncio.run(talk()) == ("é", 1000)
        process.terminate()
        output = process.communicate()[0].decode()
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        listener.close()
    assert "started" in output
    assert "Traceback" not in output
