"""permessage-deflate: agreeing on it from both sides, and messages in every combination of it."""

from __future__ import annotations

import itertools
import random
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whirlwind.protocol import deflate, limits
from whirlwind.protocol.errors import ProtocolError
from whirlwind.protocol.extensions import OPTION_NAMES, Options, accept, check_answer, offer
from whirlwind.protocol.extensions import parse_extensions as parse


def accepted(value: str, **options: Any) -> str | None:
    """What a server answers to an offer."""
    found = accept(value, Options(**options))
    return None if found is None else found[1]


# --- the field ------------------------------------------------------------------------------------


def test_parsing() -> None:
    assert parse("permessage-deflate") == [("permessage-deflate", [])]
    assert parse('Foo; a ; B=2;c = "x" , bar') == [
        ("foo", [("a", None), ("b", "2"), ("c", "x")]),
        ("bar", []),
    ]
    # Empty members of a list do not count (RFC 9110 section 5.6.1.2).
    for value in ("a,b", "a,", ",a", " ,, a ,\t, b, "):
        names = [name for name, _ in parse(value)]
        assert names == [name for name in ("a", "b") if name in value]


@pytest.mark.parametrize(
    "value",
    [
        "",
        ",",
        " , ,",
        "a, ;",
        "a;",
        "a; ",
        "a;b=",
        "a;=b",
        'a;b="',
        'a;b="x',
        'a;b=""',
        "a b",
        "a;b c",
        "a;b=c d",
        "ä",
        "a;b=ä",
        'a;b="x y"',
        "a/b",
        ", ".join(["x"] * 33),
    ],
)
def test_what_is_malformed(value: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        parse(value)
    assert raised.value.code == 400


@given(st.text(alphabet=' \t;,="ab1', max_size=40))
def test_parsing_ends(value: str) -> None:
    try:
        parse(value)
    except ProtocolError:
        pass


def test_parsing_is_linear() -> None:
    parse("a;" + "b=c;" * 20000 + "d")
    with pytest.raises(ProtocolError):
        parse("a" + " \t" * 40000 + "b")


# --- the server's side ----------------------------------------------------------------------------


def test_plain_offer() -> None:
    assert accepted("permessage-deflate") == "permessage-deflate"
    assert accepted("permessage-deflate; client_max_window_bits") == "permessage-deflate"


def test_other_extensions_are_passed_over() -> None:
    assert accepted("x-webkit-deflate-frame, permessage-deflate; client_max_window_bits") == (
        "permessage-deflate"
    )
    assert accepted("permessage-bzip2") is None


def test_offers_are_taken_in_order() -> None:
    assert accepted("permessage-deflate; server_no_context_takeover, permessage-deflate") == (
        "permessage-deflate; server_no_context_takeover"
    )
    assert accepted("permessage-deflate; unknown=1, permessage-deflate") == "permessage-deflate"


@pytest.mark.parametrize(
    "parameters",
    [
        "unknown",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "server_max_window_bits",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=08",
        "server_max_window_bits=1x",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits; client_max_window_bits=10",
        "server_no_context_takeover; server_no_context_takeover",
    ],
)
def test_offers_that_are_declined(parameters: str) -> None:
    assert accepted(f"permessage-deflate; {parameters}") is None


def test_what_the_client_asks_for_is_granted() -> None:
    name = "permessage-deflate"
    assert accepted(f"{name}; server_no_context_takeover") == f"{name}; server_no_context_takeover"
    assert accepted(f"{name}; client_no_context_takeover") == f"{name}; client_no_context_takeover"
    for bits in range(8, 16):
        asked = f"{name}; server_max_window_bits={bits}"
        assert accepted(asked) == asked
        assert accepted(f'{name}; server_max_window_bits="{bits}"') == asked
        found = accept(f"{name}; client_max_window_bits={bits}", Options())
        assert found is not None
        assert found[1] == name
        assert found[0].client_bits == bits


def test_what_the_server_wants() -> None:
    name = "permessage-deflate"
    assert accepted(name, server_no_context_takeover=True) == f"{name}; server_no_context_takeover"
    assert accepted(name, client_no_context_takeover=True) == f"{name}; client_no_context_takeover"
    assert accepted(name, server_max_window_bits=10) == f"{name}; server_max_window_bits=10"
    # A limit for the client may only be set if it has said that it knows the parameter.
    assert accepted(name, client_max_window_bits=10) == name
    offered = f"{name}; client_max_window_bits"
    assert accepted(offered, client_max_window_bits=10) == f"{name}; client_max_window_bits=10"
    assert accepted(f"{offered}=9", client_max_window_bits=10) == name
    assert accepted(f"{name}; server_max_window_bits=9", server_max_window_bits=10) == (
        f"{name}; server_max_window_bits=9"
    )


def test_options() -> None:
    assert OPTION_NAMES[:3] == ("compression_level", "mem_level", "threshold")
    for name, value in [("compression_level", 10), ("mem_level", 0), ("server_max_window_bits", 7)]:
        with pytest.raises(ValueError, match=name):
            Options(**{name: value})
    with pytest.raises(ValueError, match="mem_level must be from 1 to 9, not '9'"):
        Options(mem_level="9")  # type: ignore[arg-type]


# --- the client's side ----------------------------------------------------------------------------


def test_offer() -> None:
    assert offer(Options()) == "permessage-deflate; client_max_window_bits"
    assert offer(
        Options(
            server_no_context_takeover=True,
            client_no_context_takeover=True,
            server_max_window_bits=10,
            client_max_window_bits=9,
        )
    ) == (
        "permessage-deflate; client_max_window_bits=9; client_no_context_takeover; "
        "server_no_context_takeover; server_max_window_bits=10"
    )


def test_answers() -> None:
    agreed = check_answer(
        "permessage-deflate; server_no_context_takeover; client_max_window_bits=10; "
        'server_max_window_bits="12"; client_no_context_takeover',
        Options(),
    )
    assert agreed.server_no_context_takeover
    assert agreed.client_no_context_takeover
    assert (agreed.server_bits, agreed.client_bits) == (12, 10)
    agreed = check_answer("permessage-deflate", Options(client_max_window_bits=9))
    assert agreed.client_bits == 9
    assert not agreed.client_no_context_takeover


@pytest.mark.parametrize(
    ("answer", "options"),
    [
        ("permessage-bzip2", {}),
        ("permessage-deflate, permessage-deflate", {}),
        ("permessage-deflate; unknown", {}),
        ("permessage-deflate; server_max_window_bits", {}),
        ("permessage-deflate; server_max_window_bits=7", {}),
        ("permessage-deflate; client_max_window_bits", {}),
        ("permessage-deflate; client_max_window_bits=20", {}),
        ("permessage-deflate; server_no_context_takeover=0", {}),
        ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", {}),
        ("permessage-deflate", {"server_no_context_takeover": True}),
        ("permessage-deflate; server_max_window_bits=12", {"server_max_window_bits": 11}),
        ("permessage-deflate", {"server_max_window_bits": 11}),
        ("permessage-deflate;", {}),
        ("", {}),
    ],
)
def test_answers_that_end_the_handshake(answer: str, options: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError) as raised:
        check_answer(answer, Options(**options))
    assert raised.value.code == 1010


@given(
    server=st.fixed_dictionaries(
        {},
        optional={
            "server_no_context_takeover": st.booleans(),
            "client_no_context_takeover": st.booleans(),
            "server_max_window_bits": st.integers(8, 15),
            "client_max_window_bits": st.integers(8, 15),
        },
    ),
    client=st.fixed_dictionaries(
        {},
        optional={
            "server_no_context_takeover": st.booleans(),
            "client_no_context_takeover": st.booleans(),
            "server_max_window_bits": st.integers(8, 15),
            "client_max_window_bits": st.integers(8, 15),
        },
    ),
)
def test_both_sides_come_to_the_same(server: dict[str, Any], client: dict[str, Any]) -> None:
    found = accept(offer(Options(**client)), Options(**server))
    assert found is not None
    theirs, answer = found
    ours = check_answer(answer, Options(**client))
    assert ours.server_no_context_takeover == theirs.server_no_context_takeover
    assert ours.client_no_context_takeover == theirs.client_no_context_takeover
    assert ours.server_bits == theirs.server_bits
    assert ours.client_bits == theirs.client_bits
    for name in ("server_no_context_takeover", "client_no_context_takeover"):
        assert getattr(ours, name) == bool(server.get(name) or client.get(name))


# --- messages -------------------------------------------------------------------------------------

TEXTS = [b"", b"a", b"hello " * 30, b"hello " * 3000, random.Random(5).randbytes(70000), b"hello"]


@pytest.mark.parametrize("takeover", [True, False])
@pytest.mark.parametrize("bits", range(8, 16))
def test_every_window(bits: int, takeover: bool) -> None:
    deflater = deflate.Deflater(bits, takeover)
    inflater = deflate.Inflater(bits, takeover)
    # Somebody else's decompressor, which knows no window beyond the one agreed on.
    strict = zlib.decompressobj(-bits)
    for text in TEXTS * 2:
        packed = deflater.message(text)
        if packed is None:
            assert not text or not takeover
            continue
        assert inflater.message(packed, 100_000) == text
        assert strict.decompress(packed + deflate.TAIL) == text


@pytest.mark.parametrize("level", [0, 1, 6, 9])
@pytest.mark.parametrize("mem_level", [1, 5, 9])
def test_levels(level: int, mem_level: int) -> None:
    deflater = deflate.Deflater(15, True, level, mem_level)
    inflater = deflate.Inflater(15, True)
    for text in TEXTS:
        packed = deflater.message(text)
        if packed is not None:
            assert inflater.message(packed, 100_000) == text


def test_takeover_pays() -> None:
    text = random.Random(1).randbytes(500).hex().encode()
    with_context, without = deflate.Deflater(15, True), deflate.Deflater(15, False)
    first, second = with_context.message(text), with_context.message(text)
    assert first is not None
    assert second is not None
    assert len(second) < len(first) // 10
    assert without.message(text) == without.message(text)


def test_short_messages_are_left_alone() -> None:
    deflater = deflate.Deflater(15, True, threshold=100)
    assert deflater.message(b"x" * 99) is None
    assert deflater.message(b"x" * 100) is not None
    assert deflate.Deflater(15, True).message(b"") is None


def test_what_gets_longer_is_left_alone_without_context() -> None:
    noise = random.Random(1).randbytes(1000)
    assert deflate.Deflater(15, False).message(noise) is None
    # With context the receiver has to learn of every message that others may refer to.
    assert deflate.Deflater(15, True).message(noise) is not None


def test_messages_that_refer_to_nothing() -> None:
    """Frames shared by many connections, between those of each connection's own context."""
    one, other = deflate.Deflater(15, True), deflate.Deflater(15, True)
    pairs = [(one, deflate.Inflater(15, True)), (other, deflate.Inflater(15, True))]
    for round_ in range(3):
        for deflater, inflater in pairs:
            text = b"private text of a connection " * 20 + bytes([round_])
            packed = deflater.message(text)
            assert packed is not None
            assert inflater.message(packed, 10_000) == text
        shared = b"a text for everybody " * 30
        packed = one.alone(shared)
        for deflater, inflater in pairs:
            assert inflater.message(packed, 10_000) == shared
            deflater.forget()
    assert deflate.Deflater(15, False).alone(b"") == b"\0"
    assert deflate.Inflater(15, False).message(b"\0", 10) == b""


def test_compressors_are_pooled() -> None:
    key = (3, 7, 11)
    deflate._pool.pop(key, None)
    made = [deflate.Deflater(11, True, 3, 7) for _ in range(20)]
    for one in made:
        one.message(b"x" * 100)
    assert not deflate._pool.get(key)
    for one in made:
        one.forget()
    assert len(deflate._pool[key]) == limits.MAX_POOLED_COMPRESSORS
    # A hundred connections without context share them.
    for _ in range(100):
        assert deflate.Deflater(11, False, 3, 7).message(b"x" * 100) is not None
    assert len(deflate._pool[key]) == limits.MAX_POOLED_COMPRESSORS


def test_a_quiet_connection_has_no_compressor() -> None:
    deflater, inflater = deflate.Deflater(15, True), deflate.Inflater(15, True)
    text = b"some text " * 50
    assert not deflater.rest()
    for _ in range(2):
        packed = deflater.message(text)
        assert packed is not None
        assert inflater.message(packed, 1000) == text
        assert deflater.rest()  # used since it was asked last
        assert not deflater.rest()
        assert deflater._compressor is None


def test_pieces() -> None:
    text = b"some text " * 50
    packed = deflate.Deflater(15, True).message(text)
    assert packed is not None
    for size in (1, 3, 20):
        inflater = deflate.Inflater(15, True)
        found = [inflater.inflate(packed[i : i + size], 1000) for i in range(0, len(packed), size)]
        assert b"".join(found) + inflater.end_message(1000) == text


@pytest.mark.parametrize("room", [0, 1, 499, 500])
def test_room(room: int) -> None:
    packed = deflate.Deflater(15, True).message(b"x" * 500)
    assert packed is not None
    inflater = deflate.Inflater(15, True)
    if room == 500:
        assert inflater.message(packed, room) == b"x" * 500
    else:
        with pytest.raises(ProtocolError) as raised:
            inflater.message(packed, room)
        assert raised.value.code == 1009


@given(
    messages=st.lists(st.binary(max_size=400) | st.text("ab ", max_size=400).map(str.encode)),
    takeover=st.booleans(),
    bits=st.integers(8, 15),
    forget=st.sets(st.integers(0, 10)),
)
def test_round_trips(messages: list[bytes], takeover: bool, bits: int, forget: set[int]) -> None:
    deflater, inflater = deflate.Deflater(bits, takeover), deflate.Inflater(bits, takeover)
    for number, message in enumerate(messages):
        if number in forget:
            deflater.forget()
        packed = deflater.message(message)
        if packed is not None:
            assert inflater.message(packed, 1000) == message


def test_all_agreements_work() -> None:
    flags, windows = (False, True), (8, 9, 12, 15)
    for s_flag, c_flag, s_bits, c_bits in itertools.product(flags, flags, windows, windows):
        options = Options(
            server_no_context_takeover=s_flag,
            client_no_context_takeover=c_flag,
            server_max_window_bits=s_bits,
            client_max_window_bits=c_bits,
            threshold=0,
        )
        found = accept(offer(options), options)
        assert found is not None
        client = check_answer(found[1], options).pair(options, server=False)
        server = found[0].pair(options, server=True)
        for _ in range(2):
            for sender, receiver in ((client[0], server[1]), (server[0], client[1])):
                packed = sender.message(b"text " * 200)
                assert packed is not None
                assert receiver.message(packed, 1000) == b"text " * 200
