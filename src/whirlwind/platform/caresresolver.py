"""A resolver on c-ares, which needs no threads. Needs the package ``pycares``, 4.4 or newer.

::

    Resolver.configure("whirlwind.platform.caresresolver.CaresResolver")

It asks the name servers itself, and knows the hosts file; of what else a system may be configured
to look names up with, it knows nothing. `netutil.DefaultLoopResolver` gives the system's answers.
"""

import socket
from typing import TYPE_CHECKING, Any

import pycares

from whirlwind.ioloop import IOLoop
from whirlwind.netutil import DefaultLoopResolver, Resolver, is_valid_ip

if TYPE_CHECKING:
    from whirlwind.concurrent import Future

__all__ = ["CaresResolver"]

_Resolved = list[tuple[int, Any]]
#: c-ares tells 0 when its next deadline is due, and when it has none: seconds until it is asked.
_SHORTEST_WAIT = 0.01


class CaresResolver(Resolver):
    """Resolves with c-ares on the current loop.

    :arg options: arguments of `pycares.Channel`, such as ``servers``, ``timeout`` and ``tries``.
    """

    def initialize(self, **options: Any) -> None:
        self.io_loop: IOLoop = IOLoop.current()
        self.channel: Any = pycares.Channel(sock_state_cb=self._socket_changed, **options)
        #: What is watched, by file descriptor: `IOLoop.READ` and `IOLoop.WRITE`.
        self.fds: dict[int, int] = {}
        self._waiting: set[Future[Any]] = set()
        self._timer: object = None
        self._closed = False
        self._numeric: Resolver = DefaultLoopResolver()

    def close(self) -> None:
        """Free what the resolver holds; queries under way fail."""
        if self._closed:
            return
        self._closed = True
        self.channel.cancel()
        self._waiting.clear()
        for fd in list(self.fds):
            self._socket_changed(fd, False, False)
        self._set_timer()
        close = getattr(self.channel, "close", None)  # since pycares 4.5
        if close is not None:
            close()

    async def resolve(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> _Resolved:
        if is_valid_ip(host):
            # getaddrinfo answers at once. c-ares would not know of scopes such as fe80::1%eth0.
            return await self._numeric.resolve(host, port, family)
        if self._closed:
            raise OSError(f"cannot resolve {host!r}: the resolver is closed")
        answer: Future[Any] = self.io_loop.asyncio_loop.create_future()

        def answered(result: Any, error: int | None) -> None:
            if not answer.done():
                answer.set_result((result, error))

        self._waiting.add(answer)
        try:
            self.channel.getaddrinfo(
                host, port, family=family, type=socket.SOCK_STREAM, callback=answered
            )
            self._set_timer()
            result, error = await answer
        finally:
            self._waiting.discard(answer)
            self._set_timer()
        if error:
            reason: Any = pycares.errno.strerror(error)
            raise OSError(f"c-ares could not resolve {host!r}: {reason} ({error})")
        return [
            (int(node.family), (node.addr[0].decode("ascii"), *node.addr[1:]))
            for node in result.nodes
        ]

    def _socket_changed(self, fd: int, readable: bool, writable: bool) -> None:
        """c-ares wants to be told when a socket is ready, or is about to close it."""
        events = (IOLoop.READ if readable else 0) | (IOLoop.WRITE if writable else 0)
        if not events:
            if self.fds.pop(fd, None) is not None:
                self.io_loop.remove_handler(fd)
        elif fd in self.fds:
            self.fds[fd] = events
            self.io_loop.update_handler(fd, events)
        else:
            self.fds[fd] = events
            self.io_loop.add_handler(fd, self._handle_events, events)

    def _handle_events(self, fd: int, events: int) -> None:
        bad = pycares.ARES_SOCKET_BAD
        self.channel.process_fd(
            fd if events & (IOLoop.READ | IOLoop.ERROR) else bad,
            fd if events & IOLoop.WRITE else bad,
        )
        self._set_timer()

    def _set_timer(self) -> None:
        """Have c-ares look at its deadlines in time: it sends a query again when one has passed."""
        if self._timer is not None:
            self.io_loop.remove_timeout(self._timer)
            self._timer = None
        if self._waiting:
            delay = max(self.channel.timeout() or 0.0, _SHORTEST_WAIT)
            self._timer = self.io_loop.call_later(delay, self._look_at_deadlines)

    def _look_at_deadlines(self) -> None:
        self._timer = None
        self.channel.process_fd(pycares.ARES_SOCKET_BAD, pycares.ARES_SOCKET_BAD)
        self._set_timer()
