"""A WebSocket connection that an ASGI server holds, as `WebSocketHandler` knows connections."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from whirlwind.asgi.connection import FINISHED, Send, ServedConnection, fields_of
from whirlwind.asgi.errors import ASGIError
from whirlwind.gen import convert_yielded
from whirlwind.httputil import HTTPHeaders
from whirlwind.log import app_log
from whirlwind.protocol import limits
from whirlwind.protocol.frames import close_payload
from whirlwind.websocket import WebSocketClosedError, WebSocketHandler
from whirlwind.websocket.protocol import (
    WebSocketCarrier,
    WebSocketParams,
    WebSocketProtocol,
    choose_subprotocol,
    decline,
)
from whirlwind.websocket.sender import check_text, plain

Receive = Callable[[], Awaitable[dict[str, Any]]]

# The handshake is the server's, and so is how the frames are compressed.
_HANDSHAKE = frozenset(
    (
        b"content-length",
        b"sec-websocket-accept",
        b"sec-websocket-extensions",
        b"sec-websocket-protocol",
    )
)


class SocketConnection(ServedConnection, WebSocketCarrier):
    """The connection of a handshake, which a handler accepts or answers like any request."""

    _start_type = "websocket.http.response.start"
    _body_type = "websocket.http.response.body"

    def __init__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """
        :arg scope, receive, send: as the server gave them.
        """
        super().__init__(scope, send, 0)
        self.receive = receive
        self._denies = "websocket.http.response" in (scope.get("extensions") or {})
        self._socket: ServedSocket | None = None
        self._early: asyncio.Future[dict[str, Any]] | None = None

    def websocket_protocol(
        self, handler: WebSocketHandler, params: WebSocketParams
    ) -> WebSocketProtocol:
        """The connection with which a handler accepts."""
        return ServedSocket(handler, self, params)

    def write_headers(
        self,
        start_line: Any,
        headers: HTTPHeaders,
        chunk: bytes | None = None,
    ) -> "asyncio.Future[None]":
        """As `ServedConnection.write_headers`; 101 accepts the connection.

        Servers without the extension for answers of one's own say 403, whatever is written.
        """
        if start_line.code != 101 and self._denies:
            return super().write_headers(start_line, headers, chunk)
        if start_line.code < 200 and start_line.code != 101:
            return self._put(None)
        self._state = FINISHED
        if start_line.code != 101:
            declined = self._put({"type": "websocket.close"})
            self.end()
            return declined
        fields = [field for field in fields_of(headers) if field[0] not in _HANDSHAKE]
        return self._put(
            {
                "type": "websocket.accept",
                "subprotocol": headers.get("Sec-WebSocket-Protocol"),
                "headers": fields,
            }
        )

    def write(self, chunk: bytes) -> "asyncio.Future[None]":
        """As `ServedConnection.write`; nowhere to go without the extension."""
        return super().write(chunk) if self._denies else self._put(None)

    def socket_opened(self, socket: "ServedSocket") -> None:
        """A handler has accepted."""
        self._socket = socket

    def put(self, message: dict[str, Any]) -> "asyncio.Future[None]":
        """Send a message of an open connection."""
        return self._put(message)

    def listen_until_decided(self) -> None:
        """Hear of a client that leaves before a handler has decided."""
        if self._socket is not None or self.over:
            return
        early = self._early = asyncio.ensure_future(self.receive())

        def heard(done: "asyncio.Future[dict[str, Any]]") -> None:
            left = (
                done.cancelled()
                or done.exception() is not None
                or done.result()["type"] == "websocket.disconnect"
            )
            if left and self._socket is None:
                self.lost()

        early.add_done_callback(heard)

    async def next_message(self) -> dict[str, Any]:
        """The server's next message."""
        early, self._early = self._early, None
        return await (self.receive() if early is None else early)

    def stop_listening(self) -> None:
        """Nobody wants to know what `listen_until_decided` would hear."""
        if self._early is not None:
            self._early.cancel()

    def gone_error(self, cause: BaseException | None) -> Exception:
        """What writes fail with when nobody reads them."""
        return super().gone_error(cause) if self._socket is None else WebSocketClosedError()

    def gone(self) -> None:
        """Nothing can be sent any more; the server is about to say with which code."""
        if self._socket is None:
            self.end()
        else:
            self._socket.close_within(limits.CLOSE_TIMEOUT)

    def drop(self) -> None:
        """The server has ended this, or is to, and will say nothing more."""
        self.lost()
        if self._socket is not None:
            self._socket.close_within(0.0)


