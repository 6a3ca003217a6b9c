"""tools/compat: what is expected of Tornado's own tests, and what fails a run."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.project import ROOT
from tests.project.test_tools import load

LIST = b"""
[skips]
"running as root" = "root may bind any port"
[gen_test]
"A.test_private" = "reads `_x`"
"A.test_skipped" = "there are no speedups"
"""


@pytest.fixture
def suite(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "tools/compat"))
    module = load("tools/compat/suite.py")
    monkeypatch.setitem(sys.modules, "suite", module)
    return module


def outcome(suite: ModuleType, **values: object):
    made = {"passed": [], "skipped": {}, "failed": {}, **values}
    return suite.Outcome("gen_test", **made)


class TestComparing:
    def test_what_is_listed_is_good(self, suite) -> None:
        ran = outcome(
            suite,
            passed=["gen_test.A.test_good"],
            failed={"gen_test.A.test_private": "AttributeError"},
            skipped={
                "gen_test.A.test_skipped": "tornado.speedups module not present",
                "gen_test.A.test_port": "running as root",
            },
        )
        known = suite.read_known(LIST)
        verdict = suite.compare(ran, known)
        assert verdict.good
        assert verdict.known == 2
        assert suite.misspelt(known, ["gen_test", "auth_test"], [ran]) == []

    @pytest.mark.parametrize(
        ("values", "complaint"),
        [
            ({"failed": {"gen_test.A.test_new": "AssertionError"}}, "gen_test.A.test_new"),
            ({"skipped": {"gen_test.A.test_new": "no hypothesis"}}, "gen_test.A.test_new"),
            ({"broken": "did not end in time"}, "gen_test"),
        ],
    )
    def test_what_is_not_listed_is_complained_of(self, suite, values, complaint) -> None:
        verdict = suite.compare(outcome(suite, **values), suite.read_known(LIST))
        assert list(verdict.complaints) == [complaint]
        text = suite.report([verdict], 1.0, verbose=False)
        assert f"unexpected: {complaint}\n" in text

    def test_an_entry_whose_test_passes_is_no_longer_true(self, suite) -> None:
        ran = outcome(suite, passed=["gen_test.A.test_private"])
        verdict = suite.compare(ran, suite.read_known(LIST))
        assert not verdict.good
        assert "gen_test.A.test_private passes now" in suite.report([verdict], 1.0, verbose=True)

    def test_parts_of_a_test_are_listed_by_themselves(self, suite) -> None:
        known = suite.Known(
            {"gen_test.A.test (i=1)": "reason", "gen_test.A.test (i=2)": "x"}, [], {}
        )
        failed = {"gen_test.A.test (i=1)": "Error", "gen_test.A.test (i=3)": "Error"}
        ran = outcome(suite, failed=failed, in_part=["gen_test.A.test"])
        verdict = suite.compare(ran, known)
        assert (ran.tests, verdict.known) == (1, 0)
        assert list(verdict.complaints) == ["gen_test.A.test (i=3)"]
        assert verdict.stale == ["gen_test.A.test (i=2) passes now: take it off the list"]
        assert suite.misspelt(known, ["gen_test"], [ran]) == []

    def test_an_entry_covers_the_parts(self, suite) -> None:
        known = suite.Known({"gen_test.A.test": "reason"}, [], {})
        ran = outcome(suite, failed={"gen_test.A.test [a]": ""}, in_part=["gen_test.A.test"])
        verdict = suite.compare(ran, known)
        assert verdict.good
        assert verdict.known == 1

    def test_what_is_otherwise_on_purpose(self, suite) -> None:
        entry = b"""
