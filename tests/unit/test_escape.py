"""whirlwind.escape."""

import collections
import doctest
import enum
import html
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whirlwind import escape
from whirlwind.protocol import markup, scan


class TestStrings:
    def test_conversions(self) -> None:
        assert escape.utf8("é") == b"\xc3\xa9"
        assert escape.utf8(b"\xff") == b"\xff"
        assert escape.utf8(None) is None
        assert escape.to_unicode(b"\xc3\xa9") == "é"
        assert escape.to_unicode("é") == "é"
        assert escape.to_unicode(None) is None
        assert escape.native_str is escape.to_basestring is escape._unicode is escape.to_unicode

    @pytest.mark.parametrize("value", [3, bytearray(b"x"), object()])
    def test_other_types_are_refused(self, value: object) -> None:
        with pytest.raises(TypeError, match="Expected bytes, str or None"):
            escape.utf8(value)  # type: ignore[call-overload]
        with pytest.raises(TypeError, match="Expected bytes, str or None"):
            escape.to_unicode(value)  # type: ignore[call-overload]

    def test_recursive(self) -> None:
        value = {b"k": [b"a", (b"b", {b"c": None}), 1], "é": frozenset([b"x"])}
        assert escape.recursive_unicode(value) == {
            "k": ["a", ("b", {"c": None}), 1],
            "é": frozenset([b"x"]),
        }

    def test_squeeze(self) -> None:
        assert escape.squeeze(" a  b\t\r\n c\x00\x1fd ") == "a b c d"


class TestMarkup:
    def test_escape(self) -> None:
        assert escape.xhtml_escape('<a href="x">\'&') == "&lt;a href=&quot;x&quot;&gt;&#x27;&amp;"
        assert escape.xhtml_escape(b"\xc3\xa9<") == "é&lt;"

    @given(st.text())
    def test_round_trip(self, text: str) -> None:
        escaped = escape.xhtml_escape(text)
        assert not set(escaped) & set("<>\"'")
        assert escape.xhtml_unescape(escaped) == text

    def test_references(self) -> None:
        assert escape.xhtml_unescape("&eacute;&#65;&#x42;&nope;&#xZZ;") == "éAB&nope;&#xZZ;"

    def test_json(self) -> None:
        assert escape.json_encode({"a": "</x>"}) == '{"a": "<\\/x>"}'
        assert escape.json_decode(b'{"a": "\xc3\xa9"}') == {"a": "é"}
        with pytest.raises(ValueError, match="Expecting value"):
            escape.json_decode("x")

    class Colour(enum.IntEnum):
        RED = 1

    @pytest.mark.parametrize(
        "value",
        [
            None,
            "é</\ud800\x00",
            "",
            1.5,
            float("nan"),
            10**30,
            Colour.RED,
            {2: "a", None: 2, True: 3, 1.5: [], "k": ()},
            collections.OrderedDict(b=1, a={"</": ["</"]}),
            [[[{}]], (1, 2)],
        ],
    )
    def test_json_is_what_the_json_module_writes(self, value: Any) -> None:
        assert escape.json_encode(value) == json.dumps(value).replace("</", "<\\/")

    @pytest.mark.parametrize("value", [b"x", {b"k": 1}, object(), {1, 2}])
    def test_json_errors_are_those_of_the_json_module(self, value: Any) -> None:
        with pytest.raises(TypeError) as expected:
            json.dumps(value)
        with pytest.raises(TypeError, match="^" + re.escape(str(expected.value)) + "$"):
            escape.json_encode(value)

    def test_json_tells_circles_and_depths(self) -> None:
        circle: list[Any] = []
        circle.append({"a": circle})
        with pytest.raises(ValueError, match="Circular reference detected"):
            escape.json_encode(circle)
        deep: list[Any] = []
        for _ in range(100_000):
            deep = [deep]
        with pytest.raises(RecursionError):
            escape.json_encode(deep)
        assert escape.json_encode([circle[:0], circle[:0]]) == "[[], []]"

    def test_json_as_programs_have_changed_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """All that is known to be in use, each on its own and taken back."""
        encoder = json._default_encoder  # type: ignore[attr-defined]

        class Sorted(json.JSONEncoder):
            def __init__(self) -> None:
                super().__init__(sort_keys=True)

        def as_text(self: object, value: object) -> str:
            return "text"

        changes: list[tuple[object, str, Any, str]] = [
            (json, "dumps", lambda value: "patched</", "patched<\\/"),
            (json, "_default_encoder", Sorted(), '{"a": "<\\/", "b": 1}'),
            (json.JSONEncoder, "encode", as_text, "text"),
            (json.JSONEncoder, "iterencode", lambda self, o, _one_shot=False: ["x"], "x"),
            (encoder, "sort_keys", True, '{"a": "<\\/", "b": 1}'),
            (encoder, "encode", lambda value: "instance", "instance"),
            (encoder, "key_separator", ":", '{"b":1, "a":"<\\/"}'),
        ]
        plain = '{"b": 1, "a": "<\\/"}'
        for owner, name, value, expected in changes:
            assert escape.json_encode({"b": 1, "a": "</"}) == plain
            with monkeypatch.context() as patch:
                patch.setattr(owner, name, value)
                assert escape.json_encode({"b": 1, "a": "</"}) == expected
        for owner in (json.JSONEncoder, encoder):
            with monkeypatch.context() as patch:
                takes_self = isinstance(owner, type)
                patch.setattr(owner, "default", as_text if takes_self else lambda value: "mine")
                assert escape.json_encode({1: {2}}) == '{"1": "%s"}' % (
                    "text" if takes_self else "mine"
                )
        with pytest.raises(TypeError):
            escape.json_encode({1: {2}})


