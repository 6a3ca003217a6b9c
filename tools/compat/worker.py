"""Runs one module of Tornado's test suite, and writes what became of each test, a line each.

usage: python -m whirlwind.as_tornado worker.py MODULE RESULTS SECONDS
"""

import ast
import faulthandler
import importlib
import importlib.util
import json
import logging
import os
import re
import runpy
import sys
import time
import traceback
import unittest
import warnings
from pathlib import Path
from typing import Any, NoReturn, TextIO

HERE = Path(__file__).parent


from api import outcomes  # noqa: E402


class Missing:
    """Stands for a private name of Tornado's that we do not have; using it is an error."""

    def __init__(self, name: str) -> None:
        self.__dict__["name"] = name

    def __getattr__(self, attribute: str) -> "Missing":
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return Missing(f"{self.__dict__['name']}.{attribute}")

    def __call__(self, *args: object, **kwargs: object) -> NoReturn:
        raise AttributeError(f"there is no {self.__dict__['name']}: it is private to Tornado")


class Grammar:
    """The patterns of RFC 9110 and 9112 that the suite takes from a private place to make input."""

    token = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
    field_name = token
    field_value = re.compile(r"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")
    reason_phrase = re.compile(r"[\t -~\x80-\xff]*")
    request_target = re.compile(r"[!$-~]+")


STAND_INS: dict[str, object] = {"tornado.httputil._ABNF": Grammar}


class Result(unittest.TestResult):
    """Writes every outcome at once, so that a crash loses one test."""

    def __init__(self, file: TextIO) -> None:
        super().__init__()
        self._file = file
        self._told = False
        self._parts = 0
        self._start = time.monotonic()

    def tell(self, test: Any, outcome: str, detail: str = "") -> None:
        self._told = True
        seconds = round(time.monotonic() - self._start, 2)
        name = short(test.id())
        line = {"test": name, "outcome": outcome, "detail": detail, "seconds": seconds}
        print(json.dumps(line), file=self._file, flush=True)

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._told = False
        self._parts = 0
        self._start = time.monotonic()
        print(json.dumps({"started": short(test.id())}), file=self._file, flush=True)

    def stopTest(self, test: unittest.TestCase) -> None:
        if not self._told:
            self.tell(test, "in part" if self._parts else "passed")
        super().stopTest(test)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        if isinstance(test, unittest.TestCase):  # not a class that is no test by itself
            self.tell(test, "skipped", reason)

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        self.tell(test, "failed", self._text(err))

    addFailure = addError

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        # Each part that fails counts by itself: some tests are a list of a hundred cases.
        if err is not None:
            name = f"{short(test.id())}{str(subtest).removeprefix(str(test))}"
            line = {"test": name, "outcome": "failed", "detail": self._text(err)}
            print(json.dumps(line), file=self._file, flush=True)
            self._parts += 1

    @staticmethod
    def _text(err: Any) -> str:
        return "".join(traceback.format_exception(*err, limit=-12))


def short(name: str) -> str:
    """Return a test's name as the list of differences writes it."""
    return name.removeprefix("tornado.test.")


def allow_missing_names(module: str, seen: set[str]) -> None:
    """Give our modules a `Missing` for each private name that a test module imports and we lack.

    One such name would otherwise cost all of the tests of that module.
    """
    if module in seen:
        return
    seen.add(module)
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return
    for node in ast.walk(ast.parse(Path(spec.origin).read_bytes())):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("tornado"):
            continue
        source = str(node.module)
        if source == "tornado.test":
            for alias in node.names:
                allow_missing_names(f"{source}.{alias.name}", seen)
        elif source.startswith("tornado.test."):
            allow_missing_names(source, seen)
        else:
            private = [alias.name for alias in node.names if alias.name.startswith("_")]
            if private and importlib.util.find_spec(source):
                owner = importlib.import_module(source)
                for name in private:
                    if not hasattr(owner, name):
                        full = f"{source}.{name}"
                        setattr(owner, name, STAND_INS.get(full) or Missing(full))


def main(name: str, results: str, seconds: str) -> None:
    """Load and run the module."""
    faulthandler.dump_traceback_later(float(seconds), exit=True)
    if "tornado" in sys.modules:
        runpy.run_path(str(HERE / "startup/sitecustomize.py"))["offer_suite"]()
    # As Tornado's own runner does: a warning is an error, but for the deprecations of libraries.
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", ImportWarning)
    for category in (DeprecationWarning, PendingDeprecationWarning):
        warnings.simplefilter("ignore", category)
        warnings.filterwarnings("error", category=category, module=r"(tornado|whirlwind)\.")
    logging.getLogger("tornado.access").setLevel(logging.CRITICAL)
    logging.getLogger().addHandler(logging.NullHandler())
    full = f"tornado.test.{name}"
    with open(results, "w", encoding="utf-8") as file:
        if name == "api_names":
            for line in outcomes(Path(os.environ["TORNADO_TEST"])):
                print(json.dumps(line), file=file)
            print(json.dumps({"done": True}), file=file)
            return
        try:
            allow_missing_names(full, set())
            tests = unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(full))
        except BaseException as error:
            text = "".join(traceback.format_exception(error, limit=-6))
            print(json.dumps({"not loaded": text}), file=file)
            return
        tests.run(Result(file))
        print(json.dumps({"done": True}), file=file)
    faulthandler.cancel_dump_traceback_later()
    sys.stdout.flush()
    os._exit(0)  # what a failed test left running, a thread or a pool, is not waited for


if __name__ == "__main__":
    main(*sys.argv[1:])
