"""whirlwind.options: definitions, values, command lines, files, help."""

import copy
import datetime
import enum
import io
import logging
import logging.handlers
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from whirlwind import options as module
from whirlwind.options import Error, OptionParser


def parsed(text: str | None, **how: Any) -> Any:
    """The value of an option that was given on the command line; None gives it without value."""
    options = OptionParser()
    options.define("x", **how)
    options.parse_command_line(["main", "--x" if text is None else f"--x={text}"])
    return options.x


class Email:
    def __init__(self, text: str) -> None:
        if "@" not in text:
            raise ValueError("no @ in it")
        self.text = text


class Color(enum.Enum):
    RED = "red"


DATE = datetime.datetime(2013, 4, 28)
TIME = datetime.datetime(2013, 4, 28, 5, 16)
SECONDS = datetime.datetime(2013, 4, 28, 5, 16, 7)


def span(**parts: float) -> datetime.timedelta:
    return datetime.timedelta(**parts)


@pytest.mark.parametrize(
    ("kind", "texts", "value"),
    [
        (str, ["a=b", "a=b"], "a=b"),
        (str, [""], ""),
        (int, ["42", " 42 ", "4_2"], 42),
        (float, ["1.5", "15e-1"], 1.5),
        (bool, ["true", "True", "1", "t", "yes", "on", "", None], True),
        (bool, ["false", "FALSE", "0", "f", "no", "off", "n"], False),
        (datetime.datetime, ["2013-04-28", "20130428", "2013-4-28"], DATE),
        (datetime.datetime, ["2013-04-28 05:16", "2013-04-28T05:16", "20130428 05:16"], TIME),
        (datetime.datetime, ["Sun Apr 28 05:16:07 2013", "2013-04-28 05:16:07"], SECONDS),
        (datetime.datetime, ["20130428 05:16:07", "2013-04-28T05:16:07"], SECONDS),
        (datetime.datetime, ["05:16"], datetime.datetime(1900, 1, 1, 5, 16)),
        (datetime.datetime, ["05:16:07"], datetime.datetime(1900, 1, 1, 5, 16, 7)),
        (datetime.datetime, ["2013-04-28T00:00Z"], DATE.replace(tzinfo=datetime.UTC)),
        (datetime.date, ["2013-04-28"], DATE.date()),
        (datetime.timedelta, ["45", "45s", "45 sec", "0.75 min", "+45 seconds"], span(seconds=45)),
        (datetime.timedelta, ["1h 2m", "1h2m", "62 minutes", "1 hour 2 minutes"], span(minutes=62)),
        (datetime.timedelta, ["1w 1d", "8 days", "1 week 1 day"], span(days=8)),
        (datetime.timedelta, ["5ms", "5000us", "5 milliseconds", ".5e-2"], span(milliseconds=5)),
        (datetime.timedelta, ["-5m", "  -5m  "], span(minutes=-5)),
        (datetime.timedelta, [""], span()),
        (Color, ["red"], Color.RED),
        (str.upper, ["abc"], "ABC"),
    ],
)
def test_types(kind: Any, texts: list[str | None], value: object) -> None:
    for text in texts:
        assert parsed(text, type=kind) == value
        assert type(parsed(text, type=kind)) is type(value)


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (int, ["", "x", "1.5", "0x10", "1:3"]),
        (float, ["", "x"]),
        (bool, ["flase", "2"]),
        (datetime.datetime, ["", "x", "28 Apr 2013", "2013-02-30"]),
        (datetime.timedelta, ["x", "1:30", "1 fortnight", "3h x", "1h,2m", "h", "1H"]),
        (Email, ["nobody"]),
        (Color, ["blue"]),
    ],
)
def test_texts_that_are_no_values(kind: Any, texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(Error, match=f"Option 'x' needs a value of type {kind.__name__}, not"):
            parsed(text, type=kind)
        with pytest.raises(ValueError, match=f"'{text}'"):
            parsed(text, type=kind)


def test_the_error_of_a_bad_value_is_public_under_the_name_it_prints() -> None:
    with pytest.raises(module.OptionValueError) as caught:
        parsed("many", type=int)
    assert type(caught.value).__name__ in module.__all__
    assert type(caught.value).__module__ == "whirlwind.options"


def test_an_error_says_what_would_do() -> None:
    with pytest.raises(Error, match=r"not '1:30': write it as 90, 90s, 1\.5h or 2d 12h; units are"):
        parsed("1:30", type=datetime.timedelta)
    with pytest.raises(Error, match="not 'me': no @ in it"):
        parsed("me", type=Email)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (str, "a,b,c", ["a", "b", "c"]),
        (str, "a, b:c", ["a", " b:c"]),
        (str, "", [""]),
        (int, "1,3,5:7", [1, 3, 5, 6, 7]),
        (int, "-1:1, 9", [-1, 0, 1, 9]),
        (int, "4:,3:1", [4]),
        (float, "1,2.5", [1.0, 2.5]),
        (bool, "true,no", [True, False]),
        (bool, None, [True]),
        (datetime.timedelta, "1m,1h", [span(minutes=1), span(hours=1)]),
    ],
)
def test_lists(kind: Any, text: str | None, value: list[object]) -> None:
    assert parsed(text, type=kind, multiple=True) == value


