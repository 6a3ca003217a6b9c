"""The socket of a connection that a transport holds, with what its TLS layer knows."""

from typing import Any


class TLSSocket:
    """A socket below TLS: what the socket does not know, the TLS object does.

    Programs ask the ``socket`` of a Tornado stream for ``getpeercert`` and ``cipher``, too.
    """

    def __init__(self, sock: Any, tls: Any) -> None:
        self._sock = sock
        self._tls = tls

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(self._sock, name)
        except AttributeError:
            return getattr(self._tls, name)


def socket_of(transport: Any) -> Any:
    """Return the socket of an asyncio transport, None if there is no transport or it has none.

    Over TLS it also has the methods of `ssl.SSLObject`.
    """
    if transport is None:
        return None
    sock = transport.get_extra_info("socket")
    tls = transport.get_extra_info("ssl_object")
    return sock if tls is None or sock is None else TLSSocket(sock, tls)
