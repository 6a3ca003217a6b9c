"""Futures and callbacks: functions of one kind in the dress of the other."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from types import TracebackType
from typing import Any

from whirlwind._public import claim
from whirlwind.concurrent import (
    Future,
    ReturnValueIgnoredError,
    future_set_exc_info,
    future_set_result_unless_cancelled,
)
from whirlwind.ioloop import IOLoop
from whirlwind.legacy.contexts import Catcher
from whirlwind.legacy.warning import warn
from whirlwind.util import ArgReplacer

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
_NOTHING = object()


class CallbackFuture(asyncio.Future[Any]):
    """A future that also tells its exception as ``sys.exc_info()`` does.

    :arg loop: the asyncio loop; that of the current `IOLoop` when None.
    """

    def __init__(self, *, loop: asyncio.AbstractEventLoop | None = None) -> None:
        super().__init__(loop=IOLoop.current().asyncio_loop if loop is None else loop)

    def exc_info(self) -> _ExcInfo | None:
        """The exception as ``sys.exc_info()`` gives it, or None."""
        error = self.exception()
        return None if error is None else (type(error), error, error.__traceback__)

    def set_exc_info(self, exc_info: Any) -> None:
        """Set the exception from what ``sys.exc_info()`` gives."""
        future_set_exc_info(self, exc_info)


class _AnyFuture(type):
    """Every future is an instance: there was one class, under two names."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Future)


class TracebackFuture(CallbackFuture, metaclass=_AnyFuture):
    """A future with ``exc_info``; every exception has had its traceback since Python 3.

    Every other future counts as an instance of this class too.

    :arg loop: the asyncio loop; that of the current `IOLoop` when None.
    """

    def __init__(self, *, loop: asyncio.AbstractEventLoop | None = None) -> None:
        super().__init__(loop=loop)
        warn("concurrent.TracebackFuture", "call asyncio.get_running_loop().create_future()")


def return_future(f: Callable[..., Any]) -> Callable[..., Future[Any]]:
    """Make a function that calls its ``callback`` argument return a `Future` as well.

    The future gets what the callback is called with, or the exception of ``f`` or of a callback
    that begins in it. Callers may give a callback or not. An exception that ``f`` raises before it
    returns is raised to the caller.

    :arg f: a function with an argument ``callback``, which it calls with one value or none. It may
        be decorated with ``gen.engine``.
    """
    replacer = ArgReplacer(inspect.unwrap(f), "callback")

    @functools.wraps(f)
    def wrapper(*args: Any, **kwargs: Any) -> Future[Any]:
        warn("concurrent.return_future", "write async def, which returns its result")
        future = CallbackFuture()
        got_value = False

        def resolve(value: Any = _NOTHING) -> None:
            nonlocal got_value
            got_value = value is not _NOTHING
            future_set_result_unless_cancelled(future, value if got_value else None)

        def fail(typ: Any, value: Any, traceback: Any) -> bool:
            if future.done():
                return False
            future.set_exception(value)
            return True

        def call_back(done: Future[Any]) -> None:
            result = done.result()  # an exception is raised to the caller's contexts
            if callback is not None:
                if got_value:
                    callback(result)
                else:
                    callback()

        callback, args_, kwargs_ = replacer.replace(resolve, args, kwargs)
        returned = False
        with Catcher(fail):
            result = f(*args_, **kwargs_)
            if result is not None:
                raise ReturnValueIgnoredError(
                    f"{f.__qualname__}() returned {result!r}: with return_future, a function "
                    "passes its result to its callback"
                )
            returned = True
        if not returned:
            future.result()
        if callback is not None:
            IOLoop.current().add_future(future, call_back)
        return future

    return wrapper


def deliver(future: Future[Any], callback: Callable[[Any], Any]) -> None:
    """Call a function with the result of a future once it is there.

    An exception, the future's or the function's, is raised in the present stack contexts.

    :arg future: the future.
    :arg callback: called with the result, on the loop.
    """
    IOLoop.current().add_future(future, lambda done: callback(done.result()))


claim("whirlwind.legacy", TracebackFuture, return_future)
