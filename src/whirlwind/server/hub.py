"""What the connections of one owner on one loop share: clock, reaper, and batches of writes.

Deadlines are numbers on a connection (`Outlet.deadline`, `Outlet.write_deadline`). One reaper per
hub compares them with the clock; no timer is ever made for a connection.
"""

import asyncio
import contextvars
import time
from typing import Any, Final

from whirlwind.protocol import limits
from whirlwind.server.outlet import Outlet

#: Seconds between two looks at the deadlines; few of them are shorter than two of these.
_REAP_EVERY: Final = 1.0
#: The shortest time between two looks, in seconds, whatever `Hub.watch_closely` asks for.
_REAP_AT_MOST: Final = 0.002

# What counts as a busy turn: so many requests, each of another connection than the one before and
# within so many seconds of it; it ends when a turn brings fewer than so many.
_STREAK: Final = 16
_CLOSE: Final = 0.0002
_FEW: Final = 4


class Hub:
    """The connections of one owner (a server, a client) on one loop."""

    context: contextvars.Context
    clock: float
    busy: bool

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """
        :arg loop: the loop that the connections live on.
        """
        self.loop = loop
        done: asyncio.Future[None] = loop.create_future()
        done.set_result(None)
        self.done = done
        self.connections: set[Outlet] = set()
        self.context = contextvars.copy_context()
        self.clock = loop.time()
        self.write_timeout: float = limits.WRITE_TIMEOUT
        #: Whether answers wait for the end of the loop's turn.
        self.busy = False
        self._streak = 0
        self._last: Outlet | None = None
        self._last_time = 0.0
        self._batch: list[Outlet] = []
        self._reaper: asyncio.TimerHandle | None = None
        self._reap_every = _REAP_EVERY
        self._empty: asyncio.Future[None] | None = None

    def note_request(self, conn: Outlet, now: float) -> None:
        """Notice when requests of different connections follow each other closely.

        Then one turn of the loop brings several of them, and their answers leave together at its
        end rather than one by one in between: a peer on the same machine, such as a proxy, is
        woken once for many answers (waking costs the sender 15 us in a virtual machine). With few
        connections at work nothing is held back.

        :arg now: seconds since the epoch.
        """
        if self._last is not conn:
            if now - self._last_time > _CLOSE:
                self._streak = 0
            else:
                self._streak += 1
                if self._streak >= _STREAK:
                    self.busy = True
            self._last = conn
        self._last_time = now

    def enqueue(self, conn: Outlet) -> None:
        """Uncork a connection when the loop has handled what it has read in this turn."""
        if not self._batch:
            self.loop.call_soon(self._uncork_all, context=self.context)
        self._batch.append(conn)

    def _uncork_all(self) -> None:
        batch = self._batch
        self._batch = []
        for conn in batch:
            conn.uncork()
        if len(batch) < _FEW:
            self.busy = False
            self._streak = 0

    def forget(self, conn: Outlet) -> None:
        """A connection is gone."""
        self.connections.discard(conn)
        if self._last is conn:
            self._last = None

    def now(self) -> float:
        """The loop's time, in seconds."""
        self.clock = self.loop.time()
        return self.clock

    def reaper_needed(self) -> None:
        """There is a connection whose deadlines someone has to watch."""
        if self._reaper is None:
            self._reaper = self.loop.call_later(self._reap_every, self._reap)

    def watch_closely(self, seconds: float) -> None:
        """Some deadlines are so short: look often enough that they are missed by a quarter at most.

        That lasts until no connection is left.
        """
        every = max(seconds / 4, _REAP_AT_MOST)
        if every < self._reap_every:
            self._reap_every = every
            if self._reaper is not None:
                self._reaper.cancel()
                self._reaper = None
                self.reaper_needed()

    def _reap(self) -> None:
        self._reaper = None
        now = self.now()
        due = [
            conn
            for conn in self.connections
            if 0.0 < conn.deadline <= now or 0.0 < conn.write_deadline <= now
        ]
        for conn in due:
            conn.expire(now)
        if self.connections:
            self.reaper_needed()

    def connection_closed(self, conn: Outlet) -> None:
        """A connection is gone; it was forgotten before."""
        if not self.connections:
            self._reap_every = _REAP_EVERY
            if self._reaper is not None:
                self._reaper.cancel()
                self._reaper = None
            if self._empty is not None and not self._empty.done():
                self._empty.set_result(None)

    async def wait_empty(self, timeout: float | None) -> bool:
        """Wait until no connection is left.

        :arg timeout: seconds, None for as long as it takes.
        :returns: whether that happened in time.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.connections:
            if self._empty is None or self._empty.done():
                self._empty = self.loop.create_future()
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            done, _ = await asyncio.wait([self._empty], timeout=left)
            if not done:
                return False
        return True

    def each(self) -> list[Any]:
        """The open connections."""
        return list(self.connections)
