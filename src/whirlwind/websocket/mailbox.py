"""Where the messages of a client wait until they are read."""

import asyncio
from typing import Any


class Mailbox:
    """Has room for one message; whoever puts in another has to wait."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: list[Any] = []
        self._readers: list[asyncio.Future[Any]] = []
        self._room: asyncio.Future[None] | None = None
        self._closed = False
        self._stopped = False

    def put(self, message: Any) -> "asyncio.Future[None] | None":
        """Give a message to who reads, or keep it.

        :returns: None, or a future that is done when there is room again.
        """
        if self._stopped:
            return None
        readers = self._readers
        while readers:
            reader = readers.pop(0)
            if not reader.done():
                reader.set_result(message)
                return None
        self._items.append(message)
        if len(self._items) == 1:
            return None
        if self._room is None:
            self._room = self._loop.create_future()
        return self._room

    def get(self) -> "asyncio.Future[Any]":
        """A future of the next message; of None when there will be none."""
        future: asyncio.Future[Any] = self._loop.create_future()
        items = self._items
        if items:
            future.set_result(items.pop(0))
            if self._room is not None and len(items) < 2:
                room, self._room = self._room, None
                room.set_result(None)
        elif self._closed:
            future.set_result(None)
        else:
            self._readers.append(future)
        return future

    def close(self) -> None:
        """There will be no more messages; those that are here can still be read."""
        self._closed = True
        readers, self._readers = self._readers, []
        for reader in readers:
            if not reader.done():
                reader.set_result(None)

    def stop(self) -> None:
        """Nobody will read any more: keep nothing, and let nobody wait for room."""
        self._stopped = True
        self._items.clear()
        room, self._room = self._room, None
        if room is not None:
            room.set_result(None)
        self.close()

    def qsize(self) -> int:
        """How many messages wait."""
        return len(self._items)

    def empty(self) -> bool:
        """Whether none does."""
        return not self._items
