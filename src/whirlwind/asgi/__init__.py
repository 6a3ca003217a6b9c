"""Serving ASGI 3 applications (Starlette, FastAPI, Django, Quart) from the HTTP server or a router.

::

    from whirlwind.asgi import ASGIContainer
    from whirlwind.httpserver import HTTPServer

    async def main():
        async with ASGIContainer(app) as container:
            server = HTTPServer(container)
            server.listen(8000)
            await asyncio.Event().wait()
"""

from whirlwind.asgi.adapter import ASGIApplication
from whirlwind.asgi.container import ASGIContainer
from whirlwind.asgi.errors import ASGIError, ClientDisconnectedError, LifespanError, MessageError

__all__ = [
    "ASGIApplication",
    "ASGIContainer",
    "ASGIError",
    "ClientDisconnectedError",
    "LifespanError",
    "MessageError",
]
