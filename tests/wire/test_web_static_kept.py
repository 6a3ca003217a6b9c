"""StaticFileHandler with files kept in memory, and with compressed forms beside them."""

from __future__ import annotations

import gzip
import hashlib
import os
import pathlib
import threading
import zlib
from typing import Any

import pytest

from whirlwind.web.static import files, kept, sending
from whirlwind.web.static.versions import PLACES

from .raw import build, wait_until
from .server import gen, web

TEXT = b"some text that is long enough to be compressed " * 20
TAG = f'"{hashlib.sha512(TEXT).hexdigest()}"'
DATE = "Thu, 02 Jan 2020 03:04:05 GMT"
CHANGED = 1577934245


@pytest.fixture(autouse=True)
def keep(monkeypatch):
    """Keep files at once; real ones are kept when they have been at rest for a while."""
    monkeypatch.setattr(kept, "AT_REST", -1.0)
    PLACES.clear()
    yield
    PLACES.clear()


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    write(root / "a.txt", TEXT)
    write(root / "sub" / "index.html", b"<p>index")
    return root


def write(path: pathlib.Path, content: bytes, changed: float = CHANGED) -> None:
    path.write_bytes(content)
    os.utime(path, (changed, changed))


@pytest.fixture
def static(start, root):
    """Starts a server for the directory; arguments of the handler, and settings."""

    def start_static(handler=web.StaticFileHandler, settings=None, **arguments):
        arguments = {"path": str(root)} | arguments
        application = web.Application([(r"/(.*)", handler, arguments)], **(settings or {}))
        return start(application)

    return start_static


def described(answer: Any) -> list[tuple[str, str]]:
    return [(n, v) for n, v in answer.fields if n not in ("Server", "Date", "Expires")]


@pytest.fixture
def opened(monkeypatch):
    """The paths of the files that are opened."""
    paths = []
    original = files.open_below

    def spy(directory, path):
        paths.append(os.path.basename(path))
        return original(directory, path)

    monkeypatch.setattr(files, "open_below", spy)
    return paths


# --- in memory -----------------------------------------------------------------------------------


REQUESTS: list[dict[str, str]] = [
    {},
    {"Accept-Encoding": "gzip, br"},
    {"If-None-Match": TAG},
    {"If-None-Match": '"other"'},
    {"If-Modified-Since": DATE},
    {"If-Modified-Since": "Thu, 02 Jan 2010 03:04:05 GMT"},
    {"Range": "bytes=5-9"},
    {"Range": "bytes=-5"},
    {"Range": "bytes=5000-"},
    {"Range": "bytes=5-9", "If-Range": TAG},
    {"Range": "bytes=5-9", "If-Range": '"other"'},
]


@pytest.mark.parametrize("query", ["", "?v=abc", "?a=b", "?a=b&v=c", "?v=1&v=2"])
@pytest.mark.parametrize("fields", REQUESTS, ids=str)
def test_answers_from_memory_are_the_same(static, opened, query, fields):
    server = static()
    for method in ("GET", "HEAD"):
        PLACES.clear()
        first = server.request("/a.txt" + query, method, fields=fields)
        opened.clear()
        second = server.request("/a.txt" + query, method, fields=fields)
        assert opened == []
        assert (second.status, described(second)) == (first.status, described(first))
        assert second.body == first.body
        assert (second.get("Expires") is None) is (first.get("Expires") is None)


def test_files_are_not_kept_before_they_are_at_rest(static, root, opened, monkeypatch):
    monkeypatch.setattr(kept, "AT_REST", 1e6)
    server = static()
    for _ in range(2):
        assert server.request("/a.txt").body == TEXT
    assert opened == ["a.txt", "a.txt"]


