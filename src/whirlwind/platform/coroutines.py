"""Small coroutines and generators that other modules run; not compiled, as coroutines never are."""

from collections.abc import Awaitable, Generator
from types import coroutine
from typing import Any, Final, TypeVar

_T = TypeVar("_T")


async def as_coroutine(awaitable: Awaitable[_T]) -> _T:
    """Wrap any awaitable for those that take coroutines only."""
    return await awaitable


class Returned:
    """What `run_each` yields when a coroutine has returned."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value: Any = value


_RETURNED_NONE: Final = Returned(None)


@coroutine
def run_each() -> Generator[Any, Any, None]:
    """Run the coroutines that are sent in, one after the other.

    A coroutine that ends inside of another one costs no exception, and making a `StopIteration`
    takes longer than all else that there is to starting a coroutine.
    """
    coro = yield
    while True:
        result = yield from coro
        coro = None
        coro = yield _RETURNED_NONE if result is None else Returned(result)
