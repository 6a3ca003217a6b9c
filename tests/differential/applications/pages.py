"""Pages from templates, and the ways to them."""

import json
import os
from typing import Any

from tests.differential.applications.static_files import a_site
from tests.differential.applications.tools import (
    FOLDER,
    application,
    both,
    form,
    get,
    head,
    httputil,
    in_folder,
    locale,
    new,
    post,
    routing,
    says,
    template,
    web,
    wsgi,
)

# --- pages ----------------------------------------------------------------------------------------

PAGES = {
    "page.html": "<html><head><title>t</title></head><body>{{ text }}{% raw text %}</body></html>",
    "names.html": "{{ request.path }} {{ handler.__class__.__name__ }} {{ current_user }}"
    ' {{ locale.code }} {{ _("word") }} {{ reverse_url("page") }} {{ pgettext("a", "b") }}',
    "base.html": "<head>\n</head>\n<body>  {% block body %}base{% end %}\n\n  </body>",
    "child.html": '{% extends "base.html" %}\n{% block body %}{% include "part.html" %}{% end %}',
    "part.html": "{% for i in range(3) %}{{ i }}, {% end %}",
    "modules.html": "<head></head><body>{% module Entry(1) %}{% module Entry(2) %}"
    '{% module Template("part.html") %}{% module Quiet() %}</body>',
    "entry.html": "<i>{{ number }}</i>",
    "methods.html": '{{ shout("a<") }}{{ linkify("see http://a.example/?b&c") }}',
    "linkify.html": '{% module linkify("www.example.com and http://a.example") %}',
    "form.html": "<form>{% module xsrf_form_html() %}</form>",
    "plain.txt": "{{ text }}   x\n\n  y",
    "wrong.html": "{% if %}",
    "undefined.html": "{{ nothing }}",
    "unescaped.html": "{% autoescape None %}{{ text }}{{ escape(text) }}",
    "static.html": '<img src="{{ static_url("a.txt") }}">',
    "script.js": "var a = {{ json_encode(text) }};   //  x",
}


def pages(**settings: Any) -> Any:
    class Entry(web.UIModule):  # type: ignore[misc, name-defined]
        def render(self, number: int) -> Any:
            return self.render_string("entry.html", number=number)

        def css_files(self) -> list[str]:
            return ["a.txt", "http://cdn.example/x.css", "/abs.css"]

        def javascript_files(self) -> str:
            return "b.js"

        def embedded_css(self) -> str:
            return "i { color: red }"

        def embedded_javascript(self) -> str:
            return "entry()"

        def html_head(self) -> str:
            return "<meta>"

        def html_body(self) -> str:
            return "<footer>"

    class Quiet(web.UIModule):  # type: ignore[misc, name-defined]
        def render(self) -> str:
            return f"quiet {self.handler.request.path} {self.locale.code} {self.current_user}"

    def shout(handler: Any, text: str) -> str:
        return text.upper() + handler.request.method

    def show(self: Any, name: str) -> Any:
        return self.render(name, text="<b>&\"é'")

    def string(self: Any) -> None:
        self.write(
            self.render_string("part.html") + b"|" + self.render_string("entry.html", number=1)
        )

    # A folder for each application: Tornado shares what it loaded from one folder among all.
    place = "pages" + "".join(sorted(settings))
    folder = os.path.dirname(in_folder(f"{place}/x"))
    for name, text in PAGES.items():
        in_folder(f"{place}/{name}", text.encode())
    settings.setdefault("template_path", folder)
    settings.update(
        ui_modules={"Entry": Entry, "Quiet": Quiet},
        ui_methods={"shout": shout},
        static_path=a_site(),
    )
    routes = [
        web.url("/p/(.*)", new(get=show, head=show)),
        web.url("/", new(get=string), name="page"),
    ]
    targets = [f"/p/{name}" for name in PAGES]
    return routes, settings, [*both(*targets), *both("/", "/p/missing.html")]


@application
def rendered() -> Any:
    return pages()


@application
def rendered_without_escaping() -> Any:
    return pages(autoescape=None)


@application
def rendered_with_all_blanks() -> Any:
    return pages(template_whitespace="all", compiled_template_cache=False)


@application
def rendered_in_one_line() -> Any:
    return pages(template_whitespace="oneline", another="folder")


@application
def rendered_by_a_loader() -> Any:
    return pages(template_loader=template.DictLoader(PAGES, autoescape="url_escape"))


@application
def resources_put_in_otherwise() -> Any:
    class Module(web.UIModule):  # type: ignore[misc, name-defined]
        def render(self) -> str:
            return "module"

        def javascript_files(self) -> list[str]:
            return ["a.js", "a.js"]

        def css_files(self) -> list[str]:
            return ["a.css"]

        def embedded_css(self) -> str:
            return "css"

        def embedded_javascript(self) -> str:
            return "js"

    def show(self: Any) -> Any:
        return self.render("a.html")

    page = new(
        get=show,
        render_linked_js=lambda self, files: "JS " + " ".join(files),
        render_linked_css=lambda self, files: "CSS " + " ".join(files),
        render_embed_js=lambda self, scripts: b"EJS " + b" ".join(scripts),
        render_embed_css=lambda self, styles: b"ECSS " + b" ".join(styles),
    )
    text = "<head></head><body>{% module M() %}{% module M() %}{% module N() %}</body>"
    other = new(base=Module, css_files=lambda self: ["b.css", "a.css"])
    settings = {
        "template_loader": template.DictLoader({"a.html": text}),
        "ui_modules": {"M": Module, "N": other},
    }
    return [("/", page), ("/usual", new(get=show))], settings, [get("/"), get("/usual")]


