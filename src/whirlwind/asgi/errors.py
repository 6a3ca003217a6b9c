"""What can go wrong between a server and an ASGI application."""

from whirlwind._public import claim


class ASGIError(RuntimeError):
    """An application and the ASGI specification disagree."""


class MessageError(ASGIError):
    """A message that is unknown, incomplete, or out of its order; raised by ``send``."""


class LifespanError(ASGIError):
    """An application could not start or stop."""


class ClientDisconnectedError(OSError):
    """``send`` after the client has left (an `OSError`, as the specification's 2.4 has it)."""


claim("whirlwind.asgi", ASGIError, MessageError, LifespanError, ClientDisconnectedError)
