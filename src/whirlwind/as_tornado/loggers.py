"""The loggers under the names that Tornado's applications configure."""

import logging
from typing import Any

from whirlwind.as_tornado.alias import OURS, THEIRS

_NAMES = ("", ".access", ".application", ".general")  # a parent before its children


def rename_loggers() -> None:
    """Call the loggers that exist already ``tornado``, ``tornado.access`` and so on.

    Modules hold these objects, so it is the objects that change their names. They do not keep the
    old ones too: ``logging.config`` disables every logger that it finds under a name it was not
    told of.
    """
    known: dict[str, Any] = logging.root.manager.loggerDict
    for name in _NAMES:
        logger = known.pop(OURS + name, None)
        if isinstance(logger, logging.Logger):
            _rename(logger, THEIRS + name)


def _rename(logger: logging.Logger, name: str) -> None:
    """Give a logger another name, its place among the loggers, and what was configured for it."""
    configured = logging.getLogger(name)
    logger.name = configured.name
    logger.parent = configured.parent
    logger.level = configured.level or logger.level
    logger.handlers += [each for each in configured.handlers if each not in logger.handlers]
    logger.filters += [each for each in configured.filters if each not in logger.filters]
    logger.propagate = logger.propagate and configured.propagate
    logger.disabled = logger.disabled or configured.disabled
    logging.root.manager.loggerDict[name] = logger
    # Others may hold the object that had the name, and its children do: the two share their state.
    configured.__dict__ = logger.__dict__
    logger.setLevel(logger.level)  # drops what the loggers remember about levels
