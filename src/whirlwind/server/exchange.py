"""One request and its answer on a server connection: what handlers know as ``request.connection``.

An exchange outlives nothing: once its answer is finished it refuses every further call, so a
handler that holds on to it can not write into the answer of the next request.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from whirlwind._public import start_values
from whirlwind.httputil.delegates import HTTPConnection
from whirlwind.protocol.errors import HTTPOutputError
from whirlwind.protocol.headers import HeaderMap, encode_head, encode_open, is_sendable
from whirlwind.server.outlet import Outlet

_FRESH: Final = 0
_HEAD_SENT: Final = 1
_FINISHED: Final = 2
FINISHED: Final = 2  # the same for other modules: C integers cannot be imported

# One buffer is one system call; past a few pages the copy costs more than it saves.
_ONE_BUFFER: Final = 65536

_OK: Final = "HTTP/1.1 200 OK\r\n"


def status_line(code: int, reason: str) -> str:
    """``HTTP/1.1 200 OK`` with its line end, for the phrase that goes with the code."""
    if not is_sendable(reason):
        raise ValueError(f"Unsafe reason phrase {reason!r}")
    return f"HTTP/1.1 {code} {reason}\r\n"


class ExchangeBase:
    """The compiled part of `Exchange`: ``conn`` is the connection, ``method``, ``minor`` and
    ``keep_alive`` the request head's."""

    conn: Outlet
    method: str
    minor: int
    keep_alive: bool
    owner: Any
    receiver: Any
    request: Any
    pieces: list[bytes] | None
    decoder: Any
    backlog: Any
    waiting: bool
    request_done: bool
    body_long: bool
    discarded: int
    continue_due: bool
    _state: int
    _gone: bool
    _chunked: bool
    _left: int
    _close_callback: Callable[[], object] | None
    _view: Any
    handed_over: bool
    told_lost: bool

    def is_finished(self) -> bool:
        """Whether the whole answer was handed over."""
        return self._state == _FINISHED

    def is_fresh(self) -> bool:
        """Whether nothing of an answer was sent."""
        return self._state == _FRESH

    def respond(
        self, code: int, reason: str, headers: HeaderMap, body: bytes, sized: bool
    ) -> Awaitable[None]:
        """Send a whole answer at once.

        :arg headers: with the Content-Length, if there is one.
        :arg sized: whether that is known to be right.

        :returns: an awaitable that is done when the peer's buffers have taken it.
        """
        if self._state != _FRESH:
            raise HTTPOutputError("The response was already started")
        conn = self.conn
        if self._gone or conn.closed:
            self._state = _FINISHED
            return conn.failed()
        if not self.request_done and self.body_long:
            self.keep_alive = False
        if sized and len(body) <= _ONE_BUFFER:
            conn.send(self._start(code, reason, headers, True, body))
        else:
            self._respond_in_two(code, reason, headers, body, sized)
        if not sized and self._left > 0:
            self._too_short()
        self._state = _FINISHED
        done = conn.written() if conn._blocked else conn.done
        conn.response_finished(self)
        return done

    def _respond_in_two(
        self, code: int, reason: str, headers: HeaderMap, body: bytes, sized: bool
    ) -> None:
        head = self._start(code, reason, headers, sized, b"")
        if not body:
            self.conn.send(head + b"0\r\n\r\n" if self._chunked else head)
            return
        if self._chunked:
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        elif not sized and self._left != len(body):
            self._count(len(body))
        else:
            self._left = 0
        if len(body) <= _ONE_BUFFER:
            self.conn.send(head + body)
        else:
            self.conn.send(head)
            self.conn.send(body)

    def start(self, code: int, reason: str, headers: HeaderMap, chunk: bytes) -> Awaitable[None]:
        """Send the head of an answer and perhaps its first bytes."""
        if self._state != _FRESH:
            raise HTTPOutputError("The response was already started")
        if self.is_lost():
            self._state = _HEAD_SENT
            return self.conn.failed()
        head = self._start(code, reason, headers, False, b"")
        if chunk:
            head += self._frame(chunk)
        self.conn.send(head)
        if code >= 200 or code == 101:
            self._state = _HEAD_SENT
        return self.conn.written()

    def _start(self, code: int, reason: str, headers: HeaderMap, sized: bool, body: bytes) -> bytes:
        """Decide the answer's framing (RFC 9112 section 6) and serialise its head.

        :arg body: what goes out behind the head as it is.
        """
        conn = self.conn
        line = _OK if code == 200 and reason == "OK" else status_line(code, reason)
        if sized and self.keep_alive and self.minor and code >= 200 and not conn.draining:
            ready = encode_open(line, headers, body)  # the usual answer: nothing to add
            if ready is not None:
                self._left = 0
                return ready
        last = ""
        self._left = -1  # an interim response may have come before
        fields = headers._map
        if sized:
            self._left = 0
        else:
            last = self._frame_unsized(code, headers)
        if "Transfer-Encoding" in fields:
            headers.drop("Transfer-Encoding")  # the framing is decided here, whatever it says
        option = headers.lookup_normal("Connection") if "Connection" in fields else None
        if option is not None and "close" in option.lower():
            self.keep_alive = False
        elif code >= 200:
            if not self.keep_alive or conn.draining:
                self.keep_alive = False
                if option is None:
                    last += "Connection: close\r\n"
            elif not self.minor and option is None:
                last += "Connection: Keep-Alive\r\n"
        return encode_head(line, headers, last, body)

    def _frame_unsized(self, code: int, headers: HeaderMap) -> str:
        """Decide the framing of a body whose length nobody has counted; a field line for it."""
        bodyless = code < 200 or code == 204 or code == 304 or self.method == "HEAD"
        length = headers.lookup_normal("Content-Length")
        if length is not None:
            if not length.isdecimal() or not length.isascii() or len(length) > 18:
                raise HTTPOutputError(f"Content-Length is not a number: {length!r}")
            self._left = 0 if bodyless else int(length)
            if code < 200 or code == 204:
                headers.drop("Content-Length")  # RFC 9110 section 8.6
        elif bodyless:
            self._left = 0
        elif self.minor:
            self._chunked = True
            return "Transfer-Encoding: chunked\r\n"
        else:
            self.keep_alive = False
        return ""

    def _frame(self, chunk: bytes) -> bytes:
        if self._chunked:
            return b"%x\r\n%s\r\n" % (len(chunk), chunk)
        self._count(len(chunk))
        return chunk

    def _count(self, size: int) -> None:
        """Count body bytes against Content-Length (RFC 9110 section 8.6)."""
        if self._left >= 0:
            if size > self._left:
                self.conn.close()
                raise HTTPOutputError("Tried to write more data than Content-Length")
            self._left -= size

    def _too_short(self) -> None:
        left = self._left
        self.conn.close()
        raise HTTPOutputError(f"Tried to write {left} bytes less than Content-Length")

    def send_body(self, chunk: bytes) -> Awaitable[None]:
        """Send some bytes of the body."""
        if self._state != _HEAD_SENT:
            raise HTTPOutputError(
                "The response is finished" if self._state == _FINISHED else "No head was sent yet"
            )
        if self.is_lost():
            return self.conn.failed()
        if chunk:
            self.conn.send(self._frame(chunk))
        return self.conn.written()

    def send_raw(self, data: bytes) -> Awaitable[None]:
        """Send bytes of an answer whose head the application writes as well.

        Nobody knows here where it ends, so the connection will.
        """
        self._state = _HEAD_SENT
        self._left = -1
        self.keep_alive = False
        return self.send_body(data)

    def end(self) -> None:
        """Finish the answer."""
        if self._state != _HEAD_SENT:
            if self._state == _FINISHED:
                return
            raise HTTPOutputError("No head was sent yet")
        if self._left > 0 and not self.is_lost():
            self._too_short()
        if self.body_long and not self.request_done:
            self.keep_alive = False
        self._state = _FINISHED
        if not self.is_lost():
            if self._chunked:
                self.conn.send(b"0\r\n\r\n")
            self.conn.response_finished(self)

    def is_lost(self) -> bool:
        """Whether nobody is there any more to read what is written."""
        return self._gone or self.conn.is_gone()

    def cut(self) -> None:
        """Give up an answer that was begun: what was sent leaves, its end does not."""
        if self._state != _FINISHED:
            self._state = _FINISHED
            self.keep_alive = False
            self._close_callback = None
            if not self.is_lost():
                self.conn.close()

    def refused(self) -> None:
        """The connection has answered in the application's place."""
        self._gone = True
        self.lost()

    def release(self) -> None:
        """Let go of the application: it refers to this exchange, which closes a circle."""
        self.receiver = self.owner = self.request = self.decoder = self.backlog = None
        self.pieces = None
        self._close_callback = None
        self._view = None

    def lost(self) -> None:
        """The peer went away before the answer was finished."""
        receiver = self.receiver
        owner = self.owner
        callback = self._close_callback
        self.release()
        if self._state == _FINISHED:
            return
        self.told_lost = True
        if receiver is not None and not self.request_done:
            # As in Tornado, who still receives the request learns it this way alone: a handler on
            # an HTTP1Connection has set its own method as the callback too.
            receiver.on_connection_close()
            return
        if owner is not None:
            owner.on_connection_close()
        if callback is not None:
            callback()


