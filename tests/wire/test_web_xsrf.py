"""XSRF tokens, cross-origin protection, signed cookies and users over real connections."""

from __future__ import annotations

import functools
import re

import pytest

from .raw import build
from .server import httputil, web

FORM = "application/x-www-form-urlencoded"
EVIL = {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}


class Page(web.RequestHandler):
    """Answers GET with the token, and everything else with "done"."""

    seen: list[str] = []

    def prepare(self):
        self.seen.append(f"prepare {self.request.method}")

    def get(self):
        self.write(self.xsrf_token)

    def post(self):
        self.write("done")

    put = patch = delete = options = post
    head = get


@pytest.fixture(autouse=True)
def _nothing_seen():
    Page.seen.clear()


class General(web.Application):
    """An application whose overridden method makes requests take the general path."""

    def find_handler(self, request, **kwargs):
        return super().find_handler(request, **kwargs)


class Traced(Page):
    """What a tracing agent makes of a handler."""

    async def _execute(self, transforms, *args, **kwargs):
        await super()._execute(transforms, *args, **kwargs)


# Each of the ways in which a request can reach its handler.
WAYS = {
    "direct": lambda **settings: web.Application([("/", Page)], **settings),
    "general": lambda **settings: General([("/", Page)], **settings),
    "traced": lambda **settings: web.Application([("/", Traced)], **settings),
    "nested": lambda **settings: web.Application(
        [("/", web.Application([("/", Page)], **settings))]
    ),
}


@pytest.fixture(params=list(WAYS))
def app(request):
    return WAYS[request.param]


def token_of(server, cookie=None):
    answer = server.request(fields={"Cookie": f"_xsrf={cookie}"} if cookie else None)
    assert answer.status == 200
    return answer.body.decode()


def fields(token, **more):
    return {"Cookie": f"_xsrf={token}", **more}


def refused(server, logs, message, *args, **options):
    """Make a request that is refused, with one line in the log."""
    logs.clear()
    Page.seen.clear()
    answer = server.request(*args, **options)
    assert answer.status == 403
    assert answer.body == b"<html><title>403: Forbidden</title><body>403: Forbidden</body></html>"
    assert Page.seen == []
    (line,) = logs.lines("general")
    assert message in line
    assert logs.tracebacks() == []
    assert len(logs.lines("access")) == 1


# --- tokens ---------------------------------------------------------------------------------------


def test_the_token_goes_both_ways(start, app, logs):
    server = start(app(xsrf_cookies=True))
    answer = server.request()
    token = answer.body.decode()
    assert answer.get("Set-Cookie") == f"_xsrf={token}; Path=/"
    assert re.fullmatch(r"2\|[0-9a-f]{8}\|[0-9a-f]{32}\|[0-9]+", token)
    with server.connect() as connection:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            for name in ("X-XSRFToken", "x-csrftoken"):
                sent = fields(token, **{name: token})
                assert connection.request("/", method, b"", sent).body == b"done"
            assert connection.request(f"/?_xsrf={token}", method, b"", fields(token)).status == 200
    assert logs.lines("general") == []


def test_the_token_in_a_form(start, app):
    server = start(app(xsrf_cookies=True))
    token = token_of(server)
    body = b"a=b&_xsrf=" + token.replace("|", "%7C").encode()
    sent = fields(token, **{"Content-Type": FORM})
    assert server.request("/", "POST", body, sent).status == 200
    body = b'--B\r\nContent-Disposition: form-data; name="_xsrf"\r\n\r\n%b\r\n--B--\r\n'
    sent = fields(token, **{"Content-Type": "multipart/form-data; boundary=B"})
    assert server.request("/", "POST", body % token.encode(), sent).status == 200


