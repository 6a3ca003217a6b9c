"""whirlwind.queues: order, limits, timeouts, joining."""

import asyncio
import datetime
from typing import Any

import pytest

from tests.unit.loops import Run, run
from whirlwind import gen, queues

__all__ = ["run"]

AT_ONCE = datetime.timedelta(0)


def test_s29_async_for(run: Run) -> None:
    async def main() -> None:
        queue: queues.Queue[int] = queues.Queue()
        for n in range(3):
            queue.put_nowait(n)
        seen = []
        async for item in queue:
            seen.append(item)
            if queue.empty():
                break
        assert seen == [0, 1, 2]

    run(main)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (queues.Queue, [2, 1, 3]),
        (queues.LifoQueue, [3, 1, 2]),
        (queues.PriorityQueue, [1, 2, 3]),
    ],
)
def test_order(kind: Any, expected: list[int]) -> None:
    queue = kind()
    for item in (2, 1, 3):
        queue.put_nowait(item)
    assert queue.qsize() == 3
    assert [queue.get_nowait() for _ in range(3)] == expected
    assert queue.empty()
    with pytest.raises(queues.QueueEmpty):
        queue.get_nowait()


def test_limit_makes_producers_wait(run: Run) -> None:
    async def main() -> None:
        queue: queues.Queue[int] = queues.Queue(maxsize=2)
        assert queue.put(1).done()
        await queue.put(2)
        assert queue.full()
        with pytest.raises(queues.QueueFull):
            queue.put_nowait(3)
        third, fourth = queue.put(3), queue.put(4)
        assert "putters[2]" in repr(queue)
        assert await queue.get() == 1
        assert third.done()
        assert not fourth.done()
        assert [queue.get_nowait() for _ in range(3)] == [2, 3, 4]
        assert fourth.done()
        assert queue.maxsize == 2

    run(main)


def test_consumers_are_served_in_order(run: Run) -> None:
    async def main() -> None:
        queue: queues.Queue[int] = queues.Queue()
        first, second = queue.get(), queue.get()
        assert "getters[2]" in str(queue)
        queue.put_nowait(1)
        await queue.put(2)
        assert (first.result(), second.result()) == (1, 2)

    run(main)


def test_timeouts_and_cancellation(run: Run) -> None:
    async def main() -> None:
        queue: queues.Queue[int] = queues.Queue(maxsize=1)
        with pytest.raises(gen.TimeoutError):
            await queue.get(timeout=AT_ONCE)
        gone = queue.get()
        gone.cancel()
        queue.put_nowait(1)
        assert queue.qsize() == 1, "an item is not given to who does not wait any more"
        with pytest.raises(gen.TimeoutError):
            await queue.put(2, timeout=AT_ONCE)
        queue.put(3).cancel()
        assert queue.get_nowait() == 1
        assert queue.empty(), "what timed out was not put in"

    run(main)


def test_waiters_that_gave_up_do_not_pile_up(run: Run) -> None:
    async def main() -> None:
        queue: queues.Queue[int] = queues.Queue(maxsize=1)
        for _ in range(50):
            with pytest.raises(gen.TimeoutError):
                await queue.get(timeout=AT_ONCE)
        assert len(queue._getters) <= 1
        queue.put_nowait(1)
        for _ in range(50):
            with pytest.raises(gen.TimeoutError):
                await queue.put(2, timeout=AT_ONCE)
        assert len(queue._putters) <= 1

    run(main)


def test_waiters_that_gave_up_do_not_pile_up_behind_one_who_did_not(run: Run) -> None:
    async def main() -> None:
        queue: queues.Queue[int] = queues.Queue(maxsize=1)
        patient = queue.get()
        last = patient
        for _ in range(300):
            queue.get().cancel()
            last = queue.get()
            last.cancel()
        second = queue.get()
        assert len(queue._getters) < 100
        queue.put_nowait(1)
        queue.put_nowait(2)
        assert (patient.result(), second.result(), last.cancelled()) == (1, 2, True)
        queue.put_nowait(3)
        waiting = [queue.put(4)]
        for _ in range(300):
            queue.put(0).cancel()
        waiting.append(queue.put(5))
        assert len(queue._putters) < 100
        assert [queue.get_nowait() for _ in range(3)] == [3, 4, 5]
        assert all(put.done() for put in waiting)

    run(main)


