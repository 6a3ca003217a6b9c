"""What the tests of HTTP/1 over streams share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests.unit.loops import stream_pair
from whirlwind.http1connection import (
    HTTP1Connection,
    HTTP1ConnectionParameters,
)
from whirlwind.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    RequestStartLine,
)
from whirlwind.iostream import IOStream, StreamClosedError

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
GET = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"


class Receiver(HTTPMessageDelegate):
    """Keeps what it is told.

    :arg hooks: ``headers``, ``data``, ``finish``: called after noting, and their result returned.
    """

    def __init__(self, events: list[Any] | None = None, **hooks: Callable[..., Any]) -> None:
        self.events: list[Any] = [] if events is None else events
        self.hooks = hooks

    def headers_received(self, start_line: Any, headers: HTTPHeaders) -> Any:
        self.events.append((tuple(start_line), dict(headers)))
        return self.hooks["headers"](start_line, headers) if "headers" in self.hooks else None

    def data_received(self, chunk: bytes) -> Any:
        self.events.append(chunk)
        return self.hooks["data"](chunk) if "data" in self.hooks else None

    def finish(self) -> None:
        self.events.append("finish")
        if "finish" in self.hooks:
            self.hooks["finish"]()

    def on_connection_close(self) -> None:
        self.events.append("close")

    @property
    def body(self) -> bytes:
        """All of the body."""
        return b"".join(event for event in self.events if isinstance(event, bytes))


def ask(
    connection: HTTP1Connection,
    method: str = "GET",
    fields: dict[str, str] | None = None,
    chunk: bytes | None = None,
) -> Any:
    return connection.write_headers(
        RequestStartLine(method, "/1", ""), HTTPHeaders(fields or {"Host": "a"}), chunk
    )


async def until(condition: Callable[[], Any]) -> None:
    """Let the loop turn until something is true; the test's own deadline ends a hang."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0)


async def read_all(stream: IOStream) -> bytes:
    """What the other side had sent when it closed, or sends until it does."""
    return await stream.read_until_close()


async def receive(
    sent: bytes,
    *,
    close: bool = True,
    keep: bool = False,
    method: str = "GET",
    params: HTTP1ConnectionParameters | None = None,
    receiver: Receiver | None = None,
) -> tuple[Any, Receiver, IOStream]:
    """What a client makes of these bytes: result or exception, receiver and stream.

    :arg close: the other side closes after it has sent them.
    :arg keep: the stream is left as it is.
    """
    mine, theirs = stream_pair()
    connection = HTTP1Connection(mine, True, params)
    ask(connection, method)
    connection.finish()
    receiver = receiver or Receiver()
    writing = theirs.write(sent)
    if close:
        await writing
        theirs.close()
    try:
        result: Any = await connection.read_response(receiver)
    except StreamClosedError as error:
        result = error
    if not close:
        theirs.close()
    if not keep:
        mine.close()
    return result, receiver, mine


OK = (("HTTP/1.1", 200, "OK"), {"Content-Length": "5"})
