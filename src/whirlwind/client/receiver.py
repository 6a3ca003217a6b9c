"""What a connection knows of the call that it serves."""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from whirlwind._public import start_values
from whirlwind.client.outgoing import Outgoing
from whirlwind.protocol.errors import ProtocolError

if TYPE_CHECKING:
    from whirlwind.protocol.heads import ResponseHead


class Receiver(Outgoing):
    """A request, and where its response goes.

    :ivar pieces: list of bytes, the body where nothing is to be done with it but keep it; None
        where it goes through `body_received`.
    :ivar watched: bool, whether `heard`, `blocked`, `wrote` and `rest` are to be called.
    :ivar max_body_size: int, bytes of the response's body.
    :ivar context: ``contextvars.Context`` for what the program hears of it.
    """

    pieces: list[bytes] | None
    watched: bool
    max_body_size: int
    context: contextvars.Context | None

    def interim_received(self, head: ResponseHead) -> None:
        """A 1xx response: another will follow."""
        raise RuntimeError("a receiver alone receives nothing")

    def upgraded(self, head: ResponseHead, connection: Any) -> None:
        """A 101 response: from here on the connection speaks another protocol.

        :raises ProtocolError: nobody has asked for that.
        """
        raise ProtocolError(400, "Unexpected 101 response")

    def head_received(self, head: ResponseHead) -> None:
        """The final response begins."""
        raise RuntimeError("a receiver alone receives nothing")

    def body_received(self, chunk: bytes) -> Awaitable[Any] | None:
        """A piece of the response's body.

        :returns: None, or an awaitable: no more is read before it is done.
        """
        raise RuntimeError("a receiver alone receives nothing")

    def more(self) -> Awaitable[Any] | None:
        """Go on with what the last piece stands for; answers as `body_received`."""
        raise RuntimeError("a receiver alone receives nothing")

    def body_ended(self) -> None:
        """The response is complete.

        :raises ProtocolError: its content is not.
        """
        raise RuntimeError("a receiver alone receives nothing")

    def complete(self, connection: Any, reusable: bool) -> None:
        """The connection is free again.

        :arg reusable: whether it can serve another request.
        """
        raise RuntimeError("a receiver alone receives nothing")

    def heard(self) -> None:
        """Something came from the server, or it is its turn now."""
        raise RuntimeError("a receiver alone watches nothing")

    def blocked(self) -> None:
        """The server has to read before more can be sent."""
        raise RuntimeError("a receiver alone watches nothing")

    def wrote(self) -> None:
        """The server has taken what was sent, if not all of it."""
        raise RuntimeError("a receiver alone watches nothing")

    def rest(self) -> None:
        """It is not the server's turn."""
        raise RuntimeError("a receiver alone watches nothing")

    def repeat(self) -> None:
        """The connection was closing when the request was sent, which cannot have arrived."""
        raise RuntimeError("a receiver alone repeats nothing")

    def fail(self, error: BaseException) -> None:
        """There will be no response, or no more of it."""
        raise RuntimeError("a receiver alone ends nothing")


start_values(Receiver, pieces=None, watched=False, max_body_size=0, context=None)
