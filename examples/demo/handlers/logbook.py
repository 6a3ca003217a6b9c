"""A form, and the book that it writes in."""

from __future__ import annotations

import time

from .base import PageHandler
from .beaufort import SCALE
from .station import LOGBOOK_SIZE, Entry

MAX_NAME = 40
MAX_NOTE = 400


class LogbookHandler(PageHandler):
    """GET shows the book, POST adds a line and sends the browser back."""

    section = "logbook"

    def get(self) -> None:
        self.show_book()

    def post(self) -> None:
        name = self.get_body_argument("name", "")
        note = self.get_body_argument("note", "")
        force = self.get_body_argument("force", "")
        _ = self.locale.translate
        problem = ""
        if not note:
            problem = _("Write a line first: the note is empty.")
        elif len(note) > MAX_NOTE or len(name) > MAX_NAME:
            limits = (MAX_NAME, MAX_NOTE)
            problem = _("A name has at most %d characters and a note %d.") % limits
        elif force not in {str(step.force) for step in SCALE}:
            problem = _("Choose a wind from the list.")
        if problem:
            self.set_status(400)
            self.show_book(problem, name, note, force)
            return
        entry = Entry(name or _("A passing ship"), int(force), note, time.time())
        self.station.logbook.append(entry)  # a deque with a length: the oldest line leaves
        self.redirect(self.reverse_url("logbook") + "#book", status=303)

    def show_book(
        self, problem: str = "", name: str = "", note: str = "", force: str = "4"
    ) -> None:
        """Answer with the page; with a problem, the form keeps what the visitor wrote."""
        self.render(
            "logbook.html",
            title="Not written down" if problem else "Logbook",
            problem=problem,
            name=name,
            note=note,
            force=force,
            scale=SCALE,
            entries=reversed(self.station.logbook),
            size=LOGBOOK_SIZE,
            max_name=MAX_NAME,
            max_note=MAX_NOTE,
        )

    head = get


LogbookHandler.shown = (LogbookHandler,)
