"""Writes that wait until a slow peer has read."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any
from weakref import WeakSet


class WriteWaiters:
    """The writes of one connection that wait for its peer.

    Most programs do not look at what a write answers, and a peer that reads nothing can make any
    number of them: only those that somebody waits for are kept.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._all: WeakSet[Write] = WeakSet()
        self._awaited: set[Any] = set()

    def add(self) -> "Write":
        """Another write; whoever cancels it disturbs no other."""
        write = Write(self._awaited, self._loop)
        self._all.add(write)
        return write

    def succeed(self) -> None:
        """The peer has read."""
        for write in self._all:
            if not write.done():
                write.set_result(None)

    def fail(self, error: Exception) -> None:
        """The connection is gone."""
        for write in self._all:
            if not write.done():
                write.set_exception(error)
                write.exception()  # nobody has to look


class Write(asyncio.Future[None]):
    """Done when the peer has taken enough."""

    def __init__(self, awaited: set[Any], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._awaited = awaited

    def add_done_callback(
        self, fn: Callable[[Any], object], /, *, context: Context | None = None
    ) -> None:
        """As `asyncio.Future.add_done_callback`; from now on somebody waits."""
        if not self.done() and self not in self._awaited:
            self._awaited.add(self)
            super().add_done_callback(self._awaited.discard)
        super().add_done_callback(fn, context=context)
