"""One WebSocket connection, of either side, as an asyncio protocol.

Theory of operation. The connection takes over the transport of the handshake. `data_received`
pushes bytes into the frame parser and pulls events; a message is handed to the handler's
``on_message`` in that same call stack, and what handlers write during one read event leaves in one
write at its end. If a handler answers with something to wait for, nothing more is looked at until
that is done: what arrives meanwhile stays in the parser, and past `limits.MAX_UNREAD_MESSAGES` the
transport stops reading.

A handler is anything with ``on_message``, ``on_ping``, ``on_pong``, ``on_ws_connection_close`` and
``log_exception``. Its hooks run in the context in which the connection was opened.
"""

import asyncio
import contextvars
import time
from typing import Any, Final

import whirlwind.platform.contexts as contexts
import whirlwind.protocol.frames as frames
from whirlwind._public import start_values
from whirlwind.gen import convert_yielded
from whirlwind.log import gen_log
from whirlwind.platform.eager import start_now
from whirlwind.protocol import limits
from whirlwind.protocol.errors import ProtocolError
from whirlwind.protocol.websocket import FrameParser
from whirlwind.server.hub import Hub
from whirlwind.server.outlet import Outlet
from whirlwind.websocket.errors import WebSocketClosedError
from whirlwind.websocket.lifetime import ConnectionLifetime

_MAX_MESSAGES: Final = limits.MAX_MESSAGES_PER_TURN
_MAX_UNREAD: Final = limits.MAX_UNREAD_MESSAGES
_MAX_UNSENT: Final = limits.MAX_UNSENT_BYTES
_MAX_DISCARD: Final = limits.MAX_DISCARD

_wall_clock: Final = time.time
_Failure: Final = (Exception, asyncio.CancelledError)