def test_requests_without_the_token(start, app, logs):
    server = start(app(xsrf_cookies=True))
    token = token_of(server)
    other = token_of(server)
    refuse = functools.partial(refused, server, logs)
    refuse("403 POST / (127.0.0.1): '_xsrf' argument missing", "/", "POST", b"")
    refuse("'_xsrf' argument missing", "/", "POST", b"", fields(token))
    refuse("'_xsrf' argument missing", "/", "PUT", b"_xsrf=" + token.encode(), fields(token))
    refuse("'_xsrf' argument missing", "/", "DELETE", None, {"X-Requested-With": "XMLHttpRequest"})
    refuse("'_xsrf' argument missing", "/", "POST", b"", {"X-HTTP-Method-Override": "GET"})
    refuse("has invalid format", "/?_xsrf=3%7C", "POST", b"", fields(token))
    refuse("XSRF cookie does not match POST", f"/?_xsrf={token}", "POST", b"")
    refuse("XSRF cookie does not match POST", f"/?_xsrf={token}", "POST", b"", fields(other))
    refuse("XSRF cookie does not match POST", f"/?_xsrf={token}", "POST", b"", fields("3|"))


def test_safe_methods_need_no_token(start, app):
    server = start(app(xsrf_cookies=True, cross_origin_protection=True))
    for method in ("GET", "HEAD", "OPTIONS"):
        assert server.request("/", method, fields=EVIL).status == 200


def test_a_cookie_that_an_attacker_smuggled_in(start, app, logs):
    """A cookie named ``a`` cannot hold another one, whatever is in its value."""
    server = start(app(xsrf_cookies=True))
    sent = {"Cookie": "a=b]_xsrf=ab", "X-Xsrftoken": "ab"}
    refused(server, logs, "XSRF cookie does not match POST", "/", "POST", b"", sent)


def test_pages_of_one_client_look_different_and_agree(start, app):
    server = start(app(xsrf_cookies=True))
    first = token_of(server)
    seen = {first}
    for _ in range(5):
        answer = server.request(fields=fields(first))
        assert answer.get("Set-Cookie") is None
        seen.add(answer.body.decode())
    assert len(seen) == 6
    for token in seen:
        sent = fields(first, **{"X-Xsrftoken": token})
        assert server.request("/", "POST", b"", sent).status == 200


def test_settings_are_read_when_the_request_comes(start, logs):
    application = web.Application([("/", Page)])
    server = start(application)
    assert server.request("/", "POST", b"").status == 200
    application.settings["xsrf_cookies"] = True
    assert server.request("/", "POST", b"").status == 403
    application.settings["xsrf_cookies"] = False
    assert server.request("/", "POST", b"", EVIL).status == 200
    application.settings["cross_origin_protection"] = True
    assert server.request("/", "POST", b"", EVIL).status == 403
    application.settings["trusted_origins"] = [EVIL["Origin"]]
    assert server.request("/", "POST", b"", EVIL).status == 200


def test_without_the_settings_nothing_is_checked(start, app):
    server = start(app())
    assert server.request("/", "POST", b"", EVIL).status == 200


def test_s43_xsrf_cookie_kwargs(serve):
    options = {"httponly": True, "secure": True, "samesite": "Lax"}
    answer = serve(Page, {"xsrf_cookies": True, "xsrf_cookie_kwargs": options}).request()
    cookie = answer.get("Set-Cookie")
    assert cookie == f"_xsrf={answer.body.decode()}; HttpOnly; Path=/; SameSite=Lax; Secure"


def test_cookie_name(serve, logs):
    settings = {"xsrf_cookie_name": "__Host-x", "xsrf_cookie_kwargs": {"secure": True}}
    server = serve(Page, {"xsrf_cookies": True, **settings})
    answer = server.request()
    token = answer.body.decode()
    assert answer.get("Set-Cookie") == f"__Host-x={token}; Path=/; Secure"
    sent = {"Cookie": f"__Host-x={token}"}
    assert server.request(f"/?_xsrf={token}", "POST", b"", sent).status == 200
    refused(server, logs, "does not match", f"/?_xsrf={token}", "POST", b"", fields(token))


def test_version_1(serve):
    server = serve(Page, {"xsrf_cookies": True, "xsrf_cookie_version": 1})
    token = token_of(server)
    assert re.fullmatch("[0-9a-f]{32}", token)
    assert token_of(server, token) == token
    assert server.request(f"/?_xsrf={token}", "POST", b"", fields(token)).status == 200


# --- what else happens to a request ---------------------------------------------------------------


