"""Sets up environments and runs what the Makefile's targets ask for; needs only Python 3.11.

usage: project.py demo|test|lint|bench|clean [arguments for the demo, pytest, or bench/run.py]
"""

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = "Scripts" if os.name == "nt" else "bin"
#: `make test` runs on these minor versions too, where a working interpreter is found.
ALSO_TESTED = (11, 13)

NO_COMPILER = (
    "No C compiler with Python's headers: using plain Python, which works and is slower "
    "(Debian: apt-get install gcc python3-dev)."
)

_PROBE_COMPILER = """
import os, shlex, subprocess, sysconfig, tempfile
command = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
with tempfile.TemporaryDirectory() as folder:
    source = os.path.join(folder, "probe.c")
    with open(source, "w") as file:
        file.write("#include <Python.h>\\n")
    subprocess.run(
        [*command, "-I" + sysconfig.get_paths()["include"], "-fPIC", "-shared", source,
         "-o", os.path.join(folder, "probe.so")], check=True, capture_output=True)
"""


def main(arguments: Sequence[str]) -> int:
    """Run one target and return its exit status."""
    actions = {"demo": demo, "test": test, "lint": lint, "bench": bench, "clean": clean}
    if not arguments or arguments[0] not in actions:
        print(__doc__, file=sys.stderr)
        return 2
    os.chdir(ROOT)
    return actions[arguments[0]](list(arguments[1:]))


def demo(arguments: list[str]) -> int:
    """Serve examples/demo until interrupted."""
    python = environment(VENV, sys.executable, dev=False)
    build(python)
    command = [python, "examples/demo/app.py", *arguments]
    if os.name == "posix":
        os.execv(python, command)  # Ctrl-C is the demo's own then, and it ends in its own time
    return run(command)


def lint(arguments: list[str]) -> int:
    """Run the checks that do not run the code."""
    python = environment(VENV, sys.executable, dev=True)
    return _report(_lint_steps(python))


def test(arguments: list[str]) -> int:
    """Lint, then pytest on compiled and on plain modules, on every tested Python that is here."""
    python = environment(VENV, sys.executable, dev=True)
    steps = _lint_steps(python)
    steps += _test_steps(python, arguments)
    for minor in ALSO_TESTED:
        other = find_python(minor) if minor != sys.version_info.minor else None
        if other:
            folder = ROOT / f".venv-3.{minor}"
            steps += _test_steps(environment(folder, other, dev=True), arguments)
        elif minor != sys.version_info.minor:
            print(f"No working python3.{minor} here: not tested on it.")
    return _report(steps)


def bench(arguments: list[str]) -> int:
    """Measure Whirlwind and its peers; bench/run.py makes the peers' environment."""
    python = environment(VENV, sys.executable, dev=False)
    build(python)
    return run([python, "bench/run.py", *arguments])


def clean(arguments: list[str]) -> int:
    """Remove what the other targets made."""
    made = ["build", "dist", ".venv", ".pytest_cache", ".mypy_cache", ".ruff_cache"]
    made += [".hypothesis", ".import_linter_cache", "bench/.venv-peers"]
    folders = [ROOT / name for name in made]
    folders += ROOT.glob(".venv-3.*")
    folders += (ROOT / "src").glob("*.egg-info")
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    for top in ("src", "tests", "tools", "bench", "examples"):
        for cache in list((ROOT / top).rglob("__pycache__")):
            shutil.rmtree(cache, ignore_errors=True)
    for pattern in ("*.so", "*.pyd"):
        for file in (ROOT / "src/whirlwind").rglob(pattern):
            file.unlink()
    return 0


def environment(folder: Path, base: str, *, dev: bool) -> str:
    """Make or refresh a virtual environment with the package in it, editable.

    :arg folder: where it is; a stamp inside says what it was made from, so that nothing is
        done twice.
    :arg base: the interpreter to make it from.
    :arg dev: with the tools that test and lint need.
    :returns: the path of its interpreter.
    """
    python = str(folder / BIN / "python")
    stamp = folder / "made-from"
    files = [ROOT / "pyproject.toml", ROOT / "setup.py", ROOT / "src/whirlwind/_version.py"]
    source = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    found = stamp.read_text().split() if stamp.is_file() and _works(python) else []
    if found[:1] == [source] and (not dev or "dev" in found):
        return python
    version = subprocess.run([base, "-V"], capture_output=True, text=True).stdout.strip()
    print(f"Setting up {folder.name} with {version}", flush=True)
    if not _works(python):
        shutil.rmtree(folder, ignore_errors=True)
        _check([base, "-m", "venv", str(folder)])
    dev = dev or "dev" in found
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    _check([*pip, *requires])
    # build() compiles in the checkout, where a later change costs only the changed module.
    editable = [*pip, "--no-build-isolation", "--editable", ".[dev]" if dev else "."]
    _check(editable, WHIRLWIND_EXTENSIONS="0")
    stamp.write_text(source + (" dev" if dev else ""))
    return python


