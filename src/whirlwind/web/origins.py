"""Cross-origin protection: requests that other sites' pages made the browser send (Tornado 6.6).

A browser says by itself where a request comes from: in ``Sec-Fetch-Site`` (W3C "Fetch Metadata",
every browser since 2023), and in ``Origin`` (RFC 6454 section 7). Scripts and forms cannot set
either. Clients that are no browsers send neither and have no cookies to be abused.
"""

from typing import TYPE_CHECKING, Final

from whirlwind.httputil import HTTPHeaders, HTTPServerRequest
from whirlwind.web.errors import HTTPError

if TYPE_CHECKING:
    from whirlwind.web.application import Application

#: Values of ``Sec-Fetch-Site`` for requests of our own pages and of the user's hand. A sibling
#: subdomain is ``same-site``: it need not be ours.
_OWN_SITE: Final = frozenset({"same-origin", "none"})


class OriginsMixin:
    """The methods of ``RequestHandler`` about where a request comes from."""

    __slots__ = ()

    application: "Application"
    request: HTTPServerRequest

    def check_trusted_origin(self, origin: str) -> bool:
        """Hook: whether pages of another origin may send requests that change something.

        Asked only about requests that are not plainly our own pages'. By default the origins of the
        setting ``trusted_origins`` are trusted, compared exactly.

        :arg origin: as in the ``Origin`` field, such as ``https://www.example.com``.
        """
        trusted = self.application.settings.get("trusted_origins") or ()
        if isinstance(trusted, str):
            trusted = (trusted,)  # "in" would accept every part of the text
        return origin in trusted

    def _ww_check_origin(self) -> None:
        """Refuse a request that another origin's page caused.

        :raises HTTPError: 403.
        """
        headers = self.request.headers
        if is_own_page(headers):
            return
        origin = headers.get("Origin")
        site = headers.get("Sec-Fetch-Site")
        if origin is not None and self.check_trusted_origin(origin):
            return
        shown = None if origin is None else origin[:100]
        if site is None:
            raise HTTPError(403, "Origin %r not allowed", shown)
        # A token goes as it is; anything else must not reach a terminal.
        raise HTTPError(
            403, "Sec-Fetch-Site %s from origin %r not allowed", ascii(site[:60])[1:-1], shown
        )


def is_own_page(headers: HTTPHeaders) -> bool:
    """Whether a request plainly comes from a page of the same server, or from no page at all.

    :arg headers: the request's.
    """
    origin = headers.get("Origin")
    site = headers.get("Sec-Fetch-Site")
    if site is None:
        return origin is None or is_origin_of_host(origin, headers.get("Host"))
    return site in _OWN_SITE


def is_origin_of_host(origin: str, host: str | None) -> bool:
    """Whether an origin is the very server that was asked.

    The scheme is not compared: behind a proxy that ends TLS the server does not know its own.

    :arg origin: value of the ``Origin`` field.
    :arg host: value of the ``Host`` field, None without one.
    """
    scheme, _, rest = origin.partition("://")
    if not scheme or not host:
        return False
    # An origin ends with its authority; Tornado allows for a path behind it.
    for end in "/?#":
        rest = rest.partition(end)[0]
    return rest.lower() == host.lower()
