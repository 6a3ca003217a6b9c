"""StaticFileHandler over real connections."""

from __future__ import annotations

import datetime
import hashlib
import inspect
import os
import re
import zlib

import pytest

from .raw import NoAnswer, build
from .server import web

TEXT = b"hello world"
#: 2020-01-02 03:04:05.7
CHANGED = 1577934245.7
DATE = "Thu, 02 Jan 2020 03:04:05 GMT"
TAG = f'"{hashlib.sha512(TEXT).hexdigest()}"'


class Static(web.StaticFileHandler):
    """The handler under test, with memory of its own."""


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "a.txt").write_bytes(TEXT)
    os.utime(root / "a.txt", (CHANGED, CHANGED))
    (root / "sub" / "index.html").write_bytes(b"<p>index")
    (root / "zero.txt").write_bytes(b"")
    (root / "sp ace é.txt").write_bytes(b"x")
    sibling = tmp_path / "root_sibling"
    sibling.mkdir()
    (sibling / "x.txt").write_bytes(b"sibling")
    (root / "good").symlink_to("a.txt")
    (root / "bad").symlink_to(sibling / "x.txt")
    (root / "bad_dir").symlink_to(sibling)
    (root / "dangling").symlink_to(tmp_path / "missing")
    os.mkfifo(root / "fifo")
    Static.reset()
    return root


@pytest.fixture
def static(start, root):
    """Starts a server for the directory; arguments of the handler, and settings."""

    def start_static(handler=Static, settings=None, **arguments):
        arguments = {"path": str(root)} | arguments
        application = web.Application([(r"/f/(.*)", handler, arguments)], **(settings or {}))
        return start(application)

    return start_static


def described(answer):
    """The fields that describe a file, in wire order."""
    return [(n, v) for n, v in answer.fields if n not in ("Server", "Date", "Connection")]


# --- whole files ---------------------------------------------------------------------------------


def test_file(static):
    server = static()
    answer = server.request("/f/a.txt")
    assert (answer.status, answer.body) == (200, TEXT)
    assert described(answer) == [
        ("Content-Type", "text/plain"),
        ("Accept-Ranges", "bytes"),
        ("Etag", TAG),
        ("Last-Modified", DATE),
        ("Content-Length", "11"),
    ]
    head = server.request("/f/a.txt", "HEAD")
    assert (head.status, described(head)) == (200, described(answer))
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert server.request("/f/a.txt", method, b"").status == 405


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/f/zero.txt", b""),
        ("/f/sp%20ace%20%C3%A9.txt", b"x"),
        ("/f/./a.txt", TEXT),
        ("/f/sub/../a.txt", TEXT),
        ("/f/sub//index.html", b"<p>index"),
        ("/f/good", TEXT),
    ],
)
def test_ways_to_write_a_path(static, target, body):
    answer = static().request(target)
    assert (answer.status, answer.body) == (200, body)


@pytest.mark.parametrize("size", [262144, 262145, 3_000_000])
def test_large_files(static, root, size):
    content = os.urandom(1024) * (size // 1024 + 1)
    (root / "large").write_bytes(content[:size])
    server = static()
    answer = server.request("/f/large")
    assert answer.body == content[:size]
    assert answer.get("Content-Type") == "application/octet-stream"
    part = server.request("/f/large", fields={"Range": f"bytes=1000-{size - 2}"})
    assert (part.status, part.body) == (206, content[1000 : size - 1])


def test_a_connection_serves_many(static):
    server = static()
    with server.connect() as connection:
        for target in ("/f/a.txt", "/f/missing", "/f/sub/index.html", "/f/a.txt"):
            connection.send(build(target))
        assert [connection.read().status for _ in range(4)] == [200, 404, 200, 200]


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("x.css", "text/css"),
        ("x.json", "application/json"),
        ("X.HTML", "text/html"),
        ("x", "application/octet-stream"),
        ("x.unknown", "application/octet-stream"),
        ("x.tar.gz", "application/gzip"),
        ("x.svgz", "application/gzip"),
        ("x.txt.bz2", "application/octet-stream"),
        ("x.txt.xz", "application/octet-stream"),
    ],
)
def test_s37_content_type(static, root, name, content_type):
    (root / name).write_bytes(b"x")
    answer = static().request("/f/" + name)
    assert (answer.get("Content-Type"), answer.get("Content-Encoding")) == (content_type, None)


