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
