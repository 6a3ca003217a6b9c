"""A name for each request, in its answer and in all that is logged on its behalf."""

import functools
import logging
import re
import secrets
from contextvars import ContextVar
from typing import Final

from whirlwind._public import claim
from whirlwind.httputil import HTTPHeaders, HTTPServerRequest
from whirlwind.web import Application, OutputTransform

_current: Final[ContextVar[str | None]] = ContextVar("whirlwind_request_id", default=None)
# What others may call a request: nothing that a log or a header field has a meaning for.
_ACCEPTABLE: Final = re.compile(r"[A-Za-z0-9._~+/=@:-]{1,128}")


def request_id() -> str | None:
    """The id of the request that runs here, in its handler or in tasks that this has started."""
    return _current.get()


def add_request_ids(
    app: Application, *, field: str = "X-Request-ID", trusted: bool = False
) -> None:
    """Give the requests of an application ids.

    :arg app: the application.
    :arg field: the header field that tells the client; one that a handler sets itself stays.
    :arg trusted: whether an id that comes with the request is taken over: for servers behind a
        proxy that makes them. One of more than 128 characters, or of unusual ones, never is.
    """
    app.add_transform(functools.partial(_RequestId, field, trusted))


class _RequestId(OutputTransform):
    """Made at the beginning of a request, in its context; adds the field at the end."""

    def __init__(self, field: str, trusted: bool, request: HTTPServerRequest) -> None:
        self._field = field
        given = request.headers.get(field) if trusted else None
        if given is None or not _ACCEPTABLE.fullmatch(given):
            given = secrets.token_hex(16)
        self._id = given
        _current.set(given)

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Add the field."""
        headers.setdefault(self._field, self._id)
        return status_code, headers, chunk


class RequestIdFilter(logging.Filter):
    """Gives log records an attribute ``request_id``, ``-`` outside of requests.

    ::

        handler.addFilter(RequestIdFilter())
        handler.setFormatter(logging.Formatter("%(request_id)s %(message)s"))
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        record.request_id = _current.get() or "-"
        return True


claim("whirlwind.observability", request_id, add_request_ids, RequestIdFilter)
