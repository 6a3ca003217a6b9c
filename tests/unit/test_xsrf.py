"""XSRF tokens, origins, and the current user, without a server."""

import hmac
import re
import time
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from whirlwind.httputil import HTTPHeaders, HTTPServerRequest
from whirlwind.web.errors import HTTPError
from whirlwind.web.origins import OriginsMixin, is_origin_of_host
from whirlwind.web.users import UsersMixin
from whirlwind.web.xsrf import XsrfMixin

V2 = re.compile(rb"2\|[0-9a-f]{8}\|[0-9a-f]{32}\|[0-9]{10}")


class Handler(XsrfMixin):
    def __init__(
        self,
        cookie: str | None = None,
        method: str = "POST",
        uri: str = "/",
        fields: dict[str, str] | None = None,
        **options: Any,
    ) -> None:
        headers = HTTPHeaders({"Host": "x", **(fields or {})})
        if cookie is not None:
            headers["Cookie"] = cookie
        self.request = HTTPServerRequest(method, uri, headers=headers)
        self.application = SimpleNamespace(settings=options)  # type: ignore[assignment]

    def require_setting(self, name: str, feature: str = "") -> None:
        if not self.application.settings.get(name):
            raise LookupError(name)

    @property
    def wire(self) -> list[str]:
        jar = getattr(self, "_new_cookie", None) or {}
        return [morsel.OutputString(None) for morsel in jar.values()]


def raw(token: str | bytes) -> bytes | None:
    return Handler()._decode_xsrf_token(token if isinstance(token, str) else token.decode())[1]


# --- making tokens --------------------------------------------------------------------------------


def test_a_new_token() -> None:
    handler = Handler()
    token = handler.xsrf_token
    assert V2.fullmatch(token)
    assert handler.xsrf_token is token
    assert handler.wire == [f"_xsrf={token.decode()}; Path=/"]
    version, secret, when = handler._get_raw_xsrf_token()
    assert version is None
    assert (len(secret), secret) == (16, raw(token))
    assert abs(time.time() - when) < 600


def test_a_token_of_version_1() -> None:
    handler = Handler(xsrf_cookie_version=1)
    token = handler.xsrf_token
    assert re.fullmatch(rb"[0-9a-f]{32}", token)
    assert handler.wire == [f"_xsrf={token.decode()}; Path=/"]
    assert raw(token) == handler._get_raw_xsrf_token()[1]


@pytest.mark.parametrize("version", [0, 3, "2", None])
def test_unknown_versions(version: Any) -> None:
    handler = Handler(xsrf_cookie_version=version)
    with pytest.raises(ValueError, match="'xsrf_cookie_version' is"):
        handler.xsrf_token  # noqa: B018
    assert handler.wire == []


def test_nothing_is_set_before_the_token_is_read() -> None:
    handler = Handler()
    with pytest.raises(HTTPError):
        handler.check_xsrf_cookie()
    assert handler.wire == []


def test_the_cookie_of_the_client_stays_and_its_token_looks_new() -> None:
    first = Handler().xsrf_token
    tokens = {first}
    for _ in range(9):
        handler = Handler(f"_xsrf={first.decode()}")
        tokens.add(handler.xsrf_token)
        assert handler.wire == []
    assert len(tokens) == 10
    assert len({raw(token) for token in tokens}) == 1
    assert len({token.split(b"|")[3] for token in tokens}) == 1  # the time it was made


def test_every_client_has_its_own() -> None:
    for version in (1, 2):
        tokens = {raw(Handler(xsrf_cookie_version=version).xsrf_token) for _ in range(10)}
        assert len(tokens) == 10


def test_from_version_1_to_2_and_back() -> None:
    v1 = Handler(xsrf_cookie_version=1).xsrf_token.decode()
    v2 = Handler(f"_xsrf={v1}").xsrf_token.decode()
    assert V2.fullmatch(v2.encode())
    assert raw(v2) == raw(v1)
    back = Handler(f"_xsrf={v2}", xsrf_cookie_version=1)
    assert back.xsrf_token.decode() == v1
    assert back.wire == []


