"""``add_reader`` for loops that have none: a thread that waits in ``select``.

Windows' default loop completes operations instead of telling when a socket is ready.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Any, ClassVar

from whirlwind._public import claim

_Watched = dict[int, tuple[Any, Callable[[], None]]]


class SelectorThread:
    """Waits for descriptors in a thread and calls back on a loop.

    The thread hands over what is ready and waits until the loop has seen to it, so that a
    descriptor is not reported twice.

    :arg real_loop: the loop that the callbacks run on.
    """

    def __init__(self, real_loop: asyncio.AbstractEventLoop) -> None:
        self._real_loop = real_loop
        self._condition = threading.Condition()
        self._work: tuple[list[int], list[int]] | None = None
        self._closed = False
        self._readers: _Watched = {}
        self._writers: _Watched = {}
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_out.setblocking(False)
        self._wake_in.setblocking(False)
        self._thread: threading.Thread | None = None
        self._guard = self._close_with_loop()
        self.add_reader(self._wake_out, self._drain_wake)
        real_loop.call_soon(self._start)

    def _start(self) -> None:
        if self._closed:
            return
        # asyncio.run closes open asynchronous generators before it closes its loop: the only
        # notice that a loop we do not own gives of its end. To open it takes no task, of which a
        # loop that stops now would leave something behind.
        with contextlib.suppress(StopIteration):
            anext(self._guard).__await__().__next__()
        # A daemon: a program that forgets to close the loop must still be able to exit.
        self._thread = threading.Thread(target=self._run, name="whirlwind selector", daemon=True)
        self._thread.start()
        self._select_again()

    async def _close_with_loop(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self.close()

    def close(self) -> None:
        """Stop the thread. Descriptors that were watched stay open."""
        if self._closed:
            return
        with self._condition:
            self._closed = True
            self._condition.notify()
        self._wake()
        if self._thread is not None:
            self._thread.join()
        self._readers.clear()
        self._writers.clear()
        self._wake_out.close()
        self._wake_in.close()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            self._wake_in.send(b"x")

    def _drain_wake(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            self._wake_out.recv(4096)

    def _select_again(self) -> None:
        with self._condition:
            self._work = (list(self._readers), list(self._writers))
            self._condition.notify()

    def _has_news(self) -> bool:
        return self._work is not None or self._closed

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(self._has_news)
                if self._closed or self._work is None:
                    return
                readers, writers = self._work
                self._work = None
            try:
                # A failed connect shows up in the third set on Windows.
                readable, writable, failed = select.select(readers, writers, writers)
            except (OSError, ValueError):
                # A descriptor was closed under our hands: the loop takes it out, we look again.
                readable, writable, failed = [self._wake_out.fileno()], [], []
            try:
                self._real_loop.call_soon_threadsafe(self._dispatch, readable, [*writable, *failed])
            except RuntimeError:
                return

    def _dispatch(self, readable: list[int], writable: list[int]) -> None:
        for fd in readable:
            self._call(self._readers, fd)
        for fd in dict.fromkeys(writable):
            self._call(self._writers, fd)
        if not self._closed:
            self._select_again()

    def _call(self, watched: _Watched, fd: int) -> None:
        found = watched.get(fd)
        if found is None:
            return
        try:
            found[1]()
        except Exception as error:
            self._real_loop.call_exception_handler(
                {"message": f"Exception in callback for fd {fd}", "exception": error}
            )

    def add_reader(self, fd: Any, callback: Callable[..., Any], *args: Any) -> None:
        """Call ``callback(*args)`` whenever ``fd`` can be read."""
        self._readers[_number(fd)] = (fd, lambda: callback(*args))
        self._wake()

    def add_writer(self, fd: Any, callback: Callable[..., Any], *args: Any) -> None:
        """Call ``callback(*args)`` whenever ``fd`` can be written."""
        self._writers[_number(fd)] = (fd, lambda: callback(*args))
        self._wake()

    def remove_reader(self, fd: Any) -> bool:
        """Stop watching ``fd`` for reading; returns whether it was watched."""
        found = self._readers.pop(_number(fd), None)
        self._wake()
        return found is not None

    def remove_writer(self, fd: Any) -> bool:
        """Stop watching ``fd`` for writing; returns whether it was watched."""
        found = self._writers.pop(_number(fd), None)
        self._wake()
        return found is not None


def _number(fd: Any) -> int:
    return fd if isinstance(fd, int) else int(fd.fileno())


class AddThreadSelectorEventLoop(asyncio.AbstractEventLoop):
    """A loop with ``add_reader`` and ``add_writer`` in front of one that lacks them.

    :arg real_loop: the loop that does everything else.
    """

    MY_ATTRIBUTES: ClassVar[set[str]] = {
        "_real_loop",
        "_selector",
        "add_reader",
        "add_writer",
        "close",
        "remove_reader",
        "remove_writer",
    }

    def __getattribute__(self, name: str) -> Any:
        if name in AddThreadSelectorEventLoop.MY_ATTRIBUTES or name.startswith("__"):
            return super().__getattribute__(name)
        return getattr(self._real_loop, name)

    def __init__(self, real_loop: asyncio.AbstractEventLoop) -> None:
        self._real_loop = real_loop
        self._selector = SelectorThread(real_loop)

    def close(self) -> None:
        self._selector.close()
        self._real_loop.close()

    def add_reader(  # type: ignore[override]
        self, fd: Any, callback: Callable[..., Any], *args: Any
    ) -> None:
        self._selector.add_reader(fd, callback, *args)

    def add_writer(  # type: ignore[override]
        self, fd: Any, callback: Callable[..., Any], *args: Any
    ) -> None:
        self._selector.add_writer(fd, callback, *args)

    def remove_reader(self, fd: Any) -> bool:
        return self._selector.remove_reader(fd)

    def remove_writer(self, fd: Any) -> bool:
        return self._selector.remove_writer(fd)


claim("whirlwind.platform.asyncio", SelectorThread, AddThreadSelectorEventLoop)
