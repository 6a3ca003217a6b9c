"""Runs Tornado's own tests on Whirlwind and compares with tests/compat/known_differences.toml.

A test that fails and is not listed there fails the run; so does an entry whose test passes.
"""

import argparse
import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
KNOWN = ROOT / "tests/compat/known_differences.toml"
README = ROOT / "README.md"
RESULTS = ROOT / "build/compat"

#: Seconds for one module, of which the longest takes 10 on a quiet core.
MODULE_TIMEOUT = 240


#: How many things Whirlwind may do otherwise than Tornado on purpose.
MOST_DELIBERATE = 15

#: What stands in the table for the names and parameters of the API (see api.py).
API_NAMES = "api_names"


@dataclass
class Known:
    """The list of what is different, and why."""

    #: Test to reason.
    tests: dict[str, str]
    #: What is otherwise on purpose.
    deliberate: list[str]
    #: Reason of a skip to when it is in order: what depends on the machine, not on us.
    skips: dict[str, str]


@dataclass
class Outcome:
    """What became of one test module."""

    module: str
    passed: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    #: Also the parts of tests that failed, by their test's name and their own.
    failed: dict[str, str] = field(default_factory=dict)
    #: Tests of which some parts failed.
    in_part: list[str] = field(default_factory=list)
    #: Why the module as a whole did not run or did not end.
    broken: str = ""
    seconds: float = 0.0

    @property
    def tests(self) -> int:
        """Return how many tests ran."""
        whole = [name for name in self.failed if " " not in name]
        return len(self.passed) + len(self.skipped) + len(whole) + len(self.in_part)


@dataclass
class Verdict:
    """An outcome, compared with what is known."""

    outcome: Outcome
    known: int = 0
    complaints: dict[str, str] = field(default_factory=dict)
    #: Lines about entries of the list that are no longer true.
    stale: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Tell whether everything is as listed."""
        return not self.complaints and not self.stale


def main(arguments: list[str]) -> int:
    """Run what the command line asks for and return the exit status."""
    parser = argparse.ArgumentParser(prog="make compat ARGS=...", description=__doc__)
    parser.add_argument("module", nargs="*", help="such as gen_test; by default all")
    parser.add_argument("-v", "--verbose", action="store_true", help="whole tracebacks")
    options = parser.parse_args(arguments)
    suite = Path(os.environ["TORNADO_TEST"])
    known = read_known(KNOWN.read_bytes())
    present = [API_NAMES, *sorted(file.stem for file in suite.glob("*_test.py"))]
    chosen = options.module or present
    unknown = sorted(set(chosen) - set(present))
    if unknown:
        sys.exit(f"Tornado's suite has no {', '.join(unknown)}; it has: {', '.join(present)}")
    RESULTS.mkdir(parents=True, exist_ok=True)
    # The longest first, so that the last core is not left alone with it.
    sizes = {file.stem: file.stat().st_size for file in suite.glob("*.py")}
    chosen.sort(key=lambda module: -sizes.get(module, 0))
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        outcomes = sorted(pool.map(run_module, chosen), key=lambda outcome: outcome.module)
    verdicts = [compare(outcome, known) for outcome in outcomes]
    extra = misspelt(known, present, outcomes)
    if not options.module:
        extra += untold(README.read_text(), outcomes)
    print(report(verdicts, time.monotonic() - start, verbose=options.verbose))
    for line in extra:
        print(line)
    return 0 if all(verdict.good for verdict in verdicts) and not extra else 1


def read_known(text: bytes) -> Known:
    """Read the list of differences."""
    data = tomllib.loads(text.decode())
    skips = data.pop("skips", {})
    deliberate = data.pop("deliberate", [])
    tests = {
        test: f"{entry['what']} ({entry['why']})" for entry in deliberate for test in entry["tests"]
    }
    tests |= {
        f"{module}.{test}": reason
        for module, entries in data.items()
        for test, reason in entries.items()
    }
    return Known(tests, [entry["what"] for entry in deliberate], skips)


def run_module(module: str) -> Outcome:
    """Run one test module in a process of its own."""
    results = RESULTS / f"{module}.jsonl"
    results.unlink(missing_ok=True)
    command = [sys.executable, "-m", "whirlwind.as_tornado", str(HERE / "worker.py")]
    path = [str(HERE / "startup"), *filter(None, [os.environ.get("PYTHONPATH")])]
    variables = {
        "PYTHONPATH": os.pathsep.join(path),
        # A busy machine must not decide; a test that waits for nothing takes this long.
        "ASYNC_TEST_TIMEOUT": "30",
        "PYTHONFAULTHANDLER": "1",
    }
    start = time.monotonic()
    with (RESULTS / f"{module}.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, module, str(results), str(MODULE_TIMEOUT)],
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status: int | None = process.wait(MODULE_TIMEOUT + 15)
        except subprocess.TimeoutExpired:
            status = None
        _end(process)
    outcome = read_results(module, results, status)
    outcome.seconds = time.monotonic() - start
    return outcome


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a worker, and what its tests started and left behind: its session is its own."""
    if sys.platform == "win32":
        process.kill()
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()


