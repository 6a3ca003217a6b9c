"""An ASGI server for one scope at a time, which the test plays message by message."""

from __future__ import annotations

import asyncio
from typing import Any


class OutOfOrder(AssertionError):
    """A message that the specification does not allow here."""


_NEXT = {
    "http.response.start": {"http.response.body"},
    "http.response.body": {"http.response.body"},
    "websocket.accept": {"websocket.send", "websocket.close"},
    "websocket.send": {"websocket.send", "websocket.close"},
    "websocket.http.response.start": {"websocket.http.response.body"},
    "websocket.http.response.body": {"websocket.http.response.body"},
    "websocket.close": set(),
}
_FIRST = {
    "http": {"http.response.start"},
    "websocket": {"websocket.accept", "websocket.close", "websocket.http.response.start"},
}


class Driver:
    """Runs an application for one scope, and refuses what a strict server would refuse.

    :ivar sent: the messages that the application has sent.
    :ivar received: int, how many the application has been given.
    """

    def __init__(self, app: Any, kind: str = "http", **scope: Any) -> None:
        self._app = app
        self.scope: dict[str, Any] = {
            "type": kind,
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "http" if kind == "http" else "ws",
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"example.com")],
            "client": ("192.0.2.7", 4711),
            "server": ("127.0.0.1", 80),
        }
        if kind == "http":
            self.scope["method"] = "GET"
        else:
            self.scope["subprotocols"] = []
            self.scope["headers"] += [
                (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
                (b"sec-websocket-version", b"13"),
            ]
        self.scope.update(scope)
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._allowed = _FIRST.get(kind, set())
        self.sent: list[dict[str, Any]] = []
        self.received = 0
        self.failure: BaseException | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._more = asyncio.Condition()
        self.task: asyncio.Task[None] | None = None

    def give(self, *messages: dict[str, Any]) -> None:
        """Let the application receive these."""
        for message in messages:
            self._inbox.put_nowait(message)

    def give_body(self, *parts: bytes) -> None:
        """Let it receive a request's body."""
        for number, part in enumerate(parts, 1):
            self.give({"type": "http.request", "body": part, "more_body": number < len(parts)})

    def hold(self) -> None:
        """The client reads no more: `send` does not return."""
        self._open.clear()

    def let_go(self) -> None:
        """It does again."""
        self._open.set()

    async def _receive(self) -> dict[str, Any]:
        message = await self._inbox.get()
        self.received += 1
        return message

    async def _send(self, message: dict[str, Any]) -> None:
        if self.failure is not None:
            raise self.failure
        kind = message["type"]
        if kind not in self._allowed:
            raise OutOfOrder(f"{kind} after {[m['type'] for m in self.sent]}")
        self._allowed = _NEXT[kind]
        if kind.endswith("response.body") and not message.get("more_body", False):
            self._allowed = set()
        for name, value in message.get("headers", ()):
            assert type(name) is type(value) is bytes
            assert name == name.lower()
        async with self._more:
            self.sent.append(message)
            self._more.notify_all()
        await self._open.wait()

    def start(self) -> Driver:
        """Call the application."""
        self.task = asyncio.create_task(self._app(self.scope, self._receive, self._send))
        return self

    async def end(self) -> None:
        """Wait until it returns, and raise what it raises."""
        assert self.task is not None
        await self.task

    async def until(self, count: int) -> list[dict[str, Any]]:
        """Wait until it has sent so many messages."""
        async with self._more:
            await self._more.wait_for(lambda: len(self.sent) >= count)
        return self.sent

    @property
    def body(self) -> bytes:
        """The answer's body so far."""
        return b"".join(m.get("body", b"") for m in self.sent if m["type"].endswith(".body"))

    def field(self, name: bytes) -> bytes | None:
        """A field of the answer."""
        return dict(self.sent[0]["headers"]).get(name)
