"""The Cookie request field (RFC 6265 section 5.4), read in one pass."""

import re
from typing import Final

from whirlwind.protocol import limits

# Inside a quoted value: three octal digits for a byte, or any character that stands for itself.
_ESCAPE: Final = re.compile(r"\\(?:([0-3][0-7][0-7])|(.))")


def _unescape(match: re.Match[str]) -> str:
    octal = match[1]
    return chr(int(octal, 8)) if octal else match[2]


def unquote(value: str) -> str:
    r"""Undo the quoting that ``http.cookies`` gives to values with special characters.

    >>> unquote(r'"a\054b \"c\""')
    'a,b "c"'

    :arg value: str; unless it begins and ends with ``"`` it is returned as it is.
    """
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    value = value[1:-1]
    return _ESCAPE.sub(_unescape, value) if "\\" in value else value


def parse_cookie(text: str) -> dict[str, str]:
    """Split a Cookie field value into its cookies.

    ``;`` always separates, even within quotes, as in browsers: only so does a proxy or a script
    see the same cookies as we do. Of several cookies with one name the last counts. A pair that
    makes no sense takes nothing else with it. A pair without a name gets the name ``""``. What
    comes after `limits.MAX_COOKIES` pairs is not read.

    :arg text: str.
    :returns: dict of name to unquoted value.
    """
    cookies: dict[str, str] = {}
    pairs = text.split(";", limits.MAX_COOKIES)
    for pair in pairs[: limits.MAX_COOKIES]:
        name, separator, value = pair.partition("=")
        if not separator:
            name, value = "", name
        name = name.strip()
        value = value.strip()
        if name or value:
            cookies[name] = unquote(value) if value[:1] == '"' else value
    return cookies
