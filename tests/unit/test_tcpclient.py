"""whirlwind.tcpclient: addresses in turn and in parallel, timeouts that say where."""

import asyncio
import datetime
import socket
import ssl
from typing import Any

import pytest

from tests.unit.loops import Certificate, Run, certificate, run
from whirlwind import _connector
from whirlwind.iostream import IOStream, StreamClosedError
from whirlwind.netutil import Resolver, add_accept_handler, bind_sockets
from whirlwind.tcpclient import TCPClient

__all__ = ["certificate", "run"]


class Listener:
    """A server that accepts and keeps silent."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        (self.socket,) = bind_sockets(0, address)
        self.port: int = self.socket.getsockname()[1]
        self.accepted: asyncio.Queue[tuple[IOStream, Any]] = asyncio.Queue()
        self.stop = add_accept_handler(
            self.socket,
            lambda sock, address: self.accepted.put_nowait((IOStream(sock), address)),
        )

    def close(self) -> None:
        self.stop()
        self.socket.close()
        while not self.accepted.empty():
            self.accepted.get_nowait()[0].close()


class Table(Resolver):
    """Resolves every name to what it was made with."""

    def initialize(self, *addresses: tuple[int, Any]) -> None:  # type: ignore[override]
        self.addresses = list(addresses)
        self.closed = False

    async def resolve(self, host: str, port: int, family: Any = socket.AF_UNSPEC) -> Any:
        return self.addresses

    def close(self) -> None:
        self.closed = True


def refusing() -> tuple[int, Any]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return socket.AF_INET, server.getsockname()


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on the loopback")


def test_connect_by_address_and_name(run: Run) -> None:
    async def main() -> None:
        listener = Listener()
        client = TCPClient()
        for host, family in (
            ("127.0.0.1", socket.AF_UNSPEC),
            ("localhost", socket.AF_UNSPEC),
            ("localhost", socket.AF_INET),
        ):
            stream = await client.connect(host, listener.port, af=family, max_buffer_size=4096)
            assert stream.max_buffer_size == 4096
            served, address = await listener.accepted.get()
            assert address == stream.socket.getsockname()
            await served.write(b"hi")
            assert await stream.read_bytes(2) == b"hi"
            stream.close()
            served.close()
        client.close()
        listener.close()

    run(main)


def test_errors(run: Run) -> None:
    async def main() -> None:
        with pytest.raises(StreamClosedError) as caught:
            await TCPClient(Table(refusing())).connect("name", 1)
        assert isinstance(caught.value.real_error, ConnectionRefusedError)
        with pytest.raises(socket.gaierror):
            await TCPClient().connect("an invalid domain", 1)
        with pytest.raises(OSError, match="name has no address"):
            await TCPClient(Table()).connect("name", 1)
        with pytest.raises(TypeError, match="Unsupported timeout"):
            await TCPClient().connect("127.0.0.1", 1, timeout="1")  # type: ignore[arg-type]

    run(main)


def test_next_address_of_the_family(run: Run) -> None:
    async def main() -> None:
        listener = Listener()
        table = Table(refusing(), refusing(), (socket.AF_INET, ("127.0.0.1", listener.port)))
        client = TCPClient(table)
        stream = await client.connect("name", 1)
        assert stream.socket.getpeername()[1] == listener.port
        stream.close()
        client.close()
        assert not table.closed, "a resolver that was given is its owner's"
        listener.close()

    run(main)


@needs_ipv6
@pytest.mark.parametrize("first_is_slow", [True, False])
def test_the_other_family_wins(
    run: Run, monkeypatch: pytest.MonkeyPatch, first_is_slow: bool
) -> None:
    """Whether the preferred family refuses or keeps silent."""

    async def main() -> None:
        listener = Listener()
        with socket.socket(socket.AF_INET6) as silent:
            # Bound and not listening: refused. Its queue full: no answer.
            silent.bind(("::1", 0))
            queued = []
            if first_is_slow:
                silent.listen(0)
                for _ in range(2):
                    filler = socket.socket(socket.AF_INET6)
                    filler.setblocking(False)
                    filler.connect_ex(silent.getsockname())
                    queued.append(filler)
            table = Table(
                (socket.AF_INET6, silent.getsockname()),
                (socket.AF_INET, ("127.0.0.1", listener.port)),
            )
            stream = await TCPClient(table).connect("name", 1)
            assert stream.socket.family == socket.AF_INET
            stream.close()
            for filler in queued:
                filler.close()
        await asyncio.sleep(0)
        listener.close()

    monkeypatch.setattr(_connector, "CONNECT_STAGGER", 0.01)
    run(main)


@needs_ipv6
def test_both_families_refuse(run: Run) -> None:
    async def main() -> None:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
            closed = (socket.AF_INET6, server.getsockname())
        with pytest.raises(StreamClosedError) as caught:
            await TCPClient(Table(closed, refusing())).connect("name", 1)
        assert isinstance(caught.value.real_error, ConnectionRefusedError)

    run(main)


@needs_ipv6
def test_the_loser_is_closed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both families connect in the same turn of the loop: one connection is left."""

    async def main() -> None:
        four, six = Listener(), Listener("::1")
        held: list[asyncio.Future[None]] = []
        connect = IOStream.connect

        async def held_back(self: IOStream, *args: Any) -> IOStream:
            await connect(self, *args)
            future: asyncio.Future[None] = asyncio.Future()
            held.append(future)
            if len(held) == 2:
                for one in held:
                    one.set_result(None)
            await future
            return self

        monkeypatch.setattr(IOStream, "connect", held_back)
        table = Table(
            (socket.AF_INET6, ("::1", six.port)), (socket.AF_INET, ("127.0.0.1", four.port))
        )
        stream = await TCPClient(table).connect("name", 1)
        assert stream.socket.family == socket.AF_INET6
        loser, _ = await four.accepted.get()
        assert await loser.read_until_close() == b""
        stream.close()
        four.close()
        six.close()

    monkeypatch.setattr(_connector, "CONNECT_STAGGER", 0.01)
    run(main)


