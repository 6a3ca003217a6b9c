"""The write half of a connection: one write per read event, and back-pressure both ways."""

import asyncio
import sys
from collections.abc import Awaitable
from typing import Any, Final

import whirlwind.platform.sockets as sockets
from whirlwind.concurrent import future_set_result_unless_cancelled
from whirlwind.iostream import StreamClosedError
from whirlwind.protocol import limits
from whirlwind.server.waiters import WriteWaiters

_MAX_CORKED: Final = limits.MAX_CORKED_BYTES
#: asyncio's own ``writelines`` did not tell its protocol to pause in 3.12 and 3.13 before these.
_GATHERS: Final = not (
    (3, 12) <= sys.version_info < (3, 12, 9) or (3, 13) <= sys.version_info < (3, 13, 2)
)
_MAX_UNYIELDING: Final = limits.MAX_UNYIELDING_WRITES
# What is no file descriptor: nobody has looked for it, or there is none to write to.
_UNKNOWN: Final = -2
_NONE: Final = -1


class Outlet:
    """Collects what is sent while `corked`, passes on the rest, and tracks back-pressure.

    The methods that end an exchange or a connection belong to the read half, which extends this.
    """

    closed: bool
    corked: bool
    queued: bool
    deadline: float
    write_deadline: float

    def __init__(self, loop: asyncio.AbstractEventLoop, done: "asyncio.Future[None]") -> None:
        """
        :arg loop: the loop of the connection.
        :arg done: a future of that loop that is already done: the answer of every write that
            does not have to wait.
        """
        self.loop = loop
        self.done = done
        self.transport: Any = None
        self.closed = False
        self.draining = False
        self.corked = False
        #: Whether the last byte was handed over: what comes after it is dropped.
        self.shut = False
        #: Whether the site will uncork this connection at the end of the turn.
        self.queued = False
        #: Loop time at which the reaper has to look at this connection; 0 for never.
        self.deadline = 0.0
        self.write_deadline = 0.0
        # What was collected: nearly always one piece, for which there is no need of a list.
        self._first = b""
        self._rest: list[bytes] | None = None
        self._out_size = 0
        self._blocked = False
        # The transport's socket, once `_write_directly` has found one.
        self._socket = _UNKNOWN
        # Whether the transport may still hold bytes: none may overtake them.
        self._handed_over = True
        self._unyielding = 0
        self._reading = True
        self._waiters: WriteWaiters | None = None

    def send(self, data: bytes) -> None:
        """Send bytes, or keep them until the read event is over."""
        if self.corked:
            if not self._out_size:
                self._first = data
            elif self._rest is None:
                self._rest = [data]
            else:
                self._rest.append(data)
            self._out_size += len(data)
            # One large answer waits for the end of the turn like any other: to answer a few dozen
            # requests and then to write keeps the processor's caches warm for both (half the cost
            # of answers with 100 KB).
            if self._out_size > _MAX_CORKED and self._rest is not None and len(self._rest) > 1:
                self.flush()
        elif not self.closed and not self.shut and not self.transport.is_closing():
            self._write(data)

    def flush(self) -> None:
        """Write what was collected, in one call."""
        size = self._out_size
        if not size:
            return
        if self.closed or self.shut:
            self._drop()
            return
        if self._rest is not None:
            pieces = self.collected()
            if size > _MAX_CORKED and len(pieces) < 4 and _GATHERS:
                # A large piece is not copied, but sent together with the small ones (writev).
                self._handed_over = True
                self.transport.writelines(pieces)
            else:
                self._write(b"".join(pieces))
        else:
            piece = self._first
            self._first = b""
            self._out_size = 0
            self._write(piece)

    def _write(self, data: bytes) -> None:
        if self._socket >= 0:
            if self._handed_over and not self.transport.get_write_buffer_size():
                self._handed_over = False
            # What a socket does not take of a large piece would have to be copied.
            if not self._handed_over and len(data) <= _MAX_CORKED:
                taken = sockets.offer(self._socket, data)
                if taken == len(data):
                    return
                data = data[taken:]
            self._handed_over = True
        self.transport.write(data)

    def _write_directly(self) -> None:
        """From now on write to the socket itself, whenever the transport holds nothing back.

        That saves a sixth of what a short message costs, and takes 90 bytes under uvloop: worth it
        for who gets many, and for answers that leave together at the end of a turn, since there is
        nothing more to gather.
        """
        if not self.is_gone():
            self._socket = sockets.plain_socket(self.transport, sockets.COMPILED)

    def collected(self) -> list[bytes]:
        """What was collected and not written; whoever asks has to send it."""
        pieces = [self._first] if self._out_size else []
        if self._rest is not None:
            pieces += self._rest
        self._drop()
        return pieces

    def _drop(self) -> None:
        self._first = b""
        self._rest = None
        self._out_size = 0

    def _pause_reading(self) -> None:
        """Let the peer wait with what it sends."""
        if self._reading and not self.closed:
            self._reading = False
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        """Take what the peer sends."""
        if not self._reading and not self.closed:
            self._reading = True
            if not self.transport.is_closing():
                self.transport.resume_reading()

    def end_sending(self) -> bool:
        """Tell the peer that nothing more comes, while what it sends can still be read.

        :returns: False when the peer has gone already, and the connection with it.
        """
        try:
            self.transport.write_eof()
        except OSError:
            # A peer that closed without a look at the answer: asyncio leaves this to us.
            self.transport.abort()
            return False
        return True

    def uncork(self) -> None:
        """Write what was collected, and the rest as it comes."""
        self.corked = False
        if self.queued:
            self.queued = False
            if self._socket == _UNKNOWN:
                self._write_directly()
        self.flush()

    def written(self) -> Awaitable[None]:
        """An awaitable that is done when the peer has taken enough of what was sent."""
        if self.corked and self._out_size > 16384:
            self.flush()
        if not self._blocked:
            if self.shut or self.transport.is_closing():
                return self.failed()
            # A handler that only ever waits for writes that are done at once would never let the
            # loop do anything else, hearing of a peer that has left included.
            self._unyielding += 1
            if self._unyielding < _MAX_UNYIELDING:
                return self.done
            self._unyielding = 0
            pause = self.loop.create_future()
            self.loop.call_soon(future_set_result_unless_cancelled, pause, None)
            return pause
        if self._waiters is None:
            self._waiters = WriteWaiters(self.loop)
        return self._waiters.add()

    def is_gone(self) -> bool:
        """Whether nothing that is written can reach the peer any more."""
        return self.closed or self.shut or self.transport is None or self.transport.is_closing()

    def is_blocked(self) -> bool:
        """Whether the peer has to read before more should be written."""
        return self._blocked

    def block(self) -> None:
        """The transport holds more than its high-water mark."""
        self._blocked = True

    def unblock(self) -> None:
        """The transport has room again."""
        self._blocked = False
        waiters = self._waiters
        if waiters is not None:
            self._waiters = None
            waiters.succeed()

    def fail(self, error: BaseException | None) -> None:
        """Nothing can be sent any more; who waits learns why."""
        self.closed = True
        self._drop()
        waiters = self._waiters
        if waiters is not None:
            self._waiters = None
            waiters.fail(self.gone_error(error))

    def failed(self) -> Awaitable[None]:
        """The answer to who writes to a connection that is gone."""
        future = self.loop.create_future()
        future.set_exception(self.gone_error(None))
        future.exception()  # who does not await the write does not care
        return future

    def gone_error(self, error: BaseException | None) -> Exception:
        """What writes fail with when the connection is gone.

        :arg error: what ended it, if that is known.
        """
        return StreamClosedError(error)

    def expire(self, now: float) -> None:
        """Some deadline may have passed."""
        raise RuntimeError("an outlet alone has no deadlines")

    def response_finished(self, exchange: Any) -> None:
        """An exchange has sent its last byte."""
        raise RuntimeError("an outlet alone has no exchanges")

    def close(self) -> None:
        """Close once what was sent has left."""
        raise RuntimeError("an outlet alone cannot close")

    def abort(self) -> None:
        """Close at once and drop what was not sent."""
        self._socket = _NONE
        if self.transport is not None:
            self.transport.abort()
