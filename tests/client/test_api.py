"""`whirlwind.client.Client`: streaming, timeouts by phase, limits, cookies, retries, traces."""

import asyncio
import gzip
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar
from typing import Any

import pytest

import whirlwind.client
from tests.client.proxies import HTTPProxy
from tests.client.scripted import (
    CLOSE,
    OK,
    Peer,
    Server,
    checked,
    client,
    redirect,
    response,
    soon,
)
from tests.unit.loops import Run, run
from whirlwind.client import (
    Client,
    HTTPClientError,
    HTTPStreamClosedError,
    HTTPTimeoutError,
    Request,
    Retry,
    StreamedResponse,
    Timeouts,
    Trace,
)
from whirlwind.httpclient import AsyncHTTPClient, HTTPRequest
from whirlwind.protocol import codings

__all__ = ["run"]


@asynccontextmanager
async def new(**options: Any) -> AsyncIterator[Client]:
    async with checked(Client(**options)) as made:
        assert isinstance(made, Client)
        yield made


async def silent(peer: Peer) -> None:
    await peer.reader.read()


class TestStream:
    @pytest.mark.parametrize("make", [client, new])
    def test_pieces(self, run: Run, make: Any) -> None:
        async def main() -> None:
            gate = asyncio.Event()

            async def answer(peer: Peer) -> None:
                head = b"HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n"
                await peer.send(head + b"3\r\nabc\r\n")
                await gate.wait()
                await peer.send(b"3\r\ndef\r\n0\r\nX-T: z\r\n\r\n")

            async with Server(redirect("/x", body=b"no"), answer) as server, make() as c:
                async with c.stream(server.url()) as found:
                    assert isinstance(found, StreamedResponse)
                    assert (found.code, found.reason, found.headers["X"]) == (200, "OK", "y")
                    assert found.effective_url == server.url("/x")
                    assert found.request.url == server.url()
                    pieces = []
                    async for chunk in found:
                        pieces.append(chunk)
                        gate.set()
                    assert pieces == [b"abc", b"def"]
                    assert found.trailers["X-T"] == "z"
                    assert found.body == b""
                    assert not c.active
                async with c.stream(server.url()) as found:
                    assert await found.read() == b"ok"
                # Both came over the connection of the redirect.
                assert len(server.peers) == 1

        run(main)

    def test_bodies_that_are_compressed_or_absent(self, run: Run) -> None:
        async def main() -> None:
            packed = response(gzip.compress(b"x" * 100_000), "Content-Encoding: gzip")
            async with Server(packed, response(status="204 No", length=False)) as server:
                async with new() as c:
                    async with c.stream(server.url()) as found:
                        assert found.headers["X-Consumed-Content-Encoding"] == "gzip"
                        assert await found.read() == b"x" * 100_000
                    async with c.stream(server.url(), method="DELETE") as found:
                        assert await found.read() == b""

        run(main)

    def test_errors_by_status(self, run: Run) -> None:
        async def main() -> None:
            no = response(b"why", status="404 No")
            async with Server(no, no) as server, new() as c:
                with pytest.raises(HTTPClientError, match="404") as caught:
                    async with c.stream(server.url()):
                        raise AssertionError
                assert caught.value.response is not None
                assert caught.value.response.code == 404
                async with c.stream(server.url(), raise_error=False) as found:
                    assert (found.code, await found.read()) == (404, b"why")
                    assert isinstance(found.error, HTTPClientError)

        run(main)

    def test_the_server_waits_for_the_reader(self, run: Run) -> None:
        async def main() -> None:
            sent = 0
            size = 64 << 20

            async def flood(peer: Peer) -> None:
                nonlocal sent
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
                while sent < size:
                    await peer.send(bytes(1 << 16))
                    sent += 1 << 16

            async with Server(flood) as server, new() as c:
                async with c.stream(server.url()) as found:
                    before = -1
                    while sent != before:
                        before = sent
                        await asyncio.sleep(0.05)
                    assert sent < size // 2
                    tracemalloc.start()
                    got = 0
                    async for chunk in found:
                        got += len(chunk)
                    peak = tracemalloc.get_traced_memory()[1]
                    tracemalloc.stop()
                    assert got == size
                    assert peak < 8 << 20

        run(main)

    def test_leaving_early_closes_the_connection(self, run: Run) -> None:
        async def main() -> None:
            begun = response(b"abc", "Content-Length: 9", length=False)
            async with Server([begun], [begun], [begun]) as server, new() as c:
                async with c.stream(server.url()) as found:
                    assert await anext(found) == b"abc"
                assert not c.active
                await server.peers[0].closed.wait()
                with pytest.raises(ZeroDivisionError):
                    async with c.stream(server.url()):
                        raise ZeroDivisionError
                await server.peers[1].closed.wait()

                async def read() -> None:
                    async with c.stream(server.url()) as found:
                        await found.read()

                task = asyncio.ensure_future(read())
                await soon(lambda: len(server.requests) == 3)
                await asyncio.sleep(0.01)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                assert task.cancelled()
                await server.peers[2].closed.wait()
                assert not c.active

        run(main)

    def test_cuts_and_limits(self, run: Run) -> None:
        async def main() -> None:
            begun = response(b"abc", "Content-Length: 9", length=False)
            async with Server([begun, 0.001, CLOSE], response(b"x" * 1000)) as server, new() as c:
                async with c.stream(server.url()) as found:
                    assert await anext(found) == b"abc"
                    with pytest.raises(HTTPStreamClosedError):
                        await anext(found)
                with pytest.raises(HTTPStreamClosedError, match="longer than 999"):
                    async with c.stream(server.url()) as found:
                        await found.read(999)
            async with Server(response(b"x" * 1000)) as server, new(max_body_size=10) as c:
                async with c.stream(server.url()) as found:
                    assert len(await found.read()) == 1000
            async with new() as c:
                with pytest.raises(ConnectionRefusedError):
                    async with c.stream("http://127.0.0.1:1/"):
                        raise AssertionError

        run(main)

    def test_lines(self, run: Run) -> None:
        async def main() -> None:
            body = b"one\r\ntwo\n\nth" + b"r" * 100 + b"ee\nlast"

            async def drip(peer: Peer) -> None:
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
                for i in range(len(body)):
                    await peer.send(body[i : i + 1])
                    await asyncio.sleep(0)

            async with Server(drip, response(b"x" * 100)) as server, new() as c:
                async with c.stream(server.url()) as found:
                    lines = [line async for line in found.lines()]
                assert lines == [b"one", b"two", b"", b"th" + b"r" * 100 + b"ee", b"last"]
                async with c.stream(server.url()) as found:
                    with pytest.raises(HTTPStreamClosedError, match="line"):
                        async for _ in found.lines(max_size=99):
                            pass

        run(main)

    def test_two_readers(self, run: Run) -> None:
        async def main() -> None:
            begun = response(b"", "Content-Length: 9", length=False)
            async with Server([begun]) as server, new() as c:
                async with c.stream(server.url()) as found:
                    first = asyncio.ensure_future(found.read())
                    await asyncio.sleep(0)
                    with pytest.raises(RuntimeError, match="another task"):
                        await anext(found)
                    first.cancel()
                    await asyncio.gather(first, return_exceptions=True)

        run(main)

    def test_a_long_response_has_no_limit_as_a_whole(self, run: Run) -> None:
        async def main() -> None:
            async def slow(peer: Peer) -> None:
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
                for _ in range(6):
                    await asyncio.sleep(0.2)
                    await peer.send(b"x")

            async with Server(OK, slow, slow) as server:
                async with client(defaults={"request_timeout": 1.0}) as c:
                    await c.fetch(server.url(), request_timeout=9)
                    async with c.stream(server.url()) as found:
                        assert await found.read() == b"xxxxxx"
                    async with c.stream(server.url(), request_timeout=0.3) as found:
                        with pytest.raises(HTTPTimeoutError):
                            await found.read()
            begun = response(b"abc", "Content-Length: 9", length=False)
            async with Server(OK, [begun]) as server:
                async with client(defaults={"request_timeout": 0.2}) as c:
                    await c.fetch(server.url(), request_timeout=9)
                    async with c.stream(server.url()) as found:
                        with pytest.raises(HTTPTimeoutError) as caught:
                            await found.read()
                        assert caught.value.phase == "read"

        run(main)

    def test_arguments(self, run: Run) -> None:
        async def main() -> None:
            async with new() as c:
                with pytest.raises(ValueError, match="kwargs"):
                    c.stream(HTTPRequest("http://x/"), method="GET")
                with pytest.raises(ValueError, match="scheme"):
                    async with c.stream("ftp://x/"):
                        pass
                c.close()
                with pytest.raises(RuntimeError, match="closed"):
                    c.stream("http://x/")

        run(main)