class ServedSocket(WebSocketProtocol):
    """Messages instead of frames: pings, compression and deadlines are the server's."""

    def __init__(
        self, handler: WebSocketHandler, connection: SocketConnection, params: WebSocketParams
    ) -> None:
        """
        :arg handler: who gets the messages.
        :arg connection: the handshake's.
        :arg params: only the message size is of use here.
        """
        super().__init__(handler)
        self._connection = connection
        self._max_size = params.max_message_size
        self._selected_subprotocol: str | None = None
        self._loop = asyncio.get_running_loop()
        self._close_by: float | None = None
        self._limit: asyncio.Timeout | None = None
        self._ended = False
        self.close_code: int | None = None
        self.close_reason: str | None = None

    async def accept_connection(self, handler: WebSocketHandler) -> None:
        """Accept, call the handler's `open`, and hand it messages until the connection ends."""
        if self._connection.is_lost():
            decline(handler, 400, "This connection can not be upgraded")
            return
        self._selected_subprotocol = choose_subprotocol(handler)
        handler.clear_header("Content-Type")
        handler.set_status(101)
        handler._transforms = None
        self._connection.socket_opened(self)
        handler.finish()
        handler._ww_slim_down()
        try:
            await _hook(handler._ww_open())
            await self._read()
        except (Exception, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                self._say_close(1001, "going away")
                raise
            self._hook_failed(error)
        finally:
            self._end()

    async def _read(self) -> None:
        while True:
            try:
                async with asyncio.timeout_at(self._close_by) as self._limit:
                    message = await self._connection.next_message()
            except TimeoutError:
                return
            finally:
                self._limit = None
            if message["type"] == "websocket.disconnect":
                # RFC 6455 section 7.1.5: these say that there was none.
                code = message.get("code")
                self.close_code = None if code in (1005, 1006) else code
                self.close_reason = message.get("reason") or None
                return
            text = message.get("text")
            data: str | bytes = message["bytes"] if text is None else text
            if len(data) > self._max_size:
                self._say_close(1009, "message too big")
                return
            await _hook(self.handler.on_message(data))

    def _hook_failed(self, error: BaseException) -> None:
        if self._connection.is_lost() and isinstance(error, WebSocketClosedError):
            return  # a coroutine that wrote to a client that has left meanwhile
        try:
            self.handler.log_exception(type(error), error, error.__traceback__)
        except Exception:
            app_log.error("Error in exception logger", exc_info=True)
        self._say_close(1011, "internal error")

    def _end(self) -> None:
        self._ended = True
        self._connection.end()
        handler: Any = self.handler
        try:
            handler.on_ws_connection_close(self.close_code, self.close_reason)
        except Exception as error:
            handler.log_exception(type(error), error, error.__traceback__)

    def on_connection_close(self) -> None:
        """Drop the connection."""
        self._connection.drop()

    def close_within(self, seconds: float) -> None:
        """Wait no longer than this for the server to say that the connection has ended."""
        close_by = self._loop.time() + seconds
        if self._close_by is None or close_by < self._close_by:
            self._close_by = close_by
            if self._limit is not None:
                self._limit.reschedule(close_by)

    # --- what handlers use ----------------------------------------------------------------------

    @property
    def client_terminated(self) -> bool:
        """Whether the client has closed its side."""
        return self._ended or self._connection.is_lost()

    @property
    def server_terminated(self) -> bool:
        """Whether this side has said that it closes."""
        return self._close_by is not None

    @property
    def selected_subprotocol(self) -> str | None:
        """The subprotocol that was agreed on."""
        return self._selected_subprotocol

    def is_closing(self) -> bool:
        """Whether the connection is closed or closing."""
        return self._ended or self._close_by is not None or self._connection.is_lost()

    def write_message(
        self, message: str | bytes | dict[str, Any], binary: bool = False
    ) -> "asyncio.Future[None]":
        """Send a message.

        :returns: a future that is done when the server has taken it.
        :raises WebSocketClosedError: the connection is closed or closing.
        """
        if self.is_closing():
            raise WebSocketClosedError
        data = plain(message)
        if binary:
            data = data.encode("utf-8") if isinstance(data, str) else data
            return self._connection.put({"type": "websocket.send", "bytes": data})
        if isinstance(data, bytes):
            check_text(data)
            data = data.decode("utf-8")
        return self._connection.put({"type": "websocket.send", "text": data})

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close the connection; 1000 if there is no code, which ASGI can not leave out.

        :raises ValueError: a code or reason that can not be sent.
        """
        close_payload(code, reason)
        self._say_close(1000 if code is None else code, reason or "")

    def _say_close(self, code: int, reason: str) -> None:
        if self.is_closing():
            return
        self._connection.put({"type": "websocket.close", "code": code, "reason": reason})
        self.close_within(limits.CLOSE_TIMEOUT)

    def write_ping(self, data: bytes) -> Any:
        """:raises ASGIError: always; ASGI has no pings."""
        raise ASGIError(
            "ASGI has no message for a ping: set the server's own (such as --ws-ping-interval of "
            "uvicorn)"
        )

    def start_pinging(self) -> None:
        """Nothing: pings are the server's."""

    def set_nodelay(self, x: bool) -> None:
        """Nothing: the socket is the server's."""


async def _hook(result: Any) -> None:
    """Wait for what a hook returned, if that is something to wait for."""
    if result is not None:
        await (result if hasattr(result, "__await__") else convert_yielded(result))
