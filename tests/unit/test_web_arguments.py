"""The argument methods of RequestHandler."""

from collections.abc import Callable
from typing import Any

import pytest

from whirlwind.httputil import HTTPHeaders, HTTPServerRequest
from whirlwind.web.arguments import ArgumentsMixin
from whirlwind.web.errors import HTTPError, MissingArgumentError


class Handler(ArgumentsMixin):
    def __init__(self, query: str = "", **body: list[bytes]) -> None:
        self.request = HTTPServerRequest("GET", "/?" + query, headers=HTTPHeaders({"Host": "x"}))
        for name, values in body.items():
            self.request.body_arguments[name] = values
            self.request.arguments.setdefault(name, []).extend(values)


SOURCES: list[Callable[[Handler], tuple[Any, Any]]] = [
    lambda h: (h.get_argument, h.get_arguments),
    lambda h: (h.get_query_argument, h.get_query_arguments),
    lambda h: (h.get_body_argument, h.get_body_arguments),
]
each_source = pytest.mark.parametrize("source", SOURCES)


def test_last_value_wins_and_the_body_comes_last() -> None:
    handler = Handler("a=1&a=2", a=[b"3"])
    assert (handler.get_argument("a"), handler.get_arguments("a")) == ("3", ["1", "2", "3"])
    assert handler.get_query_argument("a") == "2"
    assert handler.get_query_arguments("a") == ["1", "2"]
    assert handler.get_body_argument("a") == "3"
    assert handler.get_body_arguments("a") == ["3"]


@each_source
def test_missing(source: Callable[[Handler], tuple[Any, Any]]) -> None:
    one, all_of = source(Handler())
    assert all_of("q") == []
    with pytest.raises(MissingArgumentError) as raised:
        one("q")
    assert (raised.value.arg_name, raised.value.status_code) == ("q", 400)


@each_source
@pytest.mark.parametrize("default", [None, "", 0, [], "x", False])
def test_any_default_counts(source: Callable[[Handler], tuple[Any, Any]], default: object) -> None:
    one, _ = source(Handler())
    assert one("q", default) is default
    assert one("q", default=default) is default


@each_source
def test_text(source: Callable[[Handler], tuple[Any, Any]]) -> None:
    raw = "a=%20%09a%C2%A0&b=x%00y%0B%0C%1F%09%0A%7F%E2%80%A8z&c=&e=%C3%A9"
    values = {
        "a": [b" \ta\xc2\xa0"],
        "b": [b"x\0y\x0b\x0c\x1f\t\n\x7f\xe2\x80\xa8z"],
        "c": [b""],
        "e": [b"\xc3\xa9"],
    }
    one, all_of = source(Handler(raw, **values))
    assert one("a") == "a"
    assert one("a", strip=False) == all_of("a", strip=False)[0] == " \ta\xa0"
    assert one("b") == "x y\x0b\x0c \t\n\x7f\u2028z"
    assert one("c") == ""
    assert one("e") == "é"


def test_stripping_comes_after_control_characters() -> None:
    assert Handler("a=%00%20z%1F").get_argument("a") == "z"


@each_source
def test_bad_utf8_is_the_clients_mistake(source: Callable[[Handler], tuple[Any, Any]]) -> None:
    one, all_of = source(Handler("a=%FF&a=x", a=[b"\xff", b"x"]))
    for method in (one, all_of):
        with pytest.raises(HTTPError) as raised:
            method("a")
        assert raised.value.status_code == 400
        assert raised.value.get_message() == r"Invalid unicode in a: b'\xff'"


def test_decode_argument() -> None:
    handler = Handler()
    assert handler.decode_argument("é".encode()) == "é"
    with pytest.raises(HTTPError) as raised:
        handler.decode_argument(b"\xff" * 1000)
    message = raised.value.get_message()
    assert message is not None
    assert message.startswith("Invalid unicode in url: b'")
    assert len(message) < 200


def test_decode_argument_can_be_overridden() -> None:
    class Latin(Handler):
        def decode_argument(self, value: bytes, name: str | None = None) -> str:
            return f"{name}={value.decode('latin-1')} "

    handler = Latin("a=%FF&a=1")
    assert handler.get_argument("a") == "a=1"
    assert handler.get_arguments("a", strip=False) == ["a=ÿ ", "a=1 "]

    class Raw(Handler):
        def decode_argument(self, value: bytes, name: str | None = None) -> Any:
            return value

    values: Any = Raw("a=%00+").get_arguments("a")
    assert values == [b"\0"]


def test_hooks_below_are_used() -> None:
    class Mine(Handler):
        def _get_arguments(
            self, name: str, source: dict[str, list[bytes]], strip: bool = True
        ) -> list[str]:
            return [name, str(strip)]

    assert Mine().get_argument("a", strip=False) == "False"
    assert Mine().get_query_arguments("a") == ["a", "True"]


@each_source
def test_lists_have_no_default(source: Callable[[Handler], tuple[Any, Any]]) -> None:
    _, all_of = source(Handler())
    with pytest.raises(TypeError, match="strip is 'x'; it must be a bool"):
        all_of("q", "x")


def test_mixin_takes_no_room() -> None:
    assert ArgumentsMixin.__slots__ == ()
    assert not hasattr(ArgumentsMixin(), "__dict__")
