"""Clients that leave: in the head, in the body, during the answer, in a pipeline, half."""

from __future__ import annotations

import asyncio
import logging

import pytest

from .raw import build, wait_until
from .server import web


class Echo(web.RequestHandler):
    def get(self):
        self.write(self.request.path)

    def post(self):
        self.write(self.request.body)


def leave(connection, how):
    if how == "close":
        connection.close()
    elif how == "reset":
        connection.abort()
    else:
        connection.half_close()


def is_sane(server, logs):
    """The server still serves, and nothing was reported as a fault of the program."""
    assert server.request("/alive").body == b"/alive"
    assert logs.lines(level=logging.ERROR) == []
    assert logs.tracebacks() == []


@pytest.mark.parametrize("how", ["close", "reset", "half"])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\nHos",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
    ],
    ids=["nothing", "byte", "head", "before body", "body", "chunk", "continue"],
)
def test_leaving_in_a_request(serve, logs, how, data):
    reached = []

    class Handler(Echo):
        def post(self):
            reached.append(True)

    server = serve(Handler)
    with server.connect() as connection:
        connection.send(data)
        server.turn()
        leave(connection, how)
        if how == "half":
            while connection.reader.fill():
                pass
        server.turn()
    is_sane(server, logs)
    assert reached == []


@pytest.mark.parametrize("how", ["close", "reset", "half"])
def test_leaving_in_a_streamed_body_is_told_to_the_handler(serve, logs, how):
    calls = []

    @web.stream_request_body
    class Handler(Echo):
        def data_received(self, chunk):
            calls.append(bytes(chunk))

        def on_connection_close(self):
            calls.append("closed")

        def post(self):
            calls.append("post")

    server = serve(Handler)
    with server.connect() as connection:
        connection.send(build("/", "POST", b"abc", {"Content-Length": "10"}))
        wait_until(lambda: b"abc" in calls)
        leave(connection, how)
        wait_until(lambda: "closed" in calls)
    assert calls == [b"abc", "closed"]
    is_sane(server, logs)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_leaving_while_the_handler_works_is_told_to_the_handler(serve, logs, how):
    calls = []
    gate = asyncio.Event()

    class Handler(Echo):
        async def get(self):
            if self.request.path == "/alive":
                return super().get()
            calls.append("get")
            await gate.wait()
            self.write("too late")

        def on_connection_close(self):
            calls.append("closed")
            super().on_connection_close()

        def on_finish(self):
            calls.append("finished")

    server = serve(Handler)
    with server.connect() as connection:
        connection.send(build())
        wait_until(lambda: "get" in calls)
        leave(connection, how)
        wait_until(lambda: "closed" in calls)
    server.call(gate.set)
    server.turn()
    assert calls[:2] == ["get", "closed"]
    is_sane(server, logs)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_leaving_during_a_streamed_answer_ends_the_handler(serve, logs, how):
    calls = []

    class Handler(Echo):
        async def get(self):
            if self.request.path == "/alive":
                return super().get()
            try:
                for _ in range(5000):
                    self.write(b"x" * 65536)
                    await self.flush()
                calls.append("never told")
            except Exception as error:
                calls.append(type(error).__name__)
                raise

        def on_connection_close(self):
            calls.append("closed")

    server = serve(Handler)
    with server.connect() as connection:
        connection.send(build())
        connection.reader.fill()
        leave(connection, how)
    wait_until(lambda: "StreamClosedError" in calls or "never told" in calls)
    server.turn()
    assert calls.count("StreamClosedError") == 1
    assert calls.count("closed") <= 1
    is_sane(server, logs)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_leaving_in_a_pipeline(serve, logs, how):
    seen = []

    class Handler(Echo):
        async def get(self):
            seen.append(self.request.path)
            await asyncio.sleep(0)
            self.write("x" * 1000)

    server = serve(Handler)
    with server.connect() as connection:
        connection.send(b"".join(build(f"/{number}") for number in range(200)))
        connection.send(b"GET /cut HT")
        wait_until(lambda: seen)
        leave(connection, how)
    server.turn()
    numbers = [path for path in seen if path != "/alive"]
    assert numbers == [f"/{number}" for number in range(len(numbers))]
    assert server.request("/alive").status == 200
    assert logs.lines(level=logging.ERROR) == []


