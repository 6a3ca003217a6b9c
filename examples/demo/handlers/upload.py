"""An upload that is counted and hashed as it arrives, and never kept."""

from __future__ import annotations

import asyncio
import hashlib
import time

from whirlwind import web

from .api import ApiHandler
from .base import PageHandler, Refusal, log

MAX_UPLOAD = 1024 * 1024 * 1024
MEGABYTE = 1_000_000
SLOWEST, FASTEST = 1, 1000  # megabytes a second


@web.stream_request_body
class UploadHandler(ApiHandler):
    """The body comes in pieces, while the browser is still sending."""

    def prepare(self) -> None:
        self.digest = hashlib.sha256()
        self.received = self.pieces = self.largest = 0
        self.started = time.monotonic()
        self.pace = self.requested_pace()
        if int(self.request.headers.get("Content-Length") or 0) > MAX_UPLOAD:
            raise Refusal(413, f"An upload has at most {MAX_UPLOAD} bytes.")
        self.request.connection.set_max_body_size(MAX_UPLOAD)

    async def data_received(self, chunk: bytes) -> None:
        self.digest.update(chunk)
        self.received += len(chunk)
        self.pieces += 1
        self.largest = max(self.largest, len(chunk))
        if self.pace:
            # While this waits the server does not read, so the browser cannot run far ahead.
            due = self.started + self.received / (self.pace * MEGABYTE)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def put(self) -> None:
        self.write(
            {
                "bytes": self.received,
                "sha256": self.digest.hexdigest(),
                "pieces": self.pieces,
                "largest_piece": self.largest,
                "seconds": round(time.monotonic() - self.started, 3),
            }
        )

    post = put

    def requested_pace(self) -> int:
        """The speed to read at, in megabytes a second; 0 is as fast as it comes."""
        text = self.get_query_argument("pace", "0")
        if text == "0":
            return 0
        if not text.isascii() or not text.isdigit() or not SLOWEST <= int(text) <= FASTEST:
            raise Refusal(400, f"The pace is a number from {SLOWEST} to {FASTEST}, or 0.")
        return int(text)

    def on_connection_close(self) -> None:
        log.info("the sender left after %d bytes", self.received)


class UploadPageHandler(PageHandler):
    """The form, the progress bar and the receipt."""

    section = "upload"
    shown = (UploadHandler,)

    def get(self) -> None:
        self.render("upload.html")

    head = get
