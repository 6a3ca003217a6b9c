"""Streams over pipes: :class:`PipeIOStream`."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

from whirlwind._public import claim
from whirlwind.iostream.base import BaseIOStream


class PipeIOStream(BaseIOStream):
    """A stream over one end of a pipe, or another descriptor that can be waited for; not Windows.

    :arg fd: the descriptor; the stream makes it non-blocking and closes it in the end.
    :arg args: arguments of :class:`BaseIOStream`.
    """

    _short_means_done = True

    def __init__(self, fd: int, *args: Any, **kwargs: Any) -> None:
        if sys.platform == "win32":
            raise OSError("PipeIOStream is not available on Windows: its pipes cannot be polled")
        self.fd = fd
        self._fio = io.FileIO(fd, "r+")
        os.set_blocking(fd, False)
        super().__init__(*args, **kwargs)

    def fileno(self) -> int:
        return self.fd

    def close_fd(self) -> None:
        self._fio.close()

    def write_to_fd(self, data: memoryview) -> int:
        return os.write(self.fd, data)

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        return self._fio.readinto(buf)


claim("whirlwind.iostream", PipeIOStream)