def test_s40_root_of_the_file_system(static, root):
    server = static(path="/")
    assert server.request(f"/f{root}/a.txt").body == TEXT
    assert server.request(f"/f/{root}/a.txt").body == TEXT


@pytest.mark.parametrize("suffix", ["/", "/.", "/sub/.."])
def test_ways_to_write_the_root(static, root, suffix):
    assert static(path=f"{root}{suffix}").request("/f/a.txt").body == TEXT


def test_relative_root_and_root_behind_a_link(static, root, monkeypatch, tmp_path):
    (tmp_path / "link").symlink_to(root)
    monkeypatch.chdir(tmp_path)
    for path in ("root", "link", str(tmp_path / "link")):
        assert static(path=path).request("/f/a.txt").body == TEXT


# --- what is not served --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/f/../root_sibling/x.txt", "../root_sibling/x.txt is not in root static directory"),
        ("/f/%2e%2e/root_sibling/x.txt", "../root_sibling/x.txt is not in root static directory"),
        ("/f/..%2froot_sibling/x.txt", "../root_sibling/x.txt is not in root static directory"),
        ("/f/sub/../../root_sibling/x.txt", None),
        ("/f//etc/passwd", "/etc/passwd is not in root static directory"),
        ("/f/%2fetc/passwd", "/etc/passwd is not in root static directory"),
        ("/f/bad", "bad is not in root static directory"),
        ("/f/bad_dir/x.txt", "bad_dir/x.txt is not in root static directory"),
        ("/f/bad_dir/missing", "bad_dir/missing is not in root static directory"),
        ("/f/bad_dir", "bad_dir is not in root static directory"),
        ("/f/dangling", "dangling is not in root static directory"),
        ("/f/", " is not a file"),
        ("/f/sub", "sub is not a file"),
        ("/f/fifo", "fifo is not a file"),
    ],
)
def test_forbidden(static, logs, target, reason):
    answer = static().request(target)
    assert (answer.status, answer.get("Etag")) == (403, None)
    (line,) = logs.lines("general")
    assert line.startswith(f"403 GET {target} (127.0.0.1): ")
    assert reason is None or line.endswith(f": {reason}")
    assert logs.tracebacks() == []


@pytest.mark.parametrize(
    "target",
    [
        "/f/missing",
        "/f/missing/",
        "/f/sub/missing",
        "/f/a%00.txt",
        "/f/%00",
        "/f/a.txt%20",
        "/f/\\..\\root_sibling\\x.txt",
        "/f/..%5croot_sibling%5cx.txt",
        "/f/" + "a" * 300,
    ],
)
def test_missing(static, logs, target):
    assert static().request(target).status == 404
    assert logs.lines("general") == []


def test_unreadable(static, root, logs):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (root / "a.txt").chmod(0)
    assert static().request("/f/a.txt").status == 403


def test_bad_utf8_in_the_path(static):
    assert static().request("/f/%ff").status == 400


# --- directories ---------------------------------------------------------------------------------


def test_default_filename(static):
    server = static(default_filename="index.html")
    answer = server.request("/f/sub")
    assert (answer.status, answer.get("Location")) == (301, "/f/sub/")
    answer = server.request("/f/sub/")
    assert (answer.status, answer.body) == (200, b"<p>index")
    assert answer.get("Content-Type") == "text/html"
    assert server.request("/f/empty/").status == 404
    assert server.request("/f/a.txt").body == TEXT