def test_source_address(run: Run) -> None:
    async def main() -> None:
        listener = Listener()
        client = TCPClient()
        stream = await client.connect("127.0.0.1", listener.port, source_ip="127.0.0.9")
        assert stream.socket.getsockname()[0] == "127.0.0.9"
        stream.close()
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        stream = await client.connect(
            "127.0.0.1", listener.port, source_ip="127.0.0.1", source_port=port
        )
        assert stream.socket.getsockname()[1] == port
        stream.close()
        with pytest.raises(OSError, match="assign"):
            await client.connect("127.0.0.1", listener.port, source_ip="8.8.8.8")
        listener.close()

    run(main)


def test_a_local_port_is_for_one_attempt_at_a_time(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second address waits for the first to refuse, which it does when it is asked again."""

    async def main() -> None:
        listener = Listener()
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(0)
            queued = [socket.socket() for _ in range(4)]
            for filler in queued:
                filler.setblocking(False)
                filler.connect_ex(silent.getsockname())
            table = Table(
                (socket.AF_INET, silent.getsockname()),
                (socket.AF_INET, ("127.0.0.1", listener.port)),
            )
            connecting = asyncio.ensure_future(
                TCPClient(table).connect("name", 1, source_ip="127.0.0.1", source_port=port)
            )
            await asyncio.sleep(0.1)
            assert not connecting.done()
        for filler in queued:
            filler.close()
        stream = await connecting
        assert stream.socket.getsockname()[1] == port
        stream.close()
        await asyncio.sleep(0)
        listener.close()

    monkeypatch.setattr(_connector, "CONNECT_STAGGER", 0.01)
    run(main)


def test_timeout_while_resolving(run: Run) -> None:
    class Never(Resolver):
        def resolve(self, *args: Any) -> Any:
            return asyncio.Future()

    async def main() -> None:
        with pytest.raises(TimeoutError, match=r"^Timeout while resolving some\.host$"):
            await TCPClient(Never()).connect("some.host", 1, timeout=0.01)

    run(main)


def test_timeout_while_connecting(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IOStream, "connect", lambda self, address: asyncio.Future())
    table = Table((socket.AF_INET, ("192.0.2.1", 443)), (socket.AF_INET6, ("2001:db8::1", 443)))

    async def main() -> None:
        with pytest.raises(TimeoutError) as caught:
            await TCPClient(table).connect("name", 443, timeout=datetime.timedelta(seconds=0.5))
        assert str(caught.value) == ("Timeout while connecting to 192.0.2.1:443, [2001:db8::1]:443")

    monkeypatch.setattr(_connector, "CONNECT_STAGGER", 0.001)
    run(main)


def test_timeout_of_the_handshake_closes_the_connection(run: Run, certificate: Certificate) -> None:
    async def main() -> None:
        listener = Listener()
        with pytest.raises(TimeoutError, match=r"^Timeout during TLS handshake with 127"):
            await TCPClient().connect(
                "127.0.0.1", listener.port, ssl_options=certificate.client(), timeout=0.5
            )
        served, _ = await listener.accepted.get()
        assert (await served.read_until_close()).startswith(b"\x16\x03"), "a ClientHello"
        listener.close()

    run(main)


def test_cancelled_in_the_handshake(run: Run, certificate: Certificate) -> None:
    async def main() -> None:
        listener = Listener()
        connecting = asyncio.ensure_future(
            TCPClient().connect("127.0.0.1", listener.port, ssl_options=certificate.client())
        )
        served, _ = await listener.accepted.get()
        await served.read_bytes(1)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await served.read_until_close()
        listener.close()

    run(main)


def test_cancelled_when_the_handshake_is_just_done(
    run: Run, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        listener = Listener()
        start_tls = IOStream.start_tls

        def cancelling(stream: IOStream, server_side: bool, *args: Any, **options: Any) -> Any:
            future = start_tls(stream, server_side, *args, **options)
            if not server_side:
                future.add_done_callback(lambda _: connecting.cancel())
            return future

        monkeypatch.setattr(IOStream, "start_tls", cancelling)
        connecting = asyncio.ensure_future(
            TCPClient().connect("127.0.0.1", listener.port, ssl_options=certificate.client())
        )
        served, _ = await listener.accepted.get()
        secure = await served.start_tls(True, certificate.server())
        with pytest.raises(asyncio.CancelledError):
            await connecting
        assert await secure.read_until_close() == b""
        listener.close()

    run(main)


def test_wrong_certificate(run: Run, certificate: Certificate) -> None:
    async def main() -> None:
        listener = Listener()

        async def handshake() -> None:
            served, _ = await listener.accepted.get()
            with pytest.raises(OSError, match=r"."):
                await served.start_tls(True, certificate.server())

        server = asyncio.ensure_future(handshake())
        with pytest.raises(ssl.SSLCertVerificationError):
            await TCPClient().connect(
                "127.0.0.1", listener.port, ssl_options=ssl.create_default_context()
            )
        await server
        listener.close()

    run(main)


def test_someone_elses_timeout_is_not_ours(run: Run) -> None:
    class Slow(Resolver):
        async def resolve(self, *args: Any) -> Any:
            raise TimeoutError("the resolver's own")

    async def main() -> None:
        with pytest.raises(TimeoutError, match="the resolver's own"):
            await TCPClient(Slow()).connect("name", 1, timeout=20)

    run(main)
