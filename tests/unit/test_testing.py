"""whirlwind.testing: test cases, coroutine tests, expected log records, ports."""

import asyncio
import logging
import os
import re
import socket
import ssl
import subprocess
import sys
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from whirlwind import gen
from whirlwind.httpclient import AsyncHTTPClient, HTTPError
from whirlwind.httpserver import HTTPServer
from whirlwind.httputil import HTTPHeaders, ResponseStartLine
from whirlwind.ioloop import IOLoop, PeriodicCallback
from whirlwind.testing import (
    AsyncHTTPSTestCase,
    AsyncHTTPTestCase,
    AsyncTestCase,
    ExpectLog,
    bind_unused_port,
    gen_test,
    get_async_test_timeout,
    setup_with_context_manager,
)
from whirlwind.web import Application, RequestHandler

SHORT = 0.02


class TestNativeCoroutines(AsyncHTTPTestCase):
    """What calls a program's functions takes coroutines: handlers, callbacks, tests."""

    def get_app(self) -> Application:
        class Handler(RequestHandler):
            async def prepare(self) -> None:
                await gen.sleep(0)
                self.prepared = True

            async def get(self) -> None:
                await gen.sleep(0)
                self.write(f"prepared: {self.prepared}")

        return Application([("/", Handler)])

    def test_s01_a_native_handler(self) -> None:
        response = self.fetch("/")
        assert (response.code, response.body) == (200, b"prepared: True")

    @gen_test
    async def test_s01_native_tests_and_callbacks(self) -> None:
        called: list[str] = []
        twice = asyncio.Event()

        async def callback(name: str) -> None:
            await gen.sleep(0)
            called.append(name)
            if len(called) == 2:
                twice.set()

        periodic = PeriodicCallback(lambda: callback("periodic"), 1)
        self.io_loop.add_callback(callback, "once")
        await gen.sleep(0)
        periodic.start()
        await twice.wait()
        periodic.stop()
        assert called[:2] == ["once", "periodic"]


def outcome(case: type[unittest.TestCase], name: str = "test") -> list[str]:
    """Run one test; the last lines of its failures and errors."""
    result = unittest.TestResult()
    case(name).run(result)
    found = [("F", text) for _, text in result.failures] + [
        ("E", text) for _, text in result.errors
    ]
    found += [("S", text) for _, text in result.skipped]
    return [f"{kind} {text.strip().splitlines()[-1]}" for kind, text in found]


class Waiting(AsyncTestCase):
    def test_stop_value(self) -> None:
        for given in (5, {"a": 1}, ""):
            self.io_loop.add_callback(self.stop, given)
            assert self.wait() == given
        self.io_loop.add_callback(self.stop, a=1, b=2)
        assert self.wait() == {"a": 1, "b": 2}

    def test_stop_before_wait(self) -> None:
        self.stop("first")
        self.stop("second")
        assert self.wait() == "second"
        with pytest.raises(self.failureException, match=f"timed out after {SHORT} seconds"):
            self.wait(timeout=SHORT)

    def test_stop_takes_one_kind_of_value(self) -> None:
        with pytest.raises(AssertionError, match="not both"):
            self.stop(1, a=2)

    def test_condition(self) -> None:
        seen: list[int] = []

        def turn() -> None:
            seen.append(1)
            self.stop(len(seen))
            self.io_loop.add_callback(turn)

        self.io_loop.add_callback(turn)
        assert self.wait(condition=lambda: len(seen) >= 3) >= 3

    def test_condition_that_never_holds(self) -> None:
        self.io_loop.add_callback(self.stop)
        with pytest.raises(self.failureException):
            self.wait(condition=lambda: False, timeout=SHORT)

    def test_the_limit_of_one_wait_does_not_end_the_next(self) -> None:
        self.io_loop.add_callback(self.stop)
        self.wait(timeout=SHORT)
        self.io_loop.call_later(SHORT * 3, self.stop, "late")
        assert self.wait(timeout=0) == "late"

    def test_the_loop_is_current(self) -> None:
        assert IOLoop.current() is self.io_loop


