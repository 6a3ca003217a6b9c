"""What the code of a template calls: values become text, and the pieces become the page."""

from typing import Any, Final

from whirlwind.protocol.markup import escaped, text_of


def raw_of(value: Any) -> str | bytes:
    """A value that goes out as it is; bytes need not be text."""
    return value if isinstance(value, (str, bytes)) else str(value)


def bytes_of(value: Any) -> bytes:
    """A value for a function that the template names, which always gets bytes."""
    return value if isinstance(value, bytes) else text_of(value).encode("utf-8")


def result_of(value: Any) -> str | bytes:
    """What such a function has returned.

    :raises TypeError: it is neither str nor bytes.
    """
    if isinstance(value, (str, bytes)):
        return value
    raise TypeError(
        "a function for {% apply %} or {% autoescape %} must return str or bytes, "
        f"not {type(value).__name__}"
    )


def finish(pieces: list[Any]) -> bytes:
    """The page, in UTF-8.

    :arg pieces: str and bytes.
    :raises UnicodeEncodeError: there are lone surrogates in it.
    """
    try:
        return "".join(pieces).encode("utf-8")
    except TypeError:
        return b"".join([p if isinstance(p, bytes) else p.encode("utf-8") for p in pieces])


#: The arguments of a template's function, in the order of `PARAMETERS`.
TOOLS: Final = (escaped, raw_of, bytes_of, result_of, finish)
PARAMETERS: Final = "_tt_escaped, _tt_raw, _tt_bytes, _tt_result, _tt_finish"
