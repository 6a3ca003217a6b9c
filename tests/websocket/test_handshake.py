"""The opening handshake over real sockets: what is accepted, what is declined, and how."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.wire.raw import build
from tests.wire.server import Logs, ServerThread, web
from whirlwind import websocket

from .frames import TEXT, frame
from .peer import ACCEPT, KEY_FIELD, Peer, accept, upgrade

Fields = dict[str, str | None]


class Plain(websocket.WebSocketHandler):
    """Answers a message with what the test wants to know."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


def test_the_answer(serve: Callable[..., ServerThread], logs: Logs) -> None:
    server = serve(Plain)
    with Peer(server) as peer:
        answer = peer.answer
        assert answer.reason == "Switching Protocols"
        assert answer.names == ["Server", "Date", "Upgrade", "Connection", "Sec-Websocket-Accept"]
        assert answer.get("Upgrade") == "websocket"
        assert answer.get("Connection") == "Upgrade"
        assert answer.get("Sec-WebSocket-Accept") == ACCEPT == accept(KEY_FIELD)
        assert peer.close()[0].code == 1000
    assert [line.partition(" (")[0] for line in logs.lines("access")] == ["101 GET /"]


def test_the_example_of_rfc_6455() -> None:
    # Section 1.3.
    assert websocket.WebSocketProtocol13.compute_accept_value("dGhlIHNhbXBsZSBub25jZQ==") == ACCEPT


