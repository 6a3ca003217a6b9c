"""``callback=`` and ``streaming_callback=`` of streams."""

import functools
from collections.abc import Callable
from typing import Any, Final

from whirlwind.concurrent import Future
from whirlwind.iostream import BaseIOStream, IOStream, SSLIOStream, StreamClosedError
from whirlwind.legacy.calls import accept_callback, take_callback
from whirlwind.legacy.contexts import capture
from whirlwind.legacy.installing import override, replace
from whirlwind.legacy.warning import warn
from whirlwind.log import app_log

_KIND: Final = "callback= of a stream"
_ADVICE: Final = "await the future that the method returns"
_STREAMING: Final = "streaming_callback= of a stream"
_STREAMING_ADVICE: Final = "await read_bytes(..., partial=True) until everything is there"

#: Attributes that a stream gets: which write's callback is due, and that pieces of a read go to a
#: streaming callback.
_WRITE_DUE: Final = "_ww_write_due"
_IN_PIECES: Final = "_ww_in_pieces"


def install() -> None:
    """Let streams take callbacks."""
    accept_callback(BaseIOStream, "read_until", 1, 2, _on_data, _KIND, _ADVICE)
    accept_callback(BaseIOStream, "read_until_regex", 1, 2, _on_data, _KIND, _ADVICE)
    accept_callback(BaseIOStream, "write", 1, 1, _on_written, _KIND, _ADVICE)
    for kind in (IOStream, SSLIOStream):
        accept_callback(kind, "connect", 1, 2, _on_done, _KIND, _ADVICE)
    accept_callback(SSLIOStream, "wait_for_handshake", 0, 0, _on_done, _KIND, _ADVICE)
    _accept_pieces()
    override(BaseIOStream, "set_close_callback", _set_close_callback)


