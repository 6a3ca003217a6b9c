"""Matchers: which requests a rule is meant for."""

import re
from typing import Any

from whirlwind import httputil
from whirlwind.escape import url_escape, url_unescape, utf8
from whirlwind.routing.changes import note_change
from whirlwind.routing.patterns import literal_pieces


def unquoted(value: str | None) -> bytes | None:
    """Percent-decode a group of a path to bytes; a plus sign is no blank in a path."""
    if value is None:
        return None
    if "%" not in value:
        return value.encode("utf-8")
    return url_unescape(value, encoding=None, plus=False)


class Matcher:
    """Decides whether a rule is meant for a request."""

    def match(self, request: httputil.HTTPServerRequest) -> dict[str, Any] | None:
        """Look at a request.

        :arg request: the request.
        :returns: None when it does not match; otherwise a dict, possibly empty, of arguments for
            the target. ``path_args`` and ``path_kwargs`` reach the method of a ``RequestHandler``.
        """
        raise NotImplementedError

    def reverse(self, *args: Any) -> str | None:
        """Build a URL that this matches.

        :arg args: values for the variable parts, in order.
        :returns: the path, or None when this kind of matcher can not.
        """
        return None


class AnyMatches(Matcher):
    """Matches every request."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "match":
            note_change()

    def match(self, request: httputil.HTTPServerRequest) -> dict[str, Any] | None:
        """Always an empty dict."""
        return {}


def _anchored(pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    """Compile a pattern that must match to the end; a compiled one is taken as it is."""
    if isinstance(pattern, re.Pattern):
        return pattern
    return re.compile(pattern if pattern.endswith("$") else pattern + "$")


class HostMatches(Matcher):
    """Matches requests by the name in their ``Host`` field, without the port.

    :arg host_pattern: regular expression for the whole name; a compiled one may match a part.
    """

    def __init__(self, host_pattern: str | re.Pattern[str]) -> None:
        self.host_pattern: re.Pattern[str] = _anchored(host_pattern)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in ("host_pattern", "match"):
            note_change()

    def match(self, request: httputil.HTTPServerRequest) -> dict[str, Any] | None:
        """An empty dict when the host name matches."""
        return {} if self.host_pattern.match(request.host_name) else None


class DefaultHostMatches(Matcher):
    """Matches when the application's ``default_host`` does, for requests that no proxy passed on.

    :arg application: object with the attribute ``default_host``.
    :arg host_pattern: compiled regular expression for it.
    """

    def __init__(self, application: Any, host_pattern: re.Pattern[str]) -> None:
        self.application = application
        self.host_pattern = host_pattern

    def match(self, request: httputil.HTTPServerRequest) -> dict[str, Any] | None:
        """An empty dict when ``default_host`` matches and ``X-Real-Ip`` is absent."""
        if "X-Real-Ip" in request.headers:
            return None
        return {} if self.host_pattern.match(self.application.default_host) else None


class PathMatches(Matcher):
    """Matches requests by their path, still percent-encoded.

    :arg path_pattern: regular expression for the whole path; a compiled one may match a part. Its
        groups become ``path_args``, or ``path_kwargs`` when they have names.
    :raises ValueError: some groups have names and others have not.
    """

    regex: re.Pattern[str]

    def __init__(self, path_pattern: str | re.Pattern[str]) -> None:
        self.regex = regex = _anchored(path_pattern)
        if len(regex.groupindex) not in (0, regex.groups):
            raise ValueError(
                f"url pattern {regex.pattern!r} mixes named and unnamed groups; "
                "name all of them or none"
            )

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in ("regex", "match"):
            note_change()

    def match(self, request: httputil.HTTPServerRequest) -> dict[str, Any] | None:
        """``path_args`` (list) and ``path_kwargs`` (dict), the values percent-decoded to bytes."""
        found = self.regex.match(request.path)
        if found is None:
            return None
        if not self.regex.groups:
            return {}
        path_args: list[bytes | None] = []
        path_kwargs: dict[str, bytes | None] = {}
        if self.regex.groupindex:
            path_kwargs = {name: unquoted(value) for name, value in found.groupdict().items()}
        else:
            path_args = [unquoted(value) for value in found.groups()]
        return {"path_args": path_args, "path_kwargs": path_kwargs}

    def _find_groups(self) -> tuple[str, int] | tuple[None, None]:
        """The pattern as a template for ``%`` and how many values that takes (OpenTelemetry)."""
        pieces = literal_pieces(self.regex.pattern)
        if pieces is None or len(pieces) != self.regex.groups + 1:
            return None, None
        if len(pieces) > 1:
            pieces = [piece.replace("%", "%%") for piece in pieces]
        return "%s".join(pieces), self.regex.groups

    @property
    def _path(self) -> str | None:
        """The first of what `_find_groups` finds (ddtrace)."""
        return self._find_groups()[0]

    @property
    def _group_count(self) -> int | None:
        """The second of what `_find_groups` finds."""
        return self._find_groups()[1]

    def reverse(self, *args: Any) -> str | None:
        """Build a path by putting values where the groups are.

        :arg args: one value for each group; they are turned to text and percent-encoded.
        :returns: the path.
        :raises ValueError: the pattern can not be reversed, or takes another number of values.
        """
        pieces = literal_pieces(self.regex.pattern)
        if pieces is None or len(pieces) != self.regex.groups + 1:
            raise ValueError(f"can not reverse url pattern {self.regex.pattern!r}")
        if len(args) != self.regex.groups:
            raise ValueError(
                f"url pattern {self.regex.pattern!r} takes {self.regex.groups} values, "
                f"not {len(args)}"
            )
        path = [pieces[0]]
        for value, piece in zip(args, pieces[1:], strict=True):
            text = value if isinstance(value, str | bytes) else str(value)
            path.append(url_escape(utf8(text), plus=False))
            path.append(piece)
        return "".join(path)
