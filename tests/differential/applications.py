"""Small web applications and requests to them, run on one package over real sockets.

usage: applications.py PACKAGE FOLDER

Prints a JSON object: name of each application to its answers, each under the request that it
answers. `test_applications.py` runs this on Whirlwind and on Tornado and compares.
"""

# ruff: noqa: E402
import os
import time

# One moment, and nothing random: what both answer can be the same.
NOW = 1700000000.25
time.time = lambda: NOW
os.urandom = lambda size: bytes(range(1, size + 1))

import asyncio
import datetime
import gzip
import hashlib
import importlib
import json
import logging
import re
import sys
import warnings
from collections.abc import Callable
from typing import Any

PACKAGE = sys.argv[1] if __name__ == "__main__" else "whirlwind"
FOLDER = sys.argv[2] if __name__ == "__main__" else ""


def part(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


escape = part("escape")
gen = part("gen")
httpserver = part("httpserver")
httputil = part("httputil")
locale = part("locale")
netutil = part("netutil")
routing = part("routing")
template = part("template")
web = part("web")
websocket = part("websocket")
wsgi = part("wsgi")

Handler = web.RequestHandler
Static = web.StaticFileHandler
LOGGED: list[str] = []
APPLICATIONS: dict[str, Callable[[], Any]] = {}
FORM = "Content-Type: application/x-www-form-urlencoded"
#: Seconds after which there is no answer.
PATIENCE = 20.0
MULTIPART = "Content-Type: multipart/form-data; boundary=XX"


class Keep(logging.Handler):
    """Keeps what is logged: access lines whole, of others how serious they are."""

    def emit(self, record: logging.LogRecord) -> None:
        name = record.name.rpartition(".")[2]
        text = re.sub(r"\d+\.\d\dms", "ms", record.getMessage()) if name == "access" else ""
        tail = "" if record.exc_info is None else " with a traceback"
        LOGGED.append(f"{name} {record.levelname}: {text}{tail}")


def application(function: Callable[[], Any]) -> Callable[[], Any]:
    """An application: the routes (or an Application), its settings, and the requests."""
    APPLICATIONS[function.__name__] = function
    return function


def new(name: str = "H", base: Any = Handler, **members: Any) -> Any:
    """A handler class."""
    return type(name, (base,), members)


def says(text: str) -> Any:
    """A handler that writes one text."""
    return new("Says", get=lambda self, *args: self.write(text + "".join(map(repr, args))))


def ask(method: str, target: str, *fields: str, body: bytes | None = None) -> bytes:
    """A request to example.com; `fields` are whole lines, a Host among them replaces ours."""
    lines = [f"{method} {target} HTTP/1.1"]
    if not any(field.lower().startswith("host:") for field in fields):
        lines.append("Host: example.com")
    lines += fields
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def get(target: str, *fields: str) -> bytes:
    return ask("GET", target, *fields)


def head(target: str, *fields: str) -> bytes:
    return ask("HEAD", target, *fields)


def post(target: str, body: bytes = b"", *fields: str) -> bytes:
    return ask("POST", target, *fields, body=body)


def form(target: str, body: bytes, *fields: str) -> bytes:
    return post(target, body, FORM, *fields)


def both(*targets: str) -> list[bytes]:
    return [request for target in targets for request in (get(target), head(target))]


def in_folder(name: str, content: bytes = b"") -> str:
    """A file with a known age below the folder, of which the path is returned."""
    path = os.path.join(FOLDER, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if not os.path.exists(path):
        with open(path, "wb") as file:
            file.write(content)
        os.utime(path, (NOW - 1000, NOW - 1000))
    return path


# --- methods and bodies ---------------------------------------------------------------------------


@application
def methods() -> Any:
    names = ["get", "head", "post", "put", "delete", "patch", "options"]
    every = {name: lambda self: self.write(self.request.method) for name in names}
    routes = [("/one", says("one")), ("/every", new(**every)), ("/none", Handler)]
    asked = ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get"]
    return routes, {}, [ask(m, f"/{n}") for n in ("one", "every", "none") for m in asked]


@application
def methods_of_ones_own() -> Any:
    names = (*Handler.SUPPORTED_METHODS, "PROPFIND")
    extended = new(SUPPORTED_METHODS=names, propfind=lambda self: self.write("found"))
    fewer = new(SUPPORTED_METHODS=("GET",), get=lambda self: self.write("x"), post=says("no").get)
    asked = [ask(m, t) for t in ("/more", "/fewer") for m in ("GET", "POST", "PROPFIND", "LOCK")]
    return [("/more", extended), ("/fewer", fewer)], {}, asked


VALUES: dict[str, Any] = {
    "text": "é\u20ac<",
    "bytes": b"\xff\0",
    "dict": {"a": "</script>", "b": [1, None, True, 1.5], "é": "\u2028"},
    "empty": "",
    "list": [1],
    "none": None,
    "number": 5,
    "tuple": ("a",),
}


@application
def written() -> Any:
    def write(self: Any, name: str) -> None:
        self.write(VALUES[name])

    def finish(self: Any, name: str) -> Any:
        return self.finish(VALUES[name])

    def twice(self: Any, name: str) -> None:
        self.write(VALUES[name])
        self.write(VALUES[name])

    routes = [
        (f"/{function.__name__}/(.*)", new(get=function)) for function in (write, finish, twice)
    ]
    asked = [get(f"/{f}/{name}") for f in ("write", "finish", "twice") for name in VALUES]
    return routes, {}, asked


@application
def returned() -> Any:
    async def good(self: Any) -> None:
        await asyncio.sleep(0)
        self.write("good")

    async def value(self: Any) -> str:
        self.write("value")
        return "value"

    @gen.coroutine
    def generator(self: Any) -> Any:
        yield gen.moment
        self.write("generator")

    def plain(self: Any) -> str:
        self.write("plain")
        return "plain"

    def future(self: Any) -> Any:
        self.write("future")
        future: asyncio.Future[None] = asyncio.Future()
        asyncio.get_event_loop().call_soon(future.set_result, None)
        return future

    async def fails(self: Any) -> None:
        await asyncio.sleep(0)
        raise KeyError(1)

    async def cancelled(self: Any) -> None:
        raise asyncio.CancelledError

    functions = [good, value, generator, plain, future, fails, cancelled]
    names = ["good", "value", "generator", "plain", "future", "fails", "cancelled"]
    routes = [(f"/{name}", new(get=f)) for name, f in zip(names, functions, strict=True)]
    return routes, {}, [get(f"/{name}") for name in names]


# --- arguments ------------------------------------------------------------------------------------

QUERIES = [
    "",
    "?",
    "?a=1",
    "?a=1&a=2",
    "?a=",
    "?a",
    "?=1",
    "?a=%20x%20&a=+y+",
    "?a=%C3%A9",
    "?a=%ff",
    "?a=%",
    "?a=%zz&b=%4",
    "?a=1;a=2",
    "?a=%00%01x%0ay%1f",
    "?&&a=1&&",
    "?%61=x",
    "?a=b=c",
    "?a=%2526",
    "?a=%u20ac",
    "?a=" + "b" * 2000,
    "?" + "&".join(["a=1"] * 1000),
    "?" + "&".join(["a=1"] * 1001),
]


def arguments_of(source: str) -> Any:
    def one(self: Any) -> None:
        self.write({"value": getattr(self, f"get_{source}argument")("a")})

    def default(self: Any) -> None:
        found = getattr(self, f"get_{source}argument")("a", None, strip=False)
        self.write({"value": found})

    def every(self: Any) -> None:
        self.write({"values": getattr(self, f"get_{source}arguments")("a")})

    return [
        (f"/{f.__name__}", new(get=f, post=f, put=f, patch=f, delete=f))
        for f in (one, default, every)
    ]


@application
def arguments() -> Any:
    targets = [f"/{name}{query}" for name in ("one", "default", "every") for query in QUERIES]
    return arguments_of(""), {}, [get(target) for target in targets]


@application
def query_arguments() -> Any:
    asked = [form(f"/{name}?a=query", b"a=body") for name in ("one", "default", "every")]
    return arguments_of("query_"), {}, [*asked, get("/one?b=1")]


@application
def body_arguments() -> Any:
    asked = [form(f"/every{'?a=0'}", query[1:].encode()) for query in QUERIES if query]
    asked += [
        ask(method, "/every", FORM, body=b"a=1") for method in ("PUT", "PATCH", "DELETE", "GET")
    ]
    kinds = ["text/plain", "application/json", "", "application/x-www-form-urlencoded; charset=x"]
    asked += [post("/every", b"a=1", f"Content-Type: {kind}") for kind in kinds]
    asked += [form("/every", b"a=1", "Content-Encoding: gzip"), post("/one", b"a=1")]
    return arguments_of("body_"), {}, asked


@application
def arguments_together() -> Any:
    asked = [form(f"/{name}?a=query", b"a=body&b=2") for name in ("one", "default", "every")]
    return arguments_of(""), {}, asked


DISPOSITION = b'Content-Disposition: form-data; name="f"'


@application
def files() -> Any:
    def show(self: Any) -> None:
        self.write(
            {
                "arguments": {
                    name: [repr(value) for value in values]
                    for name, values in self.request.body_arguments.items()
                },
                "files": {
                    name: [[file.filename, file.content_type, repr(file.body)] for file in found]
                    for name, found in self.request.files.items()
                },
            }
        )

    bodies = [
        b"--XX\r\n" + DISPOSITION + b"\r\n\r\nvalue\r\n--XX--\r\n",
        b"--XX\r\n" + DISPOSITION + b"\r\n\r\nvalue\r\n--XX--",
        b"--XX\r\n" + DISPOSITION + b'; filename="a.txt"\r\n\r\nvalue\r\n--XX--\r\n',
        b"--XX\r\n" + DISPOSITION + b'; filename=""\r\n\r\n\r\n--XX--\r\n',
        b"--XX\r\n" + DISPOSITION + b"; filename*=UTF-8''%e2%82%ac.txt\r\nContent-Type: image/png"
        b"\r\n\r\n\x89PNG\r\n\r\n--XX--\r\n",
        b"--XX\r\n" + DISPOSITION + b'; filename="..\\..\\a;b\\"c.txt"\r\n\r\nv\r\n--XX--\r\n',
        (b"--XX\r\n" + DISPOSITION + b"\r\n\r\nv\r\n") * 3 + b"--XX--\r\n",
        (b"--XX\r\n" + DISPOSITION + b"\r\n\r\nv\r\n") * 99 + b"--XX--\r\n",
        (b"--XX\r\n" + DISPOSITION + b"\r\n\r\nv\r\n") * 100 + b"--XX--\r\n",
        b"--XX--\r\n",
        b"",
        b"nothing",
        b"--XX\r\n" + DISPOSITION + b"\r\n\r\nvalue\r\n",
        b"--XX\r\n" + DISPOSITION + b"\r\n--XX--\r\n",
        b"--XX\r\n\r\nvalue\r\n--XX--\r\n",
        b"--XX\r\nContent-Disposition: form-data\r\n\r\nvalue\r\n--XX--\r\n",
        b"--XX\r\nContent-Disposition: file; name=a\r\n\r\nvalue\r\n--XX--\r\n",
        b"--XX\r\nbroken\r\n\r\nvalue\r\n--XX--\r\n",
        b"--XX\r\nX: " + b"y" * 11000 + b"\r\n" + DISPOSITION + b"\r\n\r\nv\r\n--XX--\r\n",
        b"\r\n--XX\r\n" + DISPOSITION + b"\r\n\r\nvalue\r\n--XX--\r\n",
        b"--XX\r\n" + DISPOSITION + b"\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n--XX--",
    ]
    asked = [post("/", body, MULTIPART) for body in bodies]
    kinds = ["", "; boundary=", '; boundary="XX"', "; boundary=XX; x=y", "; BOUNDARY=XX"]
    asked += [post("/", bodies[0], f"Content-Type: multipart/form-data{kind}") for kind in kinds]
    return [("/", new(post=show))], {}, asked


@application
def paths() -> Any:
    show = new(get=lambda self, *args, **kwargs: self.write({"args": args, "kwargs": kwargs}))
    routes = [
        ("/none", show),
        ("/plain/(.*)", show),
        ("/two/([^/]+)/([^/]+)", show),
        ("/named/(?P<first>[^/]*)/(?P<second>.*)", show),
        ("/maybe(/x)?", show),
        ("/group/(?:a|b)", show),
        (r"/dots/\.\.", show),
        ("/end$", show),
        ("/given", show, {}),
    ]
    targets = ["/none", "/none/", "/none?x", "/plain/", "/plain/a/b", "/plain/a%2fb", "/plain/%20"]
    targets += ["/plain/%C3%A9", "/plain/%ff", "/plain/%00", "/plain/a+b", "/plain/%", "/plain/a?b"]
    targets += [
        "/two/a/b",
        "/two/a",
        "/two/a%2fb/c",
        "/named/a/b",
        "/named//",
        "/maybe",
        "/maybe/x",
    ]
    targets += ["/maybe/y", "/group/a", "/dots/..", "/end", "/given"]
    targets += ["//plain/x", "/PLAIN/x", "/%70lain/x", "/plain/a;b=c", "/plain/a%3fb", "/plain//x"]
    return routes, {}, both(*targets)


@application
def arguments_decoded_otherwise() -> Any:
    def decode(self: Any, value: bytes, name: str | None = None) -> str:
        return f"{name}:{value.decode('latin-1')}"

    show = new(
        decode_argument=decode,
        get=lambda self, path: self.write({"path": path, "a": self.get_arguments("a")}),
    )
    return [("/(.*)", show)], {}, both("/x?a=%ff&a=b", "/%ff")


@application
def requests_seen() -> Any:
    def show(self: Any) -> None:
        request = self.request
        self.write(
            {
                "method": request.method,
                "uri": request.uri,
                "path": request.path,
                "query": request.query,
                "version": request.version,
                "host": request.host,
                "host_name": request.host_name,
                "protocol": request.protocol,
                "remote_ip": request.remote_ip,
                "full_url": request.full_url(),
                "body": request.body.decode("latin-1"),
                "headers": [f"{name}: {value}" for name, value in request.headers.get_all()],
                "cookies": sorted(request.cookies),
            }
        )

    asked = [
        get("/a/b?c=d&e"),
        get("/", "X-a_B: 1", "x-A-b: 2", "X-A-B: 3", "Accept: */*"),
        get("/", "Host: example.com:8080", "Cookie: a=b; c=d", "Cookie: e=f"),
        get("/", "Host: [::1]:80"),
        get("/", "Host: EXAMPLE.com"),
        get("/", "X-Real-Ip: 4.4.4.4", "X-Scheme: https"),
        get("/", "X: \xe9\xff", "Empty:", "Blanks:  \t a  b \t "),
        post("/", b"body\xff", "Content-Type: text/x"),
    ]
    return [("/.*", new(get=show, post=show))], {}, asked


# --- answers --------------------------------------------------------------------------------------


@application
def statuses() -> Any:
    def show(self: Any, code: str) -> None:
        self.set_status(int(code), self.get_argument("reason", None))
        self.write(self.get_argument("body", ""))

    codes = ["200", "201", "202", "204", "205", "206", "299", "300", "304", "400", "404", "418"]
    codes += ["426", "451", "500", "503", "599", "700", "999"]
    targets = [f"/{code}" for code in codes]
    targets += [f"/{code}?body=x" for code in ("200", "204", "205", "304", "404")]
    reasons = ["Because", "", "a%0d%0ab", "%3cb%3e", "%e9", "%C3%A9", "a%09b", "a%00"]
    targets += [f"/200?reason={reason}" for reason in reasons]
    return [(r"/(\d+)", new(get=show, head=show))], {}, both(*targets)


FIELD_VALUES: dict[str, Any] = {
    "text": "b c",
    "latin": "\xe9",
    "bytes": b"b\xe9",
    "number": 5,
    "date": datetime.datetime(2020, 2, 3, 4, 5, 6),
    "empty": "",
    "blanks": " b ",
    "tab": "b\tc",
    "newline": "b\nc",
    "return": "b\rc",
    "zero": "b\0",
    "euro": "\u20ac",
    "none": None,
    "list": ["b"],
    "float": 1.5,
    "long": "b" * 9000,
}


@application
def fields() -> Any:
    def once(self: Any, name: str) -> None:
        self.set_header("x-Some-NAME", FIELD_VALUES[name])

    def again(self: Any, name: str) -> None:
        self.add_header("X-A", "first")
        self.add_header("X-A", FIELD_VALUES[name])
        self.set_header("Content-Type", "text/plain")

    def over(self: Any, name: str) -> None:
        self.add_header("X-A", "first")
        self.add_header("X-A", "second")
        self.set_header("X-a", FIELD_VALUES[name])
        self.set_header("X-B", "b")
        self.clear_header("x-b")
        self.clear_header("not there")

    routes = [(f"/{f.__name__}/(.*)", new(get=f)) for f in (once, again, over)]
    targets = [f"/{f}/{name}" for f in ("once", "again", "over") for name in FIELD_VALUES]
    return routes, {}, [get(target) for target in targets]


@application
def names_of_fields() -> Any:
    names = ["", "a b", "a:b", "\xe9", "a_b", "!", "a\0"]  # Tornado is silent about "a\r\nb"

    def show(self: Any, index: str) -> None:
        self.set_header(names[int(index)], "value")

    return [("/(.*)", new(get=show))], {}, [get(f"/{index}") for index in range(len(names))]


@application
def default_fields() -> Any:
    def defaults(self: Any) -> None:
        self.set_header("Server", "mine")
        self.set_header("X-Default", "yes")
        self.set_header("Content-Type", "text/x-mine")

    def fails(self: Any) -> None:
        self.set_header("X-More", "lost")
        raise web.HTTPError(409)

    def clears(self: Any) -> None:
        self.set_header("X-More", "lost")
        self.set_status(202)
        self.clear()
        self.write("cleared")

    routes = [
        ("/", new(set_default_headers=defaults, get=lambda self: self.write("x"))),
        ("/fails", new(set_default_headers=defaults, get=fails)),
        ("/clears", new(set_default_headers=defaults, get=clears)),
        ("/other", new(get=clears)),
    ]
    return routes, {}, both("/", "/fails", "/clears", "/other", "/nothing")


@application
def lengths() -> Any:
    def show(self: Any) -> None:
        self.set_header("Content-Length", self.get_argument("n"))
        self.write("hello")

    return [("/", new(get=show))], {}, [get("/?n=5")]


@application
def types() -> Any:
    def show(self: Any) -> None:
        self.clear_header("Content-Type")
        self.write(self.get_argument("x", "") or {"a": 1})

    return [("/", new(get=show, head=show))], {}, both("/", "/?x=y")


@application
def streams() -> Any:
    async def pieces(self: Any) -> None:
        for piece in ("one", "", "two", "three" * 1000):
            self.write(piece)
            await self.flush()

    async def head_first(self: Any) -> None:
        await self.flush()
        self.write("after")
        await self.finish("end")

    async def sized(self: Any) -> None:
        self.set_header("Content-Length", "6")
        for piece in ("abc", "def"):
            self.write(piece)
            await self.flush()

    async def nothing(self: Any) -> None:
        self.set_status(204)
        await self.flush()

    async def only_head(self: Any) -> None:
        self.set_header("X-A", "b")
        await self.flush()

    functions = [pieces, head_first, sized, nothing, only_head]
    routes = [(f"/{f.__name__}", new(get=f, head=f)) for f in functions]
    targets = [f"/{f.__name__}" for f in functions]
    old = [get(target).replace(b"HTTP/1.1", b"HTTP/1.0") for target in targets]
    return routes, {}, [*both(*targets), *old]


@application
def tags() -> Any:
    tagged = new(get=lambda self: self.write("hello"), post=lambda self: self.write("hello"))
    tagged.head = tagged.get

    def own(self: Any) -> str:
        return 'W/"own"'

    def checked(self: Any) -> None:
        self.set_etag_header()
        if self.check_etag_header():
            self.set_status(304)
            return
        self.write("body")

    def not_200(self: Any) -> None:
        self.set_status(201)
        self.write("hello")

    routes = [
        ("/", tagged),
        ("/own", new(get=tagged.get, head=tagged.get, compute_etag=own)),
        ("/none", new(get=tagged.get, compute_etag=lambda self: None)),
        ("/checked", new(get=checked, compute_etag=lambda self: '"fixed"')),
        ("/201", new(get=not_200)),
        ("/empty", new(get=lambda self: None)),
    ]
    tag = '"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"'
    wanted = [tag, f"W/{tag}", f'"x", {tag}', f'"x",W/{tag}', "*", '"x"', "x", tag[1:-1], ""]
    wanted += ['W/"own"', '"own"', '"fixed"', f"{tag},", "**"]
    targets = ["/", "/own", "/none", "/checked", "/201", "/empty"]
    asked = [get(target, f"If-None-Match: {value}") for target in targets for value in wanted]
    asked += [head("/", f"If-None-Match: {tag}"), post("/", b"", f"If-None-Match: {tag}")]
    return routes, {}, [*both(*targets), *asked]


@application
def endings() -> Any:
    def finish(self: Any) -> None:
        self.write("a")
        raise web.Finish

    def finish_with(self: Any) -> None:
        self.set_status(202)
        raise web.Finish("b")

    def prepared(self: Any) -> Any:
        return self.finish("prepared")

    async def prepared_later(self: Any) -> None:
        await asyncio.sleep(0)
        self.set_header("X-Prepared", "yes")

    def prepared_badly(self: Any) -> None:
        raise web.HTTPError(402, "pay")

    def twice(self: Any) -> None:
        self.finish("one")
        self.finish("two")

    def late(self: Any) -> None:
        self.finish("one")
        self.write("two")

    plain = says("got").get
    routes = [
        ("/finish", new(get=finish)),
        ("/with", new(get=finish_with)),
        ("/prepared", new(prepare=prepared, get=plain)),
        ("/later", new(prepare=prepared_later, get=plain)),
        ("/badly", new(prepare=prepared_badly, get=plain)),
        ("/twice", new(get=twice)),
        ("/late", new(get=late)),
    ]
    return routes, {}, [get(route[0]) for route in routes]


@application
def initialized() -> Any:
    def initialize(self: Any, one: str, two: str = "2") -> None:
        self.values = (one, two)

    show = new(initialize=initialize, get=lambda self: self.write(repr(self.values)))
    routes = [
        ("/both", show, {"one": "a", "two": "b"}),
        ("/one", show, {"one": "a"}),
        ("/neither", show),
        ("/more", show, {"one": 1, "three": 3}),
        web.url("/url", show, {"one": "u"}, name="u"),
    ]
    return routes, {}, both("/both", "/one", "/url", "/neither", "/more")


# --- errors ---------------------------------------------------------------------------------------

ERRORS: dict[str, Callable[[], BaseException]] = {
    "plain": lambda: web.HTTPError(403),
    "default": lambda: web.HTTPError(),
    "message": lambda: web.HTTPError(400, "a %s message", "formatted"),
    "percent": lambda: web.HTTPError(400, "100%"),
    "reason": lambda: web.HTTPError(400, reason="My <reason>"),
    "good-reason": lambda: web.HTTPError(400, reason="My reason"),
    "unknown": lambda: web.HTTPError(444),
    "unknown-reason": lambda: web.HTTPError(444, reason="Mine"),
    "599": lambda: web.HTTPError(599),
    "204": lambda: web.HTTPError(204),
    "304": lambda: web.HTTPError(304),
    "200": lambda: web.HTTPError(200),
    "missing": lambda: web.MissingArgumentError("name"),
    "key": lambda: KeyError("x"),
    "value": lambda: ValueError("<b>"),
    "bad-yield": lambda: gen.BadYieldError("x"),
    "input": lambda: httputil.HTTPInputError("x"),
    "output": lambda: httputil.HTTPOutputError("x"),
    "group": lambda: ExceptionGroup("x", [web.HTTPError(404)]),
}


def raise_it(self: Any, name: str) -> None:
    self.set_header("X-Lost", "yes")
    self.write("lost")
    raise ERRORS[name]()


@application
def errors() -> Any:
    raises = new(get=raise_it, head=raise_it)
    return [("/(.*)", raises)], {}, both(*[f"/{name}" for name in ERRORS])


@application
def errors_sent() -> Any:
    def send(self: Any, code: str) -> None:
        self.set_cookie("a", "b")
        self.send_error(int(code), reason=self.get_argument("reason", None))

    def after_flush(self: Any) -> None:
        self.set_header("Content-Length", "1")
        self.write("x")
        self.flush()
        self.send_error(500)

    routes = [(r"/(\d+)", new(get=send)), ("/flushed", new(get=after_flush))]
    targets = ["/404", "/500", "/204", "/599", "/777", "/400?reason=My%20own", "/400?reason=%3c"]
    return routes, {}, [get(target) for target in targets]


@application
def errors_written() -> Any:
    def write_error(self: Any, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None))[1]
        self.write(
            {
                "status": status_code,
                "reason": self._reason,
                "error": type(error).__name__,
                "more": sorted(set(kwargs) - {"exc_info"}),
            }
        )

    raises = new(get=raise_it, write_error=write_error)
    # Tornado leaves a page for a 204 unanswered.
    return [("/(.*)", raises)], {}, [get(f"/{name}") for name in ERRORS if name != "204"]


@application
def errors_that_fail() -> Any:
    def write_error(self: Any, status_code: int, **kwargs: Any) -> None:
        raise KeyError("again")

    return [("/(.*)", new(get=raise_it, write_error=write_error))], {}, both("/plain", "/key")


@application
def errors_logged() -> Any:
    def log_exception(self: Any, typ: Any, value: Any, tb: Any) -> None:
        logging.getLogger(f"{PACKAGE}.application").warning("mine: %s", typ.__name__)

    raises = new(get=raise_it, log_exception=log_exception)
    return [("/(.*)", raises)], {}, [get(f"/{name}") for name in ERRORS]


@application
def nothing_there() -> Any:
    return [("/there", says("x"))], {}, [*both("/", "/there/", "/<b>"), post("/x", b"body")]


@application
def another_default_handler() -> Any:
    def prepare(self: Any) -> None:
        self.set_status(410)
        self.finish(f"gone {self.text}")

    default = new(initialize=lambda self, text: setattr(self, "text", text), prepare=prepare)
    settings = {"default_handler_class": default, "default_handler_args": {"text": "away"}}
    return [("/there", says("x"))], settings, [*both("/", "/there"), post("/", b"x")]


@application
def error_handlers() -> Any:
    routes = [
        ("/teapot", web.ErrorHandler, {"status_code": 418}),
        ("/gone", web.ErrorHandler, {"status_code": 410}),
    ]
    asked = [ask(m, t) for t in ("/teapot", "/gone") for m in ("GET", "HEAD", "POST", "FOO")]
    return routes, {"xsrf_cookies": True}, asked


@application
def tracebacks() -> Any:
    raises = new(get=raise_it)
    asked = [get(f"/{name}", "Accept: text/plain") for name in ("plain", "message", "missing")]
    return [("/(.*)", raises)], {"serve_traceback": False}, asked


@application
def a_log_of_ones_own() -> Any:
    def log(handler: Any) -> None:
        name = f"{PACKAGE}.access"
        logging.getLogger(name).info("%s %s", handler.get_status(), handler.request.uri)

    return [("/(.*)", says("x"))], {"log_function": log}, both("/a?b", "/c")


# --- cookies --------------------------------------------------------------------------------------


@application
def cookies_set() -> Any:
    given: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
        "plain": (("a", "b"), {}),
        "bytes": (("a", b"b"), {}),
        "empty": (("a", ""), {}),
        "special": (("a", 'b; c, "d"\\ é'), {}),
        "domain": (("a", "b"), {"domain": "example.com", "path": "/x"}),
        "no-path": (("a", "b"), {"path": ""}),
        "expires": (("a", "b"), {"expires": 1600000000}),
        "expires-date": (("a", "b"), {"expires": datetime.datetime(2030, 1, 2, 3, 4, 5)}),
        "max-age": (("a", "b"), {"max_age": 5}),
        "flags": (("a", "b"), {"httponly": True, "secure": True, "samesite": "Lax"}),
        "no-flags": (("a", "b"), {"httponly": False, "secure": False}),
        "everything": (
            ("a", "b"),
            {
                "domain": "d",
                "expires": 1,
                "path": "/p",
                "max_age": 1,
                "httponly": True,
                "secure": True,
                "samesite": "None",
            },
        ),
        "old-spelling": (("a", "b"), {"HttpOnly": True, "Max_Age": 3}),
        "unknown": (("a", "b"), {"wrong": "x"}),
        "bad-name": (("a b", "c"), {}),
        "bad-path": (("a", "b"), {"path": "/; Secure"}),
        "bad-domain": (("a", "b"), {"domain": "x\r\n"}),
        "bad-value": (("a", "b\nc"), {}),
        "number": (("a", 5), {}),
    }

    def show(self: Any, name: str) -> None:
        args, kwargs = given[name]
        self.set_cookie("first", "1")
        self.set_cookie(*args, **kwargs)
        self.set_cookie("last", "2")

    return [("/(.*)", new(get=show))], {}, [get(f"/{name}") for name in given]


