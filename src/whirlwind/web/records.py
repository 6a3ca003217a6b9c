"""Log records on their way to `logging`'s handlers.

What `Logger.handle` and what comes after it do to a record is a walk through 25 small methods, each
of which somebody may have replaced. Compiled, there is a way to know that nobody has
(`whirlwind.web.hooks`), and then the same is done here in one go for the logger, the stream and
file handlers and the formatter that Python comes with. For every other logger, handler or formatter
its own method is called, at the point where that has to happen.
"""

import logging
import os
from types import FunctionType
from typing import Any, Final

import whirlwind.web.hooks as hooks

_Logger: Final = logging.Logger
_StreamHandler: Final = logging.StreamHandler
_FileHandler: Final = logging.FileHandler
_Formatter: Final = logging.Formatter
_PercentStyle: Final = logging.PercentStyle
_default_formatter: Final = logging._defaultFormatter  # type: ignore[attr-defined]

#: The classes for which there is a short way, and the methods that it stands for.
_METHODS: Final[dict[type, tuple[str, ...]]] = {
    _Logger: ("isEnabledFor", "makeRecord", "handle", "filter", "callHandlers"),
    _StreamHandler: ("handle", "filter", "acquire", "release", "emit", "format", "flush"),
    _FileHandler: ("handle", "filter", "acquire", "release", "emit", "format", "flush"),
    _Formatter: ("format", "usesTime", "formatMessage"),
    _PercentStyle: ("usesTime", "format", "_format"),
    logging.LogRecord: ("__init__", "getMessage"),
}
_CLASSES: Final = tuple(_METHODS)
_SOURCE: Final = logging.getLogger.__code__.co_filename

# Who replaces a method of one instance adds an attribute to those that it had.
_LOGGER_SIZE: Final = len({*vars(_Logger("")), "manager"})
_STREAM_SIZE: Final = len(vars(_StreamHandler()))
_FILE_SIZE: Final = len(vars(_FileHandler(os.devnull, delay=True)))
_FORMATTER_SIZE: Final = len(vars(_Formatter()))
_STYLE_SIZE: Final = len(vars(_PercentStyle("%(message)s")))

#: Whether the states of classes can be told apart at all; making a logger gave its class a number.
_TELLS: Final = hooks.type_version(_Logger) != 0

_version = 0
_is_original = False


def are_original() -> bool:
    """Whether all methods that this module stands for are Python's own; False when not known."""
    global _version, _is_original
    if not _TELLS:
        return False
    version = 0
    for cls in _CLASSES:
        one = hooks.type_version(cls)
        if one == 0:
            getattr(cls, "__init__", None)  # a class gets a number when something is looked up
            one = hooks.type_version(cls)
            if one == 0:
                return False
        version += one  # each change of a class gives it a higher number than there was
    if version != _version:
        _is_original = _all_from_logging()
        _version = version
    return _is_original


def _all_from_logging() -> bool:
    for cls, names in _METHODS.items():
        for name in names:
            method: Any = getattr(cls, name)
            if type(method) is not FunctionType or method.__code__.co_filename != _SOURCE:
                return False
    return True


def is_enabled(logger: logging.Logger, level: int) -> bool:
    """`Logger.isEnabledFor`."""
    if type(logger) is _Logger and are_original() and len(logger.__dict__) == _LOGGER_SIZE:
        known = logger._cache.get(level)  # type: ignore[attr-defined]
        if known is not None:
            return bool(known) and not logger.disabled
    return logger.isEnabledFor(level)


def handle(logger: logging.Logger, record: logging.LogRecord, level: int) -> None:
    """`Logger.handle`.

    :arg record: with a message and its arguments, but without an exception or a stack.
    :arg level: the record's.
    """
    if (
        type(logger) is not _Logger
        or not are_original()
        or len(logger.__dict__) != _LOGGER_SIZE
        or logger.filters
        or logger.disabled
    ):
        logger.handle(record)
        return
    found = False
    node: Any = logger
    while node is not None:
        for handler in node.handlers:
            found = True
            if level >= handler.level:
                _pass_on(handler, record)
        node = node.parent if node.propagate else None
    if not found:
        logger.callHandlers(record)  # the handler of last resort


def _pass_on(handler: Any, record: Any) -> None:
    """`Handler.handle`."""
    text = None
    kind = type(handler)
    if kind is _StreamHandler or kind is _FileHandler:
        size = _STREAM_SIZE if kind is _StreamHandler else _FILE_SIZE
        state = handler.__dict__
        if (
            len(state) == size
            and not state["filters"]
            and state["lock"] is not None
            and state["stream"] is not None
        ):
            text = _formatted(state["formatter"], record)
    if text is None:
        handler.handle(record)
        return
    lock = handler.lock
    lock.acquire()
    try:
        stream = handler.stream
        stream.write(text + handler.terminator)
        if hasattr(stream, "flush"):
            stream.flush()
    except RecursionError:
        raise
    except Exception:
        handler.handleError(record)
    finally:
        lock.release()


def _formatted(formatter: Any, record: Any) -> Any:
    """`Formatter.format`; None where it takes another, or has something to complain about."""
    if formatter is None:
        formatter = _default_formatter
    if type(formatter) is not _Formatter or len(formatter.__dict__) != _FORMATTER_SIZE:
        return None
    style = formatter._style
    if type(style) is not _PercentStyle:
        return None
    state = style.__dict__
    if len(state) != _STYLE_SIZE or state["_defaults"]:
        return None
    template = state["_fmt"]
    values = record.__dict__
    # A handler before this one may have done what it likes to the record.
    if values["exc_info"] or values["exc_text"] or values["stack_info"]:
        return None
    try:
        message = str(values["msg"])
        values["message"] = message % values["args"] if values["args"] else message
        if style.asctime_search in template:
            values["asctime"] = formatter.formatTime(record, formatter.datefmt)
        return template % values
    except Exception:
        return None
