"""Static files and uploads, against Tornado: the same status, header fields and body.

Left out, because Tornado is wrong there: paths with NUL (500), the range ``bytes=--5`` (taken for
``-5``), ``gzip;q=0`` (looks for the word), parts of files that it compresses, media types of forms
in capitals (RFC 9110 section 8.3.1). An empty body of a multipart form is no error here.
"""

from __future__ import annotations

import itertools
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.differential.oracle import Oracle, tornado_python

PYTHON = tornado_python()
pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="Tornado is not installed; set WHIRLWIND_TORNADO_PYTHON"
)

CHANGED = 1577934245.7

#: Serves a folder, sends requests one by one, and returns what came back.
PROGRAM = r"""
import asyncio, importlib, logging, zlib
web = importlib.import_module(package + ".web")
httpserver = importlib.import_module(package + ".httpserver")
netutil = importlib.import_module(package + ".netutil")

class Extra(web.StaticFileHandler):
    def set_extra_headers(self, path):
        self.set_header("X-Path", path)
    def get_cache_time(self, path, modified, mime_type):
        return 60 if mime_type == "text/plain" else 0

class Form(web.RequestHandler):
    def post(self):
        files = {name: [(f.filename, f.content_type, f.body.decode("latin-1")) for f in found]
                 for name, found in sorted(self.request.files.items())}
        arguments = {name: [v.decode("latin-1") for v in values]
                     for name, values in sorted(self.request.body_arguments.items())}
        self.write({"files": files, "arguments": arguments})

class Text(web.RequestHandler):
    def get(self, size):
        self.set_header("Content-Type", self.get_query_argument("type", "text/html"))
        self.write("x" * int(size))
    def head(self, size):
        self.set_header("Content-Length", "7")

async def exchange(port, request):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    data = await reader.read()
    writer.close()
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    left_out = ("date:", "server:", "expires:", "connection:")
    fields = [line for line in lines[1:] if not line.lower().startswith(left_out)]
    if "Transfer-Encoding: chunked" in fields:
        whole = b""
        while body:
            size, _, body = body.partition(b"\r\n")
            size = int(size, 16)
            whole, body = whole + body[:size], body[size + 2:]
            if not size:
                break
        body = whole
    if "Content-Encoding: gzip" in fields:
        body = zlib.decompress(body, 31)  # what it says of time and system is no matter
    return lines[0].partition(" ")[2], fields, body

def run(folder, settings, requests):
    async def main():
        application = web.Application(
            [(r"/extra/(.*)", Extra, {"path": folder}),
             (r"/default/(.*)", web.StaticFileHandler,
              {"path": folder, "default_filename": "index.html"}),
             (r"/form", Form), (r"/text/(\d+)", Text)],
            static_path=folder, **settings)
        server = httpserver.HTTPServer(application)
        sockets = netutil.bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        port = sockets[0].getsockname()[1]
        found = [await exchange(port, request) for request in requests for _ in range(2)]
        server.stop()
        return found
    logging.disable(logging.CRITICAL)
    try:
        return asyncio.run(main())
    finally:
        logging.disable(logging.NOTSET)  # this is a test's own process, on one of the two sides
"""


