"""Every public name of Tornado 6.6.1 is here, of the same kind and with the same signature.

``contract.tsv`` has a line for each name: module (``.`` is the package), name, and what it is:

==================  ================================================================================
``(a, b=1)``        function, or method without its ``self``; ``=...`` is some default
``async (a)``       the same, a coroutine function
``class method``    before a signature; likewise ``static method``
``class(Base)``     a class and its public bases
``property``        of instances, computed
``instance``        an attribute of instances
``attr = 1``        an attribute of the module or class, and its value if it is plain
==================  ================================================================================

What is deliberately otherwise is in `OTHERWISE`. The list must be true: an entry too many fails as
one too few does.
"""

import ast
import builtins
import collections
import functools
import importlib
import inspect
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import whirlwind

CONTRACT = Path(__file__).with_name("contract.tsv")
SOURCES = Path(whirlwind.__file__).parent

#: What is not as it was, and why.
OTHERWISE: dict[str, str] = {
    "web.StaticFileHandler.get": "what is in memory is sent at once; it still can be awaited",
    "websocket.WebSocketHandler.get": "no coroutine is kept for an open connection; awaitable",
    # Of the private class of the HTTP client that the connection extended in Tornado.
    "websocket.WebSocketClientConnection.final_callback": "belongs to no documented interface",
    "websocket.WebSocketClientConnection.headers_received": "belongs to no documented interface",
}
if whirlwind.implementation() == "compiled":
    OTHERWISE["web.RequestHandler.__init__"] = "extension types do not tell how they are made"


def load() -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = collections.defaultdict(list)
    for line in CONTRACT.read_text().splitlines()[1:]:
        module, name, promise = line.split("\t")
        found[module].append((name, promise))
    return found


ROWS = load()


def full_name(module: str) -> str:
    return "whirlwind" if module == "." else f"whirlwind.{module}"


@functools.cache
def assigned() -> dict[str, set[str]]:
    """Names that the classes of a name, in any module, assign to ``self`` or declare."""
    found: dict[str, set[str]] = collections.defaultdict(set)
    for file in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef):
                found[node.name].update(_attributes(node))
    return found


def _attributes(node: ast.ClassDef) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
            yield part.attr
        elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            yield part.target.id


def has_instance_attribute(cls: type, name: str) -> bool:
    return hasattr(cls, name) or any(name in assigned()[base.__name__] for base in cls.__mro__)


def same_signature(promise: str, function: Any, bound: bool) -> str | None:
    """What is wrong with the signature of a function, or None.

    It may take more than was promised, as long as callers need not know.

    :arg bound: whether it takes no ``self`` any more.
    """
    node = ast.parse(f"def f{promise}: pass").body[0]
    assert isinstance(node, ast.FunctionDef)
    promised = _promised(node.args)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:
        return "has no signature"
    if not bound:
        if not parameters:
            return "takes no self"
        first = parameters[0].kind
        if first is not inspect.Parameter.VAR_POSITIONAL:
            del parameters[0]
    for index, (name, kind, default) in enumerate(promised):
        if index >= len(parameters):
            return f"lacks {name!r}: {inspect.signature(function)}"
        parameter = parameters[index]
        if (parameter.name, parameter.kind) != (name, kind) and not (
            # *args and **kwargs are nobody's to name.
            parameter.kind == kind and kind in (_Kind.VAR_POSITIONAL, _Kind.VAR_KEYWORD)
        ):
            return f"has {parameter} ({parameter.kind.description}) for {name!r}"
        if (default is _Kind.empty) != (parameter.default is _Kind.empty):
            return f"{name!r}: default is {parameter.default!r}"
        if default is not _Kind.empty and default is not ... and default != parameter.default:
            return f"{name!r}: default is {parameter.default!r}, not {default!r}"
    for parameter in parameters[len(promised) :]:
        if parameter.default is _Kind.empty and parameter.kind not in (
            _Kind.VAR_POSITIONAL,
            _Kind.VAR_KEYWORD,
        ):
            return f"needs {parameter.name!r}"
    return None


