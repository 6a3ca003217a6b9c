"""``io_loop=``: accepted if it is the current loop."""

import asyncio
import inspect
import socket
from typing import Any

import pytest

from tests.legacy.test_stream_callbacks import Calls
from tests.unit.loops import Run, io_loop, run
from whirlwind import autoreload, gen, legacy, netutil, websocket
from whirlwind.httpclient import AsyncHTTPClient, HTTPRequest
from whirlwind.httpserver import HTTPServer
from whirlwind.ioloop import IOLoop, PeriodicCallback
from whirlwind.iostream import IOStream
from whirlwind.legacy import warning
from whirlwind.locks import Condition
from whirlwind.log import app_log
from whirlwind.process import Subprocess
from whirlwind.simple_httpclient import SimpleAsyncHTTPClient
from whirlwind.tcpclient import TCPClient
from whirlwind.tcpserver import TCPServer
from whirlwind.testing import AsyncHTTPTestCase, ExpectLog, bind_unused_port
from whirlwind.web import Application, RequestHandler
from whirlwind.websocket import WebSocketClientConnection, WebSocketHandler

__all__ = ["io_loop", "run"]


def make_everything(loop: Any) -> dict[str, Any]:
    """Calls that took a loop, by name and, where there was a place for it, by position."""
    client: Any = SimpleAsyncHTTPClient
    plain: Any = AsyncHTTPClient
    stream: Any = IOStream
    tcp_server: Any = TCPServer
    http_server: Any = HTTPServer
    tcp_client: Any = TCPClient
    periodic: Any = PeriodicCallback
    subprocess: Any = Subprocess
    resolver: Any = netutil.Resolver
    threaded: Any = netutil.ThreadedResolver
    blocking: Any = netutil.BlockingResolver

    def make_stream(*args: Any, **kwargs: Any) -> None:
        with socket.socket() as sock:
            stream(sock, *args, **kwargs).close()

    def server(app: Any, *args: Any, **kwargs: Any) -> Any:
        made = http_server(app, *args, **kwargs)
        assert not made.xheaders or args[-1] is True
        return made

    def run_true(**kwargs: Any) -> None:
        subprocess(["true"], **kwargs).proc.wait()

    return {
        "IOStream name": lambda: make_stream(io_loop=loop),
        "IOStream place": lambda: make_stream(loop, 1000),
        "TCPServer name": lambda: tcp_server(io_loop=loop),
        "TCPServer place": lambda: tcp_server(loop, None, 1000),
        "HTTPServer name": lambda: server(print, io_loop=loop),
        "HTTPServer place": lambda: server(print, True, loop, True),
        "Application.listen": lambda: Application().listen(0, "127.0.0.1", io_loop=loop).stop(),  # type: ignore[arg-type]
        "TCPClient name": lambda: tcp_client(io_loop=loop).close(),
        "TCPClient place": lambda: tcp_client(None, loop).close(),
        "AsyncHTTPClient name": lambda: plain(io_loop=loop, force_instance=True).close(),
        "AsyncHTTPClient place": lambda: plain(loop, True).close(),
        "SimpleAsyncHTTPClient": lambda: client(loop, force_instance=True, max_clients=3).close(),
        "PeriodicCallback name": lambda: periodic(print, 1000, io_loop=loop),
        "PeriodicCallback place": lambda: periodic(print, 1000, loop),
        "Subprocess": lambda: run_true(io_loop=loop),
        "Subprocess.initialize": lambda: subprocess.initialize(loop),
        "Subprocess.initialize name": lambda: subprocess.initialize(io_loop=loop),
        "Resolver name": lambda: resolver(io_loop=loop).close(),
        "ThreadedResolver": lambda: threaded(io_loop=loop, num_threads=3).close(),
        "BlockingResolver": lambda: blocking(loop).close(),
        "with_timeout name": lambda: gen.with_timeout(1e12, gen.moment, io_loop=loop),  # type: ignore[call-arg]
        "with_timeout place": lambda: gen.with_timeout(1e12, gen.moment, loop, ()),  # type: ignore[arg-type]
    }