@pytest.mark.parametrize("cookie", ["", "2|", "3|x", "2|01020304||5", "2|0102|aabb|5"])
def test_a_useless_cookie_is_replaced(cookie: str) -> None:
    handler = Handler(f"_xsrf={cookie}")
    token = handler.xsrf_token
    assert V2.fullmatch(token)
    assert handler.wire == [f"_xsrf={token.decode()}; Path=/"]


def test_s43_xsrf_cookie_kwargs() -> None:
    options = {"httponly": True, "secure": True, "samesite": "Strict", "domain": "d.com"}
    handler = Handler(xsrf_cookie_kwargs=options)
    token = handler.xsrf_token.decode()
    assert handler.wire == [
        f"_xsrf={token}; Domain=d.com; HttpOnly; Path=/; SameSite=Strict; Secure"
    ]


@pytest.mark.parametrize(
    ("user", "options", "expires"),
    [
        (None, None, False),
        ("", {}, False),
        ("ann", None, True),
        ("ann", {"expires_days": None}, False),
        (None, {"expires_days": 2}, True),
    ],
)
def test_s43_the_cookie_of_a_user_lasts(user: Any, options: Any, expires: bool) -> None:
    handler = Handler(xsrf_cookie_kwargs=options)
    handler.current_user = user
    handler.xsrf_token  # noqa: B018
    (line,) = handler.wire
    assert ("expires=" in line) is expires


def test_s43_a_number_of_days() -> None:
    days = {}
    for given_days in (None, 2):
        handler = Handler(xsrf_cookie_kwargs={"expires_days": given_days} if given_days else {})
        handler.current_user = "ann"
        handler.xsrf_token  # noqa: B018
        match = re.search(r"expires=\w+, (.*) GMT", handler.wire[0])
        assert match
        when = time.mktime(time.strptime(match[1], "%d %b %Y %H:%M:%S")) - time.timezone
        days[given_days] = round((when - time.time()) / 86400)
    assert days == {None: 30, 2: 2}


def test_cookie_name() -> None:
    options: dict[str, Any] = {
        "xsrf_cookie_name": "__Host-x",
        "xsrf_cookie_kwargs": {"secure": True},
    }
    handler = Handler("_xsrf=deadbeef", **options)
    token = handler.xsrf_token.decode()
    assert handler.wire == [f"__Host-x={token}; Path=/; Secure"]
    # The argument has its name still.
    Handler(f"__Host-x={token}", uri=f"/?_xsrf={token}", **options).check_xsrf_cookie()
    with pytest.raises(HTTPError, match="argument missing"):
        Handler(f"__Host-x={token}", uri=f"/?__Host-x={token}", **options).check_xsrf_cookie()
    with pytest.raises(HTTPError, match="does not match"):
        Handler(f"_xsrf={token}", uri=f"/?_xsrf={token}", **options).check_xsrf_cookie()


def test_form() -> None:
    handler = Handler()
    token = handler.xsrf_token.decode()
    assert handler.xsrf_form_html() == f'<input type="hidden" name="_xsrf" value="{token}"/>'


