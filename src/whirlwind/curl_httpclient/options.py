"""The options of libcurl that a request stands for."""

from __future__ import annotations

import io
import os
import ssl
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

import pycurl

from whirlwind.client.head import TOKEN, user_agent
from whirlwind.client.urls import encode_target
from whirlwind.escape import native_str, to_unicode
from whirlwind.httpclient.request import _RequestProxy
from whirlwind.httputil import HTTPHeaders, encode_username_password
from whirlwind.netutil import is_valid_ip
from whirlwind.protocol.headers import is_sendable

if TYPE_CHECKING:
    from whirlwind.httpclient import HTTPRequest

# libcurl's own options for methods; what is not here is CUSTOMREQUEST.
_METHODS: Final = {
    "GET": pycurl.HTTPGET,
    "POST": pycurl.POST,
    "PUT": pycurl.UPLOAD,
    "HEAD": pycurl.NOBODY,
}
_CUSTOM: Final = frozenset(("DELETE", "OPTIONS", "PATCH"))
_WITH_BODY: Final = frozenset(("POST", "PUT", "PATCH"))
_AUTH_MODES: Final = {None: pycurl.HTTPAUTH_BASIC, "basic": pycurl.HTTPAUTH_BASIC}
_AUTH_MODES["digest"] = pycurl.HTTPAUTH_DIGEST
# From 8.13 on libcurl can change a method that it does not know as the status says; before, it went
# on with DELETE where 303 says GET.
_FOLLOW: Final = 2 if pycurl.version_info()[2] >= 0x080D00 else 1
# What a request's body makes of itself, whatever the fields say.
_OURS: Final = frozenset(("Content-Length", "Transfer-Encoding"))
_TO_PROXY: Final = b"Proxy-Authorization"


def apply(curl: Any, request: HTTPRequest) -> None:
    """Set up a handle that was reset for a request.

    :arg curl: ``pycurl.Curl``.
    :raises ValueError: the request holds what cannot be sent, or what this client does not do.
    :raises KeyError: the method is unknown.
    """
    curl.setopt(pycurl.URL, _url(request.url))
    # Signals would interrupt whatever the program does; and threads do not get them.
    curl.setopt(pycurl.NOSIGNAL, 1)
    _set_method_and_body(curl, request)
    fields = _fields(request)
    # What is for a proxy goes to no server, be it through a tunnel or after a redirect.
    to_proxy = [line for line in fields if line.startswith(_TO_PROXY)]
    curl.setopt(pycurl.HTTPHEADER, [line for line in fields if line not in to_proxy])
    curl.setopt(pycurl.PROXYHEADER, to_proxy)
    agent = request.user_agent or user_agent()
    if not is_sendable(agent):
        raise ValueError(f"Illegal characters in User-Agent: {agent!r}")
    curl.setopt(pycurl.USERAGENT, agent.encode("latin-1"))
    if request.decompress_response:
        curl.setopt(pycurl.ENCODING, "gzip,deflate")
    curl.setopt(pycurl.FOLLOWLOCATION, _FOLLOW if request.follow_redirects else 0)
    curl.setopt(pycurl.MAXREDIRS, request.max_redirects or 0)
    # 0 is libcurl's own default, which is 300 seconds for connecting and for ever for the rest.
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, _milliseconds(request.connect_timeout))
    curl.setopt(pycurl.TIMEOUT_MS, _milliseconds(request.request_timeout))
    if request.network_interface:
        interface = request.network_interface
        # Without saying which, libcurl takes any text for the name of a host as well.
        kind = "host" if is_valid_ip(interface) else "if"
        curl.setopt(pycurl.INTERFACE, f"{kind}!{interface}")
    ipv4_only = request.allow_ipv6 is False
    curl.setopt(pycurl.IPRESOLVE, pycurl.IPRESOLVE_V4 if ipv4_only else pycurl.IPRESOLVE_WHATEVER)
    # A redirect may lead to another protocol; what a program wants is HTTP.
    both = pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS
    curl.setopt(pycurl.PROTOCOLS, both)
    curl.setopt(pycurl.REDIR_PROTOCOLS, both)
    _set_authentication(curl, request)
    _set_proxy(curl, request)
    _set_tls(curl, request)


def _url(url: str) -> str:
    url = to_unicode(url)
    if url.isascii() and url.isprintable() and " " not in url:
        return url
    parts = urlsplit(url)
    netloc = parts.netloc
    if not netloc.isascii():
        user, at, host = netloc.rpartition("@")
        netloc = encode_target(user) + at + host.encode("idna").decode("ascii")
    return encode_target(urlunsplit(parts._replace(netloc=netloc)))


def _milliseconds(seconds: float | None) -> int:
    # Less than a millisecond would be none.
    return max(1, int(1000 * seconds)) if seconds else 0


