"""What the header of one part of a form says (RFC 7578 section 4)."""

from whirlwind.httputil.parameters import _parse_header
from whirlwind.protocol.errors import ProtocolError
from whirlwind.protocol.multipart import Fields
from whirlwind.protocol.transfer import TransferDecoder, decoder_for


class PartHead:
    """The header of a part.

    :ivar name: str, of the form's field.
    :ivar filename: str, what the client calls the file; empty if the part is none.
    :ivar content_type: str.
    """

    __slots__ = ("_encoding", "content_type", "filename", "name")
    content_type: str

    def __init__(self, fields: Fields) -> None:
        """
        :arg fields: the header's fields.
        :raises ProtocolError: there is not exactly one Content-Disposition, or it does not say
            ``form-data`` and a name.
        """
        self.content_type = "application/unknown"
        self._encoding = b""
        disposition = None
        for name, value in fields:
            name = name.lower()
            if name == b"content-disposition":
                if disposition is not None:
                    raise ProtocolError(400, "part with more than one Content-Disposition")
                disposition = text(value)
            elif name == b"content-type":
                self.content_type = text(value)
            elif name == b"content-transfer-encoding":
                self._encoding = value.lower()
        if disposition is None:
            raise ProtocolError(400, "part without Content-Disposition")
        kind, parameters = _parse_header(disposition)
        if kind.lower() != "form-data":
            raise ProtocolError(400, "part with a Content-Disposition other than form-data")
        self.name: str = parameters.get("name", "")
        if not self.name:
            raise ProtocolError(400, "part without a name")
        self.filename: str = parameters.get("filename", "")

    def decoder(self) -> TransferDecoder | None:
        """What undoes the transfer encoding of the body; None if it has none."""
        return decoder_for(self._encoding)


def text(value: bytes) -> str:
    """A field value as text: names are UTF-8 in what browsers send (RFC 7578 section 5.1).

    :raises ProtocolError: it is not UTF-8.
    """
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise ProtocolError(400, "part header that is not UTF-8") from None
