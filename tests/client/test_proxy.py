"""Requests through proxies, against real ones on the loopback."""

import asyncio
import ssl
from typing import Any

import pytest

from tests.client.proxies import HTTPProxy, SocksProxy
from tests.client.scripted import OK, Server, client, redirect
from tests.unit.loops import Certificate, Run, certificate, run
from whirlwind.client import proxy as proxies
from whirlwind.client import urls
from whirlwind.client.errors import HTTPProxyError
from whirlwind.client.proxy import Proxy
from whirlwind.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError

__all__ = ["certificate", "run"]


def through(proxy: Any, **kwargs: Any) -> dict[str, Any]:
    return {"proxy_host": "127.0.0.1", "proxy_port": proxy.port, **kwargs}


class TestForwarding:
    def test_requests_of_several_origins_over_one_connection(self, run: Run) -> None:
        async def main() -> None:
            async with HTTPProxy() as proxy, client() as c:
                await c.fetch("http://one.test/a?b#c", **through(proxy))
                await c.fetch("http://two.test:81/", **through(proxy, method="POST", body=b"x"))
            one, two = proxy.requests
            assert (one.target, one.headers["host"]) == ("http://one.test/a?b", "one.test")
            assert (two.target, two.headers["host"]) == ("http://two.test:81/", "two.test:81")
            assert two.body == b"x"
            assert "proxy-authorization" not in one.headers
            assert len(proxy.peers) == 1

        run(main)

    def test_credentials(self, run: Run) -> None:
        async def main() -> None:
            async with HTTPProxy() as proxy, client() as c:
                secret = through(proxy, proxy_username="foo", proxy_password="bar")
                await c.fetch("http://one.test/", **secret)
                await c.fetch("http://one.test/", **through(proxy))
                await c.fetch("http://one.test/", **through(proxy, proxy_username="foo"))
                await c.fetch("http://u:p@one.test/", **secret)
            found = [request.headers.get("proxy-authorization") for request in proxy.requests]
            assert found == ["Basic Zm9vOmJhcg==", None, "Basic Zm9vOg==", "Basic Zm9vOmJhcg=="]
            assert proxy.requests[3].headers["authorization"] == "Basic dTpw"
            # What was said to the proxy on a connection is not for other users of it.
            assert len({request.peer for request in proxy.requests[:3]}) == 3

        run(main)

    def test_redirects_go_through_it_too(self, run: Run) -> None:
        async def main() -> None:
            async with HTTPProxy(redirect("http://two.test/x")) as proxy, client() as c:
                found = await c.fetch("http://one.test/", **through(proxy, proxy_username="u"))
                assert found.effective_url == "http://two.test/x"
            assert [request.target for request in proxy.requests] == [
                "http://one.test/",
                "http://two.test/x",
            ]
            assert all("proxy-authorization" in request.headers for request in proxy.requests)

        run(main)

    @pytest.mark.parametrize(
        "kwargs",
        [
            {"proxy_host": "127.0.0.1"},
            {"proxy_host": "127.0.0.1", "proxy_port": 1, "proxy_auth_mode": "digest"},
        ],
    )
    def test_settings_that_are_none(self, run: Run, kwargs: dict[str, Any]) -> None:
        async def main() -> None:
            async with client() as c:
                with pytest.raises(ValueError, match="proxy"):
                    await c.fetch("http://one.test/", **kwargs)

        run(main)


