"""Constructor arguments of HTTPServer: proxies, limits, timeouts, decompression, keep-alive."""

from __future__ import annotations

import gzip
import zlib

import pytest

from .raw import RawConnection, build, wait_until
from .server import httputil, routing, web


class Tell(web.RequestHandler):
    """Answers with what it knows of the client."""

    def get(self):
        self.write(f"{self.request.remote_ip} {self.request.protocol}")

    def post(self):
        self.write(str(len(self.request.body)))


def tell(server, **fields: str) -> str:
    answer = server.request(fields={name.replace("_", "-"): v for name, v in fields.items()})
    assert answer.status == 200
    return answer.body.decode()


# --- proxies ------------------------------------------------------------------------------------


def test_without_xheaders_nothing_is_believed(serve):
    server = serve(Tell)
    assert tell(server, X_Real_Ip="1.2.3.4", X_Scheme="https") == "127.0.0.1 http"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"X-Real-Ip": "1.2.3.4"}, "1.2.3.4 http"),
        ({"X-Forwarded-For": "1.2.3.4"}, "1.2.3.4 http"),
        ({"X-Forwarded-For": "9.9.9.9, 1.2.3.4"}, "1.2.3.4 http"),
        ({"X-Forwarded-For": "1.2.3.4, 5.5.5.5"}, "1.2.3.4 http"),
        ({"X-Forwarded-For": "1.2.3.4,5.5.5.5, 6.6.6.6"}, "1.2.3.4 http"),
        ({"X-Real-Ip": "1.2.3.4", "X-Forwarded-For": "7.7.7.7"}, "1.2.3.4 http"),
        ({"X-Real-Ip": "::1"}, "::1 http"),
        ({"X-Real-Ip": "2620:0:1cfe:face:b00c::3"}, "2620:0:1cfe:face:b00c::3 http"),
        ({"X-Real-Ip": "name.example"}, "127.0.0.1 http"),
        ({"X-Real-Ip": "1.2.3.4<script>"}, "127.0.0.1 http"),
        ({"X-Real-Ip": ""}, "127.0.0.1 http"),
        ({"X-Forwarded-For": "not an address"}, "127.0.0.1 http"),
        ({"X-Forwarded-For": ","}, "127.0.0.1 http"),
        ({"X-Scheme": "https"}, "127.0.0.1 https"),
        ({"X-Forwarded-Proto": "https"}, "127.0.0.1 https"),
        ({"X-Forwarded-Proto": "http, https"}, "127.0.0.1 https"),
        ({"X-Forwarded-Proto": "https , http"}, "127.0.0.1 http"),
        ({"X-Scheme": "ftp"}, "127.0.0.1 http"),
        ({"X-Scheme": "https", "X-Forwarded-Proto": "http"}, "127.0.0.1 https"),
    ],
)
def test_xheaders(serve, fields, expected):
    server = serve(Tell, xheaders=True, trusted_downstream=["5.5.5.5", "6.6.6.6"])
    answer = server.request(fields=fields)
    assert answer.body.decode() == expected


@pytest.mark.parametrize("kind", ["router", "application in a router", "function"])
def test_xheaders_on_the_general_path(start, kind):
    def answer(request):
        body = f"{request.remote_ip} {request.protocol}".encode()
        line = httputil.ResponseStartLine("HTTP/1.1", 200, "OK")
        headers = httputil.HTTPHeaders({"Content-Length": str(len(body))})
        request.connection.write_headers(line, headers, body)
        request.connection.finish()

    application = web.Application([(r".*", Tell)])
    target = {
        "router": routing.RuleRouter([routing.Rule(routing.PathMatches(".*"), application)]),
        "application in a router": web.Application([(routing.HostMatches(".*"), application)]),
        "function": routing.RuleRouter([routing.Rule(routing.PathMatches(".*"), answer)]),
    }[kind]
    server = start(target, xheaders=True)
    with server.connect() as connection:
        fields = {"X-Real-Ip": "1.2.3.4", "X-Scheme": "https"}
        assert connection.request(fields=fields).body == b"1.2.3.4 https"
        assert connection.request().body == b"127.0.0.1 http"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_xheaders_are_per_request(serve, asynchronous):
    class Handler(Tell):
        async def get(self):
            super().get()

    server = serve(Handler if asynchronous else Tell, xheaders=True)
    with server.connect() as connection:
        first = connection.request(fields={"X-Real-Ip": "1.2.3.4", "X-Scheme": "https"})
        second = connection.request()
        assert (first.body, second.body) == (b"1.2.3.4 https", b"127.0.0.1 http")
        connection.send(build(fields={"X-Real-Ip": "4.4.4.4"}) + build())
        assert connection.read().body == b"4.4.4.4 http"
        assert connection.read().body == b"127.0.0.1 http"


