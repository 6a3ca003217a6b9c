"""`HTTP1ServerConnection`: serves the requests that come over a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whirlwind._public import claim
from whirlwind.http1connection.answering import site_for
from whirlwind.http1connection.connection import HTTP1Connection
from whirlwind.http1connection.parameters import HTTP1ConnectionParameters
from whirlwind.httputil import HTTPConnection, HTTPMessageDelegate, HTTPServerConnectionDelegate
from whirlwind.iostream import IOStream  # noqa: TC001 - kept resolvable
from whirlwind.iostream.as_transport import StreamTransport
from whirlwind.server.http1 import ServerConnection

if TYPE_CHECKING:
    from whirlwind.server.exchange import Exchange
    from whirlwind.server.site import Site


class HTTP1ServerConnection:
    """Serves HTTP/1 on a stream, request after request::

        class Server(TCPServer):
            def handle_stream(self, stream, address):
                HTTP1ServerConnection(stream).start_serving(application)

    :arg stream: an `IOStream`; a TLS handshake may still be under way.
    :arg params: `HTTP1ConnectionParameters`; the defaults when None.
    :arg context: what `HTTP1Connection.context` is for each request.
    :ivar stream, params, context: the same.
    """

    def __init__(
        self,
        stream: IOStream,
        params: HTTP1ConnectionParameters | None = None,
        context: object | None = None,
    ) -> None:
        self.stream = stream
        self.params: HTTP1ConnectionParameters = (
            HTTP1ConnectionParameters() if params is None else params
        )
        self.context = context
        self._site: Site | None = None

    def start_serving(self, delegate: HTTPServerConnectionDelegate) -> None:
        """Begin to serve.

        :arg delegate: an `Application`, a `Router`, or any other `HTTPServerConnectionDelegate`:
            its ``start_request`` gets this object and the `HTTP1Connection` of the request, when
            the request's head has arrived; ``on_close`` gets this object.
        """
        if self._site is not None:
            raise RuntimeError("this connection is served already")
        self._site = site_for(self.stream, self.params, _Requests(self, delegate))
        StreamTransport(self.stream, ServerConnection(self._site), self.params.chunk_size)

    async def close(self) -> None:
        """Close the connection at once, and wait until the application has been told."""
        self.stream.close()
        if self._site is not None:
            await self._site.wait_empty(None)


class _Requests(HTTPServerConnectionDelegate):
    """Shows the application the public objects of a connection over a stream."""

    def __init__(
        self, connection: HTTP1ServerConnection, delegate: HTTPServerConnectionDelegate
    ) -> None:
        self._connection = connection
        self._delegate = delegate

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        connection = self._connection
        exchange: Exchange = request_conn  # type: ignore[assignment]
        return self._delegate.start_request(
            connection,
            HTTP1Connection._of_exchange(
                exchange, connection.stream, connection.params, connection.context
            ),
        )

    def on_close(self, server_conn: object) -> None:
        connection = self._connection
        del self._connection  # it refers to this: a circle that the last call ends
        self._delegate.on_close(connection)


claim("whirlwind.http1connection", HTTP1ServerConnection)
