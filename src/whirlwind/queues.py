"""Queues for coroutines of one event loop: none of them is thread-safe.

Timeouts are a time on the clock of ``IOLoop.time`` or a ``timedelta`` from now.
"""

from __future__ import annotations

import collections
import datetime
import heapq
import itertools
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, Generic, TypeVar

from whirlwind.concurrent import Future, create_future
from whirlwind.ioloop import IOLoop
from whirlwind.locks import Event, _handover
from whirlwind.util import TimeoutError

__all__ = ["LifoQueue", "PriorityQueue", "Queue", "QueueEmpty", "QueueFull"]

_T = TypeVar("_T")
_Entry = TypeVar("_Entry")
_Timeout = float | datetime.timedelta | None

#: How many may wait before it is worth looking who does not any more.
_FIRST_LOOK: Final = 32


class QueueEmpty(Exception):
    """``get_nowait`` found nothing."""


class QueueFull(Exception):
    """``put_nowait`` found no room."""


def _set_timeout(future: Future[Any], timeout: _Timeout) -> None:
    if timeout is None:
        return
    io_loop = IOLoop.current()

    def on_timeout() -> None:
        if not future.done():
            future.set_exception(TimeoutError())

    handle = io_loop.add_timeout(timeout, on_timeout)
    future.add_done_callback(lambda _: io_loop.remove_timeout(handle))


class _Waiting(collections.deque[_Entry]):
    """Those who wait, in order; those who gave up do not pile up between those who did not.

    :arg future_of: the future in an entry.
    """

    def __init__(self, future_of: Callable[[_Entry], Future[Any]]) -> None:
        super().__init__()
        self._future_of = future_of
        self._limit = _FIRST_LOOK

    def add(self, entry: _Entry) -> None:
        """Add one at the end."""
        if len(self) >= self._limit:
            waiting = [other for other in self if not self._future_of(other).done()]
            self.clear()
            self.extend(waiting)
            # Twice as many next time: looking costs a constant for each one added.
            self._limit = max(_FIRST_LOOK, 2 * len(waiting))
        self.append(entry)


class _QueueIterator(AsyncIterator[_T]):
    def __init__(self, queue: Queue[_T]) -> None:
        self._source = queue

    def __anext__(self) -> Future[_T]:
        return self._source.get()


