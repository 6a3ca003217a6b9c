"""Whirlwind under Tornado's name: every case in a process of its own, as it changes the process."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from whirlwind import implementation

SOURCE = Path(__file__).parent.parent.parent / "src"
STARTUP = str(SOURCE / "whirlwind/as_tornado/startup")
MAIN = ("-m", "whirlwind.as_tornado")


def python(
    *arguments: object, path: tuple[object, ...] = (), status: int = 0, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run Python with the package on its path.

    :arg path: folders before the package's.
    :arg status: what it must end with.
    :arg options: environment variables; ``cwd`` is the folder to run in.
    """
    variables = {key: value for key, value in os.environ.items() if key != "WHIRLWIND_AS_TORNADO"}
    variables["PYTHONPATH"] = os.pathsep.join(map(str, [*path, SOURCE]))
    cwd = options.pop("cwd", None)
    variables.update(options)
    command = [sys.executable, "-W", "error", *map(str, arguments)]
    done = subprocess.run(
        command, env=variables, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == status, done.stderr
    return done


def told(code: str, **options: Any) -> list[str]:
    """The lines that code prints after ``install_as_tornado()``."""
    installed = f"import sys, whirlwind\nwhirlwind.install_as_tornado()\n{code}"
    return python("-c", installed, **options).stdout.splitlines()


@pytest.fixture
def real(tmp_path) -> Path:
    """A folder with something else that is called tornado, and that says so when it is imported."""
    package = tmp_path / "real/tornado"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("version = 'real'\nprint('real tornado')\n")
    (package / "log.py").write_text("print('real tornado.log')\n")
    (package / "only_there.py").touch()
    return package.parent


class TestOneModuleUnderTwoNames:
    """Modules that Tornado has are registered under both names when they are loaded by either."""

    @pytest.mark.parametrize("first", ["whirlwind", "tornado"])
    def test_whichever_comes_first(self, first: str) -> None:
        second = {"whirlwind": "tornado", "tornado": "whirlwind"}[first]
        code = f"""
import importlib
for name in ("util", "protocol.http1", "web", "platform.asyncio"):
    module = importlib.import_module("{first}." + name)
    assert name[:8] == "protocol" or sys.modules["{second}." + name] is module, name
    assert importlib.import_module("{second}." + name) is module, name
    assert module.__name__ == module.__spec__.name == "whirlwind." + name
    assert "whirlwind" not in type(module.__loader__).__module__
    assert module.__spec__.loader is module.__loader__
import tornado.web, tornado.platform.asyncio
print(whirlwind is tornado, tornado.platform.asyncio is module)
print(tornado.protocol.http1.__loader__)
"""
        lines = told(code)
        assert lines[0] == "True True"
        assert ("ExtensionFileLoader" in lines[1]) == (implementation() == "compiled")

    @pytest.mark.parametrize("before", ["", "import whirlwind.web, whirlwind.websocket"])
    def test_names_that_modules_show_of_their_neighbours(self, before: str) -> None:
        code = """
import tornado.web, tornado.log, tornado.gen, tornado.websocket, unittest.mock
assert tornado.web.app_log is tornado.log.app_log
with unittest.mock.patch("tornado.web.app_log.error") as error:
    tornado.log.app_log.error("caught")
print(error.call_count)
from tornado.web import HTTPServer, gen
from tornado.httpserver import HTTPServer as the_same
assert gen is tornado.gen and HTTPServer is the_same
from tornado.websocket import websocket_connect, gen_log
missing = [(tornado.web, "nothing"), (tornado.websocket, "nothing"), (tornado.gen, "web")]
for module, name in missing:
    try:
        getattr(module, name)
    except AttributeError as error:
        print(error)
"""
        installed = f"{before}\nimport whirlwind\nwhirlwind.install_as_tornado()\n{code}"
        assert python("-c", installed).stdout.splitlines() == [
            "1",
            "module 'whirlwind.web' has no attribute 'nothing'",
            "module 'whirlwind.websocket' has no attribute 'nothing'",
            "module 'whirlwind.gen' has no attribute 'web'",
        ]

    def test_names_that_modules_show_of_the_standard_library(self) -> None:
        code = """
import http.client, os, time, typing, unittest.mock, urllib.parse
from tornado.httputil import responses, urlencode
from tornado.web import Optional, os as the_same
assert urlencode is urllib.parse.urlencode and responses is http.client.responses
assert Optional is typing.Optional and the_same is os
import tornado.auth, tornado.gen, tornado.platform.asyncio, tornado.web
with unittest.mock.patch("tornado.auth.time.time", return_value=3):
    print(time.time())
print(tornado.web.tornado is tornado, tornado.gen.engine is not None)
for module, name in [(tornado.web, "heapq"), (tornado.platform.asyncio, "tornado")]:
    try:
        getattr(module, name)
    except AttributeError as error:
        print(error)
"""
        assert told(code) == [
            "3",
            "True True",
            "module 'whirlwind.web' has no attribute 'heapq'",
            "module 'whirlwind.platform.asyncio' has no attribute 'tornado'",
        ]

    def test_private_names_that_programs_import(self) -> None:
        code = """
import errno, tornado.escape, tornado.log, tornado.options, tornado.simple_httpclient, tornado.web
from tornado.iostream import _ERRNO_CONNRESET
from tornado.routing import _RuleList, _unquote_or_none
from tornado.web import _ARG_DEFAULT, _ApplicationRouter, _ArgDefaultMarker
from tornado.web import _has_stream_request_body, RequestHandler, stream_request_body
streaming = stream_request_body(type("Streaming", (RequestHandler,), {}))
assert _has_stream_request_body(streaming) and not _has_stream_request_body(RequestHandler)
assert tornado.web._RuleList is _RuleList
for module in (tornado.log, tornado.options, tornado.simple_httpclient, tornado.web):
    assert module._unicode is tornado.escape._unicode
assert isinstance(_ARG_DEFAULT, _ArgDefaultMarker)
assert isinstance(tornado.web.Application().default_router, _ApplicationRouter)
print(_unquote_or_none("a%20b"), _unquote_or_none(None))
print(errno.EPIPE in _ERRNO_CONNRESET, errno.EAGAIN in _ERRNO_CONNRESET)
"""
        assert told(code) == ["b'a b' None", "True False"]

    def test_modules_loaded_before(self) -> None:
        code = """
import sys, whirlwind, whirlwind.web, whirlwind.platform.asyncio
whirlwind.install_as_tornado()
import tornado.web, tornado.platform.asyncio
assert tornado.web is whirlwind.web
assert tornado.platform.asyncio is whirlwind.platform.asyncio
print(tornado.web.ErrorHandler)
"""
        assert python("-c", code).stdout == "<class 'tornado.web.ErrorHandler'>\n"

    @pytest.mark.parametrize(
        "statement",
        [
            "from tornado import log",
            "import tornado.log as log",
            "import tornado; log = tornado.log",
        ],
    )
    def test_every_form_of_import(self, statement: str) -> None:
        code = f"""
{statement}
import whirlwind.log
print(log is whirlwind.log, 'tornado.log' in sys.modules)
"""
        assert told(code) == ["True True"]

    def test_nothing_is_imported_that_is_not_asked_for(self) -> None:
        code = """
import tornado
names = [name for name in sys.modules if name.startswith("tornado.") and name[8:9] != "_"]
print([name for name in names if not name.startswith("tornado.as_tornado")])
print([name for name in ("asyncio", "logging", "importlib.metadata") if name in sys.modules])
"""
        assert told(code) == ["[]", "[]"]

    def test_a_program_may_forget_and_import_again(self) -> None:
        code = """
import tornado.log
was = sys.modules.pop("tornado.log")
import tornado.log
print(tornado.log is was, tornado.log.__spec__.name)
"""
        assert told(code) == ["True whirlwind.log"]

    def test_reload_keeps_one_object(self) -> None:
        code = """
import importlib, tornado.log
was = tornado.log
print(importlib.reload(tornado.log) is was, sys.modules["tornado.log"] is was)
print(tornado.log.LogFormatter.__module__)
"""
        assert told(code) == ["True True", "tornado.log"]

    def test_a_module_that_fails_is_under_neither_name(self, tmp_path) -> None:
        (tmp_path / "broken.py").write_text("import tornado.broken\nraise RuntimeError('broken')\n")
        code = f"""
whirlwind.__path__.append({str(tmp_path)!r})
for name in ("tornado.broken", "whirlwind.broken"):
    try:
        __import__(name)
    except RuntimeError as error:
        print(error)
print([name for name in sys.modules if name.endswith(".broken")])
"""
        assert told(code) == ["broken", "broken", "[]"]

    def test_threads_that_import_by_both_names(self) -> None:
        code = """
import threading
sys.setswitchinterval(0.0001)
names = ["tornado.web", "whirlwind.web", "tornado.iostream", "whirlwind.httputil"] * 4
start = threading.Barrier(len(names))
def load(name):
    start.wait()
    __import__(name)
threads = [threading.Thread(target=load, args=(name,)) for name in names]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(all(sys.modules[n] is sys.modules["whirlwind" + n[7:]] for n in names if n[0] == "t"))
"""
        assert told(code) == ["True"]

    def test_installing_again_does_nothing(self) -> None:
        code = """
import os
before = len(sys.meta_path), os.environ["PYTHONPATH"]
whirlwind.install_as_tornado()
print(before == (len(sys.meta_path), os.environ["PYTHONPATH"]))
"""
        assert told(code) == ["True"]


class TestTheRealOne:
    def test_beside_is_never_imported(self, real) -> None:
        code = """
import tornado.log
print(tornado.version, tornado.log is whirlwind.log)
"""
        assert told(code, path=(real,)) == ["6.6.1 True"]

    def test_a_module_we_lack_is_not_taken_from_it(self, real) -> None:
        code = """
import importlib.util
sys.meta_path.append(type("Everything", (), {"find_spec": staticmethod(
    lambda name, path=None, target=None: print("asked for", name))}))
for name in ("tornado.only_there", "tornado.no.such"):
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        print(error.name, "|", error)
try:
    from tornado import only_there
except ImportError as error:
    print(type(error).__name__)
"""
        lines = [line for line in told(code, path=(real,)) if "asked for whirlwind" not in line]
        assert lines == [
            "tornado.only_there | No module named 'tornado.only_there': Whirlwind stands in for "
            "Tornado here, and it has no module 'only_there'.",
            "tornado.no | No module named 'tornado.no': Whirlwind stands in for Tornado here, and "
            "it has no module 'no'.",
            "ImportError",
        ]

    def test_already_imported_is_an_error_that_helps(self, real) -> None:
        code = "import tornado, whirlwind\nwhirlwind.install_as_tornado()"
        last = python("-c", code, path=(real,), status=1).stderr.splitlines()[-1]
        assert last == (
            f"RuntimeError: Tornado has already been imported, from {real}/tornado/__init__.py. "
            "Call whirlwind.install_as_tornado() before the first import of tornado, or start the "
            "program with: python -m whirlwind.as_tornado"
        )

    def test_without_installing_it_is_what_tornado_means(self, real) -> None:
        code = "import whirlwind.log, tornado; print(tornado.version, whirlwind.log.LogFormatter)"
        lines = python("-c", code, path=(real,)).stdout.splitlines()
        assert lines == ["real tornado", "real <class 'whirlwind.log.LogFormatter'>"]

    def test_a_package_of_the_program_inside_is_left_alone(self, tmp_path) -> None:
        (tmp_path / "part.py").write_text("print(__name__)")
        code = f"""
import types
sys.modules["tornado.test"] = package = types.ModuleType("tornado.test")
package.__path__ = [{str(tmp_path)!r}]
import tornado.test.part
"""
        assert told(code) == ["tornado.test.part"]


class TestWhatProgramsAsk:
    def test_version(self) -> None:
        code = """
import tornado, importlib.metadata as metadata, re, whirlwind
print(tornado.version, tornado.version_info, tornado.version_info >= (6, 5))
print(metadata.version("tornado"), metadata.version("Tornado"))
print(metadata.distribution("tornado").metadata["Name"], metadata.distribution("tornado").files)
print([d.name for d in metadata.distributions(path=["/"])])
print(whirlwind.__version__ != tornado.version)
"""
        assert told(code) == [
            "6.6.1 (6, 6, 1, 0) True",
            "6.6.1 6.6.1",
            "tornado None",
            "[]",
            "True",
        ]

    def test_all_names_modules_that_can_be_imported(self) -> None:
        code = """
import importlib, tornado
for name in tornado.__all__:
    try:
        importlib.import_module("tornado." + name)
    except ModuleNotFoundError as error:
        # An optional package that is not installed.
        if (name, error.name) != ("curl_httpclient", "pycurl"):
            raise
print("tornado.web" in sys.modules)
"""
        assert told(code) == ["True"]

    def test_class_paths(self) -> None:
        code = """
from tornado.util import import_object
from tornado.web import Application, ErrorHandler
print(import_object("tornado.web.ErrorHandler") is ErrorHandler)
print(f"{ErrorHandler.__module__}.{ErrorHandler.__qualname__}")
app = Application([("/", "tornado.web.ErrorHandler", {"status_code": 404})],
                  default_handler_class=import_object("tornado.web.ErrorHandler"))
from tornado.iostream import StreamClosedError
print(StreamClosedError, repr(StreamClosedError().__class__.__module__))
"""
        assert told(code) == [
            "True",
            "tornado.web.ErrorHandler",
            "<class 'tornado.iostream.StreamClosedError'> 'tornado.iostream'",
        ]

    def test_pickles_by_either_name(self) -> None:
        code = """
import pickle
from tornado.httputil import HTTPFile
from tornado.util import ObjectDict
value = ObjectDict(a=1)
data = pickle.dumps(value, 0)
ours, theirs = data.replace(b"tornado.", b"whirlwind."), data.replace(b"whirlwind.", b"tornado.")
print(ours != theirs, b"tornado.util" in data)
print([type(pickle.loads(d)) is ObjectDict for d in (ours, theirs)])
"""
        assert told(code) == ["True True", "[True, True]"]

    def test_pickles_are_tornados_both_ways(self) -> None:
        code = """
import pickle
from tornado.httpclient import HTTPRequest, HTTPResponse
from tornado.httputil import HTTPHeaders
from tornado.web import HTTPError
headers = HTTPHeaders({"A-B": "b"})
headers.add("a-b", "c")
response = HTTPResponse(HTTPRequest("http://x/", headers=headers), 200, headers=headers)
for protocol in (0, 2, 5):
    for value in (headers, response, HTTPError(404, "no %s", "x")):
        data = pickle.dumps(value, protocol)
        print(b"whirlwind" in data, type(pickle.loads(data)) is type(value))
def of_tornado(*state):
    data = b"ctornado.httputil\\nHTTPHeaders\\n)\\x81}("
    for name, value in state:
        data += b"X" + bytes([len(name), 0, 0, 0]) + name + value
    return pickle.loads(data + b"ub.")
lists = b"}X\\x03\\0\\0\\0A-B](X\\1\\0\\0\\0bX\\1\\0\\0\\0ces"
for state in (
    [(b"_as_list", lists), (b"_combined_cache", b"}"), (b"note", b"K\\7")],
    [(b"_dict", b"}"), (b"_as_list", lists), (b"_last_key", b"N"), (b"note", b"K\\7")],
):
    read = of_tornado(*state)
    print(list(read.get_all()), read["A-b"], read.note)
    read["C"] = "d"
    print(sorted(read), hasattr(read, "_as_list"))
"""
        assert told(code) == [
            *["False True"] * 9,
            *["[('A-B', 'b'), ('A-B', 'c')] b,c 7", "['A-B', 'C'] False"] * 2,
        ]

    def test_an_exception_is_caught_by_either_name(self) -> None:
        code = """
import tornado.web, whirlwind.web
try:
    raise whirlwind.web.HTTPError(404)
except tornado.web.HTTPError as error:
    print(error.status_code)
"""
        assert told(code) == ["404"]


class TestLoggers:
    NAMES = """
import logging, tornado.log as log
print(log.access_log.name, log.app_log.name, log.gen_log.name)
print(logging.getLogger("tornado.access") is log.access_log,
      logging.getLogger("tornado.application") is log.app_log,
      logging.getLogger("tornado.general") is log.gen_log)
print([n for n in logging.root.manager.loggerDict if n.startswith("whirlwind")])
"""

    EXPECTED = ["tornado.access tornado.application tornado.general", "True True True", "[]"]

    def test_names(self) -> None:
        assert told(self.NAMES) == self.EXPECTED

    def test_names_when_the_loggers_are_there_already(self) -> None:
        code = f"import whirlwind.log, whirlwind\nwhirlwind.install_as_tornado()\n{self.NAMES}"
        assert python("-c", code).stdout.splitlines() == self.EXPECTED

    def test_ours_without_the_alias(self) -> None:
        code = "import whirlwind.log as log; print(log.access_log.name, log.gen_log.name)"
        assert python("-c", code).stdout == "whirlwind.access whirlwind.general\n"

    @pytest.mark.parametrize("loaded", [True, False], ids=["log loaded first", "log loaded after"])
    def test_settings_made_before_are_kept(self, loaded: bool) -> None:
        code = f"""
import logging, sys
if {loaded}:
    import whirlwind.log
    logging.getLogger("whirlwind").setLevel(logging.ERROR)
held = logging.getLogger("tornado.general")
held.setLevel(logging.DEBUG)
held.addHandler(logging.StreamHandler(sys.stdout))
access = logging.getLogger("tornado.access")
access.propagate = False
import whirlwind
whirlwind.install_as_tornado()
from tornado.log import access_log, gen_log
gen_log.debug("heard")
print(access_log.propagate, access_log.getEffectiveLevel() == logging.ERROR)
held.setLevel(logging.CRITICAL)
gen_log.error("not heard")
logging.getLogger("tornado").setLevel(logging.CRITICAL)
print(access_log.isEnabledFor(logging.ERROR), access_log.parent.name)
logging.getLogger("whirlwind")
print(access_log.parent.name)
"""
        lines = python("-c", code).stdout.splitlines()
        assert lines == ["heard", f"False {loaded}", "False tornado", "tornado"]

    def test_logging_config_reaches_them_and_does_not_disable_them(self) -> None:
        code = """
import whirlwind.log, whirlwind
whirlwind.install_as_tornado()
import logging.config
logging.config.dictConfig({"version": 1, "loggers": {
    "tornado.access": {"level": "ERROR"}, "tornado.general": {"level": "INFO"}}})
from tornado.log import access_log, app_log, gen_log
print(access_log.level, access_log.disabled, gen_log.disabled, app_log.disabled)
"""
        assert python("-c", code).stdout == "40 False False True\n"


CHILD = """
import tornado
from tornado.log import gen_log
print(tornado.__name__, tornado.version, gen_log.name)
"""


class TestChildren:
    def test_inherit_it(self) -> None:
        code = f"import subprocess\nsubprocess.run([sys.executable, '-c', {CHILD!r}], check=True)"
        assert told(code) == ["whirlwind 6.6.1 tornado.general"]

    def test_and_their_children(self) -> None:
        nested = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {CHILD!r}])"
        code = f"import subprocess\nsubprocess.run([sys.executable, '-c', {nested!r}])"
        assert told(code) == ["whirlwind 6.6.1 tornado.general"]

    def test_modules_run_by_name_are_ours(self, real) -> None:
        code = """
import subprocess
child = subprocess.run([sys.executable, "-m", "tornado.log"], capture_output=True, text=True)
print(child.returncode, repr(child.stdout))
child = subprocess.run([sys.executable, "-m", "tornado.only_there"], capture_output=True, text=True)
print(child.returncode, "stands in for Tornado" in child.stderr)
"""
        assert told(code, path=(real,)) == ["0 ''", "1 True"]

    def test_see_nothing_of_the_hook(self) -> None:
        code = """
import subprocess
child = "import sys; print([p for p in sys.path if 'startup' in p])"
subprocess.run([sys.executable, "-c", child])
"""
        assert told(code) == ["[]"]

    def test_run_the_sitecustomize_that_is_hidden(self, tmp_path) -> None:
        (tmp_path / "sitecustomize.py").write_text(
            "import os\n"
            "if os.environ.get('WHIRLWIND_AS_TORNADO'):\n"
            "    import tornado\n"
            "    kept = tornado.version\n"
        )
        child = "import sitecustomize; print(sitecustomize.kept)"
        code = f"import subprocess\nsubprocess.run([sys.executable, '-c', {child!r}])"
        assert told(code, path=(tmp_path,)) == ["6.6.1"]

    def test_multiprocessing_starts_them_too(self, tmp_path) -> None:
        script = tmp_path / "script.py"
        script.write_text(
            "import multiprocessing\n"
            "from tornado.log import LogFormatter\n"
            "def work(value):\n"
            "    import tornado\n"
            "    return type(value) is LogFormatter, tornado.__name__\n"
            "if __name__ == '__main__':\n"
            "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
            "        print(pool.apply(work, [LogFormatter(color=False)]))\n"
            "        pool.close()\n"
            "        pool.join()\n"
        )
        assert python(*MAIN, script).stdout == "(True, 'whirlwind')\n"

    def test_not_when_the_program_says_so(self, real) -> None:
        code = f"""
import os, subprocess, sys, whirlwind
before = os.environ["PYTHONPATH"]
whirlwind.install_as_tornado(children=False)
assert os.environ["PYTHONPATH"] == before
subprocess.run([sys.executable, "-c", "import tornado"])
whirlwind.install_as_tornado()
assert os.environ["PYTHONPATH"] == {STARTUP!r} + os.pathsep + before
subprocess.run([sys.executable, "-c", "import tornado"],
               env={{**os.environ, "WHIRLWIND_AS_TORNADO": "0"}})
"""
        assert python("-c", code, path=(real,)).stdout.splitlines() == ["real tornado"] * 2

    @pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="needs a virtual environment")
    def test_not_an_interpreter_without_whirlwind(self, real) -> None:
        done = subprocess.run(
            [sys._base_executable, "-s", "-c", "import tornado"],  # type: ignore[attr-defined]
            env={"PYTHONPATH": os.pathsep.join([STARTUP, str(real)]), "WHIRLWIND_AS_TORNADO": "1"},
            capture_output=True,
            text=True,
        )
        assert (done.stdout, done.stderr) == ("real tornado\n", "")

    @pytest.mark.parametrize("flag", ["-I", "-E", "-S"])
    def test_not_with_flags_that_skip_start_up_hooks(self, flag: str) -> None:
        code = f"""
import subprocess
print(subprocess.run([sys.executable, "{flag}", "-c", "import tornado"], capture_output=True,
                     text=True).stderr.splitlines()[-1])
"""
        assert told(code) in (
            ["ModuleNotFoundError: No module named 'tornado'"],
            [],  # a Tornado is installed for this Python
        )


