"""webssh: its page, a login that fails, and a WebSocket for a session that nobody has opened."""

from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from .running import PATIENCE, Application, Environment, Site, free_port


@pytest.fixture(scope="module")
def environment() -> Environment:
    return Environment("webssh")


def test_a_page_a_login_and_a_terminal(
    environment: Environment, run: Callable[..., Application], tmp_path: Path
) -> None:
    port = free_port()
    application = run(
        environment, "-m", "webssh.main", f"--port={port}", "--address=127.0.0.1",
        "--policy=autoadd", "--xsrf=false", f"--hostfile={tmp_path / 'hosts'}",
    )  # fmt: skip
    application.listens(port)
    site = Site(f"http://127.0.0.1:{port}")
    page = site("/")
    assert page.status == 200
    assert page.headers["Server"] == "TornadoServer"  # which it sends by itself
    assert site("/static/js/main.js").status == 200
    form = f"hostname=127.0.0.1&port={free_port()}&username=me&password=secret"
    login = site(
        "/", "POST", form.encode(), **{"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert login.json()["status"].startswith("Unable to connect to 127.0.0.1:")
    address = f"ws://127.0.0.1:{port}/ws?id=none"
    with connect(address, open_timeout=PATIENCE, origin=f"http://127.0.0.1:{port}") as socket:
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(PATIENCE)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.reason == "Websocket authentication failed."
