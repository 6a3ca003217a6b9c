"""Puts Whirlwind in Tornado's place when a child process starts, then steps aside.

Python imports it because ``whirlwind.install_as_tornado`` put this folder into ``PYTHONPATH``. It
runs in whatever interpreter a program starts, old ones too, and must leave those alone that have no
Whirlwind: their Tornado is their own.
"""

import os
import sys


def _install() -> None:
    if os.environ.get("WHIRLWIND_AS_TORNADO") != "1" or sys.version_info < (3, 11):
        return
    try:
        from whirlwind.as_tornado import install_as_tornado
    except ModuleNotFoundError as error:
        if error.name not in ("whirlwind", "whirlwind.as_tornado"):
            raise
    else:
        install_as_tornado(legacy=os.environ.get("WHIRLWIND_LEGACY") == "1")


def _step_aside() -> None:
    """Import the ``sitecustomize`` that this one hides."""
    myself = sys.modules.pop(__name__)
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
    try:
        __import__(__name__)
    except ImportError as error:
        if getattr(error, "name", "") != __name__:
            raise
    finally:
        sys.modules.setdefault(__name__, myself)


try:
    _install()
finally:
    _step_aside()
