"""The general path from a route to a handler: `HTTPMessageDelegate` for one request."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from whirlwind.concurrent import Future
from whirlwind.httputil import HTTPMessageDelegate, HTTPServerRequest
from whirlwind.iostream import StreamClosedError
from whirlwind.web.execute import run_handler

if TYPE_CHECKING:
    from whirlwind.web.application import Application
    from whirlwind.web.handler import RequestHandler


class HandlerDelegate(HTTPMessageDelegate):
    """Collects, or streams, the body of a request and runs a handler for it."""

    def __init__(
        self,
        application: "Application",
        request: HTTPServerRequest,
        handler_class: "type[RequestHandler]",
        handler_kwargs: dict[str, Any] | None,
        path_args: Any,
        path_kwargs: Any,
    ) -> None:
        """
        :arg handler_kwargs: for the handler's ``initialize``.
        :arg path_args, path_kwargs: groups of the route's pattern, bytes or None each.
        """
        self.application = application
        self.request = request
        self.connection: Any = request.connection
        self.handler_class = handler_class
        self.handler_kwargs: dict[str, Any] = handler_kwargs or {}
        self.path_args = path_args
        self.path_kwargs = path_kwargs
        self.handler: RequestHandler | None = None
        self.chunks: list[bytes] = []
        self.stream_request_body: bool = handler_class._stream_request_body

    def headers_received(self, start_line: Any, headers: Any) -> Awaitable[None] | None:
        """The head is here: a streaming handler begins at once."""
        if self.stream_request_body:
            self.request._body_future = Future()
            self.execute()
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """A piece of the body, for the handler or for later."""
        if not self.stream_request_body:
            self.chunks.append(chunk)
            return None
        handler = self.handler
        if handler is None or handler._finished:
            return None
        prepared = handler._prepared_future
        if prepared is not None and not prepared.done():
            return self._receive_prepared(handler, prepared, chunk)
        return self._receive(handler, chunk)

    def _receive(self, handler: "RequestHandler", chunk: bytes) -> Awaitable[None] | None:
        try:
            result = handler.data_received(chunk)
        except Exception as error:
            self._failed(handler, error)
            return None
        return None if result is None else self._wait(handler, result)

    async def _wait(self, handler: "RequestHandler", result: Awaitable[None]) -> None:
        try:
            await result
        except Exception as error:
            self._failed(handler, error)

    async def _receive_prepared(
        self, handler: "RequestHandler", prepared: Awaitable[None], chunk: bytes
    ) -> None:
        """`prepare` may still be waiting for something: it comes before the first piece."""
        await prepared
        if not handler._finished:
            pending = self._receive(handler, chunk)
            if pending is not None:
                await pending

    def _failed(self, handler: "RequestHandler", error: Exception) -> None:
        """``data_received`` raised: answer as for any method, and wait for no more of the body."""
        future = self.request._body_future
        exchange = handler._ww_exchange
        if exchange is not None:
            exchange.keep_alive = False  # the rest of the body has no reader
        handler._ww_fail(error)
        if future is not None and not future.done():
            future.set_result(None)

    def finish(self) -> None:
        """The body is complete."""
        if self.stream_request_body:
            future = self.request._body_future
            if future is not None and not future.done():
                future.set_result(None)
        else:
            self.request.body = b"".join(self.chunks)
            self.chunks = []
            self.execute()

    def on_connection_close(self) -> None:
        """The client is gone."""
        if self.handler is not None:
            self.handler.on_connection_close()
            future = self.request._body_future
            if future is not None and not future.done():
                # The hook was replaced; whoever waits for the body must not wait for ever.
                future.set_exception(StreamClosedError())
                future.exception()
        self.chunks = []

    def execute(self) -> Awaitable[None] | None:
        """Make the handler and run it.

        :returns: a task, or None when the handler is done already.
        """
        if self.application._ww_forgets:
            self.application._ww_forget_cached_files()
        return run_handler(self)
