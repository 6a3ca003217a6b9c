"""What the server saw of the request."""

from __future__ import annotations

from collections.abc import Iterable

from .base import PageHandler

LONGEST_SHOWN = 400


def _shown(rows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value[:LONGEST_SHOWN]) for name, value in rows]


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
        self.render(
            "inspect.html",
            line=_shown(line),
            arguments=_shown(arguments),
            fields=_shown(request.headers.get_all()),
        )

    head = post = put = get


InspectHandler.shown = (InspectHandler,)
