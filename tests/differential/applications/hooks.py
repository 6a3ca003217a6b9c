"""Which of its own methods a handler calls, with what, where a program has replaced them."""

import datetime
import inspect
import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.differential.applications.tools import (
    FOLDER,
    Handler,
    Static,
    application,
    ask,
    get,
    head,
    in_folder,
    new,
    post,
    web,
)

#: How often these are asked, and for what, is nobody's business: they change nothing.
ASKED = {"get_status", "require_setting", "create_template_loader", "get_template_path"}
#: Not the handler's own doing.
GIVEN = {"initialize", "get", "head", "post", "put", "patch", "delete", "options", "detach", "ui"}
#: Those that hooks are replaced for one at a time.
SINGLE = ("set_header", "add_header", "flush", "finish", "write", "set_status")
SINGLE += ("set_etag_header", "check_etag_header", "clear_header", "write_error")

CALLS: list[str] = []
DEPTH = [0]
Make = Callable[[Any, tuple[str, ...]], Any]


def shown(value: Any) -> str:
    """An argument; what differs from one package or day to the other is left out."""
    if isinstance(value, datetime.datetime):
        return "a date"
    if isinstance(value, str):
        value = "".join(value.partition("expires=")[:2])
    text = repr(value).replace(FOLDER, "<folder>")
    return type(value).__name__ if " at 0x" in text or len(text) > 300 else text


def noted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """A function that notes how it is called."""

    def called(*args: Any, **kwargs: Any) -> Any:
        told = [shown(arg) for arg in args]
        if name == "log_exception":
            told = [args[0].__name__]
        told += [f"{key}={shown(value)}" for key, value in kwargs.items()]
        CALLS.append("  " * DEPTH[0] + f"{name}({', '.join(told)})")
        DEPTH[0] += 1
        try:
            return call(*args, **kwargs)
        finally:
            DEPTH[0] -= 1

    return called


def hooks_of(base: Any, names: tuple[str, ...]) -> Iterator[str]:
    """Those of the names, or of all, that are methods of a class."""
    for name in names or sorted({*dir(Handler), *dir(Static)}):
        method = inspect.getattr_static(base, name, None)
        if inspect.isfunction(method) and name[0] != "_" and name not in ASKED | GIVEN:
            yield name


def overridden(base: Any, names: tuple[str, ...]) -> Any:
    """A subclass of which the methods call those of their class."""

    def override(name: str) -> Any:
        return lambda self, *args, **kwargs: noted(name, getattr(super(made, self), name))(
            *args, **kwargs
        )

    made = new(base.__name__, base, **{name: override(name) for name in hooks_of(base, names)})
    return made


def patched(base: Any, names: tuple[str, ...]) -> Any:
    """A subclass of which each instance has other methods than its class."""

    def initialize(self: Any, *args: Any, **kwargs: Any) -> None:
        super(made, self).initialize(*args, **kwargs)
        for name in hooks_of(base, names):
            setattr(self, name, noted(name, getattr(self, name)))

    made = new(base.__name__, base, initialize=initialize)
    return made


def raising(error: BaseException) -> Callable[[Any], None]:
    def method(self: Any) -> None:
        raise error

    return method


def status(code: int) -> Callable[[Any], None]:
    return lambda self: self.set_status(code)


def own(self: Any) -> None:
    self.set_header("Content-Length", "3")
    self.set_header("Etag", '"own"')
    self.write("abc")


def flushed(self: Any) -> None:
    self.set_cookie("a", "b")
    self.write("a")
    self.flush()
    self.write("b")


def cookies(self: Any) -> None:
    self.set_cookie("a", "b")
    self.set_signed_cookie("s", "v")
    self.clear_cookie("c")
    self.get_signed_cookie("s")
    self.write("x")


def cleared(self: Any) -> None:
    self.set_header("X", "y")
    self.set_status(202)
    self.clear()
    self.add_header("X", "1")
    self.clear_header("Content-Type")
    self.write("x")


def redirected(self: Any) -> None:
    self.set_cookie("a", "b")
    self.redirect("/x?y=1")


def tagged(self: Any) -> None:
    self.write("x")
    self.set_etag_header()
    if self.check_etag_header():
        self.set_status(304)
        self._write_buffer = []


def arguments(self: Any) -> None:
    self.write(f"{self.get_argument('a', 'b')} {self.get_arguments('c')} {self.current_user}")


