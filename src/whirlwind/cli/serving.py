"""One process that serves: from the import of the application to the last response."""

import asyncio
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Protocol

from whirlwind.cli.errors import CommandError
from whirlwind.cli.front import Front
from whirlwind.cli.loading import LoadedApplication, load
from whirlwind.cli.settings import Settings
from whirlwind.httpserver import HTTPServer
from whirlwind.log import gen_log
from whirlwind.netutil import ssl_options_to_context


class Supervisor(Protocol):
    """Who wants to know how a process is doing: systemd, or the master."""

    #: Signals after which the process ends; a second one of them does not wait for anything.
    ending_signals: Iterable[signal.Signals]

    def attach(self, stop: Callable[[], None]) -> None:
        """The loop runs. ``stop()`` is what the signals do."""

    def ready(self) -> None:
        """Requests are served from now on."""

    def stopping(self) -> None:
        """No connections are accepted any more."""

    def worn_out(self) -> None:
        """The process has served as many requests as it was meant to."""


async def serve(
    settings: Settings, sockets: Iterable[socket.socket], supervisor: Supervisor
) -> None:
    """Serve until a signal or the supervisor says to stop; then finish what is under way.

    :arg settings: for the application and the server.
    :arg sockets: listening sockets; closed at the end.
    :raises CommandError: the application does not load or start.
    """
    context = _tls_context(settings)
    # Blocks the loop, and is meant to run inside of it: some modules make futures and timers.
    application = await load(settings)
    ending = _Ending(supervisor)
    await application.startup()
    server, front = _server(settings, application, supervisor, context)
    if not ending.asked.is_set():
        server.add_sockets(sockets)
        supervisor.ready()
    await ending.asked.wait()
    supervisor.stopping()
    if front is not None:
        front.draining = True
    await _drain(server, application, settings.drain_timeout, ending.hurried)
    await application.shutdown()


class _Ending:
    """What is known about the end: that it is asked for, and that it is in a hurry."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.asked = asyncio.Event()
        self.hurried = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in supervisor.ending_signals:
            try:
                loop.add_signal_handler(number, self._stop)
            except NotImplementedError:  # Windows
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._stop))
        supervisor.attach(self._stop)

    def _stop(self) -> None:
        if self.asked.is_set():
            self.hurried.set()
        self.asked.set()


def _server(
    settings: Settings,
    application: LoadedApplication,
    supervisor: Supervisor,
    context: ssl.SSLContext | None,
) -> tuple[HTTPServer, Front | None]:
    target = application.target
    front: Front | None = None
    if settings.health is not None or settings.max_requests is not None:
        count = None
        if settings.max_requests is not None:
            count = _Counter(settings.max_requests, supervisor.worn_out)
        target = front = Front(target, settings.health, count)
    server = HTTPServer(target, xheaders=settings.xheaders, ssl_options=context)
    return server, front


class _Counter:
    """Calls a function once, when it has been called so many times."""

    def __init__(self, count: int, done: Callable[[], None]) -> None:
        self._left = count
        self._done = done

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._done()


async def _drain(
    server: HTTPServer, application: LoadedApplication, timeout: float, hurried: asyncio.Event
) -> None:
    draining = asyncio.ensure_future(_end_requests(server, application, timeout, hurried))
    hurry = asyncio.ensure_future(hurried.wait())
    await asyncio.wait((draining, hurry), return_when=asyncio.FIRST_COMPLETED)
    hurry.cancel()
    ended = True
    if not draining.done():
        await server.close_all_connections()
        ended = await application.drain(0.0)
    if not (await draining and ended):
        gen_log.warning("Requests were still under way and have been aborted")


async def _end_requests(
    server: HTTPServer, application: LoadedApplication, timeout: float, hurried: asyncio.Event
) -> bool:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    answered = await server.drain(timeout)
    left = 0.0 if hurried.is_set() else max(0.0, deadline - loop.time())
    return await application.drain(left) and answered


def _tls_context(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_cert is None:
        return None
    for option, path in (("--tls-cert", settings.tls_cert), ("--tls-key", settings.tls_key)):
        if path is not None and not os.access(path, os.R_OK):
            raise CommandError(f"{option}: cannot read {path}")
    options = {"certfile": settings.tls_cert, "keyfile": settings.tls_key}
    try:
        return ssl_options_to_context(options, server_side=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CommandError(f"cannot use certificate and key: {reason}") from None
