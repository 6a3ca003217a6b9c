"""The errors of WebSocket connections."""

from whirlwind._public import claim


class WebSocketError(Exception):
    """Something is wrong with a WebSocket connection, or with what was to become one."""


class WebSocketClosedError(WebSocketError):
    """The connection is closed, or closing, and takes no more messages (Tornado 3.2)."""


claim("whirlwind.websocket", WebSocketError, WebSocketClosedError)
