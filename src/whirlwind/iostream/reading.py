"""The reading half of a stream."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from whirlwind.iostream.errors import (
    StreamBufferFullError,
    StreamClosedError,
    UnsatisfiableReadError,
)
from whirlwind.log import gen_log
from whirlwind.protocol.limits import (
    STREAM_BYTES_PER_TURN,
    STREAM_DIRECT_SIZE,
    STREAM_JOIN_SIZE,
    STREAM_KEPT_MEMORY,
)

if TYPE_CHECKING:
    from whirlwind.concurrent import Future
    from whirlwind.ioloop import IOLoop
    from whirlwind.iostream.buffers import Data, WriteBuffer
    from whirlwind.iostream.link import Link

# What a pending read waits for.
BYTES: Final = 0
PARTIAL: Final = 1
DELIMITER: Final = 2
REGEX: Final = 3
CLOSE: Final = 4

#: After so many reads of known size that found everything there, the next one gets its bytes as
#: one object, which saves the copy (a fifth of a transfer's CPU). If some are missing it costs one.
_SURE: Final = 8


class Reading:
    """What :class:`~whirlwind.iostream.BaseIOStream` does to read."""

    io_loop: IOLoop
    max_buffer_size: int
    read_chunk_size: int
    error: BaseException | None
    _closed: bool
    _connecting: bool
    _close_callback: Callable[[], None] | None
    _write_buffer: WriteBuffer | None
    _link: Link

    #: A read or write that moves fewer bytes than asked for means that the kernel has no more, or
    #: takes no more; the next attempt would be a wasted system call.
    _short_means_done = False
    #: Whether an idle stream reads what comes; otherwise it does so only to see the end when there
    #: is a close callback.
    _reads_ahead = False
    #: Whether the descriptor can give bytes as an object of its own.
    _can_receive = False

    def _init_reading(self) -> None:
        self._read_buffer = bytearray()
        self._read_future: Future[Any] | None = None
        self._read_kind = BYTES
        self._read_size = 0
        self._read_max: int | None = None
        self._read_delimiter = b""
        self._read_regex: re.Pattern[bytes] | None = None
        # Where read_into reads to, and read_bytes if it knows how much: past the buffer.
        self._read_target: memoryview | None = None
        self._read_filled = 0
        self._read_owned = False
        # How many reads of known size in turn have found everything there.
        self._whole_reads = 0
        # How far the buffer was searched, and at what size it is worth searching again.
        self._searched = 0
        self._next_search = 0
        # Whether the kernel has been seen to have nothing more to read.
        self._drained = False
        self._chunk = _scratch(self.io_loop, self.read_chunk_size)

    def fileno(self) -> int:
        """The file descriptor."""
        raise NotImplementedError(f"{type(self).__name__} does not define fileno()")

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        """Read what there is into ``buf``, at most its length.

        :returns: the number of bytes, 0 at the end, None if there is nothing now.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define read_from_fd()")

    def _receive(self, size: int) -> bytes | None:
        """Read what there is, as an object of its own, at most ``size`` bytes."""
        raise NotImplementedError

    def close(self, exc_info: Any = False) -> None:
        """Close the stream."""
        raise NotImplementedError(f"{type(self).__name__} does not define close()")

    def _is_quiet_error(self, error: OSError) -> bool:
        """Whether the peer is simply gone: everyday life, not worth a word in the log."""
        raise NotImplementedError(f"{type(self).__name__} does not define _is_quiet_error()")

    def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> Future[bytes]:
        """Read up to and including the first match of a regular expression.

        A match may begin anywhere in what came before, so everything is searched anew whenever
        bytes arrive: a peer that sends ``n`` bytes one by one causes searches of ``n * n / 2``.
        Set ``max_bytes`` for peers you do not trust, or use :meth:`read_until`, which goes on
        where it stopped.

        :arg regex: the expression, for bytes.
        :arg max_bytes: close the stream with :class:`UnsatisfiableReadError` if the match does
            not end within that many bytes.
        """
        compiled = re.compile(regex)
        if not isinstance(compiled.pattern, bytes):
            raise TypeError(f"read_until_regex needs an expression for bytes, not {regex!r}")
        future = self._begin_read(REGEX)
        self._read_regex = compiled
        self._read_max = max_bytes
        return self._try_inline_read(future)

    def read_until(self, delimiter: bytes, max_bytes: int | None = None) -> Future[bytes]:
        """Read up to and including a delimiter.

        :arg delimiter: the bytes that end it.
        :arg max_bytes: close the stream with :class:`UnsatisfiableReadError` if the delimiter
            does not come within that many bytes, itself included.
        """
        if self._read_buffer and self._read_future is None:
            end = self._read_buffer.find(delimiter) + len(delimiter)
            if end >= len(delimiter) and (max_bytes is None or end <= max_bytes):
                return self._serve(end)
        if type(delimiter) is not bytes:
            delimiter = bytes(memoryview(delimiter))
        future = self._begin_read(DELIMITER)
        self._read_delimiter = delimiter
        self._read_max = max_bytes
        return self._try_inline_read(future)

    def read_bytes(self, num_bytes: int, partial: bool = False) -> Future[bytes]:
        """Read a number of bytes.

        :arg partial: be content with fewer, as soon as there is one.
        """
        if num_bytes < 0:
            raise ValueError(f"read_bytes needs a number of bytes, not {num_bytes!r}")
        if self._read_buffer and self._read_future is None:
            size = len(self._read_buffer)
            if num_bytes <= size:
                return self._serve(num_bytes)
            if partial:
                return self._serve(size)
        num_bytes = operator.index(num_bytes)
        future = self._begin_read(PARTIAL if partial else BYTES)
        self._read_size = num_bytes
        if (
            not partial
            and self.read_chunk_size < num_bytes <= STREAM_DIRECT_SIZE
            and num_bytes <= self.max_buffer_size
            and not self._closed
        ):
            self._read_to(_borrow(self.io_loop, num_bytes), owned=True)
        return self._try_inline_read(future)

    def read_into(self, buf: bytearray | memoryview, partial: bool = False) -> Future[int]:
        """Fill a buffer.

        :arg buf: a writable buffer; leave it alone until the future is done.
        :arg partial: be content with fewer bytes than fit, as soon as there is one.
        :returns: a future of the number of bytes read.
        """
        view = memoryview(buf)
        if view.readonly:
            raise TypeError(f"read_into needs a writable buffer, not {type(buf).__name__}")
        if not view.c_contiguous:
            raise TypeError("read_into needs a buffer whose bytes are in one piece")
        future = self._begin_read(PARTIAL if partial else BYTES)
        if view.ndim != 1 or view.itemsize != 1:
            view = view.cast("B")
        self._read_size = len(view)
        self._read_to(view, owned=False)
        return self._try_inline_read(future)

    def read_until_close(self) -> Future[bytes]:
        """Read everything until the peer closes.

        At most ``max_buffer_size`` bytes. On a stream that is closed already, what is left.
        """
        future = self._begin_read(CLOSE)
        if self._closed:
            self._finish_read(len(self._read_buffer))
            return future
        return self._try_inline_read(future)

    def _serve(self, end: int) -> Future[bytes]:
        """A read that the buffer satisfies: its first ``end`` bytes."""
        future: Future[bytes] = self.io_loop.asyncio_loop.create_future()
        future.set_result(self._take(end))
        if self._close_callback is not None:
            self._watch_for_close()
        return future

    def _begin_read(self, kind: int) -> Future[Any]:
        if self._read_future is not None:
            if not self._read_future.done():
                raise RuntimeError("Already reading: one read at a time, await the one before")
            self._drop_read()
        future = self._read_future = self.io_loop.asyncio_loop.create_future()
        self._read_kind = kind
        self._read_max = None
        self._searched = 0
        self._next_search = 0
        return future

    def _read_to(self, target: memoryview, owned: bool) -> None:
        """Let the pending read go to a buffer of its own, which gets what is there already."""
        self._read_target = target
        self._read_owned = owned
        self._read_filled = filled = min(len(self._read_buffer), len(target))
        if filled:
            target[:filled] = self._read_buffer[:filled]
            del self._read_buffer[:filled]

    def _try_inline_read(self, future: Future[Any]) -> Future[Any]:
        """Satisfy the read from the buffer or the kernel at once, or else wait."""
        try:
            if self._read_buffer or self._read_kind <= PARTIAL:
                end = self._find_end()
                if end is not None:
                    self._finish_read(end)
                    return future
            if self._closed:
                self._drop_read()
                raise StreamClosedError(real_error=self.error)
            if self._connecting:
                self._link.pin = self  # type: ignore[assignment]
                return future
            if not self._drained:
                self._pump()
            if self._read_future is not None:
                self._link.pin = self  # type: ignore[assignment]
                self._link.start_reader(self.fileno())
        except UnsatisfiableReadError as error:
            self._give_up_read(error)
        return future

    def _drop_read(self) -> None:
        """Forget the pending read; bytes that nobody has seen go back to the buffer."""
        self._read_future = None
        target, self._read_target = self._read_target, None
        if target is not None:
            self._preload(target[: self._read_filled])
            if self._read_owned:
                _give_back(self.io_loop, target)

    def _give_up_read(self, error: UnsatisfiableReadError) -> None:
        gen_log.info("Unsatisfiable read, closing connection: %s", error)
        self.close(exc_info=error)

    def _find_end(self) -> int | None:
        """Where in the buffer the pending read ends; None if more bytes are needed."""
        kind = self._read_kind
        if self._read_target is not None:
            filled = self._read_filled
            if filled >= self._read_size or (kind == PARTIAL and filled > 0):
                return 0
            return None
        buffer = self._read_buffer
        size = len(buffer)
        if kind == DELIMITER:
            delimiter = self._read_delimiter
            found = buffer.find(delimiter, self._searched)
            if found >= 0:
                end = found + len(delimiter)
                self._check_max(delimiter, end)
                return end
            self._searched = max(0, size - len(delimiter) + 1)
            self._check_max(delimiter, size)
        elif kind == BYTES:
            if size >= self._read_size:
                return self._read_size
        elif kind == PARTIAL:
            if size:
                return min(size, self._read_size)
            if not self._read_size:
                return 0
        elif kind == REGEX and size:
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
        future = self._read_future
        if future is None or future.done():
            # Whoever read was cancelled: the bytes are for the next one who reads.
            self._drop_read()
            return
        target = self._read_target
        if target is None:
            self._complete(self._take(end))
            return
        self._read_target = None
        if self._read_owned:
            data = bytes(target[: self._read_filled])
            _give_back(self.io_loop, target)
            self._complete(data)
        else:
            self._complete(self._read_filled)

    def _complete(self, result: bytes | int) -> None:
        future, self._read_future = self._read_future, None
        self._let_go()
        if future is not None:
            future.set_result(result)
        self._watch_for_close()

    def _take(self, end: int) -> bytes:
        buffer = self._read_buffer
        if end == len(buffer):
            data = bytes(buffer)
            buffer.clear()
        else:
            if end <= STREAM_JOIN_SIZE:
                data = bytes(buffer[:end])  # copied twice, which is still less than two views
            else:
                with memoryview(buffer) as view, view[:end] as front:
                    data = bytes(front)
            # Cheap: a bytearray moves its start and copies only now and then.
            del buffer[:end]
        return data

    def _pump(self) -> None:
        """Read from the kernel until the pending read is done or there is nothing more."""
        budget = STREAM_BYTES_PER_TURN
        while True:
            size = self._fill()
            if self._read_future is None:
                return
            # Searched again each time the size has doubled, a growing buffer costs a regular
            # expression no more than twice its length.
            if self._drained or len(self._read_buffer) >= self._next_search:
                end = self._find_end()
                if end is not None:
                    self._finish_read(end)
                    return
                if self._drained or not size:
                    return
                if self._read_kind >= DELIMITER:
                    self._next_search = 2 * len(self._read_buffer)
            budget -= size
            if budget <= 0:
                # Another stream's turn. Nothing may be left in the kernel to wake us up: a TLS
                # library holds decrypted bytes of its own.
                self._link.pin = self  # type: ignore[assignment]
                self.io_loop.asyncio_loop.call_soon(self._link.readable)
                return

    def _fill(self) -> int:
        """Read once from the descriptor; 0 if there is nothing now or the stream closed."""
        target = self._read_target
        buf = self._chunk if target is None else target[self._read_filled :]
        first = target is not None and self._read_owned and not self._read_filled
        whole = None
        try:
            if first and self._whole_reads >= _SURE and self._can_receive:
                whole = self._receive(len(buf))
                size = None if whole is None else len(whole)
            else:
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
            if first:
                self._whole_reads = self._whole_reads + 1 if size == len(buf) else 0
            if whole is not None:
                future = self._read_future
                if size == self._read_size and future is not None and not future.done():
                    self._read_target = None
                    _give_back(self.io_loop, target)
                    self._complete(whole)
                    return size
                target[:size] = whole
            self._read_filled += size
            return size
        buffer = self._read_buffer
        if not buffer and self._read_kind == PARTIAL and size <= self._read_size:
            future = self._read_future
            if future is not None and not future.done():
                # All of it, and past the buffer: one copy less.
                self._complete(bytes(buf[:size]))
                return size
        buffer += buf[:size]
        if len(buffer) > self.max_buffer_size:
            gen_log.error("Reached maximum read buffer size")
            full = StreamBufferFullError("Reached maximum read buffer size")
            self.close(exc_info=full)
            raise full
        return size

    def _on_readable(self) -> None:
        if self._closed:
            return
        self._drained = False
        if self._read_future is not None and self._read_future.done():
            self._drop_read()
        if self._read_future is None and (
            self._read_buffer
            or not (self._reads_ahead or self._close_callback or self._only_end_is_left())
        ):
            # Nobody asked for what has arrived: let it wait in the kernel.
            self._link.stop_reader()
            if not self._close_callback:
                self._let_go()
            return
        try:
            if not self._closed:
                self._pump()
        except UnsatisfiableReadError as error:
            self._give_up_read(error)
        except Exception as error:
            # Only what is no fault of the peer deserves a traceback.
            expected = isinstance(error, (OSError, StreamBufferFullError))
            gen_log.warning("error on read: %s", error, exc_info=not expected)
            self.close(exc_info=error)

    def _only_end_is_left(self) -> bool:
        """Whether an idle stream has nothing more to read but its end, and may close."""
        return False

    def _let_go(self) -> None:
        """Leave the stream to its owner, unless the loop will see its end or something waits."""
        if not (self._link.reading or self._write_buffer or self._connecting):
            self._link.pin = None

    def _watch_for_close(self) -> None:
        """Keep an eye on an idle stream if somebody wants to know when it closes."""
        if (
            self._close_callback is not None
            and not self._closed
            and not self._connecting
            and not self._read_buffer
        ):
            self._link.start_reader(self.fileno())
            self._link.pin = self  # type: ignore[assignment]

    def _preload(self, data: Data) -> None:
        """Put bytes in front that somebody else has read from the descriptor already."""
        self._read_buffer[:0] = data
        self._searched = 0

    def reading(self) -> bool:
        """Whether a read is pending."""
        return self._read_future is not None and not self._read_future.done()


