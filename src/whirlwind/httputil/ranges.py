"""Byte ranges (RFC 9110 section 14)."""

# More digits than any size has, few enough for int() to be cheap.
_MAX_DIGITS = 64


def _parse_request_range(range_header: str) -> tuple[int | None, int | None] | None:
    """Parse a Range field with one byte range; positions are as in a slice.

    >>> _parse_request_range("bytes=1-2")
    (1, 3)
    >>> _parse_request_range("bytes=6-")
    (6, None)
    >>> _parse_request_range("bytes=-6")
    (-6, None)
    >>> _parse_request_range("bytes=-0")
    (None, 0)
    >>> _parse_request_range("bytes=1-2,5-9") is None
    True

    :arg range_header: str.
    :returns: tuple of start and end (exclusive), either of them None for no bound; or None for
        another unit, several ranges, or a malformed one, all of which a server may ignore.
    """
    unit, separator, value = range_header.partition("=")
    if not separator or unit.strip(" \t").lower() != "bytes":
        return None
    first, separator, last = value.strip(" \t").partition("-")
    if not separator or not _is_position(first) or not _is_position(last):
        return None
    if first:
        start = int(first)
        if not last:
            return start, None
        end = int(last) + 1
        return (start, end) if start < end else None
    if not last:
        return None
    suffix = int(last)
    # The last 0 bytes: a range that no file satisfies.
    return (-suffix, None) if suffix else (None, 0)


def _is_position(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS)


def _get_content_range(start: int | None, end: int | None, total: int) -> str:
    """Format a Content-Range field.

    >>> _get_content_range(None, 1, 4)
    'bytes 0-0/4'

    :arg start, end: the slice that is sent; None for no bound.
    :arg total: int, bytes of the whole.
    """
    return f"bytes {start or 0}-{(end or total) - 1}/{total}"
