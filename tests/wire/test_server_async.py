"""asyncio inside handlers: tasks, timeouts, groups, cancellation, awaitables."""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib
import threading

import pytest

from .raw import build, wait_until
from .server import PACKAGE, web

gen = importlib.import_module(f"{PACKAGE}.gen")
ioloop = importlib.import_module(f"{PACKAGE}.ioloop")


def returning(function, name="get"):
    """A handler class whose method answers with what the function returns."""

    async def method(self, *args):
        self.finish(str(await function()))

    return type("Handler", (web.RequestHandler,), {name: method})


async def timeout_at_the_first_suspension():
    try:
        async with asyncio.timeout(0.001):
            await asyncio.Event().wait()
    except TimeoutError:
        return "timeout"


async def timeout_after_a_suspension():
    await asyncio.sleep(0)
    return await timeout_at_the_first_suspension()


async def timeout_not_reached():
    async with asyncio.timeout(60) as scope:
        await asyncio.sleep(0)
    return scope.expired()


async def timeout_nested():
    try:
        async with asyncio.timeout(60):
            try:
                async with asyncio.timeout(0):
                    await asyncio.Event().wait()
            except TimeoutError:
                return "inner"
    except TimeoutError:
        return "outer"


async def wait_for():
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.001)
    except TimeoutError:
        return "timeout"


async def task_group():
    results = []

    async def child(value):
        await asyncio.sleep(0)
        results.append(value)

    async with asyncio.TaskGroup() as group:
        for value in range(3):
            group.create_task(child(value))
    return results


async def task_group_with_a_failure():
    cancelled = []

    async def patient():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def failing():
        await asyncio.sleep(0)
        raise KeyError("x")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(patient())
            group.create_task(failing())
    except* KeyError as failure:
        failures = len(failure.exceptions)
    return f"{cancelled} {failures}"


async def gather():
    return await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0, 2))


async def shielded():
    return await asyncio.shield(asyncio.sleep(0, "kept"))


async def same_task_throughout():
    before = asyncio.current_task()
    await asyncio.sleep(0)
    middle = asyncio.current_task()
    await asyncio.get_running_loop().run_in_executor(None, lambda: None)
    after = asyncio.current_task()
    return before is not None and before is middle is after and before in asyncio.all_tasks()


async def cancels_itself():
    asyncio.current_task().cancel("why")
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError as error:
        asyncio.current_task().uncancel()
        return f"{error.args} {asyncio.current_task().cancelling()}"


async def cancelled_by_another_task():
    handler = asyncio.current_task()

    async def other():
        handler.cancel()

    task = asyncio.create_task(other())
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        handler.uncancel()
        await task
        return "cancelled"


async def task_of_its_own():
    task = asyncio.create_task(asyncio.sleep(0, "done"), name="mine")
    return f"{task.get_name()} {await task} {task is not asyncio.current_task()}"


async def to_thread():
    return await asyncio.to_thread(lambda: threading.current_thread() is threading.main_thread())


async def queue_and_lock():
    queue = asyncio.Queue(1)
    lock = asyncio.Lock()
    async with lock:
        producer = asyncio.create_task(queue.put("item"))
        item = await queue.get()
        await producer
    return item


async def asynchronous_generator():
    async def numbers():
        for number in range(3):
            await asyncio.sleep(0)
            yield number

    return [number async for number in numbers()]


async def never_suspends():
    return "at once"


async def completed_future():
    future = asyncio.get_running_loop().create_future()
    future.set_result("ready")
    return await future