@pytest.mark.parametrize("xheaders", [False, True])
def test_what_the_connection_is_apart_from_a_proxy(serve, xheaders):
    class Context(web.RequestHandler):
        def get(self):
            context = self.request.connection.context  # as webssh has it
            assert context.trusted_downstream == {"5.5.5.5"}
            assert context.protocol == self.request.protocol
            self.write(f"{context._orig_remote_ip} {context._orig_protocol} {context.protocol}")

    server = serve(Context, xheaders=xheaders, trusted_downstream=["5.5.5.5"])
    expected = "127.0.0.1 http https" if xheaders else "127.0.0.1 http http"
    assert tell(server, X_Real_Ip="1.2.3.4", X_Scheme="https") == expected


def test_protocol_argument(serve):
    assert tell(serve(Tell, protocol="https")) == "127.0.0.1 https"


# --- limits -------------------------------------------------------------------------------------


def test_body_over_the_limit_is_413_that_the_client_can_read(serve, logs):
    """The answer must survive a client that is still sending: no reset before it was read."""
    server = serve(Tell, max_body_size=1000)
    with server.connect() as connection:
        connection.send(build("/", "POST", b"x" * 200_000))
        answer = connection.read()
        assert answer.status == 413
        assert answer.says_close
        connection.read_eof()
    assert len(logs.lines("general")) == 1


def test_chunked_body_over_the_limit_is_413(serve, logs):
    server = serve(Tell, max_body_size=1000)
    with server.connect() as connection:
        connection.send(build("/", "POST", b"", {"Transfer-Encoding": "chunked"}))
        for _ in range(50):
            connection.send(b"64\r\n" + b"x" * 100 + b"\r\n")
        assert connection.read().status == 413


def test_body_at_the_limit_is_served(serve):
    server = serve(Tell, max_body_size=1000)
    assert server.request("/", "POST", b"x" * 1000).body == b"1000"


def test_expect_and_body_over_the_limit_is_413_without_100(serve, logs):
    server = serve(Tell, max_body_size=1000)
    with server.connect() as connection:
        head = {"Expect": "100-continue", "Content-Length": "1001"}
        connection.send(build("/", "POST", b"", head))
        answer = connection.read()
        assert answer.status == 413
        assert answer.interim == []


def test_a_streaming_handler_may_raise_the_limit(serve):
    @web.stream_request_body
    class Handler(web.RequestHandler):
        def prepare(self):
            self.size = 0
            self.request.connection.set_max_body_size(10_000)

        def data_received(self, chunk):
            self.size += len(chunk)

        def post(self):
            self.write(str(self.size))

    server = serve(Handler, max_body_size=1000)
    with server.connect() as connection:
        assert connection.request("/", "POST", b"x" * 10_000).body == b"10000"
        connection.send(build("/", "POST", b"", {"Content-Length": "10001"}))
        assert connection.read().status == 413


def test_header_limit(serve, logs):
    server = serve(Tell, max_header_size=500)
    assert server.request(fields={"X": "y" * 300}).status == 200
    with server.connect() as connection:
        connection.send(build(fields={"X": "y" * 600}))
        answer = connection.read()
        assert (answer.status, answer.says_close) == (431, True)
        connection.read_eof()