class TestValuesOnPages:
    """The core that templates and `xhtml_escape` share, compiled or not."""

    # Strings of one, two and four bytes a character, and of US-ASCII.
    texts = st.one_of(
        st.text(st.sampled_from(alphabet), max_size=40)
        for alphabet in ("&<>\"'ab", "&<é\xff\x80", "'\u20acx\u0100", '"\U0001f300&\0')
    )

    @given(text=texts | st.text())
    def test_as_the_standard_library_escapes(self, text: str) -> None:
        expected = html.escape(text)
        assert markup.escape_markup(text) == expected
        assert scan.escape_markup(text) == expected
        assert markup.escaped(text) == expected
        if expected == text:
            assert markup.escape_markup(text) is text

    @pytest.mark.parametrize("alphabet", ["<", "a<", "é<", "\u20ac<", "\U0001f300<"])
    def test_long_texts(self, alphabet: str) -> None:
        for size in (1, 1000, 100_000):
            assert markup.escape_markup(alphabet * size) == html.escape(alphabet) * size

    def test_every_character(self) -> None:
        text = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
        assert markup.escape_markup(text) == html.escape(text)

    @pytest.mark.parametrize(
        ("value", "text"),
        [(b"<\xc3\xa9", "&lt;é"), (5, "5"), (None, "None"), (["'"], "[&quot;&#x27;&quot;]")],
    )
    def test_other_values(self, value: object, text: str) -> None:
        assert markup.escaped(value) == text

    def test_strings_of_other_classes(self) -> None:
        class Text(str):
            __slots__ = ()

            def __str__(self) -> str:
                return "other"

        class Says:
            def __str__(self) -> str:
                return Text("<")

        for value in (Text("<"), Says()):
            assert markup.escaped(value) == "&lt;"
            assert type(markup.text_of(value)) is str

    @pytest.mark.parametrize("value", [None, b"", 5])
    def test_only_text_is_text(self, value: object) -> None:
        with pytest.raises(TypeError):
            markup.escape_markup(value)  # type: ignore[arg-type]


