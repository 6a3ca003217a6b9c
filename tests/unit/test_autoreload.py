"""whirlwind.autoreload: programs that restart when their files change."""

import contextlib
import importlib.util
import json
import os
import queue
import subprocess
import sys
import textwrap
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import whirlwind
from whirlwind import autoreload, web
from whirlwind.autoreload import control, restart
from whirlwind.autoreload.files import SourceFiles
from whirlwind.autoreload.watcher import Watcher

#: A program that is silent this long hangs; a test that passes never waits for it.
PATIENCE = 60.0

#: Moments at which a program may have begun, in nanoseconds since the epoch.
LONG_AGO = 0
NEVER = 1 << 62


class Program:
    """A running Python program, whose lines of output are waited for."""

    def __init__(self, folder: Path, *command: str) -> None:
        source = Path(whirlwind.__file__).parents[1]
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(source),
                "PYTHONUNBUFFERED": "1",
                "PYTHONDONTWRITEBYTECODE": "",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip())
        self._lines.put("<end>")

    def says(self, expected: str) -> list[str]:
        """Wait for a line; give the lines before it."""
        before = []
        while True:
            line = self._lines.get(timeout=PATIENCE)
            if line == expected:
                return before
            assert line != "<end>", before
            before.append(line)

    def ends(self) -> tuple[int, list[str]]:
        """Wait for the end; give the status and the lines that were left."""
        lines = self.says("<end>")
        return self.process.wait(), lines


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    with contextlib.ExitStack() as stack:

        def run(*command: str) -> Program:
            program = Program(tmp_path, *command)
            stack.enter_context(program.process)
            stack.callback(program.process.kill)
            return program

        yield run


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], None]:
    """A function that writes a file as editors do: at once, and with a newer time each time."""
    count = 0

    def write(name: str, text: str) -> None:
        nonlocal count
        count += 1
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        new = path.with_name(f"{path.name}.new")
        new.write_text(textwrap.dedent(text))
        stamp = 1_700_000_000 + count
        os.utime(new, (stamp, stamp))
        os.replace(new, path)

    return write


# --- programs with a loop ----------------------------------------------------------------------

SERVER = """
    import asyncio, os, sys
    if "poll" in sys.argv:
        sys.modules["watchfiles"] = None
    from whirlwind import autoreload, ioloop, web
    import part

    autoreload.start(check_time=20)
    app = web.Application([], debug=True)
    autoreload.add_reload_hook(lambda: print("hook"))
    os.chdir("/")

    async def main():
        ioloop.IOLoop.current()  # as a server does
        print(part.text, os.getpid())
        await asyncio.Event().wait()

    if "ioloop" in sys.argv:
        ioloop.IOLoop.current().add_callback(main)
        ioloop.IOLoop.current().start()
    else:
        asyncio.run(main())
"""


@pytest.mark.parametrize("how", [("poll", "ioloop"), ("watchfiles", "asyncio")], ids="-".join)
def test_a_server_restarts_in_its_process(run: Any, write: Any, how: tuple[str, str]) -> None:
    if how[0] == "watchfiles":
        pytest.importorskip("watchfiles", reason="needs the package watchfiles")
    write("server.py", SERVER)
    write("part.py", "text = 'first'")
    program = run("-X", "utf8", "server.py", *how)
    program.says(f"first {program.process.pid}")
    write("part.py", "text = 'second, longer'")
    program.says("hook")
    program.says(f"second, longer {program.process.pid}")


def test_modules_that_are_imported_later_count(run: Any, write: Any) -> None:
    pytest.importorskip("watchfiles", reason="needs the package watchfiles")
    write("later/__init__.py", "")
    write("later/part.py", "text = 'first'")
    write(
        "server.py",
        """
        import asyncio, os, watchfiles
        from whirlwind import autoreload, ioloop

        watch, watched = watchfiles.watch, set()

        def note(*folders, **options):
            watched.update(map(os.path.basename, folders))
            return watch(*folders, **options)

        watchfiles.watch = note

        async def main():
            ioloop.IOLoop.current()
            autoreload.start()
            while not watched:
                await asyncio.sleep(0.01)
            import later.part
            while "later" not in watched:
                await asyncio.sleep(0.01)
            print(later.part.text)
            await asyncio.Event().wait()

        asyncio.run(main())
        """,
    )
    program = run("server.py")
    program.says("first")
    write("later/part.py", "text = 'second'")
    program.says("second")


