"""Real ASGI frameworks behind the server, mounted or alone, as far as they are installed."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from whirlwind import web
from whirlwind.asgi import ASGIContainer
from whirlwind.websocket import websocket_connect

from .raw import build, wait_until

LARGE = bytes(range(256)) * 4096  # 1 MiB


def starlette_application(seen: list[str]) -> Any:
    pytest.importorskip("starlette", reason="needs the package starlette")
    from contextlib import asynccontextmanager

    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
    from starlette.routing import Mount, Route, WebSocketRoute

    @asynccontextmanager
    async def lifespan(app: Any) -> Any:
        seen.append("started")
        yield {"pool": "a pool"}
        seen.append("stopped")

    async def hello(request: Any) -> Any:
        told = {
            "name": request.path_params["name"],
            "q": request.query_params.get("q"),
            "url": str(request.url_for("hello", name="x")),
            "pool": getattr(request.state, "pool", None),
            "client": request.client.host if request.client else None,
        }
        return JSONResponse(told)

    async def echo(request: Any) -> Any:
        return Response(await request.body(), media_type="application/octet-stream")

    async def stream(request: Any) -> Any:
        async def parts() -> Any:
            try:
                for number in range(1 << 30):
                    yield f"{number}\n" * 1000
                    if number == 2 and "endless" not in request.query_params:
                        return
            finally:
                seen.append("stream ended")

        return StreamingResponse(parts())

    async def broken(request: Any) -> Any:
        raise ValueError("in the application")

    async def chat(socket: Any) -> None:
        await socket.accept(subprotocol="chat")
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                seen.append(f"left with {message['code']}")
                return
            await socket.send_text(message["text"].upper())

    async def closed(socket: Any) -> None:
        await socket.send_denial_response(PlainTextResponse("not today", status_code=409))

    routes = [
        Route("/hello/{name:path}", hello, name="hello"),
        Route("/echo", echo, methods=["POST"]),
        Route("/stream", stream),
        Route("/broken", broken),
        WebSocketRoute("/chat", chat),
        WebSocketRoute("/closed", closed),
    ]
    return Starlette(routes=[*routes, Mount("/sub", routes=routes)], lifespan=lifespan)


@pytest.fixture
def starlette(start) -> Iterator[tuple[Any, list[str]]]:
    """A server with the application, and what that has noted down."""
    seen: list[str] = []
    container = ASGIContainer(starlette_application(seen))
    server = start(container)
    server.call(container.startup)
    yield server, seen
    server.call(container.shutdown)
    assert seen[0] == "started"
    assert seen[-1] == "stopped"


def test_starlette_requests(starlette) -> None:
    server, _ = starlette
    told = json.loads(server.request("/hello/J%C3%BCrgen/x?q=%C3%A4%20b").body)
    assert told == {
        "name": "Jürgen/x",
        "q": "ä b",
        "url": "http://localhost/hello/x",
        "pool": "a pool",
        "client": "127.0.0.1",
    }
    assert json.loads(server.request("/sub/hello/y").body)["name"] == "y"
    assert server.request("/none").status == 404
    with server.connect() as connection:
        for body in (b"", b"x", LARGE):
            assert connection.request("/echo", "POST", body=body).body == body
        head = connection.request("/hello/x", "HEAD")
        assert (head.status, head.body) == (200, b"")
        assert int(head.get("Content-Length") or 0) > 0


def test_starlette_streams(starlette) -> None:
    server, seen = starlette
    answer = server.request("/stream")
    assert answer.get("Transfer-Encoding") == "chunked"
    assert answer.body == b"".join(b"%d\n" % n * 1000 for n in range(3))
    assert seen[-1] == "stream ended"


def test_starlette_ends_a_stream_whose_client_has_left(starlette, logs) -> None:
    server, seen = starlette
    with server.connect() as connection:
        connection.send(build("/stream?endless"))
        assert connection.reader.head().status == 200
    wait_until(lambda: "stream ended" in seen)
    assert not logs.tracebacks()


def test_starlette_failures(starlette, logs) -> None:
    server, _ = starlette
    assert server.request("/broken").status == 500
    assert ValueError in logs.errors()


def test_starlette_websockets(starlette) -> None:
    server, seen = starlette

    async def talk() -> Any:
        url = f"ws://127.0.0.1:{server.port}/chat"
        connection = await websocket_connect(url, subprotocols=["chat"])
        await connection.write_message("é")
        answer = await connection.read_message()
        connection.close(4000)
        while await connection.read_message() is not None:
            pass
        return answer

    assert asyncio.run(talk()) == "É"
    wait_until(lambda: "left with 4000" in seen)
    with server.connect() as connection:
        connection.send(
            b"GET /closed HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        answer = connection.read()
        assert (answer.status, answer.body) == (409, b"not today")


@pytest.fixture
def day(start, tmp_path) -> Iterator[tuple[Any, list[str]]]:
    """A server of a Starlette application with middleware, files and tasks, and what it noted."""
    pytest.importorskip("starlette", reason="needs the package starlette")
    pytest.importorskip("itsdangerous", reason="needs the package itsdangerous")
    from starlette.applications import Starlette
    from starlette.background import BackgroundTask
    from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.middleware.sessions import SessionMiddleware
    from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
    from starlette.routing import Mount, Route, WebSocketRoute
    from starlette.staticfiles import StaticFiles

    seen: list[str] = []
    (tmp_path / "large.bin").write_bytes(LARGE)

    class Timed(BaseHTTPMiddleware):
        async def dispatch(self, request: Any, call_next: Any) -> Any:
            response = await call_next(request)
            response.headers["X-Timed"] = "yes"
            return response

    class Counter(HTTPEndpoint):
        async def get(self, request: Any) -> Any:
            request.session["n"] = request.session.get("n", 0) + 1
            return PlainTextResponse(str(request.session["n"]))

    class Echo(WebSocketEndpoint):
        encoding = "json"

        async def on_receive(self, websocket: Any, data: Any) -> None:
            await websocket.send_json(data)

        async def on_disconnect(self, websocket: Any, close_code: int) -> None:
            seen.append(f"left with {close_code}")

    async def tasks(request: Any) -> Any:
        return PlainTextResponse("later", background=BackgroundTask(seen.append, "task"))

    async def upload(request: Any) -> Any:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
        return PlainTextResponse(str(size))

    async def numbers(request: Any) -> Any:
        return StreamingResponse(f"{number}\n" for number in range(10_000))  # in a thread

    async def memory(request: Any) -> Any:
        return Response(memoryview(b"not copied"))

    container = ASGIContainer(
        Starlette(
            routes=[
                Route("/count", Counter),
                Route("/tasks", tasks),
                Route("/upload", upload, methods=["POST"]),
                Route("/numbers", numbers),
                Route("/memory", memory),
                Route("/file", lambda request: FileResponse(tmp_path / "large.bin")),
                Mount("/static", StaticFiles(directory=tmp_path)),
                WebSocketRoute("/echo", Echo),
            ],
            middleware=[
                Middleware(Timed),
                Middleware(SessionMiddleware, secret_key="not secret"),
                Middleware(GZipMiddleware, minimum_size=100),
            ],
        )
    )
    server = start(container)
    yield server, seen
    server.call(container.shutdown)


def test_starlette_middleware_and_tasks(day) -> None:
    server, seen = day
    first = server.request("/count")
    assert (first.body, first.get("X-Timed")) == (b"1", "yes")
    cookie = (first.get("Set-Cookie") or "").partition(";")[0]
    assert server.request("/count", fields={"Cookie": cookie}).body == b"2"
    assert server.request("/memory").body == b"not copied"
    numbers = b"".join(b"%d\n" % number for number in range(10_000))
    assert server.request("/numbers").body == numbers
    packed = server.request("/numbers", fields={"Accept-Encoding": "gzip"})
    assert packed.get("Content-Encoding") == "gzip"
    assert gzip.decompress(packed.body) == numbers
    assert server.request("/upload", "POST", body=LARGE).body == b"%d" % len(LARGE)
    assert server.request("/tasks").body == b"later"
    wait_until(lambda: "task" in seen)


def test_starlette_files(day) -> None:
    server, _ = day
    with server.connect() as connection:
        for path in ("/file", "/static/large.bin"):
            answer = connection.request(path)
            assert answer.body == LARGE
            assert connection.request(path, "HEAD").get("Content-Length") == str(len(LARGE))
            part = connection.request(path, fields={"Range": "bytes=256-511"})
            assert (part.status, part.body) == (206, LARGE[256:512])
            fields = {"If-None-Match": answer.get("ETag") or ""}
            status = connection.request(path, fields=fields).status
            assert status == (304 if path.startswith("/static") else 200)
        assert connection.request("/static/none").status == 404


def test_starlette_closes_a_file_when_its_thread_is_late(day, monkeypatch) -> None:
    import anyio

    closed: list[str] = []
    plain = anyio.AsyncFile.aclose

    async def aclose(file: Any) -> None:
        for _ in range(100):
            await asyncio.sleep(0)
        await plain(file)
        closed.append("closed")

    monkeypatch.setattr(anyio.AsyncFile, "aclose", aclose)
    server, _ = day
    assert server.request("/file").body == LARGE
    server.call(server._application.shutdown)
    assert closed == ["closed"]


def test_starlette_notices_that_a_client_has_left(start, logs) -> None:
    pytest.importorskip("starlette", reason="needs the package starlette")
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    seen: list[str] = []

    async def poll(request: Any) -> Any:
        seen.append("asked")
        while not await request.is_disconnected():  # noqa: ASYNC110
            await asyncio.sleep(0)
        seen.append("gone")
        return Response()

    server = start(ASGIContainer(Starlette(routes=[Route("/", poll)])))
    with server.connect() as connection:
        connection.send(build("/"))
        wait_until(lambda: seen)
    wait_until(lambda: "gone" in seen)
    assert logs.tracebacks() == []


def test_starlette_websocket_endpoints(day) -> None:
    server, seen = day

    async def talk() -> list[Any]:
        connection = await websocket_connect(f"ws://127.0.0.1:{server.port}/echo")
        answers = []
        for data in ({"a": [1, "é"]}, "x" * 100_000):
            await connection.write_message(json.dumps(data))
            answers.append(json.loads(await connection.read_message()))
        connection.close(3000)
        answers.append(await connection.read_message())
        return answers

    assert asyncio.run(talk()) == [{"a": [1, "é"]}, "x" * 100_000, None]
    wait_until(lambda: seen)
    assert seen == ["left with 3000"]


def test_starlette_mounted_among_handlers(start) -> None:
    class Main(web.RequestHandler):
        def get(self) -> None:
            self.write("ours")

    container = ASGIContainer(starlette_application([]), root_path="/api")
    server = start(web.Application([(r"/", Main), (r"/api/.*", container)]), xheaders=True)
    assert server.request("/").body == b"ours"
    fields = {"X-Real-Ip": "192.0.2.7", "X-Scheme": "https"}
    told = json.loads(server.request("/api/hello/x", fields=fields).body)
    assert told["name"] == "x"
    assert told["url"] == "https://localhost/api/hello/x"
    assert told["client"] == "192.0.2.7"
    assert server.request("/api/echo", "POST", body=LARGE).body == LARGE


def test_a_handler_mounted_in_starlette(start) -> None:
    pytest.importorskip("starlette", reason="needs the package starlette")
    from starlette.applications import Starlette
    from starlette.routing import Mount

    class Main(web.RequestHandler):
        def get(self, name: str) -> None:
            self.write({"name": name, "uri": self.request.uri})

    ours = web.Application([(r"/(.*)", Main)]).asgi()
    server = start(ASGIContainer(Starlette(routes=[Mount("/ours", app=ours)])))
    told = json.loads(server.request("/ours/a%20b?x=1").body)
    assert told == {"name": "a b", "uri": "/a%20b?x=1"}


def test_fastapi(start) -> None:
    fastapi = pytest.importorskip("fastapi", reason="needs the package fastapi")
    app = fastapi.FastAPI()
    done = threading.Event()

    @app.get("/items/{number}")
    async def item(number: int, q: str | None = None) -> Any:
        return {"number": number, "q": q}

    def add(numbers: list[int], tasks: fastapi.BackgroundTasks) -> Any:  # in a thread
        tasks.add_task(done.set)
        return sum(numbers)

    add.__annotations__["tasks"] = fastapi.BackgroundTasks  # a name that only this function knows
    app.post("/sum")(add)
    server = start(ASGIContainer(app))
    assert json.loads(server.request("/items/3?q=x").body) == {"number": 3, "q": "x"}
    assert server.request("/items/three").status == 422
    body = json.dumps(list(range(10_000))).encode()
    answer = server.request("/sum", "POST", body, {"Content-Type": "application/json"})
    assert answer.body == b"49995000"
    wait_until(done.is_set)
    assert "/items/{number}" in json.loads(server.request("/openapi.json").body)["paths"]


@pytest.fixture
def django() -> Iterator[Any]:
    """An ASGI application of Django's."""
    pytest.importorskip("django", reason="needs the package django")
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
    from django.test import override_settings
    from django.urls import path
    from django.utils.functional import empty

    configured = settings.configured
    if not configured:
        settings.configure(SECRET_KEY="not secret", LOGGING_CONFIG=None)

    async def hello(request: Any, name: str) -> Any:
        told = [name, request.GET.get("q", ""), request.META["REMOTE_ADDR"], request.scheme]
        return JsonResponse(told, safe=False)

    def form(request: Any) -> Any:  # in a thread
        return JsonResponse(request.POST.dict())

    async def echo(request: Any) -> Any:
        return HttpResponse(request.body)

    async def stream(request: Any) -> Any:
        async def parts() -> Any:
            for number in range(3):
                yield f"{number},"

        return StreamingHttpResponse(parts())

    async def broken(request: Any) -> Any:
        raise ValueError("in the application")

    urls = [
        path("hello/<path:name>/", hello),
        path("form/", form),
        path("echo/", echo),
        path("stream/", stream),
        path("broken/", broken),
    ]
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    with override_settings(
        ROOT_URLCONF=tuple(urls),
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        DEBUG=False,
    ):
        yield get_asgi_application()
    if not configured:
        settings._wrapped = empty  # others have settings of their own


def test_django(start, django) -> None:
    server = start(ASGIContainer(django), xheaders=True)
    fields = {"X-Real-Ip": "192.0.2.7"}
    told = json.loads(server.request("/hello/J%C3%BCrgen/x/?q=%C3%A4%20b", fields=fields).body)
    assert told == ["Jürgen/x", "ä b", "192.0.2.7", "http"]
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert json.loads(server.request("/form/", "POST", b"a=1&b=%C3%A4", kind).body) == {
        "a": "1",
        "b": "ä",
    }
    assert server.request("/echo/", "POST", LARGE).body == LARGE
    assert server.request("/stream/").body == b"0,1,2,"
    assert server.request("/broken/").status == 500
    assert server.request("/hello").status == 404
    with server.connect() as connection:
        for _ in range(3):
            assert connection.request("/echo/", "POST", b"x").body == b"x"
