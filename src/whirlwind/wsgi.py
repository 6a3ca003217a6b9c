"""Serving WSGI applications (PEP 3333) from the HTTP server or a router (Tornado's ``wsgi``).

A WSGI application is synchronous: while it works on a request in the loop's thread, nothing else
happens. Give the container an executor, and it does not::

    from concurrent.futures import ThreadPoolExecutor
    from whirlwind import httpserver, wsgi

    container = wsgi.WSGIContainer(flask_app, executor=ThreadPoolExecutor(32))
    httpserver.HTTPServer(container).listen(8000)
"""

import asyncio
import concurrent.futures
import contextvars
import io
import logging
import sys
import time
from collections.abc import Callable, Generator, Iterable
from types import TracebackType
from typing import Any, Final

from whirlwind._public import NameLookup, claim, legacy_names
from whirlwind._version import VERSION
from whirlwind.concurrent import dummy_executor
from whirlwind.httputil import (
    HTTPHeaders,
    HTTPServerRequest,
    ResponseStartLine,
    format_timestamp,
    split_host_and_port,
)
from whirlwind.ioloop import IOLoop
from whirlwind.iostream import StreamClosedError
from whirlwind.log import ACCESS_LINE, access_log, app_log
from whirlwind.protocol.urlencoded import percent_decode

__all__ = ["HTTPRequest", "WSGIContainer", "to_wsgi_str"]

#: The request's class under its name of before Tornado 4.0.
HTTPRequest = HTTPServerRequest

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
_Chunks = Generator[bytes, None, None]
_BUFFERS: Final = (bytes, bytearray, memoryview)

#: Seconds between two looks whether the loop still runs, in a thread that waits for it.
_LOOK_AGAIN: Final = 1.0

# The application does not say how its body is framed (PEP 3333, "Other HTTP Features").
_NOT_THE_APPLICATIONS: Final = frozenset({"transfer-encoding", "keep-alive", "te", "trailer"})


def to_wsgi_str(s: bytes) -> str:
    """Turn bytes into the kind of text that WSGI environments hold: one character for each byte.

    :arg s: bytes.
    :returns: str, ``s`` decoded as ISO 8859-1.
    """
    return s.decode("iso-8859-1")


class WSGIContainer:
    """Makes a WSGI application a callback for :class:`~whirlwind.httpserver.HTTPServer`, or the
    target of a rule of a :class:`~whirlwind.routing.Router`.

    The response streams: each chunk is sent when the application yields it, and the next one is
    asked for when the client has taken enough of the last. Without a Content-Length of the
    application's, a list or tuple gets one; other iterables go out in the chunked coding.

    :arg wsgi_application: the application, called with an environment and ``start_response``.
    :arg executor: where it runs: all of one request in one thread, and in one context. By default
        it blocks the loop (argument new in Tornado 6.3).
    """

    def __init__(
        self,
        wsgi_application: Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]],
        executor: concurrent.futures.Executor | None = None,
    ) -> None:
        self.wsgi_application = wsgi_application
        self.executor: concurrent.futures.Executor = (
            dummy_executor if executor is None else executor
        )

    def __call__(self, request: HTTPServerRequest) -> None:
        """Answer a request on its connection, in the background."""
        IOLoop.current().spawn_callback(self.handle_request, request)

    async def handle_request(self, request: HTTPServerRequest) -> None:
        """Answer a request on its connection. New in Tornado 6.3.

        :arg request: with its whole body.
        """
        response = _Response(request)
        chunks = self._run(self.environ(request), response)
        try:
            if self.executor is dummy_executor:
                try:
                    for chunk in chunks:
                        await response.send(chunk)
                finally:
                    chunks.close()
            else:
                loop = asyncio.get_running_loop()
                context = contextvars.copy_context()
                work = context.run, _work_in_thread, chunks, response, loop
                last = await IOLoop.current().run_in_executor(self.executor, *work)
                if last:
                    await response.send(last)
            response.finish()
        except _ClientGoneError:
            pass
        except Exception:
            app_log.error("Uncaught exception %s", _summary(request), exc_info=True)
            response.fail()
        self._log(response.code, request)

    def environ(self, request: HTTPServerRequest) -> dict[str, Any]:
        """Return the WSGI environment of a request.

        Fields with ``_`` in their names are left out: there they would pass for others.
        """
        headers = request.headers
        host, port = split_host_and_port(request.host)
        if port is None:
            port = 443 if request.protocol == "https" else 80
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": to_wsgi_str(percent_decode(request.path.encode("utf-8"))),
            "QUERY_STRING": request.query,
            "REMOTE_ADDR": request.remote_ip,
            "SERVER_NAME": host.strip("[]"),
            "SERVER_PORT": str(port),
            "SERVER_PROTOCOL": request.version,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": request.protocol,
            "wsgi.input": io.BytesIO(request.body),
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": self.executor is not dummy_executor,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        for name in headers:
            if "_" in name:
                continue
            key = name.replace("-", "_").upper()
            if key == "COOKIE":  # the one list with another separator (RFC 6265 section 4.2.1)
                value = "; ".join(headers.get_list(name))
            else:
                value = headers[name]
            environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
        if environ.pop("HTTP_TRANSFER_ENCODING", None) is not None:
            environ["CONTENT_LENGTH"] = str(len(request.body))  # it was decoded
        return environ

    def _run(self, environ: dict[str, Any], response: "_Response") -> _Chunks:
        """Run the application, and generate the chunks of the body."""
        iterable = self.wsgi_application(environ, response.start_response)
        try:
            if isinstance(iterable, (list, tuple)):
                yield response.join(iterable, last=True)
                return
            for chunk in iterable:
                if chunk or response.written:
                    yield response.join((chunk,))
            if response.written:
                yield response.join(())
        finally:
            close = getattr(iterable, "close", None)
            if close is not None:
                close()

    def _log(self, status_code: int, request: HTTPServerRequest) -> None:
        level = logging.INFO
        if status_code >= 400:
            level = logging.WARNING if status_code < 500 else logging.ERROR
        milliseconds = 1000.0 * request.request_time()
        access_log.log(level, ACCESS_LINE, status_code, _summary(request), milliseconds)