@pytest.mark.parametrize("change", ["in place", "renamed over", "attributes"])
def test_changes_are_seen_at_once(static, root, change):
    server = static()
    assert server.request("/a.txt").body == TEXT
    other = TEXT[::-1]
    if change == "in place":
        write(root / "a.txt", other)
    elif change == "renamed over":
        write(root / "new", other)
        (root / "new").rename(root / "a.txt")
    else:
        (root / "a.txt").write_bytes(other)
        os.utime(root / "a.txt", (CHANGED + 1, CHANGED + 1))
    for _ in range(2):
        answer = server.request("/a.txt")
        assert answer.body == other
        assert answer.get("Etag") == f'"{hashlib.sha512(other).hexdigest()}"'


def test_files_that_go_are_gone(static, root):
    server = static()
    assert server.request("/a.txt").status == 200
    (root / "a.txt").unlink()
    assert server.request("/a.txt").status == 404
    os.mkfifo(root / "a.txt")
    assert server.request("/a.txt").status == 403


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_files_that_may_not_be_read_any_more(static, root):
    server = static()
    assert server.request("/a.txt").status == 200
    (root / "a.txt").chmod(0)
    assert server.request("/a.txt").status == 403


def test_a_directory_that_was_moved_away_and_linked(static, root, tmp_path):
    """The file is the same; where it is, is found out again after a while."""
    server = static()
    assert server.request("/sub/index.html").status == 200
    (root / "sub").rename(tmp_path / "elsewhere")
    (root / "sub").symlink_to(tmp_path / "elsewhere")
    for place in PLACES._places.values():
        place.until = 0.0
    assert server.request("/sub/index.html").status == 403


def test_what_has_not_changed_is_not_read_again(static, root, monkeypatch):
    """Once a second it is found out again where the path leads; the content is there already."""
    write(root / "a.txt.gz", b"compressed")
    reads = []
    original = files.read_at

    def spy(fd, position, size):
        reads.append(size)
        return original(fd, position, size)

    monkeypatch.setattr(files, "read_at", spy)
    server = static()
    accept = {"Accept-Encoding": "gzip"}
    for _ in range(3):
        assert server.request("/a.txt").body == TEXT
        assert server.request("/a.txt", fields=accept).body == b"compressed"
        for place in PLACES._places.values():
            place.until = 0.0
    assert sorted(reads) == [10, len(TEXT)]
    write(root / "a.txt", TEXT[::-1])
    assert server.request("/a.txt").body == TEXT[::-1]


def test_links_inside_and_allowed_directories(static, root, tmp_path, opened):
    (tmp_path / "other").mkdir()
    write(tmp_path / "other" / "x.txt", b"elsewhere")
    (root / "link").symlink_to("a.txt")
    (root / "out").symlink_to(tmp_path / "other" / "x.txt")
    server = static()
    for _ in range(2):
        assert server.request("/link").body == TEXT
        assert server.request("/out").status == 403
    allowing = static(allowed_symlink_directory=[str(root), str(tmp_path / "other")])
    for _ in range(2):
        assert allowing.request("/out").body == b"elsewhere"
    # What one handler may serve another one may not.
    assert server.request("/out").status == 403
    # A link that turns is followed to where it leads now.
    (root / "link").unlink()
    (root / "link").symlink_to("sub/index.html")
    assert server.request("/link").body == b"<p>index"


def test_default_files(static, root, opened):
    server = static(default_filename="index.html")
    for _ in range(2):
        assert server.request("/sub/").body == b"<p>index"
        redirect = server.request("/sub")
        assert (redirect.status, redirect.get("Location")) == (301, "/sub/")
    assert [place.is_default for place in PLACES._places.values()] == [True]


def test_hooks_are_called_for_kept_files(static):
    calls = []

    class Extra(web.StaticFileHandler):
        def set_extra_headers(self, path):
            calls.append((path, os.path.basename(self.absolute_path), self.modified.year))
            self.set_header("X-Extra", "1")

        def get_content_type(self):
            return "text/x-mine"

    server = static(Extra)
    for _ in range(3):
        answer = server.request("/a.txt")
        assert (answer.get("X-Extra"), answer.get("Content-Type")) == ("1", "text/x-mine")
        assert answer.body == TEXT
    assert calls == [("a.txt", "a.txt", 2020)] * 3


