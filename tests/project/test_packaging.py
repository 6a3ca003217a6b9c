"""What setup.py makes: wheels, source archives, and what is left when compiling fails."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.project import ROOT, SOURCE

pytestmark = pytest.mark.skipif(
    os.environ.get("WHIRLWIND_EXTENSIONS") == "1",
    reason="builds of its own, whatever this process runs: the plain run has them",
)

FRAME = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
KEPT = {".py", ".pxd", ".typed", ".html", ".crt", ".key", ".in"}
# A compiler that is found and fails.
BROKEN = shutil.which("false")


def run(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run this Python; packages come from this environment, never from the network."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("WHIRLWIND_", "PIP_"))}
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**clean, **variables},
        capture_output=True,
        text=True,
    )


def build_wheel(folder: Path, out: Path, **variables: str) -> tuple[Path, str]:
    options = ("--no-deps", "--no-index", "--no-build-isolation", "--verbose")
    made = run(folder, "-m", "pip", "wheel", *options, "-w", str(out), ".", **variables)
    assert made.returncode == 0, made.stdout + made.stderr
    (wheel,) = out.glob("*.whl")
    return wheel, made.stdout + made.stderr


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """The source archive of the real project, made in a copy of it."""
    copy = tmp_path_factory.mktemp("copy")
    for name in FRAME:
        shutil.copy(ROOT / name, copy)
    for folder in ("src", "docs", "tools"):
        ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "*.egg-info")
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    for name in ("CHANGELOG.md", "CONTRIBUTING.md", "Makefile"):
        shutil.copy(ROOT / name, copy)
    made = run(copy, "setup.py", "-q", "sdist", WHIRLWIND_EXTENSIONS="0")
    assert made.returncode == 0, made.stderr
    (found,) = (copy / "dist").glob("*.tar.gz")
    return found


@pytest.fixture(scope="module")
def unpacked(archive, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    (top,) = folder.iterdir()
    return top


def sources() -> set[str]:
    return {
        str(file.relative_to(SOURCE.parent))
        for file in SOURCE.rglob("*")
        if file.suffix in KEPT and "__pycache__" not in file.parts
    }


def test_the_source_archive_has_every_source(unpacked) -> None:
    missing = {name for name in sources() if not (unpacked / "src" / name).is_file()}
    assert missing == set()
    for name in (*FRAME, "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "tools/project.py"):
        assert (unpacked / name).is_file(), name
    assert list(unpacked.rglob("*.so")) == []


def test_s05_the_wheel_from_the_archive_holds_the_package_and_runs(unpacked, tmp_path) -> None:
    wheel, _ = build_wheel(unpacked, tmp_path / "out", WHIRLWIND_EXTENSIONS="0")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as zipped:
        names = set(zipped.namelist())
        metadata = zipped.read(next(n for n in names if n.endswith("/METADATA"))).decode()
        zipped.extractall(tmp_path / "installed")
    assert {name for name in names if not re.match(r"[^/]+\.dist-info/", name)} == sources()
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: >=3.11" in metadata
    required = re.findall(r"^Requires-Dist: (?!.*extra ==)([\w.]+)", metadata, re.MULTILINE)
    assert required == ["uvloop"]
    code = "import whirlwind; print(whirlwind.__file__, whirlwind.__version__)"
    told = run(tmp_path, "-c", code, PYTHONPATH=str(tmp_path / "installed"))
    file, version = told.stdout.split()
    assert file.startswith(str(tmp_path))
    assert f"Version: {version}\n" in metadata


def test_s03_the_oldest_python_is_one_number_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    oldest = project["project"]["requires-python"].removeprefix(">=")
    listed = re.findall(r":: Python :: (3\.\d+)", "\n".join(project["project"]["classifiers"]))
    assert min(listed, key=lambda version: int(version[2:])) == oldest
    assert project["tool"]["ruff"]["target-version"] == "py" + oldest.replace(".", "")
    assert f"Python {oldest} or newer" in (ROOT / "README.md").read_text()


@pytest.fixture
def small(tmp_path) -> Path:
    """A project with the real setup.py and two small modules to compile."""
    project = tmp_path / "project"
    package = project / "src/whirlwind"
    package.mkdir(parents=True)
    for name in FRAME:
        shutil.copy(ROOT / name, project)
    shutil.copy(SOURCE / "_version.py", package)
    (package / "__init__.py").touch()
    (package / "_build.py").write_text('COMPILED = ("whirlwind.one", "whirlwind.two")\n')
    for name in ("one", "two"):
        (package / f"{name}.py").write_text(
            '"""About it."""\n\n\ndef twice(n):\n    """Double."""\n    return n + n\n'
        )
        (package / f"{name}.pxd").write_text("cpdef long twice(long n)\n")
    return project


def in_place(project: Path) -> list[str]:
    return sorted(file.name.split(".")[0] for file in project.rglob("src/**/*.so"))


@pytest.mark.skipif(not (shutil.which("cc") or shutil.which("gcc")), reason="needs a C compiler")
class TestCompiling:
    def test_s05_a_wheel_has_both_forms_and_the_types(self, small, tmp_path) -> None:
        wheel, _ = build_wheel(small, tmp_path, WHIRLWIND_EXTENSIONS="1")
        assert "none-any" not in wheel.name
        names = zipfile.ZipFile(wheel).namelist()
        for module in ("one", "two"):
            kinds = {n.rpartition(".")[2] for n in names if n.startswith(f"whirlwind/{module}.")}
            assert kinds == {"py", "pxd", "so"}
        assert [n for n in names if n.endswith(".c")] == []

    def test_in_place_keeps_docstrings_and_follows_changes(self, small) -> None:
        def built() -> str:
            made = run(small, "setup.py", "-q", "build_ext", "--inplace", WHIRLWIND_EXTENSIONS="1")
            assert made.returncode == 0, made.stderr
            code = "from whirlwind import one as m; print(m.__file__, m.__doc__, m.twice.__doc__)"
            return run(small, "-c", code, PYTHONPATH="src").stdout

        assert re.fullmatch(r"\S+\.so About it\. Double\.\n", built())
        file = small / "src/whirlwind/one.py"
        file.write_text(file.read_text().replace("Double", "Two of it"))
        assert "Two of it" in built()

    def test_a_method_without_its_object_is_an_error_and_no_crash(self, small) -> None:
        package = small / "src/whirlwind"
        (package / "one.py").write_text(
            "class Box:\n    def put(self, thing, where=None):\n        self.thing = thing\n"
        )
        (package / "one.pxd").write_text("cdef class Box:\n    cdef public object thing\n")
        run(small, "setup.py", "-q", "build_ext", "--inplace", WHIRLWIND_EXTENSIONS="1")
        code = (
            "import inspect\nfrom whirlwind.one import Box\n"
            "print(inspect.signature(Box.put))\n"
            "try: Box.put('text', 'more')\nexcept TypeError as error: print(type(Box.put), error)"
        )
        told = run(small, "-c", code, PYTHONPATH="src")
        assert told.returncode == 0, told.stderr
        assert told.stdout.startswith("(self, /, thing, where=None)\n<class 'method_descriptor'>")

    def test_a_module_that_is_no_longer_compiled_loses_its_extension(self, small) -> None:
        run(small, "setup.py", "-q", "build_ext", "--inplace")
        assert in_place(small) == ["one", "two"]
        (small / "src/whirlwind/_build.py").write_text('COMPILED = ("whirlwind.two",)\n')
        run(small, "setup.py", "-q", "build_ext", "--inplace")
        assert in_place(small) == ["two"]
        run(small, "setup.py", "-q", "build_ext", "--inplace", WHIRLWIND_EXTENSIONS="0")
        assert in_place(small) == []

    def test_one_bad_module_leaves_none_compiled(self, small) -> None:
        run(small, "setup.py", "-q", "build_ext", "--inplace")
        (small / "src/whirlwind/two.pxd").write_text("cpdef no such thing\n")
        made = run(small, "setup.py", "-q", "build_ext", "--inplace")
        assert made.returncode == 0
        assert in_place(small) == []


@pytest.mark.skipif(not BROKEN, reason="needs the program `false`")
class TestFallingBack:
    def test_unset_makes_a_plain_wheel_and_says_so_once(self, small, tmp_path) -> None:
        wheel, output = build_wheel(small, tmp_path, CC=str(BROKEN))
        assert wheel.name.endswith("-py3-none-any.whl")
        assert [n for n in zipfile.ZipFile(wheel).namelist() if n.endswith(".so")] == []
        assert list(small.rglob("*.so")) == []
        assert output.count("installing plain Python") == 1

    def test_a_missing_compiler_is_the_same(self, small) -> None:
        made = run(small, "setup.py", "-q", "build_ext", "--inplace", CC="/no/such/compiler")
        assert made.returncode == 0
        assert made.stderr.count("installing plain Python") == 1
        assert list(small.rglob("*.so")) == []

    def test_1_fails_the_build(self, small) -> None:
        made = run(
            small,
            *("setup.py", "-q", "build_ext", "--inplace"),
            CC=str(BROKEN),
            WHIRLWIND_EXTENSIONS="1",
        )
        assert made.returncode != 0
        assert list(small.rglob("*.so")) == []

    def test_0_does_not_ask_for_a_compiler(self, small, tmp_path) -> None:
        wheel, output = build_wheel(small, tmp_path, CC=str(BROKEN), WHIRLWIND_EXTENSIONS="0")
        assert wheel.name.endswith("-py3-none-any.whl")
        assert "installing plain Python" not in output
