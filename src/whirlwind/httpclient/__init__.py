"""HTTP clients: `AsyncHTTPClient`, and `HTTPClient` for programs without an event loop.

What does the work is `simple_httpclient`, or `curl_httpclient` where it is configured::

    AsyncHTTPClient.configure("whirlwind.curl_httpclient.CurlAsyncHTTPClient")
"""

from whirlwind.httpclient.client import AsyncHTTPClient, HTTPClient
from whirlwind.httpclient.command import main
from whirlwind.httpclient.request import HTTPRequest, _RequestProxy
from whirlwind.httpclient.response import HTTPClientError, HTTPResponse

#: The former name of `HTTPClientError`, which everybody uses.
HTTPError = HTTPClientError

__all__ = [
    "AsyncHTTPClient",
    "HTTPClient",
    "HTTPClientError",
    "HTTPError",
    "HTTPRequest",
    "HTTPResponse",
    "_RequestProxy",
    "main",
]
