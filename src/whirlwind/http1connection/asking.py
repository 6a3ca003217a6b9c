"""The client's side of an exchange over a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from whirlwind.concurrent import Future, create_future
from whirlwind.httputil import HTTPHeaders, HTTPMessageDelegate, ResponseStartLine
from whirlwind.iostream import StreamClosedError
from whirlwind.log import app_log, gen_log
from whirlwind.protocol import http1 as http1_core
from whirlwind.protocol import scan
from whirlwind.protocol.errors import HTTPOutputError, ProtocolError
from whirlwind.protocol.headers import encode_head
from whirlwind.protocol.http1 import ResponseParser
from whirlwind.protocol.limits import MAX_BODY_SIZE, STREAM_CHUNK_SIZE
from whirlwind.protocol.sending import Framing
from whirlwind.server.decoder import decoder_for

if TYPE_CHECKING:
    from whirlwind.http1connection.parameters import HTTP1ConnectionParameters
    from whirlwind.iostream import IOStream
    from whirlwind.protocol.codings import Decoder
    from whirlwind.protocol.heads import ResponseHead

#: Requests that say something by having no body at all (RFC 9110 section 8.6).
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})

# A server that sends tiny chunks makes more work than its bytes tell. Heads, behind which they may
# come, and chunked bodies are parsed in slices; each byte of framing counts for so many bytes, and
# after so many the loop gets its turn.
_SLICE: Final = 2048
_FRAMING_COST: Final = 200
_WORK_PER_TURN: Final = 262144


class AskingSide:
    """Writes a request to a stream and reads the response."""

    def __init__(self, stream: IOStream, params: HTTP1ConnectionParameters) -> None:
        """
        :arg stream: the stream.
        :arg params: limits.
        """
        self.stream: IOStream | None = stream
        self._params = params
        self._method = "GET"
        self._begun = False
        self._sent: Future[None] = create_future()
        # Done when nothing can be sent any more; there is one while somebody waits for that.
        self._closed: Future[None] | None = None
        self._close_callback: Callable[[], None] | None = None
        self._framing: Framing | None = None
        self._max_body_size = params.max_body_size or stream.max_buffer_size or MAX_BODY_SIZE
        self._body_timeout = params.body_timeout
        self._body_timer: asyncio.Timeout | None = None
        self._parser: ResponseParser | None = None
        # What came from the stream and was not given to the parser yet, from an offset on.
        self._slices = b""
        self._offset = 0
        self._work = 0
        self._decoder: Decoder | None = None

    # Writing.

    def write_headers(self, start_line: Any, headers: HTTPHeaders, chunk: bytes | None) -> Any:
        """Write the request's head, and perhaps the first of its body."""
        if self._begun:
            raise HTTPOutputError("The request was already started")
        method, target = start_line[0], start_line[1]
        _check_start_line(method, target)
        last = self._decide_framing(method, headers)
        head = encode_head(f"{method} {target} HTTP/1.1\r\n", headers, last)
        self._method = method
        if chunk:
            head += self._frame(chunk)
        self._begun = True
        return self._send(head)

    def _decide_framing(self, method: str, headers: HTTPHeaders) -> str:
        """How the body will be framed (RFC 9112 section 6); returns the field that is missing."""
        coding = headers.get("Transfer-Encoding")
        length = headers.get("Content-Length")
        last = ""
        if coding is not None:
            if coding.lower() != "chunked":
                raise HTTPOutputError(f"Unknown Transfer-Encoding {coding!r}")
            if length is not None:
                raise HTTPOutputError("A request has Content-Length or Transfer-Encoding, not both")
            self._framing = Framing(None)
        elif length is not None:
            if not (length.isdecimal() and length.isascii()):
                raise HTTPOutputError(f"Content-Length is not a number: {length!r}")
            self._framing = Framing(int(length))
        elif method in _WITH_BODY:
            self._framing = Framing(None)
            last = "Transfer-Encoding: chunked\r\n"
        if self._params.no_keep_alive and "Connection" not in headers:
            last += "Connection: close\r\n"
        return last

    def write(self, chunk: bytes) -> Any:
        """Write some of the body."""
        if not self._begun or self._sent.done():
            raise HTTPOutputError("No request is being written")
        return self._send(self._frame(chunk) if chunk else b"")

    def _frame(self, chunk: bytes) -> bytes:
        if self._framing is None:
            raise HTTPOutputError(
                f"The body of a {self._method} request needs Content-Length, or Transfer-Encoding"
            )
        try:
            return self._framing.frame(chunk)
        except HTTPOutputError:
            self.close()
            raise

    def _send(self, data: bytes) -> Any:
        try:
            if self.stream is None:
                raise StreamClosedError
            return self.stream.write(data)
        except StreamClosedError as error:
            future: Future[None] = create_future()
            future.set_exception(error)
            future.exception()  # who does not await the write does not care
            return future

    def finish(self) -> None:
        """The request is complete."""
        if not self._begun:
            raise HTTPOutputError("No request is being written")
        if self._sent.done():
            return
        if self._framing is not None:
            try:
                end = self._framing.end()
            except HTTPOutputError:
                self.close()
                raise
            if end:
                self._send(end)
        self._sent.set_result(None)

    # Reading.

    async def read(self, delegate: HTTPMessageDelegate) -> bool:
        """Read the response; see `HTTP1Connection.read_response`."""
        params = self._params
        parser = self._parser = ResponseParser(
            params.max_header_size, self._max_body_size, params.chunk_size
        )
        parser.expect(self._method)
        reading = _Delegate(delegate)
        try:
            if not await self._read_message(parser, reading):
                return False
            self._give_back()
            await self._wait_for_request()
            return not self._is_detached()
        except ProtocolError as error:
            gen_log.info("Malformed HTTP message from %s: %s", self._peer(), error.reason)
            reading.begun = True
            self.close()
            return False
        except _DelegateError as error:
            cause = error.__cause__
            app_log.error("Uncaught exception", exc_info=cause)
            self.close()
            return False
        except BaseException:
            self.close()
            raise
        finally:
            self._parser = None
            reading.lost()

    async def _read_message(self, parser: ResponseParser, delegate: _Delegate) -> bool:
        """Read interim responses and the final one; False when there will be none."""
        while True:
            try:
                async with asyncio.timeout(self._params.header_timeout):
                    while parser.next_event() == http1_core.NEED_DATA:
                        await self._receive(parser)
            except TimeoutError:
                self.close()
                return False
            head: Any = parser.head
            await self._begin(head, delegate)
            if self._is_detached():
                delegate.detached()
                return False
            if head.status >= 200 or head.status == 101:
                break
        if head.status != 101:
            timer = self._body_timer = asyncio.timeout(self._body_timeout)
            try:
                async with timer:
                    await self._read_body(parser, head, delegate)
            except TimeoutError:
                if not timer.expired():
                    raise
                gen_log.info("Timeout reading body from %s", self._peer())
                self.close()
                return False
            finally:
                self._body_timer = None
        if self._is_detached():
            delegate.detached()
            return False
        delegate.finish()
        return True

    async def _begin(self, head: ResponseHead, delegate: _Delegate) -> None:
        headers = HTTPHeaders()
        headers.load(head.raw)
        if self._params.decompress and head.status >= 200:
            self._decoder = decoder_for(head, self._params.chunk_size)
            if self._decoder is not None:
                self._decoder.rewrite(headers)
        line = ResponseStartLine(head.version, head.status, head.reason)
        await delegate.headers_received(line, headers)

    async def _read_body(
        self, parser: ResponseParser, head: ResponseHead, delegate: _Delegate
    ) -> None:
        # Set now: `headers_received` may have changed it.
        limit = parser.max_body_size = self._max_body_size
        chunk_size = self._params.chunk_size
        pieces: list[bytes] = []
        size = 0
        empty = True
        while not self._is_detached():
            event = parser.next_event()
            if event == http1_core.NEED_DATA and self._offset < len(self._slices):
                await self._receive(parser, head)
                continue
            more = len(parser.chunk) if event == http1_core.DATA else 0
            if pieces and (not more or size + more > chunk_size):
                await self._deliver(b"".join(pieces), limit, delegate)
                pieces = []
                size = 0
            if event == http1_core.DATA:
                empty = False
                pieces.append(parser.chunk)
                size += more
                self._work -= _FRAMING_COST * more
            elif event == http1_core.END:
                if self._decoder is not None and not empty:
                    self._decoder.check_end()
                return
            elif not self._is_detached():
                await self._receive(parser, head)

    async def _deliver(self, chunk: bytes, limit: int, delegate: _Delegate) -> None:
        if self._decoder is None:
            await delegate.data_received(chunk)
            return
        for piece in self._decoder.decode(chunk, limit):
            await delegate.data_received(piece)

    async def _receive(self, parser: ResponseParser, body_of: ResponseHead | None = None) -> None:
        """Give the parser more of what has arrived, or wait for it."""
        stream = self.stream
        if stream is None:
            raise StreamClosedError
        if self._offset >= len(self._slices):
            try:
                self._slices = await stream.read_bytes(STREAM_CHUNK_SIZE, partial=True)
            except StreamClosedError:
                if body_of is None or not body_of.until_close or stream.error is not None:
                    raise
                parser.receive_eof()
                return
            self._offset = 0
        if body_of is not None and not body_of.chunked:
            data = self._slices[self._offset :] if self._offset else self._slices
            self._slices = b""
            self._offset = 0
        else:
            data = self._slices[self._offset : self._offset + _SLICE]
            self._offset += len(data)
            self._work += (1 + _FRAMING_COST) * len(data)
            if self._work > _WORK_PER_TURN:
                self._work = 0
                await asyncio.sleep(0)
        parser.receive(data)

    async def _wait_for_request(self) -> None:
        """The response may come before the end of the request, which is then still to be sent."""
        stream = self.stream
        if stream is not None and self._begun and not self._sent.done():
            self._closed = create_future()
            stream.set_close_callback(self._stream_closed)
            await asyncio.wait((self._sent, self._closed), return_when=asyncio.FIRST_COMPLETED)

    def _stream_closed(self) -> None:
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)
        callback, self._close_callback = self._close_callback, None
        if callback is not None:
            callback()

    def _give_back(self) -> None:
        """Put what belongs to the next message, or to another protocol, back into the stream."""
        stream = self.stream
        parser = self._parser
        if stream is None:
            return
        rest = parser.take_rest() if parser is not None else b""
        rest += self._slices[self._offset :]
        self._slices = b""
        self._offset = 0
        if rest:
            stream._preload(rest)

    # Everything else.

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Call ``callback`` when the stream closes."""
        self._close_callback = callback
        if self.stream is not None:
            unused = callback is None and self._closed is None
            self.stream.set_close_callback(None if unused else self._stream_closed)

    def set_body_timeout(self, timeout: float | None) -> None:
        """Change the time for the body, also while it is being read."""
        self._body_timeout = timeout
        if self._body_timer is not None:
            now = asyncio.get_running_loop().time()
            self._body_timer.reschedule(None if timeout is None else now + timeout)

    def set_max_body_size(self, size: int) -> None:
        """Change the limit of the body, in bytes."""
        self._max_body_size = size

    def close(self) -> None:
        """Close the stream."""
        if self.stream is not None:
            self.stream.close()

    def detach(self) -> IOStream:
        """Give the stream away."""
        stream = self.stream
        if stream is None:
            raise StreamClosedError
        self._give_back()
        self.stream = None
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)
            stream.set_close_callback(self._close_callback)
        return stream

    def _is_detached(self) -> bool:
        return self.stream is None

    def _peer(self) -> Any:
        sock = getattr(self.stream, "socket", None)
        try:
            return None if sock is None else sock.getpeername() or None
        except OSError:
            return None


class _DelegateError(Exception):
    """A method of the delegate raised; the cause is what it raised."""


class _Delegate:
    """Calls a message's delegate, and keeps in mind what it is still to be told."""

    def __init__(self, delegate: HTTPMessageDelegate) -> None:
        self._delegate = delegate
        #: Whether it waits for the end of a message.
        self.begun = False

    async def headers_received(self, line: ResponseStartLine, headers: HTTPHeaders) -> None:
        self.begun = True
        await _done(self._delegate.headers_received, line, headers)

    async def data_received(self, chunk: bytes) -> None:
        await _done(self._delegate.data_received, chunk)

    def finish(self) -> None:
        try:
            self._delegate.finish()
        except Exception as error:
            raise _DelegateError from error
        self.begun = False

    def detached(self) -> None:
        """The connection was taken from it: there is nothing more to say."""
        self.begun = False

    def lost(self) -> None:
        """Tell it, if it still waits, that no more will come."""
        if self.begun:
            self.begun = False
            try:
                self._delegate.on_connection_close()
            except Exception:
                app_log.error("Uncaught exception", exc_info=True)


async def _done(method: Callable[..., Awaitable[None] | None], *args: Any) -> None:
    try:
        waiting = method(*args)
        if waiting is not None:
            await waiting
    except Exception as error:
        raise _DelegateError from error


def _check_start_line(method: str, target: str) -> None:
    try:
        name, raw = method.encode("ascii"), target.encode("ascii")
    except UnicodeEncodeError:
        raise ValueError(f"Request line is not ASCII: {method!r} {target!r}") from None
    if not name or scan.span_token(name, 0, len(name)) != len(name):
        raise ValueError(f"Illegal request method {method!r}")
    if not raw or scan.span_target(raw, 0, len(raw)) != len(raw):
        raise ValueError(f"Illegal characters in request target {target!r}")
