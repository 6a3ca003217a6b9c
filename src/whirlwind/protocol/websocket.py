"""WebSocket messages from frames (RFC 6455 section 5): one push parser for both roles.

Theory of operation. As with HTTP/1, the owner pushes bytes with `receive` as they arrive and pulls
events with `next_event` until it answers `NEED_DATA`::

    receive(data) -> next_event() -> MESSAGE  .take() is a str or bytes
                                  -> PING, PONG  .take() is bytes
                                  -> CLOSE  .code is 0 or the peer's code, .reason a str
                                  -> MORE   there is more; others may have their turn first
                                  -> NEED_DATA, or ProtocolError(close code, reason)

A frame whose payload has arrived is unmasked straight into the str or bytes that the application
gets. One that has not is taken in as it comes: unmasked, decompressed and, if it is text, checked
for being UTF-8, so that a peer hears of its mistake at the first wrong byte and nothing is looked
at twice. Every rule about a frame is decided from its first bytes, before anything of it is kept.
"""

import codecs
from typing import Any, Final

import whirlwind.protocol.frames as frames
import whirlwind.protocol.masking as masking
from whirlwind._public import start_values
from whirlwind.protocol import limits
from whirlwind.protocol.errors import ProtocolError

_MAX_FRAMES: Final = limits.MAX_FRAMES_PER_EVENT

_TEXT: Final = 1  # opcodes, of those that make messages
_BINARY: Final = 2

_new_decoder: Final[Any] = codecs.getincrementaldecoder("utf-8")


