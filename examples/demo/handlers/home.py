"""The landing page."""

from __future__ import annotations

from .base import PageHandler

#: What there is to see, by the route's name.
TOUR = {
    "api": "Edit a request, send it, read the whole answer, mistakes included.",
    "logbook": "A plain form post, checked on the server. Sign it.",
    "upload": "A file, hashed while it travels and held nowhere.",
    "chest": "Sign in, and files are kept for you, and for nobody else.",
    "stream": "One answer, thirteen rows, each on screen when it is flushed.",
    "radio": "A room to talk in, over WebSocket. Leave and come back: nothing is missed.",
    "cache": "An ETag, and the 304 that spares the wire.",
    "errors": "Five ways to run aground, with a page for each.",
    "inspect": "Your own request, as the server read it.",
}


class HomeHandler(PageHandler):
    """The overview, with a measurement that the visitor starts."""

    section = "home"

    def get(self) -> None:
        self.render("home.html", tour=TOUR)

    head = get
