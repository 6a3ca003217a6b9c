"""The frame parser over every case: whole, byte by byte, at every split; both forms, both roles."""

from __future__ import annotations

import importlib
import random
import sys
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whirlwind import _build
from whirlwind.protocol import deflate, frames, limits
from whirlwind.protocol.errors import ProtocolError

from . import cases
from .frames import BINARY, CONTINUATION, PING, TEXT, close, frame

CORE = "whirlwind.protocol.websocket"


def _cores() -> dict[str, ModuleType]:
    compiled = importlib.import_module(CORE)
    if _build.implementation() == "pure":
        return {"pure": compiled}
    parent = importlib.import_module("whirlwind.protocol")
    del sys.modules[CORE]
    sys.meta_path.insert(0, _build._PlainFinder)
    try:
        pure = importlib.import_module(CORE)
    finally:
        sys.meta_path.remove(_build._PlainFinder)
        sys.modules[CORE] = compiled
        parent.websocket = compiled  # type: ignore[attr-defined]
    return {"pure": pure, "compiled": compiled}


CORES = _cores()
ALL = cases.all_cases()
SMALL = [case for case in ALL if sum(len(payload) for _, payload, _ in case.sent) < 300]


@pytest.fixture(params=CORES)
def core(request: pytest.FixtureRequest) -> ModuleType:
    """Each form of the core that is here."""
    return CORES[request.param]


def run(parser: Any, pieces: Iterable[bytes]) -> list[object]:
    """What a parser makes of pieces: messages, and tuples for all else."""
    seen: list[object] = []
    try:
        for piece in pieces:
            parser.receive(piece)
            while (event := parser.next_event()) != frames.NEED_DATA:
                if event == frames.MESSAGE:
                    seen.append(parser.take())
                elif event == frames.PING:
                    seen.append(("ping", parser.take()))
                elif event == frames.PONG:
                    seen.append(("pong", parser.take()))
                elif event == frames.CLOSE:
                    seen.append(("close", parser.code, parser.reason))
                else:
                    assert event == frames.MORE
    except ProtocolError as error:
        seen.append(("error", error.code))
        parser.receive(frame(TEXT, b"more"))
        assert parser.next_event() == frames.NEED_DATA
    return seen


def expected(case: cases.Case) -> list[object]:
    """What the parser has to make of a case."""
    seen: list[object] = [
        ("ping", answer[1]) if isinstance(answer, tuple) else answer for answer in case.answers
    ]
    if case.peer_closed is None:
        seen.append(("error", case.code))
    else:
        code, reason = case.peer_closed
        seen.append(("close", code or 0, reason or ""))
    return seen


def wire(case: cases.Case, key: bytes | None) -> bytes:
    """A case as bytes."""
    return b"".join(
        frame(opcode, payload, key=key, **options)  # type: ignore[arg-type]
        for opcode, payload, options in case.sent
    )


def without_pongs(seen: list[object]) -> list[object]:
    """What was seen but for pongs, which nobody answers."""
    return [one for one in seen if not (isinstance(one, tuple) and one[0] == "pong")]


def parser(core: ModuleType, client: bool = False, size: int = 1 << 21) -> Any:
    """A parser of the server's side, or the client's."""
    return core.FrameParser(not client, size, None)


def splits(data: bytes) -> Iterator[list[bytes]]:
    """The data in two pieces, at every place."""
    for at in range(1, len(data)):
        yield [data[:at], data[at:]]


@pytest.mark.parametrize("client", [False, True], ids=["server", "client"])
def test_whole(core: ModuleType, client: bool) -> None:
    for case in ALL:
        data = wire(case, None if client else b"\x11\x82\xf3\x04")
        assert without_pongs(run(parser(core, client), [data])) == expected(case), case.name


