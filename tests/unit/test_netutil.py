"""whirlwind.netutil: sockets, resolvers, TLS options."""

import asyncio
import errno
import os
import socket
import ssl
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.unit.loops import Certificate, Run, certificate, run
from whirlwind import netutil
from whirlwind.netutil import (
    BlockingResolver,
    DefaultExecutorResolver,
    DefaultLoopResolver,
    ExecutorResolver,
    OverrideResolver,
    Resolver,
    ThreadedResolver,
    add_accept_handler,
    bind_sockets,
    bind_unix_socket,
    is_valid_ip,
    ssl_options_to_context,
    ssl_wrap_socket,
)

__all__ = ["certificate", "run"]


def close(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


def test_s27_bind_sockets_reuse_port() -> None:
    first = bind_sockets(0, "127.0.0.1", reuse_port=True)
    port = first[0].getsockname()[1]
    second = bind_sockets(port, "127.0.0.1", reuse_port=True)
    assert second[0].getsockname() == first[0].getsockname()
    with pytest.raises(OSError, match="in use"):
        bind_sockets(port, "127.0.0.1")
    close(first + second)


def test_s27_reuse_port_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "SO_REUSEPORT")
    with pytest.raises(ValueError, match="SO_REUSEPORT"):
        bind_sockets(0, "127.0.0.1", reuse_port=True)


def test_bind_sockets_everywhere_uses_one_port() -> None:
    sockets = bind_sockets(0)
    assert len({sock.getsockname()[1] for sock in sockets}) == 1
    assert all(not sock.getblocking() for sock in sockets)
    assert {sock.family for sock in sockets} <= {socket.AF_INET, socket.AF_INET6}
    close(sockets)


def test_bind_sockets_closes_what_it_bound_when_it_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blocker = socket.create_server(("127.0.0.2", 0))
    port = blocker.getsockname()[1]
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, port))
        for address in ("127.0.0.1", "127.0.0.2")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args: found)
    with pytest.raises(OSError, match="in use"):
        bind_sockets(port, "both")
    monkeypatch.undo()
    close([*bind_sockets(port, "127.0.0.1"), blocker])


def test_bind_sockets_skips_families_the_kernel_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("192.0.2.1", 0)),  # EADDRNOTAVAIL
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args: found)
    sockets = bind_sockets(0, "localhost")
    assert [sock.getsockname()[0] for sock in sockets] == ["127.0.0.1"]
    close(sockets)
    del found[0]
    with pytest.raises(OSError, match="assign") as caught:
        bind_sockets(0, "localhost")
    assert caught.value.errno == errno.EADDRNOTAVAIL


def test_bind_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    first = bind_unix_socket(str(path), mode=0o620)
    assert stat.S_IMODE(path.stat().st_mode) == 0o620
    first.close()
    second = bind_unix_socket(str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(path))
    close([client, second])
    plain = tmp_path / "plain"
    plain.write_text("precious")
    with pytest.raises(ValueError, match="not a socket"):
        bind_unix_socket(str(plain))
    assert plain.read_text() == "precious"


@pytest.mark.skipif(not os.path.exists("/proc"), reason="Linux only")
def test_bind_unix_socket_in_the_abstract_namespace() -> None:
    name = f"\0whirlwind-test-{os.getpid()}"
    server = bind_unix_socket(name)
    client = socket.socket(socket.AF_UNIX)
    client.connect(name)
    close([client, server])


def test_accept_handler(run: Run) -> None:
    async def main() -> None:
        (listener,) = bind_sockets(0, "127.0.0.1")
        accepted: asyncio.Queue[tuple[socket.socket, Any]] = asyncio.Queue()
        remove = add_accept_handler(listener, lambda *args: accepted.put_nowait(args))
        clients = [socket.create_connection(listener.getsockname()) for _ in range(5)]
        served = [await accepted.get() for _ in clients]
        assert {address for _, address in served} == {c.getsockname() for c in clients}
        remove()
        remove()
        late = socket.create_connection(listener.getsockname())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert accepted.empty()
        close([*clients, late, listener, *(sock for sock, _ in served)])

    run(main)


