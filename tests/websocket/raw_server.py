"""A WebSocket server for tests that sends any bytes, and a proxy in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from .frames import Frame, FrameReader
from .peer import accept

Fields = dict[str, str | None]


class RawConnection:
    """The server's end of one connection, after the handshake."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.head = head
        self.frames = FrameReader()
        self._read: list[Frame] = []

    def field(self, name: str) -> str | None:
        """A field of the handshake's request."""
        for line in self.head.split("\r\n")[1:]:
            found, _, value = line.partition(":")
            if found.lower() == name.lower():
                return value.strip()
        return None

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)

    async def read(self) -> Frame | None:
        """The next frame, None at the end."""
        while not self._read:
            data = await self.reader.read(65536)
            if not data:
                return None
            self._read = self.frames.feed(data)
            assert all(one.masked for one in self._read), "a client's frame without mask"
        return self._read.pop(0)

    async def rest(self) -> list[Frame]:
        """Every frame up to the end."""
        found = []
        with contextlib.suppress(ConnectionError):
            while (one := await self.read()) is not None:
                found.append(one)
        return found


class RawServer:
    """Answers handshakes as it is told to, then lets a function talk.

    :ivar heads: the requests that came.
    """

    def __init__(
        self,
        talk: Callable[[RawConnection], Awaitable[None]] | None = None,
        fields: Fields | None = None,
        status: str = "101 Switching Protocols",
        raw: bytes | None = None,
        hold: bool = False,
        **options: Any,
    ) -> None:
        """
        :arg talk: called with each connection that was accepted.
        :arg fields: that replace or join the usual ones; None leaves one out.
        :arg raw: the whole answer instead.
        :arg hold: keep the connection open after that until the peer leaves.
        :arg options: for ``asyncio.start_server``; ``path`` for a unix socket.
        """
        self._talk = talk
        self._fields = fields or {}
        self._status = status
        self._raw = raw
        self._hold = hold
        self._options = options
        self.heads: list[str] = []
        self.errors: list[BaseException] = []
        self._tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> RawServer:
        if "path" in self._options:
            self._server: Any = await asyncio.start_unix_server(self._serve, **self._options)
        else:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, **self._options)
            self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await end(self._tasks)
        await asyncio.sleep(0)  # for the transports to go
        for error in self.errors:
            raise error

    @property
    def url(self) -> str:
        """Its URL."""
        return f"ws://127.0.0.1:{self.port}/"

    @property
    def open_connections(self) -> int:
        """How many connections there are."""
        return len(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = writer
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except Exception as error:
            self.errors.append(error)
        finally:
            del self._tasks[task]
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.heads.append(head)
        connection = RawConnection(reader, writer, head)
        if self._raw is not None:
            writer.write(self._raw)
            await writer.drain()
            if self._hold:
                await reader.read()
            return
        fields: Fields = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": accept(connection.field("Sec-WebSocket-Key") or ""),
        }
        fields.update(self._fields)
        lines = [f"HTTP/1.1 {self._status}"]
        lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        if self._talk is not None:
            await self._talk(connection)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        else:
            await reader.read()


async def end(tasks: dict[asyncio.Task[None], asyncio.StreamWriter]) -> None:
    """Cut the connections that tasks serve, and wait for these to notice."""
    for writer in tasks.values():
        writer.transport.abort()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def connect_proxy(status: str = "200 OK") -> AsyncIterator[tuple[int, list[str]]]:
    """An HTTP proxy that opens tunnels: its port, and the heads that came."""
    heads: list[str] = []
    tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks[task] = writer
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        heads.append(head)
        method, authority = head.split(" ")[:2]
        if method != "CONNECT" or not status.startswith("2"):
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
            writer.close()
            return
        host, _, port = authority.rpartition(":")
        there = await asyncio.open_connection(host, int(port), family=socket.AF_INET)
        writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
        await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heads
    finally:
        server.close()
        await end(tasks)
