"""`AsyncHTTPClient`, the base of every client, and `HTTPClient`, which blocks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

from whirlwind._public import claim
from whirlwind.concurrent import Future, future_set_exception_unless_cancelled
from whirlwind.httpclient.request import HTTPRequest, _RequestProxy, plain_request
from whirlwind.httpclient.response import HTTPResponse
from whirlwind.httputil import HTTPHeaders
from whirlwind.ioloop import IOLoop
from whirlwind.platform.loops import running_loop
from whirlwind.util import Configurable, is_finalizing


class HTTPClient:
    """A client that blocks until the response is there.

    For programs without an event loop; where one runs, `AsyncHTTPClient` is the only way::

        client = HTTPClient()
        try:
            print(client.fetch("http://www.example.com/").body)
        finally:
            client.close()

    :arg async_client_class: class, a kind of `AsyncHTTPClient`; the configured one when None.
    :arg kwargs: what that class takes.
    :raises RuntimeError: an event loop runs in this thread.
    """

    def __init__(
        self, async_client_class: type[AsyncHTTPClient] | None = None, **kwargs: Any
    ) -> None:
        self._closed = True  # in case this fails before the end
        if running_loop() is not None:
            raise RuntimeError(
                "HTTPClient blocks, and an event loop is running in this thread: "
                "use AsyncHTTPClient and await what its fetch returns"
            )
        kind = AsyncHTTPClient if async_client_class is None else async_client_class
        self._io_loop = IOLoop(make_current=False)

        async def make_client() -> AsyncHTTPClient:
            return kind(**kwargs)

        making = make_client()
        try:
            self._async_client: AsyncHTTPClient = self._io_loop.run_sync(lambda: making)
        except BaseException:
            making.close()
            self._io_loop.close()
            raise
        self._closed = False

    def __del__(self) -> None:
        try:
            self.close()
        except Exception:
            # At the end of the interpreter, what closing needs may be gone already.
            if not is_finalizing():
                raise

    def close(self) -> None:
        """Close connections and loop; the client cannot be used any more."""
        if not self._closed:
            self._closed = True
            self._async_client.close()
            self._io_loop.close()

    def fetch(self, request: HTTPRequest | str, **kwargs: Any) -> HTTPResponse:
        """Fetch a request and wait for the response.

        :arg request: `HTTPRequest`, or a URL with the arguments of one in ``kwargs``.
        :returns: `HTTPResponse`.
        :raises HTTPClientError: the status is not 200 to 299, or there was no response.
        :raises RuntimeError: the client is closed.
        """
        if self._closed:
            raise RuntimeError("fetch() called on closed HTTPClient")
        response: HTTPResponse = self._io_loop.run_sync(
            functools.partial(self._async_client.fetch, request, **kwargs)
        )
        return response


class AsyncHTTPClient(Configurable):
    """A client that does not block.

    ::

        async def main():
            response = await AsyncHTTPClient().fetch("http://www.example.com/")
            print(response.body)

    ``AsyncHTTPClient()`` is the same object each time it is called on the same event loop, and then
    ignores its arguments; with ``force_instance=True`` it is a new one. Which implementation it is,
    and what arguments it gets beside those of the call, :meth:`configure` says.

    :arg force_instance: bool, make a new client.
    :arg defaults: dict, values for the attributes of `HTTPRequest` that a request leaves open.
    :arg kwargs: what the implementation takes, such as ``max_clients``.
    """

    io_loop: IOLoop
    defaults: dict[str, Any]
    _closed = False
    _instance_cache: dict[type, AsyncHTTPClient] | None = None

    @classmethod
    def configurable_base(cls) -> type[AsyncHTTPClient]:
        return AsyncHTTPClient

    @classmethod
    def configurable_default(cls) -> type[AsyncHTTPClient]:
        from whirlwind.simple_httpclient import SimpleAsyncHTTPClient

        return SimpleAsyncHTTPClient

    @classmethod
    def configure(cls, impl: str | type[Any] | None, **kwargs: Any) -> None:
        """Choose the implementation that ``AsyncHTTPClient()`` is.

        Clients that exist already stay what they are: call this when the program starts.

        :arg impl: class, its dotted name, or None for the default.
        :arg kwargs: arguments that each new client gets, such as ``max_clients`` or ``defaults``.
        """
        super().configure(impl, **kwargs)

    def __new__(cls, force_instance: bool = False, **kwargs: Any) -> AsyncHTTPClient:
        cache: dict[type, AsyncHTTPClient] | None = None
        if not force_instance:
            # Kept by the loop, so that both go together.
            cache = IOLoop.current().__dict__.setdefault("_http_clients", {})
            found = cache.get(cls)
            if found is not None:
                return found
        instance = cast("AsyncHTTPClient", super().__new__(cls, **kwargs))
        if cache is not None:
            cache[cls] = instance
            instance._instance_cache = cache
        return instance

    def initialize(self, defaults: dict[str, Any] | None = None) -> None:
        self.io_loop = IOLoop.current()
        self.defaults = dict(HTTPRequest._DEFAULTS)
        if defaults is not None:
            self.defaults.update(defaults)
        self._closed = False

    def close(self) -> None:
        """Free what the client holds; it cannot be used any more.

        Rarely needed for a client that was not made with ``force_instance``: it goes with its loop.
        """
        self._closed = True
        cache, self._instance_cache = self._instance_cache, None
        if cache is not None:
            for kind in [kind for kind, client in cache.items() if client is self]:
                del cache[kind]

    def fetch(
        self, request: str | HTTPRequest, raise_error: bool = True, **kwargs: Any
    ) -> Future[HTTPResponse]:
        """Fetch a request.

        Cancelling the future, or the task that waits for it, gives up the request and closes its
        connection.

        :arg request: `HTTPRequest`, or a URL with the arguments of one in ``kwargs``.
        :arg raise_error: bool, whether a status outside 200-299 is an error. What kept a response
            from coming always is (Tornado 6.0).
        :returns: a future of the `HTTPResponse`.
        :raises HTTPClientError: from the future.
        :raises RuntimeError: the client is closed.
        :raises ValueError: ``kwargs`` beside an `HTTPRequest`.
        """
        if self._closed:
            raise RuntimeError("fetch() called on closed AsyncHTTPClient")
        if not isinstance(request, HTTPRequest):
            request = _make_request(request, kwargs) if kwargs else plain_request(request)
        elif kwargs:
            raise ValueError("kwargs can't be used if request is an HTTPRequest object")
        headers = request._headers
        if headers is not None and not isinstance(headers, HTTPHeaders):
            request.headers = HTTPHeaders(headers)
        loop = running_loop()
        if loop is not None and loop is not self.io_loop.asyncio_loop:
            self._follow(IOLoop.current())
        future = Fetch(loop=self.io_loop.asyncio_loop)
        if not raise_error:
            future.raise_error = False
        self.fetch_impl(cast("HTTPRequest", _RequestProxy(request, self.defaults)), future.respond)
        return future

    def _follow(self, io_loop: IOLoop) -> None:
        """Work on another loop from now on.

        A client may be made where no loop runs yet, as a global variable for example, and
        ``asyncio.run`` brings a loop of its own.
        """
        self.io_loop = io_loop

    def fetch_impl(self, request: HTTPRequest, callback: Callable[[HTTPResponse], None]) -> None:
        """Fetch a request: what an implementation defines.

        :arg request: the request, with the client's defaults where it says nothing.
        :arg callback: to be called with the `HTTPResponse`; also when there was none, which has
            code 599 and an error.
        """
        raise NotImplementedError(f"{type(self).__qualname__} must define fetch_impl()")


def _make_request(url: str, arguments: dict[str, Any]) -> HTTPRequest:
    try:
        return HTTPRequest(url=url, **arguments)
    except TypeError:
        newer = arguments.keys() & {"timeouts", "retry", "proxy"}
        if newer:
            names = ", ".join(sorted(newer))
            raise TypeError(f"{names}: only whirlwind.client.Client takes that") from None
        raise


class Fetch(Future[HTTPResponse]):
    """The future of a fetch, whose cancellation reaches the connection."""

    raise_error = True
    #: Called when somebody cancels the future.
    on_cancel: Callable[[], None] | None = None
    #: Whether the cancellation tells whoever waits all there is to know.
    silent: bool = False

    def respond(self, response: HTTPResponse) -> None:
        """The callback of ``fetch_impl``."""
        self.on_cancel = None  # leads to the connection, and from there here and to the body
        error = response.error
        if error is None or not (self.raise_error or not response._error_is_response_code):
            if not self.cancelled():
                self.set_result(response)
        elif not (self.silent and self.cancelled()):
            future_set_exception_unless_cancelled(self, error)

    def cancel(self, msg: Any | None = None) -> bool:
        # Whoever waits learns of it by the cancellation itself. Where nobody does, nobody would,
        # and the error is logged as for any future that fails after it was cancelled: later, when
        # that would have happened.
        awaited = bool(self._callbacks)
        if not super().cancel(msg):
            return False
        give_up, self.on_cancel = self.on_cancel, None
        if give_up is not None:
            self.silent = awaited
            if awaited:
                give_up()
            else:
                self.get_loop().call_soon(give_up)
        return True


def on_cancel(callback: Callable[[HTTPResponse], None], give_up: Callable[[], None]) -> None:
    """Have ``give_up()`` called when the fetch that ``callback`` belongs to is cancelled.

    For implementations of ``fetch_impl``; nothing happens if the callback is somebody else's.
    """
    future = getattr(callback, "__self__", None)
    if isinstance(future, Fetch):
        future.on_cancel = give_up


claim("whirlwind.httpclient", HTTPClient, AsyncHTTPClient)
