"""The forms of Tornado 4 that Tornado 6 has not: for programs that nobody has rewritten yet.

Asking for a name that only Tornado 4 had, ``gen.engine`` for instance, puts everything in place; so
do :func:`install` and ``python -m whirlwind.as_tornado --legacy``. Until then a program pays
nothing. Each kind of use gives one `DeprecationWarning`, which says what to write instead. Where
Tornado 4 and 6 mean different things by the same call, Tornado 6's meaning is the one.
"""

from whirlwind._public import claim
from whirlwind.legacy.contexts import (
    ExceptionStackContext,
    NullContext,
    StackContext,
    StackContextInconsistentError,
    run_with_stack_context,
    wrap,
)
from whirlwind.legacy.futures import TracebackFuture, return_future
from whirlwind.legacy.installing import install, is_installed, uninstall
from whirlwind.legacy.runner import engine
from whirlwind.legacy.testing import LogTrapTestCase, get_unused_port
from whirlwind.legacy.util import PY3, u
from whirlwind.legacy.web import asynchronous
from whirlwind.legacy.wsgi import WSGIAdapter, WSGIApplication
from whirlwind.legacy.yieldpoints import (
    Arguments,
    Callback,
    MultiYieldPoint,
    Task,
    Wait,
    WaitAll,
    YieldFuture,
    YieldPoint,
)

__all__ = [
    "PY3",
    "Arguments",
    "Callback",
    "ExceptionStackContext",
    "LogTrapTestCase",
    "MultiYieldPoint",
    "NullContext",
    "StackContext",
    "StackContextInconsistentError",
    "Task",
    "TracebackFuture",
    "WSGIAdapter",
    "WSGIApplication",
    "Wait",
    "WaitAll",
    "YieldFuture",
    "YieldPoint",
    "asynchronous",
    "engine",
    "get_unused_port",
    "install",
    "is_installed",
    "return_future",
    "run_with_stack_context",
    "u",
    "uninstall",
    "wrap",
]

claim("whirlwind.legacy", install, is_installed, uninstall)
