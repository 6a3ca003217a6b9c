"""A worker process of ``whirlwind serve --workers``: ``python -m whirlwind.cli.worker FD``.

A fresh interpreter, so that a rolling restart runs the code that is on disk now. FD is a socket to
the master. The first line on it, from the master, is the `Assignment`; lines to the master are
``{"ready": true}``, ``{"alive": true}``, ``{"worn_out": true}`` and ``{"failed": message, ...}``.
Its end is the master's end, and then the worker drains as well.
"""

import asyncio
import faulthandler
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from typing import Final

from whirlwind import process
from whirlwind.cli import serving
from whirlwind.cli.assignment import Assignment
from whirlwind.cli.errors import CommandError
from whirlwind.cli.logs import set_up_logging
from whirlwind.ioloop import run

#: How many signs of life a worker gives in the time that it may stand still.
SIGNS_OF_LIFE: Final = 4


def main() -> int:
    """Run a worker; the command line names its socket to the master."""
    # Ctrl-C and a terminal that goes away reach the whole process group; what is to be done about
    # them the master says. They were blocked until now. A handler, and not SIG_IGN: programs that
    # the application starts would inherit that.
    ours = {signal.SIGINT, signal.SIGHUP}
    for number in ours:
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ours)
    master = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(master.fileno(), False)
    line = master.makefile("rb").readline()
    if not line:
        return 0  # the master is gone
    assignment = Assignment.load(line)
    sockets = [socket.socket(fileno=number) for number in assignment.sockets]
    for sock in sockets:
        os.set_inheritable(sock.fileno(), False)
    # What asks for it, `autoreload` for instance, asks whether a parent looks after this process.
    process._task_id = assignment.number
    set_up_logging(assignment.settings)
    # Where every thread is goes to stderr when the process crashes, or the master aborts it.
    faulthandler.enable()
    link = _Master(master, assignment.settings.worker_timeout)
    try:
        run(serving.serve(assignment.settings, sockets, link))
    except CommandError as error:
        link.failed(error)
        return error.status
    return 0


class _Master:
    """Whom a worker reports to."""

    ending_signals: Iterable[signal.Signals] = (signal.SIGTERM,)

    def __init__(self, sock: socket.socket, timeout: float | None) -> None:
        self._socket = sock
        self._timeout = timeout

    def attach(self, stop: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()

        def gone() -> None:
            # The master never writes again, so this is its end.
            loop.remove_reader(self._socket)
            stop()

        loop.add_reader(self._socket, gone)
        if self._timeout is not None:
            self._show_life(loop, self._timeout / SIGNS_OF_LIFE)

    def _show_life(self, loop: asyncio.AbstractEventLoop, interval: float) -> None:
        self._tell(alive=True)
        loop.call_later(interval, self._show_life, loop, interval)

    def ready(self) -> None:
        self._tell(ready=True)

    def stopping(self) -> None:
        pass

    def worn_out(self) -> None:
        self._tell(worn_out=True)

    def failed(self, error: CommandError) -> None:
        self._tell(failed=error.message, status=error.status, details=error.details)

    def _tell(self, **message: object) -> None:
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            pass  # the master is gone, which the reader of this socket notices


if __name__ == "__main__":
    sys.exit(main())
