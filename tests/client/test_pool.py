"""Connections that are kept: which are used again, when they close, and what crosses a close."""

import asyncio
import gc
import socket
import subprocess
import sys
import threading
import time
import weakref
from typing import Any

import pytest

from tests.client.scripted import CLOSE, OK, Peer, Server, client, response, soon
from tests.unit.loops import Run, run
from whirlwind.httpclient import AsyncHTTPClient, HTTPClient
from whirlwind.ioloop import IOLoop
from whirlwind.simple_httpclient import HTTPStreamClosedError

__all__ = ["run"]


def peers(server: Server) -> list[int]:
    """Which connection each request came over."""
    return [request.peer for request in server.requests]


class TestReuse:
    def test_what_was_answered_is_free_when_nobody_has_it_any_more(self, run: Run) -> None:
        async def main() -> None:
            async with Server(response(b"x" * 9, "Connection: close"), OK, OK) as server:
                async with client() as c:
                    gc.collect()
                    gc.disable()
                    try:
                        answers = [weakref.ref(await c.fetch(server.url())) for _ in range(3)]
                        await asyncio.sleep(0)
                        assert [answer() for answer in answers] == [None, None, None]
                    finally:
                        gc.enable()

        run(main)

    def test_one_after_the_other(self, run: Run) -> None:
        async def main() -> None:
            chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
            answers: list[Any] = [OK, chunked, response(status="204 No", length=False), OK]
            async with Server(*answers) as server, client() as c:
                for method in ("GET", "POST", "HEAD", "PUT"):
                    body = b"x" if method in ("POST", "PUT") else None
                    if method == "HEAD":
                        server.answers[0] = response(b"", "Content-Length: 5", length=False)
                    await c.fetch(server.url(), method=method, body=body)
                assert peers(server) == [0, 0, 0, 0]

        run(main)

    def test_at_the_same_time(self, run: Run) -> None:
        async def main() -> None:
            async with Server() as server, client(max_clients=3) as c:
                for _ in range(3):
                    await asyncio.gather(*[c.fetch(server.url()) for _ in range(6)])
                assert len(server.peers) == 3
                # The one that was used last goes first.
                last = server.requests[-1].peer
                await c.fetch(server.url())
                await c.fetch(server.url())
                assert peers(server)[-2:] == [last, last]

        run(main)

    @pytest.mark.parametrize(
        "answer",
        [
            response(b"ok", "Connection: close"),
            response(b"ok", "Connection: x, Close"),
            b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
            [response(b"ok", length=False), CLOSE],
        ],
    )
    def test_what_is_not_kept(self, run: Run, answer: Any) -> None:
        async def main() -> None:
            async with Server(answer) as server, client() as c:
                await c.fetch(server.url())
                await c.fetch(server.url())
                assert peers(server) == [0, 1]

        run(main)

    def test_1_0_that_asks_for_it(self, run: Run) -> None:
        async def main() -> None:
            keep = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"
            async with Server(keep) as server, client() as c:
                await c.fetch(server.url())
                await c.fetch(server.url())
                assert peers(server) == [0, 0]

        run(main)

    def test_a_request_that_says_close(self, run: Run) -> None:
        async def main() -> None:
            async with Server() as server, client() as c:
                await c.fetch(server.url(), headers={"Connection": "close"})
                await server.peers[0].closed.wait()
                await c.fetch(server.url())
                assert peers(server) == [0, 1]

        run(main)

    def test_options_that_must_agree(self, run: Run) -> None:
        async def main() -> None:
            async with Server() as server, client() as c:
                for options in (
                    {},
                    {"network_interface": "127.0.0.1"},
                    {"allow_ipv6": False},
                    {"allow_ipv6": True},
                ):
                    await c.fetch(server.url(), **options)  # type: ignore[arg-type]
                # Another name is another origin, wherever it leads.
                await c.fetch(server.url(host="localhost"), allow_ipv6=False)
                assert peers(server) == [0, 1, 2, 3, 4]
                await c.fetch(server.url("/other?x"), user_agent="y", request_timeout=3)
                assert peers(server)[-1] == 0

        run(main)


