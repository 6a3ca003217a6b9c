"""What the scenarios are made of: one package's modules, and running them on its loop."""

import asyncio
import datetime
import importlib
import logging
import re
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any

PACKAGE = sys.argv[1]
STANDARD = "asyncio" in sys.argv[2:]


def part(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


concurrent_ = part("concurrent")
gen = part("gen")
ioloop = part("ioloop")
iostream = part("iostream")
locks = part("locks")
netutil = part("netutil")
process = part("process")
queues = part("queues")
tcpclient = part("tcpclient")
tcpserver = part("tcpserver")

IOLoop = ioloop.IOLoop
SECOND = datetime.timedelta(seconds=1)
TICK = datetime.timedelta(milliseconds=10)
SCENARIOS: dict[str, Callable[[], Any]] = {}
LOGGED: list[str] = []


class Keep(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        text = re.sub(r"functools.partial\(.*\)|<.*>|\d+ \(.*?\):", "<>", record.getMessage())
        tail = "" if record.exc_info is None else f" ({record.exc_info[0].__name__})"  # type: ignore[index, union-attr]
        LOGGED.append(f"{record.name.rpartition('.')[2]} {record.levelname}: {text}{tail}")


def plain(value: Any) -> Any:
    """What a scenario found, as JSON has it; errors as the classes a program may catch."""
    if isinstance(value, BaseException):
        cls = type(value)
        names = [c.__name__ for c in cls.__mro__ if c not in (object, BaseException, Exception)]
        return "!" + (names[0] if names else cls.__name__)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (bytes, bytearray)):
        return repr(bytes(value))
    return f"<{type(value).__name__}>"


def error_of(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a call raises or, in brackets, returns."""
    try:
        return [function(*args, **kwargs)]
    except Exception as error:
        return error


async def outcome(awaitable: Any) -> Any:
    """What comes of waiting: an exception, or in brackets a result."""
    try:
        return [await awaitable]
    except (Exception, asyncio.CancelledError) as error:
        return error


def scenario(function: Callable[[], Any]) -> Callable[[], Any]:
    SCENARIOS[function.__name__] = function
    return function


def run(name: str) -> Any:
    """Run a scenario on a loop of its own; return what it found and what was logged."""
    LOGGED.clear()
    loop = IOLoop(asyncio_loop=asyncio.new_event_loop()) if STANDARD else IOLoop()
    try:
        found = plain(loop.run_sync(SCENARIOS[name], timeout=60))
    except BaseException as error:
        text = "".join(traceback.format_exception_only(error)).strip()
        found = "raised " + text.replace(f"{PACKAGE}.", "tornado.")
    finally:
        loop.close(all_fds=True)
    return [found, *LOGGED]


def pair(**options: Any) -> tuple[Any, Any]:
    one, other = socket.socketpair()
    return iostream.IOStream(one, **options), iostream.IOStream(other)


def failed(error: BaseException) -> Any:
    future = concurrent_.Future()
    future.set_exception(error)
    return future
