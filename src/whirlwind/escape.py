"""Escaping and unescaping for HTML, JSON and URLs; conversions between ``str`` and ``bytes``."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, overload
from urllib.parse import quote, quote_plus

from whirlwind.protocol.markup import escape_markup
from whirlwind.protocol.urlencoded import TooManyFields, parse_form, percent_decode

__all__ = [
    "json_decode",
    "json_encode",
    "linkify",
    "native_str",
    "parse_qs_bytes",
    "recursive_unicode",
    "squeeze",
    "to_basestring",
    "to_unicode",
    "url_escape",
    "url_unescape",
    "utf8",
    "xhtml_escape",
    "xhtml_unescape",
]


@overload
def utf8(value: bytes) -> bytes: ...
@overload
def utf8(value: str) -> bytes: ...
@overload
def utf8(value: None) -> None: ...
def utf8(value: str | bytes | None) -> bytes | None:
    """Encode a string as UTF-8; bytes and None are returned as they are.

    :arg value: str, bytes or None.
    :raises TypeError: ``value`` is of another type.
    """
    if isinstance(value, str):
        return value.encode("utf-8")
    if value is None or isinstance(value, bytes):
        return value
    raise TypeError(f"Expected bytes, str or None; got {type(value)!r}")


@overload
def to_unicode(value: str) -> str: ...
@overload
def to_unicode(value: bytes) -> str: ...
@overload
def to_unicode(value: None) -> None: ...
def to_unicode(value: str | bytes | None) -> str | None:
    """Decode UTF-8 bytes; a string and None are returned as they are.

    :arg value: str, bytes or None.
    :raises TypeError: ``value`` is of another type.
    :raises UnicodeDecodeError: the bytes are not UTF-8.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8")
    raise TypeError(f"Expected bytes, str or None; got {type(value)!r}")


# Under these names since the days of two Pythons.
_unicode = to_unicode
native_str = to_unicode
to_basestring = to_unicode
_unquote_to_bytes = percent_decode


def recursive_unicode(obj: Any) -> Any:
    """Decode every UTF-8 byte string in nested dicts, lists and tuples.

    :arg obj: anything; what is no dict, list, tuple or bytes is returned as it is.
    """
    if isinstance(obj, bytes):
        return to_unicode(obj)
    if isinstance(obj, dict):
        return {recursive_unicode(key): recursive_unicode(value) for key, value in obj.items()}
    if isinstance(obj, list):
        return [recursive_unicode(item) for item in obj]
    if isinstance(obj, tuple):
        return tuple(recursive_unicode(item) for item in obj)
    return obj


def xhtml_escape(value: str | bytes) -> str:
    """Make text safe inside HTML and inside quoted attributes: escapes ``<>&"'``.

    >>> xhtml_escape("<a href='x'>")
    '&lt;a href=&#x27;x&#x27;&gt;'

    :arg value: str or UTF-8 bytes.
    """
    return escape_markup(to_unicode(value))


def xhtml_unescape(value: str | bytes) -> str:
    """Replace HTML character references, named and numeric, with their characters.

    :arg value: str or UTF-8 bytes.
    """
    from html import unescape  # a table of two thousand names, which few programs need

    return unescape(to_unicode(value))


_dumps: Final = json.dumps
_encoder: Final = json._default_encoder  # type: ignore[attr-defined]
_encoder_settings: Final = vars(_encoder).copy()
_encode: Final = json.JSONEncoder.encode
_iterencode: Final = json.JSONEncoder.iterencode
_encode_string: Final = json.encoder.encode_basestring_ascii


def _make_writer() -> Callable[[Any, int], Sequence[str]] | None:
    """The function in C that `json.dumps` without options makes anew for every call.

    None where there is none. It does not look for circular references, but meets a RecursionError.
    """
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return None

    def default(value: Any) -> Any:
        return _encoder.default(value)  # as it is then: programs replace it

    try:
        writer: Callable[[Any, int], Sequence[str]] = make(
            None, default, _encode_string, None, ": ", ", ", False, False, True
        )
        return writer if "".join(writer([{"a": "<"}], 0)) == _dumps([{"a": "<"}]) else None
    except TypeError:  # another Python's has other arguments
        return None


