"""Metrics of requests for Prometheus; needs the package ``prometheus-client``.

::

    app = Application([(r"/", MainHandler), (r"/metrics", MetricsHandler)])
    count_requests(app)
"""

import os
from collections.abc import Sequence
from typing import Any, Final

import prometheus_client
from prometheus_client import multiprocess
from prometheus_client.exposition import choose_encoder

from whirlwind.web import Application, RequestHandler

#: Seconds; of what an application needs for a request, rather than a program for a job.
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# Clients choose methods: any number of them must not become any number of time series.
_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


def count_requests(
    app: Application,
    *,
    registry: Any = None,
    prefix: str = "http_server",
    buckets: Sequence[float] = BUCKETS,
) -> None:
    """Count an application's requests and measure how long they take, by handler and method.

    There are ``<prefix>_requests_total`` with the labels ``handler`` (the class), ``method`` and
    ``status``, and the histogram ``<prefix>_request_duration_seconds`` with the first two. A
    request counts when `Application.log_request` hears of it: at the end of its answer.

    :arg app: the application; its ``log_request`` is called afterwards as before.
    :arg registry: a ``CollectorRegistry``, the global one by default.
    :arg prefix: of the metrics' names.
    :arg buckets: upper limits, in seconds.
    :raises ValueError: the registry has metrics of these names already.
    """
    registry = prometheus_client.REGISTRY if registry is None else registry
    total = prometheus_client.Counter(
        f"{prefix}_requests",
        "Requests answered.",
        ("handler", "method", "status"),
        registry=registry,
    )
    duration = prometheus_client.Histogram(
        f"{prefix}_request_duration_seconds",
        "Seconds from a request's head to the end of its answer.",
        ("handler", "method"),
        buckets=buckets,
        registry=registry,
    )
    log_request = app.log_request
    # Finding a child by its labels takes longer than counting.
    children: dict[tuple[type, str, int], tuple[Any, Any]] = {}

    def count(handler: RequestHandler) -> None:
        request = handler.request
        method = request.method if request.method in _METHODS else "other"
        key = (type(handler), method or "other", handler.get_status())
        found = children.get(key)
        if found is None:
            name = f"{key[0].__module__}.{key[0].__qualname__}"
            found = children[key] = (
                total.labels(name, key[1], str(key[2])),
                duration.labels(name, key[1]),
            )
        found[0].inc()
        found[1].observe(max(0.0, request.request_time()))
        log_request(handler)

    app.log_request = count  # type: ignore[method-assign]


class MetricsHandler(RequestHandler):
    """The page that Prometheus asks for.

    With the environment variable ``PROMETHEUS_MULTIPROC_DIR`` it shows the sum over the processes
    that share that directory, as the workers of ``whirlwind serve`` do.
    """

    def initialize(self, registry: Any = None) -> None:
        """
        :arg registry: a ``CollectorRegistry``, the global one by default.
        """
        self._registry = registry

    def get(self) -> None:
        """Answer with all metrics, in the format that the client asks for."""
        registry = self._registry
        if registry is None:
            registry = prometheus_client.REGISTRY
            if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
                registry = prometheus_client.CollectorRegistry()
                collect: Any = multiprocess.MultiProcessCollector  # untyped
                collect(registry)
        encode, content_type = choose_encoder(self.request.headers.get("Accept", ""))
        self.set_header("Content-Type", content_type)
        self.set_header("Cache-Control", "no-store")
        self.write(encode(registry))
