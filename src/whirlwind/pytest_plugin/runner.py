"""`Runner`: an event loop that fixtures and tests share, with limits, and an eye on what stays."""

import asyncio
import contextvars
import gc
import os
import sys
import traceback
from collections.abc import AsyncGenerator, Coroutine
from types import TracebackType
from typing import Any, Final

import pytest

from whirlwind.ioloop import IOLoop, _loop_of_thread
from whirlwind.platform.loops import _uvloop_factory, new_event_loop
from whirlwind.pytest_plugin import waiting

#: Seconds in which what was cancelled has to end. Code that cleans up needs some; what ignores
#: its cancellation is not to stop the whole run.
PATIENCE: Final = 5.0
#: Seconds for tasks that are about to end by themselves, such as handlers whose client has left.
GRACE: Final = 1.0

#: What a task comes from: the id of the node whose fixtures or test it is, or a server's. Tasks
#: inherit it from each other, and handlers from what their server was started in.
_owner: "contextvars.ContextVar[str]" = contextvars.ContextVar("whirlwind_test")

_ASYNCIO: Final = os.path.dirname(asyncio.__file__)


class Runner:
    """Runs coroutines on a loop of its own, which is the current one of the thread meanwhile.

    :arg kind: ``auto``: what Whirlwind uses by itself; ``asyncio`` or ``uvloop``.
    :raises pytest.UsageError: uvloop is wanted and not installed.
    """

    def __init__(self, kind: str) -> None:
        self._previous = _loop_of_thread()
        self.io_loop: IOLoop = _make_loop(kind)
        self.loop: asyncio.AbstractEventLoop = self.io_loop.asyncio_loop
        self.io_loop.make_current()
        self.loop.set_exception_handler(self._hear)
        #: How many need the loop; see `plugin.State`.
        self.users = 0
        #: Whether somebody looks at the program in a debugger: no limits then.
        self.debugging = False
        #: Whether what the loop tells its exception handler is a mistake of the test.
        self.checking: bool = False
        self.mistakes: list[str] = []
        self._holding: set[asyncio.Task[Any]] = set()

    # --- running --------------------------------------------------------------------------------

    def run(
        self,
        coro: Coroutine[Any, Any, Any],
        context: contextvars.Context,
        limit: float,
        name: str,
    ) -> Any:
        """Run a coroutine to its end.

        :arg context: what it runs in, itself and not a copy.
        :arg limit: seconds; 0 for none.
        :arg name: what it is, for messages.
        :returns: its result.
        """
        __tracebackhide__ = True
        task = self.loop.create_task(coro, context=context)
        return self._wait(task, task, limit, name)

    def hold(
        self,
        generator: AsyncGenerator[Any, None],
        context: contextvars.Context,
        limit: float,
        name: str,
    ) -> "Held":
        """Run an asynchronous generator to its first value, in a task that is there to its end.

        So what it enters, such as a `asyncio.TaskGroup` or `asyncio.timeout`, it also leaves there.

        :returns: the value, and the way to go on.
        """
        __tracebackhide__ = True
        held = Held(self, generator, limit, name)
        task = self.loop.create_task(held.live(), context=context)
        held.task = task
        self._holding.add(task)
        task.add_done_callback(self._holding.discard)
        held.value = self._wait(held.ready, task, limit, f"the setup of {name}")
        return held

    def _wait(
        self,
        awaited: "asyncio.Future[Any]",
        task: "asyncio.Task[Any]",
        limit: float,
        name: str,
    ) -> Any:
        __tracebackhide__ = True
        watch = _Watch(self, task, limit)
        result = raised = None
        try:
            result = self.loop.run_until_complete(awaited)
        except BaseException as error:
            error.__traceback__ = _without_loops(error.__traceback__)
            if watch.seen is None and (awaited.done() or not isinstance(error, RuntimeError)):
                raise
            raised = error
        finally:
            watch.stop()
        if watch.seen is not None:
            watch.fail(name, raised)
        if raised is not None:
            text = f"Something stopped the event loop while {name} waited here:\n"
            pytest.fail(text + waiting.where_it_waits(task).rstrip("\n"), pytrace=False)
        return result

    # --- what is left ---------------------------------------------------------------------------

    def tasks(self, owner: str | None) -> "list[asyncio.Task[Any]]":
        """Tasks that run, other than those that hold fixtures.

        :arg owner: the id of the node that they come from; None for all.
        """
        found = asyncio.all_tasks(self.loop) if owner is None else tasks_of(owner, self.loop)
        return [task for task in found if task not in self._holding]

    def wait_a_moment(self, tasks: "list[asyncio.Task[Any]]") -> "list[asyncio.Task[Any]]":
        """Let tasks end that are about to; returns those that have not."""
        _, pending = self.loop.run_until_complete(asyncio.wait(tasks, timeout=GRACE))
        return list(pending)

    def end(self, tasks: "list[asyncio.Task[Any]]") -> None:
        """Cancel tasks and see them to their ends."""
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks, timeout=PATIENCE))
        for task in tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
            elif not task.cancelled():
                task.exception()

    def take_mistakes(self) -> list[str]:
        """What the loop was told of exceptions that nobody has seen, and forget it."""
        # Tasks and their exceptions refer to each other; those of this test are young.
        gc.collect(1)
        self.loop.run_until_complete(asyncio.sleep(0))
        mistakes, self.mistakes = self.mistakes, []
        return mistakes

    def _hear(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if self.checking:
            self.mistakes.append(waiting.tell(context))
        else:
            loop.default_exception_handler(context)

    def close(self) -> None:
        """Cancel what runs, and close the loop and what it watches."""
        self.checking = False
        try:
            self.end(list(asyncio.all_tasks(self.loop)))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            self.io_loop.close(all_fds=True)
            if _loop_of_thread() is self.loop:
                previous = self._previous
                usable = previous is not None and not previous.is_closed()
                asyncio.set_event_loop(previous if usable else None)


class Held:
    """An asynchronous generator that has yielded its value and waits."""

    task: "asyncio.Task[None]"
    value: Any

    def __init__(
        self, runner: Runner, generator: AsyncGenerator[Any, None], limit: float, name: str
    ) -> None:
        self._runner = runner
        self._generator = generator
        self._limit = limit
        self._name = name
        self._go_on = asyncio.Event()
        self.ready: asyncio.Future[Any] = runner.loop.create_future()

    async def live(self) -> None:
        """What the task runs."""
        try:
            value = await anext(self._generator)
        except StopAsyncIteration:
            self.ready.set_exception(self._wrong("yields nothing"))
            return
        except BaseException as error:
            self.ready.set_exception(error)
            return
        self.ready.set_result(value)
        try:
            await self._go_on.wait()
        except asyncio.CancelledError as error:
            # Something that the generator has entered cancels it, as a task group does.
            await self._generator.athrow(error)
        try:
            await anext(self._generator)
        except StopAsyncIteration:
            return
        await self._generator.aclose()
        raise self._wrong("yields more than once")

    def _wrong(self, what: str) -> BaseException:
        return pytest.fail.Exception(f"{self._name} {what}", pytrace=False)

    def leave(self) -> None:
        """Run the generator to its end."""
        __tracebackhide__ = True
        self._go_on.set()
        self._runner._wait(self.task, self.task, self._limit, f"the end of {self._name}")


class _Watch:
    """The limit of one run: looks where the task stands when it is over, and cancels it."""

    def __init__(self, runner: Runner, task: "asyncio.Task[Any]", limit: float) -> None:
        self._runner = runner
        self._task = task
        self._limit = limit
        self._stuck = False
        #: Where everything stood when the time was over.
        self.seen: str | None = None
        self._timer = runner.loop.call_later(limit, self._expire) if limit else None

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _expire(self) -> None:
        if self._runner.debugging or self._task.done():
            return
        self.seen = waiting.where_it_waits(self._task) or "  (not begun)\n"
        others = [task for task in self._runner.tasks(None) if task is not self._task]
        if others:
            self.seen += f"Other tasks:\n{waiting.list_tasks(others)}"
        self._task.cancel()
        self._timer = self._runner.loop.call_later(PATIENCE, self._give_up)

    def _give_up(self) -> None:
        self._stuck = True
        self._runner.loop.stop()

    def fail(self, name: str, error: BaseException | None) -> None:
        """Say that the time was over.

        :arg error: what the run ended with, besides its cancellation.
        """
        __tracebackhide__ = True
        text = f"{name} took longer than {self._limit:g} s. It waited here:\n{self.seen}"
        if self._stuck:
            text += f"It was cancelled, and went on for {PATIENCE:g} s more.\n"
        elif error is not None and not isinstance(error, asyncio.CancelledError):
            trace = "".join(traceback.format_exception(error))
            text += f"When it was cancelled, it raised:\n{trace}"
        pytest.fail(text.rstrip("\n"), pytrace=False)


def context_for(owner: str, inherited: contextvars.Context) -> contextvars.Context:
    """Make the context of a node's fixtures or test, or of a server."""
    context = inherited.copy()
    context.run(_owner.set, owner)
    return context


def tasks_of(owner: str, loop: asyncio.AbstractEventLoop) -> "list[asyncio.Task[Any]]":
    """Tasks that come from a node or a server and run."""
    return [task for task in asyncio.all_tasks(loop) if _owner_of(task) == owner]


def _owner_of(task: "asyncio.Task[Any]") -> str | None:
    if sys.version_info >= (3, 12):
        return task.get_context().get(_owner)
    # Before 3.12 tasks do not show their context; what they refer to includes it. And some of ours
    # are made before their coroutine, which has another one.
    coro: Any = task.get_coro()
    for found in [getattr(coro, "context", None), *gc.get_referents(task)]:
        if type(found) is contextvars.Context and _owner in found:
            return found[_owner]
    return None


def _make_loop(kind: str) -> IOLoop:
    loop: asyncio.AbstractEventLoop
    if kind == "auto":
        loop = new_event_loop()
    elif kind == "uvloop":
        factory = _uvloop_factory()
        if factory is None:
            raise pytest.UsageError("whirlwind_loop = uvloop: uvloop is not installed")
        loop = factory()
    elif sys.platform == "win32":
        loop = asyncio.ProactorEventLoop()
    else:
        loop = asyncio.SelectorEventLoop()
    made: IOLoop = IOLoop(make_current=False, asyncio_loop=loop)
    return made


def _without_loops(trace: TracebackType | None) -> TracebackType | None:
    """Leave out the steps from pytest to the coroutine: loops, futures, this file."""
    first = trace
    while first is not None:
        file = first.tb_frame.f_code.co_filename
        if file != __file__ and not file.startswith(_ASYNCIO) and "uvloop" not in file:
            return first
        first = first.tb_next
    return trace
