"""Content codings undone (RFC 9110 section 8.4), bounded in what comes out.

gzip is always there; ``br`` and ``zstd`` where the library is installed.
"""

import functools
from collections.abc import Callable, Iterator, MutableMapping
from importlib import import_module
from typing import Any, Protocol

from whirlwind.protocol import limits
from whirlwind.protocol.errors import ProtocolError
from whirlwind.util import GzipDecompressor


class _Source(Protocol):
    def feed(self, data: bytes) -> None:
        """Take compressed bytes; everything fed before has been read."""

    def read(self, size: int) -> bytes:
        """About ``size`` bytes of content, or nothing when more has to be fed."""

    def finish(self) -> None:
        """Raise if the stream is not complete."""


class _Gzip:
    def __init__(self) -> None:
        self._gzip = GzipDecompressor()
        self._data = b""

    def feed(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int) -> bytes:
        if not self._data:
            return b""
        piece = self._gzip.decompress(self._data, size)
        self._data = self._gzip.unconsumed_tail
        if self._data and not piece:
            raise ValueError("no progress")
        return piece

    def finish(self) -> None:
        self._gzip.flush()


class _Brotli:
    def __init__(self, brotli: Any) -> None:
        self._brotli = brotli.Decompressor()
        self._data: bytes | None = None

    def feed(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int) -> bytes:
        data, self._data = self._data, None
        if data is None:
            if self._brotli.can_accept_more_data():
                return b""
            data = b""
        elif self._brotli.is_finished():
            raise ValueError("data after the end")
        piece: bytes = self._brotli.process(data, output_buffer_limit=size)
        return piece

    def finish(self) -> None:
        if not self._brotli.is_finished():
            raise ValueError("truncated")


class _Zstd:
    def __init__(self, zstd: Any) -> None:
        self._new = functools.partial(
            zstd.ZstdDecompressor,
            options={zstd.DecompressionParameter.window_log_max: limits.MAX_ZSTD_WINDOW_LOG},
        )
        self._frame = self._new()
        self._begun = False
        self._data = b""

    def feed(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int) -> bytes:
        while True:
            if self._frame.eof:
                self._data = self._frame.unused_data
                self._frame = self._new()
                self._begun = False
            if not self._data and (self._frame.needs_input or not self._begun):
                return b""
            data, self._data = self._data, b""
            self._begun = True
            piece: bytes = self._frame.decompress(data, size)
            if piece:
                return piece

    def finish(self) -> None:
        if self._begun and not self._frame.eof:
            raise ValueError("truncated")


@functools.cache
def _sources() -> dict[str, Callable[[], _Source]]:
    found: dict[str, Callable[[], _Source]] = {"gzip": _Gzip}
    try:
        brotli = import_module("brotli")
    except ImportError:
        pass
    else:
        # Earlier ones have no limit on what one call returns: 400 bytes can be 256 MiB.
        if hasattr(brotli.Decompressor, "can_accept_more_data"):
            found["br"] = functools.partial(_Brotli, brotli)
    for name in ("compression.zstd", "backports.zstd"):
        try:
            found["zstd"] = functools.partial(_Zstd, import_module(name))
            break
        except ImportError:
            continue
    return found


def available() -> tuple[str, ...]:
    """The codings that can be undone here, ours to offer in ``Accept-Encoding``."""
    return tuple(_sources())


class Decoder:
    """Turns the content of one message into what it stands for.

    :arg coding: str, one of `available`.
    :arg chunk_size: bytes that are decompressed at a time.
    """

    def __init__(self, coding: str, chunk_size: int = limits.CHUNK_SIZE) -> None:
        self._source = _sources()[coding]()
        self._coding = coding
        self._chunk_size = chunk_size
        self._size = 0

    def decode(self, data: bytes, max_size: int) -> Iterator[bytes]:
        """Yield the content of ``data`` in pieces; all of it before the next call.

        :arg max_size: bytes that all pieces of the message may come to.
        :raises ProtocolError: 413 past that size, 400 for what is not of this coding.
        """
        try:
            self._source.feed(data)
            while piece := self._source.read(self._chunk_size):
                self._size += len(piece)
                if self._size > max_size:
                    raise ProtocolError(413, "decompressed body too large")
                yield piece
        except ProtocolError:
            raise
        except Exception:
            raise ProtocolError(400, f"invalid {self._coding} data") from None

    def check_end(self) -> None:
        """The message is complete.

        :raises ProtocolError: its content is not.
        """
        try:
            self._source.finish()
        except Exception:
            raise ProtocolError(400, f"invalid {self._coding} data: truncated") from None

    @staticmethod
    def rewrite(headers: MutableMapping[str, str]) -> None:
        """Let the header fields describe the decompressed content, as Tornado does."""
        headers["X-Consumed-Content-Encoding"] = headers["Content-Encoding"]
        del headers["Content-Encoding"]


def decoder_for(
    coding: str, allowed: tuple[str, ...] = ("gzip",), chunk_size: int = limits.CHUNK_SIZE
) -> Decoder | None:
    """A decoder for a value of ``Content-Encoding``, or None for a coding that we leave alone.

    :arg allowed: the codings that are undone.
    """
    coding = coding.lower()
    if coding == "x-gzip":
        coding = "gzip"  # RFC 9110 section 8.4.1.3
    return Decoder(coding, chunk_size) if coding in allowed and coding in _sources() else None
