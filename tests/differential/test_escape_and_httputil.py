"""Same arguments, same answers as Tornado, where nothing better was decided.

What was decided otherwise is listed by the strategies that leave it out, with the reason.
"""

import copy
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.differential.oracle import Oracle, tornado_python
from whirlwind import escape, httputil, util

PYTHON = tornado_python()

pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="no Tornado: set WHIRLWIND_TORNADO_PYTHON to a Python that has it"
)

OURS = {"escape": escape, "httputil": httputil, "util": util}


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    assert PYTHON is not None
    oracle = Oracle(PYTHON)
    yield oracle
    oracle.close()


def plain(value: Any) -> Any:
    """Tuples, lists and dicts of the bare kind, as the oracle answers."""
    if isinstance(value, httputil.HTTPHeaders):
        return list(value.get_all())
    if isinstance(value, dict):
        return {plain(k): plain(v) for k, v in value.items()}
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def same(
    oracle: Oracle, module: str, name: str, *args: Any, fills: tuple[int, ...] = (), **kwargs: Any
) -> None:
    """Assert that both answer alike: equal values, or errors that the same ``except`` catches."""
    mine = copy.deepcopy(args)
    theirs = oracle.call(module, name, *args, fills=fills, **kwargs)
    function: Any = OURS[module]
    for part in name.split("."):
        function = getattr(function, part)
    failure = value = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = plain(function(*mine, **kwargs))
    except Exception as error:
        failure = error
    if failure is None:
        assert theirs == ("ok", (value, [plain(mine[i]) for i in fills]))
    else:
        assert theirs[0] == "error", (theirs, failure)
        # The exception classes Tornado's users name in their handlers.
        names = {c.__name__ for c in type(failure).__mro__}
        documented = {"HTTPInputError", "ValueError", "TypeError", "ImportError"}
        assert documented & set(theirs[1]) <= names


def words(*choices: str, size: int = 12) -> st.SearchStrategy[str]:
    """Texts made of the given pieces."""
    return st.lists(st.sampled_from(choices), max_size=size).map("".join)


SETTINGS = settings(max_examples=300, deadline=None)

urlish = words(
    *("a", "%", "%41", "%c3%a9", "%zz", "%0", "41", "+", "&", "=", ";", "é", "\xff", "\\", "%5c"),
    *("\0", "\u20ac", " ", "/"),
)


class TestEscape:
    @SETTINGS
    @given(text=st.text() | words("&", "lt", ";", "#", "x41", "<", ">", '"', "'", "eacute", "é"))
    def test_markup_and_strings(self, oracle: Oracle, text: str) -> None:
        assume(text.isprintable() or all(not 0xD800 <= ord(c) <= 0xDFFF for c in text))
        for name in ("xhtml_escape", "xhtml_unescape", "squeeze", "json_encode", "utf8"):
            same(oracle, "escape", name, text)

    @pytest.mark.parametrize("value", [None, 3, b"\xff", b"\xc3\xa9", "é", bytearray(b"x")])
    def test_conversions(self, oracle: Oracle, value: object) -> None:
        for name in ("utf8", "to_unicode", "native_str", "recursive_unicode"):
            same(oracle, "escape", name, value)

    @SETTINGS
    @given(text=urlish, plus=st.booleans(), encoding=st.sampled_from(["utf-8", "latin1", None]))
    def test_url_unescape(
        self, oracle: Oracle, text: str, plus: bool, encoding: str | None
    ) -> None:
        same(oracle, "escape", "url_unescape", text, plus=plus, encoding=encoding)
        same(oracle, "escape", "url_unescape", text.encode(), plus=plus, encoding=encoding)
        same(oracle, "escape", "url_escape", text, plus=plus)

    @SETTINGS
    @given(
        text=urlish,
        blank=st.booleans(),
        strict=st.booleans(),
        limit=st.none() | st.integers(0, 4),
    )
    def test_parse_qs_bytes(
        self, oracle: Oracle, text: str, blank: bool, strict: bool, limit: int | None
    ) -> None:
        same(oracle, "escape", "parse_qs_bytes", text, blank, strict, max_num_fields=limit)

    linkable = words(
        *("http", "https", "ftp", "www", "www.", "://", ":/", ":", "/", "//", "a", "b.com", "-"),
        *("very-long-host-name", "path", "(", ")", ".", ",", "!", "?", "<", ">", "'", " ", "\n"),
        *("é", "#", "=", "%20", ".html", "abcdefghij", "[", "]", "~", "_"),
        size=14,
    )

    @SETTINGS
    @given(
        text=linkable,
        start=st.sampled_from(["", "http://", "https://www."]),
        shorten=st.booleans(),
        require=st.booleans(),
        extra=st.sampled_from(["", 'rel="x"', ' class="y" ']),
        schemes=st.sampled_from([["http", "https"], ["http", "ftp", "a"]]),
    )
    def test_linkify(
        self,
        oracle: Oracle,
        text: str,
        start: str,
        shorten: bool,
        require: bool,
        extra: str,
        schemes: list[str],
    ) -> None:
        same(oracle, "escape", "linkify", start + text, shorten, extra, require, schemes)

    @SETTINGS
    @given(text=linkable, more=words("&", '"', "http://a.com/", "b", "&amp;"))
    def test_linkify_with_references(self, oracle: Oracle, text: str, more: str) -> None:
        # Not with shorten: Tornado's cuts character references in two.
        same(oracle, "escape", "linkify", text + more + text)


