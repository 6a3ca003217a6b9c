"""The multipart core: any segmentation gives the same parts, and every error is final."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from whirlwind.protocol import limits, multipart
from whirlwind.protocol.errors import ProtocolError
from whirlwind.protocol.multipart import MultipartParser

Part = tuple[list[tuple[bytes, bytes]], bytes]

BOUNDARY = b"x-Y.z"
DELIMITER = b"\r\n--" + BOUNDARY


def collect(events: list[multipart.Event]) -> tuple[list[Part], bool]:
    """Join the events of a whole body into parts; checks that they come in a sensible order."""
    parts: list[Part] = []
    fields: list[tuple[bytes, bytes]] | None = None
    body = b""
    ended = False
    for kind, value in events:
        assert not ended
        if kind == multipart.PART:
            assert fields is None
            assert isinstance(value, list)
            fields, body = value, b""
        elif kind == multipart.DATA:
            assert fields is not None
            assert isinstance(value, bytes)
            assert value
            body += value
        elif kind == multipart.PART_END:
            assert fields is not None
            parts.append((fields, body))
            fields = None
        else:
            assert kind == multipart.END
            assert fields is None
            ended = True
    return parts, ended


def run(pieces: list[bytes], **limits_: int) -> tuple[list[Part], str | None]:
    """Feed the pieces; return the complete parts and the reason of the error, if any."""
    parser = MultipartParser(BOUNDARY, **limits_)
    events: list[multipart.Event] = []
    failure = None
    try:
        for piece in pieces:
            events += parser.feed(piece)
        parser.finish()
    except ProtocolError as error:
        failure = error
    if failure is not None:
        assert failure.code == 400
        for again in (lambda: parser.feed(b"more"), parser.finish):
            with pytest.raises(ProtocolError) as caught:
                again()
            assert caught.value is failure
    reason = None if failure is None else failure.reason
    parts, ended = collect(events)
    assert ended == (reason is None)
    return parts, reason


def cut(data: bytes, positions: list[int]) -> list[bytes]:
    """Cut the data at the positions."""
    edges = [0, *sorted(p for p in positions if p < len(data)), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


# Bodies made of what a delimiter is made of: every near miss.
noise = st.lists(
    st.sampled_from(
        [b"\r", b"\n", b"\r\n", b"-", b"--", DELIMITER[:4], DELIMITER[2:], DELIMITER[:-1], b"a"]
    ),
    max_size=8,
).map(b"".join)
bodies = noise.filter(lambda body: DELIMITER not in b"\r\n" + body + b"\r\n")
heads = st.lists(
    st.tuples(
        st.from_regex(rb"[A-Za-z\-]{1,12}", fullmatch=True),
        st.sampled_from([b"", b"v", b'form-data; name="a"', b"\xc3\xa9 x", b"a\tb"]),
    ),
    max_size=4,
)


def build(parts: list[Part], preamble: bytes = b"", epilogue: bytes = b"") -> bytes:
    out = [preamble]
    for fields, body in parts:
        out += [DELIMITER, b"\r\n"]
        out += [name + b": " + value + b"\r\n" for name, value in fields]
        out += [b"\r\n", body]
    return b"".join([*out, DELIMITER, b"--", epilogue])


class TestRoundTrip:
    @given(st.lists(st.tuples(heads, bodies), max_size=4), bodies, noise, st.data())
    def test_any_segmentation(
        self, parts: list[Part], preamble: bytes, epilogue: bytes, data: st.DataObject
    ) -> None:
        body = build(parts, preamble, epilogue)
        positions = data.draw(st.lists(st.integers(1, max(1, len(body)))))
        assert run([body]) == (parts, None)
        assert run(cut(body, positions)) == (parts, None)
        assert run([body[i : i + 1] for i in range(len(body))]) == (parts, None)

    @given(noise.map(lambda n: DELIMITER + b"\r\n" + n), st.lists(st.integers(1, 80)))
    @example(DELIMITER + b"\r\n\r\n" + DELIMITER + b"-", [])
    def test_anything_has_one_verdict(self, body: bytes, positions: list[int]) -> None:
        whole = run([body])
        assert run(cut(body, positions))[1] == whole[1]
        assert run([body[i : i + 1] for i in range(len(body))])[1] == whole[1]

    @pytest.mark.parametrize("size", range(1, 40))
    def test_every_chunk_size(self, size: int) -> None:
        value = (DELIMITER[:-1] + b"\r\n\r\n--") * 5
        body = build([([(b"A", b"b")], value)], b"pre\r\n--x")
        assert run(cut(body, list(range(size, len(body), size)))) == (
            [([(b"A", b"b")], value)],
            None,
        )


class TestDelimiters:
    def test_first_needs_no_line_end(self) -> None:
        assert run([build([([], b"v")])[2:]]) == ([([], b"v")], None)
        assert run([b"\r\n" + build([([], b"v")])]) == ([([], b"v")], None)

    def test_no_parts(self) -> None:
        assert run([b"--" + BOUNDARY + b"--"]) == ([], None)

    def test_part_without_body(self) -> None:
        # RFC 2046 body-part: the CR LF before the delimiter is the one after the header.
        body = b"--" + BOUNDARY + b"\r\nA: b\r\n" + DELIMITER + b"--"
        assert run([body]) == ([([(b"A", b"b")], b"")], None)
        assert run([body[i : i + 1] for i in range(len(body))]) == ([([(b"A", b"b")], b"")], None)

    def test_padding(self) -> None:
        body = build([([], b"1"), ([], b"2")]).replace(DELIMITER + b"\r", DELIMITER + b" \t \r")
        assert run([body]) == ([([], b"1"), ([], b"2")], None)
        assert run([body[i : i + 1] for i in range(len(body))]) == ([([], b"1"), ([], b"2")], None)

    def test_longer_word_is_data(self) -> None:
        value = b"a" + DELIMITER + b"1" + DELIMITER + b"-1" + DELIMITER + b"\rb"
        assert run([build([([], value)])]) == ([([], value)], None)

    def test_what_follows_the_end_is_ignored(self) -> None:
        body = build([([], b"v")])
        assert run([body, b"junk", build([([], b"w")])]) == ([([], b"v")], None)

    @pytest.mark.parametrize("end", [b"", b"--", DELIMITER, DELIMITER + b"-", DELIMITER + b"\r\n"])
    def test_truncated(self, end: bytes) -> None:
        body = build([([], b"v")]).removesuffix(DELIMITER + b"--") + end
        assert run([body])[1] == "multipart body has no final boundary"

    def test_line_feeds_only(self) -> None:
        body = build([([], b"v")]).replace(b"\r\n", b"\n")
        assert run([body])[1] == "multipart body has no final boundary"

    def test_junk_after_padding(self) -> None:
        assert run([DELIMITER + b" x\r\n"])[1] == "malformed multipart boundary line"
        assert run([DELIMITER + b" ", b"\r", b"x"])[1] == "malformed multipart boundary line"
        assert run([DELIMITER, b" " * 11000])[1] == "multipart boundary line is too long"


class TestHeaders:
    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (b"no colon", "Invalid header name"),
            (b": v", "Invalid header name"),
            (b"A : v", "Invalid header name"),
            (b"A(: v", "Invalid header name"),
            (b" A: v", "Invalid header name"),
            (b"A: v\r\n folded", "Invalid header name"),
            (b"A\xc3\xa9: v", "Invalid header name"),
            (b"A: a\rb", "Invalid header value"),
            (b"A: a\nB: c", "Invalid header value"),
            (b"A: a\0b", "Invalid header value"),
            (b"A: a\x7fb", "Invalid header value"),
        ],
    )
    def test_grammar(self, line: bytes, reason: str) -> None:
        body = DELIMITER + b"\r\n" + line + b"\r\n\r\nv" + DELIMITER + b"--"
        for pieces in ([body], [body[i : i + 1] for i in range(len(body))]):
            parts, found = run(pieces)
            assert parts == []
            assert found == f"{reason} in a multipart part"

    @given(st.integers(-3, 3), st.booleans())
    def test_size(self, extra: int, one_by_one: bool) -> None:
        limit = 30
        head = b"A: b\r\nC: "
        head += b"x" * (limit - len(head) + extra)
        body = DELIMITER + b"\r\n" + head + b"\r\n\r\n" + DELIMITER + b"--"
        pieces = [body[i : i + 1] for i in range(len(body))] if one_by_one else [body]
        reason = run(pieces, max_head_size=limit)[1]
        assert reason == (None if extra <= 0 else "multipart part header too large")

    def test_size_without_line_end(self) -> None:
        assert run([DELIMITER + b"\r\n", b"x" * 20000])[1] == "multipart part header too large"

    def test_number_of_fields(self) -> None:
        fields = [(b"A", b"b")] * limits.MAX_PART_FIELDS
        assert run([build([(fields, b"")])])[1] is None
        reason = run([build([([*fields, (b"A", b"b")], b"")])])[1]
        assert reason == "multipart part header has too many fields"


class TestLimits:
    @pytest.mark.parametrize("count", [0, 1, 2])
    def test_parts(self, count: int) -> None:
        body = build([([], b"v")] * count)
        assert run([body], max_parts=count) == ([([], b"v")] * count, None)
        if count:
            reason = run([body], max_parts=count - 1)[1]
            assert reason == "multipart body has too many parts"

    def test_stops_at_the_limit(self) -> None:
        # A million parts are not made before they are counted.
        body = (DELIMITER + b"\r\n\r\n") * 1000
        parser = MultipartParser(BOUNDARY, max_parts=10)
        with pytest.raises(ProtocolError, match="too many parts"):
            parser.feed(body)

    @pytest.mark.parametrize(
        ("boundary", "good"),
        [
            (b"", False),
            (b"a" * 70, True),
            (b"a" * 71, False),
            (b"a b", True),
            (b"a ", False),
            (b"'()+_,-./:=?", True),
            (b'"a"', False),
            (b"a;b", False),
            (b"a\r\nb", False),
            (b"\xff", False),
        ],
    )
    def test_boundary_grammar(self, boundary: bytes, good: bool) -> None:
        if good:
            MultipartParser(boundary)
        else:
            with pytest.raises(ProtocolError, match="malformed multipart boundary"):
                MultipartParser(boundary)


class CountedBytes(bytes):
    """Bytes that count how many of them searches look at and slices copy."""

    touched = 0

    def find(self, needle: bytes, start: int = 0, end: int | None = None) -> int:  # type: ignore[override]
        found = super().find(needle, start)
        CountedBytes.touched += (len(self) if found < 0 else found + len(needle)) - start
        return found

    def rfind(self, needle: bytes, start: int = 0, end: int | None = None) -> int:  # type: ignore[override]
        CountedBytes.touched += len(self) - start
        return super().rfind(needle, start)

    def __getitem__(self, key: slice | int) -> bytes | int:  # type: ignore[override]
        value = super().__getitem__(key)
        if isinstance(value, bytes):
            CountedBytes.touched += len(value)
            return CountedBytes(value)
        return value

    def __radd__(self, other: bytes) -> "CountedBytes":
        CountedBytes.touched += len(other) + len(self)
        return CountedBytes(bytes(other) + bytes(self))

    def __add__(self, other: bytes) -> "CountedBytes":  # type: ignore[override]
        CountedBytes.touched += len(other) + len(self)
        return CountedBytes(bytes(self) + bytes(other))


@pytest.mark.skipif(not multipart.__file__.endswith(".py"), reason="counts calls of plain Python")
class TestLinear:
    @pytest.mark.parametrize(
        "unit",
        [b"\r\n", b"\r", DELIMITER[:-1], DELIMITER + b"1", b"\r\n--", b"\r\n\r\n--x"],
    )
    @pytest.mark.parametrize("piece", [0, 1, 7, 1000])
    def test_body(self, unit: bytes, piece: int) -> None:
        def work(size: int) -> int:
            body = DELIMITER + b"\r\n\r\n" + unit * (size // len(unit)) + DELIMITER + b"--"
            parser = MultipartParser(BOUNDARY)
            CountedBytes.touched = 0
            step = piece or len(body)
            for start in range(0, len(body), step):
                parser.feed(CountedBytes(body[start : start + step]))
            parser.finish()
            return CountedBytes.touched

        small, large = work(4000), work(16000)
        assert 0 < large <= 4.2 * small
