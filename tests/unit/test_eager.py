"""whirlwind.platform.eager: coroutines that start at once are run by tasks like any other.

What a coroutine and others can see of its task is compared with what a task of `create_task` shows.
"""

import asyncio
import contextvars
import gc
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import pytest

from tests.unit.loops import Run, run
from whirlwind.platform.coroutines import as_coroutine
from whirlwind.platform.eager import start_now

__all__ = ["run"]

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")
Log = Callable[[object], None]
Scenario = Callable[[Log], Coroutine[Any, Any, Any]]

READY_MADE = pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python has eager tasks")


def started(coro: Coroutine[Any, Any, Any]) -> Any:
    """Start a coroutine as a server does: in a context of its own, outside of any task."""
    context = contextvars.copy_context()
    return context.run(start_now, coro, asyncio.get_running_loop(), context)


def is_over(task: Any) -> bool:
    """Whether a coroutine that was started has returned."""
    return task is None or (task.done() and not task.cancelled() and task.exception() is None)


async def outside(function: Callable[[], Any]) -> Any:
    """Call a function from the loop, where no task is current."""
    loop = asyncio.get_running_loop()
    result = loop.create_future()

    def call() -> None:
        try:
            result.set_result(function())
        except BaseException as error:
            result.set_exception(error)

    loop.call_soon(call)
    return await result


# --- what a coroutine may do to its task, and what comes of it ----------------------------------


def current() -> "asyncio.Task[Any]":
    task = asyncio.current_task()
    assert task is not None
    return task


async def returns(log: Log) -> str:
    return "value"


async def returns_after_a_wait(log: Log) -> str:
    await asyncio.sleep(0)
    return "value"


async def raises(log: Log) -> None:
    raise KeyError("key")


async def raises_after_a_wait(log: Log) -> None:
    await asyncio.sleep(0)
    raise KeyError("key")


async def raises_cancelled(log: Log) -> None:
    raise asyncio.CancelledError("mine")


async def yields_nonsense(log: Log) -> None:
    class Nonsense:
        def __await__(self) -> Iterator[Any]:
            yield 7

    try:
        await Nonsense()
    except RuntimeError as error:
        log(str(error)[:24])
        raise


async def waits_for_a_task_that_is_done(log: Log) -> None:
    task = asyncio.ensure_future(asyncio.sleep(0, "slept"))
    await asyncio.sleep(0.001)
    log(await task)


async def cancels_itself(log: Log) -> None:
    log(current().cancel("why"))
    log(current().cancelling())


async def cancels_itself_and_raises(log: Log) -> None:
    current().cancel("why")
    raise KeyError("key")


async def cancels_itself_and_waits(log: Log) -> str:
    current().cancel("why")
    log(current().cancelling())
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError as error:
        log(error.args)
        log(current().cancelling())
        log(current().uncancel())
    await asyncio.sleep(0)
    return "after all"


async def cancels_itself_twice_and_waits(log: Log) -> None:
    current().cancel("one")
    current().cancel("two")
    try:
        await asyncio.sleep(10)
    finally:
        log(current().cancelling())


async def cancels_itself_and_sleeps_zero(log: Log) -> None:
    current().cancel()
    try:
        await asyncio.sleep(0)
    finally:
        log("finally")


async def cancels_and_uncancels(log: Log) -> None:
    current().cancel()
    log(current().uncancel())
    try:
        await asyncio.sleep(0)
        log("went on")
    finally:
        log(current().cancelling())


async def cancels_itself_while_a_child_runs(log: Log) -> None:
    async def child() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError as error:
            log(("child", error.args))
            raise

    task = asyncio.ensure_future(child())
    await asyncio.sleep(0)
    current().cancel("parent")
    try:
        await task
    finally:
        log(("task", task.cancelled(), task.cancelling()))


async def cancels_itself_before_a_new_child(log: Log) -> None:
    async def child() -> None:
        log("never runs")

    task = asyncio.ensure_future(child())
    current().cancel("parent")
    try:
        await task
    finally:
        log(("task", task.cancelled()))


async def cancels_itself_before_a_stubborn_future(log: Log) -> None:
    class Stubborn(asyncio.Future[str]):
        def cancel(self, msg: object = None) -> bool:
            log(("asked", msg))
            return False

    future = Stubborn()
    asyncio.get_running_loop().call_soon(future.set_result, "result")
    current().cancel("no")
    try:
        log(await future)
    except asyncio.CancelledError as error:
        log(("cancelled", error.args, current().cancelling()))
        current().uncancel()
    await asyncio.sleep(0)


