"""Bytes straight into a transport's socket: `whirlwind.platform.sockets`."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from whirlwind.platform.sockets import offer, plain_socket

WIRE = Path(__file__).parent.parent / "wire"


def _uvloop() -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = pytest.importorskip("uvloop").new_event_loop()
    return loop


@pytest.mark.parametrize("make", [asyncio.SelectorEventLoop, _uvloop])
def test_sockets_of_transports(make: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(WIRE / "test.crt", WIRE / "test.key")
        trusting = ssl.create_default_context(cafile=str(WIRE / "test.crt"))
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        secure = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=context)
        address = server.sockets[0].getsockname()
        plain, _ = await loop.create_connection(asyncio.Protocol, *address)
        descriptor = plain_socket(plain, True)
        with socket.socket(fileno=os.dup(descriptor)) as found:
            assert found.getpeername() == address
        tls, _ = await loop.create_connection(
            asyncio.Protocol,
            *secure.sockets[0].getsockname(),
            ssl=trusting,
            server_hostname="localhost",
        )
        # Plain Python is slower than a transport in C.
        assert plain_socket(plain, False) == (-1 if make is _uvloop else descriptor)
        assert plain_socket(tls, True) == plain_socket(asyncio.Transport(), True) == -1
        for transport in (plain, tls):
            transport.abort()
        server.close()
        secure.close()

    with asyncio.Runner(loop_factory=make) as runner:
        runner.run(main())


def test_offer() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.setblocking(False)
        assert offer(one.fileno(), b"abc") == 3
        assert other.recv(10) == b"abc"
        sent = taken = offer(one.fileno(), b"x" * 10_000_000)
        assert 0 < taken < 10_000_000
        while taken:
            taken = offer(one.fileno(), b"x" * 10_000)
            sent += taken
        assert offer(one.fileno(), b"x" * 10_000) == 0
        other.close()
        assert offer(one.fileno(), b"x") == 0
