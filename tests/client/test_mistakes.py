"""What clients say to a program that uses them wrongly: what is wrong, and what to do."""

import asyncio
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.client.scripted import Peer, Server, response
from tests.unit.loops import Certificate, Run, certificate, run
from whirlwind.client import Client, Retry, Timeouts
from whirlwind.httpclient import AsyncHTTPClient, HTTPClient
from whirlwind.netutil import ssl_options_to_context
from whirlwind.simple_httpclient import HTTPStreamClosedError

__all__ = ["certificate", "run"]


async def _yielding(write: Any) -> AsyncIterator[bytes]:
    yield b""


async def _of_text(write: Any) -> None:
    await write("text")


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        ({"body": {"a": 1}, "method": "POST"}, TypeError, "body must be bytes or str, not dict"),
        ({"method": "POST"}, ValueError, "Body must not be None .* an empty one is b''"),
        ({"body": b"x"}, ValueError, "Body must be None .*allow_nonstandard_methods"),
        ({"method": "get"}, KeyError, "unknown method get: it is GET"),
        ({"method": "LOCK"}, KeyError, "unknown method LOCK: allow_nonstandard_methods"),
        ({"headers": {"X-Count": 1}}, TypeError, "header X-Count must be str or bytes, not int"),
        ({"auth_username": "a", "auth_mode": "digest"}, ValueError, "curl_httpclient has digest"),
        ({"body_producer": 1, "method": "PUT"}, TypeError, "body_producer must be a function"),
        ({"body_producer": _yielding, "method": "PUT"}, TypeError, "not yield"),
        ({"body_producer": _of_text, "method": "PUT"}, TypeError, "write bytes, not str"),
        ({"timeouts": Timeouts(), "retry": False}, TypeError, "^retry, timeouts: only .*Client"),
        ({"timeout": 1}, TypeError, "unexpected keyword argument 'timeout'"),
        ({"url": "www.example.com"}, ValueError, "Unsupported url scheme: www.*begins with http:"),
        ({"url": "http+unix:///run/x/y"}, ValueError, "No host in url.*%2F for /"),
        ({"url": None}, TypeError, "url must be str, not NoneType"),
    ],
)
def test_requests(run: Run, arguments: dict[str, Any], kind: type[Exception], said: str) -> None:
    async def answer(peer: Peer) -> None:
        await peer.send(response(b""))

    async def main() -> None:
        async with Server(answer) as server:
            url = arguments.pop("url", server.url())
            client = AsyncHTTPClient(force_instance=True)
            try:
                with pytest.raises(kind, match=said):
                    await client.fetch(url, **arguments)
            finally:
                client.close()

    arguments = dict(arguments)
    run(main)


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        ({"retry": 3}, TypeError, r"retry must be a Retry \(such as"),
        ({"retry": True}, TypeError, "retry must be a Retry"),
        ({"timeouts": 3}, TypeError, "timeouts must be a Timeouts"),
        ({"cookies": {"a": "b"}}, TypeError, "cookies must be a CookieJar"),
        ({"max_per_host": 0}, ValueError, "max_per_host must be at least 1"),
        ({"trace": str}, TypeError, "trace must be a subclass of Trace"),
    ],
)
def test_settings(run: Run, arguments: dict[str, Any], kind: type[Exception], said: str) -> None:
    async def main() -> None:
        with pytest.raises(kind, match=said):
            async with Client(**arguments) as client:
                await client.fetch("http://127.0.0.1/")

    run(main)


def test_settings_of_one_request(run: Run) -> None:
    async def main() -> None:
        async with Client() as client:
            with pytest.raises(TypeError, match="retry must be a Retry"):
                await client.fetch("http://127.0.0.1/", retry=3)
            with pytest.raises(TypeError, match="timeouts must be a Timeouts"):
                await client.fetch("http://127.0.0.1/", timeouts=3)

    run(main)
    with pytest.raises(TypeError, match="read must be a number of seconds or None, not '1'"):
        Timeouts(read="1")  # type: ignore[arg-type]


