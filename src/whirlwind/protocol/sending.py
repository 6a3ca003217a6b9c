"""Bodies on their way out."""

from whirlwind.protocol.errors import HTTPOutputError


class Framing:
    """What a request's body has to keep to, piece by piece (RFC 9112 section 6).

    :arg length: the announced Content-Length; None for a chunked body.
    """

    def __init__(self, length: int | None) -> None:
        self._left = length

    def frame(self, chunk: bytes) -> bytes:
        """The bytes that send a piece; an empty piece sends nothing.

        :raises HTTPOutputError: there is more than was announced.
        """
        if self._left is None:
            return b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunk else b""
        self._left -= len(chunk)
        if self._left < 0:
            raise HTTPOutputError("Tried to write more data than Content-Length")
        return chunk

    def end(self) -> bytes:
        """The bytes that end the body.

        :raises HTTPOutputError: there was less than was announced.
        """
        if self._left is None:
            return b"0\r\n\r\n"
        if self._left:
            raise HTTPOutputError(f"Tried to write {self._left} bytes less than Content-Length")
        return b""
