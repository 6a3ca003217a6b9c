"""The files that a program consists of, and whether one of them has changed."""

import os
import sys
from types import ModuleType

#: What tells one state of a file from another: time of modification (ns) and length (bytes).
_State = tuple[int, int] | None


class SourceFiles:
    """The files of all imported modules, and others by name.

    Each look takes in modules that were imported since. A file that goes away is no change yet,
    since editors that save by renaming make it come back.
    """

    module_count: int

    def __init__(self) -> None:
        self._named: dict[str, _State] = {}
        self._states: dict[str, _State] = {}
        self._paths: dict[str, str] = {}  # `__file__` as it stands, and what it means
        #: How many modules there were at the last look.
        self.module_count = 0

    def add(self, path: str) -> None:
        """Take in a file, or a folder for what is created and deleted in it."""
        path = _settle(path)
        if path not in self._named:
            self._named[path] = _state(path)

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
        for path in self._module_files():
            now = _state(path)
            if now is None:
                continue
            if self._states.setdefault(path, now) != now:
                self._states[path] = now
                found = path
        return found

    def _module_files(self) -> list[str]:
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
            paths.append(path)
        return paths


def _settle(path: str) -> str:
    """Make a path absolute, and that of its folder real, as the system reports it."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)


def _state(path: str) -> _State:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
