"""Exceptions in ``data_received`` are answered like those of any other method."""

import asyncio
import logging

import pytest

from .raw import build
from .server import Logs, web


@pytest.fixture
def logs():
    with Logs(alone=True) as logs:
        yield logs


def make_handler(suspends: bool, error: Exception):
    @web.stream_request_body
    class Handler(web.RequestHandler):
        size = 0

        async def receive(self):
            await asyncio.sleep(0)
            raise error

        def data_received(self, chunk):
            self.size += len(chunk)
            if self.size > 3:
                if suspends:
                    return self.receive()
                raise error
            return None

        def post(self):
            self.write(str(self.size))

    return Handler


@pytest.mark.parametrize("suspends", [False, True])
def test_http_error_is_its_status(start, logs, suspends):
    handler = make_handler(suspends, web.HTTPError(413, "too much"))
    server = start(web.Application([("/", handler)]))
    with server.connect() as connection:
        assert connection.request("/", "POST", b"abc").body == b"3"
        answer = connection.request("/", "POST", b"abcd")
        assert answer.status == 413
        assert answer.get("Connection") == "close"
    assert logs.tracebacks() == []


@pytest.mark.parametrize("suspends", [False, True])
def test_other_errors_are_500_with_one_traceback(start, logs, suspends):
    server = start(web.Application([("/", make_handler(suspends, KeyError("mine")))]))
    with server.connect() as connection:
        connection.send(build("/", "POST", b"abcd", {"Content-Length": "4"}))
        assert connection.read().status == 500
    assert len(logs.tracebacks()) == 1
    assert logs.lines(level=logging.ERROR)
