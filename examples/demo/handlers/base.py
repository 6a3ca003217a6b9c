"""What every handler of the demo has in common: headers, errors, and the frame of a page."""

from __future__ import annotations

import logging
import platform
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

import whirlwind
from whirlwind import web

from .assets import asset_url
from .beaufort import BARB_SYMBOLS, barb
from .pages import Html, fill
from .source import source_of

if TYPE_CHECKING:
    from .station import Station

log = logging.getLogger("demo")

# Everything comes from this server, and nothing is inline: a page cannot be talked into more.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

# Route name, label, and the force its barb is drawn with.
CONTENTS = (
    ("home", "Overview", 0),
    ("api", "JSON API", 2),
    ("logbook", "Logbook", 3),
    ("upload", "Upload", 4),
    ("stream", "Stream", 6),
    ("cache", "Cache", 8),
    ("errors", "Errors", 10),
    ("inspect", "Inspect", 12),
)


class Refusal(web.HTTPError):
    """A client's mistake, with a hint that is safe to show."""

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

    def on_finish(self) -> None:
        self.station.answered += 1

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        hint = ""
        if isinstance(error, Refusal):
            hint = error.hint
        elif isinstance(error, web.MissingArgumentError):
            hint = f"The argument “{error.arg_name}” is missing."
        elif status_code == 405:
            allowed = self.allowed_methods()
            self.set_header("Allow", ", ".join(allowed))
            hint = f"This address answers {' and '.join(allowed)}."
        elif status_code >= 500:
            reference = secrets.token_hex(4)
            log.error("reference %s: %s %r", reference, self.request.method, self.request.uri)
            hint = f"The server's log has the traceback, beside the reference {reference}."
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

    def page(self, name: str, title: str, script: str = "", /, **values: str | int) -> Html:
        """Return ``pages/NAME.html`` inside the frame that all pages share.

        :arg name: the file, without its ``.html``.
        :arg title: what the window is called.
        :arg script: an asset that the page loads, if any.
        :arg values: what fills the places of the page.
        """
        body = fill(name, **values)
        if self.shown:
            body = Html(body + fill("source", source=source_of(*self.shown)))
        return fill(
            "frame",
            title=title,
            description=f"{title}: a page of the Whirlwind demo",
            style=asset_url("style.css"),
            icon=asset_url("favicon.svg"),
            theme=asset_url("theme.js"),
            script=Html(f'<script type="module" src="{asset_url(script)}"></script>')
            if script
            else "",
            symbols=BARB_SYMBOLS,
            navigation=self._navigation(),
            body=body,
            engine=f"Whirlwind {whirlwind.__version__} ({whirlwind.implementation()})",
            python=f"{platform.python_implementation()} {platform.python_version()}",
        )

    def explain(self, status_code: int, hint: str) -> None:
        heading, explanation = EXPLANATIONS.get(
            status_code, (HTTPStatus(status_code).phrase, "The server could not answer this.")
        )
        self.finish(
            self.page(
                "error",
                f"{status_code} {heading}",
                status=status_code,
                phrase=HTTPStatus(status_code).phrase,
                heading=heading,
                explanation=explanation,
                hint=hint,
                method=self.request.method or "",
                target=(self.request.uri or "")[:200],
            )
        )

    def _navigation(self) -> Html:
        items = []
        for name, label, force in CONTENTS:
            current = Html(' aria-current="page"') if name == self.section else ""
            items.append(
                fill(
                    "navigation_item",
                    url=self.reverse_url(name),
                    current=current,
                    barb=barb(force),
                    label=label,
                )
            )
        return Html("".join(items))
