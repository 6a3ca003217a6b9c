"""whirlwind.ioloop: the loop, its timers and callbacks, and how it lives with asyncio."""

import asyncio
import concurrent.futures
import contextvars
import datetime
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import types
import weakref
from collections.abc import Generator
from typing import Any

import pytest

from tests.unit.loops import Run, io_loop, run
from whirlwind import gen, ioloop
from whirlwind.ioloop import IOLoop, PeriodicCallback
from whirlwind.platform import loops

__all__ = ["io_loop", "run"]


def test_s16_make_current_of_a_new_loop() -> None:
    before = IOLoop.current(instance=False)
    loop = IOLoop(make_current=True)
    try:
        assert IOLoop.current() is loop
    finally:
        loop.close()
    assert IOLoop.current(instance=False) is before
    other = IOLoop(make_current=False)
    try:
        assert IOLoop.current(instance=False) is before
    finally:
        other.close()


def test_s17_each_asyncio_run_has_its_own_loop_and_leaves_none(run: Run) -> None:
    async def main() -> tuple[IOLoop, bool]:
        loop = IOLoop.current()
        return loop, loop.asyncio_loop is asyncio.get_running_loop()

    first, right = run(main)
    second, right_too = run(main)
    assert right
    assert right_too
    assert first is not second
    assert IOLoop.current(instance=False) is None


def test_s18_callbacks_run_in_order_and_from_any_thread(io_loop: IOLoop) -> None:
    seen: list[object] = []

    def tick(n: int) -> None:
        seen.append(n)
        if n < 20_000:
            io_loop.add_callback(tick, n + 1)
        else:
            threading.Thread(target=from_thread).start()

    def from_thread() -> None:
        io_loop.add_callback(seen.append, "thread")
        io_loop.add_callback(io_loop.stop)

    io_loop.add_callback(tick, 0)
    io_loop.start()
    assert seen == [*range(20_001), "thread"]


def test_s19_callback_on_a_closed_loop_is_dropped() -> None:
    loop = IOLoop(make_current=False)
    loop.close()
    called: list[int] = []
    loop.add_callback(called.append, 1)
    with pytest.warns(DeprecationWarning, match="add_callback_from_signal"):
        loop.add_callback_from_signal(called.append, 1)
    thread = threading.Thread(target=loop.add_callback, args=(called.append, 1))
    thread.start()
    thread.join()
    loop.close()
    assert not called


def test_loop_made_here_is_uvloop_where_installed() -> None:
    uvloop = pytest.importorskip("uvloop")
    loop = IOLoop(make_current=False)
    assert isinstance(loop.asyncio_loop, uvloop.Loop)
    loop.close()


def test_a_chosen_policy_decides_about_new_loops() -> None:
    if sys.version_info >= (3, 14):
        pytest.skip("policies are deprecated")

    class Mine(asyncio.DefaultEventLoopPolicy):
        pass

    asyncio.set_event_loop_policy(Mine())
    try:
        loop = IOLoop(make_current=False)
        assert type(loop.asyncio_loop).__module__.startswith("asyncio")
        loop.close()
    finally:
        asyncio.set_event_loop_policy(None)


def test_one_ioloop_for_one_asyncio_loop(io_loop: IOLoop) -> None:
    with pytest.raises(RuntimeError, match="already associated"):
        IOLoop(asyncio_loop=io_loop.asyncio_loop)
    asyncio.set_event_loop(io_loop.asyncio_loop)
    assert IOLoop.current() is io_loop
    assert IOLoop.instance() is io_loop


def test_current_wraps_a_loop_that_asyncio_was_given() -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        wrapper = IOLoop.current()
        assert wrapper.asyncio_loop is loop
        assert wrapper.run_sync(lambda: gen.sleep(0)) is None
    finally:
        asyncio.set_event_loop(None)
        wrapper.close()


def test_current_replaces_a_closed_loop() -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.close()
    made = IOLoop.current()
    try:
        assert made.asyncio_loop is not loop
        assert made.run_sync(lambda: None) is None
    finally:
        asyncio.set_event_loop(None)
        made.close()


def test_configure_refuses_what_is_not_built_on_asyncio() -> None:
    with pytest.raises(RuntimeError, match="AsyncIOLoop"):
        IOLoop.configure(int)  # type: ignore[arg-type]


