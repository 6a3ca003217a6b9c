"""The Cookie field."""

import http.cookies

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whirlwind.protocol import cookies, limits


class TestParse:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", {}),
            (" ; ;; = ; ", {}),
            ("a=b; c=d", {"a": "b", "c": "d"}),
            ("a=b;c=d", {"a": "b", "c": "d"}),
            (" a = b ", {"a": "b"}),
            ("a=b=c", {"a": "b=c"}),
            ("a=1; b=2; a=3", {"a": "3", "b": "2"}),
            ("a=b]_xsrf=x", {"a": "b]_xsrf=x"}),
            ("=x=y; a=b", {"": "x=y", "a": "b"}),
            ("bad; a=b", {"": "bad", "a": "b"}),
            ("a(b=1; \x01=2; a=b", {"a(b": "1", "\x01": "2", "a": "b"}),
            ('a="b;c"; d=e', {"a": '"b', "": 'c"', "d": "e"}),
            ('a="b c"', {"a": "b c"}),
            ('a=""', {"a": ""}),
            ('a="', {"a": '"'}),
            ('a="b', {"a": '"b'}),
            ('a="b"c', {"a": '"b"c'}),
        ],
    )
    def test_pairs(self, text: str, expected: dict[str, str]) -> None:
        assert cookies.parse_cookie(text) == expected

    @pytest.mark.parametrize(
        ("quoted", "expected"),
        [
            (r'"\""', '"'),
            (r'"\\"', "\\"),
            (r'"\054\073"', ",;"),
            (r'"\377\400\08\1"', "\xff400081"),
            (r'"\\054"', "\\054"),
            (r'"\\\054"', "\\,"),
            ('"\\\'"', "'"),
        ],
    )
    def test_quoted_values(self, quoted: str, expected: str) -> None:
        assert cookies.unquote(quoted) == expected

    @given(st.text(st.characters(max_codepoint=255)))
    def test_unquotes_what_the_standard_library_quotes(self, value: str) -> None:
        morsel = http.cookies.SimpleCookie()
        _, quoted = morsel.value_encode(value)
        assert cookies.unquote(quoted) == value

    def test_number_of_pairs(self) -> None:
        count = limits.MAX_COOKIES
        text = "; ".join(f"c{i}=v" for i in range(count + 5))
        assert len(cookies.parse_cookie(text)) == count
