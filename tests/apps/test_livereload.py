"""livereload: its server, a page that is told over WebSocket that its file has changed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.sync.client import connect

from .running import PATIENCE, Application, Environment, Site, free_port

PROGRAM = """\
import sys
from livereload import Server
server = Server()
server.watch("page.html")
server.serve(port=int(sys.argv[1]), host="127.0.0.1", root=".")
"""


@pytest.fixture(scope="module")
def environment() -> Environment:
    return Environment("livereload")


def test_a_page_is_told_of_a_change(
    environment: Environment, run: Callable[..., Application], tmp_path: Path
) -> None:
    (tmp_path / "serve.py").write_text(PROGRAM)
    (tmp_path / "page.html").write_text("<html><head></head><body>one</body></html>")
    port = free_port()
    application = run(environment, "serve.py", str(port))
    application.listens(port)
    site = Site(f"http://127.0.0.1:{port}")
    page = site("/page.html")
    assert page.status == 200
    assert page.headers["Server"].startswith("Whirlwind/")
    assert "livereload.js" in page.text
    assert site("/livereload.js").status == 200
    with connect(f"ws://127.0.0.1:{port}/livereload", open_timeout=PATIENCE) as socket:
        hello = {
            "command": "hello", "protocols": ["http://livereload.com/protocols/official-7"],
        }
        socket.send(json.dumps(hello))
        assert json.loads(socket.recv(PATIENCE))["command"] == "hello"
        socket.send(json.dumps({"command": "info", "url": f"http://127.0.0.1:{port}/page.html"}))
        while True:
            # A change that it sees before it has looked for the first time is none to it.
            with (tmp_path / "page.html").open("a") as file:
                file.write("<!-- two -->")
            try:
                told = json.loads(socket.recv(5))
            except TimeoutError:
                continue
            break
        assert told["command"] == "reload"
    assert "two" in site("/page.html").text