class Queue(Generic[_T]):
    """First in, first out, between coroutines that produce and coroutines that consume.

    ``async for item in queue`` gets items for ever. Subclasses order items otherwise by
    overriding ``_init``, ``_get`` and ``_put``.

    :arg maxsize: with how many items :meth:`put` waits for room; never when 0.
    :raises TypeError: ``maxsize`` is None.
    :raises ValueError: ``maxsize`` is negative.
    """

    # What the subclasses' _init makes: a deque, or a list.
    _queue: Any = None

    def __init__(self, maxsize: int = 0) -> None:
        if maxsize is None:
            raise TypeError("maxsize can't be None")
        if maxsize < 0:
            raise ValueError("maxsize can't be negative")
        self._maxsize = maxsize
        self._room = maxsize or sys.maxsize
        #: Whether the order is ours and not a subclass's.
        self._plain = type(self) is Queue
        self._init()
        self._getters: _Waiting[Future[_T]] = _Waiting(lambda future: future)
        self._putters: _Waiting[tuple[_T, Future[None]]] = _Waiting(lambda entry: entry[1])
        self._returned: list[int] = []
        self._unfinished_tasks = 0
        self._done: Future[None] | None = None
        #: Of what is done at once, `_done` included. A loop that runs is the one we are called on:
        #: to ask it is less than to look which one runs in this thread.
        self._loop: Any = None
        self._finished = Event()
        self._finished.set()

    @property
    def maxsize(self) -> int:
        """The number of items there is room for; 0 means no limit."""
        return self._maxsize

    def qsize(self) -> int:
        """The number of items inside."""
        return len(self._queue)

    def empty(self) -> bool:
        """Whether there is no item inside."""
        return not self._queue

    def full(self) -> bool:
        """Whether there is no room."""
        return self._maxsize > 0 and len(self._queue) >= self._maxsize

    def put(self, item: _T, timeout: _Timeout = None) -> Future[None]:
        """Put an item in, when there is room.

        :returns: a future; it fails with ``TimeoutError`` when the time is over first.
        """
        # The common case without a call more than it needs: nobody waits, and there is room.
        queue = self._queue
        if self._getters or len(queue) >= self._room:
            if not self._try_put(item):
                future: Future[None] = create_future()
                self._putters.add((item, future))
                _set_timeout(future, timeout)
                return future
        else:
            if not self._unfinished_tasks:
                self._finished.clear()
            self._unfinished_tasks += 1
            if self._plain:
                queue.append(item)
            else:
                self._put(item)
        # Every put that is through shares one future: it is done, so nothing can change it.
        done = self._done
        if done is None or not self._loop.is_running():
            done = self._done = create_future()
            self._loop = done.get_loop()
            done.set_result(None)
        return done

    def put_nowait(self, item: _T) -> None:
        """Put an item in.

        :raises QueueFull: there is no room.
        """
        if not self._try_put(item):
            raise QueueFull

    def _try_put(self, item: _T) -> bool:
        self._consume_expired()
        if self._getters:
            # Through the queue all the same: the order is the subclass's business.
            getter = self._getters.popleft()
            self._add(item)
            getter.set_result(self._get())
            return True
        if self.full():
            return False
        self._add(item)
        return True

    def _add(self, item: _T) -> None:
        self._unfinished_tasks += 1
        if self._finished._value:
            self._finished.clear()
        self._put(item)

    def get(self, timeout: _Timeout = None) -> Future[_T]:
        """Take an item out, when there is one.

        Who is cancelled while it awaits the future loses nothing: the item goes to the next
        reader, or back to the front.

        :returns: a future; it fails with ``TimeoutError`` when the time is over first.
        """
        putters = self._putters
        if putters:
            self._consume_expired()
        future: Future[_T]
        queue = self._queue
        if queue or putters:
            loop = self._loop
            if loop is None or not loop.is_running():
                future = create_future()
                self._loop = future.get_loop()
                self._done = None
            else:
                future = loop.create_future()
            if putters:
                future.set_result(self.get_nowait())
            else:
                future.set_result(queue.popleft() if self._plain else self._get())
        else:
            if self._getters:
                self._consume_expired()
            future = _handover(self)
            self._getters.add(future)
            _set_timeout(future, timeout)
        return future

    def _take_back(self, item: _T) -> None:
        """Give an item to the next reader, or put it back, when its reader was cancelled."""
        self._consume_expired()
        self._put_back(item)
        if self._getters:
            self._getters.popleft().set_result(self._get())

    def _put_back(self, item: _T) -> None:
        queue = self._queue
        if type(self)._put is not Queue._put or not isinstance(queue, collections.deque):
            self._put(item)  # the order does not depend on when an item came, or hardly
            return
        # Behind those that came back before it and are there still.
        back = self._returned
        while back and back != [id(other) for other in itertools.islice(queue, len(back))]:
            del back[0]
        queue.insert(len(back), item)
        back.append(id(item))

    def get_nowait(self) -> _T:
        """Take an item out.

        :raises QueueEmpty: there is none.
        """
        self._consume_expired()
        if self._putters:
            item, putter = self._putters.popleft()
            self._add(item)
            putter.set_result(None)
            return self._get()
        if self._queue:
            return self._get()
        raise QueueEmpty

    def task_done(self) -> None:
        """Say that the work on an item is done; once for each :meth:`get`.

        :raises ValueError: more often than items were put in.
        """
        if self._unfinished_tasks <= 0:
            raise ValueError("task_done() called too many times")
        self._unfinished_tasks -= 1
        if self._unfinished_tasks == 0:
            self._finished.set()

    def join(self, timeout: _Timeout = None) -> Future[None]:
        """Wait until the work on all items is done.

        :returns: a future; it fails with ``TimeoutError`` when the time is over first.
        """
        return self._finished.wait(timeout)

    def __aiter__(self) -> _QueueIterator[_T]:
        return _QueueIterator(self)

    def _init(self) -> None:
        self._queue = collections.deque()

    def _get(self) -> _T:
        item: _T = self._queue.popleft()
        return item

    def _put(self, item: _T) -> None:
        self._queue.append(item)

    def _consume_expired(self) -> None:
        """Drop those in front who do not wait any more."""
        while self._putters and self._putters[0][1].done():
            self._putters.popleft()
        while self._getters and self._getters[0].done():
            self._getters.popleft()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x} {self._format()}>"

    def __str__(self) -> str:
        return f"<{type(self).__name__} {self._format()}>"

    def _format(self) -> str:
        parts = [f"maxsize={self.maxsize!r}"]
        if self._queue:
            parts.append(f"queue={self._queue!r}")
        if self._getters:
            parts.append(f"getters[{len(self._getters)}]")
        if self._putters:
            parts.append(f"putters[{len(self._putters)}]")
        if self._unfinished_tasks:
            parts.append(f"tasks={self._unfinished_tasks}")
        return " ".join(parts)


class PriorityQueue(Queue[_T]):
    """A queue that gives out the smallest item first, such as ``(priority, value)`` tuples."""

    def _init(self) -> None:
        self._queue = []

    def _put(self, item: _T) -> None:
        heapq.heappush(self._queue, item)

    def _get(self) -> _T:
        item: _T = heapq.heappop(self._queue)
        return item


class LifoQueue(Queue[_T]):
    """A queue that gives out the newest item first."""

    def _init(self) -> None:
        self._queue = []

    def _put(self, item: _T) -> None:
        self._queue.append(item)

    def _get(self) -> _T:
        item: _T = self._queue.pop()
        return item
