"""A JSON API about wind, and the page that tries it."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict
from http import HTTPStatus

import whirlwind

from .base import DemoHandler, PageHandler, Refusal
from .beaufort import MAX_KNOTS, METRES_PER_SECOND, SCALE, force_of

MAX_READINGS = 1000


class ApiHandler(DemoHandler):
    """A handler that answers with JSON, errors included."""

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")

    def explain(self, status_code: int, hint: str) -> None:
        reason = HTTPStatus(status_code).phrase
        self.finish({"error": {"status": status_code, "reason": reason, "hint": hint}})


class ApiNotFoundHandler(ApiHandler):
    """Every other address under ``/api/``."""

    def prepare(self) -> None:
        raise Refusal(404, "No such resource. GET /api/beaufort is a good start.")


class BeaufortHandler(ApiHandler):
    """The whole Beaufort scale."""

    def get(self) -> None:
        self.write({"scale": [asdict(step) for step in SCALE]})


class ForceHandler(ApiHandler):
    """One step of it: the number comes from the path."""

    def get(self, number: str) -> None:
        force = int(number)
        if force >= len(SCALE):
            raise Refusal(404, "The scale ends at 12. Beyond that, there is no paper left.")
        self.write(asdict(SCALE[force]))


def speed(given: object) -> float:
    """Read a wind speed in knots, from a query or from JSON, or refuse it."""
    knots = math.nan
    if isinstance(given, (str, int, float)) and not isinstance(given, bool):
        try:
            knots = float(given)
        except (ValueError, OverflowError):
            pass  # stays "not a number", which no comparison lets through
    if not 0 <= knots <= MAX_KNOTS:
        raise Refusal(400, f"A wind speed is a number of knots from 0 to {MAX_KNOTS:.0f}.")
    return knots


class WindHandler(ApiHandler):
    """A wind speed in other units: the number comes from the query."""

    async def get(self) -> None:
        knots = speed(self.get_query_argument("knots"))
        step = force_of(knots)
        self.write(
            {
                "knots": knots,
                "metres_per_second": round(knots * METRES_PER_SECOND, 2),
                "kilometres_per_hour": round(knots * 1.852, 1),
                "force": step.force,
                "name": step.name,
            }
        )
        spent = self.request.request_time() * 1000
        self.set_header("Server-Timing", f"handler;dur={spent:.3f}")


class MeanHandler(ApiHandler):
    """The mean of some readings: they come as a JSON body."""

    def post(self) -> None:
        try:
            message = json.loads(self.request.body)
        except (ValueError, RecursionError):
            raise Refusal(400, "The body is not JSON.") from None
        readings = message.get("knots") if isinstance(message, dict) else None
        if not isinstance(readings, list) or not 1 <= len(readings) <= MAX_READINGS:
            raise Refusal(400, f'Send {{"knots": [...]}} with 1 to {MAX_READINGS} readings.')
        speeds = [speed(reading) for reading in readings]
        mean = sum(speeds) / len(speeds)
        self.write(
            {
                "readings": len(speeds),
                "mean": round(mean, 2),
                "gust": max(speeds),
                "name": force_of(mean).name,
            }
        )


class StatusHandler(ApiHandler):
    """What this process is, and how many requests it has answered."""

    def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.write(
            {
                "whirlwind": whirlwind.__version__,
                "implementation": whirlwind.implementation(),
                "uptime_seconds": round(time.monotonic() - self.station.started, 1),
                "answered": self.station.answered,
            }
        )


class ApiPageHandler(PageHandler):
    """The try-it panel."""

    section = "api"
    shown = (WindHandler, MeanHandler)

    def get(self) -> None:
        self.render("api.html")

    head = get