def test_methods_that_are_not_there(start, logs):
    class OnlyGet(web.RequestHandler):
        def get(self):
            self.write(self.xsrf_token)

    server = start(web.Application([("/", OnlyGet)], xsrf_cookies=True))
    token = token_of(server)
    refused(server, logs, "'_xsrf' argument missing", "/", "POST", b"")
    sent = fields(token, **{"X-Xsrftoken": token})
    assert server.request("/", "POST", b"", sent).status == 405
    # No method of the handler could ever serve these.
    assert server.request("/", "TRACE", b"", EVIL).status == 405


def test_new_methods_are_checked(serve, logs):
    class Handler(Page):
        SUPPORTED_METHODS = (*web.RequestHandler.SUPPORTED_METHODS, "PROPFIND")

        def propfind(self):
            self.write("found")

    server = serve(Handler, {"xsrf_cookies": True})
    refused(server, logs, "403 PROPFIND", "/", "PROPFIND")


def test_errors_tell_what_they_are(start, logs):
    routes = [("/teapot", web.ErrorHandler, {"status_code": 418})]
    server = start(web.Application(routes, xsrf_cookies=True, cross_origin_protection=True))
    assert server.request("/teapot", "POST", b"", EVIL).status == 418
    assert server.request("/missing", "POST", b"", EVIL).status == 404


def test_bad_path_and_bad_form_come_first(start, logs):
    class Handler(web.RequestHandler):
        def post(self, word):
            pass

    server = start(web.Application([("/(.*)", Handler)], xsrf_cookies=True))
    assert server.request("/%ff", "POST", b"").status == 400
    sent = {"Content-Type": "multipart/form-data"}
    assert server.request("/a", "POST", b"x", sent).status == 400
    assert server.request("/a", "POST", b"", {"Content-Type": FORM}).status == 403


def test_an_exempt_handler(serve):
    class Exempt(Page):
        def check_xsrf_cookie(self):
            self.seen.append("check")

    server = serve(Exempt, {"xsrf_cookies": True})
    assert server.request("/", "POST", b"").status == 200
    assert server.request("/", "GET").status == 200
    assert Page.seen == ["check", "prepare POST", "prepare GET"]


@pytest.mark.parametrize("name", ["check_xsrf_cookie", "check_trusted_origin"])
@pytest.mark.parametrize("how", ["instance", "class"])
def test_hooks_replaced_later(serve, how, name):
    class Handler(Page):
        def initialize(self):
            if how == "instance":
                setattr(self, name, lambda *args: self.seen.append(name) or True)

    setting = "xsrf_cookies" if name == "check_xsrf_cookie" else "cross_origin_protection"
    server = serve(Handler, {setting: True})
    if how == "class":
        assert server.request("/", "POST", b"", EVIL).status == 403
        setattr(Handler, name, lambda self, *args: self.seen.append(name) or True)
    assert server.request("/", "POST", b"", EVIL).status == 200
    assert Page.seen == [name, "prepare POST"]


@pytest.mark.parametrize(
    ("error", "status"),
    [(web.HTTPError(401), 401), (ZeroDivisionError(), 500), (web.Finish(), 200)],
)
def test_what_the_hook_raises(serve, logs, error, status):
    class Handler(Page):
        def check_xsrf_cookie(self):
            raise error

    assert serve(Handler, {"xsrf_cookies": True}).request("/", "POST", b"").status == status
    assert Page.seen == []


def test_an_error_page_with_a_form(serve, logs):
    """Its token goes with the cookie of the same answer: sending the form once more works."""

    class Handler(Page):
        def write_error(self, status_code, **kwargs):
            self.finish(self.xsrf_form_html())

    server = serve(Handler, {"xsrf_cookies": True})
    answer = server.request("/?_xsrf=ab", "POST", b"")
    assert answer.status == 403
    token = re.search('value="(.*)"', answer.body.decode())[1]
    assert answer.get("Set-Cookie") == f"_xsrf={token}; Path=/"
    assert server.request(f"/?_xsrf={token}", "POST", b"", fields(token)).status == 200


