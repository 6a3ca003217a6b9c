"""``callback=`` of clients, handlers, resolvers and executors."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final

from whirlwind import concurrent, netutil
from whirlwind.concurrent import Future
from whirlwind.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from whirlwind.legacy import auth_callbacks, connection_callbacks, stream_callbacks
from whirlwind.legacy.calls import (
    accept_callback,
    take_callback,
    with_result,
    without_result,
)
from whirlwind.legacy.contexts import capture
from whirlwind.legacy.installing import override
from whirlwind.legacy.warning import warn
from whirlwind.process import Subprocess
from whirlwind.web import RequestHandler

_RESOLVERS: Final = (
    netutil.Resolver,
    netutil.DefaultExecutorResolver,
    netutil.DefaultLoopResolver,
    netutil.ExecutorResolver,
    netutil.OverrideResolver,
)


def install() -> None:
    """Accept callbacks wherever Tornado 4 did."""
    stream_callbacks.install()
    connection_callbacks.install()
    auth_callbacks.install()
    accept_callback(
        RequestHandler,
        "flush",
        1,
        1,
        without_result,
        "callback= of RequestHandler.flush",
        "await self.flush()",
    )
    for resolver in _RESOLVERS:
        accept_callback(
            resolver,
            "resolve",
            3,
            3,
            with_result,
            "callback= of Resolver.resolve",
            "await what it returns",
        )
    override(AsyncHTTPClient, "fetch", _fetch)
    override(concurrent, "run_on_executor", _executor_decorator)
    override(Subprocess, "set_exit_callback", _set_exit_callback)


def _fetch(original: Callable[..., Any]) -> Callable[..., Any]:
    """``fetch(request, callback)``, which gets a response whatever happens."""

    @functools.wraps(original)
    def fetch(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        is_old, callback, args = take_callback(args, kwargs, 0, 1)
        if not is_old and args and args[0] is None:
            args = args[1:]  # no callback, rather than no errors
        if is_old:
            warn("callback= of AsyncHTTPClient.fetch", "await the future that it returns")
        if callback is None:
            return original(self, request, *args, **kwargs)
        if not isinstance(request, HTTPRequest):
            raise_error = kwargs.pop("raise_error", True)
            request = HTTPRequest(url=request, **kwargs)
            kwargs = {} if args else {"raise_error": raise_error}
        began = self.io_loop.time()
        future = original(self, request, *args, **kwargs)

        def done(future: Future[HTTPResponse]) -> Any:
            if future.cancelled():
                return None
            error = future.exception()
            if error is None:
                return callback(future.result())
            response = error.response if isinstance(error, HTTPClientError) else None
            if response is None:
                code = error.code if isinstance(error, HTTPClientError) else 599
                response = HTTPResponse(
                    request, code, error=error, request_time=self.io_loop.time() - began
                )
            return callback(response)

        self.io_loop.add_future(future, done)
        return future

    return fetch


def _takes_callback(func: Any) -> bool:
    """Whether a function has a parameter ``callback`` of its own."""
    try:
        return "callback" in inspect.signature(func).parameters
    except (TypeError, ValueError):  # compiled, and tells nothing
        return False


def _executor_decorator(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def run_on_executor(*args: Any, **kwargs: Any) -> Any:
        kwargs.pop("io_loop", None)  # the name of an attribute with the loop; it is the current one
        made = original(*args, **kwargs)
        if args:
            return accept(made)
        return lambda fn: accept(made(fn))

    def accept(submit: Any) -> Any:
        if _takes_callback(submit):
            return submit

        @functools.wraps(submit)
        def call(*args: Any, **kwargs: Any) -> Any:
            if "callback" not in kwargs:
                return submit(*args, **kwargs)
            warn("callback= of run_on_executor", "await the future")
            callback = kwargs.pop("callback")
            future = submit(*args, **kwargs)
            return future if callback is None else with_result(None, future, callback)

        return call

    return run_on_executor


def _set_exit_callback(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def set_exit_callback(self: Any, callback: Callable[[int], Any]) -> None:
        original(self, capture(callback))

    return set_exit_callback
