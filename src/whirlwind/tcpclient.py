"""Connecting to TCP servers: :class:`TCPClient`."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
from typing import Any

from whirlwind.iostream import IOStream
from whirlwind.netutil import Resolver
from whirlwind.protocol.limits import CONNECT_STAGGER

__all__ = ["TCPClient"]

_Address = tuple[int, Any]


class TCPClient:
    """Makes streams that are connected to a host.

    A host with addresses of both families is tried over both, the second a little later than the
    first, and the first connection wins (RFC 8305).

    :arg resolver: where names are looked up; a :class:`~whirlwind.netutil.Resolver` of its own
        when None.
    """

    def __init__(self, resolver: Resolver | None = None) -> None:
        self._own_resolver = resolver is None
        self.resolver = Resolver() if resolver is None else resolver

    def close(self) -> None:
        """Close the resolver, unless it was given; streams stay as they are."""
        if self._own_resolver:
            self.resolver.close()

    async def connect(
        self,
        host: str,
        port: int,
        af: socket.AddressFamily = socket.AF_UNSPEC,
        ssl_options: dict[str, Any] | ssl.SSLContext | None = None,
        max_buffer_size: int | None = None,
        source_ip: str | None = None,
        source_port: int | None = None,
        timeout: float | datetime.timedelta | None = None,
    ) -> IOStream:
        """Connect to ``host`` and ``port``.

        :arg af: ``AF_INET`` or ``AF_INET6`` to use only that one.
        :arg ssl_options: speak TLS: a context or the dictionary of
            :func:`~whirlwind.netutil.ssl_options_to_context`. The certificate is checked against
            ``host``.
        :arg max_buffer_size: bytes the stream may buffer for a read.
        :arg source_ip: the local address to connect from.
        :arg source_port: the local port to connect from.
        :arg timeout: seconds, or a ``timedelta``, for all of it.
        :returns: the stream; :class:`~whirlwind.iostream.SSLIOStream` with ``ssl_options``.
        :raises TimeoutError: the time is over; the message says what took so long.
        :raises OSError: the name has no address, or none of them answers: then it is a
            :class:`~whirlwind.iostream.StreamClosedError`, whose ``real_error`` tells why.
        """
        attempt = _Attempt(max_buffer_size, source_ip, source_port)
        if timeout is None:
            return await self._connect(attempt, host, port, af, ssl_options)
        if isinstance(timeout, datetime.timedelta):
            timeout = timeout.total_seconds()
        elif not isinstance(timeout, (int, float)):
            raise TypeError(f"Unsupported timeout {timeout!r}")
        try:
            async with asyncio.timeout(timeout) as scope:
                return await self._connect(attempt, host, port, af, ssl_options)
        except TimeoutError:
            if not scope.expired():
                raise
            raise TimeoutError(f"Timeout {attempt.phase}") from None

    async def _connect(
        self,
        attempt: _Attempt,
        host: str,
        port: int,
        af: socket.AddressFamily,
        ssl_options: dict[str, Any] | ssl.SSLContext | None,
    ) -> IOStream:
        attempt.phase = f"while resolving {host}"
        addresses = await self.resolver.resolve(host, port, af)
        if not addresses:
            raise OSError(f"{host} has no address")
        stream = await attempt.connect(addresses)
        if ssl_options is None:
            return stream
        attempt.phase = f"during TLS handshake with {host}:{port}"
        # Cancelled, it closes the connection; there is no stream yet that we could close.
        return await stream.start_tls(False, ssl_options=ssl_options, server_hostname=host)


class _Attempt:
    """One call of :meth:`TCPClient.connect`: sockets, and what it is busy with."""

    def __init__(
        self, max_buffer_size: int | None, source_ip: str | None, source_port: int | None
    ) -> None:
        self.max_buffer_size = max_buffer_size
        self.source_ip = source_ip
        self.source_port = source_port
        self.phase = ""
        self.under_way: dict[IOStream, str] = {}

    async def connect(self, addresses: list[_Address]) -> IOStream:
        """Connect to the first address that answers, over both families if there are two."""
        family = addresses[0][0]
        first = [address for address in addresses if address[0] == family]
        second = [address for address in addresses if address[0] != family]
        if not second:
            return await self._connect_in_turn(first)
        race = [asyncio.ensure_future(self._connect_in_turn(first))]
        winner: asyncio.Task[IOStream] | None = None
        try:
            await asyncio.wait(race, timeout=CONNECT_STAGGER)
            if not _succeeded(race[0]):
                race.append(asyncio.ensure_future(self._connect_in_turn(second)))
            waiting: set[asyncio.Task[IOStream]] = set(race)
            while winner is None and waiting:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                winner = next((task for task in race if _succeeded(task)), None)
            # If both failed, the family that the resolver prefers says why.
            return (winner or race[0]).result()
        finally:
            for task in race:
                if task is not winner:
                    task.cancel()
                    task.add_done_callback(_close_latecomer)

    async def _connect_in_turn(self, addresses: list[_Address]) -> IOStream:
        error: BaseException | None = None
        for family, address in addresses:
            try:
                return await self._connect_to(family, address)
            except OSError as failure:
                error = failure
        assert error is not None
        try:
            raise error
        finally:
            del error

    async def _connect_to(self, family: int, address: Any) -> IOStream:
        sock = socket.socket(family)
        try:
            if self.source_ip is not None or self.source_port is not None:
                sock.bind((self.source_ip or "", self.source_port or 0))
            stream = IOStream(sock, max_buffer_size=self.max_buffer_size)
        except BaseException:
            sock.close()
            raise
        self.under_way[stream] = _display(family, address)
        self._name_phase()
        try:
            return await stream.connect(address)
        except BaseException:
            stream.close()
            raise
        finally:
            del self.under_way[stream]
            self._name_phase()

    def _name_phase(self) -> None:
        # With nothing under way, what was is what a timeout wants to know.
        if self.under_way:
            self.phase = f"while connecting to {', '.join(self.under_way.values())}"


def _succeeded(task: asyncio.Task[IOStream]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _close_latecomer(task: asyncio.Task[IOStream]) -> None:
    if _succeeded(task):
        task.result().close()


def _display(family: int, address: Any) -> str:
    if family == socket.AF_INET:
        return f"{address[0]}:{address[1]}"
    if family == socket.AF_INET6:
        return f"[{address[0]}]:{address[1]}"
    return str(address)
