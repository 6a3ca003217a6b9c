"""The client's side: handshakes, messages, ends, proxies; and every case as a server sends it."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import ssl
import warnings
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.wire.server import Logs, ServerThread, web
from whirlwind import websocket
from whirlwind.client.errors import HTTPProxyError
from whirlwind.httpclient import HTTPError, HTTPRequest
from whirlwind.ioloop import IOLoop
from whirlwind.protocol import deflate, limits
from whirlwind.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError
from whirlwind.websocket import (
    WebSocketClientConnection,
    WebSocketClosedError,
    WebSocketError,
    websocket_connect,
)

from . import cases
from .frames import BINARY, CLOSE, PING, PONG, TEXT, close, frame
from .raw_server import RawConnection, RawServer, connect_proxy

WIRE = Path(__file__).parent.parent / "wire"


class Echo(websocket.WebSocketHandler):
    """Sends every message back, and what else it is asked for."""

    options: dict[str, Any] | None = None

    def get_compression_options(self) -> dict[str, Any] | None:
        return self.options

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return subprotocols[-1] if subprotocols else None

    def set_default_headers(self) -> None:
        self.set_header("X-Seen", self.request.headers.get("X-Test", ""))

    def on_message(self, message: str | bytes) -> Any:
        if message == "close":
            return self.close(4000, "as you wish")
        if message == "burst":
            for i in range(5):
                self.write_message(str(i))
            return self.close(1000, "that was all")
        return self.write_message(message, binary=isinstance(message, bytes))


class Compressed(Echo):
    """Compresses."""

    options = {"threshold": 0}


class Page(web.RequestHandler):
    """No WebSocket."""

    def get(self) -> None:
        self.finish("a page")


def application() -> web.Application:
    """What the servers of these tests serve."""
    return web.Application(
        [
            ("/echo", Echo),
            ("/compressed", Compressed),
            ("/page", Page),
            ("/moved", web.RedirectHandler, {"url": "/echo"}),
        ]
    )


@pytest.fixture
def server(loop_kind: str) -> Any:
    """A server in a thread of its own."""
    thread = ServerThread(application(), loop=loop_kind)
    yield thread
    thread.stop()
    assert thread.loop_errors == []


def url(server: ServerThread, path: str = "/echo") -> str:
    """Of a page of the server."""
    return f"ws://127.0.0.1:{server.port}{path}"


async def read(connection: WebSocketClientConnection) -> str | bytes | None:
    """The next message, soon."""
    return await asyncio.wait_for(connection.read_message(), 10)


async def until(condition: Callable[[], Any]) -> None:
    """Poll until a condition is true."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  (there is no event for it)
            await asyncio.sleep(0.001)


# --- talking --------------------------------------------------------------------------------------


async def test_messages(server: ServerThread) -> None:
    connection = await websocket_connect(url(server))
    assert isinstance(connection, WebSocketClientConnection)
    for message in ("text ☃", b"\xff\0", "", b"", "x" * 300_000, b"y" * 70_000):
        await connection.write_message(message, binary=isinstance(message, bytes))
        assert await read(connection) == message
    connection.write_message({"a": 1})
    assert await read(connection) == '{"a": 1}'
    connection.write_message(b"bytes as text")
    assert await read(connection) == "bytes as text"
    with pytest.raises(TypeError):
        connection.write_message(5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="UTF-8"):
        connection.write_message(b"\xff")
    connection.close()
    assert await read(connection) is None


async def test_the_address_and_the_stream_of_a_connection(server: ServerThread) -> None:
    """Programs ask a connection what address it was made to, and for its stream after the end."""
    async with await websocket_connect(url(server, "/echo?a=b")) as connection:
        assert connection.code is None
        assert connection.parsed.scheme == "http"
        assert connection.parsed.netloc == f"127.0.0.1:{server.port}"
        assert (connection.parsed.path, connection.parsed.query) == ("/echo", "a=b")
        stream = connection.stream
        assert stream is not None
        assert not stream.closed()
        assert stream.error is None
        assert stream.socket.getpeername() == ("127.0.0.1", server.port)
    assert connection.stream is stream
    assert stream.closed()