@application
def cookies_again() -> Any:
    def show(self: Any) -> None:
        self.set_cookie("a", "1", path="/x")
        self.set_cookie("b", "2")
        self.set_cookie("a", "3")
        self.clear_cookie("c")
        self.write(repr(self.get_cookie("a")))

    def clear(self: Any) -> None:
        self.clear_cookie("a", path="/x", domain="example.com")
        self.clear_all_cookies()

    routes = [("/", new(get=show)), ("/clear", new(get=clear))]
    return routes, {}, [get("/"), get("/", "Cookie: a=old"), get("/clear", "Cookie: p=q; r=s")]


COOKIES = [
    "a=b",
    "a=b; c=d",
    "a=b;c=d",
    "a=b; a=c",
    'a="b c"',
    'a="b;c"',
    r'a="\"\\\054"',
    "a",
    "=b",
    "a==",
    "a=b; ; c=d",
    "a(b=c; d=e",
    "a=\xe9",
    "a=b]_xsrf=c",
    " a = b ",
    "$Version=1; a=b",
    "",
    ";",
    "a=%20",
]


@application
def cookies_read() -> Any:
    def show(self: Any) -> None:
        self.write({name: morsel.value for name, morsel in self.cookies.items()})

    asked = [get("/", f"Cookie: {cookie}") for cookie in COOKIES]
    return [("/", new(get=show))], {}, [get("/"), *asked]


