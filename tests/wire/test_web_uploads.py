"""Uploads that are handled while they arrive."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from whirlwind import multipart

from .raw import DEADLINE, build, wait_until
from .server import web

NAME = b'Content-Disposition: form-data; name="title"\r\n\r\n'
FILE = b'Content-Disposition: form-data; name="file"; filename="../../etc/passwd"\r\n\r\n'
TYPE = {"Content-Type": "multipart/form-data; boundary=1234"}


def form(*parts: bytes) -> bytes:
    return b"".join(b"--1234\r\n" + part + b"\r\n" for part in parts) + b"--1234--\r\n"


@pytest.fixture
def upload(tmp_path):
    """A handler that saves files and keeps fields."""

    @web.stream_request_body
    class Upload(web.RequestHandler):
        folder = tmp_path
        left: list[type] = []

        def prepare(self):
            self.request.connection.set_max_body_size(10**9)
            self.form = multipart.receive(self, self.take)

        def data_received(self, chunk):
            return self.form.feed(chunk)

        async def take(self, parts):
            self.saved = []
            try:
                async for part in parts:
                    if part.filename:
                        path = self.folder / f"upload-{len(self.saved)}"
                        self.saved.append((part.filename, await part.save(path)))
                    else:
                        self.saved.append((part.name, await part.text(max_size=10)))
            except BaseException as error:
                self.left.append(type(error))
                raise
            return len(self.saved)

        async def post(self):
            count = await self.form
            self.write({"count": count, "saved": self.saved})

    return Upload


def test_an_upload(serve, upload, tmp_path, logs):
    content = os.urandom(1000) * 5000
    answer = serve(upload).request("/", "POST", form(NAME + b"abc", FILE + content), TYPE)
    assert answer.body == (
        b'{"count": 2, "saved": [["title", "abc"], ["../../etc/passwd", 5000000]]}'
    )
    assert (tmp_path / "upload-0").exists() is False
    assert (tmp_path / "upload-1").read_bytes() == content
    assert logs.tracebacks() == []


def test_a_chunked_upload_with_expectation(serve, upload):
    body = form(NAME + b"abc")
    fields = TYPE | {"Transfer-Encoding": "chunked", "Expect": "100-continue"}
    with serve(upload).connect() as connection:
        connection.send(build("/", "POST", None, fields))
        assert connection.reader.head().status == 100
        for byte in body:
            connection.send(b"1\r\n%c\r\n" % byte)
        connection.send(b"0\r\n\r\n")
        assert connection.read().body == b'{"count": 1, "saved": [["title", "abc"]]}'


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (form(NAME + b"abc")[:-8], 400, "no final boundary"),
        (b"", 400, "no final boundary"),
        (form(b"X: y\r\n\r\nabc"), 400, "without Content-Disposition"),
        (form(*[NAME] * 100), 400, "too many parts"),
        (form(NAME + b"x" * 11), 413, "form part 'title' has more than 10 bytes"),
        (form(NAME + b"\xff"), 400, "form field 'title' is not UTF-8"),
    ],
)
def test_errors_have_a_status_and_one_line(serve, upload, logs, body, status, reason):
    server = serve(upload)
    assert server.request("/", "POST", body, TYPE).status == status
    lines = [line for line in logs.lines("general") if not line.startswith("4")]
    assert lines == []
    assert [line for line in logs.lines("general") if reason in line] == logs.lines("general")
    assert len(logs.lines("general")) == 1
    assert logs.tracebacks() == []
    assert server.request("/", "POST", form(NAME + b"abc"), TYPE).status == 200


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 415),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "multipart/form-data"}, 400),
        (TYPE | {"Content-Encoding": "gzip"}, 415),
    ],
)
def test_other_bodies_are_refused_before_they_arrive(serve, upload, logs, fields, status):
    with serve(upload).connect() as connection:
        connection.send(build("/", "POST", None, fields | {"Content-Length": "1000000"}))
        assert connection.read().status == status
    assert logs.tracebacks() == []


def test_a_slow_taker_holds_the_client(serve):
    proceed = asyncio.Event()
    fed: list[int] = []

    @web.stream_request_body
    class Upload(web.RequestHandler):
        def prepare(self):
            self.form = multipart.receive(self, self.take)

        def data_received(self, chunk):
            fed.append(len(chunk))
            return self.form.feed(chunk)

        async def take(self, parts):
            async for part in parts:
                await proceed.wait()
                return sum([len(piece) async for piece in part])

        async def post(self):
            self.write(str(await self.form))

    size = 30_000_000
    server = serve(Upload)
    with server.connect() as connection:
        sender = threading.Thread(
            target=connection.send,
            args=(build("/", "POST", form(FILE + b"x" * size), TYPE),),
            daemon=True,
        )
        sender.start()
        wait_until(lambda: sum(fed) > 262144)
        for _ in range(30):
            server.turn()
        assert sum(fed) < 262144 + 3 * 65536
        server.call(proceed.set)
        assert connection.read().body == str(size).encode()
        sender.join(DEADLINE)


def test_a_client_that_leaves(serve, upload, tmp_path, logs):
    server = serve(upload)
    with server.connect() as connection:
        connection.send(build("/", "POST", None, TYPE | {"Content-Length": "9000000"}))
        connection.send(b"--1234\r\n" + FILE + b"x" * 1_000_000)
        wait_until((tmp_path / "upload-0").exists)
    wait_until(lambda: upload.left)
    assert [error.__name__ for error in upload.left] == ["StreamClosedError"]
    wait_until(lambda: not (tmp_path / "upload-0").exists())
    assert logs.tracebacks() == []


def test_a_taker_that_refuses(serve, logs):
    @web.stream_request_body
    class Upload(web.RequestHandler):
        def prepare(self):
            self.form = multipart.receive(self, self.take)

        def data_received(self, chunk):
            return self.form.feed(chunk)

        async def take(self, parts):
            async for part in parts:
                raise web.HTTPError(403, "not %s", part.name)

        async def post(self):
            await self.form

    with serve(Upload).connect() as connection:
        connection.send(build("/", "POST", None, TYPE | {"Content-Length": "900000"}))
        connection.send(b"--1234\r\n" + FILE + b"x" * 500_000)
        assert connection.read().status == 403
    assert serve(Upload).request("/", "POST", form(FILE), TYPE).status == 403
    assert logs.tracebacks() == []
    assert all("not file" in line for line in logs.lines("general"))


def test_a_taker_that_has_seen_enough(serve):
    @web.stream_request_body
    class Upload(web.RequestHandler):
        def prepare(self):
            self.form = multipart.receive(self, self.take)

        def data_received(self, chunk):
            return self.form.feed(chunk)

        async def take(self, parts):
            return (await anext(parts)).name

        async def post(self):
            self.write(await self.form)

    body = form(NAME + b"a", FILE + b"x" * 3_000_000)
    server = serve(Upload)
    with server.connect() as connection:
        for _ in range(2):
            assert connection.request("/", "POST", body, TYPE).body == b"title"


def test_a_handler_that_collects_its_body_is_told(serve, logs):
    class Upload(web.RequestHandler):
        def prepare(self):
            multipart.receive(self, None)

    assert serve(Upload).request("/", "POST", form(NAME), TYPE).status == 500
    [record] = [record for record in logs.records if record.exc_info]
    assert "Upload needs the decorator stream_request_body" in str(record.exc_info[1])


def test_json(serve, logs):
    class Json(web.RequestHandler):
        def post(self):
            self.write({"got": self.request.json()})

    server = serve(Json)
    json_type = {"Content-Type": "application/json"}
    assert server.request("/", "POST", b"[1]", json_type).body == b'{"got": [1]}'
    assert server.request("/", "POST", b"[1", json_type).status == 400
    assert server.request("/", "POST", b"[1]").status == 415
    assert logs.tracebacks() == []
    assert "the body is not JSON: Expecting ',' delimiter" in logs.lines("general")[0]
