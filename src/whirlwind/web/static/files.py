"""Files below a directory that clients may read: where they really are, and opening them safely.

A path is checked three times. Its text must lie below the root. What it leads to once all symbolic
links are followed must do so too. And when the file is opened, each part of that resolved path is
opened by itself without following links, so that nobody can put another file there in between.
"""

import functools
import os
import stat
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from whirlwind.protocol.limits import MAX_REAL_DIRECTORIES

_IS_WINDOWS: Final = os.name == "nt"
_CAN_OPEN_STEPWISE: Final = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
#: A FIFO or device must not make open() wait, nor a terminal become ours.
_OPEN: Final = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
#: For the directories on the way: to pass through them takes no permission to list them.
_PASS_THROUGH: Final = (
    getattr(os, "O_DIRECTORY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_PATH", getattr(os, "O_SEARCH", os.O_RDONLY))
)

#: Device names that Windows finds in every directory, with any extension.
_DEVICES: Final = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{number}" for port in ("com", "lpt") for number in "123456789\xb9\xb2\xb3"]
)


#: One directory or several.
Directories = str | os.PathLike[str] | list[str] | list[os.PathLike[str]]


class Located(NamedTuple):
    """Where a path leads.

    :ivar base: the allowed directory that it is in, resolved; None if it is in none.
    :ivar path: the path with all symbolic links resolved.
    :ivar stat: of the file there, None if there is none.
    """

    base: str | None
    path: str
    stat: os.stat_result | None


def is_below(path: str, directory: str) -> bool:
    """Whether a path is a directory or something in it, going by their text.

    :arg path: absolute and normalised.
    :arg directory: likewise, with or without a separator at its end.
    """
    if not directory.endswith(os.path.sep):
        # "/static" must not pass for a parent of "/static_private".
        directory += os.path.sep
    return (path + os.path.sep).startswith(directory)


def is_name(root: object) -> bool:
    """Whether a handler's root is a directory; one that has other content may have any object."""
    return isinstance(root, (str, os.PathLike))


def absolute(path: str | os.PathLike[str]) -> str:
    """`os.path.abspath`; that of a relative path depends on the working directory."""
    path = os.fspath(path)
    return _normalised(path) if is_absolute(path) else os.path.abspath(path)


is_absolute: Callable[[str], bool] = functools.lru_cache(maxsize=256)(os.path.isabs)
_normalised = functools.lru_cache(maxsize=256)(os.path.abspath)


def is_tidy(path: str) -> bool:
    """Whether a relative path can be joined to a directory without a look at its parts."""
    return (
        not _IS_WINDOWS
        and path != ""
        and path[0] not in "/."
        and path[-1] != "/"
        and "/." not in path
        and "//" not in path
    )


def is_windows_special(path: str) -> bool:
    """Whether Windows would open something else than the file of that name.

    That is: a device such as ``nul.txt``, an alternate data stream (``a.txt:b``), or, for the
    blanks and dots that it drops at the end of a name, a file under another name.

    :arg path: relative path, with either separator.
    """
    for part in path.replace("\\", "/").split("/"):
        if part in ("", ".", ".."):
            continue
        if part[-1] in " ." or ":" in part or part.partition(".")[0].rstrip().lower() in _DEVICES:
            return True
    return False


def locate(path: str, allowed: Iterable[str]) -> Located:
    """Follow a path to where it really leads.

    :arg path: absolute and normalised.
    :arg allowed: directories it may lead into.
    """
    real, found = _resolve(path)
    for directory in allowed:
        base = _real_directory(directory)
        if is_below(real, base):
            return Located(base, real, found)
    return Located(None, real, found)


def open_located(located: Located) -> int:
    """Open a file for reading, provided that no link has been put into its path since.

    :arg located: as `locate` returned it, with a base.
    :returns: the file descriptor, which the caller closes.
    :raises OSError: the file is gone, may not be read, or its path has changed.
    """
    base, path, _ = located
    if base is None:
        raise PermissionError(f"{path!r} is in none of the allowed directories")
    if not _CAN_OPEN_STEPWISE:
        return os.open(path, _OPEN)
    here = os.open(base, _PASS_THROUGH)
    return _open_from(here, path[len(base) :])


