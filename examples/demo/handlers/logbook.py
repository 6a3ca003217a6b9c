"""A form, and the book that it writes in."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from .base import PageHandler
from .beaufort import SCALE, barb
from .pages import Html, fill
from .station import LOGBOOK_SIZE, Entry

MAX_NAME = 40
MAX_NOTE = 400


class LogbookHandler(PageHandler):
    """GET shows the book, POST adds a line and sends the browser back."""

    section = "logbook"

    def get(self) -> None:
        self.write(self.book())

    def post(self) -> None:
        name = self.get_body_argument("name", "")
        note = self.get_body_argument("note", "")
        force = self.get_body_argument("force", "")
        problem = ""
        if not note:
            problem = "Write a line first: the note is empty."
        elif len(note) > MAX_NOTE or len(name) > MAX_NAME:
            problem = f"A name has at most {MAX_NAME} characters and a note {MAX_NOTE}."
        elif force not in {str(step.force) for step in SCALE}:
            problem = "Choose a wind from the list."
        if problem:
            self.set_status(400)
            self.write(self.book(problem, name, note, force))
            return
        entry = Entry(name or "A passing ship", int(force), note, time.time())
        self.station.logbook.append(entry)  # a deque with a length: the oldest line leaves
        self.redirect(self.reverse_url("logbook") + "#book", status=303)

    def book(self, problem: str = "", name: str = "", note: str = "", force: str = "4") -> Html:
        """The page; with a problem, the form keeps what the visitor wrote."""
        entries = [
            fill(
                "logbook_entry",
                barb=barb(entry.force),
                wind=SCALE[entry.force].name,
                name=entry.name,
                note=entry.note,
                time=datetime.fromtimestamp(entry.written, UTC).isoformat(timespec="seconds"),
                shown=f"{datetime.fromtimestamp(entry.written, UTC):%d %b, %H:%M} UTC",
            )
            for entry in reversed(self.station.logbook)
        ]
        options = [
            fill(
                "option",
                value=step.force,
                label=f"{step.force} · {step.name}",
                selected="selected" if str(step.force) == force else "",
            )
            for step in SCALE
        ]
        return self.page(
            "logbook",
            "Not written down" if problem else "Logbook",
            action=self.reverse_url("logbook"),
            problem=fill("problem", text=problem) if problem else "",
            invalid="true" if problem else "false",
            name=name,
            note=note,
            options=Html("".join(options)),
            entries=Html("".join(entries)),
            size=LOGBOOK_SIZE,
            max_name=MAX_NAME,
            max_note=MAX_NOTE,
        )

    head = get


LogbookHandler.shown = (LogbookHandler,)
