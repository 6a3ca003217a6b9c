"""HTTP/1 over streams, the server's side, and programs that use both."""

from __future__ import annotations

import asyncio
import gc
import gzip
import logging
import ssl
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.http1_streams import GET, Receiver, ask, read_all, until
from tests.unit.loops import Certificate, Run, certificate, run, stream_pair
from whirlwind import web
from whirlwind.http1connection import (
    HTTP1Connection,
    HTTP1ConnectionParameters,
    HTTP1ServerConnection,
)
from whirlwind.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPOutputError,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from whirlwind.iostream import IOStream, SSLIOStream
from whirlwind.tcpclient import TCPClient
from whirlwind.tcpserver import TCPServer

__all__ = ["certificate", "run"]  # fixtures


# --- serving ------------------------------------------------------------------------------------


class Requests(HTTPServerConnectionDelegate):
    """Notes everything that the requests of a connection bring, and answers them."""

    def __init__(self, answer: Callable[[HTTP1Connection], Any] | None = None) -> None:
        self.events: list[Any] = []
        self.connections: list[HTTP1Connection] = []
        self.answer = answer or say("hi")
        self.hooks: dict[str, Callable[..., Any]] = {}

    def start_request(self, server_conn: Any, request_conn: Any) -> HTTPMessageDelegate:
        assert isinstance(server_conn, HTTP1ServerConnection)
        assert isinstance(request_conn, HTTP1Connection)
        self.events.append("start")
        self.connections.append(request_conn)
        return Receiver(self.events, finish=lambda: self.answer(request_conn), **self.hooks)

    def on_close(self, server_conn: Any) -> None:
        assert isinstance(server_conn, HTTP1ServerConnection)
        self.events.append("on_close")


def say(
    text: str, code: int = 200, fields: dict[str, str] | None = None
) -> Callable[[HTTP1Connection], None]:
    """A function that answers with this."""

    def answer(connection: HTTP1Connection) -> None:
        headers = HTTPHeaders({"Content-Length": str(len(text))} if fields is None else fields)
        connection.write_headers(ResponseStartLine("", code, "OK"), headers, text.encode())
        connection.finish()

    return answer


HI = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
HEAD_1 = (("GET", "/1", "HTTP/1.1"), {"Host": "a"})


class Served:
    """A stream that is served, and the client's end of it."""

    def __init__(self, delegate: Any, **parameters: Any) -> None:
        self.client, self.stream = stream_pair()
        params = HTTP1ConnectionParameters(**parameters) if parameters else None
        self.connection = HTTP1ServerConnection(self.stream, params, "the context")
        self.connection.start_serving(delegate)

    def expire(self) -> None:
        """Have deadlines looked at, which happens once a second, a minute later."""
        site = self.connection._site
        assert site is not None
        for conn in site.each():
            conn.expire(site.now() + 60)

    async def __aenter__(self) -> Served:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.client.close()
        await self.connection.close()


def test_requests_over_a_stream(run: Run) -> None:
    async def main() -> None:
        delegate = Requests()
        async with Served(delegate) as served:
            await served.client.write(
                GET + b"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
            )
            assert await served.client.read_bytes(2 * len(HI)) == HI + HI
            assert delegate.events == [
                *("start", HEAD_1, "finish", "start"),
                (("POST", "/2", "HTTP/1.1"), {"Host": "a", "Content-Length": "3"}),
                *(b"abc", "finish"),
            ]
            one, two = delegate.connections
            assert one is not two
            assert one.stream is served.stream
            assert (one.is_client, one.context, one.no_keep_alive) == (False, "the context", False)
            assert one.params is served.connection.params
        assert delegate.events[-1] == "on_close"
        assert served.stream.closed()

    run(main)


