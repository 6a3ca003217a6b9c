"""``callback=`` and ``streaming_callback=`` of streams."""

import asyncio
import inspect
import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.loops import (
    PATIENCE,
    Certificate,
    Run,
    certificate,
    io_loop,
    run,
    stream_pair,
    tcp_pair,
)
from whirlwind import legacy
from whirlwind.ioloop import IOLoop
from whirlwind.iostream import (
    BaseIOStream,
    IOStream,
    SSLIOStream,
    StreamClosedError,
    UnsatisfiableReadError,
)
from whirlwind.legacy.contexts import ExceptionStackContext, StackContext

__all__ = ["certificate", "io_loop", "run"]


class Calls:
    """Takes what it is called with, and lets a test wait for it."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self._changed = asyncio.Event()

    def __call__(self, *args: Any) -> None:
        self.seen.append(args[0] if len(args) == 1 else args)
        self._changed.set()

    def named(self, name: str) -> Callable[..., None]:
        return lambda *args: self(name, *args)

    async def get(self, count: int) -> list[Any]:
        """What it was called with, once that is ``count`` times."""
        async with asyncio.timeout(PATIENCE):
            while len(self.seen) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.seen


async def settle() -> None:
    """Let everything happen that is due."""
    for _ in range(10):
        await asyncio.sleep(0)


READS: list[tuple[str, tuple[Any, ...], bytes]] = [
    ("read_until", (b"\n",), b"one two\n"),
    ("read_until_regex", (rb"\s",), b"one "),
    ("read_bytes", (5,), b"one t"),
]


@pytest.mark.parametrize("by_name", [True, False])
@pytest.mark.parametrize(("name", "args", "expected"), READS)
def test_a_read_calls_back(
    run: Run, name: str, args: tuple[Any, ...], expected: bytes, by_name: bool
) -> None:
    async def main() -> None:
        one, other = stream_pair()
        calls = Calls()
        read = getattr(other, name)
        result = read(*args, callback=calls) if by_name else read(*args, calls)
        assert result is None
        await one.write(b"one two\nrest")
        assert await calls.get(1) == [expected]
        one.close()
        other.close()

    run(main)


def test_a_callback_is_never_called_before_the_method_returns(run: Run) -> None:
    async def main() -> None:
        one, other = stream_pair()
        await one.write(b"there already")
        await other.read_bytes(1)
        calls = Calls()
        other.read_bytes(4, calls)
        one.write(b"x", calls.named("written"))
        assert calls.seen == []
        assert await calls.get(2) == [b"here", "written"]
        one.close()
        other.close()

    run(main)


def test_the_other_arguments_keep_their_places(run: Run) -> None:
    async def main() -> None:
        one, other = stream_pair()
        calls = Calls()
        await one.write(b"abc\ndef\nghi\njkl")
        other.read_until(b"\n", calls, 4)
        await calls.get(1)
        other.read_until(b"\n", callback=calls, max_bytes=4)
        await calls.get(2)
        other.read_until_regex(rb"\n", calls, 4)
        await calls.get(3)
        assert await (other.read_bytes(10, None, None, True)) == b"jkl"  # type: ignore[call-arg]
        await one.write(b"mno")
        other.read_bytes(10, calls, None, True)
        assert await calls.get(4) == [b"abc\n", b"def\n", b"ghi\n", b"mno"]
        assert await (one.write(b"pqr\n", None)) is None  # type: ignore[call-arg]
        assert await (other.read_until(b"\n", None, 4)) == b"pqr\n"  # type: ignore[call-arg]
        one.close()
        other.close()

    run(main)


def test_calls_in_todays_form_stay_what_they_are(run: Run) -> None:
    async def main() -> None:
        one, other = stream_pair()
        assert await one.write(b"abc\ndef\nghi") is None
        assert await other.read_until(b"\n", 4) == b"abc\n"
        assert await other.read_until_regex(rb"\n", max_bytes=4) == b"def\n"
        assert await other.read_bytes(10, True) == b"ghi"
        pending = other.read_until(b"\n", 2)
        await one.write(b"abc\n")
        with pytest.raises(StreamClosedError) as caught:
            await pending
        assert isinstance(caught.value.real_error, UnsatisfiableReadError)
        with pytest.raises(TypeError):
            other.read_until(b"\n", 1, 2)  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            other.read_bytes(1, nonsense=True)  # type: ignore[call-arg]
        one.close()

    run(main)


def test_a_read_from_its_own_callback(run: Run) -> None:
    async def main() -> None:
        one, other = stream_pair()
        lines = Calls()

        def on_line(line: bytes) -> None:
            lines(line)
            if line != b"end\n":
                other.read_until(b"\n", on_line)

        other.read_until(b"\n", on_line)
        await one.write(b"first\nsecond\nend\nrest")
        assert await lines.get(3) == [b"first\n", b"second\n", b"end\n"]
        assert await other.read_bytes(4) == b"rest"
        one.close()
        other.close()

    run(main)


def test_who_reads_twice_is_told(run: Run) -> None:
    async def main() -> None:
        one, other = stream_pair()
        other.read_until(b"\n", print)
        with pytest.raises(RuntimeError, match="Already reading"):
            other.read_bytes(1, print)
        one.close()
        other.close()

    run(main)


def test_a_stream_that_closes_tells_its_close_callback_only(run: Run) -> None:
    async def main() -> None:
        one, other = stream_pair()
        calls = Calls()
        other.set_close_callback(calls.named("closed"))
        other.read_until(b"\n", calls.named("read"))
        one.close()
        assert await calls.get(1) == ["closed"]
        await settle()
        assert len(calls.seen) == 1
        for method in (other.write, other.read_until):
            with pytest.raises(StreamClosedError):
                method(b"\n", calls)  # type: ignore[arg-type]

    run(main)


def test_what_was_read_comes_before_the_close(run: Run) -> None:
    async def main() -> None:
        one, other = stream_pair()
        calls = Calls()
        other.set_close_callback(calls.named("closed"))
        other.read_until_close(calls)
        await one.write(b"everything")
        one.close()
        assert await calls.get(2) == [b"everything", "closed"]

        one, other = stream_pair()
        calls = Calls()
        other.set_close_callback(calls.named("closed"))
        other.read_until_close(calls, calls.named("piece"))
        await one.write(b"everything")
        one.close()
        assert await calls.get(3) == [("piece", b"everything"), b"", "closed"]

    run(main)


@pytest.mark.parametrize("how", ["line", "rest", "pieces"])
def test_a_loop_that_the_last_bytes_stop_has_not_come_to_the_close(loop: IOLoop, how: str) -> None:
    heard: list[Any] = []

    def stop(word: Any) -> None:
        heard.append(word)
        loop.stop()

    one, other = stream_pair()
    other.set_close_callback(lambda: stop("closed"))
    if how == "line":
        other.read_until(b"\n", stop)  # type: ignore[arg-type]
    elif how == "rest":
        other.read_until_close(stop)  # type: ignore[call-arg]
    else:
        other.read_until_close(stop, lambda data: None)  # type: ignore[call-arg]
    one.write(b"end\n")
    one.close()
    loop.start()
    assert heard == [b"" if how == "pieces" else b"end\n"]
    loop.start()
    assert heard[1:] == ["closed"]


def test_pieces_go_to_a_streaming_callback(run: Run) -> None:
    async def main() -> None:
        one, other = stream_pair()
        calls = Calls()
        piece = calls.named("piece")
        assert other.read_bytes(6, callback=calls, streaming_callback=piece) is None  # type: ignore[call-arg]
        await one.write(b"abc")
        await calls.get(1)
        with pytest.raises(RuntimeError, match="Already reading"):
            other.read_until(b"\n")
        await one.write(b"defgh")
        assert await calls.get(3) == [("piece", b"abc"), ("piece", b"def"), b""]
        future = other.read_bytes(4, streaming_callback=piece)  # type: ignore[call-arg]
        await one.write(b"ijkl")
        assert await future == b""
        assert b"".join(seen[1] for seen in calls.seen[3:]) == b"ghij"
        other.read_bytes(10, calls, piece, partial=True)
        assert (await calls.get(len(calls.seen) + 2))[-2:] == [("piece", b"kl"), b""]
        other.read_bytes(0, calls, piece)
        assert (await calls.get(len(calls.seen) + 1))[-1] == b""
        done = other.read_until_close(streaming_callback=piece)  # type: ignore[call-arg]
        await one.write(b"the end")
        one.close()
        assert await done == b""
        assert calls.seen[-1] == ("piece", b"the end")
        again = other.read_until_close(streaming_callback=piece)  # type: ignore[call-arg]
        assert await again == b""
        with pytest.raises(StreamClosedError):
            other.read_bytes(4, streaming_callback=piece)  # type: ignore[call-arg]

    run(main)


def test_pieces_that_end_too_early(run: Run) -> None:
    async def main() -> None:
        one, other = stream_pair()
        calls = Calls()
        future = other.read_bytes(6, streaming_callback=calls)  # type: ignore[call-arg]
        await one.write(b"abc")
        one.close()
        with pytest.raises(StreamClosedError):
            await future
        assert calls.seen == [b"abc"]

        one, other = stream_pair()
        future = other.read_until_close(streaming_callback=calls)  # type: ignore[call-arg]
        await one.write(b"def")
        await calls.get(2)
        other.close(exc_info=OSError("the disk is full"))
        with pytest.raises(StreamClosedError):
            await future
        one.close()

    run(main)


def test_the_callback_of_the_last_write_speaks_for_those_before(run: Run) -> None:
    async def main() -> None:
        one, other = stream_pair()
        calls = Calls()
        data = b"x" * 10_000_000
        assert one.write(data, calls.named("first")) is None
        assert one.writing()
        one.write(b"y", callback=calls.named("second"))
        assert len(await other.read_bytes(len(data) + 1)) == len(data) + 1
        assert await calls.get(1) == ["second"]
        one.write(b"y", calls.named("third"))
        one.write(b"z", calls.named("fourth"))
        assert await calls.get(3) == ["second", "third", "fourth"]
        one.write(data, calls.named("never"))
        one.close()
        await settle()
        assert len(calls.seen) == 3
        other.close()

    run(main)


def test_connect_calls_back(run: Run, certificate: Certificate) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()
            calls = Calls()
            for args in ((calls,), (calls, "localhost")):
                client = IOStream(socket.socket())
                assert client.connect(address, *args) is None
                client.write(b"before", calls.named("written"))
                calls.seen.clear()
                assert await calls.get(2) == [(), "written"]
                client.close()
            client = IOStream(socket.socket())
            assert await client.connect(address, "localhost") is client
            client.close()
            client = IOStream(socket.socket())
            assert await client.connect(address, None, "localhost") is client  # type: ignore[call-arg]
            client.close()
        client = IOStream(socket.socket())
        client.set_close_callback(calls.named("refused"))
        client.connect(address, callback=calls)  # type: ignore[call-arg]
        assert (await calls.get(3))[2:] == ["refused"]
        assert isinstance(client.error, ConnectionRefusedError)

        accepted, connected = tcp_pair()
        server = SSLIOStream(
            certificate.server().wrap_socket(
                accepted, server_side=True, do_handshake_on_connect=False
            )
        )
        calls.seen.clear()
        server.wait_for_handshake(calls)  # type: ignore[call-arg]
        secure = await IOStream(connected).start_tls(False, certificate.client(), "localhost")
        assert await calls.get(1) == [()]
        server.close()
        secure.close()

    run(main)


def test_an_exception_of_a_callback_closes_the_stream(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any) -> None:
        raise ValueError("a callback failed")

    async def main() -> None:
        for begin in (
            lambda stream: stream.read_bytes(1, fail),
            lambda stream: stream.write(b"x", fail),
            lambda stream: stream.read_bytes(1, None, fail),
        ):
            caplog.clear()
            one, other = stream_pair()
            calls = Calls()
            other.set_close_callback(calls)
            begin(other)
            await one.write(b"x")
            await calls.get(1)
            assert isinstance(other.error, ValueError)
            errors = [r for r in caplog.records if r.levelno >= logging.ERROR]
            assert [r.message for r in errors] == ["Uncaught exception, closing connection."]
            one.close()

    run(main)


def test_a_callback_may_be_a_coroutine(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        one, other = stream_pair()
        calls = Calls()

        async def on_data(data: bytes) -> None:
            await asyncio.sleep(0)
            calls(data)
            raise ValueError("after a while")

        other.read_bytes(1, on_data)  # type: ignore[arg-type]
        await one.write(b"x")
        assert await calls.get(1) == [b"x"]
        await settle()
        assert any("Exception in callback" in record.message for record in caplog.records)
        one.close()
        other.close()

    run(main)


def test_callbacks_run_in_the_contexts_that_they_were_given_in(run: Run) -> None:
    class Entered:
        count = 0

        def __enter__(self) -> None:
            Entered.count += 1

        def __exit__(self, *exc: object) -> None:
            Entered.count -= 1

    async def main() -> None:
        one, other = stream_pair()
        calls = Calls()

        def seen(*args: Any) -> None:
            calls(Entered.count)

        with StackContext(Entered):
            other.set_close_callback(seen)
            other.read_bytes(3, seen, seen)
        one.write(b"abc", seen)
        assert sorted(await calls.get(3)) == [0, 1, 1]
        with StackContext(Entered):
            other.read_until(b"\n", seen)
        await one.write(b"\n")
        assert (await calls.get(4))[-1] == 1
        one.close()
        assert (await calls.get(5))[-1] == 1

        def handle(typ: Any, value: Any, traceback: Any) -> bool:
            calls(repr(value))
            return True

        def fail(data: bytes) -> None:
            raise ValueError(data)

        one, other = stream_pair()
        with ExceptionStackContext(handle):
            other.read_bytes(1, fail)  # type: ignore[arg-type]
        await one.write(b"x")
        assert (await calls.get(6))[-1] == "ValueError(b'x')"
        assert not other.closed()
        one.close()
        other.close()

    run(main)


def test_without_them_a_callback_is_a_type_error(io_loop: IOLoop) -> None:
    legacy.uninstall()
    one, other = stream_pair()
    for call in (
        lambda: other.read_until(b"\n", callback=print),  # type: ignore[call-arg]
        lambda: other.read_bytes(1, streaming_callback=print),  # type: ignore[call-arg]
        lambda: other.read_until_close(print),  # type: ignore[call-arg]
        lambda: one.write(b"", print),  # type: ignore[call-arg]
        lambda: one.connect("", callback=print),  # type: ignore[call-arg]
    ):
        with pytest.raises(TypeError, match=r"callback|positional"):
            call()  # type: ignore[no-untyped-call]
    one.close()
    other.close()


def test_uninstalling_restores_every_method() -> None:
    names = [*(name for name, _, _ in READS), "read_into", "read_until_close", "write"]
    replaced = {name: getattr(BaseIOStream, name) for name in names}
    legacy.uninstall()
    restored = {name: getattr(BaseIOStream, name) for name in names}
    assert all(restored[name] is not replaced[name] for name in names)
    assert all(inspect.unwrap(replaced[name]) is restored[name] for name in names)
    legacy.install()
    signatures = [inspect.signature(getattr(BaseIOStream, name)) for name in names]
    assert signatures == [inspect.signature(restored[name]) for name in names]
