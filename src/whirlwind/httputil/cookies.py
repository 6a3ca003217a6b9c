"""The Cookie request field."""

from whirlwind._public import claim
from whirlwind.protocol import cookies as _cookies


def parse_cookie(cookie: str) -> dict[str, str]:
    """Parse the value of a ``Cookie`` field the way browsers and Tornado do.

    >>> parse_cookie('a=1; b="x y"; a=2')
    {'a': '2', 'b': 'x y'}

    :arg cookie: str.
    :returns: dict of name to unquoted value; of several cookies with one name the last counts,
        and the name of a pair without ``=`` is ``""``.
    """
    return _cookies.parse_cookie(cookie)


claim("whirlwind.httputil", parse_cookie)
