"""What docs/handlers.md says: its program, run and used."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from whirlwind.web import Application

from .server import web

DOCUMENT = Path(__file__).parents[2] / "docs/handlers.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.S)
FORM = "application/x-www-form-urlencoded"


def program(provider: str = "https://id.example.org") -> Application:
    source = "\n".join(EXAMPLES).replace("https://id.example.org", provider)
    names: dict[str, Any] = {"__name__": "program"}
    exec(compile(source, str(DOCUMENT), "exec"), names)
    application: Application = names["application"]
    return application


class Browser:
    """Keeps cookies, and sends the token of the last form."""

    def __init__(self, server):
        self.server = server
        self.cookies: dict[str, str] = {}
        self.token = ""

    def ask(self, path, form=None):
        fields = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        body = None
        if form is not None:
            fields["Content-Type"] = FORM
            body = f"{form}&_xsrf={self.token}".encode()
        answer = self.server.request(path, "GET" if form is None else "POST", body, fields)
        for cookie in answer.get_all("Set-Cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        found = re.search(rb'name="_xsrf" value="(.*?)"', answer.body)
        if found:
            self.token = found[1].decode()
        return answer


def test_items(start):
    server = start(program())
    assert json.loads(server.request("/items?q=oo").body) == {"items": ["book"]}
    assert server.request("/items/1").body == b"lamp"
    missing = server.request("/items/2")
    assert (missing.status, b"no item" in missing.body) == (404, False)
    browser = Browser(server)
    browser.ask("/login")
    fields = {
        "Content-Type": "application/json",
        "Cookie": f"_xsrf={browser.cookies['_xsrf']}",
        "X-XSRFToken": browser.cookies["_xsrf"],
    }
    made = server.request("/items", "PUT", b'{"name": "chair"}', fields)
    assert (made.status, made.get("Location")) == (201, "/items/2")
    assert server.request("/items/2").body == b"chair"
    assert server.request("/items", "PUT", b'{"name": "chair"}').status == 403


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("/", "/"),
        ("/items/1?x=y", "/items/1?x=y"),
        ("//evil.example", "/"),
        ("/%5Cevil.example", "/"),
        ("https://evil.example", "/"),
        ("/%09/evil.example", "/"),
        ("", "/"),
    ],
)
def test_users(start, wanted, target):
    browser = Browser(start(program()))
    away = browser.ask("/")
    assert (away.status, away.get("Location")) == (302, "/login?next=%2F")
    login = f"/login?next={wanted.replace('?', '%3F')}"
    browser.ask(login)
    wrong = browser.ask(login, "name=Ann&password=x")
    assert (wrong.status, wrong.body) == (403, b"<h1>Error 403</h1>")
    answer = browser.ask(login, "name=Ann&password=open+sesame")
    assert (answer.status, answer.get("Location")) == (302, target)
    assert b"<h1>Hello Ann</h1>" in browser.ask("/").body
    assert browser.ask("/logout", "").status == 302
    browser.cookies["user"] = ""
    assert browser.ask("/").status == 302


def test_users_of_other_sites(start):
    class Token(web.RequestHandler):
        def post(self):
            assert self.get_body_argument("code") == "the code"
            assert self.get_body_argument("grant_type") == "authorization_code"
            self.write({"access_token": "the token"})

    class Me(web.RequestHandler):
        def get(self):
            assert self.get_query_argument("access_token") == "the token"
            self.write({"name": "Bob"})

    provider = start(web.Application([("/token", Token), ("/me", Me)]))
    browser = Browser(start(program(f"http://127.0.0.1:{provider.port}")))
    there = urlsplit(browser.ask("/elsewhere").get("Location"))
    assert there.path == "/authorize"
    asked = {name: value for name, (value,) in parse_qs(there.query).items()}
    state = asked.pop("state")
    assert asked == {
        "response_type": "code",
        "client_id": "shop",
        "redirect_uri": "https://shop.example.com/elsewhere",
        "scope": "profile",
    }
    assert browser.ask("/elsewhere?code=the+code&state=other").status == 403
    assert browser.ask("/elsewhere?code=the+code").status == 403
    assert browser.ask(f"/elsewhere?code=the+code&state={state}").get("Location") == "/"
    assert b"<h1>Hello Bob</h1>" in browser.ask("/").body


def test_the_table_of_settings_is_whole():
    """What is read anywhere in the package as a setting has its row."""
    (table,) = re.findall(r"## Settings\n(.*)", TEXT, re.S)
    told = {name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in row.split("`")}
    read = set()
    for path in (DOCUMENT.parents[1] / "src/whirlwind").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        read.update(re.findall(r"""settings(?:\.get\(|\[)"(\w+)\"""", source))
        read.update(re.findall(r'require_setting\(\s*"(\w+)"', source))
    assert "cookie_secret" in read
    assert read - told == {"gzip", "key", "secret"}  # an old name, and parts of `google_oauth`


def test_links_lead_somewhere():
    for target in re.findall(r"\]\((\w+\.md)(?:#([\w-]+))?\)", TEXT):
        name, anchor = target
        text = (DOCUMENT.parent / name).read_text(encoding="utf-8")
        titles = re.findall(r"^#+ (.*)$", text, re.M)
        anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
        assert not anchor or anchor in anchors, target