SCRIPT = """
import sys
import tornado.log
import __main__
print(tornado.log.__name__, __name__, sys.argv, sys.path[0], __file__)
print(__main__.__dict__ is globals(), sorted(k for k in globals() if k[0] != "_"))
print(__spec__ and __spec__.name)
"""


class TestRunning:
    def test_a_script(self, tmp_path) -> None:
        script = tmp_path / "folder/script.py"
        script.parent.mkdir()
        script.write_text(SCRIPT)
        link = tmp_path / "link.py"
        link.symlink_to(script)
        for path in (script, link):
            assert python(*MAIN, path, "-x", "--port=1").stdout.splitlines() == [
                f"whirlwind.log __main__ ['{path}', '-x', '--port=1'] {script.parent} {path}",
                "True ['sys', 'tornado']",
                "None",
            ]

    def test_a_script_by_a_relative_path(self, tmp_path) -> None:
        (tmp_path / "script.py").write_text(SCRIPT + "print((lambda: 0).__code__.co_filename)")
        lines = python(*MAIN, "script.py", cwd=tmp_path).stdout.splitlines()
        script = tmp_path / "script.py"
        assert lines[0] == f"whirlwind.log __main__ ['script.py'] {tmp_path} {script}"
        assert lines[-1] == str(script)

    def test_a_module(self, tmp_path) -> None:
        (tmp_path / "program.py").write_text(SCRIPT)
        lines = python(*MAIN, "-m", "program", "-m", "x", cwd=tmp_path).stdout.splitlines()
        file = tmp_path / "program.py"
        assert lines == [
            f"whirlwind.log __main__ ['{file}', '-m', 'x'] {tmp_path} {file}",
            "True ['sys', 'tornado']",
            "program",
        ]

    def test_a_package(self, tmp_path) -> None:
        package = tmp_path / "program"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "beside.py").touch()
        (package / "__main__.py").write_text(f"from . import beside\n{SCRIPT}")
        lines = python(*MAIN, "-m", "program", cwd=tmp_path).stdout.splitlines()
        assert lines[0].endswith(
            f"['{package / '__main__.py'}'] {tmp_path} {package / '__main__.py'}"
        )
        assert lines[2] == "program.__main__"

    def test_a_command(self) -> None:
        code = "import sys, tornado; print(tornado.__name__, sys.argv, [sys.path[0]])"
        assert python(*MAIN, "-c", code, "a", "-c").stdout == "whirlwind ['-c', 'a', '-c'] ['']\n"

    def test_a_folder_and_a_zip_file(self, tmp_path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        (folder / "__main__.py").write_text(SCRIPT)
        packed = tmp_path / "program.zip"
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(folder / "__main__.py", "__main__.py")
        for path in (folder, packed):
            lines = python(*MAIN, path, "x").stdout.splitlines()
            assert lines[0] == (
                f"whirlwind.log __main__ ['{path}', 'x'] {path} {path / '__main__.py'}"
            )

    def test_compiled_to_bytecode(self, tmp_path) -> None:
        import py_compile

        (tmp_path / "script.py").write_text(SCRIPT)
        py_compile.compile(str(tmp_path / "script.py"), str(tmp_path / "script.pyc"))
        lines = python(*MAIN, tmp_path / "script.pyc").stdout.splitlines()
        assert lines[0].startswith("whirlwind.log __main__ [")

    def test_one_of_our_own_modules(self) -> None:
        assert python(*MAIN, "-m", "tornado.log").stdout == ""

    def test_its_exit_status(self) -> None:
        python(*MAIN, "-c", "raise SystemExit(7)", status=7)

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (["-m", "no_such_module"], "No module named 'no_such_module'"),
            (["-m", "no.such.module"], "No module named 'no.such.module'"),
            (["-m", "json"], "'json' is a package and cannot be run"),
            (["no_such.py"], "can't open file 'no_such.py': "),
            (["."], "can't find '__main__' module in '.'"),
        ],
    )
    def test_what_is_not_there(self, arguments: list[str], complaint: str, tmp_path) -> None:
        done = python(*MAIN, *arguments, status=1, cwd=tmp_path)
        assert done.stderr.startswith(f"{sys.executable}: {complaint}")
        assert done.stderr.count("\n") == 1

    @pytest.mark.parametrize("arguments", [[], ["-m"], ["-c"], ["--what"]])
    def test_nothing_to_run_explains(self, arguments: list[str]) -> None:
        assert python(*MAIN, *arguments, status=2).stderr.startswith("usage: ")

    def test_help(self) -> None:
        assert python(*MAIN, "--help").stdout.startswith("usage: ")

    def test_in_isolation(self, tmp_path) -> None:
        """With -I nothing is inherited, but what is started this way has the alias."""
        (tmp_path / "script.py").write_text("import sys, tornado; print(tornado.version, sys.path)")
        code = f"""
import runpy, sys
sys.path.insert(0, {str(SOURCE)!r})
sys.argv = ["-m", {str(tmp_path / "script.py")!r}]
runpy.run_module("whirlwind.as_tornado", run_name="__main__", alter_sys=True)
"""
        assert python("-I", "-c", code).stdout.startswith("6.6.1 ['" + str(SOURCE))
