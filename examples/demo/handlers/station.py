"""What the demo remembers between requests: in memory, and bounded."""

from __future__ import annotations

import random
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .chest import Chests
    from .radio import Channel

LOGBOOK_SIZE = 50
BAROGRAPH_HOURS = 48
LOWEST_HPA, HIGHEST_HPA = 960, 1050


@dataclass(frozen=True)
class Entry:
    """One line of the logbook."""

    name: str
    force: int
    note: str
    written: float


def _first_entries() -> deque[Entry]:
    now = time.time()
    return deque(
        [
            Entry("Ines", 2, "Quiet so far. Somebody should click something.", now - 5400),
            Entry("The night watch", 7, "Rain on the windows, coffee on the chart.", now - 1260),
        ],
        maxlen=LOGBOOK_SIZE,
    )


def _first_readings() -> deque[int]:
    weather = random.Random(4)  # the same two days of weather at every start
    readings = [1016]
    while len(readings) < BAROGRAPH_HOURS:
        pull = -1 if 14 < len(readings) < 33 else 1
        readings.append(readings[-1] + weather.choice((0, 1, 1, 2)) * pull)
    return deque(readings, maxlen=BAROGRAPH_HOURS)


def _open_channel() -> Channel:
    from .radio import Channel  # which needs the handlers, which need this

    return Channel()


@dataclass
class Station:
    """State shared by the handlers of one process."""

    chests: Chests
    started: float = field(default_factory=time.monotonic)
    answered: int = 0
    logbook: deque[Entry] = field(default_factory=_first_entries)
    readings: deque[int] = field(default_factory=_first_readings)
    channel: Channel = field(default_factory=_open_channel)

    def read_glass(self) -> int:
        """Add one reading of the pressure, in hPa, dropping the oldest, and return it."""
        change = random.choice((-3, -2, -1, 1, 2, 3))
        reading = min(max(self.readings[-1] + change, LOWEST_HPA), HIGHEST_HPA)
        self.readings.append(reading)
        return reading