def _set_method_and_body(curl: Any, request: HTTPRequest) -> None:
    method = request.method
    body = request.body
    if request.body_producer is not None:
        raise ValueError("body_producer is not supported by curl_httpclient")
    if request.allow_nonstandard_methods:
        if TOKEN.fullmatch(method) is None:
            raise ValueError(f"Illegal characters in method: {method!r}")
        if method == "GET" and body is not None:
            raise ValueError("Body must be None for GET request")
    elif method not in _METHODS and method not in _CUSTOM:
        raise KeyError(f"unknown method {method}")
    elif (method in _WITH_BODY) != (body is not None):
        raise ValueError(
            f"Body must {'not ' if method in _WITH_BODY else ''}be None for method {method} "
            "(unless allow_nonstandard_methods is true)"
        )
    if method == "POST":
        curl.setopt(pycurl.POST, 1)
        curl.setopt(pycurl.POSTFIELDS, body or b"")
        curl.setopt(pycurl.POSTFIELDSIZE, len(body or b""))
        return
    option = _METHODS.get(method)
    if option is not None and (option != pycurl.NOBODY or body is None):
        curl.setopt(option, 1)
    if option is None:
        curl.setopt(pycurl.CUSTOMREQUEST, method)
    if body is not None or method in _WITH_BODY:
        curl.setopt(pycurl.UPLOAD, 1)
        source = io.BytesIO(body or b"")
        curl.setopt(pycurl.READFUNCTION, source.read)
        # A redirect, or a server that wants credentials, has it sent again.
        curl.setopt(pycurl.SEEKFUNCTION, _seeker(source))
        curl.setopt(pycurl.INFILESIZE, len(body or b""))
        if method != "PUT":
            curl.setopt(pycurl.CUSTOMREQUEST, method)


def _seeker(source: io.BytesIO) -> Any:
    def seek(offset: int, origin: int) -> int:
        source.seek(offset, origin)
        done: int = pycurl.SEEKFUNC_OK
        return done

    return seek


def _fields(request: HTTPRequest) -> list[bytes]:
    fields: Any = request.headers
    if not isinstance(fields, HTTPHeaders):
        fields = HTTPHeaders(fields)
    lines: list[bytes] = []
    for name, value in fields.get_all():
        text = value if type(value) is str else native_str(value)
        if TOKEN.fullmatch(name) is None or not is_sendable(text):
            raise ValueError(f"Illegal characters in header: {name}: {text!r}")
        if name in _OURS and (request.body is not None or request.method in _WITH_BODY):
            continue
        # An empty value with a colon would have libcurl leave the field out.
        lines.append((f"{name}: {text}" if text else f"{name};").encode("latin-1"))
    # What libcurl adds by itself, and nobody asked for.
    lines += [f"{name}:".encode() for name in ("Expect", "Pragma") if name not in fields]
    # A field of the request's own goes before the client's default, but not before its attribute.
    own = request.request if isinstance(request, _RequestProxy) else request
    if own.user_agent and "User-Agent" in fields:
        lines = [line for line in lines if not line.startswith(b"User-Agent:")]
    return lines


def _set_authentication(curl: Any, request: HTTPRequest) -> None:
    if request.auth_username is None:
        return
    if request.auth_mode not in _AUTH_MODES:
        raise ValueError(f"Unsupported auth_mode {request.auth_mode}")
    curl.setopt(pycurl.HTTPAUTH, _AUTH_MODES[request.auth_mode])
    curl.setopt(pycurl.USERNAME, _credential(request.auth_username))
    curl.setopt(pycurl.PASSWORD, _credential(request.auth_password or ""))


def _set_proxy(curl: Any, request: HTTPRequest) -> None:
    if not request.proxy_host:
        return  # libcurl goes by the environment
    if not request.proxy_port:
        raise ValueError("proxy_host needs proxy_port")
    if request.proxy_auth_mode not in _AUTH_MODES:
        raise ValueError(f"Unsupported proxy_auth_mode {request.proxy_auth_mode}")
    curl.setopt(pycurl.PROXY, request.proxy_host)
    curl.setopt(pycurl.PROXYPORT, request.proxy_port)
    # Exceptions to the environment's proxy are none to this one.
    curl.setopt(pycurl.NOPROXY, "")
    if request.proxy_username:
        curl.setopt(pycurl.PROXYAUTH, _AUTH_MODES[request.proxy_auth_mode])
        curl.setopt(pycurl.PROXYUSERNAME, _credential(request.proxy_username))
        curl.setopt(pycurl.PROXYPASSWORD, _credential(request.proxy_password or ""))


def _credential(text: str) -> bytes:
    return encode_username_password(text, "")[:-1]


def _set_tls(curl: Any, request: HTTPRequest) -> None:
    if request.ssl_options is not None:
        raise ValueError("ssl_options not supported in curl_httpclient")
    if not request.validate_cert:
        curl.setopt(pycurl.SSL_VERIFYPEER, 0)
        curl.setopt(pycurl.SSL_VERIFYHOST, 0)
    if request.ca_certs is not None:
        curl.setopt(pycurl.CAINFO, request.ca_certs)
    elif "OpenSSL" in pycurl.version:
        # A libcurl that came in a wheel looks where the machine that built it had its roots.
        roots = ssl.get_default_verify_paths().cafile
        if roots is not None and os.path.exists(roots):
            curl.setopt(pycurl.CAINFO, roots)
    if request.client_cert is not None:
        curl.setopt(pycurl.SSLCERT, request.client_cert)
    if request.client_key is not None:
        curl.setopt(pycurl.SSLKEY, request.client_key)
