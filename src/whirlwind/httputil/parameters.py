"""Field values with parameters, such as Content-Type and Content-Disposition.

RFC 9110 section 5.6.6, with the split and encoded parameters of RFC 2231 and RFC 8187.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from whirlwind.protocol.urlencoded import percent_decode

#: Blanks that may surround a field value (RFC 9110 section 5.6.3); Unicode has more, HTTP has not.
HTTP_WHITESPACE: Final = " \t"

# What browsers write, of which nothing has to be stripped, unescaped or decoded.
_USUAL: Final = re.compile(r'([!-:<-~]+)(?:; [a-z]+="[^"\\]*")+')
_USUAL_PARAMETER: Final = re.compile(r'; ([a-z]+)="([^"\\]*)"')
_SEPARATOR: Final = re.compile(r'\\[\\"]|[";]')
# Only these two are escapes: old browsers send Windows paths with single backslashes.
_ESCAPE: Final = re.compile(r'\\([\\"])')
# The encodings of RFC 8187, and those of browsers older than it. Not any codec Python knows: some
# ("punycode") take quadratic time.
_CHARSET: Final = re.compile(
    r"utf-8|us-ascii|iso-8859-\d\d?|windows-125\d|koi8-[ru]|shift_jis|euc-(?:jp|kr)|gb(?:2312|k|18030)"
    r"|big5",
    re.IGNORECASE,
)


def _split(line: str) -> list[str]:
    """Split at each ``;`` outside quotes; a quote that is never closed reaches to the end."""
    pieces = line.split(";")
    if '"' not in line:
        return pieces
    if "\\" not in line:
        for piece in pieces:
            if piece.count('"') & 1:
                break
        else:
            return pieces  # every quote is closed in its piece, which is the usual thing
    pieces = []
    start = 0
    quoted = False
    for match in _SEPARATOR.finditer(line):
        if match[0] == '"':
            quoted = not quoted
        elif match[0] == ";" and not quoted:
            pieces.append(line[start : match.start()])
            start = match.end()
    pieces.append(line[start:])
    return pieces


def _unquote(text: str) -> str:
    if len(text) >= 2 and text[0] == '"' and text[-1] == '"':
        text = text[1:-1]
        if "\\" in text:
            text = _ESCAPE.sub(r"\1", text)
    return text


def _decode(segments: dict[int, tuple[bool, str]]) -> str:
    """Join the segments of a parameter (RFC 2231 section 3), decoding those that are encoded."""
    charset = "utf-8"
    result = bytearray()
    for index in range(len(segments)):
        if index not in segments:
            break
        encoded, text = segments[index]
        if encoded and index == 0 and text.count("'") >= 2:
            named, _, text = text.split("'", 2)
            if _CHARSET.fullmatch(named):
                charset = named
        if encoded:
            data = percent_decode(text.encode("utf-8", "replace"))
        else:
            data = text.encode(charset, "replace")
        result += data
    return result.decode(charset, "replace")


def _parse_header(line: str) -> tuple[str, dict[str, str]]:
    r"""Split a field value from its parameters.

    >>> _parse_header('form-data; name="a b"; filename*=UTF-8\'\'%e2%82%ac.txt')
    ('form-data', {'name': 'a b', 'filename': '€.txt'})

    :arg line: str.
    :returns: tuple of the value and a dict of lower-case parameter name to value. Of two parameters
        with one name the last counts, and an encoded one (``name*=``) before a plain one.
        Left out are parameters without ``=``, and split ones (``name*1=``) without a beginning.
    """
    usual = _USUAL.fullmatch(line)
    if usual is not None:
        return usual[1], dict(_USUAL_PARAMETER.findall(line, usual.end(1)))
    pieces = _split(line)
    value = pieces[0].strip(HTTP_WHITESPACE)
    plain: dict[str, str] = {}
    split: dict[str, dict[int, tuple[bool, str]]] = {}
    for index in range(1, len(pieces)):
        name, separator, text = pieces[index].partition("=")
        if not separator:
            continue
        name = name.strip(HTTP_WHITESPACE).lower()
        text = text.strip(HTTP_WHITESPACE)
        if text and text[0] == '"':
            text = _unquote(text)
        if "*" in name:
            base, _, section = name.partition("*")
            encoded = not section or section.endswith("*")
            number = section.removesuffix("*") or "0"
            if base and number.isascii() and number.isdigit() and len(number) < 4:
                split.setdefault(base, {})[int(number)] = (encoded, text)
                continue
        plain[name] = text
    if not split:
        return value, plain
    for base, segments in split.items():
        if 0 in segments:
            plain[base] = _decode(segments)
    return value, plain


def _encode_header(key: str, pdict: Mapping[str, Any]) -> str:
    """Join a field value and its parameters, in the order of their names.

    >>> _encode_header("permessage-deflate", {"b": 15, "a": None})
    'permessage-deflate; a; b=15'

    :arg key: str, the value.
    :arg pdict: dict of parameter name to value; None for a parameter without one.
    """
    parts = [key]
    for name, value in sorted(pdict.items()):
        parts.append(name if value is None else f"{name}={value}")
    return "; ".join(parts)
