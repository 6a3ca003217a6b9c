"""Tasks that run at once until they first wait, on every supported Python.

A task costs one turn of the event loop before its first step; most handlers never wait at all.
Python 3.12 has eager tasks. On 3.11 making a task costs ten times what running such a handler does,
so there a loop has one task, asyncio's own, that was made beforehand and whose first step has not
been run. A coroutine runs with that task as the current one; when it ends, the task is ready for
the next. When it waits, the task's first step is run, which makes the task wait for the same thing;
from then on it is the coroutine's own, and the loop gets another one. The coroutine that such a
task was made with is a `Relay`, which passes on whatever the task does to it.

A task that somebody holds, or has done anything to, is not used again: it gets the result of its
coroutine. So ``current_task``, ``timeout``, ``TaskGroup`` and cancellation find what they expect.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from gc import get_referents
from sys import getrefcount
from typing import Any, Final
from weakref import getweakrefcount, ref

from whirlwind.platform.coroutines import Returned, run_each

# Python has eager tasks of its own.
_NATIVE: Final = sys.version_info >= (3, 12)
if sys.version_info < (3, 12):
    # For those who make tasks of their own.
    from asyncio.tasks import _enter_task, _leave_task, _unregister_task

    _current_tasks: dict[Any, Any] = asyncio.tasks._current_tasks  # type: ignore[attr-defined]
else:
    _current_tasks = {}

# A loop keeps only weak references to its tasks: those that wait are kept alive here.
_waiting: set["asyncio.Task[Any]"] = set()

#: Where a loop has its relay.
_RELAY: Final = "_whirlwind_relay"

# How far the coroutine of a relay has come, of which its task has not heard; or that it has.
_RETURNED: Final = 1
_RAISED: Final = 2
_WAITS: Final = 3
_RELAYING: Final = 4


def start_now(
    coro: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop, context: Context
) -> Any:
    """Start a task and run it until it first waits.

    Must be called on the thread of ``loop`` while it runs, inside of a task or not.

    :arg coro: what the task runs.
    :arg loop: the running loop. If it has a task factory, that decides when the task starts.
    :arg context: the current context; the task runs in it or in a copy of it.
    :returns: the task, which is kept alive until it is done; None when the coroutine has ended
        without an exception and nobody looks at its task.
    """
    # No local variable for the task: when its coroutine has failed, the traceback has this frame.
    if loop.get_task_factory() is not None:
        return _keep(loop.create_task(coro))
    if _NATIVE:
        return _keep(asyncio.Task(coro, loop=loop, eager_start=True))  # type: ignore[call-arg]
    return _start(coro, loop, context)


def _keep(task: Any) -> Any:
    if not task.done():
        _waiting.add(task)
        task.add_done_callback(_waiting.discard)
    return task


def _start(coro: Any, loop: Any, context: Context) -> Any:
    relay: Relay | None = getattr(loop, _RELAY, None)
    if relay is None or relay.busy:
        try:
            fresh = Relay(loop)
        except AttributeError:
            return _keep(loop.create_task(coro))  # a loop without a __dict__: one turn later
        if relay is not None:
            relay.replaced = True
        relay = fresh
        setattr(loop, _RELAY, relay)
    return relay.start(coro, context)


class _FirstStep:
    """Stands in for ``call_soon`` and keeps what it was called with."""

    callback: Any = None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """
        :arg loop: the loop whose method it hides.
        """
        self._loop = loop

    def __call__(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Any:
        if self.callback is None:
            self.callback = callback
            return None
        # Another thread had looked the method up, for ``call_soon_threadsafe(loop.call_soon, f)``.
        return self._loop.call_soon(callback, *args, context=context)


class Relay:
    """The coroutine of a task that was made beforehand."""

    busy: bool

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """
        :arg loop: the running loop.
        :raises AttributeError: it is one that nothing can be assigned to.
        """
        self.loop = loop
        self.busy = False
        #: Whether the loop has another relay meanwhile.
        self.replaced = False
        self._context: Any = None
        self._task: Any = None
        self._state = _RELAYING
        self._outcome: Any = None
        self._generator: Any = run_each()
        self._send: Any = self._generator.send
        self._send(None)
        step = _FirstStep(loop)
        instance: Any = loop
        # An attribute of the instance hides the method for the one call that schedules the first
        # step; nothing else runs in this thread meanwhile.
        instance.call_soon = step
        coro: Any = self
        try:
            self._task = asyncio.Task(coro, loop=loop, context=Context())
        finally:
            del instance.call_soon
        self._step: Any = step.callback
        # Nobody is to see it, or wait for its end, before it runs something.
        _unregister_task(self._task)
        self._task._log_destroy_pending = False
        everyone: Any = asyncio.tasks._all_tasks  # type: ignore[attr-defined]
        self._registry: Any = everyone.data
        self._entry: Any = ref(self._task, everyone._remove)
        self._name: Any = self._task.get_name()
        self._referents = len(get_referents(self._task))
        self._references = getrefcount(self._task)

    def start(self, coro: Coroutine[Any, Any, Any], context: Context) -> Any:
        """Run a coroutine until it ends or first waits.

        :arg context: the current context.
        :returns: the task, None when the coroutine has returned and nobody looks at the task.
        """
        loop = self.loop
        outer = _current_tasks.get(loop)
        if outer is not None:
            _leave_task(loop, outer)
        self.busy = True
        self._registry.add(self._entry)
        _enter_task(loop, self._task)
        try:
            outcome = self._send(coro)
        except BaseException as error:
            self._state = _RAISED
            # Without this frame, which would hold the task that will hold the exception.
            trace = error.__traceback__
            self._outcome = error.with_traceback(None if trace is None else trace.tb_next)
            trace = None
        else:
            self._state = _RETURNED if type(outcome) is Returned else _WAITS
            self._outcome = outcome
            outcome = None
        _leave_task(loop, self._task)
        try:
            if self._state == _RETURNED and self._is_as_new():
                self._registry.discard(self._entry)
                self._outcome = None
                self.busy = False
                if self.replaced:
                    self._task = self._step = self._entry = None
                return None
            self._context = context
            return self._take_step()
        finally:
            if outer is not None:
                _enter_task(loop, outer)

    def _is_as_new(self) -> bool:
        """Whether nobody can tell the task from one that was just made.

        Nobody holds it, its name is the same, and it refers to nothing that it did not refer to at
        first: no callback, no attribute, no message of a cancellation.
        """
        return (
            getrefcount(self._task) == self._references
            and getweakrefcount(self._task) == 1
            and len(get_referents(self._task)) == self._referents
            and self._task.get_name() is self._name
        )

    def _take_step(self) -> Any:
        """Have the task make its first step, in which it meets what the coroutine came to."""
        self._task._log_destroy_pending = True
        if not self.replaced:
            setattr(self.loop, _RELAY, None)
        try:
            self._step()
        except BaseException:
            self._let_go()
            raise
        return self._let_go()

    def _let_go(self) -> Any:
        """Break the circle of task and relay, and keep the task alive if it has to wait."""
        task = self._task
        self._task = self._step = self._entry = None
        return _keep(task)

    # --- the coroutine's side -------------------------------------------------------------------

    def send(self, value: Any) -> Any:
        """Go on, says the task."""
        if self._state == _RELAYING:
            return self._relayed(self._context.run(self._send, value))
        state = self._state
        outcome = self._outcome
        self._state = _RELAYING
        self._outcome = None
        if state == _WAITS:
            return outcome
        if state == _RETURNED:
            raise StopIteration(outcome.value)
        try:
            raise outcome
        finally:
            outcome = None  # its traceback has this frame

    def throw(self, error: Any, value: Any = None, traceback: Any = None) -> Any:
        """You are cancelled, says the task."""
        if self._state == _RELAYING:
            return self._relayed(self._context.run(self._generator.throw, error))
        if self._state == _RAISED:
            return self.send(None)
        state = self._state
        outcome = self._outcome
        self._state = _RELAYING
        self._outcome = None
        if state == _RETURNED:
            raise error
        # It was cancelled before it waited. The first thing that a task then does about what it
        # waits for is to cancel that; but this one sees it only now, and has to be told again.
        self._task.cancel(*error.args[:1])
        self._task.uncancel()
        return outcome

    def _relayed(self, outcome: Any) -> Any:
        if type(outcome) is Returned:
            raise StopIteration(outcome.value)
        return outcome

    def close(self) -> None:
        """You will not be run any more, says somebody."""
        self._generator.close()

    @property
    def cr_await(self) -> Any:
        """The coroutine that it runs: for those who look through tasks to see where they wait."""
        return self._generator.gi_yieldfrom

    @property
    def context(self) -> Context:
        """What its coroutine runs in; the task, which was made before, does not know."""
        context: Context = self._context
        return context

    def __await__(self) -> Generator[Any, Any, Any]:
        raise RuntimeError("a relay is run by its task only")


Coroutine.register(Relay)
