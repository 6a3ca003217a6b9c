"""Ordinary fetches, over a server that shows the bytes."""

import asyncio
import copy
import datetime
import gzip
import pickle
import socket
import ssl
from io import BytesIO
from typing import Any

import pytest

from tests.client.scripted import CLOSE, OK, Server, client, redirect, response, soon
from tests.unit.loops import Certificate, Run, certificate, run
from whirlwind import gen, netutil
from whirlwind.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from whirlwind.httputil import HTTPHeaders
from whirlwind.netutil import Resolver
from whirlwind.protocol.errors import HTTPOutputError
from whirlwind.simple_httpclient import (
    HTTPStreamClosedError,
    HTTPTimeoutError,
    SimpleAsyncHTTPClient,
)

__all__ = ["certificate", "run"]


async def fetch(*answers: Any, path: str = "/", **kwargs: Any) -> tuple[Any, Server]:
    """Fetch one path from a server that gives these answers."""
    async with Server(*answers) as server, client() as c:
        found = await c.fetch(server.url(path), **kwargs)
    return found, server


async def failing(*answers: Any, path: str = "/", **kwargs: Any) -> BaseException:
    """What a fetch fails with."""
    async with Server(*answers) as server, client() as c:
        with pytest.raises(BaseException) as caught:  # noqa: PT011
            await c.fetch(server.url(path), **kwargs)
    return caught.value


