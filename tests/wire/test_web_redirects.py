"""RedirectHandler, addslash, removeslash and authenticated over real connections."""

from __future__ import annotations

import pytest

from .raw import build
from .server import web


def where(answer):
    """Status and Location of an answer."""
    return answer.status, answer.get("Location")


# --- RedirectHandler ------------------------------------------------------------------------------

Redirect = web.RedirectHandler
ROUTES = [
    ("/fixed", Redirect, {"url": "/target"}),
    ("/temporary", Redirect, {"url": "/target", "permanent": False}),
    ("/elsewhere", Redirect, {"url": "http://other.example/x?y=1#f"}),
    ("/query", Redirect, {"url": "/t?a=1"}),
    ("/swap/(.*)/(.*)", Redirect, {"url": "/new/{1}/{0}"}),
    ("/named/(?P<a>.*)", Redirect, {"url": "/n/{a}"}),
    ("/optional(/.*)?", Redirect, {"url": "/to{0}"}),
    ("/braces/(.*)", Redirect, {"url": "/{{x}}/{0}"}),
    ("/arg/(.*)", Redirect, {"url": "/x?q={0}"}),
    ("/slash/(.*)", Redirect, {"url": "/{0}"}),
    ("/raw/(.*)", Redirect, {"url": "{0}"}),
    ("/cdn/(.*)", Redirect, {"url": "//cdn.example/{0}"}),
    ("/host/(.*)", Redirect, {"url": "http://{0}.example.com/"}),
    ("/site/(.*)", Redirect, {"url": "http://www.example.com/{0}"}),
    ("/joined/(.*)", Redirect, {"url": "http://www.example.com{0}"}),
    ("/bare/(.*)", Redirect, {"url": "https:{0}"}),
    ("/hostless/(.*)", Redirect, {"url": "https://{0}"}),
    ("/mail/(.*)", Redirect, {"url": "mailto:{0}"}),
    ("/port/(.*)", Redirect, {"url": "http://www.example.com:{0}/"}),
    ("/scheme/(.*)", Redirect, {"url": "{0}://www.example.com/"}),
]


@pytest.fixture
def redirects(start):
    return start(web.Application(ROUTES))


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/fixed", "/target"),
        ("/fixed?x=1&y=%20&y=2&z", "/target?x=1&y=+&y=2&z="),
        ("/elsewhere", "http://other.example/x?y=1#f"),
        ("/elsewhere?q=2", "http://other.example/x?y=1&q=2#f"),
        ("/query?b=2", "/t?a=1&b=2"),
        ("/swap/a/b", "/new/b/a"),
        ("/swap/a%20b/c%2fd", "/new/c/d/a b"),
        ("/named/foo%3fbar", "/n/foo?bar"),
        ("/named/%C3%A9", "/n/\xc3\xa9"),
        ("/optional", "/to"),
        ("/optional/x", "/to/x"),
        ("/braces/y", "/{x}/y"),
        ("/swap/a/b?x={0}", "/new/b/a?x=%7B0%7D"),
        ("/arg/a%26b", "/x?q=a&b"),
        ("/slash/x", "/x"),
        ("/raw/x", "x"),
        ("/cdn/x", "//cdn.example/x"),
        ("/cdn//x", "//cdn.example//x"),
        ("/site/x", "http://www.example.com/x"),
        ("/site///evil.com", "http://www.example.com///evil.com"),
        ("/joined/%2fx", "http://www.example.com/x"),
        ("/mail/me", "mailto:me"),
    ],
)
def test_redirect_handler(redirects, target, location):
    assert where(redirects.request(target)) == (301, location)


def test_redirect_handler_may_be_temporary(redirects):
    assert where(redirects.request("/temporary")) == (302, "/target")


def test_redirect_handler_is_for_get(redirects):
    for method in ("HEAD", "POST", "PUT"):
        assert where(redirects.request("/fixed", method, b"")) == (405, None)


@pytest.mark.parametrize(
    "target",
    [
        "/slash//evil.com",
        "/slash/%2fevil.com",
        "/slash///evil.com",
        "/slash/%5cevil.com",
        "/slash/\\evil.com",
        "/slash/%09/evil.com",
        "/slash/%0d%0a/evil.com",
        "/raw//%2fevil.com",
        "/raw/http://evil.com",
        "/raw/http:%2fevil.com",
        "/raw/%20//evil.com",
        "/raw/%01http://evil.com",
        "/raw/javascript:alert(1)",
        "/raw/%5c%5cevil.com",
        "/raw/%5c/evil.com",
        "/raw///[evil",
        "/host/evil.com%2f",
        "/host/evil.com%23",
        "/host/a",
        "/host/",
        "/joined/.evil.com",
        "/joined/@evil.com",
        "/joined/:80@evil.com",
        "/bare/evil.com",
        "/bare/evil.com?x=1",
        "/bare//evil.com",
        "/bare////evil.com",
        "/bare/",
        "/hostless/evil.com",
        "/hostless//evil.com",
        "/port/80",
        "/port/80%40evil.com",
        "/scheme/https",
        "/named/%00",
        "/named/%7f",
        "/named/x%0d%0aSet-Cookie:%20a=b",
    ],
)
def test_requests_can_not_choose_the_server(redirects, logs, target):
    answer = redirects.request(target)
    assert where(answer) == (400, None)
    assert answer.get("Set-Cookie") is None
    (line,) = logs.lines("general")
    assert line.isprintable()
    assert "Redirect URL " in line
    assert logs.tracebacks() == []


