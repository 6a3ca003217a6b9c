"""The demo as a process of its own, on a free port."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "examples" / "demo" / "app.py"
ANNOUNCEMENT = r"Whirlwind demo: http://127\.0\.0\.1:(\d+)/ \(Ctrl-C stops it\)\n"
DEADLINE = 60.0  # seconds; only a failure takes this long


@dataclass
class Demo:
    """A running demo."""

    process: subprocess.Popen[str]
    port: int
    log_file: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8")

    def wait_for_log(self, text: str, after: int = 0) -> str:
        """Return the log from ``after`` on, once ``text`` is in it."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            if text in (found := self.log()[after:]):
                return found
            time.sleep(0.01)
        raise AssertionError(f"{text!r} is not in the log: {self.log()[after:]}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(DEADLINE)


@contextmanager
def running_demo(log_file: Path, **variables: str) -> Iterator[Demo]:
    """Start the demo, wait for the line that tells its address, and leave no process behind."""
    # The tests run the package that they can import themselves, installed or not.
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        **variables,
    }
    command = [sys.executable, str(APP), "--port", "0"]
    with (
        log_file.open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.fullmatch(ANNOUNCEMENT, line)
            assert found is not None, f"the demo said {line!r}; its log: {log_file.read_text()}"
            yield Demo(process, int(found[1]), log_file)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo for the tests of a file; it has to end well when they are through."""
    with running_demo(tmp_path_factory.mktemp("demo") / "log") as running:
        yield running
        assert running.stop() == 0, running.log()
