"""Fixtures: applications that are started for a test and ended after it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .running import Application, Environment


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Application]]:
    """``run(environment, "-m", ...)`` starts a program in a folder of the test."""
    running: list[Application] = []

    def run(environment: Environment, *arguments: str, **options: str) -> Application:
        running.append(Application(environment, *arguments, folder=tmp_path, **options))
        return running[-1]

    yield run
    for application in running:
        application.stop()