# --- reading tokens -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "version", "token"),
    [
        ("2|00000000|deadbeef|5", 2, b"\xde\xad\xbe\xef"),
        ("2|01020304|DEADBEEF|5", 2, b"\xdf\xaf\xbd\xeb"),
        ("2|01020304|deadbeef01|5", 2, b"\xdf\xaf\xbd\xeb\x00"),
        ("deadBEEF", 1, b"\xde\xad\xbe\xef"),
        ("abc", 1, b"abc"),
        ("xoxo", 1, b"xoxo"),
        ("é", 1, "é".encode()),
        ("x|y", 1, b"x|y"),
        ("02|00000000|deadbeef|5", 1, b"02|00000000|deadbeef|5"),
        ("0|1", 1, b"0|1"),
        ("2", 1, b"2"),
        ("|", 1, b"|"),
        ("٢|00000000|deadbeef|5", 1, "٢|00000000|deadbeef|5".encode()),
    ],
)
def test_decoding(text: str, version: int, token: bytes) -> None:
    found = Handler()._decode_xsrf_token(text)
    assert found[:2] == (version, token)
    if version == 2:
        assert found[2] == 5
    else:
        assert found[2] is not None
        assert abs(found[2] - time.time()) < 600


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1|deadbeef",
        "3|",
        "999|x",
        "1234|x",
        "1" * 5000 + "|",
        "2|",
        "2|00000000|deadbeef",
        "2|00000000|deadbeef|5|6",
        "2|0000|deadbeef|5",
        "2|0000000000|deadbeef|5",
        "2||deadbeef|5",
        "2|0000000g|deadbeef|5",
        "2|00000000|deadbee|5",
        "2|00000000|dead bf|5",
        "2|00000000||5",
        "2|00000000|deadbeef|",
        "2|00000000|deadbeef|x",
        "2|00000000|deadbeef|-5",
        "2|00000000|deadbeef|1.5",
        "2|00000000|deadbeef|" + "9" * 5000,
        "2|00000000|deadbeef|5\n",
        "2|é|é|é",
        "\ud800",
    ],
)
def test_no_tokens(text: str) -> None:
    assert Handler()._decode_xsrf_token(text) == (None, None, None)


@given(st.text() | st.text("2|0af:", max_size=40))
@example("2|00000000|00|5")
def test_decoding_never_raises(text: str) -> None:
    version, token, when = Handler()._decode_xsrf_token(text)
    assert (version is None) == (token is None) == (when is None)
    assert token != b""


# --- checking -------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["deadbeef", "xoxo", "~!", "2|01020304|deadbeef|5"])
def test_a_token_of_the_clients_own_making(token: str) -> None:
    cookie = f"_xsrf={token}"
    Handler(cookie, uri=f"/?_xsrf={token}").check_xsrf_cookie()
    Handler(cookie, fields={"X-Xsrftoken": token}).check_xsrf_cookie()
    Handler(cookie, fields={"x-csrftoken": token}).check_xsrf_cookie()


@pytest.mark.parametrize(
    ("cookie", "uri", "fields", "message"),
    [
        (None, "/", {}, "'_xsrf' argument missing"),
        ("_xsrf=ab", "/", {}, "'_xsrf' argument missing"),
        ("_xsrf=ab", "/?_xsrf=", {}, "'_xsrf' argument missing"),
        ("_xsrf=ab", "/?_xsrf=ab&_xsrf=", {}, "'_xsrf' argument missing"),
        ("_xsrf=ab", "/", {"X-Csrf-Token": "ab"}, "'_xsrf' argument missing"),
        ("_xsrf=ab", "/?_xsrf=3|", {}, "'_xsrf' argument has invalid format"),
        ("_xsrf=2|01020304||5", "/?_xsrf=2|01020304||5", {}, "'_xsrf' argument has invalid format"),
        (None, "/?_xsrf=ab", {}, "XSRF cookie does not match POST"),
        ("_xsrf=", "/?_xsrf=ab", {}, "XSRF cookie does not match POST"),
        ("_xsrf=3|", "/?_xsrf=ab", {}, "XSRF cookie does not match POST"),
        ("_xsrf=ab", "/?_xsrf=ac", {}, "XSRF cookie does not match POST"),
        ("_xsrf=ab", "/?_xsrf=abab", {}, "XSRF cookie does not match POST"),
        # The first one with a value counts, not any that fits.
        ("_xsrf=ab", "/?_xsrf=ac", {"X-Xsrftoken": "ab"}, "XSRF cookie does not match POST"),
        (
            "_xsrf=ab",
            "/",
            {"X-Xsrftoken": "ac", "X-Csrftoken": "ab"},
            "XSRF cookie does not match POST",
        ),
    ],
)
def test_refusals(cookie: str | None, uri: str, fields: dict[str, str], message: str) -> None:
    with pytest.raises(HTTPError) as raised:
        Handler(cookie, uri=uri, fields=fields).check_xsrf_cookie()
    assert raised.value.status_code == 403
    assert (raised.value.get_message() or "").startswith(message)


