"""``WHIRLWIND_EXTENSIONS`` at import: 0 plain, 1 compiled or an error, unset what is there."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.project import ROOT, SOURCE
from whirlwind._build import COMPILED, implementation

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")


def python(code: str, path: Path, switch: str | None) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(path)}
    variables.pop("WHIRLWIND_EXTENSIONS", None)
    if switch is not None:
        variables["WHIRLWIND_EXTENSIONS"] = switch
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, env=variables, capture_output=True, text=True)


@pytest.fixture
def small(tmp_path) -> Path:
    """A package with the real switch, one compiled module, and a folder to put its file in."""
    package = tmp_path / "whirlwind"
    package.mkdir()
    text = (SOURCE / "_build.py").read_text()
    start = text.index("COMPILED: tuple[str, ...] = (")
    end = text.index(")", start) + 1
    fake = 'COMPILED: tuple[str, ...] = ("whirlwind.core",)'
    (package / "_build.py").write_text(text[:start] + fake + text[end:])
    (package / "__init__.py").write_text(
        "from whirlwind._build import apply_extension_switch, implementation\n"
        "apply_extension_switch()\n"
    )
    (package / "core.py").write_text("name = 'plain'\n")
    return tmp_path


REPORT = """
import whirlwind
from whirlwind import core
print(whirlwind.implementation(), core.name)
"""


def put_extension(folder: Path) -> None:
    """Not a library at all: loading it is an error, so a test sees who tried to."""
    (folder / "whirlwind" / ("core" + SUFFIX)).write_bytes(b"not a library")


@pytest.mark.parametrize("switch", [None, "", "0"])
def test_without_extension_files_the_plain_modules_run(small, switch) -> None:
    assert python(REPORT, small, switch).stdout == "pure plain\n"


def test_1_without_extension_files_names_them_and_the_command(small) -> None:
    refused = python(REPORT, small, "1")
    assert refused.returncode == 1
    last = refused.stderr.splitlines()[-1]
    assert last.startswith("ImportError: WHIRLWIND_EXTENSIONS=1 demands compiled modules")
    assert "whirlwind.core" in last
    assert f"WHIRLWIND_EXTENSIONS=1 {sys.executable} -m pip install" in last


def test_in_a_checkout_the_command_builds_in_place(small) -> None:
    (small / "src").mkdir()
    (small / "whirlwind").rename(small / "src/whirlwind")
    (small / "setup.py").touch()
    last = python(REPORT, small / "src", "1").stderr.splitlines()[-1]
    assert f"cd {small} && WHIRLWIND_EXTENSIONS=1 {sys.executable} setup.py build_ext" in last


def test_0_passes_by_the_extension_files(small) -> None:
    put_extension(small)
    assert python(REPORT, small, "0").stdout == "pure plain\n"


@pytest.mark.parametrize("switch", [None, "1"])
def test_extension_files_are_used_where_they_are(small, switch) -> None:
    put_extension(small)
    told = python("import whirlwind; print(whirlwind.implementation())", small, switch)
    assert told.stdout == "compiled\n"
    tried = python(REPORT, small, switch)
    assert tried.returncode == 1
    assert "core" + SUFFIX in tried.stderr


def test_another_value_is_refused(small) -> None:
    last = python(REPORT, small, "yes").stderr.splitlines()[-1]
    assert last == "ImportError: WHIRLWIND_EXTENSIONS must be 0, 1 or unset, not 'yes'."


ORIGINS = """
import importlib, whirlwind
from whirlwind._build import COMPILED
print(whirlwind.implementation(), *(importlib.import_module(m).__file__ for m in COMPILED))
"""


def test_0_runs_the_real_modules_plain() -> None:
    word, *files = python(ORIGINS, ROOT / "src", "0").stdout.split()
    assert word == "pure"
    assert len(files) == len(COMPILED)
    assert [file for file in files if not file.endswith(".py")] == []


def test_1_runs_the_real_modules_compiled() -> None:
    stems = [SOURCE.parent.joinpath(*name.split(".")) for name in COMPILED]
    built = all(stem.with_suffix(SUFFIX).is_file() for stem in stems)
    asked = python(ORIGINS, ROOT / "src", "1")
    if not built:
        assert "setup.py build_ext --inplace" in asked.stderr
        return
    word, *files = asked.stdout.split()
    assert word == "compiled"
    assert [file for file in files if not file.endswith(SUFFIX)] == []


def test_this_process_runs_what_the_switch_says() -> None:
    switch = os.environ.get("WHIRLWIND_EXTENSIONS")
    if switch:
        assert implementation() == {"0": "pure", "1": "compiled"}[switch]


def test_extension_files_are_newer_than_their_sources() -> None:
    """A stale extension file would make the tests pass on code that is no longer there."""
    if implementation() == "pure":
        pytest.skip("plain modules run here")
    stale = []
    for name in COMPILED:
        stem = SOURCE.parent.joinpath(*name.split("."))
        built = stem.with_suffix(SUFFIX).stat().st_mtime
        if any(stem.with_suffix(kind).stat().st_mtime > built for kind in (".py", ".pxd")):
            stale.append(name)
    assert stale == [], "run: make test, or python setup.py build_ext --inplace"
