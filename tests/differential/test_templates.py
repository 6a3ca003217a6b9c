"""The same templates, the same pages as Tornado's.

Differences, each for a reason: what is wrong with a template is found even where nothing uses that
part of it; tabs and line breaks end an operator's name as well as spaces do; conditions may have
several lines; an applied function may be any expression; templates that include each other without
end, or include one that extends another, are a `ParseError` with a line.
"""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.differential.oracle import Oracle, tornado_python

PYTHON = tornado_python()

pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="no Tornado: set WHIRLWIND_TORNADO_PYTHON to a Python that has it"
)

# Runs in both processes: what becomes of some files, the first of which is asked for.
PROGRAM = r"""
import importlib, logging, warnings
template = importlib.import_module(package + ".template")

class Modules:
    def __getattr__(self, name):
        return lambda *args, **kwargs: "<%s %r %r>" % (name, args, kwargs)

def upper(text):
    return text.upper()

def brackets(text):
    return b"[" + text + b"]"

def own_escape(text):
    return text.replace(b"<", b"LESS")

def run(files, options, names):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            namespace = {
                "_tt_modules": Modules(), "upper": upper, "brackets": brackets,
                "own_escape": own_escape, "n": 3, "xs": ["a", "<b>", b"c&d", 4, None],
                "s": "<&\"'>",
            }
            loader = template.DictLoader(files, namespace=namespace, **options)
            made = loader.load(next(iter(files)))
            try:
                return ("page", made.generate(**names))
            except Exception as error:
                return ("failed", type(error).__name__)
        except SyntaxError:
            return ("refused", "")
        except (template.ParseError, NotImplementedError, RecursionError, AssertionError):
            return ("refused", "")
        finally:
            logging.disable(logging.NOTSET)
"""


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    assert PYTHON is not None
    oracle = Oracle(PYTHON)
    yield oracle
    oracle.close()


def ours(*args: Any) -> Any:
    names: dict[str, Any] = {"package": "whirlwind"}
    exec(PROGRAM, names)
    return names["run"](*args)


LAYOUT = """<!doctype html>
<html>
  <head><title>{% block title %}Site{% end %} - {{ s }}</title></head>
  <body>
    {% block body %}
      <p>Nothing   here
      yet</p>
    {% end %}
    <script>if (a < b && {{! x }}) { run({%! y %}) } {#! z #}</script>
  </body>
</html>
"""

