"""The HTTP/1 parser: one push parser for requests and responses (RFC 9112).

Theory of operation. The owner pushes bytes with `receive` in whatever pieces they arrive and pulls
events with `next_event` until it answers `NEED_DATA`::

    receive(data) -> next_event() -> HEAD  .head is a RequestHead or ResponseHead
                                  -> DATA  .chunk is a piece of the body
                                  -> END   .trailers is what followed a chunked body
                                  -> NEED_DATA, or ProtocolError(code, reason)

Pulling, rather than being called back, leaves the owner in charge: it stops asking while a request
is being answered (pipelining), while a receiver is busy (back-pressure) or for good (upgrade), and
what was pushed stays where it is. After a ProtocolError, an upgrade or the end of input the parser
never interprets another byte (RFC 9112 section 11.2: what follows may be smuggled).

A head is looked at only when its last line has arrived. What comes before is kept in one growing
buffer that is searched from where the last search stopped, so one-byte packets cost no more than
their number. Everything a head may contain is decided here and nowhere else; the loops over single
bytes are in `whirlwind.protocol.scan`.
"""

import re
from typing import Final

import whirlwind.protocol.scan as scan
from whirlwind.protocol import limits
from whirlwind.protocol.errors import ProtocolError
from whirlwind.protocol.heads import Head, RequestHead, ResponseHead

NEED_DATA: Final = 0
HEAD: Final = 1
DATA: Final = 2
END: Final = 3
# The same under names that are C integers in the compiled form, which Python could not import.
_NEED_DATA: Final = 0
_HEAD: Final = 1
_DATA: Final = 2
_END: Final = 3

# Where the parser stands; ints so that the compiled form switches on C integers.
_IN_HEAD: Final = 0
_AFTER_HEAD: Final = 1
_FIXED: Final = 2
_CHUNK_LINE: Final = 3
_CHUNK_DATA: Final = 4
_CHUNK_END: Final = 5
_TRAILERS: Final = 6
_UNTIL_CLOSE: Final = 7
_AT_END: Final = 8
_CLOSED: Final = 9

_MAX_FIELDS: Final = limits.MAX_FIELDS
_MAX_CHUNK_LINE: Final = limits.MAX_CHUNK_LINE

# A CR without its LF or an LF without its CR. Seen while a head is still incomplete, so that a peer
# that ends lines in another way hears of it at once and not when a timeout expires.
_BAD_LINE_END = re.compile(rb"\r[^\n]|(?<!\r)\n")

# Field names that must not come as trailers (RFC 9110 section 6.5.1): framing, routing, request
# modifiers, authentication, and what decides how the content is handled.
_NO_TRAILER = frozenset(
    b"transfer-encoding content-length host trailer connection upgrade te keep-alive expect"
    b" authorization proxy-authorization proxy-authenticate www-authenticate set-cookie cookie"
    b" cache-control max-forwards range content-encoding content-type content-range".split()
)

_METHODS: Final[dict[bytes, str]] = {
    m.encode(): m
    for m in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE")
}
_FRAMED_HERE: Final = 1 << scan.CONTENT_LENGTH | 1 << scan.TRANSFER_ENCODING


