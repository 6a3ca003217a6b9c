"""The forms of Tornado 4 are in place for each test here, and out of the way of all others."""

from collections.abc import Iterator

import pytest

from whirlwind import legacy
from whirlwind.legacy import warning


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    legacy.install()
    yield
    legacy.uninstall()


@pytest.fixture(autouse=True)
def warned() -> Iterator[None]:
    """Every kind of use has been warned of; tests of the warnings forget it."""
    before = set(warning._told)
    warning._told = _Everything(before)
    yield
    warning._told = before


class _Everything(set[str]):
    def __contains__(self, kind: object) -> bool:
        return True
