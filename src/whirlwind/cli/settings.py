"""The settings of ``whirlwind serve``: from the command line, the environment and a file.

One table, the class :class:`Settings`, makes all three: a field ``drain_timeout`` is the option
``--drain-timeout``, the variable ``WHIRLWIND_DRAIN_TIMEOUT`` and the key ``drain-timeout``.
"""

import argparse
import dataclasses
import difflib
import math
import tomllib
from collections.abc import Mapping
from types import UnionType
from typing import Any, Final, get_args

from whirlwind.cli.errors import CommandError

#: Settings that say where to listen. Whoever names one of them decides, whatever a weaker source
#: says of the others: ``--port`` goes before ``uds`` in the file.
_PLACES: Final = ({"fd"}, {"uds"}, {"host", "port"})


def _setting(default: Any, description: str, metavar: str = "", choices: Any = ()) -> Any:
    details = {"help": description, "metavar": metavar, "choices": tuple(choices)}
    return dataclasses.field(default=default, metadata=details)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What ``whirlwind serve`` goes by."""

    app: str = _setting("", "the application")
    host: str = _setting("127.0.0.1", "address to listen on; 0.0.0.0 and :: are all", "ADDRESS")
    port: int = _setting(8000, "TCP port to listen on; 0 lets the system choose", "PORT")
    uds: str | None = _setting(None, "listen on a Unix socket of this path", "PATH")
    uds_mode: str = _setting("600", "permissions of the Unix socket, in octal", "MODE")
    fd: int | None = _setting(None, "a listening socket that was inherited as this number", "N")
    workers: int | None = _setting(
        None,
        "serve in this many processes, looked after by this one; 0 for one for each CPU. "
        "Without it this process serves",
        "N",
    )
    max_requests: int | None = _setting(None, "replace a worker after this many requests", "N")
    worker_timeout: float | None = _setting(
        None, "replace a worker whose event loop stands still for so long", "SECONDS"
    )
    drain_timeout: float = _setting(
        30.0, "seconds that requests under way get when a process is to end", "SECONDS"
    )
    reload: bool = _setting(False, "start over when a source file changes (for development)")
    tls_cert: str | None = _setting(None, "speak TLS with this certificate chain (PEM)", "PATH")
    tls_key: str | None = _setting(None, "its key, unless it is in the same file", "PATH")
    xheaders: bool = _setting(
        False, "believe X-Forwarded-For and its kind: only behind a proxy that sets them"
    )
    health: str | None = _setting(None, "answer requests for this path with 200 OK", "PATH")
    interface: str = _setting(
        "auto", "what the application is, where that can not be seen", "", ("auto", "asgi", "wsgi")
    )
    threads: int = _setting(16, "threads in which a WSGI application runs", "N")
    log_format: str = _setting("text", "form of the log on stderr", "", ("text", "json"))
    log_level: str = _setting(
        "info", "lowest level that is logged", "", ("debug", "info", "warning", "error", "none")
    )


_FIELDS: Final = {field.name: field for field in dataclasses.fields(Settings)}


def kind_of(name: str) -> type:
    """The type of a setting's value, apart from None."""
    annotated: Any = _FIELDS[name].type
    if isinstance(annotated, UnionType):
        (annotated,) = (part for part in get_args(annotated) if part is not type(None))
    kind: type = annotated
    return kind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of ``whirlwind serve``, all as text and without defaults."""
    parser.add_argument(
        "app",
        nargs="?",
        default=argparse.SUPPRESS,
        metavar="package.module:app",
        help="the application, or a function that makes it; without a name it is 'app'",
    )
    for name, field in _FIELDS.items():
        if name == "app":
            continue
        details = field.metadata
        described: str = details["help"].replace("%", "%%")
        options: dict[str, Any] = {"default": argparse.SUPPRESS, "dest": name}
        if kind_of(name) is bool:
            options["action"] = argparse.BooleanOptionalAction
        else:
            options["metavar"] = "|".join(details["choices"]) or details["metavar"]
            if field.default is not None:
                described += f" ({field.default})"
        parser.add_argument("--" + name.replace("_", "-"), help=described, **options)
    parser.add_argument(
        "--config",
        default=argparse.SUPPRESS,
        metavar="PATH",
        help="a TOML file with the same settings, without dashes in front",
    )


def settle(given: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Put the settings of all sources together: command line before environment before file.

    :arg given: what the command line says: text or bool by name, ``config`` included.
    :arg environ: the environment; variables that are no setting's are nobody's business here.
    :raises CommandError: a value or a combination means nothing.
    """
    line = {name: value for name, value in given.items() if name in _FIELDS}
    variables = {name: f"WHIRLWIND_{name.upper()}" for name in _FIELDS}
    surroundings = {
        name: environ[variable] for name, variable in variables.items() if environ.get(variable)
    }
    config = given.get("config", environ.get("WHIRLWIND_CONFIG"))
    file = _read_file(config) if config else {}
    layers = (
        {name: _value(name, value, f"{config}: {name}") for name, value in file.items()},
        {name: _from_text(name, text, variables[name]) for name, text in surroundings.items()},
        {name: _from_text(name, text, _option(name)) for name, text in line.items()},
    )
    settled: dict[str, Any] = {}
    for layer in layers:
        named = [place for place in _PLACES if not place.isdisjoint(layer)]
        if len(named) > 1:
            both = " and ".join(_option(min(place & set(layer))) for place in named[:2])
            raise CommandError(f"{both} are two places to listen on: give one")
        if named:
            for place in _PLACES:
                if place is not named[0]:
                    for name in place:
                        settled.pop(name, None)
        settled.update(layer)
    settings = Settings(**settled)
    _check(settings)
    return settings


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _read_file(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            found = tomllib.load(file)
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} is no TOML: {error}") from None
    values: dict[str, Any] = {}
    for key, value in found.items():
        name = key.replace("-", "_")
        if name not in _FIELDS:
            known = [field.replace("_", "-") for field in _FIELDS]
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise CommandError(f"{path}: there is no setting {key!r}; {hint}")
        values[name] = value
    return values