start_values(
    ExchangeBase,
    owner=None,
    receiver=None,
    request=None,
    pieces=None,
    decoder=None,
    backlog=None,
    waiting=False,
    request_done=False,
    body_long=False,
    discarded=0,
    continue_due=False,
    _view=None,
    handed_over=False,
    told_lost=False,
    _state=0,
    _left=0,
    _gone=False,
    _chunked=False,
    _close_callback=None,
)


class Exchange(ExchangeBase, HTTPConnection):
    """The connection of one request, as applications see it (Tornado 4.0's ``HTTPConnection``)."""

    __slots__ = ()

    @property
    def context(self) -> Any:
        """What is known of the peer: ``remote_ip``, ``protocol``, ``address``.

        With ``xheaders``, what the proxy says of the client of the present request.
        """
        conn: Any = self.conn
        return conn if conn.forwarded is None else conn.forwarded

    @property
    def no_keep_alive(self) -> bool:
        """Whether the connection closes after this exchange."""
        return not self.keep_alive

    def write_headers(
        self,
        start_line: Any,
        headers: Any,
        chunk: bytes | None = None,
    ) -> Any:
        """Write the head of the response.

        :arg start_line: a `ResponseStartLine`; its version is not used.
        :arg headers: an `HTTPHeaders`; without Content-Length the body goes out chunked.
        :arg chunk: the first bytes of the body.
        :returns: an awaitable that is done when the data was handed to the operating system.
        :raises ValueError: a name or value would split the response.
        :raises HTTPOutputError: the response was already started, or lies about its length.
        """
        return self.start(
            start_line.code, start_line.reason, headers, bytes(chunk) if chunk else b""
        )

    def write(self, chunk: bytes) -> Any:
        """Write bytes of the response's body.

        Before `write_headers` these may be a response with its status line and all, as programs
        wrote them until Tornado 4.0; the connection closes after it.

        :returns: an awaitable that is done when the data was handed to the operating system.
        :raises HTTPOutputError: more than Content-Length says, or no response is under way.
        """
        data = bytes(chunk)
        if self._state == _FRESH and data.startswith(b"HTTP/1."):
            return self.send_raw(data)
        return self.send_body(data)

    def finish(self) -> None:
        """Say that the body is complete.

        :raises HTTPOutputError: fewer bytes than Content-Length said; the connection is closed.
        """
        self.end()

    @property
    def stream(self) -> Any:
        """The connection as a stream; to read from it or write to it detaches it.

        None when the connection is somebody else's: after `detach`, in an open WebSocket.
        """
        if self.handed_over:
            return None
        view = self._view
        if view is None:
            from whirlwind.server.stream_view import StreamView

            view = self._view = StreamView(self)
        return view

    def set_close_callback(self, callback: Callable[[], object] | None) -> None:
        """Call ``callback`` without arguments if the peer goes away before the response is sent."""
        self._close_callback = callback

    def set_max_body_size(self, max_body_size: int) -> None:
        """Change the limit for this request's body, in bytes; effective before its first byte."""
        conn: Any = self.conn
        conn.set_max_body_size(max_body_size)

    def set_body_timeout(self, timeout: float) -> None:
        """Change how long, in seconds, this request's body may take."""
        conn: Any = self.conn
        conn.set_body_timeout(timeout)

    def close(self) -> None:
        """Close the connection once what was written has left."""
        self.keep_alive = False
        self.conn.close()

    def detach(self) -> Any:
        """Take the connection away from HTTP.

        :returns: an `IOStream` over the same socket, with every byte not parsed yet in its buffer.
        """
        stream = self.become_stream()
        self._view = None
        self.handed_over = True
        return stream

    def become_stream(self) -> Any:
        """End HTTP on the connection for who has begun to read and write it as a stream."""
        conn: Any = self.conn
        stream = conn.detach()
        self._state = _FINISHED
        view = self._view
        self.release()
        self._view = view
        return stream

    def tls_object(self) -> Any:
        """The `ssl.SSLObject` of the connection, or None."""
        conn: Any = self.conn
        return conn.tls_object()
