"""Agreeing on permessage-deflate (RFC 7692 sections 5 and 7.1), from either side.

The parameters are about the two directions: how far each side refers back in what it has sent, and
whether it refers to earlier messages at all.
"""

import inspect
import re
from typing import Final

from whirlwind.protocol import limits
from whirlwind.protocol.deflate import Deflater, Inflater
from whirlwind.protocol.errors import ProtocolError

#: The name that the extension is agreed on by.
NAME: Final = "permessage-deflate"

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_ITEM = re.compile(
    rf'[ \t]*({_TOKEN})((?:[ \t]*;[ \t]*{_TOKEN}(?:[ \t]*=[ \t]*(?:{_TOKEN}|"{_TOKEN}"))?)*)[ \t]*'
)
_EMPTY = re.compile(r"[ \t]*(?:,[ \t]*)*")  # a list may have empty members (RFC 9110 section 5.6.1)
_PARAMETER = re.compile(rf'({_TOKEN})(?:[ \t]*=[ \t]*"?({_TOKEN})"?)?')
_BITS = re.compile(r"[89]|1[0-5]")
#: Extensions in one field: the most that are looked at.
_MAX_EXTENSIONS: Final = 32

_Extension = tuple[str, list[tuple[str, str | None]]]


class Options:
    """What a program asks of compression: the values of ``get_compression_options()``.

    :arg compression_level: 0 to 9 (6).
    :arg mem_level: 1 to 9 (8); a compressor takes 2**(mem_level + 9) bytes and its window.
    :arg threshold: bytes; shorter messages are not compressed.
    :arg server_no_context_takeover, client_no_context_takeover: whether that side forgets each
        message before the next one: no memory is held for a quiet connection, and less compresses.
    :arg server_max_window_bits, client_max_window_bits: 8 to 15; that side refers back at most
        2**bits bytes.
    """

    def __init__(
        self,
        compression_level: int | None = None,
        mem_level: int | None = None,
        threshold: int | None = None,
        server_no_context_takeover: bool = False,
        client_no_context_takeover: bool = False,
        server_max_window_bits: int | None = None,
        client_max_window_bits: int | None = None,
    ) -> None:
        self.level: int = _in_range("compression_level", compression_level, 0, 9, 6)
        self.mem_level: int = _in_range("mem_level", mem_level, 1, 9, 8)
        self.threshold: int = limits.MIN_COMPRESSED_MESSAGE if threshold is None else threshold
        self.server_no_context_takeover = server_no_context_takeover
        self.client_no_context_takeover = client_no_context_takeover
        self.server_bits: int = _in_range(
            "server_max_window_bits", server_max_window_bits, 8, 15, 15
        )
        self.client_bits: int = _in_range(
            "client_max_window_bits", client_max_window_bits, 8, 15, 15
        )


OPTION_NAMES: Final = tuple(inspect.signature(Options).parameters)


def _in_range(name: str, value: int | None, low: int, high: int, default: int) -> int:
    if value is None:
        return default
    if not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"Compression option {name} must be from {low} to {high}, not {value!r}")
    return value


class Agreement:
    """The parameters that both sides have agreed on."""

    def __init__(self) -> None:
        self.server_no_context_takeover = False
        self.client_no_context_takeover = False
        self.server_bits = 15
        self.client_bits = 15

    def pair(self, options: Options, server: bool) -> "tuple[Deflater, Inflater]":
        """The two directions, as the server's side or the client's sees them."""
        ours = (self.server_bits, not self.server_no_context_takeover)
        theirs = (self.client_bits, not self.client_no_context_takeover)
        if not server:
            ours, theirs = theirs, ours
        deflater = Deflater(*ours, options.level, options.mem_level, options.threshold)
        return deflater, Inflater(*theirs)


def parse_extensions(value: str) -> list[_Extension]:
    """The items of a ``Sec-WebSocket-Extensions`` field (RFC 6455 section 9.1).

    :raises ProtocolError: 400, it is none.
    """
    found: list[_Extension] = []
    pos = _after_empty(value, 0)
    while True:
        item = _ITEM.match(value, pos)
        if item is None or len(found) == _MAX_EXTENSIONS:
            raise ProtocolError(400, "malformed Sec-WebSocket-Extensions")
        parameters = [(one[1].lower(), one[2]) for one in _PARAMETER.finditer(item[2])]
        found.append((item[1].lower(), parameters))
        end = item.end()
        pos = _after_empty(value, end)
        if pos == len(value):
            return found
        if value[end] != ",":
            raise ProtocolError(400, "malformed Sec-WebSocket-Extensions")


