"""The requests that wait for others to end, where each host has a line of its own."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whirlwind.client.call import Call


class FairLine:
    """A line for each origin, and each origin in turn: a slow one does not hold up the others.

    :arg max_per_host: calls to one origin that run at once; None for no limit.
    """

    def __init__(self, max_per_host: int | None) -> None:
        self.max_per_host = max_per_host
        self._lines: collections.OrderedDict[str, collections.deque[Call]] = (
            collections.OrderedDict()
        )
        self._running: collections.Counter[str] = collections.Counter()
        # Where a call that has been redirected counts: where it began.
        self._places: dict[Call, str] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Call]:
        for line in self._lines.values():
            yield from line

    def _has_room(self, name: str) -> bool:
        return self.max_per_host is None or self._running[name] < self.max_per_host

    def admits(self, call: Call) -> bool:
        """Whether a call that comes now may begin before those that wait."""
        name = call.origin.name
        return name not in self._lines and self._has_room(name)

    def append(self, call: Call) -> None:
        """Put a call at the end of its line."""
        self._lines.setdefault(call.origin.name, collections.deque()).append(call)
        self._size += 1

    def remove(self, call: Call) -> None:
        """Take out a call that gives up.

        :raises ValueError: it does not wait here.
        """
        name = call.origin.name
        line = self._lines.get(name)
        if line is None:
            raise ValueError("the call does not wait")
        line.remove(call)
        self._size -= 1
        if not line:
            del self._lines[name]

    def popleft(self) -> Call | None:
        """Take out the next call that may begin; None if none may."""
        for name in self._lines:
            if self._has_room(name):
                line = self._lines[name]
                call = line.popleft()
                self._size -= 1
                if line:
                    self._lines.move_to_end(name)
                else:
                    del self._lines[name]
                return call
        return None

    def began(self, call: Call) -> None:
        """A call has begun."""
        name = self._places[call] = call.origin.name
        self._running[name] += 1

    def ended(self, call: Call) -> None:
        """A call that had begun is over."""
        name = self._places.pop(call)
        self._running[name] -= 1
        if not self._running[name]:
            del self._running[name]
