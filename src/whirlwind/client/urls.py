"""URLs to origins and request targets."""

from __future__ import annotations

import re
import socket
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from whirlwind.protocol.limits import MAX_ORIGINS

# What is sent as it stands: every visible character of US-ASCII. The fragment stays here.
_COMMON = re.compile(r"(https?://[A-Za-z0-9.\-]+(?::[0-9]{1,5})?)(/[!-\"$-~]*)?(?:#.*)?", re.DOTALL)
_UNSAFE = re.compile(rb"[^!-~]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Origin:
    """Where a URL leads (RFC 9110 section 4.3.1).

    :ivar name: str, ``http://example.com:80``: equal for equal origins, and the same in pool keys.
    :ivar host: str, the host to resolve and, with TLS, to verify; a path for a unix socket.
    :ivar field: str, the value of the Host field.
    """

    __slots__ = ("field", "host", "last_head", "name", "path", "port", "tls")

    def __init__(self, scheme: str, host: str, port: int, field: str, path: str = "") -> None:
        self.tls: bool = scheme.startswith("https")
        self.host: str = host
        self.port: int = port
        self.field: str = field
        #: str, the path of the unix socket that stands for the host, or nothing.
        self.path: str = path
        self.name: str = f"{scheme}://{path or host}:{port}"
        #: What the head of a request to this origin ended with, and what it was made from.
        self.last_head: tuple[str, str, bytes] = ("", "", b"")


_origins: dict[str, Origin] = {}
_Parsed = tuple[Origin, str, tuple[str, str] | None]
# Programs fetch the same URLs again and again; a look here is a tenth of taking one apart.
_parsed: dict[str, _Parsed] = {}


def parse(url: str) -> _Parsed:
    """Take a URL apart.

    Characters that no request target may hold are percent-encoded, as browsers do.

    :returns: the origin, the request target, and user name and password if the URL has them.
    :raises ValueError: the scheme is another, the port is none, or there is no host.
    """
    known = _parsed.get(url)
    if known is not None:
        return known
    found = _COMMON.fullmatch(url)
    if found is None:
        return _parse_uncommon(url)
    prefix, target = found.groups()
    origin = _origins.get(prefix)
    if origin is None:
        origin = _parse_uncommon(prefix)[0]
        if len(_origins) >= MAX_ORIGINS:
            _origins.clear()
        _origins[prefix] = origin
    if len(_parsed) >= MAX_ORIGINS:
        _parsed.clear()
    _parsed[url] = parsed = (origin, target or "/", None)
    return parsed


def _parse_uncommon(url: str) -> _Parsed:
    parts = urlsplit(url)
    scheme = parts.scheme
    if scheme not in ("http", "https", "http+unix", "https+unix"):
        raise ValueError(
            f"Unsupported url scheme: {url} (a URL begins with http://, https://, http+unix:// or "
            "https+unix://)"
        )
    try:
        port = parts.port
    except ValueError:
        raise ValueError(f"Invalid port in url: {url}") from None
    host = parts.hostname
    if not host:
        raise ValueError(
            f"No host in url: {url}"
            + (" (the path of the socket goes there, with %2F for /)" if "+unix" in scheme else "")
        )
    if scheme.endswith("+unix"):
        # The path of the socket stands for the host, percent-encoded: http+unix://%2Frun%2Fx/path
        path = unquote(parts.netloc.rpartition("@")[2])
        origin = Origin(scheme, "localhost", 0, "localhost", path)
    else:
        origin = _make_origin(scheme, host, port, url)
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    credentials = None
    if parts.username is not None:
        credentials = unquote(parts.username), unquote(parts.password or "")
    return origin, encode_target(target), credentials


def _make_origin(scheme: str, host: str, port: int | None, url: str) -> Origin:
    if ":" in host:
        host, _, zone = unquote(host).partition("%")
        try:
            socket.inet_pton(socket.AF_INET6, host)
        except (OSError, ValueError):
            raise ValueError(f"Invalid host in url: {url}") from None
        if not _ZONE.fullmatch(zone):
            raise ValueError(f"Invalid host in url: {url}")
        field = f"[{host}]"
        if zone:
            host += f"%{zone}"  # for the socket only (RFC 6874 section 1)
    else:
        if not host.isascii():
            try:
                host = host.encode("idna").decode("ascii")
            except UnicodeError:
                raise ValueError(f"Invalid host in url: {url}") from None
        if _UNSAFE.search(host.encode()) or not _HOST.fullmatch(host):
            raise ValueError(f"Invalid host in url: {url}")
        field = host
    if port is not None:
        field = f"{field}:{port}"
    return Origin(scheme, host, _DEFAULT_PORTS[scheme] if port is None else port, field)


_HOST: Final = re.compile(r"[A-Za-z0-9\-._~!$&'()*+;=%]+")
_ZONE: Final = re.compile(r"[A-Za-z0-9\-._~]*")


def encode_target(target: str) -> str:
    """Percent-encode what must not stand in a request target (RFC 9112 section 3)."""
    if target.isascii() and target.isprintable() and " " not in target:
        return target
    raw = target.encode("utf-8", "surrogateescape")
    return _UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], raw).decode("ascii")


def without_user(url: str) -> str:
    """The URL without user name and password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host)) if host != parts.netloc else url