def test_another_application_behind_it(start, logs):
    def fallback(request):
        line = httputil.ResponseStartLine("HTTP/1.1", 200, "OK")
        headers = httputil.HTTPHeaders({"Content-Length": "2"})
        request.connection.write_headers(line, headers, b"ok")
        request.connection.finish()

    routes = [(".*", web.FallbackHandler, {"fallback": fallback})]
    server = start(web.Application(routes, cross_origin_protection=True))
    assert server.request("/", "POST", b"", EVIL).status == 403
    assert server.request("/", "POST", b"").body == b"ok"


# --- streamed bodies ------------------------------------------------------------------------------


@web.stream_request_body
class Upload(Page):
    def data_received(self, chunk):
        self.seen.append(f"data {bytes(chunk)!r}")


def chunked(body):
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_streamed_bodies_have_their_token_outside(serve, logs, coding):
    server = serve(Upload, {"xsrf_cookies": True})
    token = token_of(server)

    def upload(target="/", **more):
        sent = fields(token, **{"Content-Type": FORM, **more})
        body = f"_xsrf={token}".encode()
        if coding == "chunked":
            sent["Transfer-Encoding"] = "chunked"
            body = chunked(body)
        Page.seen.clear()
        return server.request(target, "POST", body, sent)

    data = f"data {f'_xsrf={token}'.encode()!r}"
    assert upload(f"/?_xsrf={token}").body == b"done"
    assert Page.seen == ["prepare POST", data]
    assert upload(**{"X-Xsrftoken": token}).body == b"done"
    assert Page.seen == ["prepare POST", data]
    assert upload().status == 403
    assert Page.seen == []
    (line,) = logs.lines("general")
    assert "'_xsrf' argument missing" in line
    assert logs.tracebacks() == []


def test_a_refused_upload_is_not_taken_for_a_request(serve, logs):
    """What was refused is read away, or the connection ends; it is never interpreted."""
    server = serve(Upload, {"xsrf_cookies": True})
    hidden = build("/hidden", "OPTIONS")
    with server.connect() as connection:
        connection.send(build("/", "POST", hidden) + build("/", "OPTIONS"))
        answer = connection.read("POST")
        assert answer.status == 403
        if answer.says_close:
            connection.read_eof()
        else:
            assert connection.read("OPTIONS").status == 200
            assert connection.is_quiet()
    assert not any("/hidden" in line for line in logs.lines("access"))


def test_refusals_keep_the_connection(start, app, logs):
    server = start(app(xsrf_cookies=True, cross_origin_protection=True))
    token = token_of(server)
    sent = fields(token, **{"X-Xsrftoken": token})
    with server.connect() as connection:
        connection.send(
            build("/", "POST", b"12345")
            + build("/", "POST", b"", sent)
            + build("/", "POST", b"12345", {**sent, **EVIL})
            + build("/", "POST", b"", sent)
        )
        assert [connection.read("POST").status for _ in range(4)] == [403, 200, 403, 200]


# --- cross-origin protection ----------------------------------------------------------------------

TRUSTED = "https://trusted.example"


@pytest.fixture
def protected(start, app):
    return start(app(cross_origin_protection=True, trusted_origins=[TRUSTED]))


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Origin": TRUSTED},
        {"Sec-Fetch-Site": "cross-site", "Origin": TRUSTED},
        {"Origin": TRUSTED},
        {"Origin": "http://localhost"},
        {"Origin": "https://LOCALHOST"},
        {"Origin": "http://localhost:8080", "Host": "localhost:8080"},
        {"Origin": "http://www.example.com", "Host": "WWW.example.com"},
        {"Referer": "http://evil.example/"},
    ],
)
def test_requests_of_our_own(protected, sent):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert protected.request("/", method, b"x", sent).body == b"done"


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, "Sec-Fetch-Site cross-site"),
        ({"Sec-Fetch-Site": "same-site"}, "Sec-Fetch-Site same-site"),
        ({"Sec-Fetch-Site": ""}, "Sec-Fetch-Site "),
        ({"Sec-Fetch-Site": "Same-Origin"}, "Sec-Fetch-Site Same-Origin"),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, "Sec-Fetch-Site cross"),
        (EVIL, "origin 'http://evil.example'"),
        ({"Origin": "http://evil.example"}, "Origin 'http://evil.example' not allowed"),
        ({"Origin": "null"}, "Origin 'null' not allowed"),
        ({"Origin": ""}, "Origin '' not allowed"),
        ({"Origin": "http://localhost:80"}, "Origin 'http://localhost:80' not allowed"),
        ({"Origin": "http://localhost.evil.example"}, "not allowed"),
        ({"Origin": "http://localhost@evil.example"}, "not allowed"),
        ({"Origin": TRUSTED + "/"}, "not allowed"),
        ({"Origin": TRUSTED + ".evil.example"}, "not allowed"),
        ({"Origin": "http://trusted.example"}, "not allowed"),
    ],
)
def test_requests_of_other_sites(protected, logs, sent, message):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        refused(protected, logs, message, "/", method, b"x", sent)


