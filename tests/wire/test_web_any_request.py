"""Whatever a client makes up, a web application answers it, and nothing is told as its fault."""

from __future__ import annotations

import gzip
import random
import re

import pytest

from whirlwind import multipart

from .server import web

#: Pieces that mean something somewhere: to a parser, a file system, a codec, a signature.
PIECES = [
    *[b"", b"a", b"\x80\xff", b"a" * 300, b"..", b"/", b"//", b"%", b"%00", b"%ff", b"%0a", b"%5c"],
    *[b"\\", b"'", b'"', b'"\\', b";", b"=", b",", b"&", b"-1", b"0", b"1" * 30, b"*", b"{", b"[1"],
    *[b"bytes=", b"gzip", b"br;q=", b"q=1.5", b"en-US,fr;q=0.8", b'W/"a"', b"2|", b"1|", b"base64"],
    *[b"2|1:0|10:1700000000|1:s|4:YQ==|" + b"0" * 64, b"2|00000000|aa|1", b"_xsrf=1", b"https"],
    *[b"multipart/form-data; boundary=X", b"application/json", b"quoted-printable", b"same-site"],
    b"\xe2\x80\xa8",
    *[
        b"Thu, 26 Nov 2026 13:03:55 GMT",
        b"Thu, 99 Xxx 99999 99:99:99",
        b"\xc3\xa9",
        b"\xe2\x80\xa8",
    ],
    *[b"UTF-8''%e2%82", b"utf-8'x'%ff", b"name*0=a", b"filename*=", b"[::1]:99", b"::1, 2.2.2.2"],
]
FIELDS = [
    *["Cookie", "Range", "If-Range", "If-None-Match", "If-Modified-Since", "Accept-Encoding"],
    *["Accept-Language", "Accept", "Content-Type", "Content-Encoding", "X-Real-Ip", "X-Scheme"],
    *["X-Forwarded-For", "X-Forwarded-Proto", "Origin", "Sec-Fetch-Site", "X-Xsrftoken"],
]
PATHS = [b"/", b"/look/", b"/files/", b"/files/a.txt", b"/upload", b"/json", b"/away/", b"/slash"]
KINDS = ["multipart/form-data; boundary=X", "application/x-www-form-urlencoded", "application/json"]


class Look(web.RequestHandler):
    """Asks for everything that comes from the client."""

    def get(self, *args):
        for name in list(self.request.arguments):
            self.get_arguments(name)
        self.get_signed_cookie("s")
        self.get_signed_cookie_key_version("s")
        known = (self.locale.code, self.xsrf_token, self.request.full_url(), self.request.files)
        self.write(repr((args, known, self.request.remote_ip, self.cookies)) * 20)

    post = put = get

    @web.authenticated
    def delete(self, *args):
        raise AssertionError("nobody is logged in")


@web.stream_request_body
class Upload(web.RequestHandler):
    def prepare(self):
        self.form = multipart.receive(self, self.take)

    def data_received(self, chunk):
        return self.form.feed(chunk)

    async def take(self, parts):
        return [await part.read() async for part in parts if part.filename]

    async def post(self):
        self.write(repr(await self.form))


class Json(web.RequestHandler):
    def post(self):
        self.write({"read": repr(self.request.json())})


class Slash(web.RequestHandler):
    @web.addslash
    def get(self):
        self.write("slash")

    @web.removeslash
    def post(self):
        self.write("no slash")


class Maker:
    """Makes requests up."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def often(self, share: float) -> bool:
        return self.random.random() < share

    def mix(self, most: int) -> bytes:
        return b"".join(self.random.choices(PIECES, k=self.random.randint(0, most)))

    def body(self) -> bytes:
        if self.often(0.3):
            return b"&".join(self.mix(2) + b"=" + self.mix(2) for _ in range(5))
        parts = []
        for _ in range(self.random.randint(0, 3)):
            head = [b'Content-Disposition: form-data; name="a"' + self.mix(1)]
            if self.often(0.5):
                head[0] += b"; " + self.random.choice([b"filename=", b"filename*="]) + self.mix(2)
            if self.often(0.4):
                head.append(b"Content-Transfer-Encoding: " + self.random.choice(PIECES))
            parts.append(b"--X\r\n" + b"\r\n".join(head) + b"\r\n\r\n" + self.mix(4) + b"\r\n")
        return b"".join(parts) + self.random.choice([b"--X--\r\n", b"--X--", b"--X", b""])

    def request(self) -> bytes:
        method = self.random.choice(["GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE"])
        target = self.random.choice(PATHS) + (self.mix(3) if self.often(0.4) else b"")
        if self.often(0.4):
            target += b"?" + self.mix(4)
        target = bytes(c for c in target if 32 < c < 127)
        lines = [b"%b %b HTTP/1.1" % (method.encode(), target), b"Host: a"]
        names = self.random.sample(FIELDS, self.random.randint(0, 4))
        lines += [name.encode() + b": " + self.mix(3) for name in names]
        body = b""
        if method in ("POST", "PUT"):
            body = self.body()
            lines.append(b"Content-Type: " + self.random.choice(KINDS).encode())
            if self.often(0.2):
                body = gzip.compress(body) if self.often(0.8) else body
                lines.append(b"Content-Encoding: gzip")
            lines.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join([*lines, b"", b""]) + body


@pytest.mark.parametrize("seed", range(8))
def test_any_request(start, logs, tmp_path, seed):
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "folder").mkdir()
    made = Maker(seed)
    application = web.Application(
        [
            ("/", Look),
            ("/look/(.*)", Look),
            ("/upload", Upload),
            ("/json", Json),
            ("/slash.*", Slash),
            ("/away/(.*)", web.RedirectHandler, {"url": "/look/{0}"}),
            ("/files/(.*)", web.StaticFileHandler, {"path": str(tmp_path)}),
        ],
        cookie_secret={0: "a", 1: "b"},
        key_version=1,
        login_url="/",
        xsrf_cookies=made.often(0.2),
        cross_origin_protection=made.often(0.3),
        compress_response=made.often(0.5),
    )
    server = start(application, decompress_request=made.often(0.5), xheaders=made.often(0.5))
    answers = 0
    for _ in range(60):
        with server.connect() as connection:
            connection.send(b"".join(made.request() for _ in range(made.random.randint(1, 4))))
            if made.often(0.2):
                continue  # it leaves without a look at the answers
            connection.half_close()
            found = connection.reader.rest()
        statuses = re.findall(rb"HTTP/1\.1 (\d\d\d)[^\r]*\r\n", found)
        assert statuses
        assert not [code for code in statuses if code.startswith(b"5") and code != b"505"]
        for place in re.findall(rb"\r\nLocation: ([^\r]*)", found):
            assert re.match(rb"/(?![/\\])", place)
        answers += len(statuses)
    assert answers > 60
    assert server.request("/look/alive").status == 200
    assert logs.tracebacks() == []
    assert all(line.isprintable() for line in logs.lines())
