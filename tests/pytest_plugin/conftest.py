"""Runs of pytest in processes of their own, with the plugin."""

import importlib.metadata
from collections.abc import Callable

import pytest

from tests.project import SOURCE

Run = Callable[..., pytest.RunResult]

PLUGIN = "whirlwind.pytest_plugin.plugin"

#: An application with a handler for each thing that tests ask for.
APPLICATION = """
import asyncio
import pytest
from whirlwind import web, websocket


class Hello(web.RequestHandler):
    def get(self):
        self.write("hello")

    def post(self):
        self.set_cookie("who", self.get_argument("who"))


class Who(web.RequestHandler):
    def get(self):
        self.write(self.get_cookie("who", "nobody"))


class Slow(web.RequestHandler):
    async def get(self):
        await asyncio.sleep(3600)


class Echo(websocket.WebSocketHandler):
    closed = 0

    def on_message(self, message):
        self.write_message(message + self.request.headers.get("X-Mark", ""))

    def on_close(self):
        Echo.closed += 1


def make_app():
    return web.Application([
        ("/", Hello),
        ("/who", Who),
        ("/slow", Slow),
        ("/echo", Echo),
        ("/moved", web.RedirectHandler, {"url": "/"}),
    ])


@pytest.fixture
def app():
    return make_app()
"""


def _is_installed() -> bool:
    """Whether pytest finds the plugin by itself."""
    points = importlib.metadata.entry_points(group="pytest11")
    return any(point.value == PLUGIN for point in points)


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run tests whose source is given, all warnings being errors."""
    monkeypatch.setenv("PYTHONPATH", str(SOURCE.parent))

    def run(
        source: str,
        *arguments: str,
        ini: str = "",
        conftest: str = "from application import app",
        alone: bool = False,
    ) -> pytest.RunResult:
        pytester.makeconftest(conftest)
        pytester.makepyfile(application=APPLICATION)
        pytester.makepyfile(test_it=source)
        plugins = [] if _is_installed() else ["-p", PLUGIN]
        # Of no concern here, and much of what a process costs to start.
        plugins += ["-p", "no:hypothesispytest"]
        if alone:
            plugins += ["-p", "no:asyncio", "-p", "no:anyio"]
        else:
            ini += "\nasyncio_default_fixture_loop_scope = function"
        pytester.makeini(f"[pytest]\nfilterwarnings = error\n{ini}")
        return pytester.runpytest_subprocess(*plugins, *arguments, timeout=110)

    return run
