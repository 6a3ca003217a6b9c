"""whirlwind.process: forking, and child processes with streams."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from tests.unit.loops import Run, run
from whirlwind import process
from whirlwind.iostream import PipeIOStream
from whirlwind.process import CalledProcessError, Subprocess, cpu_count, fork_processes, task_id

__all__ = ["run"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no fork")


def program(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a program in an interpreter of its own: forking this one would fork pytest."""
    return subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_cpu_count() -> None:
    assert 1 <= cpu_count() <= (os.cpu_count() or 1)


def test_task_id_outside() -> None:
    assert task_id() is None


def test_fork_processes_restarts_and_ends() -> None:
    """One child is killed, one fails, one is fine: the first two come back under their number."""
    done = program(
        """
        import logging, os, signal, sys, tempfile
        from whirlwind import process
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
        folder = tempfile.mkdtemp()
        number = process.fork_processes(3, max_restarts=2)
        assert process.task_id() == number
        mark = os.path.join(folder, str(number))
        if number < 2 and not os.path.exists(mark):
            open(mark, "w").close()
            if number == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            os._exit(3)
        sys.stdout.write(f"child {number}\\n")
        sys.stdout.flush()
        """
    )
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == ["child 0", "child 1", "child 2"]
    assert "Starting 3 processes" in done.stderr
    assert done.stderr.count("killed by signal 9, restarting") == 1
    assert done.stderr.count("exited with status 3, restarting") == 1
    assert done.stderr.count("exited normally") == 3


def test_fork_processes_gives_up() -> None:
    done = program(
        """
        import os
        from whirlwind import process
        process.fork_processes(1, max_restarts=2)
        os._exit(1)
        """
    )
    assert done.returncode == 1
    assert "Too many child restarts, giving up" in done.stderr


def test_children_draw_different_random_numbers() -> None:
    done = program(
        """
        import random, os
        from whirlwind import process
        random.seed(1)
        process.fork_processes(2)
        os.write(1, f"{random.random()}\\n".encode())
        """
    )
    first, second = done.stdout.split()
    assert first != second


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_fork_processes_after_a_loop_exists(kind: str) -> None:
    """A loop made too early is renewed in the children: its handlers work in each of them."""
    if kind == "uvloop":
        pytest.importorskip("uvloop")
    done = program(
        f"""
        import asyncio, os, socket
        from whirlwind import process
        from whirlwind.ioloop import IOLoop
        if {kind!r} == "uvloop":
            import uvloop as module
        else:
            module = asyncio
        loop = IOLoop(asyncio_loop=module.new_event_loop())
        one, other = socket.socketpair()
        def ready(fd, events):
            loop.remove_handler(one)
            # Looked at and left there: the children share the socket.
            got = one.recv(1, socket.MSG_PEEK)
            os.write(1, f"child {{process.task_id()}} got {{got}}\\n".encode())
            loop.stop()
        loop.add_handler(one, ready, IOLoop.READ)
        other.send(b"x")
        number = process.fork_processes(2, max_restarts=0)
        assert IOLoop.current() is loop
        assert type(loop.asyncio_loop).__module__.startswith(module.__name__)
        loop.start()
        """,
        *("-W", "error", "-W", "ignore::ResourceWarning"),
    )
    assert sorted(done.stdout.splitlines()) == ["child 0 got b'x'", "child 1 got b'x'"]
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_stream_that_was_read_before_the_fork_can_be_read_after_it(kind: str) -> None:
    """Its descriptor stays watched between reads: in each child, the new loop must be told."""
    if kind == "uvloop":
        pytest.importorskip("uvloop")
    done = program(
        f"""
        import asyncio, os
        from whirlwind import process
        from whirlwind.ioloop import IOLoop
        from whirlwind.iostream import PipeIOStream
        if {kind!r} == "uvloop":
            import uvloop as module
        else:
            module = asyncio
        loop = IOLoop(asyncio_loop=module.new_event_loop())
        reading, writing = os.pipe()
        stream = PipeIOStream(reading, read_chunk_size=1)
        async def read(sent):
            waiting = stream.read_bytes(1)
            await asyncio.sleep(0)
            os.write(writing, sent)
            return await waiting
        assert loop.run_sync(lambda: read(b"x")) == b"x"
        number = process.fork_processes(2, max_restarts=0)
        # The children share the pipe: each finds one byte there, its own or the other one's.
        assert loop.run_sync(lambda: read(b"y")) == b"y"
        os.write(1, f"child {{number}}\\n".encode())
        """
    )
    assert sorted(done.stdout.splitlines()) == ["child 0", "child 1"], done.stderr
    assert done.returncode == 0, done.stderr


