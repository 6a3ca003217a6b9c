"""``return_future``, and futures as they were."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import pytest

from whirlwind import gen
from whirlwind.concurrent import (
    Future,
    ReturnValueIgnoredError,
    TracebackFuture,
    return_future,
)
from whirlwind.ioloop import IOLoop
from whirlwind.stack_context import ExceptionStackContext
from whirlwind.testing import ExpectLog


def later(callback: Callable[..., Any], *args: Any) -> None:
    IOLoop.current().add_callback(callback, *args)


def fail(*args: Any) -> None:
    raise KeyError("fail")


@return_future
def echo(value: int, callback: Callable[[int], None]) -> None:
    """Says it again."""
    later(callback, value)


@return_future
def nothing(callback: Callable[[], None]) -> None:
    later(callback)


@return_future
def fails(callback: Callable[[], None]) -> None:
    fail()


@return_future
def fails_later(callback: Callable[[], None]) -> None:
    later(fail)


@return_future
def returns(callback: Callable[[], None]) -> int:
    return 5


@return_future
@gen.engine
def engine(value: int, callback: Callable[[int], None]) -> Any:
    yield gen.moment
    if value < 0:
        fail()
    callback(value)


async def turns() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


def test_a_future_of_what_the_callback_gets(loop: IOLoop) -> None:
    async def main() -> None:
        assert await echo(1) == 1
        assert await nothing() is None
        assert await engine(2) == 2

    loop.run_sync(main)
    assert echo.__doc__ == "Says it again."


def test_the_callback_of_the_caller(loop: IOLoop) -> None:
    got: list[Any] = []

    async def main() -> None:
        assert await echo(1, got.append) == 1
        assert await echo(2, callback=got.append) == 2
        assert await nothing(callback=lambda *args: got.append(args)) is None
        assert await engine(3, got.append) == 3
        assert await echo(4, None) == 4
        await turns()

    loop.run_sync(main)
    assert got == [1, 2, (), 3]


def test_a_failure_at_once_is_raised(loop: IOLoop) -> None:
    async def main() -> None:
        with pytest.raises(KeyError):
            fails()
        with pytest.raises(ReturnValueIgnoredError, match=r"returns\(\) returned 5"):
            returns()

    loop.run_sync(main)


def test_a_failure_later_is_the_future_s(loop: IOLoop) -> None:
    got: list[Any] = []

    def handle(typ: Any, value: Any, traceback: Any) -> bool:
        got.append(typ)
        return True

    async def main() -> None:
        for function in (fails_later, lambda **kwargs: engine(-1, **kwargs)):
            with ExceptionStackContext(handle):
                first = function()
                second = function(callback=got.append)
            for future in (first, second):
                with pytest.raises(KeyError):
                    await future
            await turns()
            assert got == [KeyError]
            got.clear()

    loop.run_sync(main)


def test_a_callback_that_fails(loop: IOLoop) -> None:
    async def main() -> None:
        with ExpectLog("whirlwind.application", "Exception in callback"):
            assert await echo(1, fail) == 1
            await turns()

    loop.run_sync(main)


def test_what_fails_when_it_is_done(loop: IOLoop) -> None:
    @return_future
    def twice(callback: Callable[[int], None]) -> None:
        callback(1)
        fail()

    async def main() -> None:
        with pytest.raises(KeyError):
            twice()

    loop.run_sync(main)


def test_futures_with_tracebacks(loop: IOLoop) -> None:
    future = TracebackFuture()
    try:
        fail()
    except KeyError:
        future.set_exc_info(sys.exc_info())
    typ, value, traceback = future.exc_info()
    assert typ is KeyError
    assert value is future.exception()
    assert traceback is value.__traceback__

    done = TracebackFuture()
    done.set_result(1)
    assert done.exc_info() is None

    async def main() -> None:
        assert await done == 1
        assert isinstance(echo(1), Future)
        assert isinstance(asyncio.Future(), TracebackFuture)
        assert not isinstance(1, TracebackFuture)
        assert TracebackFuture().get_loop() is asyncio.get_running_loop()
        await turns()

    loop.run_sync(main)
