"""Replace the process by a new one that runs the same command."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import whirlwind
from whirlwind.log import gen_log

#: Tells the new process of its beginning.
_VARIABLE: Final = "WHIRLWIND_RELOADED"

_hooks: list[Callable[[], object]] = []
# Where relative paths of the command line begin. The program may go elsewhere later.
_folder = os.getcwd()


class Origin(NamedTuple):
    """How this process began.

    :ivar moment: nanoseconds since the epoch.
    :ivar doubted: paths of the files for which it was restarted because they seemed to have changed
        while it began, and how many times in a row.
    """

    moment: int
    doubted: dict[str, int]


def _find_origin() -> Origin:
    # Taken out, and with a process id: children that inherit it are not meant.
    pid, moment, doubted = json.loads(os.environ.pop(_VARIABLE, "[0, 0, {}]"))
    if pid in (os.getpid(), os.getppid()):  # on Windows the new process is a child
        return Origin(moment, doubted)
    return Origin(whirlwind._began, {})


origin: Final = _find_origin()


def add_reload_hook(fn: Callable[[], None]) -> None:
    """Call ``fn()`` before the process is replaced.

    Sockets and files need none to be closed: Python's are closed when another program takes over,
    unless `os.set_inheritable` says otherwise.
    """
    _hooks.append(fn)


def _reload(doubted: Mapping[str, int] = MappingProxyType({})) -> None:
    """Run the hooks and start over; does not return.

    :arg doubted: as in `Origin`.
    """
    for hook in _hooks:
        try:
            hook()
        except Exception:
            gen_log.error("Exception in reload hook %r", hook, exc_info=True)
    if hasattr(signal, "setitimer"):
        # Timers outlive the program that set them, and the handler of their signal does not.
        signal.setitimer(signal.ITIMER_REAL, 0, 0)
    command = _command()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    try:
        os.chdir(_folder)
    except OSError:
        pass  # gone; the command may do without it
    os.environ[_VARIABLE] = json.dumps([os.getpid(), time.time_ns(), dict(doubted)])
    if sys.platform == "win32":
        # There, exec leaves the new program without console input. The old one must end at once
        # all the same, since it holds the sockets.
        subprocess.Popen(command)
        os._exit(0)
    os.execv(sys.executable, command)


def _command() -> list[str]:
    """The command line that started this process, options of the interpreter included."""
    original = getattr(sys, "orig_argv", None)
    if original:
        return [sys.executable, *original[1:]]
    # An interpreter inside some other program.
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None and spec.name != "__main__":
        return [sys.executable, "-m", spec.name, *sys.argv[1:]]
    return [sys.executable, *sys.argv]
