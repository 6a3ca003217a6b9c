"""ASGI applications behind the server: scopes, messages, streaming, disconnects, failures."""

from __future__ import annotations

import asyncio
import contextvars
import pathlib
import ssl
import threading
from typing import Any

import pytest

from whirlwind import routing, web
from whirlwind.asgi import ASGIContainer, ClientDisconnectedError, LifespanError, MessageError
from whirlwind.httpclient import HTTPRequest
from whirlwind.protocol.errors import HTTPOutputError
from whirlwind.websocket import websocket_connect

from .raw import build, wait_until


def start_message(status: int = 200, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body_message(body: bytes = b"", more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def read_all(receive: Any) -> bytes:
    body = b""
    while True:
        event = await receive()
        assert event["type"] == "http.request"
        body += event["body"]
        if not event["more_body"]:
            return body


async def echo(scope, receive, send) -> None:
    body = await read_all(receive)
    await send(start_message(200, (b"x-method", scope["method"].encode())))
    await send(body_message(body))


def test_the_scope(start) -> None:
    seen: list[dict[str, Any]] = []

    async def app(scope, receive, send) -> None:
        seen.append(scope)
        await send(start_message())
        await send(body_message(b"ok"))

    server = start(ASGIContainer(app, root_path="/api"))
    answer = server.request("/a%20b/%C3%A9?x=%20", fields={"X-Twice": "1", "Host": "h:1"})
    assert (answer.status, answer.body) == (200, b"ok")
    assert answer.get("Content-Length") == "2"
    scope = seen[0]
    assert scope["type"] == "http"
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.4"}
    assert scope["http_version"] == "1.1"
    assert scope["method"] == "GET"
    assert scope["scheme"] == "http"
    assert scope["path"] == "/api/a b/é"
    assert scope["raw_path"] == b"/api/a%20b/%C3%A9"
    assert scope["query_string"] == b"x=%20"
    assert scope["root_path"] == "/api"
    assert (b"x-twice", b"1") in scope["headers"]
    assert scope["client"][0] == "127.0.0.1"
    assert scope["server"] == ("127.0.0.1", server.port)


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 3_000_000])
def test_bodies_of_any_size(start, size) -> None:
    server = start(ASGIContainer(echo))
    body = b"x" * size
    with server.connect() as connection:
        for _ in range(2):
            answer = connection.request("/", "POST", body=body)
            assert answer.body == body


def test_a_chunked_body(start) -> None:
    server = start(ASGIContainer(echo))
    with server.connect() as connection:
        connection.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        )
        assert connection.read().body == b"abcde"


def test_an_application_answers_before_the_body(start) -> None:
    async def app(scope, receive, send) -> None:
        await send(start_message(413))
        await send(body_message(b"no"))

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        connection.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.read().status == 413  # and no 100 before it


def test_a_body_nobody_reads_is_not_buffered(start) -> None:
    go = threading.Event()
    first: list[int] = []

    async def app(scope, receive, send) -> None:
        event = await receive()
        first.append(len(event["body"]))
        await asyncio.get_running_loop().run_in_executor(None, go.wait)
        largest = 0
        while event["more_body"]:
            event = await receive()
            largest = max(largest, len(event["body"]))
        await send(start_message())
        await send(body_message(str(largest).encode()))

    server = start(ASGIContainer(app))
    body = b"x" * 8_000_000
    with server.connect() as connection:
        sender = threading.Thread(target=connection.send, args=(build("/", "POST", body=body),))
        sender.start()
        wait_until(lambda: first)
        go.set()
        sender.join()
        assert int(connection.read().body) < 200_000


def test_a_streamed_answer_is_chunked(start) -> None:
    async def app(scope, receive, send) -> None:
        await send(start_message())
        for part in (b"a", b"", b"b"):
            await send(body_message(part, True))
        await send(body_message())

    answer = start(ASGIContainer(app)).request()
    assert answer.get("Transfer-Encoding") == "chunked"
    assert answer.body == b"ab"


@pytest.mark.parametrize("status", [200, 204, 304])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_answers_without_a_body(start, status, method) -> None:
    async def app(scope, receive, send) -> None:
        await send(start_message(status))
        await send(body_message(b"12", True))
        await send(body_message(b"345"))

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        for _ in range(2):  # bytes too many would be the next answer's
            answer = connection.request("/", method)
            assert answer.status == status
            assert answer.body == (b"12345" if (status, method) == (200, "GET") else b"")


