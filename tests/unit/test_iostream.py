"""whirlwind.iostream: reading, writing, closing, over sockets, TLS and pipes."""

import asyncio
import errno
import gc
import logging
import os
import socket
import ssl
import struct
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.loops import PATIENCE, Certificate, Run, certificate, run, stream_pair, tcp_pair
from whirlwind import gen
from whirlwind.ioloop import IOLoop
from whirlwind.iostream import (
    BaseIOStream,
    IOStream,
    PipeIOStream,
    SSLIOStream,
    StreamBufferFullError,
    StreamClosedError,
    UnsatisfiableReadError,
)
from whirlwind.iostream.buffers import WriteBuffer

__all__ = ["certificate", "run"]

Pair = tuple[BaseIOStream, BaseIOStream]
MB = 1 << 20


async def tls_pair(certificate: Certificate, **options: Any) -> tuple[SSLIOStream, SSLIOStream]:
    accepted, client = tcp_pair()
    served, connected = await gen.multi(
        [
            IOStream(accepted).start_tls(True, certificate.server()),
            IOStream(client, **options).start_tls(
                False, certificate.client(), server_hostname="localhost"
            ),
        ]
    )
    return served, connected


def pipe_pair(**options: Any) -> tuple[PipeIOStream, PipeIOStream]:
    reading, writing = os.pipe()
    return PipeIOStream(writing), PipeIOStream(reading, **options)


async def until(happened: Callable[[], bool]) -> None:
    """Give the loop turns until something has happened."""
    async with asyncio.timeout(PATIENCE):
        while not happened():  # noqa: ASYNC110 - no event tells what the collector has done
            await asyncio.sleep(0)


