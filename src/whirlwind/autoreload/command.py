"""``python -m whirlwind.autoreload``: a script runs again whenever its source changes."""

import logging
import os
import runpy
import sys
from types import TracebackType
from typing import NamedTuple, NoReturn

from whirlwind.autoreload import control
from whirlwind.log import gen_log

_USAGE = """\
usage: python -m whirlwind.autoreload [--until-success] path [argument ...]
       python -m whirlwind.autoreload [--until-success] -m module [argument ...]
"""
_HELP = """
Run a script, and run it again whenever its source changes.

  --until-success  stop once the script ends with status 0
  -m module        the script is a module
"""


def main() -> None:
    """Run a script, and run it again whenever its source changes.

    ::

        python -m whirlwind.autoreload server.py --port=8000
        python -m whirlwind.autoreload -m package.tests

    The script is given as to Python: the path of a file, that of a folder with ``__main__.py``, or
    ``-m`` and a module. When it has ended, by itself or by an exception, the next change starts it
    again; with ``--until-success`` (Tornado 6.4) only until it has ended with status 0.
    """
    script = _parse(sys.argv[1:])
    control.watch_modules()
    status = _run(script)
    if script.until_success and status in (None, 0):
        return
    try:
        control.wait()
    except KeyboardInterrupt:
        sys.exit(130)  # what a shell reports of a program that Ctrl-C has ended


class _Script(NamedTuple):
    until_success: bool
    module: str | None
    path: str | None
    arguments: list[str]


def _parse(args: list[str]) -> _Script:
    """Take this program's own options, all of which stand before those of the script."""
    until_success = False
    module: str | None = None
    rest = list(args)
    while rest:
        if rest[0] == "--until-success":
            until_success = True
            del rest[0]
        elif rest[0].startswith("-m") and module is None:
            module = rest.pop(0)[2:] or (rest.pop(0) if rest else "")
        else:
            break
    if module is not None:
        return _Script(until_success, module or _refuse("-m needs a module"), None, rest)
    if rest and rest[0] in ("-h", "--help"):
        print(_USAGE + _HELP, end="")
        sys.exit(0)
    if not rest:
        _refuse("name a script, or a module with -m")
    if rest[0].startswith("-"):
        _refuse(f"there is no option {rest[0]}")
    return _Script(until_success, None, rest[0], rest[1:])


def _refuse(reason: str) -> NoReturn:
    print(f"{_USAGE}error: {reason}", file=sys.stderr)
    sys.exit(2)


def _run(script: _Script) -> object:
    """Run the script in this process; give the status it ended with."""
    try:
        if script.module is not None:
            sys.argv = [script.module, *script.arguments]
            runpy.run_module(script.module, run_name="__main__", alter_sys=True)
        elif script.path is not None:
            sys.argv = [script.path, *script.arguments]
            # It may not exist yet, or not be good enough to become a module.
            control.watch(script.path)
            if os.path.isfile(script.path):
                # Last, so that nothing beside the script comes before a module of that name.
                sys.path.append(os.path.dirname(os.path.abspath(script.path)))
            runpy.run_path(script.path, run_name="__main__")
    except SystemExit as ended:
        status = ended.code
        watch_what_failed(ended)
        if isinstance(status, str):
            print(status, file=sys.stderr)
        gen_log.log(
            logging.WARNING if status else logging.INFO, "Script exited with status %s", status
        )
        return status
    except Exception as error:
        watch_what_failed(error)
        error.__traceback__ = _of_the_script(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        gen_log.error("Script exited with an exception; waiting for a change")
        return 1
    gen_log.info("Script exited normally")
    return 0


def watch_what_failed(error: BaseException | None) -> None:
    """Watch the files of an exception: modules that fail while they load are no modules."""
    while error is not None:
        if isinstance(error, SyntaxError) and error.filename:
            control.watch_what_was_read(error.filename)
        trace = error.__traceback__
        while trace is not None:
            file = trace.tb_frame.f_code.co_filename
            if os.path.isfile(file):
                control.watch_what_was_read(file)
            trace = trace.tb_next
        error = error.__cause__ or error.__context__


def _of_the_script(trace: TracebackType | None) -> TracebackType | None:
    """The part of a traceback below this file and runpy, if there is any."""
    below = trace
    while below is not None:
        file = below.tb_frame.f_code.co_filename
        if file != __file__ and "runpy" not in file:
            return below
        below = below.tb_next
    return trace