async def test_iteration(server: ServerThread) -> None:
    async with await websocket_connect(url(server)) as connection:
        connection.write_message("burst")
        assert [message async for message in connection] == list("01234")
        assert (connection.close_code, connection.close_reason) == (1000, "that was all")
        assert await read(connection) is None  # and again


async def test_leaving_with_messages_unread(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's close frame is not kept waiting by messages that nobody will read."""
    monkeypatch.setattr(limits, "CLOSE_TIMEOUT", 3600.0)
    async with await websocket_connect(url(server)) as connection:
        connection.write_message("burst")
        assert await anext(aiter(connection)) == "0"
        await asyncio.sleep(0.05)  # the others wait by now
    assert (connection.close_code, connection.close_reason) == (1000, "that was all")
    assert await read(connection) is None
    assert connection.read_queue.empty()


async def test_everything_sent_before_the_end_can_be_read(server: ServerThread) -> None:
    connection = await websocket_connect(url(server))
    connection.write_message("burst")
    await asyncio.sleep(0.05)  # all of it, and the end of the connection, is here now
    assert [await read(connection) for _ in range(6)] == ["0", "1", "2", "3", "4", None]
    assert connection.close_code == 1000


async def test_messages_in_a_callback(server: ServerThread) -> None:
    seen: list[Any] = []
    over = asyncio.Event()

    async def on_message(message: str | bytes | None) -> None:
        await asyncio.sleep(0)
        seen.append(message)
        if message is None:
            over.set()

    connection = await websocket_connect(url(server), on_message_callback=on_message)
    connection.write_message("burst")
    await asyncio.wait_for(over.wait(), 10)
    assert seen == ["0", "1", "2", "3", "4", None]
    plain: list[Any] = []
    connection = await websocket_connect(
        url(server),
        on_message_callback=lambda m: plain.append(m) or len(plain),  # type: ignore[func-returns-value]
    )
    connection.write_message("burst")
    await until(lambda: plain and plain[-1] is None)
    assert plain == ["0", "1", "2", "3", "4", None]


async def test_callbacks_of_old(server: ServerThread) -> None:
    futures: asyncio.Queue[Any] = asyncio.Queue()
    with pytest.warns(DeprecationWarning, match="callback"):
        websocket_connect(url(server), futures.put_nowait)
    connection = (await asyncio.wait_for(futures.get(), 10)).result()
    connection.read_message(futures.put_nowait)
    connection.write_message("hello")
    assert (await asyncio.wait_for(futures.get(), 10)).result() == "hello"
    connection.close()


async def test_a_read_that_is_given_up_loses_nothing(server: ServerThread) -> None:
    async with await websocket_connect(url(server)) as connection:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(connection.read_message(), 0.01)
        first, second = connection.read_message(), connection.read_message()
        first.cancel()
        connection.write_message("for the second")
        assert await asyncio.wait_for(second, 60) == "for the second"


async def test_an_error_in_a_callback(server: ServerThread, logs: Logs) -> None:
    def on_message(message: str | bytes | None) -> None:
        if message is not None:
            raise ZeroDivisionError

    connection = await websocket_connect(url(server), on_message_callback=on_message)
    connection.write_message("hello")
    await until(lambda: connection.protocol.is_closing())
    assert logs.errors() == [ZeroDivisionError]
    connection.close()


async def test_context_variables(server: ServerThread) -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="nobody")
    seen: list[str] = []
    name.set("caller")
    connection = await websocket_connect(
        url(server), on_message_callback=lambda _: seen.append(name.get())
    )
    connection.write_message("hello")
    await until(lambda: seen)
    connection.close()
    assert seen[0] == "caller"


# --- the handshake --------------------------------------------------------------------------------


