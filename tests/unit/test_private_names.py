"""Private names of Tornado's that programs in the wild use: they are here and mean what they meant.

Who uses them: sentry-sdk and other tracing agents (`_execute`), OpenTelemetry (`_headers`,
`_find_groups`, `_orig_remote_ip`), webssh (`_orig_protocol`), Jupyter Server
(`_unimplemented_method`), ddtrace (`_path`), Flower and many tests (`_app`), Dask (`_write_buffer`,
`_total_write_index`, `_sockets`).
"""

import asyncio
import logging
import re
import socket
from typing import Any

import pytest

from tests.unit.loops import Run, run, stream_pair
from whirlwind import (
    auth,
    autoreload,
    httpclient,
    ioloop,
    locks,
    log,
    routing,
    tcpserver,
    testing,
    util,
    web,
)
from whirlwind.httputil import HTTPServerRequest, RequestStartLine

__all__ = ["run"]


class Connection:
    """As much of a connection as a handler needs to be made."""

    context = None

    def set_close_callback(self, callback: Any) -> None: ...


def handler(cls: type[web.RequestHandler] = web.RequestHandler) -> web.RequestHandler:
    request = HTTPServerRequest(
        start_line=RequestStartLine("GET", "/x?y", "HTTP/1.0"), connection=Connection()
    )
    request.remote_ip = "10.0.0.1"
    return cls(web.Application(), request)


def test_the_type_of_a_list_of_rules() -> None:
    def build(rules: routing._RuleList) -> web.Application:  # as Thumbor has it
        return web.Application(rules)

    assert list(build([("/", web.RequestHandler)]).wildcard_router.rules)


class TestRequestHandler:
    def test_a_mixin_that_declares_what_every_handler_has(self) -> None:
        class Declares:  # as tornado_sqlalchemy has it
            application = None
            request = None
            path_args = None

        class First(Declares, web.RequestHandler): ...

        class Itself(web.RequestHandler):
            application = None  # type: ignore[assignment]

        class Later(First): ...

        for cls in (First, Itself, Later):
            made = handler(cls)
            assert isinstance(made.application, web.Application)
            assert made.request.method == "GET"
            assert made.path_args == []

    def test_a_property_in_an_attributes_place_stays(self) -> None:
        class Odd(web.RequestHandler):
            @property
            def path_args(self) -> list[str]:  # type: ignore[override]
                return ["mine"]

            @path_args.setter
            def path_args(self, value: list[str]) -> None: ...

        assert handler(Odd).path_args == ["mine"]

    @pytest.mark.parametrize("method", web.RequestHandler.SUPPORTED_METHODS)
    def test_methods_that_a_class_does_not_define(self, method: str) -> None:
        class Mine(web.RequestHandler):
            def get(self) -> None: ...

        unimplemented = web.RequestHandler._unimplemented_method
        assert (getattr(Mine, method.lower()) is unimplemented) == (method != "GET")

    def test_headers_and_buffer(self) -> None:
        made = handler()
        made.set_header("X-A", "1")
        assert made._headers["X-A"] == "1"
        made.write("abc")
        made.write(b"def")
        assert b"".join(made._write_buffer) == b"abcdef"
        made.clear()
        assert list(made._write_buffer) == []

    def test_request_summary(self) -> None:
        assert handler()._request_summary() == "GET /x?y (10.0.0.1)"

    def test_execute_is_a_coroutine_function_to_wrap(self) -> None:
        assert asyncio.iscoroutinefunction(web.RequestHandler._execute)

    def test_template_loaders_can_be_forgotten(self) -> None:
        web.RequestHandler._template_loaders.clear()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/h", ("/h", 0)),
        (r"/a/(\d+)/b", ("/a/%s/b", 1)),
        (r"/(?P<x>\w+)/y", ("/%s/y", 1)),
        (r"/a\.b/(.*)/(.*)", ("/a.b/%s/%s", 2)),
        ("/100%25/(.*)", ("/100%%25/%s", 1)),
        ("/100%25", ("/100%25", 0)),
        (r"/x(?:y)z/(\w+)", (None, None)),
    ],
)
def test_the_template_of_a_path(pattern: str, expected: tuple[str | None, int | None]) -> None:
    template, groups = routing.PathMatches(pattern)._find_groups()
    assert (template, groups) == expected
    matcher = routing.PathMatches(pattern)
    assert (matcher._path, matcher._group_count) == expected
    if template is not None and groups:
        assert re.fullmatch(pattern, template % (("1",) * groups))


