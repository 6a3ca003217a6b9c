"""Coroutines and engines that wait for callbacks."""

import asyncio
import functools
import gc
import inspect
import sys
import weakref
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import Any

import pytest

from whirlwind import gen
from whirlwind.concurrent import Future, return_future
from whirlwind.gen import (
    Arguments,
    BadYieldError,
    KeyReuseError,
    LeakedCallbackError,
    ReturnValueIgnoredError,
    UnknownKeyError,
)
from whirlwind.ioloop import IOLoop
from whirlwind.stack_context import ExceptionStackContext
from whirlwind.testing import ExpectLog

Steps = Generator[Any, Any, Any]
Runs = Callable[[Callable[[], Steps]], Any]


def later(callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    IOLoop.current().add_callback(callback, *args, **kwargs)


def echo(value: Any, callback: Callable[..., Any]) -> None:
    later(callback, value)


def fail() -> None:
    raise KeyError("fail")


def fails(callback: Callable[..., Any]) -> None:
    fail()


def fails_later(callback: Callable[..., Any]) -> None:
    later(fail)


class Slow(gen.YieldPoint):  # type: ignore[name-defined, misc]
    """A program's own: gives a word, once the loop has turned."""

    def start(self, runner: Any) -> None:
        runner.register_callback(self)
        later(runner.result_callback(self), "slow")

    def is_ready(self, runner: Any) -> bool:
        return bool(runner.is_ready(self))

    def get_result(self, runner: Any) -> Any:
        return runner.pop_result(self)


def as_coroutine(loop: IOLoop) -> Runs:
    """A function that runs a generator function, as a coroutine, to its end."""

    def run(function: Callable[[], Steps]) -> Any:
        return loop.run_sync(gen.coroutine(function), timeout=60)

    return run


def as_engine(loop: IOLoop) -> Runs:
    """The same as an engine; its exceptions are those that reach a stack context."""

    def run(function: Callable[[], Steps]) -> Any:
        done: Future[Any] = loop.asyncio_loop.create_future()

        @gen.engine
        def whole(callback: Callable[[Any], None]) -> Steps:
            result = yield from function()
            callback(result)

        def handle(typ: Any, value: Any, traceback: Any) -> bool:
            done.set_exception(value)
            return True

        def begin() -> Any:
            with ExceptionStackContext(handle):
                assert whole(callback=done.set_result) is None
            return done

        return loop.run_sync(begin, timeout=60)

    return run


@pytest.fixture
def run(loop: IOLoop) -> Runs:
    return as_coroutine(loop)


@pytest.fixture
def engine(loop: IOLoop) -> Runs:
    return as_engine(loop)


@pytest.fixture(params=[as_coroutine, as_engine], ids=lambda kind: kind.__name__)
def both(loop: IOLoop, request: pytest.FixtureRequest) -> Runs:
    runs: Runs = request.param(loop)
    return runs


# --- tasks --------------------------------------------------------------------------------------


def test_task(both: Runs) -> None:
    def steps() -> Steps:
        assert (yield gen.Task(echo, "one")) == "one"
        assert (yield gen.Task(echo, value="two")) == "two"
        assert (yield gen.Task(lambda callback: callback())) is None
        arguments = yield gen.Task(lambda callback: later(callback, 1, 2, three=3))
        assert arguments == Arguments((1, 2), {"three": 3})
        assert arguments.args == (1, 2)
        assert arguments.kwargs == {"three": 3}
        assert (yield gen.Task(lambda callback: callback(x=1))).kwargs == {"x": 1}
        assert (yield gen.Task(IOLoop.current().call_later, 0)) is None
        return "done"

    assert both(steps) == "done"


def test_task_of_a_coroutine(both: Runs) -> None:
    @gen.coroutine
    def old(x: int) -> Steps:
        yield gen.moment
        return x * 2

    async def new(x: int) -> int:
        await asyncio.sleep(0)
        return x * 3

    @gen.coroutine
    def takes(x: int, callback: Callable[[int], None]) -> None:
        later(callback, x * 4)

    @gen.engine
    def engine(x: int, callback: Callable[[int], None]) -> Steps:
        yield gen.moment
        callback(x * 5)

    @return_future
    def future(x: int, callback: Callable[[int], None]) -> None:
        later(callback, x * 6)

    def marked(x: int, callback: Callable[[int], None]) -> None:
        later(callback, x * 7)

    @functools.wraps(new)
    def hidden(*args: Any, **kwargs: Any) -> None:
        marked(*args, **kwargs)

    if sys.version_info >= (3, 12):
        inspect.markcoroutinefunction(hidden)

    class Methods:
        async def new(self, x: int) -> int:
            return await new(x)

    functions = [old, new, Methods().new, functools.partial(new), takes, engine, future, hidden]

    def steps() -> Steps:
        return (yield [gen.Task(each, 1) for each in functions])

    assert both(steps) == [2, 3, 3, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("function", [fails, fails_later])
def test_task_that_fails(both: Runs, function: Callable[..., Any]) -> None:
    def steps() -> Steps:
        with pytest.raises(KeyError):
            yield gen.Task(function)
        yield gen.Task(function)

    with pytest.raises(KeyError, match="fail"):
        both(steps)


def test_task_that_is_done_before_it_fails(both: Runs) -> None:
    def function(callback: Callable[[int], None]) -> None:
        callback(1)
        fail()

    def steps() -> Steps:
        yield gen.Task(function)

    with pytest.raises(KeyError):
        both(steps)


def test_task_is_a_future(loop: IOLoop) -> None:
    async def main() -> None:
        assert await gen.Task(echo, 1) == 1
        with pytest.raises(KeyError):
            await gen.Task(fails_later)
        assert await gen.with_timeout(loop.time() + 20, gen.Task(echo, 2)) == 2

    loop.run_sync(main)


# --- callbacks by key ---------------------------------------------------------------------------


def test_callback_and_wait(both: Runs) -> None:
    def steps() -> Steps:
        first = yield gen.Callback("first")
        later((yield gen.Callback(("any", "key"))), "second")
        later(first, 1, 2)
        assert (yield gen.Wait(("any", "key"))) == "second"
        assert (yield gen.Wait("first")) == Arguments((1, 2), {})
        (yield gen.Callback("first"))("at once")
        return (yield gen.Wait("first"))

    assert both(steps) == "at once"


def test_wait_all(both: Runs) -> None:
    def steps() -> Steps:
        for key in range(3):
            later((yield gen.Callback(key)), key * 10)
        return (yield gen.WaitAll([2, 0, 1]))

    assert both(steps) == [20, 0, 10]


def test_a_callback_may_be_called_while_something_else_is_waited_for(both: Runs) -> None:
    def steps() -> Steps:
        later((yield gen.Callback("a")), "a")
        yield gen.sleep(0.001)
        yield gen.Task(echo, None)
        return (yield gen.Wait("a"))

    assert both(steps) == "a"


def test_a_key_is_used_once_at_a_time(both: Runs) -> None:
    def steps() -> Steps:
        yield gen.Callback("a")
        yield gen.Callback("a")

    with pytest.raises(KeyReuseError, match="'a' is already pending"):
        both(steps)


@pytest.mark.parametrize("point", ["Wait", "WaitAll"])
def test_a_key_that_nobody_registered(both: Runs, point: str) -> None:
    def steps() -> Steps:
        yield getattr(gen, point)("ab")

    with pytest.raises(UnknownKeyError, match=r"'a.*' is not pending"):
        both(steps)


def test_a_result_is_taken_once(both: Runs) -> None:
    def steps() -> Steps:
        (yield gen.Callback("a"))(1)
        yield gen.Wait("a")
        yield gen.Wait("a")

    with pytest.raises(UnknownKeyError):
        both(steps)


def test_a_callback_that_is_not_waited_for(run: Runs) -> None:
    def steps() -> Steps:
        yield gen.Callback("a")
        return 1

    with pytest.raises(LeakedCallbackError, match=r"\{'a'\}"):
        run(steps)


def test_an_engine_with_a_callback_that_is_not_waited_for(loop: IOLoop) -> None:
    @gen.engine
    def steps() -> Steps:
        yield gen.Callback("a")

    async def main() -> None:
        with pytest.raises(LeakedCallbackError):
            steps()

    loop.run_sync(main)


def test_after_an_exception_callbacks_need_not_be_waited_for(both: Runs) -> None:
    def catches() -> Steps:
        yield gen.Callback("a")
        with pytest.raises(KeyError):
            yield gen.Task(fails)
        return 2

    def raises() -> Steps:
        yield gen.Callback("a")
        fail()

    assert both(catches) == 2
    with pytest.raises(KeyError):
        both(raises)


def test_a_callback_that_comes_when_all_is_over(loop: IOLoop, run: Runs) -> None:
    kept: list[Callable[..., None]] = []

    def steps() -> Steps:
        kept.append((yield gen.Callback("a")))
        kept[0](1)
        yield gen.Wait("a")

    run(steps)
    kept[0](2)


# --- exceptions of callbacks --------------------------------------------------------------------


def test_an_exception_of_a_callback_is_thrown_into_who_waits(both: Runs) -> None:
    def steps() -> Steps:
        callback = yield gen.Callback("a")
        later(later, fail)
        with pytest.raises(KeyError):
            yield gen.Wait("a")
        later(fail)
        with pytest.raises(KeyError):
            yield gen.sleep(20)
        later(callback, "in the end")
        return (yield gen.Wait("a"))

    assert both(steps) == "in the end"


def test_one_that_waits_for_futures_only_is_left_alone(run: Runs) -> None:
    def steps() -> Steps:
        yield gen.moment
        later(fail)
        yield gen.sleep(0.001)
        return "left alone"

    with ExpectLog("whirlwind.application", "Exception in callback"):
        assert run(steps) == "left alone"


def test_an_exception_that_comes_when_all_is_over(loop: IOLoop) -> None:
    seen: Future[str] = loop.asyncio_loop.create_future()

    def handle(typ: Any, value: Any, traceback: Any) -> bool:
        seen.set_result(typ.__name__)
        return True

    @gen.engine
    def steps() -> Steps:
        (yield gen.Callback("a"))()
        yield gen.Wait("a")
        IOLoop.current().call_later(0.001, fail)

    def main() -> Future[str]:
        with ExceptionStackContext(handle):
            steps()
        return seen

    assert loop.run_sync(main, timeout=60) == "KeyError"


# --- several at once ----------------------------------------------------------------------------


def test_a_list_or_a_dictionary(both: Runs) -> None:
    def steps() -> Steps:
        first, second = yield [gen.Callback("a"), gen.Callback("b")]
        later(second, 2)
        later(first, 1)
        results = yield [
            gen.Wait("b"),
            gen.Task(echo, 3),
            gen.sleep(0),
            Slow(),
            {"a": gen.Wait("a"), "list": [Slow(), gen.Task(echo, 4)]},
            asyncio.sleep(0, 5),
        ]
        assert results == [2, 3, None, "slow", {"a": 1, "list": ["slow", 4]}, 5]
        assert (yield [Slow()]) == ["slow"]
        assert (yield gen.Multi([Slow(), gen.Task(echo, 6)])) == ["slow", 6]
        assert (yield gen.Multi({"a": Slow()})) == {"a": "slow"}
        assert (yield gen.multi([gen.Task(echo, 7)])) == [7]
        assert (yield gen.MultiYieldPoint([Slow(), gen.moment])) == ["slow", None]
        return "done"

    assert both(steps) == "done"


def test_several_of_which_some_fail(both: Runs) -> None:
    def steps() -> Steps:
        with ExpectLog("whirlwind.application", "Multiple exceptions in yield list"):
            with pytest.raises(KeyError):
                yield [Slow(), gen.Task(fails_later), gen.Task(fails)]
        with pytest.raises(KeyError):
            yield gen.Multi([Slow(), gen.Task(fails_later), gen.Task(fails)], KeyError)

    both(steps)


def test_a_future_as_a_yield_point(both: Runs) -> None:
    def steps() -> Steps:
        future: Future[int] = IOLoop.current().asyncio_loop.create_future()
        point = gen.YieldFuture(future)
        later(future.set_result, 1)
        assert (yield point) == 1
        assert (yield gen.YieldFuture(future, io_loop=IOLoop.current())) == 1
        with pytest.raises(KeyError):
            yield gen.YieldFuture(gen.Task(fails_later))

    both(steps)


# --- yield points of the program ----------------------------------------------------------------


def test_a_yield_point_of_the_program(both: Runs) -> None:
    def steps() -> Steps:
        return (yield Slow())

    assert both(steps) == "slow"


@pytest.mark.parametrize("method", ["start", "is_ready", "get_result"])
def test_a_yield_point_that_fails(both: Runs, method: str) -> None:
    def broken(self: Any, runner: Any) -> None:
        fail()

    point = type("Broken", (Slow,), {method: broken})

    def steps() -> Steps:
        with pytest.raises(KeyError):
            yield point()
        yield gen.sleep(0.001)
        with pytest.raises(KeyError):
            yield [point(), gen.moment]
        return "done"

    assert both(steps) == "done"


def test_a_yield_point_that_does_not_say_all(run: Runs) -> None:
    class Nothing(gen.YieldPoint):  # type: ignore[name-defined, misc]
        pass

    def steps() -> Steps:
        yield Nothing()

    with pytest.raises(NotImplementedError, match=r"Nothing does not define start\(\)"):
        run(steps)
    for method in ("is_ready", "get_result"):
        with pytest.raises(NotImplementedError, match=method):
            getattr(Nothing(), method)(None)


def test_yield_points_outside_of_coroutines(loop: IOLoop) -> None:
    async def main() -> None:
        assert await gen.convert_yielded(Slow()) == "slow"
        assert await gen.convert_yielded([Slow(), gen.sleep(0)]) == ["slow", None]
        assert await gen.convert_yielded({"a": Slow()}) == {"a": "slow"}
        assert await gen.convert_yielded([gen.sleep(0)]) == [None]
        assert await gen.with_timeout(loop.time() + 20, Slow()) == "slow"
        with pytest.raises(UnknownKeyError):
            await gen.convert_yielded(gen.Wait("a"))

    loop.run_sync(main)


def test_what_cannot_be_yielded(both: Runs) -> None:
    def steps() -> Steps:
        with pytest.raises(BadYieldError):
            yield 5
        with pytest.raises(BadYieldError):
            yield [Slow(), 5]

    both(steps)


# --- engines ------------------------------------------------------------------------------------


def test_an_engine_fails_in_the_contexts_of_its_caller(loop: IOLoop) -> None:
    @gen.engine
    def steps(when: str) -> Steps:
        if when == "at once":
            fail()
        yield gen.moment
        if when == "later":
            fail()

    def begin() -> None:
        with pytest.raises(KeyError):
            steps("at once")
        steps("later")

    async def main() -> None:
        begin()
        for _ in range(5):
            await asyncio.sleep(0)

    with ExpectLog("whirlwind.application", "Exception in callback"):
        loop.run_sync(main)


def test_an_engine_that_fails_at_once_does_so_in_the_contexts_of_its_caller(loop: IOLoop) -> None:
    seen: list[Any] = []

    @gen.engine
    def steps(callback: Callable[..., Any]) -> Steps:
        fail()
        yield gen.moment

    def handle(typ: Any, value: Any, traceback: Any) -> bool:
        seen.append(typ)
        return True

    async def main() -> None:
        with ExceptionStackContext(handle):
            steps(callback=None)
            seen.append("goes on")
            future = return_future(steps)()
        assert isinstance(future.exception(), KeyError)

    loop.run_sync(main)
    assert seen == [KeyError, "goes on"]


@pytest.mark.parametrize("waits", [False, True])
def test_an_engine_returns_nothing(loop: IOLoop, waits: bool) -> None:
    seen: list[Any] = []

    @gen.engine
    def steps() -> Steps:
        if waits:
            yield gen.Task(echo, None)
        return 5

    def handle(typ: Any, value: Any, traceback: Any) -> bool:
        seen.append(value)
        return True

    async def main() -> None:
        with ExceptionStackContext(handle):
            steps()
        for _ in range(9):
            await asyncio.sleep(0)

    loop.run_sync(main)
    assert isinstance(seen[0], ReturnValueIgnoredError)
    assert "steps() returned 5" in str(seen[0])


def test_an_engine_that_is_no_generator(loop: IOLoop) -> None:
    results: list[int] = []

    @gen.engine
    def plain(callback: Callable[[int], None]) -> None:
        """Says what it does."""
        callback(5)

    async def main() -> None:
        assert plain(results.append) is None

    loop.run_sync(main)
    assert results == [5]
    assert plain.__name__ == "plain"
    assert plain.__doc__ == "Says what it does."


def test_engines_wait_for_all_that_coroutines_wait_for(engine: Runs) -> None:
    @gen.coroutine
    def old() -> Steps:
        yield gen.moment
        return "old"

    async def new() -> str:
        await gen.Task(echo, None)
        return "new"

    def steps() -> Steps:
        return [(yield old()), (yield new()), (yield None)]

    assert engine(steps) == ["old", "new", None]


# --- coroutines that are called with a callback -------------------------------------------------


def test_a_coroutine_calls_back(loop: IOLoop) -> None:
    results: list[Any] = []

    @gen.coroutine
    def double(x: int) -> Steps:
        yield gen.moment
        if x < 0:
            fail()
        return x * 2

    @gen.coroutine
    def own(x: int, callback: Any = None) -> Any:
        return callback

    @gen.coroutine
    def all_of_them(**kwargs: Any) -> Any:
        return kwargs

    def handle(typ: Any, value: Any, traceback: Any) -> bool:
        results.append(typ)
        return True

    async def main() -> None:
        assert await double(4, callback=results.append) == 8
        assert await double(4, callback=None) == 8
        assert await own(1, callback="mine") == "mine"
        assert await all_of_them(callback="mine") == {"callback": "mine"}
        with ExceptionStackContext(handle):
            failing = double(-1, callback=results.append)
        with pytest.raises(KeyError):
            await failing
        await asyncio.sleep(0)

    loop.run_sync(main)
    assert results == [8, KeyError]
    assert gen.is_coroutine_function(double)
    assert double.__name__ == "double"


# --- what is left behind ------------------------------------------------------------------------


def test_a_finished_coroutine_leaves_no_cycle(loop: IOLoop) -> None:
    class Local:
        pass

    references: list[weakref.ref[Local]] = []

    @gen.coroutine
    def fails() -> Steps:
        local = Local()
        references.append(weakref.ref(local))
        yield gen.moment
        fail()

    @gen.coroutine
    def catches() -> Steps:
        local = Local()
        references.append(weakref.ref(local))
        (yield gen.Callback("a"))(1)
        yield gen.Wait("a")
        try:
            yield fails()
        except KeyError:
            pass

    async def main() -> None:
        gc.collect()
        gc.disable()
        try:
            await catches()
            assert [reference() for reference in references] == [None, None]
        finally:
            gc.enable()

    loop.run_sync(main)


def test_a_coroutine_that_was_called_back_leaves_no_cycle(loop: IOLoop) -> None:
    class Local:
        pass

    references: list[weakref.ref[Local]] = []

    @gen.coroutine
    def waits() -> Steps:
        local = Local()
        references.append(weakref.ref(local))
        variable.set(local)
        later((yield gen.Callback("a")))
        yield gen.Wait("a")

    variable: ContextVar[Local] = ContextVar("variable")

    async def main() -> None:
        gc.collect()
        gc.disable()
        try:
            await waits()
            await asyncio.sleep(0)
            assert [reference() for reference in references] == [None]
        finally:
            gc.enable()

    loop.run_sync(main)


def test_deferreds_of_twisted(both: Runs) -> None:
    defer = pytest.importorskip("twisted.internet.defer")
    pytest.importorskip("whirlwind.platform.twisted")

    def deferred(value: Any) -> Any:
        made = defer.Deferred()
        later(made.errback if isinstance(value, Exception) else made.callback, value)
        return made

    def steps() -> Steps:
        assert (yield deferred(1)) == 1
        with pytest.raises(KeyError):
            yield deferred(KeyError("twisted"))
        return (yield [deferred(2), gen.Task(echo, 3), Slow()])

    assert both(steps) == [2, 3, "slow"]


def test_a_task_and_its_arguments_are_released_at_once(loop: IOLoop) -> None:
    class Local:
        pass

    references: list[weakref.ref[Any]] = []

    @gen.coroutine
    def steps() -> Steps:
        local = Local()
        task = gen.Task(later, arg=local)
        references.extend([weakref.ref(local), weakref.ref(task)])
        return (yield task)

    def later(callback: Callable[..., None], arg: Any) -> None:
        loop.add_callback(callback, arg=arg)

    async def main() -> None:
        gc.collect()
        gc.disable()
        try:
            await steps()
            await asyncio.sleep(0)
            assert [reference() for reference in references] == [None, None]
        finally:
            gc.enable()

    loop.run_sync(main)


def test_debug_mode_names_the_line_of_the_program(loop: IOLoop) -> None:
    @gen.coroutine
    def waits() -> Steps:
        yield gen.moment

    async def main() -> None:
        loop.asyncio_loop.set_debug(True)
        future = waits()
        assert f"created at {__file__}:" in repr(future)
        await future

    loop.run_sync(main)