@pytest.fixture(params=["tcp", "unix", "tls", "pipe"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def streams(kind: str, certificate: Certificate) -> Callable[..., Any]:
    """A context manager that gives a writing and a reading stream, the options are the latter's."""

    @asynccontextmanager
    async def streams(**options: Any) -> AsyncIterator[Pair]:
        pair: Pair
        if kind == "tls":
            pair = await tls_pair(certificate, **options)
        elif kind == "pipe":
            pair = pipe_pair(**options)
        elif kind == "unix":
            pair = stream_pair(**options)
        else:
            one, other = tcp_pair()
            pair = IOStream(one), IOStream(other, **options)
        try:
            yield pair
        finally:
            for stream in pair:
                stream.close()

    return streams


def test_every_way_to_read(run: Run, streams: Any) -> None:
    async def main() -> None:
        async with streams() as (writer, reader):
            await writer.write(b"line one\nsecond: 42;\r\nabcdefghij")
            assert await reader.read_until(b"\n") == b"line one\n"
            assert await reader.read_until_regex(rb"\d+;\s+") == b"second: 42;\r\n"
            assert await reader.read_bytes(3) == b"abc"
            assert await reader.read_bytes(2, partial=True) == b"de"
            buffer = bytearray(4)
            assert await reader.read_into(buffer) == 4
            assert buffer == b"fghi"
            assert await reader.read_bytes(100, partial=True) == b"j"
            assert await reader.read_bytes(0) == b""
            later = reader.read_into(buffer, partial=True)
            assert reader.reading()
            await writer.write(b"xy")
            assert await later == 2
            assert buffer[:2] == b"xy"
            rest = reader.read_until_close()
            await writer.write(b"the rest")
            writer.close()
            assert await rest == b"the rest"
            assert reader.closed()
            assert reader.error is None

    run(main)


def test_reads_over_many_small_pieces(run: Run, streams: Any) -> None:
    async def main() -> None:
        async with streams(read_chunk_size=16) as (writer, reader):

            async def trickle() -> None:
                for byte in b"a" * 50 + b"<END>" + b"b" * 40:
                    await writer.write(bytes([byte]))
                    await asyncio.sleep(0)

            feeding = asyncio.ensure_future(trickle())
            assert await reader.read_until(b"<END>") == b"a" * 50 + b"<END>"
            assert await reader.read_bytes(40) == b"b" * 40
            await feeding

    run(main)


def test_end_right_behind_the_delimiter(run: Run, streams: Any) -> None:
    """In chunks that are not searched one by one: the last must not go down with the stream."""

    async def main() -> None:
        for read in ("read_until", "read_until_regex"):
            async with streams(read_chunk_size=64) as (writer, reader):
                pending = getattr(reader, read)(b"done")
                await writer.write(b"x" * 64)
                await asyncio.sleep(0.005)
                await writer.write(b"y" * 60 + b"done")
                writer.close()
                assert await pending == b"x" * 64 + b"y" * 60 + b"done"

    run(main)


def test_regex_searches_grow_with_the_logarithm(run: Run) -> None:
    async def main() -> None:
        writer, reader = stream_pair(read_chunk_size=100)
        await writer.write(b"x" * 100_000 + b"\n")
        searches: list[int] = []
        find = reader._find_end
        reader._find_end = lambda: (searches.append(1), find())[1]  # type: ignore[method-assign]
        assert len(await reader.read_until_regex(rb"\s")) == 100_001
        assert len(searches) < 20
        writer.close()
        reader.close()

    run(main)


@pytest.mark.parametrize("step", [1, 7])
def test_read_until_does_not_search_again_what_it_has_searched(run: Run, step: int) -> None:
    """However small the packets are."""
    searched = 0

    class Counted(bytearray):
        def find(self, what: Any, start: Any = 0, *rest: Any) -> int:
            nonlocal searched
            searched += len(self) - start
            return super().find(what, start, *rest)

    async def main() -> None:
        writer, reader = stream_pair()
        reader._read_buffer = Counted()
        pending = reader.read_until(b"<END>")
        line = b"x" * 2000 + b"<END>"
        for start in range(0, len(line), step):
            await writer.write(line[start : start + step])
            if start + step < len(line):
                await until(lambda end=start + step: len(reader._read_buffer) == end)
        assert await pending == line
        # Each byte once, and with each packet as many as a delimiter cut in two may need.
        assert searched <= len(line) + len(b"<END>") * (len(line) // step + 1)
        writer.close()
        reader.close()

    run(main)


@pytest.mark.parametrize("size", [1, 4096, 65536, 100_000, MB, 5 * MB])
def test_large_transfers(run: Run, streams: Any, size: int) -> None:
    # Of random megabytes, one in four thousand has the delimiter by chance.
    data = os.urandom(size).replace(b"\r", b"\n")

    async def main() -> None:
        async with streams() as (writer, reader):
            done = writer.write(data)
            assert await reader.read_bytes(size) == data
            await done
            done = writer.write(memoryview(data))
            target = bytearray(size)
            assert await reader.read_into(target) == size
            assert target == data
            done = writer.write(data + b"\r\n\r\n")
            assert await reader.read_until(b"\r\n\r\n") == data + b"\r\n\r\n"
            await done
            writer.write(data)
            closing = asyncio.ensure_future(reader.read_until_close())
            await writer.write(b"")
            writer.close()
            assert await closing == data

    run(main)


def test_memory_is_bounded_by_what_arrived(run: Run) -> None:
    """A read of known size must not take all its memory before the bytes come."""

    async def main() -> None:
        writer, reader = stream_pair()
        pending = reader.read_bytes(100 * MB)
        assert len(reader._read_buffer) == 0
        assert reader._read_target is None
        writer.close()
        with pytest.raises(StreamClosedError):
            await pending

    run(main)


def test_large_reads_at_the_same_time_do_not_share_memory(run: Run) -> None:
    async def main() -> None:
        size = 500_000
        pairs = [stream_pair() for _ in range(3)]
        for _ in range(2):
            pending = [reader.read_bytes(size) for _, reader in pairs]
            for offset in range(0, size, 100_000):
                await gen.multi(
                    [
                        writer.write(bytes([number]) * 100_000)
                        for number, (writer, _) in enumerate(pairs)
                    ]
                )
                assert not any(future.done() for future in pending) or offset == 400_000
            results = await gen.multi(pending)
            assert results == [bytes([number]) * size for number in range(3)]
        for pair in pairs:
            for stream in pair:
                stream.close()

    run(main)


def test_concurrent_writes_arrive_in_order(run: Run, streams: Any) -> None:
    async def main() -> None:
        async with streams() as (writer, reader):
            pieces = [bytes([n]) * (1 << n) for n in range(23)]
            order: list[int] = []
            for number, piece in enumerate(pieces):
                future = writer.write(piece)
                future.add_done_callback(lambda _, n=number: order.append(n))
            assert writer.writing()
            whole = b"".join(pieces)
            assert await reader.read_bytes(len(whole)) == whole
            await writer.write(b"")
            await asyncio.sleep(0)
            assert order == list(range(23))
            assert not writer.writing()

    run(main)


def test_write_takes_any_bytes(run: Run) -> None:
    import array

    async def main() -> None:
        writer, reader = stream_pair()
        writer.write(bytearray(b"ab"))
        writer.write(memoryview(array.array("H", [0x4141, 0x4242])))
        assert await reader.read_bytes(6) == b"abAABB"
        with pytest.raises(TypeError):
            writer.write("text")  # type: ignore[arg-type]
        writer.close()
        reader.close()

    run(main)


@pytest.mark.parametrize("size", [6, 200_000])
def test_write_takes_bytes_that_are_not_in_one_piece(run: Run, size: int) -> None:
    async def main() -> None:
        writer, reader = stream_pair()
        data = os.urandom(size)
        writer.write(memoryview(data)[::2])
        blocked = writer.write(bytes(5 * MB))
        writer.write(memoryview(data)[::-1])
        assert await reader.read_bytes(size // 2) == data[::2]
        await reader.read_bytes(5 * MB)
        await blocked
        assert await reader.read_bytes(size) == data[::-1]
        with pytest.raises(TypeError, match="one piece"):
            reader.read_into(memoryview(bytearray(10))[::2])
        assert not reader.reading()
        writer.close()
        reader.close()

    run(main)


@pytest.mark.parametrize("end", ["written", "closed"])
def test_written_bytearray_can_be_resized_afterwards(run: Run, end: str) -> None:
    async def main() -> None:
        writer, reader = stream_pair()
        data = bytearray(5 * MB)
        future = writer.write(data)
        with pytest.raises(BufferError):
            data.append(1)
        if end == "written":
            await reader.read_bytes(5 * MB)
            await future
        else:
            writer.close()
            with pytest.raises(StreamClosedError):
                await future
        data.append(1)
        writer.close()
        reader.close()

    run(main)


def fill(stream: IOStream) -> None:
    while True:
        stream.write(b"x" * 50_000)


def test_max_write_buffer_size(run: Run) -> None:
    async def main() -> None:
        reader, writer = stream_pair(max_write_buffer_size=100_000)
        with pytest.raises(StreamBufferFullError, match="write buffer"):
            fill(writer)
        assert not writer.closed()
        await reader.read_bytes(10_000)
        writer.close()
        reader.close()

    run(main)


def test_max_buffer_size(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        writer, reader = stream_pair(max_buffer_size=10_000)
        assert reader.read_chunk_size == 5000
        pending = reader.read_until(b"never")
        writer.write(b"x" * 20_000)
        with pytest.raises(StreamClosedError) as caught:
            await pending
        assert isinstance(caught.value.real_error, StreamBufferFullError)
        assert isinstance(reader.error, StreamBufferFullError)
        writer.close()

    run(main)
    assert "Reached maximum read buffer size" in caplog.text
    assert not any(record.exc_info for record in caplog.records if record.exc_info)


@pytest.mark.parametrize("arrived", [True, False])
@pytest.mark.parametrize("how", ["delimiter", "regex"])
def test_max_bytes(run: Run, caplog: pytest.LogCaptureFixture, arrived: bool, how: str) -> None:
    async def main() -> None:
        writer, reader = stream_pair()
        if arrived:
            await writer.write(b"abcdef\r\n")
        if how == "delimiter":
            future = reader.read_until(b"\r\n", max_bytes=7)
        else:
            future = reader.read_until_regex(rb"\r\n", max_bytes=7)
        if not arrived:
            await writer.write(b"abcdef\r\n")
        with pytest.raises(StreamClosedError) as caught:
            await future
        assert isinstance(caught.value.real_error, UnsatisfiableReadError)
        assert reader.closed()
        writer.close()
        writer, reader = stream_pair()
        await writer.write(b"abcdef\r\nmore than seven bytes")
        assert await reader.read_until(b"\r\n", max_bytes=8) == b"abcdef\r\n"
        writer.close()
        reader.close()

    caplog.set_level(logging.INFO)
    run(main)
    (record,) = caplog.records
    assert record.levelname == "INFO"
    assert record.message.startswith("Unsatisfiable read, closing connection: delimiter")


def test_s20_errors_become_stream_closed_error(run: Run, streams: Any) -> None:
    async def main() -> None:
        async with streams() as (writer, reader):
            pending = reader.read_bytes(1)
            writer.close()
            with pytest.raises(StreamClosedError) as caught:
                await pending
            assert caught.value.real_error is None
            assert isinstance(caught.value, OSError)
            for read in (
                lambda: reader.read_bytes(1),
                lambda: reader.read_until(b"x"),
                lambda: reader.read_until_regex(b"x"),
                lambda: reader.read_into(bytearray(1)),
                lambda: reader.write(b"x"),
            ):
                with pytest.raises(StreamClosedError):
                    await read()

    run(main)


def test_s20_connect_and_resets(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()
        stream = IOStream(socket.socket())
        with pytest.raises(StreamClosedError) as caught:
            await stream.connect(address)
        assert isinstance(caught.value.real_error, ConnectionRefusedError)
        assert stream.closed()
        with pytest.raises(StreamClosedError) as caught:
            stream.connect(address)
        assert isinstance(caught.value.real_error, ConnectionRefusedError)

        one, other = tcp_pair()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream = IOStream(other)
        pending = stream.read_bytes(1)
        one.close()
        with pytest.raises(StreamClosedError) as caught:
            await pending
        assert isinstance(caught.value.real_error, ConnectionResetError)

        one, other = tcp_pair()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream = IOStream(other)
        one.close()
        with pytest.raises(StreamClosedError) as caught:
            fill(stream)
        assert caught.value.real_error is None or isinstance(
            caught.value.real_error, (ConnectionResetError, BrokenPipeError)
        )

    run(main)
    assert not caplog.records, "a peer that leaves is no news"


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets")
def test_connect_to_a_unix_socket_whose_queue_is_full(run: Run, tmp_path: Path) -> None:
    """The kernel says EAGAIN, and does not go on by itself as it does with TCP."""

    async def main() -> None:
        path = str(tmp_path / "socket")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(0)
            streams = [IOStream(socket.socket(socket.AF_UNIX)) for _ in range(10)]
            assert await streams[0].connect(path) is streams[0]
            with pytest.raises(StreamClosedError) as caught:
                await gen.multi([stream.connect(path) for stream in streams[1:]], OSError)
            assert isinstance(caught.value.real_error, BlockingIOError)
            for stream in streams:
                stream.close()

    run(main)


def test_s21_real_error(run: Run) -> None:
    async def main() -> None:
        writer, reader = stream_pair()
        reading = reader.read_bytes(1)
        writing = reader.write(bytes(5 * MB))
        error = ValueError("mine")
        reader.close(exc_info=error)
        for pending in (reading, writing):
            with pytest.raises(StreamClosedError) as caught:
                await pending
            assert caught.value.real_error is error
        assert reader.error is error
        writer.close()
        with pytest.raises(StreamClosedError) as caught:
            await writer.write(b"x")
        assert caught.value.real_error is None
        assert str(caught.value) == "Stream is closed"

        one, other = stream_pair()
        try:
            raise KeyError("handled")
        except KeyError:
            one.close(exc_info=True)
        assert isinstance(one.error, KeyError)
        other.close(exc_info=(ValueError, error, None))
        assert other.error is error

    run(main)


def test_s20_a_close_callback_before_connect_costs_no_word_in_the_log(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()
            client = IOStream(socket.socket())
            closed = asyncio.Event()
            client.set_close_callback(closed.set)
            await client.connect(address)
            accepted, _ = listener.accept()
            accepted.close()
            await closed.wait()
        client = IOStream(socket.socket())
        closed.clear()
        client.set_close_callback(closed.set)
        with pytest.raises(StreamClosedError) as caught:
            await client.connect(address)
        assert isinstance(caught.value.real_error, ConnectionRefusedError)
        await closed.wait()
        assert [record.message for record in caplog.records] == []

    run(main)


def test_s22_read_until_close_on_a_closed_stream(run: Run, streams: Any) -> None:
    async def main() -> None:
        async with streams() as (writer, reader):
            await writer.write(b"abc")
            assert await reader.read_bytes(1) == b"a"
            writer.close()
            closed = asyncio.Event()
            reader.set_close_callback(closed.set)
            assert await reader.read_until_close() == b"bc"
            await closed.wait()
            assert await reader.read_until_close() == b""

    run(main)


def test_s22_read_until_close_tells_errors_from_the_end(run: Run) -> None:
    async def main() -> None:
        writer, reader = stream_pair()
        pending = reader.read_until_close()
        await writer.write(b"only half")
        await asyncio.sleep(0.01)
        reader.close(exc_info=OSError(errno.EIO, "disk"))
        with pytest.raises(StreamClosedError) as caught:
            await pending
        assert isinstance(caught.value.real_error, OSError)
        writer.close()

    run(main)


def test_s24_interrupted_reads_are_repeated(run: Run) -> None:
    """PEP 475 repeats the call itself; a stream subclass may still report that it would block."""

    class Interrupted(IOStream):
        attempts = 0

        def read_from_fd(self, buf: Any) -> int | None:
            self.attempts += 1
            if self.attempts == 1:
                raise BlockingIOError(errno.EAGAIN, "again")
            return super().read_from_fd(buf)

    async def main() -> None:
        one, other = socket.socketpair()
        reader = Interrupted(other)
        one.send(b"x")
        assert await reader.read_bytes(1) == b"x"
        assert reader.attempts == 2
        one.close()
        reader.close()

    run(main)


def test_end_with_data_still_buffered(run: Run, streams: Any) -> None:
    async def main() -> None:
        async with streams() as (writer, reader):
            await writer.write(b"one\ntwo\nthree")
            writer.close()
            assert await reader.read_until(b"\n") == b"one\n"
            assert await reader.read_until(b"\n") == b"two\n"
            with pytest.raises(StreamClosedError):
                await reader.read_until(b"\n")
            assert await reader.read_bytes(100, partial=True) == b"three"

    run(main)


def test_close_callback(run: Run, streams: Any) -> None:
    async def main() -> None:
        async with streams() as (writer, reader):
            calls: list[str] = []
            closed = asyncio.Event()
            reader.set_close_callback(lambda: (calls.append("reader"), closed.set()))
            writer.close()
            await closed.wait()
            assert reader.closed(), "an idle stream notices the end"
            late = asyncio.Event()
            reader.set_close_callback(late.set)
            await late.wait()
            reader.close()
            await asyncio.sleep(0.001)
            assert calls == ["reader"]

    run(main)


def test_close_callback_with_data_in_between(run: Run) -> None:
    async def main() -> None:
        writer, reader = stream_pair()
        closed = asyncio.Event()
        reader.set_close_callback(closed.set)
        await writer.write(b"abc")
        writer.close()
        await asyncio.sleep(0.01)
        assert not closed.is_set(), "first comes what was sent before"
        assert await reader.read_bytes(3) == b"abc"
        await closed.wait()

    run(main)


@pytest.mark.parametrize("buffered", [b"", b"abc\n"])
def test_reads_that_make_no_sense_leave_the_stream_alone(run: Run, buffered: bytes) -> None:
    async def main() -> None:
        writer, reader = stream_pair()
        await writer.write(b"x" + buffered)
        assert await reader.read_bytes(1) == b"x"
        wrong: Any
        for wrong in ("\n", 1, None):
            with pytest.raises(TypeError):
                reader.read_until(wrong)
            with pytest.raises(TypeError):
                reader.read_until_regex(wrong)
        for wrong in (1.5, "1", None):
            with pytest.raises(TypeError):
                reader.read_bytes(wrong)
        await writer.write(b"abc\n")
        delimiter: Any = bytearray(b"c\n")
        assert await reader.read_until(delimiter) == b"abc\n"
        writer.close()
        reader.close()

    run(main)


def test_one_read_at_a_time(run: Run) -> None:
    async def main() -> None:
        writer, reader = stream_pair()
        pending = reader.read_bytes(1)
        with pytest.raises(RuntimeError, match="Already reading"):
            reader.read_bytes(1)
        await writer.write(b"x")
        assert await pending == b"x"
        with pytest.raises(ValueError, match="-1"):
            reader.read_bytes(-1)
        with pytest.raises(TypeError, match="writable buffer, not bytes"):
            reader.read_into(b"fixed")  # type: ignore[arg-type]
        await writer.write(b"y")
        assert await reader.read_bytes(1) == b"y"
        writer.close()
        reader.close()

    run(main)


@pytest.mark.parametrize("read", ["bytes", "direct", "into", "until", "close"])
def test_a_cancelled_read_loses_nothing(run: Run, read: str) -> None:
    async def main() -> None:
        writer, reader = stream_pair()
        begun = {
            "bytes": lambda: reader.read_bytes(5),
            "direct": lambda: reader.read_bytes(100_000),
            "into": lambda: reader.read_into(bytearray(5)),
            "until": lambda: reader.read_until(b"\n"),
            "close": reader.read_until_close,
        }[read]()
        await writer.write(b"ab")
        await asyncio.sleep(0.01)
        begun.cancel()
        assert not reader.reading()
        await writer.write(b"cde\n")
        await asyncio.sleep(0.01)
        assert await reader.read_until(b"\n") == b"abcde\n"
        writer.close()
        reader.close()

    run(main)


def test_a_cancelled_write_is_written_all_the_same(run: Run) -> None:
    async def main() -> None:
        writer, reader = stream_pair()
        writer.write(b"x" * 5 * MB).cancel()
        done = writer.write(b"y")
        assert (await reader.read_bytes(5 * MB + 1))[-1:] == b"y"
        await done
        writer.close()
        reader.close()

    run(main)


def test_preload(run: Run) -> None:
    async def main() -> None:
        writer, reader = stream_pair()
        reader._preload(b"GET / HT")
        await writer.write(b"TP/1.1\r\n")
        assert await reader.read_until(b"\r\n") == b"GET / HTTP/1.1\r\n"
        writer.close()
        reader.close()

    run(main)


def test_what_dask_does_to_the_write_buffer(run: Run) -> None:
    async def main() -> None:
        writer, reader = stream_pair()
        frames = [b"a" * 100, b"b" * 100_000, b"c"]
        for frame in frames:
            buffer: Any = writer._write_buffer
            buffer.append(memoryview(frame))
            writer._total_write_index += len(frame)
        done = writer.write(b"")
        whole = b"".join(frames)
        assert await reader.read_bytes(len(whole)) == whole
        await done
        writer.close()
        assert writer._write_buffer is None
        reader.close()

    run(main)


def test_writes_and_reads_before_the_connection(run: Run) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            stream = IOStream(socket.socket())
            connecting = stream.connect(listener.getsockname())
            stream.write(b"early")
            reading = stream.read_bytes(5)
            assert await connecting is stream
            accepted, _ = listener.accept()
        served = IOStream(accepted)
        await served.write(await served.read_bytes(5))
        assert await reading == b"early"
        stream.close()
        served.close()

    run(main)


def test_reader_stays_registered(run: Run) -> None:
    """A conversation in lines must not register and unregister its reader for each of them."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        changes: list[str] = []
        writer, reader = stream_pair()

        class Counting:
            def __getattr__(self, name: str) -> Any:
                changes.append(name)
                return getattr(loop, name)

        IOLoop.current().selector_loop = Counting()  # type: ignore[assignment]
        for _ in range(10):
            pending = reader.read_until(b"\n")
            await writer.write(b"line\n")
            assert await pending == b"line\n"
        IOLoop.current().selector_loop = loop
        assert changes == ["add_reader"]
        writer.close()
        reader.close()

    run(main)


def test_idle_stream_leaves_what_it_is_not_asked_for(run: Run) -> None:
    """So that start_tls, or a slow consumer, finds it in the kernel and not in the buffer."""

    async def main() -> None:
        writer, reader = stream_pair()
        await writer.write(b"a")
        assert await reader.read_bytes(1) == b"a"
        await writer.write(b"b")
        await asyncio.sleep(0.01)
        assert not reader._read_buffer
        assert await reader.read_bytes(1) == b"b"
        writer.close()
        reader.close()

    run(main)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_dropping_an_idle_stream_closes_its_socket(run: Run) -> None:
    async def main() -> None:
        writer, reader = stream_pair()
        await writer.write(b"x")
        pending = reader.read_bytes(1)
        await pending
        reference = weakref.ref(reader)
        descriptor = reader.fileno()
        del reader, pending
        gc.collect()
        assert reference() is None
        assert await writer.read_until_close() == b""
        # The number is free, and the loop must not believe that somebody watches it.
        one, other = stream_pair()
        assert descriptor in (one.fileno(), other.fileno())
        for sender, receiver in ((one, other), (other, one)):
            await sender.write(b"fresh")
            assert await receiver.read_bytes(5) == b"fresh"
        one.close()
        other.close()

    run(main)


@pytest.mark.parametrize("how", ["read", "connect"])
@pytest.mark.parametrize("reset", [False, True])
def test_an_idle_stream_learns_that_its_peer_left(run: Run, how: str, reset: bool) -> None:
    """Pools of connections ask ``closed()`` before they use one again."""

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            stream = IOStream(socket.socket())
            await stream.connect(listener.getsockname())
            peer, _ = listener.accept()
        if how == "read":
            pending = stream.read_bytes(1)
            peer.send(b"x")
            assert await pending == b"x"
        if reset:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        await until(stream.closed)
        assert (type(stream.error) is ConnectionResetError) is reset

    run(main)


def test_an_idle_stream_nobody_holds_stays_until_its_peer_leaves(run: Run) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            stream = IOStream(socket.socket())
            await stream.connect(listener.getsockname())
            peer, _ = listener.accept()
        reference = weakref.ref(stream)
        del stream
        gc.collect()
        assert reference() is not None
        peer.close()
        await until(lambda: gc.collect() >= 0 and reference() is None)

    run(main)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_idle_stream_nobody_holds_does_not_stay_for_what_nobody_reads(run: Run) -> None:
    async def main() -> None:
        accepted, sock = tcp_pair()
        stream = IOStream(accepted)
        pending = stream.read_bytes(1)
        sock.send(b"x")
        await pending
        reference = weakref.ref(stream)
        del stream, pending, accepted
        gc.collect()
        assert reference() is not None
        sock.send(b"unasked")
        await until(lambda: gc.collect() >= 0 and reference() is None)
        sock.close()

    run(main)


def test_a_peer_that_has_said_everything_gets_everything(run: Run) -> None:
    async def main() -> None:
        accepted, sock = tcp_pair()
        stream, client = IOStream(accepted), IOStream(sock)
        pending = stream.read_bytes(1)
        await client.write(b"x")
        await pending
        client.socket.shutdown(socket.SHUT_WR)
        written = stream.write(bytes(16 * MB))
        assert not written.done()
        assert len(await client.read_bytes(16 * MB)) == 16 * MB
        await written
        await until(stream.closed)
        client.close()

    run(main)


def test_a_greedy_writer_gives_the_loop_its_turns(run: Run) -> None:
    """Who awaits each write: bytes that are read at once are still in the processor's cache."""

    async def main() -> None:
        writer, reader = (IOStream(sock) for sock in tcp_pair())
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        async def read() -> None:
            target = bytearray(MB)
            for _ in range(8):
                assert await reader.read_into(target) == MB

        counting = asyncio.ensure_future(count())
        reading = asyncio.ensure_future(read())
        for done in range(8):
            assert turns >= done
            await writer.write(bytes(MB))
        await reading
        counting.cancel()
        writer.close()
        reader.close()

    run(main)


def test_large_reads_that_find_everything_are_not_copied(run: Run) -> None:
    class Counting(IOStream):
        """One that reads in its own way sees everything."""

        asked = 0

        def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
            Counting.asked += 1
            return super().read_from_fd(buf)

    async def main() -> None:
        data = os.urandom(128 * 1024)
        for kind in (IOStream, Counting):
            one, other = tcp_pair()
            writer, reader = IOStream(one), kind(other)
            borrowed = []
            receive = reader._receive

            def spy(size: int, receive: Any = receive, borrowed: Any = borrowed) -> bytes | None:
                borrowed.append(receive(size))
                return borrowed[-1]

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(reader, "_receive", spy)
                for _ in range(12):
                    pending = reader.read_bytes(len(data))
                    await writer.write(data)
                    result = await pending
                    assert result == data
            if kind is IOStream:
                assert any(result is given for given in borrowed)
            else:
                assert not borrowed
            writer.close()
            reader.close()
        assert Counting.asked >= 3

    run(main)


def test_a_pending_read_keeps_the_stream(run: Run) -> None:
    async def main() -> None:
        writer, reader = stream_pair()
        pending = reader.read_bytes(1)
        del reader
        gc.collect()
        await writer.write(b"x")
        assert await pending == b"x"
        writer.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.unraisablehook", lambda _: None)  # the dropped socket's warning
        run(main)
        gc.collect()


def test_greedy_peer_does_not_starve_others(run: Run) -> None:
    """One stream with an endless supply gets its share of a turn and no more."""

    class Endless(IOStream):
        count = 0

        def read_from_fd(self, buf: Any) -> int | None:
            self.count += 1
            return len(buf)

    async def main() -> None:
        one, other = socket.socketpair()
        greedy = Endless(other, max_buffer_size=1 << 30)
        pending = greedy.read_until(b"never")
        begun = greedy.count
        await asyncio.sleep(0)
        assert begun <= 16
        assert greedy.count <= 48
        assert not pending.done()
        greedy.close()
        with pytest.raises(StreamClosedError):
            await pending
        one.close()

    run(main)


def test_unexpected_errors_of_a_subclass(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(IOStream):
        def read_from_fd(self, buf: Any) -> int | None:
            raise KeyError("bug")

    async def main() -> None:
        one, other = socket.socketpair()
        with pytest.raises(KeyError):
            Broken(other).read_bytes(1)
        one.close()
        one, other = socket.socketpair()
        stream = Broken(other)
        stream._drained = True
        pending = stream.read_bytes(1)
        one.send(b"x")
        with pytest.raises(StreamClosedError) as caught:
            await pending
        assert isinstance(caught.value.real_error, KeyError)
        one.close()

    run(main)
    (record,) = caplog.records
    assert record.message.startswith("error on read")
    assert record.exc_info


def test_set_nodelay(run: Run) -> None:
    async def main() -> None:
        one, other = tcp_pair()
        stream = IOStream(one)
        for value in (True, False):
            stream.set_nodelay(value)
            assert bool(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)) is value
        stream.close()
        stream.set_nodelay(True)
        other.close()
        local, peer = stream_pair()
        local.set_nodelay(True)
        local.close()
        peer.close()

    run(main)


def test_fd_error_and_fileno(run: Run) -> None:
    async def main() -> None:
        one, other = stream_pair()
        assert one.get_fd_error() is None
        assert one.fileno() == one.socket.fileno()
        one.close()
        assert one.fileno() == -1
        other.close()
        reading, writing = pipe_pair()
        assert reading.get_fd_error() is None
        reading.close()
        writing.close()

    run(main)


def test_loop_closes_streams_with_all_fds() -> None:
    loop = IOLoop(make_current=True)
    one, other = stream_pair()
    sockets = [one.socket, other.socket]
    loop.close(all_fds=True)
    assert [sock.fileno() for sock in sockets] == [-1, -1]


# TLS.


def test_start_tls_in_the_middle(run: Run, certificate: Certificate) -> None:
    async def main() -> None:
        one, other = tcp_pair()
        server, client = IOStream(one), IOStream(other)
        closed = asyncio.Event()
        server.set_close_callback(closed.set)
        await client.write(b"STARTTLS\r\n")
        assert await server.read_until(b"\r\n") == b"STARTTLS\r\n"
        serving = server.start_tls(True, certificate._asdict())
        connecting = client.start_tls(
            False, {"ca_certs": certificate.certfile}, server_hostname="127.0.0.1"
        )
        secure_server, secure_client = await gen.multi([serving, connecting])
        assert secure_client.socket.getpeercert()["subject"] == ((("commonName", "localhost"),),)
        await secure_client.write(b"secret\n")
        assert await secure_server.read_until(b"\n") == b"secret\n"
        with pytest.raises(StreamClosedError):
            await client.write(b"plain")
        secure_client.close()
        with pytest.raises(StreamClosedError):
            await secure_server.read_bytes(1)
        await closed.wait()

    run(main)


@pytest.mark.parametrize("what", ["reading", "buffered", "closed"])
def test_start_tls_needs_an_idle_stream(run: Run, what: str) -> None:
    async def main() -> None:
        writer, reader = stream_pair()
        if what == "reading":
            reader.read_bytes(1)
        elif what == "buffered":
            reader._preload(b"injected")
        else:
            reader.close()
        with pytest.raises(ValueError, match="not idle"):
            reader.start_tls(True)
        reader.close()
        writer.close()

    run(main)


def test_start_tls_checks_the_name(
    run: Run, certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        one, other = tcp_pair()
        serving = IOStream(one).start_tls(True, certificate.server())
        connecting = IOStream(other).start_tls(
            False, certificate.client(), server_hostname="elsewhere.example"
        )
        with pytest.raises(ssl.SSLCertVerificationError):
            await connecting
        with pytest.raises(ssl.SSLError):
            await serving

    run(main)
    assert [record.exc_info for record in caplog.records] == [None, None]
    assert all(record.message.startswith("SSL Error on") for record in caplog.records)


def test_start_tls_gives_up_with_its_future(run: Run, certificate: Certificate) -> None:
    async def main() -> None:
        server, client = stream_pair()
        future = client.start_tls(False, certificate.client(), server_hostname="localhost")
        future.cancel()
        await server.read_until_close()

    run(main)


def test_ssl_stream_connects(run: Run, certificate: Certificate) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = SSLIOStream(socket.socket(), ssl_options=certificate.client())
            connecting = client.connect(listener.getsockname(), server_hostname="localhost")
            client.write(b"early")
            accepted, _ = await asyncio.to_thread(listener.accept)
        wrapped = certificate.server().wrap_socket(
            accepted, server_side=True, do_handshake_on_connect=False
        )
        server = SSLIOStream(wrapped)
        handshake = server.wait_for_handshake()
        with pytest.raises(RuntimeError, match="Already waiting"):
            server.wait_for_handshake()
        assert await connecting is client
        assert await handshake is server
        assert server.wait_for_handshake().result() is server
        assert await server.read_bytes(5) == b"early"
        client.close()
        server.close()
        refused = SSLIOStream(socket.socket(), ssl_options=certificate.client())
        with pytest.raises(ConnectionRefusedError):
            await refused.connect(listener_address, server_hostname="localhost")

    with socket.create_server(("127.0.0.1", 0)) as closing:
        listener_address = closing.getsockname()
    run(main)


def test_tls_peer_that_leaves_without_notice(run: Run, certificate: Certificate) -> None:
    """No close_notify, as most peers do it, our own streams included."""

    async def main() -> None:
        server, client = await tls_pair(certificate)
        await server.write(b"last words")
        server.close()
        assert await client.read_until_close() == b"last words"
        assert client.error is None

    run(main)


@pytest.mark.parametrize("idle", [True, False])
def test_tls_last_words_survive_session_tickets(
    run: Run, certificate: Certificate, idle: bool
) -> None:
    """A client that only writes never asks for the server's tickets. Unread in the kernel, they
    would make a reset of its close, and the server would not get everything."""

    async def main() -> None:
        server, client = await tls_pair(certificate)
        first = server.read_bytes(1)
        await client.write(b"x")
        if not idle:
            client._link.stop_reader()  # as if they came in the turn in which it closes
        await first  # With its first read, OpenSSL sends the tickets.
        if idle:
            await asyncio.sleep(0.01)
            with pytest.raises(BlockingIOError):
                socket.socket.recv(client.socket, 1)
        await client.write(b"x" * 100_000)
        client.close()
        assert len(await server.read_until_close()) == 100_000
        assert server.error is None

    run(main)


# The write buffer.


def test_write_buffer_joins_small_pieces_and_keeps_large_ones() -> None:
    buffer = WriteBuffer()
    large = bytearray(100_000)
    for piece in (b"a" * 10, b"b" * 10, large, b"c" * 10):
        buffer.append(piece)
    assert len(buffer) == 100_030
    assert bytes(buffer.peek()) == b"a" * 10 + b"b" * 10
    buffer.advance(15)
    assert bytes(buffer.peek()) == b"b" * 5
    buffer.advance(5)
    view = buffer.peek()
    assert view.obj is large
    view.release()
    buffer.advance(100_000)
    large.append(1)
    assert bytes(buffer.peek()) == b"c" * 10
    buffer.advance(10)
    assert not buffer
    buffer.append(large)
    buffer.clear()
    large.append(1)
    assert len(buffer) == 0