class MessageParser:
    """What both roles share: buffering, field lines, body framing, trailers."""

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
        self._state = _IN_HEAD
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
        """Whether a message was begun and has not come to its END."""
        return self._state not in (_IN_HEAD, _CLOSED) or self.buffered() > 0

    def take_rest(self) -> bytes:
        """Give up parsing and hand over every byte not parsed (upgrade, CONNECT, detach)."""
        self._settle()
        rest = self._buf[self._pos :]
        self.close()
        return rest

    def close(self) -> None:
        """Never interpret another byte of this connection."""
        self._state = _CLOSED
        self._buf = b""
        self._pos = 0
        self._tail = None

    def next_event(self) -> int:
        """The next event, or NEED_DATA.

        :raises ProtocolError: the peer broke the protocol; every later call answers NEED_DATA.
        """
        try:
            return self._next()
        except ProtocolError:
            self._settle()
            self.excerpt = self._buf[self._pos : self._pos + 80]
            self.close()
            raise

    def _next(self) -> int:
        if self._state == _IN_HEAD:
            return self._next_head()
        if self._state == _CLOSED:
            return _NEED_DATA
        if self._tail is not None:
            self._settle()
        if self._state == _AFTER_HEAD:
            self._begin_body()
        if self._state == _AT_END:
            return self._end()
        if self._state == _FIXED:
            return self._next_fixed()
        if self._state == _UNTIL_CLOSE:
            return self._next_until_close()
        return self._next_chunked()

    def _settle(self) -> None:
        """Bring everything received into the one buffer that parsing reads."""
        if self._tail is not None:
            self._buf = bytes(self._tail)
            self._pos = 0
            self._tail = None
        self._searched = 0

    # --- heads ----------------------------------------------------------------------------------

    def _next_head(self) -> int:
        if self._tail is None:
            if self._pos >= len(self._buf):
                return self._incomplete_head(0)
            end = self._buf.find(b"\r\n\r\n", self._pos)
            if end < 0:
                self._tail = bytearray(self._buf[self._pos :])
                self._buf = b""
                self._pos = 0
                self._searched = 0
        else:
            end = -1
        if self._tail is not None:
            end = self._tail.find(b"\r\n\r\n", max(0, self._searched - 3))
            if end < 0:
                return self._incomplete_head(len(self._tail))
            self._settle()
        pos = self._pos
        if end == pos and self._buf.startswith(b"\r\n\r\n", pos):
            raise ProtocolError(400, "more than one empty line before the start line")
        if self._buf.startswith(b"\r\n", pos):
            pos += 2  # RFC 9112 section 2.2: one empty line before a request is ignored
        if end + 4 - pos > self.max_head_size:
            self._too_large(self._buf.find(b"\r\n", pos) - pos)
        self._searched = 0
        self.trailers = []
        self._body_size = 0
        self._extension_size = 0
        line_end = self._parse_start_line(self._buf, pos, end)
        self._parse_fields(self._buf, line_end + 2, end + 2)
        self._pos = end + 4
        return _HEAD

    def _incomplete_head(self, size: int) -> int:
        if self._tail is not None and size:
            tail = self._tail
            bad = _BAD_LINE_END.search(tail, max(0, self._searched - 1))
            if bad is not None:
                raise ProtocolError(400, "a line that does not end with CR LF")
            if size > self.max_head_size:
                self._too_large(tail.find(b"\r\n", 2))
            if size > 2 and tail.startswith(b"\r\n\r"):
                raise ProtocolError(400, "more than one empty line before the start line")
            self._searched = size
        if self._eof:
            if size:
                raise ProtocolError(400, "connection closed within a head")
            self._state = _CLOSED
        return _NEED_DATA

    def _too_large(self, line_size: int) -> None:
        if line_size < 0 or line_size > self.max_head_size:
            raise ProtocolError(414, "start line too long")
        raise ProtocolError(431, "header fields too large")

    def _parse_start_line(self, data: bytes, pos: int, end: int) -> int:
        """Parse the start line into a new `head`; answers where its CR stands."""
        raise ProtocolError(500, "no role")

    def _accept_head(self, head: Head, seen: int) -> None:
        """Decide the framing once all fields are known; ``seen`` has a bit for each field id."""
        raise ProtocolError(500, "no role")

    def _parse_fields(self, data: bytes, pos: int, end: int) -> None:
        head = self.head
        assert head is not None
        head.raw = data[pos:end]
        seen = 0
        count = 0
        while pos < end:
            colon = scan.span_token(data, pos, end)
            if colon == pos or data[colon] != 58:
                raise ProtocolError(400, _field_error(data, pos, colon))
            eol = scan.span_value(data, colon + 1, end)
            if data[eol] != 13 or data[eol + 1] != 10:
                raise ProtocolError(400, "control character in a field value")
            field = scan.field_id(data, pos, colon)
            if field != 0:
                if seen & (1 << field):
                    self._repeated(field)
                seen |= 1 << field
                self._known_field(head, field, data, colon + 1, eol)
            pos = eol + 2
            count += 1
        if count > _MAX_FIELDS:
            raise ProtocolError(431, "too many header fields")
        head.seen = seen
        self._accept_head(head, seen)

    def _repeated(self, field: int) -> None:
        if field == scan.HOST:
            raise ProtocolError(400, "more than one Host field")
        if field == scan.CONTENT_LENGTH:
            raise ProtocolError(400, "more than one Content-Length field")
        if field == scan.TRANSFER_ENCODING:
            raise ProtocolError(400, "more than one Transfer-Encoding field")

    def _known_field(self, head: Head, field: int, data: bytes, pos: int, end: int) -> None:
        # Optional white space around the value (RFC 9112 section 5): SP and HTAB, nothing else.
        while pos < end and (data[pos] == 32 or data[pos] == 9):
            pos += 1
        while end > pos and (data[end - 1] == 32 or data[end - 1] == 9):
            end -= 1
        if field == scan.HOST:
            self._host(data, pos, end)
        elif field == scan.CONTENT_LENGTH:
            digits = scan.span_digits(data, pos, end)
            if digits == pos or digits != end or end - pos > limits.MAX_LENGTH_DIGITS:
                raise ProtocolError(400, "malformed Content-Length")
            head.content_length = int(data[pos:end])
        elif field == scan.CONTENT_TYPE:
            head.content_type = data[pos:end]
        elif field == scan.CONNECTION:
            self._connection(head, data[pos:end].lower())
        elif field == scan.TRANSFER_ENCODING:
            coding = data[pos:end].lower()
            if coding != b"chunked":
                if _is_coding_list(coding) and b"chunked" not in coding:
                    raise ProtocolError(501, "unknown transfer coding")
                raise ProtocolError(400, "malformed Transfer-Encoding")
            head.chunked = True
        elif field == scan.EXPECT:
            if data[pos:end].lower() == b"100-continue":
                head.expect_continue = True
            else:
                head.expect_other = True
        elif field == scan.UPGRADE:
            head.upgrade = data[pos:end].decode("latin-1").lower()

    def _host(self, data: bytes, pos: int, end: int) -> None:
        """Host is uri-host [":" port] and, for us, never empty (RFC 9110 section 7.2)."""
        if pos < end and data[pos] == 91:
            close = data.find(b"]", pos, end)
            if close < 0 or not _is_ip_literal(data[pos + 1 : close]):
                raise ProtocolError(400, "malformed Host")
            after = close + 1
        else:
            after = scan.span_host(data, pos, end)
            if after == pos:
                raise ProtocolError(400, "malformed Host" if pos < end else "empty Host")
        if after < end and (
            data[after] != 58 or end - after > 6 or scan.span_digits(data, after + 1, end) != end
        ):
            raise ProtocolError(400, "malformed Host")

    def _connection(self, head: Head, value: bytes) -> None:
        if value == b"keep-alive":
            head.asked_keep_alive = True
            return
        for option in value.split(b","):
            option = option.strip(b" \t")
            if option == b"close":
                head.asked_close = True
            elif option == b"keep-alive":
                head.asked_keep_alive = True
            elif option == b"upgrade":
                head.asked_upgrade = True

    # --- bodies ---------------------------------------------------------------------------------

    def _begin_body(self) -> None:
        head = self.head
        assert head is not None
        if head.chunked:
            self._state = _CHUNK_LINE
        elif head.content_length > 0:
            if head.content_length > self.max_body_size:
                raise ProtocolError(413, "body too large")
            self._left = head.content_length
            self._state = _FIXED
        elif head.until_close:
            self._state = _UNTIL_CLOSE
        else:
            self._state = _AT_END

    def _end(self) -> int:
        self._state = _IN_HEAD
        return _END

    def _count(self, size: int) -> None:
        self._body_size += size
        if self._body_size > self.max_body_size:
            raise ProtocolError(413, "body too large")

    def _short_of_data(self) -> int:
        if self._eof:
            raise ProtocolError(400, "connection closed within a body")
        return _NEED_DATA

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
            self._state = _AT_END
        return _DATA

    def _next_until_close(self) -> int:
        if self._pos < len(self._buf):
            self.chunk = self._buf[self._pos :] if self._pos else self._buf
            self._count(len(self.chunk))
            self._buf = b""
            self._pos = 0
            return _DATA
        if not self._eof:
            return _NEED_DATA
        self._state = _CLOSED
        return _END

    def _next_chunked(self) -> int:
        """Chunks until the input or `chunk_size` is used up: many tiny ones are one DATA event."""
        piece = b""
        pieces: list[bytes] = []
        gathered = 0
        data = self._buf
        while True:
            if self._state == _CHUNK_DATA:
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
                self._state = _CHUNK_END
            if self._state == _CHUNK_END:
                if not self._skip_line_end(data):
                    break
                self._state = _CHUNK_LINE
            if self._state == _CHUNK_LINE:
                if gathered >= self.chunk_size:
                    break
                end = data.find(b"\r\n", self._pos, self._pos + _MAX_CHUNK_LINE + 2)
                if end < 0:
                    self._check_partial_chunk_line(data)
                    break
                self._left = self._chunk_size(data, self._pos, end)
                self._pos = end + 2
                self._state = _CHUNK_DATA if self._left else _TRAILERS
            if self._state == _TRAILERS:
                if gathered:
                    break
                if not self._trailer_section(data):
                    break
                return self._end()
        if gathered:
            pieces.append(piece)
            self.chunk = b"".join(pieces) if len(pieces) > 1 else piece
            return _DATA
        return self._short_of_data()

    def _skip_line_end(self, data: bytes) -> bool:
        left = len(data) - self._pos
        if left >= 2:
            if data[self._pos] != 13 or data[self._pos + 1] != 10:
                raise ProtocolError(400, "chunk data not followed by CR LF")
            self._pos += 2
            return True
        if left == 1 and data[self._pos] != 13:
            raise ProtocolError(400, "chunk data not followed by CR LF")
        return False

    def _check_partial_chunk_line(self, data: bytes) -> None:
        if len(data) - self._pos > _MAX_CHUNK_LINE:
            raise ProtocolError(400, "chunk-size line too long")
        if _BAD_LINE_END.search(data, self._pos) is not None:
            raise ProtocolError(400, "a chunk-size line that does not end with CR LF")

    def _chunk_size(self, data: bytes, pos: int, end: int) -> int:
        """``chunk-size [ chunk-ext ]`` (RFC 9112 section 7.1.1); extensions are checked, not used."""
        digits = scan.span_hex(data, pos, end)
        if digits == pos or digits - pos > limits.MAX_CHUNK_DIGITS:
            raise ProtocolError(400, "malformed chunk size")
        size = int(data[pos:digits], 16)
        if size >= 0x7FFFFFFFFFFFFFFF:
            raise ProtocolError(400, "malformed chunk size")
        if digits != end:
            self._extension_size += end - digits
            if self._extension_size > limits.MAX_CHUNK_EXTENSIONS:
                raise ProtocolError(400, "too many chunk extensions")
            if not _EXTENSIONS.fullmatch(data, digits, end):
                raise ProtocolError(400, "malformed chunk extension")
        if size > self.max_body_size - self._body_size:
            raise ProtocolError(413, "body too large")
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
            if _BAD_LINE_END.search(data, pos) is not None:
                raise ProtocolError(400, "a trailer line that does not end with CR LF")
            return False
        found: list[tuple[str, str]] = []
        stop = end + 2
        count = 0
        while pos < stop:
            colon = scan.span_token(data, pos, stop)
            if colon == pos or data[colon] != 58:
                raise ProtocolError(400, _field_error(data, pos, colon))
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


