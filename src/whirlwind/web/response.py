"""The life of a request in its handler: the compiled base of `RequestHandler`.

Theory of operation. A handler runs in stages: checks, `prepare`, the rest of a streamed body, the
HTTP method, the end. `begin` walks through them by plain calls and comes back with None when the
request is finished, or with the first awaitable something returned. `RequestHandler._drive` is the
coroutine that takes it from there. So a handler that never waits costs neither a coroutine nor a task, and there
is one description of the stages, not two.

Every hook is called through the instance, whatever class, mixin or mock provides it.
"""

import datetime
import numbers
import re
import time
from collections.abc import Awaitable
from hashlib import sha1
from http.cookies import Morsel
from typing import Any, Final

from whirlwind._version import VERSION
from whirlwind.escape import json_encode
from whirlwind.httputil import HTTPHeaders, ResponseStartLine, format_timestamp, responses
from whirlwind.httputil.storage import RequestStorage
import whirlwind.web.hooks as hooks
from whirlwind.protocol import limits, scan
from whirlwind.protocol.headers import is_sendable
from whirlwind.server.exchange import Exchange, ExchangeBase
from whirlwind.web.errors import HTTPError

_START: Final = 0
_PREPARING: Final = 1
_IN_BODY: Final = 2
_IN_METHOD: Final = 3
_DONE: Final = 4

# A bit for each hook that is known to be the original one, so that calling it can be left out, or
# done without a lookup.
_INITIALIZE: Final = 1
_SET_DEFAULT_HEADERS: Final = 2
_PREPARE: Final = 4
_ON_FINISH: Final = 8
_FLUSH: Final = 16
_BREAK_CYCLES: Final = 32
_ETAGS_AS_USUAL: Final = 64
_LOG: Final = 128
_EXECUTE: Final = 256
_CLEAR: Final = 512
_FINISH: Final = 1024
EXECUTE_HOOK: Final = 256  # the same for other modules: C integers cannot be imported
_HOOKS: Final[dict[int, tuple[str, ...]]] = {
    _INITIALIZE: ("initialize",),
    _SET_DEFAULT_HEADERS: ("set_default_headers",),
    _PREPARE: ("prepare",),
    _ON_FINISH: ("on_finish",),
    _FLUSH: ("flush",),
    _BREAK_CYCLES: ("_break_cycles",),
    _ETAGS_AS_USUAL: ("compute_etag", "set_etag_header", "check_etag_header", "set_header"),
    _LOG: ("_log",),
    _EXECUTE: ("_execute",),
    _CLEAR: ("clear",),
    _FINISH: ("finish",),
}
_HOOK_NAMES: Final = frozenset(name for names in _HOOKS.values() for name in names)
_ORIGINALS: dict[str, Any] = {}
_known_bits: dict[int, int] = {}


def note_originals(cls: type) -> None:
    """Take the hooks of a class, before anybody can change them, as the original ones."""
    _ORIGINALS.update({name: getattr(cls, name) for name in _HOOK_NAMES})


def _original_hooks(cls: type) -> int:
    """The bits of the hooks that a class has not replaced; 0 where that is not known."""
    version = hooks.type_version(cls)
    if version == 0:
        return 0
    bits = _known_bits.get(version)
    if bits is None:
        bits = 0
        for bit, names in _HOOKS.items():
            if all([getattr(cls, name) is _ORIGINALS[name] for name in names]):
                bits |= bit
        if len(_known_bits) >= limits.MAX_CLASS_CACHE:
            _known_bits.clear()
        _known_bits[version] = bits
    return bits

#: Value of the ``Server`` field.
SERVER: Final = f"Whirlwind/{VERSION}"

