"""WebSocket frames in numbers: first bytes, close codes, and what a parser of frames answers.

Sections are those of RFC 6455. The constants are ints, which the compiled form has as C constants
(``frames.pxd``).
"""

from typing import Final

NEED_DATA: Final = 0
MESSAGE: Final = 1
PING: Final = 2
PONG: Final = 3
CLOSE: Final = 4
MORE: Final = 5

# The first byte of a frame that is whole in itself.
TEXT_FRAME: Final = 0x81
BINARY_FRAME: Final = 0x82
CLOSE_FRAME: Final = 0x88
PING_FRAME: Final = 0x89
PONG_FRAME: Final = 0x8A
#: The bit that permessage-deflate takes (RFC 7692 section 6).
RSV1: Final = 0x40

#: Bytes of a control frame's payload (section 5.5).
MAX_CONTROL: Final = 125


def is_close_code(code: int) -> bool:
    """Whether a close code may be on the wire (section 7.4, and IANA's registry for 1012-1014)."""
    return 3000 <= code <= 4999 or 1000 <= code <= 1003 or 1007 <= code <= 1014


def close_payload(code: int | None, reason: str | None) -> bytes:
    """The payload of a close frame (section 5.5.1).

    :arg code: None for none, or 1000 if there is a reason.
    :arg reason: a short text.
    :raises ValueError: a code that must not be sent, or more than 123 bytes of reason.
    """
    if code is None:
        if not reason:
            return b""
        code = 1000
    if not is_close_code(code):
        raise ValueError(
            f"{code} is not a close code that may be sent (RFC 6455 section 7.4): use 1000, "
            "another registered one, or 3000 to 4999"
        )
    text = reason.encode("utf-8") if reason else b""
    if len(text) > MAX_CONTROL - 2:
        raise ValueError(f"A close reason has at most {MAX_CONTROL - 2} bytes, not {len(text)}")
    return code.to_bytes(2, "big") + text
