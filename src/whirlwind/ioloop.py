"""The event loop: :class:`IOLoop`, a face of an asyncio loop, and :class:`PeriodicCallback`.

Every asyncio loop has one ``IOLoop`` and the other way round; programs may use either side.
Loops made here run on uvloop where it is installed.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import datetime
import functools
import inspect
import math
import numbers
import os
import random
import sys
import time
import warnings
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ClassVar, Protocol, TypeVar, cast, overload

from whirlwind.concurrent import Future, future_add_done_callback, is_future
from whirlwind.log import app_log
from whirlwind.platform.loops import new_event_loop, running_loop
from whirlwind.util import Configurable, import_object
from whirlwind.util import TimeoutError as TimeoutError

__all__ = ["IOLoop", "PeriodicCallback", "TimeoutError", "run"]

_T = TypeVar("_T")


class _Selectable(Protocol):
    def fileno(self) -> int: ...

    def close(self) -> None: ...


def _loop_of_thread() -> asyncio.AbstractEventLoop | None:
    """The loop set for this thread, without asyncio's habit of making one when there is none."""
    if sys.version_info >= (3, 14):
        try:
            return asyncio.get_event_loop()
        except RuntimeError:
            return None
    policy = asyncio.get_event_loop_policy()
    local = getattr(policy, "_local", None)
    if local is not None:
        return cast("asyncio.AbstractEventLoop | None", getattr(local, "_loop", None))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return policy.get_event_loop()
        except RuntimeError:
            return None


