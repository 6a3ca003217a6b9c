"""whirlwind.platform.caresresolver against a name server of the test's own."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.unit.loops import Run, run  # noqa: F401 - a fixture
from whirlwind.netutil import Resolver

pytest.importorskip("pycares", reason="needs the package pycares")

from whirlwind.platform.caresresolver import CaresResolver

A, AAAA = 1, 28
V4, V6 = socket.inet_aton("192.0.2.7"), socket.inet_pton(socket.AF_INET6, "2001:db8::7")


class NameServer(asyncio.DatagramProtocol):
    """Knows both addresses of ``both.test``, none of any other name; may leave queries unanswered.

    :arg ignore: how many queries get no answer.
    """

    def __init__(self, ignore: int) -> None:
        self.ignore = ignore
        self.seen = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, query: bytes, address: Any) -> None:
        self.seen += 1
        if self.seen <= self.ignore:
            return
        name, kind, end = self.question(query)
        found = {(b"both.test", A): V4, (b"both.test", AAAA): V6}.get((name, kind))
        flags = 0x8180 if name == b"both.test" else 0x8183  # no error, or no such name
        head = query[:2] + struct.pack("!HHHHH", flags, 1, 1 if found else 0, 0, 0)
        answer = b""
        if found:
            answer = b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(found)) + found
        self.transport.sendto(head + query[12:end] + answer, address)

    @staticmethod
    def question(query: bytes) -> tuple[bytes, int, int]:
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]])
            at += 1 + query[at]
        (kind,) = struct.unpack_from("!H", query, at + 1)
        return b".".join(labels).lower(), kind, at + 5


@contextlib.asynccontextmanager
async def resolver(ignore: int = 0, **options: Any) -> AsyncIterator[tuple[Any, NameServer]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: NameServer(ignore), local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    made = CaresResolver(
        servers=["127.0.0.1"], udp_port=port, tcp_port=port, domains=[], ndots=0, **options
    )
    try:
        yield made, server
    finally:
        made.close()
        assert made.fds == {}
        transport.close()


def test_names_from_the_server(run: Run) -> None:  # noqa: F811
    async def main() -> None:
        async with resolver() as (cares, _):
            both = await cares.resolve("both.test", 80)
            assert sorted(both) == [
                (socket.AF_INET, ("192.0.2.7", 80)),
                (socket.AF_INET6, ("2001:db8::7", 80, 0, 0)),
            ]
            only = await cares.resolve("both.test", 81, socket.AF_INET)
            assert only == [(socket.AF_INET, ("192.0.2.7", 81))]
            many = await asyncio.gather(*(cares.resolve("both.test", n) for n in range(20)))
            assert [len(each) for each in many] == [2] * 20

    run(main)


def test_a_name_that_does_not_exist(run: Run) -> None:  # noqa: F811
    async def main() -> None:
        async with resolver() as (cares, _):
            with pytest.raises(OSError, match=r"could not resolve 'nobody\.test': .*not found"):
                await cares.resolve("nobody.test", 80)

    run(main)


def test_a_lost_query_is_sent_again(run: Run) -> None:  # noqa: F811
    async def main() -> None:
        async with resolver(ignore=1, timeout=0.05, tries=4) as (cares, server):
            (found,) = await cares.resolve("both.test", 80, socket.AF_INET)
            assert found[1] == ("192.0.2.7", 80)
            assert server.seen > 1

    run(main)


def test_a_server_that_says_nothing(run: Run) -> None:  # noqa: F811
    async def main() -> None:
        async with resolver(ignore=100, timeout=0.02, tries=2) as (cares, _):
            with pytest.raises(OSError, match="Timeout"):
                await cares.resolve("both.test", 80)
            assert cares._timer is None

    run(main)


def test_closing_ends_what_is_under_way(run: Run) -> None:  # noqa: F811
    async def main() -> None:
        async with resolver(ignore=100) as (cares, _):
            first, second = (
                asyncio.ensure_future(cares.resolve("both.test", port)) for port in (1, 2)
            )
            await asyncio.sleep(0)
            second.cancel()
            cares.close()
            with pytest.raises(OSError, match="cancel"):
                await first
            with pytest.raises(asyncio.CancelledError):
                await second
            with pytest.raises(OSError, match="the resolver is closed"):
                await cares.resolve("both.test", 3)

    run(main)


def test_names_of_the_hosts_file_and_addresses_ask_nobody(run: Run) -> None:  # noqa: F811
    async def main() -> None:
        async with resolver(ignore=100) as (cares, server):
            assert (socket.AF_INET, ("127.0.0.1", 80)) in await cares.resolve("localhost", 80)
            assert await cares.resolve("192.0.2.1", 5) == [(socket.AF_INET, ("192.0.2.1", 5))]
            assert (await cares.resolve("::1", 5, socket.AF_INET6))[0][1][:2] == ("::1", 5)
            with pytest.raises(OSError, match=r"[Aa]ddress family"):
                await cares.resolve("192.0.2.1", 5, socket.AF_INET6)
            assert server.seen == 0

    run(main)


def test_it_can_be_configured_by_name(run: Run) -> None:  # noqa: F811
    async def main() -> None:
        made = Resolver()
        assert isinstance(made, CaresResolver)
        made.close()

    Resolver.configure("whirlwind.platform.caresresolver.CaresResolver", tries=1)
    try:
        run(main)
    finally:
        Resolver.configure(None)
