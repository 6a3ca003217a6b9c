"""Signed values, and the cookies made of them."""

import base64
import functools
import hashlib
import hmac
import itertools
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whirlwind import web
from whirlwind.web import create_signed_value, decode_signed_value, get_signature_key_version
from whirlwind.web.signed_cookies import SignedCookiesMixin
from whirlwind.web.signed_values import signature_v1, signature_v2

SECRET = "the secret of these tests"
KEYS: dict[int, str | bytes] = {0: "key zero", 3: b"key three"}
NOW = 1_700_000_000
DAY = 86400


def at(seconds: float) -> Callable[[], float]:
    return lambda: seconds


sign = functools.partial(create_signed_value, SECRET, "name", clock=at(NOW))
read = functools.partial(decode_signed_value, SECRET, "name", clock=at(NOW))


def forge_v2(signed: str | bytes, secret: str = SECRET) -> bytes:
    """Any text with a signature that is right."""
    data = signed.encode() if isinstance(signed, str) else signed
    return data + hmac.new(secret.encode(), data, hashlib.sha256).hexdigest().encode()


def forge_v1(encoded: bytes, timestamp: bytes) -> bytes:
    mac = hmac.new(SECRET.encode(), b"name" + encoded + timestamp, hashlib.sha1)
    return b"|".join((encoded, timestamp, mac.hexdigest().encode()))


# --- formats --------------------------------------------------------------------------------------


def test_constants() -> None:
    assert web.MIN_SUPPORTED_SIGNED_VALUE_VERSION == 1
    assert web.MAX_SUPPORTED_SIGNED_VALUE_VERSION == 2
    assert web.DEFAULT_SIGNED_VALUE_VERSION == 2
    assert web.DEFAULT_SIGNED_VALUE_MIN_VERSION == 1


def test_version_2_on_the_wire() -> None:
    expected = forge_v2("2|1:0|10:1700000000|4:name|4:dmFs|")
    assert sign("val") == sign(b"val", version=2) == expected
    assert read(expected) == b"val"


def test_version_1_on_the_wire() -> None:
    expected = forge_v1(b"dmFs", b"1700000000")
    assert sign("val", version=1) == expected
    assert read(expected) == b"val"


def test_fractions_of_a_second_are_cut_off() -> None:
    assert create_signed_value(SECRET, "name", "val", clock=at(NOW + 0.9)) == sign("val")


def test_the_clock_is_the_systems_by_default() -> None:
    assert decode_signed_value(SECRET, "n", create_signed_value(SECRET, "n", "v")) == b"v"
    assert decode_signed_value(SECRET, "name", sign("v")) is None  # years ago


def test_private_names_that_tests_for_tornado_use() -> None:
    assert web._create_signature_v1 is signature_v1  # type: ignore[attr-defined]
    assert web._create_signature_v2 is signature_v2  # type: ignore[attr-defined]
    assert forge_v1(b"dmFs", b"5").endswith(signature_v1(SECRET, "name", b"dmFs", b"5"))
    assert forge_v2("2|").endswith(signature_v2(SECRET, b"2|"))


@pytest.mark.parametrize("size", [1, 63, 64, 65, 200])
def test_keys_of_any_length(size: int) -> None:
    """RFC 2104 section 2: a key longer than a block of the hash is hashed first."""
    secret = "k\xe9y" * size
    expected = forge_v2("2|1:0|10:1700000000|4:name|4:dmFs|", secret)
    for key in (secret, secret.encode()):
        assert create_signed_value(key, "name", "val", clock=at(NOW)) == expected
        assert decode_signed_value(key, "name", expected, clock=at(NOW)) == b"val"


@pytest.mark.parametrize("name", ["", "|", "a|4:dmFs|b", ":", "5:", "|0:|"])
def test_names_may_look_like_fields(name: str) -> None:
    signed = create_signed_value(KEYS, name, "val", clock=at(NOW), key_version=3)
    assert decode_signed_value(KEYS, name, signed, clock=at(NOW)) == b"val"
    assert get_signature_key_version(signed) == 3