class WebSocketConnection(ConnectionLifetime):
    """Reads what the peer sends, calls the hooks of a handler, and stops reading when it has to."""

    handler: Any
    deflater: Any
    queue: Any
    deadline: float
    write_deadline: float
    #: For the public class on top: without a dict of its own, an instance is 300 bytes smaller.
    params: Any
    _selected_subprotocol: str | None
    _stream: Any
    _owner: Any
    _context: contextvars.Context
    _waiting: Any
    _late_pong: bytes | None
    _finished: bool
    _resume_due: bool
    _dropped: int
    corked: bool

    def __init__(self, handler: Any, masks: bool) -> None:
        """
        :arg handler: who gets the messages.
        :arg masks: whether frames go out masked: a client's do.
        """
        self.handler = handler
        self.masks = masks
        self.closed = True  # until `begin`

    def begin(
        self,
        hub: Hub,
        transport: Any,
        parser: FrameParser,
        deflater: Any,
        owner: Any,
        context: contextvars.Context,
    ) -> None:
        """Take over a connection whose handshake is done, up to its last byte.

        What is sent from now on is collected until `start`.

        :arg hub: whose reaper watches the connection.
        :arg transport: the connection.
        :arg parser: for the peer's frames.
        :arg deflater: a `deflate.Deflater`, or None.
        :arg owner: what `Hub.connection_closed` is told of at the end; None for this connection.
        :arg context: for the hooks. It is the very one of the request, not a copy: what was entered
            in `prepare` can be left in `on_close`.
        """
        Outlet.__init__(self, hub.loop, hub.done)
        self.hub = hub
        self.parser = parser
        self.deflater = deflater
        self._owner = owner
        self._context = context
        self.transport = transport
        self.corked = True
        hub.connections.add(self)
        transport.set_protocol(self)
        if owner is not None and owner.is_blocked():
            self.pause_writing()

    def start(self, opening: Any) -> None:
        """Open: call the hook for that, then read what the peer sends.

        What was sent before, what the hook sends and the answers to messages that came together
        with the handshake leave in one write.

        :arg opening: called without arguments; what it returns is waited for before any message is
            looked at.

        To be called in the context that `begin` was given.
        """
        try:
            opened = opening()
        except _Failure as error:
            self._handler_failed(error)
        else:
            if opened is not None:
                self._await(opened)
        if self._waiting is None and self.parser.buffered():
            self._advance()
        elif not self.queued:
            self.uncork()

    # --- asyncio protocol -----------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Nothing: `begin` was there first."""

    def data_received(self, data: bytes) -> None:
        """Bytes from the peer."""
        if self._ended:
            self._dropped += len(data)
            if self._dropped > _MAX_DISCARD * 16:
                self.transport.abort()
            return
        self.parser.receive(data)
        if self._waiting is not None or self._resume_due:
            # The pong may be among what waits to be looked at.
            self._pong_by = 0.0
            if self.parser.buffered() > _MAX_UNREAD:
                self._pause_reading()
            return
        self._unyielding = 0
        self._take_turn()

    def eof_received(self) -> bool:
        """The peer will send no more; what it has sent is still handled."""
        self._eof = True
        if (
            not self._ended
            and self.parser.buffered()
            and (self._waiting is not None or self._resume_due)
            and self.tls_object() is None
        ):
            return True
        self._watch_unsent()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone, whoever ended it; what it has brought is still handled."""
        self.fail(error)
        self.deadline = self.write_deadline = 0.0
        self.hub.forget(self)
        self._eof = True
        if self._ended or self.shut or not self.parser.buffered():
            self._finish()
        elif self._waiting is None and not self._resume_due:
            self._go_on()

    def _finish(self) -> None:
        """Nothing is left to handle of a connection that is gone: say so, and let go of it."""
        if self._finished:
            return
        self._finished = self._ended = True
        self.parser.close()
        if self.queue is not None:
            self.queue.clear()
        try:
            self._context.run(self._tell_closed)
        finally:
            self.deflater = self.queue = None
            if self._waiting is None:
                self.handler = None
            self.hub.connection_closed(self if self._owner is None else self._owner)

    def pause_writing(self) -> None:
        """The transport's buffer is over its high-water mark."""
        self.block()
        self.write_deadline = 0.0
        self._watch_unsent()

    def resume_writing(self) -> None:
        """The transport's buffer is below its low-water mark."""
        self.write_deadline = 0.0
        self.unblock()
        if self.transport.is_closing():
            self._watch_unsent()
        if self._late_pong is not None and not self.close_sent:
            self.send(self.encode(frames.PONG_FRAME, self._late_pong))
        self._late_pong = None
        if self.queue is not None:
            self.queue.drain()
        if not self._ended and (self.parser.buffered() or not self._reading):
            self._resume_soon()

    # --- what the peer sent ---------------------------------------------------------------------

    def _take_turn(self) -> None:
        """Advance in the context of the hooks."""
        context = self._context
        if contexts.ENTERS:
            contexts.enter(context)
            try:
                self._advance()
            finally:
                contexts.leave(context)
        else:
            context.run(self._advance)

    def _advance(self) -> None:
        """Handle what the parser has until it is used up or something has to be waited for."""
        self.corked = True
        hub = self.hub
        if not self.masks and not hub.busy and not self.closed:
            hub.note_request(self, _wall_clock())
        try:
            self._handle_events()
        except ProtocolError as error:
            self._refuse(error)
        finally:
            if hub.busy and self._out_size:
                if not self.queued:
                    self.queued = True
                    hub.enqueue(self)
            elif not self.queued:
                self.uncork()

    def _handle_events(self) -> None:
        parser = self.parser
        count = 0
        while not self._ended:
            event = parser.next_event()
            if event == frames.MESSAGE:
                self._deliver(parser.take())
            elif event == frames.NEED_DATA:
                break
            elif event == frames.MORE:
                self._resume_soon()
                return
            else:
                self._control(event)
            if self._waiting is not None:
                break
            if self._blocked and self._overflows():
                self._pause_reading()
                return  # until resume_writing()
            if not parser.buffered():
                break
            count += 1
            if count >= _MAX_MESSAGES:
                self._resume_soon()
                return
        if self._eof and not self._ended and self._waiting is None:
            self._end()

    def _overflows(self) -> bool:
        """Whether so much waits for the peer that nothing more is to be read from it."""
        return not self.closed and self.unsent() > _MAX_UNSENT

    def _deliver(self, message: Any) -> None:
        try:
            result = self.handler.on_message(message)
        except _Failure as error:
            self._handler_failed(error)
            return
        if result is not None and result is not self.done:
            self._await(result)

    def _control(self, event: int) -> None:
        if event == frames.CLOSE:
            self._receive_close()
            return
        data = self.parser.take()
        try:
            if event == frames.PING:
                if not self.close_sent:
                    self._pong(data)
                result = self.handler.on_ping(data)
            else:
                if self._pong_by:
                    self._pong_by = 0.0
                    self.set_deadline()
                result = self.handler.on_pong(data)
        except _Failure as error:
            self._handler_failed(error)
            return
        if result is not None and result is not self.done:
            self._await(result)

    def _pong(self, data: bytes) -> None:
        if self._blocked:
            # RFC 6455 section 5.5.3: the newest ping is the one that has to be answered.
            self._late_pong = data
        else:
            self.send(self.encode(frames.PONG_FRAME, data))

    def _await(self, result: Any) -> None:
        """A hook has answered with something to wait for: handle nothing more until it is done."""
        try:
            future: Any
            if asyncio.iscoroutine(result):
                future = start_now(result, self.loop, self._context)
                if future is None:
                    return  # it has ended well
            else:
                future = convert_yielded(result)
        except _Failure as error:
            self._handler_failed(error)
            return
        if not future.done():
            self._waiting = future
            future.add_done_callback(self._waited)
        elif (failure := _failure(future)) is not None:
            self._handler_failed(failure)

    def _waited(self, future: Any) -> None:
        self._waiting = None
        error = _failure(future)
        if error is None:
            self._go_on()
        else:
            if isinstance(future, asyncio.Task) and future.cancelling():
                # Somebody wants it to end, such as a program that ends: that is no failure.
                self._break_off(1001, "going away")
            else:
                self._context.run(self._handler_failed, error)
            if self.closed:
                self._finish()
        if self._finished:
            self.handler = None

    def _resume_soon(self) -> None:
        if not self._resume_due:
            self._resume_due = True
            self.loop.call_soon(self._resume, context=self.hub.context)

    def _resume(self) -> None:
        self._resume_due = False
        if self._waiting is None:
            self._go_on()

    def _go_on(self) -> None:
        if self._finished:
            return
        self._unyielding = 0
        if not self._ended and (self.parser.buffered() or self._eof):
            self._take_turn()
        if self._waiting is None and not self._resume_due:
            if self.closed:
                self._finish()
            elif not self._blocked or not self._overflows():
                self._resume_reading()

    def _handler_failed(self, error: BaseException) -> None:
        """A hook raised: log it, and tell the peer that it is not its fault (RFC 6455: 1011)."""
        if isinstance(error, WebSocketClosedError) and self.is_closing():
            # It wrote to a peer that has left meanwhile, or that this side waits for to leave.
            gen_log.debug("Not sent to %s: the connection is closing", self.peer_name())
            return
        self._log_exception(error)
        self._break_off(1011, "internal error")

def _failure(future: Any) -> BaseException | None:
    """What a hook's coroutine ended with, None if it ended well."""
    try:
        future.result()
    except _Failure as error:
        return error
    return None


start_values(
    WebSocketConnection,
    params=None,
    _selected_subprotocol=None,
    _stream=None,
    corked=False,
    queued=False,
    _owner=None,
    _context=None,
    _finished=False,
    _resume_due=False,
    _waiting=None,
    _late_pong=None,
    _dropped=0,
    _unyielding=0,
)
