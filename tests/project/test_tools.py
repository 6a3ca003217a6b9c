"""tools/project.py and the rulers: what can be checked without a network or a load."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.project import ROOT


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project() -> ModuleType:
    return load("tools/project.py")


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


@pytest.mark.skipif(os.name == "nt", reason="makes shell scripts")
class TestFindPython:
    MINOR = sys.version_info.minor

    def test_a_shim_that_refuses_is_absent(self, project, tmp_path, monkeypatch) -> None:
        executable(tmp_path / f"python3.{self.MINOR}", "echo 'command not found' >&2; exit 127\n")
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "none"))
        assert project.find_python(self.MINOR) is None

    def test_pyenv_has_one_behind_the_shim(self, project, tmp_path, monkeypatch) -> None:
        executable(tmp_path / f"python3.{self.MINOR}", "exit 127\n")
        behind = tmp_path / f"versions/3.{self.MINOR}.9/bin/python"
        executable(behind, f'exec {sys.executable} "$@"\n')
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
        assert project.find_python(self.MINOR) == str(behind)

    def test_another_version_under_the_name_is_not_taken(self, project, tmp_path, monkeypatch):
        wrong = self.MINOR + 1
        executable(tmp_path / f"python3.{wrong}", f'exec {sys.executable} "$@"\n')
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "none"))
        assert project.find_python(wrong) is None


class TestSteps:
    @staticmethod
    def step(name: str, code: str, **variables: str) -> tuple[str, list[str], dict[str, str]]:
        return name, [sys.executable, "-c", code], variables

    def test_lanes_run_beside_each_other(self, project, tmp_path, capfdbinary) -> None:
        there, back = tmp_path / "there", tmp_path / "back"
        os.mkfifo(there)
        os.mkfifo(back)
        # Each waits for the other: one after the other, they would not end.
        first = f"open({str(there)!r}, 'w').close(); open({str(back)!r}).close(); print('one')"
        second = f"open({str(there)!r}).close(); open({str(back)!r}, 'w').close(); exit(3)"
        results = project._beside([[self.step("a", first)], [self.step("b", second)]])
        assert [(name, status) for name, status, _ in results] == [("a", 0), ("b", 3)]
        assert project._report(results) == 1
        out = capfdbinary.readouterr().out.decode()
        assert "=== a\none\n" in out
        assert "FAILED (3)" in out

    def test_the_steps_of_a_lane_come_one_after_the_other(self, project, tmp_path) -> None:
        mark = tmp_path / "mark"
        make = self.step("make", f"open({str(mark)!r}, 'x')")
        take = self.step("take", "import os; os.unlink(os.environ['MARK'])", MARK=str(mark))
        for results in project._beside([[make, take]]), project._in_turn([make, take]):
            assert [status for _, status, _ in results] == [0, 0]
            assert project._report(results) == 0


class TestRulers:
    @pytest.fixture(autouse=True)
    def path(self, monkeypatch) -> None:
        monkeypatch.syspath_prepend(str(ROOT / "bench"))

    def test_every_work_has_servers_and_every_server_a_work(self) -> None:
        import compare
        import servers

        table = servers.catalogue(compiled=True)
        assert {work for row in table.values() for work in row} == set(compare.WORKS)
        assert {"Tornado", "Whirlwind", "Whirlwind, plain Python"} <= set(table)
        assert "Whirlwind" not in servers.catalogue(compiled=False)

    def test_the_document_has_the_place_for_the_tables(self, tmp_path, monkeypatch) -> None:
        import run

        document = tmp_path / "performance.md"
        document.write_bytes(run.DOCUMENT.read_bytes())
        monkeypatch.setattr(run, "DOCUMENT", document)
        before = document.read_text()
        run.write("one")
        run.write("two")
        text = document.read_text()
        assert "two" in text
        assert "one" not in text.partition(run.START)[2].partition(run.END)[0]
        assert text.partition(run.START)[0] == before.partition(run.START)[0]
        assert text.partition(run.END)[2] == before.partition(run.END)[2]

    def test_a_document_without_the_place_is_left_alone(self, tmp_path, monkeypatch) -> None:
        import run

        document = tmp_path / "performance.md"
        document.write_text("nothing")
        monkeypatch.setattr(run, "DOCUMENT", document)
        with pytest.raises(SystemExit, match="lacks the markers"):
            run.write("text")
        assert document.read_text() == "nothing"

    def test_the_report_names_no_folder_of_this_machine(self) -> None:
        import compare
        import run

        row = compare.Row(cpu=12.5, rate=80_000, p99="1ms", peak_rss=30, ratio=14.0, complaint="")
        text = run.report(
            ["Tornado", "Whirlwind"],
            {"plaintext": {"Whirlwind": row}},
            {"Whirlwind": 2.0},
            {"queue": (1.0, 0.5, 2.0)},
            [f"json: no file {run.ROOT}/x"],
            {"tornado": "6"},
            "1 round",
        )
        assert "| Whirlwind | 12.5 |" in text
        assert "| Whirlwind | 14.0 |" in text
        assert "- json: no file ./x" in text
        assert str(ROOT) not in text

    def test_a_missing_program_is_named_with_its_command(self, monkeypatch) -> None:
        import compare

        monkeypatch.setenv("PATH", "/nonexistent")
        with pytest.raises(SystemExit, match=r"wrk is not installed: apt-get install wrk"):
            compare.prepare()

    @pytest.mark.parametrize(
        "script",
        [
            *("applications", "compare", "faults", "idle", "micro", "room", "run", "streams"),
            *("vanish", "workers"),
        ],
    )
    def test_a_ruler_explains_itself(self, script: str) -> None:
        command = [sys.executable, f"bench/{script}.py", "--help"]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert told.returncode == 0, told.stderr
        assert "usage:" in told.stdout

    def test_streams_measures(self) -> None:
        command = [sys.executable, "bench/streams.py", "-n1", "-m2"]
        who = f"{sys.executable}:whirlwind"
        told = subprocess.run(
            [*command, who, who, "bytes", "lines"], cwd=ROOT, capture_output=True, text=True
        )
        assert told.returncode == 0, told.stderr
        assert [line.split()[0] for line in told.stdout.splitlines()] == ["bytes", "lines"]
