"""Bytes straight into the socket of a transport. ``sockets.pxd`` has `offer` for compiled modules.

A transport's ``write`` makes a system call as well, but first it keeps the bytes, lists itself with
its loop, and is visited once more; for the members of a room that costs more than the copying.
"""

import os
from typing import Any, Final

#: Whether `offer` is compiled where it is called: then it is less work than any other `write`.
COMPILED: Final = False
#: Transports that hand bytes to their socket as they are, and close it no earlier than they call
#: ``connection_lost``.
_PLAIN: Final = (("asyncio.selector_events", "_SelectorSocketTransport"),)
#: The same, and written in C.
_PLAIN_IN_C: Final = (("uvloop.loop", "TCPTransport"), ("uvloop.loop", "UnixTransport"))


def plain_socket(transport: Any, compiled: bool) -> int:
    """The file descriptor of the socket that a transport writes to.

    :arg transport: ``asyncio.Transport`` of a connection.
    :arg compiled: the caller's `COMPILED`.
    :returns: -1 where bytes go another way: through TLS, or a loop that is not known. Also where
        the transport's ``write`` is faster than `offer`: uvloop's takes 0.4 us less than Python's.
    """
    kind = type(transport)
    name = (kind.__module__, kind.__name__)
    if name not in _PLAIN and not (compiled and name in _PLAIN_IN_C):
        return -1
    descriptor: int = transport.get_extra_info("socket").fileno()
    return descriptor


def offer(descriptor: int, data: bytes) -> int:
    """Give a socket as many bytes as it takes without waiting.

    :returns: how many; 0 as well when the connection has failed: the transport will hear of it.
    """
    try:
        return os.write(descriptor, data)
    except OSError:
        return 0
