"""HTTP over streams: servers that look at the stream first, and streams made of connections."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import ssl
import threading
from typing import Any

import pytest

from . import apps
from .raw import DEADLINE, build, wait_until
from .server import httpserver, web
from .test_wire_vectors import check_answer, check_end, check_seen
from .vectors import select

HERE = pathlib.Path(__file__).parent
CERTIFICATE = {"certfile": str(HERE / "test.crt"), "keyfile": str(HERE / "test.key")}


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=CERTIFICATE["certfile"])
    context.check_hostname = False
    return context


#: No TLS, TLS.
SECURE = pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])


def options(secure: bool) -> dict[str, Any]:
    return {"ssl_options": CERTIFICATE} if secure else {}


def peer(secure: bool) -> dict[str, Any]:
    return {"context": trusting()} if secure else {}


class StreamServer(httpserver.HTTPServer):
    """Sees the stream of each connection and serves it as usual."""

    def handle_stream(self, stream: Any, address: Any) -> Any:
        self.seen = stream, address
        return super().handle_stream(stream, address)


class Echo(web.RequestHandler):
    def get(self):
        self.write({"protocol": self.request.protocol, "ip": self.request.remote_ip})

    def post(self):
        self.write(self.request.body)


@SECURE
def test_a_server_that_handles_the_stream_itself(serve, logs, secure):
    server = serve(Echo, server_class=StreamServer, **options(secure))
    with server.connect(**peer(secure)) as connection:
        connection.send(build("/1") + build("/2", "POST", b"two"))
        protocol = "https" if secure else "http"
        assert connection.read().body == (
            b'{"protocol": "%s", "ip": "127.0.0.1"}' % protocol.encode()
        )
        assert connection.read().body == b"two"
        big = bytes(range(256)) * 8192
        assert connection.request("/3", "POST", big).body == big
    assert logs.tracebacks() == []


@SECURE
def test_what_the_stream_has_buffered_is_read_too(serve, secure):
    class Peeking(httpserver.HTTPServer):
        async def handle_stream(self, stream: Any, address: Any) -> None:
            first = await stream.read_until(b"\n")
            assert first == b"hello\n"
            await stream.write(b"welcome\n")
            super().handle_stream(stream, address)

    server = serve(Echo, server_class=Peeking, **options(secure))
    with server.connect(**peer(secure)) as connection:
        connection.send(b"hello\n" + build("/", "POST", b"body"))
        assert connection.reader.exactly(8) == b"welcome\n"
        assert connection.read().body == b"body"


@SECURE
def test_a_slow_reader_over_a_stream(serve, secure):
    waited = []

    class Long(web.RequestHandler):
        async def get(self):
            for _ in range(100):
                self.write(b"x" * 65536)
                done = self.flush()
                waited.append(not done.done())
                await done

    server = serve(Long, server_class=StreamServer, **options(secure))
    with server.connect(**peer(secure), receive_buffer=4096) as connection:
        assert len(connection.request().body) == 6553600
    assert any(waited)


@SECURE
def test_streams_are_closed_and_drained_with_the_server(serve, secure):
    begun, proceed = threading.Event(), asyncio.Event()

    class Slow(web.RequestHandler):
        async def get(self):
            begun.set()
            await proceed.wait()
            self.write("done")

    server = serve(Slow, server_class=StreamServer, **options(secure))
    with server.connect(**peer(secure)) as busy, server.connect(**peer(secure)) as idle:
        busy.send(build("/"))
        assert begun.wait(DEADLINE)

        async def drain() -> bool:
            draining = asyncio.ensure_future(server.server.drain(DEADLINE, idle_grace=0.01))
            await asyncio.sleep(0)
            proceed.set()
            return await draining

        assert server.call(drain) is True
        answer = busy.read()
        assert (answer.body, answer.says_close) == (b"done", True)
        busy.read_eof()
        idle.read_eof()


def test_a_peer_that_leaves_a_stream(serve):
    begun, left = threading.Event(), threading.Event()

    class Handler(web.RequestHandler):
        async def get(self):
            self.gone = asyncio.Event()
            begun.set()
            await self.gone.wait()

        def on_connection_close(self):
            self.gone.set()
            left.set()

    server = serve(Handler, server_class=StreamServer)
    with server.connect() as connection:
        connection.send(build("/"))
        assert begun.wait(DEADLINE)
    assert left.wait(DEADLINE)
    wait_until(lambda: server.call(lambda: sum(map(len, all_connections(server))) == 0))


def all_connections(server: Any) -> list[Any]:
    return [site.connections for site in server.server._sites.values()]


def test_a_stream_with_back_pressure_on_the_body(serve):
    """A receiver that waits stops the reading; the peer's bytes stay with it."""
    taken: list[int] = []
    proceed = asyncio.Event()

    @web.stream_request_body
    class Upload(web.RequestHandler):
        async def data_received(self, chunk):
            taken.append(len(chunk))
            await proceed.wait()

        def post(self):
            self.write(str(sum(taken)))

    server = serve(Upload, server_class=StreamServer)
    size = 20_000_000
    with server.connect() as connection:
        sender = threading.Thread(
            target=connection.send, args=(build("/", "POST", b"x" * size),), daemon=True
        )
        sender.start()
        wait_until(lambda: taken)
        for _ in range(20):
            server.turn()
        assert len(taken) == 1
        server.call(proceed.set)
        assert connection.read().body == str(size).encode()
        sender.join(DEADLINE)


