"""A chat room over WebSocket: who is there, what was said, and coming back after a silence."""

from __future__ import annotations

import json
import time
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

from whirlwind import websocket
from whirlwind.fanout import WhenFull, broadcast, limit_queue
from whirlwind.ioloop import IOLoop

from .base import DemoHandler, PageHandler

if TYPE_CHECKING:
    from collections.abc import Awaitable

CHANNEL_SIZE = 60  # calls that are kept
MAX_NAME = 24
MAX_TEXT = 280
MAX_STATIONS = 200
# A station may make BURST calls at once, and one more every PACE seconds.
BURST = 6
PACE = 1.5
# A line that breaks for a moment is nobody's news: so many seconds may pass before it is.
PATIENCE = 6.0


class Channel:
    """Everybody on the air, and the last calls."""

    def __init__(self) -> None:
        self.stations: dict[str, RadioHandler] = {}
        self.calls: deque[dict[str, Any]] = deque(maxlen=CHANNEL_SIZE)
        self._numbers = count(1)

    def say(self, name: str, text: str, kind: str = "call") -> None:
        """Send one line to everybody, and remember it."""
        line = {
            "number": next(self._numbers),
            "kind": kind,
            "name": name,
            "text": text,
            "time": int(time.time() * 1000),
        }
        self.calls.append(line)
        broadcast(self.stations.values(), {"lines": [line]})

    def after(self, number: int) -> list[dict[str, Any]]:
        """The lines that came after a number."""
        return [line for line in self.calls if line["number"] > number]

    def miss(self, station: RadioHandler) -> None:
        """A station's line is gone, and nobody has come back for it."""
        if self.stations.get(station.key) is station:
            del self.stations[station.key]
            self.say(station.name, "", "leave")
            self.tell_presence()

    def tell_presence(self) -> None:
        """Tell everybody who is there."""
        names = sorted((station.name for station in self.stations.values()), key=str.casefold)
        broadcast(self.stations.values(), {"present": names})


class RadioHandler(websocket.WebSocketHandler, DemoHandler):
    """One station on the channel.

    It says who it is and what it has heard last; so a laptop that slept gets what it has missed.
    A key that the page keeps tells a station that comes back from a new one.
    """

    name = ""
    key = ""
    max_message_size = 4096

    def get_compression_options(self) -> dict[str, Any]:
        return {}

    def open(self) -> None:  # type: ignore[override]
        # A reader too slow for the channel misses calls; it does not fill our memory.
        limit_queue(self, max_messages=CHANNEL_SIZE, when_full=WhenFull.DROP_OLDEST)
        self.allowance = float(BURST)
        self.last_call = time.monotonic()

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        try:
            call = json.loads(message)
            what = call["type"]
            if what == "hello":
                self.enter(str(call["name"]), str(call["key"]), int(call["after"]))
            elif what == "say" and self.name:
                self.say(str(call["text"]))
            elif what == "check":
                self.write_message({"check": call["id"]})
        except (ValueError, KeyError, TypeError):
            self.close(1003, "not understood")
        return None

    def enter(self, name: str, key: str, after: int) -> None:
        """Come on the air, or come back, or take another name."""
        channel = self.station.channel
        name = " ".join(name.split())[:MAX_NAME]
        if not name or not 8 <= len(key) <= 64 or (self.key and key != self.key):
            self.close(1003, "not understood")
            return
        known = channel.stations.get(key)
        if known is None and len(channel.stations) >= MAX_STATIONS:
            self.close(1013, "the channel is full")
            return
        channel.stations[key] = self
        if known is not None and known is not self:
            # A line that broke and nobody noticed; or the page was opened twice.
            known.close(4001, "on the air from elsewhere")
        renamed = known is not None and known.name != name
        previous = known.name if known is not None else ""
        self.name, self.key = name, key
        self.write_message({"welcome": name, "lines": channel.after(after)})
        if known is None:
            channel.say(name, "", "enter")
        elif renamed:
            channel.say(name, previous, "rename")
        channel.tell_presence()

    def say(self, text: str) -> None:
        """Call everybody."""
        now = time.monotonic()
        self.allowance = min(BURST, self.allowance + (now - self.last_call) / PACE)
        self.last_call = now
        if self.allowance < 1:
            self.write_message({"refused": "too fast", "text": text[:MAX_TEXT]})
            return
        text = " ".join(text.split())[:MAX_TEXT]
        if text:
            self.allowance -= 1
            self.station.channel.say(self.name, text)

    def on_close(self) -> None:
        if self.key:
            IOLoop.current().call_later(PATIENCE, self.station.channel.miss, self)


class RadioPageHandler(PageHandler):
    """The page around the channel."""

    section = "radio"
    shown: ClassVar[tuple[type, ...]] = (RadioHandler, Channel)

    def get(self) -> None:
        self.render("radio.html", max_name=MAX_NAME, max_text=MAX_TEXT, size=CHANNEL_SIZE)

    head = get
