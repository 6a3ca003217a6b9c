"""An answer with an ETag, and the 304 that saves sending it again."""

from __future__ import annotations

from .api import ApiHandler
from .base import PageHandler


class BarographHandler(ApiHandler):
    """The pressure of the last hours. Whirlwind adds the ETag, and turns a match into a 304."""

    def get(self) -> None:
        self.set_header("Cache-Control", "no-cache")
        self.write({"unit": "hPa", "readings": list(self.station.readings)})

    def post(self) -> None:
        self.set_status(201)
        self.write({"unit": "hPa", "reading": self.station.read_glass()})


class CachePageHandler(PageHandler):
    """Ask, ask again, change it, ask once more."""

    section = "cache"
    shown = (BarographHandler,)

    def get(self) -> None:
        self.render("cache.html")

    head = get
