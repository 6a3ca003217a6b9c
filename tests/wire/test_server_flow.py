"""Flow control both ways, long pipelines, single-byte packets, fairness."""

from __future__ import annotations

import asyncio
import re
import threading
import time

import pytest

from .raw import DEADLINE, NoAnswer, build, wait_until
from .server import web

CHUNK = b"x" * 65536


class Echo(web.RequestHandler):
    def get(self):
        self.write(self.request.path)

    def post(self):
        self.write(str(len(self.request.body)))


def stops_growing(server, value) -> int:
    """Wait until a value has stayed the same for fifty turns of the server's loop; return it."""
    end = time.monotonic() + DEADLINE
    still = 0
    last = value()
    while still < 50:
        server.turn()
        still, last = (still + 1, last) if value() == last else (0, value())
        assert time.monotonic() < end, f"still growing at {last}"
    return last


def test_ten_thousand_pipelined_requests(serve):
    count = 10_000
    server = serve(Echo)
    with server.connect() as connection:
        data = b"".join(build(f"/{number}") for number in range(count))
        sender = threading.Thread(target=connection.send, args=(data,))
        sender.start()
        try:
            for number in range(count):
                assert connection.read().body == b"/%d" % number
        finally:
            sender.join(DEADLINE)
        assert connection.is_quiet()
        assert connection.request("/after").body == b"/after"


def test_ten_thousand_pipelined_requests_of_an_asynchronous_handler(serve):
    count = 10_000

    class Handler(web.RequestHandler):
        async def get(self):
            await asyncio.sleep(0)
            self.write(self.request.path)

    with serve(Handler).connect() as connection:
        data = b"".join(build(f"/{number}") for number in range(count))
        sender = threading.Thread(target=connection.send, args=(data,))
        sender.start()
        try:
            for number in range(count):
                assert connection.read().body == b"/%d" % number
        finally:
            sender.join(DEADLINE)


def test_pipelined_bodies_of_mixed_framing(serve):
    pieces = []
    for number in range(300):
        if number % 3 == 0:
            pieces.append(build(f"/{number}"))
        elif number % 3 == 1:
            pieces.append(build("/", "POST", b"y" * number))
        else:
            chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (number, b"z" * number)
            pieces.append(build("/", "POST", chunked, {"Transfer-Encoding": "chunked"}))
    with serve(Echo).connect() as connection:
        connection.send(b"".join(pieces))
        for number in range(300):
            expected = f"/{number}" if number % 3 == 0 else str(number)
            assert connection.read().body == expected.encode()


def test_single_bytes(serve):
    server = serve(Echo)
    data = build("/one") + build("/two", "POST", b"abc") + build("/three")
    with server.connect() as connection:
        connection.send_each((data[i : i + 1] for i in range(len(data))), server.turn)
        assert [connection.read().body for _ in range(3)] == [b"/one", b"3", b"/three"]


def test_a_slow_reader_stops_the_handler(serve):
    flushed = []
    total = 400

    class Handler(web.RequestHandler):
        async def get(self):
            for _ in range(total):
                self.write(CHUNK)
                await self.flush()
                flushed.append(True)

    server = serve(Handler)
    with server.connect(receive_buffer=65536) as connection:
        connection.send(build())
        wait_until(lambda: flushed)
        stopped = stops_growing(server, lambda: len(flushed))
        assert stopped < total / 2, "25 MiB were buffered for a client that reads nothing"
        assert server.call(lambda: True)  # the loop is free
        assert len(connection.read().body) == total * len(CHUNK)
        assert len(flushed) == total


def test_a_slow_reader_does_not_stop_others(serve):
    class Handler(Echo):
        async def get(self):
            if self.request.path == "/long":
                for _ in range(200):
                    self.write(CHUNK)
                    await self.flush()
            else:
                super().get()

    server = serve(Handler)
    with server.connect(receive_buffer=65536) as slow, server.connect() as other:
        slow.send(build("/long"))
        for _ in range(20):
            assert other.request("/quick").body == b"/quick"


