#!/usr/bin/env python3
"""A client behind a bad network: every answer is right, or there is an error.

usage: faults.py [-n REQUESTS] [-c CONNECTIONS] [-b BADNESS] [--seed SEED] [--loop asyncio|uvloop]

Client, proxy and server are tasks of one process. What passes the proxy it passes on in pieces of
any size, late, or not at all: it closes the connection, also after half of a piece, resets it, or
drops this piece and all that follow without a word. BADNESS says to how many of 1000 pieces one of
these happens. An answer holds what the request was, so that a mixed-up one is noticed; a request
that must not be made twice is noticed when it is. At the end no task and no socket may be
left over.

Prints how the requests ended and exits with 1 if any ended as it must not.
"""

import argparse
import asyncio
import collections
import hashlib
import os
import random
import re
import socket
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whirlwind.httpclient import HTTPRequest
from whirlwind.platform.loops import new_event_loop
from whirlwind.simple_httpclient import (
    HTTPStreamClosedError,
    HTTPTimeoutError,
    SimpleAsyncHTTPClient,
)

#: What a request may fail with. The proxy that cannot be reached is not among the faults.
EXPECTED = (HTTPStreamClosedError, HTTPTimeoutError, ConnectionResetError)
FAULTS = ("close", "cut", "reset", "drop")
#: Of 1000 pieces this many come late.
LATE = 5


@dataclass
class Outcome:
    """How the requests ended, and what was wrong."""

    right: int = 0
    errors: collections.Counter[str] = field(default_factory=collections.Counter)
    #: What the proxy did.
    faults: collections.Counter[str] = field(default_factory=collections.Counter)
    connections: int = 0
    #: What must not happen, in words; empty when all is well.
    wrong: list[str] = field(default_factory=list)


class Listener:
    """Serves connections, each by a task, and ends them all."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Listener":
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.server.close()
        while self.tasks:
            for task in self.tasks:
                task.cancel()
            await asyncio.wait(self.tasks)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._guard(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _guard(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.serve(reader, writer)
        except (OSError, RuntimeError, EOFError, asyncio.CancelledError):
            pass  # uvloop: RuntimeError for a transport that is closed
        finally:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it ends or an error ends it."""
        raise NotImplementedError


class Server(Listener):
    """Answers with what it was asked, and counts the requests that must not be repeated."""

    def __init__(self) -> None:
        super().__init__()
        self.posts: collections.Counter[bytes] = collections.Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.split(b" ", 2)
            length = re.search(rb"Content-Length: (\d+)", head)
            if method == b"POST":
                self.posts[target] += 1
            sent = await reader.readexactly(int(length[1])) if length else b""
            body = answer(method, target, sent)
            if len(target) % 2:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for start in range(0, len(body), 700):
                    piece = body[start : start + 700]
                    writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                writer.write(b"0\r\n\r\n")
            await writer.drain()


def answer(method: bytes, target: bytes, body: bytes) -> bytes:
    """What the server answers to a request."""
    line = b"%b %b %b\n" % (method, target, hashlib.sha256(body).hexdigest().encode())
    return line * (len(target) % 30 + 1)