def test_bad_utf8_is_the_clients_mistake(redirects):
    assert redirects.request("/named/%ff").status == 400


# --- addslash and removeslash ---------------------------------------------------------------------


class Adds(web.RequestHandler):
    @web.addslash
    def get(self):
        self.write("with slash")

    head = get

    @web.addslash
    def post(self):
        self.write("with slash")


class Removes(web.RequestHandler):
    @web.removeslash
    async def get(self):
        self.write("without slash")

    head = get

    @web.removeslash
    async def post(self):
        self.write("without slash")


@pytest.mark.parametrize(
    ("handler", "target", "location"),
    [
        (Adds, "/s", "/s/"),
        (Adds, "/s?x=//y", "/s/?x=//y"),
        (Adds, "/s?", "/s/"),
        (Adds, "/%2fevil", "/%2fevil/"),
        (Adds, "/a//b", "/a//b/"),
        (Removes, "/s/", "/s"),
        (Removes, "/s/?x=1", "/s?x=1"),
        (Removes, "/s///", "/s"),
    ],
)
def test_slashes(serve, handler, target, location):
    server = serve(handler)
    assert where(server.request(target)) == (301, location)
    assert where(server.request(target, "HEAD")) == (301, location)
    assert where(server.request(target, "POST", b"")) == (404, None)


@pytest.mark.parametrize(
    ("handler", "target"),
    [
        (Adds, "/"),
        (Adds, "/s/"),
        (Adds, "/s//?x"),
        (Removes, "/s"),
        (Removes, "/"),
        (Removes, "//"),
    ],
)
def test_slashes_as_wanted(serve, handler, target):
    server = serve(handler)
    answer = server.request(target)
    assert (answer.status, answer.body[-5:]) == (200, b"slash")
    # Tornado's rule as it is: with removeslash a final slash is for GET and HEAD only, even in "/".
    status = 404 if handler is Removes and target.endswith("/") else 200
    assert server.request(target, "POST", b"").status == status


@pytest.mark.parametrize(
    ("handler", "target"),
    [
        (Adds, "//evil.com"),
        (Adds, "///evil.com"),
        (Adds, "/\\evil.com"),
        (Adds, "//evil.com?x"),
        (Removes, "//evil.com/"),
        (Removes, "/\\evil.com/"),
        (Removes, "/\\/"),
    ],
)
def test_slashes_lead_nowhere_else(serve, logs, handler, target):
    server = serve(handler)
    assert where(server.request(target)) == (403, None)
    (line,) = logs.lines("general")
    assert "cannot redirect path with two initial slashes" in line
    assert where(server.request(target, "POST", b"")) == (404, None)


# --- authenticated --------------------------------------------------------------------------------


class Private(web.RequestHandler):
    @property
    def current_user(self):
        return self.get_cookie("user")

    def get_login_url(self):
        return self.settings["login_url"]

    @web.authenticated
    async def get(self):
        self.write(f"hello {self.current_user}")

    head = post = get


@pytest.mark.parametrize(
    ("login_url", "location"),
    [
        ("/login", "/login?next=%2Fpage%3Fq%3D1%26r%3D%252F"),
        ("/login?x=1", "/login?x=1"),
        (
            "http://other/login",
            "http://other/login?next=http%3A%2F%2Flocalhost%2Fpage%3Fq%3D1%26r%3D%252F",
        ),
    ],
)
def test_authenticated(serve, login_url, location):
    server = serve(Private, {"login_url": login_url})
    assert where(server.request("/page?q=1&r=%2F")) == (302, location)
    assert where(server.request("/page?q=1&r=%2F", "HEAD")) == (302, location)
    assert where(server.request("/page", "POST", b"")) == (403, None)
    for method in ("GET", "POST"):
        answer = server.request("/page", method, b"", fields={"Cookie": "user=ada"})
        assert (answer.status, answer.body) == (200, b"hello ada")


# --- what decorators keep -------------------------------------------------------------------------


@pytest.mark.parametrize("decorator", [web.addslash, web.removeslash, web.authenticated])
def test_decorators_keep_name_and_documentation(decorator):
    @decorator
    def get(self):
        """Document."""

    assert (get.__name__, get.__doc__) == ("get", "Document.")
    assert get.__wrapped__ is not None


@pytest.mark.parametrize("wrong", [int, object(), web.RequestHandler.get, web.Application])
def test_stream_request_body_is_for_handlers(wrong):
    with pytest.raises(TypeError):
        web.stream_request_body(wrong)


def test_stream_request_body_marks_the_class_alone():
    @web.stream_request_body
    class Streams(web.RequestHandler):
        pass

    assert isinstance(Streams, type)
    assert Streams._stream_request_body
    assert not web.RequestHandler._stream_request_body


# --- redirect -------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["next", "../next", "?q", "", "//other.example/x", "/a b", "/x#"])
def test_redirect_sends_the_reference_as_it_is(serve, url):
    """Joined to the target ``//evil.com/page`` a relative reference would lead to that host."""

    class Moves(web.RequestHandler):
        def get(self):
            self.redirect(url)

    server = serve(Moves)
    for target in ("/page", "//evil.com/page"):
        answer = server.request(target)
        assert (answer.status, answer.get("Location") or "") == (302, url)


def test_pipelined_redirects(redirects):
    with redirects.connect() as connection:
        connection.send(build("/fixed") + build("/temporary") + build("/slash//x"))
        assert [connection.read().status for _ in range(3)] == [301, 302, 400]