def read_results(module: str, file: Path, status: int | None) -> Outcome:
    """Read what a worker wrote.

    :arg status: its exit status, None when it had to be ended.
    """
    outcome = Outcome(module)
    running = ""
    done = False
    for text in file.read_text(encoding="utf-8").splitlines() if file.is_file() else []:
        line = json.loads(text)
        if "not loaded" in line:
            outcome.broken = line["not loaded"]
            return outcome
        done = done or "done" in line
        running = line.get("started", running)
        if line.get("outcome") == "passed":
            outcome.passed.append(line["test"])
        elif line.get("outcome") == "skipped":
            outcome.skipped[line["test"]] = line["detail"]
        elif line.get("outcome") == "in part":
            outcome.in_part.append(line["test"])
        elif line.get("outcome") == "failed":
            outcome.failed[line["test"]] = line["detail"]
    if not done:
        ended = "did not end in time" if status in (None, 1) else f"ended with status {status}"
        log = (RESULTS / f"{module}.log").read_text(errors="replace").strip()
        outcome.broken = f"{ended}, in {running or 'loading'}\n{log[-6000:]}"
    return outcome


def compare(outcome: Outcome, known: Known) -> Verdict:
    """Compare what happened with what the list says."""
    verdict = Verdict(outcome)
    module = outcome.module
    if outcome.broken:
        verdict.complaints[module] = outcome.broken
    for test, detail in outcome.failed.items():
        whole, _, part = test.partition(" ")
        if test not in known.tests and whole not in known.tests:
            verdict.complaints[test] = detail
        elif not part:
            verdict.known += 1
    verdict.known += sum(
        all(
            part not in verdict.complaints for part in outcome.failed if part.startswith(f"{test} ")
        )
        for test in outcome.in_part
    )
    for test, reason in outcome.skipped.items():
        if test in known.tests:
            verdict.known += 1
        elif not any(reason.startswith(start) for start in known.skips):
            verdict.complaints[test] = f"skipped: {reason}"
    # A part that does not fail is not written down.
    parts = [test for test in known.tests if " " in test and test not in outcome.failed]
    ran = {*outcome.passed, *outcome.in_part}
    for test in outcome.passed + [part for part in parts if part.partition(" ")[0] in ran]:
        if test in known.tests:
            verdict.stale.append(f"{test} passes now: take it off the list")
    return verdict


def misspelt(known: Known, present: list[str], outcomes: list[Outcome]) -> list[str]:
    """Name the entries of the list that no test has, and say when there are too many."""
    complete = {outcome.module: outcome for outcome in outcomes if not outcome.broken}
    lines = []
    if len(known.deliberate) > MOST_DELIBERATE:
        lines.append(
            f"{len(known.deliberate)} deliberate differences are listed, of {MOST_DELIBERATE}"
        )
    for test in known.tests:
        module = test.partition(".")[0]
        if module not in present:
            lines.append(f"{test} is listed, and there is no such module")
        elif module in complete:
            outcome = complete[module]
            names = {*outcome.passed, *outcome.skipped, *outcome.failed, *outcome.in_part}
            if test.partition(" ")[0] not in names:
                lines.append(f"{test} is listed, and there is no such test")
    return lines


def untold(text: str, outcomes: list[Outcome]) -> list[str]:
    """Name what a whole run has had and the README does not say."""
    if any(outcome.broken for outcome in outcomes):
        return []
    names = sum(outcome.tests for outcome in outcomes if outcome.module == API_NAMES)
    tests = sum(outcome.tests for outcome in outcomes) - names
    counts = {"tests": tests, "names": names}
    return [
        f"{README.name} does not say that there were {count} {what}"
        for what, count in counts.items()
        if f" {count} {what}" not in " ".join(text.split())
    ]


def report(verdicts: list[Verdict], seconds: float, *, verbose: bool) -> str:
    """Write the table, and below it everything that is not as listed."""
    row = "{:26} {:>6} {:>7} {:>8} {:>6} {:>11} {:>7}".format
    lines = [row("module", "tests", "passed", "skipped", "known", "unexpected", "s")]
    total = [0, 0, 0, 0, 0]
    for verdict in verdicts:
        outcome = verdict.outcome
        numbers = [
            outcome.tests,
            len(outcome.passed),
            len(outcome.skipped),
            verdict.known,
            len(verdict.complaints) + len(verdict.stale),
        ]
        total = [sum(pair) for pair in zip(total, numbers, strict=True)]
        lines.append(row(outcome.module, *numbers, f"{outcome.seconds:.1f}"))
    lines.append(row("all", *total, f"{seconds:.1f}"))
    for verdict in verdicts:
        for test, detail in verdict.complaints.items():
            lines.append(f"\nunexpected: {test}")
            text = detail.strip().splitlines()
            lines += ["    " + line for line in (text if verbose else text[-4:])]
    lines += [f"\n{line}" for verdict in verdicts for line in verdict.stale]
    if not verbose and any(verdict.complaints for verdict in verdicts):
        lines.append("\nWhole tracebacks: make compat ARGS='-v MODULE', or build/compat/.")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
