"""Decompression of bodies that are received, where the other side decides what is undone."""

from whirlwind.protocol import codings
from whirlwind.protocol.codings import Decoder
from whirlwind.protocol.heads import Head


def decoder_for(head: Head, chunk_size: int) -> Decoder | None:
    """A decoder if the message's content coding is gzip, which is the one we undo."""
    coding = head.get(b"content-encoding")
    return None if coding is None else codings.decoder_for(coding, chunk_size=chunk_size)
