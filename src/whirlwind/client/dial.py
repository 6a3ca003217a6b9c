"""Making connections: name, socket, TLS."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

from whirlwind._connector import Address, Connector, display, plain_error
from whirlwind.client import tls
from whirlwind.client.proxy import Proxy, Tunnel, connect_by_socks
from whirlwind.log import gen_log
from whirlwind.netutil import _client_ssl_defaults, is_valid_ip, naming_host
from whirlwind.protocol.limits import TLS_SHUTDOWN_TIMEOUT

if TYPE_CHECKING:
    from whirlwind.client.call import Call
    from whirlwind.client.connection import ClientConnection


class Dial(Connector[socket.socket]):
    """One attempt to reach the server of a call.

    :ivar phase: str, for people: ``while resolving example.com``.
    :ivar step: str, for programs: ``resolve``, ``connect``, ``proxy``, ``tls``.
    """

    step: str

    def __init__(self, call: Call) -> None:
        interface = call.setting("network_interface")
        if interface is not None and not is_valid_ip(interface):
            raise ValueError(
                f"Unrecognized IPv4 or IPv6 address for network_interface, got {interface!r}"
            )
        super().__init__(source_ip=interface)
        self._call = call
        self._loop = call.engine.loop
        self._family = socket.AF_UNSPEC
        if call.setting("allow_ipv6") is False:
            self._family = socket.AF_INET
        self.step = "resolve"
        self.phase = f"while resolving {call.origin.host}"

    async def open(self, sock: socket.socket, address: Any) -> socket.socket:
        try:
            await self._loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            raise plain_error(error, display(sock.family, address)) from None
        except BaseException:
            sock.close()
            raise
        return sock

    def discard(self, connection: socket.socket) -> None:
        connection.close()

    async def connect_to_origin(self, connection: ClientConnection) -> None:
        """Connect the protocol to where its call wants to go.

        :raises OSError: the name has no address, no address answers, or TLS failed.
        """
        origin = self._call.origin
        proxy = self._call.proxy
        # First of all: a file that cannot be read must not cost a connection.
        context = self.context() if origin.tls else None
        if proxy is not None and not proxy.is_socks:
            await self._connect_by_http(proxy, connection, context)
            return
        if proxy is not None:
            sock = await self._reach_by_socks(proxy)
        elif origin.path:
            sock = await self._connect_to(socket.AF_UNIX, origin.path)
        else:
            sock = await self.reach(origin.host, origin.port)
        await self._start(connection, sock, context, origin.host, origin.port)

    async def _reach_by_socks(self, proxy: Proxy) -> socket.socket:
        origin = self._call.origin
        proxy_hosts = [at[0] for _, at in await self._resolve(proxy.host, proxy.port)]
        hosts = [origin.host]
        if proxy.scheme == "socks5" and not is_valid_ip(origin.host):
            hosts = [at[0] for _, at in await self._resolve(origin.host, origin.port)]
        self.step = "proxy"
        self.phase = f"while connecting to {origin.host}:{origin.port} through a proxy"
        return await connect_by_socks(proxy, proxy_hosts, hosts, origin.port, self.source_ip)

    async def _connect_by_http(
        self, proxy: Proxy, connection: ClientConnection, origin_context: ssl.SSLContext | None
    ) -> None:
        origin = self._call.origin
        sock = await self.reach(proxy.host, proxy.port)
        context = None
        if proxy.scheme == "https":
            context = self._call.engine.proxy_context or _client_ssl_defaults()
        if not (origin.tls or self._call.tunnels):
            await self._start(connection, sock, context, proxy.host, proxy.port)
            return
        host = origin.host.partition("%")[0]
        if ":" in host:
            host = f"[{host}]"
        authorization = self._call.proxy_authorization()
        fields = "" if authorization is None else f"Proxy-Authorization: {authorization}\r\n"
        tunnel = Tunnel(self._loop, f"{host}:{origin.port}", fields)
        try:
            await self._start(tunnel, sock, context, proxy.host, proxy.port)
            self.step = "proxy"
            self.phase = f"while connecting to {host}:{origin.port} through a proxy"
            await tunnel.opened
            if origin_context is None:
                tunnel.transport.set_protocol(connection)
                connection.connection_made(tunnel.transport)
                return
            self.step = "tls"
            self.phase = f"during TLS handshake with {origin.host}:{origin.port}"
            start_tls: Any = self._loop.start_tls
            transport = await start_tls(
                tunnel.transport,
                connection,
                origin_context,
                server_hostname=_certified(origin.host),
                ssl_shutdown_timeout=TLS_SHUTDOWN_TIMEOUT,
            )
        except BaseException as error:
            tunnel.opened.cancel()
            if tunnel.transport is not None:
                tunnel.transport.abort()
            if isinstance(error, ssl.SSLError):
                gen_log.warning("SSL Error on %s:%s: %s", origin.host, origin.port, error)
            raise
        connection.connection_made(transport)

    async def _resolve(self, host: str, port: int) -> list[Address]:
        self.step = "resolve"
        self.phase = f"while resolving {host}"
        with naming_host(host):
            addresses = await self._call.engine.resolver.resolve(host, port, self._family)
        if not addresses:
            raise OSError(f"{host} has no address")
        return addresses

    async def reach(self, host: str, port: int) -> socket.socket:
        """Resolve a name and connect to one of its addresses."""
        addresses = await self._resolve(host, port)
        self.step = "connect"
        return await self.connect(addresses)

    def context(self) -> ssl.SSLContext:
        """The TLS context of the call."""
        setting = self._call.setting
        return tls.context_for(
            setting("validate_cert"),
            setting("ca_certs"),
            setting("client_key"),
            setting("client_cert"),
            setting("ssl_options"),
        )

    async def _start(
        self,
        protocol: ClientConnection | Tunnel,
        sock: socket.socket,
        context: ssl.SSLContext | None = None,
        host: str = "",
        port: int = 0,
    ) -> None:
        options: dict[str, Any] = {"sock": sock}
        if context is not None:
            self.step = "tls"
            self.phase: str = f"during TLS handshake with {host}:{port}"
            options["ssl"] = context
            options["server_hostname"] = _certified(host)
            options["ssl_shutdown_timeout"] = TLS_SHUTDOWN_TIMEOUT
        create: Any = self._loop.create_connection
        if sock.family == getattr(socket, "AF_UNIX", None):
            create = self._loop.create_unix_connection
        try:
            await create(lambda: protocol, **options)
        except ssl.SSLError as error:
            gen_log.warning("SSL Error on %s:%s: %s", host, port, error)
            raise
        except BaseException:
            # The loop closes the socket with its transport, but before there is one it does not.
            if protocol.transport is None and sock.fileno() != -1:
                sock.close()
            raise


def _certified(host: str) -> str:
    """The host as certificates have it: without a zone, or a dot at the end (RFC 6066)."""
    return host.partition("%")[0].removesuffix(".")
