"""Pages from templates, UI modules, languages and static URLs, over real connections."""

from __future__ import annotations

import gc
import importlib
import re
import traceback
import types
import weakref

import pytest

from .server import PACKAGE, httputil, web

template = importlib.import_module(f"{PACKAGE}.template")
locale = importlib.import_module(f"{PACKAGE}.locale")

OURS = PACKAGE == "whirlwind"


@pytest.fixture(autouse=True)
def _loaders():
    web.RequestHandler._template_loaders.clear()


@pytest.fixture
def translations(tmp_path, monkeypatch):
    """Three languages besides English."""
    for name in ("_translations", "_supported_locales", "_use_gettext", "_default_locale"):
        monkeypatch.setattr(locale, name, getattr(locale, name))
    monkeypatch.setattr(locale.Locale, "_cache", {})
    for code, word in (("fr_FR", "bonjour"), ("de", "hallo"), ("pt_BR", "olá")):
        (tmp_path / f"{code}.csv").write_text(f"hello,{word}\n", encoding="utf-8")
    locale.load_translations(str(tmp_path))


class Page(web.RequestHandler):
    """Renders the template that the query names."""

    def get(self):
        self.render(self.get_argument("t", "page.html"), x="<x>")


def page_of(start, files, **settings):
    """The answer to a request for the first of some files."""
    settings.setdefault("template_loader", template.DictLoader(files))
    server = start(web.Application([("/", Page)], **settings))
    return server.request(f"/?t={next(iter(files))}")


def traceback_of(logs):
    """The only traceback in the log."""
    (info,) = [record.exc_info for record in logs.records if record.exc_info]
    return "".join(traceback.format_exception(*info))


class TestRender:
    def test_a_page(self, start):
        answer = page_of(start, {"page.html": "<p>{{ x }}</p>"})
        assert (answer.status, answer.body) == (200, b"<p>&lt;x&gt;</p>")
        assert answer.get("Content-Type") == "text/html; charset=UTF-8"
        assert answer.get("Content-Length") == "16"
        assert answer.get("Etag")

    def test_names_of_every_template(self, start):
        source = (
            "{% module Me() %}|{{ request.path }}|{{ current_user }}|{{ locale.code }}|"
            "{{ _('hello') }}|{{ pgettext('a', 'b') }}|{{ static_url('none.css') }}|"
            "{{ reverse_url('home', 7) }}|{% raw xsrf_form_html() %}|{{ greet('you') }}|"
            "{{ handler.ui.greet('them') }}|{{ _tt_modules is modules }}"
        )

        class Me(web.UIModule):
            def render(self):
                return str(self.handler.request is self.request)

        class Users(Page):
            def get_current_user(self):
                return "ann"

        def greet(handler, whom):
            return f"{handler.current_user} greets {whom}"

        application = web.Application(
            [("/", Users), web.url("/home/(.*)", Users, name="home")],
            template_loader=template.DictLoader({"page.html": source}),
            static_path="/nonexistent",
            ui_modules={"Me": Me},
            ui_methods={"greet": greet},
        )
        answer = start(application).request()
        parts = answer.body.decode().split("|", 8)
        assert parts[:8] == [
            *("True", "/", "ann", "en_US", "hello", "b", "/static/none.css", "/home/7")
        ]
        field = re.match(r'<input type="hidden" name="_xsrf" value="(.*?)"/>\|', parts[8])
        assert answer.get("Set-Cookie").startswith(f"_xsrf={field[1]}; ")
        assert parts[8][field.end() :] == "ann greets you|ann greets them|True"

    def test_a_hook_adds_names(self, serve):
        class Named(Page):
            def get_template_namespace(self):
                return {**super().get_template_namespace(), "site": "Whirl", "x": "hidden"}

        files = {"page.html": "{{ site }} {{ x }}"}
        server = serve(Named, {"template_loader": template.DictLoader(files)})
        assert server.request().body == b"Whirl &lt;x&gt;"

    def test_render_string(self, serve):
        class Twice(web.RequestHandler):
            def get(self):
                part = self.render_string("part.html", x=1)
                assert part == b"[1]"
                self.write(part + self.render_string("part.html", x=2))

        files = {"part.html": "[{{ x }}]"}
        server = serve(Twice, {"template_loader": template.DictLoader(files)})
        assert server.request().body == b"[1][2]"

    def test_after_the_end(self, serve, logs):
        class Late(web.RequestHandler):
            def get(self):
                self.finish("done")
                with pytest.raises(RuntimeError, match=r"Cannot render\(\) after finish\(\)"):
                    self.render("page.html")

        assert serve(Late).request().body == b"done"
        assert logs.tracebacks() == []

    def test_what_render_returns_can_be_awaited(self, serve):
        class Waits(web.RequestHandler):
            async def get(self):
                await self.render("page.html")

        server = serve(Waits, {"template_loader": template.DictLoader({"page.html": "p"})})
        assert server.request().body == b"p"

    def test_an_error_names_the_line(self, start, logs):
        answer = page_of(start, {"page.html": "a\n{{ 1 / 0 }}"})
        assert answer.status == 500
        text = traceback_of(logs)
        assert "# page.html:2" in text

    def test_another_template_engine(self, serve):
        class Engine:
            def load(self, name):
                return self

            def generate(self, **names):
                return f"{names['x']} by {type(names['handler']).__name__}".encode()

            def reset(self):
                pass

        assert serve(Page, {"template_loader": Engine()}).request().body == b"<x> by Page"

    def test_a_replaced_generate(self, serve, monkeypatch):
        loader = template.DictLoader({"page.html": "{{ x }}"})
        server = serve(Page, {"template_loader": loader})
        assert server.request().body == b"&lt;x&gt;"
        monkeypatch.setattr(template.Template, "generate", lambda self, **names: b"class")
        assert server.request().body == b"class"
        made = loader.load("page.html")
        monkeypatch.setattr(made, "generate", lambda **names: b"instance", raising=False)
        assert server.request().body == b"instance"


