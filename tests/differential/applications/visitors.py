"""Who is asking, and where to: cookies, tokens, origins, logins, redirects."""

import datetime
from typing import Any

from tests.differential.applications.tools import (
    NOW,
    application,
    ask,
    both,
    escape,
    form,
    get,
    new,
    post,
    says,
    web,
)

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
