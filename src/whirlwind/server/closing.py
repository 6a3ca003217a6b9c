"""A server's connection at its end: the last bytes, and what the peer still sends.

Closing with unread bytes makes the kernel reset the connection, and a reset can destroy an answer
that the peer has not read yet (RFC 9112 section 9.6). So a connection with something unread is
closed for sending first, and what comes is read and dropped for a while.
"""

from typing import TYPE_CHECKING, Final

from whirlwind._public import start_values
from whirlwind.protocol import limits
from whirlwind.protocol.http1 import RequestParser
from whirlwind.server.outlet import Outlet
from whirlwind.server.peer import Peer
from whirlwind.server.site import Site

if TYPE_CHECKING:
    from whirlwind.server.exchange import Exchange

_MAX_PIPELINE: Final = limits.MAX_PIPELINE_BUFFER
_MAX_DROPPED: Final = limits.MAX_DISCARD * 16


class ClosingPeer(Peer):
    """A peer that can be closed, and whose reading can be turned off and on."""

    write_size: int
    _dropped: int
    parser: RequestParser
    deadline: float
    write_deadline: float
    shut: bool

    def __init__(self, site: Site) -> None:
        """
        :arg site: the server's side of things: its application, limits and open connections.
        """
        super().__init__(site)
        self.parser = RequestParser(site.max_head_size, site.max_body_size, site.chunk_size)
        self.exchange: Exchange | None = None
        self.deadline = 0.0
        self.write_deadline = 0.0
        self._closing = False
        self._eof = False

    def close(self) -> None:
        """Send what is left, then close; what the peer still sends is read and dropped."""
        self._close(self.parser.in_message())

    def _close(self, unread: bool) -> None:
        """
        :arg unread: whether the peer is likely to send more.
        """
        if self._closing or self.closed or self.transport is None:
            return
        self._closing = True
        self.flush()
        self.shut = True
        self.parser.close()
        self._watch_last_bytes()
        if self._eof or not unread or not self.transport.can_write_eof():
            self.transport.close()
            return
        if self.end_sending():
            self.deadline = self.site.now() + self.site.linger_timeout
            self._resume_reading()

    def _watch_last_bytes(self) -> None:
        """What is left to send, however little, must not keep the connection for ever."""
        left = self.transport.get_write_buffer_size()
        if left and self.write_deadline == 0.0:
            self.write_deadline = self.site.now() + self.site.write_timeout
            self.write_size = left

    def _discard_while_closing(self, size: int) -> None:
        self._dropped += size
        if self._dropped > _MAX_DROPPED:
            self.transport.abort()

    def _resume_reading(self) -> None:
        exchange = self.exchange
        if self._reading or (exchange is not None and exchange.waiting):
            return
        if self.parser.buffered() <= max(_MAX_PIPELINE, self.parser.max_head_size):
            Outlet._resume_reading(self)


start_values(ClosingPeer, write_size=0, _dropped=0)
