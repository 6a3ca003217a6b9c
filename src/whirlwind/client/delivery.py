"""Whether what was sent has reached the other side."""

from __future__ import annotations

import struct
import sys
from typing import Any


def may_be_undelivered(transport: Any) -> bool:
    """Tell, at the end of a connection, whether the peer closed it before it had our last bytes.

    The segment that ends a connection also says how far the peer's kernel has received. What it has
    not received its program cannot have acted upon.

    :arg transport: whose peer has ended the connection, and which is still open on this side.
    :returns: False when everything had arrived, True when it had not or nobody knows.
    """
    sock = transport.get_extra_info("socket")
    if sock is None:
        return True
    try:
        if sys.platform == "linux":
            import fcntl
            import termios

            answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
            return bool(struct.unpack("i", answer)[0])
        if sys.platform == "darwin":  # type: ignore[unreachable]
            import socket

            return bool(sock.getsockopt(socket.SOL_SOCKET, 0x1024))  # SO_NWRITE
    except OSError:
        pass
    return True
