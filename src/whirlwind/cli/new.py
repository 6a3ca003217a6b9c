"""``whirlwind new NAME``: a project to start from."""

import keyword
import re
import sys
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from whirlwind.cli.errors import FAILED, CommandError

#: Names that would hide a module that the project needs.
_TAKEN = frozenset({"tests", "whirlwind", *sys.stdlib_module_names})


def new(target: str) -> None:
    """Make a project: application, templates, tests, Makefile.

    :arg target: path of the folder to make; its last part is the project's name.
    :raises CommandError: it exists, its name can not be one, or it can not be written.
    """
    folder = Path(target)
    name = folder.name
    package = name.lower().replace("-", "_")
    if not re.fullmatch(r"[a-zA-Z]([a-zA-Z0-9_-]*[a-zA-Z0-9])?", name):
        raise CommandError(
            f"{name!r} is no name for a project: letters, digits, - and _, a letter first"
        )
    if package in _TAKEN or keyword.iskeyword(package):
        raise CommandError(f"{name!r} is no name for a project: Python has a {package!r} already")
    words = {"@name@": name, "@package@": package, "@PACKAGE@": package.upper()}
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise CommandError(f"{target} exists already") from None
    except OSError as error:
        raise CommandError(f"cannot make {target}: {error.strerror}", FAILED) from None
    _copy(resources.files("whirlwind.cli") / "project", folder, words)
    # Where Whirlwind is installed; of this machine only, and so in a file that git ignores.
    (folder / "local.mk").write_text(f"PYTHON ?= {sys.executable}\n")
    print(f"Made {target}. Next:\n\n    cd {target}\n    make test\n    make run")


def _copy(source: Traversable, folder: Path, words: dict[str, str]) -> None:
    for item in source.iterdir():
        if item.is_dir():
            inside = folder / (words["@package@"] if item.name == "package" else item.name)
            inside.mkdir()
            _copy(item, inside, words)
        elif item.name.endswith(".in"):
            text = item.read_text(encoding="utf-8")
            for word, replacement in words.items():
                text = text.replace(word, replacement)
            name = item.name.removesuffix(".in")
            path = folder / (".gitignore" if name == "gitignore" else name)
            path.write_text(text, encoding="utf-8")
