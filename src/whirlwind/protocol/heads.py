"""What a parser knows of a message head: start line, framing, and the field lines as bytes."""

from typing import Final

import whirlwind.protocol.scan as scan
from whirlwind._public import start_values

#: The fields that decide more than that they are there.
TELLING: Final = (
    1 << scan.CONTENT_LENGTH
    | 1 << scan.TRANSFER_ENCODING
    | 1 << scan.CONNECTION
    | 1 << scan.EXPECT
    | 1 << scan.UPGRADE
    | 1 << scan.CONTENT_TYPE
)


class Head:
    """A request or response head; the field lines stay bytes until somebody asks for them.

    :ivar minor: int, the minor HTTP/1 version.
    :ivar raw: bytes, the field lines as received, each with its CR LF.
    :ivar seen: int, a bit for each known field that is present (`scan.FIELD_IDS`).
    :ivar content_length: int, -1 when there is none.
    :ivar keep_alive: bool, whether the connection may serve another message after this one.
    """

    minor: int
    raw: bytes
    seen: int
    content_length: int
    content_type: bytes | None
    chunked: bool
    until_close: bool
    keep_alive: bool
    expect_continue: bool
    expect_other: bool
    upgrade: str
    asked_close: bool
    asked_keep_alive: bool
    asked_upgrade: bool

    def __init__(self) -> None:
        self.content_length = -1
        self.upgrade = ""

    def same_fields(self, other: "Head") -> None:
        """Take over what the fields of `TELLING` said in a head of the same version."""
        self.content_length = other.content_length
        self.content_type = other.content_type
        self.chunked = other.chunked
        self.expect_continue = other.expect_continue
        self.expect_other = other.expect_other
        self.upgrade = other.upgrade
        self.asked_close = other.asked_close
        self.asked_keep_alive = other.asked_keep_alive
        self.asked_upgrade = other.asked_upgrade

    @property
    def version(self) -> str:
        """``HTTP/1.1`` or ``HTTP/1.0``."""
        return "HTTP/1.1" if self.minor else "HTTP/1.0"

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Names and values in order, as received but for the white space around values."""
        found = []
        for line in self.raw.decode("latin-1").split("\r\n"):
            if line:
                name, _, value = line.partition(":")
                found.append((name, value.strip(" \t")))
        return found

    def field_lines(self) -> list[tuple[bytes, bytes]]:
        """`fields` as bytes, the names in lower case."""
        found = []
        for line in self.raw.split(b"\r\n"):
            if line:
                name, _, value = line.partition(b":")
                found.append((name.lower(), value.strip(b" \t")))
        return found

    def get(self, name: bytes) -> str | None:
        """The value of the first field with this lower-case name."""
        for line in self.raw.split(b"\r\n"):
            found, _, value = line.partition(b":")
            if found.lower() == name:
                return value.strip(b" \t").decode("latin-1")
        return None


class RequestHead(Head):
    """A request head. ``target`` is in origin-form or ``*``; absolute-form was taken apart."""

    method: str
    target: str

    @property
    def has_body(self) -> bool:
        """Whether anything follows the head (RFC 9112 section 6.3)."""
        return self.chunked or self.content_length > 0


class ResponseHead(Head):
    """A response head."""

    status: int
    reason: str


start_values(
    Head,
    minor=0,
    raw=None,
    seen=0,
    content_type=None,
    chunked=False,
    until_close=False,
    keep_alive=False,
    expect_continue=False,
    expect_other=False,
    asked_close=False,
    asked_keep_alive=False,
    asked_upgrade=False,
)
