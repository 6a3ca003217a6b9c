"""whirlwind.multipart: parts of forms while they arrive."""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import os
import pathlib
import quopri
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.loops import Run, run
from whirlwind import httputil
from whirlwind.httputil import ParseMultipartConfig
from whirlwind.iostream import StreamClosedError
from whirlwind.multipart import MultipartError, Part, Parts
from whirlwind.protocol.errors import HTTPInputError, ProtocolError
from whirlwind.protocol.transfer import decoder_for

__all__ = ["run"]  # a fixture

TYPE = "multipart/form-data; boundary=1234"
NAME = b'Content-Disposition: form-data; name="a"'
FILE = NAME + b'; filename="f.bin"\r\nContent-Type: application/x-mine'


def form(*parts: bytes) -> bytes:
    return b"".join(b"--1234\r\n" + part + b"\r\n" for part in parts) + b"--1234--\r\n"


async def send(parts: Parts, pieces: list[bytes]) -> None:
    """Feed the pieces, waiting when told to."""
    for piece in pieces:
        room = parts.feed(piece)
        if room is not None:
            await room
    parts.finish()


async def collected(parts: Parts) -> list[tuple[str, str, str, bytes]]:
    return [(p.name, p.filename, p.content_type, await p.read()) async for p in parts]


def test_fields_and_files(run: Run) -> None:
    async def main() -> None:
        body = form(NAME + b"\r\n\r\nvalue", FILE + b"\r\n\r\ncontent\r\n", NAME + b"\r\n\r\n")
        parts = Parts(TYPE)
        sending = asyncio.ensure_future(send(parts, [body]))
        assert await collected(parts) == [
            ("a", "", "application/unknown", b"value"),
            ("a", "f.bin", "application/x-mine", b"content\r\n"),
            ("a", "", "application/unknown", b""),
        ]
        await sending

    run(main)


@pytest.mark.parametrize("prefix", [b"", b"\r\n", b"preamble\r\n"])
def test_what_comes_before_the_first_part(run: Run, prefix: bytes) -> None:
    async def main() -> None:
        parts = Parts(TYPE)
        sending = asyncio.ensure_future(send(parts, [prefix + form(NAME + b"\r\n\r\nv")]))
        assert [part[3] for part in await collected(parts)] == [b"v"]
        await sending

    run(main)


_VALUES = st.lists(
    st.tuples(
        st.sampled_from([b"", b"base64", b"quoted-printable", b"binary"]),
        st.binary(max_size=60) | st.text("=\r\n-1234 aA", max_size=40).map(str.encode),
    ),
    max_size=4,
)


@settings(deadline=None)
@given(values=_VALUES, cuts=st.lists(st.integers(0, 600), max_size=6))
def test_any_segmentation_gives_what_the_whole_gives(
    values: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    encode = {b"base64": base64.encodebytes, b"quoted-printable": quopri.encodestring}
    sent = []
    for encoding, value in values:
        head = NAME + (b"\r\nContent-Transfer-Encoding: " + encoding if encoding else b"")
        sent.append(head + b"\r\n\r\n" + encode.get(encoding, bytes)(value))
    body = form(*sent)
    bounds = sorted({min(cut, len(body)) for cut in cuts} | {0, len(body)})
    pieces = [body[a:b] for a, b in itertools.pairwise(bounds)]
    arguments: dict[str, list[bytes]] = {}
    try:
        httputil.parse_multipart_form_data(b"1234", body, arguments, {})
        expected: Any = arguments.get("a", [])
    except ProtocolError as error:
        expected = error.reason

    async def main() -> Any:
        parts = Parts(TYPE)
        sending = asyncio.ensure_future(send(parts, pieces))
        try:
            found: Any = [part[3] for part in await collected(parts)]
        except MultipartError as error:
            found = error.reason
        await asyncio.gather(sending, return_exceptions=True)
        return found

    assert asyncio.run(main()) == expected


@settings(deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(0, 300), max_size=8))
def test_transfer_encodings_in_pieces(value: bytes, cuts: list[int]) -> None:
    for name, encoded in (
        (b"base64", base64.encodebytes(value)),
        (b"quoted-printable", quopri.encodestring(value)),
    ):
        decoder = decoder_for(name)
        assert decoder is not None
        bounds = sorted({min(cut, len(encoded)) for cut in cuts} | {0, len(encoded)})
        pairs = itertools.pairwise(bounds)
        found = b"".join(decoder.decode(encoded[a:b]) for a, b in pairs)
        assert found + decoder.finish() == value
    assert decoder_for(b"8bit") is None


