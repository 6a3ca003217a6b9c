"""Handlers that answer from a callback: ``@web.asynchronous``, with and without ``gen.engine``."""

from collections.abc import Callable, Generator
from typing import Any

import pytest

from whirlwind import concurrent, gen, web
from whirlwind.httpclient import HTTPRequest
from whirlwind.ioloop import IOLoop
from whirlwind.stack_context import NullContext, StackContext
from whirlwind.testing import AsyncHTTPTestCase, ExpectLog, gen_test
from whirlwind.websocket import WebSocketHandler, websocket_connect

Answer = Callable[["Handler"], Any]


class Handler(web.RequestHandler):
    """Answers in the way that its route says."""

    def initialize(self, how: str) -> None:
        self.how = how

    def later(self, callback: Callable[..., Any], *args: Any) -> None:
        IOLoop.current().add_callback(callback, *args)

    def answer(self) -> None:
        self.finish(self.how)

    def fail(self) -> None:
        raise web.HTTPError(403, "no %s", "entry", reason="No Entry")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.finish(f"{status_code} {kwargs['exc_info'][0].__name__}")


class Plain(Handler):
    @web.asynchronous
    def get(self) -> None:
        {
            "finished": self.answer,
            "callback": lambda: self.later(self.answer),
            "two": lambda: self.later(self.later, self.answer),
            "timer": lambda: IOLoop.current().call_later(0.001, self.answer),
            "raised": self.fail,
            "raised later": lambda: self.later(self.fail),
            "raised much later": lambda: self.later(self.later, self.fail),
            "crashed later": lambda: self.later(lambda: 1 // 0),
        }[self.how]()


class Engine(Handler):
    @web.asynchronous
    @gen.engine
    def get(self) -> Generator[Any, Any, None]:
        if self.how == "raised":
            self.fail()
        word = yield gen.Task(lambda callback: self.later(callback, self.how))
        if word == "raised later":
            self.fail()
        if word == "raised in a callback":
            yield gen.Task(lambda callback: self.later(self.fail))
        if word == "caught":
            with pytest.raises(web.HTTPError):
                yield gen.Task(lambda callback: self.later(self.fail))
        self.answer()


class Coroutine(Handler):
    @web.asynchronous
    @gen.coroutine
    def get(self) -> Generator[Any, Any, None]:
        yield gen.moment
        if self.how == "raised later":
            self.fail()
        if self.how == "finished":
            self.answer()
        else:
            self.write(self.how)


class Native(Handler):
    @web.asynchronous
    async def get(self) -> None:
        await gen.sleep(0)
        self.write(self.how)


class Returned(Handler):
    @concurrent.return_future
    def get(self, callback: Callable[[], None]) -> None:
        self.write(self.how)
        self.later(self.fail if self.how == "raised later" else callback)


@web.stream_request_body
class Streaming(Handler):
    def prepare(self) -> None:
        self.size = 0

    def data_received(self, chunk: bytes) -> None:
        self.size += len(chunk)

    @web.asynchronous
    def put(self) -> None:
        self.later(self.fail if self.how == "raised later" else self.answer_size)

    def answer_size(self) -> None:
        self.finish(str(self.size))


class Pieces(Handler):
    @web.asynchronous
    def get(self) -> None:
        self.write("one ")
        self.flush()
        self.later(self.second)

    def second(self) -> None:
        self.write("two")
        self.finish()


class Bound(Handler):
    """What a context of the program sees of the callbacks of a request."""

    seen: list[str] = []

    @web.asynchronous
    def get(self) -> None:
        with StackContext(self.context):
            self.later(self.answer)

    def context(self) -> "Bound":
        return self

    def __enter__(self) -> None:
        self.seen.append("enter")

    def __exit__(self, *error: Any) -> None:
        self.seen.append("leave")


class Outside(Handler):
    @web.asynchronous
    def get(self) -> None:
        with NullContext():
            self.later(self.fail)
        self.later(self.later, self.answer)


class Forgets(Handler):
    def get(self) -> None:
        self.clear_cookie("a", "/p", "x.example")  # type: ignore[call-arg]
        self.clear_cookie("b", "/q", domain="y.example")  # type: ignore[call-arg]
        self.clear_all_cookies("/r")  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            self.clear_cookie("d", "/s", "z.example", "more")  # type: ignore[call-arg]


class Socket(WebSocketHandler):
    @web.asynchronous
    @gen.coroutine
    def get(self, *args: Any, **kwargs: Any) -> Generator[Any, Any, None]:
        yield gen.moment
        yield super().get(*args, **kwargs)

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


HANDLERS = {each.__name__: each for each in Handler.__subclasses__()}


class TestAnswers(AsyncHTTPTestCase):
    def get_app(self) -> web.Application:
        words = [
            "finished",
            "callback",
            "two",
            "timer",
            "caught",
            "raised",
            "raised later",
            "raised much later",
            "raised in a callback",
            "crashed later",
        ]
        return web.Application(
            [("/socket", Socket)]
            + [
                (f"/{name}/{word.replace(' ', '_')}", handler, {"how": word})
                for name, handler in HANDLERS.items()
                for word in words
            ]
        )

    def check(self, name: str, how: str, **request: Any) -> str:
        url = self.get_url(f"/{name}/{how.replace(' ', '_')}")
        response = self.io_loop.run_sync(
            lambda: self.http_client.fetch(HTTPRequest(url, **request), raise_error=False)
        )
        return f"{response.code} {response.body.decode()}"

    def refused(self, name: str, how: str, **request: Any) -> None:
        with ExpectLog("whirlwind.general", "403 .*: no entry"):
            assert self.check(name, how, **request) == "403 403 HTTPError"

    def test_the_request_ends_with_finish(self) -> None:
        for how in ("finished", "callback", "two", "timer"):
            assert self.check("Plain", how) == f"200 {how}"

    def test_an_exception_ends_it_too(self) -> None:
        for how in ("raised", "raised later", "raised much later"):
            self.refused("Plain", how)
        with ExpectLog("whirlwind.application", "Uncaught exception GET /Plain/crashed"):
            assert self.check("Plain", "crashed later") == "500 500 ZeroDivisionError"

    def test_with_an_engine(self) -> None:
        assert self.check("Engine", "two") == "200 two"
        assert self.check("Engine", "caught") == "200 caught"
        for how in ("raised", "raised later", "raised in a callback"):
            self.refused("Engine", how)

    def test_a_coroutine_needs_no_finish(self) -> None:
        assert self.check("Coroutine", "finished") == "200 finished"
        assert self.check("Coroutine", "two") == "200 two"
        self.refused("Coroutine", "raised later")
        assert self.check("Native", "two") == "200 two"

    def test_a_method_with_a_callback_returns_a_future(self) -> None:
        assert self.check("Returned", "two") == "200 two"
        self.refused("Returned", "raised later")

    def test_a_streamed_body(self) -> None:
        body = b"x" * 200_000
        assert self.check("Streaming", "two", method="PUT", body=body) == "200 200000"
        self.refused("Streaming", "raised later", method="PUT", body=body)

    def test_an_answer_in_pieces(self) -> None:
        assert self.check("Pieces", "two") == "200 one two"

    def test_contexts_of_the_program(self) -> None:
        Bound.seen = []
        assert self.check("Bound", "two") == "200 two"
        assert Bound.seen == ["enter", "leave"] * 2

    def test_what_is_not_in_the_request_does_not_end_it(self) -> None:
        with ExpectLog("whirlwind.application", "Exception in callback"):
            assert self.check("Outside", "two") == "200 two"

    def test_where_a_cookie_was_is_told_by_position(self) -> None:
        url = self.get_url("/Forgets/two")
        cookies = self.fetch(url, headers={"Cookie": "c=1"}).headers.get_list("Set-Cookie")
        places = [[part for part in each.split("; ") if "expires" not in part] for each in cookies]
        assert sorted(places) == [
            ['a=""', "Domain=x.example", "Path=/p"],
            ['b=""', "Domain=y.example", "Path=/q"],
            ['c=""', "Path=/r"],
        ]

    @gen_test
    async def test_a_websocket(self) -> None:
        url = self.get_url("/socket").replace("http", "ws", 1)
        connection = await websocket_connect(url)
        for message in ("one", "two"):
            await connection.write_message(message)
            assert await connection.read_message() == message
        connection.close()
