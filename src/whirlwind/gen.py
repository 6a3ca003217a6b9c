"""Coroutines made of generators, and tools to wait for several things at once.

:func:`coroutine` predates ``async def`` and mixes freely with it: either kind may wait for the
other. New code is better off with ``async def``; everything else here serves both.
"""

from __future__ import annotations

import asyncio
import collections
import contextvars
import datetime
import functools
import inspect
from asyncio import base_events
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from typing import Any, Final, ParamSpec, TypeVar, cast

from whirlwind._public import NameLookup, legacy_names
from whirlwind.concurrent import (
    Future,
    chain_future,
    create_future,
    future_set_exc_info,
    future_set_exception_unless_cancelled,
    future_set_result_unless_cancelled,
    is_future,
)
from whirlwind.ioloop import IOLoop
from whirlwind.log import app_log
from whirlwind.platform.loops import running_loop
from whirlwind.util import TimeoutError as TimeoutError

__all__ = [
    "BadYieldError",
    "Future",
    "KeyReuseError",
    "LeakedCallbackError",
    "Multi",
    "Return",
    "ReturnValueIgnoredError",
    "Runner",
    "TimeoutError",
    "UnknownKeyError",
    "WaitIterator",
    "convert_yielded",
    "coroutine",
    "future_set_exc_info",
    "is_coroutine_function",
    "is_future",
    "maybe_future",
    "moment",
    "multi",
    "multi_future",
    "sleep",
    "with_timeout",
]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Yieldable = Any
_Quiet = type[Exception] | tuple[type[Exception], ...]


class KeyReuseError(Exception):
    """A callback key was used twice."""


class UnknownKeyError(Exception):
    """A callback key that nobody registered."""


class LeakedCallbackError(Exception):
    """A coroutine ended with callbacks outstanding."""


class BadYieldError(Exception):
    """A coroutine yielded something that cannot be waited for."""


class ReturnValueIgnoredError(Exception):
    """A value was returned where nobody could receive it."""


class Return(Exception):
    """Raise it in a generator to return ``value``; ``return value`` does the same."""

    def __init__(self, value: Any = None) -> None:
        super().__init__()
        self.value = value
        self.args: tuple[Any, ...] = (value,)


class _Moment:
    """Stands in for a future that is done; waiting for it lets the loop take one turn."""

    def result(self, timeout: float | None = None) -> None:
        return None

    def done(self) -> bool:
        return True

    def cancelled(self) -> bool:
        return False

    def exception(self, timeout: float | None = None) -> None:
        return None

    def __repr__(self) -> str:
        return "gen.moment"


#: Yield it to let other work run for one turn of the loop. ``yield None`` does the same, and
#: ``await asyncio.sleep(0)`` in native coroutines.
moment: Final = cast("Future[None]", _Moment())


def coroutine(func: Callable[_P, Any]) -> Callable[_P, Future[Any]]:
    """Make a coroutine of a generator function; calling it returns a :class:`Future`.

    The generator yields what it waits for - futures, coroutines, any awaitable, lists or
    dictionaries of those - and is resumed with the result. It runs at once, up to the first thing
    that is not done yet. A function that is no generator returns a finished future; a coroutine
    that it returns is run. What is set on context variables inside stays inside.

    :arg func: a function or generator function, compiled ones included.
    """

    # Kept as flat as it is for speed: most coroutines are called often and suspend rarely.
    @functools.wraps(func)
    def start(*args: _P.args, **kwargs: _P.kwargs) -> Future[Any]:
        loop = running_loop()
        future: Future[Any] = create_future() if loop is None else loop.create_future()
        if future._source_traceback:  # type: ignore[attr-defined]
            _point_at_caller(future._source_traceback)  # type: ignore[attr-defined]
        ctx_run = contextvars.copy_context().run
        try:
            result = ctx_run(func, *args, **kwargs)
            if isinstance(result, Generator):
                # One that does not wait for anything raises StopIteration here.
                Runner(ctx_run, result, future, ctx_run(next, result))
            elif isinstance(result, Coroutine):
                chain_future(ctx_run(convert_yielded, result), future)
            else:
                future.set_result(result)
        except (StopIteration, Return) as done:
            future.set_result(done.value)
        except asyncio.CancelledError:
            future.cancel()
        except Exception as error:
            future.set_exception(error)
        try:
            return future
        finally:
            # A traceback refers to this frame: with the future in it, that would be a cycle.
            del future

    start.__tornado_coroutine__ = True  # type: ignore[attr-defined]
    return start


