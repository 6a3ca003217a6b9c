"""Connections that end in the middle: refusals, closing with unread bytes, slow peers."""

from __future__ import annotations

import socket

from .raw import DEADLINE, build, wait_until
from .server import web

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