class TestWhereTemplatesAre:
    def write(self, directory, **files):
        for name, text in files.items():
            (directory / f"{name}.html").write_text(text)
        return str(directory)

    def test_in_the_setting(self, serve, tmp_path):
        path = self.write(tmp_path, page="  {{ x }}  {% include part.html %}", part="part")
        assert serve(Page, {"template_path": path}).request().body == b" &lt;x&gt; part"

    def test_s33_settings_for_the_loader(self, serve, tmp_path):
        path = self.write(tmp_path, page="a \n b{{ x }}")
        settings = {"template_path": path, "autoescape": None, "template_whitespace": "oneline"}
        assert serve(Page, settings).request().body == b"a b<x>"
        # Another application's settings are its own.
        assert serve(Page, {"template_path": path}).request().body == b"a\nb&lt;x&gt;"

    def test_beside_the_file_that_renders(self, serve, tmp_path):
        self.write(tmp_path, page="page {{ x }}{% module Part() %}", part="part {{ x }}")
        source = """
def render(handler):
    handler.render("page.html", x=1)

def part(module):
    return module.render_string("part.html", x=2)
"""
        program: dict = {}
        exec(compile(source, str(tmp_path / "program.py"), "exec"), program)

        class Part(web.UIModule):
            render = program["part"]

        class Beside(web.RequestHandler):
            get = program["render"]

        assert serve(Beside, {"ui_modules": {"Part": Part}}).request().body == b"page 1part 2"

    def test_a_hook_says_where(self, serve, tmp_path):
        path = self.write(tmp_path, page="here")

        class Elsewhere(Page):
            def get_template_path(self):
                return path

        assert serve(Elsewhere, {"template_path": "/nonexistent"}).request().body == b"here"

    @pytest.mark.skipif(not OURS, reason="Tornado takes the loader of the first handler")
    def test_each_way_of_making_loaders_has_its_own(self, start):
        made = []

        def loading(text):
            class Own(Page):
                def create_template_loader(self, template_path):
                    made.append((text, template_path))
                    return template.DictLoader({"page.html": text})

            return Own

        routes = [("/a", loading("a")), ("/b", loading("b"))]
        server = start(web.Application(routes, template_path="/t"))
        for _ in range(2):
            assert server.request("/a").body == b"a"
            assert server.request("/b").body == b"b"
        assert made == [("a", "/t"), ("b", "/t")]

    @pytest.mark.parametrize("settings", [{"compiled_template_cache": False}, {"debug": True}])
    def test_templates_may_change(self, serve, tmp_path, settings):
        path = self.write(tmp_path, page="{% include part.html %}", part="old")
        settings = {**settings, "autoreload": False}
        changing = serve(Page, {"template_path": path, **settings})
        fixed = serve(Page, {"template_path": path})
        assert changing.request().body == b"old"
        if OURS:  # Tornado's applications share their loaders
            assert fixed.request().body == b"old"
        self.write(tmp_path, part="new")
        if OURS:
            assert fixed.request().body == b"old"
        assert changing.request().body == b"new"

    def test_the_loaders_can_be_cleared(self, serve, tmp_path):
        server = serve(Page, {"template_path": self.write(tmp_path, page="old")})
        assert server.request().body == b"old"
        self.write(tmp_path, page="new")
        assert server.request().body == b"old"
        web.RequestHandler._template_loaders.clear()
        assert server.request().body == b"new"

    @pytest.mark.skipif(not OURS, reason="Tornado keeps loaders for ever")
    def test_loaders_go_with_their_application(self):
        gc.collect()  # the applications of other tests
        before = len(web.RequestHandler._template_loaders)
        loader = template.DictLoader({"page.html": "p"})
        application = web.Application([], template_loader=loader)
        request = httputil.HTTPServerRequest("GET", "/")
        assert web.RequestHandler(application, request).render_string("page.html") == b"p"
        assert len(web.RequestHandler._template_loaders) == before + 1
        gone = weakref.ref(application)
        del application, request
        gc.collect()
        assert gone() is None
        assert len(web.RequestHandler._template_loaders) == before


