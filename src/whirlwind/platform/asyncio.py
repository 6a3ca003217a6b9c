"""The bridge to asyncio: every :class:`~whirlwind.ioloop.IOLoop` is one of these classes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from whirlwind.concurrent import Future  # noqa: TC001 - kept resolvable
from whirlwind.gen import convert_yielded
from whirlwind.ioloop import IOLoop, _drop_silently, _loop_of_thread, _Selectable
from whirlwind.platform._selector_thread import AddThreadSelectorEventLoop, SelectorThread
from whirlwind.platform.loops import new_event_loop, running_loop
from whirlwind.protocol.limits import STREAM_CHUNK_SIZE

__all__ = [
    "AddThreadSelectorEventLoop",
    "AsyncIOLoop",
    "AsyncIOMainLoop",
    "BaseAsyncIOLoop",
    "SelectorThread",
    "to_asyncio_future",
    "to_tornado_future",
]

_T = TypeVar("_T")
#: Loops left behind by a fork: never closed, and never collected with a warning about it.
_forked_away: list[asyncio.AbstractEventLoop] = []


class BaseAsyncIOLoop(IOLoop):
    """An IOLoop over an asyncio loop.

    :arg asyncio_loop: the loop underneath, also an attribute.
    :raises RuntimeError: the asyncio loop has an IOLoop already.
    """

    closing: bool

    def initialize(  # type: ignore[override]
        self, asyncio_loop: asyncio.AbstractEventLoop, **kwargs: Any
    ) -> None:
        self.handlers: dict[int, tuple[int | _Selectable, Callable[[Any, int], None]]] = {}
        self.readers: set[int] = set()
        self.writers: set[int] = set()
        self.closing = False
        self._links = set()
        self._scratch = bytearray(STREAM_CHUNK_SIZE)
        self._spare = None
        known = IOLoop._ioloop_for_asyncio
        # Loops that asyncio.run closed are never told to us: forget them when a new one comes.
        for loop in [loop for loop in known if loop.is_closed()]:
            known.pop(loop, None)
        # One atomic step, since another thread may be wrapping the same loop.
        found = known.setdefault(asyncio_loop, self)
        if found is not self:
            raise RuntimeError(f"IOLoop {found} already associated with asyncio loop")
        self._set_asyncio_loop(asyncio_loop)
        super().initialize(**kwargs)

    def _set_asyncio_loop(self, asyncio_loop: asyncio.AbstractEventLoop) -> None:
        self.asyncio_loop = asyncio_loop
        # Bound once: a callback a turn is what a busy program does.
        self._call_soon = asyncio_loop.call_soon
        self._runner = self._run_callback
        self._is_uvloop = type(asyncio_loop).__module__.partition(".")[0] == "uvloop"
        self.selector_loop: asyncio.AbstractEventLoop = asyncio_loop
        if not _has_readers(asyncio_loop):
            self.selector_loop = AddThreadSelectorEventLoop(asyncio_loop)  # type: ignore[abstract]

    def _renew_after_fork(self) -> None:
        """In a child process: leave the shared kernel queue behind and take a loop of its own."""
        _forked_away.append(self.asyncio_loop)
        IOLoop._ioloop_for_asyncio.pop(self.asyncio_loop, None)
        loop = type(self.asyncio_loop)()
        IOLoop._ioloop_for_asyncio[loop] = self
        self._set_asyncio_loop(loop)
        for fd in self.readers:
            self.selector_loop.add_reader(fd, self._handle_events, fd, IOLoop.READ)
        for fd in self.writers:
            self.selector_loop.add_writer(fd, self._handle_events, fd, IOLoop.WRITE)
        for link in self._links:
            link.renew()
        asyncio.set_event_loop(loop)

    def close(self, all_fds: bool = False) -> None:
        if self.closing and self.asyncio_loop.is_closed():
            return
        if self.asyncio_loop.is_running():
            raise RuntimeError("Cannot close a running event loop")
        self.closing = True
        for fd in list(self.handlers):
            fileobj, _ = self.handlers[fd]
            self.remove_handler(fd)
            if all_fds:
                self.close_fd(fileobj)
        for link in list(self._links):
            stream = link.stream
            link.close()
            if all_fds and stream is not None:
                stream.close_fd()
        for future in list(self._unfinished):
            _drop_silently(future)
        self._unfinished.clear()
        IOLoop._ioloop_for_asyncio.pop(self.asyncio_loop, None)
        if self.selector_loop is not self.asyncio_loop:
            self.selector_loop.close()
        self.asyncio_loop.close()

    def add_handler(
        self,
        fd: int | _Selectable,
        handler: Callable[[Any, int], None],
        events: int,
    ) -> None:
        number, fileobj = self.split_fd(fd)
        if number in self.handlers:
            raise ValueError(f"fd {number} added twice")
        self.handlers[number] = (fileobj, handler)
        try:
            self._watch(number, events)
        except BaseException:
            self.remove_handler(number)
            raise

    def update_handler(self, fd: int | _Selectable, events: int) -> None:
        number, _ = self.split_fd(fd)
        if number not in self.handlers:
            raise ValueError(f"no handler for fd {number}: use add_handler first")
        self._watch(number, events)

    def _watch(self, fd: int, events: int) -> None:
        if events & IOLoop.READ:
            if fd not in self.readers:
                self._listen(self.selector_loop.add_reader, fd, IOLoop.READ)
                self.readers.add(fd)
        elif fd in self.readers:
            self.selector_loop.remove_reader(fd)
            self.readers.remove(fd)
        if events & IOLoop.WRITE:
            if fd not in self.writers:
                self._listen(self.selector_loop.add_writer, fd, IOLoop.WRITE)
                self.writers.add(fd)
        elif fd in self.writers:
            self.selector_loop.remove_writer(fd)
            self.writers.remove(fd)

    def _listen(self, add: Callable[..., Any], fd: int, event: int) -> None:
        # libuv makes what it polls non-blocking. Here the program reads and writes itself, and may
        # count on a write that blocks, as terminado does for its terminals.
        blocks = self._is_uvloop and os.get_blocking(fd)
        add(fd, self._handle_events, fd, event)
        if blocks:
            os.set_blocking(fd, True)

    def remove_handler(self, fd: int | _Selectable) -> None:
        number, _ = self.split_fd(fd)
        if number not in self.handlers:
            return
        self._watch(number, IOLoop.NONE)
        del self.handlers[number]

    def _handle_events(self, fd: int, events: int) -> None:
        fileobj, handler = self.handlers[fd]
        handler(fileobj, events)

    def start(self) -> None:
        self.asyncio_loop.run_forever()

    def stop(self) -> None:
        self.asyncio_loop.stop()

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> object:
        if args or kwargs:
            callback = functools.partial(callback, *args, **kwargs)
        # The deadline is on the wall clock, asyncio's loops run on a monotonic one.
        return self.asyncio_loop.call_later(max(0, when - self.time()), self._runner, callback)

    def call_later(
        self, delay: float, callback: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> object:
        if args or kwargs:
            callback = functools.partial(callback, *args, **kwargs)
        return self.asyncio_loop.call_later(max(0, delay), self._runner, callback)

    def remove_timeout(self, timeout: object) -> None:
        timeout.cancel()  # type: ignore[attr-defined]

    def add_callback(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        if not callable(callback):
            # Once the loop calls it, nothing says who gave it: often a coroutine, not a function.
            raise TypeError(f"add_callback needs a callable, not {callback!r}")
        if args or kwargs:
            callback = functools.partial(callback, *args, **kwargs)
        try:
            if running_loop() is self.asyncio_loop:
                self._call_soon(self._runner, callback)
            else:
                self.asyncio_loop.call_soon_threadsafe(self._runner, callback)
        except RuntimeError:
            # A closed loop drops the callback: the caller may well be another thread.
            if not self.asyncio_loop.is_closed():
                raise

    def add_callback_from_signal(
        self, callback: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> None:
        warnings.warn("add_callback_from_signal is deprecated", DeprecationWarning, stacklevel=2)
        if args or kwargs:
            callback = functools.partial(callback, *args, **kwargs)
        self._call_from_signal(callback)

    def _call_from_signal(self, callback: Callable[[], Any]) -> None:
        try:
            # Thread-safe or not, only this variant wakes a loop that waits in the kernel.
            self.asyncio_loop.call_soon_threadsafe(self._runner, callback)
        except RuntimeError:
            if not self.asyncio_loop.is_closed():
                raise

    def run_in_executor(
        self,
        executor: concurrent.futures.Executor | None,
        func: Callable[..., _T],
        *args: Any,
    ) -> Future[_T]:
        if sys.version_info < (3, 12):
            func = functools.partial(_without_stop_iteration, func)
        return self.asyncio_loop.run_in_executor(executor, func, *args)

    def set_default_executor(self, executor: concurrent.futures.Executor) -> None:
        self.asyncio_loop.set_default_executor(executor)


class AsyncIOMainLoop(BaseAsyncIOLoop):
    """The IOLoop of an asyncio loop that is made and run by asyncio.

    Rarely needed by name: ``IOLoop.current()`` makes one for the loop that is running.
    """

    def initialize(self, **kwargs: Any) -> None:  # type: ignore[override]
        loop = kwargs.pop("asyncio_loop", None) or _loop_of_thread() or asyncio.get_event_loop()
        kwargs.setdefault("make_current", False)
        super().initialize(loop, **kwargs)


class AsyncIOLoop(BaseAsyncIOLoop):
    """An IOLoop with an asyncio loop of its own, which is closed with it."""

    is_current: bool

    def initialize(self, **kwargs: Any) -> None:  # type: ignore[override]
        self.is_current = False
        self.old_asyncio: asyncio.AbstractEventLoop | None = None
        loop = kwargs.pop("asyncio_loop", None)
        own = loop is None
        if own:
            loop = new_event_loop()
        try:
            super().initialize(loop, **kwargs)
        except BaseException:
            if own:
                loop.close()
            raise

    def close(self, all_fds: bool = False) -> None:
        super().close(all_fds=all_fds)
        if self.is_current:
            self._restore_loop_of_thread()

    def make_current(self) -> None:
        if not self.is_current:
            self.old_asyncio = _loop_of_thread()
            self.is_current = True
        super().make_current()

    def _restore_loop_of_thread(self) -> None:
        if not self.is_current:
            return
        self.is_current = False
        if _loop_of_thread() is self.asyncio_loop:
            old = self.old_asyncio
            asyncio.set_event_loop(None if old is None or old.is_closed() else old)
        self.old_asyncio = None


def _without_stop_iteration(func: Callable[..., _T], *args: Any) -> _T:
    """Call on an executor; until Python 3.12, who awaits a ``StopIteration`` waits for ever."""
    try:
        return func(*args)
    except StopIteration as error:
        raise RuntimeError("the call raised StopIteration") from error


def to_tornado_future(asyncio_future: Future[_T]) -> Future[_T]:
    """Return the future: both kinds have been one since Tornado 5.0."""
    return asyncio_future


def to_asyncio_future(tornado_future: Any) -> Future[Any]:
    """Turn anything that a coroutine may yield into an ``asyncio.Future``."""
    return convert_yielded(tornado_future)


def _has_readers(loop: asyncio.AbstractEventLoop) -> bool:
    proactor: type | None = getattr(asyncio, "ProactorEventLoop", None)
    return proactor is None or not isinstance(loop, proactor)


def __getattr__(name: str) -> Any:
    # Made on first use: from Python 3.14 on, even naming the base class warns.
    if name == "AnyThreadEventLoopPolicy":
        policy = _any_thread_policy()
        if policy is not None:
            return policy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@functools.cache
def _any_thread_policy() -> type | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        base: Any = getattr(asyncio, "DefaultEventLoopPolicy", None)
    if base is None:
        return None

    class AnyThreadEventLoopPolicy(base):  # type: ignore[misc]
        """An event loop policy that makes a loop in any thread that asks for one.

        Deprecated since 6.2: ``asyncio.run`` or ``asyncio.new_event_loop`` say it openly.
        """

        def __init__(self) -> None:
            super().__init__()
            warnings.warn(
                "AnyThreadEventLoopPolicy is deprecated, use asyncio.run or "
                "asyncio.new_event_loop instead",
                DeprecationWarning,
                stacklevel=2,
            )

        def get_event_loop(self) -> asyncio.AbstractEventLoop:
            local = self._local
            loop: asyncio.AbstractEventLoop | None = getattr(local, "_loop", None)
            if loop is None:
                loop = self.new_event_loop()
                self.set_event_loop(loop)
            return loop

    AnyThreadEventLoopPolicy.__qualname__ = "AnyThreadEventLoopPolicy"
    AnyThreadEventLoopPolicy.__module__ = __name__
    return AnyThreadEventLoopPolicy
