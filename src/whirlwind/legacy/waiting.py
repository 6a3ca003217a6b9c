"""Tests that wait for callbacks: they learn why the callback that should end the wait did not."""

import functools
import sys
from collections.abc import Callable
from typing import Any

from whirlwind.legacy.installing import override
from whirlwind.testing import AsyncTestCase


def _wait(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def wait(self: Any, *args: Any, **kwargs: Any) -> Any:
        io_loop = self.io_loop
        log = io_loop.handle_callback_exception
        failures: list[BaseException] = []

        def keep(callback: Callable[..., Any]) -> None:
            error = sys.exc_info()[1]
            if error is not None:
                failures.append(error)
            log(callback)

        io_loop.handle_callback_exception = keep
        try:
            return original(self, *args, **kwargs)
        except self.failureException as timeout:
            if not failures:
                raise
            raise failures[0] from timeout
        finally:
            del io_loop.handle_callback_exception

    return wait


def install() -> None:
    """Let a wait that times out raise what a callback has raised meanwhile.

    Tornado 4 raised that at once. In Tornado 6 it is logged, and may have been expected: another
    callback can still end the wait.
    """
    override(AsyncTestCase, "wait", _wait)
