"""What every handler of the demo has in common: headers, errors, and the frame of a page."""

from __future__ import annotations

import logging
import platform
import re
import secrets
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

import whirlwind
from whirlwind import locale, web

from .assets import asset_url
from .beaufort import BARB_SYMBOLS
from .modules import CONTENTS
from .words import words

if TYPE_CHECKING:
    from .station import Station

log = logging.getLogger("demo")

# Everything comes from this server, and nothing is inline: a page cannot be talked into more.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

#: Every language there is, by its code, as its speakers call it.
LANGUAGES = {"en_US": "English", "de": "Deutsch"}
LANGUAGE_COOKIE = "language"

_LOCAL_PATH = re.compile(r"/(?![/\\])[^\x00-\x20\\]*")


def local_path(target: str, otherwise: str) -> str:
    """Return where a form asks to go next, if that is a page of this server."""
    # "//elsewhere" would lead to another one.
    return target if _LOCAL_PATH.fullmatch(target) else otherwise


class Refusal(web.HTTPError):
    """A client's mistake, with a hint that is safe to show; it is translated."""

    def __init__(self, status_code: int, hint: str) -> None:
        super().__init__(status_code, hint)
        self.hint = hint


class DemoHandler(web.RequestHandler):
    """Security headers, a count of answers, and errors that explain themselves."""

    station: Station

    def initialize(self, station: Station) -> None:
        self.station = station

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("X-Content-Type-Options", "nosniff")

    def get_user_locale(self) -> locale.Locale | None:
        chosen = self.get_cookie(LANGUAGE_COOKIE, "")
        return locale.get(chosen) if chosen in LANGUAGES else None

    def on_finish(self) -> None:
        self.station.answered += 1

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        _ = self.locale.translate
        hint = ""
        if isinstance(error, Refusal):
            hint = _(error.hint)
        elif isinstance(error, web.MissingArgumentError):
            hint = _("The argument “%s” is missing.") % error.arg_name
        elif status_code == 405:
            allowed = self.allowed_methods()
            self.set_header("Allow", ", ".join(allowed))
            hint = _("This address answers %s.") % self.locale.list(allowed)
        elif status_code >= 500:
            reference = secrets.token_hex(4)
            log.error("reference %s: %s %r", reference, self.request.method, self.request.uri)
            hint = _("The server's log has the traceback, beside the reference %s.") % reference
        self.set_header("Cache-Control", "no-store")
        self.explain(status_code, hint)

    def explain(self, status_code: int, hint: str) -> None:
        """Finish the answer to a failed request; ``hint`` may be empty and is safe to show."""
        self.finish(f"{status_code} {hint}".rstrip())

    def allowed_methods(self) -> list[str]:
        """The methods that this handler implements."""

        def implements(name: str) -> bool:
            return getattr(type(self), name) is not getattr(web.RequestHandler, name)

        return [method for method in self.SUPPORTED_METHODS if implements(method.lower())]


EXPLANATIONS = {
    400: ("The message does not parse", "Something the page needs was missing or made no sense."),
    403: ("Restricted waters", "This address exists, and is not for you."),
    404: ("Uncharted", "Nothing is drawn here. The address may be mistyped, or never have been."),
    405: ("Wrong signal", "This address exists, but does not answer that method."),
    413: ("Too heavy to carry", "The body of the request is over the limit."),
    500: ("Man overboard", "A handler raised an exception. The visitor sees this, and no more."),
}


class PageHandler(DemoHandler):
    """A handler that answers with a page."""

    #: The route name of the page, marked in the navigation.
    section = ""
    #: The classes whose source the page shows.
    shown: ClassVar[tuple[type, ...]] = ()

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Vary", "Accept-Language, Cookie")

    def get_template_namespace(self) -> dict[str, Any]:
        names = super().get_template_namespace()
        names.update(
            asset_url=asset_url,
            barb_symbols=BARB_SYMBOLS,
            contents=CONTENTS,
            engine=f"Whirlwind {whirlwind.__version__} ({whirlwind.implementation()})",
            here=self.request.uri if self.request.method in ("GET", "HEAD") else "/",
            languages=LANGUAGES.items(),
            python=f"{platform.python_implementation()} {platform.python_version()}",
            section=self.section,
            shown=self.shown,
            title=next((label for name, label, _ in CONTENTS if name == self.section), ""),
            words=words(self.locale),
        )
        return names

    def render_linked_js(self, js_files: Iterable[str]) -> str:
        """The scripts of UI modules, as ECMAScript modules."""
        return "".join(f'<script type="module" src="{url}"></script>' for url in js_files)

    def explain(self, status_code: int, hint: str) -> None:
        heading, explanation = EXPLANATIONS.get(
            status_code, (HTTPStatus(status_code).phrase, "The server could not answer this.")
        )
        self.render(
            "error.html",
            status=status_code,
            phrase=HTTPStatus(status_code).phrase,
            heading=heading,
            explanation=explanation,
            hint=hint,
            target=(self.request.uri or "")[:200],
            shown=(),
        )