def test_empty_arguments_give_way_to_fields() -> None:
    Handler("_xsrf=ab", uri="/?_xsrf=%20", fields={"X-Xsrftoken": "ab"}).check_xsrf_cookie()
    fields = {"X-Xsrftoken": "", "X-Csrftoken": "ab"}
    Handler("_xsrf=ab", fields=fields).check_xsrf_cookie()


def test_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((a, b)))
    with pytest.raises(HTTPError):
        Handler("_xsrf=abcd", uri="/?_xsrf=abcd").check_xsrf_cookie()
    assert compared == [(b"\xab\xcd", b"\xab\xcd")]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_methods(method: str) -> None:
    options: dict[str, Any] = {"xsrf_cookies": True, "cross_origin_protection": True}
    fields = {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil"}
    Handler(method=method, fields=fields, **options)._ww_check_cross_site()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "PROPFIND", "get", "QUERY"])
@pytest.mark.parametrize("setting", ["xsrf_cookies", "cross_origin_protection"])
def test_all_other_methods(method: str, setting: str) -> None:
    fields = {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil"}
    on: dict[str, Any] = {setting: True}
    off: dict[str, Any] = {setting: False}
    with pytest.raises(HTTPError):
        Handler(method=method, fields=fields, **on)._ww_check_cross_site()
    Handler(method=method, fields=fields, **off)._ww_check_cross_site()
    Handler(method=method, fields=fields)._ww_check_cross_site()


# --- origins --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://h", "h", True),
        ("https://h", "h", True),
        ("HTTP://H", "h", True),
        ("http://h", "H", True),
        ("http://h:5", "h:5", True),
        ("http://[::1]:5", "[::1]:5", True),
        ("http://h/", "h", True),
        ("http://h/x://y", "h", True),
        ("http://h?x", "h", True),
        ("http://h#x", "h", True),
        ("http://h:80", "h", False),
        ("http://h", "h:80", False),
        ("http://h.", "h", False),
        ("http://u@h", "h", False),
        ("http://h@evil", "h", False),
        ("http://evil\\@h", "h", False),
        ("http://evil#h", "h", False),
        ("http://evil/h", "h", False),
        ("http://evil?://h", "h", False),
        ("http://h, http://h", "h", False),
        ("http://h http://evil", "h", False),
        ("http://h\t", "h", False),
        ("http:///h", "h", False),
        ("http:h", "h", False),
        ("//h", "h", False),
        ("://h", "h", False),
        ("h", "h", False),
        ("null", "null", False),
        ("http://[bad", "h", False),
        ("http://", "", False),
        ("http://h", None, False),
        ("", "", False),
        ("", None, False),
    ],
)
def test_origins_of_the_host(origin: str, host: str | None, same: bool) -> None:
    assert is_origin_of_host(origin, host) is same


@pytest.mark.parametrize(
    ("trusted", "origin", "expected"),
    [
        (["http://a"], "http://a", True),
        (("http://b", "http://a"), "http://a", True),
        ({"http://a"}, "http://a", True),
        (["http://a"], "http://A", False),
        (["http://a"], "http://a/", False),
        (["http://a"], "https://a", False),
        (["http://a"], "http://a:80", False),
        (["http://a"], "", False),
        (["http://a"], "null", False),
        (["null"], "null", True),
        ([], "http://a", False),
        (None, "http://a", False),
        ("http://a", "http://a", True),
        ("http://a, http://b", "http://a", False),
        ("http://a", "", False),
    ],
)
def test_trusted_origins(trusted: Any, origin: str, expected: bool) -> None:
    assert Handler(trusted_origins=trusted).check_trusted_origin(origin) is expected
    assert Handler().check_trusted_origin(origin) is False


OWN, TRUSTED, EVIL = "http://x", "http://trusted", "http://evil"