_TOKEN_CHARS = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# BWS is bounded only by the length of the line, which is bounded itself; no alternative overlaps
# another, so the match is linear.
_EXTENSIONS = re.compile(
    rb"(?:[ \t]*;[ \t]*" + _TOKEN_CHARS + rb"(?:[ \t]*=[ \t]*(?:" + _TOKEN_CHARS + rb"|"
    rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"))?)+'
)
_CODING_LIST = re.compile(_TOKEN_CHARS + rb"(?:[ \t]*,[ \t]*" + _TOKEN_CHARS + rb")*")
_IP_LITERAL = re.compile(rb"[0-9A-Fa-f:.]{2,45}|[vV][0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+;=:]+")


def _is_coding_list(value: bytes) -> bool:
    return _CODING_LIST.fullmatch(value) is not None and value != b"identity"


def _is_ip_literal(value: bytes) -> bool:
    return _IP_LITERAL.fullmatch(value) is not None


def _field_error(data: bytes, pos: int, stop: int) -> str:
    if data[pos] == 32 or data[pos] == 9:
        return "obsolete line folding"
    if stop == pos:
        return "empty or malformed field name"
    if data[stop] == 32 or data[stop] == 9:
        return "white space between field name and colon"
    if data[stop] == 13:
        return "field line without colon"
    return "malformed field name"


