"""Futures: helpers shared by coroutines, executors and streams.

:class:`Future` is `asyncio.Future`. The functions here work on it and on
`concurrent.futures.Future` alike, and never raise because somebody cancelled first.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent import futures
from types import TracebackType
from typing import Any, TypeVar, overload

from whirlwind._public import NameLookup, legacy_names
from whirlwind.log import app_log
from whirlwind.platform.loops import running_loop

__all__ = [
    "FUTURES",
    "DummyExecutor",
    "Future",
    "ReturnValueIgnoredError",
    "chain_future",
    "dummy_executor",
    "future_add_done_callback",
    "future_set_exc_info",
    "future_set_exception_unless_cancelled",
    "future_set_result_unless_cancelled",
    "is_future",
    "run_on_executor",
]

_T = TypeVar("_T")

Future = asyncio.Future
FUTURES = (futures.Future, Future)

_ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


class ReturnValueIgnoredError(Exception):
    """A value was returned where nobody could receive it. Kept for code that catches it."""


def is_future(x: object) -> bool:
    """Tell whether ``x`` is an asyncio or a ``concurrent.futures`` future."""
    return isinstance(x, FUTURES)


def create_future() -> Future[Any]:
    """Make a future of the running loop, or of this thread's current loop when none runs."""
    loop = running_loop()
    if loop is not None:
        return loop.create_future()
    # Imported late: ioloop is built on this module.
    from whirlwind.ioloop import IOLoop

    current: Any = IOLoop.current()
    future: Future[Any] = current.asyncio_loop.create_future()
    return future


class DummyExecutor(futures.Executor):
    """An executor that runs each call at once, in the calling thread."""

    # Unlike its base class, this one lets ``fn`` be named, as Tornado's does.
    def submit(  # type: ignore[override]
        self, fn: Callable[..., _T], *args: Any, **kwargs: Any
    ) -> futures.Future[_T]:
        """Call ``fn(*args, **kwargs)`` now.

        :returns: a future that is already done, with the result or the exception.
        """
        future: futures.Future[_T] = futures.Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, cancel_futures: bool = False) -> None:
        """Do nothing: no call is ever outstanding."""


dummy_executor: DummyExecutor = DummyExecutor()


def run_on_executor(*args: Any, **kwargs: Any) -> Callable[..., Any]:
    """Decorate a method so that its body runs on an executor held by the object.

    Used plain, the executor is ``self.executor``; ``@run_on_executor(executor="_pool")`` names
    another attribute. The decorated method returns a :class:`Future`.

    :raises ValueError: more than one positional argument was given to the decorator.
    """
    unknown = kwargs.keys() - {"executor"}
    if unknown:
        raise TypeError(f"run_on_executor got unexpected arguments: {', '.join(sorted(unknown))}")

    def decorate(fn: Callable[..., Any]) -> Callable[..., Future[Any]]:
        attribute: str = kwargs.get("executor", "executor")

        @functools.wraps(fn)
        def submit(self: Any, *args: Any, **kwargs: Any) -> Future[Any]:
            result = create_future()
            chain_future(getattr(self, attribute).submit(fn, self, *args, **kwargs), result)
            return result

        return submit

    if args and kwargs:
        raise ValueError("run_on_executor takes a function or executor=, not both")
    if len(args) == 1:
        return decorate(args[0])
    if args:
        raise ValueError(f"run_on_executor expected 1 argument, got {len(args)}")
    return decorate


def chain_future(a: Future[_T] | futures.Future[_T], b: Future[_T] | futures.Future[_T]) -> None:
    """Give ``b`` the outcome of ``a`` once ``a`` is done, unless ``b`` is done before.

    :arg a: the source; a ``concurrent.futures`` future may finish in any thread.
    :arg b: the target. Cancelling it does not cancel ``a``.
    """

    def copy(source: Future[_T] | futures.Future[_T]) -> None:
        if b.done():
            return
        if source.cancelled():
            b.cancel()
            return
        error = source.exception()
        if isinstance(error, StopIteration) and isinstance(b, Future):
            # An asyncio future refuses it; from Python 3.12 on it does this by itself.
            refused = RuntimeError("the call raised StopIteration")
            refused.__cause__ = error
            b.set_exception(refused)
        elif error is not None:
            b.set_exception(error)
        else:
            b.set_result(source.result())

    if isinstance(a, Future):
        future_add_done_callback(a, copy)
        return
    if isinstance(b, Future):
        loop = b.get_loop()
    else:
        future_add_done_callback(a, copy)
        return
    if a.done():
        copy(a)
        return

    def copy_on_loop(source: futures.Future[_T]) -> None:
        # The loop may have been closed while the executor was still working: nobody waits then.
        try:
            loop.call_soon_threadsafe(copy, source)
        except RuntimeError:
            if not loop.is_closed():
                raise

    a.add_done_callback(copy_on_loop)


def future_set_result_unless_cancelled(future: Future[_T] | futures.Future[_T], value: _T) -> None:
    """Set the result of ``future``; do nothing if it was cancelled."""
    if not future.cancelled():
        future.set_result(value)


def future_set_exception_unless_cancelled(
    future: Future[Any] | futures.Future[Any], exc: BaseException
) -> None:
    """Set the exception of ``future``; if it was cancelled, log the exception instead."""
    if not future.cancelled():
        future.set_exception(exc)
    else:
        app_log.error("Exception after Future was cancelled", exc_info=exc)


def future_set_exc_info(future: Future[Any] | futures.Future[Any], exc_info: _ExcInfo) -> None:
    """Set the exception of ``future`` from a ``sys.exc_info()`` triple, unless it was cancelled.

    :raises Exception: the triple holds no exception.
    """
    if exc_info[1] is None:
        raise Exception("future_set_exc_info called with no exception")
    future_set_exception_unless_cancelled(future, exc_info[1])


@overload
def future_add_done_callback(
    future: futures.Future[_T], callback: Callable[[futures.Future[_T]], None]
) -> None: ...


@overload
def future_add_done_callback(
    future: Future[_T], callback: Callable[[Future[_T]], None]
) -> None: ...


def future_add_done_callback(
    future: Future[Any] | futures.Future[Any], callback: Callable[..., None]
) -> None:
    """Call ``callback(future)`` when ``future`` is done; at once, before returning, if it is.

    An ``asyncio`` future alone would wait for the next turn of the loop.
    """
    if future.done():
        callback(future)
    else:
        future.add_done_callback(callback)


__getattr__: NameLookup = legacy_names(__name__)
