"""Connecting to one of several addresses (RFC 8305, "happy eyeballs").

What a connection is, a stream or a transport, the caller says; here is only the order of attempts.
"""

from __future__ import annotations

import asyncio
import collections
import itertools
import os
import socket
from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from whirlwind.protocol.limits import CONNECT_STAGGER

_T = TypeVar("_T")
Address = tuple[int, Any]


class Connector(ABC, Generic[_T]):
    """One attempt to reach a host, and what it is busy with.

    :arg source_ip: the local address to connect from.
    :arg source_port: the local port to connect from.

    :ivar phase: str, such as ``while connecting to 127.0.0.1:80``: what a timeout wants to know.
    """

    phase: str

    def __init__(self, source_ip: str | None = None, source_port: int | None = None) -> None:
        self.source_ip = source_ip
        self.source_port = source_port
        self.phase = ""
        self._under_way: list[str] = []

    @abstractmethod
    async def open(self, sock: socket.socket, address: Any) -> _T:
        """Connect ``sock``, which becomes this method's to close, to ``address``."""

    @abstractmethod
    def discard(self, connection: _T) -> None:
        """Close a connection that was made too late."""

    async def connect(self, addresses: list[Address]) -> _T:
        """Connect to the first address that answers.

        The families take turns. Each attempt begins when one before it has failed, or a little
        later than it; an address that swallows packets does not hold up the others.

        :arg addresses: what a resolver answered, at least one.
        :raises OSError: what the last attempt of the family that the resolver prefers failed with.
        """
        if len(addresses) == 1:
            return await self._connect_to(*addresses[0])
        left = _in_turns(addresses)
        race: dict[asyncio.Task[_T], int] = {}
        waiting: set[asyncio.Task[_T]] = set()
        preferred: asyncio.Task[_T] | None = None
        winner: asyncio.Task[_T] | None = None
        try:
            while winner is None and (left or waiting):
                found = self._next(left, {race[task] for task in waiting})
                if found is not None:
                    family, address = found
                    task = asyncio.ensure_future(self._connect_to(family, address))
                    race[task] = family
                    waiting.add(task)
                    if family == addresses[0][0]:
                        preferred = task
                _, waiting = await asyncio.wait(
                    waiting,
                    timeout=CONNECT_STAGGER if left else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                winner = next((task for task in race if _succeeded(task)), None)
            chosen = winner or preferred
            assert chosen is not None
            return chosen.result()
        finally:
            for task in race:
                if task is not winner:
                    task.cancel()
                    task.add_done_callback(self._discard_latecomer)

    def _next(self, left: collections.deque[Address], busy: set[int]) -> Address | None:
        """Take the address that is due; None if there is none.

        :arg busy: the families of the attempts under way: with a local port, one of each at once.
        """
        for address in left:
            if self.source_port is None or address[0] not in busy:
                left.remove(address)
                return address
        return None

    def _discard_latecomer(self, task: asyncio.Task[_T]) -> None:
        if _succeeded(task):
            self.discard(task.result())

    async def _connect_to(self, family: int, address: Any) -> _T:
        sock = socket.socket(family)
        try:
            sock.setblocking(False)
            if self.source_ip is not None or self.source_port is not None:
                sock.bind((self.source_ip or "", self.source_port or 0))
        except BaseException:
            sock.close()
            raise
        name = display(family, address)
        self._under_way.append(name)
        self._name_phase()
        try:
            return await self.open(sock, address)
        finally:
            self._under_way.remove(name)
            self._name_phase()

    def _name_phase(self) -> None:
        # With nothing under way, what was is what a timeout wants to know.
        if self._under_way:
            self.phase = f"while connecting to {', '.join(self._under_way)}"


def _in_turns(addresses: list[Address]) -> collections.deque[Address]:
    """The addresses, by turns of either family (RFC 8305 section 4)."""
    family = addresses[0][0]
    first = [address for address in addresses if address[0] == family]
    second = [address for address in addresses if address[0] != family]
    turns = itertools.zip_longest(first, second)
    return collections.deque(address for pair in turns for address in pair if address is not None)


def _succeeded(task: asyncio.Task[Any]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def plain_error(error: OSError, address: str) -> OSError:
    """The error as the system words it, with the address: loops word it in their own ways."""
    if error.errno is None:
        return OSError(f"{error} ({address})")
    return OSError(error.errno, f"{os.strerror(error.errno)} ({address})")


def display(family: int, address: Any) -> str:
    """An address as people write it."""
    if family == socket.AF_INET:
        return f"{address[0]}:{address[1]}"
    if family == socket.AF_INET6:
        return f"[{address[0]}]:{address[1]}"
    return str(address)
