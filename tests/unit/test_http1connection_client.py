"""HTTP/1 over streams, the client's side: against raw bytes."""

from __future__ import annotations

import asyncio
import functools
import gzip
import logging
from typing import Any

import pytest

from tests.unit.http1_streams import HELLO, OK, Receiver, ask, read_all, receive, until
from tests.unit.loops import Run, run, stream_pair, tcp_pair
from whirlwind import http1connection
from whirlwind.http1connection import (
    HTTP1Connection,
    HTTP1ConnectionParameters,
    HTTP1ServerConnection,
)
from whirlwind.httputil import (
    HTTPHeaders,
    HTTPInputError,
    HTTPOutputError,
    RequestStartLine,
)
from whirlwind.iostream import IOStream, StreamClosedError

__all__ = ["run"]  # fixtures


# --- reading responses --------------------------------------------------------------------------


def test_a_response(run: Run) -> None:
    async def main() -> None:
        result, receiver, stream = await receive(HELLO)
        assert result is True
        assert receiver.events == [OK, b"hello", "finish"]
        stream.close()

    run(main)


@pytest.mark.parametrize(
    ("method", "sent"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ],
)
def test_responses_without_body(run: Run, method: str, sent: bytes) -> None:
    async def main() -> None:
        result, receiver, stream = await receive(sent, close=False, method=method)
        assert (result, receiver.events[1:]) == (True, ["finish"])
        stream.close()

    run(main)


def test_what_comes_after_a_response_stays_in_the_stream(run: Run) -> None:
    async def main() -> None:
        mine, theirs = stream_pair()
        await theirs.write(HELLO + HELLO.replace(b"hello", b"there") + b"something else")
        for body in (b"hello", b"there"):
            connection = HTTP1Connection(mine, True)
            receiver = Receiver()
            assert await connection.read_response(receiver) is True
            assert receiver.body == body
        assert await mine.read_bytes(14) == b"something else"
        mine.close()
        theirs.close()

    run(main)


def test_one_connection_reads_several_responses(run: Run) -> None:
    async def main() -> None:
        mine, theirs = stream_pair()
        connection = HTTP1Connection(mine, True)
        await theirs.write(HELLO + HELLO)
        for _ in range(2):
            receiver = Receiver()
            assert await connection.read_response(receiver) is True
            assert receiver.body == b"hello"
        mine.close()
        theirs.close()

    run(main)


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n1;a=b\r\n \r\n5\r\nworld\r\n0\r\nX-Trailer: 1\r\n\r\n"
)


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (HELLO, b"hello"),
        (CHUNKED, b"hello world"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO, b"hello"),
    ],
    ids=["length", "chunked", "until close", "interim"],
)
def test_responses_in_two_pieces_cut_everywhere(run: Run, sent: bytes, body: bytes) -> None:
    async def main() -> None:
        for cut in range(1, len(sent)):
            mine, theirs = stream_pair()
            connection = HTTP1Connection(mine, True)
            receiver = Receiver()
            await theirs.write(sent[:cut])
            reading = asyncio.ensure_future(connection.read_response(receiver))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await theirs.write(sent[cut:])
            theirs.close()
            assert await reading is True
            assert (receiver.body, receiver.events[-1]) == (body, "finish")
            mine.close()

    run(main)