class TestURL:
    @pytest.mark.parametrize("plus", [True, False])
    @given(text=st.text())
    def test_round_trip(self, plus: bool, text: str) -> None:
        escaped = escape.url_escape(text, plus=plus)
        assert escaped.isascii()
        assert escape.url_unescape(escaped, plus=plus) == text

    @given(st.binary())
    def test_bytes_round_trip(self, data: bytes) -> None:
        assert escape.url_unescape(escape.url_escape(data), encoding=None) == data

    def test_forms(self) -> None:
        assert escape.url_escape("a b/c") == "a+b%2Fc"
        assert escape.url_escape("a b/c", plus=False) == "a%20b/c"
        assert escape.url_unescape("a+b%20%zz%", plus=False) == "a+b %zz%"
        assert escape.url_unescape("%e9", encoding="latin1") == "é"
        assert escape.url_unescape("%ff") == "\ufffd"
        assert escape.url_unescape("é%e9", encoding="latin1") == "éé"
        with pytest.raises(TypeError, match="NoneType"):
            escape.url_escape(None)  # type: ignore[arg-type]

    def test_query(self) -> None:
        assert escape.parse_qs_bytes("a=1&b=%ff&a=x+y&c&d=") == {
            "a": [b"1", b"x y"],
            "b": [b"\xff"],
        }
        assert escape.parse_qs_bytes(b"c&d=&=&&", keep_blank_values=True) == {
            "c": [b""],
            "d": [b""],
            "": [b""],
        }
        assert escape.parse_qs_bytes("a=1;b=2") == {"a": [b"1;b=2"]}
        with pytest.raises(ValueError, match="has no '='"):
            escape.parse_qs_bytes("a&b=1", strict_parsing=True)

    def test_number_of_fields(self) -> None:
        assert escape.parse_qs_bytes("a=1&b=2", max_num_fields=2) == {"a": [b"1"], "b": [b"2"]}
        with pytest.raises(ValueError, match="Max number of fields exceeded"):
            escape.parse_qs_bytes("a=1&b=2&c=3", max_num_fields=2)


class TestLinkify:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("hi http://a.com/!", 'hi <a href="http://a.com/">http://a.com/</a>!'),
            ("(www.a.com)", '(<a href="http://www.a.com">www.a.com</a>)'),
            ("http://a/b_(c).", '<a href="http://a/b_(c)">http://a/b_(c)</a>.'),
            ("http://a?b=1&c=2", '<a href="http://a?b=1&amp;c=2">http://a?b=1&amp;c=2</a>'),
            ("<b>http://a</b>", '&lt;b&gt;<a href="http://a">http://a</a>&lt;/b&gt;'),
            ("ftp://a javascript:x", "ftp://a javascript:x"),
            ("javascript://www.a.com/%0Ax", "javascript://www.a.com/%0Ax"),
            ("a.com foowww.a.com", "a.com foowww.a.com"),
        ],
    )
    def test_links(self, text: str, expected: str) -> None:
        assert escape.linkify(text) == expected

    def test_options(self) -> None:
        assert escape.linkify("www.a.com", require_protocol=True) == "www.a.com"
        assert escape.linkify("rdar:/1", permitted_protocols=["rdar"]) == (
            '<a href="rdar:/1">rdar:/1</a>'
        )
        assert escape.linkify("http://a", extra_params=' rel="x" ') == (
            '<a href="http://a" rel="x">http://a</a>'
        )
        assert escape.linkify("http://a", extra_params=lambda href: f'data-x="{href}"') == (
            '<a href="http://a" data-x="http://a">http://a</a>'
        )

    def test_shorten(self) -> None:
        url = "http://example.com/very/long/path/that/goes/on.html"
        assert escape.linkify(url, shorten=True) == (
            f'<a href="{url}" title="{url}">http://example.com/very...</a>'
        )

    @given(st.integers(0, 40))
    def test_shorten_never_cuts_a_reference(self, size: int) -> None:
        shown = escape.linkify("http://" + "a" * size + "&b" * 40, shorten=True)
        text = shown.partition(">")[2].partition("</a>")[0]
        assert text.replace("&amp;", "").count("&") == 0

    @given(st.text(alphabet="w.:/-a&<>\"'( )http", max_size=60))
    def test_output_is_safe_and_complete(self, text: str) -> None:
        import re

        html = escape.linkify(text)
        without = re.sub(r'<a href="[^"<>]*">|</a>', "", html)
        assert without == escape.xhtml_escape(text)


def test_examples() -> None:
    assert doctest.testmod(escape).failed == 0


@pytest.mark.parametrize("text", ["\u20ac", "\u20ac=", "a=\u20ac", "a&\u20ac=1"])
def test_a_query_of_characters_that_are_no_bytes(text: str) -> None:
    with pytest.raises(UnicodeEncodeError):
        escape.parse_qs_bytes(text)
