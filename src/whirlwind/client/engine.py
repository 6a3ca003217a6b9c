"""What the requests of one client share: the queue, the connections, the clock.

Theory of operation. `admit` starts a `Call` or queues it. A call takes an idle connection that
fits from the pool, or a task of its own makes one. When the call is over, its place goes to the
next in the queue, and its connection back to the pool.

Deadlines are numbers on the calls. One timer is set for the earliest of them that is known; when it
fires, all are looked at. Nearly every call is over long before, so that a timer for each would only
be made and cancelled.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import ssl
import time
import weakref
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final

from whirlwind.client.connection import ClientConnection
from whirlwind.client.desk import Desk
from whirlwind.client.dial import Dial
from whirlwind.client.pool import Pool
from whirlwind.client.waiting import FairLine
from whirlwind.protocol import limits

if TYPE_CHECKING:
    from whirlwind.client.call import Call
    from whirlwind.ioloop import IOLoop
    from whirlwind.netutil import Resolver

_clock: Final = time.monotonic
# Seconds of looking at one call's deadline. With thousands of calls, looks are further apart.
_SWEEP_COST: Final = 1e-6


class Engine(Desk):
    """The working parts of one client.

    :arg io_loop: the loop it lives on.
    :arg resolver: looks names up.
    :arg max_clients: calls that run at once; the others wait.
    :arg max_header_size: bytes of a response's head.
    :arg max_body_size: bytes of a response's body, compressed and decompressed.
    """

    #: What a loop that closes asks of those that are registered with it.
    stream: Any = None
    loop: asyncio.AbstractEventLoop

    def __init__(
        self,
        io_loop: IOLoop,
        resolver: Resolver,
        max_clients: int,
        max_header_size: int,
        max_body_size: int,
    ) -> None:
        kept = max(limits.MAX_IDLE_CONNECTIONS, max_clients)
        super().__init__(max_clients, Pool(kept, limits.CLIENT_IDLE_TIMEOUT))
        self.io_loop = io_loop
        self.loop = io_loop.asyncio_loop
        self.resolver = resolver
        self.max_header_size = max_header_size
        self.max_body_size = max_body_size
        #: ssl.SSLContext for proxies that are reached by TLS; the system's defaults when None.
        self.proxy_context: ssl.SSLContext | None = None
        # What is shared by all requests must not keep, or see, the context variables of one.
        self._context = contextvars.Context()
        self._timer: asyncio.TimerHandle | None = None
        self._guard: AsyncGenerator[None, None] | None = None
        io_loop._links.add(self)

    def twin_on(self, io_loop: IOLoop) -> Engine:
        """An engine with the same settings on another loop."""
        twin = Engine(
            io_loop, self.resolver, self.max_clients, self.max_header_size, self.max_body_size
        )
        twin.pool.max_idle = self.pool.max_idle
        twin.pool.idle_timeout = self.pool.idle_timeout
        twin.proxy_context = self.proxy_context
        if self.fair is not None:
            twin.queue = twin.fair = FairLine(self.fair.max_per_host)
        return twin

    # --- connections ----------------------------------------------------------------------------

    def connect(self, call: Call) -> asyncio.Task[None]:
        """Make a connection for a call, which hears of it by ``connected`` or ``fail``."""
        dial = Dial(call)
        call.connecting(dial)
        return self.loop.create_task(self._connect(call, dial), context=self._context)

    async def _connect(self, call: Call, dial: Dial) -> None:
        if self._guard is None:
            self._guard = _closed_with_loop(weakref.ref(self))
            await anext(self._guard)
        connection = ClientConnection(self, call.key)
        try:
            await dial.connect_to_origin(connection)
        except Exception as error:
            connection.abort()
            if isinstance(error, ConnectionError) and not error.args:
                error.args = (f"Connection closed {dial.phase}",)  # loops do not say where
            call.fail(error)
        except BaseException:
            connection.abort()
            # uvloop closes what it was connecting when it is cancelled, and does not tell.
            connection.connection_lost(None)
            raise
        else:
            call.connected(connection)

    # --- time -----------------------------------------------------------------------------------

    def watch(self, deadline: float, now: float) -> None:
        """Look at all deadlines when this one passes, if not before."""
        if deadline >= self.next_look:
            return
        if self._timer is not None:
            self._timer.cancel()
        self.next_look = deadline
        self._timer = self.loop.call_later(
            max(0.0, deadline - now), self._look, context=self._context
        )

    def _look(self) -> None:
        self._timer = None
        self.next_look = math.inf
        now = _clock()
        for calls in (self.active, self.queue):
            for call in [call for call in calls if call.deadline <= now]:
                call.expire(now)
        earliest = self.pool.expire(now)
        count = 0
        for calls in (self.active, self.queue):
            for call in calls:
                count += 1
                if call.deadline < earliest:
                    earliest = call.deadline
        if earliest < math.inf:
            self.watch(max(earliest, now + count * _SWEEP_COST), now)

    def stop_timer(self) -> None:
        """There are no deadlines to look at any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.next_look: float = math.inf

    def all_closed(self) -> None:
        """Nothing is left of a client that was closed."""
        self.io_loop._links.discard(self)

    # --- ending ---------------------------------------------------------------------------------

    def close_idle(self) -> None:
        """Close the connections that nobody uses, and the others as soon as nobody does."""
        self.closed = True
        self.pool.clear()
        if not self.connections:
            self.all_closed()
        if not self.active and not self.queue:
            self.stop_timer()
        guard, self._guard = self._guard, None
        if guard is not None:
            try:
                guard.aclose().send(None)
            except (StopIteration, RuntimeError):
                pass

    def close_from_anywhere(self) -> None:
        """`close_idle` for a client that is collected, which any thread may do."""
        if self.loop.is_running() and asyncio._get_running_loop() is not self.loop:
            self.loop.call_soon_threadsafe(self.close_idle)
        else:
            self.close_idle()

    async def closed_connections(self) -> None:
        """Wait until every connection has closed."""
        while self.connections:
            await asyncio.wait([connection.gone() for connection in self.connections])

    def abort(self) -> None:
        """Close every connection at once."""
        for connection in list(self.connections):
            connection.abort()

    def close(self) -> None:
        """The loop is about to close: leave nothing open behind it."""
        self.close_idle()
        self.abort()
        for _ in range(3):
            if self.connections and not self.loop.is_running() and not self.loop.is_closed():
                self.loop.run_until_complete(asyncio.sleep(0))


async def _closed_with_loop(ref: weakref.ref[Engine]) -> AsyncGenerator[None, None]:
    """Waits until ``asyncio.run`` ends the generators of its loop, the only word it gives."""
    try:
        yield
    finally:
        engine = ref()
        if engine is not None and engine._guard is not None:
            engine._guard = None
            engine.close_idle()
            engine.abort()
            if engine.connections:
                await asyncio.sleep(0)