def signing(**settings: Any) -> Any:
    options = settings.pop("options", {})

    def sign(self: Any) -> None:
        self.set_signed_cookie("s", self.get_argument("v"), **options)

    def show(self: Any) -> None:
        self.write(
            {
                "value": repr(self.get_signed_cookie("s")),
                "fresh": repr(self.get_signed_cookie("s", max_age_days=0.01)),
                "version": self.get_signed_cookie_key_version("s"),
                "given": repr(self.get_signed_cookie("t", value=self.get_argument("v", None))),
            }
        )

    routes = [("/sign", new(get=sign)), ("/show", new(get=show))]
    create, when = web.create_signed_value, lambda age: lambda: NOW - age
    values = []
    for secret in ("secret", "other"):
        for version in (1, 2):
            values += [
                create(secret, "s", "val", version=version, clock=when(age))
                for age in (0, 3600, 86400 * 32, -86400 * 32)
            ]
    secrets = {1: "one", 2: "two"}
    values += [create(secrets, "s", "v", version=2, key_version=n, clock=when(0)) for n in (1, 2)]
    texts = [value.decode() for value in values]
    texts += ["", "x", "2|", "2|1:0|", "1|2|3", texts[1][:-1], texts[1].replace("|1:s|", "|1:t|")]
    asked = [get("/show", f"Cookie: s={text}") for text in texts]
    asked += [get("/show?v=" + escape.url_escape(create("secret", "t", "x", clock=when(0))))]
    return routes, settings, [get("/sign?v=a"), get("/sign?v=%C3%A9;"), get("/show"), *asked]


