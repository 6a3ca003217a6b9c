"""What the fixtures give: a server for the application of the test, and clients that know it."""

import asyncio
import contextvars
import copy
import re
import weakref
from collections.abc import Mapping
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any, Final, cast

from whirlwind._public import claim
from whirlwind.cli.loading import adapt
from whirlwind.client import Client, HTTPResponse
from whirlwind.httpclient import AsyncHTTPClient, HTTPRequest
from whirlwind.httpserver import HTTPServer
from whirlwind.pytest_plugin.runner import context_for, tasks_of
from whirlwind.testing import AsyncHTTPSTestCase, bind_unused_port
from whirlwind.websocket import WebSocketClientConnection, websocket_connect

if TYPE_CHECKING:
    from whirlwind.client.stream import StreamContext

#: Seconds for handlers that still run when the test has ended, and then for their cancellation.
_DRAIN: Final = 1.0
#: Threads for a WSGI application.
_THREADS: Final = 4
_ABSOLUTE: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")


class RunningServer:
    """A server on a free port of 127.0.0.1, which the fixtures start and stop.

    :ivar app: what it serves, as the test gave it.
    :ivar http_server: the `HTTPServer`.
    :ivar port: its port.
    :ivar scheme: ``http`` or ``https``.
    """

    def __init__(self, app: Any, https: bool, options: Mapping[str, Any]) -> None:
        try:
            self._application = adapt(app, threads=_THREADS)
        except TypeError as error:
            raise TypeError(
                f"{error}: an Application, a router, a callback for requests, an ASGI or a WSGI "
                "application is needed"
            ) from None
        arguments = dict(options)
        if https:
            arguments.setdefault("ssl_options", AsyncHTTPSTestCase.default_ssl_options())
        self.app = app
        self.scheme: str = "https" if arguments.get("ssl_options") is not None else "http"
        self.http_server: HTTPServer = HTTPServer(self._application.target, **arguments)
        self.port: int = 0

    @property
    def url(self) -> str:
        """The URL of the server, without a slash at its end."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def get_url(self, path: str) -> str:
        """Make the absolute URL of a path; one that is absolute stays as it is.

        :raises ValueError: the path does not begin with a slash.
        """
        if path.startswith("/"):
            return self.url + path
        if _ABSOLUTE.match(path):
            return path
        raise ValueError(f"{path!r} is neither a path, which begins with /, nor an absolute URL")

    async def start(self) -> None:
        """Start the application, if it is one with a lifespan, and accept connections."""
        sock, self.port = bind_unused_port()
        context = context_for(f"the application of {self.url}", contextvars.copy_context())
        try:
            await asyncio.create_task(self._application.startup(), context=context)
        except BaseException:
            sock.close()
            raise
        context_for(self.url, context).run(self.http_server.add_sockets, [sock])

    async def stop(self) -> None:
        """Finish what is under way, cancel and close the rest, and stop the application."""
        self.http_server.stop()
        loop = asyncio.get_running_loop()
        # Handlers whose client has left may still wait for something, for as long as it takes.
        if handlers := tasks_of(self.url, loop):
            await asyncio.wait(handlers, timeout=_DRAIN)
        if handlers := tasks_of(self.url, loop):
            for task in handlers:
                task.cancel()
            await asyncio.wait(handlers, timeout=_DRAIN)
        await self.http_server.drain(_DRAIN, idle_grace=0)
        await self._application.shutdown()


class Serve:
    """What ``whirlwind_serve`` is: ``await whirlwind_serve(app)`` starts one more server."""

    def __init__(self) -> None:
        self._servers: list[RunningServer] = []

    async def __call__(self, app: Any, *, https: bool = False, **options: Any) -> RunningServer:
        """Serve an application until the test is over.

        :arg app: the application, of any kind.
        :arg https: with TLS, and the certificate of `AsyncHTTPSTestCase` if ``options`` has none.
        :arg options: further arguments of `HTTPServer`.
        """
        server = RunningServer(app, https, options)
        await server.start()
        self._servers.append(server)
        return server

    async def stop(self) -> None:
        """Stop the servers, the last one first."""
        while self._servers:
            await self._servers.pop().stop()


class ServedClient(Client):
    """A `Client` for a server of the test: ``await client.fetch("/path")``.

    It keeps cookies as a browser does, trusts the certificate of any server, and gives a response
    of any status: ``raise_error`` is False by default, as it is in `AsyncHTTPTestCase.fetch`.

    :arg server: whose paths it knows. Absolute URLs lead anywhere.
    :arg kwargs: those of `Client`.
    """

    def __new__(cls, server: RunningServer, **kwargs: Any) -> "ServedClient":
        return cast("ServedClient", super().__new__(cls, server=server, **kwargs))

    def initialize(  # type: ignore[override]
        self, *, server: RunningServer, **kwargs: Any
    ) -> None:
        """Take the constructor's arguments; see the class."""
        kwargs.setdefault("cookies", CookieJar())
        defaults = {"validate_cert": False, **(kwargs.pop("defaults", None) or {})}
        super().initialize(defaults=defaults, **kwargs)
        self.server = server
        self._fetches = _Fetches()

    def fetch(
        self, request: str | HTTPRequest, raise_error: bool = False, **kwargs: Any
    ) -> "asyncio.Future[HTTPResponse]":
        """Fetch a path of the server, or a request whose URL is one; see `Client.fetch`."""
        request = _resolved(self.server, request)
        return self._fetches.add(super().fetch(request, raise_error, **kwargs))

    def stream(
        self, request: str | HTTPRequest, raise_error: bool = False, **kwargs: Any
    ) -> "StreamContext":
        """Read the response of a path while it arrives; see `Client.stream`."""
        return super().stream(_resolved(self.server, request), raise_error, **kwargs)


    async def aclose(self) -> None:
        """Give up what is under way, close every connection, and wait until they are closed."""
        self._fetches.forget()
        await super().aclose()


