"""WSGI applications behind the server: the environment, the answer, streaming, failures."""

from __future__ import annotations

import contextvars
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.validate import validator

import pytest

from whirlwind import routing, wsgi
from whirlwind.httputil import HTTPServerRequest

from .raw import DEADLINE, build


@pytest.fixture(params=["blocking", "threads"])
def executor(request):
    """Where the application runs: in the loop's thread, or in a pool's."""
    if request.param == "blocking":
        yield None
        return
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def host(start, executor):
    """Serves a WSGI application, checked for its own mistakes and ours unless ``checked=False``."""

    def host(application: Any, *, checked: bool = True, **options: Any):
        wrapped = validator(application) if checked else application
        return start(wsgi.WSGIContainer(wrapped, executor=executor), **options)

    return host


def plain(start_response: Any, *headers: tuple[str, str], status: str = "200 OK") -> None:
    start_response(status, [("Content-Type", "text/plain"), *headers])


def test_the_environment(host, executor) -> None:
    seen: list[dict[str, Any]] = []

    def application(environ, start_response):
        seen.append(dict(environ, body=environ["wsgi.input"].read(100)))
        plain(start_response)
        return [b"ok"]

    server = host(application)
    fields = {
        "Host": "Example.com:81",
        "X-List": "1",
        "X_List": "spoofed",
        "Content-Type": "a/b",
        "Transfer-Encoding": "chunked",
    }
    with server.connect() as connection:
        head = build("/caf%C3%A9/a+b%2F?x=%20&y", "PUT", None, fields)
        more = b"x-list: 2\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        connection.send(head.removesuffix(b"\r\n") + more)
        assert connection.read().body == b"ok"
    environ = seen[0]
    assert environ.pop("body") == b"abc"
    assert environ.pop("wsgi.errors") is not None
    assert environ.pop("wsgi.input") is not None
    assert environ == {
        "REQUEST_METHOD": "PUT",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/caf\xc3\xa9/a+b/",
        "QUERY_STRING": "x=%20&y",
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "Example.com",
        "SERVER_PORT": "81",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "a/b",
        "CONTENT_LENGTH": "3",
        "HTTP_HOST": "Example.com:81",
        "HTTP_X_LIST": "1,2",
        "HTTP_COOKIE": "a=1; b=2",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input_terminated": True,
        "wsgi.multithread": executor is not None,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


@pytest.mark.parametrize(
    ("request_host", "server"), [("a", ("a", "80")), ("[::1]:90", ("::1", "90"))]
)
def test_name_and_port_of_the_server(request_host: str, server: tuple[str, str]) -> None:
    request = HTTPServerRequest("GET", "/", "HTTP/1.1", host=request_host)
    request.remote_ip = "127.0.0.1"
    request.protocol = "http"
    environ = wsgi.WSGIContainer(lambda e, s: []).environ(request)
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == server
    assert environ["wsgi.errors"] is sys.stderr


class TestAnswers:
    def test_a_list_has_a_length(self, host) -> None:
        def application(environ, start_response):
            plain(start_response, ("X-A", "1"), ("X-A", "2"), status="201 Made it")
            return [b"Hello ", b"world"]

        answer = host(application, checked=False).request()
        assert (answer.status, answer.reason, answer.body) == (201, "Made it", b"Hello world")
        assert answer.get("Content-Length") == "11"
        assert answer.get_all("X-A") == ["1", "2"]
        assert answer.get("Date")
        assert answer.get("Server").startswith("Whirlwind/")

    def test_a_generator_is_chunked(self, host) -> None:
        def application(environ, start_response):
            write = start_response("200 OK", [("Content-Type", "text/plain")])
            write(b"first ")
            return body()

        def body():
            yield b""
            yield b"a"
            yield b"b"

        answer = host(application, checked=False).request()
        assert answer.chunks == [b"first ", b"a", b"b"]

    def test_a_generator_that_knows_its_length_is_not(self, host) -> None:
        def application(environ, start_response):
            plain(start_response, ("Content-Length", "4"))
            yield b"ab"
            yield b"cd"

        answer = host(application).request()
        assert answer.body == b"abcd"
        assert answer.get("Transfer-Encoding") is None

    def test_what_only_the_server_may_say_is_dropped(self, host) -> None:
        def application(environ, start_response):
            plain(start_response, ("Transfer-Encoding", "chunked"), ("Keep-Alive", "1"))
            return [b"x"]

        answer = host(application, checked=False).request()
        assert answer.body == b"x"
        assert answer.get("Keep-Alive") is None

    def test_blanks_around_a_value_are_no_part_of_it(self, host) -> None:
        def application(environ, start_response):
            plain(start_response, ("Set-Cookie", " a=1;\tb "), ("X-Empty", " "))
            return [b"x"]

        answer = host(application, checked=False).request()
        assert (answer.get("Set-Cookie"), answer.get("X-Empty")) == ("a=1;\tb", "")

    def test_defaults_do_not_replace(self, host) -> None:
        def application(environ, start_response):
            start_response("404 Not Found", [("server", "mine"), ("content-type", "a/b")])
            return [b"no"]

        answer = host(application, checked=False).request()
        assert (answer.get("Server"), answer.get("Content-Type")) == ("mine", "a/b")

    @pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
    def test_without_a_body(self, host, status: str) -> None:
        def application(environ, start_response):
            start_response(status, [])
            return [b"not sent"]

        server = host(application, checked=False)
        with server.connect() as connection:
            for _ in range(2):  # nothing of a body is left on the connection
                answer = connection.request()
                assert answer.get("Content-Type") is None
                assert f"{answer.status} {answer.reason}" == status

    def test_head_has_no_body(self, host) -> None:
        def application(environ, start_response):
            plain(start_response)
            return [b"as for GET"]

        with host(application, checked=False).connect() as connection:
            for _ in range(2):
                assert connection.request(method="HEAD").get("Content-Length") == "10"
            assert connection.request().body == b"as for GET"

    def test_an_empty_body(self, host) -> None:
        def application(environ, start_response):
            plain(start_response)
            return iter(())

        assert host(application).request().get("Content-Length") == "0"

    def test_close_is_called(self, host) -> None:
        class Body:
            closed = 0

            def __iter__(self):
                return iter([b"x"])

            def close(self):
                self.closed += 1

        body = Body()

        def application(environ, start_response):
            plain(start_response)
            return body

        assert host(application).request().body == b"x"
        assert body.closed == 1

    def test_start_response_may_change_its_mind(self, host) -> None:
        def application(environ, start_response):
            plain(start_response)
            try:
                raise KeyError("late")
            except KeyError:
                start_response("500 Sorry", [("Content-Type", "text/plain")], sys.exc_info())
            return [b"sorry"]

        answer = host(application, checked=False).request()
        assert (answer.status, answer.body) == (500, b"sorry")

    def test_one_line_in_the_access_log(self, host, logs) -> None:
        def application(environ, start_response):
            plain(start_response, status="404 Not Found")
            return [b""]

        host(application).request("/x?y")
        (record,) = logs.records
        assert (record.name, record.levelname) == ("whirlwind.access", "WARNING")
        assert record.getMessage().startswith("404 GET /x?y (127.0.0.1) ")


class TestFailures:
    @pytest.mark.parametrize("where", ["at once", "first chunk", "no start", "text", "bad status"])
    def test_before_the_answer_is_500(self, host, logs, where: str) -> None:
        def application(environ, start_response):
            if where == "at once":
                raise ValueError("mine")
            if where == "no start":
                return [b"x"]
            start_response("OK" if where == "bad status" else "200 OK", [])
            return body()

        def body():
            if where == "text":
                yield "not bytes"
            raise ValueError("mine")

        server = host(application, checked=False)
        with server.connect() as connection:
            for _ in range(2):
                assert connection.request().status == 500
        errors = [record for record in logs.records if record.exc_info]
        assert len(errors) == 2
        assert errors[0].getMessage() == "Uncaught exception GET / (127.0.0.1)"

    @pytest.mark.parametrize("how", ["list", "generator", "write"])
    def test_text_is_named_with_what_to_do(self, host, logs, how: str) -> None:
        def application(environ, start_response):
            write = start_response("200 OK", [])
            if how == "write":
                write("text")
            return ["text"] if how == "list" else (text for text in ["text"])

        assert host(application, checked=False).request().status == 500
        (error,) = [record.exc_info[1] for record in logs.records if record.exc_info]
        assert isinstance(error, TypeError)
        assert "str 'text': encode it (PEP 3333)" in str(error)

    def test_in_the_middle_cuts_the_answer_short(self, host, logs) -> None:
        def application(environ, start_response):
            plain(start_response)
            yield b"a"
            raise ValueError("mine")

        with host(application, checked=False).connect() as connection:
            connection.send(build("/"))
            head = connection.reader.head()
            assert head.status == 200
            assert connection.reader.rest() == b"1\r\na\r\n"  # and no last chunk
        assert sum(record.exc_info is not None for record in logs.records) == 1

    def test_fewer_bytes_than_promised(self, host, logs) -> None:
        def application(environ, start_response):
            plain(start_response, ("Content-Length", "5"))
            return [b"abc"]

        with host(application, checked=False).connect() as connection:
            connection.send(build("/"))
            assert connection.reader.head().get("Content-Length") == "5"
            assert connection.reader.rest() == b"abc"
        assert sum(record.exc_info is not None for record in logs.records) == 1

    def test_starting_twice(self, host, logs) -> None:
        def application(environ, start_response):
            plain(start_response)
            plain(start_response)
            return []

        assert host(application, checked=False).request().status == 500
        assert "called twice" in str(logs.records[0].exc_info)

    def test_changing_its_mind_too_late(self, host, logs) -> None:
        def application(environ, start_response):
            plain(start_response)
            yield b"a"
            try:
                raise KeyError("late")
            except KeyError:
                start_response("500 Sorry", [], sys.exc_info())

        with host(application, checked=False).connect() as connection:
            connection.send(build("/"))
            assert connection.reader.head().status == 200
            assert connection.reader.rest() == b"1\r\na\r\n"
        assert [r.exc_info[0] for r in logs.records if r.exc_info] == [KeyError]


class TestStreaming:
    def test_a_chunk_is_sent_when_it_is_there(self, start) -> None:
        go_on = threading.Event()

        def application(environ, start_response):
            plain(start_response)
            yield b"first"
            assert go_on.wait(DEADLINE)
            yield b"second"

        with ThreadPoolExecutor(1) as pool:
            server = start(wsgi.WSGIContainer(application, executor=pool))
            with server.connect() as connection:
                connection.send(build("/"))
                connection.reader.head()
                assert connection.reader.exactly(10) == b"5\r\nfirst\r\n"
                go_on.set()
                assert connection.reader.exactly(16) == b"6\r\nsecond\r\n0\r\n\r\n"[:16]

    def test_a_client_that_does_not_read_stops_the_application(self, host) -> None:
        made = []
        closed = threading.Event()

        def application(environ, start_response):
            plain(start_response)
            try:
                for number in range(1000):
                    made.append(number)
                    yield bytes(1 << 16)
            finally:
                closed.set()

        server = host(application, checked=False)
        with server.connect(receive_buffer=4096) as connection:
            connection.send(build("/"))
            connection.reader.exactly(100)
            for _ in range(20):
                server.turn()
            assert len(made) < 500
        assert closed.wait(DEADLINE)  # the client left
        assert len(made) < 1000

    def test_one_thread_and_one_context_for_a_request(self, start) -> None:
        variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
        seen = []

        class Body:
            def __iter__(self):
                seen.append((threading.get_ident(), variable.get()))
                yield b"a"
                seen.append((threading.get_ident(), variable.get()))
                yield b"b"

            def close(self):
                variable.reset(self.token)
                seen.append((threading.get_ident(), variable.get("none")))

        def application(environ, start_response):
            body = Body()
            body.token = variable.set("set")
            plain(start_response)
            return body

        with ThreadPoolExecutor(4) as pool:
            server = start(wsgi.WSGIContainer(application, executor=pool))
            assert server.request().body == b"ab"
        assert len({thread for thread, _ in seen}) == 1
        assert [value for _, value in seen] == ["set", "set", "none"]

    def test_requests_run_side_by_side_in_threads(self, start) -> None:
        barrier = threading.Barrier(2, timeout=DEADLINE)

        def application(environ, start_response):
            barrier.wait()
            plain(start_response)
            return [b"met"]

        with ThreadPoolExecutor(2) as pool:
            server = start(wsgi.WSGIContainer(application, executor=pool))
            with server.connect() as one, server.connect() as other:
                one.send(build("/"))
                other.send(build("/"))
                assert one.read().body == other.read().body == b"met"


def test_behind_a_router(start) -> None:
    def application(environ, start_response):
        plain(start_response)
        return [environ["PATH_INFO"].encode()]

    router = routing.RuleRouter([("/wsgi.*", wsgi.WSGIContainer(application))])
    server = start(router)
    assert server.request("/wsgi/x").body == b"/wsgi/x"
    assert server.request("/other").status == 404


def test_names_of_old() -> None:
    assert wsgi.HTTPRequest is HTTPServerRequest
    assert wsgi.to_wsgi_str(b"\xff") == "\xff"
