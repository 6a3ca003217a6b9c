"""Whirlwind: Tornado's API on a fast engine.

Submodules are imported when they are first used, so ``import whirlwind`` alone costs little and
``whirlwind.web.Application`` works after it.

``__version__`` is Whirlwind's own version. ``version`` and ``version_info`` name the release of
Tornado whose API this is: that is what the programs that compare them want to know.

PYTEST_DONT_REWRITE: it asserts nothing, and may be there before pytest comes to rewrite assertions
in what a plugin is part of.
"""

import importlib
import time
from typing import TYPE_CHECKING, Any

from whirlwind._build import apply_extension_switch
from whirlwind._build import implementation as implementation

apply_extension_switch()

from whirlwind._version import API_VERSION, API_VERSION_INFO, VERSION  # noqa: E402

if TYPE_CHECKING:
    from whirlwind.as_tornado import install_as_tornado as install_as_tornado
    from whirlwind.ioloop import run as run

# As near to the beginning of the program as can be told. `autoreload` doubts that what was modified
# later is what was read.
_began = time.time_ns()

__version__ = VERSION
version = API_VERSION
version_info = API_VERSION_INFO

_MODULES = (
    "auth",
    "autoreload",
    "concurrent",
    "curl_httpclient",
    "escape",
    "gen",
    "http1connection",
    "httpclient",
    "httpserver",
    "httputil",
    "ioloop",
    "iostream",
    "jsonlog",
    "locale",
    "locks",
    "log",
    "netutil",
    "options",
    "platform",
    "process",
    "queues",
    "routing",
    "simple_httpclient",
    "tcpclient",
    "tcpserver",
    "template",
    "testing",
    "util",
    "web",
    "wsgi",
)

# Attributes too, but not among what ``from whirlwind import *`` brings: Tornado's list is the one
# above.
_MORE_MODULES = ("asgi", "client", "fanout", "legacy", "speedups", "stack_context", "websocket")

# The modules and nothing else: programs go through `tornado.__all__` and import what it names.
__all__ = [*_MODULES]

_FUNCTIONS = {"install_as_tornado": "as_tornado", "run": "ioloop"}


def __getattr__(name: str) -> Any:
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(f"whirlwind.{_FUNCTIONS[name]}"), name)
    if name in _MODULES or name in _MORE_MODULES:
        return importlib.import_module(f"whirlwind.{name}")
    raise AttributeError(f"module 'whirlwind' has no attribute {name!r}")
