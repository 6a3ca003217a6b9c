"""The life of a request in its handler: the compiled base of `RequestHandler`.

Theory of operation. A handler runs in stages: checks, `prepare`, the rest of a streamed body, the
HTTP method, the end. `begin` walks through them by plain calls and comes back with None when
the request is finished, or with the first awaitable something returned; then
`RequestHandler._ww_drive`, a coroutine, takes over. So a handler that never waits costs neither a
coroutine nor a task, and there is one description of the stages, not two.

Every hook is called through the instance, whatever class, mixin or mock provides it, unless it is
known to be the original one (`whirlwind.web.hooks`). Names that start with ``_ww_`` are ours alone;
all others belong to Tornado's API and to subclasses.
"""

import re
import time
from asyncio import CancelledError
from types import FunctionType, MethodType
from typing import Any, Final

import whirlwind.httputil.fresh as fresh
import whirlwind.web.hooks as hooks
from whirlwind._public import start_values
from whirlwind._version import VERSION
from whirlwind.escape import json_encode
from whirlwind.httputil import HTTPHeaders, ResponseStartLine, format_timestamp
from whirlwind.httputil.storage import RequestStorage, lacks
from whirlwind.httputil.urls import reason_phrase
from whirlwind.protocol import limits, scan
from whirlwind.server.exchange import FINISHED, Exchange, ExchangeBase
from whirlwind.web.done import DONE
from whirlwind.web.errors import HTTPError
from whirlwind.web.fields import field_name, field_text, refusal
from whirlwind.web.storage import have_logged, settings_of
from whirlwind.web.tags import is_among, tag_of

_START: Final = 0
_PREPARING: Final = 1
_IN_BODY: Final = 2
_IN_METHOD: Final = 3
_DONE: Final = 4
_FINISHED: Final = FINISHED

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
SUMMARY: Final = 2048
_CONTEXT: Final = 4096
_MAKING: Final = 8192
_METHODS: Final = 16384
_SET_HEADER: Final = 32768
_ADD_HEADER: Final = 65536
# The same for other modules: C integers cannot be imported.
EXECUTE_HOOK: Final = 256
CONTEXT_HOOK: Final = 4096
BREAK_CYCLES_HOOK: Final = 32
IN_METHOD: Final = 3
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
    _MAKING: ("__new__", "__init__"),
    _METHODS: ("SUPPORTED_METHODS",),
    _SET_HEADER: ("set_header",),
    _ADD_HEADER: ("add_header",),
    _CLEAR: ("clear",),
    _FINISH: ("finish",),
    SUMMARY: ("get_status", "_request_summary"),
    _CONTEXT: ("_ww_keeps_context",),
}
_HOOK_NAMES: Final = frozenset(name for names in _HOOKS.values() for name in names)
_ORIGINALS: dict[str, Any] = {}
_known_bits: dict[int, int] = {}
_last_version = 0
_last_bits = 0
#: Whether states of classes have numbers here: the plain form never knows, and need not ask which
#: hooks are original. It is asked first: a bit of `_ww_original` takes that form 300 instructions.
CAN_KNOW: Final = hooks.type_version(object) != 0
_CAN_KNOW: Final = CAN_KNOW


def note_originals(cls: type) -> None:
    """Take the hooks of a class, before anybody can change them, as the original ones."""
    _ORIGINALS.update({name: getattr(cls, name) for name in _HOOK_NAMES})


def _original_hooks(cls: type) -> int:
    """The bits of the hooks that a class has not replaced; 0 where that is not known."""
    global _last_version, _last_bits
    version = hooks.type_version(cls)
    if version == 0:
        return 0
    if version == _last_version:
        return _last_bits
    bits = _known_bits.get(version)
    if bits is None:
        bits = 0
        for bit, names in _HOOKS.items():
            if all(getattr(cls, name) is _ORIGINALS[name] for name in names):
                bits |= bit
        if len(_known_bits) >= limits.MAX_CLASS_CACHE:
            _known_bits.clear()
        _known_bits[version] = bits
    _last_version = version
    _last_bits = bits
    return bits


#: Value of the ``Server`` field.
SERVER: Final = f"Whirlwind/{VERSION}"

_METHOD_NAMES: Final[dict[str, str]] = {
    m: m.lower() for m in ("GET", "HEAD", "POST", "DELETE", "PATCH", "PUT", "OPTIONS")
}
_IF_NONE_MATCH: Final = scan.IF_NONE_MATCH
_BAD_REASON = re.compile(r"[\x00-\x08\x0a-\x1f\x7f<]|[^\x00-\xff]")

