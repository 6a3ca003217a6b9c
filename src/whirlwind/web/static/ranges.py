"""The part of a file that a request asks for (RFC 9110 section 14)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from whirlwind.httputil.ranges import _parse_request_range

if TYPE_CHECKING:
    from whirlwind.httputil import HTTPHeaders

#: ``bytes=26`` and ``bytes=10-3``. Neither is a range (RFC 9110 section 14.1.1), so the parser says
#: None and they could be ignored; Tornado answers 416 where they ask for nothing.
_ODD_RANGE = re.compile(r"[ \t]*bytes=([0-9]{1,18})(-[0-9]{1,18})?[ \t]*\Z")

#: A slice: where it starts and ends, None for no bound; a negative start counts from the end.
Slice = tuple[int | None, int | None]


class Part(NamedTuple):
    """What is to be sent of a file.

    :ivar start, end: offsets of the first byte and after the last one.
    """

    start: int
    end: int


def requested(headers: HTTPHeaders, etag: str | None, modified: str | None) -> Slice | str | None:
    """The range that is asked for.

    :arg headers: of the request.
    :arg etag, modified: the fields that describe the present state of the file; a range that is
        wanted only of another one (If-Range) is none.
    :returns: a slice; the field itself where it has to be seen with the size of the file; None.
    """
    field = headers.get("Range")
    if not field:
        return None
    wanted = _parse_request_range(field)
    if wanted is None:
        return field if _ODD_RANGE.match(field) else None
    if_range = headers.get("If-Range")
    if if_range and not _is_current(if_range, etag, modified):
        return None
    return wanted


def _is_current(validator: str, etag: str | None, modified: str | None) -> bool:
    """Whether the value of If-Range names what we have (RFC 9110 section 13.1.5)."""
    if validator.startswith(('"', "W/")):
        return validator == etag and not validator.startswith("W/")
    return validator == modified


def resolve(wanted: Slice | str | None, size: int) -> Part | None:
    """What to send of a file of that size; None where nothing of it was asked for (416)."""
    if wanted is None:
        return Part(0, size)
    if isinstance(wanted, str):
        odd = _ODD_RANGE.match(wanted)
        assert odd is not None
        return Part(0, size) if odd[2] is None and int(odd[1]) < size else None
    start, end = wanted
    first = 0 if start is None else start if start >= 0 else max(0, start + size)
    last = size if end is None else min(end, size)
    if end == 0 or first >= last:
        return None
    return Part(first, last)
