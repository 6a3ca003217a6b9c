"""The server of a test, and the clients that know it."""

import subprocess
import sys

import pytest

from tests.pytest_plugin.conftest import Run


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_clients(run: Run, loop: str) -> None:
    result = run(
        """
        import pytest
        from whirlwind.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
        from whirlwind.pytest_plugin import RunningServer, Serve, ServedClient, WebSocketConnect

        async def test_client(whirlwind_client: ServedClient):
            fetch = whirlwind_client.fetch
            assert (await fetch("/moved")).body == b"hello"
            assert (await fetch("/moved", follow_redirects=False)).code == 301
            assert (await fetch("/nothing")).code == 404
            assert (await fetch(HTTPRequest("/"))).body == b"hello"
            assert (await fetch("/who")).body == b"nobody"
            await fetch("/", method="POST", body="who=me")
            assert (await fetch("/who")).body == b"me"
            async with whirlwind_client.stream("/") as response:
                assert [chunk async for chunk in response] == [b"hello"]
            with pytest.raises(HTTPClientError):
                await fetch("/nothing", raise_error=True)
            with pytest.raises(ValueError, match="neither a path"):
                fetch("who")

        async def test_cookies_are_those_of_one_test(whirlwind_client):
            assert (await whirlwind_client.fetch("/who")).body == b"nobody"

        async def test_tornado_s(whirlwind_http_client: AsyncHTTPClient, whirlwind_url: str):
            assert (await whirlwind_http_client.fetch("/")).body == b"hello"
            assert (await AsyncHTTPClient().fetch(whirlwind_url + "/")).body == b"hello"
            with pytest.raises(HTTPClientError):
                await whirlwind_http_client.fetch("/nothing")

        def test_plain(whirlwind_client, whirlwind_loop):
            response = whirlwind_loop.run_sync(lambda: whirlwind_client.fetch("/"))
            assert response.body == b"hello"

        async def test_server(
            whirlwind_server: RunningServer, whirlwind_client, whirlwind_url, app
        ):
            assert whirlwind_server.app is app
            assert whirlwind_url == whirlwind_server.url
            assert whirlwind_url == f"http://127.0.0.1:{whirlwind_server.port}"
            assert whirlwind_server.http_server.request_callback is app
            absolute = whirlwind_server.get_url("/who")
            assert (await whirlwind_client.fetch(absolute)).body == b"nobody"
        """,
        f"--whirlwind-loop={loop}",
    )
    result.assert_outcomes(passed=5)


def test_websockets_are_closed_at_the_end(run: Run) -> None:
    result = run(
        """
        import pytest
        from application import Echo
        from whirlwind.websocket import WebSocketError

        async def test_echo(whirlwind_websocket):
            socket = await whirlwind_websocket("/echo")
            await socket.write_message("one")
            assert await socket.read_message() == "one"
            marked = await whirlwind_websocket("/echo", headers={"X-Mark": "!"})
            await marked.write_message("two")
            assert await marked.read_message() == "two!"

        async def test_closed(whirlwind_websocket):
            assert Echo.closed == 2
            with pytest.raises(Exception, match="404"):
                await whirlwind_websocket("/nothing")
            whirlwind_websocket("/echo")
        """
    )
    result.assert_outcomes(passed=2)


def test_https(run: Run) -> None:
    result = run(
        """
        import pytest
        from whirlwind.httpclient import AsyncHTTPClient

        @pytest.fixture(params=[False, True], ids=["http", "https"])
        def whirlwind_https(request):
            return request.param

        async def test_both(
            whirlwind_client, whirlwind_websocket, whirlwind_http_client, whirlwind_url, request
        ):
            scheme = "https" if request.node.name == "test_both[https]" else "http"
            assert whirlwind_url.startswith(scheme + "://127.0.0.1:")
            assert (await whirlwind_client.fetch("/")).body == b"hello"
            assert (await whirlwind_http_client.fetch("/")).body == b"hello"
            socket = await whirlwind_websocket("/echo")
            await socket.write_message("one")
            assert await socket.read_message() == "one"
        """
    )
    result.assert_outcomes(passed=2)


def test_options_of_the_server(run: Run) -> None:
    result = run(
        """
        import pytest

        @pytest.fixture
        def whirlwind_options():
            return {"max_body_size": 10}

        async def test_it(whirlwind_client):
            response = await whirlwind_client.fetch("/", method="POST", body="who=" + "x" * 20)
            assert response.code == 413
        """
    )
    result.assert_outcomes(passed=1)


def test_applications_of_all_kinds(run: Run) -> None:
    result = run(
        """
        import pytest

        log = []

        async def asgi(scope, receive, send):
            if scope["type"] == "lifespan":
                while (message := await receive())["type"]:
                    log.append(message["type"])
                    await send({"type": message["type"] + ".complete"})
                    if message["type"] == "lifespan.shutdown":
                        return
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"asgi"})

        def wsgi(environ, start_response):
            start_response("200 OK", [])
            return [b"wsgi"]

        @pytest.fixture(params=["asgi", "wsgi"])
        def app(request):
            return globals()[request.param]

        async def test_it(whirlwind_client, request):
            body = (await whirlwind_client.fetch("/")).body
            assert f"test_it[{body.decode()}]" == request.node.name

        def test_lifespan():
            assert log == ["lifespan.startup", "lifespan.shutdown"]
        """
    )
    result.assert_outcomes(passed=3)


