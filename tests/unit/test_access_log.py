"""The access log is written exactly as ``logging`` is configured.

There is a short way for the handlers that Python comes with. A subclass of one that changes nothing
never takes it: what the two write is compared.
"""

import io
import logging
import logging.handlers
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

from whirlwind import httputil, web
from whirlwind.log import access_log
from whirlwind.web import records


class Plain(logging.StreamHandler[io.StringIO]):
    """Nothing new."""


class Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(autouse=True)
def logger() -> Iterator[logging.Logger]:
    """The access log, which is left as it was."""
    before = (access_log.handlers[:], access_log.level, access_log.propagate, access_log.disabled)
    access_log.setLevel(logging.INFO)
    access_log.propagate = False
    yield access_log
    access_log.handlers[:], level, access_log.propagate, access_log.disabled = before
    access_log.setLevel(level)
    access_log.filters.clear()
    logging.disable(logging.NOTSET)


class Handler(web.RequestHandler):
    """Answers nothing; it is only logged."""


class Odd(web.RequestHandler):
    def get_status(self) -> int:
        return 299

    def _request_summary(self) -> str:
        return "odd"


def handler(status: int = 200, uri: str = "/path?a=b", cls: Any = Handler) -> Any:
    connection = mock.Mock()
    connection.context.remote_ip = "192.0.2.1"
    request = httputil.HTTPServerRequest("GET", uri, connection=connection)
    made = cls(APPLICATION, request)
    made.set_status(status)
    return made


APPLICATION = web.Application()


def log(status: int = 200, **how: Any) -> None:
    APPLICATION.log_request(handler(status, **how))


def pair(configure: Callable[[logging.Handler], object]) -> tuple[io.StringIO, io.StringIO]:
    """Two handlers configured alike: Python's own, and the subclass; their streams."""
    streams = (io.StringIO(), io.StringIO())
    for cls, stream in zip((logging.StreamHandler, Plain), streams, strict=True):
        one = cls(stream)
        configure(one)
        access_log.addHandler(one)
    return streams


def same(configure: Callable[[logging.Handler], object]) -> str:
    """Log with handlers configured alike; what they both wrote."""
    short, long = pair(configure)
    for status in (200, 404, 500):
        log(status)
    assert short.getvalue() == long.getvalue()
    return short.getvalue()


#: Everything that a record says, and `message` and `asctime`, which the formatter adds.
EVERYTHING = " ".join(
    f"%({name})s"
    for name in [*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "message", "asctime"]
)


class Loud(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).upper()


def set_format(*args: Any, **kwargs: Any) -> Callable[[logging.Handler], object]:
    return lambda one: one.setFormatter(logging.Formatter(*args, **kwargs))


@pytest.mark.parametrize(
    "configure",
    [
        lambda one: None,
        set_format(logging.BASIC_FORMAT),
        set_format(EVERYTHING),
        set_format("%(asctime)s %(message)s", "%Y"),
        set_format("{levelname:>10} {message}", style="{"),
        set_format("$levelname $message", style="$"),
        set_format("%(app)s %(message)s", defaults={"app": "mine"}),
        lambda one: one.setFormatter(Loud("%(message)s")),
        lambda one: one.setLevel(logging.WARNING),
        lambda one: one.addFilter(lambda record: record.levelno != logging.WARNING),
        lambda one: setattr(one, "terminator", "|"),
        pytest.param(
            lambda one: setattr(one, "lock", None),
            marks=pytest.mark.skipif(sys.version_info >= (3, 13), reason="locks are required"),
        ),
        lambda one: setattr(one, "format", lambda record: "patched"),
        lambda one: setattr(one, "attribute", 1),
        lambda one: one.set_name("named"),
    ],
)
def test_what_is_written(configure: Callable[[logging.Handler], object]) -> None:
    same(configure)


def test_the_line() -> None:
    line = same(lambda one: None).split("\n")[0]
    assert line.startswith("200 GET /path?a=b (192.0.2.1) ")
    assert line.endswith("ms")
    written = same(set_format("%(levelname)s %(name)s %(funcName)s %(module)s"))
    assert written.split("\n")[:3] == [
        f"{level} whirlwind.access log_request application"
        for level in ("INFO", "WARNING", "ERROR")
    ]


def test_no_target_can_forge_a_line() -> None:
    short, long = pair(lambda one: None)
    log(uri="/\n200 GET /\x1b[31m")
    assert short.getvalue() == long.getvalue()
    assert short.getvalue().count("\n") == 1
    assert "\x1b" not in short.getvalue()


def test_handlers_that_have_their_own_status_and_summary() -> None:
    short, long = pair(lambda one: None)
    log(cls=Odd)
    assert short.getvalue() == long.getvalue()
    assert short.getvalue().startswith("299 odd ")
    with mock.patch.object(Handler, "get_status", return_value=444, create=True):
        log()
    assert short.getvalue().split("\n")[1].startswith("444 GET /")


