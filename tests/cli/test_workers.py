"""`whirlwind serve --workers`: restarts, crashes, and the end."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.cli.command import PATIENCE, Serving, UnixConnection, ask, run
from tests.cli.test_serve import ACTIVATE

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes inherit sockets there")


class Client:
    """Asks and asks over a connection that is kept; notes who answered."""

    def __init__(self, port: int) -> None:
        self.pids: set[bytes] = set()
        self.requests = 0
        self.connections = 0
        self._port = port

    async def work(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self.connections += 1
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                while not stop.is_set() and await self._ask(reader, writer):
                    pass
            finally:
                writer.close()
                await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Any connection that ends before its answer, or answers anything else, is an error."""
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        self.pids.add(await reader.readexactly(length))
        self.requests += 1
        await asyncio.sleep(0.002)  # workers need the processor to start
        return b"connection: close" not in head.lower()


def test_rolling_restarts_lose_no_request(folder) -> None:
    async def load(server: Serving) -> list[Client]:
        clients = [Client(server.port) for _ in range(6)]
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(client.work(stop))
            for count in (1, 2):
                server.process.send_signal(signal.SIGHUP)
                await asyncio.to_thread(server.wait_for, "All workers have been replaced", count)
            stop.set()
        return clients

    with Serving("apps:quiet", "--workers", "2", cwd=folder) as server:
        clients = asyncio.run(load(server))
        assert server.stop() == 0
    assert all(client.requests > client.connections for client in clients)
    # One worker may have had all connections; none of them lives through two restarts.
    assert all(len(client.pids) >= 2 for client in clients)
    assert "Worker" not in server.output


def test_a_killed_worker_is_replaced(folder) -> None:
    with Serving("apps:app", "--workers", "1", cwd=folder) as server:
        first = int(server.get()[1])
        assert first != server.process.pid
        os.kill(first, signal.SIGKILL)
        server.wait_for(f"Worker {first} was ended by SIGKILL; it is replaced")
        # The connection waits in the socket that the master holds.
        status, second = server.get()
        assert status == 200
        assert int(second) != first
        assert server.get("/task") == (200, "0")
        assert server.stop() == 0


def test_requests_under_way_are_finished(folder) -> None:
    done = folder / "done"
    with Serving("apps:make_app", "--workers", "2", cwd=folder) as server:
        connections = [server.connect() for _ in range(4)]
        responses = []
        for connection in connections:
            connection.request("GET", f"/slow?until={done}")
            responses.append(connection.getresponse())
            assert responses[-1].read(5) == b"begun"
        server.process.send_signal(signal.SIGINT)
        server.wait_for("Stopping")
        done.touch()
        assert [response.read() for response in responses] == [b" ended"] * 4
        for connection in connections:
            connection.close()
        assert server.process.wait(PATIENCE) == 0
    assert "Traceback" not in server.output


def test_a_second_signal_kills(folder) -> None:
    with Serving("apps:app", "--workers", "1", "--drain-timeout", "1000", cwd=folder) as server:
        connection = server.connect()
        connection.request("GET", "/slow?until=/no/such/file")
        with connection.getresponse() as response:
            assert response.read(5) == b"begun"
            server.process.send_signal(signal.SIGTERM)
            server.wait_for("Stopping")
            assert server.stop() == 0
        connection.close()


def test_a_restart_runs_the_new_code_unless_that_does_not_start(folder) -> None:
    source = folder / "apps.py"
    good = source.read_text()
    with Serving("apps:wsgi", "--workers", "1", cwd=folder) as server:
        assert server.get() == (200, "wsgi")
        source.write_text("1 / 0")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("The workers that serve already stay")
        assert "ZeroDivisionError" in server.output
        assert server.get() == (200, "wsgi")
        source.write_text(good.replace('b"wsgi"', 'b"WSGI"'))
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("All workers have been replaced")
        while (answer := server.get()) == (200, "wsgi"):
            pass  # the old one has not stopped accepting yet
        assert answer == (200, "WSGI")


def test_workers_are_replaced_after_so_many_requests(folder) -> None:
    arguments = ("apps:app", "--workers", "1", "--max-requests", "3")
    with Serving(*arguments, cwd=folder) as server:
        answers = [server.get() for _ in range(3)]
        first = answers[0][1]
        assert answers == [(200, first)] * 3
        while True:
            status, pid = server.get()
            assert status == 200
            if pid != first:
                break
        assert server.stop() == 0


def test_a_worker_whose_loop_stands_still_is_replaced(folder) -> None:
    arguments = ("apps:app", "--workers", "1", "--worker-timeout", "1")
    with Serving(*arguments, cwd=folder) as server:
        connections = []

        def ask() -> None:
            connections.append(server.connect())
            connections[-1].request("GET", "/stuck")

        # More than once: on a machine that is very slow the worker may be aborted before it asks.
        server.wait_for(r"apps\.py.* in get", nudge=ask)
        server.wait_for(r"Worker \d+ stands still for 1 seconds: aborted")
        server.wait_for(r"Worker \d+ was ended by SIGABRT; it is replaced")
        for connection in connections:
            connection.close()


def test_an_application_that_does_not_load_is_said_once(folder) -> None:
    ended = run("serve", "apps:ap", "--port", "0", "--workers", "2", cwd=folder)
    assert ended.stderr == (
        "whirlwind serve: error: module 'apps' has no 'ap'; did you mean 'app'?\n"
    )
    assert ended.returncode == 2


def test_workers_that_die_while_they_start_are_tried_again(folder) -> None:
    (folder / "weak.py").write_text(
        "import os\nif not os.path.exists('medicine'): os._exit(3)\nfrom apps import app\n"
    )
    listen = ("--workers", "1", "--port", "0")
    server = Serving("weak", cwd=folder, listen=listen)
    server.wait_for(r"Worker \d+ did not start: it exited with status 3", 2)
    (folder / "medicine").touch()
    with server:
        assert server.get()[0] == 200


def test_workers_end_with_their_master(folder) -> None:
    with Serving("apps:app", "--workers", "2", cwd=folder) as server:
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        # Its end comes when the last process that writes into it has ended.
        server._reader.join(PATIENCE)
        assert not server._reader.is_alive()


def unix_get(path: Path) -> str:
    connection = UnixConnection(str(path))
    status, body = ask(connection)
    connection.close()
    assert status == 200
    return body


def test_workers_share_a_unix_socket(folder) -> None:
    path = folder / "s"
    listen = ("--uds", str(path))
    with Serving("apps:app", "--workers", "1", cwd=folder, listen=listen) as server:
        first = second = unix_get(path)
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("All workers have been replaced")
        while second == first:  # the old one may not have stopped accepting yet
            second = unix_get(path)
        server.stop()
    assert not path.exists()


def test_systemd_hears_of_restarts(folder) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notes:
        notes.bind(str(folder / "notify"))
        notes.settimeout(PATIENCE)
        program = (sys.executable, "-c", ACTIVATE, "0")
        variables = {"NOTIFY_SOCKET": str(folder / "notify")}
        listen = ("--workers", "1")
        with Serving("apps:app", cwd=folder, listen=listen, program=program, **variables) as server:
            server.port = int(server.wait_for(r":(\d+), with 1 worker")[1])
            assert server.get()[0] == 200
            server.process.send_signal(signal.SIGHUP)
            server.wait_for("All workers have been replaced")
            server.stop()
        received = [notes.recv(1000).decode().split("\n")[0] for _ in range(4)]
    assert received == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]
