"""Cookies that a client keeps, on the jar of the standard library."""

from __future__ import annotations

import email.message
import urllib.request
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any, cast

from whirlwind.protocol.limits import MAX_KEPT_COOKIES

if TYPE_CHECKING:
    from whirlwind.httputil import HTTPHeaders


class Cookies:
    """Puts the cookies of a jar into requests, and those of responses into the jar.

    :arg jar: ``http.cookiejar.CookieJar`` or one of its kinds, which may read and write files. It
        decides what goes where (RFC 6265 as its policy has it).
    """

    def __init__(self, jar: CookieJar) -> None:
        self.jar = jar

    def header_for(self, url: str) -> str | None:
        """The value of the Cookie field for a request, or None."""
        request = urllib.request.Request(url)
        self.jar.add_cookie_header(request)
        return request.get_header("Cookie")

    def store(self, url: str, headers: HTTPHeaders) -> None:
        """Keep what a response sets."""
        lines = headers.get_list("Set-Cookie")
        if not lines:
            return
        if len(self.jar) >= MAX_KEPT_COOKIES:
            self.jar.clear_expired_cookies()
        message = email.message.Message()
        for line in lines[: max(0, MAX_KEPT_COOKIES - len(self.jar))]:
            message["Set-Cookie"] = line
        self.jar.extract_cookies(cast("Any", _Response(message)), urllib.request.Request(url))


class _Response:
    """As much of a response as a jar looks at."""

    def __init__(self, message: email.message.Message) -> None:
        self._message = message

    def info(self) -> email.message.Message:
        return self._message
