"""Properties of the HTTP/1 core: round trips, any segmentation, no crash, its forms agree."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whirlwind.protocol.errors import ProtocolError
from whirlwind.protocol.framing import has_bad_line_end

from . import core, strategies
from .strategies import QUICK
from .vectors import load


@pytest.fixture
def http1():
    return core.CORES[core.TESTED]


@QUICK
@given(st.data())
def test_what_was_serialised_comes_back(http1, data: st.DataObject):
    requests = data.draw(st.lists(strategies.requests(), min_size=1, max_size=4))
    stream = b"".join(request.serialise() for request in requests)
    outcome = core.run(http1, data.draw(strategies.segmented(stream)))
    assert outcome.error is None, outcome.reason
    assert not outcome.incomplete
    assert len(outcome.messages) == len(requests)
    for want, seen in zip(requests, outcome.messages, strict=True):
        assert seen.start == (want.method, want.target, "HTTP/1.1")
        assert seen.fields[0] == ("Host", want.host)
        assert seen.fields[1 : 1 + len(want.fields)] == want.fields
        assert seen.body == want.content
        assert seen.trailers == want.trailers
        assert seen.keep


@QUICK
@given(st.data())
def test_mutations_are_refused_or_served_alike_for_any_segmentation(http1, data: st.DataObject):
    stream = data.draw(strategies.mutated())
    whole = core.run(http1, [stream])
    for segments in (
        [stream[i : i + 1] for i in range(len(stream))],
        data.draw(strategies.segmented(stream)),
    ):
        pieces = core.run(http1, segments)
        assert pieces.messages == whole.messages
        assert (pieces.error is None) == (whole.error is None)
        assert pieces.incomplete == whole.incomplete


@QUICK
@given(st.data())
@pytest.mark.parametrize("role", ["server", "client"])
def test_mutated_vectors_under_small_limits(http1, role: str, data: st.DataObject):
    """From the vectors it is a short way to the corners of the parser."""
    vectors = [v for v in load() if v.role == role and len(v.send) < 600]
    stream = data.draw(strategies.mutations(data.draw(st.sampled_from(vectors)).send))
    options = {
        "role": role,
        "methods": ("GET", data.draw(st.sampled_from(["GET", "HEAD"])), "GET"),
        "head_limit": data.draw(st.sampled_from([None, 40, 64, 100])),
        "body_limit": data.draw(st.sampled_from([None, 2, 3, 5])),
        "eof": data.draw(st.booleans()),
    }
    whole = core.run(http1, [stream], **options)
    for segments in (core.bytewise(stream), data.draw(strategies.segmented(stream))):
        outcomes = [core.run(each, segments, **options) for each in core.CORES.values()]
        assert all(outcome == outcomes[0] for outcome in outcomes)
        pieces = outcomes[0]
        assert pieces.messages == whole.messages
        assert (pieces.error is None) == (whole.error is None)
        assert pieces.incomplete == whole.incomplete


@QUICK
@given(st.binary(max_size=200), st.sampled_from(["server", "client"]))
def test_noise_is_no_crash(http1, noise: bytes, role: str):
    core.run(http1, [noise], role=role)
    core.run(http1, [noise], role=role, eof=True)
    prefix = b"GET / HTTP/1.1\r\nHost: a\r\n" if role == "server" else b"HTTP/1.1 200 OK\r\n"
    core.run(http1, [prefix + noise, noise], role=role)
    core.run(http1, [prefix + b"Transfer-Encoding: chunked\r\n\r\n" + noise], role=role)


@pytest.mark.skipif(len(core.CORES) < 2, reason="the compiled core is not built")
@QUICK
@given(st.data())
def test_compiled_and_pure_agree(data: st.DataObject):
    stream = data.draw(strategies.mutated())
    segments = data.draw(strategies.segmented(stream))
    pure, compiled = (core.run(core.CORES[name], segments) for name in ("pure", "compiled"))
    assert pure == compiled


@pytest.mark.parametrize("vector", load() if len(core.CORES) > 1 else [], ids=lambda v: v.name)
def test_compiled_and_pure_agree_on_vectors(vector):
    segmentations = [[vector.send], core.bytewise(vector.send)]
    for segments in segmentations:
        pure, compiled = (
            core.run_vector(core.CORES[name], vector, segments) for name in ("pure", "compiled")
        )
        assert pure == compiled


@pytest.mark.parametrize("data", [b"", b"\r", b"\r\n", b"\n"], ids=repr)
def test_an_empty_line_cut_short_is_no_message(http1, data: bytes):
    first = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    for stream in (data, first + data):
        outcome = core.run(http1, [stream], eof=True)
        assert outcome.error is None
        assert not outcome.incomplete


@QUICK
@given(
    st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a"]), min_size=1).map(b"".join),
    st.integers(0, 3),
)
def test_bad_line_ends_are_found_where_they_are(data: bytes, pos: int):
    pos = min(pos, len(data))
    found = re.compile(rb"\r[^\n]|(?<!\r)\n").search(data, pos) is not None
    assert has_bad_line_end(data, pos) == found
    assert has_bad_line_end(bytearray(data), pos) == found


_LINES = (
    b"GET / HTTP/1.1|GET / HTTP/1.0|GET / HTTP/1.2|POST /x HTTP/1.1|OPTIONS * HTTP/1.1|"
    b"OPTIONS * HTTP/1.0|GET * HTTP/1.1|GET http://a/ HTTP/1.1|GET http://a HTTP/1.0|"
    b"GET http://b/ HTTP/1.1|GET http://b?q HTTP/1.0|GET ftp://a/ HTTP/1.1|FOO / HTTP/1.1|"
    b"CONNECT a:80 HTTP/1.1|GET a HTTP/1.1|GET http://A/ HTTP/1.1|GET http://[::1/ HTTP/1.0"
).split(b"|")
_FIELDS = (
    b"Host: a|Host: b|Connection: close|Connection: keep-alive|Connection: Upgrade|"
    b"Upgrade: websocket|Expect: 100-continue|Expect: other|Content-Length: 3|Content-Length: 0|"
    b"Content-Type: text/plain|Transfer-Encoding: chunked|Transfer-Encoding: gzip|X: y"
).split(b"|")
_KNOWN = (
    "method",
    "target",
    "minor",
    "raw",
    "seen",
    "content_length",
    "content_type",
    "chunked",
    "keep_alive",
    "expect_continue",
    "expect_other",
    "upgrade",
    "asked_close",
    "asked_keep_alive",
    "asked_upgrade",
)


def _verdicts(http1, parser, message: bytes) -> list:
    """What a parser says of a message, and of all it knows of its head."""
    parser.receive(message)
    found: list = []
    try:
        while (event := parser.next_event()) != http1.NEED_DATA:
            head = parser.head
            known = [getattr(head, name) for name in _KNOWN] if event == http1.HEAD else []
            found.append((event, known))
    except ProtocolError as error:
        found.append((error.code, error.reason))
    return found


@QUICK
@given(
    st.lists(st.lists(st.sampled_from(_FIELDS), max_size=4), min_size=1, max_size=2),
    st.lists(st.tuples(st.sampled_from(_LINES), st.integers(0, 1)), min_size=2, max_size=5),
    st.booleans(),
)
def test_fields_sent_before_decide_what_they_would_decide_alone(http1, sets, lines, hosted):
    """What is remembered of the head before must not show: version, target and method differ."""
    connection = http1.RequestParser()
    for line, which in lines:
        fields = sets[which % len(sets)]
        if hosted and not {b"Host: a", b"Host: b"} & set(fields):
            fields = [b"Host: a", *fields]
        message = b"\r\n".join([line, *fields, b"", b""])
        if b"Transfer-Encoding: chunked" in fields:
            message += b"3\r\nabc\r\n0\r\n\r\n"
        elif b"Content-Length: 3" in fields:
            message += b"abc"
        alone = _verdicts(http1, http1.RequestParser(), message)
        assert _verdicts(http1, connection, message) == alone
        if alone[-1][0] not in (http1.HEAD, http1.DATA, http1.END):
            break
