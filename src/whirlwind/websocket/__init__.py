"""WebSocket (RFC 6455): handlers for servers, and connections to them.

::

    class Echo(WebSocketHandler):
        def on_message(self, message):
            self.write_message(message)
"""

from whirlwind.websocket.errors import WebSocketClosedError, WebSocketError
from whirlwind.websocket.handler import WebSocketHandler
from whirlwind.websocket.protocol import WebSocketProtocol, WebSocketProtocol13

__all__ = [
    "WebSocketClosedError",
    "WebSocketError",
    "WebSocketHandler",
    "WebSocketProtocol",
    "WebSocketProtocol13",
]
