"""The demo over plain HTTP: every page, every mistake."""

from __future__ import annotations

import csv
import hashlib
import html
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.demo.conftest import APP, DEADLINE, Demo, running_demo
from tests.websocket.frames import TEXT, FrameReader, close, frame
from tests.websocket.peer import upgrade

PAGES = [
    "/",
    "/api",
    "/logbook",
    "/upload",
    "/chest",
    "/stream",
    "/radio",
    "/cache",
    "/errors",
    "/inspect",
]
MISTAKES = {
    "/errors/argument": (400, "The message does not parse"),
    "/errors/forbidden": (403, "Restricted waters"),
    "/here/be/dragons": (404, "Uncharted"),
    "/errors/raise": (500, "Man overboard"),
}


class Answer:
    """A whole answer."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.body = response.read()
        self.status = response.status
        self.fields = response.msg

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    def json(self) -> dict[str, object]:
        assert self.fields["Content-Type"] == "application/json; charset=UTF-8"
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value


class Client:
    """One keep-alive connection to the demo."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)

    def send(
        self,
        method: str,
        target: str,
        body: bytes | Iterator[bytes] | None = None,
        fields: dict[str, str] | None = None,
    ) -> Answer:
        self.connection.request(method, target, body, fields or {})
        return Answer(self.connection.getresponse())

    def get(self, target: str, fields: dict[str, str] | None = None) -> Answer:
        return self.send("GET", target, fields=fields)

    def post_form(self, target: str, **values: str) -> Answer:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.send("POST", target, urlencode(values).encode(), form)


@pytest.fixture
def client(demo: Demo) -> Iterator[Client]:
    made = Client(demo.port)
    yield made
    made.connection.close()


def raw(demo: Demo, request: bytes) -> bytes:
    """Send some bytes, and return all that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", demo.port), DEADLINE) as sock:
        sock.sendall(request)
        pieces = []
        while piece := sock.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


class References(HTMLParser):
    """The addresses that a page loads or links to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.inline: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "a":
            self.linked.append(found["href"] or "")
        elif tag == "link":
            self.loaded.append(found["href"] or "")
        elif tag in ("script", "img"):
            self.loaded.append(found.get("src") or "")
        elif tag == "style":
            self.inline.append(tag)
        self.inline += [name for name in found if name == "style" or name.startswith("on")]