@application
def languages() -> Any:
    in_folder(
        "csv/de_DE.csv",
        b'"word","Wort"\n"%d day","%d Tag","singular"\n"%d day","%d Tage","plural"\n',
    )
    in_folder("csv/fr_FR.csv", b'"word","mot"\n')
    locale.load_translations(os.path.join(FOLDER, "csv"))

    def show(self: Any) -> None:
        translate = self.locale.translate
        self.write(f"{self.locale.code} {translate('word')} {translate('%d day', '%d day', 2) % 2}")

    def of_user(self: Any) -> Any:
        code = self.get_argument("x", None)
        return locale.get(code) if code else None

    routes = [("/", new(get=show)), ("/user", new(get=show, get_user_locale=of_user))]
    accepted = ["de", "de-DE", "fr;q=0.5, de;q=0.9", "de;q=0.1,fr", "xx", "*", "", "en", "DE-de"]
    accepted += ["de;q=0,fr", "fr;q=x", "fr-CA", ",,de", "de;q=2", "de-AT, fr"]
    asked = [
        get(t, f"Accept-Language: {a}") for t in ("/", "/user?x=fr_FR", "/user") for a in accepted
    ]
    return routes, {}, [get("/"), get("/user?x=de"), *asked]


# --- routing --------------------------------------------------------------------------------------


@application
def hosts() -> Any:
    made = web.Application([("/", says("any"))])
    made.add_handlers(r"www\.example\.com", [("/", says("www")), ("/www", says("only www"))])
    made.add_handlers(r".*\.test", [("/", says("test"))])
    names = ["example.com", "www.example.com", "WWW.EXAMPLE.COM", "www.example.com:8080", "a.test"]
    names += ["wwwXexample.com", "[::1]", "a.test."]
    asked = [get(t, f"Host: {name}") for name in names for t in ("/", "/www")]
    return made, {}, asked


@application
def a_default_host() -> Any:
    made = web.Application([], default_host="www.example.com")
    made.add_handlers(r"www\.example\.com", [("/", says("www"))])
    made.add_handlers(r"other\.example", [("/", says("other"))])
    names = [
        "www.example.com",
        "other.example",
        "nowhere.example",
        "127.0.0.1",
        "www.example.com:1",
    ]
    asked = [
        get("/", f"Host: {name}", *more) for name in names for more in ([], ["X-Real-Ip: 1.1.1.1"])
    ]
    return made, {}, asked


@application
def routers() -> Any:
    class Mine(routing.Router):  # type: ignore[misc, name-defined]
        def find_handler(self, request: Any, **kwargs: Any) -> Any:
            if request.path == "/mine/none":
                return None
            return inner.get_handler_delegate(request, says("mine"), path_args=[b"x"])

    def callback(request: Any) -> None:
        start = httputil.ResponseStartLine("HTTP/1.1", 200, "OK")
        headers = httputil.HTTPHeaders({"Content-Length": "8"})
        request.connection.write_headers(start, headers, b"callback")
        request.connection.finish()

    inner = web.Application([("/app/(.*)", says("inner")), ("/mine.*", Mine())])
    router = routing.RuleRouter(
        [
            routing.Rule(routing.PathMatches("/app.*"), inner),
            routing.Rule(
                routing.HostMatches("only.example"), web.Application([(".*", says("host"))])
            ),
            routing.Rule(routing.PathMatches("/callback"), callback),
            (
                "/nested.*",
                routing.RuleRouter([("/nested/a", web.Application([(".*", says("a"))]))]),
            ),
            routing.Rule(routing.PathMatches("/mine.*"), Mine()),
        ]
    )
    asked = [get("/", "Host: only.example"), *both("/app/x", "/app/", "/callback", "/nested/a")]
    return router, {}, [*asked, *both("/mine/x", "/nested/b", "/elsewhere")]


@application
def applications_in_applications() -> Any:
    inner = web.Application([("/in/(.*)", says("inner"))], default_handler_class=says("default"))
    matcher = routing.PathMatches("/match/(?P<name>.*)")
    named = new(get=lambda self, name: self.write(f"named {name}"))
    routes = [
        ("/in/.*", inner),
        routing.Rule(matcher, named, {}, "named"),
        ("/list/.*", [("/list/a", says("a")), ("/list/b", says("b"))]),
        (routing.AnyMatches(), says("any")),
    ]
    return routes, {}, both("/in/x", "/match/%20y", "/list/a", "/list/c", "/other")


@application
def fallbacks() -> Any:
    other = web.Application([("/other/(.*)", says("other"))])
    routes = [("/here", says("here")), (".*", web.FallbackHandler, {"fallback": other})]
    return routes, {}, [*both("/here", "/other/x", "/nowhere"), post("/other/x", b"y")]


@application
def wsgi_programs() -> Any:
    names = ["REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_NAME"]
    names += ["SERVER_PORT", "SERVER_PROTOCOL", "CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_X_A"]

    def program(environ: Any, start_response: Any) -> Any:
        body = json.dumps({name: environ.get(name) for name in names}).encode()
        body += environ["wsgi.input"].read()
        start_response("201 Made", [("Content-Type", "text/x"), ("X-A", "1"), ("X-A", "2")])
        return [body[:5], body[5:]]

    asked = [get("/a%20b/%C3%A9?c=d", "X-A: 1", "X-a: 2", "Host: h.example:81"), head("/")]
    return wsgi.WSGIContainer(program), {}, [*asked, form("/", b"a=b")]
