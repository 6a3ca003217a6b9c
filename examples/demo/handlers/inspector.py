"""What the server saw of the request."""

from __future__ import annotations

from collections.abc import Iterable

from .base import PageHandler
from .pages import Html, fill

LONGEST_SHOWN = 400


def _table(rows: Iterable[tuple[str, str]], empty: str) -> Html:
    made = "".join(fill("row", name=name, value=value[:LONGEST_SHOWN]) for name, value in rows)
    return Html(made) if made else fill("row_empty", text=empty)


class InspectHandler(PageHandler):
    """The request line, the arguments and the header fields, in the order they came."""

    section = "inspect"

    def get(self) -> None:
        request = self.request
        line = [
            ("method", request.method or ""),
            ("target", request.uri or ""),
            ("path", request.path),
            ("query", request.query or "(none)"),
            ("version", request.version),
            ("host", request.host),
            ("remote address", request.remote_ip or "(a local socket)"),
            ("body", f"{len(request.body)} bytes"),
        ]
        arguments = [
            (name, value)
            for name in sorted({*request.query_arguments, *request.body_arguments})
            for value in self.get_arguments(name)
        ]
        self.set_header("Cache-Control", "no-store")
        self.write(
            self.page(
                "inspect",
                "Inspect",
                action=self.reverse_url("inspect"),
                line=_table(line, ""),
                arguments=_table(arguments, "This request has no arguments."),
                fields=_table(request.headers.get_all(), "No header fields: HTTP/1.0, then."),
                count=sum(1 for _ in request.headers.get_all()),
            )
        )

    head = post = put = get


InspectHandler.shown = (InspectHandler,)
