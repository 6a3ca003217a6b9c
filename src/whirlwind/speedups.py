"""The function that Tornado has an extension module for."""

from whirlwind.protocol.masking import mask as _mask

__all__ = ["websocket_mask"]


def websocket_mask(mask: bytes, data: bytes) -> bytes:
    """XOR ``data`` with the repeated 4-byte ``mask`` (RFC 6455 section 5.3); its own inverse.

    :raises ValueError: the mask is not 4 bytes long.
    """
    return _mask(mask, data)
