"""Twisted and Whirlwind in one program. Needs the package ``twisted``.

Importing this module teaches coroutines to wait for a
`Deferred <twisted.internet.defer.Deferred>`: ``yield deferred`` in a `gen.coroutine`,
``await gen.convert_yielded(deferred)`` in ``async def``, and everything that takes what can be
yielded, such as `gen.multi` and `gen.with_timeout`.

To run both on one loop, call `install` before anything imports ``twisted.internet.reactor``.
"""

import importlib
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from whirlwind.concurrent import (
    Future,
    create_future,
    future_set_exception_unless_cancelled,
    future_set_result_unless_cancelled,
)
from whirlwind.gen import convert_yielded
from whirlwind.ioloop import IOLoop

__all__ = ["install"]


def install() -> None:
    """Make the current loop's the reactor of Twisted.

    ``reactor.callLater`` and the like then work whenever the loop runs; ``reactor.run()`` runs the
    loop.

    :raises twisted.internet.error.ReactorAlreadyInstalledError: it has a reactor already.
    """
    asyncioreactor: Any = importlib.import_module("twisted.internet.asyncioreactor")
    asyncioreactor.install(IOLoop.current().asyncio_loop)


def _future_of(deferred: "Deferred[Any]") -> Future[Any]:
    """A future of what a Deferred results in; to cancel it cancels the Deferred."""
    future: Future[Any] = create_future()

    def succeed(result: Any) -> None:
        future_set_result_unless_cancelled(future, result)

    def fail(failure: Any) -> None:
        if future.cancelled() and failure.check(CancelledError):
            return
        error = failure.value
        if error.__traceback__ is None:
            error = error.with_traceback(failure.getTracebackObject())
        future_set_exception_unless_cancelled(future, error)

    def cancel(_: Future[Any]) -> None:
        if future.cancelled():
            deferred.cancel()

    deferred.addCallbacks(succeed, fail)
    future.add_done_callback(cancel)
    return future


convert_yielded.register(Deferred, _future_of)
