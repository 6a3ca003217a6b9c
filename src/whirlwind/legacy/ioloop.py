"""Loops as Tornado 4 had them: callbacks in their stack contexts, and methods that are gone."""

from __future__ import annotations

import asyncio
import functools
import inspect
import signal
import threading
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

from whirlwind.concurrent import Future
from whirlwind.gen import convert_yielded
from whirlwind.ioloop import IOLoop, _loop_of_thread
from whirlwind.legacy.contexts import (
    NoContexts,
    call_within,
    capture,
    current_contexts,
    set_contexts,
    wrapped_in,
)
from whirlwind.legacy.installing import at_uninstall, override, replace
from whirlwind.legacy.warning import warn
from whirlwind.log import app_log, gen_log
from whirlwind.platform.asyncio import BaseAsyncIOLoop
from whirlwind.platform.loops import running_loop

_SignalHandler = Callable[[int, FrameType | None], Any]


def _run_callback(self: Any, callback: Callable[[], Any]) -> None:
    """`IOLoop._run_callback`: the same in the contexts of whoever asked to be called back."""
    contexts = wrapped_in(callback)
    try:
        if contexts is None:
            result = call_within(current_contexts(), callback)
        else:
            set_contexts(contexts)
            result = callback()
        if result is not None:
            self._await_result(callback, result)
    except asyncio.CancelledError:
        return
    except Exception:
        self.handle_callback_exception(callback)


def handle_callback_exception(self: IOLoop, callback: Callable[..., Any]) -> None:
    """Hook: a callback raised, and no stack context handled it. The exception is the present one.

    :arg callback: what was called.
    """
    app_log.error("Exception in callback %r", callback, exc_info=True)


#: The loop that the main thread has asked for or started last.
_of_main_thread: IOLoop | None = None


def _note(loop: IOLoop) -> None:
    global _of_main_thread
    if threading.current_thread() is threading.main_thread():
        _of_main_thread = loop


def instance() -> IOLoop:
    """The loop of this thread; in a thread that has none, that of the main thread.

    So threads that work for a program hand their results back by
    ``IOLoop.instance().add_callback(...)``.
    """
    if threading.current_thread() is not threading.main_thread():
        own = running_loop() or _loop_of_thread()
        loop = _of_main_thread
        has_none = own is None or own.is_closed()
        if has_none and loop is not None and not loop.asyncio_loop.is_closed():
            warn("IOLoop.instance in a thread", "give it the loop whose add_callback it calls")
            return loop
    found = IOLoop.current()
    _note(found)
    return found


def _starting(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def start(self: IOLoop, *args: Any, **kwargs: Any) -> Any:
        _note(self)
        return original(self, *args, **kwargs)

    return start


def initialized() -> bool:
    """Whether :meth:`IOLoop.instance` would find a loop rather than make one."""
    warn("IOLoop.initialized", "call IOLoop.current(instance=False) and compare with None")
    loop = _loop_of_thread()
    return loop is not None and loop in IOLoop._ioloop_for_asyncio


def set_blocking_signal_threshold(
    self: IOLoop, seconds: float | None, action: _SignalHandler | None
) -> None:
    """Send this process SIGALRM when the loop is blocked for longer than a time.

    Not before ``seconds``, and not later than one and a half times that. It takes the process's
    one interval timer, and only the main thread can call it.

    :arg seconds: how long; None ends it.
    :arg action: the handler of the signal, of two arguments; None ends the process.
    """
    warn(
        "IOLoop.set_blocking_signal_threshold",
        "use asyncio's debug mode, which logs slow callbacks",
    )
    watch: _Watch | None = getattr(self, _WATCH, None)
    if watch is not None:
        watch.stop()
        delattr(self, _WATCH)
    if seconds is not None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL if action is None else action)
        setattr(self, _WATCH, _Watch(self, seconds))


def set_blocking_log_threshold(self: Any, seconds: float | None) -> None:
    """Log where the loop is when it is blocked for longer than a time.

    :arg seconds: how long, as in :meth:`set_blocking_signal_threshold`; None ends it.
    """
    self.set_blocking_signal_threshold(seconds, self.log_stack)


def log_stack(self: Any, signal: int, frame: FrameType | None) -> None:
    """A signal handler: log the stack of the main thread.

    :arg signal: the signal's number.
    :arg frame: where the program was.
    """
    stack = "".join(traceback.format_stack(frame))
    gen_log.warning("IOLoop blocked in\n%s", stack)


#: Where a loop keeps its `_Watch`.
_WATCH = "_legacy_watch"


class _Watch:
    """Sets an alarm again and again as long as the loop turns."""

    def __init__(self, io_loop: IOLoop, seconds: float) -> None:
        self._io_loop = io_loop
        self._seconds = seconds
        self._handle: Any = None
        with NoContexts():
            io_loop.add_callback(self._turn)
        self._stopped = False

    def _turn(self) -> None:
        if not self._stopped:
            signal.setitimer(signal.ITIMER_REAL, 1.5 * self._seconds)
            self._handle = self._io_loop.call_later(0.5 * self._seconds, self._turn)

    def stop(self) -> None:
        self._stopped = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        if self._handle is not None:
            self._io_loop.remove_timeout(self._handle)


def _add_future(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def add_future(self: IOLoop, future: Any, callback: Callable[..., Any]) -> None:
        if inspect.isawaitable(future) and not isinstance(future, Future):
            future = convert_yielded(future)  # what returned futures is async def today
        if not isinstance(future, Future):
            callback = capture(callback)  # the thread that finishes it has no contexts to pass on
        original(self, future, callback)

    return add_future


def _add_handler(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def add_handler(self: IOLoop, fd: Any, handler: Callable[..., Any], events: int) -> None:
        original(self, fd, capture(handler), events)

    return add_handler


def _from_signal(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def call_from_signal(self: IOLoop, callback: Callable[..., Any]) -> None:
        with NoContexts():  # the contexts are those of whatever the signal has interrupted
            original(self, callback)

    return call_from_signal


def _bind_runners() -> None:
    """Let the loops that there are call back by the present `IOLoop._run_callback`."""
    for loop in list(IOLoop._ioloop_for_asyncio.values()):
        # It is bound when a loop is made.
        loop._runner = loop._run_callback  # type: ignore[attr-defined]


def install() -> None:
    """Replace what a loop does with callbacks, and add what it had."""
    replace(IOLoop, "_run_callback", _run_callback)
    _bind_runners()
    at_uninstall(_bind_runners)
    replace(IOLoop, "handle_callback_exception", handle_callback_exception)
    replace(IOLoop, "instance", staticmethod(instance))
    override(IOLoop, "run_sync", _starting)
    override(BaseAsyncIOLoop, "start", _starting)
    replace(IOLoop, "initialized", staticmethod(initialized))
    replace(IOLoop, "set_blocking_signal_threshold", set_blocking_signal_threshold)
    replace(IOLoop, "set_blocking_log_threshold", set_blocking_log_threshold)
    replace(IOLoop, "log_stack", log_stack)
    override(IOLoop, "add_future", _add_future)
    override(BaseAsyncIOLoop, "add_handler", _add_handler)
    override(BaseAsyncIOLoop, "_call_from_signal", _from_signal)
