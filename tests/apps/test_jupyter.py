"""Jupyter Server: contents, kernels and terminals over WebSocket, login, what a token protects."""

import json
import struct
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from .running import PATIENCE, Application, Environment, Site

TOKEN = "a-token-of-the-test"
AUTHORIZED = {"Authorization": f"token {TOKEN}"}
V1 = "v1.kernel.websocket.jupyter.org"


@pytest.fixture(scope="module")
def environment() -> Environment:
    return Environment("jupyter")


class Jupyter:
    """A server that runs, and its root folder."""

    def __init__(self, application: Application, root: Path) -> None:
        port = int(application.says(r"http://127\.0\.0\.1:(\d+)/")[1])
        application.listens(port)  # which it does after it has said so
        self.application = application
        self.root = root
        self.stranger = Site(f"http://127.0.0.1:{port}")
        self.site = Site(f"http://127.0.0.1:{port}", AUTHORIZED)

    def socket(self, path: str, **options: Any) -> ClientConnection:
        return connect(
            f"ws://{self.site.address}{path}",
            additional_headers=AUTHORIZED, open_timeout=PATIENCE, **options,
        )


@pytest.fixture(scope="module")
def jupyter(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("jupyter")
    root = folder / "root"
    root.mkdir()
    application = Application(
        environment, "-m", "jupyter_server", "--port=0", "--no-browser", "--allow-root",
        "--ip=127.0.0.1", f"--ServerApp.root_dir={root}", f"--IdentityProvider.token={TOKEN}",
        folder=folder, HOME=str(folder), JUPYTER_RUNTIME_DIR=str(folder / "runtime"),
        SHELL="/bin/sh",
    )
    try:
        yield Jupyter(application, root)
    finally:
        application.stop()


class TestContents:
    def test_a_file_from_its_creation_to_its_end(self, jupyter: Jupyter) -> None:
        site = jupyter.site
        model = {"type": "file", "format": "text", "content": "grüß\n" * 1000}
        made = site("/api/contents/one.txt", "PUT", model)
        assert made.status == 201
        assert made.headers["Location"] == "/api/contents/one.txt"
        assert (jupyter.root / "one.txt").read_text("utf-8") == model["content"]
        found = site("/api/contents/one.txt").json()
        assert (found["content"], found["mimetype"]) == (model["content"], "text/plain")
        assert [one["name"] for one in site("/api/contents").json()["content"]] == ["one.txt"]
        renamed = site("/api/contents/one.txt", "PATCH", {"path": "zwei ä.txt"})
        assert renamed.json()["path"] == "zwei ä.txt"
        assert site("/api/contents/one.txt").status == 404
        path = "/api/contents/zwei%20%C3%A4.txt"
        assert site(path).json()["content"] == model["content"]
        assert site(path, "DELETE").status == 204
        assert site(path).status == 404
        assert list(jupyter.root.glob("*.txt")) == []

    def test_a_notebook_and_its_checkpoint(self, jupyter: Jupyter) -> None:
        site = jupyter.site
        made = site("/api/contents", "POST", {"type": "notebook"})
        assert made.status == 201
        path = f"/api/contents/{made.json()['name']}"
        point = site(path + "/checkpoints", "POST")
        assert point.status == 201
        assert site(f"{path}/checkpoints/{point.json()['id']}", "POST").status == 204
        assert site(path, "DELETE").status == 204

    def test_a_file_in_parts(self, jupyter: Jupyter) -> None:
        (jupyter.root / "digits").write_bytes(b"0123456789" * 100)
        part = jupyter.site("/files/digits", Range="bytes=10-14")
        assert (part.status, part.body) == (206, b"01234")
        assert part.headers["Content-Range"] == "bytes 10-14/1000"
        whole = jupyter.site("/files/digits")
        assert whole.body == b"0123456789" * 100
        (jupyter.root / "digits").unlink()


class TestAccess:
    def test_a_token_is_needed(self, jupyter: Jupyter) -> None:
        stranger = jupyter.stranger
        assert stranger("/api").json()["version"]
        assert stranger("/api/contents").status == 403
        assert stranger("/api/contents", Authorization="token another").status == 403
        assert stranger("/api/contents", Authorization=f"token {TOKEN}").status == 200
        assert stranger(f"/api/contents?token={TOKEN}").status == 200

    def test_and_for_a_websocket(self, jupyter: Jupyter) -> None:
        kernel = uuid.uuid4()
        with pytest.raises(InvalidStatus) as refused:
            connect(f"ws://{jupyter.site.address}/api/kernels/{kernel}/channels")
        assert refused.value.response.status_code == 403

    def test_the_login_page_sets_a_cookie_that_opens(self, jupyter: Jupyter) -> None:
        stranger = jupyter.stranger
        page = stranger("/login")
        assert page.status == 200
        assert 'name="password"' in page.text
        xsrf = page.headers["Set-Cookie"].partition(";")[0]
        form = urlencode({"password": TOKEN, "_xsrf": xsrf.partition("=")[2]}).encode()
        fields = {"Content-Type": "application/x-www-form-urlencoded"}
        assert stranger("/login", "POST", form, **fields).status == 403  # without its cookie
        entered = stranger("/login", "POST", form, Cookie=xsrf, **fields)
        assert entered.status == 302
        cookies = [one.partition(";")[0] for one in entered.headers.get_all("Set-Cookie") or ()]
        named = [one for one in cookies if one.startswith("username-")]
        assert stranger("/api/contents", Cookie="; ".join(named)).status == 200

    def test_static_files(self, jupyter: Jupyter) -> None:
        found = jupyter.stranger("/static/favicon.ico")
        assert found.status == 200
        assert found.headers["Content-Type"] == "image/vnd.microsoft.icon"
        since = {"If-Modified-Since": found.headers["Last-Modified"]}
        again = jupyter.stranger("/static/favicon.ico", **since)
        assert (again.status, again.body) == (304, b"")


def message(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    header = {
        "msg_id": uuid.uuid4().hex, "msg_type": kind, "session": uuid.uuid4().hex,
        "username": "test", "date": "2026-01-01T00:00:00Z", "version": "5.4",
    }
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content}


class Json:
    """The older protocol: a message is a JSON object."""

    subprotocols = None

    @staticmethod
    def write(channel: str, message: dict[str, Any]) -> str:
        return json.dumps({**message, "channel": channel, "buffers": []})

    @staticmethod
    def read(data: str | bytes) -> tuple[str, dict[str, Any]]:
        found = json.loads(data)
        return found["channel"], found


class V1Frames:
    """The newer one: a table of offsets, then the channel and the message's parts."""

    subprotocols = [V1]
    PARTS = ("header", "parent_header", "metadata", "content")

    @classmethod
    def write(cls, channel: str, message: dict[str, Any]) -> bytes:
        parts = [channel.encode(), *(json.dumps(message[part]).encode() for part in cls.PARTS)]
        offsets = [8 * (len(parts) + 2)]
        for part in parts:
            offsets.append(offsets[-1] + len(part))
        return b"".join([struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets), *parts])

    @classmethod
    def read(cls, data: str | bytes) -> tuple[str, dict[str, Any]]:
        assert isinstance(data, bytes)
        (count,) = struct.unpack_from("<Q", data)
        offsets = struct.unpack_from(f"<{count}Q", data, 8)
        channel, *parts = (data[offsets[i] : offsets[i + 1]] for i in range(5))
        return channel.decode(), {
            name: json.loads(part) for name, part in zip(cls.PARTS, parts, strict=True)
        }


