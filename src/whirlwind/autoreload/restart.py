"""Replace the process by a new one that runs the same command."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable

from whirlwind.log import gen_log

_hooks: list[Callable[[], object]] = []
# Where relative paths of the command line begin. The program may go elsewhere later.
_folder = os.getcwd()


def add_reload_hook(fn: Callable[[], None]) -> None:
    """Call ``fn()`` before the process is replaced.

    Sockets and files need none to be closed: Python's are closed when another program takes over,
    unless `os.set_inheritable` says otherwise.
    """
    _hooks.append(fn)


def _reload() -> None:
    """Run the hooks and start over; does not return."""
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
