"""`whirlwind serve` in one process."""

import asyncio
import json
import os
import re
import signal
import socket
import ssl
import sys
import urllib.request
from collections.abc import Callable

import pytest

from tests.cli.command import PATIENCE, Serving, UnixConnection, ask, run
from whirlwind.cli.serving import serve
from whirlwind.cli.settings import Settings
from whirlwind.httpclient import AsyncHTTPClient
from whirlwind.ioloop import run as run_on_loop

CERTIFICATE = ("tests/wire/test.crt", "tests/wire/test.key")


class Witness:
    """In the place of systemd or a master, in this process."""

    ending_signals = ()

    def __init__(self, port: int) -> None:
        self.seen: list[str] = []
        self.bodies: list[bytes] = []
        self._port = port

    def attach(self, stop: Callable[[], None]) -> None:
        self._stop = stop

    def ready(self) -> None:
        self.seen.append("ready")
        self._task = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        client = AsyncHTTPClient(force_instance=True)
        try:
            for path in ("/", "/up", "/"):
                response = await client.fetch(f"http://127.0.0.1:{self._port}{path}")
                self.bodies.append(response.body)
        finally:
            client.close()
            self._stop()

    def stopping(self) -> None:
        self.seen.append("stopping")

    def worn_out(self) -> None:
        self.seen.append("worn out")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("app", None),
        ("make_app_later", None),
        ("router", b"callback"),
        ("asgi", b"asgi"),
        ("wsgi", b"wsgi"),
        ("request_callback", b"callback"),
    ],
)
def test_every_kind_of_application(here, capsys, name, body) -> None:
    """The health path is answered for each, and not counted."""
    sock = socket.create_server(("127.0.0.1", 0))
    witness = Witness(sock.getsockname()[1])
    settings = Settings(app=f"apps:{name}", health="/up", max_requests=2, workers=1)
    run_on_loop(serve(settings, [sock], witness))
    body = body or str(os.getpid()).encode()
    assert witness.bodies == [body, b"ok\n", body]
    assert witness.seen == ["ready", "worn out", "stopping"]
    assert ("lifespan ended" in capsys.readouterr().out) == (name == "asgi")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_under_way_are_finished(folder, number) -> None:
    done = folder / "done"
    with Serving("apps:make_app", cwd=folder) as server:
        connection = server.connect()
        connection.request("GET", f"/slow?until={done}")
        response = connection.getresponse()
        assert response.read(5) == b"begun"
        server.process.send_signal(number)
        server.wait_for("Stopping")
        done.touch()
        assert response.read() == b" ended"
        connection.close()
        assert server.process.wait(PATIENCE) == 0


def test_what_is_left_after_the_drain_timeout_is_aborted(folder) -> None:
    with Serving("apps:app", "--drain-timeout", "0", cwd=folder) as server:
        connection = server.connect()
        connection.request("GET", "/slow?until=/no/such/file")
        assert connection.getresponse().read(5) == b"begun"
        assert server.stop() == 0
        server.wait_for("have been aborted")
        connection.close()


def test_a_second_signal_does_not_wait(folder) -> None:
    with Serving("apps:app", "--drain-timeout", "1000", cwd=folder) as server:
        connection = server.connect()
        connection.request("GET", "/slow?until=/no/such/file")
        assert connection.getresponse().read(5) == b"begun"
        server.process.send_signal(signal.SIGINT)
        server.wait_for("Stopping")
        assert server.stop(signal.SIGINT) == 0
        connection.close()


def test_what_an_application_does_after_its_answer_is_finished(folder) -> None:
    done = folder / "done"
    with Serving("apps:late", cwd=folder) as server:
        assert server.get(f"/?{done}") == (200, "answered")
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("Stopping")
        done.touch()
        assert server.process.wait(PATIENCE) == 0
        server.wait_for("lifespan ended")
        assert re.search("work ended\n(.*\n)*lifespan ended", server.output)
        assert "aborted" not in server.output


@pytest.mark.parametrize(("seconds", "signals"), [("0", 1), ("1000", 2)])
def test_what_it_does_after_its_answer_is_aborted_at_last(folder, seconds, signals) -> None:
    with Serving("apps:late", "--drain-timeout", seconds, cwd=folder) as server:
        assert server.get("/?/no/such/file") == (200, "answered")
        for _ in range(signals - 1):
            server.process.send_signal(signal.SIGTERM)
            server.wait_for("Stopping")
        assert server.stop() == 0
        server.wait_for("have been aborted")
        server.wait_for("lifespan ended")
        assert "work ended" not in server.output


