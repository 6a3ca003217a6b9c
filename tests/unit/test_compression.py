"""whirlwind.compression: content codings, and choosing among them."""

from __future__ import annotations

import builtins
import importlib
import zlib
from typing import Any

import pytest

from whirlwind import compression, web
from whirlwind.compression import Brotli, Coding, Gzip, Zstd
from whirlwind.httputil import HTTPHeaders, HTTPServerRequest
from whirlwind.web.codings import preferred, vary
from whirlwind.web.transforms import compression_for

BODY = b"some text to be compressed; " * 200


def reader(name: str) -> Any:
    """A function that decompresses what arrives, piece by piece."""
    if name == "gzip":
        return zlib.decompressobj(31).decompress
    if name == "br":
        return pytest.importorskip("brotli").Decompressor().process
    try:
        zstd = importlib.import_module("compression.zstd")
    except ImportError:
        zstd = pytest.importorskip("backports.zstd")
    return zstd.ZstdDecompressor().decompress


def made(name: str) -> Coding:
    try:
        [coding] = compression.chosen([name])
    except ImportError as error:
        pytest.skip(str(error))
    return coding


NAMES = ["gzip", "br", "zstd"]


@pytest.mark.parametrize("name", NAMES)
def test_each_piece_can_be_read_when_it_was_flushed(name: str) -> None:
    compressor, read = made(name).compressor(), reader(name)
    for piece in (b"first", BODY, b"", b"x"):
        assert read(compressor.compress(piece) + compressor.flush()) == piece
    assert read(compressor.compress(b"end") + compressor.finish()) == b"end"


@pytest.mark.parametrize("name", NAMES)
def test_compressors_share_nothing(name: str) -> None:
    coding = made(name)
    one, other = coding.compressor(), coding.compressor()
    first = one.compress(BODY)
    alone = other.compress(b"alone") + other.finish()
    assert reader(name)(alone) == b"alone"
    assert reader(name)(first + one.finish()) == BODY
    assert len(first) < len(BODY)


def test_levels() -> None:
    assert (Gzip().level, made("br").quality, made("zstd").level) == (6, 4, 3)  # type: ignore[attr-defined]
    for make, bad in ((Gzip, (-1, 10)), (Brotli, (-1, 12)), (Zstd, (0, 20))):
        for level in bad:
            with pytest.raises(ValueError, match=f"not {level}"):
                make(level)
    small = Gzip(9).compressor()
    large = Gzip(1).compressor()
    text = bytes(range(256)) * 40 + BODY
    assert len(small.compress(text) + small.finish()) < len(large.compress(text) + large.finish())


def test_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [coding.name for coding in compression.installed()]
    assert names[-1] == "gzip"
    original = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] in ("brotli", "backports", "compression"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(importlib, "import_module", missing)
    assert [coding.name for coding in compression.installed()] == ["gzip"]
    with pytest.raises(ImportError, match=r"brotli: pip install whirlwind\[brotli\]"):
        Brotli()
    with pytest.raises(ImportError, match=r"backports.zstd: pip install whirlwind\[zstd\]"):
        Zstd()
    # Without them the transform is Tornado's own.
    assert web.Application(compress_response=True).transforms == [web.GZipContentEncoding]


class Rot13(Coding):
    """A coding of one's own."""

    name = "rot13"

    def compressor(self) -> Any:
        return self

    def compress(self, data: bytes) -> bytes:
        return data.decode().translate(str.maketrans("helo", "uryb")).encode()

    def flush(self) -> bytes:
        return b""

    finish = flush


def encoded(setting: Any, accept: str) -> str | None:
    transform = compression_for(setting)
    assert issubclass(transform, web.GZipContentEncoding)
    fields = HTTPHeaders({"Host": "x", "Accept-Encoding": accept})
    made = transform(HTTPServerRequest("GET", "/", headers=fields))
    headers = HTTPHeaders({"Content-Type": "text/plain"})
    _, headers, chunk = made.transform_first_chunk(200, headers, b"hello" * 300, True)
    coding = headers.get("Content-Encoding")
    if coding == "rot13":
        assert chunk == b"uryyb" * 300
    elif coding is not None:
        assert reader(coding)(chunk) == b"hello" * 300
    return coding


def test_the_setting() -> None:
    everything = "gzip, deflate, br, zstd"
    best = compression.installed()[0].name
    assert encoded(True, everything) == best
    assert encoded(True, "gzip") == "gzip"
    assert encoded(True, "") is None
    assert encoded(["gzip"], everything) == "gzip"
    assert encoded([Gzip(9), Rot13()], everything + ", rot13") == "gzip"
    assert encoded([Rot13(), Gzip()], everything + ", rot13") == "rot13"
    assert encoded([Rot13(), Gzip()], everything + ", rot13;q=0.5") == "gzip"
    assert encoded([Rot13()], everything) is None
    for true in (1, "yes", "gzip"):  # Tornado only asks whether it is true
        assert encoded(true, "gzip") == "gzip"


def test_mistakes_in_the_setting() -> None:
    with pytest.raises(ValueError, match="no content coding 'lzma'; there are zstd, br, gzip"):
        web.Application(compress_response=["lzma"])
    with pytest.raises(TypeError, match="a Coding or its name, not 5"):
        web.Application(compress_response=[5])
    with pytest.raises(NotImplementedError, match="Coding must define compressor"):
        Coding().compressor()


def test_a_transform_of_ones_own_is_used_as_it_is() -> None:
    class Mine(web.GZipContentEncoding):
        GZIP_LEVEL = 1

    application = web.Application(transforms=[Mine], compress_response=True)
    assert application.transforms == [Mine]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("gzip, br", "br"),
        ("br;q=0.5, gzip;q=0.6", "gzip"),
        ("br;q=0.5,gzip;q=0.5", "br"),
        ("GZIP", "gzip"),
        ("br;q=0", None),
        ("br;q=0.000, gzip", "gzip"),
        ("identity, br;q=0.9", None),
        ("identity;q=0, br", "br"),
        ("", None),
        ("*", None),
        ("br;level=5", None),
        ("br; q=0.1234", None),
        ("br ;\tq=0.123", "br"),
        ("deflate, " * 100 + "br", None),
    ],
)
def test_preferred(accept: str, expected: str | None) -> None:
    assert preferred(accept, ("br", "gzip")) == expected


def test_vary() -> None:
    assert vary(None) == "Accept-Encoding"
    assert vary("Cookie") == "Cookie, Accept-Encoding"
    assert vary("cookie, ACCEPT-encoding") == "cookie, ACCEPT-encoding"
    assert vary("*") == "*"
