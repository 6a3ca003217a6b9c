"""Request lines and status lines (RFC 9112 sections 3 and 4)."""

from typing import NamedTuple

from whirlwind._public import claim
from whirlwind.protocol import scan
from whirlwind.protocol.errors import HTTPInputError, ProtocolError

_VERSION_SIZE = len("HTTP/1.1")


class RequestStartLine(NamedTuple):
    """The first line of a request."""

    #: Such as ``GET``.
    method: str
    #: The request target, such as ``/index.html?page=2``.
    path: str
    #: Such as ``HTTP/1.1``.
    version: str


class ResponseStartLine(NamedTuple):
    """The first line of a response."""

    #: Such as ``HTTP/1.1``.
    version: str
    #: Such as 200.
    code: int
    #: Such as ``OK``.
    reason: str


def _check_version(version: str, line: str) -> None:
    if not (
        len(version) == _VERSION_SIZE
        and version.startswith("HTTP/")
        and version[5] in "0123456789"
        and version[6] == "."
        and version[7] in "0123456789"
    ):
        raise ProtocolError(400, f"Malformed HTTP {line}")
    if version[5] != "1":
        raise ProtocolError(505, f"Unexpected HTTP version {version!r}")


def parse_request_start_line(line: str) -> RequestStartLine:
    """Parse a request line, strictly.

    >>> parse_request_start_line("GET /a HTTP/1.1")
    RequestStartLine(method='GET', path='/a', version='HTTP/1.1')

    :arg line: str, without its line end.
    :raises HTTPInputError: it is not ``method SP target SP HTTP/1.x``.
    """
    try:
        data = line.encode("latin-1")
    except UnicodeEncodeError:
        raise HTTPInputError("Malformed HTTP request line") from None
    end = len(data)
    method_end = scan.span_token(data, 0, end)
    target_end = scan.span_target(data, method_end + 1, end) if method_end < end else end
    if (
        method_end == 0
        or target_end >= end
        or data[method_end] != 0x20
        or target_end == method_end + 1
        or data[target_end] != 0x20
    ):
        raise ProtocolError(400, "Malformed HTTP request line")
    version = line[target_end + 1 :]
    _check_version(version, "request line")
    return RequestStartLine(line[:method_end], line[method_end + 1 : target_end], version)


def parse_response_start_line(line: str) -> ResponseStartLine:
    """Parse a status line, strictly.

    >>> parse_response_start_line("HTTP/1.1 200 OK")
    ResponseStartLine(version='HTTP/1.1', code=200, reason='OK')

    :arg line: str, without its line end.
    :returns: `ResponseStartLine`; its reason is None when the line has none.
    :raises HTTPInputError: it is not ``HTTP/1.x SP status SP [reason]``. A status that no response
        has, such as 042, passes: what to do about it is the reader's (RFC 9110 section 15); our
        clients refuse it.
    """
    try:
        data = line.encode("latin-1")
    except UnicodeEncodeError:
        raise HTTPInputError("Malformed HTTP status line") from None
    version = line[:_VERSION_SIZE]
    _check_version(version, "status line")
    code_end = _VERSION_SIZE + 4
    if (
        len(data) <= code_end
        or data[_VERSION_SIZE] != 0x20
        or scan.span_digits(data, _VERSION_SIZE + 1, code_end) != code_end
        or data[code_end] != 0x20
        or scan.span_value(data, code_end + 1, len(data)) != len(data)
    ):
        raise ProtocolError(400, "Malformed HTTP status line")
    # None for an empty reason, as Tornado does, which the type of the field hides.
    reason = line[code_end + 1 :] or None
    return ResponseStartLine(version, int(line[_VERSION_SIZE + 1 : code_end]), reason)  # type: ignore[arg-type]


claim(
    "whirlwind.httputil",
    RequestStartLine,
    ResponseStartLine,
    parse_request_start_line,
    parse_response_start_line,
)
