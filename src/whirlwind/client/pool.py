"""The connections of one client that wait for the next request."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any

from whirlwind.protocol import limits

if TYPE_CHECKING:
    from whirlwind.client.connection import ClientConnection
    from whirlwind.client.outgoing import Outgoing


class Pool:
    """Idle connections by what they may be reused for; the last one returned goes out first.

    :arg max_idle: how many are kept, over all keys; the longest idle one goes first.
    :arg idle_timeout: seconds for which one is kept.
    """

    def __init__(self, max_idle: int, idle_timeout: float) -> None:
        self.max_idle = max_idle
        self.idle_timeout = idle_timeout
        self._stacks: dict[tuple[Any, ...], list[ClientConnection]] = {}
        #: Every idle connection, the longest idle first.
        self._all: dict[ClientConnection, None] = {}

    def __len__(self) -> int:
        return len(self._all)

    def take(self, key: tuple[Any, ...], now: float, request: Outgoing) -> ClientConnection | None:
        """A connection for a request, or None.

        :arg key: that of the connection; equal keys mean that one serves either.
        :arg now: seconds on the clock of `put`.
        :arg request: if it may not be repeated, should the server be closing the connection in
            this moment, there is more to be known about the connection.
        """
        stack = self._stacks.get(key)
        if stack is None:
            return None
        while stack:
            connection = stack.pop()
            del self._all[connection]
            if not stack:
                del self._stacks[key]
            if not connection.is_usable() or connection.expiry <= now:
                connection.close()
            elif request.may_be_repeated() or self._is_certainly_open(connection, now):
                return connection
            else:
                connection.close()
        return None

    def _is_certainly_open(self, connection: ClientConnection, now: float) -> bool:
        if now - connection.idle_since > limits.CLIENT_UNSAFE_IDLE:
            return False
        sock = connection.transport.get_extra_info("socket")
        if sock is None or not hasattr(select, "poll"):
            return True
        # What the server sent, or its end, may be in the kernel already and not yet with the loop.
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN)
        return not poll.poll(0)

    def put(self, connection: ClientConnection, now: float) -> None:
        """Keep a connection for later."""
        connection.idle_since = now
        connection.expiry = now + self.idle_timeout
        self._stacks.setdefault(connection.key, []).append(connection)
        self._all[connection] = None
        if len(self._all) > self.max_idle:
            next(iter(self._all)).close()

    def remove(self, connection: ClientConnection) -> None:
        """Forget a connection that has closed; nothing happens if it is not here."""
        if connection not in self._all:
            return
        del self._all[connection]
        stack = self._stacks[connection.key]
        stack.remove(connection)
        if not stack:
            del self._stacks[connection.key]

    def expire(self, now: float) -> float:
        """Close what has been idle for too long.

        :returns: when the next one will have been, or infinity.
        """
        for connection in list(self._all):
            if connection.expiry > now:
                return connection.expiry
            connection.close()
        return float("inf")

    def clear(self) -> None:
        """Close everything."""
        for connection in list(self._all):
            connection.close()
