"""Locks for coroutines of one event loop: none of them is thread-safe.

Timeouts are a time on the clock of ``IOLoop.time`` or a ``timedelta`` from now.
"""

from __future__ import annotations

import asyncio
import collections
import datetime
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, Final, Protocol

from whirlwind.concurrent import Future, create_future, future_set_result_unless_cancelled
from whirlwind.ioloop import IOLoop
from whirlwind.platform.loops import running_loop
from whirlwind.util import TimeoutError

__all__ = ["BoundedSemaphore", "Condition", "Event", "Lock", "Semaphore"]

_Timeout = float | datetime.timedelta | None


class _Owner(Protocol):
    """What hands out things that must not get lost."""

    def _take_back(self, thing: Any) -> None:
        """Give the thing to somebody else."""


_await: Final = asyncio.Future.__await__


class _Handover(asyncio.Future[Any]):
    """The future of one who waits for a thing that must not get lost: an item, a place, a call.

    Who awaits it can be cancelled after it got its result and before it runs again. Then the owner
    takes the thing back, and the future says that it was cancelled.
    """

    # Tasks go a slower way with a subclass: nothing here that they call but the one method.
    owner: _Owner
    _awaiting = 0

    def __await__(self) -> Generator[Any, None, Any]:
        self._awaiting += 1
        try:
            return (yield from _await(self))
        except BaseException:
            served = self.done() and not self.cancelled() and self.exception() is None
            # With two who await it, the other one has the thing.
            if served and self._awaiting == 1:
                thing = self.result()
                self.__class__ = _GivenBack
                self.owner._take_back(thing)
            self._awaiting -= 1
            raise

    __iter__ = __await__


class _GivenBack(_Handover):
    """A future whose result went to somebody else."""

    def cancelled(self) -> bool:
        return True

    def result(self) -> Any:
        raise asyncio.CancelledError

    exception = result


def _handover(owner: _Owner) -> _Handover:
    future = _Handover(loop=running_loop() or create_future().get_loop())
    future.owner = owner
    return future


class _Waiters(collections.OrderedDict["Future[Any]", None]):
    """Futures in the order of their arrival, each of which can be taken out at once."""

    def next(self) -> Future[Any] | None:
        """Take out the first one that still waits."""
        while self:
            future, _ = self.popitem(last=False)
            if not future.done():
                return future
        return None

    def add(
        self,
        timeout: _Timeout,
        expire: Callable[[Future[Any]], None],
        future: Future[Any] | None = None,
    ) -> Future[Any]:
        """Add a future, or a new one; ``expire(future)`` is called if it waits for too long."""
        if future is None:
            future = create_future()
        self[future] = None
        future.add_done_callback(self._forget)
        if timeout is not None:
            io_loop = IOLoop.current()

            def on_timeout() -> None:
                if not future.done():
                    self.pop(future, None)
                    expire(future)

            handle = io_loop.add_timeout(timeout, on_timeout)
            future.add_done_callback(lambda _: io_loop.remove_timeout(handle))
        return future

    def _forget(self, future: Future[Any]) -> None:
        # Cancelled, for one: it must not stay until somebody releases something.
        self.pop(future, None)


def _fail(future: Future[Any]) -> None:
    future.set_exception(TimeoutError())


class Condition:
    """Lets coroutines wait until they are notified."""

    def __init__(self) -> None:
        self._waiters = _Waiters()

    def __repr__(self) -> str:
        waiters = f" waiters[{len(self._waiters)}]" if self._waiters else ""
        return f"<{type(self).__name__}{waiters}>"

    def wait(self, timeout: _Timeout = None) -> Future[bool]:
        """Wait for :meth:`notify`.

        :returns: a future of True, or of False when the time is over first.
        """
        return self._waiters.add(
            timeout,
            lambda future: future_set_result_unless_cancelled(future, False),
            _handover(self),
        )

    def _take_back(self, notified: bool) -> None:
        """Wake up another one instead of one who was cancelled after :meth:`notify`."""
        if notified:
            self.notify()

    def notify(self, n: int = 1) -> None:
        """Wake up ``n`` of those who wait, the longest waiting first."""
        waiters = []
        while n and (waiter := self._waiters.next()) is not None:
            waiters.append(waiter)
            n -= 1
        for waiter in waiters:
            future_set_result_unless_cancelled(waiter, True)

    def notify_all(self) -> None:
        """Wake up everybody who waits."""
        self.notify(len(self._waiters))


