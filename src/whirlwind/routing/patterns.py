"""What the text of a path pattern gives away: the literal parts between its groups."""

import re
from typing import Final


def _group_end(pattern: str, start: int) -> int | None:
    """Index of the parenthesis that closes the group opened at ``start``; None if others nest."""
    position, in_set = start + 1, False
    while position < len(pattern):
        char = pattern[position]
        if char == "\\":
            position += 1
        elif in_set:
            in_set = char != "]" or pattern[position - 1] == "["
        elif char == "[":
            in_set = True
            if pattern[position + 1 : position + 2] == "^":
                position += 1
                if pattern[position + 1 : position + 2] == "]":
                    position += 1
        elif char == ")":
            return position
        elif char == "(":
            return None
        position += 1
    return None


def literal_pieces(pattern: object) -> list[str] | None:
    """Split a pattern at its groups into literal text, or return None where that makes no sense.

    Outside of groups only escapes are undone; ``.`` and quantifiers stay as they are, so that the
    common ``/favicon.ico`` and ``/list/?`` reverse to something the pattern matches.
    """
    if not isinstance(pattern, str):
        return None
    position = 1 if pattern.startswith("^") else 0
    end = len(pattern) - 1 if pattern.endswith("$") else len(pattern)
    pieces = [""]
    while position < end:
        char = pattern[position]
        if char == "\\":
            position += 1
            char = pattern[position]
            if char.isalnum():  # a class such as \d, an anchor or a back-reference
                return None
            pieces[-1] += char
        elif char == "(":
            if pattern[position + 1] == "?" and not pattern.startswith("(?P<", position):
                return None
            close = _group_end(pattern, position)
            if close is None:
                return None
            position = close
            pieces.append("")
        else:
            pieces[-1] += char
        position += 1
    return pieces


#: Characters that mean something in a pattern; all others stand for themselves.
_SPECIAL: Final = frozenset(".^$*+?{}[]\\|()")


def only_path(regex: re.Pattern[str]) -> str | None:
    """The one path that a pattern matches, None if there may be others.

    ``$`` also matches before a final line feed, which :meth:`_Table.scan` takes care of.
    """
    pattern: object = regex.pattern
    if not isinstance(pattern, str) or regex.flags != re.UNICODE or not pattern.endswith("$"):
        return None
    chars: list[str] = []
    position = 1 if pattern.startswith("^") else 0
    end = len(pattern) - 1
    while position < end:
        char = pattern[position]
        if char == "\\":
            position += 1
            if position == end or pattern[position].isalnum():
                return None
            char = pattern[position]
        elif char in _SPECIAL:
            return None
        chars.append(char)
        position += 1
    return "".join(chars)
