"""A worker process, as its master sees it."""

import json
import math
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from whirlwind.cli.assignment import Assignment
from whirlwind.cli.errors import CommandError
from whirlwind.cli.settings import Settings


class Child:
    """A process that runs `whirlwind.cli.worker`.

    :arg number: of its slot.
    :arg sockets: descriptors of the listening sockets, which it inherits under the same numbers.
    :arg settings: for its application and server.
    """

    silent: bool
    last_heard: float
    deadline: float

    def __init__(self, number: int, sockets: list[int], settings: Settings) -> None:
        self._socket, other = socket.socketpair()
        self._received = b""
        #: It has closed its end: no message will come.
        self.silent = False
        #: What it says about why it does not start.
        self.failure: CommandError | None = None
        self.ready_since: float = 0.0
        #: When it said something last.
        self.last_heard = 0.0
        #: When it is killed if it has not ended.
        self.deadline = math.inf
        self._socket.setblocking(False)
        # Until the worker has handlers of its own a Ctrl-C in this terminal would end it, with a
        # traceback. What is blocked stays so in the new program, until that says otherwise.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
        try:
            with other:
                self._process = subprocess.Popen(
                    [
                        sys.executable,
                        *_interpreter_options(),
                        "-m",
                        "whirlwind.cli.worker",
                        str(other.fileno()),
                    ],
                    pass_fds=[other.fileno(), *sockets],
                )
        except OSError:
            self._socket.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        try:
            # Some hundred bytes, which the empty buffer of a new socket takes.
            self._socket.sendall(Assignment(number, sockets, settings).dump())
        except OSError:
            pass  # it has died already, as `poll` will tell

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def fileno(self) -> int:
        """The descriptor of the socket to it."""
        return self._socket.fileno()

    def messages(self) -> Iterator[dict[str, Any]]:
        """What it has said since the last call; its failure is noted here."""
        while not self.silent:
            try:
                data = self._socket.recv(65536)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self.silent = True
            self._received += data
        self.last_heard = time.monotonic()
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "failed" in message:
                self.failure = CommandError(
                    message["failed"], message["status"], message["details"]
                )
            else:
                yield message

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def terminate(self) -> None:
        """Have it drain and end."""
        self._process.terminate()

    def abort(self) -> None:
        """End it now, but for what it says about where it stands."""
        self._process.send_signal(signal.SIGABRT)

    def kill(self) -> None:
        """End it now."""
        self.deadline = math.inf
        self._process.kill()

    def close(self) -> None:
        """It has ended, or is about to."""
        self._process.wait()
        self._socket.close()


def _interpreter_options() -> list[str]:
    # Such as -W error and -X dev. Private, and what `multiprocessing` starts its processes with.
    options: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return options