EVERYTHING = sorted(make_everything(None))


@pytest.mark.parametrize("name", EVERYTHING)
def test_the_current_loop_is_accepted_and_no_other(io_loop: IOLoop, name: str) -> None:
    make_everything(io_loop)[name]()
    other = IOLoop(make_current=False)
    with pytest.raises(RuntimeError, match=r"io_loop of .* is not the current loop"):
        make_everything(other)[name]()
    other.close()


@pytest.mark.parametrize("name", [n for n in EVERYTHING if "name" in n])
def test_none_and_nonsense(io_loop: IOLoop, name: str) -> None:
    make_everything(None)[name]()
    with pytest.raises(TypeError, match="must be an IOLoop, not 17"):
        make_everything(17)[name]()


def test_the_loop_that_is_given_is_the_one_that_is_used(run: Run) -> None:
    async def main() -> None:
        loop = IOLoop.current()
        made: list[Any] = [TCPServer(), HTTPServer(print), TCPClient(), Condition()]
        assert all(thing.io_loop is loop for thing in made)

        class Server(TCPServer):
            def __init__(self, io_loop: Any = None) -> None:
                super().__init__(io_loop=io_loop)  # type: ignore[call-arg]
                self.io_loop = io_loop or "its own"

        servers: list[Any] = [Server(loop), Server()]
        assert [server.io_loop for server in servers] == [loop, "its own"]

        ticks = Calls()
        periodic: Any = PeriodicCallback
        ticker = periodic(ticks, 1, loop)
        ticker.start()
        assert ticker.jitter == 0
        await ticks.get(2)
        ticker.stop()
        assert PeriodicCallback(print, 1000, 0.5).jitter == 0.5

    run(main)


def test_todays_forms_stay_what_they_are(
    io_loop: IOLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warning, "_told", set())
    stream = IOStream(socket.socket(), 1000, 100, 10)
    found = (stream.max_buffer_size, stream.read_chunk_size, stream.max_write_buffer_size)
    assert found == (1000, 100, 10)
    stream.close()
    assert HTTPServer(print, True, True).xheaders
    resolver = netutil.BlockingResolver()
    assert TCPClient(resolver).resolver is resolver
    client: Any = AsyncHTTPClient(force_instance=True)
    assert AsyncHTTPClient() is AsyncHTTPClient() is not client
    client.close()
    assert netutil.ThreadedResolver(num_threads=2).executor is not None
    assert warning._told == set()


def test_kinds_of_clients_and_resolvers_that_insist_on_a_loop(io_loop: IOLoop) -> None:
    class Client(SimpleAsyncHTTPClient):
        def initialize(self, io_loop: IOLoop, defaults: Any = None, **kwargs: Any) -> None:  # type: ignore[override]
            super().initialize(io_loop, defaults=defaults, **kwargs)  # type: ignore[arg-type]
            self.given = io_loop

    class Resolver(netutil.Resolver):
        def initialize(self, io_loop: IOLoop | None = None) -> None:  # type: ignore[override]
            self.given = io_loop

    made: list[Any] = [
        Client(force_instance=True),
        Client(io_loop, force_instance=True, max_clients=3),  # type: ignore[misc, arg-type]
        Client(),
    ]
    saved = AsyncHTTPClient._save_configuration()
    AsyncHTTPClient.configure(Client, max_clients=5)
    made.append(AsyncHTTPClient(force_instance=True))
    AsyncHTTPClient._restore_configuration(saved)
    assert all(client.given is io_loop is client.io_loop for client in made)
    for client in made:
        client.close()
    resolvers: list[Any] = [Resolver(), Resolver(io_loop), Resolver(io_loop=None)]
    assert all(resolver.given is io_loop for resolver in resolvers)


class Echo(WebSocketHandler):
    def on_message(self, message: Any) -> None:
        self.write_message(message)


