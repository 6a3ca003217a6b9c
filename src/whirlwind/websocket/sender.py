"""The write half of a WebSocket connection: messages become frames, masked, compressed, sent."""

import os
from collections.abc import Awaitable
from typing import Any, Final

import whirlwind.protocol.frames as frames
import whirlwind.protocol.masking as masking
from whirlwind._public import start_values
from whirlwind.escape import json_encode
from whirlwind.protocol import limits
from whirlwind.server.hub import Hub
from whirlwind.server.outlet import Outlet
from whirlwind.websocket.errors import WebSocketClosedError

_MAX_UNYIELDING: Final = limits.MAX_UNYIELDING_WRITES
_KEYS: Final = 1024  # bytes of mask keys that are made at a time: one system call for 256 frames


class FrameSender(Outlet):
    """Sends messages, pings and pongs; what the peer sends, and the end, are the read half's."""

    hub: Hub
    deflater: Any
    queue: Any
    masks: bool
    close_sent: bool
    close_received: bool
    _rest_at: float
    _keys: bytes
    _next_key: int

    def write_message(self, message: Any, binary: bool = False) -> Awaitable[None]:
        """Send a message.

        :arg message: str, bytes, or a dict that is sent as JSON.
        :arg binary: whether it is sent as a binary message rather than as text.
        :returns: an awaitable that is done when the peer has taken enough of what was sent.
        :raises TypeError: another type.
        :raises ValueError: bytes that are not UTF-8, to be sent as text.
        :raises WebSocketClosedError: the connection is closed or closing.
        """
        if self.close_sent or (self.is_gone() if not self.corked else self.closed or self.shut):
            raise WebSocketClosedError
        if type(message) is not str and type(message) is not bytes:
            message = plain(message)
        if self.queue is not None and self.queue.holds():
            waiting: Awaitable[None] = self.queue.put(message, binary)
            return waiting
        self.send(self.encode_message(message, binary))
        if (
            self.corked
            and not self._blocked
            and self._out_size <= 16384
            and self._unyielding < _MAX_UNYIELDING
        ):
            # During a read event, as nearly always: what `written` would find out. It sends what is
            # larger at once, from the processor's cache: an echo of 16 KB takes 18 us so, and 26 if
            # it waits for the end of the turn, with 64 connections.
            self._unyielding += 1
            return self.done
        return self.written()

    def abort(self) -> None:
        """Close at once and drop what was not sent."""
        self.shut = True
        Outlet.abort(self)

    def encode_message(self, message: Any, binary: bool) -> bytes:
        """The frame of a message, compressed where that was agreed on and pays."""
        first = frames.BINARY_FRAME if binary else frames.TEXT_FRAME
        if type(message) is str:
            if not self.masks and self.deflater is None:
                return masking.text_frame(first, message)
            message = message.encode("utf-8")
        elif not binary:
            check_text(message)
        if self.deflater is not None:
            packed = self.deflater.message(message)
            if packed is not None:
                if not self._rest_at:
                    self._rest_at = self.hub.clock + limits.COMPRESSOR_IDLE
                    self.set_deadline()
                return self.encode(first | frames.RSV1, packed)
        return self.encode(first, message)

    def encode(self, first: int, payload: bytes) -> bytes:
        """A frame, masked if need be."""
        if not self.masks:
            return masking.frame(first, payload)
        if not self._keys:
            # Section 5.3: unpredictable, from a strong source.
            self._keys = os.urandom(_KEYS)
            self._next_key = 0
        key = masking.read_key(self._keys, self._next_key)
        self._next_key += 4
        if self._next_key >= _KEYS:
            self._keys = b""
        return masking.masked_frame(first, payload, key)

    def share(self, frame: bytes) -> None:
        """Send a frame that others get as well.

        It leaves at the end of the loop's turn, together with what more of them come until then:
        one system call, not one for each.
        """
        if not self.corked:
            self.corked = self.queued = True
            self.hub.enqueue(self)
        self.send(frame)

    def has_ended(self) -> bool:
        """As `is_closing`, without a question to the transport."""
        return self.close_sent or self.close_received or self.closed or self.shut

    def write_ping(self, data: bytes) -> Awaitable[None]:
        """Send a ping.

        :arg data: at most 125 bytes (RFC 6455 section 5.5), which the answer brings back.
        :raises ValueError: more than that.
        :raises WebSocketClosedError: the connection is closed or closing.
        """
        if len(data) > frames.MAX_CONTROL:
            raise ValueError(f"A ping has at most {frames.MAX_CONTROL} bytes, not {len(data)}")
        if self.close_sent or self.is_gone():
            raise WebSocketClosedError
        self.send(self.encode(frames.PING_FRAME, data))
        return self.written()

    def send_close(self, payload: bytes) -> None:
        """Send a close frame, after all that waits in the queue; nothing follows it."""
        if self.queue is not None:
            self.queue.drain_all()
        self.close_sent = True
        self.send(self.encode(frames.CLOSE_FRAME, payload))

    def gone_error(self, error: BaseException | None) -> Exception:
        """What writes fail with when the connection is gone."""
        return WebSocketClosedError()

    def is_closing(self) -> bool:
        """Whether the connection is closed, or either side has said that it will be."""
        return self.close_sent or self.close_received or self.is_gone()

    def unsent(self) -> int:
        """Bytes that wait to be sent."""
        size = self._out_size
        if not self.closed:
            size += self.transport.get_write_buffer_size()
        return size

    def tls_object(self) -> Any:
        """The TLS object of the connection, or None."""
        return None if self.transport is None else self.transport.get_extra_info("ssl_object")

    def peer_name(self) -> str:
        """The peer for a line in the log."""
        found = None if self.transport is None else self.transport.get_extra_info("peername")
        return str(found[0]) if isinstance(found, tuple) and found else "a local socket"

    def set_deadline(self) -> None:
        """Some deadline was set or has passed; the read half knows them all."""
        raise RuntimeError("a sender alone has no deadlines")


