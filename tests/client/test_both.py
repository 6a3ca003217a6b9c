"""What the simple client and the one on libcurl do alike; and what only libcurl does."""

import asyncio
import copy
import gzip
import logging
import pickle
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from hashlib import md5
from typing import Any

import pytest

from tests.client.proxies import HTTPProxy
from tests.client.scripted import (
    CLOSE,
    OK,
    Peer,
    Server,
    checked,
    redirect,
    response,
    soon,
)
from tests.unit.loops import Certificate, Run, certificate, run
from whirlwind.httpclient import AsyncHTTPClient, HTTPClient, HTTPClientError, HTTPRequest
from whirlwind.simple_httpclient import SimpleAsyncHTTPClient

__all__ = ["certificate", "run"]

Make = Callable[..., AbstractAsyncContextManager[Any]]


@asynccontextmanager
async def curl_client(**options: Any) -> AsyncIterator[Any]:
    """A client on libcurl that must leave nothing behind."""
    from whirlwind.curl_httpclient import CurlAsyncHTTPClient

    made: Any = CurlAsyncHTTPClient(force_instance=True, **options)
    try:
        yield made
    finally:
        active, requests = dict(made._active), list(made._requests)
        made.close()
        assert not active
        assert not requests
        assert not made._fds
        assert not made._timer


