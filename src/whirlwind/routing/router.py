"""Routers as such, and the message delegates that connect them to a server."""

from collections.abc import Awaitable, Callable
from typing import Any

from whirlwind import httputil
from whirlwind.gen import convert_yielded
from whirlwind.ioloop import IOLoop
from whirlwind.log import app_log


class Router(httputil.HTTPServerConnectionDelegate):
    """Finds the delegate that handles a request. Subclasses implement :meth:`find_handler`."""

    def find_handler(
        self, request: httputil.HTTPServerRequest, **kwargs: Any
    ) -> httputil.HTTPMessageDelegate | None:
        """Choose who handles a request.

        :arg request: the request; its body has not arrived yet.
        :arg kwargs: what an outer router's rule found out (``path_args``, ``target_kwargs``...).
        :returns: the delegate, or None when this router does not know the request.
        """
        raise NotImplementedError

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> httputil.HTTPMessageDelegate:
        """Called by the server for each request; routes it once its head is there."""
        return _RoutingDelegate(self, server_conn, request_conn)


class ReversibleRouter(Router):
    """A router that can also build the URL of a named route."""

    def reverse_url(self, name: str, *args: Any) -> str | None:
        """Build a URL.

        :arg name: name of a route.
        :arg args: values for the groups of its pattern, in order.
        :returns: the URL's path, or None when the name is unknown.
        """
        raise NotImplementedError


class _RoutingDelegate(httputil.HTTPMessageDelegate):
    """Waits for the head of a request, then hands everything to the delegate found for it."""

    def __init__(
        self, router: Router, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> None:
        self.router = router
        self.server_conn = server_conn
        self.request_conn = request_conn
        self.delegate: httputil.HTTPMessageDelegate | None = None

    def headers_received(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
    ) -> Awaitable[None] | None:
        if not isinstance(start_line, httputil.RequestStartLine):
            raise TypeError(f"a router can only route requests, not {start_line!r}")
        request = httputil.HTTPServerRequest(
            connection=self.request_conn,
            server_connection=self.server_conn,
            start_line=start_line,
            headers=headers,
        )
        self.delegate = self.router.find_handler(request)
        if self.delegate is None:
            app_log.debug("no route for %s %r", request.method, request.path)
            self.delegate = _NotFoundDelegate(self.request_conn)
        return self.delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        assert self.delegate is not None
        return self.delegate.data_received(chunk)

    def finish(self) -> None:
        assert self.delegate is not None
        self.delegate.finish()

    def on_connection_close(self) -> None:
        if self.delegate is not None:  # None: closed before the head was complete
            self.delegate.on_connection_close()


class _NotFoundDelegate(httputil.HTTPMessageDelegate):
    """Answers 404 without a body."""

    def __init__(self, connection: httputil.HTTPConnection) -> None:
        self.connection = connection

    def finish(self) -> None:
        self.connection.write_headers(
            httputil.ResponseStartLine("HTTP/1.1", 404, "Not Found"),
            httputil.HTTPHeaders({"Content-Length": "0"}),
        )
        self.connection.finish()


class CallableDelegate(httputil.HTTPMessageDelegate):
    """Collects the body, parses it if it is a form, and calls a function with the request.

    The function answers on ``request.connection``. If it returns an awaitable, that is awaited and
    its exception logged.
    """

    def __init__(
        self,
        callback: Callable[[httputil.HTTPServerRequest], Any],
        request: httputil.HTTPServerRequest,
    ) -> None:
        self.callback: Callable[[httputil.HTTPServerRequest], Any] | None = callback
        self.request: httputil.HTTPServerRequest | None = request
        self._chunks: list[bytes] = []

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._chunks.append(bytes(chunk))
        return None

    def finish(self) -> None:
        request, callback = self.request, self.callback
        assert request is not None
        assert callback is not None
        request.body = b"".join(self._chunks)
        if request.has_form():
            request._parse_body()
        self.on_connection_close()
        result = callback(request)
        if result is not None:
            IOLoop.current().add_future(convert_yielded(result), lambda done: done.result())

    def on_connection_close(self) -> None:
        self._chunks.clear()
        self.request = self.callback = None
