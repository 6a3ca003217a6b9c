"""Transfer encodings of body parts (RFC 2045 section 6), undone piece by piece.

RFC 7578 section 4.7 wants none in forms any more, but what was written before sends them.
"""

import binascii
from typing import Protocol

from whirlwind.protocol.errors import ProtocolError

_BLANKS = b"\r\n\t "


class TransferDecoder(Protocol):
    """Undoes the encoding of one part."""

    def decode(self, data: bytes) -> bytes:
        """Take the next bytes; returns what they stand for, as far as that is known."""

    def finish(self) -> bytes:
        """Say that the part has ended; returns what was still missing.

        :raises ProtocolError: it is not in the encoding.
        """


class Base64Decoder:
    """base64; white space between its characters is left out."""

    def __init__(self) -> None:
        self._held = b""
        self._ended = False

    def decode(self, data: bytes) -> bytes:
        """See `TransferDecoder`.

        :raises ProtocolError: the data is not base64.
        """
        data = self._held + data.translate(None, _BLANKS)
        if self._ended and data:
            raise _not_base64()
        whole = len(data) & ~3
        self._held = data[whole:]
        data = data[:whole]
        if not data:
            return b""
        self._ended = data.endswith(b"=")
        try:
            return binascii.a2b_base64(data, strict_mode=True)
        except binascii.Error:
            raise _not_base64() from None

    def finish(self) -> bytes:
        """See `TransferDecoder`."""
        if self._held:
            raise _not_base64()
        return b""


class QuotedPrintableDecoder:
    """quoted-printable; what is no escape stands for itself."""

    def __init__(self) -> None:
        self._held = b""

    def decode(self, data: bytes) -> bytes:
        """See `TransferDecoder`."""
        data = self._held + data
        # An escape, and a line break that is none, are three characters.
        mark = data.rfind(b"=", max(0, len(data) - 2))
        if mark < 0:
            self._held = b""
        else:
            self._held = data[mark:]
            data = data[:mark]
        return binascii.a2b_qp(data)

    def finish(self) -> bytes:
        """See `TransferDecoder`."""
        held, self._held = self._held, b""
        return binascii.a2b_qp(held)


def _not_base64() -> ProtocolError:
    return ProtocolError(400, "part that is not in base64 as it says")


def decoder_for(encoding: bytes) -> TransferDecoder | None:
    """A decoder for a Content-Transfer-Encoding in lower case; None if there is nothing to undo."""
    if encoding == b"base64":
        return Base64Decoder()
    if encoding == b"quoted-printable":
        return QuotedPrintableDecoder()
    return None
