"""Messages compressed and decompressed (RFC 7692 section 7.2), one direction at a time.

Nothing here is kept for a connection that does not need it. A direction without context takeover
borrows a compressor for each message and gives it back; with takeover it keeps one while it is in
use, and `Deflater.rest` gives it back when it is not: a sender may forget what it has sent at any
time, since its next message then refers to nothing before it.
"""

import zlib
from typing import Any, Final

from whirlwind.protocol import limits
from whirlwind.protocol.errors import ProtocolError

#: What a sender leaves out at the end of a message, and a receiver adds (section 7.2.1).
TAIL: Final = b"\x00\x00\xff\xff"

_MAX_POOLED: Final = limits.MAX_POOLED_COMPRESSORS
_MAX_FINAL_BLOCKS: Final = limits.MAX_FINAL_BLOCKS

_pool: dict[tuple[int, int, int], list[Any]] = {}


def _borrow(key: tuple[int, int, int]) -> Any:
    free = _pool.get(key)
    if free:
        try:
            return free.pop()
        except IndexError:
            pass  # another thread was faster
    level, mem_level, bits = key
    # zlib has no raw window of 256 bytes. Matches of distance one alone fit into any.
    strategy = zlib.Z_RLE if bits == 8 else zlib.Z_DEFAULT_STRATEGY
    return zlib.compressobj(level, zlib.DEFLATED, -max(bits, 9), mem_level, strategy)


def _give_back(key: tuple[int, int, int], compressor: Any) -> None:
    """Keep a compressor that has no history for the next one who needs it."""
    free = _pool.setdefault(key, [])
    if len(free) < _MAX_POOLED:
        free.append(compressor)


class Deflater:
    """Compresses the messages of one direction."""

    _takeover: bool

    def __init__(
        self, bits: int, takeover: bool, level: int = 6, mem_level: int = 8, threshold: int = 0
    ) -> None:
        """
        :arg bits: 8 to 15, of the window that was agreed on.
        :arg takeover: whether a message may refer to those before it.
        :arg threshold: bytes below which `message` answers None.
        """
        self.key: tuple[int, int, int] = (level, mem_level, bits)
        self.threshold = threshold
        self._takeover = takeover
        self._compressor: Any = None
        self._used = False

    def message(self, data: bytes) -> bytes | None:
        """A message compressed; None for one that is better sent as it is."""
        if len(data) < self.threshold or not data:
            return None
        if not self._takeover:
            alone = self.alone(data)
            return alone if len(alone) < len(data) else None
        if self._compressor is None:
            self._compressor = _borrow(self.key)
        self._used = True
        compressor = self._compressor
        packed: bytes = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
        return packed[:-4]

    def alone(self, data: bytes) -> bytes:
        """A message compressed without reference to any other.

        Whoever sends it on a connection has to `forget` what was sent there before.
        """
        if not data:
            return b"\x00"  # section 7.2.3.6; zlib has nothing to flush then
        compressor = _borrow(self.key)
        packed: bytes = compressor.compress(data) + compressor.flush(zlib.Z_FULL_FLUSH)
        _give_back(self.key, compressor)
        return packed[:-4]

    def forget(self) -> None:
        """Let no later message refer to an earlier one."""
        compressor = self._compressor
        if compressor is not None:
            self._compressor = None
            compressor.flush(zlib.Z_FULL_FLUSH)
            _give_back(self.key, compressor)

    def rest(self) -> bool:
        """Give the compressor back if it was not used since the last call.

        :returns: whether there is one left to give back.
        """
        if self._compressor is None:
            return False
        if self._used:
            self._used = False
            return True
        self.forget()
        return False


class Inflater:
    """Decompresses the messages of one direction, never to more than is asked for."""

    _bits: int
    _takeover: bool
    _stream: Any
    _ends: int

    def __init__(self, bits: int, takeover: bool) -> None:
        """
        :arg bits: 8 to 15, of the window that was agreed on.
        :arg takeover: whether a message may refer to those before it.
        """
        # Many a zlib answers a request for 8 with 9; the larger window reads both.
        self._bits = -max(bits, 9)
        self._takeover = takeover
        self._stream = None
        self._ends = 0

    def message(self, data: bytes, room: int) -> bytes:
        """A whole message decompressed.

        :arg room: bytes it may come to.
        :raises ProtocolError: 1009 past that, 1007 for data that does not decompress.
        """
        first = self._inflate(data + TAIL, room)
        self._end()
        return first

    def inflate(self, data: bytes, room: int) -> bytes:
        """A piece of a message decompressed; arguments as for `message`."""
        return self._inflate(data, room)

    def end_message(self, room: int) -> bytes:
        """What is left of a message when its last piece was given to `inflate`."""
        last = self._inflate(TAIL, room)
        self._end()
        return last

    def _end(self) -> None:
        self._ends = 0
        if not self._takeover:
            self._stream = None

    def _inflate(self, data: bytes, room: int) -> bytes:
        stream = self._stream
        if stream is None:
            stream = self._stream = zlib.decompressobj(self._bits)
        try:
            found: bytes = stream.decompress(data, room + 1)
            while stream.eof:
                # A stream may end inside a message (section 7.2.3.5); another one follows.
                self._ends += 1
                if self._ends > _MAX_FINAL_BLOCKS:
                    raise ProtocolError(1007, "too many compressed streams in a message")
                data = stream.unused_data
                stream = self._stream = zlib.decompressobj(self._bits)
                if data and len(found) <= room:
                    found += stream.decompress(data, room + 1 - len(found))
        except zlib.error:
            raise ProtocolError(1007, "data that does not decompress") from None
        if len(found) > room:
            raise ProtocolError(1009, "message too big")
        return found