class TestHTTPUtil:
    @SETTINGS
    @given(
        block=words(
            *("a", "B-c", "Set-Cookie", ":", ": ", "\r\n", "\n", "\r", " ", "\t", "x", ",", "é"),
            *("\0", "\x7f", "\u20ac", "\u2028", "1", "_", '"'),
        ),
        chars_are_bytes=st.booleans(),
    )
    def test_parse_headers(self, oracle: Oracle, block: str, chars_are_bytes: bool) -> None:
        same(oracle, "httputil", "HTTPHeaders.parse", block, _chars_are_bytes=chars_are_bytes)

    @SETTINGS
    @given(
        text=words(
            *("a", "b", "=", '"', "\\", "05", "4", "377", ";", " ", "é", ",", "\t", "_x", "]")
        )
    )
    def test_parse_cookie(self, oracle: Oracle, text: str) -> None:
        same(oracle, "httputil", "parse_cookie", text)

    @SETTINGS
    @given(text=words("name", "=", '"', "\\", ";", " ", "a", "B", "é", "'", "%20", ","))
    def test_parse_header(self, oracle: Oracle, text: str) -> None:
        # Extended parameters are left out: Tornado's are escaped once too often. Quoted strings are
        # RFC 9110's (section 5.6.4): an escaped backslash does not escape the quote after it, and
        # a value of escaped quotes keeps them; Tornado runs into the next parameter, and takes
        # quotes off twice.
        assume("\\\\" not in text)
        values = httputil._parse_header("form-data; " + text)[1].values()
        assume(not any(len(value) > 1 and value[0] == value[-1] == '"' for value in values))
        same(oracle, "httputil", "_parse_header", "form-data; " + text)

    @SETTINGS
    @given(text=words("a", "1", "8", ":", "[", "]", ".", "-"))
    def test_split_host_and_port(self, oracle: Oracle, text: str) -> None:
        same(oracle, "httputil", "split_host_and_port", text)

    @SETTINGS
    @given(
        method=words("GET", "g", "!", "@", "-"),
        # Not "#" and not beyond US-ASCII: Tornado lets both into the target.
        target=words("/", "a", "?", "*", '"', " ", "\x01", "%"),
        version=st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "HTTP/11", "x"]),
        space=st.sampled_from([" ", " ", "  ", "\t", ""]),
    )
    def test_request_line(
        self, oracle: Oracle, method: str, target: str, version: str, space: str
    ) -> None:
        line = f"{method} {target}{space}{version}"
        same(oracle, "httputil", "parse_request_start_line", line)

    @SETTINGS
    @given(
        version=st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "http/1.1"]),
        # Not a leading zero: no status code has one (RFC 9110 section 15).
        code=st.from_regex(r"[1-9]\d{1,3}|2 0|\+20", fullmatch=True),
        reason=words("OK", " ", "\t", "\x01", "é", "\r", "\u20ac"),
    )
    def test_status_line(self, oracle: Oracle, version: str, code: str, reason: str) -> None:
        same(oracle, "httputil", "parse_response_start_line", f"{version} {code} {reason}")

    @SETTINGS
    @given(first=st.none() | st.integers(0, 99), last=st.none() | st.integers(0, 99))
    def test_request_range(self, oracle: Oracle, first: int | None, last: int | None) -> None:
        # Only ranges that RFC 9110 allows: Tornado makes something of most others as well.
        assume(first is not None or last is not None)
        assume(first is None or last is None or first <= last)
        text = f"bytes={'' if first is None else first}-{'' if last is None else last}"
        same(oracle, "httputil", "_parse_request_range", text)

    @SETTINGS
    @given(
        url=words("http://", "x.com", "/", "?", "a", "=", "&", "%20", "%ff", "#", "+", "é"),
        args=st.sampled_from([{}, None, {"k": "v w"}, [("a", "é"), ("a", "2")], (("x", "/"),)]),
    )
    def test_url_concat(self, oracle: Oracle, url: str, args: object) -> None:
        same(oracle, "httputil", "url_concat", url, args)

    @SETTINGS
    @given(
        moment=st.integers(-(10**10), 10**12)
        | st.integers(-(10**9), 10**10).map(lambda quarters: quarters / 4)
        | st.datetimes()
        | st.sampled_from([None, "x"])
    )
    def test_format_timestamp(self, oracle: Oracle, moment: object) -> None:
        same(oracle, "httputil", "format_timestamp", moment)

    @SETTINGS
    @given(name=st.text(max_size=5) | st.binary(max_size=3), word=st.text(max_size=5))
    def test_credentials(self, oracle: Oracle, name: str | bytes, word: str) -> None:
        same(oracle, "httputil", "encode_username_password", name, word)

    parts = st.tuples(
        st.sampled_from(
            [
                b'Content-Disposition: form-data; name="a"',
                b"content-disposition: form-data; name=b\r\nContent-Type: text/plain",
                b'Content-Disposition: form-data; name="f"; filename="y z"',
                'Content-Disposition: form-data; name="é"; filename=""'.encode(),
                b'Content-Disposition: form-data; name="a\rb"',
                b"Content-Disposition: form-data",
                b"Content-Disposition: inline; name=a",
                b"X: y",
                b"bad",
            ]
        ),
        # Not the boundary without a line end before it, which Tornado takes for one at times.
        st.lists(st.sampled_from([b"v", b"\r\n", b"\r", b"\n", b"-", b"\r\n--", b"B"])).map(
            b"".join
        ),
    )

    @SETTINGS
    @given(
        bodies=st.lists(parts, min_size=1, max_size=4),
        end=st.sampled_from([b"\r\n--B--\r\n", b"\r\n--B--", b"\r\n", b"", b"\r\n--B--\r\nmore"]),
    )
    def test_multipart(self, oracle: Oracle, bodies: list[tuple[bytes, bytes]], end: bytes) -> None:
        assume(all(b"--B" not in b"\r\n" + body for _, body in bodies))
        data = b"".join(b"\r\n--B\r\n" + head + b"\r\n\r\n" + body for head, body in bodies)
        answer = oracle.call(
            "httputil", "parse_multipart_form_data", b"B", data[2:] + end, {}, {}, fills=(2, 3)
        )
        # What Tornado had filled in before the error does not count.
        fills = (2, 3) if answer[0] == "ok" else ()
        same(
            oracle,
            "httputil",
            "parse_multipart_form_data",
            b"B",
            data[2:] + end,
            {},
            {},
            fills=fills,
        )


class TestUtil:
    @SETTINGS
    @given(text=words("\\", "a", ".", "\\.", "-", "\n", "é", "\\d", " "))
    def test_re_unescape(self, oracle: Oracle, text: str) -> None:
        same(oracle, "util", "re_unescape", text)

    @pytest.mark.parametrize(
        "name", ["os.nope", "nope", "nope.x", "", "xml.nope", "xml.etree.nope.x"]
    )
    def test_import_errors(self, oracle: Oracle, name: str) -> None:
        same(oracle, "util", "import_object", name)

    @SETTINGS
    @given(mask=st.binary(min_size=3, max_size=5), data=st.binary(max_size=40))
    def test_mask(self, oracle: Oracle, mask: bytes, data: bytes) -> None:
        same(oracle, "util", "_websocket_mask", mask, data)
