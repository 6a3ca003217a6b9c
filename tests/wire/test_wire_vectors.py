"""Every vector over a real socket, whole and byte by byte, against every kind of application."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from . import apps, core
from .raw import RawConnection, build
from .server import LOOPS, Logs, ServerThread
from .vectors import Message, Vector, select

# Applications by kind, loop and packets. Not the whole product: what differs between loops is
# the transport, and between kinds the path above the parser.
COMBINATIONS = [
    ("plain", "asyncio", "whole"),
    ("plain", "uvloop", "whole"),
    ("plain", "uvloop", "bytewise"),
    ("streaming", "asyncio", "whole"),
    ("streaming", "uvloop", "bytewise"),
    ("callback", "uvloop", "whole"),
    ("delegating", "asyncio", "whole"),
]


class Servers:
    """Servers by kind, loop and limits, started when first needed."""

    def __init__(self) -> None:
        self.running: dict[tuple, tuple[ServerThread, apps.Record]] = {}

    def get(self, kind: str, loop: str, vector: Vector) -> tuple[ServerThread, apps.Record]:
        key = (kind, loop, vector.head_limit, vector.body_limit)
        if key not in self.running:
            record = apps.Record()
            options = {"max_header_size": vector.head_limit, "max_body_size": vector.body_limit}
            options = {name: value for name, value in options.items() if value is not None}
            server = ServerThread(apps.KINDS[kind](record), loop=loop, **options)
            self.running[key] = server, record
        return self.running[key]

    def stop(self) -> None:
        for server, _ in self.running.values():
            server.stop()
        assert [
            server.loop_errors for server, _ in self.running.values() if server.loop_errors
        ] == []


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    servers = Servers()
    yield servers
    servers.stop()


def applies(kind: str, vector: Vector) -> bool:
    """Only ordinary handlers answer on their own; the other kinds say 200 to everything."""
    return kind == "plain" or all(message.answer == (200,) for message in vector.messages)


CASES = [
    pytest.param(vector, *combination, id="-".join([vector.name, *combination]))
    for vector in select("server", "wire")
    for combination in COMBINATIONS
    if combination[1] in LOOPS and applies(combination[0], vector)
]


@pytest.mark.parametrize(("vector", "kind", "loop", "packets"), CASES)
def test_verdict(
    servers: Servers, logs: Logs, vector: Vector, kind: str, loop: str, packets: str
) -> None:
    server, record = servers.get(kind, loop, vector)
    record.take()
    with server.connect() as connection:
        if packets == "whole":
            connection.send(vector.send)
        else:
            connection.send_each(core.bytewise(vector.send), server.turn)
        if vector.eof:
            connection.half_close()
        for message in vector.messages:
            check_answer(message, connection)
        check_end(vector, connection, server)
    check_seen(vector, record.take())
    expected_500 = any(500 in message.answer for message in vector.messages)
    if not expected_500:
        assert logs.tracebacks() == []
        assert logs.lines(level=logging.ERROR) == []
    if vector.errors:
        assert len(logs.lines("general")) == 1, logs.lines("general")


def check_answer(message: Message, connection: RawConnection) -> None:
    """Read the answer to a complete request."""
    answer = connection.read(message.start[0])
    assert answer.status in message.answer
    assert not answer.until_close, "an answer of known length without a length"
    assert [name for name in answer.names if "evil" in name.lower()] == []
    if message.keep is not None and message.start[-1] != "HTTP/1.0":
        assert answer.says_close == (not message.keep)


def check_end(vector: Vector, connection: RawConnection, server: ServerThread) -> None:
    """Check that the connection is closed, waiting or usable, as the vector says."""
    if vector.errors:
        answer = connection.read()
        assert answer.status in vector.errors
        assert answer.says_close
        connection.read_eof()
    elif vector.incomplete:
        server.turn()
        assert connection.is_quiet()
        connection.half_close()
        if connection.reader.fill():
            assert connection.read().status == 400
        connection.read_eof()
    elif vector.messages[-1].keep is False or vector.eof:
        connection.read_eof()
    else:
        connection.send(build("/probe", fields={"Connection": "close"}))
        assert connection.read().status == 200
        connection.read_eof()


def check_seen(vector: Vector, seen: list[apps.Request]) -> None:
    """Check that the application saw the requests, what was in them, and no others."""
    expected = [
        m for m in vector.messages if not {404, 405, 501} & set(m.answer) or m.answer == (404,)
    ]
    seen = [request for request in seen if request.uri != "/probe"]
    if [m for m in vector.messages if m.start[1] == "*"]:
        return
    assert [(r.method, r.uri) for r in seen] == [tuple(m.start[:2]) for m in expected]
    for want, request in zip(expected, seen, strict=True):
        assert request.body == want.body
        assert request.version == (want.start[2] if len(want.start) > 2 else "HTTP/1.1")
        core.check_fields(want, request.fields)
        if want.path is not None:
            assert request.path == want.path
        if want.host is not None:
            assert request.host == want.host
