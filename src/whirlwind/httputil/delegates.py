"""The interfaces between a connection and what handles its messages."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from whirlwind._public import claim
from whirlwind.httputil.headers import HTTPHeaders
from whirlwind.httputil.start_line import RequestStartLine, ResponseStartLine

if TYPE_CHECKING:
    import asyncio  # with all it brings 35 ms of start-up, for an annotation


class HTTPConnection:
    """One exchange of messages as an application sees it: where it writes its response."""

    def write_headers(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: HTTPHeaders,
        chunk: bytes | None = None,
    ) -> "asyncio.Future[None]":
        """Write the head of the message.

        :arg start_line: request or status line.
        :arg headers: the header fields.
        :arg chunk: bytes, the first of the body, to be sent along with the head.
        :returns: a future that is done when the bytes have been handed to the system, for those
            who care about a slow reader.
        """
        raise NotImplementedError(f"{type(self).__qualname__} must define write_headers()")

    def write(self, chunk: bytes) -> "asyncio.Future[None]":
        """Write more of the body.

        :arg chunk: bytes.
        :returns: a future as for :meth:`write_headers`.
        """
        raise NotImplementedError(f"{type(self).__qualname__} must define write()")

    def finish(self) -> None:
        """Say that the last of the body has been written."""
        raise NotImplementedError(f"{type(self).__qualname__} must define finish()")


class HTTPMessageDelegate:
    """Receives one message, a request or a response, as it arrives."""

    def headers_received(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: HTTPHeaders,
    ) -> Awaitable[None] | None:
        """Take the head of the message.

        :arg start_line: request or status line.
        :arg headers: the header fields.
        :returns: None, or an awaitable: the body is not read before it is done.
        """
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Take the next bytes of the body.

        :arg chunk: bytes.
        :returns: None, or an awaitable: no more is read before it is done.
        """
        return None

    def finish(self) -> None:
        """The message is complete."""

    def on_connection_close(self) -> None:
        """The connection closed before the message was complete.

        Either this or :meth:`finish` is called for a message that is being received.
        """


class HTTPServerConnectionDelegate:
    """Makes the delegates for the requests of a server's connections."""

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """A request begins.

        :arg server_conn: stands for the connection, the same for all its requests.
        :arg request_conn: where the response to this request is written.
        :returns: the delegate that receives the request.
        """
        raise NotImplementedError(f"{type(self).__qualname__} must define start_request()")

    def on_close(self, server_conn: object) -> None:
        """A connection has closed.

        :arg server_conn: what :meth:`start_request` was given.
        """


claim("whirlwind.httputil", HTTPConnection, HTTPMessageDelegate, HTTPServerConnectionDelegate)
