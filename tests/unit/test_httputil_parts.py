"""URLs, dates, start lines, parameters, ranges and the delegate interfaces."""

import copy
import datetime
import http.client
import io
import sys
import time
import unittest
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whirlwind import httputil
from whirlwind.httputil import HTTPInputError, RequestStartLine, ResponseStartLine
from whirlwind.httputil.urls import reason_phrase


class TestURLConcat:
    @pytest.mark.parametrize(
        ("url", "args", "expected"),
        [
            ("http://x/y", {"a": "b c"}, "http://x/y?a=b+c"),
            ("http://x/y?a=b", [("c", "d"), ("c", "e")], "http://x/y?a=b&c=d&c=e"),
            ("http://x/y?a=b#top", (("c", "é&"),), "http://x/y?a=b&c=%C3%A9%26#top"),
            ("http://x/y?a=b", None, "http://x/y?a=b"),
            ("http://x/y?", {}, "http://x/y"),
            ("/y?a=&b&", {"c": "d"}, "/y?a=&b=&c=d"),
        ],
    )
    def test_forms(self, url: str, args: dict[str, str] | None, expected: str) -> None:
        assert httputil.url_concat(url, args) == expected

    @pytest.mark.parametrize("args", ["a=b", 5, {"a"}])
    def test_other_types(self, args: object) -> None:
        with pytest.raises(TypeError, match="dict, list or tuple"):
            httputil.url_concat("/", args)  # type: ignore[arg-type]


class TestAuthority:
    @pytest.mark.parametrize(
        ("netloc", "expected"),
        [
            ("a.com:80", ("a.com", 80)),
            ("a.com", ("a.com", None)),
            ("[::1]:8080", ("[::1]", 8080)),
            ("[::1]", ("[::1]", None)),
            ("a:", ("a:", None)),
            (":80", (":80", None)),
            ("a:b", ("a:b", None)),
            ("a:-1", ("a:-1", None)),
            ("a:٣", ("a:٣", None)),
            ("a:80\n", ("a:80\n", None)),
            ("a:" + "9" * 5000, ("a:" + "9" * 5000, None)),
            ("", ("", None)),
        ],
    )
    def test_split(self, netloc: str, expected: tuple[str, int | None]) -> None:
        assert httputil.split_host_and_port(netloc) == expected

    def test_credentials(self) -> None:
        assert httputil.encode_username_password("e\u0301", "a:b") == b"\xc3\xa9:a:b"
        assert httputil.encode_username_password(b"\xff", b"x") == b"\xff:x"


class TestTimestamp:
    def test_types(self) -> None:
        expected = "Sun, 27 Jan 2013 18:43:20 GMT"
        moment = datetime.datetime(2013, 1, 27, 18, 43, 20)
        zone = datetime.timezone(datetime.timedelta(hours=2))
        for value in (
            1359312200,
            1359312200.9,
            (2013, 1, 27, 18, 43, 20, 6, 27, -1),
            time.gmtime(1359312200),
            moment,
            moment.replace(hour=20, tzinfo=zone),
        ):
            assert httputil.format_timestamp(value) == expected

    @given(st.datetimes())
    def test_against_strftime(self, moment: datetime.datetime) -> None:
        text = httputil.format_timestamp(moment)
        assert text[5:7] + text[12:16] == f"{moment.day:02}{moment.year:04}"
        assert time.strptime(text, "%a, %d %b %Y %H:%M:%S GMT")[:6] == moment.timetuple()[:6]

    def test_errors(self) -> None:
        for value in ("x", None, datetime.date(2013, 1, 1)):
            with pytest.raises(TypeError, match="unknown timestamp type"):
                httputil.format_timestamp(value)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="9999"):
            httputil.format_timestamp(1e12)