class Event:
    """Blocks coroutines until a flag is set; it is clear at first."""

    def __init__(self) -> None:
        self._value = False
        self._waiters = _Waiters()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'set' if self._value else 'clear'}>"

    def is_set(self) -> bool:
        """Whether the flag is set."""
        return self._value

    def set(self) -> None:
        """Set the flag, and wake up everybody who waits."""
        self._value = True
        while (waiter := self._waiters.next()) is not None:
            waiter.set_result(None)

    def clear(self) -> None:
        """Clear the flag: who waits from now on waits for the next :meth:`set`."""
        self._value = False

    def wait(self, timeout: _Timeout = None) -> Future[None]:
        """Wait until the flag is set.

        :returns: a future; it fails with ``TimeoutError`` when the time is over first.
        """
        if self._value:
            future: Future[None] = create_future()
            future.set_result(None)
            return future
        return self._waiters.add(
            timeout, lambda future: future.set_exception(TimeoutError("Timeout"))
        )


class _ReleasingContextManager:
    """Releases in the end what the ``yield`` in ``with (yield lock.acquire()):`` acquired."""

    def __init__(self, lock: Semaphore | Lock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self._lock.release()


class Semaphore:
    """Lets a number of coroutines in at a time, in the order of their arrival.

    Use it with ``async with``.

    :arg value: how many.
    :raises ValueError: the value is negative.
    """

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        self._value = value
        self._waiters = _Waiters()

    def __repr__(self) -> str:
        state = f"unlocked,value:{self._value}" if self._value else "locked"
        if self._waiters:
            state += f",waiters:{len(self._waiters)}"
        return f"<{type(self).__module__}.{type(self).__name__} object at {id(self):#x} [{state}]>"

    def release(self) -> None:
        """Let the next one in."""
        waiter = self._waiters.next()
        if waiter is None:
            self._value += 1
        else:
            # The place goes straight to who waited; nobody can slip in between.
            waiter.set_result(_ReleasingContextManager(self))

    def acquire(self, timeout: _Timeout = None) -> Future[_ReleasingContextManager]:
        """Wait for a place.

        :returns: a future of a context manager that releases it; it fails with ``TimeoutError``
            when the time is over first.
        """
        if self._value > 0:
            self._value -= 1
            future: Future[_ReleasingContextManager] = create_future()
            future.set_result(_ReleasingContextManager(self))
            return future
        return self._waiters.add(timeout, _fail, _handover(self))

    def _take_back(self, _: _ReleasingContextManager) -> None:
        """Let the next one in instead of one who was cancelled."""
        self.release()

    def __enter__(self) -> None:
        raise RuntimeError("Use 'async with' instead of 'with' for Semaphore")

    def __exit__(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__enter__()

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.release()


class BoundedSemaphore(Semaphore):
    """A semaphore that cannot be released more often than it was acquired.

    :arg value: how many may be in at a time.
    """

    def __init__(self, value: int = 1) -> None:
        super().__init__(value=value)
        self._initial_value = value

    def release(self) -> None:
        """Let the next one in.

        :raises ValueError: nobody is in.
        """
        if self._value >= self._initial_value:
            raise ValueError("Semaphore released too many times")
        super().release()


class Lock:
    """Lets one coroutine in at a time, in the order of their arrival.

    Use it with ``async with``. The holder must not acquire it again.
    """

    def __init__(self) -> None:
        self._block = BoundedSemaphore(value=1)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} _block={self._block}>"

    def acquire(self, timeout: _Timeout = None) -> Future[_ReleasingContextManager]:
        """Wait for the lock.

        :returns: a future of a context manager that releases it; it fails with ``TimeoutError``
            when the time is over first.
        """
        return self._block.acquire(timeout)

    def release(self) -> None:
        """Unlock; the first one who waits gets the lock.

        :raises RuntimeError: it is not locked.
        """
        try:
            self._block.release()
        except ValueError:
            raise RuntimeError("release unlocked lock") from None

    def __enter__(self) -> None:
        raise RuntimeError("Use `async with` instead of `with` for Lock")

    def __exit__(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.__enter__()

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.release()