def test_a_unix_socket(folder) -> None:
    path = folder / "s"
    listen = ("--uds", str(path), "--uds-mode", "660")
    with Serving("apps:app", cwd=folder, listen=listen) as server:
        assert path.stat().st_mode & 0o777 == 0o660
        connection = UnixConnection(str(path))
        assert ask(connection) == (200, str(server.process.pid))
        connection.close()
        second = run("serve", "apps:app", *listen, cwd=folder)
        assert second.stderr == (
            f"whirlwind serve: error: cannot listen on {path}: another process does\n"
        )
        assert second.returncode == 2
        server.stop()
    assert not path.exists()


def test_an_inherited_socket_and_a_json_log(folder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        number = sock.fileno()
        listen = ("--fd", str(number), "--log-format", "json")
        with Serving("apps:app", cwd=folder, listen=listen, fds=[number]) as server:
            server.port = sock.getsockname()[1]
            assert server.get()[0] == 200
            line = json.loads(server.wait_for("GET")[0] and server.output.splitlines()[-1])
            assert (line["status"], line["uri"]) == (200, "/")


def test_tls(folder) -> None:
    root = os.getcwd()
    listen = ["--port", "0"]
    for option, file in zip(("--tls-cert", "--tls-key"), CERTIFICATE, strict=True):
        listen += [option, os.path.join(root, file)]
    with Serving("apps:app", cwd=folder, listen=listen) as server:
        context = ssl._create_unverified_context()
        url = f"https://127.0.0.1:{server.port}/"
        with urllib.request.urlopen(url, context=context, timeout=PATIENCE) as response:
            assert response.read() == str(server.process.pid).encode()


#: What systemd does: sockets from 3 on, and the number of the process that they are for.
ACTIVATE = """
import os, socket, sys
sock = socket.create_server(("127.0.0.1", int(sys.argv[1])))
if sock.fileno() != 3:
    os.dup2(sock.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.executable, [sys.executable, "-m", "whirlwind", "serve", *sys.argv[2:]])
"""


def test_systemd_passes_the_socket_and_hears_of_the_beginning_and_the_end(folder) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notes:
        notes.bind(str(folder / "notify"))
        notes.settimeout(PATIENCE)
        variables = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "1000000"}
        program = (sys.executable, "-c", ACTIVATE, "0")
        with Serving("apps:app", cwd=folder, listen=(), program=program, **variables) as server:
            received = [notes.recv(1000).decode() for _ in range(3)]
            assert server.get()[0] == 200
            server.stop()
            while not received[-1].startswith("STOPPING=1"):
                received.append(notes.recv(1000).decode())
    assert f"READY=1\nSTATUS=Serving on http://127.0.0.1:{server.port}" in received
    assert received.count("WATCHDOG=1") > 1


def test_the_configuration_file_and_the_environment(folder) -> None:
    (folder / "serve.toml").write_text('app = "apps:wsgi"\nport = 0\nhealth = "/up"\n')
    with Serving(
        "--config", "serve.toml", cwd=folder, listen=(), WHIRLWIND_HEALTH="/live"
    ) as server:
        assert server.get("/live") == (200, "ok\n")
        assert server.get("/up") == (200, "wsgi")


def test_reloading_starts_over_and_waits_while_the_source_is_broken(folder) -> None:
    source = folder / "apps.py"
    good = source.read_text()
    source.write_text("def broken(:\n")
    arguments = ("serve", "apps:wsgi", "--reload")
    program = (sys.executable, "-m", "whirlwind", *arguments)
    server = Serving(cwd=folder, program=program)
    server.wait_for("waiting for a change")
    source.write_text(good)
    with server:
        assert server.get() == (200, "wsgi")
        # Of another length: by that, and by whole seconds, Python tells whether bytecode is stale.
        new = good.replace('b"wsgi"', 'b"WSGI"') + "# longer\n"
        # What changes before a new process has looked at it for the first time is not noticed.
        server.wait_for("has changed; restarting", 2, lambda: source.write_text(new))
        server.port = int(server.wait_for(r"Serving on .*:(\d+)", 2)[1])
        assert server.get() == (200, "WSGI")
