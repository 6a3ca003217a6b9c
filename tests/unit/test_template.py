"""Templates: what they put out, what is wrong with them, and where."""

import copy
import linecache
import os
import pickle
import re
import sys
import threading
import traceback
import weakref
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from whirlwind.escape import xhtml_escape
from whirlwind.protocol.limits import MAX_TEMPLATE_NESTING
from whirlwind.template import (
    BaseLoader,
    DictLoader,
    Loader,
    ParseError,
    Template,
    filter_whitespace,
)


def render(source: str | bytes, /, **names: Any) -> bytes:
    return Template(source).generate(**names)


def render_file(files: dict[str, str], name: str, /, **names: Any) -> bytes:
    return DictLoader(files).load(name).generate(**names)


class TestTags:
    @pytest.mark.parametrize(
        ("source", "page"),
        [
            ("", b""),
            ("plain \u20ac", "plain \u20ac".encode()),
            ("{{ 6 * 7 }}", b"42"),
            ("{{ name }}{{name}}", b"AnnAnn"),
            ("{{ 'a', 1 }}", b"(&#x27;a&#x27;, 1)"),
            ("{{ None }}{{ 1.5 }}{{ [] }}", b"None1.5[]"),
            ("{{ name  # who\n }}", b"Ann"),
            ("{{ '#' }}{{ '\\n' }}", b"#\n"),
            ("{{ [1,\n 2] }}", b"[1, 2]"),
            ("{{ kept = 5 }}{{ kept }}", b"55"),
            ("{% set x = 1; y = 2 %}{{ x }}{{ y }}", b"12"),
            ("{% set x = 1 %}{% set x += 1 %}{{ x }}", b"2"),
            ("{% set x = '''a\n  b''' %}{{ x }}", b"a\n  b"),
            ("{% set\tx\t=\t3 %}{{ x }}", b"3"),
            ("{% import os.path as p %}{{ p.basename('/a/b') }}", b"b"),
            ("{% from os.path import (basename,\n dirname) %}{{ dirname('/a/b') }}", b"/a"),
            ("{% if name == 'Ann' %}yes{% else %}no{% end %}", b"yes"),
            ("{% if not name %}1{% elif name == 'Ann' %}2{% else %}3{% end %}", b"2"),
            ("{% if name and\n True %}yes{% end %}", b"yes"),
            ("{% if 0 %}{% else %}{% end %}{% for x in () %}{% end %}", b""),
            ("{% for i, c in enumerate(name) %}{{ i }}{{ c }} {% end %}", b"0A 1n 2n "),
            ("{% for c in name %}{{ c }}{% else %}!{% end %}", b"Ann!"),
            ("{% for c in name %}{% if c == 'n' %}{% break %}{% end %}{{ c }}{% end %}", b"A"),
            ("{% for c in name %}{% if c == 'A' %}{% continue %}{% end %}{{ c }}{% end %}", b"nn"),
            ("{% set n = 3 %}{% while n %}{{ n }}{% set n -= 1 %}{% end %}", b"321"),
            ("{% for c in name %}{% block b %}{% break %}{% end %}{% end %}.", b"."),
            ("{% try %}a{{ 1 / 0 }}b{% except %}c{% end %}", b"ac"),
            ("{% try %}a{{ 1 / 0 }}{% except ZeroDivisionError as e %}{{ e }}{% end %}",
             b"adivision by zero"),
            ("{% try %}a{% except %}b{% else %}c{% finally %}d{% end %}", b"acd"),
            ("{% try %}{% try %}a{{ 1/0 }}{% finally %}b{% end %}{% except %}c{% end %}", b"abc"),
            ("{% apply shout %}{{ name }} é{% end %}!", "ANN É!".encode()),
            ("{% apply lambda s: s[::-1] %}abc{% end %}", b"cba"),
            ("{% apply xhtml_escape %}<{{ '<' }}{% end %}", b"&lt;&amp;lt;"),
            ("{% raw '<b>' %}{% raw 5 %}{% raw None %}", b"<b>5None"),
            ("{# not this #}a{# {{ nor this }} #}", b"a"),
            ("{% comment nor this %}a", b"a"),
            ("{{!name}} {%! if %} {#! c #}", b"{{name}} {% if %} {# c #}"),
            ("{{{ name }}} { a{", b"{Ann} { a{"),
            ("{{{{1}}}}{{{!", b"{{1}}{{{"),
            ("{%\nif 1\n%}a{%end%}", b"a"),
            ("{% if 1 %}a{% end if %}", b"a"),
            ("{{ (lambda: name)() }}{{ [c for c in name][0] }}", b"AnnA"),
        ],
    )
    def test_each_tag(self, source: str, page: bytes) -> None:
        names = {"name": "Ann", "shout": lambda text: text.decode().upper()}
        assert render(source, **names) == page
        assert render(source.encode(), **names) == page

    def test_names_that_are_always_there(self) -> None:
        source = (
            "{{ escape is xhtml_escape }}{% raw url_escape('ä /') %}{% raw json_encode('</') %}"
            "{{ squeeze(' a  b ') }}{% raw linkify('http://a.com') %}"
            "{{ datetime.timedelta(1).days }}{{ __name__ }}"
        )
        assert render(source) == (
            b'True%C3%A4+%2F"<\\/"a b<a href="http://a.com">http://a.com</a>1&lt;string&gt;'
        )

    def test_a_module_is_called_and_not_escaped(self) -> None:
        class Modules:
            def Box(self, *args: Any, **kwargs: Any) -> str:
                return f"<{args} {kwargs}>"

        page = render("{% module Box(1, x=2) %}", _tt_modules=Modules())
        assert page == b"<(1,) {'x': 2}>"

    def test_values_are_read_when_they_are_met(self) -> None:
        """The page holds what an object said at that moment, whatever becomes of it later."""
        assert render("{{ x }}{% set x.append(2) %}{{ x }}", x=[1]) == b"[1][1, 2]"
        assert render("{{ x.pop() }}{{ x.pop() }}", x=["a", "b"]) == b"ba"

    def test_a_set_in_apply_stays_there(self) -> None:
        source = "{% set x = 1 %}{% apply f %}{% set x = 2 %}{{ x }}{% end %}{{ x }}"
        assert render(source, f=lambda s: s) == b"21"

    def test_names_given_to_generate_come_first(self) -> None:
        loader = DictLoader({"t": "{{ a }}{{ b }}"}, namespace={"a": 1, "b": 2})
        assert loader.load("t").generate(b=3) == b"13"
        assert loader.load("t").generate() == b"12"

    def test_a_name_may_be_that_of_a_builtin(self) -> None:
        assert render("{{ type }}{{ str }}{{ list }}", type="t", str="s", list="l") == b"tsl"

    def test_functions_must_return_text(self) -> None:
        for value in (None, 5):
            with pytest.raises(TypeError, match="must return str or bytes"):
                render("{% apply f %}x{% end %}", f=lambda s, v=value: v)

    def test_bytes_that_are_no_text_go_out_as_they_are(self) -> None:
        assert render(r"é{% raw b'\xff' %}{{ 'é<' }}") == b"\xc3\xa9\xff\xc3\xa9&lt;"
        assert render("{% apply f %}x{% end %}", f=lambda s: b"\xfe") == b"\xfe"
        with pytest.raises(UnicodeDecodeError):
            render(r"{{ b'\xff' }}")

    def test_lone_surrogates_are_refused(self) -> None:
        with pytest.raises(UnicodeEncodeError):
            render("{{ x }}", x="\ud800")