@pytest.mark.parametrize("client", [False, True], ids=["server", "client"])
def test_byte_by_byte(core: ModuleType, client: bool) -> None:
    for case in SMALL:
        data = wire(case, None if client else b"\x11\x82\xf3\x04")
        pieces = [data[i : i + 1] for i in range(len(data))]
        assert without_pongs(run(parser(core, client), pieces)) == expected(case), case.name


def test_every_split(core: ModuleType) -> None:
    for case in SMALL:
        data = wire(case, b"\x00\x01\xfe\xff")
        if len(data) > 120:
            continue
        for pieces in splits(data):
            assert without_pongs(run(parser(core), pieces)) == expected(case), case.name


def test_random_pieces(core: ModuleType) -> None:
    for case in ALL:
        data = wire(case, b"\x11\x82\xf3\x04")
        chance = random.Random(case.name)
        cuts = sorted(chance.sample(range(len(data)), min(7, len(data))))
        pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        assert without_pongs(run(parser(core), pieces)) == expected(case), case.name


def test_nothing_is_handled_before_it_is_asked_for(core: ModuleType) -> None:
    one = parser(core)
    one.receive(frame(TEXT, b"a") + frame(TEXT, b"b")[:3])
    for byte in frame(TEXT, b"b")[3:] + frame(PING, b"p"):
        one.receive(bytes([byte]))  # the owner is busy with something else
    assert one.buffered() == len(frame(TEXT, b"a") + frame(TEXT, b"b") + frame(PING, b"p"))
    assert run(one, [b""]) == ["a", "b", ("ping", b"p")]
    assert one.buffered() == 0
    assert not one.in_message()


# --- masks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, 8])
def test_frames_without_mask_from_a_client(core: ModuleType, opcode: int) -> None:
    # Section 5.1. Nothing but the first two bytes is needed to say so.
    assert run(parser(core), [frame(opcode, b"\x03\xe8", key=None)[:2]]) == [("error", 1002)]


def test_frames_with_mask_from_a_server(core: ModuleType) -> None:
    assert run(parser(core, client=True), [frame(TEXT, b"abc")[:2]]) == [("error", 1002)]


# --- early refusal --------------------------------------------------------------------------------


def test_the_first_byte_is_enough(core: ModuleType) -> None:
    for first in range(256):
        opcode = first & 15
        fine = not first & 0x70 and (opcode in (1, 2) or (8 <= opcode <= 10 and first & 128))
        assert run(parser(core), [bytes([first])]) == ([] if fine else [("error", 1002)])


@pytest.mark.parametrize(("start", "end"), cases.INVALID_TEXTS)
def test_text_is_refused_at_the_first_wrong_byte(
    core: ModuleType, start: bytes, end: bytes
) -> None:
    text = start + end
    wrong = next(i for i in range(len(text)) if _is_wrong(text[: i + 1]))
    head = frame(TEXT, b"x" * 1000)[:8]  # and its mask
    masked = frame(TEXT, text + b"x" * (1000 - len(text)))[8:]
    one = parser(core)
    assert run(one, [head, masked[:wrong]]) == []
    assert run(one, [masked[wrong : wrong + 1]]) == [("error", 1007)]


def _is_wrong(data: bytes) -> bool:
    """Whether no text begins with these bytes, found out by trying what could follow."""
    for more in (b"", b"\x80", b"\xbf", b"\xa0", b"\x90"):
        for count in range(4):
            try:
                (data + (more + b"\x80" * count if more else b"")).decode("utf-8")
            except UnicodeDecodeError:
                continue
            return False
    return True


def test_a_close_code_is_refused_before_the_reason_is_here(core: ModuleType) -> None:
    assert run(parser(core), [close(1005, b"because")[:8]]) == [("error", 1002)]


def test_sizes_are_refused_from_the_head(core: ModuleType) -> None:
    for size in (1025, 65535, 65536, 2**32, 2**62):
        head = frame(BINARY, b"", says=size)[:-4]  # before its mask even
        assert run(parser(core, size=1024), [head]) == [("error", 1009)]
    assert run(parser(core, size=1024), [frame(BINARY, b"x" * 1024)]) == [b"x" * 1024]