@pytest.mark.parametrize("page", PAGES)
def test_page(client: Client, page: str) -> None:
    answer = client.get(page)
    assert answer.status == 200
    assert answer.fields["Content-Type"] == "text/html; charset=UTF-8"
    assert answer.fields["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.fields["Content-Security-Policy"]
    assert answer.text.startswith("<!doctype html>")
    assert answer.text.count("<h1") == 1
    assert f'<a href="{page}" aria-current="page">' in answer.text
    assert not re.search(r"\$[a-z_{]", answer.text.split('<details class="source">')[0])


@pytest.mark.parametrize(
    ("fields", "language"),
    [
        ({}, "en"),
        ({"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}, "de"),
        ({"Accept-Language": "fr,en;q=0.5"}, "en"),
        ({"Accept-Language": "de", "Cookie": "language=en_US"}, "en"),
        ({"Cookie": "language=de"}, "de"),
        ({"Cookie": "language=xx"}, "en"),
    ],
)
def test_language_of_a_page(client: Client, fields: dict[str, str], language: str) -> None:
    answer = client.get("/logbook", fields)
    assert f'<html lang="{language}">' in answer.text
    assert ("<h1>Logbuch</h1>" in answer.text) == (language == "de")
    assert answer.fields["Vary"] == "Accept-Language, Cookie"


def test_choosing_a_language(client: Client) -> None:
    answer = client.post_form("/language", language="de", next="/stream?x=1")
    assert (answer.status, answer.fields["Location"]) == (303, "/stream?x=1")
    cookie = answer.fields["Set-Cookie"]
    assert cookie.startswith("language=de;")
    assert "HttpOnly" in cookie
    for elsewhere in ("//evil.example/", "/\\evil.example", "https://evil.example/", "", "/\t/x"):
        answer = client.post_form("/language", language="en_US", next=elsewhere)
        assert (answer.status, answer.fields["Location"]) == (303, "/")
    answer = client.post_form("/language", language="xx", next="/")
    assert answer.status == 400


def test_other_sites_cannot_post(client: Client) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://evil.example"}
    for target in ("/language", "/logbook"):
        answer = client.send("POST", target, b"language=de&note=x&force=4", form)
        assert answer.status == 403


def test_every_text_has_a_translation(client: Client) -> None:
    with (APP.parent / "translations/de.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    translated = {row[0] for row in rows}
    said = set()
    for template in (APP.parent / "templates").glob("*.html"):
        text = template.read_text(encoding="utf-8")
        said |= {found[1] for found in re.findall(r"""\b_\((["'])(.*?)\1\)""", text)}
    for program in [*(APP.parent / "handlers").glob("*.py"), *(APP.parent / "assets").glob("*.js")]:
        text = program.read_text(encoding="utf-8")
        said |= set(re.findall(r'\b(?:_|say)\(\s*"(.*?)"[,)]', text))
    assert len(said) > 150
    assert said - translated == set()
    # Places for values, and markup, survive.
    places = re.compile(r"%(?:\(\w+\))?[ds]|\{\w+\}|</?\w+>")
    for source, translation, *_ in rows:
        assert sorted(places.findall(source)) in (sorted(places.findall(translation)), []), source


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_refers_to_is_here(client: Client, page: str) -> None:
    references = References(client.get(page).text)
    assert references.inline == []  # the policy that the page is sent with forbids them
    assert len(references.loaded) >= 3
    for target in references.loaded:
        answer = client.get(target)
        assert answer.status == 200, target
        assert "immutable" in answer.fields["Cache-Control"], target
    for target in references.linked:
        assert target.startswith(("/", "#")), target
        if target.startswith("/") and target not in MISTAKES and target != "/stream/rows":
            assert client.get(target).status == 200, target


@pytest.mark.parametrize("page", [page for page in PAGES if page != "/inspect"])
def test_head_has_the_fields_of_get_and_no_body(client: Client, page: str) -> None:
    head, get = client.send("HEAD", page), client.get(page)
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Type", "Content-Length"):
        assert head.fields[name] == get.fields[name]


@pytest.mark.parametrize("page", [page for page in PAGES if page not in ("/logbook", "/inspect")])
def test_an_unchanged_page_is_not_sent_again(client: Client, page: str) -> None:
    etag = client.get(page).fields["ETag"]
    again = client.get(page, {"If-None-Match": etag})
    assert (again.status, again.body, again.fields["ETag"]) == (304, b"", etag)


@pytest.mark.parametrize("page", [page for page in PAGES if page != "/"])
def test_page_shows_its_python(client: Client, page: str) -> None:
    found = re.search(r"<pre tabindex=\"0\"><code>(.*?)</code></pre>", client.get(page).text, re.S)
    assert found is not None
    files = [path.read_text(encoding="utf-8") for path in (APP.parent / "handlers").glob("*.py")]
    shown = html.unescape(re.sub(r"</?span[^>]*>", "", found[1]))
    for part in re.split(r"\n\n(?=class |@)", shown):
        assert any(part in source for source in files), part
    assert '<span class="k">class</span> <span class="d">' in found[1]
    assert '<span class="s">&quot;&quot;&quot;' in found[1]


# Assets


def test_asset_without_its_version_is_checked_each_time(client: Client) -> None:
    answer = client.get("/assets/style.css")
    assert answer.status == 200
    assert answer.fields["Content-Type"] == "text/css; charset=utf-8"
    assert answer.fields["Cache-Control"] == "no-cache"
    assert client.get("/assets/style.css?v=000000000000").fields["Cache-Control"] == "no-cache"
    again = client.get("/assets/style.css", {"If-None-Match": answer.fields["ETag"]})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "target",
    [
        b"/assets/none.css",
        b"/assets/",
        b"/assets/../app.py",
        b"/assets/..%2fapp.py",
        b"/assets/%2e%2e/app.py",
        b"/assets//etc/passwd",
        b"/assets/style.css/",
        b"/assets/style.css%00.js",
    ],
)
def test_only_what_is_on_the_list_is_an_asset(demo: Demo, target: bytes) -> None:
    answer = raw(demo, b"GET %b HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n" % target)
    assert answer.split(b"\r\n")[0] == b"HTTP/1.1 404 Not Found"


def test_favicon(client: Client) -> None:
    moved = client.get("/favicon.ico")
    assert moved.status == 302
    icon = client.get(moved.fields["Location"])
    assert (icon.status, icon.fields["Content-Type"]) == (200, "image/svg+xml")


# JSON


def test_beaufort(client: Client) -> None:
    scale = client.get("/api/beaufort").json()["scale"]
    assert isinstance(scale, list)
    assert [step["force"] for step in scale] == list(range(13))
    assert client.get("/api/beaufort/8").json() == scale[8]
    for target in ("/api/beaufort/13", "/api/beaufort/999", "/api/beaufort/x", "/api/nothing"):
        assert error_of(client.get(target))["status"] == 404


def error_of(answer: Answer) -> dict[str, object]:
    error = answer.json()["error"]
    assert isinstance(error, dict)
    assert error["status"] == answer.status
    assert answer.fields["Cache-Control"] == "no-store"
    return error


@pytest.mark.parametrize(
    ("knots", "force", "name"),
    [("0", 0, "Calm"), ("33.4", 7, "Near gale"), ("34", 8, "Gale"), ("250", 12, "Hurricane")],
)
def test_wind(client: Client, knots: str, force: int, name: str) -> None:
    got = client.get(f"/api/wind?knots={knots}")
    assert re.fullmatch(r"handler;dur=\d+\.\d{3}", got.fields["Server-Timing"])
    assert got.json() == {
        "knots": float(knots),
        "metres_per_second": pytest.approx(float(knots) * 0.514444, abs=0.01),
        "kilometres_per_hour": pytest.approx(float(knots) * 1.852, abs=0.1),
        "force": force,
        "name": name,
    }


@pytest.mark.parametrize("knots", ["", "x", "-1", "250.1", "nan", "inf", "1e999"])
def test_wind_that_is_none(client: Client, knots: str) -> None:
    assert "0 to 250" in str(error_of(client.get(f"/api/wind?knots={knots}"))["hint"])


def test_wind_without_its_argument(client: Client) -> None:
    assert error_of(client.get("/api/wind"))["hint"] == "The argument “knots” is missing."


def test_mean(client: Client) -> None:
    answer = client.send("POST", "/api/mean", b'{"knots": [12, 15.5, "21", 9]}').json()
    assert answer == {"readings": 4, "mean": 14.38, "gust": 21, "name": "Moderate breeze"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"knots": oops',
        b"\xff",
        b"[" * 50_000,
        b"[]",
        b"{}",
        b'{"knots": 3}',
        b'{"knots": []}',
        b'{"knots": [1, true]}',
        b'{"knots": [null]}',
        b'{"knots": [NaN]}',
        b'{"knots": [1%b]}' % (b"0" * 400),
        b'{"knots": [1%b]}' % (b"0" * 5000),
        b'{"knots": [1%b]}' % (b",1" * 1000),
    ],
)
def test_mean_of_nonsense(client: Client, body: bytes) -> None:
    assert error_of(client.send("POST", "/api/mean", body))["status"] == 400


def test_wrong_method(client: Client) -> None:
    answer = client.send("DELETE", "/api/wind")
    assert error_of(answer)["status"] == 405
    assert answer.fields["Allow"] == "GET"


def test_status_counts_answers(client: Client) -> None:
    first, second = (client.get("/api/status").json() for _ in range(2))
    assert second["answered"] == int(str(first["answered"])) + 1
    assert first["implementation"]


# Logbook


def entries(page: str) -> list[str]:
    return re.findall(r'<p class="entry-note">(.*?)</p>', page, re.DOTALL)


def test_logbook_entry(client: Client) -> None:
    note = "Wind <b>backs</b> & rises; “très vite”.\nNo script: <script>alert(1)</script>"
    answer = client.post_form("/logbook", name="<i>Anne</i>", force="9", note=note)
    assert (answer.status, answer.fields["Location"]) == (303, "/logbook#book")
    page = client.get("/logbook").text
    assert entries(page)[0] == (
        "Wind &lt;b&gt;backs&lt;/b&gt; &amp; rises; “très vite”.\n"
        "No script: &lt;script&gt;alert(1)&lt;/script&gt;"
    )
    assert "<strong>&lt;i&gt;Anne&lt;/i&gt;</strong> <span>Strong gale</span>" in page


def test_logbook_without_a_name(client: Client) -> None:
    assert client.post_form("/logbook", force="1", note="who was it?").status == 303
    assert "<strong>A passing ship</strong>" in client.get("/logbook").text


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"name": "kept", "force": "3", "note": " "}, "the note is empty"),
        ({"name": "kept", "force": "3", "note": "x" * 401}, "at most"),
        ({"name": "kept" * 11, "force": "3", "note": "x"}, "at most"),
        ({"name": "kept", "force": "13", "note": "x"}, "Choose a wind"),
        ({"name": "kept", "force": "٣", "note": "x"}, "Choose a wind"),
        ({"name": "kept", "note": "x"}, "Choose a wind"),
    ],
)
def test_logbook_problem(client: Client, values: dict[str, str], problem: str) -> None:
    before = entries(client.get("/logbook").text)
    answer = client.post_form("/logbook", **values)
    assert answer.status == 400
    assert re.search(rf'role="alert">[^<]*{problem}', answer.text)
    assert f'value="{values["name"]}"' in answer.text
    assert entries(client.get("/logbook").text) == before