class TestTimeouts:
    def test_of_reading(self, run: Run) -> None:
        async def main() -> None:
            async def drip(peer: Peer) -> None:
                for byte in response(b"abc"):
                    await peer.send(bytes([byte]))
                    await asyncio.sleep(0.012)

            async def stall(peer: Peer) -> None:
                await peer.send(response(b"", "Content-Length: 3", length=False))
                await peer.reader.read()

            async with Server(drip, silent, stall) as server:
                async with new(timeouts=Timeouts(read=0.4)) as c:
                    assert (await c.fetch(server.url())).body == b"abc"
                    for _ in range(2):
                        with pytest.raises(HTTPTimeoutError, match="while reading") as caught:
                            await c.fetch(server.url())
                        assert caught.value.phase == "read"

        run(main)

    def test_of_writing(self, run: Run) -> None:
        async def main() -> None:
            async def deaf(peer: Peer) -> None:
                await asyncio.sleep(20)

            async with Server(deaf) as server:
                async with new(timeouts=Timeouts(write=0.05, read=9)) as c:
                    with pytest.raises(HTTPTimeoutError, match="while writing") as caught:
                        await c.fetch(
                            server.url(),
                            method="POST",
                            body=b"x" * 30_000_000,
                            headers={"X-Hold": "100-continue"},  # the server leaves it unread
                        )
                    assert caught.value.phase == "write"

        run(main)

    def test_slow_but_steady_is_no_timeout(self, run: Run) -> None:
        async def main() -> None:
            async def sip(peer: Peer) -> None:
                left = 12_000_000
                while left:
                    left -= len(await peer.reader.read(1 << 20))
                    await asyncio.sleep(0.005)
                await peer.send(OK)

            async with Server(sip) as server:
                async with new(timeouts=Timeouts(write=0.3, read=9)) as c:
                    found = await c.fetch(
                        server.url(),
                        method="POST",
                        body=b"x" * 12_000_000,
                        headers={"X-Hold": "100-continue"},
                    )
                    assert found.code == 200

        run(main)

    def test_a_body_that_is_slow_to_come_is_not_the_servers_fault(self, run: Run) -> None:
        async def main() -> None:
            async def produce(write: Any) -> None:
                await asyncio.sleep(0.1)
                await write(b"x")

            async with Server() as server, new(timeouts=Timeouts(read=0.05, write=0.05)) as c:
                found = await c.fetch(server.url(), method="POST", body_producer=produce)
                assert found.code == 200

        run(main)

    def test_of_the_queue_and_the_whole(self, run: Run) -> None:
        async def main() -> None:
            timeouts = Timeouts(queue=0.03, total=0.2)
            async with Server(OK, silent) as server, new(timeouts=timeouts, max_clients=1) as c:
                await c.fetch(server.url(), request_timeout=9)
                first = c.fetch(server.url())
                for phase, future in (("queue", c.fetch(server.url())), ("total", first)):
                    with pytest.raises(HTTPTimeoutError) as caught:
                        await future
                    assert caught.value.phase == phase
                own = Timeouts(read=0.02)
                server.answers = [OK, silent, OK, silent]
                await c.fetch(server.url(), request_timeout=9)
                with pytest.raises(HTTPTimeoutError) as caught:
                    await c.fetch(server.url(), timeouts=own)
                assert caught.value.phase == "read"
                await c.fetch(server.url(), request_timeout=9)
                with pytest.raises(HTTPTimeoutError) as caught:
                    await c.fetch(server.url(), request_timeout=0.2)
                assert caught.value.phase == "total"

        run(main)

    def test_values(self) -> None:
        with pytest.raises(ValueError, match="read"):
            Timeouts(read=0)