def test_the_size_of_a_message_is_that_of_its_fragments(core: ModuleType) -> None:
    first = frame(TEXT, b"x" * 600, fin=False)
    assert run(parser(core, size=1024), [first, frame(CONTINUATION, b"y" * 425)[:4]]) == [
        ("error", 1009)
    ]
    assert run(parser(core, size=1024), [first, frame(CONTINUATION, b"y" * 424)]) == [
        "x" * 600 + "y" * 424
    ]
    # The next message begins to count anew.
    two = [first, frame(CONTINUATION, b"y" * 424)] * 2
    assert len(run(parser(core, size=1024), two)) == 2


def test_control_frames_do_not_count(core: ModuleType) -> None:
    assert run(parser(core, size=10), [frame(PING, b"p" * 125)]) == [("ping", b"p" * 125)]


def test_many_tiny_frames_are_looked_at_in_turns(core: ModuleType) -> None:
    one = parser(core)
    count = limits.MAX_FRAMES_PER_EVENT
    one.receive(frame(TEXT, b"", fin=False) + frame(CONTINUATION, b"", fin=False) * count)
    assert one.next_event() == frames.MORE
    assert one.next_event() == frames.NEED_DATA
    assert run(one, [frame(CONTINUATION, b"end")]) == ["end"]


@pytest.mark.parametrize("pieces", [1, 7])
def test_work_is_linear_in_fragments(pieces: int) -> None:
    """A message of one-byte fragments costs what its bytes cost, however they arrive."""

    class Counting:
        """Stands in for the decoder, and counts the bytes it is given."""

        seen = 0

        def getstate(self) -> tuple[bytes, int]:
            return b"", 0

        def decode(self, data: bytes, final: bool = False) -> str:
            Counting.seen += len(data)
            return ""

    core: Any = CORES["pure"]  # the compiled form keeps its decoder to itself
    core_decoder = core._new_decoder
    core._new_decoder = Counting
    try:
        data = frame(TEXT, "é".encode(), fin=False)
        data += frame(CONTINUATION, b"x", fin=False) * 2000
        data += frame(CONTINUATION, b"x")
        size = len(data) // pieces + 1
        run(parser(core), [data[i : i + size] for i in range(0, len(data), size)])
    finally:
        core._new_decoder = core_decoder
    assert Counting.seen == 2003


def test_long_texts_in_two_pieces(core: ModuleType) -> None:
    """Cut in every place, with a character of two bytes in some, or half of one."""
    ascii_text = "a" * 700
    for text in (ascii_text, "a" * 600 + "é" + "b" * 98, "é" * 350):
        data = frame(TEXT, text.encode())
        for cut in range(1, len(data)):
            assert run(parser(core), [data[:cut], data[cut:]]) == [text]
    wrong = frame(TEXT, b"a" * 600 + b"\xc3" + b"b" * 99)
    for cut in range(1, len(wrong)):
        assert run(parser(core), [wrong[:cut], wrong[cut:]]) == [("error", 1007)]


def test_a_text_that_ends_inside_a_character(core: ModuleType) -> None:
    head = frame(TEXT, b"abc", fin=False)
    for last in (b"\xc3", b"\xe2\x82", b"d\xf0\x9f\x98"):
        assert run(parser(core), [head, frame(CONTINUATION, last)]) == [("error", 1007)]


# --- round trips ----------------------------------------------------------------------------------