METHODS: dict[str, Callable[[Any], Any]] = {
    "written": lambda self: self.write("x"),
    "finished": lambda self: self.finish("x"),
    "dict": lambda self: self.write({"a": 1}),
    "empty": lambda self: None,
    "long": lambda self: self.write("x" * 5000),
    "201": status(201),
    "204": status(204),
    "205": status(205),
    "304": status(304),
    "own": own,
    "flushed": flushed,
    "cookies": cookies,
    "cleared": cleared,
    "redirected": redirected,
    "permanently": lambda self: self.redirect("x", permanent=True),
    "tagged": tagged,
    "arguments": arguments,
    "rendered": lambda self: self.render("hooks/t.html", a=1),
    "refused": lambda self: self.send_error(403, reason="No"),
    "not_found": raising(web.HTTPError(404)),
    "not_modified": raising(web.HTTPError(304)),
    "broken": raising(ZeroDivisionError()),
    "ended": raising(web.Finish("body")),
    "missing": lambda self: self.get_argument("none"),
    "user": web.authenticated(lambda self: None),
}


def recording(make: Make, prefix: str = "", names: tuple[str, ...] = ()) -> list[Any]:
    """The routes of handlers with replaced methods; `/calls` tells what was called."""
    routes = [
        (f"{prefix}/{name}", make(new("H", get=method, head=method, post=method), names))
        for name, method in METHODS.items()
    ]
    moved = make(web.RedirectHandler, names)
    gone = make(web.ErrorHandler, names)
    files = make(Static, names)
    return [
        *routes,
        (f"{prefix}/moved", moved, {"url": "/to/x", "permanent": False}),
        (f"{prefix}/gone", gone, {"status_code": 410}),
        (f"{prefix}/files/(.*)", files, {"path": f"{FOLDER}/hooks"}),
    ]


class Calls(Handler):  # type: ignore[misc]
    """What was called since it was asked last."""

    def get(self) -> None:
        self.write(json.dumps(CALLS).encode())
        CALLS.clear()


def asked(prefix: str = "") -> list[bytes]:
    """Requests for each, and after each one for what was called."""
    requests = [make(f"{prefix}/{name}") for name in METHODS for make in (get, head)]
    requests += [post(f"{prefix}/{name}", b"a=1") for name in ("written", "arguments", "empty")]
    for name in ("written", "long", "flushed", "own", "tagged", "files/f.txt"):
        requests.append(get(f"{prefix}/{name}", "If-None-Match: *"))
        requests.append(get(f"{prefix}/{name}", "Accept-Encoding: gzip"))
    requests += [get(f"{prefix}/arguments?a=%20b&c=d"), get(f"{prefix}/moved?a=b")]
    requests += [get(f"{prefix}/gone"), ask("BREW", f"{prefix}/written")]
    for name in ("f.txt", "f.txt?v=1", "none", "d"):
        requests += [get(f"{prefix}/files/{name}"), head(f"{prefix}/files/{name}")]
    requests += [get(f"{prefix}/files/f.txt", f"Range: bytes={part}") for part in ("2-4", "50-")]
    told = []
    for number, request in enumerate(requests):
        told += [request, get(f"/calls?{prefix}{number}")]
    return told


def settings(**more: Any) -> dict[str, Any]:
    in_folder("hooks/t.html", b"<p>{{ a }}</p>")
    in_folder("hooks/f.txt", b"0123456789" * 200)
    in_folder("hooks/d/x", b"")
    return {
        "cookie_secret": "s" * 20,
        "template_path": FOLDER,
        "login_url": "/login",
        "compress_response": False,
        **more,
    }


@application
def hooks_overridden() -> Any:
    return [*recording(overridden), ("/calls", Calls)], settings(), asked()


@application
def hooks_overridden_and_answers_compressed() -> Any:
    routes = [*recording(overridden), ("/calls", Calls)]
    return routes, settings(compress_response=True), asked()


@application
def hooks_of_instances() -> Any:
    return [*recording(patched), ("/calls", Calls)], settings(), asked()


def one_at_a_time(make: Make, names: tuple[str, ...]) -> Any:
    routes: list[Any] = [("/calls", Calls)]
    requests = []
    for name in names:
        routes += recording(make, f"/{name}", (name,))
        requests += asked(f"/{name}")
    return routes, settings(), requests


@application
def single_hooks_overridden() -> Any:
    return one_at_a_time(overridden, SINGLE)


@application
def single_hooks_of_instances() -> Any:
    return one_at_a_time(patched, SINGLE[:6])
