"""An exception, taken apart for showing: its causes, their frames, lines and variables."""

import functools
import linecache
import os.path
import reprlib
import site
import sysconfig
import traceback
from dataclasses import dataclass
from types import TracebackType
from typing import Final

#: Lines of source shown before and after the one that failed.
CONTEXT: Final = 5
#: Frames of one exception that are shown, half from each end: a recursion error has a thousand.
MAX_FRAMES: Final = 60
#: Exceptions of one chain that are shown.
MAX_PROBLEMS: Final = 10
#: Variables of one frame that are shown.
MAX_VARIABLES: Final = 60
#: Characters of one value that are shown.
MAX_VALUE: Final = 600


@dataclass(frozen=True)
class Line:
    """One line of source."""

    number: int
    text: str
    failed: bool


@dataclass(frozen=True)
class Frame:
    """One call that an exception passed through."""

    file: str
    line: int
    function: str
    source: list[Line]
    variables: list[tuple[str, str]]
    #: Whether the code is the program's own: neither this package nor an installed one.
    own: bool


@dataclass(frozen=True)
class Problem:
    """One exception, with what it has to do with the one after it."""

    kind: str
    message: str
    #: How it led to the next one; empty for the last.
    link: str
    frames: list[Frame]
    #: Frames left out in the middle.
    omitted: int


def problems(error: BaseException) -> list[Problem]:
    """Take an exception and those behind it apart, the first to happen first.

    :arg error: the exception; its traceback is read and not kept.
    :returns: at most `MAX_PROBLEMS`, the last of them for ``error`` itself.
    """
    chain: list[tuple[BaseException, str]] = []
    seen: set[int] = set()
    current: BaseException | None = error
    link = ""
    while current is not None and id(current) not in seen and len(chain) < MAX_PROBLEMS:
        seen.add(id(current))
        chain.append((current, link))
        if current.__cause__ is not None:
            current, link = current.__cause__, "was the direct cause of"
        elif current.__suppress_context__:
            current = None
        else:
            current, link = current.__context__, "was being handled when this happened"
    chain.reverse()
    return [_problem(exception, link) for exception, link in chain]


def _problem(error: BaseException, link: str) -> Problem:
    frames = _frames_of(error)
    omitted = max(0, len(frames) - MAX_FRAMES)
    if omitted:
        frames = frames[: MAX_FRAMES // 2] + frames[-(MAX_FRAMES // 2) :]
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "__main__"):
        name = f"{kind.__module__}.{name}"
    if isinstance(error, SyntaxError):
        message = str(error)  # with the file and the line, such as those of a template
    else:
        text = "".join(traceback.format_exception_only(kind, error)).strip()
        _, _, message = text.partition(": ")
    return Problem(name, message, link, [_frame(trace) for trace in frames], omitted)


def _frames_of(error: BaseException) -> list[TracebackType]:
    found = []
    trace = error.__traceback__
    while trace is not None:
        found.append(trace)
        trace = trace.tb_next
    return found


def _frame(trace: TracebackType) -> Frame:
    code, line = trace.tb_frame.f_code, trace.tb_lineno
    file = code.co_filename
    linecache.checkcache(file)
    lines = linecache.getlines(file)
    start = max(1, line - CONTEXT)
    source = [
        Line(number, lines[number - 1].rstrip("\r\n"), number == line)
        for number in range(start, min(len(lines), line + CONTEXT) + 1)
    ]
    values = [
        (name, shown(value))
        for name, value in list(trace.tb_frame.f_locals.items())[:MAX_VARIABLES]
        if not name.startswith("__")
    ]
    module = str(trace.tb_frame.f_globals.get("__name__", ""))
    return Frame(file, line, code.co_qualname, source, values, is_own(file, module))


def is_own(file: str, module: str) -> bool:
    """Tell whether code belongs to the program that runs, and not to a library.

    :arg file: as in ``co_filename``; a name such as ``<string>`` is no library's.
    :arg module: dotted name of its module. Compiled modules of this package are told by it: the
        file that they name is where they were built.
    """
    if module.partition(".")[0] == __name__.partition(".")[0]:
        return False
    return not os.path.abspath(file).startswith(_library_folders())


@functools.cache
def _library_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = {paths["stdlib"], paths["platstdlib"], paths["purelib"], paths["platlib"]}
    folders.update(site.getsitepackages())
    return tuple(folder.rstrip(os.sep) + os.sep for folder in folders)


class _ShortRepr(reprlib.Repr):
    """Representations of any value, however large or broken."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = MAX_VALUE
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = 20


_short = _ShortRepr()


def shown(value: object) -> str:
    """A value as the page shows it: its repr, cut to `MAX_VALUE` characters.

    :arg value: anything; one whose repr raises is shown as the exception's type.
    """
    try:
        text = _short.repr(value)
    except Exception as error:
        return f"<{type(value).__name__}: its repr raised {type(error).__name__}>"
    return text if len(text) <= MAX_VALUE else text[:MAX_VALUE] + "..."
