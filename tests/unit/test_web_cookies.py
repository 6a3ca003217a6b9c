"""The unsigned cookie methods of RequestHandler."""

import datetime
import re
import time
from http.cookies import CookieError
from typing import Any

import pytest

from whirlwind.httputil import HTTPHeaders, HTTPServerRequest
from whirlwind.web.cookies import CookiesMixin


class Handler(CookiesMixin):
    def __init__(self, cookie: str | None = None) -> None:
        headers = HTTPHeaders({"Host": "x"})
        if cookie is not None:
            headers["Cookie"] = cookie
        self.request = HTTPServerRequest("GET", "/", headers=headers)

    @property
    def wire(self) -> list[str]:
        jar = getattr(self, "_new_cookie", None) or {}
        return [morsel.OutputString(None) for morsel in jar.values()]


def set_one(*args: Any, **kwargs: Any) -> str:
    handler = Handler()
    handler.set_cookie(*args, **kwargs)
    (line,) = handler.wire
    return line


def test_reading() -> None:
    handler = Handler(r'q=1; r="a\"b\054c"; e=; q=2; p=%20; [=x')
    assert {name: morsel.value for name, morsel in handler.cookies.items()} == {
        "q": "2",
        "r": 'a"b,c',
        "e": "",
        "p": "%20",
    }
    assert handler.cookies is handler.request.cookies
    assert handler.get_cookie("r") == 'a"b,c'
    assert handler.get_cookie("e") == ""
    assert handler.get_cookie("no") is None
    assert handler.get_cookie("no", "default") == "default"
    assert Handler().get_cookie("no", "default") == "default"


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        ("b", "a=b; Path=/"),
        (b"b", "a=b; Path=/"),
        ("", 'a=""; Path=/'),
        ('q"x', r'a="q\"x"; Path=/'),
        ("x;y,z", r'a="x\073y\054z"; Path=/'),
        ("é\x7f", r'a="\351\177"; Path=/'),
        ("x=y/z:@", 'a="x=y/z:@"; Path=/'),
    ],
)
def test_values(value: str | bytes, wire: str) -> None:
    assert set_one("a", value) == wire


def test_attributes_in_the_order_of_the_wire() -> None:
    assert set_one(
        "a",
        "b",
        domain="d.com",
        expires=1e9,
        path="/p",
        max_age=5,
        httponly=True,
        secure=True,
        samesite="Strict",
    ) == (
        "a=b; Domain=d.com; expires=Sun, 09 Sep 2001 01:46:40 GMT; HttpOnly; Max-Age=5; Path=/p; "
        "SameSite=Strict; Secure"
    )


@pytest.mark.parametrize(
    "given",
    [
        {"path": None},
        {"path": ""},
        {"path": None, "domain": "", "samesite": "", "expires": 0, "max_age": 0, "secure": False},
    ],
)
def test_empty_attributes_are_left_out(given: dict[str, Any]) -> None:
    assert set_one("a", "b", **given) == "a=b"


@pytest.mark.parametrize("given", [{"domain": 5}, {"samesite": True}, {"path": b"/"}])
def test_attributes_that_are_no_text(given: dict[str, Any]) -> None:
    """``SameSite=True`` means nothing to a browser."""
    (name, value) = next(iter(given.items()))
    with pytest.raises(TypeError, match=f"{name} of cookie 'a' is {value!r}; it must be str"):
        set_one("a", "b", **given)


@pytest.mark.parametrize(
    "expires",
    [
        1893553445,
        (2030, 1, 2, 3, 4, 5, 0, 0, 0),
        time.gmtime(1893553445),
        datetime.datetime(2030, 1, 2, 3, 4, 5),
        datetime.datetime(
            2030, 1, 2, 4, 4, 5, tzinfo=datetime.timezone(datetime.timedelta(hours=1))
        ),
    ],
)
def test_expires(expires: Any) -> None:
    expected = "a=b; expires=Wed, 02 Jan 2030 03:04:05 GMT; Path=/"
    assert set_one("a", "b", expires=expires) == expected
    assert set_one("a", "b", expires=expires, expires_days=9) == expected


@pytest.mark.parametrize("days", [0, 1.5, -365])
def test_expires_days(days: float) -> None:
    line = set_one("a", "b", expires_days=days)
    match = re.fullmatch(r"a=b; expires=(.*); Path=/", line)
    assert match
    when = datetime.datetime.strptime(match[1], "%a, %d %b %Y %H:%M:%S GMT")
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    assert abs(when - now - datetime.timedelta(days=days)) < datetime.timedelta(minutes=10)