class TestEscaping:
    def test_values_are_escaped(self) -> None:
        page = render("<{{ a }}{{ b }}{{ c }}>", a="<&>", b=b"\"'", c=["<"])
        assert page == b"<&lt;&amp;&gt;&quot;&#x27;[&#x27;&lt;&#x27;]>"

    @given(st.lists(st.text(st.sampled_from("a<&>\"'\0\1é€"), max_size=4), max_size=6))
    def test_any_values_as_if_each_was_escaped_alone(self, values: list[str]) -> None:
        """They are escaped together; not even the character between them tears them apart."""
        page = render("{% for v in values %}[{{ v }}]{% end %}", values=values)
        assert page.decode() == "".join(f"[{xhtml_escape(v)}]" for v in values)

    def test_strings_of_other_classes(self) -> None:
        class Text(str):
            __slots__ = ()

            def __str__(self) -> str:
                return "something else"

        assert render("{{ t }}{% raw t %}", t=Text("<")) == b"&lt;<"

    @given(st.text(st.sampled_from("a{}\\N'\"\n\r\0é\u2028%#"), max_size=12))
    def test_any_text_around_values(self, text: str) -> None:
        assume(not re.search("[{][{%#]", text + "{"))
        page = render(text + "{{ 1 }}" + text + "{{ 2 }}" + text)
        assert page.decode() == f"{text}1{text}2{text}"

    def test_off(self) -> None:
        assert Template("{{ '<' }}", autoescape=None).generate() == b"<"
        assert render("{% autoescape None %}{{ '<' }}") == b"<"
        # For the whole file, wherever the tag stands.
        assert render("{{ '<' }}{% autoescape %}") == b"<"

    def test_own_function_gets_bytes(self) -> None:
        def mark(value: bytes) -> str:
            assert type(value) is bytes
            return f"[{value.decode()}]"

        source = "{{ '<' }}{{ 5 }}{% raw 6 %}"
        assert Template(source, autoescape="mark").generate(mark=mark) == b"[<][5]6"
        assert render("{% autoescape mark %}" + source, mark=mark) == b"[<][5]6"
        assert render("{% autoescape m.ark %}{{ 1 }}", m=type("M", (), {"ark": mark})) == b"[1]"

    def test_the_usual_name_for_another_function(self) -> None:
        template = Template("{{ '<' }}{{ xhtml_escape(b'>') }}")
        own = lambda value: value * 2  # noqa: E731
        assert template.generate(xhtml_escape=own) == b"<<>>>>"
        assert template.generate() == b"&lt;&amp;gt;"
        assert template.generate(xhtml_escape=own) == b"<<>>>>"
        loader = DictLoader({"t": "{{ '<' }}"}, namespace={"xhtml_escape": own})
        assert loader.load("t").generate() == b"<<"
        assert render("{% set xhtml_escape = own %}{{ '<' }}", own=own) == b"<<"
        source = "{% apply f %}{% set xhtml_escape = own %}{{ '<' }}{% end %}"
        assert render(source, own=own, f=own) == b"<<<<"

    def test_each_file_has_its_own(self) -> None:
        files = {
            "a": "{% autoescape None %}{{ v }}{% include b %}{% block x %}{{ v }}{% end %}",
            "b": "{{ v }}",
            "c": "{% extends a %}{% block x %}{{ v }}!{% end %}",
        }
        assert render_file(files, "a", v="<") == b"<&lt;<"
        assert render_file(files, "c", v="<") == b"<&lt;&lt;!"

    def test_by_the_loader(self) -> None:
        files = {"a": "{{ '<' }}", "b": "{% autoescape xhtml_escape %}{{ '<' }}"}
        loader = DictLoader(files, autoescape=None)
        assert loader.load("a").generate() == b"<"
        assert loader.load("b").generate() == b"&lt;"


