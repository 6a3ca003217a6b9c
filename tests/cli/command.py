"""The command in a process of its own."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.project import ROOT

#: Long enough for a machine that does much else; nothing waits for it to pass.
PATIENCE = 60.0

APPLICATIONS = '''
import asyncio
import os
import threading

from whirlwind import process, routing, web


class Hello(web.RequestHandler):
    def get(self):
        self.write(str(os.getpid()))


class Slow(web.RequestHandler):
    """Says that it has begun, and goes on when the client says so."""

    async def get(self):
        self.write("begun")
        await self.flush()
        while not os.path.exists(self.get_argument("until")):
            await asyncio.sleep(0.01)
        self.write(" ended")


class Task(web.RequestHandler):
    def get(self):
        self.write(str(process.task_id()))


class Stuck(web.RequestHandler):
    def get(self):
        threading.Event().wait()


def make_app(**settings):
    return web.Application(
        [(r"/", Hello), (r"/slow", Slow), (r"/task", Task), (r"/stuck", Stuck)], **settings
    )


async def make_app_later():
    await asyncio.sleep(0)
    return make_app()


app = make_app()
quiet = make_app(log_function=lambda handler: None)


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        scope["state"]["from"] = b"asgi"
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("lifespan ended", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["state"]["from"]})


async def late(scope, receive, send):
    if scope["type"] == "lifespan":
        await asgi(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"answered"})
    while not os.path.exists(scope["query_string"]):
        await asyncio.sleep(0.01)
    print("work ended", flush=True)


def wsgi(environ, start_response):
    start_response("200 OK", [("Content-Length", "4")])
    return [b"wsgi"]


def request_callback(request):
    request.connection.write_headers(
        __import__("whirlwind.httputil").httputil.ResponseStartLine("HTTP/1.1", 200, "OK"),
        __import__("whirlwind.httputil").httputil.HTTPHeaders({"Content-Length": "8"}),
        b"callback",
    )
    request.connection.finish()


router = routing.RuleRouter([routing.Rule(routing.AnyMatches(), request_callback)])


def fails():
    raise ZeroDivisionError("the factory's own")


async def starts_not(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


number = 7
'''


def environment(**more: str) -> dict[str, str]:
    ours = {"WHIRLWIND_EXTENSIONS"}
    clean = {k: v for k, v in os.environ.items() if k in ours or not k.startswith("WHIRLWIND_")}
    return {**clean, "PYTHONPATH": str(ROOT / "src"), **more}


def run(*arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "whirlwind", *arguments],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


class Serving:
    """`whirlwind serve` in the background; by default on a port that the system chooses.

    ::

        with Serving("apps:app", cwd=tmp_path) as server:
            assert server.get("/") == (200, "hello")
    """

    def __init__(
        self,
        *arguments: str,
        cwd: Path,
        listen: Sequence[str] = ("--port", "0"),
        fds: Sequence[int] = (),
        program: Sequence[str] = (sys.executable, "-m", "whirlwind", "serve"),
        **more: str,
    ) -> None:
        self.process = subprocess.Popen(
            [*program, *arguments, *listen],
            cwd=cwd,
            env=environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=fds,
            text=True,
        )
        self.port = 0
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "Serving":
        try:
            place = self.wait_for(r"Serving on ([^\s,]+)")
        except BaseException:
            self.__exit__()
            raise
        port = re.search(r":(\d+)$", place[1])
        self.port = int(port[1]) if port else 0
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self._lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    @property
    def output(self) -> str:
        return "\n".join(self._lines)

    def wait_for(
        self, pattern: str, times: int = 1, nudge: Callable[[], object] | None = None
    ) -> re.Match[str]:
        """Wait until so many lines of the output match; give the last match.

        :arg nudge: called now, and again for as long as nothing comes of it.
        """

        def found() -> list[re.Match[str]]:
            return [match for line in self._lines if (match := re.search(pattern, line))]

        with self._news:
            if nudge is None:
                self._news.wait_for(lambda: self._ended or len(found()) >= times, PATIENCE)
            while nudge is not None and not self._ended and len(found()) < times:
                nudge()
                self._news.wait_for(lambda: self._ended or len(found()) >= times, 1.0)
            assert len(found()) >= times, f"no {pattern!r} in:\n{self.output}"
            return found()[times - 1]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; give the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def get(self, path: str = "/") -> tuple[int, str]:
        connection = self.connect()
        try:
            return ask(connection, path)
        finally:
            connection.close()


def ask(connection: http.client.HTTPConnection, path: str = "/") -> tuple[int, str]:
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read().decode()


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self._path)
