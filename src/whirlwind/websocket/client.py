"""The client's side: `websocket_connect` and `WebSocketClientConnection`."""

import base64
import contextvars
import copy
import inspect
import os
import re
import urllib.parse
import warnings
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final

from whirlwind._public import claim
from whirlwind.client.call import Call
from whirlwind.client.connection import ClientConnection
from whirlwind.client.engine import Engine
from whirlwind.concurrent import Future
from whirlwind.escape import utf8
from whirlwind.gen import convert_yielded
from whirlwind.httpclient import HTTPRequest, HTTPResponse
from whirlwind.httputil import HTTPHeaders
from whirlwind.ioloop import IOLoop
from whirlwind.log import app_log
from whirlwind.netutil import Resolver
from whirlwind.protocol import extensions, limits
from whirlwind.protocol.errors import ProtocolError
from whirlwind.protocol.heads import ResponseHead
from whirlwind.protocol.websocket import FrameParser
from whirlwind.server.hub import Hub
from whirlwind.tcpclient import TCPClient
from whirlwind.websocket import handshake
from whirlwind.websocket.errors import WebSocketClosedError, WebSocketError
from whirlwind.websocket.mailbox import Mailbox
from whirlwind.websocket.protocol import WebSocketParams, WebSocketProtocol, WebSocketProtocol13
from whirlwind.websocket.stream import ConnectionStream

_SCHEME: Final = re.compile(r"(ws|http)(s?(?:\+unix)?)://", re.IGNORECASE)
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
#: Connections that are being opened at once; the handshake's time is bounded, not their number.
_MAX_OPENING: Final = 1 << 30


