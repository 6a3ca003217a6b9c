"""The queue of bytes that wait to be written."""

from __future__ import annotations

import collections
from typing import Final

from whirlwind.protocol.limits import STREAM_JOIN_SIZE

#: A joined buffer is not made longer than this, so that sending its front stays cheap.
_JOINED_MAX: Final = 65536

Data = bytes | bytearray | memoryview


def as_bytes(data: Data) -> memoryview:
    """A view of ``data`` byte by byte; of a copy if its bytes are not in one piece."""
    view = memoryview(data)
    if view.ndim != 1 or view.itemsize != 1 or not view.c_contiguous:
        view = view.cast("B") if view.c_contiguous else memoryview(view.tobytes())
    return view


class WriteBuffer:
    """Bytes in order, without copying the large pieces.

    Small pieces are joined. A large one is kept as a view of the caller's object, which must not
    change until it is sent and can be resized again as soon as it is.
    """

    __slots__ = ("_pieces", "_sent", "_size")

    def __init__(self) -> None:
        self._pieces: collections.deque[bytearray | memoryview] = collections.deque()
        self._sent = 0  # of the first piece
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, data: Data) -> None:
        """Add bytes at the end."""
        view = as_bytes(data)
        size = len(view)
        if size > STREAM_JOIN_SIZE:
            self._pieces.append(view)
        elif size:
            last = self._pieces[-1] if self._pieces else None
            if isinstance(last, bytearray) and len(last) + size <= _JOINED_MAX:
                last += view
            else:
                self._pieces.append(bytearray(view))
            view.release()
        self._size += size

    def peek(self) -> memoryview:
        """A view of the first piece, as far as it is not sent; release it before changing more."""
        return memoryview(self._pieces[0])[self._sent :]

    def advance(self, size: int) -> None:
        """Drop ``size`` bytes from the front."""
        self._size -= size
        size += self._sent
        pieces = self._pieces
        while pieces and size >= len(pieces[0]):
            piece = pieces.popleft()
            size -= len(piece)
            if isinstance(piece, memoryview):
                piece.release()
        self._sent = size

    def clear(self) -> None:
        """Drop everything."""
        for piece in self._pieces:
            if isinstance(piece, memoryview):
                piece.release()
        self._pieces.clear()
        self._sent = self._size = 0
