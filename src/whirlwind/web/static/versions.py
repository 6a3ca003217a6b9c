"""Versions of files, for URLs that change when the content does."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Generator, Iterable
from hashlib import sha512
from typing import Any, ClassVar, Final

from whirlwind.log import gen_log
from whirlwind.protocol.limits import CHUNK_SIZE, MAX_KEPT_FILE
from whirlwind.web.errors import HTTPError
from whirlwind.web.handler import RequestHandler
from whirlwind.web.hooks import is_method_of
from whirlwind.web.static import files
from whirlwind.web.static.kept import Places
from whirlwind.web.static.served import Identity, quick_version
from whirlwind.web.static.served import identity as identity_of

_Known = tuple[Identity | None, str | None]


class VersionedFiles(RequestHandler):
    """The class methods of `StaticFileHandler`: content, versions and URLs of files."""

    #: Bytes; larger files get no version (Tornado 6.6).
    MAX_VERSION_CONTENT_SIZE = 64 * 1024 * 1024
    #: Versions kept in memory for each class (Tornado 6.6).
    MAX_CACHED_VERSIONS = 10000

    # Least recently used first.
    _static_hashes: ClassVar[dict[str, _Known]] = {}
    _hashing: ClassVar[set[str]] = set()
    _lock: ClassVar[threading.Lock] = threading.Lock()

    @classmethod
    def reset(cls) -> None:
        """Forget the versions, and the files, that are kept in memory."""
        with cls._lock:
            cls._static_hashes = {}
        PLACES.clear()

    @classmethod
    def get_absolute_path(cls, root: str, path: str) -> str:
        """Hook: the path of a file.

        :arg root: the directory that is served.
        :arg path: path of the file relative to it, as `parse_url_path` returned it.
        :returns: absolute path, without ``..``.
        :raises HTTPError: 403, it does not lie in the directory.
        """
        if IS_WINDOWS and files.is_windows_special(path):
            raise HTTPError(403, "%s is not a file", path)
        directory = files.absolute(root)
        if files.is_tidy(path):
            return f"{directory}{path}" if directory == os.path.sep else f"{directory}/{path}"
        absolute_path = os.path.abspath(os.path.join(directory, path))
        if not files.is_below(absolute_path, directory):
            raise HTTPError(403, "%s is not in root static directory", path)
        return absolute_path

    @classmethod
    def get_content(
        cls, abspath: str, start: int | None = None, end: int | None = None
    ) -> Generator[bytes, None, None]:
        """Hook: the content of a file, or a part of it.

        An override may return bytes instead. It should be a class method: the content must depend
        on the arguments only, for it is cached by path.

        :arg abspath: path of the file.
        :arg start: offset of the first byte, None for the beginning.
        :arg end: offset after the last byte, None for the end.
        :returns: generator of pieces of at most 64 KiB.
        :raises HTTPError: 403, it is no regular file; 404, there is none.
        """
        try:
            fd, _ = files.open_regular(abspath)
        except files.NotRegularError:
            raise HTTPError(403, "%s is not a file", abspath) from None
        except (OSError, ValueError) as error:
            if isinstance(error, PermissionError):
                raise HTTPError(403, "%s can not be read: %s", abspath, error.strerror) from None
            raise HTTPError(404) from None
        with open(fd, "rb", buffering=0) as file:
            if start is not None:
                file.seek(start)
            left = -1 if end is None else end - (start or 0)
            while left:
                chunk = file.read(CHUNK_SIZE if left < 0 else min(CHUNK_SIZE, left))
                if not chunk:
                    return
                if left > 0:
                    left -= len(chunk)
                yield chunk

    @classmethod
    def get_content_version(cls, abspath: str) -> str:
        """Hook: a version of a file's content, for ``static_url`` and ``Etag``; it is cached.

        :arg abspath: path of the file.
        :returns: by default the SHA-512 of the content, in hexadecimal.
        :raises ValueError: it is larger than `MAX_VERSION_CONTENT_SIZE`.
        """
        content: bytes | Iterable[bytes] = cls.get_content(abspath)
        digest = sha512()
        size = 0
        for chunk in (content,) if isinstance(content, bytes) else content:
            size += len(chunk)
            if size > cls.MAX_VERSION_CONTENT_SIZE:
                raise ValueError(
                    f"content is larger than MAX_VERSION_CONTENT_SIZE "
                    f"({cls.MAX_VERSION_CONTENT_SIZE} bytes)"
                )
            digest.update(chunk)
        return digest.hexdigest()

    @classmethod
    def make_static_url(
        cls, settings: dict[str, Any], path: str, include_version: bool = True
    ) -> str:
        """Hook: the URL of a file, as ``static_url`` returns it.

        :arg settings: of the application: ``static_path``, ``static_url_prefix``.
        :arg path: path of the file relative to ``static_path``.
        :arg include_version: add the version, if there is one, so that caches notice changes.
        :returns: the URL's path and query, or a whole URL if the prefix is one.
        """
        url: str = settings.get("static_url_prefix", "/static/") + path
        if not include_version:
            return url
        version = cls.get_version(settings, path)
        return f"{url}?v={version}" if version else url

    @classmethod
    def get_version(cls, settings: dict[str, Any], path: str) -> str | None:
        """Hook: the version of a file for its URL.

        That of a file of more than 256 KiB is computed in a thread when it is first asked for in a
        running loop; until it is there, size and time of change of the file stand in for it.

        :arg settings: of the application: ``static_path``.
        :arg path: path of the file relative to it.
        :returns: the version; None when the file has none.
        :raises HTTPError: 403, it lies outside of ``static_path``.
        """
        root = settings["static_path"]
        absolute_path = cls.get_absolute_path(root, path)
        version = cls._get_cached_version(absolute_path, may_wait=False)
        if version is not None and files.is_name(root):
            # Not even a hash of what lies elsewhere.
            instead = settings.get("static_handler_args", {}).get("allowed_symlink_directory")
            if files.locate(absolute_path, allowed(files.absolute(root), instead)).base is None:
                return None
        return version

    @classmethod
    def _get_cached_version(cls, abs_path: str, may_wait: bool = True) -> str | None:
        """`get_content_version`, once for each state of a file; None when there is none.

        :arg may_wait: False to be content with another version than that of the content, rather
            than to keep a running loop from its work.
        """
        identity: Identity | None
        try:
            found = os.stat(abs_path)
            identity = identity_of(found)
        except (OSError, ValueError):
            identity = None  # content of a subclass that is no file
        known = cls._recall(abs_path, identity)
        if known is not None:
            return known[1]
        if (
            not may_wait
            and identity is not None
            and MAX_KEPT_FILE < found.st_size <= cls.MAX_VERSION_CONTENT_SIZE
            and asyncio._get_running_loop() is not None
            and cls._reads_files()
        ):
            cls._compute_soon(abs_path, identity)
            return quick_version(found)
        version = cls._compute_version(abs_path)
        cls._remember(abs_path, identity, version)
        return version

    @classmethod
    def _reads_files(cls) -> bool:
        """Whether a version is that of a file's bytes, and computing it needs nothing else."""
        return all(
            is_method_of(getattr(cls, name), _ORIGINALS[name])
            for name in ("get_content", "get_content_version")
        )

    @classmethod
    def _compute_version(cls, abs_path: str) -> str | None:
        try:
            return cls.get_content_version(abs_path)
        except Exception as error:
            gen_log.error("Could not open static file %r: %s", abs_path, error)
            return None

    @classmethod
    def _compute_soon(cls, abs_path: str, identity: Identity) -> None:
        """Have a thread compute a version, unless one is at it."""
        with cls._lock:
            if abs_path in cls._hashing:
                return
            cls._hashing.add(abs_path)

        def compute() -> None:
            try:
                cls._remember(abs_path, identity, cls._compute_version(abs_path))
            finally:
                with cls._lock:
                    cls._hashing.discard(abs_path)

        asyncio.get_running_loop().run_in_executor(None, compute)

    @classmethod
    def _recall(cls, abs_path: str, identity: Identity | None) -> _Known | None:
        with cls._lock:
            versions = cls._static_hashes
            entry = versions.pop(abs_path, None)
            if entry is None or entry[0] != identity:
                return None
            versions[abs_path] = entry
            return entry

    @classmethod
    def _remember(cls, abs_path: str, identity: Identity | None, version: str | None) -> None:
        with cls._lock:
            versions = cls._static_hashes
            versions[abs_path] = (identity, version)
            while len(versions) > cls.MAX_CACHED_VERSIONS:
                del versions[next(iter(versions))]


def allowed(directory: str, instead: files.Directories | None) -> tuple[str, ...]:
    """The directories in which files may really be."""
    if not instead:
        return (directory,)
    if isinstance(instead, (str, os.PathLike)):
        return (files.absolute(instead),)
    return tuple(map(files.absolute, instead))


IS_WINDOWS: Final = os.name == "nt"
#: What is kept in memory, of all handlers in this process.
PLACES: Final = Places()
_ORIGINALS: Final[dict[str, Any]] = {
    name: VersionedFiles.__dict__[name].__func__ for name in ("get_content", "get_content_version")
}
