"""Cookies that a client keeps, on the jar of the standard library."""

from __future__ import annotations

import email.message
import urllib.request
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, cast

from whirlwind.client.urls import without_user
from whirlwind.protocol.limits import MAX_KEPT_COOKIES

if TYPE_CHECKING:
    from whirlwind.httputil import HTTPHeaders


class Cookies:
    """Puts the cookies of a jar into requests, and those of responses into the jar.

    :arg jar: ``http.cookiejar.CookieJar`` or one of its kinds, which may read and write files. It
        decides what goes where, as its policy has it. Of a ``DefaultCookiePolicy``, which sends
        cookies without a domain to hosts below theirs as well, ``strict_ns_domain`` gets
        ``DomainStrictNonDomain``: RFC 6265 section 5.4 has them for their own host only.
    """

    def __init__(self, jar: CookieJar) -> None:
        self.jar = jar
        policy = getattr(jar, "_policy", None)
        if isinstance(policy, DefaultCookiePolicy):
            policy.strict_ns_domain |= DefaultCookiePolicy.DomainStrictNonDomain

    def header_for(self, url: str) -> str | None:
        """The value of the Cookie field for a request, or None."""
        request = urllib.request.Request(without_user(url))
        self.jar.add_cookie_header(request)
        return request.get_header("Cookie")

    def store(self, url: str, headers: HTTPHeaders) -> None:
        """Keep what a response sets."""
        lines = headers.get_list("Set-Cookie")
        if not lines:
            return
        limit = max(MAX_KEPT_COOKIES, len(self.jar))
        message = email.message.Message()
        for line in lines:
            message["Set-Cookie"] = line
        request = urllib.request.Request(without_user(url))
        self.jar.extract_cookies(cast("Any", _Response(message)), request)
        if len(self.jar) > limit:
            self._trim(limit)

    def _trim(self, limit: int) -> None:
        """Remove what is too much, of the hosts that have most (RFC 6265 section 5.3)."""
        self.jar.clear_expired_cookies()
        crowds: dict[str, list[Cookie]] = {}
        for cookie in self.jar:
            crowds.setdefault(cookie.domain, []).append(cookie)
        for _ in range(len(self.jar) - limit):
            oldest = max(crowds.values(), key=len).pop(0)
            self.jar.clear(oldest.domain, oldest.path, oldest.name)


class _Response:
    """As much of a response as a jar looks at."""

    def __init__(self, message: email.message.Message) -> None:
        self._message = message

    def info(self) -> email.message.Message:
        return self._message
