"""Messages for many WebSocket connections, and queues that do not grow with the slowest of them.

::

    class Chat(WebSocketHandler):
        members = set()

        def open(self):
            limit_queue(self, max_bytes=100_000, when_full=WhenFull.DROP_OLDEST)
            self.members.add(self)

        def on_message(self, message):
            broadcast(self.members, message)

        def on_close(self):
            self.members.discard(self)

Everything here takes a `WebSocketHandler`, a client's connection, or the ``ws_connection`` of a
handler. None of it is in Tornado.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Awaitable, Iterable
from typing import Any

from whirlwind.protocol import frames, masking
from whirlwind.protocol.limits import MAX_QUEUED_BYTES
from whirlwind.server.waiters import WriteWaiters
from whirlwind.websocket.connection import WebSocketConnection
from whirlwind.websocket.errors import WebSocketClosedError, WebSocketError
from whirlwind.websocket.sender import check_text, plain

__all__ = [
    "QueueFullError",
    "SendQueue",
    "WhenFull",
    "broadcast",
    "is_writable",
    "limit_queue",
    "unsent",
    "wait_writable",
]


class QueueFullError(WebSocketError):
    """A message was written to a full queue that the writer was to wait for."""


class WhenFull(enum.Enum):
    """What happens to a connection whose queue is full, because its peer reads too slowly."""

    #: ``write_message`` returns an awaitable that is done when there is room again. Writing once
    #: more without having waited raises `QueueFullError`.
    WAIT = "wait"
    #: The oldest messages in the queue are thrown away.
    DROP_OLDEST = "drop_oldest"
    #: What is queued is thrown away and the connection closes with code 1008.
    CLOSE = "close"


def broadcast(
    connections: Iterable[Any], message: str | bytes | dict[str, Any], binary: bool = False
) -> int:
    """Send a message to many connections, making its frame, compressed or not, only once.

    Closed and closing connections are passed over. A connection without a queue of its own gets
    one when its peer is slow: of 1 MiB, and it is closed when that is full. So is one whose full
    queue says `WhenFull.WAIT`: nobody waits here, and the others must get the message.

    What is sent leaves at the end of the loop's turn: of several broadcasts in one turn a peer gets
    all in one piece.

    :arg connections: handlers and other connections; may change while this runs.
    :arg message: str, bytes, or a dict that is sent as JSON.
    :arg binary: send it as a binary message rather than as text.
    :returns: to how many connections it was sent.
    :raises TypeError: the message is something else.
    :raises ValueError: bytes that are not UTF-8, to be sent as text.
    """
    return _spread(tuple(connections), _Shared(message, binary))


def _spread(members: tuple[Any, ...], shared: _Shared) -> int:
    ready = shared.frame
    count = 0
    for one in members:
        connection = _connection(one)
        if connection is None or connection.has_ended():
            continue
        queue = connection.queue
        if not (connection.is_blocked() if queue is None else queue.holds()):
            if connection.deflater is None and not connection.masks:
                connection.share(ready)
            else:
                connection.share(shared.frame_for(connection))
        elif connection.is_closing():  # which only its transport knows so far
            continue
        else:
            if queue is None:
                queue = limit_queue(connection)
            if queue.when_full is WhenFull.WAIT and queue.is_full():
                queue.give_up()
                continue
            queue.put_shared(shared)
        count += 1
    return count


def limit_queue(
    connection: Any,
    max_bytes: int = MAX_QUEUED_BYTES,
    max_messages: int | None = None,
    when_full: WhenFull | str = WhenFull.CLOSE,
) -> SendQueue:
    """Bound what waits for the peer of a connection.

    Messages wait only while the peer is slow: when the operating system and the event loop hold
    as much as they are willing to, about 64 KiB beyond what the kernel buffers.

    :arg connection: an open one.
    :arg max_bytes: of the messages in the queue.
    :arg max_messages: in the queue; None for any number.
    :arg when_full: a `WhenFull` or its value.
    :returns: the queue.
    :raises WebSocketClosedError: the connection is closed.
    """
    found = _open_connection(connection)
    policy = WhenFull(when_full)
    queue = found.queue
    if queue is None:
        queue = found.queue = SendQueue(found)
    queue.max_bytes = max_bytes
    queue.max_messages = max_messages
    queue.when_full = policy
    limited: SendQueue = queue
    return limited


def unsent(connection: Any) -> int:
    """Bytes that wait for the peer: those in the queue, and those the event loop holds."""
    found = _connection(connection)
    if found is None or found.closed:
        return 0
    return found.unsent() + (found.queue.size if found.queue is not None else 0)


def is_writable(connection: Any) -> bool:
    """Whether a message that is sent now leaves at once."""
    found = _connection(connection)
    if found is None or found.is_closing():
        return False
    return not (found.is_blocked() if found.queue is None else found.queue.holds())


async def wait_writable(connection: Any) -> None:
    """Wait until `is_writable`.

    :raises WebSocketClosedError: the connection is closed, or ends meanwhile.
    """
    found = _open_connection(connection)
    while not is_writable(found):
        if found.is_closing():
            raise WebSocketClosedError
        await found.written()


class SendQueue:
    """The messages that wait for the peer of one connection; made by `limit_queue`.

    :ivar size: int, bytes of the messages in it.
    :ivar dropped: int, how many messages were thrown away so far.
    :ivar max_bytes, max_messages, when_full: as for `limit_queue`; may be changed.
    """

    size: int
    dropped: int

    def __init__(self, connection: WebSocketConnection) -> None:
        self.size = 0
        self.dropped = 0
        self.max_bytes = MAX_QUEUED_BYTES
        self.max_messages: int | None = None
        self.when_full = WhenFull.CLOSE
        self._connection = connection
        self._items: deque[_Shared] = deque()
        self._room: WriteWaiters | None = None

    def __len__(self) -> int:
        return len(self._items)

    def holds(self) -> bool:
        """Whether a message would have to wait."""
        return bool(self._items) or self._connection.is_blocked()

    def is_full(self) -> bool:
        """Whether there is no room for another message."""
        count = len(self._items)
        return self.size >= self.max_bytes or (
            self.max_messages is not None and count >= self.max_messages
        )

    def put(self, message: str | bytes, binary: bool) -> Awaitable[None]:
        """Send a message, or keep it until the peer is ready.

        :returns: an awaitable that is done when there is room for another one.
        :raises QueueFullError: nobody has waited for that.
        """
        return self.put_shared(_Shared(message, binary))

    def put_shared(self, shared: _Shared) -> Awaitable[None]:
        """`put` for a message that others get as well."""
        connection = self._connection
        done: Awaitable[None] = connection.done
        if not self.holds():
            connection.send(shared.frame_for(connection))
            return done
        if self.when_full is WhenFull.WAIT and self.is_full():
            raise QueueFullError("The queue is full: await write_message() before the next one")
        self._items.append(shared)
        self.size += len(shared.payload)
        if self.when_full is WhenFull.WAIT:
            return self._wait() if self.is_full() else done
        if self._is_over():
            self._relieve()
        return done

    def _is_over(self) -> bool:
        return self.size > self.max_bytes or (
            self.max_messages is not None and len(self._items) > self.max_messages
        )

    def _relieve(self) -> None:
        if self.when_full is WhenFull.DROP_OLDEST:
            # The newest stays, however large.
            while len(self._items) > 1 and self._is_over():
                self._drop()
        else:
            self.give_up()

    def give_up(self) -> None:
        """Throw away what is queued, and close the connection."""
        while self._items:
            self._drop()
        self._connection.close(1008, "reads too slowly")

    def _drop(self) -> None:
        self.size -= len(self._items.popleft().payload)
        self.dropped += 1

    def _wait(self) -> Awaitable[None]:
        if self._room is None:
            self._room = WriteWaiters(self._connection.loop)
        return self._room.add()

    # --- what the connection calls --------------------------------------------------------------

    def drain(self) -> None:
        """The peer has read: send as much as it takes."""
        connection = self._connection
        while self._items and not connection.is_blocked():
            self._send_first()
            if connection.corked:
                connection.flush()
        if self._room is not None and not self.is_full():
            room, self._room = self._room, None
            room.succeed()

    def drain_all(self) -> None:
        """Nothing more will come: send what is left."""
        while self._items:
            self._send_first()

    def _send_first(self) -> None:
        shared = self._items.popleft()
        self.size -= len(shared.payload)
        self._connection.send(shared.frame_for(self._connection))

    def clear(self) -> None:
        """The connection is gone."""
        self._items.clear()
        self.size = 0
        if self._room is not None:
            room, self._room = self._room, None
            room.fail(WebSocketClosedError())


class _Shared:
    """One message in the forms that connections need."""

    def __init__(self, message: Any, binary: bool) -> None:
        raw = plain(message)
        self._binary = binary
        self._first = frames.BINARY_FRAME if binary else frames.TEXT_FRAME
        self.payload: bytes = raw.encode("utf-8") if isinstance(raw, str) else raw
        if isinstance(raw, bytes) and not binary:
            check_text(raw)
        self.frame: bytes = masking.frame(self._first, self.payload)
        self._packed: dict[Any, bytes] = {}

    def frame_for(self, connection: WebSocketConnection) -> bytes:
        """The frame as this connection has to send it."""
        deflater = connection.deflater
        if connection.masks:
            return connection.encode_message(self.payload, self._binary)
        if deflater is None or len(self.payload) < deflater.threshold:
            return self.frame
        found = self._packed.get(deflater.key)
        if found is None:
            alone = deflater.alone(self.payload)
            if len(alone) < len(self.payload):
                found = masking.frame(self._first | frames.RSV1, alone)
            else:
                found = self.frame
            self._packed[deflater.key] = found
        if found is not self.frame:
            # It refers to no message before it, and none after it may refer past it.
            deflater.forget()
        return found


def _connection(one: Any) -> WebSocketConnection | None:
    """The connection of whatever stands for it; None when it is closed."""
    if isinstance(one, WebSocketConnection):
        return one
    found = one.ws_connection if hasattr(one, "ws_connection") else one.protocol
    if found is None or isinstance(found, WebSocketConnection):
        return found
    raise TypeError(f"{one!r} has no WebSocket connection of this package")


def _open_connection(one: Any) -> WebSocketConnection:
    found = _connection(one)
    if found is None or found.is_closing():
        raise WebSocketClosedError
    return found