def test_many_tiny_chunks_are_put_together_and_others_get_their_turn(run: Run) -> None:
    async def main() -> None:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.ensure_future(count())
        sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        mine, theirs = stream_pair()
        await theirs.write(sent + b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n")
        receiver = Receiver()
        turns = 0
        assert await HTTP1Connection(mine, True).read_response(receiver) is True
        assert receiver.body == b"x" * 10_000
        assert len(receiver.events) < 10
        assert turns > 10
        counting.cancel()
        mine.close()
        theirs.close()

    run(main)


def test_large_bodies_come_in_pieces_of_the_size_asked_for(run: Run) -> None:
    async def main() -> None:
        body = bytes(range(256)) * 4096
        chunks = b"".join(b"3e8\r\n%b\r\n" % body[i : i + 1000] for i in range(0, 1_000_000, 1000))
        for head, framed in (
            (b"Content-Length: 1000000", body[:1_000_000]),
            (b"Transfer-Encoding: chunked", chunks + b"0\r\n\r\n"),
        ):
            sent = b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (head, framed)
            params = HTTP1ConnectionParameters(chunk_size=3000)
            result, receiver, stream = await receive(sent, close=False, params=params)
            assert result is True
            assert receiver.body == body[:1_000_000]
            assert max(len(event) for event in receiver.events if isinstance(event, bytes)) <= 3000
            stream.close()

    run(main)


def test_interim_responses_are_told_too(run: Run) -> None:
    async def main() -> None:
        early = b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
        _, receiver, stream = await receive(b"HTTP/1.1 100 Continue\r\n\r\n" + early + HELLO)
        codes = [event[0][1] for event in receiver.events if isinstance(event, tuple)]
        assert codes == [100, 103, 200]
        assert receiver.events[-2:] == [b"hello", "finish"]
        stream.close()

    run(main)


def test_too_many_interim_responses(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        limit = http1connection._MAX_1XX_RESPONSES
        result, receiver, stream = await receive(
            b"HTTP/1.1 100 Continue\r\n\r\n" * (limit + 1) + HELLO, close=False, keep=True
        )
        assert (result, receiver.events[-1], stream.closed()) == (False, "close", True)

    with caplog.at_level(logging.INFO, "whirlwind.general"):
        run(main)
    assert [r.getMessage() for r in caplog.records] == [
        "Malformed HTTP message from None: Too many 1xx responses"
    ]


@pytest.mark.parametrize(
    "sent",
    [
        b"garbage\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nfooXX0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
    ],
)
def test_malformed_responses(run: Run, caplog: pytest.LogCaptureFixture, sent: bytes) -> None:
    async def main() -> None:
        result, receiver, stream = await receive(sent, close=False, keep=True)
        assert (result, receiver.events[-1], stream.closed()) == (False, "close", True)
        assert "finish" not in receiver.events

    with caplog.at_level(logging.INFO, "whirlwind.general"):
        run(main)
    [record] = caplog.records
    assert (record.levelno, record.exc_info) == (logging.INFO, None)


@pytest.mark.parametrize(
    ("sent", "events"),
    [(b"", []), (HELLO[:10], []), (HELLO[:-2], [OK, b"hel", "close"]), (CHUNKED[:60], None)],
)
def test_streams_that_close_too_early(run: Run, sent: bytes, events: list[Any] | None) -> None:
    async def main() -> None:
        result, receiver, stream = await receive(sent, keep=True)
        assert isinstance(result, StreamClosedError)
        assert stream.closed()
        if events is not None:
            assert receiver.events == events
        else:
            assert receiver.events[-1] == "close"

    run(main)


def test_a_reset_is_no_end_of_a_body(run: Run) -> None:
    """A body that ends with the connection may be cut short without anybody noticing."""

    async def main() -> None:
        accepted, client = tcp_pair()
        mine = IOStream(client)
        receiver = Receiver()
        reading = asyncio.ensure_future(HTTP1Connection(mine, True).read_response(receiver))
        accepted.sendall(b"HTTP/1.0 200 OK\r\n\r\nhalf of i")
        await until(lambda: receiver.body)
        mine.close(exc_info=ConnectionResetError())
        with pytest.raises(StreamClosedError):
            await reading
        assert receiver.events[-1] == "close"
        accepted.close()

    run(main)


def test_limits(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        small = HTTP1ConnectionParameters(max_body_size=4)
        result, receiver, _ = await receive(HELLO, params=small)
        assert (result, receiver.events) == (False, [OK, "close"])
        result, receiver, _ = await receive(CHUNKED, params=small)
        assert (result, receiver.events[-1]) == (False, "close")
        result, receiver, _ = await receive(b"HTTP/1.0 200 OK\r\n\r\nhello", params=small)
        assert (result, receiver.events[-1]) == (False, "close")
        head = b"HTTP/1.1 200 OK\r\nA: %b\r\n\r\n" % (b"a" * 200)
        params = HTTP1ConnectionParameters(max_header_size=100)
        result, receiver, _ = await receive(head, params=params, close=False)
        assert (result, receiver.events) == (False, ["close"])

    with caplog.at_level(logging.INFO, "whirlwind.general"):
        run(main)
    assert len(caplog.records) == 4


def test_limits_changed_when_the_head_is_here(run: Run) -> None:
    async def main() -> None:
        mine, theirs = stream_pair()
        connection = HTTP1Connection(mine, True, HTTP1ConnectionParameters(max_body_size=4))
        receiver = Receiver(headers=lambda *_: connection.set_max_body_size(5))
        await theirs.write(HELLO)
        assert await connection.read_response(receiver) is True
        connection = HTTP1Connection(mine, True, HTTP1ConnectionParameters())
        receiver = Receiver(headers=lambda *_: connection.set_max_body_size(4))
        await theirs.write(HELLO)
        assert await connection.read_response(receiver) is False
        theirs.close()

    run(main)


def test_timeouts(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        params = HTTP1ConnectionParameters(header_timeout=0.01)
        result, receiver, stream = await receive(HELLO[:10], params=params, close=False, keep=True)
        assert (result, receiver.events, stream.closed()) == (False, [], True)
        params = HTTP1ConnectionParameters(body_timeout=0.01)
        result, receiver, stream = await receive(HELLO[:-2], params=params, close=False, keep=True)
        assert (result, receiver.events) == (False, [OK, b"hel", "close"])
        assert stream.closed()
        # Set when the head is here, and while the body is being read.
        for hook in ("headers", "data"):
            mine, theirs = stream_pair()
            connection = HTTP1Connection(mine, True)
            receiver = Receiver(**{hook: lambda *_, c=connection: c.set_body_timeout(0.01)})
            await theirs.write(HELLO[:-2])
            assert await connection.read_response(receiver) is False
            theirs.close()

    with caplog.at_level(logging.INFO, "whirlwind.general"):
        run(main)
    assert [r.getMessage() for r in caplog.records] == ["Timeout reading body from None"] * 3


def test_a_timeout_of_the_delegate_is_its_own(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async def slow(_: bytes) -> None:
            raise TimeoutError("mine")

        result, receiver, _ = await receive(HELLO, receiver=Receiver(data=slow))
        assert (result, receiver.events[-1]) == (False, "close")

    run(main)
    [record] = caplog.records
    assert (record.name, record.exc_info and record.exc_info[0]) == (
        "whirlwind.application",
        TimeoutError,
    )


@pytest.mark.parametrize("hook", ["headers", "data", "finish"])
def test_exceptions_in_the_delegate(run: Run, caplog: pytest.LogCaptureFixture, hook: str) -> None:
    async def main() -> None:
        def fail(*_: object) -> None:
            raise ValueError("broken")

        result, receiver, stream = await receive(
            HELLO, receiver=Receiver(**{hook: fail}), keep=True
        )
        assert (result, receiver.events[-1], stream.closed()) == (False, "close", True)
        assert receiver.events.count("close") == 1

    run(main)
    assert [(r.name, r.getMessage()) for r in caplog.records] == [
        ("whirlwind.application", "Uncaught exception")
    ]


def test_a_delegate_that_waits_holds_the_peer(run: Run) -> None:
    async def main() -> None:
        size = 8_000_000
        proceed = asyncio.Event()
        mine, theirs = stream_pair()
        connection = HTTP1Connection(mine, True)
        receiver = Receiver(data=lambda _: proceed.wait())
        sending = theirs.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        sending = theirs.write(bytes(size))
        reading = asyncio.ensure_future(connection.read_response(receiver))
        await until(lambda: receiver.body)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(receiver.body) <= 65536
        assert not sending.done()
        proceed.set()
        assert await reading is True
        assert len(receiver.body) == size
        mine.close()
        theirs.close()

    run(main)


def test_decompression(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        def response(content: bytes) -> bytes:
            head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
            return head % len(content) + content

        params = HTTP1ConnectionParameters(decompress=True, max_body_size=1000)
        result, receiver, _ = await receive(response(gzip.compress(b"hello")), params=params)
        assert (result, receiver.body) == (True, b"hello")
        assert "Content-Encoding" not in receiver.events[0][1]
        assert receiver.events[0][1]["X-Consumed-Content-Encoding"] == "gzip"
        # The limit is for what comes out.
        result, receiver, _ = await receive(response(gzip.compress(bytes(1001))), params=params)
        assert (result, receiver.events[-1]) == (False, "close")
        for broken in (b"hello", gzip.compress(b"hello")[:-3]):
            result, receiver, _ = await receive(response(broken), params=params)
            assert (result, receiver.events[-1]) == (False, "close")
        head = response(gzip.compress(b"hello")).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        result, receiver, _ = await receive(head, params=params, method="HEAD")
        assert (result, receiver.body) == (True, b"")
        result, receiver, _ = await receive(response(gzip.compress(b"hello")))
        assert gzip.decompress(receiver.body) == b"hello"

    run(main)
    assert {record.exc_info for record in caplog.records} <= {None}


def test_detaching_for_another_protocol(run: Run) -> None:
    async def main() -> None:
        mine, theirs = stream_pair()
        connection = HTTP1Connection(mine, True)
        taken: list[IOStream] = []
        receiver = Receiver(headers=lambda *_: taken.append(connection.detach()))
        await theirs.write(b"HTTP/1.1 101 Go\r\nUpgrade: x\r\n\r\nnot HTTP")
        assert await connection.read_response(receiver) is False
        assert taken == [mine]
        assert connection.stream is None
        assert len(receiver.events) == 1
        assert await mine.read_bytes(8) == b"not HTTP"
        with pytest.raises(StreamClosedError):
            await connection.write_headers(RequestStartLine("GET", "/", ""), HTTPHeaders())
        mine.close()
        theirs.close()

    run(main)


def test_a_101_that_nobody_takes_ends_the_exchange(run: Run) -> None:
    async def main() -> None:
        sent = b"HTTP/1.1 101 Go\r\nUpgrade: x\r\n\r\nnot HTTP"
        result, receiver, stream = await receive(sent, close=False, keep=True)
        assert (result, receiver.events[-1]) == (True, "finish")
        assert await stream.read_bytes(8) == b"not HTTP"
        stream.close()

    run(main)


def test_closing_while_receiving(run: Run) -> None:
    async def main() -> None:
        mine, theirs = stream_pair()
        connection = HTTP1Connection(mine, True)
        receiver = Receiver(data=lambda _: connection.close())
        await theirs.write(HELLO[:-2])
        with pytest.raises(StreamClosedError):
            await connection.read_response(receiver)
        assert receiver.events[-1] == "close"
        theirs.close()

    run(main)


def test_giving_up_the_wait_closes_the_connection(run: Run) -> None:
    async def main() -> None:
        mine, theirs = stream_pair()
        receiver = Receiver()
        reading = asyncio.ensure_future(HTTP1Connection(mine, True).read_response(receiver))
        await theirs.write(HELLO[:-2])
        await until(lambda: receiver.body)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert (mine.closed(), receiver.events[-1]) == (True, "close")
        theirs.close()

    run(main)


# --- writing requests ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "fields", "chunks", "expected"),
    [
        ("GET", {}, [], b"GET /1 HTTP/1.1\r\n\r\n"),
        ("POST", {}, [], b"POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (
            "PUT",
            {},
            [b"ab", b"", b"c"],
            b"PUT /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
        ),
        (
            "POST",
            {"Content-Length": "3"},
            [b"ab", b"c"],
            b"POST /1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        ),
        (
            "DELETE",
            {"Transfer-Encoding": "chunked"},
            [b"ab"],
            b"DELETE /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        ),
        (
            "GET",
            {"Content-Length": "2"},
            [b"ab"],
            b"GET /1 HTTP/1.1\r\nContent-Length: 2\r\n\r\nab",
        ),
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["with the head", "after it"])
def test_requests_on_the_wire(
    run: Run,
    method: str,
    fields: dict[str, str],
    chunks: list[bytes],
    expected: bytes,
    first: bool,
) -> None:
    async def main() -> None:
        mine, theirs = stream_pair()
        connection = HTTP1Connection(mine, True)
        rest = list(chunks)
        chunk = rest.pop(0) if first and rest else None
        line = RequestStartLine(method, "/1", "HTTP/1.0")
        await connection.write_headers(line, HTTPHeaders(fields), chunk)
        for piece in rest:
            await connection.write(piece)
        connection.finish()
        connection.finish()  # the second time changes nothing
        mine.close()
        assert await read_all(theirs) == expected
        theirs.close()

    run(main)


def test_a_connection_for_one_request_says_so(run: Run) -> None:
    async def main() -> None:
        mine, theirs = stream_pair()
        connection = HTTP1Connection(mine, True, HTTP1ConnectionParameters(no_keep_alive=True))
        assert connection.no_keep_alive is True
        ask(connection, fields={"Host": "a"})
        mine.close()
        assert await read_all(theirs) == b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        theirs.close()

    run(main)


def test_bodies_that_contradict_their_length(run: Run) -> None:
    async def main() -> None:
        for chunk, more in ((b"abcd", b""), (b"ab", b"cd")):
            mine, theirs = stream_pair()
            connection = HTTP1Connection(mine, True)
            write = functools.partial(connection.write, more)
            if more:
                ask(connection, "POST", {"Content-Length": "3"}, chunk)
            else:
                write = functools.partial(ask, connection, "POST", {"Content-Length": "3"}, chunk)
            with pytest.raises(HTTPOutputError, match="more data than Content-Length"):
                write()
            assert mine.closed()
            theirs.close()
        mine, theirs = stream_pair()
        connection = HTTP1Connection(mine, True)
        ask(connection, "POST", {"Content-Length": "3"}, b"a")
        with pytest.raises(HTTPOutputError, match="2 bytes less than Content-Length"):
            connection.finish()
        assert mine.closed()
        theirs.close()

    run(main)


def test_requests_that_can_not_be_sent(run: Run) -> None:
    async def main() -> None:
        mine, theirs = stream_pair()
        connection = HTTP1Connection(mine, True)
        with pytest.raises(HTTPOutputError, match="GET request needs Content-Length"):
            ask(connection, chunk=b"body")
        for line in (
            ("GET", "/\r\nEvil: 1", ""),
            ("GET", "/ HTTP/1.1", ""),
            ("GET", "/\xe9", ""),
            ("GET", "", ""),
            ("G T", "/", ""),
            ("", "/", ""),
        ):
            with pytest.raises(ValueError, match=r"Illegal|ASCII"):
                connection.write_headers(RequestStartLine(*line), HTTPHeaders())
        with pytest.raises(ValueError, match="header"):
            connection.write_headers(
                RequestStartLine("GET", "/", ""), HTTPHeaders({"A": "b\r\nEvil: 1"})
            )
        for fields, error in (
            ({"Content-Length": "+3"}, "not a number"),
            ({"Content-Length": "3", "Transfer-Encoding": "chunked"}, "not both"),
            ({"Transfer-Encoding": "gzip"}, "Unknown Transfer-Encoding"),
        ):
            with pytest.raises(HTTPOutputError, match=error):
                ask(connection, "POST", fields)
        with pytest.raises(HTTPOutputError, match="No request"):
            connection.write(b"x")
        with pytest.raises(HTTPOutputError, match="No request"):
            connection.finish()
        ask(connection)
        with pytest.raises(HTTPOutputError, match="already started"):
            ask(connection)
        mine.close()
        assert await read_all(theirs) == b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
        theirs.close()

    run(main)


def test_writes_to_a_connection_that_is_gone(run: Run) -> None:
    async def main() -> None:
        mine, theirs = stream_pair()
        connection = HTTP1Connection(mine, True)
        connection.close()
        with pytest.raises(StreamClosedError):
            await ask(connection)
        theirs.close()

    run(main)


def test_a_response_before_the_end_of_the_request(run: Run) -> None:
    async def main() -> None:
        mine, theirs = stream_pair()
        connection = HTTP1Connection(mine, True)
        ask(connection, "POST", {"Content-Length": "2"}, b"a")
        await theirs.write(HELLO)
        receiver = Receiver()
        reading = asyncio.ensure_future(connection.read_response(receiver))
        await until(lambda: "finish" in receiver.events)
        await asyncio.sleep(0)
        assert not reading.done()
        connection.write(b"b")
        connection.finish()
        assert await reading is True
        mine.close()
        theirs.close()

    run(main)


@pytest.mark.parametrize("end", ["peer", "stream", "connection", "detach"])
def test_a_request_that_is_never_sent_whole(run: Run, end: str) -> None:
    async def main() -> None:
        mine, theirs = stream_pair()
        connection = HTTP1Connection(mine, True)
        gone = asyncio.Event()
        connection.set_close_callback(gone.set)
        ask(connection, "POST", {"Content-Length": "2"}, b"a")
        await theirs.write(HELLO)
        receiver = Receiver()
        reading = asyncio.ensure_future(connection.read_response(receiver))
        await until(lambda: "finish" in receiver.events)
        await asyncio.sleep(0)
        {
            "peer": theirs.close,
            "stream": mine.close,
            "connection": connection.close,
            "detach": connection.detach,
        }[end]()
        assert await reading is (end != "detach"), "the response was there"
        assert receiver.events[-1] == "finish"
        mine.close()
        await gone.wait()
        theirs.close()

    run(main)


def test_the_close_callback_of_a_client(run: Run) -> None:
    async def main() -> None:
        mine, theirs = stream_pair()
        connection = HTTP1Connection(mine, True)
        gone = asyncio.Event()
        connection.set_close_callback(gone.set)
        theirs.close()
        await gone.wait()

    run(main)


# --- the rest of the module ---------------------------------------------------------------------


def test_numbers_as_http_has_them() -> None:
    assert http1connection.parse_int("042") == 42
    assert http1connection.parse_hex_int("fF") == 255
    for bad in ("", "+1", "-1", "1_0", " 1", "1 ", "\u0661", "0x1"):
        with pytest.raises(ValueError, match="integer"):
            http1connection.parse_int(bad)
        with pytest.raises(ValueError, match="integer"):
            http1connection.parse_hex_int(bad)


def test_chunked_or_not() -> None:
    chunked = http1connection.is_transfer_encoding_chunked
    assert chunked(HTTPHeaders({"Transfer-Encoding": "Chunked"})) is True
    assert chunked(HTTPHeaders({"Content-Length": "1"})) is False
    for fields in (
        {"Transfer-Encoding": "gzip"},
        {"Transfer-Encoding": "gzip, chunked"},
        {"Transfer-Encoding": "chunked", "Content-Length": "1"},
    ):
        with pytest.raises(HTTPInputError):
            chunked(HTTPHeaders(fields))


def test_public_names() -> None:
    for thing in (HTTP1Connection, HTTP1ConnectionParameters, HTTP1ServerConnection):
        assert thing.__module__ == "whirlwind.http1connection"
    params = HTTP1ConnectionParameters()
    assert vars(params) == {
        "no_keep_alive": False,
        "chunk_size": 65536,
        "max_header_size": 65536,
        "header_timeout": None,
        "max_body_size": None,
        "body_timeout": None,
        "decompress": False,
    }
