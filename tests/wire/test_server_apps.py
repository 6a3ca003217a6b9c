"""What may stand in for an Application: callbacks, delegates, routers; detaching the connection."""

from __future__ import annotations

import asyncio
import importlib

import pytest

from .raw import build, wait_until
from .server import PACKAGE, httpserver, httputil, web

routing = importlib.import_module(f"{PACKAGE}.routing")


def respond(connection, body: bytes, fields: dict[str, str] | None = None) -> None:
    """Send a complete response through an HTTPConnection."""
    headers = httputil.HTTPHeaders({"Content-Length": str(len(body)), **(fields or {})})
    connection.write_headers(httputil.ResponseStartLine("", 200, "OK"), headers, body)
    connection.finish()


# --- plain callbacks ----------------------------------------------------------------------------


def test_callback(start):
    def application(request):
        respond(request.connection, f"{request.method} {request.uri}".encode() + request.body)

    server = start(application)
    with server.connect() as connection:
        assert connection.request("/x").body == b"GET /x"
        assert connection.request("/y", "POST", b"!").body == b"POST /y!"
        assert connection.request("/z").body == b"GET /z"


def test_callback_that_answers_later(start):
    held = []
    server = start(held.append)
    with server.connect() as connection:
        connection.send(build("/1") + build("/2"))
        wait_until(lambda: held)
        server.turn()
        assert len(held) == 1
        server.call(lambda: respond(held[0].connection, b"one"))
        assert connection.read().body == b"one"
        wait_until(lambda: len(held) == 2)
        server.call(lambda: respond(held[1].connection, b"two"))
        assert connection.read().body == b"two"
    held.clear()


def test_callback_without_length_is_chunked(start):
    def application(request):
        connection = request.connection
        connection.write_headers(
            httputil.ResponseStartLine("HTTP/1.1", 200, "OK"), httputil.HTTPHeaders(), b"first"
        )
        connection.write(b"second")
        connection.finish()

    server = start(application)
    with server.connect() as connection:
        answer = connection.request()
        assert answer.get("Transfer-Encoding") == "chunked"
        assert answer.body == b"firstsecond"
        assert connection.request().body == b"firstsecond"


def test_callback_to_http_1_0_without_length_closes(start):
    def application(request):
        request.connection.write_headers(
            httputil.ResponseStartLine("HTTP/1.1", 200, "OK"), httputil.HTTPHeaders(), b"all"
        )
        request.connection.finish()

    with start(application).connect() as connection:
        connection.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        answer = connection.read()
        assert (answer.body, answer.until_close) == (b"all", True)


def test_callback_that_raises_does_not_hang_the_client(start, logs):
    def application(request):
        if request.path == "/bad":
            raise ZeroDivisionError
        respond(request.connection, b"fine")

    server = start(application)
    with server.connect() as connection:
        connection.send(build("/bad"))
        if connection.reader.fill():
            assert connection.read().status == 500
    assert server.request("/good").body == b"fine"
    server.loop_errors.clear()


def test_callback_gets_the_close_of_the_client(start):
    closed = []

    def application(request):
        request.connection.set_close_callback(lambda: closed.append(request.path))

    server = start(application)
    with server.connect() as connection:
        connection.send(build("/held"))
        server.turn()
        connection.abort()
    wait_until(lambda: closed == ["/held"])


def test_coroutine_started_by_a_callback(start):
    tasks = set()

    def application(request):
        async def work():
            await asyncio.sleep(0)
            respond(request.connection, b"async")

        task = asyncio.get_running_loop().create_task(work())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    with start(application).connect() as connection:
        assert connection.request().body == b"async"
        assert connection.request().body == b"async"


@pytest.mark.parametrize("name", ["X-A\r\nX-B", "X\0A"])
def test_callback_can_not_inject_fields(start, logs, name):
    refused = []

    def application(request):
        headers = httputil.HTTPHeaders({"Content-Length": "0"})
        try:
            headers[name] = "x"
            respond(request.connection, b"", dict(headers.get_all()))
        except Exception as error:
            refused.append(error)
            respond(request.connection, b"")

    server = start(application)
    with server.connect() as connection:
        connection.send(build())
        answer = connection.read()
    assert refused
    assert "X-B" not in answer.names


