"""What stands before the application when requests are counted or a health path is answered."""

import re
from collections.abc import Callable
from typing import Any

from whirlwind.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    ResponseStartLine,
)
from whirlwind.routing import AnyMatches, PathMatches, Rule, RuleRouter
from whirlwind.server.callback import CallbackApplication


class Front(HTTPServerConnectionDelegate):
    """Passes requests on to an application.

    :arg target: the application: a delegate or a callable.
    :arg health: path that is answered here, with 200, or 503 while the process drains.
    :arg on_request: called before each request that is passed on.
    """

    def __init__(
        self, target: Any, health: str | None, on_request: Callable[[], object] | None
    ) -> None:
        self.draining = False
        self._target = target
        self._health = health
        self._on_request = on_request
        rules = [Rule(AnyMatches(), target)]
        if health is not None:
            rules.insert(0, Rule(PathMatches(re.escape(health)), self._tell))
        self._router = RuleRouter(rules)
        self._entry = self._direct()

    def _direct(self) -> Any:
        entry = getattr(self._target, "_ww_direct_entry", None)
        if entry is not None:
            return entry()
        if isinstance(self._target, HTTPServerConnectionDelegate):
            return None
        return CallbackApplication(self._target)

    # --- a server's direct calls ----------------------------------------------------------------

    def _ww_direct_entry(self) -> "Front | None":
        return None if self._entry is None else self

    def serve(self, request: HTTPServerRequest) -> None:
        """Answer a request whose body, if any, is complete."""
        if request.path == self._health:
            self._tell(request)
            return
        if self._on_request is not None:
            self._on_request()
        self._entry.serve(request)

    def open_body(self, request: HTTPServerRequest) -> HTTPMessageDelegate | None:
        """A receiver for the body that follows, if the application wants one."""
        if request.path == self._health:
            return None
        receiver: HTTPMessageDelegate | None = self._entry.open_body(request)
        if receiver is not None and self._on_request is not None:
            self._on_request()
        return receiver

    # --- HTTPServerConnectionDelegate -----------------------------------------------------------

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """The general path, for routers of the application's own."""
        if self._on_request is not None:
            self._on_request()
        return self._router.start_request(server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        """The application hears of connections that close."""
        if isinstance(self._target, HTTPServerConnectionDelegate):
            self._target.on_close(server_conn)

    def _tell(self, request: HTTPServerRequest) -> None:
        code, reason = (503, "Service Unavailable") if self.draining else (200, "OK")
        body = b"draining\n" if self.draining else b"ok\n"
        fields = {"Content-Type": "text/plain", "Cache-Control": "no-store"}
        headers = HTTPHeaders({**fields, "Content-Length": str(len(body))})
        connection: Any = request.connection
        connection.write_headers(
            ResponseStartLine(request.version, code, reason),
            headers,
            None if request.method == "HEAD" else body,
        )
        connection.finish()
