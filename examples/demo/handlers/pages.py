"""Pages: HTML files with ``$name`` places, filled in with escaped values."""

from __future__ import annotations

import functools
import string
from pathlib import Path

from whirlwind.escape import xhtml_escape

PAGES = Path(__file__).resolve().parent.parent / "pages"


class Html(str):
    """Text that is HTML already, and goes into a page as it is."""

    __slots__ = ()


@functools.cache
def _page(name: str) -> string.Template:
    return string.Template((PAGES / f"{name}.html").read_text(encoding="utf-8"))


def fill(name: str, /, **values: str | int) -> Html:
    """Return ``pages/NAME.html`` with its places filled in.

    :arg name: the file, without its ``.html``.
    :arg values: one for each place; everything but ``Html`` is escaped.
    :raises KeyError: when a place of the page has no value.
    """
    safe = {
        key: value if isinstance(value, Html) else xhtml_escape(str(value))
        for key, value in values.items()
    }
    return Html(_page(name).substitute(safe))