_now: Final = time.time
_DEFAULTS: dict[str, Any] = {
    "Server": SERVER,
    "Content-Type": "text/html; charset=UTF-8",
    "Date": "",
}
_date_second = 0.0
_next_second = 0.0


def _set_date(second: int) -> None:
    """Format the `Date` that responses start with: once a second.

    :arg second: seconds since the epoch.
    """
    global _date_second, _next_second
    _DEFAULTS["Date"] = format_timestamp(second)
    _date_second = second
    _next_second = second + 1.0


class ResponseBase:
    """What a handler has been told to answer so far, and how far it has come."""

    _headers_written: bool
    _finished: bool
    _prepared_future: Any
    _new_cookie: Any
    _transforms: Any
    _ww_native: RequestStorage | None
    _ww_raw_args: Any
    _ww_raw_kwargs: Any
    _ww_path_args: list[Any] | None
    _ww_path_kwargs: dict[str, Any] | None
    _ww_stage: int
    _ww_exchange: ExchangeBase | None
    _headers: HTTPHeaders
    _write_buffer: list[bytes]
    _status_code: int
    _reason: str

    def __init__(self, application: Any, request: Any, **kwargs: Any) -> None:
        """
        :arg application: the `Application`.
        :arg request: the `HTTPServerRequest` to answer.
        :arg kwargs: for `initialize`, from the route.
        """
        if _CAN_KNOW:
            self._ww_original = _original_hooks(type(self))
        self._ww_begin(application, request, kwargs)

    def _ww_begin(self, application: Any, request: Any, kwargs: Any) -> None:
        self.application = application
        self.request = request
        # By its type: a mock with a spec passes for an instance.
        if issubclass(type(request), RequestStorage):
            self._ww_native = native = request
            connection = native.connection
        else:
            connection = request.connection
        self._auto_finish = True
        # As they are anyway; but in the plain form a value of the class costs five times as much to
        # read as one of the instance, and these are read several times.
        self._finished = False
        self._headers_written = False
        self._prepared_future = None
        if type(connection) is Exchange:
            self._ww_exchange = exchange = connection
            exchange.owner = self
        elif connection is not None:
            connection.set_close_callback(self.on_connection_close)
        if _CAN_KNOW and self._ww_original & _CLEAR:
            clear_response(self)
        else:
            self.clear()
        if kwargs:
            self.initialize(**kwargs)
        elif not (_CAN_KNOW and self._ww_original & _INITIALIZE):
            self.initialize()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOOK_NAMES:
            self._ww_original = 0  # somebody mocks or patches this very instance
        hooks.set_attribute(self, name, value)

    @property
    def path_args(self) -> list[Any]:
        """The groups of the route's pattern that have no names, decoded."""
        found = self._ww_path_args
        if found is None:
            found = self._ww_path_args = []
        return found

    @path_args.setter
    def path_args(self, value: list[Any]) -> None:
        self._ww_path_args = value

    @property
    def path_kwargs(self) -> dict[str, Any]:
        """The groups of the route's pattern by their names, decoded."""
        found = self._ww_path_kwargs
        if found is None:
            found = self._ww_path_kwargs = {}
        return found

    @path_kwargs.setter
    def path_kwargs(self, value: dict[str, Any]) -> None:
        self._ww_path_kwargs = value

    # --- body -----------------------------------------------------------------------------------

    def _ww_set_status(self, status_code: int, reason: str | None) -> None:
        status_code = int(status_code)
        if status_code < 100 or status_code > 999:
            # RFC 9112 section 4: three digits; no client could read what follows others.
            raise ValueError(f"a status has three digits: {status_code}")
        self._status_code = status_code
        if reason is None:
            self._reason = reason_phrase(status_code)
        else:
            if not isinstance(reason, str):
                raise TypeError(f"the reason of status {status_code} is {reason!r}; it must be str")
            self._reason = "Unknown" if not reason or _BAD_REASON.search(reason) else reason

    def _ww_set_header(self, name: str, value: Any) -> None:
        text = value if type(value) is str else field_text(value)
        name = name if type(name) is str else field_name(name)
        if not self._headers.put_checked(name, text):
            raise refusal(name, text)

    def _ww_add_header(self, name: str, value: Any) -> None:
        text = value if type(value) is str else field_text(value)
        name = name if type(name) is str else field_name(name)
        if not self._headers.append_checked(name, text):
            raise refusal(name, text)

    def _ww_write(self, chunk: Any) -> None:
        if self._finished:
            raise RuntimeError("Cannot write() after finish()")
        if type(chunk) is str:
            text: str = chunk
            self._write_buffer.append(text.encode("utf-8"))
        elif type(chunk) is bytes:
            self._write_buffer.append(chunk)
        else:
            self._ww_write_other(chunk)

    def _ww_write_other(self, chunk: Any) -> None:
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

    def _ww_add_cookies(self, headers: HTTPHeaders) -> None:
        morsel: Any
        if (_CAN_KNOW and self._ww_original & _ADD_HEADER) or hooks.is_method_of(
            self.add_header, _ORIGINALS["add_header"]
        ):
            for morsel in self._new_cookie.values():
                headers.append("Set-Cookie", morsel.OutputString(None))
            return
        if headers is not self._headers:
            self._headers = headers  # a transform has made others
        for morsel in self._new_cookie.values():
            self.add_header("Set-Cookie", morsel.OutputString(None))

    def _ww_connection(self) -> Any:
        native = self._ww_native
        return self.request.connection if native is not self.request else native.connection

    def _ww_complete_headers(self) -> bool:
        """Add what a whole response has; True if that is a Content-Length, which is right then."""
        headers = self._headers
        code = self._status_code
        fields = headers._map
        if code == 200 and "Etag" not in fields:
            native = self._ww_native
            method = native.method if native is self.request else self.request.method
            if method == "GET" or method == "HEAD":
                self._ww_add_etag(headers)
                code = self._status_code
        if code != 200 and (code == 204 or code == 304 or code < 200):
            if self._write_buffer:
                raise RuntimeError(f"Cannot send a body with status {code}")
            self._clear_representation_headers()
        elif "Content-Length" not in fields:
            size = 0
            for part in self._write_buffer:
                size += len(part)
            if (_CAN_KNOW and self._ww_original & _SET_HEADER) or (
                type(setter := self.set_header) is MethodType
                and setter.__func__ is _ORIGINALS["set_header"]
            ):
                fields["Content-Length"] = f"{size}"
                return True
            self.set_header("Content-Length", size)
        return False

    def _ww_add_etag(self, headers: HTTPHeaders) -> None:
        if _CAN_KNOW and self._ww_original & _ETAGS_AS_USUAL:
            headers._map["Etag"] = tag_of(self._write_buffer)
            matches = etag_matches(self)
        else:
            self.set_etag_header()
            matches = self.check_etag_header()
        if matches:
            self._write_buffer = []
            self.set_status(304)

    # --- stages ---------------------------------------------------------------------------------

    def _ww_check_request(self) -> None:
        request = self.request
        native = self._ww_native
        if native is request:
            name = native.method
            if (
                not (_CAN_KNOW and self._ww_original & _METHODS and name in _METHOD_NAMES)
                and name not in self.SUPPORTED_METHODS
            ):
                raise HTTPError(405)
            # Nothing at all is a form with no fields, but no multipart body (RFC 2046 section
            # 5.1.1). A handler that takes the body in pieces sees to it itself.
            if (native.body or native._body_future is None) and native.has_form():
                native._parse_body()
        else:
            if request.method not in self.SUPPORTED_METHODS:
                raise HTTPError(405)
            if request.body:
                request._parse_body()
        if self._ww_raw_args:
            self._ww_path_args = [self.decode_argument(a) for a in self._ww_raw_args]
            self._ww_raw_args = None
        if self._ww_raw_kwargs:
            self._ww_path_kwargs = {
                k: self.decode_argument(v, name=k) for k, v in self._ww_raw_kwargs.items()
            }
            self._ww_raw_kwargs = None
        # Read at request time, as all settings are; without them this costs two lookups.
        application = self.application
        settings = settings_of(application) if _CAN_KNOW else application.settings
        if "xsrf_cookies" in settings or "cross_origin_protection" in settings:
            self._ww_check_cross_site()

    def _ww_fail(self, error: BaseException) -> None:
        """A stage raised: answer accordingly, and let a waiting body go on."""
        self._ww_stage = _DONE
        try:
            self._handle_request_exception(error)
        except Exception:
            self._ww_end_broken_handling()
        finally:
            self._ww_mark_prepared()
            if self._prepared_future is not None:
                # Its exception has a traceback, which holds this handler, which holds it.
                self.request._body_future = None

    def _ww_cancelled(self) -> None:
        """The handler's task was cancelled: the client must not wait for what will not come."""
        self._ww_stage = _DONE
        self._ww_mark_prepared()
        if self._finished:
            return
        exchange = self._ww_exchange
        if self._headers_written or (exchange is not None and exchange.is_lost()):
            self._ww_abandon()
        else:
            self.send_error(500)

    def _ww_end_body(self) -> None:
        """The answer is complete: what waits for the rest of the body would wait for ever."""
        future = self.request._body_future
        if future is not None and not future.done():
            future.set_result(None)

    def _ww_mark_prepared(self) -> None:
        future = self._prepared_future
        if future is not None and not future.done():
            future.set_result(None)


