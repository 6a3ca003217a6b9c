"""Hypothesis strategies for HTTP/1 messages: valid ones, and bytes near to valid ones."""

from __future__ import annotations

import itertools
import string
from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# The same examples on every run: a suite that fails by chance is no suite. Fuzzing for new ones is
# a matter of hours, not of a test run.
QUICK = settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

TOKEN = "!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters
TARGET = "!$%&'()*+,-./:;=?@[]_~" + string.digits + string.ascii_letters
VALUE = "".join(map(chr, [9, *range(32, 127), *range(128, 256)]))
# Names whose values have a meaning of their own, which would make a random message invalid.
MEANING = {
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "expect",
    "upgrade",
    "te",
    "trailer",
}

tokens = st.text(TOKEN, min_size=1, max_size=12)
names = tokens.filter(lambda name: name.lower() not in MEANING)
values = st.text(VALUE, max_size=30).map(lambda v: v.strip(" \t"))
blanks = st.text(" \t", max_size=3)
hosts = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}(:[0-9]{0,5})?", fullmatch=True) | st.just(
    "[::1]:80"
)
targets = st.text(TARGET, max_size=40).map(lambda t: "/" + t)
methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]) | (
    tokens.filter(lambda m: m.upper() != "CONNECT")
)
extensions = st.lists(
    st.tuples(tokens, st.none() | tokens | st.text("abc;= \t", max_size=8).map(lambda t: f'"{t}"')),
    max_size=2,
).map(lambda pairs: "".join(f";{n}" if v is None else f";{n}={v}" for n, v in pairs))


@dataclass
class Request:
    """A valid request and how it is written."""

    method: str
    target: str
    host: str
    fields: list[tuple[str, str]]
    body: bytes | None
    pieces: list[bytes] | None = None
    extensions: list[str] = field(default_factory=list)
    trailers: list[tuple[str, str]] = field(default_factory=list)
    blanks: str = " "

    @property
    def content(self) -> bytes:
        """The body, however it is framed."""
        return self.body or b"".join(self.pieces or [])

    def serialise(self) -> bytes:
        """The bytes of the request."""
        fields = [("Host", self.host), *self.fields]
        if self.pieces is not None:
            fields.append(("Transfer-Encoding", "chunked"))
        elif self.body is not None:
            fields.append(("Content-Length", str(len(self.body))))
        head = f"{self.method} {self.target} HTTP/1.1\r\n" + "".join(
            f"{name}:{self.blanks}{value}{self.blanks}\r\n" for name, value in fields
        )
        data = head.encode("latin-1") + b"\r\n"
        if self.pieces is None:
            return data + (self.body or b"")
        for index, piece in enumerate(self.pieces):
            extension = self.extensions[index] if index < len(self.extensions) else ""
            data += b"%x%s\r\n%s\r\n" % (len(piece), extension.encode(), piece)
        data += b"0\r\n"
        data += "".join(f"{n}: {v}\r\n" for n, v in self.trailers).encode("latin-1")
        return data + b"\r\n"


fields = st.lists(st.tuples(names, values), max_size=6)
bodies = st.binary(max_size=60)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """A valid request: no body, a fixed one, or chunks with extensions and trailers."""
    request = Request(
        draw(methods), draw(targets), draw(hosts), draw(fields), None, blanks=draw(blanks)
    )
    framing = draw(st.integers(0, 2))
    if framing == 1:
        request.body = draw(bodies)
    elif framing == 2:
        request.pieces = draw(st.lists(st.binary(min_size=1, max_size=20), max_size=5))
        request.extensions = draw(st.lists(extensions, max_size=5))
        request.trailers = draw(st.lists(st.tuples(trailer_names, values), max_size=3))
    return request


FORBIDDEN_IN_TRAILERS = MEANING | {
    "authorization",
    "proxy-authorization",
    "proxy-authenticate",
    "www-authenticate",
    "cookie",
    "set-cookie",
    "cache-control",
    "max-forwards",
    "range",
    "content-encoding",
    "content-type",
    "content-range",
    "keep-alive",
}
trailer_names = tokens.filter(lambda name: name.lower() not in FORBIDDEN_IN_TRAILERS)

INTERESTING = [
    *(b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\0", b" ", b"\t", b":", b",", b";", b"\x0b", b"\x7f"),
    *(b"\x80", b"\xff", b"0", b"-", b"+", b"chunked", b"close", b"HTTP/1.0", b"HTTP/1.1", b"*"),
    *(b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: b\r\n", b"0\r\n\r\n"),
    *(b"Expect: 100-continue\r\n", b"Connection: close\r\n", b'"', b"http://a", b"{", b"\\"),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """One to three valid requests with a few bytes removed, replaced, inserted or repeated."""
    data = b"".join(r.serialise() for r in draw(st.lists(requests(), min_size=1, max_size=3)))
    return draw(mutations(data))


@st.composite
def mutations(draw: st.DrawFn, data: bytes) -> bytes:
    """The data with up to four small changes."""
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 6)))
        kind = draw(st.integers(0, 3))
        insert = draw(st.sampled_from(INTERESTING) | st.binary(max_size=3))
        if kind == 0:
            data = data[:start] + data[end:]
        elif kind == 1:
            data = data[:start] + insert + data[end:]
        elif kind == 2:
            data = data[:start] + insert + data[start:]
        else:
            data = data[:end] + data[start:end] + data[end:]
    return data


@st.composite
def segmented(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """The data in segments."""
    points = draw(st.lists(st.integers(0, len(data)), max_size=8))
    edges = [0, *sorted(set(points)), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]
