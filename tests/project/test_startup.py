"""What a program pays to start: modules that are imported only by those who need them."""

import subprocess
import sys

import pytest

# Each costs 1 to 10 ms, and most programs never use it. asyncio alone needs ssl and subprocess.
LATE = ("curses", "email.message", "html", "http.client", "http.cookies", "logging.handlers")
LOOP = ("asyncio", "ssl", "subprocess", "logging")


@pytest.mark.parametrize(
    ("module", "late"),
    [
        ("httputil", (*LATE, *LOOP)),
        ("ioloop", LATE),
        ("iostream", LATE),
        ("tcpserver", LATE),
        ("httpserver", LATE),
        ("simple_httpclient", (*LATE, "urllib.request")),
        ("web", LATE),
    ],
)
def test_late_imports(module: str, late: tuple[str, ...]) -> None:
    code = f"import sys, whirlwind.{module}; print(*(m for m in {late!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_names_of_late_modules() -> None:
    code = (
        "import whirlwind.httputil as h, whirlwind.log as l, http.client;"
        "assert h.responses is http.client.responses;"
        "l.curses, l.colorama;"
        "from whirlwind.httputil import *; responses, HTTPHeaders"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_modules_have_no_other_late_names() -> None:
    import whirlwind.httputil
    import whirlwind.log

    for module in (whirlwind.log, whirlwind.httputil):
        with pytest.raises(AttributeError, match="nothing"):
            module.nothing  # noqa: B018
