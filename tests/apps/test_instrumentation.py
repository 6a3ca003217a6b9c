"""What sentry-sdk, elastic-apm and OpenTelemetry record of handlers: the same as from Tornado."""

import json
from pathlib import Path
from typing import Any

import pytest

from .running import Environment

#: What is asked of handlers, one that waits and one that fails, under each instrumentation.
PROGRAM = """\
import asyncio, contextlib, json, sys
{setup}

import tornado.httpclient, tornado.httpserver, tornado.netutil, tornado.web

class Good(tornado.web.RequestHandler):
    async def get(self):
        with inside():
            await asyncio.sleep(0)
        self.write("good")

class Bad(tornado.web.RequestHandler):
    def get(self):
        raise ZeroDivisionError("of the test")

    post = get

async def main():
    application = tornado.web.Application([("/good", Good), ("/bad", Bad)])
    sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
    tornado.httpserver.HTTPServer(application).add_sockets(sockets)
    base = f"http://127.0.0.1:{{sockets[0].getsockname()[1]}}"
    client = tornado.httpclient.AsyncHTTPClient()
    for path, options in requests.items():
        await client.fetch(base + path, raise_error=False, **options)
    for record in records():
        print(json.dumps(record | {{"module": sys.modules["tornado.web"].__name__}}))

asyncio.run(main())
"""

SENTRY = """\
import sentry_sdk
from sentry_sdk.integrations.tornado import TornadoIntegration
from sentry_sdk.transport import Transport

caught = []

class Keep(Transport):
    def capture_envelope(self, envelope):
        for item in envelope.items:
            if item.headers["type"] in ("event", "transaction"):
                caught.append(item.payload.json)

sentry_sdk.init(
    dsn="http://key@localhost/1", transport=Keep, integrations=[TornadoIntegration()],
    traces_sample_rate=1.0, default_integrations=False,
)

inside = contextlib.nullcontext
requests = {
    "/good?a=1": {},
    "/bad": {
        "method": "POST", "body": b'{"of": "test"}', "headers": {"Content-Type": "application/json"}
    },
}

def records():
    for event in caught:
        request = event.get("request", {})
        exceptions = event.get("exception", {}).get("values", [])
        yield {
            "kind": event.get("type", "event"), "transaction": event["transaction"],
            "method": request.get("method"), "query": request.get("query_string"),
            "path": request["url"].partition("127.0.0.1:")[2].partition("/")[2],
            "data": request.get("data"),
            "exceptions": [[one["type"], one["value"], one["mechanism"]["type"]]
                for one in exceptions],
            "status": event.get("contexts", {}).get("trace", {}).get("status"),
            "op": event.get("contexts", {}).get("trace", {}).get("op"),
        }
"""

# Its methods are wrapped by wrapt, and its client is the application's.
ELASTIC_APM = """\
import elasticapm
from elasticapm.conf.constants import ERROR, TRANSACTION
from elasticapm.contrib.tornado import ElasticAPM
import tornado.web

caught = []

class Keep(elasticapm.Client):
    def queue(self, event_type, data, flush=False):
        caught.append((event_type, data))

class Application(tornado.web.Application):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        ElasticAPM(self, client=Keep(
            service_name="test", central_config=False, cloud_provider="none", metrics_interval="0s",
        ))

tornado.web.Application = Application
inside = contextlib.nullcontext
requests = {"/good?a=1": {}, "/bad": {}, "/absent": {}}

def records():
    for kind, data in caught:
        if kind in (ERROR, TRANSACTION):
            response = data["context"].get("response", {})
            yield {
                "kind": kind, "name": data.get("name"), "result": data.get("result"),
                "path": data["context"]["request"]["url"]["pathname"],
                "status": response.get("status_code"),
                "exception": data.get("exception", {}).get("message"),
            }
"""

OPENTELEMETRY = """\
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.instrumentation.tornado import TornadoInstrumentor

spans = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
TornadoInstrumentor().instrument()

requests = {"/good?a=1": {}, "/bad": {}, "/absent": {}}

def inside():
    return trace.get_tracer("test").start_as_current_span("inside")

def records():
    found = spans.get_finished_spans()
    ids = {span.context.span_id: span.name + str(span.kind) for span in found}
    for span in found:
        attributes = dict(span.attributes)
        yield {
            "name": span.name, "kind": str(span.kind),
            "parent": ids.get(span.parent.span_id) if span.parent else None,
            "status": attributes.get("http.status_code"),
            "target": attributes.get("http.target"), "method": attributes.get("http.method"),
            "error": span.status.status_code.name,
        }
"""


def records(environment: Environment, program: Path, *, alias: bool) -> list[dict[str, Any]]:
    """What a program has recorded, without the name of what it ran on."""
    lines = environment.run(str(program), alias=alias).splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    assert {one.pop("module") for one in found} == {"whirlwind.web" if alias else "tornado.web"}
    return sorted(found, key=json.dumps)


@pytest.mark.parametrize(
    ("name", "setup", "count"),
    [("sentry", SENTRY, 3), ("elastic-apm", ELASTIC_APM, 5), ("opentelemetry", OPENTELEMETRY, 7)],
)
def test_records_what_it_records_of_tornado(
    name: str, setup: str, count: int, tmp_path: Path
) -> None:
    environment = Environment(name)
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(setup=setup))
    ours = records(environment, program, alias=True)
    assert ours == records(environment, program, alias=False)
    assert len(ours) == count
