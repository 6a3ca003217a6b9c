"""Whirlwind in Tornado's place: ``import tornado.web`` gives :mod:`whirlwind.web`.

Two ways to run a program that was written for Tornado, unchanged::

    python -m whirlwind.as_tornado server.py --port=8000

    import whirlwind
    whirlwind.install_as_tornado()      # before the first import of tornado
    import tornado.web

The Python processes that such a program starts inherit it; :func:`install_as_tornado` says how, and
which do not.
"""

from whirlwind._public import claim
from whirlwind.as_tornado.install import install_as_tornado

__all__ = ["install_as_tornado"]

claim("whirlwind.as_tornado", install_as_tornado)