class TestLimits:
    def test_per_host_and_in_turn(self, run: Run) -> None:
        async def main() -> None:
            gate = asyncio.Event()
            order: list[str] = []

            async def hold(peer: Peer) -> None:
                await gate.wait()
                await peer.send(OK)

            async with Server(*[hold] * 9) as slow, Server() as other:
                async with new(max_per_host=2, max_clients=4) as c:

                    async def get(server: Server, name: str) -> None:
                        await c.fetch(server.url())
                        order.append(name)

                    tasks = [asyncio.ensure_future(get(slow, "slow")) for _ in range(6)]
                    await soon(lambda: len(slow.requests) == 2)
                    assert (len(c.active), len(c.queue), len(c.waiting)) == (2, 4, 4)
                    # The others do not wait for the slow one.
                    await asyncio.gather(*[get(other, "other") for _ in range(5)])
                    assert order == ["other"] * 5
                    assert len(slow.requests) == 2
                    assert len(other.peers) <= 2
                    gate.set()
                    await asyncio.gather(*tasks)
                    assert len(slow.peers) == 2
                    assert len(c.queue) == 0

        run(main)

    def test_hosts_take_turns(self, run: Run) -> None:
        async def main() -> None:
            seen: list[str] = []

            async with Server() as server, new(max_clients=1) as c:

                async def get(name: str) -> None:
                    url = server.url(f"/{name}", host=name.partition("-")[0])
                    await c.fetch(url, allow_ipv6=False)
                    seen.append(name)

                names = [f"127.0.0.1-{i}" for i in range(4)] + ["localhost-0", "localhost-1"]
                await asyncio.gather(*map(get, names))
            assert seen == [
                "127.0.0.1-0",
                "127.0.0.1-1",
                "localhost-0",
                "127.0.0.1-2",
                "localhost-1",
                "127.0.0.1-3",
            ]

        run(main)

    def test_giving_up_in_line(self, run: Run) -> None:
        async def main() -> None:
            async with Server(silent) as server, new(max_clients=1) as c:
                first = asyncio.ensure_future(_fetch(c, server.url()))
                others = [asyncio.ensure_future(_fetch(c, server.url())) for _ in range(3)]
                await soon(lambda: server.requests)
                others[1].cancel()
                first.cancel()
                await asyncio.gather(first, *others, return_exceptions=True)
                assert [task.cancelled() for task in others] == [False, True, False]

        run(main)