def test_websocket_connect(run: Run) -> None:
    async def main() -> None:
        loop = IOLoop.current()
        server = HTTPServer(Application([("/", Echo)]))
        sock, port = bind_unused_port()
        server.add_socket(sock)
        url = f"ws://127.0.0.1:{port}/"
        connect: Any = websocket.websocket_connect
        calls = Calls()
        for args, kwargs in (
            ((loop, calls), {}),
            ((None, calls), {}),
            ((calls,), {}),
            ((), {"io_loop": loop, "callback": calls}),
            ((loop, calls, 10), {}),
            ((loop,), {"callback": calls, "connect_timeout": 10}),
        ):
            calls.seen.clear()
            connection = await connect(url, *args, **kwargs)
            (future,) = await calls.get(1)
            assert future.result() is connection
            connection.write_message("hello")
            assert await connection.read_message() == "hello"
            connection.close()
        messages = Calls()
        connection = await connect(url, loop, None, 10, messages)
        connection.write_message("hello")
        assert await messages.get(1) == ["hello"]
        connection.close()
        (await connect(url, None, 10)).close()
        given: Any = WebSocketClientConnection
        connection = given(loop, HTTPRequest(url))
        await connection.connect_future
        connection.close()
        server.stop()
        await server.close_all_connections()
        other = IOLoop(make_current=False)
        with pytest.raises(RuntimeError, match="io_loop of websocket_connect"):
            connect(url, other)
        other.close()

    run(main)


def test_add_accept_handler_and_autoreload(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        loop = IOLoop.current()
        calls = Calls()
        add: Any = netutil.add_accept_handler
        for args in ((loop,), ()):
            sock, port = bind_unused_port()
            remove = add(sock, calls, *args)
            calls.seen.clear()
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            ((accepted, _),) = await calls.get(1)
            accepted.close()
            writer.close()
            remove()
            sock.close()

    run(main)
    legacy.uninstall()
    started: list[Any] = []
    monkeypatch.setattr(autoreload, "start", lambda check_time=500: started.append(check_time))
    legacy.install()
    start: Any = autoreload.start
    loop = IOLoop()
    start(loop, 300)
    start(io_loop=loop)
    start(100)
    loop.close()
    assert started == [300, 500, 100]
    legacy.uninstall()


class OldTestCase(AsyncHTTPTestCase):
    """A test case that hands its loop around and waits with ``stop`` and ``wait``."""

    def get_app(self) -> Application:
        class Hello(RequestHandler):
            def get(self) -> None:
                self.write("hello")

        return Application([("/", Hello)])

    def test_stop_and_wait(self) -> None:
        client: Any = AsyncHTTPClient(io_loop=self.io_loop)  # type: ignore[call-arg]
        client.fetch(self.get_url("/"), self.stop)
        assert self.wait().body == b"hello"
        client.fetch(self.get_url("/missing"), callback=self.stop)
        assert self.wait().code == 404

    def test_a_wait_that_times_out_says_what_a_callback_raised(self) -> None:
        def fail(word: str) -> None:
            assert word == "something else"

        with pytest.raises(self.failureException, match="timed out"):
            self.wait(timeout=0.01)
        self.io_loop.add_callback(fail, "a word")
        with ExpectLog(app_log, "Exception in callback"):
            with pytest.raises(AssertionError, match="something else"):
                self.wait(timeout=0.01)
        self.io_loop.add_callback(fail, "a word")
        self.io_loop.add_callback(self.stop, "in time")
        with ExpectLog(app_log, "Exception in callback"):
            assert self.wait() == "in time"


def test_without_them_a_loop_is_a_type_error(io_loop: IOLoop) -> None:
    legacy.uninstall()
    calls = make_everything(io_loop)
    for name in EVERYTHING:
        if "name" in name and not name.startswith("Subprocess"):
            with pytest.raises(TypeError, match="io_loop"):
                calls[name]()
    assert not hasattr(TCPServer(), "io_loop")
    plain = websocket.websocket_connect
    legacy.install()
    assert websocket.websocket_connect is not plain
    assert inspect.signature(websocket.websocket_connect) == inspect.signature(plain)
