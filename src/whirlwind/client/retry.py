"""Which requests are made again when they fail, and when."""

from __future__ import annotations

import email.utils
import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from whirlwind._public import claim
from whirlwind.client.errors import HTTPProxyError, HTTPStreamClosedError, HTTPTimeoutError
from whirlwind.protocol.errors import ProtocolError

if TYPE_CHECKING:
    from whirlwind.client.engine import Engine
    from whirlwind.httpclient.response import HTTPResponse


@dataclass(frozen=True)
class Retry:
    """A policy: how often a request that fails is made again, and after how long.

    Only requests that do no harm when they are made twice, and whose body is there to be sent
    again; a response of which a callback has had something is not asked for again. Every attempt
    has its own timeouts, and waits its turn like any other request. A subclass may decide otherwise
    in :meth:`delay`.
    """

    #: How often the request is made in all.
    attempts: int = 3
    #: Statuses that are worth another attempt.
    statuses: Collection[int] = field(default=frozenset({408, 429, 502, 503, 504}))
    #: Methods that may be repeated (RFC 9110 section 9.2.2).
    methods: Collection[str] = field(
        default=frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
    )
    #: Seconds before the second attempt; each further one waits twice as long as the one before.
    backoff: float = 0.1
    #: Seconds that no attempt waits longer than. A server that asks for more is not asked again.
    max_backoff: float = 10.0
    #: Part of each delay that is left to chance, so that clients do not come back all at once.
    jitter: float = 0.5

    def delay(self, attempt: int, response: HTTPResponse) -> float | None:
        """Decide about another attempt.

        :arg attempt: how many there were.
        :arg response: the last one; where there was none, its code is 599 and its ``error`` says
            why.
        :returns: seconds to wait before the next attempt; None to leave it at this.
        """
        request = response.request
        if attempt >= self.attempts or request.method not in self.methods:
            return None
        if request.body_producer is not None or not self._is_passing(response):
            return None
        asked = _retry_after(response)
        if asked is not None:
            return asked if asked <= self.max_backoff else None
        wait: float = min(self.backoff * 2 ** (attempt - 1), self.max_backoff)
        return wait * (1 - self.jitter * random.random())

    def _is_passing(self, response: HTTPResponse) -> bool:
        error = response.error
        if error is None or response._error_is_response_code:
            return response.code in self.statuses
        if isinstance(error, HTTPProxyError):
            return error.proxy_status is None or error.proxy_status in self.statuses
        if isinstance(error.__cause__, ProtocolError):
            return False  # what came is malformed or too long, and would be again
        return isinstance(error, HTTPTimeoutError | HTTPStreamClosedError | ConnectionError)


def _retry_after(response: HTTPResponse) -> float | None:
    """What the server asks for (RFC 9110 section 10.2.3), in seconds."""
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        when = email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None  # nor is a date one that no clock here can hold
    return max(0.0, when - time.time())


class Attempts:
    """One request under a policy.

    :arg begin: makes an attempt: called with the callback for its response, it returns how to give
        it up.
    :arg was_heard: tells whether a callback of the program has had something of a response.
    :arg waiting: holds this object while it waits for the next attempt.
    """

    def __init__(
        self,
        engine: Engine,
        policy: Retry,
        begin: Callable[[Callable[[HTTPResponse], None]], Callable[[], None]],
        callback: Callable[[HTTPResponse], None],
        was_heard: Callable[[], bool],
        waiting: set[Attempts],
    ) -> None:
        self._engine = engine
        self._policy = policy
        self._begin = begin
        self._callback = callback
        self._was_heard = was_heard
        self._waiting = waiting
        self._count = 0
        self._given_up = False
        self._timer: Any = None
        self._give_up_attempt: Callable[[], None] = lambda: None

    def next(self) -> None:
        """Make the next attempt."""
        self._count += 1
        self._give_up_attempt = self._begin(self._ended)

    def _ended(self, response: HTTPResponse) -> None:
        wait = None
        if response.error is not None and not self._given_up and not self._was_heard():
            try:
                wait = self._policy.delay(self._count, response)
            except Exception as error:
                # The policy is the program's: its mistake is the outcome of the fetch.
                response.error = error
                response._error_is_response_code = False
        if wait is None or self._engine.closed:
            self._callback(response)
            return
        self._last = response
        self._timer = self._engine.loop.call_later(wait, self._again)
        self._waiting.add(self)

    def _again(self) -> None:
        self._timer = None
        self._waiting.discard(self)
        try:
            self.next()
        except Exception as error:
            # A trace is the program's as well, and may not let itself be made.
            self._last.error = error
            self._last._error_is_response_code = False
            self._callback(self._last)

    def give_up(self) -> None:
        """Nobody wants the response any more."""
        self._given_up = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._waiting.discard(self)
            self._callback(self._last)
        else:
            self._give_up_attempt()


claim("whirlwind.client", Retry)