def test_a_client_that_never_reads_a_pipeline_stops_being_read(serve):
    answered = []

    class Handler(web.RequestHandler):
        def get(self):
            answered.append(True)
            self.write(CHUNK)

    server = serve(Handler)
    with server.connect(receive_buffer=65536, deadline=0.5) as connection:
        with pytest.raises(NoAnswer):  # the deadline: our own sending stopped
            connection.send(build(fields={"X": "y" * 2000}) * 10_000)
        stopped = stops_growing(server, lambda: len(answered))
        assert stopped < 1000, f"{stopped} answers of 64 KiB for a client that reads nothing"


def test_a_busy_streaming_receiver_stops_the_sender(serve):
    received = []
    gate = asyncio.Event()

    @web.stream_request_body
    class Handler(web.RequestHandler):
        def prepare(self):
            self.request.connection.set_max_body_size(1 << 30)

        async def data_received(self, chunk):
            received.append(len(chunk))
            await gate.wait()

        def post(self):
            self.write(str(sum(received)))

    size = 64 << 20
    server = serve(Handler)
    with server.connect(deadline=30) as connection:
        sent = []

        def send():
            connection.send(build("/", "POST", b"", {"Content-Length": str(size)}))
            for _ in range(size // len(CHUNK)):
                connection.send(CHUNK)
                sent.append(len(CHUNK))

        sender = threading.Thread(target=send)
        sender.start()
        wait_until(lambda: received)
        stopped = stops_growing(server, lambda: sum(sent))
        assert len(received) == 1, "a second chunk came while the first was being handled"
        assert stopped < size / 2, "the server went on reading"
        server.call(gate.set)
        assert connection.read().body == str(size).encode()
        sender.join(DEADLINE)


def test_chunks_to_a_streaming_receiver_are_bounded_and_not_empty(serve):
    sizes = []

    @web.stream_request_body
    class Handler(web.RequestHandler):
        def data_received(self, chunk):
            sizes.append(len(chunk))

        def post(self):
            self.write(str(sum(sizes)))

    with serve(Handler, chunk_size=1000).connect() as connection:
        assert connection.request("/", "POST", b"x" * 100_000).body == b"100000"
    assert max(sizes) <= 1000
    assert min(sizes) > 0


def test_one_greedy_connection_does_not_starve_another(serve):
    served = []

    class Handler(web.RequestHandler):
        def get(self):
            served.append(self.request.path)
            self.write("x")

    server = serve(Handler)
    with server.connect() as greedy, server.connect() as modest:
        assert modest.request("/warm").status == 200
        flood = build("/greedy") * 20_000
        sender = threading.Thread(target=greedy.send, args=(flood,))
        reader = threading.Thread(target=lambda: [greedy.read() for _ in range(20_000)])
        sender.start()
        reader.start()
        wait_until(lambda: len(served) > 200)
        before = len(served)
        assert modest.request("/modest").status == 200
        position = served.index("/modest")
        sender.join(30)
        reader.join(30)
    assert position - before < 15_000, "the modest request waited for the whole flood"


def test_many_tiny_chunks_leave_the_loop_free(serve):
    class Handler(web.RequestHandler):
        def post(self):
            self.write(str(len(self.request.body)))

        def get(self):
            self.write("free")

    server = serve(Handler)
    with server.connect() as greedy, server.connect() as other:
        greedy.send(build("/", "POST", b"", {"Transfer-Encoding": "chunked"}))
        for _ in range(20):
            greedy.send(b"1\r\nx\r\n" * 2000)
            assert other.request().body == b"free"
        greedy.send(b"0\r\n\r\n")
        assert greedy.read().body == b"40000"


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 1_000_000])
@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_bodies_of_any_size(serve, size, coding):
    body = b"b" * size
    with serve(Echo).connect() as connection:
        if coding == "length":
            answer = connection.request("/", "POST", body)
        else:
            framed = re.sub(rb"(b{1,50000})", lambda m: b"%x\r\n%s\r\n" % (len(m[1]), m[1]), body)
            chunked = {"Transfer-Encoding": "chunked"}
            answer = connection.request("/", "POST", framed + b"0\r\n\r\n", chunked)
        assert answer.body == str(size).encode()
        assert connection.request("/next").body == b"/next"
