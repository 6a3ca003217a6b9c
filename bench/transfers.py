#!/usr/bin/env python3
"""Large uploads and downloads: what they cost in memory, and what others wait for them.

usage: transfers.py [--upload MB] [--download MB] [--loop asyncio|uvloop]

A form with one file is streamed to disk, then a file is downloaded, each while another client asks
for a small page all the time. Printed: rate, growth of the server's resident memory from before the
transfer to its peak, and how long the small page took (median, 99th percentile, worst).
"""

import argparse
import multiprocessing
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import Server, require_linux, running, usage

MB = 1_000_000
PIECE = bytes(range(256)) * 1024
HEAD = (
    b'--boundary\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n"
)
TAIL = b"\r\n--boundary--\r\n"
PAGE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def upload(port: int, size: int) -> None:
    """Send a form with a file of ``size`` bytes; check that the server has it."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(
            b"POST /upload HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: multipart/form-data; boundary=boundary\r\n"
            b"Content-Length: %d\r\n\r\n" % (len(HEAD) + size + len(TAIL))
        )
        connection.sendall(HEAD)
        left = size
        while left:
            left -= connection.send(PIECE[:left])
        connection.sendall(TAIL)
        answer = connection.recv(65536)
    assert answer.endswith(b"\r\n\r\n%d" % size), answer[:200]


def download(port: int, size: int) -> None:
    """Read a file of ``size`` bytes."""
    buffer = bytearray(1 << 20)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(
            b"GET /static/file HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        total = 0
        while count := connection.recv_into(buffer):
            total += count
    assert size < total < size + 1000, total


def ask(port: int, stop: Any, waits: Any) -> None:
    """Ask for the small page until told to stop; send how long each answer took, in seconds."""
    took: list[float] = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while not stop.wait(0.002):
            start = time.perf_counter()
            connection.sendall(PAGE)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            took.append(time.perf_counter() - start)
    waits.send(sorted(took))


def measure(name: str, transfer: Callable[[int, int], None], port: int, pid: int, mb: int) -> None:
    """Do one transfer and print what it cost."""
    stop = multiprocessing.Event()
    here, there = multiprocessing.Pipe(duplex=False)
    asking = multiprocessing.Process(target=ask, args=(port, stop, there))
    asking.start()
    time.sleep(0.5)
    # From here on the peak is that of the transfer.
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    before = usage(pid)
    start = time.perf_counter()
    transfer(port, mb * MB)
    seconds = time.perf_counter() - start
    after = usage(pid)
    stop.set()
    waits = here.recv()
    asking.join()
    print(
        f"  {name} of {mb} MB: {mb / seconds:.0f} MB/s, "
        f"{(after.cpu - before.cpu) / mb * 1000:.2f} CPU-s a GB, "
        f"memory +{(after.peak_rss - before.rss) / 1024:.1f} MiB; a page meanwhile: median "
        f"{statistics.median(waits) * 1e3:.1f} ms, 99 % {waits[int(len(waits) * 0.99)] * 1e3:.1f} "
        f"ms, worst {waits[-1] * 1e3:.1f} ms of {len(waits)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upload", type=int, default=600, metavar="MB")
    parser.add_argument("--download", type=int, default=2000, metavar="MB")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="uvloop")
    options = parser.parse_args()
    require_linux()
    with tempfile.TemporaryDirectory() as folder:
        with open(Path(folder, "file"), "wb") as file:
            file.truncate(options.download * MB)
        command = (sys.executable, "transfers_app.py", "{port}", options.loop, folder)
        with running(Server("transfers", command)) as (port, pid):
            upload(port, 10 * MB)
            measure("upload", upload, port, pid, options.upload)
            measure("download", download, port, pid, options.download)


if __name__ == "__main__":
    main()
