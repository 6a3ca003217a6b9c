"""Public names: objects built in private modules that users meet under a public module's name."""

import importlib
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeAlias, TypeVar, cast

_Method = TypeVar("_Method", bound=Callable[..., Any])

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


def done_by(inner: Any) -> Callable[[_Method], _Method]:
    """Decorate a public method that passes its arguments on to a compiled one, and does no more.

    Where that one is plain Python after all, the public method gets its code, and keeps its own
    name, signature and documentation: a call less for each (40 ns).

    :arg inner: what is called, with the same parameters but for their names.
    :raises TypeError: they have different numbers of them, or a closure refers to one.
    """

    def decorate(outer: _Method) -> _Method:
        if not isinstance(inner, FunctionType) or not isinstance(outer, FunctionType):
            return outer  # compiled: a method of C
        count = inner.__code__.co_argcount
        if count != outer.__code__.co_argcount or inner.__code__.co_cellvars or inner.__closure__:
            raise TypeError(f"{inner.__qualname__} cannot stand for {outer.__qualname__}")
        names = outer.__code__.co_varnames[:count] + inner.__code__.co_varnames[count:]
        code = inner.__code__.replace(
            co_varnames=names, co_name=outer.__name__, co_qualname=outer.__qualname__
        )
        # Its code needs the globals of its module.
        made = FunctionType(code, inner.__globals__, outer.__name__, outer.__defaults__)
        for name in ("__doc__", "__module__", "__annotations__", "__kwdefaults__"):
            setattr(made, name, getattr(outer, name))
        return cast("_Method", made)

    return decorate


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