def _point_at_caller(trace: Any) -> None:
    """Make what asyncio's debug mode says about a future's origin name the caller."""
    while trace and trace[-1].filename in _OWN_FILES:
        del trace[-1]


_OWN_FILES = frozenset({__file__, create_future.__code__.co_filename, base_events.__file__})


def is_coroutine_function(func: Any) -> bool:
    """Tell whether ``func`` was decorated with :func:`coroutine`."""
    return getattr(func, "__tornado_coroutine__", False)


class Runner:
    """Drives a generator that has yielded something. :func:`coroutine` makes it.

    :arg ctx_run: ``contextvars.Context.run`` of the context to run in.
    :arg gen: the generator.
    :arg result_future: gets the result.
    :arg first_yielded: what the generator yielded first.
    """

    __slots__ = (
        "__weakref__",
        "_context",
        "ctx_run",
        "finished",
        "future",
        "gen",
        "io_loop",
        "result_future",
        "running",
    )
    finished: bool
    running: bool

    def __init__(
        self,
        ctx_run: Callable[..., Any],
        gen: Generator[_Yieldable, Any, _T],
        result_future: Future[_T],
        first_yielded: _Yieldable,
    ) -> None:
        self.ctx_run: Callable[..., Any] = ctx_run
        self._context: contextvars.Context | None = getattr(ctx_run, "__self__", None)
        self.gen: Generator[_Yieldable, Any, Any] | None = gen
        self.result_future: Future[Any] | None = result_future
        self.future: Future[Any] | None = None
        self.running = False
        self.finished = False
        self.io_loop: IOLoop = IOLoop.current()
        ready = ctx_run(self._receive, first_yielded)
        del first_yielded  # see the end of coroutine()
        if ready:
            ctx_run(self.run)
        if not self.finished:
            # Whoever waits for the result keeps the runner alive, even if nothing else does.
            result_future._whirlwind_runner = self  # type: ignore[attr-defined]
        del result_future

    def run(self) -> None:
        """Go on until the generator ends or waits for something that is not done."""
        if self.running or self.finished:
            return
        self.running = True
        gen = cast("Generator[Any, Any, Any]", self.gen)
        try:
            while True:
                future = cast("Future[Any]", self.future)
                if not future.done():
                    return
                self.future = None
                error: BaseException | None = None
                value: Any = None
                try:
                    value = future.result()
                except BaseException as raised:
                    error = raised
                # Nothing of ours may keep what is in the frames of an error alive, and none may
                # become the context of what the generator raises: hence out of the handler.
                del future
                try:
                    if error is None:
                        yielded = gen.send(value)
                        value = None
                    else:
                        try:
                            yielded = gen.throw(error)
                        finally:
                            error = None
                except (StopIteration, Return) as done:
                    result_future = self._finish()
                    future_set_result_unless_cancelled(result_future, done.value)
                    return
                except asyncio.CancelledError:
                    self._finish().cancel()
                    return
                except Exception as raised:
                    future_set_exception_unless_cancelled(self._finish(), raised)
                    return
                if not self._receive(yielded):
                    return
                del yielded
        finally:
            self.running = False

    def _finish(self) -> Future[Any]:
        self.finished = True
        self.future = None
        self.gen = None
        result_future = cast("Future[Any]", self.result_future)
        self.result_future = None
        if hasattr(result_future, "_whirlwind_runner"):
            del result_future._whirlwind_runner
        return result_future

    def handle_yield(self, yielded: _Yieldable) -> bool:
        """Arrange to go on when ``yielded`` is done; returns True if it is done already."""
        return self._receive(yielded)

    def _receive(self, yielded: _Yieldable) -> bool:
        future: Any
        if isinstance(yielded, Future):
            future = yielded
        else:
            try:
                future = convert_yielded(yielded)
            except BadYieldError as error:
                future = self.io_loop.asyncio_loop.create_future()
                future.set_exception(error)
        self.future = future
        if yielded is None or yielded is moment:
            self.io_loop.asyncio_loop.call_soon(self._resume, None, context=self._context)
            return False
        if future.done():
            return True
        if isinstance(future, Future):
            future.add_done_callback(self._resume, context=self._context)
        else:
            # A future of concurrent.futures, done in some other thread.
            self.io_loop.add_future(future, functools.partial(self.ctx_run, self._resume))
        return False

    def _resume(self, future: Future[Any] | None) -> None:
        del future
        self.run()

    def handle_exception(self, typ: type[Exception], value: Exception, tb: Any) -> bool:
        """Throw an exception into the generator unless it is running or has ended.

        :returns: whether the exception was taken care of.
        """
        if self.running or self.finished:
            return False
        self.future = create_future()
        future_set_exc_info(self.future, (typ, value, tb))
        self.ctx_run(self.run)
        return True


