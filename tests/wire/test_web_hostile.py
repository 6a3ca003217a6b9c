"""What hostile clients send to web applications, as a program and its log see it."""

from __future__ import annotations

import json

import pytest

from .raw import build
from .server import web


class Show(web.RequestHandler):
    """Answers with what the request was taken for."""

    def get(self):
        self.write(
            {
                "method": self.request.method,
                "cookies": {name: morsel.value for name, morsel in self.cookies.items()},
                "arguments": {
                    name: [value.decode("latin-1") for value in values]
                    for name, values in self.request.arguments.items()
                },
                "files": {
                    name: [file["filename"] for file in files]
                    for name, files in self.request.files.items()
                },
            }
        )

    post = get


def show(server, *args, **options):
    answer = server.request(*args, **options)
    assert answer.status == 200
    return json.loads(answer.body)


def multipart(*parts: bytes, end: bytes = b"--x--\r\n") -> bytes:
    return b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + end


def part(name: bytes, more: bytes = b"", value: bytes = b"v") -> bytes:
    return b'Content-Disposition: form-data; name="%b"%b\r\n\r\n%b' % (name, more, value)


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}


# --- cookies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("a=b]_xsrf=x", {"a": "b]_xsrf=x"}),
        ("=x=y; a=b", {"a": "b"}),
        ("x; a=b", {"a": "b"}),
        ("a(b=1; a=b", {"a": "b"}),
        ("a=1; a=2", {"a": "2"}),
        ('a="b; c=d"; e=f', {"a": '"b', "c": 'd"', "e": "f"}),
        ('a="\\"; b=c', {"a": "\\", "b": "c"}),
    ],
)
def test_cookies_are_those_a_browser_meant(serve, logs, field, expected):
    found = show(serve(Show), fields={"Cookie": field})["cookies"]
    assert {name: value for name, value in found.items() if name in expected} == expected
    assert "_xsrf" not in found
    assert "x" not in found
    assert logs.lines("general") == []


# --- forms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1000, 1001])
@pytest.mark.parametrize("pair", ["a=1", "a", ""])
def test_number_of_arguments(serve, logs, count, pair):
    server = serve(Show)
    pairs = "&".join([pair] * count)
    status = 200 if count == 1000 else 400
    assert server.request("/?" + pairs).status == status
    assert server.request("/", "POST", pairs.encode(), FORM).status == status
    assert len(logs.lines("general")) == (0 if status == 200 else 2)
    assert logs.tracebacks() == []


def test_only_ampersands_separate(serve):
    server = serve(Show)
    assert show(server, "/?a=1;b=2")["arguments"] == {"a": ["1;b=2"]}
    assert show(server, "/", "POST", b"a=1;b=2", FORM)["arguments"] == {"a": ["1;b=2"]}


@pytest.mark.parametrize("count", [99, 100, 150, 20000])
def test_number_of_parts(serve, logs, count):
    answer = serve(Show).request("/", "POST", multipart(*[part(b"a")] * count), MULTIPART)
    assert answer.status == (200 if count == 99 else 400)
    assert len(logs.lines("general")) == (0 if count == 99 else 1)
    assert logs.tracebacks() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x",
        b"--x\r\n",
        b"--x--",
        b"\r\n" * 5000,
        multipart(part(b"a"), end=b""),
        multipart(part(b"a"), end=b"--"),
        multipart(*[b"broken"] * 50),
        multipart(*[b"broken\r\n\r\nv"] * 50),
        multipart(*[b"X: y\r\n\r\nv"] * 50),
        multipart(*[b"Content-Disposition: file\r\n\r\nv"] * 50),
        multipart(part(b"a", b'; filename="a\rb"')),
        multipart(part(b"a", b'; filename="a\0b"')),
        multipart(b"X: " + b"y" * 10240 + b"\r\n" + part(b"a")),
        multipart(b"X: y\r\n" * 40 + part(b"a")),
    ],
)
def test_multipart_that_makes_no_sense_is_one_line(serve, logs, body):
    server = serve(Show)
    with server.connect() as connection:
        answer = connection.request("/", "POST", body, MULTIPART)
        empty = body == b"--x--"  # no parts
        assert answer.status == (200 if empty else 400)
        assert connection.request("/").status == 200  # the body was read, whatever it was
        server.turn()
    lines = logs.lines("general")
    assert len(lines) == (0 if empty else 1)
    assert all(line.isprintable() and len(line) < 400 for line in lines)
    assert logs.tracebacks() == []


@pytest.mark.parametrize(
    "boundary", ["", "a" * 71, '"a b "', '"a\\"b"', "\xe9", '"a;b"', None], ids=repr
)
def test_boundaries_that_are_none(serve, logs, boundary):
    kind = "multipart/form-data" + ("" if boundary is None else f"; boundary={boundary}")
    answer = serve(Show).request("/", "POST", b"--a\r\n\r\n\r\n--a--", {"Content-Type": kind})
    assert answer.status == 400
    assert len(logs.lines("general")) == 1
    assert logs.tracebacks() == []


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "C:\\a\\b.txt", "..\\..\\b", "CON.txt", "a;b", "~root"],
)
def test_names_of_files_are_data(serve, name):
    """Nothing is made of them, and nothing taken away: what is a path is for the program to say."""
    body = multipart(part(b"f", b'; filename="' + name.encode() + b'"'))
    assert show(serve(Show), "/", "POST", body, MULTIPART)["files"] == {"f": [name]}


