"""Stack contexts: around wrapped functions, and around all that a loop calls back."""

import asyncio
import contextvars
import functools
import gc
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future as ThreadFuture
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from whirlwind import gen
from whirlwind.concurrent import Future
from whirlwind.ioloop import IOLoop, PeriodicCallback
from whirlwind.stack_context import (
    ExceptionStackContext,
    NullContext,
    StackContext,
    StackContextInconsistentError,
    run_with_stack_context,
    wrap,
)
from whirlwind.testing import ExpectLog


class Journal(list[str]):
    """What happened, in its order."""

    def context(self, name: str) -> StackContext:
        @contextmanager
        def manager() -> Iterator[None]:
            self.append(f"+{name}")
            try:
                yield
            except Exception as error:
                self.append(f"{name} saw {type(error).__name__}")
                raise
            finally:
                self.append(f"-{name}")

        return StackContext(manager)

    def catch(self, name: str, handles: bool = True) -> ExceptionStackContext:
        def handler(typ: Any, value: Any, traceback: Any) -> bool:
            assert isinstance(value, typ)
            assert traceback is not None
            self.append(f"{name} got {typ.__name__}")
            return handles

        return ExceptionStackContext(handler)

    def work(self) -> None:
        self.append("work")

    def fail(self) -> None:
        self.append("fail")
        raise KeyError("fail")

    def take(self) -> list[str]:
        taken = list(self)
        self.clear()
        return taken


@pytest.fixture
def journal() -> Journal:
    return Journal()


# --- functions that are wrapped -----------------------------------------------------------------


def test_a_block_enters_its_context(journal: Journal) -> None:
    with journal.context("A"):
        journal.work()
    assert journal == ["+A", "work", "-A"]


def test_a_wrapped_function_enters_it_again(journal: Journal) -> None:
    with journal.context("A"), journal.context("B"):
        work = wrap(journal.work)
    journal.take()
    work()
    assert journal.take() == ["+A", "+B", "work", "-B", "-A"]
    with journal.context("C"):
        work()
    assert journal.take() == ["+C", "+A", "+B", "work", "-B", "-A", "-C"]


def test_a_function_is_wrapped_once(journal: Journal) -> None:
    with journal.context("A"):
        work = wrap(journal.work)
        with journal.context("B"):
            assert wrap(work) is work
    assert wrap(None) is None


def test_a_wrapped_function_passes_arguments_and_results() -> None:
    with ExceptionStackContext(lambda *error: True):
        function = wrap(lambda *args, **kwargs: (args, kwargs))
    assert function(1, two=2) == ((1,), {"two": 2})


def test_a_function_wrapped_outside_leaves_the_contexts_of_its_caller(journal: Journal) -> None:
    handled = journal.catch("A")
    inner: list[Any] = []
    work = wrap(lambda: inner.append(wrap(journal.fail)))
    with handled:
        work()
    with pytest.raises(KeyError):
        inner[0]()
    assert journal == ["fail"]


def test_null_context(journal: Journal) -> None:
    with journal.context("A"):
        with NullContext():
            work = wrap(journal.work)
        again = wrap(journal.work)
    journal.take()
    work()
    assert journal.take() == ["work"]
    again()
    assert journal.take() == ["+A", "work", "-A"]


def test_exceptions_go_from_the_inside_outward(journal: Journal) -> None:
    with journal.catch("outer"), journal.context("A"), journal.catch("inner", False):
        fail = wrap(journal.fail)
    journal.take()
    assert fail() is None
    assert journal.take() == [
        "+A",
        "fail",
        "inner got KeyError",
        "A saw KeyError",
        "-A",
        "outer got KeyError",
    ]
    with journal.catch("outer"), journal.context("A"), journal.catch("inner"):
        fail = wrap(journal.fail)
    journal.take()
    fail()
    assert journal.take() == ["+A", "fail", "inner got KeyError", "-A"]


