"""Listening, stopping, draining; TCP, unix sockets, TLS."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pathlib
import re
import socket
import ssl
import sys

import pytest

from whirlwind.protocol import limits

from .raw import DEADLINE, NoAnswer, RawConnection, build, wait_until
from .server import LOOPS, PACKAGE, httpserver, netutil, new_loop, web

HERE = pathlib.Path(__file__).parent
CERTIFICATE = {"certfile": str(HERE / "test.crt"), "keyfile": str(HERE / "test.key")}
ours = pytest.mark.skipif(PACKAGE != "whirlwind", reason="new in this package")


class Hello(web.RequestHandler):
    def get(self):
        self.write("Hello")

    def post(self):
        self.write(self.request.body[::-1])


def gated():
    """A handler that waits for its class's gate, and what happened to it."""

    class Handler(Hello):
        gate = asyncio.Event()
        started: list[str] = []

        async def get(self):
            if self.request.path.startswith("/wait"):
                self.started.append(self.request.path)
                await self.gate.wait()
            self.write(self.request.path)

    return Handler


def refused(address) -> bool:
    try:
        RawConnection(address).close()
    except OSError:
        return True
    return False


# --- listening ----------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="no SO_REUSEPORT here")
def test_s27_bind_sockets_with_reuse_port(start):
    server = start(web.Application([("/", Hello)]))

    def bind_twice():
        first = netutil.bind_sockets(0, "127.0.0.1", reuse_port=True)
        port = first[0].getsockname()[1]
        second = netutil.bind_sockets(port, "127.0.0.1", reuse_port=True)
        servers = []
        for sockets in (first, second):
            servers.append(httpserver.HTTPServer(web.Application([("/", Hello)])))
            servers[-1].add_sockets(sockets)
        return port, servers

    port, servers = server.call(bind_twice)
    for _ in range(10):
        with RawConnection(("127.0.0.1", port)) as connection:
            assert connection.request().body == b"Hello"
    for each in servers:
        server.call(each.stop)
        server.call(each.close_all_connections)


@pytest.mark.parametrize("how", ["listen", "bind", "application"])
def test_ways_to_listen(start, how):
    server = start(web.Application([("/", Hello)]))

    def listen():
        application = web.Application([("/", Hello)])
        free = netutil.bind_sockets(0, "127.0.0.1")
        port = free[0].getsockname()[1]
        free[0].close()
        if how == "application":
            return port, application.listen(port, address="127.0.0.1", max_body_size=10)
        other = httpserver.HTTPServer(application, max_body_size=10)
        if how == "listen":
            other.listen(port, "127.0.0.1")
        else:
            other.bind(port, "127.0.0.1")
            other.start()
        return port, other

    port, other = server.call(listen)
    with RawConnection(("127.0.0.1", port)) as connection:
        assert connection.request().body == b"Hello"
        assert connection.request("/", "POST", b"x" * 11).status in (400, 413)
    server.call(other.stop)
    assert refused(("127.0.0.1", port))
    server.call(other.close_all_connections)


def test_unix_socket(start):
    class Tell(web.RequestHandler):
        def get(self):
            self.write(f"{self.request.remote_ip} {self.request.protocol} {self.request.host}")

    server = start(web.Application([("/", Tell)]), unix=True)
    with server.connect() as connection:
        for _ in range(2):
            assert connection.request().body == b"0.0.0.0 http localhost"
    with server.connect() as connection:
        connection.send(b"GET\r\n\r\n")
        assert connection.read().status == 400


def test_unix_socket_path_is_a_socket_and_can_be_reused(start, tmp_path):
    server = start(web.Application([("/", Hello)]))
    path = str(tmp_path / "s")
    for _ in range(2):
        sock = server.call(lambda: netutil.bind_unix_socket(path))
        assert os.path.exists(path)
        sock.close()


# --- stopping -----------------------------------------------------------------------------------


def test_stop_refuses_new_connections_and_keeps_the_old(serve):
    handler = gated()
    server = serve(handler)
    with server.connect() as idle, server.connect() as busy:
        idle.request("/")
        busy.send(build("/wait"))
        wait_until(lambda: handler.started)
        server.call(server.server.stop)
        assert refused(server.address)
        assert idle.request("/still").body == b"/still"
        server.call(handler.gate.set)
        assert busy.read().body == b"/wait"
        assert busy.request("/too").body == b"/too"


