"""Seeing what an application does: request ids, metrics for Prometheus, traces for OpenTelemetry.

Each is put on an application, or on handlers, by one call, and works through hooks that are open to
everybody; without that call nothing of it is imported or looked at. `prometheus` and `tracing` need
a package each, and so are imported by their own names.
"""

from whirlwind.observability.request_ids import RequestIdFilter, add_request_ids, request_id

__all__ = ["RequestIdFilter", "add_request_ids", "request_id"]
