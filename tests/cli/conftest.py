"""A folder with applications to serve."""

import sys
from pathlib import Path

import pytest

from tests.cli.command import APPLICATIONS


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "apps.py").write_text(APPLICATIONS)
    return tmp_path


@pytest.fixture
def here(folder, monkeypatch):
    """The applications' folder as the current one; what is imported from it is forgotten."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield folder
    for name in ("apps", "broken", "main", "routed", "serves"):
        sys.modules.pop(name, None)