async def shields(log: Log) -> None:
    inner = asyncio.ensure_future(asyncio.sleep(0.001, "inner"))
    current().cancel()
    try:
        await asyncio.shield(inner)
    except asyncio.CancelledError:
        log(await inner)
        raise


async def is_cancelled_by_a_callback(log: Log) -> None:
    asyncio.get_running_loop().call_soon(current().cancel, "later")
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError as error:
        log(error.args)
        raise


async def times_out(log: Log) -> None:
    try:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(10)
    except TimeoutError:
        log(("timeout", current().cancelling()))


async def times_out_at_once(log: Log) -> None:
    try:
        async with asyncio.timeout(-1):
            await asyncio.sleep(10)
    except TimeoutError:
        log(("timeout", current().cancelling()))


async def does_not_time_out(log: Log) -> None:
    async with asyncio.timeout(10):  # noqa: ASYNC100
        log("in time")


async def groups(log: Log) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(asyncio.sleep(0, number)) for number in range(3)]
    log([task.result() for task in tasks])


async def group_that_fails(log: Log) -> None:
    async def fail() -> None:
        raise KeyError("child")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            await asyncio.sleep(10)
    except* KeyError as errors:
        log(len(errors.exceptions))
    log(current().cancelling())


async def empty_group(log: Log) -> None:
    async with asyncio.TaskGroup():
        pass
    log("left")


async def gathers(log: Log) -> None:
    log(await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0, 2)))


async def looks_at_itself(log: Log) -> None:
    before = current()
    log(before.done())
    log(before in asyncio.all_tasks())
    log(before.get_loop() is asyncio.get_running_loop())
    await asyncio.sleep(0)
    log(before is current())
    log(before in asyncio.all_tasks())
    log(before.done())


async def has_a_callback(log: Log) -> str:
    current().add_done_callback(lambda task: log(("callback", task.done(), task.cancelled())))
    return "value"


async def has_a_callback_and_waits(log: Log) -> str:
    current().add_done_callback(lambda task: log(("callback", task.result())))
    await asyncio.sleep(0)
    return "value"


async def closes_a_generator(log: Log) -> None:
    async def numbers() -> Any:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            log("closed")

    generator = numbers()
    async for number in generator:
        log(number)
        break
    await generator.aclose()


async def waits_for_a_thread(log: Log) -> None:
    log(await asyncio.to_thread(VARIABLE.get))


async def context_stays(log: Log) -> None:
    log(VARIABLE.get())
    VARIABLE.set("set")
    await asyncio.sleep(0)
    log(VARIABLE.get())
    VARIABLE.set("again")
    log(await asyncio.ensure_future(as_coroutine(reads_context())))
    log(VARIABLE.get())


async def reads_context() -> str:
    await asyncio.sleep(0)
    return VARIABLE.get()


SCENARIOS: list[Scenario] = [
    returns,
    returns_after_a_wait,
    raises,
    raises_after_a_wait,
    raises_cancelled,
    yields_nonsense,
    waits_for_a_task_that_is_done,
    cancels_itself,
    cancels_itself_and_raises,
    cancels_itself_and_waits,
    cancels_itself_twice_and_waits,
    cancels_itself_and_sleeps_zero,
    cancels_and_uncancels,
    cancels_itself_while_a_child_runs,
    cancels_itself_before_a_new_child,
    cancels_itself_before_a_stubborn_future,
    shields,
    is_cancelled_by_a_callback,
    times_out,
    times_out_at_once,
    does_not_time_out,
    groups,
    group_that_fails,
    empty_group,
    gathers,
    looks_at_itself,
    has_a_callback,
    has_a_callback_and_waits,
    closes_a_generator,
    waits_for_a_thread,
    context_stays,
]


async def observe(start: Callable[[Any], Any], scenario: Scenario) -> list[object]:
    """Run a scenario in a task made by ``start``; what it logged, and what the task says."""
    seen: list[object] = []
    task = await outside(lambda: start(scenario(seen.append)))
    if task is None:
        return [*seen, "returned"]
    try:
        await asyncio.wait([task])
    finally:
        # `wait` leaves no trace of what came out.
        if task.cancelled():
            try:
                await task
            except asyncio.CancelledError as error:
                seen.append(("cancelled", error.args))
        elif task.exception() is not None:
            seen.append(repr(task.exception()))
        else:
            seen.append("returned")
    await asyncio.sleep(0)  # its callbacks
    return seen


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_as_in_a_task_of_create_task(run: Run, scenario: Scenario) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        expected = await observe(loop.create_task, scenario)
        for _ in range(3):  # with a new task, and with one that ran something else before
            assert await observe(started, scenario) == expected
            assert is_over(await outside(lambda: started(returns(print))))

    run(main)