@pytest.mark.parametrize(
    ("name", "replacement"),
    [
        ("set_extra_headers", lambda self, path: self.set_header("X-Now", "1")),
        ("set_headers", lambda self: self.set_header("X-Now", "1")),
        ("get_cache_time", lambda self, *_: self.set_header("X-Now", "1") or 0),
        ("should_return_304", lambda self: self.set_header("X-Now", "1")),
        ("get_content_size", lambda self: self.set_header("X-Now", "1") or len(TEXT)),
        ("validate_absolute_path", lambda self, _, path: self.set_header("X-Now", "1") or path),
    ],
)
@pytest.mark.parametrize("where", ["class", "base", "instance"])
def test_hooks_patched_when_files_are_kept_already(static, monkeypatch, name, replacement, where):
    class Handler(web.StaticFileHandler):
        def prepare(self):
            if where == "instance" and self.request.query == "patch":
                setattr(self, name, lambda *args: replacement(self, *args))

    server = static(Handler)
    for _ in range(2):
        assert server.request("/a.txt").get("X-Now") is None
    if where != "instance":
        target = Handler if where == "class" else web.StaticFileHandler
        monkeypatch.setattr(target, name, replacement)
    answer = server.request("/a.txt?patch")
    assert (answer.get("X-Now"), answer.body) == ("1", TEXT)
    if where != "instance":
        monkeypatch.undo()
    assert server.request("/a.txt").get("X-Now") is None


def test_default_headers_and_cookies_stay(static):
    class Handler(web.StaticFileHandler):
        def set_default_headers(self):
            self.set_header("X-Default", "1")
            self.set_header("Vary", "Origin")

        def prepare(self):
            self.set_cookie("a", "b")

    server = static(Handler)
    for _ in range(2):
        answer = server.request("/a.txt")
        assert (answer.get("X-Default"), answer.get("Vary")) == ("1", "Origin")
        assert answer.get("Set-Cookie") == "a=b; Path=/"
        assert answer.body == TEXT


@pytest.mark.parametrize("kind", ["native", "generator", "plain"])
def test_get_can_be_wrapped_in_any_way(static, kind):
    after = []

    class Native(web.StaticFileHandler):
        async def get(self, path, include_body=True):
            assert await super().get(path, include_body) is None
            after.append(self.absolute_path)

    class Generator(web.StaticFileHandler):
        @gen.coroutine
        def get(self, path, include_body=True):
            assert (yield super().get(path, include_body)) is None
            after.append(self.absolute_path)

    class Plain(web.StaticFileHandler):
        def get(self, path, include_body=True):
            after.append(path)
            return super().get(path, include_body)

    server = static({"native": Native, "generator": Generator, "plain": Plain}[kind])
    for _ in range(2):
        assert server.request("/a.txt").body == TEXT
    assert server.request("/a.txt", "HEAD").status == 200
    assert server.request("/none").status == 404
    assert len(after) == (4 if kind == "plain" else 3)


def test_get_called_from_another_method(static):
    class Form(web.StaticFileHandler):
        async def post(self, path):
            await self.get(path)

    server = static(Form)
    for _ in range(2):
        assert server.request("/a.txt", "POST", b"v=1").body == TEXT


# --- compressed forms ----------------------------------------------------------------------------


