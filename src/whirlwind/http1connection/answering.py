"""The server's side of an exchange over a stream: the server's own engine, with a stream below."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from whirlwind.concurrent import Future, create_future
from whirlwind.httputil import HTTPConnection, HTTPMessageDelegate, HTTPServerConnectionDelegate
from whirlwind.iostream.as_transport import StreamTransport
from whirlwind.protocol import limits
from whirlwind.protocol.errors import HTTPOutputError
from whirlwind.server.http1 import ServerConnection
from whirlwind.server.site import Site

if TYPE_CHECKING:
    from whirlwind.http1connection.parameters import HTTP1ConnectionParameters
    from whirlwind.httputil import HTTPHeaders
    from whirlwind.iostream import IOStream
    from whirlwind.server.exchange import Exchange


def site_for(
    stream: IOStream, params: HTTP1ConnectionParameters, delegate: HTTPServerConnectionDelegate
) -> Site:
    """What the engine has to know to serve one stream.

    :arg delegate: starts the requests; hears of the end of the connection.
    """
    site = Site(stream.io_loop.asyncio_loop, delegate, None)
    site.max_head_size = params.max_header_size
    site.max_body_size = params.max_body_size or stream.max_buffer_size or limits.MAX_BODY_SIZE
    site.chunk_size = params.chunk_size
    if params.header_timeout:
        site.idle_timeout = params.header_timeout
        site.header_timeout = min(params.header_timeout, limits.HEADER_TIMEOUT)
    site.body_timeout = params.body_timeout or 0.0
    site.no_keep_alive = params.no_keep_alive
    site.decompress = params.decompress
    return site


class AnsweringSide:
    """One request and its response; ``exchange`` is what the engine knows of it."""

    def __init__(self, stream: IOStream, params: HTTP1ConnectionParameters) -> None:
        """
        :arg stream: the stream.
        :arg params: limits.
        """
        self.exchange: Exchange | None = None
        self._stream = stream
        self._params = params
        self._single: _SingleRequest | None = None
        #: What the exchange gets when it begins.
        self._close_callback: Callable[[], None] | None = None
        self._max_body_size: int | None = None
        self._body_timeout: float | None = None

    async def read(self, delegate: HTTPMessageDelegate) -> bool:
        """Read one request and wait for its answer, on a connection of its own."""
        if self.exchange is not None:
            raise RuntimeError("the server reads the requests of this connection")
        single = self._single = _SingleRequest(self, delegate)
        params = self._params
        site = site_for(self._stream, params, single)
        if self._max_body_size is not None:
            site.max_body_size = self._max_body_size
        if self._body_timeout is not None:
            site.body_timeout = self._body_timeout
        StreamTransport(self._stream, ServerConnection(site), params.chunk_size)
        return await single.over

    def _open(self) -> Exchange:
        if self.exchange is None:
            raise HTTPOutputError("No request has been received")
        return self.exchange

    def write_headers(self, start_line: Any, headers: HTTPHeaders, chunk: bytes | None) -> Any:
        """Write the response's head, and perhaps the first of its body."""
        return self._open().write_headers(start_line, headers, chunk)

    def write(self, chunk: bytes) -> Any:
        """Write some of the body."""
        return self._open().write(chunk)

    def finish(self) -> None:
        """The response is complete."""
        exchange = self._open()
        exchange.finish()
        if self._single is not None:
            self._single.answered(exchange)

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Call ``callback`` when the peer leaves before it has its answer."""
        if self.exchange is not None:
            self.exchange.set_close_callback(callback)
        else:
            self._close_callback = callback
            if self._single is None:
                self._stream.set_close_callback(None if callback is None else self.closed_early)

    def closed_early(self) -> None:
        """The connection has closed, and there was no exchange that would have noticed."""
        callback = self.take_close_callback()
        if callback is not None:
            callback()

    def take_close_callback(self) -> Callable[[], None] | None:
        """Give away what `set_close_callback` was given before there was an exchange."""
        callback, self._close_callback = self._close_callback, None
        return callback

    def set_body_timeout(self, timeout: float) -> None:
        """Change the time for the body."""
        self._body_timeout = timeout
        if self.exchange is not None:
            self.exchange.set_body_timeout(timeout)

    def set_max_body_size(self, size: int) -> None:
        """Change the limit of the body, in bytes."""
        self._max_body_size = size
        if self.exchange is not None:
            self.exchange.set_max_body_size(size)

    def close(self) -> None:
        """Send what was written and close."""
        if self.exchange is not None:
            self.exchange.close()
        else:
            self._stream.close()

    def detach(self) -> IOStream:
        """Give the stream away."""
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return self._stream
        stream: IOStream = exchange.detach()
        if self._single is not None:
            self._single.detached()
        return stream


class _SingleRequest(HTTPServerConnectionDelegate):
    """Has the engine serve one request, and gives the stream back after it."""

    def __init__(self, side: AnsweringSide, delegate: HTTPMessageDelegate) -> None:
        self._side = side
        self._delegate = delegate
        self.over: Future[bool] = create_future()

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        exchange: Any = request_conn
        self._side.exchange = exchange
        exchange.set_close_callback(self._side.take_close_callback())
        return self._delegate

    def answered(self, exchange: Exchange) -> None:
        """The response was written; if the request was all there, the stream is free again."""
        conn: Any = exchange.conn
        if exchange.keep_alive and exchange.request_done and not conn.is_gone():
            conn.detach()
            self._end(True)
        else:
            exchange.close()

    def detached(self) -> None:
        """Somebody has taken the stream."""
        self._end(False)

    def on_close(self, server_conn: object) -> None:
        self._end(False)
        self._side.closed_early()

    def _end(self, reusable: bool) -> None:
        self._side.exchange = self._side._single = None
        if not self.over.done():
            self.over.set_result(reusable)
