"""Putting the forms of Tornado 4 into the classes and modules of the engine, and taking them out.

Nothing in the engine knows of them: methods are replaced here, from outside, when a program asks.
"""

import importlib
import threading
from collections.abc import Callable
from typing import Any, Final

from whirlwind._public import LEGACY_NAMES

#: Modules of this package that have something to replace; each has a function ``install``.
PARTS: Final = ("ioloop", "runner", "callbacks", "loops", "private", "waiting", "web")

#: What was replaced: owner, name, and what was there, `_NOTHING` if it was inherited or missing.
_replaced: list[tuple[Any, str, Any]] = []
_NOTHING: Final = object()
#: What is to be called when everything that was replaced is back.
_afterwards: list[Callable[[], None]] = []
_lock = threading.RLock()
_installed = False


def install() -> None:
    """Accept everywhere what Tornado 4 accepted.

    Asking for a name that only Tornado 4 had, such as ``gen.engine``, does the same. What is left
    for those that use none of them - ``callback=`` and ``io_loop=`` arguments, contexts that follow
    callbacks - begins to work with this call. Calling it again does nothing.
    """
    global _installed
    with _lock:
        if _installed:
            return
        # Before the rest: what a part imports may come here again.
        _installed = True
        try:
            for part in PARTS:
                module: Any = importlib.import_module(f"whirlwind.legacy.{part}")
                module.install()
            for name, legacy_names in LEGACY_NAMES.items():
                module = importlib.import_module(f"whirlwind.{name}")
                replace(module, "__all__", [*module.__all__, *legacy_names.split()])
        except BaseException:
            uninstall()
            raise


def is_installed() -> bool:
    """Whether the forms of Tornado 4 are in place."""
    return _installed


def uninstall() -> None:
    """Take back what :func:`install` has done, for the tests of a program that is moving on."""
    global _installed
    with _lock:
        while _replaced:
            owner, name, old = _replaced.pop()
            if old is _NOTHING:
                delattr(owner, name)
            else:
                setattr(owner, name, old)
        while _afterwards:
            _afterwards.pop()()
        _installed = False


def replace(owner: Any, name: str, value: Any) -> None:
    """Give a class or module another attribute, or a new one, until :func:`uninstall`.

    :arg owner: the class or module.
    :arg value: the attribute.
    """
    _replaced.append((owner, name, vars(owner).get(name, _NOTHING)))
    setattr(owner, name, value)


def at_uninstall(function: Callable[[], None]) -> None:
    """Have a function called by :func:`uninstall`, once everything is back in its place."""
    _afterwards.append(function)


def override(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace a function or method by one that is made of it, until :func:`uninstall`.

    :arg owner: the class or module.
    :arg make: called with what is found there, inherited or not; returns what replaces it.
    """
    replace(owner, name, make(getattr(owner, name)))
