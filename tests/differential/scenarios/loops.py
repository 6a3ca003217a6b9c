"""The loop, locks and queues."""

import asyncio
import collections
import datetime
import re
import socket
from typing import Any

from tests.differential.scenarios.tools import (
    PACKAGE,
    TICK,
    IOLoop,
    error_of,
    failed,
    gen,
    ioloop,
    locks,
    outcome,
    part,
    queues,
    scenario,
)

# --- ioloop ---------------------------------------------------------------------------------------


@scenario
async def callbacks() -> Any:
    loop = IOLoop.current()
    found: list[Any] = []
    loop.add_callback(found.append, 1)
    loop.add_callback(lambda *a, **k: found.append([a, k]), 2, x=3)
    loop.spawn_callback(found.append, 4)
    loop.call_later(0.01, found.append, 6)
    loop.call_at(loop.time() - 5, found.append, 5)
    loop.add_timeout(datetime.timedelta(milliseconds=15), found.append, 7)
    loop.add_timeout(loop.time() + 0.02, found.append, 8)
    gone = loop.call_later(0.005, found.append, "never")
    loop.remove_timeout(gone)
    loop.remove_timeout(gone)
    found.append(0)
    await asyncio.sleep(0.06)
    return [*found, *(error_of(loop.add_timeout, bad, print) for bad in ("soon", None, object()))]