def _set_close_callback(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def set_close_callback(self: Any, callback: Callable[[], None] | None) -> None:
        if callback is not None:
            # In the contexts of now, whatever closes the stream. Not before a loop has stopped that
            # the callback of the last bytes stops, which uvloop does a turn later: a test waits for
            # the one and then for the other.
            add = self.io_loop.add_callback
            callback = functools.partial(add, add, capture(callback))
        original(self, callback)

    return set_close_callback


def _accept_pieces() -> None:
    """`read_bytes` and `read_until_close`, which take a streaming callback as well."""
    read_bytes = BaseIOStream.read_bytes
    read_until_close = BaseIOStream.read_until_close

    @functools.wraps(read_bytes)
    def bytes_method(self: Any, num_bytes: int, *args: Any, **kwargs: Any) -> Any:
        is_old, callback, args = take_callback(args, kwargs, 0, 1)
        streaming, args = _take_streaming(args, kwargs, is_old)
        if streaming is None:
            _refuse_second(self)
            read = functools.partial(read_bytes, self, num_bytes, *args, **kwargs)
            return _read(self, read, callback) if is_old else read()
        once = bool(args[0] if args else kwargs.get("partial"))
        return _Pieces(self, read_bytes, num_bytes, once, streaming, callback).start()

    @functools.wraps(read_until_close)
    def close_method(self: Any, *args: Any, **kwargs: Any) -> Any:
        is_old, callback, args = take_callback(args, kwargs, 0, 0)
        streaming, args = _take_streaming(args, kwargs, is_old)
        if streaming is None:
            _refuse_second(self)
            read = functools.partial(read_until_close, self, *args, **kwargs)
            return _read(self, read, callback) if is_old else read()
        return _Pieces(self, read_bytes, None, False, streaming, callback).start()

    replace(BaseIOStream, "read_bytes", bytes_method)
    replace(BaseIOStream, "read_until_close", close_method)
    for name in ("read_until", "read_until_regex", "read_into"):
        _guard(name)


def _guard(name: str) -> None:
    """Keep another read away while pieces go to a streaming callback."""
    original = getattr(BaseIOStream, name)

    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_second(self)
        return original(self, *args, **kwargs)

    replace(BaseIOStream, name, method)


def _refuse_second(stream: Any) -> None:
    if _IN_PIECES in stream.__dict__:
        raise RuntimeError("Already reading: one read at a time, wait for the one before")


def _take_streaming(
    args: tuple[Any, ...], kwargs: dict[str, Any], is_old: bool
) -> tuple[Any, tuple[Any, ...]]:
    """Take the streaming callback, which was second, out of the arguments."""
    streaming = kwargs.pop("streaming_callback", None)
    if args and is_old and (args[0] is None or callable(args[0])):
        streaming, args = args[0], args[1:]
    return streaming, args


def _read(stream: Any, read: Callable[[], Any], callback: Callable[..., Any] | None) -> Any:
    warn(_KIND, _ADVICE)
    if callback is None:
        return read()
    return _on_data(stream, read(), callback)


def _call(stream: Any, callback: Callable[..., Any], *args: Any) -> None:
    """Call back; what that raises closes the stream."""
    try:
        result = callback(*args)
    except Exception as error:
        app_log.error("Uncaught exception, closing connection.", exc_info=True)
        stream.close(exc_info=error)
        return
    if result is not None:
        stream.io_loop._await_result(callback, result)


def _on_data(stream: Any, future: Future[Any], callback: Callable[..., Any]) -> None:
    """Give the callback what was read. A stream that closes first tells its close callback."""
    callback = capture(callback)

    def done(future: Future[Any]) -> None:
        if not future.cancelled() and future.exception() is None:
            _call(stream, callback, future.result())

    future.add_done_callback(done)


def _on_done(stream: Any, future: Future[Any], callback: Callable[..., Any]) -> None:
    callback = capture(callback)

    def done(future: Future[Any]) -> None:
        if not future.cancelled() and future.exception() is None:
            _call(stream, callback)

    future.add_done_callback(done)


def _on_written(stream: Any, future: Future[Any], callback: Callable[..., Any]) -> None:
    """Call back when everything is written, unless a later write had a callback too.

    That one then speaks for both, as the documentation of Tornado 4 has it.
    """
    if future.done():
        _on_done(stream, future, callback)
        return
    callback = capture(callback)
    mine = object()
    setattr(stream, _WRITE_DUE, mine)

    def done(future: Future[Any]) -> None:
        if stream.__dict__.get(_WRITE_DUE) is mine:
            delattr(stream, _WRITE_DUE)
            if not future.cancelled() and future.exception() is None:
                _call(stream, callback)

    future.add_done_callback(done)


class _Pieces:
    """A read whose bytes go to a streaming callback as they come."""

    def __init__(
        self,
        stream: Any,
        read_bytes: Callable[..., Any],
        left: int | None,
        once: bool,
        streaming: Callable[[bytes], Any],
        callback: Callable[[bytes], Any] | None,
    ) -> None:
        """
        :arg left: how many bytes to read; None for all until the stream closes.
        :arg once: be content with the first piece.
        :arg callback: called with ``b""`` at the end; when None, there is a future for it.
        """
        self.stream = stream
        self.read_bytes = read_bytes
        self.left = left
        self.once = once
        self.streaming = capture(streaming)
        self.callback = capture(callback)
        self.end: Future[bytes] = stream.io_loop.asyncio_loop.create_future()

    def start(self) -> Future[bytes] | None:
        """Begin to read.

        :returns: None if there is a callback.
        """
        warn(_STREAMING, _STREAMING_ADVICE)
        _refuse_second(self.stream)
        setattr(self.stream, _IN_PIECES, True)
        if self.left == 0:
            self.stream.io_loop.add_callback(self._finish, None)
        else:
            try:
                self._read().add_done_callback(self._arrived)
            except StreamClosedError as error:
                if self.left is not None:
                    delattr(self.stream, _IN_PIECES)
                    raise
                self.stream.io_loop.add_callback(self._finish, error)
            except BaseException:
                delattr(self.stream, _IN_PIECES)
                raise
        return self.end if self.callback is None else None

    def _read(self) -> Future[bytes]:
        size = self.stream.read_chunk_size if self.left is None else self.left
        future: Future[bytes] = self.read_bytes(self.stream, size, partial=True)
        return future

    def _arrived(self, future: Future[bytes]) -> None:
        error = StreamClosedError() if future.cancelled() else future.exception()
        if error is not None:
            self._finish(error)
            return
        data = future.result()
        _call(self.stream, self.streaming, data)
        if self.left is not None:
            self.left -= len(data)
        if self.left == 0 or self.once:
            self._finish(None)
            return
        try:
            self._read().add_done_callback(self._arrived)
        except StreamClosedError as closed:
            self._finish(closed)

    def _finish(self, error: BaseException | None) -> None:
        self.stream.__dict__.pop(_IN_PIECES, None)
        if error is None or (self.left is None and self.stream.error is None):
            if self.callback is not None:
                _call(self.stream, self.callback, b"")
            elif not self.end.done():
                self.end.set_result(b"")
        elif not self.end.done():
            self.end.set_exception(error)
            self.end.exception()  # nobody has to wait for it: there is the close callback
