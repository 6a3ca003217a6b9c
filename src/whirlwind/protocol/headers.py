"""Header storage: the compiled base of `whirlwind.httputil.HTTPHeaders`, and its serialised form.

One dict holds everything: normalised field name to its value, or to the list of its values when the
field was added more than once. Most fields come once, and a str costs no list.
"""

import re
from typing import Final

import whirlwind.protocol.lines as lines
import whirlwind.protocol.scan as scan
from whirlwind.protocol import limits
from whirlwind.protocol.errors import HTTPInputError

_NORMAL: Final[dict[str, str]] = {}
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# RFC 9110 section 5.5, as characters that stand for bytes (obs-text is 0x80-0xff) ...
_BYTES_VALUE = re.compile(
    r"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?"
)
# ... and as text that some other layer will encode.
_TEXT_VALUE = re.compile(r"(?:[^\x00-\x20\x7f](?:[^\x00-\x08\x0a-\x1f\x7f]*[^\x00-\x20\x7f])?)?")
_SENDABLE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def normalize(name: str) -> str:
    """``content-TYPE`` to ``Content-Type``: each part between dashes capitalised."""
    found = _NORMAL.get(name)
    if found is None:
        found = "-".join([part.capitalize() for part in name.split("-")])
        # Only field names proper: to be in the table is to be sendable.
        if len(_NORMAL) < limits.MAX_NAME_CACHE and _NAME.fullmatch(name) is not None:
            _NORMAL[name] = found
    return found


def is_sendable(value: str) -> bool:
    """Whether a value may go into a field line: no control characters but HTAB, latin-1 only."""
    # Printable US-ASCII is nearly every value: 60 ns against 250 for the pattern.
    return scan.is_printable(value) or _SENDABLE.fullmatch(value) is not None


def _is_name(name: str) -> bool:
    return name in _NORMAL or _NAME.fullmatch(name) is not None


class HeaderMap:
    """Field names to values, in the order of first appearance; names in any case."""

    def __init__(self) -> None:
        self._map: dict[str, str | list[str]] = {}
        #: Whether something came in that was not looked at.
        self._suspect = False

    def put(self, name: str, value: str) -> None:
        """Replace a field; the name is normalised, the value taken as it is."""
        self._map[normalize(name)] = value
        self._suspect = True

    def put_checked(self, name: str, value: str) -> bool:
        """Like `put`, but False and nothing changed when the value must not be sent."""
        key = _NORMAL.get(name)
        if key is None:
            if not _is_name(name):
                return False
            key = normalize(name)
        if not scan.is_printable(value) and _SENDABLE.fullmatch(value) is None:
            return False
        self._map[key] = value
        return True

    def put_normal(self, name: str, value: str) -> None:
        """Like `put` for a name that is known to be normalised."""
        self._map[name] = value

    def append(self, name: str, value: str) -> None:
        """Add one more value to a field, unchecked."""
        self._suspect = True
        self._append(name, value)

    def append_checked(self, name: str, value: str) -> bool:
        """Like `append`, but False and nothing changed when the value must not be sent."""
        if not is_sendable(value) or not _is_name(name):
            return False
        self._append(name, value)
        return True

    def _append(self, name: str, value: str) -> None:
        key = normalize(name)
        found = self._map.get(key)
        if found is None:
            self._map[key] = value
        elif isinstance(found, list):
            found.append(value)
        else:
            self._map[key] = [found, value]

    def add_checked(self, name: str, value: str, chars_are_bytes: bool) -> None:
        """Add one more value, with the grammar of RFC 9110 section 5.

        :raises HTTPInputError: naming what is not a field name or value.
        """
        if not _is_name(name):
            raise HTTPInputError(f"Invalid header name {name!r}")
        # Printable US-ASCII without blanks around it is nearly every value, and both grammars' own.
        if not scan.is_printable(value) or (value and (value[0] == " " or value[-1] == " ")):
            grammar = _BYTES_VALUE if chars_are_bytes else _TEXT_VALUE
            if grammar.fullmatch(value) is None:
                raise HTTPInputError(f"Invalid header value {value!r}")
            if not chars_are_bytes:
                self._suspect = True
        self._append(name, value)

    def add_raw(self, name: bytes, value: bytes) -> None:
        """Like `add_checked` for bytes, with white space around the value or without.

        :raises HTTPInputError: naming what is not a field name or value.
        """
        self.add_checked(name.decode("latin-1"), value.decode("latin-1").strip(" \t"), True)

    def add_line(self, text: str, pos: int, end: int, chars_are_bytes: bool) -> None:
        """Add the field line ``text[pos:end]``, which is not empty and has no line end.

        :raises HTTPInputError: no colon, a bad name or value, or a folded line.
        """
        if text[pos] == " " or text[pos] == "\t":
            raise HTTPInputError("Header line starts with white space: folding is obsolete")
        colon = text.find(":", pos, end)
        if colon < 0:
            raise HTTPInputError("No colon in header line")
        name = text[pos:colon]
        start = colon + 1
        while start < end and (text[start] == " " or text[start] == "\t"):
            start += 1
        while start < end and (text[end - 1] == " " or text[end - 1] == "\t"):
            end -= 1
        self.add_checked(name, text[start:end], chars_are_bytes)

    def add_block(self, text: str, chars_are_bytes: bool) -> None:
        """Add field lines, each ended by CR LF or LF; empty lines are passed over.

        :raises HTTPInputError: as `add_line`.
        """
        pos = 0
        size = len(text)
        while pos < size:
            end = text.find("\n", pos, size)
            after = end + 1
            if end < 0:
                end = after = size
            elif end > pos and text[end - 1] == "\r":
                end -= 1
            if end > pos:
                self.add_line(text, pos, end, chars_are_bytes)
            pos = after

    def lookup(self, name: str) -> str | None:
        """A field's value, several joined by commas; None when it is absent."""
        found = self._map.get(normalize(name))
        if isinstance(found, list):
            return ",".join(found)
        return found

    def lookup_normal(self, name: str) -> str | None:
        """Like `lookup` for a name that is known to be normalised."""
        found = self._map.get(name)
        return ",".join(found) if isinstance(found, list) else found

    def values_of(self, name: str) -> list[str]:
        """Every value of a field, as a new list."""
        found = self._map.get(normalize(name))
        if found is None:
            return []
        return list(found) if isinstance(found, list) else [found]

    def has(self, name: str) -> bool:
        """Whether the field is there."""
        return normalize(name) in self._map

    def drop(self, name: str) -> bool:
        """Remove a field; False when it was not there."""
        return self._map.pop(normalize(name), None) is not None

    def lines(self) -> list[tuple[str, str]]:
        """Every field line as (name, value), the lines of a field together."""
        found: list[tuple[str, str]] = []
        for name, value in self._map.items():
            if isinstance(value, list):
                found.extend([(name, one) for one in value])
            else:
                found.append((name, value))
        return found

    def load(self, raw: bytes) -> None:
        """Add the field lines of a head that a parser has accepted, each with its CR LF."""
        table = self._map
        for line in raw.decode("latin-1").split("\r\n"):
            if not line:
                break
            colon = line.find(":")
            name = line[:colon]
            value = line[colon + 1 :].strip(" \t")
            key = _NORMAL.get(name)
            if key is None:
                key = normalize(name)
            if key in table:
                self._append(key, value)
            else:
                table[key] = value