def test_settings_of_an_application(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[float] = []
    monkeypatch.setattr(control._control, "start", begun.append)
    web.Application([])
    web.Application([], debug=True, autoreload=False)
    assert begun == []
    web.Application([], debug=True)
    web.Application([], autoreload=True)
    assert len(begun) == 2


# --- restarting --------------------------------------------------------------------------------


def test_the_command_is_the_whole_command(run: Any, write: Any) -> None:
    write(
        "again.py",
        """
        import os, signal, sys
        from whirlwind import autoreload

        def failing():
            raise ValueError("in a hook")

        print(sys.argv, sys.flags.utf8_mode, sys.warnoptions, os.getcwd() == __file__[:-9])
        if "AGAIN" in os.environ:
            sys.exit(7)
        os.environ["AGAIN"] = "1"
        signal.setitimer(signal.ITIMER_REAL, 0.2)  # would end the next program
        autoreload.add_reload_hook(failing)
        autoreload.add_reload_hook(lambda: print("hook", end=" "))
        os.chdir("/")
        autoreload._reload()
        """,
    )
    program = run("-X", "utf8", "-W", "error", "again.py", "-m", "--an", "argument")
    status, lines = program.ends()
    assert status == 7
    line = "['again.py', '-m', '--an', 'argument'] 1 ['error'] True"
    assert lines[0] == line
    assert lines[-1] == f"hook {line}"
    assert "ValueError: in a hook" in lines


def test_the_command_of_an_interpreter_inside_another_program(monkeypatch: Any) -> None:
    main = types.ModuleType("__main__")
    monkeypatch.setattr(sys, "orig_argv", [])
    monkeypatch.setattr(sys, "argv", ["/path/of/main.py", "a"])
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert restart._command() == [sys.executable, "/path/of/main.py", "a"]
    main.__spec__ = types.SimpleNamespace(name="package.main")  # type: ignore[assignment]
    assert restart._command() == [sys.executable, "-m", "package.main", "a"]


def test_workers_do_not_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[float] = []
    monkeypatch.setattr(control._control, "start", begun.append)
    with monkeypatch.context() as patch:
        patch.setattr("whirlwind.process.task_id", lambda: 0)
        autoreload.start()
    with monkeypatch.context() as patch:
        patch.setattr("multiprocessing.process.parent_process", lambda: object())
        autoreload.start()
    assert begun == []
    autoreload.start(100)
    assert begun == [100]


def test_it_starts_while_another_thread_imports_multiprocessing(run: Any, write: Any) -> None:
    write(
        "program.py",
        """
        import importlib.abc, importlib.machinery, sys, threading
        from whirlwind import autoreload

        class Half(importlib.machinery.SourceFileLoader):
            def exec_module(self, module):
                half.set()
                go_on.wait()
                super().exec_module(module)

        class Finder(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path, target=None):
                if name != "multiprocessing.process":
                    return None
                spec = importlib.machinery.PathFinder.find_spec(name, path)
                spec.loader = Half(name, spec.origin)
                return spec

        half, go_on = threading.Event(), threading.Event()
        sys.meta_path.insert(0, Finder())
        threading.Thread(target=__import__, args=("multiprocessing",)).start()
        half.wait()
        threading.Timer(0.1, go_on.set).start()
        autoreload.start()
        print("started")
        """,
    )
    status, lines = run("program.py").ends()
    assert (status, lines) == (0, ["started"])


def test_wait_restarts_at_the_next_change(run: Any, write: Any) -> None:
    write("part.py", "text = 'first'")
    write(
        "script.py",
        """
        from whirlwind import autoreload
        from whirlwind.autoreload.control import _control
        import part

        autoreload.watch("data.txt")
        wait = _control.wait
        _control.wait = lambda: (print("waiting"), wait())  # it watches already
        if part.text == "first":
            autoreload.wait()
        print("done")
        """,
    )
    program = run("script.py")
    program.says("waiting")
    write("data.txt", "not there before")
    program.says("waiting")
    write("part.py", "text = 'last'")
    assert program.ends() == (0, ["done"])


# --- the command -------------------------------------------------------------------------------

WRAPPER = ("-m", "whirlwind.autoreload")


def test_a_script_that_is_broken_runs_when_it_is_mended(run: Any, write: Any) -> None:
    write("script.py", "import part")
    write("part.py", "x = (")
    program = run(*WRAPPER, "--until-success", "script.py")
    before = program.says("Script exited with an exception; waiting for a change")
    assert before[0] == "Traceback (most recent call last):"
    assert before[1].startswith('  File "script.py", line 1')
    assert before[-1].startswith("SyntaxError: ")
    write("part.py", "import sys; sys.exit('not yet')")
    program.says("not yet")
    program.says("Script exited with status not yet")
    write("part.py", "1 / 0")
    program.says("ZeroDivisionError: division by zero")
    write("part.py", "print('good')")
    program.says("good")
    assert program.ends() == (0, [])


def test_a_script_that_is_not_there_yet(run: Any, write: Any) -> None:
    program = run(*WRAPPER, "script.py")
    program.says("Script exited with an exception; waiting for a change")
    write("script.py", "print('here')")
    program.says("here")


def test_modules_folders_and_arguments(run: Any, write: Any) -> None:
    text = "import sys; print(__name__, __spec__ and __spec__.name, sys.argv[1:]); import beside"
    write("folder/__main__.py", text)
    write("folder/beside.py", "print('beside')")
    write("package/__init__.py", "")
    write("package/__main__.py", text.replace("import beside", "print('package')"))
    for command, spec, arguments, last in (
        (
            ("folder/__main__.py", "-m", "--until-success"),
            None,
            ["-m", "--until-success"],
            "beside",
        ),
        (("folder", "-x"), "__main__", ["-x"], "beside"),
        (
            ("-m", "package", "--an", "argument"),
            "package.__main__",
            ["--an", "argument"],
            "package",
        ),
        (("-mpackage", "--until-success"), "package.__main__", [], "package"),
    ):
        program = run(*WRAPPER, "--until-success", *command)
        assert program.ends() == (0, [f"__main__ {spec} {arguments}", last])


def test_s08_the_command_does_not_put_its_own_modules_in_the_way(run: Any, write: Any) -> None:
    write(
        "script.py",
        """
        import importlib.util, sys
        print([importlib.util.find_spec(name) for name in ("control", "restart", "watcher")])
        import sub.util
        print(sub.util.text)
        """,
    )
    write("sub/util.py", "text = 'from the package'")
    folder = str(Path(autoreload.__file__).parent)
    for wrapper in (WRAPPER, (folder,)):
        program = run(*wrapper, "--until-success", "script.py")
        assert program.ends() == (0, ["[None, None, None]", "from the package"])


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ((), "error: name a script, or a module with -m"),
        (("-m",), "error: -m needs a module"),
        (("--nonsense", "script.py"), "error: there is no option --nonsense"),
    ],
)
def test_wrong_use(
    args: tuple[str, ...], complaint: str, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["autoreload", *args])
    with pytest.raises(SystemExit) as ended:
        autoreload.main()
    assert ended.value.code == 2
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "usage: python -m whirlwind.autoreload [--until-success] path [argument ...]"
    assert told[-1] == complaint


