"""What a program written for Tornado 4 is told: once for each kind of use, at its own line."""

import os
import sys
import warnings
from pathlib import Path
from types import FrameType

_OURS = str(Path(__file__).parent.parent) + os.sep

#: The kinds that have been warned of in this process.
_told: set[str] = set()


def warn(kind: str, advice: str) -> None:
    """Give one `DeprecationWarning` in this process for a kind of use, however often it is used.

    It points at the innermost line of the calling code that is not Whirlwind's.

    :arg kind: what was used, such as ``gen.engine`` or ``fetch(callback=)``.
    :arg advice: what to write instead, without a full stop.
    """
    if kind in _told:
        return
    _told.add(kind)
    frame = _caller()
    names = {} if frame is None else frame.f_globals
    warnings.warn_explicit(
        f"{kind} is a form of Tornado 4: {advice}",
        DeprecationWarning,
        "<unknown>" if frame is None else frame.f_code.co_filename,
        0 if frame is None else frame.f_lineno,
        module=names.get("__name__", "<unknown>"),
        registry=names.setdefault("__warningregistry__", {}),
    )


def _caller() -> FrameType | None:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith((_OURS, "<frozen ")):
        frame = frame.f_back
    return frame