class TestWhitespace:
    @pytest.mark.parametrize(
        ("text", "single", "oneline"),
        [
            ("a  b\t\tc", "a b c", "a b c"),
            ("a \n b", "a\nb", "a b"),
            ("a\r\n\r\n\tb", "a\nb", "a b"),
            ("\ta", " a", " a"),
            ("a\x0b \x0cb", "a\x0b \x0cb", "a b"),
            (" \xa0\u2003 \n", "\n", " "),
            ("\r", "\r", " "),
            ("", "", ""),
        ],
    )
    def test_s33_filter(self, text: str, single: str, oneline: str) -> None:
        assert filter_whitespace("all", text) == text
        assert filter_whitespace("single", text) == single
        assert filter_whitespace("oneline", text) == oneline

    def test_s33_unknown_mode(self) -> None:
        with pytest.raises(ValueError, match="'two': it must be one of all, single, oneline"):
            filter_whitespace("two", "")
        with pytest.raises(ValueError, match="two"):
            Template("", whitespace="two")
        with pytest.raises(ParseError, match=r"'two'.* at t\.html:2"):
            Template("\n{% whitespace two %}", name="t.html")

    def test_s33_mode_by_file_name(self) -> None:
        for name, page in (
            ("a.html", b" x\ny"),
            ("a.js", b" x\ny"),
            ("a.txt", b"  x \n y"),
            ("a.HTML", b"  x \n y"),
            ("<string>", b"  x \n y"),
        ):
            assert Template("  x \n y", name=name).generate() == page

    def test_s33_mode_by_argument_loader_and_directive(self) -> None:
        assert Template("a  b", whitespace="oneline").generate() == b"a b"
        assert Template("a  b", name="a.html", whitespace="all").generate() == b"a  b"
        loader = DictLoader({"a.html": "a \n b"}, whitespace="oneline")
        assert loader.load("a.html").generate() == b"a b"
        source = "{% whitespace oneline %}a \n b{% whitespace all %}c \n d"
        assert render(source) == b"a bc \n d"

    def test_s33_former_argument(self) -> None:
        assert Template("a  b", compress_whitespace=True).generate() == b"a b"
        assert Template("a  b", name="x.html", compress_whitespace=False).generate() == b"a  b"
        with pytest.raises(ValueError, match="give one"):
            Template("", compress_whitespace=True, whitespace="all")

    def test_s33_each_file_has_its_own(self) -> None:
        files = {"a.html": "1  2 {% include b.txt %}  3", "b.txt": "4  5"}
        assert render_file(files, "a.html") == b"1 2 4  5 3"

    def test_s33_text_with_pre_stays(self) -> None:
        source = "  <pre> a  b</pre>  {# #}  c"
        assert Template(source, name="a.html").generate() == b"  <pre> a  b</pre>   c"

    def test_whitespace_inside_values_stays(self) -> None:
        assert Template("{{ v }}", whitespace="oneline").generate(v=" a \n") == b" a \n"


