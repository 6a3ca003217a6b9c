"""Other implementations as peers, in both roles: `websockets` and `wsproto`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.wire.server import ServerThread, web
from whirlwind import websocket
from whirlwind.websocket import websocket_connect

from .frames import CONTINUATION, PING, TEXT, frame
from .peer import upgrade

MESSAGES: list[str | bytes] = [
    "",
    "text ☃ 😀",
    b"",
    bytes(range(256)),
    "x" * 125,
    "y" * 126,
    b"z" * 65535,
    "again " * 11_000,
    "again " * 11_000,
    b"\0" * 300_000,
]


class Echo(websocket.WebSocketHandler):
    """Sends every message back; the query has compression options."""

    def get_compression_options(self) -> dict[str, Any] | None:
        if "compress" not in self.request.query_arguments:
            return None
        return {
            name: int(values[0])
            for name, values in self.request.query_arguments.items()
            if name != "compress"
        }

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message, binary=isinstance(message, bytes))


@pytest.fixture
def server(loop_kind: str) -> Any:
    """An echo server in a thread of its own."""
    thread = ServerThread(web.Application([("/", Echo)]), loop=loop_kind)
    yield thread
    thread.stop()
    assert thread.loop_errors == []


FLAGS = (False, True)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close a stream and wait until it is."""
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


@pytest.mark.parametrize("ours", [None, {}, {"server_no_context_takeover": 1, "threshold": 0}])
@pytest.mark.parametrize("theirs", [False, True])
async def test_clients_of_websockets(
    server: ServerThread, ours: dict[str, int] | None, theirs: bool
) -> None:
    client = pytest.importorskip("websockets.asyncio.client")
    deflate = pytest.importorskip("websockets.extensions.permessage_deflate")
    query = "" if ours is None else "?compress&" + "&".join(f"{k}={v}" for k, v in ours.items())
    url = f"ws://127.0.0.1:{server.port}/{query}"
    combinations: list[Any] = [None]
    if theirs:
        combinations = [
            [
                deflate.ClientPerMessageDeflateFactory(
                    server_no_context_takeover=flag,
                    client_no_context_takeover=not flag,
                    server_max_window_bits=bits,
                    client_max_window_bits=bits,
                )
            ]
            for flag in FLAGS
            for bits in (9, 12, 15)
        ]
    for extensions in combinations:
        async with client.connect(
            url, extensions=extensions, compression=None, max_size=None, proxy=None
        ) as connection:
            assert bool(connection.protocol.extensions) == (theirs and ours is not None)
            for message in MESSAGES:
                await connection.send(message)
                assert await connection.recv() == message
            await connection.send(["in ", "several ", "fragments"])
            assert await connection.recv() == "in several fragments"
            await (await connection.ping(b"are you there?"))
            await connection.close(4321, "bye")
        assert connection.close_code == 4321


@contextlib.asynccontextmanager
async def websockets_server(**options: Any) -> AsyncIterator[str]:
    """An echo server of `websockets`; its URL."""
    library = pytest.importorskip("websockets.asyncio.server")

    async def echo(connection: Any) -> None:
        async for message in connection:
            if message == "close":
                await connection.close(4321, "bye")
            elif message == "fragments":
                await connection.send(["in ", "several ", "fragments"])
            else:
                await connection.send(message)

    async with library.serve(echo, "127.0.0.1", 0, max_size=None, **options) as running:
        yield f"ws://127.0.0.1:{running.sockets[0].getsockname()[1]}/"


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_servers_of_websockets(compression: str | None) -> None:
    async with websockets_server(compression=compression) as url:
        for options in (None, {}, {"client_no_context_takeover": True, "threshold": 0}):
            async with await websocket_connect(url, compression_options=options) as connection:
                assert ("Sec-WebSocket-Extensions" in connection.headers) == (
                    compression is not None and options is not None
                )
                for message in MESSAGES:
                    await connection.write_message(message, binary=isinstance(message, bytes))
                    assert await connection.read_message() == message
                connection.write_message("fragments")
                assert await connection.read_message() == "in several fragments"
                connection.ping(b"are you there?")
                connection.write_message("close")
                assert await connection.read_message() is None
                assert (connection.close_code, connection.close_reason) == (4321, "bye")


async def test_parameters_with_servers_of_websockets() -> None:
    deflate = pytest.importorskip("websockets.extensions.permessage_deflate")
    for flag in FLAGS:
        for bits in (9, 12, 15):
            factory = deflate.ServerPerMessageDeflateFactory(
                server_no_context_takeover=flag,
                client_no_context_takeover=not flag,
                server_max_window_bits=bits,
                client_max_window_bits=bits,
            )
            async with websockets_server(compression=None, extensions=[factory]) as url:
                options: dict[str, Any] = {"threshold": 0}
                async with await websocket_connect(url, compression_options=options) as connection:
                    assert f"={bits}" in connection.headers["Sec-WebSocket-Extensions"]
                    for message in MESSAGES:
                        connection.write_message(message, binary=isinstance(message, bytes))
                        assert await connection.read_message() == message


