"""Multipart bodies (RFC 2046 section 5.1, RFC 7578): bytes in, parts out.

Theory of operation. A delimiter is CR LF, two dashes and the boundary, at the start of a line. The
first one needs no line before it: unless the input begins with it, as nearly all does, the parser
goes on as if a CR LF had come already. What comes before the first delimiter and after the last is
ignored (RFC 2046 section 5.1.1).

Each piece of input is searched once. Of what it ends with, only a possible beginning of a delimiter
is held back for the next piece; the only CR in a delimiter is its first byte, so that is where such
a beginning must start. The time is linear in the input in whatever pieces it comes, and nothing but
the header of a part is ever collected.
"""

from typing import Final

import whirlwind.protocol.scan as scan
from whirlwind.protocol import limits
from whirlwind.protocol.errors import ProtocolError

# Events: (PART, header fields), (DATA, bytes), (PART_END, None), (END, None).
PART: Final = 1
DATA: Final = 2
PART_END: Final = 3
END: Final = 4

Fields = list[tuple[bytes, bytes]]
Event = tuple[int, Fields | bytes | None]

_S_START: Final = 0
_S_PREAMBLE: Final = 1
_S_PADDING: Final = 2
_S_FIELDS: Final = 3
_S_BODY: Final = 4
_S_EPILOGUE: Final = 5
_S_FAILED: Final = 6

_SP: Final = 0x20
_HTAB: Final = 0x09
_CR: Final = 0x0D
_DASH: Final = 0x2D
_COLON: Final = 0x3A

_BOUNDARY_CHARACTERS: Final = (
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'()+_,-./:=? "
)


def is_boundary(boundary: bytes) -> bool:
    """Whether the grammar of RFC 2046 section 5.1.1 allows this boundary."""
    return (
        0 < len(boundary) <= limits.MAX_BOUNDARY
        and not boundary.endswith(b" ")
        and not boundary.translate(None, _BOUNDARY_CHARACTERS)
    )


