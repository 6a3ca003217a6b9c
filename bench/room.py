#!/usr/bin/env python3
"""One message for a room of many: processor time for each recipient, and memory for each who waits.

usage: room.py [-n ROUNDS] [-m MESSAGES] [-c MEMBERS] [-s SIZE] [--deflate] [SERVER ...]

SERVER is PYTHON:PACKAGE:LOOP. They take turns. A new one gets a hundred members, then MEMBERS more,
which tells what an idle one costs; then one of them says something of SIZE bytes, which all get
before it says the next. Tornado's server writes in a loop, Whirlwind's calls `fanout.broadcast`.
Ratios are medians of the rounds, to the first server.
"""

import argparse
import asyncio
import statistics
import sys
from dataclasses import dataclass
from typing import Any

from measure import Server, raise_file_limit, require_linux, running, usage
from servers import PEERS

HEAD = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%b\r\n"
)
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
WARM_UP = 100


@dataclass
class Result:
    """What one server used in one round."""

    cpu: float
    """User and system time for each message to each recipient, microseconds."""
    memory: float
    """KiB for each idle member."""


class Member(asyncio.Protocol):
    """Counts what arrives after the handshake."""

    def __init__(self, room: "Room") -> None:
        self.room = room
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(HEAD % (DEFLATE if self.room.deflate else b""))

    def data_received(self, data: bytes) -> None:
        if not self.ready.done():
            head, _, data = data.partition(b"\r\n\r\n")
            if b" 101 " not in head:
                self.ready.set_exception(ConnectionError(f"the server answers {head[:60]!r}"))
                return
            self.ready.set_result(None)
        self.room.count(len(data))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("the server has closed"))


class Room:
    """The members, all of which wait for the same bytes."""

    def __init__(self, port: int, deflate: bool) -> None:
        self.port = port
        self.deflate = deflate
        self.members: list[Member] = []
        self.got = 0
        self.wanted = 0
        self.all_have_it = asyncio.Event()

    def count(self, size: int) -> None:
        """So many bytes have arrived at some member."""
        self.got += size
        if self.got >= self.wanted:
            self.all_have_it.set()

    async def open(self, count: int) -> None:
        """Let more members in."""
        loop = asyncio.get_running_loop()
        for _ in range(count):
            _, member = await loop.create_connection(lambda: Member(self), "127.0.0.1", self.port)
            await member.ready
            self.members.append(member)

    async def say(self, message: bytes) -> None:
        """Say something, and wait until all have received it."""
        self.got = 0
        # It comes without the mask. How long it is compressed is not known.
        self.wanted = len(self.members) * (4 if self.deflate else len(message) - 4)
        self.all_have_it.clear()
        self.members[0].transport.write(message)
        async with asyncio.timeout(60):
            await self.all_have_it.wait()
            last = -1
            while self.deflate and last != self.got:
                last = self.got
                await asyncio.sleep(0.1)


async def measure(pid: int, room: Room, options: argparse.Namespace) -> Result:
    """One round with one server."""
    await room.open(WARM_UP)
    await asyncio.sleep(0.5)  # lets the allocator settle; nothing else to wait for
    before = usage(pid).rss
    await room.open(options.members)
    await asyncio.sleep(0.5)
    memory = (usage(pid).rss - before) / options.members
    key = b"\x01\x02\x03\x04"
    words = (b"the words that everybody hears in this room; " * (options.size // 40))[
        : options.size
    ]
    masked = bytes(byte ^ key[i & 3] for i, byte in enumerate(words))
    size = len(words)
    head = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    message = b"\x81" + head + key + masked
    await room.say(message)
    start = usage(pid).cpu
    for _ in range(options.messages):
        await room.say(message)
    cpu = (usage(pid).cpu - start) / options.messages / len(room.members) * 1e6
    for member in room.members:
        member.transport.abort()
    return Result(cpu, memory)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", dest="rounds", type=int, default=3)
    parser.add_argument("-m", dest="messages", type=int, default=30)
    parser.add_argument("-c", dest="members", type=int, default=1000)
    parser.add_argument("-s", dest="size", type=int, default=128)
    parser.add_argument("--deflate", action="store_true")
    usual = [f"{PEERS / 'bin' / 'python'}:tornado:asyncio", f"{sys.executable}:whirlwind:uvloop"]
    parser.add_argument("servers", nargs="*", metavar="PYTHON:PACKAGE:LOOP", default=usual)
    options = parser.parse_intermixed_args()
    require_linux()
    raise_file_limit()
    form = "deflate" if options.deflate else "plain"
    found: dict[str, list[Result]] = {name: [] for name in options.servers}
    for _ in range(options.rounds):
        for name in found:
            python, package, loop = name.rsplit(":", 2)
            server = Server(package, (python, "room_app.py", "{port}", package, loop, form))
            with running(server) as (port, pid):
                room = Room(port, options.deflate)
                found[name].append(asyncio.run(measure(pid, room, options)))
    first = next(iter(found.values()))
    print(f"{options.size} bytes to {options.members + WARM_UP} members, {form}")
    for name, results in found.items():
        cpu = statistics.median(result.cpu for result in results)
        memory = statistics.median(result.memory for result in results)
        pairs = zip(first, results, strict=True)
        ratio = statistics.median(one.cpu / other.cpu for one, other in pairs)
        who = " on ".join(name.rsplit(":", 2)[1:])
        print(
            f"  {who:22} {cpu:6.1f} us each, x{ratio:.2f}, {memory:6.1f} KiB for each idle member"
        )


if __name__ == "__main__":
    main()