@functools.singledispatch
def convert_yielded(yielded: _Yieldable) -> Future[Any]:
    """Turn something yielded into a future.

    ``convert_yielded.register(SomeType, function)`` teaches it, and with it every coroutine,
    another type.

    :arg yielded: a future, an awaitable, None, or a list or dictionary of such.
    :raises BadYieldError: it is none of these.
    """
    if yielded is None or yielded is moment:
        return moment
    if is_future(yielded):
        return cast("Future[Any]", yielded)
    if isinstance(yielded, (list, dict)):
        return multi(yielded)
    if inspect.isawaitable(yielded):
        io_loop = IOLoop.current()
        task = asyncio.ensure_future(yielded, loop=io_loop.asyncio_loop)
        io_loop._keep(task)
        return task
    raise BadYieldError(
        f"yielded unknown object {yielded!r}: not an awaitable, nor a list or dict of them"
    )


def multi(
    children: Sequence[_Yieldable] | Mapping[Any, _Yieldable] | Iterable[_Yieldable],
    quiet_exceptions: _Quiet = (),
) -> Future[Any]:
    """Wait for several things at once.

    :arg children: a list or dictionary of yieldables.
    :arg quiet_exceptions: types that are not logged when more than one child fails.
    :returns: a future of the list or dictionary of results. The first failure, in the order of
        the children, is raised after every child is done, and the others are logged.
    """
    keys: list[Any] | None = None
    if isinstance(children, dict):
        keys = list(children.keys())
        children = children.values()
    futures = [convert_yielded(child) for child in children]
    result = create_future()
    waiting = {future for future in futures if not future.done()}

    def finish() -> None:
        values = []
        for future in futures:
            try:
                values.append(future.result())
            except (Exception, asyncio.CancelledError) as error:
                if result.done():
                    if not isinstance(error, (asyncio.CancelledError, quiet_exceptions)):
                        app_log.error("Multiple exceptions in yield list", exc_info=True)
                else:
                    # A cancelled child too: the whole was not cancelled, one part was.
                    result.set_exception(error)
        if not result.done():
            result.set_result(values if keys is None else dict(zip(keys, values, strict=True)))

    def child_done(future: Future[Any]) -> None:
        waiting.discard(future)
        if not waiting:
            finish()

    if not waiting:
        finish()
        return result
    for future in list(waiting):
        _on_done(future, child_done)
    return result


def _on_done(future: Any, callback: Callable[[Any], object]) -> None:
    if isinstance(future, Future):
        future.add_done_callback(callback)
    else:
        IOLoop.current().add_future(future, callback)


Multi = multi
multi_future = multi


def maybe_future(x: Any) -> Future[Any]:
    """Return ``x`` if it is a future, or else a finished future of it.

    Deprecated since 4.3: ``await`` what may be awaited, or use :func:`convert_yielded`.
    """
    if is_future(x):
        return cast("Future[Any]", x)
    future = create_future()
    future.set_result(x)
    return future