@pytest.fixture
def siblings(root):
    for suffix in (".gz", ".br", ".zst"):
        # What is in them is nobody's business but the client's.
        write(root / f"a.txt{suffix}", b"compressed" + suffix.encode())


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("br;q=0, zstd;q=0.1", "zstd"),
        ("*", None),
        ("br;q=0.2, *;q=0.5", "br"),
        ("identity, gzip;q=0.5", None),
        ("deflate", None),
        ("", None),
        ("gzip;q=x", None),
        ("GZIP", "gzip"),
    ],
)
@pytest.mark.usefixtures("siblings")
def test_compressed_forms(static, accept, coding):
    server = static()
    suffix = {"gzip": b".gz", "br": b".br", "zstd": b".zst", None: None}[coding]
    body = TEXT if suffix is None else b"compressed" + suffix
    for _ in range(2):
        answer = server.request("/a.txt", fields={"Accept-Encoding": accept})
        assert answer.body == body
        assert described(answer) == [
            ("Content-Type", "text/plain"),
            ("Accept-Ranges", "bytes"),
            ("Etag", f'"{hashlib.sha512(body).hexdigest()}"'),
            ("Last-Modified", DATE),
            ("Vary", "Accept-Encoding"),
            *([("Content-Encoding", coding)] if coding else []),
            ("Content-Length", str(len(body))),
        ]
        head = server.request("/a.txt", "HEAD", fields={"Accept-Encoding": accept})
        assert described(head) == described(answer)


@pytest.mark.usefixtures("siblings")
def test_compressed_forms_and_conditions(static):
    server = static()
    for _ in range(2):
        accept = {"Accept-Encoding": "gzip"}
        tag = server.request("/a.txt", fields=accept).get("Etag")
        assert tag != TAG
        same = server.request("/a.txt", fields=accept | {"If-None-Match": tag})
        assert (same.status, same.get("Vary"), same.get("Etag")) == (304, "Accept-Encoding", tag)
        assert same.get("Content-Encoding") is None
        # The tag of one form is not that of another.
        assert server.request("/a.txt", fields=accept | {"If-None-Match": TAG}).status == 200
        assert server.request("/a.txt", fields={"If-None-Match": tag}).status == 200
        # A part is one of the file itself.
        part = server.request("/a.txt", fields=accept | {"Range": "bytes=0-3"})
        assert (part.status, part.body) == (206, TEXT[:4])
        assert (part.get("Content-Encoding"), part.get("Vary")) == (None, "Accept-Encoding")
        assert part.get("Etag") == TAG


def test_compressed_forms_that_are_of_no_use(static, root, tmp_path):
    fields = {"Accept-Encoding": "gzip, br, zstd"}
    write(root / "a.txt.gz", b"older", CHANGED - 1)
    write(root / "a.txt.br", TEXT)  # not smaller
    write(tmp_path / "outside", b"secret")
    (root / "a.txt.zst").symlink_to(tmp_path / "outside")
    server = static()
    for _ in range(2):
        answer = server.request("/a.txt", fields=fields)
        assert (answer.body, answer.get("Vary")) == (TEXT, None)
    (root / "a.txt.zst").unlink()
    os.mkfifo(root / "a.txt.zst")
    (root / "a.txt.br").unlink()
    (root / "a.txt.br").mkdir()
    PLACES.clear()
    assert server.request("/a.txt", fields=fields).body == TEXT


def test_compressed_forms_that_change(static, root):
    fields = {"Accept-Encoding": "gzip"}
    write(root / "a.txt.gz", b"first")
    server = static()
    assert server.request("/a.txt", fields=fields).body == b"first"
    write(root / "a.txt.gz", b"second")
    assert server.request("/a.txt", fields=fields).body in (b"second", TEXT)
    (root / "a.txt.gz").unlink()
    assert server.request("/a.txt", fields=fields).body == TEXT
    # A newer file has no older compressed form.
    write(root / "a.txt.gz", b"third")
    PLACES.clear()
    assert server.request("/a.txt", fields=fields).body == b"third"
    write(root / "a.txt", TEXT[::-1], CHANGED + 1)
    assert server.request("/a.txt", fields=fields).body == TEXT[::-1]


@pytest.mark.usefixtures("siblings")
def test_compressed_forms_can_be_chosen_and_switched_off(static):
    class Off(web.StaticFileHandler):
        precompressed = ()

    class Gzip(web.StaticFileHandler):
        precompressed = ("gzip",)

    fields = {"Accept-Encoding": "gzip, br, zstd"}
    plain, only, usual = static(Off), static(Gzip), static()
    for _ in range(2):
        answer = plain.request("/a.txt", fields=fields)
        assert (answer.body, answer.get("Vary")) == (TEXT, None)
        assert only.request("/a.txt", fields=fields).body == b"compressed.gz"
        assert usual.request("/a.txt", fields=fields).body == b"compressed.br"


