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
from sys import intern
from typing import Any, Final

import whirlwind.protocol.scan as scan
import whirlwind.protocol.states as states
from whirlwind.protocol import limits
from whirlwind.protocol.errors import ProtocolError
from whirlwind.protocol.framing import TOKEN_CHARS, BodyParser, field_error, has_bad_line_end
from whirlwind.protocol.heads import TELLING, Head, RequestHead, ResponseHead

NEED_DATA: Final = states.NEED_DATA
HEAD: Final = states.HEAD
DATA: Final = states.DATA
END: Final = states.END

_MAX_FIELDS: Final = limits.MAX_FIELDS

#: The method with each of the ids that `scan.method_id` answers.
#: Interned, so that to compare them with others of the same name is to compare addresses.
_METHODS: Final[tuple[str, ...]] = ("", *(intern(name.decode()) for name in scan.METHOD_IDS))
_SERVED: Final[dict[bytes, str]] = {
    name: _METHODS[known] for name, known in scan.METHOD_IDS.items() if known != scan.CONNECT
}
_FRAMED_HERE: Final = 1 << scan.CONTENT_LENGTH | 1 << scan.TRANSFER_ENCODING

_HAS_HOST: Final = 1 << scan.HOST
_TELLING: Final = TELLING
_CHUNKED = {b"chunked"}
_CODING_LIST = re.compile(TOKEN_CHARS + rb"(?:[ \t]*,[ \t]*" + TOKEN_CHARS + rb")*")
_IP_LITERAL = re.compile(rb"[0-9A-Fa-f:.]{2,45}|[vV][0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+;=:]+")
_NO_HEAD: Final = (b"", b"\r", b"\r\n", b"\n")  # what may stand before a request, cut anywhere
_NO_LENGTH: Final = "Only integer Content-Length is allowed"
#: How the first record of TLS begins (RFC 8446 section 5.1), and nothing in HTTP.
_TLS_HANDSHAKE: Final = 22
_TLS: Final = "TLS on a port without TLS"
_UNEQUAL_LENGTHS: Final = "Multiple unequal Content-Lengths"
_LIST_OF_LENGTHS: Final = "Content-Length is a list, and must be one number"
_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]\r\n")
_ABSOLUTE = re.compile(r"https?://([^/?@]+)(?=[/?]|\Z)", re.IGNORECASE)


def _is_coding_list(value: bytes) -> bool:
    return _CODING_LIST.fullmatch(value) is not None


def _is_length(value: bytes) -> bool:
    return 0 < len(value) <= limits.MAX_LENGTH_DIGITS and value.isdigit()


def _is_ip_literal(value: bytes) -> bool:
    return _IP_LITERAL.fullmatch(value) is not None


