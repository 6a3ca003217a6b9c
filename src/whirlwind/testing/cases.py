"""`AsyncTestCase`, whose tests have an event loop, and `gen_test` for coroutines in it."""

import asyncio
import functools
import inspect
import os
import unittest
import warnings
from collections.abc import Callable, Coroutine, Generator
from typing import Any, overload

from whirlwind.gen import Return, coroutine
from whirlwind.ioloop import IOLoop, TimeoutError
from whirlwind.platform.asyncio import AsyncIOMainLoop

#: Seconds that a test may wait, unless the environment variable ASYNC_TEST_TIMEOUT says otherwise.
#: Tornado's figure: longer than anything local takes, short enough to sit through.
DEFAULT_TIMEOUT = 5.0

_Test = Callable[..., Any]


def get_async_test_timeout() -> float:
    """How many seconds a test may wait: the environment variable ``ASYNC_TEST_TIMEOUT``, or 5."""
    try:
        return float(os.environ.get("ASYNC_TEST_TIMEOUT", DEFAULT_TIMEOUT))
    except ValueError:
        return DEFAULT_TIMEOUT


class AsyncTestCase(unittest.TestCase):
    """A test case with a new event loop, ``self.io_loop``, for each test.

    Write tests as coroutines under `gen_test`. The older form, `stop` called from a callback that
    ends a `wait`, still works.

    The loop is the current one from ``setUp`` to ``tearDown``, which cancels what is left running
    on it and closes it. Subclasses that override either must call it.
    """

    io_loop: IOLoop

    def __init__(self, methodName: str = "runTest") -> None:
        super().__init__(methodName)
        self._stopped = False
        self._waiting = False
        self._stop_value: Any = None

    def setUp(self) -> None:
        """Make the loop."""
        super().setUp()
        if type(self).get_new_ioloop is not AsyncTestCase.get_new_ioloop:
            warnings.warn(
                f"{type(self).__name__}.get_new_ioloop is deprecated since Tornado 6.3: "
                "every test gets a loop of its own",
                DeprecationWarning,
                stacklevel=2,
            )
        self.io_loop = self.get_new_ioloop()
        self.io_loop.make_current()
        # There is no tearDown when the rest of setUp, that of a subclass, fails.
        self.addCleanup(self._close_loop)

    def tearDown(self) -> None:
        """Cancel what still runs, wait for its end, and close the loop.

        :raises BaseException: whatever a cancelled task raised in answer to that.
        """
        self._close_loop()
        super().tearDown()

    def _close_loop(self) -> None:
        # One that get_new_ioloop() borrowed from asyncio belongs to somebody else.
        if isinstance(self.io_loop, AsyncIOMainLoop) or self.io_loop.asyncio_loop.is_closed():
            return
        try:
            _cancel_all_tasks(self.io_loop.asyncio_loop)
        finally:
            self.io_loop.close(all_fds=True)
            asyncio.set_event_loop(None)

    def get_new_ioloop(self) -> IOLoop:
        """Make the loop for one test.

        A subclass may return ``IOLoop.current()``, which then stays open. Deprecated since Tornado
        6.3.
        """
        made: IOLoop = IOLoop(make_current=False)
        return made

    def _callTestMethod(self, method: _Test) -> None:
        # An undecorated coroutine or generator would pass without having run.
        result = method()
        if isinstance(result, (Generator, Coroutine)) or inspect.isasyncgen(result):
            if isinstance(result, Coroutine):
                result.close()  # no warning that nobody waited for it: the error says so
            raise TypeError(
                f"{self.id()} is a coroutine or generator and should be decorated with "
                "whirlwind.testing.gen_test"
            )
        if result is not None:
            raise ValueError(f"Return value from test method ignored: {result!r}")

    def stop(self, _arg: Any = None, **kwargs: Any) -> None:
        """End the current `wait`, or the next one. Deprecated since Tornado 5.1: use `gen_test`.

        :arg _arg: what ``wait`` returns.
        :arg kwargs: a dict of these is what ``wait`` returns; only without ``_arg``.
        """
        if _arg is not None and kwargs:
            raise AssertionError("stop() takes one positional argument or keywords, not both")
        self._stop_value = kwargs or _arg
        if self._waiting:
            self.io_loop.stop()
            self._waiting = False
        self._stopped = True

    def wait(
        self, condition: Callable[..., bool] | None = None, timeout: float | None = None
    ) -> Any:
        """Run the loop until `stop` is called. Deprecated since Tornado 5.1: use `gen_test`.

        :arg condition: when it says False after a ``stop``, waiting goes on.
        :arg timeout: seconds until the test fails; None is `get_async_test_timeout`, 0 no limit.
        :returns: what ``stop`` got.
        """
        if timeout is None:
            timeout = get_async_test_timeout()
        if not self._stopped:
            self._run_until_stopped(condition, timeout)
        self._stopped = False
        value, self._stop_value = self._stop_value, None
        return value

    def _run_until_stopped(self, condition: Callable[..., bool] | None, timeout: float) -> None:
        timed_out = False

        def expire() -> None:
            nonlocal timed_out
            timed_out = True
            self.stop()

        handle = self.io_loop.call_later(timeout, expire) if timeout else None
        try:
            while True:
                self._waiting = True
                self.io_loop.start()
                if timed_out:
                    self._stopped = False
                    raise self.failureException(
                        f"Async operation timed out after {timeout} seconds"
                    )
                if condition is None or condition():
                    return
        finally:
            self._waiting = False
            if handle is not None:
                self.io_loop.remove_timeout(handle)


