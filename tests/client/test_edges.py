"""Rare ways for a request to go: what each of these did wrong once is told by its name."""

import asyncio
import contextvars
import socket
import ssl
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest

from tests.client.proxies import HTTPProxy, SocksProxy
from tests.client.scripted import OK, Peer, Server, client, redirect, response, soon
from tests.client.test_api import new, silent
from tests.unit.loops import Certificate, Run, certificate, run
from whirlwind.client import HTTPProxyError, HTTPStreamClosedError, HTTPTimeoutError, Retry, Trace
from whirlwind.httpclient import HTTPClientError
from whirlwind.netutil import Resolver

__all__ = ["certificate", "run"]


class Several(Resolver):
    """Every name that is no address has these addresses."""

    def __init__(self, addresses: list[str]) -> None:
        super().__init__()
        self.addresses = addresses

    def initialize(self, *args: Any) -> None:
        """Nothing is set up."""

    async def resolve(self, host: str, port: int, family: Any = 0) -> Any:
        found = [host] if host[0].isdigit() else self.addresses
        return [(socket.AF_INET, (address, port)) for address in found]


class TestAwaitedCallbacks:
    @pytest.mark.parametrize("how", ["timeout", "cancel"])
    def test_end_with_their_request(self, run: Run, how: str) -> None:
        async def main() -> None:
            begun = asyncio.Event()
            ended = asyncio.Event()

            async def take(chunk: bytes) -> None:
                begun.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    ended.set()

            async def answer(peer: Peer) -> None:
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
                await begun.wait()
                await peer.reader.read()

            async with Server(answer) as server, client() as c:
                limit = 0.3 if how == "timeout" else 60
                future = c.fetch(server.url(), streaming_callback=take, request_timeout=limit)
                await begun.wait()
                if how == "cancel":
                    future.cancel()
                await asyncio.gather(future, return_exceptions=True)
                await asyncio.wait_for(ended.wait(), 10)

        run(main)

    def test_that_give_up_their_own_request(self, run: Run) -> None:
        async def main() -> None:
            seen: list[str] = []

            async def take(chunk: bytes) -> None:
                future.cancel()
                try:
                    await asyncio.sleep(0)
                except asyncio.CancelledError:
                    seen.append("cancelled")
                    raise

            async with Server(response(b"abc")) as server, client() as c:
                future = c.fetch(server.url(), streaming_callback=take)
                await asyncio.gather(future, return_exceptions=True)
                assert future.cancelled()
                await soon(lambda: seen)

        run(main)

    def test_run_in_the_context_of_the_fetch(self, run: Run) -> None:
        variable = contextvars.ContextVar("variable", default="")
        seen: list[str] = []

        async def take(chunk: bytes) -> None:
            seen.append(variable.get())

        async def main() -> None:
            async with Server(response(b"a"), response(b"b")) as server, client() as c:
                for name in "one", "two":
                    variable.set(name)
                    await c.fetch(server.url(), streaming_callback=take)
            assert seen == ["one", "two"]

        run(main)


