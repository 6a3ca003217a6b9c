"""What a parser knows of a message head: start line, framing, and the field lines as bytes."""


class Head:
    """A request or response head; the field lines stay bytes until somebody asks for them.

    :ivar minor: int, the minor HTTP/1 version.
    :ivar raw: bytes, the field lines as received, each with its CR LF.
    :ivar seen: int, a bit for each known field that is present (`scan.FIELD_IDS`).
    :ivar content_length: int, -1 when there is none.
    :ivar keep_alive: bool, whether the connection may serve another message after this one.
    """

    def __init__(self) -> None:
        self.minor = 1
        self.raw = b""
        self.seen = 0
        self.content_length = -1
        self.content_type: bytes | None = None
        self.chunked = False
        self.until_close = False
        self.keep_alive = True
        self.expect_continue = False
        self.expect_other = False
        self.upgrade = ""
        self.asked_close = False
        self.asked_keep_alive = False
        self.asked_upgrade = False

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

    def get(self, name: bytes) -> str | None:
        """The value of the first field with this lower-case name."""
        for line in self.raw.split(b"\r\n"):
            found, _, value = line.partition(b":")
            if found.lower() == name:
                return value.strip(b" \t").decode("latin-1")
        return None


class RequestHead(Head):
    """A request head. ``target`` is in origin-form or ``*``; absolute-form was taken apart."""

    def __init__(self) -> None:
        Head.__init__(self)  # super() is a lookup and an object more for each request
        self.method = ""
        self.target = ""

    @property
    def has_body(self) -> bool:
        """Whether anything follows the head (RFC 9112 section 6.3)."""
        return self.chunked or self.content_length > 0


class ResponseHead(Head):
    """A response head."""

    def __init__(self) -> None:
        super().__init__()
        self.status = 0
        self.reason = ""