class TestCookies:
    def test_kept_and_sent(self, run: Run) -> None:
        async def main() -> None:
            jar = CookieJar()
            setting = response(
                b"", "Set-Cookie: a=1; Path=/", "Set-Cookie: b=2; Path=/deep", status="200 OK"
            )
            moved = redirect("/deep/x").replace(b"Location", b"Set-Cookie: c=3\r\nLocation")
            async with Server(setting, moved) as server, new(cookies=jar) as c:
                await c.fetch(server.url())
                await c.fetch(server.url("/go"))
                await c.fetch(server.url("/"), headers={"Cookie": "mine"})
                await c.fetch(server.url("/"), method="POST", body=b"")
                found = [request.headers.get("cookie") for request in server.requests]
            assert found[:2] == [None, "a=1"]
            assert set(found[2].split("; ")) == {"a=1", "b=2", "c=3"}
            assert found[3] == "mine"
            assert set(found[4].split("; ")) == {"a=1", "c=3"}
            assert {cookie.name for cookie in jar} == {"a", "b", "c"}

        run(main)

    def test_other_hosts_get_none(self, run: Run) -> None:
        async def main() -> None:
            async with Server(response(b"", "Set-Cookie: a=1")) as server:
                async with new(cookies=CookieJar()) as c:
                    await c.fetch(server.url())
                    await c.fetch(server.url(host="localhost"), allow_ipv6=False)
                    await c.fetch(server.url())
                found = [request.headers.get("cookie") for request in server.requests]
            assert found == [None, None, "a=1"]

        run(main)

    def test_a_flood(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("whirlwind.client.cookies.MAX_KEPT_COOKIES", 20)

        async def main() -> None:
            jar = CookieJar()
            floods = [
                response(b"", *[f"Set-Cookie: c{i}x{j}=1" for j in range(9)]) for i in range(9)
            ]
            async with Server(*floods) as server, new(cookies=jar) as c:
                for _ in floods:
                    await c.fetch(server.url())
            assert len(jar) == 20

        run(main)


class TestRetry:
    def test_by_status_and_error(self, run: Run) -> None:
        async def main() -> None:
            busy = response(b"", status="503 Busy")
            async with Server(busy, [CLOSE], OK) as server:
                async with new(retry=Retry(backoff=0.001)) as c:
                    assert (await c.fetch(server.url())).body == b"ok"
                    assert len(server.requests) == 3
            async with Server(*[busy] * 9) as server, new(retry=Retry(backoff=0.001)) as c:
                with pytest.raises(HTTPClientError, match="503"):
                    await c.fetch(server.url())
                assert len(server.requests) == 3
                await c.fetch(server.url(), raise_error=False, retry=False)
                assert len(server.requests) == 4
                await c.fetch(server.url(), raise_error=False, retry=Retry(2, backoff=0.001))
                assert len(server.requests) == 6

        run(main)

    def test_what_is_not_repeated(self, run: Run) -> None:
        async def main() -> None:
            busy = response(b"x", status="503 Busy")
            async with Server() as server, new(retry=Retry(backoff=0.001)) as c:
                for number, kwargs in enumerate(
                    (
                        {"method": "POST", "body": b""},
                        {"method": "PUT", "body_producer": lambda write: write(b"x")},
                        {"streaming_callback": lambda chunk: None},
                        {"header_callback": lambda line: None},
                    )
                ):
                    server.answers = [busy]
                    found = await c.fetch(server.url(), raise_error=False, **kwargs)
                    assert found.code == 503
                    assert len(server.requests) == number + 1
                server.answers = [response(status="404 No")]
                assert (await c.fetch(server.url(), raise_error=False)).code == 404

        run(main)

    def test_retry_after(self, run: Run) -> None:
        async def main() -> None:
            soon_again = response(b"", "Retry-After: 0", status="429 Slow Down")
            date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() - 5))
            past = response(b"", f"Retry-After: {date}", status="503 Later")
            later = response(b"", "Retry-After: 3600", status="503 Later")
            nonsense = response(b"", "Retry-After: soon", status="503 Later")
            async with Server(soon_again, past, OK, later, nonsense) as server:
                async with new(retry=Retry(backoff=0.001)) as c:
                    assert (await c.fetch(server.url())).code == 200
                    with pytest.raises(HTTPClientError):
                        await c.fetch(server.url())
                    assert len(server.requests) == 4
                    assert (await c.fetch(server.url())).code == 200

        run(main)

    def test_cancelling_while_it_waits(self, run: Run) -> None:
        async def main() -> None:
            async with Server(response(status="503 Busy")) as server:
                async with new(retry=Retry(backoff=10, jitter=0)) as c:
                    task = asyncio.ensure_future(_fetch(c, server.url()))
                    await soon(lambda: server.requests and not c.active)
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
                    assert task.cancelled()

        run(main)

    def test_a_policy_of_ones_own(self, run: Run) -> None:
        class Stubborn(Retry):
            def delay(self, attempt: int, response: Any) -> float | None:
                return 0.0 if response.code == 404 and attempt < 5 else None

        async def main() -> None:
            no = response(status="404 No")
            async with Server(*[no] * 4) as server, new(retry=Stubborn()) as c:
                assert (await c.fetch(server.url())).code == 200
                assert len(server.requests) == 5

        run(main)


