"""Drives the sans-I/O core over segments of bytes and records what it reports."""

from __future__ import annotations

import importlib
import itertools
import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from whirlwind import _build
from whirlwind.protocol.errors import ProtocolError

from .vectors import Message, Vector

TWINS = tuple(name for name in _build.COMPILED if name.startswith("whirlwind.protocol."))
HTTP1 = "whirlwind.protocol.http1"


def _import_plain() -> ModuleType:
    """Import the plain Python form of the core beside the compiled one."""
    names = sorted({*TWINS, HTTP1})
    parent = importlib.import_module("whirlwind.protocol")
    saved = {name: sys.modules.pop(name, None) for name in names}
    attributes = {name: getattr(parent, name.rpartition(".")[2], None) for name in names}
    sys.meta_path.insert(0, _build._PlainFinder)
    try:
        return importlib.import_module(HTTP1)
    finally:
        sys.meta_path.remove(_build._PlainFinder)
        for name in names:
            sys.modules.pop(name, None)
            if (module := saved[name]) is not None:
                sys.modules[name] = module
                setattr(parent, name.rpartition(".")[2], attributes[name])


def load_cores() -> dict[str, ModuleType]:
    """Return the forms of the core present here: ``pure`` always, ``compiled`` where built."""
    current = importlib.import_module(HTTP1)
    if _build.implementation() == "pure":
        return {"pure": current}
    return {"pure": _import_plain(), "compiled": current}


#: All that is here, to be compared.
CORES = load_cores()
#: The one to test by itself: the plain form has a run of its own.
TESTED = "compiled" if "compiled" in CORES else "pure"


@dataclass
class Seen:
    """One complete message."""

    start: tuple[Any, ...]
    fields: list[tuple[str, str]]
    keep: bool
    continues: bool
    upgrade: bool
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Outcome:
    """Everything the core made of the bytes."""

    messages: list[Seen] = field(default_factory=list)
    error: int | None = None
    reason: str = ""
    incomplete: bool = False
    rest: bytes | None = None

    def verdict(self) -> tuple[Any, ...]:
        """What must not depend on the segmentation."""
        return self.messages, self.error, self.incomplete, self.rest


class Driver:
    """One parser and what it reported so far."""

    def __init__(
        self,
        core: ModuleType,
        role: str = "server",
        head_limit: int | None = None,
        body_limit: int | None = None,
        methods: tuple[str, ...] = ("GET",),
        detach: bool = False,
    ) -> None:
        limits = {"max_head_size": head_limit, "max_body_size": body_limit}
        limits = {name: value for name, value in limits.items() if value is not None}
        self.core = core
        self.role = role
        self.methods = list(methods)
        self.detach = detach
        self.parser = (core.RequestParser if role == "server" else core.ResponseParser)(**limits)
        self.outcome = Outcome()
        self.current: Seen | None = None
        self.stopped = False
        if role == "client":
            self._expect()

    def _expect(self) -> None:
        self.method = self.methods.pop(0)
        self.parser.expect(self.method)

    def feed(self, data: bytes) -> None:
        """Push bytes and pull every event."""
        if self.outcome.error is None:
            self.parser.receive(data)
            self._drain()

    def end(self, eof: bool) -> Outcome:
        """Say that no more bytes come, or ask what the parser waits for."""
        outcome = self.outcome
        if outcome.error is not None or (self.stopped and not self.detach):
            return outcome
        if self.detach and self.stopped:
            outcome.rest = self.parser.take_rest()
            return outcome
        if eof:
            self.parser.receive_eof()
            self._drain()
            return outcome
        # What the parser waits for shows when the stream ends.
        begun = bool(self.parser.in_message())
        self.parser.receive_eof()
        before = len(outcome.messages)
        self._drain()
        outcome.incomplete = outcome.error is not None
        outcome.error = None
        assert not outcome.incomplete or begun or len(outcome.messages) > before
        return outcome

    def _drain(self) -> None:
        core = self.core
        try:
            while not self.stopped and (event := self.parser.next_event()) != core.NEED_DATA:
                if event == core.HEAD:
                    assert self.current is None
                    self._head()
                elif event == core.DATA:
                    assert self.current is not None
                    assert self.parser.chunk, "an empty DATA event"
                    self.current.body += self.parser.chunk
                else:
                    assert event == core.END
                    assert self.current is not None
                    self.current.trailers = list(self.parser.trailers)
                    self._complete()
        except ProtocolError as error:
            self.outcome.error, self.outcome.reason = error.code, error.reason
        else:
            return
        assert self.outcome.reason
        assert self.outcome.reason.isprintable()
        # Nothing brings a failed parser back.
        self.parser.receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert self.parser.next_event() == core.NEED_DATA

    def _head(self) -> None:
        head = self.parser.head
        if self.role == "server":
            start: tuple[Any, ...] = (head.method, head.target, head.version)
        else:
            start = (head.status, head.reason, head.version)
        self.current = Seen(
            start,
            list(head.fields),
            bool(head.keep_alive),
            bool(head.expect_continue),
            bool(head.upgrade),
        )
        if self.role == "client" and (
            head.status < 200 or (self.method == "CONNECT" and head.status < 300)
        ):
            self.stopped = head.status == 101 or head.status >= 200
            self.detach = self.detach or self.stopped
            self.outcome.messages.append(self.current)
            self.current = None

    def _complete(self) -> None:
        seen = self.current
        assert seen is not None
        self.outcome.messages.append(seen)
        self.current = None
        if not seen.keep or (self.detach and seen.upgrade):
            self.stopped = True
        elif self.role == "client" and self.methods:
            self._expect()


