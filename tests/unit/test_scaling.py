"""What a hostile client may send grows the work no more than its size."""

import contextlib
import functools
import re
import tempfile
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.work import assert_linear, calls, instructions
from whirlwind import escape, httputil, locale, web
from whirlwind.httputil import HTTPHeaders, HTTPServerRequest
from whirlwind.httputil.preferences import by_preference
from whirlwind.protocol import cookies, urlencoded
from whirlwind.template import Template
from whirlwind.web.signed_values import create_signed_value, decode_signed_value

SECRET = "a secret"
Work = Callable[[], Any]


def refused(function: Callable[..., Any], *arguments: Any) -> Work:
    """A call that ends with an error of the client's."""

    def work() -> None:
        with pytest.raises((httputil.HTTPInputError, web.HTTPError)):
            function(*arguments)

    return work


def call(function: Callable[..., Any], text: Callable[[int], Any]) -> Callable[[int], Work]:
    """Prepares a call with one argument, whose size grows."""
    return lambda size: functools.partial(function, text(size))


COOKIES = {
    "pairs": lambda n: "; ".join(f"c{i}=v" for i in range(n)),
    "one name": lambda n: "a=b;" * n,
    "separators": lambda n: ";" * n,
    "equals": lambda n: "a" + "=" * n,
    "blanks": lambda n: "a=" + " " * n + "b",
    "blank pairs": lambda n: " ; " * n,
    "backslashes": lambda n: 'a="' + "\\" * n + '"',
    "quotes": lambda n: 'a="' + '\\"' * n + '"',
    "octals": lambda n: 'a="' + "\\054" * n + '"',
    "half octals": lambda n: 'a="' + "\\05" * n + '"',
    "open quotes": lambda n: 'a="' * n,
}


@pytest.mark.parametrize("kind", COOKIES)
def test_cookies(kind: str) -> None:
    assert_linear(call(cookies.parse_cookie, COOKIES[kind]), 6000 if kind != "pairs" else 240)


@pytest.mark.parametrize("unit", ["\\", '\\"', "\\054", "\\0"])
def test_quoted_cookies(unit: str) -> None:
    assert_linear(call(cookies.unquote, lambda n: f'"{unit * n}"'), 6000)


ENCODED = [b"%41", b"%", b"%4", b"%zz", b"%e2%82", b"\\", b"a", b"+", b"%25", b"%00"]


@pytest.mark.parametrize("unit", ENCODED)
def test_percent_decoding(unit: bytes) -> None:
    assert_linear(call(urlencoded.percent_decode, lambda n: unit * n), 6000)


@pytest.mark.parametrize("unit", ENCODED)
def test_one_field_of_a_form(unit: bytes) -> None:
    assert_linear(call(urlencoded.parse_form, lambda n: "a=" + unit.decode() * n), 6000)
    assert_linear(call(escape.parse_qs_bytes, lambda n: b"a=" + unit * n), 6000)
    assert_linear(call(escape.url_unescape, lambda n: unit.decode() * n), 6000)


@pytest.mark.parametrize("unit", [b"a=1&", b"&", b"a&", b"=&", b";", b"a=%41&", b"=" * 9 + b"&"])
def test_fields_of_a_form(unit: bytes) -> None:
    assert_linear(call(escape.parse_qs_bytes, lambda n: unit * n), 3000)


def test_names_of_a_form() -> None:
    body: Any = lambda n: b"&".join(b"a%d=%%41" % i for i in range(n))  # noqa: E731
    assert_linear(call(escape.parse_qs_bytes, body), 1000)


def parse_form(kind: str, body: bytes) -> None:
    httputil.parse_body_arguments(kind, body, {}, {})


URLENCODED = "application/x-www-form-urlencoded"


def test_too_many_fields_are_refused_before_they_are_made() -> None:
    """What is refused costs a search for separators, whatever the fields hold."""
    few = b"&".join([b"a=%41%42"] * 1001)
    many = b"&".join([b"a=%41%42"] * 100_000)
    assert calls(refused(parse_form, URLENCODED, many)) == calls(
        refused(parse_form, URLENCODED, few)
    )


PARAMETERS = {
    "semicolons in quotes": lambda n: 'form-data; name="' + ";" * n + '"',
    "semicolons": lambda n: "form-data" + ";" * n,
    "open quote": lambda n: 'form-data; name="' + ";" * n,
    "quotes": lambda n: "form-data; a=" + '"' * n,
    "escapes": lambda n: 'form-data; name="' + '\\"' * n + '"',
    "backslashes": lambda n: 'form-data; name="' + "\\" * n + ';"',
    "parameters": lambda n: "form-data" + "".join(f"; p{i}=v" for i in range(n)),
    "usual ones": lambda n: "form-data" + '; name="v"' * n,
    "nearly usual ones": lambda n: "form-data" + '; name="v"' * n + "!",
    "segments": lambda n: "a" + "".join(f"; b*{i}=x" for i in range(n)),
    "encoded": lambda n: "a; b*=utf-8''" + "%41" * n,
    "apostrophes": lambda n: "a; b*=" + "'" * n,
    "stars": lambda n: "a; b" + "*" * n + "=c",
    "blanks": lambda n: "a;" + " " * n + "b=c",
    "digits": lambda n: "a; b*" + "1" * n + "=c",
}