@pytest.mark.parametrize("text", ["", "1,,2", ":3", "1:x", "1:2:3", "5-7"])
def test_texts_that_are_no_lists(text: str) -> None:
    with pytest.raises(Error):
        parsed(text, type=int, multiple=True)


@pytest.mark.parametrize(
    ("how", "value", "kind"),
    [
        ({}, None, str),
        ({"default": 5}, 5, int),
        ({"default": True}, True, bool),
        ({"default": span(hours=1)}, span(hours=1), datetime.timedelta),
        ({"default": "x", "type": int}, "x", int),
        ({"multiple": True}, [], str),
        ({"multiple": True, "default": [1], "type": int}, [1], int),
    ],
)
def test_defaults_and_the_types_they_imply(how: Any, value: object, kind: type) -> None:
    options = OptionParser()
    options.define("x", **how)
    assert options.x == value
    assert options._options["x"].type is kind


def test_setting() -> None:
    options = OptionParser()
    options.define("n", type=int)
    options.define("f", type=float)
    options.define("items", type=int, multiple=True)
    options.n = 2
    options["n"] = options["n"] + 1
    assert options.n == 3
    options.n = None
    options.f = 2
    assert (options.n, type(options.f)) == (None, float)
    options.items = [1, None]
    assert options["items"] == [1, None]


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("n", "2", r"Option 'n' is required to be a int \(<class 'str'> given\)"),
        ("n", 2.0, "required to be a int"),
        ("s", b"x", "required to be a str"),
        ("many", 1, "Option 'many' is required to be a list of int"),
        ("many", None, "list of int"),
        ("many", ["1"], "list of int"),
        ("many", (1,), "list of int"),
    ],
)
def test_setting_to_what_does_not_fit(name: str, value: object, complaint: str) -> None:
    options = OptionParser()
    options.define("n", type=int)
    options.define("s")
    options.define("many", type=int, multiple=True)
    with pytest.raises(Error, match=complaint):
        options[name] = value


def test_what_does_not_exist() -> None:
    options = OptionParser()
    for use in (
        lambda: options.nope,
        lambda: options["nope"],
        lambda: setattr(options, "nope", 1),
        lambda: options.__setitem__("nope", 1),
    ):
        with pytest.raises(AttributeError, match="Unrecognized option 'nope': define"):
            use()
    assert "nope" not in options
    assert 5 not in options
    assert getattr(options, "nope", 7) == 7


def test_copies_share_the_options() -> None:
    options = OptionParser()
    options.define("x", default=1)
    copied = copy.copy(options)
    options.x = 2
    assert copied.x == 2


# --- names and groups --------------------------------------------------------------------------


