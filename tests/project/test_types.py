"""That whoever uses the package with a type checker is told every public type."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.project import SOURCE


@pytest.mark.skipif(
    os.environ.get("WHIRLWIND_EXTENSIONS") == "1",
    reason="types are read from the sources, which are the same: the plain run has it",
)
@pytest.mark.skipif(
    shutil.which("pyright") is None, reason="needs the program pyright: pip install pyright"
)
def test_every_public_type_is_known() -> None:
    options = ("--outputjson", "--verifytypes", "whirlwind", "--ignoreexternal")
    found = subprocess.run(
        ["pyright", "--pythonpath", sys.executable, *options],
        env={**os.environ, "PYTHONPATH": str(SOURCE.parent)},
        capture_output=True,
        text=True,
    )
    report = json.loads(found.stdout)["typeCompleteness"]
    unknown = [
        f"{symbol['name']}: {problem['message']}"
        for symbol in report["symbols"]
        if symbol["isExported"] and not symbol["isTypeKnown"]
        for problem in symbol["diagnostics"]
    ]
    assert not unknown
    assert report["completenessScore"] == 1