def build(python: str) -> None:
    """Compile the cores in the checkout for one interpreter, or use plain Python after one line."""
    if has_compiler(python):
        _check(_build_command(python), WHIRLWIND_EXTENSIONS="")
    else:
        _check(_build_command(python), WHIRLWIND_EXTENSIONS="0")


def has_compiler(python: str) -> bool:
    """Tell whether extension modules can be compiled for an interpreter; if not, say so once."""
    if subprocess.run([python, "-c", _PROBE_COMPILER], capture_output=True).returncode == 0:
        return True
    _say_once(NO_COMPILER)
    return False


def find_python(minor: int) -> str | None:
    """Find an interpreter of Python 3.``minor`` that runs and can make environments."""

    def candidates() -> Iterator[Path]:
        for folder in os.get_exec_path():
            yield Path(folder, f"python3.{minor}")
        pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
        for version in sorted(pyenv.glob(f"versions/3.{minor}.*"), reverse=True):
            yield version / "bin/python"

    for candidate in candidates():
        if candidate.is_file() and _works(str(candidate), minor):
            return str(candidate)
    return None


def run(command: list[str], **variables: str) -> int:
    """Run a command with extra environment variables and return its status."""
    return subprocess.run(command, env={**os.environ, **variables}).returncode


@functools.cache
def _say_once(line: str) -> None:
    print(line, flush=True)


def _build_command(python: str) -> list[str]:
    return [python, "setup.py", "-q", "build_ext", "--inplace"]


def _works(python: str, minor: int | None = None) -> bool:
    """Tell whether an interpreter starts, has what environments need, and the version wanted.

    A version manager's shim is found on PATH and refuses to run, so asking is the only way.
    """
    wanted = f"assert sys.version_info[1] == {minor}" if minor else ""
    try:
        asked = subprocess.run(
            [python, "-c", f"import sys, venv, ensurepip, ssl\n{wanted}"],
            capture_output=True,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def _check(command: list[str], **variables: str) -> None:
    if status := run(command, **variables):
        sys.exit(f"{' '.join(command[:6])} failed with status {status}; see the lines above.")


Step = tuple[str, list[str], dict[str, str]]


def _lint_steps(python: str) -> list[Step]:
    return [
        ("ruff", [python, "-m", "ruff", "check", "."], {}),
        ("mypy --strict", [python, "-m", "mypy"], {}),
        ("import layers", [str(Path(python).parent / "lint-imports"), "--no-logo"], {}),
    ]


def _test_steps(python: str, arguments: list[str]) -> list[Step]:
    version = "print('%d.%d' % __import__('sys').version_info[:2])"
    name = subprocess.check_output([python, "-c", version], text=True).strip()
    # A worker a core: the tests mostly compute, and share no port, file or process.
    command = [python, "-m", "pytest", *(arguments or ["-q", "-n", "auto", "--dist", "worksteal"])]
    plain: Step = (f"pytest, {name}, plain Python", command, {"WHIRLWIND_EXTENSIONS": "0"})
    if not has_compiler(python):
        return [plain]
    demand = {"WHIRLWIND_EXTENSIONS": "1"}
    return [
        (f"compile, {name}", _build_command(python), demand),
        (f"pytest, {name}, compiled", command, demand),
        plain,
    ]


def _report(steps: list[Step]) -> int:
    """Run every step, then say which failed."""
    lines, failed = [], 0
    for name, command, variables in steps:
        print(f"\n=== {name}", flush=True)
        start = time.monotonic()
        status = run(command, **variables)
        failed += bool(status)
        verdict = f"FAILED ({status})" if status else "ok"
        lines.append(f"{name:32} {verdict:12} {time.monotonic() - start:6.1f} s")
    print("\n" + "\n".join(lines), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
