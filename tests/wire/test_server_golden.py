"""What ordinary handlers put on the wire, field by field (measured on Tornado 6.6.1)."""

from __future__ import annotations

import copy
import email.utils
import re
import time

import pytest

from .raw import build
from .server import httpserver, web

HELLO_ETAG = '"f7ff9e8b7bb2e09b70935a5d785e0cc5d9d0abf0"'


class Hello(web.RequestHandler):
    def get(self):
        self.write("Hello")


def page(code: int, reason: str) -> bytes:
    text = f"{code}: {reason}"
    return f"<html><title>{text}</title><body>{text}</body></html>".encode()


def test_hello(serve):
    answer = serve(Hello).request()
    assert (answer.status, answer.reason) == (200, "OK")
    assert answer.names == ["Server", "Content-Type", "Date", "Etag", "Content-Length"]
    assert answer.get("Content-Type") == "text/html; charset=UTF-8"
    assert answer.get("Etag") == HELLO_ETAG
    assert answer.get("Content-Length") == "5"
    assert answer.body == b"Hello"


def test_date_is_now_in_imf_fixdate(serve):
    answer = serve(Hello).request()
    date = answer.get("Date")
    assert re.fullmatch(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", date)
    assert abs(email.utils.parsedate_to_datetime(date).timestamp() - time.time()) < 5


@pytest.mark.parametrize(
    "value", [HELLO_ETAG, "W/" + HELLO_ETAG, "*", f'"x", {HELLO_ETAG}', f'"x",W/{HELLO_ETAG}']
)
def test_not_modified(serve, value):
    answer = serve(Hello).request(fields={"If-None-Match": value})
    assert answer.status == 304
    assert answer.names == ["Server", "Date", "Etag"]
    assert answer.get("Etag") == HELLO_ETAG


def test_modified(serve):
    answer = serve(Hello).request(fields={"If-None-Match": '"x"'})
    assert answer.status == 200


def test_head_without_head_method(serve):
    answer = serve(Hello).request(method="HEAD")
    assert answer.status == 405
    assert answer.get("Content-Length") == "87"


def test_head_has_the_fields_of_get(serve):
    class Handler(Hello):
        head = Hello.get

    server = serve(Handler)
    got, headed = server.request(), server.request(method="HEAD")
    assert headed.names == got.names
    assert headed.get("Content-Length") == "5"
    assert headed.get("Etag") == HELLO_ETAG


def test_head_may_declare_a_length_it_does_not_send(serve, logs):
    class Handler(web.RequestHandler):
        def head(self):
            self.set_header("Content-Length", "1000")

    with serve(Handler).connect() as connection:
        for _ in range(2):
            assert connection.request(method="HEAD").get("Content-Length") == "1000"
    assert logs.tracebacks() == []


@pytest.mark.parametrize("code", [200, 304])
def test_head_and_304_send_nothing_even_when_flushed(serve, logs, code):
    class Handler(Hello):
        async def head(self):
            self.set_status(code)
            if code == 200:
                self.write("x" * 1000)
            await self.flush()
            if code == 200:
                self.write("y" * 1000)

    with serve(Handler).connect() as connection:
        for _ in range(2):
            assert connection.request(method="HEAD").status == code
        assert connection.request().body == b"Hello"  # nothing of a body was left between
    assert logs.tracebacks() == []


def test_dict_is_json_with_escaped_slash(serve):
    class Handler(web.RequestHandler):
        def get(self):
            self.write({"a": "</x>"})

    answer = serve(Handler).request()
    assert answer.body == rb'{"a": "<\/x>"}'
    assert answer.get("Content-Length") == "14"
    assert answer.get("Content-Type") == "application/json; charset=UTF-8"


@pytest.mark.parametrize(
    ("code", "reason"), [(500, "Internal Server Error"), (404, "Not Found"), (403, "Forbidden")]
)
def test_error_page(serve, logs, code, reason):
    class Handler(web.RequestHandler):
        def get(self):
            if code == 500:
                raise ZeroDivisionError
            raise web.HTTPError(code)

    answer = serve(Handler).request()
    assert (answer.status, answer.reason) == (code, reason)
    assert answer.body == page(code, reason)
    assert answer.names == ["Server", "Content-Type", "Date", "Content-Length"]


def test_error_drops_what_was_prepared(serve, logs):
    class Handler(web.RequestHandler):
        def get(self):
            self.set_header("X-Secret", "1")
            self.set_cookie("a", "b")
            self.set_status(201)
            self.write("half")
            raise web.HTTPError(409)

    answer = serve(Handler).request()
    assert answer.status == 409
    assert answer.get("X-Secret") is None
    assert answer.get_all("Set-Cookie") == ["a=b; Path=/"]  # cookies survive `clear`
    assert b"half" not in answer.body


def test_flush_sends_chunks(serve):
    class Handler(web.RequestHandler):
        async def get(self):
            self.write("one")
            await self.flush()
            self.write("t")
            self.write("wo")
            await self.flush()
            self.write("three")

    answer = serve(Handler).request()
    assert answer.names == ["Server", "Content-Type", "Date", "Transfer-Encoding"]
    assert answer.chunks == [b"one", b"two", b"three"]


def test_flush_to_http_1_0_ends_with_the_connection(serve):
    class Handler(web.RequestHandler):
        async def get(self):
            self.write("one")
            await self.flush()
            self.write("two")

    with serve(Handler).connect() as connection:
        connection.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        answer = connection.read()
    assert answer.until_close
    assert answer.body == b"onetwo"
    assert answer.get("Transfer-Encoding") is None


def test_flush_with_length_is_not_chunked(serve):
    class Handler(web.RequestHandler):
        async def get(self):
            self.set_header("Content-Length", "6")
            self.write("one")
            await self.flush()
            self.write("two")

    answer = serve(Handler).request()
    assert answer.body == b"onetwo"
    assert answer.get("Content-Length") == "6"


def test_no_content(serve):
    class Handler(web.RequestHandler):
        def get(self):
            self.set_status(204)

    answer = serve(Handler).request()
    assert (answer.status, answer.names) == (204, ["Server", "Date"])


def test_redirect_keeps_utf8(serve):
    class Handler(web.RequestHandler):
        def get(self):
            self.redirect("/caf\xe9")

    answer = serve(Handler).request()
    assert answer.status == 302
    assert answer.get("Location").encode("latin-1") == "/caf\xe9".encode()
    assert answer.get("Content-Length") == "0"


@pytest.mark.parametrize(("permanent", "status", "code"), [(True, None, 301), (False, 307, 307)])
def test_redirect_status(serve, permanent, status, code):
    class Handler(web.RequestHandler):
        def get(self):
            self.redirect("/x", permanent=permanent, status=status)

    assert serve(Handler).request().status == code


class Length(web.RequestHandler):
    def post(self):
        self.write(str(len(self.request.body)))


def test_continue_is_sent_before_the_body(serve):
    with serve(Length).connect() as connection:
        connection.send(build("/", "POST", b"", {"Expect": "100-continue", "Content-Length": "3"}))
        interim = connection.reader.head()
        assert (interim.status, interim.reason) == (100, "(Continue)")
        assert interim.fields == []
        connection.send(b"abc")
        assert connection.read().body == b"3"
        assert connection.request("/", "POST", b"ab").body == b"2"


def test_no_continue_without_body(serve):
    with serve(Hello).connect() as connection:
        answer = connection.request(fields={"Expect": "100-continue", "Content-Length": "0"})
        assert answer.status == 200


def test_unsupported_method_keeps_the_connection(serve, logs):
    with serve(Hello).connect() as connection:
        answer = connection.request(method="FROB")
        assert answer.status == 405
        assert answer.body == page(405, "Method Not Allowed")
        assert connection.request().status == 200


def test_not_found_page(start):
    server = start(web.Application([(r"/known", Hello)]))
    answer = server.request("/unknown")
    assert answer.status == 404
    assert answer.body == page(404, "Not Found")


def test_status_with_reason(serve):
    class Handler(web.RequestHandler):
        def get(self):
            self.set_status(299, "Fine by me")

    answer = serve(Handler).request()
    assert (answer.status, answer.reason) == (299, "Fine by me")


def test_unknown_status(serve):
    class Handler(web.RequestHandler):
        def get(self):
            self.set_status(299)

    answer = serve(Handler).request()
    assert (answer.status, answer.reason) == (299, "Unknown")


def test_cookies_are_lines_of_their_own(serve):
    class Handler(web.RequestHandler):
        def get(self):
            self.set_cookie("a", "1")
            self.set_cookie("b", "2", httponly=True, path="/x")
            self.clear_cookie("c")

    cookies = serve(Handler).request().get_all("Set-Cookie")
    assert cookies[:2] == ["a=1; Path=/", "b=2; HttpOnly; Path=/x"]
    assert cookies[2].startswith('c=""; expires=')


def test_repeated_fields_keep_their_order(serve):
    class Handler(web.RequestHandler):
        def get(self):
            self.add_header("X-A", "1")
            self.set_header("x-b", 2)
            self.add_header("X-A", "3")

    answer = serve(Handler).request()
    assert answer.get_all("X-A") == ["1", "3"]
    assert answer.get("X-B") == "2"
    assert "X-B" in answer.names


@pytest.mark.parametrize(
    ("fields", "connection"),
    [({}, None), ({"Connection": "close"}, "close"), ({"Connection": "keep-alive"}, None)],
)
def test_connection_field(serve, fields, connection):
    assert serve(Hello).request(fields=fields).get("Connection") == connection


@pytest.mark.parametrize("flushes", [False, True])
def test_a_transfer_coding_set_by_the_handler_does_not_corrupt_the_framing(serve, logs, flushes):
    class Handler(Hello):
        async def post(self):
            self.set_header("Transfer-Encoding", "chunked")
            self.write("abc")
            if flushes:
                await self.flush()
                self.write("def")

    with serve(Handler).connect() as connection:
        answer = connection.request(method="POST", body=b"")
        assert answer.body == (b"abcdef" if flushes else b"abc")
        assert connection.request().body == b"Hello"


def test_default_fields_can_be_replaced_and_removed(serve):
    class Handler(web.RequestHandler):
        def get(self):
            self.set_header("Date", "then")
            self.set_header("Server", "mine")
            self.clear_header("Content-Type")
            self.write("x")

    answer = serve(Handler).request()
    assert (answer.get("Date"), answer.get("Server")) == ("then", "mine")
    assert answer.get("Content-Type") is None


@pytest.mark.parametrize("value", ["caf\xe9", b"caf\xe9"])
def test_latin_1_values_are_sent_as_such(serve, value):
    class Handler(web.RequestHandler):
        def get(self):
            self.set_header("X-Name", value)

    assert serve(Handler).request().get("X-Name") == "caf\xe9"


@pytest.mark.parametrize("value", [None, 1.5, ["x"]])
def test_other_types_of_value_are_refused(serve, logs, value):
    class Handler(web.RequestHandler):
        def get(self):
            self.set_header("X-Name", value)

    assert serve(Handler).request().status == 500
    assert logs.errors() == [TypeError]


def test_keep_alive_of_http_1_0_is_confirmed(serve):
    with serve(Hello).connect() as connection:
        for _ in range(2):
            connection.send(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
            answer = connection.read()
            assert answer.get("Connection").lower() == "keep-alive"
            assert answer.get("Content-Length") == "5"


def test_handler_may_close(serve):
    class Handler(web.RequestHandler):
        def get(self):
            self.set_header("Connection", "close")
            self.write("x")

    with serve(Handler).connect() as connection:
        assert connection.request().says_close
        connection.read_eof()


def test_large_body(serve):
    body = bytes(range(256)) * 8192

    class Handler(web.RequestHandler):
        def get(self):
            self.write(body)

        def post(self):
            self.write(self.request.body[::-1])

    server = serve(Handler)
    with server.connect() as connection:
        assert connection.request().body == body
        assert connection.request(method="POST", body=body).body == body[::-1]
        assert connection.request().body == body


def test_etag_can_be_switched_off(serve):
    class Handler(Hello):
        def compute_etag(self):
            return None

    assert serve(Handler).request().get("Etag") is None


def test_s36_outgoing_header_of_9000_bytes(serve):
    class Handler(web.RequestHandler):
        def get(self):
            self.set_header("X-Long", "x" * 9000)

    assert serve(Handler).request().get("X-Long") == "x" * 9000


def test_s41_http_error_is_copyable(serve, logs):
    error = web.HTTPError(418, "log %s", "this", reason="Short and stout")

    class Handler(web.RequestHandler):
        def get(self):
            raise copy.copy(error)

    answer = serve(Handler).request()
    assert (answer.status, answer.reason) == (418, "Short and stout")
    assert copy.copy(error).args == ("this",)
    assert str(copy.copy(error)) == str(error)


def test_s42_finish_with_argument(serve, logs):
    class Handler(web.RequestHandler):
        def get(self):
            self.set_status(202)
            self.write("so ")
            raise web.Finish("bye")

    answer = serve(Handler).request()
    assert (answer.status, answer.body) == (202, b"so bye")
    assert logs.tracebacks() == []


def test_s42_finish_without_argument(serve, logs):
    class Handler(web.RequestHandler):
        def prepare(self):
            self.set_status(401)
            raise web.Finish

    answer = serve(Handler).request()
    assert (answer.status, answer.body) == (401, b"")


def test_s44_application_listen_returns_the_server(start):
    application = web.Application([(r"/", Hello)])
    server = start(application)

    def listen():
        other = application.listen(0, address="127.0.0.1")
        assert isinstance(other, httpserver.HTTPServer)
        other.stop()

    server.call(listen)
