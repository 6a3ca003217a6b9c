"""From an HTTP connection back to a stream."""

from typing import Any

from whirlwind.iostream import IOStream


class DetachedStream(IOStream):
    """A stream over a connection whose former transport may still have something to send."""

    _follows = True

    def write_to_fd(self, data: memoryview) -> int:
        """Write, but never before what the transport still holds."""
        if self._follows:
            raise BlockingIOError("the transport is not done yet")
        return super().write_to_fd(data)

    def transport_done(self) -> None:
        """The transport has sent everything and closed its descriptor."""
        self._follows = False


def detach(transport: Any, rest: bytes) -> DetachedStream:
    """Make a stream of a transport's connection.

    The stream has a descriptor of its own for the same socket; the transport sends what it still
    holds and closes its own, which leaves the connection open.

    :arg rest: bytes that were read and belong to the stream's reader.
    """
    transport.pause_reading()
    sock = transport.get_extra_info("socket").dup()
    sock.setblocking(False)
    stream = DetachedStream(sock)
    if not transport.get_write_buffer_size():
        stream.transport_done()
    if rest:
        stream._preload(rest)
    transport.close()
    return stream
