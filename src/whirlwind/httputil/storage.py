"""What a request keeps: the compiled base of `HTTPServerRequest`, its attributes made on first use.

Most handlers look at two or three attributes of a request. Everything that takes work (fields,
path and query, arguments, cookies, addresses) is therefore computed when it is first read; each
attribute can also simply be assigned.
"""

from typing import TYPE_CHECKING, Any, Final

import whirlwind.protocol.scan as scan
from whirlwind._public import start_values
from whirlwind.escape import native_str
from whirlwind.httputil.cookies import parse_cookie
from whirlwind.httputil.forms import HTTPFile, max_query_arguments, parse_body_arguments
from whirlwind.httputil.headers import HTTPHeaders
from whirlwind.httputil.urls import split_host_and_port
from whirlwind.protocol.errors import ProtocolError
from whirlwind.protocol.heads import RequestHead
from whirlwind.protocol.urlencoded import parse_form

if TYPE_CHECKING:
    from http.cookies import SimpleCookie  # imported with the first cookie: 3 ms of start-up

_NO_BODY = b""
_HAS_TYPE: Final = 1 << scan.CONTENT_TYPE
#: What ``remote_ip`` is once somebody has said that nobody is there.
_NOBODY = object()


class RequestStorage:
    """Slots and lazy attributes; `HTTPServerRequest` documents them."""

    _head: RequestHead | None
    method: Any
    uri: Any
    connection: Any
    server_connection: Any
    _context: Any
    _start_time: float
    _finish_time: float | None
    body: bytes
    _body_future: Any
    _headers: HTTPHeaders | None
    _version: str | None
    _path: str
    _query: str
    _host: str | None
    _host_name: str | None
    _remote_ip: Any
    _protocol: str | None
    _query_arguments: dict[str, list[bytes]] | None
    _body_arguments: dict[str, list[bytes]] | None
    _arguments: dict[str, list[bytes]] | None
    _files: dict[str, list[HTTPFile]] | None
    _cookies: "SimpleCookie | None"

    def adopt(self, head: RequestHead, connection: Any, context: Any, now: float) -> None:
        """Become the request that a parser has read.

        :arg head: its head.
        :arg connection: the exchange that will carry the response.
        :arg context: what is known of the peer: ``remote_ip`` and ``protocol``.
        :arg now: when the request arrived, in seconds since the epoch.
        :raises ProtocolError: the query holds too many arguments.
        """
        self._head = head
        self._context = context
        self._start_time = now
        self.body = _NO_BODY
        self.method = head.method
        self.uri = head.target
        self.connection = connection
        target = head.target
        mark = scan.find_char(target, "?")
        if mark < 0:
            self._path = target
            self._query = ""
        else:
            self._path = target[:mark]
            self._query = target[mark + 1 :]
            # Refused before anything is built from them; the arguments themselves wait.
            if "&" in self._query and self._query.count("&") >= max_query_arguments():
                raise ProtocolError(400, "Max number of fields exceeded in the query")

    def has_form(self) -> bool:
        """Whether the body, if there is one, is declared as a form to be parsed."""
        head = self._head
        if head is not None and self._headers is None:
            kind = head.content_type if head.seen & _HAS_TYPE else None
            return kind is not None and kind[:19].lower().startswith(
                (b"application/x-www-f", b"multipart/form-data")
            )
        kind_text = self.headers.get("Content-Type", "")
        return kind_text.startswith(("application/x-www-form-urlencoded", "multipart/form-data"))

    def _parse_body(self) -> None:
        """Parse a form body into `body_arguments`, `arguments` and `files`.

        :raises HTTPInputError: it is not what its Content-Type says, or goes over a limit.
        """
        headers = self.headers
        body_arguments = self.body_arguments
        parse_body_arguments(
            headers.get("Content-Type", ""), self.body, body_arguments, self.files, headers
        )
        arguments = self.arguments
        for name, values in body_arguments.items():
            arguments.setdefault(name, []).extend(values)

    @property
    def headers(self) -> HTTPHeaders:
        """The header fields."""
        found = self._headers
        if found is None:
            found = HTTPHeaders()
            if self._head is not None:
                found.load(self._head.raw)
            self._headers = found
        return found

    @headers.setter
    def headers(self, value: HTTPHeaders) -> None:
        self._headers = value

    @property
    def path(self) -> str:
        """The target up to its ``?``."""
        return self._path

    @path.setter
    def path(self, value: str) -> None:
        self._path = value

    @property
    def query(self) -> str:
        """The target after its ``?``."""
        return self._query

    @query.setter
    def query(self, value: str) -> None:
        self._query = value

    @property
    def version(self) -> str:
        """``HTTP/1.1`` or ``HTTP/1.0``."""
        if self._version is None:
            self._version = "HTTP/1.0" if self._head is None else self._head.version
        return self._version

    @version.setter
    def version(self, value: str) -> None:
        self._version = value

    @property
    def host(self) -> str:
        """The Host field, or ``127.0.0.1`` for an HTTP/1.0 request without one."""
        if self._host is None:
            head = self._head
            if head is not None and self._headers is None:
                self._host = head.get(b"host") or "127.0.0.1"
            else:
                self._host = self.headers.get("Host") or "127.0.0.1"
        return self._host

    @host.setter
    def host(self, value: str) -> None:
        self._host = value

    @property
    def host_name(self) -> str:
        """The host without its port, in lower case."""
        if self._host_name is None:
            self._host_name = split_host_and_port(self.host.lower())[0]
        return self._host_name

    @host_name.setter
    def host_name(self, value: str) -> None:
        self._host_name = value

    @property
    def remote_ip(self) -> Any:
        """The client's address as text; None when there is no connection."""
        if self._remote_ip is None and self._context is not None:
            self._remote_ip = getattr(self._context, "remote_ip", None)
        return None if self._remote_ip is _NOBODY else self._remote_ip

    @remote_ip.setter
    def remote_ip(self, value: Any) -> None:
        self._remote_ip = _NOBODY if value is None else value

    @property
    def protocol(self) -> str:
        """``http`` or ``https``."""
        if self._protocol is None:
            context = self._context
            self._protocol = "http" if context is None else getattr(context, "protocol", "http")
        return self._protocol

    @protocol.setter
    def protocol(self, value: str) -> None:
        self._protocol = value

    @property
    def query_arguments(self) -> dict[str, list[bytes]]:
        """Arguments of the query, undecoded."""
        if self._query_arguments is None:
            found: dict[str, list[bytes]] = {}
            if self._query:
                try:
                    found = parse_form(self._query, True, False, max_query_arguments())
                except ValueError:
                    raise ProtocolError(400, "Max number of fields exceeded in the query") from None
            self._query_arguments = found
        return self._query_arguments

    @query_arguments.setter
    def query_arguments(self, value: dict[str, list[bytes]]) -> None:
        self._query_arguments = value

    @property
    def body_arguments(self) -> dict[str, list[bytes]]:
        """Arguments of a form body, undecoded."""
        if self._body_arguments is None:
            self._body_arguments = {}
        return self._body_arguments

    @body_arguments.setter
    def body_arguments(self, value: dict[str, list[bytes]]) -> None:
        self._body_arguments = value

    @property
    def arguments(self) -> dict[str, list[bytes]]:
        """Arguments of the query, then of the body."""
        if self._arguments is None:
            self._arguments = {k: list(v) for k, v in self.query_arguments.items()}
        return self._arguments

    @arguments.setter
    def arguments(self, value: dict[str, list[bytes]]) -> None:
        self._arguments = value

    @property
    def files(self) -> dict[str, list[HTTPFile]]:
        """Uploaded files by field name."""
        if self._files is None:
            self._files = {}
        return self._files

    @files.setter
    def files(self, value: dict[str, list[HTTPFile]]) -> None:
        self._files = value

    @property
    def cookies(self) -> "SimpleCookie":
        """The request's cookies as ``http.cookies.Morsel`` objects by name."""
        if self._cookies is None:
            from http.cookies import SimpleCookie

            self._cookies = SimpleCookie()
            field = self.headers.get("Cookie")
            if field is not None:
                self._load_cookies(field)
        return self._cookies

    def _load_cookies(self, field: str) -> None:
        jar: Any = self._cookies
        for name, value in parse_cookie(native_str(field)).items():
            # One name that http.cookies refuses must not cost the others.
            try:
                jar[name] = value
            except Exception:
                continue


def lacks(request: RequestStorage, field: int) -> bool:
    """Whether a field of ``scan.FIELD_IDS`` is known to be absent, without making `headers`."""
    head = request._head
    return head is not None and request._headers is None and not head.seen & (1 << field)


def field_lines(request: RequestStorage) -> list[tuple[bytes, bytes]]:
    """Names in lower case and values of a request's fields, as bytes, without making `headers`."""
    head = request._head
    if head is not None and request._headers is None:
        return head.field_lines()  # nobody has looked at them, so nobody has changed them
    lines = request.headers.lines()
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in lines]


start_values(
    RequestStorage,
    _head=None,
    method=None,
    uri=None,
    connection=None,
    server_connection=None,
    _finish_time=None,
    _body_future=None,
    _headers=None,
    _version=None,
    _path=None,
    _query=None,
    _host=None,
    _host_name=None,
    _remote_ip=None,
    _protocol=None,
    _query_arguments=None,
    _body_arguments=None,
    _arguments=None,
    _files=None,
    _cookies=None,
)
