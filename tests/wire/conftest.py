"""Fixtures of the wire tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .server import LOOPS, Logs, ServerThread, web


@pytest.fixture(params=LOOPS)
def loop_kind(request: pytest.FixtureRequest) -> str:
    """Each kind of event loop that is installed."""
    return request.param


@pytest.fixture
def start(loop_kind: str) -> Iterator[Callable[..., ServerThread]]:
    """Starts servers as ``ServerThread`` does, and stops them after the test.

    What reaches the loop's exception handler fails the test, unless it empties
    ``ServerThread.loop_errors`` itself.
    """
    servers: list[ServerThread] = []

    def start(application: Any, **options: Any) -> ServerThread:
        servers.append(ServerThread(application, loop=loop_kind, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
    for server in servers:
        assert server.loop_errors == []


@pytest.fixture
def serve(start: Callable[..., ServerThread]) -> Callable[..., ServerThread]:
    """Serves one handler class at every path; ``settings`` are those of the Application."""

    def serve(handler: Any, settings: dict[str, Any] | None = None, **options: Any) -> ServerThread:
        application = web.Application([(r".*", handler)], **(settings or {}))
        return start(application, **options)

    return serve


@pytest.fixture
def logs() -> Iterator[Logs]:
    """What the package logs during the test."""
    with Logs() as logs:
        yield logs
