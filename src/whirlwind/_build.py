"""Which modules are compiled, and the switch that chooses compiled or plain ones at import.

Imports only the standard library: ``setup.py`` runs this file before the package can be imported.
"""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, SourceFileLoader
from types import ModuleType
from typing import Literal

#: Modules that Cython compiles from their ``.py`` file and the ``.pxd`` beside it.
COMPILED: tuple[str, ...] = (
    "whirlwind.platform.eager",
    "whirlwind.protocol.heads",
    "whirlwind.protocol.framing",
    "whirlwind.protocol.http1",
    "whirlwind.protocol.headers",
    "whirlwind.protocol.multipart",
    "whirlwind.protocol.websocket",
    "whirlwind.protocol.markup",
    "whirlwind.protocol.urlencoded",
    "whirlwind.httputil.storage",
    "whirlwind.server.outlet",
    "whirlwind.server.exchange",
    "whirlwind.server.hub",
    "whirlwind.server.site",
    "whirlwind.server.peer",
    "whirlwind.server.closing",
    "whirlwind.server.http1",
    "whirlwind.web.storage",
    "whirlwind.web.tags",
    "whirlwind.web.response",
    "whirlwind.web.records",
    "whirlwind.client.outgoing",
    "whirlwind.client.receiver",
    "whirlwind.client.connection",
    "whirlwind.client.pool",
    "whirlwind.client.desk",
    "whirlwind.client.call",
    "whirlwind.web.access",
    "whirlwind.web.execute",
    "whirlwind.web.static.kept",
    "whirlwind.websocket.sender",
    "whirlwind.websocket.lifetime",
    "whirlwind.websocket.connection",
    "whirlwind.fanout",
)

#: The environment variable that chooses: ``0`` plain Python, ``1`` compiled or an error, unset
#: or empty: compiled where the extension files are there.
SWITCH = "WHIRLWIND_EXTENSIONS"

_PACKAGE_PARENT = os.path.dirname(os.path.dirname(__file__))


class _PlainFinder:
    """Meta-path finder that loads the modules of ``COMPILED`` from their ``.py`` files."""

    @classmethod
    def find_spec(
        cls,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return the spec of the plain module, or None for every module that is not ours."""
        if fullname not in COMPILED:
            return None
        from importlib.util import spec_from_file_location

        source = _stem(fullname) + ".py"
        return spec_from_file_location(fullname, source, loader=SourceFileLoader(fullname, source))


def apply_extension_switch() -> None:
    """Obey ``WHIRLWIND_EXTENSIONS``; call it before any module of ``COMPILED`` is imported.

    :raises ImportError: with ``1`` when an extension file is missing: names the modules and the
        command that builds them; also for a value that is neither ``0`` nor ``1``.
    """
    choice = os.environ.get(SWITCH, "")
    if choice == "0":
        if _PlainFinder not in sys.meta_path:
            sys.meta_path.insert(0, _PlainFinder)
    elif choice == "1":
        missing = [name for name in COMPILED if not _has_extension(name)]
        if missing:
            raise ImportError(
                f"{SWITCH}=1 demands compiled modules, and these have no extension file for this "
                f"Python: {', '.join(missing)}. Build them: {_build_command()}"
            )
    elif choice:
        raise ImportError(f"{SWITCH} must be 0, 1 or unset, not {choice!r}.")


def implementation() -> Literal["compiled", "pure"]:
    """Tell which cores this process runs.

    :returns: ``"compiled"`` when every module of ``COMPILED`` is loaded from its extension file,
        ``"pure"`` otherwise.
    """
    if not COMPILED or _PlainFinder in sys.meta_path:
        return "pure"
    return "compiled" if all(map(_has_extension, COMPILED)) else "pure"


def _build_command() -> str:
    """Return the shell command that builds the extension files of this installation."""
    checkout = os.path.dirname(_PACKAGE_PARENT)
    if os.path.isfile(os.path.join(checkout, "setup.py")):
        return f"cd {checkout} && {SWITCH}=1 {sys.executable} setup.py build_ext --inplace"
    return (
        f"{SWITCH}=1 {sys.executable} -m pip install --force-reinstall --no-deps --no-cache-dir "
        "--no-binary whirlwind whirlwind"
    )


def _stem(module: str) -> str:
    """Return the path of a module's files without their suffix."""
    return os.path.join(_PACKAGE_PARENT, *module.split("."))


def _has_extension(module: str) -> bool:
    stem = _stem(module)
    return any(os.path.exists(stem + suffix) for suffix in EXTENSION_SUFFIXES)