def tornado_client(server: RunningServer) -> AsyncHTTPClient:
    """Make the configured `AsyncHTTPClient` for a server; errors are raised by default."""
    made: Any = AsyncHTTPClient(force_instance=True, defaults={"validate_cert": False})
    plain_fetch, plain_close = made.fetch, made.close
    fetches = _Fetches()

    def fetch(request: str | HTTPRequest, *args: Any, **kwargs: Any) -> Any:
        return fetches.add(plain_fetch(_resolved(server, request), *args, **kwargs))

    def close() -> None:
        fetches.forget()
        plain_close()

    made.fetch, made.close = fetch, close
    return cast("AsyncHTTPClient", made)


class _Fetches:
    """The requests of a client. Those that nobody waits for fail when the test is over.

    It is no mistake of the test that nobody sees that.
    """

    def __init__(self) -> None:
        self._futures: weakref.WeakSet[asyncio.Future[HTTPResponse]] = weakref.WeakSet()

    def add(self, future: "asyncio.Future[HTTPResponse]") -> "asyncio.Future[HTTPResponse]":
        self._futures.add(future)
        return future

    def forget(self) -> None:
        """The client is about to be closed."""
        for future in self._futures:
            if not future.done():
                future.add_done_callback(_see)


def _see(future: "asyncio.Future[HTTPResponse]") -> None:
    if not future.cancelled():
        future.exception()


class WebSocketConnect:
    """What ``whirlwind_websocket`` is: ``await whirlwind_websocket("/path")`` connects."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._opened: list[asyncio.Future[WebSocketClientConnection]] = []

    def __call__(
        self, path: str | HTTPRequest, *, headers: Mapping[str, str] | None = None, **kwargs: Any
    ) -> "asyncio.Future[WebSocketClientConnection]":
        """Connect to a path of the server. The end of the test closes what is open then.

        :arg path: the path, an absolute URL, or a request for one.
        :arg headers: fields of the handshake, such as ``Cookie``.
        :arg kwargs: further arguments of `websocket_connect`.
        :returns: a future of the `WebSocketClientConnection`.
        """
        request = _resolved(self._server, path)
        if isinstance(request, str):
            request = HTTPRequest(request, headers=dict(headers or {}), validate_cert=False)
        elif headers is not None:
            raise ValueError("headers can't be given beside an HTTPRequest object")
        future = cast(
            "asyncio.Future[WebSocketClientConnection]", websocket_connect(request, **kwargs)
        )
        self._opened.append(future)
        return future

    async def close(self) -> None:
        """Close the connections and wait until they are."""
        while self._opened:
            future = self._opened.pop()
            if not future.done():
                future.cancel()
            elif not future.cancelled() and future.exception() is None:
                async with future.result():
                    pass


def _resolved(server: RunningServer, request: str | HTTPRequest) -> Any:
    if isinstance(request, HTTPRequest):
        request = copy.copy(request)
        request.url = server.get_url(request.url)
        return request
    return server.get_url(request)


claim("whirlwind.pytest_plugin", RunningServer, Serve, ServedClient, WebSocketConnect)
