"""An asyncio transport as a stream: :class:`TransportStream`."""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING, Any, Final

from whirlwind.iostream.link import Link
from whirlwind.iostream.sockets import IOStream
from whirlwind.iostream.tls_socket import socket_of
from whirlwind.protocol.limits import STREAM_BYTES_PER_TURN, STREAM_CHUNK_SIZE

if TYPE_CHECKING:
    import socket

    from whirlwind.concurrent import Future
    from whirlwind.iostream.tls import SSLIOStream

#: Bytes the transport is given in one turn of the loop. It tells only in the next one that its
#: peer has left, and who writes and never has to wait would not let it come to that.
_WRITE_SIZE: Final = 4 * STREAM_CHUNK_SIZE


class TransportStream(IOStream):
    """A stream over the connection of an asyncio transport.

    For TLS: the state of the encryption is in the transport and can not be taken out of it. A write
    is done when the transport has taken the bytes.
    """

    _short_means_done = False

    def __init__(
        self, transport: Any, data: bytes = b"", blocked: bool = False, **options: Any
    ) -> None:
        """
        :arg transport: the transport; the stream becomes its protocol.
        :arg data: bytes, read from it already.
        :arg blocked: whether the transport has asked its former protocol to pause writing.
        :arg options: those of :class:`BaseIOStream`.
        """
        self._transport = transport
        self._feed = _Feed(self)
        super().__init__(socket_of(transport), **options)
        self._link.close()
        self._link = self._feed.link = _FeedLink(self, self._feed)
        if data:
            self._preload(data)
        transport.set_protocol(self._feed)
        self._feed.blocked = blocked
        transport.resume_reading()

    def close_fd(self) -> None:
        self.socket: socket.socket = None  # type: ignore[assignment]

    def get_fd_error(self) -> Exception | None:
        return self._feed.error

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        return self._feed.take(buf)

    def _only_end_is_left(self) -> bool:
        return self._feed.ended and not self._feed.data and not self._write_buffer

    def write_to_fd(self, data: memoryview) -> int:
        feed = self._feed
        if feed.ended:
            raise feed.error or ConnectionResetError(errno.ECONNRESET, "the connection is gone")
        if feed.blocked or feed.room <= 0:
            raise BlockingIOError(errno.EAGAIN, "the transport has enough for now")
        with data[: feed.room] as piece:
            self._transport.write(bytes(piece))
            feed.room -= len(piece)
            return len(piece)

    def start_tls(
        self,
        server_side: bool,
        ssl_options: Any = None,
        server_hostname: str | None = None,
    ) -> Future[SSLIOStream]:
        raise ValueError("this connection has TLS already")

    def set_nodelay(self, value: bool) -> None:
        """The transport has seen to it; nothing changes."""


class _Feed(asyncio.Protocol):
    """Keeps what the transport delivers until the stream reads it."""

    def __init__(self, stream: TransportStream) -> None:
        self.link: Any = None
        self.transport = stream._transport
        self.data = bytearray()
        self.ended = False
        self.blocked = False
        self.room = _WRITE_SIZE
        self.error: Exception | None = None
        self._paused = False

    def data_received(self, data: bytes) -> None:
        self.data += data
        if len(self.data) > STREAM_BYTES_PER_TURN and not self._paused:
            self._paused = True
            self.transport.pause_reading()
        self.link.notify_reader()

    def eof_received(self) -> None:
        self.ended = True
        self.link.notify_reader()

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = True
        self.error = error
        link, self.link = self.link, None  # it refers to this: nothing more will come
        link.notify_reader()
        link.notify_writer()

    def pause_writing(self) -> None:
        self.blocked = True

    def resume_writing(self) -> None:
        self.blocked = False
        self.link.notify_writer()

    def take(self, buf: bytearray | memoryview) -> int | None:
        """Move bytes to ``buf``; None if there are none now, 0 at the end."""
        data = self.data
        if not data:
            if self.ended and self.error is not None:
                raise self.error
            return 0 if self.ended else None
        size = min(len(buf), len(data))
        with memoryview(data) as view:
            buf[:size] = view[:size]
        del data[:size]
        if self._paused and len(data) <= STREAM_CHUNK_SIZE and not self.ended:
            self._paused = False
            self.transport.resume_reading()
        return size


class _FeedLink(Link):
    """What would watch a descriptor waits for the transport's calls."""

    __slots__ = ("_feed",)

    def __init__(self, stream: TransportStream, feed: _Feed) -> None:
        super().__init__(stream)
        self._feed = feed

    def start_reader(self, fd: int) -> None:
        if not self.reading:
            self.reading = True
            if self._feed.data or self._feed.ended:
                self._io_loop.asyncio_loop.call_soon(self.notify_reader)

    def start_writer(self, fd: int) -> None:
        if not self.writing:
            self.writing = True
            if not self._feed.blocked:
                self._io_loop.asyncio_loop.call_soon(self.notify_writer)

    def stop_reader(self) -> None:
        self.reading = False

    def stop_writer(self) -> None:
        self.writing = False

    def renew(self) -> None:
        """Nothing is registered; the transport belongs to the loop that was left behind."""

    def close(self) -> None:
        # The loop keeps a transport whose stream nobody has any more; a socket would just go.
        super().close()
        self._feed.transport.close()

    def notify_reader(self) -> None:
        if self.reading:
            self.readable()

    def notify_writer(self) -> None:
        self._feed.room = _WRITE_SIZE
        if self.writing:
            self.writable()
        if self.writing and not self._feed.blocked:
            self._io_loop.asyncio_loop.call_soon(self.notify_writer)
