"""Every source file: a docstring, a readable length; every public module: exact exports."""

import ast
import importlib
import inspect
import pkgutil
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import whirlwind
from tests.project import ROOT, SOURCE
from whirlwind._build import COMPILED

LONGEST_FILE = 700

# Packages without names of their own: users meet what is inside through the public modules, or,
# as in `platform`, by its submodules.
INTERNAL = {"protocol", "server", "client", "platform"}

FILES = sorted(SOURCE.rglob("*.py"))
PUBLIC = sorted(
    f"whirlwind.{module.name}"
    for module in pkgutil.iter_modules([str(SOURCE)])
    if not module.name.startswith("_") and module.name not in INTERNAL
)


def short(path: Path) -> str:
    return str(path.relative_to(SOURCE))


@pytest.mark.parametrize("file", FILES, ids=short)
def test_a_module_says_what_it_is(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text()))


@pytest.mark.parametrize("file", sorted([*FILES, *SOURCE.rglob("*.pxd")]), ids=short)
def test_a_file_is_short_enough_to_read(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= LONGEST_FILE


def tells_a_type(test: ast.expr) -> bool:
    """Whether a condition only says what a type checker can not see."""
    if isinstance(test, ast.BoolOp):
        return all(map(tells_a_type, test.values))
    if isinstance(test, ast.Compare):
        return isinstance(test.ops[0], (ast.Is, ast.IsNot))
    return isinstance(test, ast.Call) and ast.unparse(test.func) in ("isinstance", "callable")


@pytest.mark.parametrize("file", FILES, ids=short)
def test_no_rule_is_gone_with_the_assertions(file: Path) -> None:
    """``python -O`` leaves assertions out: what a peer may break is checked in other ways."""
    asserts = [
        node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Assert)
    ]
    assert [ast.unparse(node) for node in asserts if not tells_a_type(node.test)] == []


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """To import ``stack_context`` puts the forms of Tornado 4 in place: not for other tests."""
    yield
    legacy = sys.modules.get("whirlwind.legacy")
    if legacy is not None:
        legacy.uninstall()


def load(name: str) -> ModuleType:
    """Import a public module, or skip the test, naming the optional package that it needs."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("whirlwind"):
            raise
        pytest.skip(f"needs the package {error.name}")


def has(module: ModuleType, name: str) -> bool:
    """Whether a name is there, or is that of a module whose optional package is missing."""
    try:
        return hasattr(module, name)
    except ModuleNotFoundError as error:
        return error.name is not None and not error.name.startswith("whirlwind")


@pytest.mark.parametrize("name", ["whirlwind", *PUBLIC])
def test_exports_are_listed_and_exist(name: str) -> None:
    module = load(name)
    exported = module.__all__
    assert len(exported) == len(set(exported)), "a name is listed twice"
    assert [item for item in exported if not has(module, item)] == []


@pytest.mark.parametrize("name", PUBLIC)
def test_public_objects_carry_a_public_module(name: str) -> None:
    module = load(name)
    homeless = {}
    for item in module.__all__:
        value = getattr(module, item)
        if not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        home = value.__module__
        if not home.startswith("whirlwind."):
            continue  # the standard library's, under our name
        exported = getattr(importlib.import_module(home), "__all__", ())
        if home not in PUBLIC or value.__name__ not in exported:
            homeless[item] = home
    assert homeless == {}


@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_module_has_its_plain_form_and_its_types(name: str) -> None:
    stem = SOURCE.parent.joinpath(*name.split("."))
    assert stem.with_suffix(".py").is_file()
    assert stem.with_suffix(".pxd").is_file()


def test_the_version_is_stated_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" in project["dynamic"]
    assert re.fullmatch(r"\d+\.\d+\.\d+([ab]\d+|rc\d+)?", whirlwind.__version__)
    stated = [file for file in FILES if f'"{whirlwind.__version__}"' in file.read_text()]
    assert [short(file) for file in stated] == ["_version.py"]


def test_the_changelog_knows_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    version = re.escape(whirlwind.__version__)
    assert re.search(rf"^## \[({version}|Unreleased)\]", text, re.MULTILINE)
