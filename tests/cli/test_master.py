"""How long the master sleeps."""

import math
import socket
import time
from types import SimpleNamespace
from typing import Any

import pytest

from whirlwind.cli.listening import Listening
from whirlwind.cli.master import Master
from whirlwind.cli.settings import Settings


def child() -> Any:
    return SimpleNamespace(deadline=math.inf, last_heard=0.0)


@pytest.fixture
def master():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        made = Master(Settings(app="a", workers=2), 2, Listening([[sock]]))
        yield made
        made._selector.close()


def test_it_sleeps_while_nothing_is_to_be_done(master) -> None:
    for slot in master._slots:
        slot.serving = child()
    assert master._pause() is None


def test_workers_that_wait_for_their_turn_do_not_keep_it_awake(master) -> None:
    first, second = master._slots
    first.serving, second.serving = child(), child()
    first.incoming = child()
    second.due = True
    assert master._pause() is None
    first.incoming = None
    assert master._pause() == 0.0


def test_it_wakes_up_for_pauses_and_deadlines(master) -> None:
    first, second = master._slots
    first.serving = child()
    second.not_before = time.monotonic() + 1000
    assert 0 < master._pause() <= 1000
    first.serving.deadline = time.monotonic() - 1
    assert master._pause() == 0.0


def test_workers_that_keep_dying_are_replaced_more_and_more_slowly(master, caplog) -> None:
    slot = master._slots[0]
    for _ in range(9):
        dead = child()
        dead.pid, dead.ready_since = 7, time.monotonic() + 1000
        master._has_died(slot, dead, 3)
    assert caplog.messages[0] == "Worker 7 exited with status 3; it is replaced in 0.1 s"
    assert caplog.messages[1].endswith("it is replaced in 0.2 s, after 2 failures in a row")
    assert caplog.messages[8].endswith("it is replaced in 10 s, after 9 failures in a row")
    dead.ready_since = time.monotonic() - 1000
    master._has_died(slot, dead, -9)
    assert caplog.messages[9] == "Worker 7 was ended by SIGKILL; it is replaced"
    assert slot.failures == 0
