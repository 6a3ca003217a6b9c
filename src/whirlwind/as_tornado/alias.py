"""One module object under two names, ``whirlwind.x`` and ``tornado.x``, whichever comes first.

Every Python process below a program runs this when it starts: it imports nothing that costs, such
as the base classes of ``importlib.abc`` and ``importlib.metadata``.
"""

import importlib
import importlib.util
import sys
from _thread import _local
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from whirlwind.as_tornado.names import show_neighbours

if TYPE_CHECKING:
    from importlib.metadata import Distribution, DistributionFinder

OURS = "whirlwind"
THEIRS = "tornado"


def their_name(name: str) -> str:
    """Return the name under which one of our modules stands in for Tornado's."""
    return THEIRS + name.removeprefix(OURS)


def rename_public_objects(module: ModuleType) -> None:
    """Let what a module exports say that it lives in ``tornado.x``.

    Tracing agents recognise a handler by the text ``tornado.web.ErrorHandler``, error trackers
    group by such names, and a pickle made here can be read where the real Tornado runs.
    """
    for name in getattr(module, "__all__", ()):
        value = vars(module).get(name)
        if not isinstance(value, (type, FunctionType)) or value.__module__ != module.__name__:
            continue
        try:
            value.__module__ = their_name(module.__name__)
        except (AttributeError, TypeError):  # a type made in C keeps its name
            pass


class AliasFinder:
    """Finds ``tornado`` and its submodules, which are ours.

    It stands before all other finders, so that a Tornado installed beside is never asked.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module of ours or of its alias, None for all others.

        :raises ModuleNotFoundError: for a module of Tornado's that Whirlwind does not have. None
            would send the search on, to a Tornado installed beside.
        """
        root = fullname.partition(".")[0]
        if root == OURS:
            return self._ours(fullname, path, target)
        if root == THEIRS:
            return self._theirs(fullname)
        return None

    def find_distributions(self, context: "DistributionFinder.Context") -> "Iterable[Distribution]":
        """Answer ``importlib.metadata.version("tornado")``.

        Only a question for that name: an installer that lists a folder must not see a
        distribution that is not in it.
        """
        name = context.name
        if name is not None and name.lower() == THEIRS and "path" not in vars(context):
            from whirlwind.as_tornado.distribution import TornadoDistribution

            yield TornadoDistribution()

    def _ours(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec: ModuleSpec | None = find(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    loader: Any = _BothNamesLoader(spec.loader)
                    spec.loader = loader
                return spec
        return None

    def _theirs(self, fullname: str) -> ModuleSpec | None:
        parent, _, last = fullname.rpartition(".")
        ours = OURS + fullname.removeprefix(THEIRS)
        if sys.modules.get(parent) is not sys.modules.get(ours.rpartition(".")[0]):
            return None  # a package the program itself put there, such as tornado.test
        spec = importlib.util.find_spec(ours)
        if spec is None:
            raise ModuleNotFoundError(
                f"No module named {fullname!r}: Whirlwind stands in for Tornado here, and it has "
                f"no module {last!r}.",
                name=fullname,
            )
        loader: Any = _AliasLoader(ours, spec)
        alias = ModuleSpec(fullname, loader, origin=spec.origin)
        alias.submodule_search_locations = spec.submodule_search_locations
        alias.has_location = spec.has_location
        return alias


# The modules of ours whose code has run.
_complete: set[str] = set()


def _is_deadlock(error: RuntimeError) -> bool:
    """Whether the import system broke a circle of threads that wait for each other."""
    return type(error).__name__ == "_DeadlockError"


def _register(alias: str) -> None:
    """Put a module that has been loaded under our name in its place under Tornado's.

    By an import, which takes the lock of that name: where another thread is just about to look for
    it, and finds it in ``sys.modules`` all of a sudden, the import system executes it once more.
    """
    try:
        importlib.import_module(alias)
    except RuntimeError as error:
        if not _is_deadlock(error):  # that other thread has the lock, and registers it itself
            raise


class _Loading(_local):
    """How many modules of ours a thread is loading, one for the other."""

    depth = 0


_loading = _Loading()
_wants_legacy = False


def install_legacy_soon() -> None:
    """Install `whirlwind.legacy` as soon as there is an event loop that it could matter to."""
    global _wants_legacy
    _wants_legacy = True
    _install_legacy()


def _install_legacy() -> None:
    # A process that has no use for Tornado must not load all of it: every child comes here.
    global _wants_legacy
    if _wants_legacy and not _loading.depth and f"{OURS}.ioloop" in sys.modules:
        _wants_legacy = False
        legacy: Any = importlib.import_module(f"{OURS}.legacy")
        legacy.install()


class _BothNamesLoader:
    """Loads a module of ours with its own loader, and gives what it exports Tornado's names."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        assert spec is not None
        # From here on the module shows no trace of having been found in a special way.
        spec.loader = module.__loader__ = self._loader
        _loading.depth += 1
        try:
            self._loader.exec_module(module)
        except BaseException:
            alias = their_name(spec.name)  # its code may have imported itself by that name
            if sys.modules.get(alias) is module:
                del sys.modules[alias]
            raise
        finally:
            _loading.depth -= 1
        rename_public_objects(module)
        _complete.add(spec.name)
        # Tornado's modules are those of the first floor and in ``platform``.
        if spec.name.count(".") == 1 or spec.name.startswith(f"{OURS}.platform."):
            show_neighbours(module)
            _register(their_name(spec.name))
        _install_legacy()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


class _AliasLoader:
    """Imports one of our modules and puts it in the place of the one that was asked for."""

    def __init__(self, ours: str, spec: ModuleSpec) -> None:
        self._ours = ours
        self._spec = spec

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to the import system: what it makes is dropped below."""

    def exec_module(self, module: ModuleType) -> None:
        # The import system takes what is in sys.modules afterwards, and drops `module`.
        assert module.__spec__ is not None
        try:
            found = importlib.import_module(self._ours)
        except RuntimeError as error:
            # Its thread is done, and waits in `_register` for this one.
            if not _is_deadlock(error) or self._ours not in _complete:
                raise
            found = sys.modules[self._ours]
        sys.modules[module.__spec__.name] = found

    # What `python -m tornado.x` asks for.

    def get_code(self, fullname: str) -> CodeType | None:
        loader: Any = self._spec.loader
        code: CodeType | None = loader.get_code(self._ours)
        return code

    def get_source(self, fullname: str) -> str | None:
        loader: Any = self._spec.loader
        source: str | None = loader.get_source(self._ours)
        return source

    def get_filename(self, fullname: str) -> str:
        loader: Any = self._spec.loader
        filename: str = loader.get_filename(self._ours)
        return filename

    def is_package(self, fullname: str) -> bool:
        return self._spec.submodule_search_locations is not None
