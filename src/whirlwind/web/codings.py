"""Which content coding a client wants (RFC 9110 section 12.5.3)."""

import functools
import re
from typing import Final

#: One element of Accept-Encoding: a coding, and the weight that may follow.
_ELEMENT = re.compile(
    r"[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*(?:;[ \t]*[qQ]=([01](?:\.[0-9]{0,3})?)[ \t]*)?"
)
#: Characters that are looked at: browsers send 30, and there are a dozen codings in all.
_MAX_SIZE: Final = 400
_OLD_NAMES: Final = {"x-gzip": "gzip"}


def preferred(accept: str, offered: tuple[str, ...]) -> str | None:
    """The coding to use.

    :arg accept: value of Accept-Encoding. ``*`` is ignored: the plain form is right as well.
    :arg offered: names of the codings there are, the best for us first.
    :returns: of those the client accepts with the highest weight the first offered; None to send
        the content as it is.
    """
    if len(accept) > _MAX_SIZE:
        accept = accept[:_MAX_SIZE].rpartition(",")[0]
    return _preferred(accept, offered)


@functools.lru_cache(maxsize=256)
def _preferred(accept: str, offered: tuple[str, ...]) -> str | None:
    weights: dict[str, float] = {}
    for element in accept.split(","):
        found = _ELEMENT.fullmatch(element)
        if found is not None:
            name = found[1].lower()
            weights[_OLD_NAMES.get(name, name)] = 1.0 if found[2] is None else float(found[2])
    # A client may prefer the plain form, and does not mention it in general.
    best, chosen = weights.get("identity", 0.0), None
    for name in offered:
        weight = weights.get(name, 0.0)
        if weight > best or (weight == best and weight > 0 and chosen is None):
            best, chosen = weight, name
    return chosen


def vary(current: str | None) -> str:
    """The Vary field for an answer that depends on Accept-Encoding, compressed or not.

    :arg current: what the field says so far.
    """
    if not current:
        return "Accept-Encoding"
    if {"*", "accept-encoding"} & {name.strip().lower() for name in current.split(",")}:
        return current
    return f"{current}, Accept-Encoding"
