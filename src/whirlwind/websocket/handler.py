"""`WebSocketHandler`: the server's side of WebSocket connections, as a kind of request handler."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any

from whirlwind._public import claim
from whirlwind.escape import utf8
from whirlwind.httputil import HTTPHeaders, HTTPServerRequest
from whirlwind.protocol import limits
from whirlwind.web import RequestHandler
from whirlwind.web.origins import is_own_page
from whirlwind.web.response import IN_METHOD
from whirlwind.websocket import handshake
from whirlwind.websocket.errors import WebSocketClosedError
from whirlwind.websocket.protocol import (
    WebSocketCarrier,
    WebSocketParams,
    WebSocketProtocol,
    WebSocketProtocol13,
    decline,
)
from whirlwind.websocket.sender import MessageWriter
from whirlwind.websocket.stream import ConnectionStream


def _open(self: "WebSocketHandler", *args: str, **kwargs: str) -> Awaitable[None] | None:
    """Hook: the connection is open.

    :arg args, kwargs: the groups of the route's pattern.
    :returns: None or an awaitable: no message is read before that is done (Tornado 5.1).
    """
    return None


class WebSocketHandler(MessageWriter, RequestHandler):
    """Base class of handlers of WebSocket connections: override at least `on_message`.

    ::

        class Echo(WebSocketHandler):
            def on_message(self, message):
                self.write_message(message)

        app = Application([(r"/echo", Echo)])

    An instance lives as long as its connection. Hooks may be coroutines: the next message is not
    looked at before one is done. An exception in a hook is logged and closes the connection with
    code 1011.

    :ivar ws_connection: the connection; None before it is accepted and after it was closed.
    :ivar close_code: int or None, the code with which the peer closed.
    :ivar close_reason: str or None, its reason.
    :ivar open_args, open_kwargs: the groups of the route's pattern.
    """

    # A slot, because Python 3.11 is slow to find what the class has a value for as well: 330 of the
    # 8000 instructions for a message.
    __slots__ = ("ws_connection",)

    ws_connection: WebSocketProtocol | None
    close_code: int | None = None
    close_reason: str | None = None
    open_args: tuple[str, ...] = ()
    open_kwargs: dict[str, str]
    _ww_closed = False
    _ww_keeps_context = True
    _ww_context: Context | None = None
    _ww_own_headers = False

    def __init__(self, application: Any, request: HTTPServerRequest, **kwargs: Any) -> None:
        self.ws_connection = None
        super().__init__(application, request, **kwargs)

    # --- opening --------------------------------------------------------------------------------

    def get(self, *args: Any, **kwargs: Any) -> Awaitable[None] | None:
        """Answer the handshake (RFC 6455 section 4.2).

        :returns: when a method of a subclass calls it: an awaitable that is done when the
            connection has ended.
        """
        self.open_args = args
        self.open_kwargs = kwargs if kwargs or self.path_kwargs else self.path_kwargs
        connection = self._ww_handshake()
        if not isinstance(connection, WebSocketProtocol13) or (
            type(connection).accept_connection is not WebSocketProtocol13.accept_connection
        ):
            # Declined, or somebody else's protocol.
            return _nothing() if connection is None else connection.accept_connection(self)
        accepted = connection.accept(self)
        if self._ww_stage == IN_METHOD and type(self).get is WebSocketHandler.get:
            return None  # nobody waits for the end: no coroutine is kept for the connection
        return connection.wait_closed() if accepted else _nothing()

    def _ww_handshake(self) -> WebSocketProtocol | None:
        """Check everything that does not depend on the version of the protocol.

        :returns: the connection to accept with, or None when the request was declined.
        """
        request = self.request
        if request._headers is None:
            self._ww_own_headers = True
        message = handshake.check_upgrade(request)
        if message is not None:
            decline(self, 400, message)
            return None
        if not is_own_page(request.headers):
            origin = request.headers.get("Origin")
            if origin is None or not self.check_origin(origin):
                decline(self, 403, "Cross origin websockets not allowed")
                return None
        connection = self.get_websocket_protocol()
        if connection is None:
            self.set_header("Sec-WebSocket-Version", handshake.VERSION)
            decline(self, 426, "")
            return None
        self.ws_connection = connection
        return connection

    def _ww_slim_down(self) -> None:
        """Let go of what a connection has no use for: half of what there is."""
        if self._ww_own_headers:
            # Nobody else has looked at them yet; whoever does gets them made again.
            del self._ww_own_headers
            self.request._headers = None
        self._headers = _NO_HEADERS
        self._write_buffer = _NO_CHUNKS

    def _ww_open(self) -> Awaitable[None] | None:
        return self.open(*self.open_args, **self.open_kwargs)

    def check_origin(self, origin: str) -> bool:
        """Hook: whether pages of another origin may open connections here.

        Browsers let every page connect to every server, and send the user's cookies along. Asked
        only when the request does not plainly come from our own pages, or from no page at all. By
        default `check_trusted_origin` decides: the origins of the setting ``trusted_origins``.

        :arg origin: as in the ``Origin`` field, such as ``https://www.example.com``.
        """
        return self.check_trusted_origin(origin)

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        """The connection for the version of the protocol that the client asks for, or None."""
        if self.request.headers.get("Sec-WebSocket-Version") != handshake.VERSION:
            return None
        params = WebSocketParams(
            self.ping_interval,
            self.ping_timeout,
            self.max_message_size,
            self.get_compression_options(),
        )
        carrier = self.request.connection
        if isinstance(carrier, WebSocketCarrier):
            return carrier.websocket_protocol(self, params)
        return WebSocketProtocol13(self, False, params)

    @property
    def ping_interval(self) -> float | None:
        """Seconds between pings: the setting ``websocket_ping_interval``; None for no pings."""
        value: float | None = self.settings.get("websocket_ping_interval")
        return value

    @property
    def ping_timeout(self) -> float | None:
        """Seconds in which a pong has to come: the setting ``websocket_ping_timeout``.

        Without it, and at most, the interval; 0 for no matter when.
        """
        value: float | None = self.settings.get("websocket_ping_timeout")
        return value

    @property
    def max_message_size(self) -> int:
        """Bytes of one message: the setting ``websocket_max_message_size``, or 10 MiB.

        A longer one closes the connection with code 1009.
        """
        value: int = self.settings.get("websocket_max_message_size", limits.MAX_MESSAGE_SIZE)
        return value

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Hook: choose one of the subprotocols that the client offers.

        :arg subprotocols: in the client's order; empty when it offers none.
        :returns: one of them, or None.
        """
        return None

    def get_compression_options(self) -> dict[str, Any] | None:
        """Hook: whether and how messages are compressed (permessage-deflate, RFC 7692).

        :returns: None for no compression, otherwise a dict with any of ``compression_level`` (0 to
            9), ``mem_level`` (1 to 9), ``threshold`` (bytes below which a message is sent as it
            is), ``server_no_context_takeover``, ``client_no_context_takeover`` (True: forget each
            message before the next, to save memory), ``server_max_window_bits`` and
            ``client_max_window_bits`` (8 to 15).
        """
        return None

    @property
    def selected_subprotocol(self) -> str | None:
        """The subprotocol that `select_subprotocol` has chosen."""
        return self._ww_connection_or_raise().selected_subprotocol

    # --- hooks ----------------------------------------------------------------------------------

    open: Callable[..., Awaitable[None] | None] = _open

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Hook: a message has arrived; to be overridden.

        :arg message: str for a text message, bytes for a binary one.
        :returns: None or an awaitable: the next message is not looked at before that is done
            (Tornado 4.5).
        """
        raise NotImplementedError(f"{type(self).__name__} must define on_message()")

    def on_ping(self, data: bytes) -> None:
        """Hook: a ping has arrived; it is answered already (Tornado 4.5)."""

    def on_pong(self, data: bytes) -> None:
        """Hook: the answer to a ping has arrived."""

    def on_close(self) -> None:
        """Hook: the connection is gone; `close_code` and `close_reason` are what the peer said."""

    # --- sending --------------------------------------------------------------------------------

    def _ww_connection_or_raise(self) -> WebSocketProtocol:
        if self.ws_connection is None:
            raise WebSocketClosedError
        return self.ws_connection

    def ping(self, data: str | bytes = b"") -> None:
        """Send a ping.

        :arg data: at most 125 bytes, which the answer brings back.
        :raises ValueError: more than that.
        :raises WebSocketClosedError: the connection is closed or closing.
        """
        self._ww_connection_or_raise().write_ping(utf8(data))

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close the connection: say so, and wait some seconds for the client to agree.

        :arg code: why: 1000, another registered code (RFC 6455 section 7.4.1), or one of your own
            from 3000 to 4999.
        :arg reason: a text of at most 123 bytes; with a reason and no code the code is 1000.
        :raises ValueError: a code or reason that can not be sent.
        """
        connection = self.ws_connection
        if connection is not None:
            connection.close(code, reason)
            self.ws_connection = None

    def set_nodelay(self, value: bool) -> None:
        """Send small messages at once (True), or let the kernel join them to save packets.

        True is what connections begin with here; Tornado leaves it to the kernel.
        """
        self._ww_connection_or_raise().set_nodelay(value)

    # --- ending ---------------------------------------------------------------------------------

    def on_ws_connection_close(
        self, close_code: int | None = None, close_reason: str | None = None
    ) -> None:
        """The connection's call when it has ended."""
        self.close_code = close_code
        self.close_reason = close_reason
        self.on_connection_close()

    def on_connection_close(self) -> None:
        """The client is gone, before or after the handshake."""
        super().on_connection_close()
        self.ws_connection = None
        if not self._ww_closed:
            self._ww_closed = True
            self.on_close()

    # --- what a connection cannot do after its handshake ----------------------------------------

    def _ww_still_http(self) -> None:
        if self._finished and self._status_code == 101:
            raise RuntimeError(
                "This is a WebSocket connection now: use write_message() and close()"
            )

    def write(self, chunk: str | bytes | dict[Any, Any]) -> None:
        """As `RequestHandler.write`, until the connection is accepted."""
        self._ww_still_http()
        super().write(chunk)

    def redirect(self, url: str, permanent: bool = False, status: int | None = None) -> None:
        """As `RequestHandler.redirect`, until the connection is accepted."""
        self._ww_still_http()
        super().redirect(url, permanent, status)

    def set_header(self, name: str, value: Any) -> None:
        """As `RequestHandler.set_header`, until the connection is accepted."""
        self._ww_still_http()
        super().set_header(name, value)

    def set_cookie(self, *args: Any, **kwargs: Any) -> None:
        """As `RequestHandler.set_cookie`, until the connection is accepted."""
        self._ww_still_http()
        super().set_cookie(*args, **kwargs)

    def set_status(self, status_code: int, reason: str | None = None) -> None:
        """As `RequestHandler.set_status`, until the connection is accepted."""
        self._ww_still_http()
        super().set_status(status_code, reason)

    def flush(self, include_footers: bool = False) -> Any:
        """As `RequestHandler.flush`, until the connection is accepted."""
        self._ww_still_http()
        return super().flush(include_footers)

    def finish(self, chunk: str | bytes | dict[Any, Any] | None = None) -> Any:
        """As `RequestHandler.finish`, until the connection is accepted."""
        self._ww_still_http()
        return super().finish(chunk)


class _StreamAttribute:
    """``handler.stream`` of Tornado 4.3 to 6.0; a handler may have an attribute of its own so."""

    def __get__(self, handler: WebSocketHandler | None, owner: type) -> ConnectionStream | None:
        connection = None if handler is None else handler.ws_connection
        return connection.stream if isinstance(connection, WebSocketProtocol13) else None


WebSocketHandler.stream = _StreamAttribute()  # type: ignore[attr-defined]


# Shared by all connections: nothing can be written to these any more.
_NO_HEADERS = HTTPHeaders()
_NO_CHUNKS: list[bytes] = []


def _nothing() -> Awaitable[None]:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done


claim("whirlwind.websocket", WebSocketHandler)