def test_half_close_after_a_request_still_gets_the_answer(serve, logs):
    server = serve(Echo)
    with server.connect() as connection:
        connection.send(build("/mine"))
        connection.half_close()
        assert connection.read().body == b"/mine"
        connection.read_eof()
    is_sane(server, logs)


def test_half_close_after_a_pipeline_still_gets_the_answers(serve, logs):
    server = serve(Echo)
    with server.connect() as connection:
        connection.send(build("/1") + build("/2", "POST", b"two") + build("/3"))
        connection.half_close()
        assert [connection.read().body for _ in range(3)] == [b"/1", b"two", b"/3"]
        connection.read_eof()
    is_sane(server, logs)


def test_idle_connections_may_leave(serve, logs):
    server = serve(Echo)
    connections = [server.connect() for _ in range(50)]
    for connection in connections[:25]:
        connection.request()
    for connection in connections:
        connection.close()
    server.turn()
    is_sane(server, logs)
    assert logs.lines("general") == []


@pytest.mark.parametrize("flushes", [False, True])
def test_write_after_the_client_left_is_quiet(serve, logs, flushes):
    gate = asyncio.Event()
    ended = []

    class Handler(Echo):
        async def get(self):
            if self.request.path == "/alive":
                return super().get()
            ended.append("started")
            await gate.wait()
            if flushes:
                self.write("x")
                self.flush()
                self.write("y")
            self.finish("late")

        def on_finish(self):
            ended.append("finished")

    server = serve(Handler)
    with server.connect() as connection:
        connection.send(build())
        wait_until(lambda: ended)
        connection.abort()
    server.turn()
    server.call(gate.set)
    wait_until(lambda: "finished" in ended)
    is_sane(server, logs)


def test_on_connection_close_is_not_called_after_a_normal_answer(serve):
    calls = []

    class Handler(Echo):
        def on_connection_close(self):
            calls.append("closed")

    server = serve(Handler)
    with server.connect() as connection:
        connection.request()
        connection.request()
    server.turn()
    server.turn()
    assert calls == []


@pytest.mark.parametrize("where", ["prepare", "data_received", "post"])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_leaving_while_a_streaming_handler_waits(serve, logs, where, how):
    calls = []
    gate = asyncio.Event()

    async def wait(self, *args):
        if self.request.path != "/alive":
            calls.append(where)
            await gate.wait()
            calls.append("woken")

    def closed(self):
        calls.append("closed")

    methods = {
        "data_received": lambda self, chunk: None,
        where: wait,
        "on_connection_close": closed,
    }
    handler = web.stream_request_body(type("Handler", (Echo,), methods))
    server = serve(handler)
    with server.connect() as connection:
        length = "3" if where == "post" else "10"
        connection.send(build("/", "POST", b"abc", {"Content-Length": length}))
        wait_until(lambda: calls)
        leave(connection, how)
        if where == "post":
            wait_until(lambda: "closed" in calls)
        # While a receiver waits nothing is read, so the end is heard of only afterwards.
        server.call(gate.set)
        wait_until(lambda: {"closed", "woken"} <= set(calls))
    server.turn()
    assert sorted(calls) == sorted([where, "closed", "woken"])
    is_sane(server, logs)


@pytest.mark.parametrize(
    "sent",
    [
        build("/", fields={"Connection": "close"}) + b"GET / HT",
        build("/", "POST", b"abc", {"Content-Length": "10"}),
        b"nonsense",
    ],
    ids=["another request behind", "a part of a body", "nonsense"],
)
def test_leaving_before_an_answer_that_ends_the_connection(serve, logs, sent):
    """The answer finds nobody, and the system tells so when our side of the connection ends."""

    class Early(web.RequestHandler):
        def get(self):
            self.write("Hello")

        def prepare(self):
            if self.request.method == "POST":
                self.finish("no need of a body")

    server = serve(web.stream_request_body(Early))
    for _ in range(3):
        with server.held():
            connection = server.connect()
            connection.send(sent)
            connection.close()
        server.turn()
    assert server.request("/").body == b"Hello"
    assert logs.lines(level=logging.ERROR) == []
