"""The forms of Tornado 4 are in place for the tests here, and out of the way of all others."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from whirlwind import legacy
from whirlwind.ioloop import IOLoop
from whirlwind.legacy import warning


class _Everything(set[str]):
    def __contains__(self, kind: object) -> bool:
        return True


@contextmanager
def in_place() -> Iterator[None]:
    """The forms are installed, and the program has been warned of each."""
    before = warning._told
    warning._told = _Everything()
    legacy.install()
    try:
        yield
    finally:
        legacy.uninstall()
        warning._told = before


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    with in_place():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Any:
    """The modules here are imported with them: a decorator is used when a module is imported."""
    with in_place():
        return (yield)


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> Iterator[IOLoop]:
    """A loop that is current and does not run, of each kind."""
    if request.param == "uvloop":
        pytest.importorskip("uvloop")
        loop = IOLoop()
    else:
        loop = IOLoop(asyncio_loop=asyncio.new_event_loop())
    yield loop
    loop.close(all_fds=True)