def test_default_filename_may_not_lead_outside(static, root, tmp_path):
    (root / "empty" / "index.html").symlink_to(tmp_path / "root_sibling" / "x.txt")
    assert static(default_filename="index.html").request("/f/empty/").status == 403


@pytest.mark.parametrize(
    "target",
    ["//evil.com/..%2f..%2f{root}/sub", "/\\evil.com/../sub", "//evil.com/../../{root}/sub"],
)
def test_redirects_stay_on_this_server(start, root, target):
    application = web.Application(
        [(r"/(.*)", Static, {"path": str(root), "default_filename": "index.html"})]
    )
    target = target.replace("{root}", str(root).lstrip("/"))
    answer = start(application).request(target)
    assert (answer.status, answer.get("Location")) in [(403, None), (404, None)]


def test_no_redirect_away_even_if_everything_else_agrees(start, root):
    class Anywhere(Static):
        @classmethod
        def get_absolute_path(cls, root, path):
            return os.path.join(root, "sub")

    application = web.Application(
        [(r"(.*)", Anywhere, {"path": str(root), "default_filename": "index.html"})]
    )
    server = start(application)
    assert server.request("/x").get("Location") == "/x/"
    for target in ("//evil.com", "//evil.com/x", "/\\evil.com", "///evil.com"):
        answer = server.request(target)
        assert (answer.status, answer.get("Location")) == (403, None)


# --- links ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("several", [False, True])
def test_directories_may_be_path_objects(static, root, tmp_path, several):
    (root / "a.txt.gz").write_bytes(b"smaller")
    fields = {"Accept-Encoding": "gzip"}
    server = static(path=root, settings={"static_path": root})
    for target in ("/f/a.txt", "/static/a.txt"):
        assert server.request(target).body == TEXT
        assert server.request(target, fields=fields).body == b"smaller"
        assert server.request(target.replace("a.txt", "bad")).status == 403
    server = static(path=root, allowed_symlink_directory=[tmp_path] if several else tmp_path)
    assert server.request("/f/bad").body == b"sibling"
    assert server.request("/f/a.txt", fields=fields).body == b"smaller"


def test_allowed_symlink_directory(static, root, tmp_path):
    sibling = str(tmp_path / "root_sibling")
    server = static(allowed_symlink_directory=str(tmp_path))
    assert server.request("/f/bad").body == b"sibling"
    assert server.request("/f/bad_dir/x.txt").body == b"sibling"
    assert server.request("/f/a.txt").body == TEXT
    assert server.request("/f/dangling").status == 404
    server = static(allowed_symlink_directory=[sibling])
    assert server.request("/f/bad").body == b"sibling"
    # A list replaces the root.
    assert server.request("/f/a.txt").status == 403
    assert static(allowed_symlink_directory=[]).request("/f/a.txt").body == TEXT


@pytest.mark.parametrize("replacement", ["link", "file", "nothing"])
@pytest.mark.parametrize("name", ["a.txt", "good"])
def test_a_file_replaced_meanwhile(start, root, tmp_path, replacement, name):
    """What was checked is what is sent and described, or nothing is."""

    class Swapping(Static):
        def validate_absolute_path(self, root, absolute_path):
            valid = super().validate_absolute_path(root, absolute_path)
            os.unlink(valid)
            if replacement == "link":
                os.symlink(tmp_path / "root_sibling" / "x.txt", valid)
            elif replacement == "file":
                os.rename(os.path.join(root, "new"), valid)
            return valid

    (root / "new").write_bytes(b"quite another text")
    application = web.Application([(r"/(.*)", Swapping, {"path": str(root)})])
    for method in ("GET", "HEAD"):
        answer = start(application).request("/" + name, method)
        if answer.status == 200:
            text = b"quite another text" if answer.get("Content-Length") == "18" else TEXT
            assert answer.body == (text if method == "GET" else b"")
            assert answer.get("Etag") == f'"{hashlib.sha512(text).hexdigest()}"'
            assert (answer.get("Last-Modified") == DATE) is (text == TEXT)
        else:
            assert answer.status in (403, 404)
            assert answer.get("Etag") is None
        (root / "a.txt").unlink(missing_ok=True)
        (root / "a.txt").write_bytes(TEXT)
        os.utime(root / "a.txt", (CHANGED, CHANGED))
        (root / "new").write_bytes(b"quite another text")


