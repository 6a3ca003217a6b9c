"""What can go wrong between a server and an ASGI application."""

from typing import Final

from whirlwind._public import claim

# Of exceptions that have led to each other; programs can make a ring of them.
_LONGEST_CHAIN: Final = 20


class ASGIError(RuntimeError):
    """An application and the ASGI specification disagree."""


class MessageError(ASGIError):
    """A message that is unknown, incomplete, or out of its order; raised by ``send``."""


class LifespanError(ASGIError):
    """An application could not start or stop."""


class ClientDisconnectedError(OSError):
    """``send`` after the client has left (an `OSError`, as the specification's 2.4 has it)."""


def is_about_client(error: BaseException) -> bool:
    """Whether an exception is what `ClientDisconnectedError` became on its way.

    Frameworks have one of their own for it (Starlette's ``ClientDisconnect``).
    """
    seen = 0
    found: BaseException | None = error
    while found is not None and seen < _LONGEST_CHAIN:
        if isinstance(found, ClientDisconnectedError):
            return True
        found = found.__cause__ or found.__context__
        seen += 1
    return False


def as_bytes(data: object) -> bytes:
    """What an application has sent instead of `bytes`.

    :raises MessageError: it is not a piece of memory.
    """
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    raise MessageError(f"bytes are wanted, not {type(data).__name__}")


claim("whirlwind.asgi", ASGIError, MessageError, LifespanError, ClientDisconnectedError)