@pytest.fixture(params=["simple", "curl"])
def make(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes clients of each kind."""
    for name in (
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    if request.param == "simple":
        return lambda **options: checked(SimpleAsyncHTTPClient(force_instance=True, **options))
    pytest.importorskip("pycurl")
    return curl_client


class TestBoth:
    def test_requests(self, run: Run, make: Make) -> None:
        async def main() -> None:
            async with Server() as server, make() as c:
                for method, body in (
                    ("GET", None),
                    ("HEAD", None),
                    ("DELETE", None),
                    ("OPTIONS", None),
                    ("POST", b"a=b"),
                    ("POST", b""),
                    ("PUT", b"x"),
                    ("PUT", b""),
                    ("PATCH", "é"),
                ):
                    if method == "HEAD":
                        server.answers = [response(b"", "Content-Length: 2", length=False)]
                    url = server.url("/a b?é=1#frag")
                    found = await c.fetch(url, method=method, body=body, headers={"X-Y": "z"})
                    assert found.code == 200
                    assert found.body == (b"" if method == "HEAD" else b"ok")
                    request = server.requests[-1]
                    assert (request.method, request.target) == (method, "/a%20b?%C3%A9=1")
                    assert request.headers["x-y"] == "z"
                    if body is None:
                        assert "content-length" not in request.headers
                    else:
                        sent = body.encode() if isinstance(body, str) else body
                        assert request.body == sent
                        assert request.headers["content-length"] == str(len(sent))
                    assert ("content-type" in request.headers) == (method == "POST")
                    assert "expect" not in request.headers
                assert len(server.peers) == 1

        run(main)

    def test_s11_patch_with_a_body(self, run: Run, make: Make) -> None:
        async def main() -> None:
            async with Server() as server, make() as c:
                await c.fetch(server.url(), method="PATCH", body=b"some patch data")
                assert server.requests[0].method == "PATCH"
                assert server.requests[0].body == b"some patch data"

        run(main)

    def test_s10_nonstandard_methods_skip_the_checks_of_bodies(self, run: Run, make: Make) -> None:
        async def main() -> None:
            async with Server() as server, make() as c:
                for method, body in (
                    ("DELETE", b"x"),
                    ("POST", None),
                    ("PUT", None),
                    ("LIST", None),
                ):
                    await c.fetch(
                        server.url(), method=method, body=body, allow_nonstandard_methods=True
                    )
                    assert server.requests[-1].method == method
                    assert server.requests[-1].body == (body or b"")
                for method, body in (("DELETE", b"x"), ("GET", b"x"), ("POST", None)):
                    with pytest.raises(ValueError, match="Body must"):
                        await c.fetch(server.url(), method=method, body=body)
                with pytest.raises(KeyError):
                    await c.fetch(server.url(), method="LIST")

        run(main)

    @pytest.mark.parametrize(
        "headers", [{"a": "b\r\nc: d"}, {"a\n": "b"}, {"a": "b\0"}, {"a b": "c"}, {"a": "€"}]
    )
    def test_fields_that_cannot_be_sent(self, run: Run, make: Make, headers: Any) -> None:
        async def main() -> None:
            async with Server() as server, make() as c:
                with pytest.raises(ValueError):  # noqa: PT011
                    await c.fetch(server.url(), headers=headers)
                assert not server.requests
                # The client is as it was.
                assert (await c.fetch(server.url())).body == b"ok"

        run(main)

    @pytest.mark.parametrize("agent", ["a\r\nX: y", "a\nX: y", "a\0", "\u20ac"])
    def test_agents_that_cannot_be_sent(self, run: Run, make: Make, agent: str) -> None:
        async def main() -> None:
            async with Server() as server, make() as c:
                with pytest.raises(ValueError, match="Illegal characters in User-Agent"):
                    await c.fetch(server.url(), user_agent=agent)
                with pytest.raises(ValueError, match="Illegal characters"):
                    await c.fetch(server.url(), user_agent=agent, headers={"X": "y"})
                assert not server.requests
                await c.fetch(server.url(), user_agent="caf\xe9")
                assert server.requests[0].headers["user-agent"] == "caf\xe9"

        run(main)

    def test_what_is_for_the_proxy_goes_no_further(
        self, run: Run, make: Make, certificate: Certificate
    ) -> None:
        async def main() -> None:
            async with Server(tls=certificate.server()) as server, HTTPProxy() as proxy:
                async with make() as c:
                    options = {
                        "headers": {"Proxy-Authorization": "Basic eA==", "X": "y"},
                        "proxy_host": "127.0.0.1",
                        "proxy_port": proxy.port,
                        "ca_certs": certificate.certfile,
                    }
                    await c.fetch(server.url(host="localhost"), **options)
                    await c.fetch("http://one.test/", **options)
                (request,) = server.requests
                assert request.headers["x"] == "y"
                assert "proxy-authorization" not in request.headers
                tunnel, plain = proxy.requests
                assert tunnel.headers["proxy-authorization"] == "Basic eA=="
                assert plain.headers["proxy-authorization"] == "Basic eA=="

        run(main)

    def test_fields(self, run: Run, make: Make) -> None:
        async def main() -> None:
            async with Server(
                response(b"", "X-A: 1", "x-a: 2", "Set-Cookie: c", "X: \xe9")
            ) as server:
                async with make(defaults={"user_agent": "agent"}) as c:
                    found = await c.fetch(server.url(), headers={"Foo": "b\xe4r", "Empty": ""})
                    assert found.headers.get_list("X-A") == ["1", "2"]
                    assert found.headers["X"] == "\xe9"
                    request = server.requests[0]
                    assert request.headers["foo"] == "b\xe4r"
                    assert request.headers["empty"] == ""
                    assert request.headers["user-agent"] == "agent"
                    await c.fetch(server.url(), headers={"User-Agent": "other", "Host": "h.test"})
                    assert server.requests[1].headers["user-agent"] == "other"
                    assert server.requests[1].headers["host"] == "h.test"

        run(main)

    def test_statuses(self, run: Run, make: Make) -> None:
        async def main() -> None:
            no = response(b"no", status="404 Gone Fishing")
            async with Server(no, no, response(status="204 ", length=False)) as server:
                async with make() as c:
                    with pytest.raises(HTTPClientError) as caught:
                        await c.fetch(server.url())
                    assert str(caught.value) == "HTTP 404: Gone Fishing"
                    assert caught.value.response is not None
                    assert caught.value.response.body == b"no"
                    found = await c.fetch(server.url(), raise_error=False)
                    assert (found.code, found.reason) == (404, "Gone Fishing")
                    found = await c.fetch(server.url())
                    assert (found.code, found.reason, found.body) == (204, "No Content", b"")

        run(main)

    def test_authentication(self, run: Run, make: Make) -> None:
        async def main() -> None:
            async with Server() as server, make() as c:
                await c.fetch(server.url(), auth_username="Aladdin", auth_password="open sesame")
                await c.fetch(server.url(), auth_username="test", auth_password="123£")
                await c.fetch(server.url(user="us%40er:p%3Aw"))
                await c.fetch(server.url())
                found = [request.headers.get("authorization") for request in server.requests]
                assert found == [
                    "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                    "Basic dGVzdDoxMjPCow==",
                    "Basic dXNAZXI6cDp3",
                    None,
                ]
                with pytest.raises(ValueError, match="auth_mode"):
                    await c.fetch(server.url(), auth_username="a", auth_mode="other")

        run(main)

    @pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
    def test_redirects(self, run: Run, make: Make, code: int, method: str) -> None:
        async def main() -> None:
            body = b"xyz" if method in ("POST", "PUT") else None
            last = response(b"", "Content-Length: 2", length=False) if method == "HEAD" else OK
            async with Server(redirect("/b", code), last) as server, make() as c:
                found = await c.fetch(server.url(), method=method, body=body)
                assert found.effective_url == server.url("/b")
                assert found.request.url == server.url()
            changes = code == 303 or (code in (301, 302) and method == "POST")
            after = "GET" if changes and method != "HEAD" else method
            second = server.requests[1]
            assert (second.method, second.target) == (after, "/b")
            assert second.body == (body if body and after == method else b"")

        run(main)

    def test_redirects_that_are_not_followed(self, run: Run, make: Make) -> None:
        async def main() -> None:
            async with Server() as server, make() as c:
                server.answers = [redirect("/b")]
                found = await c.fetch(server.url(), follow_redirects=False, raise_error=False)
                assert (found.code, found.headers["Location"]) == (302, "/b")
                server.answers = [response(status="301 Nowhere")]
                assert (await c.fetch(server.url(), raise_error=False)).code == 301
                server.answers = [redirect("/b")] * 9
                with pytest.raises(HTTPClientError):
                    await c.fetch(server.url(), max_redirects=3)
                server.answers = [redirect("ftp://127.0.0.1/")]
                with pytest.raises((ValueError, HTTPClientError)):
                    await c.fetch(server.url())
                server.answers = []
                assert (await c.fetch(server.url())).body == b"ok"

        run(main)

    def test_secrets_stay_with_their_origin(self, run: Run, make: Make) -> None:
        async def main() -> None:
            secret: dict[str, Any]
            async with Server() as other, Server() as server, make() as c:
                for secret in (
                    {"headers": {"Authorization": "secret"}},
                    {"headers": {"Cookie": "secret"}},
                    {"auth_username": "me", "auth_password": "secret"},
                ):
                    for target in (server, other):
                        server.answers = [redirect(target.url("/z"))]
                        await c.fetch(server.url(), **secret)
                        last = target.requests[-1].headers
                        assert ("authorization" in last or "cookie" in last) == (target is server)

        run(main)

    def test_callbacks(self, run: Run, make: Make) -> None:
        async def main() -> None:
            seen: list[Any] = []
            packed = gzip.compress(b"abcd" * 1000)
            async with Server(response(packed, "X-A: 1", "Content-Encoding: gzip")) as server:
                async with make() as c:
                    found = await c.fetch(
                        server.url(), header_callback=seen.append, streaming_callback=seen.append
                    )
            assert found.body == b""
            lines = [item for item in seen if isinstance(item, str)]
            chunks = [item for item in seen if isinstance(item, bytes)]
            assert seen == lines + chunks  # the header comes first
            assert b"".join(chunks) == b"abcd" * 1000
            assert lines[0] == "HTTP/1.1 200 OK\r\n"
            assert "X-A: 1\r\n" in lines
            assert lines[-1] == "\r\n"

        run(main)

    def test_s30_only_the_last_response_reaches_the_callbacks(self, run: Run, make: Make) -> None:
        async def main() -> None:
            seen: list[Any] = []
            async with Server(redirect("/1", body=b"first"), OK) as server, make() as c:
                await c.fetch(
                    server.url(), header_callback=seen.append, streaming_callback=seen.append
                )
            assert [item for item in seen if str(item).startswith("HTTP/")] == [
                "HTTP/1.1 200 OK\r\n"
            ]
            assert [item for item in seen if isinstance(item, bytes)] == [b"ok"]

        run(main)

    def test_gzip(self, run: Run, make: Make) -> None:
        async def main() -> None:
            packed = response(gzip.compress(b"hello" * 1000), "Content-Encoding: gzip")
            async with Server(packed, packed, packed[:-9]) as server, make() as c:
                assert (await c.fetch(server.url())).body == b"hello" * 1000
                found = await c.fetch(server.url(), decompress_response=False)
                assert gzip.decompress(found.body) == b"hello" * 1000
                assert "gzip" in server.requests[0].headers["accept-encoding"]
                assert "accept-encoding" not in server.requests[1].headers
                with pytest.raises(HTTPClientError):
                    await c.fetch(server.url(), request_timeout=0.2)

        run(main)

    @pytest.mark.parametrize("streaming", [False, True])
    def test_bodies_that_are_too_large(self, run: Run, make: Make, streaming: bool) -> None:
        async def main() -> None:
            big = response(b"x" * 1001)
            bomb = response(gzip.compress(bytes(100_000)), "Content-Encoding: gzip")
            got: list[bytes] = []
            options: dict[str, Any] = {"streaming_callback": got.append} if streaming else {}
            async with Server(response(b"x" * 1000), big, bomb) as server:
                async with make(max_body_size=1000) as c:
                    await c.fetch(server.url(), **options)
                    for _ in range(2):
                        got.clear()
                        with pytest.raises(HTTPClientError) as caught:
                            await c.fetch(server.url(), **options)
                        assert caught.value.code == 599
                        assert sum(map(len, got)) <= 1000
                    assert (await c.fetch(server.url())).body == b"ok"

        run(main)

    def test_a_large_body_both_ways(self, run: Run, make: Make) -> None:
        async def main() -> None:
            body = bytes(range(256)) * 8000
            async with Server(response(body), redirect("/x", 307)) as server, make() as c:
                chunks: list[bytes] = []
                await c.fetch(server.url(), streaming_callback=chunks.append)
                assert b"".join(chunks) == body
                await c.fetch(server.url(), method="PUT", body=body)
                assert [request.body for request in server.requests[1:]] == [body, body]

        run(main)

    def test_timeouts(self, run: Run, make: Make) -> None:
        async def main() -> None:
            async def silent(peer: Peer) -> None:
                await peer.reader.read()

            async with Server(OK, silent, silent) as server, make(max_clients=1) as c:
                await c.fetch(server.url())
                first = c.fetch(server.url(), request_timeout=0.3)
                with pytest.raises(HTTPClientError, match="Timeout in request queue") as caught:
                    await c.fetch(server.url(), connect_timeout=0.02)
                assert caught.value.code == 599
                with pytest.raises(HTTPClientError, match=r"[Tt]imed? ?out"):
                    await first
                server.answers = []
                found = await c.fetch(server.url(), request_timeout=0, connect_timeout=0)
                assert found.code == 200

        run(main)

    def test_cuts(self, run: Run, make: Make) -> None:
        whole = response(b"hello")

        async def main() -> None:
            async with Server() as server, make() as c:
                for size in range(0, len(whole), 5):
                    server.answers = [[whole[:size], 0.001, CLOSE]]
                    with pytest.raises(HTTPClientError):
                        await c.fetch(server.url())
                server.answers = [[response(b"abc", length=False), CLOSE]]
                assert (await c.fetch(server.url())).body == b"abc"

        run(main)

    def test_refused_and_unknown(self, run: Run, make: Make) -> None:
        async def main() -> None:
            async with make() as c:
                for url in ("http://127.0.0.1:1/", "http://nonexistent.invalid/"):
                    with pytest.raises((OSError, HTTPClientError)):
                        await c.fetch(url, raise_error=False)

        run(main)

    def test_queue(self, run: Run, make: Make) -> None:
        async def main() -> None:
            busy = most = 0

            async def count(peer: Peer) -> None:
                nonlocal busy, most
                busy += 1
                most = max(most, busy)
                await asyncio.sleep(0.005)
                busy -= 1
                await peer.send(OK)

            async with Server(*[count] * 12) as server, make(max_clients=3) as c:
                found = await asyncio.gather(*[c.fetch(server.url()) for _ in range(12)])
                assert all(one.body == b"ok" for one in found)
            assert most == 3

        run(main)

    def test_cancelling(self, run: Run, make: Make, caplog: pytest.LogCaptureFixture) -> None:
        async def main() -> None:
            async def never(peer: Peer) -> None:
                await peer.reader.read()

            async with Server(never) as server, make(max_clients=1) as c:
                tasks = [asyncio.ensure_future(_fetch(c, server.url())) for _ in range(3)]
                await soon(lambda: server.requests)
                tasks[1].cancel()
                tasks[0].cancel()
                found = await asyncio.gather(*tasks, return_exceptions=True)
                assert [isinstance(one, asyncio.CancelledError) for one in found] == [
                    True,
                    True,
                    False,
                ]
                await server.peers[0].closed.wait()
                assert not caplog.records

        run(main)

    def test_callbacks_hear_nothing_after_cancelling(self, run: Run, make: Make) -> None:
        async def main() -> None:
            async def trickle(peer: Peer) -> None:
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n")
                for _ in range(3):
                    await peer.send(b"0123456789")
                    await asyncio.sleep(0)

            async with make() as c:
                for steps in range(40):
                    async with Server(trickle) as server:
                        seen: list[object] = []
                        options = {
                            "streaming_callback": seen.append,
                            "header_callback": seen.append,
                        }
                        task = asyncio.ensure_future(_fetch(c, server.url(), **options))
                        for _ in range(steps):
                            await asyncio.sleep(0)
                        if task.cancel():
                            heard = len(seen)
                            await asyncio.wait([task])
                            for _ in range(3):
                                await asyncio.sleep(0)
                            assert len(seen) == heard

        run(main)

    def test_a_callback_that_cancels_others(self, run: Run, make: Make) -> None:
        async def main() -> None:
            tasks: list[asyncio.Task[Any]] = []

            def cancel(chunk: bytes) -> None:
                for task in tasks:
                    task.cancel()

            async with Server(*[response(b"x")] * 9) as server, make() as c:
                for _ in range(9):
                    task = asyncio.ensure_future(_fetch(c, server.url(), streaming_callback=cancel))
                    tasks.append(task)
                await asyncio.wait(tasks)
                assert (await c.fetch(server.url())).code == 200

        run(main)

    def test_tls(self, run: Run, make: Make, certificate: Certificate) -> None:
        async def main() -> None:
            context = certificate.server()
            context.load_verify_locations(certificate.certfile)
            context.verify_mode = ssl.CERT_OPTIONAL
            shown: list[bool] = []

            async def tell(peer: Peer) -> None:
                tls = peer.writer.get_extra_info("ssl_object")
                shown.append(bool(tls.getpeercert()))
                await peer.send(OK)

            async with Server(*[tell] * 9, tls=context) as server:
                async with make(defaults={"allow_ipv6": False}) as c:
                    url = server.url(host="localhost")
                    with pytest.raises((ssl.SSLError, HTTPClientError)):
                        await c.fetch(url)
                    await c.fetch(url, ca_certs=certificate.certfile)
                    await c.fetch(
                        url,
                        validate_cert=False,
                        client_cert=certificate.certfile,
                        client_key=certificate.keyfile,
                    )
                    await c.fetch(url, validate_cert=False)
                    assert shown == [False, True, False]

        run(main)

    def test_proxies(self, run: Run, make: Make, certificate: Certificate) -> None:
        async def main() -> None:
            async with (
                HTTPProxy() as proxy,
                Server(tls=certificate.server()) as server,
                make(max_clients=1) as c,
            ):
                options = {"proxy_host": "127.0.0.1", "proxy_port": proxy.port}
                secret = {"proxy_username": "foo", "proxy_password": "bar"}
                await c.fetch("http://one.test/", **options, **secret)
                await c.fetch("http://one.test/", **options)
                assert [r.headers.get("proxy-authorization") for r in proxy.requests] == [
                    "Basic Zm9vOmJhcg==",
                    None,
                ]
                assert proxy.requests[0].target == "http://one.test/"
                found = await c.fetch(
                    server.url(host="localhost"), **options, **secret, ca_certs=certificate.certfile
                )
                assert found.body == b"ok"
                assert proxy.tunnels == [f"localhost:{server.port}"]
                assert "proxy-authorization" not in server.requests[0].headers
                with pytest.raises(ValueError, match="proxy_port"):
                    await c.fetch("http://one.test/", proxy_host="127.0.0.1")

        run(main)

    def test_local_address(self, run: Run, make: Make) -> None:
        async def main() -> None:
            async with Server() as server, make() as c:
                await c.fetch(server.url(), network_interface="127.0.0.1")
                with pytest.raises((ValueError, HTTPClientError)):
                    await c.fetch(server.url(), network_interface="not-an-interface")

        run(main)

    def test_times(self, run: Run, make: Make) -> None:
        async def main() -> None:
            async with Server() as server, make(max_clients=1) as c:
                _, second = await asyncio.gather(c.fetch(server.url()), c.fetch(server.url()))
                assert 0 <= second.request_time < 5
                assert second.time_info["queue"] > 0
                assert all(0 <= value < 5 for value in second.time_info.values())
                assert abs(second.start_time - second.request.start_time) < 5

        run(main)


class TestCurl:
    """What only libcurl does."""

    @pytest.fixture(autouse=True)
    def _needs_pycurl(self) -> None:
        pytest.importorskip("pycurl")

    def test_s09_folded_fields(self, run: Run) -> None:
        async def main() -> None:
            folded = response(b"", "X-XSS-Protection: 1;", "\tmode=block", "Y: z")
            async with Server(folded) as server, curl_client() as c:
                found = await c.fetch(server.url())
                assert found.headers["X-XSS-Protection"] == "1; mode=block"
                assert found.headers["Y"] == "z"

        run(main)

    def test_s09_lines_as_older_versions_hand_them_over(self, run: Run) -> None:
        from whirlwind.curl_httpclient.receiving import HeaderReceiver

        async def main() -> None:
            receiver = HeaderReceiver(None, None, 0)  # type: ignore[arg-type]
            for line in (b"HTTP/1.1 200 OK", b"A: 1", b"X: a", b"  b ", b"\tc", b"Y: z", b""):
                assert receiver.receive(line + b"\r\n") is None
            assert list(receiver.headers.get_all()) == [("A", "1"), ("X", "a b c"), ("Y", "z")]
            receiver = HeaderReceiver(None, None, 0)  # type: ignore[arg-type]
            receiver.receive(b"HTTP/1.1 200 OK\r\n")
            assert receiver.receive(b" x\r\n") == -1
            assert receiver.error == "The first header line is folded"

        run(main)

    def test_digest(self, run: Run) -> None:
        async def main() -> None:
            challenge = response(
                b"", 'WWW-Authenticate: Digest realm="r", nonce="n"', status="401 No"
            )
            async with Server(challenge) as server, curl_client() as c:
                found = await c.fetch(
                    server.url("/d"), auth_mode="digest", auth_username="u", auth_password="pü"
                )
                assert found.body == b"ok"
                sent = server.requests[1].headers["authorization"]
            parts = dict(part.strip().split("=", 1) for part in sent[7:].split(","))
            one = md5("u:r:pü".encode()).hexdigest()
            two = md5(b"GET:/d").hexdigest()
            assert parts["response"] == f'"{md5(f"{one}:n:{two}".encode()).hexdigest()}"'

        run(main)

    def test_what_it_does_not_do(self, run: Run) -> None:
        async def later(chunk: bytes) -> None:
            await asyncio.sleep(0)

        async def main() -> None:
            async with Server() as server, curl_client() as c:
                for error, kwargs in (
                    (ValueError, {"ssl_options": {}}),
                    (ValueError, {"body_producer": lambda write: None}),
                    (ValueError, {"proxy_host": "h", "proxy_port": 1, "proxy_auth_mode": "x"}),
                    (
                        ValueError,
                        {"body": b"x", "allow_nonstandard_methods": True},
                    ),
                ):
                    with pytest.raises(error):
                        await c.fetch(server.url(), **kwargs)  # type: ignore[arg-type]
                with pytest.raises(TypeError):
                    await c.fetch(server.url(), streaming_callback=later)
                assert not server.requests

        run(main)

    def test_prepare_curl_callback(self, run: Run) -> None:
        import pycurl

        def prepare(curl: Any) -> None:
            curl.setopt(pycurl.COOKIE, "a=b")

        async def main() -> None:
            async with Server() as server, curl_client(max_clients=1) as c:
                await c.fetch(server.url(), prepare_curl_callback=prepare)
                await c.fetch(server.url())
                assert [r.headers.get("cookie") for r in server.requests] == ["a=b", None]

        run(main)

    def test_the_environment_names_a_proxy(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        async def main() -> None:
            async with HTTPProxy() as proxy, curl_client() as c:
                monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
                monkeypatch.setenv("no_proxy", "two.test")
                await c.fetch("http://one.test/")
                assert proxy.requests[0].target == "http://one.test/"

        run(main)

    def test_errors(self, run: Run) -> None:
        import pycurl

        from whirlwind.curl_httpclient import CurlError

        async def main() -> None:
            async with curl_client() as c:
                with pytest.raises(CurlError) as caught:
                    await c.fetch("http://127.0.0.1:1/")
            error = caught.value
            assert (error.code, error.errno) == (599, pycurl.E_COULDNT_CONNECT)
            for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
                assert (other.errno, other.message) == (error.errno, error.message)

        run(main)

    def test_closing_gives_up_what_is_under_way(self, run: Run) -> None:
        async def never(peer: Peer) -> None:
            await peer.reader.read()

        async def main() -> None:
            async with Server(never) as server, curl_client(max_clients=1) as c:
                pending = [c.fetch(server.url()), c.fetch(server.url())]
                await soon(lambda: server.requests)
                c.close()
                for future in pending:
                    with pytest.raises(HTTPClientError, match="closed"):
                        await future
                with pytest.raises(RuntimeError):
                    c.fetch(server.url())

        run(main)

    def test_what_libcurl_says_is_logged(self, run: Run, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG, "whirlwind.curl_httpclient")

        async def main() -> None:
            async with Server() as server, curl_client() as c:
                await c.fetch(server.url())

        run(main)
        messages = [record.getMessage() for record in caplog.records]
        assert "> GET / HTTP/1.1" in messages
        assert "< HTTP/1.1 200 OK" in messages

    def test_configured(self, run: Run) -> None:
        async def main() -> None:
            from whirlwind.curl_httpclient import CurlAsyncHTTPClient

            AsyncHTTPClient.configure("whirlwind.curl_httpclient.CurlAsyncHTTPClient")
            try:
                made = AsyncHTTPClient()
                assert isinstance(made, CurlAsyncHTTPClient)
                async with Server() as server:
                    assert (await made.fetch(HTTPRequest(server.url()))).body == b"ok"

                    def sync() -> Any:
                        blocking = HTTPClient()
                        try:
                            return blocking.fetch(server.url()).body
                        finally:
                            blocking.close()

                    loop = asyncio.get_running_loop()
                    assert await loop.run_in_executor(None, sync) == b"ok"
                made.close()
            finally:
                AsyncHTTPClient.configure(None)

        run(main)


async def _fetch(client: Any, url: str, **options: Any) -> Any:
    return await client.fetch(url, **options)
