"""`CurlAsyncHTTPClient`: libcurl's transfers on an event loop."""

from __future__ import annotations

import collections
import functools
import inspect
import logging
import re
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

try:
    import pycurl
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        "curl_httpclient needs pycurl: pip install 'whirlwind[curl]'", name="pycurl"
    ) from _error

from whirlwind._public import claim
from whirlwind.curl_httpclient import options
from whirlwind.curl_httpclient.receiving import (
    BodyReceiver,
    HeaderReceiver,
    _CurlStreamingBuffer,
)
from whirlwind.gen import is_coroutine_function
from whirlwind.httpclient import AsyncHTTPClient, HTTPClientError, HTTPResponse
from whirlwind.httpclient.client import on_cancel
from whirlwind.httpclient.request import _RequestProxy
from whirlwind.ioloop import IOLoop
from whirlwind.log import app_log
from whirlwind.protocol import limits

if TYPE_CHECKING:
    from whirlwind.httpclient import HTTPRequest

curl_log: logging.Logger = logging.getLogger("whirlwind.curl_httpclient")

CR_OR_LF_RE = re.compile(b"\r|\n")

_EVENTS: Final = {
    pycurl.POLL_NONE: IOLoop.NONE,
    pycurl.POLL_IN: IOLoop.READ,
    pycurl.POLL_OUT: IOLoop.WRITE,
    pycurl.POLL_INOUT: IOLoop.READ | IOLoop.WRITE,
}
_TIMES: Final = {
    "namelookup": pycurl.NAMELOOKUP_TIME,
    "connect": pycurl.CONNECT_TIME,
    "appconnect": pycurl.APPCONNECT_TIME,
    "pretransfer": pycurl.PRETRANSFER_TIME,
    "starttransfer": pycurl.STARTTRANSFER_TIME,
    "total": pycurl.TOTAL_TIME,
    "redirect": pycurl.REDIRECT_TIME,
}


class CurlError(HTTPClientError):
    """libcurl could not do it. The code is 599.

    :ivar errno: int, libcurl's number for what went wrong, such as ``pycurl.E_COULDNT_CONNECT``.
    """

    def __init__(self, errno: int, message: str) -> None:
        super().__init__(599, message)
        self.errno = errno

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.errno, self.message), {"response": self.response})


class _Transfer:
    """One request on its way."""

    def __init__(self, request: HTTPRequest, callback: Callable[[HTTPResponse], None]) -> None:
        self.request = request
        self.original = request.request if isinstance(request, _RequestProxy) else request
        self.callback = callback
        self.queued = time.monotonic()
        self.started = self.queued
        self.started_wall = time.time()
        self.timer: object = None
        self.curl: Any = None
        self.headers: HeaderReceiver
        self.body: BodyReceiver | _CurlStreamingBuffer


