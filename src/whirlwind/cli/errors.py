"""What ends the command: bad input, and applications that do not start."""

from typing import Final

#: Exit statuses: the application failed; what the user typed or configured is wrong.
FAILED: Final = 1
BAD_INPUT: Final = 2


class CommandError(Exception):
    """The command can not go on.

    :arg message: one line that names what is wrong and what to do.
    :arg status: exit status of the command.
    :arg details: lines to show before the message, such as the application's traceback.
    """

    def __init__(self, message: str, status: int = BAD_INPUT, details: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.details = details