def test_fork_processes_in_a_running_loop(run: Run) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="running event loop"):
            fork_processes(2)

    run(main)


def test_subprocess_streams(run: Run) -> None:
    code = "import sys; t = sys.stdin.read(); sys.stderr.write(t.upper()); print(t[::-1], end='')"

    async def main() -> None:
        child = Subprocess(
            [sys.executable, "-c", code],
            stdin=Subprocess.STREAM,
            stdout=Subprocess.STREAM,
            stderr=Subprocess.STREAM,
        )
        assert isinstance(child.stdin, PipeIOStream)
        assert isinstance(child.stdout, PipeIOStream)
        assert isinstance(child.stderr, PipeIOStream)
        assert child.pid == child.proc.pid
        await child.stdin.write(b"hello")
        child.stdin.close()
        assert await child.stdout.read_until_close() == b"olleh"
        assert await child.stderr.read_until_close() == b"HELLO"
        assert await child.wait_for_exit() == 0
        assert child.returncode == 0

    run(main)


def test_subprocess_with_pipes_of_its_own(run: Run) -> None:
    async def main() -> None:
        child = Subprocess(["echo", "hi"], stdout=subprocess.PIPE)
        assert child.stdin is None
        assert await child.wait_for_exit() == 0
        assert not isinstance(child.stdout, PipeIOStream)
        assert child.stdout is not None
        assert child.stdout.read() == b"hi\n"
        child.stdout.close()

    run(main)


def test_subprocess_that_cannot_start_leaks_nothing(run: Run) -> None:
    async def main() -> None:
        before = set(os.listdir("/proc/self/fd"))
        with pytest.raises(FileNotFoundError):
            Subprocess(["/does/not/exist"], stdin=Subprocess.STREAM, stdout=Subprocess.STREAM)
        assert set(os.listdir("/proc/self/fd")) == before

    run(main)


@pytest.mark.parametrize("pidfd", [True, False])
def test_subprocess_status(run: Run, monkeypatch: pytest.MonkeyPatch, pidfd: bool) -> None:
    if not pidfd:
        monkeypatch.delattr(os, "pidfd_open", raising=False)

    async def main() -> None:
        with pytest.raises(CalledProcessError) as caught:
            await Subprocess(["sh", "-c", "exit 7"]).wait_for_exit()
        assert caught.value.returncode == 7
        assert caught.value.cmd == ["sh", "-c", "exit 7"]
        child = Subprocess(["cat"], stdin=Subprocess.STREAM)
        ended = child.wait_for_exit(raise_error=False)
        os.kill(child.pid, signal.SIGTERM)
        assert await ended == -signal.SIGTERM
        assert child.returncode == -signal.SIGTERM
        assert isinstance(child.stdin, PipeIOStream)
        child.stdin.close()

    run(main)


def test_subprocess_exit_callback(run: Run) -> None:
    async def main() -> None:
        Subprocess.initialize()
        future: asyncio.Future[Any] = asyncio.Future()
        child = Subprocess(["sh", "-c", "exit 3"])
        child.set_exit_callback(lambda status: future.set_result("replaced"))
        child.set_exit_callback(future.set_result)
        assert await future == 3
        again: asyncio.Future[Any] = asyncio.Future()
        child.set_exit_callback(again.set_result)
        assert await again == 3, "it is never too late to ask"
        Subprocess.uninitialize()

    run(main)


def test_task_id_is_set_only_in_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_task_id", 0)
    with pytest.raises(RuntimeError, match="a process that it started"):
        fork_processes(2)
