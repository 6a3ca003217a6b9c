"""A handler that sends the client elsewhere."""

from typing import Any

from whirlwind import httputil
from whirlwind._public import claim
from whirlwind.web.handler import RequestHandler
from whirlwind.web.locations import require_same_origin


class RedirectHandler(RequestHandler):
    r"""Redirects GET requests to the URL given in the route::

        Application([
            (r"/photos", RedirectHandler, {"url": "/pictures", "permanent": False}),
            (r"/old/(.*)/(\d+)", RedirectHandler, {"url": "/new/{1}/{0}"}),
        ])

    Groups of the route's pattern fill the replacement fields of the URL; an optional group that
    did not take part is empty (Tornado 4.5). The query is carried over (Tornado 5.0). What comes
    from the request can not change the scheme or the host of the URL: such a request gets 400
    (Tornado 6.6.1).
    """

    def initialize(self, url: str, permanent: bool = True) -> None:
        """Take the arguments of the route.

        :arg url: where to, a format string; ``{{`` stands for ``{``.
        :arg permanent: bool, answer 301 rather than 302.
        """
        self._url = url
        self._permanent = permanent

    def get(self, *args: Any, **kwargs: Any) -> None:
        """Redirect."""
        values = ["" if value is None else value for value in args]
        named = {name: "" if value is None else value for name, value in kwargs.items()}
        url = self._url.format(*values, **named)
        if args or kwargs:
            require_same_origin(self._url, url)
        if self.request.query_arguments:
            query: Any = list(httputil.qs_to_qsl(self.request.query_arguments))
            url = httputil.url_concat(url, query)
        self.redirect(url, permanent=self._permanent)


claim("whirlwind.web", RedirectHandler)
