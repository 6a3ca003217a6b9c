"""Which asyncio loop we make, and which one runs in this thread."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
import warnings
from _thread import get_ident
from collections.abc import Callable

_Loop = asyncio.AbstractEventLoop

#: Loops of our own that run now, by thread.
_running: dict[int, _Loop] = {}
_asyncio_running_loop = asyncio._get_running_loop

if sys.version_info >= (3, 12):
    running_loop = asyncio._get_running_loop
else:

    def running_loop() -> _Loop | None:
        """The loop that runs in this thread, or None.

        Until Python 3.12 asyncio asks the kernel for the process id each time, lest a forked child
        believe that its parent's loop runs in it. That makes 0.1 to 0.5 us of every future,
        coroutine and callback; the loops that we make say it without a system call.
        """
        return _running.get(get_ident()) or _asyncio_running_loop()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_running.clear)


def new_event_loop() -> _Loop:
    """Make an asyncio loop: uvloop's where it is installed, on CPython and not on Windows.

    A program that chose its loop with ``asyncio.set_event_loop_policy`` keeps its choice.
    """
    factory = _uvloop_factory()
    if factory is None or _policy_was_chosen():
        return asyncio.new_event_loop()
    return factory()


@functools.cache
def _uvloop_factory() -> Callable[[], _Loop] | None:
    if sys.platform == "win32" or sys.implementation.name != "cpython":
        return None
    try:
        import uvloop
    except ImportError:
        return None

    class Loop(uvloop.Loop):
        """uvloop's loop; it notes where it runs for `running_loop`, and always closes."""

        if sys.version_info < (3, 12):

            def run_forever(self) -> None:
                thread = get_ident()
                outer = _running.get(thread)
                _running[thread] = self
                try:
                    super().run_forever()
                finally:
                    _running.pop(thread, None)
                    if outer is not None:  # and so there was an error
                        _running[thread] = outer

        def close(self) -> None:
            # Servers and transports that are still open are closed now, with a warning. Where it
            # is an error (-W error, pytest), they stay open, and uvloop waits for them for ever.
            if "warnings" not in sys.modules or not _is_error(ResourceWarning):
                super().close()  # the former when the interpreter is shutting down
                return
            with warnings.catch_warnings():
                warnings.simplefilter("always", ResourceWarning)
                super().close()

    # Who asks what kind of loop runs looks at the name of its module.
    Loop.__module__ = uvloop.Loop.__module__
    Loop.__qualname__ = "Loop"
    return Loop


def _is_error(category: type[Warning]) -> bool:
    return any(
        action == "error" and issubclass(category, listed)
        for action, _, listed, *_ in warnings.filters
    )


def _policy_was_chosen() -> bool:
    # From 3.14 on policies are deprecated, asking for one warns, and loops are chosen by factory.
    if sys.version_info >= (3, 14):
        return False
    return type(asyncio.get_event_loop_policy()) is not asyncio.DefaultEventLoopPolicy