class Recorder(Trace):
    all: list["Recorder"] = []

    def __init__(self, request: HTTPRequest) -> None:
        super().__init__(request)
        self.steps: list[Any] = []
        Recorder.all.append(self)

    def started(self) -> None:
        self.request.headers["traceparent"] = "00-abc"
        self.steps.append("started")

    def queued(self) -> None:
        self.steps.append("queued")

    def connecting(self, host: str, port: int) -> None:
        self.steps.append(("connecting", host))

    def connected(self, reused: bool, transport: Any) -> None:
        assert transport.get_extra_info("peername")
        self.steps.append(("connected", reused))

    def sent(self) -> None:
        self.steps.append("sent")

    def first_byte(self, code: int, headers: Any) -> None:
        self.steps.append(("first_byte", code))

    def redirected(self, url: str) -> None:
        self.steps.append("redirected")

    def repeated(self) -> None:
        self.steps.append("repeated")

    def ended(self, response: Any) -> None:
        self.steps.append(("ended", response.code))


class TestTrace:
    def test_steps(self, run: Run) -> None:
        async def main() -> None:
            Recorder.all = []
            async with Server(redirect("/x")) as server:
                async with new(trace=Recorder, max_clients=1) as c:
                    one, two = c.fetch(server.url()), c.fetch(server.url())
                    await asyncio.gather(one, two)
                    with pytest.raises(ConnectionRefusedError):
                        await c.fetch("http://127.0.0.1:1/")
                    with pytest.raises(ValueError, match="scheme"):
                        await c.fetch("ftp://x/")
                assert {request.headers["traceparent"] for request in server.requests} == {"00-abc"}
            first, second, refused, wrong = [trace.steps for trace in Recorder.all]
            hop = ["sent", ("first_byte", 200), ("ended", 200)]
            assert first == [
                "started",
                ("connecting", "127.0.0.1"),
                ("connected", False),
                "sent",
                ("first_byte", 302),
                "redirected",
                ("connected", True),
                *hop,
            ]
            assert second == ["started", "queued", ("connected", True), *hop]
            assert refused == ["started", ("connecting", "127.0.0.1"), ("ended", 599)]
            assert wrong == ["started", ("ended", 599)]

        run(main)

    def test_errors_in_a_trace(self, run: Run, caplog: pytest.LogCaptureFixture) -> None:
        class Broken(Trace):
            def first_byte(self, code: int, headers: Any) -> None:
                raise ZeroDivisionError

        async def main() -> None:
            async with Server() as server, new(trace=Broken) as c:
                assert (await c.fetch(server.url())).body == b"ok"
            (record,) = caplog.records
            assert "first_byte" in record.getMessage()

        run(main)