class MessageParser(BodyParser):
    """What both roles share: finding a head, and its field lines."""

    def _next_head(self) -> int:
        data = self._buf
        pos = self._pos
        end = -1
        if self._tail is None:
            if pos >= len(data):
                return self._incomplete_head(0)
            end = scan.head_end(data, pos)
        if end < 0:
            end = self._find_end()
            if end < 0:
                return self._incomplete_head(0 if self._tail is None else len(self._tail))
            data = self._buf
            pos = self._pos
        if end == pos:
            raise ProtocolError(400, "more than one empty line before the start line")
        first = data[pos]
        if first <= 13:
            if first == 13 and data[pos + 1] == 10:
                pos += 2  # RFC 9112 section 2.2: one empty line before a request is ignored
            elif first == 10:
                pos += 1
        if end + 4 - pos > self.max_head_size:
            self._too_large(data.find(b"\r\n", pos) - pos)
        previous = self.head
        line_end = self._parse_start_line(data, pos, end)
        self._parse_fields(data, line_end + 2, end + 2, previous)
        self._pos = end + 4
        return states.HEAD

    def _find_end(self) -> int:
        """Look for the end of a head that comes in pieces; -1 while it is not there."""
        if self._tail is None:
            self._tail = bytearray(self._buf[self._pos :])
            self._buf = b""
            self._pos = 0
            self._searched = 0
        end = self._tail.find(b"\r\n\r\n", max(0, self._searched - 3))
        if end >= 0:
            self._settle()
        return end

    def _incomplete_head(self, size: int) -> int:
        if self._tail is not None and size:
            tail = self._tail
            if tail[0] == _TLS_HANDSHAKE:
                raise ProtocolError(400, _TLS)
            if has_bad_line_end(tail, max(int(tail[0] == 10), self._searched - 1)):
                raise ProtocolError(400, "a line that does not end with CR LF")
            empty = 2 if tail.startswith(b"\r\n") else int(tail[0] == 10)
            if size - empty >= self.max_head_size:
                line_end = tail.find(b"\r\n", empty, empty + self.max_head_size)
                self._too_large(line_end - empty)
            if size > 2 and tail.startswith(b"\r\n\r"):
                raise ProtocolError(400, "more than one empty line before the start line")
            self._searched = size
        if self._eof:
            if self._tail is not None and bytes(self._tail[:3]) not in _NO_HEAD:
                raise ProtocolError(400, "connection closed within a head")
            self._state = states.CLOSED
        return states.NEED_DATA

    def _too_large(self, line_size: int) -> None:
        if line_size < 0 or line_size + 2 > self.max_head_size:
            raise ProtocolError(414, "start line too long")
        raise ProtocolError(431, "header fields too large")

    def _parse_start_line(self, data: bytes, pos: int, end: int) -> int:
        """Parse the start line into a new `head`; answers where its CR stands."""
        raise ProtocolError(500, "no role")

    def _accept_head(self, head: Head, seen: int) -> None:
        """Decide the framing once all fields are known; ``seen`` has a bit for each field id."""
        raise ProtocolError(500, "no role")

    def _accept_same(self, head: Head) -> None:
        """Like `_accept_head` for fields that were accepted before."""
        self._accept_head(head, head.seen)

    def _parse_fields(self, data: bytes, pos: int, end: int, previous: Head | None) -> None:
        head = self.head
        assert head is not None
        # A client on one connection mostly sends the same fields again, byte for byte. What they
        # mean was found out then; one comparison is a tenth of parsing them again.
        if (
            previous is not None
            and previous.minor == head.minor
            and scan.is_same(data, pos, end, previous.raw)
        ):
            head.raw = previous.raw
            seen = head.seen = previous.seen
            head.keep_alive = previous.keep_alive
            if seen & _TELLING:
                head.same_fields(previous)
            self._accept_same(head)
            return
        head.raw = scan.cut(data, pos, end)
        seen = 0
        count = 0
        while pos < end:
            colon = scan.span_token(data, pos, end)
            if colon == pos or data[colon] != 58:
                raise ProtocolError(400, field_error(data, pos, colon))
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
                self._odd_length(head, data[pos:end])
            else:
                head.content_length = int(data[pos:end])
        elif field == scan.CONTENT_TYPE:
            head.content_type = data[pos:end]
        elif field == scan.CONNECTION:
            self._connection(head, data[pos:end].lower())
        elif field == scan.TRANSFER_ENCODING:
            coding = data[pos:end].lower()
            if coding != b"chunked":
                if _is_coding_list(coding) and set(re.findall(TOKEN_CHARS, coding)) != _CHUNKED:
                    raise ProtocolError(501, "Unsupported Transfer-Encoding")
                raise ProtocolError(400, "malformed Transfer-Encoding")
            head.chunked = True
        elif field == scan.EXPECT:
            if data[pos:end].lower() == b"100-continue":
                head.expect_continue = True
            else:
                head.expect_other = True
        elif field == scan.UPGRADE:
            head.upgrade = data[pos:end].decode("latin-1").lower()

    def _odd_length(self, head: Head, value: bytes) -> None:
        """Content-Length is not one number of a sensible size."""
        different = {number.strip(b" \t") for number in value.split(b",")}
        if len(different) > 1:
            raise ProtocolError(400, _UNEQUAL_LENGTHS)
        raise ProtocolError(400, _LIST_OF_LENGTHS if b"," in value else _NO_LENGTH)

    def _host(self, data: bytes, pos: int, end: int) -> None:
        """Host is uri-host [":" port] and, for us, never empty (RFC 9110 section 7.2)."""
        if pos < end and data[pos] == 91:
            close = data.find(b"]", pos, end)
            if close < 0 or not _is_ip_literal(data[pos + 1 : close]):
                raise ProtocolError(400, "Invalid Host header")
            after = close + 1
        else:
            after = scan.span_host(data, pos, end)
            if after == pos:
                raise ProtocolError(400, "Invalid Host header" if pos < end else "empty Host")
        if after < end and (
            data[after] != 58 or end - after > 6 or scan.span_digits(data, after + 1, end) != end
        ):
            raise ProtocolError(400, "Invalid Host header")

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