@pytest.mark.parametrize("encoded", [b"!", b"YQ", b"YQ=", b"YQ==YQ==", b"Y===", b"YQ==!", b"=YQ="])
def test_base64_that_is_none(encoded: bytes) -> None:
    for pieces in ([encoded], [encoded[i : i + 1] for i in range(len(encoded))]):
        decoder = decoder_for(b"base64")
        assert decoder is not None
        with pytest.raises(ProtocolError, match="not in base64"):
            _ = [decoder.decode(piece) for piece in pieces] and decoder.finish()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "no final boundary"),
        (form(NAME + b"\r\n\r\nv")[:-4], "no final boundary"),
        (form(b"\r\nv"), "without Content-Disposition"),
        (form(b"v"), "Invalid header name"),
        (form(NAME + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n!"), "not in base64"),
        (form(*[NAME + b"\r\n\r\n"] * 4), "too many parts"),
        (form(NAME + b"\r\nX: " + b"x" * 100 + b"\r\n\r\nv"), "header too large"),
    ],
)
def test_malformed_bodies(run: Run, body: bytes, reason: str) -> None:
    async def main() -> None:
        config = ParseMultipartConfig(max_parts=4, max_part_header_size=100)
        for size in (len(body) or 1, 1):
            parts = Parts(TYPE, config)
            pieces = [body[i : i + size] for i in range(0, len(body), size)]
            sending = asyncio.ensure_future(send(parts, pieces))
            with pytest.raises(MultipartError, match=reason) as raised:
                await collected(parts)
            assert raised.value.code == 400
            assert isinstance(raised.value, HTTPInputError)
            with pytest.raises(MultipartError, match=reason):
                await sending
            # It stays so.
            with pytest.raises(MultipartError, match=reason):
                parts.feed(b"more")
            with pytest.raises(MultipartError, match=reason):
                await anext(parts)

    run(main)


