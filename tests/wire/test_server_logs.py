"""What is logged: one short line for a client's mistake, the access line as configured."""

from __future__ import annotations

import logging
import re
import ssl

import pytest

from .raw import build
from .server import PACKAGE, web

GOOD = build()
MISTAKES = {
    "request line": b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "noise": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "escape in target": b"GET /\x1b[2J\x1b[31mred HTTP/1.1\r\nHost: a\r\n\r\n",
    "escape in value": b"GET / HTTP/1.1\r\nHost: a\r\nX: \x1b]0;title\x07\r\n\r\n",
    "newline": b"GET /\nINFO:forged line HTTP/1.1\r\nHost: a\r\n\r\n",
    "long": b"GET /" + b"\x1b" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "long line": b"X" * 70000,
    "obs-text": b"GET /\xe2\x80\xae HTTP/1.1\r\nHost: a\r\n\r\n",
    "both lengths": build(
        "/", "POST", b"", {"Transfer-Encoding": "chunked", "Content-Length": "3"}
    ),
    "chunk": build("/", "POST", b"zz\x1b\r\n", {"Transfer-Encoding": "chunked"}),
    "too large": build("/", "POST", b"", {"Content-Length": str(10**12)}),
    "version": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "expectation": build("/", "POST", b"x", {"Expect": "miracles"}),
}


class Hello(web.RequestHandler):
    def get(self):
        self.write("Hello")

    def post(self):
        self.write(self.request.body)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_short_quiet_line(serve, logs, mistake):
    server = serve(Hello)
    with server.connect() as connection:
        connection.send(MISTAKES[mistake])
        assert connection.read().status >= 400
        connection.read_eof()
    server.turn()
    (record,) = [record for record in logs.records if record.name.endswith("general")]
    assert record.levelno == logging.INFO
    assert record.exc_info is None
    line = record.getMessage()
    assert "127.0.0.1" in line
    assert line.isprintable()
    assert line.isascii()
    assert len(line) < 400
    assert "whirlwind" in record.pathname, "whose line it is, compiled or not"
    assert logs.lines("application") == []


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        (MISTAKES["noise"], "TLS on a port without TLS"),
        (build("/", "POST", b"abc", {"Content-Length": "3, 3"}), "Content-Length is a list"),
        (build("/", "POST", b"abc", {"Content-Length": "3, 4"}), "Multiple unequal"),
    ],
)
def test_the_line_names_the_mistake(serve, logs, mistake, reason):
    with serve(Hello).connect() as connection:
        connection.send(mistake)
        assert connection.read().status == 400
        connection.read_eof()
    (line,) = logs.lines("general")
    assert reason in line


def test_a_real_tls_client_on_a_port_without_tls_is_one_line(serve, logs):
    server = serve(Hello)
    with server.connect() as connection:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="a")
        with pytest.raises(ssl.SSLWantReadError):
            client.do_handshake()
        connection.send(outgoing.read())
        assert connection.read().status == 400
        connection.read_eof()
    (line,) = logs.lines("general")
    assert "TLS on a port without TLS" in line


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
)
def test_no_body_is_no_multipart_form(serve, logs, method, kind):
    """RFC 2046 section 5.1.1 wants its last delimiter; a form of the other kind may be empty."""
    answer = serve(Hello).request("/", method, b"", {"Content-Type": kind})
    assert answer.status == (400 if kind.startswith("multipart") else 200)
    assert len(logs.lines("general")) == (1 if kind.startswith("multipart") else 0)


def test_mistakes_after_good_requests_are_one_line_each(serve, logs):
    server = serve(Hello)
    for _ in range(5):
        with server.connect() as connection:
            connection.send(GOOD + b"BAD\r\n\r\n" + b"BAD\r\n\r\n" * 10)
            assert connection.read().status == 200
            assert connection.read().status == 400
            connection.read_eof()
    server.turn()
    assert len(logs.lines("general")) == 5
    assert len(logs.lines("access")) == 5


