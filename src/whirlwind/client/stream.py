"""Responses that are read while they arrive."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import TYPE_CHECKING

from whirlwind._public import claim
from whirlwind.client.errors import HTTPStreamClosedError
from whirlwind.concurrent import future_set_result_unless_cancelled
from whirlwind.httpclient.response import HTTPClientError, HTTPResponse, make_response
from whirlwind.protocol.limits import (
    MAX_BODY_SIZE,
    MAX_STREAMED_LINE,
    STREAM_RESPONSE_BUFFER,
    UNLIMITED,
)

if TYPE_CHECKING:
    from whirlwind.client.call import Call
    from whirlwind.httpclient.request import HTTPRequest
    from whirlwind.protocol.heads import ResponseHead


class StreamedResponse(HTTPResponse):
    """A response whose body comes piece by piece::

        async with client.stream("http://www.example.com/") as response:
            async for chunk in response:
                ...

    What is not read stays with the server: the client takes no more than 256 KiB ahead of the
    program. It is an `HTTPResponse` with an empty ``body``; its ``trailers`` are there when the
    last piece has been read.
    """

    # What a response is made of before its head has come.
    code = 0
    _call: Call

    def _open(self, call: Call) -> None:
        self._call = call
        self._opened: asyncio.Future[None] = call.engine.loop.create_future()
        self._chunks: collections.deque[bytes] = collections.deque()
        self._size = 0
        self._ended = False
        self._failure: BaseException | None = None
        self._reader: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None

    # --- what the call tells --------------------------------------------------------------------

    def _begin(self, head: ResponseHead) -> None:
        call = self._call
        made = make_response(call.original, head, b"", call.url, *call.times())
        self.__dict__.update(made.__dict__)
        own = call.own_headers()
        if own is not None:
            self.headers = own
        if self.error is not None:
            self.error: BaseException | None = HTTPClientError(self.code, self.reason, self)
        if not call.has_total_limit:
            # A program may read for as long as it likes; only the server must not be silent.
            call.lift_limit()
        future_set_result_unless_cancelled(self._opened, None)

    def _feed(self, chunk: bytes) -> asyncio.Future[None] | None:
        self._chunks.append(chunk)
        self._size += len(chunk)
        self._wake()
        if self._size < STREAM_RESPONSE_BUFFER:
            return None
        self._room = self._call.engine.loop.create_future()
        return self._room

    def _end(self, response: HTTPResponse) -> None:
        if response.error is not None and not response._error_is_response_code:
            self._failure = response.error
        else:
            self._ended = True
            self._trailers = response._trailers
            self.request_time: float | None = response.request_time
            self.time_info: dict[str, float] = response.time_info
        if not self._opened.done():
            assert self._failure is not None
            self._opened.set_exception(self._failure)
        self._wake()

    def _wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            future_set_result_unless_cancelled(reader, None)

    # --- what the program asks ------------------------------------------------------------------

    def __aiter__(self) -> StreamedResponse:
        return self

    async def __anext__(self) -> bytes:
        """The next piece of the body.

        :raises HTTPClientError: the connection ended before the body did, or the server was silent
            for too long.
        """
        while not self._chunks:
            if self._failure is not None:
                raise self._failure
            if self._ended:
                raise StopAsyncIteration
            if self._reader is not None:
                raise RuntimeError("another task is reading this response already")
            self._reader = self._call.engine.loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        chunk = self._chunks.popleft()
        self._size -= len(chunk)
        room = self._room
        if room is not None and self._size < STREAM_RESPONSE_BUFFER // 2:
            self._room = None
            future_set_result_unless_cancelled(room, None)
        return chunk

    async def read(self, max_size: int = MAX_BODY_SIZE) -> bytes:
        """What is left of the body, in one piece.

        :arg max_size: bytes that it may be (100 MiB).
        :raises HTTPStreamClosedError: it is more; the connection is closed.
        """
        pieces: list[bytes] = []
        size = 0
        async for chunk in self:
            size += len(chunk)
            if size > max_size:
                self.close()
                raise HTTPStreamClosedError(f"The body is longer than {max_size} bytes")
            pieces.append(chunk)
        return b"".join(pieces)

    async def lines(self, max_size: int = MAX_STREAMED_LINE) -> AsyncIterator[bytes]:
        """The lines of the body as they come, without their ends (LF or CR LF).

        :arg max_size: bytes of one line (1 MiB).
        :raises HTTPStreamClosedError: a line is longer; the connection is closed.
        """
        # Joined when the line is whole: one in many pieces must not cost their square.
        pieces: list[bytes] = []
        size = 0
        async for chunk in self:
            *ends, rest = chunk.split(b"\n")
            for end in ends:
                pieces.append(end)
                line = b"".join(pieces).removesuffix(b"\r")
                pieces.clear()
                size = 0
                self._check_line(len(line), max_size)
                yield line
            if rest:
                pieces.append(rest)
                size += len(rest)
                self._check_line(size - rest.endswith(b"\r"), max_size)
        if pieces:
            line = b"".join(pieces)
            self._check_line(len(line), max_size)
            yield line

    def _check_line(self, size: int, max_size: int) -> None:
        if size > max_size:
            self.close()
            raise HTTPStreamClosedError(f"A line is longer than {max_size} bytes")

    def close(self) -> None:
        """Take no more; if the body has not ended, its connection is closed."""
        if not self._ended:
            self._call.fail(HTTPStreamClosedError("The response was closed before its end"))
        room, self._room = self._room, None
        if room is not None:
            room.cancel()


class StreamContext:
    """What ``client.stream`` returns: an asynchronous context manager around a response."""

    def __init__(
        self,
        make_call: Callable[[HTTPRequest, Callable[[HTTPResponse], None]], Call],
        request: HTTPRequest,
        check: bool,
    ) -> None:
        self._make_call = make_call
        self._request = request
        self._check = check

    async def __aenter__(self) -> StreamedResponse:
        response = self._response = StreamedResponse.__new__(StreamedResponse)
        call = self._make_call(self._request, response._end)
        # What a program takes piece by piece need not fit into its memory.
        call.max_body_size = UNLIMITED
        response._open(call)
        call.submit(sink=response._feed, on_head=response._begin)
        try:
            await response._opened
            if self._check and response.error is not None:
                raise response.error
        except BaseException:
            response.close()
            raise
        return response

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._response.close()


claim("whirlwind.client", StreamedResponse)
