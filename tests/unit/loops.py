"""Fixtures of the tests of loop and streams: every test that takes one runs on both loops."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest

from whirlwind.ioloop import IOLoop
from whirlwind.iostream import IOStream
from whirlwind.platform.loops import new_event_loop

_T = TypeVar("_T")
Run = Callable[[Callable[[], Awaitable[Any]]], Any]

#: A wait that is this long is a hang; a test that passes never waits for it.
PATIENCE = 60.0


def _new_loop(name: str) -> asyncio.AbstractEventLoop:
    if name == "uvloop":
        pytest.importorskip("uvloop")
        return new_event_loop()
    return asyncio.new_event_loop()


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """A function that runs a coroutine function to its end, on each kind of loop."""

    def run(main: Callable[[], Awaitable[_T]]) -> _T:
        async def bounded() -> _T:
            async with asyncio.timeout(PATIENCE):
                return await main()

        with asyncio.Runner(loop_factory=lambda: _new_loop(request.param)) as runner:
            return runner.run(bounded())

    return run


@pytest.fixture(params=["asyncio", "uvloop"])
def io_loop(request: pytest.FixtureRequest) -> Iterator[IOLoop]:
    """A loop that is current and does not run."""
    loop = IOLoop(make_current=True, asyncio_loop=_new_loop(request.param))
    yield loop
    loop.close(all_fds=True)
    asyncio.set_event_loop(None)


def stream_pair(**options: Any) -> tuple[IOStream, IOStream]:
    """Two connected streams; the options are the second one's."""
    one, other = socket.socketpair()
    return IOStream(one), IOStream(other, **options)


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected TCP sockets: the accepted one and the connecting one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    return accepted, client


class Certificate(NamedTuple):
    """A self-signed certificate for localhost and 127.0.0.1."""

    certfile: str
    keyfile: str

    def server(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self)
        return context

    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=self.certfile)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder: Path = tmp_path_factory.mktemp("tls")
    made = Certificate(str(folder / "cert.pem"), str(folder / "key.pem"))
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-out", made.certfile, "-keyout", made.keyfile),
        ],
        check=True,
        capture_output=True,
    )
    return made