@pytest.mark.parametrize("defined", ["a-b", "a_b"])
def test_s28_dashes_and_underscores_are_the_same(defined: str, tmp_path: Path) -> None:
    file = tmp_path / "config.py"
    file.write_text("a_b = 5")
    options = OptionParser()
    options.define(defined, default=1)
    for flag, value in (("--a-b=2", 2), ("--a_b=3", 3)):
        options.parse_command_line(["main", flag])
        assert (options.a_b, options["a-b"], options["a_b"]) == (value, value, value)
    options.parse_config_file(str(file))
    assert options.a_b == 5
    options["a-b"] = 6
    assert options["a_b"] == 6
    assert "a-b" in options
    assert "a_b" in options
    assert list(options) == ["help", defined]
    assert options.as_dict() == {"help": None, defined: 6}
    help_text = io.StringIO()
    options.print_help(help_text)
    assert "--a-b " in help_text.getvalue()


@pytest.mark.parametrize("first", ["a-b", "a_b"])
@pytest.mark.parametrize("second", ["a-b", "a_b"])
def test_s28_one_name_is_defined_once_whatever_its_spelling(first: str, second: str) -> None:
    options = OptionParser()
    options.define(first)
    with pytest.raises(Error, match=r"Option 'a-b' already defined in .*test_options\.py"):
        options.define(second)


def test_groups() -> None:
    options = OptionParser()
    options.define("one", default=1)
    options.define("two", default=2, group="application")
    exec(compile("options.define('three')", "elsewhere.py", "exec"), {"options": options})
    assert options.groups() == {"", __file__, "application", "elsewhere.py"}
    assert options.group_dict("application") == {"two": 2}
    assert options.group_dict(__file__) == {"one": 1}
    assert options.group_dict("nobody") == {}
    assert options.group_dict("") == options.as_dict() == dict(options.items())


# --- command lines -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "rest", "values"),
    [
        ([], [], (1, False)),
        (["--n=2", "--flag"], [], (2, True)),
        (["-n=2", "--n=3"], [], (3, False)),
        (["--n=2", "file", "--flag"], ["file", "--flag"], (2, False)),
        (["--flag", "--", "--n=2"], ["--n=2"], (1, True)),
        (["--n=2", "-", "--flag"], ["-", "--flag"], (2, False)),
        (["", "--flag"], ["", "--flag"], (1, False)),
        (["--flag=false", "--help=no"], [], (1, False)),
    ],
)
def test_command_lines(args: list[str], rest: list[str], values: tuple[int, bool]) -> None:
    options = OptionParser()
    options.define("n", default=1)
    options.define("flag", default=False)
    assert options.parse_command_line(["main", *args]) == rest
    assert (options.n, options.flag) == values


def test_the_command_line_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    options = OptionParser()
    options.define("n", default=1)
    monkeypatch.setattr(sys, "argv", ["main", "--n=7", "rest"])
    assert options.parse_command_line() == ["rest"]
    assert options.n == 7


@pytest.mark.parametrize(
    ("arg", "complaint"),
    [
        ("--port-nubmer=1", r"option: 'port-nubmer'; did you mean --port-number\?$"),
        ("--zzz", "Unrecognized command line option: 'zzz'$"),
        ("--=1", "Unrecognized command line option: ''"),
    ],
)
def test_unknown_options(arg: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = OptionParser()
    options.define("port_number", default=1)
    with pytest.raises(Error, match=complaint):
        options.parse_command_line(["main", arg])
    assert "--port-number" in capsys.readouterr().err


def test_a_value_is_missing() -> None:
    options = OptionParser()
    options.define("n", default=1)
    with pytest.raises(Error, match="Option 'n' requires a value"):
        options.parse_command_line(["main", "--n", "2"])


def test_callbacks_of_options_get_each_new_value() -> None:
    options = OptionParser()
    seen: list[object] = []
    options.define("n", type=int, callback=seen.append)
    options.define("many", type=int, multiple=True, callback=seen.append)
    options.define("unset", default=5, callback=seen.append)
    options.parse_command_line(["main", "--n=4", "--many=1,2", "--n=5"])
    options.n = 6
    assert seen == [4, [1, 2], 5, 6]


def test_parse_callbacks_run_after_a_final_parse(tmp_path: Path) -> None:
    file = tmp_path / "empty"
    file.touch()
    options = OptionParser()
    seen: list[int] = []
    options.add_parse_callback(lambda: seen.append(1))
    options.add_parse_callback(lambda: seen.append(2))
    options.parse_command_line(["main"], final=False)
    options.parse_config_file(str(file), final=False)
    assert seen == []
    options.parse_config_file(str(file))
    assert seen == [1, 2]
    options.parse_command_line(["main"])
    options.run_parse_callbacks()
    assert seen == [1, 2] * 3


# --- files -------------------------------------------------------------------------------------


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(text: str) -> OptionParser:
        options = OptionParser()
        options.define("n", type=int, default=1)
        options.define("ratio", type=float)
        options.define("many", type=int, multiple=True)
        options.define("pause", type=datetime.timedelta)
        options.define("name-of-it")
        options.define("where")
        file = tmp_path / "config.py"
        file.write_text(text, "utf-8")
        options.parse_config_file(str(file))
        return options

    return read


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("n = 5", "n", 5),
        ("n = '5'", "n", 5),
        ("n = None", "n", None),
        ("ratio = 2", "ratio", 2.0),
        ("many = [1, 2]", "many", [1, 2]),
        ("many = '1,2:4'", "many", [1, 2, 3, 4]),
        ("pause = '5m'", "pause", span(minutes=5)),
        ("import datetime\npause = datetime.timedelta(1)", "pause", span(days=1)),
        ("name_of_it = '李康'", "name_of_it", "李康"),
        ("unknown = 1\nn = unknown + 1", "n", 2),
    ],
)
def test_config_files(read: Any, text: str, name: str, value: object) -> None:
    assert read(text)[name] == value


