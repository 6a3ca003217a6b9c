"""Build script: compiles the modules named in ``whirlwind/_build.py`` from their own ``.py`` files.

``WHIRLWIND_EXTENSIONS`` decides: ``0`` compiles nothing, ``1`` makes a failing compile fail the
build, unset tries and falls back to plain Python. It is all or nothing: after a failure no
extension file is left, so an installation is never half compiled.
``WHIRLWIND_ASAN=1`` compiles for AddressSanitizer. Everything else is in ``pyproject.toml``.
"""

import os
import platform
import runpy
import shutil
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent
COMPILED: tuple[str, ...] = runpy.run_path(str(ROOT / "src/whirlwind/_build.py"))["COMPILED"]
SWITCH = os.environ.get("WHIRLWIND_EXTENSIONS", "")
ASAN = os.environ.get("WHIRLWIND_ASAN") == "1"

DIRECTIVES = {
    "language_level": 3,
    "annotation_typing": False,  # C types come from the .pxd; annotations are for readers and mypy
    "nonecheck": True,  # an attribute of None raises, as in the plain form, rather than crashes
    # A bound function trusts its first argument: RequestHandler.finish("text") would crash the
    # process. A method descriptor checks it; "clinic" keeps signatures for inspect and help().
    "binding": False,
    "embedsignature": True,
    "embedsignature.format": "clinic",
    "freethreading_compatible": True,  # the cores keep no module state
}


def extensions() -> list[Extension]:
    """Describe the extension modules; an empty list builds plain Python."""
    # PyPy's compiler beats extension modules that talk to it through the C API.
    unwanted = SWITCH == "0" or (not SWITCH and platform.python_implementation() != "CPython")
    if unwanted:
        return []
    compile_args, link_args = [], []
    if ASAN:
        compile_args = ["-O1", "-g", "-fsanitize=address", "-fno-omit-frame-pointer"]
        link_args = ["-fsanitize=address"]
    elif os.name == "posix":
        compile_args = ["-O3", "-g0"]
    found = []
    for name in COMPILED:
        stem = "src/" + name.replace(".", "/")
        found.append(
            Extension(
                name,
                [stem + ".py"],
                depends=[stem + ".pxd"],
                extra_compile_args=compile_args,
                extra_link_args=link_args,
            )
        )
    return found


class BuildCores(build_ext):
    """Cython, then the C compiler, for every module or for none."""

    def run(self) -> None:
        """Build the extension modules, or fall back to plain Python with one line."""
        in_place = bool(self.inplace or getattr(self, "editable_mode", False))
        if in_place:
            self._remove_stale()
        if not self.extensions:
            return
        try:
            self._force_when_flags_changed()
            self._translate()
            self.parallel = self.parallel or os.cpu_count()
            super().run()
        # Whatever fails (no Cython, no compiler, no headers, a compiler's complaint), the plain
        # modules work; only WHIRLWIND_EXTENSIONS=1 makes it an error.
        except Exception as error:
            self._remove_built(in_place)
            if SWITCH == "1":
                raise
            self.extensions = []
            self.distribution.ext_modules = []
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            print(
                f"whirlwind: installing plain Python, slower than compiled ({reason}); for the "
                "compiled cores install a C compiler and Python's headers "
                "(Debian: apt-get install gcc python3-dev) and install again.",
                file=sys.stderr,
            )

    def _force_when_flags_changed(self) -> None:
        """Rebuild everything after a change of compiler flags; file times do not show it."""
        flags = repr([(e.extra_compile_args, e.extra_link_args) for e in self.extensions])
        record = Path(self.build_temp, "flags")
        if not record.is_file() or record.read_text() != flags:
            self.force = True
            record.parent.mkdir(parents=True, exist_ok=True)
            record.write_text(flags)

    def _translate(self) -> None:
        """Turn the ``.py`` sources into C files under ``build/``."""
        from Cython.Build import cythonize

        translated = cythonize(
            [Extension(e.name, list(e.sources)) for e in self.extensions],
            include_path=["src"],
            build_dir="build/cython",
            compiler_directives=DIRECTIVES,
            force=self.force,
            quiet=True,
        )
        sources = {extension.name: extension.sources for extension in translated}
        for extension in self.extensions:
            extension.sources = sources[extension.name]

    def _remove_built(self, in_place: bool) -> None:
        """Delete what this build made, in the build folder and beside the sources."""
        for extension in self.extensions:
            name = self.get_ext_filename(extension.name)
            Path(self.build_lib, name).unlink(missing_ok=True)
            if in_place:
                (ROOT / "src" / name).unlink(missing_ok=True)

    def _remove_stale(self) -> None:
        """Delete this Python's extension files beside sources that are not to be compiled."""
        wanted = {ROOT / "src" / self.get_ext_filename(e.name) for e in self.extensions or []}
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        for file in (ROOT / "src/whirlwind").rglob("*" + suffix):
            if file not in wanted:
                file.unlink()


class Wheel(bdist_wheel):
    """A wheel whose tag says what the build turned out to be."""

    def run(self) -> None:
        """Build first: only then is it known whether the wheel is compiled or plain."""
        # A build folder of an earlier build may hold modules that no longer exist.
        shutil.rmtree(self.get_finalized_command("build").build_lib, ignore_errors=True)
        self.run_command("build")
        self.root_is_pure = not self.distribution.has_ext_modules()
        super().run()


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildCores, "bdist_wheel": Wheel})
