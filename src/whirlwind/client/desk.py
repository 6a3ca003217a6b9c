"""Who may begin, and where connections go: the part of an engine that every request passes."""

from __future__ import annotations

import collections
import math
from typing import TYPE_CHECKING, Final

from whirlwind._public import start_values

if TYPE_CHECKING:
    from whirlwind.client.call import Call
    from whirlwind.client.connection import ClientConnection
    from whirlwind.client.pool import Pool
    from whirlwind.client.waiting import FairLine

_INFINITE: Final = math.inf


class Desk:
    """Calls that are under way or wait, and the connections they use.

    :ivar queue: the calls that wait for others to end.
    :ivar fair: the queue, where it is not simply first come, first served.
    :ivar active: the calls that are under way.
    :ivar connections: every connection that has not closed.
    :ivar next_look: float, when deadlines are looked at next, on the monotonic clock.
    """

    max_clients: int
    pool: Pool
    queue: collections.deque[Call] | FairLine
    fair: FairLine | None
    active: set[Call]
    connections: set[ClientConnection]
    closed: bool
    next_look: float
    _starting: bool

    def __init__(self, max_clients: int, pool: Pool) -> None:
        """
        :arg max_clients: calls that run at once.
        """
        self.max_clients = max_clients
        self.pool = pool
        self.queue = collections.deque()
        self.active = set()
        self.connections = set()
        self.next_look = _INFINITE

    def admit(self, call: Call) -> bool:
        """Let a call begin, or else queue it.

        :returns: whether it may begin; if not, ``start`` is called when it may.
        """
        fair = self.fair
        if len(self.active) >= self.max_clients or (
            self.queue if fair is None else not fair.admits(call)
        ):
            self.queue.append(call)
            return False
        self.active.add(call)
        if fair is not None:
            fair.began(call)
        return True

    def leave(self, call: Call) -> None:
        """A call is over, or will not begin."""
        if call in self.active:
            self.active.discard(call)
            if self.fair is not None:
                self.fair.ended(call)
            if self.queue:
                self._start_queued()
        else:
            try:
                self.queue.remove(call)
            except ValueError:
                pass
        if self.closed and not self.active and not self.queue:
            self.stop_timer()

    def _start_queued(self) -> None:
        if self._starting:
            return  # a call that fails at once leaves at once: not a level deeper for each
        self._starting = True
        try:
            while self.queue and len(self.active) < self.max_clients:
                call = self.queue.popleft()
                if call is None:
                    return
                self.active.add(call)
                if self.fair is not None:
                    self.fair.began(call)
                call.start()
        finally:
            self._starting = False

    def release(self, connection: ClientConnection, reusable: bool, now: float) -> None:
        """A call has no more use for its connection."""
        if reusable and not self.closed:
            self.pool.put(connection, now)
            if connection.expiry < self.next_look:
                self.watch(connection.expiry, now)
        else:
            connection.close()

    def forget(self, connection: ClientConnection) -> None:
        """A connection has closed or will."""
        self.pool.remove(connection)
        if connection.closed:
            self.connections.discard(connection)
            if self.closed and not self.connections:
                self.all_closed()

    def watch(self, deadline: float, now: float) -> None:
        """Look at all deadlines when this one passes, if not before."""
        raise RuntimeError("a desk alone has no clock")

    def stop_timer(self) -> None:
        """There are no deadlines to look at any more."""
        raise RuntimeError("a desk alone has no clock")

    def all_closed(self) -> None:
        """Nothing is left of a client that was closed."""
        raise RuntimeError("a desk alone does not close")


start_values(Desk, fair=None, closed=False, _starting=False)
