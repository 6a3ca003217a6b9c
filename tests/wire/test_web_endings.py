"""Ends of requests that are neither answers nor plain errors."""

from __future__ import annotations

import asyncio

import pytest

from .server import web


def cancelled():
    """A future that somebody has cancelled."""
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    return future


class Awaits(web.RequestHandler):
    async def get(self):
        await cancelled()


class AwaitsLater(web.RequestHandler):
    async def get(self):
        await asyncio.sleep(0)
        await cancelled()


class Raises(web.RequestHandler):
    async def get(self):
        raise asyncio.CancelledError


class Looks(web.RequestHandler):
    def get(self):
        cancelled().result()


class Prepares(web.RequestHandler):
    async def prepare(self):
        await cancelled()


@pytest.mark.parametrize("handler", [Awaits, AwaitsLater, Raises, Looks, Prepares])
def test_waiting_for_what_was_cancelled(serve, logs, handler):
    """It is an error of the handler: nobody has cancelled the handler itself."""
    server = serve(handler)
    with server.connect() as connection:
        for _ in range(2):
            assert connection.request("/").status == 500
    assert [type(record.exc_info[1]) for record in logs.records if record.exc_info] == [
        asyncio.CancelledError
    ] * 2
    assert logs.lines("application")[0].startswith("Uncaught exception GET / (127.0.0.1)")


@pytest.mark.parametrize("status", [204, 304])
def test_errors_without_a_body(serve, logs, status):
    class Ends(web.RequestHandler):
        def get(self):
            raise web.HTTPError(status)

    with serve(Ends).connect() as connection:
        for _ in range(2):
            answer = connection.request("/")
            assert (answer.status, answer.body) == (status, b"")
            assert answer.get("Content-Length") is None
            assert answer.get("Content-Type") is None
    assert logs.lines("application") == []


@pytest.mark.parametrize("finishes", [False, True])
@pytest.mark.parametrize("status", [204, 304])
def test_an_error_page_where_there_is_no_place_for_one(serve, status, finishes):
    class Ends(web.RequestHandler):
        def get(self):
            raise web.HTTPError(status)

        def write_error(self, status_code, **kwargs):
            self.write({"status": status_code})
            if finishes:
                self.finish()

    with serve(Ends).connect() as connection:
        for _ in range(2):
            answer = connection.request("/")
            assert (answer.status, answer.body) == (status, b"")


def test_a_handler_that_can_not_be_made_for_head(serve, logs):
    class Broken(web.RequestHandler):
        def initialize(self):
            raise KeyError("x")

    with serve(Broken).connect() as connection:
        connection.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        head, _, body = connection.reader.rest().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 ")
    assert b"\r\nContent-Length: 42\r\n" in head
    assert body == b""
    assert len(logs.tracebacks()) == 1


def test_an_address_that_was_taken_away(serve, logs):
    class Hides(web.RequestHandler):
        def get(self):
            assert self.request.remote_ip == "127.0.0.1"
            assert self.request.connection.context._orig_remote_ip == "127.0.0.1"
            self.request.remote_ip = None
            assert self.request.remote_ip is None
            self.write(self._request_summary())

    assert serve(Hides).request().body == b"GET / (None)"


class BadStatus(web.RequestHandler):
    def get(self):
        raise web.HTTPError(0)


class BrokenSendError(web.RequestHandler):
    def get(self):
        raise KeyError("first")

    def send_error(self, *args, **kwargs):
        raise KeyError("second")


class BrokenDefaults(web.RequestHandler):
    def initialize(self):
        self.is_broken = False

    def set_default_headers(self):
        if getattr(self, "is_broken", False):
            raise KeyError("second")

    def get(self):
        self.is_broken = True
        raise KeyError("first")


class BrokenFinish(web.RequestHandler):
    def get(self):
        raise KeyError("first")

    def finish(self, chunk=None):
        raise KeyError("second")


class BrokenToTheEnd(BrokenSendError):
    def on_finish(self):
        raise KeyError("third")


@pytest.mark.parametrize(
    "handler", [BadStatus, BrokenSendError, BrokenDefaults, BrokenFinish, BrokenToTheEnd]
)
def test_an_error_in_what_answers_errors(serve, logs, handler):
    """The client does not wait for an answer that nobody is going to give any more."""
    with serve(handler).connect() as connection:
        for _ in range(2):
            answer = connection.request("/")
            assert (answer.status, answer.reason, answer.body) == (
                *(500, "Internal Server Error"),
                b"",
            )
    assert logs.lines("application").count("Exception in exception handler") == 2
    assert [line.split(" ")[:3] for line in logs.lines("access")] == [["500", "GET", "/"]] * 2


def test_an_error_in_what_answers_errors_of_a_begun_answer(serve, logs):
    class Begun(BrokenSendError):
        async def get(self):
            self.write("begun")
            await self.flush()
            raise KeyError("first")

    with serve(Begun).connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        head, _, body = connection.reader.rest().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == b"5\r\nbegun\r\n"


@pytest.mark.parametrize("status", [0, 99, 1000, -404, 2**70])
def test_a_status_has_three_digits(serve, status):
    """RFC 9112 section 4: what a client would read of any other answer is anybody's guess."""

    class Sets(web.RequestHandler):
        def get(self):
            try:
                self.set_status(status)
            except ValueError as error:
                self.write(str(error))

    answer = serve(Sets).request()
    assert (answer.status, answer.body) == (200, b"a status has three digits: %d" % status)


def test_a_reason_that_says_nothing(serve):
    class Sets(web.RequestHandler):
        def get(self):
            self.set_status(404, "")

    assert serve(Sets).request().reason == "Unknown"
