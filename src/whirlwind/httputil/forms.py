"""Form bodies: ``application/x-www-form-urlencoded`` and ``multipart/form-data``."""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any, AnyStr, Final

from whirlwind._public import claim
from whirlwind.escape import parse_qs_bytes
from whirlwind.httputil.headers import HTTPHeaders
from whirlwind.httputil.parameters import HTTP_WHITESPACE, _parse_header
from whirlwind.httputil.parts import PartHead
from whirlwind.protocol import limits, multipart
from whirlwind.protocol.errors import ProtocolError
from whirlwind.util import ObjectDict

_URLENCODED: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_BOUNDARY: Final = re.compile(r";[ \t]*boundary\*?[ \t]*=", re.IGNORECASE)


class HTTPFile(ObjectDict):
    """An uploaded file; its items are also attributes.

    :ivar filename: str, the name the client gave. It is data: never use it as a path.
    :ivar body: bytes.
    :ivar content_type: str, what the client says the body is, such as ``image/png``.
    """

    filename: str
    body: bytes
    content_type: str


@dataclasses.dataclass
class ParseMultipartConfig:
    """How ``multipart/form-data`` bodies are parsed.

    :arg enabled: bool, whether they are accepted at all.
    :arg max_parts: int, one more than the most parts a body may have: as in Tornado, what comes
        before the first part counts.
    :arg max_part_header_size: int, the most bytes of one part's header.
    """

    enabled: bool = True
    max_parts: int = limits.MAX_PARTS + 1
    max_part_header_size: int = limits.MAX_PART_HEAD_SIZE


@dataclasses.dataclass
class ParseUrlEncodedConfig:
    """How ``application/x-www-form-urlencoded`` bodies and query strings are parsed.

    :arg max_arguments: int, the most arguments.
    """

    max_arguments: int = limits.MAX_FORM_FIELDS


@dataclasses.dataclass
class ParseBodyConfig:
    """How form bodies are parsed.

    :arg multipart: `ParseMultipartConfig`.
    :arg urlencoded: `ParseUrlEncodedConfig`.
    """

    multipart: ParseMultipartConfig = dataclasses.field(default_factory=ParseMultipartConfig)
    urlencoded: ParseUrlEncodedConfig = dataclasses.field(default_factory=ParseUrlEncodedConfig)


_DEFAULT_PARSE_BODY_CONFIG = ParseBodyConfig()


def set_parse_body_config(config: ParseBodyConfig) -> None:
    """Set how forms are parsed in this process where nothing else is said.

    :arg config: `ParseBodyConfig`.
    """
    global _DEFAULT_PARSE_BODY_CONFIG
    _DEFAULT_PARSE_BODY_CONFIG = config


def max_query_arguments() -> int:
    """The most arguments that a query string may have."""
    return _DEFAULT_PARSE_BODY_CONFIG.urlencoded.max_arguments


def parse_body_arguments(
    content_type: str,
    body: bytes,
    arguments: dict[str, list[bytes]],
    files: dict[str, list[HTTPFile]],
    headers: HTTPHeaders | None = None,
    *,
    config: ParseBodyConfig | None = None,
) -> None:
    """Parse a form body. A body of another type is left alone.

    :arg content_type: str, the value of the Content-Type field.
    :arg body: bytes.
    :arg arguments: dict of name to list of bytes, to which the form's arguments are added.
    :arg files: dict of name to list of `HTTPFile`, to which its files are added.
    :arg headers: header fields of the request; a form with a Content-Encoding is refused.
    :arg config: `ParseBodyConfig`; the process's own when None.
    :raises HTTPInputError: the form is malformed or over a limit; nothing has been added then.
    """
    kind = media_type(content_type)
    if kind not in (_URLENCODED, _MULTIPART):
        return
    if headers is not None and "Content-Encoding" in headers:
        raise ProtocolError(400, "Unsupported Content-Encoding")
    if config is None:
        config = _DEFAULT_PARSE_BODY_CONFIG
    boundary = boundary_of(content_type)
    if boundary is not None:
        parse_multipart_form_data(boundary, body, arguments, files, config=config.multipart)
        return
    try:
        found = parse_qs_bytes(
            body, keep_blank_values=True, max_num_fields=config.urlencoded.max_arguments
        )
    except ValueError as error:
        raise ProtocolError(400, f"Invalid x-www-form-urlencoded body: {error}") from None
    for name, values in found.items():
        arguments.setdefault(name, []).extend(values)


