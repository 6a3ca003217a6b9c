"""Putting Whirlwind in Tornado's place, in this process and in those it starts."""

import os
import sys
from pathlib import Path

import whirlwind
from whirlwind import _public
from whirlwind.as_tornado.alias import (
    OURS,
    THEIRS,
    AliasFinder,
    install_legacy_soon,
    rename_public_objects,
    their_name,
)
from whirlwind.as_tornado.names import show_neighbours

#: The environment variable that children look at; any value but ``1`` gives them the real Tornado.
SWITCH = "WHIRLWIND_AS_TORNADO"

#: Another, ``1`` where children accept what only Tornado 4 accepted.
LEGACY_SWITCH = "WHIRLWIND_LEGACY"

#: Holds the ``sitecustomize`` module that Python imports when a child starts.
STARTUP = str(Path(__file__).parent / "startup")


def install_as_tornado(*, children: bool = True, legacy: bool = False) -> None:
    """Make ``import tornado`` and ``import tornado.x`` give ``whirlwind`` and ``whirlwind.x``.

    The same module objects are known by both names, whichever is imported first, so a class, an
    exception or a patched attribute is one thing under both. Nothing is imported that the program
    does not import. A Tornado that is installed beside is not imported any more; a submodule that
    Whirlwind does not have is a ``ModuleNotFoundError``. The loggers are ``tornado.access``,
    ``tornado.application`` and ``tornado.general``; public classes say ``tornado.web`` and so on as
    their ``__module__``; ``importlib.metadata.version("tornado")`` is ``tornado.version``. Calling
    this again does nothing.

    :arg children: let the Python processes that this one starts inherit it. That takes two
        environment variables: ``WHIRLWIND_AS_TORNADO=1``, and a folder with a ``sitecustomize``
        module at the head of ``PYTHONPATH``; the module then runs the ``sitecustomize`` it hides,
        if there is one. So it does not reach a child that is started with another environment, with
        ``-E`` or ``-I`` (which ignore ``PYTHONPATH``) or ``-S`` (which skips ``sitecustomize``), or
        by an interpreter that has no Whirlwind; those find whatever Tornado they have. Start such
        a one with ``-m whirlwind.as_tornado``.
    :arg legacy: call `whirlwind.legacy.install` as well, here and in those children, once an event
        loop is imported: for programs written for Tornado 4.
    :raises RuntimeError: the real Tornado has already been imported in this process.
    """
    present = sys.modules.get(THEIRS)
    if present is not None and present is not whirlwind:
        origin = getattr(present, "__file__", None) or "an unknown place"
        raise RuntimeError(
            f"Tornado has already been imported, from {origin}. Call "
            "whirlwind.install_as_tornado() before the first import of tornado, or start the "
            "program with: python -m whirlwind.as_tornado"
        )
    if present is None:
        sys.meta_path.insert(0, AliasFinder())
        for name, module in list(sys.modules.items()):
            if name == OURS or name.startswith(OURS + "."):
                sys.modules[their_name(name)] = module
                rename_public_objects(module)
                show_neighbours(module)
        _public.logger_root = THEIRS
        if "whirlwind.log" in sys.modules:
            from whirlwind.as_tornado.loggers import rename_loggers

            rename_loggers()
    if legacy:
        install_legacy_soon()
    if children:
        _tell_children(legacy)


def _tell_children(legacy: bool) -> None:
    os.environ[SWITCH] = "1"
    if legacy:
        os.environ[LEGACY_SWITCH] = "1"
    path = os.environ.get("PYTHONPATH")
    folders = path.split(os.pathsep) if path else []
    if STARTUP not in folders:
        os.environ["PYTHONPATH"] = os.pathsep.join([STARTUP, *folders])
