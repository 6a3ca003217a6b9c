"""What a trusted proxy says of the client (``xheaders``)."""

from collections.abc import Container
from typing import Any

from whirlwind.httputil.headers import HTTPHeaders
from whirlwind.netutil import is_valid_ip


class Forwarded:
    """A connection as the context of one request that came through a proxy.

    :ivar remote_ip, protocol: what the proxy says; everything else is the connection's.
    """

    __slots__ = ("_conn", "headers", "protocol", "remote_ip")
    headers: HTTPHeaders

    def __init__(self, conn: Any, headers: HTTPHeaders) -> None:
        """
        :arg conn: the connection to the proxy.
        :arg headers: the request's.
        """
        self._conn = conn
        self.headers = headers
        self.remote_ip: Any = conn.remote_ip
        self.protocol: str = conn.protocol

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conn, name)


def apply_proxy_fields(context: Forwarded, trusted: Container[str]) -> None:
    """Set ``remote_ip`` and ``protocol`` from the fields of a request, where these are valid.

    ``X-Real-Ip`` wins over the last address in ``X-Forwarded-For`` that is not a trusted proxy's;
    ``X-Scheme`` wins over the last element of ``X-Forwarded-Proto``.

    :arg trusted: addresses of proxies that may stand between the client and us.
    """
    headers = context.headers
    address = context.remote_ip
    for candidate in reversed(headers.get("X-Forwarded-For", address or "").split(",")):
        address = candidate.strip()
        if address not in trusted:
            break
    address = headers.get("X-Real-Ip", address)
    if is_valid_ip(address):
        context.remote_ip = address
    scheme = headers.get("X-Scheme", headers.get("X-Forwarded-Proto", ""))
    scheme = scheme.split(",")[-1].strip()
    if scheme in ("http", "https"):
        context.protocol = scheme
