"""Answers given before the request's body has come: the rest of the body is never a request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading

import pytest

from .raw import DEADLINE, NoAnswer, build, wait_until
from .server import web

SMUGGLED = build("/smuggled")
SEEN: list[str] = []


class Base(web.RequestHandler):
    def prepare(self):
        SEEN.append(self.request.path)
        self.decide()

    def decide(self):
        pass

    def data_received(self, chunk):
        pass

    def get(self):
        self.write("got")

    def post(self):
        self.write("posted")


@web.stream_request_body
class Refusing(Base):
    def decide(self):
        if self.request.method == "POST":
            raise web.HTTPError(403)


@web.stream_request_body
class Finishing(Base):
    def decide(self):
        if self.request.method == "POST":
            self.finish("early")


@web.stream_request_body
class FinishingLater(Base):
    async def data_received(self, chunk):
        await asyncio.sleep(0)
        if not self._finished:
            self.finish("early")


HANDLERS = [Refusing, Finishing, FinishingLater]


@pytest.fixture(autouse=True)
def forget():
    SEEN.clear()


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda h: h.__name__)
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("packets", ["one", "two"])
def test_the_rest_of_the_body_is_not_a_request(serve, logs, handler, framing, packets):
    """The body looks like a request; then a real one follows, answered or refused by closing."""
    server = serve(handler)
    first = SMUGGLED * 20
    if framing == "length":
        fields = {"Content-Length": str(2 * len(first))}
        pieces = [first, first]
    else:
        fields = {"Transfer-Encoding": "chunked"}
        pieces = [b"%x\r\n%s\r\n" % (len(first), first)] * 2
        pieces[1] += b"0\r\n\r\n"
    with server.connect() as connection:
        head = build("/post", "POST", b"", fields)
        if packets == "one":
            connection.send(head + pieces[0] + pieces[1] + build("/after"))
            answer = connection.read()
        else:
            connection.send(head + pieces[0])
            answer = connection.read()
            connection.send(pieces[1] + build("/after"))
        assert answer.status in (200, 403)
        if answer.status == 200:
            assert answer.body == b"early"
        try:
            after = connection.read()
        except NoAnswer:
            assert connection.reader.at_eof  # closed, which is as good
        else:
            assert not answer.says_close
            assert after.body == b"got"
    server.turn()
    assert SEEN in (["/post"], ["/post", "/after"])
    assert logs.tracebacks() == []


@pytest.mark.parametrize("handler", [Refusing, Finishing], ids=lambda h: h.__name__)
@pytest.mark.parametrize(
    "framing", [{"Transfer-Encoding": "chunked"}, {"Content-Length": "2000000"}], ids=str
)
def test_a_long_body_is_not_waited_for(serve, logs, handler, framing):
    server = serve(handler)
    with server.connect() as connection:
        connection.send(build("/post", "POST", None, framing))
        assert connection.read().says_close
        connection.read_eof()
    assert logs.lines("general", logging.WARNING) in ([], ["403 POST /post (127.0.0.1)"])


def test_a_streamed_answer_that_ends_before_a_long_body_ends_the_connection(serve):
    @web.stream_request_body
    class Streaming(Base):
        async def prepare(self):
            self.write("a")
            await self.flush()
            self.finish("b")

    with serve(Streaming).connect() as connection:
        connection.send(build("/", "POST", None, {"Transfer-Encoding": "chunked"}))
        assert connection.read().body == b"ab"
        connection.read_eof()


@pytest.mark.parametrize("data", [build()[:10], build("/", "POST", b"abc")[:-1]], ids=repr)
def test_a_client_that_leaves_makes_no_noise(serve, logs, data):
    server = serve(Finishing)
    with server.connect() as connection:
        connection.send(data)
        server.turn()
        connection.half_close()
        with contextlib.suppress(NoAnswer):
            connection.reader.rest()
    assert logs.lines("general", logging.INFO) == []


@pytest.mark.parametrize("handler", [Refusing, Finishing], ids=lambda h: h.__name__)
def test_an_expecting_client_gets_the_answer_instead_of_100(serve, logs, handler):
    server = serve(handler)
    with server.connect() as connection:
        fields = {"Expect": "100-continue", "Content-Length": "1000000"}
        connection.send(build("/", "POST", b"", fields))
        assert connection.read().status in (200, 403)
        connection.send(SMUGGLED)  # a client that goes on with something else is not understood
        server.turn()
    assert SEEN == ["/"]


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda h: h.__name__)
def test_a_client_that_sends_everything_first_can_still_read_the_answer(serve, logs, handler):
    server = serve(handler)
    with server.connect() as connection:
        body = b"x" * 4_000_000
        sender = threading.Thread(target=connection.send, args=(build("/", "POST", body),))
        sender.start()
        answer = connection.read()
        assert answer.status in (200, 403)
        sender.join(DEADLINE)
        assert not sender.is_alive()
    assert logs.tracebacks() == []


def test_an_early_answer_of_a_slow_handler_leaves_the_order(serve):
    """The answer ends while the body still comes; the next request waits for both."""
    gate = asyncio.Event()

    @web.stream_request_body
    class Handler(Base):
        async def data_received(self, chunk):
            SEEN.append("chunk")
            await gate.wait()

    server = serve(Handler)
    with server.connect() as connection:
        connection.send(build("/1", "POST", b"abc") + build("/2"))
        wait_until(lambda: "chunk" in SEEN)
        server.turn()
        assert SEEN == ["/1", "chunk"]
        server.call(gate.set)
        assert connection.read().body == b"posted"
        assert connection.read().body == b"got"
    assert SEEN == ["/1", "chunk", "/2"]


@pytest.mark.parametrize("framing", ["short", "long"])
def test_an_answer_while_the_body_comes_ends_the_handler(serve, framing):
    """Its method is not called, and nobody waits for what is left of the body."""
    runs = []

    @web.stream_request_body
    class Handler(Base):
        async def _execute(self, *args, **kwargs):
            runs.append("begun")
            await super()._execute(*args, **kwargs)
            runs.append("ended")

        def data_received(self, chunk):
            if not self._finished:
                self.finish("early")

        def post(self):
            runs.append("post")

    size = 6 if framing == "short" else 2_000_000
    with serve(Handler).connect() as connection:
        connection.send(build("/", "POST", b"abc", {"Content-Length": str(size)}))
        assert connection.read().body == b"early"
        wait_until(lambda: "ended" in runs)
        if framing == "short":
            connection.send(b"def" + build("/after"))
            assert connection.read().body == b"got"
        else:
            connection.read_eof()
    assert "post" not in runs


@pytest.mark.parametrize("packets", ["one", "two"])
@pytest.mark.parametrize("error", [web.HTTPError(413), ZeroDivisionError()], ids=repr)
def test_an_error_in_data_received_ends_the_connection(serve, logs, packets, error):
    @web.stream_request_body
    class Raising(Base):
        def data_received(self, chunk):
            raise error

    server = serve(Raising)
    with server.connect() as connection:
        connection.send(build("/post", "POST", SMUGGLED, {"Content-Length": "1000"}))
        if packets == "two":
            server.turn()
        connection.send(SMUGGLED * 20)
        if connection.reader.fill():
            answer = connection.read()
            assert answer.status >= 400
            assert answer.says_close
        connection.read_eof()
    assert SEEN == ["/post"]
