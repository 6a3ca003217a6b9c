"""Signatures of OAuth 1 requests (RFC 5849 section 3.4)."""

import base64
import hmac
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from whirlwind.escape import utf8


def sign(
    consumer_secret: str,
    method: str,
    url: str,
    parameters: Mapping[str, Any],
    token_secret: str = "",
    *,
    escape_secrets: bool = True,
) -> str:
    """The HMAC-SHA1 signature of a request.

    :arg consumer_secret, token_secret: the keys.
    :arg method, url: of the request; a query in the URL is signed too.
    :arg parameters: all others of the query, of a urlencoded body, and of OAuth.
    :arg escape_secrets: False for OAuth 1.0 before revision A, which said nothing about that.
    :returns: base64.
    """
    parts = urlsplit(url)
    base = f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path}"
    pairs = [*parse_qsl(parts.query, keep_blank_values=True), *parameters.items()]
    signed = "&".join(map(_encoded, (method.upper(), base, _normalized(pairs))))
    secrets = (consumer_secret, token_secret)
    key = "&".join(map(_encoded, secrets) if escape_secrets else secrets)
    return base64.b64encode(hmac.digest(utf8(key), utf8(signed), "sha1")).decode("ascii")


def _normalized(pairs: Iterable[tuple[str, Any]]) -> str:
    """The parameters in their order, section 3.4.1.3.2."""
    encoded = sorted((_encoded(name), _encoded(value)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encoded(value: Any) -> str:
    """Percent-encoded as section 3.6 wants it, which is stricter than in forms."""
    return quote(value if isinstance(value, (str, bytes)) else str(value), safe="~")