def encode_head(start_line: str, headers: HeaderMap, last: str, body: bytes = b"") -> bytes:
    """Serialise a head: the start line, every field line, ``last`` (ready lines), the empty line.

    :arg start_line: with its CR LF.
    :arg last: more field lines, each with its CR LF, or nothing.
    :arg body: what follows the head in the same buffer.
    :raises ValueError: a name or value holds CR, LF or NUL, or is not latin-1.
    """
    table = headers._map
    if not headers._suspect:
        ready = lines.message(start_line, table, last, body, False)
        if ready is not None:
            return ready
    parts = [start_line]
    for name, value in table.items():
        if type(value) is str:
            parts.append(f"{name}: {value}\r\n")
        elif isinstance(value, list):
            parts.extend([f"{name}: {one}\r\n" for one in value])
        else:
            parts.append(f"{name}: {str.__str__(value)}\r\n")  # of a subclass, or a TypeError
    count = len(parts) + 1
    if last:
        count += last.count("\n")
        parts.append(last)
    parts.append("\r\n")
    head = "".join(parts)
    # Whoever put a line end into a name or value made one more line than there are fields: response
    # splitting. Only for fields that came in by plain assignment; the others were looked at then.
    if headers._suspect and (
        head.count("\n") != count or head.count("\r") != count or "\0" in head
    ):
        raise ValueError(f"Illegal characters (CR, LF or NUL) in header: {_culprit(headers)!r}")
    try:
        return head.encode("latin-1") + body
    except UnicodeEncodeError:
        raise ValueError(
            f"Header is not latin-1 (RFC 9110 section 5.5): {_culprit(headers)!r}"
        ) from None


def encode_open(start_line: str, headers: HeaderMap, body: bytes) -> bytes | None:
    """Serialise the head of an answer with which nothing is said of its connection or framing.

    :returns: None where the fields say something of them, or have to be looked at: `encode_head`.
    """
    return None if headers._suspect else lines.message(start_line, headers._map, "", body, True)


def _culprit(headers: HeaderMap) -> str:
    for name, value in headers.lines():
        if not is_sendable(str(value)) or not is_sendable(name):
            return f"{name}: {value}"[:200]
    return "start line"
