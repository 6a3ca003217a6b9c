"""Field lines as bytes: the usual case of `whirlwind.protocol.headers.encode_head`.

This is the plain form, which puts strings together. ``lines.pxd`` writes bytes for the compiled
cores. A test compares the two.
"""

from collections.abc import Mapping
from typing import Any, Final

# Of the tuple that is an item of a dict, without a line of Python for each: TypeError for a field
# with several values, which are a list.
_field_line: Final = ": ".join


def message(
    start_line: str, table: Mapping[str, object], last: str, body: bytes, is_open: bool
) -> bytes | None:
    """The bytes of a head and what follows it, where that takes nothing but copying.

    :arg start_line: with its CR LF.
    :arg table: field names and values.
    :arg last: more field lines, each with its CR LF, or nothing.
    :arg body: what follows the empty line.
    :arg is_open: whether a ``Connection`` or a ``Transfer-Encoding`` is more than copying.
    :returns: None where some name or value is no str of latin-1 characters: then `headers` does it,
        or says what is wrong.
    """
    if not table or (is_open and ("Connection" in table or "Transfer-Encoding" in table)):
        return None
    items: Any = table.items()
    try:
        fields = "\r\n".join(map(_field_line, items))
        return f"{start_line}{fields}\r\n{last}\r\n".encode("latin-1") + body
    except (TypeError, UnicodeEncodeError):
        return None
