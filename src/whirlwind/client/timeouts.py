"""How long a request may take, and its parts."""

from __future__ import annotations

from dataclasses import dataclass

from whirlwind._public import claim


@dataclass(frozen=True)
class Timeouts:
    """Limits for a request, each in seconds; None for none.

    What ran out is the ``phase`` of the `HTTPTimeoutError`.
    """

    #: Waiting for others to end, where ``max_clients`` or ``max_per_host`` are under way.
    queue: float | None = 20.0
    #: Name, connection, proxy and TLS together.
    connect: float | None = 10.0
    #: The server says nothing although it is its turn.
    read: float | None = 20.0
    #: The server takes nothing of what is being sent.
    write: float | None = 20.0
    #: The whole request without the queue, redirects included.
    total: float | None = None

    def __post_init__(self) -> None:
        for name in ("queue", "connect", "read", "write", "total"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, int | float):
                raise TypeError(f"{name} must be a number of seconds or None, not {value!r}")
            if value is not None and value <= 0:
                raise ValueError(f"{name} must be more than 0 seconds, or None for no limit")


claim("whirlwind.client", Timeouts)
