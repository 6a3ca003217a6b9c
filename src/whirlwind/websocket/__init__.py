"""WebSocket (RFC 6455): handlers for servers, and connections to them.

::

    class Echo(WebSocketHandler):
        def on_message(self, message):
            self.write_message(message)

    connection = await websocket_connect("ws://localhost:8888/echo")
    await connection.write_message("hello")
    print(await connection.read_message())
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from whirlwind.websocket.errors import WebSocketClosedError, WebSocketError
from whirlwind.websocket.handler import WebSocketHandler
from whirlwind.websocket.protocol import WebSocketProtocol, WebSocketProtocol13, de_dupe_gen_log

if TYPE_CHECKING:
    from whirlwind.websocket.client import WebSocketClientConnection, websocket_connect

__all__ = [
    "WebSocketClientConnection",
    "WebSocketClosedError",
    "WebSocketError",
    "WebSocketHandler",
    "WebSocketProtocol",
    "WebSocketProtocol13",
    "de_dupe_gen_log",
    "websocket_connect",
]


def __getattr__(name: str) -> Any:
    # A server has no use for the client's side, and for the HTTP client behind it.
    if name in ("WebSocketClientConnection", "websocket_connect"):
        return getattr(import_module("whirlwind.websocket.client"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
