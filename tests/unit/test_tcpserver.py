"""whirlwind.tcpserver: serving streams, plain and over TLS, in one process and in several."""

import asyncio
import logging
import os
import socket
import ssl
import struct
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from tests.unit.loops import Certificate, Run, certificate, run
from whirlwind.iostream import IOStream, SSLIOStream, StreamClosedError
from whirlwind.netutil import bind_sockets
from whirlwind.tcpclient import TCPClient
from whirlwind.tcpserver import TCPServer

__all__ = ["certificate", "run"]


class Echo(TCPServer):
    streams: list[IOStream]

    async def handle_stream(self, stream: IOStream, address: Any) -> None:
        self.streams = [*getattr(self, "streams", []), stream]
        try:
            while True:
                await stream.write(await stream.read_until(b"\n"))
        except StreamClosedError:
            pass


def serve(server: TCPServer) -> tuple[str, int]:
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    address: tuple[str, int] = sockets[0].getsockname()
    return address


def test_echo(run: Run) -> None:
    async def main() -> None:
        server = Echo()
        host, port = serve(server)
        clients = [await TCPClient().connect(host, port) for _ in range(3)]
        for number, client in enumerate(clients):
            await client.write(b"line %d\n" % number)
        lines = [await client.read_until(b"\n") for client in clients]
        assert lines == [b"line 0\n", b"line 1\n", b"line 2\n"]
        server.stop()
        server.stop()
        with pytest.raises(StreamClosedError):
            await TCPClient().connect(host, port)
        await clients[0].write(b"still open\n")
        assert await clients[0].read_until(b"\n") == b"still open\n"
        for stream in [*clients, *server.streams]:
            stream.close()

    run(main)


def test_listen_and_the_sockets_attribute(run: Run) -> None:
    async def main() -> None:
        server = Echo()
        server.listen(0, "127.0.0.1")
        ((fd, sock),) = server._sockets.items()
        assert sock.fileno() == fd
        server.add_socket(bind_sockets(0, "127.0.0.1")[0])
        assert len(server._sockets) == 2
        server.stop()
        assert sock.fileno() == -1

    run(main)


def test_bind_and_start(run: Run) -> None:
    async def main() -> None:
        server = Echo()
        server.bind(0, "127.0.0.1")
        assert not server._sockets
        server.start()
        (sock,) = server._sockets.values()
        client = await TCPClient().connect(*sock.getsockname())
        await client.write(b"x\n")
        assert await client.read_until(b"\n") == b"x\n"
        with pytest.raises(RuntimeError, match="already started"):
            server.start()
        server.stop()
        client.close()
        server.streams[0].close()

    run(main)


def test_stop_before_start_closes_what_was_bound() -> None:
    server = Echo()
    server.bind(0, "127.0.0.1")
    (sock,) = server._pending_sockets
    server.stop()
    assert sock.fileno() == -1


def test_sockets_closed_by_their_owner(run: Run) -> None:
    async def main() -> None:
        server = Echo()
        (sock,) = bind_sockets(0, "127.0.0.1")
        server.add_socket(sock)
        sock.close()
        server.stop()

    run(main)


@pytest.mark.parametrize("native", [True, False])
def test_errors_of_handlers_are_logged(
    run: Run, caplog: pytest.LogCaptureFixture, native: bool
) -> None:
    class Fails(TCPServer):
        if native:

            async def handle_stream(self, stream: IOStream, address: Any) -> None:
                stream.close()
                await asyncio.sleep(0)
                raise KeyError("in a coroutine")
        else:

            def handle_stream(self, stream: IOStream, address: Any) -> None:
                stream.close()
                raise KeyError("in a function")

    async def main() -> None:
        server = Fails()
        client = await TCPClient().connect(*serve(server))
        with pytest.raises(StreamClosedError):
            await client.read_bytes(1)
        await asyncio.sleep(0.01)
        server.stop()

    run(main)
    (record,) = caplog.records
    assert record.name == "whirlwind.application"
    assert record.exc_info is not None
    assert record.exc_info[0] is KeyError


