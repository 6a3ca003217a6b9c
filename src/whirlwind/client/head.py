"""The head of a request, as it goes out."""

from __future__ import annotations

import base64
import functools
import re
import sys
from typing import TYPE_CHECKING, Final

from whirlwind import httputil
from whirlwind._version import API_VERSION, VERSION
from whirlwind.escape import native_str
from whirlwind.protocol.headers import HeaderMap, encode_head, is_sendable

if TYPE_CHECKING:
    from whirlwind.client.urls import Origin
    from whirlwind.httputil import HTTPHeaders

#: RFC 9110 section 5.6.2: what a method may be.
TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


@functools.cache
def user_agent() -> str:
    """The default User-Agent. In Tornado's place it is Tornado's: servers may go by it."""
    package = sys.modules.get("tornado")
    if package is not None and package is sys.modules["whirlwind"]:
        return f"Tornado/{API_VERSION}"
    return f"Whirlwind/{VERSION}"


def basic(username: str, password: str) -> str:
    """Credentials for the basic scheme (RFC 7617)."""
    raw = httputil.encode_username_password(username, password)
    return f"Basic {base64.b64encode(raw).decode('ascii')}"


def plain(origin: Origin, target: str, agent: str, codings: str) -> bytes:
    """The head of a GET request that says nothing of its own.

    :raises ValueError: ``agent`` holds what no field may.
    """
    known_agent, known_codings, rest = origin.last_head
    if known_agent != agent or known_codings != codings:
        if not is_sendable(agent):
            raise ValueError(f"Illegal characters in User-Agent: {agent!r}")
        accept = f"Accept-Encoding: {codings}\r\n" if codings else ""
        fields = f"Host: {origin.field}\r\nUser-Agent: {agent}\r\n{accept}\r\n"
        rest = fields.encode("latin-1")
        origin.last_head = (agent, codings, rest)
    return b"GET %b HTTP/1.1\r\n%b" % (target.encode("ascii"), rest)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str | bytes):
        raise TypeError(f"header {name} must be str or bytes, not {type(value).__name__}")
    return native_str(value)


def build(
    method: str, target: str, host: str, fields: HTTPHeaders | None, ours: dict[str, str | None]
) -> tuple[bytes, HeaderMap]:
    """The head of any request.

    :arg fields: those of the request.
    :arg ours: fields that replace those of the same name; None removes one. ``host`` is used where
        the request has no Host of its own.
    :returns: the head, and its fields.
    :raises ValueError: a field has a name that is no token, or a value with characters that no
        field may hold (RFC 9110 section 5).
    """
    table = HeaderMap()
    # RFC 9110 section 7.2: Host comes first.
    table.put_normal("Host", host)
    if fields is not None:
        for name, value in fields.lines():
            text = value if type(value) is str else _text(name, value)
            if name in ours:
                continue
            if name == "Host":
                table.drop("Host")
            if not table.append_checked(name, text):
                raise ValueError(f"Illegal characters in header: {name}: {text!r}")
    for name, ready in ours.items():
        if ready is not None and not table.put_checked(name, ready):
            raise ValueError(f"Illegal characters in header: {name}: {ready!r}")
    return encode_head(f"{method} {target} HTTP/1.1\r\n", table, ""), table
