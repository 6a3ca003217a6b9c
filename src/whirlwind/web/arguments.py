"""Reading the arguments of a request: from the query, from a form body, or both."""

import re
from typing import Any, Final, TypeVar, overload

from whirlwind import httputil
from whirlwind.escape import to_unicode
from whirlwind.web.errors import HTTPError, MissingArgumentError

_T = TypeVar("_T")


class _Required:
    """Stands for "no default": any value of the caller's, None included, is a default."""

    def __repr__(self) -> str:
        return "<required>"


_REQUIRED: Final = _Required()

#: Control characters that have no place in text; tab and line ends may stay.
_CONTROL_CHARS = re.compile(r"[\x00-\x08\x0e-\x1f]")


class ArgumentsMixin:
    """The argument methods of ``RequestHandler``.

    Values are text: decoded by :meth:`decode_argument`, control characters replaced by blanks, and
    stripped of white space at both ends unless asked otherwise. Where a name occurs several times,
    the methods for one value return the last.
    """

    __slots__ = ()

    request: httputil.HTTPServerRequest

    @overload
    def get_argument(self, name: str, default: str, strip: bool = True) -> str: ...

    @overload
    def get_argument(
        self, name: str, default: _Required = _REQUIRED, strip: bool = True
    ) -> str: ...

    @overload
    def get_argument(self, name: str, default: _T, strip: bool = True) -> str | _T: ...

    def get_argument(self, name: str, default: Any = _REQUIRED, strip: bool = True) -> Any:
        """The value of an argument from body or query; the body's comes last, so it wins.

        :arg name: name of the argument.
        :arg default: returned when the argument is missing.
        :arg strip: bool, remove white space around the value.
        :returns: str, or the default.
        :raises MissingArgumentError: it is missing and there is no default; the client gets 400.
        """
        return self._get_argument(name, default, self.request.arguments, strip)

    def get_arguments(self, name: str, strip: bool = True) -> list[str]:
        """All values of an argument, those of the query first, then those of the body.

        :arg name: name of the argument.
        :arg strip: bool, remove white space around the values.
        :returns: list of str, empty when the argument is missing.
        """
        _require_bool(strip)
        return self._get_arguments(name, self.request.arguments, strip)

    @overload
    def get_body_argument(self, name: str, default: str, strip: bool = True) -> str: ...

    @overload
    def get_body_argument(
        self, name: str, default: _Required = _REQUIRED, strip: bool = True
    ) -> str: ...

    @overload
    def get_body_argument(self, name: str, default: _T, strip: bool = True) -> str | _T: ...

    def get_body_argument(self, name: str, default: Any = _REQUIRED, strip: bool = True) -> Any:
        """Like :meth:`get_argument`, from the request's body only."""
        return self._get_argument(name, default, self.request.body_arguments, strip)

    def get_body_arguments(self, name: str, strip: bool = True) -> list[str]:
        """Like :meth:`get_arguments`, from the request's body only."""
        _require_bool(strip)
        return self._get_arguments(name, self.request.body_arguments, strip)

    @overload
    def get_query_argument(self, name: str, default: str, strip: bool = True) -> str: ...

    @overload
    def get_query_argument(
        self, name: str, default: _Required = _REQUIRED, strip: bool = True
    ) -> str: ...

    @overload
    def get_query_argument(self, name: str, default: _T, strip: bool = True) -> str | _T: ...

    def get_query_argument(self, name: str, default: Any = _REQUIRED, strip: bool = True) -> Any:
        """Like :meth:`get_argument`, from the request's query only."""
        return self._get_argument(name, default, self.request.query_arguments, strip)

    def get_query_arguments(self, name: str, strip: bool = True) -> list[str]:
        """Like :meth:`get_arguments`, from the request's query only."""
        _require_bool(strip)
        return self._get_arguments(name, self.request.query_arguments, strip)

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """Turn an argument's bytes into text; override to accept another encoding than UTF-8.

        It sees the arguments of query and body, and the groups of the route's pattern, after
        percent-decoding.

        :arg value: the bytes.
        :arg name: name of the argument; None for a group without a name.
        :returns: the text.
        :raises HTTPError: 400, the value is no UTF-8.
        """
        try:
            if type(value) is bytes:
                return value.decode()
            return to_unicode(value)
        except UnicodeDecodeError:
            raise HTTPError(400, "Invalid unicode in %s: %r", name or "url", value[:40]) from None

    def _get_argument(
        self, name: str, default: Any, source: dict[str, list[bytes]], strip: bool = True
    ) -> Any:
        values = self._get_arguments(name, source, strip)
        if values:
            return values[-1]
        if default is _REQUIRED:
            raise MissingArgumentError(name)
        return default

    def _get_arguments(
        self, name: str, source: dict[str, list[bytes]], strip: bool = True
    ) -> list[str]:
        values: list[str] = []
        for raw in source.get(name, ()):
            # Any: an override of decode_argument may leave bytes as they are.
            value: Any = self.decode_argument(raw, name=name)
            if isinstance(value, str) and not value.isprintable():
                value = _CONTROL_CHARS.sub(" ", value)
            values.append(value.strip() if strip else value)
        return values


def _require_bool(strip: object) -> None:
    # get_arguments("a", "default") reads well and is wrong.
    if not isinstance(strip, bool):
        raise TypeError(f"strip is {strip!r}; it must be a bool, there is no default for a list")
