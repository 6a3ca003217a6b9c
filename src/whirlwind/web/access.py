"""The access log: one line for each finished request, exactly as ``logging`` is configured."""

import logging
import time
from typing import Any, Final

from whirlwind.log import ACCESS_LINE, access_log

_INFO: Final = logging.INFO
_WARNING: Final = logging.WARNING
_ERROR: Final = logging.ERROR
_FORMAT: Final = ACCESS_LINE

# The line that every record claims to come from: where makeRecord() is called below.
_LINE: Final = 40

_now: Final = time.time


class AccessLog:
    """The part of `Application` that logs requests."""

    settings: dict[str, Any]

    def _ww_log_request(self, handler: Any) -> None:
        """`Application.log_request`."""
        log_function = self.settings.get("log_function")
        if log_function is not None:
            log_function(handler)
            return
        status = handler.get_status()
        level = _INFO if status < 400 else _WARNING if status < 500 else _ERROR
        if not access_log.isEnabledFor(level):
            return
        request = handler.request
        elapsed = 1000.0 * (_now() - request._start_time)
        # What Logger.log() does, but for walking up the stack to find out who called: the answer is
        # always this line.
        access_log.handle(
            access_log.makeRecord(
                access_log.name,
                level,
                __file__,
                _LINE,
                _FORMAT,
                (status, handler._request_summary(), elapsed),
                None,
                "log_request",
            )
        )
