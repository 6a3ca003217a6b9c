"""What the applications are made of: one package's modules, requests, files.

Import it first: time stands still and nothing is random from then on, for what both packages
answer to be the same.
"""

# ruff: noqa: E402
import os
import time

# One moment, and nothing random: what both answer can be the same.
NOW = 1700000000.25
time.time = lambda: NOW
os.urandom = lambda size: bytes(range(1, size + 1))

import importlib
import logging
import re
import sys
from collections.abc import Callable
from typing import Any

PACKAGE, FOLDER = sys.argv[1:3]


def part(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


escape = part("escape")
gen = part("gen")
httpserver = part("httpserver")
httputil = part("httputil")
locale = part("locale")
netutil = part("netutil")
routing = part("routing")
template = part("template")
web = part("web")
websocket = part("websocket")
wsgi = part("wsgi")

Handler = web.RequestHandler
Static = web.StaticFileHandler
LOGGED: list[str] = []
APPLICATIONS: dict[str, Callable[[], Any]] = {}
FORM = "Content-Type: application/x-www-form-urlencoded"
#: Seconds after which there is no answer.
PATIENCE = 60.0
MULTIPART = "Content-Type: multipart/form-data; boundary=XX"


class Keep(logging.Handler):
    """Keeps what is logged: access lines whole, of others how serious they are."""

    def emit(self, record: logging.LogRecord) -> None:
        name = record.name.rpartition(".")[2]
        # A compiled server has the true time of the beginning.
        text = re.sub(r"-?\d+\.\d\dms", "ms", record.getMessage()) if name == "access" else ""
        tail = "" if record.exc_info is None else " with a traceback"
        LOGGED.append(f"{name} {record.levelname}: {text}{tail}")


def application(function: Callable[[], Any]) -> Callable[[], Any]:
    """An application: the routes (or an Application), its settings, and the requests."""
    APPLICATIONS[function.__name__] = function
    return function


def new(name: str = "H", base: Any = Handler, **members: Any) -> Any:
    """A handler class."""
    return type(name, (base,), members)


def says(text: str) -> Any:
    """A handler that writes one text."""
    return new("Says", get=lambda self, *args: self.write(text + "".join(map(repr, args))))


def ask(method: str, target: str, *fields: str, body: bytes | None = None) -> bytes:
    """A request to example.com; `fields` are whole lines, a Host among them replaces ours."""
    lines = [f"{method} {target} HTTP/1.1"]
    if not any(field.lower().startswith("host:") for field in fields):
        lines.append("Host: example.com")
    lines += fields
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def get(target: str, *fields: str) -> bytes:
    return ask("GET", target, *fields)


def head(target: str, *fields: str) -> bytes:
    return ask("HEAD", target, *fields)


def post(target: str, body: bytes = b"", *fields: str) -> bytes:
    return ask("POST", target, *fields, body=body)


def form(target: str, body: bytes, *fields: str) -> bytes:
    return post(target, body, FORM, *fields)


def both(*targets: str) -> list[bytes]:
    return [request for target in targets for request in (get(target), head(target))]


def in_folder(name: str, content: bytes = b"") -> str:
    """A file with a known age below the folder, of which the path is returned."""
    path = os.path.join(FOLDER, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if not os.path.exists(path):
        with open(path, "wb") as file:
            file.write(content)
        os.utime(path, (NOW - 1000, NOW - 1000))
    return path
