#!/usr/bin/env python3
"""Small programs that run on Tornado and on Whirlwind alike: how many times less CPU?

usage: micro.py [-n ROUNDS] [PROGRAM ...]      (default: all; `micro.py --list` names them)

Each run is a process of its own that reports its own user and system time; the two packages
take turns, and the ratio is the median over the rounds.
"""

import argparse
import asyncio
import importlib
import json
import logging
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from servers import PEERS

HERE = Path(__file__).resolve().parent
ITEMS = [{"name": f"item <{i}>", "price": i * 1.5} for i in range(40)]

Load = Callable[[str], Any]
"""Imports a module of the package under measurement by its short name."""


def template(load: Load) -> None:
    page = load("template").Template((HERE / "apps/page.html").read_text())
    for _ in range(3000):
        page.generate(title="Prices & more", items=ITEMS)


def template_compile(load: Load) -> None:
    source = (HERE / "apps/page.html").read_text() * 4
    for _ in range(150):
        load("template").Template(source)


def coroutine(load: Load) -> None:
    decorate: Callable[[Any], Any] = load("gen").coroutine

    @decorate
    def leaf(i: int) -> Any:
        return i

    @decorate
    def middle(i: int) -> Any:
        a = yield leaf(i)
        b = yield leaf(a)
        return a + b

    @decorate
    def top() -> Any:
        for i in range(30_000):
            yield middle(i)

    load("ioloop").IOLoop.current().run_sync(top)


def callbacks(load: Load) -> None:
    loop = load("ioloop").IOLoop.current()
    left = 300_000

    def tick() -> None:
        nonlocal left
        left -= 1
        if left:
            loop.add_callback(tick)
        else:
            loop.stop()

    loop.add_callback(tick)
    loop.start()


def queue(load: Load) -> None:
    queues = load("queues")

    async def main() -> None:
        items = queues.Queue(maxsize=10)

        async def put() -> None:
            for i in range(60_000):
                await items.put(i)

        async def take() -> None:
            for _ in range(60_000):
                await items.get()
                items.task_done()

        await asyncio.gather(put(), take())

    load("ioloop").IOLoop.current().run_sync(main)


def iostream(load: Load) -> None:
    closed = load("iostream").StreamClosedError
    client = load("tcpclient").TCPClient

    class Echo(load("tcpserver").TCPServer):  # type: ignore[misc]
        async def handle_stream(self, stream: Any, address: Any) -> None:
            try:
                while True:
                    await stream.write(await stream.read_until(b"\n"))
            except closed:
                pass

    async def main() -> None:
        sockets = load("netutil").bind_sockets(0, "127.0.0.1")
        server = Echo()
        server.add_sockets(sockets)

        async def talk() -> None:
            stream = await client().connect("127.0.0.1", sockets[0].getsockname()[1])
            for _ in range(1500):
                await stream.write(b"x" * 100 + b"\n")
                await stream.read_until(b"\n")
            stream.close()

        await asyncio.gather(*[talk() for _ in range(10)])
        server.stop()

    load("ioloop").IOLoop.current().run_sync(main)


def httpclient(load: Load) -> None:
    class Page(load("web").RequestHandler):  # type: ignore[misc]
        def get(self) -> None:
            self.write(b"x" * 500)

    async def main() -> None:
        port = _serve(load, Page)
        client = load("httpclient").AsyncHTTPClient(force_instance=True)

        async def fetch() -> None:
            for _ in range(200):
                answer = await client.fetch(f"http://127.0.0.1:{port}/")
                assert len(answer.body) == 500

        await asyncio.gather(*[fetch() for _ in range(10)])

    load("ioloop").IOLoop.current().run_sync(main)


def websocket(load: Load) -> None:
    connect = load("websocket").websocket_connect

    class Echo(load("websocket").WebSocketHandler):  # type: ignore[misc]
        def on_message(self, message: str | bytes) -> None:
            self.write_message(message, binary=isinstance(message, bytes))

    async def main() -> None:
        port = _serve(load, Echo)

        async def talk(message: str | bytes) -> None:
            connection = await connect(f"ws://127.0.0.1:{port}/")
            for _ in range(1200):
                await connection.write_message(message, binary=isinstance(message, bytes))
                assert await connection.read_message() == message
            connection.close()

        await asyncio.gather(*[talk("y" * 120 if i % 2 else b"z" * 4000) for i in range(10)])

    load("ioloop").IOLoop.current().run_sync(main)