def test_help(monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["autoreload", "--help"])
    with pytest.raises(SystemExit) as ended:
        autoreload.main()
    assert ended.value.code == 0
    assert "stop once the script ends with status 0" in capsys.readouterr().out


# --- changes between the import and the first look ----------------------------------------------

# Each run writes what the next one is to see, after it has read it itself.
HASTY = """
    import asyncio, os, sys
    if "poll" in sys.argv:
        sys.modules["watchfiles"] = None
    from whirlwind import autoreload, ioloop
    import part

    def save(name, text):
        with open(name + ".new", "w") as file:
            file.write(text)
        os.replace(name + ".new", name)

    if part.number < 3:
        save("part.py", f"number = {part.number + 1}" + " " * part.number)
    autoreload.start()

    async def main():
        ioloop.IOLoop.current()
        print("number", part.number)
        await asyncio.Event().wait()

    asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["poll", "watchfiles"])
def test_a_module_that_changes_while_the_program_starts(run: Any, write: Any, how: str) -> None:
    if how == "watchfiles":
        pytest.importorskip("watchfiles", reason="needs the package watchfiles")
    write("server.py", HASTY)
    write("part.py", "number = 1")
    program = run("server.py", how)
    program.says("number 2")
    program.says("number 3")


def test_a_script_that_changes_while_it_starts(run: Any, write: Any) -> None:
    script = """
        import sys
        from whirlwind import autoreload
        print("first")
        with open(__file__, "w") as file:
            file.write("print('second')")
        autoreload.wait()
    """
    write("script.py", script)
    program = run("script.py")
    program.says("first")
    program.says("second")
    assert program.ends() == (0, [])


def test_a_broken_module_that_is_mended_at_once(run: Any, write: Any, tmp_path: Path) -> None:
    write("part.py", "this is no Python")
    write(
        "script.py",
        """
        try:
            import part
        except SyntaxError:
            with open("part.py", "w") as file:
                file.write("print('mended')")
            raise
        """,
    )
    program = run("-m", "whirlwind.autoreload", "--until-success", "script.py")
    program.says("mended")
    assert program.ends()[0] == 0


def imported(path: Path, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Import a module, with bytecode."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_bytecode_tells_what_was_imported(
    tmp_path: Path, modules: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one.py"
    path.write_text("written by the program itself")
    path.write_text("a = 1  # and again")
    modules["one"] = imported(path, monkeypatch)
    assert SourceFiles(LONG_AGO, {}).changed() is None
    path.write_text("a = 22  # and again")
    assert SourceFiles(NEVER, {}).changed() is None  # it was there before the program
    # As far as can be told: the program may write it each time it starts.
    doubted: dict[str, int] = {}
    for count in (1, 2, 3):
        files = SourceFiles(LONG_AGO, doubted)
        assert files.changed() == str(path)
        assert files.changed() is None
        doubted = files.doubted
        assert doubted == {str(path): count}
    assert SourceFiles(LONG_AGO, doubted).changed() is None


@pytest.mark.parametrize("bytecode", ["none", "short", "by hash"])
def test_without_bytecode_there_is_one_restart(
    tmp_path: Path, modules: dict[str, Any], monkeypatch: pytest.MonkeyPatch, bytecode: str
) -> None:
    paths = [tmp_path / "one.py", tmp_path / "two.py"]
    for path in paths:
        path.write_text("")
        modules[path.stem] = made = imported(path, monkeypatch)
        assert made.__spec__ is not None
        cached = Path(made.__spec__.cached or "")
        if bytecode == "none":
            cached.unlink()
        elif bytecode == "short":
            cached.write_bytes(b"")
        else:
            head = cached.read_bytes()
            cached.write_bytes(head[:4] + b"\1" + head[5:])
    files = SourceFiles(LONG_AGO, {})
    assert files.changed() in map(str, paths)
    assert files.doubted == dict.fromkeys(map(str, paths), 1)
    # The next process writes them again as it starts.
    after = SourceFiles(LONG_AGO, files.doubted)
    assert after.changed() is None
    paths[0].write_text("longer")
    assert after.changed() == str(paths[0])
    assert after.doubted == {str(paths[1]): 1}


def test_files_of_the_future_are_not_new(
    tmp_path: Path, modules: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one.py"
    path.write_text("")
    os.utime(path, ns=(NEVER, NEVER))
    modules["one"] = module(path)
    assert SourceFiles(LONG_AGO, {}).changed() is None


def test_what_a_process_leaves_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(pid: int) -> restart.Origin:
        monkeypatch.setenv(restart._VARIABLE, json.dumps([pid, 5, {"/a": 1}]))
        origin = restart._find_origin()
        assert restart._VARIABLE not in os.environ
        return origin

    assert found(os.getpid()) == (5, {"/a": 1})
    assert found(0) == restart._find_origin() == (whirlwind._began, {})


# --- files -------------------------------------------------------------------------------------


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What stands in for ``sys.modules``."""
    found: dict[str, Any] = {}
    monkeypatch.setattr(
        "whirlwind.autoreload.files.sys",
        types.SimpleNamespace(modules=found, dont_write_bytecode=False),
    )
    return found


