"""The language of the pages: what the visitor chose, or else what the browser asks for."""

from __future__ import annotations

import re
from pathlib import Path

from whirlwind import locale

from .base import LANGUAGE_COOKIE, LANGUAGES, DemoHandler, Refusal

_LOCAL_PATH = re.compile(r"/(?![/\\])[^\x00-\x20\\]*")


def load_languages() -> None:
    """Read the translations, once, when the program starts."""
    locale.load_translations(str(Path(__file__).resolve().parent.parent / "translations"))


class LanguageHandler(DemoHandler):
    """POST remembers the choice and sends the browser back to where it was."""

    def post(self) -> None:
        chosen = self.get_body_argument("language", "")
        if chosen not in LANGUAGES:
            raise Refusal(400, "Choose a language that is there.")
        self.set_cookie(LANGUAGE_COOKIE, chosen, expires_days=365, httponly=True, samesite="Lax")
        back = self.get_body_argument("next", "/")
        # Only to a page of this server: "//elsewhere" would lead to another one.
        self.redirect(back if _LOCAL_PATH.fullmatch(back) else "/", status=303)
