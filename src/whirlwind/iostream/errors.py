"""What streams raise."""

from __future__ import annotations

from whirlwind._public import claim


class StreamClosedError(OSError):
    """The stream is closed, or was while somebody waited for it.

    :arg real_error: the error that closed it; None if it was closed in good order. Also an
        attribute.
    """

    def __init__(self, real_error: BaseException | None = None) -> None:
        super().__init__("Stream is closed")
        self.real_error = real_error

    def __str__(self) -> str:
        text = super().__str__()
        return text if self.real_error is None else f"{text}: {self.real_error}"


class UnsatisfiableReadError(Exception):
    """What was to be read did not come within ``max_bytes``. The stream is closed with it."""


class StreamBufferFullError(Exception):
    """A buffer of the stream reached its limit."""


claim("whirlwind.iostream", StreamClosedError, UnsatisfiableReadError, StreamBufferFullError)
