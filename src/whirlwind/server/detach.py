"""From an HTTP connection back to a stream."""

from typing import Any

from whirlwind.iostream import IOStream
from whirlwind.iostream.as_transport import StreamTransport
from whirlwind.iostream.from_transport import TransportStream


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


def detach(transport: Any, rest: bytes, blocked: bool) -> tuple[IOStream, DetachedStream | None]:
    """Make a stream of a transport's connection.

    :arg transport: the transport of a connection that speaks HTTP no more.
    :arg rest: bytes that were read and belong to the stream's reader.
    :arg blocked: whether the transport has asked to write no more for now.
    :returns: the stream, and the same again if it wants to hear when the transport has sent what
        it still holds and is closed.
    """
    if isinstance(transport, StreamTransport):
        given = transport.take_stream()
        given._preload(rest)
        stream: Any = given
        return stream, None
    if transport.get_extra_info("ssl_object") is not None:
        # The keys are inside.
        return TransportStream(transport, rest, blocked), None
    detached = _leave_transport(transport)
    if rest:
        detached._preload(rest)
    return detached, detached


def _leave_transport(transport: Any) -> DetachedStream:
    """A stream with a descriptor of its own for the same socket.

    The transport sends what it still holds and closes its own, which leaves the connection open.
    """
    transport.pause_reading()
    sock = transport.get_extra_info("socket").dup()
    sock.setblocking(False)
    stream = DetachedStream(sock)
    if not transport.get_write_buffer_size():
        stream.transport_done()
    transport.close()
    return stream