@given(
    messages=st.lists(st.text(max_size=300) | st.binary(max_size=300), max_size=6),
    cuts=st.lists(st.integers(0, 2000), max_size=6),
    key=st.binary(min_size=4, max_size=4) | st.none(),
    fragments=st.integers(1, 4),
)
def test_messages_come_through(
    messages: list[str | bytes], cuts: list[int], key: bytes | None, fragments: int
) -> None:
    data = b""
    for message in messages:
        raw = message.encode() if isinstance(message, str) else message
        size = len(raw) // fragments + 1
        parts = [raw[i : i + size] for i in range(0, len(raw), size)] or [b""]
        for i, piece in enumerate(parts):
            opcode = CONTINUATION if i else TEXT if isinstance(message, str) else BINARY
            data += frame(opcode, piece, fin=i == len(parts) - 1, key=key)
    places = sorted(min(cut, len(data)) for cut in cuts)
    pieces = [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]
    for core in CORES.values():
        assert run(parser(core, client=key is None), pieces) == messages


@given(data=st.binary(max_size=200), cut=st.integers(0, 200), client=st.booleans())
def test_any_bytes_get_one_verdict(data: bytes, cut: int, client: bool) -> None:
    """Both forms agree on garbage, in any two pieces, up to what was there before it."""
    outcomes = [
        run(core.FrameParser(not client, 1000, None), pieces)
        for core in CORES.values()
        for pieces in ([data], [data[:cut], data[cut:]])
    ]
    assert all(outcome == outcomes[0] for outcome in outcomes)


# --- close codes, heads ---------------------------------------------------------------------------


def test_close_codes() -> None:
    valid = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}
    for code in range(-1, 70000):
        assert frames.is_close_code(code) == (code in valid)


def test_close_payloads() -> None:
    assert frames.close_payload(None, None) == b""
    assert frames.close_payload(None, "") == b""
    assert frames.close_payload(None, "why") == b"\x03\xe8why"
    assert frames.close_payload(4000, "ü") == b"\x0f\xa0\xc3\xbc"
    assert len(frames.close_payload(1000, "x" * 123)) == 125
    with pytest.raises(ValueError, match="at most 123 bytes, not 124"):
        frames.close_payload(1000, "ü" * 62)
    for code in cases.INVALID_CODES:
        with pytest.raises(ValueError, match="not a close code"):
            frames.close_payload(code, None)


# --- with compression -----------------------------------------------------------------------------


def compressed(core: ModuleType, size: int = 1 << 20, takeover: bool = True) -> Any:
    """A parser of the server's side that has agreed on permessage-deflate."""
    return core.FrameParser(True, size, deflate.Inflater(15, takeover))


def test_the_examples_of_rfc_7692(core: ModuleType) -> None:
    # Section 7.2.3: one block, fragments, context, no compression, BFINAL, two blocks.
    hello = bytes.fromhex("f248cdc9c90700")
    assert run(compressed(core), [frame(TEXT, hello, rsv=4)]) == ["Hello"]
    two = [frame(TEXT, hello[:3], rsv=4, fin=False), frame(CONTINUATION, hello[3:])]
    assert run(compressed(core), two) == ["Hello"]
    again = frame(TEXT, bytes.fromhex("f200110000"), rsv=4)
    assert run(compressed(core), [frame(TEXT, hello, rsv=4), again]) == ["Hello", "Hello"]
    plain = bytes.fromhex("000500faff48656c6c6f00")
    assert run(compressed(core), [frame(TEXT, plain, rsv=4)]) == ["Hello"]
    final = bytes.fromhex("f348cdc9c9070000")
    assert run(compressed(core), [frame(TEXT, final, rsv=4)] * 2) == ["Hello", "Hello"]
    blocks = bytes.fromhex("f248050000 00ffffcac9c90700".replace(" ", ""))
    assert run(compressed(core), [frame(TEXT, blocks, rsv=4)]) == ["Hello"]