@given(
    st.binary(max_size=40), st.text(st.characters(exclude_categories=["Cs"]), max_size=9), st.data()
)
def test_round_trip(value: bytes, name: str, data: st.DataObject) -> None:
    version = data.draw(st.sampled_from([1, 2, None]))
    signed = create_signed_value(SECRET, name, value, version, clock=at(NOW))
    for text in (signed, signed.decode()):
        assert decode_signed_value(SECRET, name, text, clock=at(NOW)) == value
        assert decode_signed_value(SECRET, name.encode(), text, clock=at(NOW)) == value
        assert decode_signed_value(SECRET + "x", name, text, clock=at(NOW)) is None
        assert decode_signed_value(SECRET, name + "x", text, clock=at(NOW)) is None


@pytest.mark.parametrize("version", [0, 3, -1, "2"])
def test_unknown_versions(version: Any) -> None:
    with pytest.raises(ValueError, match="unsupported version"):
        sign("val", version=version)


@pytest.mark.parametrize("value", [None, 5])
def test_values_are_text_or_bytes(value: Any) -> None:
    with pytest.raises(TypeError):
        sign(value)


def test_min_version() -> None:
    v1, v2 = sign("val", version=1), sign("val")
    for min_version in (None, 0, 1):
        assert read(v1, min_version=min_version) == read(v2, min_version=min_version) == b"val"
    assert read(v1, min_version=2) is None
    assert read(v2, min_version=2) == b"val"
    for value in (v1, v2, None):
        with pytest.raises(ValueError, match="unsupported min_version"):
            read(value, min_version=3)


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key_version", [0, 3])
def test_keys_by_version(key_version: int) -> None:
    signed = create_signed_value(KEYS, "name", "v", clock=at(NOW), key_version=key_version)
    assert get_signature_key_version(signed) == key_version
    assert decode_signed_value(KEYS, "name", signed, clock=at(NOW)) == b"v"
    # A key that was withdrawn, and one that was replaced.
    rest = {version: key for version, key in KEYS.items() if version != key_version}
    assert decode_signed_value(rest, "name", signed, clock=at(NOW)) is None
    other = {**KEYS, key_version: "another"}
    assert decode_signed_value(other, "name", signed, clock=at(NOW)) is None
    # The key alone opens it too.
    assert decode_signed_value(KEYS[key_version], "name", signed, clock=at(NOW)) == b"v"


def test_a_single_key_may_have_a_version() -> None:
    signed = sign("v", key_version=7)
    assert signed.startswith(b"2|1:7|")
    assert read(signed) == b"v"
    assert decode_signed_value({7: SECRET}, "name", signed, clock=at(NOW)) == b"v"
    assert decode_signed_value({0: SECRET}, "name", signed, clock=at(NOW)) is None


def test_keys_that_are_not_there() -> None:
    with pytest.raises(ValueError, match="key_version must say which key"):
        create_signed_value(KEYS, "name", "v")
    with pytest.raises(KeyError, match="no key of version 1"):
        create_signed_value(KEYS, "name", "v", key_version=1)


def test_version_1_has_no_key_versions() -> None:
    with pytest.raises(ValueError, match="no key version"):
        create_signed_value(KEYS, "name", "v", version=1, key_version=0)
    # What a client sends is no error.
    assert decode_signed_value(KEYS, "name", sign("v", version=1), clock=at(NOW)) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2|1:0|1:5|1:n|0:||x", 0),
        ("2|2:-1|1:5|1:n|0:||x", -1),
        (b"2|3:123|1:5|1:n|0:|", 123),
        ("2|1:x|1:5|1:n|0:||x", None),
        ("2|1:0|1:5|1:n|", None),
        ("2|", None),
        ("3|1:0|1:5|1:n|0:||x", None),
        ("dmFs|1700000000|abc", None),
        ("", None),
        ("é", None),
        ("\ud800", None),
    ],
)
def test_key_version_of_anything(value: str | bytes, expected: int | None) -> None:
    assert get_signature_key_version(value) == expected