@application
def cookies_signed() -> Any:
    return signing(cookie_secret="secret")


@application
def cookies_signed_with_options() -> Any:
    options = {"expires_days": None, "httponly": True, "path": "/x", "version": 1}
    return signing(cookie_secret="secret", options=options)


@application
def cookies_signed_by_versions() -> Any:
    return signing(cookie_secret={1: "one", 2: "two"}, key_version=2)


@application
def cookies_signed_without_a_secret() -> Any:
    return signing()


# --- other sites ----------------------------------------------------------------------------------

TOKEN = "0123456789abcdef0123456789abcdef"
MASKED = f"2|00000000|{TOKEN}|1700000000"


def tokens(**settings: Any) -> Any:
    show = new(
        get=lambda self: self.write(self.xsrf_token),
        post=lambda self: self.write("posted"),
        put=lambda self: self.write("put"),
        options=lambda self: self.write("options"),
    )
    page = new(get=lambda self: self.write(self.xsrf_form_html()), post=lambda self: None)
    name = settings.get("xsrf_cookie_name", "_xsrf")
    asked = [get("/"), get("/form"), get("/", f"Cookie: {name}={TOKEN}")]
    asked += [get("/", f"Cookie: {name}={MASKED}"), get("/", f"Cookie: {name}=nonsense")]
    asked += [get("/", f"Cookie: {name}=3|x|y|z"), ask("OPTIONS", "/"), ask("FOO", "/")]
    for cookie in (None, TOKEN, MASKED, "nonsense", "2|x|y|z", TOKEN[:-1] + "0"):
        given = [] if cookie is None else [f"Cookie: {name}={cookie}"]
        for text in (None, TOKEN, MASKED, "nonsense", ""):
            if text is None:
                asked.append(post("/", b"", *given))
                continue
            asked.append(form("/", f"_xsrf={text}".encode(), *given))
            asked.append(post("/", b"", f"X-Xsrftoken: {text}", *given))
    given = [f"Cookie: {name}={MASKED}"]
    asked.append(post("/", b"", f"X-CSRFToken: {MASKED}", *given))
    asked.append(post(f"/?_xsrf={TOKEN}", b"", *given))
    asked.append(post("/", b"", "X-Requested-With: XMLHttpRequest", *given))
    asked.append(ask("PUT", "/", f"X-Xsrftoken: {TOKEN}", *given, body=b"x"))
    asked.append(post("/missing", b"", *given))
    return [("/", show), ("/form", page)], {"xsrf_cookies": True, **settings}, asked