class TestStartLines:
    @pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1", "HTTP/1.2"])
    @pytest.mark.parametrize("target", ["/", "*", "/a?b=%20&c[]=\"<>^`{|}'", "http://x/"])
    def test_request(self, target: str, version: str) -> None:
        found = httputil.parse_request_start_line(f"GET {target} {version}")
        assert found == RequestStartLine("GET", target, version)
        assert found.path == target

    @pytest.mark.parametrize(
        "line",
        [
            "",
            "GET",
            "GET ",
            "GET /",
            "GET / ",
            " / HTTP/1.1",
            " GET / HTTP/1.1",
            "GET  / HTTP/1.1",
            "GET /  HTTP/1.1",
            "GET / HTTP/1.1 ",
            "GET / HTTP/1.1\r",
            "GET / HTTP/1.1\n",
            "GET /a b HTTP/1.1",
            "GET /\t HTTP/1.1",
            "GET /\x00 HTTP/1.1",
            "GET /\x7f HTTP/1.1",
            "GET /é HTTP/1.1",
            "GET /\u2028 HTTP/1.1",
            "GET /#a HTTP/1.1",
            "G@T / HTTP/1.1",
            "G\u00c9T / HTTP/1.1",
            "GET\t/ HTTP/1.1",
            "GET / http/1.1",
            "GET / HTTP/1",
            "GET / HTTP/1.11",
            "GET / HTTP/1.٣",
            "GET / HTTP/a.1",
            "GET / HTTP/2.0",
            "GET / HTTP/0.9",
        ],
    )
    def test_bad_request(self, line: str) -> None:
        with pytest.raises(HTTPInputError):
            httputil.parse_request_start_line(line)

    def test_response(self) -> None:
        parse = httputil.parse_response_start_line
        assert parse("HTTP/1.1 404 Not Found") == ResponseStartLine("HTTP/1.1", 404, "Not Found")
        assert parse("HTTP/1.0 200 ") == ("HTTP/1.0", 200, None)
        assert parse("HTTP/1.1 200 é\tx").reason == "é\tx"
        assert parse("HTTP/1.1 020 OK").code == 20

    @pytest.mark.parametrize(
        "line",
        [
            "",
            "HTTP/1.1",
            "HTTP/1.1 ",
            "HTTP/1.1 200",
            "HTTP/1.1 200OK",
            "HTTP/1.1  200 OK",
            "HTTP/1.1 20 OK",
            "HTTP/1.1 2000 OK",
            "HTTP/1.1 +20 OK",
            "HTTP/1.1 ٢٠٠ OK",
            "HTTP/1.1 200 a\x00b",
            "HTTP/1.1 200 OK\r",
            "HTTP/1.1 200 \u20ac",
            "HTTP/2 200 OK",
            "HTTP/2.0 200 OK",
            "http/1.1 200 OK",
            " HTTP/1.1 200 OK",
        ],
    )
    def test_bad_response(self, line: str) -> None:
        with pytest.raises(HTTPInputError):
            httputil.parse_response_start_line(line)


class TestParameters:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("", ("", {})),
            ("a", ("a", {})),
            (" A/B ; C = D ", ("A/B", {"c": "D"})),
            ("a;;b=1;c;", ("a", {"b": "1"})),
            ('a; b="c;d"; e=f', ("a", {"b": "c;d", "e": "f"})),
            ('a; b="c\\"d\\\\"; e=f', ("a", {"b": 'c"d\\', "e": "f"})),
            ('a; b="c; d=e', ("a", {"b": '"c; d=e'})),
            ('a; b="\\"c\\""; d="e\\\\"; f="g"', ("a", {"b": '"c"', "d": "e\\", "f": "g"})),
            ("a; b=1; B=2", ("a", {"b": "2"})),
            ("a; b*=UTF-8''%e2%82%ac", ("a", {"b": "€"})),
            ("a; b*=iso-8859-1'en'%A3", ("a", {"b": "£"})),
            ("a; b*=UTF-8''x; b=y", ("a", {"b": "x"})),
            ("a; b*=UTF-8''%ff", ("a", {"b": "\ufffd"})),
            ("a; b*=punycode''%ff", ("a", {"b": "\ufffd"})),
            ("a; b*=plain", ("a", {"b": "plain"})),
            ("a; b*0=c; b*1=d; b*3=e", ("a", {"b": "cd"})),
            ("a; b*1*=d; b*0*=UTF-8''c%20", ("a", {"b": "c d"})),
            ("a; b*1=d", ("a", {})),
            ("a; b*x=d; *=e", ("a", {"b*x": "d", "*": "e"})),
        ],
    )
    def test_parse(self, line: str, expected: tuple[str, dict[str, str]]) -> None:
        assert httputil._parse_header(line) == expected

    @given(
        st.dictionaries(
            st.from_regex(r"[a-z]{1,5}", fullmatch=True),
            st.text(st.characters(exclude_categories=["Cs"])),
        )
    )
    def test_quoted_round_trip(self, parameters: dict[str, str]) -> None:
        def quote(value: str) -> str:
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

        line = httputil._encode_header("a", {k: quote(v) for k, v in parameters.items()})
        assert httputil._parse_header(line) == ("a", parameters)

    @given(
        st.lists(
            st.sampled_from(["; ", ";", "a", "b=", '="', '"', " ", "B", "*", "é", ";c", '"; d="'])
        ).map("".join)
    )
    def test_usual_fields_are_no_exception(self, line: str) -> None:
        line = "form-data; " + line
        # An empty parameter is passed over, and makes a field unusual.
        if line.count('"') % 2 == 0:
            assert httputil._parse_header(line) == httputil._parse_header(line + ";")

    @given(st.text(alphabet="ab\\\";=*'% 01u-", max_size=40))
    def test_never_fails(self, line: str) -> None:
        value, parameters = httputil._parse_header(line)
        assert isinstance(value, str)
        assert all(isinstance(text, str) for text in parameters.values())

    def test_encode(self) -> None:
        assert httputil._encode_header("a", {"c": 1, "b": None}) == "a; b; c=1"


