"""whirlwind.log: the line format, what reaches which handler, and the options."""

import io
import logging
import logging.handlers
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from whirlwind import log
from whirlwind.log import LogFormatter, define_logging_options, enable_pretty_logging

LINE = re.compile(r"\[[DIWECNL] \d{6} \d\d:\d\d:\d\d mod:12\] ")


def record(message: object, *args: object, level: int = logging.INFO, **fields: Any) -> Any:
    made = logging.LogRecord("name", level, "/a/b/mod.py", 12, message, args, None)
    vars(made).update(fields)
    return made


def plain(made: Any) -> str:
    text = LogFormatter(color=False).format(made)
    match = LINE.match(text)
    assert match, text
    return text[match.end() :]


def options(**changed: object) -> types.SimpleNamespace:
    values: dict[str, object] = {
        "logging": "info",
        "log_to_stderr": None,
        "log_file_prefix": None,
        "log_file_max_size": 100,
        "log_file_num_backups": 3,
        "log_rotate_when": "H",
        "log_rotate_interval": 2,
        "log_rotate_mode": "size",
    }
    return types.SimpleNamespace(**(values | changed))


@pytest.fixture
def logger(request: pytest.FixtureRequest) -> Iterator[logging.Logger]:
    made = logging.Logger(request.node.name)
    yield made
    for handler in made.handlers:
        handler.close()


def test_names_of_the_loggers() -> None:
    names = [each.name for each in (log.access_log, log.app_log, log.gen_log)]
    assert names == ["whirlwind.access", "whirlwind.application", "whirlwind.general"]
    assert not any(each.handlers for each in (log.access_log, log.app_log, log.gen_log))


@pytest.mark.parametrize(
    ("message", "args", "expected"),
    [
        ("hello", (), "hello"),
        ("x %s", ("é",), "x é"),
        (b"caf\xc3\xa9", (), r"b'caf\xc3\xa9'"),
        ("%s", (b"\xff",), r"b'\xff'"),
        ({"a": 1}, (), "{'a': 1}"),
        ("multi\nline", (), "multi\n    line"),
        ("%(who)s", ({"who": "me"},), "me"),
    ],
)
def test_messages(message: object, args: tuple[object, ...], expected: str) -> None:
    assert plain(record(message, *args)) == expected


def test_a_message_that_can_not_be_made_is_logged_as_such() -> None:
    text = plain(record("a %d", "s"))
    assert text.startswith("Bad message (TypeError(")
    assert "'msg': 'a %d'" in text


def test_a_forged_line_is_indented() -> None:
    text = LogFormatter(color=False).format(record("GET /\n[I 260101 00:00:00 mod:12] forged"))
    assert [bool(LINE.match(line)) for line in text.split("\n")] == [True, False]


def test_traceback_and_stack_are_indented_and_kept_on_the_record() -> None:
    try:
        raise ValueError(b"\xe9")
    except ValueError:
        made = record("oops \n", exc_info=sys.exc_info(), stack_info="Stack:\n  here")
    lines = plain(made).split("\n")
    assert lines[:2] == ["oops", "    Traceback (most recent call last):"]
    assert lines[-3] == r"    ValueError: b'\xe9'"
    assert lines[-2:] == ["    Stack:", "      here"]
    assert made.exc_text.startswith("Traceback")


def test_levels_show_one_letter() -> None:
    shown = [LogFormatter(color=False).format(record("m", level=n))[:2] for n in range(10, 51, 10)]
    assert shown == ["[D", "[I", "[W", "[E", "[C"]


@pytest.mark.parametrize(
    ("style", "fmt"),
    [
        ("%", "%(levelname)s %(message)s%(color)s"),
        ("{", "{levelname} {message}{color}"),
        ("$", "$levelname $message$color"),
    ],
)
def test_styles(style: str, fmt: str) -> None:
    assert LogFormatter(fmt, style=style).format(record("m")) == "INFO m"


def test_default_format_works_with_any_style() -> None:
    assert LINE.match(LogFormatter(style="{", color=False).format(record("m")))


def test_subclass_may_assign_the_format_and_override_the_time() -> None:
    class Mine(LogFormatter):
        def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
            return f"<{datefmt}>"

    formatter = Mine(datefmt="%Y")
    formatter._fmt = "%(asctime)s %(message)s"
    assert formatter.format(record("m")) == "<%Y> m"


def test_colors_go_around_the_prefix_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_stderr_colors", lambda: ("", "<off>"))
    formatter = LogFormatter("%(color)s[%(levelname)s]%(end_color)s %(message)s")
    assert formatter.format(record("m")) == "\x1b[2;32m[INFO]<off> m"
    assert formatter.format(record("m", level=5)) == "[Level 5] m"
    assert LogFormatter(color=False)._colors == {}