@pytest.mark.parametrize("kind", PARAMETERS)
def test_parameters_of_a_field(kind: str) -> None:
    assert_linear(call(httputil._parse_header, PARAMETERS[kind]), 3000)


FORM_DATA = b'\r\nContent-Disposition: form-data; name="a"'
BODIES = {
    "data": (lambda n: b"--x" + FORM_DATA + b"\r\n\r\n" + b"v" * n + b"\r\n--x--", 6000),
    "line ends": (lambda n: b"\r\n" * n + b"--x--", 6000),
    "line ends in a part": (
        lambda n: b"--x" + FORM_DATA + b"\r\n\r\n" + b"\r\n" * n + b"\r\n--x--",
        6000,
    ),
    "nearly delimiters": (
        lambda n: b"--x" + FORM_DATA + b"\r\n\r\n" + b"\r\n--" * n + b"\r\n--x--",
        6000,
    ),
    "preamble": (lambda n: b"-" * n + b"\r\n--x--", 6000),
    "epilogue": (lambda n: b"--x" + FORM_DATA + b"\r\n\r\nv\r\n--x--" + b"\r\n--x" * n, 6000),
    "parts": (lambda n: (b"--x" + FORM_DATA + b"\r\n\r\nv\r\n") * n + b"--x--", 24),
    "file names": (
        lambda n: b"--x" + FORM_DATA + b'; filename="' + b";" * n + b'"\r\n\r\nv\r\n--x--',
        2000,
    ),
}


@pytest.mark.parametrize("kind", BODIES)
def test_multipart(kind: str) -> None:
    body, size = BODIES[kind]

    def prepare(count: int) -> Work:
        data = body(count)

        def work() -> None:
            try:
                parse_form("multipart/form-data; boundary=x", data)
            except httputil.HTTPInputError:
                assert kind in ("line ends", "preamble")

        return work

    assert_linear(prepare, size)


def test_too_many_parts_are_refused_when_they_are_too_many() -> None:
    """The rest of a body with a million parts is not looked at."""

    def body(count: int) -> bytes:
        return (b"--x" + FORM_DATA + b"\r\n\r\nv\r\n") * count + b"--x--"

    kind = "multipart/form-data; boundary=x"
    few, many = refused(parse_form, kind, body(200)), refused(parse_form, kind, body(20_000))
    few()
    assert calls(few) == calls(many)
    small, large = instructions(few), instructions(many)
    assert small is None or large is None or large < 1.5 * small


HEADERS = {
    "one name": lambda n: "a: b\r\n" * n,
    "names": lambda n: "".join(f"a{i}: b\r\n" for i in range(n)),
    "blanks": lambda n: "a:" + " " * n + "b",
    "blank end": lambda n: "a: b" + " " * n,
    "empty lines": lambda n: "\r\n" * n,
    "colons": lambda n: "a" + ":" * n,
    "long value": lambda n: "a: " + "\xe9" * n,
    "dashes": lambda n: "-" * n + ": b",
}


@pytest.mark.parametrize("kind", HEADERS)
def test_headers(kind: str) -> None:
    def parse(text: str) -> None:
        headers = HTTPHeaders.parse(text)
        for name in list(headers)[:3]:
            headers.get(name)
            headers.get_list(name)
        list(headers.get_all())

    size = 400 if kind == "names" else 3000
    parse(HEADERS[kind](4 * size))  # some names are remembered, not all
    assert_linear(call(parse, HEADERS[kind]), size)


def test_a_name_repeated_line_by_line() -> None:
    def add(lines: list[str]) -> str:
        headers = HTTPHeaders()
        for line in lines:
            headers.parse_line(line)
        return headers["A"]

    assert_linear(call(add, lambda n: ["a: bcdefghi"] * n), 2000)


@pytest.mark.parametrize(
    "field",
    [
        lambda n: "bytes=" + ",".join(f"{i}-{i}" for i in range(n)),
        lambda n: "bytes=" + "9" * n,
        lambda n: "bytes=-" + "9" * n,
        lambda n: "bytes=" + " " * n,
        lambda n: "bytes=" + "-" * n,
        lambda n: "=" * n,
    ],
)
def test_ranges(field: Callable[[int], str]) -> None:
    assert_linear(call(httputil._parse_request_range, field), 6000)


