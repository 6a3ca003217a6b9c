"""From a route to a running handler: `DirectEntry` for servers, and what delegates share."""

import asyncio
from contextvars import Context
from types import MethodType
from typing import TYPE_CHECKING, Any, Final

import whirlwind.platform.contexts as contexts
import whirlwind.web.hooks as hooks
from whirlwind.concurrent import Future
from whirlwind.httputil import HTTPMessageDelegate, HTTPServerRequest, RequestStartLine
from whirlwind.platform.coroutines import as_coroutine
from whirlwind.platform.eager import start_now
from whirlwind.platform.loops import running_loop
from whirlwind.routing import PathMatches, RuleRouter, changes
from whirlwind.web.handler import RequestHandler
from whirlwind.web.response import (
    CAN_KNOW,
    CONTEXT_HOOK,
    EXECUTE_HOOK,
    ResponseBase,
    make_handler,
    proceed,
)

if TYPE_CHECKING:
    from whirlwind.web.application import Application
    from whirlwind.web.delegate import HandlerDelegate

_EXECUTE: Any = RequestHandler.__dict__["_execute"]
_EXECUTE_HOOK: Final = EXECUTE_HOOK
_CONTEXT_HOOK: Final = CONTEXT_HOOK
_CAN_KNOW: Final = CAN_KNOW
_epoch: Final = changes.epoch


class DirectEntry:
    """An application as servers call it when nobody has replaced the general path.

    Routing and the handler's first steps happen in the caller's stack; no delegate is made unless
    a body is to be streamed.
    """

    def __init__(self, app: "Application", plain: tuple[Any, Any, Any]) -> None:
        """
        :arg app: the application.
        :arg plain: the methods ``find_handler``, ``get_handler_delegate`` and ``start_request``
            that this class stands in for; while the application has others, those are called.
        """
        self.app = app
        self._find, self._get_delegate, self._start = plain
        # What was found out, and the states of the classes it was found out about.
        self._version = 0
        self._plain = False
        self._router: Any = None
        self._table: Any = None  # a RuleTable
        self._literals: dict[str, Any] = {}
        self._epoch: Any = None
        self._matcher_version = 0
        self._router_version = 0

    def serve(self, request: HTTPServerRequest) -> None:
        """Route and run a request whose body, if any, is complete."""
        context = contexts.copy()
        if contexts.ENTERS:
            contexts.enter(context)
            try:
                self._serve(request, context)
            finally:
                contexts.leave(context)
        else:
            context.run(self._serve, request, context)

    def _serve(self, request: HTTPServerRequest, context: Context) -> None:
        app = self.app
        found = self._find_rule(app, request)
        if found is NotImplemented:
            self._serve_general(app, request)
            return
        path_args = path_kwargs = None
        if found is None:
            target, kwargs = app._ww_default_handler()
        else:
            target, kwargs, path_args, path_kwargs = found
        if _CAN_KNOW:
            handler = make_handler(target, app, request, kwargs)
        else:
            handler = target(app, request, **kwargs) if kwargs else target(app, request)
        start_handler(app, handler, path_args, path_kwargs, context)

    def _find_rule(self, app: Any, request: HTTPServerRequest) -> Any:
        """What `find_rule` says; NotImplemented for the general path in any case."""
        cls = type(app)
        version = hooks.type_version(cls) if _CAN_KNOW else 0
        plain = self._plain
        if version == 0 or version != self._version:
            plain = (
                cls.find_handler is self._find
                and cls.get_handler_delegate is self._get_delegate
                and cls.start_request is self._start
            )
            if version != 0:
                self._plain = plain
                self._version = version
        if not plain or app._ww_goes_general or app._ww_forgets:
            return NotImplemented
        if version == 0:  # the plain form: nothing may be remembered
            found = app.default_router.find_rule(request._path)
        else:
            found = self._find_remembered(app.default_router, request._path)
        if found is None or found is NotImplemented:
            return found
        if not issubclass(found[0], RequestHandler):
            return NotImplemented
        return found

    def _find_remembered(self, router: Any, path: Any) -> Any:
        if (
            router is not self._router
            or self._epoch is not _epoch[0]
            or hooks.type_version(PathMatches) != self._matcher_version
            or hooks.type_version(RuleRouter) != self._router_version
        ):
            found = router.find_rule(path)
            table = router._table
            if table is not None:
                self._router = router
                self._table = table
                self._literals = table.literals
                self._epoch = _epoch[0] if table.epoch == _epoch[0] else None
                self._matcher_version = hooks.type_version(PathMatches)
                self._router_version = hooks.type_version(RuleRouter)
            return found
        found = self._literals.get(path)
        return self._table.scan(path) if found is None else found

    def _serve_general(self, app: Any, request: HTTPServerRequest) -> None:
        delegate = self._general_delegate(app, request)
        if request.body:
            delegate.data_received(request.body)
        delegate.finish()

    def _general_delegate(self, app: Any, request: HTTPServerRequest) -> HTTPMessageDelegate:
        delegate: HTTPMessageDelegate = app.start_request(
            request.server_connection, request.connection
        )
        connection: Any = request.connection
        connection.owner = None
        connection.receiver = delegate
        line = RequestStartLine(request.method or "", request.uri or "", request.version)
        delegate.headers_received(line, request.headers)
        return delegate

    def open_body(self, request: HTTPServerRequest) -> HTTPMessageDelegate | None:
        """A receiver for a body that a handler wants piece by piece, None to collect it."""
        app = self.app
        found = self._find_rule(app, request)
        if found is NotImplemented:
            return self._general_delegate(app, request)
        if found is None:
            return None
        target, kwargs, path_args, path_kwargs = found
        if not target._stream_request_body:
            return None
        delegate = app.get_handler_delegate(
            request,
            target,
            target_kwargs=kwargs,
            path_args=path_args,
            path_kwargs=path_kwargs,
        )
        delegate.headers_received(None, request.headers)
        receiver: HTTPMessageDelegate = delegate
        return receiver


