"""When the process restarts: `start` while a loop runs, `wait` at the end of a script."""

import sys
import threading

from whirlwind import process
from whirlwind.autoreload.restart import _reload
from whirlwind.autoreload.watcher import Watcher
from whirlwind.ioloop import IOLoop
from whirlwind.log import gen_log


class _Control:
    """What is done about a change, depending on what the program has asked for."""

    def __init__(self) -> None:
        self.watcher = Watcher(self._changed)
        self.started = False
        # The path that changed, until somebody restarts because of it.
        self._path: str | None = None
        self._event = threading.Event()

    def start(self, check_time: float) -> None:
        watcher = self.watcher
        watcher.check_time = min(watcher.check_time, check_time) if self.started else check_time
        self.started = True
        watcher.begin()
        if self._path is not None:
            self._restart_on_a_loop()

    def _changed(self, path: str) -> None:
        self._path = path
        self._event.set()
        if self.started:
            self._restart_on_a_loop()

    def _restart_on_a_loop(self) -> None:
        """Have a running loop restart the process, now or as soon as there is one."""
        # Hooks belong into the loop's thread, and so does the end of everything in it. Which loop
        # does not matter: a program that is in none is in the middle of something.
        for io_loop in list(IOLoop._ioloop_for_asyncio.values()):
            if io_loop.asyncio_loop.is_running():
                try:
                    io_loop.asyncio_loop.call_soon_threadsafe(self._restart)
                except RuntimeError:
                    continue  # closed just now
                return
        timer = threading.Timer(self.watcher.check_time / 1000, self._restart_on_a_loop)
        timer.daemon = True
        timer.start()

    def _restart(self) -> None:
        path, self._path = self._path, None
        if path is not None:
            gen_log.info("%s has changed; restarting", path)
            doubted = self.watcher.files.doubted
            _reload(doubted if path in doubted else {})

    def wait(self) -> None:
        # With a timeout, since on Windows Ctrl-C does not end a wait without.
        while not self._event.wait(1.0):
            pass
        self._restart()


_control = _Control()


def start(check_time: int = 500) -> None:
    """Restart the program when a file of its own changes.

    Files of all imported modules count, and those given to `watch`. The restart happens on an
    event loop, once one runs. In a child of `process.fork_processes` and in a process of
    `multiprocessing` nothing happens: it is their parent that would have to start over.

    :arg check_time: milliseconds between two looks at the files; without effect where
        ``watchfiles`` is installed.
    """
    if process.task_id() is None and not _is_worker():
        _control.start(check_time)


def _is_worker() -> bool:
    """Tell whether this process does part of the work of another Python process."""
    if "multiprocessing.process" not in sys.modules:
        return False
    # Another thread may be just importing it, as `watchfiles` does: an import waits for that.
    import multiprocessing.process

    return multiprocessing.process.parent_process() is not None


def watch_modules() -> None:
    """Look after the files from now on; what changes is for `start` or `wait`, whichever comes."""
    _control.watcher.begin()


def wait() -> None:
    """Wait until a file changes, and restart the program: for the end of a script.

    `main` does it for scripts that do not.
    """
    watch_modules()
    _control.wait()


def watch_what_was_read(filename: str) -> None:
    """As `watch`, for a source that the program could not go on with: it may be mended already."""
    _control.watcher.files.add(filename, was_read=True)


def watch(filename: str) -> None:
    """Have a change of this file restart the program, like a change of its modules.

    :arg filename: path of the file. That of a folder stands for what is created and deleted in it.
    """
    _control.watcher.files.add(filename)
