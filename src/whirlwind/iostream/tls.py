"""Streams over TLS: :class:`SSLIOStream`."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from whirlwind._public import claim
from whirlwind.concurrent import Future, create_future
from whirlwind.iostream.sockets import IOStream
from whirlwind.log import gen_log
from whirlwind.netutil import _client_ssl_defaults, ssl_wrap_socket


class SSLIOStream(IOStream):
    """A stream over TLS.

    The socket is either wrapped by ``ssl`` already, connected or accepted, without the handshake
    done; or plain, and then :meth:`connect` wraps it.

    :arg ssl_options: for the latter, a context or the dictionary of
        :func:`~whirlwind.netutil.ssl_options_to_context`; the system's defaults when missing.
    """

    socket: ssl.SSLSocket
    # One call moves one TLS record; only "want" errors tell that the kernel is at its end.
    _short_means_done = False
    # TLS has messages of its own (session tickets, RFC 8446 section 4.6). Left unread in the
    # kernel, they turn our close into a reset that can cost the peer our last bytes.
    _reads_ahead = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        options = kwargs.pop("ssl_options", None)
        self._ssl_options = _client_ssl_defaults() if options is None else options
        self._server_hostname: str | None = None
        self._handshaking = True
        self._read_wants_write = False
        self._write_wants_read = False
        self._handshake_future: Future[SSLIOStream] | None = None
        super().__init__(*args, **kwargs)
        # Until the handshake is done, reads and writes wait as they do for a connection.
        self._connecting = True
        try:
            self.socket.getpeername()
        except OSError as error:
            plain: socket.socket = self.socket
            if isinstance(plain, ssl.SSLSocket) and plain.server_side:
                # Accepted, and gone since; nothing would ever happen on this socket.
                self._link.pin = self
                self.io_loop.add_callback(self.close, error)
            return
        if isinstance(self.socket, ssl.SSLSocket):
            # Not now: the caller may want to set a callback or wait for the handshake first.
            self._link.pin = self
            self._link.start_writer(self.fileno())

    def connect(self, address: Any, server_hostname: str | None = None) -> Future[Any]:
        """Connect and do the handshake.

        :arg address: as for ``socket.connect``.
        :arg server_hostname: the name to ask for (SNI) and to verify the certificate against.
        :returns: a future of the stream itself, done after the handshake.
        """
        self._server_hostname = server_hostname
        return super().connect(address)

    def wait_for_handshake(self) -> Future[SSLIOStream]:
        """Return a future of the stream itself, done after the handshake.

        A server calls it to look at the client's certificate before anything is read.

        :raises RuntimeError: somebody waits already.
        """
        if self._handshake_future is not None:
            raise RuntimeError("Already waiting")
        future: Future[SSLIOStream] = create_future()
        if self._closed:
            self._handshake_future = future
            self._signal_closed()
        elif not self._handshaking:
            future.set_result(self)
        else:
            self._handshake_future = future
        return future

    def reading(self) -> bool:
        return super().reading() or (self._handshaking and self._link.reading)

    def writing(self) -> bool:
        return super().writing() or (self._handshaking and self._link.writing)

    def _on_connected(self) -> None:
        plain: socket.socket = self.socket
        if isinstance(plain, ssl.SSLSocket):
            self._handshake()
            return
        error = self.get_fd_error()
        if error is not None:
            self.close(exc_info=error)
            return
        # The number of the descriptor stays, the registration must not: wrapping detaches the
        # plain socket.
        self._link.stop_writer()
        self._link.stop_reader()
        try:
            self.socket = ssl_wrap_socket(
                plain,
                self._ssl_options,
                server_hostname=self._server_hostname,
                server_side=False,
                do_handshake_on_connect=False,
            )
        except (OSError, ValueError) as reason:
            self.close(exc_info=reason)
            return
        self._handshake()

    def _on_readable(self) -> None:
        if self._handshaking:
            if not self._closed:
                self._handshake()
            return
        if self._write_wants_read:
            self._write_wants_read = False
            super()._on_writable()
        super()._on_readable()

    def _on_writable(self) -> None:
        if self._read_wants_write and not self._closed:
            self._read_wants_write = False
            if not self._write_buffer:
                self._link.stop_writer()
            super()._on_readable()
        super()._on_writable()

    def _handshake(self) -> None:
        try:
            self.socket.do_handshake()
        except ssl.SSLWantReadError:
            self._link.stop_writer()
            self._link.start_reader(self.fileno())
            return
        except ssl.SSLWantWriteError:
            self._link.start_writer(self.fileno())
            return
        except ssl.SSLError as error:
            # A peer that hangs up is no news; one that speaks no TLS, or not ours, is one line.
            if not self._is_quiet_error(error):
                gen_log.warning("SSL Error on %s %s: %s", self.fileno(), self._peer(), error)
            self.close(exc_info=error)
            return
        except (OSError, ValueError) as error:
            # ValueError: the peer was gone before the socket was wrapped.
            self.close(exc_info=error)
            return
        self._handshaking = False
        self._connecting = False
        self._drained = False
        self._link.stop_writer()
        future, self._handshake_future = self._handshake_future, None
        if future is not None and not future.done():
            future.set_result(self)
        self._tcp_connected()

    def _go_on(self) -> None:
        super()._go_on()
        if not self._closed and self._read_future is not None:
            # The first bytes may have been decrypted with the end of the handshake.
            self._on_readable()

    def _peer(self) -> Any:
        try:
            return self.socket.getpeername()
        except OSError:
            return "(not connected)"

    def _is_quiet_error(self, error: OSError) -> bool:
        if isinstance(error, ssl.SSLError):
            # OpenSSL 3 names what was SSL_ERROR_EOF in earlier versions.
            return error.reason == "UNEXPECTED_EOF_WHILE_READING" or isinstance(
                error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)
            )
        return super()._is_quiet_error(error)

    def _collect_pending(self, futures: list[Future[Any]]) -> None:
        waiting = (self._connect_future, self._handshake_future)
        self._connect_future = self._handshake_future = None
        for future in waiting:
            if future is None:
                continue
            # The error itself: a certificate that does not fit must not pass for a bad line.
            if self.error is not None and not future.done():
                future.set_exception(self.error)
            futures.append(future)

    def close_fd(self) -> None:
        sock: ssl.SSLSocket | None = self.socket
        if sock is not None and not self._handshaking and self.error is None:
            # What is unread in the kernel turns closing into a reset, which throws away what we
            # wrote and the peer has not read yet; and a server's session tickets come at any time.
            try:
                sock.recv_into(self._chunk)
            except (OSError, ValueError):
                pass
        super().close_fd()

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        try:
            return self.socket.recv_into(buf)
        except (ssl.SSLWantReadError, BlockingIOError):
            return None
        except ssl.SSLWantWriteError:
            # The peer changes keys, and our half of that does not fit into the kernel's buffer.
            self._read_wants_write = True
            self._link.pin = self
            self._link.start_writer(self.fileno())
            return None

    def write_to_fd(self, data: memoryview) -> int:
        try:
            return self.socket.send(data)
        except ssl.SSLWantWriteError:
            return 0
        except ssl.SSLWantReadError:
            self._write_wants_read = True
            self._link.pin = self
            self._link.start_reader(self.fileno())
            return 0


claim("whirlwind.iostream", SSLIOStream)