class TestInheritance:
    FILES = {
        "base": "[{% block a %}A{% end %}|{% block b %}B{% block c %}C{% end %}{% end %}]",
        "one": "{% extends base %}{% block a %}a1{% end %} not put out {{ 1 / 0 }}",
        "two": "{% extends 'one' %}{% block c %}c2{% end %}",
        "three": '{% extends "two" %}{% block b %}b3{% block c %}c3{% end %}{% end %}',
        "part": "{% include base %}{% block a %}over{% end %}",
        "twice": "{% block a %}1{% end %}{% block a %}2{% end %}",
        "shared": "{% set v = 5 %}{% include uses %}{{ v }}",
        "uses": "{{ v }}{% set v = 6 %}",
        "quoted": "{% block 'a' %}x{% end %}{% block a %}y{% end %}",
    }

    @pytest.mark.parametrize(
        ("name", "page"),
        [
            ("base", b"[A|BC]"),
            ("one", b"[a1|BC]"),
            ("two", b"[a1|Bc2]"),
            ("three", b"[a1|b3c3]"),
            ("part", b"[over|BC]over"),
            ("twice", b"22"),
            ("shared", b"56"),
            ("quoted", b"xy"),
        ],
    )
    def test_blocks_and_includes(self, name: str, page: bytes) -> None:
        assert render_file(self.FILES, name) == page

    def test_without_a_loader(self) -> None:
        for tag in ("include", "extends"):
            with pytest.raises(ParseError, match=r"needs a template loader.* at <string>:2"):
                Template(f"\n{{% {tag} x %}}")

    @pytest.mark.parametrize("tag", ["include", "extends"])
    def test_going_round_in_circles(self, tag: str) -> None:
        files = {"a": f"\n{{% {tag} b %}}", "b": f"{{% {tag} a %}}", "c": f"{{% {tag} c %}}"}
        with pytest.raises(ParseError, match=r"without end: a > b > a at b:1"):
            render_file(files, "a")
        with pytest.raises(ParseError, match=r"without end: c > c at c:1"):
            render_file(files, "c")
        # The loader is as usable as before.
        loader = DictLoader(files)
        for _ in range(2):
            with pytest.raises(ParseError):
                loader.load("a")
        files["b"] = "b"
        assert loader.load("b").generate() == b"b"

    def test_an_endless_row_of_templates(self) -> None:
        class Endless(BaseLoader):
            def resolve_path(self, name: str, parent_path: str | None = None) -> str:
                return name

            def _create_template(self, name: str) -> Template:
                return Template(f"{{% include {int(name) + 1} %}}", name=name, loader=self)

        with pytest.raises(ParseError, match="without end"):
            Endless().load("0")

    def test_extends_belongs_at_the_top(self) -> None:
        with pytest.raises(ParseError, match="must be at the top"):
            render_file({"a": "", "b": "{% if 1 %}{% extends a %}{% end %}"}, "b")

    def test_including_what_extends(self) -> None:
        files = {**self.FILES, "t": "\n{% include one %}"}
        with pytest.raises(ParseError, match=r"cannot be included: use .* at t:2"):
            render_file(files, "t")

    def test_templates_that_are_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(KeyError, match="nope"):
            render_file({"a": "{% include nope %}"}, "a")
        with pytest.raises(FileNotFoundError, match=r"nope\.html"):
            Loader(str(tmp_path)).load("nope.html")


