"""Where the settings of `whirlwind serve` come from."""

import argparse

import pytest

from whirlwind.cli.errors import CommandError
from whirlwind.cli.settings import Settings, add_arguments, settle


def settled(line: str = "m:app", environ: dict[str, str] | None = None) -> Settings:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return settle(vars(parser.parse_args(line.split())), environ or {})


@pytest.fixture
def file(tmp_path):
    def write(text: str) -> str:
        (tmp_path / "serve.toml").write_text(text)
        return str(tmp_path / "serve.toml")

    return write


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(file) -> None:
    path = file('app = "f:f"\nport = 1\nworkers = 1\ndrain-timeout = 3\nlog_format = "json"')
    environ = {"WHIRLWIND_PORT": "2", "WHIRLWIND_WORKERS": "2", "WHIRLWIND_CONFIG": path}
    found = settled("m:app --port 3", environ)
    assert (found.app, found.port, found.workers) == ("m:app", 3, 2)
    assert (found.drain_timeout, found.log_format) == (3.0, "json")
    assert settled("--config " + path).app == "f:f"


def test_a_place_to_listen_on_replaces_those_of_weaker_sources(file) -> None:
    path = file('uds = "/a"')
    assert settled(f"m:app --config {path}").uds == "/a"
    found = settled(f"m:app --config {path} --port 5")
    assert (found.uds, found.port) == (None, 5)
    found = settled("m:app --fd 3", {"WHIRLWIND_HOST": "::", "WHIRLWIND_PORT": "80"})
    assert (found.fd, found.port) == (3, Settings.port)


def test_switches_can_be_switched_off_again() -> None:
    assert settled("m:app", {"WHIRLWIND_XHEADERS": "yes"}).xheaders is True
    assert settled("m:app --no-xheaders", {"WHIRLWIND_XHEADERS": "1"}).xheaders is False


def test_variables_that_are_no_settings_and_empty_ones_do_not_matter() -> None:
    found = settled("m:app", {"WHIRLWIND_EXTENSIONS": "0", "WHIRLWIND_PORT": ""})
    assert found == Settings(app="m:app")


@pytest.mark.parametrize(
    ("line", "environ", "message"),
    [
        ("", {}, "name the application: whirlwind serve package.module:app"),
        ("a --port x", {}, "--port: 'x' is no whole number"),
        ("a", {"WHIRLWIND_PORT": "x"}, "WHIRLWIND_PORT: 'x' is no whole number"),
        ("a --port 65536", {}, "--port: 65536 is no port; they end at 65535"),
        ("a --workers=-1", {}, "--workers: -1 is below 0, or too much"),
        ("a --max-requests 0 --workers 1", {}, "--max-requests: 0 is below 1, or too much"),
        ("a --worker-timeout 0 --workers 1", {}, "--worker-timeout: 0.0 is below 1, or too much"),
        ("a --drain-timeout nan", {}, "--drain-timeout: nan is below 0, or too much"),
        ("a --drain-timeout s", {}, "--drain-timeout: 's' is no number"),
        ("a --log-format xml", {}, "--log-format: 'xml' is none of text, json"),
        ("a --health up", {}, "--health: the path 'up' does not begin with /"),
        ("a --uds-mode 9", {}, "--uds-mode: '9' is no octal number"),
        ("a", {"WHIRLWIND_RELOAD": "x"}, "WHIRLWIND_RELOAD: 'x' is neither true nor false"),
        ("a --uds x --port 1", {}, "--uds and --port are two places to listen on: give one"),
        (
            "a --tls-key k",
            {},
            "--tls-key needs --tls-cert: the certificate that the key is for",
        ),
        (
            "a --reload --workers 2",
            {},
            "--reload and --workers do not go together: leave one out",
        ),
        (
            "a --max-requests 5",
            {},
            "--max-requests needs --workers: a process that replaces the worker",
        ),
        (
            "a --worker-timeout 5",
            {},
            "--worker-timeout needs --workers: a process that replaces the worker",
        ),
        ("a --config /no/file", {}, "cannot read /no/file: No such file or directory"),
    ],
)
def test_what_means_nothing_is_named(line, environ, message) -> None:
    with pytest.raises(CommandError) as caught:
        settled(line, environ)
    assert (str(caught.value), caught.value.status) == (message, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 1", "there is no setting 'prot'; did you mean port?"),
        ('port = "1"', "port: '1' is not a whole number"),
        ("port = true", "port: True is not a whole number"),
        ("reload = 1", "reload: 1 is not true or false"),
        ("port =", "is no TOML: Invalid value"),
    ],
)
def test_mistakes_in_the_file_are_named_with_it(file, text, message) -> None:
    path = file(text)
    with pytest.raises(CommandError) as caught:
        settled(f"m:app --config {path}")
    assert str(caught.value).startswith(path)
    assert message in str(caught.value)