def open_below(directory: str, path: str) -> tuple[int, str] | None:
    """Open what a path names if no symbolic link is on the way from the directory to it.

    That alone proves that it lies in the directory, and costs less than `locate`. Where the
    directory itself leads does not matter.

    :arg directory: absolute and normalised.
    :arg path: likewise, below the directory by its text.
    :returns: file descriptor, which the caller closes, and the path with all links resolved; None
        if it takes `locate` to tell.
    """
    if not _CAN_OPEN_STEPWISE:
        return None
    rest = path[len(directory) :]
    try:
        here = os.open(directory, _PASS_THROUGH)
        try:
            real = _remembered(directory, os.fstat(here))
        except BaseException:
            os.close(here)
            raise
        fd = _open_from(here, rest)
    except (OSError, ValueError):  # ValueError: a NUL character
        return None
    if real[-1] == "/":
        return fd, real + rest.lstrip("/")
    return fd, real + rest if rest[:1] == "/" else f"{real}/{rest}"


def _open_from(here: int, path: str) -> int:
    """Open a file, starting in the open directory ``here``, which is closed; links are errors."""
    try:
        *directories, name = path.strip("/").split("/")
        for directory in directories:
            below = os.open(directory, _PASS_THROUGH | _NO_FOLLOW, dir_fd=here)
            os.close(here)
            here = below
        return os.open(name, _OPEN | _NO_FOLLOW, dir_fd=here)
    finally:
        os.close(here)


def open_regular(path: str) -> tuple[int, os.stat_result]:
    """Open a regular file for reading, following links.

    :arg path: its path.
    :returns: file descriptor, which the caller closes, and stat result.
    :raises OSError: there is none, or it may not be read.
    :raises NotRegularError: there is something else.
    """
    fd = os.open(path, _OPEN)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise NotRegularError(path)
    except BaseException:
        os.close(fd)
        raise
    return fd, found


def read_at(fd: int, position: int, size: int) -> bytes:
    """Read up to ``size`` bytes from an offset; fewer only at the end of the file."""
    if not hasattr(os, "pread"):
        os.lseek(fd, position, os.SEEK_SET)
        return os.read(fd, size)
    data = os.pread(fd, size, position)
    while 0 < len(data) < size:
        more = os.pread(fd, size - len(data), position + len(data))
        if not more:
            break
        data += more
    return data


class NotRegularError(Exception):
    """A directory, device, socket or FIFO stands where a file was expected."""


def _resolve(path: str) -> tuple[str, os.stat_result | None]:
    """A path without symbolic links, and the stat result of what is there."""
    try:
        found = os.lstat(path)
    except (OSError, ValueError):  # ValueError: a NUL character
        found = None
    if found is not None and not stat.S_ISLNK(found.st_mode):
        directory, name = os.path.split(path)
        if not name:
            return path, found
        return os.path.join(_real_directory(directory), name), found
    # Also for what does not exist: whether a link leads outside must not depend on what is there.
    real = _real_path(path)
    if found is None:
        return real, None
    try:
        return real, os.stat(real)
    except OSError:
        return real, None


#: Real path by path, with what identified the directory when it was resolved.
_real_directories: dict[str, tuple[tuple[int, int, int], str]] = {}


def _real_directory(directory: str) -> str:
    """`os.path.realpath` of a directory; it asks the kernel about each part, so answers are kept.

    An answer holds while the path leads to the same directory, and that is unchanged: the change
    time tells a new directory with a reused inode number from the old one.
    """
    try:
        return _remembered(directory, os.stat(directory))
    except (OSError, ValueError):
        return _real_path(directory)


def _remembered(directory: str, now: os.stat_result) -> str:
    """The real path of a directory, given the stat result of where it leads."""
    identity = (now.st_dev, now.st_ino, now.st_ctime_ns)
    known = _real_directories.get(directory)
    if known is not None and known[0] == identity:
        return known[1]
    real = os.path.realpath(directory)
    if len(_real_directories) >= MAX_REAL_DIRECTORIES:
        _real_directories.clear()
    _real_directories[directory] = (identity, real)
    return real


def _real_path(path: str) -> str:
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL character: there is nothing to resolve
        return path