def test_run_sync_results(io_loop: IOLoop) -> None:
    async def native() -> str:
        await asyncio.sleep(0)
        return "native"

    @gen.coroutine
    def generator() -> Any:
        yield None
        return "generator"

    def fails() -> None:
        raise ValueError("mine")

    assert io_loop.run_sync(native) == "native"
    assert io_loop.run_sync(generator) == "generator"
    assert io_loop.run_sync(lambda: None) is None
    with pytest.raises(ValueError, match="mine"):
        io_loop.run_sync(fails)
    with pytest.raises(gen.BadYieldError):
        io_loop.run_sync(lambda: 42)


def test_run_sync_timeout_cancels_the_work(io_loop: IOLoop) -> None:
    ended: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("finally")

    with pytest.raises(ioloop.TimeoutError, match=r"timed out after 0\.01 seconds"):
        io_loop.run_sync(slow, timeout=0.01)
    assert ended == ["finally"]


def test_a_coroutine_that_nobody_else_knows_is_not_collected(io_loop: IOLoop) -> None:
    waiting: list[weakref.ref[asyncio.Future[str]]] = []
    done = []

    async def background() -> None:
        future: asyncio.Future[str] = asyncio.Future()
        waiting.append(weakref.ref(future))
        done.append(await future)

    async def main() -> None:
        io_loop.add_callback(background)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gc.collect()
        future = waiting[0]()
        assert future is not None
        future.set_result("kept")
        del future
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    io_loop.run_sync(main)
    assert done == ["kept"]


def test_what_a_closed_loop_leaves_pending_goes_without_a_message(caplog) -> None:
    loop = IOLoop(make_current=False)

    async def background() -> None:
        await asyncio.Future()

    async def main() -> None:
        loop.add_callback(background)
        await asyncio.sleep(0)
        loop.add_callback(loop.stop)
        await asyncio.Future()

    with pytest.raises(RuntimeError, match="Event loop stopped"):
        loop.run_sync(main)
    loop.close()
    gc.collect()
    assert caplog.messages == []


def test_run_sync_that_is_interrupted_leaves_no_timeout(io_loop: IOLoop) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        io_loop.run_sync(interrupt, timeout=0.01)

    async def longer() -> str:
        await gen.sleep(0.03)
        return "whole"

    assert io_loop.run_sync(longer) == "whole"


def test_run_sync_that_is_interrupted_does_not_stop_the_next_one(io_loop: IOLoop) -> None:
    first: asyncio.Future[None] = io_loop.asyncio_loop.create_future()

    def interrupt() -> None:
        raise KeyboardInterrupt

    def work() -> asyncio.Future[None]:
        io_loop.add_callback(interrupt)
        return first

    with pytest.raises(KeyboardInterrupt):
        io_loop.run_sync(work)

    async def clean_up() -> str:
        first.set_result(None)
        await gen.sleep(0.01)
        return "whole"

    assert io_loop.run_sync(clean_up) == "whole"


def test_run_sync_while_the_loop_runs_leaves_it_alone(io_loop: IOLoop) -> None:
    called: list[str] = []

    async def main() -> str:
        with pytest.raises(RuntimeError, match="a loop is running"):
            io_loop.run_sync(lambda: called.append("inner"))
        await gen.sleep(0.01)
        return "whole"

    assert io_loop.run_sync(main) == "whole"
    assert called == []


def test_run_sync_stopped_by_somebody_else(io_loop: IOLoop) -> None:
    future: asyncio.Future[None] = io_loop.asyncio_loop.create_future()
    io_loop.add_callback(io_loop.stop)
    with pytest.raises(RuntimeError, match="stopped before"):
        io_loop.run_sync(lambda: future)


def test_stop_before_start(io_loop: IOLoop) -> None:
    io_loop.stop()
    io_loop.start()


def test_timeouts(io_loop: IOLoop) -> None:
    seen: list[object] = []
    io_loop.call_later(0.02, seen.append, "later")
    io_loop.add_timeout(datetime.timedelta(milliseconds=10), seen.append, "delta")
    io_loop.call_at(io_loop.time() - 5, seen.append, "past")
    gone = io_loop.call_later(0, seen.append, "removed")
    io_loop.remove_timeout(gone)
    io_loop.remove_timeout(gone)
    io_loop.add_timeout(io_loop.time() + 0.03, lambda *, value: seen.append(value), value="kw")
    io_loop.call_later(0.04, io_loop.stop)
    io_loop.start()
    assert seen == ["past", "delta", "later", "kw"]
    with pytest.raises(TypeError, match="Unsupported deadline"):
        io_loop.add_timeout("soon", print)  # type: ignore[arg-type]


