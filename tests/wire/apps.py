"""Applications that record what they are asked, one for each way to write an application."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from .server import httputil, web


@dataclass
class Request:
    """What an application saw."""

    method: str
    uri: str
    path: str
    host: str
    version: str
    fields: list[tuple[str, str]]
    body: bytes = b""


@dataclass
class Record:
    """The requests that reached an application, in order, each when it was complete."""

    requests: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, request: Any, body: bytes | None = None) -> None:
        """Add an ``HTTPServerRequest``."""
        with self.lock:
            self.requests.append(
                Request(
                    request.method,
                    request.uri,
                    request.path,
                    request.host,
                    request.version,
                    list(request.headers.get_all()),
                    request.body if body is None else body,
                )
            )

    def take(self) -> list[Request]:
        """Return the requests so far and forget them."""
        with self.lock:
            taken, self.requests = self.requests, []
            return taken


class Base(web.RequestHandler):
    """Records, then answers."""

    def initialize(self, record: Record) -> None:
        self.record = record

    def answer(self) -> None:
        """What every method does."""
        self.record.add(self.request)
        self.write("ok")

    def get(self) -> None:
        self.answer()

    head = post = put = patch = delete = options = get


class Inject(Base):
    """Puts what the query says where it does not belong."""

    def answer(self) -> None:
        self.record.add(self.request)
        for name in self.request.query_arguments:
            value = self.request.query_arguments[name][0].decode("latin-1")
            if name == "header":
                self.set_header("X-Value", value)
            elif name == "name":
                self.set_header(value, "x")
            elif name == "reason":
                self.set_status(400, value)
            elif name == "cookie":
                self.set_cookie("a", value)
            elif name == "cookie_name":
                self.set_cookie(value, "x")
            elif name == "cookie_path":
                self.set_cookie("a", "x", path=value)
            elif name == "cookie_domain":
                self.set_cookie("a", "x", domain=value)
            elif name == "redirect":
                self.redirect(value)
        if not self._finished:
            self.finish("not refused")


class Status(Base):
    """Answers with a status, and a body where the query has one."""

    def answer(self) -> None:
        self.record.add(self.request)
        self.set_status(int(self.get_query_argument("code")))
        if body := self.get_query_argument("body", ""):
            self.write(body)


def plain(record: Record) -> Any:
    """An Application of ordinary handlers."""
    routes = [(r"/inject", Inject), (r"/status", Status), (r".*", Base)]
    return web.Application([(p, handler, {"record": record}) for p, handler in routes])


def streaming(record: Record) -> Any:
    """An Application whose handlers receive the body in pieces."""

    @web.stream_request_body
    class Stream(Base):
        def prepare(self) -> None:
            self.pieces: list[bytes] = []

        def data_received(self, chunk: bytes) -> None:
            assert chunk
            self.pieces.append(chunk)

        def answer(self) -> None:
            self.record.add(self.request, b"".join(self.pieces))
            self.write("ok")

    return web.Application([(r".*", Stream, {"record": record})])


def callback(record: Record) -> Any:
    """A plain function."""

    def answer(request: Any) -> None:
        record.add(request)
        request.connection.write_headers(
            httputil.ResponseStartLine("", 200, "OK"),
            httputil.HTTPHeaders({"Content-Length": "2"}),
            b"" if request.method == "HEAD" else b"ok",
        )
        request.connection.finish()

    return answer


def delegating(record: Record) -> Any:
    """An HTTPServerConnectionDelegate."""

    class Message(httputil.HTTPMessageDelegate):
        def __init__(self, server_connection: Any, connection: Any) -> None:
            self.server_connection = server_connection
            self.connection = connection
            self.pieces: list[bytes] = []

        def headers_received(self, start_line: Any, headers: Any) -> None:
            self.start_line, self.headers = start_line, headers

        def data_received(self, chunk: bytes) -> None:
            assert chunk
            self.pieces.append(chunk)

        def finish(self) -> None:
            request = httputil.HTTPServerRequest(
                connection=self.connection,
                start_line=self.start_line,
                headers=self.headers,
                server_connection=self.server_connection,
            )
            record.add(request, b"".join(self.pieces))
            self.connection.write_headers(
                httputil.ResponseStartLine("", 200, "OK"),
                httputil.HTTPHeaders({"Content-Length": "2"}),
                b"" if self.start_line.method == "HEAD" else b"ok",
            )
            self.connection.finish()

        def on_connection_close(self) -> None:
            self.pieces.clear()

    class Delegate(httputil.HTTPServerConnectionDelegate):
        def start_request(self, server_conn: Any, request_conn: Any) -> Message:
            return Message(server_conn, request_conn)

    return Delegate()


KINDS = {
    "plain": plain,
    "streaming": streaming,
    "callback": callback,
    "delegating": delegating,
}