class TestErrors:
    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("a\n{{", "Missing end expression }} at t.html:2"),
            ("{%", "Missing end block %} at t.html:1"),
            ("\n\n{# c", "Missing end comment #} at t.html:3"),
            ("{{ }}", "Empty expression at t.html:1"),
            ("{{# c }}", "Empty expression at t.html:1"),
            ("{%  %}", "Empty block tag ({% %}) at t.html:1"),
            ("{% end %}", "Extra {% end %} block at t.html:1"),
            ("\n{% if 1 %}\n\n", "Missing {% end %} block for if at t.html:2"),
            ("{% foo bar %}", "unknown operator: 'foo' at t.html:1"),
            ("{% endif %}", "unknown operator: 'endif' at t.html:1"),
            ("{% else %}", "else outside of a block of if, for, while, try at t.html:1"),
            ("{% apply f %}{% else %}{% end %}",
             "else block cannot be attached to apply block at t.html:1"),
            ("{% for x in y %}{% elif 1 %}{% end %}",
             "elif block cannot be attached to for block at t.html:1"),
            ("{% if 1 %}{% else %}\n{% else %}{% end %}",
             "else cannot follow else of a if block at t.html:2"),
            ("{% try %}a{% end %}", "try block without except or finally at t.html:1"),
            ("{% break %}", "break outside of a for or while block at t.html:1"),
            ("{% for x in y %}{% else %}{% continue %}{% end %}",
             "continue outside of a for or while block at t.html:1"),
            ("{% for x in y %}{% apply f %}{% break %}{% end %}{% end %}",
             "break outside of a for or while block at t.html:1"),
            ("{% block %}{% end %}", "block missing name at t.html:1"),
            ("{% apply %}{% end %}", "apply missing method name at t.html:1"),
            ("{% set %}", "set missing statement at t.html:1"),
            ("{% import %}", "import missing statement at t.html:1"),
            ("{% raw %}", "raw missing expression at t.html:1"),
            ("{% module %}", "module missing call at t.html:1"),
            ("{% include '' %}", "include missing file path at t.html:1"),
            ("{% extends %}", "extends missing file path at t.html:1"),
            ("\n{{ (yield 1) }}", "a template cannot yield: it is put out in one go at t.html:2"),
        ],
    )
    def test_s32_message_file_and_line(self, source: str, message: str) -> None:
        with pytest.raises(ParseError) as info:
            Template(source, name="t.html")
        error = info.value
        assert str(error) == message
        assert error.filename == "t.html"
        assert str(error) == f"{error.message} at {error.filename}:{error.lineno}"
        assert not isinstance(error, SyntaxError)

    def test_s32_defaults(self) -> None:
        error = ParseError("wrong")
        assert (error.message, error.filename, error.lineno) == ("wrong", None, 0)
        assert str(error) == "wrong at None:0"
        assert error.args == ("wrong", None, 0)

    @pytest.mark.parametrize(
        ("source", "line", "message"),
        [
            ("\n{{ 1 + }}", 2, "invalid syntax in '1 +'"),
            ("{{ f(x)) }}", 1, "unmatched ')' in 'f(x))'"),
            ("{{ [1,\n  2,\n  +] }}", 3, "invalid syntax"),
            ("{{ [1,\n  2\n }}", 2, "'[' was never closed"),
            ("{% if %}{% end %}", 1, "in 'if'"),
            ("\n\n{% for x %}{% end %}", 3, "in 'for x'"),
            ("{% if 1 %}{% else x %}{% end %}", 1, "in 'else x'"),
            ("{% try %}{% except 1 + %}{% end %}", 1, "in 'except 1 +'"),
            ("{% set 1 = x %}", 1, "in '1 = x'"),
            ("{% set x = (1 %}", 1, "in 'x = (1'"),
            ("{% from x %}", 1, "in 'from x'"),
            ('{{ {"a": {}}} }}', 1, "never closed (a tag ends at its first }} or %})"),
            ('{{ "}}" }}', 1, "unterminated string literal (a tag ends at its first }} or %})"),
            ("\n{{ await x }}", 2, "await in the handler, and pass the result"),
            ("{{ '\\ud800'\ud800 }}", 1, "surrogates not allowed"),
            ("a\n{{ \0 }}", 2, "null bytes"),
            ("\n{{ " + "-" * 100_000 + "1 }}", 2, "nested too deep for Python's compiler"),
        ],
    )
    def test_s32_wrong_python(self, source: str, line: int, message: str) -> None:
        with pytest.raises(ParseError) as info:
            Template(source, name="t.html")
        error = info.value
        assert message in str(error)
        assert len(error.message) < 200
        # Programs that know Tornado expect a SyntaxError here.
        assert isinstance(error, SyntaxError)
        assert (error.filename, error.lineno) == ("t.html", line)
        assert 'File "t.html", line' in "".join(traceback.format_exception(error))

    def test_errors_survive_copies(self) -> None:
        for source in ("{{", "{{ 1 + }}"):
            with pytest.raises(ParseError) as info:
                Template(source, name="t.html")
            for twin in (copy.copy(info.value), pickle.loads(pickle.dumps(info.value))):
                assert type(twin) is type(info.value)
                assert str(twin) == str(info.value)

    def test_not_utf8(self) -> None:
        with pytest.raises(ParseError, match=r"not UTF-8 .* at t:2"):
            Template(b"a\n\xff", name="t")

    def test_in_an_included_file(self) -> None:
        files = {"a": "\n\n{% include b %}", "b": "\n{% foo %}"}
        with pytest.raises(ParseError, match="at b:2"):
            render_file(files, "a")

    @pytest.mark.parametrize(
        "block", ["if 1", "for x in [1]", "apply f", "block a", "while 1", "try"]
    )
    def test_deep_nesting(self, block: str) -> None:
        def nested(depth: int) -> str:
            close = "{% finally %}{% end %}" if block == "try" else "{% end %}"
            return f"{{% {block} %}}" * depth + "\n." + close * depth

        for depth in (MAX_TEMPLATE_NESTING + 1, 20_000):
            with pytest.raises(ParseError, match=f"nested more than {MAX_TEMPLATE_NESTING} deep"):
                Template(nested(depth))
        if block in ("if 1", "apply f", "block a"):
            deep = Template(nested(MAX_TEMPLATE_NESTING - 1))
            assert deep.generate(f=lambda s: s) == b"\n."

    def test_more_loops_than_python_takes(self) -> None:
        """It takes about 20 in each other, which depends on its version."""
        source = "\n" + "{% for a in b %}" * 60 + "." + "{% end %}" * 60
        with pytest.raises(ParseError, match=r"too many statically nested blocks .* at t:2"):
            Template(source, name="t")

    def test_nesting_over_several_files(self) -> None:
        half = MAX_TEMPLATE_NESTING // 2
        inner = "{% if 1 %}" * half + "." + "{% end %}" * half
        files = {
            "outer": "{% if 1 %}" * half + "{% include inner %}" + "{% end %}" * half,
            "inner": inner,
        }
        with pytest.raises(ParseError, match="nested more than"):
            render_file(files, "outer")
        assert render_file(files, "inner") == b"."


