"""A raw HTTP/1 peer for tests: sends any bytes, reads answers with a strict reader of its own.

The reader shares nothing with the package under test, so that a mistake in the package's parser can
not hide a mistake in its serialiser. It raises ``MalformedAnswer`` for whatever RFC 9112 forbids.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

#: Seconds for anything that is awaited; only a failure takes so long, however busy the machine.
DEADLINE = 60.0

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)\r\n")
FIELD_LINE = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[\x21-\x7e\x80-\xff]"
    rb"(?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*\r\n"
)
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")


class MalformedAnswer(AssertionError):
    """What the server sent is not an HTTP/1.1 response."""


class NoAnswer(AssertionError):
    """The connection ended, or the deadline passed, before the response was complete."""


@dataclass
class Answer:
    """One response as it was on the wire."""

    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes = b""
    chunks: list[bytes] = field(default_factory=list)
    trailers: list[tuple[str, str]] = field(default_factory=list)
    interim: list[Answer] = field(default_factory=list)
    until_close: bool = False

    def get_all(self, name: str) -> list[str]:
        """Return the values of every field line with this name."""
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        """Return the value of the only field line with this name, None without one."""
        values = self.get_all(name)
        if len(values) > 1:
            raise MalformedAnswer(f"{name} sent {len(values)} times: {values}")
        return values[0] if values else None

    @property
    def names(self) -> list[str]:
        """The field names in wire order and wire spelling."""
        return [n for n, _ in self.fields]

    @property
    def says_close(self) -> bool:
        """Whether a Connection field holds the ``close`` option."""
        options = ",".join(self.get_all("Connection")).split(",")
        return "close" in [o.strip().lower() for o in options]


class Reader:
    """Cuts responses out of a byte source; ``more()`` returns b"" at the end of the stream."""

    def __init__(self, more: Callable[[], bytes]) -> None:
        self._more = more
        self.buffer = b""
        self.at_eof = False

    def fill(self) -> bool:
        """Read once; return False at the end of the stream."""
        if self.at_eof:
            return False
        data = self._more()
        if not data:
            self.at_eof = True
            return False
        self.buffer += data
        return True

    def _line(self) -> bytes:
        while True:
            end = self.buffer.find(b"\n")
            if end >= 0:
                line, self.buffer = self.buffer[: end + 1], self.buffer[end + 1 :]
                return line
            if not self.fill():
                raise NoAnswer(f"the stream ended inside a line: {self.buffer!r}")

    def exactly(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        parts = [self.buffer]
        have = len(self.buffer)
        while have < size:
            if self.at_eof or not (data := self._more()):
                self.at_eof = True
                self.buffer = b"".join(parts)
                raise NoAnswer(f"the stream ended {size - have} bytes before the end of the body")
            parts.append(data)
            have += len(data)
        whole = b"".join(parts)
        self.buffer = whole[size:]
        return whole[:size]

    def rest(self) -> bytes:
        """Return everything up to the end of the stream."""
        parts = [self.buffer]
        self.buffer = b""
        while not self.at_eof:
            data = self._more()
            if not data:
                self.at_eof = True
            parts.append(data)
        return b"".join(parts)

    def _fields(self) -> list[tuple[str, str]]:
        fields = []
        while (line := self._line()) != b"\r\n":
            match = FIELD_LINE.fullmatch(line)
            if match is None:
                raise MalformedAnswer(f"field line {line!r}")
            fields.append((match[1].decode("ascii"), match[2].decode("latin-1")))
        return fields

    def head(self) -> Answer:
        """Read a status line and its field lines."""
        line = self._line()
        match = STATUS_LINE.fullmatch(line)
        if match is None:
            raise MalformedAnswer(f"status line {line!r}")
        return Answer(int(match[1]), match[2].decode("latin-1"), self._fields())

    def answer(self, method: str = "GET") -> Answer:
        """Read one final response to ``method``, with the interim ones before it."""
        interim = []
        while 100 <= (answer := self.head()).status < 200 and answer.status != 101:
            if answer.get("Content-Length") or answer.get("Transfer-Encoding"):
                raise MalformedAnswer("an interim response with a body length")
            interim.append(answer)
        answer.interim = interim
        self._body(answer, method)
        return answer

    def _body(self, answer: Answer, method: str) -> None:
        length = answer.get("Content-Length")
        coding = answer.get("Transfer-Encoding")
        if length is not None and coding is not None:
            raise MalformedAnswer("Content-Length and Transfer-Encoding together")
        if length is not None and not re.fullmatch("[0-9]+", length):
            raise MalformedAnswer(f"Content-Length {length!r}")
        if coding is not None and coding != "chunked":
            raise MalformedAnswer(f"Transfer-Encoding {coding!r}")
        if answer.status in (101, 204) and (length is not None or coding is not None):
            raise MalformedAnswer(f"a body length on {answer.status} (RFC 9110 section 8.6)")
        if method == "HEAD" or answer.status in (101, 204, 304):
            return
        if coding is not None:
            self._chunked(answer)
        elif length is not None:
            answer.body = self.exactly(int(length))
        else:
            answer.until_close = True
            answer.body = self.rest()

    def _chunked(self, answer: Answer) -> None:
        while True:
            line = self._line()
            match = CHUNK_LINE.fullmatch(line)
            if match is None:
                raise MalformedAnswer(f"chunk size line {line!r}")
            size = int(match[1], 16)
            if size == 0:
                break
            chunk = self.exactly(size)
            if self.exactly(2) != b"\r\n":
                raise MalformedAnswer("chunk data without a line end")
            answer.chunks.append(chunk)
        answer.trailers = self._fields()
        answer.body = b"".join(answer.chunks)


class RawConnection:
    """A client connection; every wait ends at the deadline with ``NoAnswer``.

    :arg address: ``(host, port)``, or the path of a unix socket.
    :arg context: wrap the connection in TLS, checked against ``server_hostname``.
    """

    def __init__(
        self,
        address: tuple[str, int] | str,
        *,
        deadline: float = DEADLINE,
        context: ssl.SSLContext | None = None,
        receive_buffer: int | None = None,
    ) -> None:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(deadline)
            if receive_buffer is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            sock.connect(address)
            if family == socket.AF_INET:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                sock = context.wrap_socket(sock, server_hostname="localhost")
        except BaseException:
            sock.close()
            raise
        self.sock = sock
        self.reset = False
        self.send_failed = False
        self.reader = Reader(self._receive)

    def __enter__(self) -> RawConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def name(self) -> Any:
        """The local address."""
        return self.sock.getsockname()

    def close(self) -> None:
        """Close at once."""
        self.sock.close()

    def abort(self) -> None:
        """Close with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def half_close(self) -> None:
        """End the sending direction and keep reading."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.send_failed = True

    def send(self, data: bytes) -> None:
        """Send everything; a server that closed already is noted in ``send_failed``."""
        try:
            self.sock.sendall(data)
        except TimeoutError:
            raise NoAnswer("the server stopped reading") from None
        except OSError:
            self.send_failed = True

    def send_each(self, parts: Iterable[bytes], settle: Callable[[], None]) -> None:
        """Send the parts one by one and call ``settle`` after each (see ``ServerThread.turn``)."""
        for part in parts:
            self.send(part)
            if self.send_failed:
                return
            settle()

    def _receive(self) -> bytes:
        try:
            return self.sock.recv(1 << 18)
        except TimeoutError:
            raise NoAnswer(
                f"no bytes before the deadline; buffered: {self.reader.buffer[:200]!r}"
            ) from None
        except (ConnectionResetError, BrokenPipeError):
            self.reset = True
            return b""
        except ssl.SSLEOFError:
            return b""

    def read(self, method: str = "GET") -> Answer:
        """Read one final response."""
        return self.reader.answer(method)

    def request(
        self,
        target: str = "/",
        method: str = "GET",
        body: bytes | None = None,
        fields: dict[str, str] | None = None,
    ) -> Answer:
        """Send a plain HTTP/1.1 request and read its response."""
        self.send(build(target, method, body, fields))
        return self.read(method)

    def read_eof(self) -> None:
        """Wait for the end of the stream; anything before it is a failure."""
        if self.reader.buffer or self.reader.fill():
            raise AssertionError(f"bytes instead of the end: {self.reader.buffer[:200]!r}")

    def is_quiet(self) -> bool:
        """Whether nothing waits to be read right now and the connection is open."""
        if self.reader.buffer or self.reader.at_eof:
            return False
        self.sock.setblocking(False)
        try:
            return not self.sock.recv(1, socket.MSG_PEEK) and False
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self.sock.settimeout(DEADLINE)


def build(
    target: str = "/",
    method: str = "GET",
    body: bytes | None = None,
    fields: dict[str, str] | None = None,
    version: str = "1.1",
) -> bytes:
    """Return the bytes of a request with Host, and Content-Length where there is a body."""
    lines = [f"{method} {target} HTTP/{version}"]
    names = {n.lower() for n in fields or {}}
    if "host" not in names:
        lines.append("Host: localhost")
    if body is not None and "content-length" not in names and "transfer-encoding" not in names:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{n}: {v}" for n, v in (fields or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def wait_until(condition: Callable[[], Any], what: str = "the condition") -> Any:
    """Poll until the condition is true and return its value; fail at the deadline."""
    end = time.monotonic() + DEADLINE
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true in {DEADLINE} s")
        time.sleep(0.001)
    return value
