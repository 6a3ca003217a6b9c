"""Static files, and compression."""

import datetime
import os
from typing import Any

from tests.differential.applications.tools import (
    FOLDER,
    Static,
    application,
    both,
    get,
    head,
    in_folder,
    new,
    post,
    says,
    web,
)

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
