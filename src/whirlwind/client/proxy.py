"""Proxies: HTTP and HTTPS ones, tunnels through them, and SOCKS5."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from whirlwind.client.errors import HTTPProxyError
from whirlwind.client.head import basic
from whirlwind.protocol import http1 as http1_core
from whirlwind.protocol.errors import ProtocolError
from whirlwind.protocol.http1 import ResponseParser

if TYPE_CHECKING:
    import socket

    from whirlwind.client.urls import Origin

# RFC 1928 section 6: network unreachable, host unreachable, connection refused.
_UNREACHED: Final = frozenset((3, 4, 5))
# The library has 60 seconds of its own; the call has a deadline already.
_NO_LIMIT: Final = 1e6
_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


class Proxy(NamedTuple):
    """A proxy to go through."""

    #: ``http``, ``https`` (TLS to the proxy), ``socks5`` (names are resolved here) or ``socks5h``
    #: (by the proxy).
    scheme: str
    host: str
    port: int
    username: str | None = None
    password: str = ""

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS and not HTTP."""
        return self.scheme.startswith("socks")

    @property
    def authorization(self) -> str | None:
        """The value of ``Proxy-Authorization``, if one is to be sent."""
        return None if self.username is None else basic(self.username, self.password)


def parse(url: str) -> Proxy:
    """Make a `Proxy` of a URL such as ``http://user:password@proxy.example.com:3128``.

    :arg url: str; without a scheme it is ``http``.
    :raises ValueError: the scheme is another, or there is no host.
    """
    if "://" not in url:
        url = f"http://{url}"
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise ValueError(f"Unsupported proxy scheme {parts.scheme!r}: use {', '.join(_PORTS)}")
    if not parts.hostname:
        raise ValueError("No host in the URL of the proxy")
    username = None if parts.username is None else unquote(parts.username)
    port = parts.port or _PORTS[parts.scheme]
    return Proxy(parts.scheme, parts.hostname, port, username, unquote(parts.password or ""))


def from_environment(origin: Origin) -> Proxy | None:
    """The proxy that ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` name.

    As ``urllib.request`` reads them, in either case; nothing else of the system is asked.
    """
    import urllib.request  # 10 ms of start-up, for those who want this

    found = urllib.request.getproxies_environment()
    url = found.get("https" if origin.tls else "http") or found.get("all")
    if not url:
        return None
    authority = f"{origin.host}:{origin.port}"
    if urllib.request.proxy_bypass_environment(authority, found):  # type: ignore[attr-defined]
        return None
    return parse(url)


class Tunnel(asyncio.Protocol):
    """Asks an HTTP proxy for a tunnel (RFC 9110 section 9.3.6).

    :ivar opened: a future that is done when there is one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, authority: str, fields: str) -> None:
        """
        :arg authority: host and port of the other end.
        :arg fields: further field lines, each with its CR LF.
        """
        self.opened: asyncio.Future[None] = loop.create_future()
        self.transport: Any = None
        self._request = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{fields}\r\n"
        self._parser = ResponseParser()
        self._parser.expect("CONNECT")

    def connection_made(self, transport: Any) -> None:
        """The proxy is there."""
        self.transport = transport
        transport.write(self._request.encode("latin-1"))

    def data_received(self, data: bytes) -> None:
        """Bytes from the proxy."""
        self._parser.receive(data)
        try:
            while self._parser.next_event() == http1_core.HEAD:
                head: Any = self._parser.head
                if head.status < 200:
                    continue
                if head.status >= 300:
                    self._fail(f"refused the tunnel: {head.status} {head.reason}", head.status)
                elif self._parser.take_rest():
                    # A TLS server waits for the client. Whose bytes these are, nobody knows.
                    self._fail("sent something before the tunnel was used")
                elif not self.opened.done():
                    self.opened.set_result(None)
                return
        except ProtocolError as error:
            self._fail(f"sent no valid response: {error.reason}")

    def connection_lost(self, error: Exception | None) -> None:
        """The proxy has gone."""
        self._fail("closed the connection")

    def _fail(self, what: str, status: int | None = None) -> None:
        if not self.opened.done():
            self.opened.set_exception(HTTPProxyError(f"The proxy {what}", status))


async def connect_by_socks(
    proxy: Proxy, proxy_hosts: list[str], hosts: list[str], port: int, source_ip: str | None
) -> socket.socket:
    """Connect through a SOCKS5 proxy.

    :arg proxy_hosts: the addresses of the proxy, tried until one answers.
    :arg hosts: the addresses to connect to, or a name alone; tried until the proxy reaches one.
    :arg port: where to connect to there.
    :arg source_ip: the local address to connect from.
    :raises HTTPProxyError: the proxy does not do it.
    :raises RuntimeError: the library that speaks SOCKS is not installed.
    """
    try:
        socks = import_module("python_socks")
        kind = import_module("python_socks.async_.asyncio").Proxy
    except ImportError:
        raise RuntimeError(
            "SOCKS proxies need python-socks: pip install 'whirlwind[socks]'"
        ) from None
    options: dict[str, Any] = {"timeout": _NO_LIMIT}
    if source_ip is not None:
        options["local_addr"] = (source_ip, 0)
    password = proxy.password if proxy.username is not None else None
    failure: Exception | None = None
    for proxy_host in proxy_hosts:
        dialer = kind(
            socks.ProxyType.SOCKS5,
            proxy_host,
            proxy.port,
            proxy.username,
            password,
            rdns=proxy.scheme == "socks5h",
        )
        for host in hosts:
            try:
                connected: socket.socket = await dialer.connect(host, port, **options)
            except socks.ProxyConnectionError as error:
                failure = error
                break
            except socks.ProxyError as error:
                failure = error
                if error.error_code not in _UNREACHED:
                    raise HTTPProxyError(f"The SOCKS proxy failed: {error}") from error
            else:
                return connected
        else:
            break  # the proxy answers, and reaches none of them
    raise HTTPProxyError(f"The SOCKS proxy failed: {failure}") from failure