@application
def tokens_of_version_2() -> Any:
    return tokens()


@application
def tokens_of_version_1() -> Any:
    return tokens(xsrf_cookie_version=1)


@application
def tokens_with_options() -> Any:
    kwargs = {"httponly": True, "secure": True, "samesite": "Strict"}
    return tokens(xsrf_cookie_name="__Host-xsrf", xsrf_cookie_kwargs=kwargs)


@application
def origins() -> Any:
    show = new(get=lambda self: self.write("got"), post=lambda self: self.write("posted"))
    settings = {
        "cross_origin_protection": True,
        "trusted_origins": ["https://friend.example", "http://other.example:8080"],
    }
    asked = [get("/", "Sec-Fetch-Site: cross-site", "Origin: http://evil"), post("/")]
    names = ["http://example.com", "https://example.com", "http://example.com:80", "null", ""]
    names += ["http://evil.example", "https://friend.example", "https://FRIEND.example", "junk"]
    names += ["http://other.example:8080", "http://other.example", "http://example.com.evil"]
    for site in (None, "same-origin", "none", "same-site", "cross-site", "nonsense", ""):
        given = [] if site is None else [f"Sec-Fetch-Site: {site}"]
        asked.append(post("/", b"", *given))
        asked += [post("/", b"", *given, f"Origin: {name}") for name in names]
    return [("/", show)], settings, asked


def private(**settings: Any) -> Any:
    @web.authenticated
    def private(self: Any) -> None:
        self.write(f"hello {self.current_user}")

    show = new(
        get_current_user=lambda self: self.get_cookie("user"),
        get=private,
        head=private,
        post=private,
    )
    asked = [*both("/", "/a?b=c&d=%20"), post("/"), get("/", "Cookie: user=me")]
    return [("/.*", show)], settings, [*asked, get("/", "Cookie: user=")]


@application
def logging_in() -> Any:
    return private(login_url="/login")


@application
def logging_in_with_arguments() -> Any:
    return private(login_url="/login?x=1")


@application
def logging_in_elsewhere() -> Any:
    return private(login_url="https://login.example/in")


@application
def logging_in_nowhere() -> Any:
    return private()


# --- redirects ------------------------------------------------------------------------------------


@application
def redirects() -> Any:
    def go(self: Any) -> None:
        status = self.get_argument("status", None)
        self.write("lost")
        self.redirect(
            self.get_argument("to"),
            permanent=bool(self.get_argument("permanent", "")),
            status=None if status is None else int(status),
        )

    targets = ["to=/x", "to=x", "to=//x", "to=http://a/b%3fc", "to=", "to=%C3%A9", "to=/a%20b"]
    targets += ["to=/x&permanent=1", "to=/x&status=307", "to=/x&status=399", "to=/x&status=200"]
    targets += ["to=/x&status=303&permanent=1", "to=/%0d%0aX: y", "to=/%00"]
    return [("/", new(get=go, head=go))], {}, both(*[f"/?{target}" for target in targets])


@application
def redirect_handlers() -> Any:
    routes = [
        ("/fixed", web.RedirectHandler, {"url": "/target"}),
        ("/temporary", web.RedirectHandler, {"url": "/target", "permanent": False}),
        ("/query", web.RedirectHandler, {"url": "/t?a=1"}),
        ("/swap/(.*)/(.*)", web.RedirectHandler, {"url": "/new/{1}/{0}"}),
        ("/away/(.*)", web.RedirectHandler, {"url": "http://www.example.com/{0}"}),
        ("/raw(.*)", web.RedirectHandler, {"url": "{0}"}),
    ]
    targets = ["/fixed", "/fixed?a=b&c", "/temporary", "/query?b=2", "/swap/a/b", "/swap/%20/é?x"]
    targets += ["/away/x", "/away//x", "/raw/x", "/raw//evil.example", "/raw/%5cevil.example"]
    asked = [request for target in targets for request in both(target.replace("é", "%C3%A9"))]
    return routes, {}, [*asked, post("/fixed", b"x")]


@application
def slashes() -> Any:
    adds = new(get=web.addslash(lambda self: self.write("adds")))
    adds.head = adds.post = adds.get
    removes = new(get=web.removeslash(lambda self: self.write("removes")))
    removes.head = removes.post = removes.get
    targets = ["/add", "/add/", "/add?x=1", "/remove", "/remove/", "/remove/?x=1", "/remove//"]
    asked = [*both(*targets), post("/add", b"x"), post("/remove/", b"x"), get("//add")]
    return [("/add/?", adds), ("/remove/*", removes), ("//add", adds)], {}, asked


@application
def reversed_urls() -> Any:
    def show(self: Any) -> None:
        name, *args = self.get_arguments("x")
        self.write(self.reverse_url(name, *args))

    routes = [
        web.url("/show", new(get=show), name="show"),
        web.url("/one/(.*)", says(""), name="one"),
        web.url(r"/two/(\d+)/x/([^/]*)/?", says(""), name="two"),
        web.url("/maybe(/x)?", says(""), name="maybe"),
        web.url(r"/dot\.html$", says(""), name="dot"),
        ("/tuple/(.*)", says(""), {}, "tuple"),
    ]
    asked = ["show", "one&x=a", "one&x=a b/é", "two&x=1&x=b", "two&x=1", "tuple&x=%25", "dot"]
    asked += ["maybe&x=/x", "none", "one"]
    return routes, {}, [get(f"/show?x={x}".replace("é", "%C3%A9").replace(" ", "+")) for x in asked]


# --- static files ---------------------------------------------------------------------------------


