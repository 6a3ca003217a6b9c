"""The floors of the house: imports point downward only."""

import os
import subprocess
import sys

import grimp
import pytest

from tests.project import ROOT

# The package itself gathers what users see, so nobody below the top floor may lean on it.
TOP_FLOOR = ("whirlwind.cli", "whirlwind.as_tornado", "whirlwind.autoreload", "whirlwind.testing")

LAYER_CHECK = (
    "import sys\nfrom importlinter.cli import lint_imports\nsys.exit(lint_imports(no_cache=True))"
)


def lint(folder: os.PathLike[str], **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LAYER_CHECK],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )


def test_imports_point_downward() -> None:
    checked = lint(ROOT, PYTHONPATH=str(ROOT / "src"))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "1 kept, 0 broken" in checked.stdout


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"util.py": "import whirlwind.web", "web.py": ""}, "whirlwind.util -> whirlwind.web"),
        ({"attic.py": ""}, "attic"),
    ],
    ids=["upward import", "module without a floor"],
)
def test_the_contract_notices(tmp_path, files: dict[str, str], complaint: str) -> None:
    package = tmp_path / "whirlwind"
    package.mkdir()
    for name in ("__init__.py", "_build.py", "_public.py", "_version.py"):
        (package / name).touch()
    for name, text in files.items():
        (package / name).write_text(text + "\n")
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    checked = lint(tmp_path, PYTHONPATH=str(tmp_path))
    assert checked.returncode == 1
    assert complaint in checked.stdout


def test_no_module_leans_on_the_whole_package() -> None:
    graph = grimp.build_graph("whirlwind", cache_dir=None)
    leaning = graph.find_modules_that_directly_import("whirlwind")
    assert {name for name in leaning if not name.startswith(TOP_FLOOR)} == set()
