"""What the connections of one server on one loop share: application, limits, clock, reaper."""

import asyncio
import contextvars
import time
from collections.abc import Container
from typing import Any, Final, Protocol

from whirlwind.httputil.delegates import HTTPMessageDelegate, HTTPServerConnectionDelegate
from whirlwind.httputil.request import HTTPServerRequest
from whirlwind.protocol import limits
from whirlwind.protocol.heads import RequestHead
from whirlwind.server.decoder import BodyDecoder, decoder_for
from whirlwind.server.outlet import Outlet
from whirlwind.server.proxy import apply_proxy_fields

#: Seconds between two looks at the deadlines; none of them is shorter than two of these.
_REAP_EVERY: Final = 1.0

# What counts as a busy turn: so many requests, each of another connection than the one before and
# within so many seconds of it; it ends when a turn brings fewer than so many.
_STREAK: Final = 16
_CLOSE: Final = 0.0002
_FEW: Final = 4


class DirectApplication(Protocol):
    """An application that takes whole requests in one call, without delegates."""

    def serve(self, request: HTTPServerRequest) -> None:
        """Answer a request; its body is complete."""

    def open_body(self, request: HTTPServerRequest) -> HTTPMessageDelegate | None:
        """A receiver for the body that follows, or None to have it collected for `serve`."""


class Site:
    """One server on one loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        delegate: HTTPServerConnectionDelegate,
        direct: DirectApplication | None,
    ) -> None:
        """
        :arg loop: the loop that the connections live on.
        :arg delegate: starts requests in general, and hears of connections that close.
        :arg direct: used instead of ``delegate.start_request`` where the application allows it.
        """
        self.loop = loop
        self.delegate = delegate
        self.direct = direct
        done: asyncio.Future[None] = loop.create_future()
        done.set_result(None)
        self.done = done
        self.connections: set[Outlet] = set()
        self.context = contextvars.copy_context()
        self.clock = loop.time()
        self.max_head_size: int = limits.MAX_HEAD_SIZE
        self.max_body_size: int = limits.MAX_BODY_SIZE
        self.chunk_size: int = limits.CHUNK_SIZE
        self.header_timeout: float = limits.HEADER_TIMEOUT
        self.idle_timeout: float = limits.IDLE_TIMEOUT
        self.write_timeout: float = limits.WRITE_TIMEOUT
        self.linger_timeout: float = limits.LINGER_TIMEOUT
        self.body_timeout = 0.0
        self.no_keep_alive = False
        self.decompress = False
        self.xheaders = False
        self.trusted: Container[str] = ()
        self.protocol: str | None = None
        #: Whether answers wait for the end of the loop's turn.
        self.busy = False
        self._streak = 0
        self._last: Outlet | None = None
        self._last_time = 0.0
        self._batch: list[Outlet] = []
        self._reaper: asyncio.TimerHandle | None = None
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

    def apply_proxy_fields(self, request: HTTPServerRequest) -> None:
        """Believe the proxy in front of us about the client."""
        apply_proxy_fields(request, self.trusted)

    def body_decoder(self, head: RequestHead) -> BodyDecoder | None:
        """A decoder for the body that follows, if one is needed."""
        return decoder_for(head, self.chunk_size)

    def reaper_needed(self) -> None:
        """There is a connection whose deadlines someone has to watch."""
        if self._reaper is None:
            self._reaper = self.loop.call_later(_REAP_EVERY, self._reap)

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
        """A connection is gone."""
        self.delegate.on_close(conn)
        if not self.connections:
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
