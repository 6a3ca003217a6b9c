"""The methods with which a handler answers: plain functions over the compiled `ResponseBase`.

Plain, so that they can be patched, wrapped, mocked and inspected like any Python function. What
they do is in the base class.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from whirlwind._public import done_by
from whirlwind.web.response import (
    ResponseBase,
    clear_response,
    etag_matches,
    finish_response,
    flush_response,
)
from whirlwind.web.tags import tag_of


def _initialize(self: "Responding") -> None:
    """Hook: take the keyword arguments of the route. Called once, before anything else."""


class Responding(ResponseBase):
    """Hooks, status, headers, body and entity tags of a `RequestHandler`."""

    __slots__ = ()

    initialize: Callable[..., None] = _initialize

    def set_default_headers(self) -> None:
        """Hook: set headers that every response of this handler carries, error pages included."""

    def prepare(self) -> Awaitable[None] | None:
        """Hook: called before the HTTP method, whichever it is; may be a coroutine."""

    def on_finish(self) -> None:
        """Hook: called after the response was handed over; cannot change it any more."""

    @done_by(clear_response)
    def clear(self) -> None:
        """Forget the response so far: status 200, default headers, no body."""
        clear_response(self)

    @done_by(ResponseBase._ww_set_status)
    def set_status(self, status_code: int, reason: str | None = None) -> None:
        """Set the status.

        :arg status_code: such as 404.
        :arg reason: the phrase; by default the standard one. A phrase that could break out of its
            place on the wire or in an error page is replaced by ``Unknown`` (Tornado 6.5.3).
        :raises ValueError: a status of fewer or more than three digits.
        :raises TypeError: the phrase is no str.
        """
        self._ww_set_status(status_code, reason)

    def get_status(self) -> int:
        """The status set so far."""
        return self._status_code

    @done_by(ResponseBase._ww_set_header)
    def set_header(self, name: str, value: Any) -> None:
        """Set a header field, replacing what was set before.

        :arg name: field name, in any case.
        :arg value: str, bytes, int, or a datetime, which is sent as an HTTP date.
        :raises TypeError: any other type, or a name that is no str.
        :raises ValueError: control characters, or text outside of latin-1; a name that is no token.
        """
        self._ww_set_header(name, value)

    @done_by(ResponseBase._ww_add_header)
    def add_header(self, name: str, value: Any) -> None:
        """Add a header field beside those of the same name; types and errors as `set_header`."""
        self._ww_add_header(name, value)

    def clear_header(self, name: str) -> None:
        """Take back a header field; cookies are not affected."""
        self._headers.drop(name)

    @done_by(ResponseBase._ww_write)
    def write(self, chunk: str | bytes | dict[Any, Any]) -> None:
        """Add to the body, which is kept until `flush` or `finish`.

        :arg chunk: bytes, text (sent as UTF-8), or a dict, sent as JSON with its Content-Type.
        :raises TypeError: another type. Lists are refused because some browsers once ran JSON
            arrays as scripts.
        :raises RuntimeError: the response is finished.
        """
        self._ww_write(chunk)

    def flush(self, include_footers: bool = False) -> Any:
        """Send what was written so far, and the headers before it if they were not sent yet.

        :arg include_footers: True in the last flush only; `finish` does that.
        :returns: an awaitable that is done when the client's buffers have taken the data: await it
            to write no faster than the client reads.
        """
        return flush_response(self, include_footers, False)

    @done_by(finish_response)
    def finish(self, chunk: str | bytes | dict[Any, Any] | None = None) -> Any:
        """Finish the response.

        A 200 answer to GET or HEAD that was not flushed gets an ``Etag``, and becomes a 304 if the
        client has that already.

        :arg chunk: written first, as by `write`.
        :returns: an awaitable that is done when the client's buffers have taken the data.
        :raises RuntimeError: the response was finished before, or has a body that its status does
            not allow.
        """
        return finish_response(self, chunk)

    def _log(self) -> None:
        """Have the request logged, when it is finished."""
        self.application.log_request(self)

    def _break_cycles(self) -> None:
        """Let go of what refers back to this handler."""

    def compute_etag(self) -> str | None:
        """Hook: the entity tag of the body written so far, None for none.

        :returns: a quoted string: by default the SHA-1 of the body.
        """
        return tag_of(self._write_buffer)

    def set_etag_header(self) -> None:
        """Set ``Etag`` to what `compute_etag` says."""
        etag = self.compute_etag()
        if etag is not None:
            self.set_header("Etag", etag)

    @done_by(etag_matches)
    def check_etag_header(self) -> bool:
        """Whether ``If-None-Match`` of the request names the ``Etag`` of the response.

        Compared weakly, as RFC 9110 section 13.1.2 wants for this field.
        """
        return etag_matches(self)

    def _clear_representation_headers(self) -> None:
        # RFC 9110 section 15.4.5: a 304 carries what the client needs to update its copy, no more.
        for name in ("Content-Encoding", "Content-Language", "Content-Type"):
            self.clear_header(name)
