"""HTTP/1 over a stream, for programs that bring their own: one connection of a client or a server.

`HTTPServer` and `AsyncHTTPClient` are what most programs want. These classes are for those that
have an `IOStream` already: proxies, tunnels, servers that look at the stream first.
"""

from whirlwind.http1connection.connection import HTTP1Connection
from whirlwind.http1connection.fields import (
    CR_OR_LF_RE,
    DIGITS,
    HEXDIGITS,
    is_transfer_encoding_chunked,
    parse_hex_int,
    parse_int,
)
from whirlwind.http1connection.parameters import HTTP1ConnectionParameters
from whirlwind.http1connection.serving import HTTP1ServerConnection
from whirlwind.protocol.limits import MAX_INTERIM_RESPONSES as _MAX_1XX_RESPONSES

__all__ = [
    "CR_OR_LF_RE",
    "DIGITS",
    "HEXDIGITS",
    "_MAX_1XX_RESPONSES",
    "HTTP1Connection",
    "HTTP1ConnectionParameters",
    "HTTP1ServerConnection",
    "is_transfer_encoding_chunked",
    "parse_hex_int",
    "parse_int",
]
