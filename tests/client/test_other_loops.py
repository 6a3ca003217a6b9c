"""Clients that are made on one event loop and used on another."""

import asyncio
import gc
from typing import Any

import pytest

from tests.client.scripted import Peer, Server, response
from tests.unit.loops import io_loop
from whirlwind.client import Client, Retry
from whirlwind.httpclient import AsyncHTTPClient, HTTPClientError
from whirlwind.ioloop import IOLoop

__all__ = ["io_loop"]


async def use(client: Any) -> None:
    """Two requests over one connection, and a stream."""
    async with Server() as server:
        for _ in range(2):
            assert (await client.fetch(server.url())).body == b"ok"
        assert len(server.peers) == 1
        async with client.stream(server.url()) as streamed:
            assert await streamed.read() == b"ok"
        assert client.io_loop is IOLoop.current()


@pytest.mark.parametrize("kind", [AsyncHTTPClient, Client])
def test_a_client_goes_where_it_is_used(io_loop: IOLoop, kind: Any) -> None:
    """As a global variable it is made before ``asyncio.run`` makes the loop."""
    client = kind()
    asyncio.run(use(client))
    asyncio.run(use(client))
    io_loop.run_sync(lambda: use(client))
    # This loop has its connection still.
    asyncio.run(use(client))
    io_loop.run_sync(lambda: use(client))
    client.close()
    io_loop.run_sync(lambda: asyncio.sleep(0))
    gc.collect()


def test_settings_go_along(io_loop: IOLoop) -> None:
    async def busy(peer: Peer) -> None:
        await peer.send(response(b"", status="503 Service Unavailable"))

    client = Client(
        max_clients=3, max_per_host=1, max_idle=2, idle_timeout=60, retry=Retry(backoff=0.001)
    )

    async def main() -> None:
        async with Server(busy, busy, busy) as server:
            with pytest.raises(HTTPClientError):
                await client.fetch(server.url())
            assert len(server.requests) == 3
            fetches = [client.fetch(server.url()) for _ in range(3)]
            assert len(client.active) == 1
            await asyncio.gather(*fetches)
        engine = client._engine
        assert (client.max_clients, engine.pool.max_idle, engine.pool.idle_timeout) == (3, 2, 60)

    asyncio.run(main())
    client.close()


def test_what_the_other_loop_had_begun_ends_there(io_loop: IOLoop) -> None:
    client = AsyncHTTPClient(force_instance=True)
    answered = asyncio.Event()

    async def slow(peer: Peer) -> None:
        await answered.wait()
        await peer.send(response(b"late"))

    async def main() -> None:
        async with Server(slow) as server:
            fetching = client.fetch(server.url())
            await asyncio.get_running_loop().run_in_executor(None, asyncio.run, use(client))
            answered.set()
            assert (await fetching).body == b"late"
            await server.peers[0].closed.wait()

    io_loop.run_sync(main)
    client.close()


def test_the_one_on_libcurl_says_that_it_cannot(io_loop: IOLoop) -> None:
    pytest.importorskip("pycurl")
    from whirlwind.curl_httpclient import CurlAsyncHTTPClient

    client = CurlAsyncHTTPClient()

    async def main() -> None:
        with pytest.raises(RuntimeError, match="belongs to another event loop: make it in the"):
            await client.fetch("http://127.0.0.1/")

    asyncio.run(main())
    client.close()
