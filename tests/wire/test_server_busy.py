"""Many connections in one turn of the loop: every answer leaves, whole, on its connection."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest

from .raw import NoAnswer, build, wait_until
from .server import web

COUNT = 60


class Handler(web.RequestHandler):
    """Does what the first element of the path says, and answers with the path."""

    gate = asyncio.Event()
    waiting: list[str] = []

    async def answer_later(self):
        await asyncio.sleep(0)
        self.write(self.request.path)

    async def answer_at_the_gate(self):
        self.waiting.append(self.request.path)
        await type(self).gate.wait()
        self.write(self.request.path)

    async def answer_in_chunks(self):
        for letter in self.request.path:
            self.write(letter)
            await self.flush()

    async def answer_much(self):
        self.write(self.request.path)
        await self.flush()
        self.write("x" * 500_000)

    def get(self):
        kind = self.request.path.split("/")[1]
        if kind == "later":
            return self.answer_later()
        if kind == "gate":
            return self.answer_at_the_gate()
        if kind == "chunks":
            return self.answer_in_chunks()
        if kind == "much":
            return self.answer_much()
        if kind == "fail":
            raise web.HTTPError(418, reason="Short and stout")
        self.write(self.request.path)
        return None

    def post(self):
        self.write(self.request.path)
        self.write(self.request.body)


KINDS = ["now", "later", "chunks", "much", "fail", "now", "now"]


def check(connection, path: str) -> None:
    answer = connection.read()
    if path.startswith("/fail"):
        assert (answer.status, answer.reason) == (418, "Short and stout")
    elif path.startswith("/much"):
        assert answer.body == path.encode() + b"x" * 500_000
    else:
        assert answer.body == path.encode()


@pytest.mark.parametrize("kind", [*KINDS[:5], "mixed"])
def test_requests_of_many_connections_in_one_turn(serve, logs, kind):
    server = serve(Handler)
    rng = random.Random(1)
    connections = [server.connect() for _ in range(COUNT)]
    for round_number in range(4):
        kinds = [rng.choice(KINDS) if kind == "mixed" else kind for _ in connections]
        paths = [f"/{each}/{round_number}/{n}" for n, each in enumerate(kinds)]
        with server.held():
            for connection, path in zip(connections, paths, strict=True):
                connection.send(build(path))
        for connection, path in zip(connections, paths, strict=True):
            check(connection, path)
    # Afterwards one connection alone is served as ever.
    for _ in range(3):
        assert connections[0].request("/later/alone").body == b"/later/alone"
    assert logs.tracebacks() == []


def test_pipelines_of_many_connections_in_one_turn(serve):
    server = serve(Handler)
    rng = random.Random(2)
    connections = [server.connect() for _ in range(COUNT)]
    kinds = ["now", "later", "chunks", "fail"]
    paths = [[f"/{rng.choice(kinds)}/{n}/{k}" for k in range(5)] for n in range(COUNT)]
    with server.held():
        for connection, mine in zip(connections, paths, strict=True):
            connection.send(b"".join(map(build, mine)))
    for connection, mine in zip(connections, paths, strict=True):
        for path in mine:
            check(connection, path)


@pytest.mark.parametrize("turn", ["same", "next"])
def test_answers_that_wait_while_others_are_served(serve, monkeypatch, turn):
    """Suspended in a busy turn, resumed in a quiet one or in another busy one."""
    server = serve(Handler)
    monkeypatch.setattr(Handler, "gate", asyncio.Event())
    connections = [server.connect() for _ in range(COUNT)]
    with server.held():
        for number, connection in enumerate(connections):
            kind = "gate" if number % 2 else "now"
            connection.send(build(f"/{kind}/{number}"))
        if turn == "same":
            server.loop.call_soon_threadsafe(Handler.gate.set)
    for number, connection in enumerate(connections):
        if number % 2 == 0:
            check(connection, f"/now/{number}")
    if turn == "next":
        server.turn()
        server.call(Handler.gate.set)
    for number, connection in enumerate(connections):
        if number % 2:
            check(connection, f"/gate/{number}")


def test_bodies_errors_and_closes_in_one_turn(serve, logs):
    server = serve(Handler)
    connections = [server.connect() for _ in range(COUNT)]
    with server.held():
        for number, connection in enumerate(connections):
            kind = number % 6
            if kind == 0:
                connection.send(build(f"/now/{number}", fields={"Connection": "close"}))
            elif kind == 1:
                connection.send(build(f"/now/{number}", "POST", b"!body"))
            elif kind == 2:
                connection.send(b"NONSENSE\r\n\r\n")
            elif kind == 3:
                connection.send(build(f"/now/{number}"))
                connection.half_close()
            elif kind == 4:
                connection.send(build(f"/now/{number}", "POST", b"half", {"Content-Length": "5"}))
            else:
                connection.send(build(f"/now/{number}"))
                connection.abort()
    for number, connection in enumerate(connections):
        kind = number % 6
        if kind == 0:
            assert connection.read().says_close
            connection.read_eof()
        elif kind == 1:
            assert connection.read().body == f"/now/{number}!body".encode()
        elif kind == 2:
            assert connection.read().status == 400
            connection.read_eof()
        elif kind == 3:
            check(connection, f"/now/{number}")
            connection.read_eof()
        elif kind == 4:
            connection.send(b".")
            assert connection.read().body == f"/now/{number}half.".encode()
    server.turn()
    assert logs.lines(level=logging.ERROR) == []


def test_clients_leave_before_their_answer_in_one_turn(serve, logs):
    server = serve(Handler)
    connections = [server.connect() for _ in range(COUNT)]
    with server.held():
        for number, connection in enumerate(connections):
            connection.send(build(f"/{KINDS[number % 4]}/{number}"))
            if number % 3 == 0:
                connection.abort()
            elif number % 3 == 1:
                connection.close()
    for number, connection in enumerate(connections):
        if number % 3 == 2:
            check(connection, f"/{KINDS[number % 4]}/{number}")
    assert server.request("/now/after").body == b"/now/after"
    assert logs.lines(level=logging.ERROR) == []


def test_slow_readers_among_many(serve):
    server = serve(Handler)
    slow = [server.connect(receive_buffer=32768) for _ in range(10)]
    quick = [server.connect() for _ in range(40)]
    for _ in range(2):
        with server.held():
            for connection in slow:
                connection.send(build("/much/slow"))
            for connection in quick:
                connection.send(build("/now/quick"))
        for connection in quick:
            check(connection, "/now/quick")
        for connection in slow:
            check(connection, "/much/slow")


def test_stop_with_everybody_under_way(serve, logs, monkeypatch):
    server = serve(Handler)
    monkeypatch.setattr(Handler, "gate", asyncio.Event())
    monkeypatch.setattr(Handler, "waiting", [])
    connections = [server.connect() for _ in range(COUNT)]
    with server.held():
        for number, connection in enumerate(connections):
            connection.send(build(f"/gate/{number}"))
    wait_until(lambda: len(Handler.waiting) == COUNT)
    server.call(server.server.stop)
    server.call(Handler.gate.set)
    for number, connection in enumerate(connections):
        try:
            check(connection, f"/gate/{number}")
        except NoAnswer as error:
            raise AssertionError(f"answer {number} was lost") from error
    assert logs.lines(level=logging.ERROR) == []
