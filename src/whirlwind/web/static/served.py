"""Files that are being served."""

from __future__ import annotations

import datetime
import functools
import os
from hashlib import sha512

from whirlwind.httputil import format_timestamp
from whirlwind.protocol.limits import MAX_KEPT_FILE
from whirlwind.web.static import files

#: Identifies one state of a file: device, inode, size, times of change in ns.
Identity = tuple[int, int, int, int, int]


def identity(found: os.stat_result) -> Identity:
    """What tells this state of a file from any other."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def quick_version(found: os.stat_result) -> str:
    """A version that needs no look at the content."""
    return f"{found.st_mtime_ns:x}-{found.st_size:x}"


class ServedFile:
    """One state of a regular file: content in memory if it is small, else an open descriptor.

    :ivar path: the file's path, all symbolic links resolved.
    :ivar stat: what the system says of it.
    :ivar content: bytes, or None for a large file.
    """

    __slots__ = ("_etag", "content", "fd", "path", "stat")
    fd: int
    stat: os.stat_result

    def __init__(
        self, fd: int, path: str, found: os.stat_result, known: ServedFile | None = None
    ) -> None:
        """
        :arg fd: descriptor, which becomes this object's to close.
        :arg found: ``fstat`` of it.
        :arg known: an earlier state, whose content is taken over if it is the same.
        """
        self.path: str = path
        self.stat = found
        self.fd = fd
        self.content: bytes | None = None
        self._etag: str | None = None
        if known is not None and identity(known.stat) == identity(found):
            self.content = known.content
            self._etag = known._etag
        if self.content is not None:
            self.close()
        elif found.st_size <= MAX_KEPT_FILE:
            try:
                self._read()
            finally:
                self.close()

    def _read(self) -> None:
        # Size and content must agree, whatever happens to the file meanwhile.
        for _ in range(3):
            content = files.read_at(self.fd, 0, self.stat.st_size)
            found = os.fstat(self.fd)
            if identity(found) == identity(self.stat) and len(content) == found.st_size:
                break
            self.stat = found
            if found.st_size > MAX_KEPT_FILE:
                break
        self.content = content

    @property
    def size(self) -> int:
        """Bytes."""
        return self.stat.st_size if self.content is None else len(self.content)

    @property
    def etag(self) -> str:
        """The entity tag: SHA-512 of what is in memory; time and size of what would take long."""
        if self._etag is None:
            if self.content is None:
                self._etag = self.quick_etag
            else:
                self._etag = f'"{sha512(self.content).hexdigest()}"'
        return self._etag

    @property
    def quick_etag(self) -> str:
        """An entity tag of time and size."""
        return f'"{quick_version(self.stat)}"'

    def close(self) -> None:
        """Close the descriptor, if there is one."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


@functools.lru_cache(maxsize=1024)
def http_date(when: datetime.datetime) -> str:
    """A time as HTTP dates are written (RFC 9110 section 5.6.7)."""
    return format_timestamp(when)
