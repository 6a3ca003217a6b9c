"""The forms in which an error is shown, and the choice between them."""

import functools
import json
import traceback
from importlib.resources import files
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from whirlwind.errorpage.frames import problems
from whirlwind.httputil.preferences import by_preference

if TYPE_CHECKING:
    from whirlwind.httputil import HTTPServerRequest
    from whirlwind.template import Template

ExceptionInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


def error_document(
    request: "HTTPServerRequest", status: int, reason: str, exc_info: ExceptionInfo
) -> tuple[str, str]:
    """Show an error to the developer who made the request.

    A client that names ``text/html`` in its ``Accept`` gets a page, one that names a JSON media
    type gets JSON, whichever it prefers; any other gets the traceback as text, as in Tornado.

    :arg request: the request that failed.
    :arg status: the status of the answer.
    :arg reason: the phrase of its status line.
    :arg exc_info: the exception, as `sys.exc_info` gives it.
    :returns: the value for ``Content-Type``, and the body.
    """
    lines = "".join(traceback.format_exception(*exc_info))
    error = exc_info[1]
    form = preferred_form(request.headers.get("Accept", "")) if error is not None else "text"
    if error is None or form == "text":
        return "text/plain", lines
    if form == "json":
        content = {
            "status": status,
            "reason": reason,
            "error": "".join(traceback.format_exception_only(error)).strip(),
            "traceback": lines.splitlines(),
        }
        return "application/json; charset=UTF-8", json.dumps({"error": content})
    page = _page().generate(
        status=status,
        reason=reason,
        request=request,
        problems=list(reversed(problems(error))),
        arguments=_arguments(request),
        text=lines,
    )
    return "text/html; charset=UTF-8", page.decode()


def preferred_form(accept: str) -> Literal["html", "json", "text"]:
    """Choose a form by what the client names; wildcards name nothing.

    :arg accept: value of the field ``Accept``.
    """
    for media_range in by_preference(accept):
        media_type = media_range.lower()
        if media_type in ("text/html", "application/xhtml+xml"):
            return "html"
        if media_type == "application/json" or media_type.endswith("+json"):
            return "json"
        if media_type == "text/plain":
            return "text"
    return "text"


def _arguments(request: "HTTPServerRequest") -> list[tuple[str, str]]:
    try:
        arguments: dict[str, list[bytes]] = request.arguments
        return [
            (name, ", ".join(value.decode("utf-8", "backslashreplace") for value in values))
            for name, values in arguments.items()
        ]
    except Exception:
        return []  # arguments that cannot be read are perhaps the error itself


@functools.cache
def _page() -> "Template":
    from whirlwind.template import Template

    source = files("whirlwind.errorpage").joinpath("page.html").read_text("utf-8")
    options: dict[str, Any] = {"name": "errorpage/page.html", "whitespace": "all"}
    return Template(source, **options)
