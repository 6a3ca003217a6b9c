"""Where a coroutine waits, as text for people: tasks that are late or left behind."""

import asyncio
import linecache
import os
import traceback
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any, Final

_LIBRARIES: Final = (
    os.path.dirname(asyncio.__file__) + os.sep,
    os.path.dirname(os.path.dirname(__file__)) + os.sep,
)
#: Tasks that a report shows; a test that started a thousand says the same with ten.
_SHOWN: Final = 10
#: Where coroutines, generators and asynchronous generators have their frame, and what they await.
_KINDS: Final = (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom"), ("ag_frame", "ag_await"))


def where_it_waits(task: "asyncio.Task[Any]", indent: str = "  ") -> str:
    """Show the lines at which the coroutine of a task waits, the outermost first.

    :arg task: a task that is not done.
    :arg indent: what each line begins with.
    :returns: lines in the form of a traceback, each with its end; empty when nothing is known.
    """
    return "".join(
        f'{indent}File "{frame.f_code.co_filename}", line {frame.f_lineno}, in '
        f"{frame.f_code.co_name}\n{_source(frame, indent)}"
        for frame in _frames_of_program(task)
    )


def list_tasks(tasks: "Iterable[asyncio.Task[Any]]", indent: str = "  ") -> str:
    """Name tasks and show where each of them waits."""
    listed = sorted(tasks, key=_number)
    text = "".join(
        f"{indent}{_name(task)}\n{where_it_waits(task, indent + '  ')}" for task in listed[:_SHOWN]
    )
    if len(listed) > _SHOWN:
        text += f"{indent}... and {len(listed) - _SHOWN} more\n"
    return text


def tell(context: dict[str, Any]) -> str:
    """Show what an event loop tells its exception handler.

    :arg context: as for ``asyncio.loop.call_exception_handler``.
    """
    text = f"  {context.get('message') or 'Unhandled exception in the event loop'}\n"
    # A future's message names the coroutine; that of a handle has its callback in it.
    subject = context.get("task") or context.get("future")
    if isinstance(subject, asyncio.Task):
        text += f"  {_name(subject)}\n"
    error = context.get("exception")
    if error is not None:
        lines = "".join(traceback.format_exception(error)).splitlines()
        text += "".join(f"    {line}\n" for line in lines)
    return text


def _number(task: "asyncio.Task[Any]") -> tuple[int, str]:
    name = task.get_name()
    return len(name), name


def _name(task: "asyncio.Task[Any]") -> str:
    frames = _frames_of_program(task)
    coro: Any = task.get_coro()
    if frames:
        name = frames[0].f_code.co_qualname
    else:
        name = getattr(coro, "__qualname__", None) or type(coro).__name__
    return f"{task.get_name()}, {name}"


def _frames_of_program(task: "asyncio.Task[Any]") -> list[FrameType]:
    """The frames that are not of a library below the program, if there are others."""
    frames = list(_frames(task.get_coro()))
    return [f for f in frames if not f.f_code.co_filename.startswith(_LIBRARIES)] or frames


def _frames(waits: Any) -> Iterator[FrameType]:
    while waits is not None:
        for kind, awaited in _KINDS:
            if hasattr(waits, awaited):
                frame = getattr(waits, kind, None)
                if frame is not None:
                    yield frame
                waits = getattr(waits, awaited)
                break
        else:
            return


def _source(frame: FrameType, indent: str) -> str:
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno, frame.f_globals).strip()
    return f"{indent}  {line}\n" if line else ""
