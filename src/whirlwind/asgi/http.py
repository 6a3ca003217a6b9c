"""One HTTP request that an ASGI application answers."""

import asyncio
import http
import logging
import time
from collections import deque
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final

from whirlwind._version import VERSION
from whirlwind.asgi.errors import (
    ClientDisconnectedError,
    MessageError,
    as_bytes,
    is_about_client,
)
from whirlwind.asgi.scope import make_scope
from whirlwind.httputil import (
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    HTTPServerRequest,
    ResponseStartLine,
    format_timestamp,
)
from whirlwind.iostream import StreamClosedError
from whirlwind.log import ACCESS_LINE, access_log, app_log
from whirlwind.server.exchange import Exchange

if TYPE_CHECKING:
    from whirlwind.asgi.container import ASGIContainer

#: Bytes of a body that wait for the application before the client is not read from any more.
MAX_UNREAD: Final = 65536

_REASONS: Final = {status.value: status.phrase for status in http.HTTPStatus}
_EARLY_HINTS: Final = ResponseStartLine("HTTP/1.1", 103, "Early Hints")
_SERVER: Final = f"Whirlwind/{VERSION}"

# What the application has said so far.
_NOTHING: Final = 0
_START: Final = 1
_HEAD_SENT: Final = 2
_COMPLETE: Final = 3


