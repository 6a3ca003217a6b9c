"""What the code of a template calls: values become text, and the pieces become the page.

The code collects its pieces in a list. At even positions stands what goes out as it is, at odd
positions what is to be escaped, so that all the values of a page are escaped together: joined, they
take five searches over one string instead of five over each of them.
"""

from typing import Any, Final

from whirlwind.escape import xhtml_escape

# Stands between joined values; no text on a page has it, and one that has it is noticed.
_BETWEEN: Final = "\0"


def text_of(value: Any) -> str:
    """A value for a page, before it is escaped; bytes are UTF-8."""
    if isinstance(value, str):
        return value
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def raw_of(value: Any) -> str | bytes:
    """A value that goes out as it is; bytes need not be text."""
    if isinstance(value, str):
        return value
    return _readable(value) if isinstance(value, bytes) else str(value)


def bytes_of(value: Any) -> bytes:
    """A value for a function that the template names, which always gets bytes."""
    return value if isinstance(value, bytes) else text_of(value).encode("utf-8")


def result_of(value: Any) -> str | bytes:
    """What such a function has returned.

    :raises TypeError: it is neither str nor bytes.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return _readable(value)
    raise TypeError(
        "a function for {% apply %} or {% autoescape %} must return str or bytes, "
        f"not {type(value).__name__}"
    )


def _readable(value: bytes) -> str | bytes:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value


def finish(pieces: list[Any]) -> bytes:
    """The page, in UTF-8.

    :arg pieces: what goes out as it is and what is to be escaped, in turns; is changed.
    :raises UnicodeEncodeError: there are lone surrogates in it.
    """
    values = pieces[1::2]
    joined = _BETWEEN.join(values)
    escaped = xhtml_escape(joined)
    if escaped != joined:
        parts = escaped.split(_BETWEEN)
        pieces[1::2] = parts if len(parts) == len(values) else [xhtml_escape(v) for v in values]
    try:
        return "".join(pieces).encode("utf-8")
    except TypeError:
        return b"".join([p if isinstance(p, bytes) else p.encode("utf-8") for p in pieces])


#: The arguments of a template's function, in the order of `PARAMETERS`.
TOOLS: Final = (type, str, text_of, raw_of, bytes_of, result_of, finish)
PARAMETERS: Final = "_tt_type, _tt_str, _tt_text, _tt_raw, _tt_bytes, _tt_result, _tt_finish"