def _cancel_all_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel every task of a loop that stands still, and see them to their ends."""
    tasks = [task for task in asyncio.all_tasks(loop) if not task.done()]
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks))
    loop.run_until_complete(loop.shutdown_asyncgens())
    for task in tasks:
        if not task.cancelled():
            error = task.exception()
            if error is not None:
                raise error


@overload
def gen_test(func: _Test) -> Callable[..., None]: ...


@overload
def gen_test(
    func: None = None, timeout: float | None = None
) -> Callable[[_Test], Callable[..., None]]: ...


def gen_test(
    func: _Test | None = None, timeout: float | None = None
) -> Callable[..., None] | Callable[[_Test], Callable[..., None]]:
    """Make a test method of a coroutine: ``async def`` or a generator as for `gen.coroutine`.

    ::

        class MyTest(AsyncHTTPTestCase):
            @gen_test
            async def test_hello(self):
                response = await self.http_client.fetch(self.get_url("/"))

            @gen_test(timeout=30)
            async def test_slow(self): ...

    In it, wait for things with ``await`` or ``yield``: what runs the loop itself, such as
    ``wait`` and ``AsyncHTTPTestCase.fetch``, has no place there.

    :arg func: the coroutine function; its first argument is an `AsyncTestCase`.
    :arg timeout: seconds after which the test is cancelled and fails with `TimeoutError`; None is
        `get_async_test_timeout`.
    """

    def decorate(func: _Test) -> Callable[..., None]:
        @functools.wraps(func)
        def run(self: AsyncTestCase, *args: Any, **kwargs: Any) -> Any:
            limit = get_async_test_timeout() if timeout is None else timeout
            test = _Run(functools.partial(func, self, *args, **kwargs))
            try:
                return self.io_loop.run_sync(test.start, timeout=limit)
            except TimeoutError as error:
                test.blame(error)
                raise

        return run

    return decorate if func is None else decorate(func)


class _Run:
    """One run of a coroutine test, which can tell where it stood when its time was over."""

    def __init__(self, func: Callable[[], Any]) -> None:
        self._func = func
        self._generator: Generator[Any, Any, Any] | None = None
        self._coroutine: Coroutine[Any, Any, Any] | None = None
        self._cancelled: asyncio.CancelledError | None = None

    def start(self) -> Any:
        """Begin; returns what is to be waited for, or the result of one that waits for nothing."""
        result = self._func()
        if isinstance(result, Generator):
            self._generator = result
            return coroutine(lambda: result)()
        if isinstance(result, Coroutine):
            self._coroutine = result
            return self._watch(result)
        if inspect.isawaitable(result):
            return result
        return coroutine(lambda: result)()  # any value may be the outcome of a plain function

    async def _watch(self, test: Coroutine[Any, Any, Any]) -> Any:
        try:
            result = await test
        except asyncio.CancelledError as error:
            self._cancelled = error
            raise
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError  # it has gone on after its time was over
        return result

    def blame(self, error: BaseException) -> None:
        """Make the traceback of a timeout show the line of the test that waited.

        A generator gets the error thrown in, and so may clean up, as a coroutine that is cancelled.
        """
        if self._generator is not None:
            try:
                self._generator.throw(error)
            except BaseException as raised:
                if raised is not error and not isinstance(raised, (StopIteration, Return)):
                    raise
            finally:
                self._generator.close()
        test = self._coroutine
        if inspect.iscoroutine(test) and inspect.getcoroutinestate(test) == inspect.CORO_CREATED:
            test.close()  # its time was over before it began
        if self._cancelled is not None:
            error.__cause__ = self._cancelled