# --- what the methods of handlers do ------------------------------------------------------------
#
# As functions, because calls from here take them at once: the methods of a compiled class with a
# subclass in Python are looked up by their name each time, from Python 3.12 on.


def make_handler(cls: Any, application: Any, request: Any, kwargs: Any) -> Any:
    """Make an instance of a handler class, as calling it does.

    :arg cls: a subclass of `ResponseBase`.
    :arg kwargs: for `initialize`.
    """
    if type(cls) is type:  # no metaclass, which could do anything
        bits = _original_hooks(cls)
        if bits & _MAKING:
            handler: ResponseBase = fresh.instance(cls)
            handler._ww_original = bits
            handler._ww_begin(application, request, kwargs)
            return handler
    return cls(application, request, **kwargs) if kwargs else cls(application, request)


def clear_response(handler: ResponseBase) -> None:
    """`RequestHandler.clear`."""
    headers = fresh.instance(HTTPHeaders)
    native = handler._ww_native
    now = _now() if native is None else native._start_time
    if now >= _next_second or now < _date_second:
        _set_date(int(now))
    headers._map = _DEFAULTS.copy()
    headers._suspect = False
    handler._headers = headers
    if not (_CAN_KNOW and handler._ww_original & _SET_DEFAULT_HEADERS):
        handler.set_default_headers()
    handler._write_buffer = []
    handler._status_code = 200
    handler._reason = "OK"


