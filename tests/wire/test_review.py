"""Connections that end in the middle: refusals, closing with unread bytes, slow peers."""

from __future__ import annotations

import asyncio
import enum
import socket
import threading

import pytest

from .raw import DEADLINE, build, wait_until
from .server import httputil, web

BODY_BEGUN = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"


def everything(peer: socket.socket) -> bytes:
    """Read until the server closes."""
    peer.settimeout(DEADLINE)
    received = b""
    while data := peer.recv(1 << 20):
        received += data
    return received


def test_a_refused_connection_runs_nothing_more_when_the_close_hook_fails(start, logs):
    ran = []

    @web.stream_request_body
    class Upload(web.RequestHandler):
        def data_received(self, chunk):
            pass

        def on_connection_close(self):
            raise RuntimeError("in the hook")

        def post(self):
            ran.append("post")

    class Next(web.RequestHandler):
        def get(self):
            ran.append("next")

    server = start(web.Application([("/", Upload), ("/next", Next)]))
    with socket.create_connection(server.address) as peer:
        peer.sendall(BODY_BEGUN)
        [connection] = wait_until(lambda: server.call(lambda: connections(server)))
        server.call(lambda: setattr(connection, "deadline", 1e-9))
        server.call(lambda: connection.expire(1.0))
        peer.sendall(b"0123456789" + build("/next"))
        assert everything(peer).startswith(b"HTTP/1.1 408 ")
    assert ran == []
    assert "Uncaught exception in close callback" in logs.lines("application")


def test_s15_content_length_with_transfer_encoding(serve, logs):
    """In either order, with a body that would be a second request by the other length."""
    ran = []

    class Handler(web.RequestHandler):
        def post(self):
            ran.append(self.request.path)

    server = serve(Handler)
    fields = b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"
    for first, second in (fields, fields[::-1]):
        with socket.create_connection(server.address) as peer:
            peer.sendall(b"POST /1 HTTP/1.1\r\nHost: a\r\n" + first + second + b"\r\n0\r\n\r\n")
            peer.sendall(b"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            answer = everything(peer)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1") == 1
    assert ran == []
    told = logs.lines("general")
    assert len(told) == 2
    assert all("both Transfer-Encoding and Content-Length" in line for line in told)


def connections(server):
    """The server's open connections that read a body."""
    [site] = server.server._sites.values()
    return [one for one in site.each() if one.exchange is not None]


def test_what_is_written_after_closing_is_dropped(start, logs):
    @web.stream_request_body
    class Upload(web.RequestHandler):
        def prepare(self):
            self.write("before")
            self.flush()
            self.request.connection.close()
            self.write("after")
            self.flush()

        def data_received(self, chunk):
            pass

        def post(self):
            pass

    server = start(web.Application([("/", Upload)]))
    for busy in (False, True):
        [site] = server.call(lambda: list(server.server._sites.values()))
        server.call(lambda busy=busy, site=site: setattr(site, "busy", busy))
        with socket.create_connection(server.address) as peer:
            peer.sendall(BODY_BEGUN)
            assert everything(peer).endswith(b"6\r\nbefore\r\n")


def test_requests_faster_than_answers_are_not_all_read_at_once(serve):
    held = []

    class Handler(web.RequestHandler):
        def get(self):
            held.append(self.request.server_connection.parser.buffered())

    count = 60_000
    server = serve(Handler)
    with socket.create_connection(server.address) as peer:
        reader = threading.Thread(target=everything, args=(peer,))
        reader.start()
        peer.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * count)
        peer.shutdown(socket.SHUT_WR)
        reader.join(DEADLINE * 3)
    assert len(held) == count
    assert max(held) < 1 << 20


def test_a_peer_that_sends_no_more_gets_every_answer_it_asked_for(serve):
    class Handler(web.RequestHandler):
        def get(self):
            self.write("x" * 1000)

    server = serve(Handler)
    with socket.create_connection(server.address) as peer:
        peer.sendall(build("/") * 1000)
        peer.shutdown(socket.SHUT_WR)
        assert everything(peer).count(b"HTTP/1.1 200 ") == 1000


def test_waiting_for_the_peer_to_read_is_not_waiting_for_a_head(serve):
    class Handler(web.RequestHandler):
        def get(self):
            self.write("x" * 1_000_000)

    server = serve(Handler)
    with socket.create_connection(server.address) as peer:
        peer.sendall(build("/") * 30)
        [site] = server.call(lambda: list(server.server._sites.values()))
        wait_until(lambda: server.call(lambda: any(one.is_blocked() for one in site.each())))
        server.turn()
        [connection] = server.call(site.each)
        assert server.call(lambda: (connection.deadline, connection.write_deadline > 0.0)) == (
            0.0,
            True,
        )


