"""A real server in a thread of its own, on asyncio or uvloop.

``WIRE_PACKAGE`` names the package under test, so that tests of behaviour shared with another
package of the same API can be checked against that one.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import importlib
import logging
import os
import socket
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from .raw import DEADLINE, RawConnection

PACKAGE = os.environ.get("WIRE_PACKAGE", "whirlwind")
web: Any = importlib.import_module(f"{PACKAGE}.web")
httpserver: Any = importlib.import_module(f"{PACKAGE}.httpserver")
httputil: Any = importlib.import_module(f"{PACKAGE}.httputil")
netutil: Any = importlib.import_module(f"{PACKAGE}.netutil")
routing: Any = importlib.import_module(f"{PACKAGE}.routing")
gen: Any = importlib.import_module(f"{PACKAGE}.gen")

try:
    import uvloop
except ImportError:
    LOOPS = ["asyncio"]
else:
    LOOPS = ["asyncio", "uvloop"]


def new_loop(kind: str) -> asyncio.AbstractEventLoop:
    """Return a new event loop of this kind."""
    return uvloop.new_event_loop() if kind == "uvloop" else asyncio.new_event_loop()


class ServerThread:
    """Serves one application until `stop`.

    :arg application: what `HTTPServer` takes, or a function that makes it when called with the
        ServerThread inside the running loop (marked by ``factory=True``).
    :arg loop: ``asyncio`` or ``uvloop``.
    :arg unix: listen on a unix socket.
    :arg server_class: instead of `HTTPServer`.
    :arg options: constructor arguments of `HTTPServer`.
    """

    def __init__(
        self,
        application: Any,
        *,
        loop: str = "asyncio",
        unix: bool = False,
        factory: bool = False,
        server_class: Any = None,
        **options: Any,
    ) -> None:
        self._application = application
        self._factory = factory
        self._kind = loop
        self._unix = unix
        self._server_class = server_class or httpserver.HTTPServer
        self._options = options
        self._started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.loop_errors: list[dict[str, Any]] = []
        self._connections: list[RawConnection] = []
        self.thread = threading.Thread(target=self._serve, name="wire-server", daemon=True)
        self.thread.start()
        self._started.result(DEADLINE)

    def _serve(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: new_loop(self._kind)) as runner:
                runner.run(self._main())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _main(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.loop.set_exception_handler(lambda _, context: self.loop_errors.append(context))
        self._stopping = asyncio.Event()
        application = self._application(self) if self._factory else self._application
        self.server = self._server_class(application, **self._options)
        directory = tempfile.TemporaryDirectory() if self._unix else None
        if directory is not None:
            self.address: Any = os.path.join(directory.name, "s")
            sockets = [netutil.bind_unix_socket(self.address)]
        else:
            sockets = netutil.bind_sockets(0, "127.0.0.1", family=socket.AF_INET)
            self.address = sockets[0].getsockname()
        try:
            self.server.add_sockets(sockets)
        except BaseException:
            for sock in sockets:
                sock.close()
            raise
        self._started.set_result(None)
        await self._stopping.wait()
        self.server.stop()
        await self.server.close_all_connections()
        if directory is not None:
            directory.cleanup()

    @property
    def port(self) -> int:
        """The TCP port."""
        return self.address[1]

    def connect(self, **options: Any) -> RawConnection:
        """Open a connection; options as for `RawConnection`. `stop` closes what is left open."""
        connection = RawConnection(self.address, **options)
        self._connections = [c for c in self._connections if c.sock.fileno() >= 0]
        self._connections.append(connection)
        return connection

    def request(self, target: str = "/", *args: Any, **options: Any) -> Any:
        """Answer to one request on a connection of its own, when the server is done with it."""
        with self.connect() as connection:
            answer = connection.request(target, *args, **options)
            self.turn()  # what a handler does after its answer was written
            return answer

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function in the server's loop and return what it returns, awaited if need be."""

        async def in_loop() -> Any:
            result = function()
            return await result if isinstance(result, Awaitable) else result

        return asyncio.run_coroutine_threadsafe(in_loop(), self.loop).result(DEADLINE)

    def turn(self) -> None:
        """Return when the loop has polled and handled everything that had arrived before."""
        done = threading.Event()
        self.loop.call_soon_threadsafe(self.loop.call_soon, self.loop.call_soon, done.set)
        assert done.wait(DEADLINE), "the server's loop does not turn"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the loop: what arrives in the block is all there in one turn afterwards."""
        begun, go_on = threading.Event(), threading.Event()
        self.loop.call_soon_threadsafe(lambda: (begun.set(), go_on.wait(DEADLINE)))
        assert begun.wait(DEADLINE)
        try:
            yield
        finally:
            go_on.set()

    def stop(self) -> None:
        """Stop serving and end the thread."""
        for connection in self._connections:
            connection.close()
        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(self._stopping.set)
            self.thread.join(DEADLINE)
            assert not self.thread.is_alive(), "the server does not stop"


class Logs(logging.Handler):
    """Collects what the package logs; use as a context manager.

    :arg alone: no other handler gets the records; pytest's would keep them until the test ended,
        and with them the tracebacks, the frames and whatever these hold.
    """

    def __init__(self, alone: bool = False) -> None:
        super().__init__(logging.DEBUG)
        self._alone = alone
        self.records: list[logging.LogRecord] = []
        self._logger = logging.getLogger(PACKAGE)
        self._parts = [self._logger.getChild(n) for n in ("access", "application", "general")]

    def __enter__(self) -> Logs:
        self._level = self._logger.level
        self._logger.setLevel(logging.DEBUG)
        if self._alone:
            for logger in self._parts:
                logger.addFilter(self._keep)
        else:
            self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        for logger in self._parts:
            logger.removeFilter(self._keep)
        self._logger.removeHandler(self)
        self._logger.setLevel(self._level)

    def _keep(self, record: logging.LogRecord) -> bool:
        self.records.append(record)
        return False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.records.append(record)

    def clear(self) -> None:
        """Forget everything."""
        self.records.clear()

    def lines(self, name: str | None = None, level: int = logging.DEBUG) -> list[str]:
        """The messages of a logger (``access``, ``general``, ``application``) from a level up."""
        return [
            record.getMessage()
            for record in list(self.records)
            if record.levelno >= level and (name is None or record.name == f"{PACKAGE}.{name}")
        ]

    def tracebacks(self) -> list[str]:
        """The messages logged with a traceback."""
        return [record.getMessage() for record in list(self.records) if record.exc_info]

    def errors(self) -> list[type]:
        """The types of the exceptions logged."""
        return [record.exc_info[0] for record in list(self.records) if record.exc_info]
