"""What newcomers get wrong: it must fail at once, and the message must help."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

from .server import PACKAGE, web

ioloop: Any = importlib.import_module(f"{PACKAGE}.ioloop")


class Returns(web.RequestHandler):
    """Returns its answers, as handlers of other frameworks do."""

    def get(self) -> str:
        return "answer"

    def post(self) -> list[Any]:
        return []

    def put(self) -> dict[str, Any]:
        return {}

    def delete(self) -> Iterator[None]:
        yield None


@pytest.mark.parametrize(
    ("method", "returned", "advice"),
    [
        ("GET", "str", "write()"),
        ("POST", "list", "write()"),
        ("PUT", "dict", "write()"),
        ("DELETE", "generator", "gen.coroutine"),
    ],
)
def test_returning_the_answer_is_an_error(serve, logs, method, returned, advice):
    body = None if method == "GET" else b""
    assert serve(Returns).request("/", method, body).status == 500
    (error,) = [r.exc_info[1] for r in logs.records if r.exc_info]
    assert type(error) is TypeError
    assert f"{method.lower()}() of Returns returned a {returned}: " in str(error)
    assert advice in str(error)


def test_callbacks_must_be_callable():
    loop = ioloop.IOLoop(make_current=False)
    try:
        with pytest.raises(TypeError, match="callable"):
            loop.add_callback(5)
    finally:
        loop.close()
