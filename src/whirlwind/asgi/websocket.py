"""One WebSocket connection that an ASGI application talks to."""

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final

from whirlwind.asgi.errors import (
    ClientDisconnectedError,
    MessageError,
    as_bytes,
    is_about_client,
)
from whirlwind.asgi.scope import make_scope
from whirlwind.log import app_log
from whirlwind.websocket import WebSocketClosedError, WebSocketHandler, handshake

if TYPE_CHECKING:
    from whirlwind.asgi.container import ASGIContainer

#: Messages, and bytes or characters of them, that wait for the application before the client is
#: not read from any more.
MAX_UNREAD_MESSAGES: Final = 64
MAX_UNREAD_SIZE: Final = 1 << 20

# Codes that no frame has (RFC 6455 section 7.4.1): the close frame had none, or there was none.
_NO_CODE: Final = 1005
_LOST: Final = 1006

# How far the connection has come.
_CONNECTING: Final = "websocket.accept, .close or .http.response.start comes first"
_DENYING: Final = "websocket.http.response.body comes next"
_OPEN: Final = "websocket.send or websocket.close comes next"
_CLOSED: Final = "the connection was closed"


class SocketHandler(WebSocketHandler):
    """Runs the application from the handshake to the end of the connection."""

    def initialize(self, container: "ASGIContainer") -> None:
        """
        :arg container: whose application it is.
        """
        self._container = container
        self._asgi_state = _CONNECTING
        self._events: deque[dict[str, Any]] = deque([{"type": "websocket.connect"}])
        self._unread = 0
        self._gone = False
        self._unsaid = _LOST
        self._was_opened = False
        self._offered = handshake.tokens(self.request.headers.get("Sec-WebSocket-Protocol", ""))
        self._subprotocol: str | None = None
        self._receive_waiter: asyncio.Future[None] | None = None
        self._room_waiter: asyncio.Future[None] | None = None
        self._decided: asyncio.Future[None] | None = None
        self._opened: asyncio.Future[None] | None = None

    async def prepare(self) -> None:
        """Let the application decide, unless this is no proper handshake: `get` says so."""
        request = self.request
        if handshake.check_upgrade(request) is not None:
            return
        if request.headers.get("Sec-WebSocket-Version") != handshake.VERSION:
            return
        loop = asyncio.get_running_loop()
        self._decided = loop.create_future()
        self._opened = loop.create_future()
        self._container.at_work(loop.create_task(self._run_application()), self)
        await self._decided

    def is_over(self) -> bool:
        """Whether the connection is closed, or will not come about."""
        return self._gone or self._asgi_state is _CLOSED

    def check_origin(self, origin: str) -> bool:
        """The application sees the field, and decides."""
        return True

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """What the application has chosen."""
        return self._subprotocol

    def open(self, *args: str, **kwargs: str) -> None:
        """The handshake is over."""
        self._was_opened = True
        if self._opened is not None:
            _set(self._opened)

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Keep a message for the application; the next waits while it has many to read."""
        key = "text" if isinstance(message, str) else "bytes"
        self._events.append({"type": "websocket.receive", key: message})
        self._unread += len(message)
        if self._receive_waiter is not None:
            _set(self._receive_waiter)
        if len(self._events) < MAX_UNREAD_MESSAGES and self._unread < MAX_UNREAD_SIZE:
            return None
        self._room_waiter = asyncio.get_running_loop().create_future()
        return self._room_waiter

    def on_close(self) -> None:
        """The connection is gone."""
        if self._gone:
            return
        self._gone = True
        self._tell_end(self.close_code or self._unsaid, self.close_reason or "")

    def on_ws_connection_close(
        self, close_code: int | None = None, close_reason: str | None = None
    ) -> None:
        """The connection has ended, with or without a word of the client's."""
        if getattr(self.ws_connection, "close_received", False):
            self._unsaid = _NO_CODE
        super().on_ws_connection_close(close_code, close_reason)

    def on_finish(self) -> None:
        """The handshake is answered; with anything but 101 there will be no connection."""
        if self.get_status() != 101:
            self._tell_end(_LOST, "")

    def _tell_end(self, code: int, reason: str) -> None:
        self._asgi_state = _CLOSED
        self._events.append({"type": "websocket.disconnect", "code": code, "reason": reason})
        for waiter in (self._receive_waiter, self._room_waiter, self._decided, self._opened):
            if waiter is not None:
                _set(waiter)

    async def _receive(self) -> dict[str, Any]:
        while not self._events:
            if self._receive_waiter is None or self._receive_waiter.done():
                self._receive_waiter = asyncio.get_running_loop().create_future()
            # Several may wait for it, and one of them may be cancelled.
            await asyncio.shield(self._receive_waiter)
        event = self._events[0]
        if event["type"] == "websocket.disconnect":
            return event  # and again, whenever it is asked for
        self._events.popleft()
        if event["type"] == "websocket.receive":
            self._unread -= len(event.get("text") or event.get("bytes") or b"")
            if self._room_waiter is not None:
                _set(self._room_waiter)
        return event

    async def _send(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if self._gone:
            raise ClientDisconnectedError("the WebSocket connection is closed")
        state = self._asgi_state
        if state is _OPEN and kind == "websocket.send":
            text, data = message.get("text"), message.get("bytes")
            try:
                if text is not None:
                    if not isinstance(text, str):
                        raise MessageError(f"text is str, not {type(text).__name__}")
                    await self.write_message(text)
                elif data is not None:
                    await self.write_message(
                        data if type(data) is bytes else as_bytes(data), binary=True
                    )
                else:
                    raise MessageError("websocket.send has neither text nor bytes")
            except WebSocketClosedError as error:
                raise ClientDisconnectedError("the WebSocket connection is closed") from error
        elif state is _OPEN and kind == "websocket.close":
            try:
                self.close(message.get("code") or 1000, message.get("reason") or None)
            except (TypeError, ValueError) as error:
                raise MessageError(f"malformed websocket.close: {error}") from error
            self._asgi_state = _CLOSED
        elif state is _CONNECTING and kind == "websocket.accept":
            await self._accept(message)
        elif state is _CONNECTING and kind == "websocket.close":
            await self._deny(403, b"")
        elif state is _CONNECTING and kind == "websocket.http.response.start":
            code = message.get("status")
            if type(code) is not int or not 200 <= code <= 599:
                raise MessageError(f"an answer's status is 200 to 599, not {code!r}")
            self._take_fields(message)
            self.set_status(code)
            self._asgi_state = _DENYING
        elif state is _DENYING and kind == "websocket.http.response.body":
            self.write(as_bytes(message.get("body", b"")))
            if message.get("more_body", False):
                await self.flush()
            else:
                await self._denied()
        else:
            raise MessageError(f"unexpected ASGI message {kind!r}: {state}")

    def _take_fields(self, message: dict[str, Any]) -> None:
        try:
            fields = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in message.get("headers") or ()
            ]
            for name, _ in fields:
                self.clear_header(name)
            for name, value in fields:
                self.add_header(name, value)
        except (TypeError, ValueError, AttributeError) as error:
            raise MessageError(f"malformed headers of {message['type']}: {error}") from error

    async def _accept(self, message: dict[str, Any]) -> None:
        assert self._decided is not None
        assert self._opened is not None
        self._subprotocol = message.get("subprotocol")
        if self._subprotocol and self._subprotocol not in self._offered:
            raise MessageError(
                f"the client did not offer the subprotocol {self._subprotocol!r} of "
                "websocket.accept (RFC 6455 section 4.2.2)"
            )
        self._take_fields(message)
        self._asgi_state = _OPEN
        _set(self._decided)
        await asyncio.shield(self._opened)
        if not self._was_opened:
            raise ClientDisconnectedError("the handshake has failed, or the client has left")

    async def _deny(self, code: int, body: bytes) -> None:
        self.set_status(code)
        self.write(body)
        await self._denied()

    async def _denied(self) -> None:
        assert self._decided is not None
        self._asgi_state = _CLOSED
        sent = self.finish()
        _set(self._decided)
        await sent

    async def _run_application(self) -> None:
        container = self._container
        request = self.request
        scope = make_scope("websocket", request, container.root_path)
        scope["subprotocols"] = list(self._offered)
        scope["extensions"] = {"websocket.http.response": {}}
        container.add_state(scope)
        code = 1000
        try:
            await container.app(scope, self._receive, self._send)
        except Exception as error:
            # Not everybody looks whether the client is still there.
            if not is_about_client(error):
                code = 1011
                app_log.error("Uncaught exception in WebSocket %s", request.uri, exc_info=True)
        finally:
            self._end(code)

    def _end(self, code: int) -> None:
        """The application is done: whatever it has left open ends."""
        state, self._asgi_state = self._asgi_state, _CLOSED
        if self._room_waiter is not None:
            _set(self._room_waiter)
        if self._gone or state is _CLOSED:
            return
        if state is _OPEN:
            self.close(code)
        elif state is _DENYING and self._headers_written:
            self.request.connection.cut()
        else:
            self.clear()
            self.set_status(500)
            self.finish()
        if self._decided is not None:
            _set(self._decided)


def _set(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