def test_a_finished_request_does_not_write_into_the_next(run: Run) -> None:
    async def main() -> None:
        delegate = Requests()
        async with Served(delegate) as served:
            await served.client.write(GET)
            assert await served.client.read_bytes(len(HI)) == HI
            [connection] = delegate.connections
            with pytest.raises(HTTPOutputError):
                connection.write(b"x")
            with pytest.raises(HTTPOutputError):
                say("hi")(connection)

    run(main)


def test_streamed_answers_and_bodies(run: Run) -> None:
    async def main() -> None:
        async def answer(connection: HTTP1Connection) -> None:
            await connection.write_headers(ResponseStartLine("", 200, "OK"), HTTPHeaders())
            for _ in range(100):
                await connection.write(b"x" * 50_000)
            connection.finish()

        delegate = Requests(lambda connection: asyncio.ensure_future(answer(connection)))
        async with Served(delegate) as served:
            asking = HTTP1Connection(served.client, True)
            ask(asking, "POST", {"Host": "a"})

            async def send() -> None:
                for _ in range(100):
                    await asking.write(b"y" * 50_000)
                asking.finish()

            sending = asyncio.ensure_future(send())
            receiver = Receiver()
            assert await asking.read_response(receiver) is True
            await sending
            assert receiver.body == b"x" * 5_000_000
            assert b"".join(e for e in delegate.events if isinstance(e, bytes)) == b"y" * 5_000_000

    run(main)