class TestIdle:
    def test_for_too_long(self, run: Run) -> None:
        async def main() -> None:
            async with Server() as server, client() as c:
                c._engine.pool.idle_timeout = 0.03
                await c.fetch(server.url())
                assert len(c._engine.pool) == 1
                await server.peers[0].closed.wait()
                assert len(c._engine.pool) == 0
                await c.fetch(server.url())
                assert peers(server) == [0, 1]

        run(main)

    def test_too_many(self, run: Run) -> None:
        async def main() -> None:
            async with Server() as server, client(max_clients=5) as c:
                c._engine.pool.max_idle = 2
                await asyncio.gather(*[c.fetch(server.url()) for _ in range(5)])
                await soon(lambda: sum(peer.closed.is_set() for peer in server.peers) == 3)
                assert len(c._engine.pool) == 2

        run(main)

    def test_closed_by_the_server(self, run: Run) -> None:
        async def main() -> None:
            async with Server(*[[OK, CLOSE]] * 5) as server, client() as c:
                for _ in range(3):
                    await c.fetch(server.url())
                    await soon(lambda: len(c._engine.pool) == 0)
                for _ in range(2):
                    await c.fetch(server.url())
                assert len(server.peers) == 5

        run(main)

    def test_closing_the_client(self, run: Run) -> None:
        async def main() -> None:
            gate = asyncio.Event()

            async def hold(peer: Peer) -> None:
                await gate.wait()
                await peer.send(OK)

            async with Server(OK, hold) as server:
                async with client(max_clients=1) as c:
                    await c.fetch(server.url())
                    pending = c.fetch(server.url())
                    queued = [c.fetch(server.url()) for _ in range(3)]
                    await soon(lambda: len(server.requests) == 2)
                    c.close()
                    gate.set()
                    # What was asked for before is still answered.
                    for future in (pending, *queued):
                        assert (await future).body == b"ok"
                    assert len(c._engine.pool) == 0

        run(main)


class ThreadedServer:
    """A server in a thread of its own, so that a test can stop the client's loop meanwhile."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.requests: list[bytes] = []
        self.close_now = threading.Event()
        self.closed = threading.Event()
        self.reads_first = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        first, _ = self.listener.accept()
        self._exchange(first)
        if self.reads_first:
            self.requests.append(first.recv(65536))
        else:
            self.close_now.wait(60)
        first.close()
        self.closed.set()
        try:
            second, _ = self.listener.accept()
        except OSError:
            return
        self._exchange(second)
        second.close()

    def _exchange(self, sock: socket.socket) -> None:
        self.requests.append(sock.recv(65536))
        sock.sendall(OK)

    def stop(self) -> None:
        # To close a listener does not wake who accepts on it.
        with socket.socket() as waker:
            waker.connect_ex(self.listener.getsockname())
            waker.close()
        self.listener.close()
        self.thread.join(20)


class TestCrossing:
    """The server closes a connection while a request is on its way."""

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
    def test_what_cannot_have_arrived_is_sent_again(self, run: Run, method: str) -> None:
        server = ThreadedServer()

        async def main() -> None:
            async with client() as c:
                await c.fetch(server.url)
                # The loop is not told of the end of the connection before it sends.
                server.close_now.set()
                server.closed.wait(60)
                time.sleep(0.01)  # noqa: ASYNC251  (the loop must not see it)
                found = await c.fetch(
                    server.url, method=method, body=b"x" if method == "PUT" else None
                )
                assert found.code == 200
            assert len(server.requests) == 2

        try:
            run(main)
        finally:
            server.stop()

    def test_what_has_arrived_is_not(self, run: Run) -> None:
        server = ThreadedServer()
        server.reads_first = True

        async def main() -> None:
            async with client() as c:
                await c.fetch(server.url)
                with pytest.raises(HTTPStreamClosedError):
                    await c.fetch(server.url)
            assert len(server.requests) == 2

        try:
            run(main)
        finally:
            server.stop()

    def test_what_must_not_be_sent_twice_sees_the_end_first(self, run: Run) -> None:
        server = ThreadedServer()

        async def main() -> None:
            async with client() as c:
                await c.fetch(server.url)
                server.close_now.set()
                server.closed.wait(60)
                time.sleep(0.01)  # noqa: ASYNC251  (the loop must not see it)
                found = await c.fetch(server.url, method="POST", body=b"x")
                assert found.code == 200
            assert len(server.requests) == 2

        try:
            run(main)
        finally:
            server.stop()

    def test_what_must_not_be_sent_twice_takes_no_old_connection(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def main() -> None:
            async with Server() as server, client() as c:
                await c.fetch(server.url())
                await c.fetch(server.url(), method="POST", body=b"")
                monkeypatch.setattr("whirlwind.protocol.limits.CLIENT_UNSAFE_IDLE", -1.0)
                await c.fetch(server.url(), method="POST", body=b"")
                await c.fetch(server.url())
                assert peers(server) == [0, 0, 1, 1]

        run(main)

    @pytest.mark.parametrize("begun", [b"H", OK[:20], OK[:-2], OK[:-1]])
    def test_what_has_been_answered_in_part_is_not(self, run: Run, begun: bytes) -> None:
        async def main() -> None:
            async with Server(OK, [begun, CLOSE]) as server, client() as c:
                await c.fetch(server.url())
                with pytest.raises(HTTPStreamClosedError):
                    await c.fetch(server.url())
                assert peers(server) == [0, 0]

        run(main)

    def test_what_has_been_answered_in_part_is_not_after_a_reset(self, run: Run) -> None:
        async def main() -> None:
            come = asyncio.Event()

            async def partly(peer: Peer) -> None:
                await peer.send(OK[:-1])
                await come.wait()
                peer.reset()

            async with Server(OK, partly) as server, client() as c:
                await c.fetch(server.url())
                with pytest.raises((HTTPStreamClosedError, ConnectionResetError)):
                    await c.fetch(server.url(), streaming_callback=lambda piece: come.set())
                assert peers(server) == [0, 0]

        run(main)

    def test_a_fresh_connection_that_closes_is_an_error(self, run: Run) -> None:
        async def main() -> None:
            async with Server([CLOSE], [CLOSE]) as server, client() as c:
                for _ in range(2):
                    with pytest.raises(HTTPStreamClosedError, match="Stream closed"):
                        await c.fetch(server.url())
                assert len(server.requests) == 2

        run(main)


_LEFT_OPEN = """
import asyncio, sys, warnings
from whirlwind.httpclient import AsyncHTTPClient, HTTPClient
from whirlwind.ioloop import IOLoop, run
url = sys.argv[2]
async def main():
    assert (await AsyncHTTPClient().fetch(url)).body == b"ok"
    global forced
    forced = AsyncHTTPClient(force_instance=True)
    await forced.fetch(url)
