"""`StaticFileHandler`: files of a directory, with versions, ranges and conditional requests."""

import asyncio
import datetime
import functools
import mimetypes
import os
import re
import stat
import threading
from collections.abc import Awaitable, Generator, Iterable
from hashlib import sha512
from typing import Any, ClassVar, Final

from whirlwind import httputil
from whirlwind._public import claim
from whirlwind.iostream import StreamClosedError
from whirlwind.log import gen_log
from whirlwind.protocol.limits import CHUNK_SIZE, FILE_CHUNK, MAX_HASHED_FILE
from whirlwind.web import files
from whirlwind.web.errors import HTTPError
from whirlwind.web.handler import RequestHandler
from whirlwind.web.locations import require_local_path

_IS_WINDOWS: Final = os.name == "nt"

#: Identifies one state of a file: device, inode, size, time of the last change in ns.
_Identity = tuple[int, int, int, int]

#: ``bytes=26`` and ``bytes=10-3``. Neither is a range (RFC 9110 section 14.1.1), so the parser says
#: None and they could be ignored; Tornado answers 416 where they ask for nothing.
_ODD_RANGE = re.compile(r"[ \t]*bytes=([0-9]{1,18})(-[0-9]{1,18})?[ \t]*\Z")


class StaticFileHandler(RequestHandler):
    """Serves the files of a directory.

    ::

        Application(
            [(r"/content/(.*)", StaticFileHandler, {"path": "/var/www"})],
            static_path="/srv/static",  # served below /static/, see `RequestHandler.static_url`
        )

    The first group of the route's pattern is the path of the file. To be served a file must be a
    regular one, and lie in the directory even when all symbolic links are followed.

    With the query argument ``v``, as ``static_url`` makes it, a file may be cached for ten years.
    ``Etag`` is the SHA-512 of the content up to 1 MiB, beyond that time and size of the file; both
    are kept up to date when the file changes.

    To serve other things than files override the class methods `get_content`, `get_content_size`,
    `get_modified_time` and `get_content_version`; for another layout of the URLs
    `get_absolute_path` and `validate_absolute_path`, `make_static_url` and `parse_url_path`; for
    more header fields `set_extra_headers`.

    :cvar CACHE_MAX_AGE: seconds that a versioned file may be cached.
    :cvar MAX_VERSION_CONTENT_SIZE: bytes; larger files get no version (Tornado 6.6).
    :cvar MAX_CACHED_VERSIONS: versions kept in memory for each class (Tornado 6.6).
    :ivar root: the directory as given.
    :ivar path: path of the file relative to it.
    :ivar absolute_path: path of the file.
    :ivar modified: datetime of its last change, or None.
    """

    CACHE_MAX_AGE = 86400 * 365 * 10
    MAX_VERSION_CONTENT_SIZE = 64 * 1024 * 1024
    MAX_CACHED_VERSIONS = 10000

    # Least recently used first.
    _static_hashes: ClassVar[dict[str, tuple[_Identity | None, str | None]]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    # On the class: subclasses have an `initialize` of their own that need not call this one's.
    allowed_symlink_directory: str | list[str] | None = None
    default_filename: str | None = None
    root: str
    path: str
    absolute_path: str | None
    modified: datetime.datetime | None
    _opens = False
    _fd: int | None = None
    _located: files.Located | None = None
    _stat_result: os.stat_result | None = None

    def initialize(
        self,
        path: str,
        default_filename: str | None = None,
        allowed_symlink_directory: str | list[str] | None = None,
    ) -> None:
        """Take the arguments of the route.

        :arg path: the directory.
        :arg default_filename: served for a directory, usually ``index.html``.
        :arg allowed_symlink_directory: directory, or list of directories, where files may really
            be, instead of ``path`` (Tornado 6.5.9).
        """
        self.root = path
        self.default_filename = default_filename
        self.allowed_symlink_directory = allowed_symlink_directory

    @classmethod
    def reset(cls) -> None:
        """Forget the versions kept in memory."""
        with cls._lock:
            cls._static_hashes = {}

    def head(self, path: str) -> Awaitable[None]:
        """Answer as `get` would, without the content."""
        return self.get(path, include_body=False)

    async def get(self, path: str, include_body: bool = True) -> None:
        """Serve a file.

        :arg path: what the route's pattern found.
        :arg include_body: False to stop before the content.
        """
        # Files are opened before anything is said about them: all that follows is about the one
        # that is sent, even if another takes its name meanwhile.
        self._opens = self._serves_plain_files()
        self.path = self.parse_url_path(path)
        absolute_path = self.get_absolute_path(self.root, self.path)
        try:
            self.absolute_path = self.validate_absolute_path(self.root, absolute_path)
            if self.absolute_path is None:
                return
            if self._opens and self._fd is None and self._located is not None:
                self._fd = self._open(self._located)
                self._stat_result = os.fstat(self._fd)
            await self._answer(include_body)
        finally:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None

    async def _answer(self, include_body: bool) -> None:
        """Everything after the file has been found: headers, conditions, range and content."""
        self.modified = self.get_modified_time()
        self.set_headers()
        if self.should_return_304():
            self.set_status(304)
            return
        wanted = self._requested_range()
        # `get_content_size` may be expensive where it is overridden: not before it is needed.
        size = self.get_content_size()
        start, end = wanted if wanted is not None else (None, None)
        if start is not None and start < 0:
            start = max(0, start + size)
        if wanted is not None and (end == 0 or (start is not None and start >= size)):
            self._refuse_range(size)
            return
        if start is not None and end is not None and start >= end:
            self._refuse_range(size)
            return
        if end is not None and end > size:
            end = size
        length = (size if end is None else end) - (start or 0)
        if length != size:
            self.set_status(206)
            self.set_header("Content-Range", httputil._get_content_range(start, end, size))
        else:
            # Some browsers refuse to play media on a 206 for the whole.
            start = end = None
        self.set_header("Content-Length", str(length))
        if not include_body:
            return
        if self._fd is not None:
            await self._send_file(self._fd, start or 0, length)
        else:
            assert self.absolute_path is not None
            await self._send(self.get_content(self.absolute_path, start, end))

    async def _send(self, content: bytes | Iterable[bytes]) -> None:
        for chunk in (content,) if isinstance(content, bytes) else content:
            try:
                self.write(chunk)
                await self.flush()
            except StreamClosedError:
                return

    async def _send_file(self, fd: int, position: int, length: int) -> None:
        if length <= FILE_CHUNK and not self._transforms:
            # Headers and content leave in one piece.
            self.write(files.read_at(fd, position, length))
            return
        while length > 0:
            chunk = files.read_at(fd, position, min(length, FILE_CHUNK))
            if not chunk:
                return  # The file became shorter; the connection is cut where bytes are missing.
            position += len(chunk)
            length -= len(chunk)
            try:
                self.write(chunk)
                await self.flush()
            except StreamClosedError:
                return
            # A client that takes everything at once must not keep the loop from the others.
            await asyncio.sleep(0)

    def _requested_range(self) -> tuple[int | None, int | None] | None:
        """The range the client asks for, if it asks for one and for this state of the file."""
        headers = self.request.headers
        field = headers.get("Range")
        if not field:
            return None
        wanted = httputil._parse_request_range(field)
        if wanted is None:
            odd = _ODD_RANGE.match(field)
            if odd is None:
                return None
            first = int(odd[1])
            if odd[2] is not None:
                return first, 0
            if first < self.get_content_size():
                return None
            return first, None
        if_range = headers.get("If-Range")
        if if_range and not self._is_current(if_range):
            return None
        return wanted

    def _is_current(self, validator: str) -> bool:
        """Whether the value of If-Range names what we have (RFC 9110 section 13.1.5)."""
        if validator.startswith(('"', "W/")):
            return validator == self._headers.get("Etag") and not validator.startswith("W/")
        return validator == self._headers.get("Last-Modified")

    def _refuse_range(self, size: int) -> None:
        self.set_status(416)
        self.set_header("Content-Type", "text/plain")
        self.set_header("Content-Range", f"bytes */{size}")

    # --- header fields --------------------------------------------------------------------------

    def compute_etag(self) -> str | None:
        """The entity tag of the file: its version; see the class for large files."""
        if self.absolute_path is None:
            return None
        if self._fd is None:
            version = self._get_cached_version(self.absolute_path)
        else:
            found = self._stat()
            if found.st_size > min(MAX_HASHED_FILE, self.MAX_VERSION_CONTENT_SIZE):
                return f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
            version = self._version_of_open_file(self.absolute_path, self._fd, found)
        return f'"{version}"' if version else None

    def set_headers(self) -> None:
        """Set the header fields that describe the file, and say how long it may be cached."""
        self.set_header("Accept-Ranges", "bytes")
        self.set_etag_header()
        if self.modified is not None:
            self.set_header("Last-Modified", _http_date(self.modified))
        content_type = self.get_content_type()
        if content_type:
            self.set_header("Content-Type", content_type)
        cache_time = self.get_cache_time(self.path, self.modified, content_type)
        if cache_time > 0:
            now = datetime.datetime.now(datetime.UTC)
            self.set_header("Expires", now + datetime.timedelta(seconds=cache_time))
            self.set_header("Cache-Control", f"max-age={cache_time}")
        self.set_extra_headers(self.path)

    def should_return_304(self) -> bool:
        """Whether the client has this state of the file.

        If-None-Match decides alone where it is given (RFC 9110 section 13.2.2). A date that is none
        is ignored.
        """
        headers = self.request.headers
        if "If-None-Match" in headers:
            return self.check_etag_header()
        since = headers.get("If-Modified-Since")
        if not since or self.modified is None:
            return False
        if since == _http_date(self.modified):
            return True
        # Seldom needed, and with a dozen modules 4 ms of start-up.
        from email.utils import parsedate_to_datetime

        try:
            date = parsedate_to_datetime(since)
        except (TypeError, ValueError, IndexError, OverflowError):
            return False
        if date.tzinfo is None:
            date = date.replace(tzinfo=datetime.UTC)
        return date >= self.modified

    def set_extra_headers(self, path: str) -> None:
        """Hook: set further header fields.

        :arg path: path of the file relative to the root.
        """

    def get_cache_time(self, path: str, modified: datetime.datetime | None, mime_type: str) -> int:
        """Hook: how long the file may be cached.

        :arg path: path of the file relative to the root.
        :arg modified: time of its last change.
        :arg mime_type: its media type.
        :returns: seconds, 0 to say nothing: by default ten years for a URL with a version.
        """
        return self.CACHE_MAX_AGE if "v" in self.request.arguments else 0

    def get_content_type(self) -> str:
        """Hook: the media type, by the file's name.

        A compressed file is what it is; nothing asks the browser to unpack it (Tornado 4.3).
        """
        assert self.absolute_path is not None
        mime_type, encoding = mimetypes.guess_type(self.absolute_path)
        if encoding == "gzip":
            return "application/gzip"
        if encoding is not None or mime_type is None:
            return "application/octet-stream"
        return mime_type

    # --- finding the file -----------------------------------------------------------------------

    @classmethod
    def get_absolute_path(cls, root: str, path: str) -> str:
        """Hook: the path of a file.

        :arg root: the directory that is served.
        :arg path: path of the file relative to it, as `parse_url_path` returned it.
        :returns: absolute path, without ``..``.
        :raises HTTPError: 403, it does not lie in the directory.
        """
        if _IS_WINDOWS and files.is_windows_special(path):
            raise HTTPError(403, "%s is not a file", path)
        directory = files.absolute(root)
        if files.is_tidy(path):
            return f"{directory}{path}" if directory == os.path.sep else f"{directory}/{path}"
        absolute_path = os.path.abspath(os.path.join(directory, path))
        if not files.is_below(absolute_path, directory):
            raise HTTPError(403, "%s is not in root static directory", path)
        return absolute_path

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        """Hook: check that a path may be served, or send the client elsewhere.

        A directory gets ``default_filename`` added; without a slash at the end of the URL the
        client is redirected there first.

        :arg root: the directory that is served.
        :arg absolute_path: what `get_absolute_path` returned.
        :returns: the path to serve, all symbolic links resolved; None when the request has been
            answered.
        :raises HTTPError: 403, it is no file or lies outside; 404, there is nothing.
        """
        directory = files.absolute(root)
        if self._opens and not self.allowed_symlink_directory:
            opened = self._open_below(directory, absolute_path)
            if opened is not None:
                return opened
        located = self._check_inside(directory, absolute_path)
        found = located.stat
        if found is not None and stat.S_ISDIR(found.st_mode) and self.default_filename is not None:
            if not self.request.path.endswith("/"):
                target = self.request.path + "/"
                require_local_path(target)
                self.redirect(target, permanent=True)
                return None
            absolute_path = os.path.join(absolute_path, self.default_filename)
            located = self._check_inside(directory, absolute_path)
            found = located.stat
        if found is None:
            raise HTTPError(404)
        if not stat.S_ISREG(found.st_mode):
            raise HTTPError(403, "%s is not a file", self.path)
        self._located = located
        self._stat_result = found
        return located.path

    def _check_inside(self, directory: str, absolute_path: str) -> files.Located:
        """Follow a path, and refuse it if it leads where it must not."""
        if files.is_below(absolute_path, directory):
            if _IS_WINDOWS and files.is_windows_special(absolute_path[len(directory) :]):
                raise HTTPError(403, "%s is not a file", self.path)
            located = files.locate(
                absolute_path, _allowed(directory, self.allowed_symlink_directory)
            )
            if located.base is not None:
                return located
        raise HTTPError(403, "%s is not in root static directory", self.path)

    def _open_below(self, directory: str, absolute_path: str) -> str | None:
        """Open a file that no link leads to, and return its real path; None for anything else."""
        if not files.is_below(absolute_path, directory):
            return None
        opened = files.open_below(directory, absolute_path)
        if opened is None:
            return None
        fd, path = opened
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                return None
            self._fd, fd = fd, -1
        finally:
            if fd >= 0:
                os.close(fd)
        self._stat_result = found
        return path

    def _open(self, located: files.Located) -> int:
        try:
            return files.open_located(located)
        except FileNotFoundError:
            raise HTTPError(404) from None
        except OSError as error:
            raise HTTPError(403, "%s can not be read: %s", self.path, error.strerror) from None

    def parse_url_path(self, url_path: str) -> str:
        """Hook: turn the path of a URL into one of the file system.

        :arg url_path: what the route's pattern found.
        :returns: path relative to the root.
        """
        return url_path if os.path.sep == "/" else url_path.replace("/", os.path.sep)

    # --- content --------------------------------------------------------------------------------

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

    def _stat(self) -> os.stat_result:
        found = self._stat_result
        if found is None:
            assert self.absolute_path is not None
            found = self._stat_result = os.stat(self.absolute_path)
        return found

    def get_content_size(self) -> int:
        """Hook: bytes of the whole content; override it together with `get_content`."""
        return self._stat().st_size

    def get_modified_time(self) -> datetime.datetime | None:
        """Hook: when the content last changed, without fractions of a second; None for unknown."""
        # HTTP dates have whole seconds; a fraction would make every file newer than its own date.
        return datetime.datetime.fromtimestamp(int(self._stat().st_mtime), datetime.UTC)

    def _serves_plain_files(self) -> bool:
        """Whether the content is that of the file itself: nothing about it is overridden."""
        cls: Any = type(self)
        return (
            getattr(cls.get_content, "__func__", None) is _GET_CONTENT
            and getattr(cls.get_content_version, "__func__", None) is _GET_CONTENT_VERSION
            and cls.get_content_size is _GET_CONTENT_SIZE
            and self.__dict__.keys().isdisjoint(_CONTENT_HOOKS)
        )

    # --- versions -------------------------------------------------------------------------------

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

        :arg settings: of the application: ``static_path``.
        :arg path: path of the file relative to it.
        :returns: the version; None when the file has none.
        :raises HTTPError: 403, it lies outside of ``static_path``.
        """
        root = settings["static_path"]
        absolute_path = cls.get_absolute_path(root, path)
        version = cls._get_cached_version(absolute_path)
        if version is not None and isinstance(root, str):
            # Not even a hash of what lies elsewhere.
            instead = settings.get("static_handler_args", {}).get("allowed_symlink_directory")
            if files.locate(absolute_path, _allowed(files.absolute(root), instead)).base is None:
                return None
        return version

    @classmethod
    def _get_cached_version(cls, abs_path: str) -> str | None:
        """`get_content_version`, once for each state of a file; None when there is none."""
        identity: _Identity | None
        try:
            identity = _identity(os.stat(abs_path))
        except (OSError, ValueError):
            identity = None  # content of a subclass that is no file
        known = cls._recall(abs_path, identity)
        if known is not None:
            return known[1]
        version: str | None
        try:
            version = cls.get_content_version(abs_path)
        except Exception as error:
            gen_log.error("Could not open static file %r: %s", abs_path, error)
            version = None
        cls._remember(abs_path, identity, version)
        return version

    @classmethod
    def _version_of_open_file(cls, abs_path: str, fd: int, found: os.stat_result) -> str | None:
        """The same for the very file that is going to be sent, whatever its path leads to now."""
        identity = _identity(found)
        known = cls._recall(abs_path, identity)
        if known is not None:
            return known[1]
        version = sha512(files.read_at(fd, 0, found.st_size)).hexdigest()
        cls._remember(abs_path, identity, version)
        return version

    @classmethod
    def _recall(
        cls, abs_path: str, identity: _Identity | None
    ) -> tuple[_Identity | None, str | None] | None:
        with cls._lock:
            versions = cls._static_hashes
            entry = versions.pop(abs_path, None)
            if entry is None or entry[0] != identity:
                return None
            versions[abs_path] = entry
            return entry

    @classmethod
    def _remember(cls, abs_path: str, identity: _Identity | None, version: str | None) -> None:
        with cls._lock:
            versions = cls._static_hashes
            versions[abs_path] = (identity, version)
            while len(versions) > cls.MAX_CACHED_VERSIONS:
                del versions[next(iter(versions))]


def _identity(found: os.stat_result) -> _Identity:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _allowed(directory: str, instead: str | list[str] | None) -> tuple[str, ...]:
    """The directories in which files may really be."""
    if not instead:
        return (directory,)
    if isinstance(instead, str):
        return (files.absolute(instead),)
    return tuple(map(files.absolute, instead))


@functools.lru_cache(maxsize=1024)
def _http_date(when: datetime.datetime) -> str:
    return httputil.format_timestamp(when)


_GET_CONTENT: Final[Any] = StaticFileHandler.__dict__["get_content"].__func__
_GET_CONTENT_VERSION: Final[Any] = StaticFileHandler.__dict__["get_content_version"].__func__
_GET_CONTENT_SIZE: Final[Any] = StaticFileHandler.get_content_size
_CONTENT_HOOKS: Final = frozenset({"get_content", "get_content_version", "get_content_size"})


claim("whirlwind.web", StaticFileHandler)
