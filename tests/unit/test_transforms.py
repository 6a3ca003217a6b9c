"""OutputTransform and GZipContentEncoding."""

import zlib

import pytest

from whirlwind.httputil import HTTPHeaders, HTTPServerRequest
from whirlwind.web.transforms import GZipContentEncoding, OutputTransform

BODY = b"x" * 2000


def request(accept: str | None = "gzip", method: str = "GET") -> HTTPServerRequest:
    headers = HTTPHeaders({"Host": "x"})
    if accept is not None:
        headers["Accept-Encoding"] = accept
    return HTTPServerRequest(method, "/", headers=headers)


def first(
    accept: str | None = "gzip",
    content_type: str | None = "text/html; charset=UTF-8",
    body: bytes = BODY,
    finishing: bool = True,
    **fields: str,
) -> tuple[HTTPHeaders, bytes, GZipContentEncoding]:
    headers = HTTPHeaders({name.replace("_", "-"): value for name, value in fields.items()})
    if content_type is not None:
        headers["Content-Type"] = content_type
    transform = GZipContentEncoding(request(accept))
    status, sent, chunk = transform.transform_first_chunk(200, headers, body, finishing)
    assert status == 200
    assert sent is headers
    return headers, chunk, transform


def is_compressed(headers: HTTPHeaders, chunk: bytes, body: bytes = BODY) -> bool:
    if "Content-Encoding" in headers:
        assert headers["Content-Encoding"] == "gzip"
        assert zlib.decompress(chunk, 31) == body
        return True
    assert chunk == body
    return False


def test_base_changes_nothing() -> None:
    transform = OutputTransform(request())
    headers = HTTPHeaders({"A": "1"})
    assert transform.transform_first_chunk(201, headers, b"a", False) == (201, headers, b"a")
    assert list(headers.get_all()) == [("A", "1")]
    assert transform.transform_chunk(b"b", True) == b"b"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZip", True),
        ("x-gzip", True),
        ("deflate, gzip;q=0.5 ,br", True),
        ("br , gzip ; q=0.001", True),
        ("gzip; Q=1", True),
        ("gzip;q=0", False),
        ("br, gzip ; q=0.000", False),
        ("deflate", False),
        ("*", False),
        ("*;q=0", False),
        ("identity, gzip;q=0.5", False),
        ("identity;q=0.5, gzip", True),
        ("gzip;q=2", False),
        ("gzip;q=", False),
        ("gzipped", False),
        ("bgzip", False),
    ],
)
def test_what_clients_accept(accept: str | None, expected: bool) -> None:
    headers, chunk, _ = first(accept)
    assert is_compressed(headers, chunk) is expected
    assert headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("text/html", True),
        ("TEXT/Plain; charset=utf-8", True),
        ("text/event-stream", True),
        ("application/json ; charset=UTF-8", True),
        ("image/svg+xml", True),
        ("application/xml", True),
        ("image/png", False),
        ("application/wasm", False),
        ("text", False),
        (None, False),
    ],
)
def test_types(content_type: str | None, expected: bool) -> None:
    headers, chunk, _ = first(content_type=content_type)
    assert is_compressed(headers, chunk) is expected


def test_types_are_a_class_attribute_to_extend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GZipContentEncoding, "CONTENT_TYPES", {"application/wasm"})
    assert is_compressed(*first(content_type="application/wasm")[:2])
    assert not is_compressed(*first(content_type="application/json")[:2])


@pytest.mark.parametrize(("size", "expected"), [(0, False), (1023, False), (1024, True)])
def test_s38_small_bodies_stay_as_they_are(size: int, expected: bool) -> None:
    headers, chunk, _ = first(body=b"y" * size)
    assert is_compressed(headers, chunk, b"y" * size) is expected


def test_s39_defaults() -> None:
    assert (GZipContentEncoding.GZIP_LEVEL, GZipContentEncoding.MIN_LENGTH) == (6, 1024)
    assert len(GZipContentEncoding.CONTENT_TYPES) == 7