def test_s45_a_compressed_message_in_fragments(core: ModuleType) -> None:
    # RSV1 is a matter of the first frame and holds for the message, not for frames between.
    packed = deflate.Deflater(15, True).message("fragmented ☃ message ".encode() * 40)
    assert packed is not None
    for cut in range(1, len(packed)):
        data = [
            frame(TEXT, packed[:cut], rsv=4, fin=False),
            frame(PING, b"between"),
            frame(CONTINUATION, packed[cut:]),
            frame(TEXT, b"plain"),
        ]
        expected = [("ping", b"between"), "fragmented ☃ message " * 40, "plain"]
        assert run(compressed(core), data) == expected
        whole = b"".join(data)
        assert run(compressed(core), [whole[i : i + 1] for i in range(len(whole))]) == expected


def test_rsv1_where_it_means_nothing(core: ModuleType) -> None:
    packed = deflate.Deflater(15, False).message(b"x" * 100)
    assert packed is not None
    first = frame(TEXT, packed, rsv=4, fin=False)
    assert run(compressed(core), [first, frame(CONTINUATION, b"", rsv=4)]) == [("error", 1002)]
    assert run(compressed(core), [frame(PING, b"", rsv=4)]) == [("error", 1002)]
    for rsv in (1, 2, 3, 5, 6, 7):
        assert run(compressed(core), [frame(TEXT, packed, rsv=rsv)]) == [("error", 1002)]


def test_compressed_text_is_utf_8(core: ModuleType) -> None:
    packed = deflate.Deflater(15, True).message(b"good " * 100 + b"\xc0\x80" + b"more " * 100)
    assert packed is not None
    data = frame(TEXT, packed, rsv=4)
    for pieces in ([data], [data[i : i + 1] for i in range(len(data))]):
        assert run(compressed(core), pieces) == [("error", 1007)]


@pytest.mark.parametrize("data", [b"\xff" * 20, b"\x07\x00", b"\x00\x05\x00\x00\x00", b"\xf2"])
def test_what_does_not_decompress(core: ModuleType, data: bytes) -> None:
    message = frame(BINARY, data, rsv=4)
    for pieces in ([message], [message[i : i + 1] for i in range(len(message))]):
        outcome = run(compressed(core), [*pieces, frame(BINARY, data, rsv=4)])
        assert outcome[-1] == ("error", 1007), outcome


def test_bombs_go_off_small(core: ModuleType) -> None:
    packed = deflate.Deflater(15, True).message(b"\0" * 10_000_000)
    assert packed is not None
    assert len(packed) < 10_000
    data = frame(BINARY, packed, rsv=4)
    assert run(compressed(core, 100_000), [data]) == [("error", 1009)]
    assert run(compressed(core, 100_000), [data[:2000], data[2000:]]) == [("error", 1009)]
    cut = [frame(BINARY, packed[:50], rsv=4, fin=False), frame(CONTINUATION, packed[50:])]
    assert run(compressed(core, 100_000), cut) == [("error", 1009)]
    assert run(compressed(core, 10_000_000), [data]) == [b"\0" * 10_000_000]


def test_what_does_not_compress_may_be_longer_on_the_wire(core: ModuleType) -> None:
    noise = random.Random(1).randbytes(100_000)
    packed = deflate.Deflater(15, True, mem_level=1).message(noise)
    assert packed is not None
    assert len(packed) > len(noise)
    assert run(compressed(core, 100_000), [frame(BINARY, packed, rsv=4)]) == [noise]
    assert run(compressed(core, 99_999), [frame(BINARY, packed, rsv=4)]) == [("error", 1009)]
    head = frame(BINARY, b"", rsv=4, says=200_000)
    assert run(compressed(core, 100_000), [head]) == [("error", 1009)]


def test_endless_streams_in_one_message(core: ModuleType) -> None:
    data = b"\x03\x00" * 100 + b"\x00"  # an empty stream that ends, a hundred times
    assert run(compressed(core), [frame(BINARY, data, rsv=4)]) == [("error", 1007)]
    few = b"\x03\x00" * 10 + b"\x00"
    assert run(compressed(core), [frame(BINARY, few, rsv=4)]) == [b""]