CORPUS: list[dict[str, str]] = [
    {"plain.html": "  one   two \n\n three  "},
    {"plain.txt": "  one   two \n\n three  "},
    {"a.js": "{{{s}}} {{ 1 }}{ {{! {%! {#! }} %} #}"},
    {"layout.html": LAYOUT},
    {
        "page.html": """{% extends "layout.html" %}
            {% block title %}{{ title }}{% end %}
            {% block body %}<ul>
              {% for x in xs %}<li>{{ x }} {% raw x %}</li>
              {% end %}</ul>{% include part.html %}{% end %}""",
        "layout.html": LAYOUT,
        "part.html": "  <p>{% apply upper %}{{ title }} of {{ n }}{% end %}</p>  ",
    },
    {"a": "{% for x in xs %}{% if x is None %}{% break %}{% end %}{{ x }},{% end %}"},
    {"a": "{% for i in [0, 1] %}{% if i %}{% continue %}{% end %}{{ i }}{% else %}.{% end %}"},
    {"a": "{% set i = 0 %}{% while i < n %}{{ i }}{% set i += 1 %}{% else %}!{% end %}"},
    {"a": "{% try %}a{{ 1 / 0 }}{% except KeyError %}k{% except OSError %}{% end %}"},
    {"a": "{% try %}a{{ 1 / 0 }}{% except KeyError %}k{% except Exception as e %}{{ e }}{% end %}"},
    {"a": "{% try %}a{% except %}b{% else %}c{% finally %}d{% end %}"},
    {"a": "{% try %}{% try %}a{{ nope }}b{% finally %}c{% end %}{% except NameError %}d{% end %}"},
    {"a": "{% apply brackets %}{% apply upper %}a{{ s }}{% end %}{% set q = 1 %}{% end %}{{ q }}"},
    {"a": "{% import os.path as p %}{% from math import (pi,\n e) %}{{ p.sep }}{{ '%.2f' % pi }}"},
    {"a": "{% autoescape own_escape %}{{ s }}{{ n }}{% raw s %}"},
    {"a": "{{ s }}{% autoescape None %}{{ s }}"},
    {"a": "{% autoescape url_escape %}{{ s }}", "unused": "{{"},
    {"a": "{% module Form(1, x=n) %}{% module Empty() %}"},
    {"a.html": "{% whitespace all %} a  b {% whitespace oneline %} a \n b "},
    {"a.html": "{% whitespace all %} a  b {% whitespace single %} \n "},
    {"a.html": "<pre> a  b {{ n }}  c  {# #} <pre>  "},
    {"a": "{# a #}{% comment b %}{# {{ }} {% %} #}"},
    {"a": "{% block a %}1{% block a %}2{% end %}{% end %}{% block 'a' %}3{% end %}"},
    {"c": "{% extends b %}{% block x %}c{% end %}", "b": "{% extends a %}{% block y %}b{% end %}",
     "a": "[{% block x %}{% end %}{% block y %}{% end %}{% block z %}a{% end %}]"},
    {"a": "{% extends b %}{% extends c %}{% block x %}1{% end %}", "b": "b{% block x %}{% end %}",
     "c": "c{% block x %}{% end %}"},
    {"a": "{% include b %}{% block x %}over{% end %}", "b": "[{% block x %}{% end %}]"},
    {"d/a": "{% include ../e/b %}{% include c %}", "e/b": "{% include c %}", "e/c": "1",
     "d/c": "2"},
    {"a": "{{ 1, 2 }}{{ *xs, }}{{ x = 5 }}{{ x }}{{ 'a' 'b' }}{{ not x }}{{ ... }}{{ [1,\n2] }}"},
    {"a": "{{ s  # comment\n }}{{ '#' }}{{ '''a\nb''' }}{% set x = [1,\n 2] %}{{ x }}"},
    {"a": r"{% raw b'\xff' %}{{ n }}"},
    {"a": r"{{ b'\xff' }}"},
    {"a": "{% if 0 %}{% elif 1 %}{% else %}{% end %}{% block b %}{% end %}"},
    {"a": "{% for x in [] %}{% end %}{% while 0 %}{% end %}"},
    {"a": "{% set xhtml_escape = upper %}{{ 'a<' }}"},
    {"a": "{{ x }}"},
    {"a": "{{ 1 / 0 }}"},
    {"a": "{% apply nope %}{% end %}"},
    {"a": "\ufeff\r\n{{ n }}\r\n"},
    *[{"a": wrong} for wrong in (
        "{{", "{%", "{#", "{{ }}", "{% %}", "{% end %}", "{% if 1 %}", "{% nope %}", "{% else %}",
        "{% break %}", "{% block %}{% end %}", "{% apply %}{% end %}", "{% set %}", "{% extends %}",
        "{% include %}", "{{ 1 + }}", "{% if %}{% end %}", "{% for x %}{% end %}",
        "{% try %}{% end %}",
        "{% if 1 %}{% else %}{% else %}{% end %}", "{% for x in xs %}{% elif 1 %}{% end %}",
        "{% apply upper %}{% else %}{% end %}", "{% if 1 %}{% endif %}", "{{ {'a': {}}} }}",
        "{% extends a %}", "{% include a %}", "{% if 1 %}{% extends a %}{% end %}", "{{ await x }}",
        "{% for x in xs %}{% apply upper %}{% break %}{% end %}{% end %}",
    )],
]

OPTIONS: list[dict[str, Any]] = [
    {},
    {"autoescape": None},
    {"autoescape": "own_escape", "whitespace": "oneline"},
    {"whitespace": "all"},
]


@pytest.mark.parametrize("files", CORPUS, ids=lambda files: next(iter(files.values()))[:40])
def test_corpus(oracle: Oracle, files: dict[str, str]) -> None:
    for options in OPTIONS:
        for names in ({"title": "Prices & <more>"}, {"n": 1, "xs": [], "s": b"<", "title": 5}):
            assert ours(files, options, names) == oracle.run(PROGRAM, files, options, names)