def test_search_in_several_directories(start, root, tmp_path):
    """A subclass whose root is no string and whose ``initialize`` does not call the base's."""

    class Finder(Static):
        def initialize(self, path):
            self.root = tuple(os.path.abspath(p) + os.sep for p in path)

        @classmethod
        def get_absolute_path(cls, roots, path):
            for root in roots:
                candidate = os.path.abspath(os.path.join(root, path))
                if os.path.exists(candidate):
                    return candidate
            return os.path.abspath(os.path.join(roots[0], path))

        def validate_absolute_path(self, root, absolute_path):
            for root in self.root:
                if (absolute_path + os.sep).startswith(root):
                    break
            return super().validate_absolute_path(root, absolute_path)

    paths = [str(root), str(tmp_path / "root_sibling")]
    server = start(web.Application([(r"/(.*)", Finder, {"path": paths})]))
    assert server.request("/a.txt").body == TEXT
    assert server.request("/x.txt").body == b"sibling"
    assert server.request("/bad").status == 403
    assert server.request("/nothing").status == 404


# --- conditional requests ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"If-None-Match": TAG}, 304),
        ({"If-None-Match": f"W/{TAG}"}, 304),
        ({"If-None-Match": f'"x", {TAG}'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"x"'}, 200),
        ({"If-None-Match": '"x"', "If-Modified-Since": DATE}, 200),
        ({"If-None-Match": TAG, "If-Modified-Since": "Sat, 02 Jan 2010 03:04:05 GMT"}, 304),
        ({"If-Modified-Since": DATE}, 304),
        ({"If-Modified-Since": "Thu, 02 Jan 2020 03:04:04 GMT"}, 200),
        ({"If-Modified-Since": "Thu, 02 Jan 2025 03:04:04 GMT"}, 304),
        ({"If-Modified-Since": "Thursday, 02-Jan-20 03:04:05 GMT"}, 304),
        ({"If-Modified-Since": "Thu Jan  2 03:04:05 2020"}, 304),
        ({"If-Modified-Since": "Thu, 02 Jan 2020 03:04:05 +0100"}, 200),
        ({"If-Modified-Since": "Thu, 02 Jan 2020 03:04:05 -0000"}, 304),
        ({"If-Modified-Since": "Thu, 01 Jan 1880 03:04:05 GMT"}, 200),
        ({"If-Modified-Since": "garbage"}, 200),
        ({"If-Modified-Since": "Thu, 32 Jan 2020 03:04:05 GMT"}, 200),
        ({"If-Modified-Since": "Thu, 02 Jan 0000 03:04:05 GMT"}, 200),
        ({"If-Modified-Since": "Thu, 02 Jan 99999 03:04:05 GMT"}, 200),
        ({"If-Modified-Since": ""}, 200),
        ({"Range": "bytes=0-3", "If-None-Match": TAG}, 304),
        ({"Range": "bytes=50-", "If-None-Match": TAG}, 304),
    ],
)
def test_conditional(static, logs, fields, status):
    server = static()
    for method in ("GET", "HEAD"):
        answer = server.request("/f/a.txt", method, fields=fields)
        assert answer.status == status
        if status == 304:
            assert described(answer) == [
                ("Accept-Ranges", "bytes"),
                ("Etag", TAG),
                ("Last-Modified", DATE),
            ]
    assert logs.tracebacks() == []


