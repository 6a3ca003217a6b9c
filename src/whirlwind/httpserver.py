"""A non-blocking HTTP/1 server.

::

    server = HTTPServer(app)
    server.listen(8888)
"""

import asyncio
import functools
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Final

from whirlwind._public import claim
from whirlwind.httputil import (
    HTTPConnection,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
)
from whirlwind.ioloop import IOLoop
from whirlwind.iostream.as_transport import StreamTransport
from whirlwind.netutil import backlog_of, ssl_options_to_context
from whirlwind.protocol import limits
from whirlwind.server.callback import CallbackApplication
from whirlwind.server.http1 import ServerConnection
from whirlwind.server.site import DirectApplication, Site
from whirlwind.server.tls import log_failed_handshakes
from whirlwind.tcpserver import TCPServer
from whirlwind.util import Configurable

if TYPE_CHECKING:
    from whirlwind.http1connection import HTTP1ConnectionParameters

HTTPRequest = HTTPServerRequest

__all__ = ["HTTPRequest", "HTTPServer"]


# A connection that the loop has accepted is ours some turns later: asyncio makes a task of it,
# which makes a transport, which has its protocol told.
_ACCEPTING_TURNS: Final = 4


class HTTPServer(TCPServer, Configurable, HTTPServerConnectionDelegate):
    """An HTTP/1 server for an `Application`, any connection delegate, or a plain callback.

    Start it with ``listen(port)``, with ``bind(port)`` and ``start(processes)``, or with
    ``add_sockets(sockets)``; stop it with `stop`, or with `drain` to finish what is under way.

    :arg request_callback: an `HTTPServerConnectionDelegate` (an `Application`, a `Router`), or a
        callable that gets each complete `HTTPServerRequest` and answers on its ``connection``.
    :arg no_keep_alive: close every connection after one request.
    :arg xheaders: believe ``X-Real-Ip``, ``X-Forwarded-For``, ``X-Scheme`` and
        ``X-Forwarded-Proto``. Only behind a proxy that sets them: anyone can send them.
    :arg ssl_options: an `ssl.SSLContext`, or a dict as for `netutil.ssl_options_to_context`.
    :arg protocol: what ``request.protocol`` says, for a server behind a TLS proxy.
    :arg decompress_request: undo gzip content of requests.
    :arg chunk_size: bytes a streaming receiver gets at most at a time (64 KiB).
    :arg max_header_size: bytes of a request's head (64 KiB); 431 or 414 beyond.
    :arg idle_connection_timeout: seconds a connection may wait for its next request (75).
    :arg body_timeout: seconds a request's body may take; no limit by default.
    :arg max_body_size: bytes of a request's body (``max_buffer_size``); 413 beyond.
    :arg max_buffer_size: bytes an `IOStream` may buffer, and the default of ``max_body_size``
        (100 MiB).
    :arg trusted_downstream: addresses of proxies to skip in ``X-Forwarded-For`` (Tornado 4.5).
    :arg header_timeout: seconds from the first byte of a head to its last (10).
    :arg write_timeout: seconds an answer may wait for a peer that reads nothing (60).
    """

    trusted_downstream: set[str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Configurable: __new__ has called initialize() with these arguments.
        pass

    def initialize(
        self,
        request_callback: HTTPServerConnectionDelegate | Callable[[HTTPServerRequest], None],
        no_keep_alive: bool = False,
        xheaders: bool = False,
        ssl_options: dict[str, Any] | ssl.SSLContext | None = None,
        protocol: str | None = None,
        decompress_request: bool = False,
        chunk_size: int | None = None,
        max_header_size: int | None = None,
        idle_connection_timeout: float | None = None,
        body_timeout: float | None = None,
        max_body_size: int | None = None,
        max_buffer_size: int | None = None,
        trusted_downstream: list[str] | None = None,
        *,
        header_timeout: float | None = None,
        write_timeout: float | None = None,
    ) -> None:
        """Take the constructor's arguments; see the class."""
        TCPServer.__init__(
            self,
            ssl_options=ssl_options,
            max_buffer_size=max_buffer_size,
            read_chunk_size=chunk_size,
        )
        self.request_callback = request_callback
        self.xheaders = xheaders
        self.protocol = protocol
        self.trusted_downstream = set(trusted_downstream or ())
        self._no_keep_alive = no_keep_alive
        self._decompress = decompress_request
        self._chunk_size = chunk_size or limits.CHUNK_SIZE
        self._max_header_size = max_header_size or limits.MAX_HEAD_SIZE
        self._max_body_size = max_body_size or max_buffer_size or limits.MAX_BODY_SIZE
        self._idle_timeout = _or(idle_connection_timeout, limits.IDLE_TIMEOUT)
        self._header_timeout = _or(header_timeout, min(limits.HEADER_TIMEOUT, self._idle_timeout))
        self._write_timeout = _or(write_timeout, limits.WRITE_TIMEOUT)
        self._body_timeout = body_timeout or 0.0
        self._sites: dict[asyncio.AbstractEventLoop, Site] = {}

    @property
    def conn_params(self) -> "HTTP1ConnectionParameters":
        """What the connections of this server go by; a copy, changing it has no effect."""
        from whirlwind.http1connection import HTTP1ConnectionParameters

        return HTTP1ConnectionParameters(
            no_keep_alive=self._no_keep_alive,
            chunk_size=self._chunk_size,
            max_header_size=self._max_header_size,
            header_timeout=self._idle_timeout,
            max_body_size=self._max_body_size,
            body_timeout=self._body_timeout or None,
            decompress=self._decompress,
        )

    @classmethod
    def configurable_base(cls) -> type[Configurable]:
        return HTTPServer

    @classmethod
    def configurable_default(cls) -> type[Configurable]:
        return HTTPServer

    # --- accepting ------------------------------------------------------------------------------

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accept connections on listening sockets, on the current loop, running or not yet.

        A subclass with a `handle_stream` of its own gets its connections as streams.
        """
        if type(self).handle_stream is not HTTPServer.handle_stream:
            super().add_sockets(sockets)
            return
        io_loop = IOLoop.current()
        loop = io_loop.asyncio_loop
        site = self._site(loop)
        context = None
        if self.ssl_options is not None:
            context = ssl_options_to_context(self.ssl_options, server_side=True)
            log_failed_handshakes(context)
        factory = functools.partial(ServerConnection, site)
        for sock in sockets:
            fd = sock.fileno()
            self._sockets[fd] = sock
            # TCPServer.stop() calls these before it closes the sockets.
            self._handlers[fd] = _Listener(io_loop, sock, _serve(loop, factory, sock, context))

    def _site(self, loop: asyncio.AbstractEventLoop) -> Site:
        site = self._sites.get(loop)
        if site is None:
            site = Site(loop, self, self._direct())
            site.max_head_size = self._max_header_size
            site.max_body_size = self._max_body_size
            site.chunk_size = self._chunk_size
            site.idle_timeout = self._idle_timeout
            site.header_timeout = self._header_timeout
            site.write_timeout = self._write_timeout
            site.body_timeout = self._body_timeout
            site.no_keep_alive = self._no_keep_alive
            site.decompress = self._decompress
            site.xheaders = self.xheaders
            site.trusted = self.trusted_downstream
            site.protocol = self.protocol
            self._sites[loop] = site
        return site

    def _direct(self) -> DirectApplication | None:
        """The application's direct entry, unless somebody wants to see requests start."""
        if type(self).start_request is not HTTPServer.start_request:
            return None
        target = self.request_callback
        direct = getattr(target, "_ww_direct_entry", None)
        if direct is not None:
            entry: DirectApplication | None = direct()
            return entry
        if isinstance(target, HTTPServerConnectionDelegate) or not callable(target):
            return None
        return CallbackApplication(target)

    def handle_stream(self, stream: Any, address: Any) -> Awaitable[None] | None:
        """Serve HTTP on a stream (Tornado's hook for servers that look at the stream first).

        Without a `handle_stream` in a subclass no stream is ever made for a connection.

        :arg stream: an `IOStream` of any kind; what it has buffered is read as well. From now on
            only this server reads it.
        :arg address: the peer's address; not used, the socket knows it.
        """
        StreamTransport(stream, ServerConnection(self._site(stream.io_loop.asyncio_loop)))
        return None

    # --- HTTPServerConnectionDelegate -----------------------------------------------------------

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """Start one request: ask the application."""
        delegate: HTTPMessageDelegate
        if isinstance(self.request_callback, HTTPServerConnectionDelegate):
            delegate = self.request_callback.start_request(server_conn, request_conn)
        else:
            delegate = _Collector(self.request_callback, server_conn, request_conn)
        return delegate

    def on_close(self, server_conn: object) -> None:
        """A connection has closed; the application hears of it."""
        if isinstance(self.request_callback, HTTPServerConnectionDelegate):
            self.request_callback.on_close(server_conn)

    # --- ending ---------------------------------------------------------------------------------

    async def close_all_connections(self) -> None:
        """Close every open connection, idle or not, and wait until they are gone."""
        for site in self._sites.values():
            for conn in site.each():
                conn.abort()
            await site.wait_empty(None)

    async def drain(self, timeout: float | None = None, *, idle_grace: float = 1.0) -> bool:
        """Stop without losing a request.

        No connection is accepted any more. Requests under way, and those that still arrive on open
        connections, are answered with ``Connection: close``; connections that stay quiet for
        ``idle_grace`` are closed.

        :arg timeout: seconds after which what is left is aborted; None waits for it.
        :arg idle_grace: seconds in which a request that was already on its way is still answered.
        :returns: True when everything ended by itself, False when something was aborted.
        """
        self.stop()
        deadline = None if timeout is None else asyncio.get_running_loop().time() + timeout
        clean = True
        for site in self._sites.values():
            site.draining = True
            for conn in site.each():
                conn.begin_drain()
        for _ in range(_ACCEPTING_TURNS):
            await asyncio.sleep(0)
        for site in self._sites.values():
            grace = idle_grace if timeout is None else min(idle_grace, timeout / 2)
            if not await site.wait_empty(grace):
                for conn in site.each():
                    if conn.is_idle():
                        conn.close()
                left = None
                if deadline is not None:
                    left = max(0.0, deadline - asyncio.get_running_loop().time())
                if not await site.wait_empty(left):
                    clean = False
                    for conn in site.each():
                        conn.abort()
                    await site.wait_empty(1.0)
        return clean


class _Collector(HTTPMessageDelegate):
    """Turns the events of one request into a call of a plain callback."""

    def __init__(
        self,
        callback: Callable[[HTTPServerRequest], Any],
        server_conn: object,
        request_conn: HTTPConnection,
    ) -> None:
        self._callback = callback
        self._server_conn = server_conn
        self._connection = request_conn
        self._request: HTTPServerRequest | None = None
        self._chunks: list[bytes] = []

    def headers_received(self, start_line: Any, headers: Any) -> Awaitable[None] | None:
        self._request = HTTPServerRequest(
            connection=self._connection,
            server_connection=self._server_conn,
            start_line=start_line,
            headers=headers,
        )
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._chunks.append(chunk)
        return None

    def finish(self) -> None:
        request = self._request
        if request is not None:
            request.body = b"".join(self._chunks)
            self._chunks = []
            self._callback(request)

    def on_connection_close(self) -> None:
        self._chunks = []


class _Listener:
    """Accepts on a socket until it is called, or until its loop closes: some never stop servers."""

    def __init__(self, io_loop: IOLoop, sock: socket.socket, stop: Callable[[], object]) -> None:
        self.stream = self
        self._links = io_loop._links
        self._links.add(self)
        self._socket = sock
        self._stop = stop

    def __call__(self) -> None:
        self._links.discard(self)
        self._stop()

    def close(self) -> None:
        """The loop is about to close."""
        self()

    def close_fd(self) -> None:
        """The loop closes all descriptors with it."""
        self._socket.close()


def _or(given: float | None, default: float) -> float:
    return default if given is None else given


def _serve(
    loop: asyncio.AbstractEventLoop,
    factory: Callable[[], Any],
    sock: socket.socket,
    context: ssl.SSLContext | None,
) -> Callable[[], object]:
    """Accept on ``sock`` from now on, whether the loop runs already or is only going to.

    :returns: what stops accepting; the socket is still to be closed then.
    """
    options: dict[str, Any] = {"sock": sock, "start_serving": False, "backlog": backlog_of(sock)}
    if context is not None:
        options["ssl"] = context
        options["ssl_handshake_timeout"] = limits.TLS_HANDSHAKE_TIMEOUT
    sock.setblocking(False)
    if sock.family == getattr(socket, "AF_UNIX", object()):
        if sys.version_info >= (3, 13):
            # The file is its maker's, who may have other processes that accept on it.
            options["cleanup_socket"] = False
        server = _finish_now(loop.create_unix_server(factory, **options))
    else:
        server = _finish_now(loop.create_server(factory, **options))
    _finish_now(server.start_serving())
    if isinstance(loop, asyncio.SelectorEventLoop):
        # asyncio's Server.close() fails the connections that are just being accepted, with an
        # AssertionError in the log; not to look at the socket any more is all that is needed.
        return functools.partial(loop.remove_reader, sock)
    closer: Callable[[], object] = server.close
    return closer


def _finish_now(coro: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine of a loop that has nothing to wait for, outside of any task.

    ``create_server`` with a socket and ``start_serving`` do all they have to do in their first
    step; the bare ``sleep(0)`` that asyncio adds at the end only lets other callbacks run.
    Tornado's ``listen`` works before the loop does, and this is what lets ours.
    """
    try:
        coro.send(None)
    except StopIteration as stop:
        return stop.value
    coro.close()
    return None


claim("whirlwind.httpserver", HTTPServer)