def module(path: Path | str) -> types.ModuleType:
    made = types.ModuleType("some")
    made.__file__ = str(path)
    return made


def test_changes_of_modules(tmp_path: Path, write: Any, modules: dict[str, Any]) -> None:
    write("one.py", "")
    modules["one"] = module(tmp_path / "one.py")
    files = SourceFiles(NEVER, {})
    assert files.changed() is None
    assert files.module_count == 1
    write("one.py", "longer")
    assert files.changed() == str(tmp_path / "one.py")
    assert files.changed() is None
    (tmp_path / "one.py").unlink()
    assert files.changed() is None
    write("one.py", "back")
    assert files.changed() == str(tmp_path / "one.py")
    write("two.py", "")
    modules["two"] = module(tmp_path / "two.pyc")
    assert files.changed() is None
    write("two.py", "x")
    assert files.changed() == str(tmp_path / "two.py")
    assert files.folders() == {str(tmp_path)}
    assert str(tmp_path / "one.py") in files
    assert str(tmp_path / "three.py") not in files


def test_modules_without_files(modules: dict[str, Any]) -> None:
    class Anything:
        __file__ = "not looked at"

    odd = types.ModuleType("odd")
    odd.__file__ = None
    modules.update(builtin=types.ModuleType("b"), odd=odd, anything=Anything(), none=None)
    modules["zipped"] = module("/nowhere/archive.zip/part.py")
    files = SourceFiles(NEVER, {})
    assert files.changed() is None
    assert files.folders() == set()