def patches() -> list[Any]:
    """Ways in which programs and tools change `logging` for all."""

    def wrap(cls: Any, name: str) -> Any:
        original = getattr(cls, name)

        def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append(name)
            return original(self, *args, **kwargs)

        return mock.patch.object(cls, name, wrapped)

    return [
        wrap(logging.Logger, "callHandlers"),
        wrap(logging.Logger, "handle"),
        wrap(logging.Logger, "isEnabledFor"),
        wrap(logging.Logger, "makeRecord"),
        wrap(logging.Filterer, "filter"),
        wrap(logging.Handler, "handle"),
        wrap(logging.Handler, "format"),
        wrap(logging.Handler, "acquire"),
        wrap(logging.StreamHandler, "emit"),
        wrap(logging.StreamHandler, "flush"),
        wrap(logging.Formatter, "format"),
        wrap(logging.Formatter, "formatMessage"),
        wrap(logging.PercentStyle, "format"),
        wrap(logging.LogRecord, "getMessage"),
        wrap(logging.LogRecord, "__init__"),
    ]


seen: list[str] = []


@pytest.mark.parametrize("patch", patches(), ids=lambda patch: patch.attribute)
def test_what_is_patched_is_called(patch: Any) -> None:
    short = io.StringIO()
    access_log.addHandler(logging.StreamHandler(short))
    log()
    seen.clear()
    log()
    assert seen == []
    with patch:
        log()
        # 3.13 locks without these two.
        assert patch.attribute in seen or patch.attribute == "acquire"
    seen.clear()
    log()
    assert seen == []
    assert short.getvalue().count("200 GET /path") == 4


@pytest.mark.parametrize("name", ["handle", "callHandlers", "filter", "isEnabledFor", "makeRecord"])
def test_what_is_patched_on_the_logger_is_called(name: str) -> None:
    access_log.addHandler(logging.StreamHandler(io.StringIO()))
    with mock.patch.object(access_log, name, side_effect=getattr(access_log, name)) as patched:
        log()
    assert patched.called


def test_a_record_factory_is_called() -> None:
    collector = Collector()
    access_log.addHandler(collector)
    before = logging.getLogRecordFactory()

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = before(*args, **kwargs)
        record.request_id = "id"
        return record

    logging.setLogRecordFactory(factory)
    try:
        log()
    finally:
        logging.setLogRecordFactory(before)
    log()
    assert [getattr(one, "request_id", None) for one in collector.records] == ["id", None]


def real_record(level: int, args: Any) -> logging.LogRecord:
    code = web.Application.log_request.__code__
    return logging.LogRecord(
        "whirlwind.access",
        level,
        code.co_filename,
        code.co_firstlineno,
        "%d %s %.2fms",
        args,
        None,
        "log_request",
    )


def check_records(*statuses: int) -> None:
    collector = Collector()
    access_log.addHandler(collector)
    for status in statuses:
        log(status)
        record = collector.records[-1]
        assert type(record) is logging.LogRecord
        expected = vars(real_record(record.levelno, record.args))
        found = vars(record).copy()
        found.pop("message", None)  # of other handlers
        found.pop("asctime", None)
        assert list(found) == list(expected)
        now = time.time()
        for name, tolerance in (("created", 5), ("relativeCreated", 5000)):
            assert abs(found.pop(name) - expected.pop(name)) < tolerance
        assert found.pop("msecs") == int(record.created % 1 * 1000)
        assert now - 5 < record.created <= now
        del expected["msecs"]
        assert found == expected
        assert record.args[0] == status  # type: ignore[index]
    access_log.removeHandler(collector)


def test_records_are_those_that_logging_makes() -> None:
    check_records(200, 302, 404, 500, 200)


def test_records_know_their_thread() -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            check_records(200)
            threading.current_thread().name = "renamed"
            check_records(200)
        except BaseException as error:
            errors.append(error)

    for _ in range(3):  # the system gives the same number to one after the other
        thread = threading.Thread(target=work, name="first")
        thread.start()
        thread.join()
    assert errors == []


def test_records_know_their_process() -> None:
    import multiprocessing

    check_records(200)
    process = multiprocessing.current_process()
    before = process.name
    process.name = "renamed"
    try:
        check_records(200)
    finally:
        process.name = before


def test_records_while_another_thread_imports_multiprocessing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "multiprocessing", ModuleType("multiprocessing"))
    check_records(200)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork()")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_records_of_a_forked_process() -> None:
    check_records(200)
    child = os.fork()
    if not child:
        try:
            check_records(200)
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("flag", ["logThreads", "logMultiprocessing", "logProcesses"])
def test_records_without_what_is_switched_off(flag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, flag, False)
    check_records(200)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="records have no task name")
async def test_records_know_their_task() -> None:
    check_records(200)


def test_levels_may_get_other_names() -> None:
    before = logging.getLevelName(logging.INFO)
    check_records(200)
    logging.addLevelName(logging.INFO, "Info")
    try:
        check_records(200)
    finally:
        logging.addLevelName(logging.INFO, before)


