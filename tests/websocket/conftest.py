"""Fixtures of the WebSocket tests: those of the wire tests."""

from tests.wire.conftest import logs, loop_kind, serve, start

__all__ = ["logs", "loop_kind", "serve", "start"]