def test_a_config_file_knows_its_path(read: Any, tmp_path: Path, monkeypatch: Any) -> None:
    assert read("where = __file__").where == str(tmp_path / "config.py")
    monkeypatch.chdir(tmp_path)
    options = OptionParser()
    options.define("where")
    options.parse_config_file("config.py")
    assert options.where == str(tmp_path / "config.py")


@pytest.mark.parametrize(
    ("text", "error", "complaint"),
    [
        ("n = 1.5", Error, "'n' is required to be a int"),
        ("n = 'x'", Error, "'n' needs a value of type int, not 'x'"),
        ("many = (1, 2)", Error, "'many' is required to be a list of int or a comma-separated st"),
        ("many = ['1']", Error, "'many' is required to be a list of int"),
        ("\n1 +", SyntaxError, r"config\.py, line 2"),
        ("1 / 0", ZeroDivisionError, "division by zero"),
    ],
)
def test_config_files_that_are_wrong(
    read: Any, text: str, error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        read(text)


def test_a_config_file_named_on_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "config.py"
    file.write_text("n = 5; m = 5")
    options = OptionParser()
    options.define("n", default=1)
    options.define("m", default=1)
    options.define("config", callback=lambda path: options.parse_config_file(path, final=False))
    options.parse_command_line(["main", "--n=2", f"--config={file}", "--m=3"])
    assert (options.n, options.m) == (5, 3)


# --- help --------------------------------------------------------------------------------------


def test_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["server.py"])
    options = OptionParser()
    options.define("port", default=80, help="port to listen on", group="web")
    options.define("a_name_that_is_long_enough", metavar="PATH", help="where", group="files")
    options.define("quiet", default="", help="an empty default goes unsaid", group="files")
    options.define("words", default="x", help="many words " * 8, group="files")
    options.define("bare", group="files")
    help_text = io.StringIO()
    options.print_help(help_text)
    assert help_text.getvalue() == (
        "Usage: server.py [OPTIONS]\n"
        "\n"
        "Options:\n"
        "\n"
        "  --help                           show this help and exit\n"
        "\n"
        "files options:\n"
        "\n"
        "  --a-name-that-is-long-enough=PATH\n"
        "                                   where\n"
        "  --bare\n"
        "  --quiet                          an empty default goes unsaid\n"
        "  --words                          many words many words many words many words\n"
        "                                   many words many words many words many words\n"
        "                                   (default x)\n"
        "\n"
        "web options:\n"
        "\n"
        "  --port                           port to listen on (default 80)\n"
        "\n"
    )


