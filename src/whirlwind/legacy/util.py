"""What is gone of `whirlwind.util`."""

from typing import Final

from whirlwind._public import claim
from whirlwind.legacy.warning import warn

#: Whether this is Python 3.
PY3: Final = True


def u(s: str) -> str:
    """Return the text as it is: what a ``u""`` literal was where Python 2 and 3 were to agree."""
    warn("util.u", "write the literal")
    return s


claim("whirlwind.legacy", u)
