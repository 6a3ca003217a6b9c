"""Tasks that run at once until they first wait, on every supported Python.

A task costs one turn of the event loop before its first step; most handlers never wait at all.
Python 3.12 has eager tasks. On 3.11 the first step of an ordinary task is caught on its way to the
loop and run in place, so the task is asyncio's own there too: ``current_task``, ``timeout``,
``TaskGroup`` and cancellation find what they expect.
"""

import asyncio
import sys
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

_T = TypeVar("_T")

# A loop keeps only weak references to its tasks: those that wait are kept alive here.
_waiting: set["asyncio.Task[Any]"] = set()


def start_now(coro: Coroutine[Any, Any, _T], loop: asyncio.AbstractEventLoop) -> "asyncio.Task[_T]":
    """Start a task and run it until it first waits.

    Must be called on the thread of ``loop`` while it runs, inside of a task or not. The task runs
    in a copy of the current context.

    :arg coro: what the task runs.
    :arg loop: the running loop.
    :returns: the task, done or waiting; it is kept alive until it is done.
    """
    task = _start(coro, loop)
    if not task.done():
        _waiting.add(task)
        task.add_done_callback(_waiting.discard)
    return task


if sys.version_info >= (3, 12):

    def _start(
        coro: Coroutine[Any, Any, _T], loop: asyncio.AbstractEventLoop
    ) -> "asyncio.Task[_T]":
        task = asyncio.Task(coro, loop=loop, eager_start=True)
        return task

else:

    class _FirstStep:
        """Stands in for ``call_soon`` and keeps what it was called with."""

        __slots__ = ("callback", "context")

        def __call__(self, callback: Callable[[], object], *, context: Context) -> None:
            self.callback = callback
            self.context = context

    def _start(
        coro: Coroutine[Any, Any, _T], loop: asyncio.AbstractEventLoop
    ) -> "asyncio.Task[_T]":
        step = _FirstStep()
        instance: Any = loop
        try:
            # An attribute of the instance hides the method for the one call that schedules the
            # first step; nothing else can run meanwhile.
            instance.call_soon = step
        except AttributeError:
            return loop.create_task(coro)  # a loop without a __dict__: one turn later, then
        try:
            task: asyncio.Task[_T] = asyncio.Task(coro, loop=loop)
        finally:
            del instance.call_soon
        outer = asyncio.current_task(loop)
        if outer is None:
            step.context.run(step.callback)
            return task
        _leave_task(loop, outer)
        try:
            step.context.run(step.callback)
        finally:
            _enter_task(loop, outer)
        return task


async def as_coroutine(awaitable: Awaitable[_T]) -> _T:
    """Wrap any awaitable for `start_now`, which takes coroutines."""
    return await awaitable
