"""`HTTP1Connection`: one exchange of messages over a stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from whirlwind._public import claim
from whirlwind.concurrent import Future  # noqa: TC001 - kept resolvable
from whirlwind.http1connection.answering import AnsweringSide
from whirlwind.http1connection.asking import AskingSide
from whirlwind.http1connection.parameters import HTTP1ConnectionParameters
from whirlwind.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from whirlwind.iostream import IOStream  # noqa: TC001 - kept resolvable

if TYPE_CHECKING:
    from whirlwind.server.exchange import Exchange


class HTTP1Connection(HTTPConnection):
    """One exchange over a stream: a request and its response, from either side.

    A client writes its request and reads the response::

        connection = HTTP1Connection(stream, is_client=True)
        connection.write_headers(
            RequestStartLine("GET", "/", ""), HTTPHeaders({"Host": "example.com"})
        )
        connection.finish()
        await connection.read_response(delegate)

    A server gets these from `HTTP1ServerConnection`; one made by hand reads one request with
    `read_response` and answers it.

    :arg stream: an `IOStream`, connected.
    :arg is_client: which side this is.
    :arg params: `HTTP1ConnectionParameters`; the defaults when None.
    :arg context: what the application may want to know of the connection, or None. Requests take
        their ``remote_ip`` and ``protocol`` from its attributes of these names.
    :ivar stream: the stream; None after `detach`.
    :ivar no_keep_alive: whether the connection ends with this exchange.
    """

    stream: Any

    def __init__(
        self,
        stream: IOStream,
        is_client: bool,
        params: HTTP1ConnectionParameters | None = None,
        context: object | None = None,
    ) -> None:
        self.is_client = is_client
        self.stream = stream
        self.params: HTTP1ConnectionParameters = (
            HTTP1ConnectionParameters() if params is None else params
        )
        self.context = context
        self.no_keep_alive: bool = self.params.no_keep_alive
        self._side: AskingSide | AnsweringSide = (
            AskingSide(stream, self.params) if is_client else AnsweringSide(stream, self.params)
        )

    @classmethod
    def _of_exchange(
        cls,
        exchange: Exchange,
        stream: IOStream,
        params: HTTP1ConnectionParameters,
        context: object | None,
    ) -> HTTP1Connection:
        """What a request's delegate is given on the server's side."""
        self = cls(stream, False, params, context)
        assert isinstance(self._side, AnsweringSide)
        self._side.exchange = exchange
        self.no_keep_alive = exchange.no_keep_alive
        return self

    def read_response(self, delegate: HTTPMessageDelegate) -> Awaitable[bool]:
        """Read one message: a response, or on the server's side a request.

        The bytes after it stay in the stream.

        :arg delegate: gets the message as it arrives, interim responses (1xx) included. While what
            its methods return is not done, nothing more is read.
        :returns: an awaitable of whether the stream can go on: False when it was detached, when a
            timeout passed, when the peer broke the protocol, which is logged, or when a method of
            the delegate raised, which is logged with its traceback. It is done when both messages
            of the exchange are over.
        :raises StreamClosedError: the stream closed before the end.
        """
        return self._side.read(delegate)

    def write_headers(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: HTTPHeaders,
        chunk: bytes | None = None,
    ) -> Future[None]:
        """Write the head of the message.

        :arg start_line: `RequestStartLine` for a client, `ResponseStartLine` for a server; its
            version is not used.
        :arg headers: the header fields. A body without Content-Length goes out chunked: of any
            response that may have one, of POST, PUT and PATCH requests, and of other requests that
            say so in Transfer-Encoding.
        :arg chunk: the first bytes of the body.
        :returns: a future that is done when the stream has sent this.
        :raises ValueError: a line holds characters that would make it more than one.
        :raises HTTPOutputError: the head was written before, or contradicts the body.
        """
        future: Future[None] = self._side.write_headers(start_line, headers, chunk)
        return future

    def write(self, chunk: bytes) -> Future[None]:
        """Write more of the body.

        :arg chunk: bytes.
        :returns: a future that is done when the stream has sent this: await it to write no faster
            than the peer reads.
        :raises HTTPOutputError: more than Content-Length says; the connection is closed.
        """
        future: Future[None] = self._side.write(chunk)
        return future

    def finish(self) -> None:
        """Say that the body is complete.

        :raises HTTPOutputError: less than Content-Length says; the connection is closed.
        """
        self._side.finish()

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Call ``callback()`` when the connection closes, for whatever reason.

        A delegate that is receiving a message hears of it by itself.
        """
        self._side.set_close_callback(callback)

    def set_body_timeout(self, timeout: float) -> None:
        """Set how long, in seconds, the body of this message may take.

        Effective from ``headers_received`` of the delegate on.
        """
        self._side.set_body_timeout(timeout)

    def set_max_body_size(self, max_body_size: int) -> None:
        """Set how many bytes the body of this message may have.

        Effective when called in ``headers_received`` of the delegate, at the latest.
        """
        self._side.set_max_body_size(max_body_size)

    def close(self) -> None:
        """Close the connection; a server sends what it has written before."""
        self._side.close()

    def detach(self) -> IOStream:
        """Take the stream away from HTTP; this object can not be used any more.

        :returns: the stream, with every byte that was not parsed.
        """
        stream = self._side.detach()
        self.stream = None
        return stream

    def tls_object(self) -> Any:
        """The `ssl.SSLSocket` of the stream, or None."""
        sock = getattr(self.stream, "socket", None)
        return sock if hasattr(sock, "getpeercert") else None


claim("whirlwind.http1connection", HTTP1Connection)
