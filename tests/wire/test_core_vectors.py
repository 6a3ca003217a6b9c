"""Every vector against the HTTP/1 core, in every segmentation, in every form of the core."""

from __future__ import annotations

import pytest

from . import core
from .vectors import Vector, load

VECTORS = [v for v in load() if v.level != "wire"]


@pytest.fixture
def http1():
    return core.CORES[core.TESTED]


def test_every_row_of_the_framing_table_has_a_vector():
    assert {row for vector in load() for row in vector.rows} == set(range(1, 46))


def test_names_are_unique():
    names = [vector.name for vector in load()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v.name)
def test_verdict_for_any_segmentation(http1, vector: Vector):
    whole = core.run_vector(http1, vector, [vector.send])
    core.check(vector, whole)
    segmentations = [core.bytewise(vector.send), *core.splits(vector.send)]
    segmentations += [core.shuffled(vector.send, seed) for seed in range(10)]
    for segments in segmentations:
        outcome = core.run_vector(http1, vector, segments)
        assert outcome.verdict() == whole.verdict(), [s[:60] for s in segments[:5]]


@pytest.mark.parametrize("after", [b"", b"\r\n", b"\n"], ids=repr)
def test_an_empty_line_after_a_message_begins_no_other(http1, after: bytes):
    """Old clients send one after a body; the connection is idle all the same (RFC 9112 2.2)."""
    parser = http1.RequestParser()
    parser.receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + after)
    assert [parser.next_event() for _ in range(3)] == [http1.HEAD, http1.END, http1.NEED_DATA]
    assert not parser.in_message()
