"""Settings for all tests."""

import faulthandler
import gc
import logging
import os
import time
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import settings

# For tests/pytest_plugin; pytest takes this from no folder below the first.
pytest_plugins = ["pytester"]

# No assertion on time: how long an example takes depends on what else the machine does. All else
# stays as hypothesis has chosen it (on a continuous integration machine: the same examples always).
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")

#: Seconds after which a test is taken to hang; none needs this long.
HANGS = 180
#: Seconds until a test starts the watch over.
WATCH = 10


class Watch:
    """Shows every thread's stack and ends the run when a test hangs.

    As pytest's ``faulthandler_timeout``, which starts and joins a thread for each of 18 000 tests;
    so this one may find a test to hang that much earlier as a watch is old.
    """

    def __init__(self) -> None:
        self.stderr = os.dup(2)  # tests have another in its place
        self.since = -float("inf")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self) -> None:
        """Start over, unless that was done a moment ago."""
        if (now := time.monotonic()) - self.since > WATCH:
            self.since = now
            faulthandler.dump_traceback_later(HANGS, file=self.stderr, exit=True)

    def pytest_unconfigure(self) -> None:
        """Stop watching."""
        faulthandler.cancel_dump_traceback_later()
        os.close(self.stderr)


def pytest_configure(config: pytest.Config) -> None:
    """Watch the tests."""
    config.pluginmanager.register(Watch())


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Keep the 18 000 tests out of what the collector of garbage goes through.

    They stay until the end, and are most of the objects of the process: with them a collection
    takes 0.2 s, of which a test of what is freed makes many.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def logging_is_left_enabled() -> Iterator[None]:
    """A module that leaves logging disabled makes others fail that come after it in its process."""
    yield
    assert logging.root.manager.disable == logging.NOTSET
