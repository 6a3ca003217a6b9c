"""Sending what does not fit into one piece, no faster than the client reads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from whirlwind.iostream import StreamClosedError
from whirlwind.protocol.limits import FILE_CHUNK
from whirlwind.web.static import files

if TYPE_CHECKING:
    from whirlwind.web.handler import RequestHandler

#: Linux 4.14: read only what is in memory already.
_NOT_WAITING: Final = getattr(os, "RWF_NOWAIT", 0)
_PAGE: Final = 4096


async def send(handler: RequestHandler, content: bytes | Iterable[bytes]) -> None:
    """Send content piece by piece, each when the client has taken the one before."""
    for chunk in (content,) if isinstance(content, bytes) else content:
        try:
            handler.write(chunk)
            await handler.flush()
        except StreamClosedError:
            return


async def send_file(handler: RequestHandler, fd: int, position: int, length: int) -> None:
    """Send a part of an open file.

    Each piece costs 0.1 ms of the loop's time, after which the others get theirs. A piece that is
    not in the system's memory is read by a thread: a disk may take as long as it likes.
    """
    while length > 0:
        size = min(length, FILE_CHUNK)
        if is_in_memory(fd, position, size):
            chunk = files.read_at(fd, position, size)
        else:
            chunk = await _read_in_thread(fd, position, size)
        if not chunk:
            return  # The file became shorter; the connection is cut where bytes are missing.
        position += len(chunk)
        length -= len(chunk)
        try:
            handler.write(chunk)
            await handler.flush()
        except StreamClosedError:
            return
        # A client that takes everything at once must not keep the loop from the others.
        await asyncio.sleep(0)


def is_in_memory(fd: int, position: int, size: int) -> bool:
    """Whether reading would not have to wait for a disk, going by the first and the last page.

    :returns: True as well where the system can not tell.
    """
    if not _NOT_WAITING:
        return True
    probe: Any = bytearray(1)
    try:
        os.preadv(fd, [probe], position, _NOT_WAITING)
        if size > _PAGE:
            os.preadv(fd, [probe], position + size - 1, _NOT_WAITING)
    except BlockingIOError:
        return False
    except OSError:  # a file system that knows no such reads
        return True
    return True


async def _read_in_thread(fd: int, position: int, size: int) -> bytes:
    # A descriptor of its own, and a thread that runs in any case: who waits may be cancelled, and
    # close the other descriptor.
    own = os.dup(fd)

    def read() -> bytes:
        try:
            return files.read_at(own, position, size)
        finally:
            os.close(own)

    return await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, read))