class TestRequest:
    def test_get(self, run: Run) -> None:
        async def main() -> None:
            found, server = await fetch(response(b"hello", "X-A: 1", "x-a: 2"), path="/a?b=c#d")
            assert (found.code, found.reason, found.body) == (200, "OK", b"hello")
            assert found.headers.get_list("X-A") == ["1", "2"]
            assert found.effective_url == found.request.url == server.url("/a?b=c#d")
            assert found.error is None
            found.rethrow()
            assert found.buffer.read() == b"hello"
            assert 0 <= found.request_time < 5
            assert abs(found.start_time - found.request.start_time) < 5
            (request,) = server.requests
            assert request.line == "GET /a?b=c HTTP/1.1"
            assert [name for name, _ in request.fields] == ["Host", "User-Agent", "Accept-Encoding"]
            assert request.headers["host"] == f"127.0.0.1:{server.port}"
            assert request.headers["accept-encoding"] == "gzip"

        run(main)

    @pytest.mark.parametrize(
        ("path", "target"),
        [
            ("", "/"),
            ("?a=b", "/?a=b"),
            ("/a b", "/a%20b"),
            ("/é?x=€", "/%C3%A9?x=%E2%82%AC"),
            ("/a%20b%2f?c=%zz", "/a%20b%2f?c=%zz"),
            ("/a\tb\r\nX: y", "/abX:%20y"),
            ("/\x7f\x01", "/%7F%01"),
            ("//double//", "//double//"),
        ],
    )
    def test_target(self, run: Run, path: str, target: str) -> None:
        async def main() -> None:
            _, server = await fetch(path=path)
            assert server.requests[0].target == target

        run(main)

    def test_fields(self, run: Run) -> None:
        async def main() -> None:
            headers = HTTPHeaders({"x-one": "1", "User-Agent": "mine", "Accept-Encoding": "br"})
            headers.add("X-Two", "a")
            headers.add("X-Two", "b")
            before = list(headers.get_all())
            async with Server() as server, client() as c:
                await c.fetch(server.url(), headers=headers)
                await c.fetch(server.url(), headers={"Host": "example.com", "X": b"bytes"})
                await c.fetch(server.url(), user_agent="agent", decompress_response=False)
                await c.fetch(server.url(), headers={"Foo": "b\xe4r"}, if_modified_since=0)
            assert list(headers.get_all()) == before
            one, two, three, four = server.requests
            assert one.fields[0] == ("Host", f"127.0.0.1:{server.port}")
            assert ("X-One", "1") in one.fields
            assert [pair for pair in one.fields if pair[0] == "X-Two"] == [
                ("X-Two", "a"),
                ("X-Two", "b"),
            ]
            assert one.headers["user-agent"] == "mine"
            assert one.headers["accept-encoding"] == "gzip"
            assert two.headers["host"] == "example.com"
            assert len([pair for pair in two.fields if pair[0] == "Host"]) == 1
            assert two.headers["x"] == "bytes"
            assert three.headers["user-agent"] == "agent"
            assert "accept-encoding" not in three.headers
            assert four.headers["foo"] == "b\xe4r"
            assert four.headers["if-modified-since"] == "Thu, 01 Jan 1970 00:00:00 GMT"

        run(main)

    @pytest.mark.parametrize(
        "headers",
        [
            {"a": "b\rc"},
            {"a": "b\nc"},
            {"a": "b\r\nc: d"},
            {"a": "\0"},
            {"a": "€"},
            {"a\r\nb": "c"},
            {"a b": "c"},
            {"a:": "c"},
            {"": "c"},
            {"User-Agent": "a\nb"},
        ],
    )
    def test_fields_that_cannot_be_sent(self, run: Run, headers: dict[str, str]) -> None:
        async def main() -> None:
            assert isinstance(await failing(headers=headers), ValueError)

        run(main)

    @pytest.mark.parametrize(
        ("kwargs", "error"),
        [
            ({"user_agent": "a\r\nb"}, ValueError),
            ({"method": "get"}, KeyError),
            ({"method": "BREW"}, KeyError),
            ({"method": "GET / HTTP/1.1\r\n\r\n", "allow_nonstandard_methods": True}, ValueError),
            ({"method": "", "allow_nonstandard_methods": True}, ValueError),
            ({"method": "POST"}, ValueError),
            ({"body": b"x"}, ValueError),
            ({"body_producer": lambda write: None}, ValueError),
            ({"headers": {"Content-Length": "3"}}, HTTPOutputError),
            ({"headers": {"X": 5}}, TypeError),
            ({"auth_username": "a", "auth_mode": "digest"}, ValueError),
            ({"network_interface": "lo"}, ValueError),
        ],
    )
    def test_requests_that_cannot_be_sent(
        self, run: Run, kwargs: dict[str, Any], error: type[BaseException]
    ) -> None:
        async def main() -> None:
            assert isinstance(await failing(**kwargs), error)

        run(main)

    @pytest.mark.parametrize(
        "url",
        [
            "ftp://127.0.0.1/",
            "127.0.0.1/x",
            "/x",
            "",
            "http://",
            "http:///x",
            "http://127.0.0.1:99999/",
            "http://127.0.0.1:x/",
            "http://[::1/",
            "http://a b/",
            "http://a\0b/",
            "http://" + "é" * 300 + "/",
        ],
    )
    def test_urls_that_are_none(self, run: Run, url: str) -> None:
        async def main() -> None:
            async with client() as c:
                with pytest.raises(ValueError):  # noqa: PT011
                    await c.fetch(url)

        run(main)

    def test_basic_authentication(self, run: Run) -> None:
        async def main() -> None:
            async with Server() as server, client(defaults={"auth_username": "d"}) as c:
                await c.fetch(server.url(), auth_username="Aladdin", auth_password="open sesame")
                await c.fetch(server.url(user="us%40er:p%3Aw"), auth_username="x")
                await c.fetch(server.url(user="user"))
                await c.fetch(server.url(), headers={"Authorization": "x"}, auth_mode="basic")
            assert [request.headers["authorization"] for request in server.requests] == [
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                "Basic dXNAZXI6cDp3",
                "Basic dXNlcjo=",
                "Basic ZDo=",
            ]
            assert {request.headers["host"] for request in server.requests} == {
                f"127.0.0.1:{server.port}"
            }

        run(main)

    def test_bodies(self, run: Run) -> None:
        async def main() -> None:
            big = b"x" * 3_000_000
            async with Server() as server, client() as c:
                await c.fetch(server.url(), method="POST", body="é")
                await c.fetch(server.url(), method="PUT", body=b"")
                await c.fetch(
                    server.url(),
                    method="PATCH",
                    body=b"abc",
                    headers={"Content-Length": "7", "Transfer-Encoding": "chunked"},
                )
                await c.fetch(server.url(), method="POST", allow_nonstandard_methods=True)
                await c.fetch(
                    server.url(), method="BREW", body=b"x", allow_nonstandard_methods=True
                )
                await c.fetch(
                    server.url(), method="POST", body=big, headers={"Content-Type": "a/b"}
                )
            post, put, patch, empty, brew, large = server.requests
            assert post.body == "é".encode()
            assert post.headers["content-type"] == "application/x-www-form-urlencoded"
            assert put.headers["content-length"] == "0"
            assert "content-type" not in put.headers
            assert patch.body == b"abc"
            assert patch.headers["content-length"] == "3"
            assert "transfer-encoding" not in patch.headers
            assert empty.headers["content-length"] == "0"
            assert (brew.method, brew.body) == ("BREW", b"x")
            assert large.body == big
            assert large.headers["content-type"] == "a/b"

        run(main)

    def test_body_producers(self, run: Run) -> None:
        def plain(write: Any) -> None:
            write(b"1234")
            write(b"")
            write(b"5678")

        @gen.coroutine
        def decorated(write: Any) -> Any:
            yield write(b"1234")
            yield gen.moment
            yield write(b"5678")

        async def native(write: Any) -> None:
            await write(b"1234")
            await asyncio.sleep(0)
            await write(b"5678")

        async def main() -> None:
            async with Server() as server, client() as c:
                for producer in (plain, decorated, native):
                    for headers in ({}, {"Content-Length": "8"}):
                        await c.fetch(
                            server.url(), method="POST", body_producer=producer, headers=headers
                        )
            assert [request.body for request in server.requests] == [b"12345678"] * 6
            chunked, counted = server.requests[:2]
            assert chunked.headers["transfer-encoding"] == "chunked"
            assert "content-length" not in chunked.headers
            assert "transfer-encoding" not in counted.headers
            assert len(server.peers) == 1

        run(main)

    def test_body_producers_that_break_their_word(self, run: Run) -> None:
        def short(write: Any) -> None:
            write(b"12")

        def long(write: Any) -> None:
            write(b"123456")

        async def broken(write: Any) -> None:
            await write(b"12")
            raise ZeroDivisionError

        async def main() -> None:
            for producer, error in (
                (short, HTTPOutputError),
                (long, HTTPOutputError),
                (broken, ZeroDivisionError),
            ):
                found = await failing(
                    method="POST", body_producer=producer, headers={"Content-Length": "5"}
                )
                assert isinstance(found, error)

        run(main)

    def test_a_body_producer_waits_for_a_slow_server(self, run: Run) -> None:
        async def main() -> None:
            written = 0
            gate = asyncio.Event()

            async def produce(write: Any) -> None:
                nonlocal written
                for _ in range(30):
                    await write(b"x" * 1_000_000)
                    written += 1

            async def slow(peer: Any) -> None:
                await gate.wait()
                assert await peer.read_chunked() == b"x" * 30_000_000
                await peer.send(OK)

            async with Server(b"") as server, client() as c:
                # The body is read by the answer: the head says so.
                server.answers = [slow]
                pending = c.fetch(
                    server.url(),
                    method="POST",
                    body_producer=produce,
                    headers={"X-Hold": "100-continue"},
                )
                before = -1
                while written != before:
                    before = written
                    await asyncio.sleep(0.05)
                assert written < 30
                gate.set()
                assert (await pending).code == 200

        run(main)