@pytest.mark.parametrize("value", ["0.5", "-1", "", "soon", None])
def test_timeout_from_the_environment(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is None:
        monkeypatch.delenv("ASYNC_TEST_TIMEOUT", raising=False)
    else:
        monkeypatch.setenv("ASYNC_TEST_TIMEOUT", value)
    assert get_async_test_timeout() == {"0.5": 0.5, "-1": -1}.get(value or "", 5)


def test_wait_takes_the_timeout_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    class Case(AsyncTestCase):
        def test(self) -> None:
            self.wait()

    monkeypatch.setenv("ASYNC_TEST_TIMEOUT", str(SHORT))
    assert outcome(Case) == [f"F AssertionError: Async operation timed out after {SHORT} seconds"]


class Life(AsyncTestCase):
    """Its subclasses look at what is left of `log` and `seen_loop`."""

    log: list[str]
    seen_loop: IOLoop

    def setUp(self) -> None:
        super().setUp()
        type(self).log = []
        type(self).seen_loop = self.io_loop


def test_what_runs_is_cancelled_and_the_loop_closed() -> None:
    class Case(Life):
        @gen_test
        async def test(self) -> None:
            async def work() -> None:
                try:
                    await asyncio.sleep(100)
                finally:
                    await asyncio.sleep(0)
                    self.log.append("cleaned up")

            async def numbers() -> Any:
                try:
                    yield 1
                finally:
                    self.log.append("closed")

            self.task = asyncio.ensure_future(work())
            self.numbers = numbers()
            await anext(self.numbers)

    assert outcome(Case) == []
    assert Case.log == ["cleaned up", "closed"]
    assert Case.seen_loop.asyncio_loop.is_closed()
    assert IOLoop.current(instance=False) is None


def test_what_a_cancelled_task_raises_is_an_error_of_the_test() -> None:
    class Case(Life):
        def test(self) -> None:
            async def work() -> None:
                try:
                    await asyncio.sleep(100)
                except asyncio.CancelledError:
                    raise ValueError("in cleaning up") from None

            self.io_loop.add_callback(work)
            self.io_loop.add_callback(self.stop)
            self.wait()

    assert outcome(Case) == ["E ValueError: in cleaning up"]
    assert Case.seen_loop.asyncio_loop.is_closed()


def test_the_loop_is_closed_when_setting_up_fails() -> None:
    class Case(Life):
        def setUp(self) -> None:
            super().setUp()
            raise ValueError("in setUp")

        def test(self) -> None: ...

    assert outcome(Case) == ["E ValueError: in setUp"]
    assert Case.seen_loop.asyncio_loop.is_closed()


def test_a_borrowed_loop_stays_open_and_current() -> None:
    class Case(Life):
        def get_new_ioloop(self) -> IOLoop:
            return IOLoop.current()

        def test(self) -> None: ...

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    with pytest.warns(DeprecationWarning, match=r"Case\.get_new_ioloop is deprecated"):
        assert outcome(Case) == []
    assert Case.seen_loop.asyncio_loop is loop
    assert IOLoop.current(instance=False) is Case.seen_loop
    Case.seen_loop.close()
    asyncio.set_event_loop(None)


def test_mixins_behind_are_set_up_and_torn_down() -> None:
    log = []

    class Mixin(unittest.TestCase):
        def setUp(self) -> None:
            log.append("setUp")

        def tearDown(self) -> None:
            log.append("tearDown")

    class Case(AsyncTestCase, Mixin):
        def test(self) -> None:
            log.append("test")

    assert outcome(Case) == []
    assert log == ["setUp", "test", "tearDown"]


@pytest.mark.parametrize("kind", ["generator", "coroutine", "async generator"])
def test_a_coroutine_without_decorator_is_an_error(kind: str) -> None:
    class Case(AsyncTestCase):
        def test(self) -> Any:
            return {"generator": self.gen, "coroutine": self.coro, "async generator": self.agen}[
                kind
            ]()

        def gen(self) -> Iterator[None]:
            yield

        async def coro(self) -> None: ...

        async def agen(self) -> Any:
            yield

    (told,) = outcome(Case)
    assert re.match(r"E TypeError: .*Case\.test is a coroutine or generator and should be", told)


def test_a_value_returned_is_an_error() -> None:
    class Case(AsyncTestCase):
        def test(self) -> int:
            return 42

        @gen_test
        async def test_coroutine(self) -> int:
            return 43

        @gen_test
        def test_plain(self) -> int:
            return 44

    for name, value in (("test", 42), ("test_coroutine", 43), ("test_plain", 44)):
        assert outcome(Case, name) == [
            f"E ValueError: Return value from test method ignored: {value}"
        ]


class Coroutines(AsyncTestCase):
    @gen_test
    async def test_native(self) -> None:
        """With a description."""
        assert asyncio.current_task() is not None
        await asyncio.sleep(0)

    @gen_test
    def test_generator(self) -> Any:
        value = yield gen.sleep(0)
        assert value is None
        both = yield [gen.coroutine(lambda: 1)(), asyncio.sleep(0, 2)]
        assert both == [1, 2]

    @gen_test(timeout=10)
    def test_plain(self) -> None: ...

    def test_arguments(self) -> None:
        @gen_test
        async def inner(self: Any, *args: int, **kwargs: int) -> None:
            assert (args, kwargs) == ((1,), {"a": 2})

        inner(self, 1, a=2)

    def test_the_function_keeps_its_name(self) -> None:
        assert type(self).test_native.__doc__ == "With a description."


def test_failures_and_skips_of_coroutines() -> None:
    class Case(AsyncTestCase):
        @gen_test
        async def test_fail(self) -> None:
            self.fail("no")

        @gen_test
        def test_error(self) -> Any:
            yield gen.sleep(0)
            raise KeyError("k")

        @gen_test
        async def test_skip(self) -> None:
            self.skipTest("why")

    assert outcome(Case, "test_fail") == ["F AssertionError: no"]
    assert outcome(Case, "test_error") == ["E KeyError: 'k'"]
    assert outcome(Case, "test_skip") == ["S why"]


class TimedOut(AsyncTestCase):
    def timed_out(self, test: Callable[..., Any]) -> str:
        with pytest.raises(TimeoutError, match=f"after {SHORT} seconds") as caught:
            gen_test(timeout=SHORT)(test)(self)
        return str(caught.getrepr(chain=True))

    def test_the_traceback_shows_where_a_coroutine_waited(self) -> None:
        async def inner() -> None:
            await asyncio.sleep(100)  # here

        async def test(self: Any) -> None:
            await inner()

        assert "await asyncio.sleep(100)  # here" in self.timed_out(test)

    def test_the_traceback_shows_where_a_generator_waited(self) -> None:
        def test(self: Any) -> Any:
            yield gen.sleep(100)  # here

        assert "yield gen.sleep(100)  # here" in self.timed_out(test)

    def test_a_coroutine_that_goes_on_has_timed_out_all_the_same(self) -> None:
        async def test(self: Any) -> None:
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                pass

        self.timed_out(test)

    def test_a_generator_that_goes_on_has_timed_out_all_the_same(self) -> None:
        seen = []

        def test(self: Any) -> Any:
            try:
                yield gen.sleep(100)
            except TimeoutError as error:
                seen.append(error)
            yield gen.sleep(100)

        def returns(self: Any) -> Any:
            try:
                yield gen.sleep(100)
            except TimeoutError:
                raise gen.Return(1) from None

        self.timed_out(test)
        self.timed_out(returns)
        assert len(seen) == 1

    def test_what_a_generator_raises_then_is_the_error(self) -> None:
        @gen_test(timeout=SHORT)
        def test(self: Any) -> Any:
            try:
                yield gen.sleep(100)
            finally:
                raise ValueError("cleaning up")

        with pytest.raises(ValueError, match="cleaning up"):
            test(self)


def test_timeout_of_coroutines_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    class Case(AsyncTestCase):
        @gen_test
        async def test(self) -> None:
            await asyncio.sleep(100)

        @gen_test(timeout=10)
        async def test_own(self) -> None:
            await asyncio.sleep(SHORT)

    monkeypatch.setenv("ASYNC_TEST_TIMEOUT", str(SHORT / 2))
    assert outcome(Case) == [f"E TimeoutError: Operation timed out after {SHORT / 2} seconds"]
    assert outcome(Case, "test_own") == []


def test_timeout_before_the_coroutine_begins() -> None:
    class Case(AsyncTestCase):
        @gen_test(timeout=0)
        async def test(self) -> None:
            await asyncio.sleep(100)

    assert outcome(Case) == ["E TimeoutError: Operation timed out after 0 seconds"]


# --- ExpectLog ---------------------------------------------------------------------------------


class Records(logging.Handler):
    """Keeps what arrives, as texts."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture
def logger(request: pytest.FixtureRequest) -> Iterator[logging.Logger]:
    made = logging.getLogger(f"test_testing.{request.node.name}")
    made.propagate = False
    made.addHandler(Records())
    yield made
    assert made.filters == []


def texts(logger: logging.Logger) -> list[str]:
    # pytest puts handlers of its own on loggers that do not propagate.
    (records,) = [handler for handler in logger.handlers if isinstance(handler, Records)]
    return records.texts


def test_what_is_expected_is_kept_out(logger: logging.Logger) -> None:
    with ExpectLog(logger.name, "hel+o") as expected:
        logger.warning("%s world", "hello")
        logger.error("hellllo")
        logger.error("say hello")
    logger.error("hello again")
    assert expected.matched == 2
    assert texts(logger) == ["say hello", "hello again"]
    assert expected.logger is logger


def test_compiled_patterns(logger: logging.Logger) -> None:
    with ExpectLog(logger, re.compile("HELLO", re.IGNORECASE)) as expected:
        logger.warning("hello")
    assert expected.matched == 1


def test_nothing_logged_fails(logger: logging.Logger) -> None:
    expected = ExpectLog(logger, "hel")
    with pytest.raises(Exception, match="did not get expected log message 'hel' on"), expected:
        logger.warning("something else")
    with ExpectLog(logger, "hel", required=False) as expected:
        pass
    assert expected.matched == 0


def test_an_exception_of_the_block_goes_through(logger: logging.Logger) -> None:
    with pytest.raises(KeyError), ExpectLog(logger, "hel"):
        raise KeyError


def test_s35_logged_stack(logger: logging.Logger) -> None:
    def failing(message: str) -> bool:
        with ExpectLog(logger, "hello", required=False) as expected:
            logger.error("hello")
            assert expected.logged_stack is False
            try:
                raise ValueError
            except ValueError:
                logger.error(message, exc_info=True)
            logger.error("hello")
        return expected.logged_stack

    assert failing("hello")
    assert failing("not what is expected")
    with ExpectLog(logger, "hello") as expected:
        logger.error("hello")
    assert expected.logged_stack is False


def test_level_is_exact_and_let_through(logger: logging.Logger, caplog: Any) -> None:
    logger.setLevel(logging.ERROR)
    with ExpectLog(logger, "hello", level=logging.INFO) as expected:
        logger.debug("hello")
        logger.info("hello")
        logger.warning("hello")
    assert (expected.matched, expected.level, logger.level) == (1, logging.INFO, logging.ERROR)
    assert texts(logger) == ["hello"]
    told = "Got expected log message 'hello' at unexpected level (INFO vs WARNING)"
    assert caplog.messages[0] == told


def test_level_of_the_logger_is_left_when_it_lets_through(logger: logging.Logger) -> None:
    logger.setLevel(logging.DEBUG)
    with ExpectLog(logger, "hello", level=logging.INFO) as expected:
        logger.info("hello")
    assert expected.orig_level is None
    assert logger.level == logging.DEBUG


def test_info_without_level_is_deprecated(logger: logging.Logger) -> None:
    logger.setLevel(logging.INFO)
    expected = ExpectLog(logger, "hello")

    def log_within() -> None:
        with expected:
            logger.info("hello")
            logger.warning("hello")

    with pytest.warns(DeprecationWarning, match="'hello' at level INFO or below") as caught:
        log_within()
    assert (expected.matched, expected.deprecated_level_matched) == (2, 1)
    assert caught[0].filename == __file__


def test_arguments_that_do_not_fit_are_for_the_handlers(logger: logging.Logger) -> None:
    filtered = ExpectLog(logger, "hello").filter(
        logging.LogRecord("n", logging.ERROR, "f", 1, "hello %d", ("x",), None)
    )
    assert filtered is True


def test_only_the_logger_itself_is_watched(logger: logging.Logger) -> None:
    with ExpectLog(logger, "hello", required=False) as expected:
        logger.getChild("below").error("hello")
    assert expected.matched == 0
    assert texts(logger) == ["hello"]
    assert "hello" in repr(expected)


# --- preparations ------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "", "::1"])
def test_bind_unused_port(address: str) -> None:
    if address == "::1" and not _has_ipv6():
        pytest.skip("needs IPv6 on this machine")
    sock, port = bind_unused_port(address=address)
    with sock:
        assert sock.getsockname()[:2] == (address or "0.0.0.0", port)
        assert not sock.getblocking()
        with socket.create_connection((address or "127.0.0.1", port)):
            pass


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(sys.platform == "win32", reason="needs SO_REUSEPORT")
def test_bind_unused_port_to_share() -> None:
    sock, port = bind_unused_port(reuse_port=True)
    with sock, socket.socket() as second:
        second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        second.bind(("127.0.0.1", port))


def test_setup_with_context_manager() -> None:
    log = []

    class Entered:
        def __enter__(self) -> str:
            log.append("enter")
            return "value"

        def __exit__(self, *error: object) -> None:
            log.append("exit")

    class Case(unittest.TestCase):
        def setUp(self) -> None:
            log.append(setup_with_context_manager(self, Entered()))

        def test(self) -> None:
            log.append("test")

    assert outcome(Case) == []
    assert log == ["enter", "value", "test", "exit"]


# --- servers -----------------------------------------------------------------------------------


class Hello(RequestHandler):
    def get(self) -> None:
        self.write(f"{self.request.method} {self.request.full_url()}")

    def post(self) -> None:
        self.write(self.request.body)


class Slow(RequestHandler):
    begun: asyncio.Event
    ended: list[bool]

    async def get(self) -> None:
        self.begun.set()
        try:
            await asyncio.sleep(100)
        finally:
            Slow.ended.append(True)


class WithServer(AsyncHTTPTestCase):
    def get_app(self) -> Application:
        return Application([("/", Hello), ("/slow", Slow)])

    def test_fetch(self) -> None:
        url = self.get_url("/")
        assert url == f"http://127.0.0.1:{self.get_http_port()}/"
        assert self.fetch("/").body.decode() == f"GET {url}"
        assert self.fetch(url.upper()).code == 200
        assert self.fetch("/", method="POST", body="text").body == b"text"

    def test_errors_of_fetch(self) -> None:
        with ExpectLog("whirlwind.access", "404 GET /nowhere"):
            assert self.fetch("/nowhere").code == 404
            with pytest.raises(HTTPError, match="404"):
                self.fetch("/nowhere", raise_error=True)
        sock, port = bind_unused_port()
        sock.close()
        with pytest.raises(ConnectionRefusedError):
            self.fetch(f"http://127.0.0.1:{port}/")

    @gen_test
    async def test_coroutine(self) -> None:
        response = await self.http_client.fetch(self.get_url("/"))
        assert response.code == 200
        with pytest.raises(RuntimeError, match=r"await self\.http_client\.fetch"):
            self.fetch("/")

    def test_names_of_the_parts(self) -> None:
        assert isinstance(self._app, Application)
        assert isinstance(self.http_server, HTTPServer)
        assert self.http_server.request_callback is self._app
        assert self.http_client is AsyncHTTPClient()
        assert self.get_protocol() == "http"
        assert self.get_httpserver_options() == {}


def test_a_request_that_is_still_running_is_cancelled() -> None:
    class Case(WithServer):
        @gen_test
        async def test(self) -> None:
            Slow.begun = asyncio.Event()
            fetch = asyncio.ensure_future(self.http_client.fetch(self.get_url("/slow")))
            await Slow.begun.wait()
            assert not fetch.done()

    Slow.ended = []
    case = Case("test")
    result = unittest.TestResult()
    case.run(result)
    assert result.wasSuccessful(), result.errors + result.failures
    assert Slow.ended == [True]
    assert not hasattr(case, "_app")
    assert not hasattr(case, "http_server")


class WithTLS(AsyncHTTPSTestCase):
    def get_app(self) -> Application:
        return Application([("/", Hello)])

    def test_fetch(self) -> None:
        url = self.get_url("/")
        assert url == f"https://127.0.0.1:{self.get_http_port()}/"
        assert self.fetch("/").body.decode() == f"GET {url}"

    @gen_test
    async def test_the_certificate_is_good_for_this_machine(self) -> None:
        trusted = ssl.create_default_context(cafile=self.get_ssl_options()["certfile"])
        url = f"https://localhost:{self.get_http_port()}/"
        for each in (url, self.get_url("/")):
            response = await self.http_client.fetch(each, validate_cert=True, ssl_options=trusted)
            assert response.code == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            await self.http_client.fetch(url, validate_cert=True)


def test_own_parts() -> None:
    class Case(WithServer):
        def get_http_client(self) -> AsyncHTTPClient:
            return AsyncHTTPClient(force_instance=True, defaults={"user_agent": "mine"})

        def get_http_server(self) -> HTTPServer:
            return HTTPServer(lambda request: self.answer(request))

        def answer(self, request: Any) -> None:
            start_line = ResponseStartLine("", 200, "OK")
            text = request.headers["User-Agent"].encode()
            request.connection.write_headers(
                start_line, HTTPHeaders({"Content-Length": str(len(text))}), text
            )
            request.connection.finish()

        def test(self) -> None:
            assert self.fetch("/").body == b"mine"

    assert outcome(Case) == []


def test_a_case_without_application_says_so() -> None:
    class Case(AsyncHTTPTestCase):
        def test(self) -> None: ...

    assert outcome(Case) == [
        "E NotImplementedError: Case does not define get_app(), which returns the application"
    ]


# --- the program -------------------------------------------------------------------------------

TESTS = """\
import logging, unittest
from whirlwind import testing

class Some(testing.AsyncTestCase):
    def test_good(self):
        print("printed")
        logging.warning("logged")

    def test_bad(self):
        self.fail("no")

{all}
if __name__ == "__main__":
    testing.main({arguments})
    print("went on")
"""
ONE = "def all(): return unittest.TestSuite([Some('test_good')])"


def program(folder: Path, *args: str, all: str = "", arguments: str = "") -> list[str]:
    """Run the program above; the exit status, standard output and the lines of the report."""
    file = folder / "some_tests.py"
    file.write_text(TESTS.format(all=all, arguments=arguments))
    command = [str(file)] if args[:1] != ("-m",) else []
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])}
    told = subprocess.run(
        [sys.executable, *command, *args], capture_output=True, text=True, env=env
    )
    return [str(told.returncode), told.stdout, *told.stderr.splitlines()]


def test_main_runs_what_is_named(tmp_path: Path) -> None:
    code, out, *report = program(tmp_path, "some_tests.Some.test_good")
    assert (code, out, report[-1]) == ("0", "printed\n", "OK")
    assert re.match(r"\[W \d+ [\d:]+ some_tests:7\] logged$", report[0])
    name = "whirlwind.testing"
    code, out, *report = program(tmp_path, "-m", name, "some_tests.Some.test_good")
    assert (code, out, report[-1]) == ("0", "printed\n", "OK")


def test_main_runs_all_or_else_everything(tmp_path: Path) -> None:
    code, _, *report = program(tmp_path, all=ONE)
    assert (code, report[-1]) == ("0", "OK")
    code, _, *report = program(tmp_path)
    assert (code, report[-1]) == ("1", "FAILED (failures=1)")


def test_main_without_tests(tmp_path: Path) -> None:
    code, _, *report = program(tmp_path, "-m", "whirlwind.testing")
    assert code == "1"
    assert report == ["Name the tests to run, for instance package.tests.test_web.HelloTest"]


def test_options_of_main(tmp_path: Path) -> None:
    code, out, *report = program(
        tmp_path, "--verbose", "--buffer", "--logging=error", "--catch", all=ONE
    )
    assert (code, out) == ("0", "")
    assert report[0] == "test_good (__main__.Some.test_good) ... ok"
    _, _, *report = program(tmp_path, "--quiet", "--exception-on-interrupt=false", all=ONE)
    assert "logged" in report[0]
    assert report[1].startswith("-----")
    _, _, *report = program(tmp_path, "--failfast")
    assert "Ran 1 test in" in report[-3]
    code, _, *report = program(tmp_path, "--nonsense")
    assert report[-1] == "whirlwind.options.Error: Unrecognized command line option: 'nonsense'"


def test_arguments_of_main(tmp_path: Path) -> None:
    arguments = "verbosity=2, exit=False"
    _, out, *report = program(tmp_path, "--logging=error", all=ONE, arguments=arguments)
    assert out == "printed\nwent on\n"
    assert report[0] == "test_good (__main__.Some.test_good) ... ok"
