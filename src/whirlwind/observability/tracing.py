"""Traces of requests for OpenTelemetry; needs the package ``opentelemetry-api``, and its SDK to see
any.

::

    trace_handlers()  # before the server starts
"""

import functools
from collections.abc import Callable
from typing import Any

import opentelemetry.propagate as propagate
import opentelemetry.trace as trace

from whirlwind._version import VERSION
from whirlwind.web import RequestHandler


def trace_handlers(
    handler_class: type[RequestHandler] = RequestHandler, *, tracer_provider: Any = None
) -> Callable[[], None]:
    """Make a span of each request that a class of handlers, or one below it, answers.

    The span begins before `prepare` and ends when the handler is done; it is the current one in the
    handler, and continues the trace that the request's fields name (W3C Trace Context). Attributes
    are those of the semantic conventions for HTTP servers. An answer of 500 and more is an error.

    :arg handler_class: whose ``_execute`` is wrapped; by default that of all handlers.
    :arg tracer_provider: the global one by default.
    :returns: a function that undoes it.
    """
    tracer = trace.get_tracer("whirlwind", VERSION, tracer_provider=tracer_provider)
    original = handler_class._execute
    own = handler_class.__dict__.get("_execute")

    @functools.wraps(original)
    async def execute(self: RequestHandler, transforms: Any, *args: Any, **kwargs: Any) -> None:
        request = self.request
        parent = propagate.extract({n.lower(): v for n, v in request.headers.items()})
        # Clients choose methods: the convention has one name for all that nobody knows.
        known = request.method in self.SUPPORTED_METHODS
        attributes: dict[str, Any] = {
            "http.request.method": request.method if known else "_OTHER",
            "url.scheme": request.protocol,
            "url.path": request.path,
            "server.address": request.host_name,
            "client.address": request.remote_ip,
            "network.protocol.version": request.version.removeprefix("HTTP/"),
        }
        if request.query:
            attributes["url.query"] = request.query
        agent = request.headers.get("User-Agent")
        if agent is not None:
            attributes["user_agent.original"] = agent
        with tracer.start_as_current_span(
            f"{request.method if known else 'HTTP'} {type(self).__name__}",
            context=parent,
            kind=trace.SpanKind.SERVER,
            attributes=attributes,
        ) as span:
            try:
                await original(self, transforms, *args, **kwargs)
            finally:
                status = self.get_status()
                span.set_attribute("http.response.status_code", status)
                if status >= 500:
                    span.set_attribute("error.type", str(status))
                    span.set_status(trace.StatusCode.ERROR)

    handler_class._execute = execute  # type: ignore[method-assign]

    def undo() -> None:
        if own is None:
            del handler_class._execute
        else:
            handler_class._execute = own  # type: ignore[method-assign]

    return undo
