"""The opening handshake (RFC 6455 section 4): what a request has to say, and what answers it."""

import base64
import binascii
import hashlib
from typing import Any, Final

from whirlwind.httputil import HTTPHeaders, HTTPServerRequest
from whirlwind.log import gen_log
from whirlwind.protocol import extensions
from whirlwind.protocol.errors import ProtocolError

#: The version of the protocol that RFC 6455 defines, and the only one spoken here.
VERSION: Final = "13"
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept_value(key: str | bytes) -> str:
    """What the server proves with that it has understood a request (section 4.2.2).

    :arg key: the request's ``Sec-WebSocket-Key``.
    """
    raw = key.encode("latin-1") if isinstance(key, str) else key
    return base64.b64encode(hashlib.sha1(raw + _GUID).digest()).decode("ascii")


def tokens(value: str) -> list[str]:
    """The members of a comma-separated field, without the white space around them."""
    return [token for part in value.split(",") if (token := part.strip(" \t"))]


def _has_token(headers: HTTPHeaders, name: str, wanted: str) -> bool:
    return wanted in (token.lower() for token in tokens(headers.get(name, "")))


def check_upgrade(request: HTTPServerRequest) -> str | None:
    """What keeps a request from being one for a WebSocket, None if nothing does (section 4.2.1)."""
    headers = request.headers
    if not _has_token(headers, "Upgrade", "websocket"):
        return 'This page speaks WebSocket: the request needs "Upgrade: websocket"'
    if not _has_token(headers, "Connection", "upgrade"):
        return 'The request needs "Connection: Upgrade"'
    if request.version == "HTTP/1.0":
        return "WebSocket needs HTTP/1.1"
    return None


def check_key(headers: HTTPHeaders) -> str:
    """The request's key.

    :raises ValueError: there is not exactly one, or it does not stand for 16 bytes.
    """
    keys = headers.get_list("Sec-WebSocket-Key")
    try:
        if len(keys) == 1 and len(base64.b64decode(keys[0], validate=True)) == 16:
            return keys[0]
    except binascii.Error:
        pass
    raise ValueError("Sec-WebSocket-Key is missing or malformed")


def compression(values: dict[str, Any]) -> extensions.Options:
    """Compression options as programs write them; those that do not exist are logged."""
    known = {}
    for name, value in values.items():
        if name in extensions.OPTION_NAMES:
            known[name] = value
        else:
            gen_log.warning(
                "Unknown WebSocket compression option %r; there are %s",
                name,
                ", ".join(extensions.OPTION_NAMES),
            )
    return extensions.Options(**known)


def check_response(headers: HTTPHeaders, key: str) -> None:
    """Whether a response opens a WebSocket (section 4.1).

    :arg key: what was sent as ``Sec-WebSocket-Key``.
    :raises ProtocolError: 1002, naming what is wrong with it.
    """
    if not _has_token(headers, "Upgrade", "websocket"):
        raise ProtocolError(1002, "no Upgrade: websocket in the server's answer")
    if not _has_token(headers, "Connection", "upgrade"):
        raise ProtocolError(1002, "no Connection: Upgrade in the server's answer")
    if headers.get_list("Sec-WebSocket-Accept") != [accept_value(key)]:
        raise ProtocolError(1002, "wrong Sec-WebSocket-Accept in the server's answer")