@pytest.mark.parametrize(
    ("site", "accepted"),
    [
        # Which of: no Origin, our own, a trusted one, another.
        (None, [True, True, True, False]),
        ("same-origin", [True, True, True, True]),
        ("none", [True, True, True, True]),
        ("same-site", [False, False, True, False]),
        ("cross-site", [False, False, True, False]),
        ("", [False, False, True, False]),
        ("Same-Origin", [False, False, True, False]),
        ("same-origin,none", [False, False, True, False]),
        ("sibling", [False, False, True, False]),
    ],
)
def test_table_of_sec_fetch_site(site: str | None, accepted: list[bool]) -> None:
    for origin, expected in zip((None, OWN, TRUSTED, EVIL), accepted, strict=True):
        fields = {} if site is None else {"Sec-Fetch-Site": site}
        if origin is not None:
            fields["Origin"] = origin
        handler = Handler(fields=fields, trusted_origins=[TRUSTED])
        if expected:
            handler._ww_check_origin()
        else:
            with pytest.raises(HTTPError, match="not allowed") as raised:
                handler._ww_check_origin()
            assert raised.value.status_code == 403


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"Origin": "null"}, "Origin 'null' not allowed"),
        ({"Origin": "\x9b1m" + "x" * 500}, "Origin '\\x9b1m" + "x" * 97 + "' not allowed"),
        (
            {"Sec-Fetch-Site": "cross-site"},
            "Sec-Fetch-Site cross-site from origin None not allowed",
        ),
        (
            {"Sec-Fetch-Site": "\x9b", "Origin": EVIL},
            "Sec-Fetch-Site \\x9b from origin 'http://evil' not allowed",
        ),
    ],
)
def test_messages_of_origins(fields: dict[str, str], message: str) -> None:
    with pytest.raises(HTTPError) as raised:
        Handler(fields=fields)._ww_check_origin()
    assert raised.value.get_message() == message


def test_trust_is_asked_for_foreign_requests_only() -> None:
    asked = []

    class Asking(Handler):
        def check_trusted_origin(self, origin: str) -> bool:
            asked.append(origin)
            return True

    for fields in (
        {},
        {"Origin": OWN},
        {"Sec-Fetch-Site": "same-origin", "Origin": EVIL},
        {"Sec-Fetch-Site": "none", "Origin": EVIL},
    ):
        Asking(fields=fields)._ww_check_origin()
    assert asked == []
    Asking(fields={"Sec-Fetch-Site": "cross-site", "Origin": OWN})._ww_check_origin()
    Asking(fields={"Origin": EVIL})._ww_check_origin()
    assert asked == [OWN, EVIL]
    with pytest.raises(HTTPError):  # nothing to ask about
        Asking(fields={"Sec-Fetch-Site": "cross-site"})._ww_check_origin()


# --- users ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["ann", None, "", 0])
def test_the_user_is_looked_up_once(user: object) -> None:
    calls = []

    class Known(Handler):
        def get_current_user(self) -> object:
            calls.append(1)
            return user

    handler = Known()
    assert not hasattr(handler, "_current_user")
    assert handler.current_user == handler.current_user == handler._current_user == user
    assert calls == [1]
    handler.current_user = "bob"
    assert (handler.current_user, handler._current_user) == ("bob", "bob")
    assert calls == [1]


def test_nobody_by_default() -> None:
    assert Handler().get_current_user() is None
    assert Handler().current_user is None


def test_errors_of_the_application_are_its_own() -> None:
    class Broken(Handler):
        def get_current_user(self) -> None:
            raise AttributeError("mine")

    with pytest.raises(AttributeError, match="mine") as raised:
        Broken().current_user  # noqa: B018
    assert raised.value.__context__ is None


def test_login_url() -> None:
    assert Handler(login_url="/login").get_login_url() == "/login"
    with pytest.raises(LookupError, match="login_url"):
        Handler().get_login_url()


@pytest.mark.parametrize("mixin", [XsrfMixin, OriginsMixin, UsersMixin])
def test_mixins_take_no_room(mixin: type) -> None:
    assert not hasattr(mixin(), "__dict__")