def test_an_exception_that_nobody_handles_is_raised(journal: Journal) -> None:
    with journal.catch("A", False):
        fail = wrap(journal.fail)
    with pytest.raises(KeyError):
        fail()
    with pytest.raises(KeyError), journal.catch("A", False):
        journal.fail()
    with journal.catch("A"):
        journal.fail()
    assert journal == ["fail", "A got KeyError"] * 3


def test_a_handler_that_fails(journal: Journal) -> None:
    def handler(*error: Any) -> bool:
        raise LookupError("handler")

    with journal.catch("A"), ExceptionStackContext(handler):
        fail = wrap(journal.fail)
    fail()
    assert journal == ["fail", "A got LookupError"]


def test_what_a_handler_starts_belongs_to_the_contexts_outside(journal: Journal) -> None:
    wrapped: list[Any] = []

    def handler(*error: Any) -> bool:
        wrapped.append(wrap(journal.fail))
        return True

    with journal.catch("outer"), ExceptionStackContext(handler):
        fail = wrap(journal.fail)
    fail()
    wrapped[0]()
    assert journal == ["fail", "fail", "outer got KeyError"]


def test_a_cancellation_is_not_handled(journal: Journal) -> None:
    def cancelled() -> None:
        raise asyncio.CancelledError

    with journal.catch("A"):
        function = wrap(cancelled)
    with pytest.raises(asyncio.CancelledError):
        function()
    assert journal == []


def test_deactivation(journal: Journal, loop: IOLoop) -> None:
    with journal.context("A") as deactivate:
        before = wrap(journal.work)
        loop.add_callback(journal.work)
        deactivate()
        after = wrap(journal.work)
    journal.take()
    before()
    after()
    turn(loop)
    assert journal == ["work"] * 3


def test_blocks_that_end_in_the_wrong_order(journal: Journal) -> None:
    def careless() -> None:
        first, second = journal.context("A"), journal.context("B")
        first.__enter__()
        second.__enter__()
        for context in (first, second):
            with pytest.raises(StackContextInconsistentError, match="run_with_stack_context"):
                context.__exit__(None, None, None)

    contextvars.copy_context().run(careless)
    assert journal == ["+A", "+B", "-A", "-B"]


def test_run_with_stack_context(journal: Journal) -> None:
    assert run_with_stack_context(journal.context("A"), lambda: journal.work() or 5) == 5
    assert journal == ["+A", "work", "-A"]


# --- what a loop calls --------------------------------------------------------------------------


def turn(loop: IOLoop, turns: int = 8) -> None:
    """Let a loop run for some turns."""

    async def main() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)

    loop.run_sync(main)


def until(loop: IOLoop, journal: Journal, last: str) -> list[str]:
    """Run a loop until something has happened."""

    def look() -> None:
        if last in journal:
            loop.stop()

    looking = PeriodicCallback(look, 1)
    looking.start()
    try:
        loop.start()
    finally:
        looking.stop()
    return journal.take()


def add_callback(loop: IOLoop, function: Callable[..., Any]) -> None:
    loop.add_callback(function)


def add_partial(loop: IOLoop, function: Callable[..., Any]) -> None:
    loop.add_callback(lambda one, two: function(), 1, two=2)


def spawn_callback(loop: IOLoop, function: Callable[..., Any]) -> None:
    loop.spawn_callback(function)


def add_timeout(loop: IOLoop, function: Callable[..., Any]) -> None:
    loop.add_timeout(loop.time(), function)


def call_later(loop: IOLoop, function: Callable[..., Any]) -> None:
    loop.call_later(0, function)


def call_at(loop: IOLoop, function: Callable[..., Any]) -> None:
    loop.call_at(loop.time(), function)


def future(loop: IOLoop, function: Callable[..., Any]) -> None:
    done: Future[None] = loop.asyncio_loop.create_future()
    loop.add_future(done, lambda _: function())
    with NullContext():
        loop.add_callback(done.set_result, None)


def thread_future(loop: IOLoop, function: Callable[..., Any]) -> None:
    done: ThreadFuture[None] = ThreadFuture()
    loop.add_future(done, lambda _: function())
    threading.Thread(target=done.set_result, args=(None,)).start()


