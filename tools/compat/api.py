"""Every public name of Tornado's, and every parameter, from the list that its suite comes with.

``tornado/test/api.txt`` has a section for each module and in it lines such as
``tornado.web.RequestHandler.write: method(self, chunk)``. Each is a test here: the name is there,
and what may be passed to Tornado's may be passed to ours.
"""

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_ENUMERATION = re.compile(r"<\w+\.\w+: (\d+)>")
_CALLABLE = re.compile(r"(?:method|function|classmethod|staticmethod)\((.*)\)")


def names(snapshot: str) -> Iterator[tuple[str, str, str]]:
    """Yield the module, the name in it, and the description of each line."""
    module = ""
    for line in snapshot.splitlines():
        if line.startswith("["):
            module = line.strip("[]")
        elif line:
            name, _, description = line.partition(": ")
            yield module, name.removeprefix(f"{module}."), description


def complaint(module: str, name: str, description: str) -> str:
    """Return what is wrong with ours, "" if nothing is."""
    try:
        value: Any = importlib.import_module(module)
    except ImportError as error:
        return str(error)
    owner: Any = None
    for part in name.split("."):
        owner = value
        try:
            lookup: Callable[..., Any] = (
                inspect.getattr_static if inspect.isclass(owner) else getattr
            )
            value = lookup(owner, part)
        except AttributeError:
            if inspect.isclass(owner) and description == "attribute":
                return ""  # of instances, perhaps: nothing to see from here
            return f"{module} has no {name}"
    found = _CALLABLE.fullmatch(description)
    if found is None:
        return ""
    if isinstance(value, (classmethod, staticmethod)):
        value = value.__func__
    return _parameters_complaint(found[1], value)


def _parameters_complaint(wanted: str, function: Any) -> str:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return f"{function!r} has no signature"
    theirs = [text for text in wanted.split(", ") if text not in ("", "*", "/")]
    ours = list(signature.parameters.values())
    keyword_only = wanted.split(", ").index("*") if "*" in wanted.split(", ") else len(theirs)
    catch_all = any(p.kind is p.VAR_KEYWORD for p in ours)
    by_name = {str(p).partition(":")[0].partition("=")[0].strip(): p for p in ours}
    for index, text in enumerate(theirs):
        name, _, default = text.partition("=")
        default = _ENUMERATION.sub(r"\1", default)
        parameter = by_name.pop(name, None)
        if parameter is None:
            if catch_all and not name.startswith("*"):
                continue
            return f"parameter {name} is missing: {signature}"
        if default not in ("...", _default(parameter.default)):
            return f"{name} is {_default(parameter.default)!r} and not {default!r}: {signature}"
        if index < keyword_only and ours[min(index, len(ours) - 1)].name != parameter.name:
            return f"parameter {name} is in another place: {signature}"
    for parameter in by_name.values():
        optional = parameter.default is not parameter.empty
        if not optional and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            return f"parameter {parameter.name} is required: {signature}"
    return ""


def _default(value: Any) -> str:
    if value is inspect.Parameter.empty:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return repr(int(value))  # also of an enumeration
    if value is None or isinstance(value, (bool, float)):
        return repr(value)
    if isinstance(value, (str, bytes)) and len(value) <= 40:
        return repr(value)
    return "..."


def outcomes(suite: Path) -> Iterator[dict[str, str]]:
    """Yield what became of each name, in the form of the worker's results."""
    for module, name, description in names((suite / "api.txt").read_text("utf-8")):
        wrong = complaint(module, name, description)
        yield {
            "test": f"api_names.{module}.{name}",
            "outcome": "failed" if wrong else "passed",
            "detail": wrong,
        }
