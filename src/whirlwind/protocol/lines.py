"""Field lines as bytes: the loop over characters of `whirlwind.protocol.headers.encode_head`.

This is the plain form, where there is no such loop: `headers` puts strings together. ``lines.pxd``
writes bytes for the compiled cores. A test compares the two.
"""

from collections.abc import Mapping


def message(start_line: str, table: Mapping[str, object], last: str, body: bytes) -> bytes | None:
    """The bytes of a head and what follows it, where that takes nothing but copying.

    :arg start_line: with its CR LF.
    :arg table: field names and values.
    :arg last: more field lines, each with its CR LF, or nothing.
    :arg body: what follows the empty line.
    :returns: None where some name or value is no plain str of latin-1 characters: then, and in
        plain Python always, `headers` does it, or says what is wrong.
    """
    return None