def test_terminal_capabilities_make_the_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminfo:
        @staticmethod
        def setupterm() -> None:
            pass

        @staticmethod
        def tigetnum(name: str) -> int:
            return {"colors": 8}[name]

        @staticmethod
        def tigetstr(name: str) -> bytes | None:
            return {"setaf": None, "setf": b"F", "sgr0": b"N"}[name]

        @staticmethod
        def tparm(capability: bytes, number: int) -> bytes:
            return capability + b"%d" % number

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(log, "curses", Terminfo)
    monkeypatch.setattr(sys, "stderr", Terminal())
    formatter = LogFormatter(colors={logging.INFO: 2})
    assert formatter._colors == {logging.INFO: "F2"}
    assert formatter._normal == "N"


@pytest.mark.parametrize("stderr", [None, io.StringIO()])
def test_no_terminal_no_colors(stderr: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    assert LogFormatter()._colors == {}


def test_broken_terminfo_does_not_stop_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        @staticmethod
        def setupterm() -> None:
            raise OSError("no terminfo")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(log, "curses", Broken)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert LogFormatter()._colors == {}


@pytest.mark.parametrize("value", ["none", "NONE", None])
def test_none_touches_nothing(value: str | None, logger: logging.Logger) -> None:
    enable_pretty_logging(options(logging=value, log_to_stderr=True), logger)
    assert (logger.level, logger.handlers) == (logging.NOTSET, [])


def test_stderr_only_when_nothing_else_takes_the_log(logger: logging.Logger) -> None:
    enable_pretty_logging(options(logging="DEBUG"), logger)
    assert logger.level == logging.DEBUG
    (handler,) = logger.handlers
    assert type(handler) is logging.StreamHandler
    assert type(handler.formatter) is LogFormatter
    enable_pretty_logging(options(), logger)
    assert logger.handlers == [handler]
    enable_pretty_logging(options(log_to_stderr=True), logger)
    assert len(logger.handlers) == 2


def test_stderr_can_be_refused(logger: logging.Logger) -> None:
    enable_pretty_logging(options(log_to_stderr=False), logger)
    assert logger.handlers == []


def test_rotation_by_size(logger: logging.Logger, tmp_path: Path) -> None:
    enable_pretty_logging(options(log_file_prefix=str(tmp_path / "log")), logger)
    (handler,) = logger.handlers
    assert isinstance(handler, logging.handlers.RotatingFileHandler)
    assert (handler.maxBytes, handler.backupCount) == (100, 3)
    logger.info("é\x1b")
    assert (tmp_path / "log").read_text("utf-8").endswith("é\x1b\n")


def test_s26_rotation_by_time(logger: logging.Logger, tmp_path: Path) -> None:
    prefix = str(tmp_path / "log")
    enable_pretty_logging(
        options(log_file_prefix=prefix, log_rotate_mode="time", log_to_stderr=True), logger
    )
    rotating, stderr = logger.handlers
    assert isinstance(rotating, logging.handlers.TimedRotatingFileHandler)
    assert (rotating.when, rotating.interval, rotating.backupCount) == ("H", 7200, 3)
    assert type(stderr) is logging.StreamHandler


@pytest.mark.parametrize("bad", [{"log_rotate_mode": "daily"}, {"logging": "loud"}])
def test_values_that_mean_nothing(
    bad: dict[str, str], logger: logging.Logger, tmp_path: Path
) -> None:
    name, value = bad.popitem()
    with pytest.raises(ValueError, match=rf"option {name} is '{value}'; set it to"):
        enable_pretty_logging(
            options(log_file_prefix=str(tmp_path / "log"), **{name: value}), logger
        )


def test_options_are_defined_and_take_effect_after_parsing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Parser:
        def __init__(self) -> None:
            self.defaults: dict[str, object] = {}
            self.types: dict[str, type] = {}
            self.callbacks: list[Any] = []

        def define(self, name: str, default: object = None, **how: Any) -> None:
            self.defaults[name] = default
            self.types[name] = how.get("type") or type(default)
            assert how["help"]

        def add_parse_callback(self, callback: Any) -> None:
            self.callbacks.append(callback)

    parser = Parser()
    define_logging_options(parser)
    assert parser.defaults == {
        "logging": "info",
        "log_to_stderr": None,
        "log_file_prefix": None,
        "log_file_max_size": 100_000_000,
        "log_file_num_backups": 10,
        "log_rotate_when": "midnight",
        "log_rotate_interval": 1,
        "log_rotate_mode": "size",
        "log_json": False,
    }
    assert parser.types["log_to_stderr"] is bool
    assert parser.types["log_file_prefix"] is str
    seen: list[object] = []
    monkeypatch.setattr(log, "enable_pretty_logging", seen.append)
    for callback in parser.callbacks:
        callback()
    assert seen == [parser]
