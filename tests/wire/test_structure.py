"""What one request costs, counted and not timed: loop turns, system calls, calls.

The request is an idle keep-alive plaintext one: sent when the answer to the one before has come.
"""

from __future__ import annotations

import collections
import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from .measured_server import MARK
from .raw import RawConnection
from .server import LOOPS, PACKAGE

ROOT = pathlib.Path(__file__).parent.parent.parent
REQUESTS = 300
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
    "Accept": "text/html,application/xhtml+xml",
    "Accept-Encoding": "gzip, deflate, br",
    "Accept-Language": "en-US,en;q=0.9",
    "Cache-Control": "max-age=0",
    "Cookie": "a=b; c=d",
    "Connection": "keep-alive",
}


def implementation() -> str:
    if PACKAGE != "whirlwind":
        return "other"
    import whirlwind

    return whirlwind.implementation()


@contextlib.contextmanager
def measured(loop: str, *prefix: str) -> Iterator[RawConnection]:
    """Run the server in a process of its own, under a tracer if given; yield a warm connection."""
    if loop not in LOOPS:
        pytest.skip(f"{loop} is not installed")
    command = [*prefix, sys.executable, "-m", "tests.wire.measured_server", loop]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process, contextlib.ExitStack() as stack:
        stack.callback(process.stdin.close)
        port = int(process.stdout.readline())
        connection = stack.enter_context(RawConnection(("127.0.0.1", port), deadline=30))
        for _ in range(20):
            connection.request()
        yield connection


def count(connection: RawConnection, how: str, fields: dict[str, str] | None = None) -> dict:
    """Count over the requests; what /begin and /end do themselves is part of it."""
    connection.request(f"/begin?{how}")
    for _ in range(REQUESTS):
        assert connection.request(fields=fields).status == 200
    return json.loads(connection.request("/end").body)


def test_loop_turns():
    with measured("asyncio") as connection:
        turns = count(connection, "plain")["turns"]
    assert turns >= REQUESTS
    # The reaper of timeouts and /end itself are the rest.
    assert turns <= REQUESTS + 5, f"{turns / REQUESTS:.2f} loop turns a request"


# The compiled limit is the project's target. The pure one is a third above what was measured, 350
# in November 2026: it only catches a path that has become a longer one.
LIMITS = {"compiled": 45, "pure": 470, "other": 1000}


@pytest.mark.parametrize("fields", [None, BROWSER], ids=["bare", "browser"])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_calls(loop, fields):
    with measured(loop) as connection:
        calls = count(connection, "profiled", fields)["calls"]
    each = calls / REQUESTS
    limit = LIMITS[implementation()]
    assert each > 1
    assert each <= limit, f"{each:.1f} calls a request, {limit} allowed"


def counted_system_calls(trace: str) -> collections.Counter[str]:
    """Count the system calls between the two marks in strace's output, by name."""
    marks = [match.start() for match in re.finditer(re.escape(MARK), trace)]
    assert len(marks) == 2, f"{len(marks)} marks in the trace"
    between = trace[marks[0] : marks[1]].split("\n")[1:-1]
    names = (re.match(r"(?:\[pid +\d+\] |\d+ +)?(\w+)\(", line) for line in between)
    return collections.Counter(match[1] for match in names if match)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_system_calls(loop, tmp_path):
    output = tmp_path / "trace"
    try:
        probe = subprocess.run(["strace", "-o", output, "true"], capture_output=True, check=False)
        if probe.returncode:
            pytest.skip("strace may not trace here")
        with measured(loop, "strace", "-f", "-qq", "-o", str(output)) as connection:
            count(connection, "plain")
    finally:
        trace = output.read_text(errors="replace") if output.exists() else ""
    calls = counted_system_calls(trace)
    for group in ({"recvfrom", "recv", "read", "recvmsg"}, {"sendto", "send", "write", "sendmsg"}):
        assert sum(calls[name] for name in group) >= REQUESTS
    total = sum(calls.values())
    assert total <= 3 * REQUESTS + 15, f"{total / REQUESTS:.2f} a request: {calls.most_common(8)}"