class TestResponse:
    def test_errors_by_status(self, run: Run) -> None:
        async def main() -> None:
            async with (
                Server(
                    response(b"no", status="404 Gone Fishing"), response(status="500 ")
                ) as server,
                client() as c,
            ):
                with pytest.raises(HTTPClientError) as caught:
                    await c.fetch(server.url())
                assert caught.value.code == 404
                assert str(caught.value) == "HTTP 404: Gone Fishing"
                assert caught.value.response is not None
                assert caught.value.response.body == b"no"
                found = await c.fetch(server.url(), raise_error=False)
                assert str(found.error) == "HTTP 500: Internal Server Error"
                with pytest.raises(HTTPClientError):
                    found.rethrow()

        run(main)

    @pytest.mark.parametrize(
        "error",
        [
            HTTPClientError(404),
            HTTPClientError(404, "why"),
            HTTPTimeoutError("late"),
            HTTPStreamClosedError("gone"),
        ],
        ids=repr,
    )
    def test_l1_errors_can_be_copied(self, error: HTTPClientError) -> None:
        for twin in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
            assert twin is not error
            assert type(twin) is type(error)
            assert (twin.code, twin.message, twin.response) == (error.code, error.message, None)
            assert str(twin) == str(error)
            assert twin.args == error.args

    def test_l1_a_copy_keeps_the_response(self, run: Run) -> None:
        async def main() -> None:
            found, _ = await fetch(response(b"no", status="404 Not Found"), raise_error=False)
            error = found.error
            assert isinstance(error, HTTPClientError)
            twin = copy.copy(error)
            assert twin.response is error.response is found
            assert (twin.code, twin.message) == (404, "Not Found")

        run(main)

    def test_no_body(self, run: Run) -> None:
        async def main() -> None:
            async with Server(
                response(b"", "Content-Length: 7", length=False),
                response(status="204 No Content", length=False),
                response(b"", "Content-Length: 42", status="304 Not Modified", length=False),
            ) as server:
                async with client() as c:
                    found = await c.fetch(server.url(), method="HEAD")
                    assert (found.code, found.body) == (200, b"")
                    assert found.headers["Content-Length"] == "7"
                    assert (await c.fetch(server.url())).body == b""
                    found = await c.fetch(server.url(), raise_error=False)
                    assert (found.code, found.headers["Content-Length"]) == (304, "42")
                assert len(server.peers) == 1

        run(main)

    def test_framings(self, run: Run) -> None:
        async def main() -> None:
            chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            found, _ = await fetch([chunked + b"1\r\na\r\n", b"2;x=y\r\nbc\r\n0\r\nX-T: 1\r\n\r\n"])
            assert found.body == b"abc"
            assert found.trailers["X-T"] == "1"
            found, _ = await fetch([response(b"until", length=False), b" close", CLOSE])
            assert found.body == b"until close"
            found, _ = await fetch([b"HTTP/1.0 200 OK\r\n\r\n", CLOSE])
            assert found.body == b""
            found, _ = await fetch(response(b"ab", "Content-Length: 2, 2", length=False))
            assert (found.body, found.headers["Content-Length"]) == (b"ab", "2")

        run(main)

    def test_gzip(self, run: Run) -> None:
        async def main() -> None:
            packed = gzip.compress(b"hello" * 1000)
            for coding in ("gzip", "GZIP", "x-gzip"):
                found, _ = await fetch(response(packed, f"Content-Encoding: {coding}"))
                assert found.body == b"hello" * 1000
                assert "Content-Encoding" not in found.headers
                assert found.headers["X-Consumed-Content-Encoding"] == coding
            found, _ = await fetch(response(packed * 2, "Content-Encoding: gzip"))
            assert found.body == b"hello" * 2000
            found, _ = await fetch(
                response(packed, "Content-Encoding: gzip"), decompress_response=False
            )
            assert found.body == packed
            assert found.headers["Content-Encoding"] == "gzip"
            found, _ = await fetch(response(b"plain", "Content-Encoding: br"))
            assert found.body == b"plain"

        run(main)

    @pytest.mark.parametrize("end", [b"\0", b"garbage", None])
    def test_gzip_that_is_none(self, run: Run, end: bytes | None) -> None:
        async def main() -> None:
            packed = gzip.compress(b"x" * 1000)
            packed = packed[:-1] if end is None else packed + end
            error = await failing(response(packed, "Content-Encoding: gzip"))
            assert isinstance(error, HTTPStreamClosedError)
            assert "invalid gzip data" in str(error)

        run(main)

    def test_callbacks(self, run: Run) -> None:
        async def main() -> None:
            lines: list[str] = []
            chunks: list[bytes] = []
            packed = gzip.compress(b"abcd")
            found, _ = await fetch(
                b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                + response(packed, "x-a:  1 ", "X-B: 2", "x-a: 3", "Content-Encoding: gzip"),
                header_callback=lines.append,
                streaming_callback=chunks.append,
            )
            assert found.body == b""
            assert chunks == [b"abcd"]
            assert lines[:3] == ["HTTP/1.1 103 Early Hints\r\n", "Link: x\r\n", "\r\n"]
            assert lines[3:7] == [
                "HTTP/1.1 200 OK\r\n",
                "X-A: 1\r\n",
                "X-A: 3\r\n",
                "X-B: 2\r\n",
            ]
            assert "X-Consumed-Content-Encoding: gzip\r\n" in lines
            assert lines[-1] == "\r\n"
            # What a file's write() returns is nothing to wait for.
            file = BytesIO()
            await fetch(OK, streaming_callback=file.write)
            assert file.getvalue() == b"ok"

        run(main)

    def test_slow_callbacks_stop_the_reading(self, run: Run) -> None:
        async def main() -> None:
            chunks: list[bytes] = []
            busy = False

            async def take(chunk: bytes) -> None:
                nonlocal busy
                assert not busy
                busy = True
                await asyncio.sleep(0.001)
                busy = False
                chunks.append(chunk)

            body = bytes(range(256)) * 4000
            for answer in (
                response(body),
                response(gzip.compress(body), "Content-Encoding: gzip"),
                [response(body, length=False), CLOSE],
            ):
                chunks.clear()
                await fetch(answer, streaming_callback=take)
                assert b"".join(chunks) == body

        run(main)

    @pytest.mark.parametrize("which", ["streaming_callback", "header_callback"])
    def test_callbacks_that_fail(
        self, run: Run, which: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def main() -> None:
            def fail(value: object) -> None:
                raise ZeroDivisionError

            async def fail_later(value: object) -> None:
                await asyncio.sleep(0)
                raise ZeroDivisionError

            for callback in (fail, fail_later):
                if which == "header_callback" and callback is fail_later:
                    continue
                caplog.clear()
                error = await failing(**{which: callback})
                assert isinstance(error, HTTPStreamClosedError)
                (record,) = caplog.records
                assert record.getMessage() == "Uncaught exception"
                assert record.exc_info is not None
                assert record.exc_info[0] is ZeroDivisionError

        run(main)

    def test_callbacks_run_in_the_context_of_the_fetch(self, run: Run) -> None:
        import contextvars

        variable = contextvars.ContextVar("variable", default="")
        seen: list[str] = []

        def note(value: object) -> None:
            seen.append(variable.get())

        async def produce(write: Any) -> None:
            note(None)
            await write(b"x")

        async def main() -> None:
            async with Server(response(b"a"), response(b"b"), response(b"c")) as server:
                async with client() as c:
                    for name in "one", "two":
                        variable.set(name)
                        await c.fetch(server.url(), streaming_callback=note, header_callback=note)
                    variable.set("three")
                    await c.fetch(server.url(), method="POST", body_producer=produce)
                assert len(server.peers) == 1
            assert seen == ["one"] * 4 + ["two"] * 4 + ["three"]

        run(main)


class TestExpect:
    def test_continue(self, run: Run) -> None:
        async def main() -> None:
            async def answer(peer: Any) -> None:
                await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                assert await peer.reader.readexactly(4) == b"1234"
                await peer.send(OK)

            for kwargs in ({"body": b"1234"}, {"body_producer": lambda write: write(b"1234")}):
                found, server = await fetch(
                    answer,
                    method="POST",
                    expect_100_continue=True,
                    headers={"Content-Length": "4"},
                    **kwargs,
                )
                assert found.code == 200
                assert server.requests[0].headers["expect"] == "100-continue"

        run(main)

    def test_final_answer_instead(self, run: Run) -> None:
        def produce(write: Any) -> None:
            raise AssertionError("should not be called")

        async def main() -> None:
            for kwargs in ({"body": b"1234"}, {"body_producer": produce}):
                async with Server(response(status="403 No")) as server, client() as c:
                    found = await c.fetch(
                        server.url(),
                        method="POST",
                        expect_100_continue=True,
                        raise_error=False,
                        **kwargs,
                    )
                    assert found.code == 403
                    # The server may still wait for the body: not a connection to use again.
                    await c.fetch(server.url())
                    assert [request.peer for request in server.requests] == [0, 1]

        run(main)

    def test_no_answer(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("whirlwind.protocol.limits.CONTINUE_TIMEOUT", 0.02)

        async def main() -> None:
            async def answer(peer: Any) -> None:
                assert await peer.reader.readexactly(4) == b"1234"
                await peer.send(OK)

            found, _ = await fetch(answer, method="POST", body=b"1234", expect_100_continue=True)
            assert found.code == 200

        run(main)


class TestRedirects:
    @pytest.mark.parametrize(
        ("code", "method", "after"),
        [
            *((code, "POST", "GET") for code in (301, 302, 303)),
            *((code, "POST", "POST") for code in (307, 308)),
            *((code, "PUT", "PUT") for code in (301, 302, 307, 308)),
            (303, "PUT", "GET"),
            (303, "DELETE", "GET"),
            *((code, "HEAD", "HEAD") for code in (301, 302, 303, 307, 308)),
            *((code, "GET", "GET") for code in (301, 302, 303, 307, 308)),
        ],
    )
    def test_method(self, run: Run, code: int, method: str, after: str) -> None:
        async def main() -> None:
            body = b"xyz" if method in ("POST", "PUT") else None
            last = response(status="200 OK") if method == "HEAD" else OK
            found, server = await fetch(
                redirect("/b", code),
                last,
                method=method,
                body=body,
                headers={"X-A": "1", "Content-Type": "q/r", "Host": "example.com"},
            )
            one, two = server.requests
            assert (one.method, two.method, two.target) == (method, after, "/b")
            assert one.headers["host"] == "example.com"
            assert two.headers["host"] == f"127.0.0.1:{server.port}"
            assert two.headers["x-a"] == "1"
            kept = body is not None and after == method
            assert two.body == (body if kept else b"")
            if body is not None:
                assert ("content-type" in two.headers) == kept
            assert found.request.method == method
            assert found.request.url == server.url()
            assert found.effective_url == server.url("/b")

        run(main)

    @pytest.mark.parametrize("code", [300, 304, 305, 306])
    def test_not_followed(self, run: Run, code: int) -> None:
        async def main() -> None:
            found, server = await fetch(redirect("/b", code), raise_error=False)
            assert found.code == code
            assert len(server.requests) == 1
            found, server = await fetch(redirect("/b"), raise_error=False, follow_redirects=False)
            assert (found.code, found.headers["Location"]) == (302, "/b")
            found, server = await fetch(response(status="301 Nowhere"), raise_error=False)
            assert found.code == 301

        run(main)

    def test_limit(self, run: Run) -> None:
        async def main() -> None:
            answers = [redirect(f"/{i}") for i in range(9)]
            found, server = await fetch(*answers, max_redirects=3, raise_error=False)
            assert found.code == 302
            assert [request.target for request in server.requests] == ["/", "/0", "/1", "/2"]
            assert found.effective_url.endswith("/2")
            assert found.headers["Location"] == "/3"
            error = await failing(*answers)
            assert isinstance(error, HTTPClientError)
            assert error.code == 302
            found, server = await fetch(*answers, max_redirects=0, raise_error=False)
            assert len(server.requests) == 1

        run(main)

    def test_one_place_is_enough(self, run: Run) -> None:
        async def main() -> None:
            async with Server(redirect("/1"), redirect("/2")) as server:
                async with client(max_clients=1) as c:
                    assert (await c.fetch(server.url())).body == b"ok"
                assert len(server.peers) == 1

        run(main)

    @pytest.mark.parametrize(
        ("location", "target"),
        [
            ("c?d=1", "/a/c?d=1"),
            ("/c#x", "/c"),
            ("", "/a/b"),
            ("?q", "/a/b?q"),
            ("/a b", "/a%20b"),
            ("/\xc3\xa9", "/%C3%A9"),
            ("/\xe9", "/%C3%A9"),
        ],
    )
    def test_location(self, run: Run, location: str, target: str) -> None:
        async def main() -> None:
            _, server = await fetch(redirect(location), path="/a/b")
            assert server.requests[1].target == target

        run(main)

    @pytest.mark.parametrize(
        "location",
        [
            "ftp://example.com/",
            "h:5",
            "file:///etc/passwd",
            "http+unix://%2Ftmp%2Fx/",
            "http://:1/",
        ],
    )
    def test_elsewhere(self, run: Run, location: str) -> None:
        async def main() -> None:
            assert isinstance(await failing(redirect(location)), ValueError)

        run(main)

    def test_secrets_stay_with_their_origin(self, run: Run) -> None:
        async def main() -> None:
            headers = {"Authorization": "a", "Cookie": "b", "Proxy-Authorization": "c", "X-Y": "d"}
            secret = ("authorization", "cookie", "proxy-authorization")
            async with Server() as other, Server() as server, client() as c:
                for base in (server.url("/z"), other.url("/z"), f"//127.0.0.1:{other.port}/z"):
                    server.answers = [redirect(base)]
                    await c.fetch(server.url(), headers=headers)
                    server.answers = [redirect(base)]
                    await c.fetch(server.url(), auth_username="u", auth_password="p")
                    server.answers = [redirect(base)]
                    await c.fetch(server.url(user="u:p"))
                server.answers = [redirect(other.url("/z", user="a:b"))]
                await c.fetch(server.url())
                server.answers = [redirect("/z")]
                await c.fetch(server.url(user="u:p"))
                defaults = {"auth_username": "u", "auth_password": "p"}
                async with client(defaults=defaults) as of_one_user:
                    server.answers = [redirect(other.url("/z"))]
                    await of_one_user.fetch(server.url())
            assert len(other.requests) == 8
            for request in other.requests:
                assert not [name for name in secret if name in request.headers]
            assert [request.headers.get("x-y") for request in other.requests][::3] == [
                "d",
                "d",
                None,
            ]
            same = [request for request in server.requests if request.target == "/z"]
            assert [request.headers.get("authorization") for request in same] == [
                "a",
                "Basic dTpw",
                "Basic dTpw",
                "Basic dTpw",
            ]

        run(main)

    def test_s30_only_the_last_response_reaches_the_callbacks(self, run: Run) -> None:
        async def main() -> None:
            lines: list[str] = []
            chunks: list[bytes] = []
            await fetch(
                redirect("/1", body=b"first"),
                redirect("/2", body=b"second"),
                OK,
                header_callback=lines.append,
                streaming_callback=chunks.append,
            )
            assert [line for line in lines if line.startswith("HTTP/")] == ["HTTP/1.1 200 OK\r\n"]
            assert chunks == [b"ok"]

        run(main)

    def test_a_long_body_is_not_read(self, run: Run) -> None:
        async def main() -> None:
            endless = b"HTTP/1.1 302 Moved\r\nLocation: /b\r\nTransfer-Encoding: chunked\r\n\r\n"

            async def flood(peer: Any) -> None:
                await peer.send(endless)
                while True:
                    await peer.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")

            found, server = await fetch(flood)
            assert found.body == b"ok"
            assert [request.peer for request in server.requests] == [0, 1]
            found, server = await fetch(
                [response(b"", "Location: /b", status="302 Moved", length=False)]
            )
            assert [request.peer for request in server.requests] == [0, 1]

        run(main)

    def test_a_body_is_produced_again(self, run: Run) -> None:
        async def main() -> None:
            _, server = await fetch(
                redirect("/b", 307), method="POST", body_producer=lambda write: write(b"yz")
            )
            assert [request.body for request in server.requests] == [b"yz", b"yz"]
            _, server = await fetch(
                redirect("/b", 302), method="POST", body_producer=lambda write: write(b"yz")
            )
            assert [request.body for request in server.requests] == [b"yz", b""]

        run(main)


class TestTimeouts:
    def test_of_the_request(self, run: Run) -> None:
        async def main() -> None:
            async def silent(peer: Any) -> None:
                await peer.reader.read()

            async def drip(peer: Any) -> None:
                while True:
                    await peer.send(b"H")
                    await asyncio.sleep(0.01)

            async def half(peer: Any) -> None:
                await peer.send(response(b"abc", "Content-Length: 9", length=False))
                await peer.reader.read()

            for answer in (silent, drip, half):
                async with Server(OK, answer) as server, client() as c:
                    await c.fetch(server.url())  # so that there is a connection
                    with pytest.raises(HTTPTimeoutError) as caught:
                        await c.fetch(server.url(), request_timeout=0.05)
                    assert str(caught.value) == "Timeout during request"
                    assert (caught.value.code, caught.value.phase) == (599, "total")
                    await server.peers[0].closed.wait()

        run(main)

    def test_over_redirects(self, run: Run) -> None:
        async def main() -> None:
            async def slow(peer: Any) -> None:
                await asyncio.sleep(0.03)
                await peer.send(redirect("/"))

            error = await failing(*[slow] * 9, request_timeout=0.08, max_redirects=9)
            assert isinstance(error, HTTPTimeoutError)

        run(main)

    def test_in_the_queue(self, run: Run) -> None:
        async def main() -> None:
            gate = asyncio.Event()

            async def hold(peer: Any) -> None:
                await gate.wait()
                await peer.send(OK)

            async with Server(hold) as server, client(max_clients=1) as c:
                first = c.fetch(server.url())
                with pytest.raises(HTTPTimeoutError) as caught:
                    await c.fetch(server.url(), connect_timeout=0.02)
                assert str(caught.value) == "Timeout in request queue"
                assert caught.value.phase == "queue"
                gate.set()
                await first
                assert len(server.requests) == 1

        run(main)

    def test_while_resolving(self, run: Run) -> None:
        class Never(Resolver):
            async def resolve(self, host: str, port: int, family: Any = 0) -> Any:
                await asyncio.Future()

        async def main() -> None:
            async with client(resolver=Never()) as c:
                with pytest.raises(HTTPTimeoutError) as caught:
                    await c.fetch("http://example.com/", connect_timeout=0.02)
                assert str(caught.value) == "Timeout while resolving example.com"
                assert caught.value.phase == "resolve"

        run(main)

    def test_of_the_tls_handshake(self, run: Run) -> None:
        # Read once and before connecting, the system's authorities may take all of the time.
        netutil._client_ssl_defaults()

        async def main() -> None:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                port = listener.getsockname()[1]
                async with client() as c:
                    with pytest.raises(HTTPTimeoutError) as caught:
                        await c.fetch(f"https://127.0.0.1:{port}/", connect_timeout=0.1)
                    expected = f"Timeout during TLS handshake with 127.0.0.1:{port}"
                    assert str(caught.value) == expected
                    assert caught.value.phase == "tls"
                    peer, _ = listener.accept()
                    with peer:
                        peer.setblocking(False)
                        loop = asyncio.get_running_loop()
                        data = b"x"
                        while data:
                            data = await loop.sock_recv(peer, 65536)

        run(main)

    def test_none(self, run: Run) -> None:
        async def main() -> None:
            found, _ = await fetch(connect_timeout=0, request_timeout=0)
            assert found.code == 200

        run(main)


class TestConnecting:
    def test_refused(self, run: Run) -> None:
        async def main() -> None:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                port = listener.getsockname()[1]
            async with client() as c:
                with pytest.raises(ConnectionRefusedError, match="Connection refused") as caught:
                    await c.fetch(f"http://127.0.0.1:{port}/", raise_error=False)
                assert str(port) in str(caught.value)

        run(main)

    def test_unknown_name(self, run: Run) -> None:
        async def main() -> None:
            async with client() as c:
                with pytest.raises(socket.gaierror):
                    await c.fetch("http://nonexistent.invalid/")

        run(main)

    def test_hostname_mapping(self, run: Run) -> None:
        async def main() -> None:
            async with Server() as server:
                mapping: dict[Any, Any] = {
                    "www.example.com": "127.0.0.1",
                    ("foo.example.com", 8000): ("127.0.0.1", server.port),
                }
                async with client(hostname_mapping=mapping) as c:
                    await c.fetch(server.url(host="www.example.com"))
                    await c.fetch("http://foo.example.com:8000/")
                assert server.requests[1].headers["host"] == "foo.example.com:8000"

        run(main)

    def test_local_address_and_family(self, run: Run) -> None:
        async def main() -> None:
            async with Server() as server, client() as c:
                await c.fetch(server.url(), network_interface="127.0.0.1", allow_ipv6=False)
                await c.fetch(server.url(host="localhost"), allow_ipv6=False)
                with pytest.raises(OSError):  # noqa: PT011
                    await c.fetch(f"http://[::1]:{server.port}/", allow_ipv6=False)

        run(main)

    def test_resolver_to_a_unix_socket(self, run: Run, tmp_path: Any) -> None:
        path = str(tmp_path / "socket")

        class Unix(Resolver):
            async def resolve(self, host: str, port: int, family: Any = 0) -> Any:
                return [(socket.AF_UNIX, path)]

        async def main() -> None:
            async with Server() as server:
                listening = await asyncio.start_unix_server(server.accept, path)
                async with client(resolver=Unix()) as c:
                    assert (await c.fetch("http://anything/x")).body == b"ok"
                async with client() as c:
                    url = "http+unix://" + path.replace("/", "%2F") + "/y?z"
                    assert (await c.fetch(url)).body == b"ok"
                listening.close()
                assert [request.target for request in server.requests] == ["/x", "/y?z"]
                assert server.requests[1].headers["host"] == "localhost"

        run(main)


class TestTLS:
    def test_verification(
        self, run: Run, certificate: Certificate, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def main() -> None:
            async with Server(tls=certificate.server()) as server, client() as c:
                for kwargs in (
                    {"validate_cert": False},
                    {"ca_certs": certificate.certfile},
                    {"ssl_options": {"ca_certs": certificate.certfile}},
                    {"ssl_options": {"cert_reqs": ssl.CERT_NONE}},
                    {"ssl_options": certificate.client()},
                ):
                    found = await c.fetch(server.url(host="localhost"), **kwargs)  # type: ignore[arg-type]
                    assert found.body == b"ok"
                # None of them could use the connection of another.
                assert len(server.peers) == 5
                assert not caplog.records
                for kwargs in ({}, {"ssl_options": {"cert_reqs": ssl.CERT_REQUIRED}}):
                    caplog.clear()
                    with pytest.raises(ssl.SSLError):
                        await c.fetch(server.url(host="localhost"), **kwargs)  # type: ignore[arg-type]
                    (record,) = caplog.records
                    assert record.getMessage().startswith("SSL Error on localhost:")
                    assert record.exc_info is None

        run(main)

    def test_wrong_name(self, run: Run, certificate: Certificate) -> None:
        async def main() -> None:
            async with Server(tls=certificate.server()) as server:
                mapping = {"example.com": "127.0.0.1"}
                async with client(hostname_mapping=mapping) as c:
                    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
                        await c.fetch(server.url(host="example.com"), ca_certs=certificate.certfile)

        run(main)

    def test_client_certificate(self, run: Run, certificate: Certificate) -> None:
        async def main() -> None:
            context = certificate.server()
            context.load_verify_locations(certificate.certfile)
            context.verify_mode = ssl.CERT_REQUIRED
            async with Server(tls=context) as server, client() as c:
                found = await c.fetch(
                    server.url(),
                    validate_cert=False,
                    client_cert=certificate.certfile,
                    client_key=certificate.keyfile,
                )
                assert found.body == b"ok"
                with pytest.raises((OSError, HTTPStreamClosedError)):
                    await c.fetch(server.url(), validate_cert=False)

        run(main)

    def test_plain_server(self, run: Run) -> None:
        async def main() -> None:
            async with Server() as server, client() as c:
                with pytest.raises((ssl.SSLError, OSError, HTTPTimeoutError)):
                    await c.fetch(server.url().replace("http:", "https:"), request_timeout=0.5)

        run(main)


class TestClient:
    def test_one_for_each_loop(self, run: Run) -> None:
        async def main() -> Any:
            assert SimpleAsyncHTTPClient() is SimpleAsyncHTTPClient()
            assert AsyncHTTPClient() is AsyncHTTPClient()
            assert isinstance(AsyncHTTPClient(), SimpleAsyncHTTPClient)
            forced = SimpleAsyncHTTPClient(force_instance=True)
            assert forced is not SimpleAsyncHTTPClient()
            forced.close()
            first = AsyncHTTPClient()
            first.close()
            first.close()
            assert AsyncHTTPClient() is not first
            with pytest.raises(RuntimeError, match="closed"):
                first.fetch("http://x/")
            return AsyncHTTPClient()

        assert run(main) is not run(main)

    def test_arguments(self, run: Run) -> None:
        async def main() -> None:
            async with client(max_clients=3, defaults={"user_agent": "x"}) as c:
                assert c.max_clients == 3
                assert c.defaults["user_agent"] == "x"
                assert c.defaults["max_redirects"] == 5
                request = HTTPRequest("http://x/")
                with pytest.raises(ValueError, match="kwargs"):
                    c.fetch(request, method="GET")
            with pytest.raises(TypeError):
                SimpleAsyncHTTPClient(force_instance=True, unknown=1)

        run(main)

    def test_the_request_comes_back(self, run: Run) -> None:
        async def main() -> None:
            async with Server() as server, client() as c:
                found = await c.fetch(server.url("/x"), headers={"a": "b"})
                assert type(found.request) is HTTPRequest
                again = await c.fetch(found.request)
                assert again.request is found.request
                assert [request.target for request in server.requests] == ["/x", "/x"]

        run(main)

    def test_queue(self, run: Run) -> None:
        async def main() -> None:
            gates = [asyncio.Event() for _ in range(4)]

            def hold(i: int) -> Any:
                async def answer(peer: Any) -> None:
                    await gates[i].wait()
                    await peer.send(response(b"%d" % i))

                return answer

            async with Server(*map(hold, range(4))) as server, client(max_clients=2) as c:
                pending = [c.fetch(server.url(f"/{i}")) for i in range(4)]
                await soon(lambda: len(server.requests) == 2)
                assert (len(c.queue), len(c.active), len(c.waiting)) == (2, 2, 2)
                for gate in gates:
                    gate.set()
                found = await asyncio.gather(*pending)
                targets = [request.target for request in server.requests]
                assert (set(targets[:2]), set(targets[2:])) == ({"/0", "/1"}, {"/2", "/3"})
                assert len(server.peers) == 2
                assert found[3].time_info["queue"] > 0
                assert not c.queue
                assert not c.active

        run(main)

    def test_cancelling(self, run: Run, caplog: pytest.LogCaptureFixture) -> None:
        async def main() -> None:
            async def never(peer: Any) -> None:
                assert await peer.reader.read() == b""

            async with Server(never, never) as server, client(max_clients=1) as c:
                task = asyncio.ensure_future(_wait(c.fetch(server.url())))
                queued = asyncio.ensure_future(_wait(c.fetch(server.url())))
                await soon(lambda: server.requests)
                queued.cancel()
                await asyncio.gather(queued, return_exceptions=True)
                assert not c.queue
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                assert not c.active
                await server.peers[0].closed.wait()
                assert not caplog.records
                # Nobody waits for this one: it is logged, as for every future that is cancelled.
                future = c.fetch(server.url())
                await soon(lambda: len(server.requests) == 2)
                assert future.cancel()
                await asyncio.sleep(0.01)
                assert not c.active
                assert [record.getMessage() for record in caplog.records] == [
                    "Exception after Future was cancelled"
                ]
                assert (await c.fetch(server.url())).body == b"ok"

        async def _wait(future: Any) -> Any:
            return await future

        run(main)

    def test_a_client_that_is_dropped_closes_its_connections(self, run: Run) -> None:
        async def main() -> None:
            async with Server() as server:
                found = await AsyncHTTPClient(force_instance=True).fetch(server.url())
                assert found.body == b"ok"
                await asyncio.wait_for(server.peers[0].closed.wait(), 5)

        run(main)

    def test_a_dates_header(self, run: Run) -> None:
        async def main() -> None:
            when = datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
            _, server = await fetch(if_modified_since=when)
            expected = "Thu, 02 Jan 2020 03:04:05 GMT"
            assert server.requests[0].headers["if-modified-since"] == expected

        run(main)