def _after_empty(value: str, pos: int) -> int:
    found = _EMPTY.match(value, pos)
    return pos if found is None else found.end()


def accept(value: str, options: Options) -> tuple[Agreement, str] | None:
    """Take the first offer of a client that can be met (RFC 7692 sections 5.1 and 7.1).

    :arg value: the client's ``Sec-WebSocket-Extensions``.
    :arg options: what the server wants.
    :returns: what is agreed on and the field to answer with, or None.
    :raises ProtocolError: 400, the field is malformed.
    """
    for name, parameters in parse_extensions(value):
        if name == NAME:
            agreed = _meet_offer(parameters, options)
            if agreed is not None:
                return agreed
    return None


def _meet_offer(
    parameters: list[tuple[str, str | None]], options: Options
) -> tuple[Agreement, str] | None:
    offer = dict(parameters)
    if len(offer) != len(parameters):
        return None  # a parameter twice: section 7 wants such an offer declined
    agreed = Agreement()
    agreed.server_bits = options.server_bits
    may_limit_client = False
    for name, value in parameters:
        if name == "server_no_context_takeover" and value is None:
            agreed.server_no_context_takeover = True
        elif name == "client_no_context_takeover" and value is None:
            agreed.client_no_context_takeover = True
        elif name == "server_max_window_bits" and value is not None and _BITS.fullmatch(value):
            agreed.server_bits = min(agreed.server_bits, int(value))
        elif name == "client_max_window_bits" and (value is None or _BITS.fullmatch(value)):
            may_limit_client = True
            if value is not None:
                agreed.client_bits = int(value)
        else:
            return None
    answer = [NAME]
    if options.server_no_context_takeover or agreed.server_no_context_takeover:
        agreed.server_no_context_takeover = True
        answer.append("server_no_context_takeover")
    if options.client_no_context_takeover or agreed.client_no_context_takeover:
        agreed.client_no_context_takeover = True
        answer.append("client_no_context_takeover")
    if agreed.server_bits < 15 or "server_max_window_bits" in offer:
        answer.append(f"server_max_window_bits={agreed.server_bits}")
    if may_limit_client and options.client_bits < agreed.client_bits:
        agreed.client_bits = options.client_bits
        answer.append(f"client_max_window_bits={agreed.client_bits}")
    return agreed, "; ".join(answer)


def offer(options: Options) -> str:
    """The ``Sec-WebSocket-Extensions`` of a client."""
    parts = [NAME]
    if options.client_bits < 15:
        parts.append(f"client_max_window_bits={options.client_bits}")
    else:
        parts.append("client_max_window_bits")
    if options.client_no_context_takeover:
        parts.append("client_no_context_takeover")
    if options.server_no_context_takeover:
        parts.append("server_no_context_takeover")
    if options.server_bits < 15:
        parts.append(f"server_max_window_bits={options.server_bits}")
    return "; ".join(parts)


def check_answer(value: str, options: Options) -> Agreement:
    """What a server has answered to `offer`.

    :raises ProtocolError: 1010, it is not an answer to that.
    """
    try:
        found = parse_extensions(value)
    except ProtocolError as error:
        raise ProtocolError(1010, error.reason) from None
    if len(found) != 1 or found[0][0] != NAME:
        raise ProtocolError(1010, "the server chose an extension that was not offered")
    parameters = found[0][1]
    if len(dict(parameters)) != len(parameters):
        raise ProtocolError(1010, "the server named a parameter twice")
    agreed = Agreement()
    agreed.client_no_context_takeover = options.client_no_context_takeover
    agreed.client_bits = options.client_bits
    for name, text in parameters:
        if name == "server_no_context_takeover" and text is None:
            agreed.server_no_context_takeover = True
        elif name == "client_no_context_takeover" and text is None:
            agreed.client_no_context_takeover = True
        elif name == "server_max_window_bits" and text is not None and _BITS.fullmatch(text):
            agreed.server_bits = int(text)
        elif name == "client_max_window_bits" and text is not None and _BITS.fullmatch(text):
            agreed.client_bits = min(agreed.client_bits, int(text))
        else:
            raise ProtocolError(1010, "the server chose a parameter that is not allowed")
    if options.server_no_context_takeover and not agreed.server_no_context_takeover:
        raise ProtocolError(1010, "the server does not give up context takeover")
    if agreed.server_bits > options.server_bits:
        raise ProtocolError(1010, "the server's window is larger than asked for")
    return agreed
