"""A server process whose work can be counted: ``python -m tests.wire.measured_server LOOP``.

Prints its port, then serves. ``/begin`` and ``/end`` start and stop counting; ``/end`` answers with
the counts between them: calls as cProfile counts them, and turns of the loop (asyncio only). Both
also ask for a file that does not exist, which marks the place in a trace of the system calls.
"""

from __future__ import annotations

import asyncio
import cProfile
import logging
import os
import sys
from typing import Any

from .server import httpserver, netutil, new_loop, web

MARK = "/nonexistent/wire-mark"


class Counters:
    """What happened between /begin and /end."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.turns = 0
        self.profile: cProfile.Profile | None = None
        once: Any = getattr(loop, "_run_once", None)
        if once is not None:

            def counted() -> None:
                self.turns += 1
                once()

            loop._run_once = counted  # type: ignore[attr-defined]

    def begin(self, profiled: bool) -> None:
        """Start counting at the end of this turn of the loop."""
        self.turns = 0
        os.access(MARK, os.F_OK)
        if profiled:
            self.profile = cProfile.Profile()
            self.profile.enable()

    def end(self) -> dict[str, int]:
        """Stop counting."""
        calls = 0
        if self.profile is not None:
            self.profile.disable()
            calls = sum(entry.callcount for entry in self.profile.getstats())
            self.profile = None
        os.access(MARK, os.F_OK)
        return {"calls": calls, "turns": self.turns}


async def main() -> None:
    """Serve until the standard input ends."""
    loop = asyncio.get_running_loop()
    counters = Counters(loop)

    class Begin(web.RequestHandler):
        def get(self) -> None:
            counters.begin("profiled" in self.request.query)

    class End(web.RequestHandler):
        def get(self) -> None:
            self.write(counters.end())

    class Hello(web.RequestHandler):
        def get(self) -> None:
            self.set_header("Content-Type", "text/plain")
            self.write("Hello, World!")

    routes = [("/begin", Begin), ("/end", End), ("/", Hello)]
    application = web.Application(routes, log_function=lambda handler: None)
    (sock,) = netutil.bind_sockets(0, "127.0.0.1")
    server = httpserver.HTTPServer(application)
    server.add_sockets([sock])
    print(sock.getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.stop()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    with asyncio.Runner(loop_factory=lambda: new_loop(sys.argv[1])) as runner:
        runner.run(main())