class RequestParser(MessageParser):
    """The server's side: parses requests (RFC 9112 section 3)."""

    head: RequestHead

    def _parse_start_line(self, data: bytes, pos: int, end: int) -> int:
        head = RequestHead()
        usual = scan.request_line(data, pos)
        if usual is not None:
            method, target, minor = usual.groups()
            name = _SERVED.get(method)
            if name is not None:
                head.method = name
                head.target = target.decode("ascii")
                head.minor = 1 if minor == b"1" else 0
                self.head = head
                end = usual.end()
                return end - 2
        space = scan.span_token(data, pos, end)
        if space == pos or data[space] != 32:
            tls = data[pos] == _TLS_HANDSHAKE
            raise ProtocolError(400, _TLS if tls else "Malformed HTTP request line: method")
        target_end = scan.span_target(data, space + 1, end)
        if target_end == space + 1 or data[target_end] != 32:
            raise ProtocolError(400, "Malformed HTTP request line: target")
        known = scan.method_id(data, pos, space)
        if known == scan.CONNECT:
            raise ProtocolError(501, "CONNECT is not served here")
        head.method = _METHODS[known] if known else data[pos:space].decode("ascii")
        head.target = data[space + 1 : target_end].decode("ascii")
        version = scan.minor_version(data, target_end + 1)
        head.minor = self._odd_version(data, target_end + 1) if version < 0 else version
        self.head = head
        return target_end + 9

    def _odd_version(self, data: bytes, pos: int) -> int:
        # "HTTP/1.1" and its CR; the head has at least a CR LF CR LF after its last line.
        version = scan.cut(data, pos, pos + 10)
        if not _VERSION.fullmatch(version):
            raise ProtocolError(400, "Malformed HTTP request line: version")
        if version[5] != 49:
            raise ProtocolError(505, "HTTP version not supported")
        return 1  # RFC 9110 section 2.5: an unknown 1.x is served as the 1.1 we know

    def _accept_head(self, head: Any, seen: int) -> None:
        if not seen & _HAS_HOST and head.minor:
            raise ProtocolError(400, "no Host field")
        request: RequestHead = head
        target = request.target
        if target[0] != "/":
            self._check_target(request)
        if head.minor:
            head.keep_alive = not head.asked_close
        else:
            head.keep_alive = head.asked_keep_alive and not head.asked_close
            head.expect_continue = head.expect_other = False  # RFC 9110 section 10.1.1
        if seen & _FRAMED_HERE and head.chunked:
            if not head.minor:
                raise ProtocolError(400, "Transfer-Encoding in an HTTP/1.0 request")
            if seen & (1 << scan.CONTENT_LENGTH):
                raise ProtocolError(400, "Message with both Transfer-Encoding and Content-Length")
        if head.expect_other:
            raise ProtocolError(417, "unknown expectation")
        if not head.asked_upgrade:
            head.upgrade = ""
        self._state = states.AFTER_HEAD

    def _accept_same(self, head: Head) -> None:
        request: Any = head
        if request.target[0] != "/":
            self._check_target(request)
        self._state = states.AFTER_HEAD

    def _check_target(self, head: RequestHead) -> None:
        """The forms of RFC 9112 section 3.2 other than origin-form."""
        if head.target == "*":
            if head.method != "OPTIONS":
                raise ProtocolError(400, "target * with a method other than OPTIONS")
            return
        found = _ABSOLUTE.match(head.target)
        if found is None:
            raise ProtocolError(400, "Malformed HTTP request line: target")
        # Section 3.2.2: the authority of the target replaces Host. A Host that says otherwise is
        # how two servers in a row come to see two different requests.
        host = head.get(b"host")
        authority = found.group(1)
        if host is None:
            raw = authority.encode("ascii")
            self._host(raw, 0, len(raw))
            head.raw = b"Host: %s\r\n%s" % (raw, head.raw)
            head.seen |= 1 << scan.HOST
        elif host.lower() != authority.lower():
            raise ProtocolError(400, "Host differs from the authority of the target")
        rest = head.target[found.end() :]
        head.target = rest if rest.startswith("/") else "/" + rest


