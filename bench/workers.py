#!/usr/bin/env python3
"""One worker against several: CPU per request, requests a second, and who has answered them.

usage: workers.py [-w WORKERS] [-n ROUNDS] [-d SECONDS] [-c CONNECTIONS]

`whirlwind serve` with one worker and with more of them runs in turns under wrk. If a worker's
request costs as much beside other workers as alone, and all of them get their share, then each core
adds what the first one had: capacity is the number of workers through the CPU time of a request,
against the same of one worker. The rate says so itself where there are more cores than workers, and
the load has those; else the load takes the workers' time, and only capacity counts.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from compare import prepare
from measure import Server, ServerFailed, running, usage


@dataclass(frozen=True)
class Run:
    """What one server did."""

    cpu: float
    """Microseconds of processor time per request, the master's included."""
    rate: float
    """Requests a second."""
    answers: list[int]
    """Of each worker."""

    @property
    def least(self) -> float:
        """What the worker that had the least of them answered, of an even share."""
        return min(self.answers) * len(self.answers) / sum(self.answers)


def cores(workers: int) -> tuple[list[int], list[int]]:
    """Those of the servers and those of the load; the same ones if there are not enough."""
    every = sorted(os.sched_getaffinity(0))
    return (every[:workers], every[workers:]) if len(every) > workers else (every, every)


def on(chosen: list[int]) -> list[str]:
    """The command prefix that keeps a program on these cores."""
    if not shutil.which("taskset"):
        return []
    return ["taskset", "-c", ",".join(map(str, chosen))]


def measure(workers: int, most: int, seconds: int, connections: int) -> Run:
    """Run one server under load.

    :arg most: as many workers as any of the servers has: all run on the same cores.
    :raises ServerFailed: it does not start, or a request fails.
    """
    ours, theirs = cores(most)
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(8 * workers))
        file.flush()
        command = [sys.executable, "-m", "whirlwind", "serve", "workers_app", "--port", "{port}"]
        command += ["--workers", str(workers), "--log-level", "warning"]
        server = Server(_workers(workers), tuple(command), {"COUNTS": file.name})

        def answers() -> list[int]:
            with open(file.name, "rb") as counts:
                return list(memoryview(counts.read()).cast("Q"))

        with running(server, on(ours)) as (port, pid):
            url = f"http://127.0.0.1:{port}/"
            wrk = [*on(theirs), "wrk", f"-t{len(theirs)}", f"-c{connections}"]
            subprocess.run([*wrk, "-d1", url], capture_output=True)  # warm-up
            before, answered = usage(pid), answers()
            told = subprocess.run([*wrk, f"-d{seconds}", url], capture_output=True, text=True)
            after = usage(pid)
            counts = [now - then for now, then in zip(answers(), answered, strict=True)]
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told.stdout)
    if rate is None or not sum(counts):
        raise ServerFailed(f"{server.name}: no request was answered: {told.stderr.strip()}")
    if complaint := re.search(r"Non-2xx.*|Socket errors: .*", told.stdout):
        raise ServerFailed(f"{server.name}: {complaint.group()}")
    return Run((after.cpu - before.cpu) / sum(counts) * 1e6, float(rate.group(1)), counts)


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("-w", type=int, default=2, metavar="WORKERS")
    parser.add_argument("-n", type=int, default=5, metavar="ROUNDS")
    parser.add_argument("-d", type=int, default=3, metavar="SECONDS")
    parser.add_argument("-c", type=int, default=128, metavar="CONNECTIONS")
    options = parser.parse_args()
    prepare()
    ours, theirs = cores(options.w)
    shared = " (the same)" if ours == theirs else ""
    print(f"workers on cores {ours}, load on {theirs}{shared}")
    capacities, rates, least = [], [], []
    for _ in range(options.n):
        try:
            runs = [measure(workers, options.w, options.d, options.c) for workers in (1, options.w)]
        except ServerFailed as failure:
            raise SystemExit(str(failure)) from None
        one, several = runs
        capacities.append(options.w * one.cpu / several.cpu)
        rates.append(several.rate / one.rate)
        least.append(several.least)
        for run in runs:
            shares = ", ".join(f"{count / sum(run.answers):.1%}" for count in run.answers)
            print(
                f"  {_workers(len(run.answers)):10} {run.cpu:6.1f} us CPU/request  "
                f"{run.rate:8.0f} requests/s  shares {shares}",
                flush=True,
            )
    print(
        f"{options.w} workers: capacity x{statistics.median(capacities):.2f}, "
        f"rate x{statistics.median(rates):.2f}{shared and ' (the load takes its part)'}, "
        f"the least busy worker {statistics.median(least):.0%} of an even share"
    )
    return 0


_Plain = argparse.RawDescriptionHelpFormatter

if __name__ == "__main__":
    sys.exit(main())