def test_a_failure_before_the_head_is_a_500(start, logs) -> None:
    async def app(scope, receive, send) -> None:
        await send(start_message())
        raise ZeroDivisionError

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        assert connection.request("/").status == 500
        assert connection.request("/").status == 500  # the connection goes on
    assert logs.errors() == [ZeroDivisionError, ZeroDivisionError]


def test_a_failure_after_the_head_cuts_the_answer(start, logs) -> None:
    async def app(scope, receive, send) -> None:
        await send(start_message())
        await send(body_message(b"begun", True))
        raise ZeroDivisionError

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        connection.send(build("/"))
        received = b""
        while data := connection.sock.recv(65536):
            received += data
    assert b"begun" in received
    assert not received.endswith(b"0\r\n\r\n")
    assert logs.errors() == [ZeroDivisionError]


@pytest.mark.parametrize(
    "messages",
    [
        [body_message(b"first")],
        [start_message(), start_message()],
        [{"type": "http.response.nonsense"}],
        [{"type": "http.response.start"}],
        [start_message(100)],
        [start_message(200, ("text", "not bytes"))],  # type: ignore[arg-type]
    ],
)
def test_wrong_messages(start, logs, messages) -> None:
    async def app(scope, receive, send) -> None:
        for message in messages:
            await send(message)

    assert start(ASGIContainer(app)).request().status == 500
    assert logs.errors() == [MessageError]


def test_a_message_after_the_last(start, logs) -> None:
    async def app(scope, receive, send) -> None:
        await send(start_message())
        await send(body_message(b"whole"))
        await send(body_message(b"more"))

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        assert connection.request("/").body == b"whole"
        assert connection.request("/").body == b"whole"
    assert logs.errors() == [MessageError, MessageError]


def test_no_answer_at_all(start, logs) -> None:
    async def app(scope, receive, send) -> None:
        await receive()

    assert start(ASGIContainer(app)).request().status == 500
    assert any("without a whole answer" in line for line in logs.lines())


@pytest.mark.parametrize("length", [b"1", b"5"])
def test_a_wrong_content_length(start, logs, length) -> None:
    async def app(scope, receive, send) -> None:
        await send(start_message(200, (b"content-length", length)))
        await send(body_message(b"12", True))
        await send(body_message(b"3"))

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        connection.send(build("/"))
        while connection.sock.recv(65536):
            continue
    assert logs.errors() == [HTTPOutputError]


def test_a_disconnect_is_received_and_sending_fails(start, logs) -> None:
    events: list[Any] = []

    async def app(scope, receive, send) -> None:
        await send(start_message())
        await send(body_message(b"begun", True))
        await receive()
        events.append((await receive())["type"])
        try:
            await send(body_message(b"more", True))
        except ClientDisconnectedError as error:
            events.append(type(error))
            raise

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        connection.send(build("/"))
        connection.sock.recv(10)
        connection.abort()
        wait_until(lambda: len(events) == 2)
    assert events == ["http.disconnect", ClientDisconnectedError]
    assert logs.tracebacks() == []  # a client's leaving is nobody's mistake


def test_cancelled_receive_loses_nothing(start) -> None:
    cancelled = threading.Event()

    async def app(scope, receive, send) -> None:
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        waiting.cancel()
        cancelled.set()
        async with asyncio.timeout(60):
            body = await read_all(receive)
        await send(start_message())
        await send(body_message(body))

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.send(head)
        assert cancelled.wait(60)
        connection.send(b"3\r\nabc\r\n0\r\n\r\n")
        assert connection.read().body == b"abc"


def test_each_request_has_its_own_context(start) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    async def app(scope, receive, send) -> None:
        before = variable.get()
        variable.set("set")
        assert asyncio.current_task() is not None
        await send(start_message())
        await send(body_message(before.encode()))

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        assert connection.request("/").body == b"unset"
        assert connection.request("/").body == b"unset"


def test_mounted_under_a_router(start) -> None:
    async def app(scope, receive, send) -> None:
        body = await read_all(receive)
        await send(start_message())
        await send(body_message(scope["path"].encode() + b" " + body))

    rules = [routing.Rule(routing.PathMatches("/api/.*"), ASGIContainer(app, root_path="/api"))]
    server = start(routing.RuleRouter(rules))
    assert server.request("/api/x", "POST", body=b"y" * 100_000).body == b"/api/x " + b"y" * 100_000
    assert server.request("/api/x").body == b"/api/x "
    assert server.request("/other").status == 404


# --- lifespan -----------------------------------------------------------------------------------


