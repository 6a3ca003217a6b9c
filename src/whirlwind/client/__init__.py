"""The HTTP client for new programs, and the parts that all clients here are made of.

`Client` reads responses as they arrive, keeps cookies, tries again, goes through proxies, has
limits for each host and a timeout for each phase, and tells how requests go. `httpclient` has
Tornado's clients, which work in the same way underneath.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whirlwind.client.api import Client as Client
    from whirlwind.client.api import Request as Request
    from whirlwind.client.errors import HTTPProxyError as HTTPProxyError
    from whirlwind.client.errors import HTTPStreamClosedError as HTTPStreamClosedError
    from whirlwind.client.errors import HTTPTimeoutError as HTTPTimeoutError
    from whirlwind.client.retry import Retry as Retry
    from whirlwind.client.stream import StreamedResponse as StreamedResponse
    from whirlwind.client.timeouts import Timeouts as Timeouts
    from whirlwind.client.trace import Trace as Trace
    from whirlwind.httpclient.response import HTTPClientError as HTTPClientError
    from whirlwind.httpclient.response import HTTPResponse as HTTPResponse

# Imported when they are asked for: Tornado's clients use this package and need none of these.
_HOMES = {
    "Client": "client.api",
    "HTTPClientError": "httpclient.response",
    "HTTPProxyError": "client.errors",
    "HTTPResponse": "httpclient.response",
    "HTTPStreamClosedError": "client.errors",
    "HTTPTimeoutError": "client.errors",
    "Request": "client.api",
    "Retry": "client.retry",
    "StreamedResponse": "client.stream",
    "Timeouts": "client.timeouts",
    "Trace": "client.trace",
}

__all__ = [
    "Client",
    "HTTPClientError",
    "HTTPProxyError",
    "HTTPResponse",
    "HTTPStreamClosedError",
    "HTTPTimeoutError",
    "Request",
    "Retry",
    "StreamedResponse",
    "Timeouts",
    "Trace",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"whirlwind.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
