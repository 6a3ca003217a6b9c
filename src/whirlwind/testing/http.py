"""Test cases with an HTTP or HTTPS server, and a client for it."""

import asyncio
from pathlib import Path
from typing import Any

from whirlwind.httpclient import AsyncHTTPClient, HTTPResponse
from whirlwind.httpserver import HTTPServer
from whirlwind.testing.cases import AsyncTestCase, get_async_test_timeout
from whirlwind.testing.setup import bind_unused_port

_FOLDER = Path(__file__).parent


class AsyncHTTPTestCase(AsyncTestCase):
    """A test case whose tests talk to a server of their own.

    ::

        class HelloTest(AsyncHTTPTestCase):
            def get_app(self):
                return Application([("/", HelloHandler)])

            def test_hello(self):
                self.assertEqual(self.fetch("/").body, b"hello")

    The server is ``self.http_server``, the client ``self.http_client``. In coroutine tests
    (`gen_test`) wait for ``self.http_client.fetch(self.get_url("/"))`` in place of `fetch`.
    """

    http_client: AsyncHTTPClient
    http_server: HTTPServer
    _app: Any
    _port: int

    def setUp(self) -> None:
        """Start the server on a free port."""
        super().setUp()
        sock, self._port = bind_unused_port()
        try:
            self.http_client = self.get_http_client()
            self._app = self.get_app()
            self.http_server = self.get_http_server()
            self.http_server.add_sockets([sock])
        except BaseException:
            sock.close()
            raise

    def tearDown(self) -> None:
        """Stop the server and close every connection."""
        self.http_server.stop()
        self.io_loop.run_sync(
            self.http_server.close_all_connections, timeout=get_async_test_timeout()
        )
        self.http_client.close()
        # A test case stays in memory until the whole run has ended; its application need not.
        del self.http_server
        del self._app
        super().tearDown()

    def get_app(self) -> Any:
        """Make the application of the test. Subclasses define this.

        :returns: an `Application`, or anything else that `HTTPServer` takes.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not define get_app(), which returns the application"
        )

    def get_http_client(self) -> AsyncHTTPClient:
        """Make the client; a subclass may return another one."""
        return AsyncHTTPClient()

    def get_http_server(self) -> HTTPServer:
        """Make the server; a subclass may return another one."""
        return HTTPServer(self._app, **self.get_httpserver_options())

    def get_httpserver_options(self) -> dict[str, Any]:
        """Give the arguments of `HTTPServer`; a subclass may return others."""
        return {}

    def get_http_port(self) -> int:
        """Tell the port of the server, a new one for each test."""
        return self._port

    def get_protocol(self) -> str:
        """Tell the scheme of the server's URLs."""
        return "http"

    def get_url(self, path: str) -> str:
        """Make the absolute URL of a path on the server."""
        return f"{self.get_protocol()}://127.0.0.1:{self.get_http_port()}{path}"

    def fetch(self, path: str, raise_error: bool = False, **kwargs: Any) -> HTTPResponse:
        """Fetch a URL, running the loop meanwhile.

        :arg path: path on the test's server, or an absolute URL of any server.
        :arg raise_error: raise `HTTPClientError` when the status is an error (Tornado 5.1). What
            gives no response at all, such as a refused connection, is raised in any case.
        :arg kwargs: further arguments of `HTTPRequest`.
        :returns: the `HTTPResponse`.
        :raises RuntimeError: the loop is running, as it is in coroutine tests.
        """
        if asyncio._get_running_loop() is not None:
            raise RuntimeError(
                "fetch() runs the event loop, which is running already: in a coroutine, "
                "await self.http_client.fetch(self.get_url(path))"
            )
        url = path if path.lower().startswith(("http://", "https://")) else self.get_url(path)
        response: HTTPResponse = self.io_loop.run_sync(
            lambda: self.http_client.fetch(url, raise_error=raise_error, **kwargs),
            timeout=get_async_test_timeout(),
        )
        return response


class AsyncHTTPSTestCase(AsyncHTTPTestCase):
    """`AsyncHTTPTestCase` with TLS: ``https://127.0.0.1``, and a client that trusts any server."""

    def get_http_client(self) -> AsyncHTTPClient:
        """Make a client that does not check certificates."""
        return AsyncHTTPClient(force_instance=True, defaults={"validate_cert": False})

    def get_httpserver_options(self) -> dict[str, Any]:
        """Give the arguments of `HTTPServer`: `get_ssl_options` as ``ssl_options``."""
        return {"ssl_options": self.get_ssl_options()}

    def get_ssl_options(self) -> dict[str, Any]:
        """Give the server's TLS options; a subclass may return others, or an `ssl.SSLContext`."""
        return AsyncHTTPSTestCase.default_ssl_options()

    @staticmethod
    def default_ssl_options() -> dict[str, Any]:
        """Name the certificate that comes with this package, and its key (Tornado 6.0).

        It is self-signed, for ``localhost``, ``127.0.0.1`` and ``::1``.
        """
        return {
            "certfile": str(_FOLDER / "localhost.crt"),
            "keyfile": str(_FOLDER / "localhost.key"),
        }

    def get_protocol(self) -> str:
        """Tell the scheme of the server's URLs."""
        return "https"
