"""Coroutines and futures."""

import asyncio
import concurrent.futures
import contextvars
import datetime
from typing import Any

from tests.differential.scenarios.tools import (
    SECOND,
    TICK,
    IOLoop,
    concurrent_,
    error_of,
    failed,
    gen,
    outcome,
    scenario,
)

# --- gen ------------------------------------------------------------------------------------------


@scenario
async def yieldables() -> Any:
    async def native() -> int:
        return 1

    pool = concurrent.futures.ThreadPoolExecutor(1)

    @gen.coroutine
    def decorated() -> Any:
        yield None
        return 2

    @gen.coroutine
    def main() -> Any:
        found = []
        for thing in (
            native(),
            decorated(),
            [native(), decorated()],
            {"a": native(), "b": [decorated()]},
            None,
            gen.moment,
            [],
            {},
            pool.submit(lambda: 3),
            asyncio.ensure_future(native()),
            asyncio.sleep(0, 4),
            gen.sleep(0),
            [None],
        ):
            result = yield thing
            found.append(result)
        for bad in (1, "text", (native,), {1}, object(), True, b"x", 0, ()):
            try:
                yield bad
            except Exception as error:
                found.append(error)
            else:
                found.append(f"{bad!r} is fine")
        return found

    return await main()


@scenario
async def endings() -> Any:
    def make(how: str) -> Any:
        @gen.coroutine
        def work() -> Any:
            if how.startswith("late"):
                yield None
            if how.endswith("return"):
                return 1
            if how.endswith("Return"):
                raise gen.Return(2)
            if how.endswith("bare"):
                raise gen.Return
            if how.endswith("stop"):
                raise StopIteration(3)
            if how.endswith("cancel"):
                raise asyncio.CancelledError
            if how.endswith("error"):
                raise KeyError(4)
            if how.endswith("native"):
                return asyncio.sleep(0, 5)
            yield None

        return work()

    found: dict[str, Any] = {}
    for how in ("return", "Return", "bare", "stop", "cancel", "error", "native", "none"):
        found[how] = await outcome(make(how))
        found["late " + how] = await outcome(make("late " + how))
    return {key: value[0] if isinstance(value, list) else value for key, value in found.items()}


@scenario
async def plain_functions() -> Any:
    def give(how: str) -> Any:
        if how == "Return":
            raise gen.Return(1)
        if how == "stop":
            raise StopIteration(2)
        if how == "error":
            raise KeyError
        if how == "future":
            return gen.maybe_future(4)
        return 5

    decorated = gen.coroutine(give)
    # Not a coroutine: Whirlwind awaits it, and so `coroutine` does on ``async def``.
    hows = ("Return", "stop", "error", "future", "value")
    return [await outcome(decorated(how)) for how in hows]


@scenario
async def first_steps() -> Any:
    steps = []

    @gen.coroutine
    def inner() -> Any:
        steps.append("in")
        yield gen.maybe_future(1)
        steps.append("done is no wait")
        yield gen.moment
        steps.append("moment is")
        yield None
        steps.append("none is")

    future = inner()
    steps.append("out")
    await asyncio.sleep(0)
    steps.append("one")
    await asyncio.sleep(0)
    steps.append("two")
    await future
    return steps


@scenario
async def who_is_a_coroutine() -> Any:
    async def native() -> None: ...

    decorated = gen.coroutine(native)
    return [
        gen.is_coroutine_function(native),
        gen.is_coroutine_function(decorated),
        gen.is_coroutine_function(len),
        decorated.__name__,
        decorated.__wrapped__ is native,
        gen.is_future(asyncio.get_running_loop().create_future()),
        gen.is_future(concurrent.futures.Future()),
        gen.is_future(3),
        gen.maybe_future(3).result(),
        gen.Multi is gen.multi,
        gen.TimeoutError is TimeoutError,
    ]


@scenario
async def several() -> Any:
    async def give(value: Any) -> Any:
        await asyncio.sleep(0)
        if isinstance(value, BaseException):
            raise value
        return value

    cancelled = asyncio.get_running_loop().create_future()
    cancelled.cancel()
    return [
        await gen.multi([give(1), give(2)]),
        await gen.multi({"b": give(1), "a": give(2)}),
        await gen.multi([]),
        await gen.multi({}),
        await gen.multi((give(1), None)),
        await gen.multi([give(1), [give(2), {"x": give(3)}]]),
        await outcome(gen.multi([give(KeyError(1)), give(ValueError(2))])),
        await outcome(gen.multi([give(KeyError(1)), give(ValueError(2))], ValueError)),
        await outcome(gen.multi([give(KeyError()), give(1)], quiet_exceptions=(KeyError,))),
        await outcome(gen.multi([cancelled, give(1)])),
        await gen.multi_future([give(1)]),
        await outcome(gen.convert_yielded([give(1)])),
        error_of(gen.multi, [1]),
        error_of(gen.multi, 3),
    ]


