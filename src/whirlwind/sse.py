"""Server-sent events: a response that goes on, of which browsers make events (``EventSource``).

::

    class News(RequestHandler):
        async def get(self):
            async with EventStream(self) as events:
                async for item in news_since(events.last_event_id):
                    await events.send(item.text, event="news", id=item.number)

The block ends when the client leaves, whatever it waits for. The format is that of the HTML
standard, section 9.2.
"""

import asyncio
import re
from types import TracebackType
from typing import Any, Final, Self

from whirlwind.escape import json_encode
from whirlwind.iostream import StreamClosedError
from whirlwind.server.exchange import Exchange
from whirlwind.web import RequestHandler

__all__ = ["EventStream", "encode_event"]

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_KEEP_ALIVE: Final = b":\n\n"


def encode_event(
    data: str | dict[str, Any] | None = None,
    *,
    event: str | None = None,
    id: str | int | None = None,
    retry: float | None = None,
) -> bytes:
    """One event as it goes over the wire.

    :arg data: its text, of any number of lines; a dict is sent as JSON. Without any, browsers only
        take note of ``id`` and ``retry``.
    :arg event: its type, ``message`` by default.
    :arg id: what the browser sends as ``Last-Event-ID`` when it connects again after this event.
    :arg retry: seconds until it does that.
    :raises ValueError: a type or an id of more than one line.
    """
    lines = []
    if event is not None:
        lines.append(f"event: {_one_line('event', event)}\n")
    if id is not None:
        lines.append(f"id: {_one_line('id', str(id))}\n")
    if retry is not None:
        lines.append(f"retry: {max(0, round(retry * 1000))}\n")
    if data is not None:
        text = data if isinstance(data, str) else json_encode(data)
        lines += [f"data: {line}\n" for line in _LINE_END.split(text)]
    lines.append("\n")
    return "".join(lines).encode("utf-8")


def _one_line(name: str, value: str) -> str:
    if "\n" in value or "\r" in value or "\0" in value:
        raise ValueError(f"{name} is one line without NUL, not {value!r}")
    return value


class EventStream:
    """The response of a handler as a stream of events, for the length of an ``async with``.

    A client that leaves ends the block: what it waits for is cancelled, and the handler goes on
    after it. `send` makes who awaits it wait for a slow client.

    :arg handler: who answers; nothing was sent yet.
    :arg retry: seconds that the browser waits before it connects again; its own idea by default.
    :arg keep_alive: seconds without an event after which a comment is sent, so that proxies do not
        take the connection for dead; None for never.

    :ivar last_event_id: str or None, the id of the last event that the client has seen.
    :ivar client_left: bool, whether the client has gone.
    """

    client_left: bool
    last_event_id: str | None

    def __init__(
        self,
        handler: RequestHandler,
        *,
        retry: float | None = None,
        keep_alive: float | None = 15.0,
    ) -> None:
        self._handler = handler
        self._retry = retry
        self._interval = keep_alive
        self._loop = asyncio.get_running_loop()
        self._connection: Any = handler.request.connection
        self._sending = 0
        self._last_sent = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self._cancelled = False
        self.client_left = False
        value = handler.request.headers.get("Last-Event-ID")
        # Browsers write it in UTF-8, and fields are read as one latin-1 character a byte.
        self.last_event_id = value and value.encode("latin-1").decode("utf-8", "replace")

    async def __aenter__(self) -> Self:
        handler = self._handler
        if handler._headers_written:
            raise RuntimeError("EventStream has to come before anything is sent")
        task = self._task = asyncio.current_task()
        assert task is not None
        self._cancelling = task.cancelling()
        handler.set_header("Content-Type", "text/event-stream; charset=utf-8")
        handler.set_header("Cache-Control", "no-store")
        handler.set_header("X-Accel-Buffering", "no")  # nginx would wait for more
        self._connection.set_close_callback(self._on_close)
        self._note_sent()
        try:
            await self._send(b"" if self._retry is None else encode_event(retry=self._retry))
        except StreamClosedError:
            self._on_close()  # the block is left at the first thing that it waits for
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        task, self._task = self._task, None
        if self._timer is not None:
            self._timer.cancel()
        if self._cancelled and task is not None:
            cancelled = isinstance(error, asyncio.CancelledError)
            if not cancelled:
                try:
                    await asyncio.sleep(0)  # where the cancellation is delivered, if not yet
                except asyncio.CancelledError:
                    cancelled = True
            # Somebody else may have cancelled the task as well: that is not to be swallowed.
            if task.uncancel() > self._cancelling and cancelled:
                if isinstance(error, asyncio.CancelledError):
                    return False
                raise asyncio.CancelledError
            if isinstance(error, asyncio.CancelledError):
                return True
        if not isinstance(error, StreamClosedError):
            return False
        if self._handler._ww_client_is_gone():
            self.client_left = True
        return self.client_left  # else it is about some other stream

    def _on_close(self) -> None:
        if not isinstance(self._connection, Exchange):
            self._handler.on_connection_close()  # whose place this has taken
        self.client_left = True
        if self._task is not None and not self._cancelled:
            self._cancelled = True
            self._task.cancel()

    async def send(
        self,
        data: str | dict[str, Any] | None = None,
        *,
        event: str | None = None,
        id: str | int | None = None,
        retry: float | None = None,
    ) -> None:
        """Send an event, and wait until the client has taken enough of what was sent.

        :arg data, event, id, retry: as `encode_event`.
        :raises StreamClosedError: the client has left; the block passes over it.
        """
        await self._send(encode_event(data, event=event, id=id, retry=retry))

    async def comment(self, text: str = "") -> None:
        """Send something that is no event.

        :arg text: for who reads along; any number of lines.
        """
        lines = [f": {line}\n" for line in _LINE_END.split(text)]
        await self._send("".join([*lines, "\n"]).encode("utf-8"))

    async def _send(self, data: bytes) -> None:
        if self.client_left:
            raise StreamClosedError
        self._sending += 1
        try:
            if data:
                self._handler.write(data)
            await self._handler.flush()
        finally:
            self._sending -= 1
            self._last_sent = self._loop.time()

    def _note_sent(self) -> None:
        self._last_sent = self._loop.time()
        if self._interval is not None:
            self._timer = self._loop.call_later(self._interval, self._keep_alive)

    def _keep_alive(self) -> None:
        assert self._interval is not None
        due = self._last_sent + self._interval
        now = self._loop.time()
        if now >= due:
            if not self._sending and not self.client_left:  # a slow client has enough to read
                self._handler.write(_KEEP_ALIVE)
                self._handler.flush()
            self._last_sent = now
            due = now + self._interval
        self._timer = self._loop.call_at(due, self._keep_alive)
