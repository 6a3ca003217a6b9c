"""The applications give the same answers on Whirlwind as on Tornado.

Compared are status line, header fields in their order, body, whether the connection ends, and
the kinds of lines in the log; neither ``Server`` nor dates. What is otherwise is listed with its
reason.
"""

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.differential.oracle import tornado_python

PYTHON = tornado_python()
FILES = sorted(Path(__file__).with_name("applications").glob("*.py"))
NAMES = [
    name for file in FILES for name in re.findall(r"@application\ndef (\w+)", file.read_text())
]

pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="no Tornado: set WHIRLWIND_TORNADO_PYTHON to a Python that has it"
)

BY_VERSIONS = "a value that can not be meant is no cookie; Tornado fails with an assertion, 500"
COMPRESSED = [
    ("Vary=\\*", "'*' is said once and says everything (RFC 9110 section 12.5.5)"),
    ("^HEAD", "what only making the content tells may be left out (RFC 9110 section 9.3.2)"),
    ("Encoding: GZIP", "names of codings have no case (RFC 9110 section 8.4.1)"),
    ("Range", "a range is of the encoded form, so no part is encoded (RFC 9110 section 14.2)"),
]

#: Application: what is otherwise, each a regular expression for the requests and the reason.
DIFFERENCES: dict[str, list[tuple[str, str]]] = {
    "chunked_bodies": [
        ("3;x=y", "unknown extensions are ignored (RFC 9112 section 7.1.1)"),
        ("X: y$", "trailers are part of the coding (RFC 9112 section 7.1.2)"),
        ("gzip, chunked$", "a coding that is not understood is 501 (RFC 9112 section 6.1)"),
    ],
    "compressed": COMPRESSED,
    "compressed_by_the_old_name": COMPRESSED,
    "connections_kept": [("x, close", "'close' is one of a list (RFC 9110 section 7.6.1)")],
    "connections_not_kept": [
        ("Keep-Alive$", "a connection that ends is not kept (RFC 9112 section 9.3)"),
        ("missing", "nothing after the last answer is looked at (RFC 9112 section 9.6)"),
        ("1.2$", "who closes says so (RFC 9112 section 9.6)"),
    ],
    "cookies_set": [("old-spelling|unknown", "a cookie that is refused leaves nothing behind")],
    "cookies_signed_by_versions": [("Cookie: s=[^2]", BY_VERSIONS)],
    "errors": [("/input", "a request that can not be understood is 400, whoever noticed")],
    "errors_logged": [("/input", "a request that can not be understood is 400")],
    "errors_written": [
        ("/input", "a request that can not be understood is 400"),
    ],
    "expectations": [
        ("continue$", "no body, nothing to continue with (RFC 9110 section 10.1.1)"),
    ],
    "fields": [("again/blanks", "blanks around a value are no part of it (RFC 9110 section 5.5)")],
    "files": [
        ("\\| {2}\\| --XX \\|", "a line end before the first delimiter (RFC 2046 section 5.1.1)"),
        ("base64", "what is encoded is decoded (RFC 2045 section 6)"),
        ("BOUNDARY", "names of parameters have no case (RFC 9110 section 5.6.6)"),
    ],
    "files_refused": [("%00", "no file has such a name: 404; Tornado fails, 500")],
    "handshakes": [
        (".", "refusals are plain text, and say which field is wrong (RFC 6455 section 4.2.2)"),
    ],
    "initialized": [("neither|more", "an application that fails is answered: 500")],
    "limits": [
        ("POST", "too large is 413 (RFC 9110 section 15.5.14)"),
        ("GET", "too large is 431 (RFC 6585 section 5)"),
    ],
    "malformed_requests": [
        ("HTTP/2.0", "another version is 505 (RFC 9110 section 15.6.6)"),
        ("3, 3", "a list of lengths may be refused (RFC 9110 section 8.6)"),
    ],
    "names_of_fields": [("GET /[01236]", "names of fields are tokens (RFC 9110 section 5.1)")],
    "parts_of_files": [
        ("\\+1-2|1_0-", "positions are digits (RFC 9110 section 14.1.1)"),
        ("BYTES", "names of units have no case (RFC 9110 section 14.1)"),
    ],
    "routers": [("nested/b|elsewhere", "an empty answer has a length (RFC 9112 section 6.3)")],
    "statuses": [
        ("C3%A9", "a reason is Latin-1 as all fields are (RFC 9112 section 4)"),
    ],
    "wsgi_programs": [
        ("GET|POST", "an answer has a date (RFC 9110 section 6.6.1)"),
        ("HEAD", "a WSGI program may write a body for HEAD; it is not sent (PEP 3333)"),
    ],
}


@functools.cache
def answers(python: str, package: str, folder: Path) -> dict[str, dict[str, Any]]:
    done = subprocess.run(
        [python, "-m", "tests.differential.applications", package, str(folder)],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "PYTHONPATH": "src" if package == "whirlwind" else ""},
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("applications")


def as_tornado_has_it(request: str, ours: Any, theirs: Any) -> Any:
    """Our answers, without what Whirlwind says wherever Tornado says nothing.

    A refusal has a body that says what was wrong (RFC 9110 section 15.5), and a connection that
    ends because its client speaks HTTP/1.0 is announced to end (RFC 9112 section 9.6).
    """
    if "HTTP/1.0" in request and ["b''"] not in theirs:
        ours = [answer for answer in ours if answer != ["b''"]]
        return [[line for line in answer if line != "Connection: close"] for answer in ours]
    if theirs[0] == ["HTTP/1.1 400 Bad Request", "", ""] and ours[1] == ["b''"]:
        status, kind, _, ends, _, text = ours[0]
        if kind.startswith("Content-Type: text/plain") and ends == "Connection: close":
            assert text.startswith(status.removeprefix("HTTP/1.1 "))
            return [[status, "", ""], *ours[2:]]
    return ours


@pytest.mark.parametrize("name", NAMES)
def test_the_same_answers(name: str, folder: Path) -> None:
    assert PYTHON is not None
    ours = answers(sys.executable, "whirlwind", folder)[name]
    theirs = answers(PYTHON, "tornado", folder)[name]
    assert ours.keys() == theirs.keys()
    listed = DIFFERENCES.get(name, [])
    unused = {pattern for pattern, _ in listed}
    for request, their_answers in theirs.items():
        our_answers = as_tornado_has_it(request, ours[request], their_answers)
        if our_answers == their_answers:
            continue
        reasons = [pattern for pattern, _ in listed if re.search(pattern, request)]
        assert reasons, f"{request}: {our_answers} instead of {their_answers}"
        unused.difference_update(reasons)
    assert not unused, "no difference any more"


def test_every_difference_belongs_to_an_application(folder: Path) -> None:
    assert DIFFERENCES.keys() <= answers(sys.executable, "whirlwind", folder).keys()
    assert len(answers(sys.executable, "whirlwind", folder)) >= 60
