"""whirlwind.platform.twisted: Deferreds in coroutines, one loop for both."""

import asyncio
import datetime
import subprocess
import sys
import traceback
from typing import Any

import pytest

from tests.unit.loops import Run, run  # noqa: F401 - a fixture
from whirlwind import gen

defer = pytest.importorskip("twisted.internet.defer", reason="needs the package twisted")

import whirlwind.platform.twisted  # noqa: E402,F401


def later(deferred: Any, value: object) -> Any:
    asyncio.get_running_loop().call_soon(deferred.callback, value)
    return deferred


def test_s01_deferreds_are_yielded_and_awaited(run: Run) -> None:  # noqa: F811
    @gen.coroutine
    def old() -> Any:
        first = yield later(defer.Deferred(), 1)
        second = yield defer.succeed(2)
        both = yield {"a": defer.succeed(3), "b": later(defer.Deferred(), 4)}
        return first, second, both

    async def main() -> None:
        assert await old() == (1, 2, {"a": 3, "b": 4})
        assert await gen.convert_yielded(later(defer.Deferred(), 5)) == 5
        assert await gen.multi([defer.succeed(6), later(defer.Deferred(), 7)]) == [6, 7]
        assert await gen.with_timeout(datetime.timedelta(10), later(defer.Deferred(), 8)) == 8
        listed = await gen.convert_yielded(defer.DeferredList([defer.succeed(9)]))
        assert listed == [(True, 9)]

    run(main)


def test_errors_come_with_their_traceback(run: Run) -> None:  # noqa: F811
    @defer.inlineCallbacks
    def failing() -> Any:
        yield later(defer.Deferred(), 1)
        raise ValueError("here")

    async def main() -> None:
        with pytest.raises(ValueError, match="here") as caught:
            await gen.convert_yielded(failing())
        assert 'raise ValueError("here")' in "".join(traceback.format_exception(caught.value))
        with pytest.raises(KeyError):
            await gen.convert_yielded(defer.fail(KeyError("never raised")))

    run(main)


def test_cancelling_reaches_the_deferred(
    run: Run,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    cancelled = []

    async def main() -> None:
        deferred = defer.Deferred(cancelled.append)
        task = asyncio.ensure_future(gen.convert_yielded(deferred))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        assert cancelled == [deferred]

        late = defer.Deferred(lambda _: None)
        gen.convert_yielded(late).cancel()
        late.callback("for nobody")

    run(main)
    assert caplog.messages == []


INSTALL = """
from whirlwind import gen, ioloop
from whirlwind.platform import twisted
loop = ioloop.IOLoop.current()
twisted.install()
from twisted.internet import defer, reactor, task

@gen.coroutine
def wait():
    value = yield task.deferLater(reactor, 0.01, lambda: "from the reactor")
    loop.call_later(0, reactor.callWhenRunning, reactor.stop)
    return value

print(loop.run_sync(wait))
loop.add_callback(print, "from the loop")
reactor.run()
"""


def test_install_runs_both_on_one_loop() -> None:
    told = subprocess.run([sys.executable, "-c", INSTALL], capture_output=True, text=True)
    assert told.stdout == "from the reactor\nfrom the loop\n", told.stderr
