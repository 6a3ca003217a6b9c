"""What libcurl hands over of a response: header lines and pieces of the body."""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pycurl

from whirlwind import httputil
from whirlwind._public import claim
from whirlwind.client.redirect import CODES
from whirlwind.protocol.errors import HTTPInputError

if TYPE_CHECKING:
    from whirlwind.curl_httpclient.client import CurlAsyncHTTPClient
    from whirlwind.ioloop import IOLoop


class HeaderReceiver:
    """Puts the header lines of a response together.

    Of the responses that come one after the other, interim ones, those that ask for credentials and
    redirects, the last is what counts.

    :arg callback: the request's ``header_callback``, which hears of the lines of every response
        but redirects that are followed; or None.
    :arg io_loop: calls it, after libcurl has returned.
    :arg redirects: int, how many redirects are followed.

    :ivar complete: bool, whether the empty line has come that ends them.
    :ivar error: str, what is wrong with the lines; None if nothing is.
    """

    complete: bool

    def __init__(
        self,
        callback: Callable[[str], Any] | None,
        io_loop: IOLoop,
        redirects: int,
    ) -> None:
        self.headers: httputil.HTTPHeaders = httputil.HTTPHeaders()
        self.trailers: list[tuple[str, str]] = []
        self.reason: str | None = None
        self.error: str | None = None
        self._callback = callback
        self._io_loop = io_loop
        self._due: collections.deque[Callable[[], Any]] = collections.deque()
        self._redirects = redirects
        self._lines: list[str] = []
        self._code = 0
        self.complete = False

    def receive(self, line: bytes) -> int | None:
        """libcurl's ``HEADERFUNCTION``: one line with its end.

        :returns: None to go on, -1 to give up.
        """
        text = line.decode("latin-1")
        self._lines.append(text)
        text = text.rstrip("\r\n")
        try:
            if text.startswith("HTTP/"):
                self._begin(text)
            elif not text:
                self._end()
            elif self.complete:
                name, _, value = text.partition(":")
                self.trailers.append((name, value.strip(" \t")))
            elif text[0] in " \t":
                self._fold(text)
            else:
                self.headers.parse_line(text)
        except HTTPInputError as error:
            self.error = str(error)
            return -1
        return None

    def _begin(self, line: str) -> None:
        _, _, status = line.partition(" ")
        code, _, reason = status.partition(" ")
        self._code = int(code) if code.isdigit() and code.isascii() else 0
        self.reason = reason or None
        self.headers.clear()
        self.trailers.clear()
        self.complete = False
        self._lines = self._lines[-1:]

    def _fold(self, line: str) -> None:
        """A line that goes on with the value of the one before (RFC 9112 section 5.2)."""
        lines = list(self.headers.get_all())
        if not lines:
            raise HTTPInputError("The first header line is folded")
        name, value = lines.pop()
        lines.append((name, f"{value} {line.strip()}"))
        self.headers.clear()
        for name, value in lines:
            self.headers.add(name, value)

    def _end(self) -> None:
        lines, self._lines = self._lines, []
        if self.complete:
            return
        self.complete = True
        if self._code in CODES and self._redirects > 0 and "Location" in self.headers:
            self._redirects -= 1
        elif self._callback is not None:
            if not self._due:
                self._io_loop.add_callback(self.flush)
            self._due.extend(functools.partial(self._callback, line) for line in lines)

    def flush(self) -> None:
        """Call the callback with the lines that are complete."""
        while self._due:
            self._io_loop._run_callback(self._due.popleft())

    def drop(self) -> None:
        """The transfer was given up: the callback hears no more."""
        self._due.clear()


class BodyReceiver:
    """Keeps the body of a response.

    :arg max_size: int, bytes that it may have.
    """

    body_too_large: bool

    def __init__(self, max_size: int) -> None:
        self.pieces: list[bytes] = []
        self.body_too_large = False
        self._max_size = max_size
        self._size = 0

    def write(self, chunk: bytes) -> int:
        """libcurl's ``WRITEFUNCTION``.

        :returns: how much was taken; less than there is ends the transfer.
        """
        self._size += len(chunk)
        if self._size > self._max_size:
            self.body_too_large = True
            return 0
        self.pieces.append(chunk)
        return len(chunk)

    def finish(self) -> None:
        """The transfer is over."""

    def drop(self) -> None:
        """The transfer was given up."""


class _CurlStreamingBuffer:
    """Passes the body on to a ``streaming_callback``, and stops the transfer while it is behind.

    libcurl must not be called from within its own callbacks, and a program's callback may do
    anything: so it is called from the loop.

    :arg client: the client, of which ``io_loop``, ``max_body_size`` and ``_set_timeout`` are used.
    :arg curl: ``pycurl.Curl``, whose transfer it is.
    """

    #: Bytes that wait for the callback before the transfer is paused.
    max_buffer_size = 1048576

    def __init__(
        self, client: CurlAsyncHTTPClient, curl: Any, callback: Callable[[bytes], Any]
    ) -> None:
        self.paused = False
        self.body_too_large = False
        self._client = client
        self._curl = curl
        self._callback = callback
        self._pieces: collections.deque[bytes] = collections.deque()
        self._waiting = 0
        self._size = 0
        self._due = False

    def write(self, chunk: bytes) -> int:
        """libcurl's ``WRITEFUNCTION``.

        :returns: how much was taken, or that the transfer is to be paused; the same chunk comes
            again then.
        """
        if self._waiting and self._waiting + len(chunk) > self.max_buffer_size:
            self.paused = True
            self._schedule_flush()
            pause: int = pycurl.WRITEFUNC_PAUSE
            return pause
        if self._size + len(chunk) > self._client.max_body_size:
            self.body_too_large = True
            return 0
        self._size += len(chunk)
        self._waiting += len(chunk)
        self._pieces.append(chunk)
        self._schedule_flush()
        return len(chunk)

    def _schedule_flush(self) -> None:
        if not self._due:
            self._due = True
            self._client.io_loop.add_callback(self.flush)

    def flush(self) -> None:
        """Call the callback with what has come, and let the transfer go on."""
        self._due = False
        self._waiting = 0
        while self._pieces:
            piece = self._pieces.popleft()
            self._client.io_loop._run_callback(functools.partial(self._callback, piece))
        if self.paused:
            self.paused = False
            try:
                self._curl.pause(pycurl.PAUSE_CONT)
            except pycurl.error:
                # The transfer failed while it was paused; whoever runs it is told in its own way.
                return
            # Not every libcurl says by itself that there is something to do again.
            self._client._set_timeout(0)

    def finish(self) -> None:
        """The transfer is over: pass on what is left."""
        self.paused = False
        self.flush()

    def drop(self) -> None:
        """The transfer was given up: the callback hears no more."""
        self.paused = False
        self._pieces.clear()


claim("whirlwind.curl_httpclient", _CurlStreamingBuffer)