@scenario
async def failing_callbacks() -> Any:
    loop = IOLoop.current()

    async def native() -> None:
        raise KeyError

    async def cancelled() -> None:
        raise asyncio.CancelledError

    loop.add_callback(lambda: 1 // 0)
    loop.add_callback(native)
    loop.add_callback(cancelled)
    loop.add_callback(lambda: 3)
    loop.add_future(failed(OSError()), lambda future: future.result())
    loop.add_future(gen.maybe_future(1), lambda future: [].pop())
    loop.call_later(0, lambda: {}["x"])
    await asyncio.sleep(0.05)
    return error_of(loop.add_future, 3, print)


@scenario
def returned_values() -> Any:
    return 5


@scenario
def returned_nothing() -> Any:
    return None


@scenario
@gen.coroutine
def returned_by_a_generator() -> Any:
    yield None
    return 6


@scenario
async def descriptors() -> Any:
    loop = IOLoop.current()
    one, other = socket.socketpair()
    one.setblocking(False)
    events: list[Any] = []
    arrived = asyncio.Event()

    def handle(fd: Any, event: int) -> None:
        events.append([fd is one, event & IOLoop.READ, fd.recv(9)])
        arrived.set()

    loop.add_handler(one, handle, IOLoop.READ)
    other.send(b"a")
    await arrived.wait()
    found = [
        error_of(loop.add_handler, one, handle, IOLoop.READ),
        error_of(loop.add_handler, one.fileno(), handle, IOLoop.WRITE),
        loop.split_fd(one)[0] == one.fileno(),
        loop.split_fd(7),
        error_of(loop.remove_handler, 999),
        error_of(loop.remove_handler, one),
        error_of(loop.remove_handler, one),
        events,
    ]
    loop.close_fd(one)
    loop.close_fd(one)
    other.close()
    return found


@scenario
async def current_loops() -> Any:
    loop = IOLoop.current()
    return [
        loop is IOLoop.current(instance=False),
        loop is IOLoop.instance(),
        loop.asyncio_loop is asyncio.get_running_loop(),
        error_of(IOLoop, asyncio_loop=loop.asyncio_loop),
        error_of(IOLoop.configure, "builtins.dict"),
        isinstance(loop, part("platform.asyncio").AsyncIOLoop),
        isinstance(loop.time(), float),
        [IOLoop.NONE, IOLoop.READ, IOLoop.WRITE, IOLoop.ERROR],
        # Last, and one such call only: asyncio of 3.13.0 takes its loop for stopped after it.
        error_of(loop.run_sync, lambda: None),
    ]


@scenario
async def other_loops() -> Any:
    def elsewhere() -> Any:
        first = IOLoop.current(instance=False)
        loop = IOLoop(make_current=False)
        second = IOLoop.current(instance=False)
        loop.make_current()
        third = IOLoop.current(instance=False) is loop
        stopped = []
        loop.add_callback(stopped.append, 1)
        loop.stop()
        loop.start()
        found = [
            first,
            second,
            third,
            stopped,
            error_of(loop.run_sync, lambda: gen.sleep(5), timeout=0.01),
            error_of(loop.run_sync, loop.stop),
            error_of(loop.run_sync, lambda: 1 // 0),
        ]
        loop.close()
        return [*found, error_of(loop.add_callback, print), error_of(loop.call_later, 1, print)]

    return await IOLoop.current().run_in_executor(None, elsewhere)


@scenario
async def periodic() -> Any:
    called: list[int] = []
    done = asyncio.Event()

    def tick() -> None:
        called.append(1)
        if len(called) == 3:
            timer.stop()
            done.set()
        if len(called) == 2:
            raise KeyError

    timer = ioloop.PeriodicCallback(tick, 3)
    found = [timer.is_running(), timer.callback_time]
    timer.start()
    found.append(timer.is_running())
    await done.wait()
    found.append([timer.is_running(), len(called)])
    found += [error_of(ioloop.PeriodicCallback, tick, bad) for bad in (0, -1)]
    half = ioloop.PeriodicCallback(tick, datetime.timedelta(milliseconds=1.5), 0.1)
    return [*found, half.callback_time, half.jitter]


# --- locks and queues -----------------------------------------------------------------------------


def shown(thing: Any) -> str:
    return re.sub(r"0x[0-9a-f]+", "0x", f"{thing!r} {thing!s}").replace(PACKAGE, "tornado")


@scenario
async def lock() -> Any:
    lock = locks.Lock()
    found = [shown(lock), error_of(lock.release)]
    async with lock:
        found += [
            await outcome(lock.acquire(timeout=TICK)),
            await outcome(lock.acquire(timeout=datetime.timedelta(0))),
            await outcome(lock.acquire(timeout=0)),
        ]
    with await lock.acquire():
        waiting = lock.acquire()
        found.append(waiting.done())
    found.append(waiting.done())
    lock.release()
    found.append(error_of(lock.release))

    def plain() -> None:
        with lock:
            pass

    return [*found, error_of(plain), shown(lock)]


@scenario
async def semaphores() -> Any:
    semaphore = locks.Semaphore(2)
    bounded = locks.BoundedSemaphore()
    found = [shown(semaphore), shown(bounded)]
    await semaphore.acquire()
    await semaphore.acquire()
    waiting = [semaphore.acquire() for _ in range(2)]
    found += [shown(semaphore), [one.done() for one in waiting]]
    semaphore.release()
    found += [[one.done() for one in waiting], shown(semaphore)]
    semaphore.release()
    semaphore.release()
    found += [
        shown(semaphore),
        error_of(bounded.release),
        error_of(locks.Semaphore, -1),
        error_of(locks.BoundedSemaphore, -1),
        error_of(locks.Semaphore, 0),
    ]
    empty = locks.Semaphore(0)
    late = empty.acquire(timeout=TICK)
    found.append(await outcome(late))
    empty.release()
    found.append(shown(empty))
    cancelled = empty.acquire()
    await cancelled
    first, second = empty.acquire(), empty.acquire()
    first.cancel()
    empty.release()
    return [*found, second.done(), shown(empty)]


@scenario
async def conditions() -> Any:
    condition = locks.Condition()
    found = [shown(condition)]
    waiting = [condition.wait() for _ in range(4)]
    found.append(shown(condition))
    condition.notify()
    found.append([one.done() for one in waiting])
    condition.notify(2)
    found.append([one.done() for one in waiting])
    condition.notify_all()
    found.append([await one for one in waiting])
    found.append(shown(condition))
    found.append(await condition.wait(timeout=TICK))
    found.append(await condition.wait(timeout=datetime.timedelta(0)))
    found.append(await condition.wait(timeout=IOLoop.current().time() - 1))
    # Tornado counts some of those who gave up as waiting still.
    return found


@scenario
async def events() -> Any:
    event = locks.Event()
    found = [shown(event), event.is_set()]
    waiting = event.wait()
    event.set()
    found += [waiting.done(), event.is_set(), event.wait().done(), await event.wait()]
    event.clear()
    found.append(await outcome(event.wait(timeout=TICK)))
    found.append(await outcome(event.wait(timeout=datetime.timedelta(0))))
    return [*found, shown(event)]


@scenario
async def queue() -> Any:
    queue = queues.Queue(maxsize=2)
    found: list[Any] = [shown(queue), queue.maxsize, queue.empty(), queue.full()]
    found += [error_of(queue.get_nowait), error_of(queue.task_done)]
    queue.put_nowait(1)
    await queue.put(2)
    found += [queue.qsize(), queue.full(), shown(queue), error_of(queue.put_nowait, 3)]
    found.append(await outcome(queue.put(3, timeout=TICK)))
    waiting = queue.put(4)
    found += [waiting.done(), shown(queue), await queue.get(), waiting.done(), shown(queue)]
    joined = queue.join()
    for _ in range(3):
        found.append(joined.done())
        queue.task_done()
    await joined
    found += [await queue.get(), await queue.get(), error_of(queue.task_done)]
    found.append(await outcome(queue.get(timeout=TICK)))
    found.append(await outcome(queue.get(timeout=datetime.timedelta(0))))
    getters = [queue.get() for _ in range(3)]
    found.append(shown(queue))
    getters[0].cancel()
    queue.put_nowait(5)
    found.append([one.done() for one in getters])
    found += [
        await getters[1],
        shown(queue),
        error_of(queues.Queue, -1),
        error_of(queues.Queue, None),
    ]
    found.append(await outcome(queues.Queue().join(timeout=TICK)))
    return found


@scenario
async def ordered_queues() -> Any:
    found = []
    for make in (queues.Queue, queues.LifoQueue, queues.PriorityQueue):
        queue = make()
        for item in (2, 3, 1):
            queue.put_nowait(item)
        found.append([shown(queue), [queue.get_nowait() for _ in range(3)]])

    class Set(queues.Queue):  # type: ignore[misc, name-defined]
        def _init(self) -> None:
            self._queue = collections.OrderedDict()

        def _put(self, item: Any) -> None:
            self._queue[item] = True

        def _get(self) -> Any:
            return self._queue.popitem()[0]

    own = Set()
    for item in "aab":
        own.put_nowait(item)
    found.append([own.qsize(), await own.get(), await own.get(), own.empty()])
    return found
