"""whirlwind.gen: coroutines of generators, and waiting for several things."""

import asyncio
import collections.abc
import concurrent.futures
import contextvars
import datetime
import gc
import logging
import sys
import weakref
from collections.abc import Generator
from types import ModuleType
from typing import Any

import pytest

from tests.unit.extensions import build
from tests.unit.loops import Run, run
from whirlwind import gen, util
from whirlwind.ioloop import IOLoop, PeriodicCallback

__all__ = ["run"]


async def later(value: object) -> Any:
    await asyncio.sleep(0)
    if isinstance(value, BaseException):
        raise value
    return value


def soon(value: object) -> asyncio.Future[Any]:
    """A future that gets ``value`` on the loop's next turn."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    set_it = future.set_exception if isinstance(value, BaseException) else future.set_result
    asyncio.get_running_loop().call_soon(set_it, value)
    return future


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """compiled_coroutines.pyx as an extension module."""
    return build("compiled_coroutines", tmp_path_factory.mktemp("compiled"))


def test_coroutine_runs_at_once_up_to_what_is_not_done(run: Run) -> None:
    steps: list[str] = []

    @gen.coroutine
    def inner() -> Generator[Any, Any, str]:
        steps.append("inner")
        yield gen.maybe_future(None)
        steps.append("after what was done")
        yield gen.moment
        steps.append("after a turn")
        return "value"

    async def main() -> None:
        future = inner()
        assert steps == ["inner", "after what was done"]
        assert await future == "value"
        assert steps[-1] == "after a turn"

    run(main)


def test_coroutine_of_a_plain_function(run: Run) -> None:
    @gen.coroutine
    def plain(value: int) -> int:
        """Doc."""
        return 10 // value

    async def main() -> None:
        future = plain(5)
        assert future.done()
        assert future.result() == 2
        with pytest.raises(ZeroDivisionError):
            await plain(0)

    run(main)
    assert plain.__doc__ == "Doc."
    assert plain.__name__ == "plain"
    assert gen.is_coroutine_function(plain)
    assert not gen.is_coroutine_function(main)


def test_return_and_exceptions_through_yields(run: Run) -> None:
    @gen.coroutine
    def returns() -> Generator[Any, Any, None]:
        yield None
        raise gen.Return([1, 2])

    @gen.coroutine
    def catches() -> Generator[Any, Any, Any]:
        with pytest.raises(KeyError):
            yield later(KeyError("from a native coroutine"))
        with pytest.raises(ValueError, match="from a future"):
            yield soon(ValueError("from a future"))
        with pytest.raises(gen.BadYieldError, match="yielded unknown object 3"):
            yield 3
        return (yield returns())

    @gen.coroutine
    def fails() -> Generator[Any, Any, None]:
        yield gen.moment
        raise LookupError("out")

    async def main() -> None:
        assert await catches() == [1, 2]
        with pytest.raises(LookupError):
            await fails()

    run(main)
    assert gen.Return(3).args == (3,)
    assert gen.Return().value is None


def test_s01_native_coroutines_everywhere(run: Run) -> None:
    @gen.coroutine
    def old(value: int) -> Generator[Any, Any, int]:
        return (yield later(value)) + 1

    async def new(value: int) -> int:
        result: int = await old(value)
        return result

    async def main() -> None:
        assert await new(1) == 2
        assert await gen.multi([new(1), old(2), later(3)]) == [2, 3, 3]
        assert await gen.with_timeout(datetime.timedelta(seconds=20), new(5)) == 6

    run(main)
    loop = IOLoop(make_current=True)
    assert loop.run_sync(lambda: new(7)) == 8
    loop.close()


def test_s02_compiled_with_cython(run: Run, compiled: ModuleType) -> None:
    async def main() -> None:
        assert await compiled.native(later(1)) == 2
        assert await gen.convert_yielded(compiled.native(later(1))) == 2
        assert await gen.convert_yielded(compiled.Awaitable("value")) == "value"

        @gen.coroutine
        def plain() -> Generator[Any, Any, int]:
            return (yield compiled.native(later(2))) + (yield compiled.Awaitable(10))

        assert await plain() == 13

    run(main)


def test_s07_arguments_of_cython_functions(compiled: ModuleType) -> None:
    replacer = util.ArgReplacer(compiled.called, "callback")
    assert replacer.get_old_value((1,), {}) is None
    assert replacer.get_old_value((1, "old"), {}) == "old"
    old, args, kwargs = replacer.replace("new", (1, "old"), {})
    assert (old, compiled.called(*args, **kwargs)) == ("old", "new")
    # Of such a function nothing is known but what is passed by name.
    replacer = util.ArgReplacer(compiled.called_without_signature, "callback")
    assert replacer.get_old_value((1,), {"callback": "old"}) == "old"
    old, args, kwargs = replacer.replace("new", (1,), {})
    assert (old, compiled.called_without_signature(*args, **kwargs)) == (None, "new")


def test_s13_coroutine_on_cython_functions(run: Run, compiled: ModuleType) -> None:
    async def main() -> None:
        assert await gen.coroutine(compiled.generator)(later(1)) == 2
        assert await gen.coroutine(compiled.generator)(soon(2)) == 3
        assert await gen.coroutine(compiled.native)(later(3)) == 4
        with pytest.raises(KeyError, match="compiled"):
            await gen.coroutine(compiled.failing)(soon(2))

    run(main)


def test_s13_coroutine_on_any_generator(run: Run) -> None:
    class Mine(collections.abc.Generator[Any, Any, Any]):
        """As a compiler might make one."""

        def __init__(self) -> None:
            self.inner = (n for n in [soon("first"), soon("second")])

        def send(self, value: Any) -> Any:
            if value is not None:
                got.append(value)
            return self.inner.send(None)

        def throw(self, *args: Any) -> Any:
            return self.inner.throw(*args)

    got: list[str] = []

    async def main() -> None:
        await gen.coroutine(Mine)()

    run(main)
    assert got == ["first", "second"]


def test_coroutine_on_an_async_function(run: Run) -> None:
    async def main() -> None:
        assert await gen.coroutine(later)(3) == 3

    run(main)


def test_s04_convert_yielded_learns_types(run: Run) -> None:
    class Deferred:
        pass

    gen.convert_yielded.register(Deferred, lambda deferred: soon("deferred"))

    @gen.coroutine
    def main() -> Generator[Any, Any, None]:
        assert (yield Deferred()) == "deferred"
        assert (yield [Deferred(), Deferred()]) == ["deferred", "deferred"]

    run(main)


def test_s12_wait_iterator_with_async_for(run: Run) -> None:
    async def main() -> None:
        first: asyncio.Future[str] = asyncio.Future()
        second: asyncio.Future[str] = asyncio.Future()
        third: asyncio.Future[str] = asyncio.Future()
        third.set_result("c")
        second.add_done_callback(lambda _: first.set_result("a"))
        asyncio.get_running_loop().call_soon(second.set_result, "b")
        iterator = gen.WaitIterator(first, second, third)
        seen = [
            (iterator.current_index, iterator.current_future, value) async for value in iterator
        ]
        assert seen == [(2, third, "c"), (1, second, "b"), (0, first, "a")]
        assert iterator.done()
        assert iterator.current_index is None
        assert iterator.current_future is None

    run(main)


def test_wait_iterator_by_name_with_errors_and_twice_the_same(run: Run) -> None:
    async def main() -> None:
        same = later(1)
        future = asyncio.ensure_future(same)
        iterator = gen.WaitIterator(one=future, two=later(KeyError("k")), three=future)
        seen: list[object] = []
        while not iterator.done():
            try:
                seen.append((await iterator.next(), iterator.current_index))
            except KeyError:
                seen.append(iterator.current_index)
        assert sorted(map(str, seen)) == ["(1, 'one')", "(1, 'three')", "two"]
        with pytest.raises(ValueError, match="not both"):
            gen.WaitIterator(soon(1), two=soon(2))
        assert gen.WaitIterator().done()

    run(main)


def test_s14_multi(run: Run) -> None:
    async def main() -> None:
        assert await gen.multi([soon(1), later(2)]) == [1, 2]
        assert await gen.multi({"a": soon(1), "b": later(2)}) == {"a": 1, "b": 2}
        assert await gen.multi([]) == []
        assert await gen.multi({}) == {}
        same = soon(3)
        assert await gen.multi([same, same]) == [3, 3]
        with pytest.raises(gen.BadYieldError):
            gen.multi([3])
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            assert await gen.multi([pool.submit(int, "7"), soon(8)]) == [7, 8]

    run(main)
    assert gen.Multi is gen.multi
    assert gen.multi_future is gen.multi


@pytest.mark.parametrize(("quiet", "logged"), [((), 2), (KeyError, 1), ((KeyError, ValueError), 0)])
def test_multi_raises_the_first_error_and_logs_the_others(
    run: Run, caplog: pytest.LogCaptureFixture, quiet: Any, logged: int
) -> None:
    async def main() -> None:
        children = [
            soon("fine"),
            later(LookupError("first")),
            soon(KeyError("second")),
            soon(ValueError("third")),
        ]
        with pytest.raises(LookupError, match="first"):
            await gen.multi(children, quiet_exceptions=quiet)

    run(main)
    assert [r.message for r in caplog.records] == ["Multiple exceptions in yield list"] * logged


def test_multi_with_a_cancelled_child(run: Run) -> None:
    async def main() -> None:
        child: asyncio.Future[None] = asyncio.Future()
        together = gen.multi([child, soon(1)])
        child.cancel()
        with pytest.raises(asyncio.CancelledError):
            await together
        assert not together.cancelled(), "a part was cancelled, not the whole"

    run(main)


def test_yielding_futures_of_threads(run: Run) -> None:
    @gen.coroutine
    def main() -> Generator[Any, Any, None]:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            assert (yield pool.submit(int, "3")) == 3
            with pytest.raises(ValueError, match="invalid"):
                yield pool.submit(int, "x")

    run(main)


def test_with_timeout(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        soon_enough = datetime.timedelta(seconds=20)
        at_once = datetime.timedelta(0)
        assert await gen.with_timeout(soon_enough, soon(1)) == 1
        with pytest.raises(KeyError):
            await gen.with_timeout(soon_enough, later(KeyError()))
        inner: asyncio.Future[None] = asyncio.Future()
        with pytest.raises(gen.TimeoutError, match=r"^Timeout$"):
            await gen.with_timeout(IOLoop.current().time() - 1, inner)
        assert not inner.done(), "what was waited for goes on"
        with pytest.raises(gen.TimeoutError, match="my words"):
            await gen.with_timeout(at_once, inner, message="my words")
        with pytest.raises(gen.TimeoutError, match="made late"):
            await gen.with_timeout(at_once, inner, message=lambda: "made late")
        assert not caplog.records
        inner.set_exception(ValueError("late"))
        await asyncio.sleep(0)
        assert len(caplog.records) == 3
        quiet: asyncio.Future[None] = asyncio.Future()
        with pytest.raises(gen.TimeoutError):
            await gen.with_timeout(at_once, quiet, quiet_exceptions=ValueError)
        quiet.set_exception(ValueError("late"))
        await asyncio.sleep(0)
        assert len(caplog.records) == 3
        done: asyncio.Future[int] = asyncio.Future()
        done.set_result(2)
        assert gen.with_timeout(at_once, done).result() == 2, "done in time, whatever the time"

    caplog.set_level(logging.INFO)
    run(main)


def test_with_timeout_leaves_no_timer() -> None:
    """What came in time must not be kept until the time is over."""

    class Big:
        pass

    async def main() -> None:
        big = Big()
        reference = weakref.ref(big)
        future = soon(big)
        assert await gen.with_timeout(datetime.timedelta(days=1), future) is big
        await asyncio.sleep(0)
        del big, future
        gc.collect()
        assert reference() is None

    asyncio.run(main())


def test_sleep_and_its_cancellation(run: Run) -> None:
    async def main() -> None:
        before = IOLoop.current().time()
        await gen.sleep(0.02)
        assert IOLoop.current().time() - before > 0.01
        sleeper = gen.sleep(3600)
        sleeper.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeper

    run(main)


def test_moment_and_none_let_others_run(run: Run) -> None:
    order: list[str] = []

    @gen.coroutine
    def one(name: str, pause: Any) -> Generator[Any, Any, None]:
        for _ in range(3):
            order.append(name)
            yield pause

    async def main() -> None:
        await gen.multi([one("a", gen.moment), one("b", None)])

    run(main)
    assert order == ["a", "b"] * 3


def test_maybe_future(run: Run) -> None:
    async def main() -> None:
        future = soon(1)
        assert gen.maybe_future(future) is future
        assert gen.maybe_future(2).result() == 2
        await future

    run(main)


def test_moment_is_over_wherever_one_can_wait(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        for nothing in (None, gen.moment):
            assert await gen.with_timeout(datetime.timedelta(seconds=9), nothing) is None
            assert [each async for each in gen.WaitIterator(nothing)] == [None]
            assert await gen.multi({"a": nothing}) == {"a": None}
        IOLoop.current().add_callback(lambda: gen.moment)
        await asyncio.sleep(0)

    run(main)
    assert not caplog.records


def test_coroutines_that_only_they_know_of_are_kept(run: Run) -> None:
    class Object:
        pass

    async def main() -> None:
        async def forever(thing: object) -> None:
            await asyncio.Event().wait()

        def count(thing: object) -> asyncio.Future[None]:
            return gen.convert_yielded(forever(thing))

        loop = IOLoop.current()
        periodic = PeriodicCallback(lambda: count(hold("periodic")), 1)
        periodic.start()
        loop.add_future(count(hold("future")), print)
        gen.multi([forever(hold("multi"))])
        loop.add_callback(lambda: count(hold("callback")))
        while len(held) < 4:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        periodic.stop()
        gc.collect()
        assert all(reference() is not None for reference in held.values())

    def hold(name: str) -> object:
        thing = Object()
        held[name] = weakref.ref(thing)
        return thing

    held: dict[str, weakref.ref[Object]] = {}
    run(main)


def test_cancelled_futures_inside(run: Run) -> None:
    @gen.coroutine
    def waits(future: asyncio.Future[None], swallow: bool) -> Generator[Any, Any, str]:
        try:
            yield future
        except asyncio.CancelledError:
            if swallow:
                return "went on"
            raise
        return "unreached"

    async def main() -> None:
        swallowed: asyncio.Future[None] = asyncio.Future()
        outcome = waits(swallowed, swallow=True)
        swallowed.cancel()
        assert await outcome == "went on"
        other: asyncio.Future[None] = asyncio.Future()
        outcome = waits(other, swallow=False)
        other.cancel()
        with pytest.raises(asyncio.CancelledError):
            await outcome
        assert outcome.cancelled()

    run(main)


def test_result_after_the_waiter_gave_up(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    ended: list[int] = []

    @gen.coroutine
    def works() -> Generator[Any, Any, int]:
        yield gen.moment
        ended.append(1)
        return 1

    async def main() -> None:
        future = works()
        future.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    run(main)
    assert ended == [1]
    assert not caplog.records


def test_context_variables_stay_inside(run: Run) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outside")

    @gen.coroutine
    def sets(value: str) -> Generator[Any, Any, str]:
        variable.set(value)
        yield gen.moment
        assert (yield reads()) == value, "a native coroutine sees it"
        yield soon(None)
        return variable.get()

    async def reads() -> str:
        return variable.get()

    @gen.coroutine
    def plain() -> None:
        variable.set("plain")

    async def main() -> None:
        assert await gen.multi([sets("one"), sets("two")]) == ["one", "two"]
        await plain()
        assert variable.get() == "outside"

    run(main)


def test_runner_is_kept_by_its_future(run: Run) -> None:
    async def main() -> None:
        kept: list[Any] = []

        @gen.coroutine
        def waits() -> Generator[Any, Any, str]:
            # Nothing else refers to this future, and it refers to the runner only.
            future: asyncio.Future[str] = asyncio.Future()
            kept.append(weakref.ref(future))
            return (yield future)

        outcome = waits()
        gc.collect()
        future = kept[0]()
        assert future is not None
        future.set_result("alive")
        assert await outcome == "alive"

    run(main)


def test_finished_coroutines_leave_no_cycle() -> None:
    class Local:
        pass

    references: list[weakref.ref[Local]] = []

    @gen.coroutine
    def fails() -> Generator[Any, Any, None]:
        local = Local()
        references.append(weakref.ref(local))
        yield gen.maybe_future(None)
        raise ValueError("with a traceback")

    @gen.coroutine
    def catches() -> Generator[Any, Any, None]:
        try:
            yield fails()
        except ValueError:
            pass

    async def main() -> None:
        gc.collect()
        gc.disable()
        try:
            await catches()
            assert references[0]() is None
        finally:
            gc.enable()

    asyncio.run(main())


def test_errors_have_no_foreign_context(run: Run) -> None:
    @gen.coroutine
    def fails(n: int) -> None:
        raise ValueError(n)

    @gen.coroutine
    def main() -> Generator[Any, Any, None]:
        for n in range(2):
            with pytest.raises(ValueError, match=str(n)) as caught:
                yield fails(n)
            assert caught.value.__context__ is None

    run(main)


def test_long_loops_of_done_futures_do_not_recurse(run: Run) -> None:
    @gen.coroutine
    def main() -> Generator[Any, Any, int]:
        for n in range(sys.getrecursionlimit() * 2):
            yield gen.maybe_future(n)
        return n

    assert run(main) == sys.getrecursionlimit() * 2 - 1


def test_handle_exception_of_a_runner(run: Run) -> None:
    async def main() -> None:
        future: asyncio.Future[None] = asyncio.Future()

        def waits() -> Generator[Any, Any, str]:
            try:
                yield future
            except KeyError:
                return "thrown in"
            return "unreached"

        result: asyncio.Future[str] = asyncio.Future()
        generator = waits()
        runner = gen.Runner(contextvars.copy_context().run, generator, result, next(generator))
        assert runner.handle_exception(KeyError, KeyError(), None)
        assert await result == "thrown in"
        assert not runner.handle_exception(KeyError, KeyError(), None)

    run(main)
