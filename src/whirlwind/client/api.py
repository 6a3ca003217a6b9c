"""`Client`: what `SimpleAsyncHTTPClient` does, and what its users have asked for since."""

from __future__ import annotations

import math
import ssl
from collections.abc import Callable, Iterable, Mapping
from http.cookiejar import CookieJar
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from whirlwind._public import claim
from whirlwind.client import proxy as proxies
from whirlwind.client import redirect, urls
from whirlwind.client.call import Call
from whirlwind.client.cookies import Cookies
from whirlwind.client.retry import Attempts, Retry
from whirlwind.client.timeouts import Timeouts
from whirlwind.client.trace import Trace
from whirlwind.client.waiting import FairLine
from whirlwind.escape import to_unicode
from whirlwind.httpclient.client import on_cancel
from whirlwind.httpclient.request import HTTPRequest, _RequestProxy
from whirlwind.httputil import HTTPHeaders
from whirlwind.log import app_log
from whirlwind.protocol import codings, limits
from whirlwind.simple_httpclient import SimpleAsyncHTTPClient

if TYPE_CHECKING:
    import asyncio

    from whirlwind.client.connection import ClientConnection
    from whirlwind.client.dial import Dial
    from whirlwind.client.engine import Engine
    from whirlwind.client.proxy import Proxy
    from whirlwind.client.stream import StreamContext
    from whirlwind.httpclient.response import HTTPResponse
    from whirlwind.netutil import Resolver
    from whirlwind.protocol.heads import ResponseHead


