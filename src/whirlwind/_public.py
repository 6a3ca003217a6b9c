"""Public names: objects built in private modules that users meet under a public module's name."""

import importlib
from collections.abc import Callable
from typing import Any, TypeAlias

#: First part of the loggers' names; ``tornado`` while Whirlwind stands in for it.
logger_root = "whirlwind"


def claim(module: str, *objects: object) -> None:
    """Give each class or function the public module it is exported from as its ``__module__``.

    Tracebacks, reprs, pickles and documentation then show ``whirlwind.web.RequestHandler`` whatever
    file holds the class.

    :arg module: dotted name of the public module.
    :arg objects: classes and functions; anything else that refuses the attribute is an error.
    """
    for item in objects:
        item.__module__ = module


def start_values(cls: type, **values: object) -> None:
    """Give a class the values that the fields of a new instance have.

    The fields of a compiled class are a C struct, which starts as None, 0 and False by itself; this
    does nothing then. In the plain form these are class attributes until somebody assigns to the
    instance: a request touches three objects with 60 fields, of which it changes a third.

    :arg values: None, 0 or False for each field.
    """
    if cls.__flags__ & _HEAP_TYPE:
        for name, value in values.items():
            setattr(cls, name, value)


_HEAP_TYPE = 1 << 9  # a class made by a class statement of plain Python (Py_TPFLAGS_HEAPTYPE)


#: What Tornado 4 had and 6 has not, by the module that shows it: `whirlwind.legacy` has it.
LEGACY_NAMES = {
    "concurrent": "TracebackFuture return_future",
    "gen": "Arguments Callback MultiYieldPoint Task Wait WaitAll YieldFuture YieldPoint engine",
    "testing": "LogTrapTestCase get_unused_port",
    "util": "PY3 u",
    "web": "asynchronous",
    "wsgi": "WSGIAdapter WSGIApplication",
}


#: The ``__getattr__`` of a module.
NameLookup: TypeAlias = Callable[[str], Any]


def legacy_names(module: str) -> NameLookup:
    """Make the ``__getattr__`` of a module that had more names in Tornado 4.

    The first such name that a program asks for installs `whirlwind.legacy`; until then it is not
    even imported.

    :arg module: dotted name of the module.
    """
    names = LEGACY_NAMES[module.rpartition(".")[2]].split()

    def look_up(name: str) -> Any:
        if name in names:
            legacy: Any = importlib.import_module("whirlwind.legacy")
            legacy.install()
            return getattr(legacy, name)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return look_up