@pytest.mark.parametrize(
    "unit", ["gzip,", ",", "a;q=0.5,", ";", "q=" * 9, " ", ", \t", "de-AT,", "-"]
)
def test_preferences(unit: str) -> None:
    assert_linear(call(by_preference, lambda n: unit * n), 3000)
    assert_linear(call(locale.get, lambda n: (unit * n).rstrip(",")), 3000)


class Connection:
    """Takes what a handler writes."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **options: None


@functools.cache
def application() -> web.Application:
    return web.Application(cookie_secret=SECRET)


def handler_for(fields: dict[str, str], uri: str = "/") -> web.RequestHandler:
    request = HTTPServerRequest(
        "GET", uri, headers=HTTPHeaders(fields), connection=Connection(), host="a"
    )
    return web.RequestHandler(application(), request)


@pytest.mark.parametrize("unit", ['"a", ', 'W/"a",', '"', "W/", ",", '"' + "a" * 9, "*x"])
def test_tags(unit: str) -> None:
    def check(text: str) -> None:
        handler = handler_for({"If-None-Match": text})
        handler.set_header("Etag", '"b"')
        assert handler.check_etag_header() == text.startswith("*")

    assert_linear(call(check, lambda n: unit * n), 3000)


SIGNED = {
    "bars": lambda n: "|" * n,
    "fields": lambda n: "2" + "|1:0" * n + "|",
    "digits": lambda n: "2|1:0|10:" + "1" * n + "|1:a|1:b|",
    "length": lambda n: "2|" + "1" * n + ":0|",
    "version": lambda n: "1" * n + "|a|b",
    "base64": lambda n: "YWJj" * n + "|1700000000|" + "0" * 40,
    "no value": lambda n: "x" * n,
}


@pytest.mark.parametrize("kind", SIGNED)
def test_signed_values(kind: str) -> None:
    def decode(text: str) -> None:
        assert decode_signed_value(SECRET, "name", text) is None

    assert_linear(call(decode, SIGNED[kind]), 6000)


def test_a_long_signed_value() -> None:
    def prepare(size: int) -> Work:
        signed = create_signed_value(SECRET, "name", "v" * size)
        return lambda: decode_signed_value(SECRET, "name", signed)

    assert_linear(prepare, 6000)


@pytest.mark.parametrize("unit", ["2|", "|", "2|ab|cd|", "ab", "\xe9"])
def test_tokens(unit: str) -> None:
    def check(text: str) -> None:
        handler = handler_for({"Cookie": "_xsrf=" + text, "X-Xsrftoken": text})
        with contextlib.suppress(web.HTTPError):
            handler.check_xsrf_cookie()

    assert_linear(call(check, lambda n: unit * n), 3000)


@pytest.mark.parametrize("unit", ["<", "&", "a", "\xe9", "\U0001f32c", "\0", "\x1b", "'\""])
def test_escaping(unit: str) -> None:
    template = Template("<p>{{ text }}</p>")
    assert_linear(call(lambda text: template.generate(text=text), lambda n: unit * n), 6000)
    assert_linear(call(escape.xhtml_escape, lambda n: unit * n), 6000)


@pytest.mark.parametrize("unit", ["&amp;", "&", "&#", "&#38;", "&a"])
def test_unescaping(unit: str) -> None:
    assert_linear(call(escape.xhtml_unescape, lambda n: unit * n), 6000)


@pytest.mark.parametrize(
    "unit", ["http://a.b/", "www.", "(", "http://", "a@b.c ", "/", ".", "&amp;", "http://a/(b)"]
)
def test_links_in_a_text(unit: str) -> None:
    assert_linear(call(escape.linkify, lambda n: unit * n), 4000)


@pytest.mark.parametrize("unit", ["/..", "/.", "//", "/a", "\\", "%2e", "a" * 9])
def test_paths_of_files(unit: str) -> None:
    static = web.StaticFileHandler
    root = tempfile.gettempdir()

    def check(path: str) -> None:
        request = HTTPServerRequest("GET", "/", connection=Connection(), host="a")
        handler = static(application(), request, path=root)
        with contextlib.suppress(web.HTTPError):
            handler.validate_absolute_path(root, static.get_absolute_path(root, path))

    assert_linear(call(check, lambda n: unit * n), 4000)


def test_arguments_with_control_characters() -> None:
    def get(count: int) -> Work:
        handler = handler_for({}, "/?a=" + "%01%20" * count)
        return lambda: handler.get_argument("a")

    assert_linear(get, 3000)


def test_the_count_itself() -> None:
    """Quadratic work is noticed: a loop in Python, and one in C."""

    def in_python(size: int) -> Work:
        return lambda: [[abs(1) for _ in range(size)] for _ in range(size)]

    def in_c(size: int) -> Work:
        return lambda: re.findall("a*b", "a" * size)

    with pytest.raises(AssertionError, match="calls"):
        assert_linear(in_python, 50)
    if instructions(lambda: None) is not None:
        with pytest.raises(AssertionError, match="instructions"):
            assert_linear(in_c, 500)