def test_close_all_connections(serve, logs):
    server = serve(Hello)
    connections = [server.connect() for _ in range(5)]
    for connection in connections[1:]:
        connection.request()
    server.turn()
    server.call(server.server.stop)
    server.call(server.server.close_all_connections)
    for connection in connections:
        connection.read_eof()
        connection.close()
    assert logs.lines(level=logging.ERROR) == []


@pytest.mark.parametrize("turns", range(6))
def test_stop_while_a_connection_is_being_accepted(serve, logs, turns):
    """Whatever the moment: served or closed, and no error of the event loop."""
    server = serve(Hello)

    async def connect_and_stop():
        connection = RawConnection(server.address)  # the backlog completes it
        for _ in range(turns):
            await asyncio.sleep(0)
        server.server.stop()
        return connection

    with server.call(connect_and_stop) as connection:
        connection.send(build())
        if connection.reader.fill():
            assert connection.read().body == b"Hello"
    assert logs.lines(level=logging.ERROR) == []


# --- draining -----------------------------------------------------------------------------------


def begin_drain(server, *args, **kwargs):
    """Start draining; return a future of its result when no connection is accepted any more."""
    drain = server.server.drain(*args, **kwargs)
    result = asyncio.run_coroutine_threadsafe(drain, server.loop)
    server.turn()
    assert refused(server.address)
    return result


@ours
def test_drain_finishes_what_runs_and_tells_the_client(serve, logs):
    handler = gated()
    server = serve(handler)
    with server.connect() as busy, server.connect() as idle:
        idle.request("/")
        busy.send(build("/wait"))
        wait_until(lambda: handler.started)
        result = begin_drain(server, 10, idle_grace=0.05)
        idle.read_eof()
        assert busy.is_quiet()
        assert not result.done()
        server.call(handler.gate.set)
        answer = busy.read()
        assert answer.body == b"/wait"
        assert answer.says_close
        busy.read_eof()
    assert result.result(DEADLINE) is True
    assert logs.lines(level=logging.ERROR) == []


@ours
def test_drain_answers_a_request_that_was_on_its_way(serve):
    server = serve(Hello)
    with server.connect() as connection:
        connection.request()
        result = begin_drain(server, 10, idle_grace=5)
        answer = connection.request()
        assert (answer.body, answer.says_close) == (b"Hello", True)
        connection.read_eof()
    assert result.result(DEADLINE) is True


@ours
def test_drain_aborts_after_its_timeout(serve, logs):
    handler = gated()
    server = serve(handler)
    with server.connect() as connection:
        connection.send(build("/wait"))
        wait_until(lambda: handler.started)
        result = begin_drain(server, 0.1, idle_grace=0.01)
        connection.read_eof()
        assert result.result(DEADLINE) is False
    server.call(handler.gate.set)


@ours
@pytest.mark.parametrize("kind", LOOPS)
@pytest.mark.parametrize("turns", range(6))
def test_nothing_is_served_after_a_drain(turns, kind):
    """Wherever the loop is with a connection when the drain begins."""
    served = []
    state = "open"

    class Handler(web.RequestHandler):
        def get(self):
            served.append(state)

    async def main():
        nonlocal state
        server = httpserver.HTTPServer(web.Application([("/", Handler)]))
        (sock,) = netutil.bind_sockets(0, "127.0.0.1")
        server.add_sockets([sock])
        with socket.create_connection(sock.getsockname(), timeout=DEADLINE) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            for _ in range(turns):
                await asyncio.sleep(0)
            state = "draining"
            assert await server.drain(DEADLINE, idle_grace=0.05)
            state = "drained"
            answer = b""
            with contextlib.suppress(ConnectionResetError):  # the system's, where nobody accepted
                answer = await asyncio.to_thread(client.recv, 1000)
            return answer

    with asyncio.Runner(loop_factory=lambda: new_loop(kind)) as runner:
        answer = runner.run(main())
    assert "drained" not in served
    assert len(served) == bool(answer)
    assert (b"\r\nConnection: close\r\n" in answer) == (served == ["draining"])
    assert served or turns < 2


