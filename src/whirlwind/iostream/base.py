"""The stream itself, over anything with a file descriptor: :class:`BaseIOStream`."""

from __future__ import annotations

import collections
import errno
import re
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from whirlwind._public import claim
from whirlwind.concurrent import Future, create_future
from whirlwind.ioloop import IOLoop
from whirlwind.iostream.buffers import Data, WriteBuffer
from whirlwind.iostream.errors import (
    StreamBufferFullError,
    StreamClosedError,
    UnsatisfiableReadError,
)
from whirlwind.iostream.link import Link
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

# What a pending read waits for.
_BYTES, _PARTIAL, _DELIMITER, _REGEX, _CLOSE = range(5)


class BaseIOStream:
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

    #: A read or write that moves fewer bytes than asked for means that the kernel has no more, or
    #: takes no more; the next attempt would be a wasted system call.
    _short_means_done = False
    #: Whether an idle stream reads what comes; otherwise it does so only to see the end when there
    #: is a close callback.
    _reads_ahead = False

    def __init__(
        self,
        max_buffer_size: int | None = None,
        read_chunk_size: int | None = None,
        max_write_buffer_size: int | None = None,
    ) -> None:
        self.io_loop = IOLoop.current()
        self.max_buffer_size = max_buffer_size or MAX_STREAM_BUFFER
        # More than half the limit at once would go over it with the second chunk.
        self.read_chunk_size = min(
            read_chunk_size or STREAM_CHUNK_SIZE, max(self.max_buffer_size // 2, 1)
        )
        self.max_write_buffer_size = max_write_buffer_size
        self.error: BaseException | None = None
        self._closed = False
        self._connecting = False
        self._close_callback: Callable[[], None] | None = None
        self._read_buffer = bytearray()
        self._read_future: Future[Any] | None = None
        self._read_kind = _BYTES
        self._read_size = 0
        self._read_max: int | None = None
        self._read_delimiter = b""
        self._read_regex: re.Pattern[bytes] | None = None
        self._read_target: memoryview | None = None
        self._read_filled = 0
        self._searched = 0
        # Whether the kernel has been seen to have nothing more to read.
        self._drained = False
        self._chunk: memoryview = _scratch(self.io_loop, self.read_chunk_size)
        self._write_buffer: WriteBuffer | None = WriteBuffer()
        self._write_futures: collections.deque[tuple[int, Future[None]]] = collections.deque()
        self._total_write_index = 0
        self._total_write_done_index = 0
        self._written: Future[None] | None = None
        self._link = Link(self)

    # What a kind of descriptor defines.

    def fileno(self) -> int:
        """The file descriptor."""
        raise self._abstract("fileno")

    def close_fd(self) -> None:
        """Close the descriptor; the stream calls it once, from :meth:`close`."""
        raise self._abstract("close_fd")

    def write_to_fd(self, data: memoryview) -> int:
        """Write what the descriptor takes at once.

        :returns: the number of bytes written.
        :raises BlockingIOError: it takes nothing now.
        """
        raise self._abstract("write_to_fd")

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        """Read what there is into ``buf``, at most its length.

        :returns: the number of bytes, 0 at the end, None if there is nothing now.
        """
        raise self._abstract("read_from_fd")

    def get_fd_error(self) -> Exception | None:
        """What is wrong with the descriptor, if that is known: asked after an error event."""
        return None

    def _abstract(self, name: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__} does not define {name}()")

    # Reading.

    def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> Future[bytes]:
        """Read up to and including the first match of a regular expression.

        :arg regex: the expression, for bytes.
        :arg max_bytes: close the stream with :class:`UnsatisfiableReadError` if the match does
            not end within that many bytes.
        """
        compiled = re.compile(regex)
        future = self._begin_read(_REGEX)
        self._read_regex = compiled
        self._read_max = max_bytes
        return self._try_inline_read(future)

    def read_until(self, delimiter: bytes, max_bytes: int | None = None) -> Future[bytes]:
        """Read up to and including a delimiter.

        :arg delimiter: the bytes that end it.
        :arg max_bytes: close the stream with :class:`UnsatisfiableReadError` if the delimiter
            does not come within that many bytes, itself included.
        """
        future = self._begin_read(_DELIMITER)
        self._read_delimiter = delimiter
        self._read_max = max_bytes
        return self._try_inline_read(future)

    def read_bytes(self, num_bytes: int, partial: bool = False) -> Future[bytes]:
        """Read a number of bytes.

        :arg partial: be content with fewer, as soon as there is one.
        """
        if num_bytes < 0:
            raise ValueError(f"read_bytes needs a number of bytes, not {num_bytes!r}")
        future = self._begin_read(_PARTIAL if partial else _BYTES)
        self._read_size = num_bytes
        return self._try_inline_read(future)

    def read_into(self, buf: bytearray | memoryview, partial: bool = False) -> Future[int]:
        """Fill a buffer.

        :arg buf: a writable buffer; leave it alone until the future is done.
        :arg partial: be content with fewer bytes than fit, as soon as there is one.
        :returns: a future of the number of bytes read.
        """
        future = self._begin_read(_PARTIAL if partial else _BYTES)
        view = memoryview(buf)
        if view.ndim != 1 or view.itemsize != 1:
            view = view.cast("B")
        self._read_size = len(view)
        self._read_target = view
        self._read_filled = min(len(self._read_buffer), len(view))
        view[: self._read_filled] = self._read_buffer[: self._read_filled]
        del self._read_buffer[: self._read_filled]
        return self._try_inline_read(future)

    def read_until_close(self) -> Future[bytes]:
        """Read everything until the peer closes.

        At most ``max_buffer_size`` bytes. On a stream that is closed already, what is left.
        """
        future = self._begin_read(_CLOSE)
        if self._closed:
            self._finish_read(len(self._read_buffer))
            return future
        return self._try_inline_read(future)

    def _begin_read(self, kind: int) -> Future[Any]:
        if self._read_future is not None:
            if not self._read_future.done():
                raise RuntimeError("Already reading")
            self._put_back()
        future = self._read_future = create_future()
        self._read_kind = kind
        self._read_max = None
        self._read_target = None
        self._searched = 0
        return future

    def _try_inline_read(self, future: Future[Any]) -> Future[Any]:
        """Satisfy the read from the buffer or the kernel at once, or else wait."""
        try:
            end = self._find_end()
            if end is not None:
                self._finish_read(end)
                return future
            if self._closed:
                self._drop_read()
                raise StreamClosedError(real_error=self.error)
            if self._connecting:
                self._link.pin = self
                return future
            if not self._drained:
                end = self._pump()
                if end is not None:
                    self._finish_read(end)
                    return future
            if not self._closed:
                self._link.pin = self
                self._link.start_reader(self.fileno())
        except UnsatisfiableReadError as error:
            self._give_up_read(error)
        return future

    def _drop_read(self) -> None:
        self._read_future = None
        self._read_target = None

    def _give_up_read(self, error: UnsatisfiableReadError) -> None:
        gen_log.info("Unsatisfiable read, closing connection: %s", error)
        self.close(exc_info=error)

    def _find_end(self) -> int | None:
        """Where in the buffer the pending read ends; None if more bytes are needed."""
        kind = self._read_kind
        if self._read_target is not None:
            filled = self._read_filled
            if filled >= self._read_size or (kind == _PARTIAL and filled > 0):
                return 0
            return None
        buffer = self._read_buffer
        size = len(buffer)
        if kind == _DELIMITER:
            delimiter = self._read_delimiter
            found = buffer.find(delimiter, self._searched)
            if found >= 0:
                end = found + len(delimiter)
                self._check_max(delimiter, end)
                return end
            self._searched = max(0, size - len(delimiter) + 1)
            self._check_max(delimiter, size)
        elif kind == _BYTES:
            if size >= self._read_size:
                return self._read_size
        elif kind == _PARTIAL:
            if size:
                return min(size, self._read_size)
            if not self._read_size:
                return 0
        elif kind == _REGEX and size:
            regex = self._read_regex
            assert regex is not None
            match = regex.search(buffer)
            if match is not None:
                self._check_max(regex.pattern, match.end())
                return match.end()
            self._check_max(regex.pattern, size)
        return None

    def _check_max(self, what: bytes, size: int) -> None:
        if self._read_max is not None and size > self._read_max:
            raise UnsatisfiableReadError(
                f"delimiter {what!r} not found within {self._read_max} bytes"
            )

    def _finish_read(self, end: int) -> None:
        """Hand the first ``end`` bytes of the buffer to whoever waits for them."""
        future, self._read_future = self._read_future, None
        if future is None or future.done():
            # Whoever read was cancelled: the bytes are for the next one who reads.
            self._put_back()
            return
        # Unless something waits to be written, the owner alone keeps the stream now.
        if not self._write_buffer and not self._connecting:
            self._link.pin = None
        result: bytes | int
        if self._read_target is not None:
            self._read_target = None
            result = self._read_filled
        else:
            result = self._take(end)
        future.set_result(result)
        self._watch_for_close()

    def _put_back(self) -> None:
        """Keep what a cancelled :meth:`read_into` got."""
        target, self._read_target = self._read_target, None
        if target is not None:
            self._preload(target[: self._read_filled])

    def _take(self, end: int) -> bytes:
        buffer = self._read_buffer
        if end == len(buffer):
            data = bytes(buffer)
            buffer.clear()
        else:
            with memoryview(buffer) as view, view[:end] as front:
                data = bytes(front)
            # Cheap: a bytearray moves its start and copies only now and then.
            del buffer[:end]
        return data

    def _pump(self) -> int | None:
        """Read from the kernel until the read is satisfied; returns where it ends, if it is."""
        budget = STREAM_BYTES_PER_TURN
        while True:
            size = self._fill()
            if not size:
                return None
            if self._read_future is None:
                return None
            end = self._find_end()
            if end is not None:
                return end
            if self._drained:
                return None
            budget -= size
            if budget <= 0:
                # Another stream's turn. Nothing may be left in the kernel to wake us up: a TLS
                # library holds decrypted bytes of its own.
                self._link.pin = self
                self.io_loop.asyncio_loop.call_soon(self._link.readable)
                return None

    def _fill(self) -> int:
        """Read once from the descriptor; 0 if there is nothing now or the stream closed."""
        target = self._read_target
        buf = self._chunk if target is None else target[self._read_filled :]
        try:
            size = self.read_from_fd(buf)
        except BlockingIOError:
            size = None
        except Exception as error:
            self.close(exc_info=error)
            if isinstance(error, OSError) and self._is_quiet_error(error):
                return 0
            raise
        if size is None:
            self._drained = True
            return 0
        if size == 0:
            self.close()
            return 0
        self._drained = self._short_means_done and size < len(buf)
        if target is not None:
            self._read_filled += size
            return size
        buffer = self._read_buffer
        buffer += buf[:size]
        if len(buffer) > self.max_buffer_size:
            gen_log.error("Reached maximum read buffer size")
            full = StreamBufferFullError("Reached maximum read buffer size")
            self.close(exc_info=full)
            raise full
        return size

    def _is_quiet_error(self, error: OSError) -> bool:
        """Whether the peer is simply gone: everyday life, not worth a word in the log."""
        return error.errno in _PEER_GONE

    def _on_readable(self) -> None:
        if self._closed:
            return
        self._drained = False
        if self._read_future is None and (
            self._read_buffer or not (self._reads_ahead or self._close_callback)
        ):
            # Nobody asked for what has arrived: let it wait in the kernel.
            self._link.stop_reader()
            return
        try:
            end = self._pump()
        except UnsatisfiableReadError as error:
            self._give_up_read(error)
        except Exception as error:
            # Only what is no fault of the peer deserves a traceback.
            expected = isinstance(error, (OSError, StreamBufferFullError))
            gen_log.warning("error on read: %s", error, exc_info=not expected)
            self.close(exc_info=error)
        else:
            if end is not None:
                self._finish_read(end)

    def _watch_for_close(self) -> None:
        """Keep an eye on an idle stream if somebody wants to know when it closes."""
        if (
            self._close_callback is not None
            and not self._closed
            and not self._connecting
            and not self._read_buffer
        ):
            self._link.start_reader(self.fileno())
            self._link.pin = self

    def _preload(self, data: Data) -> None:
        """Put bytes in front that somebody else has read from the descriptor already."""
        self._read_buffer[:0] = data
        self._searched = 0

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
            size = data.nbytes if isinstance(data, memoryview) else len(data)
            if self.max_write_buffer_size is not None and (
                len(buffer) + size > self.max_write_buffer_size
            ):
                raise StreamBufferFullError("Reached maximum write buffer size")
            buffer.append(data)
            self._total_write_index += size
        if buffer and not self._connecting and not self._link._writing:
            self._flush()
        if not buffer and self._write_buffer is not None:
            # Every write that is through shares one future: it is done, so nothing can change it.
            done = self._written
            if done is None:
                done = self._written = create_future()
                done.set_result(None)
            return done
        future: Future[None] = create_future()
        future.add_done_callback(_retrieve)
        if self._write_buffer is None:
            # Writing found the connection broken, and closed the stream.
            future.set_exception(StreamClosedError(real_error=self.error))
        else:
            self._write_futures.append((self._total_write_index, future))
            self._link.pin = self
        return future

    def _flush(self) -> None:
        """Write as much as the descriptor takes, and wait for it to take the rest."""
        buffer = self._write_buffer
        while buffer:
            view = buffer.peek()
            try:
                size = self.write_to_fd(view)
                asked = len(view)
            except BlockingIOError:
                break
            except OSError as error:
                view.release()
                if not self._is_quiet_error(error):
                    gen_log.warning("Write error on %s: %s", self.fileno(), error)
                self.close(exc_info=error)
                return
            finally:
                view.release()
            if not size:
                break
            buffer.advance(size)
            self._total_write_done_index += size
            if size < asked and self._short_means_done:
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
                self._link.pin = None

    def _on_writable(self) -> None:
        if self._closed:
            return
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
        """Give a pending read that the end of the stream satisfies its bytes."""
        # After an error the data may lack its end, which read_until_close has no other way to
        # tell. A reset does not count: some systems report a peer's plain close as one.
        error = self.error
        if self._read_kind == _CLOSE and (
            error is None or (isinstance(error, OSError) and error.errno in _PEER_GONE)
        ):
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

    def reading(self) -> bool:
        """Whether a read is pending."""
        return self._read_future is not None and not self._read_future.done()

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


def _scratch(io_loop: Any, size: int) -> memoryview:
    """A view of the loop's scratch memory: what one stream reads into it is used up before the
    next one reads."""
    memory: bytearray = io_loop._scratch
    if len(memory) < size:
        # Streams that look at the old piece go on using it.
        memory = io_loop._scratch = bytearray(size)
    return memoryview(memory)[:size]


claim("whirlwind.iostream", BaseIOStream)
