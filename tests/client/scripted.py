"""A server that answers what a test tells it to, byte for byte, and a client that is checked."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from whirlwind.simple_httpclient import SimpleAsyncHTTPClient

#: Seconds until a client that was closed must be gone; only a failure takes them.
SETTLES = 20.0

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def response(body: bytes = b"", *fields: str, status: str = "200 OK", length: bool = True) -> bytes:
    """A response with these field lines."""
    lines = [f"HTTP/1.1 {status}", *fields]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def redirect(location: str, code: int = 302, body: bytes = b"") -> bytes:
    """A redirect."""
    return response(body, f"Location: {location}", status=f"{code} Moved")


class Close:
    """In an answer: close the connection, ``reset`` with a reset."""

    def __init__(self, reset: bool = False) -> None:
        self.reset = reset


CLOSE = Close()
RESET = Close(reset=True)

# What a server does for one request: these bytes, these steps (a number waits so many seconds), or
# whatever the function does.
Step = bytes | Close | float
Answer = bytes | list[Step] | Callable[["Peer"], Awaitable[None]]


class Request:
    """A request as it came: the head's lines, its fields by lower-case name, the body."""

    def __init__(self, head: bytes, body: bytes, peer: int) -> None:
        self.raw = head + body
        self.line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        self.method, self.target, self.version = self.line.split(" ")
        pairs = [line.partition(":") for line in lines]
        self.fields = [(name, value.strip()) for name, _, value in pairs]
        self.headers = {name.lower(): value for name, value in self.fields}
        self.body = body
        #: Which connection it came over, counted from 0.
        self.peer = peer


class Peer:
    """One connection that the server has accepted."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.number = number
        self.closed = asyncio.Event()

    async def read_request(self) -> Request | None:
        """The next request, or None when the client has closed."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, OSError):
            return None
        body = b""
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        if b"100-continue" in head.lower():
            pass  # the answer decides whether the body comes
        elif length:
            body = await self.reader.readexactly(int(length[1]))
        elif re.search(rb"\r\ntransfer-encoding: *chunked", head, re.IGNORECASE):
            body = await self.read_chunked()
        return Request(head, body, self.number)

    async def read_chunked(self) -> bytes:
        """A chunked body, put together."""
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return body

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Close with a reset."""
        import socket
        import struct

        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Server:
    """Answers requests, over whatever connections they come, with one answer after the other.

    After the last answer every request gets `OK`.
    """

    def __init__(self, *answers: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.answers = list(answers)
        self.tls = tls
        self.requests: list[Request] = []
        self.peers: list[Peer] = []
        self.failure: BaseException | None = None

    async def __aenter__(self) -> Server:
        self.tasks: set[asyncio.Task[Any]] = set()
        self.writers: list[asyncio.StreamWriter] = []
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", 0, ssl=self.tls)
        self.port: int = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.server.close()
        await end(self.tasks)
        for writer in self.writers:
            writer.transport.abort()
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure

    def url(self, path: str = "/", host: str = "127.0.0.1", user: str = "") -> str:
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{user and user + '@'}{host}:{self.port}{path}"

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a new connection."""
        # Not a coroutine: one that is cancelled before it begins would never close the writer.
        self.writers.append(writer)
        task = asyncio.ensure_future(self._serve(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, len(self.peers))
        self.peers.append(peer)
        try:
            while (request := await peer.read_request()) is not None:
                self.requests.append(request)
                if not await self._answer(peer):
                    return
        except (OSError, RuntimeError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # uvloop: RuntimeError where asyncio has a ConnectionError
        except BaseException as error:
            self.failure = error
        finally:
            peer.closed.set()
            writer.close()

    async def _answer(self, peer: Peer) -> bool:
        answer = self.answers.pop(0) if self.answers else OK
        if callable(answer):
            await answer(peer)
            return not peer.writer.is_closing()
        for step in [answer] if isinstance(answer, bytes) else answer:
            if isinstance(step, bytes):
                await peer.send(step)
            elif isinstance(step, Close):
                if step.reset:
                    peer.reset()
                return False
            else:
                await asyncio.sleep(step)
        return True


def client(**options: Any) -> contextlib.AbstractAsyncContextManager[SimpleAsyncHTTPClient]:
    """A client that must leave nothing behind: no call, no socket, no task."""
    return checked(SimpleAsyncHTTPClient(force_instance=True, **options))


@contextlib.asynccontextmanager
async def checked(made: SimpleAsyncHTTPClient) -> AsyncIterator[SimpleAsyncHTTPClient]:
    """`client` for one that is there already."""
    before = asyncio.all_tasks()
    try:
        yield made
    finally:
        engine = made._engine
        active, queue = set(engine.active), list(engine.queue)
        made.close()
        end = asyncio.get_running_loop().time() + SETTLES
        while engine.connections or not asyncio.all_tasks() <= before | _servers():
            if asyncio.get_running_loop().time() > end:
                break
            await asyncio.sleep(0.001)  # no event tells when the last of them is gone
        assert not active
        assert not queue
        assert not engine.connections
        assert not engine._timer
        assert engine not in engine.io_loop._links
        assert asyncio.all_tasks() <= before | _servers()


def _servers() -> set[asyncio.Task[Any]]:
    """The tasks of test servers."""
    return {task for task in asyncio.all_tasks() if "Server._serve" in repr(task.get_coro())}


async def end(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancel the tasks of a server, those included that have not begun yet, and wait for them."""
    for _ in range(3):
        await asyncio.sleep(0)
        running = list(tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def soon(condition: Callable[[], Any]) -> None:
    """Wait until something is true."""
    while not condition():  # noqa: ASYNC110  (what tests wait for has no event)
        await asyncio.sleep(0.001)
