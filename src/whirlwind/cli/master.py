"""The master: starts worker processes, replaces those that die, restarts them one by one.

It holds the listening sockets and never accepts, so that a connection which waits for a worker
outlives any of them. It neither imports the application nor runs an event loop.
"""

import math
import os
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from whirlwind.cli.child import Child
from whirlwind.cli.listening import Listening
from whirlwind.cli.notify import Notifier
from whirlwind.cli.settings import Settings
from whirlwind.log import gen_log

if TYPE_CHECKING:
    from whirlwind.cli.errors import CommandError

#: Seconds before a worker that died young is replaced: the first, doubled each time, and the most.
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0
#: Seconds after which a worker that dies has not died young.
_YOUTH: Final = 5.0
#: Seconds that a worker gets beyond the drain timeout to shut its application down.
_SHUTDOWN: Final = 5.0

_ENDING: Final = (signal.SIGTERM, signal.SIGINT)


class _Slot:
    """The place of one worker."""

    def __init__(self, number: int) -> None:
        self.number = number
        #: Who serves, and who will once it is ready.
        self.serving: Child | None = None
        self.incoming: Child | None = None
        #: The one that serves is to be replaced.
        self.due = False
        self.failures = 0
        #: When the next one may be started.
        self.not_before = 0.0


class Master:
    """Looks after the workers until a signal ends it.

    SIGTERM and SIGINT let the workers drain, and a second one kills them. SIGHUP replaces each
    worker by a new one: the new one is ready first, then the old one drains.

    :arg settings: for the workers.
    :arg count: how many workers.
    :arg listening: the sockets; the caller closes them.
    """

    def __init__(self, settings: Settings, count: int, listening: Listening) -> None:
        self._settings = settings
        self._listening = listening
        places = ", ".join(listening.urls("https" if settings.tls_cert else "http"))
        workers = "1 worker" if count == 1 else f"{count} workers"
        self._state = f"Serving on {places}, with {workers}"
        self._notifier = Notifier(os.environ)
        self._slots = [_Slot(number) for number in range(count)]
        #: Those that drain.
        self._leaving: list[Child] = []
        self._selector = selectors.DefaultSelector()
        self._signals: deque[int] = deque()
        self._announced = False
        self._rolling = False
        self._stopping = False
        self._failure: CommandError | None = None
        self._next_sign_of_life = 0.0

    def run(self) -> None:
        """Serve until the end.

        :raises CommandError: the application did not start, the first time.
        """
        wake, woken = socket.socketpair()
        with wake, woken:
            for sock in (wake, woken):
                sock.setblocking(False)
            before: list[tuple[signal.Signals, Any]] = [
                (number, signal.signal(number, self._on_signal))
                for number in (*_ENDING, signal.SIGHUP, signal.SIGCHLD)
            ]
            writer = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
            self._selector.register(woken, selectors.EVENT_READ, lambda: _discard(woken))
            try:
                while self._go_on():
                    for key, _ in self._selector.select(self._pause()):
                        key.data()
            finally:
                signal.set_wakeup_fd(writer)
                for number, handler in before:
                    signal.signal(number, handler)
                for child in self._children():
                    child.kill()
                    child.close()
                self._selector.close()
        if self._failure is not None:
            raise self._failure

    # --- one turn -------------------------------------------------------------------------------

    def _go_on(self) -> bool:
        """Do all that is to be done now; False at the end."""
        while self._signals:
            self._react(self._signals.popleft())
        for child in self._children():
            status = child.poll()
            if status is not None:
                self._ended(child, status)
        now = time.monotonic()
        for child in self._children():
            if child.deadline <= now:
                gen_log.error("Worker %d does not end: killed", child.pid)
                child.kill()
            elif self._stands_still_since(child) <= now:
                gen_log.error(
                    "Worker %d stands still for %g seconds: aborted",
                    child.pid,
                    self._settings.worker_timeout,
                )
                child.abort()
                child.deadline = now + _SHUTDOWN
        if self._stopping:
            return bool(self._leaving)
        self._start_what_is_missing(now)
        self._show_state()
        return True

    def _start_what_is_missing(self, now: float) -> None:
        for slot in self._slots:
            if slot.serving is None and slot.incoming is None and slot.not_before <= now:
                self._start(slot)
        # One at a time: a machine that is busy serving has no room for all of them at once.
        if any(slot.incoming is not None for slot in self._slots):
            return
        for slot in self._slots:
            if slot.due and slot.serving is not None and slot.not_before <= now:
                self._start(slot)
                return

    def _show_state(self) -> None:
        complete = all(slot.serving is not None for slot in self._slots)
        if not self._announced and complete:
            self._announced = True
            gen_log.info(self._state)
            self._notifier.ready(self._state)
        idle = not any(slot.due or slot.incoming is not None for slot in self._slots)
        if self._rolling and complete and idle:
            self._end_roll("All workers have been replaced")
        interval = self._notifier.watchdog_interval
        if interval is not None and self._next_sign_of_life <= time.monotonic():
            self._next_sign_of_life = time.monotonic() + interval
            self._notifier.alive()

    def _pause(self) -> float | None:
        """Seconds until something is to be done although nothing happens."""
        moments = [child.deadline for child in self._children()]
        moments += [self._stands_still_since(child) for child in self._children()]
        if not self._stopping:
            moments += [slot.not_before for slot in self._slots if self._waits_for_time(slot)]
            if self._notifier.watchdog_interval is not None:
                moments.append(self._next_sign_of_life)
        soonest = min(moments, default=math.inf)
        return None if soonest == math.inf else max(0.0, soonest - time.monotonic())

    def _waits_for_time(self, slot: _Slot) -> bool:
        """Whether only the clock keeps a worker from being started."""
        if slot.serving is None:
            return slot.incoming is None
        return slot.due and all(each.incoming is None for each in self._slots)

    def _stands_still_since(self, child: Child) -> float:
        """The moment at which a worker that says nothing more is given up."""
        timeout = self._settings.worker_timeout
        serves = any(slot.serving is child for slot in self._slots)
        if timeout is None or not serves or child.deadline != math.inf:
            return math.inf
        return child.last_heard + timeout

    # --- signals --------------------------------------------------------------------------------

    def _on_signal(self, number: int, _: object) -> None:
        self._signals.append(number)

    def _react(self, number: int) -> None:
        if number == signal.SIGHUP:
            if not self._stopping:
                gen_log.info("Replacing the workers")
                self._notifier.reloading()
                self._rolling = True
                for slot in self._slots:
                    slot.due = True
                    slot.not_before = 0.0
        elif number in _ENDING:
            if self._stopping:
                for child in self._leaving:
                    child.kill()
            else:
                gen_log.info("Stopping: requests under way are finished")
                self._notifier.stopping()
                self._stop()

    def _stop(self) -> None:
        self._stopping = True
        for slot in self._slots:
            for child in (slot.serving, slot.incoming):
                if child is not None:
                    self._dismiss(child)
            slot.serving = slot.incoming = None

    # --- workers --------------------------------------------------------------------------------

    def _children(self) -> list[Child]:
        children = [child for slot in self._slots for child in (slot.serving, slot.incoming)]
        return [child for child in children if child is not None] + self._leaving

    def _start(self, slot: _Slot) -> None:
        sockets = [sock.fileno() for sock in self._listening.of_worker(slot.number)]
        try:
            child = Child(slot.number, sockets, self._settings)
        except OSError as error:
            gen_log.error("Cannot start a worker: %s", error)
            self._pause_before_next(slot)
            return
        slot.due = False
        slot.incoming = child
        self._selector.register(child, selectors.EVENT_READ, self._listener(slot, child))

    def _listener(self, slot: _Slot, child: Child) -> Callable[[], None]:
        def listen() -> None:
            for message in child.messages():
                if "ready" in message:
                    self._is_ready(slot, child)
                elif "worn_out" in message:
                    slot.due = slot.due or slot.serving is child
            if child.silent:
                self._selector.unregister(child)

        return listen

    def _is_ready(self, slot: _Slot, child: Child) -> None:
        if slot.incoming is not child:
            return  # it is leaving already
        old, slot.serving, slot.incoming = slot.serving, child, None
        child.ready_since = time.monotonic()
        if old is not None:
            self._dismiss(old)

    def _dismiss(self, child: Child) -> None:
        child.terminate()
        child.deadline = time.monotonic() + self._settings.drain_timeout + _SHUTDOWN
        self._leaving.append(child)

    def _ended(self, child: Child, status: int) -> None:
        """A process is gone; find out what that means."""
        if not child.silent:
            # Its last words may be why.
            self._selector.get_key(child).data()
        if not child.silent:
            self._selector.unregister(child)  # a process that it has left behind keeps the socket
        child.close()
        if child in self._leaving:
            self._leaving.remove(child)
            if child.failure is not None and child.ready_since:
                gen_log.error(
                    "Worker %d: %s%s", child.pid, child.failure.details, child.failure.message
                )
            return
        for slot in self._slots:
            if slot.serving is child:
                self._has_died(slot, child, status)
            elif slot.incoming is child:
                self._did_not_start(slot, child, status)

    def _has_died(self, slot: _Slot, child: Child, status: int) -> None:
        slot.serving = None
        if time.monotonic() - child.ready_since < _YOUTH:
            pause = self._pause_before_next(slot)
            gen_log.error(
                "Worker %d %s; it is replaced in %g s%s",
                child.pid,
                _told(status),
                pause,
                "" if slot.failures == 1 else f", after {slot.failures} failures in a row",
            )
        else:
            slot.failures = 0
            gen_log.error("Worker %d %s; it is replaced", child.pid, _told(status))

    def _did_not_start(self, slot: _Slot, child: Child, status: int) -> None:
        slot.incoming = None
        failure = child.failure
        if failure is not None and not self._announced:
            self._failure = failure
            self._stop()
            return
        if failure is not None:
            reason = f"{failure.details}{failure.message}"
        else:
            reason = f"it {_told(status)}"
        gen_log.error("Worker %d did not start: %s", child.pid, reason)
        if self._rolling and slot.serving is not None:
            for each in self._slots:
                each.due = False
            self._end_roll("The workers that serve already stay")
            return
        slot.due = slot.serving is not None
        self._pause_before_next(slot)

    def _pause_before_next(self, slot: _Slot) -> float:
        pause: float = min(_FIRST_PAUSE * 2**slot.failures, _LONGEST_PAUSE)
        slot.failures = min(slot.failures + 1, 16)
        slot.not_before = time.monotonic() + pause
        return pause

    def _end_roll(self, message: str) -> None:
        self._rolling = False
        gen_log.info(message)
        self._notifier.ready(self._state)


def _told(status: int) -> str:
    if status < 0:
        try:
            return f"was ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"was ended by signal {-status}"
    return f"exited with status {status}"


def _discard(sock: socket.socket) -> None:
    try:
        while sock.recv(4096):
            pass
    except BlockingIOError:
        pass
