#!/usr/bin/env python3
"""One kind of HTTP load on several servers in turns: CPU per request, requests a second, p99.

usage: compare.py WORK [-n ROUNDS] [-d SECONDS] [-c CONNECTIONS] [NAME | NAME=COMMAND ...]

NAME is one of servers.py (default: all that do this work); COMMAND is any other server, started
with {port} filled in and this folder's apps/ as its working folder. A round runs every server
once, so that drift of the machine hits them alike. Servers run on one core, wrk on another.
"""

import argparse
import os
import re
import shlex
import statistics
import subprocess
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass

import peers
from measure import (
    APPS,
    Server,
    ServerFailed,
    pinned,
    require,
    require_linux,
    running,
    usage,
)
from servers import LOGGED, PEERS, catalogue

HERE = APPS.parent

# What Firefox sends when a link is followed.
BROWSER_FIELDS = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-US,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Cookie: _ga=GA1.2.1111111111.1111111111; theme=dark; session=2|1:0|10:1700000000|7:session"
    f"|44:{'a' * 44}|bbbbbbbb",
    "Referer: http://127.0.0.1/previous/page",
    "DNT: 1",
    "Upgrade-Insecure-Requests: 1",
    "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Site: same-origin",
    "Priority: u=0, i",
)


@dataclass(frozen=True)
class Work:
    """A kind of load."""

    path: str
    wrk: tuple[str, ...] = ()
    """More arguments for wrk."""
    answer: bytes | None = None
    """What a right answer to a plain GET contains; None: a GET is not the right question."""


WORKS = {
    "plaintext": Work("/", (), b"Hello, World!"),
    "browser": Work("/", tuple(p for f in BROWSER_FIELDS for p in ("-H", f)), b"Hello, World!"),
    "json": Work("/item/abc?q=one+two", (), b"one two"),
    "pipeline": Work("/", ("-s", str(HERE / "pipeline.lua")), b"Hello, World!"),
    "close": Work("/", ("-H", "Connection: close"), b"Hello, World!"),
    "post64k": Work("/post", ("-s", str(HERE / "post64k.lua"))),
    LOGGED: Work("/", (), b"Hello, World!"),
    "page": Work("/page", (), b"<li>"),
    "static": Work("/static/100k.bin", (), b"\x00" * 64),
}


@dataclass(frozen=True)
class Sample:
    """One run of one server."""

    cpu: float
    """Microseconds of the server's processor time per request."""
    rate: float
    """Requests a second."""
    p99: str
    peak_rss: float
    """MiB."""
    complaint: str
    """What wrk had to say about errors; empty when all is well."""


@dataclass(frozen=True)
class Row:
    """One server's medians over the rounds."""

    cpu: float
    rate: float
    p99: str
    peak_rss: float
    ratio: float
    """CPU per request of the first server over this one's, median of the rounds."""
    complaint: str


def measure(server: Server, work: str, seconds: int, connections: int) -> Sample:
    """Run one server under one load.

    :raises ServerFailed: when it does not start, answers wrongly, or serves nothing.
    """
    load = WORKS[work]
    with running(server) as (port, pid):
        url = f"http://127.0.0.1:{port}{load.path}"
        if load.answer is not None:
            try:
                body = urllib.request.urlopen(url, timeout=5).read()
            except OSError as error:
                raise ServerFailed(f"{server.name}: {load.path}: {error}") from None
            if load.answer not in body:
                raise ServerFailed(f"{server.name}: wrong answer {body[:60]!r}")
        wrk = [*pinned(load=True), "wrk", "-t1", f"-c{connections}", "--latency", *load.wrk]
        subprocess.run([*wrk, "-d1", url], capture_output=True)  # warm-up
        before = usage(pid)
        text = subprocess.run([*wrk, f"-d{seconds}", url], capture_output=True, text=True).stdout
        after = usage(pid)
    counted = re.search(r"(\d+) requests in", text)
    if not counted or not int(counted.group(1)):
        raise ServerFailed(f"{server.name}: no request was answered")
    complaints = re.findall(r"(Non-2xx.*|Socket errors: .*)", text)
    if work == "close":  # wrk counts the close it asked for as a read error
        complaints = [line for line in complaints if not line.startswith("Socket errors")]
    return Sample(
        cpu=(after.cpu - before.cpu) / int(counted.group(1)) * 1e6,
        rate=float(_found(r"Requests/sec:\s+([\d.]+)", text)),
        p99=_found(r"^\s+99%\s+(\S+)", text),
        peak_rss=after.peak_rss / 1024,
        complaint=" ".join(complaints),
    )


