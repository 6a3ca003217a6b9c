"""What docs/templates.md says about templates, tried."""

import re
from pathlib import Path

import pytest

from whirlwind import locale, web
from whirlwind.httputil import HTTPServerRequest
from whirlwind.protocol.limits import MAX_TEMPLATE_NESTING
from whirlwind.template import DictLoader, Template, filter_whitespace
from whirlwind.template.parser import _CONTINUES, _WITH_BODY

DOCUMENT = Path(__file__).parents[2] / "docs/templates.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")


def test_every_tag_is_there() -> None:
    (table,) = re.findall(r"## Tags\n\n(.*?)\n\n", TEXT, re.S)
    tags = set(re.findall(r"\{% (\w+)", table))
    single = {"raw", "set", "import", "from", "extends", "include", "module", "autoescape"}
    assert tags == {
        *(_WITH_BODY | _CONTINUES.keys() | single),
        *("break", "continue", "end", "whitespace", "comment"),
    }


def test_examples() -> None:
    (source, given, page) = re.findall(
        r'Template\("(.*?)"\)\n +page\.generate\((.*?)\) +# (b".*?")\n', TEXT
    )[0]
    assert Template(source).generate(**eval(f"dict({given})")) == eval(page)
    assert Template('{{ {"a": {} } }}').generate() == b"{&#x27;a&#x27;: {}}"
    query = '</script>"&'
    (link, script) = re.findall(r"    (<a href.*?)\n    (<script>.*?)\n", TEXT)[0]
    assert Template(link + script).generate(query=query) == (
        b'<a href="/search?q=%3C%2Fscript%3E%22%26">&lt;/script&gt;&quot;&amp;</a>'
        b'<script>const query = "<\\/script>\\"&";</script>'
    )


def test_inheritance() -> None:
    (block,) = re.findall(r"## Inheritance\n\n(.*?)\n\nWhat", TEXT, re.S)
    files: dict[str, str] = {"item.html": "[{{ item.name }}]"}
    name = ""
    for line in block.split("\n"):
        head = re.match(r"    (\w+\.html)?\s*(.*)", line)
        if head:
            name = head[1] or name
            files[name] = files.get(name, "") + head[2]
    item = type("Item", (), {"name": "x"})
    page = DictLoader(files).load("page.html").generate(item=item)
    assert page == b"<title>x</title><main>[x]</main>"


def test_names() -> None:
    (names,) = re.findall(r"Always there: (.*?)\. On top", TEXT, re.S)
    for name in re.findall(r"`(\w+)`", names):
        assert Template("{{ " + name + " }}").generate()
    (names,) = re.findall(r"handlers add (.*?)\. Override", TEXT, re.S)
    handler = web.RequestHandler(web.Application(), HTTPServerRequest("GET", "/"))
    namespace = handler.get_template_namespace()
    assert set(re.findall(r"`(\w+)`", names)) == set(namespace) - {"_tt_modules", "modules"}


def test_numbers_and_modes() -> None:
    assert f"nested {MAX_TEMPLATE_NESTING} deep" in TEXT
    (modes,) = re.findall(r"## Whitespace\n\n(.*?)Files that", TEXT, re.S)
    for mode in re.findall(r"`(\w+)` (?:keeps|makes)", modes):
        filter_whitespace(mode, "")


def test_messages() -> None:
    (message,) = re.findall(r"    (invalid syntax in .*?)\n", TEXT)
    with pytest.raises(SyntaxError) as info:
        Template("\n" * 11 + "{{ 1 + }}", name="item.html")
    assert str(info.value) == message
    files = {"page.html": "\n" * 6 + "{% include item.html %}", "item.html": "\n\n{{ item.nmae }}"}
    code = DictLoader(files).load("page.html").code
    (line,) = re.findall(r"      _tt_1 = (.*?)\n", TEXT)
    assert line in code


def test_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_translations", "_supported_locales", "_use_gettext"):
        monkeypatch.setattr(locale, name, getattr(locale, name))
    monkeypatch.setattr(locale.Locale, "_cache", {})
    (rows,) = re.findall(r'\n\n((?:    ".*\n)+)', TEXT)
    (tmp_path / "de.csv").write_text(rows.replace("    ", ""), encoding="utf-8")
    (source,) = re.findall(r"<p>({{ _\(.*?}})</p>", TEXT)
    locale.load_translations(str(tmp_path))
    translate = locale.get("de").translate
    pages = [Template(source).generate(_=translate, count=count) for count in (1, 2)]
    assert pages == [b"Eine Nachricht", b"2 Nachrichten"]
    assert translate("Welcome") == "Willkommen"
