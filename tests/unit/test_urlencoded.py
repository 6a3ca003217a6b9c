"""Percent-decoding and form fields, byte by byte."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whirlwind.protocol import urlencoded

pieces = st.sampled_from(
    [b"%", b"%4", b"%41", b"%zz", b"%5c", b"\\", b"\\x41", b"%25", b"a", b"\0", b"\xff", b"%c3%A9"]
)


def decode_slowly(data: bytes) -> bytes:
    """RFC 3986 section 2.1, to the letter."""
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), data)


class TestPercentDecode:
    @given(st.lists(pieces).map(b"".join) | st.binary())
    def test_against_the_definition(self, data: bytes) -> None:
        assert urlencoded.percent_decode(data) == decode_slowly(data)

    @given(st.integers(4080, 4100), st.lists(pieces, min_size=1, max_size=9).map(b"".join))
    def test_at_the_edge_of_a_piece(self, before: int, data: bytes) -> None:
        data = b"%" + b"a" * before + data
        assert urlencoded.percent_decode(data) == decode_slowly(data)

    @given(st.binary())
    def test_round_trip(self, data: bytes) -> None:
        encoded = b"".join(b"%%%02x" % byte for byte in data)
        assert urlencoded.percent_decode(encoded) == data
        assert urlencoded.percent_decode(encoded.upper()) == data


class TestFields:
    @given(st.lists(st.tuples(st.binary(max_size=5), st.binary(max_size=5)), max_size=5))
    def test_round_trip(self, fields: list[tuple[bytes, bytes]]) -> None:
        def encode(data: bytes) -> bytes:
            return b"".join(b"+" if byte == 32 else b"%%%02X" % byte for byte in data)

        body = b"&".join(encode(name) + b"=" + encode(value) for name, value in fields)
        assert urlencoded.parse_fields(body) == fields

    def test_forms(self) -> None:
        assert urlencoded.parse_fields(b"a&b=&=c&&a==d;e=f&%3d=%26") == [
            (b"a", b""),
            (b"b", b""),
            (b"", b"c"),
            (b"a", b"=d;e=f"),
            (b"=", b"&"),
        ]
        assert urlencoded.parse_fields(b"a&b=&=c", keep_blank_values=False) == [(b"", b"c")]

    def test_strict(self) -> None:
        with pytest.raises(ValueError, match="'b' has no '='"):
            urlencoded.parse_fields(b"a=1&b", strict=True)

    @pytest.mark.parametrize("count", [1, 2, 1000])
    def test_limit_is_checked_first(self, count: int) -> None:
        body = b"&".join([b"a=1"] * count)
        assert len(urlencoded.parse_fields(body, max_fields=count)) == count
        with pytest.raises(urlencoded.TooManyFields, match=f"more than {count - 1} fields"):
            # A bad field would be noticed while building.
            urlencoded.parse_fields(b"bad" + body[3:], strict=True, max_fields=count - 1)