def test_lifespan_and_its_state() -> None:
    seen: list[str] = []

    async def app(scope, receive, send) -> None:
        assert scope["type"] == "lifespan"
        while True:
            event = await receive()
            seen.append(event["type"])
            scope["state"]["pool"] = 1
            await send({"type": event["type"] + ".complete"})
            if event["type"] == "lifespan.shutdown":
                return

    async def main() -> None:
        async with ASGIContainer(app, lifespan="on") as container:
            scope: dict[str, Any] = {}
            container.add_state(scope)
            assert scope == {"state": {"pool": 1}}

    asyncio.run(main())
    assert seen == ["lifespan.startup", "lifespan.shutdown"]


@pytest.mark.parametrize("mode", ["auto", "on"])
def test_a_failing_startup(mode) -> None:
    async def app(scope, receive, send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(LifespanError, match="no database"):
        asyncio.run(ASGIContainer(app, lifespan=mode).startup())


def test_an_application_without_lifespan() -> None:
    async def app(scope, receive, send) -> None:
        raise ValueError(scope["type"])

    async def main(mode) -> None:
        async with ASGIContainer(app, lifespan=mode):
            pass

    asyncio.run(main("auto"))
    asyncio.run(main("off"))
    with pytest.raises(LifespanError, match=r"lifespan\.startup"):
        asyncio.run(main("on"))


# --- WebSocket ----------------------------------------------------------------------------------


def talk(server: Any, conversation: Any, **options: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(60):
            url = f"ws://127.0.0.1:{server.port}/ws"
            await conversation(await websocket_connect(url, **options))

    asyncio.run(main())


def test_websocket_messages(start) -> None:
    seen: list[Any] = []

    async def app(scope, receive, send) -> None:
        seen.append((scope["type"], scope["scheme"], scope["path"], scope["subprotocols"]))
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept", "subprotocol": "b"})
        while (event := await receive())["type"] == "websocket.receive":
            await send({**event, "type": "websocket.send"})
        seen.append(event)

    server = start(ASGIContainer(app))

    async def conversation(client: Any) -> None:
        assert client.selected_subprotocol == "b"
        for message in ("text", b"bytes", "", b""):
            await client.write_message(message, binary=isinstance(message, bytes))
            assert await client.read_message() == message
        client.close(3001, "bye")
        assert await client.read_message() is None

    talk(server, conversation, subprotocols=["a", "b"])
    wait_until(lambda: len(seen) == 2)
    assert seen[0] == ("websocket", "ws", "/ws", ["a", "b"])
    assert seen[1] == {"type": "websocket.disconnect", "code": 3001, "reason": "bye"}


@pytest.mark.parametrize(("fails", "code"), [(False, 1000), (True, 1011)])
def test_an_application_that_ends_closes_the_websocket(start, logs, fails, code) -> None:
    async def app(scope, receive, send) -> None:
        await send({"type": "websocket.accept"})
        if fails:
            raise ZeroDivisionError

    async def conversation(client: Any) -> None:
        assert await client.read_message() is None
        assert client.close_code == code

    talk(start(ASGIContainer(app)), conversation)
    assert logs.errors() == ([ZeroDivisionError] if fails else [])


UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def test_websocket_declined(start) -> None:
    async def app(scope, receive, send) -> None:
        await send({"type": "websocket.close"})

    assert start(ASGIContainer(app)).request("/", fields=UPGRADE).status == 403


def test_websocket_denial_response(start) -> None:
    async def app(scope, receive, send) -> None:
        assert "websocket.http.response" in scope["extensions"]
        kind = "websocket.http.response"
        await send({**start_message(401, (b"content-type", b"a/b")), "type": f"{kind}.start"})
        await send({**body_message(b"who ", True), "type": f"{kind}.body"})
        await send({**body_message(b"are you"), "type": f"{kind}.body"})

    answer = start(ASGIContainer(app)).request("/", fields=UPGRADE)
    assert (answer.status, answer.body) == (401, b"who are you")
    assert answer.get_all("Content-Type") == ["a/b"]


def test_websocket_failure_before_the_handshake(start, logs) -> None:
    async def app(scope, receive, send) -> None:
        await send({"type": "websocket.send", "text": "too early"})

    assert start(ASGIContainer(app)).request("/", fields=UPGRADE).status == 500
    assert logs.errors() == [MessageError]


def test_a_bad_handshake_never_reaches_the_application(start) -> None:
    async def app(scope, receive, send) -> None:
        raise AssertionError

    server = start(ASGIContainer(app))
    headers = {**UPGRADE, "Sec-WebSocket-Version": "12"}
    assert server.request("/", fields=headers).status == 426


def test_a_client_that_leaves_during_the_handshake(start) -> None:
    seen: list[str] = []

    async def app(scope, receive, send) -> None:
        seen.append((await receive())["type"])
        seen.append((await receive())["type"])

    server = start(ASGIContainer(app))
    with server.connect() as connection:
        connection.send(build("/", fields=UPGRADE))
        wait_until(lambda: seen)
        connection.abort()
        wait_until(lambda: len(seen) == 2)
    assert seen == ["websocket.connect", "websocket.disconnect"]


# --- where it is mounted, and over what ---------------------------------------------------------


async def tell_ends(scope, receive, send) -> None:
    told = repr((scope["client"], scope["server"], scope["scheme"])).encode()
    await send(start_message())
    await send(body_message(told))


@pytest.mark.parametrize("mounted", [False, True])
def test_what_a_proxy_says(start, mounted) -> None:
    target: Any = ASGIContainer(tell_ends)
    if mounted:
        target = web.Application([(r"/.*", target)])
    server = start(target, xheaders=True, trusted_downstream=["198.51.100.1"])
    with server.connect() as connection:
        fields = {"X-Forwarded-For": "192.0.2.7, 198.51.100.1", "X-Forwarded-Proto": "https"}
        ends = ("127.0.0.1", server.port)
        expected = repr((("192.0.2.7", 0), ends, "https")).encode()
        assert connection.request("/", fields=fields).body == expected
        assert b"'127.0.0.1'" in connection.request("/").body  # it holds for that request alone


@pytest.mark.parametrize("mounted", [False, True])
def test_over_tls(start, mounted) -> None:
    here = pathlib.Path(__file__).parent
    pair = {"certfile": str(here / "test.crt"), "keyfile": str(here / "test.key")}
    target: Any = ASGIContainer(tell_ends)
    if mounted:
        target = web.Application([(r"/.*", target)])
    server = start(target, ssl_options=pair)
    with server.connect(context=ssl.create_default_context(cafile=pair["certfile"])) as connection:
        assert connection.request("/").body.endswith(b"'https')")


@pytest.mark.parametrize("mounted", [False, True])
def test_over_a_unix_socket(start, mounted) -> None:
    target: Any = ASGIContainer(tell_ends)
    if mounted:
        target = web.Application([(r"/.*", target)])
    server = start(target, unix=True)
    assert server.request("/").body == repr((None, (server.address, None), "http")).encode()


@pytest.mark.parametrize("mounted", [False, True])
def test_an_answer_nobody_reads_is_not_buffered(start, mounted) -> None:
    sent: list[int] = []

    async def app(scope, receive, send) -> None:
        await send(start_message())
        for number in range(400):
            await send(body_message(b"x" * 65536, True))
            sent.append(number)
        await send(body_message())

    target: Any = ASGIContainer(app)
    if mounted:
        target = web.Application([(r"/.*", target)])
    server = start(target)
    with server.connect() as connection:
        connection.send(build("/"))
        wait_until(lambda: sent)
        for _ in range(50):
            server.turn()
        assert len(sent) < 400  # of 26 MB; the kernel takes a few
        assert connection.read().body == b"x" * 65536 * 400


@pytest.mark.parametrize("mounted", [False, True])
def test_a_cancelled_send_leaves_the_answer_whole(start, mounted) -> None:
    held: list[bool] = []

    async def app(scope, receive, send) -> None:
        await send(start_message())
        blocked = False
        for _ in range(400):
            task = asyncio.ensure_future(send(body_message(b"x" * 65536, True)))
            for _ in range(3):
                await asyncio.sleep(0)
            if not task.done():
                blocked = True
                task.cancel()
                await asyncio.wait([task])
                held.append(task.cancelled())
                break
        assert blocked
        await send(body_message(b"end"))

    target: Any = ASGIContainer(app)
    if mounted:
        target = web.Application([(r"/.*", target)])
    with start(target).connect() as connection:
        connection.send(build("/"))
        wait_until(lambda: held)
        body = connection.read().body
    assert held == [True]
    assert len(body) % 65536 == 3
    assert body.endswith(b"xend")


def test_a_websocket_mounted_among_handlers(start) -> None:
    async def app(scope, receive, send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": f"{scope['path']} {scope['client'][0]}"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    container = ASGIContainer(app, root_path="/api")
    server = start(web.Application([(r"/api/.*", container)]), xheaders=True)

    async def talk() -> Any:
        request = HTTPRequest(
            f"ws://127.0.0.1:{server.port}/api/ws", headers={"X-Real-Ip": "192.0.2.7"}
        )
        connection = await websocket_connect(request)
        return await connection.read_message()

    assert asyncio.run(talk()) == "/api/ws 192.0.2.7"
