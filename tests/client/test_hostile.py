"""Servers that lie, stall, flood and cut: always a typed error, and nothing left behind."""

import asyncio
import gzip
import socket
from typing import Any

import pytest

from tests.client.proxies import HTTPProxy
from tests.client.scripted import (
    CLOSE,
    OK,
    RESET,
    Peer,
    Server,
    checked,
    client,
    redirect,
    response,
    soon,
)
from tests.unit.loops import Certificate, Run, certificate, run
from whirlwind import compression
from whirlwind.client import Client
from whirlwind.httpclient import HTTPClientError
from whirlwind.iostream import UnsatisfiableReadError
from whirlwind.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError

__all__ = ["certificate", "run"]

PACKED = gzip.compress(b"hello" * 20)
RESPONSES = {
    "length": response(b"hello world", "X: y"),
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-T: 1\r\n\r\n",
    "gzip": response(PACKED, "Content-Encoding: gzip"),
    "interim": b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + response(b"hello"),
    "redirect": redirect("/next", body=b"moved"),
    "empty": response(status="204 No Content", length=False),
}


def packed(coding: str, content: bytes) -> bytes:
    """The content in a coding, or a skipped test where its library is not installed."""
    if coding == "gzip":
        return gzip.compress(content, 9)
    try:
        [chosen] = compression.chosen([coding])
    except ImportError as error:
        pytest.skip(str(error))
    compressor = chosen.compressor()
    return compressor.compress(content) + compressor.finish()


class TestCuts:
    @pytest.mark.parametrize("name", RESPONSES)
    @pytest.mark.parametrize("end", [CLOSE, RESET], ids=["close", "reset"])
    def test_at_every_byte(self, run: Run, name: str, end: Any) -> None:
        whole = RESPONSES[name]

        async def main() -> None:
            async with Server() as server, client() as c:
                for size in range(len(whole)):
                    # Given time to arrive, or else the reset takes it along.
                    server.answers = [[whole[:size], 0.001, end]]
                    with pytest.raises((HTTPStreamClosedError, ConnectionError)):
                        await c.fetch(server.url())
                    assert not c.active
                server.answers = [whole]
                assert (await c.fetch(server.url())).code in (200, 204)

        run(main)

    @pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
    def test_of_compressed_content(self, run: Run, coding: str) -> None:
        """The framing is in order, and what it holds ends too early, or does not end."""
        whole = packed(coding, b"hello" * 20)

        async def main() -> None:
            async with Server() as server, checked(Client()) as c:
                for size in range(1, len(whole)):
                    server.answers = [response(whole[:size], f"Content-Encoding: {coding}")]
                    with pytest.raises(HTTPStreamClosedError):
                        await c.fetch(server.url())
                    assert not c.active
                server.answers = [response(whole + b"more", f"Content-Encoding: {coding}")]
                with pytest.raises(HTTPStreamClosedError):
                    await c.fetch(server.url())
                server.answers = [response(whole, f"Content-Encoding: {coding}")]
                assert (await c.fetch(server.url())).body == b"hello" * 20

        run(main)

    def test_of_bodies_that_end_with_the_connection(self, run: Run) -> None:
        async def main() -> None:
            head = b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n"
            async with Server() as server, client() as c:
                server.answers = [[head + b"abc", 0.001, CLOSE]]
                assert (await c.fetch(server.url())).body == b"abc"
                # A reset is no end of a body.
                server.answers = [[head + b"abc", 0.001, RESET]]
                with pytest.raises(ConnectionError):
                    await c.fetch(server.url())

        run(main)

    def test_while_a_callback_is_busy(self, run: Run) -> None:
        async def main() -> None:
            got: list[bytes] = []

            async def slow(chunk: bytes) -> None:
                await asyncio.sleep(0.01)
                got.append(chunk)

            head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
            async with Server() as server, client() as c:
                server.answers = [[head + b"abc", 0.001, CLOSE]]
                with pytest.raises(HTTPStreamClosedError):
                    await c.fetch(server.url(), streaming_callback=slow)
                assert b"".join(got) == b"abc"
                got.clear()
                server.answers = [[response(b"abcdef", length=False), CLOSE]]
                await c.fetch(server.url(), streaming_callback=slow)
                assert b"".join(got) == b"abcdef"

        run(main)