def test_an_application_that_can_not_start(run: Run) -> None:
    result = run(
        """
        import pytest

        async def refuses(scope, receive, send):
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "no database"})

        @pytest.fixture(params=[refuses, "text"], ids=["asgi", "text"])
        def app(request):
            return request.param

        async def test_it(whirlwind_client):
            pass
        """
    )
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*no database*", "*'text', and no application:*"])


def test_more_servers(run: Run) -> None:
    result = run(
        """
        from application import make_app

        async def test_it(whirlwind_serve, whirlwind_client, whirlwind_url):
            other = await whirlwind_serve(make_app(), https=True)
            assert other.url != whirlwind_url
            assert (await whirlwind_client.fetch(other.get_url("/"))).body == b"hello"

        async def test_without_an_app(whirlwind_serve):
            server = await whirlwind_serve(make_app(), max_body_size=3)
            assert server.http_server
        """
    )
    result.assert_outcomes(passed=2)


def test_the_server_of_a_module(run: Run) -> None:
    result = run(
        """
        import asyncio
        import pytest
        from application import Slow, make_app

        urls = []

        @pytest.fixture(scope="module")
        async def app():
            yield make_app()
            urls.append("end")

        async def test_one(whirlwind_client, whirlwind_url):
            urls.append(whirlwind_url)
            assert (await whirlwind_client.fetch("/")).body == b"hello"

        async def test_two(whirlwind_client, whirlwind_websocket, whirlwind_url):
            assert urls == [whirlwind_url]
            assert (await whirlwind_client.fetch("/")).body == b"hello"
            await whirlwind_websocket("/echo")
        """,
        ini="whirlwind_server_scope = module",
    )
    result.assert_outcomes(passed=2)


def test_a_run_that_is_stopped_ends_its_servers(run: Run) -> None:
    result = run(
        """
        import pytest
        from application import make_app

        @pytest.fixture(scope="session")
        async def app():
            yield make_app()
            print("app ended")

        async def test_one(whirlwind_client, whirlwind_websocket):
            await whirlwind_websocket("/echo")
            assert 0

        async def test_two(whirlwind_client):
            pass
        """,
        "-x",
        "-s",
        ini="whirlwind_server_scope = session",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*app ended*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.no_fnmatch_line("*RuntimeError*")


def test_what_is_open_at_the_end_is_no_leak(run: Run) -> None:
    result = run(
        """
        import asyncio
        import urllib.request
        import pytest
        from application import Echo, Hello
        from whirlwind import gen, sse, web
        from whirlwind.client import HTTPTimeoutError
        from whirlwind.httpclient import AsyncHTTPClient

        class Events(web.RequestHandler):
            async def get(self):
                async with sse.EventStream(self) as stream:
                    while True:
                        await stream.send("x")
                        await asyncio.sleep(0.001)

        class Slow(web.RequestHandler):
            cancelled = 0

            async def get(self):
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    Slow.cancelled += 1
                    raise

        class Ticking(Echo):
            ping_interval = 1

        @pytest.fixture
        def app():
            return web.Application(
                [("/events", Events), ("/slow", Slow), ("/socket", Ticking), ("/", Hello)]
            )

        async def test_stream(whirlwind_client, whirlwind_url):
            waiting = AsyncHTTPClient().fetch(whirlwind_url + "/events")
            async with whirlwind_client.stream("/events") as response:
                async for chunk in response:
                    break
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

        async def test_socket(whirlwind_websocket):
            socket = await whirlwind_websocket("/socket", ping_interval=1)
            await socket.write_message("x" * 100_000)

        async def test_requests(whirlwind_client):
            whirlwind_client.fetch("/")
            whirlwind_client.fetch("/events")
            await whirlwind_client.fetch("/")

        async def test_a_handler_that_waits(whirlwind_client):
            with pytest.raises(HTTPTimeoutError):
                await whirlwind_client.fetch("/slow", request_timeout=0.1)

        def test_it_was_cancelled():
            assert Slow.cancelled == 1

        async def test_a_client_in_a_thread(whirlwind_url):
            def fetch():
                with urllib.request.urlopen(whirlwind_url) as response:
                    return response.read()
            assert await asyncio.to_thread(fetch) == b"hello"
        """
    )
    result.assert_outcomes(passed=6)


def test_without_an_application(run: Run) -> None:
    result = run("async def test_it(whirlwind_client): pass", conftest="")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*# app is a fixture that you define*", "E       fixture 'app' not found"]
    )


def test_pytest_starts_without_the_rest_of_whirlwind() -> None:
    code = (
        "import sys, whirlwind.pytest_plugin.plugin;"
        "print(*(m for m in sys.modules if m.partition('.')[0] in ('whirlwind', 'asyncio')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {
        "whirlwind",
        "whirlwind._build",
        "whirlwind._version",
        "whirlwind.pytest_plugin",
        "whirlwind.pytest_plugin.marks",
        "whirlwind.pytest_plugin.plugin",
    }
