"""An awaitable that has nothing to wait for."""

from collections.abc import Awaitable, Generator
from typing import Any, Final


class Done:
    """What a method returns that may be awaited, when it has done its work already.

    Awaiting it costs nothing, and a handler whose method returns it needs neither coroutine nor
    task.
    """

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, None]:
        nothing: Any = iter(())
        return nothing  # type: ignore[no-any-return]


#: The one there is.
DONE: Final[Awaitable[None]] = Done()