def executor(loop: IOLoop, function: Callable[..., Any]) -> None:
    with ThreadPoolExecutor(1) as pool:
        loop.add_future(pool.submit(int), lambda _: function())


def handler(loop: IOLoop, function: Callable[..., Any]) -> None:
    near, far = socket.socketpair()

    def ready(fd: Any, events: int) -> None:
        loop.remove_handler(near)
        near.close()
        far.close()
        function()

    loop.add_handler(near, ready, loop.READ)
    far.send(b"x")


def wrapped_callback(loop: IOLoop, function: Callable[..., Any]) -> None:
    wrapped = wrap(function)
    with NullContext():
        loop.add_callback(wrapped)


def wrapped_thread(loop: IOLoop, function: Callable[..., Any]) -> None:
    wrapped = wrap(function)
    threading.Thread(target=loop.add_callback, args=(wrapped,)).start()


def in_a_task(loop: IOLoop, function: Callable[..., Any]) -> None:
    async def main() -> None:
        await asyncio.sleep(0)
        loop.add_callback(function)

    loop.add_callback(main)


def of_a_callback(loop: IOLoop, function: Callable[..., Any]) -> None:
    with NullContext():
        outside = wrap(lambda: None)
    loop.add_callback(lambda: (outside(), loop.add_callback(function)))


WAYS = [
    add_callback,
    add_partial,
    spawn_callback,
    add_timeout,
    call_later,
    call_at,
    future,
    thread_future,
    executor,
    wrapped_callback,
    wrapped_thread,
    in_a_task,
    of_a_callback,
]


@pytest.mark.parametrize("way", [*WAYS, handler], ids=lambda way: way.__name__)
def test_contexts_follow(
    way: Callable[[IOLoop, Callable[..., Any]], None], loop: IOLoop, journal: Journal
) -> None:
    with journal.context("A"), journal.context("B"):
        way(loop, journal.work)
    journal.take()
    happened = until(loop, journal, "work")
    at = happened.index("work")
    assert happened[at - 2 : at + 3] == ["+A", "+B", "work", "-B", "-A"]


@pytest.mark.parametrize("way", [*WAYS, handler], ids=lambda way: way.__name__)
def test_exceptions_of_callbacks_are_handled(
    way: Callable[[IOLoop, Callable[..., Any]], None], loop: IOLoop, journal: Journal
) -> None:
    with journal.catch("outer"), journal.catch("inner", False):
        way(loop, journal.fail)
    happened = until(loop, journal, "outer got KeyError")
    assert happened == ["fail", "inner got KeyError", "outer got KeyError"]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_exceptions_that_nobody_handles_are_logged(
    way: Callable[[IOLoop, Callable[..., Any]], None], loop: IOLoop, journal: Journal
) -> None:
    with journal.catch("A", False):
        way(loop, journal.fail)
    with ExpectLog("whirlwind.application", "Exception in callback"):
        until(loop, journal, "A got KeyError")


def test_a_wrapped_callback_is_not_in_the_contexts_of_who_adds_it(
    loop: IOLoop, journal: Journal
) -> None:
    with journal.context("A"):
        work = wrap(journal.work)
    with journal.context("B"):
        loop.add_callback(work)
        loop.add_callback(functools.partial(work))
    journal.take()
    turn(loop)
    assert journal == ["+A", "work", "-A"] * 2


def test_a_coroutine_that_a_callback_returns(loop: IOLoop, journal: Journal) -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        journal.fail()

    with journal.catch("A"):
        loop.add_callback(work)
        loop.add_callback(wrap(work))
    turn(loop)
    assert journal == ["fail", "fail", "A got KeyError", "A got KeyError"]


def test_a_periodic_callback(loop: IOLoop, journal: Journal) -> None:
    def tick() -> None:
        journal.work()
        loop.add_callback(journal.fail)
        periodic.stop()

    periodic = PeriodicCallback(tick, 1)
    with journal.catch("A"):
        periodic.start()
    assert until(loop, journal, "A got KeyError") == ["work", "fail", "A got KeyError"]


