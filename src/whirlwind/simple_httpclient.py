"""`SimpleAsyncHTTPClient`, the default client: HTTP/1.1 without another library."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from whirlwind.client.call import Call
from whirlwind.client.engine import Engine
from whirlwind.client.errors import HTTPStreamClosedError, HTTPTimeoutError
from whirlwind.client.stream import StreamContext
from whirlwind.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest, HTTPResponse, main
from whirlwind.httpclient.client import Fetch
from whirlwind.httpclient.request import _RequestProxy
from whirlwind.httputil import HTTPHeaders
from whirlwind.ioloop import IOLoop
from whirlwind.netutil import OverrideResolver, Resolver
from whirlwind.platform.loops import running_loop
from whirlwind.protocol import limits
from whirlwind.tcpclient import TCPClient

if TYPE_CHECKING:
    from whirlwind.client.waiting import FairLine

__all__ = [
    "AsyncHTTPClient",
    "HTTPError",
    "HTTPRequest",
    "HTTPResponse",
    "HTTPStreamClosedError",
    "HTTPTimeoutError",
    "SimpleAsyncHTTPClient",
    "main",
]

_HTTPConnection = Call


class SimpleAsyncHTTPClient(AsyncHTTPClient):
    """A client that keeps its connections and uses them again.

    :arg max_clients: int, requests under way at once (10); the others wait in a queue, and the
        time there is bounded by ``connect_timeout`` of the request.
    :arg hostname_mapping: dict, other addresses for some names, as for `netutil.OverrideResolver`.
    :arg max_buffer_size: int, bytes; the default of ``max_body_size`` (100 MiB).
    :arg resolver: `netutil.Resolver`, looks names up; one of its own when None.
    :arg defaults: dict, values for the attributes of `HTTPRequest` that a request leaves open.
    :arg max_header_size: int, bytes of a response's status line and fields (64 KiB).
    :arg max_body_size: int, bytes of a response's body, before and after decompression; also with
        a ``streaming_callback``.
    """

    def initialize(  # type: ignore[override]
        self,
        max_clients: int = limits.MAX_CLIENTS,
        hostname_mapping: dict[Any, Any] | None = None,
        max_buffer_size: int = limits.MAX_BODY_SIZE,
        resolver: Resolver | None = None,
        defaults: dict[str, Any] | None = None,
        max_header_size: int | None = None,
        max_body_size: int | None = None,
    ) -> None:
        super().initialize(defaults=defaults)
        self.max_buffer_size = max_buffer_size
        self.max_header_size = max_header_size
        self.max_body_size = max_body_size
        # A resolver that was given is the caller's to close.
        self.own_resolver: bool = resolver is None
        self.resolver: Resolver = Resolver() if resolver is None else resolver
        if hostname_mapping is not None:
            self.resolver = OverrideResolver(resolver=self.resolver, mapping=hostname_mapping)
        self.tcp_client: TCPClient = TCPClient(resolver=self.resolver)
        self._engine = Engine(
            self.io_loop,
            self.resolver,
            max_clients,
            limits.MAX_HEAD_SIZE if max_header_size is None else max_header_size,
            max_buffer_size if max_body_size is None else max_body_size,
        )

    @property
    def max_clients(self) -> int:
        """How many requests are under way at once."""
        return self._engine.max_clients

    @max_clients.setter
    def max_clients(self, value: int) -> None:
        self._engine.max_clients = value

    @property
    def queue(self) -> deque[Call] | FairLine:
        """The requests that wait."""
        return self._engine.queue

    @property
    def active(self) -> dict[object, Call]:
        """The requests that are under way."""
        return {call: call for call in self._engine.active}

    @property
    def waiting(self) -> dict[object, Call]:
        """The requests that wait, as a dict."""
        return {call: call for call in self._engine.queue}

    def close(self) -> None:
        """Close the connections; those that are in use when their request is over."""
        super().close()
        self._engine.close_idle()
        if self.own_resolver:
            self.resolver.close()
        self.tcp_client.close()

    def __del__(self) -> None:
        # Programs make a client for one request and drop it.
        engine: Engine | None = self.__dict__.get("_engine")
        if engine is not None and not engine.closed and not engine.loop.is_closed():
            engine.close_from_anywhere()

    def _follow(self, io_loop: IOLoop) -> None:
        super()._follow(io_loop)
        engine, self._engine = self._engine, self._engine.twin_on(io_loop)
        if not engine.closed and not engine.loop.is_closed():
            engine.close_from_anywhere()

    def _connection_class(self) -> type[Call]:
        return _HTTPConnection

    def fetch_impl(self, request: HTTPRequest, callback: Callable[[HTTPResponse], None]) -> None:
        call = self._make_call(request, callback)
        future = getattr(callback, "__self__", None)
        if type(future) is Fetch:
            future.on_cancel = call.give_up
        call.submit()

    def _make_call(self, request: HTTPRequest, callback: Callable[[HTTPResponse], None]) -> Call:
        return self._connection_class()(self._engine, request, callback)

    def stream(
        self, request: str | HTTPRequest, raise_error: bool = True, **kwargs: Any
    ) -> StreamContext:
        """Read a response while it arrives; not in Tornado.

        ::

            async with client.stream("http://www.example.com/") as response:
                async for chunk in response:
                    ...

        Unless the request sets a ``request_timeout`` itself, the client's is for the time until the
        response begins and then for each silence of the server; ``max_body_size`` does not count.

        :arg request: `HTTPRequest`, or a URL with the arguments of one in ``kwargs``.
        :arg raise_error: bool, whether a status outside 200-299 is an error.
        :returns: an asynchronous context manager around a `client.StreamedResponse`. Leaving it
            before the end of the body closes the connection.
        :raises HTTPClientError: from entering it.
        :raises RuntimeError: the client is closed.
        """
        if self._closed:
            raise RuntimeError("stream() called on closed client")
        if not isinstance(request, HTTPRequest):
            request = HTTPRequest(url=request, **kwargs)
        elif kwargs:
            raise ValueError("kwargs can't be used if request is an HTTPRequest object")
        loop = running_loop()
        if loop is not None and loop is not self.io_loop.asyncio_loop:
            self._follow(IOLoop.current())
        headers = request._headers
        if headers is not None and not isinstance(headers, HTTPHeaders):
            request.headers = HTTPHeaders(headers)
        proxied = cast("HTTPRequest", _RequestProxy(request, self.defaults))
        return StreamContext(self._make_call, proxied, raise_error)


if __name__ == "__main__":
    main()
