"""Hexadecimal digits in quotes. ``hexed.pxd`` holds the same for compiled modules."""

from typing import Final

#: Whether `quoted` is worth its call: plain Python does better with ``hexdigest``.
COMPILED: Final = False


def quoted(data: bytes) -> str:
    """Bytes as lower-case hexadecimal digits in double quotes."""
    return f'"{data.hex()}"'
