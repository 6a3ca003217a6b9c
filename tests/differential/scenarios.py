"""Small programs over loop, coroutines, queues and streams, run on one package.

usage: scenarios.py PACKAGE [asyncio]

Prints a JSON object: name of each scenario to what came of it, on the package's own kind of loop or
on a standard one. `test_scenarios.py` runs this on Whirlwind and on Tornado and compares.
"""

import asyncio
import collections
import concurrent.futures
import contextvars
import datetime
import importlib
import json
import logging
import os
import re
import socket
import ssl
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from typing import Any

PACKAGE = sys.argv[1]
STANDARD = "asyncio" in sys.argv[2:]


def part(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


concurrent_ = part("concurrent")
gen = part("gen")
ioloop = part("ioloop")
iostream = part("iostream")
locks = part("locks")
netutil = part("netutil")
process = part("process")
queues = part("queues")
tcpclient = part("tcpclient")
tcpserver = part("tcpserver")

IOLoop = ioloop.IOLoop
SECOND = datetime.timedelta(seconds=1)
TICK = datetime.timedelta(milliseconds=10)
SCENARIOS: dict[str, Callable[[], Any]] = {}
LOGGED: list[str] = []


class Keep(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        text = re.sub(r"functools.partial\(.*\)|<.*>|\d+ \(.*?\):", "<>", record.getMessage())
        tail = "" if record.exc_info is None else f" ({record.exc_info[0].__name__})"  # type: ignore[index, union-attr]
        LOGGED.append(f"{record.name.rpartition('.')[2]} {record.levelname}: {text}{tail}")


def plain(value: Any) -> Any:
    """What a scenario found, as JSON has it; errors as the classes a program may catch."""
    if isinstance(value, BaseException):
        cls = type(value)
        names = [c.__name__ for c in cls.__mro__ if c not in (object, BaseException, Exception)]
        return "!" + (names[0] if names else cls.__name__)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (bytes, bytearray)):
        return repr(bytes(value))
    return f"<{type(value).__name__}>"


def error_of(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a call raises or, in brackets, returns."""
    try:
        return [function(*args, **kwargs)]
    except Exception as error:
        return error


async def outcome(awaitable: Any) -> Any:
    """What comes of waiting: an exception, or in brackets a result."""
    try:
        return [await awaitable]
    except (Exception, asyncio.CancelledError) as error:
        return error


def scenario(function: Callable[[], Any]) -> Callable[[], Any]:
    SCENARIOS[function.__name__] = function
    return function


def run(name: str) -> Any:
    """Run a scenario on a loop of its own; return what it found and what was logged."""
    LOGGED.clear()
    loop = IOLoop(asyncio_loop=asyncio.new_event_loop()) if STANDARD else IOLoop()
    try:
        found = plain(loop.run_sync(SCENARIOS[name], timeout=10))
    except BaseException as error:
        text = "".join(traceback.format_exception_only(error)).strip()
        found = "raised " + text.replace(f"{PACKAGE}.", "tornado.")
    finally:
        loop.close(all_fds=True)
    return [found, *LOGGED]


def pair(**options: Any) -> tuple[Any, Any]:
    one, other = socket.socketpair()
    return iostream.IOStream(one, **options), iostream.IOStream(other)


def failed(error: BaseException) -> Any:
    future = concurrent_.Future()
    future.set_exception(error)
    return future


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


# --- streams --------------------------------------------------------------------------------------


@scenario
async def reads() -> Any:
    one, other = pair()
    data = b"0123456789 line\nrest of it;;tail"
    await one.write(data)
    buffer = bytearray(4)
    found = [
        await other.read_bytes(0),
        await other.read_bytes(3),
        await other.read_until(b"\n"),
        await other.read_until_regex(rb";+"),
        await other.read_into(buffer),
        buffer,
        other.reading(),
    ]
    await one.write(b"abc")
    found += [
        await other.read_bytes(100, partial=True),
        other.reading(),
    ]
    waiting = other.read_until(b"!")
    found += [other.reading(), error_of(other.read_bytes, 1)]
    one.write(b"now!end")
    found.append(await waiting)
    one.close()
    found += [
        await other.read_until_close(),
        other.closed(),
        await outcome(other.read_until_close()),
    ]
    return [*found, error_of(other.read_bytes, 1), error_of(other.write, b"x"), other.error]


@scenario
async def reads_of_nothing() -> Any:
    one, other = pair()
    await one.write(b"abc")
    found = [await other.read_bytes(0), await other.read_into(bytearray(0))]
    found.append(await other.read_bytes(0, partial=True))
    one.close()
    found.append(await outcome(other.read_until(b"z")))
    found += [other.closed(), await outcome(other.read_until_close())]
    other.close()
    return found


@scenario
async def limits_of_reads() -> Any:
    found: list[Any] = []
    for size, limit in ((10, 10), (10, 9), (30, 20)):
        one, other = pair()
        one.write(b"x" * (size - 1) + b"\n")
        result = await outcome(other.read_until(b"\n", max_bytes=limit))
        real = getattr(result, "real_error", None)
        found.append([result, real, other.closed(), other.error])
        other.close()
        result = await outcome(one.read_until_regex(b"y", max_bytes=3))
        found.append([result, one.closed()])
    one, other = pair(max_buffer_size=100)
    other.write(b"x" * 1000)
    await asyncio.sleep(0)
    found += [error_of(one.read_until, b"\n"), one.closed(), one.error]
    one, other = pair(max_buffer_size=100)
    other.write(b"x" * 1000)
    found.append(error_of(one.read_bytes, 200))
    return found


@scenario
async def writes() -> Any:
    one, other = pair()
    found = [
        await one.write(b""),
        await one.write(memoryview(b"abc")),
        await one.write(bytearray(b"de")),
        error_of(one.write, "text"),
        error_of(one.write, None),
        one.writing(),
        await other.read_bytes(5),
    ]
    limited, reader = pair(max_write_buffer_size=1000)
    found.append(error_of(limited.write, b"x" * 2000))
    big = one.write(b"x" * 5_000_000)
    small = one.write(b"y")
    found += [one.writing(), big.done()]
    found.append(len(await other.read_bytes(5_000_001)))
    await small
    found += [big.done(), one.writing()]
    for stream in (one, other, limited, reader):
        stream.close()
    return [*found, error_of(one.write, b"x"), one.closed(), one.writing(), one.reading()]


@scenario
async def closings() -> Any:
    found: list[Any] = []
    one, other = pair()
    called: list[int] = []
    one.set_close_callback(lambda: called.append(1))
    waiting = one.read_bytes(5)
    one.close()
    one.close()
    found += [called[:], await outcome(waiting)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    # A callback that is set now would be called as well, as it was until Tornado 5.
    found.append(called[:])
    try:
        raise KeyError(1)
    except KeyError:
        other.close(exc_info=True)
    found += [other.error, await outcome(other.read_until_close())]
    one, other = pair()
    one.close(exc_info=ValueError("why"))
    result = error_of(one.read_bytes, 1)
    found += [result, result.real_error, one.error]
    gone = asyncio.Event()
    other.set_close_callback(gone.set)
    await gone.wait()
    found += [other.closed(), other.error]
    return found


@scenario
async def resets() -> Any:
    listener = socket.create_server(("127.0.0.1", 0))
    client = iostream.IOStream(socket.socket())
    await client.connect(listener.getsockname())
    accepted, _ = listener.accept()
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    accepted.close()
    result = await outcome(client.read_bytes(1))
    found = [result, result.real_error, client.error]
    # While writing more than the kernel takes.
    client = iostream.IOStream(socket.socket())
    await client.connect(listener.getsockname())
    accepted, _ = listener.accept()
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    waiting = client.write(b"x" * 20_000_000)
    accepted.close()
    result = await outcome(waiting)
    found += [result, isinstance(result.real_error, ConnectionError), client.closed()]
    listener.close()
    # Nobody listens any more.
    client = iostream.IOStream(socket.socket())
    result = await outcome(client.connect(listener_address := ("127.0.0.1", 1)))
    return [*found, listener_address, result, result.real_error, client.closed()]


@scenario
async def pipes() -> Any:
    reading, writing = os.pipe()
    source, sink = iostream.PipeIOStream(reading), iostream.PipeIOStream(writing)
    sink.write(b"one\ntwo")
    found = [await source.read_until(b"\n"), source.fileno() == reading]
    sink.close()
    found += [await source.read_until_close(), source.closed()]
    return found


@scenario
async def tls_of_busy_streams() -> Any:
    one, other = pair()
    waiting = one.read_bytes(1)
    found = [error_of(one.start_tls, True, {})]
    other.write(b"ab")
    await waiting
    found.append(error_of(one.start_tls, False))
    one.close()
    found.append(error_of(one.start_tls, False))
    other.close()
    return found


@scenario
async def servers() -> Any:
    class Echo(tcpserver.TCPServer):  # type: ignore[misc, name-defined]
        async def handle_stream(self, stream: Any, address: Any) -> None:
            line = await stream.read_until(b"\n")
            await stream.write(line.upper())
            if line == b"fail\n":
                raise KeyError
            stream.close()

    server = Echo()
    sockets = netutil.bind_sockets(0, "127.0.0.1")
    port = sockets[0].getsockname()[1]
    server.add_sockets(sockets)
    client = tcpclient.TCPClient()
    found: list[Any] = []
    for line in (b"hello\n", b"fail\n"):
        stream = await client.connect("localhost", port, af=socket.AF_INET)
        await stream.write(line)
        found.append(await stream.read_until(b"\n"))
    server.stop()
    server.stop()
    result = await outcome(client.connect("127.0.0.1", port))
    found += [result, result.real_error]
    found.append(await outcome(client.connect("127.0.0.1", port, timeout="x")))
    found.append(await outcome(client.connect("::1", port, af=socket.AF_INET)))
    client.close()
    silent = tcpserver.TCPServer()
    found += [error_of(silent.handle_stream, None, None), silent.start(), error_of(silent.start)]
    for options in ({}, {"certfile": "/nonexistent"}):
        found.append(error_of(tcpserver.TCPServer, ssl_options=options))
    await asyncio.sleep(0.01)
    return found


@scenario
async def tls() -> Any:
    certificate = {"certfile": os.environ["CERTFILE"], "keyfile": os.environ["KEYFILE"]}
    trusting = ssl.create_default_context(cafile=certificate["certfile"])
    hands: list[Any] = []
    done = asyncio.Event()

    class Echo(tcpserver.TCPServer):  # type: ignore[misc, name-defined]
        async def handle_stream(self, stream: Any, address: Any) -> None:
            hands.append(await outcome(stream.wait_for_handshake()))
            line = await outcome(stream.read_until(b"\n"))
            if isinstance(line, list):
                await stream.write(line[0].upper())
                stream.close()
            done.set()

    server = Echo(ssl_options=certificate)
    sockets = netutil.bind_sockets(0, "127.0.0.1")
    port = sockets[0].getsockname()[1]
    server.add_sockets(sockets)
    client = tcpclient.TCPClient()
    stream = await client.connect("127.0.0.1", port, ssl_options=trusting)
    await stream.write(b"hello\n")
    found = [
        await stream.read_until_close(),
        isinstance(stream, iostream.SSLIOStream),
        await outcome(client.connect("127.0.0.1", port, ssl_options={})),
        await outcome(client.connect("127.0.0.1", port, ssl_options={"cert_reqs": ssl.CERT_NONE})),
    ]
    found.pop()[0].close()
    await done.wait()
    done.clear()
    plain_stream = await client.connect("127.0.0.1", port)
    await plain_stream.write(b"GET / HTTP/1.0\r\n\r\n" * 9)
    await done.wait()
    plain_stream.close()
    # Connected, and then turned to TLS from both sides.
    one, other = pair()
    one.write(b"now\n")
    await other.read_until(b"\n")
    sides = [
        one.start_tls(True, certificate),
        other.start_tls(False, trusting, server_hostname="localhost"),
    ]
    one, other = await gen.multi(sides)
    await one.write(b"secret")
    found.append(await other.read_bytes(6))
    one.close()
    other.close()
    server.stop()
    return [*found, hands]


@scenario
async def addresses() -> Any:
    # Not "1.2.3" and "1", which inet_aton takes for addresses, and so does Tornado.
    names = ("127.0.0.1", "::1", "localhost", "", None, "4.4.4.4 ", "[::1]", "\0", "é")
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "socket")
    sock = netutil.bind_unix_socket(path)
    mode = oct(os.stat(path).st_mode & 0o777)
    sock.close()
    again = netutil.bind_unix_socket(path)
    again.close()
    handle, file = tempfile.mkstemp(dir=folder)
    os.close(handle)
    resolver = netutil.Resolver()
    override = netutil.OverrideResolver(
        resolver,
        {"a": "127.0.0.1", ("b", 1): ("127.0.0.1", 2), ("c", 3, socket.AF_INET): ("::1", 4)},
    )
    return [
        [error_of(netutil.is_valid_ip, name) for name in names],
        mode,
        error_of(netutil.bind_unix_socket, file),
        error_of(netutil.bind_sockets, 0, "::1", socket.AF_INET),
        error_of(netutil.bind_sockets, 70000, "127.0.0.1"),
        await resolver.resolve("127.0.0.1", 80, socket.AF_INET),
        await override.resolve("a", 5, socket.AF_INET),
        await override.resolve("b", 1, socket.AF_INET),
        await override.resolve("127.0.0.1", 1, socket.AF_INET),
        await outcome(netutil.BlockingResolver().resolve("::1", 80, socket.AF_INET)),
        await outcome(netutil.DefaultExecutorResolver().resolve("::1", 80, socket.AF_INET)),
        await outcome(netutil.DefaultLoopResolver().resolve("::1", 80, socket.AF_INET)),
        error_of(netutil.ssl_options_to_context, {"nonsense": 1}),
        error_of(netutil.ssl_options_to_context, {"certfile": "/nonexistent"}),
        error_of(netutil.ssl_options_to_context, None),
    ]


@scenario
async def subprocesses() -> Any:
    Subprocess = process.Subprocess
    shell = Subprocess(
        ["sh", "-c", "read x; echo got $x; echo bad >&2; exit 3"],
        stdin=Subprocess.STREAM,
        stdout=Subprocess.STREAM,
        stderr=Subprocess.STREAM,
    )
    await shell.stdin.write(b"word\n")
    found = [
        await shell.stdout.read_until_close(),
        await shell.stderr.read_until_close(),
        await shell.wait_for_exit(raise_error=False),
        shell.returncode,
        isinstance(shell.pid, int),
    ]
    result = await outcome(Subprocess(["false"]).wait_for_exit())
    found += [result, result.returncode]
    result = await outcome(Subprocess(["sh", "-c", "kill -9 $$"]).wait_for_exit())
    found += [result.returncode, await Subprocess(["true"]).wait_for_exit()]
    seen = asyncio.get_running_loop().create_future()
    Subprocess(["true"]).set_exit_callback(seen.set_result)
    found += [await seen, error_of(Subprocess, ["/nonexistent"])]
    found += [process.task_id(), process.cpu_count() > 0]
    return found


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.DEBUG)
    root = logging.getLogger()
    root.addHandler(Keep())
    root.setLevel(logging.INFO)
    print(json.dumps({name: run(name) for name in SCENARIOS}))


if __name__ == "__main__":
    main()
