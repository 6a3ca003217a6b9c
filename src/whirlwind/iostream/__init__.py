"""Buffered, non-blocking streams over sockets, TLS and pipes."""

from whirlwind.iostream.base import BaseIOStream
from whirlwind.iostream.errors import (
    StreamBufferFullError,
    StreamClosedError,
    UnsatisfiableReadError,
)
from whirlwind.iostream.pipes import PipeIOStream
from whirlwind.iostream.sockets import IOStream
from whirlwind.iostream.tls import SSLIOStream

__all__ = [
    "BaseIOStream",
    "IOStream",
    "PipeIOStream",
    "SSLIOStream",
    "StreamBufferFullError",
    "StreamClosedError",
    "UnsatisfiableReadError",
]
