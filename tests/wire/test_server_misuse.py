"""Handlers that do it wrong: raise late, miscount, never finish, finish twice, write after."""

from __future__ import annotations

import asyncio

import pytest

from .raw import MalformedAnswer, NoAnswer, build, wait_until
from .server import httputil, web


def is_alive(server):
    """A request on a new connection is served."""
    return server.request("/alive").status == 200


class Alive(web.RequestHandler):
    """Does what ``misbehave`` says, except at /alive."""

    async def get(self):
        if self.request.path == "/alive":
            return
        await self.misbehave()


def handler(function):
    return type("Handler", (Alive,), {"misbehave": function})


async def raises_after_flush(self):
    self.write("partial")
    await self.flush()
    raise ZeroDivisionError


async def http_error_after_flush(self):
    self.write("partial")
    await self.flush()
    raise web.HTTPError(400)


@pytest.mark.parametrize("function", [raises_after_flush, http_error_after_flush])
def test_an_error_after_flush_cuts_the_answer_visibly(serve, logs, function):
    """A client must be able to tell that the chunked body is not whole."""
    server = serve(handler(function))
    with server.connect() as connection:
        connection.send(build())
        with pytest.raises(NoAnswer):
            connection.read()
        assert b"500" not in connection.reader.buffer
    assert is_alive(server)


def test_an_error_after_flush_of_everything_is_no_second_answer(serve, logs):
    async def misbehave(self):
        self.set_header("Content-Length", "3")
        self.write("abc")
        await self.flush()
        raise ZeroDivisionError

    server = serve(handler(misbehave))
    with server.connect() as connection:
        connection.send(build() + build("/alive"))
        assert connection.read().body == b"abc"
        # Either the connection ends here, or the second answer is a proper one.
        if connection.reader.buffer or connection.reader.fill():
            assert connection.read().status == 200
    assert len([line for line in logs.tracebacks() if "Uncaught" in line]) == 1
    assert is_alive(server)


def test_less_than_the_declared_length_cuts_the_answer(serve, logs):
    async def misbehave(self):
        self.set_header("Content-Length", "10")
        self.write("abc")
        await self.flush()
        self.write("def")

    server = serve(handler(misbehave))
    with server.connect() as connection:
        connection.send(build() + build("/alive"))
        with pytest.raises(NoAnswer):
            connection.read()
    assert is_alive(server)


@pytest.mark.parametrize("length", [3, 0])
def test_more_than_the_declared_length_never_reaches_the_wire(serve, logs, length):
    async def misbehave(self):
        self.set_header("Content-Length", str(length))
        self.write("abc"[:length])
        await self.flush()
        self.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

    server = serve(handler(misbehave))
    with server.connect() as connection:
        connection.send(build() + build("/alive"))
        answer = connection.read()
        assert answer.body == b"abc"[:length]
        rest = connection.reader.rest()
        assert b"evil" not in rest
        assert rest == b""  # RFC 9112 section 6.3: the connection can not be trusted any more
    assert is_alive(server)


@pytest.mark.parametrize("body", ["abc", "abcdef"])
def test_a_wrong_length_before_the_head_is_sent(serve, logs, body):
    """Nothing is on the wire yet, so an error page or a cut connection, but never a lie."""

    async def misbehave(self):
        self.set_header("Content-Length", "5")
        self.finish(body)

    server = serve(handler(misbehave))
    with server.connect() as connection:
        connection.send(build())
        try:
            answer = connection.read()
        except NoAnswer:
            pass
        else:
            assert answer.status == 500 or answer.body == body.encode()
    assert is_alive(server)


@pytest.mark.parametrize("length", ["-1", "x", "+3", "1_0", "3, 3", ""])
def test_a_malformed_length_never_reaches_the_wire(serve, logs, length):
    async def misbehave(self):
        self.set_header("Content-Length", length)
        self.write("abc")
        await self.flush()

    server = serve(handler(misbehave))
    with server.connect() as connection:
        connection.send(build())
        try:
            answer = connection.read()
        except MalformedAnswer:
            raise
        except NoAnswer:
            pass
        else:
            assert answer.status == 500 or answer.body == b"abc"
    assert is_alive(server)


def test_finish_twice_is_an_error_of_the_program(serve, logs):
    async def misbehave(self):
        self.finish("once")
        self.finish("twice")

    server = serve(handler(misbehave))
    with server.connect() as connection:
        connection.send(build() + build("/alive"))
        assert connection.read().body == b"once"
        if connection.reader.buffer or connection.reader.fill():
            assert connection.read().status == 200
    assert logs.errors() == [RuntimeError]
    assert is_alive(server)


def test_write_after_finish_is_an_error_of_the_program(serve, logs):
    async def misbehave(self):
        self.finish("once")
        self.write("more")

    server = serve(handler(misbehave))
    assert server.request().body == b"once"
    assert len(logs.tracebacks()) == 1
    assert is_alive(server)


