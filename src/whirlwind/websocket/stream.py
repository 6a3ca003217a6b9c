"""A connection as programs know it from when it was a stream: ``ws_connection.stream``."""

import socket
from collections.abc import Callable
from typing import Any

from whirlwind.ioloop import IOLoop
from whirlwind.iostream.tls_socket import socket_of
from whirlwind.websocket.connection import WebSocketConnection
from whirlwind.websocket.errors import WebSocketClosedError


class ConnectionStream:
    """The part of `IOStream` that makes sense while a connection carries WebSocket frames.

    :ivar error: the exception that ended the connection, if one did.
    """

    def __init__(self, connection: WebSocketConnection) -> None:
        self._connection = connection
        self.error: BaseException | None = None

    @property
    def socket(self) -> Any:
        """The socket, for its options and addresses; reading and writing are the loop's.

        For TLS it also has the methods of `ssl.SSLObject`, such as ``getpeercert``.
        """
        return socket_of(self._connection.transport)

    @property
    def io_loop(self) -> IOLoop:
        """The loop of the connection."""
        return IOLoop.current()

    def fileno(self) -> int:
        """The descriptor of the socket, -1 when it is closed."""
        sock = self.socket
        return -1 if sock is None else sock.fileno()

    def closed(self) -> bool:
        """Whether the connection is closed."""
        return self._connection.is_gone()

    def writing(self) -> bool:
        """Whether bytes wait to be sent."""
        return self._connection.unsent() > 0

    def set_nodelay(self, value: bool) -> None:
        """Send small writes at once (True) or let the kernel join them; TCP only."""
        sock = self.socket
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1 if value else 0)

    def set_close_callback(self, callback: Callable[[], object] | None) -> None:
        """Call ``callback`` without arguments once the connection is closed.

        ``on_close`` of the handler is called whether or not this is used.
        """
        if callback is not None:
            self._connection.add_close_callback(callback)

    def write(self, data: bytes) -> Any:
        """Send bytes that are frames already.

        :returns: an awaitable that is done when the peer has taken enough of what was sent.
        :raises WebSocketClosedError: the connection is closed.
        """
        connection = self._connection
        if connection.is_gone():
            raise WebSocketClosedError
        connection.send(bytes(data))
        return connection.written()

    def close(self, exc_info: Any = False) -> None:
        """Close the connection at once, without a closing handshake."""
        if isinstance(exc_info, BaseException):
            self.error = exc_info
        elif isinstance(exc_info, tuple):
            self.error = exc_info[1]
        self._connection.abort()