class TestTunnels:
    def test_tls_through_an_http_proxy(self, run: Run, certificate: Certificate) -> None:
        async def main() -> None:
            async with Server(tls=certificate.server()) as server, HTTPProxy() as proxy:
                async with client() as c:
                    options = through(
                        proxy,
                        ca_certs=certificate.certfile,
                        proxy_username="foo",
                        proxy_password="bar",
                        headers={"Proxy-Authorization": "secret", "X": "y"},
                    )
                    url = server.url("/a", host="localhost")
                    for _ in range(3):
                        assert (await c.fetch(url, **options)).body == b"ok"
                (tunnel,) = proxy.requests
                assert tunnel.line == f"CONNECT localhost:{server.port} HTTP/1.1"
                assert tunnel.headers["host"] == f"localhost:{server.port}"
                assert tunnel.headers["proxy-authorization"] == "Basic Zm9vOmJhcg=="
                for request in server.requests:
                    assert request.target == "/a"
                    assert request.headers["x"] == "y"
                    assert "proxy-authorization" not in request.headers

        run(main)

    def test_tls_to_the_proxy(self, run: Run, certificate: Certificate) -> None:
        async def main() -> None:
            async with (
                Server(tls=certificate.server()) as server,
                HTTPProxy(tls=certificate.server()) as proxy,
                client() as c,
            ):
                c._engine.proxy_context = certificate.client()
                c._connection_class = lambda: _call_through(  # type: ignore[method-assign]
                    Proxy("https", "localhost", proxy.port)
                )
                url = server.url(host="localhost")
                assert (await c.fetch(url, ca_certs=certificate.certfile)).body == b"ok"
                assert (await c.fetch("http://one.test/")).body == b"ok"
                assert proxy.tunnels == [f"localhost:{server.port}"]
                assert proxy.requests[1].target == "http://one.test/"

        run(main)

    @pytest.mark.parametrize(
        ("answer", "status", "message"),
        [
            (b"HTTP/1.1 407 Nope\r\nContent-Length: 2\r\n\r\nno", 407, "407 Nope"),
            (b"HTTP/1.1 502 Bad\r\n\r\n", 502, "502"),
            (b"garbage\r\n\r\n", None, "no valid response"),
            (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n", None, "sent something"),
            (b"HTTP/1.1 100 Go\r\n\r\n" * 20, None, "1xx"),
            (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000, None, "too large"),
        ],
    )
    def test_refusals(self, run: Run, answer: bytes, status: int | None, message: str) -> None:
        async def main() -> None:
            async with HTTPProxy() as proxy, client() as c:
                proxy.answer_connect = answer
                with pytest.raises(HTTPProxyError, match=message) as caught:
                    await c.fetch("https://one.test/", **through(proxy))
                assert (caught.value.code, caught.value.proxy_status) == (599, status)

        run(main)

    def test_a_proxy_that_leaves_or_is_silent(self, run: Run) -> None:
        async def main() -> None:
            async def leave(peer: Any) -> None:
                peer.writer.close()

            async def nothing(peer: Any) -> None:
                await peer.reader.read()

            async with Server(leave, nothing) as proxy, client() as c:
                with pytest.raises(HTTPProxyError, match="closed"):
                    await c.fetch("https://one.test/", **through(proxy))
                with pytest.raises(HTTPTimeoutError) as caught:
                    await c.fetch("https://one.test/", **through(proxy, connect_timeout=0.4))
                expected = "Timeout while connecting to one.test:443 through a proxy"
                assert (str(caught.value), caught.value.phase) == (expected, "proxy")
                await proxy.peers[1].closed.wait()

        run(main)

    def test_the_name_is_verified(self, run: Run, certificate: Certificate) -> None:
        async def main() -> None:
            async with Server(tls=certificate.server()) as server, HTTPProxy() as proxy:
                async with client() as c:
                    with pytest.raises(ssl.SSLCertVerificationError):
                        await c.fetch(
                            server.url(host="example.test"),
                            **through(proxy, ca_certs=certificate.certfile),
                        )

        run(main)


class TestSocks:
    @pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
    @pytest.mark.parametrize("tls", [False, True])
    def test_requests(self, run: Run, certificate: Certificate, scheme: str, tls: bool) -> None:
        pytest.importorskip("python_socks")

        async def main() -> None:
            context = certificate.server() if tls else None
            async with Server(tls=context) as server, SocksProxy("u", "p") as proxy:
                async with client(defaults={"ca_certs": certificate.certfile}) as c:
                    c._connection_class = lambda: _call_through(  # type: ignore[method-assign]
                        Proxy(scheme, "127.0.0.1", proxy.port, "u", "p")
                    )
                    for _ in range(2):
                        found = await c.fetch(server.url("/x", host="localhost"), allow_ipv6=False)
                        assert found.body == b"ok"
                expected = (3, "localhost") if scheme == "socks5h" else (1, "127.0.0.1")
                assert proxy.asked == [(*expected, server.port)]
                assert server.requests[0].target == "/x"

        run(main)

    def test_refusals(self, run: Run) -> None:
        pytest.importorskip("python_socks")

        async def main() -> None:
            async with SocksProxy("u", "p") as proxy, client() as c:
                for chosen, refusal in (
                    (Proxy("socks5h", "127.0.0.1", proxy.port, "u", "wrong"), 0),
                    (Proxy("socks5h", "127.0.0.1", proxy.port), 0),
                    (Proxy("socks5h", "127.0.0.1", proxy.port, "u", "p"), 5),
                ):
                    proxy.refusal = refusal
                    c._connection_class = lambda chosen=chosen: _call_through(chosen)  # type: ignore[method-assign,misc]
                    with pytest.raises(HTTPProxyError, match="SOCKS"):
                        await c.fetch("http://one.test/")

        run(main)


def _call_through(proxy: Proxy) -> type:
    from whirlwind.simple_httpclient import _HTTPConnection

    class Through(_HTTPConnection):
        def default_proxy(self) -> Proxy | None:
            return proxy

    return Through


def test_proxy_urls() -> None:
    assert proxies.parse("http://u%40:p%3A@h.test:3128/") == Proxy(
        "http", "h.test", 3128, "u@", "p:"
    )
    assert proxies.parse("h.test:1") == Proxy("http", "h.test", 1)
    assert proxies.parse("socks5h://h.test") == Proxy("socks5h", "h.test", 1080)
    assert proxies.parse("https://[::1]") == Proxy("https", "::1", 443)
    for wrong in ("ftp://h", "http://", "http://h:x"):
        with pytest.raises(ValueError):  # noqa: PT011
            proxies.parse(wrong)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a.test/", "one"),
        ("https://a.test/", "two"),
        ("http://internal/", None),
        ("http://x.internal/", None),
        ("http://internal.test/", "one"),
        ("https://b.test:8443/", None),
        ("https://b.test/", "two"),
        ("http://127.0.0.1:80/", None),
    ],
)
def test_environment(monkeypatch: pytest.MonkeyPatch, url: str, expected: str | None) -> None:
    for name in ("http", "https", "all", "no"):
        for spelling in (f"{name}_proxy", f"{name}_proxy".upper()):
            monkeypatch.delenv(spelling, raising=False)
    origin = urls.parse(url)[0]
    assert proxies.from_environment(origin) is None
    monkeypatch.setenv("http_proxy", "http://one:1")
    monkeypatch.setenv("HTTPS_PROXY", "two:2")
    monkeypatch.setenv("no_proxy", "internal, b.test:8443,127.0.0.1")
    found = proxies.from_environment(origin)
    assert (found and found.host) == expected
    monkeypatch.setenv("no_proxy", "*")
    assert proxies.from_environment(origin) is None


def test_tornado_ignores_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    async def main() -> None:
        async with Server() as server, client() as c:
            assert (await c.fetch(server.url())).body == b"ok"

    run(main)


def test_a_proxy_that_closes_its_connection(run: Run) -> None:
    async def main() -> None:
        async def cut(peer: Any) -> None:
            peer.writer.close()

        async with HTTPProxy(cut, OK) as proxy, client() as c:
            with pytest.raises(HTTPStreamClosedError):
                await c.fetch("http://one.test/", **through(proxy))
            assert (await c.fetch("http://one.test/", **through(proxy))).body == b"ok"
            await asyncio.sleep(0)

    run(main)
