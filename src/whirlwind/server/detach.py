"""From an HTTP connection back to a stream."""

import asyncio
from typing import Any

from whirlwind.iostream import IOStream


def detach(transport: Any, rest: bytes, loop: asyncio.AbstractEventLoop) -> IOStream:
    """Make an `IOStream` of a transport's connection.

    The stream has a descriptor of its own for the same socket; the transport sends what it still
    holds and closes its own, which leaves the connection open.

    :arg rest: bytes that were read and belong to the stream's reader.
    :raises TypeError: the connection speaks TLS, whose state can not leave the transport.
    """
    if transport.get_extra_info("ssl_object") is not None:
        raise TypeError("A TLS connection can not be detached from its transport")
    transport.pause_reading()
    sock = transport.get_extra_info("socket").dup()
    sock.setblocking(False)
    stream = IOStream(sock)
    if rest:
        stream._preload(rest)
    transport.close()
    return stream