class RequestParser(MessageParser):
    """The server's side: parses requests (RFC 9112 section 3)."""

    def _parse_start_line(self, data: bytes, pos: int, end: int) -> int:
        space = scan.span_token(data, pos, end)
        if space == pos or data[space] != 32:
            raise ProtocolError(400, "malformed request method")
        target_end = scan.span_target(data, space + 1, end)
        if target_end == space + 1 or data[target_end] != 32:
            raise ProtocolError(400, "malformed request target")
        # "HTTP/1.1" and its CR; the head has at least a CR LF CR LF after `end`.
        version = data[target_end + 1 : target_end + 9]
        if data[target_end + 9 : target_end + 11] != b"\r\n":
            raise ProtocolError(400, "malformed HTTP version")
        head = RequestHead()
        method = data[pos:space]
        name = _METHODS.get(method)
        head.method = method.decode("ascii") if name is None else name
        head.target = data[space + 1 : target_end].decode("ascii")
        if version == b"HTTP/1.1":
            head.minor = 1
        elif version == b"HTTP/1.0":
            head.minor = 0
        elif version.startswith(b"HTTP/") and _VERSION.fullmatch(version):
            if version[5] != 49:
                raise ProtocolError(505, "HTTP version not supported")
            head.minor = 1  # RFC 9110 section 2.5: an unknown 1.x is served as the 1.1 we know
        else:
            raise ProtocolError(400, "malformed HTTP version")
        self.head = head
        return target_end + 9

    def _accept_head(self, head: Head, seen: int) -> None:
        assert isinstance(head, RequestHead)
        if not seen & (1 << scan.HOST) and head.minor:
            raise ProtocolError(400, "no Host field")
        if not head.target.startswith("/"):
            _check_target(head)
        if head.minor:
            head.keep_alive = not head.asked_close
        else:
            head.keep_alive = head.asked_keep_alive and not head.asked_close
            head.expect_continue = False  # RFC 9110 section 10.1.1
        if seen & _FRAMED_HERE and head.chunked:
            if not head.minor:
                raise ProtocolError(400, "Transfer-Encoding in an HTTP/1.0 request")
            if seen & (1 << scan.CONTENT_LENGTH):
                raise ProtocolError(400, "both Content-Length and Transfer-Encoding")
        if head.expect_other:
            raise ProtocolError(417, "unknown expectation")
        if not head.asked_upgrade:
            head.upgrade = ""
        self._state = _AFTER_HEAD


