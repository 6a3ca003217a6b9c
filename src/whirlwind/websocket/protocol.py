"""The connection of a handler: `WebSocketProtocol13` over its compiled base."""

import abc
import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any

from whirlwind._public import claim
from whirlwind.httputil import HTTPConnection
from whirlwind.log import gen_log
from whirlwind.protocol import extensions, limits
from whirlwind.protocol.websocket import FrameParser
from whirlwind.server.exchange import Exchange
from whirlwind.websocket import handshake
from whirlwind.websocket.connection import WebSocketConnection
from whirlwind.websocket.stream import ConnectionStream

if TYPE_CHECKING:
    from whirlwind.websocket.handler import WebSocketHandler


class WebSocketParams:
    """What a connection is to be like.

    :arg ping_interval: seconds between pings, None for no pings.
    :arg ping_timeout: seconds in which a pong has to come; the interval by default.
    :arg max_message_size: bytes of one message.
    :arg compression_options: None for no compression, otherwise its options.
    """

    __slots__ = ("compression_options", "max_message_size", "ping_interval", "ping_timeout")

    def __init__(
        self,
        ping_interval: float | None = None,
        ping_timeout: float | None = None,
        max_message_size: int = limits.MAX_MESSAGE_SIZE,
        compression_options: dict[str, Any] | None = None,
    ) -> None:
        self.ping_interval: float | None = ping_interval
        self.ping_timeout: float | None = ping_timeout
        self.max_message_size: int = max_message_size
        self.compression_options: dict[str, Any] | None = compression_options


class WebSocketCarrier(HTTPConnection):
    """The connection of a request that something else than our own server holds."""

    def websocket_protocol(
        self, handler: "WebSocketHandler", params: WebSocketParams
    ) -> "WebSocketProtocol":
        """What `WebSocketHandler.get_websocket_protocol` answers there."""
        raise NotImplementedError(f"{type(self).__qualname__} must define websocket_protocol()")