class FrameParser:
    """Turns the bytes of a peer into messages and control frames."""

    _masked: bool
    _buf: bytes
    _pos: int
    _tail: bytearray | None
    _closed: bool
    _left: int
    _key: int
    _phase: int
    _first: int
    _kind: int
    _compressed: bool
    _size: int
    _whole: Any
    _control: bytes
    _decoder: Any
    message: Any
    code: int
    reason: str

    def __init__(self, masked: bool, max_size: int, inflater: Any = None) -> None:
        """
        :arg masked: whether the peer's frames have a mask: True for a client's, which have to,
            False for a server's, which must not (section 5.1).
        :arg max_size: bytes of one message.
        :arg inflater: a `deflate.Inflater` where permessage-deflate was agreed on.
        """
        self.max_size = max_size
        self.inflater = inflater
        self._masked = masked
        self._buf = b""
        self._left = -1  # bytes of the present frame's payload that are missing; -1 before its head
        self._control = b""
        self.reason = ""

    def receive(self, data: bytes) -> None:
        """Add bytes as they arrived."""
        if self._closed:
            return
        if self._tail is not None:
            self._tail += data
        elif self._pos >= len(self._buf):
            self._buf = data
            self._pos = 0
        else:
            self._tail = bytearray(self._buf[self._pos :])
            self._tail += data
            self._buf = b""
            self._pos = 0

    def buffered(self) -> int:
        """Bytes received and not looked at."""
        if self._tail is not None:
            return len(self._tail)
        return len(self._buf) - self._pos

    def in_message(self) -> bool:
        """Whether a frame or a message was begun and has not come to its end."""
        return self._left >= 0 or self._kind != 0 or self.buffered() > 0

    def take(self) -> Any:
        """What the last event brought; the parser lets go of it."""
        message = self.message
        self.message = None
        return message

    def close(self) -> None:
        """Never look at another byte of this connection, and keep none."""
        self._closed = True
        self._buf = b""
        self._pos = 0
        self._tail = self._whole = self._decoder = None
        self._control = b""
        self._left = -1
        self._kind = 0

    def next_event(self) -> int:
        """The next event, or NEED_DATA.

        :raises ProtocolError: the peer broke the protocol; its ``code`` is the close code. Every
            later call answers NEED_DATA.
        """
        try:
            return self._next()
        except UnicodeDecodeError:
            self.close()
            raise ProtocolError(1007, "text that is not UTF-8") from None
        except ProtocolError:
            self.close()
            raise

    def _next(self) -> int:
        if self._tail is not None:
            self._buf = bytes(self._tail)
            self._tail = None
        data = self._buf
        size = len(data)
        count = 0
        while True:
            if self._left < 0:
                start = self._pos
                if start >= size:
                    break
                payload = self._frame_head(data, start, size)
                if payload < 0:
                    return frames.NEED_DATA  # its bytes stay where they are
                end = payload + self._left
                if end <= size and self._first & 0xBF in (frames.TEXT_FRAME, frames.BINARY_FRAME):
                    # Most messages: one frame, and all of it is here.
                    self._left = -1
                    self._whole_message(data, payload, end)
                    self._pos = end
                    if end == size:
                        self._buf = b""
                        self._pos = 0
                    return frames.MESSAGE
                self._pos = payload
                self._begin_frame()
            event = self._take_payload(data, size)
            if event != frames.MORE:
                if self._pos >= size:
                    self._buf = b""
                    self._pos = 0
                return event
            count += 1
            if count >= _MAX_FRAMES:
                return frames.MORE
        self._buf = b""
        self._pos = 0
        return frames.NEED_DATA

    def _whole_message(self, data: bytes, pos: int, end: int) -> None:
        text = self._first & 15 == _TEXT
        if self._first & frames.RSV1:
            piece = masking.cut(data, pos, end, self._masked, self._key, 0)
            piece = self.inflater.message(piece, self.max_size)
            self.message = piece.decode("utf-8") if text else piece
        elif text:
            self.message = masking.cut_text(data, pos, end, self._masked, self._key)
        else:
            self.message = masking.cut(data, pos, end, self._masked, self._key, 0)

    # --- heads ----------------------------------------------------------------------------------

    def _frame_head(self, data: bytes, pos: int, end: int) -> int:
        """Read a frame's head (section 5.2): where its payload begins, -1 if it is not all here."""
        self._check_first(data[pos])
        if end - pos < 2:
            return -1
        second = data[pos + 1]
        if second >= 128:
            if not self._masked:
                raise ProtocolError(1002, "masked frame from a server")
        elif self._masked:
            raise ProtocolError(1002, "frame from a client without mask")
        length = second & 127
        control = self._first & 8
        if length > frames.MAX_CONTROL and control:
            raise ProtocolError(1002, "control frame of more than 125 bytes")
        pos += 2
        if length == 126:
            if end - pos < 2:
                return -1
            length = data[pos] << 8 | data[pos + 1]
            if length < 126:
                raise ProtocolError(1002, "frame length not in its shortest form")
            pos += 2
        elif length == 127:
            if end - pos < 8:
                return -1
            high = int.from_bytes(data[pos : pos + 4], "big")
            length = int.from_bytes(data[pos + 4 : pos + 8], "big")
            if high == 0 and length < 65536:
                raise ProtocolError(1002, "frame length not in its shortest form")
            if high >= 0x80000000:
                raise ProtocolError(1002, "frame length with its highest bit set")
            if high:
                raise ProtocolError(1009, "message too big")
            pos += 8
        if not control and length > self.max_size - self._size:
            self._check_compressed_size(length)
        if self._masked:
            if end - pos < 4:
                return -1
            self._key = masking.read_key(data, pos)
            pos += 4
        self._left = length
        return pos

    def _check_first(self, first: int) -> None:
        """The rules about FIN, RSV bits and opcode (sections 5.2, 5.4 and 5.5)."""
        opcode = first & 15
        if first & 0x70 and (
            first & 0x30 or self.inflater is None or opcode not in (_TEXT, _BINARY)
        ):
            raise ProtocolError(1002, "reserved bit set")
        if opcode >= 8:
            if opcode > 10:
                raise ProtocolError(1002, "unknown opcode")
            if first < 128:
                raise ProtocolError(1002, "fragmented control frame")
        elif opcode == 0:
            if not self._kind:
                raise ProtocolError(1002, "continuation of no message")
        elif opcode > 2:
            raise ProtocolError(1002, "unknown opcode")
        elif self._kind:
            raise ProtocolError(1002, "new message before the end of the last")
        self._first = first

    def _check_compressed_size(self, length: int) -> None:
        """What does not compress gets a little longer by it: the limit is for what comes out."""
        room = self.max_size - self._size
        compressed = self._compressed if self._kind else self._first & frames.RSV1 != 0
        if not compressed or length > room + room // 8 + 64:
            raise ProtocolError(1009, "message too big")

    def _begin_frame(self) -> None:
        """A frame that is not, or may not be, a whole message has begun."""
        self._phase = 0
        opcode = self._first & 15
        if opcode >= 8:
            self._control = b""
        elif opcode:
            self._kind = opcode
            self._compressed = self._first & frames.RSV1 != 0

    # --- payloads -------------------------------------------------------------------------------

    def _take_payload(self, data: bytes, size: int) -> int:
        """Take in what is here of the present frame; MORE if it ended without an event."""
        pos = self._pos
        end = pos + self._left
        if end > size:
            end = size
        control = self._first & 8
        if end > pos:
            piece = masking.cut(data, pos, end, self._masked, self._key, self._phase)
            self._pos = end
            self._left -= end - pos
            self._phase = (self._phase + end - pos) & 3
            if control:
                self._control = self._control + piece if self._control else piece
                if self._first == frames.CLOSE_FRAME:
                    self._check_close(self._control)
            else:
                self._add(piece)
        if self._left:
            return frames.NEED_DATA
        self._left = -1
        if control:
            return self._end_control()
        if self._first < 128:
            return frames.MORE
        return self._end_message()

    def _add(self, piece: bytes) -> None:
        """Add to the present message."""
        if self._compressed:
            piece = self.inflater.inflate(piece, self.max_size - self._size)
        self._keep(piece)

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if not piece:
            return
        if self._kind == _TEXT and (self._decoder is not None or not piece.isascii()):
            if self._decoder is None:
                self._decoder = _new_decoder()
            self._decoder.decode(piece)
            begun = self._decoder.getstate()[0]
            if len(begun) == 2 and begun[0] == 0xED and begun[1] >= 0xA0:
                # Half of a surrogate pair. Python waits for its third byte, which cannot help.
                raise ProtocolError(1007, "text that is not UTF-8")
        if self._whole is None:
            self._whole = piece
        else:
            if type(self._whole) is bytes:
                self._whole = bytearray(self._whole)
            self._whole += piece

    def _end_message(self) -> int:
        if self._compressed:
            self._keep(self.inflater.end_message(self.max_size - self._size))
        whole = self._whole
        if self._kind == _TEXT:
            if self._decoder is not None:
                # It has seen it all but may still wait for the rest of a character.
                self._decoder.decode(b"", True)
                self._decoder = None
            self.message = whole.decode("utf-8") if whole is not None else ""
        else:
            self.message = bytes(whole) if whole is not None else b""
        self._whole = None
        self._kind = 0
        self._size = 0
        return frames.MESSAGE

    def _check_close(self, payload: bytes) -> None:
        """Refuse a close code as soon as it is here, and its reason at the first wrong byte."""
        if len(payload) >= 2:
            code = payload[0] << 8 | payload[1]
            if not frames.is_close_code(code):
                raise ProtocolError(1002, "invalid close code")
            if len(payload) > 2:
                try:
                    _new_decoder().decode(payload[2:], not self._left)
                except UnicodeDecodeError:
                    raise ProtocolError(1007, "close reason that is not UTF-8") from None

    def _end_control(self) -> int:
        payload = self._control
        self._control = b""
        if self._first == frames.CLOSE_FRAME:
            if len(payload) == 1:
                raise ProtocolError(1002, "close frame with half a code")
            if payload:
                self.code = payload[0] << 8 | payload[1]
                self.reason = payload[2:].decode("utf-8")
            self.close()
            return frames.CLOSE
        self.message = payload
        return frames.PING if self._first == frames.PING_FRAME else frames.PONG


start_values(
    FrameParser,
    _pos=0,
    _tail=None,
    _closed=False,
    _key=0,
    _phase=0,
    _first=0,
    _kind=0,
    _compressed=False,
    _size=0,
    _whole=None,
    _decoder=None,
    message=None,
    code=0,
)