def test_tls(run: Run, certificate: Certificate) -> None:
    class Secure(Echo):
        async def handle_stream(self, stream: IOStream, address: Any) -> None:
            assert isinstance(stream, SSLIOStream)
            assert await stream.wait_for_handshake() is stream
            await super().handle_stream(stream, address)

    async def main() -> None:
        server = Secure(ssl_options=certificate._asdict())
        host, port = serve(server)
        client = await TCPClient().connect(host, port, ssl_options=certificate.client())
        assert isinstance(client, SSLIOStream)
        await client.write(b"secret\n")
        assert await client.read_until(b"\n") == b"secret\n"
        server.stop()
        client.close()
        server.streams[0].close()

    run(main)


def test_s23_a_scanned_tls_port_makes_little_noise(
    run: Run, certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    """Connect and leave, reset, plain HTTP, and half a handshake: one line for each that spoke."""

    class Secure(TCPServer):
        def handle_stream(self, stream: IOStream, address: Any) -> None:
            stream.set_close_callback(lambda: closed.put_nowait(stream.error))

    closed: asyncio.Queue[Any] = asyncio.Queue()

    async def scan(address: Any, sent: bytes) -> Any:
        client = socket.create_connection(address)
        client.send(sent)
        if not sent.startswith(b"GET"):
            client.close()
        error = await closed.get()
        client.close()
        return error

    async def main() -> None:
        server = Secure(ssl_options=certificate.server())
        address = serve(server)
        with socket.create_connection(address) as client:
            # Gone before it is accepted: there may be no stream at all.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await scan(address, b"")
        await scan(address, b"\x16\x03\x01\x02\x00\x01")
        assert not caplog.records
        error = await scan(address, b"GET / HTTP/1.1\r\n\r\n")
        assert isinstance(error, ssl.SSLError)
        server.stop()

    caplog.set_level(logging.INFO)
    run(main)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.exc_info is None
    assert "SSL Error on" in record.message
    assert "\n" not in record.message


def test_tls_options_are_checked_at_once(certificate: Certificate) -> None:
    with pytest.raises(KeyError, match="certfile"):
        TCPServer(ssl_options={})
    with pytest.raises(ValueError, match="does not exist"):
        TCPServer(ssl_options={"certfile": "/does/not/exist"})
    with pytest.raises(ValueError, match='keyfile "/does/not/exist" does not exist'):
        TCPServer(ssl_options={"certfile": certificate.certfile, "keyfile": "/does/not/exist"})


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.parametrize("way", ["start", "add_sockets"])
def test_several_processes(way: str) -> None:
    code = textwrap.dedent(
        f"""
        import os, socket, threading
        from whirlwind.ioloop import IOLoop
        from whirlwind.netutil import bind_sockets
        from whirlwind.process import fork_processes, task_id
        from whirlwind.tcpserver import TCPServer

        class Number(TCPServer):
            async def handle_stream(self, stream, address):
                await stream.write(b"%d" % task_id())
                stream.close()
                self.stop()
                IOLoop.current().call_later(0, IOLoop.current().stop)

        server = Number()
        (sock,) = bind_sockets(0, "127.0.0.1")
        os.write(1, b"%d\\n" % sock.getsockname()[1])
        if {way!r} == "start":
            server._pending_sockets.append(sock)
            server.start(3)
        else:
            fork_processes(3)
            server.add_sockets([sock])
        IOLoop.current().start()
        """
    )
    parent = subprocess.Popen(
        [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert parent.stdout is not None
    port = int(parent.stdout.readline())
    seen = set()
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", port)) as client:
            seen.add(client.recv(10))
    _, stderr = parent.communicate(timeout=60)
    assert seen == {b"0", b"1", b"2"}
    assert parent.returncode == 0
    assert stderr.decode() == ""


def test_reuse_port_is_passed_on(run: Run) -> None:
    async def main() -> None:
        first, second = Echo(), Echo()
        first.listen(0, "127.0.0.1", reuse_port=True)
        port = next(iter(first._sockets.values())).getsockname()[1]
        second.listen(port, "127.0.0.1", reuse_port=True)
        first.stop()
        second.stop()

    run(main)


def test_the_forked_parent_is_gone() -> None:
    """Nothing of the tests above may leave processes behind."""
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