@pytest.mark.parametrize("flag", ["--help", "-h", "-help"])
def test_help_is_shown_and_ends_the_program(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        OptionParser().parse_command_line(["main", flag, "--unknown"])
    assert ended.value.code == 0
    assert capsys.readouterr().err.startswith("Usage: ")


def test_h_may_be_an_option() -> None:
    options = OptionParser()
    options.define("h", default=False)
    options.parse_command_line(["main", "-h"])
    assert options.h is True


# --- mocks -------------------------------------------------------------------------------------


def test_mock_patch() -> None:
    options = OptionParser()
    options.define("n", default=1)
    with mock.patch.object(options.mockable(), "n", 2):
        assert options.n == 2
        options.n = 3
        with mock.patch.object(options.mockable(), "n", 4):
            assert options.n == 4
        assert options.n == 3
    assert options.n == 1


def test_a_mockable_serves_one_patch() -> None:
    options = OptionParser()
    options.define("n", default=1)
    mockable = options.mockable()
    with mock.patch.object(mockable, "n", 2), pytest.raises(AssertionError, match="call mockable"):
        mockable.n = 3
    assert options.n == 1
    with pytest.raises(AttributeError):
        _ = mockable.nope


# --- the program's own -------------------------------------------------------------------------

PROGRAM = """\
import logging
from whirlwind.options import *

define("port", default=80)
seen = []
add_parse_callback(lambda: seen.append(options.port))
rest = parse_command_line()
print(rest, options.port, seen, len(options.groups()))
logging.warning("to the log")
logging.info("not this")
"""


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", PROGRAM, *args], capture_output=True, text=True)


def test_s26_the_options_of_a_program_set_logging_up(tmp_path: Path) -> None:
    told = run(
        "--port=81",
        "--logging=warning",
        f"--log-file-prefix={tmp_path / 'server.log'}",
        "--log_rotate_mode=time",
        "--log-to-stderr",
        "more",
    )
    assert told.stdout == "['more'] 81 [81] 3\n"
    assert told.stderr.startswith("[W ")
    assert (tmp_path / "server.log").read_text().endswith("] to the log\n")


def test_log_options_none_leaves_logging_alone() -> None:
    assert run("--logging=none").stderr == "WARNING:root:to the log\n"


@pytest.mark.parametrize(
    ("args", "kind", "settings"),
    [
        ([], logging.handlers.RotatingFileHandler, {"maxBytes": 100_000_000, "backupCount": 10}),
        (
            ["--log-rotate-mode=time"],
            logging.handlers.TimedRotatingFileHandler,
            {"when": "MIDNIGHT", "interval": 86400, "backupCount": 10},
        ),
        (
            ["--log_rotate_mode=time", "--log-rotate-when=H", "--log-rotate-interval=6"],
            logging.handlers.TimedRotatingFileHandler,
            {"when": "H", "interval": 6 * 3600},
        ),
    ],
)
def test_s26_rotation_options(
    args: list[str], kind: type, settings: dict[str, object], tmp_path: Path
) -> None:
    from whirlwind.log import define_logging_options, enable_pretty_logging

    options = OptionParser()
    define_logging_options(options)
    prefix = f"--log-file-prefix={tmp_path / 'log'}"
    # Not final: the callback would set up the root logger.
    options.parse_command_line(["main", prefix, *args], final=False)
    logger = logging.Logger("rotation")
    enable_pretty_logging(options, logger)
    (handler,) = logger.handlers
    assert type(handler) is kind
    assert {name: getattr(handler, name) for name in settings} == settings
    handler.close()


def test_s26_a_rotation_mode_that_does_not_exist(tmp_path: Path) -> None:
    told = run(f"--log-file-prefix={tmp_path / 'log'}", "--log-rotate-mode=daily")
    assert "ValueError: option log_rotate_mode is 'daily'; set it to \"size\"" in told.stderr


def test_functions_of_the_module_work_on_its_options(tmp_path: Path, monkeypatch: Any) -> None:
    fresh = OptionParser()
    monkeypatch.setattr(module, "options", fresh)
    module.define("n", default=1)
    assert fresh.groups() == {"", __file__}
    file = tmp_path / "config"
    file.write_text("n = 3")
    module.parse_config_file(str(file))
    assert fresh.n == 3
    help_text = io.StringIO()
    module.print_help(help_text)
    assert "--n" in help_text.getvalue()


def test_log_does_not_import_options() -> None:
    code = "import sys, whirlwind.log; print('whirlwind.options' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.stdout == "False\n"