class Request(HTTPRequest):
    """An `HTTPRequest` with what only `Client` knows.

    :arg url: str, and all further arguments of `HTTPRequest`.
    :arg timeouts: `Timeouts`, instead of the client's.
    :arg retry: `Retry`, instead of the client's; False to make the request once.
    :arg proxy: str, URL of the proxy, instead of the client's; False to use none.
    """

    def __init__(
        self,
        url: str,
        *args: Any,
        timeouts: Timeouts | None = None,
        retry: Retry | bool | None = None,
        proxy: str | bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(url, *args, **kwargs)
        self.timeouts = timeouts
        self.retry = retry
        self.proxy = proxy


class Client(SimpleAsyncHTTPClient):
    """An HTTP client for programs that are written today.

    ::

        async with Client(max_per_host=8, retry=Retry(), cookies=CookieJar()) as client:
            response = await client.fetch("https://www.example.com/")
            async with client.stream("https://www.example.com/large") as response:
                async for chunk in response:
                    ...

    It answers as `AsyncHTTPClient` does, `fetch` included, but each is an object of its own, which
    is to be closed. Cancelling whoever waits for it closes the connection and frees the place.

    :arg max_clients: int, requests under way at once (100).
    :arg max_per_host: int, of these to one origin; None for no limit. Origins take turns.
    :arg max_idle: int, connections that are kept (100).
    :arg idle_timeout: float, seconds for which they are (30).
    :arg timeouts: `Timeouts`; what a request says itself goes first.
    :arg retry: `Retry`; requests are made once when None.
    :arg cookies: ``http.cookiejar.CookieJar`` that takes and gives cookies; none when None.
    :arg headers: dict, fields for every request that has none of that name.
    :arg proxy: str, URL of a proxy such as ``http://user:password@proxy:3128``,
        ``socks5h://proxy``; or a function from the request's URL to such a URL or None.
    :arg trust_env: bool, go by ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``
        where ``proxy`` says nothing (False).
    :arg proxy_ssl: ``ssl.SSLContext`` for proxies with ``https://``.
    :arg accept_codings: content codings to ask for and undo; all that are available when None.
    :arg trace: subclass of `Trace`, or a function that makes one for an `HTTPRequest`.
    :arg resolver: `netutil.Resolver`.
    :arg hostname_mapping: dict, as for `netutil.OverrideResolver`.
    :arg defaults: dict, values for the attributes of `HTTPRequest` that a request leaves open.
    :arg max_header_size: int, bytes of a response's head (64 KiB).
    :arg max_body_size: int, bytes of a response's body (100 MiB; no limit for :meth:`stream`).
    """

    def __new__(cls, *, force_instance: bool = True, **kwargs: Any) -> Client:
        return cast("Client", super().__new__(cls, force_instance=True, **kwargs))

    def initialize(  # type: ignore[override]
        self,
        *,
        max_clients: int = 100,
        max_per_host: int | None = None,
        max_idle: int = limits.MAX_IDLE_CONNECTIONS,
        idle_timeout: float = limits.CLIENT_IDLE_TIMEOUT,
        timeouts: Timeouts | None = None,
        retry: Retry | None = None,
        cookies: CookieJar | None = None,
        headers: Mapping[str, str] | None = None,
        proxy: str | Callable[[str], str | None] | None = None,
        trust_env: bool = False,
        proxy_ssl: ssl.SSLContext | None = None,
        accept_codings: Iterable[str] | None = None,
        trace: Callable[[HTTPRequest], Trace] | None = None,
        resolver: Resolver | None = None,
        hostname_mapping: dict[Any, Any] | None = None,
        defaults: dict[str, Any] | None = None,
        max_header_size: int | None = None,
        max_body_size: int | None = None,
    ) -> None:
        super().initialize(
            max_clients=max_clients,
            hostname_mapping=hostname_mapping,
            resolver=resolver,
            # A limit comes from Timeouts unless somebody says so; see ClientCall.prepare.
            defaults={"connect_timeout": None, "request_timeout": None, **(defaults or {})},
            max_header_size=max_header_size,
            max_body_size=max_body_size,
        )
        engine = self._engine
        engine.pool.max_idle = max_idle
        engine.pool.idle_timeout = idle_timeout
        engine.queue = engine.fair = FairLine(max_per_host)
        engine.proxy_context = proxy_ssl
        unknown = set(accept_codings or ()) - set(codings.available())
        if unknown:
            raise ValueError(
                f"content codings that cannot be undone here: {', '.join(sorted(unknown))};"
                f" available: {', '.join(codings.available())}"
            )
        if max_per_host is not None and max_per_host < 1:
            raise ValueError("max_per_host must be at least 1, or None for no limit")
        _check("retry", retry, Retry, "such as Retry(attempts=3)")
        _check("timeouts", timeouts, Timeouts, "such as Timeouts(total=30)")
        _check("cookies", cookies, CookieJar, "of http.cookiejar")
        self.retry = retry
        self._repeating: set[Attempts] = set()
        self._settings = _Settings(
            timeouts=Timeouts() if timeouts is None else timeouts,
            offered=codings.available() if accept_codings is None else tuple(accept_codings),
            cookies=None if cookies is None else Cookies(cookies),
            headers=HTTPHeaders(headers or {}),
            proxy=proxy,
            trust_env=trust_env,
            trace=trace,
        )
        if isinstance(proxy, str):
            proxies.parse(proxy)  # now, not when the first request is made

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Give up what is under way, close every connection, and wait until they are closed."""
        engine = self._engine
        self.close()
        for call in [*engine.queue, *engine.active]:
            call.give_up()
        await engine.closed_connections()

    def close(self) -> None:
        """Close the connections; those that are in use when their request is over.

        What waits to be made again ends as it last did.
        """
        super().close()
        for attempts in list(self._repeating):
            attempts.give_up()

    def fetch(
        self, request: str | HTTPRequest, raise_error: bool = True, **kwargs: Any
    ) -> asyncio.Future[HTTPResponse]:
        """Fetch a request, as `AsyncHTTPClient.fetch` does; ``kwargs`` are those of `Request`."""
        if not isinstance(request, HTTPRequest):
            request = Request(request, **kwargs)
            kwargs = {}
        return super().fetch(request, raise_error, **kwargs)

    def fetch_impl(self, request: HTTPRequest, callback: Callable[[HTTPResponse], None]) -> None:
        raw: Any = request.request if isinstance(request, _RequestProxy) else request
        policy = getattr(raw, "retry", None)
        if policy is None or policy is True:
            policy = self.retry
        elif policy is not False:
            _check("retry", policy, Retry, "such as Retry(attempts=3)")
        if not policy:
            super().fetch_impl(request, callback)
            return
        calls: list[Call] = []

        def begin(callback: Callable[[HTTPResponse], None]) -> Callable[[], None]:
            call = self._make_call(request, callback)
            calls.append(call)
            call.submit()
            return call.give_up

        attempts = Attempts(
            self._engine,
            policy,
            begin,
            callback,
            lambda: calls[-1].was_delivered,
            self._repeating,
        )
        on_cancel(callback, attempts.give_up)
        attempts.next()

    def _make_call(self, request: HTTPRequest, callback: Callable[[HTTPResponse], None]) -> Call:
        return ClientCall(self._engine, request, callback, self._settings)

    def stream(
        self, request: str | HTTPRequest, raise_error: bool = True, **kwargs: Any
    ) -> StreamContext:
        """Read a response while it arrives.

        :arg request: `HTTPRequest`, or a URL with the arguments of `Request` in ``kwargs``.
        :arg raise_error: bool, whether a status outside 200-299 is an error.
        :returns: an asynchronous context manager around a `StreamedResponse`. Leaving it before
            the end of the body closes the connection.
        :raises HTTPClientError: from entering it.
        """
        if not isinstance(request, HTTPRequest):
            request = Request(request, **kwargs)
            kwargs = {}
        return super().stream(request, raise_error, **kwargs)


def _check(name: str, value: object, kind: type, example: str) -> None:
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{name} must be a {kind.__name__} ({example}), not {type(value).__name__}")


class _Settings:
    """What the calls of one client share."""

    def __init__(self, **settings: Any) -> None:
        self.timeouts: Timeouts
        self.offered: tuple[str, ...]
        self.cookies: Cookies | None
        self.headers: HTTPHeaders
        self.proxy: str | Callable[[str], str | None] | None
        self.trust_env: bool
        self.trace: Callable[[HTTPRequest], Trace] | None
        self.__dict__.update(settings)


class ClientCall(Call):
    """A call with the settings of a `Client`."""

    def __init__(
        self,
        engine: Engine,
        request: HTTPRequest,
        callback: Callable[[HTTPResponse], None],
        settings: _Settings,
    ) -> None:
        super().__init__(engine, request, callback)
        self.settings = settings
        self.offered: tuple[str, ...] = settings.offered
        self.has_own_fields: bool = settings.cookies is not None or bool(settings.headers)
        self.trace: Trace | None = None
        if settings.trace is not None:
            self.trace = settings.trace(self.original)
            if not isinstance(self.trace, Trace):
                raise TypeError("trace must be a subclass of Trace, or return an object of one")
            self.callback: Callable[[HTTPResponse], None] = self._traced(callback)

    def _traced(self, callback: Callable[[HTTPResponse], None]) -> Callable[[HTTPResponse], None]:
        def ended(response: HTTPResponse) -> None:
            self._tell("ended", response)
            callback(response)

        return ended

    def _tell(self, step: str, *args: Any) -> None:
        try:
            getattr(self.trace, step)(*args)
        except Exception:
            app_log.error("Uncaught exception in %s of a trace", step, exc_info=True)

    # --- the request ----------------------------------------------------------------------------

    def submit(
        self,
        sink: Callable[[bytes], Any] | None = None,
        on_head: Callable[[ResponseHead], None] | None = None,
    ) -> None:
        """Begin, as `Call.submit` does."""
        if self.trace is not None:
            self._tell("started")
        super().submit(sink, on_head)
        if self.trace is not None and self.queued_at and not self.done:
            self._tell("queued")

    def prepare(self) -> None:
        """Turn the request into what goes over the wire, as `Outgoing.prepare` does."""
        super().prepare()
        timeouts = getattr(self.original, "timeouts", None)
        if timeouts is None:
            timeouts = self.settings.timeouts
        elif not isinstance(timeouts, Timeouts):
            _check("timeouts", timeouts, Timeouts, "such as Timeouts(total=30)")
        if self.setting("connect_timeout") is None:
            self.connect_timeout: float = timeouts.connect or math.inf
        if self.setting("request_timeout") is None:
            self.request_timeout: float = timeouts.total or math.inf
            self.has_total_limit = timeouts.total is not None
        else:
            self.has_total_limit: bool = True
        self._queue_timeout = timeouts.queue or math.inf
        self.read_timeout: float = timeouts.read or math.inf
        self.write_timeout: float = timeouts.write or math.inf
        self.watched: bool = min(self.read_timeout, self.write_timeout) < math.inf
        if self.trace is not None and self._raw is not self.original:
            self._tell("redirected", self.url)

    def queue_limit(self) -> float:
        """Seconds that the call may wait in the queue."""
        return self._queue_timeout

    def own_fields(self, fields: HTTPHeaders | None, ours: dict[str, str | None]) -> None:
        """Add the client's fields and cookies."""
        settings = self.settings
        kept = redirect.SECRETS if self._has_left_its_origin() else ()
        for name, value in settings.headers.get_all():
            if name not in ours and name not in kept and (fields is None or name not in fields):
                ours[name] = value
        if settings.cookies is not None and (fields is None or "Cookie" not in fields):
            cookie = settings.cookies.header_for(self.url)
            if cookie is not None:
                ours["Cookie"] = cookie

    def _has_left_its_origin(self) -> bool:
        """Whether a redirect has led to an origin that the program did not name."""
        asked = to_unicode(self.original.url)
        return self.url != asked and self.origin.name != urls.parse(asked)[0].name

    def default_proxy(self) -> Proxy | None:
        """The proxy of a request that names none by host and port."""
        if self.origin.path:
            return None
        own = getattr(self.original, "proxy", None)
        if own is False:
            return None
        settings = self.settings
        if isinstance(own, str):
            return proxies.parse(own)
        found = settings.proxy(self.url) if callable(settings.proxy) else settings.proxy
        if found:
            return proxies.parse(found)
        return proxies.from_environment(self.origin) if settings.trust_env else None

    # --- what becomes of it ---------------------------------------------------------------------

    def connecting(self, dial: Dial) -> None:
        """A connection is being made."""
        super().connecting(dial)
        if self.trace is not None:
            where = self.origin if self.proxy is None else self.proxy
            self._tell("connecting", where.host, where.port)

    def _send(self, connection: ClientConnection, now: float) -> None:
        if self.trace is not None:
            self._tell("connected", connection.served > 0, connection.transport)
        super()._send(connection, now)
        if self.trace is not None and not self.done:
            self._tell("sent")

    def head_received(self, head: ResponseHead) -> None:
        """The final response begins."""
        if self.settings.cookies is not None or self.trace is not None:
            headers = HTTPHeaders()
            headers.load(head.raw)
            if self.settings.cookies is not None:
                self.settings.cookies.store(self.url, headers)
            if self.trace is not None:
                self._tell("first_byte", head.status, headers)
        super().head_received(head)

    def repeat(self) -> None:
        """Send the request again: the connection was closing when it was sent."""
        if self.trace is not None:
            self._tell("repeated")
        super().repeat()


claim("whirlwind.client", Client, Request)
