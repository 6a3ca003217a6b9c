"""Extension modules that tests build for themselves from a ``.pyx`` beside them."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent


def build(name: str, folder: Path, source_folder: Path = HERE) -> ModuleType:
    """Compile ``<name>.pyx`` in a folder and import it.

    :arg name: of the module; ``whirlwind`` may be cimported in it.
    :arg folder: an empty one.
    :arg source_folder: where the source is.
    """
    cython = pytest.importorskip("Cython.Build")
    setuptools = pytest.importorskip("setuptools")
    source = folder / f"{name}.pyx"
    source.write_text((source_folder / f"{name}.pyx").read_text())
    extensions = cython.cythonize(
        [setuptools.Extension(name, [str(source)], extra_compile_args=["-O0"])],
        include_path=[str(HERE.parent.parent / "src")],
        language_level=3,
        quiet=True,
    )
    command = setuptools.Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
    command.inplace = False
    command.build_lib = str(folder)
    command.build_temp = str(folder / "tmp")
    command.ensure_finalized()
    command.run()
    (library,) = folder.glob(f"{name}.*.so")
    spec = importlib.util.spec_from_file_location(name, library)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