def test_what_is_listened_on_goes_on_to_block(io_loop: IOLoop) -> None:
    """A program that listens for a terminal's output writes to it as ever, and waits for room."""
    for blocks in (True, False):
        one, other = socket.socketpair()
        with one, other:
            one.setblocking(blocks)
            io_loop.add_handler(one.fileno(), lambda fd, events: None, IOLoop.READ)
            assert os.get_blocking(one.fileno()) is blocks
            io_loop.update_handler(one.fileno(), IOLoop.WRITE)
            assert os.get_blocking(one.fileno()) is blocks
            io_loop.remove_handler(one.fileno())


def test_handlers_on_descriptors_and_objects(io_loop: IOLoop) -> None:
    one, other = socket.socketpair()
    seen: list[tuple[object, int]] = []

    def on_events(fd: object, events: int) -> None:
        seen.append((fd, events))
        if events & IOLoop.WRITE:
            io_loop.update_handler(one, IOLoop.READ)
            other.send(b"x")
        else:
            io_loop.remove_handler(one)
            io_loop.remove_handler(one)
            io_loop.stop()

    io_loop.add_handler(one, on_events, IOLoop.WRITE)
    with pytest.raises(ValueError, match="added twice"):
        io_loop.add_handler(one.fileno(), on_events, IOLoop.READ)
    io_loop.start()
    assert seen == [(one, IOLoop.WRITE), (one, IOLoop.READ)]
    assert io_loop.split_fd(one) == (one.fileno(), one)
    with pytest.raises(ValueError, match="no handler"):
        io_loop.update_handler(one, IOLoop.READ)
    one.close()
    other.close()


def test_close_all_fds() -> None:
    loop = IOLoop(make_current=False)
    one, other = socket.socketpair()
    number = os.dup(one.fileno())
    loop.add_handler(one, print, IOLoop.READ)
    loop.add_handler(number, print, IOLoop.READ)
    loop.close(all_fds=True)
    assert one.fileno() == -1
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(number)
    other.close()


def test_a_running_loop_cannot_be_closed(io_loop: IOLoop) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="running"):
            io_loop.close()

    io_loop.run_sync(main)
    assert IOLoop.current(instance=False) is io_loop, "it is the thread's loop as before"


def test_errors_of_callbacks_are_logged(io_loop: IOLoop, caplog: pytest.LogCaptureFixture) -> None:
    async def fails_later() -> None:
        await asyncio.sleep(0)
        io_loop.add_callback(io_loop.stop)
        raise KeyError("later")

    def fails() -> None:
        raise ValueError("now")

    io_loop.add_callback(fails)
    io_loop.add_callback(fails_later)
    io_loop.add_callback(lambda: 42)  # whatever a callback returns is its own business
    io_loop.start()
    logged = [record for record in caplog.records if record.name == "whirlwind.application"]
    assert [type(record.exc_info[1]) for record in logged if record.exc_info] == [
        ValueError,
        KeyError,
    ]
    assert all("Exception in callback" in record.message for record in logged)


def test_add_future_of_both_kinds(io_loop: IOLoop) -> None:
    seen: list[object] = []
    ours: asyncio.Future[int] = io_loop.asyncio_loop.create_future()
    ours.set_result(1)
    io_loop.add_future(ours, lambda future: seen.append(future.result()))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        theirs = pool.submit(threading.get_ident)

        def finish(future: Any) -> None:
            assert future.result() != threading.get_ident()
            seen.append("thread")
            io_loop.stop()

        io_loop.add_future(theirs, finish)
        io_loop.start()
    assert seen == [1, "thread"]
    with pytest.raises(TypeError):
        io_loop.add_future(3, print)  # type: ignore[arg-type]


def test_executors(run: Run) -> None:
    async def main() -> None:
        loop = IOLoop.current()
        assert await loop.run_in_executor(None, threading.get_ident) != threading.get_ident()
        with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="mine") as pool:
            loop.set_default_executor(pool)
            name = await loop.run_in_executor(None, lambda: threading.current_thread().name)
        assert name.startswith("mine")

    run(main)