# --- wsproto --------------------------------------------------------------------------------------


class Wsproto:
    """A `wsproto` client over a stream."""

    def __init__(self, compress: bool) -> None:
        self.library = pytest.importorskip("wsproto")
        self.events = pytest.importorskip("wsproto.events")
        extensions = pytest.importorskip("wsproto.extensions")
        self.extensions = [extensions.PerMessageDeflate()] if compress else []
        self.connection = self.library.WSConnection(self.library.ConnectionType.CLIENT)

    async def open(self, port: int, target: str) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        request = self.events.Request(host="localhost", target=target, extensions=self.extensions)
        self.send(request)
        self.accepted = await self.next()
        assert isinstance(self.accepted, self.events.AcceptConnection)

    def send(self, event: Any) -> None:
        self.writer.write(self.connection.send(event))

    async def next(self) -> Any:
        while True:
            for event in self.connection.events():
                return event
            data = await self.reader.read(65536)
            self.connection.receive_data(data or None)

    async def message(self) -> str | bytes:
        parts: list[Any] = []
        while True:
            event = await self.next()
            parts.append(event.data)
            if event.message_finished:
                empty: Any = "" if isinstance(event, self.events.TextMessage) else b""
                return empty.join(parts)


@pytest.mark.parametrize("compress", [False, True])
async def test_clients_of_wsproto(server: ServerThread, compress: bool) -> None:
    peer = Wsproto(compress)
    await peer.open(server.port, "/?compress&threshold=0")
    assert bool(peer.accepted.extensions) == compress
    for message in MESSAGES:
        peer.send(peer.events.Message(data=message))
        assert await peer.message() == message
    peer.send(peer.events.Message(data="one ", message_finished=False))
    peer.send(peer.events.Ping(payload=b"between"))
    peer.send(peer.events.Message(data="message"))
    assert (await peer.next()).payload == b"between"
    assert await peer.message() == "one message"
    peer.send(peer.events.CloseConnection(code=1001, reason="bye"))
    assert (await peer.next()).code == 1001
    await hang_up(peer.writer)


@pytest.mark.parametrize("compress", [False, True])
async def test_servers_of_wsproto(compress: bool) -> None:
    library = pytest.importorskip("wsproto")
    events = pytest.importorskip("wsproto.events")
    extensions = pytest.importorskip("wsproto.extensions")

    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = library.WSConnection(library.ConnectionType.SERVER)
        closing = False
        while not closing and (data := await reader.read(65536)):
            connection.receive_data(data)
            for event in connection.events():
                closing = isinstance(event, events.CloseConnection)
                if isinstance(event, events.Request):
                    offered = [extensions.PerMessageDeflate()] if compress else []
                    writer.write(connection.send(events.AcceptConnection(extensions=offered)))
                elif isinstance(event, events.Message):
                    again = type(event)(event.data, message_finished=event.message_finished)
                    writer.write(connection.send(again))
                elif isinstance(event, events.Ping | events.CloseConnection):
                    writer.write(connection.send(event.response()))
        await hang_up(writer)
        over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with await websocket_connect(url, compression_options={"threshold": 0}) as connection:
        assert ("Sec-WebSocket-Extensions" in connection.headers) == compress
        for message in MESSAGES:
            connection.write_message(message, binary=isinstance(message, bytes))
            assert await connection.read_message() == message
    await asyncio.wait_for(over.wait(), 10)
    server.close()


async def test_what_wsproto_makes_of_our_frames(server: ServerThread) -> None:
    """The bytes that a server sends are read by somebody else's parser, in pieces."""
    library = pytest.importorskip("wsproto.frame_protocol")
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    sent = (
        frame(TEXT, "é".encode(), fin=False)
        + frame(PING, b"p")
        + frame(CONTINUATION, b"nd")
        + frame(8, b"\x03\xe8")
    )
    writer.write(upgrade() + sent)
    raw = (await reader.read()).partition(b"\r\n\r\n")[2]
    await hang_up(writer)
    parser = library.FrameProtocol(client=True, extensions=[])
    found = []
    for i in range(len(raw)):
        parser.receive_bytes(raw[i : i + 1])
        found += [
            (one.opcode.name, one.payload)
            for one in parser.received_frames()
            if one.message_finished
        ]
    assert found[0] == ("PONG", b"p")
    assert found[-1][0] == "CLOSE"
    assert found[1][0] == "TEXT"
