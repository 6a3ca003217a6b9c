"""What a request brings, and what is made of it: methods, arguments, files, pieces of a body."""

import asyncio
from typing import Any

from tests.differential.applications.tools import (
    FORM,
    MULTIPART,
    Handler,
    application,
    ask,
    both,
    form,
    gen,
    get,
    new,
    post,
    says,
    web,
)

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
