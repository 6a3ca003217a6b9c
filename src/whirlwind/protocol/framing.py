"""The framing of HTTP/1 bodies: fixed length, chunked, or until the connection closes.

The lower half of the parser (`whirlwind.protocol.http1` is the upper one): it keeps what was
received, and cuts bodies and trailers out of it (RFC 9112 sections 6 and 7).
"""

import re
from typing import Final

import whirlwind.protocol.scan as scan
import whirlwind.protocol.states as states
from whirlwind.protocol import limits
from whirlwind.protocol.errors import ProtocolError
from whirlwind.protocol.heads import Head  # noqa: TC001  (a name of the .pxd)

_MAX_CHUNK_LINE: Final = limits.MAX_CHUNK_LINE

# Field names that must not come as trailers (RFC 9110 section 6.5.1): framing, routing, request
# modifiers, authentication, and what decides how the content is handled.
_NO_TRAILER = frozenset(
    b"transfer-encoding content-length host trailer connection upgrade te keep-alive expect"
    b" authorization proxy-authorization proxy-authenticate www-authenticate set-cookie cookie"
    b" cache-control max-forwards range content-encoding content-type content-range".split()
)

TOKEN_CHARS = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# BWS is bounded only by the length of the line, which is bounded itself; no alternative overlaps
# another, so the match is linear.
_EXTENSIONS = re.compile(
    rb"(?:[ \t]*;[ \t]*" + TOKEN_CHARS + rb"(?:[ \t]*=[ \t]*(?:" + TOKEN_CHARS + rb"|"
    rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"))?)+'
)


def has_bad_line_end(data: bytes | bytearray, pos: int) -> bool:
    """Whether there is a CR without LF or an LF without CR at ``data[pos]`` or after it.

    Asked while lines are still incomplete, so that a peer that ends them in another way hears of it
    at once and not when a timeout expires. A CR at the very end may still get its LF. Counting is
    ten times faster than a pattern, and a peer decides how much is counted.
    """
    pairs = data.count(b"\r\n", pos)
    if data.count(b"\r", pos) - data.endswith(b"\r") > pairs:
        return True
    divided = pos > 0 and data[pos - 1 : pos + 1] == b"\r\n"
    return data.count(b"\n", pos) - divided > pairs


def field_error(data: bytes, pos: int, stop: int) -> str:
    """What is wrong with the field name at ``data[pos]``, which is a token up to ``stop``."""
    if data[pos] == 32 or data[pos] == 9:
        return "obsolete line folding"
    if stop == pos:
        return "empty or malformed field name"
    if data[stop] == 32 or data[stop] == 9:
        return "white space between field name and colon"
    if data[stop] == 13:
        return "no colon in header line"
    return "malformed field name"


