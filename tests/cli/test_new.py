"""`whirlwind new`."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.cli.command import PATIENCE, Serving, environment, run
from whirlwind.cli.main import main

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@needs_make
def test_a_new_project_passes_its_own_tests_and_is_served(tmp_path) -> None:
    made = run("new", "My-Shop", cwd=tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    folder = tmp_path / "My-Shop"
    tested = subprocess.run(
        ["make", "test"],
        cwd=folder,
        env=environment(PYTHONWARNINGS="error"),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "Ran 5 tests" in tested.stderr
    left = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert [path for path in left if b"@" in path.read_bytes() and path.name != "Makefile"] == []
    with Serving("my_shop.app:make_app", cwd=folder) as server:
        assert "<h1>Hello, World!</h1>" in server.get()[1]
    check = [sys.executable, "-m", "ruff", "check", "--select", "E,F,I,B,UP", "."]
    checked = subprocess.run(check, cwd=folder, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("1x", "'1x' is no name for a project: letters, digits, - and _, a letter first"),
        ("json", "'json' is no name for a project: Python has a 'json' already"),
        ("Class", "'Class' is no name for a project: Python has a 'class' already"),
        ("there", "there exists already"),
    ],
)
def test_names_that_are_none(tmp_path, monkeypatch, capsys, name, message) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    assert main(["new", name]) == 2
    assert capsys.readouterr().err == f"whirlwind new: error: {message}\n"
    assert os.listdir() == ["there"]
