"""Nothing of a request waits for the garbage collector, and connections leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import gzip
import ssl
import weakref

import pytest

from whirlwind.asgi import ASGIContainer

from .raw import build, wait_until
from .server import Logs, httputil, web
from .test_server_lifecycle import CERTIFICATE

REFERENCES: list[tuple[str, weakref.ref]] = []


class Remembering(web.RequestHandler):
    """Keeps weak references to itself and its request."""

    def initialize(self):
        REFERENCES.append(("handler", weakref.ref(self)))
        REFERENCES.append(("request", weakref.ref(self.request)))
        REFERENCES.append(("headers", weakref.ref(self.request.headers)))


class Plain(Remembering):
    def get(self):
        self.get_argument("a", None)
        self.set_cookie("a", "b")
        self.write("x")

    def post(self):
        self.write(self.get_body_argument("a"))


class Suspending(Remembering):
    async def get(self):
        await asyncio.sleep(0)
        self.write("x")


class Preparing(Remembering):
    async def prepare(self):
        await asyncio.sleep(0)

    def get(self):
        self.write("x")


class Flushing(Remembering):
    async def get(self):
        self.write("x")
        await self.flush()
        self.write("y")


class Raising(Remembering):
    def get(self):
        raise web.HTTPError(404)


class Breaking(Remembering):
    async def get(self):
        await asyncio.sleep(0)
        raise ZeroDivisionError


class FinishingTwice(Remembering):
    def get(self):
        self.finish("x")
        self.finish("y")


class Waiting(Remembering):
    gate: asyncio.Event

    async def get(self):
        Waiting.gate = asyncio.Event()
        await self.gate.wait()


@web.stream_request_body
class Streaming(Remembering):
    def data_received(self, chunk):
        pass

    def post(self):
        self.write("x")


@pytest.fixture
def logs():
    with Logs(alone=True) as logs:
        yield logs


@pytest.fixture(autouse=True)
def without_collector():
    gc.collect()
    gc.disable()
    REFERENCES.clear()
    yield
    gc.enable()
    REFERENCES.clear()


def alive() -> list[str]:
    return [name for name, reference in list(REFERENCES) if reference() is not None]


REQUESTS = [
    (Plain, build("/?a=1", fields={"Cookie": "x=y"})),
    (Plain, build("/", "POST", b"a=1", {"Content-Type": "application/x-www-form-urlencoded"})),
    (Suspending, build()),
    (Preparing, build()),
    (Flushing, build()),
    (Raising, build()),
    (Breaking, build()),
    (FinishingTwice, build()),
    (Streaming, build("/", "POST", b"abc")),
]


@pytest.mark.parametrize(
    ("handler", "data"), REQUESTS, ids=[f"{h.__name__}-{d[:4].decode()}" for h, d in REQUESTS]
)
@pytest.mark.parametrize("stays", [True, False], ids=["kept open", "closed"])
def test_a_request_is_freed_when_it_ends(serve, logs, handler, data, stays):
    server = serve(handler)
    with server.connect() as connection:
        connection.send(data)
        connection.read()
        if not stays:
            connection.close()
        server.turn()
        logs.clear()  # a record keeps the traceback, and so the frames
        assert len(REFERENCES) == 3
        wait_until(lambda: not alive(), f"the end of {alive()}")


def test_requests_of_a_pipeline_are_freed_one_by_one(serve, logs):
    most = []

    class Counting(Plain):
        def on_finish(self):
            most.append(len([name for name in alive() if name == "handler"]))

    server = serve(Counting)
    with server.connect() as connection:
        connection.send(build() * 100)
        for _ in range(100):
            connection.read()
        server.turn()
        logs.clear()
        wait_until(lambda: not alive())
    assert len(most) == 100
    assert max(most) <= 2


def test_a_request_is_freed_when_the_client_left_and_the_handler_ended(serve, logs):
    server = serve(Waiting)
    with server.connect() as connection:
        connection.send(build())
        wait_until(lambda: hasattr(Waiting, "gate"))
        connection.abort()
    server.turn()
    server.call(lambda: Waiting.gate.set())
    server.turn()
    logs.clear()
    wait_until(lambda: not alive(), "the end of the request")
    del Waiting.gate


class Detaching(Remembering):
    async def get(self):
        stream = self.detach()
        REFERENCES.append(("stream", weakref.ref(stream)))
        REFERENCES.append(("link", weakref.ref(stream._link)))
        await stream.write(b"mine")
        stream.close()


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_a_request_is_freed_whose_connection_was_detached(serve, logs, secure):
    server = serve(Detaching, **({"ssl_options": CERTIFICATE} if secure else {}))
    context = ssl.create_default_context(cafile=CERTIFICATE["certfile"]) if secure else None
    with server.connect(context=context) as connection:
        connection.send(build())
        assert connection.sock.recv(4) == b"mine"
        server.turn()
    wait_until(lambda: not alive(), f"the end of {alive()}")


@pytest.mark.parametrize("how", ["close", "abort"])
def test_a_request_cut_in_its_body_is_freed(serve, logs, how):
    server = serve(Streaming)
    with server.connect() as connection:
        connection.send(build("/", "POST", b"abc", {"Content-Length": "10"}))
        wait_until(lambda: len(REFERENCES) == 3)
        getattr(connection, how)()
    server.turn()
    wait_until(lambda: not alive(), "the end of the request")


@web.stream_request_body
class Early(Streaming):
    def prepare(self):
        self.finish("early")


@web.stream_request_body
class EarlyLater(Streaming):
    async def prepare(self):
        await asyncio.sleep(0)
        self.finish("early")


@web.stream_request_body
class EarlyInPieces(Streaming):
    async def prepare(self):
        self.write("ea")
        await self.flush()
        self.finish("rly")


@web.stream_request_body
class EarlyFromElsewhere(Streaming):
    async def prepare(self):
        asyncio.get_running_loop().call_soon(self.end)

    def end(self):
        if not self._finished:  # the body may have been there
            self.finish("early")


@web.stream_request_body
class EarlyAtAPiece(Streaming):
    def data_received(self, chunk):
        self.finish("early")


@web.stream_request_body
class EarlyAfterAPiece(Streaming):
    async def data_received(self, chunk):
        await asyncio.sleep(0)
        if not self._finished:
            self.finish("early")


@web.stream_request_body
class Refusing(Streaming):
    def prepare(self):
        raise web.HTTPError(403)


@web.stream_request_body
class RefusingAPiece(Streaming):
    def data_received(self, chunk):
        raise web.HTTPError(413)


EARLY = [
    Early,
    EarlyLater,
    EarlyInPieces,
    EarlyFromElsewhere,
    EarlyAtAPiece,
    EarlyAfterAPiece,
    Refusing,
    RefusingAPiece,
]
BODIES = {
    "chunked": ({"Transfer-Encoding": "chunked"}, b"3\r\nabc\r\n"),
    "short": ({"Content-Length": "10"}, b"abc"),
    "long": ({"Content-Length": "10000000"}, b"abc"),
    "expected": ({"Content-Length": "10", "Expect": "100-continue"}, b"abc"),
    "expected chunked": (
        {"Transfer-Encoding": "chunked", "Expect": "100-continue"},
        b"3\r\nabc\r\n",
    ),
    "pipelined": ({"Transfer-Encoding": "chunked"}, b"3\r\nabc\r\n0\r\n\r\n" + build("/next")),
    "long and pipelined": ({"Content-Length": "100000"}, b"x" * 100_000 + build("/next")),
}


def is_answered_and_freed(server, logs, head, body, leaves=False):
    """What is called may wait for the whole body when it begins, but not when it has answered."""
    with server.connect() as connection:
        connection.send(head + body)
        assert connection.read().status in (200, 403, 413)
        if leaves:
            connection.abort()
        server.turn()
        logs.clear()
        assert REFERENCES
        wait_until(lambda: not alive(), f"the end of {alive()}")


@pytest.mark.parametrize("framing", BODIES)
@pytest.mark.parametrize("handler", EARLY, ids=lambda h: h.__name__)
def test_a_request_answered_before_its_body_is_freed(serve, logs, handler, framing):
    server = serve(handler)
    fields, body = BODIES[framing]
    is_answered_and_freed(server, logs, build("/", "POST", None, fields), body)


@pytest.mark.parametrize("framing", ["chunked", "short"])
@pytest.mark.parametrize("handler", EARLY, ids=lambda h: h.__name__)
def test_one_whose_client_leaves_after_that_is_freed(serve, logs, handler, framing):
    server = serve(handler)
    fields, body = BODIES[framing]
    is_answered_and_freed(server, logs, build("/", "POST", None, fields), body, leaves=True)


@pytest.mark.parametrize("handler", EARLY, ids=lambda h: h.__name__)
def test_one_answered_before_its_compressed_body_is_freed(serve, logs, handler):
    server = serve(handler, decompress_request=True)
    body = gzip.compress(b"x" * 1_000_000)
    for sent in (body, body[:100]):
        fields = {"Content-Encoding": "gzip", "Content-Length": str(len(body))}
        is_answered_and_freed(server, logs, build("/", "POST", None, fields), sent)


@pytest.mark.parametrize("handler", [Plain, Streaming])
@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"Content-Length": "11"}, b"a=1"),
        ({"Content-Length": "11", "Expect": "100-continue"}, b""),
        ({"Transfer-Encoding": "chunked"}, b"6\r\nabcdef\r\n6\r\nabcdef\r\n"),
    ],
    ids=["length", "expected", "chunked"],
)
def test_one_with_too_large_a_body_is_freed(serve, logs, handler, fields, body):
    server = serve(handler, max_body_size=10)
    REFERENCES.append(("nothing", lambda: None))  # a collecting handler was not made
    is_answered_and_freed(server, logs, build("/", "POST", None, fields), body)


@pytest.mark.parametrize("size", [10, 10_000_000])
def test_one_detached_before_its_body_is_freed(serve, logs, size):
    @web.stream_request_body
    class DetachingAtAPiece(Streaming):
        async def data_received(self, chunk):
            stream = self.detach()
            await stream.write(b"mine")
            stream.close()

    server = serve(DetachingAtAPiece)
    with server.connect() as connection:
        connection.send(build("/", "POST", b"abc", {"Content-Length": str(size)}))
        assert connection.reader.exactly(4) == b"mine"
        connection.read_eof()
    wait_until(lambda: not alive(), f"the end of {alive()}")


@pytest.mark.parametrize("framing", BODIES)
@pytest.mark.parametrize("asked", [False, True], ids=["at once", "after a piece"])
def test_one_answered_early_by_an_asgi_application_is_freed(start, logs, framing, asked):
    class Container(ASGIContainer):
        def open_body(self, request):
            REFERENCES.append(("request", weakref.ref(request)))
            return super().open_body(request)

    async def application(scope, receive, send):
        if asked:
            await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"early"})

    fields, body = BODIES[framing]
    body = b"abcdefghij" if framing == "short" else body  # such are collected
    server = start(Container(application))
    is_answered_and_freed(server, logs, build("/", "POST", None, fields), body)


@pytest.mark.parametrize("framing", BODIES)
def test_one_answered_early_by_a_delegate_is_freed(start, logs, framing):
    class Delegate(httputil.HTTPMessageDelegate):
        def __init__(self, connection):
            self.connection = connection
            REFERENCES.append(("delegate", weakref.ref(self)))

        def headers_received(self, start_line, headers):
            line = httputil.ResponseStartLine("HTTP/1.1", 200, "OK")
            headers = httputil.HTTPHeaders({"Content-Length": "0"})
            self.connection.write_headers(line, headers)
            self.connection.finish()

    class Application(httputil.HTTPServerConnectionDelegate):
        def start_request(self, server_conn, request_conn):
            return Delegate(request_conn)

    fields, body = BODIES[framing]
    server = start(Application())
    is_answered_and_freed(server, logs, build("/", "POST", None, fields), body)


def test_a_callback_request_is_freed(start, logs):
    def application(request):
        REFERENCES.append(("request", weakref.ref(request)))
        request.connection.write_headers(
            httputil.ResponseStartLine("HTTP/1.1", 200, "OK"),
            httputil.HTTPHeaders({"Content-Length": "0"}),
        )
        request.connection.finish()

    server = start(application)
    with server.connect() as connection:
        connection.request()
        server.turn()
        wait_until(lambda: not alive())


def test_closed_connections_leave_no_tasks_and_no_objects(serve, logs):
    server = serve(Plain)

    def cycle(count):
        for _ in range(count):
            with server.connect() as connection:
                connection.request()
        server.turn()
        server.turn()
        logs.clear()
        REFERENCES.clear()
        gc.collect()
        return len(gc.get_objects()), server.call(lambda: len(asyncio.all_tasks()))

    cycle(20)
    objects, tasks = cycle(20)
    later_objects, later_tasks = cycle(100)
    assert later_tasks == tasks
    assert later_objects - objects < 100