def test_a_bad_form_is_one_line(serve, logs):
    class Handler(web.RequestHandler):
        def post(self):
            self.get_body_argument("a")

    fields = {"Content-Type": "multipart/form-data; boundary=x"}
    body = b"--x\r\nbroken\x1b[31m\r\n" * 50
    assert serve(Handler).request("/", "POST", body, fields).status == 400
    assert logs.tracebacks() == []
    assert len([line for line in logs.lines() if "access" not in line]) <= 3
    assert all(line.isprintable() for line in logs.lines())


def test_bad_cookies_are_not_logged(serve, logs):
    class Handler(web.RequestHandler):
        def get(self):
            self.write(str(len(self.request.cookies)))

    value = "; ".join("a\\b]=\x80" for _ in range(200))
    assert serve(Handler).request(fields={"Cookie": value}).status == 200
    assert logs.lines("general") == []
    assert logs.lines("application") == []


ACCESS = re.compile(r"(\d{3}) ([A-Z]+) (\S+) \(127\.0\.0\.1\) \d+\.\d\dms")


@pytest.mark.parametrize(
    ("status", "level"),
    [
        (200, "INFO"),
        (304, "INFO"),
        (404, "WARNING"),
        (403, "WARNING"),
        (500, "ERROR"),
        (503, "ERROR"),
    ],
)
def test_access_line(serve, logs, status, level):
    class Handler(web.RequestHandler):
        def get(self):
            self.set_status(status)

    serve(Handler).request("/a?b=%1b%0a")
    (record,) = [record for record in logs.records if record.name.endswith("access")]
    assert record.levelname == level
    match = ACCESS.fullmatch(record.getMessage())
    assert match is not None, record.getMessage()
    assert match.groups() == (str(status), "GET", "/a?b=%1b%0a")


def test_access_lines_of_a_pipeline_come_in_order(serve, logs):
    server = serve(Hello)
    with server.connect() as connection:
        connection.send(b"".join(build(f"/{number}") for number in range(100)))
        for _ in range(100):
            connection.read()
        server.turn()
    paths = [ACCESS.fullmatch(line)[3] for line in logs.lines("access")]
    assert paths == [f"/{number}" for number in range(100)]


def test_http_error_with_a_message_is_one_warning(serve, logs):
    class Handler(web.RequestHandler):
        def get(self):
            raise web.HTTPError(403, "because %s", "of this")

    serve(Handler).request()
    (line,) = logs.lines("general", logging.WARNING)
    assert line == "403 GET / (127.0.0.1): because of this"
    assert logs.tracebacks() == []


def test_http_error_without_a_message_is_only_the_access_line(serve, logs):
    class Handler(web.RequestHandler):
        def get(self):
            raise web.HTTPError(403)

    serve(Handler).request()
    assert logs.lines("general") == []
    assert len(logs.lines("access")) == 1


def test_an_uncaught_exception_is_one_error_with_traceback(serve, logs):
    class Handler(web.RequestHandler):
        def get(self):
            raise KeyError("it")

    serve(Handler).request("/where")
    (record,) = [record for record in logs.records if record.exc_info]
    assert record.name.endswith("application")
    assert record.levelno == logging.ERROR
    assert "GET /where (127.0.0.1)" in record.getMessage()
    assert "HTTPServerRequest(" in record.getMessage()


def test_missing_argument_is_a_quiet_400(serve, logs):
    class Handler(web.RequestHandler):
        def get(self):
            self.get_argument("needed")

    assert serve(Handler).request().status == 400
    assert logs.tracebacks() == []


def test_access_log_level_is_obeyed(serve, logs):
    access = logging.getLogger(f"{PACKAGE}.access")
    level = access.level
    access.setLevel(logging.WARNING)
    try:
        server = serve(Hello)
        server.request("/quiet")
        assert logs.lines("access") == []
        access.setLevel(logging.INFO)  # while the server runs
        server.request("/loud")
        assert len(logs.lines("access")) == 1
    finally:
        access.setLevel(level)


def test_connect_and_leave_is_not_logged(serve, logs):
    server = serve(Hello)
    for _ in range(5):
        server.connect().close()
    server.turn()
    server.turn()
    assert logs.lines() == []
