"""What a server knows of the peer of a connection: addresses, scheme, TLS."""

from typing import Any

from whirlwind._public import start_values
from whirlwind.server.outlet import Outlet
from whirlwind.server.site import Site


class Peer(Outlet):
    """A connection of a server, as far as it is about who is at the other end."""

    #: What a trusted proxy says of the client of the present request, None without.
    forwarded: Any
    _address: Any
    _address_known: bool
    _local_address: Any

    def __init__(self, site: Site) -> None:
        """
        :arg site: the server's side of things: its application, limits and open connections.
        """
        super().__init__(site.loop, site.done)
        self.site = site

    @property
    def address(self) -> Any:
        """The peer's socket address, None where the socket has none."""
        if not self._address_known and self.transport is not None:
            self._address = self.transport.get_extra_info("peername")
            self._address_known = True
        return self._address

    @property
    def local_address(self) -> Any:
        """This end's socket address; asking the system costs a call, so it is kept."""
        if self._local_address is None and self.transport is not None:
            self._local_address = self.transport.get_extra_info("sockname")
        return self._local_address

    @property
    def address_family(self) -> int | None:
        """The family of the peer's address."""
        sock = None if self.transport is None else self.transport.get_extra_info("socket")
        return None if sock is None else sock.family

    @property
    def remote_ip(self) -> str:
        """The peer's address as text; ``0.0.0.0`` for a unix socket, as Tornado has it."""
        found = self.address
        if isinstance(found, tuple) and found:
            return str(found[0])
        return "0.0.0.0"

    @property
    def _orig_remote_ip(self) -> str:
        """`remote_ip` by the name that says it is not what a proxy tells of (OpenTelemetry)."""
        return self.remote_ip

    @property
    def protocol(self) -> str:
        """``http`` or ``https``."""
        if self.site.protocol:
            return self.site.protocol
        return "https" if self.tls_object() is not None else "http"

    @property
    def _orig_protocol(self) -> str:
        """`protocol` by the name that says it is not what a proxy tells of (webssh)."""
        return self.protocol

    @property
    def trusted_downstream(self) -> Any:
        """The set of the proxies that the server trusts, by Tornado's name."""
        return self.site.trusted

    def tls_object(self) -> Any:
        """The TLS object of the connection, or None."""
        return None if self.transport is None else self.transport.get_extra_info("ssl_object")


start_values(Peer, forwarded=None, _address=None, _address_known=False, _local_address=None)
