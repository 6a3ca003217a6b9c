"""The sample application for Tornado 4.3, unmodified, in a process of its own."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.loops import PATIENCE
from whirlwind.client import Client

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "examples" / "tornado4" / "app.py"

#: The kinds of use in it, each of which is warned of once.
KINDS = {
    "write, finish or supports_http_1_1 of a request",
    "callback= of AsyncHTTPClient.fetch",
    "callback= of RequestHandler.flush",
    "callback= of a stream",
    "concurrent.return_future",
    "gen.Callback",
    "gen.Task",
    "gen.WaitAll",
    "gen.engine",
    "io_loop=",
    "stack_context.ExceptionStackContext",
    "stack_context.NullContext",
    "stack_context.StackContext",
    "stack_context.wrap",
    "web.asynchronous",
}


ERROR_PAGE = (
    "<html><title>500: Internal Server Error</title>"
    "<body>500: Internal Server Error</body></html>"
)


class Sample:
    """The running application."""

    def __init__(self, *arguments: str) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "PYTHONWARNINGS": "always::DeprecationWarning",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "whirlwind.as_tornado", *arguments, str(APP), "--port=0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._log: list[str] = []
        assert self.process.stderr is not None
        self._reader = threading.Thread(target=self._log.extend, args=(self.process.stderr,))
        self._reader.start()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        addresses = re.findall(r"http://\S+", line)
        if len(addresses) != 2:
            raise AssertionError(f"It did not start: {line!r} {self.stop()}")
        self.url, self.raw_url = addresses

    def stop(self) -> str:
        """End it; returns what it wrote to its log."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        return "".join(self._log)


@pytest.fixture
def sample() -> Iterator[Sample]:
    running = Sample("--legacy")
    yield running
    if running.process.poll() is None:
        running.stop()


def ask(url: str, *paths: str) -> list[tuple[int, Any]]:
    """The status and the body of each, in turn."""

    async def main() -> list[tuple[int, Any]]:
        answers = []
        async with Client() as client:
            for path in paths:
                response = await client.fetch(url + path, raise_error=False)
                is_json = "json" in response.headers.get("Content-Type", "")
                body = response.body
                answers.append((response.code, json.loads(body) if is_json else body.decode()))
        return answers

    return asyncio.run(main())


async def status(client: Client, url: str) -> Any:
    return json.loads((await client.fetch(f"{url}/status")).body)


async def has_ticked(url: str) -> None:
    """Wait until a function has been called that is called now and then."""
    async with Client() as client, asyncio.timeout(PATIENCE):
        while not (await status(client, url))["ticks"]:
            pass


async def chat(url: str) -> list[Any]:
    """Two wait, one of them goes away, a message is posted, and a third comes late."""
    async with Client() as client:

        async def until(waiting: int) -> None:
            async with asyncio.timeout(PATIENCE):
                while (await status(client, url))["waiting"] != waiting:
                    pass

        one = asyncio.ensure_future(client.fetch(f"{url}/chat/updates"))
        other = asyncio.ensure_future(client.fetch(f"{url}/chat/updates"))
        await until(2)
        other.cancel()
        await until(1)
        posted = await client.fetch(f"{url}/chat/post", method="POST", body=b"message=hello")
        late = await client.fetch(f"{url}/chat/updates?cursor=0")
        return [posted.code, *(json.loads(r.body)["messages"] for r in (await one, late))]


def test_the_sample_application_runs_and_is_told_what_to_change(sample: Sample) -> None:
    answers = ask(
        sample.url,
        *("/callback/abc", "/callback/broken", "/engine", "/words?text=a+bc+def", "/stream"),
        *("/traced/me", "/guarded/caught", "/guarded/not", "/thread", "/callback/again"),
    )
    assert answers == [
        (200, '{"name": "abc", "length": 3}'),
        (502, "backend: 503"),
        (200, "[200, 200, 200, 200, 200]"),
        (200, {"words": ["a", "bc", "def"], "again": True}),
        (200, "piece 3\npiece 2\npiece 1\n"),
        (200, {"inside": "me", "outside": None}),
        (200, "caught: a callback failed"),
        (500, ERROR_PAGE),
        (200, "from a thread"),
        (200, '{"name": "again", "length": 5}'),
    ]
    assert ask(sample.raw_url, "/any/where") == [(200, "You asked for /any/where")]
    assert asyncio.run(chat(sample.url)) == [204, ["hello"], ["hello"]]
    asyncio.run(has_ticked(sample.url))

    log = sample.stop()
    found = Counter(re.findall(r"DeprecationWarning: (.*?) is a form of Tornado 4", log))
    assert found == Counter(dict.fromkeys(KINDS, 1)), log
    lines = re.findall(r"^(\S+):\d+: DeprecationWarning", log, re.MULTILINE)
    assert set(lines) == {str(APP)}
    assert log.count("Traceback") == 1  # of /guarded/not, which nobody catches
    assert "ValueError: a callback failed" in log


def test_deferreds_of_twisted(sample: Sample) -> None:
    pytest.importorskip("twisted")
    assert ask(sample.url, "/deferred") == [(200, {"first": "first", "second": "SECOND"})]


def test_it_needs_no_option(tmp_path: Path) -> None:
    """The first name that only Tornado 4 had installs all of it."""
    running = Sample()
    try:
        assert ask(running.url, "/engine", "/stream")[0] == (200, "[200, 200, 200, 200, 200]")
    finally:
        running.stop()
