"""The client's side of one HTTP/1 connection, as an asyncio protocol.

Theory of operation. A `Call` is given the connection with `begin`, which writes the request.
`data_received` pushes bytes into the parser and hands what it finds to the call in that same call
stack: head, pieces of the body, end. A call that cannot take more for now says so with an
awaitable; then reading pauses. At the end the connection returns to the pool of its engine, or
closes.

Bytes that arrive while no call is here are an answer to nothing: the connection closes, and no byte
of it can reach the next call. So it does when a call is given up before its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final

from whirlwind.client.delivery import may_be_undelivered
from whirlwind.client.errors import HTTPStreamClosedError
from whirlwind.concurrent import future_set_result_unless_cancelled
from whirlwind.iostream import StreamClosedError, UnsatisfiableReadError
from whirlwind.log import app_log, gen_log
from whirlwind.protocol import http1 as http1_core
from whirlwind.protocol import limits
from whirlwind.protocol.errors import ProtocolError
from whirlwind.protocol.http1 import ResponseParser

if TYPE_CHECKING:
    from whirlwind.client.engine import Engine
    from whirlwind.client.receiver import Receiver

_HEAD: Final = http1_core.HEAD
_DATA: Final = http1_core.DATA
_END: Final = http1_core.END
_NEED_DATA: Final = http1_core.NEED_DATA
_MAX_JOINED: Final = limits.MAX_JOINED_BODY


class ClientConnection:
    """One connection to a server or through a proxy.

    :arg engine: whose connection it is.
    :arg key: what the connection may be reused for; see `Call.key`.
    """

    parser: ResponseParser
    closed: bool
    served: int
    silent: bool
    sending: bool
    idle_since: float
    expiry: float

    def __init__(self, engine: Engine, key: tuple[Any, ...]) -> None:
        self.engine = engine
        self.key = key
        self.parser = ResponseParser(engine.max_header_size, engine.max_body_size)
        self.transport: Any = None
        self.call: Receiver | None = None
        self.closed = False
        #: How many responses came to their end here.
        self.served = 0
        #: Whether nothing of the response has come yet.
        self.silent = True
        #: Whether part of the request has still to be sent.
        self.sending = False
        #: When it became idle, and when it has been for too long.
        self.idle_since = 0.0
        self.expiry = 0.0
        self._head_done = False
        self._delivered = False
        self._waiting = False
        #: What the call has to wait for before it takes more.
        self._busy: asyncio.Task[None] | None = None
        self._reading = True
        self._eof = False
        self._blocked = False
        self._room: asyncio.Future[None] | None = None
        self._gone: asyncio.Future[None] | None = None

    # --- asyncio protocol -----------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """The connection is there, and so is TLS if it is wanted."""
        self.transport = transport
        if self.closed:
            transport.abort()  # whoever wanted it gave up
            return
        self.engine.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Bytes from the server."""
        if self.call is None:
            self.abort()
            return
        self.silent = False
        if self.call.watched:
            self.call.heard()
        self.parser.receive(data)
        if not self._waiting:
            self._advance()

    def eof_received(self) -> bool:
        """The server will send no more."""
        self._eof = True
        if self.call is not None:
            if self.silent:
                self._delivered = not may_be_undelivered(self.transport)
            self.parser.receive_eof()
            if not self._waiting:
                self._advance()
            # What the call has not taken yet is still its own. TLS ends as a whole.
            return self.call is not None and self._waiting and not self._is_tls()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone, whoever ended it."""
        if self.closed:
            return
        self.closed = True
        self.engine.forget(self)
        if self._gone is not None:
            self._gone.set_result(None)
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_exception(StreamClosedError(error))
            room.exception()  # nobody may be waiting for the write that failed
        if self.call is not None and not (self._eof and self._waiting):
            self._cut(error)

    def pause_writing(self) -> None:
        """The transport's buffer is over its high-water mark."""
        self._blocked = True
        if self.call is not None and self.call.watched:
            self.call.blocked()

    def resume_writing(self) -> None:
        """The transport's buffer is below its low-water mark."""
        self._blocked = False
        room, self._room = self._room, None
        if room is not None:
            future_set_result_unless_cancelled(room, None)
        if self.call is not None and self.call.watched:
            self.call.wrote()

    # --- requests -------------------------------------------------------------------------------

    def begin(self, call: Receiver) -> None:
        """Send the request of a call and wait for its response."""
        self.call = call
        self.silent = True
        self._head_done = False
        parser = self.parser
        parser.expect(call.method)
        parser.max_body_size = call.max_body_size
        body = call.body
        if call.deferred:
            self.sending = True
            self.transport.write(call.head)
        elif body:
            if len(body) <= _MAX_JOINED:
                self.transport.write(call.head + body)
            else:
                self.transport.write(call.head)
                self.transport.write(body)
        else:
            self.transport.write(call.head)

    def write(self, data: bytes) -> None:
        """Send a piece of the request's body."""
        if not self.closed:
            self.transport.write(data)

    def room(self) -> Awaitable[None]:
        """An awaitable that is done when the server has taken enough of what was sent."""
        loop = self.engine.loop
        if self.closed or not self._blocked:
            future = loop.create_future()
            if self.closed:
                future.set_exception(StreamClosedError())
                future.exception()
            else:
                future.set_result(None)
            return future
        if self._room is None:
            self._room = loop.create_future()
        return asyncio.shield(self._room)

    def left_to_send(self) -> int:
        """Bytes that wait for the server to read."""
        if self.closed:
            return 0
        left: int = self.transport.get_write_buffer_size()
        return left

    def is_blocked(self) -> bool:
        """Whether the server has to read before more should be sent."""
        return self._blocked

    # --- responses ------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Hand on what the parser has until it is used up or the call wants to wait."""
        parser = self.parser
        try:
            while (call := self.call) is not None:
                event = parser.next_event()
                if event == _DATA:
                    if call.pieces is not None:
                        call.pieces.append(parser.chunk)
                        continue
                    waiting = call.body_received(parser.chunk)
                    if waiting is not None:
                        self._wait_for(call, waiting)
                        return
                elif event == _HEAD:
                    self._head(call)
                elif event == _END:
                    call.body_ended()
                    self._end(call)
                    return
                else:
                    return
        except ProtocolError as error:
            self._refuse(error)
        except Exception:
            app_log.error("Uncaught exception", exc_info=True)
            self.fail(HTTPStreamClosedError("Connection closed"))

    def _head(self, call: Receiver) -> None:
        head: Any = self.parser.head
        if head.status >= 200:
            self._head_done = True
            call.head_received(head)
        elif head.status == 101:
            call.upgraded(head, self)
        else:
            call.interim_received(head)

    def _end(self, call: Receiver) -> None:
        self.call = None
        parser = self.parser
        head: Any = parser.head
        self.served += 1
        reusable = (
            head.keep_alive
            and not self.sending
            and not self._eof
            and not self.closed
            and not call.closes
            and not parser.buffered()
            and (call.body is None or not self.transport.get_write_buffer_size())
        )
        call.complete(self, reusable)

    def _wait_for(self, call: Receiver, waiting: Awaitable[Any]) -> None:
        self._waiting = True
        self._pause_reading()
        if call.watched:
            call.rest()
        # Not wrapped without need: the wrapper may be cancelled before it begins, and a coroutine
        # in it would complain that it was never awaited.
        coroutine = waiting if asyncio.iscoroutine(waiting) else _await(waiting)
        self._busy = task = self.engine.loop.create_task(coroutine, context=call.context)
        task.add_done_callback(lambda done: self._ready(call, done))

    def _ready(self, call: Receiver, task: asyncio.Task[None]) -> None:
        self._waiting = False
        self._busy = None
        error = None if task.cancelled() else task.exception()
        if self.call is not call:
            return  # it was given up meanwhile
        if error is not None or task.cancelled():
            app_log.error("Uncaught exception", exc_info=error or asyncio.CancelledError())
            self.fail(HTTPStreamClosedError("Connection closed"))
            return
        try:
            waiting = call.more()
        except ProtocolError as broken:
            self._refuse(broken)
            return
        except Exception:
            app_log.error("Uncaught exception", exc_info=True)
            self.fail(HTTPStreamClosedError("Connection closed"))
            return
        if waiting is not None:
            self._wait_for(call, waiting)
            return
        if call.watched:
            call.heard()
        self._resume_reading()
        self._advance()
        if (self._eof or self.closed) and self.call is call and not self._waiting:
            self._cut(None)

    # --- ending ---------------------------------------------------------------------------------

    def hand_over(self) -> bytes:
        """Give up the transport: another protocol has it from now on.

        Whose that is calls `handed_over_lost` at the end; until then the engine can abort it.

        :returns: the bytes that came after the response.
        """
        self.call = None
        return self.parser.take_rest()

    def handed_over_lost(self) -> None:
        """The transport that was given up is closed."""
        self.closed = True
        self.engine.forget(self)

    def _refuse(self, error: ProtocolError) -> None:
        """What came is no response."""
        call = self.call
        if self._eof and error.reason.startswith("connection closed"):
            self._cut(None)
        elif error.code in (414, 431):
            text = f"no end of the head within {self.parser.max_head_size} bytes"
            gen_log.info("Unsatisfiable read, closing connection: %s", text)
            self.fail(UnsatisfiableReadError(text))
        else:
            gen_log.info(
                "Malformed HTTP message from None: %s (%s)", error.reason, call and call.summary()
            )
            hint = ""
            if error.code == 413:
                hint = f" (max_body_size is {call.max_body_size} bytes)" if call else ""
            failure = HTTPStreamClosedError(f"Connection closed: {error.reason}{hint}")
            failure.__cause__ = error
            self.fail(failure)

    def _cut(self, error: Exception | None) -> None:
        """The connection ended before the response did."""
        call = self.call
        if call is None:
            return
        self.call = None
        self.abort()
        if self.served and self.silent and not self._delivered and call.may_be_repeated():
            # RFC 9112 section 9.3.1: the server closed a connection it was done with, and the
            # request crossed that on its way.
            call.repeat()
        elif error is not None:
            call.fail(error)
        else:
            which = "Connection closed" if self._head_done else "Stream closed"
            call.fail(HTTPStreamClosedError(which))

    def fail(self, error: BaseException) -> None:
        """Give up the call and the connection."""
        call, self.call = self.call, None
        self.abort()
        if call is not None:
            call.fail(error)

    def close(self) -> None:
        """Close in good order. No call may be here."""
        if self.transport is not None and self.left_to_send():
            # Of a request that has been answered already: its server may never read the rest.
            self.abort()
            return
        self.engine.forget(self)
        self.parser.close()
        if self.transport is not None and not self.closed:
            self.transport.close()

    def abort(self) -> None:
        """Close at once; who waits for what is lost learns of it from somebody else."""
        self.call = None
        busy, self._busy = self._busy, None
        if busy is not None:
            busy.cancel()
        self.engine.forget(self)
        self.parser.close()
        if self.transport is not None and not self.closed:
            self.transport.abort()

    def gone(self) -> asyncio.Future[None]:
        """A future that is done when the connection has closed."""
        if self._gone is None:
            self._gone = self.engine.loop.create_future()
            if self.closed:
                self._gone.set_result(None)
        return self._gone

    def is_usable(self) -> bool:
        """Whether an idle connection can take a call, as far as this side knows."""
        return not (self.closed or self._eof or self.transport.is_closing())

    def _is_tls(self) -> bool:
        return self.transport.get_extra_info("ssl_object") is not None

    # --- reading on and off ---------------------------------------------------------------------

    def _pause_reading(self) -> None:
        if self._reading and not self.closed:
            self._reading = False
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if not self._reading and not self.closed and not self.transport.is_closing():
            self._reading = True
            self.transport.resume_reading()


async def _await(result: Awaitable[Any]) -> None:
    await result