def a_site() -> str:
    in_folder("site/a.txt", b"hello world")
    in_folder("site/empty.txt")
    in_folder("site/page.html", b"<p>" + b"x" * 3000)
    in_folder("site/data.tar.gz", b"\x1f\x8b")
    in_folder("site/image.svg", b"<svg/>")
    in_folder("site/noext", b"no extension")
    in_folder("site/sub/index.html", b"index")
    in_folder("site/sub/deep/b.js", b"b()")
    in_folder("site/favicon.ico", b"icon")
    in_folder("site/robots.txt", b"User-agent: *")
    in_folder("site/large", bytes(range(256)) * 800)
    in_folder("site/t\xe9.txt", b"accent")
    in_folder("site_beside/secret.txt", b"secret")
    for name, to in (("bad", "../site_beside/secret.txt"), ("good", "a.txt"), ("gone", "nowhere")):
        path = os.path.join(FOLDER, "site", name)
        if not os.path.islink(path):
            os.symlink(to, path)
    return os.path.join(FOLDER, "site")


@application
def files_served() -> Any:
    names = ["a.txt", "empty.txt", "page.html", "data.tar.gz", "image.svg", "noext", "large"]
    names += ["sub/deep/b.js", "t%C3%A9.txt", "good", "a%2Etxt", "./a.txt", "sub/../a.txt"]
    asked = both(*[f"/{name}" for name in names])
    return [("/(.*)", Static, {"path": a_site()})], {}, [*asked, post("/a.txt", b"x")]


@application
def files_refused() -> Any:
    names = ["", "sub", "sub/", "missing", "bad", "gone", "../site_beside/secret.txt", "a.txt/"]
    names += ["..%2fsite_beside%2fsecret.txt", "%2e%2e/site_beside/secret.txt", "a.txt%00", "%ff"]
    names += ["/etc/passwd", "%2fetc/passwd", "a.txt%20", "sub/../../site/a.txt", "..\\x", "~", "."]
    return [("/(.*)", Static, {"path": a_site()})], {}, both(*[f"/{name}" for name in names])


TAG = (
    '"309ecc489c12d6eb4cc40f50c902f2b4d0ed77ee511a7c7a9bcd3ca86d4cd86f'
    '989dd35bc5ff499670da34255b45b0cfd830e81f605dcf7dc5542e93ae9cd76f"'
)


@application
def files_under_conditions() -> Any:
    dates = ["Tue, 14 Nov 2023 21:56:40 GMT", "Tue, 14 Nov 2023 21:56:39 GMT", "nonsense", ""]
    dates += ["Wed, 15 Nov 2023 21:56:40 GMT", "Tuesday, 14-Nov-23 21:56:40 GMT"]
    asked = [get("/a.txt", f"If-Modified-Since: {date}") for date in dates]
    found = [TAG, f"W/{TAG}", "*", '"x"', f'"x", {TAG}', "x"]
    asked += [get("/a.txt", f"If-None-Match: {tag}") for tag in found]
    asked += [
        head("/a.txt", f"If-None-Match: {TAG}"),
        head("/a.txt", f"If-Modified-Since: {dates[0]}"),
    ]
    asked += [get("/a.txt", f"If-Modified-Since: {dates[1]}", f"If-None-Match: {TAG}")]
    asked += [get("/a.txt", f"If-Modified-Since: {dates[0]}", 'If-None-Match: "x"')]
    asked += [get("/a.txt?v=1"), get("/a.txt?v=1", f"If-None-Match: {TAG}"), get("/a.txt?v=")]
    return [("/(.*)", Static, {"path": a_site()})], {}, asked


@application
def parts_of_files() -> Any:
    ranges = ["0-3", "4-", "-3", "10-10", "5-100", "0-", "0-10", "0-11", "-100", "-11", "11-", "-0"]
    ranges += [
        "0-1,3-4",
        "a-b",
        "",
        "-",
        "3-2",
        "1-1",
        " 1-2 ",
        "+1-2",
        "100-",
        "0-0",
        "-1",
        "1_0-",
    ]
    asked = [get("/a.txt", f"Range: bytes={text}") for text in ranges]
    asked += [get("/a.txt", f"Range: {text}") for text in ("items=0-1", "nonsense", "BYTES=0-1")]
    asked += [get("/large", f"Range: bytes={text}") for text in ("5-70000", "-5", "204799-", "9-9")]
    asked += [get("/empty.txt", f"Range: bytes={text}") for text in ("0-", "0-0", "-1")]
    asked += [head("/a.txt", "Range: bytes=1-2"), head("/a.txt", "Range: bytes=20-")]
    asked += [get("/a.txt", "Range: bytes=0-3", f"If-None-Match: {TAG}")]
    return [("/(.*)", Static, {"path": a_site()})], {}, asked


@application
def directories() -> Any:
    arguments = {"path": a_site(), "default_filename": "index.html"}
    targets = ["/sub", "/sub/", "/sub/index.html", "/", "/sub/deep", "/sub/deep/", "/sub?x=1"]
    return [("/(.*)", Static, arguments)], {}, both(*targets)


@application
def files_by_setting() -> Any:
    def show(self: Any) -> None:
        name = self.get_argument("x")
        self.write(
            "\n".join(
                [
                    self.static_url(name),
                    self.static_url(name, include_host=True),
                    self.static_url(name, include_version=False),
                ]
            )
        )

    targets = ["/static/a.txt", "/static/", "/favicon.ico", "/robots.txt", "/static", "/a.txt"]
    names = ["a.txt", "sub/index.html", "missing", "../site_beside/secret.txt", "sub", "good", ""]
    asked = [*both(*targets), *[get(f"/url?x={name}") for name in names]]
    return [("/url", new(get=show))], {"static_path": a_site()}, asked


@application
def files_by_other_settings() -> Any:
    class Mine(Static):  # type: ignore[misc, valid-type]
        def set_extra_headers(self, path: str) -> None:
            self.set_header("X-Path", path)

        def get_cache_time(self, path: str, modified: Any, mime_type: str) -> int:
            return 60 if mime_type == "text/plain" else 0

    def show(self: Any) -> None:
        self.write(self.static_url("a.txt") + self.static_url("x", include_host=True))

    settings = {
        "static_path": a_site(),
        "static_url_prefix": "/files+/",
        "static_handler_class": Mine,
        "static_handler_args": {"default_filename": "index.html"},
        "static_hash_cache": False,
    }
    targets = [
        "/files+/a.txt",
        "/files+/page.html",
        "/files+/sub/",
        "/filess/a.txt",
        "/static/a.txt",
    ]
    return [("/url", new(get=show))], settings, both(*targets, "/url", "/robots.txt")


@application
def files_from_elsewhere() -> Any:
    class Memory(Static):  # type: ignore[misc, valid-type]
        def initialize(self) -> None:
            super().initialize(path="/memory")

        @classmethod
        def get_absolute_path(cls, root: str, path: str) -> str:
            return path

        def validate_absolute_path(self, root: str, absolute_path: str) -> str:
            if absolute_path != "there":
                raise web.HTTPError(404)
            return absolute_path

        @classmethod
        def get_content(cls, abspath: str, start: Any = None, end: Any = None) -> Any:
            yield b"from memory"[start:end]

        def get_content_size(self) -> int:
            return len(b"from memory")

        def get_modified_time(self) -> datetime.datetime:
            return datetime.datetime(2020, 1, 1)

        @classmethod
        def get_content_version(cls, abspath: str) -> str:
            return "version"

        def get_content_type(self) -> str:
            return "text/x-memory"

    asked = [get("/there", "Range: bytes=2-4"), get("/there", 'If-None-Match: "version"')]
    return [("/(.*)", Memory)], {}, [*both("/there", "/missing"), *asked]


@application
def links_allowed() -> Any:
    beside = os.path.join(FOLDER, "site_beside")
    arguments = {"path": a_site(), "allowed_symlink_directory": FOLDER}
    listed = {"path": a_site(), "allowed_symlink_directory": [a_site(), beside]}
    routes = [("/one/(.*)", Static, arguments), ("/list/(.*)", Static, listed)]
    targets = [f"/{kind}/{name}" for kind in ("one", "list") for name in ("bad", "a.txt", "gone")]
    return routes, {}, both(*targets)


# --- compression ----------------------------------------------------------------------------------