class Box(web.UIModule):
    """Needs one of everything."""

    made = 0

    def __init__(self, handler):
        super().__init__(handler)
        type(self).made += 1

    def render(self, *args, **options):
        return f"<box {args} {options}>"

    def embedded_javascript(self):
        return "box()"

    def javascript_files(self):
        return "box.js"

    def embedded_css(self):
        return "box {}"

    def css_files(self):
        return ["box.css", "/abs.css", "https://x/y.css", "box.css"]

    def html_head(self):
        return "<meta box>"

    def html_body(self):
        return "<div box>"


class Lid(web.UIModule):
    """The same in other types."""

    def render(self):
        return b"<lid>"

    def embedded_javascript(self):
        return b"lid()"

    def javascript_files(self):
        return ["lid.js", "box.js"]

    def embedded_css(self):
        return b"lid {}"

    def html_head(self):
        return b"<meta lid>"


class TestUIModules:
    PAGE = "<head>{% module Box(1, a=2) %}</head><body>{% module Lid() %}{% module Box() %}</body>"

    def test_what_a_page_needs(self, start):
        Box.made = 0
        answer = page_of(
            start,
            {"page.html": self.PAGE},
            ui_modules=[{"Box": Box}, {"Lid": Lid, "something else": 5}],
            static_path="/nonexistent",
        )
        link = '<link href="{}" type="text/css" rel="stylesheet"/>'
        links = [link.format(u) for u in ("/static/box.css", "/abs.css", "https://x/y.css")]
        script = '<script src="/static/{}.js" type="text/javascript"></script>'
        assert answer.body.decode() == (
            "<head><box (1,) {'a': 2}>"
            + "".join(links)
            + '\n<style type="text/css">\nbox {}\nlid {}\n</style>\n<meta box><meta lid>\n'
            + "</head><body><lid><box () {}>"
            + script.format("box")
            + script.format("lid")
            + '\n<script type="text/javascript">\n//<![CDATA[\nbox()\nlid()\n//]]>\n</script>'
            + "\n<div box>\n</body>"
        )
        assert Box.made == 1

    def test_render_string_leaves_it_out(self, serve):
        class Part(web.RequestHandler):
            def get(self):
                self.write(self.render_string("page.html"))

        settings = {
            "template_loader": template.DictLoader({"page.html": "{% module Box() %}</body>"}),
            "ui_modules": {"Box": Box},
        }
        assert serve(Part, settings).request().body == b"<box () {}></body>"

    @pytest.mark.parametrize(
        ("html", "missing"), [("</head>", "</body>"), ("</body>", "</head>"), ("", "</body>")]
    )
    def test_a_page_without_the_place(self, start, logs, html, missing):
        answer = page_of(
            start,
            {"page.html": "{% module Box() %}" + html},
            ui_modules={"Box": Box},
            static_path="/nonexistent",
        )
        assert answer.status == 500
        text = traceback_of(logs)
        if OURS:
            assert f"ValueError: the page needs {missing}" in text

    def test_how_it_is_put_in_can_be_changed(self, serve):
        class Own(Page):
            def render_linked_js(self, js_files):
                return f"<js {list(js_files)}>"

            def render_embed_js(self, js_embed):
                return b"<ejs %d>" % len(list(js_embed))

            def render_linked_css(self, css_files):
                return "<css>"

            def render_embed_css(self, css_embed):
                return b"<ecss>"

        settings = {
            "template_loader": template.DictLoader({"page.html": self.PAGE}),
            "ui_modules": {"Box": Box, "Lid": Lid},
        }
        page = serve(Own, settings).request().body
        assert b"<js ['box.js', 'lid.js', 'box.js']>\n<ejs 2>\n<div box>\n</body>" in page
        assert b"<css>\n<ecss>\n<meta box><meta lid>\n</head>" in page

    def test_urls_are_escaped(self, serve):
        class Urls(web.RequestHandler):
            def get(self):
                self.write(self.render_linked_js(iter(["/a?b&c", '/"', "/a?b&c"])))
                self.write(self.render_linked_css(["/<", "//host/d.css"]))

        assert serve(Urls).request().body.decode() == (
            '<script src="/a?b&amp;c" type="text/javascript"></script>'
            '<script src="/&quot;" type="text/javascript"></script>'
            '<link href="/&lt;" type="text/css" rel="stylesheet"/>'
            '<link href="//host/d.css" type="text/css" rel="stylesheet"/>'
        )

    def test_a_module_sees_the_request(self, start):
        class Sees(web.UIModule):
            def render(self):
                assert self.handler.request is self.request
                assert self.ui is self.handler.ui
                user = self.current_user
                return (
                    f"{self.request.path} {user} {self.locale.code} "
                    + self.render_string("part.html", x=1).decode()
                )

        files = {"page.html": "{% module Sees() %}", "part.html": "part {{ x }}"}
        answer = page_of(start, files, ui_modules={"Sees": Sees})
        assert answer.body == b"/ None en_US part 1"

    def test_the_modules_that_are_always_there(self, start):
        files = {
            "page.html": "{% module linkify('see http://a.b', extra_params='rel=x') %}"
            "{% module xsrf_form_html() %}{% module Template('part.html', y=2) %}",
            "part.html": "[{{ y }}]",
        }
        body = page_of(start, files).body.decode()
        assert body.startswith('see <a href="http://a.b" rel=x>http://a.b</a><input type="hidden"')
        assert body.endswith("[2]")

    def test_templates_with_resources(self, start):
        resources = (
            "embedded_javascript='js()', javascript_files='a.js', embedded_css='c {}', "
            "css_files=['c.css'], html_head='<meta>', html_body='<div>'"
        )
        files = {
            "page.html": "<head></head>{% module Template('a.html', x=1) %}"
            "{% module Template('a.html', x=2) %}{% module Template('b.html') %}</body>",
            "a.html": f"{{{{ set_resources({resources}) }}}}[{{{{ x }}}}]",
            "b.html": "{{ set_resources(javascript_files=['a.js', 'b.js'], html_head='<2>') }}",
        }
        body = page_of(start, files, static_path="/nonexistent").body.decode()
        assert "[1][2]" in body
        assert body.count("c.css") == body.count("a.js") == body.count("b.js") == 1
        assert "<style" in body
        assert "<meta><2>\n</head>" in body
        assert "js()\n//]]>" in body
        assert "<div>\n</body>" in body

    def test_a_template_with_changing_resources(self, start, logs):
        files = {
            "page.html": "{% module Template('a.html', x=1) %}{% module Template('a.html', x=2) %}",
            "a.html": "{{ set_resources(javascript_files=['%d.js' % x]) }}",
        }
        assert page_of(start, files).status == 500
        text = traceback_of(logs)
        assert "different resources for the same template" in text or "'a.html'" in text

    def test_what_is_not_there(self, start, logs):
        assert page_of(start, {"page.html": "{% module Nope() %}"}).status == 500
        text = traceback_of(logs)
        assert "AttributeError" in text
        assert "'Nope'" in text

    def test_a_module_has_to_render(self, start, logs):
        answer = page_of(
            start, {"page.html": "{% module UIModule() %}"}, ui_modules={"UIModule": web.UIModule}
        )
        assert answer.status == 500
        assert "NotImplementedError" in traceback_of(logs)

    def test_names_from_python_modules(self):
        module = types.ModuleType("parts")
        module.Box = Box
        module.helper = module._hidden = module.Upper = lambda handler: ""
        module.number = 5
        application = web.Application(ui_modules=module, ui_methods=[module, {"more": len}])
        assert set(application.ui_modules) == {"Box", "linkify", "xsrf_form_html", "Template"}
        assert set(application.ui_methods) == {"helper", "more"}

    @pytest.mark.skipif(not OURS, reason="an assertion without a text in Tornado")
    @pytest.mark.parametrize("setting", ["ui_modules", "ui_methods"])
    def test_a_wrong_setting(self, setting):
        with pytest.raises(TypeError, match=f"the setting '{setting}' must be a dict, a module"):
            web.Application(**{setting: 5})

    def test_nothing_is_left_behind(self, serve):
        """Handlers of pages with modules are gone without the garbage collector."""
        alive = []

        class Watched(Page):
            def on_finish(self):
                alive.append(weakref.ref(self))
                assert self.ui.modules is not None

        settings = {
            "template_loader": template.DictLoader({"page.html": "{% module linkify('x') %}"})
        }
        server = serve(Watched, settings)
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                server.request()
            server.turn()
            if OURS:
                assert [ref() for ref in alive] == [None] * 3
        finally:
            gc.enable()


