"""Request ids, metrics and traces, as clients and programs see them."""

from __future__ import annotations

import asyncio
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from whirlwind import web
from whirlwind.log import access_log, app_log
from whirlwind.observability import RequestIdFilter, add_request_ids, request_id


class Hello(web.RequestHandler):
    async def get(self, word: str = "hello") -> None:
        await asyncio.sleep(0)
        if word == "fail":
            raise web.HTTPError(503)
        app_log.info("asked for %s", word)
        self.write(f"{word} {request_id()}")


def application() -> Any:
    return web.Application([(r"/", Hello), (r"/w/(.*)", Hello)], log_function=lambda handler: None)


# --- request ids --------------------------------------------------------------------------------


def test_each_request_has_an_id(start) -> None:
    app = application()
    add_request_ids(app)
    server = start(app)
    with server.connect() as connection:
        answers = [
            connection.request("/", fields={"X-Request-ID": "mine"}),
            connection.request("/"),
            connection.request("/w/fail"),
            connection.request("/none"),
        ]
    ids = [answer.get("X-Request-ID") for answer in answers]
    assert len(set(ids)) == 4
    assert all(re.fullmatch("[0-9a-f]{32}", one or "") for one in ids)
    assert answers[0].body == f"hello {ids[0]}".encode()
    assert request_id() is None


@pytest.mark.parametrize(
    ("given", "taken"),
    [("a-B_1.2:3", True), ("x" * 128, True), ("x" * 129, False), ("a b", False), ("<a>", False)],
)
def test_an_id_from_a_proxy(start, given, taken) -> None:
    app = application()
    add_request_ids(app, field="X-Trace", trusted=True)
    answer = start(app).request("/", fields={"X-Trace": given})
    assert (answer.get("X-Trace") == given) == taken
    assert answer.body == f"hello {answer.get('X-Trace')}".encode()


def test_a_handler_may_have_its_own(start) -> None:
    class Own(web.RequestHandler):
        def get(self) -> None:
            self.set_header("X-Request-ID", "own")

    app = web.Application([(r"/", Own)])
    add_request_ids(app)
    assert start(app).request("/").get_all("X-Request-ID") == ["own"]


def test_log_records_have_the_id(start) -> None:
    records: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    handler = Keep()
    handler.addFilter(RequestIdFilter())
    app = web.Application([(r"/", Hello)])
    add_request_ids(app)
    levels = [(logger, logger.level) for logger in (access_log, app_log)]
    for logger, _ in levels:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        one = start(app).request("/").get("X-Request-ID")
        app_log.info("outside")
    finally:
        for logger, level in levels:
            logger.removeHandler(handler)
            logger.setLevel(level)
    assert [(r.name.rpartition(".")[2], r.request_id) for r in records] == [
        ("application", one),
        ("access", one),
        ("application", "-"),
    ]