# --- timeouts -----------------------------------------------------------------------------------


def test_idle_connections_are_closed(serve, logs):
    server = serve(Tell, idle_connection_timeout=1)
    with server.connect() as used, server.connect() as unused:
        assert used.request().status == 200
        used.read_eof()
        unused.read_eof()
    assert logs.tracebacks() == []


def test_a_connection_in_use_is_not_idle(serve):
    server = serve(Tell, idle_connection_timeout=5)
    with server.connect() as connection:
        for _ in range(5):
            assert connection.request().status == 200


def test_an_unfinished_head_is_given_up(serve, logs):
    server = serve(Tell, idle_connection_timeout=0.1)
    with server.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        if connection.reader.fill():
            assert connection.read().status == 408
        connection.read_eof()
    assert logs.tracebacks() == []


def test_an_unfinished_head_is_given_up_even_when_bytes_drip(serve, logs):
    server = serve(Tell, idle_connection_timeout=0.3)
    with server.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")

        def dripped() -> bool:
            connection.send(b"y")
            return connection.send_failed or not connection.is_quiet()

        wait_until(dripped, "the end of a slow head")


def test_an_unfinished_body_is_given_up(serve, logs):
    server = serve(Tell, body_timeout=0.1)
    with server.connect() as connection:
        connection.send(build("/", "POST", b"abc", {"Content-Length": "10"}))
        if connection.reader.fill():
            assert connection.read().status == 408
        connection.read_eof()
    assert logs.tracebacks() == []


def test_body_timeout_does_not_hit_the_next_request(serve):
    server = serve(Tell, body_timeout=5)
    with server.connect() as connection:
        assert connection.request("/", "POST", b"abc").body == b"3"
        assert connection.request().status == 200


# --- keep-alive ---------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["in pieces", "at once"])
def test_an_answer_that_is_not_taken_is_given_up(start, logs, how):
    ended = []
    piece = b"x" * 1048576

    class Handler(web.RequestHandler):
        async def get(self):
            if how == "at once":
                self.write(piece * 64)
                return
            while True:
                self.write(piece)
                await self.flush()

        def on_connection_close(self):
            ended.append("handler")

    class Application(web.Application):
        def on_close(self, server_conn):
            ended.append("connection")

    server = start(Application([("/", Handler)]), write_timeout=0.2)
    with server.connect(receive_buffer=65536) as connection:
        connection.send(build())
        wait_until(lambda: "connection" in ended)
    assert ("handler" in ended) == (how == "in pieces")
    assert server.request("/", "POST").status == 405  # the server goes on
    assert logs.tracebacks() == []


def test_no_keep_alive(serve):
    server = serve(Tell, no_keep_alive=True)
    with server.connect() as connection:
        connection.send(build() + build())
        assert connection.read().says_close
        connection.read_eof()


# --- decompression ------------------------------------------------------------------------------


def post(server, body: bytes, coding: str = "gzip", **fields: str):
    with server.connect() as connection:
        connection.send(build("/", "POST", body, {"Content-Encoding": coding, **fields}))
        return connection.read()


def test_bodies_are_left_alone_by_default(serve):
    class Handler(Tell):
        def post(self):
            self.write(self.request.headers["Content-Encoding"] + " ")
            self.write(str(len(self.request.body)))

    body = gzip.compress(b"x" * 1000)
    assert post(serve(Handler), body).body == b"gzip %d" % len(body)


