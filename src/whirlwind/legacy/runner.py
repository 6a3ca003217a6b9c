"""Coroutines that yield callbacks and tasks, and ``gen.engine``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from contextvars import copy_context
from typing import Any

from whirlwind import gen
from whirlwind._public import claim
from whirlwind.concurrent import Future, create_future
from whirlwind.gen import (
    BadYieldError,
    KeyReuseError,
    LeakedCallbackError,
    Return,
    ReturnValueIgnoredError,
    UnknownKeyError,
    convert_yielded,
)
from whirlwind.ioloop import IOLoop
from whirlwind.legacy.contexts import (
    Catcher,
    active,
    call_within,
    capture,
    contexts_as_set,
    current_contexts,
    inconsistency,
    set_contexts,
)
from whirlwind.legacy.futures import deliver
from whirlwind.legacy.installing import install as install_all
from whirlwind.legacy.installing import override, replace
from whirlwind.legacy.warning import warn
from whirlwind.legacy.yieldpoints import MultiYieldPoint, YieldPoint, as_point, one_value

# The plain one: where the forms of Tornado 4 are in place, `gen.coroutine` is another.
_coroutine = gen.coroutine
_plain_multi = gen.multi


class Runner(gen.Runner):
    """Drives a generator that may yield a :class:`YieldPoint`, and calls its methods.

    The stack contexts in which the coroutine was called are entered around every step. From the
    first yield point on, an exception in a callback that the coroutine has asked for is thrown into
    it, where it waits.
    """

    __slots__ = ("_catcher", "_contexts", "_failed", "_pending", "_point", "_results", "_starts")

    def __init__(
        self,
        ctx_run: Callable[..., Any],
        gen: Generator[Any, Any, Any],
        result_future: Future[Any],
        first_yielded: Any,
    ) -> None:
        self._contexts = contexts_as_set()
        self._catcher: Catcher | None = None
        self._point: YieldPoint | None = None
        self._pending: set[Any] = set()
        self._results: dict[Any, Any] = {}
        self._failed = False
        self._starts = True
        if ctx_run(contexts_as_set) is not self._contexts:
            first_yielded = _failed_future(inconsistency())
        super().__init__(ctx_run, _Steps(gen, self), result_future, first_yielded)
        self._starts = False
        del first_yielded, result_future  # an error's traceback leads here

    # --- for yield points -----------------------------------------------------------------------

    def register_callback(self, key: Any) -> None:
        """Expect a result.

        :raises KeyReuseError: one with this key is expected already.
        """
        if key in self._pending:
            raise KeyReuseError(f"key {key!r} is already pending: each callback needs its own")
        self._pending.add(key)

    def is_ready(self, key: Any) -> bool:
        """Whether the result with a key is there.

        :raises UnknownKeyError: it is not expected.
        """
        if key not in self._pending:
            raise UnknownKeyError(f"key {key!r} is not pending: yield gen.Callback({key!r}) first")
        return key in self._results

    def pop_result(self, key: Any) -> Any:
        """Take the result with a key, which is then not expected any more."""
        self._pending.discard(key)
        return self._results.pop(key)

    def set_result(self, key: Any, result: Any) -> None:
        """Give the result with a key; the coroutine goes on if that is what it waits for."""
        self._results[key] = result
        point, future = self._point, self.future
        if point is None or future is None or self.running:
            return
        if self._settle(future, point):
            self.ctx_run(self._go_on)

    def result_callback(self, key: Any) -> Callable[..., None]:
        """Make a function that passes what it is called with to :meth:`set_result`."""

        def callback(*args: Any, **kwargs: Any) -> None:
            self.set_result(key, one_value(*args, **kwargs))

        wrapped: Callable[..., None] = capture(callback)
        return wrapped

    # --- what becomes of what was yielded -------------------------------------------------------

    def _receive(self, yielded: Any) -> bool:
        if isinstance(yielded, Future):
            return super()._receive(yielded)
        try:
            point = as_point(yielded)
        except BadYieldError as error:
            return super()._receive(_failed_future(error))
        if point is None:
            return super()._receive(yielded)
        if self._catcher is None:
            self._catcher = Catcher(self.handle_exception)
            self._contexts = (*self._contexts, self._catcher)
            set_contexts(self._contexts)
        future: Future[Any] = create_future()
        self.future: Future[Any] | None = future
        try:
            point.start(self)
        except Exception as error:
            future.set_exception(error)
            return True
        return self._settle(future, point)

    def _settle(self, future: Future[Any], point: YieldPoint) -> bool:
        """Finish a future if its yield point is ready; otherwise that is what is waited for."""
        self._point = None
        try:
            if not point.is_ready(self):
                self._point = point
                return False
            future.set_result(point.get_result(self))
        except Exception as error:
            future.set_exception(error)
        return True

    def handle_exception(self, typ: Any, value: Any, tb: Any) -> bool:
        if self.running or self.finished:
            return False
        self._point = None
        return super().handle_exception(typ, value, tb)

    # --- steps ----------------------------------------------------------------------------------

    def run(self) -> None:
        if self._starts:
            super().run()  # the caller is in these contexts itself
        elif not self.running and not self.finished:
            self._contexts = active(self._contexts)
            call_within(self._contexts, super().run)

    def _go_on(self) -> None:
        """:meth:`run`, for a callback that has entered the contexts already."""
        self._contexts = active(self._contexts)
        set_contexts(self._contexts)
        super().run()

    def _finish(self) -> Future[Any]:
        self._point = None
        if self._catcher is not None:
            self._catcher.deactivate()
            self._catcher.exception_handler = _handle_nothing  # it leads here, and is in ctx_run
        return super()._finish()


class _Steps(Generator[Any, Any, Any]):
    """The generator of a coroutine, watched while it takes a step."""

    def __init__(self, gen: Generator[Any, Any, Any], runner: Runner) -> None:
        self._gen = gen
        self._runner = runner

    def send(self, value: Any) -> Any:
        return self._step(self._gen.send, value)

    def throw(self, error: Any, value: Any = None, traceback: Any = None) -> Any:
        self._runner._failed = True
        try:
            return self._step(self._gen.throw, error)
        finally:
            del error  # its traceback has this frame

    def close(self) -> None:
        self._gen.close()

    def _step(self, resume: Callable[[Any], Any], argument: Any) -> Any:
        runner = self._runner
        try:
            while True:
                yielded = resume(argument)
                if contexts_as_set() is runner._contexts:
                    return yielded
                resume, argument = self._gen.throw, inconsistency()
        except (StopIteration, Return):
            if runner._pending and not runner._failed:
                raise LeakedCallbackError(
                    f"finished without waiting for callbacks {runner._pending!r}"
                ) from None
            raise
        finally:
            del argument


def _handle_nothing(typ: Any, value: Any, tb: Any) -> bool:
    return False


def _failed_future(error: Exception) -> Future[Any]:
    future = create_future()
    future.set_exception(error)
    return future


def coroutine(
    func: Callable[..., Any], replace_callback: bool = True
) -> Callable[..., Future[Any]]:
    """`gen.coroutine`, whose functions may be called with ``callback``.

    It is called with the result; exceptions are raised in the caller's stack contexts. A function
    that has a parameter of that name, or takes any, gets the argument itself.

    :arg func: a function or generator function.
    :arg replace_callback: False leaves ``callback`` arguments to the function.
    """
    start = _coroutine(func)
    if not replace_callback or _takes_callback(func):
        return start

    @functools.wraps(func)
    def start_with_callback(*args: Any, **kwargs: Any) -> Future[Any]:
        if "callback" not in kwargs:
            return start(*args, **kwargs)
        warn("a coroutine's callback argument", "await the coroutine")
        callback = kwargs.pop("callback")
        future = start(*args, **kwargs)
        if callback is not None:
            deliver(future, callback)
        return future

    start_with_callback.__tornado_coroutine__ = True  # type: ignore[attr-defined]
    return start_with_callback


def _takes_callback(func: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(func).parameters
    except (TypeError, ValueError):  # a compiled function that does not tell
        return True
    return "callback" in parameters or any(
        each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()
    )


def engine(func: Callable[..., Any]) -> Callable[..., None]:
    """`gen.coroutine` for a function that gives its result to a ``callback`` argument of its own.

    It returns nothing. Its exceptions are raised in the caller's stack contexts; those that come
    before it waits for anything, and that no context handles, to the caller.

    :arg func: a generator function, which calls its callback, or ``self.finish`` of a handler, when
        it is done.
    """
    install_all()
    warn("gen.engine", "make the function async def and return the result")
    start = _coroutine(func)

    def check(done: Future[Any]) -> None:
        result = done.result()
        if result is not None:
            raise ReturnValueIgnoredError(
                f"{func.__qualname__}() returned {result!r}: a gen.engine function passes its "
                "result to its callback"
            )

    @functools.wraps(func)
    def start_engine(*args: Any, **kwargs: Any) -> None:
        future = start(*args, **kwargs)
        if future.done():
            # As a callback would: the contexts here are asked before the caller.
            call_within(current_contexts(), functools.partial(check, future))
        else:
            IOLoop.current().add_future(future, check)

    return start_engine


def _future_of(point: YieldPoint) -> Future[Any]:
    """Wait for a yield point where there is no runner, such as in ``async def``."""

    def wait() -> Generator[Any, Any, Any]:
        return (yield point)

    future = create_future()
    generator = wait()
    Runner(copy_context().run, generator, future, next(generator))
    return future


def _future_of_several(children: Any) -> Future[Any]:
    point = as_point(children)
    return _plain_multi(children) if point is None else _future_of(point)


def _multi(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def multi(children: Any, quiet_exceptions: Any = ()) -> Any:
        if isinstance(children, (list, dict)) and as_point(children) is not None:
            return MultiYieldPoint(children, quiet_exceptions)
        return original(children, quiet_exceptions)

    return multi


def install() -> None:
    """Replace what `whirlwind.gen` runs coroutines with."""
    replace(gen, "Runner", Runner)
    replace(gen, "coroutine", coroutine)
    # Where a future comes from, asyncio's debug mode says with the coroutine's caller.
    replace(gen, "_OWN_FILES", gen._OWN_FILES | {__file__})
    override(gen, "multi", _multi)
    replace(gen, "Multi", gen.multi)
    replace(gen, "multi_future", gen.multi)
    # These stay: yield points are nobody else's.
    convert_yielded.register(YieldPoint, _future_of)
    convert_yielded.register(list, _future_of_several)
    convert_yielded.register(dict, _future_of_several)


claim("whirlwind.gen", Runner, coroutine)
claim("whirlwind.legacy", engine)