def flush_response(handler: ResponseBase, include_footers: bool, sized: bool) -> Any:
    """`RequestHandler.flush`.

    :arg sized: whether there is a Content-Length that is known to be right.
    """
    buffer = handler._write_buffer
    if len(buffer) == 1:
        chunk = buffer[0]
    else:
        chunk = b"".join(buffer) if buffer else b""
    handler._write_buffer = []
    exchange = handler._ww_exchange
    native = handler._ww_native
    if native is handler.request:
        connection = native.connection
        method = native.method
    else:
        connection = handler.request.connection
        method = handler.request.method
    transforms = handler._transforms
    if handler._headers_written:
        for transform in transforms or ():
            chunk = transform.transform_chunk(chunk, include_footers)
        return connection.write(b"" if method == "HEAD" else chunk)
    handler._headers_written = True
    headers = handler._headers
    if transforms is not None:
        sized = sized and not transforms
        for transform in transforms:
            handler._status_code, headers, chunk = transform.transform_first_chunk(
                handler._status_code, headers, chunk, include_footers
            )
    if handler._new_cookie is not None:
        handler._ww_add_cookies(headers)
    if method != "GET" and method == "HEAD":  # what most are is compared once
        chunk = b""
    if exchange is None or connection is not exchange:  # somebody put another one in front
        line = ResponseStartLine("HTTP/1.1", handler._status_code, handler._reason)
        return connection.write_headers(line, headers, chunk)
    if include_footers:
        return exchange.respond(handler._status_code, handler._reason, headers, chunk, sized)
    return exchange.start(handler._status_code, handler._reason, headers, chunk)


def finish_response(handler: ResponseBase, chunk: Any) -> Any:
    """`RequestHandler.finish`."""
    if handler._finished:
        raise RuntimeError("finish() called twice")
    if chunk is not None:
        handler.write(chunk)
    sized = not handler._headers_written and handler._ww_complete_headers()
    # The plain form does not know, and asks: `hooks.is_method_of`, written out.
    if (_CAN_KNOW and handler._ww_original & _FLUSH) or (
        type(flush := handler.flush) is MethodType and flush.__func__ is _ORIGINALS["flush"]
    ):
        done = flush_response(handler, True, sized)
    else:
        done = flush(include_footers=True)
    exchange = handler._ww_exchange
    if exchange is None or exchange._state != _FINISHED:
        handler._ww_connection().finish()
    if _CAN_KNOW and handler._ww_original & _LOG:
        have_logged(handler.application, handler)
    else:
        handler._log()
    handler._finished = True
    if handler._prepared_future is not None:
        handler._ww_end_body()
    if not (_CAN_KNOW and handler._ww_original & _ON_FINISH):
        handler.on_finish()
    if not (_CAN_KNOW and handler._ww_original & _BREAK_CYCLES):
        handler._break_cycles()
    return done


