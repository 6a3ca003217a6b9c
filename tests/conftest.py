"""Settings for all tests."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

# No assertion on time: how long an example takes depends on what else the machine does. All else
# stays as hypothesis has chosen it (on a continuous integration machine: the same examples always).
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True, scope="module")
def logging_is_left_enabled() -> Iterator[None]:
    """A module that leaves logging disabled makes others fail that come after it in its process."""
    yield
    assert logging.root.manager.disable == logging.NOTSET
