"""The landing page."""

from __future__ import annotations

from .base import PageHandler


class HomeHandler(PageHandler):
    """The overview, with a measurement that the visitor starts."""

    section = "home"

    def get(self) -> None:
        self.write(self.page("home", "Overview", "home.js"))

    head = get
