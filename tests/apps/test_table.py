"""The list of applications that docs/migrating.md gives, and the tool that installs them."""

import subprocess
import sys
import tomllib

import pytest

from .running import ENVIRONMENTS, ROOT, Environment

TABLE = tomllib.loads((ROOT / "tests/apps/applications.toml").read_text())
TEXT = (ROOT / "docs/migrating.md").read_text()
BOLD = [part for number, part in enumerate(TEXT.split("**")) if number % 2]


@pytest.mark.parametrize("name", TABLE)
def test_the_document_tells_the_versions_that_are_installed(name: str) -> None:
    requirement = TABLE[name]["requires"][0]
    version = requirement.partition("==")[2]
    if name == "opentelemetry":
        version = TABLE[name]["requires"][1].partition("==")[2]
    assert [one for one in BOLD if one.endswith(" " + version)]


def test_every_requirement_is_pinned() -> None:
    assert [one for entry in TABLE.values() for one in entry["requires"] if "==" not in one] == []


def test_an_application_that_nobody_knows_is_named() -> None:
    asked = subprocess.run(
        [sys.executable, str(ROOT / "tools/project.py"), "apps", "zope"],
        capture_output=True, text=True,
    )
    assert asked.returncode == 2
    assert asked.stdout.startswith("No application zope: there are jupyter, bokeh, ")
    assert not (ENVIRONMENTS / "zope").exists()


def test_a_test_without_its_environment_skips_with_the_command(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tests.apps.running.ENVIRONMENTS", tmp_path)
    with pytest.raises(pytest.skip.Exception) as skipped:
        Environment("bokeh")
    assert str(skipped.value) == 'bokeh is not installed: make apps ARGS="bokeh"'
