"""The same texts, dates and numbers as Tornado's locales give.

Not compared: negative numbers of three digits, which Tornado writes ``-,123``, and the English name
of Ukrainian, which it misspells.
"""

import datetime
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.differential.oracle import Oracle, tornado_python

PYTHON = tornado_python()

pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="no Tornado: set WHIRLWIND_TORNADO_PYTHON to a Python that has it"
)

PROGRAM = """
import importlib, os, tempfile
locale = importlib.import_module(package + ".locale")

class Recording(locale.Locale):
    def __init__(self, code):
        self.asked = []
        super().__init__(code)

    def translate(self, *args):
        self.asked.append(args)
        return "|" + (args[0] if len(args) == 1 or args[2] == 1 else args[1])

def run(what, *args):
    if what == "names":
        return locale.LOCALE_NAMES
    if what == "closest":
        with tempfile.TemporaryDirectory() as directory:
            for code in args[0]:
                with open(os.path.join(directory, code + ".csv"), "w") as file:
                    file.write("a," + code)
            locale.Locale._cache = {}
            locale.load_translations(directory)
            return [locale.get(*wanted).code for wanted in args[1]]
    code, method, *args = args
    subject = Recording(code)
    options = args.pop() if args and isinstance(args[-1], dict) else {}
    return getattr(subject, method)(*args, **options), subject.asked
"""

CODES = ("en_US", "en", "en_GB", "fr_FR", "zh_CN", "zh_TW", "fa_IR", "he", "xx")


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    assert PYTHON is not None
    oracle = Oracle(PYTHON)
    yield oracle
    oracle.close()


def same(oracle: Oracle, *args: Any) -> None:
    names: dict[str, Any] = {"package": "whirlwind"}
    exec(PROGRAM, names)
    assert names["run"](*args) == oracle.run(PROGRAM, *args)


def test_names(oracle: Oracle) -> None:
    theirs = oracle.run(PROGRAM, "names")
    theirs["uk_UA"]["name_en"] = "Ukrainian"
    names: dict[str, Any] = {"package": "whirlwind"}
    exec(PROGRAM, names)
    assert names["run"]("names") == theirs


@pytest.mark.parametrize("code", ["en_US", "fr_FR", "zh_CN"])
def test_dates(oracle: Oracle, code: str) -> None:
    # Neither near the edge of anything: both processes read the clock for themselves.
    units = {1: (3, 20, 40, 55, 75, 100), 60: (5, 20, 48, 52), 3600: (2, 5, 23, 30, 54, 70)}
    ages = [unit * n for unit, numbers in units.items() for n in numbers]
    ages += [86400 * days + 7200 for days in (3, 4, 5, 6, 30, 333, 335, 1000)] + [-30, -90, -90000]
    zone = datetime.timezone(datetime.timedelta(hours=5))
    for age in ages:
        moment = int(time.time()) - age
        date = datetime.datetime.fromtimestamp(moment, datetime.UTC)
        options: dict[str, Any]
        for options in ({}, {"shorter": True}, {"relative": False}, {"gmt_offset": 150}):
            same(oracle, "call", code, "format_date", moment, options)
            same(oracle, "call", code, "format_date", date, {**options, "full_format": True})
        same(oracle, "call", code, "format_date", date.replace(tzinfo=None))
        if age != -30:  # a moment ahead means now, which Tornado tells in UTC then
            east = date.astimezone(zone)
            same(oracle, "call", code, "format_date", east, {"full_format": True})
        same(oracle, "call", code, "format_day", date)
        same(oracle, "call", code, "format_day", date, 600, False)


@pytest.mark.parametrize("code", CODES)
def test_lists_and_numbers(oracle: Oracle, code: str) -> None:
    for parts in ([], ["a"], ["a", "b"], ["a", "b", "c", "d"]):
        same(oracle, "call", code, "list", parts)
    for number in (0, 7, 12, 999, 1000, 12345, 123456, 1234567, -5, -12, -1234):
        same(oracle, "call", code, "friendly_number", number)


def test_closest(oracle: Oracle) -> None:
    supported = ["fr", "pt_BR", "zh_CN", "de_DE", "de"]
    wanted = [
        *(
            [code]
            for code in ("fr", "FR", "fr_CA", "fr-", "pt", "pt-br", "PT_BR", "de-AT", "DE_de")
        ),
        *([code] for code in ("zh_Hans_CN", "", "-", "_fr", "x", "zh-TW", "en_US", "en")),
        *(["x", "pt_BR"], ["x", "fr-CA", "pt_BR"], ["pt-PT", "fr"], []),
    ]
    same(oracle, "closest", supported, wanted)
