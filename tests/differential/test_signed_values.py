"""Values signed here are read by Tornado and the other way round, and so are XSRF tokens.

What is decided otherwise here: malformed values never raise, lengths and times are plain digits,
and keys by version with a version 1 value are no error but no value.
"""

import functools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.differential.oracle import Oracle, tornado_python
from whirlwind.web import create_signed_value, decode_signed_value, get_signature_key_version
from whirlwind.web.xsrf import XsrfMixin

PYTHON = tornado_python()

pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="no Tornado: set WHIRLWIND_TORNADO_PYTHON to a Python that has it"
)

SETTINGS = settings(max_examples=200, deadline=None)
NOW = 1_700_000_000
DAY = 86400
KEYS: dict[int, str | bytes] = {0: "key zero", 1: "schlüssel", -7: b"\xff\0"}

secrets = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.binary())
names = st.text(st.characters(max_codepoint=127), max_size=12)
values = st.one_of(st.binary(max_size=60), st.text(st.characters(exclude_categories=["Cs"])))


def at(seconds: float) -> Any:
    """A clock that can be sent to the other process."""
    return functools.partial(float, seconds)


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    assert PYTHON is not None
    oracle = Oracle(PYTHON)
    yield oracle
    oracle.close()


def ask(oracle: Oracle, name: str, *args: Any, **kwargs: Any) -> Any:
    """What Tornado answers; it must be no error."""
    verdict, answer = oracle.call("web", name, *args, **kwargs)
    assert verdict == "ok", answer
    return answer[0]


@SETTINGS
@given(secrets, names, values, st.sampled_from([1, 2, None]), st.floats(0, 4e9))
def test_the_same_bytes(
    oracle: Oracle, secret: Any, name: str, value: Any, version: int | None, now: float
) -> None:
    given_to_both: Any = {"version": version, "clock": at(now)}
    mine = create_signed_value(secret, name, value, **given_to_both)
    assert mine == ask(oracle, "create_signed_value", secret, name, value, **given_to_both)


@SETTINGS
@given(values, st.sampled_from(list(KEYS)), st.booleans())
def test_the_same_bytes_with_key_versions(
    oracle: Oracle, value: Any, key: int, by_version: bool
) -> None:
    secret: Any = KEYS if by_version else KEYS[key]
    more: Any = {"clock": at(NOW), "key_version": key}
    mine = create_signed_value(secret, "n", value, **more)
    assert mine == ask(oracle, "create_signed_value", secret, "n", value, **more)
    plain = value.encode() if isinstance(value, str) else value
    assert ask(oracle, "decode_signed_value", KEYS, "n", mine, clock=at(NOW)) == plain
    assert ask(oracle, "get_signature_key_version", mine) == key
    rest = {version: secret for version, secret in KEYS.items() if version != key}
    assert ask(oracle, "decode_signed_value", rest, "n", mine, clock=at(NOW)) is None
    assert decode_signed_value(rest, "n", mine, clock=at(NOW)) is None


@SETTINGS
@given(
    st.sampled_from([1, 2]),
    st.integers(-40 * DAY, 40 * DAY) | st.sampled_from([0, DAY, 31 * DAY, 31 * DAY + 1, -31 * DAY]),
    st.sampled_from([0, 1, 0.5, 31, 100, -1]),
    st.sampled_from([None, 0, 1, 2]),
)
def test_the_same_age_and_version(
    oracle: Oracle, version: int, age: int, days: float, min_version: int | None
) -> None:
    signed = create_signed_value("s", "n", "v", version=version, clock=at(NOW))
    more: Any = {"max_age_days": days, "clock": at(NOW + age), "min_version": min_version}
    mine = decode_signed_value("s", "n", signed, **more)
    assert mine == ask(oracle, "decode_signed_value", "s", "n", signed, **more)


