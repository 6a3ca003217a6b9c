"""Telling systemd how the service is doing (sd_notify(3))."""

import os
import socket
import time
from collections.abc import MutableMapping


class Notifier:
    """Sends notes to the socket that systemd names; without one it does nothing.

    :arg environ: its variables about notes are taken out: they are meant for this process only.
    """

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self._address = environ.pop("NOTIFY_SOCKET", "")
        interval = environ.pop("WATCHDOG_USEC", "")
        owner = environ.pop("WATCHDOG_PID", str(os.getpid()))
        #: Seconds between two signs of life; None when nobody waits for them.
        self.watchdog_interval: float | None = None
        if interval.isdecimal() and owner == str(os.getpid()) and self._address:
            # Half of what is allowed, as sd_watchdog_enabled(3) advises.
            self.watchdog_interval = int(interval) / 2_000_000

    def ready(self, status: str) -> None:
        """Requests are served."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """A rolling restart has begun; `ready` ends it."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now}", "STATUS=Replacing the workers")

    def stopping(self) -> None:
        """The service drains and ends."""
        self._send("STOPPING=1", "STATUS=Finishing requests")

    def alive(self) -> None:
        """A sign of life for the watchdog."""
        self._send("WATCHDOG=1", patience=0.0)

    def _send(self, *lines: str, patience: float = 1.0) -> None:
        if not self._address:
            return
        address = self._address
        if address.startswith("@"):
            address = "\0" + address[1:]  # the abstract namespace
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                # A full queue must not hold up the loop for long, or at all for what comes again.
                sock.settimeout(patience)
                sock.connect(address)
                sock.send("\n".join(lines).encode())
        except OSError:
            pass  # systemd is not there any more; no reason not to serve