def test_a_loop_that_handles_exceptions_itself(journal: Journal) -> None:
    from whirlwind.platform.asyncio import AsyncIOLoop

    class Loop(AsyncIOLoop):
        def handle_callback_exception(self, callback: Callable[..., Any]) -> None:
            journal.append(f"loop has {callback.__name__}")

    loop = Loop()
    try:
        loop.add_callback(journal.fail)
        with journal.catch("A"):
            loop.add_callback(journal.fail)
        turn(loop)
    finally:
        loop.close()
    assert journal == ["fail", "loop has fail", "fail", "A got KeyError"]


def test_callbacks_of_other_loops_stay_apart(journal: Journal) -> None:
    def elsewhere() -> None:
        loop = IOLoop(make_current=False)
        try:
            turn_of(loop, journal)
        finally:
            loop.close()

    with journal.context("A"):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert journal == ["+A", "work", "-A"]


def turn_of(loop: IOLoop, journal: Journal) -> None:
    loop.add_callback(journal.work)
    turn(loop)


# --- coroutines ---------------------------------------------------------------------------------


def test_a_coroutine_is_in_its_contexts_at_each_step(loop: IOLoop, journal: Journal) -> None:
    @gen.coroutine
    def steps() -> Generator[Any, Any, None]:
        journal.append("1")
        yield gen.maybe_future(None)
        journal.append("2")
        yield gen.moment
        journal.append("3")
        yield None
        journal.append("4")

    def main() -> Any:
        with journal.context("A"):
            return steps()

    loop.run_sync(main)
    assert journal == ["+A", "1", "2", "-A", "+A", "3", "-A", "+A", "4", "-A"]


def test_its_exception_is_for_who_waits_for_it(loop: IOLoop, journal: Journal) -> None:
    @gen.coroutine
    def fails() -> Generator[Any, Any, None]:
        yield gen.moment
        journal.fail()

    def main() -> Any:
        with journal.catch("A"):
            return fails()

    with pytest.raises(KeyError):
        loop.run_sync(main)
    assert journal == ["fail"]


@pytest.mark.parametrize("first", [True, False])
def test_a_yield_within_a_block_is_an_error(loop: IOLoop, journal: Journal, first: bool) -> None:
    @gen.coroutine
    def careless() -> Generator[Any, Any, str]:
        if not first:
            yield gen.moment
        try:
            with journal.context("A"):
                yield gen.moment
        except StackContextInconsistentError:
            yield gen.moment
            loop.add_callback(journal.work)
            yield gen.moment
            yield gen.moment
            return "careful"
        return "careless"

    assert loop.run_sync(careless) == "careful"
    assert journal == ["+A", "A saw StackContextInconsistentError", "-A", "work"]


def test_a_coroutine_in_a_context_of_its_own(loop: IOLoop, journal: Journal) -> None:
    @gen.coroutine
    def inner() -> Generator[Any, Any, int]:
        yield gen.moment
        journal.work()
        return 5

    @gen.coroutine
    def outer() -> Generator[Any, Any, int]:
        result = yield run_with_stack_context(journal.context("A"), inner)
        journal.append("outside")
        return result  # type: ignore[no-any-return]

    assert loop.run_sync(outer) == 5
    assert journal == ["+A", "-A", "+A", "work", "-A", "outside"]


def test_context_variables_are_kept_apart_from_contexts(loop: IOLoop, journal: Journal) -> None:
    variable = contextvars.ContextVar("variable", default="none")
    with journal.context("A"):
        variable.set("set")
        loop.add_callback(lambda: journal.append(variable.get()))
    variable.set("later")
    turn(loop)
    assert "set" in journal


def test_contexts_are_not_kept_alive(loop: IOLoop, journal: Journal) -> None:
    import weakref

    context = journal.context("A")
    reference = weakref.ref(context)
    with context:
        loop.add_callback(journal.work)
    turn(loop)
    del context
    gc.collect()
    assert reference() is None
