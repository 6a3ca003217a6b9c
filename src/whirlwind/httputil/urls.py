"""URLs, authorities, credentials, dates and reason phrases."""

import calendar
import math
import sys
import time
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from whirlwind._public import claim
from whirlwind.escape import utf8

__all__ = [
    "encode_username_password",
    "format_timestamp",
    "reason_phrase",
    "split_host_and_port",
    "url_concat",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

_PHRASES = {status.value: status.phrase for status in HTTPStatus}

# More digits than any port has, few enough for int() to be cheap.
_MAX_PORT_DIGITS = 16


def url_concat(
    url: str,
    args: Mapping[str, str] | Sequence[tuple[str, str]] | None,
) -> str:
    """Add arguments to a URL's query.

    >>> url_concat("http://example.com/foo?a=b#top", [("c", "d"), ("c", "d e")])
    'http://example.com/foo?a=b&c=d&c=d+e#top'

    :arg url: str, with or without a query.
    :arg args: dict, or list or tuple of (name, value) pairs; None returns the URL as it is.
    :returns: str.
    :raises TypeError: ``args`` is something else.
    """
    if args is None:
        return url
    if isinstance(args, Mapping):
        added = list(args.items())
    elif isinstance(args, list | tuple):
        added = list(args)
    else:
        raise TypeError(f"args must be a dict, list or tuple, not {type(args).__name__}")
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    pairs.extend(added)
    return urlunsplit(parts._replace(query=urlencode(pairs)))


def split_host_and_port(netloc: str) -> tuple[str, int | None]:
    """Split an authority such as ``example.com:8080`` or ``[::1]:80``.

    :arg netloc: str.
    :returns: tuple of host and port; the port is None, and the host the whole text, when no port
        number follows the last colon.
    """
    host, _, port = netloc.rpartition(":")
    if host and port.isdigit() and port.isascii() and len(port) <= _MAX_PORT_DIGITS:
        return host, int(port)
    return netloc, None


def encode_username_password(username: str | bytes, password: str | bytes) -> bytes:
    """Join a user name and password as HTTP authentication sends them (RFC 7617 section 2.1).

    :arg username: str, which is normalised to NFC and encoded as UTF-8, or bytes.
    :arg password: likewise.
    :returns: bytes, not yet in base64.
    """
    if isinstance(username, str):
        username = unicodedata.normalize("NFC", username)
    if isinstance(password, str):
        password = unicodedata.normalize("NFC", password)
    return utf8(username) + b":" + utf8(password)


def format_timestamp(
    ts: int | float | tuple[int, ...] | time.struct_time | datetime,
) -> str:
    """Format a time as HTTP dates are written (RFC 9110 section 5.6.7, IMF-fixdate).

    >>> format_timestamp(1359312200)
    'Sun, 27 Jan 2013 18:43:20 GMT'

    :arg ts: seconds since the epoch, a time tuple in UTC, or a datetime; a naive one is in UTC.
    :returns: str.
    :raises TypeError: ``ts`` is something else.
    :raises ValueError: the year is beyond 9999.
    """
    seconds: float
    if isinstance(ts, int | float):
        seconds = ts
    elif isinstance(ts, tuple):
        seconds = calendar.timegm(ts)
    elif isinstance(ts, datetime):
        seconds = calendar.timegm(ts.utctimetuple())
    else:
        raise TypeError(f"unknown timestamp type: {ts!r}")
    try:
        when = _EPOCH + timedelta(seconds=math.floor(seconds))
    except OverflowError:
        raise ValueError(f"timestamp {ts!r} is beyond the year 9999") from None
    # Not strftime: it writes the names in the language of the process.
    return (
        f"{_DAYS[when.weekday()]}, {when.day:02} {_MONTHS[when.month - 1]} {when.year:04}"
        f" {when.hour:02}:{when.minute:02}:{when.second:02} GMT"
    )


def reason_phrase(status_code: int) -> str:
    """The reason phrase of a status in ``http.client.responses``, ``Unknown`` for others.

    :arg status_code: int.
    """
    # Programs add phrases of their own to that table; none has while its module, with a dozen
    # others 10 ms of start-up, has not been imported.
    client = sys.modules.get("http.client")
    phrases: Mapping[int, str] = _PHRASES if client is None else client.responses
    return phrases.get(status_code, "Unknown")


claim(
    "whirlwind.httputil",
    url_concat,
    split_host_and_port,
    encode_username_password,
    format_timestamp,
)