@pytest.mark.parametrize(
    ("content_type", "code"),
    [
        ("", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/mixed; boundary=1234", 415),
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=" + "x" * 71, 400),
    ],
)
def test_other_bodies(content_type: str, code: int) -> None:
    with pytest.raises(MultipartError) as raised:
        Parts(content_type)
    assert raised.value.code == code
    with pytest.raises(MultipartError, match="disabled"):
        Parts(TYPE, ParseMultipartConfig(enabled=False))


def test_parts_that_are_not_read_are_passed_over(run: Run) -> None:
    async def main() -> None:
        body = form(*[NAME + b"\r\n\r\n" + bytes([65 + i]) * 300_000 for i in range(4)])
        parts = Parts(TYPE)
        sending = asyncio.ensure_future(
            send(parts, [body[i : i + 50_000] for i in range(0, len(body), 50_000)])
        )
        seen = []
        first: Part | None = None
        async for part in parts:
            first = first or part
            async for piece in part:
                seen.append(piece[:1])
                break
        assert seen == [b"A", b"B", b"C", b"D"]
        assert first is not None
        with pytest.raises(RuntimeError, match=r"Part\(name='a', filename=''\) is over"):
            await first.read()
        await sending

    run(main)


def test_a_reader_that_does_not_read_holds_the_sender(run: Run) -> None:
    async def main() -> None:
        parts = Parts(TYPE)
        assert parts.feed(b"--1234\r\n" + NAME + b"\r\n\r\n") is None
        room = None
        fed = 0
        while room is None:
            room = parts.feed(b"x" * 65536)
            fed += 65536
        assert 262144 < fed <= 262144 + 65536
        assert parts.feed(b"x") is room
        part = await anext(parts)
        taken = 0
        while not room.done():
            taken += len(await anext(part))
        assert taken >= 131072
        # Who gives up reading holds nobody.
        room = parts.feed(b"x" * 300_000)
        assert room is not None
        parts.abandon()
        assert room.done()
        assert parts.feed(b"x" * 10_000_000) is None

    run(main)


def test_reading_into_memory_is_limited(run: Run) -> None:
    async def main() -> None:
        for size, limit, code in ((10, 10, None), (11, 10, 413), (1_048_577, None, 413)):
            parts = Parts(TYPE)
            sending = asyncio.ensure_future(send(parts, [form(NAME + b"\r\n\r\n" + b"x" * size)]))
            part = await anext(parts)
            reading = part.read() if limit is None else part.read(limit)
            if code is None:
                assert await reading == b"x" * size
            else:
                with pytest.raises(MultipartError, match="part 'a' has more than") as raised:
                    await reading
                assert raised.value.code == code
            parts.abandon()
            await sending

    run(main)


def test_text(run: Run) -> None:
    async def main() -> None:
        parts = Parts(TYPE)
        body = form(NAME + b"\r\n\r\n\xc3\xa9", NAME + b"\r\n\r\n\xff")
        sending = asyncio.ensure_future(send(parts, [body]))
        assert await (await anext(parts)).text() == "é"
        with pytest.raises(MultipartError, match="field 'a' is not UTF-8"):
            await (await anext(parts)).text()
        await sending

    run(main)


def test_saving(run: Run, tmp_path: pathlib.Path) -> None:
    async def main() -> None:
        content = os.urandom(1000) * 1000
        body = form(*[FILE + b"\r\n\r\n" + content] * 4)
        parts = Parts(TYPE)
        sending = asyncio.ensure_future(
            send(parts, [body[i : i + 65536] for i in range(0, len(body), 65536)])
        )
        assert await (await anext(parts)).save(tmp_path / "one") == len(content)
        assert (tmp_path / "one").read_bytes() == content
        with io.BytesIO() as memory:
            assert await (await anext(parts)).save(memory) == len(content)
            assert memory.getvalue() == content
        part = await anext(parts)
        with pytest.raises(FileExistsError):
            await part.save(tmp_path / "one")
        assert (tmp_path / "one").read_bytes() == content
        part = await anext(parts)
        with pytest.raises(MultipartError) as raised:
            await part.save(tmp_path / "two", max_size=999_999)
        assert raised.value.code == 413
        assert not (tmp_path / "two").exists()
        parts.abandon()
        await sending

    run(main)


@pytest.mark.parametrize("how", ["lost", "cancelled"])
def test_files_that_do_not_come_to_their_end_are_removed(
    run: Run, tmp_path: pathlib.Path, how: str
) -> None:
    async def main() -> None:
        parts = Parts(TYPE)
        parts.feed(b"--1234\r\n" + FILE + b"\r\n\r\n" + b"x" * 300_000)
        part = await anext(parts)
        saving = asyncio.ensure_future(part.save(tmp_path / "file"))
        while not (tmp_path / "file").exists() or (tmp_path / "file").stat().st_size == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        if how == "lost":
            parts.fail(StreamClosedError())
            with pytest.raises(StreamClosedError):
                await saving
        else:
            saving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await saving
        assert not (tmp_path / "file").exists()

    run(main)


def test_one_reader(run: Run) -> None:
    async def main() -> None:
        parts = Parts(TYPE)
        waiting = asyncio.ensure_future(anext(parts))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="one reader"):
            await anext(parts)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(main)