class TestClient:
    def test_each_is_an_object_of_its_own(self, run: Run) -> None:
        async def main() -> None:
            one, two = Client(), Client()
            assert one is not two
            await one.aclose()
            await two.aclose()
            with pytest.raises(RuntimeError, match="closed"):
                one.fetch("http://x/")

        run(main)

    def test_leaving_gives_up_what_is_under_way(self, run: Run) -> None:
        async def main() -> None:
            async with Server(silent) as server:
                async with Client(max_clients=1) as c:
                    pending = [c.fetch(server.url()), c.fetch(server.url())]
                    await soon(lambda: server.requests)
                for future in pending:
                    with pytest.raises(HTTPStreamClosedError):
                        await future
                assert not c._engine.connections

        run(main)

    def test_headers_and_codings(self, run: Run) -> None:
        async def main() -> None:
            async with Server() as server, new(headers={"X-Own": "1", "X-Two": "2"}) as c:
                await c.fetch(server.url(), headers={"X-Two": "mine"})
                (request,) = server.requests
                assert request.headers["x-own"] == "1"
                assert request.headers["x-two"] == "mine"
                assert request.headers["accept-encoding"] == ", ".join(codings.available())
            async with Server() as server, new(accept_codings=["gzip"]) as c:
                await c.fetch(server.url())
                await c.fetch(server.url(), decompress_response=False)
                assert server.requests[0].headers["accept-encoding"] == "gzip"
                assert "accept-encoding" not in server.requests[1].headers
            with pytest.raises(ValueError, match="compress"):
                Client(accept_codings=["compress"])

        run(main)

    def test_secrets_do_not_follow_redirects_elsewhere(self, run: Run) -> None:
        async def main() -> None:
            headers = {"Authorization": "secret", "cookie": "secret", "X-Own": "1"}
            async with Server() as other, Server() as server:
                for options in (
                    {"headers": headers},
                    {"defaults": {"auth_username": "u", "auth_password": "p"}},
                ):
                    server.answers = [redirect("/same"), redirect(other.url())]
                    async with new(**options) as c:
                        await c.fetch(server.url())
            for request in server.requests:
                assert "authorization" in request.headers
            assert len(other.requests) == 2
            for request in other.requests:
                assert not {"authorization", "cookie"} & set(request.headers)
            assert other.requests[0].headers["x-own"] == "1"

        run(main)

    def test_proxies(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)

        async def main() -> None:
            async with HTTPProxy() as proxy, Server() as server:
                url = f"http://u:p@127.0.0.1:{proxy.port}"
                async with new(proxy=url) as c:
                    await c.fetch("http://one.test/")
                    await c.fetch(server.url(), proxy=False)
                async with new(proxy=lambda target: url if ".test" in target else None) as c:
                    await c.fetch("http://two.test/")
                    await c.fetch(server.url())
                async with new() as c:
                    await c.fetch(Request("http://three.test/", proxy=url))
                monkeypatch.setenv("http_proxy", url)
                monkeypatch.setenv("no_proxy", "127.0.0.1")
                async with new(trust_env=True) as c:
                    await c.fetch("http://four.test/")
                    await c.fetch(server.url())
                async with new() as c:
                    await c.fetch(server.url())
                assert [request.target for request in proxy.requests] == [
                    f"http://{name}.test/" for name in ("one", "two", "three", "four")
                ]
                assert len(server.requests) == 4
            with pytest.raises(ValueError, match="scheme"):
                Client(proxy="ftp://x")

        run(main)

    def test_in_the_place_of_the_default_client(self, run: Run) -> None:
        async def main() -> None:
            AsyncHTTPClient.configure("whirlwind.client.Client", max_per_host=3)
            try:
                async with Server() as server:
                    made = AsyncHTTPClient()
                    assert isinstance(made, Client)
                    assert AsyncHTTPClient() is made
                    assert (await made.fetch(server.url())).body == b"ok"
                    await made.aclose()
            finally:
                AsyncHTTPClient.configure(None)

        run(main)

    def test_names(self) -> None:
        for name in whirlwind.client.__all__:
            found = getattr(whirlwind.client, name)
            assert found.__module__ in (
                "whirlwind.client",
                "whirlwind.httpclient",
                "whirlwind.simple_httpclient",
            )
        with pytest.raises(AttributeError):
            whirlwind.client.nothing  # noqa: B018


async def _fetch(client: Any, url: str) -> Any:
    return await client.fetch(url)
