"""Which hooks of a class are still the original ones, told fast enough to ask on every request.

CPython gives every state of a class a number of its own (``tp_version_tag``): assigning to a class
or to one of its bases, as patching and mocking do, takes the number away. The compiled form
(``hooks.pxd``) reads it, and what was found out about a class is remembered under that number. The
plain form answers 0, which means "not known": then every hook is simply called.
"""

from types import MethodType


def is_method_of(method: object, function: object) -> bool:
    """Whether a bound method is that of a function itself.

    The wrappers of tracing agents (wrapt's) give as theirs every attribute of the method that they
    wrap, ``__func__`` and ``__class__`` included: only ``type()`` tells them from it.
    """
    return type(method) is MethodType and method.__func__ is function


def type_version(cls: type) -> int:
    """The number of the present state of a class and its bases; 0 when there is none to trust."""
    return 0


def call_method(instance: object, name: str) -> object:
    """What ``getattr(instance, name)()`` does; compiled, without making a bound method for it."""
    return getattr(instance, name)()


def set_attribute(instance: object, name: str, value: object) -> None:
    """What ``object.__setattr__`` does, for a class that has a ``__setattr__`` of its own."""
    object.__setattr__(instance, name, value)