def test_a_coding_that_there_is_none_of(static, logs):
    class Wrong(web.StaticFileHandler):
        precompressed = ["lzma"]

    assert static(Wrong).request("/a.txt").status == 500
    [record] = [record for record in logs.records if record.exc_info]
    assert "no content coding 'lzma' of br, zstd, gzip" in str(record.exc_info[1])


@pytest.mark.usefixtures("siblings")
def test_hooks_and_compressed_forms(static):
    class Extra(web.StaticFileHandler):
        def set_extra_headers(self, path):
            self.set_header("X-Path", path)
            self.set_header("Vary", "Origin")

    class Etag(web.StaticFileHandler):
        def compute_etag(self):
            return '"one for all"'

    fields = {"Accept-Encoding": "gzip"}
    server = static(Extra)
    for _ in range(2):
        answer = server.request("/a.txt", fields=fields)
        assert (answer.body, answer.get("X-Path")) == (b"compressed.gz", "a.txt")
        assert answer.get("Vary") == "Origin, Accept-Encoding"
    # Two forms with one tag would be mixed up by caches.
    assert static(Etag).request("/a.txt", fields=fields).body == TEXT


def test_compressed_forms_of_default_and_large_files(static, root):
    write(root / "sub" / "index.html.gz", b"<p>")
    content = os.urandom(1000) * 700
    write(root / "large", content)
    write(root / "large.gz", gzip.compress(content))
    fields = {"Accept-Encoding": "gzip"}
    server = static(default_filename="index.html")
    for _ in range(2):
        answer = server.request("/sub/", fields=fields)
        assert (answer.body, answer.get("Content-Type")) == (b"<p>", "text/html")
        answer = server.request("/large", fields=fields)
        assert zlib.decompress(answer.body, 31) == content
        assert server.request("/large").body == content


@pytest.mark.usefixtures("siblings")
def test_compressed_forms_are_not_compressed_again(static):
    server = static(settings={"compress_response": True})
    for _ in range(2):
        answer = server.request("/a.txt", fields={"Accept-Encoding": "gzip"})
        assert (answer.body, answer.get("Content-Encoding")) == (b"compressed.gz", "gzip")
        assert answer.get("Vary") == "Accept-Encoding"


def test_no_descriptor_is_lost(static, root):
    content = os.urandom(1000) * 700
    write(root / "large", content)
    for suffix in (".gz", ".br", ".zst"):
        write(root / f"large{suffix}", content[:-1])
    server = static()
    before = server.call(lambda: len(os.listdir("/dev/fd")))
    for fields in (
        {},
        {"Accept-Encoding": "br"},
        {"Range": "bytes=900000-"},
        {"Range": "bytes=1-2"},
    ):
        for method in ("GET", "HEAD"):
            server.request("/large", method, fields=fields)
            server.request("/a.txt", method, fields=fields)
    wait_until(lambda: server.call(lambda: len(os.listdir("/dev/fd"))) == before)


# --- large files ---------------------------------------------------------------------------------


def test_what_is_not_in_memory_is_read_by_a_thread(static, root, monkeypatch):
    content = os.urandom(1000) * 1000
    write(root / "large", content)
    threads = set()
    original = files.read_at

    def spy(fd, position, size):
        threads.add(threading.current_thread())
        return original(fd, position, size)

    monkeypatch.setattr(files, "read_at", spy)
    server = static()
    assert server.request("/large").body == content
    assert threads == {server.thread}
    threads.clear()
    monkeypatch.setattr(sending, "is_in_memory", lambda *_: False)
    assert server.request("/large").body == content
    assert len(threads) > 0
    assert server.thread not in threads


