"""What docs/clients.md says about clients, tried."""

import ast
import asyncio
import inspect
import re
import ssl
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.client.proxies import HTTPProxy
from tests.client.scripted import Peer, Server, redirect, response
from tests.unit.loops import Certificate, certificate
from whirlwind import client as clients
from whirlwind.client import Client, Retry, Timeouts, Trace, proxy
from whirlwind.httpclient import AsyncHTTPClient, HTTPRequest
from whirlwind.netutil import OverrideResolver, Resolver
from whirlwind.protocol import limits
from whirlwind.simple_httpclient import SimpleAsyncHTTPClient

__all__ = ["certificate"]

DOCUMENT = Path(__file__).parents[2] / "docs/clients.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.S)


def section(title: str) -> str:
    (found,) = re.findall(rf"## {title}\n(.*?)(?=\n##? |\Z)", TEXT, re.S)
    assert isinstance(found, str)
    return found


async def site(peer: Peer) -> None:
    """Answers what the examples ask for."""
    request = peer.last  # type: ignore[attr-defined]
    if request.target == "/missing":
        await peer.send(response(b"no such page", status="404 Not Found"))
    elif request.target == "/large":
        await peer.send(response(b"x" * 300_000))
    elif request.target == "/events":
        await peer.send(response(b": a comment\r\ndata: 1\r\nmore"))
    elif request.target == "/busy" and not hasattr(peer, "was_busy"):
        peer.was_busy = True  # type: ignore[attr-defined]
        await peer.send(response(b"later", status="503 Service Unavailable"))
    elif request.target == "/login":
        await peer.send(response(b"", "Set-Cookie: session=1"))
    elif request.method == "POST":
        await peer.send(response(request.body, "Content-Type: application/json"))
    elif request.target == "/moved":
        await peer.send(redirect("/"))
    else:
        await peer.send(response(b"hello", "Content-Type: text/plain"))


class Site(Server):
    async def _answer(self, peer: Peer) -> bool:
        peer.last = self.requests[-1]  # type: ignore[attr-defined]
        await site(peer)
        return True


def test_examples(
    certificate: Certificate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every one runs, in the order of the document, against servers that stand for those named."""
    monkeypatch.chdir(tmp_path)
    for name, source in (("authority.pem", 0), ("client.pem", 0), ("client.key", 1)):
        Path(name).write_text(Path(certificate[source]).read_text())
    names: dict[str, Any] = {}

    async def run(example: str, requests: list[Any]) -> list[str]:
        """Run it; return the requests that it made."""
        if "CurlAsyncHTTPClient" in example and find_spec("pycurl") is None:
            return []
        before = len(requests)
        code = compile(example, DOCUMENT.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        waiting = eval(code, names)
        if inspect.iscoroutine(waiting):
            await waiting
        AsyncHTTPClient.configure(None)
        return [request.line for request in requests[before:]]

    async def main() -> None:
        tls = certificate.server()
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(certificate.certfile)
        async with Site() as server, Site(tls=tls) as secure, HTTPProxy() as through:
            places = {
                ("www.example.com", 80): ("127.0.0.1", server.port),
                ("proxy.example.com", 3128): ("127.0.0.1", through.port),
                # The certificate is for this name.
                ("localhost", 443): ("127.0.0.1", secure.port),
            }
            Resolver.configure(OverrideResolver, resolver=Resolver(), mapping=places)
            made = [
                await run(text.replace("https://www.example.com", "https://localhost"), log)
                for text in EXAMPLES
                for log in [secure.requests if "https://www" in text else server.requests]
            ]
            assert [request.target for request in through.requests] == ["http://www.example.com/"]
            assert "authorization" not in through.requests[0].headers
            (made_of_three,) = [r.body for r in server.requests if r.method == "PUT"]
            assert made_of_three == b"piece 0\npiece 1\npiece 2\n"
            with_cookie = [r.target for r in server.requests if "cookie" in r.headers]
            assert with_cookie == ["/"]
            assert [r.target for r in server.requests if "x-request-id" in r.headers] == ["/"]
            busy = [line for lines in made for line in lines if "/busy" in line]
            assert len(busy) == 4
            assert await asyncio.to_thread(names["program"]) == b"hello"
            AsyncHTTPClient().close()

    try:
        asyncio.run(main())
    finally:
        Resolver.configure(None)
        AsyncHTTPClient.configure(None)
    printed = capsys.readouterr().out
    for expected in ("200 text/plain b'hello'", "404 b'no such page'", "['session']", "new ("):
        assert expected in printed


def test_numbers() -> None:
    rows = re.findall(r"^\| `(\w+)`.*?\| (.*?) \| (.*?) \|$", section("Connections"), re.M)
    stated = {name: (of_tornado, ours) for name, of_tornado, ours in rows}
    for which, kind in enumerate((SimpleAsyncHTTPClient, Client)):
        defaults = inspect.signature(kind.initialize).parameters
        assert stated["max_clients"][which] == str(defaults["max_clients"].default)
    assert stated["max_idle"][1] == str(limits.MAX_IDLE_CONNECTIONS)
    assert stated["idle_timeout"] == (f"{limits.CLIENT_IDLE_TIMEOUT:g}",) * 2
    assert stated["max_header_size"] == (str(limits.MAX_HEAD_SIZE),) * 2
    assert stated["max_body_size"] == (str(limits.MAX_BODY_SIZE),) * 2
    assert limits.CLIENT_UNSAFE_IDLE == 2  # "idle for less than two seconds"
    assert f"takes {limits.STREAM_RESPONSE_BUFFER // 1024} KiB ahead" in TEXT
    connect, request = (HTTPRequest._DEFAULTS[f"{name}_timeout"] for name in ("connect", "request"))
    assert f"`connect_timeout` ({connect:g} seconds)" in TEXT
    assert f"`request_timeout` ({request:g})" in TEXT
    assert f"`max_redirects` ({HTTPRequest._DEFAULTS['max_redirects']})" in TEXT
    (stated_timeouts,) = re.findall(r"timeouts = (Timeouts\(.*?\))\n", TEXT)
    assert eval(stated_timeouts, {"Timeouts": Timeouts}) == Timeouts()
    statuses = re.findall(r"statuses (.*?)\. The wait", " ".join(section("Retries").split()))[0]
    assert {int(code) for code in re.findall(r"\d+", statuses)} == Retry().statuses
    assert f"`max_backoff` ({Retry().max_backoff:g} seconds)" in TEXT


def test_names() -> None:
    for name in re.findall(r"`client\.([A-Z]\w+)`", TEXT):
        assert name in clients.__all__
    (steps,) = re.findall(r"The steps are (.*?)\. Whatever", section("Traces"), re.S)
    described = dict(re.findall(r"`(\w+)(?:\((.*?)\))?`", steps))
    methods = {name: m for name, m in vars(Trace).items() if inspect.isfunction(m)}
    assert described.keys() == methods.keys() - {"__init__"}
    for name, arguments in described.items():
        assert arguments == ", ".join(list(inspect.signature(methods[name]).parameters)[1:])
    schemes = re.findall(r"^\| `(\w+)` \|", section("Proxies"), re.M)
    assert set(schemes) == set(proxy._PORTS)
    (methods_that_repeat,) = re.findall(r"idempotent \((.*?)\)", TEXT)
    assert set(methods_that_repeat.split(", ")) == Retry().methods
    phases = re.findall(r"`(\w+)`", re.findall(r"\.phase` is (.*?), with", TEXT, re.S)[0])
    assert phases == ["queue", "resolve", "connect", "proxy", "tls", "write", "read", "total"]