def squeezing(**settings: Any) -> Any:
    async def show(self: Any) -> None:
        self.set_header("Content-Type", self.get_argument("type", "text/html"))
        for name in ("Vary", "Content-Encoding", "Etag"):
            if value := self.get_argument(name, None):
                self.set_header(name, value)
        self.set_status(int(self.get_argument("status", "200")))
        for size in self.get_arguments("size"):
            self.write("a" * int(size))
            if len(self.get_arguments("size")) > 1:
                await self.flush()

    targets = ["size=1023", "size=1024", "size=5000", "size=10&size=10", "size=0", ""]
    targets += [
        f"size=5000&type={t}" for t in ("image/png", "application/json", "text/x;charset=y")
    ]
    targets += ["size=5000&type=image/svg%2bxml", "size=5000&Vary=Cookie", "size=5000&Vary=*"]
    targets += ["size=5000&Content-Encoding=x", "size=5000&Etag=%22x%22", "size=5000&status=404"]
    targets += ["status=204", "size=5000&type=application/xml", "size=5000&type=application/wasm"]
    asked = [get(f"/?{target}", "Accept-Encoding: gzip, deflate") for target in targets]
    asked += [get("/?size=5000"), head("/?size=5000", "Accept-Encoding: gzip")]
    accepted = ["gzip", "GZIP", "deflate", "*", "identity", "", "x-gzip", "deflate, gzip;q=1.0"]
    asked += [get("/?size=5000", f"Accept-Encoding: {text}") for text in accepted]
    routes = [("/", new(get=show, head=show)), ("/f/(.*)", Static, {"path": a_site()})]
    asked += [
        get(f"/f/{name}", "Accept-Encoding: gzip") for name in ("page.html", "a.txt", "large")
    ]
    asked += [get("/f/page.html", "Accept-Encoding: gzip", "Range: bytes=1-2000")]
    old = get("/?size=10&size=10", "Accept-Encoding: gzip").replace(b"HTTP/1.1", b"HTTP/1.0")
    return routes, settings, [*asked, old]


@application
def compressed() -> Any:
    return squeezing(compress_response=True)


@application
def compressed_by_the_old_name() -> Any:
    return squeezing(gzip=True)


@application
def not_compressed() -> Any:
    return squeezing(compress_response=False)


@application
def transformed() -> Any:
    class Loud(web.OutputTransform):  # type: ignore[misc, name-defined]
        def transform_first_chunk(self, status: int, headers: Any, chunk: bytes, last: bool) -> Any:
            headers["X-Loud"] = "yes"
            if "Content-Length" in headers:
                headers["Content-Length"] = str(len(chunk) + last)
            return 201 if status == 200 else status, headers, chunk.upper() + b"!" * last

        def transform_chunk(self, chunk: bytes, last: bool) -> bytes:
            return chunk.upper() + b"!" * last

    async def streams(self: Any) -> None:
        for piece in ("one", "two"):
            self.write(piece)
            await self.flush()

    routes = [("/", says("x" * 2000)), ("/streams", new(get=streams))]
    made = web.Application(routes, transforms=[Loud], compress_response=True)
    accepted = "Accept-Encoding: gzip"
    return made, {}, [get("/"), get("/", accepted), get("/streams"), get("/missing", accepted)]


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


# --- bodies that come in pieces -------------------------------------------------------------------


@application
def bodies_received() -> Any:
    def prepare(self: Any) -> None:
        self.received = b""
        self.write(f"prepare {self.request.headers.get('Content-Length')} ")

    async def data_received(self: Any, chunk: bytes) -> None:
        await asyncio.sleep(0)
        self.received += chunk

    def done(self: Any) -> None:
        self.write(f"{len(self.received)} {self.received[:10]!r} {self.request.body!r}")

    receives = web.stream_request_body(
        new(prepare=prepare, data_received=data_received, post=done, put=done)
    )
    chunked = "Transfer-Encoding: chunked"
    asked = [
        post("/", b"hello"),
        post("/", b""),
        post("/", b"x" * 200_000),
        ask("POST", "/", chunked) + b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n",
        ask("PUT", "/", chunked) + b"0\r\n\r\n",
        form("/", b"a=b"),
    ]
    return [("/", receives)], {}, asked


@application
def chunked_bodies() -> Any:
    show = new(
        post=lambda self: self.write(repr(self.request.body) + repr(self.get_argument("a", "")))
    )
    chunked = "Transfer-Encoding: chunked"
    bodies = [b"0\r\n\r\n", b"3\r\na=b\r\n0\r\n\r\n", b"1\r\na\r\n2\r\n=b\r\n0\r\n\r\n"]
    bodies += [
        b"00003\r\na=b\r\n000\r\n\r\n",
        b"A\r\n0123456789\r\n0\r\n\r\n",
        b"a\r\n0123456789\r\n0\r\n\r\n",
    ]
    bodies += [b"3;x=y\r\na=b\r\n0\r\n\r\n", b"3\r\na=b\r\n0\r\nX: y\r\n\r\n"]
    bodies += [
        b"zz\r\n",
        b"-1\r\n",
        b"3\r\nabcd\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b" 3\r\nabc\r\n0\r\n\r\n",
    ]
    asked = [ask("POST", "/", chunked, FORM) + body for body in bodies]
    asked += [ask("POST", "/", "Transfer-Encoding: gzip, chunked"), post("/", b"", chunked)]
    return [("/", show)], {}, asked


# --- connections ----------------------------------------------------------------------------------


def connections(**options: Any) -> Any:
    old = [
        line.replace(b"HTTP/1.1", b"HTTP/1.0") for line in (get("/"), head("/"), post("/", b"x"))
    ]
    asked = [get("/"), get("/", "Connection: close"), get("/", "Connection: keep-alive"), *old]
    asked += [get("/", "Connection: Keep-Alive").replace(b"HTTP/1.1", b"HTTP/1.0")]
    asked += [get("/", "Connection: x, close"), get("/", "Connection: Close")]
    asked += [
        get("/") + head("/") + get("/missing") + post("/", b"body") + get("/", "Connection: close")
    ]
    asked += [b"\r\n" + get("/"), get("/").replace(b"HTTP/1.1", b"HTTP/1.2")]
    show = new(get=lambda self: self.write("x"), post=lambda self: self.write(self.request.body))
    show.head = show.get
    return web.Application([("/", show)]), {}, asked, options


@application
def connections_kept() -> Any:
    return connections()


@application
def connections_not_kept() -> Any:
    return connections(no_keep_alive=True)


@application
def behind_a_proxy() -> Any:
    show = new(get=lambda self: self.write(f"{self.request.remote_ip} {self.request.full_url()}"))
    asked = [
        get("/"),
        get("/", "X-Real-Ip: 4.4.4.4"),
        get("/", "X-Forwarded-For: 1.1.1.1, 2.2.2.2"),
    ]
    asked += [
        get("/", "X-Forwarded-For: 1.1.1.1, 9.9.9.9, 2.2.2.2"),
        get("/", "X-Real-Ip: nonsense"),
    ]
    asked += [get("/", f"X-Scheme: {s}") for s in ("https", "http", "ftp", "HTTPS")]
    asked += [get("/", f"X-Forwarded-Proto: {s}") for s in ("https", "http, https", "ws")]
    asked += [get("/", "X-Forwarded-For: ::1"), get("/", "X-Forwarded-For: 1.1.1.1, unknown")]
    options = {"xheaders": True, "trusted_downstream": ["2.2.2.2"]}
    return web.Application([("/", show)]), {}, asked, options


@application
def compressed_requests() -> Any:
    show = new(post=lambda self: self.write(repr(self.request.body) + repr(self.request.arguments)))
    packed = bytes.fromhex("1f8b08000000000002034bb44d524bb64d010015c0440407000000")  # a=b&c=d
    asked = [form("/", packed, "Content-Encoding: gzip"), form("/", b"a=b"), post("/", packed)]
    asked += [
        form("/", b"junk", "Content-Encoding: gzip"),
        form("/", packed, "Content-Encoding: x"),
    ]
    return web.Application([("/", show)]), {}, asked, {"decompress_request": True}


@application
def limits() -> Any:
    show = new(post=lambda self: self.write(str(len(self.request.body))))
    asked = [post("/", b"x" * 100), post("/", b"x" * 101), get("/", "X: " + "y" * 2000)]
    asked += [
        ask("POST", "/", "Transfer-Encoding: chunked") + b"65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n"
    ]
    options = {"max_body_size": 100, "max_header_size": 1000}
    return web.Application([("/", show)]), {}, asked, options


