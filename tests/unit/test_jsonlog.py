"""whirlwind.jsonlog: records as JSON, by one option or by hand."""

import datetime
import io
import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from whirlwind import web
from whirlwind.jsonlog import JSONFormatter
from whirlwind.log import access_log, define_logging_options, enable_pretty_logging
from whirlwind.options import OptionParser
from whirlwind.testing import AsyncHTTPTestCase


def told(record: logging.LogRecord) -> dict[str, Any]:
    line = JSONFormatter().format(record)
    assert line.isascii()
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def record(message: object, /, *args: object, **fields: Any) -> logging.LogRecord:
    made = logging.LogRecord("a.b", logging.WARNING, "/x/mod.py", 12, message, args, None)
    vars(made).update(fields)
    return made


def test_members_of_an_ordinary_record() -> None:
    made = record("hello %s", "wörld\nnext", created=1_700_000_000.125)
    assert told(made) == {
        "time": "2023-11-14T22:13:20.125Z",
        "level": "warning",
        "logger": "a.b",
        "message": "hello wörld\nnext",
        "source": "mod:12",
    }


def test_the_time_reads_as_a_moment() -> None:
    made = record("x")
    moment = datetime.datetime.fromisoformat(told(made)["time"])
    assert abs(moment.timestamp() - made.created) < 0.001


def test_exceptions_and_stacks() -> None:
    try:
        raise ValueError("no")
    except ValueError:
        made = record("x", exc_info=sys.exc_info(), stack_info="Stack:\n  here")
    found = told(made)
    assert found["exception"].startswith("Traceback (most recent call last):\n")
    assert found["exception"].endswith("ValueError: no")
    assert found["stack"] == "Stack:\n  here"


def test_what_the_call_adds() -> None:
    circle: list[object] = []
    circle.append(circle)
    found = told(record("x", request_id="r1", user={"id": 5}, message="kept out"))
    assert (found["request_id"], found["user"], found["message"]) == ("r1", {"id": 5}, "x")
    assert told(record("x", thing=ValueError("v")))["thing"] == "ValueError('v')"
    for odd in (circle, {(1, 2): 3}, float("inf")):
        found = told(record("x", thing=odd, took=0.5, tags=["a", b"b"]))
        assert found["thing"] == repr(odd)
        assert (found["took"], found["tags"]) == (0.5, ["a", "b'b'"]), "others stay as they are"
    assert told(record("x", level="mine"))["level"] == "warning"


def test_a_message_that_can_not_be_made() -> None:
    assert told(record("a %d", "s"))["message"].startswith("Bad message (TypeError(")


class Hello(web.RequestHandler):
    def get(self) -> None:
        self.set_status(201)


class Own(Hello):
    def _request_summary(self) -> str:
        return "mine"


class Access(AsyncHTTPTestCase):
    def get_app(self) -> web.Application:
        return web.Application([("/hello", Hello), ("/own", Own)])

    def logged(self, path: str) -> dict[str, Any]:
        output = io.StringIO()
        handler = logging.StreamHandler(output)
        handler.setFormatter(JSONFormatter())
        access_log.addHandler(handler)
        level = access_log.level
        access_log.setLevel(logging.INFO)
        try:
            self.fetch(path)
        finally:
            access_log.removeHandler(handler)
            access_log.setLevel(level)
        found: dict[str, Any] = json.loads(output.getvalue())
        return found

    def test_requests(self) -> None:
        found = self.logged("/hello?a=%22b")
        assert found.pop("message").startswith("201 GET /hello?a=%22b (127.0.0.1) ")
        assert found.pop("duration_ms") > 0
        found.pop("time")
        assert found == {
            "level": "info",
            "logger": access_log.name,
            "status": 201,
            "method": "GET",
            "uri": "/hello?a=%22b",
            "remote_ip": "127.0.0.1",
        }
        assert self.logged("/nowhere")["status"] == 404

    def test_requests_that_are_summed_up_otherwise(self) -> None:
        found = self.logged("/own")
        assert (found["status"], found["request"]) == (201, "mine")
        assert "uri" not in found


def test_other_lines_of_the_access_log() -> None:
    made = record("something else", name=access_log.name)
    assert told(made)["source"] == "mod:12"


@pytest.mark.parametrize("flag", ["--log-json", "--log_json=true"])
def test_one_option_for_everything(flag: str, tmp_path: Any) -> None:
    options = OptionParser()
    define_logging_options(options)
    prefix = tmp_path / "log"
    options.parse_command_line(
        ["main", flag, f"--log_file_prefix={prefix}", "--log_to_stderr"], final=False
    )
    logger = logging.Logger("json")
    enable_pretty_logging(options, logger)
    assert [type(handler.formatter) for handler in logger.handlers] == [JSONFormatter] * 2
    logger.handlers[1].close()
    logger.removeHandler(logger.handlers[1])
    logger.info("to the file", extra={"n": 1})
    logger.handlers[0].close()
    assert json.loads(prefix.read_text())["n"] == 1


def test_nobody_else_pays_for_it() -> None:
    code = "import sys, whirlwind.web; print('whirlwind.jsonlog' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n"
