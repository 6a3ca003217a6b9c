"""Uploads that are handled while they arrive: the parts of ``multipart/form-data`` bodies.

::

    @web.stream_request_body
    class Upload(web.RequestHandler):
        def prepare(self):
            self.request.connection.set_max_body_size(10 * 1024**3)
            self.form = multipart.receive(self, self.take)

        def data_received(self, chunk):
            return self.form.feed(chunk)

        async def take(self, parts):
            async for part in parts:
                if part.filename:
                    await part.save(os.path.join(FOLDER, uuid.uuid4().hex))
                else:
                    self.title = await part.text()

        async def post(self):
            await self.form
            self.write("thank you")

``take`` runs while the body arrives, and the client sends no faster than it reads. What it leaves
unread is passed over. If it raises, the request ends with that exception; a malformed body is a 400
with the reason in the log, a part over a limit a 413. Limits are those of
`httputil.ParseMultipartConfig`.

`Parts` does the same for bytes that come from elsewhere. Small forms need none of this: without
``stream_request_body`` there are ``get_body_argument`` and ``request.files``.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from whirlwind.httputil.forms import boundary_of, multipart_parser
from whirlwind.httputil.parts import PartHead
from whirlwind.iostream import StreamClosedError
from whirlwind.protocol import multipart as core
from whirlwind.protocol.errors import ProtocolError
from whirlwind.protocol.limits import MAX_PART_BUFFER, MAX_PART_IN_MEMORY, PART_WRITE_SIZE

if TYPE_CHECKING:
    from whirlwind.httputil import HTTPServerRequest, ParseMultipartConfig
    from whirlwind.protocol.transfer import TransferDecoder
    from whirlwind.web import RequestHandler

__all__ = ["MultipartError", "Part", "Parts", "Receiver", "receive"]

_T = TypeVar("_T")

#: What the queue of a `Parts` holds: a new part, bytes of it, its end.
_Item = PartHead | bytes | None


class MultipartError(ProtocolError):
    """A body that is not what it says it is (400), or over a limit (413).

    :ivar code: int, the status that answers it.
    :ivar reason: str.
    """


class Parts:
    """The parts of one body, as they arrive: an asynchronous iterator of `Part`.

    Whoever receives the body calls `feed` and `finish`; whoever wants the parts iterates. Each part
    has to be read before the next one is asked for; what was not read is passed over.

    :arg content_type: str, the Content-Type of the body.
    :arg config: `ParseMultipartConfig`; the process's own when None.
    :raises MultipartError: 415 for another type than ``multipart/form-data``, 400 without a
        boundary or where such bodies are not accepted.
    """

    def __init__(self, content_type: str, config: ParseMultipartConfig | None = None) -> None:
        try:
            boundary = boundary_of(content_type)
            if boundary is None:
                raise ProtocolError(415, "the body is not multipart/form-data")
            self._parser = multipart_parser(boundary, config)
        except ProtocolError as error:
            raise MultipartError(error.code, error.reason) from None
        self._queue: deque[_Item] = deque()
        self._size = 0
        self._decoder: TransferDecoder | None = None
        self._current: Part | None = None
        self._ended = False
        self._abandoned = False
        self._error: BaseException | None = None
        self._arrival: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None

    # The side that receives the body.

    def feed(self, data: bytes) -> asyncio.Future[None] | None:
        """Take the next bytes of the body.

        :returns: None, or a future: feed nothing more before it is done.
        :raises MultipartError: the body is malformed or over a limit; whoever iterates gets the
            same.
        """
        if self._error is not None:
            raise self._error
        if self._abandoned:
            return None
        try:
            for kind, value in self._parser.feed(data):
                self._put(kind, value)
        except ProtocolError as error:
            failure = MultipartError(error.code, f"Invalid multipart/form-data: {error.reason}")
            self.fail(failure)
            raise failure from None
        if self._queue:
            self._wake()
        if self._size <= MAX_PART_BUFFER:
            return None
        if self._room is None:
            self._room = asyncio.get_running_loop().create_future()
        return self._room

    def _put(self, kind: int, value: Any) -> None:
        if kind == core.DATA:
            if self._decoder is not None:
                value = self._decoder.decode(value)
            if value:
                self._queue.append(value)
                self._size += len(value)
        elif kind == core.PART:
            head = PartHead(value)
            self._decoder = head.decoder()
            self._queue.append(head)
        elif kind == core.PART_END:
            if self._decoder is not None:
                rest = self._decoder.finish()
                if rest:
                    self._queue.append(rest)
                    self._size += len(rest)
            self._queue.append(None)

    def finish(self) -> None:
        """Say that the body has ended.

        :raises MultipartError: it is not complete.
        """
        if self._error is not None or self._abandoned:
            return
        try:
            self._parser.finish()
        except ProtocolError as error:
            failure = MultipartError(error.code, f"Invalid multipart/form-data: {error.reason}")
            self.fail(failure)
            raise failure from None
        self._ended = True
        self._wake()

    def fail(self, error: BaseException) -> None:
        """Let whoever iterates know that nothing more will come.

        :arg error: what they get.
        """
        if self._error is None and not self._ended:
            self._error = error
            self._queue.clear()
            self._size = 0
            self._wake()
            self._make_room()

    def abandon(self) -> None:
        """Pass over everything that is still to come."""
        self._abandoned = True
        self._queue.clear()
        self._size = 0
        self._make_room()

    def _wake(self) -> None:
        arrival, self._arrival = self._arrival, None
        if arrival is not None and not arrival.done():
            arrival.set_result(None)

    def _make_room(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    # The side that wants the parts.

    def __aiter__(self) -> AsyncIterator[Part]:
        return self

    async def __anext__(self) -> Part:
        """The next part.

        :raises MultipartError: the body is malformed.
        :raises StreamClosedError: the client left before its end.
        """
        if self._current is not None:
            await self._current._pass_over()
            self._current._is_over = True
            self._current = None
        head = await self._next()
        if not isinstance(head, PartHead):
            raise StopAsyncIteration
        self._current = Part(self, head)
        return self._current

    async def _next(self) -> _Item:
        """The next item of the queue; None at the end as well."""
        while not self._queue:
            if self._error is not None:
                raise self._error
            if self._ended or self._abandoned:
                return None
            if self._arrival is not None:
                raise RuntimeError("the parts of a body have one reader")
            self._arrival = asyncio.get_running_loop().create_future()
            try:
                await self._arrival
            finally:
                self._arrival = None
        item = self._queue.popleft()
        if isinstance(item, bytes):
            self._size -= len(item)
            if self._room is not None and self._size <= MAX_PART_BUFFER // 2:
                self._make_room()
        return item


class Part:
    """One part of a form: a file or a field. Read it with one of its methods, once.

    :ivar name: str, of the form's field.
    :ivar filename: str, what the client calls the file: it is data, never use it as a path. Empty
        for a field that is no file.
    :ivar content_type: str, what the client says it is.
    """

    def __init__(self, parts: Parts, head: PartHead) -> None:
        self.name: str = head.name
        self.filename: str = head.filename
        self.content_type: str = head.content_type
        self._parts = parts
        self._ended = False
        self._is_over = False

    def __repr__(self) -> str:
        return f"Part(name={self.name!r}, filename={self.filename!r})"

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """The next bytes of the body, as many as have arrived."""
        if self._is_over:
            raise RuntimeError(f"{self!r} is over: a part is read before the next one is asked for")
        if not self._ended:
            item = await self._parts._next()
            if isinstance(item, bytes):
                return item
            self._ended = True
        raise StopAsyncIteration

    async def _pass_over(self) -> None:
        async for _ in self:
            pass

    async def read(self, max_size: int = MAX_PART_IN_MEMORY) -> bytes:
        """The whole body.

        :arg max_size: bytes it may have.
        :raises MultipartError: 413, it has more.
        """
        pieces = []
        size = 0
        async for piece in self:
            size += len(piece)
            if size > max_size:
                raise self._too_large(max_size)
            pieces.append(piece)
        return b"".join(pieces)

    async def text(self, max_size: int = MAX_PART_IN_MEMORY) -> str:
        """The whole body as text, which in forms is UTF-8 (RFC 7578 section 5.1.2).

        :arg max_size: bytes it may have.
        :raises MultipartError: 413, it has more; 400, it is not UTF-8.
        """
        try:
            return (await self.read(max_size)).decode("utf-8")
        except UnicodeDecodeError:
            raise MultipartError(400, f"form field {self.name[:50]!r} is not UTF-8") from None

    async def save(
        self, target: str | os.PathLike[str] | BinaryIO, max_size: int | None = None
    ) -> int:
        """Write the body to a file, in threads: a slow disk does not hold up the loop.

        :arg target: path of a file that does not exist yet, which is removed again if the body
            does not come to its end; or a binary file that is open for writing.
        :arg max_size: bytes it may have; no limit but that of the whole body when None.
        :returns: how many bytes it had.
        :raises MultipartError: 413, it has more.
        :raises OSError: it can not be written; `FileExistsError`, the path is taken.
        """
        if not isinstance(target, (str, os.PathLike)):
            return await self._write_to(target, max_size)
        opening = _in_thread(_create, target)
        try:
            file = await _finished(opening)
            size = await self._write_to(file, max_size)
        except BaseException:
            if opening.done() and not opening.cancelled() and opening.exception() is None:
                await _finished(_in_thread(_discard, opening.result(), target))
            raise
        await _finished(_in_thread(file.close))
        return size

    async def _write_to(self, file: BinaryIO, max_size: int | None) -> int:
        size = 0
        pieces: list[bytes] = []
        waiting = 0
        async for piece in self:
            size += len(piece)
            if max_size is not None and size > max_size:
                raise self._too_large(max_size)
            pieces.append(piece)
            waiting += len(piece)
            if waiting >= PART_WRITE_SIZE:
                await _finished(_in_thread(_write, file, pieces))
                pieces = []
                waiting = 0
        if pieces:
            await _finished(_in_thread(_write, file, pieces))
        return size

    def _too_large(self, max_size: int) -> MultipartError:
        return MultipartError(413, f"form part {self.name[:50]!r} has more than {max_size} bytes")


class Receiver:
    """Connects a handler whose body is streamed with a coroutine that wants the parts.

    Await it in the HTTP method for the coroutine to finish, and for its result.

    :ivar parts: the `Parts`.
    """

    def __init__(self, parts: Parts, take: Callable[[Parts], Awaitable[Any]]) -> None:
        self.parts = parts
        self._take = take
        # Not before there is something to take: the request may be refused first.
        self._taking: asyncio.Task[Any] | None = None

    def _start(self) -> asyncio.Task[Any]:
        if self._taking is None:
            self._taking = asyncio.ensure_future(_call(self._take, self.parts))
            self._taking.add_done_callback(self._taken)
        return self._taking

    def _taken(self, taking: asyncio.Task[Any]) -> None:
        self.parts.abandon()
        if not taking.cancelled():
            taking.exception()  # for `feed` or `__await__` to raise, if they are still called

    def feed(self, data: bytes) -> Awaitable[None] | None:
        """What ``data_received`` returns.

        :raises MultipartError: the body is malformed or over a limit.
        :raises Exception: what the coroutine has raised.
        """
        taking = self._start()
        if taking.done():
            taking.result()
            return None
        room = self.parts.feed(data)
        return None if room is None else self._wait(taking, room)

    async def _wait(self, taking: asyncio.Task[Any], room: asyncio.Future[None]) -> None:
        await room
        if taking.done():
            taking.result()

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.shield(self._start()).__await__()


def receive(
    handler: RequestHandler,
    take: Callable[[Parts], Awaitable[Any]],
    *,
    config: ParseMultipartConfig | None = None,
) -> Receiver:
    """Start to receive the parts of a request's body.

    :arg handler: a handler with ``stream_request_body``; called from its ``prepare``.
    :arg take: coroutine function that is given the `Parts` and iterates over them.
    :arg config: limits; the process's own when None.
    :returns: what to feed the body to, and to await in the HTTP method.
    :raises MultipartError: as for `Parts`; 415 for a body with a Content-Encoding.
    :raises RuntimeError: the body of the request is not streamed.
    """
    request: HTTPServerRequest = handler.request
    if not handler._stream_request_body:
        raise RuntimeError(
            f"{type(handler).__name__} needs the decorator stream_request_body: its body has "
            "arrived already"
        )
    if "Content-Encoding" in request.headers:
        raise MultipartError(415, "Unsupported Content-Encoding")
    parts = Parts(request.headers.get("Content-Type", ""), config)

    def body_is_over(arrived: asyncio.Future[None]) -> None:
        error = None if arrived.cancelled() else arrived.exception()
        if error is not None or arrived.cancelled():
            parts.fail(error or StreamClosedError())
        else:
            _end(parts)

    arrived: asyncio.Future[None] | None = request._body_future
    if arrived is None:
        _end(parts)  # a request without a body
    else:
        arrived.add_done_callback(body_is_over)
    return Receiver(parts, take)


def _end(parts: Parts) -> None:
    try:
        parts.finish()
    except MultipartError:
        pass  # whoever takes the parts has it, and so has who awaits the receiver


async def _call(take: Callable[[Parts], Awaitable[Any]], parts: Parts) -> Any:
    return await take(parts)


def _in_thread(function: Callable[..., _T], *args: Any) -> asyncio.Future[_T]:
    return asyncio.get_running_loop().run_in_executor(None, function, *args)


async def _finished(work: asyncio.Future[_T]) -> _T:
    """Wait for a thread, even when cancelled: it uses what the caller is going to close."""
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        if not work.done():
            await asyncio.wait([work])
        raise


def _create(path: str | os.PathLike[str]) -> BinaryIO:
    return open(path, "xb", buffering=0)


def _write(file: BinaryIO, pieces: list[bytes]) -> None:
    for piece in pieces:
        view = memoryview(piece)
        while view:
            written = file.write(view)
            # A file of one's own may return nothing, as a text file's mock does.
            view = view[written:] if written else view[len(view) :]


def _discard(file: BinaryIO, path: str | os.PathLike[str]) -> None:
    file.close()
    os.unlink(path)