def _from_text(name: str, text: Any, source: str) -> Any:
    kind = kind_of(name)
    if kind is bool:
        if isinstance(text, bool):
            return text
        words = {"1": True, "true": True, "yes": True, "on": True}
        words.update({"0": False, "false": False, "no": False, "off": False})
        if text.lower() not in words:
            raise CommandError(f"{source}: {text!r} is neither true nor false")
        return words[text.lower()]
    if kind is str:
        return _value(name, text, source)
    try:
        value = kind(text)
    except ValueError:
        what = "whole number" if kind is int else "number"
        raise CommandError(f"{source}: {text!r} is no {what}") from None
    return _value(name, value, source)


def _value(name: str, value: Any, source: str) -> Any:
    """Check a value by itself."""
    kind: Any = kind_of(name)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        what = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
        raise CommandError(f"{source}: {value!r} is not {what[kind]}")
    choices = _FIELDS[name].metadata["choices"]
    if choices and value not in choices:
        raise CommandError(f"{source}: {value!r} is none of {', '.join(choices)}")
    lowest = {"max_requests": 1, "threads": 1, "worker_timeout": 1}.get(name, 0)
    if kind in (int, float) and not (lowest <= value and math.isfinite(value)):
        raise CommandError(f"{source}: {value} is below {lowest}, or too much")
    if name == "port" and value > 65535:
        raise CommandError(f"{source}: {value} is no port; they end at 65535")
    if name == "health" and not value.startswith("/"):
        raise CommandError(f"{source}: the path {value!r} does not begin with /")
    if name == "uds_mode":
        try:
            int(value, 8)
        except ValueError:
            raise CommandError(f"{source}: {value!r} is no octal number") from None
    return value


def _check(settings: Settings) -> None:
    """Check the values together."""
    if not settings.app:
        raise CommandError("name the application: whirlwind serve package.module:app")
    if settings.tls_key and not settings.tls_cert:
        raise CommandError("--tls-key needs --tls-cert: the certificate that the key is for")
    if settings.reload and settings.workers is not None:
        raise CommandError("--reload and --workers do not go together: leave one out")
    for name in ("max_requests", "worker_timeout"):
        if getattr(settings, name) is not None and settings.workers is None:
            option = _option(name)
            raise CommandError(f"{option} needs --workers: a process that replaces the worker")