GOOD: list[Fields] = [
    {"Upgrade": "WebSocket", "Connection": "keep-alive, upgrade"},
    {"Upgrade": "h2c, websocket", "Connection": "UPGRADE"},
    {"Sec-WebSocket-Extensions": "foo; bar=1"},
    {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="},
    {"Sec-WebSocket-Protocol": "chat"},
    {"Origin": None},
]

BAD: list[tuple[Fields, int, str]] = [
    ({"Upgrade": None}, 400, "Upgrade"),
    ({"Upgrade": "h2c"}, 400, "Upgrade"),
    ({"Upgrade": "websockets"}, 400, "Upgrade"),
    ({"Connection": None}, 400, "Connection"),
    ({"Connection": "keep-alive"}, 400, "Connection"),
    ({"Sec-WebSocket-Version": None}, 426, ""),
    ({"Sec-WebSocket-Version": "8"}, 426, ""),
    ({"Sec-WebSocket-Version": "13, 8"}, 426, ""),
    ({"Sec-WebSocket-Key": None}, 400, "Sec-WebSocket-Key"),
    ({"Sec-WebSocket-Key": ""}, 400, "Sec-WebSocket-Key"),
    ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ"}, 400, "Sec-WebSocket-Key"),
    ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j"}, 400, "Sec-WebSocket-Key"),
    ({"Sec-WebSocket-Key": "not base64 at all!!!!!=="}, 400, "Sec-WebSocket-Key"),
    ({"Origin": "http://elsewhere"}, 403, "Cross origin websockets not allowed"),
    ({"Origin": "null"}, 403, "Cross origin"),
]


def test_requests_that_become_websockets(serve: Callable[..., ServerThread]) -> None:
    server = serve(Plain)
    for fields in GOOD:
        with Peer(server, "/", fields, send=frame(TEXT, b"hi")) as peer:
            assert peer.message() == "hi", fields


def test_requests_that_do_not(serve: Callable[..., ServerThread], logs: Logs) -> None:
    server = serve(Plain)
    with server.connect() as connection:
        for fields, status, text in BAD:
            connection.send(upgrade("/", fields))
            answer = connection.read()
            assert answer.status == status, fields
            assert text in answer.body.decode(), fields
            if status == 426:
                assert answer.get("Sec-WebSocket-Version") == "13"
        # The connection is an HTTP connection still, and can become a WebSocket.
        with Peer(server, connection=connection, send=frame(TEXT, b"hi")) as peer:
            assert peer.message() == "hi"
    assert not logs.tracebacks()


def test_other_methods_and_versions(serve: Callable[..., ServerThread]) -> None:
    server = serve(Plain)
    assert server.request("/", "POST", b"").status == 405
    raw = upgrade().replace(b"HTTP/1.1", b"HTTP/1.0")
    with server.connect() as connection:
        connection.send(raw)
        assert connection.read().status == 400


def test_a_request_with_a_body(serve: Callable[..., ServerThread]) -> None:
    server = serve(Plain)
    fields: Fields = {"Content-Length": "5"}
    with Peer(server, "/", fields, send=b"12345" + frame(TEXT, b"hi")) as peer:
        assert peer.message() == "hi"


def test_pipelined_behind_other_requests(serve: Callable[..., ServerThread]) -> None:
    class Either(Plain):
        def get(self, *args: Any, **kwargs: Any) -> Awaitable[None] | None:
            if "Upgrade" not in self.request.headers:
                self.finish("page")
                return None
            return super().get(*args, **kwargs)

    server = serve(Either)
    with server.connect() as connection:
        connection.send(build() + build() + upgrade() + frame(TEXT, b"hi"))
        assert [connection.read().body for _ in range(2)] == [b"page", b"page"]
        with Peer(server, connection=connection, send=frame(TEXT, b"again")) as peer:
            pass
    # The second handshake of `Peer` is no frame; the first answer is what it read.
    assert peer.answer.status == 101


def test_fields_of_the_application(serve: Callable[..., ServerThread]) -> None:
    class Decorated(Plain):
        def set_default_headers(self) -> None:
            self.set_header("X-Default", "1")

        async def prepare(self) -> None:
            self.set_header("X-Prepared", "2")
            self.set_cookie("seen", "yes")

    server = serve(Decorated, settings={"compress_response": True})
    with Peer(server, fields={"Accept-Encoding": "gzip"}) as peer:
        assert peer.answer.get("X-Default") == "1"
        assert peer.answer.get("X-Prepared") == "2"
        assert peer.answer.get("Set-Cookie") == "seen=yes; Path=/"
        assert peer.answer.get("Content-Type") is None
        assert peer.answer.get("Content-Encoding") is None


def test_prepare_may_answer_instead(serve: Callable[..., ServerThread]) -> None:
    class Locked(Plain):
        def prepare(self) -> None:
            raise web.HTTPError(401)

    assert Peer(serve(Locked)).answer.status == 401


# --- origins --------------------------------------------------------------------------------------

ORIGINS: list[tuple[Fields, bool]] = [
    ({}, True),
    ({"Origin": "http://localhost"}, True),
    ({"Origin": "https://LOCALHOST"}, True),
    ({"Origin": "http://localhost/with/path"}, True),
    ({"Origin": "http://localhost:81"}, False),
    ({"Origin": "localhost"}, False),
    ({"Origin": "http://sub.localhost"}, False),
    ({"Origin": "http://trusted.example"}, True),
    ({"Origin": "http://trusted.example.evil"}, False),
    ({"Origin": "http://trusted.example", "Sec-Fetch-Site": "cross-site"}, True),
    ({"Origin": "http://proxied", "Sec-Fetch-Site": "same-origin"}, True),
    ({"Origin": "http://proxied", "Sec-Fetch-Site": "none"}, True),
    ({"Origin": "http://sub.localhost", "Sec-Fetch-Site": "same-site"}, False),
    ({"Origin": "http://evil", "Sec-Fetch-Site": "cross-site"}, False),
    ({"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "cross-site"}, False),
]


def test_origins(serve: Callable[..., ServerThread]) -> None:
    server = serve(Plain, settings={"trusted_origins": ["http://trusted.example"]})
    for fields, welcome in ORIGINS:
        assert Peer(server, "/", fields).answer.status == (101 if welcome else 403), fields


def test_check_origin(serve: Callable[..., ServerThread]) -> None:
    asked: list[str] = []

    class Asking(Plain):
        def check_origin(self, origin: str) -> bool:
            asked.append(origin)
            return "friend" in origin

    server = serve(Asking)
    assert Peer(server, "/", {"Origin": "http://friend"}).answer.status == 101
    assert Peer(server, "/", {"Origin": "http://foe"}).answer.status == 403
    assert Peer(server, "/", {"Origin": "http://localhost"}).answer.status == 101
    assert asked == ["http://friend", "http://foe"]


def test_xsrf_and_cross_origin_settings_do_not_interfere(
    serve: Callable[..., ServerThread],
) -> None:
    settings = {"xsrf_cookies": True, "cross_origin_protection": True}
    server = serve(Plain, settings=settings)
    assert Peer(server, "/", {"Origin": "http://localhost"}).answer.status == 101


# --- subprotocols ---------------------------------------------------------------------------------


def test_subprotocols(serve: Callable[..., ServerThread]) -> None:
    offered: list[list[str]] = []

    class Choosing(Plain):
        def select_subprotocol(self, subprotocols: list[str]) -> str | None:
            offered.append(subprotocols)
            return subprotocols[-1] if subprotocols else None

        def open(self) -> None:  # type: ignore[override]
            self.write_message(repr(self.selected_subprotocol))

    server = serve(Choosing)
    with Peer(server) as peer:
        assert peer.answer.get("Sec-WebSocket-Protocol") is None
        assert peer.message() == "None"
    with Peer(server, "/", {"Sec-WebSocket-Protocol": "a, b ,c"}) as peer:
        assert peer.answer.get("Sec-WebSocket-Protocol") == "c"
        assert peer.message() == "'c'"
    twice = upgrade("/", {"Sec-WebSocket-Protocol": "a"})
    twice = twice.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: d\r\n\r\n")
    with server.connect() as connection:
        connection.send(twice)
        assert connection.read().get("Sec-WebSocket-Protocol") == "d"
    assert offered == [[], ["a", "b", "c"], ["a", "d"]]


def test_a_subprotocol_that_was_not_offered(serve: Callable[..., ServerThread], logs: Logs) -> None:
    class Inventive(Plain):
        def select_subprotocol(self, subprotocols: list[str]) -> str | None:
            return "own"

    assert Peer(serve(Inventive), "/", {"Sec-WebSocket-Protocol": "a"}).answer.status == 500
    assert logs.errors() == [ValueError]


# --- compression ----------------------------------------------------------------------------------


class Compressing(Plain):
    """Compresses as the query says."""

    def get_compression_options(self) -> dict[str, Any] | None:
        return {name: int(values[-1]) for name, values in self.request.query_arguments.items()}


EXTENSIONS = [
    ("permessage-deflate", "/", "permessage-deflate"),
    ("permessage-deflate; client_max_window_bits", "/", "permessage-deflate"),
    (
        "permessage-deflate; client_max_window_bits",
        "/?client_max_window_bits=10&mem_level=5",
        "permessage-deflate; client_max_window_bits=10",
    ),
    (
        "permessage-deflate; server_max_window_bits=8",
        "/",
        "permessage-deflate; server_max_window_bits=8",
    ),
    ("foo", "/", None),
    ("permessage-deflate; foo", "/", None),
]


def test_extensions(serve: Callable[..., ServerThread]) -> None:
    server = serve(Compressing)
    for offer, target, expected in EXTENSIONS:
        with Peer(server, target, {"Sec-WebSocket-Extensions": offer}) as peer:
            assert peer.answer.get("Sec-WebSocket-Extensions") == expected, offer
    assert Peer(server, "/", {"Sec-WebSocket-Extensions": "a;;b"}).answer.status == 400
    with Peer(serve(Plain), "/", {"Sec-WebSocket-Extensions": "permessage-deflate"}) as peer:
        assert peer.answer.get("Sec-WebSocket-Extensions") is None


def test_options_that_do_not_exist_are_logged(
    serve: Callable[..., ServerThread], logs: Logs
) -> None:
    server = serve(Compressing)
    offer: Fields = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    with Peer(server, "/?level=3", offer) as peer:
        assert peer.answer.get("Sec-WebSocket-Extensions") == "permessage-deflate"
    assert "Unknown WebSocket compression option 'level'" in logs.lines("general")[0]
    logs.clear()
    assert Peer(server, "/?mem_level=30", offer).answer.status == 500
    assert logs.errors() == [ValueError]