class TestRanges:
    @pytest.mark.parametrize(
        ("field", "expected"),
        [
            ("bytes=0-0", (0, 1)),
            ("bytes=1-2", (1, 3)),
            (" Bytes = 1-2 ".replace(" =", "="), (1, 3)),
            ("bytes=1-", (1, None)),
            ("bytes=-5", (-5, None)),
            ("bytes=-0", (None, 0)),
            ("bytes=2-1", None),
            ("bytes=-", None),
            ("bytes=", None),
            ("bytes", None),
            ("bytes=1", None),
            ("bytes=1-2,3-4", None),
            ("items=1-2", None),
            ("bytes=a-b", None),
            ("bytes=+1-2", None),
            ("bytes=1_0-20", None),
            ("bytes=--1", None),
            ("bytes=1 - 2", None),
            ("bytes=١-٢", None),
            ("bytes=0-" + "9" * 5000, None),
        ],
    )
    def test_request(self, field: str, expected: tuple[int | None, int | None] | None) -> None:
        assert httputil._parse_request_range(field) == expected

    def test_response(self) -> None:
        assert httputil._get_content_range(None, 4, 10) == "bytes 0-3/10"
        assert httputil._get_content_range(2, None, 10) == "bytes 2-9/10"


class TestDelegates:
    def test_abstract_methods(self) -> None:
        connection = httputil.HTTPConnection()
        head = RequestStartLine("GET", "/", "HTTP/1.1")
        calls: list[Callable[[], object]] = [
            lambda: connection.write_headers(head, httputil.HTTPHeaders()),
            lambda: connection.write(b""),
            connection.finish,
            lambda: httputil.HTTPServerConnectionDelegate().start_request(None, connection),
        ]
        for call in calls:
            with pytest.raises(NotImplementedError, match="must define"):
                call()

    def test_the_rest_may_be_left_out(self) -> None:
        delegate = httputil.HTTPMessageDelegate()
        head = RequestStartLine("GET", "/", "HTTP/1.1")
        assert delegate.headers_received(head, httputil.HTTPHeaders()) is None
        assert delegate.data_received(b"x") is None
        delegate.finish()
        delegate.on_connection_close()
        httputil.HTTPServerConnectionDelegate().on_close(None)


class TestModule:
    def test_public_names_show_the_public_module(self) -> None:
        for name in httputil.__all__:
            value = getattr(httputil, name)
            if isinstance(value, type) or callable(value):
                expected = "whirlwind.httputil"
                if name in ("HTTPInputError", "HTTPOutputError"):
                    continue  # defined for every protocol, not only here
                assert value.__module__ == expected, name

    def test_status_phrases(self) -> None:
        assert httputil.responses[404] == "Not Found"
        assert copy.copy(httputil.responses)[418] == "I'm a Teapot"
        assert reason_phrase(404) == "Not Found"
        assert reason_phrase(299) == "Unknown"

    def test_status_phrases_of_a_program(self, monkeypatch) -> None:
        monkeypatch.setitem(http.client.responses, 299, "Fine")
        assert reason_phrase(299) == httputil.responses[299] == "Fine"
        monkeypatch.delitem(sys.modules, "http.client")
        assert reason_phrase(299) == "Unknown"
        assert reason_phrase(404) == "Not Found"

    def test_unknown_attribute(self) -> None:
        with pytest.raises(AttributeError, match="no attribute 'nope'"):
            _ = httputil.nope

    def test_doctests(self) -> None:
        suite = httputil.doctests()
        assert suite.countTestCases() >= 10
        assert unittest.TextTestRunner(stream=io.StringIO()).run(suite).wasSuccessful()