class TestLanguages:
    class Tell(web.RequestHandler):
        def get(self):
            self.write(f"{self.locale.code} {self.locale.translate('hello')}")

    @pytest.mark.parametrize(
        ("accepted", "code"),
        [
            (None, "en_US"),
            ("fr-FR", "fr_FR"),
            ("fr-FR,fr;q=0.9,en;q=0.8", "fr_FR"),
            ("en;q=0.5,de;q=0.9", "de"),
            ("xx, de", "de"),
            ("de;q=0, pt-br;q=0.1", "pt_BR"),
            ("de;q=x, fr-FR", "fr_FR"),
            ("fr-FR;q=0.5,de;q=0.5", "fr_FR"),
            ("de;q=-1", "en_US"),
            ("*", "en_US"),
            (",,de", "de"),
            ("", "en_US"),
        ],
    )
    def test_of_the_browser(self, serve, translations, accepted, code):
        fields = {} if accepted is None else {"Accept-Language": accepted}
        assert serve(self.Tell).request(fields=fields).body.decode().split()[0] == code

    @pytest.mark.skipif(not OURS, reason="Tornado wants q first and no blanks")
    @pytest.mark.parametrize(
        ("accepted", "code"),
        [
            ("de ; q=0.3 , fr-FR ; Q = 0.4", "fr_FR"),
            ("de;x=1;q=0.5,fr-FR;q=0.6", "fr_FR"),
            ("de;q=nan,fr-FR;q=0.1", "fr_FR"),
            ("x," * 49 + "de", "de"),
            ("x," * 20000 + "de", "en_US"),  # nobody speaks that many
        ],
    )
    def test_of_other_browsers(self, serve, translations, accepted, code):
        fields = {"Accept-Language": accepted}
        assert serve(self.Tell).request(fields=fields).body.decode().split()[0] == code

    def test_of_the_user(self, serve, translations):
        class Chosen(self.Tell):
            def get_user_locale(self):
                chosen = self.get_argument("l", None)
                return locale.get(chosen) if chosen else None

        server = serve(Chosen)
        assert server.request("/?l=fr_FR", fields={"Accept-Language": "de"}).body == (
            b"fr_FR bonjour"
        )
        assert server.request("/", fields={"Accept-Language": "de"}).body == b"de hallo"

    def test_asked_once_and_can_be_set(self, serve, translations):
        asked = []

        class Sets(web.RequestHandler):
            def get_user_locale(self):
                asked.append(1)

            def get(self):
                assert self.locale is self.locale
                assert asked == [1]
                self.locale = locale.get("de")
                self.write(self.locale.code)

        assert serve(Sets).request().body == b"de"

    def test_without_a_wish(self, serve, translations):
        class Default(web.RequestHandler):
            def get(self):
                codes = [self.get_browser_locale().code, self.get_browser_locale("fr_FR").code]
                self.write(" ".join(codes))

        server = serve(Default)
        assert server.request().body == b"en_US fr_FR"
        assert server.request(fields={"Accept-Language": "xx"}).body == b"en_US en_US"

    def test_an_error_in_the_hook_is_its_own(self, serve, logs):
        class Broken(self.Tell):
            def get_user_locale(self):
                return self.nothing

        assert serve(Broken).request().status == 500
        assert "has no attribute 'nothing'" in traceback_of(logs)


