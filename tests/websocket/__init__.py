"""WebSocket tests: the core over vectors, servers and clients over raw frames, other peers."""

import pytest

for _module in ("frames", "cases", "peer"):
    pytest.register_assert_rewrite(f"{__name__}.{_module}")
