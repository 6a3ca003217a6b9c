"""Bodies that a program produces while they are sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import AsyncGeneratorType
from typing import TYPE_CHECKING, Any, cast

from whirlwind import gen
from whirlwind.client.errors import HTTPStreamClosedError
from whirlwind.protocol.errors import HTTPOutputError

if TYPE_CHECKING:
    from whirlwind.client.connection import ClientConnection
    from whirlwind.protocol.sending import Framing


class Production:
    """One run of a ``body_producer``.

    :arg producer: the program's function.
    :arg framing: what the body has to keep to.
    :arg connection: where it goes.
    :arg ended: called when the whole body has been written, with None, or with the error that
        kept it from being.
    """

    def __init__(
        self,
        producer: Callable[..., Any],
        framing: Framing,
        connection: ClientConnection,
        ended: Callable[[Exception | None], None],
    ) -> None:
        self._producer = producer
        self._framing = framing
        self._connection = connection
        self._ended: Callable[[Exception | None], None] | None = ended
        self._task: asyncio.Task[None] | None = None

    def start(self, loop: asyncio.AbstractEventLoop, context: Any) -> None:
        """Call the producer, in a task of its own."""
        self._task = loop.create_task(self._run(), context=context)

    def stop(self) -> None:
        """The body is not wanted any more."""
        self._ended = None
        if self._task is not None:
            self._task.cancel()

    def _write(self, chunk: bytes) -> Awaitable[None]:
        """What the producer is given.

        :returns: an awaitable that is done when the server has taken enough.
        :raises HTTPOutputError: there is more than ``Content-Length`` announced, or the request
            is over.
        """
        if self._ended is None:
            raise HTTPOutputError("The request is over")
        if isinstance(cast("object", chunk), str):
            raise TypeError("body_producer must write bytes, not str")
        self._connection.write(self._framing.frame(chunk))
        return self._connection.room()

    async def _run(self) -> None:
        failure: Exception | None = None
        last = b""
        try:
            result = self._producer(self._write)
            if isinstance(result, AsyncGeneratorType):
                raise TypeError("body_producer must pass its pieces to write, not yield them")
            if result is not None:
                await gen.convert_yielded(result)
            last = self._framing.end()
        except asyncio.CancelledError:
            # By `stop`; or what the producer waited for was, which ends the request as well.
            failure = HTTPStreamClosedError("The body_producer was cancelled")
        except Exception as error:
            failure = error
        ended, self._ended = self._ended, None
        if ended is None:
            return
        if failure is None:
            self._connection.write(last)
        ended(failure)