def test_accept_pauses_without_descriptors(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Listener:
        def __init__(self, inner: socket.socket) -> None:
            self.inner = inner
            self.attempts = 0
            self.close = inner.close

        def fileno(self) -> int:
            return self.inner.fileno()

        def accept(self) -> tuple[socket.socket, Any]:
            self.attempts += 1
            if self.attempts == 1:
                raise OSError(errno.EMFILE, "Too many open files")
            if self.attempts == 2:
                raise ConnectionAbortedError(errno.ECONNABORTED, "gone")
            return self.inner.accept()

    async def main() -> None:
        listener: Any = Listener(bind_sockets(0, "127.0.0.1")[0])
        accepted: asyncio.Queue[socket.socket] = asyncio.Queue()
        remove = add_accept_handler(listener, lambda sock, _: accepted.put_nowait(sock))
        client = socket.create_connection(listener.inner.getsockname())
        served = await accepted.get()
        assert listener.attempts >= 3
        remove()
        close([served, client, listener.inner])

    monkeypatch.setattr(netutil, "ACCEPT_RETRY_DELAY", 0.01)
    run(main)
    assert len(caplog.records) == 1
    assert "pausing" in caplog.text


@pytest.mark.parametrize(
    "ip", ["127.0.0.1", "4.4.4.4", "::1", "2620:0:1cfe:face:b00c::3", "fe80::1%eth0"]
)
def test_valid_ip(ip: str) -> None:
    assert is_valid_ip(ip)


@pytest.mark.parametrize(
    "ip",
    [
        *("www.example.com", "localhost", "4.4.4.4<", " 127.0.0.1", "", " ", "\n", "\0"),
        *("127.0.0.1\0", "256.1.1.1", "1.2.3", "::1%", "1.2.3.4%eth0", "a" * 300, "١.1.1.1"),
    ],
)
def test_invalid_ip(ip: str) -> None:
    assert not is_valid_ip(ip)


@pytest.mark.parametrize(
    "make",
    [
        Resolver,
        DefaultLoopResolver,
        DefaultExecutorResolver,
        BlockingResolver,
        ThreadedResolver,
        lambda: ExecutorResolver(executor=ThreadPoolExecutor(1)),
    ],
)
def test_resolvers(run: Run, make: Any) -> None:
    async def main() -> None:
        resolver = make()
        found = await resolver.resolve("127.0.0.1", 80, socket.AF_INET)
        assert found == [(socket.AF_INET, ("127.0.0.1", 80))]
        assert (socket.AF_INET, ("127.0.0.1", 80)) in await resolver.resolve("localhost", 80)
        with pytest.raises(OSError, match=r".") as caught:
            await resolver.resolve("an invalid domain", 80)
        assert isinstance(caught.value, socket.gaierror)
        resolver.close()

    run(main)


def test_default_resolver_and_its_configuration() -> None:
    assert type(Resolver()) is DefaultLoopResolver
    Resolver.configure("whirlwind.netutil.BlockingResolver")
    try:
        assert type(Resolver()) is BlockingResolver
    finally:
        Resolver.configure(None)


def test_threaded_resolvers_share_a_pool() -> None:
    one, other = ThreadedResolver(), ThreadedResolver(num_threads=3)
    assert one.executor is other.executor
    one.close()
    assert other.executor is not None
    found: list[Any] = []

    async def main() -> None:
        found.extend(await other.resolve("127.0.0.1", 1))

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    thread.join()
    assert found


def test_override_resolver(run: Run) -> None:
    table = {
        "google.example": ("1.2.3.4"),
        ("host", 80): ("127.0.0.2", 8080),
        ("host", 80, socket.AF_INET6): ("::9", 9),
    }

    async def main() -> None:
        resolver = OverrideResolver(BlockingResolver(), table)
        assert (await resolver.resolve("google.example", 1))[0][1] == ("1.2.3.4", 1)
        assert (await resolver.resolve("host", 80))[0][1] == ("127.0.0.2", 8080)
        assert (await resolver.resolve("host", 80, socket.AF_INET6))[0][1][:2] == ("::9", 9)
        assert (await resolver.resolve("127.0.0.1", 81))[0][1] == ("127.0.0.1", 81)
        resolver.close()

    run(main)


def test_ssl_options_to_context(certificate: Certificate) -> None:
    ready = ssl.create_default_context()
    assert ssl_options_to_context(ready) is ready
    files = {"certfile": certificate.certfile, "keyfile": certificate.keyfile}
    server = ssl_options_to_context(files, server_side=True)
    assert server.protocol == ssl.PROTOCOL_TLS_SERVER
    assert server.verify_mode == ssl.CERT_NONE
    assert server.options & ssl.OP_NO_COMPRESSION
    asking = ssl_options_to_context(
        {**files, "cert_reqs": ssl.CERT_REQUIRED, "ca_certs": certificate.certfile},
        server_side=True,
    )
    assert asking.verify_mode == ssl.CERT_REQUIRED
    client = ssl_options_to_context({"ca_certs": certificate.certfile}, server_side=False)
    assert client.check_hostname
    assert client.verify_mode == ssl.CERT_REQUIRED
    assert client.cert_store_stats()["x509"] == 1
    careless = ssl_options_to_context({"cert_reqs": ssl.CERT_NONE}, server_side=False)
    assert not careless.check_hostname
    either = ssl_options_to_context({"ciphers": "ECDHE+AESGCM"})
    assert either.protocol == ssl.PROTOCOL_TLS
    assert all("GCM" in c["name"] for c in either.get_ciphers() if "TLSv1.2" in c["protocol"])


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"certfiles": "x"}, ValueError),
        ({"certfile": "/does/not/exist"}, OSError),
        ({"certfile": __file__}, ssl.SSLError),
    ],
)
def test_wrong_ssl_options(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        ssl_options_to_context(options, server_side=True)


def test_ssl_wrap_socket(certificate: Certificate) -> None:
    one, other = socket.socketpair()
    secured: list[ssl.SSLSocket] = []
    server = threading.Thread(
        target=lambda: secured.append(
            ssl_wrap_socket(
                one,
                {"certfile": certificate.certfile, "keyfile": certificate.keyfile},
                server_side=True,
            )
        )
    )
    server.start()
    client = ssl_wrap_socket(
        other, {"ca_certs": certificate.certfile}, server_hostname="localhost", server_side=False
    )
    server.join()
    client.sendall(b"hello")
    assert secured[0].recv(10) == b"hello"
    close([client, secured[0]])
