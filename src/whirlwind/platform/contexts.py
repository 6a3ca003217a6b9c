"""Calls in another context. ``contexts.pxd`` holds the same for compiled modules."""

from collections.abc import Callable
from contextvars import Context


def call_in(context: Context, function: Callable[[], object]) -> object:
    """Call a function without arguments in a context, as ``context.run`` does."""
    return context.run(function)