class CurlAsyncHTTPClient(AsyncHTTPClient):
    """An HTTP client on libcurl.

    It takes what `simple_httpclient.SimpleAsyncHTTPClient` does but for ``body_producer``,
    ``expect_100_continue``, ``ssl_options`` and coroutines as ``streaming_callback``; beyond it, it
    has digest authentication, names of network interfaces, ``prepare_curl_callback``, and the
    proxies that the environment names.

    :arg max_clients: int, requests under way at once (10).
    :arg defaults: dict, values for the attributes of `HTTPRequest` that a request leaves open.
    :arg max_body_size: int, bytes of a response's body after decompression (100 MiB); also with a
        ``streaming_callback`` (Tornado 6.5.9).
    """

    def initialize(  # type: ignore[override]
        self,
        max_clients: int = limits.MAX_CLIENTS,
        defaults: dict[str, Any] | None = None,
        max_body_size: int = limits.MAX_BODY_SIZE,
    ) -> None:
        super().initialize(defaults=defaults)
        self.max_body_size = max_body_size
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timeout)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._handle_socket)
        self._free: list[Any] = [pycurl.Curl() for _ in range(max_clients)]
        self._active: dict[Any, _Transfer] = {}
        self._requests: collections.deque[_Transfer] = collections.deque()
        self._fds: set[int] = set()
        self._timer: object = None
        self._end = _ClosedWithLoop(self)

    def _follow(self, io_loop: IOLoop) -> None:
        # libcurl's sockets are watched by the loop that the client was made on.
        raise RuntimeError(
            "this client belongs to another event loop: make it in the coroutine that uses it"
        )

    def close(self) -> None:
        """Give up what is under way and free what libcurl holds."""
        if not self._closed:
            super().close()
            for transfer in [*self._active.values(), *self._requests]:
                self._give_up(transfer, "The client was closed")
            self._end.discard()
            self._cancel_timeout()
            for curl in self._free:
                curl.close()
            self._free.clear()
            self._multi.close()
            for fd in list(self._fds):
                self._forget(fd)
            # Their references to this object would keep both alive.
            self._multi = None
        super().close()

    def fetch_impl(self, request: HTTPRequest, callback: Callable[[HTTPResponse], None]) -> None:
        streaming = request.streaming_callback
        if streaming is not None and (
            is_coroutine_function(streaming) or inspect.iscoroutinefunction(streaming)
        ):
            raise TypeError("curl_httpclient does not support coroutines as streaming_callback")
        transfer = _Transfer(request, callback)
        on_cancel(callback, functools.partial(self._give_up, transfer, "The fetch was cancelled"))
        self._requests.append(transfer)
        self._process_queue()
        if transfer.curl is None and transfer in self._requests:
            limit = min(
                request.connect_timeout or float("inf"), request.request_timeout or float("inf")
            )
            if limit < float("inf"):
                transfer.timer = self.io_loop.call_later(limit, self._expire, transfer)

    def _expire(self, transfer: _Transfer) -> None:
        self._requests.remove(transfer)
        error = CurlError(pycurl.E_OPERATION_TIMEDOUT, "Timeout in request queue")
        self._respond(transfer, error)

    # --- transfers ------------------------------------------------------------------------------

    def _process_queue(self) -> None:
        while self._free and self._requests:
            transfer = self._requests.popleft()
            if transfer.timer is not None:
                self.io_loop.remove_timeout(transfer.timer)
                transfer.timer = None
            transfer.started = time.monotonic()
            transfer.started_wall = time.time()
            curl = self._free.pop()
            try:
                self._set_up(curl, transfer)
                self._multi.add_handle(curl)
            except Exception as error:
                # pycurl has a TypeError of its own for text that is not US-ASCII.
                curl.reset()
                self._free.append(curl)
                self._respond(transfer, error)
                continue
            transfer.curl = curl
            self._active[curl] = transfer
        if self._active:
            # libcurl asks for a timeout when a transfer is added, but not for one that is reused.
            self._set_timeout(0)

    def _set_up(self, curl: Any, transfer: _Transfer) -> None:
        request = transfer.request
        # Nothing of the request before may be left: certificates, credentials, callbacks.
        curl.reset()
        options.apply(curl, request)
        redirects = (request.max_redirects or 0) if request.follow_redirects else 0
        transfer.headers = HeaderReceiver(request.header_callback, self.io_loop, redirects)
        if request.streaming_callback is not None:
            transfer.body = _CurlStreamingBuffer(self, curl, request.streaming_callback)
        else:
            transfer.body = BodyReceiver(self.max_body_size)
        curl.setopt(pycurl.HEADERFUNCTION, transfer.headers.receive)
        curl.setopt(pycurl.WRITEFUNCTION, transfer.body.write)
        if curl_log.isEnabledFor(logging.DEBUG):
            curl.setopt(pycurl.VERBOSE, 1)
            curl.setopt(pycurl.DEBUGFUNCTION, _log_debug)
        if request.prepare_curl_callback is not None:
            request.prepare_curl_callback(curl)

    def _finish_transfers(self) -> None:
        """Answer what libcurl is done with."""
        while self._multi is not None:
            left, good, bad = self._multi.info_read()
            for curl in good:
                self._finish(curl)
            for curl, number, message in bad:
                self._finish(curl, number, message)
            if not left:
                break
        if self._multi is not None:
            self._process_queue()

    def _finish(self, curl: Any, number: int | None = None, message: str = "") -> None:
        transfer = self._active.pop(curl, None)
        if transfer is None:
            return  # a callback of the one before has given it up
        self._multi.remove_handle(curl)
        error: CurlError | None = None
        if number is not None:
            if transfer.body.body_too_large:
                message = f"body exceeded max_body_size of {self.max_body_size} bytes"
            error = CurlError(number, transfer.headers.error or message)
        elif not transfer.headers.complete:
            # libcurl takes the end of the connection for the end of the header.
            error = CurlError(pycurl.E_RECV_ERROR, "Connection closed within the header")
        code = 599 if error is not None else curl.getinfo(pycurl.HTTP_CODE)
        try:
            url = curl.getinfo(pycurl.EFFECTIVE_URL)
        except pycurl.error:
            url = None  # it was none
        times = {name: curl.getinfo(info) for name, info in _TIMES.items()}
        times["queue"] = transfer.started - transfer.queued
        # The callbacks hear everything before the fetch ends, and the header before the body.
        transfer.headers.flush()
        body = transfer.body
        body.finish()
        curl.reset()
        self._free.append(curl)
        response = HTTPResponse(
            transfer.original,
            code,
            headers=transfer.headers.headers,
            effective_url=url,
            error=error,
            reason=transfer.headers.reason if error is None else None,
            request_time=time.monotonic() - transfer.started,
            start_time=transfer.started_wall,
            time_info=times,
        )
        response._body = b""
        if error is None and isinstance(body, BodyReceiver):
            response._body = b"".join(body.pieces)
        response._trailers = transfer.headers.trailers or None
        self._call_back(transfer, response)

    def _give_up(self, transfer: _Transfer, message: str) -> None:
        """Nobody wants the response any more."""
        curl = transfer.curl
        if curl is not None and self._active.get(curl) is transfer:
            del self._active[curl]
            transfer.headers.drop()
            transfer.body.drop()
            self._multi.remove_handle(curl)
            # The connection of a transfer that was cut short goes with its handle.
            curl.close()
            self._free.append(pycurl.Curl())
            if not self._closed:
                self._process_queue()
        elif transfer in self._requests:
            self._requests.remove(transfer)
        else:
            return
        self._respond(transfer, CurlError(pycurl.E_ABORTED_BY_CALLBACK, message))

    def _respond(self, transfer: _Transfer, error: Exception) -> None:
        if transfer.timer is not None:
            self.io_loop.remove_timeout(transfer.timer)
        response = HTTPResponse(
            transfer.original,
            599,
            error=error,
            request_time=time.monotonic() - transfer.started,
            start_time=transfer.started_wall,
        )
        self._call_back(transfer, response)

    def _call_back(self, transfer: _Transfer, response: HTTPResponse) -> None:
        try:
            transfer.callback(response)
        except Exception:
            self.handle_callback_exception(transfer.callback)

    def handle_callback_exception(self, callback: Any) -> None:
        """Log what a callback of a fetch has raised; a subclass may do otherwise."""
        app_log.error("Exception in callback %r", callback, exc_info=True)

    # --- libcurl and the loop -------------------------------------------------------------------

    def _handle_socket(self, event: int, fd: int, multi: Any, data: Any) -> None:
        """libcurl's ``SOCKETFUNCTION``: what to wait for on a descriptor."""
        if event == pycurl.POLL_REMOVE:
            self._forget(fd)
        elif fd in self._fds:
            self.io_loop.update_handler(fd, _EVENTS[event])
        else:
            self._fds.add(fd)
            self.io_loop.add_handler(fd, self._handle_events, _EVENTS[event])

    def _forget(self, fd: int) -> None:
        if fd in self._fds:
            self._fds.discard(fd)
            self.io_loop.remove_handler(fd)

    def _handle_events(self, fd: int, events: int) -> None:
        action = 0
        if events & IOLoop.READ:
            action |= pycurl.CSELECT_IN
        if events & IOLoop.WRITE:
            action |= pycurl.CSELECT_OUT
        self._act(fd, action)

    def _set_timeout(self, msecs: int) -> None:
        """libcurl's ``TIMERFUNCTION``: it wants to be called after so long, or not at all."""
        self._cancel_timeout()
        if msecs >= 0 and not self._closed:
            self._timer = self.io_loop.call_later(msecs / 1000, self._handle_timeout)

    def _cancel_timeout(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            self.io_loop.remove_timeout(timer)

    def _handle_timeout(self) -> None:
        self._timer = None
        self._act(pycurl.SOCKET_TIMEOUT, 0)

    def _act(self, fd: int, action: int) -> None:
        if self._multi is not None:
            self._multi.socket_action(fd, action)
            self._finish_transfers()


class _ClosedWithLoop:
    """Closes a client with its event loop, and does not keep it until then."""

    #: What a loop that closes asks of those that are registered with it.
    stream: Any = None

    def __init__(self, client: CurlAsyncHTTPClient) -> None:
        self._client = weakref.ref(client)
        self._links = client.io_loop._links
        self._links.add(self)

    def discard(self) -> None:
        """The client has been closed."""
        self._links.discard(self)

    def close(self) -> None:
        """The loop is about to close."""
        self.discard()
        client = self._client()
        if client is not None:
            client.close()


def _log_debug(kind: int, message: bytes) -> None:
    text = message.decode("utf-8", "replace")
    if kind == pycurl.INFOTYPE_TEXT:
        curl_log.debug("%s", text.strip())
    elif kind in (pycurl.INFOTYPE_HEADER_IN, pycurl.INFOTYPE_HEADER_OUT):
        mark = "<" if kind == pycurl.INFOTYPE_HEADER_IN else ">"
        for line in text.splitlines():
            curl_log.debug("%s %s", mark, line.strip())


claim("whirlwind.curl_httpclient", CurlError, CurlAsyncHTTPClient)
