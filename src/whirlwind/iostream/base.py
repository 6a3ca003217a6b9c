"""The stream itself, over anything with a file descriptor: :class:`BaseIOStream`."""

from __future__ import annotations

import collections
import errno
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from whirlwind._public import claim
from whirlwind.concurrent import Future  # noqa: TC001 - kept resolvable
from whirlwind.ioloop import IOLoop
from whirlwind.iostream.buffers import Data, WriteBuffer, as_bytes
from whirlwind.iostream.errors import (
    StreamBufferFullError,
    StreamClosedError,
    UnsatisfiableReadError,
)
from whirlwind.iostream.link import Link
from whirlwind.iostream.reading import CLOSE, Reading
from whirlwind.log import app_log, gen_log
from whirlwind.protocol.limits import (
    MAX_STREAM_BUFFER,
    STREAM_BYTES_PER_TURN,
    STREAM_CHUNK_SIZE,
)

_ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]

_PEER_GONE: Final = frozenset(
    {errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ETIMEDOUT, errno.ENOTCONN}
)


class BaseIOStream(Reading):
    """Reads and writes a non-blocking file descriptor through buffers.

    Reads and writes return futures. One read may be pending at a time; writes queue up. A stream
    that closes fails whatever is pending with :class:`StreamClosedError`; bytes that arrived
    before can still be read.

    A subclass for another kind of descriptor defines :meth:`fileno`, :meth:`close_fd`,
    :meth:`read_from_fd`, :meth:`write_to_fd` and, if it can, :meth:`get_fd_error`.

    :arg max_buffer_size: bytes that may be buffered for a read; 100 MiB by default.
    :arg read_chunk_size: bytes to ask the kernel for at a time; 64 KiB by default.
    :arg max_write_buffer_size: bytes that may wait to be written; no limit by default.
    """

    def __init__(
        self,
        max_buffer_size: int | None = None,
        read_chunk_size: int | None = None,
        max_write_buffer_size: int | None = None,
    ) -> None:
        self.io_loop: IOLoop = IOLoop.current()
        self.max_buffer_size: int = max_buffer_size or MAX_STREAM_BUFFER
        # More than half the limit at once would go over it with the second chunk.
        self.read_chunk_size: int = min(
            read_chunk_size or STREAM_CHUNK_SIZE, max(self.max_buffer_size // 2, 1)
        )
        self.max_write_buffer_size = max_write_buffer_size
        self.error: BaseException | None = None
        self._closed = False
        self._connecting = False
        self._close_callback: Callable[[], None] | None = None
        self._init_reading()
        self._write_buffer: WriteBuffer | None = WriteBuffer()
        self._write_futures: collections.deque[tuple[int, Future[None]]] = collections.deque()
        self._total_write_index = 0
        self._total_write_done_index = 0
        self._written: Future[None] | None = None
        # Bytes sent since this stream last gave the loop a turn.
        self._burst = 0
        self._link = Link(self)

    # What a kind of descriptor defines.

    def close_fd(self) -> None:
        """Close the descriptor; the stream calls it once, from :meth:`close`."""
        raise self._abstract("close_fd")

    def write_to_fd(self, data: memoryview) -> int:
        """Write what the descriptor takes at once.

        :returns: the number of bytes written.
        :raises BlockingIOError: it takes nothing now.
        """
        raise self._abstract("write_to_fd")

    def get_fd_error(self) -> Exception | None:
        """What is wrong with the descriptor, if that is known: asked after an error event."""
        return None

    def _abstract(self, name: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__} does not define {name}()")

    def _is_quiet_error(self, error: OSError) -> bool:
        return error.errno in _PEER_GONE

    # Writing.

    def write(self, data: Data) -> Future[None]:
        """Write bytes.

        :arg data: bytes or a buffer. A large one is not copied: do not change it before the
            future is done.
        :returns: a future that is done when everything up to here is in the kernel. Ignoring it
            is harmless.
        :raises StreamBufferFullError: more would wait than ``max_write_buffer_size``.
        :raises StreamClosedError: the stream is closed.
        """
        buffer = self._write_buffer
        if buffer is None:
            raise StreamClosedError(real_error=self.error)
        if data:
            view = as_bytes(data)
            size = len(view)
            if self.max_write_buffer_size is not None and (
                len(buffer) + size > self.max_write_buffer_size
            ):
                raise StreamBufferFullError("Reached maximum write buffer size")
            self._total_write_index += size
            # Past the buffer if it is empty: most writes go out whole.
            waits = buffer or self._connecting or self._link.writing
            sent = 0 if waits else self._send(view)
            if sent < size and self._write_buffer is not None:
                buffer.append(view[sent:] if sent else view)
                view = memoryview(b"")
                if not self._connecting and not self._link.writing:
                    self._flush()
            view.release()
        elif buffer and not self._connecting and not self._link.writing:
            # Somebody appended to the buffer behind our back, as Dask does to avoid copies.
            self._flush()
        if not buffer and self._write_buffer is not None:
            if self._burst >= STREAM_BYTES_PER_TURN:
                return self._after_turn()
            # Every write that is through shares one future: it is done, so nothing can change it.
            done = self._written
            if done is None:
                done = self._written = self.io_loop.asyncio_loop.create_future()
                done.set_result(None)
            return done
        future: Future[None] = self.io_loop.asyncio_loop.create_future()
        future.add_done_callback(_retrieve)
        if self._write_buffer is None:
            # Writing found the connection broken, and closed the stream.
            future.set_exception(StreamClosedError(real_error=self.error))
        else:
            self._write_futures.append((self._total_write_index, future))
            self._link.pin = self
        return future

    def _send(self, view: memoryview) -> int:
        """Write what the descriptor takes now; on an error the stream is closed."""
        try:
            sent = self.write_to_fd(view)
        except BlockingIOError:
            return 0
        except OSError as error:
            # The traceback would keep the caller's buffer from being resized.
            view.release()
            if not self._is_quiet_error(error):
                gen_log.warning("Write error on %s: %s", self.fileno(), error)
            self.close(exc_info=error)
            return 0
        self._total_write_done_index += sent
        self._burst += sent
        return sent

    def _after_turn(self) -> Future[None]:
        """The future of a write that is through, done in the next turn of the loop.

        Who awaits each write lets others run, the reader among them if it is in this process: then
        the bytes are still in the processor's cache (a gigabyte moves at twice the rate of one
        that fills the kernel's buffers to the brim first).
        """
        future: Future[None] = self.io_loop.asyncio_loop.create_future()
        self.io_loop.asyncio_loop.call_soon(self._turn_over, future)
        return future

    def _turn_over(self, future: Future[None]) -> None:
        self._burst = 0
        if not future.done():
            future.set_result(None)

    def _flush(self) -> None:
        """Write as much as the descriptor takes, and wait for it to take the rest."""
        buffer = self._write_buffer
        while buffer:
            view = buffer.peek()
            asked = len(view)
            sent = self._send(view)
            view.release()
            if not sent:
                if self._closed:
                    return
                break
            buffer.advance(sent)
            if sent < asked and self._short_means_done:
                break
        futures = self._write_futures
        while futures and futures[0][0] <= self._total_write_done_index:
            future = futures.popleft()[1]
            if not future.done():
                future.set_result(None)
        if buffer:
            self._link.pin = self
            self._link.start_writer(self.fileno())
        else:
            self._link.stop_writer()
            if self._read_future is None and self._close_callback is None:
                self._let_go()

    def _on_writable(self) -> None:
        if self._closed:
            return
        self._burst = 0
        try:
            self._flush()
        except Exception as error:
            app_log.error("Uncaught exception, closing connection.", exc_info=True)
            self.close(exc_info=error)

    # Closing.

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Call ``callback()`` once when the stream closes, whoever closes it.

        Who reads or writes learns it from the exception as well.
        """
        self._close_callback = callback
        if self._closed:
            self._run_close_callback()
        elif self._read_future is None:
            self._watch_for_close()

    def close(self, exc_info: bool | BaseException | _ExcInfo | None = False) -> None:
        """Close the stream.

        :arg exc_info: the error that is the reason, which becomes :attr:`error`: an exception, a
            ``sys.exc_info()`` triple, or True for the exception being handled.
        """
        if not self._closed:
            if exc_info:
                if isinstance(exc_info, tuple):
                    self.error = exc_info[1]
                elif isinstance(exc_info, BaseException):
                    self.error = exc_info
                else:
                    self.error = sys.exc_info()[1]
            self._closed = True
            self._link.close()
            self.close_fd()
            if self._read_future is not None:
                self._end_read()
        self._signal_closed()

    def _end_read(self) -> None:
        """Give a pending read that what came before the end satisfies its bytes."""
        if self._read_kind != CLOSE:
            try:
                end = self._find_end()
            except UnsatisfiableReadError:
                end = None
            if end is not None:
                self._finish_read(end)
            return
        # After an error the data may lack its end, which read_until_close has no other way to
        # tell. A reset does not count: some systems report a peer's plain close as one.
        error = self.error
        if error is None or (isinstance(error, OSError) and error.errno in _PEER_GONE):
            self._finish_read(len(self._read_buffer))

    def _signal_closed(self) -> None:
        futures: list[Future[Any]] = [future for _, future in self._write_futures]
        self._write_futures.clear()
        if self._read_future is not None:
            futures.append(self._read_future)
        self._drop_read()
        self._collect_pending(futures)
        for future in futures:
            if not future.done():
                future.set_exception(StreamClosedError(real_error=self.error))
            # Nobody has to wait for it: the close callback may be all that is wanted.
            if not future.cancelled():
                future.exception()
        if self._write_buffer is not None:
            self._write_buffer.clear()
            self._write_buffer = None
        self._run_close_callback()

    def _collect_pending(self, futures: list[Future[Any]]) -> None:
        """Add what a subclass has pending to the futures that fail with the stream."""

    def _run_close_callback(self) -> None:
        callback, self._close_callback = self._close_callback, None
        if callback is not None:
            self.io_loop.add_callback(callback)

    def writing(self) -> bool:
        """Whether bytes wait to be written."""
        return bool(self._write_buffer)

    def closed(self) -> bool:
        """Whether the stream is closed."""
        return self._closed

    def set_nodelay(self, value: bool) -> None:
        """Send small writes at once (True) or let the kernel join them; TCP only."""


def _retrieve(future: Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


claim("whirlwind.iostream", BaseIOStream)