def test_named_files_and_folders(tmp_path: Path, write: Any, modules: dict[str, Any]) -> None:
    files = SourceFiles(NEVER, {})
    (tmp_path / "folder").mkdir()
    files.add(str(tmp_path / "later.txt"))
    files.add(str(tmp_path / "folder"))
    assert files.changed() is None
    write("later.txt", "")
    assert files.changed() == str(tmp_path / "later.txt")
    write("folder/new.txt", "")
    assert files.changed() == str(tmp_path / "folder")
    assert files.changed() is None
    assert files.folders() == {str(tmp_path), str(tmp_path / "folder")}
    assert str(tmp_path / "folder/other.txt") in files


def test_links_to_folders(tmp_path: Path, write: Any, modules: dict[str, Any]) -> None:
    write("real/one.py", "")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    modules["one"] = module(tmp_path / "link/one.py")
    files = SourceFiles(NEVER, {})
    files.changed()
    assert files.folders() == {str(tmp_path / "real")}


def test_where_the_system_can_not_watch_files_are_looked_at(
    tmp_path: Path, write: Any, modules: dict[str, Any], monkeypatch: Any
) -> None:
    def watch(*folders: str, **options: Any) -> Any:
        raise OSError("too many watches")

    class Enough(BaseException):
        pass

    found: list[str] = []
    monkeypatch.setitem(sys.modules, "watchfiles", types.SimpleNamespace(watch=watch))
    write("one.py", "")
    modules["one"] = module(tmp_path / "one.py")
    watcher = Watcher(found.append)
    watcher.check_time = 10

    def sleep(seconds: float) -> None:
        assert seconds == 0.01
        if len(found) == 3:
            raise Enough
        write("one.py", "x" * len(found))

    monkeypatch.setattr("whirlwind.autoreload.watcher.time", types.SimpleNamespace(sleep=sleep))
    watcher.files.changed()
    with pytest.raises(Enough):
        watcher._work()
    assert found == [str(tmp_path / "one.py")] * 3


def test_one_thread_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []
    monkeypatch.setattr(Watcher, "_work", lambda self: begun.append(self))
    watcher = Watcher(lambda path: None)
    watcher.begin()
    watcher.begin()
    assert begun == [watcher]
    monkeypatch.setattr(os, "getpid", lambda: -1)  # as in a forked child
    watcher.begin()
    assert begun == [watcher, watcher]
