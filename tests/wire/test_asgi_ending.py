"""What an ASGI application does for a request that is over runs to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from whirlwind import routing
from whirlwind.asgi import ASGIContainer
from whirlwind.websocket import websocket_connect

from .raw import build, wait_until
from .test_asgi import body_message, start_message


class Late:
    """Answers, says that the answer is complete, and goes on when it is allowed to."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            self.seen.append("lifespan ended")
            return
        try:
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.accept"})
                self.seen.append("open")
                await receive()
            elif scope["path"] == "/unanswered":
                self.seen.append("asked")
                while (await receive())["type"] != "http.disconnect":
                    pass
            else:
                await send(start_message())
                await send(body_message(b"answer"))
            self.seen.append("over")
            await self.go_on.wait()
            self.seen.append("done")
        except asyncio.CancelledError:
            self.seen.append("cancelled")
            raise


@pytest.fixture
def late() -> Late:
    return Late()


def leave(server: Any, late: Late) -> None:
    """Ask, and leave without an answer."""
    with server.connect() as connection:
        connection.send(build("/unanswered"))
        wait_until(lambda: late.seen == ["asked"])


def talk(server: Any, late: Late) -> None:
    async def conversation() -> None:
        client = await websocket_connect(f"ws://127.0.0.1:{server.port}/")
        client.close()
        assert await client.read_message() is None

    asyncio.run(conversation())


def ask(server: Any, late: Late) -> None:
    assert server.request().body == b"answer"


def as_rule(container: ASGIContainer) -> Any:
    return routing.RuleRouter([routing.Rule(routing.AnyMatches(), container)])


@pytest.mark.parametrize(
    ("ends", "mount"),
    [(ask, None), (ask, as_rule), (leave, None), (talk, None), (talk, as_rule)],
    ids=["answered", "answered under a router", "left", "websocket", "websocket under a router"],
)
def test_the_lifespan_ends_after_it(start, late, ends, mount: Callable[..., Any] | None) -> None:
    container = ASGIContainer(late)
    server = start(container if mount is None else mount(container))
    server.call(container.startup)
    ends(server, late)
    wait_until(lambda: late.seen[-1:] == ["over"])

    async def stop() -> None:
        stopping = asyncio.ensure_future(container.shutdown())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not stopping.done()
        late.go_on.set()
        await stopping

    server.call(stop)
    assert late.seen[-2:] == ["done", "lifespan ended"]


def test_it_is_cancelled_in_the_end(start, late, logs) -> None:
    container = ASGIContainer(late)
    server = start(container)
    server.call(container.startup)
    for _ in range(3):
        ask(server, late)
    assert server.call(lambda: container.drain(0)) is False
    assert late.seen == ["over"] * 3 + ["cancelled"] * 3
    assert [line for line in logs.lines("application") if "3 requests" in line]
    assert server.call(lambda: container.drain(0)) is True
    server.call(container.shutdown)
    assert late.seen[-1] == "lifespan ended"


def test_what_is_still_being_answered_is_not_waited_for(start, late) -> None:
    container = ASGIContainer(late)
    server = start(container)
    server.call(container.startup)
    with server.connect() as connection:
        connection.send(build("/unanswered"))
        wait_until(lambda: late.seen == ["asked"])
        assert server.call(container.drain) is True
        assert late.seen == ["asked"]
    wait_until(lambda: late.seen == ["asked", "over"])
    server.call(lambda: late.go_on.set())
    assert server.call(container.drain) is True
    assert late.seen == ["asked", "over", "done"]
    server.call(container.shutdown)


def test_nothing_is_kept_of_what_has_ended(start, late) -> None:
    container = ASGIContainer(late)
    server = start(container)
    ask(server, late)
    assert len(container._at_work) == 1
    server.call(lambda: late.go_on.set())
    wait_until(lambda: not container._at_work)
    ask(server, late)
    assert not container._at_work