class TestTracebacks:
    @staticmethod
    def lines_of(template: Template, **names: Any) -> str:
        try:
            template.generate(**names)
        except Exception:
            return traceback.format_exc()
        raise AssertionError("it did not fail")

    @pytest.mark.parametrize(
        ("source", "shown"),
        [
            ("a\n{{ 1 / zero }}", "# t.html:2"),
            ("\n\n{% if 1 / zero %}{% end %}", "if 1 / zero:  # t.html:3"),
            ("\n{% for x in 1 / zero %}{% end %}", "for x in 1 / zero:  # t.html:2"),
            ("\n{% set x = 1 / zero %}", "x = 1 / zero  # t.html:2"),
            ("\n{% raw 1 / zero %}", "# t.html:2"),
            ("{% apply f %}\n{{ 1 / zero }}{% end %}", "# t.html:2"),
            ("\n{% apply f %}{% end %}", "# t.html:2"),
            ("{{ f(\n1 / zero\n) }}", "1 / zero  # t.html:1"),
            ("\n{{ broken }}", "# t.html:2"),
            ("{{ 1 }}" * 200 + "\n{{ 1 / zero }}", "# t.html:2"),
        ],
    )
    def test_the_line_of_the_template(self, source: str, shown: str) -> None:
        class Broken:
            def __str__(self) -> str:
                return str(1 / 0)

        def divide(value: Any) -> Any:
            return 1 // 0

        template = Template(source, name="t.html")
        text = self.lines_of(template, zero=0, f=divide, broken=Broken())
        assert shown in text
        assert 'File "t_html.generated.py"' in text

    def test_includes_blocks_and_where_they_were_used(self) -> None:
        files = {
            "a": "{% include b %}",
            "b": "\n{% include c %}",
            "c": "{{ 1 / 0 }}",
            "base": "\n{% block x %}{% end %}",
            "kid": "{% extends base %}\n\n{% block x %}{{ 1 / 0 }}{% end %}",
        }
        loader = DictLoader(files)
        assert "# c:1 (via b:2, a:1)" in self.lines_of(loader.load("a"))
        assert "# kid:3 (via base:2)" in self.lines_of(loader.load("kid"))

    def test_templates_of_the_same_name(self) -> None:
        one = Template("{{ one / 0 }}", name="t")
        two = Template("{{ two / 0 }}", name="t")
        for _ in range(2):
            assert "one / 0" in self.lines_of(one, one=1)
            assert "two / 0" in self.lines_of(two, two=2)

    def test_with_an_escape_function_of_ones_own(self) -> None:
        template = Template("{{ 1 }}\n{{ 1 / 0 }}", name="t")
        assert "xhtml_escape" in self.lines_of(template, xhtml_escape=lambda v: v)
        assert "# t:2" in self.lines_of(template, xhtml_escape=lambda v: v)

    def test_nothing_is_left_in_the_line_cache_by_success(self) -> None:
        before = len(linecache.cache)
        Template("{{ 1 }}", name="some.html").generate()
        assert len(linecache.cache) == before

    def test_names_cannot_smuggle_code(self) -> None:
        name = "t\nimport os  # \u2028x"
        template = Template("{{ 1 }}", name=name)
        assert template.generate() == b"1"
        assert template.name == name
        assert "import os" not in template.code.split("\n")


