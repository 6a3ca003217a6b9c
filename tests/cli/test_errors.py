"""What `whirlwind` says about what it can not do: one line, and the application's traceback."""

import asyncio
import signal
import socket

import pytest

from tests.cli.command import Serving, run
from whirlwind.cli.errors import CommandError
from whirlwind.cli.loading import load
from whirlwind.cli.main import main
from whirlwind.cli.settings import Settings


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("nothing:app", 2, "there is no module 'nothing' in {} nor among what is installed"),
        ("apps:ap", 2, "module 'apps' has no 'ap'; did you mean 'app'?"),
        ("main", 2, "module 'main' has no 'app'; did you mean 'make_app'?"),
        (
            "apps.py",
            2,
            "there is no module 'apps.py' in {} nor among what is installed; give the module's "
            "name, without .py",
        ),
        ("main:make_nothing", 2, "main:make_nothing returns None, which is no application"),
        (
            "runs",
            1,
            "cannot import runs: RuntimeError: asyncio.run() cannot be called from a running event "
            "loop (what is served must not run one itself)",
        ),
        ("a-b", 2, "'a-b' does not have the form package.module:app"),
        (
            "apps:number",
            2,
            "apps:number is 7, and no application; for one whose arguments do not tell, give "
            "--interface asgi or --interface wsgi",
        ),
        ("apps:fails", 1, "apps:fails fails: ZeroDivisionError: the factory's own"),
        (
            "apps:starts_not",
            1,
            "cannot start: the ASGI application answers lifespan.startup.failed: no database",
        ),
        ("broken", 1, "cannot import broken: No module named 'nothing'"),
        ("exits", 1, "cannot import exits: SystemExit: 3"),
    ],
)
def test_an_application_that_can_not_be_had_is_named(here, name, status, message) -> None:
    (here / "broken.py").write_text("import nothing\n")
    (here / "exits.py").write_text("raise SystemExit(3)\n")
    (here / "main.py").write_text("def make_app(): pass\ndef make_nothing(): pass\n")
    (here / "runs.py").write_text("import asyncio\nasyncio.run(None)\n")

    async def start() -> None:
        application = await load(Settings(app=name))
        await application.startup()

    with pytest.raises(CommandError) as caught:
        asyncio.run(start())
    assert str(caught.value) == message.format(here)
    assert caught.value.status == status
    assert ("Traceback" in caught.value.details) == (
        name in ("apps:fails", "broken", "exits", "runs")
    )
    assert "cli/loading" not in caught.value.details


def test_a_factory_that_does_not_return_is_told_of(here, caplog, monkeypatch) -> None:
    monkeypatch.setattr("whirlwind.cli.loading._PATIENCE", 0.0)

    async def main() -> None:
        loading = asyncio.ensure_future(load(Settings(app="serves:main")))
        while not caplog.messages:  # noqa: ASYNC110
            await asyncio.sleep(0)
        loading.cancel()

    (here / "serves.py").write_text(
        "import asyncio\nasync def main(): await asyncio.Event().wait()\n"
    )
    asyncio.run(main())
    assert caplog.messages == [
        "serves:main has not returned an application yet; one that serves by itself never does"
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serve", "--bogus"], "unrecognized arguments: --bogus"),
        (["serve", "apps:app", "--fd", "99"], "--fd 99 is no socket: Bad file descriptor"),
        (["bogus"], "invalid choice: 'bogus'"),
    ],
)
def test_bad_input_is_one_line(here, capsys, arguments, message) -> None:
    assert main([*arguments, "--log-level", "none"] if arguments[0] == "serve" else arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_a_port_in_use(here, capsys) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = str(sock.getsockname()[1])
        assert main(["serve", "apps:app", "--port", port, "--log-level", "none"]) == 2
    assert capsys.readouterr().err == (
        f"whirlwind serve: error: cannot listen: Address already in use (127.0.0.1:{port})\n"
    )


def test_a_unix_socket_that_can_not_be(here, capsys) -> None:
    arguments = ["serve", "apps:app", "--log-level", "none", "--uds"]
    assert main([*arguments, "apps.py"]) == 2
    assert main([*arguments, "/no/such/folder/s"]) == 2
    assert capsys.readouterr().err == (
        "whirlwind serve: error: cannot listen: File apps.py exists and is not a socket\n"
        "whirlwind serve: error: cannot listen: No such file or directory "
        "('/no/such/folder/s')\n"
    )


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("no.pem", "--tls-cert: cannot read no.pem"),
        ("apps.py", "cannot use certificate and key: [SSL]"),
    ],
)
def test_certificates_that_are_none(here, capsys, file, message) -> None:
    arguments = ["serve", "apps:app", "--port", "0", "--log-level", "none", "--tls-cert", file]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"whirlwind serve: error: {message}")
    assert said.count("\n") == 1


@pytest.mark.parametrize("workers", [(), ("--workers", "1")])
@pytest.mark.parametrize("how", ["says", "raises"])
def test_an_application_that_does_not_stop_properly(folder, workers, how) -> None:
    (folder / "ends.py").write_text(
        f"how = {how!r}\n"
        "async def app(scope, receive, send):\n"
        "    await receive()\n"
        "    await send({'type': 'lifespan.startup.complete'})\n"
        "    await receive()\n"
        "    if how == 'raises':\n"
        "        raise ZeroDivisionError('the end')\n"
        "    await send({'type': 'lifespan.shutdown.failed', 'message': 'still busy'})\n"
    )
    with Serving("ends", *workers, cwd=folder) as server:
        # The master tells what became of a worker, and has ended in order itself.
        assert server.stop() == (0 if workers else 1)
    told = server.output
    assert "did not stop properly: the ASGI application" in told
    assert ("still busy" in told) == (how == "says")
    assert ("ZeroDivisionError: the end" in told) == (how == "raises")
    assert "whirlwind/cli" not in told


def test_a_failing_application_in_a_process_of_its_own(folder) -> None:
    ended = run("serve", "apps:fails", "--port", "0", cwd=folder)
    first, *_, last = ended.stderr.splitlines()
    assert first == "Traceback (most recent call last):"
    assert last == (
        "whirlwind serve: error: apps:fails fails: ZeroDivisionError: the factory's own"
    )
    assert ended.returncode == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_what_waits_for_a_change(folder, number) -> None:
    server = Serving("apps:starts_not", "--reload", cwd=folder)
    try:
        server.wait_for("no database; waiting for a change")
        assert server.stop(number) in (130, -number)
    finally:
        server.__exit__()