class TestRequests:
    @pytest.mark.parametrize("url", ["http://[v1.a:b%0d%0aX:%20y]/", "http://[::1%250%0d%0aX]/"])
    def test_a_host_cannot_hold_a_line_break(self, run: Run, url: str) -> None:
        async def main() -> None:
            async with HTTPProxy() as proxy, new(proxy=f"http://127.0.0.1:{proxy.port}") as c:
                for scheme in "http", "https":
                    with pytest.raises(ValueError, match=r"Invalid host|not appear to be"):
                        await c.fetch(url.replace("http", scheme))
                assert not proxy.requests

        run(main)

    @pytest.mark.parametrize("value", ["x\r\nEvil: 1", "x\nEvil: 1", "x\0", "\u20ac"])
    def test_what_is_for_the_proxy_cannot_hold_a_line_break(self, run: Run, value: str) -> None:
        async def main() -> None:
            async with HTTPProxy() as proxy, client() as c:
                with pytest.raises(ValueError):  # noqa: PT011
                    await c.fetch(
                        "https://one.test/",
                        headers={"Proxy-Authorization": value},
                        proxy_host="127.0.0.1",
                        proxy_port=proxy.port,
                    )
                assert not proxy.requests

        run(main)

    def test_fields_of_the_client_go_before_what_is_usual(self, run: Run) -> None:
        async def main() -> None:
            fields = {"User-Agent": "mine/1", "Content-Type": "application/json"}
            async with Server() as server, new(headers=fields) as c:
                post: dict[str, Any] = {"method": "POST", "body": b"{}"}
                await c.fetch(server.url(), **post)
                await c.fetch(server.url(), headers={"Content-Type": "text/plain"}, **post)
                await c.fetch(server.url(), user_agent="other/1")
                await c.fetch(server.url(), headers={"User-Agent": "other/2"})
                sent = [request.headers for request in server.requests]
            assert [fields["user-agent"] for fields in sent] == [
                "mine/1",
                "mine/1",
                "other/1",
                "other/2",
            ]
            kinds = [fields["content-type"] for fields in sent[:2]]
            assert kinds == ["application/json", "text/plain"]

        run(main)

    def test_a_producer_that_is_cancelled(self, run: Run) -> None:
        async def main() -> None:
            async def produce(write: Any) -> None:
                waited = asyncio.get_running_loop().create_future()
                waited.cancel()
                await waited

            async with Server(silent) as server, new() as c:
                with pytest.raises(HTTPStreamClosedError, match="body_producer"):
                    await c.fetch(server.url(), method="PUT", body_producer=produce)

        run(main)