# --- age ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("age", "days", "accepted"),
    [
        (0, 31, True),
        (31 * DAY, 31, True),
        (31 * DAY + 1, 31, False),
        (DAY / 2, 0.5, True),
        (DAY / 2 + 1, 0.5, False),
        (0, 0, True),
        (1, 0, False),
        (1000 * DAY, 1001, True),
        (-DAY, 31, True),
        (-31 * DAY, 31, True),
        (0, -1, False),
    ],
)
def test_age(version: int, age: float, days: float, accepted: bool) -> None:
    signed = sign("v", version=version)
    value = read(signed, max_age_days=days, clock=at(NOW + age))
    assert value == (b"v" if accepted else None)


def test_default_age() -> None:
    signed = sign("v")
    assert read(signed, clock=at(NOW + 31 * DAY)) == b"v"
    assert read(signed, clock=at(NOW + 31 * DAY + 1)) is None


@pytest.mark.parametrize(("version", "value"), [(1, None), (2, b"v")])
def test_far_in_the_future(version: int, value: bytes | None) -> None:
    """Only the fields of version 1 could have been shifted to make such a time."""
    assert read(sign("v", version=version), clock=at(NOW - 31 * DAY - 1)) == value


# --- tampering ------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
def test_every_changed_byte_is_found(version: int) -> None:
    signed = sign("value", version=version)
    for position, new in itertools.product(range(len(signed)), b"0a|:=\xff"):
        changed = signed[:position] + bytes([new]) + signed[position + 1 :]
        assert read(changed) == (b"value" if changed == signed else None)


@pytest.mark.parametrize("version", [1, 2])
def test_every_length_is_found(version: int) -> None:
    signed = sign("value", version=version)
    for size in range(len(signed)):
        assert read(signed[:size]) is None
        assert read(signed[size + 1 :]) is None
    for more in (b"0", b"|", b"\n", b" ", b"\0"):
        assert read(signed + more) is None
        assert read(more + signed) is None


def test_signatures_are_lower_case() -> None:
    signed = sign("value")
    assert read(signed[:-64] + signed[-64:].upper()) is None


def test_version_2_does_not_move_bytes_between_fields() -> None:
    signed = create_signed_value(SECRET, "ab", "value", clock=at(NOW)).decode()
    moved = signed.replace("|2:ab|8:dmFsdWU=|", "|6:abdmFs|4:dWU=|")
    assert moved != signed
    assert decode_signed_value(SECRET, "abdmFs", moved, clock=at(NOW)) is None


def test_version_1_digits_moved_to_the_time(caplog: pytest.LogCaptureFixture) -> None:
    """The signature does not notice; the time does."""
    encoded, _, signature = sign(base64.b64decode("12345678"), version=1).split(b"|")
    assert encoded == b"12345678"
    assert read(b"1234|5678%d|%b" % (NOW, signature)) is None
    assert "in future" in caplog.text
    encoded, _, signature = sign(base64.b64decode("12340000"), version=1).split(b"|")
    assert read(b"1234|0000%d|%b" % (NOW, signature)) is None
    assert "zero" in caplog.text


