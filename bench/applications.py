#!/usr/bin/env python3
"""Other people's applications on Tornado and on Whirlwind: processor time for what they are asked.

usage: applications.py [-n ROUNDS] [-m MESSAGES] [WORK ...]

A WORK is "jupyter", a request to Jupyter Server for a small file by its contents API, or "bokeh", a
change of a widget over a Bokeh session's WebSocket, which the server confirms and answers with
another. By default both. Each runs in the environment that `make apps` has made for it, the same
program with the alias and without, in turns. Ratios are medians of the rounds, to Tornado.
"""

import argparse
import http.client
import json
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measure import Server, ServerFailed, require_linux, running, usage

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "measured"
#: What is asked before the clock starts: imports, caches, the first session.
WARM_UP = 50
PATIENCE = 60

Ask = Callable[[int], None]


@contextmanager
def jupyter(port: int) -> Iterator[Ask]:
    """Ask for one file again and again, on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    fields = {"Authorization": f"token {TOKEN}"}

    def ask(number: int) -> None:
        connection.request("GET", "/api/contents/file.txt", headers=fields)
        response = connection.getresponse()
        body = response.read()
        if response.status != 200 or b"measured" not in body:
            raise ServerFailed(f"jupyter: {response.status} {body[:100]!r}")

    yield ask
    connection.close()


@contextmanager
def bokeh(port: int) -> Iterator[Ask]:
    """Move the slider, and wait for the confirmation and for what follows from it."""
    from websockets.sync.client import connect
    from websockets.typing import Origin, Subprotocol

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", "/bokeh_slider")
    found = re.search(rb'"token":"([^"]+)"', connection.getresponse().read())
    if found is None:
        raise ServerFailed("bokeh: the page has no token")
    with connect(
        f"ws://localhost:{port}/bokeh_slider/ws",
        subprotocols=[Subprotocol("bokeh"), Subprotocol(found[1].decode())],
        origin=Origin(f"http://localhost:{port}"),
        compression=None,
    ) as socket:
        yield _slider(socket)


def _slider(socket: Any) -> Ask:
    def receive() -> tuple[str, Any]:
        header, _, content = (json.loads(socket.recv(PATIENCE)) for _ in range(3))
        return header["msgtype"], content

    def send(kind: str, content: Any) -> None:
        for part in ({"msgid": kind, "msgtype": kind}, {}, content):
            socket.send(json.dumps(part))

    receive()  # the greeting
    send("PULL-DOC-REQ", {})
    _, reply = receive()
    roots = reply["doc"]["roots"]
    (slider,) = [one["id"] for one in roots if one["attributes"]["name"] == "slider"]

    def ask(number: int) -> None:
        event = {"kind": "ModelChanged", "model": {"id": slider}, "attr": "value", "new": number}
        send("PATCH-DOC", {"events": [event]})
        if {receive()[0], receive()[0]} != {"PATCH-DOC", "OK"}:
            raise ServerFailed("bokeh: a change was not confirmed")

    return ask


def server(work: str, alias: bool, folder: Path) -> Server:
    """The command of one application, on Whirlwind or on Tornado."""
    python = ROOT / ".venv-apps" / work / "bin/python"
    if not python.is_file():
        raise SystemExit(f'{work} is not installed: make apps ARGS="{work}"')
    start = (str(python), *(("-m", "whirlwind.as_tornado") if alias else ()), "-m")
    commands = {
        "jupyter": (
            "jupyter_server", "--port={port}", "--ip=127.0.0.1", "--no-browser", "--allow-root",
            "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}",
            f"--IdentityProvider.token={TOKEN}", "--ServerApp.log_level=ERROR",
        ),
        "bokeh": ("bokeh", "serve", "bokeh_slider.py", "--port={port}", "--log-level=error"),
    }
    name = f"{work} on {'Whirlwind' if alias else 'Tornado'}"
    variables = {"HOME": str(folder), "JUPYTER_RUNTIME_DIR": str(folder / "runtime")}
    return Server(name, (*start, *commands[work]), variables)


def measure(work: str, alias: bool, messages: int) -> float:
    """Return microseconds of processor time for each thing asked."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "file.txt").write_text("measured\n" * 100)
        clients = {"jupyter": jupyter, "bokeh": bokeh}
        with running(server(work, alias, folder)) as (port, pid), clients[work](port) as ask:
            for number in range(WARM_UP):
                ask(10 + number)
            before = usage(pid).cpu
            for number in range(messages):
                ask(1000 + number)
            return (usage(pid).cpu - before) / messages * 1e6


def main() -> int:
    """Measure, and print a line for each work."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("works", nargs="*", default=["jupyter", "bokeh"])
    parser.add_argument("-n", "--rounds", type=int, default=5)
    parser.add_argument("-m", "--messages", type=int, default=2000)
    arguments = parser.parse_args()
    if unknown := set(arguments.works) - {"jupyter", "bokeh"}:
        parser.error(f"no work {', '.join(sorted(unknown))}: there are jupyter and bokeh")
    require_linux()
    for work in arguments.works:
        rows = [
            [measure(work, alias, arguments.messages) for alias in (False, True)]
            for _ in range(arguments.rounds)
        ]
        tornado, whirlwind = (statistics.median(column) for column in zip(*rows, strict=True))
        ratio = statistics.median(theirs / ours for theirs, ours in rows)
        print(f"{work:8} Tornado {tornado:7.0f} µs  Whirlwind {whirlwind:7.0f} µs  {ratio:5.2f}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ServerFailed as error:
        sys.exit(str(error))
