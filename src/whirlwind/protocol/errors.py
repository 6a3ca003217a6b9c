"""The errors that a peer's bytes, or a program's own output, can cause."""


class HTTPInputError(Exception):
    """What came over the wire, or was handed over as such, is not valid HTTP (Tornado 4.0)."""


class HTTPOutputError(Exception):
    """The program tried to send something that HTTP does not allow (Tornado 4.0)."""


class ProtocolError(HTTPInputError):
    """The peer broke the protocol; the message can not be processed any further.

    :ivar code: int, the status that answers it (RFC 9110 section 15), or a WebSocket close code.
    :ivar reason: str, a short fixed text: safe to send to the peer and to log.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return self.reason