[[deliberate]]
what = "answers otherwise"
why = "RFC 9110"
tests = ["gen_test.A.test"]
"""
        known = suite.read_known(entry)
        assert known.tests == {"gen_test.A.test": "answers otherwise (RFC 9110)"}
        ran = outcome(suite, failed={"gen_test.A.test": "Error"})
        assert suite.compare(ran, known).good
        assert suite.misspelt(known, ["gen_test"], [ran]) == []
        too_many = suite.read_known(entry * (suite.MOST_DELIBERATE + 1))
        assert suite.misspelt(too_many, ["gen_test"], [ran]) == [
            "16 deliberate differences are listed, of 15"
        ]

    def test_an_entry_that_is_no_test(self, suite) -> None:
        known = suite.read_known(LIST)
        lines = suite.misspelt(known, ["gen_test", "auth_test"], [outcome(suite, passed=["x"])])
        assert lines[0] == "gen_test.A.test_private is listed, and there is no such test"
        (line, _) = suite.misspelt(known, ["auth_test"], [])
        assert line == "gen_test.A.test_private is listed, and there is no such module"


class TestReadingResults:
    def write(self, suite, folder: Path, *lines: object) -> Path:
        suite.RESULTS = folder
        (folder / "gen_test.log").write_text("the last words\n")
        file = folder / "gen_test.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return file

    def test_a_crash_names_the_test(self, suite, tmp_path) -> None:
        file = self.write(suite, tmp_path, {"started": "gen_test.A.test"})
        read = suite.read_results("gen_test", file, -11)
        assert read.broken == "ended with status -11, in gen_test.A.test\nthe last words"

    def test_a_hang_names_the_test(self, suite, tmp_path) -> None:
        file = self.write(suite, tmp_path, {"started": "gen_test.A.test"})
        read = suite.read_results("gen_test", file, None)
        assert read.broken.startswith("did not end in time, in gen_test.A.test\n")


class TestTheList:
    def test_every_entry_has_a_reason(self, suite) -> None:
        known = suite.read_known(suite.KNOWN.read_bytes())
        for table in (known.tests, known.skips):
            assert [name for name, reason in table.items() if not reason.strip()] == []


class TestTheReadme:
    """What it says of the suite: the list is here, and a run of the whole suite counts the rest."""

    def test_it_says_how_many_differ(self, suite) -> None:
        known = suite.read_known(suite.KNOWN.read_bytes())
        differ = {test.partition(" ")[0] for test in known.tests}
        assert f"Of these {len(differ)} differ;" in " ".join(suite.README.read_text().split())

    def test_a_run_finds_that_it_says_another_number(self, suite) -> None:
        ran = [
            outcome(suite, passed=["gen_test.A.test_one", "gen_test.A.test_two"]),
            suite.Outcome(suite.API_NAMES, passed=["api_names.gen", "api_names.web", "x"]),
        ]
        assert suite.untold("has 2 tests,\nand 3\nnames", ran) == []
        assert suite.untold("has 1 tests, and 3 names", ran) == [
            "README.md does not say that there were 2 tests"
        ]
        ran[0].broken = "did not end"
        assert suite.untold("", ran) == []


PROGRAM = """
import unittest
from tornado.util import ObjectDict, _no_such_name
from tornado.test.other import value
class Case(unittest.TestCase):
    def test_passes(self):
        self.assertEqual(value, ObjectDict(a=1))
    def test_fails(self):
        self.assertEqual(value, 2)
    def test_uses_a_private_name(self):
        _no_such_name.more()
    @unittest.skip("because")
    def test_skips(self): pass
    def test_sub(self):
        for i in range(3):
            with self.subTest(i=i):
                self.assertEqual(i, 0)
    def test_child(self):
        import subprocess, sys
        subprocess.run([sys.executable, "-c", "import tornado.test.other"], check=True)