def test_fields_that_come_twice(protected):
    for lines in (
        ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: same-origin"],
        ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"],
        ["Origin: http://localhost", "Origin: http://evil.example"],
        [f"Origin: {TRUSTED}", "Origin: http://evil.example"],
    ):
        head = ["POST / HTTP/1.1", "Host: localhost", "Content-Length: 0", *lines, "", ""]
        with protected.connect() as connection:
            connection.send("\r\n".join(head).encode())
            assert connection.read("POST").status == 403


def test_no_host_no_origin_of_it(protected):
    with protected.connect() as connection:
        connection.send(b"POST / HTTP/1.0\r\nContent-Length: 0\r\nOrigin: http://127.0.0.1\r\n\r\n")
        assert connection.read("POST").status == 403


def test_an_origin_that_is_no_url(protected, logs):
    """Tornado answers 500 to some of these."""
    for origin in ("http://[", "http://[::1", "http://]", "://", "\x9b\xff", "http://x\ty"):
        logs.clear()
        assert protected.request("/", "POST", b"", {"Origin": origin}).status == 403
        (line,) = logs.lines("general")
        assert line.isprintable()


def test_tokens_are_checked_first(serve, logs):
    settings = {"xsrf_cookies": True, "cross_origin_protection": True}
    server = serve(Page, settings)
    token = token_of(server)
    good = fields(token, **{"X-Xsrftoken": token})
    refused(server, logs, "'_xsrf' argument missing", "/", "POST", b"", EVIL)
    refused(server, logs, "Sec-Fetch-Site cross-site", "/", "POST", b"", {**good, **EVIL})
    assert server.request("/", "POST", b"", good).status == 200


# --- signed cookies and users ---------------------------------------------------------------------


class Login(web.RequestHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")

    @web.authenticated
    def get(self):
        self.write(self.current_user)

    def post(self):
        self.set_signed_cookie("user", self.get_argument("name"), httponly=True)


def test_logging_in(serve):
    server = serve(Login, {"cookie_secret": "s", "login_url": "/login"})
    answer = server.request("/page")
    assert (answer.status, answer.get("Location")) == (302, "/login?next=%2Fpage")
    cookie = server.request("/?name=Zo%C3%AB", "POST", b"").get("Set-Cookie")
    match = re.fullmatch(r'user="(.*)"; expires=.*; HttpOnly; Path=/', cookie)
    assert match
    for value in (match[1], f'"{match[1]}"'):
        answer = server.request("/page", fields={"Cookie": f"user={value}"})
        assert (answer.status, answer.body.decode()) == (200, "Zoë")
    for value in (match[1][:-1] + "x", match[1][1:], "", "x", "2|", '"\\', "\xff"):
        assert server.request("/page", fields={"Cookie": f"user={value}"}).status == 302


def test_signed_cookies_need_a_secret(serve, logs):
    assert serve(Login).request("/?name=x", "POST", b"").status == 500


def test_a_user_who_was_found_by_waiting(serve):
    class Handler(web.RequestHandler):
        async def prepare(self):
            self.current_user = "ann"

        @web.authenticated
        def get(self):
            self.write(self.xsrf_token)

    answer = serve(Handler).request()
    assert answer.status == 200
    assert "expires=" in answer.get("Set-Cookie")
