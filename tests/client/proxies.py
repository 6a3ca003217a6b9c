"""Proxies to test against: an HTTP one, for both kinds of requests, and a SOCKS5 one."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from typing import Any

from tests.client.scripted import Peer, Server, end

TUNNEL = b"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n"


class HTTPProxy(Server):
    """Opens tunnels, and answers requests in absolute-form itself.

    ``tunnels`` has what CONNECT asked for; ``answer_connect`` is what it gets.
    """

    def __init__(self, *answers: Any, **options: Any) -> None:
        super().__init__(*answers, **options)
        self.tunnels: list[str] = []
        self.answer_connect: bytes = TUNNEL

    async def _answer(self, peer: Peer) -> bool:
        request = self.requests[-1]
        if request.method != "CONNECT":
            return await super()._answer(peer)
        self.tunnels.append(request.target)
        await peer.send(self.answer_connect)
        if self.answer_connect != TUNNEL:
            return True
        host, _, port = request.target.rpartition(":")
        await splice(peer.reader, peer.writer, host.strip("[]"), int(port))
        return False


async def splice(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int
) -> None:
    """Copy bytes both ways between a connection and a new one, until one side ends."""
    names = {"localhost": "127.0.0.1", "example.test": "127.0.0.1"}
    opening = asyncio.ensure_future(asyncio.open_connection(names.get(host, host), port))
    try:
        there, back = await asyncio.shield(opening)
    except asyncio.CancelledError:
        (await opening)[1].transport.abort()
        raise
    both = [
        asyncio.ensure_future(copy(reader, back)),
        asyncio.ensure_future(copy(there, writer)),
    ]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        back.transport.abort()
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


class SocksProxy:
    """A SOCKS5 proxy (RFC 1928), with a user name and password (RFC 1929) if they are given."""

    def __init__(self, username: str = "", password: str = "") -> None:
        self.secret = (username.encode(), password.encode())
        #: Address type, host, port of every request.
        self.asked: list[tuple[int, str, int]] = []
        self.refusal = 0

    def admits(self, host: str) -> bool:
        """Whether a host can be reached."""
        return True

    async def __aenter__(self) -> SocksProxy:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self.server.sockets[0].getsockname()[1]
        self.tasks: set[asyncio.Task[Any]] = set()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.server.close()
        await end(self.tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            await self._talk(reader, writer)
        except (asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self.tasks.discard(task)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        if self.secret[0]:
            if 2 not in methods:
                writer.write(b"\x05\xff")
                return
            writer.write(b"\x05\x02")
            _, size = await reader.readexactly(2)
            username = await reader.readexactly(size)
            (size,) = await reader.readexactly(1)
            good = (username, await reader.readexactly(size)) == self.secret
            writer.write(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return
        else:
            writer.write(b"\x05\x00")
        _, _, _, kind = await reader.readexactly(4)
        if kind == 1:
            host = ".".join(map(str, await reader.readexactly(4)))
        else:
            (size,) = await reader.readexactly(1)
            host = (await reader.readexactly(size)).decode()
        (port,) = struct.unpack("!H", await reader.readexactly(2))
        self.asked.append((kind, host, port))
        refusal = self.refusal or (0 if self.admits(host) else 4)
        writer.write(bytes([5, refusal, 0, 1, 127, 0, 0, 1, 0, 0]))
        if not refusal:
            await splice(reader, writer, host, port)
