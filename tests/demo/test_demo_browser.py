"""The demo in a real browser: every page, by hand and eye of headless Chromium."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.demo.conftest import Demo
from tests.demo.webdriver import INSTALL, Browser, missing

pytestmark = pytest.mark.skipif(
    bool(missing()), reason=f"{missing()} not found; install with: {INSTALL}"
)

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
WIDTHS = {"wide": 1280, "tablet": 820, "phone": 360}


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(tmp_path_factory.mktemp("profile"))
    yield made
    made.close()


class Visitor:
    """The browser at the demo, with an account of what went wrong on the way."""

    def __init__(self, browser: Browser, demo: Demo) -> None:
        self.browser = browser
        self.demo = demo
        #: Path and status of the failures that a test provokes.
        self.expected: list[tuple[str, int]] = []

    def go(self, path: str) -> None:
        self.browser.go(self.demo.url + path)

    def expect(self, path: str, status: int) -> None:
        self.expected.append((path, status))

    def check(self) -> None:
        """No request failed, none went elsewhere, and the console is silent: but as expected."""
        failed, elsewhere, stopped = [], [], []
        sent = set()
        for name, event in self.browser.traffic():
            if name == "Network.requestWillBeSent":
                url = event["request"]["url"]
                # The page that the window was opened with may still be loading its parts.
                if not event["documentURL"].startswith("chrome:"):
                    sent.add(event["requestId"])
                    if not url.startswith((self.demo.url + "/", "data:", "about:")):
                        elsewhere.append(url)
            elif event.get("requestId") not in sent:
                pass
            elif name == "Network.responseReceived" and event["response"]["status"] >= 400:
                response = event["response"]
                failed.append((urlsplit(response["url"]).path, response["status"]))
            elif name == "Network.loadingFailed" and not event.get("canceled"):
                stopped.append(event["errorText"])
        # A test may leave the radio's page before its line is open.
        early = "WebSocket is closed before the connection is established"
        complaints = [c for c in self.browser.complaints() if early not in c]
        for path, status in self.expected:
            # Chromium puts a line on the console for every answer that says 4xx or 5xx.
            line = f"the server responded with a status of {status} "
            found = [c for c in complaints if line in c and path in c]
            assert found, (path, status, complaints)
            complaints.remove(found[0])
        assert complaints == []
        assert sorted(failed) == sorted(self.expected)
        assert elsewhere == []
        assert stopped == []


@pytest.fixture
def visitor(window: Browser, demo: Demo) -> Iterator[Visitor]:
    window.traffic()
    window.complaints()
    made = Visitor(window, demo)
    yield made
    made.check()
    window.devtools("Emulation.clearDeviceMetricsOverride")
    window.devtools("Emulation.setEmulatedMedia", features=[])
    window.run("localStorage.clear()")


def dress(browser: Browser, width: str, scheme: str) -> None:
    browser.devtools(
        "Emulation.setDeviceMetricsOverride",
        width=WIDTHS[width],
        height=800,
        deviceScaleFactor=1,
        mobile=width == "phone",
    )
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.devtools("Emulation.setEmulatedMedia", features=features)


# Every page

# Contrast as WCAG 2.2 defines it (1.4.3), of each text that is shown with what lies behind it.
FAINT_TEXTS = """
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
function rgba(colour) {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  return canvas.getImageData(0, 0, 1, 1).data;
}
function luminance(colour) {
  const [r, g, b] = Array.from(colour.slice(0, 3), (v) => {
    v /= 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function behind(element) {
  for (let at = element; at; at = at.parentElement) {
    const colour = rgba(getComputedStyle(at).backgroundColor);
    if (colour[3] === 255) return colour;
  }
  return rgba("white");
}
const faint = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
  if (element.closest("noscript, :disabled")) continue;
  const lights = [luminance(rgba(getComputedStyle(element).color)), luminance(behind(element))];
  const ratio = (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
  if (ratio < 4.5) faint.push(`${walker.currentNode.data.trim()} ${ratio.toFixed(2)}`);
}
return faint;
"""

NAMELESS_CONTROLS = """
const kinds = "a, button, input:not([type=hidden]), select, textarea, progress, output, summary";
return Array.from(document.querySelectorAll(kinds)).filter((c) => {
  const labels = Array.from(c.labels ?? [], (label) => label.textContent).join("");
  return !(labels + c.textContent + (c.getAttribute("aria-labelledby") ?? "")).trim();
}).map((c) => c.outerHTML);
"""

DUPLICATE_IDS = """
const ids = Array.from(document.querySelectorAll("[id]"), (element) => element.id);
return ids.filter((id, i) => ids.indexOf(id) !== i);
"""

BROKEN_REFERENCES = """
const broken = [];
for (const name of ["for", "aria-labelledby", "href"]) {
  for (const element of document.querySelectorAll(`[${name}]`)) {
    const value = element.getAttribute(name);
    const id = name === "href" ? value.match(/^#(.+)/)?.[1] : value;
    if (id && !document.getElementById(id)) broken.push(`${name}=${value}`);
  }
}
return broken;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", PAGES)
def test_page(visitor: Visitor, page: str, width: str, scheme: str) -> None:
    browser = visitor.browser
    dress(browser, width, scheme)
    visitor.go(page)
    assert browser.run("return document.compatMode") == "CSS1Compat"
    assert browser.run("return document.documentElement.scrollWidth") <= WIDTHS[width]
    browser.run("for (const details of document.querySelectorAll('details')) details.open = true")
    assert browser.run(FAINT_TEXTS) == []
    background = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (min(map(int, background[4:-1].split(","))) > 128) == (scheme == "light")


@pytest.mark.parametrize("page", PAGES)
def test_page_can_be_used_without_seeing_it(visitor: Visitor, page: str) -> None:
    browser = visitor.browser
    visitor.go(page)
    assert browser.run(NAMELESS_CONTROLS) == []
    assert browser.run(DUPLICATE_IDS) == []
    assert browser.run(BROKEN_REFERENCES) == []
    assert browser.run("return document.documentElement.lang") == "en"
    levels = browser.run(
        "return Array.from(document.querySelectorAll('main :is(h1, h2, h3)'), (h) => +h.tagName[1])"
    )
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_the_first_tab_leads_past_the_navigation(visitor: Visitor) -> None:
    visitor.go("/logbook")
    tab, enter = "\ue004", "\ue007"
    visitor.browser.type("body", tab)
    assert visitor.browser.run("return document.activeElement.className") == "skip"
    visitor.browser.type(".skip", enter)
    assert visitor.browser.wait("return document.activeElement.id") == "main"


def test_the_tour_through_the_navigation(visitor: Visitor) -> None:
    visitor.go("/")
    for page in [*PAGES[1:], "/"]:
        visitor.browser.click(f'nav a[href="{page}"]')
        visitor.browser.wait("return location.pathname === arguments[0]", page)
        current = visitor.browser.run(
            "return document.querySelector('[aria-current=page]').getAttribute('href')"
        )
        assert current == page


def test_theme_is_chosen_and_remembered(visitor: Visitor) -> None:
    browser = visitor.browser
    dress(browser, "wide", "light")
    visitor.go("/")
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = browser.run(ground)
    browser.click(".theme label:has([value=dark])")
    dark = browser.run(ground)
    assert dark != light
    visitor.go("/stream")
    assert browser.run(ground) == dark
    assert browser.run("return document.querySelector('.theme :checked').value") == "dark"
    browser.click(".theme label:has([value=auto])")
    assert browser.run(ground) == light


def test_language_is_chosen_and_remembered(visitor: Visitor) -> None:
    browser = visitor.browser
    dress(browser, "wide", "light")
    visitor.go("/logbook?from=here")
    browser.click(".language [value=de]")
    browser.wait("return document.documentElement.lang === 'de'")
    assert browser.run("return location.pathname + location.search") == "/logbook?from=here"
    assert browser.text("h1") == "Logbuch"
    assert browser.text(".entry-head time").startswith("vor ")
    assert browser.text(".language [aria-current]") == "Deutsch"
    try:
        # What scripts write is German as well, and so is what the server streams.
        visitor.go("/stream")
        browser.click("label:has([name=pause][value='0'])")
        browser.click("#rows-start")
        browser.wait_for_text("#rows-status", "Vollständig: ")
        # Not the text as it is shown: on a busy machine that may be a frame late.
        browser.wait_for_text("#rows", "Windstille")
        browser.wait_for_text("#rows", "Orkan")
        for page in PAGES:
            for width in ("phone", "tablet"):
                dress(browser, width, "dark")
                visitor.go(page)
                assert browser.run("return document.documentElement.lang") == "de"
                wide = browser.run("return document.documentElement.scrollWidth")
                assert wide <= WIDTHS[width], (page, width)
            assert browser.run(FAINT_TEXTS) == []
    finally:
        browser.click(".language [value=en_US]")
        browser.wait("return document.documentElement.lang === 'en'")


# What the pages do


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_gust(visitor: Visitor, motion: str) -> None:
    browser = visitor.browser
    features = [{"name": "prefers-reduced-motion", "value": motion}]
    browser.devtools("Emulation.setEmulatedMedia", features=features)
    visitor.go("/")
    browser.wait("return +document.getElementById('answered').textContent > 0")
    browser.click("#gust")
    browser.wait_for_text("#gust-note", "300 answers in")
    assert browser.text("#gust-median").endswith(" ms")
    assert browser.text("#gust-server").endswith(" ms")
    assert "NaN" not in browser.text("#gust-server")
    assert int(browser.text("#gust-rate").replace(",", "")) > 0
    points = "return document.querySelector('#trace path').getAttribute('d').split('L').length"
    assert browser.run(points) == 300
    painted = browser.run(
        "const c = document.getElementById('wind');"
        "const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);"
        "return data.some((value) => value > 0)"
    )
    assert painted is True
    assert browser.run("return document.getElementById('gust').disabled") is False


def test_every_preset_of_the_api(visitor: Visitor) -> None:
    browser = visitor.browser
    visitor.go("/api")
    browser.wait_for_text("#status", "200 OK")
    outcomes = {
        "a gale in knots": ("200 OK", '"Gale"'),
        "force 8": ("200 OK", '"Gale"'),
        "the whole scale": ("200 OK", '"Hurricane"'),
        "a mean": ("200 OK", '"gust": 21'),
        "status": ("200 OK", '"answered"'),
        "no argument": ("400 Bad Request", "“knots” is missing"),
        "off the scale": ("404 Not Found", "The scale ends at 12"),
        "not JSON": ("400 Bad Request", "The body is not JSON"),
        "wrong method": ("405 Method Not Allowed", "answers GET"),
    }
    names = browser.run(
        "return Array.from(document.querySelectorAll('.presets button'), (b) => b.textContent)"
    )
    assert names == list(outcomes)
    for place, (status, part) in enumerate(outcomes.values()):
        browser.run("document.getElementById('status').textContent = ''")
        browser.run("document.querySelectorAll('.presets button')[arguments[0]].click()", place)
        browser.wait_for_text("#status", status)
        browser.wait_for_text("#answer", part)
        browser.wait_for_text("#fields", "content-type")
    visitor.expect("/api/wind", 400)
    visitor.expect("/api/beaufort/13", 404)
    visitor.expect("/api/mean", 400)
    visitor.expect("/api/wind", 405)


def test_request_of_ones_own(visitor: Visitor) -> None:
    browser = visitor.browser
    visitor.go("/api")
    browser.wait_for_text("#status", "200 OK")
    browser.clear("#target")
    browser.type("#target", "/api/wind?knots=64")
    assert browser.text("#curl") == f"curl -i '{visitor.demo.url}/api/wind?knots=64'"
    browser.click("#request button[type=submit]")
    browser.wait_for_text("#answer", '"Hurricane"')


def test_logbook(visitor: Visitor) -> None:
    browser = visitor.browser
    visitor.go("/logbook")
    browser.type("#name", "Chromium <b>")
    browser.type("#note", "First line\nsecond & <i>last</i>")
    browser.run("document.getElementById('force').value = '11'")
    browser.click("form.panel button")
    browser.wait("return location.hash === '#book'")
    assert browser.text(".entry-note") == "First line\nsecond & <i>last</i>"
    head = browser.text(".entry-head")
    assert "Chromium <b>" in head
    assert "Violent storm" in head
    assert browser.run("return document.querySelector('#note').value") == ""


def test_logbook_refuses_an_empty_note_and_keeps_the_name(visitor: Visitor) -> None:
    browser = visitor.browser
    visitor.go("/logbook")
    browser.type("#name", "Forgetful")
    browser.click("form.panel button")
    browser.wait_for_text("[role=alert]", "the note is empty")
    assert browser.run("return document.querySelector('#name').value") == "Forgetful"
    assert browser.run("return document.querySelector('#note').ariaInvalid") == "true"
    visitor.expect("/logbook", 400)


WATCH_PROGRESS = """
window.seen = [];
const bar = document.getElementById("progress");
new MutationObserver(() => seen.push(bar.value)).observe(bar, { attributes: true });
"""


def test_upload(visitor: Visitor, tmp_path: Path) -> None:
    browser = visitor.browser
    content = os.urandom(30_000_000)
    (tmp_path / "chart.bin").write_bytes(content)
    visitor.go("/upload")
    browser.type("#file", str(tmp_path / "chart.bin"))
    browser.wait_for_text("#progress-label", "chart.bin, 30.0 MB")
    browser.click(".choices label:has([value='12'])")
    browser.run(WATCH_PROGRESS)
    browser.click("#send")
    browser.wait_for_text("#verdict", "the two hashes agree")
    assert browser.text("#got-bytes") == "30,000,000"
    assert browser.text("#hash-server") == hashlib.sha256(content).hexdigest()
    seen = browser.run("return seen")
    assert seen == sorted(seen)
    assert any(0 < value < 1 for value in seen)
    assert seen[-1] == 1
    assert browser.run("return document.getElementById('cancel').disabled") is True


def test_upload_that_is_stopped(visitor: Visitor) -> None:
    browser = visitor.browser
    after = len(visitor.demo.log())
    visitor.go("/upload")
    browser.click("#sample")
    browser.wait("return !document.getElementById('send').disabled")
    browser.click("#send")
    browser.wait("return document.getElementById('progress').value > 0")
    browser.click("#cancel")
    browser.wait_for_text("#progress-text", "Not sent: stopped.")
    visitor.demo.wait_for_log("the sender left after", after)
    assert browser.run("return document.getElementById('receipt').hidden") is True


def test_chest(visitor: Visitor, tmp_path: Path) -> None:
    browser = visitor.browser
    for name, size in (("chart <1>.bin", 3_000_000), ("note.txt", 11)):
        (tmp_path / name).write_bytes(os.urandom(size))
    visitor.go("/chest")
    browser.type("#sailor", "Ines <b>")
    browser.click("#sign-in button")
    browser.wait("return document.querySelector('#sign-out') !== null")
    assert browser.text("#sailor") == "Ines <b>"
    assert "smell of tar" in browser.text("#empty")
    try:
        paths = "\n".join(str(path) for path in sorted(tmp_path.iterdir()))
        browser.type("#files-to-keep", paths)
        browser.click("#stow button")
        browser.wait("return location.hash === '#files'")
        names = "return Array.from(document.querySelectorAll('.stowed a'), (a) => a.textContent)"
        assert browser.run(names) == ["note.txt", "chart <1>.bin"]
        assert "3,000,000 bytes" in browser.text(".stowed li:last-child .entry-head")
        for width in WIDTHS:
            for scheme in ("light", "dark"):
                dress(browser, width, scheme)
                assert browser.run(FAINT_TEXTS) == []
                wide = browser.run("return document.documentElement.scrollWidth")
                assert wide <= WIDTHS[width], width
        assert browser.run(NAMELESS_CONTROLS) == []
        dress(browser, "wide", "light")
        # The browser's own cookie brings the file, and the script's fetch gets all of it.
        size = browser.run(
            "return fetch(document.querySelector('.stowed li:last-child a').href)"
            ".then((answer) => answer.arrayBuffer()).then((content) => content.byteLength)"
        )
        assert size == 3_000_000
        browser.click(".language [value=de]")
        browser.wait("return document.documentElement.lang === 'de'")
        assert browser.text("#files-title") == "In Ihrer Kiste"
        browser.click(".stowed li:first-child button")
        browser.wait("return document.querySelectorAll('.stowed li').length === 1")
        assert browser.text(".stowed a") == "chart <1>.bin"
    finally:
        browser.click(".language [value=en_US]")
        browser.wait("return document.documentElement.lang === 'en'")
        browser.click("#sign-out")
        browser.wait("return document.querySelector('#sign-in') !== null")


def test_rows_are_shown_while_they_come(visitor: Visitor) -> None:
    browser = visitor.browser
    visitor.go("/stream")
    browser.run(
        """
        window.states = [];
        const rows = document.getElementById("rows");
        const status = document.getElementById("rows-status");
        new MutationObserver(() => states.push([rows.rows.length, status.textContent]))
          .observe(status, { childList: true });
        """
    )
    browser.click(".choices label:has([value='120'])")
    browser.click("#rows-start")
    browser.wait_for_text("#rows-status", "Complete: ")
    states = browser.run("return states")
    # On a busy machine the browser may find two rows at once.
    pieces = [count for count, text in states if text.startswith("Piece")]
    assert pieces == sorted(set(pieces))
    assert len(pieces) > 3
    assert pieces[0] < 13
    assert pieces[-1] == 13
    assert browser.run("return document.getElementById('rows').rows.length") == 13
    assert browser.text("#rows tr:last-child td:nth-child(2)") == "Hurricane"
    assert browser.run("return document.querySelectorAll('#tape line').length") == len(pieces)


def test_rows_without_a_pause(visitor: Visitor) -> None:
    browser = visitor.browser
    visitor.go("/stream")
    browser.click(".choices label:has([value='0'])")
    browser.click("#rows-start")
    browser.wait_for_text("#rows-status", "Complete: ")
    assert browser.run("return document.getElementById('rows').rows.length") == 13


def test_counter_that_is_stopped(visitor: Visitor) -> None:
    browser = visitor.browser
    after = len(visitor.demo.log())
    visitor.go("/stream")
    browser.click("#counter-start")
    browser.wait("return +document.getElementById('count').textContent >= 2")
    browser.click("#counter-stop")
    browser.wait_for_text("#counter-status", "Stopped after")
    assert int(browser.text("#count")) < 20
    visitor.demo.wait_for_log("the reader of the counter left early", after)


def test_cache(visitor: Visitor) -> None:
    browser = visitor.browser
    lines = "return document.getElementById('ledger').rows.length === arguments[0]"
    visitor.go("/cache")
    browser.wait(lines, 1)
    browser.click("#ask")
    browser.wait(lines, 2)
    browser.click("#change")
    browser.wait(lines, 3)
    browser.click("#ask")
    browser.wait(lines, 4)
    ledger = browser.run(
        "return Array.from(document.getElementById('ledger').rows,"
        " (row) => Array.from(row.cells, (cell) => cell.textContent))"
    )
    newest_first = [row[2] for row in ledger]
    assert newest_first == ["304 Not Modified", "200 OK", "304 Not Modified", "200 OK"]
    tags = [row[1] for row in ledger]
    assert tags[3] == "(none)"
    assert tags[1] == tags[2] != tags[0]
    assert all(row[3].startswith("0 B") == (row[2][:3] == "304") for row in ledger)
    assert browser.text("#graph-now").endswith(" hPa")


@pytest.mark.parametrize(
    ("place", "status", "path", "heading"),
    [
        (1, 400, "/errors/argument", "The message does not parse"),
        (2, 403, "/errors/forbidden", "Restricted waters"),
        (3, 404, "/here/be/dragons", "Uncharted"),
        (4, 405, "/", "Wrong signal"),
        (5, 500, "/errors/raise", "Man overboard"),
    ],
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_error(
    visitor: Visitor, place: int, status: int, path: str, heading: str, scheme: str
) -> None:
    browser = visitor.browser
    dress(browser, "phone", scheme)
    visitor.go("/errors")
    browser.click(f".aground li:nth-child({place}) :is(a, button)")
    browser.wait("return document.title.startsWith(arguments[0])", f"{status} {heading}")
    visitor.expect(path, status)
    assert browser.text(".wreck-code") == str(status)
    assert browser.run(FAINT_TEXTS) == []
    assert browser.run("return document.documentElement.scrollWidth") <= WIDTHS["phone"]
    browser.click(".wreck .button")
    browser.wait("return location.pathname === '/errors'")


def test_inspect(visitor: Visitor) -> None:
    browser = visitor.browser
    visitor.go("/inspect")
    assert "no arguments" in browser.text("#arguments")
    browser.click("form[method=get] button")
    browser.wait_for_text("#line", "/inspect?port=Saint-Malo+%26+beyond")
    assert "Saint-Malo & beyond" in browser.text("#arguments")
    browser.click("main form[method=post] button")
    browser.wait_for_text("#line", "POST")
    assert "Ålesund" in browser.text("#arguments")
    assert "application/x-www-form-urlencoded" in browser.text("#fields")


# The radio


@pytest.fixture
def second_window(tmp_path: Path) -> Iterator[Browser]:
    made = Browser(tmp_path)
    yield made
    made.close()


NO_NETWORK = """
window.RealWebSocket = WebSocket;
WebSocket = class extends EventTarget {
  constructor() {
    super();
    setTimeout(() => this.dispatchEvent(new CloseEvent("close", { code: 1006 })), 20);
  }
};
"""


def on_the_air(browser: Browser) -> None:
    browser.wait("return document.querySelector('#signal').dataset.state === 'on'")


def call(browser: Browser, text: str) -> None:
    browser.type("#text", text)
    browser.click("#send")


def test_radio(visitor: Visitor, second_window: Browser) -> None:
    one, other = visitor.browser, second_window
    visitor.go("/radio")
    other.go(visitor.demo.url + "/radio")
    for browser in (one, other):
        on_the_air(browser)
        browser.wait_for_text("#watch-count", "2")
    name = one.run("return document.querySelector('#name').value")
    call(one, "Is anybody <i>there</i>?")
    other.wait_for_text("#calls", "Is anybody <i>there</i>?")
    assert name in other.text("#calls")
    assert one.run("return document.querySelector('#calls .own strong').textContent") == name
    assert one.text("#stations em") == "you"
    # A name is changed, and everybody learns of it.
    one.clear("#name")
    one.type("#name", "Terra Nova\ue004")
    other.wait_for_text("#calls", f"{name} is Terra Nova now.")
    other.wait_for_text("#stations", "Terra Nova")
    # Cut off, one misses a call; back again, it has not.
    one.run(NO_NETWORK)
    one.click("#cut")
    one.wait_for_text("#signal-text", "Lost the signal.")
    assert one.run("return document.querySelector('#send').disabled")
    call(other, "You have missed this.")
    other.wait_for_text("#calls", "You have missed this.")
    assert "You have missed this." not in one.text("#calls")
    one.run("WebSocket = window.RealWebSocket")
    one.run("document.querySelector('#retry').click()")
    one.wait_for_text("#calls", "You have missed this.")
    on_the_air(one)
    assert one.text("#calls").count("You have missed this.") == 1
    # Nobody was told that it was away: it was not for long.
    assert "Terra Nova goes off the air" not in other.text("#calls")
    one.wait_for_text("#watch-count", "2")


def test_radio_asks_a_silent_line(visitor: Visitor) -> None:
    browser = visitor.browser
    visitor.go("/radio")
    on_the_air(browser)
    # What a laptop that wakes up has: a line that looks open and carries nothing.
    browser.run("WebSocket.prototype.send = function () { window.asked = true; }")
    browser.run("dispatchEvent(new Event('online'))")
    assert browser.run("return window.asked")
    browser.wait_for_text("#signal-text", "Lost the signal.")
    browser.run("location.reload()")
    on_the_air(browser)


def test_radio_that_is_too_fast(visitor: Visitor) -> None:
    browser = visitor.browser
    visitor.go("/radio")
    on_the_air(browser)
    browser.run(
        "for (let i = 0; i < 8; i += 1) {"
        " document.querySelector('#text').value = `call ${i}`;"
        " document.querySelector('#caller').requestSubmit(); }"
    )
    browser.wait_for_text("#refusal", "too fast for the channel")
    assert browser.run("return document.querySelector('#text').value") == "call 6"
