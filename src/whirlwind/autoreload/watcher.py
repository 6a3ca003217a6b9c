"""A thread that looks after the source files."""

import importlib
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from whirlwind.autoreload.files import SourceFiles
from whirlwind.autoreload.restart import origin
from whirlwind.log import gen_log

#: Milliseconds without a further change after which the system's reports are looked at: a save is
#: several of them.
_STEP = 50
#: Milliseconds after which they are looked at although changes go on.
_DEBOUNCE = 400


class Watcher:
    """Watches the files of this program, from the moment `begin` is called.

    :arg on_change: called in a thread with the path of each file that has changed.
    """

    def __init__(self, on_change: Callable[[str], None]) -> None:
        self.files: SourceFiles = SourceFiles(origin.moment, origin.doubted)
        #: Milliseconds between two looks, without events.
        self.check_time: float = 500.0
        self._on_change = on_change
        self._pid: int | None = None
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Start the thread, unless it runs. A forked child has none until it starts its own."""
        with self._lock:
            if self._pid == os.getpid():
                return
            self._pid = os.getpid()
            self._look()
            threading.Thread(target=self._work, name="autoreload", daemon=True).start()

    def _work(self) -> None:
        try:
            events: Any = importlib.import_module("watchfiles")
        except ImportError:
            self._poll()
        else:
            try:
                self._await_events(events.watch)
            except Exception as error:
                # Too few inotify watches for this user, for instance.
                gen_log.info("autoreload looks at files itself: watchfiles can not (%s)", error)
                self._poll()

    def _poll(self) -> None:
        while True:
            time.sleep(self.check_time / 1000)
            self._look()

    def _await_events(self, watch: Callable[..., Any]) -> None:
        while True:
            self._look()
            stop = _Stop(self._look, self.files)
            for _ in watch(
                *self.files.folders(),
                watch_filter=lambda _, path: path in self.files,
                stop_event=stop,
                step=_STEP,
                debounce=_DEBOUNCE,
                recursive=False,
                # After the timeout of 5 s, look anyway: folders get replaced, and systems of
                # network files tell only of what happens on this machine.
                yield_on_timeout=True,
                raise_interrupt=False,
            ):
                self._look()

    def _look(self) -> None:
        path = self.files.changed()
        if path is not None:
            self._on_change(path)


class _Stop:
    """Ends a watch when there are more modules than at its beginning, and so perhaps more folders.

    In the shape of a `threading.Event`; watchfiles asks it from the moment it watches.
    """

    def __init__(self, look: Callable[[], None], files: SourceFiles) -> None:
        self._look: Callable[[], None] | None = look
        self._count = files.module_count

    def is_set(self) -> bool:
        if self._look is not None:
            # For what has changed between the last look and the beginning of the watch.
            self._look()
            self._look = None
        return len(sys.modules) != self._count