def test_levels_and_switches_may_change_at_any_time() -> None:
    short, long = pair(lambda one: None)
    steps: list[tuple[Callable[[], object], list[int]]] = [
        (lambda: None, [200, 404, 500]),
        (lambda: access_log.setLevel(logging.WARNING), [404, 500]),
        (lambda: access_log.setLevel(logging.INFO), [200, 404, 500]),
        (lambda: logging.disable(logging.WARNING), [500]),
        (lambda: logging.disable(logging.NOTSET), [200, 404, 500]),
        (lambda: setattr(access_log, "disabled", True), []),
        (lambda: setattr(access_log, "disabled", False), [200, 404, 500]),
        (lambda: access_log.addFilter(lambda record: record.args[0] == 404), [404]),  # type: ignore
        (access_log.filters.clear, [200, 404, 500]),
    ]
    for change, expected in steps:
        change()
        for stream in (short, long):
            stream.seek(0)
            stream.truncate()
        for status in (200, 404, 500):
            log(status)
        assert short.getvalue() == long.getvalue()
        assert [int(line[:3]) for line in short.getvalue().splitlines()] == expected


def test_handlers_of_the_root_are_asked_when_it_propagates() -> None:
    root = logging.getLogger()
    stream = io.StringIO()
    one = logging.StreamHandler(stream)
    root.addHandler(one)
    try:
        log()
        access_log.propagate = True
        log()
    finally:
        root.removeHandler(one)
    assert stream.getvalue().count("\n") == 1


def test_the_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    access_log.handlers.clear()  # pytest's own
    monkeypatch.setattr(logging, "lastResort", logging.StreamHandler(stream))
    log()
    assert stream.getvalue().startswith("200 GET")


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError("disk full")


def test_what_can_not_be_written_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    access_log.addHandler(logging.StreamHandler(Broken()))
    log()
    assert "disk full" in capsys.readouterr().err


def test_a_bad_format_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    written = same(set_format("%(missing)s", validate=False))
    assert written == ""
    assert capsys.readouterr().err.count("Formatting field not found in record") >= 2


def test_what_a_handler_before_does_to_a_record_counts() -> None:
    class Changer(logging.Handler):
        def __init__(self, change: Callable[[logging.LogRecord], None]) -> None:
            super().__init__()
            self.change = change

        def emit(self, record: logging.LogRecord) -> None:
            self.change(record)

    def args(record: logging.LogRecord) -> None:
        record.msg, record.args = "100%", ()

    def text(record: logging.LogRecord) -> None:
        record.exc_text = "Traceback"

    for change in (args, text):
        access_log.handlers.clear()
        access_log.addHandler(Changer(change))
        short, long = pair(lambda one: None)
        log()
        assert short.getvalue() == long.getvalue() != ""


def test_files(tmp_path: Path) -> None:
    one = logging.FileHandler(tmp_path / "log", delay=True)
    access_log.addHandler(one)
    for _ in range(3):
        log()
    one.close()
    log()  # it opens its file again
    assert (tmp_path / "log").read_text().count("200 GET /path") == 4
    one.close()
    rotating = logging.handlers.RotatingFileHandler(tmp_path / "r", maxBytes=100, backupCount=9)
    access_log.handlers[:] = [rotating]
    for _ in range(4):
        log()
    rotating.close()
    assert len(list(tmp_path.glob("r*"))) > 1


def test_another_stream_may_be_set() -> None:
    first, second = io.StringIO(), io.StringIO()
    one = logging.StreamHandler(first)
    access_log.addHandler(one)
    log()
    one.setStream(second)
    log()
    assert first.getvalue().count("\n") == second.getvalue().count("\n") == 1


def test_a_stream_need_not_be_flushed() -> None:
    class Minimal:
        def __init__(self) -> None:
            self.lines: list[str] = []

        def write(self, text: str) -> None:
            self.lines.append(text)

    stream: Any = Minimal()
    access_log.addHandler(logging.StreamHandler(stream))
    log()
    assert len(stream.lines) == 1


def test_pytest_and_its_like_see_records(caplog: pytest.LogCaptureFixture) -> None:
    access_log.propagate = True
    with caplog.at_level(logging.INFO):
        log(404)
    record = caplog.records[-1]
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith("404 GET /path")


def test_a_log_function_is_all_that_is_called() -> None:
    logged: list[Any] = []
    application = web.Application(log_function=logged.append)
    collector = Collector()
    access_log.addHandler(collector)
    one = handler()
    application.log_request(one)
    assert logged == [one]
    assert collector.records == []


def test_the_short_way_is_taken_where_it_is_there() -> None:
    import whirlwind

    assert records.are_original() == (whirlwind.implementation() == "compiled")
    with mock.patch.object(logging.StreamHandler, "emit"):
        assert not records.are_original()
    assert records.are_original() == (whirlwind.implementation() == "compiled")