def test_vectors_over_a_stream(start, logs):
    """The same verdicts; without those that end one direction, which closes a stream."""
    record = apps.Record()
    server = start(apps.KINDS["plain"](record), server_class=StreamServer)
    for vector in select("server", "wire"):
        if vector.eof or vector.incomplete or vector.head_limit or vector.body_limit:
            continue
        logs.clear()
        with server.connect() as connection:
            connection.send(vector.send)
            for message in vector.messages:
                check_answer(message, connection)
            check_end(vector, connection, server)
        check_seen(vector, record.take())
        if not any(500 in message.answer for message in vector.messages):
            assert logs.tracebacks() == [], vector.name


# --- connections that become streams ------------------------------------------------------------


@pytest.mark.parametrize("server_class", [None, StreamServer], ids=["transport", "stream"])
@pytest.mark.parametrize("packets", ["one", "two"])
def test_detaching_a_tls_connection(serve, logs, server_class, packets):
    size = 3_000_000

    class Handler(web.RequestHandler):
        async def get(self):
            self.set_status(101)
            self.set_header("Upgrade", "echo")
            self.set_header("Connection", "Upgrade")
            await self.flush()
            stream = self.detach()
            assert stream.socket.fileno() >= 0
            await stream.write(b"said " + await stream.read_until(b"!"))
            await stream.write(b"x" * size)
            await stream.write(await stream.read_bytes(size))
            assert await stream.read_until_close() == b"end"
            ended.set()

    ended = threading.Event()
    server = serve(Handler, server_class=server_class, ssl_options=CERTIFICATE)
    with server.connect(context=trusting()) as connection:
        head = build("/up", fields={"Upgrade": "echo", "Connection": "Upgrade"})
        if packets == "one":
            connection.send(head + b"hello!")
        else:
            connection.send(head)
            server.turn()
            connection.send(b"hello!")
        assert connection.reader.head().status == 101
        assert connection.reader.exactly(11) == b"said hello!"
        assert connection.reader.exactly(size) == b"x" * size
        connection.send(b"y" * size)
        assert connection.reader.exactly(size) == b"y" * size
        connection.send(b"end")
        with contextlib.suppress(ssl.SSLEOFError):  # a stream answers no "close notify"
            connection.sock.unwrap()
    assert ended.wait(DEADLINE)
    wait_until(lambda: server.call(lambda: sum(map(len, all_connections(server))) == 0))
    assert logs.tracebacks() == []


def test_a_detached_tls_stream_notices_its_peer_leaving(serve, logs):
    closed = threading.Event()
    failures: list[type] = []

    class Handler(web.RequestHandler):
        async def get(self):
            stream = self.detach()
            stream.set_close_callback(closed.set)
            try:
                while True:
                    await stream.write(b"x" * 65536)
            except Exception as error:
                failures.append(type(error))

    server = serve(Handler, ssl_options=CERTIFICATE)
    with server.connect(context=trusting()) as connection:
        connection.send(build("/"))
        connection.reader.exactly(65536)
    assert closed.wait(DEADLINE)
    wait_until(lambda: failures)
    assert [error.__name__ for error in failures] == ["StreamClosedError"]
    assert logs.tracebacks() == []


def test_a_detached_tls_stream_that_nobody_keeps_is_closed(serve):
    class Handler(web.RequestHandler):
        def get(self):
            self.detach()

    server = serve(Handler, ssl_options=CERTIFICATE)
    with server.connect(context=trusting()) as connection:
        connection.send(build("/"))
        connection.read_eof()


def test_a_detached_tls_stream_can_not_have_tls_again(serve):
    said: list[str] = []

    class Handler(web.RequestHandler):
        def get(self):
            stream = self.detach()
            try:
                stream.start_tls(True)
            except ValueError as error:
                said.append(str(error))
            stream.close()

    server = serve(Handler, ssl_options=CERTIFICATE)
    with server.connect(context=trusting()) as connection:
        connection.send(build("/"))
        connection.read_eof()
    assert said == ["this connection has TLS already"]