@pytest.mark.parametrize("pieces", [[b""], [b"", b"abc", b"", b"def"], [b"x", b""], [BODY, BODY]])
def test_streams_can_be_read_as_they_come(pieces: list[bytes]) -> None:
    headers, chunk, transform = first(body=pieces[0], finishing=False, Content_Length="4000")
    assert headers["Content-Encoding"] == "gzip"
    assert "Content-Length" not in headers
    reader = zlib.decompressobj(31)
    assert reader.decompress(chunk) == pieces[0]
    for piece in pieces[1:]:
        assert reader.decompress(transform.transform_chunk(piece, False)) == piece
    assert reader.decompress(transform.transform_chunk(b"end", True)) == b"end"
    assert reader.eof


def test_uncompressed_streams_pass_through() -> None:
    _, chunk, transform = first(accept=None, finishing=False)
    assert chunk == BODY
    assert transform.transform_chunk(b"more", True) == b"more"


def test_content_length_is_that_of_the_compressed_body() -> None:
    headers, chunk, _ = first(Content_Length="2000")
    assert headers["Content-Length"] == str(len(chunk))
    headers, _, _ = first(accept=None, Content_Length="2000")
    assert headers["Content-Length"] == "2000"


@pytest.mark.parametrize(
    ("vary", "expected"),
    [
        ("Cookie", "Cookie, Accept-Encoding"),
        ("Cookie, accept-encoding", "Cookie, accept-encoding"),
        ("*", "*"),
        ("X-Accept-Encoding", "X-Accept-Encoding, Accept-Encoding"),
    ],
)
@pytest.mark.parametrize("accept", [None, "gzip"])
def test_vary(vary: str, expected: str, accept: str | None) -> None:
    headers, _, _ = first(accept, Vary=vary)
    assert headers["Vary"] == expected


def test_what_is_encoded_already_or_a_part_stays() -> None:
    headers, chunk, _ = first(Content_Encoding="br")
    assert (headers["Content-Encoding"], chunk) == ("br", BODY)
    headers, chunk, _ = first(Content_Range="bytes 0-1999/4000")
    assert not is_compressed(headers, chunk)


@pytest.mark.parametrize("status", [101, 204, 206, 304])
@pytest.mark.parametrize("finishing", [True, False])
def test_answers_without_a_body_and_parts_stay(status: int, finishing: bool) -> None:
    headers = HTTPHeaders({"Content-Type": "text/plain"})
    transform = GZipContentEncoding(request())
    assert transform.transform_first_chunk(status, headers, BODY, finishing)[2] == BODY
    assert "Content-Encoding" not in headers
    assert headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("accept", "content_type", "body", "length"),
    [
        ("gzip", "text/plain", BODY, None),
        ("gzip", "text/plain", b"", None),
        ("gzip", "text/plain", b"short", "2000"),
        ("gzip", "image/png", BODY, "2000"),
        (None, "text/plain", BODY, "2000"),
    ],
)
def test_answers_to_head(
    accept: str | None, content_type: str, body: bytes, length: str | None
) -> None:
    """RFC 9110 section 8.6: the length is that of the answer to GET, or is not there."""
    headers = HTTPHeaders({"Content-Type": content_type, "Content-Length": "2000"})
    transform = GZipContentEncoding(request(accept, "HEAD"))
    assert transform.transform_first_chunk(200, headers, body, True)[2] == body
    assert headers.get("Content-Length") == length
    assert "Content-Encoding" not in headers
    assert headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(("declared", "sent"), [("7", "7"), ("1024", None), ("0", None)])
def test_a_length_that_the_handler_declares_for_head(declared: str, sent: str | None) -> None:
    """As short as that, the answer to GET is not compressed; 0 is what a missing body makes."""
    headers = HTTPHeaders({"Content-Type": "text/plain", "Content-Length": declared})
    GZipContentEncoding(request("gzip", "HEAD")).transform_first_chunk(200, headers, b"", True)
    assert headers.get("Content-Length") == sent


def test_same_body_same_bytes() -> None:
    # No time stamp inside, so that caches and ETags of proxies see no change.
    assert first()[1] == first()[1]
    assert first()[1][4:8] == b"\0\0\0\0"


@pytest.mark.parametrize("accept", ["gzip," * 5000 + "gzip;q=0", "a" * 60000, ", \t" * 20000])
def test_long_fields_are_read_in_linear_time(accept: str) -> None:
    GZipContentEncoding(request(accept))
