"""The files that a program consists of, and whether one of them has changed."""

import os
import sys
import time
from collections.abc import Mapping
from types import ModuleType
from typing import Final

#: What tells one state of a file from another: time of modification (ns) and length (bytes).
_State = tuple[int, int] | None

#: Restarts in a row for a file that has changed while the program began: as far as can be told, and
#: for certain.
MAY_HAVE_CHANGED: Final = 1
HAS_CHANGED: Final = 3


class SourceFiles:
    """The files of all imported modules, and others by name.

    Each look takes in modules that were imported since. A file that goes away is no change yet,
    since editors that save by renaming make it come back.

    A module's file may change after it was imported and before the first look at it. There is
    doubt about one that was modified since the program began. Python notes in the bytecode which
    source it is of, and that decides; where there is no bytecode, as of a script, it counts as
    changed. Some programs write their modules each time they start: lest they do nothing else,
    there is an end to the restarts for the same file.

    :arg began: when that was, in nanoseconds since the epoch.
    :arg doubted: path of a file to how many restarts there were for it in a row.
    """

    module_count: int

    def __init__(self, began: int, doubted: Mapping[str, int]) -> None:
        self._began = began
        #: The same, this process included.
        self.doubted: dict[str, int] = dict(doubted)
        self._named: dict[str, _State] = {}
        self._states: dict[str, _State] = {}
        self._paths: dict[str, str] = {}  # `__file__` as it stands, and what it means
        #: How many modules there were at the last look.
        self.module_count = 0

    def add(self, path: str, was_read: bool = False) -> None:
        """Take in a file, or a folder for what is created and deleted in it.

        :arg was_read: whether the program has read it, and could not go on with it.
        """
        path = _settle(path)
        if path not in self._named:
            state = _state(path)
            doubtful = was_read and state is not None and self._is_doubtful(path, state, None)
            self._named[path] = None if doubtful else state

    def folders(self) -> set[str]:
        """Give the folders that the files are in, and those that were added themselves."""
        found = {os.path.dirname(path) for path in (*self._states, *self._named)}
        found.update(self._named)
        return {folder for folder in found if os.path.isdir(folder)}

    def __contains__(self, path: str) -> bool:
        return path in self._states or path in self._named or os.path.dirname(path) in self._named

    def changed(self) -> str | None:
        """Look at every file; give the path of one that is not what it was at the last look."""
        found = None
        for path, before in list(self._named.items()):
            now = _state(path)
            if now != before and now is not None:
                # It may have been added before it existed.
                self._named[path] = now
                found = path
        for path, module in self._module_files():
            now = _state(path)
            if now is None:
                continue
            before = self._states.get(path)
            if now != before:
                self._states[path] = now
                if before is not None:
                    self.doubted.pop(path, None)
                elif not self._is_doubtful(path, now, module):
                    continue
                found = path
        return found

    def _is_doubtful(self, path: str, state: tuple[int, int], module: ModuleType | None) -> bool:
        """Whether a file may have changed since it was read, as far as can be told at first."""
        modified, size = state
        # A time to come is that of another clock.
        if not self._began < modified <= time.time_ns():
            return False
        compiled = _source_of_bytecode(module)
        if compiled == (modified // 10**9 % 2**32, size % 2**32):
            return False
        count = self.doubted.get(path, 0) + 1
        if count > (MAY_HAVE_CHANGED if compiled is None else HAS_CHANGED):
            return False
        self.doubted[path] = count
        return True

    def _module_files(self) -> list[tuple[str, ModuleType]]:
        modules = list(sys.modules.values())
        self.module_count = len(modules)
        paths = []
        for module in modules:
            # Some programs put objects there that make up attributes.
            file = getattr(module, "__file__", None) if isinstance(module, ModuleType) else None
            if not isinstance(file, str):
                continue
            path = self._paths.get(file)
            if path is None:
                source = file[:-1] if file.endswith((".pyc", ".pyo")) else file
                path = self._paths[file] = _settle(source)
            paths.append((path, module))
        return paths


def _settle(path: str) -> str:
    """Make a path absolute, and that of its folder real, as the system reports it."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)


def _source_of_bytecode(module: ModuleType | None) -> tuple[int, int] | None:
    """Time (s) and length (bytes) of the source that a module was compiled from, if kept (PEP 552).

    Both are numbers of 32 bits.
    """
    cached = getattr(getattr(module, "__spec__", None), "cached", None)
    if sys.dont_write_bytecode or not isinstance(cached, str):
        return None
    try:
        with open(cached, "rb") as file:
            head = file.read(16)
    except OSError:
        return None
    if len(head) < 16 or any(head[4:8]):
        return None  # of another kind, which does not say
    return int.from_bytes(head[8:12], "little"), int.from_bytes(head[12:], "little")


def _state(path: str) -> _State:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
