"""Connecting to TCP servers: :class:`TCPClient`."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
from typing import Any

from whirlwind._connector import Connector, display, plain_error
from whirlwind.iostream import IOStream, StreamClosedError
from whirlwind.netutil import Resolver, naming_host

__all__ = ["TCPClient"]


class TCPClient:
    """Makes streams that are connected to a host.

    Of a host with several addresses each is tried, families by turns, a little later than the one
    before or when that fails, and the first connection wins (RFC 8305).

    :arg resolver: where names are looked up; a :class:`~whirlwind.netutil.Resolver` of its own
        when None.
    """

    def __init__(self, resolver: Resolver | None = None) -> None:
        self._own_resolver = resolver is None
        self.resolver: Resolver = Resolver() if resolver is None else resolver

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
        attempt = _StreamConnector(max_buffer_size, source_ip, source_port)
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
        attempt: _StreamConnector,
        host: str,
        port: int,
        af: socket.AddressFamily,
        ssl_options: dict[str, Any] | ssl.SSLContext | None,
    ) -> IOStream:
        attempt.phase = f"while resolving {host}"
        with naming_host(host):
            addresses = await self.resolver.resolve(host, port, af)
        if not addresses:
            raise OSError(f"{host} has no address")
        stream = await attempt.connect(addresses)
        if ssl_options is None:
            return stream
        attempt.phase = f"during TLS handshake with {host}:{port}"
        # Cancelled, it closes the connection; there is no stream yet that we could close.
        secure = stream.start_tls(False, ssl_options=ssl_options, server_hostname=host)
        try:
            return await secure
        except asyncio.CancelledError:
            if not secure.cancelled() and secure.exception() is None:
                secure.result().close()  # cancelled in the very turn in which it was done
            raise


class _StreamConnector(Connector[IOStream]):
    def __init__(
        self, max_buffer_size: int | None, source_ip: str | None, source_port: int | None
    ) -> None:
        super().__init__(source_ip, source_port)
        self.max_buffer_size = max_buffer_size

    async def open(self, sock: socket.socket, address: Any) -> IOStream:
        try:
            stream = IOStream(sock, max_buffer_size=self.max_buffer_size)
        except BaseException:
            sock.close()
            raise
        try:
            return await stream.connect(address)
        except StreamClosedError as error:
            if isinstance(error.real_error, OSError):
                error.real_error = plain_error(error.real_error, display(sock.family, address))
            raise
        except BaseException:
            stream.close()
            raise

    def discard(self, connection: IOStream) -> None:
        connection.close()