async def test_the_request() -> None:
    async with RawServer() as raw:
        request = HTTPRequest(
            f"ws://user:pass@127.0.0.1:{raw.port}/path?q=1",
            headers={"X-Test": "yes", "Origin": "http://here"},
            user_agent="tester",
        )
        connection: Any = await websocket_connect(request, subprotocols=["a", "b"])
        connection.stream.close()
        head = raw.heads[0]
    assert head.startswith("GET /path?q=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    lines = head.split("\r\n")
    for line in (
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-Websocket-Key: {connection.key}",
        "Sec-Websocket-Version: 13",
        "Sec-Websocket-Protocol: a,b",
        "X-Test: yes",
        "Origin: http://here",
        "User-Agent: tester",
        "Authorization: Basic dXNlcjpwYXNz",
    ):
        assert line in lines, line
    assert "Sec-Websocket-Extensions" not in head
    assert "Accept-Encoding" not in head
    assert connection.request is request
    assert request.headers.get("Upgrade") is None  # the caller's request is the caller's


async def test_headers_and_subprotocols(server: ServerThread) -> None:
    request = HTTPRequest(url(server), headers={"X-Test": "hello"})
    async with await websocket_connect(request, subprotocols=["one", "two"]) as connection:
        assert connection.headers["X-Seen"] == "hello"
        assert connection.selected_subprotocol == "two"
    async with await websocket_connect(url(server)) as connection:
        assert connection.selected_subprotocol is None


@pytest.mark.parametrize(("path", "code"), [("/nowhere", 404), ("/moved", 301)])
async def test_answers_that_are_errors(server: ServerThread, path: str, code: int) -> None:
    with pytest.raises(HTTPError) as raised:
        await websocket_connect(url(server, path))
    assert raised.value.code == code
    assert raised.value.response is not None
    if code == 301:
        assert raised.value.response.headers["Location"] == "/echo"


async def test_a_page_is_no_websocket(server: ServerThread) -> None:
    with pytest.raises(WebSocketError, match="answered 200 OK: this is no WebSocket"):
        await websocket_connect(url(server, "/page"))


BAD_ANSWERS: list[tuple[dict[str, str | None], dict[str, Any], str]] = [
    ({"Sec-WebSocket-Accept": "AAAA"}, {}, "wrong Sec-WebSocket-Accept"),
    ({"Sec-WebSocket-Accept": None}, {}, "wrong Sec-WebSocket-Accept"),
    ({"Upgrade": "h2c"}, {}, "no Upgrade"),
    ({"Upgrade": None}, {}, "no Upgrade"),
    ({"Connection": "close"}, {}, "no Connection"),
    ({"Sec-WebSocket-Protocol": "chat"}, {}, "not offered"),
    ({"Sec-WebSocket-Protocol": "chat"}, {"subprotocols": ["other"]}, "not offered"),
    ({"Sec-WebSocket-Extensions": "permessage-deflate"}, {}, "not offered"),
    ({"Sec-WebSocket-Extensions": "other"}, {"compression_options": {}}, "not offered"),
    (
        {"Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=99"},
        {"compression_options": {}},
        "not allowed",
    ),
]


@pytest.mark.parametrize(("fields", "options", "text"), BAD_ANSWERS)
async def test_bad_answers(
    fields: dict[str, str | None], options: dict[str, Any], text: str
) -> None:
    async with RawServer(fields=fields) as raw:
        with pytest.raises(WebSocketError, match=f"The handshake failed: .*{text}"):
            await websocket_connect(raw.url, **options)


@pytest.mark.parametrize(
    "raw", [b"", b"HTTP/1.1 101 ", b"garbage\r\n\r\n", b"HTTP/1.1 101 X\r\nA : b\r\n\r\n"]
)
async def test_answers_that_are_none(raw: bytes) -> None:
    async with RawServer(raw=raw) as server:
        with pytest.raises(HTTPStreamClosedError):
            await websocket_connect(server.url)


async def test_a_refusal_with_a_body() -> None:
    raw = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\nbecaus"
    async with RawServer(raw=raw) as server:
        with pytest.raises(HTTPError) as raised:
            await websocket_connect(server.url)
    assert raised.value.code == 403
    assert raised.value.response is not None
    assert raised.value.response.body == b"becaus"


async def test_timeouts() -> None:
    async with RawServer(raw=b"HTTP/1.1 10", hold=True) as raw:
        with pytest.raises(HTTPTimeoutError, match="Timeout during request"):
            await websocket_connect(HTTPRequest(raw.url, request_timeout=0.5))


async def test_nobody_is_there(unused_port: int) -> None:
    with pytest.raises(OSError, match="refused"):
        await websocket_connect(f"ws://127.0.0.1:{unused_port}/", connect_timeout=3600)


@pytest.fixture
def unused_port() -> int:
    """A port that nobody listens on."""
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def test_giving_up() -> None:
    async with RawServer(raw=b"HTTP/1.1 10", hold=True) as raw:
        connecting: Any = websocket_connect(raw.url)
        await until(lambda: raw.heads)
        assert raw.open_connections == 1
        connecting.cancel()
        await until(lambda: not raw.open_connections)
        assert connecting.cancelled()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(websocket_connect(raw.url), 0.05)
        await until(lambda: not raw.open_connections)


async def test_bad_arguments() -> None:
    for bad in ("ftp://x/", "ws:x", "//x", ""):
        with pytest.raises(ValueError, match="Unsupported url scheme"):
            websocket_connect(bad)
    with pytest.raises(ValueError, match="subprotocol"):
        websocket_connect("ws://localhost/", subprotocols=["a b"])
    with pytest.raises(ValueError, match="connect_timeout"):
        websocket_connect(HTTPRequest("ws://localhost/"), connect_timeout=5)
    with pytest.raises(ValueError, match="mem_level"):
        websocket_connect("ws://localhost/", compression_options={"mem_level": 99})
    with pytest.raises(ValueError, match="port"):
        await websocket_connect("ws://localhost:99999/")


# --- the end --------------------------------------------------------------------------------------


async def test_the_server_closes(server: ServerThread) -> None:
    connection = await websocket_connect(url(server))
    connection.write_message("close")
    assert await read(connection) is None
    assert (connection.close_code, connection.close_reason) == (4000, "as you wish")
    for _ in range(2):
        with pytest.raises(WebSocketClosedError):
            connection.write_message("x")
        connection.close()
    with pytest.raises(WebSocketClosedError):
        connection.ping()


async def test_the_client_closes() -> None:
    async def talk(connection: RawConnection) -> None:
        one = await connection.read()
        assert one is not None
        seen.append(one.payload)
        connection.send(frame(TEXT, b"crossing", key=None) + close(1000, key=None))
        seen.append(await connection.rest())

    seen: list[Any] = []
    async with RawServer(talk) as raw:
        connection = await websocket_connect(raw.url)
        for code in (999, 1005, 1006, 1015):
            with pytest.raises(ValueError, match="not a close code"):
                connection.close(code)
        connection.close(1001, "bye")
        assert connection.protocol is None
        assert connection.stream is not None
        with pytest.raises(WebSocketClosedError, match="by this side"):
            connection.write_message("x")
        with pytest.raises(WebSocketClosedError):
            assert connection.selected_subprotocol
        assert await read(connection) == "crossing"
        # The server closes the connection first.
        await asyncio.sleep(0.02)
        assert len(seen) == 1
    assert seen[0] == b"\x03\xe9bye"


async def test_a_server_that_does_not_hang_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CLOSE_TIMEOUT", 0.05)

    async def talk(connection: RawConnection) -> None:
        connection.send(close(1000, key=None))
        await connection.rest()

    async with RawServer(talk) as raw:
        connection: Any = await websocket_connect(raw.url)
        connection.protocol.hub.watch_closely(0.05)
        assert await read(connection) is None
        assert connection.close_code == 1000


async def test_a_server_that_vanishes() -> None:
    async def talk(connection: RawConnection) -> None:
        connection.send(frame(TEXT, b"bye", key=None))

    async with RawServer(talk) as raw:
        connection = await websocket_connect(raw.url)
        assert await read(connection) == "bye"
        assert await read(connection) is None
        assert (connection.close_code, connection.close_reason) == (None, None)


async def test_a_connection_that_nobody_closes(server: ServerThread) -> None:
    connection: Any = await websocket_connect(url(server))
    connection.protocol.stream.close()
    await asyncio.sleep(0.01)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reference = weakref.ref(connection)
        del connection
        gc.collect()
        assert reference() is None
    assert not caught  # closed is closed

    class Open:
        def is_closing(self) -> bool:
            return False

    connection = WebSocketClientConnection.__new__(WebSocketClientConnection)
    connection.protocol = Open()
    holder = [connection]
    del connection
    with pytest.warns(ResourceWarning, match="Unclosed WebSocketClientConnection"):
        holder.clear()


# --- pings ----------------------------------------------------------------------------------------


async def test_pings() -> None:
    async def talk(connection: RawConnection) -> None:
        for _ in range(3):
            one = await connection.read()
            assert one is not None
            assert one.opcode == PING
            connection.send(frame(PONG, one.payload, key=None))
        connection.send(frame(PING, b"yours", key=None))
        while (one := await connection.read()) is not None and one.opcode == PING:
            connection.send(frame(PONG, one.payload, key=None))
        assert one is not None
        assert (one.opcode, one.payload) == (PONG, b"yours")
        await connection.rest()

    seen: list[Any] = []
    async with RawServer(talk) as raw:
        connection: Any = await websocket_connect(raw.url, ping_interval=0.02)
        connection.on_ping = lambda data: seen.append(("ping", data))
        connection.on_pong = lambda data: seen.append(("pong", data))
        with pytest.raises(ValueError, match="125 bytes"):
            connection.ping("x" * 126)
        await until(lambda: ("ping", b"yours") in seen)
        connection.close()
    assert seen[:3] == [("pong", b"")] * 3


async def test_a_server_that_does_not_answer_pings() -> None:
    async def talk(connection: RawConnection) -> None:
        while (one := await connection.read()) is not None and one.opcode != CLOSE:
            pass
        assert one is not None
        assert one.payload == b"\x03\xe8ping timed out"
        connection.send(close(1000, key=None))

    async with RawServer(talk) as raw:
        connection = await websocket_connect(raw.url, ping_interval=0.05, ping_timeout=0.02)
        assert await read(connection) is None


# --- limits and back-pressure ---------------------------------------------------------------------


async def test_the_size_of_messages() -> None:
    async def talk(connection: RawConnection) -> None:
        connection.send(frame(TEXT, b"x" * 100, key=None) + frame(TEXT, b"x" * 101, key=None))
        answers.extend(await connection.rest())

    answers: list[Any] = []
    async with RawServer(talk) as raw:
        connection = await websocket_connect(raw.url, max_message_size=100)
        assert await read(connection) == "x" * 100
        assert await read(connection) is None
    assert [one.payload for one in answers] == [b"\x03\xf1message too big"]


async def test_a_program_that_does_not_read_stops_the_server() -> None:
    total = 0
    stuck = asyncio.Event()

    async def talk(connection: RawConnection) -> None:
        nonlocal total
        message = frame(BINARY, b"\0" * 100_000, key=None)
        for _ in range(1000):
            connection.send(message)
            total += len(message)
            try:
                async with asyncio.timeout(0.1):
                    await connection.writer.drain()
            except TimeoutError:
                stuck.set()
                await connection.writer.drain()

    async with RawServer(talk) as raw:
        connection: Any = await websocket_connect(raw.url)
        await asyncio.wait_for(stuck.wait(), 10)
        assert total < 50_000_000
        assert connection.read_queue.qsize() == 2  # one, and one that waits
        assert connection.protocol.parser.buffered() < 1_000_000
        for _ in range(1000):
            assert await read(connection) == b"\0" * 100_000
        assert await read(connection) is None


# --- compression ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"server_no_context_takeover": True, "client_no_context_takeover": True},
        {"server_max_window_bits": 8, "client_max_window_bits": 9, "mem_level": 1},
        {"compression_level": 9, "threshold": 0},
    ],
)
async def test_compression(server: ServerThread, options: dict[str, Any]) -> None:
    target = url(server, "/compressed")
    async with await websocket_connect(target, compression_options=options) as connection:
        assert "permessage-deflate" in connection.headers["Sec-WebSocket-Extensions"]
        for message in ("hello " * 100, b"\0\xff" * 500, "", "hello " * 100, "x" * 200_000):
            connection.write_message(message, binary=isinstance(message, bytes))
            assert await read(connection) == message
    # Where only one side wants to, nothing is compressed.
    async with await websocket_connect(url(server), compression_options=options) as connection:
        assert "Sec-WebSocket-Extensions" not in connection.headers
        connection.write_message("plain " * 100)
        assert await read(connection) == "plain " * 100


