"""Context variables: each request has its own context, from the first hook to the last."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

from .raw import build, wait_until
from .server import web

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")


def make_context_handler(prepare_suspends: bool, get_suspends: bool) -> type:
    class Handler(web.RequestHandler):
        seen: list[str] = []

        if prepare_suspends:

            async def prepare(self):
                await asyncio.sleep(0)
                self.enter()

        else:

            def prepare(self):
                self.enter()

        def enter(self):
            self.seen.append(VARIABLE.get())
            VARIABLE.set(self.request.path)

        if get_suspends:

            async def get(self):
                await asyncio.sleep(0)
                self.write(VARIABLE.get())
                VARIABLE.set(VARIABLE.get() + "+")

        else:

            def get(self):
                self.write(VARIABLE.get())
                VARIABLE.set(VARIABLE.get() + "+")

        def on_finish(self):
            self.seen.append(VARIABLE.get())

    return Handler


@pytest.mark.parametrize("prepare_suspends", [False, True], ids=["prepare", "async prepare"])
@pytest.mark.parametrize("get_suspends", [False, True], ids=["get", "async get"])
@pytest.mark.parametrize("pipelined", [False, True], ids=["in turns", "pipelined"])
def test_each_request_has_its_own_context(serve, prepare_suspends, get_suspends, pipelined):
    handler = make_context_handler(prepare_suspends, get_suspends)
    server = serve(handler)
    with server.connect() as connection:
        if pipelined:
            connection.send(build("/1") + build("/2"))
            bodies = [connection.read().body, connection.read().body]
        else:
            bodies = [connection.request("/1").body, connection.request("/2").body]
        server.turn()
    assert bodies == [b"/1", b"/2"]
    assert handler.seen == ["unset", "/1+", "unset", "/2+"]


def test_contexts_of_concurrent_requests_do_not_mix(serve):
    gate = asyncio.Event()
    entered = []

    class Handler(web.RequestHandler):
        async def get(self):
            VARIABLE.set(self.request.path)
            entered.append(True)
            await gate.wait()
            child = await asyncio.create_task(self.child())
            self.write(f"{VARIABLE.get()} {child}")

        async def child(self):
            await asyncio.sleep(0)
            return VARIABLE.get()

    server = serve(Handler)
    connections = [server.connect() for _ in range(5)]
    for number, connection in enumerate(connections):
        connection.send(build(f"/{number}"))
    wait_until(lambda: len(entered) == 5)
    server.call(gate.set)
    for number, connection in enumerate(connections):
        assert connection.read().body == f"/{number} /{number}".encode()
        connection.close()


def test_callbacks_and_threads_inherit_the_context(serve):
    class Handler(web.RequestHandler):
        async def get(self):
            VARIABLE.set("mine")
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            loop.call_soon(lambda: future.set_result(VARIABLE.get()))
            self.write(f"{await future} {await asyncio.to_thread(VARIABLE.get)}")

    assert serve(Handler).request().body == b"mine mine"


def test_a_synchronous_handler_leaves_no_context_behind(serve):
    class Handler(web.RequestHandler):
        def get(self):
            self.write(VARIABLE.get())
            VARIABLE.set("leaked")

    server = serve(Handler)
    with server.connect() as connection:
        assert [connection.request().body for _ in range(3)] == [b"unset"] * 3
    assert server.request().body == b"unset"
    assert server.call(VARIABLE.get) == "unset"
