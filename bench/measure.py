"""Starting servers, and what the kernel says they used."""

import contextlib
import os
import platform
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

APPS = Path(__file__).resolve().parent / "apps"
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

INSTALL = {
    "wrk": "apt-get install wrk (macOS: brew install wrk)",
    "nginx": "apt-get install nginx-light (macOS: brew install nginx)",
    "taskset": "apt-get install util-linux",
}


@dataclass(frozen=True)
class Server:
    """A server under measurement; ``{port}`` in the command stands for its port."""

    name: str
    command: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)


class ServerFailed(Exception):
    """A server that did not start or gave a wrong answer; the text says which and why."""


@dataclass(frozen=True)
class Usage:
    """What a process and its descendants have used so far."""

    cpu: float
    """User and system time, seconds."""
    peak_rss: int
    """Sum of each process's peak resident memory, KiB."""
    rss: int
    """Sum of the resident memory now, KiB."""


def require(*programs: str) -> list[str]:
    """Return one line for each missing program, naming the command that installs it."""
    return [
        f"{program} is not installed: {INSTALL[program]}"
        for program in programs
        if not shutil.which(program)
    ]


def require_linux() -> None:
    """Stop where there is no /proc to read processor time from."""
    if not os.path.isdir("/proc/self/task"):
        raise SystemExit("The rulers read processor time from /proc and need Linux.")


def pinned(load: bool) -> list[str]:
    """Return the command prefix that keeps servers on one core and the load on another."""
    if not shutil.which("taskset"):
        return []
    cores = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(cores[-1] if load else cores[0])]


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def raise_file_limit() -> None:
    """Allow as many open sockets as the system lets this user have; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextlib.contextmanager
def running(server: Server, prefix: Sequence[str] | None = None) -> Iterator[tuple[int, int]]:
    """Run a server and yield its port and process id once it accepts connections.

    :arg prefix: what starts it on the right cores; by default on the first one.
    :raises ServerFailed: when it does not listen within ten seconds; with its last words.
    """
    port = free_port()
    command = [part.replace("{port}", str(port)) for part in server.command]
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                [*(pinned(load=False) if prefix is None else prefix), *command],
                stdout=output,
                stderr=output,
                cwd=APPS,
                env={**os.environ, **server.variables},
                start_new_session=True,
            )
        except OSError as error:
            raise ServerFailed(f"{server.name}: {error}") from None
        try:
            for _ in range(100):
                try:
                    socket.create_connection(("127.0.0.1", port), 0.2).close()
                    break
                except OSError:
                    if process.poll() is not None:
                        break
                    time.sleep(0.1)
            else:
                raise ServerFailed(f"{server.name}: did not listen within 10 s")
            if process.poll() is not None:
                output.seek(0)
                last = output.read().decode(errors="replace").strip().splitlines()[-1:]
                raise ServerFailed(f"{server.name}: did not start: {' '.join(last)}")
            yield port, process.pid
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def usage(pid: int) -> Usage:
    """Read what a process and its descendants used."""
    cpu = peak = rss = 0
    for member in _tree(pid):
        try:
            stat = Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
            status = Path(f"/proc/{member}/status").read_text()
        except OSError:
            continue  # it ended meanwhile
        cpu += int(stat[11]) + int(stat[12])
        peak += _kib(status, "VmHWM")
        rss += _kib(status, "VmRSS")
    return Usage(cpu / _TICKS_PER_SECOND, peak, rss)


def machine() -> str:
    """Describe the machine in one line: processor, cores, kernel, Python."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", info, re.MULTILINE)
    name = model.group(1).strip() if model else platform.machine()
    kernel = re.match(r"[\d.]+", platform.release())
    return (
        f"{name}, {os.cpu_count()} cores, {platform.system()} "
        f"{kernel.group() if kernel else platform.release()}, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )


def _tree(pid: int) -> list[int]:
    found, todo = [], [pid]
    while todo:
        member = todo.pop()
        found.append(member)
        for children in Path(f"/proc/{member}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                todo += map(int, children.read_text().split())
    return found


def _kib(status: str, name: str) -> int:
    match = re.search(name + r":\s+(\d+)", status)
    return int(match.group(1)) if match else 0
