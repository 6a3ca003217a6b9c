"""Telling calls in Tornado 4's form from today's, and giving a method both."""

import asyncio
import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

from whirlwind.concurrent import Future
from whirlwind.gen import convert_yielded
from whirlwind.ioloop import IOLoop
from whirlwind.legacy.installing import replace
from whirlwind.legacy.warning import warn

#: Gives the outcome of a call to its callback: takes the object, what the method returned and the
#: callback; returns what the caller gets.
Deliver = Callable[[Any, Any, Callable[..., Any]], Any]


def take_callback(
    args: tuple[Any, ...], kwargs: dict[str, Any], position: int, most: int
) -> tuple[bool, Any, tuple[Any, ...]]:
    """Take the callback out of the arguments of a call.

    By position it is something callable, or a None that makes the call one argument longer than
    today's form takes.

    :arg kwargs: loses its ``callback``.
    :arg position: index of ``callback`` in Tornado 4.
    :arg most: how many positional arguments today's form takes.
    :returns: whether the call was in the old form, the callback or None, the other arguments.
    """
    if "callback" in kwargs:
        return True, kwargs.pop("callback"), args
    if len(args) > position:
        given = args[position]
        if callable(given) or (given is None and len(args) > most):
            return True, given, args[:position] + args[position + 1 :]
    return False, None, args


def accept_callback(
    owner: Any, name: str, position: int, most: int, deliver: Deliver, kind: str, advice: str
) -> None:
    """Let a method take ``callback`` as it did in Tornado 4, by name or by position.

    Calls without one go to the method as it was, arguments and result untouched.

    :arg position, most: as for `take_callback`, ``self`` not counted.
    :arg kind, advice: of the warning.
    """
    original = getattr(owner, name)

    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        is_old, callback, args = take_callback(args, kwargs, position, most)
        if not is_old:
            return original(self, *args, **kwargs)
        warn(kind, advice)
        if callback is None:
            return original(self, *args, **kwargs)
        return deliver(self, original(self, *args, **kwargs), callback)

    if inspect.iscoroutinefunction(inspect.unwrap(original)):
        _mark(method)
    replace(owner, name, method)


def _mark(function: Any) -> None:
    """Let ``iscoroutinefunction`` say that a function is one: ``mock.patch`` asks it."""
    if sys.version_info >= (3, 12):
        inspect.markcoroutinefunction(function)
    else:
        function._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]


def when_done(result: Any, callback: Callable[[Future[Any]], Any]) -> Future[Any]:
    """Call ``callback(future)`` when an awaitable is done, in the stack contexts of now.

    What it raises is theirs to handle, or else logged.

    :returns: a future of the result.
    """
    future: Future[Any] = convert_yielded(result)
    IOLoop.current().add_future(future, callback)
    return future


def with_result(owner: Any, result: Any, callback: Callable[..., Any]) -> Future[Any]:
    """Deliver: the result is the callback's argument, and a future comes back as well."""
    return when_done(result, lambda future: callback(future.result()))


def without_result(owner: Any, result: Any, callback: Callable[..., Any]) -> None:
    """Deliver: the callback has no argument, and is not called after a failure.

    That of a connection is told by its close callback.
    """

    def done(future: Future[Any]) -> Any:
        if future.cancelled() or future.exception() is not None:
            return None
        return callback()

    when_done(result, done)
