"""How long a connection lives: the closing handshake, pings, deadlines, and who hears of its end.

Deadlines (pings, pongs, the end of the closing handshake, a compressor's rest) are numbers that the
hub's reaper compares with the clock; no timer is ever made for a connection.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import whirlwind.protocol.frames as frames
from whirlwind._public import start_values
from whirlwind.log import app_log, gen_log
from whirlwind.protocol import limits
from whirlwind.protocol.errors import ProtocolError
from whirlwind.protocol.websocket import FrameParser
from whirlwind.server.outlet import Outlet
from whirlwind.websocket.sender import FrameSender

_Failure: Final = (Exception, asyncio.CancelledError)


class ConnectionLifetime(FrameSender):
    """Ends a connection, in good order or not; reading what the peer sends is its subclass's."""

    handler: Any
    parser: FrameParser
    close_code: int | None
    close_reason: str | None
    _closed_waiter: "asyncio.Future[None] | None"
    _close_callbacks: list[Callable[[], object]] | None
    _eof: bool
    _ended: bool
    _unsent: int
    _untaken: int
    _close_by: float
    _next_ping: float
    _pong_by: float
    _ping_interval: float
    _ping_timeout: float
    deadline: float
    write_deadline: float

    # --- the closing handshake ------------------------------------------------------------------

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Begin the closing handshake, unless it has begun (section 7.1.2).

        :arg code: 1000, another registered one, or 3000 to 4999; None for none.
        :arg reason: a text of at most 123 bytes.
        :raises ValueError: a code or reason that can not be sent.
        """
        if self.close_sent or self.is_gone():
            return
        self.send_close(frames.close_payload(code, reason))
        self._end_within(limits.CLOSE_TIMEOUT)

    def _receive_close(self) -> None:
        parser = self.parser
        self.close_received = True
        self.close_code = parser.code or None
        self.close_reason = parser.reason or None
        if not self.close_sent:
            self.send_close(frames.close_payload(self.close_code, None))
        if self.masks:
            # Section 7.1.1: the server closes the connection first.
            self._end_within(limits.CLOSE_TIMEOUT)
        else:
            self._end()

    def _refuse(self, error: ProtocolError) -> None:
        """The peer broke the protocol (RFC 6455 section 7.1.7)."""
        # Not more than DEBUG: Tornado says nothing of it, and any peer can make it say this.
        gen_log.debug("Closing a WebSocket connection from %s: %s", self.peer_name(), error.reason)
        self._break_off(error.code, error.reason)

    def _break_off(self, code: int, reason: str) -> None:
        """Say why, and end the connection without waiting for the peer to agree."""
        if self._ended:
            return
        if not self.close_sent and not self.closed:
            self.send_close(frames.close_payload(code, reason))
        self._end()

    def _end(self) -> None:
        """Send what is left, then close; what the peer still sends is read and dropped.

        Closing with unread bytes makes the kernel reset the connection, and a reset can destroy
        the close frame that says why.
        """
        if self._ended:
            return
        self._ended = True
        self.flush()
        self.shut = True
        self.parser.close()
        if self.closed:
            return
        if (
            self._eof
            or self.close_received
            or not self.transport.can_write_eof()
            or self.transport.is_closing()
        ):
            self.transport.close()
            self._end_within(limits.CLOSE_TIMEOUT)
        elif self.end_sending():
            self._end_within(limits.LINGER_TIMEOUT)
            self._resume_reading()

    def _end_within(self, seconds: float) -> None:
        """Give the peer some time, and more for as long as it takes what was sent to it."""
        self._close_by = self.hub.now() + seconds
        self._untaken = self.unsent()
        self.set_deadline()

    def begin_drain(self) -> None:
        """The server stops: tell the peer that this end goes away (section 7.4.1)."""
        self.draining = True
        self.close(1001, None)

    def is_idle(self) -> bool:
        """Whether the connection could be closed without losing anything: its peer decides."""
        return False

    # --- who hears of the end ---------------------------------------------------------------------

    def _tell_closed(self) -> None:
        try:
            self.handler.on_ws_connection_close(self.close_code, self.close_reason)
        except _Failure as error:
            self._log_exception(error)
        waiter = self._closed_waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        for callback in self._close_callbacks or ():
            self.loop.call_soon(callback)
        self._close_callbacks = None

    def add_close_callback(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` without arguments when the connection is gone."""
        if self.closed:
            self.loop.call_soon(callback)
        else:
            self._close_callbacks = [*(self._close_callbacks or ()), callback]

    def wait_closed(self) -> Awaitable[None]:
        """An awaitable that is done when the connection is gone and its handler knows."""
        if self._closed_waiter is None:
            if self.closed:
                return self.done
            self._closed_waiter = self.loop.create_future()
        return asyncio.shield(self._closed_waiter)

    def _log_exception(self, error: BaseException) -> None:
        try:
            self.handler.log_exception(type(error), error, error.__traceback__)
        except Exception:
            app_log.error("Error in exception logger", exc_info=True)

    # --- deadlines ------------------------------------------------------------------------------

    def ping_every(self, interval: float, timeout: float) -> None:
        """Send pings from now on.

        :arg interval: seconds between two of them.
        :arg timeout: seconds in which a pong has to come; 0 for no matter when.
        """
        self._ping_interval = interval
        self._ping_timeout = timeout
        self._next_ping = self.hub.now() + interval
        self.set_deadline()
        self.hub.watch_closely(timeout if 0 < timeout < interval else interval)

    def set_deadline(self) -> None:
        """Tell the reaper when to look at this connection next."""
        deadline = self._close_by
        if not deadline:
            for other in (self._next_ping, self._pong_by, self._rest_at):
                if other and (not deadline or other < deadline):
                    deadline = other
        self.deadline = deadline
        if deadline:
            self.hub.reaper_needed()

    def expire(self, now: float) -> None:
        """The reaper's call: some deadline may have passed.

        :arg now: the loop's time, in seconds.
        """
        if self.write_deadline and now >= self.write_deadline:
            left = self.transport.get_write_buffer_size()
            if left >= self._unsent:
                gen_log.info("Closing a connection from %s that does not read", self.peer_name())
                self.abort()
                return
            self._unsent = left
            self.write_deadline = now + self.hub.write_timeout
        if not self.deadline or now < self.deadline:
            return
        if self._close_by:
            left = self.unsent()
            if 0 < left < self._untaken:
                self._end_within(limits.CLOSE_TIMEOUT)
            else:
                self.deadline = 0.0
                self.abort()
            return
        if self._pong_by and now >= self._pong_by:
            self._pong_by = self._next_ping = 0.0
            self.close(None, "ping timed out")
        if self._next_ping and now >= self._next_ping:
            self._next_ping = now + self._ping_interval
            if not self._blocked:  # else `write_deadline` watches the peer
                self.send(self.encode(frames.PING_FRAME, b""))
                if self._ping_timeout and not self._pong_by and self._reading:
                    self._pong_by = now + self._ping_timeout
        if self._rest_at and now >= self._rest_at:
            busy = self.deflater is not None and self.deflater.rest()
            self._rest_at = now + limits.COMPRESSOR_IDLE if busy else 0.0
        self.set_deadline()

    def _watch_unsent(self) -> None:
        """A peer that never takes what is left to send must not stay for ever."""
        left = self.transport.get_write_buffer_size()
        if left and not self.write_deadline:
            self.write_deadline = self.hub.now() + self.hub.write_timeout
            self._unsent = left
            self.hub.reaper_needed()

    # --- reading on and off ---------------------------------------------------------------------

    def _pause_reading(self) -> None:
        self._pong_by = 0.0  # it could not be heard
        Outlet._pause_reading(self)


start_values(
    ConnectionLifetime,
    parser=None,
    close_code=None,
    close_reason=None,
    transport=None,
    shut=False,
    deadline=0.0,
    write_deadline=0.0,
    _closed_waiter=None,
    _close_callbacks=None,
    _eof=False,
    _ended=False,
    _unsent=0,
    _untaken=0,
    _close_by=0.0,
    _next_ping=0.0,
    _pong_by=0.0,
    _ping_interval=0.0,
    _ping_timeout=0.0,
)
