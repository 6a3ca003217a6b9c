"""The handler itself: what is asked for, what answers say, and what is sent."""

from __future__ import annotations

import datetime
import mimetypes
import os
import stat
import time
from collections.abc import Awaitable, Mapping
from email.utils import parsedate_to_datetime
from types import MappingProxyType, MethodType
from typing import Any, Final

from whirlwind import httputil
from whirlwind._public import claim
from whirlwind.httputil import HTTPServerRequest
from whirlwind.httputil.storage import lacks
from whirlwind.protocol import scan
from whirlwind.web.codings import preferred, vary
from whirlwind.web.done import DONE
from whirlwind.web.errors import HTTPError
from whirlwind.web.locations import require_local_path
from whirlwind.web.static import files, ranges, sending
from whirlwind.web.static.kept import OwnHooks, Place, answer, http_second
from whirlwind.web.static.served import ServedFile, http_date
from whirlwind.web.static.versions import IS_WINDOWS, PLACES, VersionedFiles, allowed

#: What a compressed form of a file is called, by its coding.
_SUFFIXES: Final = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}


class StaticFileHandler(VersionedFiles):
    """Serves the files of a directory.

    ::

        Application(
            [(r"/content/(.*)", StaticFileHandler, {"path": "/var/www"})],
            static_path="/srv/static",  # served below /static/, see `RequestHandler.static_url`
        )

    The first group of the route's pattern is the path of the file. To be served a file must be a
    regular one, and lie in the directory even when all symbolic links are followed.

    With the query argument ``v``, as ``static_url`` makes it, a file may be cached for ten years.
    ``Etag`` is the SHA-512 of the content up to 256 KiB, beyond that time and size of the file.
    What changes in the file system is seen at once.

    A file ``style.css.br``, ``.zst`` or ``.gz`` beside ``style.css`` is sent in its place to
    clients that accept that content coding, if it is smaller and not older; see `precompressed`.

    To serve other things than files override the class methods `get_content`, `get_content_size`,
    `get_modified_time` and `get_content_version`; for another layout of the URLs
    `get_absolute_path` and `validate_absolute_path`, `make_static_url` and `parse_url_path`; for
    more header fields `set_extra_headers`.

    :cvar CACHE_MAX_AGE: seconds that a versioned file may be cached.
    :cvar MAX_VERSION_CONTENT_SIZE: bytes; larger files get no version (Tornado 6.6).
    :cvar MAX_CACHED_VERSIONS: versions kept in memory for each class (Tornado 6.6).
    :cvar precompressed: content codings whose files are looked for, the best first; not in Tornado.
    :ivar root: the directory as given.
    :ivar path: path of the file relative to it.
    :ivar absolute_path: path of the file.
    :ivar modified: datetime of its last change, or None.
    """

    CACHE_MAX_AGE = 86400 * 365 * 10
    precompressed: tuple[str, ...] = ("br", "zstd", "gzip")

    # On the class: subclasses have an `initialize` of their own that need not call this one's.
    allowed_symlink_directory: files.Directories | None = None
    default_filename: str | None = None
    root: str
    path: str
    absolute_path: str | None
    modified: datetime.datetime | None

    # Whether the file is opened before anything is said about it.
    _opens = False
    _located: files.Located | None = None
    _stat_result: os.stat_result | None = None
    # What this URL has led to before, by path.
    _known: Mapping[str, ServedFile] = MappingProxyType({})
    # Where it was found, links not resolved, and whether that is the default file of a directory.
    _found_at: str | None = None
    _is_default = False
    # The file as it is sent, the coding it is in, and whether it comes in others as well.
    _file: ServedFile | None = None
    _coding: str | None = None
    _varies = False

    def initialize(
        self,
        path: str | os.PathLike[str],
        default_filename: str | None = None,
        allowed_symlink_directory: files.Directories | None = None,
    ) -> None:
        """Take the arguments of the route.

        :arg path: the directory.
        :arg default_filename: served for a directory, usually ``index.html``.
        :arg allowed_symlink_directory: directory, or list of directories, where files may really
            be, instead of ``path`` (Tornado 6.5.9).
        """
        self.root = os.fspath(path) if isinstance(path, os.PathLike) else path
        self.default_filename = default_filename
        self.allowed_symlink_directory = allowed_symlink_directory

    def head(self, path: str) -> Awaitable[None]:
        """Answer as `get` would, without the content."""
        return self.get(path, include_body=False)

    def get(self, path: str, include_body: bool = True) -> Awaitable[None]:
        """Serve a file.

        :arg path: what the route's pattern found.
        :arg include_body: False to stop before the content.
        :returns: an awaitable that is done when everything was sent.
        """
        own = _OWN.of(self)
        key: Any = None
        if own & _FINDS and files.is_absolute(self.root):
            instead: Any = self.allowed_symlink_directory
            if isinstance(instead, list):
                instead = tuple(instead)
            codings = tuple(self.precompressed)
            key = (self.root, path, instead, self.default_filename, codings)
            place = PLACES.find(key)
            if place is not None and (
                not place.is_default or (self.request.path or "").endswith("/")
            ):
                self.path = path
                self.absolute_path = place.file.path
                if own == _ALL and answer(self, place, include_body):
                    return DONE
                return self._answer_kept(place, include_body, own)
            self._known = PLACES.recall(key)
        return self._serve(path, include_body, own, key)

    def _answer_kept(self, place: Place, include_body: bool, own: int) -> Awaitable[None]:
        """Answer from memory, asking every hook."""
        self._stat_result = place.file.stat
        self._file = place.file
        if place.siblings and own & _HAS_SIBLINGS:
            self._varies = True
            coding = self._wanted_coding(place.codings)
            if coding is not None and place.siblings[coding].is_unchanged():
                self._file = place.siblings[coding].file
                self._coding = coding
        return self._answer(include_body)

    def _serve(self, path: str, include_body: bool, own: int, key: Any) -> Awaitable[None]:
        """Find the file and answer."""
        # Files are opened before anything is said about them: all that follows is about the one
        # that is sent, even if another takes its name meanwhile.
        self._opens = bool(own & _READS)
        pending = DONE
        try:
            self.path = self.parse_url_path(path)
            absolute_path = self.get_absolute_path(self.root, self.path)
            self.absolute_path = self.validate_absolute_path(self.root, absolute_path)
            if self.absolute_path is None:
                return DONE
            if self._opens and self._file is None and self._located is not None:
                fd = self._open(self._located)
                self._take_file(fd, self._located.path, os.fstat(fd))
            if self._file is not None and own & _HAS_SIBLINGS and files.is_name(self.root):
                self._consider_siblings(key)
            pending = self._answer(include_body)
        finally:
            if pending is DONE and self._file is not None:
                self._file.close()
        return pending

    def _take_file(self, fd: int, path: str, found: os.stat_result) -> None:
        """Go on with an open file.

        :arg path: its real path.
        :raises HTTPError: 403, it is no regular file.
        """
        if not stat.S_ISREG(found.st_mode):
            os.close(fd)
            raise HTTPError(403, "%s is not a file", self.path)
        if self._file is not None:
            self._file.close()
        self._file = ServedFile(fd, path, found, self._known.get(path))
        self._stat_result = self._file.stat

    def _consider_siblings(self, key: Any) -> None:
        """Take a compressed form of the file if there is one and the client wants it.

        :arg key: what to keep it all under, None not to.
        """
        plain = self._file
        assert plain is not None
        path = plain.path if self._found_at is None else self._found_at
        found: dict[str, ServedFile] = {}
        try:
            for coding in self.precompressed:
                if coding not in _SUFFIXES:
                    known = ", ".join(_SUFFIXES)
                    raise ValueError(f"precompressed: no content coding {coding!r} of {known}")
                sibling = self._open_sibling(path + _SUFFIXES[coding], plain)
                if sibling is not None:
                    found[coding] = sibling
            if key is not None and plain.content is not None:
                self._keep(key, path, plain, found)
            if found:
                self._varies = True
                wanted = self._wanted_coding(tuple(found))
                if wanted is not None:
                    plain.close()
                    self._file = found.pop(wanted)
                    self._coding = wanted
        finally:
            for unused in found.values():
                unused.close()

    def _open_sibling(self, path: str, plain: ServedFile) -> ServedFile | None:
        """A compressed form of a file, None if there is none that is worth while."""
        try:
            if not _is_worth_while(os.stat(path), plain.stat):
                return None
            located = self._check_inside(files.absolute(self.root), path)
            fd = self._open(located)
        except (HTTPError, OSError, ValueError):
            return None
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or not _is_worth_while(found, plain.stat):
            os.close(fd)
            return None
        return ServedFile(fd, located.path, found, self._known.get(located.path))

    def _keep(
        self,
        key: Any,
        path: str,
        plain: ServedFile,
        siblings: dict[str, ServedFile],
    ) -> None:
        """Keep a small file, and the small ones of its compressed forms."""
        if plain.size > self.MAX_VERSION_CONTENT_SIZE or any(
            sibling.content is None for sibling in siblings.values()
        ):
            return
        modified = self._modified_time(plain.stat)
        fields = self._fields_of(plain, plain, None, bool(siblings))
        kept = {
            coding: Place(
                path + _SUFFIXES[coding],
                sibling,
                self._fields_of(plain, sibling, coding, True),
                modified,
                {},
            )
            for coding, sibling in siblings.items()
        }
        PLACES.keep(key, Place(path, plain, fields, modified, kept, self._is_default))

    def _fields_of(
        self, plain: ServedFile, sent: ServedFile, coding: str | None, varies: bool
    ) -> dict[str, str]:
        """What `_answer` sets without help of any hook."""
        fields = {
            "Accept-Ranges": "bytes",
            "Etag": sent.etag,
            "Last-Modified": http_date(self._modified_time(plain.stat)),
            "Content-Type": _content_type(plain.path),
        }
        if varies:
            fields["Vary"] = "Accept-Encoding"
        if coding is not None:
            fields["Content-Encoding"] = coding
        return fields

    def _wanted_coding(self, offered: tuple[str, ...]) -> str | None:
        request = self.request
        if type(request) is HTTPServerRequest and lacks(request, scan.ACCEPT_ENCODING):
            return None
        headers = request.headers
        if "Range" in headers:
            # A part of the file is meant, not one of its compressed form.
            return None
        return preferred(headers.get("Accept-Encoding", ""), offered)

    def _answer(self, include_body: bool) -> Awaitable[None]:
        """Everything after the file has been found: headers, conditions, range and content."""
        self.modified = self.get_modified_time()
        self.set_headers()
        if self._varies:
            self.set_header("Vary", vary(self._headers.get("Vary")))
        if self.should_return_304():
            self.set_status(304)
            return DONE
        if self._coding is not None:
            self.set_header("Content-Encoding", self._coding)
        headers = self._headers
        wanted = ranges.requested(
            self.request.headers, headers.get("Etag"), headers.get("Last-Modified")
        )
        # `get_content_size` may be expensive where it is overridden: not before it is needed.
        size = self.get_content_size()
        part = ranges.resolve(wanted, size)
        if part is None:
            self.set_status(416)
            self.set_header("Content-Type", "text/plain")
            self.set_header("Content-Range", f"bytes */{size}")
            return DONE
        start, end = part
        # Some browsers refuse to play media on a 206 for the whole.
        is_whole = end - start == size
        if not is_whole:
            self.set_status(206)
            self.set_header("Content-Range", httputil._get_content_range(start, end, size))
        self.set_header("Content-Length", end - start)
        if not include_body:
            return DONE
        if self._file is None:
            assert self.absolute_path is not None
            first = None if is_whole else start
            last = end if isinstance(wanted, tuple) and wanted[1] is not None else None
            content = self.get_content(self.absolute_path, first, None if is_whole else last)
            return sending.send(self, content)
        return self._send_file(self._file, start, end)

    def _send_file(self, file: ServedFile, start: int, end: int) -> Awaitable[None]:
        content = file.content
        if content is None:
            return self._send_and_close(file, start, end)
        if end - start != len(content):
            content = content[start:end]
        if self._transforms or _plain(self.flush) is not _ORIGINALS["flush"]:
            return sending.send(self, content)
        # Headers and content leave in one piece.
        self.write(content)
        return DONE

    async def _send_and_close(self, file: ServedFile, start: int, end: int) -> None:
        try:
            await sending.send_file(self, file.fd, start, end - start)
        finally:
            file.close()

    # --- header fields --------------------------------------------------------------------------

    def compute_etag(self) -> str | None:
        """The entity tag of the file; see the class."""
        if self.absolute_path is None:
            return None
        file = self._file
        if file is not None:
            return file.etag if file.size <= self.MAX_VERSION_CONTENT_SIZE else file.quick_etag
        version = self._get_cached_version(self.absolute_path)
        return f'"{version}"' if version else None

    def set_headers(self) -> None:
        """Set the header fields that describe the file, and say how long it may be cached."""
        self.set_header("Accept-Ranges", "bytes")
        self.set_etag_header()
        as_usual = _plain(self.set_header) is _ORIGINALS["set_header"]
        if self.modified is not None:
            written: Any = http_date(self.modified) if as_usual else self.modified
            self.set_header("Last-Modified", written)
        content_type = self.get_content_type()
        if content_type:
            self.set_header("Content-Type", content_type)
        cache_time = self.get_cache_time(self.path, self.modified, content_type)
        self._set_cache_time(cache_time, as_usual)
        self.set_extra_headers(self.path)

    def _set_cache_time(self, seconds: int, as_usual: bool) -> None:
        if seconds > 0:
            until: Any = int(time.time()) + seconds
            if as_usual:
                until = http_second(until)
            else:
                until = datetime.datetime.fromtimestamp(until, datetime.UTC)
            self.set_header("Expires", until)
            self.set_header("Cache-Control", f"max-age={seconds}")

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
        if since == http_date(self.modified):
            return True
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
        return _content_type(self.absolute_path)

    # --- finding the file -----------------------------------------------------------------------

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
        self._found_at = absolute_path
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
            self._found_at = absolute_path
            self._is_default = True
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
            if IS_WINDOWS and files.is_windows_special(absolute_path[len(directory) :]):
                raise HTTPError(403, "%s is not a file", self.path)
            located = files.locate(
                absolute_path, allowed(directory, self.allowed_symlink_directory)
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
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            os.close(fd)
            return None
        self._take_file(fd, path, found)
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

    def _stat(self) -> os.stat_result:
        found = self._stat_result
        if found is None:
            assert self.absolute_path is not None
            found = self._stat_result = os.stat(self.absolute_path)
        return found

    def get_content_size(self) -> int:
        """Hook: bytes of the whole content; override it together with `get_content`."""
        return self._stat().st_size if self._file is None else self._file.size

    def get_modified_time(self) -> datetime.datetime | None:
        """Hook: when the content last changed, without fractions of a second; None for unknown."""
        return self._modified_time(self._stat())

    @staticmethod
    def _modified_time(found: os.stat_result) -> datetime.datetime:
        # HTTP dates have whole seconds; a fraction would make every file newer than its own date.
        return datetime.datetime.fromtimestamp(int(found.st_mtime), datetime.UTC)


def _content_type(path: str) -> str:
    mime_type, encoding = mimetypes.guess_type(path)
    if encoding == "gzip":
        return "application/gzip"
    if encoding is not None or mime_type is None:
        return "application/octet-stream"
    return mime_type


def _is_worth_while(compressed: os.stat_result, plain: os.stat_result) -> bool:
    """Whether a compressed form is smaller, and not made of an earlier state of the file."""
    return compressed.st_size < plain.st_size and compressed.st_mtime_ns >= plain.st_mtime_ns


def _plain(method: Any) -> Any:
    # A class method's function. Wrappers of tracing agents have a `__func__`, but are no methods.
    return method.__func__ if type(method) is MethodType else method


# Hooks that belong together: as long as nobody replaces one, what it would say is known.
_FINDS: Final = 1
_READS: Final = 2
_DESCRIBES: Final = 4
_HAS_SIBLINGS: Final = 8
_ALL: Final = 15
_GROUPS: Final[dict[int, tuple[str, ...]]] = {
    _FINDS: (
        "parse_url_path",
        "get_absolute_path",
        "validate_absolute_path",
        "get_content",
        "get_content_version",
        "get_content_size",
    ),
    _READS: ("get_content", "get_content_version", "get_content_size"),
    _DESCRIBES: (
        "get_modified_time",
        "set_headers",
        "should_return_304",
        "set_extra_headers",
        "get_cache_time",
        "get_content_type",
        "compute_etag",
        "set_etag_header",
        "check_etag_header",
        "set_header",
        "set_status",
        "write",
        "flush",
    ),
    _HAS_SIBLINGS: (
        "get_content",
        "get_content_version",
        "get_content_size",
        "compute_etag",
        "get_modified_time",
    ),
}
_ORIGINALS: Final = {
    name: _plain(getattr(StaticFileHandler, name)) for names in _GROUPS.values() for name in names
}


def _inspect(cls: type) -> int:
    """The bits of the groups of which a class has not replaced a hook."""
    own = 0
    for group, names in _GROUPS.items():
        if all(_plain(getattr(cls, name)) is _ORIGINALS[name] for name in names):
            own |= group
    return own


_OWN: Final = OwnHooks(_inspect, _GROUPS)

claim("whirlwind.web", StaticFileHandler)
