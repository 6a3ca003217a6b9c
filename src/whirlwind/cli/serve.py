"""``whirlwind serve``: in this process, or by workers that it looks after."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterable

from whirlwind.cli.errors import FAILED, CommandError
from whirlwind.cli.listening import Listening, open_sockets
from whirlwind.cli.logs import set_up_logging
from whirlwind.cli.notify import Notifier
from whirlwind.cli.settings import Settings
from whirlwind.log import gen_log
from whirlwind.process import cpu_count


def serve(settings: Settings) -> int:
    """Serve until the end.

    :returns: the exit status.
    :raises CommandError: it can not be done.
    """
    set_up_logging(settings)
    if settings.workers is None:
        _serve_here(settings)
    else:
        _serve_with_workers(settings, settings.workers)
    return 0


def _serve_with_workers(settings: Settings, count: int) -> None:
    if os.name != "posix":
        raise CommandError("--workers needs a system where processes inherit sockets")
    from whirlwind.cli.master import Master

    count = count or cpu_count()
    listening = open_sockets(settings, os.environ, count)
    try:
        Master(settings, count, listening).run()
    finally:
        listening.close()


def _serve_here(settings: Settings) -> None:
    from whirlwind.cli.serving import serve as serve_connections
    from whirlwind.ioloop import run

    listening = open_sockets(settings, os.environ)
    supervisor = _Systemd(settings, listening)
    if settings.reload:
        _start_reloading()
    try:
        run(serve_connections(settings, listening.of_worker(0), supervisor))
    except CommandError as error:
        if not settings.reload or error.status != FAILED:
            raise
        _wait_for_a_change(error)
    finally:
        listening.close()


class _Systemd:
    """Whom a process that serves alone reports to: the log, and systemd if it is there."""

    ending_signals: Iterable[signal.Signals] = [
        number for number in signal.Signals if number.name in ("SIGTERM", "SIGINT", "SIGHUP")
    ]

    def __init__(self, settings: Settings, listening: Listening) -> None:
        self._notifier = Notifier(os.environ)
        self._places = ", ".join(listening.urls("https" if settings.tls_cert else "http"))

    def attach(self, stop: Callable[[], None]) -> None:
        if self._notifier.watchdog_interval is not None:
            self._show_life(asyncio.get_running_loop(), self._notifier.watchdog_interval)

    def _show_life(self, loop: asyncio.AbstractEventLoop, interval: float) -> None:
        self._notifier.alive()
        loop.call_later(interval, self._show_life, loop, interval)

    def ready(self) -> None:
        gen_log.info("Serving on %s", self._places)
        self._notifier.ready(f"Serving on {self._places}")

    def stopping(self) -> None:
        gen_log.info("Stopping: requests under way are finished")
        self._notifier.stopping()

    def worn_out(self) -> None:
        raise AssertionError("requests are counted in workers only")


def _start_reloading() -> None:
    from whirlwind import autoreload

    autoreload.start()


def _wait_for_a_change(error: CommandError) -> None:
    from whirlwind import autoreload
    from whirlwind.autoreload.command import watch_what_failed

    # Those of a loop that has ended would do nothing (uvloop leaves them).
    for number in _Systemd.ending_signals:
        default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, default)
    watch_what_failed(error)
    gen_log.error("%s%s; waiting for a change", error.details, error.message)
    autoreload.wait()
