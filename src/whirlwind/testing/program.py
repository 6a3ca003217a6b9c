"""`main`: a test run with options of the command line."""

import signal
import sys
import unittest
from typing import Any

from whirlwind.options import define, options, parse_command_line

#: Options that are also arguments of `unittest.main`.
_SWITCHES = {
    "failfast": ("failfast", "stop at the first test that fails"),
    "catch": ("catchbreak", "end the run after the current test when Ctrl-C is pressed"),
    "buffer": ("buffer", "show what a test prints only when it fails"),
}
_VERBOSITIES = {
    "verbose": (2, "name each test"),
    "quiet": (0, "show nothing but failures and the total"),
}


def main(**kwargs: Any) -> None:
    """Run tests, with log options and `unittest`'s own on the command line.

    ::

        python -m whirlwind.testing package.tests.test_web
        python -m whirlwind.testing --logging=debug package.tests.test_web.HelloTest.test_hello

    In a script of tests, call it at the end. Without names of tests on the command line it runs
    what the script's function ``all()`` returns, a `unittest.TestSuite`, or else every test of the
    script. `AsyncTestCase` does not need it: any test runner will do.

    :arg kwargs: further arguments of `unittest.main`; the command line goes before them.
    """
    _define_options()
    argv = [sys.argv[0], *parse_command_line(sys.argv)]
    if not options.exception_on_interrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    for name, (verbosity, _) in _VERBOSITIES.items():
        if options[name]:
            kwargs["verbosity"] = verbosity
    for name, (argument, _) in _SWITCHES.items():
        if options[name] is not None:
            kwargs[argument] = options[name]
    if len(argv) > 1:
        unittest.main(module=None, argv=argv, **kwargs)
    elif hasattr(sys.modules["__main__"], "all"):
        unittest.main(defaultTest="all", argv=argv, **kwargs)
    else:
        unittest.main(argv=argv, **kwargs)


def _define_options() -> None:
    if "exception-on-interrupt" in options:
        return  # a second run in this process
    define(
        "exception-on-interrupt",
        type=bool,
        default=True,
        help="raise KeyboardInterrupt on Ctrl-C, with a traceback; if false, end the process at "
        "once, whatever it is doing",
    )
    for table in (_VERBOSITIES, _SWITCHES):
        for name, (_, text) in table.items():
            define(name, type=bool, help=text)