class TestStreams:
    def test_write_buffer_and_index(self, run: Run) -> None:
        async def main() -> None:
            writer, reader = stream_pair()
            before = writer._total_write_index
            await writer.write(b"abc")
            assert writer._total_write_index == before + 3
            # How Dask sends frames without a copy: both are its to change.
            writer._write_buffer.append(b"defg")
            writer._total_write_index += 4
            await writer.write(b"")
            assert await reader.read_bytes(7) == b"abcdefg"
            writer.close()
            assert writer._write_buffer is None
            reader.close()

        run(main)

    def test_sockets_of_a_server(self, run: Run) -> None:
        async def main() -> None:
            server = tcpserver.TCPServer()
            server.listen(0, "127.0.0.1")
            ((fd, sock),) = server._sockets.items()
            assert isinstance(sock, socket.socket)
            assert sock.fileno() == fd
            server.stop()

        run(main)


def test_semaphore_value() -> None:
    semaphore = locks.Semaphore(2)
    semaphore.acquire()
    assert semaphore._value == 1


def test_periodic_callback_counts_its_own_time() -> None:
    callback = ioloop.PeriodicCallback(lambda: None, 10_000)
    callback._next_timeout = 1000.0
    callback._update_next(1000.0)
    assert callback._next_timeout == 1010.0


def test_colours_of_the_formatter() -> None:
    formatter = log.LogFormatter(color=False)
    formatter._colors[logging.INFO] = "<"
    formatter._normal = ">"
    record = logging.makeLogRecord({"msg": "m", "levelno": logging.INFO, "levelname": "INFO"})
    line = formatter.format(record)
    assert line.startswith("<[I ")
    assert line.endswith("]> m")


def test_configuration_of_configurables_is_saved_and_restored() -> None:
    saved = httpclient.AsyncHTTPClient._save_configuration()
    try:
        httpclient.AsyncHTTPClient.configure(None, max_clients=1)
    finally:
        httpclient.AsyncHTTPClient._restore_configuration(saved)
    assert httpclient.AsyncHTTPClient._save_configuration() == saved
    assert issubclass(httpclient.AsyncHTTPClient, util.Configurable)


def test_request_proxy() -> None:
    request = httpclient.HTTPRequest("http://example.com/", user_agent="mine")
    proxy = httpclient._RequestProxy(request, {"user_agent": "default", "network_interface": "lo"})
    assert (proxy.user_agent, proxy.network_interface) == ("mine", "lo")


def test_application_of_a_test_case() -> None:
    class Case(testing.AsyncHTTPTestCase):
        def get_app(self) -> web.Application:
            return web.Application()

        def runTest(self) -> None:
            assert isinstance(self._app, web.Application)

    result = Case().run()
    assert result is not None
    assert result.wasSuccessful(), result.errors


def test_autoreload_can_be_asked_to_reload() -> None:
    assert callable(autoreload._reload)


def test_what_authors_of_auth_mixins_define() -> None:
    assert auth.TwitterMixin._OAUTH_NO_CALLBACKS is False
    assert auth.GoogleOAuth2Mixin._OAUTH_SETTINGS_KEY == "google_oauth"
    for name in ("_oauth_consumer_token", "_oauth_get_user_future"):
        assert hasattr(auth.OAuthMixin, name)
