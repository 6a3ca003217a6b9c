"""Handlers without content of their own: `ErrorHandler` and `FallbackHandler`."""

from collections.abc import Callable
from typing import Any

from whirlwind._public import claim
from whirlwind.httputil import HTTPServerRequest
from whirlwind.web.errors import HTTPError
from whirlwind.web.handler import RequestHandler


class ErrorHandler(RequestHandler):
    """Answers every request with an error page of one status.

    :arg status_code: the status, in the route's arguments.
    """

    def initialize(self, status_code: int) -> None:
        """Take the status."""
        self.set_status(status_code)

    def prepare(self) -> None:
        """Raise the error."""
        raise HTTPError(self._status_code)

    def check_xsrf_cookie(self) -> None:
        """There is nothing to protect, and an error is more useful than another."""

    def check_trusted_origin(self, origin: str) -> bool:
        """Likewise (Tornado 6.6)."""
        return True


class FallbackHandler(RequestHandler):
    """Hands requests to another application, such as a WSGI container.

    :arg fallback: callable, called with the `HTTPServerRequest`, which it must answer.
    """

    def initialize(self, fallback: Callable[[HTTPServerRequest], Any]) -> None:
        """Take the callable."""
        self.fallback = fallback

    def prepare(self) -> None:
        """Call it; this handler has nothing more to do with the request."""
        self.fallback(self.request)
        self._finished = True
        self.on_finish()


claim("whirlwind.web", ErrorHandler, FallbackHandler)