def test_an_error_after_finish_is_logged_and_harmless(serve, logs):
    async def misbehave(self):
        self.finish("done")
        raise ZeroDivisionError

    server = serve(handler(misbehave))
    with server.connect() as connection:
        assert connection.request().body == b"done"
        assert connection.request("/alive").status == 200
    assert len(logs.tracebacks()) == 1


def test_an_error_in_on_finish_is_logged_and_harmless(serve, logs):
    class Handler(web.RequestHandler):
        def get(self):
            self.write("done")

        def on_finish(self):
            raise ZeroDivisionError

    server = serve(Handler)
    with server.connect() as connection:
        assert connection.request().body == b"done"
        assert connection.request().body == b"done"
    server.turn()
    server.loop_errors.clear()


def test_an_error_in_write_error_ends_the_request(serve, logs):
    class Handler(web.RequestHandler):
        def get(self):
            if self.request.path != "/alive":
                raise web.HTTPError(400)

        def write_error(self, status_code, **kwargs):
            raise KeyError("in write_error")

    server = serve(Handler)
    with server.connect() as connection:
        connection.send(build())
        answer = connection.read()
        assert answer.status in (400, 500)
    assert len(logs.tracebacks()) == 1
    assert is_alive(server)


@pytest.mark.parametrize("hook", ["initialize", "set_default_headers", "prepare", "log_exception"])
def test_an_error_in_a_hook_does_not_hang_the_client(serve, logs, hook):
    def broken(self, *args, **kwargs):
        if self.request.path != "/alive":
            raise KeyError(hook)

    async def misbehave(self):
        raise ZeroDivisionError

    server = serve(type("Handler", (Alive,), {"misbehave": misbehave, hook: broken}))
    with server.connect() as connection:
        connection.send(build())
        try:
            assert connection.read().status == 500
        except NoAnswer:
            assert connection.reader.at_eof
    assert is_alive(server)
    server.loop_errors.clear()


def test_an_error_in_log_function_is_harmless(serve, logs):
    class Handler(web.RequestHandler):
        def get(self):
            self.write("done")

    def log_function(handler):
        raise ZeroDivisionError

    server = serve(Handler, {"log_function": log_function})
    with server.connect() as connection:
        assert connection.request().body == b"done"
    assert server.request().body == b"done"
    server.loop_errors.clear()


def test_a_handler_that_never_finishes_holds_only_its_own_connection(serve, logs):
    started = []

    async def misbehave(self):
        started.append(True)
        await asyncio.Event().wait()

    server = serve(handler(misbehave))
    with server.connect() as connection:
        connection.send(build() + build("/alive"))
        wait_until(lambda: started)
        assert is_alive(server)
        server.turn()
        assert connection.is_quiet()


def test_a_callback_that_never_finishes_holds_only_its_own_connection(start, logs):
    held = []

    def application(request):
        if request.path == "/alive":
            lines = httputil.ResponseStartLine("HTTP/1.1", 200, "OK")
            headers = httputil.HTTPHeaders({"Content-Length": "0"})
            request.connection.write_headers(lines, headers)
            request.connection.finish()
        else:
            held.append(request)

    server = start(application)
    with server.connect() as connection:
        connection.send(build())
        wait_until(lambda: held)
        assert is_alive(server)
        assert connection.is_quiet()
        held.clear()


@pytest.mark.parametrize("code", [204, 304])
def test_a_body_where_none_may_be_is_an_error(serve, logs, code):
    async def misbehave(self):
        self.set_status(code)
        self.write("x")

    server = serve(handler(misbehave))
    assert server.request().status == 500
    assert len(logs.tracebacks()) == 1


@pytest.mark.parametrize("code", [100, 101, 199])
def test_an_informational_status_does_not_corrupt_the_connection(serve, logs, code):
    async def misbehave(self):
        self.set_status(code)

    server = serve(handler(misbehave))
    with server.connect() as connection:
        connection.send(build() + build("/alive", fields={"Connection": "close"}))
        data = connection.reader.rest()
    assert data.count(b"HTTP/1.1 ") <= 2
    assert is_alive(server)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "\x7f"])
@pytest.mark.parametrize("method", ["set_header", "add_header"])
def test_control_characters_in_values_are_refused_when_set(serve, logs, value, method):
    refused = []

    async def misbehave(self):
        try:
            getattr(self, method)("X-Value", value)
        except ValueError:
            refused.append(True)
        self.write("x")

    answer = serve(handler(misbehave)).request()
    assert refused == [True]
    assert answer.get("X-Value") is None
    assert answer.get("X-Evil") is None


def test_unwritable_types_are_errors(serve, logs):
    async def misbehave(self):
        self.write([1, 2])

    server = serve(handler(misbehave))
    assert server.request().status == 500
    assert len(logs.tracebacks()) == 1


def test_send_error_after_flush_finishes(serve, logs):
    async def misbehave(self):
        self.write("x")
        await self.flush()
        self.send_error(500)

    server = serve(handler(misbehave))
    with server.connect() as connection:
        connection.send(build(fields={"Connection": "close"}))
        data = connection.reader.rest()
    assert data.count(b"HTTP/1.1 ") == 1
    assert is_alive(server)
