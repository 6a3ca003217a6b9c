"""Log records as JSON, one object a line, for programs that collect logs.

``--log_json`` on the command line has everything logged so; without `options`::

    handler = logging.StreamHandler()
    handler.setFormatter(jsonlog.JSONFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
"""

import datetime
import json
import logging
import re
from typing import Any

from whirlwind._public import claim
from whirlwind.log import ACCESS_LINE, access_log

__all__ = ["JSONFormatter"]

#: What every record has; anything else came with ``extra=``.
_ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
#: A request, as the access log sums it up unless an application does it in its own way.
_SUMMARY = re.compile(r"(\S+) (\S+) \((.*)\)")


class JSONFormatter(logging.Formatter):
    """Format one record as an object of these members:

    * ``time``: UTC, in ISO 8601 with milliseconds; ``level``, in lower case; ``logger``, its name;
    * ``message``; for other loggers than the access log ``source``, as ``module:line``;
    * ``exception`` and ``stack``: traceback and stack, if the record has them;
    * of a finished request ``status``, ``method``, ``uri``, ``remote_ip`` and ``duration_ms``, or
      ``request`` in place of the three in the middle when ``RequestHandler._request_summary`` is
      not the original;
    * whatever the call that logged gave as ``extra``.

    Nothing but ASCII comes out, and no line end: a client that writes into the log gets no line of
    its own.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Render a record, without a final line end."""
        try:
            message = record.getMessage()
        except Exception as error:
            message = f"Bad message ({error!r}): {record.msg!r} with {record.args!r}"
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        told: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
        }
        if record.name == access_log.name and record.msg is ACCESS_LINE:
            told.update(_request(record.args))
        else:
            told["source"] = f"{record.module}:{record.lineno}"
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            told["exception"] = record.exc_text
        if record.stack_info:
            told["stack"] = self.formatStack(record.stack_info)
        for name, value in vars(record).items():
            if name not in _ORDINARY:
                told.setdefault(name, value)
        try:
            return json.dumps(told, default=repr, allow_nan=False)
        except (TypeError, ValueError):
            plain = {name: _plain(value) for name, value in told.items()}
            return json.dumps(plain, default=repr)


def _request(args: Any) -> dict[str, Any]:
    status, summary, elapsed = args
    match = _SUMMARY.fullmatch(summary)
    if match is None:
        request = {"request": summary}
    else:
        request = dict(zip(("method", "uri", "remote_ip"), match.groups(), strict=True))
    return {"status": status, **request, "duration_ms": round(elapsed, 3)}


def _plain(value: Any) -> Any:
    """The value, or its repr if JSON has no such thing: keys but strings, circles, infinity."""
    try:
        json.dumps(value, default=repr, allow_nan=False)
    except (TypeError, ValueError):
        return repr(value)
    return value


claim("whirlwind.jsonlog", JSONFormatter)