def test_logbook_is_bounded(client: Client) -> None:
    for number in range(60):
        client.post_form("/logbook", force="1", note=f"line {number}")
    assert entries(client.get("/logbook").text) == [f"line {n}" for n in range(59, 9, -1)]


def test_form_over_the_limit(demo: Demo) -> None:
    answer = raw(
        demo,
        b"POST /logbook HTTP/1.1\r\nHost: demo\r\nContent-Length: 65537\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\n",
    )
    assert answer.startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 400 "))


# Upload


def pieces(count: int, size: int = 50_000) -> Iterator[bytes]:
    for number in range(count):
        yield bytes([number % 251]) * size


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_upload(client: Client, method: str, framing: str) -> None:
    body = b"".join(pieces(100))
    fields = {"Content-Length": str(len(body))} if framing == "length" else {}
    receipt = client.send(method, "/upload/file", pieces(100), fields).json()
    assert receipt["bytes"] == len(body)
    assert receipt["sha256"] == hashlib.sha256(body).hexdigest()
    assert int(str(receipt["pieces"])) > 1
    assert 0 < int(str(receipt["largest_piece"])) <= 65536


def test_upload_of_nothing(client: Client) -> None:
    receipt = client.send("PUT", "/upload/file").json()
    assert (receipt["bytes"], receipt["pieces"]) == (0, 0)
    assert receipt["sha256"] == hashlib.sha256().hexdigest()


