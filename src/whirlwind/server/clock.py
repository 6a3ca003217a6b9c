"""The time of day. ``clock.pxd`` asks the same clock without a call through the interpreter."""

import time
from typing import Final

#: Seconds since the epoch.
wall: Final = time.time
