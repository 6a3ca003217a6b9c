"""What a developer sees of an error, and what a stranger does not."""

from __future__ import annotations

import json

import pytest

from whirlwind.errorpage import frames
from whirlwind.errorpage.forms import preferred_form
from whirlwind.errorpage.frames import problems
from whirlwind.template import ParseError, Template

from .server import web

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
SECRET = "correct-horse"


class Unprintable:
    def __repr__(self):
        raise ValueError("no repr")


class Broken(web.RequestHandler):
    def get(self):
        password = SECRET
        odd = Unprintable()
        markup = "<script>alert(1)</script>"
        try:
            raise KeyError(markup)
        except KeyError as error:
            raise ValueError("<b>cannot</b>") from error
        return password, odd

    def post(self):
        raise web.HTTPError(409, "taken by %s", "somebody", reason="Taken")


def page(connection, accept, target="/?q=%3Ci%3E", method="GET"):
    return connection.request(target, method, fields={"Accept": accept} if accept else None)


@pytest.fixture
def client(serve, logs):
    server = serve(Broken, {"serve_traceback": True})
    with server.connect() as connection:
        yield connection


def test_a_browser_gets_a_page(client):
    answer = page(client, BROWSER)
    assert answer.status == 500
    assert answer.get("Content-Type") == "text/html; charset=UTF-8"
    text = answer.body.decode()
    assert "<h1>ValueError</h1>" in text
    assert "&lt;b&gt;cannot&lt;/b&gt;" in text
    assert "KeyError</h2>" in text
    assert "was the direct cause of ValueError" in text
    assert 'class="failed"' in text
    assert "raise ValueError(&quot;&lt;b&gt;cannot&lt;/b&gt;&quot;) from error" in text
    assert f"<td>password</td><td>&#x27;{SECRET}&#x27;</td>" in text.replace("&#39;", "&#x27;")
    assert "Unprintable instance at" in text
    assert "<script>alert(1)" not in text
    assert "<td>q</td><td>&lt;i&gt;</td>" in text
    assert "direct cause of the following exception" in text.partition('<template id="text">')[2]


def test_a_program_gets_json(client):
    answer = page(client, "application/json")
    assert answer.status == 500
    assert answer.get("Content-Type") == "application/json; charset=UTF-8"
    error = json.loads(answer.body)["error"]
    assert error["status"] == 500
    assert error["reason"] == "Internal Server Error"
    assert error["error"] == "ValueError: <b>cannot</b>"
    assert error["traceback"][-1] == "ValueError: <b>cannot</b>"


@pytest.mark.parametrize("accept", ["", "*/*", "image/png", "text/html;q=0"])
def test_others_get_the_traceback(client, accept):
    answer = page(client, accept)
    assert answer.get("Content-Type") == "text/plain"
    assert answer.body.decode().endswith("ValueError: <b>cannot</b>\n")


def test_errors_with_a_status(client):
    answer = page(client, BROWSER, method="POST")
    assert answer.status == 409
    assert "<h1>whirlwind.web.HTTPError</h1>" in answer.body.decode()
    assert "409 Taken" in answer.body.decode()
    assert "taken by somebody" in answer.body.decode()


@pytest.mark.parametrize("accept", [BROWSER, "application/json", ""])
def test_strangers_learn_nothing(serve, logs, accept):
    server = serve(Broken)
    with server.connect() as connection:
        answer = page(connection, accept)
        body = answer.body.decode()
        assert body == (
            "<html><title>500: Internal Server Error</title>"
            "<body>500: Internal Server Error</body></html>"
        )
        assert "somebody" not in page(connection, accept, method="POST").body.decode()


def test_a_body_that_cannot_be_read(client):
    fields = {"Accept": BROWSER, "Content-Type": "multipart/form-data"}
    answer = client.request("/", "POST", b"x", fields)
    assert answer.status == 400
    assert answer.get("Content-Type") == "text/html; charset=UTF-8"


def test_a_template_that_is_no_python():
    with pytest.raises(ParseError) as caught:
        Template("\n{{ 1 + }}", name="item.html")
    (problem,) = problems(caught.value)
    assert problem.message == "invalid syntax in '1 +' at item.html:2"


def test_deep_recursion_is_cut():
    def deeper(depth):
        deeper(depth + 1)

    with pytest.raises(RecursionError) as caught:
        deeper(0)
    (problem,) = problems(caught.value)
    assert len(problem.frames) == frames.MAX_FRAMES
    assert problem.omitted > 100
    assert problem.frames[0].function.endswith("test_deep_recursion_is_cut")


def test_circles_of_causes_end():
    first, second = ValueError("first"), KeyError("second")
    first.__cause__, second.__cause__ = second, first
    assert [problem.kind for problem in problems(first)] == ["KeyError", "ValueError"]


def test_a_suppressed_context_is_not_shown():
    try:
        try:
            raise KeyError("hidden")
        except KeyError:
            raise ValueError("shown") from None
    except ValueError as error:
        (problem,) = problems(error)
    assert (problem.kind, problem.message) == ("ValueError", "shown")


def test_large_values_are_cut():
    assert len(frames.shown("x" * 10_000_000)) <= frames.MAX_VALUE + 3
    assert len(frames.shown([["x" * 1000] * 1000] * 1000)) <= frames.MAX_VALUE + 3


def test_own_code_is_told_from_libraries():
    assert frames.is_own(__file__, __name__)
    assert frames.is_own("<string>", "__main__")
    assert not frames.is_own(json.__file__, "json")
    assert not frames.is_own(pytest.__file__, "pytest")
    assert not frames.is_own("built/elsewhere.py", "whirlwind.web.response")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("text/html", "html"),
        ("TEXT/HTML;level=1", "html"),
        ("application/json;q=0.4, text/html;q=0.5", "html"),
        ("application/problem+json", "json"),
        ("application/json, text/plain, */*", "json"),
        ("text/plain, text/html", "text"),
        ("*/*", "text"),
        (",;q", "text"),
    ],
)
def test_preferred_form(accept, form):
    assert preferred_form(accept) == form
