"""`HTTPServerRequest`: one HTTP request as a server sees it."""

import time
from json import loads as _loads
from typing import Any

from whirlwind._public import claim
from whirlwind.httputil.forms import HTTPFile, max_query_arguments, media_type
from whirlwind.httputil.headers import HTTPHeaders
from whirlwind.httputil.start_line import RequestStartLine
from whirlwind.httputil.storage import RequestStorage
from whirlwind.protocol.errors import HTTPInputError, ProtocolError


class HTTPServerRequest(RequestStorage):
    """One HTTP request.

    Everything but ``method``, ``uri`` and ``body`` is computed when first read, and every attribute
    may be assigned.

    :ivar method: str, such as ``GET``.
    :ivar uri: str, the request target.
    :ivar path, query: str, the target up to and after its ``?``.
    :ivar version: str, ``HTTP/1.1`` or ``HTTP/1.0``.
    :ivar headers: `HTTPHeaders`.
    :ivar body: bytes.
    :ivar remote_ip: str, the client's address, or what a trusted proxy says (``xheaders``).
    :ivar protocol: str, ``http`` or ``https``, likewise.
    :ivar host, host_name: str, the Host field, and the same without port in lower case.
    :ivar arguments: dict of str to list of bytes: query arguments, then form arguments.
    :ivar query_arguments, body_arguments: the same, apart.
    :ivar files: dict of str to list of `HTTPFile`.
    :ivar connection: the `HTTPConnection` that carries the response.
    :ivar server_connection: the connection that carries this request and others.
    """

    def __init__(
        self,
        method: str | None = None,
        uri: str | None = None,
        version: str = "HTTP/1.0",
        headers: HTTPHeaders | None = None,
        body: bytes | None = None,
        host: str | None = None,
        files: dict[str, list[HTTPFile]] | None = None,
        connection: Any = None,
        start_line: RequestStartLine | None = None,
        server_connection: object | None = None,
    ) -> None:
        """
        :arg start_line: gives method, uri and version instead of the three arguments.
        :raises HTTPInputError: an HTTP/1.1 request without Host, or with one that is not a host;
            too many arguments in the query.
        """
        self._context = getattr(connection, "context", None)
        self._start_time = time.time()
        self._path = self._query = ""
        self.headers = HTTPHeaders() if headers is None else headers
        if start_line is not None:
            method, uri, version = start_line
        self.method = method
        self.uri = uri
        self.version = version
        self.body: bytes = body or b""
        self.connection = connection
        self.server_connection = server_connection
        if host is not None:
            self.host = host
        elif version != "HTTP/1.0" and "Host" not in self.headers:
            raise HTTPInputError("Missing Host header")
        elif not _is_host(self.host):
            raise HTTPInputError(f"Invalid Host header: {self.host!r}")
        if files is not None:
            self.files = files
        if uri is not None:
            self.path, _, self.query = uri.partition("?")
            if self.query.count("&") >= max_query_arguments():
                _ = self.query_arguments

    def full_url(self) -> str:
        """The URL of this request, from its protocol, host and target."""
        return f"{self.protocol}://{self.host}{self.uri}"

    def request_time(self) -> float:
        """Seconds it took to answer, or that have passed while the answer is not finished."""
        if self._finish_time is None:
            return time.time() - self._start_time
        return self._finish_time - self._start_time

    def json(self, *, force: bool = False) -> Any:
        """The body as JSON (RFC 8259); not in Tornado.

        :arg force: take a body of any type. Without, what is not declared as ``application/json``
            or ``application/...+json`` is refused: a form on another site can not send that.
        :raises HTTPInputError: 415, another type; 400, not JSON or not in UTF-8, with the reason.
            A handler that lets it pass answers accordingly.
        """
        if not force:
            kind = media_type(self.headers.get("Content-Type", ""))
            if kind != "application/json" and not (
                kind.startswith("application/") and kind.endswith("+json")
            ):
                raise ProtocolError(415, "the body is not declared as JSON")
        try:
            return _loads(self.body.decode("utf-8"), parse_constant=_refuse_constant)
        except UnicodeDecodeError:
            raise ProtocolError(400, "the body is not in UTF-8") from None
        except RecursionError:
            raise ProtocolError(400, "the body is not JSON: nested too deeply") from None
        except ValueError as error:
            raise ProtocolError(400, f"the body is not JSON: {error}") from None

    def get_ssl_certificate(self, binary_form: bool = False) -> dict[str, Any] | bytes | None:
        """The client's TLS certificate, if it sent one that was verified.

        :arg binary_form: DER bytes rather than the dict of `ssl.SSLSocket.getpeercert`.
        :returns: None without TLS or without a certificate.
        """
        transport_info = getattr(self.connection, "tls_object", None)
        tls = transport_info() if transport_info is not None else None
        if tls is None:
            return None
        try:
            found: dict[str, Any] | bytes | None = tls.getpeercert(binary_form=binary_form)
        except (OSError, ValueError):  # ssl.SSLError is an OSError
            return None
        return found or None

    def __repr__(self) -> str:
        shown = ("protocol", "host", "method", "uri", "version", "remote_ip")
        args = ", ".join([f"{name}={getattr(self, name)!r}" for name in shown])
        return f"{self.__class__.__name__}({args})"


def _refuse_constant(name: str) -> None:
    # NaN and the infinities are JavaScript, not JSON.
    raise ValueError(f"no value {name}")


def _is_host(host: str) -> bool:
    # What a parser refuses in a Host field, for requests that were not made by a parser.
    return host.isprintable() and not any(c in host for c in "/ ,@\\?#")


claim("whirlwind.httputil", HTTPServerRequest)
