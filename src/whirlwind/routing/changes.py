"""One number that changes whenever anything does that a lookup table was built from.

Rule lists nest, and a change deep inside must reach the table of the outermost router. Changes are
rare and happen at start-up; a comparison of two integers happens for every request.
"""

import itertools
from typing import Final

_numbers = itertools.count(1)

#: The one item is the number of the latest change: in a list, for compiled modules to read it
#: without looking up a name.
epoch: Final[list[int]] = [0]


def note_change() -> None:
    """Make every lookup table expire."""
    epoch[0] = next(_numbers)