class TestTemplateObject:
    def test_attributes(self) -> None:
        loader = DictLoader({"d/t.html": "{{ 1 }}"}, namespace={"n": 1}, autoescape=None)
        template = loader.load("d/t.html")
        assert template.name == "d/t.html"
        assert template.loader is loader
        assert template.namespace is loader.namespace
        assert template.autoescape is None
        assert template.code.startswith("def _tt_execute(")
        assert compile(template.code, "x", "exec").co_code == template.compiled.co_code
        assert template.file
        assert Template("").namespace == {}
        assert Template("").autoescape == "xhtml_escape"

    def test_text_between_tags_is_joined(self) -> None:
        code = Template("a{# c #}b{{!c{% comment %}d{% block x %}e{% end %}f").code
        assert "'ab{{cdef'" in code

    def test_no_garbage(self) -> None:
        import gc

        class Seen:
            """Lives as long as the names that a template was given."""

        template = Template("{% for i in range(3) %}{{ i }}{% end %}")
        gc.disable()
        try:
            given = [Seen() for _ in range(50)]
            left = [weakref.ref(seen) for seen in given]
            while given:
                template.generate(x=given.pop())
            assert [seen for seen in left if seen() is not None] == []
        finally:
            gc.enable()

    def test_threads(self) -> None:
        """One template in many threads, each with its own names; one loader, each file once."""
        made: list[str] = []

        class Counting(DictLoader):
            def _create_template(self, name: str) -> Template:
                made.append(name)
                return super()._create_template(name)

        files = {"t": "{% for i in range(50) %}{{ n }}{% include s %}{% end %}", "s": "{{ n }},"}
        loader = Counting(files)
        barrier = threading.Barrier(8)
        wrong: list[Any] = []

        def work(number: int) -> None:
            barrier.wait()
            for _ in range(20):
                page = loader.load("t").generate(n=number)
                if page != b"%d%d," % (number, number) * 50:
                    wrong.append(page)

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(interval)
        assert not wrong
        assert sorted(made) == ["s", "t"]

    def test_a_long_template_takes_as_much_more_work(self) -> None:
        """Python calls of making it, which do not depend on the machine: linear."""

        def calls(nodes: int) -> int:
            count = 0

            def profile(frame: Any, event: str, argument: Any) -> None:
                nonlocal count
                count += 1

            source = "{% if x %}<b>{{ x }}</b>\n{% end %}" * nodes
            sys.setprofile(profile)
            try:
                template = Template(source)
            finally:
                sys.setprofile(None)
            assert template.generate(x="<") == b"<b>&lt;</b>\n" * nodes
            return count

        few, many = calls(500), calls(2000)
        assert many < 4.1 * few


