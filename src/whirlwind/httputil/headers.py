"""`HTTPHeaders`: field names to values, whatever the case of the names."""

import re
from collections.abc import Iterable, Iterator, MutableMapping
from copyreg import __newobj__  # type: ignore[attr-defined]
from typing import Any, overload

from whirlwind._public import claim
from whirlwind.escape import native_str
from whirlwind.protocol.headers import HeaderMap

_LINE_END = re.compile(r"\r?\n")

#: Attributes of an instance here, in the plain form, and those of Tornado's, the older ones too.
_OUR_STATE = frozenset({"_map", "_suspect"})
_THEIR_STATE = frozenset({"_as_list", "_combined_cache", "_dict", "_last_key"})


class HTTPHeaders(HeaderMap, MutableMapping[str, str]):
    """A mapping from field name to value for which ``content-type`` is ``Content-Type``.

    A field that was added several times reads as its values joined by commas (RFC 9110 section
    5.3); `get_list` and `get_all` keep them apart, as ``Set-Cookie`` needs. Iteration gives names
    in the order of their first appearance, in normalised case. Pickles and copies.
    """

    def __init__(self, *args: Any, **kwargs: str) -> None:
        """Take what ``dict`` takes: a mapping, pairs, keywords, or another `HTTPHeaders`."""
        HeaderMap.__init__(self)
        if args or kwargs:
            if len(args) > 1:
                raise TypeError(f"HTTPHeaders takes one positional argument, not {len(args)}")
            if len(args) == 1 and not kwargs and isinstance(args[0], HTTPHeaders):
                for name, value in args[0].get_all():
                    self.append(name, value)
            else:
                self.update(*args, **kwargs)

    def add(self, name: str, value: str, *, _chars_are_bytes: bool = True) -> None:
        """Add one more value for a field.

        :arg name: field name, in any case.
        :arg value: field value without white space around it.
        :raises HTTPInputError: the name is no token or the value holds what RFC 9110 section 5.5
            forbids (Tornado 6.5).
        """
        if type(value) is not str:
            value = str(native_str(value))
        self.add_checked(str(name), value, _chars_are_bytes)

    def get_list(self, name: str) -> list[str]:
        """Every value of a field in the order they were added; an empty list when absent."""
        return self.values_of(str(name))

    def get_all(self) -> Iterable[tuple[str, str]]:
        """Every field line as a (name, value) pair; a field added twice comes twice."""
        return iter(self.lines())

    def parse_line(self, line: str, *, _chars_are_bytes: bool = True) -> None:
        """Add the field of one line, with or without its line end.

        :raises HTTPInputError: no colon, a bad name or value, or a folded line (Tornado 6.6).
        """
        if line.endswith("\n"):
            line = line[:-2] if line.endswith("\r\n") else line[:-1]
        if line:
            self.add_line(str.__str__(line), 0, len(line), _chars_are_bytes)

    @classmethod
    def parse(cls, headers: str, *, _chars_are_bytes: bool = True) -> "HTTPHeaders":
        """Make an instance from a block of field lines.

        :arg headers: lines ended by CR LF or LF; empty lines are passed over.
        :raises HTTPInputError: as `parse_line`.
        """
        made = cls()
        if cls.parse_line is HTTPHeaders.parse_line:
            made.add_block(str.__str__(headers), _chars_are_bytes)
            return made
        for line in _LINE_END.split(headers):
            if line:
                made.parse_line(line, _chars_are_bytes=_chars_are_bytes)
        return made

    def __setitem__(self, name: str, value: str) -> None:
        self.put(str(name), value)

    def __getitem__(self, name: str) -> str:
        found = self.lookup(str(name))
        if found is None:
            raise KeyError(name)
        return found

    def __delitem__(self, name: str) -> None:
        if not self.drop(str(name)):
            raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.has(str(name))

    def __len__(self) -> int:
        return len(self._map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._map)

    @overload  # type: ignore[override]
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: str) -> str: ...
    @overload
    def get(self, name: str, default: None) -> str | None: ...

    def get(self, name: str, default: str | None = None) -> str | None:
        """The field's value, several joined by commas, or ``default``."""
        found = self.lookup(str(name))
        return default if found is None else found

    def copy(self) -> "HTTPHeaders":
        """An independent copy that keeps repeated fields apart."""
        made = self.__class__()
        for name, value in self.lines():
            made.append(name, value)
        return made

    __copy__ = copy

    def __str__(self) -> str:
        return "".join([f"{name}: {value}\n" for name, value in self.lines()])

    __unicode__ = __str__

    # A cache may be shared with processes that run Tornado: each reads the other's pickles.

    def __reduce__(self) -> tuple[Any, ...]:
        values = {name: self.get_list(name) for name in self}
        kept = {name: value for name, value in self.__dict__.items() if name not in _OUR_STATE}
        state = {**kept, "_as_list": values, "_combined_cache": {}}
        return __newobj__, (self.__class__,), state

    def __setstate__(self, state: dict[str, Any]) -> None:
        HeaderMap.__init__(self)
        for name, values in state["_as_list"].items():
            for value in values:
                self.append(name, value)
        self.__dict__.update((k, v) for k, v in state.items() if k not in _THEIR_STATE)


claim("whirlwind.httputil", HTTPHeaders)