def test_the_tag_follows_the_file(static, root):
    server = static()
    old = server.request("/f/a.txt").get("Etag")
    (root / "a.txt").write_bytes(b"HELLO WORLD")  # as long as before
    os.utime(root / "a.txt", (CHANGED, CHANGED + 1))
    answer = server.request("/f/a.txt", fields={"If-None-Match": old})
    assert (answer.status, answer.body) == (200, b"HELLO WORLD")
    assert answer.get("Etag") == f'"{hashlib.sha512(b"HELLO WORLD").hexdigest()}"'


def test_large_files_do_not_wait_for_a_hash(static, root):
    (root / "large").write_bytes(b"x" * 262145)
    (root / "limit").write_bytes(b"x" * 262144)
    server = static()
    first = server.request("/f/large")
    tag = first.get("Etag")
    assert re.fullmatch('"[0-9a-f]+-40001"', tag)
    assert server.request("/f/large", fields={"If-None-Match": tag}).status == 304
    os.utime(root / "large", (1, 1))
    assert server.request("/f/large", fields={"If-None-Match": tag}).status == 200
    assert len(server.request("/f/limit").get("Etag")) == 130


# --- ranges --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "expected", "body"),
    [
        ("bytes=0-3", "bytes 0-3/11", b"hell"),
        ("bytes=4-", "bytes 4-10/11", b"o world"),
        ("bytes=-3", "bytes 8-10/11", b"rld"),
        ("bytes=10-10", "bytes 10-10/11", b"d"),
        ("bytes=5-100", "bytes 5-10/11", b" world"),
        ("BYTES=0-1", "bytes 0-1/11", b"he"),
    ],
)
def test_range(static, field, expected, body):
    server = static()
    answer = server.request("/f/a.txt", fields={"Range": field})
    assert (answer.status, answer.get("Content-Range"), answer.body) == (206, expected, body)
    assert answer.get("Etag") == TAG
    head = server.request("/f/a.txt", "HEAD", fields={"Range": field})
    assert (head.status, described(head)) == (206, described(answer))


@pytest.mark.parametrize(
    "field",
    [
        *["bytes=0-", "bytes=0-10", "bytes=0-11", "bytes=-100", "bytes=-11", "bytes=0-1,3-4"],
        *["items=0-1", "bytes=a-b", "bytes=", "bytes=-", "bytes=+0-3", "bytes=1_0-", "garbage"],
        *["bytes=--1", "bytes=1--1", "bytes=3", "bytes=-" + "9" * 30, "bytes=0-" + "9" * 3000],
        "bytes=" + ",".join(f"{n}-{n}" for n in range(5000)),
    ],
)
def test_ranges_that_are_the_whole_or_ignored(static, field):
    answer = static().request("/f/a.txt", fields={"Range": field})
    assert (answer.status, answer.get("Content-Range"), answer.body) == (200, None, TEXT)


@pytest.mark.parametrize(
    "field",
    ["bytes=11-", "bytes=11-12", "bytes=-0", "bytes=11", "bytes=3-2", "bytes=" + "9" * 30 + "-"],
)
def test_ranges_that_can_not_be_satisfied(static, field):
    server = static()
    for method in ("GET", "HEAD"):
        answer = server.request("/f/a.txt", method, fields={"Range": field})
        assert (answer.status, answer.body) == (416, b"")
        assert answer.get("Content-Range") == "bytes */11"
        assert answer.get("Content-Length") == "0"
    assert server.request("/f/zero.txt", fields={"Range": "bytes=-3"}).status == 416


@pytest.mark.parametrize(
    ("validator", "status"),
    [
        (TAG, 206),
        (DATE, 206),
        (f"W/{TAG}", 200),
        ('"x"', 200),
        ("Wed, 02 Jan 2019 03:04:05 GMT", 200),
        ("Sat, 02 Jan 2027 03:04:05 GMT", 200),
        ("garbage", 200),
    ],
)
def test_if_range(static, validator, status):
    fields = {"Range": "bytes=0-3", "If-Range": validator}
    assert static().request("/f/a.txt", fields=fields).status == status


