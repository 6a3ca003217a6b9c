#!/usr/bin/env python3
"""Bulk transfer through a pair of streams: the same program on two packages, in turns.

usage: streams.py PYTHON_A:PACKAGE_A PYTHON_B:PACKAGE_B [-n ROUNDS] [-m MEGABYTES] [WAY ...]

Both ends are streams of one process and one loop, over TCP on the loopback. A WAY is how the reader
reads and the writer writes:

  bytes      read_bytes of 1 MiB                     writes of 1 MiB, each awaited
  small      read_bytes of 4 KiB                     the same
  partial    read_bytes(64 KiB, partial)             the same
  into       read_into of 1 MiB                      the same
  lines      read_until a line of 1000 bytes         64 lines at a time, each awaited
  flood      read_bytes of 1 MiB                     writes of 1 MiB, the buffer kept full to 16 MiB

Prints megabytes a second, seconds of CPU and the peak of resident memory for each, and the median
ratios. On a busy machine the one of CPU, start-up included, says more than the one of rates.
"""

import argparse
import asyncio
import importlib
import json
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

MEGABYTE = 1 << 20
SMALL = 4096
PIECE = 65536
LINE = b"x" * 999 + b"\n"
LINES = 64
FULL = 16


async def read(way: str, stream: Any, total: int) -> int:
    """Read ``total`` bytes; return how many came."""
    received = 0
    if way == "lines":
        while received < total:
            received += len(await stream.read_until(b"\n"))
    elif way == "into":
        buffer = bytearray(MEGABYTE)
        while received < total:
            received += await stream.read_into(buffer)
    elif way == "partial":
        while received < total:
            received += len(await stream.read_bytes(PIECE, partial=True))
    else:
        size = SMALL if way == "small" else MEGABYTE
        while received < total:
            received += len(await stream.read_bytes(size))
    return received


async def write(way: str, stream: Any, total: int) -> None:
    """Write ``total`` bytes; never much more than the way says at once."""
    data = LINE * LINES if way == "lines" else bytes(MEGABYTE)
    waiting: list[Any] = []
    for _ in range(total // len(data)):
        waiting.append(stream.write(data))
        if way != "flood" or len(waiting) == FULL:
            await waiting.pop(0)
    for future in waiting:
        await future


def transfer(package: str, way: str, megabytes: int) -> dict[str, float]:
    """Move megabytes through a pair of streams of a package; return what it took."""
    ioloop = importlib.import_module(package + ".ioloop")
    server_class = importlib.import_module(package + ".tcpserver").TCPServer
    client = importlib.import_module(package + ".tcpclient").TCPClient()
    sockets = importlib.import_module(package + ".netutil").bind_sockets(0, "127.0.0.1")
    unit = len(LINE) * LINES if way == "lines" else MEGABYTE
    total = megabytes * MEGABYTE // unit * unit

    async def main() -> float:
        accepted: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        class Server(server_class):  # type: ignore[misc, valid-type]
            def handle_stream(self, stream: Any, address: Any) -> None:
                accepted.set_result(stream)

        server = Server()
        server.add_sockets(sockets)
        writer = await client.connect("127.0.0.1", sockets[0].getsockname()[1])
        reader = await accepted
        begun = time.perf_counter()
        received, _ = await asyncio.gather(read(way, reader, total), write(way, writer, total))
        took = time.perf_counter() - begun
        if received != total:
            raise SystemExit(f"{received} bytes of {total} came")
        writer.close()
        reader.close()
        server.stop()
        return took

    seconds: float = ioloop.IOLoop.current().run_sync(main)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "rate": total / MEGABYTE / seconds,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss / (MEGABYTE if sys.platform == "darwin" else 1024),
    }


def measure(who: str, way: str, megabytes: int) -> dict[str, float]:
    """Run :func:`transfer` in a process of its own.

    :arg who: ``PYTHON:PACKAGE``.
    """
    python, _, package = who.rpartition(":")
    command = [python, __file__, "--run", package, way, str(megabytes)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{who}: {done.stderr.strip() or done.returncode}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


WAYS = ("bytes", "small", "partial", "into", "lines", "flood")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("a", metavar="PYTHON_A:PACKAGE_A")
    parser.add_argument("b", metavar="PYTHON_B:PACKAGE_B")
    parser.add_argument("-n", type=int, default=3, metavar="ROUNDS")
    parser.add_argument("-m", type=int, default=1024, metavar="MEGABYTES")
    parser.add_argument("ways", nargs="*", metavar="WAY", help=", ".join(WAYS))
    options = parser.parse_intermixed_args()
    for way in options.ways or WAYS:
        if way not in WAYS:
            parser.error(f"unknown way {way!r}; known: {', '.join(WAYS)}")
        rounds = [
            [measure(who, way, options.m) for who in (options.a, options.b)]
            for _ in range(options.n)
        ]
        parts = []
        for name, found in zip("AB", zip(*rounds, strict=True), strict=True):
            rate, cpu, peak = (
                statistics.median(one[key] for one in found) for key in ("rate", "cpu", "peak")
            )
            parts.append(f"{name} {rate:5.0f} MiB/s {cpu:5.2f} s {peak:4.0f} MiB")
        rate = statistics.median(b["rate"] / a["rate"] for a, b in rounds)
        cpu = statistics.median(a["cpu"] / b["cpu"] for a, b in rounds)
        print(
            f"{way:8} {'   '.join(parts)}   B has {rate:4.2f} times the rate, "
            f"needs {cpu:4.2f} times less CPU"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        print(json.dumps(transfer(sys.argv[2], sys.argv[3], int(sys.argv[4]))))
    else:
        main()