# --- delegates ----------------------------------------------------------------------------------


class Message(httputil.HTTPMessageDelegate):
    def __init__(self, calls, connection):
        self.calls = calls
        self.connection = connection
        self.body = b""

    def headers_received(self, start_line, headers):
        self.calls.append(("headers", tuple(start_line), headers.get("X-A")))

    def data_received(self, chunk):
        self.body += chunk

    def finish(self):
        self.calls.append(("finish", self.body))
        respond(self.connection, self.body)

    def on_connection_close(self):
        self.calls.append(("connection closed",))


class Delegate(httputil.HTTPServerConnectionDelegate):
    message = Message

    def __init__(self):
        self.calls = []
        self.connections = []

    def start_request(self, server_conn, request_conn):
        self.connections.append(server_conn)
        self.calls.append(("start",))
        return self.message(self.calls, request_conn)

    def on_close(self, server_conn):
        assert server_conn is self.connections[0]
        self.calls.append(("closed",))


def test_delegate(start):
    delegate = Delegate()
    server = start(delegate)
    with server.connect() as connection:
        assert connection.request("/1", fields={"X-A": "b"}).body == b""
        assert connection.request("/2", "POST", b"abc").body == b"abc"
    wait_until(lambda: ("closed",) in delegate.calls)
    assert delegate.calls == [
        ("start",),
        ("headers", ("GET", "/1", "HTTP/1.1"), "b"),
        ("finish", b""),
        ("start",),
        ("headers", ("POST", "/2", "HTTP/1.1"), None),
        ("finish", b"abc"),
        ("closed",),
    ]
    assert len({id(conn) for conn in delegate.connections}) == 1


def test_delegate_hears_of_a_cut_body(start, logs):
    delegate = Delegate()
    server = start(delegate)
    with server.connect() as connection:
        connection.send(build("/", "POST", b"abc", {"Content-Length": "10"}))
        wait_until(lambda: len(delegate.calls) == 2)
        connection.abort()
    wait_until(lambda: ("closed",) in delegate.calls)
    assert delegate.calls[2:] == [("connection closed",), ("closed",)]


@pytest.mark.parametrize("method", ["headers_received", "data_received"])
def test_delegate_may_return_awaitables(start, method):
    gate = asyncio.Event()

    class Slow(Message):
        pass

    def slowly(self, *args):
        self.calls.append(("waiting",))
        return self.work(*args)

    async def work(self, *args):
        await gate.wait()
        getattr(Message, method)(self, *args)

    setattr(Slow, method, slowly)
    Slow.work = work
    delegate = Delegate()
    delegate.message = Slow
    server = start(delegate)
    with server.connect() as connection:
        connection.send(build("/", "POST", b"abc") + build("/next"))
        wait_until(lambda: ("waiting",) in delegate.calls)
        server.turn()
        assert ("finish", b"abc") not in delegate.calls
        server.call(gate.set)
        assert connection.read().body == b"abc"
        assert connection.read().body == b""


def test_server_subclass_with_its_own_start_request(start):
    delegate = Delegate()

    class Server(httpserver.HTTPServer):
        def start_request(self, server_conn, request_conn):
            return delegate.start_request(server_conn, request_conn)

    server = start(web.Application())

    def listen():
        other = Server(web.Application())
        sockets = importlib.import_module(f"{PACKAGE}.netutil").bind_sockets(0, "127.0.0.1")
        other.add_sockets(sockets)
        server.address = sockets[0].getsockname()
        return other

    other = server.call(listen)
    assert server.request("/", "POST", b"own").body == b"own"
    server.call(other.stop)
    server.call(other.close_all_connections)


# --- routers ------------------------------------------------------------------------------------


class Echo(web.RequestHandler):
    def initialize(self, tag="-"):
        self.tag = tag

    def get(self, *args):
        self.write(f"{self.tag} {args}")


