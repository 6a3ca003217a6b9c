"""`ExpectLog`: log records that a test provokes on purpose."""

import logging
import re
import warnings
from types import TracebackType
from typing import Any

from whirlwind.log import app_log


class ExpectLog(logging.Filter):
    """Expect a log record within a ``with`` block, and keep it out of the output.

    ::

        with ExpectLog(app_log, "Uncaught exception"):
            self.fetch("/broken")

    Only records made on that very logger are seen, not those of loggers below it.

    :arg logger: the logger or its name; the empty name is the root logger.
    :arg regex: regular expression, a string or compiled, that the beginning of the formatted
        message matches. What does not match is logged as usual.
    :arg required: raise when the block ends and nothing matched.
    :arg level: the level the record must have; one that matches at another level is logged and
        does not count. The logger lets this level through within the block (Tornado 6.1). Without
        it any level will do, but `logging.INFO` and below are deprecated (Tornado 6.3).

    Attributes, also after the block:

    * ``matched``: how many records matched;
    * ``logged_stack``: whether any record of the logger, matching or not, had a traceback
      (Tornado 4.3);
    * ``deprecated_level_matched``: how many matched at `logging.INFO` or below without a ``level``.
    """

    matched: int
    deprecated_level_matched: int
    logged_stack: bool

    def __init__(
        self,
        logger: logging.Logger | str,
        regex: str | re.Pattern[str],
        required: bool = True,
        level: int | None = None,
    ) -> None:
        super().__init__()
        self.logger: logging.Logger = (
            logging.getLogger(logger) if isinstance(logger, str) else logger
        )
        self.regex: re.Pattern[str] = re.compile(regex)
        self.required = required
        self.matched = 0
        self.deprecated_level_matched = 0
        self.logged_stack = False
        self.level = level
        #: The logger's level to return to, None while it is its own.
        self.orig_level: int | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Look at one record; returns False if it was expected, so that it goes no further."""
        if record.exc_info:
            self.logged_stack = True
        try:
            message = record.getMessage()
        except Exception:
            return True  # Arguments that do not fit the message: the log handlers say so.
        if not self.regex.match(message):
            return True
        if self.level is None:
            if record.levelno <= logging.INFO:
                self.deprecated_level_matched += 1
        elif record.levelno != self.level:
            app_log.warning(
                "Got expected log message %r at unexpected level (%s vs %s)",
                message,
                logging.getLevelName(self.level),
                record.levelname,
            )
            return True
        self.matched += 1
        return False

    def __enter__(self) -> "ExpectLog":
        if self.level is not None and not self.logger.isEnabledFor(self.level):
            self.orig_level = self.logger.level
            self.logger.setLevel(self.level)
        self.logger.addFilter(self)
        return self

    def __exit__(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.logger.removeFilter(self)
        if self.orig_level is not None:
            self.logger.setLevel(self.orig_level)
            self.orig_level = None
        if typ is not None:
            return
        if self.required and not self.matched:
            raise AssertionError(
                f"did not get expected log message {self.regex.pattern!r} "
                f"on logger {self.logger.name!r}"
            )
        if self.required and self.deprecated_level_matched:
            warnings.warn(
                f"ExpectLog matched {self.regex.pattern!r} at level INFO or below: "
                "say so with its level argument",
                DeprecationWarning,
                stacklevel=2,
            )

    def __repr__(self) -> str:
        expected: dict[str, Any] = {"logger": self.logger.name, "regex": self.regex.pattern}
        return f"{type(self).__name__}({expected})"
