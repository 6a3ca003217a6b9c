"""What a trusted proxy says of the client (``xheaders``)."""

from collections.abc import Container

from whirlwind.httputil.request import HTTPServerRequest
from whirlwind.netutil import is_valid_ip


def apply_proxy_fields(request: HTTPServerRequest, trusted: Container[str]) -> None:
    """Set ``remote_ip`` and ``protocol`` of a request from its proxy's fields, if valid.

    ``X-Real-Ip`` wins over the last address in ``X-Forwarded-For`` that is not a trusted proxy's;
    ``X-Scheme`` wins over the last element of ``X-Forwarded-Proto``. Only for this request.

    :arg trusted: addresses of proxies that may stand between the client and us.
    """
    headers = request.headers
    address = request.remote_ip
    for candidate in reversed(headers.get("X-Forwarded-For", address or "").split(",")):
        address = candidate.strip()
        if address not in trusted:
            break
    address = headers.get("X-Real-Ip", address)
    if is_valid_ip(address):
        request.remote_ip = address
    scheme = headers.get("X-Scheme", headers.get("X-Forwarded-Proto", ""))
    scheme = scheme.split(",")[-1].strip()
    if scheme in ("http", "https"):
        request.protocol = scheme
