"""The scenarios have the same outcome on Whirlwind as on Tornado."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.differential.oracle import tornado_python
from tests.unit.loops import Certificate, certificate

__all__ = ["certificate"]

PYTHON = tornado_python()
SUBJECTS = sorted(Path(__file__).with_name("scenarios").glob("*.py"))

pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="no Tornado: set WHIRLWIND_TORNADO_PYTHON to a Python that has it"
)

#: What is raised where Tornado has an assert statement, which Python may leave out.
INSTEAD_OF_ASSERT = ("!RuntimeError", "!TypeError", "!ValueError")


@functools.cache
def run(certificate: Certificate, python: str, *arguments: str) -> dict[str, Any]:
    command = [python, "-m", "tests.differential.scenarios", *arguments]
    variables = {"CERTFILE": certificate.certfile, "KEYFILE": certificate.keyfile}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=100, env={**os.environ, **variables}
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def errors_aside(ours: Any, theirs: Any) -> Any:
    """Ours, with Tornado's errors: not its assertions, and without what ours say in addition."""
    if theirs == "!AssertionError" and ours in INSTEAD_OF_ASSERT:
        return theirs
    if isinstance(theirs, str) and theirs.startswith("raised ") and ours.startswith(theirs):
        return theirs
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [errors_aside(*both) for both in zip(ours, theirs, strict=True)]
    return ours


def names() -> list[str]:
    lines = (line for file in SUBJECTS for line in file.read_text().splitlines())
    found = []
    for line in lines:
        if line == "@scenario":
            head = next(line for line in lines if line.startswith(("def ", "async def ")))
            found.append(head.partition("def ")[2].partition("(")[0])
    return found


@pytest.mark.parametrize("loop", ["", "asyncio"], ids=["own loop", "asyncio"])
@pytest.mark.parametrize("name", names())
def test_same_outcome(name: str, loop: str, certificate: Certificate) -> None:
    assert PYTHON is not None
    arguments = ("whirlwind", loop) if loop else ("whirlwind",)
    ours = run(certificate, sys.executable, *arguments)
    theirs = run(certificate, PYTHON, "tornado")
    assert ours.keys() == theirs.keys() == set(names())
    assert errors_aside(ours[name], theirs[name]) == theirs[name]
