"""``callback=`` of HTTP connections, and requests that are answered with raw bytes."""

import time
from collections.abc import Callable
from typing import Any, Final

from whirlwind.http1connection import HTTP1Connection
from whirlwind.httputil import HTTPServerRequest
from whirlwind.legacy.calls import accept_callback, without_result
from whirlwind.legacy.installing import replace
from whirlwind.legacy.warning import warn
from whirlwind.server.exchange import Exchange

_KIND: Final = "callback= of an HTTP connection"
_ADVICE: Final = "await what the method returns"
_RAW: Final = "write, finish or supports_http_1_1 of a request"
_RAW_ADVICE: Final = "use write_headers, write and finish of request.connection"


def install() -> None:
    """Let connections take callbacks, and requests be written to."""
    for connection in (Exchange, HTTP1Connection):
        accept_callback(connection, "write_headers", 3, 3, without_result, _KIND, _ADVICE)
        accept_callback(connection, "write", 1, 1, without_result, _KIND, _ADVICE)
    replace(HTTPServerRequest, "write", _write)
    replace(HTTPServerRequest, "finish", _finish)
    replace(HTTPServerRequest, "supports_http_1_1", _supports_http_1_1)


def _write(
    self: HTTPServerRequest, chunk: bytes, callback: Callable[[], Any] | None = None
) -> None:
    """Write some of the response as it goes over the wire, status line and all.

    The connection closes after such a response: nobody here has counted it.

    :arg chunk: bytes.
    :arg callback: called when the data was handed to the operating system.
    """
    warn(_RAW, _RAW_ADVICE)
    if not isinstance(chunk, bytes):
        raise TypeError(f"HTTPServerRequest.write needs bytes, not {type(chunk).__name__}")
    written = self.connection.write(chunk)
    if callback is not None:
        without_result(self, written, callback)


def _finish(self: HTTPServerRequest) -> None:
    """Say that the response is complete."""
    warn(_RAW, _RAW_ADVICE)
    self.connection.finish()
    self._finish_time = time.time()


def _supports_http_1_1(self: HTTPServerRequest) -> bool:
    """Whether the client speaks HTTP/1.1."""
    warn(_RAW, _RAW_ADVICE)
    return self.version == "HTTP/1.1"
