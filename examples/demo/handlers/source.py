"""Python source as a page shows it: the handlers of the demo explain themselves."""

from __future__ import annotations

import inspect
import io
import keyword
import textwrap
import tokenize

from whirlwind.escape import xhtml_escape

_CLASSES = {tokenize.COMMENT: "c", tokenize.STRING: "s", tokenize.NUMBER: "n"}


def _class_of(token: tokenize.TokenInfo, previous: str) -> str | None:
    if token.type == tokenize.NAME:
        if keyword.iskeyword(token.string):
            return "k"
        return "d" if previous in ("def", "class") else None
    return _CLASSES.get(token.type)


def source_of(*objects: type) -> str:
    """Return the source of some classes as HTML, with keywords, strings and comments marked."""
    code = "\n\n".join(textwrap.dedent(inspect.getsource(item)).rstrip() for item in objects)
    lines = code.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))

    parts: list[str] = []
    done, previous = 0, ""
    depth = begin = 0
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        # Since Python 3.12 an f-string is many tokens: from the outermost start to its end is one.
        kind = tokenize.tok_name[token.type]
        if depth == 0:
            begin = starts[token.start[0] - 1] + token.start[1]
        depth += (kind == "FSTRING_START") - (kind == "FSTRING_END")
        css = "s" if kind == "FSTRING_END" else _class_of(token, previous)
        previous = token.string
        if css is None or depth > 0:
            continue
        end = starts[token.end[0] - 1] + token.end[1]
        parts.append(xhtml_escape(code[done:begin]))
        parts.append(f'<span class="{css}">{xhtml_escape(code[begin:end])}</span>')
        done = end
    parts.append(xhtml_escape(code[done:]))
    return "".join(parts)
