"""whirlwind.concurrent: futures of both kinds and the helpers around them."""

import asyncio
import concurrent.futures
import logging
import sys
import threading
from typing import Any

import pytest

from tests.unit.loops import Run, run
from whirlwind.concurrent import (
    Future,
    chain_future,
    dummy_executor,
    future_add_done_callback,
    future_set_exc_info,
    future_set_exception_unless_cancelled,
    future_set_result_unless_cancelled,
    is_future,
    run_on_executor,
)

__all__ = ["run"]


def test_is_future(run: Run) -> None:
    async def main() -> None:
        assert is_future(Future())
        assert is_future(asyncio.ensure_future(asyncio.sleep(0)))
        assert is_future(concurrent.futures.Future())
        assert not is_future(3)

    run(main)


def test_dummy_executor_runs_at_once() -> None:
    assert dummy_executor.submit(int, "12").result() == 12
    with pytest.raises(ValueError, match="invalid literal"):
        dummy_executor.submit(int, "x").result()
    dummy_executor.shutdown()


def test_run_on_executor(run: Run) -> None:
    class Worker:
        def __init__(self, pool: concurrent.futures.Executor) -> None:
            self.executor = dummy_executor
            self._pool = pool

        @run_on_executor
        def here(self) -> int:
            """Where am I?"""
            return threading.get_ident()

        @run_on_executor(executor="_pool")
        def there(self, number: int) -> int:
            assert threading.get_ident() != main_thread
            return 10 // number

    main_thread = threading.get_ident()

    async def main() -> None:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            worker = Worker(pool)
            assert await worker.here() == main_thread
            assert await worker.there(5) == 2
            with pytest.raises(ZeroDivisionError):
                await worker.there(0)
        assert Worker.here.__doc__ == "Where am I?"

    run(main)


def test_run_on_executor_refuses_other_arguments() -> None:
    with pytest.raises(ValueError, match="got 2"):
        run_on_executor(print, print)
    with pytest.raises(TypeError, match="io_loop"):
        run_on_executor(io_loop=None)


def test_chain_future(run: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()

        def pair() -> tuple[Future[Any], Future[Any]]:
            one, other = loop.create_future(), loop.create_future()
            chain_future(one, other)
            return one, other

        source, target = pair()
        source.set_result(3)
        assert await target == 3
        source, target = pair()
        source.set_exception(KeyError("k"))
        with pytest.raises(KeyError):
            await target
        source, target = pair()
        source.cancel()
        with pytest.raises(asyncio.CancelledError):
            await target
        source, target = pair()
        target.cancel()
        await asyncio.sleep(0)
        assert not source.done(), "what a target suffers does not concern the source"
        source.set_result(3)
        await asyncio.sleep(0)
        done = loop.create_future()
        done.set_result(5)
        at_once = loop.create_future()
        chain_future(done, at_once)
        assert at_once.result() == 5

    run(main)


def test_chain_future_from_a_thread_to_a_loop(run: Run) -> None:
    async def main() -> None:
        target = asyncio.get_running_loop().create_future()
        target.add_done_callback(lambda _: seen.append(threading.get_ident()))
        source: concurrent.futures.Future[int] = concurrent.futures.Future()
        chain_future(source, target)
        thread = threading.Thread(target=source.set_result, args=(4,))
        thread.start()
        assert await target == 4
        thread.join()
        await asyncio.sleep(0)

    seen: list[int] = []
    run(main)
    assert seen == [threading.get_ident()]


def test_a_call_on_an_executor_that_raises_stop_iteration(run: Run) -> None:
    class Worker:
        executor = concurrent.futures.ThreadPoolExecutor(1)

        @run_on_executor
        def first(self, items: list[int]) -> int:
            started.wait()
            return next(iter(items))

    async def main() -> None:
        call = Worker().first([])
        started.set()
        with pytest.raises(RuntimeError, match="StopIteration"):
            await call

    started = threading.Event()
    with Worker.executor:
        run(main)


def test_chain_future_to_a_loop_that_is_gone() -> None:
    async def main() -> None:
        chain_future(source, asyncio.get_running_loop().create_future())

    source: concurrent.futures.Future[int] = concurrent.futures.Future()
    asyncio.run(main())
    source.set_result(1)


def test_setters_respect_cancellation(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        future: Future[int] = Future()
        future.cancel()
        future_set_result_unless_cancelled(future, 1)
        assert not caplog.records
        future_set_exception_unless_cancelled(future, ValueError("too late"))
        assert future.cancelled()
        future = Future()
        future_set_result_unless_cancelled(future, 1)
        assert future.result() == 1
        future = Future()
        try:
            raise ValueError("in time")
        except ValueError:
            future_set_exc_info(future, sys.exc_info())
        with pytest.raises(ValueError, match="in time"):
            await future
        with pytest.raises(Exception, match="no exception"):
            future_set_exc_info(Future(), (None, None, None))

    caplog.set_level(logging.INFO)
    run(main)
    assert [record.message for record in caplog.records] == ["Exception after Future was cancelled"]


def test_done_callback_is_immediate_when_done(run: Run) -> None:
    async def main() -> None:
        future: Future[int] = Future()
        seen: list[object] = []
        future_add_done_callback(future, seen.append)
        assert not seen
        future.set_result(1)
        future_add_done_callback(future, lambda done: seen.append("now"))
        assert seen == ["now"]
        await asyncio.sleep(0)
        assert seen == ["now", future]

    run(main)
