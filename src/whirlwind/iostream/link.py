"""What the event loop holds of a stream: :class:`Link`."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from whirlwind.platform.loops import running_loop

if TYPE_CHECKING:
    from whirlwind.iostream.base import BaseIOStream


class Link:
    """What the loop holds of a stream.

    A reader stays registered between reads, because on uvloop adding and removing it costs more
    system calls than reading itself. The loop must not keep an idle stream alive that its owner
    has dropped, so it reaches it through a weak reference, and a strong one while something waits.
    """

    __slots__ = ("__weakref__", "_fd", "_io_loop", "_ref", "pin", "reading", "writing")
    reading: bool
    writing: bool

    def __init__(self, stream: BaseIOStream) -> None:
        self._io_loop = stream.io_loop
        self._ref = weakref.ref(stream, self._collected)
        self._fd = -1
        self.reading = False
        self.writing = False
        self.pin: BaseIOStream | None = None
        self._io_loop._links.add(self)

    def _collected(self, _: object) -> None:
        loop = self._io_loop.asyncio_loop
        if loop.is_closed():
            self._io_loop._links.discard(self)
        elif not loop.is_running() or running_loop() is loop:
            self.close()
        else:
            loop.call_soon_threadsafe(self.close)

    @property
    def stream(self) -> BaseIOStream | None:
        return self._ref()

    def start_reader(self, fd: int) -> None:
        if not self.reading:
            self._io_loop.selector_loop.add_reader(fd, self.readable)
            self._fd = fd
            self.reading = True

    def start_writer(self, fd: int) -> None:
        if not self.writing:
            self._io_loop.selector_loop.add_writer(fd, self.writable)
            self._fd = fd
            self.writing = True

    def stop_reader(self) -> None:
        if self.reading:
            self.reading = False
            self._io_loop.selector_loop.remove_reader(self._fd)

    def stop_writer(self) -> None:
        if self.writing:
            self.writing = False
            self._io_loop.selector_loop.remove_writer(self._fd)

    def renew(self) -> None:
        """Register again what was registered: the loop has another one below it, after a fork."""
        if self.reading:
            self._io_loop.selector_loop.add_reader(self._fd, self.readable)
        if self.writing:
            self._io_loop.selector_loop.add_writer(self._fd, self.writable)

    def close(self) -> None:
        self.pin = None
        self._io_loop._links.discard(self)
        if not self._io_loop.asyncio_loop.is_closed():
            self.stop_reader()
            self.stop_writer()

    def readable(self) -> None:
        stream = self.pin or self._ref()
        if stream is not None:
            stream._on_readable()

    def writable(self) -> None:
        stream = self.pin or self._ref()
        if stream is not None:
            stream._on_writable()
