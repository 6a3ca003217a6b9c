"""Decorators for the methods of a ``RequestHandler``, and for the class."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlencode, urlsplit

from whirlwind._public import claim
from whirlwind.web.errors import HTTPError
from whirlwind.web.locations import require_local_path

if TYPE_CHECKING:
    from whirlwind.web.handler import RequestHandler

_Method = TypeVar("_Method", bound=Callable[..., Any])
_Handler = TypeVar("_Handler", bound="type[RequestHandler]")


def _redirect_to_path(handler: "RequestHandler", path: str) -> None:
    """Redirect a GET or HEAD request to another path, with its query; 404 for other methods."""
    request = handler.request
    if request.method not in ("GET", "HEAD"):
        raise HTTPError(404)
    require_local_path(path)
    handler.redirect(f"{path}?{request.query}" if request.query else path, permanent=True)


def removeslash(method: _Method) -> _Method:
    """Redirect to the path without its final slashes (301).

    GET and HEAD only: other methods get 404 for a path with a slash at its end. GET and HEAD of
    ``/`` are served as they are. The route's pattern has to match both forms, for instance
    ``r"/foo/*"``.

    :arg method: the HTTP method of a handler.
    :returns: the wrapped method.
    """

    @functools.wraps(method)
    def wrapper(self: "RequestHandler", *args: Any, **kwargs: Any) -> Any:
        path = self.request.path
        if path.endswith("/"):
            short = path.rstrip("/")
            # An empty Location would mean this very page again.
            if short or self.request.method not in ("GET", "HEAD"):
                return _redirect_to_path(self, short)
        return method(self, *args, **kwargs)

    return cast("_Method", wrapper)


def addslash(method: _Method) -> _Method:
    """Redirect to the path with a final slash (301).

    GET and HEAD only: other methods get 404 there. The route's pattern has to match both forms,
    for instance ``r"/foo/?"``.

    :arg method: the HTTP method of a handler.
    :returns: the wrapped method.
    """

    @functools.wraps(method)
    def wrapper(self: "RequestHandler", *args: Any, **kwargs: Any) -> Any:
        path = self.request.path
        if not path.endswith("/"):
            return _redirect_to_path(self, path + "/")
        return method(self, *args, **kwargs)

    return cast("_Method", wrapper)


def authenticated(method: _Method) -> _Method:
    """Let only requests with a ``current_user`` through.

    Others are redirected to :meth:`RequestHandler.get_login_url` (GET and HEAD), or get 403. The
    page asked for goes along as the query argument ``next``, unless the login URL has a query
    already: the whole URL when the login page may be on another server, otherwise the path.

    :arg method: the HTTP method of a handler.
    :returns: the wrapped method.
    """

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.current_user:
            return method(self, *args, **kwargs)
        if self.request.method not in ("GET", "HEAD"):
            raise HTTPError(403)
        url = self.get_login_url()
        if "?" not in url:
            next_url = self.request.full_url() if urlsplit(url).scheme else self.request.uri
            url += "?" + urlencode({"next": next_url})
        self.redirect(url)
        return None

    return cast("_Method", wrapper)


def stream_request_body(cls: _Handler) -> _Handler:
    """Class decorator: the request's body arrives piece by piece.

    ``request.body`` stays empty and body arguments are not parsed. ``prepare`` runs when the head
    of the request is there, then :meth:`RequestHandler.data_received` with each piece, then the
    HTTP method.

    :arg cls: a handler class.
    :returns: the class itself.
    :raises TypeError: it is none.
    """
    from whirlwind.web.handler import RequestHandler

    given: object = cls
    if not (isinstance(given, type) and issubclass(given, RequestHandler)):
        raise TypeError(f"stream_request_body is for subclasses of RequestHandler, not {cls!r}")
    cls._stream_request_body = True
    return cls


def has_stream_request_body(cls: "type[RequestHandler]") -> bool:
    """Whether a handler class is decorated with `stream_request_body` (elastic-apm)."""
    return cls._stream_request_body


claim("whirlwind.web", addslash, authenticated, removeslash, stream_request_body)
