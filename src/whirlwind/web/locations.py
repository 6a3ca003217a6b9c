"""Where URLs lead, and keeping redirects that are derived from the request on this server.

Browsers take ``//host`` for another server's address. They read a backslash as a slash, and drop
tabs and line ends wherever they stand, so ``/\\host`` and ``/<tab>/host`` lead away too.
"""

import re
from collections.abc import Iterator
from string import Formatter
from urllib.parse import urlsplit

from whirlwind._public import claim
from whirlwind.web.errors import HTTPError

#: A path that stays on this server: one slash, not followed by another, and nothing a browser
#: would drop or trim.
_LOCAL = re.compile(r"/(?![/\\])[^\x00-\x20\x7f]*\Z")


def require_local_path(path: str) -> None:
    """Make sure that a redirect to a path can not lead to another server.

    :arg path: str, the path as it would go into ``Location``.
    :raises HTTPError: 403, it could.
    """
    if _LOCAL.match(path) is None:
        if path[:1] == "/" and path[1:2] in ("/", "\\"):
            raise HTTPError(403, "cannot redirect path with two initial slashes: %r", path[:100])
        raise HTTPError(403, "cannot redirect path %r", path[:100])


#: Browsers trim these at both ends of a URL, and drop tab, LF and CR anywhere in it.
_TRIMMED = "".join(map(chr, range(0x21)))
_AS_BROWSERS_READ = str.maketrans({"\\": "/", "\t": None, "\n": None, "\r": None})
#: Schemes whose URLs have a host, so that browsers find one ("special" in their standard).
_WITH_HOST = frozenset(("http", "https", "ws", "wss", "ftp"))
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _origin(url: str) -> tuple[str, str] | None:
    """Scheme and authority of a URL as a browser understands it, None if it has no clear ones."""
    url = url.strip(_TRIMMED).translate(_AS_BROWSERS_READ)
    try:
        parts = urlsplit(url)
    except ValueError:  # unbalanced brackets in the authority
        return None
    if not parts.netloc and url.removeprefix(f"{parts.scheme}:").startswith("//"):
        # Three slashes and more count as two for a browser.
        return None
    if not parts.netloc and parts.scheme in _WITH_HOST:
        # What follows "https:" or "https://" is a host, whatever the number of slashes.
        return None
    return parts.scheme, parts.netloc


def require_same_origin(template: str, url: str) -> None:
    """Make sure that what a request put into a redirect did not change where it leads.

    :arg template: the format string into which values from the request were put. Its scheme and
        authority are those of the text before the first replacement field.
    :arg url: the URL with them.
    :raises HTTPError: 400, scheme or authority differ, or there are control characters.
    """
    origin = _origin(url)
    fixed = "".join(_fixed_beginning(template))
    if origin is None or origin != _origin(fixed):
        raise HTTPError(
            400, "Redirect URL cannot change the scheme or netloc: %r from %r", url[:100], template
        )
    if _CONTROL.search(url):
        raise HTTPError(400, "Redirect URL contains invalid characters: %r", url[:100])


def _fixed_beginning(template: str) -> Iterator[str]:
    """The text of a format string before its first replacement field."""
    for text, field, _, _ in Formatter().parse(template):
        yield text
        if field is not None:
            return


def is_absolute(path: str) -> bool:
    """Whether a URL does not depend on the page it stands on (Tornado 4.5).

    :arg path: URL, or path of one.
    """
    return path.startswith(("/", "http:", "https:"))


claim("whirlwind.web", is_absolute)