def test_drain_of_an_idle_server(serve):
    server = serve(Hello)
    assert begin_drain(server).result(DEADLINE) is True
    assert refused(server.address)


@ours
def test_drain_answers_a_pipeline_and_closes(serve):
    handler = gated()
    server = serve(handler)
    with server.connect() as connection:
        connection.send(build("/wait1") + build("/wait2"))
        wait_until(lambda: handler.started)
        result = begin_drain(server, 10, idle_grace=0.05)
        server.call(handler.gate.set)
        first = connection.read()
        assert first.body == b"/wait1"
        if not first.says_close:  # then the second was promised as well
            assert connection.read().says_close
        connection.read_eof()
    assert result.result(DEADLINE) is True


# --- TLS ----------------------------------------------------------------------------------------


@pytest.fixture
def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=CERTIFICATE["certfile"])


def server_context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE["certfile"], CERTIFICATE["keyfile"])
    return context


@pytest.mark.parametrize("as_dict", [True, False], ids=["dict", "context"])
def test_tls(serve, logs, trusting, as_dict):
    class Tell(Hello):
        def get(self):
            self.write(f"{self.request.protocol} {self.request.full_url()}")

    server = serve(Tell, ssl_options=CERTIFICATE if as_dict else server_context())
    body = bytes(range(256)) * 4000
    with server.connect(context=trusting) as connection:
        for _ in range(2):
            assert connection.request("/x").body == b"https https://localhost/x"
            assert connection.request("/", "POST", body).body == body[::-1]
        connection.send(build("/1") + build("/2"))
        assert connection.read().body.endswith(b"/1")
        assert connection.read().body.endswith(b"/2")
    assert logs.tracebacks() == []


def test_tls_byte_by_byte(serve, trusting):
    server = serve(Hello, ssl_options=CERTIFICATE)
    data = build("/", "POST", b"abc") + build()
    with server.connect(context=trusting) as connection:
        connection.send_each((data[i : i + 1] for i in range(len(data))), server.turn)
        assert connection.read().body == b"cba"
        assert connection.read().body == b"Hello"


def test_tls_mistake_is_answered(serve, logs, trusting):
    server = serve(Hello, ssl_options=CERTIFICATE)
    with server.connect(context=trusting) as connection:
        connection.send(b"NONSENSE\r\n\r\n")
        assert connection.read().status == 400
        connection.read_eof()
    assert len(logs.lines("general")) == 1


@pytest.mark.parametrize("data", [build(), b"", b"\x16\x03\x01", b"\0" * 100], ids=repr)
@pytest.mark.parametrize("how", ["close", "abort", "wait"])
def test_plain_bytes_at_a_tls_port_make_little_noise(serve, logs, trusting, data, how):
    server = serve(Hello, ssl_options=CERTIFICATE)
    with server.connect() as connection:
        connection.send(data)
        server.turn()
        if how == "wait":
            connection.half_close()
            with contextlib.suppress(NoAnswer):
                connection.reader.rest()
        else:
            getattr(connection, how)()
    with server.connect(context=trusting) as connection:
        assert connection.request().body == b"Hello"
    assert logs.tracebacks() == []
    assert logs.lines(level=logging.ERROR) == []


def test_tls_client_that_trusts_nobody(serve, logs):
    server = serve(Hello, ssl_options=CERTIFICATE)
    with pytest.raises(ssl.SSLCertVerificationError):
        server.connect(context=ssl.create_default_context())
    server.turn()
    assert logs.tracebacks() == []
    (line,) = logs.lines("general")
    assert line.startswith("SSL Error: [SSL: TLSV1_ALERT_UNKNOWN_CA]")
    assert logs.lines(level=logging.ERROR) == []


def test_a_failed_handshake_is_one_line(serve, logs):
    server = serve(Hello, ssl_options=CERTIFICATE)
    with server.connect() as connection:
        connection.send(build())
        connection.reader.rest()
    (line,) = logs.lines("general", logging.WARNING)
    assert line.startswith("SSL Error: [SSL: HTTP_REQUEST]")


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00\x01"], ids=["nothing", "a beginning"])
def test_a_handshake_that_does_not_come_is_given_up(serve, monkeypatch, logs, said):
    monkeypatch.setattr(limits, "TLS_HANDSHAKE_TIMEOUT", 0.2)
    with serve(Hello, ssl_options=CERTIFICATE).connect() as connection:
        connection.send(said)
        assert connection.reader.rest() == b""
    assert logs.tracebacks() == []