def test_router_of_ones_own(start):
    class Router(routing.Router):
        def find_handler(self, request, **kwargs):
            application = web.Application([(r"/(.*)", Echo, {"tag": request.method})])
            return application.find_handler(request, **kwargs)

    server = start(Router())
    with server.connect() as connection:
        assert connection.request("/x").body == b"GET ('x',)"
        assert connection.request("/y").body == b"GET ('y',)"


def test_rule_router_in_front_of_applications(start):
    first = web.Application([(r"/(.*)", Echo, {"tag": "first"})])
    second = web.Application([(r"/second/(.*)", Echo, {"tag": "second"})])
    router = routing.RuleRouter(
        [
            routing.Rule(routing.PathMatches("/second/.*"), second),
            routing.Rule(routing.AnyMatches(), first),
        ]
    )
    server = start(router)
    assert server.request("/second/a").body == b"second ('a',)"
    assert server.request("/b").body == b"first ('b',)"


def test_rule_router_to_a_callback(start):
    def callback(request):
        respond(request.connection, b"called")

    router = routing.RuleRouter([routing.Rule(routing.PathMatches("/c"), callback)])
    server = start(router)
    assert server.request("/c").body == b"called"


def test_routes_by_host(start):
    application = web.Application([(r"/", Echo, {"tag": "default"})])
    application.add_handlers(r"special\.example", [(r"/", Echo, {"tag": "special"})])
    server = start(application)
    assert server.request(fields={"Host": "special.example"}).body == b"special ()"
    assert server.request(fields={"Host": "special.example:80"}).body == b"special ()"
    assert server.request().body == b"default ()"


def test_fallback_handler(start):
    def callback(request):
        respond(request.connection, b"fell back " + request.body)

    routes = [(r"/known", Echo), (r".*", web.FallbackHandler, {"fallback": callback})]
    server = start(web.Application(routes))
    with server.connect() as connection:
        assert connection.request("/other", "POST", b"body").body == b"fell back body"
        assert connection.request("/known").body == b"- ()"


def test_path_arguments(start):
    class Handler(web.RequestHandler):
        def get(self, *args, **kwargs):
            self.write({"args": args, "kwargs": kwargs})

    server = start(web.Application([(r"/p/(\w+)/(.*)", Handler), (r"/n/(?P<a>[^/]+)", Handler)]))
    assert server.request("/p/x/a%20b%2Fc").body == b'{"args": ["x", "a b/c"], "kwargs": {}}'
    assert server.request("/n/%C3%A9").body == b'{"args": [], "kwargs": {"a": "\\u00e9"}}'
    assert server.request("/n/%ff").status == 400


# --- detaching ----------------------------------------------------------------------------------


@pytest.mark.parametrize("packets", ["one", "two", "bytewise"])
def test_detach_hands_over_the_bytes_behind_the_request(serve, logs, packets):
    """Row 42: once the application took the connection, nothing there is HTTP any more."""
    reached = []

    class Handler(web.RequestHandler):
        async def get(self):
            reached.append(self.request.path)
            self.set_status(101)
            self.set_header("Upgrade", "echo")
            self.set_header("Connection", "Upgrade")
            await self.flush()
            stream = self.detach()
            await stream.write(b"said " + await stream.read_until(b"!"))
            stream.close()

    server = serve(Handler)
    head = build("/up", fields={"Upgrade": "echo", "Connection": "Upgrade"})
    after = build("/smuggled") + b"!"
    with server.connect() as connection:
        if packets == "one":
            connection.send(head + after)
        elif packets == "two":
            connection.send(head)
            server.turn()
            connection.send(after)
        else:
            data = head + after
            connection.send_each((data[i : i + 1] for i in range(len(data))), server.turn)
        assert connection.reader.head().status == 101
        assert connection.reader.rest() == b"said " + after
    assert reached == ["/up"]
    assert logs.tracebacks() == []


def test_a_declined_upgrade_goes_on_as_http(serve):
    class Handler(web.RequestHandler):
        def get(self):
            self.write(self.request.path)

    with serve(Handler).connect() as connection:
        offer = build("/1", fields={"Upgrade": "echo", "Connection": "Upgrade"})
        connection.send(offer + build("/2"))
        assert connection.read().body == b"/1"
        assert connection.read().body == b"/2"