def _scratch(io_loop: IOLoop, size: int) -> memoryview:
    """A view of the loop's scratch memory: what one stream reads into it is used up before the
    next one reads."""
    memory: bytearray = io_loop._scratch
    if len(memory) < size:
        # Streams that look at the old piece go on using it.
        memory = io_loop._scratch = bytearray(size)
    return memoryview(memory)[:size]


def _borrow(io_loop: IOLoop, size: int) -> memoryview:
    """Memory for a read of known size: the loop's own piece, or new if that is in use.

    Taking and freeing a megabyte for every read costs as much CPU as the kernel's part of it
    (0.3 s a gigabyte): the allocator gives it back to the system each time.
    """
    spare = io_loop._spare
    if spare is None:
        io_loop._spare = []
        # A block that is taken and freed, untouched, teaches glibc to keep freed memory up to twice
        # its size (mallopt(3), M_MMAP_THRESHOLD). Otherwise each megabyte that a program has read
        # and dropped goes back to the system, and the next one is paged in anew: three times the
        # CPU of the transfer.
        bytes(STREAM_KEPT_MEMORY)
        return memoryview(bytearray(STREAM_DIRECT_SIZE))[:size]
    return memoryview(spare.pop())[:size] if spare else memoryview(bytearray(size))


def _give_back(io_loop: IOLoop, target: memoryview) -> None:
    memory: Any = target.obj
    if io_loop._spare is not None and len(memory) == STREAM_DIRECT_SIZE and not io_loop._spare:
        io_loop._spare.append(memory)
