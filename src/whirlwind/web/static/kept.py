"""Small files that are kept in memory, and answers from there.

What is kept is compared with the file system for every request, with one ``stat``: another device,
inode or size, and other times of change of content or attributes, are noticed at once. Where a path
leads is found out again once a second.
"""

import functools
import os
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import whirlwind.web.hooks as hooks
import whirlwind.web.static.same as same
from whirlwind.httputil import format_timestamp
from whirlwind.httputil.storage import lacks
from whirlwind.protocol import scan
from whirlwind.protocol.limits import (
    MAX_CLASS_CACHE,
    MAX_KEPT_BYTES,
    MAX_KEPT_PLACES,
)
from whirlwind.web.codings import preferred
from whirlwind.web.response import ResponseBase
from whirlwind.web.static.served import ServedFile

_RANGE: Final = scan.RANGE
_IF_NONE_MATCH: Final = scan.IF_NONE_MATCH
_IF_MODIFIED_SINCE: Final = scan.IF_MODIFIED_SINCE
_ACCEPT_ENCODING: Final = scan.ACCEPT_ENCODING

#: Seconds after which it is found out again where a path leads.
_TRUSTED: Final = 1.0
#: Seconds a file must have been left alone for before it is kept. Two changes within one tick of
#: the file system's clock (4 ms on ext4, 2 s on FAT) can not be told apart afterwards.
AT_REST = 2.5

_monotonic: Final = time.monotonic
_wall_clock: Final = time.time
#: An HTTP date; most answers of one second carry the same.
http_second: Callable[[int], str] = functools.lru_cache(maxsize=64)(format_timestamp)


class Place:
    """What was found behind one URL: a file that is kept in memory, and where it was.

    :ivar file: its content.
    :ivar fields: header fields of an answer with all of it, by normalised name; without its length.
    :ivar modified: time of the last change of the content, in whole seconds.
    :ivar siblings: compressed forms of it, by content coding.
    :ivar is_default: whether the URL is that of a directory.
    """

    path: bytes
    codings: tuple[str, ...]
    until: float
    length: str

    def __init__(
        self,
        path: str,
        file: ServedFile,
        fields: dict[str, str],
        modified: Any,
        siblings: "dict[str, Place]",
        is_default: bool = False,
    ) -> None:
        """
        :arg path: where the file is found, symbolic links not resolved.
        """
        found = file.stat
        self.path = os.fsencode(path)
        self.file = file
        self.fields = fields
        self.modified = modified
        self.siblings = siblings
        self.codings = tuple(siblings)
        self.is_default = is_default
        self.until = 0.0
        self.size: int = sum(p.size for p in siblings.values()) + len(file.content or b"")
        self.length = str(file.size)
        self._device = found.st_dev
        self._inode = found.st_ino
        self._size = found.st_size
        self._modified = found.st_mtime_ns
        self._changed = found.st_ctime_ns

    def is_unchanged(self) -> bool:
        """Whether the path still leads to this file, and the file is what it was."""
        answer = same.compare(
            self.path, self._device, self._inode, self._size, self._modified, self._changed
        )
        if answer >= 0:
            return answer == 1
        try:
            found = os.stat(self.path)
        except OSError:
            return False
        return (
            found.st_ino == self._inode
            and found.st_dev == self._device
            and found.st_size == self._size
            and found.st_mtime_ns == self._modified
            and found.st_ctime_ns == self._changed
        )


