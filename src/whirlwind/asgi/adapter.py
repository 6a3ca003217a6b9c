"""A Whirlwind application as an ASGI 3 application, for other people's servers."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from whirlwind._public import claim
from whirlwind.asgi.connection import Send, ServedConnection
from whirlwind.httputil import (
    HTTPHeaders,
    HTTPInputError,
    HTTPServerConnectionDelegate,
    RequestStartLine,
)
from whirlwind.log import app_log, gen_log
from whirlwind.platform.eager import start_now
from whirlwind.protocol import limits
from whirlwind.protocol.errors import ProtocolError

if TYPE_CHECKING:
    from whirlwind.asgi.served_websocket import SocketConnection

Receive = Callable[[], Awaitable[dict[str, Any]]]
Hook = Callable[[], Awaitable[None] | None]

# What a path may hold besides letters, digits and "-._~" (RFC 3986 section 3.3).
_IN_PATH: Final = "/!$&'()*+,;=:@"


class ASGIApplication:
    """What an ASGI server calls: made by `Application.asgi`, or of any router or delegate.

    :arg app: the application.
    :arg max_body_size: bytes of a request's body; more are answered with 413.
    :arg on_startup, on_shutdown: called without arguments before the first request and after the
        last; may be coroutine functions.
    """

    def __init__(
        self,
        app: HTTPServerConnectionDelegate,
        *,
        max_body_size: int = limits.MAX_BODY_SIZE,
        on_startup: Hook | None = None,
        on_shutdown: Hook | None = None,
    ) -> None:
        self.app = app
        self._max_body_size = max_body_size
        self._hooks = {"startup": on_startup, "shutdown": on_shutdown}

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """One connection scope.

        :raises ValueError: of a type that is not known here.
        """
        kind = scope["type"]
        if kind == "http":
            await self._http(scope, receive, send)
        elif kind == "websocket":
            await self._websocket(scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(receive, send)
        else:
            raise ValueError(f"scopes are http, websocket and lifespan, not {kind!r}")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        for step, hook in self._hooks.items():
            await receive()
            try:
                pending = None if hook is None else hook()
                if pending is not None:
                    await pending
            except Exception as error:
                app_log.error("Uncaught exception in on_%s", step, exc_info=True)
                await send({"type": f"lifespan.{step}.failed", "message": repr(error)})
                return
            await send({"type": f"lifespan.{step}.complete"})

    async def _http(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        connection = ServedConnection(scope, send, self._max_body_size)
        await _run(connection, self._read(connection, scope, receive))

    async def _read(
        self, connection: ServedConnection, scope: dict[str, Any], receive: Receive
    ) -> None:
        """Hand a request over as it arrives; then wait for a client that leaves too early."""
        try:
            await self._read_request(connection, scope, receive)
            while not connection.over:
                if (await receive())["type"] == "http.disconnect":
                    connection.lost()
        except HTTPInputError as error:
            _refuse(connection, error)
        except Exception as error:
            _fail(connection, error)

    async def _read_request(
        self, connection: ServedConnection, scope: dict[str, Any], receive: Receive
    ) -> None:
        headers = _headers(scope)
        delegate = self.app.start_request(connection.context, connection)
        connection.receiver = delegate
        pending = delegate.headers_received(_start_line(scope), headers)
        if pending is not None:
            await pending
        length = headers.get("Content-Length", "")
        declared = int(length) if length.isdecimal() and length.isascii() else 0
        size = 0
        while not connection.over:
            message = await receive()
            if message["type"] == "http.disconnect":
                connection.lost()
                return
            chunk = message.get("body", b"")
            size += len(chunk)
            if max(size, declared) > connection.max_body_size:
                raise ProtocolError(413, "body too large")
            if chunk:
                pending = delegate.data_received(chunk)
                if pending is not None:
                    await pending
            if not message.get("more_body", False):
                connection.request_done = True
                delegate.finish()
                return

    async def _websocket(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        from whirlwind.asgi.served_websocket import SocketConnection

        await receive()  # websocket.connect
        connection = SocketConnection(scope, receive, send)
        try:
            await _run(connection, self._shake_hands(connection, scope))
        finally:
            connection.stop_listening()

    async def _shake_hands(self, connection: "SocketConnection", scope: dict[str, Any]) -> None:
        try:
            delegate = self.app.start_request(connection.context, connection)
            pending = delegate.headers_received(_start_line(scope), _handshake_headers(scope))
            if pending is not None:
                await pending
            connection.request_done = True
            delegate.finish()
        except HTTPInputError as error:
            _refuse(connection, error)
        except Exception as error:
            _fail(connection, error)
        connection.listen_until_decided()


async def _run(connection: ServedConnection, reading: Any) -> None:
    """Read and write at the same time until the answer is sent or nobody wants it."""
    context = copy_context()
    reader = context.run(start_now, reading, asyncio.get_running_loop(), context)
    try:
        await connection.pump()
    finally:
        connection.drop()  # a server that ends, if anything is not finished here
        if reader is not None:
            reader.cancel()


def _refuse(connection: ServedConnection, error: HTTPInputError) -> None:
    gen_log.info("Malformed HTTP message from %s: %s", connection.context.remote_ip, error)
    if isinstance(error, ProtocolError):
        connection.refuse(error.code, error.reason)
    else:
        connection.refuse(400, str(error))


def _fail(connection: ServedConnection, error: Exception) -> None:
    """The application broke its own promises."""
    app_log.error("Uncaught exception in a receiver of requests", exc_info=error)
    connection.refuse(500, "internal error")


def _start_line(scope: dict[str, Any]) -> RequestStartLine:
    """The start line of a request as it would be on the application's own server.

    The path is seen from where the application is mounted. Of versions Tornado's API knows 1.0 and
    1.1; what is newer has the semantics of 1.1 (RFC 9110 section 2.5).
    """
    root = scope.get("root_path", "").rstrip("/")
    path = scope["path"]
    raw_path = scope.get("raw_path")
    target = quote(path, safe=_IN_PATH) if raw_path is None else raw_path.decode("utf-8")
    if root and (path == root or path.startswith(root + "/")):
        raw_root = quote(root, safe=_IN_PATH)
        for prefix in (raw_root, root):
            if target.startswith(prefix):
                target = target[len(prefix) :] or "/"
                break
        else:
            target = quote(path[len(root) :], safe=_IN_PATH) or "/"
    query = scope.get("query_string", b"")
    if query:
        target += "?" + query.decode("utf-8")
    version = "HTTP/1.0" if scope.get("http_version") == "1.0" else "HTTP/1.1"
    return RequestStartLine(scope.get("method", "GET"), target, version)


def _headers(scope: dict[str, Any]) -> HTTPHeaders:
    headers = HTTPHeaders()
    for name, value in scope["headers"]:
        headers.add(name.decode("latin-1"), value.decode("latin-1"))
    return headers


def _handshake_headers(scope: dict[str, Any]) -> HTTPHeaders:
    """The fields of a handshake, those included that only HTTP/1.1 has (RFC 8441 section 5)."""
    headers = _headers(scope)
    headers["Upgrade"] = "websocket"
    headers["Connection"] = "Upgrade"
    headers["Sec-WebSocket-Version"] = "13"
    offered = scope.get("subprotocols")
    if offered and "Sec-WebSocket-Protocol" not in headers:
        headers["Sec-WebSocket-Protocol"] = ", ".join(offered)
    return headers


claim("whirlwind.asgi", ASGIApplication)
