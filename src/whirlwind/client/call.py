"""One fetch: from the queue to the response, through redirects and repetitions."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Final

from whirlwind import gen
from whirlwind.client import head as heads
from whirlwind.client import redirect, tls, urls
from whirlwind.client.errors import HTTPStreamClosedError, HTTPTimeoutError
from whirlwind.escape import to_unicode
from whirlwind.httpclient.request import HTTPRequest, _RequestProxy
from whirlwind.httpclient.response import HTTPResponse, make_response
from whirlwind.httputil import HTTPHeaders
from whirlwind.log import app_log
from whirlwind.protocol import limits, scan
from whirlwind.protocol.codings import Decoder, decoder_for
from whirlwind.protocol.errors import HTTPOutputError

if TYPE_CHECKING:
    from whirlwind.client.connection import ClientConnection
    from whirlwind.client.dial import Dial
    from whirlwind.client.engine import Engine
    from whirlwind.client.urls import Origin
    from whirlwind.protocol.heads import ResponseHead

_clock: Final = time.monotonic
_wall_clock: Final = time.time
_ENCODED: Final = 1 << scan.CONTENT_ENCODING
_WITH_BODY: Final = frozenset(("POST", "PUT", "PATCH"))
# RFC 9110 section 9.2.2: sending one of these twice does what sending it once does.
_IDEMPOTENT: Final = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"))


class Call:
    """One request of a client.

    :arg engine: the client's.
    :arg request: what to fetch; a `_RequestProxy` brings defaults along.
    :arg callback: called once, with the response or what stands for it.
    """

    _SUPPORTED_METHODS: ClassVar[set[str]] = {
        "GET",
        "HEAD",
        "POST",
        "DELETE",
        "PATCH",
        "PUT",
        "OPTIONS",
    }

    # Where a call starts; most of it never changes.
    origin: Origin
    key: tuple[Any, ...]
    head: bytes
    method: str
    done = False
    body: bytes | None = None
    #: Whether the body comes after the head has gone: it is produced, or the server must ask.
    deferred = False
    keep_alive = True
    deadline = math.inf
    dial: Dial | None = None
    connection: ClientConnection | None = None
    _connecting: asyncio.Task[None] | None = None
    _producing: asyncio.Task[None] | None = None
    _producer: Callable[..., Any] | None = None
    _framing: heads.Framing | None = None
    _continue_due = False
    _is_queued = False
    _redirects = 0
    _following = False
    _discarded = 0
    _response: ResponseHead | None = None
    _headers: HTTPHeaders | None = None
    _pieces: list[bytes] | None = None
    _sink: Callable[[bytes], Any] | None = None
    _header_callback: Callable[[str], Any] | None = None
    _decoder: Decoder | None = None
    _backlog: Iterator[bytes] | None = None
    _codings: tuple[str, ...] = ()
    _submitted = 0.0
    _started = 0.0
    _started_wall = 0.0
    _first_byte = 0.0
    _context: contextvars.Context | None = None

    def __init__(
        self, engine: Engine, request: HTTPRequest, callback: Callable[[HTTPResponse], None]
    ) -> None:
        self.engine = engine
        self.callback = callback
        self._use(request)
        #: What was asked for, before any redirect.
        self.original = self._raw

    def _use(self, request: HTTPRequest | _RequestProxy) -> None:
        self.request = request
        if isinstance(request, _RequestProxy):
            self._raw = request.request
            self._defaults = request.defaults or {}
        else:
            self._raw = request
            self._defaults = HTTPRequest._DEFAULTS

    def setting(self, name: str) -> Any:
        """An attribute of the request, or the default for it."""
        value = getattr(self._raw, name)
        return self._defaults.get(name) if value is None else value

    def summary(self) -> str:
        """The request in a few words, for a log."""
        return f"{self.method} {self.origin.name}"

    # --- the request ----------------------------------------------------------------------------

    def submit(self) -> None:
        """Begin; what is wrong with the request fails it like anything else."""
        self._submitted = self._started = _clock()
        self._started_wall = _wall_clock()
        try:
            self._prepare()
        except Exception as error:
            self.done = True
            self._respond(error)
            return
        if self._sink is not None or self._header_callback is not None or self.deferred:
            # What the program hears of this call, it hears in the context that it called from.
            self._context = contextvars.copy_context()
        self.engine.submit(self)

    def _prepare(self) -> None:
        """Turn the request into what goes over the wire, and where."""
        raw = self._raw
        default = self._defaults.get
        url = raw.url
        if type(url) is not str:
            url = to_unicode(url)
        self.origin, target, credentials = urls.parse(url)
        self._url = url
        self.method = method = raw.method
        nonstandard = raw.allow_nonstandard_methods
        if nonstandard is None:
            nonstandard = default("allow_nonstandard_methods")
        self._check_method(method, nonstandard)
        self.key = self._make_key()
        self._sink = raw.streaming_callback or default("streaming_callback")
        self._header_callback = raw.header_callback or default("header_callback")
        agent = raw.user_agent or default("user_agent") or heads.user_agent()
        decompress = raw.decompress_response
        if decompress is None:
            decompress = default("decompress_response")
        self._codings = ("gzip",) if decompress else ()
        username = raw.auth_username
        if (
            raw._headers is None
            and method == "GET"
            and raw._body is None
            and raw.body_producer is None
            and credentials is None
            and (username is None and default("auth_username") is None)
        ):
            self.head = heads.plain(
                method, target, self.origin.field, agent, ", ".join(self._codings)
            )
            return
        self._prepare_fields(target, agent, credentials)

    def _check_method(self, method: str, nonstandard: bool | None) -> None:
        if nonstandard:
            if type(method) is not str or heads.TOKEN.fullmatch(method) is None:
                raise ValueError(f"Illegal characters in method: {method!r}")
            return
        if method not in self._SUPPORTED_METHODS:
            raise KeyError(f"unknown method {method}")
        raw = self._raw
        has_body = raw._body is not None or raw.body_producer is not None
        if (method in _WITH_BODY) != has_body:
            raise ValueError(
                f"Body must {'not ' if method in _WITH_BODY else ''}be None for method {method} "
                "(unless allow_nonstandard_methods is true)"
            )

    def _make_key(self) -> tuple[Any, ...]:
        """What a connection must have in common with this call to serve it."""
        raw = self._raw
        default = self._defaults.get
        options: tuple[Any, ...] = (
            raw.network_interface or default("network_interface"),
            default("allow_ipv6") if raw.allow_ipv6 is None else raw.allow_ipv6,
        )
        if self.origin.tls:
            setting = self.setting
            files = (
                setting("ca_certs"),
                setting("client_key"),
                setting("client_cert"),
                setting("ssl_options"),
            )
            options += (setting("validate_cert"), *tls.identity(*files))
        return (self.origin.name, *options)

    def _prepare_fields(self, target: str, agent: str, credentials: tuple[str, str] | None) -> None:
        """The head of a request that has something of its own to say."""
        raw = self._raw
        method = self.method
        fields = raw._headers
        if fields is not None and not isinstance(fields, HTTPHeaders):
            fields = HTTPHeaders(fields)
        ours: dict[str, str | None] = {}
        username = self.setting("auth_username")
        if credentials is not None or username is not None:
            if self.setting("auth_mode") not in (None, "basic"):
                raise ValueError(f"unsupported auth_mode {self.setting('auth_mode')}")
            if credentials is None:
                credentials = (username, self.setting("auth_password") or "")
            ours["Authorization"] = heads.basic(*credentials)
        if raw.user_agent or fields is None or "User-Agent" not in fields:
            ours["User-Agent"] = agent
        if self._codings:
            ours["Accept-Encoding"] = ", ".join(self._codings)
        self._prepare_body(fields, ours)
        if method == "POST" and (fields is None or "Content-Type" not in fields):
            ours["Content-Type"] = "application/x-www-form-urlencoded"
        self.head, sent = heads.build(method, target, self.origin.field, fields, ours)
        connection = sent.lookup("Connection")
        if connection is not None and "close" in connection.lower():
            self.keep_alive = False

    def _prepare_body(self, fields: HTTPHeaders | None, ours: dict[str, str | None]) -> None:
        raw = self._raw
        body = raw._body
        producer = raw.body_producer
        announced = None if fields is None else fields.get("Content-Length")
        if body is not None:
            # The length is what it is, whatever the fields say; and there is only one framing.
            ours["Content-Length"] = str(len(body))
            ours["Transfer-Encoding"] = None
            self.body = body
        elif producer is not None:
            self._producer = producer
            self.deferred = True
            if announced is None:
                ours["Transfer-Encoding"] = "chunked"
                self._framing = heads.Framing(None)
            elif announced.isascii() and announced.isdigit():
                ours["Transfer-Encoding"] = None
                self._framing = heads.Framing(int(announced))
            else:
                raise ValueError(f"Content-Length is not a number: {announced!r}")
        else:
            ours["Transfer-Encoding"] = None
            if self.method in _WITH_BODY:
                ours["Content-Length"] = "0"  # RFC 9110 section 8.6
            elif announced is not None and announced != "0":
                raise HTTPOutputError(f"Content-Length is {announced} and there is no body")
        if raw.expect_100_continue and (body or producer is not None):
            ours["Expect"] = "100-continue"
            self.deferred = True
            self._continue_due = True

    # --- from the queue to the connection -------------------------------------------------------

    def queued(self) -> None:
        """Others come first."""
        self._is_queued = True
        self._set_deadline(self._submitted, self._connect_limit())

    def start(self) -> None:
        """The engine has a place for this call."""
        if self._is_queued:
            self._started = _clock()
            self._started_wall = _wall_clock()
        self._dispatch()

    def _dispatch(self, fresh: bool = False) -> None:
        """Send the request, over a connection that is there or is made for it."""
        engine = self.engine
        if not fresh:
            now = _clock() if self._redirects or self._is_queued else self._started
            connection = engine.pool.take(self.key, now, self.may_be_repeated())
            if connection is not None:
                self._send(connection)
                return
        limit = self._connect_limit()
        if self._redirects:
            limit = min(limit, self._started + self._request_limit() - _clock())
            self._set_deadline(_clock(), limit)
        else:
            self._set_deadline(self._started, limit)
        try:
            self._connecting = engine.connect(self)
        except Exception as error:
            self.fail(error)

    def connected(self, connection: ClientConnection) -> None:
        """The connection that was made for this call is there."""
        self._connecting = None
        if self.done:
            connection.close()
        elif not connection.is_usable():
            connection.abort()
            self.fail(HTTPStreamClosedError("Stream closed"))
        else:
            self._send(connection)

    def _send(self, connection: ClientConnection) -> None:
        self.connection = connection
        self._set_deadline(self._started, self._request_limit())
        connection.begin(self)
        if self.deferred and not self.done:
            if self._continue_due:
                self.deadline = min(self.deadline, _clock() + limits.CONTINUE_TIMEOUT)
                self.engine.watch(self.deadline, _clock())
            else:
                self._send_body()

    def _connect_limit(self) -> float:
        connect = self.setting("connect_timeout") or math.inf
        return min(connect, self._request_limit())

    def _request_limit(self) -> float:
        limit: float = self.setting("request_timeout") or math.inf
        return limit

    def _set_deadline(self, since: float, limit: float) -> None:
        self.deadline = deadline = since + limit
        if deadline < self.engine._next_look:
            self.engine.watch(deadline, _clock())

    def expire(self, now: float) -> None:
        """The deadline has passed."""
        if self._continue_due:
            # RFC 9110 section 10.1.1: an old server may never answer the question.
            self._continue_due = False
            self._set_deadline(self._started, self._request_limit())
            self._send_body()
        elif self._connecting is not None and self.dial is not None:
            self.fail(HTTPTimeoutError(f"Timeout {self.dial.phase}", self.dial.step))
        elif self.connection is None:
            self.fail(HTTPTimeoutError("Timeout in request queue", "queue"))
        else:
            self.fail(HTTPTimeoutError("Timeout during request"))

    # --- the request's body ---------------------------------------------------------------------

    def _send_body(self) -> None:
        connection = self.connection
        if connection is None:
            return
        if self._producer is None:
            connection.sending = False
            if self.body:
                connection.write(self.body)
            return
        context = self._context
        assert context is not None
        self._producing = self.engine.loop.create_task(
            self._produce(self._producer, connection), context=context
        )

    async def _produce(self, producer: Callable[..., Any], connection: ClientConnection) -> None:
        framing = self._framing
        assert framing is not None

        def write(chunk: bytes) -> Awaitable[None]:
            if self._producing is not asyncio_task and asyncio_task is not None:
                raise HTTPOutputError("the request is over")
            connection.write(framing.frame(chunk))
            return connection.room()

        asyncio_task = asyncio.current_task()
        try:
            result = producer(write)
            if result is not None:
                await gen.convert_yielded(result)
            connection.write(framing.end())
        except Exception as error:
            if self._producing is asyncio_task:
                self._producing = None
                self.fail(error)
            return
        if self._producing is asyncio_task:
            self._producing = None
            connection.sending = False

    def wrote(self) -> None:
        """The server has taken what was sent."""

    # --- the response ---------------------------------------------------------------------------

    def interim_received(self, head: ResponseHead) -> None:
        """A 1xx response: another will follow."""
        if head.status == 100 and self._continue_due:
            self._continue_due = False
            self._set_deadline(self._started, self._request_limit())
            self._send_body()
            return
        if self._header_callback is not None:
            headers = HTTPHeaders()
            headers.load(head.raw)
            self._announce(self._header_callback, head, headers)

    def head_received(self, head: ResponseHead) -> None:
        """The final response begins."""
        self._first_byte = _clock()
        self._response = head
        if self._continue_due:
            # The answer came instead of "go on": the body will not be sent.
            self._continue_due = False
            self._set_deadline(self._started, self._request_limit())
        if head.status in redirect.CODES and self._is_followed(head):
            self._following = True
            if head.until_close or head.content_length > limits.MAX_DISCARD:
                self._skip_body()
            return
        if head.seen & _ENCODED and self._codings:
            coding = head.get(b"content-encoding")
            self._decoder = decoder_for(coding or "", self._codings)
            if self._decoder is not None:
                self._headers = headers = HTTPHeaders()
                headers.load(head.raw)
                Decoder.rewrite(headers)
        if self._header_callback is not None:
            if self._headers is None:
                self._headers = HTTPHeaders()
                self._headers.load(head.raw)
            self._announce(self._header_callback, head, self._headers)
        if self._sink is None:
            self._pieces = []

    def _is_followed(self, head: ResponseHead) -> bool:
        return (
            bool(self.setting("follow_redirects"))
            and self._redirects < (self.setting("max_redirects") or 0)
            and head.get(b"location") is not None
        )

    def _announce(
        self, callback: Callable[[str], Any], head: ResponseHead, headers: HTTPHeaders
    ) -> None:
        lines = [f"{head.version} {head.status} {head.reason}\r\n"]
        lines += [f"{name}: {value}\r\n" for name, value in headers.get_all()]
        lines.append("\r\n")
        context = self._context
        assert context is not None
        for line in lines:
            context.run(callback, line)

    def body_received(self, chunk: bytes) -> Awaitable[Any] | None:
        """A piece of the response's body.

        :returns: None, or an awaitable: no more is read before it is done.
        """
        if self._decoder is not None:
            self._backlog = self._decoder.decode(chunk, self.engine.max_body_size)
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
        if self._pieces is not None:
            self._pieces.append(chunk)
        elif self._following:
            self._discarded += len(chunk)
            if self._discarded > limits.MAX_DISCARD:
                self._skip_body()
        elif self._sink is not None:
            context = self._context
            assert context is not None
            result = context.run(self._sink, chunk)
            if result is not None and inspect.isawaitable(result):
                return result
        return None

    def body_ended(self) -> None:
        """The response is complete.

        :raises ProtocolError: its content is not.
        """
        if self._decoder is not None:
            self._decoder.check_end()

    def _skip_body(self) -> None:
        """Follow the redirect without what else it says."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.abort()
            self._follow()

    def complete(self, connection: ClientConnection, reusable: bool) -> None:
        """The response has come to its end.

        :arg reusable: whether the connection can serve another request.
        """
        self.connection = None
        self._stop_producing()
        now = _clock()
        self.engine.release(connection, reusable, now)
        if self._following:
            self._follow()
            return
        self.done = True
        self.engine.leave(self)
        head = self._response
        assert head is not None
        pieces = self._pieces
        if pieces is None:
            body = b""
        else:
            body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        times = {"starttransfer": self._first_byte - self._started, "total": now - self._started}
        if self._is_queued:
            times["queue"] = self._started - self._submitted
        response = make_response(
            self.original,
            head,
            body,
            self._url,
            self._started_wall,
            now - self._started,
            times,
        )
        if self._headers is not None:
            response.headers = self._headers
        if connection.parser.trailers:
            response._trailers = connection.parser.trailers
        self._call_back(response)

    def _follow(self) -> None:
        head = self._response
        assert head is not None
        location = head.get(b"location") or ""
        self._redirects += 1
        self._following = False
        self._discarded = 0
        self._response = None
        self.body = None
        self.deferred = self._continue_due = False
        self._producer = self._framing = None
        self.keep_alive = True
        try:
            request = redirect.next_request(self._raw, self._url, head.status, location)
            self._use(_RequestProxy(request, self._defaults))
            self._prepare()
        except Exception as error:
            self.fail(error)
            return
        self._dispatch()

    # --- ending early ---------------------------------------------------------------------------

    def may_be_repeated(self) -> bool:
        """Whether sending the request again can do no harm, and is possible."""
        return self.method in _IDEMPOTENT and self._producer is None

    def repeat(self) -> None:
        """Send the request again: the connection was closing when it was sent."""
        self.connection = None
        if self._raw.expect_100_continue and self.deferred:
            self._continue_due = True
        self._dispatch(fresh=True)

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
        if connecting is not None:
            connecting.cancel()
        self._stop_producing()
        self._backlog = None
        self.engine.leave(self)
        self._respond(error)

    def _stop_producing(self) -> None:
        producing, self._producing = self._producing, None
        if producing is not None:
            producing.cancel()

    def _respond(self, error: BaseException) -> None:
        """Call back with what stands for a response."""
        self._call_back(
            HTTPResponse(
                self.original,
                599,
                error=error,
                request_time=_clock() - self._started,
                start_time=self._started_wall,
            )
        )

    def _call_back(self, response: HTTPResponse) -> None:
        try:
            self.callback(response)
        except Exception:
            app_log.error("Uncaught exception in the callback of a fetch", exc_info=True)