_Kind = inspect.Parameter


def _promised(args: ast.arguments) -> list[tuple[str, Any, Any]]:
    found: list[tuple[str, Any, Any]] = []
    positional = [*args.posonlyargs, *args.args]
    without = len(positional) - len(args.defaults)
    for index, argument in enumerate(positional):
        kind = (
            _Kind.POSITIONAL_ONLY
            if index < len(args.posonlyargs)
            else (_Kind.POSITIONAL_OR_KEYWORD)
        )
        default = args.defaults[index - without] if index >= without else None
        found.append((argument.arg, kind, _value(default)))
    if args.vararg:
        found.append((args.vararg.arg, _Kind.VAR_POSITIONAL, _Kind.empty))
    for argument, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        found.append((argument.arg, _Kind.KEYWORD_ONLY, _value(default)))
    if args.kwarg:
        found.append((args.kwarg.arg, _Kind.VAR_KEYWORD, _Kind.empty))
    return found


def _value(node: ast.expr | None) -> Any:
    return _Kind.empty if node is None else ast.literal_eval(node)


def find(module: types.ModuleType, name: str) -> tuple[Any, Any, Any]:
    """The owner of a name, what it holds under it as such, and what one gets from it."""
    *path, last = name.split(".")
    owner: Any = module
    for part in path:
        owner = getattr(owner, part)
    value = getattr(owner, last)
    return owner, inspect.getattr_static(owner, last, value), value


