"""Pages that fail on purpose, and the page for addresses that do not exist."""

from __future__ import annotations

from whirlwind import web

from .base import PageHandler


class NotFoundHandler(PageHandler):
    """Every address that no route matches."""

    def prepare(self) -> None:
        raise web.HTTPError(404)


class FailureHandler(PageHandler):
    """Three ways to fail; each one gets the page that ``write_error`` makes."""

    section = "errors"

    def get(self, kind: str) -> None:
        if kind == "argument":
            self.get_query_argument("course")
        elif kind == "forbidden":
            raise web.HTTPError(403)
        harbours = {"Bergen": 60.4, "Brest": 48.4}
        self.write(f"Atlantis lies at {harbours['Atlantis']} degrees north.")


class ErrorsPageHandler(PageHandler):
    """Links to all of them."""

    section = "errors"
    shown = (FailureHandler,)

    def get(self) -> None:
        self.render("errors.html")

    head = get
