"""Loads ``tests/vectors/*.md``; the format is described in ``tests/vectors/README.md``."""

from __future__ import annotations

import functools
import pathlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

DIRECTORY = pathlib.Path(__file__).parent.parent / "vectors"
OPTIONS = {"rows", "role", "level", "limits", "methods", "eof"}
FLAGS = {"keep", "close", "continue", "upgrade"}
ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(.))")
REPEAT = re.compile(r"\{((?:[^{}*]|\\.)+)\*([0-9]+)\}")
SIMPLE = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


@dataclass
class Message:
    """A message that the receiver must report."""

    kind: str
    start: list[str]
    fields: list[tuple[str, str]] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)
    keep: bool | None = None
    continues: bool | None = None
    upgrade: bool | None = None
    rest: bytes | None = None
    path: str | None = None
    host: str | None = None
    answer: tuple[int, ...] = (200,)


@dataclass
class Vector:
    """Bytes and the verdict on them."""

    name: str
    origin: str
    send: bytes
    messages: list[Message]
    errors: tuple[int, ...]
    incomplete: bool
    rows: tuple[int, ...] = ()
    role: str = "server"
    level: str = "both"
    head_limit: int | None = None
    body_limit: int | None = None
    methods: tuple[str, ...] = ("GET",)
    eof: bool = False

    def __repr__(self) -> str:
        return f"<{self.name} at {self.origin}>"


class BadVector(Exception):
    """A vector file does not follow the format."""


def unescape(text: str) -> str:
    """Resolve the escapes; the result holds only characters below U+0100."""

    def one(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        if match[2] not in SIMPLE:
            raise BadVector(f"unknown escape {match[0]!r}")
        return SIMPLE[match[2]]

    return ESCAPE.sub(one, text)


def expand(text: str) -> bytes:
    """Turn the text of a block into bytes."""
    text = REPEAT.sub(lambda m: m[1] * int(m[2]), text)
    return unescape(text).encode("latin-1")


def _codes(text: str) -> tuple[int, ...]:
    return tuple(int(code) for code in text.split("/"))


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition(":")
    return expand(name).decode("latin-1"), expand(value.strip(" ")).decode("latin-1")


def _parse_see(lines: list[str]) -> tuple[list[Message], tuple[int, ...], bool]:
    messages: list[Message] = []
    errors: tuple[int, ...] = ()
    incomplete = False
    for line in lines:
        word, _, rest = line.strip("\n").strip(" ").partition(" ")
        if word in ("request", "response"):
            parts = rest.split(" ", 2 if word == "request" else 1)
            start = [expand(part).decode("latin-1") for part in parts]
            messages.append(Message(word, start))
            continue
        if word == "error":
            errors = _codes(rest)
            continue
        if word == "incomplete":
            incomplete = True
            continue
        if not messages:
            raise BadVector(f"{line!r} before any request or response")
        message = messages[-1]
        if word == "field":
            message.fields.append(_pair(rest))
        elif word == "without":
            message.absent.append(rest)
        elif word == "body":
            message.body = expand(rest)
        elif word == "trailer":
            message.trailers.append(_pair(rest))
        elif word in ("keep", "close"):
            message.keep = word == "keep"
        elif word == "continue":
            message.continues = True
        elif word == "upgrade":
            message.upgrade = True
        elif word == "rest":
            message.rest = expand(rest)
        elif word in ("path", "host"):
            setattr(message, word, expand(rest).decode("latin-1"))
        elif word == "answer":
            message.answer = _codes(rest)
        else:
            raise BadVector(f"unknown directive {word!r}")
    return messages, errors, incomplete


def _build(
    name: str, origin: str, options: dict[str, str], case: str | None, blocks: dict[str, list[str]]
) -> Vector:
    def fill(line: str) -> str:
        return line if case is None else line.replace("{case}", case)

    send = expand("".join(fill(line) for line in blocks["send"]))
    messages, errors, incomplete = _parse_see([fill(line) for line in blocks["see"]])
    vector = Vector(name, origin, send, messages, errors, incomplete)
    vector.rows = tuple(int(row) for row in options.get("rows", "").replace(",", " ").split())
    vector.role = options.get("role", "server")
    vector.level = options.get("level", "both")
    vector.eof = options.get("eof") == "yes"
    vector.methods = tuple(fill(options.get("methods", "GET")).split())
    for limit in filter(None, options.get("limits", "").split(",")):
        what, size = limit.split()
        setattr(vector, f"{what}_limit", int(size))
    if vector.role not in ("server", "client") or vector.level not in ("both", "core", "wire"):
        raise BadVector(f"role {vector.role!r}, level {vector.level!r}")
    return vector


def parse(text: str, filename: str) -> Iterator[Vector]:
    """Yield the vectors of one file."""
    for section in re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]:
        number = text[: text.index(section)].count("\n") + 1
        origin = f"{filename}:{number}"
        title, _, content = section.partition("\n")
        options: dict[str, str] = {}
        cases: list[str] = []
        blocks: dict[str, list[str]] = {}
        block: list[str] | None = None
        for line in content.split("\n"):
            if line.startswith("```"):
                block = blocks.setdefault(line[3:].strip(), []) if block is None else None
            elif block is not None:
                block.append(line)
            elif match := re.fullmatch(r"- `(.+)`", line):
                cases.append(match[1])
            elif line == "- (empty)":
                cases.append("")
            elif (match := re.fullmatch(r"([a-z]+): (.+)", line)) and match[1] in OPTIONS:
                options[match[1]] = match[2]
        name = title.removeprefix("## ").strip()
        if set(blocks) != {"send", "see"} or block is not None:
            raise BadVector(f"{origin}: {name} needs one send and one see block, has {set(blocks)}")
        try:
            if not cases:
                yield _build(name, origin, options, None, blocks)
            for case in cases:
                yield _build(f"{name}[{case[:40]}]", origin, options, case, blocks)
        except (BadVector, ValueError, UnicodeEncodeError) as error:
            raise BadVector(f"{origin}: {name}: {error}") from error


@functools.cache
def load() -> tuple[Vector, ...]:
    """Return every vector of the directory."""
    vectors: list[Vector] = []
    for path in sorted(DIRECTORY.glob("*.md")):
        if path.name != "README.md":
            vectors += parse(path.read_text("utf-8"), path.name)
    seen: dict[str, int] = {}
    for vector in vectors:
        count = seen[vector.name] = seen.get(vector.name, 0) + 1
        if count > 1:
            vector.name += f"#{count}"
    return tuple(vectors)


def select(role: str, level: str) -> list[Vector]:
    """Return the vectors of a role that are to be run at a level."""
    return [v for v in load() if v.role == role and v.level in ("both", level)]
