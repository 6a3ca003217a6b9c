"""The setting ``compress_response`` over real connections."""

from __future__ import annotations

import zlib

import pytest

from .server import web

TEXT = b"some text to be compressed; " * 200


class Page(web.RequestHandler):
    def get(self):
        self.set_header("Content-Type", "text/plain")
        self.write(TEXT)

    head = get


class Stream(web.RequestHandler):
    async def get(self):
        for _ in range(3):
            self.write(TEXT)
            await self.flush()


def test_s39_gzip_for_those_who_accept_it(serve):
    server = serve(Page, {"compress_response": True})
    answer = server.request(fields={"Accept-Encoding": "gzip"})
    assert (answer.get("Content-Encoding"), answer.get("Vary")) == ("gzip", "Accept-Encoding")
    assert zlib.decompress(answer.body, 31) == TEXT
    assert answer.get("Content-Length") == str(len(answer.body))
    plain = server.request()
    assert (plain.body, plain.get("Content-Encoding")) == (TEXT, None)
    assert plain.get("Vary") == "Accept-Encoding"


def test_s39_the_level_is_six(serve):
    data = b"".join(b"%d %x\n" % (n, n * n) for n in range(3000))

    class Numbers(web.RequestHandler):
        def get(self):
            self.write(data)

    sizes = {level: len(zlib.compress(data, level, 31)) for level in (1, 6, 9)}
    assert len(set(sizes.values())) == 3
    answer = serve(Numbers, {"compress_response": True}).request(fields={"Accept-Encoding": "gzip"})
    assert len(answer.body) == sizes[6]


@pytest.mark.parametrize("size", [1023, 1024])
def test_s38_short_answers_stay(serve, size):
    class Short(web.RequestHandler):
        def get(self):
            self.write(b"x" * size)

    answer = serve(Short, {"compress_response": True}).request(fields={"Accept-Encoding": "gzip"})
    assert answer.get("Content-Encoding") == ("gzip" if size >= 1024 else None)


def test_brotli_and_streams(serve):
    brotli = pytest.importorskip("brotli")
    server = serve(Stream, {"compress_response": ["br", "gzip"]})
    answer = server.request(fields={"Accept-Encoding": "gzip, br"})
    assert answer.get("Content-Encoding") == "br"
    assert len(answer.chunks) >= 3
    assert brotli.decompress(answer.body) == TEXT * 3


def test_head_and_not_modified(serve):
    server = serve(Page, {"compress_response": ["gzip"]})
    accept = {"Accept-Encoding": "gzip"}
    tag = server.request(fields=accept).get("Etag")
    head = server.request(method="HEAD", fields=accept)
    assert (head.get("Content-Encoding"), head.get("Content-Length")) == (None, None)
    assert (head.get("Etag"), head.get("Vary")) == (tag, "Accept-Encoding")
    assert server.request(method="HEAD").get("Content-Length") == str(len(TEXT))
    same = server.request(fields=accept | {"If-None-Match": tag})
    assert (same.status, same.get("Content-Encoding"), same.get("Vary")) == (
        304,
        None,
        "Accept-Encoding",
    )