def test_a_client_that_leaves_while_a_thread_reads(static, root, monkeypatch):
    write(root / "large", bytes(50_000_000))
    monkeypatch.setattr(sending, "is_in_memory", lambda *_: False)
    server = static()
    before = server.call(lambda: len(os.listdir("/dev/fd")))
    with server.connect(receive_buffer=4096) as connection:
        connection.send(build("/large"))
        connection.reader.fill()
        connection.abort()
    wait_until(lambda: server.call(lambda: len(os.listdir("/dev/fd"))) == before)


def test_is_in_memory(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bytes(100_000))
    with open(path, "rb") as file:
        assert sending.is_in_memory(file.fileno(), 0, 100_000)
        assert sending.is_in_memory(file.fileno(), 99_999, 1)


# --- versions ------------------------------------------------------------------------------------


def test_the_version_of_a_large_file_comes_from_a_thread(start, root):
    content = os.urandom(1000) * 300
    write(root / "large.js", content)
    version = hashlib.sha512(content).hexdigest()
    threads = set()

    class Static(web.StaticFileHandler):
        pass

    class Page(web.RequestHandler):
        def get(self):
            self.write(Static.make_static_url(self.settings, "large.js"))

    original = Static._compute_version.__func__

    def spy(cls, path):
        threads.add(threading.current_thread())
        return original(cls, path)

    Static._compute_version = classmethod(spy)
    application = web.Application([("/", Page)], static_path=str(root), static_handler_class=Static)
    server = start(application)
    first = server.request("/").body.decode()
    assert first.startswith("/static/large.js?v=")
    wait_until(lambda: server.request("/").body.decode() == f"/static/large.js?v={version}")
    assert len(threads) == 1
    assert server.thread not in threads
    # Both lead to the file; without a loop nobody is kept waiting but the caller.
    assert server.request(first).body == content
    Static.reset()
    assert Static.get_version({"static_path": str(root)}, "large.js") == version


def test_versions_of_replaced_content_are_computed_at_once(start, root):
    write(root / "large.js", os.urandom(1000) * 300)

    class Static(web.StaticFileHandler):
        @classmethod
        def get_content_version(cls, abspath):
            return "mine"

    class Page(web.RequestHandler):
        def get(self):
            self.write(Static.make_static_url(self.settings, "large.js"))

    server = start(web.Application([("/", Page)], static_path=str(root)))
    assert server.request("/").body == b"/static/large.js?v=mine"


# --- the memory itself ---------------------------------------------------------------------------


def place(root: pathlib.Path, name: str, size: int) -> kept.Place:
    path = root / name
    write(path, bytes(size))
    fd = os.open(path, os.O_RDONLY)
    file = kept.ServedFile(fd, str(path), os.fstat(fd))
    return kept.Place(str(path), file, {}, None, {})


def test_memory_is_bounded_in_bytes_and_places(root):
    places = kept.Places(max_places=3, max_bytes=1000)
    made = {name: place(root, name, 100) for name in "abcd"}
    for name in "abc":
        places.keep(name, made[name])
    assert places.find("a") is made["a"]
    places.keep("d", made["d"])
    # "a" was used since, so "b" had to go.
    assert [name for name in "abcd" if places.find(name)] == ["a", "c", "d"]
    assert places._bytes == 300
    places.keep("big", place(root, "big", 950))
    assert [name for name in ("a", "c", "d", "big") if places.find(name)] == ["big"]
    places.keep("bigger", place(root, "bigger", 1001))
    assert places._bytes == 0
    assert not places._places
    places.keep("a", made["a"])
    places.keep("a", made["a"])
    assert places._bytes == 100
    places.clear()
    assert (places._bytes, places.find("a")) == (0, None)


def test_a_place_that_changed_is_forgotten(root):
    places = kept.Places()
    one = place(root, "a", 10)
    places.keep("a", one)
    assert places.find("a") is one
    (root / "a").unlink()
    assert not one.is_unchanged()
    assert places.find("a") is None
    assert places._bytes == 0


@pytest.mark.parametrize("name", ["with space", "é", "\udcff"])
def test_any_file_name(root, name):
    one = place(root, name, 10)
    assert one.is_unchanged()