"""


def run_worker(folder: Path, module: str) -> list[dict[str, str]]:
    results = folder / "results"
    variables = {
        "TORNADO_TEST": str(folder),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tools/compat/startup"), str(ROOT / "src")]),
    }
    command = [sys.executable, "-m", "whirlwind.as_tornado", str(ROOT / "tools/compat/worker.py")]
    subprocess.run(
        [*command, module, str(results), "60"], env={**os.environ, **variables}, check=True
    )
    return [json.loads(line) for line in results.read_text().splitlines()]


def test_a_worker_runs_a_module_and_its_children_have_the_suite_too(tmp_path) -> None:
    (tmp_path / "__init__.py").touch()
    (tmp_path / "other.py").write_text(
        "from tornado.util import ObjectDict\nvalue = ObjectDict(a=1)\n"
    )
    (tmp_path / "some_test.py").write_text(PROGRAM)
    lines = run_worker(tmp_path, "some_test")
    outcomes = {
        line["test"].removeprefix("some_test.Case."): line["outcome"]
        for line in lines
        if "outcome" in line
    }
    assert outcomes == {
        "test_passes": "passed",
        "test_child": "passed",
        "test_fails": "failed",
        "test_uses_a_private_name": "failed",
        "test_skips": "skipped",
        "test_sub": "in part",
        "test_sub (i=1)": "failed",
        "test_sub (i=2)": "failed",
    }
    detail = [line["detail"] for line in lines if "private" in line.get("test", "")]
    assert "there is no tornado.util._no_such_name.more: it is private to Tornado" in detail[0]
    assert lines[-1] == {"done": True}


@pytest.mark.parametrize(
    "statement",
    ["import tornado.no_such", "from tornado import no_such", "from tornado.log import no_such"],
)
def test_a_worker_names_what_is_absent(tmp_path, statement: str) -> None:
    (tmp_path / "__init__.py").touch()
    (tmp_path / "some_test.py").write_text(statement)
    assert "no_such" in run_worker(tmp_path, "some_test")[0]["not loaded"].splitlines()[-1]


class TestTheAPI:
    @pytest.fixture
    def api(self) -> ModuleType:
        return load("tools/compat/api.py")

    @pytest.fixture
    def ours(self, monkeypatch) -> None:
        class Thing:
            mark = 1

            def same(self, a, b=2, *, c=None): ...

            def more(self, a, b=2, new=None): ...

            def fewer(self, a): ...

            def other_default(self, a, b=3): ...

            def required(self, a, b=2, *, new): ...

            def swapped(self, b=2, a=None): ...

            def anything(self, *args, **kwargs): ...

            @classmethod
            def made(cls, a): ...

        module = ModuleType("ours_for_api")
        module.Thing = Thing  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "ours_for_api", module)

    @pytest.mark.parametrize(
        ("name", "description", "complaint"),
        [
            ("Thing", "class()", ""),
            ("Thing.mark", "attribute", ""),
            ("Thing.of_instances", "attribute", ""),
            ("Thing.no", "method(self)", "ours_for_api has no Thing.no"),
            ("Thing.same", "method(self, a, b=2, *, c=None)", ""),
            ("Thing.more", "method(self, a, b=2)", ""),
            ("Thing.fewer", "method(self, a, b=2)", "parameter b is missing: (self, a)"),
            ("Thing.other_default", "method(self, a, b=2)", "b is '3' and not '2': "),
            ("Thing.other_default", "method(self, a, b=...)", ""),
            ("Thing.required", "method(self, a, b=2)", "parameter new is required: "),
            ("Thing.swapped", "method(self, a=None, b=2)", "parameter a is in another place: "),
            ("Thing.anything", "method(self, a, b=2)", ""),
            ("Thing.made", "classmethod(cls, a)", ""),
        ],
    )
    def test_a_name(self, api, ours, name: str, description: str, complaint: str) -> None:
        said = api.complaint("ours_for_api", name, description)
        assert said.startswith(complaint)
        assert bool(said) == bool(complaint)

    def test_a_module_that_is_absent(self, api) -> None:
        assert "no_such_module" in api.complaint("no_such_module", "name", "data")

    def test_a_file(self, api, ours, tmp_path) -> None:
        (tmp_path / "api.txt").write_text(
            "[ours_for_api]\nours_for_api.Thing: class()\nours_for_api.no: data\n\n"
        )
        assert [(line["test"], line["outcome"]) for line in api.outcomes(tmp_path)] == [
            ("api_names.ours_for_api.Thing", "passed"),
            ("api_names.ours_for_api.no", "failed"),
        ]