class HTTPCycle(HTTPMessageDelegate):
    """Receives a request's body for the application, and sends its answer."""

    __slots__ = (
        "_body_done",
        "_bodyless",
        "_chunks",
        "_container",
        "_delivered",
        "_disconnected",
        "_headers",
        "_receive_waiter",
        "_room_waiter",
        "_state",
        "_unread",
        "code",
        "request",
    )
    code: int

    def __init__(self, container: "ASGIContainer", request: HTTPServerRequest) -> None:
        """
        :arg container: whose application answers.
        :arg request: its body may still be on its way.
        """
        self._container = container
        self.request: HTTPServerRequest = request
        self.code = 500
        self._state = _NOTHING
        self._bodyless = False
        self._headers: HTTPHeaders | None = None
        self._chunks: deque[bytes] = deque()
        self._unread = 0
        self._body_done = False
        self._delivered = False
        self._disconnected = False
        self._receive_waiter: asyncio.Future[None] | None = None
        self._room_waiter: asyncio.Future[None] | None = None
        connection: Any = request.connection
        connection.set_close_callback(self.on_connection_close)

    # --- the request ----------------------------------------------------------------------------

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """A piece of the body; the next one waits until the application wants more."""
        if self._state == _COMPLETE:
            return None
        self._chunks.append(chunk)
        self._unread += len(chunk)
        self._wake()
        if self._unread <= MAX_UNREAD:
            return None
        self._room_waiter = asyncio.get_running_loop().create_future()
        return self._room_waiter

    def finish(self) -> None:
        """The body is complete."""
        self._body_done = True
        self._wake()

    def whole_body(self, body: bytes) -> None:
        """The body was collected already."""
        if body:
            self._chunks.append(body)
        self._body_done = True

    def on_connection_close(self) -> None:
        """The client is gone."""
        self._disconnected = True
        self._wake()
        self._make_room()

    def is_over(self) -> bool:
        """Whether the answer is complete, or nobody is there to read it."""
        return self._state == _COMPLETE or self._disconnected

    def _wake(self) -> None:
        waiter = self._receive_waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _make_room(self) -> None:
        waiter = self._room_waiter
        if waiter is not None:
            self._room_waiter = None
            if not waiter.done():
                waiter.set_result(None)

    async def receive(self) -> dict[str, Any]:
        """The application's ``receive``."""
        while not (self._disconnected or self._state == _COMPLETE):
            if not self._delivered and (self._chunks or self._body_done):
                body = b"".join(self._chunks)
                self._chunks.clear()
                self._unread = 0
                self._delivered = self._body_done
                self._make_room()
                return {"type": "http.request", "body": body, "more_body": not self._body_done}
            if self._receive_waiter is None or self._receive_waiter.done():
                self._receive_waiter = asyncio.get_running_loop().create_future()
            # Several may wait for it, and one of them may be cancelled.
            await asyncio.shield(self._receive_waiter)
        return {"type": "http.disconnect"}

    # --- the answer -----------------------------------------------------------------------------

    async def send(self, message: dict[str, Any]) -> None:
        """The application's ``send``; returns when the client has taken enough.

        :raises MessageError: the message does not belong here.
        :raises ClientDisconnectedError: nobody reads the answer.
        :raises HTTPOutputError: more or fewer bytes than Content-Length says.
        """
        kind = message.get("type")
        state = self._state
        if self._disconnected and state != _COMPLETE:
            raise ClientDisconnectedError("the client has left")
        if kind == "http.response.body" and state in (_START, _HEAD_SENT):
            body = message.get("body", b"")
            if type(body) is not bytes:
                body = as_bytes(body)
            more = message.get("more_body", False)
            try:
                if state == _START:
                    await self._send_first(body, more)
                else:
                    await self._send_more(body, more)
            except StreamClosedError as error:
                raise ClientDisconnectedError("the client has left") from error
        elif kind == "http.response.start" and state == _NOTHING:
            self._take_start(message)
        elif kind == "http.response.early_hint" and state == _NOTHING:
            await self._send_hints(message)
        else:
            raise MessageError(f"unexpected ASGI message {kind!r}: {_EXPECTED[state]}")

    def _take_start(self, message: dict[str, Any]) -> None:
        try:
            code = int(message["status"])
            fields = message.get("headers", ())
            headers = HTTPHeaders()
            for name, value in fields:
                headers.add_raw(name, value)
        except (KeyError, TypeError, ValueError, AttributeError, HTTPInputError) as error:
            raise MessageError(f"malformed http.response.start: {error!r}") from error
        if not 200 <= code <= 599:
            raise MessageError(f"an answer's status is 200 to 599, not {code}")
        table = headers._map
        if "Server" not in table:
            table["Server"] = _SERVER
        if "Date" not in table:
            table["Date"] = _date()
        self.code = code
        self._bodyless = self.request.method == "HEAD" or code in (204, 304)
        self._headers = headers
        self._state = _START

    async def _send_hints(self, message: dict[str, Any]) -> None:
        headers = HTTPHeaders()
        try:
            for link in message["links"]:
                headers.add("Link", link.decode("latin-1"))
        except (KeyError, TypeError, ValueError, AttributeError, HTTPInputError) as error:
            raise MessageError(f"malformed http.response.early_hint: {error!r}") from error
        connection: Any = self.request.connection
        try:
            # RFC 9110 section 15.2: a client of HTTP/1.0 does not know what to do with it.
            if self.request.version != "HTTP/1.0":
                await connection.write_headers(_EARLY_HINTS, headers)
        except StreamClosedError as error:
            raise ClientDisconnectedError("the client has left") from error

    def _send_first(self, body: bytes, more: bool) -> Awaitable[None]:
        headers: Any = self._headers
        self._headers = None
        connection: Any = self.request.connection
        code = self.code
        sizable = code != 204 and code != 304 and (body or self.request.method != "HEAD")
        if sizable and not more and "Content-Length" not in headers._map:
            headers._map["Content-Length"] = str(len(body))
        if self._bodyless:
            body = b""
        reason = _REASONS.get(code, "Unknown")
        self._state = _HEAD_SENT
        sent: Awaitable[None]
        if type(connection) is Exchange and not more:
            sized = headers._map.get("Content-Length") == str(len(body)) and not self._bodyless
            sent = connection.respond(code, reason, headers, body, sized)
            self._completed()
        else:
            line = ResponseStartLine("HTTP/1.1", code, reason)
            sent = connection.write_headers(line, headers, body)
            if not more:
                self._complete()
        return sent

    def _send_more(self, body: bytes, more: bool) -> Awaitable[None]:
        connection: Any = self.request.connection
        sent: Awaitable[None] = connection.write(b"" if self._bodyless else body)
        if not more:
            self._complete()
        return sent

    def _complete(self) -> None:
        connection: Any = self.request.connection
        connection.finish()
        self._completed()

    def _completed(self) -> None:
        self._state = _COMPLETE
        self._wake()
        self._log()

    def _log(self) -> None:
        level = logging.INFO
        if self.code >= 400:
            level = logging.WARNING if self.code < 500 else logging.ERROR
        if access_log.isEnabledFor(level):
            request = self.request
            milliseconds = 1000.0 * request.request_time()
            access_log.log(level, ACCESS_LINE, self.code, _summary(request), milliseconds)

    # --- the run --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Call the application, and see to it that there is an answer, or none any more."""
        container = self._container
        try:
            scope = make_scope("http", self.request, container.root_path)
            scope["method"] = self.request.method
            scope["extensions"] = {"http.response.early_hint": {}}
            container.add_state(scope)
            await container.app(scope, self.receive, self.send)
            if self._state != _COMPLETE and not self._disconnected:
                app_log.error(
                    "The ASGI application returned without a whole answer: %s",
                    _summary(self.request),
                )
        except Exception as error:
            # Not everybody looks whether the client is still there.
            if not is_about_client(error):
                app_log.error("Uncaught exception %s", _summary(self.request), exc_info=True)
        finally:
            if self._state != _COMPLETE:
                self._fail()
            self._make_room()

    def _fail(self) -> None:
        """Answer in the application's place, or cut short what it has begun."""
        begun = self._state == _HEAD_SENT
        self._state = _COMPLETE
        self._wake()
        connection: Any = self.request.connection
        if self._disconnected:
            return
        if begun:
            cut = getattr(connection, "cut", None) or connection.close
            cut()
        else:
            self.code = 500
            body = b"" if self.request.method == "HEAD" else b"Internal Server Error"
            headers = HTTPHeaders(
                {
                    "Content-Type": "text/plain; charset=utf-8",
                    "Content-Length": str(len(body)),
                    "Server": _SERVER,
                    "Date": _date(),
                }
            )
            connection.write_headers(
                ResponseStartLine("HTTP/1.1", 500, _REASONS[500]), headers, body
            )
            connection.finish()
        self._log()


_EXPECTED: Final = (
    "http.response.start comes first",
    "http.response.body comes next",
    "the answer's head was sent, http.response.body comes next",
    "the answer is complete",
)

_date_second = 0
_date_text = ""


def _date() -> str:
    global _date_second, _date_text
    second = int(time.time())
    if second != _date_second:
        _date_second, _date_text = second, format_timestamp(second)
    return _date_text


def _summary(request: HTTPServerRequest) -> str:
    return f"{request.method} {request.uri} ({request.remote_ip})"
