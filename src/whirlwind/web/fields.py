"""What handlers give as names and values of header fields, turned into text."""

import datetime
import numbers
from typing import Any

from whirlwind.httputil import format_timestamp
from whirlwind.protocol.headers import is_sendable


def field_name(name: Any) -> str:
    """The name that a handler gives to a field, as a plain str.

    :raises TypeError: it is no text at all.
    """
    if isinstance(name, str):
        return str.__str__(name)
    raise TypeError(f"the name of a header field is {name!r}, which is no str")


def refusal(name: str, text: str) -> ValueError:
    """The error that says whether it is the name or the text of a field that cannot be sent."""
    if is_sendable(text):
        return ValueError(f"{name!r} is no name of a header field (RFC 9110 section 5.1)")
    return ValueError(f"Unsafe header value {text!r} for {name}")


def field_text(value: Any) -> str:
    """The text of a field for anything that a handler may give: text, bytes, integer or time.

    :raises TypeError: it is none of these.
    """
    if isinstance(value, str):
        return str.__str__(value)  # an enum's members print their names otherwise
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, numbers.Integral):
        return str(value)
    if isinstance(value, datetime.datetime):
        return format_timestamp(value)
    raise TypeError(f"Unsupported header value {value!r}")