@pytest.mark.parametrize(
    "signed",
    [
        "2|1:0|10:170000000x|4:name|4:dmFs|",
        "2|1:0|12:1700000000.5|4:name|4:dmFs|",
        "2|1:0|11:+1700000000|4:name|4:dmFs|",
        "2|1:0|13:1_700_000_000|4:name|4:dmFs|",
        "2|1:0|5000:" + "9" * 5000 + "|4:name|4:dmFs|",
        "2|1:0|0:|4:name|4:dmFs|",
        "2|1:x|10:1700000000|4:name|4:dmFs|",
        "2|0:|10:1700000000|4:name|4:dmFs|",
        "2|1:0|10:1700000000|4:nami|4:dmFs|",
        "2|1:0|10:1700000000|4:name|4:d$Fs|",
        "2|1:0|10:1700000000|4:name|6:d$mF$s|",
        "2|1:0|10:1700000000|4:name|3:dmF|",
        "2|1:0|10:1700000000|4:name|4:dmFs",
        "2|1:0|10:1700000000|4:name|4:dmFs|1:x|",
        "2|1:0|10:1700000000|4:name|+4:dmFs|",
        "2|1:0|10:1700000000|4:name|-4:dmFs|",
        "2|1:0|10:1700000000|4:name|9999999999:dmFs|",
        "2|1:0|10:1700000000|4:name|" + "9" * 5000 + ":dmFs|",
        "2|1:0|10:1700000000|4:name|5:dmFs|",
        "2|1:0|10:1700000000|4:name|:dmFs|",
        "2|1:0|10:1700000000|4:name|4dmFs|",
        "02|1:0|10:1700000000|4:name|4:dmFs|",
        "3|1:0|10:1700000000|4:name|4:dmFs|",
        "2||||||",
        "2|",
    ],
)
def test_malformed_with_the_right_signature(signed: str) -> None:
    assert read(forge_v2(signed)) is None
    assert decode_signed_value({0: SECRET}, "name", forge_v2(signed), clock=at(NOW)) is None


@pytest.mark.parametrize(
    ("encoded", "timestamp"),
    [
        (b"dmFs", b"170000000x"),
        (b"dmFs", b""),
        (b"dmFs", b"+1700000000"),
        (b"dmFs", b"01700000000"),
        (b"dmFs", b"-5"),
        (b"dmFs", b"9" * 5000),
        (b"dmF", b"1700000000"),
        (b"d$mF$s", b"1700000000"),
        (b"2", b"1700000000"),
        (b"999", b"1700000000"),
    ],
)
def test_malformed_version_1_with_the_right_signature(encoded: bytes, timestamp: bytes) -> None:
    assert read(forge_v1(encoded, timestamp)) is None


@settings(max_examples=300)
@given(
    st.one_of(
        st.none(),
        st.text(),
        st.binary(),
        st.lists(st.sampled_from(["2", "|", "1:0", "4:name", ":", "9", "é", "\ud800", "="])).map(
            "".join
        ),
    )
)
def test_garbage_never_raises(value: str | bytes | None) -> None:
    for secret in (SECRET, KEYS):
        assert decode_signed_value(secret, "name", value) is None
    if value is not None:
        assert isinstance(get_signature_key_version(value), int | None)


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(first: bytes, second: bytes) -> bool:
        compared.append((first, second))
        return False

    signed = [sign("v", version=version) for version in (1, 2)]
    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert [read(value) for value in signed] == [None, None]
    assert [a == b for a, b in compared] == [True, True]