def sync():
    HTTPClient().fetch(url)
def ioloop():
    loop = IOLoop()
    loop.run_sync(main)
    loop.close()
{"asyncio": lambda: asyncio.run(main()), "run": lambda: run(main), "sync": sync, "ioloop": ioloop}[
    sys.argv[1]
]()
import gc; gc.collect()
"""


class TestEnds:
    @pytest.mark.parametrize("how", ["asyncio", "run", "sync", "ioloop"])
    def test_a_program_that_closes_nothing_leaves_nothing_open(self, how: str) -> None:
        async def main() -> None:
            async with Server() as server:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-W", "error", "-c", _LEFT_OPEN, how),
                    server.url(),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                )
                output, _ = await process.communicate()
                assert output == b""
                assert process.returncode == 0
                for peer in server.peers:
                    await asyncio.wait_for(peer.closed.wait(), 10)

        asyncio.run(main())

    def test_a_loop_that_closes(self) -> None:
        loop = IOLoop(make_current=False)

        async def main() -> Any:
            async with Server() as server:
                made = AsyncHTTPClient(force_instance=True)
                await made.fetch(server.url())
                return made

        made: Any = loop.run_sync(main)
        loop.close()
        assert not made._engine.connections
        made.close()

    def test_the_client_that_blocks(self) -> None:
        async def main() -> None:
            async with Server() as server:

                def fetch() -> Any:
                    c = HTTPClient()
                    try:
                        found = [c.fetch(server.url()).body, c.fetch(server.url("/x")).body]
                    finally:
                        c.close()
                    c.close()
                    return found

                found = await asyncio.get_running_loop().run_in_executor(None, fetch)
                assert found == [b"ok", b"ok"]
                assert len(server.peers) == 1
            with pytest.raises(RuntimeError, match="running"):
                HTTPClient()

        asyncio.run(main())
