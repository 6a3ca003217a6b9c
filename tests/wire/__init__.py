"""Wire-level tests: raw bytes in, raw bytes out, verdicts from ``tests/vectors``."""

import pytest

for _module in ("core", "raw", "server", "sockets"):
    pytest.register_assert_rewrite(f"{__name__}.{_module}")
