"""Running a script, a module or a command as ``__main__``, the way the interpreter does."""

import importlib.util
import io
import os
import pkgutil
import sys
from importlib.machinery import ModuleSpec, PathFinder
from types import CodeType, ModuleType
from typing import Any

from whirlwind.as_tornado.install import LEGACY_SWITCH, install_as_tornado

USAGE = """\
usage: python -m whirlwind.as_tornado [--legacy] [-m module | -c command | script] [argument ...]

Run a program written for Tornado with Whirlwind in its place, in this process and in the Python
processes it starts. Options of the interpreter stand before the first -m. With --legacy, or where
the environment says WHIRLWIND_LEGACY=1, the forms of Tornado 4 are accepted.
"""


def main() -> None:
    """Run what the command line names; ``sys.argv`` is that program's afterwards.

    :raises SystemExit: nothing to run was named, or it is not there.
    """
    arguments = sys.argv[1:]
    legacy = os.environ.get(LEGACY_SWITCH) == "1"
    if arguments[:1] == ["--legacy"]:
        legacy = True
        del arguments[0]
    kind, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if kind in ("-h", "--help"):
        print(USAGE, end="")
        return
    if not kind or (kind in ("-m", "-c") and not rest) or (kind[0] == "-" and len(kind) > 2):
        sys.stderr.write(USAGE)
        raise SystemExit(2)
    install_as_tornado(legacy=legacy)
    if kind == "-m":
        _run_module(rest[0], rest[1:])
    elif kind == "-c":
        sys.argv = ["-c", *rest[1:]]
        _enter("", None, None, compile(rest[0], "<string>", "exec"))
    else:
        sys.argv = arguments
        _run_path(kind)


def _run_module(name: str, arguments: list[str]) -> None:
    """Run a module, or the ``__main__`` of a package, as ``python -m`` does."""
    sys.argv = ["-m", *arguments]
    spec = _find(name)
    if spec.submodule_search_locations is not None:
        spec = _find(name + ".__main__", f"{name!r} is a package and cannot be run")
    sys.argv[0] = spec.origin or name
    _enter(None, spec.origin, spec, _code(spec))


def _find(name: str, complaint: str = "") -> ModuleSpec:
    try:
        spec = importlib.util.find_spec(name)
    except (ModuleNotFoundError, ValueError):  # no such parent; a module without a spec
        spec = None
    if spec is None:
        raise SystemExit(f"{sys.executable}: {complaint or f'No module named {name!r}'}")
    return spec


def _code(spec: ModuleSpec) -> CodeType:
    loader: Any = spec.loader
    code: CodeType | None = loader.get_code(spec.name) if hasattr(loader, "get_code") else None
    if code is None:
        raise SystemExit(f"{sys.executable}: no Python code for {spec.name}")
    return code


def _run_path(path: str) -> None:
    """Run a script, or the ``__main__`` of a folder or a zip file."""
    if pkgutil.get_importer(path) is not None:
        if sys.flags.safe_path:
            sys.path.insert(0, path)
        else:
            sys.path[0] = path
        spec = PathFinder.find_spec("__main__", [path])
        if spec is None:
            raise SystemExit(f"{sys.executable}: can't find '__main__' module in {path!r}")
        _enter(None, spec.origin, spec, _code(spec))
        return
    where = os.path.abspath(path)  # what python gives __file__ and tracebacks, as of 3.9
    try:
        with io.open_code(where) as file:
            code = pkgutil.read_code(file)
            if code is None:
                file.seek(0)
                code = compile(file.read(), where, "exec")
    except OSError as error:
        raise SystemExit(f"{sys.executable}: can't open file {path!r}: {error}") from None
    _enter(os.path.dirname(os.path.realpath(path)), where, None, code)


def _enter(folder: str | None, file: str | None, spec: ModuleSpec | None, code: CodeType) -> None:
    """Run code in a ``__main__`` module of its own.

    :arg folder: what goes to the head of ``sys.path`` in place of the folder that ``-m`` put there;
        None leaves it.
    :arg file: ``__file__`` of the module, if it has one.
    :arg spec: what ``python -m`` gives ``__main__``; multiprocessing and autoreload look at it.
    """
    if folder is not None and not sys.flags.safe_path:
        sys.path[0] = folder
    module = ModuleType("__main__")
    values: dict[str, Any] = vars(module)
    values["__builtins__"] = sys.modules["builtins"]
    if file is not None:
        values["__file__"] = file
    if spec is not None:
        values.update(__spec__=spec, __package__=spec.parent, __loader__=spec.loader)
        values["__cached__"] = spec.cached
    sys.modules["__main__"] = module
    exec(code, values)