@scenario
async def in_order_of_arrival() -> Any:
    async def give(value: Any, turns: int) -> Any:
        for _ in range(turns):
            await asyncio.sleep(0)
        if isinstance(value, BaseException):
            raise value
        return value

    def begin(value: Any, turns: int) -> Any:
        return asyncio.ensure_future(give(value, turns))

    found: list[Any] = []
    waiting = gen.WaitIterator(begin(1, 6), begin(2, 2), begin(KeyError(), 4))
    while not waiting.done():
        found.append([await outcome(waiting.next()), waiting.current_index])
    found.append([waiting.done(), waiting.current_index, waiting.current_future])
    waiting = gen.WaitIterator(slow=begin(1, 3), fast=begin(2, 0))
    found.append([[value, waiting.current_index] async for value in waiting])
    same = gen.maybe_future(7)
    waiting = gen.WaitIterator(same, same)
    found.append([value async for value in waiting])
    found.append(gen.WaitIterator().done())
    found.append(error_of(gen.WaitIterator, same, a=same))
    return found


@scenario
async def timeouts_of_futures() -> Any:
    never = asyncio.get_running_loop().create_future()
    loop = IOLoop.current()

    async def fails() -> None:
        await asyncio.sleep(0.02)
        raise KeyError

    found = [
        await outcome(gen.with_timeout(TICK, never)),
        never.done(),
        await outcome(gen.with_timeout(loop.time() - 1, never)),
        await outcome(gen.with_timeout(datetime.timedelta(0), gen.maybe_future(1))),
        await outcome(gen.with_timeout(SECOND, gen.sleep(0))),
        await outcome(gen.with_timeout(SECOND, failed(KeyError()))),
        await outcome(gen.with_timeout(TICK, fails())),
        await outcome(gen.with_timeout(TICK, fails(), quiet_exceptions=KeyError)),
        error_of(gen.with_timeout, "soon", never),
    ]
    for message in (None, "too slow", lambda: "made"):
        try:
            await gen.with_timeout(TICK, never, message=message)
        except TimeoutError as error:
            found.append(str(error))
    await asyncio.sleep(0.03)
    return found


@scenario
async def contexts() -> Any:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)

    @gen.coroutine
    def inner() -> Any:
        variable.set(1)
        yield None
        before = variable.get()
        variable.set(2)
        yield gen.sleep(0)
        return before, variable.get()

    variable.set(9)
    return [await inner(), variable.get()]


@scenario
async def cancelled_inside() -> Any:
    @gen.coroutine
    def work(seen: list[Any]) -> Any:
        future = asyncio.get_running_loop().create_future()
        IOLoop.current().add_callback(future.cancel)
        try:
            yield future
        except asyncio.CancelledError as error:
            seen.append(error)
            raise

    seen: list[Any] = []
    future = work(seen)
    found = await outcome(future)
    return [found, future.cancelled(), seen]


@scenario
async def cancelled_outside() -> Any:
    steps = []

    @gen.coroutine
    def work() -> Any:
        steps.append(1)
        yield gen.sleep(0.01)
        steps.append(2)

    future = work()
    future.cancel()
    await asyncio.sleep(0.03)
    return [steps, future.cancelled()]


# --- concurrent -----------------------------------------------------------------------------------


@scenario
async def chains() -> Any:
    loop = asyncio.get_running_loop()
    found: list[Any] = []
    for end in ("result", "error", "cancel", "late"):
        source, target = loop.create_future(), loop.create_future()
        concurrent_.chain_future(source, target)
        if end == "result":
            source.set_result(1)
        elif end == "error":
            source.set_exception(KeyError())
        elif end == "cancel":
            source.cancel()
        else:
            target.set_result(2)
            source.set_result(1)
        found.append(await outcome(asyncio.wait_for(target, 1)))
    other: concurrent.futures.Future[int] = concurrent.futures.Future()
    target = loop.create_future()
    concurrent_.chain_future(other, target)
    other.set_result(3)
    found.append(await target)
    return found


@scenario
async def setters() -> Any:
    loop = asyncio.get_running_loop()
    gone = loop.create_future()
    gone.cancel()
    concurrent_.future_set_result_unless_cancelled(gone, 1)
    concurrent_.future_set_exception_unless_cancelled(gone, KeyError())
    future = loop.create_future()
    concurrent_.future_set_exc_info(future, (KeyError, KeyError(), None))
    done = gen.maybe_future(1)
    called = []
    concurrent_.future_add_done_callback(done, called.append)
    return [
        gone.cancelled(),
        await outcome(future),
        called == [done],
        error_of(concurrent_.future_set_exc_info, loop.create_future(), (None, None, None)),
        error_of(concurrent_.run_on_executor, len, executor="x"),
        error_of(concurrent_.run_on_executor, len, len),
        concurrent_.dummy_executor.submit(lambda: 4).result(),
        await outcome(asyncio.wrap_future(concurrent_.dummy_executor.submit(lambda: 1 // 0))),
    ]


@scenario
async def executors() -> Any:
    class Thing:
        executor = concurrent.futures.ThreadPoolExecutor(1)
        other = concurrent_.dummy_executor

        @concurrent_.run_on_executor
        def plain(self, value: int) -> int:
            return 1 // value

        @concurrent_.run_on_executor(executor="other")
        def named(self, value: int) -> int:
            return value

    thing = Thing()
    loop = IOLoop.current()
    return [
        await thing.plain(1),
        await outcome(thing.plain(0)),
        await thing.named(3),
        await loop.run_in_executor(None, divmod, 7, 2),
        await outcome(loop.run_in_executor(thing.executor, divmod, 7, 0)),
    ]