def test_nothing_is_loaded_that_nobody_asked_for() -> None:
    program = (
        "import sys, whirlwind.web\n"
        "assert not any(name.startswith('whirlwind.observability') for name in sys.modules)\n"
        "import whirlwind.observability\n"
        "assert 'prometheus_client' not in sys.modules and 'opentelemetry' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# --- metrics ------------------------------------------------------------------------------------


def test_metrics(start) -> None:
    prometheus = pytest.importorskip(
        "prometheus_client", reason="needs the package prometheus-client"
    )
    from whirlwind.observability.prometheus import MetricsHandler, count_requests

    logged: list[int] = []
    registry = prometheus.CollectorRegistry()
    app = web.Application(
        [(r"/", Hello), (r"/w/(.*)", Hello), (r"/metrics", MetricsHandler, {"registry": registry})],
        log_function=lambda handler: logged.append(handler.get_status()),
    )
    count_requests(app, registry=registry, prefix="web")
    server = start(app)
    for target in ("/", "/w/x", "/w/fail", "/none"):
        server.request(target)
    for method in ("BREW", "STEEP"):
        server.request("/", method)
    assert logged == [200, 200, 503, 404, 405, 405]  # as before

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    hello = f"{Hello.__module__}.Hello"
    requests = "web_requests_total"
    assert value(requests, handler=hello, method="GET", status="200") == 2
    assert value(requests, handler=hello, method="GET", status="503") == 1
    assert value(requests, handler=hello, method="other", status="405") == 2
    duration = "web_request_duration_seconds"
    assert value(f"{duration}_count", handler=hello, method="GET") == 3
    assert value(f"{duration}_sum", handler=hello, method="GET") > 0
    answer = server.request("/metrics")
    assert (answer.get("Content-Type") or "").startswith("text/plain")
    assert f'{requests}{{handler="{hello}",method="GET",status="200"}} 2.0'.encode() in answer.body
    fields = {"Accept": "application/openmetrics-text; version=1.0.0"}
    answer = server.request("/metrics", fields=fields)
    assert (answer.get("Content-Type") or "").startswith("application/openmetrics-text")
    assert answer.body.endswith(b"# EOF\n")
    with pytest.raises(ValueError, match="web_requests"):
        count_requests(app, registry=registry, prefix="web")


# --- traces -------------------------------------------------------------------------------------


@pytest.fixture
def spans() -> Iterator[tuple[Any, Any]]:
    """A provider of tracers, and what it has recorded."""
    pytest.importorskip("opentelemetry.sdk", reason="needs the package opentelemetry-sdk")
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider, exporter
    provider.shutdown()


def test_traces(start, spans) -> None:
    from opentelemetry import trace

    from whirlwind.observability.tracing import trace_handlers

    provider, exporter = spans

    class Traced(Hello):
        async def get(self, word: str = "hello") -> None:
            with trace.get_tracer("test", tracer_provider=provider).start_as_current_span("inner"):
                await super().get(word)

    app = web.Application([(r"/untraced", Hello), (r"/(.*)", Traced)])
    server = start(app)
    undo = trace_handlers(Traced, tracer_provider=provider)
    fields = {
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "User-Agent": "tester",
    }
    assert server.request("/word?q=1", fields=fields).status == 200
    assert server.request("/untraced").status == 200
    inner, outer = exporter.get_finished_spans()
    assert outer.name == "GET Traced"
    assert outer.kind is trace.SpanKind.SERVER
    assert format(outer.context.trace_id, "032x") == "0af7651916cd43dd8448eb211c80319c"
    assert format(outer.parent.span_id, "016x") == "b7ad6b7169203331"
    assert inner.parent.span_id == outer.context.span_id
    assert dict(outer.attributes) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "url.path": "/word",
        "url.query": "q=1",
        "server.address": "localhost",
        "client.address": "127.0.0.1",
        "network.protocol.version": "1.1",
        "user_agent.original": "tester",
    }
    exporter.clear()
    assert server.request("/fail").status == 503
    assert server.request("/", "BREW").status == 405
    broken, brewed, _ = sorted(exporter.get_finished_spans(), key=lambda s: s.name)
    assert [broken.name, brewed.name] == ["GET Traced", "HTTP Traced"]
    assert brewed.attributes["http.request.method"] == "_OTHER"
    assert broken.attributes["error.type"] == "503"
    assert broken.status.status_code is trace.StatusCode.ERROR
    exporter.clear()
    undo()
    assert server.request("/word").status == 200
    assert [span.name for span in exporter.get_finished_spans()] == ["inner"]


def test_traces_of_all_handlers(start, spans) -> None:
    from whirlwind.observability.tracing import trace_handlers

    provider, exporter = spans
    undo = trace_handlers(tracer_provider=provider)
    try:
        server = start(application())
        assert server.request("/").status == 200
        assert server.request("/none").status == 404
    finally:
        undo()
    assert [span.name for span in exporter.get_finished_spans()] == [
        "GET Hello",
        "GET ErrorHandler",
    ]
