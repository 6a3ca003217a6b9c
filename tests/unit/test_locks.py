"""whirlwind.locks: order, timeouts, cancellation."""

import asyncio
import datetime
from typing import Any

import pytest

from tests.unit.loops import Run, run
from whirlwind import gen, locks
from whirlwind.ioloop import IOLoop

__all__ = ["run"]

AT_ONCE = datetime.timedelta(0)
NEVER = datetime.timedelta(days=1)


async def turns(n: int = 3) -> None:
    for _ in range(n):
        await asyncio.sleep(0)


@pytest.mark.parametrize("make", [locks.Lock, locks.Semaphore, locks.BoundedSemaphore])
def test_s25_async_with(run: Run, make: Any) -> None:
    async def main() -> None:
        lock = make()
        inside = 0

        async def work() -> None:
            nonlocal inside
            async with lock as nothing:
                assert nothing is None
                inside += 1
                assert inside == 1
                await turns()
                inside -= 1

        await gen.multi([work(), work(), work()])
        with pytest.raises(RuntimeError, match="async with"), lock:
            pass

    run(main)


def test_lock_is_fair_and_released_once(run: Run) -> None:
    async def main() -> None:
        lock = locks.Lock()
        first = lock.acquire()
        assert first.done()
        second, third = lock.acquire(), lock.acquire(timeout=NEVER)
        assert "locked,waiters:2" in repr(lock)
        lock.release()
        assert second.done()
        assert not third.done()
        lock.release()
        with await third:
            pass
        with pytest.raises(RuntimeError, match="release unlocked lock"):
            lock.release()

    run(main)


def test_acquire_times_out(run: Run) -> None:
    async def main() -> None:
        lock = locks.Lock()
        await lock.acquire()
        for timeout in (AT_ONCE, IOLoop.current().time() - 1, 0):
            with pytest.raises(gen.TimeoutError):
                await lock.acquire(timeout=timeout)
        assert "waiters" not in repr(lock)
        lock.release()
        assert lock.acquire(timeout=AT_ONCE).done()

    run(main)


def test_cancelled_waiters_are_passed_over(run: Run) -> None:
    async def main() -> None:
        lock = locks.Lock()
        await lock.acquire()
        gone, next_one = lock.acquire(), lock.acquire()
        gone.cancel()
        lock.release()
        assert next_one.done()

    run(main)


def test_cancelled_just_when_it_got_the_lock(run: Run) -> None:
    async def main() -> None:
        lock = locks.Lock()
        await lock.acquire()

        async def enter() -> None:
            async with lock:
                raise AssertionError("was cancelled before")

        task = asyncio.ensure_future(enter())
        await turns()
        lock.release()  # hands it to the task
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert lock.acquire().done(), "the lock did not get lost"

    run(main)


@pytest.mark.parametrize("kind", [locks.Lock, locks.Semaphore, locks.BoundedSemaphore])
def test_cancelled_just_when_acquire_was_served(run: Run, kind: Any) -> None:
    async def main() -> None:
        lock = kind()
        await lock.acquire()

        async def acquire() -> None:
            await lock.acquire()

        gone, next_one = (asyncio.ensure_future(acquire()) for _ in range(2))
        await turns()
        lock.release()
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        await next_one
        lock.release()
        assert lock.acquire().done()

    run(main)


def test_cancelled_just_when_notified(run: Run) -> None:
    async def main() -> None:
        condition = locks.Condition()

        async def wait(timeout: float | None = None) -> bool:
            return await condition.wait(timeout)

        gone, next_one = (asyncio.ensure_future(wait()) for _ in range(2))
        await turns()
        condition.notify()
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert await next_one
        # What was no notification wakes up nobody.
        late = asyncio.ensure_future(wait(IOLoop.current().time()))
        other = asyncio.ensure_future(wait())
        await turns()
        late.cancel()
        await asyncio.wait([late])
        await turns()
        assert not other.done()
        condition.notify_all()
        assert await other

    run(main)


def test_semaphore_counts(run: Run) -> None:
    async def main() -> None:
        semaphore = locks.Semaphore(2)
        assert "unlocked,value:2" in repr(semaphore)
        assert semaphore.acquire().done()
        assert semaphore.acquire().done()
        waiting = semaphore.acquire()
        assert not waiting.done()
        semaphore.release()
        with await waiting:
            assert "locked" in repr(semaphore)
        assert "unlocked,value:1" in repr(semaphore)
        with pytest.raises(ValueError, match=">= 0"):
            locks.Semaphore(-1)
        bounded = locks.BoundedSemaphore(1)
        with pytest.raises(ValueError, match="too many times"):
            bounded.release()

    run(main)


def test_condition(run: Run) -> None:
    async def main() -> None:
        condition = locks.Condition()
        condition.notify()
        order: list[int] = []
        waits = [condition.wait() for _ in range(4)]
        for number, future in enumerate(waits):
            future.add_done_callback(lambda _, n=number: order.append(n))
        assert repr(condition) == "<Condition waiters[4]>"
        condition.notify()
        condition.notify(2)
        await turns()
        assert order == [0, 1, 2]
        condition.notify_all()
        assert await waits[3] is True
        assert await condition.wait(timeout=AT_ONCE) is False
        assert await condition.wait(timeout=0) is False
        assert repr(condition) == "<Condition>", "who timed out is not kept"

    run(main)


def test_event(run: Run) -> None:
    async def main() -> None:
        event = locks.Event()
        assert not event.is_set()
        waits = [event.wait(), event.wait(timeout=NEVER)]
        event.set()
        await gen.multi(waits)
        assert event.is_set()
        assert event.wait().done()
        assert repr(event) == "<Event set>"
        event.clear()
        assert repr(event) == "<Event clear>"
        with pytest.raises(gen.TimeoutError):
            await event.wait(timeout=AT_ONCE)

    run(main)
