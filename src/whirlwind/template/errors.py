"""What is wrong with a template, and where."""

from whirlwind._public import claim


class ParseError(Exception):
    """A template cannot be used as it is written.

    ``str()`` of it is the message with the file and the line (Tornado 4.3).

    :arg message: what is wrong.
    :arg filename: name of the template, None if it is not known.
    :arg lineno: number of the line in it, from 1; 0 if it is not known.
    """

    def __init__(self, message: str, filename: str | None = None, lineno: int = 0) -> None:
        super().__init__(message, filename, lineno)
        self.message = message
        self.filename = filename
        self.lineno = lineno

    def __str__(self) -> str:
        return f"{self.message} at {self.filename}:{self.lineno}"


class TemplateSyntaxError(ParseError, SyntaxError):  # type: ignore[misc] # lineno
    """The Python inside a tag of a template is no Python.

    A `SyntaxError` too, as which Tornado reports it; but this one tells the line of the template.

    :arg code: the Python.

    :ivar assigning: expressions of the template that are assignments, and so would be right as
        statements.
    """

    assigning: frozenset[str] = frozenset()

    def __init__(self, message: str, filename: str, lineno: int, code: str) -> None:
        super().__init__(message, filename, lineno)
        self.msg = message
        self.text: str = code.strip().partition("\n")[0]

    def __reduce__(self) -> tuple[type["TemplateSyntaxError"], tuple[str, str | None, int, str]]:
        return type(self), (self.message, self.filename, self.lineno, self.text or "")


claim("whirlwind.template", ParseError)