def run(
    core: ModuleType, segments: Iterable[bytes], *, eof: bool = False, **options: Any
) -> Outcome:
    """Feed the segments to a fresh parser; ``options`` as for `Driver`."""
    driver = Driver(core, **options)
    for segment in segments:
        driver.feed(segment)
    return driver.end(eof)


def run_vector(core: ModuleType, vector: Vector, segments: Iterable[bytes]) -> Outcome:
    """Feed a vector in these segments."""
    return run(
        core,
        segments,
        eof=vector.eof and not vector.incomplete,
        role=vector.role,
        head_limit=vector.head_limit,
        body_limit=vector.body_limit,
        methods=vector.methods,
        detach=any(message.rest is not None for message in vector.messages),
    )


def cut(data: bytes, points: Iterable[int]) -> list[bytes]:
    """Cut the data at these offsets."""
    edges = [0, *sorted(set(points)), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]


def bytewise(data: bytes) -> list[bytes]:
    """Single bytes; of long data only the two ends, and packets of 997 bytes between them."""
    if len(data) <= 6000:
        return [data[i : i + 1] for i in range(len(data))]
    return cut(
        data, [*range(400), *range(400, len(data) - 400, 997), *range(len(data) - 400, len(data))]
    )


def splits(data: bytes) -> Iterator[list[bytes]]:
    """The data in two pieces, cut at every offset (a sample of 100 for long data)."""
    points: Iterable[int] = range(1, len(data))
    if len(data) > 600:
        edge = [*range(1, 40), *range(len(data) - 40, len(data))]
        points = sorted({*edge, *random.Random(len(data)).sample(range(40, len(data) - 40), 40)})
    for point in points:
        yield [data[:point], data[point:]]


def shuffled(data: bytes, seed: int) -> list[bytes]:
    """The data in random segments."""
    rng = random.Random(seed)
    count = rng.randint(1, max(1, min(20, len(data) - 1)))
    return cut(data, (rng.randrange(len(data) + 1) for _ in range(count)))


def check(vector: Vector, outcome: Outcome) -> None:
    """Assert that the outcome is the verdict of the vector."""
    if vector.errors:
        assert outcome.error in vector.errors, f"{outcome.error} {outcome.reason!r}"
    else:
        assert outcome.error is None, f"refused: {outcome.error} {outcome.reason!r}"
    assert len(outcome.messages) == len(vector.messages), outcome.messages
    assert outcome.incomplete == vector.incomplete
    for want, seen in zip(vector.messages, outcome.messages, strict=True):
        check_message(want, seen)
        if want.rest is not None:
            assert outcome.rest == want.rest


def check_message(want: Message, seen: Seen) -> None:
    """Assert that a message is the expected one."""
    if want.kind == "request":
        version = want.start[2] if len(want.start) > 2 else "HTTP/1.1"
        assert seen.start == (want.start[0], want.start[1], version)
    else:
        assert seen.start[0] == int(want.start[0])
        assert seen.start[1] == (want.start[1] if len(want.start) > 1 else "")
    check_fields(want, seen.fields)
    assert seen.body == want.body
    assert seen.trailers == want.trailers
    if want.keep is not None:
        assert seen.keep == want.keep
    if want.continues is not None:
        assert seen.continues == want.continues
    if want.upgrade is not None:
        assert seen.upgrade == want.upgrade


def check_fields(want: Message, fields: list[tuple[str, str]]) -> None:
    """Assert the expected fields: those of one name in order, and none of the absent names."""
    for name in {name.lower() for name, _ in want.fields}:
        expected = [value for n, value in want.fields if n.lower() == name]
        assert [value for n, value in fields if n.lower() == name] == expected
    for name in want.absent:
        assert name.lower() not in [n.lower() for n, _ in fields]