class TestLoaders:
    def test_loaded_once_until_reset(self) -> None:
        files = {"a": "1"}
        loader = DictLoader(files)
        first = loader.load("a")
        files["a"] = "2"
        assert loader.load("a") is first
        assert loader.templates == {"a": first}
        loader.reset()
        assert loader.templates == {}
        assert loader.load("a").generate() == b"2"

    @pytest.mark.parametrize(
        ("name", "parent", "found"),
        [
            ("x", None, "x"),
            ("x", "a/b", "a/x"),
            ("../x", "a/b", "x"),
            ("./x", "a/b", "a/x"),
            ("/x", "a/b", "/x"),
            ("x", "/a/b", "x"),
            ("x", "<string>", "x"),
        ],
    )
    def test_relative_names(
        self, name: str, parent: str | None, found: str, tmp_path: Path
    ) -> None:
        assert DictLoader({}).resolve_path(name, parent) == found
        assert Loader(str(tmp_path)).resolve_path(name, parent) == found

    def test_files(self, tmp_path: Path) -> None:
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "a.html").write_bytes("ä{% include b.html %}".encode())
        (tmp_path / "sub" / "b.html").write_text("b{% include ../c.html %}")
        (tmp_path / "c.html").write_text("c")
        loader = Loader(str(tmp_path) + os.sep)
        assert loader.root == str(tmp_path)
        assert loader.load("sub/a.html").generate() == "äbc".encode()
        assert sorted(loader.templates) == ["c.html", "sub/a.html", "sub/b.html"]

    def test_s34_file_names_beyond_ascii(self, tmp_path: Path) -> None:
        (tmp_path / "té.html").write_text("{% include 日本.html %}")
        (tmp_path / "日本.html").write_text("{{ x }}")
        loader = Loader(str(tmp_path))
        assert loader.load("té.html").generate(x=1) == b"1"
        assert DictLoader({"té": "{{ 1 }}"}).load("té").generate() == b"1"
        with pytest.raises(NameError):
            loader.load("日本.html").generate()

    def test_a_loader_has_to_say_where(self) -> None:
        with pytest.raises(NotImplementedError, match="BaseLoader must define resolve_path"):
            BaseLoader().load("x")

        class Half(BaseLoader):
            def resolve_path(self, name: str, parent_path: str | None = None) -> str:
                return name

        with pytest.raises(NotImplementedError, match="Half must define _create_template"):
            Half().load("x")

    def test_public_names_say_where_they_live(self) -> None:
        for public in (BaseLoader, DictLoader, Loader, ParseError, Template, filter_whitespace):
            assert public.__module__ == "whirlwind.template"