class WebSocketProtocol(abc.ABC):
    """A version of the WebSocket protocol, as far as handlers see it.

    :arg handler: who gets the messages.

    :ivar client_terminated: bool, whether the peer has closed its side.
    :ivar server_terminated: bool, whether this side has sent its close frame.
    :ivar stream: the connection as far as it is a stream.
    """

    handler: Any
    client_terminated: Any = False
    server_terminated: Any = False
    stream: Any = None

    def __init__(self, handler: Any) -> None:
        self.handler = handler

    @abc.abstractmethod
    def on_connection_close(self) -> None:
        """Drop the connection."""

    @abc.abstractmethod
    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Begin the closing handshake."""

    @abc.abstractmethod
    def is_closing(self) -> bool:
        """Whether the connection is closed or closing."""

    @abc.abstractmethod
    async def accept_connection(self, handler: "WebSocketHandler") -> None:
        """Answer the request of a handler, and return when the connection has ended."""

    @abc.abstractmethod
    def write_message(
        self, message: str | bytes | dict[str, Any], binary: bool = False
    ) -> Awaitable[None]:
        """Send a message."""

    @property
    @abc.abstractmethod
    def selected_subprotocol(self) -> str | None:
        """The subprotocol that was agreed on."""

    @abc.abstractmethod
    def write_ping(self, data: bytes) -> Any:
        """Send a ping."""

    @abc.abstractmethod
    def start_pinging(self) -> None:
        """Send pings from now on."""

    @abc.abstractmethod
    def set_nodelay(self, x: bool) -> None:
        """Send small messages at once."""


class WebSocketProtocol13(WebSocketConnection, WebSocketProtocol):
    """The protocol of RFC 6455, which calls itself version 13.

    :arg handler: who gets the messages: see `whirlwind.websocket.connection`.
    :arg mask_outgoing: whether frames go out masked: True for a client's.
    :arg params: what the connection is to be like.

    :ivar close_code: int or None, the code of the peer's close frame.
    :ivar close_reason: str or None, its reason.
    """

    # The first byte of a frame (RFC 6455 section 5.2).
    FIN = 0x80
    RSV1 = 0x40
    RSV2 = 0x20
    RSV3 = 0x10
    RSV_MASK = RSV1 | RSV2 | RSV3
    OPCODE_MASK = 0x0F

    def __init__(self, handler: Any, mask_outgoing: bool, params: WebSocketParams) -> None:
        WebSocketConnection.__init__(self, handler, mask_outgoing)
        self.params = params

    # --- opening --------------------------------------------------------------------------------

    @staticmethod
    def compute_accept_value(key: str | bytes) -> str:
        """``Sec-WebSocket-Accept`` for a ``Sec-WebSocket-Key`` (section 4.2.2)."""
        return handshake.accept_value(key)

    async def accept_connection(self, handler: "WebSocketHandler") -> None:
        """Answer the request of a handler, call its `open`, and return when all has ended."""
        if self.accept(handler):
            await self.wait_closed()

    def accept(self, handler: "WebSocketHandler") -> bool:
        """Answer the request of a handler and call its `open`.

        :returns: whether there is a connection now; otherwise the handler has answered why not.
        """
        request = handler.request
        try:
            key = handshake.check_key(request.headers)
        except ValueError as error:
            return decline(handler, 400, str(error))
        self._selected_subprotocol = choose_subprotocol(handler)
        deflater = inflater = None
        offers = request.headers.get("Sec-WebSocket-Extensions")
        options = self.params.compression_options
        if offers and options is not None:
            wanted = handshake.compression(options)
            agreed = extensions.accept(offers, wanted)
            if agreed is not None:
                deflater, inflater = agreed[0].pair(wanted, server=True)
                handler.set_header("Sec-WebSocket-Extensions", agreed[1])
        parser = FrameParser(True, self.params.max_message_size, inflater)

        def succeed(out: list[bytes], rest: bytes, at_eof: bool) -> None:
            context = _task_context() or handler._ww_context or copy_context()
            self.begin(server.site, server.transport, parser, deflater, server, context)
            for piece in out:
                self.send(piece)
            if rest:
                parser.receive(rest)
            if at_eof:
                self.eof_received()

        exchange = _exchange_of(request.connection)
        server: Any = None if exchange is None else exchange.conn
        if server is None or not server.upgrade(succeed):
            return decline(handler, 400, "This connection can not be upgraded")
        handler.clear_header("Content-Type")
        handler.set_status(101)
        handler.set_header("Upgrade", "websocket")
        handler.set_header("Connection", "Upgrade")
        handler.set_header("Sec-WebSocket-Accept", handshake.accept_value(key))
        handler._transforms = None
        try:
            handler.finish()
        except BaseException:
            self.abort()
            raise
        if self.closed:
            return False  # the client has left
        handler._ww_slim_down()
        self.start_pinging()
        self.start(handler._ww_open)
        return True

    @property
    def selected_subprotocol(self) -> str | None:
        """The subprotocol that was agreed on."""
        return self._selected_subprotocol

    @property
    def mask_outgoing(self) -> bool:
        """Whether frames go out masked."""
        return self.masks

    # --- pings ----------------------------------------------------------------------------------

    @property
    def ping_interval(self) -> float:
        """Seconds between two pings; 0 for no pings."""
        interval: float | None = self.params.ping_interval
        return interval or 0.0

    @property
    def ping_timeout(self) -> float:
        """Seconds in which a pong has to come; 0 for no matter when."""
        timeout: float | None = self.params.ping_timeout
        interval = self.ping_interval
        if timeout is None:
            return interval
        if timeout > interval > 0:
            de_dupe_gen_log(
                logging.WARNING,
                "websocket_ping_timeout (%s s) is longer than websocket_ping_interval (%s s), "
                "which is used for both",
                timeout,
                interval,
            )
            return interval
        return timeout

    def start_pinging(self) -> None:
        """Send pings from now on, if there is an interval for them."""
        if self.ping_interval > 0:
            self.ping_every(self.ping_interval, self.ping_timeout)

    @staticmethod
    def ping_sleep_time(*, last_ping_time: float, interval: float, now: float) -> float:
        """Seconds from ``now`` until the next ping is due, ``interval`` after the last one."""
        return max(0.0, last_ping_time + interval - now)

    async def periodic_ping(self) -> None:
        """Send pings until the connection is closed."""
        self.start_pinging()
        await self.wait_closed()

    # --- what handlers use ----------------------------------------------------------------------

    @property
    def client_terminated(self) -> bool:
        """Whether the peer has closed its side."""
        return self.close_received or self.closed

    @property
    def server_terminated(self) -> bool:
        """Whether this side has sent its close frame."""
        return self.close_sent

    @property
    def stream(self) -> ConnectionStream:
        """The connection as far as it is a stream."""
        stream: ConnectionStream | None = self._stream
        if stream is None:
            stream = self._stream = ConnectionStream(self)
        return stream

    def set_nodelay(self, x: bool) -> None:
        """Send small messages at once (True) or let the kernel join them; TCP only."""
        self.stream.set_nodelay(x)

    def on_connection_close(self) -> None:
        """Drop the connection."""
        self.abort()


#: Tells whether a context is the current one, which Python does not.
_here: ContextVar[object] = ContextVar("_here")


def _task_context() -> Context | None:
    """The context of the current task, if it is the one that this is called in.

    Eager tasks, from Python 3.12 on, run in a copy of the request's context, and so does what
    follows a `prepare` that is a coroutine.
    """
    get_context = getattr(asyncio.current_task(), "get_context", None)
    if get_context is None:
        return None
    context: Context = get_context()
    mark = object()
    token = _here.set(mark)
    found = context.get(_here)
    _here.reset(token)
    return context if found is mark else None


def _exchange_of(connection: Any) -> Exchange | None:
    """The exchange of a request on a server of ours."""
    if not isinstance(connection, Exchange):
        # That of `http1connection`, where it is over a stream.
        connection = getattr(getattr(connection, "_side", None), "exchange", None)
    return connection if isinstance(connection, Exchange) else None


def choose_subprotocol(handler: "WebSocketHandler") -> str | None:
    """Let a handler choose a subprotocol, and put that into its answer.

    :raises ValueError: the client did not offer it.
    """
    offered = handshake.tokens(handler.request.headers.get("Sec-WebSocket-Protocol", ""))
    chosen = handler.select_subprotocol(offered)
    if not chosen:
        return None
    if chosen not in offered:
        raise ValueError(f"select_subprotocol() chose {chosen!r}, which the client did not offer")
    handler.set_header("Sec-WebSocket-Protocol", chosen)
    return chosen


#: Logs each message once: for what is wrong with settings that every connection looks at.
de_dupe_gen_log: Callable[..., None] = functools.cache(gen_log.log)


def decline(handler: "WebSocketHandler", status: int, message: str) -> bool:
    """Answer a request that does not become a WebSocket.

    :returns: False.
    """
    handler.set_status(status)
    handler.set_header("Content-Type", "text/plain; charset=UTF-8")
    handler.finish(message)
    return False


claim("whirlwind.websocket", WebSocketProtocol, WebSocketProtocol13)