class TestLies:
    def test_a_body_that_is_shorter_than_announced(self, run: Run) -> None:
        async def main() -> None:
            short = response(b"abc", "Content-Length: 5", length=False)
            async with Server(OK, [short]) as server:
                async with client() as c:
                    await c.fetch(server.url())
                    with pytest.raises(HTTPTimeoutError):
                        await c.fetch(server.url(), request_timeout=0.05)
                    await server.peers[0].closed.wait()

        run(main)

    @pytest.mark.parametrize("poison", [b"x", b"\r\n", response(b"poison"), b"HTTP/1.1 200 OK\r\n"])
    @pytest.mark.parametrize("together", [True, False])
    def test_bytes_after_the_response(self, run: Run, poison: bytes, together: bool) -> None:
        async def main() -> None:
            for answer in (response(b"first"), response(status="204 No", length=False)):
                async with Server() as server, client() as c:
                    steps: list[Any] = [answer, 0.002, poison]
                    server.answers = [answer + poison if together else steps]
                    assert (await c.fetch(server.url())).code in (200, 204)
                    if not together:
                        await soon(lambda: server.peers[0].closed.is_set())
                    server.answers = [response(b"second")]
                    found = await c.fetch(server.url())
                    assert found.body == b"second"
                    assert [request.peer for request in server.requests] == [0, 1]

        run(main)

    def test_s31_length_and_coding(self, run: Run, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO", "whirlwind.general")

        async def main() -> None:
            for fields in (
                ("Content-Length: 5", "Transfer-Encoding: chunked"),
                ("Transfer-Encoding: chunked", "Content-Length: 5"),
            ):
                caplog.clear()
                async with Server(response(b"0\r\n\r\n", *fields, length=False)) as server:
                    async with client() as c:
                        with pytest.raises(HTTPStreamClosedError):
                            await c.fetch(server.url())
                (record,) = caplog.records
                assert "both Transfer-Encoding and Content-Length" in record.getMessage()
                assert record.exc_info is None

        run(main)

    @pytest.mark.parametrize(
        "answer",
        [
            b"garbage\r\n\r\n",
            b"HTTP/2.0 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX(: a\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\n",
            b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
            b"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            b"\0" * 100,
        ],
    )
    def test_what_is_no_response(
        self, run: Run, answer: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO", "whirlwind.general")

        async def main() -> None:
            async with Server([answer, CLOSE]) as server, client() as c:
                with pytest.raises(HTTPStreamClosedError) as caught:
                    await c.fetch(server.url())
                assert caught.value.code == 599
            for record in caplog.records:
                assert record.levelname == "INFO"
                assert record.exc_info is None
            assert len(caplog.records) <= 1

        run(main)


class TestFloods:
    def test_of_fields(self, run: Run) -> None:
        async def flood(peer: Peer) -> None:
            await peer.send(b"HTTP/1.1 200 OK\r\n")
            while True:
                await peer.send(b"X: y\r\n" * 1000)

        async def one_line(peer: Peer) -> None:
            await peer.send(b"HTTP/1.1 200 OK\r\nX: ")
            while True:
                await peer.send(b"y" * 65536)

        async def main() -> None:
            async with Server(flood, one_line) as server, client() as c:
                for _ in range(2):
                    with pytest.raises(UnsatisfiableReadError):
                        await c.fetch(server.url())
            async with Server(response(b"", "X: " + "y" * 900)) as server:
                async with client(max_header_size=500) as c:
                    with pytest.raises(UnsatisfiableReadError):
                        await c.fetch(server.url())

        run(main)

    def test_of_interim_responses(self, run: Run) -> None:
        async def main() -> None:
            interim = b"HTTP/1.1 103 Early Hints\r\n\r\n"
            async with Server(interim * 10 + OK, interim * 11 + OK) as server, client() as c:
                assert (await c.fetch(server.url())).body == b"ok"
                with pytest.raises(HTTPStreamClosedError, match="Too many 1xx"):
                    await c.fetch(server.url())

        run(main)

    @pytest.mark.parametrize("streaming", [False, True])
    @pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
    def test_of_compressed_nothing(self, run: Run, coding: str, streaming: bool) -> None:
        bomb = packed(coding, bytes(1 << 25))

        async def main() -> None:
            received = 0

            def count(chunk: bytes) -> None:
                nonlocal received
                received += len(chunk)

            options: dict[str, Any] = {"streaming_callback": count} if streaming else {}
            async with Server(response(bomb, f"Content-Encoding: {coding}")) as server:
                async with checked(Client(max_body_size=1 << 20)) as c:
                    with pytest.raises(HTTPStreamClosedError, match="decompressed body too large"):
                        await c.fetch(server.url(), **options)
            assert received <= 1 << 20

        run(main)

    @pytest.mark.parametrize("kind", ["length", "chunked", "close"])
    def test_of_body(self, run: Run, kind: str) -> None:
        async def main() -> None:
            body = b"x" * 100_001
            answer: Any = response(body)
            if kind == "chunked":
                answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                answer += b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
            elif kind == "close":
                answer = [response(body, length=False), CLOSE]
            for limit, good in ((100_001, True), (100_000, False)):
                async with Server(answer) as server, client(max_body_size=limit) as c:
                    if good:
                        assert (await c.fetch(server.url())).body == body
                    else:
                        with pytest.raises(HTTPStreamClosedError, match=r"too l(ong|arge)"):
                            await c.fetch(server.url())

        run(main)

    def test_of_redirects(self, run: Run) -> None:
        async def main() -> None:
            loop = [redirect("/a"), redirect("/b")] * 50
            async with Server(*loop) as server, client() as c:
                with pytest.raises(HTTPClientError, match="302"):
                    await c.fetch(server.url())
                assert len(server.requests) == 6

        run(main)


class TestCancellation:
    def test_at_every_step(self, run: Run) -> None:
        async def echo(peer: Peer) -> None:
            target = peer.last.target.encode()  # type: ignore[attr-defined]
            await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for i in range(0, len(target), 4):
                piece = target[i : i + 4]
                await asyncio.sleep(0)
                await peer.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            await peer.send(b"0\r\n\r\n")

        async def main() -> None:
            async with Server() as server, client() as c:
                server.answers = _Endless(server, echo)
                cancelled = 0
                for steps in range(40):
                    for extra in (
                        {},
                        {"streaming_callback": lambda chunk: asyncio.sleep(0)},
                        {"method": "POST", "body_producer": _slowly},
                    ):
                        task = asyncio.ensure_future(_fetch(c, server.url(f"/one/{steps}"), extra))
                        for _ in range(steps):
                            await asyncio.sleep(0)
                        task.cancel()
                        (outcome,) = await asyncio.gather(task, return_exceptions=True)
                        if isinstance(outcome, asyncio.CancelledError):
                            cancelled += 1
                        assert not c.active
                        target = f"/two/{steps}/" + "x" * steps
                        assert (await c.fetch(server.url(target))).body == target.encode()
                assert cancelled > 15

        run(main)

    @pytest.mark.parametrize("way", ["redirect", "expect", "stream", "tls", "proxy", "tunnel"])
    def test_at_every_step_of_a_longer_way(
        self, run: Run, certificate: Certificate, way: str
    ) -> None:
        async def tell(peer: Peer) -> None:
            request = peer.last  # type: ignore[attr-defined]
            target = request.target.removeprefix("http://127.0.0.1").encode()
            if target.startswith(b"/go"):
                await peer.send(redirect("/arrived"))
            elif "expect" in request.headers:
                await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                await peer.send(response(await peer.reader.readexactly(5)))
            else:
                await peer.send(response(target))

        async def begin(c: Client, base: str) -> None:
            if way == "stream":
                async with c.stream(f"{base}/one") as streamed:
                    async for _ in streamed:
                        await asyncio.sleep(0)
            elif way == "expect":
                await c.fetch(f"{base}/one", method="PUT", body=b"01234", expect_100_continue=True)
            else:
                await c.fetch(f"{base}/{'go' if way == 'redirect' else 'one'}")

        async def main() -> None:
            tls = certificate.server() if way in ("tls", "tunnel") else None
            options: dict[str, Any] = {"defaults": {"ca_certs": certificate.certfile}}
            async with Server(tls=tls) as server, HTTPProxy() as proxy:
                for asked in (server, proxy):
                    asked.answers = _Endless(asked, tell)
                if way in ("proxy", "tunnel"):
                    options["proxy"] = f"http://127.0.0.1:{proxy.port}"
                base = "http://127.0.0.1" if way == "proxy" else server.url("")
                cancelled = 0
                for steps in range(50):
                    # A client for each: its first connection is made while it is cancelled.
                    async with checked(Client(max_clients=1, **options)) as c:
                        for _ in range(2):
                            task = asyncio.ensure_future(begin(c, base))
                            for _ in range(steps):
                                await asyncio.sleep(0)
                            task.cancel()
                            (outcome,) = await asyncio.gather(task, return_exceptions=True)
                            assert outcome is None or isinstance(outcome, asyncio.CancelledError)
                            cancelled += outcome is not None
                            assert not c.active
                            target = f"/two/{steps}"
                            found = await c.fetch(base + target)
                            assert found.body == target.encode()
                assert cancelled > 5

        run(main)

    def test_while_connecting(self, run: Run) -> None:
        async def main() -> None:
            # A backlog that is full: connecting takes as long as one likes.
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", 0))
                listener.listen(0)
                full = [socket.socket() for _ in range(4)]
                for sock in full:
                    sock.setblocking(False)
                    sock.connect_ex(listener.getsockname())
                async with client() as c:
                    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
                    task = asyncio.ensure_future(_fetch(c, url, {}))
                    await asyncio.sleep(0.02)
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
                    assert not c.active
                for sock in full:
                    sock.close()

        run(main)


class _Endless(list[Any]):
    """Answers every request in the same way, and tells the answer which it was."""

    def __init__(self, server: Server, answer: Any) -> None:
        super().__init__([answer])
        self.server = server

    def pop(self, index: Any = -1) -> Any:
        request = self.server.requests[-1]
        self.server.peers[request.peer].last = request  # type: ignore[attr-defined]
        return self[0]


async def _slowly(write: Any) -> None:
    for _ in range(3):
        await write(b"abc")
        await asyncio.sleep(0)


async def _fetch(client: Any, url: str, options: dict[str, Any]) -> Any:
    return await client.fetch(url, **options)