_METHOD_NAMES: Final[dict[str, str]] = {
    m: m.lower() for m in ("GET", "HEAD", "POST", "DELETE", "PATCH", "PUT", "OPTIONS")
}
_IF_NONE_MATCH: Final = scan.IF_NONE_MATCH
# The entity tags of If-None-Match (RFC 9110 section 8.8.3), weak marks set aside.
_ETAGS = re.compile(r'\*|(?:W/)?("[^"]*")')
_BAD_REASON = re.compile(r"[\x00-\x08\x0a-\x1f\x7f<]|[^\x00-\xff]")

_now: Final = time.time
_DEFAULTS: dict[str, Any] = {
    "Server": SERVER,
    "Content-Type": "text/html; charset=UTF-8",
    "Date": "",
}
_date_second = 0


def default_headers(now: float) -> dict[str, Any]:
    """The header fields every response starts with; `Date` is formatted once a second.

    :arg now: seconds since the epoch.
    """
    global _date_second
    second = int(now)
    if second != _date_second:
        _date_second = second
        _DEFAULTS["Date"] = format_timestamp(second)
    return _DEFAULTS


class ResponseBase:
    """What a handler has been told to answer so far, and how far it has come."""

    def __init__(self, application: Any, request: Any, **kwargs: Any) -> None:
        """
        :arg application: the `Application`.
        :arg request: the `HTTPServerRequest` to answer.
        :arg kwargs: for `initialize`, from the route.
        """
        self._original = _original_hooks(type(self))
        self.application = application
        self.request = request
        self._native: RequestStorage | None = (
            request if isinstance(request, RequestStorage) else None
        )
        self.path_args: list[Any] = []
        self.path_kwargs: dict[str, Any] = {}
        self._headers_written = False
        self._finished = False
        self._auto_finish = True
        self._prepared_future: Any = None
        self._new_cookie: Any = None
        self._transforms: Any = None
        self._raw_args: Any = None
        self._raw_kwargs: Any = None
        self._stage = _START
        connection = request.connection
        self._exchange: ExchangeBase | None = None
        if type(connection) is Exchange:
            self._exchange = connection
            connection.owner = self
        elif connection is not None:
            connection.set_close_callback(self.on_connection_close)
        if self._original & _CLEAR:
            self._clear()
        else:
            self.clear()
        if kwargs or not self._original & _INITIALIZE:
            self.initialize(**kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOOK_NAMES:
            self._original = 0  # somebody mocks or patches this very instance
        hooks.set_attribute(self, name, value)

    def initialize(self) -> None:
        """Hook: take the keyword arguments of the route. Called once, before anything else."""

    def set_default_headers(self) -> None:
        """Hook: set headers that every response of this handler carries, error pages included."""

    def prepare(self) -> Awaitable[None] | None:
        """Hook: called before the HTTP method, whichever it is; may be a coroutine."""

    def on_finish(self) -> None:
        """Hook: called after the response was handed over; cannot change it any more."""

    # --- status and headers ---------------------------------------------------------------------

    def clear(self) -> None:
        """Forget the response so far: status 200, default headers, no body."""
        self._clear()

    def _clear(self) -> None:
        headers = HTTPHeaders.__new__(HTTPHeaders)
        native = self._native
        headers.reset(default_headers(_now() if native is None else native._start_time))
        self._headers = headers
        if not self._original & _SET_DEFAULT_HEADERS:
            self.set_default_headers()
        self._write_buffer: list[bytes] = []
        self._status_code = 200
        self._reason = "OK"

    def set_status(self, status_code: int, reason: str | None = None) -> None:
        """Set the status.

        :arg status_code: such as 404.
        :arg reason: the phrase; by default the standard one. A phrase that could break out of its
            place on the wire or in an error page is replaced by ``Unknown`` (Tornado 6.5.3).
        """
        self._status_code = int(status_code)
        if reason is None:
            self._reason = responses.get(self._status_code, "Unknown")
        else:
            reason = str(reason)
            self._reason = "Unknown" if _BAD_REASON.search(reason) else reason

    def get_status(self) -> int:
        """The status set so far."""
        return self._status_code

    def set_header(self, name: str, value: Any) -> None:
        """Set a header field, replacing what was set before.

        :arg name: field name, in any case.
        :arg value: str, bytes, int, or a datetime, which is sent as an HTTP date.
        :raises TypeError: any other type.
        :raises ValueError: control characters, or text outside of latin-1.
        """
        text = value if type(value) is str else _header_text(value)
        if not self._headers.put_checked(name, text):
            raise ValueError(f"Unsafe header value {text!r} for {name}")

    def add_header(self, name: str, value: Any) -> None:
        """Add a header field beside those of the same name; types and errors as `set_header`."""
        text = value if type(value) is str else _header_text(value)
        if not self._headers.append_checked(name, text):
            raise ValueError(f"Unsafe header value {text!r} for {name}")

    def clear_header(self, name: str) -> None:
        """Take back a header field; cookies are not affected."""
        self._headers.drop(name)

    # --- body -----------------------------------------------------------------------------------

    def write(self, chunk: str | bytes | dict[Any, Any]) -> None:
        """Add to the body, which is kept until `flush` or `finish`.

        :arg chunk: bytes, text (sent as UTF-8), or a dict, sent as JSON with its Content-Type.
        :raises TypeError: another type. Lists are refused because some browsers once ran JSON
            arrays as scripts.
        :raises RuntimeError: the response is finished.
        """
        if self._finished:
            raise RuntimeError("Cannot write() after finish()")
        if type(chunk) is str:
            self._write_buffer.append(chunk.encode("utf-8"))
        elif type(chunk) is bytes:
            self._write_buffer.append(chunk)
        else:
            self._write_other(chunk)

    def _write_other(self, chunk: Any) -> None:
        if isinstance(chunk, dict):
            chunk = json_encode(chunk)
            self.set_header("Content-Type", "application/json; charset=UTF-8")
        if isinstance(chunk, str):
            self._write_buffer.append(chunk.encode("utf-8"))
        elif isinstance(chunk, bytes):
            self._write_buffer.append(bytes(chunk))
        else:
            hint = (
                "; wrap the list in a dict: arrays at the top of a JSON document were a hole in "
                "old browsers"
                if isinstance(chunk, list)
                else ""
            )
            raise TypeError(f"write() takes bytes, str and dict, not {type(chunk).__name__}{hint}")

    def flush(self, include_footers: bool = False) -> Any:
        """Send what was written so far, and the headers before it if they were not sent yet.

        :arg include_footers: True in the last flush only; `finish` does that.
        :returns: an awaitable that is done when the client's buffers have taken the data: await it
            to write no faster than the client reads.
        """
        return self._flush(include_footers)

    def _flush(self, include_footers: bool) -> Any:
        buffer = self._write_buffer
        if len(buffer) == 1:
            chunk = buffer[0]
        else:
            chunk = b"".join(buffer) if buffer else b""
        self._write_buffer = []
        exchange = self._exchange
        connection = self._connection()
        if connection is not exchange:
            exchange = None  # somebody put another connection in front
        if self._headers_written:
            for transform in self._transforms or ():
                chunk = transform.transform_chunk(chunk, include_footers)
            if self._method() == "HEAD":
                chunk = b""
            return connection.write(chunk)
        self._headers_written = True
        headers = self._headers
        for transform in self._transforms or ():
            self._status_code, headers, chunk = transform.transform_first_chunk(
                self._status_code, headers, chunk, include_footers
            )
        if self._new_cookie is not None:
            self._add_cookies(headers)
        if chunk and self._method() == "HEAD":
            chunk = b""
        if exchange is None:
            line = ResponseStartLine("HTTP/1.1", self._status_code, self._reason)
            return connection.write_headers(line, headers, chunk)
        if include_footers:
            return exchange.respond(self._status_code, self._reason, headers, chunk)
        return exchange.start(self._status_code, self._reason, headers, chunk)

    def _add_cookies(self, headers: HTTPHeaders) -> None:
        morsel: Morsel[str]
        for morsel in self._new_cookie.values():
            headers.append("Set-Cookie", morsel.OutputString(None))

    def finish(self, chunk: str | bytes | dict[Any, Any] | None = None) -> Any:
        """Finish the response.

        A 200 answer to GET or HEAD that was not flushed gets an ``Etag``, and becomes a 304 if the
        client has that already.

        :arg chunk: written first, as by `write`.
        :returns: an awaitable that is done when the client's buffers have taken the data.
        :raises RuntimeError: the response was finished before, or has a body that its status does
            not allow.
        """
        return self._finish(chunk)

    def _finish(self, chunk: Any) -> Any:
        if self._finished:
            raise RuntimeError("finish() called twice")
        if chunk is not None:
            self.write(chunk)
        if not self._headers_written:
            self._complete_headers()
        if self._original & _FLUSH:
            done = self._flush(True)
        else:
            done = self.flush(include_footers=True)
        exchange = self._exchange
        if exchange is None or not exchange.is_finished():
            self._connection().finish()
        if self._original & _LOG:
            self.application.log_request(self)
        else:
            self._log()
        self._finished = True
        if not self._original & _ON_FINISH:
            self.on_finish()
        if not self._original & _BREAK_CYCLES:
            self._break_cycles()
        return done

    def _log(self) -> None:
        """Have the request logged, when it is finished."""
        self.application.log_request(self)

    def _connection(self) -> Any:
        native = self._native
        return self.request.connection if native is not self.request else native.connection

    def _method(self) -> Any:
        native = self._native
        return self.request.method if native is not self.request else native.method

    def _complete_headers(self) -> None:
        headers = self._headers
        if self._status_code == 200 and not headers.has("Etag"):
            method = self._method()
            if method == "GET" or method == "HEAD":
                self._add_etag(headers)
        code = self._status_code
        if code == 204 or code == 304 or code < 200:
            if self._write_buffer:
                raise RuntimeError(f"Cannot send a body with status {code}")
            self._clear_representation_headers()
        elif not headers.has("Content-Length"):
            size = 0
            for part in self._write_buffer:
                size += len(part)
            headers.put_normal("Content-Length", str(size))

    def _add_etag(self, headers: HTTPHeaders) -> None:
        if self._original & _ETAGS_AS_USUAL:
            headers.put_normal("Etag", self._digest())
            matches = self._etag_matches()
        else:
            self.set_etag_header()
            matches = self.check_etag_header()
        if matches:
            self._write_buffer = []
            self.set_status(304)

    def _clear_representation_headers(self) -> None:
        # RFC 9110 section 15.4.5: a 304 carries what the client needs to update its copy, no more.
        for name in ("Content-Encoding", "Content-Language", "Content-Type"):
            self.clear_header(name)

    def _break_cycles(self) -> None:
        """Let go of what refers back to this handler."""

    # --- entity tags ----------------------------------------------------------------------------

    def compute_etag(self) -> str | None:
        """Hook: the entity tag of the body written so far, None for none.

        :returns: a quoted string: by default the SHA-1 of the body.
        """
        return self._digest()

    def _digest(self) -> str:
        buffer = self._write_buffer
        if len(buffer) == 1:
            digest = sha1(buffer[0])
        else:
            digest = sha1()
            for part in buffer:
                digest.update(part)
        return f'"{digest.hexdigest()}"'

    def set_etag_header(self) -> None:
        """Set ``Etag`` to what `compute_etag` says."""
        etag = self.compute_etag()
        if etag is not None:
            self.set_header("Etag", etag)

    def check_etag_header(self) -> bool:
        """Whether ``If-None-Match`` of the request names the ``Etag`` of the response.

        Compared weakly, as RFC 9110 section 13.1.2 wants for this field.
        """
        return self._etag_matches()

    def _etag_matches(self) -> bool:
        native = self._native
        if native is not None and native is self.request and native.lacks(_IF_NONE_MATCH):
            return False
        wanted = self.request.headers.get("If-None-Match", "")
        etag = self._headers.lookup("Etag")
        if not wanted or not etag:
            return False
        strong = etag[2:] if etag.startswith("W/") else etag
        for found in _ETAGS.finditer(wanted):
            if found.group(0) == "*" or found.group(1) == strong:
                return True
        return False

    # --- stages ---------------------------------------------------------------------------------

    def begin(self, transforms: Any, args: Any, kwargs: Any) -> Any:
        """Start on the request.

        :arg transforms: the output transforms, or None.
        :arg args, kwargs: the groups of the route's pattern, as bytes or None.
        :returns: None when the request is done, otherwise what is to be awaited before `proceed`.
        """
        self._transforms = transforms
        self._raw_args = args
        self._raw_kwargs = kwargs
        return self.proceed()

    def proceed(self) -> Any:
        """Go on from the present stage to the next awaitable."""
        try:
            if self._stage == _START:
                self._check_request()
                self._stage = _PREPARING
                if not self._original & _PREPARE:
                    pending = self.prepare()
                    if pending is not None:
                        return pending
            if self._stage == _PREPARING:
                if self._prepared_future is not None:
                    self._mark_prepared()
                if self._finished:
                    self._stage = _DONE
                    return None
                self._stage = _IN_BODY
                if self._prepared_future is not None:
                    return self.request._body_future
            if self._stage == _IN_BODY:
                self._stage = _IN_METHOD
                name = self._method()
                method = getattr(self, _METHOD_NAMES.get(name) or name.lower())
                if self.path_args or self.path_kwargs:
                    pending = method(*self.path_args, **self.path_kwargs)
                else:
                    pending = method()
                if pending is not None:
                    return pending
            if self._stage == _IN_METHOD:
                self._stage = _DONE
                if self._auto_finish and not self._finished:
                    if self._original & _FINISH:
                        self._finish(None)
                    else:
                        self.finish()
        except Exception as error:
            self.fail(error)
        return None

    def _check_request(self) -> None:
        request = self.request
        if self._method() not in self.SUPPORTED_METHODS:
            raise HTTPError(405)
        native = self._native
        if native is not None and native is request:
            if native.body and native.has_form():
                native._parse_body()
        elif request.body:
            request._parse_body()
        if self._raw_args:
            self.path_args = [self.decode_argument(a) for a in self._raw_args]
        if self._raw_kwargs:
            self.path_kwargs = {
                k: self.decode_argument(v, name=k) for k, v in self._raw_kwargs.items()
            }
        self._raw_args = self._raw_kwargs = None
        # Read at request time, as all settings are; without them this costs two lookups.
        settings = self.application.settings
        if "xsrf_cookies" in settings or "cross_origin_protection" in settings:
            self._ww_check_cross_site()

    def fail(self, error: Exception) -> None:
        """A stage raised: answer accordingly, and let a waiting body go on."""
        self._stage = _DONE
        try:
            self._handle_request_exception(error)
        except Exception:
            self._log_broken_handling()
        finally:
            self._mark_prepared()

    def cancelled(self) -> None:
        """The handler's task was cancelled: the client must not wait for what will not come."""
        self._stage = _DONE
        self._mark_prepared()
        if self._finished:
            return
        if self._headers_written:
            self._abandon()
        else:
            self.send_error(503)

    def _mark_prepared(self) -> None:
        future = self._prepared_future
        if future is not None and not future.done():
            future.set_result(None)


def _header_text(value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, numbers.Integral):
        return str(value)
    if isinstance(value, datetime.datetime):
        return format_timestamp(value)
    raise TypeError(f"Unsupported header value {value!r}")