# --- caching and versions ------------------------------------------------------------------------


def test_versioned_urls_may_be_cached(static):
    server = static()
    for target in ("/f/a.txt?v=abc", "/f/a.txt?v="):
        answer = server.request(target)
        assert answer.get("Cache-Control") == "max-age=315360000"
        expires = datetime.datetime.strptime(answer.get("Expires"), "%a, %d %b %Y %H:%M:%S GMT")
        assert 3649 <= (expires - datetime.datetime.now()).days <= 3651
    assert server.request("/f/a.txt").get("Cache-Control") is None


class TestVersions:
    @pytest.fixture
    def settings(self, root):
        return {"static_path": str(root)}

    def test_url(self, settings):
        version = TAG.strip('"')
        assert Static.make_static_url(settings, "a.txt") == f"/static/a.txt?v={version}"
        assert Static.make_static_url(settings, "a.txt", include_version=False) == "/static/a.txt"
        settings["static_url_prefix"] = "https://cdn.example/"
        url = Static.make_static_url(settings, "a.txt")
        assert url == f"https://cdn.example/a.txt?v={version}"

    @pytest.mark.parametrize("path", ["missing", "sub", "fifo", "a.txt?x", "a\0", ""])
    def test_no_version(self, settings, logs, path):
        assert Static.make_static_url(settings, path) == "/static/" + path
        assert [line[:26] for line in logs.lines("general")] == ["Could not open static file"]

    @pytest.mark.parametrize("path", ["../root_sibling/x.txt", "/etc/passwd", "../../dev/zero"])
    def test_outside(self, settings, path):
        with pytest.raises(web.HTTPError) as raised:
            Static.get_version(settings, path)
        assert raised.value.status_code == 403

    def test_links(self, settings, root, tmp_path, logs):
        (root / "device").symlink_to("/dev/zero")
        assert Static.get_version(settings, "good") == TAG.strip('"')
        assert Static.get_version(settings, "bad") is None
        assert logs.lines("general") == []
        assert Static.get_version(settings, "device") is None
        settings["static_handler_args"] = {"allowed_symlink_directory": str(tmp_path)}
        assert Static.get_version(settings, "bad") == hashlib.sha512(b"sibling").hexdigest()

    def test_links_below_a_path_object(self, root):
        assert Static.get_version({"static_path": root}, "good") == TAG.strip('"')
        assert Static.get_version({"static_path": root}, "bad") is None

    def test_size_limit(self, settings, logs):
        class Small(Static):
            MAX_VERSION_CONTENT_SIZE = len(TEXT)

        assert Small.get_version(settings, "a.txt") == TAG.strip('"')
        Small.MAX_VERSION_CONTENT_SIZE -= 1
        Small.reset()
        assert Small.get_version(settings, "a.txt") is None
        assert "larger than MAX_VERSION_CONTENT_SIZE" in logs.lines("general")[0]

    def test_least_recently_used_goes_first(self, settings, root):
        reads = []

        class Limited(Static):
            MAX_CACHED_VERSIONS = 2

            @classmethod
            def get_content_version(cls, abspath):
                reads.append(os.path.basename(abspath))
                return super().get_content_version(abspath)

        Limited.reset()
        for name in ("1", "2", "3"):
            (root / name).write_text(name)
        for name in ("1", "2", "1", "3", "1", "2"):
            assert Limited.get_version(settings, name) == hashlib.sha512(name.encode()).hexdigest()
        assert reads == ["1", "2", "3", "2"]
        assert len(Limited._static_hashes) == 2

    def test_changes_and_new_files_are_seen(self, settings, root):
        assert Static.get_version(settings, "new") is None
        (root / "new").write_text("1")
        assert Static.get_version(settings, "new") == hashlib.sha512(b"1").hexdigest()
        (root / "new").write_text("22")
        assert Static.get_version(settings, "new") == hashlib.sha512(b"22").hexdigest()

    def test_reset(self, settings):
        Static.get_version(settings, "a.txt")
        assert Static._static_hashes
        Static.reset()
        assert not Static._static_hashes
        assert Static._static_hashes is not web.StaticFileHandler._static_hashes