def test_join(run: Run) -> None:
    async def main() -> None:
        queue: queues.Queue[int] = queues.Queue()
        await queue.join()
        queue.put_nowait(1)
        queue.put_nowait(2)
        joined = queue.join()
        with pytest.raises(gen.TimeoutError):
            await queue.join(timeout=AT_ONCE)
        for _ in range(2):
            queue.get_nowait()
            assert not joined.done()
            queue.task_done()
        await joined
        with pytest.raises(ValueError, match="too many times"):
            queue.task_done()

    run(main)


def test_same_queue_on_two_loops() -> None:
    queue: queues.Queue[int] = queues.Queue()

    async def main(n: int) -> int:
        await asyncio.wait_for(queue.put(n), 20)
        return await asyncio.wait_for(queue.get(), 20)

    assert [asyncio.run(main(n)) for n in range(2)] == [0, 1]


@pytest.mark.parametrize(("maxsize", "error"), [(None, TypeError), (-1, ValueError)])
def test_maxsize_is_checked(maxsize: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="maxsize can't be"):
        queues.Queue(maxsize)


def test_repr() -> None:
    queue: queues.Queue[int] = queues.Queue(3)
    assert str(queue) == "<Queue maxsize=3>"
    queue.put_nowait(1)
    assert str(queue) == "<Queue maxsize=3 queue=deque([1]) tasks=1>"
    assert repr(queue).startswith("<Queue at 0x")


@pytest.mark.parametrize("kind", [queues.Queue, queues.LifoQueue, queues.PriorityQueue])
def test_cancelled_just_when_they_got_their_items(run: Run, kind: Any) -> None:
    async def main() -> None:
        queue = kind()
        tasks = [asyncio.ensure_future(read(queue)) for _ in range(3)]
        await asyncio.sleep(0)
        for item in (1, 2, 3):
            queue.put_nowait(item)
        queue.put_nowait(4)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert all(task.cancelled() for task in tasks)
        order = [queue.get_nowait() for _ in range(4)]
        # The last in, 3 came back last and is the first out.
        assert order == ([3, 2, 1, 4] if kind is queues.LifoQueue else [1, 2, 3, 4])
        for _ in range(4):
            queue.task_done()
        assert queue.join().done()

    async def read(queue: Any) -> Any:
        return await queue.get()

    run(main)


def test_the_item_of_a_cancelled_reader_goes_to_the_next(run: Run) -> None:
    async def main() -> None:
        queue: queues.Queue[int] = queues.Queue()

        async def read() -> int:
            async for item in queue:
                return item
            raise AssertionError("queues have no end")

        first = asyncio.ensure_future(read())
        await asyncio.sleep(0)
        queue.put_nowait(1)
        second = asyncio.ensure_future(read())
        first.cancel()
        assert await second == 1
        assert first.cancelled()
        assert queue.empty()

    run(main)


def test_reader_whose_time_is_over_just_when_it_is_served(run: Run) -> None:
    async def main() -> None:
        queue: queues.Queue[int] = queues.Queue()
        loop = asyncio.get_running_loop()

        async def read() -> int:
            async with asyncio.timeout_at(loop.time() + 3600) as limit:
                loop.call_soon(limit.reschedule, loop.time() - 1)
                loop.call_soon(queue.put_nowait, 7)
                return await queue.get()

        with pytest.raises(TimeoutError):
            await read()
        assert queue.get_nowait() == 7
        # gen.with_timeout does not cancel: what came in time is the result.
        waiting = gen.with_timeout(AT_ONCE, queue.get())
        queue.put_nowait(8)
        assert await waiting == 8

    run(main)


def test_only_unseen_items_come_back(run: Run) -> None:
    async def main() -> None:
        queue: queues.Queue[int] = queues.Queue()

        async def read(getting: Any) -> int:
            return await getting

        # Two readers of one future, of whom one is cancelled.
        getting = queue.get()
        tasks = [asyncio.ensure_future(read(getting)) for _ in range(2)]
        await asyncio.sleep(0)
        queue.put_nowait(1)
        tasks[0].cancel()
        await asyncio.wait(tasks)
        assert tasks[1].result() == 1
        assert queue.empty()
        # The careful reader who asks the future afterwards.
        getting = queue.get()
        task = asyncio.ensure_future(read(getting))
        await asyncio.sleep(0)
        queue.put_nowait(2)
        task.cancel()
        await asyncio.wait([task])
        assert getting.cancelled()
        for ask in (getting.result, getting.exception):
            with pytest.raises(asyncio.CancelledError):
                ask()
        assert queue.get_nowait() == 2
        # And one who took the item before the cancellation.
        getting = queue.get()
        queue.put_nowait(3)
        assert getting.result() == 3
        assert queue.empty()

    run(main)
