"""Command lines, configuration files and log lines mean what they mean to Tornado.

What is decided otherwise here: "no", "n" and "off" are false, and words that are no boolean are
errors; more forms of times are understood; integers are values of float options; "-" alone is an
argument, and -h asks for help. Formats of log lines in other styles than % work.
"""

import contextlib
import datetime
import io
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.differential.oracle import Oracle, tornado_python

PYTHON = tornado_python()

pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="no Tornado: set WHIRLWIND_TORNADO_PYTHON to a Python that has it"
)

SETTINGS = settings(max_examples=60, deadline=None)

# Runs on both sides: what became of a command line or a file, or that it was an error.
OPTIONS = """
import datetime, importlib, io, sys
def run(args, kinds, file=None, setting=None):
    module = importlib.import_module(package + ".options")
    parser = module.OptionParser()
    seen = []
    for name, (kind, multiple) in kinds.items():
        kind = getattr(datetime, kind, None) or getattr(importlib.import_module("builtins"), kind)
        parser.define(name, type=kind, multiple=multiple, callback=seen.append)
    parser.add_parse_callback(lambda: seen.append("end"))
    stderr, sys.stderr = sys.stderr, io.StringIO()
    try:
        if setting is not None:
            parser[setting[0]] = setting[1]
        if file is not None:
            parser.parse_config_file(file, final=False)
        rest = parser.parse_command_line(["main", *args])
    except SystemExit:
        return "exit"
    except Exception as error:
        return "error"
    finally:
        sys.stderr = stderr
    return rest, parser.as_dict(), seen, sorted(parser)
"""
LOGS = """
import importlib, logging
def run(fields, how):
    log = importlib.import_module(package + ".log")
    return log.LogFormatter(color=False, **how).format(logging.makeLogRecord(fields))
"""


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    assert PYTHON is not None
    oracle = Oracle(PYTHON)
    yield oracle
    oracle.close()


def ours(program: str, *args: Any) -> Any:
    names: dict[str, Any] = {"package": "whirlwind"}
    exec(program, names)
    return names["run"](*args)


def compare(oracle: Oracle, *args: Any) -> Any:
    """What Tornado makes of it; we do the same, unless it is an error there."""
    theirs = oracle.run(OPTIONS, *args)
    mine = ours(OPTIONS, *args)
    if theirs != "error":
        assert mine == theirs
    return mine


numbers = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.floats(-1e6, 1e6, allow_nan=False).map(str),
    st.sampled_from(["1_0", " 7 ", ".5", "5.", "1e2", "+3", "", "x", "٣"]),
)
units = st.sampled_from(
    [
        "h",
        "m",
        "min",
        "s",
        "sec",
        "ms",
        "us",
        "d",
        "w",
        "hours",
        "minutes",
        "seconds",
        "milliseconds",
        "microseconds",
        "days",
        "weeks",
        "x",
    ]
)
blanks = st.sampled_from(["", " ", "  "])
spans = st.lists(st.tuples(blanks, numbers, blanks, st.one_of(units, st.just("")), blanks)).map(
    lambda parts: "".join(map("".join, parts))
)
FORMATS = (
    "%a %b %d %H:%M:%S %Y",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y%m%d %H:%M:%S",
    "%Y%m%d %H:%M",
    "%Y-%m-%d",
    "%Y%m%d",
    "%H:%M:%S",
    "%H:%M",
)
moments = st.builds(
    datetime.datetime.strftime,
    st.datetimes(min_value=datetime.datetime(1000, 1, 1)),
    st.sampled_from([*FORMATS, "%m/%d/%Y", "%Y-%m-%dT%H:%M:%S", "%d %b %Y"]),
)
ranges = st.lists(
    st.one_of(
        st.integers(-9, 99).map(str),
        st.builds("{}:{}".format, st.integers(-9, 9), st.integers(-9, 20)),
        st.sampled_from(["", "3:", ":3", "1:2:3", "x", " 4 "]),
    ),
    max_size=4,
).map(",".join)
texts = st.text(max_size=8)