class Maker:
    """Makes templates at random that are right as far as their structure goes."""

    TEXTS = (
        *("x", " ", "  ", "\n", " \n ", "\t", "<b>", "&", "é", "}", "{{!", "{%!", "{#!", "<pre>"),
        *("a  b", "%}", "}}", "\r\n", "\u2003 "),
    )
    EXPRESSIONS = (
        *("title", "s", "n", "1/0", "nope", "xs", "'%s' % n", "x", "i", "title + 'z'", "y"),
        *("','.join(map(str, xs))", "n > 1", "[1,\n2]", "'#'", "title # c", "None"),
    )
    SINGLE = (
        *("{% autoescape None %}", "{% autoescape xhtml_escape %}", "{% autoescape own_escape %}"),
        *("{% whitespace oneline %}", "{% whitespace all %}", "{% whitespace single %}"),
        *("{# c #}", "{% comment z %}", "{% module M(1, n) %}", "{% set y = n %}"),
        *("{% import os %}{{ os.sep }}", "{% from os import sep as y %}", "{% set y = title %}"),
    )

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def body(self, depth: int, loop: bool, includes: tuple[str, ...]) -> str:
        return "".join(self.node(depth, loop, includes) for _ in range(self.random.randrange(5)))

    def node(self, depth: int, loop: bool, includes: tuple[str, ...]) -> str:
        pick = self.random.choice
        kind = self.random.randrange(20)
        if depth == 0 or kind < 5:
            return pick(self.TEXTS)
        if kind < 9:
            return f"{{{{ {pick(self.EXPRESSIONS)} }}}}"
        if kind < 11:
            return pick(self.SINGLE)
        if kind == 11 and includes:
            return f"{{% include {pick(includes)} %}}"
        if kind == 12 and loop:
            return pick(("{% break %}", "{% continue %}"))

        def body(in_loop: bool = loop) -> str:
            return self.body(depth - 1, in_loop, includes)

        if kind < 15:
            return f"{{% if {pick(self.EXPRESSIONS)} %}}{body()}{{% else %}}{body()}{{% end %}}"
        if kind == 15:
            values = pick(("xs", "range(n)", "[]"))
            return f"{{% for {pick('xiy')} in {values} %}}{body(True)}{{% end %}}"
        if kind == 16:
            return f"{{% try %}}{body()}{{% except {pick(('', 'NameError'))} %}}{body()}{{% end %}}"
        if kind == 17:
            function = pick(("upper", "brackets", "xhtml_escape"))
            return f"{{% apply {function} %}}{body(False)}{{% end %}}"
        return f"{{% block {pick('ABC')} %}}{body()}{{% end %}}"

    def files(self) -> dict[str, str]:
        extends = self.random.choice(("", "", "{% extends base.html %}"))
        return {
            "main.html": extends + self.body(4, False, ("part.html", "leaf.txt")),
            "base.html": self.body(3, False, ("leaf.txt",)),
            "part.html": self.body(2, False, ("leaf.txt",)),
            "leaf.txt": self.body(1, False, ()),
        }


@pytest.mark.parametrize("seed", range(20))
def test_random_templates(oracle: Oracle, seed: int) -> None:
    maker = Maker(seed)
    for _ in range(40):
        files = maker.files()
        options = maker.random.choice(OPTIONS)
        names = {"title": "A<"}
        assert ours(files, options, names) == oracle.run(PROGRAM, files, options, names), files


def test_lines_of_errors(oracle: Oracle) -> None:
    """The same text and line where both find the same thing wrong at the begin of a tag."""
    program = """
import importlib
template = importlib.import_module(package + ".template")
def run(source):
    try:
        template.Template(source, name="t.html")
    except template.ParseError as error:
        return str(error)
"""
    names: dict[str, Any] = {"package": "whirlwind"}
    exec(program, names)
    for source in ("\n{{", "a\n\n{%", "{#", "\n{{ }}", "{%%}", "\n\n{% end %}", "\n{% x y %}"):
        assert names["run"](source) == oracle.run(program, source)