def test_a_context_that_makes_its_own_objects_keeps_them(serve):
    class Mine(ssl.SSLObject):
        pass

    context = server_context()
    context.sslobject_class = Mine
    serve(Hello, ssl_options=context)
    assert context.sslobject_class is Mine


@pytest.mark.parametrize("how", ["close", "abort"])
def test_tls_client_leaves_in_a_body(serve, logs, trusting, how):
    server = serve(Hello, ssl_options=CERTIFICATE)
    with server.connect(context=trusting) as connection:
        connection.send(build("/", "POST", b"abc", {"Content-Length": "10"}))
        server.turn()
        getattr(connection, how)()
    with server.connect(context=trusting) as connection:
        assert connection.request().body == b"Hello"
    assert logs.lines(level=logging.ERROR) == []


def test_tls_client_certificate(serve, trusting):
    class Tell(web.RequestHandler):
        def get(self):
            certificate = self.request.get_ssl_certificate()
            binary = self.request.get_ssl_certificate(binary_form=True)
            subject = certificate and str(certificate["subject"])
            self.write({"subject": subject, "size": len(binary or b"")})

    context = server_context()
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(CERTIFICATE["certfile"])
    server = serve(Tell, ssl_options=context)
    with server.connect(context=trusting) as connection:
        assert b'"size": 0' in connection.request().body
    trusting.load_cert_chain(CERTIFICATE["certfile"], CERTIFICATE["keyfile"])
    with server.connect(context=trusting) as connection:
        body = connection.request().body
        assert b"localhost" in body
        assert int(re.search(rb'"size": (\d+)', body)[1]) > 100


def test_plain_request_has_no_certificate(serve):
    class Tell(web.RequestHandler):
        def get(self):
            self.write(repr(self.request.get_ssl_certificate()))

    assert serve(Tell).request().body == b"None"


def test_tls_slow_reader(serve, trusting):
    class Long(web.RequestHandler):
        async def get(self):
            for _ in range(100):
                self.write(b"x" * 65536)
                await self.flush()

    server = serve(Long, ssl_options=CERTIFICATE)
    with server.connect(context=trusting) as connection:
        assert len(connection.request().body) == 6553600


def test_two_servers_in_one_loop_do_not_share_their_settings(start):
    server = start(web.Application([("/", Hello)]), max_body_size=10)

    def other():
        second = httpserver.HTTPServer(web.Application([("/", Hello)]))
        sockets = netutil.bind_sockets(0, "127.0.0.1")
        second.add_sockets(sockets)
        return second, sockets[0].getsockname()

    second, address = server.call(other)
    assert server.request("/", "POST", b"x" * 20).status in (400, 413)
    with RawConnection(address) as connection:
        assert connection.request("/", "POST", b"x" * 20).status == 200
    server.call(second.stop)
    server.call(second.close_all_connections)


def test_many_connections_at_once(serve):
    server = serve(Hello)
    connections = [server.connect() for _ in range(120)]  # the backlog holds 128
    for connection in connections:
        connection.send(build())
    for connection in connections:
        assert connection.read().body == b"Hello"
        connection.close()


@ours
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the backlog of a socket")
def test_the_kernel_queues_as_many_as_it_was_asked_to(serve):
    server = serve(Hello)

    def listen():
        made, foreign = (httpserver.HTTPServer(web.Application()) for _ in range(2))
        sockets = netutil.bind_sockets(0, "127.0.0.1", backlog=7)
        made.add_sockets(sockets)
        sockets.append(socket.create_server(("127.0.0.1", 0), backlog=5))
        foreign.add_socket(sockets[-1])
        # struct tcp_info: of a socket that listens, tcpi_sacked is the backlog.
        told = [sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)[28:] for sock in sockets]
        made.stop()
        foreign.stop()
        return [int.from_bytes(raw, sys.byteorder) for raw in told]

    most = int(pathlib.Path("/proc/sys/net/core/somaxconn").read_text())
    assert server.call(listen) == [7, min(most, socket.SOMAXCONN)]
