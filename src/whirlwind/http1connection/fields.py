"""Values of the framing fields, for programs that look at them themselves.

The connections do not use these: what a head means is decided in `whirlwind.protocol.http1`.
"""

import re

from whirlwind._public import claim
from whirlwind.httputil import HTTPHeaders
from whirlwind.protocol.errors import ProtocolError

CR_OR_LF_RE = re.compile(b"\r|\n")
DIGITS = re.compile("[0-9]+")
HEXDIGITS = re.compile("[0-9a-fA-F]+")


def parse_int(s: str) -> int:
    """Parse a decimal number as HTTP has it: ASCII digits and nothing else (Tornado 6.3.3).

    :raises ValueError: it is none; `int` would accept signs, blanks, underscores...
    """
    if DIGITS.fullmatch(s) is None:
        raise ValueError(f"not an integer: {s!r}")
    return int(s)


def parse_hex_int(s: str) -> int:
    """Parse a hexadecimal number likewise, such as a chunk size (Tornado 6.3.3).

    :raises ValueError: it is none.
    """
    if HEXDIGITS.fullmatch(s) is None:
        raise ValueError(f"not a hexadecimal integer: {s!r}")
    return int(s, 16)


def is_transfer_encoding_chunked(headers: HTTPHeaders) -> bool:
    """Whether a message has a chunked body (Tornado 6.4.1).

    :arg headers: its header fields.
    :raises HTTPInputError: there is another Transfer-Encoding, or a Content-Length as well.
    """
    coding = headers.get("Transfer-Encoding")
    if coding is None:
        return False
    if "Content-Length" in headers:
        raise ProtocolError(400, "both Content-Length and Transfer-Encoding")
    if coding.lower() != "chunked":
        raise ProtocolError(501, f"unknown transfer coding {coding[:50]!r}")
    return True


claim("whirlwind.http1connection", parse_int, parse_hex_int, is_transfer_encoding_chunked)
