"""What docs/security.md says: its proofs exist, its numbers are those of the code."""

import functools
import inspect
import re

import pytest

from tests.project import ROOT
from tests.wire.vectors import load
from whirlwind.httpserver import HTTPServer
from whirlwind.httputil import ParseBodyConfig, ParseMultipartConfig, ParseUrlEncodedConfig
from whirlwind.protocol import limits

DOCUMENT = ROOT / "docs/security.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")


ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in TEXT.splitlines()
    if line.startswith("| ") and not line.endswith("| Proved by |")
]


@functools.cache
def proofs() -> frozenset[str]:
    """The names of all vectors and test functions."""
    tests = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", file.read_text(encoding="utf-8"))
    }
    return frozenset(tests | {vector.name.partition("[")[0] for vector in load()})


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:60])
def test_a_line_names_tests_that_exist(row: list[str]) -> None:
    names = re.findall(r"`([^`]+)`", row[-1])
    assert names
    assert set(names) <= proofs()


def test_tests_named_elsewhere_exist() -> None:
    assert set(re.findall(r"`(test_\w+)`", TEXT)) <= proofs()
    for path in re.findall(r"`(tests/[\w/]+\.py)`", TEXT):
        assert (ROOT / path).exists()


def test_settings() -> None:
    arguments = inspect.signature(HTTPServer.initialize).parameters
    stated = re.findall(r"`((?:\w+_timeout|max_(?:header|body)_size|decompress_request))`", TEXT)
    assert set(stated) <= arguments.keys()
    forms = {
        "multipart": ParseMultipartConfig.__dataclass_fields__,
        "urlencoded": ParseUrlEncodedConfig.__dataclass_fields__,
    }
    assert forms.keys() == ParseBodyConfig.__dataclass_fields__.keys()
    for kind, name in re.findall(r"`(multipart|urlencoded)\.(\w+)`", TEXT):
        assert name in forms[kind]


def test_numbers() -> None:
    kib, mib = 1024, 1048576
    for stated in (
        f"a head over {limits.MAX_HEAD_SIZE // kib} KiB",
        f"more than {limits.MAX_FIELDS} field lines",
        f"of {limits.MAX_LENGTH_DIGITS + 1} digits and more",
        f"1 to {limits.MAX_CHUNK_DIGITS} hexadecimal digits",
        f"past {limits.MAX_CHUNK_LINE} bytes in a line",
        f"or {limits.MAX_CHUNK_EXTENSIONS // kib} KiB in a message",
        f"past {limits.MAX_TRAILER_FIELDS} lines or {limits.MAX_TRAILER_SIZE // kib} KiB",
        f"a body over {limits.MAX_BODY_SIZE // mib} MiB",
        f"more than {limits.MAX_FORM_FIELDS} arguments",
        f"more than {limits.MAX_PARTS} parts",
        f"a header over {limits.MAX_PART_HEAD_SIZE // kib} KiB",
        f"more than {limits.MAX_PART_FIELDS} fields",
        f"more than {limits.MAX_BOUNDARY} characters",
        f"more than {limits.MAX_COOKIES} cookies",
        f"limited to {limits.MAX_MESSAGE_SIZE // mib} MiB",
    ):
        assert stated in TEXT, stated
    seconds = {row[2]: row[1] for row in ROWS if row[2].endswith("_timeout`")}
    assert seconds["`header_timeout`"] == f"{limits.HEADER_TIMEOUT:g}"
    assert seconds["`idle_connection_timeout`"] == f"{limits.IDLE_TIMEOUT:g}"
    assert seconds["`write_timeout`"] == f"{limits.WRITE_TIMEOUT:g} without progress"
    assert seconds["`body_timeout`"] == "no limit"
