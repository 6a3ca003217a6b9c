"""Answers that the server gives on its own, and the excerpt of what provoked them for the log."""

from http import HTTPStatus
from typing import Final

from whirlwind.log import gen_log

_TABLE: Final[dict[tuple[int, str, bool], bytes]] = {}
_MAX_EXCERPT: Final = 60


def answer(code: int, reason: str, head_only: bool = False) -> bytes:
    """A complete response that closes the connection.

    :arg code: its status.
    :arg reason: a fixed text that is safe to send.
    :arg head_only: whether it answers HEAD, and so has no body (RFC 9110 section 9.3.2).
    """
    found = _TABLE.get((code, reason, head_only))
    if found is None:
        phrase = HTTPStatus(code).phrase
        body = f"{code} {phrase}: {reason}\n"
        found = (
            f"HTTP/1.1 {code} {phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{'' if head_only else body}"
        ).encode("latin-1")
        _TABLE[code, reason, head_only] = found
    return found


def excerpt(data: bytes) -> str:
    """The beginning of a peer's bytes for a log line: printable, short, on one line."""
    if not data:
        return ""
    shown = data[:_MAX_EXCERPT].decode("latin-1").encode("unicode_escape").decode("ascii")
    return f" (at '{shown[: _MAX_EXCERPT * 2]}{'...' if len(data) > _MAX_EXCERPT else ''}')"


def log(level: int, message: str, *args: object) -> None:
    """Log what a client did wrong.

    `logging` looks for the Python frame that called it. Compiled code has none, so that a record
    made there would name a file of the event loop.
    """
    gen_log.log(level, message, *args)
