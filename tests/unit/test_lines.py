"""The two ways in which a head becomes bytes write the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whirlwind.protocol.headers import HeaderMap, encode_head, encode_open

names = st.from_regex(r"[A-Za-z][A-Za-z-]{0,8}", fullmatch=True)
values = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=20)


class Text(str):
    """A str that is no plain one: taken on the way through strings."""

    __slots__ = ()


@given(st.dictionaries(names, values, max_size=5), st.sampled_from(["", "A: b\r\n"]), st.binary())
def test_with_and_without_the_shortcut(fields: dict[str, str], last: str, body: bytes) -> None:
    expected = "HTTP/1.1 200 OK\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields.items())
    whole = (expected + last + "\r\n").encode("latin-1") + body
    for kind in (str, Text):
        headers = HeaderMap()
        for name, value in fields.items():
            headers._map[name] = kind(value)
        assert encode_head("HTTP/1.1 200 OK\r\n", headers, last, body) == whole
    headers = HeaderMap()
    for name, value in fields.items():
        headers._map[name] = [value]
    assert encode_head("HTTP/1.1 200 OK\r\n", headers, last, body) == whole


def test_a_head_that_says_nothing_of_its_connection() -> None:
    start = "HTTP/1.1 200 OK\r\n"
    headers = HeaderMap()
    assert encode_open(start, headers, b"") in (None, b"HTTP/1.1 200 OK\r\n\r\n")
    headers.put_checked("Server", "us")
    headers.put_checked("Connectiom", "odd")
    whole = b"HTTP/1.1 200 OK\r\nServer: us\r\nConnectiom: odd\r\n\r\nbody"
    assert encode_open(start, headers, b"body") == whole
    for name in ("Connection", "Transfer-Encoding"):
        headers.put_checked(name, "x")
        assert encode_open(start, headers, b"body") is None
        headers.drop(name)
    headers.put("A", "unseen")
    assert encode_open(start, headers, b"body") is None


def test_many_fields() -> None:
    headers = HeaderMap()
    for number in range(200):
        headers.put_checked(f"X-{number}", str(number))
        lines = "".join(f"X-{n}: {n}\r\n" for n in range(number + 1))
        whole = f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + b"body"
        assert encode_head("HTTP/1.1 200 OK\r\n", headers, "", b"body") == whole


@pytest.mark.parametrize("value", ["\u0100", "ok\u20ac", "\U0001f300"])
def test_what_is_not_latin_1_is_refused_either_way(value: str) -> None:
    for kind in (str, Text):
        headers = HeaderMap()
        headers._map["A"] = kind(value)
        with pytest.raises(ValueError, match=f"not latin-1.*A: {value}"):
            encode_head("HTTP/1.1 200 OK\r\n", headers, "", b"body")


@pytest.mark.parametrize("value", [1, None, b"x", 1.5])
def test_what_is_no_text_is_refused(value: object) -> None:
    headers = HeaderMap()
    headers._map["A"] = value  # type: ignore[assignment]
    with pytest.raises(TypeError):
        encode_head("HTTP/1.1 200 OK\r\n", headers, "", b"")


def test_what_was_not_looked_at_is_looked_at() -> None:
    for value in ("a\r\nB: c", "a\nB: c", "a\rB: c", "a\0"):
        headers = HeaderMap()
        headers.put("A", value)
        with pytest.raises(ValueError, match="Illegal characters"):
            encode_head("HTTP/1.1 200 OK\r\n", headers, "", b"")