def compare(
    work: str, servers: Sequence[Server], rounds: int, seconds: int, connections: int
) -> tuple[dict[str, Row], dict[str, str]]:
    """Run every server once a round; return the rows, and why a server has none."""
    samples: dict[str, list[Sample | None]] = {server.name: [] for server in servers}
    failures: dict[str, str] = {}
    for _ in range(rounds):
        for server in servers:
            sample = None
            if server.name not in failures:
                try:
                    sample = measure(server, work, seconds, connections)
                except ServerFailed as failure:
                    failures[server.name] = str(failure)
            samples[server.name].append(sample)
    rows = {}
    first = samples[servers[0].name] if servers else []
    for name, runs in samples.items():
        good = [run for run in runs if run]
        if name in failures or not good:
            continue
        ratios = [
            base.cpu / run.cpu
            for base, run in zip(first, runs, strict=True)
            if base and run and run.cpu
        ]
        rows[name] = Row(
            cpu=statistics.median(run.cpu for run in good),
            rate=statistics.median(run.rate for run in good),
            p99=good[-1].p99,
            peak_rss=max(run.peak_rss for run in good),
            ratio=statistics.median(ratios) if ratios else 0.0,
            complaint=next((run.complaint for run in good if run.complaint), ""),
        )
    return rows, failures


def prepare() -> None:
    """Check what every measurement needs, and make the file that the static work serves."""
    require_linux()
    if missing := require("wrk"):
        raise SystemExit("\n".join(missing))
    for line in require("nginx", "taskset"):
        print(line, "- going on without it.")
    file = APPS / "static/100k.bin"
    file.parent.mkdir(exist_ok=True)
    if not file.exists():
        file.write_bytes(bytes(100 * 1024))


def show(work: str, rows: dict[str, Row], failures: dict[str, str]) -> None:
    """Print one work's rows."""
    print(work)
    for name, row in rows.items():
        print(
            f"  {name:24} {row.cpu:7.1f} us CPU/request  x{row.ratio:5.2f}  {row.rate:8.0f} "
            f"requests/s  p99 {row.p99:>8}  {row.peak_rss:5.0f} MiB  {row.complaint}"
        )
    for reason in failures.values():
        print(f"  FAILED {reason}")


def is_compiled() -> bool:
    """Tell whether this interpreter's Whirlwind has its compiled modules."""
    from whirlwind import _build

    return _build.implementation() == "compiled"


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    return match.group(1) if match else "0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("-n", type=int, default=3, metavar="ROUNDS")
    parser.add_argument("-d", type=int, default=3, metavar="SECONDS")
    parser.add_argument("-c", type=int, default=64, metavar="CONNECTIONS")
    parser.add_argument("servers", nargs="*", metavar="NAME[=COMMAND]")
    options = parser.parse_intermixed_args()
    prepare()
    known = {
        name: works[options.work]
        for name, works in catalogue(is_compiled()).items()
        if options.work in works
    }
    chosen = []
    for word in options.servers or known:
        name, _, command = word.partition("=")
        if command:
            chosen.append(Server(name, tuple(shlex.split(os.path.expanduser(command)))))
        elif name in known:
            chosen.append(known[name])
        else:
            parser.error(f"{name!r} does not do {options.work}; known: {', '.join(known)}")
    if any(server.command[0].startswith(str(PEERS)) for server in chosen):
        peers.set_up()
    show(options.work, *compare(options.work, chosen, options.n, options.d, options.c))


_Plain = argparse.RawDescriptionHelpFormatter

if __name__ == "__main__":
    main()