def test_a_policy_that_fails_ends_the_fetch(run: Run) -> None:
    class Broken(Retry):
        def delay(self, attempt: int, response: Any) -> float | None:
            raise LookupError("no such policy")

    async def main() -> None:
        async def busy(peer: Peer) -> None:
            await peer.send(response(b"", status="503 Service Unavailable"))

        async with Server(busy) as server, Client(retry=Broken()) as client:
            with pytest.raises(LookupError, match="no such policy"):
                await client.fetch(server.url())

    run(main)


def test_a_name_without_address_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def main() -> None:
        async with Client() as client:
            monkeypatch.setattr(client.resolver, "resolve", getaddrinfo)
            failing = pytest.raises(socket.gaierror, match=r"not known: www\.example\.invalid")
            with failing as caught:
                await client.fetch("http://www.example.invalid/")
            assert caught.value.errno == socket.EAI_NONAME

    run(main)


def test_files_that_are_missing_or_wrong(
    run: Run, certificate: Certificate, tmp_path: Path
) -> None:
    """They are named, and cost no connection."""
    missing = str(tmp_path / "missing.pem")
    certfile = certificate.certfile

    async def main() -> None:
        async with Server() as server, Client() as client:
            url = server.url().replace("http:", "https:")
            for arguments in (
                {"ca_certs": missing},
                {"ca_certs": missing, "validate_cert": False},
                {"client_cert": missing},
                {"client_cert": certfile, "client_key": missing},
            ):
                with pytest.raises(FileNotFoundError) as caught:
                    await client.fetch(url, **arguments)
                assert caught.value.filename == missing
            with pytest.raises(ssl.SSLError, match="not PEM, or key") as refused:
                await client.fetch(url, client_cert=certfile)
            assert certfile in str(refused.value)
            assert not server.peers

    run(main)
    with pytest.raises(FileNotFoundError, match=r"missing\.pem"):
        ssl_options_to_context({"certfile": missing}, server_side=True)


def test_a_body_that_is_too_large(run: Run) -> None:
    async def main() -> None:
        async def answer(peer: Peer) -> None:
            await peer.send(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n" + b"x" * 20
            )

        async with Server(answer) as server, Client(max_body_size=10) as client:
            with pytest.raises(HTTPStreamClosedError, match="max_body_size is 10 bytes"):
                await client.fetch(server.url())

    run(main)


def test_reading_after_leaving(run: Run) -> None:
    async def main() -> None:
        async def answer(peer: Peer) -> None:
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
            await peer.reader.read()

        async with Server(answer) as server, Client() as client:
            async with client.stream(server.url()) as streamed:
                assert streamed.code == 200
            with pytest.raises(HTTPStreamClosedError, match="closed before its end"):
                await streamed.read()

    run(main)


class TestHTTPClient:
    def test_closed(self) -> None:
        client = HTTPClient()
        client.close()
        with pytest.raises(RuntimeError, match=r"fetch\(\) called on closed HTTPClient"):
            client.fetch("http://127.0.0.1/")

    def test_where_a_loop_runs(self) -> None:
        async def main() -> None:
            with pytest.raises(RuntimeError, match=r"HTTPClient blocks.*use AsyncHTTPClient"):
                HTTPClient()

        asyncio.run(main())


class TestCommand:
    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "whirlwind.httpclient", *arguments],
            capture_output=True,
            check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "usage: python -m whirlwind.httpclient [options] URL...; --help lists"),
            (["--nope"], "whirlwind.httpclient: Unrecognized command line option: 'nope'"),
            (["http://127.0.0.1/", "--print-body=no"], "options come before the URLs: --print-b"),
            (["127.0.0.1"], "127.0.0.1: Unsupported url scheme"),
            (["http+unix://%2Fmissing.sock/"], "No such file or directory (/missing.sock)"),
        ],
    )
    def test_errors_are_one_line(self, arguments: list[str], said: str) -> None:
        done = self._run(*arguments)
        assert done.returncode == 1
        assert b"Traceback" not in done.stderr
        assert said in done.stderr.decode()

    def test_what_is_no_text_is_written_as_it_is(self) -> None:
        async def main() -> bytes:
            async def answer(peer: Peer) -> None:
                await peer.send(response(b"\xff\x00"))

            async with Server(answer) as server:
                return (await asyncio.to_thread(self._run, server.url())).stdout

        assert asyncio.run(main()) == b"\xff\x00"