# --- hooks ---------------------------------------------------------------------------------------


HOOKS = [
    "parse_url_path",
    "get_absolute_path",
    "validate_absolute_path",
    "get_modified_time",
    "set_headers",
    "compute_etag",
    "get_content_type",
    "get_cache_time",
    "set_extra_headers",
    "should_return_304",
    "get_content_size",
]


def test_every_hook_is_called_in_order(static):
    calls = []

    def spy(name):
        original = inspect.getattr_static(web.StaticFileHandler, name)

        def method(self, *args):
            calls.append(name)
            return getattr(super(Spied, self), name)(*args)

        def class_method(cls, *args):
            calls.append(name)
            return getattr(super(Spied, cls), name)(*args)

        return classmethod(class_method) if isinstance(original, classmethod) else method

    class Spied(Static):
        pass

    for name in HOOKS:
        setattr(Spied, name, spy(name))
    server = static(Spied)
    for method in ("GET", "HEAD"):
        calls.clear()
        assert server.request("/f/a.txt", method).status == 200
        assert calls == HOOKS
    calls.clear()
    assert server.request("/f/a.txt", fields={"If-None-Match": TAG}).status == 304
    assert calls == HOOKS[:-1]


@pytest.mark.parametrize("as_bytes", [True, False])
def test_content_from_elsewhere(start, as_bytes):
    """Nothing is looked for in the file system when everything about content is overridden."""
    texts = {"/base/one": b"first", "/base/two": b"second " * 20000}

    class Memory(Static):
        def validate_absolute_path(self, root, absolute_path):
            if absolute_path not in texts:
                raise web.HTTPError(404)
            return absolute_path

        @classmethod
        def get_content(cls, abspath, start=None, end=None):
            part = texts[abspath][start:end]
            return part if as_bytes else (part[i : i + 1000] for i in range(0, len(part), 1000))

        def get_content_size(self):
            return len(texts[self.absolute_path])

        def get_modified_time(self):
            return None

    Memory.reset()
    server = start(web.Application([(r"/(.*)", Memory, {"path": "/base"})]))
    answer = server.request("/one")
    assert (answer.status, answer.body) == (200, b"first")
    assert answer.get("Last-Modified") is None
    assert answer.get("Etag") == f'"{hashlib.sha512(b"first").hexdigest()}"'
    assert server.request("/two").body == texts["/base/two"]
    part = server.request("/two", fields={"Range": "bytes=7-12"})
    assert (part.status, part.body) == (206, b"second")
    assert server.request("/three").status == 404


@pytest.mark.parametrize("where", ["class", "instance"])
def test_replaced_content_is_used(static, monkeypatch, where):
    def content(abspath, start=None, end=None):
        return b"replaced!!!"

    class Replacing(Static):
        def prepare(self):
            if where == "instance":
                self.get_content = content

    if where == "class":
        monkeypatch.setattr(Static, "get_content", staticmethod(content))
    assert static(Replacing).request("/f/a.txt").body == b"replaced!!!"


def test_extra_headers(static):
    class Extra(Static):
        def set_extra_headers(self, path):
            self.set_header("X-Path", path)
            self.clear_header("Accept-Ranges")

        def get_cache_time(self, path, modified, mime_type):
            assert modified == datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
            return 7 if mime_type == "text/plain" else 0

        def compute_etag(self):
            return None

    answer = static(Extra).request("/f/a.txt")
    assert [answer.get(n) for n in ("X-Path", "Accept-Ranges", "Cache-Control", "Etag")] == [
        "a.txt",
        None,
        "max-age=7",
        None,
    ]


