"""`CurlAsyncHTTPClient`: the HTTP client on libcurl, by pycurl.

For what only libcurl has: digest authentication, proxies by the environment, protocols beyond
HTTP/1.1. Choose it for a program with::

    AsyncHTTPClient.configure("whirlwind.curl_httpclient.CurlAsyncHTTPClient")
"""

from whirlwind.curl_httpclient.client import CR_OR_LF_RE, CurlAsyncHTTPClient, CurlError, curl_log
from whirlwind.curl_httpclient.receiving import _CurlStreamingBuffer as _CurlStreamingBuffer
from whirlwind.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest, HTTPResponse, main

__all__ = [
    "CR_OR_LF_RE",
    "AsyncHTTPClient",
    "CurlAsyncHTTPClient",
    "CurlError",
    "HTTPError",
    "HTTPRequest",
    "HTTPResponse",
    "curl_log",
    "main",
]
