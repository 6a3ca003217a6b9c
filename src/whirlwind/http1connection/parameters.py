"""`HTTP1ConnectionParameters`: the limits of connections over streams."""

from __future__ import annotations

from whirlwind._public import claim
from whirlwind.protocol import limits


class HTTP1ConnectionParameters:
    """Limits and habits of `HTTP1Connection` and `HTTP1ServerConnection`.

    :arg no_keep_alive: end the connection after one exchange.
    :arg chunk_size: bytes a receiver gets at most at a time (64 KiB).
    :arg max_header_size: bytes of a head (64 KiB).
    :arg header_timeout: seconds to wait for a head. A server waits 75 for the next request and 10
        from its first byte on when None; a client waits without end.
    :arg max_body_size: bytes of a body; the stream's ``max_buffer_size`` when None.
    :arg body_timeout: seconds that a body may take; no limit when None.
    :arg decompress: undo gzip content of what is received.
    """

    def __init__(
        self,
        no_keep_alive: bool = False,
        chunk_size: int | None = None,
        max_header_size: int | None = None,
        header_timeout: float | None = None,
        max_body_size: int | None = None,
        body_timeout: float | None = None,
        decompress: bool = False,
    ) -> None:
        self.no_keep_alive = no_keep_alive
        self.chunk_size: int = chunk_size or limits.CHUNK_SIZE
        self.max_header_size: int = max_header_size or limits.MAX_HEAD_SIZE
        self.header_timeout = header_timeout
        self.max_body_size = max_body_size
        self.body_timeout = body_timeout
        self.decompress = decompress


claim("whirlwind.http1connection", HTTP1ConnectionParameters)
