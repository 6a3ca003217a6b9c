"""The exceptions with which a handler ends a request."""

from collections.abc import Mapping
from copyreg import __newobj__  # type: ignore[attr-defined]
from typing import Any

from whirlwind._public import claim
from whirlwind.httputil.urls import reason_phrase


class HTTPError(Exception):
    """Ends the request with an error status; :meth:`RequestHandler.send_error` makes the page.

    ``raise HTTPError(403, "user %s may not delete", user)`` sends a plain 403 and logs the message,
    which the client does not see. Copies and pickles keep all of it (Tornado 4.3).

    :arg status_code: int, the status.
    :arg log_message: str for the log, may contain ``%`` fields for ``args``; without ``args`` it is
        taken as it is (Tornado 6.5).
    :arg args: values for ``log_message``.
    :arg kwargs: ``reason``, str: phrase for the status line instead of the standard one; anything
        else is ignored.

    :ivar status_code: as given.
    :ivar reason: as given, or None.
    """

    def __init__(
        self,
        status_code: int = 500,
        log_message: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args)
        self.status_code = status_code
        self._log_message = log_message
        self.reason: str | None = kwargs.get("reason")

    @property
    def log_message(self) -> str | None:
        """The message as a format for ``args``; :meth:`get_message` is more useful."""
        message = self._log_message
        if message and not self.args:
            return message.replace("%", "%%")
        return message

    @log_message.setter
    def log_message(self, message: str | None) -> None:
        self._log_message = message

    def get_message(self) -> str | None:
        """The message with its values filled in, None if there is none (Tornado 6.5).

        Never raises: a format that does not fit its values is shown beside them.
        """
        message, args = self._log_message, self.args
        if not message or not args:
            return message
        # As logging does: a lone mapping is for fields with names.
        lone = len(args) == 1 and isinstance(args[0], Mapping) and args[0]
        try:
            return message % (args[0] if lone else args)
        except Exception as error:
            return f"{message!r} % {args!r} ({type(error).__name__})"

    def __str__(self) -> str:
        reason = self.reason or reason_phrase(self.status_code)
        message = self.get_message()
        text = f"HTTP {self.status_code:d}: {reason}"
        return f"{text} ({message})" if message else text

    def __reduce__(self) -> tuple[Any, ...]:
        # Without __init__, whose arguments subclasses change.
        return __newobj__, (type(self), *self.args), self.__dict__


class MissingArgumentError(HTTPError):
    """The client left out an argument that the handler asked for without a default: 400.

    :arg arg_name: name of the argument; also an attribute.
    """

    def __init__(self, arg_name: str) -> None:
        super().__init__(400, f"Missing argument {arg_name}")
        self.arg_name = arg_name


class Finish(Exception):
    """Ends the request quietly, as it stands; nothing is logged and no error page is made.

    What has been written so far is sent. ``raise Finish(chunk)`` passes the chunk to
    :meth:`RequestHandler.finish` (Tornado 4.3).
    """


claim("whirlwind.web", HTTPError, MissingArgumentError, Finish)
