"""A TCP server over streams: :class:`TCPServer`."""

from __future__ import annotations

import functools
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from whirlwind import process
from whirlwind.gen import convert_yielded
from whirlwind.ioloop import IOLoop
from whirlwind.iostream import IOStream, SSLIOStream
from whirlwind.log import app_log
from whirlwind.netutil import add_accept_handler, bind_sockets, ssl_wrap_socket
from whirlwind.protocol.limits import LISTEN_BACKLOG

if TYPE_CHECKING:
    from whirlwind.concurrent import Future

__all__ = ["TCPServer"]


class TCPServer:
    """Accepts TCP connections and gives each to :meth:`handle_stream` as a stream.

    Three ways to begin: :meth:`listen` in one process; :meth:`bind` and :meth:`start` to fork;
    :meth:`add_sockets` with sockets made elsewhere.

    :arg ssl_options: speak TLS: an ``ssl.SSLContext`` or the dictionary of
        :func:`~whirlwind.netutil.ssl_options_to_context`.
    :arg max_buffer_size: bytes a stream may buffer for a read.
    :arg read_chunk_size: bytes a stream asks the kernel for at a time.
    :raises KeyError: a dictionary of TLS options without ``certfile``.
    :raises ValueError: a certificate or key file that does not exist.
    """

    def __init__(
        self,
        ssl_options: dict[str, Any] | ssl.SSLContext | None = None,
        max_buffer_size: int | None = None,
        read_chunk_size: int | None = None,
    ) -> None:
        self.ssl_options = ssl_options
        self.max_buffer_size = max_buffer_size
        self.read_chunk_size = read_chunk_size
        self._sockets: dict[int, socket.socket] = {}
        self._handlers: dict[int, Callable[[], object]] = {}
        self._pending_sockets: list[socket.socket] = []
        self._started = False
        self._stopped = False
        # Found out now, or else with the first client, far from the mistake.
        if ssl_options is not None and not isinstance(ssl_options, dict | ssl.SSLContext):
            raise TypeError(
                f"ssl_options must be an ssl.SSLContext or a dict, not {type(ssl_options).__name__}"
            )
        if isinstance(ssl_options, dict):
            if "certfile" not in ssl_options:
                raise KeyError('missing key "certfile" in ssl_options')
            for name in ("certfile", "keyfile"):
                path = ssl_options.get(name)
                if path is not None and not os.path.exists(path):
                    raise ValueError(f'{name} "{path}" does not exist')

    def listen(
        self,
        port: int,
        address: str | None = None,
        family: socket.AddressFamily = socket.AF_UNSPEC,
        backlog: int = LISTEN_BACKLOG,
        flags: int | None = None,
        reuse_port: bool = False,
    ) -> None:
        """Accept connections on a port, on the loop that is current or will be.

        The arguments are those of :func:`~whirlwind.netutil.bind_sockets`. May be called for
        several ports.
        """
        self.add_sockets(bind_sockets(port, address, family, backlog, flags, reuse_port))

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accept connections on listening sockets; the server closes them when it stops."""
        for sock in sockets:
            fd = sock.fileno()
            self._sockets[fd] = sock
            self._handlers[fd] = add_accept_handler(sock, self._handle_connection)

    def add_socket(self, socket: socket.socket) -> None:
        """:meth:`add_sockets` for one."""
        self.add_sockets([socket])

    def bind(
        self,
        port: int,
        address: str | None = None,
        family: socket.AddressFamily = socket.AF_UNSPEC,
        backlog: int = LISTEN_BACKLOG,
        flags: int | None = None,
        reuse_port: bool = False,
    ) -> None:
        """Bind a port, to be served after :meth:`start`; may be called several times.

        The arguments are those of :func:`~whirlwind.netutil.bind_sockets`.
        """
        sockets = bind_sockets(port, address, family, backlog, flags, reuse_port)
        if self._started:
            self.add_sockets(sockets)
        else:
            self._pending_sockets.extend(sockets)

    def start(self, num_processes: int | None = 1, max_restarts: int | None = None) -> None:
        """Serve what :meth:`bind` bound, in this process or in several.

        With more than one process it returns in each child, see
        :func:`~whirlwind.process.fork_processes`; no loop may be running then.

        :arg num_processes: 1 for this process; None or 0 for one for each CPU.
        :arg max_restarts: how often children that died are replaced.
        :raises RuntimeError: the server was started before, or a loop is running.
        """
        if self._started:
            raise RuntimeError("the server is already started")
        self._started = True
        if num_processes != 1:
            process.fork_processes(num_processes, max_restarts)
        sockets, self._pending_sockets = self._pending_sockets, []
        self.add_sockets(sockets)

    def stop(self) -> None:
        """Stop accepting and close the listening sockets; open connections go on."""
        if self._stopped:
            return
        self._stopped = True
        for fd, sock in self._sockets.items():
            self._handlers.pop(fd)()
            sock.close()
        for sock in self._pending_sockets:
            sock.close()

    def handle_stream(self, stream: IOStream, address: Any) -> Awaitable[None] | None:
        """Serve one connection; to be overridden.

        :arg stream: the connection; a TLS handshake may still be under way.
        :arg address: the peer's address, for TCP ``(host, port)`` or, for IPv6, a longer tuple.
        :returns: None, or an awaitable. What it raises is logged and closes the stream.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define handle_stream(self, stream, address)"
        )

    def _handle_connection(self, connection: socket.socket, address: Any) -> None:
        stream: IOStream | None = None
        try:
            if self.ssl_options is not None:
                try:
                    # Asked before wrapping: a peer that left since it was accepted is no error,
                    # and wrapping its socket leaks it.
                    connection.getpeername()
                except OSError:
                    connection.close()
                    return
                connection = ssl_wrap_socket(
                    connection,
                    self.ssl_options,
                    server_side=True,
                    do_handshake_on_connect=False,
                )
                stream = SSLIOStream(
                    connection,
                    max_buffer_size=self.max_buffer_size,
                    read_chunk_size=self.read_chunk_size,
                )
            else:
                stream = IOStream(
                    connection,
                    max_buffer_size=self.max_buffer_size,
                    read_chunk_size=self.read_chunk_size,
                )
            outcome = self.handle_stream(stream, address)
            if outcome is not None:
                IOLoop.current().add_future(
                    convert_yielded(outcome), functools.partial(_served, stream)
                )
        except Exception:
            app_log.error("Error in connection callback", exc_info=True)
            (connection if stream is None else stream).close()


def _served(stream: IOStream, future: Future[Any]) -> None:
    try:
        future.result()
    except BaseException:
        # The peer of a program that has given up must not wait for what never comes.
        stream.close()
        raise
