"""Instances whose ``__init__`` is not called, because others fill them in.

``fresh.pxd`` has the same for compiled callers, whose classes `object` does not know how to make.
"""

from typing import Final

#: A new instance of a class that has no ``__new__`` of its own.
instance: Final = object.__new__
