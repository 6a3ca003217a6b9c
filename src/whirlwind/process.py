"""Several processes: forking a server over the CPUs, and child processes with streams."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
from binascii import hexlify
from collections.abc import Callable
from subprocess import CalledProcessError
from typing import IO, Any, cast

from whirlwind.concurrent import (
    Future,
    create_future,
    future_set_exception_unless_cancelled,
    future_set_result_unless_cancelled,
)
from whirlwind.ioloop import IOLoop
from whirlwind.iostream import PipeIOStream
from whirlwind.log import gen_log

__all__ = [
    "CalledProcessError",
    "Subprocess",
    "cpu_count",
    "fork_processes",
    "task_id",
]

_task_id: int | None = None


def cpu_count() -> int:
    """The number of CPUs this process may use; 1 when it cannot be found out."""
    if sys.version_info >= (3, 13):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def task_id() -> int | None:
    """The number of this child process, from 0; None in one that no master looks after.

    Children of :func:`fork_processes` have one, and workers of ``whirlwind serve``.
    """
    return _task_id


def fork_processes(num_processes: int | None, max_restarts: int | None = None) -> int:
    """Fork worker processes and look after them.

    It returns in the children only. The parent waits, starts a child again under the same
    number when it dies by a signal or with a non-zero status, and exits when all have left in
    peace.

    A loop that exists but does not run is replaced by a new one in each child: its handlers and
    streams stay, callbacks and timers that wait in it are lost.

    :arg num_processes: how many; None or less than 1 means one for each CPU.
    :arg max_restarts: how often children may be started again in all, 100 by default.
    :returns: the number of this child, from 0.
    :raises RuntimeError: an event loop is running, or too many children died.
    """
    if max_restarts is None:
        max_restarts = 100
    if _task_id is not None:
        raise RuntimeError("fork_processes was called in a process that it started")
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("Cannot fork in a running event loop: fork first, then start the loop")
    if num_processes is None or num_processes <= 0:
        num_processes = cpu_count()
    gen_log.info("Starting %d processes", num_processes)
    return _Supervisor(max_restarts).run(num_processes)


class _Supervisor:
    """The parent of :func:`fork_processes`."""

    def __init__(self, max_restarts: int) -> None:
        self.max_restarts = max_restarts
        self.children: dict[int, int] = {}

    def run(self, num_processes: int) -> int:
        for number in range(num_processes):
            if self._fork(number):
                return number
        restarts = 0
        while self.children:
            pid, status = os.wait()
            number = self.children.pop(pid, -1)
            if number < 0:
                continue
            code = os.waitstatus_to_exitcode(status)
            if code == 0:
                gen_log.info("child %d (pid %d) exited normally", number, pid)
                continue
            if code < 0:
                gen_log.warning(
                    "child %d (pid %d) killed by signal %d, restarting", number, pid, -code
                )
            else:
                gen_log.warning(
                    "child %d (pid %d) exited with status %d, restarting", number, pid, code
                )
            restarts += 1
            if restarts > self.max_restarts:
                raise RuntimeError("Too many child restarts, giving up")
            if self._fork(number):
                return number
        # Everything ended as it should: so does the parent, which has nothing else to do.
        sys.exit(0)

    def _fork(self, number: int) -> bool:
        """Start a child; returns True in it."""
        global _task_id
        # Asked before: from Python 3.12 on, asyncio forgets the loop in the child.
        current = IOLoop.current(instance=False)
        pid = os.fork()
        if pid:
            self.children[pid] = number
            return False
        # Children that share the parent's generator would draw the same "random" numbers.
        random.seed(int(hexlify(os.urandom(16)), 16))
        _task_id = number
        if current is not None:
            cast("Any", current)._renew_after_fork()
        else:
            asyncio.set_event_loop(None)
        return True


class Subprocess:
    """``subprocess.Popen`` with streams for pipes and a wait that does not block the loop.

    Takes the arguments of ``subprocess.Popen``; ``stdin``, ``stdout`` and ``stderr`` may also be
    ``Subprocess.STREAM``, and are then attributes of type
    :class:`~whirlwind.iostream.PipeIOStream`.
    """

    STREAM = object()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.io_loop: IOLoop = IOLoop.current()
        self.stdin: PipeIOStream | IO[bytes] | None
        self.stdout: PipeIOStream | IO[bytes] | None
        self.stderr: PipeIOStream | IO[bytes] | None
        theirs: list[int] = []
        ours: dict[str, int] = {}
        try:
            for name in ("stdin", "stdout", "stderr"):
                if kwargs.get(name) is not Subprocess.STREAM:
                    continue
                reading, writing = os.pipe()
                child_end, our_end = (reading, writing) if name == "stdin" else (writing, reading)
                theirs.append(child_end)
                ours[name] = our_end
                kwargs[name] = child_end
            self.proc: subprocess.Popen[Any] = subprocess.Popen(*args, **kwargs)
        except BaseException:
            for fd in ours.values():
                os.close(fd)
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        for name in ("stdin", "stdout", "stderr"):
            stream = PipeIOStream(ours[name]) if name in ours else getattr(self.proc, name)
            setattr(self, name, stream)
        self.pid: int = self.proc.pid
        self.returncode: int | None = None
        self._exit_callback: Callable[[int], Any] | None = None
        self._watching = False

    def set_exit_callback(self, callback: Callable[[int], Any]) -> None:
        """Call ``callback(returncode)`` on the loop when the process has ended.

        Signals and threads of the program do not matter. The last callback set is the one called.
        """
        self._exit_callback = callback
        if not self._watching:
            self._watching = True
            self._watch()

    def wait_for_exit(self, raise_error: bool = True) -> Future[int]:
        """Wait for the end of the process.

        :arg raise_error: raise ``CalledProcessError`` when the status is not zero.
        :returns: a future of the status; negative is the signal that killed the process.
        """
        future: Future[int] = create_future()

        def finish(returncode: int) -> None:
            if returncode != 0 and raise_error:
                error = CalledProcessError(returncode, self.proc.args)
                future_set_exception_unless_cancelled(future, error)
            else:
                future_set_result_unless_cancelled(future, returncode)

        self.set_exit_callback(finish)
        return future

    def _watch(self) -> None:
        if self.proc.poll() is not None:
            self.io_loop.add_callback(self._report)
            return
        # Linux 5.3: a descriptor that becomes readable at the process's end. No SIGCHLD handler,
        # which uvloop and other libraries want for themselves, and no thread.
        if sys.platform == "linux" and hasattr(os, "pidfd_open"):
            try:
                pidfd = os.pidfd_open(self.pid)
            except OSError:
                pass
            else:
                self.io_loop.add_handler(pidfd, self._on_pidfd, IOLoop.READ)
                return
        threading.Thread(target=self._wait_in_thread, daemon=True).start()

    def _on_pidfd(self, fd: int, events: int) -> None:
        self.io_loop.remove_handler(fd)
        os.close(fd)
        self.proc.wait()
        self._report()

    def _wait_in_thread(self) -> None:
        self.proc.wait()
        self.io_loop.add_callback(self._report)

    def _report(self) -> None:
        self.returncode = self.proc.returncode
        self._watching = False
        callback, self._exit_callback = self._exit_callback, None
        if callback is not None:
            self.io_loop.add_callback(callback, self.returncode)

    @classmethod
    def initialize(cls) -> None:
        """Do nothing: watching children takes no preparation. Kept for programs that call it."""

    @classmethod
    def uninitialize(cls) -> None:
        """Do nothing: the counterpart of :meth:`initialize`."""
