"""The language of the pages: what the visitor chose, or else what the browser asks for."""

from __future__ import annotations

from pathlib import Path

from whirlwind import locale

from .base import LANGUAGE_COOKIE, LANGUAGES, DemoHandler, Refusal, local_path


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
        self.redirect(local_path(self.get_body_argument("next", "/"), "/"), status=303)