# --- what is answered -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["/a\r\nSet-Cookie: b=c", "/a\nb", "/a\rb", "/\0", "http://a/\x7f\x01"], ids=repr
)
@pytest.mark.parametrize("how", ["redirect", "set_header", "add_header", "set_cookie"])
def test_fields_can_not_be_smuggled(serve, logs, how, value):
    class Handler(web.RequestHandler):
        def get(self):
            if how == "redirect":
                self.redirect(value)
            elif how == "set_cookie":
                self.set_cookie("a", "b", path=value)
            else:
                getattr(self, how)("X-A", value)

    server = serve(Handler)
    with server.connect() as connection:
        answer = connection.request("/")
        assert (answer.status, answer.get("Set-Cookie"), answer.get("X-A")) == (500, None, None)
        assert answer.get("Location") is None
        assert connection.request("/").status == 500  # nothing is left over on the wire
        server.turn()
    assert len(logs.tracebacks()) == 2  # a mistake of the program, which has to be told


@pytest.mark.parametrize("reason", ["<script>alert(1)</script>", "a\r\nX-A: b", "a\0", "\u20ac"])
@pytest.mark.parametrize("how", ["set_status", "error", "send_error"])
def test_reasons_are_no_markup_and_no_field(serve, how, reason):
    class Handler(web.RequestHandler):
        def get(self):
            if how == "error":
                raise web.HTTPError(400, reason=reason)
            if how == "send_error":
                self.send_error(400, reason=reason)
                return
            self.set_status(400, reason)
            self.write_error(400)

    answer = serve(Handler).request("/")
    assert answer.get("X-A") is None
    assert b"<script" not in answer.body
    assert answer.status in (400, 500)
    assert "<" not in answer.reason


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"X-HTTP-Method-Override": "DELETE"}, b""),
        ({"X-Method-Override": "DELETE"}, b""),
        (FORM, b"_method=DELETE"),
    ],
)
def test_the_method_is_that_of_the_request_line(serve, fields, body):
    assert show(serve(Show), "/?_method=DELETE", "POST", body, fields)["method"] == "POST"


def test_markup_in_a_path_is_escaped(serve):
    for settings in ({}, {"debug": True, "autoreload": False}):
        answer = serve(web.ErrorHandler, settings).request("/<script>alert(1)</script>?<script>")
        assert b"<script>alert" not in answer.body


# --- the log --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "fields", "body"),
    [
        ("/?a=%0aforged%1b[31m", {}, b""),
        ("/%0aforged", {}, b""),
        ("/%1b%5d0;title%07", {"Referer": "x", "User-Agent": "\xff\xfe"}, b""),
        ("/", FORM, b"a=%0aforged"),
        ("/", {"Content-Type": "multipart/form-data; boundary=\x80"}, b"x"),
        ("/?" + "a" * 30000, {}, b""),
    ],
)
def test_a_request_is_one_line_in_each_log(serve, logs, target, fields, body):
    class Handler(web.RequestHandler):
        def post(self):
            raise web.HTTPError(400, "argument %r of %s", self.get_argument("a", ""), self)

    serve(Handler).request(target, "POST", body, fields)
    assert len(logs.lines("access")) == 1
    assert len(logs.lines("general")) == 1
    assert all(line.isprintable() for line in logs.lines())


@pytest.mark.parametrize(
    "path", ["..%2f%0aforged", "%1b%5b31m/..%2f..%2fx", "a%0d%0ab%e2%80%a8/../.."]
)
def test_paths_of_files_forge_no_line(serve, logs, tmp_path, path):
    routes = [("/(.*)", web.StaticFileHandler, {"path": str(tmp_path)})]
    assert serve(routes).request("/" + path).status == 403
    (line,) = logs.lines("general")
    assert line.isprintable()
    assert line.endswith("is not in root static directory")


def test_messages_of_errors_are_one_line(serve, logs):
    class Handler(web.RequestHandler):
        def get(self):
            raise web.HTTPError(400, "no %s here", self.get_argument("what", strip=False))

    assert serve(Handler).request("/?what=%0a%e2%82%ac%1b").status == 400
    (line,) = logs.lines("general")
    assert line.isprintable()
    assert line.endswith("no \\n\\u20ac  here")


def test_requests_of_a_pipeline_are_a_line_each(serve, logs):
    server = serve(Show)
    bad = build("/", "POST", b"--x\r\n" * 50, MULTIPART)
    with server.connect() as connection:
        connection.send(bad * 20)
        assert [connection.read().status for _ in range(20)] == [400] * 20
        server.turn()
    assert len(logs.lines("general")) == len(logs.lines("access")) == 20