def run_handler(delegate: "HandlerDelegate") -> "asyncio.Task[None] | None":
    """Make and run the handler of a delegate, in a context of its own.

    :returns: the task that finishes the request, None when it is finished already.
    """
    context = contexts.copy()
    return context.run(_run, delegate, context)


def _run(delegate: "HandlerDelegate", context: Context) -> "asyncio.Task[None] | None":
    app = delegate.application
    handler = delegate.handler_class(app, delegate.request, **delegate.handler_kwargs)
    delegate.handler = handler
    if delegate.stream_request_body:
        handler._prepared_future = Future()
    return start_handler(app, handler, delegate.path_args, delegate.path_kwargs, context)


def start_handler(
    app: Any, handler: RequestHandler, path_args: Any, path_kwargs: Any, context: Context
) -> "asyncio.Task[None] | None":
    """Run a handler until it is finished or first waits.

    :arg path_args, path_kwargs: groups of the route's pattern, or None for none.
    :arg context: the current context, which is the request's own.
    :returns: the task that finishes the request, None when it is finished already.
    """
    base: ResponseBase = handler
    transforms = [make(handler.request) for make in app.transforms] if app.transforms else None
    if not (_CAN_KNOW and base._ww_original & _CONTEXT_HOOK) and handler._ww_keeps_context:
        handler._ww_context = context
    execute: Any = None
    if not (_CAN_KNOW and base._ww_original & _EXECUTE_HOOK):
        execute = handler._execute
        # `hooks.is_method_of`, written out: for each request of the plain form.
        if type(execute) is MethodType and execute.__func__ is _EXECUTE:
            execute = None
    if execute is not None:
        # Wrapped by a tracing agent, or overridden: it is the whole of the request then.
        coro: Any = execute(transforms or [], *(path_args or ()), **(path_kwargs or {}))
        if not asyncio.iscoroutine(coro):
            coro = as_coroutine(coro)
    else:
        # `begin`, but for the call.
        base._transforms = transforms
        base._ww_raw_args = path_args
        base._ww_raw_kwargs = path_kwargs
        pending = proceed(base)
        if pending is None:
            return None
        coro = handler._ww_drive(pending)
    loop: Any = running_loop() if base._ww_exchange is None else base._ww_exchange.conn.loop
    task: asyncio.Task[None] | None = start_now(coro, loop, context)
    return task