class Weather(Listener):
    """Stands between client and server, and is not to be relied upon.

    :arg port: of the server.
    :arg badness: to how many of 1000 pieces something happens.
    :arg chance: decides.
    """

    def __init__(self, port: int, badness: int, chance: random.Random) -> None:
        super().__init__()
        self.target = port
        self.badness = badness
        self.chance = chance
        self.faults: collections.Counter[str] = collections.Counter()
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        other, there = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(reader, there))
                both.create_task(self._pass(other, writer))
        except* (OSError, RuntimeError):
            pass
        finally:
            there.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        chance = self.chance
        while data := await reader.read(chance.choice([1, 7, 100, 65536, 65536, 65536])):
            fate = chance.randrange(1000)
            if fate < self.badness:
                await self._fail(chance.choice(FAULTS), data, reader, writer)
            if fate < self.badness + LATE:
                await asyncio.sleep(chance.random() * 0.01)
            writer.write(data)
        raise ConnectionError("the other side has closed")

    async def _fail(
        self,
        fault: str,
        data: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.faults[fault] += 1
        if fault == "drop":
            while await reader.read(65536):
                pass
        elif fault == "reset":
            linger = struct.pack("ii", 1, 0)
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        else:
            if fault == "cut":
                writer.write(data[: len(data) // 2])
            writer.close()
        raise ConnectionError(fault)


async def storm(requests: int, workers: int, badness: int, seed: int = 1) -> Outcome:
    """Make the requests, that many at a time, and tell how they ended.

    :arg badness: to how many of 1000 pieces of a transfer something happens.
    """
    chance = random.Random(seed)
    outcome = Outcome()
    tasks, sockets = asyncio.all_tasks(), _open_sockets()

    async def work(worker: int) -> None:
        for number in range(worker, requests, workers):
            method = "POST" if number % 5 == 0 else "GET"
            target = f"/{number}/" + "x" * (number % 50)
            body = b"y" * (number % 3000) if method == "POST" else None
            request = HTTPRequest(
                f"http://127.0.0.1:{weather.port}{target}",
                method,
                body=body,
                request_timeout=1.0 if badness else 20.0,
            )
            expected = answer(method.encode(), target.encode(), body or b"")
            try:
                found = await client.fetch(request)
            except EXPECTED as error:
                outcome.errors[type(error).__name__] += 1
            except Exception as error:
                outcome.wrong.append(f"{method} {target}: {error!r}")
            else:
                if found.body == expected:
                    outcome.right += 1
                else:
                    outcome.wrong.append(f"{method} {target} got {found.body[:60]!r}")

    server = Server()
    async with server:
        weather = Weather(server.port, badness, chance)
        async with weather:
            client: Any = SimpleAsyncHTTPClient(force_instance=True, max_clients=workers)
            await asyncio.gather(*[work(worker) for worker in range(workers)])
            if client.active or client.queue:
                outcome.wrong.append(f"{len(client.active)} requests are still under way")
            client.close()
    for _ in range(50):
        if asyncio.all_tasks() <= tasks and _open_sockets() <= sockets:
            break
        await asyncio.sleep(0.01)
    left = asyncio.all_tasks() - tasks
    if left:
        outcome.wrong.append(f"tasks are left: {left}")
    if _open_sockets() > sockets:
        outcome.wrong.append(f"{_open_sockets() - sockets} sockets are left")
    twice = [target for target, count in server.posts.items() if count > 1]
    outcome.wrong += [f"POST {target!r} was made twice" for target in twice]
    outcome.faults = weather.faults
    outcome.connections = weather.connections
    return outcome


def _open_sockets() -> int:
    """How many sockets are open, where the system tells."""
    folder = Path("/proc/self/fd")
    found = 0
    for file in folder.iterdir() if folder.is_dir() else ():
        try:
            found += os.readlink(file).startswith("socket:")
        except FileNotFoundError:
            pass  # the folder itself, which is open while it is read
    return found


def main() -> int:
    """Read the command line, make the requests, print how they ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", dest="requests", type=int, default=20_000)
    parser.add_argument("-c", dest="connections", type=int, default=50)
    parser.add_argument("-b", dest="badness", type=int, default=10, help="of 1000 pieces")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="uvloop")
    args = parser.parse_args()
    factory = asyncio.new_event_loop if args.loop == "asyncio" else new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        outcome = runner.run(storm(args.requests, args.connections, args.badness, args.seed))
    print(f"{outcome.right} right answers, {outcome.errors.total()} errors, over", end=" ")
    print(f"{outcome.connections} connections")
    for title, counts in (("errors", outcome.errors), ("faults", outcome.faults)):
        print(f"{title}: {', '.join(f'{n} {name}' for name, n in counts.most_common()) or 'none'}")
    for line in outcome.wrong[:20]:
        print(f"WRONG: {line}")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
