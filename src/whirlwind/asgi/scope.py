"""What an application is told of a request or a connection before it begins."""

from typing import Any, Final

from whirlwind.httputil import HTTPServerRequest
from whirlwind.httputil.storage import field_lines
from whirlwind.protocol.urlencoded import percent_decode

_VERSIONS: Final = {"HTTP/1.1": "1.1", "HTTP/1.0": "1.0"}


def make_scope(kind: str, request: HTTPServerRequest, root_path: str) -> dict[str, Any]:
    """The part of a scope that ``http`` and ``websocket`` have in common.

    :arg kind: ``http`` or ``websocket``.
    :arg request: the request; what ``xheaders`` changed about it is respected.
    :arg root_path: where the application is mounted; put before the path unless the path begins
        with it already.
    """
    raw_path = request.path
    path = raw_path
    if "%" in path or not path.isascii():
        path = percent_decode(path.encode("utf-8")).decode("utf-8", "replace")
    if root_path and not (path == root_path or path.startswith(root_path + "/")):
        path = root_path + path
        raw_path = root_path + raw_path
    protocol = request.protocol
    if kind == "websocket":
        protocol = "wss" if protocol == "https" else "ws"
    client, server = _ends(request)
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": _VERSIONS.get(request.version, "1.1"),
        "scheme": protocol,
        "path": path,
        "raw_path": raw_path.encode("utf-8"),
        "query_string": request.query.encode("utf-8"),
        "root_path": root_path,
        "headers": field_lines(request),
        "client": client,
        "server": server,
    }


def _ends(request: HTTPServerRequest) -> tuple[Any, Any]:
    """The addresses of both ends, as the specification wants them; None where there is none."""
    connection: Any = request.server_connection
    peer = getattr(connection, "address", None)
    remote_ip = request.remote_ip
    client = None
    if isinstance(peer, tuple) and peer:
        # The port is the proxy's if the address is what a proxy says.
        client = (remote_ip, peer[1] if peer[0] == remote_ip else 0)
    elif remote_ip is not None and remote_ip != "0.0.0.0":
        client = (remote_ip, 0)
    server: Any = None
    name = getattr(connection, "local_address", None)
    if isinstance(name, tuple):
        server = (name[0], name[1])
    elif name:
        server = (name, None)
    return client, server
