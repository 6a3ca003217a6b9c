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


class TestForms:
    @given(st.lists(st.tuples(st.binary(max_size=5), st.binary(max_size=5)), max_size=5))
    def test_round_trip(self, fields: list[tuple[bytes, bytes]]) -> None:
        def encode(data: bytes) -> str:
            return "".join("+" if byte == 32 else f"%{byte:02X}" for byte in data)

        form = "&".join(encode(name) + "=" + encode(value) for name, value in fields)
        expected: dict[str, list[bytes]] = {}
        for name, value in fields:
            expected.setdefault(name.decode("latin-1"), []).append(value)
        assert urlencoded.parse_form(form) == expected

    def test_forms(self) -> None:
        found = urlencoded.parse_form("a&b=&=c&&a==d;e=f&%3d=%26&\xe9=\xff+%")
        assert list(found.items()) == [
            ("a", [b"", b"=d;e=f"]),
            ("b", [b""]),
            ("", [b"c"]),
            ("=", [b"&"]),
            ("\xe9", [b"\xff %"]),
        ]
        assert urlencoded.parse_form("a&b=&=c", keep_blank_values=False) == {"": [b"c"]}
        assert urlencoded.parse_form("") == urlencoded.parse_form("", strict=True) == {}

    def test_strict(self) -> None:
        with pytest.raises(ValueError, match="'b' has no '='"):
            urlencoded.parse_form("a=1&b", strict=True)

    @pytest.mark.parametrize("count", [1, 2, 1000])
    def test_limit_is_checked_first(self, count: int) -> None:
        form = "&".join(["a=1"] * count)
        assert len(urlencoded.parse_form(form, max_fields=count)["a"]) == count
        assert urlencoded.parse_form("&" * (count - 1), max_fields=count) == {}
        with pytest.raises(urlencoded.TooManyFields, match=f"more than {count - 1} fields"):
            urlencoded.parse_form("&" * (count - 1), max_fields=count - 1)
        with pytest.raises(urlencoded.TooManyFields, match=f"more than {count - 1} fields"):
            # A bad field would be noticed while building.
            urlencoded.parse_form("bad" + form[3:], strict=True, max_fields=count - 1)
