"""A stream as the transport of an asyncio protocol: :class:`StreamTransport`."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import TYPE_CHECKING, Any, Final

from whirlwind.iostream.errors import StreamBufferFullError, StreamClosedError
from whirlwind.iostream.tls import SSLIOStream
from whirlwind.protocol.limits import STREAM_CHUNK_SIZE, TLS_HANDSHAKE_TIMEOUT

if TYPE_CHECKING:
    from whirlwind.concurrent import Future
    from whirlwind.iostream.base import BaseIOStream

#: Bytes waiting in the stream above which the protocol is asked to pause, and below which it may go
#: on: asyncio's own defaults.
_HIGH_WATER: Final = 65536
_LOW_WATER: Final = 16384


class StreamTransport(asyncio.Transport):
    """Lets an asyncio protocol run over a stream of any kind, TLS and custom ones included.

    Reads and writes go through the stream's public methods only. The stream must not be read by
    anybody else until it is taken back with :meth:`take_stream`.
    """

    def __init__(
        self,
        stream: BaseIOStream,
        protocol: Any,
        chunk_size: int = STREAM_CHUNK_SIZE,
    ) -> None:
        """Begin; the protocol's ``connection_made`` is called before this returns, or after the
        handshake of a TLS stream that is still under way.

        :arg stream: the stream.
        :arg protocol: has the methods of an `asyncio.Protocol`.
        :arg chunk_size: bytes the protocol gets at most at a time.
        """
        super().__init__()
        self._stream = stream
        self._protocol: Any = protocol
        self._loop = stream.io_loop.asyncio_loop
        self._chunk_size = chunk_size
        self._read: Future[bytes] | None = None
        self._reading = True
        self._closing = False
        self._ending = False
        self._above = False
        self._high = _HIGH_WATER
        self._low = _LOW_WATER
        self._handshake_timer: asyncio.TimerHandle | None = None
        stream.set_close_callback(self._stream_closed)
        # Answers are written whole: to wait for more is to wait for nothing (40 ms of it).
        stream.set_nodelay(True)
        if isinstance(stream, SSLIOStream):
            self._wait_for_handshake(stream)
        else:
            self._begin()

    def _wait_for_handshake(self, stream: SSLIOStream) -> None:
        try:
            handshake = stream.wait_for_handshake()
        except RuntimeError:
            # Somebody else waits for it; what is read waits as well.
            self._begin()
            return
        if handshake.done() and not stream.closed():
            self._begin()
            return
        self._handshake_timer = self._loop.call_later(TLS_HANDSHAKE_TIMEOUT, stream.close)
        handshake.add_done_callback(self._handshake_done)

    def _handshake_done(self, future: Future[Any]) -> None:
        if self._handshake_timer is not None:
            self._handshake_timer.cancel()
        if not future.cancelled() and future.exception() is None and self._protocol is not None:
            self._begin()

    def _begin(self) -> None:
        protocol = self._protocol
        assert protocol is not None
        protocol.connection_made(self)
        self._read_on()

    # Reading.

    def _read_on(self) -> None:
        if self._read is not None or not self._reading or self._closing or self._protocol is None:
            return
        try:
            self._read = self._stream.read_bytes(self._chunk_size, partial=True)
        except StreamClosedError:
            return  # the close callback is on its way
        self._read.add_done_callback(self._read_done)

    def _read_done(self, future: Future[bytes]) -> None:
        if future is not self._read:
            return
        self._read = None
        if future.cancelled() or future.exception() is not None:
            return
        protocol = self._protocol
        if protocol is None or self._closing:
            return
        try:
            protocol.data_received(future.result())
        except BaseException as error:
            # As with asyncio's transports: without this, nobody would ever read on.
            self._stream.close(exc_info=error)
            raise
        self._read_on()

    def is_reading(self) -> bool:
        """Whether the protocol is given what arrives."""
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        """Give the protocol nothing more until `resume_reading`."""
        self._reading = False
        self._stream._preload(self._take_read())

    def resume_reading(self) -> None:
        """Go on after `pause_reading`."""
        self._reading = True
        self._read_on()

    # Writing.

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send bytes, now or when the stream takes them."""
        if self._protocol is None or self._ending or self._stream.closed():
            return
        try:
            future = self._stream.write(data)
        except StreamClosedError:
            return
        except StreamBufferFullError as error:
            self._stream.close(exc_info=error)
            return
        if future.done():
            return
        future.add_done_callback(self._write_done)
        if not self._above and self.get_write_buffer_size() > self._high:
            self._above = True
            self._protocol.pause_writing()

    def _write_done(self, future: Future[None]) -> None:
        if self._protocol is None or self._stream.closed():
            return
        left = self.get_write_buffer_size()
        if self._above and left <= self._low:
            self._above = False
            self._protocol.resume_writing()
        if not left:
            self._all_written()

    def _all_written(self) -> None:
        if self._closing:
            self._stream.close()
        elif self._ending:
            self._shut()

    def get_write_buffer_size(self) -> int:
        """Bytes that wait to be sent."""
        waiting = self._stream._write_buffer
        return len(waiting) if waiting is not None else 0

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """The low and the high water mark, in bytes."""
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set when the protocol is told to pause and to resume writing.

        :arg high: bytes waiting above which it pauses.
        :arg low: bytes waiting at or below which it resumes; a quarter of ``high`` by default.
        """
        if high is None:
            high = _HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not 0 <= low <= high:
            raise ValueError(f"write buffer limits out of order: low={low}, high={high}")
        self._high, self._low = high, low

    def can_write_eof(self) -> bool:
        """Whether the peer can be told the end while it still sends; not with TLS."""
        sock = getattr(self._stream, "socket", None)
        return isinstance(sock, socket.socket) and not isinstance(sock, ssl.SSLSocket)

    def write_eof(self) -> None:
        """Tell the peer the end once everything was sent."""
        if not self._ending:
            self._ending = True
            if not self.get_write_buffer_size():
                self._shut()

    def _shut(self) -> None:
        sock: socket.socket | None = getattr(self._stream, "socket", None)
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_WR)
            except OSError as error:
                if error.errno != errno.ENOTCONN:
                    self._stream.close(exc_info=error)

    # The end.

    def is_closing(self) -> bool:
        """Whether the stream is closed or going to be."""
        return self._closing or self._protocol is None or self._stream.closed()

    def close(self) -> None:
        """Close the stream when everything was sent."""
        if self._closing or self._protocol is None:
            return
        self._closing = True
        self._take_read()
        if not self.get_write_buffer_size():
            self._stream.close()

    def abort(self) -> None:
        """Close the stream at once."""
        if self._protocol is not None:
            self._stream.close()

    def _stream_closed(self) -> None:
        if self._handshake_timer is not None:
            self._handshake_timer.cancel()
        try:
            self._deliver_rest()
        finally:
            protocol = self._protocol
            self._protocol = None
            if protocol is not None:
                error = self._stream.error
                protocol.connection_lost(error if isinstance(error, Exception) else None)

    def _deliver_rest(self) -> None:
        """What arrived before the end is still worth having."""
        data = self._take_read()
        while self._reading and not self._closing and self._protocol is not None:
            if data:
                self._protocol.data_received(data)
            try:
                data = self._stream.read_bytes(self._chunk_size, partial=True).result()
            except StreamClosedError:
                return

    def _take_read(self) -> bytes:
        """End the read under way; returns what it had brought and nobody has seen."""
        read, self._read = self._read, None
        if read is None or read.cancel() or read.cancelled() or read.exception() is not None:
            return b""
        return read.result()

    def take_stream(self) -> BaseIOStream:
        """Take the stream back; the protocol hears nothing more.

        What waits to be sent is still sent.

        :raises StreamClosedError: the connection is gone.
        """
        if self._protocol is None:
            raise StreamClosedError(self._stream.error)
        self._protocol = None
        self._stream._preload(self._take_read())
        self._stream.set_close_callback(None)
        return self._stream

    # What is known of the connection.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As in asyncio: ``socket``, ``peername``, ``sockname``, ``ssl_object``, ``sslcontext``."""
        sock: Any = getattr(self._stream, "socket", None)
        if sock is None:
            return default
        if name == "socket":
            return sock
        if name in ("peername", "sockname"):
            try:
                return sock.getpeername() if name == "peername" else sock.getsockname()
            except OSError:
                return default
        if isinstance(sock, ssl.SSLSocket):
            if name == "ssl_object":
                return sock
            if name == "sslcontext":
                return sock.context
        return default

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol."""
        if self._protocol is None:
            raise StreamClosedError(self._stream.error)
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol go on."""
        if self._protocol is not None:
            self._protocol = protocol
