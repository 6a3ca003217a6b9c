"""`HTTPRequest`: what to fetch and how."""

from __future__ import annotations

import datetime
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, cast

from whirlwind._public import claim
from whirlwind.escape import utf8
from whirlwind.httputil import HTTPHeaders, format_timestamp

_now = time.time

# Called with ``write(chunk)``, which is awaited; may be a coroutine.
_Producer = Callable[[Callable[[bytes], Awaitable[None]]], Awaitable[None] | None]


class HTTPRequest:
    """A request to be fetched. Every argument is also an attribute.

    An option that is None takes the client's default for it, then the one named below.

    :arg url: str, absolute, ``http`` or ``https``.
    :arg method: str, such as ``GET``.
    :arg headers: `HTTPHeaders` or dict, further header fields.
    :arg body: str, sent as UTF-8, or bytes.
    :arg auth_username: str, for HTTP authentication; replaces what the URL says.
    :arg auth_password: str, likewise.
    :arg auth_mode: str, ``basic`` (default), or ``digest`` with the curl client only.
    :arg connect_timeout: float, seconds for waiting in the queue and again for connecting (20);
        0 for no limit (Tornado 6.1).
    :arg request_timeout: float, seconds for the whole request (20); 0 for no limit (Tornado 6.1).
    :arg if_modified_since: float or datetime, sent as ``If-Modified-Since``.
    :arg follow_redirects: bool, whether redirects are followed (True).
    :arg max_redirects: int, how many are (5).
    :arg user_agent: str, the ``User-Agent``.
    :arg use_gzip: bool, the former name of ``decompress_response``.
    :arg network_interface: str, the local IP address to connect from; the curl client takes the
        name of an interface as well.
    :arg streaming_callback: called with each piece of the body (bytes), of which the response
        then has nothing. With the simple client it may return an awaitable: no more is read before
        that is done (Tornado 6.6).
    :arg header_callback: called with the status line, every field line and the empty line, each a
        str with its CR LF.
    :arg prepare_curl_callback: called with the ``pycurl.Curl`` object before it runs.
    :arg proxy_host: str, the proxy to go through; needs ``proxy_port``.
    :arg proxy_port: int.
    :arg proxy_username: str, for the proxy.
    :arg proxy_password: str, for the proxy ("").
    :arg proxy_auth_mode: str, ``basic`` (default), or ``digest`` with the curl client only.
    :arg allow_nonstandard_methods: bool, accept any method, and a body or none with any (False).
    :arg validate_cert: bool, whether the server's certificate is verified (True).
    :arg ca_certs: str, path of the trusted certificates, instead of the system's.
    :arg client_key: str, path of the private key of ``client_cert``.
    :arg client_cert: str, path of the certificate that the client shows.
    :arg ssl_options: ``ssl.SSLContext`` or the dict of `netutil.ssl_options_to_context`, instead
        of the four above; not with the curl client.
    :arg allow_ipv6: bool, False to use IPv4 only.
    :arg body_producer: called with a function ``write(chunk)`` when the body is due, instead of
        ``body``. It may be a coroutine and wait for what ``write`` returns. Without a
        ``Content-Length`` field the body is sent chunked. Not with the curl client.
    :arg expect_100_continue: bool, send ``Expect: 100-continue`` and wait for the server's word
        before the body. Not with the curl client.
    :arg decompress_response: bool, ask for a compressed response and decompress it (True).

    :ivar start_time: float, when this object was made, as ``time.time()``.
    """

    _DEFAULTS: ClassVar[dict[str, Any]] = {
        "connect_timeout": 20.0,
        "request_timeout": 20.0,
        "follow_redirects": True,
        "max_redirects": 5,
        "decompress_response": True,
        "proxy_password": "",
        "allow_nonstandard_methods": False,
        "validate_cert": True,
    }

    _headers: HTTPHeaders | dict[str, str] | None = None
    _body: bytes | None = None
    # What `plain_request` does not store in each.
    method: str = "GET"
    proxy_host: str | None = None
    proxy_port: int | None = None
    proxy_username: str | None = None
    proxy_password: str | None = None
    proxy_auth_mode: str | None = None
    body_producer: _Producer | None = None
    auth_username: str | None = None
    auth_password: str | None = None
    auth_mode: str | None = None
    connect_timeout: float | None = None
    request_timeout: float | None = None
    follow_redirects: bool | None = None
    max_redirects: int | None = None
    user_agent: str | None = None
    decompress_response: bool | None = None
    network_interface: str | None = None
    streaming_callback: Callable[[bytes], Awaitable[None] | None] | None = None
    header_callback: Callable[[str], None] | None = None
    prepare_curl_callback: Callable[[Any], None] | None = None
    allow_nonstandard_methods: bool | None = None
    validate_cert: bool | None = None
    ca_certs: str | None = None
    allow_ipv6: bool | None = None
    client_key: str | None = None
    client_cert: str | None = None
    ssl_options: dict[str, Any] | ssl.SSLContext | None = None
    expect_100_continue: bool = False

    def __init__(
        self,
        url: str,
        method: str = "GET",
        headers: dict[str, str] | HTTPHeaders | None = None,
        body: bytes | str | None = None,
        auth_username: str | None = None,
        auth_password: str | None = None,
        auth_mode: str | None = None,
        connect_timeout: float | None = None,
        request_timeout: float | None = None,
        if_modified_since: float | datetime.datetime | None = None,
        follow_redirects: bool | None = None,
        max_redirects: int | None = None,
        user_agent: str | None = None,
        use_gzip: bool | None = None,
        network_interface: str | None = None,
        streaming_callback: Callable[[bytes], Awaitable[None] | None] | None = None,
        header_callback: Callable[[str], None] | None = None,
        prepare_curl_callback: Callable[[Any], None] | None = None,
        proxy_host: str | None = None,
        proxy_port: int | None = None,
        proxy_username: str | None = None,
        proxy_password: str | None = None,
        proxy_auth_mode: str | None = None,
        allow_nonstandard_methods: bool | None = None,
        validate_cert: bool | None = None,
        ca_certs: str | None = None,
        allow_ipv6: bool | None = None,
        client_key: str | None = None,
        client_cert: str | None = None,
        body_producer: _Producer | None = None,
        expect_100_continue: bool = False,
        decompress_response: bool | None = None,
        ssl_options: dict[str, Any] | ssl.SSLContext | None = None,
    ) -> None:
        self._headers = headers
        if if_modified_since is not None:
            copied: Any = {} if headers is None else headers.copy()
            copied["If-Modified-Since"] = format_timestamp(if_modified_since)
            self._headers = copied
        self.proxy_host = proxy_host
        self.proxy_port = proxy_port
        self.proxy_username = proxy_username
        self.proxy_password = proxy_password
        self.proxy_auth_mode = proxy_auth_mode
        self.url = url
        self.method = method
        self._body = None if body is None else _encoded(body)
        self.body_producer = body_producer
        self.auth_username = auth_username
        self.auth_password = auth_password
        self.auth_mode = auth_mode
        self.connect_timeout = connect_timeout
        self.request_timeout = request_timeout
        self.follow_redirects = follow_redirects
        self.max_redirects = max_redirects
        self.user_agent = user_agent
        self.decompress_response = use_gzip if decompress_response is None else decompress_response
        self.network_interface = network_interface
        self.streaming_callback = streaming_callback
        self.header_callback = header_callback
        self.prepare_curl_callback = prepare_curl_callback
        self.allow_nonstandard_methods = allow_nonstandard_methods
        self.validate_cert = validate_cert
        self.ca_certs = ca_certs
        self.allow_ipv6 = allow_ipv6
        self.client_key = client_key
        self.client_cert = client_cert
        self.ssl_options = ssl_options
        self.expect_100_continue = expect_100_continue
        self.start_time: float = _now()

    @property
    def headers(self) -> HTTPHeaders:
        """The header fields; setting None leaves none. A dict stays one until it is fetched."""
        found = self._headers
        if found is None:
            found = self._headers = HTTPHeaders()
        return cast("HTTPHeaders", found)

    @headers.setter
    def headers(self, value: Mapping[str, str] | HTTPHeaders | None) -> None:
        self._headers = cast("HTTPHeaders | None", value)

    @property
    def body(self) -> bytes | None:
        """The body as bytes; a str that is set becomes UTF-8."""
        return self._body

    @body.setter
    def body(self, value: bytes | str | None) -> None:
        self._body = None if value is None else _encoded(value)


def _encoded(body: bytes | str) -> bytes:
    try:
        return utf8(body)
    except TypeError:
        raise TypeError(
            f"body must be bytes or str, not {type(body).__name__}: "
            "encode it, or send it piece by piece with body_producer"
        ) from None


_INIT = HTTPRequest.__init__


def plain_request(url: str) -> HTTPRequest:
    """A GET request with all options open: a fifth of the time that storing them takes."""
    if HTTPRequest.__init__ is not _INIT:
        return HTTPRequest(url)
    request = HTTPRequest.__new__(HTTPRequest)
    request.url = url
    request.start_time = _now()
    return request


class _RequestProxy:
    """A request with a client's defaults where it says nothing itself.

    What ``fetch_impl`` is given.
    """

    def __init__(self, request: HTTPRequest, defaults: dict[str, Any] | None) -> None:
        self.request = request
        self.defaults = defaults

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.request, name)
        if value is None and self.defaults is not None:
            return self.defaults.get(name)
        return value


claim("whirlwind.httpclient", HTTPRequest, _RequestProxy)
