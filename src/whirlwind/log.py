"""Loggers and a compact, optionally coloured log format (Tornado's ``log``).

Three loggers, so that each can be silenced or sent elsewhere on its own:

* ``whirlwind.access``: one line for each request served;
* ``whirlwind.application``: errors of the application's own code, with their traceback;
* ``whirlwind.general``: everything else the library has to say, such as a malformed request.

Under ``install_as_tornado`` they are ``tornado.access`` and so on, and only those.
They carry no handler; without any configuration Python's last resort prints warnings and errors.
"""

import importlib
import logging
import sys
from types import ModuleType
from typing import Any, Final

from whirlwind import _public
from whirlwind._public import claim

__all__ = [
    "LogFormatter",
    "access_log",
    "app_log",
    "define_logging_options",
    "enable_pretty_logging",
    "gen_log",
]

curses: ModuleType | None
colorama: ModuleType | None

access_log: Final = logging.getLogger(f"{_public.logger_root}.access")
app_log: Final = logging.getLogger(f"{_public.logger_root}.application")
gen_log: Final = logging.getLogger(f"{_public.logger_root}.general")

#: The line that the access log has for a finished request: status, request, milliseconds.
ACCESS_LINE: Final = "%d %s %.2fms"

#: ECMA-48 colours for terminals that ``colorama`` translates (Windows).
_ANSI_COLOR = "\033[2;3{:d}m"
_ANSI_NORMAL = "\033[0m"


