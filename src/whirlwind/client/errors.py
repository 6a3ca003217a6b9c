"""What a fetch without a response fails with."""

from __future__ import annotations

from typing import Any

from whirlwind._public import claim
from whirlwind.httpclient.response import HTTPClientError


class HTTPTimeoutError(HTTPClientError):
    """The time for a request, or for a part of it, ran out (Tornado 5.1). The code is 599.

    :ivar phase: str, what took so long: ``queue``, ``resolve``, ``connect``, ``proxy``, ``tls``,
        ``write``, ``read``, or ``total`` for the request as a whole.
    """

    def __init__(self, message: str | None, phase: str = "total") -> None:
        super().__init__(599, message=message)
        self.phase = phase

    def __str__(self) -> str:
        return self.message or "Timeout"

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.message, self.phase), {"response": self.response})


class HTTPStreamClosedError(HTTPClientError):
    """The connection closed before the response was complete (Tornado 5.1). The code is 599.

    Also when this side closed it, because what came was no valid response; the message says so.
    """

    def __init__(self, message: str | None) -> None:
        super().__init__(599, message=message)

    def __str__(self) -> str:
        return self.message or "Stream closed"

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.message,), {"response": self.response})


class HTTPProxyError(HTTPClientError):
    """A proxy did not let the request through. The code is 599.

    :ivar proxy_status: int, the status that the proxy answered with, such as 407; None if none.
    """

    def __init__(self, message: str | None, proxy_status: int | None = None) -> None:
        super().__init__(599, message=message)
        self.proxy_status = proxy_status

    def __str__(self) -> str:
        return self.message or "Proxy error"

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.message, self.proxy_status), {"response": self.response})


claim("whirlwind.client", HTTPProxyError)
claim("whirlwind.simple_httpclient", HTTPTimeoutError, HTTPStreamClosedError)
