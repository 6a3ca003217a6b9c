"""`RequestHandler`: answers the requests of one kind of page."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextvars import Context
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from whirlwind._public import claim
from whirlwind.escape import utf8, xhtml_escape
from whirlwind.gen import BadYieldError, convert_yielded
from whirlwind.httputil import HTTPHeaders, HTTPServerRequest, ResponseStartLine
from whirlwind.iostream import IOStream, StreamClosedError
from whirlwind.log import app_log, gen_log
from whirlwind.protocol.errors import HTTPInputError, ProtocolError
from whirlwind.web.done import DONE
from whirlwind.web.errors import Finish, HTTPError
from whirlwind.web.languages import LanguagesMixin
from whirlwind.web.rendering import RenderingMixin
from whirlwind.web.responding import Responding
from whirlwind.web.response import (
    ResponseBase,
    begin,
    loggable,
    note_originals,
    proceed,
    request_summary,
)
from whirlwind.web.signed_cookies import SignedCookiesMixin
from whirlwind.web.xsrf import XsrfMixin

if TYPE_CHECKING:
    from whirlwind.web.application import Application


#: Final statuses whose responses have no body (RFC 9110 sections 15.3.5 and 15.4.5).
_WITHOUT_BODY = (204, 304)

_BROKEN = ResponseStartLine("HTTP/1.1", 500, "Internal Server Error")
_EARLY_HINTS = ResponseStartLine("HTTP/1.1", 103, "Early Hints")


def _unimplemented_method(self: "RequestHandler", *args: str, **kwargs: str) -> None:
    """Answer 405: the handler does not define this HTTP method."""
    raise HTTPError(405)


class RequestHandler(RenderingMixin, LanguagesMixin, Responding, XsrfMixin, SignedCookiesMixin):
    """Base class of request handlers: override at least one of the HTTP methods.

    A new instance answers each request. Methods may be plain or coroutines, or return any
    awaitable; what was written is sent when they are done, unless `finish` was called before.

    :cvar SUPPORTED_METHODS: the methods that are looked up at all; others get 405.
    """

    SUPPORTED_METHODS: ClassVar[tuple[str, ...]] = (
        "GET",
        "HEAD",
        "POST",
        "DELETE",
        "PATCH",
        "PUT",
        "OPTIONS",
    )
    _stream_request_body: ClassVar[bool] = False
    #: Whether the request's context is kept as `_ww_context`, to go on in it after the request.
    _ww_keeps_context: ClassVar[bool] = False
    _ww_context: Context | None

    application: "Application"
    request: HTTPServerRequest

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # A mixin says `application = None` for type checkers: an instance's own value goes before
        # that, and where it is in a slot of the compiled base, the slot has to.
        for name in ("application", "request", "path_args", "path_kwargs"):
            slot = vars(ResponseBase).get(name)
            if slot is not None and not hasattr(type(getattr(cls, name)), "__get__"):
                setattr(cls, name, slot)

    _unimplemented_method = _unimplemented_method
    head: Callable[..., Awaitable[None] | None] = _unimplemented_method
    get: Callable[..., Awaitable[None] | None] = _unimplemented_method
    post: Callable[..., Awaitable[None] | None] = _unimplemented_method
    delete: Callable[..., Awaitable[None] | None] = _unimplemented_method
    patch: Callable[..., Awaitable[None] | None] = _unimplemented_method
    put: Callable[..., Awaitable[None] | None] = _unimplemented_method
    options: Callable[..., Awaitable[None] | None] = _unimplemented_method

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the application."""
        return self.application.settings

    def require_setting(self, name: str, feature: str = "this feature") -> None:
        """Raise an exception that names what to configure.

        :arg name: key that has to be in the application's settings.
        :arg feature: what needs it, for the message.
        """
        if not self.application.settings.get(name):
            raise Exception(
                f"You must define the {name!r} setting in your application to use {feature}"
            )

    def reverse_url(self, name: str, *args: Any) -> str:
        """The URL of a named route; see `Application.reverse_url`."""
        return self.application.reverse_url(name, *args)

    # --- streaming and connection ---------------------------------------------------------------

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Hook for `stream_request_body`: a piece of the request's body has arrived.

        :arg chunk: bytes; where pieces begin and end means nothing.
        :returns: None, or an awaitable: no more is read until it is done.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has @stream_request_body and must define data_received()"
        )

    def on_connection_close(self) -> None:
        """Hook: the client went away while the response was not finished."""
        future = self.request._body_future
        if self._stream_request_body and future is not None and not future.done():
            future.set_exception(StreamClosedError())
            future.exception()  # the handler may have stopped waiting for the body

    def detach(self) -> IOStream:
        """Take the connection away from HTTP and answer nothing more (Tornado 5.1).

        :returns: the connection as an `IOStream`.
        """
        connection: Any = self.request.connection
        stream: IOStream = connection.detach()
        self._finished = True
        if self._prepared_future is not None:
            self._ww_end_body()
        return stream

    def redirect(self, url: str, permanent: bool = False, status: int | None = None) -> None:
        """Send the client to another URL.

        :arg url: absolute, or relative to the page that was asked for.
        :arg permanent: 301 rather than 302.
        :arg status: another 3xx status than these.
        :raises RuntimeError: headers were already sent.
        """
        if self._headers_written:
            raise RuntimeError("Cannot redirect after headers have been written")
        if status is None:
            status = 301 if permanent else 302
        elif not (isinstance(status, int) and 300 <= status <= 399):
            raise ValueError(f"A redirect has a status from 300 to 399, not {status!r}")
        self.set_status(status)
        # UTF-8 in the field, as browsers read it (their "URL standard"), one latin-1 character a
        # byte.
        # Relative references stay as they are (RFC 9110 section 10.2.2): joined to a target such as
        # "//host/page" they would lead to that host.
        self.set_header("Location", utf8(url))
        self.finish()

    def send_early_hints(self, *links: str) -> Awaitable[None]:
        """Tell the browser what the page will need, before the answer is ready (RFC 8297).

        Worth it where something is waited for afterwards. A client of HTTP/1.0 is not told
        (RFC 9110 section 15.2).

        :arg links: values of ``Link`` fields, such as ``</style.css>; rel=preload; as=style``.
        :returns: an awaitable that is done when the data was handed to the operating system.
        :raises ValueError: a value that would split the response.
        :raises RuntimeError: the answer has begun.
        """
        if self._headers_written:
            raise RuntimeError("Early hints come before the answer, which has begun")
        headers = HTTPHeaders()
        for link in links:
            if not headers.append_checked("Link", link):
                raise ValueError(f"Unsafe header value {link!r} for Link")
        if not links or self.request.version == "HTTP/1.0":
            return DONE
        connection: Any = self.request.connection
        sent: Awaitable[None] = connection.write_headers(_EARLY_HINTS, headers)
        return sent

    # --- errors ---------------------------------------------------------------------------------

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Answer with an error page, forgetting what was written so far.

        If the headers are out already the connection is cut, so that the client can see that the
        response is not whole.

        :arg status_code: the status.
        :arg kwargs: for `write_error`; ``exc_info`` is the exception behind it, ``reason`` the
            phrase of the status line.
        """
        if self._headers_written:
            gen_log.error("Cannot send error response after headers written")
            if not self._finished:
                self._ww_abandon()
            return
        self.clear()
        reason = kwargs.get("reason")
        if "exc_info" in kwargs:
            error = kwargs["exc_info"][1]
            if isinstance(error, HTTPError) and error.reason:
                reason = error.reason
        self.set_status(status_code, reason=reason)
        try:
            if status_code != 304:  # no page is written where the client has one
                self.write_error(status_code, **kwargs)
        except Exception:
            app_log.error("Uncaught exception in write_error", exc_info=True)
        if not self._finished:
            if status_code in _WITHOUT_BODY:
                self._write_buffer = []  # a page for an answer that has no place for one
            self.finish()

    def _ww_abandon(self) -> None:
        """Cut off a response that can not be completed."""
        self._finished = True
        exchange = self._ww_exchange
        if exchange is not None:
            # What was written still leaves; the missing end tells the client.
            exchange.cut()
        else:
            connection: Any = self.request.connection
            (getattr(connection, "cut", None) or connection.finish)()
        if self._prepared_future is not None:
            self._ww_end_body()
        self._log()
        self.on_finish()
        self._break_cycles()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Hook: write the page for an error; the status is set already.

        With the setting ``serve_traceback`` it shows the error as `errorpage.error_document` does.

        :arg status_code: the status.
        :arg kwargs: what `send_error` was given; ``exc_info`` is there when an exception caused it.
        """
        if self.settings.get("serve_traceback") and "exc_info" in kwargs:
            from whirlwind.errorpage import error_document  # only where errors are shown

            content_type, document = error_document(
                self.request, status_code, self._reason, kwargs["exc_info"]
            )
            self.set_header("Content-Type", content_type)
            self.finish(document)
        elif status_code in _WITHOUT_BODY or status_code < 200:
            self.finish()
        else:
            reason = xhtml_escape(self._reason)
            self.finish(
                f"<html><title>{status_code}: {reason}</title>"
                f"<body>{status_code}: {reason}</body></html>"
            )

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Hook: log an exception that ended a request.

        `HTTPError` is one line at WARNING if it has a message, in which line ends and control
        characters are escaped; anything else is an ERROR with its traceback.
        """
        if isinstance(value, HTTPError):
            message = value.get_message()
            if message:
                text = loggable(message)  # it often names what the client asked for
                gen_log.warning("%d %s: %s", value.status_code, self._request_summary(), text)
        elif typ is not None and tb is not None:
            app_log.error(
                "Uncaught exception %s\n%r",
                self._request_summary(),
                self.request,
                exc_info=(typ, value, tb) if value is not None else True,
            )
        else:
            app_log.error("Uncaught exception %s\n%r", self._request_summary(), self.request)

    def _handle_request_exception(self, error: BaseException) -> None:
        if isinstance(error, Finish):
            if not self._finished:
                self.finish(*error.args)
            return
        if isinstance(error, HTTPInputError):
            self._ww_refuse_input(error)
            return
        if isinstance(error, StreamClosedError) and self._ww_client_is_gone():
            self._ww_abandon_quietly()
            return
        try:
            self.log_exception(type(error), error, error.__traceback__)
        except Exception:
            # What is wrong with the logging must not cost the client its answer.
            app_log.error("Error in exception logger", exc_info=True)
        if self._finished:
            return
        exc_info = (type(error), error, error.__traceback__)
        if isinstance(error, HTTPError):
            self.send_error(error.status_code, exc_info=exc_info)
        else:
            self.send_error(500, exc_info=exc_info)

    def _ww_refuse_input(self, error: HTTPInputError) -> None:
        """The client sent something malformed: one line for the log, and 400 for the client."""
        status = error.code if isinstance(error, ProtocolError) else 400
        gen_log.warning("%d %s: %s", status, self._request_summary(), loggable(str(error)[:200]))
        if not self._finished:
            self.send_error(status)

    def _ww_client_is_gone(self) -> bool:
        if self._ww_exchange is not None:
            return self._ww_exchange.is_lost()
        is_lost = getattr(self.request.connection, "is_lost", None)
        return is_lost is not None and is_lost() is True

    def _ww_abandon_quietly(self) -> None:
        if self._finished:
            return
        if self._headers_written:
            self._ww_abandon()
            return
        # Nothing was answered here, so there is no status to log and nothing that finished.
        self._finished = True
        if self._ww_exchange is not None:
            self._ww_exchange.cut()
        self._break_cycles()

    def _ww_end_broken_handling(self) -> None:
        """Handling an error has failed as well: the client gets its answer without our hooks."""
        app_log.error("Exception in exception handler", exc_info=True)
        if self._finished:
            return
        if self._headers_written:
            self._ww_abandon()
            return
        self._headers_written = self._finished = True
        self._status_code = 500
        connection: Any = self.request.connection
        connection.write_headers(_BROKEN, HTTPHeaders({"Content-Length": "0"}))
        connection.finish()
        try:
            self._log()
            self.on_finish()
        except Exception:
            app_log.error("Uncaught exception in on_finish", exc_info=True)
        self._break_cycles()

    # --- logging --------------------------------------------------------------------------------

    def _request_summary(self) -> str:
        return request_summary(self)

    # --- running --------------------------------------------------------------------------------

    async def _execute(self, transforms: Any, *args: Any, **kwargs: Any) -> None:
        """Answer the request; what tracing agents wrap to see a request from begin to end.

        :arg transforms: the output transforms.
        :arg args, kwargs: the groups of the route's pattern, as bytes or None.
        """
        pending = begin(self, transforms, args or None, kwargs or None)
        if pending is not None:
            await self._ww_drive(pending)

    async def _ww_drive(self, pending: Any) -> None:
        """Await what a stage returned, then go on, until the request is done."""
        try:
            while pending is not None:
                try:
                    if not hasattr(pending, "__await__"):
                        pending = self._ww_awaitable(pending)
                    await pending
                except (Exception, asyncio.CancelledError) as error:
                    if isinstance(error, asyncio.CancelledError) and _is_being_cancelled():
                        raise
                    pending = None  # what failed holds the exception, whose frames hold it
                    self._ww_fail(error)
                    return
                pending = proceed(self)
        except asyncio.CancelledError:
            self._ww_cancelled()
            raise

    def _ww_awaitable(self, result: Any) -> Any:
        """What a stage returned that is no awaitable itself: as one, if others have taught us how.

        A list or a dict could be one of futures, but is rather an answer that nobody would send.
        """
        if not isinstance(result, (list, dict)):
            try:
                return convert_yielded(result)
            except BadYieldError:
                pass
        advice = (
            "make it async def, or decorate it with gen.coroutine"
            if isinstance(result, Generator)
            else "what it returns is only waited for; send the answer with write()"
        )
        method = (self.request.method or "").lower()
        raise TypeError(
            f"prepare() or {method}() of {type(self).__name__} returned "
            f"a {type(result).__name__}: {advice}"
        )


def _is_being_cancelled() -> bool:
    """Whether the present task was cancelled, rather than something that it waited for."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


note_originals(RequestHandler)
claim("whirlwind.web", RequestHandler)
