"""What an ASGI application may send and will receive, message by message, at the ends of things."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any

import pytest

from whirlwind.asgi import ASGIContainer, ClientDisconnectedError, LifespanError, MessageError
from whirlwind.websocket import websocket_connect

from .raw import build, wait_until
from .test_asgi import UPGRADE, body_message, start_message, talk

# --- HTTP ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "path", "raw_path", "query"),
    [
        ("/a%2Fb?c=%20&c", "/a/b", b"/a%2Fb", b"c=%20&c"),
        ("//a//b?", "//a//b", b"//a//b", b""),
        ("http://example.com/x?y", "/x", b"/x", b"y"),
        ("http://example.com", "/", b"/", b""),
        ("/%ff", "/\N{REPLACEMENT CHARACTER}", b"/%ff", b""),
    ],
)
def test_forms_of_the_target(start, target, path, raw_path, query) -> None:
    seen: list[Any] = []

    async def app(scope, receive, send) -> None:
        seen.append((scope["path"], scope["raw_path"], scope["query_string"]))
        await send(start_message())
        await send(body_message())

    fields = {"Host": "example.com"}
    assert start(ASGIContainer(app)).request(target, fields=fields).status == 200
    assert seen == [(path, raw_path, query)]


def test_fields_keep_their_order_and_number(start) -> None:
    seen: list[Any] = []

    async def app(scope, receive, send) -> None:
        seen.append(scope["headers"])
        await send(start_message(200, (b"set-cookie", b"a=1"), (b"x", b"y"), (b"set-cookie", b"b")))
        await send(body_message())

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        head = b"GET / HTTP/1.1\r\nHost: h\r\nX-One: 1\r\nx-two:  2 \r\nX-ONE: \xe9\r\n\r\n"
        connection.send(head)
        answer = connection.read()
    assert seen == [[(b"host", b"h"), (b"x-one", b"1"), (b"x-two", b"2"), (b"x-one", b"\xe9")]]
    assert answer.get_all("Set-Cookie") == ["a=1", "b"]


def test_what_may_be_left_out(start) -> None:
    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    answer = start(ASGIContainer(app)).request()
    assert (answer.status, answer.body, answer.get("Content-Length")) == (200, b"", "0")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("more", [False, True])
def test_kinds_of_bytes(start, kind: Callable[[bytes], Any], more: bool) -> None:
    async def app(scope, receive, send) -> None:
        await send(start_message())
        await send(body_message(kind(b"abc"), more))
        if more:
            await send(body_message(kind(b"de")))

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        for _ in range(2):
            assert connection.request("/").body == (b"abcde" if more else b"abc")


@pytest.mark.parametrize("body", ["text", 5, None])
def test_bodies_that_are_no_bytes(start, logs, body) -> None:
    async def app(scope, receive, send) -> None:
        await send(start_message())
        await send(body_message(body))

    assert start(ASGIContainer(app)).request().status == 500
    assert logs.errors() == [MessageError]


def test_the_connection_is_the_servers(start) -> None:
    async def app(scope, receive, send) -> None:
        await send(start_message(200, (b"transfer-encoding", b"chunked")))
        await send(body_message(b"whole"))

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        for _ in range(2):
            answer = connection.request("/")
            assert (answer.get("Transfer-Encoding"), answer.get("Content-Length")) == (None, "5")
            assert answer.body == b"whole"


def test_an_application_may_end_the_connection(start) -> None:
    async def app(scope, receive, send) -> None:
        await send(start_message(200, (b"connection", b"close")))
        await send(body_message(b"last"))

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        answer = connection.request("/")
        assert answer.says_close
        assert answer.body == b"last"
        assert connection.sock.recv(1) == b""


def test_the_client_is_told_to_go_on_when_the_body_is_wanted(start) -> None:
    asked = threading.Event()

    async def app(scope, receive, send) -> None:
        await asyncio.get_running_loop().run_in_executor(None, asked.wait)
        event = await receive()
        await send(start_message())
        await send(body_message(event["body"]))

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        connection.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        )
        asked.set()
        assert connection.reader.head().status == 100
        connection.send(b"abc")
        assert connection.read().body == b"abc"


def test_a_client_that_only_stops_sending_is_answered(start) -> None:
    async def app(scope, receive, send) -> None:
        assert (await receive())["type"] == "http.request"
        await asyncio.sleep(0)
        await send(start_message())
        await send(body_message(b"still here"))

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        connection.send(build("/"))
        connection.sock.shutdown(1)
        assert connection.read().body == b"still here"


def test_whatever_is_sent_to_a_client_that_has_left_fails(start, logs) -> None:
    seen: list[Any] = []

    async def app(scope, receive, send) -> None:
        await receive()
        seen.append((await receive())["type"])
        seen.append((await receive())["type"])
        for message in (start_message(), body_message(b"a", True), body_message(b"b")):
            try:
                await send(message)
            except OSError as error:
                seen.append(type(error))
        seen.append("end")

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        connection.send(build("/"))
        server.turn()
        connection.abort()
        wait_until(lambda: seen[-1:] == ["end"])
    assert seen == [*["http.disconnect"] * 2, *[ClientDisconnectedError] * 3, "end"]
    assert logs.tracebacks() == []


@pytest.mark.parametrize("length", [20, 100_000])
def test_a_client_that_leaves_in_the_midst_of_its_body(start, logs, length) -> None:
    seen: list[Any] = []

    async def app(scope, receive, send) -> None:
        while (event := await receive())["type"] == "http.request":
            seen.append(event["more_body"])
        seen.append(event["type"])

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.send(head + b"%x\r\n" % length + b"x" * (length // 2))
        wait_until(lambda: seen)
        connection.abort()
        wait_until(lambda: seen[-1] == "http.disconnect")
    assert set(seen[:-1]) == {True}
    assert logs.tracebacks() == []


def test_after_the_answer_the_client_is_gone(start) -> None:
    seen: list[str] = []

    async def app(scope, receive, send) -> None:
        waiting = asyncio.ensure_future(receive())
        assert (await waiting)["type"] == "http.request"
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await send(start_message())
        await send(body_message(b"x"))
        seen.append((await waiting)["type"])
        seen.append((await receive())["type"])

    server = start(ASGIContainer(app))
    assert server.request().body == b"x"
    wait_until(lambda: len(seen) == 2)
    assert seen == ["http.disconnect"] * 2


def test_an_application_that_cancels_itself(start) -> None:
    async def app(scope, receive, send) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        for _ in range(2):
            assert connection.request("/").status == 500


# --- WebSocket ----------------------------------------------------------------------------------


@pytest.mark.parametrize("response", [False, True])
def test_a_declined_connection_is_disconnected(start, response) -> None:
    seen: list[Any] = []

    async def app(scope, receive, send) -> None:
        await receive()
        if response:
            kind = "websocket.http.response"
            await send({"type": f"{kind}.start", "status": 403})
            await send({"type": f"{kind}.body"})
        else:
            await send({"type": "websocket.close"})
        seen.append(await receive())
        seen.append(await receive())

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        assert connection.request("/", fields=UPGRADE).status == 403
        wait_until(lambda: len(seen) == 2)
    assert seen == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}] * 2


@pytest.mark.parametrize("end", ["key", "subprotocol"])
def test_a_handshake_that_fails_ends_the_application(start, logs, end) -> None:
    ended: list[Any] = []

    async def app(scope, receive, send) -> None:
        await receive()
        message = {"type": "websocket.accept"}
        if end == "subprotocol":
            message["subprotocol"] = "not offered"
        try:
            await send(message)
        except Exception as error:
            ended.append(type(error))
            ended.append((await receive())["code"] if end == "key" else None)
            raise

    fields = UPGRADE if end == "subprotocol" else {**UPGRADE, "Sec-WebSocket-Key": "short"}
    answer = start(ASGIContainer(app)).request("/", fields=fields)
    if end == "key":
        assert answer.status == 400
        wait_until(lambda: len(ended) == 2)
        assert ended == [ClientDisconnectedError, 1006]
        assert logs.tracebacks() == []
    else:
        assert answer.status == 500
        assert ended == [MessageError, None]


@pytest.mark.parametrize(
    ("frames", "code", "reason"),
    [
        (b"\x88\x80abcd", 1005, ""),
        (b"\x88\x84\0\0\0\0\x0b\xb9hi", 3001, "hi"),
        (None, 1006, ""),
    ],
)
def test_codes_of_the_end(start, frames, code, reason) -> None:
    seen: list[Any] = []

    async def app(scope, receive, send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        seen.append(await receive())
        try:
            await send({"type": "websocket.send", "text": "too late"})
        except OSError as error:
            seen.append(type(error))

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        connection.send(build("/", fields=UPGRADE))
        assert connection.reader.head().status == 101
        if frames is None:
            connection.abort()
        else:
            connection.send(frames)
        wait_until(lambda: len(seen) == 2)
    assert seen == [
        {"type": "websocket.disconnect", "code": code, "reason": reason},
        ClientDisconnectedError,
    ]


def test_messages_of_a_client_that_left_at_once_are_received(start) -> None:
    seen: list[Any] = []

    async def app(scope, receive, send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] == "websocket.receive":
            seen.append(event["text"])
        seen.append(event["code"])

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        connection.send(build("/", fields=UPGRADE) + b"\x81\x81aaaa\x00" + b"\x88\x80abcd")
        wait_until(lambda: len(seen) == 2)
    assert seen == ["a", 1005]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "websocket.send"},
        {"type": "websocket.send", "text": None, "bytes": None},
        {"type": "websocket.send", "text": b"bytes"},
        {"type": "websocket.send", "bytes": "text"},
        {"type": "websocket.close", "code": 1005},
        {"type": "websocket.close", "code": 999},
        {"type": "websocket.close", "reason": "x" * 124},
        {"type": "websocket.accept"},
    ],
)
def test_wrong_messages_close_the_connection(start, logs, message) -> None:
    caught: list[Any] = []

    async def app(scope, receive, send) -> None:
        await send({"type": "websocket.accept"})
        try:
            await send(message)
        except MessageError as error:
            caught.append(error)
            raise

    async def conversation(client: Any) -> None:
        assert await client.read_message() is None
        assert client.close_code == 1011

    talk(start(ASGIContainer(app)), conversation)
    assert len(caught) == 1


@pytest.mark.parametrize(
    "message",
    [
        {"type": "websocket.accept", "headers": [("text", "text")]},
        {"type": "websocket.accept", "headers": [(b"x", b"a\nb")]},
        {"type": "websocket.http.response.start", "status": 101},
        {"type": "websocket.http.response.start"},
    ],
)
def test_wrong_answers_to_a_handshake(start, logs, message) -> None:
    async def app(scope, receive, send) -> None:
        await send(message)

    assert start(ASGIContainer(app)).request("/", fields=UPGRADE).status == 500
    assert logs.errors() == [MessageError]


def test_fields_of_an_accepted_connection(start) -> None:
    async def app(scope, receive, send) -> None:
        fields = [(b"x-one", b"1"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
        await send({"type": "websocket.accept", "headers": fields})
        await send({"type": "websocket.send", "bytes": bytearray(b"abc")})

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        connection.send(build("/", fields=UPGRADE))
        head = connection.reader.head()
        assert (head.status, head.get("X-One")) == (101, "1")
        assert head.get_all("Set-Cookie") == ["a=1", "b=2"]
        assert connection.reader.exactly(5) == b"\x82\x03abc"


def test_large_messages(start) -> None:
    seen: list[Any] = []

    async def app(scope, receive, send) -> None:
        await send({"type": "websocket.accept"})
        await receive()
        while (event := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "bytes": event["bytes"]})
        seen.append(event["code"])

    server = start(ASGIContainer(app, websocket_settings={"websocket_max_message_size": 1 << 20}))

    async def conversation(client: Any) -> None:
        large = bytes(range(256)) * 4096
        await client.write_message(large, binary=True)
        assert await client.read_message() == large
        await client.write_message(large + b"x", binary=True)
        assert await client.read_message() is None
        assert client.close_code == 1009

    talk(server, conversation)
    wait_until(lambda: seen)
    assert seen == [1006]  # of the client there was no close frame that anybody has read


def test_messages_that_nobody_receives_are_not_buffered(start) -> None:
    go = threading.Event()
    accepted = threading.Event()
    seen: list[int] = []

    async def app(scope, receive, send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        accepted.set()
        await asyncio.get_running_loop().run_in_executor(None, go.wait)
        while (event := await receive())["type"] == "websocket.receive":
            seen.append(len(event["bytes"]))

    server = start(ASGIContainer(app))
    frame = b"\x82\xfe" + (60_000).to_bytes(2, "big") + b"\0\0\0\0" + bytes(60_000)
    with server.connect() as connection:
        connection.send(build("/", fields=UPGRADE))
        assert connection.reader.head().status == 101
        assert accepted.wait(10)
        connection.sock.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 64 << 20:  # more than the kernel takes, so that somebody has to wait
                sent += connection.sock.send(frame[sent % len(frame) :])
                server.turn()
        assert sent < 64 << 20
        go.set()
        connection.sock.setblocking(True)
        connection.send(frame[sent % len(frame) :] + b"\x88\x80abcd")
        wait_until(lambda: sum(seen) == (sent // len(frame) + 1) * 60_000)


def test_messages_that_the_client_does_not_read_make_the_application_wait(start) -> None:
    sent: list[int] = []

    async def app(scope, receive, send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        for number in range(400):
            await send({"type": "websocket.send", "bytes": bytes(65_000)})
            sent.append(number)
        await send({"type": "websocket.close"})

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        connection.send(build("/", fields=UPGRADE))
        assert connection.reader.head().status == 101
        wait_until(lambda: sent)
        for _ in range(50):
            server.turn()
        assert len(sent) < 400  # of 26 MB; the kernel takes a few
        connection.reader.exactly(400 * 65_004)
        assert connection.reader.exactly(4) == b"\x88\x02\x03\xe8"


def test_a_cancelled_receive_loses_no_message(start) -> None:
    seen: list[Any] = []

    async def app(scope, receive, send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        waiting.cancel()
        await send({"type": "websocket.send", "text": "go on"})
        seen.append((await receive())["text"])
        seen.append((await receive())["code"])

    async def conversation(client: Any) -> None:
        assert await client.read_message() == "go on"
        await client.write_message("message")
        client.close(3000)
        assert await client.read_message() is None

    talk(start(ASGIContainer(app)), conversation)
    wait_until(lambda: len(seen) == 2)
    assert seen == ["message", 3000]


def test_a_server_that_drains_says_going_away(start) -> None:
    seen: list[Any] = []

    async def app(scope, receive, send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        seen.append("open")
        seen.append((await receive())["code"])

    server = start(ASGIContainer(app))

    async def conversation() -> None:
        client = await websocket_connect(f"ws://127.0.0.1:{server.port}/")
        draining = asyncio.ensure_future(asyncio.to_thread(server.call, server.server.drain))
        assert await client.read_message() is None
        assert client.close_code == 1001
        await draining

    asyncio.run(conversation())
    wait_until(lambda: len(seen) == 2)
    assert seen == ["open", 1001]


# --- lifespan -----------------------------------------------------------------------------------


def test_a_lifespan_that_ends_by_itself_is_told_of(logs) -> None:
    async def app(scope, receive, send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        raise ZeroDivisionError

    async def main() -> None:
        container = ASGIContainer(app)
        await container.startup()
        await container.shutdown()

    asyncio.run(main())
    assert logs.errors() == [ZeroDivisionError]


def test_a_failing_shutdown() -> None:
    async def app(scope, receive, send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "still busy"})

    async def main() -> None:
        container = ASGIContainer(app)
        await container.startup()
        await container.shutdown()

    with pytest.raises(LifespanError, match="still busy"):
        asyncio.run(main())