class WebSocketClientConnection:
    """A connection to a WebSocket server; `websocket_connect` makes them.

    ::

        async with await websocket_connect("wss://example.com/feed") as connection:
            await connection.write_message("subscribe")
            async for message in connection:
                print(message)

    :arg request: an `HTTPRequest` with the URL and everything else about the handshake.
    :arg on_message_callback: called with each message, and with None at the end, in the place of
        `read_message`. If it returns an awaitable, the next message waits for that.
    :arg compression_options: None for no compression, otherwise as what
        `WebSocketHandler.get_compression_options` returns.
    :arg ping_interval: seconds between pings; None for no pings.
    :arg ping_timeout: seconds in which a pong has to come; the interval by default.
    :arg max_message_size: bytes of one message.
    :arg subprotocols: list of str, to offer to the server.
    :arg resolver: `Resolver` that looks up the server's name.

    :ivar headers: `HTTPHeaders` of the server's answer.
    :ivar code: int or None: the status of an answer that is no WebSocket, None of one that is.
    :ivar close_code: int or None, the code with which the server closed.
    :ivar close_reason: str or None, its reason.
    :ivar protocol: the connection proper; None when `close` was called.
    :ivar connect_future: a future of this object, done when the connection is open.
    """

    protocol: WebSocketProtocol | None = None
    headers: HTTPHeaders

    def __init__(
        self,
        request: HTTPRequest,
        on_message_callback: Callable[[str | bytes | None], Any] | None = None,
        compression_options: dict[str, Any] | None = None,
        ping_interval: float | None = None,
        ping_timeout: float | None = None,
        max_message_size: int = limits.MAX_MESSAGE_SIZE,
        subprotocols: list[str] | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self.request = request
        self.params: WebSocketParams = WebSocketParams(
            ping_interval, ping_timeout, max_message_size, compression_options
        )
        self.io_loop: IOLoop = IOLoop.current()
        self.connect_future: Future[WebSocketClientConnection] = Future()
        self.connect_future.add_done_callback(self._connect_done)
        self.headers = HTTPHeaders()
        self.code: int | None = None
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self.key: str = base64.b64encode(os.urandom(16)).decode("ascii")
        self.read_queue: Mailbox = Mailbox(self.io_loop.asyncio_loop)
        self._on_message_callback = on_message_callback
        self._subprotocols = subprotocols or []
        self._resolver = resolver
        self._compression: extensions.Options | None = None
        self._opening: Opening | None = None
        self._http: ClientConnection | None = None
        self._stream: ConnectionStream | None = None
        self._open()

    # --- opening --------------------------------------------------------------------------------

    def _open(self) -> None:
        request = copy.copy(self.request)
        request.url = _http_url(request.url)
        request.follow_redirects = False
        request.decompress_response = False
        request.headers = headers = HTTPHeaders(request.headers)
        headers["Upgrade"] = "websocket"
        headers["Connection"] = "Upgrade"
        headers["Sec-WebSocket-Key"] = self.key
        headers["Sec-WebSocket-Version"] = handshake.VERSION
        if self._subprotocols:
            for name in self._subprotocols:
                if _TOKEN.fullmatch(name) is None:
                    raise ValueError(f"Not the name of a subprotocol: {name!r}")
            headers["Sec-WebSocket-Protocol"] = ",".join(self._subprotocols)
        if self.params.compression_options is not None:
            self._compression = handshake.compression(self.params.compression_options)
            headers["Sec-WebSocket-Extensions"] = extensions.offer(self._compression)
        side = _client_side(self.io_loop)
        self._opening = Opening(self, side.engine(self._resolver), request, side.hub)
        self._opening.submit()

    def _connect_done(self, future: "Future[WebSocketClientConnection]") -> None:
        opening, self._opening = self._opening, None
        if future.cancelled():
            if opening is not None and not opening.done:
                opening.give_up()
            elif self.protocol is not None:
                self.close()
        elif future.exception() is not None:
            self.protocol = None

    def _declined(self, response: HTTPResponse) -> None:
        """The handshake has failed."""
        self.code = response.code
        if self._opening is not None:
            self._release(self._opening.engine)
        if self.connect_future.done():
            return
        error: BaseException = response.error or WebSocketError(
            f"The server answered {response.code} {response.reason}: this is no WebSocket"
        )
        self.connect_future.set_exception(error)
        self.connect_future.exception()  # whoever awaits it will see it; nobody has to

    def _accepted(
        self,
        hub: Hub,
        headers: HTTPHeaders,
        connection: ClientConnection,
        context: contextvars.Context,
    ) -> None:
        """The server has switched protocols.

        :arg context: the current one, of which this connection's hooks are the only users.
        :raises ProtocolError: not as it was asked to.
        """
        handshake.check_response(headers, self.key)
        chosen = headers.get("Sec-WebSocket-Protocol")
        if chosen is not None and chosen not in self._subprotocols:
            raise ProtocolError(1002, "the server chose a subprotocol that was not offered")
        deflater = inflater = None
        answer = headers.get("Sec-WebSocket-Extensions")
        if answer is not None:
            if self._compression is None:
                raise ProtocolError(1010, "the server chose an extension that was not offered")
            agreed = extensions.check_answer(answer, self._compression)
            deflater, inflater = agreed.pair(self._compression, server=False)
        protocol = self.get_websocket_protocol()
        parser = FrameParser(False, self.params.max_message_size, inflater)
        transport = connection.transport
        rest = connection.hand_over()
        self._http = connection
        self.headers = headers
        self.protocol = protocol
        protocol._selected_subprotocol = chosen
        protocol.begin(hub, transport, parser, deflater, None, context)
        self._stream = protocol.stream
        if rest:
            parser.receive(rest)
        protocol.start_pinging()
        self.connect_future.set_result(self)
        protocol.start(_nothing)

    def get_websocket_protocol(self) -> WebSocketProtocol13:
        """A connection for the handshake to begin."""
        return WebSocketProtocol13(self, True, self.params)

    @property
    def parsed(self) -> urllib.parse.SplitResult:
        """The parts of the URL; its scheme is the handshake's, ``http`` or ``https``."""
        return urllib.parse.urlsplit(_http_url(self.request.url))

    @property
    def tcp_client(self) -> TCPClient:
        """A client for TCP with the resolver of this connection; the connection has its own."""
        return TCPClient(resolver=self._resolver)

    # --- what programs do -----------------------------------------------------------------------

    def read_message(
        self, callback: "Callable[[Future[str | bytes | None]], Any] | None" = None
    ) -> "Future[str | bytes | None]":
        """The next message.

        :arg callback: called with the future when it is done.
        :returns: a future of str, of bytes, or of None when the connection is closed.
        """
        future = self.read_queue.get()
        if callback is not None:
            self.io_loop.add_future(future, callback)
        return future

    async def __aiter__(self) -> Any:
        """Iterate over the messages until the connection is closed."""
        while (message := await self.read_queue.get()) is not None:
            yield message

    async def __aenter__(self) -> "WebSocketClientConnection":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        protocol = self.protocol
        self.close()
        # Else what nobody reads would keep the server's close frame waiting.
        self.read_queue.stop()
        if isinstance(protocol, WebSocketProtocol13):
            await protocol.wait_closed()

    def _protocol_or_raise(self) -> WebSocketProtocol:
        if self.protocol is None:
            raise WebSocketClosedError("The connection was closed by this side")
        return self.protocol

    def write_message(
        self, message: str | bytes | dict[str, Any], binary: bool = False
    ) -> Awaitable[None]:
        """Send a message.

        :arg message: str, bytes, or a dict that is sent as JSON.
        :arg binary: send it as a binary message rather than as text, which has to be UTF-8.
        :returns: an awaitable that is done when the server has taken enough of what was sent.
        :raises WebSocketClosedError: the connection is closed or closing.
        """
        protocol = self.protocol
        if protocol is None:
            raise WebSocketClosedError("The connection was closed by this side")
        return protocol.write_message(message, binary)

    def ping(self, data: str | bytes = b"") -> None:
        """Send a ping.

        :arg data: at most 125 bytes, which the answer brings back.
        :raises ValueError: more than that.
        :raises WebSocketClosedError: the connection is closed or closing.
        """
        self._protocol_or_raise().write_ping(utf8(data))

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close the connection: say so, and wait some seconds for the server to agree.

        :arg code, reason: as for `WebSocketHandler.close`.
        """
        protocol = self.protocol
        if protocol is not None:
            protocol.close(code, reason)
            self.protocol = None

    @property
    def selected_subprotocol(self) -> str | None:
        """The subprotocol that the server has chosen."""
        return self._protocol_or_raise().selected_subprotocol

    @property
    def stream(self) -> ConnectionStream | None:
        """The connection as far as it is a stream, also after its end; None until it is open."""
        return self._stream

    # --- what the connection calls --------------------------------------------------------------

    def on_message(self, message: str | bytes | None) -> Awaitable[None] | None:
        """A message has arrived; None stands for the end."""
        if self._on_message_callback is not None:
            result = self._on_message_callback(message)
            return result if result is not None and inspect.isawaitable(result) else None
        if message is None:
            self.read_queue.close()
            return None
        return self.read_queue.put(message)

    def on_ping(self, data: bytes) -> None:
        """Hook: a ping has arrived; it is answered already."""

    def on_pong(self, data: bytes) -> None:
        """Hook: the answer to a ping has arrived."""

    def on_ws_connection_close(
        self, close_code: int | None = None, close_reason: str | None = None
    ) -> None:
        """The connection has ended."""
        self.close_code = close_code
        self.close_reason = close_reason
        http, self._http = self._http, None
        if http is not None:
            http.handed_over_lost()
            self._release(http.engine)
        self.on_connection_close()

    def _release(self, engine: Engine) -> None:
        if self._resolver is not None:
            engine.close_idle()  # it was made for this connection alone

    def on_connection_close(self) -> None:
        """Tell whoever reads."""
        pending = self.on_message(None)
        if pending is not None:
            self.io_loop.add_future(convert_yielded(pending), lambda done: done.result())

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log an exception of a callback."""
        app_log.error(
            "Uncaught exception %s",
            value,
            exc_info=None if typ is None or value is None else (typ, value, tb),
        )

    def __del__(self) -> None:
        protocol: Any = self.protocol
        if protocol is not None and not protocol.is_closing():
            warnings.warn(f"Unclosed {type(self).__name__}", ResourceWarning, stacklevel=2)


class Opening(Call):
    """The HTTP side of a client's handshake."""

    connection: ClientConnection | None

    def __init__(
        self, client: WebSocketClientConnection, engine: Engine, request: HTTPRequest, hub: Hub
    ) -> None:
        super().__init__(engine, request, client._declined)
        self._client = client
        self._hub = hub
        # RFC 6455 section 4.1: a proxy is not to understand what it passes on.
        self.tunnels = True
        self._caller = contextvars.copy_context()

    def prepare(self) -> None:
        """As for any request, over a connection of its own."""
        super().prepare()
        self.closes = True

    def upgraded(self, head: ResponseHead, connection: ClientConnection) -> None:
        """The server has switched protocols."""
        headers = HTTPHeaders()
        headers.load(head.raw)
        try:
            self._caller.run(self._client._accepted, self._hub, headers, connection, self._caller)
        except ProtocolError as error:
            connection.fail(WebSocketError(f"The handshake failed: {error.reason}"))
            return
        self.done = True
        self.connection = None
        self.engine.leave(self)


class _ClientSide:
    """What the client connections of one loop share."""

    def __init__(self, io_loop: IOLoop) -> None:
        self._io_loop = io_loop
        self._engine: Engine | None = None
        self.hub = Hub(io_loop.asyncio_loop)

    def engine(self, resolver: Resolver | None) -> Engine:
        """The engine that makes connections."""
        if resolver is not None:
            return self._make(resolver)
        if self._engine is None or self._engine.closed:
            self._engine = self._make(Resolver())
        return self._engine

    def _make(self, resolver: Resolver) -> Engine:
        return Engine(
            self._io_loop, resolver, _MAX_OPENING, limits.MAX_HEAD_SIZE, limits.MAX_REFUSAL_BODY
        )


def _client_side(io_loop: Any) -> _ClientSide:
    found: _ClientSide | None = getattr(io_loop, "_ww_websockets", None)
    if found is None:
        found = io_loop._ww_websockets = _ClientSide(io_loop)
    return found


def _http_url(url: str) -> str:
    """The URL with which the handshake is made."""
    found = _SCHEME.match(url)
    if found is None:
        raise ValueError(f"Unsupported url scheme: {url} (use ws, wss, ws+unix or wss+unix)")
    return f"http{found[2].lower()}{url[found.end() - 3 :]}"


def _nothing() -> None:
    """There is no hook for a client's connection that opens: a future tells of it."""


def websocket_connect(
    url: str | HTTPRequest,
    callback: "Callable[[Future[WebSocketClientConnection]], Any] | None" = None,
    connect_timeout: float | None = None,
    on_message_callback: Callable[[str | bytes | None], Any] | None = None,
    compression_options: dict[str, Any] | None = None,
    ping_interval: float | None = None,
    ping_timeout: float | None = None,
    max_message_size: int = limits.MAX_MESSAGE_SIZE,
    subprotocols: list[str] | None = None,
    resolver: Resolver | None = None,
) -> "Awaitable[WebSocketClientConnection]":
    """Open a connection to a WebSocket server.

    Redirects are not followed; they fail with an `HTTPError` like any other answer that is none.

    :arg url: ``ws://``, ``wss://``, or ``ws+unix://%2Fpath%2Fof%2Fsocket/target``; or an
        `HTTPRequest` with such a URL, for headers, TLS, timeouts, proxies and the rest.
    :arg callback: called with the future when it is done; deprecated since Tornado 6.5.
    :arg connect_timeout: seconds to connect in (20); in the request, if there is one.
    :arg on_message_callback, compression_options, ping_interval, ping_timeout, max_message_size,
        subprotocols, resolver: as for `WebSocketClientConnection`.
    :returns: an awaitable of the `WebSocketClientConnection`. It fails with `HTTPError` for an
        answer that is an error or a redirect, with `WebSocketError` for one that is no
        handshake, with `HTTPTimeoutError`, or with the `OSError` of the network.
    :raises ValueError: the URL or an option makes no sense.
    """
    if isinstance(url, HTTPRequest):
        if connect_timeout is not None:
            raise ValueError("connect_timeout is an attribute of the HTTPRequest")
        request = url
    else:
        request = HTTPRequest(url, connect_timeout=connect_timeout)
    connection = WebSocketClientConnection(
        request,
        on_message_callback=on_message_callback,
        compression_options=compression_options,
        ping_interval=ping_interval,
        ping_timeout=ping_timeout,
        max_message_size=max_message_size,
        subprotocols=subprotocols,
        resolver=resolver,
    )
    if callback is not None:
        warnings.warn(
            "websocket_connect(callback=) is deprecated: await the result",
            DeprecationWarning,
            stacklevel=2,
        )
        connection.io_loop.add_future(connection.connect_future, callback)
    return connection.connect_future


claim("whirlwind.websocket", WebSocketClientConnection, websocket_connect)
