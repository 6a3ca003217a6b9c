"""Methods of a loop that are gone since Tornado 4, and other small things."""

import asyncio
import logging
import signal
import socket
import sys
import threading
import unittest
import warnings
from typing import Any

import pytest

from whirlwind import testing, util
from whirlwind.ioloop import IOLoop
from whirlwind.legacy import warning
from whirlwind.netutil import Resolver
from whirlwind.stack_context import ExceptionStackContext
from whirlwind.testing import ExpectLog


def test_the_loop_of_the_program(loop: IOLoop) -> None:
    assert IOLoop.initialized()
    assert IOLoop.instance() is loop
    other = IOLoop(make_current=False)
    other.install()
    assert IOLoop.instance() is other
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        IOLoop.clear_instance()
    assert not IOLoop.initialized()
    other.close()


@pytest.mark.parametrize("how", ["instance", "start", "run_sync"])
def test_a_thread_finds_the_loop_of_the_program(loop: IOLoop, how: str) -> None:
    found: list[Any] = []

    def work() -> None:
        found.append(IOLoop.instance())
        IOLoop.instance().add_callback(loop.stop if how == "start" else end.set)

    end = threading.Event()
    thread = threading.Thread(target=work)
    if how == "instance":
        assert IOLoop.instance() is loop
        thread.start()
        loop.run_sync(lambda: loop.run_in_executor(None, end.wait))
    elif how == "start":
        loop.add_callback(thread.start)
        loop.start()
    else:

        async def main() -> None:
            thread.start()
            await loop.run_in_executor(None, end.wait)

        loop.run_sync(main)
    thread.join()
    assert found == [loop]


def test_a_thread_that_has_a_loop_of_its_own_finds_that(loop: IOLoop) -> None:
    async def which() -> bool:
        return IOLoop.instance() is IOLoop.current() is not loop

    assert IOLoop.instance() is loop
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(which())))
    thread.start()
    thread.join()
    assert found == [True]
    loop.close()  # a loop that is closed is of no use to anybody
    thread = threading.Thread(target=lambda: found.append(IOLoop.instance() is not loop))
    thread.start()
    thread.join()
    assert found == [True, True]


@pytest.fixture
def alarm() -> Any:
    before = signal.getsignal(signal.SIGALRM)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("alarm")
def test_a_loop_that_is_blocked_says_where(loop: IOLoop) -> None:
    def block_until_told() -> None:
        while not logged.matched:
            if signal.getitimer(signal.ITIMER_REAL) == (0, 0):
                # The machine was so slow that the loop was blocked before it came here.
                signal.setitimer(signal.ITIMER_REAL, 0.01)
        loop.stop()

    with ExpectLog("whirlwind.general", "IOLoop blocked in(.|\n)*block_until_told") as logged:
        loop.set_blocking_log_threshold(0.02)
        loop.call_later(0.03, block_until_told)
        loop.start()
    loop.set_blocking_log_threshold(None)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.usefixtures("alarm")
def test_a_signal_for_a_loop_that_is_blocked(loop: IOLoop) -> None:
    signals: list[int] = []

    def block_until_told() -> None:
        while not signals:
            pass
        loop.stop()

    loop.set_blocking_signal_threshold(0.01, lambda number, frame: signals.append(number))
    loop.call_later(0.03, block_until_told)
    loop.start()
    loop.set_blocking_signal_threshold(None, None)
    assert set(signals) == {signal.SIGALRM}
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_callback_from_a_signal_belongs_to_nobody(loop: IOLoop) -> None:
    def fail() -> None:
        loop.stop()
        raise KeyError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with ExceptionStackContext(lambda *error: True):
            loop.add_callback_from_signal(fail)
    with ExpectLog("whirlwind.application", "Exception in callback"):
        loop.start()


def test_the_warning_of_a_callback_from_a_signal_points_at_the_caller(loop: IOLoop) -> None:
    with pytest.warns(DeprecationWarning, match="add_callback_from_signal") as warned:
        loop.add_callback_from_signal(loop.stop)
    assert [each.filename for each in warned] == [__file__]


def test_add_future_takes_what_was_a_future_and_is_a_coroutine_today(loop: IOLoop) -> None:
    results: list[Any] = []

    def done(future: Any) -> None:
        results.append(future.result())
        loop.stop()

    loop.add_future(Resolver().resolve("127.0.0.1", 80), done)  # type: ignore[arg-type]
    loop.start()
    assert results == [[(socket.AF_INET, ("127.0.0.1", 80))]]


def test_small_tools() -> None:
    assert util.PY3
    assert util.u("text") == "text"
    port = testing.get_unused_port()
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", port))


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_logged_is_shown_of_tests_that_fail(
    fails: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Case(testing.LogTrapTestCase):  # type: ignore[name-defined, misc]
        def test(self) -> None:
            logging.getLogger("some").error("something happened")
            assert not fails

    handler = logging.StreamHandler(sys.stdout)
    monkeypatch.setattr(logging.root, "handlers", [handler])
    result = Case("test").run()
    assert isinstance(result, unittest.TestResult)
    assert result.testsRun == 1
    assert bool(result.failures) is fails
    assert handler.stream is sys.stdout
    assert ("something happened" in capsys.readouterr().out) is fails


def test_with_more_handlers_it_does_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Case(testing.LogTrapTestCase):  # type: ignore[name-defined, misc]
        def test(self) -> None:
            logging.getLogger("some").error("something happened")

    handlers = [logging.StreamHandler(sys.stdout), logging.NullHandler()]
    monkeypatch.setattr(logging.root, "handlers", handlers)
    result = unittest.TestResult()
    assert Case("test").run(result) in (result, None)
    assert "something happened" in capsys.readouterr().out


def test_each_method_is_warned_of(loop: IOLoop) -> None:
    warning._told = set()
    with pytest.warns(DeprecationWarning, match=r"IOLoop\.initialized is a form of Tornado 4"):
        IOLoop.initialized()
    with pytest.warns(DeprecationWarning, match="set_blocking_signal_threshold.*debug mode"):
        loop.set_blocking_signal_threshold(None, None)
