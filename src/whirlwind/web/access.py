"""The access log: one line for each finished request, exactly as ``logging`` is configured.

Most of what `logging` does to make a record is to find out what is the same for every request: who
logs, on which thread, in which process, and what the level is called. So one record is made for
each level, and the others are copies of it for as long as nobody has changed how records are made.
The message is put together by those who read it, and everything that happens to a record is up to
`logging` and its handlers.
"""

import logging
import os
import sys
import time
from asyncio import current_task
from threading import _active as _threads  # type: ignore[attr-defined]
from threading import current_thread, get_ident
from types import CodeType
from typing import Any, Final

import whirlwind.httputil.fresh as fresh
from whirlwind.log import ACCESS_LINE, access_log
from whirlwind.web.records import handle, is_enabled
from whirlwind.web.response import CAN_KNOW, SUMMARY, ResponseBase, request_summary
from whirlwind.web.storage import ApplicationStorage, settings_of

_INFO: Final = logging.INFO
_WARNING: Final = logging.WARNING
_ERROR: Final = logging.ERROR
_FORMAT: Final = ACCESS_LINE
_SUMMARY: Final = SUMMARY
_CAN_KNOW: Final = CAN_KNOW

_now: Final = time.time
_LogRecord: Final = logging.LogRecord
_make_record: Final = logging.Logger.makeRecord
_init_record: Final = logging.LogRecord.__init__
_level_names: Final[dict[int, str]] = logging._levelToName
_KNOWS_TASKS: Final = hasattr(logging, "logAsyncioTasks")

# Where every record says that it comes from.
_path = ""
_line = 0
# The attributes of a record by level: those that are the same for all.
_templates: dict[int, dict[str, Any]] = {}


def log_request(app: ApplicationStorage, handler: Any) -> None:
    """`Application.log_request`."""
    settings = settings_of(app) if _CAN_KNOW else app.settings
    log_function = settings.get("log_function")
    if log_function is not None:
        log_function(handler)
        return
    usual: ResponseBase | None = handler if issubclass(type(handler), ResponseBase) else None
    if _CAN_KNOW and usual is not None and usual._ww_original & _SUMMARY:
        status = usual._status_code
    else:
        usual = None
        status = handler.get_status()
    level = _INFO if status < 400 else _WARNING if status < 500 else _ERROR
    if not is_enabled(access_log, level):
        return
    summary = handler._request_summary() if usual is None else request_summary(usual)
    elapsed = 1000.0 * (_now() - handler.request._start_time)
    args = (status, summary, elapsed)
    if (
        type(access_log) is logging.Logger
        and logging.Logger.makeRecord is _make_record
        and "makeRecord" not in access_log.__dict__
        and logging._logRecordFactory is _LogRecord  # type: ignore[attr-defined]
        and _LogRecord.__init__ is _init_record
        and logging.logThreads
        and logging.logMultiprocessing
        and logging.logProcesses
        and (not _KNOWS_TASKS or logging.logAsyncioTasks)  # type: ignore[attr-defined]
    ):
        record = _copied_record(level, args)
    else:
        record = _new_record(level, args)
    handle(access_log, record, level)


def _new_record(level: int, args: Any) -> logging.LogRecord:
    """What `Logger.log` does, but for walking up the stack to find out who calls."""
    return access_log.makeRecord(
        access_log.name, level, _path, _line, _FORMAT, args, None, "log_request"
    )


def _copied_record(level: int, args: Any) -> logging.LogRecord:
    """The same, for less."""
    template = _templates.get(level)
    if (
        template is None
        or template["levelname"] != _level_names.get(level)
        or template["name"] != access_log.name
    ):
        template = _templates[level] = vars(_new_record(level, ())).copy()
    values = template.copy()
    values["args"] = args
    created = time.time()
    values["created"] = created
    values["msecs"] = int((created - int(created)) * 1000) + 0.0
    # From the same start as that of the template, whatever `logging` takes it from.
    values["relativeCreated"] = template["relativeCreated"] + 1000 * (created - template["created"])
    ident = get_ident()
    thread = _threads.get(ident)
    values["thread"] = ident
    values["threadName"] = (current_thread() if thread is None else thread).name
    multiprocessing: Any = sys.modules.get("multiprocessing")
    if multiprocessing is not None:
        try:
            values["processName"] = multiprocessing.current_process().name
        except AttributeError:  # another thread is just importing it
            pass
    if _KNOWS_TASKS:
        try:
            task = current_task()
        except RuntimeError:  # not in a loop
            task = None
        values["taskName"] = None if task is None else task.get_name()
    record: logging.LogRecord = fresh.instance(_LogRecord)
    record.__dict__ = values
    return record


def say_where(code: CodeType) -> None:
    """Let records come from the function that programs know.

    :arg code: the code of `Application.log_request`.
    """
    global _path, _line
    _path = code.co_filename
    _line = code.co_firstlineno
    _templates.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_templates.clear)  # another process
