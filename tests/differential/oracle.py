"""Ask a real Tornado, in a process of its own, what it answers to a call."""

import importlib.util
import os
import pickle
import struct
import subprocess
import sys
from typing import Any

# The other side of the pipe: reads (module, name, args, kwargs), answers ("ok", value) or
# ("error", names of the exception's classes). Calls that fill their arguments return those too.
_SERVER = r"""
import importlib, pickle, struct, sys, warnings
warnings.simplefilter("ignore")
source, sink = sys.stdin.buffer, sys.stdout.buffer
def plain(value):
    if hasattr(value, "get_all"):
        return list(value.get_all())
    if isinstance(value, dict):
        return {plain(k): plain(v) for k, v in value.items()}
    if isinstance(value, tuple):
        return tuple(plain(v) for v in value)
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value
while True:
    head = source.read(4)
    if not head:
        break
    module, name, args, kwargs, fills = pickle.loads(source.read(struct.unpack("!I", head)[0]))
    try:
        if name is None:
            names = {"package": "tornado"}
            exec(module, names)
            function = names["run"]
        else:
            function = importlib.import_module(module)
            for part in name.split("."):
                function = getattr(function, part)
        value = plain(function(*args, **kwargs))
        answer = ("ok", (value, [plain(args[i]) for i in fills]))
    except Exception as error:
        answer = ("error", [c.__name__ for c in type(error).__mro__])
    data = pickle.dumps(answer)
    sink.write(struct.pack("!I", len(data)) + data)
    sink.flush()
"""


def tornado_python() -> str | None:
    """Return the Python that has Tornado: WHIRLWIND_TORNADO_PYTHON, or this one, or None."""
    named = os.environ.get("WHIRLWIND_TORNADO_PYTHON")
    if named:
        return named
    return sys.executable if importlib.util.find_spec("tornado") is not None else None


class Oracle:
    """A Tornado that answers calls.

    :arg python: str, path of a Python with Tornado.
    """

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, "-P", "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def call(
        self, module: str, name: str, *args: Any, fills: tuple[int, ...] = (), **kwargs: Any
    ) -> tuple[str, Any]:
        """Call ``module.name`` over there.

        :arg fills: positions of arguments that the call changes and that are wanted back.
        :returns: tuple ("ok", (value, filled arguments)) or ("error", class names).
        """
        return self._ask(f"tornado.{module}", name, args, kwargs, fills)

    def run(self, code: str, *args: Any) -> Any:
        """Call the function ``run`` of a program over there.

        :arg code: str, its source; finds "tornado" in the global name ``package``.
        :returns: what it returned.
        """
        kind, value = self._ask(code, None, args, {}, ())
        assert kind == "ok", value
        return value[0]

    def _ask(self, *question: Any) -> tuple[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        data = pickle.dumps(question)
        stdin.write(struct.pack("!I", len(data)) + data)
        stdin.flush()
        size = struct.unpack("!I", stdout.read(4))[0]
        answer: tuple[str, Any] = pickle.loads(stdout.read(size))
        return answer

    def close(self) -> None:
        """End the process and wait for it."""
        self._process.communicate()
