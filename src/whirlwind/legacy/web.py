"""Handlers that answer from a callback."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from whirlwind._public import claim
from whirlwind.legacy.contexts import Catcher
from whirlwind.legacy.installing import install as install_all
from whirlwind.legacy.installing import override
from whirlwind.legacy.warning import warn
from whirlwind.web import RequestHandler


def asynchronous(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let the request go on after a handler's method returns, until it calls ``self.finish()``.

    An exception of the method, or of a callback that begins in it, ends the request as it would in
    a coroutine. A method that returns something to wait for, such as a ``gen.coroutine``, needs no
    ``finish``.

    :arg method: the HTTP method of a handler; not ``prepare``.
    """
    install_all()
    warn("web.asynchronous", "make the method async def and await what it waits for")

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        def fail(typ: Any, value: Any, traceback: Any) -> bool:
            self._handle_request_exception(value)
            return True

        with Catcher(fail):
            result = method(self, *args, **kwargs)
            if result is None:
                self._auto_finish = False
            return result
        return None  # it has failed, and the request is answered

    return wrapper


def _with_places(original: Callable[..., Any], places: int) -> Callable[..., Any]:
    @functools.wraps(original)
    def clear(self: Any, *args: Any, **kwargs: Any) -> Any:
        if len(args) > places:
            warn("path or domain by position", "name them: path=, domain=")
            given = dict(zip(("path", "domain"), args[places:], strict=False))
            return original(self, *args[:places], *args[places + 2 :], **given, **kwargs)
        return original(self, *args, **kwargs)

    return clear


def install() -> None:
    """Take ``path`` and ``domain`` of a cookie to clear where they stood."""
    override(RequestHandler, "clear_cookie", lambda original: _with_places(original, 1))
    override(RequestHandler, "clear_all_cookies", lambda original: _with_places(original, 0))


claim("whirlwind.legacy", asynchronous)