@pytest.fixture(scope="module")
def tornado() -> Iterator[Oracle]:
    assert PYTHON is not None
    oracle = Oracle(PYTHON)
    yield oracle
    oracle.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("files") / "root"
    (folder / "sub").mkdir(parents=True)
    outside = folder.parent / "root_secret"
    outside.write_bytes(b"secret")
    contents = {
        "a.txt": b"hello world",
        "empty": b"",
        "page.html": b"<p>" * 1000,
        "sub/index.html": b"<p>index",
        "x.tar.gz": b"packed",
        "sp ace.txt": b"blank",
        "robots.txt": b"Disallow: /",
        "data.json": b"{}",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        os.utime(folder / name, (CHANGED, CHANGED))
    (folder / "inside").symlink_to("a.txt")
    (folder / "outside").symlink_to(outside)
    os.mkfifo(folder / "fifo")
    return folder


def build(target: str, method: str = "GET", body: bytes = b"", **fields: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close"]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def ours(folder: pathlib.Path, settings: dict[str, Any], requests: list[bytes]) -> Any:
    names: dict[str, Any] = {"package": "whirlwind"}
    exec(PROGRAM, names)
    return names["run"](str(folder), settings, requests)


def compare(
    tornado: Oracle, folder: pathlib.Path, settings: dict[str, Any], requests: list[bytes]
) -> None:
    theirs = tornado.run(PROGRAM, str(folder), settings, requests)
    mine = ours(folder, settings, requests)
    twice = [request for request in requests for _ in range(2)]
    for request, expected, found in zip(twice, theirs, mine, strict=True):
        assert (request, *found) == (request, *expected)


TARGETS = [
    "/static/a.txt",
    "/static/empty",
    "/static/page.html?v=abc",
    "/static/sub/index.html",
    "/static/x.tar.gz",
    "/static/sp%20ace.txt",
    "/static/inside",
    "/static/outside",
    "/static/missing",
    "/static/sub",
    "/static/sub/",
    "/static/fifo",
    "/static/",
    "/static/../root_secret",
    "/static/%2e%2e/root_secret",
    "/static/..%2froot_secret",
    "/static/sub/../a.txt",
    "/static//etc/passwd",
    "/static/%ff",
    "/robots.txt",
    "/favicon.ico",
    "/extra/a.txt",
    "/extra/data.json",
    "/default/sub",
    "/default/sub/",
    "/default/",
]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
def test_paths_and_methods(tornado: Oracle, folder: pathlib.Path, method: str) -> None:
    compare(tornado, folder, {}, [build(target, method) for target in TARGETS])


RANGES = [
    *("bytes=0-4", "bytes=6-", "bytes=-5", "bytes=-0", "bytes=0-100", "bytes=11-", "bytes=5-2"),
    *("bytes=0-0,2-3", "bytes=0-10", "bytes=-100", "bytes=3-3", "bytes=-1", "lines=0-4", "bytes"),
    *("bytes=a-b", "bytes=", "bytes = 0-4"),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_ranges(tornado: Oracle, folder: pathlib.Path, method: str) -> None:
    requests = [build("/static/a.txt", method, Range=field) for field in RANGES]
    compare(tornado, folder, {}, requests)


def test_conditions(tornado: Oracle, folder: pathlib.Path) -> None:
    [(_, fields, _), *_] = ours(folder, {}, [build("/static/a.txt")])
    described = dict(field.split(": ", 1) for field in fields)
    tag, date = described["Etag"], described["Last-Modified"]
    tags = [tag, f"W/{tag}", '"other"', f'"other", {tag}', "*"]
    dates = [date, "Thu, 02 Jan 2010 03:04:05 GMT", "Thu, 02 Jan 2025 03:04:04 GMT", "garbage"]
    requests = [build("/static/a.txt", If_None_Match=one) for one in tags]
    requests += [build("/static/a.txt", If_Modified_Since=one) for one in dates]
    requests += [
        build("/static/a.txt", If_None_Match=one, If_Modified_Since=other)
        for one, other in itertools.product(tags[:3], dates[:2])
    ]
    requests += [build("/static/a.txt", Range="bytes=0-4", If_None_Match=one) for one in tags]
    compare(tornado, folder, {}, requests)


def test_compression(tornado: Oracle, folder: pathlib.Path) -> None:
    accepted = ["gzip", "deflate", "", "gzip, deflate"]
    targets = ["/static/a.txt", "/static/page.html", "/static/x.tar.gz", "/text/1023"]
    targets += ["/text/1024", "/text/5000?type=application/json", "/text/5000?type=image/png"]
    targets += ["/text/5000?type=image/svg%2Bxml", "/static/missing"]
    requests = [
        build(target, Accept_Encoding=accept)
        for target, accept in itertools.product(targets, accepted)
    ]
    compare(tornado, folder, {"compress_response": True}, requests)


def form(*parts: bytes) -> bytes:
    return b"".join(b"--1234\r\n" + part + b"\r\n" for part in parts) + b"--1234--\r\n"


def test_forms(tornado: Oracle, folder: pathlib.Path) -> None:
    name = b'Content-Disposition: form-data; name="a"'
    file = name + b'; filename="f.txt"'
    bodies = [
        form(name + b"\r\n\r\nvalue"),
        form(name + b"\r\n\r\n", name + b"\r\n\r\nsecond"),
        form(file + b"\r\nContent-Type: text/plain\r\n\r\nfile\r\nlines"),
        form(file + b"\r\n\r\n"),
        form(b"Content-Disposition: form-data; name=a; filename*=UTF-8''%c3%a9\r\n\r\nx"),
        form(b"Content-Disposition: form-data\r\n\r\nx"),
        form(b"X: y\r\n\r\nx"),
        form(name + b"\r\n\r\nvalue")[:-8],
        form(*[name + b"\r\n\r\n%d" % i for i in range(99)]),
        form(*[name + b"\r\n\r\n%d" % i for i in range(100)]),
        form(),
    ]
    kind = {"Content_Type": "multipart/form-data; boundary=1234"}
    requests = [build("/form", "POST", body, **kind) for body in bodies]
    requests += [
        build("/form", "POST", bodies[0], Content_Type=content_type)
        for content_type in (
            'multipart/form-data; boundary="1234"',
            "multipart/form-data",
            "text/plain",
        )
    ]
    urlencoded = {"Content_Type": "application/x-www-form-urlencoded"}
    for body in (b"a=1&b=2&a=3", b"a", b"a=%zz", b"a=1;b=2", b"=x", b"a=+%20%e9", b"&&"):
        requests.append(build("/form", "POST", body, **urlencoded))
    compare(tornado, folder, {}, requests)