def with_timeout(
    timeout: float | datetime.timedelta,
    future: _Yieldable,
    quiet_exceptions: _Quiet = (),
    *,
    message: str | Callable[[], str] | None = None,
) -> Future[Any]:
    """Wait for something, but not for longer than a time.

    What is waited for is not cancelled; an exception that it raises later is logged.
    ``asyncio.wait_for`` and ``asyncio.timeout`` do cancel.

    :arg timeout: a time on the clock of ``IOLoop.time``, or a ``timedelta`` from now.
    :arg future: a yieldable.
    :arg quiet_exceptions: types that are not logged after the timeout.
    :arg message: text of the exception, or a function that makes it when it is needed.
    :raises TimeoutError: in the returned future, when the time is over.
    """
    inner = convert_yielded(future)
    result = create_future()
    chain_future(inner, result)
    if result.done():
        return result
    io_loop = IOLoop.current()

    def report(late: Future[Any]) -> None:
        if late.cancelled():
            return
        error = late.exception()
        if error is not None and not isinstance(error, quiet_exceptions):
            app_log.error("Exception in Future %r after timeout", late, exc_info=error)

    def expire() -> None:
        # What came in the same turn is on its way to the result, and must not get lost.
        if not result.done() and not inner.done():
            text = message() if callable(message) else message
            result.set_exception(TimeoutError(text or "Timeout"))
            _on_done(inner, report)

    handle = io_loop.add_timeout(timeout, expire)
    result.add_done_callback(lambda _: io_loop.remove_timeout(handle))
    return result


def sleep(duration: float) -> Future[None]:
    """Return a future that is done after ``duration`` seconds."""
    future: Future[None] = create_future()
    handle = IOLoop.current().call_later(duration, future_set_result_unless_cancelled, future, None)
    # Cancelled sleepers must not leave their timers behind.
    future.add_done_callback(lambda _: handle.cancel() if future.cancelled() else None)  # type: ignore[attr-defined]
    return future


class WaitIterator(AsyncIterator[Any]):
    """Yields the results of several futures in the order in which they are done.

    ``async for`` over it, or call :meth:`next` until :meth:`done`. Meanwhile ``current_index`` is
    the position or keyword of the future the last result came from and ``current_future`` the
    future itself. An exception is raised in its turn and does not end the iteration.

    :arg args: yieldables, or
    :arg kwargs: yieldables by name.
    :raises ValueError: both were given.
    """

    def __init__(self, *args: _Yieldable, **kwargs: _Yieldable) -> None:
        if args and kwargs:
            raise ValueError("You must provide args or kwargs, not both")
        children: Iterable[tuple[str | int, Any]] = kwargs.items() if kwargs else enumerate(args)
        self.current_index: str | int | None = None
        self.current_future: Future[Any] | None = None
        self._running_future: Future[Any] | None = None
        self._finished: collections.deque[tuple[str | int, Future[Any]]] = collections.deque()
        # The same future may be given more than once, and then counts more than once.
        self._unfinished: dict[Future[Any], list[str | int]] = {}
        for index, child in children:
            future = convert_yielded(child)
            if future.done():
                self._finished.append((index, future))
            elif future in self._unfinished:
                self._unfinished[future].append(index)
            else:
                self._unfinished[future] = [index]
                _on_done(future, self._child_done)

    def done(self) -> bool:
        """Whether every result has been taken."""
        if self._finished or self._unfinished:
            return False
        self.current_index = self.current_future = None
        return True

    def next(self) -> Future[Any]:
        """Return a future of the next result to arrive."""
        future = self._running_future = create_future()
        if self._finished:
            self._deliver()
        return future

    def _child_done(self, future: Future[Any]) -> None:
        for index in self._unfinished.pop(future):
            self._finished.append((index, future))
        if self._running_future is not None and not self._running_future.done():
            self._deliver()

    def _deliver(self) -> None:
        self.current_index, self.current_future = self._finished.popleft()
        chain_future(self.current_future, cast("Future[Any]", self._running_future))
        self._running_future = None

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    def __anext__(self) -> Future[Any]:
        if self.done():
            raise StopAsyncIteration
        return self.next()

__getattr__: NameLookup = legacy_names(__name__)
