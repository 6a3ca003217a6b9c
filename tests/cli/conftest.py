"""A folder with applications to serve."""

from pathlib import Path

import pytest

from tests.cli.command import APPLICATIONS


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "apps.py").write_text(APPLICATIONS)
    return tmp_path
