"""Whose test it is: by its mark, by the marks of others, and by what kind of function it is.

Only pytest is imported here.
"""

import inspect
import sys
from typing import Any, Final

import pytest

#: The name of the mark.
MARK: Final = "whirlwind"
HELP: Final = (
    "whirlwind(timeout=None, check_leaks=None): run the test, if it is a coroutine, and its "
    "coroutine fixtures on Whirlwind's event loop; timeout in seconds, 0 for none"
)
#: Marks with which a test says that another plugin runs it, where every coroutine test is ours.
_MARKS_OF_OTHERS: Final = frozenset({"anyio", "asyncio", "gen_test", "tornado", "trio", "twisted"})


def can_be_ours(item: pytest.Item) -> bool:
    """Whether a test is a function or a method, but not of a `unittest.TestCase`."""
    if not isinstance(item, pytest.Function):
        return False
    unittest = sys.modules.get("unittest")  # a test case has brought it; others can do without
    return unittest is None or item.cls is None or not issubclass(item.cls, unittest.TestCase)


def belongs_to_others(item: pytest.Item) -> bool:
    """Whether a test has the mark of another plugin for coroutines."""
    return any(mark.name in _MARKS_OF_OTHERS for mark in item.iter_markers())


def is_coroutine_function(func: Any) -> bool:
    """Whether a function is ``async def``, or a ``gen.coroutine``."""
    return inspect.iscoroutinefunction(func) or bool(getattr(func, "__tornado_coroutine__", False))


def coroutine_of(item: pytest.Item) -> "tuple[Any, str] | None":
    """Where the coroutine function of a test is, object and attribute; None: it has none."""
    obj: Any = item.obj  # type: ignore[attr-defined]
    hypothesis = getattr(obj, "hypothesis", None)
    if is_coroutine_function(getattr(hypothesis, "inner_test", None)):
        return hypothesis, "inner_test"
    return (item, "obj") if is_coroutine_function(obj) else None


def argument(node: Any, name: str) -> Any:
    """An argument of the closest mark that has it."""
    for mark in node.iter_markers(MARK):
        if mark.kwargs.get(name) is not None:
            return mark.kwargs[name]
    return None


def check(item: pytest.Item) -> None:
    """
    :raises UsageError: a mark has arguments that it does not take.
    """
    for mark in item.iter_markers(MARK):
        unknown = mark.kwargs.keys() - {"timeout", "check_leaks"}
        if mark.args or unknown:
            what = ", ".join(sorted(unknown)) or "positional ones"
            raise pytest.UsageError(
                f"{item.nodeid}: the mark whirlwind has the arguments timeout= and check_leaks=, "
                f"not {what}"
            )
