#!/usr/bin/env python3
"""WebSocket clients that come, chat and vanish: nothing of them stays on the server.

usage: vanish.py [-c CONNECTIONS] [-t SECONDS] [--loop uvloop|asyncio] [--seed SEED]

Keeps CONNECTIONS open. Each says a few things to its chat room, compressed, fragmented or as they
are, and ends in one of many ways: with or without a closing handshake, by a reset, inside a
handshake or a frame, with half of the connection, with a breach of the protocol, or not at all - it
stays and does not read any more. Another takes its place. When they have all gone, the server must
hold as many files, tasks and objects as before they came, its memory must not have grown with their
number, and it must have logged one line for each of them at most and no traceback.

Prints how they ended, what the server used, and exits with 1 if anything is wrong.
"""

import argparse
import asyncio
import collections
import json
import random
import socket
import struct
import sys
import time
import urllib.request
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

from measure import Server, raise_file_limit, require_linux, running, usage

from whirlwind.platform.loops import new_event_loop

PING_EVERY = 5.0
WRITE_TIMEOUT = 8.0
#: Seconds that an answer may take; on a busy machine, that is.
PATIENCE = 60.0
#: Seconds until the server has noticed that someone is silent: a ping, its pong, the farewell.
SILENCE = PING_EVERY * 2.5 + 5 + 3
#: Seconds until it has noticed that someone takes nothing.
DEAFNESS = WRITE_TIMEOUT * 2 + 3

KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
HEAD = (
    b"GET /chat/%d HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"%bSec-WebSocket-Version: 13\r\n%b\r\n"
)
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"
RESET = struct.pack("ii", 1, 0)
#: Of objects by type: those that belong to connections, with what is kept of them for the next,
#: and others, of which a cache may hold some more.
OWN = ("whirlwind.", "asyncio.", "_asyncio.", "uvloop.", "__main__.", "builtins.coroutine")
OWN_SPARE = 8
SPARE = 300
#: Who stays for long without a use of it is rarer, so that most of the crowd comes and goes.
FATES = {
    "close": 20,
    "reset": 20,
    "fin": 20,
    "half": 10,
    "frame": 10,
    "breach": 5,
    "knock": 5,
    "dash": 5,
    "silent": 4,
    "deaf": 1,
}


