"""`HTTPResponse` and `HTTPClientError`: how a fetch ended."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from whirlwind import httputil
from whirlwind._public import claim
from whirlwind.httpclient.request import HTTPRequest
from whirlwind.httputil import HTTPHeaders


class HTTPResponse:
    """A response, or what stands for one that never came.

    :arg request: the `HTTPRequest` that was fetched, before any redirect.
    :arg code: int, the status, such as 200; 599 when there was no response.
    :arg headers: `HTTPHeaders`.
    :arg buffer: ``BytesIO`` with the body.
    :arg effective_url: str, where the response came from, after redirects.
    :arg error: the exception that :meth:`rethrow` raises; made here for codes outside 200-299.
    :arg request_time: float, seconds from the start of the request to the end of the response,
        without the time in the queue.
    :arg time_info: dict, seconds that phases took: ``queue``, and with the curl client more.
    :arg reason: str, the reason phrase; the usual one for the code when None.
    :arg start_time: float, when the request began, as ``time.time()`` (Tornado 5.1).
    """

    # What most responses have in common is not stored in each.
    error: BaseException | None = None
    _error_is_response_code = False
    _body: bytes | None = None
    _buffer: BytesIO | None = None
    _headers: HTTPHeaders | None = None
    _raw_headers = b""
    _trailers: list[tuple[str, str]] | None = None

    def __init__(
        self,
        request: HTTPRequest,
        code: int,
        headers: HTTPHeaders | None = None,
        buffer: BytesIO | None = None,
        effective_url: str | None = None,
        error: BaseException | None = None,
        request_time: float | None = None,
        time_info: dict[str, float] | None = None,
        reason: str | None = None,
        start_time: float | None = None,
    ) -> None:
        # Whoever implements fetch_impl() passes on what it was given, which is a _RequestProxy.
        self.request: HTTPRequest = request if isinstance(request, HTTPRequest) else request.request
        self.code = code
        self.reason: str = reason or httputil.responses.get(code, "Unknown")
        if headers is not None:
            self._headers = headers
        self._buffer = buffer
        self.effective_url: str = self.request.url if effective_url is None else effective_url
        self.start_time = start_time
        self.request_time = request_time
        self.time_info: dict[str, float] = time_info or {}
        if error is not None:
            self.error = error
        elif code < 200 or code >= 300:
            self._error_is_response_code = True
            self.error = HTTPClientError(code, message=self.reason, response=self)

    @property
    def headers(self) -> HTTPHeaders:
        """The header fields."""
        found = self._headers
        if found is None:
            found = self._headers = HTTPHeaders()
            found.load(self._raw_headers)
            length = found.lookup_normal("Content-Length")
            if length is not None and "," in length:
                # The same number several times, or it would have been refused.
                found["Content-Length"] = length.partition(",")[0].strip(" \t")
        return found

    @headers.setter
    def headers(self, value: HTTPHeaders) -> None:
        self._headers = value

    @property
    def trailers(self) -> HTTPHeaders:
        """The fields that followed a chunked body (RFC 9110 section 6.5)."""
        return HTTPHeaders(self._trailers or ())

    @property
    def buffer(self) -> BytesIO | None:
        """The body as a file; None where there was nothing to keep one."""
        if self._buffer is None and self._body is not None:
            self._buffer = BytesIO(self._body)
        return self._buffer

    @buffer.setter
    def buffer(self, value: BytesIO | None) -> None:
        self._buffer = value
        self._body = None

    @property
    def body(self) -> bytes:
        """The body; empty when there is none, or a ``streaming_callback`` has had it."""
        found = self._body
        if found is None:
            if self._buffer is None:
                return b""
            found = self._body = self._buffer.getvalue()
        return found

    def rethrow(self) -> None:
        """Raise the error of this response, if it has one."""
        if self.error is not None:
            raise self.error

    def __repr__(self) -> str:
        shown = {
            "code": self.code,
            "effective_url": self.effective_url,
            "error": self.error,
            "headers": self.headers,
            "reason": self.reason,
            "request": self.request,
            "request_time": self.request_time,
            "start_time": self.start_time,
            "time_info": self.time_info,
        }
        return f"HTTPResponse({','.join(f'{name}={value!r}' for name, value in shown.items())})"


class HTTPClientError(Exception):
    """A fetch that did not end with a status of 200 to 299. Can be copied and pickled.

    :ivar code: int, the status; 599 when there was no response.
    :ivar message: str, what went wrong: the reason phrase where there was a response.
    :ivar response: the `HTTPResponse`, or None.
    """

    def __init__(
        self, code: int, message: str | None = None, response: HTTPResponse | None = None
    ) -> None:
        super().__init__(code, message, response)
        self.code = code
        self.message: str = message or httputil.responses.get(code, "Unknown")
        self.response = response

    def __str__(self) -> str:
        return f"HTTP {self.code}: {self.message}"

    # The arguments hold the response, whose representation holds this error.
    __repr__ = __str__


def make_response(
    request: HTTPRequest,
    head: Any,
    body: bytes | None,
    effective_url: str,
    start_time: float,
    request_time: float,
    time_info: dict[str, float],
) -> HTTPResponse:
    """A response from what a parser saw: header fields and buffer are made when asked for.

    :arg head: `protocol.heads.ResponseHead`.
    """
    response = HTTPResponse.__new__(HTTPResponse)
    response.request = request
    response.code = code = head.status
    response.reason = head.reason or httputil.responses.get(code, "Unknown")
    response._raw_headers = head.raw
    response._body = body
    response.effective_url = effective_url
    response.start_time = start_time
    response.request_time = request_time
    response.time_info = time_info
    if code < 200 or code >= 300:
        response._error_is_response_code = True
        response.error = HTTPClientError(code, message=response.reason, response=response)
    return response


claim("whirlwind.httpclient", HTTPResponse, HTTPClientError)
