"""Redirects: which are followed, and what the next request is (RFC 9110 section 15.4)."""

from __future__ import annotations

import copy
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from whirlwind.client import urls
from whirlwind.httpclient.request import HTTPRequest, _RequestProxy
from whirlwind.httputil import HTTPHeaders

CODES: Final = frozenset((301, 302, 303, 307, 308))

# What describes a body that is not sent again.
_OF_THE_BODY: Final = (
    "Content-Length",
    "Content-Type",
    "Content-Encoding",
    "Content-Language",
    "Content-Location",
    "Transfer-Encoding",
)
#: What is for one origin only.
SECRETS: Final = ("Authorization", "Cookie", "Proxy-Authorization")


def next_request(
    request: HTTPRequest, defaults: dict[str, Any], url: str, code: int, location: str
) -> _RequestProxy:
    """The request that follows a redirect, with the defaults that are left.

    :arg request: what was answered; it is not changed.
    :arg defaults: of the client; they are not changed either.
    :arg url: where it went.
    :arg location: the value of the Location field.
    :raises ValueError: the location is not an http or https URL.
    """
    location = _as_text(location)
    relative = not location.startswith("//") and not urlsplit(location).netloc
    # urljoin does not know the schemes for unix sockets.
    scheme, at, rest = url.partition("+unix:")
    target = urljoin(f"{scheme}:{rest}" if at else url, location)
    if not target.lower().startswith(("http:", "https:")):
        # Also so that a server cannot send us to a unix socket.
        raise ValueError(f"Unsupported url scheme: {target}")
    if at and relative:
        target = target.replace(":", at, 1)
    new = copy.copy(request)
    new.headers = HTTPHeaders(request.headers)
    new.headers.pop("Host", None)
    new.url = target
    if (code == 303 and request.method != "HEAD") or (
        code in (301, 302) and request.method == "POST"
    ):
        new.method = "GET"
        new.body = None
        new.body_producer = None
        new.expect_100_continue = False
        for name in _OF_THE_BODY:
            new.headers.pop(name, None)
    if relative:
        # Relative: what the URL itself says about the user stays in it.
        return _RequestProxy(new, defaults)
    old_origin, _, credentials = urls.parse(url)
    new_origin = urls.parse(target)[0]
    new.url = urls.without_user(target)
    if old_origin.name != new_origin.name:
        for name in SECRETS:
            new.headers.pop(name, None)
        new.auth_username = new.auth_password = None
        if defaults.get("auth_username") is not None:
            defaults = {**defaults, "auth_username": None, "auth_password": None}
    elif credentials is not None:
        new.auth_username, new.auth_password = credentials
    return _RequestProxy(new, defaults)


def _as_text(location: str) -> str:
    """Undo the reading of bytes as latin-1: what is not US-ASCII is UTF-8 nearly always."""
    try:
        return location.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return location