def multipart(load: Load) -> None:
    parse = load("httputil").parse_multipart_form_data
    part = (
        '------b\r\nContent-Disposition: form-data; name="f{0}"; filename="a{0}.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = b"".join(part.format(i).encode() + os.urandom(20_000) + b"\r\n" for i in range(20))
    for _ in range(200):
        arguments: dict[str, list[bytes]] = {}
        files: dict[str, list[Any]] = {}
        parse(b"----b", body + b"------b--\r\n", arguments, files)
        assert len(files) == 20


def headers(load: Load) -> None:
    parse = load("httputil").HTTPHeaders.parse
    block = "".join(f"X-Header-{i}: value number {i}\r\n" for i in range(15))
    for _ in range(8000):
        fields = parse(block)
        assert fields["x-header-3"]
        assert fields.get("X-Nope") is None
        fields.add("Set-Cookie", "a=b")
        assert len(list(fields.get_all())) == 16


def signed(load: Load) -> None:
    web = load("web")
    for i in range(8000):
        value = web.create_signed_value("secret", "user", f"value{i}")
        assert web.decode_signed_value("secret", "user", value)


def imports(load: Load) -> None:
    for name in ("web", "httpserver", "websocket", "httpclient", "ioloop", "gen"):
        load(name)


def _serve(load: Load, handler: type) -> int:
    """Start a server inside the measured process and return its port."""
    logging.disable(logging.WARNING)
    application = load("web").Application([(r"/", handler)], log_function=lambda handler: None)
    sockets = load("netutil").bind_sockets(0, "127.0.0.1")
    load("httpserver").HTTPServer(application).add_sockets(sockets)
    port: int = sockets[0].getsockname()[1]
    return port


PROGRAMS: dict[str, Callable[[Load], None]] = {
    "template": template,
    "template_compile": template_compile,
    "coroutine": coroutine,
    "callbacks": callbacks,
    "queue": queue,
    "iostream": iostream,
    "httpclient": httpclient,
    "websocket": websocket,
    "multipart": multipart,
    "headers": headers,
    "signed": signed,
    "import": imports,
}


class ProgramFailed(Exception):
    """A program that ended with an error on one of the packages."""


def ratio(name: str, rounds: int) -> tuple[float, float, float]:
    """Run one program on both packages in turns.

    :returns: Tornado's CPU seconds, Whirlwind's, and how many times less Whirlwind needs.
    :raises ProgramFailed: with the last line of the error.
    """
    pairs = [
        (_seconds(str(PEERS / "bin/python"), "tornado", name), _seconds(*_OURS, name))
        for _ in range(rounds)
    ]
    tornado, whirlwind = zip(*pairs, strict=True)
    return (
        statistics.median(tornado),
        statistics.median(whirlwind),
        statistics.median(a / b for a, b in pairs),
    )


_OURS = (sys.executable, "whirlwind")


def _seconds(python: str, package: str, name: str) -> float:
    command = [python, __file__, "--run", package, name]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if ran.returncode:
        last = ran.stderr.strip().splitlines()[-1:] or [f"status {ran.returncode}"]
        raise ProgramFailed(f"{package}: {last[0]}")
    return float(json.loads(ran.stdout.splitlines()[-1]))


def _run(package: str, name: str) -> None:
    start = os.times()
    PROGRAMS[name](lambda module: importlib.import_module(f"{package}.{module}"))
    end = os.times()
    print(json.dumps(end.user - start.user + end.system - start.system))


def main() -> None:
    if sys.argv[1:2] == ["--run"]:
        _run(*sys.argv[2:4])
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=3, metavar="ROUNDS")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("programs", nargs="*", metavar="PROGRAM")
    options = parser.parse_intermixed_args()
    if options.list:
        print(*PROGRAMS)
        return
    for name in options.programs or PROGRAMS:
        try:
            theirs, ours, times = ratio(name, options.n)
            print(f"{name:18} {theirs:7.3f} s  {ours:7.3f} s  {times:5.2f} times less CPU")
        except ProgramFailed as failure:
            print(f"{name:18} FAILED {failure}")


if __name__ == "__main__":
    main()
