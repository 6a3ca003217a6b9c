"""Leaf scanners of the byte cores: how far does a character class reach?

Each function returns the first position in ``data[pos:end]`` whose byte is not in the class, or
``end``. This file is the plain form, on regular expressions built from `CLASSES`;
``scan.pxd`` holds the same functions as table loops for the compiled cores. A test compares the two
on every class and every byte.
"""

import re
from typing import Final

_ALPHA = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_DIGIT = frozenset(b"0123456789")

#: Class name to its members. RFC 9110 section 5.6.2 (token) and 5.5 (field value), RFC 3986.
CLASSES: Final[dict[str, frozenset[int]]] = {
    "token": _ALPHA | _DIGIT | frozenset(b"!#$%&'*+-.^_`|~"),
    # Field values: HTAB, SP, VCHAR and obs-text.
    "value": frozenset([9, *range(0x20, 0x7F), *range(0x80, 0x100)]),
    # Request targets: visible US-ASCII without "#", which starts a fragment and is never sent.
    "target": frozenset(range(0x21, 0x7F)) - {0x23},
    # reg-name and IPv4 address, without the "," that joins repeated fields.
    "host": _ALPHA | _DIGIT | frozenset(b"-._~!$&'()*+;=%"),
    "digit": _DIGIT,
    "hex": _DIGIT | frozenset(b"abcdefABCDEF"),
}


def _matcher(name: str) -> re.Pattern[bytes]:
    # As ranges: written out one by one, the members take 200 us to compile.
    ranges: list[list[int]] = []
    for byte in sorted(CLASSES[name]):
        if ranges and byte == ranges[-1][1] + 1:
            ranges[-1][1] = byte
        else:
            ranges.append([byte, byte])
    return re.compile(b"[" + b"".join([b"\\x%02x-\\x%02x" % (a, b) for a, b in ranges]) + b"]*")


_TOKEN = _matcher("token")
_VALUE = _matcher("value")
_TARGET = _matcher("target")
_REQUEST_LINE = re.compile(rb"([A-Z]+) (" + _TARGET.pattern[:-1] + rb"+) HTTP/1\.([01])\r\n")
_HOST = _matcher("host")
_DIGITS = _matcher("digit")
_HEX = _matcher("hex")

#: What `field_id` answers for the fields the cores themselves act on.
OTHER: Final = 0
HOST: Final = 1
CONTENT_LENGTH: Final = 2
TRANSFER_ENCODING: Final = 3
CONNECTION: Final = 4
EXPECT: Final = 5
UPGRADE: Final = 6
CONTENT_TYPE: Final = 7
IF_NONE_MATCH: Final = 8
CONTENT_ENCODING: Final = 9
RANGE: Final = 10
IF_MODIFIED_SINCE: Final = 11
ACCEPT_ENCODING: Final = 12

FIELD_IDS: Final[dict[bytes, int]] = {
    b"host": 1,
    b"content-length": 2,
    b"transfer-encoding": 3,
    b"connection": 4,
    b"expect": 5,
    b"upgrade": 6,
    b"content-type": 7,
    b"if-none-match": 8,
    b"content-encoding": 9,
    b"range": 10,
    b"if-modified-since": 11,
    b"accept-encoding": 12,
}

#: What `method_id` answers for the methods of RFC 9110 section 9 and PATCH.
METHOD_IDS: Final[dict[bytes, int]] = {
    b"GET": 1,
    b"HEAD": 2,
    b"POST": 3,
    b"PUT": 4,
    b"DELETE": 5,
    b"PATCH": 6,
    b"OPTIONS": 7,
    b"CONNECT": 8,
    b"TRACE": 9,
}
CONNECT: Final = 8


def span_token(data: bytes, pos: int, end: int) -> int:
    """RFC 9110 token characters."""
    found = _TOKEN.match(data, pos, end)
    return found.end() if found else pos


def span_value(data: bytes, pos: int, end: int) -> int:
    """Field value characters, blanks and obs-text included."""
    found = _VALUE.match(data, pos, end)
    return found.end() if found else pos


def span_target(data: bytes, pos: int, end: int) -> int:
    """Request target characters."""
    found = _TARGET.match(data, pos, end)
    return found.end() if found else pos


def span_host(data: bytes, pos: int, end: int) -> int:
    """Characters of a registered name or an IPv4 address."""
    found = _HOST.match(data, pos, end)
    return found.end() if found else pos


def span_digits(data: bytes, pos: int, end: int) -> int:
    """US-ASCII digits."""
    found = _DIGITS.match(data, pos, end)
    return found.end() if found else pos


def span_hex(data: bytes, pos: int, end: int) -> int:
    """Hexadecimal digits."""
    found = _HEX.match(data, pos, end)
    return found.end() if found else pos


def field_id(data: bytes, pos: int, end: int) -> int:
    """Which of `FIELD_IDS` the name ``data[pos:end]`` is, whatever its case; `OTHER` if none."""
    size = end - pos
    # The known names are 4 to 17 long; most unknown ones are told by their length alone.
    if size == 4 or size == 5 or size == 6 or size == 7 or size == 10 or size >= 12:
        return FIELD_IDS.get(data[pos:end].lower(), OTHER)
    return OTHER


def method_id(data: bytes, pos: int, end: int) -> int:
    """Which of `METHOD_IDS` the name ``data[pos:end]`` is; 0 if none."""
    return METHOD_IDS.get(data[pos:end], 0)


def minor_version(data: bytes, pos: int) -> int:
    """1 or 0 for ``HTTP/1.1`` or ``HTTP/1.0`` and a line end at ``data[pos]``; -1 if neither."""
    line = data[pos : pos + 10]
    return 1 if line == b"HTTP/1.1\r\n" else 0 if line == b"HTTP/1.0\r\n" else -1


def head_end(data: bytes, pos: int) -> int:
    """Where the next empty line after a line begins, as ``bytes.find``; -1 if there is none."""
    return data.find(b"\r\n\r\n", pos)


#: For ``(data, pos)``: a match with method, target and minor version if a usual request line begins
#: there. None says nothing; in the compiled form, whose loops are faster, that is all it says.
request_line: Final = _REQUEST_LINE.match


def find_line(data: bytes, line: bytes, pos: int) -> int:
    """``data.find(line, pos)`` for what begins with CR, a byte that is rare in uploads."""
    return data.find(line, pos)


def cut(data: bytes, pos: int, end: int) -> bytes:
    """``data[pos:end]``, for positions that are not negative."""
    return data[pos:end]


def is_same(data: bytes, pos: int, end: int, other: bytes) -> bool:
    """Whether ``data[pos:end]``, for positions that are not negative, equals ``other``."""
    return data[pos:end] == other


#: Where one ASCII character is in a text; -1 if it is not there.
find_char: Final = str.find


def is_printable(text: str) -> bool:
    """Whether a text is printable US-ASCII throughout."""
    return text.isascii() and text.isprintable()


def escape_markup(text: str) -> str:
    """A text with character references for ``&``, ``<``, ``>``, ``"`` and ``'``."""
    # One after the other: 25 ns for each that is not there, where a pattern takes 250 for all.
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    if ">" in text:
        text = text.replace(">", "&gt;")
    if '"' in text:
        text = text.replace('"', "&quot;")
    if "'" in text:
        text = text.replace("'", "&#x27;")
    return text
