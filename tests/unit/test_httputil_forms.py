"""Form bodies as applications get them."""

import base64
import tracemalloc

import pytest

from whirlwind import httputil
from whirlwind.httputil import HTTPFile, HTTPInputError

Parsed = tuple[dict[str, list[bytes]], dict[str, list[HTTPFile]]]

NAME = b'Content-Disposition: form-data; name="a"'


def body(*parts: bytes) -> bytes:
    return b"".join(b"--1234\r\n" + part + b"\r\n" for part in parts) + b"--1234--\r\n"


def parse(data: bytes, boundary: bytes = b"1234", **config: int | bool) -> Parsed:
    arguments: dict[str, list[bytes]] = {}
    files: dict[str, list[HTTPFile]] = {}
    settings = httputil.ParseMultipartConfig(**config) if config else None  # type: ignore[arg-type]
    httputil.parse_multipart_form_data(boundary, data, arguments, files, config=settings)
    return arguments, files


class TestMultipart:
    def test_arguments_and_files(self) -> None:
        arguments, files = parse(
            body(
                NAME + b"\r\n\r\n1",
                NAME + b"\r\n\r\n",
                NAME + b'; filename="x.txt"\r\nContent-Type: text/plain; charset=x\r\n\r\nfile',
                NAME + b'; filename="y"\r\n\r\n\r\n',
                NAME + b'; filename=""\r\n\r\nempty',
            )
        )
        assert arguments == {"a": [b"1", b"", b"empty"]}
        assert files == {
            "a": [
                {"filename": "x.txt", "body": b"file", "content_type": "text/plain; charset=x"},
                {"filename": "y", "body": b"\r\n", "content_type": "application/unknown"},
            ]
        }
        assert files["a"][0].filename == "x.txt"

    @pytest.mark.parametrize(
        ("disposition", "name", "filename"),
        [
            ('form-data; name=a; filename="b;c.txt"', "a", "b;c.txt"),
            ('form-data; name="é"; filename="ü"', "é", "ü"),
            ('form-data; name="a\\"b"; filename="C:\\x\\y"', 'a"b', "C:\\x\\y"),
            ("form-data; name=a; filename*=UTF-8''%c3%a9", "a", "é"),
            ("form-data; name=a; filename*=UTF-8''%c3%a9; filename=plain", "a", "é"),
            ("form-data; name=a; filename=../../etc/passwd", "a", "../../etc/passwd"),
            ('Form-Data;name="%22";filename="%00"', "%22", "%00"),
        ],
    )
    def test_names(self, disposition: str, name: str, filename: str) -> None:
        _, files = parse(body(f"content-disposition: {disposition}\r\n\r\n".encode()))
        assert {key: file[0].filename for key, file in files.items()} == {name: filename}

    @pytest.mark.parametrize(
        ("data", "cause"),
        [
            (b"", "no final boundary"),
            (body(NAME + b"\r\n\r\nv")[:-4], "no final boundary"),
            (body(NAME + b"\r\n\r\nv").replace(b"\r\n", b"\n"), "no final boundary"),
            (body(b"\r\nv"), "without Content-Disposition"),
            (body(b"v"), "Invalid header name"),
            (body(b"X: y\r\n\r\nv"), "without Content-Disposition"),
            (body(NAME + b"\r\n" + NAME + b"\r\n\r\nv"), "more than one Content-Disposition"),
            (body(b"Content-Disposition: form-data\r\n\r\nv"), "without a name"),
            (body(b'Content-Disposition: form-data; name=""\r\n\r\nv'), "without a name"),
            (body(b"Content-Disposition: attachment; name=a\r\n\r\nv"), "other than form-data"),
            (body(NAME + b'; filename="a\rb"\r\n\r\nv'), "Invalid header value"),
            (body(NAME + b'; filename="\xff"\r\n\r\nv'), "not UTF-8"),
            (body(NAME + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n!"), "not in base64"),
        ],
    )
    def test_errors_change_nothing(self, data: bytes, cause: str) -> None:
        arguments: dict[str, list[bytes]] = {}
        files: dict[str, list[HTTPFile]] = {}
        good = body(NAME + b"\r\n\r\n1", NAME + b"; filename=x\r\n\r\n1")[: -len(b"--1234--\r\n")]
        for text in (data, good + data):
            with pytest.raises(HTTPInputError, match=f"Invalid multipart/form-data: .*{cause}"):
                httputil.parse_multipart_form_data(b"1234", text, arguments, files)
        assert (arguments, files) == ({}, {})

    def test_transfer_encodings(self) -> None:
        def part(encoding: str, data: bytes) -> bytes:
            return NAME + f"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + data

        value = bytes(range(256))
        data = body(
            part("base64", base64.encodebytes(value).replace(b"\n", b"\r\n")),
            part("Quoted-Printable", b"a=3Db=\r\nc"),
            part("binary", b"=3D"),
            part("x-unknown", b"=3D"),
        )
        assert parse(data)[0] == {"a": [value, b"a=bc", b"=3D", b"=3D"]}

    def test_number_of_parts(self) -> None:
        part = NAME + b"\r\n\r\nv"
        assert len(parse(body(*[part] * 99))[0]["a"]) == 99
        with pytest.raises(HTTPInputError, match="too many parts"):
            parse(body(*[part] * 100))
        assert len(parse(body(*[part] * 100), max_parts=101)[0]["a"]) == 100

    def test_size_of_a_header(self) -> None:
        part = NAME + b"\r\nX: " + b"x" * 50 + b"\r\n\r\nv"
        size = len(part) - len(b"\r\n\r\nv")
        assert parse(body(part), max_part_header_size=size)[0] == {"a": [b"v"]}
        with pytest.raises(HTTPInputError, match="header too large"):
            parse(body(part), max_part_header_size=size - 1)

    def test_disabled(self) -> None:
        with pytest.raises(HTTPInputError, match="disabled"):
            parse(body(), enabled=False)

    def test_quoted_boundary(self) -> None:
        assert parse(body(NAME + b"\r\n\r\nv"), b'"1234"')[0] == {"a": [b"v"]}

    @pytest.mark.parametrize("boundary", [b"", b"x" * 71, b"a\r\nb", b"\xff"])
    def test_bad_boundary(self, boundary: bytes) -> None:
        with pytest.raises(HTTPInputError, match="malformed multipart boundary"):
            parse(body(), boundary)


class TestBody:
    @staticmethod
    def parse(content_type: str, data: bytes, **kwargs: object) -> Parsed:
        arguments: dict[str, list[bytes]] = {}
        files: dict[str, list[HTTPFile]] = {}
        httputil.parse_body_arguments(content_type, data, arguments, files, **kwargs)  # type: ignore[arg-type]
        return arguments, files

    def test_urlencoded(self) -> None:
        for kind in (
            "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded; charset=utf-8",
            "Application/X-WWW-Form-Urlencoded",
        ):
            found = self.parse(kind, b"a=1&b=&c&a=%ff")
            assert found == ({"a": [b"1", b"\xff"], "b": [b""], "c": [b""]}, {})

    def test_adds_to_what_is_there(self) -> None:
        arguments = {"a": [b"0"]}
        httputil.parse_body_arguments("application/x-www-form-urlencoded", b"a=1", arguments, {})
        assert arguments == {"a": [b"0", b"1"]}

    @pytest.mark.parametrize(
        "kind", ["", "application/json", "multipart/mixed; boundary=1234", "text/plain"]
    )
    def test_other_types_are_left_alone(self, kind: str) -> None:
        headers = httputil.HTTPHeaders({"Content-Encoding": "gzip"})
        assert self.parse(kind, b"a=1", headers=headers) == ({}, {})

    @pytest.mark.parametrize(
        "kind",
        [
            "multipart/form-data; boundary=1234",
            'multipart/form-data;boundary="1234"',
            "Multipart/Form-Data; charset=utf-8; Boundary=1234; x=y",
        ],
    )
    def test_multipart(self, kind: str) -> None:
        assert self.parse(kind, body(NAME + b"\r\n\r\nv"))[0] == {"a": [b"v"]}

    @pytest.mark.parametrize(
        "more", ["; boundary=other", ";BOUNDARY=1234", "; x=y ; boundary =1234", "; boundary*=x"]
    )
    def test_several_boundaries(self, more: str) -> None:
        """A filter that took the other one would have looked at another form."""
        kind = "multipart/form-data; boundary=1234" + more
        with pytest.raises(HTTPInputError, match="more than one multipart boundary"):
            httputil.parse_body_arguments(kind, body(NAME + b"\r\n\r\nv"), {}, {})

    @pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary="])
    def test_no_boundary(self, kind: str) -> None:
        with pytest.raises(HTTPInputError, match="multipart boundary not found"):
            self.parse(kind, body())

    @pytest.mark.parametrize(
        "kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=1234"]
    )
    def test_content_encoding(self, kind: str) -> None:
        headers = httputil.HTTPHeaders({"Content-Encoding": "gzip"})
        with pytest.raises(HTTPInputError, match="Unsupported Content-Encoding"):
            self.parse(kind, b"a=1", headers=headers)

    def test_number_of_arguments(self) -> None:
        kind = "application/x-www-form-urlencoded"
        assert len(self.parse(kind, b"&".join([b"a=1"] * 1000))[0]["a"]) == 1000
        with pytest.raises(HTTPInputError, match="Max number of fields exceeded"):
            self.parse(kind, b"&".join([b"a=1"] * 1001))

    def test_process_wide_config(self) -> None:
        saved = httputil._DEFAULT_PARSE_BODY_CONFIG
        config = httputil.ParseBodyConfig(
            multipart=httputil.ParseMultipartConfig(max_parts=2),
            urlencoded=httputil.ParseUrlEncodedConfig(max_arguments=1),
        )
        try:
            httputil.set_parse_body_config(config)
            assert httputil._DEFAULT_PARSE_BODY_CONFIG is config
            with pytest.raises(HTTPInputError):
                self.parse("application/x-www-form-urlencoded", b"a&b")
            with pytest.raises(HTTPInputError):
                parse(body(NAME + b"\r\n\r\n1", NAME + b"\r\n\r\n2"))
        finally:
            httputil.set_parse_body_config(saved)

    def test_memory_of_hostile_bodies(self) -> None:
        size = 300_000
        kind = "application/x-www-form-urlencoded"
        for data in (b"a=" + b"%" * size, b"a=" + b"%41" * (size // 3), b"&" * size):
            tracemalloc.start()
            try:
                self.parse(kind, data)
            except HTTPInputError:
                assert data[:1] == b"&"
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 12 * size


def test_qs_to_qsl() -> None:
    pairs = [("a", b"1"), ("a", b"2"), ("b", b"")]
    assert list(httputil.qs_to_qsl({"a": [b"1", b"2"], "b": [b""]})) == pairs
