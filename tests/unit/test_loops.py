"""Which loop runs in this thread: on loops of ours, of uvloop and of asyncio."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from whirlwind.ioloop import IOLoop
from whirlwind.platform.loops import new_event_loop, running_loop


def _uvloop() -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = pytest.importorskip("uvloop").new_event_loop()
    return loop


@pytest.fixture(params=[new_event_loop, asyncio.SelectorEventLoop, _uvloop])
def make(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    return request.param  # type: ignore[no-any-return]


def _in_thread(function: Callable[[], object]) -> object:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def test_running_loop_is_the_one_of_this_thread(make) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert running_loop() is loop
        assert await loop.run_in_executor(None, running_loop) is None

        async def elsewhere() -> bool:
            return running_loop() is asyncio.get_running_loop() is not loop

        def other() -> bool:
            with asyncio.Runner(loop_factory=make) as runner:
                return runner.run(elsewhere())

        assert await loop.run_in_executor(None, other)
        assert running_loop() is loop

    with asyncio.Runner(loop_factory=make) as runner:
        for _ in range(2):
            assert running_loop() is None
            runner.run(main())
        assert running_loop() is None


def test_a_loop_may_move_to_another_thread(make) -> None:
    loop = make()

    async def main() -> bool:
        return running_loop() is loop

    try:
        assert loop.run_until_complete(main())
        assert _in_thread(lambda: loop.run_until_complete(main()))
        assert running_loop() is None
    finally:
        loop.close()


def test_a_callback_from_the_thread_that_ran_the_loop_before_wakes_it(make) -> None:
    loop = make()
    io_loop = IOLoop(asyncio_loop=loop, make_current=False)
    called = threading.Event()
    running = threading.Event()

    async def once() -> None:
        io_loop.add_callback(lambda: None)
        await asyncio.sleep(0)

    loop.run_until_complete(once())

    def stop() -> None:
        called.set()
        loop.stop()

    loop.call_soon(running.set)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    assert running.wait(60)
    io_loop.add_callback(stop)
    assert called.wait(60)
    thread.join()
    io_loop.close()


def test_a_loop_within_a_loop_is_refused_and_forgotten() -> None:
    pytest.importorskip("uvloop")  # a standard loop of 3.13.0 forgets that it runs
    inner = new_event_loop()

    async def main() -> None:
        with pytest.raises(RuntimeError, match="another loop is running"):
            inner.run_forever()
        assert running_loop() is asyncio.get_running_loop()
        with pytest.raises(RuntimeError, match="already running"):
            asyncio.get_running_loop().run_forever()
        assert running_loop() is asyncio.get_running_loop()

    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(main())
    finally:
        inner.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_runs_no_loop(make) -> None:
    async def main() -> int:
        child = os.fork()
        if not child:
            os._exit(0 if running_loop() is None else 1)
        assert running_loop() is asyncio.get_running_loop()
        return child

    with asyncio.Runner(loop_factory=make) as runner:
        child = runner.run(main())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_new_loops_are_uvloops_where_it_is_installed() -> None:
    uvloop = pytest.importorskip("uvloop")
    loop = new_event_loop()
    try:
        assert isinstance(loop, uvloop.Loop)
        assert type(loop).__module__ == "uvloop"
    finally:
        loop.close()


@pytest.mark.parametrize("flags", [["-Werror"], ["-Wdefault"], []], ids=["error", "warn", "quiet"])
def test_a_loop_closes_what_is_still_open(flags: list[str]) -> None:
    pytest.importorskip("uvloop")
    code = """
import asyncio
from whirlwind.platform.loops import new_event_loop

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    return server, await loop.create_connection(asyncio.Protocol, *address)

loop = new_event_loop()
kept = loop.run_until_complete(main())
loop.close()
print("closed")
"""
    command = [sys.executable, *flags, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "closed\n"
    assert done.returncode == 0
    told = "unclosed resource <TCPServer" in done.stderr
    assert told == bool(flags), done.stderr


def test_a_loop_may_be_closed_when_the_interpreter_ends() -> None:
    code = (
        "from whirlwind.ioloop import IOLoop\n"
        "class Owner:\n"
        "    def __init__(self): self.loop = IOLoop(make_current=False)\n"
        "    def __del__(self): self.loop.close()\n"
        "f = lambda: None\n"
        "owner = Owner()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
