"""Streams over sockets: :class:`IOStream`."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import sys
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from whirlwind._public import claim
from whirlwind.concurrent import Future, create_future
from whirlwind.iostream.base import BaseIOStream
from whirlwind.iostream.errors import StreamClosedError
from whirlwind.netutil import _client_ssl_defaults, _server_ssl_defaults, ssl_wrap_socket

if TYPE_CHECKING:
    from whirlwind.iostream.tls import SSLIOStream

_Self = TypeVar("_Self", bound="IOStream")
_Socket: TypeAlias = socket.socket  # for where the attribute `socket` hides the module

# Windows says EWOULDBLOCK where others say EINPROGRESS. On those the former, which is EAGAIN too,
# means that nothing is under way: no free port, or a Unix socket's queue is full (connect(2)).
_CONNECT_UNDER_WAY = errno.EWOULDBLOCK if sys.platform == "win32" else errno.EINPROGRESS


class IOStream(BaseIOStream):
    """A stream over a socket, connected or to be connected with :meth:`connect`.

    :arg socket: the socket; the stream makes it non-blocking and closes it in the end.
    :arg args: arguments of :class:`BaseIOStream`.
    """

    _short_means_done = True

    def __init__(self, socket: socket.socket, *args: Any, **kwargs: Any) -> None:
        self.socket: _Socket = socket
        self.socket.setblocking(False)
        self._connect_future: Future[Any] | None = None
        # A subclass that reads in its own way is asked for everything.
        self._can_receive = type(self).read_from_fd is IOStream.read_from_fd
        super().__init__(*args, **kwargs)

    def fileno(self) -> int:
        sock: socket.socket | None = self.socket
        return -1 if sock is None else sock.fileno()

    def close_fd(self) -> None:
        sock: socket.socket | None = self.socket
        if sock is not None:
            sock.close()
            self.socket = None  # type: ignore[assignment]

    def get_fd_error(self) -> Exception | None:
        code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return OSError(code, os.strerror(code)) if code else None

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        try:
            return self.socket.recv_into(buf)
        except BlockingIOError:
            return None

    def _receive(self, size: int) -> bytes | None:
        try:
            return self.socket.recv(size)
        except BlockingIOError:
            return None

    def write_to_fd(self, data: memoryview) -> int:
        return self.socket.send(data)

    def connect(self: _Self, address: Any, server_hostname: str | None = None) -> Future[_Self]:
        """Connect the socket without blocking; what is written before is sent afterwards.

        :arg address: as for ``socket.connect``. A host name is resolved in between, which blocks:
            :class:`~whirlwind.tcpclient.TCPClient` does not.
        :arg server_hostname: for :class:`SSLIOStream`, the name to ask for and to verify.
        :returns: a future of the stream itself. It fails with :class:`StreamClosedError`, whose
            ``real_error`` tells why.
        :raises StreamClosedError: the stream is closed.
        """
        if self._closed:
            raise StreamClosedError(real_error=self.error)
        self._connecting = True
        future: Future[_Self] = create_future()
        self._connect_future = future
        try:
            self.socket.connect(address)
        except OSError as error:
            if error.errno != _CONNECT_UNDER_WAY:
                self.close(exc_info=error)
                return future
        self._link.pin = self
        # A close callback may have begun to watch the socket: what that would find now, connect()
        # finds as well and tells whoever waits for it.
        self._link.stop_reader()
        self._link.start_writer(self.fileno())
        return future

    def _on_writable(self) -> None:
        if self._connecting and not self._closed:
            self._on_connected()
            return
        super()._on_writable()
        if not self._closed and not self._write_buffer:
            self._watch_for_end()

    def _on_connected(self) -> None:
        """The kernel has an answer to the connect."""
        error = self.get_fd_error()
        if error is not None:
            self.close(exc_info=error)
            return
        self._connecting = False
        self._link.stop_writer()
        self._tcp_connected()

    def _tcp_connected(self) -> None:
        future, self._connect_future = self._connect_future, None
        if future is not None and not future.done():
            future.set_result(self)
        self._go_on()

    def _go_on(self) -> None:
        """Do what waited for the connection."""
        self._link.pin = None
        self._flush()
        if not self._closed:
            self._watch_for_end()

    def _watch_for_end(self) -> None:
        """Stay alive until the peer closes, though nobody may hold the stream any more.

        Who drops a connected stream in Tornado finds the connection open.
        """
        if not self._read_buffer:
            self._link.pin = self
            self._link.start_reader(self.fileno())

    def _only_end_is_left(self) -> bool:
        if self._write_buffer:
            return False  # a peer that has said everything may still listen
        try:
            return not self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError as error:
            self.close(exc_info=error)  # now: the kernel tells it only once
            return True

    def _collect_pending(self, futures: list[Future[Any]]) -> None:
        if self._connect_future is not None:
            futures.append(self._connect_future)
            self._connect_future = None

    def start_tls(
        self,
        server_side: bool,
        ssl_options: dict[str, Any] | ssl.SSLContext | None = None,
        server_hostname: str | None = None,
    ) -> Future[SSLIOStream]:
        """Turn the connection into a TLS connection.

        The stream gives its socket to a new one and cannot be used any more.

        :arg server_side: which side of the handshake this is.
        :arg ssl_options: a context or the dictionary of
            :func:`~whirlwind.netutil.ssl_options_to_context`; the system's defaults when None.
        :arg server_hostname: the name of the server, for SNI and verification.
        :returns: a future of the new stream, after the handshake.
        :raises ValueError: a read, write or connect is pending, or bytes are buffered: an
            attacker could have put them in front of the encrypted ones.
        """
        from whirlwind.iostream.tls import SSLIOStream

        if (
            self._read_future is not None
            or self._write_futures
            or self._write_buffer
            or self._connect_future is not None
            or self._closed
            or self._read_buffer
        ):
            raise ValueError("IOStream is not idle; cannot convert to SSL")
        if ssl_options is None:
            ssl_options = _server_ssl_defaults() if server_side else _client_ssl_defaults()
        plain = self.socket
        close_callback, self._close_callback = self._close_callback, None
        self._link.close()
        self.socket = None  # type: ignore[assignment]
        self._closed = True
        self._write_buffer = None
        try:
            secure = ssl_wrap_socket(
                plain,
                ssl_options,
                server_hostname=server_hostname,
                server_side=server_side,
                do_handshake_on_connect=False,
            )
        except BaseException:
            plain.close()
            raise
        stream = SSLIOStream(
            secure,
            ssl_options=ssl_options,
            max_buffer_size=self.max_buffer_size,
            read_chunk_size=self.read_chunk_size,
            max_write_buffer_size=self.max_write_buffer_size,
        )
        stream.set_close_callback(close_callback)
        future = stream.wait_for_handshake()
        # Who gives up waiting has no stream to close: the connection goes with the future.
        future.add_done_callback(lambda done: stream.close() if done.cancelled() else None)
        return future

    def set_nodelay(self, value: bool) -> None:
        if self._closed or self.socket.family not in (socket.AF_INET, socket.AF_INET6):
            return
        try:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1 if value else 0)
        except OSError as error:
            # BSDs answer EINVAL once the peer has closed, which the next read will find out.
            if error.errno != errno.EINVAL:
                raise


claim("whirlwind.iostream", IOStream)
