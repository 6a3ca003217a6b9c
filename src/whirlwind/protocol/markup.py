"""Text for HTML: every value on a page comes through here."""

from typing import Any

import whirlwind.protocol.scan as scan


def escape_markup(text: str) -> str:
    """A text with character references for ``&``, ``<``, ``>``, ``"`` and ``'``."""
    return scan.escape_markup(text)


def escaped(value: Any) -> str:
    """Any value as text for HTML.

    :arg value: str, UTF-8 bytes, or anything else, which is turned into str.
    """
    return scan.escape_markup(value if type(value) is str else text_of(value))


def text_of(value: Any) -> str:
    """A value as a plain str.

    :arg value: as above.
    """
    if isinstance(value, str):
        return str.__str__(value)  # what an instance of a subclass says of itself does not count
    if isinstance(value, bytes):
        return value.decode("utf-8")
    text = str(value)
    return text if type(text) is str else str.__str__(text)