class BodyParser:
    """Buffering, body framing and trailers; what a head is, a subclass knows."""

    chunk: bytes
    excerpt: bytes

    def __init__(
        self,
        max_head_size: int = limits.MAX_HEAD_SIZE,
        max_body_size: int = limits.MAX_BODY_SIZE,
        chunk_size: int = limits.CHUNK_SIZE,
    ) -> None:
        """
        :arg max_head_size: bytes of start line and field lines together.
        :arg max_body_size: bytes of one body; may be changed between HEAD and the next event.
        :arg chunk_size: bytes up to which small chunks are put together into one DATA event.
        """
        self.max_head_size = max_head_size
        self.max_body_size = max_body_size
        self.chunk_size = chunk_size
        self.head: Head | None = None
        self.chunk = b""
        self.trailers: list[tuple[str, str]] = []
        #: After a ProtocolError: the first bytes of what was being parsed, for the log.
        self.excerpt = b""
        self._state = states.IN_HEAD
        self._eof = False
        self._buf = b""
        self._pos = 0
        # Bytes not looked at yet, once they came in more than one piece; None while _buf has all.
        self._tail: bytearray | None = None
        self._searched = 0
        self._left = 0
        self._body_size = 0
        self._extension_size = 0

    def receive(self, data: bytes) -> None:
        """Add bytes as they arrived."""
        if self._tail is not None:
            self._tail += data
        elif self._pos >= len(self._buf):
            self._buf = data
            self._pos = 0
        else:
            self._tail = bytearray(self._buf[self._pos :])
            self._tail += data
            self._buf = b""
            self._pos = 0

    def receive_eof(self) -> None:
        """The peer will send nothing more; an incomplete message becomes an error."""
        self._eof = True

    def buffered(self) -> int:
        """Bytes received and not yet parsed."""
        if self._tail is not None:
            return len(self._tail)
        return len(self._buf) - self._pos

    def in_message(self) -> bool:
        """Whether a message was begun and has not come to its END.

        An empty line between messages begins none (RFC 9112 section 2.2).
        """
        if self._state != states.IN_HEAD:
            return self._state != states.CLOSED
        size = self.buffered()
        if size == 0 or size > 2:
            return size > 0
        self._settle()
        return self._buf[self._pos :] not in (b"\r\n", b"\n", b"\r")

    def take_rest(self) -> bytes:
        """Give up parsing and hand over every byte not parsed (upgrade, CONNECT, detach)."""
        self._settle()
        rest = self._buf[self._pos :]
        self.close()
        return rest

    def close(self) -> None:
        """Never interpret another byte of this connection."""
        self._state = states.CLOSED
        self._buf = b""
        self._pos = 0
        self._tail = None

    def next_event(self) -> int:
        """The next event, or NEED_DATA.

        :raises ProtocolError: the peer broke the protocol; every later call answers NEED_DATA.
        """
        try:
            if self._state == states.IN_HEAD:
                return self._next_head()
            return self._next_of_body()
        except ProtocolError:
            if self._state == states.IN_HEAD:
                # Only ever of a head: what a body holds is nobody's business in a log.
                self._settle()
                self.excerpt = self._buf[self._pos : self._pos + 80]
            self.close()
            raise

    def _next_of_body(self) -> int:
        if self._state == states.CLOSED:
            return states.NEED_DATA
        if self._tail is not None:
            self._settle()
        if self._state == states.AFTER_HEAD:
            self._begin_body()
        if self._state == states.AT_END:
            return self._end()
        if self._state == states.FIXED:
            return self._next_fixed()
        if self._state == states.UNTIL_CLOSE:
            return self._next_until_close()
        return self._next_chunked()

    def _next_head(self) -> int:
        raise ProtocolError(500, "no role")

    def _settle(self) -> None:
        """Bring everything received into the one buffer that parsing reads."""
        if self._tail is not None:
            self._buf = bytes(self._tail)
            self._pos = 0
            self._tail = None
        self._searched = 0

    # --- bodies ---------------------------------------------------------------------------------

    def _begin_body(self) -> None:
        head = self.head
        assert head is not None
        self.trailers = []
        self._body_size = 0
        if head.chunked:
            self._extension_size = 0
            self._state = states.CHUNK_LINE
        elif head.content_length > 0:
            if head.content_length > self.max_body_size:
                raise ProtocolError(413, "Content-Length too long")
            self._left = head.content_length
            self._state = states.FIXED
        elif head.until_close:
            self._state = states.UNTIL_CLOSE
        else:
            self._state = states.AT_END

    def skip_end(self) -> None:
        """Pass over the END of a message whose head says that it has no body."""
        self._state = states.IN_HEAD

    def _end(self) -> int:
        self._state = states.IN_HEAD
        return states.END

    def _count(self, size: int) -> None:
        self._body_size += size
        if self._body_size > self.max_body_size:
            raise ProtocolError(413, "Body too long")

    def _short_of_data(self) -> int:
        if self._eof:
            raise ProtocolError(400, "connection closed within a body")
        return states.NEED_DATA

    def _next_fixed(self) -> int:
        size = len(self._buf) - self._pos
        if size == 0:
            return self._short_of_data()
        if size > self._left:
            size = self._left
        if size > self.chunk_size:
            size = self.chunk_size
        if self._pos == 0 and size == len(self._buf):
            self.chunk = self._buf
            self._buf = b""
        else:
            self.chunk = self._buf[self._pos : self._pos + size]
            self._pos += size
        self._left -= size
        if self._left == 0:
            self._state = states.AT_END
        return states.DATA

    def _next_until_close(self) -> int:
        if self._pos < len(self._buf):
            self.chunk = self._buf[self._pos :] if self._pos else self._buf
            self._count(len(self.chunk))
            self._buf = b""
            self._pos = 0
            return states.DATA
        if not self._eof:
            return states.NEED_DATA
        self._state = states.CLOSED
        return states.END

    def _next_chunked(self) -> int:
        """Chunks until the input or `chunk_size` is used up: many tiny ones are one DATA event."""
        piece = b""
        pieces: list[bytes] = []
        gathered = 0
        data = self._buf
        while True:
            if self._state == states.CHUNK_DATA:
                size = min(len(data) - self._pos, self._left, self.chunk_size - gathered)
                if size > 0:
                    self._count(size)
                    if gathered:
                        pieces.append(piece)
                    piece = data[self._pos : self._pos + size]
                    gathered += size
                    self._pos += size
                    self._left -= size
                if self._left:
                    break
                self._state = states.CHUNK_END
            if self._state == states.CHUNK_END:
                if not self._skip_line_end(data):
                    break
                self._state = states.CHUNK_LINE
            if self._state == states.CHUNK_LINE:
                if gathered >= self.chunk_size:
                    break
                end = data.find(b"\r\n", self._pos, self._pos + _MAX_CHUNK_LINE + 2)
                if end < 0:
                    self._check_partial_chunk_line(data)
                    break
                self._left = self._chunk_size(data, self._pos, end)
                self._pos = end + 2
                self._state = states.CHUNK_DATA if self._left else states.TRAILERS
            if self._state == states.TRAILERS:
                if gathered:
                    break
                if not self._trailer_section(data):
                    break
                return self._end()
        if gathered:
            pieces.append(piece)
            self.chunk = b"".join(pieces) if len(pieces) > 1 else piece
            return states.DATA
        return self._short_of_data()

    def _skip_line_end(self, data: bytes) -> bool:
        left = len(data) - self._pos
        if left >= 2:
            if data[self._pos] != 13 or data[self._pos + 1] != 10:
                raise ProtocolError(400, "improperly terminated chunk: no CR LF after its data")
            self._pos += 2
            return True
        if left == 1 and data[self._pos] != 13:
            raise ProtocolError(400, "improperly terminated chunk: no CR LF after its data")
        return False

    def _check_partial_chunk_line(self, data: bytes) -> None:
        if len(data) - self._pos > _MAX_CHUNK_LINE + 1:
            raise ProtocolError(400, "chunk-size line too long")
        if has_bad_line_end(data, self._pos):
            raise ProtocolError(400, "a chunk-size line that does not end with CR LF")

    def _chunk_size(self, data: bytes, pos: int, end: int) -> int:
        """``chunk-size [ chunk-ext ]`` (RFC 9112 section 7.1.1); extensions are only checked."""
        digits = scan.span_hex(data, pos, end)
        if digits == pos or digits - pos > limits.MAX_CHUNK_DIGITS:
            raise ProtocolError(400, "invalid chunk size")
        size = int(data[pos:digits], 16)
        if size >= 0x7FFFFFFFFFFFFFFF:
            raise ProtocolError(400, "invalid chunk size")
        if digits != end:
            self._extension_size += end - digits
            if self._extension_size > limits.MAX_CHUNK_EXTENSIONS:
                raise ProtocolError(400, "too many chunk extensions")
            if not _EXTENSIONS.fullmatch(data, digits, end):
                odd = data[digits] not in b";\t "
                what = "invalid chunk size" if odd else "malformed chunk extension"
                raise ProtocolError(400, what)
        if size > self.max_body_size - self._body_size:
            raise ProtocolError(413, "chunked body too large")
        return size

    def _trailer_section(self, data: bytes) -> bool:
        """Parse trailer fields up to their empty line; False while that has not arrived."""
        pos = self._pos
        if data.startswith(b"\r\n", pos):
            self._pos = pos + 2
            return True
        end = data.find(b"\r\n\r\n", pos, pos + limits.MAX_TRAILER_SIZE)
        if end < 0:
            if len(data) - pos >= limits.MAX_TRAILER_SIZE:
                raise ProtocolError(431, "trailer fields too large")
            if has_bad_line_end(data, pos):
                raise ProtocolError(400, "a trailer line that does not end with CR LF")
            return False
        found: list[tuple[str, str]] = []
        stop = end + 2
        count = 0
        while pos < stop:
            colon = scan.span_token(data, pos, stop)
            if colon == pos or data[colon] != 58:
                raise ProtocolError(400, field_error(data, pos, colon))
            eol = scan.span_value(data, colon + 1, stop)
            if data[eol] != 13 or data[eol + 1] != 10:
                raise ProtocolError(400, "control character in a trailer value")
            count += 1
            if count > limits.MAX_TRAILER_FIELDS:
                raise ProtocolError(431, "too many trailer fields")
            if data[pos:colon].lower() not in _NO_TRAILER:
                found.append(
                    (
                        data[pos:colon].decode("latin-1"),
                        data[colon + 1 : eol].strip(b" \t").decode("latin-1"),
                    )
                )
            pos = eol + 2
        self.trailers = found
        self._pos = end + 4
        return True
