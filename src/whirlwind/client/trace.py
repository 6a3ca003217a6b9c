"""`Trace`: what happens to a request, told as it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from whirlwind._public import claim

if TYPE_CHECKING:
    from whirlwind.httpclient.request import HTTPRequest
    from whirlwind.httpclient.response import HTTPResponse
    from whirlwind.httputil import HTTPHeaders


class Trace:
    """Hears of the steps of one request. A client that is given a subclass makes one for each.

    Methods are called in the event loop and must return soon; what they raise is logged and
    otherwise ignored. Every request ends with :meth:`ended`; what comes before may be missing, and
    may come again after :meth:`redirected` or :meth:`repeated`. With a `Retry` each attempt has a
    trace of its own.

    :arg request: `HTTPRequest`. A subclass may add fields to its ``headers`` in :meth:`started`,
        such as ``traceparent``.
    """

    def __init__(self, request: HTTPRequest) -> None:
        self.request = request

    def started(self) -> None:
        """The client has the request."""

    def queued(self) -> None:
        """It has to wait for others."""

    def connecting(self, host: str, port: int) -> None:
        """A connection is being made."""

    def connected(self, reused: bool, transport: Any) -> None:
        """There is a connection.

        :arg reused: whether it served other requests before.
        :arg transport: ``asyncio.Transport``; its ``get_extra_info`` tells addresses and TLS.
        """

    def sent(self) -> None:
        """The head of the request has been written, and its body if it was there."""

    def first_byte(self, code: int, headers: HTTPHeaders) -> None:
        """The head of a final response has come."""

    def redirected(self, url: str) -> None:
        """The response was a redirect, which is followed.

        :arg url: where to.
        """

    def repeated(self) -> None:
        """The connection was closing when the request was sent, which is sent again."""

    def ended(self, response: HTTPResponse) -> None:
        """The request is over.

        :arg response: with code 599 and an ``error`` where none came.
        """


claim("whirlwind.client", Trace)
