"""Many requests through a network that delays, cuts and resets: right answers or errors."""

import asyncio
import random
from typing import Any

import pytest

from tests.client.scripted import Peer, Server, client, end
from tests.unit.loops import Run, run
from whirlwind.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError

__all__ = ["run"]


class Weather:
    """Between client and server: passes bytes on in pieces of any size, or does not.

    :arg badness: of 1000 pieces, how many are the last of their connection.
    """

    def __init__(self, port: int, badness: int, seed: int) -> None:
        self.target = port
        self.badness = badness
        self.random = random.Random(seed)
        self.tasks: set[asyncio.Task[Any]] = set()
        self.cuts = 0

    async def __aenter__(self) -> "Weather":
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.server.close()
        await end(self.tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        there = None
        try:
            other, there = await asyncio.open_connection("127.0.0.1", self.target)
            await asyncio.gather(self._pass(reader, there), self._pass(other, writer))
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            for side in (writer, there):
                if side is not None:
                    side.transport.abort()
            self.tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rng = self.random
        while data := await reader.read(rng.choice([1, 7, 100, 65536, 65536, 65536])):
            fate = rng.randrange(1000)
            if fate < self.badness:
                self.cuts += 1
                if fate % 3 == 0:
                    writer.write(data[: len(data) // 2])
                if fate % 2:
                    Peer(reader, writer, 0).reset()
                else:
                    writer.close()
                raise ConnectionAbortedError
            if fate < self.badness + 5:
                await asyncio.sleep(rng.random() * 0.01)
            writer.write(data)
        writer.close()


async def _storm(requests: int, workers: int, badness: int) -> tuple[int, int]:
    async def echo(peer: Peer) -> None:
        target = peer.last.target.encode()  # type: ignore[attr-defined]
        body = b"<%b>" % (target * (len(target) % 7 + 1))
        if len(target) % 2:
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        else:
            await peer.send(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
                % (len(body), body)
            )

    good = bad = 0

    async def work(number: int) -> None:
        nonlocal good, bad
        for i in range(requests // workers):
            target = f"/{number}/{i}/" + "x" * (i % 50)
            post = i % 5 == 0
            try:
                found = await c.fetch(
                    f"http://127.0.0.1:{weather.port}{target}",
                    method="POST" if post else "GET",
                    body=b"y" * i if post else None,
                    request_timeout=10,
                )
            except (HTTPStreamClosedError, HTTPTimeoutError, ConnectionError):
                bad += 1
            else:
                raw = target.encode()
                assert found.body == b"<%b>" % (raw * (len(raw) % 7 + 1))
                good += 1

    async with Server() as server:
        server.answers = _Echo(server, echo)
        async with Weather(server.port, badness, seed=requests) as weather:
            async with client(max_clients=workers) as c:
                await asyncio.gather(*[work(number) for number in range(workers)])
                assert not c.active
    return good, bad


class _Echo(list[Any]):
    def __init__(self, server: Server, answer: Any) -> None:
        super().__init__([answer])
        self.server = server

    def pop(self, index: Any = -1) -> Any:
        request = self.server.requests.pop()
        self.server.peers[request.peer].last = request  # type: ignore[attr-defined]
        return self[0]


def test_a_storm(run: Run) -> None:
    async def main() -> None:
        good, bad = await _storm(1500, 50, badness=10)
        assert good + bad == 1500
        assert good > 1000
        assert bad > 10

    run(main)


def test_fair_weather(run: Run) -> None:
    async def main() -> None:
        assert await _storm(1000, 50, badness=0) == (1000, 0)

    run(main)


@pytest.mark.slow
def test_a_long_storm() -> None:
    async def main() -> None:
        good, bad = await _storm(20_000, 50, badness=10)
        assert good + bad == 20_000
        assert good > 15_000

    asyncio.run(main())