class Places:
    """The places that are remembered: a bounded number of them, and of bytes."""

    def __init__(self, max_places: int = MAX_KEPT_PLACES, max_bytes: int = MAX_KEPT_BYTES) -> None:
        self._max_places = max_places
        self._max_bytes = max_bytes
        # Least recently used first.
        self._places: dict[Any, Place] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def find(self, key: Any) -> Place | None:
        """The place with this key, if nothing about it has changed.

        :arg key: everything that its being found depends on.
        """
        place = self._places.get(key)
        if place is None:
            return None
        if not place.is_unchanged():
            with self._lock:
                self._remove(key)
            return None
        if _monotonic() >= place.until:
            return None
        with self._lock:
            if self._places.get(key) is place:  # not replaced by another thread
                del self._places[key]
                self._places[key] = place
        return place

    def recall(self, key: Any) -> dict[str, ServedFile]:
        """The files that were at a place, by path, whether or not the place can still be trusted.

        What has not changed need not be read again.
        """
        place = self._places.get(key)
        if place is None:
            return {}
        return {one.file.path: one.file for one in (place, *place.siblings.values())}

    def keep(self, key: Any, place: Place) -> None:
        """Remember a place for a while, if the file seems to be at rest."""
        found = place.file.stat
        if abs(_wall_clock() - max(found.st_mtime, found.st_ctime)) < AT_REST:
            return
        place.until = _monotonic() + _TRUSTED
        with self._lock:
            self._remove(key)
            self._places[key] = place
            self._bytes += place.size
            while len(self._places) > self._max_places or self._bytes > self._max_bytes:
                self._remove(next(iter(self._places)))

    def _remove(self, key: Any) -> None:
        place = self._places.pop(key, None)
        if place is not None:
            self._bytes -= place.size

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._places.clear()
            self._bytes = 0


class OwnHooks:
    """Tells which hooks of a handler are the original ones.

    :arg inspect: returns bits for groups of hooks that a class has not replaced.
    :arg groups: names of the hooks of each group, by its bit.
    """

    def __init__(self, inspect: Callable[[type], int], groups: dict[int, tuple[str, ...]]) -> None:
        self._inspect = inspect
        self._groups = groups
        self._names = frozenset(name for names in groups.values() for name in names)
        self._known: dict[int, int] = {}

    def of(self, handler: ResponseBase) -> int:
        """The bits of the groups that neither class nor instance has replaced a hook of."""
        cls = type(handler)
        version = hooks.type_version(cls)
        bits = self._known.get(version) if version else None
        if bits is None:
            bits = self._inspect(cls)
            if version:
                if len(self._known) >= MAX_CLASS_CACHE:
                    self._known.clear()
                self._known[version] = bits
        own: Any = handler.__dict__
        if self._names.isdisjoint(own):
            return bits
        for bit, names in self._groups.items():
            if not own.keys().isdisjoint(names):
                bits &= ~bit
        return bits


def answer(handler: ResponseBase, place: Place, include_body: bool) -> bool:
    """Answer with a kept file, if nothing about the request is special.

    Only for a handler all of whose hooks are the original ones.

    :returns: False when nothing was done.
    """
    request: Any = handler.request
    native = handler._ww_native
    if native is None or native is not request or handler._transforms or native.body:
        return False
    if not (
        lacks(native, _RANGE)
        and lacks(native, _IF_NONE_MATCH)
        and lacks(native, _IF_MODIFIED_SINCE)
    ):
        return False
    headers = handler._headers
    chosen = place
    if place.siblings:
        if "Vary" in headers._map:
            return False
        if not lacks(native, _ACCEPT_ENCODING):
            coding = preferred(request.headers.get("Accept-Encoding", ""), place.codings)
            if coding is not None:
                chosen = place.siblings[coding]
                if not chosen.is_unchanged():
                    return False
    headers._map.update(chosen.fields)
    modifying: Any = handler
    modifying.modified = place.modified
    query = native._query
    # As `make_static_url` writes it, or in some other way.
    if query and ((query.startswith("v=") and "&" not in query) or "v" in request.arguments):
        seconds = modifying.CACHE_MAX_AGE
        if seconds > 0:
            headers.put_normal("Expires", http_second(int(_wall_clock()) + seconds))
            headers.put_normal("Cache-Control", f"max-age={seconds}")
    headers.put_normal("Content-Length", chosen.length)
    if include_body:
        handler._write_buffer.append(chosen.file.content or b"")
    return True