def test_decompress_request(serve):
    class Handler(Tell):
        def post(self):
            headers = self.request.headers
            self.write(f"{headers.get('Content-Encoding')} ")
            self.write(f"{headers.get('X-Consumed-Content-Encoding')} {len(self.request.body)}")

    server = serve(Handler, decompress_request=True)
    assert post(server, gzip.compress(b"x" * 1000)).body == b"None gzip 1000"
    assert server.request("/", "POST", b"plain").body == b"None None 5"


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain"])
@pytest.mark.parametrize("delegate", [False, True])
@pytest.mark.parametrize("coded", [False, True], ids=["length", "chunked"])
def test_nothing_that_says_it_is_compressed(serve, kind, delegate, coded):
    class Handler(Tell):
        def post(self):
            headers = self.request.headers
            self.write(f"{headers.get('Content-Encoding')} ")
            self.write(f"{headers.get('X-Consumed-Content-Encoding')} {self.request.body!r}")

    app = web.Application([("/", Handler)])
    if delegate:
        app.find_handler = app.find_handler  # by the general path
    server = serve(app, decompress_request=True)
    fields = {"Content-Type": kind}
    if coded:
        fields["Transfer-Encoding"] = "chunked"
    answer = post(server, b"0\r\n\r\n" if coded else b"", **fields)
    assert (answer.status, answer.body) == (200, b"None gzip b''")


def test_decompress_several_members(serve):
    body = gzip.compress(b"x" * 10) + gzip.compress(b"y" * 5)
    assert post(serve(Tell, decompress_request=True), body).body == b"15"


def test_decompress_in_pieces(serve):
    server = serve(Tell, decompress_request=True)
    body = gzip.compress(bytes(range(256)) * 10)
    data = build("/", "POST", body, {"Content-Encoding": "gzip"})
    with server.connect() as connection:
        connection.send_each((data[i : i + 1] for i in range(len(data))), server.turn)
        assert connection.read().body == b"2560"
        assert connection.request().status == 200


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_decompression_bomb_stops_at_the_limit(serve, logs, framing):
    received = []

    class Handler(Tell):
        def post(self):
            received.append(len(self.request.body))

    body = gzip.compress(b"\0" * 20_000_000)
    server = serve(Handler, decompress_request=True, max_body_size=1_000_000)
    if framing == "length":
        answer = post(server, body)
    else:
        framed = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        answer = post(server, framed, **{"Transfer-Encoding": "chunked"})
    assert answer.status in (400, 413)
    assert answer.says_close or answer.until_close
    assert received == []
    assert logs.tracebacks() == []


@pytest.mark.parametrize(
    "body",
    [b"no gzip", gzip.compress(b"x" * 1000)[:-4], gzip.compress(b"x") + b"trailing", b"\x1f\x8b"],
    ids=["garbage", "truncated", "trailing", "start only"],
)
def test_malformed_gzip_is_a_quiet_400(serve, logs, body):
    received = []

    class Handler(Tell):
        def post(self):
            received.append(self.request.body)

    answer = post(serve(Handler, decompress_request=True), body)
    assert answer.status == 400
    assert received == []
    assert logs.tracebacks() == []


def test_corrupt_checksum_is_a_quiet_400(serve, logs):
    body = bytearray(gzip.compress(b"x" * 1000))
    body[-8] ^= 1
    assert post(serve(Tell, decompress_request=True), bytes(body)).status == 400
    assert logs.tracebacks() == []


def test_other_codings_are_left_alone(serve):
    server = serve(Tell, decompress_request=True)
    body = zlib.compress(b"x" * 100)
    assert post(server, body, "deflate").body == b"%d" % len(body)


def test_every_option_together(serve):
    server = serve(
        Tell,
        no_keep_alive=False,
        xheaders=True,
        protocol="http",
        decompress_request=True,
        chunk_size=4096,
        max_header_size=4096,
        idle_connection_timeout=30,
        body_timeout=30,
        max_body_size=100_000,
        max_buffer_size=200_000,
        trusted_downstream=["5.5.5.5"],
    )
    with RawConnection(server.address) as connection:
        assert connection.request(fields={"X-Real-Ip": "1.1.1.1"}).body == b"1.1.1.1 http"
        assert connection.request("/", "POST", b"x" * 50_000).body == b"50000"