class MessageWriter:
    """What a handler sends messages with; it has a ``ws_connection``."""

    def write_message(
        self, message: str | bytes | dict[str, Any], binary: bool = False
    ) -> Awaitable[None]:
        """Send a message.

        :arg message: str, bytes, or a dict that is sent as JSON.
        :arg binary: send it as a binary message rather than as text, which has to be UTF-8.
        :returns: an awaitable that is done when the client has taken enough of what was sent: await
            it to send no faster than the client reads.
        :raises WebSocketClosedError: the connection is closed or closing; the awaitable raises it
            too, if the connection ends while it waits.
        """
        connection: Any = self.ws_connection  # type: ignore[attr-defined]
        if connection is None:
            raise WebSocketClosedError
        if isinstance(connection, FrameSender):
            return _write(connection, message, binary)
        written: Awaitable[None] = connection.write_message(message, binary)
        return written


def _write(sender: FrameSender, message: Any, binary: bool) -> Awaitable[None]:
    return sender.write_message(message, binary)


def check_text(message: bytes) -> None:
    """Whether bytes can be sent as text.

    :raises ValueError: they are not UTF-8.
    """
    try:
        message.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"A text message has to be UTF-8 ({error.reason} at {error.start}): send other bytes "
            "with binary=True"
        ) from None


def plain(message: Any) -> str | bytes:
    """A message as a plain str or bytes.

    :raises TypeError: it is neither of these nor a dict.
    """
    if isinstance(message, str):
        return str.__str__(message)
    if isinstance(message, bytes):
        return bytes(message)
    if isinstance(message, dict):
        return json_encode(message)
    raise TypeError(f"A message is str, bytes or a dict, not {type(message).__name__}")


start_values(
    FrameSender,
    hub=None,
    deflater=None,
    queue=None,
    masks=False,
    close_sent=False,
    close_received=False,
    _rest_at=0.0,
    _keys=None,
    _next_key=0,
)