def test_upload_at_a_pace(client: Client) -> None:
    receipt = client.send("PUT", "/upload/file?pace=10", b"x" * 1_000_000).json()
    assert receipt["bytes"] == 1_000_000
    assert float(str(receipt["seconds"])) >= 0.1  # the pace itself, whatever the machine


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_upload_is_not_kept(demo: Demo, client: Client) -> None:
    def peak() -> int:
        status = Path(f"/proc/{demo.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    client.send("PUT", "/upload/file", pieces(10), {"Content-Length": "500000"})
    before = peak()
    size = 64_000_000
    answer = client.send("PUT", "/upload/file", pieces(1280), {"Content-Length": str(size)})
    assert answer.json()["bytes"] == size
    assert peak() - before < size // 4


@pytest.mark.parametrize("pace", ["x", "-1", "1001", "1.5", "²"])
def test_upload_at_no_pace(client: Client, pace: str) -> None:
    query = urlencode({"pace": pace})
    assert error_of(client.send("PUT", f"/upload/file?{query}", b"x"))["status"] == 400


def test_upload_over_the_limit(demo: Demo) -> None:
    answer = raw(
        demo,
        b"PUT /upload/file HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n"
        b"Content-Length: 1073741825\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"at most 1073741824 bytes" in answer


def test_upload_that_stops_half_way(demo: Demo) -> None:
    after = len(demo.log())
    with socket.create_connection(("127.0.0.1", demo.port), DEADLINE) as sock:
        sock.sendall(b"PUT /upload/file HTTP/1.1\r\nHost: demo\r\nContent-Length: 9000\r\n\r\n")
        sock.sendall(b"x" * 1234)
    log = demo.wait_for_log("the sender left after 1234 bytes", after)
    assert "Traceback" not in log


# Stream


def chunks_of(message: bytes) -> list[bytes]:
    """The chunks of a chunked answer, as they were sent."""
    head, _, rest = message.partition(b"\r\n\r\n")
    assert b"\r\nTransfer-Encoding: chunked" in head
    found: list[bytes] = []
    while True:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            assert rest == b"\r\n"
            return found
        found.append(rest[:length])
        assert rest[length : length + 2] == b"\r\n"
        rest = rest[length + 2 :]


def test_rows_come_one_flush_each(demo: Demo) -> None:
    answer = raw(
        demo,
        b"GET /stream/rows?pause=0 HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    rows = [json.loads(chunk) for chunk in chunks_of(answer)]
    assert [row["force"] for row in rows] == list(range(13))


def test_counter(demo: Demo) -> None:
    answer = raw(
        demo,
        b"GET /stream/counter?pause=1 HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n",
    )
    assert chunks_of(answer) == [b"%d\n" % number for number in range(1, 21)]


def test_rows_for_http_1_0_end_with_the_connection(demo: Demo) -> None:
    answer = raw(demo, b"GET /stream/rows?pause=0 HTTP/1.0\r\nHost: demo\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding" not in head
    assert len(body.splitlines()) == 13


def test_reader_who_leaves(demo: Demo) -> None:
    """The first row is here while the handler still has twelve to write, and then nobody reads."""
    after = len(demo.log())
    with socket.create_connection(("127.0.0.1", demo.port), DEADLINE) as sock:
        sock.sendall(b"GET /stream/rows?pause=50 HTTP/1.1\r\nHost: demo\r\n\r\n")
        received = b""
        while b'"Calm"' not in received:
            received += sock.recv(65536)
        assert b'"Hurricane"' not in received
    log = demo.wait_for_log("the reader of the rows left early", after)
    assert "Traceback" not in log


@pytest.mark.parametrize("pause", ["x", "-1", "2001", "²"])
@pytest.mark.parametrize("stream", ["rows", "counter"])
def test_stream_without_a_pause(client: Client, stream: str, pause: str) -> None:
    query = urlencode({"pause": pause})
    assert error_of(client.get(f"/stream/{stream}?{query}"))["status"] == 400


# Cache


def test_barograph(client: Client) -> None:
    first = client.get("/cache/barograph")
    etag = first.fields["ETag"]
    again = client.get("/cache/barograph", {"If-None-Match": etag})
    assert (again.status, again.body, again.fields["ETag"]) == (304, b"", etag)

    reading = client.send("POST", "/cache/barograph")
    assert reading.status == 201
    changed = client.get("/cache/barograph", {"If-None-Match": etag})
    assert changed.status == 200
    assert changed.fields["ETag"] != etag
    before, after = first.json()["readings"], changed.json()["readings"]
    assert isinstance(before, list)
    assert isinstance(after, list)
    assert after == [*before[1:], reading.json()["reading"]]
    assert len(after) == 48


# Errors


@pytest.mark.parametrize("target", MISTAKES)
def test_error_page(demo: Demo, client: Client, target: str) -> None:
    status, heading = MISTAKES[target]
    after = len(demo.log())
    answer = client.get(target)
    assert answer.status == status
    assert answer.fields["Content-Type"] == "text/html; charset=UTF-8"
    assert "default-src 'none'" in answer.fields["Content-Security-Policy"]
    assert f"{heading}</h1>" in answer.text
    assert f"<code>GET {target}</code>" in answer.text
    log = demo.wait_for_log(f"{status} GET {target}", after)
    assert ("Traceback" in log) == (status == 500)


def test_error_page_tells_a_reference_and_nothing_else(demo: Demo, client: Client) -> None:
    answer = client.get("/errors/raise")
    found = re.search(r"the reference ([0-9a-f]{8})", answer.text)
    assert found is not None
    log = demo.wait_for_log(f"reference {found[1]}: GET '/errors/raise'")
    assert "KeyError: 'Atlantis'" in log
    assert "Atlantis" not in answer.text
    assert "Traceback" not in answer.text


def test_error_page_escapes_the_target(client: Client) -> None:
    answer = client.get("/%3Cscript%3E?<script>alert(1)</script>")
    assert answer.status == 404
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text


def test_method_that_a_page_does_not_have(client: Client) -> None:
    answer = client.send("POST", "/")
    assert (answer.status, answer.fields["Allow"]) == (405, "GET, HEAD")
    assert "Wrong signal</h1>" in answer.text


# Inspect


def cells(page: str, table: str) -> list[tuple[str, str]]:
    found = re.search(rf'<tbody id="{table}">(.*?)</tbody>', page, re.DOTALL)
    assert found is not None
    return re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', found[1])


def test_inspect(demo: Demo) -> None:
    answer = raw(
        demo,
        b"GET /inspect?b=2&a=%C3%A9&a=%3Ci%3E HTTP/1.1\r\nHost: demo\r\nX-Second: <b>\r\n"
        b"X-First: 1\r\nX-First: 2\r\nX-Long: " + b"y" * 500 + b"\r\nConnection: close\r\n\r\n",
    )
    page = answer.decode()
    line = dict(cells(page, "line"))
    assert line["method"] == "GET"
    assert line["target"] == "/inspect?b=2&amp;a=%C3%A9&amp;a=%3Ci%3E"
    assert line["path"] == "/inspect"
    assert line["version"] == "HTTP/1.1"
    assert line["remote address"] == "127.0.0.1"
    assert cells(page, "arguments") == [("a", "é"), ("a", "&lt;i&gt;"), ("b", "2")]
    assert cells(page, "fields") == [
        ("Host", "demo"),
        ("X-Second", "&lt;b&gt;"),
        ("X-First", "1"),
        ("X-First", "2"),
        ("X-Long", "y" * 400),
        ("Connection", "close"),
    ]


def test_inspect_a_form(client: Client) -> None:
    answer = client.post_form("/inspect?from=form", port="Ålesund")
    assert cells(answer.text, "arguments") == [("from", "form"), ("port", "Ålesund")]
    assert dict(cells(answer.text, "line"))["body"] == "17 bytes"


# Sea chest


def sign_in(client: Client, name: str, **more: str) -> dict[str, str]:
    """Sign in, and return the field that says who it is."""
    answer = client.post_form("/chest/sign-in", name=name, **more)
    assert answer.status == 303
    cookie = answer.fields["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    return {"Cookie": cookie.partition(";")[0]}


def stow(client: Client, sailor: dict[str, str], *files: tuple[str, bytes]) -> Answer:
    parts = [
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\n\r\n%b\r\n'
        % (name.encode(), content)
        for name, content in files
    ]
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    return client.send("POST", "/chest", b"".join([*parts, b"--x--\r\n"]), {**sailor, **kind})


def stowed(client: Client, sailor: dict[str, str]) -> dict[str, str]:
    """Name and address of the files in a chest, the newest first."""
    page = client.get("/chest", sailor).text
    found = re.findall(r'<a href="(/chest/file/[0-9a-f]{16})" download>(.*?)</a>', page)
    return {html.unescape(name): target for target, name in found}


def test_chest(client: Client) -> None:
    assert 'id="sign-in"' in client.get("/chest").text
    sailor = sign_in(client, "Ines <b>")
    assert "Ines &lt;b&gt;" in client.get("/chest", sailor).text
    content = bytes(range(256)) * 4000
    name = "../../Ål <i>;.png"
    answer = stow(client, sailor, ("first.txt", b"hello world"), (name, content))
    assert (answer.status, answer.fields["Location"]) == (303, "/chest#files")
    files = stowed(client, sailor)
    assert list(files) == [name, "first.txt"]
    answer = client.get(files[name], sailor)
    assert answer.body == content
    assert answer.fields["Content-Type"] == "application/octet-stream"
    assert answer.fields["Content-Disposition"] == (
        "attachment; filename*=UTF-8''..%2F..%2F%C3%85l%20%3Ci%3E%3B.png"
    )
    answer = client.get(files["first.txt"], {**sailor, "Range": "bytes=0-4"})
    assert (answer.status, answer.body) == (206, b"hello")
    tag = {"If-None-Match": answer.fields["ETag"]}
    assert client.get(files["first.txt"], {**sailor, **tag}).status == 304
    assert client.send("HEAD", files["first.txt"], None, sailor).status == 200


def test_chest_is_for_its_owner_alone(client: Client) -> None:
    owner, other = sign_in(client, "Owner"), sign_in(client, "Owner")
    stow(client, owner, ("mine.txt", b"mine"))
    target = stowed(client, owner)["mine.txt"]
    assert client.get(target, owner).body == b"mine"
    assert client.get(target, other).status == 404
    assert stowed(client, other) == {}
    answer = client.get(target)
    assert answer.status == 302
    assert answer.fields["Location"] == "/chest?" + urlencode({"next": target})
    key = target.rpartition("/")[2].encode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for fields, status in ((other, 404), ({}, 403), ({**owner, "Origin": "http://evil"}, 403)):
        answer = client.send("POST", "/chest/discard", b"key=" + key, {**form, **fields})
        assert answer.status == status
    assert client.get(target, owner).status == 200
    answer = client.send("POST", "/chest/discard", b"key=" + key, {**form, **owner})
    assert answer.status == 303
    assert client.get(target, owner).status == 404
    assert stowed(client, owner) == {}


def test_chest_believes_only_what_it_signed(client: Client) -> None:
    sailor = sign_in(client, "Honest")
    value = sailor["Cookie"]
    for changed in (value[:-1] + ("0" if value[-1] != "0" else "1"), "sailor=x", "sailor="):
        assert 'id="sign-in"' in client.get("/chest", {"Cookie": changed}).text
    assert stow(client, {}, ("a", b"b")).status == 403
    answer = client.send("POST", "/chest/sign-out", b"", sailor)
    assert (answer.status, answer.fields["Location"]) == (303, "/chest")
    assert answer.fields["Set-Cookie"].startswith('sailor="";')


@pytest.mark.parametrize("name", ["", " ", "x" * 41])
def test_chest_for_nobody(client: Client, name: str) -> None:
    assert client.post_form("/chest/sign-in", name=name).status == 400


def test_signing_in_leads_back(client: Client) -> None:
    for target, location in (("/inspect?x=1", "/inspect?x=1"), ("//evil.example", "/chest")):
        answer = client.post_form("/chest/sign-in", name="x", next=target)
        assert answer.fields["Location"] == location
    page = client.get("/chest?next=%2Finspect").text
    assert '<input type="hidden" name="next" value="/inspect">' in page


def test_chest_is_bounded(client: Client) -> None:
    sailor = sign_in(client, "Collector")
    for number in range(7):
        assert stow(client, sailor, (f"{number}", b"x")).status == 303
    assert list(stowed(client, sailor)) == ["6", "5", "4", "3", "2"]
    assert stow(client, sailor).status == 400
    assert stow(client, sailor, ("", b"")).status == 400
    answer = stow(client, sailor, ("large", bytes(16 * 1024 * 1024 + 1)))
    assert answer.status == 413
    assert "at most 16 MB" in answer.text
    assert "large" not in stowed(client, sailor)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.send("POST", "/chest", b"a=b", {**sailor, **form}).status == 415


def test_files_go_with_the_process(tmp_path: Path) -> None:
    with running_demo(tmp_path / "log", TMPDIR=str(tmp_path)) as demo:
        client = Client(demo.port)
        sailor = sign_in(client, "x")
        stow(client, sailor, ("a", b"b"))
        client.connection.close()
        (folder,) = tmp_path.glob("whirlwind-demo-*")
        assert len([path for path in folder.rglob("*") if path.is_file()]) == 1
        assert demo.stop() == 0
    assert not folder.exists()


# The process


def test_ctrl_c_lets_an_answer_end(tmp_path: Path) -> None:
    with (
        running_demo(tmp_path / "log") as demo,
        socket.create_connection(("127.0.0.1", demo.port), DEADLINE) as sock,
    ):
        sock.sendall(b"GET /stream/rows?pause=20 HTTP/1.1\r\nHost: demo\r\n\r\n")
        answer = sock.recv(65536)
        assert b"Hurricane" not in answer
        demo.process.send_signal(signal.SIGINT)
        while piece := sock.recv(65536):
            answer += piece
        assert len(chunks_of(answer)) == 13
        assert demo.process.wait(DEADLINE) == 0
    assert "Traceback" not in demo.log()


def test_second_ctrl_c_ends_well_too(tmp_path: Path) -> None:
    with (
        running_demo(tmp_path / "log") as demo,
        socket.create_connection(("127.0.0.1", demo.port), DEADLINE) as sock,
    ):
        sock.sendall(b"GET /stream/counter?pause=2000 HTTP/1.1\r\nHost: demo\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
        demo.process.send_signal(signal.SIGINT)
        # Nobody is accepted any more: the first Ctrl-C has been heard.
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", demo.port), DEADLINE).close()
            except OSError:
                break
        assert demo.stop() == 0
    assert "Traceback" not in demo.log()


def test_ctrl_c_cuts_an_answer_that_takes_too_long(tmp_path: Path) -> None:
    with (
        running_demo(tmp_path / "log") as demo,
        socket.create_connection(("127.0.0.1", demo.port), DEADLINE) as sock,
    ):
        sock.sendall(b"GET /stream/counter?pause=2000 HTTP/1.1\r\nHost: demo\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
        status = demo.stop()
    assert status == 0
    assert "Traceback" not in demo.log()


def test_port_that_is_taken(demo: Demo) -> None:
    second = subprocess.run(
        [sys.executable, str(APP), "--port", str(demo.port)],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert second.returncode == 1
    assert second.stderr.startswith(f"Cannot listen on 127.0.0.1 port {demo.port}: ")
    assert "--port" in second.stderr


# The radio


class Radio:
    """A station on the channel, and the words it hears."""

    def __init__(self, demo: Demo, name: str, key: str, after: int = 0) -> None:
        self.sock = socket.create_connection(("127.0.0.1", demo.port), DEADLINE)
        self.sock.sendall(upgrade("/radio/channel", {"Host": f"127.0.0.1:{demo.port}"}))
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.sock.recv(65536)
        assert head.startswith(b"HTTP/1.1 101 ")
        self.reader = FrameReader()
        self.frames = self.reader.feed(head.partition(b"\r\n\r\n")[2])
        self.send({"type": "hello", "name": name, "key": key, "after": after})

    def send(self, word: object) -> None:
        self.sock.sendall(frame(TEXT, json.dumps(word).encode()))

    def hear(self, what: str) -> dict[str, Any]:
        """The next word with this in it; others are passed over."""
        while True:
            while not self.frames:
                data = self.sock.recv(65536)
                assert data, "the line is cut"
                self.frames = self.reader.feed(data)
            one = self.frames.pop(0)
            assert one.opcode == TEXT, one
            word: dict[str, Any] = json.loads(one.payload)
            if what in word:
                return word

    def closed_with(self) -> int | None:
        """The code of the close frame; what comes before is passed over."""
        while True:
            for one in self.frames:
                if one.opcode == 8:
                    return one.code
            self.frames = self.reader.feed(self.sock.recv(65536))

    def close(self) -> None:
        self.sock.close()


def test_radio(tmp_path: Path) -> None:
    with running_demo(tmp_path / "log") as demo:
        first = Radio(demo, "  Fram   7 ", "key-of-fram")
        assert first.hear("welcome")["welcome"] == "Fram 7"
        assert first.hear("present")["present"] == ["Fram 7"]
        second = Radio(demo, "<b>Vega</b>", "key-of-vega")
        lines = second.hear("welcome")["lines"]
        assert [(line["kind"], line["name"]) for line in lines] == [("enter", "Fram 7")]
        assert second.hear("present")["present"] == ["<b>Vega</b>", "Fram 7"]
        second.send({"type": "say", "text": "  anybody   there? "})
        heard = first.hear("lines")["lines"][0]
        while heard["kind"] != "call":
            heard = first.hear("lines")["lines"][0]
        assert (heard["name"], heard["text"]) == ("<b>Vega</b>", "anybody there?")
        # Away, and back: the key tells that it is the same station, and nothing is missed.
        first.close()
        second.send({"type": "say", "text": "Fram?"})
        first = Radio(demo, "Fram 7", "key-of-fram", heard["number"])
        lines = first.hear("welcome")["lines"]
        assert [(line["kind"], line["text"]) for line in lines] == [("call", "Fram?")]
        assert first.hear("present")["present"] == ["<b>Vega</b>", "Fram 7"]
        first.send({"type": "hello", "name": "Fram 8", "key": "key-of-fram", "after": 10**6})
        assert first.hear("welcome")["welcome"] == "Fram 8"
        assert first.hear("present")["present"] == ["<b>Vega</b>", "Fram 8"]
        # The same station from elsewhere takes the place of the line before.
        third = Radio(demo, "Fram 8", "key-of-fram")
        third.hear("welcome")
        assert first.closed_with() == 4001
        for i in range(8):
            third.send({"type": "say", "text": f"call {i}"})
        assert third.hear("refused")["text"] == "call 6"
        third.send({"type": "check", "id": 5})
        assert third.hear("check")["check"] == 5
        for station in (first, second, third):
            station.close()
        assert "Traceback" not in demo.log()


NONSENSE = """
no JSON
[]
{}
{"type": "say"}
{"type": "hello"}
{"type": "check"}
{"type": "hello", "name": " ", "key": "12345678", "after": 0}
{"type": "hello", "name": "x", "key": "short", "after": 0}
{"type": "hello", "name": "x", "key": "12345678", "after": "x"}
"""


@pytest.mark.parametrize("word", NONSENSE.strip().splitlines())
def test_radio_that_makes_no_sense(demo: Demo, word: str) -> None:
    station = Radio(demo, "Nobody", "key-of-nobody")
    station.hear("welcome")
    station.sock.sendall(frame(TEXT, word.encode()))
    assert station.closed_with() == 1003
    station.close()


def test_radio_of_other_sites(client: Client, demo: Demo) -> None:
    fields = {"Host": f"127.0.0.1:{demo.port}", "Origin": "http://evil.example"}
    with socket.create_connection(("127.0.0.1", demo.port), DEADLINE) as sock:
        sock.sendall(upgrade("/radio/channel", dict(fields)))
        assert sock.recv(65536).startswith(b"HTTP/1.1 403 ")
    assert client.get("/radio/channel").status == 400


def test_ctrl_c_tells_the_radio(tmp_path: Path) -> None:
    with running_demo(tmp_path / "log") as demo:
        station = Radio(demo, "Hero", "key-of-hero")
        station.hear("present")
        demo.process.send_signal(signal.SIGINT)
        assert station.closed_with() == 1001
        station.sock.sendall(close(1001))
        assert demo.process.wait(DEADLINE) == 0
        station.close()
    assert "Traceback" not in demo.log()
