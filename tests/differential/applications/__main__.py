"""Serve each application, ask it, and print the answers.

usage: python -m tests.differential.applications PACKAGE FOLDER

Prints a JSON object: name of each application to its answers, each under the request that it
answers. `test_applications.py` runs this on Whirlwind and on Tornado and compares.
"""

import asyncio
import gzip
import hashlib
import importlib
import json
import logging
import re
import warnings
from typing import Any

from tests.differential.applications.tools import (
    APPLICATIONS,
    FOLDER,
    LOGGED,
    PACKAGE,
    PATIENCE,
    Keep,
    httpserver,
    netutil,
    web,
)

#: The subjects; each adds its applications to those there are.
SUBJECTS = ("bodies", "answers", "visitors", "static_files", "pages", "connections", "hooks")


async def read_answer(reader: asyncio.StreamReader, method: str) -> bytes:
    """One answer, as it is on the wire."""
    head = await reader.readuntil(b"\r\n\r\n")
    code = int(head.split(b" ", 2)[1])
    lowered = head.lower()
    if code == 101:
        return head + await reader.readexactly(4)
    if method == "HEAD" or code in (100, 204, 304):
        return head
    if b"\r\ntransfer-encoding: chunked\r\n" in lowered:
        body, size = b"", 1
        while size:
            line = await reader.readuntil(b"\r\n")
            size = int(line, 16)
            body += line + await reader.readexactly(size + 2)
        return head + body
    length = re.search(rb"\r\ncontent-length: (\d+)\r\n", lowered)
    if length is None:
        return head + await reader.read()
    return head + await reader.readexactly(int(length[1]))


def chunks_of(body: bytes) -> list[bytes]:
    """The chunks of a complete chunked body."""
    found = []
    while body:
        line, _, body = body.partition(b"\r\n")
        found.append(body[: int(line, 16)])
        body = body[int(line, 16) + 2 :]
    return found[:-1]


def shown(answer: bytes) -> list[str]:
    """The lines of a head and the body, without what tells the packages and the days apart."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    lines = [re.sub(r"^(Date|Expires): .*", r"\1:", line) for line in lines]
    # Python 3.13 has other phrases for these than 3.11.
    lines[0] = re.sub(r" (413|414|416|422) .*", r" \1", lines[0])
    lines = [re.sub(r"(^Set-Cookie:.*expires=)[^;]*", r"\1", line) for line in lines]
    if b"\r\nContent-Encoding: gzip" in head and body:
        # What compresses may be another version in the other interpreter.
        chunks = chunks_of(body) if b"\r\nTransfer-Encoding: chunked" in head else [body]
        body = b"%d pieces of gzip: %b" % (len(chunks), gzip.decompress(b"".join(chunks)))
        lines = [re.sub(r"^Content-Length: .*", "Content-Length:", line) for line in lines]
    text = body.decode("latin-1").replace(FOLDER, "<folder>")
    text = text if len(text) < 5000 else f"{text[:100]}... {len(text)} {hash_of(text)}"
    return [*[line for line in lines if not line.startswith("Server:")], "", text]


def hash_of(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


async def exchange(address: tuple[str, int], request: bytes) -> list[list[str]]:
    """The answers on one connection."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request)
    found: list[list[str]] = []
    methods = re.findall(rb"(?:^|\n|body)([A-Z]+) [^ ]* HTTP/1\.\d\r\n", request) or [b"GET"]
    try:
        async with asyncio.timeout(PATIENCE):
            for method in methods:
                while True:
                    found.append(shown(await read_answer(reader, method.decode())))
                    if not found[-1][0].startswith("HTTP/1.1 100 "):
                        break
            if any(line.lower() == "connection: close" for line in found[-1]):
                found.append([repr(await reader.read())])
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        found.append([f"closed after {getattr(error, 'partial', b'')!r}"])
    except TimeoutError:
        found.append(["no answer"])
    writer.close()
    return found


def name_of(request: bytes) -> str:
    """A short name that tells a request from others."""
    text = request.decode("latin-1").replace("\r\nHost: example.com", "").replace(" HTTP/1.1", "")
    text = re.sub(r"\r\nContent-Length: \d+\r", "\r", text).rstrip("\r\n").replace("\r\n", " | ")
    return text if len(text) < 200 else f"{text[:150]}... {hash_of(text)[:8]}"


async def run(name: str) -> dict[str, Any]:
    """Serve one application, and ask what there is to ask."""
    made, settings, requests, *options = APPLICATIONS[name]()
    if isinstance(made, list):
        made = web.Application(made, **settings)
    server = httpserver.HTTPServer(made, **(options[0] if options else {}))
    (sock,) = netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets([sock])
    answers: dict[str, Any] = {}
    for request in requests:
        asked = name_of(request)
        while asked in answers:
            asked += " again"
        found = await exchange(sock.getsockname(), request)
        # What an answer is followed by: its line in the log, the end of its connection.
        for _ in range(10):
            await asyncio.sleep(0)
        answers[asked] = [*found, sorted(LOGGED)]
        LOGGED.clear()
    server.stop()
    await server.close_all_connections()
    return answers


async def main() -> dict[str, Any]:
    """Everything, one after the other."""
    return {name: await run(name) for name in APPLICATIONS}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    parts = logging.getLogger(PACKAGE)
    parts.addHandler(Keep())
    parts.propagate = False
    parts.setLevel(logging.INFO)
    for subject in SUBJECTS:
        importlib.import_module(f"tests.differential.applications.{subject}")
    print(json.dumps(asyncio.run(main())))
