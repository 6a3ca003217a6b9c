"""Whirlwind: Tornado's API on a fast engine.

Submodules are imported when they are first used, so ``import whirlwind`` alone costs little and
``whirlwind.web.Application`` works after it.
"""

import importlib
from typing import TYPE_CHECKING, Any

from whirlwind._build import apply_extension_switch, implementation

apply_extension_switch()

from whirlwind._version import VERSION as version  # noqa: E402

if TYPE_CHECKING:
    from whirlwind.ioloop import run

_MODULES = (
    "concurrent",
    "escape",
    "gen",
    "httpserver",
    "httputil",
    "ioloop",
    "iostream",
    "locks",
    "log",
    "netutil",
    "platform",
    "process",
    "queues",
    "routing",
    "tcpclient",
    "tcpserver",
    "util",
    "web",
)

__all__ = ["implementation", "run", "version", *_MODULES]


def __getattr__(name: str) -> Any:
    if name == "run":
        return importlib.import_module("whirlwind.ioloop").run
    if name in _MODULES:
        return importlib.import_module(f"whirlwind.{name}")
    raise AttributeError(f"module 'whirlwind' has no attribute {name!r}")