def parse_multipart_form_data(
    boundary: bytes,
    data: bytes,
    arguments: dict[str, list[bytes]],
    files: dict[str, list[HTTPFile]],
    *,
    config: ParseMultipartConfig | None = None,
) -> None:
    """Parse a ``multipart/form-data`` body (RFC 7578).

    :arg boundary: bytes, the ``boundary`` parameter of the Content-Type.
    :arg data: bytes, the body.
    :arg arguments: dict of name to list of bytes, to which the form's arguments are added.
    :arg files: dict of name to list of `HTTPFile`, to which its files are added.
    :arg config: `ParseMultipartConfig`; the process's own when None.
    :raises HTTPInputError: the body is malformed or over a limit; nothing has been added then.
    """
    parts: list[tuple[PartHead, bytes]] = []
    pieces: list[bytes] = []
    head: Any = None
    try:
        parser = multipart_parser(boundary, config)
        for kind, value in parser.feed(bytes(data)):
            if kind == multipart.PART:
                head = PartHead(value)  # type: ignore[arg-type]
                pieces = []
            elif kind == multipart.DATA:
                pieces.append(value)  # type: ignore[arg-type]
            elif kind == multipart.PART_END:
                body = b"".join(pieces)
                decoder = head.decoder()
                if decoder is not None:
                    body = decoder.decode(body) + decoder.finish()
                parts.append((head, body))
        parser.finish()
    except ProtocolError as error:
        raise ProtocolError(error.code, f"Invalid multipart/form-data: {error.reason}") from None
    for head, body in parts:
        if head.filename:
            file = HTTPFile(filename=head.filename, body=body, content_type=head.content_type)
            files.setdefault(head.name, []).append(file)
        else:
            arguments.setdefault(head.name, []).append(body)


def multipart_parser(
    boundary: bytes, config: ParseMultipartConfig | None = None
) -> multipart.MultipartParser:
    """A parser for a ``multipart/form-data`` body.

    :arg boundary: bytes, the ``boundary`` parameter of the Content-Type, perhaps in quotes.
    :arg config: `ParseMultipartConfig`; the process's own when None.
    :raises ProtocolError: the boundary is none, or such bodies are not accepted.
    """
    if config is None:
        config = _DEFAULT_PARSE_BODY_CONFIG.multipart
    if not config.enabled:
        raise ProtocolError(400, "multipart/form-data parsing is disabled")
    if len(boundary) >= 2 and boundary.startswith(b'"') and boundary.endswith(b'"'):
        boundary = boundary[1:-1]
    return multipart.MultipartParser(boundary, config.max_parts - 1, config.max_part_header_size)


def boundary_of(content_type: str) -> bytes | None:
    """The boundary that a Content-Type of ``multipart/form-data`` names.

    :returns: bytes; None for another type.
    :raises ProtocolError: it names none, or several.
    """
    if media_type(content_type) != _MULTIPART:
        return None
    if len(_BOUNDARY.findall(content_type)) > 1:
        # Who filters requests in front of this server may have read the body by the other one.
        raise ProtocolError(400, "Invalid multipart/form-data: more than one multipart boundary")
    boundary = _parse_header(content_type)[1].get("boundary")
    if not boundary:
        raise ProtocolError(400, "Invalid multipart/form-data: multipart boundary not found")
    return boundary.encode("utf-8", "replace")


def media_type(content_type: str) -> str:
    """The type and subtype of a Content-Type, in lower case."""
    return content_type.partition(";")[0].strip(HTTP_WHITESPACE).lower()


def qs_to_qsl(qs: dict[str, list[AnyStr]]) -> Iterator[tuple[str, AnyStr]]:
    """Turn what :func:`urllib.parse.parse_qs` returns into what ``parse_qsl`` returns.

    >>> list(qs_to_qsl({"a": ["1", "2"], "b": ["3"]}))
    [('a', '1'), ('a', '2'), ('b', '3')]

    :arg qs: dict of name to list of values.
    :returns: iterator over (name, value) pairs.
    """
    for name, values in qs.items():
        for value in values:
            yield name, value


claim(
    "whirlwind.httputil",
    HTTPFile,
    ParseMultipartConfig,
    ParseUrlEncodedConfig,
    ParseBodyConfig,
    set_parse_body_config,
    parse_body_arguments,
    parse_multipart_form_data,
    qs_to_qsl,
)