def test_an_early_answer_larger_than_what_is_dropped_arrives_whole(serve):
    size = 20_000_000

    @web.stream_request_body
    class Upload(web.RequestHandler):
        def prepare(self):
            self.set_header("Connection", "close")
            self.finish(b"x" * size)

        def data_received(self, chunk):
            pass

    server = serve(Upload)
    with socket.create_connection(server.address) as peer:
        peer.sendall(BODY_BEGUN)
        [site] = server.call(lambda: list(server.server._sites.values()))
        [connection] = wait_until(lambda: server.call(lambda: [c for c in site.each() if c.shut]))
        peer.sendall(b"01234")
        server.turn()
        # What is still to be read by the peer outlives the time in which its bytes are dropped.
        server.call(lambda: connection.expire(connection.deadline))
        assert server.call(lambda: connection.write_deadline) > 0.0
        assert len(everything(peer).partition(b"\r\n\r\n")[2]) == size


def test_header_values_that_are_more_than_plain_text(serve):
    class Kind(str, enum.Enum):  # noqa: UP042  (a StrEnum prints its value)
        ONE = "one"

    class Handler(web.RequestHandler):
        def get(self):
            self.set_header("X-Set", Kind.ONE)
            self._headers["X-Put"] = Kind.ONE

    answer = serve(Handler).request("/")
    assert (answer.get_all("X-Set"), answer.get_all("X-Put")) == (["one"], ["one"])
    assert len(answer.body) == 0


@pytest.mark.parametrize("method", ["set_header", "add_header"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        (b"X-Set", "the name of a header field is b'X-Set', which is no str"),
        (5, "the name of a header field is 5, which is no str"),
        ("X Set", "'X Set' is no name of a header field (RFC 9110 section 5.1)"),
        ("", "'' is no name of a header field (RFC 9110 section 5.1)"),
    ],
)
def test_names_of_headers_that_are_none(serve, method, name, message):
    class Handler(web.RequestHandler):
        def get(self):
            try:
                getattr(self, method)(name, "value")
            except (TypeError, ValueError) as error:
                self.write(str(error))

    answer = serve(Handler).request("/")
    assert answer.body.decode() == message
    assert answer.get("B'x-set'") is None


def test_names_of_headers_that_are_members_of_an_enum(serve):
    class Name(str, enum.Enum):  # noqa: UP042  (a StrEnum prints its value)
        SET = "X-Set"
        ADD = "X-Add"

    class Handler(web.RequestHandler):
        def get(self):
            self.set_header(Name.SET, "1")
            self.add_header(Name.ADD, "2")

    answer = serve(Handler).request("/")
    assert (answer.get("X-Set"), answer.get("X-Add")) == ("1", "2")


def test_a_reason_that_is_no_text(serve, logs):
    class Handler(web.RequestHandler):
        def get(self):
            self.set_status(404, b"Gone")

    assert serve(Handler).request("/").status == 500
    (error,) = [record.exc_info[1] for record in logs.records if record.exc_info]
    assert str(error) == "the reason of status 404 is b'Gone'; it must be str"


def test_a_handler_behind_a_router_hears_that_its_client_left(start):
    begun, left = threading.Event(), threading.Event()

    class Handler(web.RequestHandler):
        async def get(self):
            self.gone = asyncio.Event()
            begun.set()
            await self.gone.wait()

        def on_connection_close(self):
            self.gone.set()
            left.set()

    application = web.Application([("/", Handler)])

    class Front(httputil.HTTPServerConnectionDelegate):
        def start_request(self, server_conn, request_conn):
            return application.start_request(server_conn, request_conn)

    server = start(Front())
    with socket.create_connection(server.address) as peer:
        peer.sendall(build("/"))
        assert begun.wait(DEADLINE)
    assert left.wait(DEADLINE)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nHost : a\r\nContent-Length: 3000000\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 3000000\r\n\r\n", b"417"),
    ],
    ids=["length", "chunk", "malformed", "expectation"],
)
def test_a_refused_peer_can_send_the_rest_and_read_why(serve, head, status):
    """Clients that send all before they read would otherwise report a broken pipe."""
    server = serve(web.RequestHandler, max_body_size=1000)
    with socket.create_connection(server.address) as peer:
        peer.settimeout(DEADLINE)
        peer.sendall(head)
        assert peer.recv(1, socket.MSG_PEEK)
        server.turn()
        for _ in range(30):
            peer.sendall(b"x" * 100_000)
        assert everything(peer).startswith(b"HTTP/1.1 " + status)


def test_a_peer_that_has_read_everything_is_not_called_one_that_does_not_read(serve, logs):
    @web.stream_request_body
    class Upload(web.RequestHandler):
        def prepare(self):
            self.set_header("Connection", "close")
            self.finish(b"x" * 1000)

        def data_received(self, chunk):
            pass

    server = serve(Upload)
    with socket.create_connection(server.address) as peer:
        peer.sendall(BODY_BEGUN)
        [site] = server.call(lambda: list(server.server._sites.values()))
        [connection] = wait_until(lambda: server.call(lambda: [c for c in site.each() if c.shut]))
        assert len(everything(peer)) > 1000
        # As when so little was left that the transport does not tell that it has gone out.
        server.call(lambda: setattr(connection, "write_deadline", 1e-9))
        server.call(lambda: setattr(connection, "write_size", 1))
        for _ in range(2):
            server.call(lambda: connection.expire(max(connection.write_deadline, 1e-9)))
        assert server.call(lambda: connection.write_deadline) == 0.0
    assert "does not read" not in "".join(logs.lines("general"))