class IOLoop(Configurable):
    """An event loop.

    ``IOLoop.current()`` is the loop of the running coroutine or of the thread. ``IOLoop()`` makes
    a new one and, with ``make_current``, the thread's.

    :arg make_current: make the new loop the current one of this thread.
    :arg asyncio_loop: use this asyncio loop rather than a new one.
    """

    NONE = 0
    READ = 0x001
    WRITE = 0x004
    ERROR = 0x018

    #: The IOLoop of each asyncio loop. Entries of closed loops go when the next one is made.
    _ioloop_for_asyncio: ClassVar[dict[asyncio.AbstractEventLoop, IOLoop]] = {}

    asyncio_loop: asyncio.AbstractEventLoop
    #: The same loop, or one in front of it where that one cannot watch descriptors.
    selector_loop: asyncio.AbstractEventLoop
    # What streams keep here: their registrations, and memory to read into.
    _links: set[Any]
    _scratch: bytearray
    _spare: list[bytearray] | None

    @classmethod
    def configure(cls, impl: str | type[Configurable] | None, **kwargs: Any) -> None:
        """Choose the class that ``IOLoop()`` makes; it must be built on asyncio.

        :arg impl: the class or its dotted name.
        :raises RuntimeError: the class is not built on asyncio.
        """
        from whirlwind.platform.asyncio import BaseAsyncIOLoop

        if isinstance(impl, str):
            impl = import_object(impl)
        if isinstance(impl, type) and not issubclass(impl, BaseAsyncIOLoop):
            raise RuntimeError(f"{impl!r} is no AsyncIOLoop: only those are supported")
        super().configure(impl, **kwargs)

    @staticmethod
    def instance() -> IOLoop:
        """The same as :meth:`current`, under its former name."""
        return IOLoop.current()

    def install(self) -> None:
        """The same as :meth:`make_current`, under its former name."""
        self.make_current()

    @staticmethod
    def clear_instance() -> None:
        """The same as :meth:`clear_current`, under its former name."""
        IOLoop.clear_current()

    @overload
    @staticmethod
    def current() -> IOLoop: ...

    @overload
    @staticmethod
    def current(instance: bool = True) -> IOLoop | None: ...

    @staticmethod
    def current(instance: bool = True) -> IOLoop | None:
        """The loop that runs in this thread, or the one that is set for it.

        :arg instance: make a loop when the thread has none; otherwise None is returned.
        """
        loop = running_loop()
        if loop is None:
            loop = _loop_of_thread()
            if loop is None or loop.is_closed():
                if not instance:
                    return None
                loop = new_event_loop()
                asyncio.set_event_loop(loop)
        found = IOLoop._ioloop_for_asyncio.get(loop)
        if found is None and instance:
            from whirlwind.platform.asyncio import AsyncIOMainLoop

            return cast("IOLoop", AsyncIOMainLoop(asyncio_loop=loop))
        return found

    def make_current(self) -> None:
        """Make this the loop of the thread.

        ``run_sync``, ``asyncio.run`` and :meth:`start` do it by themselves.
        """
        asyncio.set_event_loop(self.asyncio_loop)

    @staticmethod
    def clear_current() -> None:
        """Leave the thread without a current loop. Deprecated since 6.2."""
        warnings.warn("clear_current is deprecated", DeprecationWarning, stacklevel=2)
        IOLoop._clear_current()

    @staticmethod
    def _clear_current() -> None:
        if _loop_of_thread() is not None:
            asyncio.set_event_loop(None)

    @classmethod
    def configurable_base(cls) -> type[IOLoop]:
        return IOLoop

    @classmethod
    def configurable_default(cls) -> type[IOLoop]:
        from whirlwind.platform.asyncio import AsyncIOLoop

        return AsyncIOLoop

    def initialize(self, make_current: bool = True) -> None:
        self._unfinished: set[Any] = set()
        if make_current:
            self.make_current()

    def close(self, all_fds: bool = False) -> None:
        """Close the loop and free what it holds. It must not be running.

        :arg all_fds: close every registered file descriptor and stream as well.
        """
        raise self._abstract("close")

    def add_handler(
        self,
        fd: int | _Selectable,
        handler: Callable[[Any, int], None],
        events: int,
    ) -> None:
        """Call ``handler(fd, events)`` whenever ``fd`` is ready.

        :arg fd: a descriptor, or an object with ``fileno()`` and ``close()``.
        :arg events: ``READ``, ``WRITE`` and ``ERROR``, combined with ``|``.
        :raises ValueError: there is a handler for ``fd`` already.
        """
        raise self._abstract("add_handler")

    def update_handler(self, fd: int | _Selectable, events: int) -> None:
        """Change the events that the handler of ``fd`` is called for."""
        raise self._abstract("update_handler")

    def remove_handler(self, fd: int | _Selectable) -> None:
        """Stop listening on ``fd``; nothing happens if nobody does."""
        raise self._abstract("remove_handler")

    def start(self) -> None:
        """Run until :meth:`stop` is called."""
        raise self._abstract("start")

    def stop(self) -> None:
        """Make :meth:`start` return after the callbacks that are due.

        Called before :meth:`start`, the next start returns at once. From another thread, use
        ``add_callback(loop.stop)``.
        """
        raise self._abstract("stop")

    def _abstract(self, name: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__} does not define {name}()")

    def run_sync(self, func: Callable[[], Any], timeout: float | None = None) -> Any:
        """Start the loop, run ``func``, and stop when it is done.

        :arg func: a function; if it returns an awaitable or another yieldable, that is awaited.
        :arg timeout: seconds after which the work is cancelled.
        :returns: the result.
        :raises TimeoutError: the time is over.
        :raises RuntimeError: a loop is running here already, or somebody else stopped this one
            first.
        """
        from whirlwind.gen import convert_yielded

        if not callable(func):
            raise TypeError(f"run_sync needs a function that it calls, not {func!r}")
        # Now: what start() refuses would be left on a loop, to stop it when it comes to it.
        if running_loop() is not None:
            raise RuntimeError(
                "run_sync() was called where a loop is running: in a coroutine, await instead"
            )
        outcome: Future[Any] | None = None
        timed_out = False
        given_up = False

        def begin() -> None:
            nonlocal outcome
            if given_up:
                return
            try:
                result = func()
                if result is not None and not is_future(result):
                    result = convert_yielded(result)
                    _drop_silently(result)  # run_sync raises when this does not end
            except Exception as error:
                outcome = self.asyncio_loop.create_future()
                outcome.set_exception(error)
            else:
                if is_future(result):
                    outcome = cast("Future[Any]", result)
                else:
                    outcome = self.asyncio_loop.create_future()
                    outcome.set_result(result)
            self.add_future(outcome, end)

        def end(_: object) -> None:
            if not given_up:
                self.stop()

        def expire() -> None:
            nonlocal timed_out
            timed_out = True
            # A task that is cancelled finishes in its own time, and that stops the loop.
            if outcome is None or not outcome.cancel():
                self.stop()

        self.add_callback(begin)
        handle = None if timeout is None else self.add_timeout(self.time() + timeout, expire)
        try:
            self.start()
        finally:
            # Ctrl-C ends start() too: whoever runs the loop next must not meet what is left here.
            given_up = True
            if handle is not None:
                self.remove_timeout(handle)
        if outcome is None or outcome.cancelled() or not outcome.done():
            if timed_out:
                raise TimeoutError(f"Operation timed out after {timeout} seconds")
            raise RuntimeError("Event loop stopped before Future completed.")
        return outcome.result()

    def time(self) -> float:
        """The time on the clock that deadlines refer to, in seconds: ``time.time()``."""
        return time.time()

    def add_timeout(
        self,
        deadline: float | datetime.timedelta,
        callback: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> object:
        """Call ``callback(*args, **kwargs)`` at a time.

        :arg deadline: a time on the clock of :meth:`time`, or a ``timedelta`` from now.
        :returns: a handle for :meth:`remove_timeout`.
        """
        if isinstance(deadline, datetime.timedelta):
            return self.call_at(self.time() + deadline.total_seconds(), callback, *args, **kwargs)
        if isinstance(deadline, (int, float, numbers.Real)):
            return self.call_at(float(deadline), callback, *args, **kwargs)
        raise TypeError(f"Unsupported deadline {deadline!r}: use seconds or a timedelta")

    def call_later(
        self, delay: float, callback: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> object:
        """Call ``callback(*args, **kwargs)`` after ``delay`` seconds.

        :returns: a handle for :meth:`remove_timeout`.
        """
        return self.call_at(self.time() + delay, callback, *args, **kwargs)

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> object:
        """Call ``callback(*args, **kwargs)`` at the time ``when`` on the clock of :meth:`time`.

        :returns: a handle for :meth:`remove_timeout`.
        """
        return self.add_timeout(when, callback, *args, **kwargs)

    def remove_timeout(self, timeout: object) -> None:
        """Cancel a call made with :meth:`add_timeout` and the like; late is harmless."""
        raise self._abstract("remove_timeout")

    def add_callback(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call ``callback(*args, **kwargs)`` on the next turn of the loop.

        The one method that any thread may call. On a closed loop nothing happens.
        """
        raise self._abstract("add_callback")

    def add_callback_from_signal(
        self, callback: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> None:
        """:meth:`add_callback` for Python signal handlers: it wakes the loop up.

        Deprecated since 6.4; ``asyncio.loop.add_signal_handler`` needs no such care.
        """
        raise self._abstract("add_callback_from_signal")

    def spawn_callback(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call ``callback(*args, **kwargs)`` on the next turn, as :meth:`add_callback` does."""
        self.add_callback(callback, *args, **kwargs)

    def add_future(
        self,
        future: Future[_T] | concurrent.futures.Future[_T],
        callback: Callable[[Any], object],
    ) -> None:
        """Call ``callback(future)`` on the loop once ``future`` is done.

        Exceptions of the callback are logged; call ``future.result()`` in it to learn the
        future's own.
        """
        if isinstance(future, Future):
            future.add_done_callback(functools.partial(self._run_done, callback))
        elif is_future(future):
            future_add_done_callback(future, lambda done: self.add_callback(callback, done))
        else:
            raise TypeError(f"add_future needs a Future, not {future!r}")

    def run_in_executor(
        self,
        executor: concurrent.futures.Executor | None,
        func: Callable[..., _T],
        *args: Any,
    ) -> Future[_T]:
        """Run ``func(*args)`` on an executor; the default one when None.

        :returns: a future of the result.
        """
        raise self._abstract("run_in_executor")

    def set_default_executor(self, executor: concurrent.futures.Executor) -> None:
        """Use ``executor`` for :meth:`run_in_executor` without one."""
        raise self._abstract("set_default_executor")

    def _run_callback(self, callback: Callable[[], Any]) -> None:
        """Call back; log what it raises; see a returned awaitable through to its end."""
        try:
            result = callback()
            if result is not None:
                self._await_result(callback, result)
        except asyncio.CancelledError:
            return
        except Exception:
            app_log.error("Exception in callback %r", callback, exc_info=True)

    def _run_done(self, callback: Callable[[Any], object], future: Future[Any]) -> None:
        self._run_callback(functools.partial(callback, future))

    def _await_result(self, callback: Callable[..., Any], result: Any) -> None:
        from whirlwind import gen

        try:
            future = gen.convert_yielded(result)
        except gen.BadYieldError:
            # Callbacks may return anything; what cannot be awaited is dropped.
            return
        if future is gen.moment:
            return
        self._keep(future)
        self.add_future(future, self._discard_future_result)

    def _discard_future_result(self, future: Future[Any]) -> None:
        future.result()

    def _keep(self, future: Any) -> None:
        """Hold a task, or another future, until it is done.

        asyncio holds tasks weakly: one that waits for what only it knows would be collected.
        """
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)

    def split_fd(self, fd: int | _Selectable) -> tuple[int, int | _Selectable]:
        """The descriptor number of ``fd`` and ``fd`` itself, whichever of both it is."""
        if isinstance(fd, int):
            return fd, fd
        return fd.fileno(), fd

    def close_fd(self, fd: int | _Selectable) -> None:
        """Close a descriptor or file-like object; one that is closed already does no harm."""
        try:
            if isinstance(fd, int):
                os.close(fd)
            else:
                fd.close()
        except OSError:
            pass


def _drop_silently(future: Any) -> None:
    """Let a task be collected while it is pending without asyncio's message about it."""
    if isinstance(future, asyncio.Task):
        future._log_destroy_pending = False  # type: ignore[attr-defined]


class PeriodicCallback:
    """Calls a function at regular times.

    A run that takes longer than the period, coroutines included, skips the runs it misses:
    two never overlap. Exceptions are logged and the next run comes all the same.

    :arg callback: function or coroutine function without arguments.
    :arg callback_time: the period: milliseconds or a ``timedelta``.
    :arg jitter: spread each period by this fraction: 0.1 means up to 5% less or more.
    :raises ValueError: the period is not positive.
    """

    def __init__(
        self,
        callback: Callable[[], Awaitable[Any] | None],
        callback_time: datetime.timedelta | float,
        jitter: float = 0,
    ) -> None:
        if not callable(callback):
            raise TypeError(f"PeriodicCallback needs a callable, not {callback!r}")
        self.callback = callback
        if isinstance(callback_time, datetime.timedelta):
            self.callback_time: float = callback_time / datetime.timedelta(milliseconds=1)
        else:
            self.callback_time = callback_time
        if self.callback_time <= 0:
            raise ValueError(
                f"Periodic callback must have a positive callback_time, not {callback_time!r}"
            )
        self.jitter = jitter
        self._running = False
        self._timeout: object = None
        self._next_timeout = 0.0

    def start(self) -> None:
        """Begin. The first call comes after one period, on the loop that is current now.

        Called again, it begins anew.
        """
        self._cancel_next()
        # Read here and not in the constructor: the object may be made before any loop exists.
        self.io_loop: IOLoop = IOLoop.current()
        self._running = True
        self._next_timeout = self.io_loop.time()
        self._schedule_next()

    def stop(self) -> None:
        """End; a coroutine that is under way finishes."""
        self._running = False
        self._cancel_next()

    def _cancel_next(self) -> None:
        if self._timeout is not None:
            self.io_loop.remove_timeout(self._timeout)
            self._timeout = None

    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._running

    def _run(self) -> None:
        if not self._running:
            return
        timeout = self._timeout
        try:
            result = self.callback()
        except asyncio.CancelledError:
            result = None  # of something that it looked at: no reason to end
        except Exception:
            app_log.error("Exception in callback %r", self.callback, exc_info=True)
            result = None
        if result is not None and inspect.isawaitable(result):
            from whirlwind.gen import convert_yielded

            self.io_loop.add_future(
                convert_yielded(result), functools.partial(self._finish, timeout)
            )
        else:
            self._next_run(timeout)

    def _finish(self, timeout: object, future: Future[Any]) -> None:
        if not future.cancelled():
            error = future.exception()
            if error is not None:
                app_log.error("Exception in callback %r", self.callback, exc_info=error)
        self._next_run(timeout)

    def _next_run(self, timeout: object) -> None:
        # A callback that restarted the timer has scheduled its own next run.
        if self._timeout is timeout:
            self._schedule_next()

    def _schedule_next(self) -> None:
        if self._running:
            self._update_next(self.io_loop.time())
            self._timeout = self.io_loop.add_timeout(self._next_timeout, self._run)

    def _update_next(self, current_time: float) -> None:
        period = self.callback_time / 1000.0
        if self.jitter:
            period *= 1 + self.jitter * (random.random() - 0.5)
        if self._next_timeout <= current_time:
            # On time or late: the next multiple of the period that still lies ahead.
            missed = math.floor((current_time - self._next_timeout) / period)
            self._next_timeout += (missed + 1) * period
        else:
            # The timer fired a little early, or the clock was set back: keep the rhythm.
            self._next_timeout += period


def run(main: Callable[[], Awaitable[_T]] | Awaitable[_T]) -> _T:
    """Run a program on a new event loop, uvloop's where it is installed, and close the loop.

    Like ``asyncio.run``: what is left running is cancelled at the end, and Ctrl-C cancels
    ``main``.

    :arg main: a coroutine function without arguments, or an awaitable.
    :returns: the result of ``main``.
    """

    async def whole() -> _T:
        return await (main() if callable(main) else main)

    coroutine: Coroutine[Any, Any, _T] = whole()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(coroutine)
