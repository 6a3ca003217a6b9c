"""A pytest plugin: coroutine tests, and fixtures with a server for the application and clients.

pytest finds it by itself where Whirlwind is installed. It is idle, and imports nothing else of
Whirlwind, until a test asks for one of its fixtures, has the mark ``whirlwind``, or is a coroutine
where ``whirlwind_mode = auto`` is configured. `plugin` is what pytest loads; here are the types of
what the fixtures give, for annotations.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whirlwind.pytest_plugin.served import RunningServer as RunningServer
    from whirlwind.pytest_plugin.served import Serve as Serve
    from whirlwind.pytest_plugin.served import ServedClient as ServedClient
    from whirlwind.pytest_plugin.served import WebSocketConnect as WebSocketConnect

__all__ = ["RunningServer", "Serve", "ServedClient", "WebSocketConnect"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("whirlwind.pytest_plugin.served"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
