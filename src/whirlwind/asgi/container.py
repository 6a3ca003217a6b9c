"""`ASGIContainer`: an ASGI application as what a server or a router calls."""

import asyncio
from collections.abc import Awaitable
from contextvars import copy_context
from typing import Any, Final, Literal, Self

from whirlwind._public import claim
from whirlwind.asgi.http import MAX_UNREAD, HTTPCycle
from whirlwind.asgi.lifespan import Application as ASGIApplication
from whirlwind.asgi.lifespan import Lifespan
from whirlwind.asgi.websocket import SocketHandler
from whirlwind.httputil import (
    HTTPConnection,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
)
from whirlwind.httputil.storage import lacks
from whirlwind.log import app_log
from whirlwind.platform.eager import start_now
from whirlwind.platform.loops import running_loop
from whirlwind.protocol import limits, scan
from whirlwind.web import Application

_UPGRADE: Final = scan.UPGRADE


class ASGIContainer(HTTPServerConnectionDelegate):
    """Makes an ASGI 3 application the application of an :class:`~whirlwind.httpserver.HTTPServer`,
    or the target of a rule of a :class:`~whirlwind.routing.Router`.

    Bodies stream in both directions, and who reads slowly makes the other wait. Without lifespan
    (`startup` and `shutdown`, or ``async with``) requests are served all the same.

    :arg app: the application, called with a scope, ``receive`` and ``send``.
    :arg root_path: where it is mounted, such as ``/api``; put before the paths of requests that do
        not begin with it already.
    :arg lifespan: whether `startup` and `shutdown` tell the application: ``on``, ``off``, or
        ``auto``, which takes one that raises for one that does not know the protocol.
    :arg websocket_settings: as those of an `Application` for its WebSocket connections:
        ``websocket_max_message_size``, ``websocket_ping_interval``, ``websocket_ping_timeout``.
    """

    def __init__(
        self,
        app: ASGIApplication,
        *,
        root_path: str = "",
        lifespan: Literal["auto", "on", "off"] = "auto",
        websocket_settings: dict[str, Any] | None = None,
    ) -> None:
        if lifespan not in ("auto", "on", "off"):
            raise ValueError(f"lifespan is 'auto', 'on' or 'off', not {lifespan!r}")
        self.app = app
        self.root_path: str = root_path.rstrip("/")
        self._lifespan = None if lifespan == "off" else Lifespan(app, lifespan)
        self._state: dict[str, Any] | None = None
        self._at_work: dict[asyncio.Task[None], HTTPCycle | SocketHandler] = {}
        self._sockets = Application(
            [(r".*", SocketHandler, {"container": self})], **(websocket_settings or {})
        )
        self._socket_entry = self._sockets._ww_direct_entry()

    # --- lifespan -------------------------------------------------------------------------------

    async def startup(self) -> None:
        """Start the application: before the first request.

        :raises LifespanError: it can not start.
        """
        if self._lifespan is not None:
            await self._lifespan.startup()
            self._state = self._lifespan.state

    async def shutdown(self) -> None:
        """Stop the application: after the last request, and what it does after that (`drain`).

        :raises LifespanError: it failed to stop.
        """
        await self.drain(limits.ASGI_ENDING_TIMEOUT)
        if self._lifespan is not None:
            await self._lifespan.shutdown()

    async def drain(self, timeout: float | None = None) -> bool:
        """Let the application end what it does for requests that are over.

        Background tasks run after the answer, and so does what closes files. Requests that are
        still being answered are not waited for: `HTTPServer.drain` does that.

        :arg timeout: seconds after which what still runs is cancelled; None waits for it.
        :returns: True when everything ended by itself, False when something was cancelled.
        """
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        while ending := [task for task, work in self._at_work.items() if work.is_over()]:
            left = None if deadline is None else max(0.0, deadline - loop.time())
            _, late = await asyncio.wait(ending, timeout=left)
            if late:
                app_log.warning(
                    "The ASGI application was still at work for %d requests that are over; "
                    "it has been cancelled",
                    len(late),
                )
                for task in late:
                    task.cancel()
                await asyncio.wait(late, timeout=limits.ASGI_CANCEL_TIMEOUT)
                return False
        return True

    def at_work(self, task: "asyncio.Task[None]", work: "HTTPCycle | SocketHandler") -> None:
        """Note a task in which the application runs, until it is done."""
        self._at_work[task] = work
        task.add_done_callback(self._at_work.pop)

    async def __aenter__(self) -> Self:
        await self.startup()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.shutdown()

    def add_state(self, scope: dict[str, Any]) -> None:
        """Put what the lifespan left into the scope of a request: each has its own copy."""
        if self._state is not None:
            scope["state"] = self._state.copy()

    # --- a server's direct calls ----------------------------------------------------------------

    def _ww_direct_entry(self) -> "ASGIContainer":
        """What a server calls with requests, without delegates."""
        return self

    def serve(self, request: HTTPServerRequest) -> None:
        """Answer a request whose body, if any, is complete."""
        if _is_websocket(request):
            self._socket_entry.serve(request)
            return
        cycle = HTTPCycle(self, request)
        cycle.whole_body(request.body)
        _start(self, cycle)

    def open_body(self, request: HTTPServerRequest) -> HTTPMessageDelegate | None:
        """A receiver for a body that is not short; the application begins before it is complete."""
        headers = request.headers
        length = headers.get("Content-Length")
        if length is not None and int(length) <= MAX_UNREAD and "Expect" not in headers:
            return None
        cycle = HTTPCycle(self, request)
        _start(self, cycle)
        return cycle

    # --- HTTPServerConnectionDelegate -----------------------------------------------------------

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """The general path, from a router or another server connection."""
        return _Mounted(self, server_conn, request_conn)


class _Mounted(HTTPMessageDelegate):
    """One request that came through a router."""

    def __init__(
        self, container: ASGIContainer, server_conn: object, request_conn: HTTPConnection
    ) -> None:
        self._container = container
        self._server_conn = server_conn
        self._request_conn = request_conn
        self._cycle: HTTPCycle | None = None
        self._socket_request: HTTPServerRequest | None = None

    def headers_received(self, start_line: Any, headers: Any) -> Awaitable[None] | None:
        request = HTTPServerRequest(
            connection=self._request_conn,
            server_connection=self._server_conn,
            start_line=start_line,
            headers=headers,
        )
        if _is_websocket(request):
            self._socket_request = request  # no body follows
            return None
        self._cycle = HTTPCycle(self._container, request)
        if "Content-Length" not in headers and "Transfer-Encoding" not in headers:
            self._cycle.whole_body(b"")
        _start(self._container, self._cycle)
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return None if self._cycle is None else self._cycle.data_received(chunk)

    def finish(self) -> None:
        if self._cycle is not None:
            self._cycle.finish()
        elif self._socket_request is not None:
            self._container.serve(self._socket_request)

    def on_connection_close(self) -> None:
        if self._cycle is not None:
            self._cycle.on_connection_close()


def _is_websocket(request: HTTPServerRequest) -> bool:
    if lacks(request, _UPGRADE):
        return False
    upgrade = request.headers.get("Upgrade")
    return upgrade is not None and upgrade.lower() == "websocket" and request.method == "GET"


def _start(container: ASGIContainer, cycle: HTTPCycle) -> None:
    context = copy_context()
    loop: Any = running_loop()
    task = context.run(start_now, cycle.run(), loop, context)
    if task is not None and not task.done():
        container.at_work(task, cycle)


claim("whirlwind.asgi", ASGIContainer)
