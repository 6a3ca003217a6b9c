#!/usr/bin/env python3
"""Load while workers are restarted and killed: how many requests are lost, and by what.

usage: restarts.py [--seconds S] [--restarts N] [--kills N] [--workers N] [-c CONNECTIONS]

`whirlwind serve` runs with workers; clients ask over connections that they keep, one request after
the other, and open a new one when they are told to (Connection: close) or lose one. Spread over
the time, the master gets SIGHUPs, and workers SIGKILLs. A request is lost when its connection ends
before the whole answer. Every answer says which worker gave it, so a loss is put down to a kill if
the worker of its connection was killed, or the connection was made while one was; else to a
restart. Exits with 1 if a restart has lost anything, or a kill more than one request for each
connection.
"""

import argparse
import asyncio
import contextlib
import os
import re
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

APPLICATION = """
import os
from whirlwind import web
class Pid(web.RequestHandler):
    def get(self):
        self.write(str(os.getpid()))
app = web.Application([("/", Pid)], log_function=lambda handler: None)
"""

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.I)


@dataclass
class Tally:
    """What happened."""

    answers: int = 0
    connections: int = 0
    lost_by_restarts: int = 0
    lost_by_kills: int = 0
    #: Worker to answers.
    workers: dict[int, int] = field(default_factory=dict)
    killed: set[int] = field(default_factory=set)
    kills: int = 0


async def client(port: int, tally: Tally, stop: asyncio.Event) -> None:
    """Ask until the end."""
    while not stop.is_set():
        worker = None
        kills = tally.kills
        writer = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            tally.connections += 1
            kept = True
            while kept and not stop.is_set():
                writer.write(REQUEST)
                head = await reader.readuntil(b"\r\n\r\n")
                length = LENGTH.search(head)
                if length is None or not head.startswith(b"HTTP/1.1 200 "):
                    raise SystemExit(f"an answer that is none: {head!r}")
                worker = int(await reader.readexactly(int(length[1])))
                tally.answers += 1
                tally.workers[worker] = tally.workers.get(worker, 0) + 1
                kept = b"\r\nconnection: close" not in head.lower()
        except (OSError, asyncio.IncompleteReadError):
            # The kill is noted after it was done: give it that time.
            await asyncio.sleep(0.1)
            if worker in tally.killed or (worker is None and tally.kills > kills):
                tally.lost_by_kills += 1
            else:
                tally.lost_by_restarts += 1
        finally:
            if writer is not None:
                writer.close()


async def disturb(
    process: asyncio.subprocess.Process, tally: Tally, options: argparse.Namespace
) -> None:
    """Restart and kill, spread evenly over the time."""
    events = [(at + 0.5) / options.restarts for at in range(options.restarts)]
    plan = [(moment, "restart") for moment in events]
    plan += [((at + 0.25) / options.kills, "kill") for at in range(options.kills)]
    loop = asyncio.get_running_loop()
    began = loop.time()
    for moment, what in sorted(plan):
        await asyncio.sleep(max(0.0, began + moment * options.seconds - loop.time()))
        if what == "restart":
            process.send_signal(signal.SIGHUP)
            continue
        # One that has answered lately: of all that did, the last to have begun.
        victim = max(alive(tally))
        tally.killed.add(victim)
        tally.kills += 1
        os.kill(victim, signal.SIGKILL)
    await asyncio.sleep(max(0.0, began + options.seconds - loop.time()))


def alive(tally: Tally) -> list[int]:
    """The workers that still run."""
    found = []
    for worker in tally.workers:
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            continue
        if worker not in tally.killed:
            found.append(worker)
    return found


@contextlib.contextmanager
def application() -> Iterator[str]:
    """A folder with the application."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "restarts_app.py").write_text(APPLICATION)
        yield folder


async def measure(options: argparse.Namespace) -> Tally:
    """Run server and clients."""
    tally = Tally()
    with application() as folder:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "whirlwind", "serve", "restarts_app", "--port", "0"),
            *("--workers", str(options.workers)),
            cwd=folder,
            stderr=asyncio.subprocess.PIPE,
        )
        log = process.stderr
        assert log is not None
        port = 0
        while not port:
            line = await log.readline()
            if not line:
                raise SystemExit("the server does not start")
            serving = re.search(rb"Serving on http://[^:]+:(\d+)", line)
            port = int(serving[1]) if serving else 0
        rest = asyncio.create_task(log.read())
        stop = asyncio.Event()
        clients = [
            asyncio.create_task(client(port, tally, stop)) for _ in range(options.connections)
        ]
        await disturb(process, tally, options)
        stop.set()
        await asyncio.gather(*clients)
        process.terminate()
        status = await process.wait()
        if options.verbose or status:
            sys.stderr.write((await rest).decode())
        await rest
        if status:
            raise SystemExit(f"the server ended with status {status}")
    return tally


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(usage=(__doc__ or "").split("usage: ")[1].split("\n")[0])
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--restarts", type=int, default=20)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("-c", "--connections", type=int, default=16)
    parser.add_argument("-v", "--verbose", action="store_true", help="show the server's log")
    options = parser.parse_args()
    tally = asyncio.run(measure(options))
    print(
        f"{tally.answers} answers by {len(tally.workers)} workers, {tally.connections} connections"
    )
    print(f"{options.restarts} restarts: {tally.lost_by_restarts} requests lost")
    print(f"{tally.kills} kills: {tally.lost_by_kills} requests lost")
    too_many = tally.lost_by_kills > tally.kills * options.connections
    return 1 if tally.lost_by_restarts or too_many else 0


if __name__ == "__main__":
    sys.exit(main())
