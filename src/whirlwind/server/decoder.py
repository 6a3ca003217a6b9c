"""Decompression of bodies that are received, bounded in what comes out."""

from collections.abc import Iterator

from whirlwind.httputil.headers import HTTPHeaders
from whirlwind.protocol.errors import ProtocolError
from whirlwind.protocol.heads import Head
from whirlwind.util import GzipDecompressor


class BodyDecoder:
    """Turns the gzip content of one message into what it stands for."""

    def __init__(self, chunk_size: int) -> None:
        """
        :arg chunk_size: bytes that are decompressed at a time.
        """
        self._gzip = GzipDecompressor()
        self._chunk_size = chunk_size
        self._size = 0

    def decode(self, data: bytes, max_size: int) -> Iterator[bytes]:
        """Yield the content of ``data`` in pieces.

        :arg max_size: bytes that all pieces of the body may come to.
        :raises ProtocolError: 413 past that size, 400 for content that is not gzip.
        """
        while data:
            try:
                piece = self._gzip.decompress(data, self._chunk_size)
            except Exception:
                raise ProtocolError(400, "malformed gzip content") from None
            data = self._gzip.unconsumed_tail
            if piece:
                self._size += len(piece)
                if self._size > max_size:
                    raise ProtocolError(413, "decompressed body too large")
                yield piece
            elif data:
                raise ProtocolError(400, "malformed gzip content")

    def check_end(self) -> None:
        """The body is complete.

        :raises ProtocolError: the gzip content is not.
        """
        try:
            self._gzip.flush()
        except Exception:
            raise ProtocolError(400, "truncated gzip content") from None

    @staticmethod
    def rewrite(headers: HTTPHeaders) -> None:
        """Let the headers describe the decompressed content, as Tornado does."""
        headers["X-Consumed-Content-Encoding"] = headers["Content-Encoding"]
        del headers["Content-Encoding"]


def decoder_for(head: Head, chunk_size: int) -> BodyDecoder | None:
    """A decoder if the message's content coding is gzip, which is the one we undo."""
    coding = head.get(b"content-encoding")
    if coding is not None and coding.lower() in ("gzip", "x-gzip"):
        return BodyDecoder(chunk_size)
    return None
