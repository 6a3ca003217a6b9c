"""Calls in another context. ``contexts.pxd`` holds the same for compiled modules."""

import contextvars
from contextvars import Context
from typing import Final

#: Whether a context can be entered here without a function that is called in it. Plain Python has
#: ``Context.run`` only.
ENTERS: Final = False

#: A copy of the current context.
copy: Final = contextvars.copy_context


def enter(context: Context) -> None:
    """Go on in a context until `leave`; only where `ENTERS` says that it can be done."""
    raise NotImplementedError("plain Python has no way to enter a context but Context.run")


def leave(context: Context) -> None:
    """Go back to the context that there was before `enter`."""
    raise NotImplementedError("plain Python has no way to leave a context but Context.run")
