"""``request.connection.stream``, and answers that a callback writes byte for byte."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest

from whirlwind.ioloop import IOLoop
from whirlwind.iostream import StreamClosedError

from .raw import build
from .server import httputil, web
from .test_server_lifecycle import CERTIFICATE


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def secure(request):
    return request.param


@pytest.fixture
def reach(serve, secure):
    """Serves a handler, over TLS or not, and connects to it."""

    def reach(handler):
        server = serve(handler, **({"ssl_options": CERTIFICATE} if secure else {}))
        context = None
        if secure:
            context = ssl.create_default_context(cafile=CERTIFICATE["certfile"])
        return server, server.connect(context=context)

    return reach


class TestAsItIs:
    def test_questions_do_not_detach(self, reach, secure) -> None:
        class Tell(web.RequestHandler):
            def get(self):
                stream = self.request.connection.stream
                assert stream is self.request.connection.stream
                assert stream.io_loop is IOLoop.current()
                assert stream.error is None
                assert not stream.reading()
                assert not stream.writing()
                stream.set_nodelay(True)
                nodelay = stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                self.write(
                    {
                        "closed": stream.closed(),
                        "peer": stream.socket.getpeername()[1],
                        "nodelay": bool(nodelay),
                        "fd": stream.fileno() >= 0,
                        "tls": hasattr(stream.socket, "cipher"),
                    }
                )

        _, connection = reach(Tell)
        for _ in range(2):  # the connection goes on
            answer = connection.request()
            assert answer.body.decode() == (
                f'{{"closed": false, "peer": {connection.name[1]}, "nodelay": true, "fd": true, '
                f'"tls": {"true" if secure else "false"}}}'
            )

    def test_close(self, reach) -> None:
        class Close(web.RequestHandler):
            def get(self):
                self.finish("last")
                self.request.connection.stream.close()

        _, connection = reach(Close)
        assert connection.request().body == b"last"
        connection.read_eof()

    def test_the_close_callback(self, reach) -> None:
        gone = []
        waiting = []

        class Wait(web.RequestHandler):
            async def get(self):
                stream = self.request.connection.stream
                stream.set_close_callback(lambda: gone.append((stream.closed(), stream.fileno())))
                waiting.append(asyncio.get_running_loop().create_future())
                await self.flush()
                await waiting[0]

        server, connection = reach(Wait)
        connection.send(build())
        connection.reader.head()
        connection.close()
        while not gone:
            server.turn()
        assert gone == [(True, -1)]
        server.call(lambda: waiting[0].set_result(None))

    def test_is_closed_once_the_handler_was_told_so(self, reach) -> None:
        told = []
        waiting = []

        class Wait(web.RequestHandler):
            async def get(self):
                waiting.append(asyncio.get_running_loop().create_future())
                await self.flush()
                await waiting[0]
                told.append(self.request.connection.stream.closed())

            def on_connection_close(self):
                told.append(self.request.connection.stream.closed())

        server, connection = reach(Wait)
        connection.send(build())
        connection.reader.head()
        connection.close()
        while not told:
            server.turn()
        server.call(lambda: waiting[0].set_result(None))
        while len(told) < 2:
            server.turn()
        assert told == [True, True]

    def test_is_none_when_the_connection_was_given_away(self, reach) -> None:
        class Detach(web.RequestHandler):
            async def get(self):
                connection = self.request.connection
                before = connection.stream
                assert before is not None
                stream = self.detach()
                assert connection.stream is None
                await stream.write(b"mine\n")
                stream.close()
                assert connection.stream is None

        _, connection = reach(Detach)
        connection.send(build())
        assert connection.reader.exactly(5) == b"mine\n"

    def test_what_a_stream_does_not_have_either(self, serve) -> None:
        class Ask(web.RequestHandler):
            def get(self):
                self.write(str(hasattr(self.request.connection.stream, "no_such_name")))

        with serve(Ask).connect() as connection:
            assert connection.request().body == connection.request().body == b"False"


class TestReadingAndWriting:
    def test_detaches(self, reach, secure) -> None:
        class Echo(web.RequestHandler):
            async def get(self):
                stream = self.request.connection.stream
                await stream.write(b"welcome\n")
                assert hasattr(stream.socket, "getpeercert") is secure
                line = await stream.read_until(b"\n")
                await stream.write(line.upper())
                assert stream is self.request.connection.stream
                stream.close()
                assert stream.closed()
                with pytest.raises(StreamClosedError):
                    await stream.write(b"more")
                done.append(True)

        done = []
        server, connection = reach(Echo)
        connection.send(build() + b"hello\n")
        assert connection.reader.exactly(14) == b"welcome\nHELLO\n"
        try:
            assert connection.reader.rest() == b""
        except ssl.SSLEOFError:
            pass  # closed without "close notify"
        server.turn()
        assert done == [True]


class TestAnswersWrittenByTheCallback:
    def test_bytes_for_bytes(self, start, logs) -> None:
        def answer(request):
            request.connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
            request.connection.write(b"Hello")
            request.connection.finish()

        server = start(answer)
        with server.connect() as connection:
            assert connection.request().body == b"Hello"
            connection.read_eof()  # nobody but the callback knows where its answer ends
        assert logs.tracebacks() == []

    def test_anything_else_before_a_head_is_a_mistake(self, start, logs) -> None:
        def answer(request):
            request.connection.write(b"Hello")

        assert start(answer).request().status == 500
        assert logs.errors() == [httputil.HTTPOutputError]
