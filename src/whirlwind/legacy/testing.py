"""What is gone of `whirlwind.testing`."""

from __future__ import annotations

import logging
import unittest
from io import StringIO
from typing import Any

from whirlwind._public import claim
from whirlwind.legacy.warning import warn
from whirlwind.testing.setup import bind_unused_port


def get_unused_port() -> int:
    """A port that was free just now; another program may take it before you do."""
    warn("testing.get_unused_port", "use bind_unused_port, which keeps the port")
    sock, port = bind_unused_port()
    sock.close()
    return port


class LogTrapTestCase(unittest.TestCase):
    """A test case that shows what was logged only if it fails.

    Where logging has been configured to do something other than write to a stream, it does nothing.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        warn("testing.LogTrapTestCase", "leave it to the test runner, or use ExpectLog")

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        """Run the test with the output of logging held back."""
        root = logging.getLogger()
        if not root.handlers:
            logging.basicConfig()
        handler = root.handlers[0]
        if len(root.handlers) > 1 or not isinstance(handler, logging.StreamHandler):
            return super().run(result)
        if result is None:
            result = self.defaultTestResult()
        stream = handler.stream
        held = handler.stream = StringIO()
        failed = len(result.failures) + len(result.errors)
        try:
            super().run(result)
        finally:
            handler.stream = stream
            if len(result.failures) + len(result.errors) != failed:
                stream.write(held.getvalue())
        return result


claim("whirlwind.legacy", LogTrapTestCase, get_unused_port)