def __getattr__(name: str) -> ModuleType | None:
    # Imported once there is a terminal to be coloured, or somebody asks; None where missing.
    if name not in ("curses", "colorama"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module: ModuleType | None = None
    try:
        module = importlib.import_module(name)
    except ImportError:
        pass
    globals()[name] = module
    return module


def _optional(name: str) -> Any:
    return getattr(sys.modules[__name__], name)


def _stderr_colors() -> tuple[str, str] | None:
    """The pair (foreground capability, reset sequence) of the terminal behind ``sys.stderr``.

    The capability is empty where the terminal is Windows' own, which ``colorama`` emulates.
    None when it is no terminal, or one without colours.
    """
    try:
        if not sys.stderr.isatty():
            return None
    except (AttributeError, ValueError):  # replaced by something that is no file, or closed
        return None
    curses = _optional("curses")
    if curses is not None:
        try:
            curses.setupterm()
            if curses.tigetnum("colors") > 0:
                foreground = curses.tigetstr("setaf") or curses.tigetstr("setf") or b""
                normal = curses.tigetstr("sgr0") or b""
                if foreground:
                    return foreground.decode("ascii"), normal.decode("ascii")
        except Exception:
            # Unknown terminal or broken terminfo: curses.error, but also TypeError and OSError from
            # streams without a file descriptor. Logging must start anyway.
            return None
    # `colorama.initialise.wrapped_stderr` is set once the program has called colorama.init().
    initialise = getattr(_optional("colorama"), "initialise", None)
    if initialise is not None and sys.stderr is getattr(initialise, "wrapped_stderr", object()):
        return "", _ANSI_NORMAL
    return None


class LogFormatter(logging.Formatter):
    """Format one record as ``[I 261122 17:00:01 module:12] message``.

    Lines after the first, tracebacks included, are indented by four blanks, so that text from a
    client can not pass for a log line of its own. A message that can not be put together is logged
    as such and raises nothing. Byte strings show as their repr.

    :arg fmt: the format; it may use ``%(color)s`` and ``%(end_color)s`` besides the attributes of
        :class:`logging.LogRecord`.
    :arg datefmt: :func:`time.strftime` format of ``%(asctime)s``.
    :arg style: ``%``, ``{`` or ``$``: how ``fmt`` is written; the default format is always ``%``.
    :arg color: colour the part between ``color`` and ``end_color`` when ``sys.stderr`` is a
        terminal that can.
    :arg colors: log level to terminal colour number.

    Argument order of Tornado 4.5 and newer.
    """

    DEFAULT_FORMAT = (
        "%(color)s[%(levelname)1.1s %(asctime)s %(module)s:%(lineno)d]%(end_color)s %(message)s"
    )
    DEFAULT_DATE_FORMAT = "%y%m%d %H:%M:%S"
    DEFAULT_COLORS = {
        logging.DEBUG: 4,
        logging.INFO: 2,
        logging.WARNING: 3,
        logging.ERROR: 1,
        logging.CRITICAL: 5,
    }

    def __init__(
        self,
        fmt: str = DEFAULT_FORMAT,
        datefmt: str = DEFAULT_DATE_FORMAT,
        style: str = "%",
        color: bool = True,
        colors: dict[int, int] = DEFAULT_COLORS,
    ) -> None:
        if fmt is self.DEFAULT_FORMAT:
            style = "%"
        super().__init__(fmt, datefmt, style, validate=False)  # type: ignore[arg-type]
        self._percent_style = style == "%"
        self._colors: dict[int, str] = {}
        self._normal = ""
        terminal = _stderr_colors() if color else None
        if terminal is None:
            return
        foreground, self._normal = terminal
        for level, number in colors.items():
            if foreground:
                code = _optional("curses").tparm(foreground.encode("ascii"), number).decode("ascii")
            else:
                code = _ANSI_COLOR.format(number)
            self._colors[level] = code

    def format(self, record: Any) -> str:
        """Render a record.

        :arg record: a :class:`logging.LogRecord`.
        :returns: the line or lines, without a final line end.
        """
        try:
            message = record.getMessage()
        except Exception as error:
            message = f"Bad message ({error!r}): {record.__dict__!r}"
        record.message = message
        record.asctime = self.formatTime(record, self.datefmt)
        if record.levelno in self._colors:
            record.color = self._colors[record.levelno]
            record.end_color = self._normal
        else:
            record.color = record.end_color = ""
        text: str
        if self._percent_style:
            # Not through logging's style object: subclasses assign `_fmt`.
            text = (self._fmt or "") % record.__dict__
        else:
            text = self.formatMessage(record)
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            text = f"{text.rstrip()}\n{record.exc_text}"
        if record.stack_info:
            text = f"{text.rstrip()}\n{self.formatStack(record.stack_info)}"
        return text.replace("\n", "\n    ")


def _file_handler(options: Any) -> logging.Handler:
    """The rotating file handler that the ``log_*`` options describe."""
    from logging import handlers  # with pickle, a queue and sockets: not for every program

    mode = options.log_rotate_mode
    if mode == "size":
        return handlers.RotatingFileHandler(
            filename=options.log_file_prefix,
            maxBytes=options.log_file_max_size,
            backupCount=options.log_file_num_backups,
            encoding="utf-8",
        )
    if mode == "time":
        return handlers.TimedRotatingFileHandler(
            filename=options.log_file_prefix,
            when=options.log_rotate_when,
            interval=options.log_rotate_interval,
            backupCount=options.log_file_num_backups,
            encoding="utf-8",
        )
    raise ValueError(f'option log_rotate_mode is {mode!r}; set it to "size" or "time"')


def _formatters(options: Any) -> tuple[logging.Formatter, logging.Formatter]:
    """What formats for files, and what for terminals."""
    # Objects that stand in for the options may be as old as Tornado's.
    if getattr(options, "log_json", False):
        formatter: logging.Formatter = importlib.import_module("whirlwind.jsonlog").JSONFormatter()
        return formatter, formatter
    return LogFormatter(color=False), LogFormatter()


def enable_pretty_logging(options: Any = None, logger: logging.Logger | None = None) -> None:
    """Send log records where the command line says, in :class:`LogFormatter`'s format or as JSON.

    ``parse_command_line`` and ``parse_config_file`` of ``options`` call this by themselves. Nothing
    is touched when the option ``logging`` is ``none`` or None.

    :arg options: object with the attributes that :func:`define_logging_options` defines; None takes
        ``whirlwind.options.options``.
    :arg logger: logger to configure; None is the root logger.
    :raises ValueError: an option has a value that means nothing.
    """
    if options is None:
        options = importlib.import_module("whirlwind.options").options
    if options.logging is None or options.logging.lower() == "none":
        return
    if logger is None:
        logger = logging.getLogger()
    level = logging.getLevelNamesMapping().get(options.logging.upper())
    if level is None:
        raise ValueError(
            f"option logging is {options.logging!r}; set it to debug, info, warning, error or none"
        )
    logger.setLevel(level)
    plain, colored = _formatters(options)
    if options.log_file_prefix:
        file_handler = _file_handler(options)
        file_handler.setFormatter(plain)
        logger.addHandler(file_handler)
    to_stderr = options.log_to_stderr
    if to_stderr or (to_stderr is None and not logger.handlers):
        stderr_handler = logging.StreamHandler()
        stderr_handler.setFormatter(colored)
        logger.addHandler(stderr_handler)


def define_logging_options(options: Any = None) -> None:
    """Define the logging options, and set logging up once the command line has been parsed.

    :arg options: an ``OptionParser`` to define them on; None takes ``whirlwind.options.options``,
        which has them already.
    """
    if options is None:
        options = importlib.import_module("whirlwind.options").options
    options.define(
        "logging",
        default="info",
        metavar="debug|info|warning|error|none",
        help="Lowest level that is logged; 'none' leaves Python's logging configuration alone",
    )
    options.define(
        "log_to_stderr",
        type=bool,
        default=None,
        help="Log to stderr, in colour on a terminal; unless given, only when nothing else "
        "takes the log",
    )
    options.define(
        "log_file_prefix",
        type=str,
        default=None,
        metavar="PATH",
        help="Log to this file as well, and rotate it; give each process its own, for instance "
        "with the port number in the name",
    )
    options.define(
        "log_file_max_size",
        type=int,
        default=100 * 1000 * 1000,
        help="Bytes of a log file at which it is rotated",
    )
    options.define(
        "log_file_num_backups", type=int, default=10, help="Number of rotated files to keep"
    )
    options.define(
        "log_rotate_when",
        type=str,
        default="midnight",
        help="Unit of log_rotate_interval: S, M, H, D, W0-W6 or midnight",
    )
    options.define(
        "log_rotate_interval", type=int, default=1, help="Rotate after this many units of time"
    )
    options.define(
        "log_rotate_mode", type=str, default="size", help="Rotate by 'size' or by 'time'"
    )
    options.define(
        "log_json",
        type=bool,
        default=False,
        help="Log JSON, one object a line, instead of text",
    )
    options.add_parse_callback(lambda: enable_pretty_logging(options))


claim("whirlwind.log", LogFormatter, enable_pretty_logging, define_logging_options)