def frame(first: int, payload: bytes, key: bytes) -> bytes:
    """A client's frame."""
    size = len(payload)
    if size < 126:
        head = bytes([first, 0x80 | size])
    else:
        head = bytes([first, 0x80 | 126]) + size.to_bytes(2, "big")
    mask = (key * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
    return head + key + masked.to_bytes(size, "big")


def messages(chance: random.Random, compressed: bool) -> list[bytes]:
    """Things to say, as they go over the wire."""
    found = []
    for kind in ("say", "say", "say", "say", "say", "say", "think", "shout"):
        for size in (10, 40, 150, 600, 3000, 20_000):
            words = f"{kind} {chance.randbytes(size // 4).hex()} ".ljust(size, "-").encode()
            key = chance.randbytes(4)
            if compressed:
                packer = zlib.compressobj(wbits=-15)
                words = packer.compress(words) + packer.flush(zlib.Z_SYNC_FLUSH)
                found.append(frame(0xC1, words[:-4], key))
            elif size == 600:
                parts = frame(0x01, words[:7], key), frame(0x00, words[7:99], key)
                found.append(b"".join(parts) + frame(0x80, words[99:], key))
            else:
                found.append(frame(0x81, words, key))
    return found


class Client(asyncio.Protocol):
    """One connection: counts the messages that arrive and answers pings."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.head: asyncio.Future[bytes] = loop.create_future()
        self.gone: asyncio.Future[None] = loop.create_future()
        self.closed = False
        self.mute = False
        self.awaited: asyncio.Future[None] | None = None
        self.last = b""
        self._rest = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if not self.head.done():
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return
            self.head.set_result(head)
        at = 0
        while len(data) - at >= 2:
            first, size = data[at], data[at + 1]
            begin = at + 2
            if size == 126:
                begin, size = at + 4, int.from_bytes(data[at + 2 : at + 4], "big")
            elif size == 127:
                begin, size = at + 10, int.from_bytes(data[at + 2 : at + 10], "big")
            if begin + size > len(data):
                break
            at = begin + size
            self._take(first & 15, data[begin:at])
        self._rest = data[at:]

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == 9:
            if not self.mute and not self.transport.is_closing():
                self.transport.write(frame(0x8A, payload, b"\0\0\0\0"))
        elif opcode == 8:
            self.closed = True
            self.last = payload
        elif self.awaited is not None and not self.awaited.done():
            self.awaited.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        for one in (self.head, self.awaited):
            if one is not None and not one.done():
                one.set_exception(ConnectionResetError(f"the server left {self.last!r}"))
                one.exception()
        if not self.gone.done():
            self.gone.set_result(None)

    def hang_up(self) -> None:
        """Say no more."""
        self.mute = True
        self.transport.write_eof()

    async def ask(self, data: bytes) -> None:
        """Say something and wait until something is said."""
        self.awaited = asyncio.get_running_loop().create_future()
        self.transport.write(data)
        await soon(self.awaited, "echo")


async def soon(what: Awaitable[Any], name: str) -> Any:
    """Wait for something that the server has to do soon."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await what
    except (OSError, RuntimeError) as error:
        raise ConnectionError(f"no {name}: {error!r}") from None


class Crowd:
    """The clients, and how they ended."""

    def __init__(self, port: int, chance: random.Random) -> None:
        self.port = port
        self.chance = chance
        self.ends: collections.Counter[str] = collections.Counter()
        self.wrong: collections.Counter[str] = collections.Counter()
        self.open = 0
        self.most = 0
        self.words = {True: messages(chance, True), False: messages(chance, False)}

    async def gather(self, connections: int, seconds: float) -> None:
        """Keep so many connections open for so long."""
        end = time.monotonic() + seconds
        async with asyncio.TaskGroup() as seats:
            for number in range(connections):
                seats.create_task(self._seat(number // 5, end))
                if number % 20 == 19:
                    await asyncio.sleep(0.02)

    async def _seat(self, room: int, end: float) -> None:
        while time.monotonic() < end:
            fate = self.chance.choices([*FATES], [*FATES.values()])[0]
            try:
                await self._visit(room, fate)
                self.ends[fate] += 1
            except (OSError, RuntimeError) as error:
                self.wrong[f"{fate}: {error}"] += 1

    async def _visit(self, room: int, fate: str) -> None:
        loop = asyncio.get_running_loop()
        opening = loop.create_connection(Client, "127.0.0.1", self.port)
        _, client = await soon(opening, "connection")
        self.open += 1
        self.most = max(self.most, self.open)
        transport = client.transport
        try:
            compressed = self.chance.random() < 0.5
            head = HEAD % (room, KEY, DEFLATE if compressed else b"")
            if fate == "knock":
                transport.write(head[: self.chance.randrange(len(head) - 1)])
                await asyncio.sleep(self.chance.random())
                return
            transport.write(head)
            if fate == "dash":
                await self._reset(client)
                return
            answer = await soon(client.head, "answer")
            if b" 101 " not in answer:
                raise ConnectionError(f"the server answers {answer[:40]!r}")
            for _ in range(self.chance.randrange(1, 7)):
                await client.ask(self.chance.choice(self.words[compressed]))
                await asyncio.sleep(self.chance.random() * 2)
            end: Callable[[Client], Any] = getattr(self, f"_{fate}")
            await end(client)
        finally:
            self.open -= 1
            transport.abort()

    # --- how they end ---------------------------------------------------------------------------

    async def _close(self, client: Client) -> None:
        client.transport.write(frame(0x88, b"\x03\xe8", b"abcd"))
        await self._ended(client)
        if not client.closed:
            raise ConnectionError("no close frame")

    async def _reset(self, client: Client) -> None:
        sock = client.transport.get_extra_info("socket")
        if sock is None:
            raise ConnectionResetError("the server has ended the connection")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    async def _fin(self, client: Client) -> None:
        client.transport.close()

    async def _half(self, client: Client) -> None:
        client.hang_up()
        await self._ended(client)

    async def _frame(self, client: Client) -> None:
        client.transport.write(frame(0x81, b"not all of it", b"abcd")[:9])
        if self.chance.random() < 0.5:
            await self._reset(client)

    async def _breach(self, client: Client) -> None:
        client.transport.write(b"\x81\x05hello")
        await self._ended(client)
        if client.last[:2] != b"\x03\xea":
            raise ConnectionError(f"the server says {client.last!r}, not 1002")

    async def _silent(self, client: Client) -> None:
        client.transport.pause_reading()
        await asyncio.sleep(SILENCE)
        client.transport.resume_reading()
        await self._ended(client)

    async def _deaf(self, client: Client) -> None:
        client.transport.write(frame(0x81, b"flood", b"abcd"))
        client.transport.pause_reading()
        if self.chance.random() < 0.5:
            client.hang_up()
        await asyncio.sleep(DEAFNESS)
        client.transport.resume_reading()
        await self._ended(client)

    async def _ended(self, client: Client) -> None:
        """The server has to end the connection."""
        await soon(client.gone, "end")


def state(port: int) -> dict[str, Any]:
    """What the server says of itself."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/state", timeout=PATIENCE) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


async def watch(pid: int, memory: list[int]) -> None:
    """Note every second what the server holds in memory, KiB."""
    while True:
        await asyncio.sleep(1)
        memory.append(usage(pid).rss)


async def run(crowd: Crowd, pid: int, connections: int, seconds: float) -> list[int]:
    """The crowd's time; the server's memory in each second of it, KiB."""
    memory: list[int] = []
    watching = asyncio.create_task(watch(pid, memory))
    await crowd.gather(connections, seconds)
    watching.cancel()
    return memory


def settle(port: int, before: dict[str, Any]) -> dict[str, Any]:
    """The server's state, as soon as it is the one of before, or when it should have been."""
    deadline = time.monotonic() + SILENCE + DEAFNESS
    while True:
        after = state(port)
        if not compare(before, after) or time.monotonic() > deadline:
            return after
        time.sleep(1)


def compare(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What the server holds more than before, in words."""
    more = [
        f"{after[name] - before[name]} {name}"
        for name in ("files", "tasks", "members")
        if after[name] > before[name]
    ]
    opened, closed = (after["counts"].get(name, 0) for name in ("opened", "closed"))
    if opened != closed:
        more.append(f"{opened - closed} handlers that have not heard of the end")
    for name, count in sorted(after["objects"].items()):
        grown = count - before["objects"].get(name, 0)
        if grown > (OWN_SPARE if name.startswith(OWN) else SPARE):
            more.append(f"{grown} {name}")
    return more


def check_lines(lines: dict[str, int], visits: int) -> list[str]:
    """What was logged that should not have been, in words."""
    requests = [kind for kind in lines if kind.startswith("whirlwind.access")]
    asked = sum(lines[kind] for kind in requests if "/state" in kind)
    access = sum(lines[kind] for kind in requests) - asked
    others = sum(lines.values()) - access - asked
    wrong = [f"a traceback: {kind}" for kind in lines if "TRACEBACK" in kind]
    if access > visits or others > visits:
        wrong.append(f"{access} lines about requests and {others} others for {visits} connections")
    return wrong


def check_memory(memory: list[int]) -> list[str]:
    """Whether the second half of the time needed more memory than the first, in words."""
    half = len(memory) // 2
    first, second = (max(part, default=0) for part in (memory[:half], memory[half:]))
    if second > first * 1.05 + 2048:
        return [f"memory grew from {first} to {second} KiB"]
    return []


def main() -> int:
    """Read the command line, let the crowd come and go, print what is left of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-c", dest="connections", type=int, default=2000)
    parser.add_argument("-t", dest="seconds", type=float, default=180.0)
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="uvloop")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    require_linux()
    raise_file_limit()
    command = (sys.executable, "chat_app.py", "{port}", args.loop)
    server = Server("chat", (*command, str(PING_EVERY), str(WRITE_TIMEOUT)))
    with running(server) as (port, pid), asyncio.Runner(loop_factory=new_event_loop) as runner:
        # What is made once and kept is made by a few who come before the others.
        few = Crowd(port, random.Random(args.seed))
        runner.run(run(few, pid, 50, 3.0))
        while (before := state(port))["members"]:
            time.sleep(1)
        crowd = Crowd(port, random.Random(args.seed + 1))
        cpu = usage(pid).cpu
        memory = runner.run(run(crowd, pid, args.connections, args.seconds))
        cpu = usage(pid).cpu - cpu
        after = settle(port, before)
        memory.append(usage(pid).rss)
    visits = crowd.ends.total() + crowd.wrong.total()
    wrong = [f"{count} x {what}" for what, count in crowd.wrong.most_common()]
    wrong += [f"the server still holds {what}" for what in compare(before, after)]
    wrong += check_lines(after["lines"], visits + few.ends.total() + few.wrong.total())
    wrong += check_memory(memory)
    print(f"{visits} connections, up to {crowd.most} at once, server's processor: {cpu:.1f} s")
    print(f"ends: {', '.join(f'{count} {name}' for name, count in crowd.ends.most_common())}")
    some = [*memory[:: max(1, len(memory) // 12)], memory[-1]]
    print(f"KiB of memory: {' '.join(map(str, some))}")
    for kind, count in after["lines"].items():
        print(f"logged: {count} x {kind}")
    for line in wrong:
        print(f"WRONG: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
