"""What becomes of the blanks and line breaks in the text of a template."""

import re

from whirlwind._public import claim

# Runs that may change; most blanks stand alone between two words and stay as they are.
_RUN = re.compile(r"\s{2,}|\t")
_BLANKS = re.compile(r"[\t ]+")
_ANY = re.compile(r"\s+")

MODES = ("all", "single", "oneline")


def filter_whitespace(mode: str, text: str) -> str:
    r"""Rewrite the whitespace of a text.

    >>> filter_whitespace("single", "one  two \n\n  three")
    'one two\nthree'

    :arg mode: ``all`` keeps the text as it is. ``single`` makes one space of a run of blanks and
        tabs, and one line break of a run with a line break in it. ``oneline`` makes one space of
        any run.
    :arg text: str.
    :raises ValueError: another mode.
    """
    if mode == "all":
        return text
    if mode == "single":
        return _RUN.sub(_shorten, text)
    if mode == "oneline":
        return _ANY.sub(" ", text)
    raise ValueError(f"invalid whitespace mode {mode!r}: it must be one of {', '.join(MODES)}")


def _shorten(run: re.Match[str]) -> str:
    text = run[0]
    return "\n" if "\n" in text else _BLANKS.sub(" ", text)


claim("whirlwind.template", filter_whitespace)
