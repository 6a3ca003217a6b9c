"""Mutated requests over a real socket: the server does what the core says, quietly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from . import apps, core, strategies
from .raw import NoAnswer
from .server import LOOPS, Logs, ServerThread


@pytest.fixture(scope="module", params=LOOPS)
def echo(request: pytest.FixtureRequest) -> Iterator[tuple[ServerThread, apps.Record, Logs]]:
    record = apps.Record()
    with Logs(alone=True) as logs:
        server = ServerThread(apps.callback(record), loop=request.param)
        yield server, record, logs
        server.stop()
        assert server.loop_errors == []


@settings(strategies.QUICK, max_examples=200)
@given(st.data())
def test_server_and_core_agree(echo, data: st.DataObject):
    server, record, logs = echo
    stream = data.draw(strategies.mutated())
    segments = data.draw(strategies.segmented(stream))
    expected = core.run(next(iter(core.CORES.values())), [stream], eof=True)
    record.take()
    logs.clear()
    with server.connect() as connection:
        connection.send_each(segments, server.turn)
        connection.half_close()
        for message in expected.messages:
            answer = connection.read(message.start[0])
            assert (answer.status, answer.says_close) == (200, not message.keep)
        if expected.error is not None:
            try:
                # The request that is refused may be a HEAD, whose answer ends with its head.
                refusal = connection.read("HEAD")
                assert refusal.status == expected.error
                while connection.reader.fill():
                    pass
                body, connection.reader.buffer = connection.reader.buffer, b""
                assert len(body) in (0, int(refusal.get("Content-Length") or 0))
            except NoAnswer:  # the half-close may be taken for the end of interest
                assert "closed" in expected.reason
        connection.read_eof()
    seen = record.take()
    assert [(r.method, r.uri, r.version) for r in seen] == [m.start for m in expected.messages]
    assert [r.body for r in seen] == [m.body for m in expected.messages]
    assert logs.tracebacks() == []
    assert len(logs.lines("general")) <= (expected.error is not None)
