"""``request.connection.stream``: connections in Tornado have a stream, and programs use it."""

import socket as _socket
from collections.abc import Callable
from typing import Any

from whirlwind.ioloop import IOLoop
from whirlwind.iostream import IOStream
from whirlwind.iostream.tls_socket import socket_of

_INTERNET = (_socket.AF_INET, _socket.AF_INET6)


class StreamView:
    """What a connection looks like as a stream.

    Questions, options and ``close`` are answered for the connection as it is. The first call that
    reads or writes detaches it: from then on HTTP is the caller's business, as it is in Tornado.
    """

    def __init__(self, exchange: Any) -> None:
        self._exchange = exchange
        self._conn = exchange.conn
        self._stream: IOStream | None = None

    @property
    def io_loop(self) -> IOLoop:
        """The loop of the connection."""
        return IOLoop.current()

    @property
    def socket(self) -> Any:
        """The connection's socket; for TLS also with the methods of `ssl.SSLObject`."""
        if self._stream is not None:
            return self._stream.socket
        return socket_of(self._conn.transport)

    @property
    def error(self) -> BaseException | None:
        """Why the stream was closed, if that was not asked for."""
        return None if self._stream is None else self._stream.error

    def fileno(self) -> Any:
        """The descriptor, -1 when the connection is closed."""
        if self._stream is not None:
            return self._stream.fileno()
        sock = None if self.closed() else self.socket
        return -1 if sock is None else sock.fileno()

    def closed(self) -> bool:
        """Whether the connection is closed."""
        if self._stream is not None:
            return self._stream.closed()
        # Half-closed counts: what asks when it was told that the client has left expects it.
        return bool(self._exchange.told_lost or self._exchange.is_lost())

    def reading(self) -> bool:
        """Whether a read is pending."""
        return False if self._stream is None else self._stream.reading()

    def writing(self) -> bool:
        """Whether data waits to be sent."""
        return bool(self._conn.is_blocked()) if self._stream is None else self._stream.writing()

    def close(self, exc_info: Any = False) -> None:
        """Close the connection."""
        if self._stream is not None:
            self._stream.close(exc_info)
        elif not self.closed():
            self._exchange.keep_alive = False
            self._conn.close()

    def set_nodelay(self, value: bool) -> None:
        """Turn Nagle's algorithm off or on; it is off where nothing was said."""
        if self._stream is not None:
            self._stream.set_nodelay(value)
            return
        sock = self.socket
        if sock is not None and sock.family in _INTERNET:
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, int(value))

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Call ``callback`` when the connection closes before the request is answered."""
        if self._stream is not None:
            self._stream.set_close_callback(callback)
        else:
            self._exchange.set_close_callback(callback)

    def __getattr__(self, name: str) -> Any:
        # A question that a stream cannot answer must not detach the connection.
        if not hasattr(IOStream, name):
            raise AttributeError(f"a connection's stream has no attribute {name!r}")
        if self._stream is None:
            self._stream = self._exchange.become_stream()
        return getattr(self._stream, name)
