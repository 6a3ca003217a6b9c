"""Applications of handlers that a WSGI server runs."""

import gc
import io
import json
import threading
from collections.abc import Callable, Generator
from typing import Any
from wsgiref.validate import validator

import pytest

from whirlwind import gen, web, wsgi
from whirlwind.httputil import HTTPOutputError
from whirlwind.ioloop import IOLoop
from whirlwind.testing import ExpectLog


class Tell(web.RequestHandler):
    def get(self) -> None:
        request = self.request
        self.set_cookie("one", "1")
        self.set_cookie("two", "2")
        self.write(
            {
                "uri": request.uri,
                "host": request.host,
                "ip": request.remote_ip,
                "url": request.full_url(),
                "x": self.get_arguments("x"),
                "header": request.headers.get("X-Some"),
            }
        )


class Form(web.RequestHandler):
    def post(self) -> None:
        self.write(self.get_body_argument("word") * 2)


class Pieces(web.RequestHandler):
    def get(self) -> None:
        self.write("one ")
        self.flush()
        self.write("two")

    head = get


class Waits(web.RequestHandler):
    @gen.coroutine
    def get(self) -> Generator[Any, Any, None]:
        yield gen.sleep(0.001)
        self.write("waited")


class Called(web.RequestHandler):
    @web.asynchronous
    def get(self) -> None:
        IOLoop.current().add_callback(self.finish, "called")


class Wrong(web.RequestHandler):
    def get(self, size: str) -> None:
        self.set_header("Content-Length", size)
        self.write("12345")


@web.stream_request_body
class Stream(web.RequestHandler):
    def prepare(self) -> None:
        self.size = 0

    def data_received(self, chunk: bytes) -> None:
        self.size += len(chunk)

    def post(self) -> None:
        self.write(str(self.size))


class Fails(web.RequestHandler):
    def get(self) -> None:
        raise KeyError("fails")


ROUTES: list[Any] = [
    ("/tell", Tell),
    ("/caf%C3%A9", Tell),
    ("/form", Form),
    ("/pieces", Pieces),
    ("/waits", Waits),
    ("/called", Called),
    (r"/wrong/(\d+)", Wrong),
    ("/stream", Stream),
    ("/fails", Fails),
]

Call = Callable[..., tuple[str, list[tuple[str, str]], bytes]]


@pytest.fixture(params=["WSGIAdapter", "WSGIApplication"])
def call(request: pytest.FixtureRequest) -> Call:
    """A function that asks the application as a server does, and checks what both do."""
    if request.param == "WSGIAdapter":
        application = wsgi.WSGIAdapter(web.Application(ROUTES))
    else:
        application = wsgi.WSGIApplication(ROUTES)
    checked = validator(application)

    def call(path: str, method: str = "GET", body: bytes = b"", **more: str) -> Any:
        path, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "server",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "1.2.3.4",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body + b"more"),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            **more,
        }
        if body:
            environ["CONTENT_LENGTH"] = str(len(body))
        answer: list[Any] = []
        chunks = checked(environ, lambda *args: answer.extend(args) or bytes)  # type: ignore[func-returns-value]
        try:
            return answer[0], answer[1], b"".join(chunks)
        finally:
            chunks.close()

    return call


def test_a_request(call: Call) -> None:
    status, headers, body = call("/tell?x=1&x=2", HTTP_HOST="example.com", HTTP_X_SOME="value")
    assert status == "200 OK"
    assert json.loads(body) == {
        "uri": "/tell?x=1&x=2",
        "host": "example.com",
        "ip": "1.2.3.4",
        "url": "http://example.com/tell?x=1&x=2",
        "x": ["1", "2"],
        "header": "value",
    }
    assert [value for name, value in headers if name == "Set-Cookie"] == [
        "one=1; Path=/",
        "two=2; Path=/",
    ]
    assert ("Content-Length", str(len(body))) in headers


def test_an_environment(call: Call) -> None:
    path = "/café".encode().decode("latin-1")
    told = json.loads(call(path, **{"wsgi.url_scheme": "https"})[2])
    assert told["uri"] == "/caf%C3%A9"
    assert told["url"] == "https://server/caf%C3%A9"
    assert json.loads(call("/tell", SCRIPT_NAME="")[2])["host"] == "server"


def test_bodies(call: Call) -> None:
    kind = "application/x-www-form-urlencoded"
    assert call("/form", "POST", b"word=ab", CONTENT_TYPE=kind)[2] == b"abab"
    assert call("/stream", "POST", b"x" * 1000, CONTENT_TYPE="text/plain")[2] == b"1000"


def test_an_answer_in_pieces(call: Call) -> None:
    assert call("/pieces")[2] == b"one two"
    assert call("/pieces", "HEAD")[2] == b""


def test_errors(call: Call) -> None:
    assert call("/nowhere")[0] == "404 Not Found"
    with ExpectLog("whirlwind.application", "Uncaught exception GET /fails"):
        assert call("/fails")[0] == "500 Internal Server Error"


def test_a_handler_that_waits(call: Call) -> None:
    assert call("/waits")[2] == b"waited"
    assert call("/called")[2] == b"called"


def test_threads_have_loops_of_their_own(call: Call) -> None:
    bodies: list[bytes] = []
    before = set(IOLoop._ioloop_for_asyncio)
    threads = [
        threading.Thread(target=lambda: bodies.append(call("/waits")[2])) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bodies == [b"waited"] * 3
    gc.collect()
    assert set(IOLoop._ioloop_for_asyncio) <= before  # those of the threads are closed


@pytest.mark.parametrize(("size", "what"), [("4", "more"), ("6", "less")])
def test_a_body_that_is_not_as_long_as_announced(call: Call, size: str, what: str) -> None:
    with ExpectLog("whirlwind", "Uncaught exception|Cannot send error", required=False):
        with pytest.raises(HTTPOutputError, match=f"wrote {what}"):
            call(f"/wrong/{size}")


def test_where_a_loop_runs_it_is_refused(call: Call) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="give WSGIContainer an executor"):
            call("/tell")

    loop = IOLoop(make_current=False)
    loop.run_sync(main)
    loop.close()