class TestStaticURL:
    def test_urls(self, serve, tmp_path):
        (tmp_path / "a.css").write_text("a")

        class Urls(web.RequestHandler):
            def get(self):
                urls = [
                    self.static_url("a.css"),
                    self.static_url("a.css", include_version=False),
                    self.static_url("a.css", include_host=True, include_version=False),
                ]
                self.include_host = True
                urls.append(self.static_url("none.css"))
                urls.append(self.static_url("none.css", include_host=False))
                self.write({"urls": urls})

        settings = {"static_path": str(tmp_path), "static_url_prefix": "/s/"}
        server = serve(Urls, settings)
        body = server.request(fields={"Host": "site.example"}).body.decode()
        with_version, without, *others = re.findall(r'"(.*?)"', body)[1:]
        assert re.fullmatch(r"/s/a\.css\?v=[0-9a-f]{16,}", with_version)
        assert without == "/s/a.css"
        host = "http://site.example"
        assert others == [f"{host}/s/a.css", f"{host}/s/none.css", "/s/none.css"]

    def test_a_handler_class_of_ones_own(self, serve):
        class Files(web.StaticFileHandler):
            @classmethod
            def make_static_url(cls, settings, path, include_version=True):
                return f"https://cdn/{path}?{include_version}"

        class Urls(web.RequestHandler):
            def get(self):
                self.write(self.static_url("a"))

        settings = {"static_path": "/nonexistent", "static_handler_class": Files}
        assert serve(Urls, settings).request().body == b"https://cdn/a?True"

    def test_needs_a_directory(self, serve, logs):
        class Urls(web.RequestHandler):
            def get(self):
                self.write(self.static_url("a"))

        assert serve(Urls).request().status == 500
        assert "'static_path' setting in your application to use static_url" in (traceback_of(logs))
