"""The function that Tornado has an extension module for."""

from whirlwind.protocol.masking import mask as websocket_mask

__all__ = ["websocket_mask"]
