"""What the connections of one server on one loop share: application and limits."""

import asyncio
from collections.abc import Container
from typing import Protocol

from whirlwind.httputil.delegates import HTTPMessageDelegate, HTTPServerConnectionDelegate
from whirlwind.httputil.headers import HTTPHeaders
from whirlwind.httputil.request import HTTPServerRequest
from whirlwind.protocol import limits
from whirlwind.protocol.codings import Decoder
from whirlwind.protocol.heads import RequestHead
from whirlwind.server.decoder import decoder_for
from whirlwind.server.hub import Hub
from whirlwind.server.outlet import Outlet
from whirlwind.server.proxy import Forwarded, apply_proxy_fields


class DirectApplication(Protocol):
    """An application that takes whole requests in one call, without delegates."""

    def serve(self, request: HTTPServerRequest) -> None:
        """Answer a request; its body is complete."""

    def open_body(self, request: HTTPServerRequest) -> HTTPMessageDelegate | None:
        """A receiver for the body that follows, or None to have it collected for `serve`."""


class Site(Hub):
    """One server on one loop."""

    body_timeout: float

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        delegate: HTTPServerConnectionDelegate,
        direct: DirectApplication | None,
    ) -> None:
        """
        :arg loop: the loop that the connections live on.
        :arg delegate: starts requests in general, and hears of connections that close.
        :arg direct: used instead of ``delegate.start_request`` where the application allows it.
        """
        super().__init__(loop)
        self.delegate = delegate
        self.direct = direct
        self.max_head_size: int = limits.MAX_HEAD_SIZE
        self.max_body_size: int = limits.MAX_BODY_SIZE
        self.chunk_size: int = limits.CHUNK_SIZE
        self.header_timeout: float = limits.HEADER_TIMEOUT
        self.idle_timeout: float = limits.IDLE_TIMEOUT
        self.linger_timeout: float = limits.LINGER_TIMEOUT
        self.body_timeout = 0.0
        self.no_keep_alive = False
        #: Whether nothing is accepted any more; what was just before is told so.
        self.draining = False
        self.decompress = False
        self.xheaders = False
        self.trusted: Container[str] = ()
        self.protocol: str | None = None

    def forwarded(self, conn: Outlet, headers: HTTPHeaders) -> Forwarded:
        """What the proxy in front of us says about the client of a request."""
        context = Forwarded(conn, headers)
        apply_proxy_fields(context, self.trusted)
        return context

    def body_decoder(self, head: RequestHead) -> Decoder | None:
        """A decoder for the body that follows, if one is needed."""
        return decoder_for(head, self.chunk_size)

    def connection_closed(self, conn: Outlet) -> None:
        """A connection is gone."""
        self.delegate.on_close(conn)
        Hub.connection_closed(self, conn)
