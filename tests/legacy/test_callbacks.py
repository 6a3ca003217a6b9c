"""``callback=`` of fetches, handlers, resolvers and executors."""

import asyncio
import inspect
import logging
import socket
import ssl
import struct
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

import whirlwind.concurrent
from tests.legacy.test_stream_callbacks import Calls
from tests.unit.loops import Run, io_loop, run
from whirlwind import gen, legacy, netutil, simple_httpclient, web
from whirlwind.auth import TwitterMixin
from whirlwind.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from whirlwind.httpserver import HTTPServer
from whirlwind.ioloop import IOLoop
from whirlwind.legacy import warning
from whirlwind.legacy.contexts import ExceptionStackContext
from whirlwind.process import Subprocess
from whirlwind.testing import bind_unused_port
from whirlwind.web import Application, RequestHandler

__all__ = ["io_loop", "run"]


class Hello(RequestHandler):
    def get(self) -> None:
        self.write("hello")


class Pieces(RequestHandler):
    """Flushes with callbacks, and says what it got."""

    def get(self) -> None:
        self._auto_finish = False
        self.left = 3
        self.step()

    def step(self, *args: object) -> None:
        assert args == ()
        if not self.left:
            self.finish("end")
            return
        self.write(f"{self.left},")
        self.left -= 1
        if self.left:
            assert self.flush(callback=self.step) is None  # type: ignore[call-arg]
        else:
            assert self.flush(False, self.step) is None  # type: ignore[call-arg]


async def start_server(*routes: Any) -> tuple[HTTPServer, str]:
    server = HTTPServer(Application([("/", Hello), ("/pieces", Pieces), *routes]))
    sock, port = bind_unused_port()
    server.add_socket(sock)
    return server, f"http://127.0.0.1:{port}"


async def end(server: HTTPServer) -> None:
    AsyncHTTPClient().close()
    server.stop()
    await server.close_all_connections()


@pytest.mark.parametrize("as_request", [True, False])
@pytest.mark.parametrize("by_name", [True, False])
def test_fetch_gives_the_callback_a_response_whatever_happens(
    run: Run, by_name: bool, as_request: bool
) -> None:
    async def main() -> None:
        server, url = await start_server()
        client: Any = AsyncHTTPClient()
        calls = Calls()
        sock, closed_port = bind_unused_port()
        sock.close()

        def fetch(url: str, **arguments: Any) -> Any:
            request: Any = url
            if as_request:
                request, arguments = HTTPRequest(url, **arguments), {}
            if by_name:
                return client.fetch(request, callback=calls, **arguments)
            return client.fetch(request, calls, **arguments)

        assert (await fetch(f"{url}/", method="GET")).body == b"hello"
        with pytest.raises(HTTPClientError):
            await fetch(f"{url}/missing")
        fetch(f"http://127.0.0.1:{closed_port}/")
        fetch("gopher://127.0.0.1/")
        fetch(f"{url}/", method="POST")
        responses = await calls.get(5)
        found = sorted((r.code, type(r.error).__name__) for r in responses)
        assert found == [
            (200, "NoneType"),
            (404, "HTTPClientError"),
            (599, "ConnectionRefusedError"),
            (599, "ValueError"),
            (599, "ValueError"),
        ]
        assert all(isinstance(r.request, HTTPRequest) and r.request_time >= 0 for r in responses)
        with pytest.raises(ConnectionRefusedError):
            next(r for r in responses if isinstance(r.error, OSError)).rethrow()
        await end(server)

    run(main)


