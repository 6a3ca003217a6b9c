"""Stack contexts, as Tornado 4 had them. New code uses `contextvars` and ``async def``."""

from whirlwind.legacy.contexts import (
    ExceptionStackContext,
    NullContext,
    StackContext,
    StackContextInconsistentError,
    run_with_stack_context,
    wrap,
)
from whirlwind.legacy.installing import install

__all__ = [
    "ExceptionStackContext",
    "NullContext",
    "StackContext",
    "StackContextInconsistentError",
    "run_with_stack_context",
    "wrap",
]

install()