@SETTINGS
@given(
    st.sampled_from([1, 2]),
    st.lists(
        st.tuples(st.integers(0, 120), st.sampled_from([b"", b"|", b"0", b"9", b":", b"\xff"]))
    ),
)
def test_the_same_verdict_on_what_was_changed(
    oracle: Oracle, version: int, changes: list[tuple[int, bytes]]
) -> None:
    signed = create_signed_value("s", "name", "value", version=version, clock=at(NOW))
    for position, new in changes:
        signed = signed[:position] + new + signed[position + 1 :]
    verdict, answer = oracle.call("web", "decode_signed_value", "s", "name", signed, clock=at(NOW))
    expected = answer[0] if verdict == "ok" else None
    assert decode_signed_value("s", "name", signed, clock=at(NOW)) == expected


@pytest.mark.parametrize(
    ("secret", "more"),
    [("s", {"version": 0}), ("s", {"version": 3}), ({0: "s"}, {"key_version": 1})],
)
def test_errors_that_the_same_clause_catches(oracle: Oracle, secret: Any, more: Any) -> None:
    verdict, classes = oracle.call("web", "create_signed_value", secret, "n", "v", **more)
    assert verdict == "error"
    with pytest.raises((ValueError, KeyError)) as raised:
        create_signed_value(secret, "n", "v", **more)
    assert type(raised.value).__name__ == classes[0]


@pytest.mark.parametrize(
    "value", ["2|1:5|1:0|1:n|0:||x", "2|2:-1|1:0|1:n|0:||x", "2|", "x", "", "a|b|c", "2|1:x|1:0|"]
)
def test_the_same_key_version(oracle: Oracle, value: str) -> None:
    assert get_signature_key_version(value) == ask(oracle, "get_signature_key_version", value)


# --- XSRF tokens ----------------------------------------------------------------------------------


def their_token(oracle: Oracle, version: int, raw: bytes, made: float) -> str:
    handler = SimpleNamespace(
        settings={"xsrf_cookie_version": version},
        _get_raw_xsrf_token=functools.partial(tuple, [version, raw, made]),
    )
    token: bytes = ask(oracle, "RequestHandler.xsrf_token.fget", handler)
    return token.decode()


def my_token(version: int, raw: bytes, made: float) -> str:
    handler: Any = XsrfMixin.__new__(type("Handler", (XsrfMixin,), {}))
    handler.application = SimpleNamespace(settings={"xsrf_cookie_version": version})
    handler._raw_xsrf_token = (version, raw, made)
    token: bytes = handler.xsrf_token
    return token.decode()


def decoded(version: int | None, raw: bytes | None, made: float | None) -> tuple[Any, ...]:
    return (version, raw, made if version == 2 else None)


@SETTINGS
@given(st.sampled_from([1, 2]), st.binary(min_size=1, max_size=40), st.floats(0, 4e9))
def test_tokens_are_understood(oracle: Oracle, version: int, raw: bytes, made: float) -> None:
    expected = (version, raw, int(made) if version == 2 else None)
    mine = my_token(version, raw, made)
    theirs = their_token(oracle, version, raw, made)
    handler = SimpleNamespace()
    for token in (mine, theirs):
        assert decoded(*XsrfMixin()._decode_xsrf_token(token)) == expected
        theirs_of_it = ask(oracle, "RequestHandler._decode_xsrf_token", handler, token)
        assert decoded(*theirs_of_it) == expected
    if version == 1:
        assert mine == theirs
    else:
        assert [len(part) for part in mine.split("|")] == [len(p) for p in theirs.split("|")]


@pytest.mark.parametrize(
    "token",
    [
        "ab",
        "xoxo",
        "abc",
        "0|1",
        "02|x",
        "1234|x",
        "1|ab",
        "3|",
        "2|00000000|ab",
        "2||ab|5",
        "|",
        "é",
    ],
)
def test_tokens_of_the_clients_own_making(oracle: Oracle, token: str) -> None:
    theirs = ask(oracle, "RequestHandler._decode_xsrf_token", SimpleNamespace(), token)
    assert decoded(*XsrfMixin()._decode_xsrf_token(token)) == decoded(*theirs)