_write: Final = _make_writer()


def json_encode(value: Any) -> str:
    r"""Write a value as JSON that may stand inside a ``<script>`` element: ``</`` is ``<\/``.

    >>> json_encode("</script>")
    '"<\\/script>"'

    :arg value: what :func:`json.dumps` takes.
    """
    if (
        _write is not None
        and json.dumps is _dumps
        and json._default_encoder is _encoder  # type: ignore[attr-defined]
        and vars(_encoder) == _encoder_settings
        and json.JSONEncoder.encode is _encode
        and json.JSONEncoder.iterencode is _iterencode
        and json.encoder.encode_basestring_ascii is _encode_string
    ):
        # Nobody has changed how the program writes JSON, so there is no need to ask each time:
        # that takes longer than writing a small dict.
        try:
            return "".join(_write(value, 0)).replace("</", "<\\/")
        except RecursionError:
            pass  # json.dumps knows what to say about it
    return json.dumps(value).replace("</", "<\\/")


def json_decode(value: str | bytes) -> Any:
    """Read a JSON document.

    :arg value: str or UTF-8 bytes.
    :raises ValueError: it is not JSON.
    """
    return json.loads(value)


_BLANKS: Final = re.compile(r"[\x00-\x20]+")


def squeeze(value: str) -> str:
    """Replace each run of blanks and control characters with one space, and trim the ends.

    :arg value: str.
    """
    return _BLANKS.sub(" ", value).strip()


def url_escape(value: str | bytes, plus: bool = True) -> str:
    """Percent-encode a value for use in a URL.

    :arg value: str, which is encoded as UTF-8, or bytes.
    :arg plus: bool; True is the form for queries: a space becomes ``+`` and ``/`` is escaped.
        False is the form for paths: a space becomes ``%20`` and ``/`` stays.
    """
    if not isinstance(value, str | bytes):
        raise TypeError(f"Expected bytes or str; got {type(value)!r}")
    return quote_plus(value) if plus else quote(value)


_ASCII_RUN: Final = re.compile(r"[\x00-\x7f]+")


@overload
def url_unescape(value: str | bytes, encoding: None, plus: bool = True) -> bytes: ...
@overload
def url_unescape(value: str | bytes, encoding: str = "utf-8", plus: bool = True) -> str: ...
def url_unescape(
    value: str | bytes, encoding: str | None = "utf-8", plus: bool = True
) -> str | bytes:
    """Decode the percent-escapes of a value from a URL; bad escapes stay as they are.

    :arg value: str or UTF-8 bytes.
    :arg encoding: str, what the escaped bytes mean; bytes that do not fit become U+FFFD. None
        returns the bytes themselves.
    :arg plus: bool, whether ``+`` means a space, as in queries but not in paths.
    :returns: str, or bytes when ``encoding`` is None.
    """
    if encoding is None:
        data = utf8(value)
        return percent_decode(data.replace(b"+", b" ") if plus else data)
    text = to_unicode(value)
    if plus:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    codec = encoding
    if text.isascii():
        return percent_decode(text.encode("ascii")).decode(codec, "replace")
    # Characters that are not escaped are text already, whatever the encoding of the others.
    return _ASCII_RUN.sub(
        lambda run: percent_decode(run[0].encode("ascii")).decode(codec, "replace"), text
    )


def parse_qs_bytes(
    qs: str | bytes,
    keep_blank_values: bool = False,
    strict_parsing: bool = False,
    *,
    max_num_fields: int | None = None,
) -> dict[str, list[bytes]]:
    """Parse a query string, leaving the values as bytes: their encoding is the program's matter.

    :arg qs: bytes, or str of Latin-1 characters.
    :arg keep_blank_values: bool, whether fields with an empty value are returned.
    :arg strict_parsing: bool, whether a field without ``=`` is an error.
    :arg max_num_fields: int, the most fields to accept, or None for any number.
    :returns: dict of name (Latin-1) to list of values, in the order of the string.
    :raises ValueError: there are too many fields, or ``strict_parsing`` found a bad one, or there
        is a character beyond Latin-1.
    """
    if not qs:
        return {}
    text = str.__str__(qs) if isinstance(qs, str) else qs.decode("latin-1")
    if not text.isascii():
        text.encode("latin-1")  # characters that are no bytes are an error wherever they stand
    try:
        return parse_form(text, keep_blank_values, strict_parsing, max_num_fields)
    except TooManyFields as error:
        raise ValueError(f"Max number of fields exceeded: {error}") from None


