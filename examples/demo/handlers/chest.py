"""Signing in, and files that stay: on the disk as they arrive, given back to their owner."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from whirlwind import multipart, web

from .base import DemoHandler, PageHandler, Refusal, local_path

MAX_NAME = 40
MAX_FILE = 16 * 1024 * 1024
MAX_FILES = 5  # in one chest, and in one form
MAX_CHESTS = 20  # all of them full take 1.6 GB of the disk
SAILOR_COOKIE = "sailor"


@dataclass(frozen=True)
class Kept:
    """A file in a chest. What its sender calls it is data; on the disk it has another name."""

    key: str
    name: str
    size: int
    kept: float


@dataclass
class Chest:
    """The files of one visitor, the newest first."""

    folder: str
    files: list[Kept] = field(default_factory=list)

    def path(self, key: str) -> str:
        return os.path.join(self.folder, key)

    def add(self, file: Kept) -> None:
        """Put a file in; of too many, the oldest leaves."""
        self.files.insert(0, file)
        for old in self.files[MAX_FILES:]:
            self.discard(old.key)

    def discard(self, key: str) -> bool:
        """Remove a file; False if there is none with this key."""
        left = [file for file in self.files if file.key != key]
        if len(left) == len(self.files):
            return False
        self.files = left
        os.unlink(self.path(key))
        return True


class Chests:
    """The chests of all visitors, in a folder that goes when the process ends."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="whirlwind-demo-")
        self.root = self._folder.name
        self._chests: OrderedDict[str, Chest] = OrderedDict()

    def of(self, key: str) -> Chest:
        """The chest with this key, made when first asked for; of too many, the oldest goes."""
        chest = self._chests.get(key)
        if chest is None:
            chest = self._chests[key] = Chest(os.path.join(self.root, key))
            os.makedirs(chest.folder, exist_ok=True)
            if len(self._chests) > MAX_CHESTS:
                _, old = self._chests.popitem(last=False)
                for file in old.files[:]:
                    old.discard(file.key)
        return chest


@dataclass(frozen=True)
class Sailor:
    """A visitor who has signed in."""

    key: str
    name: str


class Aboard(web.RequestHandler):
    """Who has signed in: what the signed cookie says."""

    def get_current_user(self) -> Sailor | None:
        value = self.get_signed_cookie(SAILOR_COOKIE)
        if value is None:
            return None
        key, _, name = value.decode("utf-8").partition(":")
        return Sailor(key, name)


@web.stream_request_body
class ChestHandler(Aboard, PageHandler):
    """GET shows the chest, POST puts files in: the form's parts go to the disk as they come."""

    section = "chest"

    def prepare(self) -> None:
        if self.request.method != "POST":
            return
        if self.current_user is None:
            raise Refusal(403, "Sign in first.")
        self.chest = self.station.chests.of(self.current_user.key)
        self.received = 0
        self.request.connection.set_max_body_size(MAX_FILES * MAX_FILE + 65536)
        self.form = multipart.receive(self, self.take)

    def data_received(self, chunk: bytes) -> Any:
        return self.form.feed(chunk)  # while this waits for the disk, the browser waits too

    async def take(self, parts: multipart.Parts) -> None:
        async for part in parts:
            if not part.filename or self.received == MAX_FILES:
                continue
            key = secrets.token_hex(8)
            try:
                size = await part.save(self.chest.path(key), MAX_FILE)
            except multipart.MultipartError as error:
                if error.code == 413:
                    raise Refusal(413, "A file in the chest has at most 16 MB.") from None
                raise
            self.chest.add(Kept(key, part.filename[:200], size, time.time()))
            self.received += 1

    async def post(self) -> None:
        await self.form
        if not self.received:
            raise Refusal(400, "Choose a file first.")
        self.redirect(self.reverse_url("chest") + "#files", status=303)

    def get(self) -> None:
        sailor: Sailor | None = self.current_user
        self.render(
            "chest.html",
            sailor=sailor,
            files=self.station.chests.of(sailor.key).files if sailor else [],
            max_name=MAX_NAME,
            max_file=MAX_FILE // (1024 * 1024),
            max_files=MAX_FILES,
            next=local_path(self.get_query_argument("next", ""), self.reverse_url("chest")),
        )

    head = get


class SignInHandler(DemoHandler):
    """The cookie holds who it is, and is signed: a visitor can read it, and not change it."""

    def post(self) -> None:
        name = self.get_body_argument("name", "")
        if not 0 < len(name) <= MAX_NAME:
            raise Refusal(400, "A name to sign in with has 1 to 40 characters.")
        value = f"{secrets.token_hex(16)}:{name}"
        self.set_signed_cookie(SAILOR_COOKIE, value, expires_days=1, httponly=True, samesite="Lax")
        chest = self.reverse_url("chest")
        self.redirect(local_path(self.get_body_argument("next", ""), chest), status=303)


class SignOutHandler(DemoHandler):
    """Without the cookie nobody finds the chest again."""

    def post(self) -> None:
        self.clear_cookie(SAILOR_COOKIE)
        self.redirect(self.reverse_url("chest"), status=303)


class DiscardHandler(Aboard, DemoHandler):
    """Throws a file away."""

    @web.authenticated
    def post(self) -> None:
        if not self.station.chests.of(self.current_user.key).discard(self.get_body_argument("key")):
            raise Refusal(404, "This file is not in your chest.")
        self.redirect(self.reverse_url("chest") + "#files", status=303)


class KeptFileHandler(Aboard, web.StaticFileHandler):
    """A file of the visitor's own, with ranges and validators. Nobody else's: a 404."""

    def initialize(self, chests: Chests) -> None:
        super().initialize(path=chests.root)
        self.chests = chests

    @web.authenticated
    async def get(self, path: str, include_body: bool = True) -> None:
        chest = self.chests.of(self.current_user.key)
        self.kept = next((file for file in chest.files if file.key == path), None)
        if self.kept is None:
            raise web.HTTPError(404)
        found = super().get(f"{self.current_user.key}/{path}", include_body)
        if found is not None:
            await found

    def set_extra_headers(self, path: str) -> None:
        if self.kept is not None:
            name = quote(self.kept.name, safe="")
            self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{name}")
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "private, no-cache")


ChestHandler.shown = (Aboard, SignInHandler, ChestHandler, KeptFileHandler)
