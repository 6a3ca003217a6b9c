"""One number that changes whenever anything does that a lookup table was built from.

Rule lists nest, and a change deep inside must reach the table of the outermost router. Changes are
rare and happen at start-up; a comparison of two integers happens for every request.
"""

import itertools

_numbers = itertools.count(1)

#: Number of the latest change.
epoch: int = 0


def note_change() -> None:
    """Make every lookup table expire."""
    global epoch
    epoch = next(_numbers)
