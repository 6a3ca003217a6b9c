"""Answers and errors."""

import asyncio
import datetime
import logging
from collections.abc import Callable
from typing import Any

from tests.differential.applications.tools import (
    PACKAGE,
    application,
    ask,
    both,
    gen,
    get,
    head,
    httputil,
    new,
    post,
    says,
    web,
)

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