@SETTINGS
@given(st.one_of(spans, texts))
def test_spans_of_time(oracle: Oracle, text: str) -> None:
    compare(oracle, [f"--x={text}"], {"x": ("timedelta", False)})


@SETTINGS
@given(st.one_of(moments, texts))
def test_times(oracle: Oracle, text: str) -> None:
    compare(oracle, [f"--x={text}"], {"x": ("datetime", False)})


@SETTINGS
@given(st.sampled_from(["int", "float", "str"]), st.booleans(), st.one_of(ranges, numbers, texts))
def test_numbers_and_lists(oracle: Oracle, kind: str, multiple: bool, text: str) -> None:
    compare(oracle, [f"--x={text}"], {"x": (kind, multiple)})


KINDS = {
    "number": ("int", False),
    "flag": ("bool", False),
    "two-words": ("str", False),
    "under_score": ("str", False),
    "many": ("int", True),
}
arguments = st.sampled_from(
    [
        *("--number=5", "-number=6", "--number", "--number=x", "--flag", "--flag=false", "-flag=1"),
        *("--two-words=a", "--two_words=b=c", "--under-score=d", "--under_score=", "--many=1:3"),
        *("--", "plain", "", "--=1", "--unknown", "--Flag", "---number=7", "--help=false"),
    ]
)


@SETTINGS
@given(st.lists(arguments, max_size=5))
def test_command_lines(oracle: Oracle, args: list[str]) -> None:
    compare(oracle, args, KINDS)


def test_help_ends_it(oracle: Oracle) -> None:
    assert compare(oracle, ["--number=5", "--help", "--unknown"], KINDS) == "exit"


@SETTINGS
@given(
    st.lists(
        st.sampled_from(
            [
                *("number = 5", "number = '5'", "number = None", "number = True", "number = 1.5"),
                *("two_words = 'a'", "under_score = b'x'", "flag = True", "flag = 'false'"),
                *("many = [1, 2]", "many = '1,3:5'", "many = (1,)", "many = 1", "many = ['1']"),
                *("unknown = 1", "number = number + 1", "two_words = __file__", "1 / 0", "x ="),
            ]
        ),
        max_size=4,
    )
)
def test_config_files(
    oracle: Oracle, tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    file = tmp_path_factory.getbasetemp() / "config.py"
    file.write_text("\n".join(lines))
    compare(oracle, ["--flag"], KINDS, str(file))


@SETTINGS
@given(
    st.sampled_from([*KINDS, "nobody"]),
    st.sampled_from([1, True, None, "1", [1], [None], ["1"], (1,), b"x", 1.5]),
)
def test_setting(oracle: Oracle, name: str, value: object) -> None:
    compare(oracle, [], KINDS, None, (name, value))


@SETTINGS
@given(
    st.one_of(st.text(max_size=20), st.binary(max_size=9)),
    st.lists(st.one_of(st.text(max_size=5), st.integers(), st.binary(max_size=5)), max_size=2),
    st.sampled_from([None, "Traceback\n  x", ""]),
    st.sampled_from([{}, {"fmt": "%(levelname)s %(message)s"}]),
)
def test_log_lines(
    oracle: Oracle, message: object, args: list[object], exc_text: str | None, how: dict[str, str]
) -> None:
    fields = {
        "msg": message,
        "args": tuple(args),
        "levelno": 30,
        "levelname": "WARNING",
        "module": "mod",
        "lineno": 12,
        "created": 1_700_000_000.0,
        "exc_text": exc_text,
    }
    with contextlib.redirect_stderr(io.StringIO()):
        mine = ours(LOGS, fields, how)
    theirs = oracle.run(LOGS, fields, how)
    if "Bad message (" in theirs:
        assert mine.partition("Bad message (")[:2] == theirs.partition("Bad message (")[:2]
    else:
        assert mine == theirs
