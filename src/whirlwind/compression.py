"""Content codings for responses: gzip, and brotli and zstd where they are installed.

The setting ``compress_response=True`` uses what `installed` returns; a list chooses codings, their
order and how hard they try::

    Application(..., compress_response=[compression.Brotli(quality=5), compression.Gzip()])

A coding of one's own is a subclass of `Coding`. brotli comes with the extra ``whirlwind[brotli]``,
zstd with ``whirlwind[zstd]`` or Python 3.14.
"""

import importlib
import zlib
from collections.abc import Sequence
from typing import Any, Protocol

__all__ = ["Brotli", "Coding", "Compressor", "Gzip", "Zstd", "installed"]

#: ``wbits`` of zlib for a gzip stream with the largest window.
_GZIP_WINDOW = 31
#: Base-2 logarithm of brotli's window: 512 KiB, a third of the memory of its default of 4 MiB.
_BROTLI_WINDOW = 19


class Compressor(Protocol):
    """Compresses one response."""

    def compress(self, data: bytes) -> bytes:
        """Take more of the content; returns what is ready."""

    def flush(self) -> bytes:
        """What is missing for the client to see all of the content so far."""

    def finish(self) -> bytes:
        """The rest; nothing comes after it."""


class Coding:
    """A content coding (RFC 9110 section 8.4.1).

    :cvar name: as it stands in Accept-Encoding and Content-Encoding, in lower case.
    """

    name: str

    def compressor(self) -> Compressor:
        """A compressor for one response."""
        raise NotImplementedError(f"{type(self).__qualname__} must define compressor()")


class Gzip(Coding):
    """gzip (RFC 1952), which every client knows.

    :arg level: 1 to 9. 9 takes three times as long as 6 and saves 1-2 %.
    """

    name = "gzip"

    def __init__(self, level: int = 6) -> None:
        if not 0 <= level <= 9:
            raise ValueError(f"gzip has levels from 0 to 9, not {level!r}")
        self.level = level

    def compressor(self) -> Compressor:
        return _Zlib(self.level)


class _Zlib:
    def __init__(self, level: int) -> None:
        self._zlib = zlib.compressobj(level, zlib.DEFLATED, _GZIP_WINDOW)
        self.compress = self._zlib.compress

    def flush(self) -> bytes:
        return self._zlib.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._zlib.flush(zlib.Z_FINISH)


class Brotli(Coding):
    """brotli (RFC 7932): pages a tenth smaller than with gzip for the same time.

    :arg quality: 0 to 11; from 10 on for what is compressed once and kept.
    :raises ImportError: the package ``brotli`` is not installed.
    """

    name = "br"

    def __init__(self, quality: int = 4) -> None:
        if not 0 <= quality <= 11:
            raise ValueError(f"brotli has qualities from 0 to 11, not {quality!r}")
        self.quality = quality
        self._brotli = _import("brotli", "brotli")

    def compressor(self) -> Compressor:
        return _Brotli(self._brotli.Compressor(quality=self.quality, lgwin=_BROTLI_WINDOW))


class _Brotli:
    def __init__(self, brotli: Any) -> None:
        self.compress = brotli.process
        self.flush = brotli.flush
        self.finish = brotli.finish


class Zstd(Coding):
    """Zstandard (RFC 8878): about as small as gzip, in a fifth of the time.

    :arg level: 1 to 19. Higher ones need a larger window than the 8 MiB that a client has to have
        (RFC 9659).
    :raises ImportError: neither Python 3.14 nor the package ``backports.zstd`` is there.
    """

    name = "zstd"

    def __init__(self, level: int = 3) -> None:
        if not 1 <= level <= 19:
            raise ValueError(f"zstd has levels from 1 to 19 here, not {level!r}")
        self.level = level
        try:
            self._zstd = importlib.import_module("compression.zstd")
        except ImportError:
            self._zstd = _import("backports.zstd", "zstd")

    def compressor(self) -> Compressor:
        return _Zstd(self._zstd.ZstdCompressor(level=self.level))


class _Zstd:
    def __init__(self, zstd: Any) -> None:
        self._zstd = zstd
        self.compress = zstd.compress

    def flush(self) -> bytes:
        flushed: bytes = self._zstd.flush(self._zstd.FLUSH_BLOCK)
        return flushed

    def finish(self) -> bytes:
        rest: bytes = self._zstd.flush(self._zstd.FLUSH_FRAME)
        return rest


def _import(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"this content coding needs the package {module}: pip install whirlwind[{extra}]"
        ) from error


_KNOWN: dict[str, type[Gzip] | type[Brotli] | type[Zstd]] = {
    coding.name: coding for coding in (Zstd, Brotli, Gzip)
}


def installed() -> tuple[Coding, ...]:
    """The codings that this installation has, in the order in which they are preferred.

    zstd, brotli, gzip: a client that accepts several gets the one that costs the server least.
    """
    found: list[Coding] = []
    for make in _KNOWN.values():
        try:
            found.append(make())
        except ImportError:
            continue
    return tuple(found)


def chosen(setting: Sequence[Coding | str]) -> tuple[Coding, ...]:
    """The codings that a setting names.

    :arg setting: `Coding` objects and names of the codings of this module, the best first.
    :raises ValueError: a name is not one of these.
    :raises TypeError: something else than these.
    :raises ImportError: a package is missing.
    """
    codings: list[Coding] = []
    for one in setting:
        if isinstance(one, str):
            if one not in _KNOWN:
                raise ValueError(f"no content coding {one!r}; there are {', '.join(_KNOWN)}")
            codings.append(_KNOWN[one]())
        elif isinstance(one, Coding):
            codings.append(one)
        else:
            raise TypeError(f"a content coding is a Coding or its name, not {one!r}")
    return tuple(codings)