@application
def expectations() -> Any:
    show = new(post=lambda self: self.write(self.request.body))
    asked = [post("/", b"x", "Expect: 100-continue"), post("/", b"", "Expect: 100-continue")]
    asked += [
        ask("POST", "/", "Expect: 100-continue", "Transfer-Encoding: chunked")
        + b"1\r\nx\r\n0\r\n\r\n"
    ]
    return [("/", show)], {}, asked


@application
def malformed_requests() -> Any:
    asked = [b"nonsense\r\n\r\n", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"]
    asked += [b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n"]
    asked += [get("/", "no colon"), get("/", "a b: c"), get("/", " folded: c"), get("/", "a: b\0")]
    asked += [get("/", "Host: a", "Host: a"), get("/", "Host: a/b"), get("/", "Host: a b")]
    lengths = ["+3", "-1", "0x3", "1_0", "", "3, 4", "a"]
    asked += [ask("POST", "/", f"Content-Length: {n}") + b"abc" for n in lengths]
    asked += [ask("POST", "/", "Content-Length: 3", "Transfer-Encoding: chunked") + b"0\r\n\r\n"]
    asked += [ask("POST", "/", "Content-Length: 3, 3") + b"abc", get("/\0"), get("/a b")]
    return [("/.*", says("x"))], {}, asked


@application
def detached() -> Any:
    async def take(self: Any) -> None:
        self.set_status(101)
        self.set_header("Connection", "Upgrade")
        self.set_header("Upgrade", "mine")
        stream = self.detach()
        await stream.write(b"HTTP/1.1 200 Detached\r\nContent-Length: 2\r\n\r\nok")
        stream.close()

    return [("/", new(get=take))], {}, [get("/")]


@application
def connections_used_directly() -> Any:
    def callback(request: Any) -> None:
        start = httputil.ResponseStartLine("HTTP/1.1", 202, "Fine")
        headers = httputil.HTTPHeaders({"X-A": "b"})
        headers.add("X-C", "d")
        headers.add("X-C", "e")
        if request.path == "/sized":
            headers["Content-Length"] = "4"
        request.connection.write_headers(start, headers)
        request.connection.write(b"bo")
        request.connection.write(b"dy")
        request.connection.finish()

    asked = [*both("/", "/sized"), get("/").replace(b"HTTP/1.1", b"HTTP/1.0")]
    return callback, {}, asked


@application
def handshakes() -> Any:
    class Socket(websocket.WebSocketHandler):  # type: ignore[misc, name-defined]
        def open(self, *args: Any) -> None:
            self.close(1000)

        def select_subprotocol(self, subprotocols: list[str]) -> str | None:
            return "b" if "b" in subprotocols else None

    good = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    asked = [get("/"), get("/", *good), get("/", *good, key, "Origin: http://evil.example")]
    asked += [get("/", *good[1:], key), get("/", good[0], good[2], key), post("/", b"", *good, key)]
    asked += [get("/", *good[:2], "Sec-WebSocket-Version: 12", key), get("/", *good[:2], key)]
    asked += [get("/", *good, key), get("/", *good, key, "Origin: http://example.com")]
    asked += [
        get("/", *good, key, "Sec-WebSocket-Protocol: a, b"),
        get("/", *good, "Sec-WebSocket-Key:"),
    ]
    asked += [
        get("/", *good, key, "Sec-WebSocket-Protocol: c"),
        get("/", *good[:2], good[2] + "0", key),
    ]
    return [("/", Socket)], {}, asked


# --- asking ---------------------------------------------------------------------------------------


async def read_answer(reader: asyncio.StreamReader, method: str) -> bytes:
    """One answer, as it is on the wire."""
    head = await reader.readuntil(b"\r\n\r\n")
    code = int(head.split(b" ", 2)[1])
    lowered = head.lower()
    if code == 101:
        return head + await reader.readexactly(4)
    if method == "HEAD" or code in (100, 204, 304):
        return head
    if b"\r\ntransfer-encoding: chunked\r\n" in lowered:
        body, size = b"", 1
        while size:
            line = await reader.readuntil(b"\r\n")
            size = int(line, 16)
            body += line + await reader.readexactly(size + 2)
        return head + body
    length = re.search(rb"\r\ncontent-length: (\d+)\r\n", lowered)
    if length is None:
        return head + await reader.read()
    return head + await reader.readexactly(int(length[1]))


def chunks_of(body: bytes) -> list[bytes]:
    """The chunks of a complete chunked body."""
    found = []
    while body:
        line, _, body = body.partition(b"\r\n")
        found.append(body[: int(line, 16)])
        body = body[int(line, 16) + 2 :]
    return found[:-1]


def shown(answer: bytes) -> list[str]:
    """The lines of a head and the body, without what tells the packages and the days apart."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    lines = [re.sub(r"^(Date|Expires): .*", r"\1:", line) for line in lines]
    # Python 3.13 has other phrases for these than 3.11.
    lines[0] = re.sub(r" (413|414|416|422) .*", r" \1", lines[0])
    lines = [re.sub(r"(^Set-Cookie:.*expires=)[^;]*", r"\1", line) for line in lines]
    if b"\r\nContent-Encoding: gzip" in head and body:
        # What compresses may be another version in the other interpreter.
        chunks = chunks_of(body) if b"\r\nTransfer-Encoding: chunked" in head else [body]
        body = b"%d pieces of gzip: %b" % (len(chunks), gzip.decompress(b"".join(chunks)))
        lines = [re.sub(r"^Content-Length: .*", "Content-Length:", line) for line in lines]
    text = body.decode("latin-1").replace(FOLDER, "<folder>")
    text = text if len(text) < 5000 else f"{text[:100]}... {len(text)} {hash_of(text)}"
    return [*[line for line in lines if not line.startswith("Server:")], "", text]


def hash_of(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


async def exchange(address: tuple[str, int], request: bytes) -> list[list[str]]:
    """The answers on one connection."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request)
    found: list[list[str]] = []
    methods = re.findall(rb"(?:^|\n|body)([A-Z]+) [^ ]* HTTP/1\.\d\r\n", request) or [b"GET"]
    try:
        async with asyncio.timeout(PATIENCE):
            for method in methods:
                while True:
                    found.append(shown(await read_answer(reader, method.decode())))
                    if not found[-1][0].startswith("HTTP/1.1 100 "):
                        break
            if any(line.lower() == "connection: close" for line in found[-1]):
                found.append([repr(await reader.read())])
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        found.append([f"closed after {getattr(error, 'partial', b'')!r}"])
    except TimeoutError:
        found.append(["no answer"])
    writer.close()
    return found


def name_of(request: bytes) -> str:
    """A short name that tells a request from others."""
    text = request.decode("latin-1").replace("\r\nHost: example.com", "").replace(" HTTP/1.1", "")
    text = re.sub(r"\r\nContent-Length: \d+\r", "\r", text).rstrip("\r\n").replace("\r\n", " | ")
    return text if len(text) < 200 else f"{text[:150]}... {hash_of(text)[:8]}"


async def run(name: str) -> dict[str, Any]:
    """Serve one application, and ask what there is to ask."""
    made, settings, requests, *options = APPLICATIONS[name]()
    if isinstance(made, list):
        made = web.Application(made, **settings)
    server = httpserver.HTTPServer(made, **(options[0] if options else {}))
    (sock,) = netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets([sock])
    answers: dict[str, Any] = {}
    for request in requests:
        asked = name_of(request)
        while asked in answers:
            asked += " again"
        found = await exchange(sock.getsockname(), request)
        # What an answer is followed by: its line in the log, the end of its connection.
        for _ in range(10):
            await asyncio.sleep(0)
        answers[asked] = [*found, sorted(LOGGED)]
        LOGGED.clear()
    server.stop()
    await server.close_all_connections()
    return answers


async def main() -> dict[str, Any]:
    """Everything, one after the other."""
    return {name: await run(name) for name in APPLICATIONS}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    parts = logging.getLogger(PACKAGE)
    parts.addHandler(Keep())
    parts.propagate = False
    parts.setLevel(logging.INFO)
    print(json.dumps(asyncio.run(main())))
