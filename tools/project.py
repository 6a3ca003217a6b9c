"""Sets up environments and runs what the Makefile's targets ask for; needs only Python 3.11.

usage: project.py demo|test|lint|compat|apps|bench|clean [arguments of what it runs]
"""

import concurrent.futures
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = "Scripts" if os.name == "nt" else "bin"
#: What Whirlwind is compared with: by its test suite, and by asking it.
TORNADO = "tornado==6.6.1"
#: What Tornado's suite skips tests without.
SUITE_WANTS = ("hypothesis", "pycares<5", "twisted")
SUITE = ROOT / ".venv-compat/suite/tornado/test"
SUITE_RUNNER = "tools/compat/suite.py"
BROWSER_TESTS = "tests/demo/test_demo_browser.py"
#: Tests of other people's applications, and where the environments of those are.
APPS_TESTS = ROOT / "tests/apps"
APPS_ENVIRONMENTS = ROOT / ".venv-apps"

#: `make test` runs on these minor versions too, where a working interpreter is found.
ALSO_TESTED = (11, 13)

NO_COMPILER = (
    "No C compiler with Python's headers: using plain Python, which works and is slower "
    "(Debian: apt-get install gcc python3-dev)."
)

NO_CURL = (
    "Could not install pycurl: tests of the curl client are skipped. It needs libcurl's headers "
    "(Debian: apt-get install libcurl4-openssl-dev libssl-dev), then: rm -r"
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
    actions = {
        "demo": demo,
        "test": test,
        "lint": lint,
        "compat": compat,
        "apps": apps,
        "bench": bench,
        "clean": clean,
    }
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
    return _report(_in_turn(_lint_steps(python)))


def test(arguments: list[str]) -> int:
    """Lint, then pytest on compiled and on plain modules, on every tested Python that is here.

    Without arguments also Tornado's own tests, on this Python, and steps that do not need each
    other run beside each other: many tests wait for a timeout or a process rather than compute.
    """
    python = environment(VENV, sys.executable, dev=True)
    builds, tests = _test_steps(python, arguments)
    suite = [] if arguments else _suite_steps(suite_environment(sys.executable))
    for minor in ALSO_TESTED:
        other = find_python(minor) if minor != sys.version_info.minor else None
        if other:
            folder = ROOT / f".venv-3.{minor}"
            more = _test_steps(environment(folder, other, dev=True), arguments)
            builds += more[0]
            tests += more[1]
        elif minor != sys.version_info.minor:
            print(f"No working python3.{minor} here: not tested on it.")
    if arguments:  # of somebody who watches, or debugs
        return _report(_in_turn([*_lint_steps(python), *builds, *tests]))
    results = _beside([_lint_steps(python), builds])
    # The suite comes last: its modules are spread over the cores as the tests are, and are short.
    results += _beside([*([step] for step in tests), suite])
    return _report(results)


def compat(arguments: list[str]) -> int:
    """Run Tornado's own tests on Whirlwind."""
    python = suite_environment(sys.executable)
    build(python)
    return run([python, SUITE_RUNNER, *arguments], TORNADO_TEST=str(SUITE))


def apps(arguments: list[str]) -> int:
    """Make the environments of the applications that are named, or of all; tests use them then."""
    table = applications()
    if unknown := [name for name in arguments if name not in table]:
        print(f"No application {', '.join(unknown)}: there are {', '.join(table)}.")
        return 2
    for name in arguments or table:
        application_environment(name, table[name], sys.executable)
    return 0


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
    folders += ROOT.glob(".venv-*")
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
    pip = _pip(python)
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    _check([*pip, *requires])
    # build() compiles in the checkout, where a later change costs only the changed module.
    editable = [*pip, "--no-build-isolation", "--editable", ".[dev]" if dev else "."]
    _check(editable, WHIRLWIND_EXTENSIONS="0")
    if dev:
        _add_curl(folder, pip)
    stamp.write_text(source + (" dev" if dev else ""))
    return python


def tornado_environment(base: str, name: str) -> str:
    """Make an environment with Tornado from PyPI, which tests compare with; return its Python.

    It is of the version that runs the tests: reason phrases, texts of errors and the rules of
    event loops are the standard library's, and differ from one version to the next.
    """
    folder = ROOT / f".venv-tornado-{name}"
    python, stamp = str(folder / BIN / "python"), folder / "made-from"
    if not (stamp.is_file() and stamp.read_text() == TORNADO and _works(python)):
        print(f"Setting up {folder.name}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _check([base, "-m", "venv", str(folder)])
        _check([*_pip(python), TORNADO])
        stamp.write_text(TORNADO)
    return python


def suite_environment(base: str) -> str:
    """Make an environment for Tornado's test suite, and return its Python.

    It has Whirlwind, what the suite wants, and of Tornado's wheel only the folder ``tornado/test``.
    """
    folder = ROOT / ".venv-compat"
    python = environment(folder, base, dev=False)
    stamp = folder / "suite-from"
    source = " ".join([TORNADO, *SUITE_WANTS])
    if stamp.is_file() and stamp.read_text() == source and SUITE.is_dir():
        return python
    print(f"Adding the test suite of {TORNADO}", flush=True)
    _add_curl(folder, _pip(python))
    _check([*_pip(python), *SUITE_WANTS])
    shutil.rmtree(SUITE, ignore_errors=True)
    with tempfile.TemporaryDirectory() as download:
        fetch = [*_pip(python, "download"), "--no-deps", "--only-binary=:all:", "-d", download]
        _check([*fetch, TORNADO])
        (wheel,) = Path(download).glob("*.whl")
        with zipfile.ZipFile(wheel) as packed:
            for name in packed.namelist():
                if name.startswith("tornado/test/"):
                    packed.extract(name, SUITE.parent.parent)
    stamp.write_text(source)
    return python


def applications() -> dict[str, list[str]]:
    """Return what is installed for each application that tests run."""
    table = tomllib.loads((APPS_TESTS / "applications.toml").read_text())
    return {name: entry["requires"] for name, entry in table.items()}


def application_environment(name: str, requires: list[str], base: str) -> str:
    """Make an environment with an application and Whirlwind, and return its Python."""
    folder = APPS_ENVIRONMENTS / name
    python = environment(folder, base, dev=False)
    stamp = folder / "application-from"
    source = " ".join(requires)
    if not stamp.is_file() or stamp.read_text() != source:
        print(f"Adding {source}", flush=True)
        _check([*_pip(python), *requires])
        stamp.write_text(source)
    build(python)
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


def _pip(python: str, action: str = "install") -> list[str]:
    return [python, "-m", "pip", action, "--quiet", "--disable-pip-version-check"]


def _check(command: list[str], **variables: str) -> None:
    if status := run(command, **variables):
        sys.exit(f"{' '.join(command[:6])} failed with status {status}; see the lines above.")


def _add_curl(folder: Path, pip: list[str]) -> None:
    """Install pycurl, which not every system has a wheel for, and go on without it where not."""
    if run([*pip, "pycurl>=7.45"]):
        print(NO_CURL, folder.name, flush=True)


Step = tuple[str, list[str], dict[str, str]]
#: A step's name, exit status and seconds.
Result = tuple[str, int, float]


def _lint_steps(python: str) -> list[Step]:
    return [
        ("ruff", [python, "-m", "ruff", "check", "."], {}),
        ("mypy --strict", [python, "-m", "mypy"], {}),
        ("import layers", [str(Path(python).parent / "lint-imports"), "--no-logo"], {}),
    ]


def _test_steps(python: str, arguments: list[str]) -> tuple[list[Step], list[Step]]:
    """Return what has to be built for one interpreter, and the tests that run then."""
    version = "print('%d.%d' % __import__('sys').version_info[:2])"
    name = subprocess.check_output([python, "-c", version], text=True).strip()
    # A worker a core: the tests mostly compute, and share no port, file or process.
    command = [python, "-m", "pytest", *(arguments or ["-q", "-n", "auto", "--dist", "worksteal"])]
    tornado = os.environ.get("WHIRLWIND_TORNADO_PYTHON") or tornado_environment(python, name)
    # Tests start many processes: compiling every module again costs each 0.3 s.
    common = {"WHIRLWIND_TORNADO_PYTHON": tornado, "PYTHONDONTWRITEBYTECODE": ""}
    plain = {**common, "WHIRLWIND_EXTENSIONS": "0"}
    if not has_compiler(python):
        return [], [(f"pytest, {name}, plain Python", command, plain)]
    compiled = {**common, "WHIRLWIND_EXTENSIONS": "1"}
    # To a browser the forms and versions are the same, and to look at every page takes a minute.
    # An application runs in its own environment, whatever Python runs its test.
    again = [] if arguments else [f"--ignore={BROWSER_TESTS}"]
    other = [] if arguments else [*again, f"--ignore={APPS_TESTS.relative_to(ROOT)}"]
    first = Path(python).parent.parent == VENV
    return [(f"compile, {name}", _build_command(python), compiled)], [
        (f"pytest, {name}, compiled", command + ([] if first else other), compiled),
        (f"pytest, {name}, plain Python", command + (again if first else other), plain),
    ]


def _suite_steps(python: str) -> list[Step]:
    """Tornado's own tests."""
    command = [python, SUITE_RUNNER]
    variables = {"TORNADO_TEST": str(SUITE), "WHIRLWIND_EXTENSIONS": "0"}
    plain: Step = ("Tornado's tests, plain Python", command, variables)
    if not has_compiler(python):
        return [plain]
    return [
        ("Tornado's tests, compiled", command, {**variables, "WHIRLWIND_EXTENSIONS": "1"}),
        plain,
    ]


def _in_turn(steps: list[Step]) -> list[Result]:
    """Run steps one after the other, on this terminal."""
    results = []
    for name, command, variables in steps:
        print(f"\n=== {name}", flush=True)
        start = time.monotonic()
        status = run(command, **variables)
        results.append((name, status, time.monotonic() - start))
    return results


def _beside(lanes: list[list[Step]], at_once: int = 2) -> list[Result]:
    """Run lanes of steps, ``at_once`` of them at a time; each step's output comes when it ends."""
    printing, interrupted = threading.Lock(), threading.Event()

    def travel(lane: list[Step]) -> list[Result]:
        results = []
        for name, command, variables in lane:
            if interrupted.is_set():
                break
            with printing:
                print(f"--- {name} runs", flush=True)
            start = time.monotonic()
            with tempfile.TemporaryFile() as output:
                status = subprocess.run(
                    command,
                    env={**os.environ, **variables},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                ).returncode
                results.append((name, status, time.monotonic() - start))
                output.seek(0)
                with printing:
                    print(f"\n=== {name}", flush=True)
                    shutil.copyfileobj(output, sys.stdout.buffer)
                    sys.stdout.flush()
        return results

    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        try:
            return [result for results in pool.map(travel, lanes) for result in results]
        except KeyboardInterrupt:  # which what runs has had as well
            interrupted.set()
            raise


def _report(results: list[Result]) -> int:
    """Say which steps failed, and return the exit status."""
    lines, failed = [], 0
    for name, status, seconds in results:
        failed += bool(status)
        verdict = f"FAILED ({status})" if status else "ok"
        lines.append(f"{name:32} {verdict:12} {seconds:6.1f} s")
    print("\n" + "\n".join(lines), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