def _summary(request: HTTPServerRequest) -> str:
    return f"{request.method} {request.uri} ({request.remote_ip})"


def _work_in_thread(
    chunks: _Chunks, response: "_Response", loop: asyncio.AbstractEventLoop
) -> bytes:
    """Run an application to its end in this thread; return a chunk that is the whole body.

    The others are sent by the loop, and this thread waits for that.
    """
    whole = b""
    try:
        for chunk in chunks:
            if response.is_whole(chunk):
                whole = chunk
                continue
            sent = asyncio.run_coroutine_threadsafe(response.send(chunk), loop)
            while True:
                try:
                    sent.result(_LOOK_AGAIN)
                    break
                except concurrent.futures.TimeoutError:
                    if sent.done() or not loop.is_running():
                        raise
    finally:
        chunks.close()
    return whole


class _ClientGoneError(Exception):
    """No mistake of the application's, which may have stream errors of its own."""


class _Response:
    """What the application has said so far, and how much of it was sent."""

    def __init__(self, request: HTTPServerRequest) -> None:
        self._connection: Any = request.connection
        self._method = request.method
        self.code = 500
        self._reason = ""
        self._headers: HTTPHeaders | None = None
        self._head_sent = False
        #: What the application gave to ``write``.
        self.written: list[bytes] = []
        #: Bytes of the body, if known.
        self._length: int | None = None

    def start_response(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: _ExcInfo | None = None,
    ) -> Callable[[bytes], None]:
        """The function of that name in PEP 3333."""
        if exc_info is not None:
            try:
                if self._head_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # it would be a cycle
        elif self._headers is not None:
            raise RuntimeError("start_response() was called twice without exc_info (PEP 3333)")
        code, _, reason = status.partition(" ")
        if not (len(code) == 3 and code.isascii() and code.isdecimal()):
            raise ValueError(f'a WSGI status is text like "200 OK", not {status!r}')
        fields = HTTPHeaders()
        for name, value in headers:
            if name.lower() not in _NOT_THE_APPLICATIONS:
                # Django's cookies begin with a blank; those around a value are no part of it
                # (RFC 9110 section 5.5).
                fields.add(name, value.strip(" \t"))
        self.code, self._reason, self._headers = int(code), reason, fields
        length = fields.get("Content-Length", "")
        self._length = int(length) if length.isascii() and length.isdecimal() else None
        return self.written.append

    def join(self, chunks: Iterable[bytes], *, last: bool = False) -> bytes:
        """Return what is to be sent next: what was written, then ``chunks``.

        :arg last: nothing follows.
        """
        pieces = [*self.written, *chunks]
        try:
            data = b"".join(pieces)
        except TypeError:
            wrong = next(piece for piece in pieces if not isinstance(piece, _BUFFERS))
            raise TypeError(
                f"a WSGI body is bytes, and the application gave {type(wrong).__name__} "
                f"{wrong!r:.40}: encode it (PEP 3333)"
            ) from None
        self.written.clear()
        if last and not self._head_sent and self._length is None:
            self._length = len(data)
        return data

    def is_whole(self, chunk: bytes) -> bool:
        """Tell whether a chunk is all of the body."""
        return not self._head_sent and len(chunk) == self._length

    async def send(self, chunk: bytes) -> None:
        """Send a chunk, after the head if that was not sent yet.

        :raises _ClientGoneError: nobody reads it.
        """
        bodyless = self._method == "HEAD" or self.code in (204, 304)
        try:
            if not self._head_sent:
                await self._send_head(b"" if bodyless else chunk)
            elif not bodyless:
                await self._connection.write(chunk)
        except StreamClosedError as error:
            raise _ClientGoneError from error

    def finish(self) -> None:
        """End the body, which may be empty."""
        if not self._head_sent:
            self.join((), last=True)
            self._send_head(b"")
        self._connection.finish()

    def fail(self) -> None:
        """Answer that the application failed, or cut the answer short if it has begun."""
        if self._head_sent:
            close = getattr(self._connection, "close", None)
            if close is not None:
                close()
            return
        self.code, self._reason = 500, "Internal Server Error"
        self._headers = HTTPHeaders({"Content-Type": "text/plain; charset=UTF-8"})
        self._length = 0
        self._send_head(b"")
        self._connection.finish()

    def _send_head(self, chunk: bytes) -> Any:
        headers = self._headers
        if headers is None:
            raise RuntimeError("the WSGI application did not call start_response() (PEP 3333)")
        if self.code not in (204, 304):
            headers.setdefault("Content-Type", "text/html; charset=UTF-8")
            if self._length is not None and (self._length or self._method != "HEAD"):
                headers.setdefault("Content-Length", str(self._length))
        headers.setdefault("Server", f"Whirlwind/{VERSION}")
        headers.setdefault("Date", format_timestamp(time.time()))
        start_line = ResponseStartLine("HTTP/1.1", self.code, self._reason)
        self._head_sent = True
        return self._connection.write_headers(start_line, headers, chunk)


claim("whirlwind.wsgi", WSGIContainer, to_wsgi_str)

__getattr__: NameLookup = legacy_names(__name__)
