"""Starts applications under the alias, and talks to them over real sockets."""

import base64
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / ".venv-apps"
#: Seconds that anything may take on a busy machine before a test says that it hangs.
PATIENCE = 90

ALIAS = ("-m", "whirlwind.as_tornado")


class Environment:
    """The environment of one application.

    :ivar python: Path, its interpreter.
    """

    def __init__(self, name: str) -> None:
        folder = ENVIRONMENTS / name
        table = tomllib.loads(Path(__file__).with_name("applications.toml").read_text())
        stamp = folder / "application-from"
        if not stamp.is_file() or stamp.read_text() != " ".join(table[name]["requires"]):
            pytest.skip(f'{name} is not installed: make apps ARGS="{name}"')
        self.python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"

    def run(self, *arguments: str, alias: bool = True, **variables: str) -> str:
        """Run a program to its end.

        :arg arguments: what stands behind ``python``.
        :arg alias: whether Whirlwind stands in Tornado's place.
        :returns: what it wrote.
        """
        command = [str(self.python), *(ALIAS if alias else ()), *arguments]
        done = subprocess.run(
            command, env=_variables(variables), text=True, timeout=PATIENCE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


def _variables(more: dict[str, str]) -> dict[str, str]:
    """The environment of a process, without what the one that tests has of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    kept.pop("PYTHONPATH", None)  # the environment has Whirlwind installed, from this checkout
    kept.pop("WHIRLWIND_AS_TORNADO", None)
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "", **more}


class Application:
    """A program under the alias.

    :arg environment: where it is installed.
    :arg arguments: what stands behind ``python -m whirlwind.as_tornado``.
    :arg folder: its current folder, which gets its log as well.
    :arg alias: False to run it on Tornado.
    """

    def __init__(
        self,
        environment: Environment,
        *arguments: str,
        folder: Path,
        alias: bool = True,
        **variables: str,
    ) -> None:
        self._log = folder / f"log-{len(list(folder.glob('log-*')))}.txt"
        command = [str(environment.python), *(ALIAS if alias else ()), *arguments]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, env=_variables(variables), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )

    def log(self) -> str:
        """What it has written until now."""
        return self._log.read_text(errors="replace")

    def says(self, pattern: str) -> re.Match[str]:
        """Wait until its log has a line that a regular expression finds."""
        end = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.log())):
            self._go_on(end, f"says nothing like {pattern!r}")
        return found

    def listens(self, port: int) -> None:
        """Wait until it accepts connections."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
                return
            except ConnectionRefusedError:
                self._go_on(end, f"does not listen on {port}")

    def _go_on(self, end: float, complaint: str) -> None:
        assert self._process.poll() is None, f"it ended: {self.log()}"
        assert time.monotonic() < end, f"{complaint}: {self.log()}"
        time.sleep(0.05)

    def terminate(self) -> int:
        """Ask it to end, and return its status: negative for the signal that killed it."""
        self._process.terminate()
        return self._process.wait(PATIENCE)

    def stop(self) -> None:
        """End it and what it has started."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                pass
        if hasattr(os, "killpg"):
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._process.wait()


class Site:
    """Asks one server over HTTP.

    :arg base: its URL.
    :arg headers: fields for every request.
    """

    def __init__(self, base: str, headers: dict[str, str] | None = None) -> None:
        parts = urlsplit(base)
        assert parts.hostname
        self.address = f"{parts.hostname}:{parts.port}"
        self._path = parts.path.rstrip("/")
        self._headers = dict(headers or {})

    def authorize(self, user: str, password: str) -> None:
        """Send a name and a password from now on (RFC 7617)."""
        credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers["Authorization"] = f"Basic {credentials}"

    def __call__(
        self, path: str, method: str = "GET", body: Any = None, **headers: str
    ) -> "Answer":
        """Make a request on a connection of its own.

        :arg body: bytes, or what is sent as JSON.
        """
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        try:
            connection.request(method, self._path + path, body, {**self._headers, **headers})
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()


class Answer:
    """What a server has answered.

    :ivar status: int.
    :ivar headers: `http.client.HTTPMessage`.
    :ivar body: bytes.
    """

    def __init__(self, response: http.client.HTTPResponse, body: bytes) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = body

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def free_port() -> int:
    """A port that nobody listens on, for programs that can not take any."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


