"""The work of the HTTP/1 core grows no more than what a peer sends, however it is cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.work import assert_linear

from .core import CORES, TESTED

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

MESSAGES: dict[str, Callable[[int], bytes]] = {
    "fields": lambda n: GET + b"X-A: b\r\n" * n + b"\r\n",
    "long value": lambda n: GET + b"X-A: " + b"b" * 6 * n + b"\r\n\r\n",
    "blanks": lambda n: GET + b"X-A: b" + b" \t" * 3 * n + b"\r\n\r\n",
    "long name": lambda n: GET + b"X" * 6 * n + b": b\r\n\r\n",
    "long target": lambda n: b"GET /" + b"%41" * 2 * n + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "options": lambda n: GET + b"Connection: " + b"a, " * 2 * n + b"b\r\n\r\n",
    "chunks": lambda n: CHUNKED + b"1\r\nx\r\n" * n + b"0\r\n\r\n",
    "extensions": lambda n: CHUNKED + b"1;a=b\r\nx\r\n" * n + b"0\r\n\r\n",
    "trailers": lambda n: CHUNKED + b"0\r\n" + b"X-A: b\r\n" * n + b"\r\n",
    "pipeline": lambda n: (GET + b"\r\n") * n,
}

#: As far as the limits of the numbers of fields go.
SIZES = {"fields": 60, "trailers": 16, "pipeline": 100}


@pytest.mark.parametrize("piece", [0, 1, 1000])
@pytest.mark.parametrize("message", MESSAGES)
def test_linear(message: str, piece: int) -> None:
    module = CORES[TESTED]

    def prepare(size: int) -> Callable[[], Any]:
        data = MESSAGES[message](size)
        step = piece or len(data)
        parts = [data[start : start + step] for start in range(0, len(data), step)]

        def work() -> None:
            parser = module.RequestParser()
            for part in parts:
                parser.receive(part)
                while parser.next_event() != module.NEED_DATA:
                    pass

        return work

    assert_linear(prepare, SIZES.get(message, 300))
