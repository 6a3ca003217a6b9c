"""What `whirlwind` says about what it can not do: one line, and the application's traceback."""

import asyncio
import socket

import pytest

from tests.cli.command import run
from whirlwind.cli.errors import CommandError
from whirlwind.cli.loading import load
from whirlwind.cli.main import main
from whirlwind.cli.settings import Settings


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("nothing:app", 2, "there is no module 'nothing' in {} nor among what is installed"),
        ("apps:ap", 2, "module 'apps' has no 'ap'; did you mean 'app'?"),
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

    async def start() -> None:
        application = await load(Settings(app=name))
        await application.startup()

    with pytest.raises(CommandError) as caught:
        asyncio.run(start())
    assert str(caught.value) == message.format(here)
    assert caught.value.status == status
    assert ("Traceback" in caught.value.details) == (name in ("apps:fails", "broken", "exits"))
    assert "cli/loading" not in caught.value.details


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


def test_a_failing_application_in_a_process_of_its_own(folder) -> None:
    ended = run("serve", "apps:fails", "--port", "0", cwd=folder)
    first, *_, last = ended.stderr.splitlines()
    assert first == "Traceback (most recent call last):"
    assert last == (
        "whirlwind serve: error: apps:fails fails: ZeroDivisionError: the factory's own"
    )
    assert ended.returncode == 1
