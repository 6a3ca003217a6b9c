"""The core against h11: what the core accepts, h11 reads in the same way.

The differences that are wanted. Stricter than h11: LF alone does not end a line; obsolete folding,
equal lengths given twice and ``3, 3`` are refused; Host is held to its grammar; obs-text and ``#``
in the target, and forms of the target that the method does not allow, are refused; so is an unknown
expectation; chunk extensions are held to their grammar; forbidden trailers are dropped.
Read in another way: absolute-form becomes origin-form; HTTP/1.2 becomes HTTP/1.1. h11 itself writes
names and codings in lower case, pauses at an upgrade, and does not read `Connection` as a list.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from . import core, strategies
from .strategies import QUICK
from .vectors import load

h11 = pytest.importorskip("h11")


@pytest.fixture
def http1():
    return core.CORES[core.TESTED]


def read_with_h11(stream: bytes) -> tuple[list[core.Seen], bool]:
    """Return the complete requests that h11 reads, and whether it then refused the bytes."""
    peer = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 17)
    peer.receive_data(stream)
    found: list[core.Seen] = []
    current: core.Seen | None = None
    try:
        while True:
            event = peer.next_event()
            if event is h11.NEED_DATA:
                return found, False
            if event is h11.PAUSED:
                if peer.their_state in (h11.MUST_CLOSE, h11.MIGHT_SWITCH_PROTOCOL):
                    return found, False
                if peer.our_state is not h11.SEND_RESPONSE:
                    return found, False
                peer.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
                peer.send(h11.EndOfMessage())
                if peer.our_state is not h11.DONE or peer.their_state is not h11.DONE:
                    return found, False
                peer.start_next_cycle()
            elif isinstance(event, h11.Request):
                start = (
                    event.method.decode(),
                    event.target.decode("latin-1"),
                    "HTTP/" + event.http_version.decode(),
                )
                fields = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers]
                current = core.Seen(start, fields, True, False, False)
            elif isinstance(event, h11.Data):
                assert current is not None
                current.body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert current is not None
                current.trailers = [(n.decode(), v.decode("latin-1")) for n, v in event.headers]
                found.append(current)
    except h11.RemoteProtocolError:
        return found, True


def same(ours: core.Seen, theirs: core.Seen) -> bool:
    """Whether both read the same message, but for spelling (see the list above)."""
    target = theirs.start[1]
    return (
        ours.start[0] == theirs.start[0]
        and ours.start[1] == (target if target.startswith("/") else ours.start[1])
        and (ours.start[2] == "HTTP/1.0") == (theirs.start[2] == "HTTP/1.0")
        and lower(ours.fields) == lower(theirs.fields)
        and ours.body == theirs.body
    )


def lower(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The fields with names, and transfer codings, in lower case."""
    return [(n.lower(), v.lower() if n.lower() == "transfer-encoding" else v) for n, v in fields]


@settings(QUICK, max_examples=400)
@given(strategies.mutated())
def test_h11_reads_what_we_accept_in_the_same_way(http1, stream: bytes):
    outcome = core.run(http1, [stream])
    theirs, refused = read_with_h11(stream)
    for index, seen in enumerate(outcome.messages):
        if index >= len(theirs):
            assert refused or unlike_h11(seen), f"h11 stopped before {seen}"
            return
        if unlike_h11(seen):
            return
        assert same(seen, theirs[index]), (seen, theirs[index])


def unlike_h11(seen: core.Seen) -> bool:
    """Whether a message is one of those that h11 pauses after or reads in its own way."""
    names = {name.lower() for name, _ in seen.fields}
    return bool(
        names & {"upgrade", "connection", "expect"}  # h11 pauses, or reads Connection otherwise
        or seen.start[2] != "HTTP/1.1"
        or not seen.start[1].startswith("/")  # absolute-form is taken apart
        or any(n.lower() == "content-length" and v.startswith("0") for n, v in seen.fields)
    )


@pytest.mark.parametrize(
    "vector",
    [v for v in load() if v.role == "server" and not v.errors and v.level != "wire"],
    ids=lambda v: v.name,
)
def test_h11_reads_the_accepted_vectors_in_the_same_way(http1, vector):
    outcome = core.run_vector(http1, vector, [vector.send])
    theirs, _ = read_with_h11(vector.send)
    for seen, other in zip(outcome.messages, theirs, strict=False):
        if unlike_h11(seen):
            return
        assert same(seen, other)