def test_fetch_in_todays_form_stays_what_it_is(run: Run) -> None:
    async def main() -> None:
        server, url = await start_server()
        client: Any = AsyncHTTPClient()
        calls = Calls()
        for args in ((), (True,), (None,)):  # None was the callback that there is not
            with pytest.raises(HTTPClientError):
                await client.fetch(f"{url}/missing", *args)
        assert (await client.fetch(f"{url}/missing", False)).code == 404
        assert (await client.fetch(f"{url}/missing", raise_error=False)).code == 404
        assert (await client.fetch(f"{url}/missing", calls, False)).code == 404
        assert (await client.fetch(f"{url}/missing", callback=calls, raise_error=False)).code == 404
        assert (await client.fetch(f"{url}/", callback=None)).body == b"hello"
        assert [response.code for response in await calls.get(2)] == [404, 404]
        for arguments in ({}, {"callback": print}):
            with pytest.raises(ValueError, match="kwargs can't be used"):
                client.fetch(HTTPRequest(url), method="GET", **arguments)
            with pytest.raises(TypeError, match="nonsense"):
                client.fetch(url, nonsense=1, **arguments)
        await end(server)

    run(main)


def test_an_exception_of_a_callback_is_logged_or_handled(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        server, url = await start_server()
        client: Any = AsyncHTTPClient()
        calls = Calls()

        def fail(response: Any) -> None:
            calls(response.code)
            raise ValueError("a callback failed")

        client.fetch(url, fail)
        await calls.get(1)
        errors = [r for r in caplog.records if r.levelno >= logging.ERROR]
        assert len(errors) == 1
        assert errors[0].message.startswith("Exception in callback")
        caplog.clear()

        def handle(typ: Any, value: Any, traceback: Any) -> bool:
            calls(str(value))
            return True

        with ExceptionStackContext(handle):
            client.fetch(url, fail)
        assert await calls.get(3) == [200, 200, "a callback failed"]
        assert not [r for r in caplog.records if r.levelno >= logging.ERROR]
        await end(server)

    run(main)


def test_flush_calls_back(run: Run) -> None:
    async def main() -> None:
        server, url = await start_server()
        response = await AsyncHTTPClient().fetch(f"{url}/pieces")
        assert response.body == b"3,2,1,end"
        await end(server)

    run(main)


def test_a_client_that_goes_away_is_no_error(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        begun, gone = asyncio.Event(), asyncio.Event()
        called = Calls()

        class Slow(RequestHandler):
            def get(self) -> None:
                self._auto_finish = False
                begun.set()

            def on_connection_close(self) -> None:
                self.write("too late")
                self.flush(callback=called)  # type: ignore[call-arg]
                gone.set()

        server, url = await start_server(("/slow", Slow))
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await begun.wait()
        # With a reset, so that nobody can take it for half a close.
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
        await gone.wait()
        await asyncio.sleep(0)
        assert called.seen == []
        assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
        await end(server)

    run(main)


def test_resolvers_call_back(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        calls = Calls()
        own = netutil.BlockingResolver()
        resolvers: list[Any] = [
            netutil.Resolver(),
            own,
            netutil.ThreadedResolver(),
            netutil.DefaultExecutorResolver(),
            netutil.OverrideResolver(own, {"here": "127.0.0.1"}),
        ]
        expected = [(socket.AF_INET, ("127.0.0.1", 80))]
        for number, resolver in enumerate(resolvers):
            host = "here" if number == 4 else "127.0.0.1"
            family = socket.AF_UNSPEC
            assert await resolver.resolve(host, 80, callback=calls) == expected
            assert await resolver.resolve(host, 80, family, calls) == expected
            assert await resolver.resolve(host, 80, family) == expected
            assert await calls.get(2 * number + 2) == [expected] * (2 * number + 2)
        with pytest.raises(socket.gaierror):
            await resolvers[1].resolve("no.such.name.invalid", 80, callback=calls)
        await asyncio.sleep(0)
        assert len(calls.seen) == 10
        assert "Exception in callback" in caplog.records[-1].message

    run(main)


def test_executors_call_back(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    class Worker:
        executor = ThreadPoolExecutor(1)

        @whirlwind.concurrent.run_on_executor
        def double(self, number: int) -> int:
            return 2 * number

        @whirlwind.concurrent.run_on_executor(executor="executor", io_loop="io_loop")
        def triple(self, number: int) -> int:
            return 3 * number

        @whirlwind.concurrent.run_on_executor
        def own(self, callback: Any) -> Any:
            return callback(1)

        @whirlwind.concurrent.run_on_executor
        def fail(self) -> None:
            raise ValueError("the work failed")

    async def main() -> None:
        worker: Any = Worker()
        calls = Calls()
        assert await worker.double(2, callback=calls) == 4
        assert await worker.triple(2, callback=calls) == 6
        assert await worker.double(3, callback=None) == 6
        assert await calls.get(2) == [4, 6]
        assert await worker.own(callback=lambda x: x) == 1
        with pytest.raises(ValueError, match="the work failed"):
            await worker.fail(callback=calls)
        await asyncio.sleep(0)
        assert len(calls.seen) == 2
        assert "Exception in callback" in caplog.records[-1].message

    run(main)
    Worker.executor.shutdown()


def test_debug_mode_names_the_caller_of_a_coroutine(run: Run) -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_debug(True)

        @gen.coroutine
        def wait() -> Any:
            yield gen.moment

        future = wait()
        assert f"created at {__file__}:" in repr(future)
        await future

    run(main)


def test_exit_callbacks(run: Run) -> None:
    async def main() -> None:
        calls = Calls()

        def handle(typ: Any, value: Any, traceback: Any) -> bool:
            calls(str(value))
            return True

        def fail(status: int) -> None:
            raise ValueError(status)

        process = Subprocess(["sh", "-c", "exit 3"])
        process.set_exit_callback(calls)
        with ExceptionStackContext(handle):
            process.set_exit_callback(fail)
        assert await calls.get(1) == ["3"]

    run(main)


def test_each_kind_is_warned_of_once_at_the_line_that_does_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warning, "_told", set())

    async def main() -> None:
        server, url = await start_server()
        client: Any = AsyncHTTPClient()
        calls = Calls()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            client.fetch(f"{url}/pieces", calls)
            line = inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]
            client.fetch(f"{url}/pieces", callback=calls)
            await calls.get(2)
        await end(server)
        found = {(str(w.message).partition(" is a form")[0], w.filename) for w in caught}
        assert found == {
            ("callback= of AsyncHTTPClient.fetch", __file__),
            ("callback= of RequestHandler.flush", __file__),
        }
        assert len(caught) == 2
        assert caught[0].lineno == line

    run(main)


def test_calls_in_todays_form_warn_of_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warning, "_told", set())

    async def main() -> None:
        server, url = await start_server()
        await AsyncHTTPClient().fetch(url)
        await netutil.Resolver().resolve("127.0.0.1", 80)
        await end(server)

    run(main)  # warnings are errors here
    assert warning._told == set()


def test_without_them_a_callback_is_a_type_error(io_loop: IOLoop) -> None:
    legacy.uninstall()
    client: Any = AsyncHTTPClient(force_instance=True)
    resolver: Any = netutil.Resolver()

    for call in (
        lambda: client.fetch("http://127.0.0.1/", callback=print),
        lambda: resolver.resolve("127.0.0.1", 80, callback=print),
        lambda: RequestHandler.flush(None, callback=print),  # type: ignore[call-arg, arg-type]
    ):
        with pytest.raises(TypeError, match="callback"):
            call()  # type: ignore[no-untyped-call]
    client.close()


def test_private_names_that_programs_use(monkeypatch: pytest.MonkeyPatch) -> None:
    private: Any = simple_httpclient
    monkeypatch.setitem(sys.modules, "certifi", SimpleNamespace(where=lambda: "/their/file.pem"))
    assert private._default_ca_certs() == "/their/file.pem"
    monkeypatch.setitem(sys.modules, "certifi", None)
    assert private._default_ca_certs() == ssl.get_default_verify_paths().cafile
    legacy.uninstall()
    assert not hasattr(simple_httpclient, "_default_ca_certs")


def test_the_signatures_stay_those_of_today() -> None:
    methods = [
        (AsyncHTTPClient, "fetch"),
        (RequestHandler, "flush"),
        (netutil.Resolver, "resolve"),
        (TwitterMixin, "twitter_request"),
        (web.Application, "listen"),
    ]
    installed = [inspect.signature(getattr(owner, name)) for owner, name in methods]
    legacy.uninstall()
    assert installed == [inspect.signature(getattr(owner, name)) for owner, name in methods]
