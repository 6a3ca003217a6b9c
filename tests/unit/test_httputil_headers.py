"""`HTTPHeaders`: a mapping whatever the case, and the lines it is made of."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whirlwind.httputil import HTTPHeaders, HTTPInputError


class Text(str):
    __slots__ = ()


def pairs(headers: HTTPHeaders) -> list[tuple[str, str]]:
    return list(headers.get_all())


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("", []),
        ("\r\n\n\r\n", []),
        ("a: b", [("A", "b")]),
        ("a:b\n", [("A", "b")]),
        ("content-TYPE: \t text/html \t\r\n", [("Content-Type", "text/html")]),
        ("a:\r\nb: \r\nc:\t", [("A", ""), ("B", ""), ("C", "")]),
        ("a: b:c\r\nd::", [("A", "b:c"), ("D", ":")]),
        ("a: 1\r\nb: 2\r\nA: 3\r\n", [("A", "1"), ("A", "3"), ("B", "2")]),
        ("a: x\ty  z\r\n", [("A", "x\ty  z")]),
        ("a: \xe9\xff\r\n", [("A", "\xe9\xff")]),
        ("a-: 1\r\n-b: 2\r\n!: 3", [("A-", "1"), ("-B", "2"), ("!", "3")]),
        ("a: b\n\r\nc: d", [("A", "b"), ("C", "d")]),
    ],
)
def test_parse(block: str, expected: list[tuple[str, str]]) -> None:
    assert pairs(HTTPHeaders.parse(block)) == expected
    assert pairs(HTTPHeaders.parse(Text(block))) == expected


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ("a", "No colon"),
        ("a: b\r\nc", "No colon"),
        (": b", "header name ''"),
        ("a b: c", "header name 'a b'"),
        ("a : c", "header name 'a '"),
        ("\xe9: c", "header name"),
        ("a: b\r\n c: d", "folding"),
        ("\ta: b", "folding"),
        ("a: b\rc", "header value"),
        ("a: b\r", "header value"),
        ("a: b\0", "header value"),
        ("a: \x7f", "header value"),
        ("a: \u20ac", "header value"),
        ("a: \x85", None),
    ],
)
def test_parse_refuses(block: str, complaint: str | None) -> None:
    if complaint is None:
        HTTPHeaders.parse(block)
        return
    with pytest.raises(HTTPInputError, match=complaint):
        HTTPHeaders.parse(block)
    if "\n" not in block:
        with pytest.raises(HTTPInputError, match=complaint):
            HTTPHeaders().parse_line(block)


def test_parse_of_text() -> None:
    # What another layer will encode: beyond Latin-1, but no control characters either.
    assert HTTPHeaders.parse("a: \u20ac", _chars_are_bytes=False)["A"] == "\u20ac"
    with pytest.raises(HTTPInputError, match="header value"):
        HTTPHeaders.parse("a: \u20ac\0", _chars_are_bytes=False)


@pytest.mark.parametrize("block", [b"a: b", None, 3])
def test_parse_takes_text_only(block: object) -> None:
    with pytest.raises(TypeError):
        HTTPHeaders.parse(block)  # type: ignore[arg-type]
    with pytest.raises((TypeError, AttributeError)):
        HTTPHeaders().parse_line(block)  # type: ignore[arg-type]


@given(
    st.lists(
        st.sampled_from(["a", "B-c", ":", ": ", "\r\n", "\n", "\r", " ", "\t", "\xe9", "x", "\0"])
    ).map("".join),
    st.booleans(),
)
def test_parse_is_parse_line_for_each_line(block: str, chars_are_bytes: bool) -> None:
    class Watched(HTTPHeaders):
        def parse_line(self, line: str, *, _chars_are_bytes: bool = True) -> None:
            super().parse_line(line, _chars_are_bytes=_chars_are_bytes)

    outcomes: list[object] = []
    for cls in (HTTPHeaders, Watched):
        try:
            outcomes.append(pairs(cls.parse(block, _chars_are_bytes=chars_are_bytes)))
        except HTTPInputError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


def test_an_overridden_parse_line_is_called() -> None:
    class Loud(HTTPHeaders):
        def parse_line(self, line: str, *, _chars_are_bytes: bool = True) -> None:
            super().parse_line(line.upper(), _chars_are_bytes=_chars_are_bytes)

    assert pairs(Loud.parse("a: b\r\n\r\nc: d\n")) == [("A", "B"), ("C", "D")]


@pytest.mark.parametrize("line", ["a: b", "a: b\n", "a: b\r\n", Text("a:b")])
def test_parse_line(line: str) -> None:
    headers = HTTPHeaders()
    headers.parse_line(line)
    headers.parse_line("")
    headers.parse_line("\r\n")
    assert pairs(headers) == [("A", "b")]


def test_add() -> None:
    headers = HTTPHeaders()
    headers.add("set-cookie", "a=1")
    headers.add("Set-Cookie", "b=2")
    headers.add(Text("x"), Text("y"))
    headers.add("e", "")
    assert headers["SET-COOKIE"] == "a=1,b=2"
    assert headers.get_list("Set-Cookie") == ["a=1", "b=2"]
    assert headers.get_list("None") == []
    assert pairs(headers)[-2:] == [("X", "y"), ("E", "")]
    for value in (" a", "a ", "\ta", "a\n", "a\r\nb: c", "\x7f", "\u20ac"):
        with pytest.raises(HTTPInputError, match="header value"):
            headers.add("a", value)
    for name in ("", "a b", "a:", "\xe9", "a\n"):
        with pytest.raises(HTTPInputError, match="header name"):
            headers.add(name, "a")
    assert "A" not in headers


def test_mapping() -> None:
    headers = HTTPHeaders({"a-b": "1"}, C="2")
    headers["A-B"] = "3"
    assert dict(headers) == {"A-B": "3", "C": "2"}
    assert (len(headers), "a-B" in headers, "x" in headers, 3 in headers) == (2, True, False, False)
    assert (headers.get("c"), headers.get("x"), headers.get("x", "d")) == ("2", None, "d")
    with pytest.raises(KeyError):
        headers["x"]
    with pytest.raises(KeyError):
        del headers["x"]
    del headers["a-b"]
    assert str(headers) == "C: 2\n"
    with pytest.raises(TypeError, match="positional"):
        HTTPHeaders({}, {})


def test_copies_are_independent_and_keep_lines_apart() -> None:
    headers = HTTPHeaders.parse("a: 1\na: 2\nb: 3")
    for made in (
        headers.copy(),
        copy.copy(headers),
        copy.deepcopy(headers),
        pickle.loads(pickle.dumps(headers)),
        HTTPHeaders(headers),
    ):
        assert pairs(made) == pairs(headers)
        made.add("a", "4")
    assert pairs(headers) == [("A", "1"), ("A", "2"), ("B", "3")]


def repickled(headers: HTTPHeaders) -> HTTPHeaders:
    copied: HTTPHeaders = pickle.loads(pickle.dumps(headers))
    return copied


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, HTTPHeaders.copy, repickled])
def test_l2_headers_survive_copies_and_pickles(duplicate) -> None:
    headers = HTTPHeaders({"A-b": "1"})
    headers.add("a-B", "2")
    headers.add("Other", "x")
    other = duplicate(headers)
    assert type(other) is HTTPHeaders
    assert other.get_list("a-b") == ["1", "2"]
    assert list(other.get_all()) == [("A-B", "1"), ("A-B", "2"), ("Other", "x")]
    other.add("A-B", "3")
    assert headers.get_list("A-B") == ["1", "2"]
