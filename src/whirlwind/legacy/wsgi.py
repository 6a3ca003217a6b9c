"""An application of handlers under a WSGI server (PEP 3333)."""

from __future__ import annotations

import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import quote

from whirlwind._public import claim
from whirlwind.concurrent import Future, create_future
from whirlwind.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPOutputError,
    HTTPServerConnectionDelegate,
    RequestStartLine,
)
from whirlwind.ioloop import IOLoop
from whirlwind.legacy.warning import warn
from whirlwind.platform.loops import running_loop
from whirlwind.web import Application

_Environ = dict[str, Any]
_StartResponse = Callable[..., Any]

#: Statuses whose Content-Length is not that of a body which follows (RFC 9110 section 8.6).
_WITHOUT_BODY = (204, 304)


class WSGIAdapter:
    """A WSGI application that answers by the handlers of an `Application`.

    The response is sent as a whole. Handlers that wait are waited for, on a loop of the thread's
    own (Tornado 4 refused them); one that never finishes keeps its thread for ever.

    :arg application: the application, or another router.
    """

    def __init__(self, application: HTTPServerConnectionDelegate) -> None:
        warn("wsgi.WSGIAdapter", "serve Application.asgi() by an ASGI server")
        self.application = application

    def __call__(self, environ: _Environ, start_response: _StartResponse) -> list[bytes]:
        """Answer one request.

        :raises RuntimeError: an event loop runs in this thread.
        :raises HTTPOutputError: the body is not as long as its Content-Length says.
        """
        return _answer(self.application, environ, start_response)


class WSGIApplication(Application):
    """An `Application` that is a WSGI application itself; its arguments are the same."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warn("wsgi.WSGIApplication", "serve Application.asgi() by an ASGI server")
        super().__init__(*args, **kwargs)

    def __call__(  # type: ignore[override]
        self, environ: _Environ, start_response: _StartResponse
    ) -> list[bytes]:
        """Answer one request, as a :class:`WSGIAdapter` does."""
        return _answer(self, environ, start_response)


def _answer(
    application: HTTPServerConnectionDelegate, environ: _Environ, start_response: _StartResponse
) -> list[bytes]:
    if running_loop() is not None:
        raise RuntimeError(
            "a WSGI application is synchronous, and was called where an event loop runs: give "
            "WSGIContainer an executor, or serve the application itself"
        )
    connection = _Connection(environ)
    own: _OwnLoop | None = getattr(_threads, "own", None)
    if own is None:
        own = _threads.own = _OwnLoop()
    own.io_loop.run_sync(lambda: _serve(application, environ, connection))
    start_response(connection.status, connection.fields)
    return [b"".join(connection.body)]


class _OwnLoop:
    """The loop of a thread, which is closed when the thread ends."""

    def __init__(self) -> None:
        self.io_loop = IOLoop(make_current=False)

    def __del__(self) -> None:
        if not sys.is_finalizing():
            self.io_loop.close()


_threads = threading.local()


async def _serve(
    application: HTTPServerConnectionDelegate, environ: _Environ, connection: _Connection
) -> None:
    connection.finished = create_future()
    delegate = application.start_request(connection, connection)
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    uri = quote(path.encode("latin-1"))  # PEP 3333: each character of the text is a byte
    if environ.get("QUERY_STRING"):
        uri += "?" + environ["QUERY_STRING"]
    line = RequestStartLine(environ["REQUEST_METHOD"], uri, "HTTP/1.1")
    await _done(delegate.headers_received(line, _headers(environ)))
    size = int(environ.get("CONTENT_LENGTH") or 0)
    if size:
        await _done(delegate.data_received(environ["wsgi.input"].read(size)))
    delegate.finish()
    await connection.finished


async def _done(result: Awaitable[None] | None) -> None:
    if result is not None:
        await result


def _headers(environ: _Environ) -> HTTPHeaders:
    headers = HTTPHeaders()
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            headers[key[5:].replace("_", "-")] = value
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-")] = environ[name]
    headers.setdefault("Host", environ["SERVER_NAME"])
    return headers


class _Peer(NamedTuple):
    remote_ip: str
    protocol: str


class _Connection(HTTPConnection):
    """Keeps what a handler answers."""

    finished: Future[None]
    status: str
    fields: list[tuple[str, str]]

    def __init__(self, environ: _Environ) -> None:
        self.context = _Peer(environ.get("REMOTE_ADDR", ""), environ["wsgi.url_scheme"])
        self.body: list[bytes] = []
        self._is_head = environ["REQUEST_METHOD"] == "HEAD"
        self._expected: int | None = None
        self._size = 0

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Nobody is told by a WSGI server that the client has gone."""

    def write_headers(
        self, start_line: Any, headers: HTTPHeaders, chunk: bytes | None = None
    ) -> Future[None]:
        self.status = f"{start_line.code} {start_line.reason}"
        self.fields = list(headers.get_all())
        if not self._is_head and start_line.code not in _WITHOUT_BODY:
            length = headers.get("Content-Length")
            self._expected = None if length is None else int(length)
        return self.write(chunk or b"")

    def write(self, chunk: bytes) -> Future[None]:
        self._size += len(chunk)
        if self._expected is not None and self._size > self._expected:
            raise self._fail("more")
        self.body.append(chunk)
        done: Future[None] = create_future()
        done.set_result(None)
        return done

    def finish(self) -> None:
        if self._expected is not None and self._size < self._expected:
            raise self._fail("less")
        if not self.finished.done():
            self.finished.set_result(None)

    def cut(self) -> None:
        """The response can not be completed."""
        self._fail("something else")

    def _fail(self, what: str) -> HTTPOutputError:
        error = HTTPOutputError(f"the handler wrote {what} than what it has announced")
        if not self.finished.done():
            self.finished.set_exception(error)
        return error


claim("whirlwind.legacy", WSGIAdapter, WSGIApplication)
