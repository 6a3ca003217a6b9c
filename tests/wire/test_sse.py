"""Server-sent events: what is on the wire, who waits for whom, and how they end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from whirlwind import web
from whirlwind.asgi import ASGIContainer
from whirlwind.sse import EventStream, encode_event

from .raw import build, wait_until


@pytest.mark.parametrize(
    ("event", "encoded"),
    [
        ({"data": "x"}, b"data: x\n\n"),
        ({"data": ""}, b"data: \n\n"),
        ({"data": "a\nb\r\nc\rd\n"}, b"data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"),
        ({"data": " é\u2028"}, "data:  é\u2028\n\n".encode()),
        ({"data": {"a": 1}}, b'data: {"a": 1}\n\n'),
        (
            {"data": "x", "event": "news", "id": 7, "retry": 1.5},
            b"event: news\nid: 7\nretry: 1500\ndata: x\n\n",
        ),
        ({"id": "", "retry": 0}, b"id: \nretry: 0\n\n"),
    ],
)
def test_events_on_the_wire(event, encoded) -> None:
    assert encode_event(**event) == encoded


@pytest.mark.parametrize("name", ["event", "id"])
@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0"])
def test_types_and_ids_are_one_line(name, value) -> None:
    with pytest.raises(ValueError, match=name):
        encode_event("x", **{name: value})


@pytest.fixture(params=["own server", "ASGI"])
def serve_stream(request, start) -> Any:
    """Serves one handler at every path, on the own server and as an ASGI application."""

    def serve(handler: Any) -> Any:
        app = web.Application([(r".*", handler)])
        return start(ASGIContainer(app.asgi()) if request.param == "ASGI" else app)

    return serve


def test_a_stream(serve_stream) -> None:
    class Handler(web.RequestHandler):
        async def get(self) -> None:
            async with EventStream(self, retry=2) as events:
                await events.send(f"after {events.last_event_id}", id=8)
                await events.comment("a\nb")
            assert not events.client_left

    server = serve_stream(Handler)
    fields = {"Last-Event-ID": "é7".encode().decode("latin-1")}
    answer = server.request("/", fields=fields)
    assert answer.status == 200
    assert answer.get("Content-Type") == "text/event-stream; charset=utf-8"
    assert answer.get("Cache-Control") == "no-store"
    assert answer.get("Content-Length") is None
    assert answer.body == "retry: 2000\n\nid: 8\ndata: after é7\n\n: a\n: b\n\n".encode()
    assert b"after None" in server.request("/").body


def test_comments_keep_the_connection_alive(serve_stream) -> None:
    class Handler(web.RequestHandler):
        async def get(self) -> None:
            async with EventStream(self, keep_alive=0.01):
                await asyncio.Event().wait()

    with serve_stream(Handler).connect() as connection:
        connection.send(build())
        reader = connection.reader
        assert reader.head().status == 200
        for _ in range(3):
            assert reader.exactly(8) == b"3\r\n:\n\n\r\n"


def test_the_block_ends_when_the_client_leaves(serve_stream) -> None:
    seen: list[Any] = []

    class Handler(web.RequestHandler):
        async def get(self) -> None:
            async with EventStream(self) as events:
                seen.append("open")
                await asyncio.Event().wait()
            seen.append(events.client_left)
            task = asyncio.current_task()
            assert task is not None
            seen.append(task.cancelling())
            await asyncio.sleep(0)  # nothing of the cancellation is left
            seen.append("after")

        def on_connection_close(self) -> None:
            seen.append("hook")

    with serve_stream(Handler).connect() as connection:
        connection.send(build())
        wait_until(lambda: seen)
    wait_until(lambda: "after" in seen)
    assert sorted(seen, key=str) == [0, True, "after", "hook", "open"]


def test_a_slow_client_makes_the_handler_wait(serve_stream) -> None:
    sent: list[int] = []
    left: list[bool] = []

    class Handler(web.RequestHandler):
        async def get(self) -> None:
            async with EventStream(self) as events:
                for number in range(10_000):
                    await events.send("x" * 10_000)
                    sent.append(number)
            left.append(events.client_left)

    server = serve_stream(Handler)
    with server.connect() as connection:
        connection.send(build())
        wait_until(lambda: sent)
        for _ in range(50):
            server.turn()
        assert len(sent) < 10_000  # 100 MB
    wait_until(lambda: left)
    assert left == [True]


def test_what_is_not_about_the_client_passes(serve_stream, logs) -> None:
    class Handler(web.RequestHandler):
        async def get(self) -> None:
            async with EventStream(self) as events:
                await events.send("x")
                raise ValueError("in the block")

    with serve_stream(Handler).connect() as connection:
        connection.send(build())
        assert b"data: x" in connection.reader.rest()
    assert logs.errors() == [ValueError]


def test_a_cancelled_handler_is_cancelled(serve_stream, logs) -> None:
    seen: list[str] = []

    class Handler(web.RequestHandler):
        async def get(self) -> None:
            task = asyncio.current_task()
            assert task is not None
            asyncio.get_running_loop().call_soon(task.cancel)
            try:
                async with EventStream(self):
                    await asyncio.Event().wait()
                seen.append("passed over")
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

    with serve_stream(Handler).connect() as connection:
        connection.send(build())
        wait_until(lambda: seen)
    assert seen == ["cancelled"]


def test_it_comes_first(serve_stream, logs) -> None:
    class Handler(web.RequestHandler):
        async def get(self) -> None:
            self.write("x")
            await self.flush()
            async with EventStream(self):
                pass

    with serve_stream(Handler).connect() as connection:
        connection.send(build())
        connection.reader.rest()
    assert logs.errors() == [RuntimeError]


# --- early hints --------------------------------------------------------------------------------

STYLE = "</style.css>; rel=preload; as=style"
SCRIPT = "</program.js>; rel=preload; as=script"


def test_early_hints(serve_stream) -> None:
    go: list[Any] = []

    class Handler(web.RequestHandler):
        async def get(self) -> None:
            await self.send_early_hints(STYLE, SCRIPT)
            waiting = asyncio.get_running_loop().create_future()
            go.append(lambda: waiting.set_result(None))
            await waiting
            self.write("page")

    server = serve_stream(Handler)
    with server.connect() as connection:
        for _ in range(2):
            connection.send(build())
            hints = connection.reader.head()  # here before there is an answer
            assert hints.status == 103
            assert hints.get_all("Link") == [STYLE, SCRIPT]
            assert hints.get("Content-Length") is hints.get("Transfer-Encoding") is None
            wait_until(lambda: go)
            server.loop.call_soon_threadsafe(go.pop())
            answer = connection.read()
            assert (answer.status, answer.body) == (200, b"page")
            assert answer.get("Link") is None


def test_no_early_hints_for_http_1_0(serve_stream) -> None:
    class Handler(web.RequestHandler):
        async def get(self) -> None:
            await self.send_early_hints(STYLE)
            self.write("page")

    with serve_stream(Handler).connect() as connection:
        connection.send(build(version="1.0"))
        assert connection.reader.rest().startswith(b"HTTP/1.1 200 OK\r\n")


def test_early_hints_of_a_handler_that_does_not_wait(serve_stream) -> None:
    class Handler(web.RequestHandler):
        def get(self) -> None:
            self.send_early_hints()
            self.send_early_hints(STYLE)
            self.write("page")

    with serve_stream(Handler).connect() as connection:
        connection.send(build())
        assert connection.reader.head().status == 103
        assert connection.read().body == b"page"


def test_early_hints_misused(serve_stream) -> None:
    raised: list[type[BaseException]] = []

    class Handler(web.RequestHandler):
        async def get(self) -> None:
            with pytest.raises(ValueError, match="Link") as caught:
                self.send_early_hints("</a>\r\nSet-Cookie: a=1")
            raised.append(caught.type)
            self.write("x")
            await self.flush()
            with pytest.raises(RuntimeError, match="before the answer") as late:
                self.send_early_hints(STYLE)
            raised.append(late.type)

    assert serve_stream(Handler).request().body == b"x"
    assert raised == [ValueError, RuntimeError]