class TestConnections:
    def test_a_client_certificate_is_no_authority(self, run: Run, certificate: Certificate) -> None:
        # The same file in two roles is two connections.
        both = Path(certificate.certfile).with_name("both.pem")
        both.write_text(
            Path(certificate.certfile).read_text() + Path(certificate.keyfile).read_text()
        )

        async def main() -> None:
            context = certificate.server()
            context.load_verify_locations(certificate.certfile)
            context.verify_mode = ssl.CERT_OPTIONAL
            async with Server(tls=context) as server, client() as c:
                url = server.url(host="localhost")
                options: dict[str, Any] = {"validate_cert": False}
                await c.fetch(url, ca_certs=str(both), **options)
                await c.fetch(url, client_cert=str(both), **options)
                assert [request.peer for request in server.requests] == [0, 1]

        run(main)

    def test_a_tunnel_is_for_who_opened_it(self, run: Run, certificate: Certificate) -> None:
        async def main() -> None:
            async with Server(tls=certificate.server()) as server, HTTPProxy() as proxy:
                async with client(defaults={"ca_certs": certificate.certfile}) as c:
                    for value in "Basic eA==", "Basic eQ==", "Basic eA==":
                        await c.fetch(
                            server.url(host="localhost"),
                            headers={"Proxy-Authorization": value},
                            proxy_host="127.0.0.1",
                            proxy_port=proxy.port,
                        )
                found = [request.headers["proxy-authorization"] for request in proxy.requests]
                assert found == ["Basic eA==", "Basic eQ=="]

        run(main)

    def test_a_name_that_ends_with_a_dot(self, run: Run, certificate: Certificate) -> None:
        async def main() -> None:
            names = {"localhost.": "127.0.0.1"}
            options = {"ca_certs": certificate.certfile}
            async with Server(tls=certificate.server()) as server:
                async with client(hostname_mapping=names) as c:
                    assert (await c.fetch(server.url(host="localhost."), **options)).code == 200

        run(main)

    @pytest.mark.parametrize("proxied", [False, True])
    def test_an_end_within_the_handshake_is_named(self, run: Run, proxied: bool) -> None:
        class Closing(Server):
            async def _serve(self, reader: Any, writer: Any) -> None:
                await reader.read(1000)
                writer.close()

        async def main() -> None:
            async with Closing() as server, HTTPProxy() as proxy:
                through = f"http://127.0.0.1:{proxy.port}" if proxied else None
                async with new(proxy=through) as c:
                    with pytest.raises(ConnectionError) as caught:
                        await c.fetch(server.url().replace("http:", "https:"))
                    name = f"127.0.0.1:{server.port}"
                    assert (
                        str(caught.value) == f"Connection closed during TLS handshake with {name}"
                    )

        run(main)

    def test_two_codings_in_two_lines(self, run: Run) -> None:
        async def main() -> None:
            twice = response(b"x", "Content-Encoding: gzip", "Content-Encoding: br")
            async with Server(twice) as server, new() as c:
                found = await c.fetch(server.url())
                assert found.body == b"x"
                assert found.headers["Content-Encoding"] == "gzip,br"

        run(main)

    def test_an_address_that_swallows_packets(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("whirlwind._connector.CONNECT_STAGGER", 0.01)

        async def main() -> None:
            async with Server() as server:
                with socket.socket() as listener:
                    # A backlog that is full.
                    listener.bind(("127.0.0.2", server.port))
                    listener.listen(0)
                    full = [socket.socket() for _ in range(4)]
                    for sock in full:
                        sock.setblocking(False)
                        sock.connect_ex(listener.getsockname())
                    resolver = Several(["127.0.0.2", "127.0.0.1"])
                    async with client(resolver=resolver) as c:
                        assert (await c.fetch(server.url(host="one.test"))).body == b"ok"
                    for sock in full:
                        sock.close()

        run(main)

    def test_a_server_that_answers_and_does_not_read(self, run: Run) -> None:
        async def main() -> None:
            async def answer(peer: Peer) -> None:
                peer.writer.transport.pause_reading()
                await peer.send(response(b"no", "Connection: close", status="413 Too Large"))
                await done.wait()

            done = asyncio.Event()

            class Deaf(Server):
                async def _serve(self, reader: Any, writer: Any) -> None:
                    await reader.readuntil(b"\r\n\r\n")
                    await answer(Peer(reader, writer, 0))

            async with Deaf() as server, new() as c:
                found = await c.fetch(
                    server.url(), method="POST", body=b"x" * (32 << 20), raise_error=False
                )
                assert found.code == 413
                await asyncio.wait_for(c.aclose(), 10)
                done.set()

        run(main)


class TestRedirects:
    def test_behind_a_unix_socket(self, run: Run, tmp_path: Path) -> None:
        async def main() -> None:
            path = str(tmp_path / "s")
            server = Server(redirect("/b?c"), redirect("d"), OK, redirect("http+unix://%2Fx/"))
            async with server, client() as c:
                other = await asyncio.start_unix_server(server.accept, path)
                base = f"http+unix://{path.replace('/', '%2F')}"
                found = await c.fetch(f"{base}/a")
                assert found.effective_url == f"{base}/d"
                assert [request.target for request in server.requests] == ["/a", "/b?c", "/d"]
                with pytest.raises(ValueError, match="Unsupported url scheme"):
                    await c.fetch(f"{base}/a")
                other.close()
                await asyncio.sleep(0)

        run(main)


class TestRetries:
    def test_closing_gives_up_what_would_be_made_again(self, run: Run) -> None:
        async def main() -> None:
            async with Server(silent) as server, new(retry=Retry(backoff=0.001)) as c:
                future = c.fetch(server.url())
                await soon(lambda: server.requests)
                await c.aclose()
                with pytest.raises(HTTPStreamClosedError):
                    await asyncio.wait_for(future, 60)
                assert len(server.peers) == 1

        run(main)

    def test_closing_gives_up_what_waits_to_be_made_again(self, run: Run) -> None:
        async def main() -> None:
            busy = response(status="503 Busy")
            async with Server(busy) as server, new(retry=Retry(backoff=60, max_backoff=60)) as c:
                future = c.fetch(server.url())
                await soon(lambda: server.requests and not c.active)
                await c.aclose()
                with pytest.raises(HTTPClientError, match="503"):
                    await asyncio.wait_for(future, 60)

        run(main)

    @pytest.mark.parametrize(
        "value",
        [
            "Mon, 01 Jan 2024 00:00:00 +99999999999999999999",
            "Mon, 01 Jan 99999 00:00:00 GMT",
            "Mon, 01 Jan 0001 00:00:00 +2359",
            "Mon, 32 Jan 2024 25:00:00 GMT",
            "-1",
            ",",
        ],
    )
    def test_a_date_that_is_none(self, run: Run, value: str) -> None:
        async def main() -> None:
            busy = response(b"", f"Retry-After: {value}", status="503 Busy")
            async with Server(busy) as server, new(retry=Retry(backoff=0.001)) as c:
                assert (await asyncio.wait_for(c.fetch(server.url()), 10)).code == 200

        run(main)

    def test_a_trace_that_cannot_be_made_again(self, run: Run) -> None:
        made: list[Any] = []

        def trace(request: Any) -> Trace:
            made.append(request)
            if len(made) == 2:
                raise ZeroDivisionError
            return Trace(request)

        async def main() -> None:
            async with Server(response(status="503 Busy")) as server:
                async with new(retry=Retry(backoff=0.001), trace=trace) as c:
                    with pytest.raises(ZeroDivisionError):
                        await asyncio.wait_for(c.fetch(server.url()), 10)

        run(main)

    @pytest.mark.parametrize("answer", [response(b"x" * 11), b"HTTP/1.1 2 0\r\n\r\n"])
    def test_what_is_no_response_is_not_asked_for_again(self, run: Run, answer: bytes) -> None:
        async def main() -> None:
            async with Server(*[answer] * 3) as server:
                async with new(retry=Retry(backoff=0.001), max_body_size=10) as c:
                    with pytest.raises(HTTPStreamClosedError):
                        await c.fetch(server.url())
                    assert len(server.requests) == 1

        run(main)

    def test_a_proxy_that_refuses_is_not_asked_again(self, run: Run) -> None:
        async def main() -> None:
            async with HTTPProxy() as proxy:
                proxy.answer_connect = b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n"
                through = f"http://127.0.0.1:{proxy.port}"
                async with new(proxy=through, retry=Retry(backoff=0.001)) as c:
                    with pytest.raises(HTTPProxyError, match="407"):
                        await c.fetch("https://one.test/")
                    assert len(proxy.requests) == 1
                    proxy.answer_connect = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
                    with pytest.raises(HTTPProxyError, match="503"):
                        await c.fetch("https://one.test/")
                    assert len(proxy.requests) == 4

        run(main)


class TestCookies:
    def test_of_a_host_alone_do_not_go_below_it(self, run: Run) -> None:
        # RFC 6265 section 5.4: without a Domain attribute the hosts must be the same.
        async def main() -> None:
            names = {"a.example.test": "127.0.0.1", "example.test": "127.0.0.1"}
            setting = response(b"", "Set-Cookie: a=1", "Set-Cookie: b=2; Domain=example.test")
            async with Server(setting) as server:
                async with new(cookies=CookieJar(), hostname_mapping=names) as c:
                    await c.fetch(server.url(host="example.test"))
                    await c.fetch(server.url(host="a.example.test"))
                    await c.fetch(server.url(host="example.test"))
                found = [request.headers.get("cookie") for request in server.requests]
            assert found[:2] == [None, "b=2"]
            assert set(found[2].split("; ")) == {"a=1", "b=2"}

        run(main)

    def test_a_user_name_in_the_url_is_no_part_of_the_host(self, run: Run) -> None:
        async def main() -> None:
            jar = CookieJar()
            async with Server(response(b"", "Set-Cookie: a=1")) as server:
                async with new(cookies=jar) as c:
                    await c.fetch(server.url(user="me:secret"))
                    await c.fetch(server.url())
                    await c.fetch(server.url(user="me:secret"))
                found = [request.headers.get("cookie") for request in server.requests]
            assert found == [None, "a=1", "a=1"]
            assert [cookie.domain for cookie in jar] == ["127.0.0.1"]

        run(main)

    def test_a_full_jar_still_changes(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("whirlwind.client.cookies.MAX_KEPT_COOKIES", 20)

        async def main() -> None:
            names = {"one.test": "127.0.0.1", "two.test": "127.0.0.1"}
            flood = response(b"", *[f"Set-Cookie: c{i}=1" for i in range(50)])
            jar = CookieJar()
            answers = [
                response(b"", "Set-Cookie: session=old; Path=/"),
                flood,
                response(b"", "Set-Cookie: session=new; Path=/"),
                OK,
                response(b"", "Set-Cookie: session=; Path=/; Max-Age=0"),
                OK,
            ]
            async with Server(*answers) as server:
                async with new(cookies=jar, hostname_mapping=names) as c:
                    for host in "one", "two", "one", "one", "one", "one":
                        await c.fetch(server.url(host=f"{host}.test"))
                found = [request.headers.get("cookie") for request in server.requests]
            assert found[2:] == ["session=old", "session=new", "session=new", None]
            assert len(jar) <= 20

        run(main)


class TestLines:
    def test_a_line_that_ends_is_not_longer_either(self, run: Run) -> None:
        async def main() -> None:
            body = b"short\n" + b"x" * 100 + b"\nshort\n"
            async with Server(response(body), response(body)) as server, new() as c:
                async with c.stream(server.url()) as found:
                    lines = found.lines(max_size=50)
                    assert await anext(lines) == b"short"
                    with pytest.raises(HTTPStreamClosedError, match="longer than 50"):
                        await anext(lines)
                async with c.stream(server.url()) as found:
                    assert len([line async for line in found.lines(max_size=100)]) == 3

        run(main)


class TestSocks:
    def test_the_proxys_next_address_is_tried(self, run: Run, certificate: Certificate) -> None:
        pytest.importorskip("python_socks")

        async def main() -> None:
            async with Server() as server, SocksProxy() as proxy:
                resolver = Several(["127.0.0.2", "127.0.0.1"])
                through = f"socks5h://proxy.test:{proxy.port}"
                async with new(proxy=through, resolver=resolver) as c:
                    assert (await c.fetch(server.url())).body == b"ok"
                assert len(proxy.asked) == 1

        run(main)

    def test_the_servers_next_address_is_tried(self, run: Run) -> None:
        pytest.importorskip("python_socks")

        class Picky(SocksProxy):
            def admits(self, host: str) -> bool:
                return host == "127.0.0.1"

        async def main() -> None:
            async with Server() as server, Picky() as proxy:
                resolver = Several(["127.0.0.2", "127.0.0.1"])
                through = f"socks5://127.0.0.1:{proxy.port}"
                async with new(proxy=through, resolver=resolver) as c:
                    assert (await c.fetch(server.url(host="origin.test"))).body == b"ok"
                assert [host for _, host, _ in proxy.asked] == ["127.0.0.2", "127.0.0.1"]

        run(main)

    def test_a_silent_proxy(self, run: Run) -> None:
        pytest.importorskip("python_socks")

        async def main() -> None:
            closed = asyncio.Event()

            async def accept(reader: Any, writer: Any) -> None:
                await reader.read()
                writer.close()
                closed.set()

            listener = await asyncio.start_server(accept, "127.0.0.1", 0)
            port = listener.sockets[0].getsockname()[1]
            async with new(proxy=f"socks5h://127.0.0.1:{port}") as c:
                with pytest.raises(HTTPTimeoutError) as caught:
                    await c.fetch("http://one.test/", connect_timeout=0.3)
                assert caught.value.phase == "proxy"
                await asyncio.wait_for(closed.wait(), 10)
            listener.close()

        run(main)
