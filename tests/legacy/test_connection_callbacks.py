"""Requests that a plain function answers, with the bytes of the wire or on their connection."""

import asyncio
from typing import Any

import pytest

from tests.legacy.test_stream_callbacks import Calls
from tests.unit.loops import Run, run
from whirlwind import legacy
from whirlwind.http1connection import HTTP1Connection
from whirlwind.httpserver import HTTPRequest, HTTPServer
from whirlwind.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from whirlwind.iostream import IOStream
from whirlwind.testing import bind_unused_port

__all__ = ["run"]


async def ask(answer: Any, *requests: bytes) -> bytes:
    """What a server says whose callback is ``answer``, until it closes."""
    server = HTTPServer(answer)
    sock, port = bind_unused_port()
    server.add_socket(sock)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(requests))
    said = await reader.read()
    writer.close()
    server.stop()
    await server.close_all_connections()
    return said


GET = b"GET /path HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_a_request_is_answered_with_raw_bytes(run: Run) -> None:
    assert HTTPRequest is HTTPServerRequest

    async def main() -> None:
        written = Calls()
        seen = []

        def answer(request: Any) -> None:
            message = b"You asked for " + request.uri.encode()
            assert request.supports_http_1_1()
            request.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(message))
            request.write(message, callback=written.named("body"))
            assert request.finish() is None
            seen.append((request.request_time(), request.request_time()))

        said = await ask(answer, GET)
        assert said == b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\nYou asked for /path"
        assert await written.get(1) == ["body"]
        assert seen[0][0] == seen[0][1]  # the clock has stopped

    run(main)


def test_only_bytes_are_raw(run: Run) -> None:
    async def main() -> None:
        errors = []

        def answer(request: Any) -> None:
            try:
                request.write("text")
            except TypeError as error:
                errors.append(str(error))
            assert not request.supports_http_1_1()
            request.write(b"HTTP/1.0 204 No Content\r\n\r\n")
            request.finish()

        assert await ask(answer, b"GET / HTTP/1.0\r\n\r\n") == b"HTTP/1.0 204 No Content\r\n\r\n"
        assert errors == ["HTTPServerRequest.write needs bytes, not str"]

    run(main)


def test_a_connection_calls_back(run: Run) -> None:
    async def main() -> None:
        calls = Calls()

        def answer(request: Any) -> None:
            start, headers = ResponseStartLine("HTTP/1.1", 200, "OK"), HTTPHeaders()
            headers["Content-Length"] = "6"
            connection = request.connection
            first = connection.write_headers(start, headers, b"ab", callback=calls.named("head"))
            assert first is None
            assert connection.write(b"cd", calls.named("body")) is None
            connection.write(b"ef", callback=None)
            connection.finish()

        closing = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        said = await ask(answer, GET, closing)
        assert said.count(b"\r\n\r\nabcdef") == 2
        assert sorted(await calls.get(4)) == ["body", "body", "head", "head"]

    run(main)


def test_a_client_connection_calls_back(run: Run) -> None:
    async def main() -> None:
        calls = Calls()

        def answer(request: Any) -> None:
            request.write(b"HTTP/1.1 204 No Content\r\nX-Body: %s\r\n\r\n" % request.body)
            request.finish()

        class Delegate(HTTPMessageDelegate):
            def headers_received(self, start_line: Any, headers: Any) -> None:
                calls(headers["X-Body"])

        server = HTTPServer(answer)
        sock, port = bind_unused_port()
        server.add_socket(sock)
        stream = IOStream(__import__("socket").socket())
        await stream.connect(("127.0.0.1", port))
        connection: Any = HTTP1Connection(stream, True)
        start, headers = RequestStartLine("PUT", "/", "HTTP/1.1"), HTTPHeaders()
        headers.update({"Host": "localhost", "Content-Length": "4"})
        connection.write_headers(start, headers, b"ab", calls.named("head"))
        connection.write(b"cd", callback=calls.named("body"))
        connection.finish()
        await connection.read_response(Delegate())
        assert set(await calls.get(3)) == {"head", "body", "abcd"}
        server.stop()
        await server.close_all_connections()

    run(main)


def test_without_them_there_are_no_such_methods() -> None:
    request = HTTPServerRequest("GET", "/")
    assert all(hasattr(request, name) for name in ("write", "finish", "supports_http_1_1"))
    legacy.uninstall()
    for name in ("write", "finish", "supports_http_1_1"):
        with pytest.raises(AttributeError, match=name):
            getattr(request, name)