def etag_matches(handler: ResponseBase) -> bool:
    """`RequestHandler.check_etag_header`."""
    native = handler._ww_native
    if native is not None and native is handler.request and lacks(native, _IF_NONE_MATCH):
        return False
    wanted = handler.request.headers.get("If-None-Match", "")
    etag = handler._headers.lookup_normal("Etag")
    if not wanted or not etag:
        return False
    return is_among(etag, wanted)


def begin(handler: ResponseBase, transforms: Any, args: Any, kwargs: Any) -> Any:
    """Start on the request.

    :arg transforms: the output transforms, or None.
    :arg args, kwargs: the groups of the route's pattern, as bytes or None.
    :returns: None when the request is done, otherwise what to await before `proceed`.
    """
    if transforms is not None:
        handler._transforms = transforms
    if args is not None:
        handler._ww_raw_args = args
    if kwargs is not None:
        handler._ww_raw_kwargs = kwargs
    return proceed(handler)


def proceed(handler: ResponseBase) -> Any:
    """Go on from the present stage to the next awaitable."""
    try:
        stage = handler._ww_stage
        if stage == _START:
            handler._ww_check_request()
            if not (_CAN_KNOW and handler._ww_original & _PREPARE):
                pending = handler.prepare()
                if pending is not None:
                    handler._ww_stage = _PREPARING
                    return pending
        if stage <= _PREPARING:
            if handler._prepared_future is not None:
                handler._ww_mark_prepared()
                if not handler._finished:
                    handler._ww_stage = _IN_BODY
                    return handler.request._body_future
            if handler._finished:
                handler._ww_stage = _DONE
                return None
        if stage <= _IN_BODY:
            if stage == _IN_BODY and handler._finished:
                handler._ww_stage = _DONE
                return None
            handler._ww_stage = _IN_METHOD
            native = handler._ww_native
            name = native.method if native is handler.request else handler.request.method
            name = _METHOD_NAMES.get(name) or name.lower()
            if handler._ww_path_args or handler._ww_path_kwargs:
                method = getattr(handler, name)
                pending = method(*(handler._ww_path_args or ()), **(handler._ww_path_kwargs or {}))
            elif _CAN_KNOW:
                pending = hooks.call_method(handler, name)
            elif name == "get":
                pending = handler.get()  # 15 ns, and the next line 43
            else:
                pending = getattr(handler, name)()
            if pending is not None and pending is not DONE:
                return pending
        handler._ww_stage = _DONE
        if handler._auto_finish and not handler._finished:
            if _CAN_KNOW and handler._ww_original & _FINISH:
                finish_response(handler, None)
            else:
                handler.finish()
    except (Exception, CancelledError) as error:
        handler._ww_fail(error)
    return None


def request_summary(handler: ResponseBase) -> str:
    """What the log says of a request."""
    request = handler.request
    native = handler._ww_native
    if native is not None and native is request:
        return f"{native.method} {loggable(native.uri)} ({native.remote_ip})"
    return f"{request.method} {loggable(request.uri)} ({request.remote_ip})"


def loggable(text: str | None) -> str:
    """What a client sent, for the log: no second line, and nothing that a terminal would obey."""
    text = text or ""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


start_values(
    ResponseBase,
    _ww_original=0,
    _ww_native=None,
    _headers_written=False,
    _finished=False,
    _prepared_future=None,
    _new_cookie=None,
    _transforms=None,
    _ww_raw_args=None,
    _ww_raw_kwargs=None,
    _ww_path_args=None,
    _ww_path_kwargs=None,
    _ww_stage=0,
    _ww_exchange=None,
)

if isinstance(ResponseBase.__dict__.get("__setattr__"), FunctionType):
    # The plain form knows nothing of hooks, so it has nothing to forget: 5 us for each request.
    delattr(ResponseBase, "__setattr__")