def test_http_1_0_and_connections_for_one_request(run: Run) -> None:
    async def main() -> None:
        async with Served(Requests()) as served:
            await served.client.write(b"GET /1 HTTP/1.0\r\n\r\n")
            assert b"Connection: close\r\n" in await read_all(served.client)
        async with Served(Requests(say("hi", fields={}))) as served:
            await served.client.write(b"GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            # Without a length only the end of the connection ends the body.
            assert (await read_all(served.client)).endswith(b"\r\n\r\nhi")
        async with Served(Requests()) as served:
            await served.client.write(b"GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2)
            answer = HI.replace(b"\r\n\r\n", b"\r\nConnection: Keep-Alive\r\n\r\n")
            assert await served.client.read_bytes(2 * len(answer)) == answer * 2
        async with Served(Requests(), no_keep_alive=True) as served:
            await served.client.write(GET + GET)
            assert (await read_all(served.client)).count(b"200 OK") == 1

    run(main)


def test_expect_continue(run: Run) -> None:
    async def main() -> None:
        async with Served(Requests()) as served:
            await served.client.write(
                b"POST /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
            )
            assert await served.client.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 (Continue)\r\n\r\n"
            await served.client.write(b"abc")
            assert await served.client.read_bytes(len(HI)) == HI

    run(main)


def test_refused_requests(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    post = b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    cases: list[tuple[bytes, dict[str, Any], bytes, list[Any]]] = [
        (b"x\r\n\r\n", {}, b"400", []),
        (b"GET / HTTP/1.1\r\n\r\n", {}, b"400", []),
        (b"GET / HTTP/1.1\r\nA: %b" % (b"a" * 200), {"max_header_size": 100}, b"431", []),
        (post, {"max_body_size": 2}, b"413", ["close"]),
    ]

    async def main() -> None:
        for sent, parameters, code, events in cases:
            delegate = Requests()
            async with Served(delegate, **parameters) as served:
                await served.client.write(sent)
                assert (await read_all(served.client)).startswith(b"HTTP/1.1 " + code)
            assert delegate.events[-1] == "on_close"
            assert delegate.events[2:-1] == events

    with caplog.at_level(logging.INFO, "whirlwind.general"):
        run(main)
    assert len(caplog.records) == len(cases)


def test_the_limits_of_one_request(run: Run) -> None:
    async def main() -> None:
        delegate = Requests()
        delegate.hooks["headers"] = lambda *_: delegate.connections[-1].set_max_body_size(3)
        post = b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        async with Served(delegate, max_body_size=2) as served:
            await served.client.write(post)
            assert await served.client.read_bytes(len(HI)) == HI
        delegate = Requests()
        delegate.hooks["headers"] = lambda *_: delegate.connections[-1].set_body_timeout(0.001)
        async with Served(delegate) as served:
            await served.client.write(post[:-1])
            await until(lambda: b"ab" in delegate.events)
            served.expire()
            assert b" 408 " in await served.client.read_until(b"\r\n")
        async with Served(Requests(), header_timeout=0.001) as served:
            served.expire()
            assert await read_all(served.client) == b""

    run(main)


def test_gzip_requests(run: Run) -> None:
    async def main() -> None:
        delegate = Requests()
        async with Served(delegate, decompress=True) as served:
            content = gzip.compress(b"hello")
            await served.client.write(
                b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(content), content)
            )
            assert await served.client.read_bytes(len(HI)) == HI
            assert b"hello" in delegate.events

    run(main)


def test_answers_that_contradict_their_length(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        for length, received in (("3", b"hi"), ("1", b"")):
            delegate = Requests(say("hi", fields={"Content-Length": length}))
            async with Served(delegate) as served:
                await served.client.write(GET)
                answer = await read_all(served.client)
                assert answer.partition(b"\r\n\r\n")[2] == received

    run(main)
    assert [r.exc_info and r.exc_info[0] for r in caplog.records] == [HTTPOutputError] * 2


def test_a_client_that_leaves(run: Run) -> None:
    async def main() -> None:
        gone = asyncio.Event()
        delegate = Requests(lambda connection: connection.set_close_callback(gone.set))
        async with Served(delegate) as served:
            await served.client.write(GET)
            await until(lambda: "finish" in delegate.events)
            served.client.close()
            await gone.wait()
            await until(lambda: delegate.events[-1] == "on_close")
            assert "close" not in delegate.events, "it has heard of the end already"
        delegate = Requests()
        async with Served(delegate) as served:
            await served.client.write(b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na")
            await until(lambda: b"a" in delegate.events)
            served.client.close()
            await until(lambda: delegate.events[-1] == "on_close")
            assert delegate.events[-2] == "close"

    run(main)


def test_a_handler_hears_once_that_its_client_left(run: Run) -> None:
    called: list[str] = []

    class Waiting(web.RequestHandler):
        async def get(self) -> None:
            called.append("get")
            await asyncio.Event().wait()

        def on_connection_close(self) -> None:
            called.append("gone")

    async def main() -> None:
        served = Served(web.Application([("/1", Waiting)]))
        await served.client.write(GET)
        await until(lambda: called)
        served.client.close()
        await until(served.stream.closed)
        await served.connection.close()
        assert called == ["get", "gone"]

    run(main)


def test_a_handler_that_streams_hears_once_that_its_client_left(run: Run) -> None:
    called: list[str] = []

    @web.stream_request_body
    class Streaming(web.RequestHandler):
        def data_received(self, chunk: bytes) -> None:
            called.append("data")

        def on_connection_close(self) -> None:
            called.append("gone")

    async def main() -> None:
        served = Served(web.Application([("/1", Streaming)]))
        await served.client.write(b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
        await until(lambda: called)
        served.client.close()
        await until(served.stream.closed)
        await served.connection.close()
        assert called == ["data", "gone"]

    run(main)


def test_detaching_on_the_servers_side(run: Run) -> None:
    async def main() -> None:
        taken: list[IOStream] = []

        def take(connection: HTTP1Connection) -> None:
            connection.write_headers(ResponseStartLine("", 101, "Go"), HTTPHeaders())
            taken.append(connection.detach())
            assert connection.stream is None

        delegate = Requests(take)
        served = Served(delegate)
        await served.client.write(GET + b"not HTTP")
        assert b" 101 " in await served.client.read_until(b"\r\n\r\n")
        assert taken == [served.stream]
        assert await served.stream.read_bytes(8) == b"not HTTP"
        await served.stream.write(b"neither")
        assert await served.client.read_bytes(7) == b"neither"
        await until(lambda: delegate.events[-1] == "on_close")
        served.stream.close()
        served.client.close()

    run(main)


def test_nothing_of_a_connection_waits_for_the_garbage_collector(run: Run) -> None:
    async def main() -> None:
        delegate = Requests(say("hi"))
        async with Served(delegate) as served:
            await served.client.write(GET)
            await served.client.read_bytes(len(HI))
            references = [weakref.ref(served.connection), weakref.ref(served.stream)]
        events = delegate.events
        await until(lambda: events[-1] == "on_close")
        delegate.connections.clear()  # through them, the delegate refers to itself
        del served, delegate

        mine, theirs = stream_pair()
        connection = HTTP1Connection(mine, False)
        received = asyncio.Event()
        reading = asyncio.ensure_future(connection.read_response(Receiver(finish=received.set)))
        await theirs.write(GET)
        await received.wait()
        say("hi")(connection)
        assert await reading is True
        mine.close()
        theirs.close()
        references += [weakref.ref(connection), weakref.ref(mine)]
        del mine, connection, reading
        await until(lambda: not [each for each in references if each() is not None])

    gc.collect()
    gc.disable()
    try:
        run(main)
    finally:
        gc.enable()


def test_serving_twice_is_an_error(run: Run) -> None:
    async def main() -> None:
        async with Served(Requests()) as served:
            with pytest.raises(RuntimeError, match="served already"):
                served.connection.start_serving(Requests())

    run(main)


def test_closing_a_connection_that_was_never_served(run: Run) -> None:
    async def main() -> None:
        mine, theirs = stream_pair()
        await HTTP1ServerConnection(mine).close()
        assert mine.closed()
        theirs.close()

    run(main)


# --- one request by hand ------------------------------------------------------------------------


def test_one_request_by_hand(run: Run) -> None:
    async def main() -> None:
        mine, theirs = stream_pair()
        await theirs.write(GET + GET.replace(b" /1", b" /2") + b"rest")
        for path in ("/1", "/2"):
            connection = HTTP1Connection(mine, False)
            with pytest.raises(HTTPOutputError, match="No request"):
                connection.write(b"x")
            receiver = Receiver(finish=lambda c=connection: say("hi")(c))
            assert await connection.read_response(receiver) is True
            assert receiver.events[0][0] == ("GET", path, "HTTP/1.1")
            assert await theirs.read_bytes(len(HI)) == HI
        assert await mine.read_bytes(4) == b"rest"
        mine.close()
        theirs.close()

    run(main)


def test_one_request_by_hand_answered_later(run: Run) -> None:
    async def main() -> None:
        mine, theirs = stream_pair()
        connection = HTTP1Connection(mine, False)
        received = asyncio.Event()
        reading = asyncio.ensure_future(connection.read_response(Receiver(finish=received.set)))
        await theirs.write(GET)
        await received.wait()
        assert not reading.done()
        say("hi")(connection)
        assert await reading is True
        assert not mine.closed()
        mine.close()
        theirs.close()

    run(main)


@pytest.mark.parametrize("request_", [b"", GET])
def test_the_close_callback_of_one_request_by_hand(run: Run, request_: bytes) -> None:
    async def main() -> None:
        mine, theirs = stream_pair()
        connection = HTTP1Connection(mine, False)
        called: list[str] = []
        connection.set_close_callback(lambda: called.append("gone"))
        receiver = Receiver()
        reading = asyncio.ensure_future(connection.read_response(receiver))
        await theirs.write(request_)
        if request_:
            await until(lambda: "finish" in receiver.events)
        theirs.close()
        assert await reading is False
        assert called == ["gone"]

    run(main)


def test_one_request_by_hand_that_does_not_come(run: Run) -> None:
    async def main() -> None:
        mine, theirs = stream_pair()
        reading = asyncio.ensure_future(HTTP1Connection(mine, False).read_response(Receiver()))
        await asyncio.sleep(0)
        theirs.close()
        assert await reading is False

        mine, theirs = stream_pair()
        connection = HTTP1Connection(mine, False)
        receiver = Receiver(finish=lambda: connection.detach())
        await theirs.write(GET + b"rest")
        assert await connection.read_response(receiver) is False
        assert await mine.read_bytes(4) == b"rest"
        mine.close()
        theirs.close()

        # The answer before the end of the request: the rest of it has no reader.
        mine, theirs = stream_pair()
        connection = HTTP1Connection(mine, False)
        receiver = Receiver(headers=lambda *_: say("hi")(connection))
        await theirs.write(b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na")
        reading = asyncio.ensure_future(connection.read_response(receiver))
        assert await theirs.read_bytes(len(HI)) == HI
        theirs.close()
        assert await reading is False

    run(main)


# --- programs of their own ----------------------------------------------------------------------


class Context:
    """What an application sees of a connection."""

    def __init__(self, stream: IOStream, address: Any) -> None:
        self.remote_ip = address[0] + " (behind us)"
        self.protocol = "https" if isinstance(stream, SSLIOStream) else "http"


class Hello(web.RequestHandler):
    def get(self, name: str) -> None:
        request = self.request
        self.write(f"{name} {request.remote_ip} {request.protocol} {request.host}")

    def post(self, name: str) -> None:
        self.write(self.get_argument("a") + " " + str(len(self.request.body)))


class OwnServer(TCPServer):
    """An HTTP server that a program made itself."""

    def __init__(self, application: Any, **options: Any) -> None:
        super().__init__(**options)
        self.application = application
        self.connections: set[HTTP1ServerConnection] = set()

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        connection = HTTP1ServerConnection(stream, None, Context(stream, address))
        self.connections.add(connection)
        connection.start_serving(self)  # type: ignore[arg-type]

    def start_request(self, server_conn: Any, request_conn: Any) -> HTTPMessageDelegate:
        delegate: HTTPMessageDelegate = self.application.start_request(server_conn, request_conn)
        return delegate

    def on_close(self, server_conn: Any) -> None:
        self.connections.remove(server_conn)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_server_and_a_client_of_their_own(
    run: Run, certificate: Certificate, secure: bool
) -> None:
    async def fetch(stream: IOStream, method: str, path: str, body: bytes | None = None) -> bytes:
        connection = HTTP1Connection(stream, True)
        fields = {"Host": "example.com", "Content-Type": "application/x-www-form-urlencoded"}
        if body is not None:
            fields["Content-Length"] = str(len(body))
        await connection.write_headers(
            RequestStartLine(method, path, ""), HTTPHeaders(fields), body
        )
        connection.finish()
        receiver = Receiver()
        assert await connection.read_response(receiver) is True
        assert receiver.events[0][0][1] == 200
        return receiver.body

    async def main() -> None:
        application = web.Application([(r"/(.*)", Hello)], log_function=lambda handler: None)
        server = OwnServer(application, ssl_options=certificate.server() if secure else None)
        server.listen(0, "127.0.0.1")
        [sock] = server._sockets.values()
        context: ssl.SSLContext | None = certificate.client() if secure else None
        stream = await TCPClient().connect(*sock.getsockname(), ssl_options=context)
        protocol = b"https" if secure else b"http"
        expected = b"127.0.0.1 (behind us) " + protocol + b" example.com"
        assert await fetch(stream, "GET", "/x") == b"x " + expected
        assert await fetch(stream, "GET", "/y") == b"y " + expected
        body = b"a=b&c=" + b"d" * 300_000
        assert await fetch(stream, "POST", "/z", body) == b"b %d" % len(body)
        [connection] = server.connections
        stream.close()
        await until(lambda: not server.connections)
        await connection.close()
        server.stop()

    run(main)