# --- which tasks are used again -----------------------------------------------------------------


async def tasks_of(*coroutines: Callable[[], Coroutine[Any, Any, Any]]) -> list[Any]:
    """Run coroutines one after the other; the identities of their tasks, as numbers."""
    numbers: dict[int, int] = {}
    found = []

    async def note(function: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        found.append(numbers.setdefault(id(current()), len(numbers)))
        await function()

    keep = [await outside(lambda f=function: started(note(f))) for function in coroutines]
    assert all(task is None or task.done() for task in keep)
    return found


async def nothing() -> None:
    """Leave no trace."""


@READY_MADE
def test_a_task_without_a_trace_is_used_again(run: Run) -> None:
    async def main() -> None:
        assert await tasks_of(nothing, nothing, nothing) == [0, 0, 0]

    run(main)


kept: list[Any] = []


class Holder:
    """Something a weak dictionary may have a value for."""


async def keep_it() -> None:
    kept.append(current())


async def keep_it_weakly() -> None:
    kept.append(weakref.ref(current()))


async def key_of_a_weak_dictionary() -> None:
    kept.append(weakref.WeakKeyDictionary({current(): "state of this request"}))


async def rename() -> None:
    current().set_name("mine")


async def add_callback() -> None:
    current().add_done_callback(print)


async def set_attribute() -> None:
    current().attribute = "state of this request"  # type: ignore[attr-defined]


async def cancel() -> None:
    current().cancel()


async def cancel_and_uncancel() -> None:
    current().cancel()
    current().uncancel()


@pytest.mark.parametrize(
    "function",
    [
        keep_it,
        keep_it_weakly,
        key_of_a_weak_dictionary,
        rename,
        set_attribute,
        cancel,
        cancel_and_uncancel,
    ],
    ids=lambda function: function.__name__,
)
def test_a_task_with_a_trace_is_not_used_again(
    run: Run, function: Callable[[], Coroutine[Any, Any, Any]]
) -> None:
    async def main() -> None:
        try:
            before, same, after = await tasks_of(nothing, function, nothing)
            if sys.version_info < (3, 12):
                assert before == same
                assert after != same
            await outside(lambda: started(check_it_is_new()))
        finally:
            kept.clear()

    async def check_it_is_new() -> None:
        task = current()
        seen.append(task.get_name() == "mine")
        seen.append(hasattr(task, "attribute"))
        seen.append(task.cancelling())

    seen: list[object] = []
    run(main)
    assert seen == [False, False, 0]


def test_who_holds_a_task_gets_its_result(run: Run) -> None:
    async def main() -> None:
        async def note() -> str:
            kept.append(current())
            return "result"

        try:
            await outside(lambda: started(note()))
            assert kept[0].done()
            assert await kept[0] == "result"
        finally:
            kept.clear()

    run(main)


# --- what others see ----------------------------------------------------------------------------


def test_no_idle_task_is_to_be_seen(run: Run) -> None:
    async def main() -> None:
        await outside(lambda: started(nothing()))
        assert asyncio.all_tasks() == {current()}

    run(main)  # and the runner, which cancels all tasks and waits for them, ends


def test_a_waiting_task_is_cancelled_at_the_end(run: Run) -> None:
    seen = []

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("cancelled")

    async def main() -> None:
        await outside(lambda: started(wait()))
        assert len(asyncio.all_tasks()) == 2

    run(main)
    assert seen == ["cancelled"]


def test_from_inside_of_a_task(run: Run) -> None:
    async def main() -> None:
        outer = current()
        inner: list[Any] = []

        async def note() -> None:
            inner.append(current() is outer)

        assert is_over(started(note()))
        assert current() is outer
        task = started(wait_after(note))
        assert current() is outer
        await task
        with pytest.raises(KeyError):
            await started(raises(print))
        assert current() is outer
        assert inner == [False, False]

    async def wait_after(function: Callable[[], Awaitable[None]]) -> None:
        await function()
        await asyncio.sleep(0)

    run(main)


def test_one_inside_of_another(run: Run) -> None:
    async def main() -> None:
        async def note(depth: int) -> None:
            task = current()
            seen.append(id(task))
            if depth:
                assert is_over(started(note(depth - 1)))
                assert is_over(started(returns(print)))
                waiting = started(returns_after_a_wait(print))
                kept.append(waiting)
            assert current() is task

        for _ in range(2):
            seen: list[int] = []
            assert is_over(await outside(lambda: started(note(3))))
            assert len(set(seen)) == 4
        await asyncio.wait(kept)
        assert all(task.result() == "value" for task in kept)
        kept.clear()
        assert asyncio.all_tasks() == {current()}

    run(main)


def test_two_loops_in_two_threads(run: Run) -> None:
    counts = []

    def work() -> None:
        async def main() -> None:
            for _ in range(200):
                assert is_over(await outside(lambda: started(nothing())))
                await await_it(await outside(lambda: started(returns_after_a_wait(print))))
            counts.append(len(asyncio.all_tasks()))

        async def await_it(task: Any) -> None:
            assert await task == "value"

        run(main)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [1, 1, 1]


def test_the_loops_task_factory_decides(run: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        made = []

        def factory(loop: Any, coro: Any, **options: Any) -> Any:
            made.append(asyncio.Task(coro, loop=loop, **options))
            return made[-1]

        loop.set_task_factory(factory)
        task = started(returns(print))
        loop.set_task_factory(None)
        assert task is made[0]
        assert await task == "value"
        assert is_over(started(nothing()))

    run(main)


def test_an_error_that_ends_the_program_goes_through(run: Run) -> None:
    async def leave() -> None:
        raise SystemExit(3)

    async def main() -> None:
        with pytest.raises(SystemExit):
            started(leave())
        assert asyncio.all_tasks() == {current()}
        assert is_over(started(nothing()))

    run(main)


def test_an_error_that_nobody_takes_is_reported(run: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        reports: list[Any] = []
        loop.set_exception_handler(lambda loop, context: reports.append(context))
        loop.call_soon(lambda: started(raises(print)))
        await asyncio.sleep(0)
        loop.set_exception_handler(None)
        assert [report["message"] for report in reports] == ["Task exception was never retrieved"]

    run(main)


def test_nothing_waits_for_the_garbage_collector(run: Run) -> None:
    async def hold(thing: object, wait: bool, fail: bool) -> None:
        if wait:
            await asyncio.sleep(0)
        if fail:
            raise KeyError

    async def main() -> None:
        for wait in (False, True):
            for fail in (False, True):
                thing = Holder()
                gone = weakref.ref(thing)
                asyncio.get_running_loop().call_soon(start, hold(thing, wait, fail))
                del thing
                await asyncio.sleep(0)
                task = tasks.pop()
                if task is not None:
                    await asyncio.wait([task])
                    assert (task.exception() is not None) == fail
                    await asyncio.sleep(0)
                ref = None if task is None else weakref.ref(task)
                del task
                assert gone() is None
                assert ref is None or ref() is None

    def start(coro: Coroutine[Any, Any, Any]) -> None:
        tasks.append(started(coro))

    tasks: list[Any] = []
    gc.collect()
    gc.disable()
    try:
        run(main)
    finally:
        gc.enable()


def test_a_closed_loop_can_be_freed(run: Run) -> None:
    loops = []

    async def main() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await outside(lambda: started(nothing()))

    run(main)
    asyncio.set_event_loop(None)
    gc.collect()
    assert loops[0]() is None


def test_what_a_first_request_sets_is_not_kept(run: Run) -> None:
    async def main() -> None:
        def first() -> None:
            thing = Holder()
            kept.append(weakref.ref(thing))
            variable.set(thing)
            started(nothing())

        await outside(lambda: contextvars.copy_context().run(first))
        await asyncio.sleep(0)
        gc.collect()
        assert kept.pop()() is None

    variable: contextvars.ContextVar[Any] = contextvars.ContextVar("variable")
    run(main)


def test_call_soon_that_another_thread_looked_up_meanwhile_calls_what_it_is_given():
    """As ``call_soon_threadsafe(loop.call_soon, function)`` does at any moment."""

    class Loop(asyncio.SelectorEventLoop):
        def __delattr__(self, name: str) -> None:
            looked_up.append(self.call_soon)
            super().__delattr__(name)

    async def main() -> None:
        await outside(lambda: started(asyncio.sleep(0)))
        done = asyncio.Event()
        for call_soon in looked_up:
            call_soon(done.set)
            call_soon(lambda event: event.set(), done, context=contextvars.copy_context())
            await asyncio.wait_for(done.wait(), 60)
            done.clear()

    looked_up: list[Any] = []
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())
    assert looked_up or sys.version_info >= (3, 12)