def test_the_log_has_one_line_and_no_value(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    v1 = sign("v", version=1)
    read(v1[:-1] + b"x")
    read(v1, clock=at(NOW + 40 * DAY))
    read(v1, clock=at(NOW - 40 * DAY))
    messages = [record.getMessage() for record in caplog.records]
    starts = ["Invalid cookie signature", "Expired cookie", "Cookie timestamp in future"]
    assert [message.split(":")[0] for message in messages] == starts
    assert all(record.levelno == logging.WARNING for record in caplog.records)
    assert not any("dg==" in message for message in messages)


# --- the methods of handlers ----------------------------------------------------------------------


class Handler(SignedCookiesMixin):
    def __init__(self, sent: str | None = None, **options: Any) -> None:
        self.application = SimpleNamespace(settings=options)  # type: ignore[assignment]
        self.sent = sent
        self.set: dict[str, tuple[Any, dict[str, Any]]] = {}

    def require_setting(self, name: str, feature: str = "") -> None:
        if not self.application.settings.get(name):
            raise LookupError(name)

    def get_cookie(self, name: str, default: str | None = None) -> str | None:
        assert name == "c"
        return self.sent

    def set_cookie(self, name: str, value: Any, **options: Any) -> None:  # type: ignore[override]
        self.set[name] = (value, options)


def test_cookie_round_trip() -> None:
    handler = Handler(cookie_secret=SECRET)
    handler.set_signed_cookie("c", "val", domain="d")
    value, options = handler.set["c"]
    assert options == {"expires_days": 30, "domain": "d"}
    assert value == handler.create_signed_value("c", b"val")
    reader = Handler(value.decode(), cookie_secret=SECRET)
    assert reader.get_signed_cookie("c") == b"val"
    assert reader.get_signed_cookie_key_version("c") == 0
    assert Handler(value.decode(), cookie_secret="x").get_signed_cookie("c") is None


def test_cookie_arguments() -> None:
    handler = Handler(cookie_secret=SECRET)
    handler.set_secure_cookie("c", b"\xe9", expires_days=None, version=1)
    value, options = handler.set["c"]
    assert options == {"expires_days": None}
    assert value.count(b"|") == 2
    assert handler.get_secure_cookie("c", value) == b"\xe9"
    assert handler.get_secure_cookie("c", value, min_version=2) is None
    assert handler.get_secure_cookie("c", value, max_age_days=-1) is None
    assert handler.get_secure_cookie_key_version("c", value) is None
    other = handler.create_signed_value("other", "v")
    assert handler.get_signed_cookie("other", other) == b"v"
    assert handler.get_signed_cookie("c", other) is None


def test_no_cookie() -> None:
    handler = Handler(cookie_secret=SECRET)
    assert handler.get_signed_cookie("c") is None
    assert handler.get_signed_cookie("c", "") is None
    assert handler.get_signed_cookie_key_version("c") is None
    assert handler.get_signed_cookie_key_version("c", "") is None


def test_cookies_with_key_versions() -> None:
    old = Handler(cookie_secret=KEYS, key_version=0).create_signed_value("c", "v")
    handler = Handler(old.decode(), cookie_secret=KEYS, key_version=3)
    assert handler.get_signed_cookie("c") == b"v"
    assert handler.get_signed_cookie_key_version("c") == 0
    new = handler.create_signed_value("c", "v")
    assert handler.get_signed_cookie_key_version("c", new) == 3
    with pytest.raises(ValueError, match="'key_version' must say which"):
        Handler(cookie_secret=KEYS).create_signed_value("c", "v")
    # With a single secret the setting means nothing.
    single = Handler(cookie_secret=SECRET, key_version=3).create_signed_value("c", "v")
    assert get_signature_key_version(single) == 0


@pytest.mark.parametrize("secret", [{}, {"cookie_secret": ""}, {"cookie_secret": None}])
def test_cookies_need_a_secret(secret: dict[str, Any]) -> None:
    handler = Handler("x", **secret)
    calls: list[Callable[[], object]] = [
        lambda: handler.set_signed_cookie("c", "v"),
        lambda: handler.get_signed_cookie("c"),
        lambda: handler.get_signed_cookie("c", "v"),
        lambda: handler.get_signed_cookie_key_version("c"),
        lambda: handler.create_signed_value("c", "v"),
    ]
    for call in calls:
        with pytest.raises(LookupError, match="cookie_secret"):
            call()
    assert handler.set == {}


def test_old_names() -> None:
    handler = web.RequestHandler
    assert handler.set_secure_cookie is handler.set_signed_cookie
    assert handler.get_secure_cookie is handler.get_signed_cookie
    assert handler.get_secure_cookie_key_version is handler.get_signed_cookie_key_version


def test_mixin_takes_no_room() -> None:
    assert not hasattr(SignedCookiesMixin(), "__dict__")
