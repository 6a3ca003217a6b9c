"""whirlwind.iostream.as_transport: an asyncio protocol over a stream."""

import asyncio
from typing import Any

import pytest

from tests.unit.loops import Run, run, stream_pair
from whirlwind.iostream.as_transport import StreamTransport

__all__ = ["run"]


class Failing(asyncio.Protocol):
    """Raises for what it receives."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.lost: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        raise ZeroDivisionError(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


@pytest.mark.parametrize("ends_first", [False, True])
def test_a_protocol_that_raises_loses_its_connection(run: Run, ends_first: bool) -> None:
    async def main() -> None:
        told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: told.append(context["exception"])
        )
        mine, theirs = stream_pair()
        protocol = Failing()
        transport = StreamTransport(mine, protocol)
        await theirs.write(b"x")
        if ends_first:
            # What has come is delivered with the news that the connection is closed.
            mine._on_readable()
            mine.close()
        error = await protocol.lost
        assert mine.closed()
        assert transport.is_closing()
        assert isinstance(error, ZeroDivisionError) is not ends_first
        theirs.close()

    run(main)