class MultipartParser:
    """Takes a multipart body apart as it arrives.

    The first error is final: every later call raises it again.

    :arg boundary: bytes, the ``boundary`` parameter of the Content-Type, without quotes.
    :arg max_parts: int, the most parts to accept.
    :arg max_head_size: int, the most bytes of one part's header.
    :raises ProtocolError: the boundary is not one.
    """

    def __init__(
        self,
        boundary: bytes,
        max_parts: int = limits.MAX_PARTS,
        max_head_size: int = limits.MAX_PART_HEAD_SIZE,
    ) -> None:
        if not is_boundary(boundary):
            raise ProtocolError(400, "malformed multipart boundary")
        self._delimiter = b"\r\n--" + boundary
        self._opening = b"--" + boundary + b"\r\n"
        self._max_parts = max_parts
        self._max_head_size = max_head_size
        self._state = _S_START
        self._parts = 0
        self._held = b""
        # Bytes at the start of what comes next that are not data: the blank line after the header,
        # whose CR LF also begins the delimiter when the part has no body (RFC 2046 body-part).
        self._skip = 0
        self._head_size = 0
        self._fields: Fields = []
        self._error: ProtocolError | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes of the body.

        :arg data: bytes, any number of them.
        :returns: list of events, in order: `PART` with its header fields (name and value, as
            received), any number of `DATA` with bytes, `PART_END`; after the last part `END`.
        :raises ProtocolError: the body is malformed or over a limit.
        """
        events: list[Event] = []
        if self._state == _S_EPILOGUE:
            return events
        if self._error is not None:
            raise self._error
        if self._held:
            data = self._held + data
            self._held = b""
        pos = 0
        end = len(data)
        try:
            if self._state == _S_START and end:
                if data.startswith(self._opening):
                    pos = len(self._opening)
                    self._begin_part(_S_FIELDS)
                else:
                    data = b"\r\n" + data
                    end += 2
                    self._state = _S_PREAMBLE
            while pos < end:
                if self._state == _S_BODY or self._state == _S_PREAMBLE:
                    pos = self._read_body(data, pos, events)
                elif self._state == _S_FIELDS:
                    pos = self._read_field(data, pos, events)
                elif self._state == _S_PADDING:
                    pos = self._read_padding(data, pos)
                else:
                    break
        except ProtocolError as error:
            self._error = error
            self._state = _S_FAILED
            raise
        return events

    def finish(self) -> None:
        """Say that the body has ended.

        :raises ProtocolError: the closing delimiter has not come.
        """
        if self._error is not None:
            raise self._error
        if self._state != _S_EPILOGUE:
            self._state = _S_FAILED
            self._error = ProtocolError(400, "multipart body has no final boundary")
            raise self._error

    def _read_body(self, data: bytes, pos: int, events: list[Event]) -> int:
        """Search the delimiter from ``pos``; return where the next state goes on."""
        delimiter = self._delimiter
        end = len(data)
        start = pos + self._skip
        stop = -1
        while True:
            found = scan.find_line(data, delimiter, pos)
            if found < 0:
                break
            after = found + len(delimiter)
            if after == end or (after + 1 == end and data[after] in (_DASH, _CR)):
                stop = found
                break
            if data[after] == _SP or data[after] == _HTAB:
                self._end_part(data, start, found, events)
                self._begin_part(_S_PADDING)
                return after
            if data.startswith(b"\r\n", after):
                self._end_part(data, start, found, events)
                self._begin_part(_S_FIELDS)
                return after + 2
            if data.startswith(b"--", after):
                self._end_part(data, start, found, events)
                self._state = _S_EPILOGUE
                events.append((END, None))
                return end
            # A longer word that starts like the boundary is data, as in Tornado.
            pos = after
        if stop < 0:
            stop = data.rfind(b"\r", max(pos, end - len(delimiter) + 1))
            if stop < 0 or not delimiter.startswith(data[stop:]):
                stop = end
        if stop > start and self._state == _S_BODY:
            events.append((DATA, data[start:stop]))
        self._held = data[stop:]
        self._skip = max(0, start - stop)
        return end

    def _end_part(self, data: bytes, start: int, stop: int, events: list[Event]) -> None:
        if self._state == _S_BODY:
            if stop > start:
                events.append((DATA, data[start:stop]))
            events.append((PART_END, None))
        self._skip = 0

    def _begin_part(self, state: int) -> None:
        self._parts += 1
        if self._parts > self._max_parts:
            raise ProtocolError(400, "multipart body has too many parts")
        self._state = state
        self._head_size = 0
        self._fields = []

    def _read_padding(self, data: bytes, pos: int) -> int:
        """Blanks between a delimiter and its line end, which some gateways add."""
        end = len(data)
        while pos < end and (data[pos] == _SP or data[pos] == _HTAB):
            pos += 1
            self._head_size += 1
        if self._head_size > self._max_head_size:
            raise ProtocolError(400, "multipart boundary line is too long")
        if data.startswith(b"\r\n", pos):
            self._state = _S_FIELDS
            self._head_size = 0
            return pos + 2
        if pos == end or (pos + 1 == end and data[pos] == _CR):
            self._held = data[pos:]
            return end
        raise ProtocolError(400, "malformed multipart boundary line")

    def _read_field(self, data: bytes, pos: int, events: list[Event]) -> int:
        """Read one line of a part's header from ``pos``; return where the next one starts."""
        line_end = data.find(b"\r\n", pos)
        length = (len(data) if line_end < 0 else line_end) - pos
        if line_end < 0 and data.endswith(b"\r"):
            length -= 1  # perhaps the start of the line end
        size = self._head_size + length
        if length and size > self._max_head_size:
            raise ProtocolError(400, "multipart part header too large")
        if line_end < 0:
            self._held = data[pos:]
            return len(data)
        if line_end == pos:
            events.append((PART, self._fields))
            self._state = _S_BODY
            self._skip = 2
            return pos
        self._head_size = size + 2  # a following line makes this line end count
        self._fields.append(_parse_field(data, pos, line_end))
        if len(self._fields) > limits.MAX_PART_FIELDS:
            raise ProtocolError(400, "multipart part header has too many fields")
        return line_end + 2


def _parse_field(data: bytes, pos: int, end: int) -> tuple[bytes, bytes]:
    """Split ``data[pos:end]`` into field name and value (RFC 9112 section 5, no line folding)."""
    colon = scan.span_token(data, pos, end)
    if colon in (pos, end) or data[colon] != _COLON:
        raise ProtocolError(400, "Invalid header name in a multipart part")
    if scan.span_value(data, colon + 1, end) != end:
        raise ProtocolError(400, "Invalid header value in a multipart part")
    return data[pos:colon], data[colon + 1 : end].strip(b" \t")
