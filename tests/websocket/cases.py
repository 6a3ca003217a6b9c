"""What a peer may send, and what has to come of it: every numbered group of the public suites.

A case is written from the sender's side without masks; whoever plays a client masks its frames. The
outcome is what an echo server answers: messages and pongs in order, then perhaps a close frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .frames import BINARY, CONTINUATION, PING, PONG, TEXT

#: Part of a case: opcode, payload, and what is unusual about the frame.
Part = tuple[int, bytes, dict[str, object]]


def part(opcode: int, payload: bytes = b"", **options: object) -> Part:
    """One frame of a case; options as for `frames.frame`."""
    return opcode, payload, options


def close(code: int | None = None, reason: bytes = b"") -> Part:
    """A close frame of a case."""
    return part(8, b"" if code is None else code.to_bytes(2, "big") + reason)


@dataclass
class Case:
    """One case.

    :ivar sent: the frames.
    :ivar answers: what is echoed: str and bytes for messages, ("pong", payload) for pongs.
    :ivar code: of the close frame that ends it, None for one without code, 0 for no close frame.
    :ivar reads: what the receiver of the close frame knows of the peer's: (code, reason).
    """

    name: str
    sent: list[Part]
    answers: list[object] = field(default_factory=list)
    code: int | None = 1000
    peer_closed: tuple[int | None, str | None] | None = (1000, None)


BYE = close(1000)


def good(name: str, *sent: Part, answers: list[object]) -> Case:
    """A case that ends well, by a normal closing handshake."""
    return Case(name, [*sent, BYE], answers)


def bad(name: str, *sent: Part, answers: list[object] | None = None, code: int = 1002) -> Case:
    """A case whose last frame is refused; what comes after it must not be looked at."""
    never = part(TEXT, b"never")
    return Case(name, [*sent, never], answers or [], code, None)


def pong(payload: bytes) -> tuple[str, bytes]:
    """A pong among the answers."""
    return ("pong", payload)


def _text_parts(*pieces: bytes) -> list[Part]:
    last = len(pieces) - 1
    return [
        part(CONTINUATION if i else TEXT, piece, fin=i == last) for i, piece in enumerate(pieces)
    ]


def framing() -> Iterator[Case]:
    """Group 1: lengths around each form of the length field."""
    for number, size in enumerate((0, 125, 126, 127, 128, 65535, 65536), 1):
        yield good(f"1.1.{number}", part(TEXT, b"*" * size), answers=["*" * size])
        yield good(f"1.2.{number}", part(BINARY, b"\xfe" * size), answers=[b"\xfe" * size])
    for form, size in ((16, 0), (16, 125), (64, 0), (64, 125), (64, 126), (64, 65535)):
        yield bad(f"1.3 {size} in {form} bits", part(TEXT, b"*" * size, form=form))
    yield bad("1.4 highest bit of the length", part(BINARY, b"", form=64, says=2**63))


def pings() -> Iterator[Case]:
    """Group 2: pings and pongs."""
    yield good("2.1", part(PING), answers=[pong(b"")])
    yield good("2.2", part(PING, b"Hello, world!"), answers=[pong(b"Hello, world!")])
    binary = bytes(range(240, 256))
    yield good("2.3", part(PING, binary), answers=[pong(binary)])
    yield good("2.4", part(PING, b"\xfe" * 125), answers=[pong(b"\xfe" * 125)])
    yield bad("2.5", part(PING, b"\xfe" * 126))
    yield bad("2.6 pong too long", part(PONG, b"\xfe" * 126))
    yield good("2.7", part(PONG), answers=[])
    yield good("2.8", part(PONG, b"unsolicited"), answers=[])
    yield good("2.9", part(PONG, b"unsolicited"), part(PING, b"ping"), answers=[pong(b"ping")])
    ten = [b"payload-%d" % i for i in range(10)]
    yield good("2.10", *[part(PING, one) for one in ten], answers=[pong(one) for one in ten])


def reserved_bits() -> Iterator[Case]:
    """Group 3: no bit is set that no extension has given a meaning."""
    for rsv in range(1, 8):
        yield bad(f"3.{rsv} text", part(TEXT, b"small", rsv=rsv))
        yield bad(
            f"3.{rsv} after a good one",
            part(TEXT, b"small"),
            part(BINARY, b"small", rsv=rsv),
            answers=["small"],
        )
        yield bad(f"3.{rsv} ping", part(PING, b"", rsv=rsv))
        yield bad(f"3.{rsv} close", part(8, b"", rsv=rsv))
        yield bad(f"3.{rsv} continuation", part(TEXT, b"", fin=False), part(0, b"", rsv=rsv))


def opcodes() -> Iterator[Case]:
    """Group 4: opcodes that mean nothing."""
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield bad(f"4.{opcode}", part(opcode))
        yield bad(f"4.{opcode} with payload", part(opcode, b"reserved opcode payload"))
        yield bad(f"4.{opcode} after", part(TEXT, b"ok"), part(opcode, b"x"), answers=["ok"])


def fragmentation() -> Iterator[Case]:
    """Group 5: messages in several frames, and control frames between them."""
    yield bad("5.1", part(PING, b"frag", fin=False), part(CONTINUATION, b"ment"))
    yield bad("5.2", part(PONG, b"frag", fin=False), part(CONTINUATION, b"ment"))
    yield bad("5.2 close", part(8, b"\x03\xe8", fin=False))
    two = _text_parts(b"fragment1", b"fragment2")
    yield good("5.3", *two, answers=["fragment1fragment2"])
    yield good("5.3 binary", part(BINARY, b"a", fin=False), part(0, b"b"), answers=[b"ab"])
    yield good(
        "5.6",
        two[0],
        part(PING, b"ping payload"),
        two[1],
        answers=[pong(b"ping payload"), "fragment1fragment2"],
    )
    yield good("5.7 pong between", two[0], part(PONG, b"x"), two[1], answers=["fragment1fragment2"])
    yield bad("5.9", part(CONTINUATION, b"non-continuation payload"), part(TEXT, b"Hello"))
    yield bad("5.10", part(CONTINUATION, b"non-continuation payload", fin=False))
    yield bad("5.11", part(TEXT, b"a"), part(CONTINUATION, b"b"), answers=["a"])
    yield bad("5.12", part(CONTINUATION, b""), part(TEXT, b"Hello"))
    yield bad("5.15", *two, part(CONTINUATION, b"3", fin=False), answers=["fragment1fragment2"])
    yield bad("5.16 text", part(TEXT, b"1", fin=False), part(TEXT, b"2"))
    yield bad("5.17 binary", part(TEXT, b"1", fin=False), part(BINARY, b"2"))
    yield bad("5.18 twice", part(BINARY, b"1", fin=False), part(TEXT, b"2", fin=False))
    five = _text_parts(*[b"fragment%d" % i for i in range(1, 6)])
    between = [part(PING, b"pongme %d!" % i) for i in (1, 2)]
    yield good(
        "5.19",
        *five[:2],
        between[0],
        *five[2:4],
        between[1],
        five[4],
        answers=[
            pong(b"pongme 1!"),
            pong(b"pongme 2!"),
            "fragment1fragment2fragment3fragment4fragment5",
        ],
    )
    yield good("5.21 empty fragments", *_text_parts(b"", b"", b"a", b"", b""), answers=["a"])
    yield good("5.22 nothing but empty ones", *_text_parts(b"", b"", b""), answers=[""])
    yield Case("5.23 close between", [two[0], close(1000)], [], 1000)


#: Valid UTF-8: the edges of every length, planes, and what is no character but may be sent.
VALID_TEXTS = [
    b"",
    b"Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!",
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5",
    b"\x00",
    b"\xc2\x80",
    b"\xe0\xa0\x80",
    b"\xf0\x90\x80\x80",
    b"\x7f",
    b"\xdf\xbf",
    b"\xef\xbf\xbf",
    b"\xf4\x8f\xbf\xbf",
    b"\xed\x9f\xbf",
    b"\xee\x80\x80",
    b"\xef\xbf\xbd",
    b"\xef\xbf\xbe",
    b"\xf0\x9f\xbf\xbe",
    b"\xf3\xbf\xbf\xbf",
    "𝄞 two planes 😀".encode(),
]

#: Invalid UTF-8, each with the bytes that are good before the first one that can not be.
INVALID_TEXTS = [
    (b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", b"\xed\xa0\x80edited"),
    (b"", b"\x80"),
    (b"", b"\xbf"),
    (b"", b"\x80\xbf\x80\xbf"),
    (b"ok", b"\xc0\x80"),
    (b"", b"\xc0\xaf"),
    (b"", b"\xc1\xbf"),
    (b"", b"\xe0\x80\xaf"),
    (b"", b"\xe0\x9f\xbf"),
    (b"", b"\xf0\x80\x80\xaf"),
    (b"", b"\xf0\x8f\xbf\xbf"),
    (b"", b"\xf4\x90\x80\x80"),
    (b"", b"\xf5\x80\x80\x80"),
    (b"", b"\xf8\x88\x80\x80\x80"),
    (b"", b"\xfc\x84\x80\x80\x80\x80"),
    (b"", b"\xfe"),
    (b"", b"\xff"),
    (b"", b"\xed\xa0\x80"),
    (b"", b"\xed\xbf\xbf"),
    (b"", b"\xed\xa0\x80\xed\xb0\x80"),
    (b"", b"\xc2 "),
    (b"", b"\xe2\x82 "),
    (b"", b"\xf0\x9f\x98 "),
    (b"", b"\xc2\xc2"),
]


def texts() -> Iterator[Case]:
    """Group 6: text is UTF-8, wherever it is cut."""
    yield good("6.1.1", part(TEXT), answers=[""])
    for number, raw in enumerate(VALID_TEXTS):
        yield good(f"6.2 valid {number}", part(TEXT, raw), answers=[raw.decode()])
        singles = [raw[i : i + 1] for i in range(len(raw))] or [b""]
        yield good(f"6.2 valid {number} apart", *_text_parts(*singles), answers=[raw.decode()])
    for number, (start, end) in enumerate(INVALID_TEXTS):
        yield bad(f"6.3 invalid {number}", part(TEXT, start + end), code=1007)
        yield bad(f"6.3 invalid {number} apart", *_text_parts(start + end[:1], end[1:]), code=1007)
        yield bad(
            f"6.4 invalid {number}, more to come",
            part(TEXT, start, fin=False),
            part(CONTINUATION, end + b" and then", fin=False),
            code=1007,
        )
    for number, raw in enumerate(raw for raw in VALID_TEXTS if raw and raw[-1] >= 128):
        yield bad(f"6.5 cut short {number}", part(TEXT, raw[:-1]), code=1007)
        yield bad(f"6.5 cut short {number} apart", *_text_parts(raw[:-1], b""), code=1007)
    yield good("6.6 binary is no text", part(BINARY, b"\xff\xfe"), answers=[b"\xff\xfe"])


VALID_CODES = [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999]
INVALID_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]


def closing() -> Iterator[Case]:
    """Group 7: the closing handshake, and what may be in a close frame."""
    yield Case("7.1.1", [part(TEXT, b"Hello"), BYE], ["Hello"])
    yield Case("7.1.3 close twice", [BYE, close(1000)])
    yield Case("7.1.4 text after close", [BYE, part(TEXT, b"late")])
    yield Case("7.1.5 text unfinished", [part(TEXT, b"1", fin=False), BYE])
    yield Case("7.1.6 a large one before", [part(TEXT, b"x" * 262144), BYE], ["x" * 262144])
    yield Case("7.3.1", [close()], [], None, (None, None))
    yield bad("7.3.2", part(8, b"\x03"))
    yield Case("7.3.3", [close(1000)])
    yield Case("7.3.4", [close(1000, b"Hello World!")], [], 1000, (1000, "Hello World!"))
    yield Case("7.3.5", [close(1000, b"*" * 123)], [], 1000, (1000, "*" * 123))
    yield bad("7.3.6", close(1000, b"*" * 124))
    yield bad("7.5.1", close(1000, b"\xce\xba\xed\xa0\x80edited"), code=1007)
    yield bad("7.5.2 reason cut short", close(1000, b"\xce"), code=1007)
    yield Case("7.5.3", [close(1000, "größer".encode())], [], 1000, (1000, "größer"))
    for code in VALID_CODES:
        yield Case(f"7.7 {code}", [close(code)], [], code, (code, None))
        yield Case(f"7.7 {code} reason", [close(code, b"why")], [], code, (code, "why"))
    for code in INVALID_CODES:
        yield bad(f"7.9 {code}", close(code))
        yield bad(f"7.9 {code} reason", close(code, b"why"))


def sizes() -> Iterator[Case]:
    """Group 9: large messages, in one frame and in many."""
    for number, size in enumerate((65536, 262144, 1048576), 1):
        body = b"\xe2\x82\xac" * (size // 3)
        yield good(f"9.1.{number}", part(TEXT, body), answers=[body.decode()])
        yield good(f"9.2.{number}", part(BINARY, body), answers=[body])
    body = b"BAsd7&jh23" * 6554
    for piece in (64, 1024, 16384):
        cut = [body[i : i + piece] for i in range(0, len(body), piece)]
        yield good(f"9.3 by {piece}", *_text_parts(*cut), answers=[body.decode()])


def all_cases() -> list[Case]:
    """Every case that needs no extension."""
    groups = (framing, pings, reserved_bits, opcodes, fragmentation, texts, closing, sizes)
    return [case for group in groups for case in group()]