def _classes(rows: list[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(name, promise.partition("(")[0]) for name, promise in rows}


def _import(module: str) -> types.ModuleType:
    return importlib.import_module(full_name(module))


def _base(module: types.ModuleType, name: str) -> Any:
    if hasattr(builtins, name):
        return getattr(builtins, name)
    first, _, rest = name.partition(".")
    if not rest:
        homes = [home for home, rows in ROWS.items() if (name, "class") in _classes(rows)]
        return getattr(module, name, None) or getattr(_import(homes[0]), name)
    if first == "tornado":
        return _base(module, rest)
    if first == "futures":
        first = "concurrent.futures"
    try:
        found: Any = importlib.import_module(f"whirlwind.{first}")
    except ModuleNotFoundError:
        found = importlib.import_module(first)
    for part in rest.split("."):
        found = (
            importlib.import_module(f"{found.__name__}.{part}")
            if not hasattr(found, part)
            else getattr(found, part)
        )
    return found


PROPERTIES = (
    property,
    functools.cached_property,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)


def deviation(module: types.ModuleType, name: str, promise: str) -> str | None:
    """What is wrong with a name, or None."""
    if promise == "instance":
        cls, _, attribute = name.rpartition(".")
        try:
            owner = find(module, cls)[2]
        except AttributeError:
            return "is missing"
        return None if has_instance_attribute(owner, attribute) else "is missing"
    try:
        owner, static, value = find(module, name)
    except AttributeError:
        cls, _, attribute = name.rpartition(".")
        owner = getattr(module, cls, None)
        if promise == "attr" and owner and has_instance_attribute(owner, attribute):
            return None
        return "is missing"
    if promise.startswith("attr"):
        expected = promise.removeprefix("attr").removeprefix(" = ")
        if name.endswith("__all__"):
            gone = set(ast.literal_eval(expected or "()")) - set(value)
            return f"lacks {sorted(gone)}" if gone else None
        if expected and value != ast.literal_eval(expected):
            return f"is {value!r}, not {expected}"
        return None
    if promise.startswith("class") and not promise.startswith("class method"):
        if not isinstance(value, type):
            return "is no class"
        for base in filter(None, promise.removeprefix("class").strip("()").split(", ")):
            if not issubclass(value, _base(module, base)):
                return f"is no {base}"
        return None
    if promise == "property":
        return None if isinstance(static, PROPERTIES) else f"is no property: {static!r}"
    kind, signature = promise[: promise.index("(")].strip(), promise[promise.index("(") :]
    if not callable(value):
        return "is not callable"
    in_class = isinstance(owner, type)
    # Of the static ones, __new__ alone gets the class.
    is_static = isinstance(static, staticmethod) and not name.endswith(".__new__")
    is_class = isinstance(static, (classmethod, types.ClassMethodDescriptorType))
    if in_class and (is_class, is_static) != (kind == "class method", kind == "static method"):
        return f"is {static!r}, not a {kind or 'method'}"
    if (kind == "async") != inspect.iscoroutinefunction(value):
        return "is no coroutine function" if kind == "async" else "is a coroutine function"
    if in_class and name.endswith(".__init__"):
        return same_signature(signature, owner, bound=True)
    return same_signature(signature, value, bound=not in_class or is_class or is_static)


@pytest.mark.parametrize("module", sorted(ROWS))
def test_contract(module: str) -> None:
    name = full_name(module)
    try:
        found = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("whirlwind"):
            raise
        pytest.skip(f"{name} needs {error.name}")
    wrong = {}
    for item, promise in ROWS[module]:
        complaint = deviation(found, item, promise)
        key = f"{module}.{item}"
        if complaint is not None and key not in OTHERWISE:
            wrong[item] = f"{promise}: {complaint}"
        elif complaint is None and key in OTHERWISE:
            wrong[item] = "is as promised: take it off the list of what is otherwise"
    assert wrong == {}


def test_what_is_otherwise_was_promised() -> None:
    promised = {f"{module}.{name}" for module, rows in ROWS.items() for name, _ in rows}
    assert OTHERWISE.keys() <= promised


def test_the_check_notices() -> None:
    module = types.ModuleType("sample")

    class Thing(Exception):
        limit = 3

        def __init__(self, a: int, b: int = 2) -> None:
            self.a = a

        def method(self, c: int = 1, *args: int, d: int = 4) -> None: ...

        @classmethod
        def make(cls, a: int) -> None: ...

        @staticmethod
        def tool(a: int) -> None: ...

        @property
        def size(self) -> int:
            return 1

        async def wait(self) -> None: ...

    module.Thing = Thing  # type: ignore[attr-defined]
    module.function = lambda x, y=(): None  # type: ignore[attr-defined]
    good = [
        ("Thing", "class(Exception)"),
        ("Thing.__init__", "(a, b=2)"),
        ("Thing.__init__", "(a, b=...)"),
        ("Thing.method", "(c=1, *rest)"),
        ("Thing.method", "(c=1, *args, d=4)"),
        ("Thing.make", "class method (a)"),
        ("Thing.tool", "static method (a)"),
        ("Thing.size", "property"),
        ("Thing.wait", "async ()"),
        ("Thing.limit", "attr = 3"),
        ("Thing.limit", "instance"),
        ("function", "(x, y=())"),
        ("function", "(x)"),
    ]
    bad = [
        ("Thing", "class(ValueError)"),
        ("function", "class"),
        ("Thing.__init__", "(a, b=3)"),
        ("Thing.__init__", "(a, b)"),
        ("Thing.__init__", "(a)", "fine: b has a default"),
        ("Thing.__init__", "()"),
        ("Thing.__init__", "(b, a=2)"),
        ("Thing.method", "(c=1, d=4)"),
        ("Thing.make", "(a)"),
        ("Thing.make", "static method (a)"),
        ("Thing.tool", "class method (a)"),
        ("Thing.size", "()"),
        ("Thing.wait", "()"),
        ("Thing.method", "async (c=1, *args)"),
        ("Thing.method", "property"),
        ("Thing.limit", "attr = 4"),
        ("Thing.nothing", "attr"),
        ("Thing.nothing", "instance"),
        ("nothing", "()"),
        ("function", "(x, y=None)"),
        ("function", "(x, *, y=())"),
    ]
    for name, promise in good:
        assert deviation(module, name, promise) is None, (name, promise)
    for name, promise, *fine in bad:
        assert (deviation(module, name, promise) is None) == bool(fine), (name, promise)
