"""How public objects are put together: `whirlwind._public`."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from whirlwind._public import done_by

STEPS: list[str] = []


class Inner:
    def _write(self, chunk: Any, again: bool) -> str:
        STEPS.append("inner")
        return f"{chunk}{again}"


def test_a_public_method_is_done_by_another() -> None:
    class Outer(Inner):
        @done_by(Inner._write)
        def write(self, text: str, twice: bool = False) -> str:
            """Write."""
            STEPS.append("outer")
            return self._write(text, twice)

    STEPS.clear()
    outer = Outer()
    assert outer.write("a") == outer.write(text="a", twice=False) == "aFalse"
    assert STEPS == ["inner", "inner"]
    method: Any = Outer.write
    assert str(inspect.signature(method)) == "(self, text: str, twice: bool = False) -> str"
    assert (method.__name__, method.__doc__) == ("write", "Write.")
    assert (method.__module__, method.__qualname__) == (__name__, f"{Outer.__qualname__}.write")
    with pytest.raises(TypeError, match=r"Outer\.write\(\) missing 1 required .*'text'"):
        method(outer)


def test_a_compiled_method_is_called() -> None:
    class Outer(bytearray):
        @done_by(bytearray.append)
        def add(self, item: int) -> None:
            STEPS.append("outer")
            self.append(item)

    STEPS.clear()
    outer = Outer()
    outer.add(65)
    assert (bytes(outer), STEPS) == (b"A", ["outer"])


def _captured(self: Any, chunk: Any) -> Callable[[], Any]:
    return lambda: chunk


@pytest.mark.parametrize("inner", [Inner._write, _captured])
def test_a_method_that_cannot_stand_for_another_is_refused(inner: Any) -> None:
    def write(self: Any, chunk: Any) -> None:
        """Write."""

    with pytest.raises(TypeError, match=r"cannot stand for .*write"):
        done_by(inner)(write)
