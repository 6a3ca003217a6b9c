"""The examples of docs/migrating.md that are about coroutines of Tornado 4."""

import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from whirlwind import gen, web
from whirlwind.escape import json_decode
from whirlwind.httpclient import AsyncHTTPClient
from whirlwind.testing import AsyncHTTPTestCase

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "migrating.md").read_text()


def example(heading: str) -> str:
    """The first block of code under a heading."""
    part = TEXT.partition(f"### {heading}\n")[2]
    blocks = re.findall(r"(?:^(?: {4}.*)?\n)+", part, re.MULTILINE)
    return next(textwrap.dedent(block) for block in blocks if block.strip())


class Database:
    def find(self, query: dict[str, int], callback: Callable[..., None]) -> None:
        callback([query["page"]])


class Sized(web.RequestHandler):
    def get(self, size: str) -> None:
        self.write("x" * int(size))


class TestExample(AsyncHTTPTestCase):
    def get_app(self) -> web.Application:
        names: dict[str, Any] = {"web": web, "gen": gen, "AsyncHTTPClient": AsyncHTTPClient}
        exec(example("Coroutines and stack contexts"), names)
        names.update(first=f"{self.get_url('/3')}", second=f"{self.get_url('/5')}")

        class Handler(web.RequestHandler):
            db = Database()
            get = names["get"]

        return web.Application([("/", Handler), (r"/(\d+)", Sized)])

    def test_it_answers(self) -> None:
        assert json_decode(self.fetch("/").body) == {"sizes": [3, 5], "rows": [1]}
