"""What loop, coroutines and streams say to a program that uses them wrongly."""

import asyncio
import errno
import re
import socket
from pathlib import Path
from typing import Any

import pytest

import whirlwind
from tests.unit.loops import Run, io_loop, run
from whirlwind import gen, netutil
from whirlwind.ioloop import IOLoop, PeriodicCallback
from whirlwind.iostream import IOStream, StreamClosedError
from whirlwind.tcpclient import TCPClient
from whirlwind.tcpserver import TCPServer

__all__ = ["io_loop", "run"]


def unused_address() -> tuple[str, int]:
    """An address where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        name: tuple[str, int] = sock.getsockname()
        return name


class TestBinding:
    def test_an_address_in_use_is_named(self) -> None:
        (sock,) = netutil.bind_sockets(0, "127.0.0.1")
        with sock:
            port = sock.getsockname()[1]
            with pytest.raises(OSError, match=rf"\(127\.0\.0\.1:{port}\)$") as caught:
                netutil.bind_sockets(port, "127.0.0.1")
            assert caught.value.errno == errno.EADDRINUSE

    def test_a_name_without_address_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(*args: Any) -> Any:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(socket.gaierror, match=r"not known: nowhere\.invalid") as caught:
            netutil.bind_sockets(0, "nowhere.invalid")
        assert caught.value.errno == socket.EAI_NONAME

    @pytest.mark.parametrize("port", [-1, 65536, 80000])
    def test_ports(self, port: int) -> None:
        """Some systems cut them to 16 bits and listen elsewhere."""
        with pytest.raises(ValueError, match=f"port must be 0 to 65535, not {port}"):
            netutil.bind_sockets(port, "127.0.0.1")

    def test_unix_sockets(self, tmp_path: Path) -> None:
        missing = str(tmp_path / "missing" / "x")
        with pytest.raises(FileNotFoundError, match=re.escape(repr(missing))):
            netutil.bind_unix_socket(missing)
        with pytest.raises(OSError, match="xxx"):
            netutil.bind_unix_socket("x" * 200)


class TestConnecting:
    def test_the_address_that_refuses_is_named(self, run: Run) -> None:
        host, port = unused_address()

        async def main() -> None:
            with pytest.raises(StreamClosedError, match=rf"closed: .*\({host}:{port}\)") as caught:
                await TCPClient().connect(host, port)
            assert isinstance(caught.value.real_error, ConnectionRefusedError)

        run(main)

    def test_the_name_without_address_is_named(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def unknown(*args: Any, **kwargs: Any) -> Any:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        async def main() -> None:
            client = TCPClient()
            monkeypatch.setattr(client.resolver, "resolve", unknown)
            with pytest.raises(socket.gaierror, match=r"not known: nowhere\.invalid"):
                await client.connect("nowhere.invalid", 80)

        run(main)

    def test_options_that_are_none(self, run: Run) -> None:
        said = "ssl_options must be an ssl.SSLContext or a dict, not bool"
        with pytest.raises(TypeError, match=said):
            TCPServer(ssl_options=True)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=said):
            netutil.ssl_options_to_context(True)  # type: ignore[arg-type]


class TestServing:
    @pytest.mark.parametrize("late", [False, True])
    def test_a_handler_that_fails_keeps_nobody_waiting(
        self, run: Run, caplog: pytest.LogCaptureFixture, late: bool
    ) -> None:
        kept: list[IOStream] = []

        class Server(TCPServer):
            def handle_stream(self, stream: IOStream, address: Any) -> Any:
                kept.append(stream)
                if late:
                    return self.handle(stream)
                raise LookupError("mine")

            async def handle(self, stream: IOStream) -> None:
                await stream.read_until(b"\n")
                raise LookupError("mine")

        async def main() -> None:
            server = Server()
            (sock,) = netutil.bind_sockets(0, "127.0.0.1")
            server.add_socket(sock)
            stream = await TCPClient().connect(*sock.getsockname())
            await stream.write(b"hello\n")
            try:
                assert await stream.read_until_close() == b""
            except StreamClosedError as error:  # a reset: what it had not read was there
                assert isinstance(error.real_error, ConnectionResetError)  # noqa: PT017
            assert kept[0].closed()
            server.stop()

        run(main)
        (record,) = caplog.records
        assert record.exc_info is not None
        assert isinstance(record.exc_info[1], LookupError)

    def test_no_handler(self, run: Run) -> None:
        with pytest.raises(NotImplementedError, match=r"must define handle_stream\(self, stream, "):
            TCPServer().handle_stream(None, None)  # type: ignore[arg-type]


class TestLoop:
    def test_run_sync_where_a_loop_runs(self, run: Run) -> None:
        """It is refused, and leaves nothing behind that would stop the loop."""

        async def main() -> str:
            called: list[str] = []
            for one in (IOLoop.current(), IOLoop(make_current=False)):
                with pytest.raises(RuntimeError, match="in a coroutine, await instead"):
                    one.run_sync(lambda: called.append("run"))
            done = asyncio.Event()
            one.close()
            IOLoop.current().add_callback(done.set)
            await done.wait()
            assert not called
            return "ended"

        assert run(main) == "ended"

    def test_run_sync_wants_a_function(self, io_loop: IOLoop) -> None:
        with pytest.raises(TypeError, match="run_sync needs a function that it calls, not 3"):
            io_loop.run_sync(3)  # type: ignore[arg-type]

    def test_periodic_callbacks(self) -> None:
        with pytest.raises(TypeError, match="PeriodicCallback needs a callable, not None"):
            PeriodicCallback(None, 10)  # type: ignore[arg-type]

    def test_what_cannot_be_yielded(self) -> None:
        with pytest.raises(gen.BadYieldError, match="unknown object 3: not an awaitable"):
            gen.convert_yielded(3)


def test_modules_are_attributes() -> None:
    for name in ("auth", "client", "http1connection", "locale", "template"):
        assert getattr(whirlwind, name).__name__ == f"whirlwind.{name}"
