"""What docs/files.md says: its examples, run."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from whirlwind.multipart import MultipartError

from .server import web

DOCUMENT = Path(__file__).parents[2] / "docs/files.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.S)
TYPE = {"Content-Type": "multipart/form-data; boundary=1234"}
FORM = (
    b'--1234\r\nContent-Disposition: form-data; name="title"\r\n\r\nmine\r\n'
    b'--1234\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
    + b"x" * 300_000
    + b"\r\n--1234--\r\n"
)


@pytest.fixture
def names(tmp_path) -> dict[str, Any]:
    pytest.importorskip("brotli")  # one of the examples sets its quality
    names: dict[str, Any] = {"__name__": "program"}
    exec(compile("\n".join(EXAMPLES), str(DOCUMENT), "exec"), names)
    names["FOLDER"] = str(tmp_path)
    return names


def test_an_upload(serve, names, tmp_path):
    answer = serve(names["Upload"]).request("/", "POST", FORM, TYPE)
    assert (answer.status, answer.body) == (200, b"thank you")
    (saved,) = tmp_path.iterdir()
    assert saved.read_bytes() == b"x" * 300_000


def test_an_upload_with_the_token_of_its_cookie(serve, names, tmp_path):
    """A field of the form comes after the question; the header field before it."""
    token = "ab" * 16
    server = serve(names["Upload"], {"xsrf_cookies": True})
    field = b'--1234\r\nContent-Disposition: form-data; name="_xsrf"\r\n\r\n%s\r\n'
    body = field % token.encode() + FORM
    fields = TYPE | {"Cookie": f"_xsrf={token}"}
    assert server.request("/", "POST", body, fields).status == 403
    assert list(tmp_path.iterdir()) == []
    fields["X-XSRFToken"] = token
    assert server.request("/", "POST", body, fields).status == 200
    assert len(list(tmp_path.iterdir())) == 1


def test_no_compressed_forms(start, names, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"x" * 1000)
    (tmp_path / "a.txt.gz").write_bytes(b"x")
    routes = [
        (f"/{name}/(.*)", handler, {"path": tmp_path})
        for name, handler in (("plain", names["Plain"]), ("usual", web.StaticFileHandler))
    ]
    server = start(web.Application(routes))
    accept = {"Accept-Encoding": "gzip"}
    assert len(server.request("/plain/a.txt", fields=accept).body) == 1000
    assert server.request("/usual/a.txt", fields=accept).body == b"x"


@pytest.mark.parametrize("size", [1, 1000, len(FORM)])
def test_parts_from_elsewhere(names, size):
    taken = []

    async def take(parts):
        async for part in parts:
            data = await part.read()
            taken.append((part.name, part.filename, data))

    async def source(data):
        for start in range(0, len(data), size):
            yield data[start : start + size]

    form = FORM if size > 1 else FORM.replace(b"x" * 299_000, b"")
    asyncio.run(names["take_from"](TYPE["Content-Type"], source(form), take))
    assert [item[:2] for item in taken] == [("title", ""), ("file", "a.bin")]
    assert taken[0][2] == b"mine"
    assert set(taken[1][2]) == {ord("x")}
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(names["take_from"](TYPE["Content-Type"], source(form[:-8]), take))
    _, others = caught.value.split(MultipartError)
    assert others is None
