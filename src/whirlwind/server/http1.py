"""The server's side of one HTTP/1 connection, as an asyncio protocol.

Theory of operation. `data_received` pushes bytes into the parser and pulls events until nothing is
left or an answer is pending. A request without a body is handed to the application in that same
call stack; what it answers is collected and leaves in one write when the read event is over. At
most one exchange exists at a time: pipelined requests wait, unparsed, in the parser, and past
`limits.MAX_PIPELINE_BUFFER` the transport stops reading.

The application is met in one of two ways (`Site`): `serve` and `open_body` for those that can be
called directly, or the delegates of `httputil` for any other.

Deadlines are numbers on the connection that one reaper per server compares with the clock; no timer
is ever made for a connection.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import whirlwind.httputil.fresh as fresh
import whirlwind.server.clock as clock
from whirlwind import httputil
from whirlwind._public import start_values
from whirlwind.httputil.request import HTTPServerRequest
from whirlwind.log import app_log
from whirlwind.protocol import http1 as http1_core
from whirlwind.protocol import limits
from whirlwind.protocol.errors import ProtocolError
from whirlwind.protocol.heads import RequestHead
from whirlwind.protocol.http1 import RequestParser
from whirlwind.server import refusal
from whirlwind.server.closing import ClosingPeer
from whirlwind.server.exchange import Exchange
from whirlwind.server.site import Site

_NEED_DATA: Final = http1_core.NEED_DATA
_HEAD: Final = http1_core.HEAD
_DATA: Final = http1_core.DATA
_END: Final = http1_core.END

_MAX_PIPELINE: Final = limits.MAX_PIPELINE_BUFFER
_MAX_PER_TURN: Final = limits.MAX_REQUESTS_PER_TURN
_MAX_DISCARD: Final = limits.MAX_DISCARD


class ServerConnection(ClosingPeer):
    """One accepted connection; also what applications know as ``server_connection``."""

    _detached: Any
    _successor: Any
    forwarded: Any
    write_size: int
    deadline: float
    write_deadline: float
    corked: bool
    shut: bool

    def __init__(self, site: Site) -> None:
        """
        :arg site: the server's side of things: its application, limits and open connections.
        """
        super().__init__(site)
        self._advancing = False
        self._resume_due = False
        self._head_begun = False

    # --- asyncio protocol -----------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """A peer has connected (and its TLS handshake is over)."""
        self.transport = transport
        self.site.connections.add(self)
        self.draining: bool = self.site.draining
        self.deadline = self.site.now() + self.site.idle_timeout
        self.site.reaper_needed()

    def data_received(self, data: bytes) -> None:
        """Bytes from the peer."""
        if self._closing:
            self._discard_while_closing(len(data))
            return
        self.parser.receive(data)
        exchange = self.exchange
        if self._blocked if exchange is None else exchange.request_done or exchange.waiting:
            if self.parser.buffered() > _MAX_PIPELINE:
                self._pause_reading()
            return
        self._advance()
        if self._resume_due and self.parser.buffered() > _MAX_PIPELINE:
            self._pause_reading()  # more requests arrive than are answered in one turn

    def eof_received(self) -> bool:
        """The peer will send no more. An answer under way is still finished and sent."""
        self._eof = True
        if self._closing:
            return False
        self.parser.receive_eof()
        exchange = self.exchange
        if exchange is not None and exchange.request_done:
            exchange.keep_alive = False
            if self.tls_object() is None:
                try:
                    exchange.lost()
                except Exception:
                    app_log.error("Uncaught exception in close callback", exc_info=True)
                return not self.closed and self.exchange is not None
            return False
        if not self._blocked if exchange is None else not exchange.waiting:
            self._advance()
        if self._closing or self.tls_object() is not None:
            return False
        return self.exchange is not None or self._resume_due or self._blocked

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone, whoever ended it."""
        self.fail(error)
        self.site.forget(self)
        if self._detached is not None:
            self._detached.transport_done()
            self._detached = None
        self.deadline = self.write_deadline = 0.0
        self.parser.close()
        exchange = self.exchange
        self.exchange = None
        try:
            if exchange is not None:
                exchange.lost()
        except Exception:
            app_log.error("Uncaught exception in close callback", exc_info=True)
        finally:
            self.forwarded = None  # it refers to this
            self.site.connection_closed(self)

    def pause_writing(self) -> None:
        """The transport's buffer is over its high-water mark."""
        self.block()
        self.write_deadline = self.site.now() + self.site.write_timeout
        self.write_size = self.transport.get_write_buffer_size()

    def resume_writing(self) -> None:
        """The transport's buffer is below its low-water mark."""
        self.write_deadline = 0.0
        self.unblock()
        if self._closing:
            self._watch_last_bytes()
        elif self.exchange is None and (self.parser.buffered() or self._eof):
            self._resume_soon()

    # --- what the peer sent ---------------------------------------------------------------------

    def _advance(self) -> None:
        """Handle what the parser has until it is used up or something has to be waited for."""
        if self._advancing:
            return
        self._advancing = True
        self.corked = True
        try:
            self._handle_events()
        except ProtocolError as error:
            self._refuse(error)
        except Exception:
            app_log.error("Uncaught exception in HTTP connection", exc_info=True)
            self._fail_exchange()
        finally:
            self._advancing = False
            if self.site.busy and self._out_size:
                if not self.queued:
                    self.queued = True
                    self.site.enqueue(self)
            elif not self.queued:
                self.corked = False
                self.flush()

    def _handle_events(self) -> None:
        parser = self.parser
        count = 0
        while not self._closing:
            event = parser.next_event()
            if event == _HEAD:
                head: Any = parser.head
                if head.chunked or head.content_length > 0:
                    self._begin_with_body(head)
                else:
                    parser.skip_end()
                    self._begin(head)
                count += 1
            elif event == _DATA:
                self._body_chunk(parser.chunk)
            elif event == _END:
                self._body_end()
            else:
                break
            exchange = self.exchange
            if exchange is not None:
                if exchange.waiting or (exchange.request_done and not self._closing):
                    break
            elif not parser.buffered():
                if not self._closing:
                    self._wait_for_next()
                return
            elif self._blocked:
                break  # the peer does not read its answers: answer no more for now
            elif count >= _MAX_PER_TURN:
                self._resume_soon()
                break
        if self.exchange is None and not self._closing:
            self._wait_for_head()

    def _wait_for_head(self) -> None:
        if self.parser.buffered() and self.parser.in_message():
            if self._blocked:
                # Whole requests may wait here for the peer to read; `write_deadline` sees to that.
                self._head_begun = False
                self.deadline = 0.0
            elif self.deadline == 0.0 or not self._head_begun:
                self._head_begun = True
                self.deadline = self.site.now() + self.site.header_timeout
        else:
            self._wait_for_next()

    def _wait_for_next(self) -> None:
        if self._eof:
            self.close()
        else:
            self._head_begun = False
            if self.deadline == 0.0:
                self.deadline = self.site.clock + self.site.idle_timeout

    def _resume_soon(self) -> None:
        if not self._resume_due:
            self._resume_due = True
            # In the server's context, not in that of the request that has just ended.
            self.loop.call_soon(self._resume, context=self.site.context)

    def _resume(self) -> None:
        self._resume_due = False
        if self.closed or self._closing:
            return
        exchange = self.exchange
        if exchange is None or not (exchange.request_done or exchange.waiting):
            self._advance()
        self._resume_reading()

    # --- requests -------------------------------------------------------------------------------

    def _open_exchange(self, head: RequestHead) -> Exchange:
        site = self.site
        exchange = fresh.instance(Exchange)
        exchange.conn = self
        exchange.method = head.method
        exchange.minor = head.minor
        exchange.keep_alive = head.keep_alive and not (
            site.no_keep_alive or (self._eof and not self.parser.buffered())
        )
        self.exchange = exchange
        self.deadline = 0.0
        self._head_begun = False
        self.parser.max_body_size = site.max_body_size
        return exchange

    def _make_request(self, exchange: Exchange, head: RequestHead) -> HTTPServerRequest:
        site = self.site
        request = fresh.instance(HTTPServerRequest)
        try:
            now = clock.wall()
            site.note_request(self, now)
            request.adopt(head, exchange, self, now)
        finally:
            exchange.request = request
        request.server_connection = self
        if site.xheaders:
            self.forwarded = site.forwarded(self, request.headers)
            request._context = self.forwarded
        return request

    def _begin(self, head: RequestHead) -> None:
        """A request without a body: complete as soon as its head is."""
        site = self.site
        exchange = self._open_exchange(head)
        exchange.request_done = True
        # There is nothing to undo, but a form must not fail for saying that it is compressed.
        decoder = site.body_decoder(head) if site.decompress else None
        direct = site.direct
        if direct is not None:
            request = self._make_request(exchange, head)
            if decoder is not None:
                decoder.rewrite(request.headers)
            direct.serve(request)
        else:
            exchange.decoder = decoder
            self._begin_delegate(exchange, head)
            self._finish_receiver(exchange)

    def _begin_with_body(self, head: RequestHead) -> None:
        site = self.site
        exchange = self._open_exchange(head)
        # Of an early answer's request, a short body is read and dropped; this one is not worth it
        # (RFC 9112 section 9.3 lets a server read everything or close).
        exchange.body_long = head.content_length < 0 or head.content_length > _MAX_DISCARD
        if head.expect_continue:
            exchange.continue_due = True
        if site.body_timeout:
            self.deadline = site.now() + site.body_timeout
        if site.decompress:
            exchange.decoder = site.body_decoder(head)
        if site.direct is not None:
            request = self._make_request(exchange, head)
            if exchange.decoder is not None:
                exchange.decoder.rewrite(request.headers)
            receiver = site.direct.open_body(request)
            if receiver is None:
                exchange.pieces = []
            elif not exchange.is_finished():  # else it has let go of the application already
                exchange.receiver = receiver
        else:
            self._begin_delegate(exchange, head)
        if exchange.continue_due and exchange.is_fresh() and not self._closing:
            if head.content_length <= self.parser.max_body_size:
                self.send(b"HTTP/1.1 100 (Continue)\r\n\r\n")
            exchange.continue_due = False

    def _begin_delegate(self, exchange: Exchange, head: RequestHead) -> None:
        """The general path: the delegates of `httputil`, as Tornado 4.0 defined them."""
        headers = httputil.HTTPHeaders()
        headers.load(head.raw)
        if self.site.xheaders:
            self.forwarded = self.site.forwarded(self, headers)
        receiver = self.site.delegate.start_request(self, exchange)
        exchange.receiver = receiver
        if exchange.decoder is not None:
            exchange.decoder.rewrite(headers)
        line = httputil.RequestStartLine(head.method, head.target, head.version)
        self._wait_for(exchange, receiver.headers_received(line, headers))

    def _body_chunk(self, chunk: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            return
        if exchange.decoder is not None:
            exchange.backlog = exchange.decoder.decode(chunk, self.parser.max_body_size)
            self._deliver_backlog(exchange)
        else:
            self._deliver(exchange, chunk)

    def _deliver_backlog(self, exchange: Exchange) -> None:
        """Deliver what one chunk decompressed to, as far as the receiver takes it at once."""
        for piece in exchange.backlog:
            self._deliver(exchange, piece)
            if exchange.waiting:
                return
        exchange.backlog = None

    def _deliver(self, exchange: Exchange, chunk: bytes) -> None:
        if exchange.is_finished():
            # The answer came before the end of the request; a little more is read so that the
            # connection can be used again, or the peer at least reads the answer.
            exchange.discarded += len(chunk)
            if exchange.discarded > _MAX_DISCARD:
                exchange.keep_alive = False
                self.exchange = None
                self.close()
        elif exchange.pieces is not None:
            exchange.pieces.append(chunk)
        elif exchange.receiver is not None:
            self._wait_for(exchange, exchange.receiver.data_received(chunk))

    def _body_end(self) -> None:
        exchange = self.exchange
        if exchange is None:
            return
        if exchange.decoder is not None:
            exchange.decoder.check_end()
        exchange.request_done = True
        self.deadline = 0.0
        if exchange.is_finished():
            self._exchange_over(exchange)
        elif exchange.pieces is not None:
            pieces = exchange.pieces
            exchange.pieces = None
            request = exchange.request
            request.body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            direct: Any = self.site.direct
            direct.serve(request)
        else:
            self._finish_receiver(exchange)

    def _finish_receiver(self, exchange: Exchange) -> None:
        receiver = exchange.receiver
        if receiver is not None and not exchange.waiting:
            receiver.finish()

    def _wait_for(self, exchange: Exchange, result: Any) -> None:
        """A receiver may answer with an awaitable: read no more until that is done."""
        if result is None:
            return
        exchange.waiting = True
        self._pause_reading()
        task = asyncio.ensure_future(_await(result), loop=self.loop)
        task.add_done_callback(lambda done: self._receiver_ready(exchange, done))

    def _receiver_ready(self, exchange: Exchange, task: "asyncio.Task[None]") -> None:
        exchange.waiting = False
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.closed:
            if isinstance(error, ProtocolError) and self.exchange is exchange:
                self._refuse(error)
                return
            app_log.error(
                "Uncaught exception in a streaming receiver",
                exc_info=(type(error), error, error.__traceback__),
            )
            self._fail_exchange()
            return
        if not self.closed and self.exchange is exchange:
            self._receive_on(exchange)

    def _receive_on(self, exchange: Exchange) -> None:
        """The receiver has done what it was waited for."""
        if exchange.backlog is not None:
            try:
                self._deliver_backlog(exchange)
            except ProtocolError as broken:
                self._refuse(broken)
                return
            if exchange.waiting:
                return
        if exchange.request_done:
            if not exchange.is_finished():
                self._finish_receiver(exchange)
        else:
            self._resume_soon()

    # --- answers --------------------------------------------------------------------------------

    def response_finished(self, exchange: Any) -> None:
        """The last byte of an answer was handed over."""
        current = self.exchange
        if current is None or current is not exchange:
            return
        if self._successor is not None:
            self._hand_over(current)
        elif current.request_done:
            self._exchange_over(current)
        else:
            current.release()
            if current.continue_due or not current.keep_alive:
                # A peer that waits for 100 Continue will not send its body now; where the
                # connection closes anyway, the rest of the body has no use.
                self.exchange = None
                self.close()
            elif not self._advancing:
                self._resume_soon()

    def _exchange_over(self, exchange: Exchange) -> None:
        self.exchange = None
        exchange.release()
        if not exchange.keep_alive or self.draining:
            self.close()
        elif self._advancing:
            self.deadline = 0.0
        else:
            self.deadline = self.site.clock + self.site.idle_timeout
            self._head_begun = False
            if self.parser.buffered() or self._eof:
                self._resume_soon()
            else:
                self._resume_reading()

    def _refuse(self, error: ProtocolError) -> None:
        """Answer a broken request once, and never interpret another byte of its connection."""
        # That a client leaves is its right: one that cancels an upload makes no noise.
        left = self._eof and error.reason.startswith("connection closed")
        refusal.log(
            logging.DEBUG if left else logging.INFO,
            "Malformed HTTP message from %s: %s%s",
            self.remote_ip,
            error.reason,
            refusal.excerpt(self.parser.excerpt),
        )
        exchange = self.exchange
        self.exchange = None
        if exchange is None or exchange.is_fresh():
            head_only = exchange is not None and exchange.method == "HEAD"
            self.send(refusal.answer(error.code, error.reason, head_only))
        # The parser knows no more what is under way: most likely the rest of what was refused.
        self._close(unread=True)
        if exchange is not None:
            self._tell_refused(exchange)

    def _fail_exchange(self) -> None:
        """The application broke its own promises; its peer gets a 500 if that is still possible."""
        exchange = self.exchange
        self.exchange = None
        if exchange is not None and exchange.is_fresh():
            self.send(refusal.answer(500, "internal error", exchange.method == "HEAD"))
        self.close()
        if exchange is not None:
            self._tell_refused(exchange)

    def _tell_refused(self, exchange: Exchange) -> None:
        try:
            exchange.refused()
        except Exception:
            app_log.error("Uncaught exception in close callback", exc_info=True)

    # --- ending ---------------------------------------------------------------------------------

    def begin_drain(self) -> None:
        """Answer what is under way, saying that the connection closes, and nothing after it."""
        self.draining = True

    def is_idle(self) -> bool:
        """Whether neither a request nor a part of one is here."""
        return self.exchange is None and not self.parser.in_message()

    def expire(self, now: float) -> None:
        """The reaper's call: some deadline may have passed.

        :arg now: the loop's time, in seconds.
        """
        if self.write_deadline and now >= self.write_deadline:
            left = self.transport.get_write_buffer_size()
            if left and left >= self.write_size:
                refusal.log(
                    logging.INFO, "Closing a connection from %s that does not read", self.remote_ip
                )
                self.transport.abort()
                return
            self.write_size = left
            self.write_deadline = now + self.site.write_timeout if left else 0.0
        if self.deadline and now >= self.deadline:
            self.deadline = 0.0
            if self._closing:
                if self.write_deadline:
                    self.deadline = now + self.site.linger_timeout  # the answer still leaves
                else:
                    self.transport.abort()
            elif self.is_idle():
                self.close()
            elif self.exchange is None:
                self._refuse(ProtocolError(408, "Timeout reading head"))
            elif not self.exchange.request_done:
                self._refuse(ProtocolError(408, "Timeout reading body"))

    def detach(self) -> Any:
        """Hand the connection over as an `IOStream`, with every byte that was not parsed."""
        from whirlwind.server.detach import detach

        self.exchange = None
        self._closing = True
        self.flush()
        self.shut = True
        rest = self.parser.take_rest()
        self.deadline = 0.0
        stream, self._detached = detach(self.transport, rest, self._blocked)
        if self._detached is None:
            # The transport goes on without us.
            self.loop.call_soon(self.connection_lost, None)
        return stream

    def upgrade(self, successor: Callable[[list[bytes], bytes, bool], None]) -> bool:
        """Hand the connection over when the answer under way, a 101, is finished.

        :arg successor: called with what was not written yet, that answer included, the bytes that
            came after the request, and whether they are the last. It has the transport from then
            on, and tells the site when the connection closes.
        :returns: False if there is no such answer, or a peer that has left: the connection stays
            as it is.
        """
        exchange = self.exchange
        if exchange is None or not exchange.request_done or not exchange.is_fresh():
            return False
        if self._eof and not self.parser.buffered():
            return False
        self._successor = successor
        self.corked = True
        return True

    def _hand_over(self, exchange: Exchange) -> None:
        self.exchange = None
        exchange.release()
        exchange.handed_over = True
        out = self.collected()
        self._closing = self.shut = True
        self.forwarded = None
        self.deadline = self.write_deadline = 0.0
        self.corked = False
        self.site.forget(self)
        successor = self._successor
        self._successor = None
        rest = self.parser.take_rest()
        self.parser = _SPENT  # a parser less for as long as the other protocol lasts
        successor(out, rest, self._eof)
        self._resume_reading()

    # --- settings of one request ----------------------------------------------------------------

    def set_max_body_size(self, size: int) -> None:
        """Change the body limit, in bytes, for the request being read."""
        self.parser.max_body_size = size

    def set_body_timeout(self, timeout: float) -> None:
        """Change how long, in seconds, the body of the request being read may take from now."""
        self.deadline = self.site.now() + timeout if timeout else 0.0


# Python keeps up to 30 attributes of an instance in an array, and more of them in a dict.
start_values(ServerConnection, _detached=None, _successor=None)

_SPENT: Final = RequestParser()
_SPENT.close()


async def _await(result: Any) -> None:
    await result