@pytest.fixture
def kernel(jupyter: Jupyter) -> Any:
    made = jupyter.site("/api/kernels", "POST", {"name": "python3"})
    assert made.status == 201
    name = made.json()["id"]
    yield name
    assert jupyter.site(f"/api/kernels/{name}", "DELETE").status == 204
    assert name not in [one["id"] for one in jupyter.site("/api/kernels").json()]


@pytest.mark.parametrize("protocol", [Json, V1Frames])
def test_a_kernel_computes(jupyter: Jupyter, kernel: str, protocol: Any) -> None:
    path = f"/api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}"
    with jupyter.socket(path, subprotocols=protocol.subprotocols) as socket:
        assert socket.subprotocol == (V1 if protocol is V1Frames else None)

        def execute(code: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
            """The reply, and what was published until the kernel was idle again."""
            asked = message("execute_request", {"code": code, "store_history": True})
            socket.send(protocol.write("shell", asked))
            reply: dict[str, Any] | None = None
            published: list[dict[str, Any]] = []
            idle = False
            while reply is None or not idle:
                channel, found = protocol.read(socket.recv(PATIENCE))
                if found["parent_header"].get("msg_id") != asked["header"]["msg_id"]:
                    continue
                if channel == "shell":
                    reply = found["content"]
                else:
                    published.append(found)
                    idle = found["content"].get("execution_state") == "idle"
            return reply, published

        reply, published = execute("print('said'); 6 * 7")
        assert reply["status"] == "ok"
        told = {one["header"]["msg_type"]: one["content"] for one in published}
        assert told["stream"]["text"] == "said\n"
        assert told["execute_result"]["data"]["text/plain"] == "42"
        # Ours is the kernel's loop, too.
        _, published = execute("import tornado.ioloop; print(tornado.ioloop.__name__)")
        told = {one["header"]["msg_type"]: one["content"] for one in published}
        assert told["stream"]["text"] == "whirlwind.ioloop\n"
        reply, published = execute("1 / 0")
        assert (reply["status"], reply["ename"]) == ("error", "ZeroDivisionError")
        _, published = execute("print('x' * 1_000_000)")
        text = [p["content"]["text"] for p in published if p["header"]["msg_type"] == "stream"]
        assert len("".join(text)) == 1_000_001


def test_a_session_has_a_kernel(jupyter: Jupyter) -> None:
    site = jupyter.site
    asked = {"path": "a.ipynb", "name": "a", "type": "notebook", "kernel": {"name": "python3"}}
    made = site("/api/sessions", "POST", asked)
    assert made.status == 201
    session = made.json()
    assert [one["id"] for one in site("/api/sessions").json()] == [session["id"]]
    assert site(f"/api/kernels/{session['kernel']['id']}/interrupt", "POST").status == 204
    assert site(f"/api/sessions/{session['id']}", "DELETE").status == 204
    assert site("/api/sessions").json() == []


def test_a_terminal(jupyter: Jupyter) -> None:
    name = jupyter.site("/api/terminals", "POST").json()["name"]
    with jupyter.socket(f"/terminals/websocket/{name}") as socket:
        written = ""

        def until(text: str) -> None:
            nonlocal written
            while text not in written:
                kind, *rest = json.loads(socket.recv(PATIENCE))
                written += rest[0] if kind == "stdout" else ""

        assert json.loads(socket.recv(PATIENCE))[0] == "setup"
        socket.send(json.dumps(["set_size", 30, 100, 600, 800]))
        socket.send(json.dumps(["stdin", "stty size; echo $((40 + 2))-done\r"]))
        until("42-done")
        assert "30 100" in written
    assert jupyter.site(f"/api/terminals/{name}", "DELETE").status == 204
    assert jupyter.site("/api/terminals").json() == []


def test_the_answers_are_ours(jupyter: Jupyter) -> None:
    assert jupyter.stranger("/api").headers["Server"].startswith("Whirlwind/")


def test_ends_when_it_is_told_to(
    environment: Environment, run: Callable[..., Application], tmp_path: Path
) -> None:
    application = run(
        environment, "-m", "jupyter_server", "--port=0", "--no-browser", "--allow-root",
        HOME=str(tmp_path), JUPYTER_RUNTIME_DIR=str(tmp_path / "runtime"),
    )
    application.says(r"http://127\.0\.0\.1:(\d+)/")
    assert application.terminate() == 0
    assert "Traceback" not in application.log()
