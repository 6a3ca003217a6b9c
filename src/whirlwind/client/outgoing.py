"""What a request looks like on the wire, and what a connection must be for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from whirlwind._public import start_values
from whirlwind.client import head as heads
from whirlwind.client import tls, urls
from whirlwind.client.proxy import Proxy
from whirlwind.escape import to_unicode
from whirlwind.httpclient.request import HTTPRequest, _RequestProxy
from whirlwind.httputil import HTTPHeaders
from whirlwind.protocol.errors import HTTPOutputError
from whirlwind.protocol.headers import is_sendable
from whirlwind.protocol.sending import Framing

if TYPE_CHECKING:
    from whirlwind.client.urls import Origin

_WITH_BODY: Final = frozenset(("POST", "PUT", "PATCH"))
_NONSTANDARD: Final = "allow_nonstandard_methods=True sends it nevertheless"
OFFERED: Final = ("gzip",)
# RFC 9110 section 9.2.2: sending one of these twice does what sending it once does.
_IDEMPOTENT: Final = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"))


class Outgoing:
    """A request that `prepare` has turned into bytes.

    :ivar origin: where it goes.
    :ivar proxy: what it goes through, or None.
    :ivar key: tuple, what a connection must have in common with it to serve it.
    :ivar head: bytes, the head.
    :ivar body: bytes, or None when there is none or it is produced.
    :ivar deferred: bool, whether the body comes when the head has gone: it is produced, or the
        server has to be asked first.
    :ivar closes: bool, whether the request says that its connection is to be closed.
    """

    _SUPPORTED_METHODS = {
        "GET",
        "HEAD",
        "POST",
        "DELETE",
        "PATCH",
        "PUT",
        "OPTIONS",
    }

    origin: Origin
    proxy: Proxy | None
    key: tuple[Any, ...]
    method: str
    url: str
    head: bytes
    body: bytes | None
    deferred: bool
    closes: bool
    #: The content codings that are asked for and undone.
    offered: tuple[str, ...]
    #: Whether an HTTP proxy is asked for a tunnel, which for TLS it always is.
    tunnels: bool
    #: Whether `own_fields` is to be asked.
    has_own_fields: bool
    #: Seconds; infinite for no limit.
    connect_timeout: float
    request_timeout: float
    _raw: HTTPRequest
    _defaults: dict[str, Any]
    _continue_due: bool
    _producer: Callable[..., Any] | None
    _framing: Framing | None
    _codings: tuple[str, ...]

    def __init__(self, request: HTTPRequest | _RequestProxy) -> None:
        """
        :arg request: what to send; a `_RequestProxy` brings a client's defaults along.
        """
        self.offered = OFFERED
        self._use(request)

    def _use(self, request: HTTPRequest | _RequestProxy) -> None:
        if isinstance(request, _RequestProxy):
            self._raw = request.request
            self._defaults = request.defaults or {}
        else:
            self._raw = request
            self._defaults = HTTPRequest._DEFAULTS

    def setting(self, name: str) -> Any:
        """An attribute of the request, or the default for it."""
        value = getattr(self._raw, name)
        return self._defaults.get(name) if value is None else value

    def summary(self) -> str:
        """The request in a few words, for a log."""
        return f"{self.method} {self.origin.name}"

    def proxy_authorization(self) -> str | None:
        """What to tell an HTTP proxy of who we are."""
        assert self.proxy is not None
        own = None if self._raw._headers is None else self._raw.headers.get("Proxy-Authorization")
        return self.proxy.authorization or own

    def may_be_repeated(self) -> bool:
        """Whether sending the request again can do no harm, and is possible."""
        return self.method in _IDEMPOTENT and self._producer is None

    def prepare(self) -> None:
        """Turn the request into what goes over the wire.

        :raises ValueError: the request holds what cannot be sent, or contradicts itself.
        :raises KeyError: the method is unknown.
        """
        raw = self._raw
        default = self._defaults.get
        url = raw.url
        if type(url) is not str:
            url = to_unicode(url)
            if not isinstance(url, str):
                raise TypeError(f"url must be str, not {type(url).__name__}")
        self.url = url
        self.origin, target, credentials = urls.parse(url)
        # Perhaps http.HTTPMethod.GET, which is a str as well.
        method = raw.method if type(raw.method) is str else str.__str__(raw.method)
        self.method = method
        timeout = raw.connect_timeout
        self.connect_timeout = (
            default("connect_timeout") if timeout is None else timeout
        ) or math.inf
        timeout = raw.request_timeout
        self.request_timeout = (
            default("request_timeout") if timeout is None else timeout
        ) or math.inf
        agent = raw.user_agent or default("user_agent") or heads.user_agent()
        decompress = raw.decompress_response
        if decompress is None:
            decompress = default("decompress_response")
        self._codings = self.offered if decompress else ()
        if raw.proxy_host is not None or default("proxy_host") is not None:
            self.proxy = self._named_proxy()
        else:
            self.proxy = self.default_proxy()
        self.key = self._make_key()
        if (
            method == "GET"
            and self.proxy is None
            and not self.has_own_fields
            and raw._headers is None
            and raw._body is None
            and raw.body_producer is None
            and credentials is None
            and raw.auth_username is None
            and default("auth_username") is None
        ):
            self.head = heads.plain(self.origin, target, agent, ", ".join(self._codings))
        else:
            self._check_method(method)
            self._prepare_fields(target, agent, credentials)

    def default_proxy(self) -> Proxy | None:
        """The proxy of a request that names none."""
        return None

    def own_fields(self, fields: HTTPHeaders | None, ours: dict[str, str | None]) -> None:
        """Add fields of the client's own to ``ours``.

        :arg fields: those of the request.
        """

    def _named_proxy(self) -> Proxy | None:
        setting = self.setting
        port = setting("proxy_port")
        if port is None:
            raise ValueError("proxy_host needs proxy_port")
        _check_mode("proxy_auth_mode", setting("proxy_auth_mode"))
        if self.origin.path:
            return None
        return Proxy(
            "http",
            setting("proxy_host"),
            port,
            setting("proxy_username"),
            setting("proxy_password") or "",
        )

    def _make_key(self) -> tuple[Any, ...]:
        raw = self._raw
        default = self._defaults.get
        interface = raw.network_interface or default("network_interface")
        ipv6 = default("allow_ipv6") if raw.allow_ipv6 is None else raw.allow_ipv6
        if not self.origin.tls:
            if self.proxy is None:
                return (self.origin.name, interface, ipv6)
            # An HTTP proxy takes requests to all origins over one connection.
            name = self.origin.name if self.proxy.is_socks else ""
            return (name, interface, ipv6, self.proxy)
        setting = self.setting
        identity = tls.identity(
            setting("ca_certs"),
            setting("client_key"),
            setting("client_cert"),
            setting("ssl_options"),
        )
        return (
            self.origin.name,
            interface,
            ipv6,
            self.proxy,
            # Whoever opened a tunnel is known to the proxy for all that goes through it.
            None if self.proxy is None else self.proxy_authorization(),
            setting("validate_cert"),
            *identity,
        )

    def _check_method(self, method: str) -> None:
        if self.setting("allow_nonstandard_methods"):
            if heads.TOKEN.fullmatch(method) is None:
                raise ValueError(f"Illegal characters in method: {method!r}")
            return
        if method not in self._SUPPORTED_METHODS:
            known = method.upper()
            hint = f"it is {known}" if known in self._SUPPORTED_METHODS else _NONSTANDARD
            raise KeyError(f"unknown method {method}: {hint}")
        has_body = self._raw._body is not None or self._raw.body_producer is not None
        if (method in _WITH_BODY) != has_body:
            raise ValueError(
                f"Body must not be None for method {method}: an empty one is b'' ({_NONSTANDARD})"
                if method in _WITH_BODY
                else f"Body must be None for method {method} ({_NONSTANDARD})"
            )

    def _prepare_fields(self, target: str, agent: str, credentials: tuple[str, str] | None) -> None:
        """The head of a request that has something of its own to say."""
        raw = self._raw
        fields = raw._headers
        if fields is not None and not isinstance(fields, HTTPHeaders):
            fields = HTTPHeaders(fields)
        ours: dict[str, str | None] = {}
        username = self.setting("auth_username")
        if credentials is not None or username is not None:
            _check_mode("auth_mode", self.setting("auth_mode"))
            if credentials is None:
                credentials = (username, self.setting("auth_password") or "")
            ours["Authorization"] = heads.basic(*credentials)
        if self.has_own_fields:
            self.own_fields(fields, ours)
        is_named = "User-Agent" in ours or (fields is not None and "User-Agent" in fields)
        if raw.user_agent or not is_named:
            ours["User-Agent"] = agent
        if self._codings:
            ours["Accept-Encoding"] = ", ".join(self._codings)
        if self.proxy is not None and not self.proxy.is_socks:
            if self.origin.tls or self.tunnels:
                # What is for the proxy goes to the proxy, with CONNECT, and no further.
                authorization = self.proxy_authorization()
                if authorization is not None and not is_sendable(authorization):
                    raise ValueError(
                        f"Illegal characters in Proxy-Authorization: {authorization!r}"
                    )
                ours["Proxy-Authorization"] = None
            else:
                target = f"http://{self.origin.field}{target}"
                if self.proxy.authorization is not None:
                    ours["Proxy-Authorization"] = self.proxy.authorization
        self._prepare_body(fields, ours)
        if self.method == "POST" and not (
            "Content-Type" in ours or (fields is not None and "Content-Type" in fields)
        ):
            ours["Content-Type"] = "application/x-www-form-urlencoded"
        self.head, sent = heads.build(self.method, target, self.origin.field, fields, ours)
        connection = sent.lookup("Connection")
        if connection is not None and "close" in connection.lower():
            self.closes = True

    def _prepare_body(self, fields: HTTPHeaders | None, ours: dict[str, str | None]) -> None:
        raw = self._raw
        body = raw._body
        producer = raw.body_producer
        announced = None if fields is None else fields.get("Content-Length")
        # There is one framing, which is ours to choose.
        ours["Transfer-Encoding"] = None
        if body is not None:
            ours["Content-Length"] = str(len(body))
            self.body = body if type(body) is bytes else bytes(body)
        elif producer is not None:
            if not callable(producer):
                raise TypeError(
                    "body_producer must be a function that is given write, "
                    f"not {type(producer).__name__}"
                )
            self._producer = producer
            self.deferred = True
            if announced is None:
                ours["Transfer-Encoding"] = "chunked"
                self._framing = Framing(None)
            elif announced.isascii() and announced.isdigit():
                self._framing = Framing(int(announced))
            else:
                raise ValueError(f"Content-Length is not a number: {announced!r}")
        elif self.method in _WITH_BODY:
            ours["Content-Length"] = "0"  # RFC 9110 section 8.6
        elif announced is not None and announced != "0":
            raise HTTPOutputError(f"Content-Length is {announced} and there is no body")
        if raw.expect_100_continue and (body or producer is not None):
            ours["Expect"] = "100-continue"
            self.deferred = True
            self._continue_due = True


def _check_mode(name: str, mode: str | None) -> None:
    if mode is not None and mode != "basic":
        raise ValueError(f"unsupported {name} {mode}: it is basic here; curl_httpclient has digest")


start_values(
    Outgoing,
    proxy=None,
    body=None,
    deferred=False,
    closes=False,
    tunnels=False,
    has_own_fields=False,
    _continue_due=False,
    _producer=None,
    _framing=None,
    _codings=None,
)