async def concurrent_future():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return await asyncio.wrap_future(pool.submit(lambda: "pooled"))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (timeout_at_the_first_suspension, "timeout"),
        (timeout_after_a_suspension, "timeout"),
        (timeout_not_reached, "False"),
        (timeout_nested, "inner"),
        (wait_for, "timeout"),
        (task_group, "[0, 1, 2]"),
        (task_group_with_a_failure, "[True] 1"),
        (gather, "[1, 2]"),
        (shielded, "kept"),
        (same_task_throughout, "True"),
        (cancels_itself, "('why',) 0"),
        (cancelled_by_another_task, "cancelled"),
        (task_of_its_own, "mine done True"),
        (to_thread, "False"),
        (queue_and_lock, "item"),
        (asynchronous_generator, "[0, 1, 2]"),
        (never_suspends, "at once"),
        (completed_future, "ready"),
        (concurrent_future, "pooled"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.parametrize("name", ["get", "prepare"])
def test_as_in_any_coroutine(serve, logs, function, expected, name):
    handler = returning(function, name)
    if name == "prepare":
        handler.get = lambda self: None
    with serve(handler).connect() as connection:
        for _ in range(2):  # the second time from a kept connection
            assert connection.request().body.decode() == expected
    assert logs.tracebacks() == []


@pytest.mark.parametrize("name", ["get", "prepare"])
def test_outermost_frame_has_a_task_of_its_own_per_request(serve, name):
    tasks = []

    async def remember():
        tasks.append(asyncio.current_task())
        await asyncio.sleep(0)
        tasks.append(asyncio.current_task())

    with serve(returning(remember, name)).connect() as connection:
        connection.send(build() * 2)
        connection.read()
        connection.read()
    assert None not in tasks
    assert tasks[0] is tasks[1]
    assert tasks[2] is tasks[3]
    assert tasks[0] is not tasks[2]


def test_prepare_and_method_share_the_task(serve):
    tasks = []

    class Handler(web.RequestHandler):
        async def prepare(self):
            await asyncio.sleep(0)
            tasks.append(asyncio.current_task())

        async def get(self):
            tasks.append(asyncio.current_task())
            await asyncio.sleep(0)

    serve(Handler).request()
    assert tasks[0] is tasks[1]


def test_cancellation_runs_finally_and_does_not_hang_the_client(serve, logs):
    cleaned = []

    class Handler(web.RequestHandler):
        async def get(self):
            try:
                asyncio.current_task().cancel()
                await asyncio.sleep(60)
            finally:
                cleaned.append(True)

    server = serve(Handler)
    with server.connect() as connection:
        connection.send(build())
        if connection.reader.fill():
            assert connection.read().status == 500
    assert cleaned == [True]
    server.loop_errors.clear()


@pytest.mark.parametrize("suspends", [False, True])
def test_exception_is_one_error_record_with_traceback(serve, logs, suspends):
    class Handler(web.RequestHandler):
        async def get(self):
            if suspends:
                await asyncio.sleep(0)
            raise KeyError("mine")

    with serve(Handler).connect() as connection:
        assert connection.request().status == 500
        assert len(logs.tracebacks()) == 1
        assert "Uncaught exception GET /" in logs.tracebacks()[0]
        assert connection.request().status == 500  # the connection survives


def test_slow_handlers_run_side_by_side(serve):
    waiting = []
    all_here = asyncio.Event()

    class Handler(web.RequestHandler):
        async def get(self):
            waiting.append(self)
            if len(waiting) == 20:
                all_here.set()
            await all_here.wait()
            self.write(self.request.path)

    server = serve(Handler)
    connections = [server.connect() for _ in range(20)]
    for number, connection in enumerate(connections):
        connection.send(build(f"/{number}"))
    for number, connection in enumerate(connections):
        assert connection.read().body == f"/{number}".encode()
        connection.close()


def test_pipelined_answers_keep_their_order(serve):
    started = []
    events = {}

    class Handler(web.RequestHandler):
        async def get(self):
            started.append(self.request.path)
            if self.request.path in ("/1", "/3"):
                events[self.request.path] = asyncio.Event()
                await events[self.request.path].wait()
            self.write(self.request.path)

    server = serve(Handler)
    with server.connect() as connection:
        connection.send(b"".join(build(f"/{number}") for number in range(1, 6)))
        wait_until(lambda: "/1" in events)
        server.turn()
        assert started == ["/1"]  # one at a time
        server.call(events["/1"].set)
        wait_until(lambda: "/3" in events)
        server.call(events["/3"].set)
        assert [connection.read().body for _ in range(5)] == [b"/1", b"/2", b"/3", b"/4", b"/5"]


# --- what a method may return -------------------------------------------------------------------


class Awaitable:
    def __init__(self, handler):
        self.handler = handler

    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        self.handler.write("awaited")


def test_any_awaitable_is_awaited(serve):
    class Handler(web.RequestHandler):
        def get(self):
            return Awaitable(self)

    assert serve(Handler).request().body == b"awaited"


def test_a_future_is_awaited(serve):
    class Handler(web.RequestHandler):
        def get(self):
            future = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(future.set_result, None)
            future.add_done_callback(lambda _: self.write("future"))
            return future

    assert serve(Handler).request().body == b"future"


@pytest.mark.skipif(PACKAGE != "whirlwind", reason="of the engine")
def test_what_is_done_already_needs_no_task(serve):
    from whirlwind.web.done import DONE

    driven = []

    class Handler(web.RequestHandler):
        def get(self):
            self.write("done")
            return DONE

        async def _ww_drive(self, pending):
            driven.append(pending)
            await super()._ww_drive(pending)

    assert serve(Handler).request().body == b"done"
    assert driven == []


def test_a_failed_future_is_the_handlers_error(serve, logs):
    class Handler(web.RequestHandler):
        def get(self):
            future = asyncio.get_running_loop().create_future()
            future.set_exception(web.HTTPError(418))
            return future

    assert serve(Handler).request().status == 418


def test_a_task_is_awaited(serve):
    class Handler(web.RequestHandler):
        def get(self):
            return asyncio.create_task(self.work())

        async def work(self):
            await asyncio.sleep(0)
            self.write("task")

    assert serve(Handler).request().body == b"task"


def test_what_can_not_be_awaited_is_an_error(serve, logs):
    class Handler(web.RequestHandler):
        def get(self):
            return "text"

    assert serve(Handler).request().status == 500
    assert len(logs.tracebacks()) == 1


def test_prepare_may_return_an_awaitable(serve):
    class Handler(web.RequestHandler):
        def prepare(self):
            return Awaitable(self)

        def get(self):
            self.write("+")

    assert serve(Handler).request().body == b"awaited+"


def test_generator_coroutines(serve, logs):
    class Handler(web.RequestHandler):
        @gen.coroutine
        def prepare(self):
            yield gen.sleep(0)
            self.value = "prepared "

        @gen.coroutine
        def get(self):
            result = yield self.work()
            self.write(self.value + result)

        @gen.coroutine
        def work(self):
            yield [gen.sleep(0), gen.moment]
            raise gen.Return("worked")

    with serve(Handler).connect() as connection:
        for _ in range(2):
            assert connection.request().body == b"prepared worked"
    assert logs.tracebacks() == []


def test_the_current_ioloop_is_the_servers(serve):
    class Handler(web.RequestHandler):
        async def get(self):
            loop = ioloop.IOLoop.current()
            future = asyncio.get_running_loop().create_future()
            loop.add_callback(future.set_result, "called back")
            same = loop.asyncio_loop is asyncio.get_running_loop()
            self.write(f"{await future} {same}")

    assert serve(Handler).request().body == b"called back True"


@pytest.mark.parametrize("suspends", [False, True])
def test_in_the_debug_mode_of_the_loop(serve, logs, suspends):
    class Handler(web.RequestHandler):
        async def prepare(self):
            pass

        async def get(self):
            async with asyncio.timeout(60):
                if suspends:
                    await asyncio.sleep(0)
            self.write(f"{asyncio.current_task() is not None}")

    server = serve(Handler)
    server.call(lambda: server.loop.set_debug(True))
    with server.connect() as connection:
        for _ in range(3):
            assert connection.request().body == b"True"
    assert logs.tracebacks() == []


def test_finish_can_be_awaited(serve):
    class Handler(web.RequestHandler):
        async def get(self):
            await self.finish("sent")

    with serve(Handler).connect() as connection:
        assert connection.request().body == b"sent"
        assert connection.request().body == b"sent"


def test_work_goes_on_after_finish(serve):
    done = threading.Event()
    gate = asyncio.Event()

    class Handler(web.RequestHandler):
        async def get(self):
            self.finish("early")
            await gate.wait()
            done.set()

    server = serve(Handler)
    with server.connect() as connection:
        assert connection.request().body == b"early"
        assert not done.is_set()
        server.call(gate.set)
        assert done.wait(60)
