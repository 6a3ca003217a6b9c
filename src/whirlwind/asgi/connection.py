"""The connection of a request that came from an ASGI server: what a handler answers on."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from whirlwind.httputil import HTTPConnection, HTTPHeaders, HTTPMessageDelegate, ResponseStartLine
from whirlwind.httputil.urls import reason_phrase
from whirlwind.iostream import StreamClosedError
from whirlwind.log import app_log
from whirlwind.protocol.errors import HTTPOutputError
from whirlwind.web.response import SERVER

Send = Callable[[dict[str, Any]], Awaitable[None]]

# How far the answer has come.
FRESH: Final = 0
HEAD_SENT: Final = 1
FINISHED: Final = 2

# Fields that are about the connection, which is the server's (RFC 9110 section 7.6.1), and the date
# that it adds.
_NOT_OURS: Final = frozenset(
    (b"connection", b"date", b"keep-alive", b"transfer-encoding", b"upgrade")
)


class Peer:
    """What an ASGI server says of its client.

    :ivar address: the client's address and port, or None.
    :ivar remote_ip: str, the address; ``0.0.0.0`` where there is none, such as on a unix socket.
    :ivar protocol: ``http`` or ``https``.
    """

    def __init__(self, scope: dict[str, Any]) -> None:
        client = scope.get("client")
        self.address: Any = None if client is None else tuple(client)
        self.remote_ip: str = str(client[0]) if client else "0.0.0.0"
        self.protocol = "https" if scope.get("scheme") in ("https", "wss") else "http"


class ServedConnection(HTTPConnection):
    """Turns what a handler writes into ASGI messages, sent one after the other by `pump`.

    :ivar context: the `Peer`.
    :ivar max_body_size: int, bytes of the request's body at most.
    """

    _start_type = "http.response.start"
    _body_type = "http.response.body"
    max_body_size: int

    def __init__(self, scope: dict[str, Any], send: Send, max_body_size: int) -> None:
        """
        :arg scope: the connection scope.
        :arg send: the server's.
        :arg max_body_size: bytes.
        """
        self.context: Peer = Peer(scope)
        self.max_body_size = max_body_size
        self.receiver: HTTPMessageDelegate | None = None
        self.request_done = False
        self._method = scope.get("method", "GET")
        self._hints = "http.response.early_hint" in (scope.get("extensions") or {})
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._state = FRESH
        self._gone = False
        self._over = False
        self._left = -1
        self._queue: deque[tuple[dict[str, Any] | None, asyncio.Future[None]]] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._close_callback: Callable[[], object] | None = None

    # --- what handlers use ----------------------------------------------------------------------

    def write_headers(
        self,
        start_line: Any,
        headers: HTTPHeaders,
        chunk: bytes | None = None,
    ) -> "asyncio.Future[None]":
        """Write the head of the response.

        :arg start_line: a `ResponseStartLine`; only its code is used.
        :arg headers: the fields; those of the connection are the server's.
        :arg chunk: the first bytes of the body.
        :returns: a future that is done when the server has taken it.
        :raises HTTPOutputError: the response was already started, or lies about its length.
        """
        if self._state != FRESH:
            raise HTTPOutputError("The response was already started")
        code = start_line.code
        if code < 200:
            if code != 103 or not self._hints:
                return self._put(None)  # interim responses are the server's
            links = [link.encode("latin-1") for link in headers.get_list("Link")]
            return self._put({"type": "http.response.early_hint", "links": links})
        self._left = self._body_size(code, headers)
        self._state = HEAD_SENT
        taken = self._put({"type": self._start_type, "status": code, "headers": fields_of(headers)})
        return self.write(chunk) if chunk else taken

    def _body_size(self, code: int, headers: HTTPHeaders) -> int:
        """Bytes that have to follow, -1 for any number (RFC 9110 section 8.6)."""
        if self._method == "HEAD" or code in (204, 304):
            return 0
        length = headers.get("Content-Length")
        if length is None:
            return -1
        if not length.isdecimal() or not length.isascii() or len(length) > 18:
            raise HTTPOutputError(f"Content-Length is not a number: {length!r}")
        return int(length)

    def write(self, chunk: bytes) -> "asyncio.Future[None]":
        """Write bytes of the response's body.

        :returns: a future that is done when the server has taken them: it makes who awaits it
            wait for a slow client.
        :raises HTTPOutputError: more than Content-Length says, or no response is under way.
        """
        if self._state != HEAD_SENT:
            raise HTTPOutputError(
                "The response is finished" if self._state == FINISHED else "No head was sent yet"
            )
        if self._left >= 0:
            if len(chunk) > self._left:
                self.cut()
                raise HTTPOutputError("Tried to write more data than Content-Length")
            self._left -= len(chunk)
        if not chunk:
            return self._put(None)
        return self._put({"type": self._body_type, "body": bytes(chunk), "more_body": True})

    def finish(self) -> None:
        """Say that the body is complete.

        :raises HTTPOutputError: fewer bytes than Content-Length said; the response is cut.
        """
        if self._state == FINISHED:
            return
        if self._state == FRESH:
            raise HTTPOutputError("No head was sent yet")
        if self._left > 0 and not self._gone:
            left = self._left
            self.cut()
            raise HTTPOutputError(f"Tried to write {left} bytes less than Content-Length")
        last = self._queue[-1][0] if self._queue else None
        if last is not None and last["type"] == self._body_type:
            last["more_body"] = False
        else:
            self._put({"type": self._body_type, "body": b"", "more_body": False})
        self._state = FINISHED
        self.end()

    def set_close_callback(self, callback: Callable[[], object] | None) -> None:
        """Call ``callback`` without arguments if the client leaves before it is answered."""
        self._close_callback = callback

    def set_max_body_size(self, max_body_size: int) -> None:
        """Change the limit for this request's body, in bytes."""
        self.max_body_size = max_body_size

    def set_body_timeout(self, timeout: float) -> None:
        """Nothing: how long a body may take is up to the server."""

    def cut(self) -> None:
        """Give up an answer that was begun: the server closes the connection in the midst of it."""
        self._state = FINISHED
        self._close_callback = None
        self.end()

    def close(self) -> None:
        """As `cut`: there is no other way to ask for it."""
        self.cut()

    def is_lost(self) -> bool:
        """Whether nobody is there any more to read what is written."""
        return self._gone

    def detach(self) -> Any:
        """:raises RuntimeError: always; the connection is the ASGI server's."""
        raise RuntimeError(
            "An ASGI server does not give its connections away: detach() needs Whirlwind's own"
        )

    # --- what the adapter uses ------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether nothing more will be sent than what waits for `pump`."""
        return self._over

    def _put(self, message: dict[str, Any] | None) -> "asyncio.Future[None]":
        taken: asyncio.Future[None] = self._loop.create_future()
        if self._gone:
            self._fail(taken)
        elif message is None and not self._queue:
            taken.set_result(None)
        else:
            self._queue.append((message, taken))
            self._wake_up()
        return taken

    def _fail(self, taken: "asyncio.Future[None]", cause: BaseException | None = None) -> None:
        if not taken.done():
            taken.set_exception(self.gone_error(cause))
            taken.exception()  # who does not await the write does not care

    def gone_error(self, cause: BaseException | None) -> Exception:
        """What writes fail with when nobody reads them."""
        return StreamClosedError(cause)

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def end(self) -> None:
        """Let `pump` return when everything is sent."""
        self._over = True
        self._wake_up()

    async def pump(self) -> None:
        """Send what is written, until there will be no more or nobody takes it.

        :raises Exception: what the server's ``send`` raised, unless that is an `OSError`, which
            says that the client has left.
        """
        while True:
            while self._queue:
                message, taken = self._queue.popleft()
                if message is not None:
                    try:
                        await self._send(message)
                    except BaseException as error:
                        cause = error if isinstance(error, Exception) else None
                        self._fail(taken, cause)
                        self.lost(cause)
                        if not isinstance(error, OSError):
                            raise
                        continue
                if not taken.done():
                    taken.set_result(None)
            if self._over:
                return
            self._wake = self._loop.create_future()
            await self._wake

    def lost(self, cause: Exception | None = None) -> None:
        """The client went away, or the server says so; who is still at work is told.

        :arg cause: what says so, if that is an exception.
        """
        if self._gone:
            return
        self._gone = True
        while self._queue:
            self._fail(self._queue.popleft()[1], cause)
        receiver, callback = self.receiver, self._close_callback
        self.receiver = self._close_callback = None
        self.gone()
        if self._state == FINISHED:
            return
        try:
            if receiver is not None and not self.request_done:
                # As on the own server: who still receives the request learns it this way alone.
                receiver.on_connection_close()
            elif callback is not None:
                callback()
        except Exception:
            app_log.error("Uncaught exception in close callback", exc_info=True)

    def gone(self) -> None:
        """What follows from that for `pump`."""
        self.end()

    def drop(self) -> None:
        """The server has ended this, or is to."""
        self.lost()

    def refuse(self, code: int, reason: str) -> None:
        """Answer in the application's place a request that it shall not see, or no more of.

        :arg code: the status.
        :arg reason: a short text, safe to send.
        """
        if self._state == FRESH:
            body = f"{code} {reason_phrase(code)}: {reason}\n".encode()
            self.write_headers(
                ResponseStartLine("HTTP/1.1", code, ""),
                HTTPHeaders(
                    {
                        "Content-Type": "text/plain; charset=utf-8",
                        "Content-Length": str(len(body)),
                    }
                ),
                b"" if self._method == "HEAD" else body,
            )
            self.finish()
        else:
            self.cut()
        receiver = self.receiver
        self.receiver = self._close_callback = None
        if receiver is not None:
            receiver.on_connection_close()


def fields_of(headers: HTTPHeaders) -> list[tuple[bytes, bytes]]:
    """Header fields as a server wants them.

    Without those of the connection, and without what the server says itself: the date, and its
    name where the handler has left ours.
    """
    found = []
    for name, value in headers.get_all():
        key = name.lower().encode("latin-1")
        if key not in _NOT_OURS and not (key == b"server" and value == SERVER):
            found.append((key, value.encode("latin-1")))
    return found
