"""How the forms of Tornado 4 come into a process, how they leave it, and what they cost before."""

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

import whirlwind
from whirlwind import _public, legacy
from whirlwind.legacy import warning
from whirlwind.legacy.installing import override, replace

MODULES = [*_public.LEGACY_NAMES]


def run(code: str, *arguments: str, **variables: str) -> str:
    """What a program prints that is run in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", *arguments, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "module", ["web", "httpclient", "websocket", "testing", "auth", "platform.asyncio", "asgi"]
)
def test_nobody_pays_who_does_not_use_it(module: str) -> None:
    code = f"import sys, whirlwind.{module}; print([m for m in sys.modules if 'legacy' in m])"
    assert run(code) == "[]"


@pytest.mark.parametrize("module", MODULES)
def test_the_public_names_of_a_module_stay_what_they_were(module: str) -> None:
    code = f"from whirlwind.{module} import *; import sys; print('whirlwind.legacy' in sys.modules)"
    assert run(code) == "False"
    found = __import__(f"whirlwind.{module}", fromlist=["x"])
    names = _public.LEGACY_NAMES[module].split()
    assert not set(names) & set(dir(found))
    assert set(names) <= set(found.__all__)  # as they are in place here
    legacy.uninstall()
    assert not set(names) & set(found.__all__)
    assert all(getattr(found, name) is getattr(legacy, name) for name in names)
    with pytest.raises(AttributeError, match=f"'whirlwind.{module}' has no attribute 'nothing'"):
        found.nothing  # noqa: B018


@pytest.mark.parametrize(
    "line",
    [
        "from whirlwind.web import asynchronous",
        "from whirlwind.concurrent import return_future",
        "import whirlwind.stack_context",
        "from whirlwind import stack_context",
        "import whirlwind; whirlwind.stack_context.wrap",
        "import whirlwind; whirlwind.install_as_tornado(); from tornado import stack_context",
        "import whirlwind; whirlwind.install_as_tornado(); import tornado.web; "
        "tornado.web.asynchronous",
    ],
)
def test_the_first_name_that_is_asked_for_installs_them(line: str) -> None:
    code = f"{line}\nfrom whirlwind import legacy; print(legacy.is_installed())"
    assert run(code) == "True"


@pytest.mark.parametrize("module", MODULES)
def test_everything_of_a_module_has_them_once_they_are_in_place(module: str) -> None:
    code = (
        "import whirlwind.legacy; whirlwind.legacy.install()\n"
        f"from whirlwind.{module} import *\n"
        "names = dir()\n"
        f"print([name for name in {_public.LEGACY_NAMES[module]!r}.split() if name not in names])"
    )
    assert run(code) == "[]"


CHILD = "import tornado.ioloop, whirlwind.legacy; print(whirlwind.legacy.is_installed())"


def test_a_program_is_run_with_them() -> None:
    child = (
        "import subprocess, sys\n"
        f"print(subprocess.check_output([sys.executable, '-c', {CHILD!r}], text=True))"
    )
    alias = ("-m", "whirlwind.as_tornado")
    assert run(CHILD, *alias) == "False"
    assert run(CHILD, *alias, "--legacy") == "True"
    assert run(CHILD, *alias, WHIRLWIND_LEGACY="1") == "True"
    assert run(child, *alias, "--legacy") == "True"
    assert run(child, *alias) == "False"


def test_a_program_asks_for_them_itself() -> None:
    ask = "import whirlwind; whirlwind.install_as_tornado(legacy=True)\n"
    assert run(ask + CHILD) == "True"
    assert run("import whirlwind.ioloop\n" + ask + CHILD) == "True"


def test_a_child_that_has_no_use_for_them_does_not_load_them() -> None:
    child = "import sys; print(sorted(m for m in sys.modules if m.startswith('whirlwind.')))"
    ask = (
        "import whirlwind, subprocess, sys; whirlwind.install_as_tornado(legacy=True)\n"
        f"print(subprocess.check_output([sys.executable, '-c', {child!r}], text=True))"
    )
    assert "as_tornado" in run(ask)
    assert "legacy" not in run(ask)
    assert "ioloop" not in run(ask)


class Base:
    def method(self) -> str:
        return "base"


class Derived(Base):
    word = "derived"


def test_what_was_replaced_comes_back() -> None:
    replace(Derived, "word", "new")
    replace(Derived, "more", 1)
    override(Derived, "method", lambda original: lambda self: original(self) + "!")
    override(Derived, "method", lambda original: lambda self: original(self) + "?")
    derived: Any = Derived()
    assert (derived.word, derived.more, derived.method()) == ("new", 1, "base!?")
    legacy.uninstall()
    assert not legacy.is_installed()
    assert (derived.word, derived.method()) == ("derived", "base")
    assert not hasattr(derived, "more")
    assert "method" not in vars(Derived)


def test_to_install_twice_does_nothing() -> None:
    from whirlwind.ioloop import IOLoop

    ours = vars(IOLoop)["_run_callback"]
    legacy.install()
    assert vars(IOLoop)["_run_callback"] is ours
    legacy.uninstall()
    assert vars(IOLoop)["_run_callback"] is not ours


def test_loops_go_on_without_them() -> None:
    from whirlwind.ioloop import IOLoop
    from whirlwind.testing import ExpectLog

    loop = IOLoop()
    try:
        legacy.uninstall()
        loop.add_callback(lambda: 1 // 0)
        loop.add_callback(loop.stop)
        with ExpectLog("whirlwind.application", "Exception in callback"):
            loop.start()
    finally:
        loop.close()


# --- the warnings -------------------------------------------------------------------------------


def use(kind: str) -> None:
    warning.warn(kind, "write something else")


def test_a_kind_of_use_is_warned_of_once() -> None:
    warning._told = set()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for kind in ("a", "b", "a"):
            use(kind)
    assert [str(each.message) for each in caught] == [
        f"{kind} is a form of Tornado 4: write something else" for kind in "ab"
    ]


def test_a_warning_points_at_the_line_of_the_program(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from whirlwind import stack_context, gen\n"
        "\n"
        "def use():\n"
        "    stack_context.StackContext(None)\n"
        "    stack_context.ExceptionStackContext(None)\n"
        "use()\n"
        "use()\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "always::DeprecationWarning", program],
        capture_output=True,
        text=True,
        check=True,
    )
    told = [line for line in done.stderr.splitlines() if "DeprecationWarning" in line]
    assert len(told) == 2
    assert told[0].startswith(f"{program}:4: DeprecationWarning: stack_context.StackContext is ")
    assert told[1].startswith(f"{program}:5: DeprecationWarning: stack_context.ExceptionStack")


def test_a_program_whose_folder_is_called_like_ours_is_not_ours() -> None:
    program = str(Path(whirlwind.__file__).parent.with_name("whirlwind_of_mine") / "program.py")
    warning._told = set()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(compile("\n\nwarn('a', 'b')", program, "exec"), {"warn": warning.warn})
    assert [(each.filename, each.lineno) for each in caught] == [(program, 3)]


def test_warnings_can_be_errors() -> None:
    warning._told = set()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DeprecationWarning, match="write something else"):
            use("a")


def test_the_module_has_its_documentation() -> None:
    for name in legacy.__all__:
        assert getattr(legacy, name).__doc__, name
    assert whirlwind.legacy is legacy


USES = """\
from whirlwind import concurrent, gen, ioloop, stack_context, testing, util, web
from contextlib import nullcontext
loop = ioloop.IOLoop.current()
Handler = type("Handler", (web.RequestHandler,), {"__init__": lambda self: None})
gen.engine(lambda: None)
gen.Task(lambda callback: callback())
gen.Callback("key")
gen.Wait("key")
gen.WaitAll(["key"])
class Point(gen.YieldPoint): pass
concurrent.return_future(lambda callback: callback())()
concurrent.TracebackFuture()
web.asynchronous(lambda self: None)
stack_context.StackContext(nullcontext)
stack_context.ExceptionStackContext(None)
stack_context.NullContext()
stack_context.wrap(print)
stack_context.run_with_stack_context(nullcontext(), int)
gen.coroutine(lambda: None)(callback=print)
loop.initialized()
loop.set_blocking_log_threshold(None)
util.u("")
testing.get_unused_port()
class Case(testing.LogTrapTestCase): pass
web.RequestHandler.clear_cookie(Handler(), "name", "/")
"""


def test_each_kind_of_use_is_warned_of_once_where_it_is(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(USES + USES)
    done = subprocess.run(
        [sys.executable, "-W", "always::DeprecationWarning", program],
        capture_output=True,
        text=True,
        check=False,
    )
    warned = [line for line in done.stderr.splitlines() if " is a form of Tornado 4: " in line]
    lines = [int(line.removeprefix(f"{program}:").partition(":")[0]) for line in warned]
    assert lines == list(range(5, 26)), done.stderr
    assert done.returncode == 0, done.stderr
