"""The scanners: the inlined form of the compiled cores says what the plain form says."""

from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import whirlwind
from tests.unit.extensions import build
from whirlwind.protocol import scan

pytestmark = pytest.mark.skipif(
    whirlwind.implementation() == "pure", reason="plain modules run here: nothing to compare"
)

SPANS = ("span_token", "span_value", "span_target", "span_host", "span_digits", "span_hex")


@pytest.fixture(scope="module")
def inlined(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return build("scan_probe", tmp_path_factory.mktemp("scan"))


@pytest.mark.parametrize("name", SPANS)
def test_classes(inlined: ModuleType, name: str) -> None:
    members = scan.CLASSES[name.removeprefix("span_").removesuffix("s")]
    for byte in range(256):
        data = bytes([byte])
        expected = 1 if byte in members else 0
        assert getattr(scan, name)(data, 0, 1) == expected
        assert getattr(inlined, name)(data, 0, 1) == expected


@given(
    data=st.binary(max_size=30) | st.text("aZ0-:; \t\r\n", max_size=30).map(str.encode),
    pos=st.integers(0, 30),
    end=st.integers(0, 30),
)
def test_spans(inlined: ModuleType, data: bytes, pos: int, end: int) -> None:
    end = min(end, len(data))
    pos = min(pos, end)
    for name in SPANS:
        assert getattr(inlined, name)(data, pos, end) == getattr(scan, name)(data, pos, end)


def test_field_ids(inlined: ModuleType) -> None:
    for name, known in [*scan.FIELD_IDS.items(), (b"x-other", 0), (b"hosts", 0), (b"hos", 0)]:
        for form in (name, name.upper(), name.title()):
            data = b"\r\n" + form + b": x"
            for module in (scan, inlined):
                assert module.field_id(data, 2, 2 + len(name)) == known


def test_method_ids(inlined: ModuleType) -> None:
    unknown = (b"GE", b"get", b"GETS", b"PUR", b"LINK", b"MKCOL", b"SEARCH", b"PROPFIND")
    for name, number in [*scan.METHOD_IDS.items(), *((name, 0) for name in unknown)]:
        data = b"\r\n" + name + b" /"
        for module in (scan, inlined):
            assert module.method_id(data, 2, 2 + len(name)) == number


def test_minor_versions(inlined: ModuleType) -> None:
    for line, minor in (
        (b"HTTP/1.1\r\n", 1),
        (b"HTTP/1.0\r\n", 0),
        (b"HTTP/1.2\r\n", -1),
        (b"HTTP/2.1\r\n", -1),
        (b"http/1.1\r\n", -1),
        (b"HTTP/1.1\n\r", -1),
        (b"HTTP/1.1\r", -1),
        (b"", -1),
    ):
        for module in (scan, inlined):
            assert module.minor_version(b"/ " + line, 2) == minor


@given(data=st.binary(max_size=6), other=st.binary(max_size=3), pos=st.integers(0, 7))
def test_same(inlined: ModuleType, data: bytes, other: bytes, pos: int) -> None:
    for size in range(-1, 5):
        end = max(0, pos + size)
        expected = scan.is_same(data, pos, end, other)
        assert expected == (data[pos:end] == other)
        assert inlined.is_same(data, pos, end, other) == expected
        assert inlined.is_same(data, pos, end, data[pos:end])


@given(st.text("a?/\u00e9\u20ac", max_size=5))
def test_finding_a_character(inlined: ModuleType, text: str) -> None:
    assert inlined.find_char(text, "?") == scan.find_char(text, "?")


pieces = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\r\n\r\n", b"-", b"\r\n--x", b"\r\n--"])
).map(b"".join)


@given(data=pieces, pos=st.integers(0, 40))
def test_finding(inlined: ModuleType, data: bytes, pos: int) -> None:
    pos = min(pos, len(data))
    assert inlined.head_end(data, pos) == scan.head_end(data, pos)
    for line in (b"\r", b"\r\n", b"\r\n--x", b"\r\n--xx", b"\r-"):
        assert inlined.find_line(data, line, pos) == scan.find_line(data, line, pos)


@given(st.text(max_size=8))
def test_printable(inlined: ModuleType, text: str) -> None:
    assert inlined.is_printable(text) == scan.is_printable(text)


def test_bounds(inlined: ModuleType) -> None:
    data = b"abc"
    for name in SPANS:
        span = getattr(inlined, name)
        assert span(data, 0, 100) == (3 if name in SPANS[:4] else span(data, 0, 3))
        assert span(data, -1, 3) == -1
        assert span(data, 5, 3) == 5
        assert span(data, 3, 3) == 3
        assert span(None, 1, 3) == 1
    for pos in (-1, 4):
        assert inlined.head_end(data, pos) == inlined.find_line(data, b"\r", pos) == -1
    assert inlined.find_line(data, b"", 0) == inlined.find_line(None, b"\r", 0) == -1
    assert inlined.find_line(data, None, 0) == -1
    assert inlined.head_end(None, 0) == -1
    assert inlined.field_id(data, 0, 4) == inlined.field_id(b"host", -1, 3) == 0
    assert not inlined.is_printable(None)
    assert inlined.method_id(b"GET", 0, 4) == inlined.method_id(b"GET", -1, 2) == 0
    assert inlined.method_id(None, 0, 3) == 0
    assert inlined.minor_version(b"HTTP/1.1\r\n", -1) == -1
    assert inlined.minor_version(b"HTTP/1.1\r\n", 1) == inlined.minor_version(None, 0) == -1
    assert not inlined.is_same(None, 0, 0, b"")
    assert not inlined.is_same(b"", 0, 0, None)
    assert not inlined.is_same(b"abc", -1, 2, b"ab")
    with pytest.raises(TypeError):
        inlined.find_char(None, "?")