def test_an_executor_call_that_raises_stop_iteration_ends(run: Run) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="StopIteration") as caught:
            await IOLoop.current().run_in_executor(None, next, iter(()))
        assert isinstance(caught.value.__cause__, StopIteration)

    run(main)


def test_context_variables_of_callbacks(io_loop: IOLoop) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    seen: list[str] = []

    def set_and_add() -> None:
        variable.set("inside")
        io_loop.add_callback(lambda: seen.append(variable.get("missing")))

    contextvars.copy_context().run(set_and_add)
    io_loop.add_callback(lambda: seen.append(variable.get("missing")))
    io_loop.add_callback(io_loop.stop)
    io_loop.start()
    assert seen == ["inside", "missing"]


def test_signal_handler_wakes_the_loop(io_loop: IOLoop) -> None:
    def on_signal(number: int, frame: object) -> None:
        with pytest.warns(DeprecationWarning, match="from_signal"):
            io_loop.add_callback_from_signal(io_loop.stop)

    previous = signal.signal(signal.SIGUSR1, on_signal)
    try:
        timer = threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGUSR1))
        timer.start()
        io_loop.start()
        timer.join()
    finally:
        signal.signal(signal.SIGUSR1, previous)


def test_periodic_callback_keeps_its_rhythm() -> None:
    periodic = PeriodicCallback(lambda: None, 10_000)

    def times(*durations: float) -> list[float]:
        now = periodic._next_timeout = 1000.0
        made = []
        for duration in durations:
            periodic._update_next(now)
            made.append(periodic._next_timeout)
            now = periodic._next_timeout + duration
        return made

    assert times(0, 0, 0) == [1010, 1020, 1030]
    assert times(9, 10, 25, 0) == [1010, 1020, 1040, 1070], "late runs are skipped, not bunched"
    assert times(-2, -100, 0) == [1010, 1020, 1030], "a clock set back changes nothing"


def test_periodic_callback_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    periodic = PeriodicCallback(lambda: None, datetime.timedelta(seconds=10), jitter=0.5)
    assert periodic.callback_time == 10_000
    for draw, expected in ((0.0, 7.5), (0.5, 10.0), (1.0, 12.5)):
        monkeypatch.setattr("random.random", lambda value=draw: value)
        periodic._next_timeout = 0.0
        periodic._update_next(0.0)
        assert periodic._next_timeout == expected


@pytest.mark.parametrize("period", [0, -1, datetime.timedelta(0)])
def test_periodic_callback_needs_a_period(period: Any) -> None:
    with pytest.raises(ValueError, match="positive"):
        PeriodicCallback(lambda: None, period)


