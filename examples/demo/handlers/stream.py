"""Answers that are sent while they are still being made."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

from whirlwind.iostream import StreamClosedError

from .api import ApiHandler
from .base import PageHandler, Refusal, log
from .beaufort import SCALE

LONGEST_PAUSE = 2000  # milliseconds
COUNTER_END = 20


class PacedHandler(ApiHandler):
    """An answer in pieces, with a pause after each that the visitor chooses."""

    def pause(self) -> float:
        """The pause in seconds, from the query in milliseconds."""
        text = self.get_query_argument("pause", "250")
        if not text.isascii() or not text.isdigit() or int(text) > LONGEST_PAUSE:
            raise Refusal(400, f"The pause is a number of milliseconds from 0 to {LONGEST_PAUSE}.")
        return int(text) / 1000

    async def send(self, piece: str, pause: float) -> None:
        """Write one piece, wait until the network has taken it, then pause."""
        self.write(piece)
        await self.flush()
        await asyncio.sleep(pause)


class RowsHandler(PacedHandler):
    """The Beaufort scale as lines of JSON, one flush a line."""

    async def get(self) -> None:
        pause = self.pause()
        _ = self.locale.translate
        self.set_header("Content-Type", "application/x-ndjson")
        self.set_header("Cache-Control", "no-store")
        try:
            for step in SCALE:
                row = {**asdict(step), "name": _(step.name), "signs": _(step.signs)}
                await self.send(json.dumps(row) + "\n", pause)
        except StreamClosedError:
            log.info("the reader of the rows left early")


class CounterHandler(PacedHandler):
    """A count that takes its time."""

    async def get(self) -> None:
        pause = self.pause()
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        try:
            for number in range(1, COUNTER_END + 1):
                await self.send(f"{number}\n", pause)
        except StreamClosedError:
            log.info("the reader of the counter left early")


class StreamPageHandler(PageHandler):
    """Rows and numbers, drawn when they arrive."""

    section = "stream"
    shown = (PacedHandler, RowsHandler)

    def get(self) -> None:
        self.render("stream.html")

    head = get