@pytest.mark.parametrize("max_age", [7, "7", 7.9])
def test_max_age_is_a_whole_number(max_age: Any) -> None:
    assert set_one("a", "b", max_age=max_age) == "a=b; Max-Age=7; Path=/"


@pytest.mark.parametrize("name", ["a b", "a;b", "a=b", "é", "", "a/b", "path", "Expires", "a\n"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(CookieError):
        set_one(name, "v")


@pytest.mark.parametrize("value", ["b c", "a\tb", "a\r\nSet-Cookie: x", "\0"])
def test_values_that_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match="cookie 'a' can not have the value"):
        set_one("a", value)


@pytest.mark.parametrize("value", [None, 5])
def test_values_are_text(value: Any) -> None:
    with pytest.raises(TypeError):
        set_one("a", value)


@pytest.mark.parametrize("bad", ["/;Secure", "x y", "x\ny", "x\x7f", "\t"])
@pytest.mark.parametrize(
    "attribute", ["path", "domain", "samesite", "Path", "Domain", "SameSite", "comment", "Max-Age"]
)
def test_attributes_can_not_smuggle_others(attribute: str, bad: str) -> None:
    with pytest.raises(CookieError, match=f"Invalid cookie attribute {attribute}="):
        set_one("a", "b", **{attribute: bad})


def test_max_age_can_not_smuggle_others() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        set_one("a", "b", max_age="5;Secure")


@pytest.mark.parametrize(
    ("given", "wire"),
    [
        ({"HttpOnly": True}, "a=b; HttpOnly; Path=/"),
        ({"Secure": True, "Path": "/zz"}, "a=b; Path=/zz; Secure"),
        ({"Max-Age": 5}, "a=b; Max-Age=5; Path=/"),
        ({"version": 1}, "a=b; Path=/; Version=1"),
        ({"HttpOnly": False, "httponly": True}, "a=b; Path=/"),
    ],
)
def test_other_spellings_work_with_a_warning(given: dict[str, Any], wire: str) -> None:
    with pytest.warns(DeprecationWarning, match="set_cookie: use its named arguments"):
        assert set_one("a", "b", **given) == wire


@pytest.mark.parametrize("name", ["bogus", "Max_Age", "expires_Days"])
def test_unknown_attributes(name: str) -> None:
    with pytest.raises(CookieError):
        set_one("a", "b", **{name: 1})


def test_a_refused_cookie_leaves_nothing_behind() -> None:
    handler = Handler()
    handler.set_cookie("a", "1")
    with pytest.raises(CookieError):
        handler.set_cookie("a", "2", path="/;x")
    with pytest.raises(CookieError):
        handler.set_cookie("b", "2", bogus=1)
    assert handler.wire == ["a=1; Path=/"]


def test_setting_again_replaces_and_moves_to_the_end() -> None:
    handler = Handler("a=0")
    handler.set_cookie("a", "1", domain="d")
    handler.set_cookie("b", "1")
    handler.set_cookie("a", "2", path="/x")
    assert handler.wire == ["b=1; Path=/", "a=2; Path=/x"]
    assert handler.get_cookie("a") == "0"


def test_clear_cookie() -> None:
    handler = Handler()
    handler.clear_cookie("a", domain="d.com", path="/p", secure=True, samesite="Lax")
    (line,) = handler.wire
    match = re.fullmatch(
        r'a=""; Domain=d\.com; expires=\w{3}, \d\d \w{3} (\d{4}) [\d:]{8} GMT; Path=/p; '
        "SameSite=Lax; Secure",
        line,
    )
    assert match
    assert int(match[1]) in (time.gmtime().tm_year - 1, time.gmtime().tm_year - 2)


@pytest.mark.parametrize("fixed", ["expires", "max_age"])
def test_clear_cookie_knows_the_time_itself(fixed: str) -> None:
    with pytest.raises(TypeError, match=fixed):
        Handler().clear_cookie("a", **{fixed: 1})


def test_clear_all_cookies() -> None:
    handler = Handler("q=1; r=2")
    handler.clear_all_cookies(path="/a")
    assert [line.partition("=")[0] for line in handler.wire] == ["q", "r"]
    assert all(line.endswith("; Path=/a") for line in handler.wire)


def test_mixin_takes_no_room() -> None:
    assert CookiesMixin.__slots__ == ()
    assert not hasattr(CookiesMixin(), "__dict__")
