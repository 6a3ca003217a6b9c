"""Bokeh server: its page, a session over WebSocket and the end by a signal."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from .running import PATIENCE, Application, Environment, Site

PROGRAM = """\
from bokeh.io import curdoc
from bokeh.models import Div, Slider
slider = Slider(start=0, end=100, value=1, name="slider")
twice = Div(text="2", name="twice")
slider.on_change("value", lambda attr, old, new: setattr(twice, "text", str(2 * new)))
curdoc().add_root(slider)
curdoc().add_root(twice)
curdoc().title = "Twice"
"""

# Bokeh's own client, on Whirlwind's loop and WebSocket client too.
CLIENT = """\
import sys, tornado.websocket
from bokeh.client import pull_session
with pull_session(url=sys.argv[1]) as session:
    slider = session.document.select_one({"name": "slider"})
    slider.value = 21
    session.force_roundtrip()
    session.pull()
    twice = session.document.select_one({"name": "twice"})
    print(tornado.websocket.__name__, twice.text, session.document.title)
"""


@pytest.fixture(scope="module")
def environment() -> Environment:
    return Environment("bokeh")


class Bokeh:
    """A server that runs."""

    def __init__(self, application: Application) -> None:
        self.application = application
        port = application.says(r"running at: http://localhost:(\d+)/twice")[1]
        application.says("Starting Bokeh server with process id")
        self.site = Site(f"http://localhost:{port}")

    def token(self) -> str:
        found = re.search(r'"token":"([^"]+)"', self.site("/twice").text)
        assert found
        return found[1]

    @contextmanager
    def session(self, token: str, origin: str = "") -> Iterator[ClientConnection]:
        """Open the WebSocket of a session and read the greeting."""
        with connect(
            f"ws://{self.site.address}/twice/ws",
            subprotocols=["bokeh", token],  # type: ignore[list-item]
            origin=origin or f"http://{self.site.address}",  # type: ignore[arg-type]
            open_timeout=PATIENCE,
        ) as socket:
            assert receive(socket)[0] == "ACK"
            yield socket


def receive(socket: ClientConnection) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Read one message: its type, header and content, which are frames of their own."""
    header, _, content = (json.loads(socket.recv(PATIENCE)) for _ in range(3))
    return header["msgtype"], header, content


def send(socket: ClientConnection, kind: str, content: Any) -> None:
    for part in ({"msgid": kind, "msgtype": kind}, {}, content):
        socket.send(json.dumps(part))


@pytest.fixture
def bokeh(environment: Environment, run: Callable[..., Application], tmp_path: Path) -> Bokeh:
    (tmp_path / "twice.py").write_text(PROGRAM)
    return Bokeh(run(environment, "-m", "bokeh", "serve", "twice.py", "--port", "0"))


def test_pages(bokeh: Bokeh) -> None:
    page = bokeh.site("/twice")
    assert page.status == 200
    assert "<title>Twice</title>" in page.text
    assert page.headers["Server"].startswith("Whirlwind/")
    script = re.search(r'src="(?:/twice/)?(?:/?)(static/js/bokeh\.min\.js[^"]*)"', page.text)
    assert script
    assert bokeh.site("/" + script[1]).status == 200
    assert bokeh.site("/twice/autoload.js?bokeh-autoload-element=1").status == 200
    assert bokeh.site("/absent").status == 404


def test_a_session(bokeh: Bokeh) -> None:
    with bokeh.session(bokeh.token()) as socket:
        send(socket, "PULL-DOC-REQ", {})
        kind, _, content = receive(socket)
        assert kind == "PULL-DOC-REPLY"
        roots = {one["attributes"]["name"]: one["id"] for one in content["doc"]["roots"]}
        value = {
            "kind": "ModelChanged", "model": {"id": roots["slider"]}, "attr": "value", "new": 21,
        }
        send(socket, "PATCH-DOC", {"events": [value]})
        kinds = []
        changed: list[Any] = []
        while "OK" not in kinds or not changed:
            kind, header, content = receive(socket)
            kinds.append(kind)
            if kind == "PATCH-DOC":
                changed += content["events"]
            elif kind == "OK":
                assert header["reqid"] == "PATCH-DOC"
        assert [(one["model"]["id"], one["attr"], one["new"]) for one in changed] == [
            (roots["twice"], "text", "42")
        ]
        send(socket, "SERVER-INFO-REQ", {})
        kind, _, content = receive(socket)
        assert content["version_info"]["bokeh"]


def test_a_session_of_bokehs_own_client(environment: Environment, bokeh: Bokeh) -> None:
    said = environment.run("-c", CLIENT, f"http://{bokeh.site.address}/twice")
    assert said.split()[-3:] == ["whirlwind.websocket", "42", "Twice"]


def test_who_may_not_come_in(bokeh: Bokeh) -> None:
    with pytest.raises(InvalidStatus) as refused:
        with bokeh.session(bokeh.token(), origin="http://elsewhere.example"):
            pass
    assert refused.value.response.status_code == 403
    with bokeh.session(bokeh.token()):  # the others do not notice
        pass


def test_a_signal_ends_it_with_its_sessions(bokeh: Bokeh) -> None:
    with bokeh.session(bokeh.token()):
        assert bokeh.application.terminate() == 0
    assert "Received signal SIGTERM, shutting down" in bokeh.application.log()
    assert "Traceback" not in bokeh.application.log()
