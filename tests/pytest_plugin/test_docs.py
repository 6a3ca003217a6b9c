"""What docs/testing.md says, tried."""

import re
import subprocess
import sys

import pytest

from tests.project import ROOT
from tests.pytest_plugin.conftest import PLUGIN, Run
from whirlwind import pytest_plugin
from whirlwind.pytest_plugin import plugin, runner, served
from whirlwind.testing import get_async_test_timeout

TEXT = (ROOT / "docs/testing.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n# (\w+)\.py\n(.*?)```", TEXT, re.S)
REPORTS = re.findall(r"```\n(test_.*?)```", TEXT, re.S)


def test_examples(run: Run, pytester: pytest.Pytester) -> None:
    """All of them in one run, as files of the names that their first lines say."""
    assert len(EXAMPLES) == TEXT.count("```python")
    names = {name for name, _ in EXAMPLES}
    assert len(names) == len(EXAMPLES)
    for name, source in EXAMPLES:
        (pytester.path / f"{name}.py").write_text(source)
    tests = sum(len(re.findall(r"^ *(?:async )?def test_", text, re.M)) for _, text in EXAMPLES)
    short = (
        "async def test_short_names(http_client, base_url):\n"
        "    assert (await http_client.fetch(base_url + '/user')).body == b'nobody'"
    )
    app = "import pytest, shop\n@pytest.fixture\ndef app(): return shop.make_app()\n"
    result = run(app + short, conftest=dict(EXAMPLES)["conftest"])
    # One is there twice, with and without TLS.
    result.assert_outcomes(passed=tests + 2)
    for command in (["unittest"], ["whirlwind.testing", "test_cases"]):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=pytester.path, capture_output=True, text=True
        )
        assert "Ran 3 tests" in done.stderr
        assert "OK" in done.stderr


def test_reports(run: Run, pytester: pytest.Pytester) -> None:
    """What is quoted is what comes, but for numbers and places."""
    result = run(
        """
        import asyncio
        import pytest

        async def test_slow(whirlwind_client):
            await whirlwind_client.fetch("/slow")

        @pytest.mark.whirlwind
        async def test_subscribe():
            async def poll():
                await asyncio.sleep(60)
            task = asyncio.create_task(poll())
        """,
        "--whirlwind-timeout=0.1",
    )
    printed = [_without_places(line) for line in result.outlines]
    for report in REPORTS:
        for line in report.splitlines():
            assert _without_places(line) in printed


def _without_places(line: str) -> str:
    line = re.sub(r'File ".*?", line \d+', "File", line)
    line = re.sub(r"Task-\d+, (test_subscribe.<locals>.)?", "Task, ", line)
    return re.sub(r"longer than [\d.]+ s", "longer than x s", line)


def test_tables() -> None:
    fixtures = re.findall(r"^\| `(whirlwind_\w+)` \| [a-zA-Z]", TEXT, re.M)
    assert sorted(fixtures) == plugin.__all__
    for name in pytest_plugin.__all__:
        assert f"`{name}`" in TEXT
        assert getattr(pytest_plugin, name).__module__ == "whirlwind.pytest_plugin"
    stated = re.findall(r"^\| `(\w+)` \| (?:`(--[\w-]+)`)? ?\| (?:`(\w+)=`)? ?\| ", TEXT, re.M)
    assert {ini: (option, mark) for ini, option, mark in stated} == {
        "whirlwind_mode": ("", ""),
        "whirlwind_loop": ("--whirlwind-loop", ""),
        "whirlwind_timeout": ("--whirlwind-timeout", "timeout"),
        "whirlwind_check_leaks": ("", "check_leaks"),
        "whirlwind_server_scope": ("", ""),
    }
    assert set(plugin._CHOICES) < {ini for ini, *_ in stated}


def test_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASYNC_TEST_TIMEOUT", raising=False)
    assert get_async_test_timeout() == 5
    assert "five seconds" in TEXT
    assert runner.GRACE == 1
    assert "have a second for it" in TEXT
    assert served._DRAIN == 1
    assert "still run have a second" in TEXT


def test_the_entry_point() -> None:
    assert f'whirlwind = "{PLUGIN}"' in (ROOT / "pyproject.toml").read_text()