def test_get_content(root):
    big = os.urandom(150_000)
    (root / "big").write_bytes(big)
    path = str(root / "big")
    pieces = list(Static.get_content(path))
    assert b"".join(pieces) == big
    assert max(map(len, pieces)) <= 65536
    assert b"".join(Static.get_content(path, 100_000)) == big[100_000:]
    assert b"".join(Static.get_content(path, 10, 100_000)) == big[10:100_000]
    assert b"".join(Static.get_content(path, None, 7)) == big[:7]
    assert b"".join(Static.get_content(path, 200_000)) == b""
    for name, status in [("missing", 404), ("sub", 403), ("fifo", 403)]:
        with pytest.raises(web.HTTPError) as raised:
            list(Static.get_content(str(root / name)))
        assert raised.value.status_code == status


# --- with the rest -------------------------------------------------------------------------------


def test_static_path(start, root):
    (root / "robots.txt").write_bytes(b"Disallow: /")
    application = web.Application(static_path=str(root), static_handler_class=Static)
    server = start(application)
    assert server.request("/static/a.txt").body == TEXT
    assert server.request("/robots.txt").body == b"Disallow: /"
    assert server.request("/favicon.ico").status == 404
    assert server.request("/static/../root_sibling/x.txt").status == 403


def test_compression(static, root):
    """Files are sent piece by piece, so even a small one is compressed."""
    (root / "big.txt").write_bytes(b"text " * 200_000)
    server = static(settings={"compress_response": True})
    for name, body in [("a.txt", TEXT), ("big.txt", b"text " * 200_000)]:
        answer = server.request("/f/" + name, fields={"Accept-Encoding": "gzip"})
        assert answer.get("Content-Encoding") == "gzip"
        assert zlib.decompress(answer.body, 31) == body
        plain = server.request("/f/" + name)
        assert (plain.get("Content-Encoding"), plain.body) == (None, body)
        part = server.request(
            "/f/" + name, fields={"Accept-Encoding": "gzip", "Range": "bytes=1-3"}
        )
        assert (part.get("Content-Encoding"), part.body) == (None, body[1:4])


def test_a_file_that_shrinks_is_visibly_cut(static, root, logs):
    """A small one is in memory before anything is said about it: that is what is sent."""

    class Shrinking(Static):
        def set_extra_headers(self, path):
            os.truncate(self.absolute_path, 5)

    (root / "big").write_bytes(b"x" * 1_000_000)
    server = static(Shrinking)
    with server.connect() as connection:
        connection.send(build("/f/big"))
        with pytest.raises(NoAnswer):
            connection.read()
    for expected in (TEXT, TEXT[:5]):
        answer = server.request("/f/a.txt")
        assert (answer.status, answer.body) == (200, expected)
        assert answer.get("Etag") == f'"{hashlib.sha512(expected).hexdigest()}"'


def test_a_client_that_leaves_costs_no_traceback(static, root, logs):
    (root / "big").write_bytes(b"x" * 30_000_000)
    server = static()
    before = server.call(lambda: len(os.listdir("/dev/fd")))
    for _ in range(3):
        with server.connect(receive_buffer=4096) as connection:
            connection.send(build("/f/big"))
            connection.reader.fill()
            connection.abort()
    assert server.request("/f/a.txt").body == TEXT
    while server.call(lambda: len(os.listdir("/dev/fd"))) > before + 1:
        server.turn()
    assert logs.tracebacks() == []


def test_large_files_leave_the_loop_to_others(static, root):
    """A client that takes everything at once does not stop the others (one of them waits)."""
    (root / "big").write_bytes(b"x" * 20_000_000)
    server = static()
    turns = []

    async def count():
        turns.append(0)
        server.loop.call_soon(count_on)

    def count_on():
        turns[0] += 1
        server.loop.call_soon(count_on)

    server.call(count)
    assert len(server.request("/f/big").body) == 20_000_000
    assert server.call(lambda: turns[0]) > 20_000_000 / 262144
    server.stop()