def test_periodic_callback_runs_and_stops(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        count = 0
        enough = asyncio.Event()

        def callback() -> None:
            nonlocal count
            count += 1
            if count == 3:
                periodic.stop()
                enough.set()
            raise ValueError("every time")

        periodic = PeriodicCallback(callback, 1)
        assert not periodic.is_running()
        periodic.start()
        assert periodic.is_running()
        await enough.wait()
        assert not periodic.is_running()
        await asyncio.sleep(0.01)
        assert count == 3

    run(main)
    assert len([record for record in caplog.records if record.exc_info]) == 3


def test_periodic_callback_started_twice_has_one_timer(run: Run) -> None:
    async def main() -> None:
        periodic = PeriodicCallback(lambda: None, 1000)
        periodic.start()
        first: Any = periodic._timeout
        periodic.start()
        second: Any = periodic._timeout
        assert first.cancelled()
        assert not second.cancelled()
        periodic.stop()
        assert second.cancelled()

    run(main)


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_periodic_callback_survives_a_cancellation(run: Run, kind: str) -> None:
    """Such as that of a future whose result it asks for."""

    async def main() -> None:
        count = 0
        enough = asyncio.Event()

        def function() -> None:
            nonlocal count
            count += 1
            if count == 3:
                enough.set()
            raise asyncio.CancelledError

        async def coroutine() -> None:
            function()

        periodic = PeriodicCallback(function if kind == "function" else coroutine, 1)
        periodic.start()
        await enough.wait()
        periodic.stop()

    run(main)


def test_periodic_callback_takes_generators_that_can_be_awaited(run: Run) -> None:
    async def main() -> None:
        done = asyncio.Event()

        @types.coroutine
        def callback() -> Generator[None, None, None]:
            yield
            done.set()

        periodic = PeriodicCallback(callback, 1)
        periodic.start()
        await done.wait()
        periodic.stop()

    run(main)


def test_periodic_coroutines_do_not_overlap(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        inside = most = count = 0
        enough = asyncio.Event()

        async def callback() -> None:
            nonlocal inside, most, count
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.005)
            inside -= 1
            count += 1
            if count == 3:
                enough.set()
            raise ValueError("logged")

        periodic = PeriodicCallback(callback, 1)
        periodic.start()
        await enough.wait()
        periodic.stop()
        assert most == 1

    run(main)
    assert any("Exception in callback" in record.message for record in caplog.records)


def test_run_runs_a_coroutine_function_and_an_awaitable() -> None:
    async def main() -> str:
        return type(asyncio.get_running_loop()).__module__.partition(".")[0]

    expected = "uvloop" if loops._uvloop_factory() else "asyncio"
    assert ioloop.run(main) == expected
    assert ioloop.run(main()) == expected


def test_clear_current_is_deprecated(io_loop: IOLoop) -> None:
    with pytest.warns(DeprecationWarning, match="clear_current"):
        IOLoop.clear_current()
    assert IOLoop.current(instance=False) is None


def test_default_program_needs_no_warning() -> None:
    """The whole life of a classic program, in an interpreter where every warning is an error."""
    program = (
        "from whirlwind.ioloop import IOLoop\n"
        "loop = IOLoop.current()\n"
        "loop.add_callback(loop.stop)\n"
        "loop.start()\n"
        "loop.close()\n"
        "print(type(loop).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("AsyncIOMainLoop\n", "")


def test_platform_asyncio_names(run: Run) -> None:
    from whirlwind.platform import asyncio as bridge

    async def main() -> None:
        async def answer() -> int:
            return 42

        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.set_result(1)
        assert bridge.to_tornado_future(future) is future
        assert bridge.to_asyncio_future(future) is future
        assert await bridge.to_asyncio_future(answer()) == 42

    run(main)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = bridge.nothing


def test_any_thread_policy() -> None:
    if sys.version_info >= (3, 14):
        pytest.skip("policies are deprecated")
    from whirlwind.platform.asyncio import AnyThreadEventLoopPolicy

    with pytest.warns(DeprecationWarning, match="AnyThreadEventLoopPolicy"):
        policy = AnyThreadEventLoopPolicy()
    found: list[asyncio.AbstractEventLoop] = []
    thread = threading.Thread(target=lambda: found.append(policy.get_event_loop()))
    thread.start()
    thread.join()
    found[0].close()


def test_selector_thread_of_a_loop_that_stops_at_once_leaves_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from whirlwind.platform.asyncio import SelectorThread

    loop = asyncio.new_event_loop()
    selector = SelectorThread(loop)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert not asyncio.all_tasks(loop)
    selector.close()
    loop.close()
    gone = weakref.ref(selector)
    del loop, selector
    gc.collect()
    assert gone() is None
    assert not caplog.records


def test_selector_thread_watches_descriptors(caplog: pytest.LogCaptureFixture) -> None:
    from whirlwind.platform.asyncio import AddThreadSelectorEventLoop

    caplog.set_level(logging.ERROR)

    async def main() -> None:
        loop = AddThreadSelectorEventLoop(asyncio.get_running_loop())
        one, other = socket.socketpair()
        one.setblocking(False)
        got = asyncio.Event()
        wrote = asyncio.Event()

        def on_read() -> None:
            assert one.recv(10) == b"hello"
            assert loop.remove_reader(one)
            got.set()

        def on_write(data: bytes) -> None:
            other.send(data)
            assert loop.remove_writer(other)
            wrote.set()

        loop.add_reader(one, on_read)
        loop.add_writer(other, on_write, b"hello")
        await wrote.wait()
        await got.wait()
        assert not loop.remove_reader(one)
        assert loop.is_running()
        one.close()
        other.close()
        # asyncio.run ends it: nobody calls close().

    asyncio.run(main())
    assert not [t for t in threading.enumerate() if t.name == "whirlwind selector"]
    assert not caplog.records