_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")
_ABSOLUTE = re.compile(r"https?://([^/?@]+)(?=[/?]|\Z)", re.IGNORECASE)


def _check_target(head: RequestHead) -> None:
    """The forms of RFC 9112 section 3.2 other than origin-form."""
    if head.target == "*":
        if head.method != "OPTIONS":
            raise ProtocolError(400, "target * with a method other than OPTIONS")
        return
    if head.method == "CONNECT":
        raise ProtocolError(501, "CONNECT is not served here")
    found = _ABSOLUTE.match(head.target)
    if found is None:
        raise ProtocolError(400, "malformed request target")
    # Section 3.2.2: the authority of the target replaces Host. A Host that says otherwise is how
    # two servers in a row come to see two different requests.
    host = head.get(b"host")
    if host is None:
        head.raw = b"Host: %s\r\n%s" % (found.group(1).encode("ascii"), head.raw)
    if host is None or host.lower() == found.group(1).lower():
        rest = head.target[found.end() :]
        head.target = rest if rest.startswith("/") else "/" + rest
        return
    raise ProtocolError(400, "Host differs from the authority of the target")


class ResponseParser(MessageParser):
    """The client's side: parses responses (RFC 9112 section 4).

    Call `expect` before each response: its framing depends on the request's method (section 6.3).
    A 1xx response is a HEAD without END; at most `limits.MAX_INTERIM_RESPONSES` may come first.
    """

    def __init__(
        self,
        max_head_size: int = limits.MAX_HEAD_SIZE,
        max_body_size: int = limits.MAX_BODY_SIZE,
        chunk_size: int = limits.CHUNK_SIZE,
    ) -> None:
        """The same arguments as `MessageParser`."""
        super().__init__(max_head_size, max_body_size, chunk_size)
        self._method = "GET"
        self._interim = 0

    def expect(self, method: str) -> None:
        """The next response answers a request with this method."""
        self._method = method
        self._interim = 0

    def _parse_start_line(self, data: bytes, pos: int, end: int) -> int:
        eol = data.find(b"\r\n", pos, end + 2)
        found = _STATUS_LINE.fullmatch(data, pos, eol)
        if found is None:
            raise ProtocolError(400, "malformed status line")
        head = ResponseHead()
        version, status, reason = found.groups()
        head.minor = 0 if version == b"0" else 1
        head.status = int(status)
        head.reason = reason.decode("latin-1") if reason else ""
        self.head = head
        return eol

    def _accept_head(self, head: Head, seen: int) -> None:
        assert isinstance(head, ResponseHead)
        if head.chunked and (seen & (1 << scan.CONTENT_LENGTH)):
            raise ProtocolError(400, "both Content-Length and Transfer-Encoding")
        if head.minor:
            head.keep_alive = not head.asked_close
        else:
            head.keep_alive = head.asked_keep_alive and not head.asked_close
        status = head.status
        if status < 200:
            if status == 101:
                self._state = _CLOSED  # what follows is another protocol's: take_rest()
                return
            self._interim += 1
            if self._interim > limits.MAX_INTERIM_RESPONSES:
                raise ProtocolError(400, "too many interim responses")
            self._state = _IN_HEAD
            return
        if self._method == "HEAD" or status == 204 or status == 304:
            head.chunked = False
            if status != 304 and self._method != "HEAD" and head.content_length > 0:
                raise ProtocolError(400, "a 204 response with a body")
            self._state = _AT_END
            return
        if not head.chunked and head.content_length < 0:
            head.until_close = True
            head.keep_alive = False
        self._state = _AFTER_HEAD


_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")
