"""Telling of TLS handshakes that fail."""

import ssl

from whirlwind.log import gen_log


class _ServerTLS(ssl.SSLObject):
    """Logs why a handshake failed; the event loops tell nobody unless they debug."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            gen_log.warning("SSL Error: %s", error)
            raise


def log_failed_handshakes(context: ssl.SSLContext) -> None:
    """Log a line for each handshake that fails on connections of a server's context.

    A context that makes objects of a class of its own is left alone.
    """
    if context.sslobject_class is ssl.SSLObject:
        context.sslobject_class = _ServerTLS