async def test_compressed_frames() -> None:
    text = "some text " * 50

    async def talk(connection: RawConnection) -> None:
        assert connection.field("Sec-WebSocket-Extensions") == (
            "permessage-deflate; client_max_window_bits"
        )
        inflater, deflater = deflate.Inflater(15, True), deflate.Deflater(15, True)
        for _ in range(3):
            one = await connection.read()
            assert one is not None
            assert one.rsv == 4
            message = inflater.message(one.payload, 10_000)
            sizes.append(len(one.payload))
            packed = deflater.message(message)
            assert packed is not None
            connection.send(frame(TEXT, packed[:3], rsv=4, fin=False, key=None))
            connection.send(frame(0, packed[3:], key=None))
        await connection.rest()

    sizes: list[int] = []
    fields: dict[str, str | None] = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    async with RawServer(talk, fields) as raw:
        connection = await websocket_connect(raw.url, compression_options={})
        for _ in range(3):
            connection.write_message(text)
            assert await read(connection) == text
        connection.close()
    assert sizes[1] < sizes[0] < len(text)


# --- ways to the server ---------------------------------------------------------------------------


@pytest.fixture
def tls_server(loop_kind: str) -> Any:
    """A server that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(WIRE / "test.crt", WIRE / "test.key")
    thread = ServerThread(application(), loop=loop_kind, ssl_options=context)
    yield thread
    thread.stop()


async def test_tls(tls_server: ServerThread, logs: Logs) -> None:
    target = f"wss://localhost:{tls_server.port}/echo"
    trusted = str(WIRE / "test.crt")
    for options in ({"ca_certs": trusted}, {"validate_cert": False}):
        request = HTTPRequest(target, allow_ipv6=False, **options)
        async with await websocket_connect(request) as connection:
            sock = connection.stream.socket
            assert sock.cipher()[1].startswith("TLS")
            assert bool(sock.getpeercert()) is ("ca_certs" in options)
            assert sock.getsockname()[0] == "127.0.0.1"
            connection.write_message("secret " * 20_000)
            assert await read(connection) == "secret " * 20_000
            connection.write_message("burst")
            await asyncio.sleep(0.02)  # all of it is here, and TLS has ended
            assert [await read(connection) for _ in range(6)] == ["0", "1", "2", "3", "4", None]
            assert connection.close_code == 1000
    with pytest.raises(ssl.SSLError):
        await websocket_connect(HTTPRequest(target, allow_ipv6=False))


async def test_unix_sockets(tmp_path: Path) -> None:
    async def talk(connection: RawConnection) -> None:
        connection.send(frame(TEXT, connection.head.split("\r\n")[0].encode(), key=None))
        assert await connection.read() is not None  # the close frame; leaving answers it

    path = tmp_path / "socket"
    async with RawServer(talk, path=str(path)):
        quoted = str(path).replace("/", "%2F")
        async with await websocket_connect(f"ws+unix://{quoted}/chat?room=1") as connection:
            assert await read(connection) == "GET /chat?room=1 HTTP/1.1"


async def test_proxies(server: ServerThread, tls_server: ServerThread) -> None:
    async with connect_proxy() as (port, heads):
        through = {"proxy_host": "127.0.0.1", "proxy_port": port}
        plain = HTTPRequest(url(server), proxy_username="me", proxy_password="pw", **through)
        secure = HTTPRequest(
            f"wss://localhost:{tls_server.port}/echo", ca_certs=str(WIRE / "test.crt"), **through
        )
        for request in (plain, secure):
            async with await websocket_connect(request) as connection:
                connection.write_message("through a tunnel")
                assert await read(connection) == "through a tunnel"
    assert heads[0].startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic bWU6cHc=\r\n" in heads[0]
    assert heads[1].startswith(f"CONNECT localhost:{tls_server.port} HTTP/1.1\r\n")
    async with connect_proxy("407 Proxy Authentication Required") as (port, _):
        request = HTTPRequest(url(server), proxy_host="127.0.0.1", proxy_port=port)
        with pytest.raises(HTTPProxyError) as raised:
            await websocket_connect(request)
        assert raised.value.proxy_status == 407


async def test_resolvers(server: ServerThread) -> None:
    from whirlwind.netutil import OverrideResolver, Resolver

    resolver = OverrideResolver(resolver=Resolver(), mapping={"chat.example": "127.0.0.1"})
    # Its Host is the server's own name, not the address.
    async with await websocket_connect(
        f"ws://chat.example:{server.port}/echo", resolver=resolver
    ) as connection:
        connection.write_message("hello")
        assert await read(connection) == "hello"
        assert connection.tcp_client.resolver is resolver


# --- a loop of Tornado's kind ---------------------------------------------------------------------


def test_run_sync(server: ServerThread) -> None:
    loop = IOLoop(make_current=False)

    async def talk() -> Any:
        connection = await websocket_connect(url(server))
        await connection.write_message("hello")
        answer = await connection.read_message()
        connection.close()
        return answer

    try:
        for _ in range(2):
            assert loop.run_sync(talk, timeout=60) == "hello"
    finally:
        loop.close()


# --- every case, as a server sends it -------------------------------------------------------------

ALL = [case for case in cases.all_cases() if sum(len(p) for _, p, _ in case.sent) < 70_000]


def wire(case: cases.Case) -> bytes:
    return b"".join(
        frame(opcode, payload, key=None, **options)  # type: ignore[arg-type]
        for opcode, payload, options in case.sent
    )


async def check(case: cases.Case, pieces: Callable[[bytes], list[bytes]]) -> None:
    answers: list[Any] = []

    async def talk(connection: RawConnection) -> None:
        for piece in pieces(wire(case)):
            connection.send(piece)
            await asyncio.sleep(0)
        while (one := await connection.read()) is not None:
            answers.append(one)
            if one.opcode == CLOSE:
                return  # section 7.1.1: the server hangs up

    over = asyncio.Event()

    def on_message(message: str | bytes | None) -> Awaitable[None] | None:
        if message is None:
            over.set()
            return None
        sent: Awaitable[None] = early[0].write_message(message, isinstance(message, bytes))
        return sent

    early: list[Any] = []
    async with RawServer(talk) as raw:
        client = WebSocketClientConnection(HTTPRequest(raw.url), on_message)
        early.append(client)
        await client.connect_future
        await over.wait()
        closed = (client.close_code, client.close_reason)
        client.close()
    seen = [
        cases.pong(one.payload)
        if one.opcode == PONG
        else one.payload.decode()
        if one.opcode == TEXT
        else one.payload
        for one in answers[:-1]
    ]
    assert seen == case.answers, case.name
    assert answers[-1].opcode == CLOSE, case.name
    assert answers[-1].code == case.code, case.name
    assert closed == ((None, None) if case.peer_closed is None else case.peer_closed), case.name


async def test_conformance() -> None:
    for case in ALL:
        await check(case, lambda data: [data])


async def test_conformance_in_pieces() -> None:
    for case in ALL[::7]:
        size = max(1, len(wire(case)) // 20)
        await check(
            case,
            lambda data, size=size: [  # type: ignore[misc]
                data[i : i + size] for i in range(0, len(data), size)
            ],
        )


async def test_masked_frames_are_refused() -> None:
    async def talk(connection: RawConnection) -> None:
        connection.send(frame(TEXT, b"masked"))
        answers.extend(await connection.rest())

    answers: list[Any] = []
    async with RawServer(talk) as raw:
        connection = await websocket_connect(raw.url)
        assert await read(connection) is None
    assert [one.code for one in answers] == [1002]


async def test_masks_do_not_repeat() -> None:
    async def talk(connection: RawConnection) -> None:
        reader = connection.reader
        for _ in range(1000):
            head = await reader.readexactly(8)
            assert head[:2] == b"\x81\x82"
            keys.add(head[2:6])
        connection.send(close(1000, key=None))

    keys: set[bytes] = set()
    async with RawServer(talk) as raw:
        connection = await websocket_connect(raw.url)
        for _ in range(1000):
            await connection.write_message("hi")
        assert await read(connection) is None
    assert len(keys) > 990
