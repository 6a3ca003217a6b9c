"""Masks, and frames as bytes: the inlined form says what the plain form says."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import whirlwind
from tests.unit.extensions import build
from whirlwind import speedups, util
from whirlwind.protocol import masking

from .frames import frame, masked

needs_inlined = pytest.mark.skipif(
    whirlwind.implementation() == "pure", reason="plain modules run here: nothing to compare"
)

KEYS = st.integers(0, 2**32 - 1)
SIZES = [0, 1, 2, 7, 8, 9, 15, 16, 17, 125, 126, 127, 65535, 65536, 70001]


@pytest.fixture(scope="module")
def inlined(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return build("masking_probe", tmp_path_factory.mktemp("masking"), Path(__file__).parent)


@given(key=st.binary(min_size=4, max_size=4), data=st.binary(max_size=200))
def test_masks(key: bytes, data: bytes) -> None:
    assert masking.mask(key, data) == masked(data, key)
    assert masking.mask(key, masking.mask(key, data)) == data
    number = int.from_bytes(key, "little")
    assert masking.read_key(b"x" + key, 1) == number
    for phase in range(4):
        piece = masking.cut(data, 0, len(data), True, number, phase)
        assert piece == masked(data, key[phase:] + key[:phase])


@pytest.mark.parametrize("size", [0, 3, 5])
def test_keys_have_four_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="4 bytes"):
        masking.mask(b"k" * size, b"data")


def test_names_of_the_function() -> None:
    assert util._websocket_mask is util._websocket_mask_python is masking.mask
    assert speedups.websocket_mask(b"abcd", b"54321") == b"TVPVP"


def test_any_buffer_can_be_masked() -> None:
    assert util._websocket_mask(bytearray(b"abcd"), memoryview(b"b")) == b"\x03"  # type: ignore[arg-type]


@pytest.mark.parametrize("size", SIZES)
def test_frames(size: int) -> None:
    payload = bytes(i % 251 for i in range(size))
    assert masking.frame(0x82, payload) == frame(2, payload, key=None)
    assert masking.text_frame(0x81, "é" * (size // 2)) == frame(
        1, b"\xc3\xa9" * (size // 2), key=None
    )
    number = int.from_bytes(b"\x81\x02\x03\xf4", "little")
    assert masking.masked_frame(0x89, payload, number) == frame(9, payload, key=b"\x81\x02\x03\xf4")


# --- the inlined form -----------------------------------------------------------------------------


@needs_inlined
@pytest.mark.parametrize("size", SIZES)
def test_inlined_sizes(inlined: Any, size: int) -> None:
    data = b"xyz" + bytes(i % 251 for i in range(size)) + b"end"
    for key in (0, 1, 0x80000000, 0xFFFFFFFF, 0x12345678):
        for phase in range(4):
            for has_mask in (True, False):
                args = (data, 3, 3 + size, has_mask, key, phase)
                assert inlined.cut(*args) == masking.cut(*args)
        payload = data[3 : 3 + size]
        assert inlined.masked_frame(0x82, payload, key) == masking.masked_frame(0x82, payload, key)
    assert inlined.frame(0x81, payload) == masking.frame(0x81, payload)


@needs_inlined
@given(
    text=st.text(max_size=100),
    key=KEYS,
    before=st.binary(max_size=9),
    after=st.binary(max_size=9),
)
def test_inlined_text(inlined: Any, text: str, key: int, before: bytes, after: bytes) -> None:
    raw = text.encode()
    data = before + masked(raw, key.to_bytes(4, "little")) + after
    span = (len(before), len(before) + len(raw))
    assert inlined.cut_text(data, *span, True, key) == text
    assert masking.cut_text(data, *span, True, key) == text
    assert inlined.cut_text(before + raw + after, *span, False, key) == text
    assert inlined.text_frame(0x81, text) == masking.text_frame(0x81, text)


@needs_inlined
@given(raw=st.binary(max_size=40), key=KEYS)
def test_inlined_text_that_is_none(inlined: Any, raw: bytes, key: int) -> None:
    data = masked(raw, key.to_bytes(4, "little"))
    outcomes = []
    for module in (inlined, masking):
        try:
            outcomes.append(module.cut_text(data, 0, len(data), True, key))
        except UnicodeDecodeError:
            outcomes.append(None)
    assert outcomes[0] == outcomes[1]


# From 512 bytes on, blocks of 64 bytes are masked at a time; the rest word by word.
BLOCKS = [*range(508, 580), 1023, 1024, 1025, 4096 + 63, 16384]


@needs_inlined
@pytest.mark.parametrize("before", range(4))
def test_inlined_blocks(inlined: Any, before: int) -> None:
    for size in BLOCKS:
        data = b"x" * before + bytes(i * 7 % 251 for i in range(size)) + b"end"
        for phase in range(4):
            args = (data, before, before + size, True, 0xF0123456, phase)
            assert inlined.cut(*args) == masking.cut(*args)


@needs_inlined
def test_inlined_narrow_blocks(inlined: Any) -> None:
    data = bytes(i * 7 % 251 for i in range(64 * 9))
    for key in (0, 0xF0123456):
        for phase in range(4):
            made = masking.cut(data, 0, len(data), True, key, phase)
            assert inlined.mask_narrow_blocks(data, key, phase) == (made, True)
    for place in range(len(data)):
        plain = b"a" * place + b"\x80" + b"b" * (len(data) - place - 1)
        assert inlined.mask_narrow_blocks(plain, 0, 0) == (plain, True)
    assert inlined.mask_narrow_blocks(b"a" * 64, 0, 0) == (b"a" * 64, False)


@needs_inlined
@pytest.mark.parametrize("size", [511, 512, 575, 640 + 9])
def test_inlined_long_texts_at_every_place(inlined: Any, size: int) -> None:
    key = 0xF0123456
    raw_key = key.to_bytes(4, "little")
    for place in range(size - 1):
        raw = b"a" * place + "é".encode() + b"b" * (size - place - 2)
        assert inlined.cut_text(masked(raw, raw_key), 0, size, True, key) == raw.decode()
    for place in range(size):
        raw = b"a" * place + b"\xff" + b"b" * (size - place - 1)
        with pytest.raises(UnicodeDecodeError) as caught:
            inlined.cut_text(masked(raw, raw_key), 0, size, True, key)
        assert caught.value.start == place


@needs_inlined
def test_inlined_texts_are_ordinary_strings(inlined: Any) -> None:
    data = masked(b"abc", b"\0\0\0\1")
    text = inlined.cut_text(data, 0, 3, True, 0x01000000)
    assert {text: 1}["abc"] == 1
    assert text + "é" == "abcé"
    assert inlined.cut_text(b"", 0, 0, True, 1) == ""
    assert inlined.cut_text(b"\x60", 0, 1, True, 1) == "a"


@needs_inlined
def test_bounds(inlined: Any) -> None:
    data = b"abcdef"
    for pos, end in ((-1, 3), (0, 7), (4, 3), (7, 7)):
        with pytest.raises(IndexError):
            inlined.cut(data, pos, end, True, 1, 0)
        with pytest.raises(IndexError):
            inlined.cut_text(data, pos, end, True, 1)
    for pos in (-1, 3, 100):
        with pytest.raises(IndexError):
            inlined.read_key(data, pos)
    for call in (
        lambda: inlined.cut(None, 0, 1, True, 1, 0),
        lambda: inlined.cut_text(None, 0, 1, True, 1),
        lambda: inlined.read_key(None, 0),
    ):
        with pytest.raises(IndexError):
            call()
    for call in (
        lambda: inlined.frame(0x81, None),
        lambda: inlined.masked_frame(0x81, None, 1),
        lambda: inlined.text_frame(0x81, None),
    ):
        with pytest.raises(TypeError):
            call()
