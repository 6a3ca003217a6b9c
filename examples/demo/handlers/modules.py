"""UI modules: the parts that several pages are made of."""

from __future__ import annotations

from collections.abc import Sequence

from whirlwind import web

from .assets import asset_url
from .beaufort import barb
from .source import source_of

# Route name, label, and the force its barb is drawn with.
CONTENTS = (
    ("home", "Overview", 0),
    ("api", "JSON API", 2),
    ("logbook", "Logbook", 3),
    ("upload", "Upload", 4),
    ("chest", "Sea chest", 5),
    ("stream", "Stream", 6),
    ("radio", "Radio", 7),
    ("cache", "Cache", 8),
    ("errors", "Errors", 10),
    ("inspect", "Inspect", 12),
)


class Barb(web.UIModule):
    """A wind barb; the page holds the symbols it refers to."""

    def render(self, force: int) -> str:  # type: ignore[override]
        return barb(force)


class Navigation(web.UIModule):
    """Links to all pages."""

    def render(self, section: str) -> bytes:  # type: ignore[override]
        return self.render_string("navigation.html", section=section, contents=CONTENTS)


class Table(web.UIModule):
    """Rows of names and values."""

    def render(self, rows: Sequence[tuple[str, str]], empty: str = "") -> bytes:  # type: ignore[override]
        return self.render_string("table.html", rows=rows, empty=empty)


class Python(web.UIModule):
    """The source of some classes, behind a line to open it."""

    def render(self, *classes: type) -> bytes:  # type: ignore[override]
        return self.render_string("source.html", source=source_of(*classes))


class Script(web.UIModule):
    """Nothing to see, but the page loads a script for what stands above."""

    def __init__(self, handler: web.RequestHandler) -> None:
        super().__init__(handler)
        self.names: list[str] = []

    def render(self, name: str) -> str:  # type: ignore[override]
        self.names.append(name)
        return ""

    def javascript_files(self) -> list[str]:
        return [asset_url(name) for name in self.names]


UI_MODULES = {module.__name__: module for module in (Barb, Navigation, Table, Python, Script)}