class ResponseParser(MessageParser):
    """The client's side: parses responses (RFC 9112 section 4).

    Call `expect` before each response: its framing depends on the request's method (section 6.3).
    A 1xx response is a HEAD without END; at most `limits.MAX_INTERIM_RESPONSES` may come first.
    """

    head: ResponseHead

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

    def _repeated(self, field: int) -> None:
        if field != scan.CONTENT_LENGTH:
            MessageParser._repeated(self, field)

    def _known_field(self, head: Head, field: int, data: bytes, pos: int, end: int) -> None:
        before = head.content_length
        MessageParser._known_field(self, head, field, data, pos, end)
        if field == scan.CONTENT_LENGTH and before >= 0 and before != head.content_length:
            raise ProtocolError(400, _UNEQUAL_LENGTHS)

    def _odd_length(self, head: Head, value: bytes) -> None:
        """A list of equal numbers is the number (RFC 9110 section 8.6): proxies made it so."""
        numbers = {number.strip(b" \t") for number in value.split(b",")}
        if not all(_is_length(number) for number in numbers):
            raise ProtocolError(400, _NO_LENGTH)
        if len(numbers) > 1:
            raise ProtocolError(400, _UNEQUAL_LENGTHS)
        head.content_length = int(numbers.pop())

    def _parse_start_line(self, data: bytes, pos: int, end: int) -> int:
        # "HTTP/1.1 200 OK". A head has at least CR LF CR LF after `end`.
        code = pos + 9
        if (
            end < code + 3
            or data[pos : pos + 7] != b"HTTP/1."
            or data[pos + 8] != 32
            or scan.span_digits(data, pos + 7, pos + 8) != pos + 8
            or scan.span_digits(data, code, code + 3) != code + 3
            or data[code] == 48
        ):
            raise ProtocolError(400, "malformed status line")
        head = ResponseHead()
        head.minor = 0 if data[pos + 7] == 48 else 1
        head.status = (data[code] * 10 + data[code + 1]) * 10 + data[code + 2] - 5328
        eol = code + 3
        if data[eol] == 32:
            eol = scan.span_value(data, code + 4, end)
            reason = data[code + 4 : eol]
            head.reason = "OK" if reason == b"OK" else reason.decode("latin-1")
        if data[eol] != 13 or data[eol + 1] != 10:
            raise ProtocolError(400, "malformed status line")
        self.head = head
        return eol

    def _accept_head(self, head: Head, seen: int) -> None:
        assert isinstance(head, ResponseHead)
        answer = head
        if head.chunked and (seen & (1 << scan.CONTENT_LENGTH)):
            raise ProtocolError(400, "Message with both Transfer-Encoding and Content-Length")
        if head.minor:
            head.keep_alive = not head.asked_close
        else:
            head.keep_alive = head.asked_keep_alive and not head.asked_close
        status = answer.status
        if status < 200:
            if status == 101:
                self._state = states.CLOSED  # what follows is another protocol's: take_rest()
                return
            self._interim += 1
            if self._interim > limits.MAX_INTERIM_RESPONSES:
                raise ProtocolError(400, "Too many 1xx responses")
            self._state = states.IN_HEAD
            return
        if self._method == "HEAD" or status == 204 or status == 304:
            if status != 304 and self._method != "HEAD" and head.content_length > 0:
                raise ProtocolError(400, "Response with code 204 should not have body")
            self._state = states.AT_END
            return
        if self._method == "CONNECT" and status < 300:
            self._state = states.CLOSED  # the tunnel begins (RFC 9110 section 9.3.6): take_rest()
            return
        if not head.chunked and head.content_length < 0:
            head.until_close = True
            head.keep_alive = False
        self._state = states.AFTER_HEAD