# --- links in text ------------------------------------------------------------------------------

# What a link may hold, seen after HTML escaping: anything but blanks, brackets "()" and "<>'".
_IN_LINK = r"(?:[^\s&()]|&(?:amp|quot);)"
# A sentence's punctuation after a link is not part of it; a bracketed part such as "_(b)" is.
_LINK_END = r"[^\s&()!#$%*+,.:;=?@\[\]^`{|}~]"
_LINK_REST = rf"(?:{_IN_LINK}*{_LINK_END}|\({_IN_LINK}*\))+"
# A scheme is looked for only where a run of word characters and dashes begins, so that a long run
# is read once and not once for every dash in it.
_LINK = rf"(?<![\w-])(?P<before>-*)(?P<scheme>\w[\w-]*):/{{1,3}}{_LINK_REST}|\bwww\.{_LINK_REST}"

#: Characters of a link's text that ``shorten`` aims at, and those it tolerates for a whole host.
_SHORT_LINK: Final = 30
_SHORT_LINK_HOST: Final = 45
_SHORT_SEGMENT: Final = 8

# A list, as the default is in Tornado: programs extend it with "+ [...]".
_WEB_SCHEMES: Final = ["http", "https"]


def _shorten_link(url: str, prefix: int) -> str:
    """Return an escaped URL's host and the start of its path, or the URL if that saves nothing.

    :arg prefix: int, length of the scheme and its slashes.
    """
    if len(url) <= _SHORT_LINK:
        return url
    text = url
    slash = url.find("/", prefix)
    if slash >= 0:
        segment = url[slash + 1 :].partition("/")[0][:_SHORT_SEGMENT]
        text = url[: slash + 1] + re.split("[?.]", segment, maxsplit=1)[0]
    if len(text) > _SHORT_LINK_HOST:
        text = text[:_SHORT_LINK]
    if text == url:
        return url
    reference = text.rfind("&")
    if reference >= 0 and ";" not in text[reference:]:
        text = text[:reference]  # a character reference cut in two
    text += "..."
    return text if len(text) < len(url) else url


def linkify(
    text: str | bytes,
    shorten: bool = False,
    extra_params: str | Callable[[str], str] = "",
    require_protocol: bool = False,
    permitted_protocols: Sequence[str] = _WEB_SCHEMES,
) -> str:
    """Escape plain text for HTML and turn the URLs in it into links.

    >>> linkify("See www.example.com.")
    'See <a href="http://www.example.com">www.example.com</a>.'

    :arg text: str or UTF-8 bytes.
    :arg shorten: bool, whether long URLs are cut for display; the link keeps the whole URL and
        shows it as ``title``.
    :arg extra_params: str of HTML attributes for each link, or a function that gets the link's
        (escaped) URL and returns that string.
    :arg require_protocol: bool, whether ``www.example.com`` without a scheme stays text.
    :arg permitted_protocols: the schemes to link. Adding ``javascript`` makes the result unsafe.
    :returns: str, HTML.
    """
    attributes = ""
    if extra_params and not callable(extra_params):
        attributes = " " + extra_params.strip()

    def make_link(match: re.Match[str]) -> str:
        before = match["before"] or ""
        scheme = match["scheme"]
        url = match[0][len(before) :]
        if scheme is None:
            if require_protocol:
                return url
            href = "http://" + url
            prefix = 0
        elif scheme in permitted_protocols:
            href = url
            prefix = len(scheme) + 1
            while url.startswith("/", prefix) and prefix < len(scheme) + 4:
                prefix += 1
        else:
            return match[0]
        params = " " + extra_params(href).strip() if callable(extra_params) else attributes
        shown = _shorten_link(url, prefix) if shorten else url
        if shown != url:
            params += f' title="{href}"'
        return f'{before}<a href="{href}"{params}>{shown}</a>'

    return re.sub(_LINK, make_link, xhtml_escape(text))
