"""One fetch: from the queue to the response, through redirects and repetitions."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from whirlwind._public import start_values
from whirlwind.client import redirect
from whirlwind.client.errors import HTTPStreamClosedError, HTTPTimeoutError
from whirlwind.client.producing import Production
from whirlwind.client.receiver import Receiver
from whirlwind.httpclient.response import HTTPResponse, make_response
from whirlwind.httputil import HTTPHeaders
from whirlwind.log import app_log
from whirlwind.protocol import limits, scan
from whirlwind.protocol.codings import Decoder, decoder_for

if TYPE_CHECKING:
    from whirlwind.client.connection import ClientConnection
    from whirlwind.client.dial import Dial
    from whirlwind.client.engine import Engine
    from whirlwind.httpclient.request import HTTPRequest
    from whirlwind.protocol.heads import ResponseHead

_clock: Final = time.monotonic
_wall_clock: Final = time.time
_INFINITE: Final = math.inf
_ENCODED: Final = 1 << scan.CONTENT_ENCODING


class Call(Receiver):
    """One request of a client.

    :arg engine: the client's.
    :arg request: what to fetch; a `_RequestProxy` brings defaults along.
    :arg callback: called once, with the response or what stands for it.

    :ivar original: `HTTPRequest`, what was asked for, before any redirect.
    :ivar deadline: float, when `expire` is to be called, on the monotonic clock.
    :ivar read_timeout: float, seconds that the server may be silent when it is its turn.
    :ivar write_timeout: float, seconds that it may take nothing of a request that waits to be sent.
    """

    engine: Engine
    callback: Callable[[HTTPResponse], None]
    original: HTTPRequest
    done: bool
    deadline: float
    read_timeout: float
    write_timeout: float
    #: Whether the limit for the request as a whole is one that somebody set.
    has_total_limit: bool
    #: Whether a callback of the program has had something of the response.
    was_delivered: bool
    dial: Dial | None
    connection: ClientConnection | None
    #: When the call was put into the queue; 0 if it was not.
    queued_at: float
    _ends: float
    _written: int
    _phase: str | None
    _on_head: Callable[[ResponseHead], None] | None
    _redirects: int
    _following: bool
    _discarded: int
    _connecting: asyncio.Task[None] | None
    _production: Production | None
    _response: ResponseHead
    _headers: HTTPHeaders | None
    _collected: list[bytes] | None
    _sink: Callable[[bytes], Any] | None
    _header_callback: Callable[[str], Any] | None
    _decoder: Decoder | None
    _backlog: Iterator[bytes] | None
    _started: float
    _started_wall: float
    _first_byte: float
    max_body_size: int
    pieces: list[bytes] | None
    body: bytes | None
    context: contextvars.Context

    def __init__(
        self, engine: Engine, request: HTTPRequest, callback: Callable[[HTTPResponse], None]
    ) -> None:
        super().__init__(request)
        self.original = self._raw
        self.engine = engine
        self.callback = callback
        self.max_body_size = engine.max_body_size
        self.deadline = self._ends = _INFINITE

    # --- from the queue to the connection -------------------------------------------------------

    def submit(
        self,
        sink: Callable[[bytes], Any] | None = None,
        on_head: Callable[[ResponseHead], None] | None = None,
    ) -> None:
        """Begin; what is wrong with the request fails it like anything else.

        :arg sink: takes the body instead of the request's ``streaming_callback``.
        :arg on_head: called when the final response begins.
        """
        self._started = now = _clock()
        self._started_wall = _wall_clock()
        try:
            self.prepare()
        except Exception as error:
            self.done = True
            self._respond(error)
            return
        raw = self._raw
        default = self._defaults.get
        if raw.request_timeout is not None:
            self.has_total_limit = True
        self._sink = sink or raw.streaming_callback or default("streaming_callback")
        self._on_head = on_head
        self._header_callback = raw.header_callback or default("header_callback")
        if self._sink is not None or self._header_callback is not None or self.deferred:
            # What the program hears of this call, it hears in the context that it called from.
            self.context = contextvars.copy_context()
        engine = self.engine
        if engine.admit(self):
            self._ends = now + self.request_timeout
            self._dispatch(now)
        else:
            self.queued_at = now
            self._set_deadline(now + self.queue_limit(), now)

    def queue_limit(self) -> float:
        """Seconds that the call may wait in the queue."""
        return min(self.connect_timeout, self.request_timeout)

    def start(self) -> None:
        """The engine has a place for this call, which was in the queue."""
        self._started = now = _clock()
        self._started_wall = _wall_clock()
        self._ends = now + self.request_timeout
        self._dispatch(now)

    def _dispatch(self, now: float, fresh: bool = False) -> None:
        """Send the request, over a connection that is there or is made for it."""
        engine = self.engine
        if not fresh:
            pool = engine.pool
            connection = pool.take(self.key, now, self)
            if connection is not None:
                self._send(connection, now)
                return
        self._set_deadline(min(now + self.connect_timeout, self._ends), now)
        try:
            self._connecting = self.engine.connect(self)
        except Exception as error:
            self.fail(error)

    def connecting(self, dial: Dial) -> None:
        """A connection is being made."""
        self.dial = dial

    def connected(self, connection: ClientConnection) -> None:
        """The connection that was made for this call is there."""
        self._connecting = self.dial = None
        if self.done:
            connection.close()
        elif not connection.is_usable():
            connection.abort()
            self.fail(HTTPStreamClosedError("Stream closed"))
        else:
            self._send(connection, _clock())

    def _send(self, connection: ClientConnection, now: float) -> None:
        self.connection = connection
        self.deadline = ends = self._ends
        engine = self.engine
        if ends < engine.next_look:
            engine.watch(ends, now)
        connection.begin(self)
        if self.deferred and not self.done:
            if self._continue_due:
                self._set_deadline(min(ends, now + limits.CONTINUE_TIMEOUT), now)
            else:
                self._send_body()
        elif self.watched and not connection.is_blocked():
            self.heard()

    def _set_deadline(self, deadline: float, now: float) -> None:
        self.deadline = deadline
        engine = self.engine
        if deadline < engine.next_look:
            engine.watch(deadline, now)

    def expire(self, now: float) -> None:
        """The deadline has passed."""
        if self._continue_due and self.connection is not None and now < self._ends:
            # RFC 9110 section 10.1.1: an old server may never answer the question.
            self._go_on()
        elif self._connecting is not None and self.dial is not None:
            self.fail(HTTPTimeoutError(f"Timeout {self.dial.phase}", self.dial.step))
        elif self.connection is None:
            self.fail(HTTPTimeoutError("Timeout in request queue", "queue"))
        elif now >= self._ends:
            self.fail(HTTPTimeoutError("Timeout during request"))
        elif self._phase == "read":
            self.fail(HTTPTimeoutError(f"Timeout while reading from {self.origin.name}", "read"))
        elif self.connection.left_to_send() < self._written:
            self.blocked()  # slow, but it moves
        else:
            self.fail(HTTPTimeoutError(f"Timeout while writing to {self.origin.name}", "write"))

    # --- waiting for the server, where that has limits of its own ---------------------------------

    def heard(self) -> None:
        """Something came from the server, or it is its turn now."""
        self._phase = "read"
        now = _clock()
        self._set_deadline(min(self._ends, now + self.read_timeout), now)

    def blocked(self) -> None:
        """The server has to read before more can be sent."""
        if self.connection is not None:
            self._phase = "write"
            self._written = self.connection.left_to_send()
            now = _clock()
            self._set_deadline(min(self._ends, now + self.write_timeout), now)

    def wrote(self) -> None:
        """The server has taken what was sent, if not all of it."""
        self.rest()
        if self.connection is not None and not self.connection.sending:
            self.heard()

    def lift_limit(self) -> None:
        """Let the response take as long as it likes, as long as the server is not silent."""
        self._ends = self.deadline = _INFINITE
        if not self.watched:
            self.read_timeout = self.request_timeout
            self.write_timeout = _INFINITE
            self.watched = True
        self.heard()

    def rest(self) -> None:
        """It is not the server's turn: only the whole has a limit."""
        self._phase = None
        self._set_deadline(self._ends, _clock())

    # --- the request's body ---------------------------------------------------------------------

    def _go_on(self) -> None:
        """The server does not mind the body, or says nothing about it."""
        self._continue_due = False
        self._set_deadline(self._ends, _clock())
        self._send_body()

    def _send_body(self) -> None:
        connection = self.connection
        if connection is None:
            return
        if self._producer is None:
            connection.sending = False
            if self.body:
                connection.write(self.body)
            if self.watched and not connection.is_blocked():
                self.heard()
            return
        assert self._framing is not None
        self._production = Production(self._producer, self._framing, connection, self._produced)
        self._production.start(self.engine.loop, self.context)

    def _produced(self, error: Exception | None) -> None:
        self._production = None
        if error is not None:
            self.fail(error)
            return
        connection = self.connection
        if connection is not None:
            connection.sending = False
            if self.watched and not connection.is_blocked():
                self.heard()

    # --- the response ---------------------------------------------------------------------------

    def interim_received(self, head: ResponseHead) -> None:
        """A 1xx response: another will follow."""
        if head.status == 100 and self._continue_due:
            self._go_on()
        elif self._header_callback is not None:
            headers = HTTPHeaders()
            headers.load(head.raw)
            self._announce(self._header_callback, head, headers)

    def head_received(self, head: ResponseHead) -> None:
        """The final response begins."""
        self._first_byte = now = _clock()
        self._response = head
        if self._continue_due:
            # The answer came instead of "go on": the body will not be sent.
            self._continue_due = False
            self._set_deadline(self._ends, now)
        if head.status in redirect.CODES and self._is_followed(head):
            self._following = True
            if head.until_close or head.content_length > limits.MAX_DISCARD:
                self._skip_body()
            return
        if head.seen & _ENCODED and self._codings:
            self._open_decoder(head)
        if self._header_callback is not None:
            if self._headers is None:
                self._headers = HTTPHeaders()
                self._headers.load(head.raw)
            self._announce(self._header_callback, head, self._headers)
        if self._sink is None:
            self._collected = []
            if self._decoder is None:
                self.pieces = self._collected
        if self._on_head is not None:
            self._on_head(head)

    def _is_followed(self, head: ResponseHead) -> bool:
        return (
            bool(self.setting("follow_redirects"))
            and self._redirects < (self.setting("max_redirects") or 0)
            and head.get(b"location") is not None
        )

    def _open_decoder(self, head: ResponseHead) -> None:
        headers = HTTPHeaders()
        headers.load(head.raw)
        # All lines of the field: several codings are left as they are.
        self._decoder = decoder_for(headers["Content-Encoding"], self._codings)
        if self._decoder is not None:
            self._headers = headers
            Decoder.rewrite(headers)

    def _announce(
        self, callback: Callable[[str], Any], head: ResponseHead, headers: HTTPHeaders
    ) -> None:
        lines = [f"{head.version} {head.status} {head.reason}\r\n"]
        lines += [f"{name}: {value}\r\n" for name, value in headers.get_all()]
        lines.append("\r\n")
        context = self.context
        assert context is not None
        self.was_delivered = head.status >= 200
        for line in lines:
            context.run(callback, line)

    def body_received(self, chunk: bytes) -> Awaitable[Any] | None:
        """A piece of the response's body; see `Receiver.body_received`."""
        if self._decoder is not None:
            self._backlog = self._decoder.decode(chunk, self.max_body_size)
            return self.more()
        return self._deliver(chunk)

    def more(self) -> Awaitable[Any] | None:
        """Go on with what the last piece decompressed to; answers as `body_received`."""
        if self._backlog is not None:
            for piece in self._backlog:
                waiting = self._deliver(piece)
                if waiting is not None:
                    return waiting
            self._backlog = None
        return None

    def _deliver(self, chunk: bytes) -> Awaitable[Any] | None:
        if self._collected is not None:
            self._collected.append(chunk)
        elif self._following:
            self._discarded += len(chunk)
            if self._discarded > limits.MAX_DISCARD:
                self._skip_body()
        elif self._sink is not None:
            self.was_delivered = True
            context = self.context
            assert context is not None
            result = context.run(self._sink, chunk)
            if result is not None and inspect.isawaitable(result):
                return result
        return None

    def own_headers(self) -> HTTPHeaders | None:
        """The header fields where they are not those that were received."""
        return self._headers

    def times(self) -> tuple[float, float, dict[str, float]]:
        """When the call began, how long it has taken, and its parts, for an `HTTPResponse`."""
        started = self._started
        took = _clock() - started
        parts = {"starttransfer": self._first_byte - started, "total": took}
        if self.queued_at:
            parts["queue"] = started - self.queued_at
        return self._started_wall, took, parts

    def body_ended(self) -> None:
        """The response is complete, unless its content is not."""
        if self._decoder is not None:
            self._decoder.check_end()

    def complete(self, connection: ClientConnection, reusable: bool) -> None:
        """The response has come to its end.

        :arg reusable: whether the connection can serve another request.
        """
        self.connection = None
        if self._production is not None:
            self._stop_production()
        engine = self.engine
        now = _clock()
        engine.release(connection, reusable, now)
        if self._following:
            self._follow(now)
            return
        self.done = True
        engine.leave(self)
        body = b""
        pieces = self._collected
        if pieces:
            body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        response = make_response(self.original, self._response, body, self.url, *self.times())
        if self._headers is not None:
            response.headers = self._headers
        if connection.parser.trailers:
            response._trailers = connection.parser.trailers
        try:
            self.callback(response)
        except Exception:
            app_log.error("Uncaught exception in the callback of a fetch", exc_info=True)

    # --- redirects ------------------------------------------------------------------------------

    def _skip_body(self) -> None:
        """Follow the redirect without what else it says."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.abort()
            self._follow(_clock())

    def _follow(self, now: float) -> None:
        head = self._response
        self._redirects += 1
        self._following = False
        self._discarded = 0
        self.body = None
        self.deferred = self._continue_due = False
        self._producer = self._framing = None
        try:
            location = head.get(b"location") or ""
            self._use(
                redirect.next_request(self._raw, self._defaults, self.url, head.status, location)
            )
            self.prepare()
        except Exception as error:
            self.fail(error)
            return
        self._dispatch(now)

    # --- ending early ---------------------------------------------------------------------------

    def repeat(self) -> None:
        """Send the request again: the connection was closing when it was sent."""
        self.connection = None
        self._continue_due = self.deferred
        self._dispatch(_clock(), fresh=True)

    def give_up(self) -> None:
        """Nobody wants the response any more."""
        self.fail(HTTPStreamClosedError("The fetch was cancelled"))

    def fail(self, error: BaseException) -> None:
        """End without a response, and close the connection."""
        if self.done:
            return
        self.done = True
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.abort()
        connecting, self._connecting = self._connecting, None
        self.dial = None
        if connecting is not None:
            connecting.cancel()
        self._stop_production()
        self._backlog = None
        self.engine.leave(self)
        self._respond(error)

    def _stop_production(self) -> None:
        production, self._production = self._production, None
        if production is not None:
            production.stop()

    def _respond(self, error: BaseException) -> None:
        """Call back with what stands for a response."""
        response = HTTPResponse(
            self.original,
            599,
            error=error,
            request_time=_clock() - self._started,
            start_time=self._started_wall,
        )
        try:
            self.callback(response)
        except Exception:
            app_log.error("Uncaught exception in the callback of a fetch", exc_info=True)


start_values(
    Call,
    done=False,
    read_timeout=0.0,
    write_timeout=0.0,
    has_total_limit=False,
    was_delivered=False,
    dial=None,
    connection=None,
    queued_at=0.0,
    _written=0,
    _phase=None,
    _on_head=None,
    _redirects=0,
    _following=False,
    _discarded=0,
    _connecting=None,
    _production=None,
    _headers=None,
    _collected=None,
    _sink=None,
    _header_callback=None,
    _decoder=None,
    _backlog=None,
    _started=0.0,
    _started_wall=0.0,
    _first_byte=0.0,
)
