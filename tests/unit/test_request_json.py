"""HTTPServerRequest.json."""

from __future__ import annotations

from typing import Any

import pytest

from whirlwind.httputil import HTTPHeaders, HTTPInputError, HTTPServerRequest


def request(body: bytes, content_type: str | None = "application/json") -> HTTPServerRequest:
    headers = HTTPHeaders({"Host": "x"})
    if content_type is not None:
        headers["Content-Type"] = content_type
    return HTTPServerRequest("POST", "/", headers=headers, body=body)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, 2.5, null, true, "\xc3\xa9"]}', {"a": [1, 2.5, None, True, "é"]}),
        (b" 5 ", 5),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_values(body: bytes, value: Any) -> None:
    assert request(body).json() == value


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON: Expecting value: line 1 column 1"),
        (b"{", "not JSON: Expecting property name"),
        (b'{"a": 1} x', "not JSON: Extra data: line 1 column 10"),
        (b"{'a': 1}", "not JSON: Expecting property name"),
        (b"NaN", "not JSON: no value NaN"),
        (b"[-Infinity]", "not JSON: no value -Infinity"),
        (b'"\xff"', "not in UTF-8"),
        (b'\xef\xbb\xbf{"a": 1}', "not JSON"),
        ('{"a": 1}'.encode("utf-16"), "not in UTF-8"),
        (b"[" * 200_000, "not JSON: nested too deeply"),
    ],
)
def test_bodies_that_are_no_json(body: bytes, reason: str) -> None:
    with pytest.raises(HTTPInputError, match=reason) as raised:
        request(body).json()
    assert raised.value.code == 400  # type: ignore[attr-defined]
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/problem+json",
        " application/json ;x=y",
    ],
)
def test_declared_as_json(content_type: str) -> None:
    assert request(b"1", content_type).json() == 1


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "text/json", "application/jsonx"],
)
def test_declared_as_something_else(content_type: str | None) -> None:
    with pytest.raises(HTTPInputError, match="not declared as JSON") as raised:
        request(b"1", content_type).json()
    assert raised.value.code == 415  # type: ignore[attr-defined]
    assert request(b"1", content_type).json(force=True) == 1
