"""`Application`: routes, settings and what all handlers share."""

import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from whirlwind._public import claim
from whirlwind.httpserver import HTTPServer
from whirlwind.httputil import HTTPMessageDelegate, HTTPServerRequest
from whirlwind.protocol.limits import LISTEN_BACKLOG, MAX_BODY_SIZE
from whirlwind.routing import (
    AnyMatches,
    DefaultHostMatches,
    HostMatches,
    ReversibleRouter,
    ReversibleRuleRouter,
    Rule,
)
from whirlwind.web import access
from whirlwind.web.basic import ErrorHandler
from whirlwind.web.delegate import HandlerDelegate
from whirlwind.web.execute import DirectEntry
from whirlwind.web.handler import RequestHandler
from whirlwind.web.rendering import reset_template_loaders
from whirlwind.web.storage import ApplicationStorage, note_application
from whirlwind.web.transforms import compression_for
from whirlwind.web.uimodules import BUILT_IN, load_ui_methods, load_ui_modules

if TYPE_CHECKING:
    from whirlwind.asgi.adapter import ASGIApplication

_Rules = Iterable[Any]


class ApplicationRouter(ReversibleRuleRouter):
    """A rule router whose targets may be handler classes, and lists of rules for them."""

    def __init__(self, application: "Application", rules: _Rules | None = None) -> None:
        self.application = application
        super().__init__(list(rules) if rules is not None else None)

    def process_rule(self, rule: Rule) -> Rule:
        """A list of rules as the target becomes a router."""
        rule = super().process_rule(rule)
        if isinstance(rule.target, list | tuple):
            rule.target = ApplicationRouter(self.application, rule.target)
        return rule

    def get_target_delegate(
        self, target: Any, request: HTTPServerRequest, **target_params: Any
    ) -> HTTPMessageDelegate | None:
        """A handler class gets its delegate from the application."""
        if isinstance(target, type) and issubclass(target, RequestHandler):
            return self.application.get_handler_delegate(request, target, **target_params)
        return super().get_target_delegate(target, request, **target_params)


class Application(ApplicationStorage, ReversibleRouter):
    """A web application: a list of routes and the settings its handlers share.

    ::

        app = Application([(r"/", MainHandler)], cookie_secret="...")
        app.listen(8888)

    :arg handlers: routes in order: `URLSpec` objects, tuples of their arguments, or `Rule` objects
        with any matcher and target.
    :arg default_host: host for which `add_handlers` patterns are tried when no pattern matches and
        the request did not come through a proxy.
    :arg transforms: output transforms to use instead of those the settings ask for.
    :arg settings: the settings; unknown ones are kept for handlers.
    """

    def __init__(
        self,
        handlers: _Rules | None = None,
        default_host: str | None = None,
        transforms: list[Callable[[HTTPServerRequest], Any]] | None = None,
        **settings: Any,
    ) -> None:
        if transforms is None:
            self.transforms: list[Callable[[HTTPServerRequest], Any]] = []
            compress = settings.get("compress_response") or settings.get("gzip")
            if compress:
                self.transforms.append(compression_for(compress))
        else:
            self.transforms = transforms
        self.default_host = default_host
        self.settings = settings
        self.ui_modules: dict[str, type[Any]] = {
            **BUILT_IN,
            **load_ui_modules(settings.get("ui_modules") or {}),
        }
        self.ui_methods: dict[str, Any] = load_ui_methods(settings.get("ui_methods") or {})
        if settings.get("static_path"):
            handlers = [*self._static_rules(settings), *(handlers or ())]
        if settings.get("debug"):
            for name, value in (
                ("autoreload", True),
                ("compiled_template_cache", False),
                ("static_hash_cache", False),
                ("serve_traceback", True),
            ):
                settings.setdefault(name, value)
        self._ww_forgets = not (
            settings.get("static_hash_cache", True)
            and settings.get("compiled_template_cache", True)
        )
        if settings.get("autoreload"):
            from whirlwind import autoreload

            autoreload.start()
        self.wildcard_router: ApplicationRouter = ApplicationRouter(self, handlers)
        self.default_router: ApplicationRouter = ApplicationRouter(
            self, [Rule(AnyMatches(), self.wildcard_router)]
        )

    @staticmethod
    def _static_rules(settings: dict[str, Any]) -> list[Any]:
        from whirlwind.web.static import StaticFileHandler

        prefix = settings.get("static_url_prefix", "/static/")
        handler = settings.get("static_handler_class", StaticFileHandler)
        args = settings.setdefault("static_handler_args", {})
        args["path"] = settings["static_path"]
        return [
            (pattern, handler, args)
            for pattern in (re.escape(prefix) + r"(.*)", r"/(favicon\.ico)", r"/(robots\.txt)")
        ]

    def __setattr__(self, name: str, value: Any) -> None:
        # Somebody mocks or patches this very instance: servers must not go round it any more.
        if name in _PLAIN_NAMES:
            super().__setattr__("_ww_goes_general", True)
        elif name == "log_request":
            super().__setattr__("_ww_logs_itself", True)
        super().__setattr__(name, value)

    def listen(
        self,
        port: int,
        address: str | None = None,
        *,
        family: socket.AddressFamily = socket.AF_UNSPEC,
        backlog: int = LISTEN_BACKLOG,
        flags: int | None = None,
        reuse_port: bool = False,
        **kwargs: Any,
    ) -> HTTPServer:
        """Serve this application on a port of the current loop, running or not yet.

        :arg port, address, family, backlog, flags, reuse_port: as `netutil.bind_sockets`.
        :arg kwargs: for `HTTPServer`.
        :returns: the server, to stop it with (Tornado 4.3).
        """
        server = HTTPServer(self, **kwargs)
        server.listen(
            port,
            address=address,
            family=family,
            backlog=backlog,
            flags=flags,
            reuse_port=reuse_port,
        )
        return server

    def asgi(
        self,
        *,
        max_body_size: int = MAX_BODY_SIZE,
        on_startup: Callable[[], Awaitable[None] | None] | None = None,
        on_shutdown: Callable[[], Awaitable[None] | None] | None = None,
    ) -> "ASGIApplication":
        """This application for a server of somebody else: uvicorn, hypercorn, granian.

        :arg max_body_size: bytes of a request's body; more are answered with 413.
        :arg on_startup, on_shutdown: called without arguments before the first request and after
            the last; may be coroutine functions.
        :returns: an ASGI 3 application.
        """
        from whirlwind.asgi.adapter import ASGIApplication

        return ASGIApplication(
            self, max_body_size=max_body_size, on_startup=on_startup, on_shutdown=on_shutdown
        )

    def add_handlers(self, host_pattern: str, host_handlers: _Rules) -> None:
        """Add routes for hosts that match a pattern; tried before those without.

        :arg host_pattern: regular expression for the host name; a ``$`` at its end is implied.
        :arg host_handlers: routes, as for the constructor.
        """
        matcher = HostMatches(host_pattern)
        rule = Rule(matcher, ApplicationRouter(self, host_handlers))
        # The last rule is the one for every host.
        self.default_router.rules.insert(-1, rule)
        if self.default_host is not None:
            self.wildcard_router.add_rules(
                [(DefaultHostMatches(self, matcher.host_pattern), host_handlers)]
            )

    def add_transform(self, transform_class: Any) -> None:
        """Put an output transform behind those there are, for all handlers."""
        self.transforms.append(transform_class)

    def __call__(self, request: HTTPServerRequest) -> Awaitable[None] | None:
        """Answer one complete request (the interface of Tornado before 4.0).

        :returns: an awaitable, or None when the request is finished already.
        """
        dispatcher = self.find_handler(request)
        running: Awaitable[None] | None = dispatcher.execute()
        return running

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """The delegate for a request: that of the first route, or of the default handler."""
        route = self.default_router.find_handler(request)
        if route is not None:
            return route
        handler_class, args = self._ww_default_handler()
        return self.get_handler_delegate(request, handler_class, args)

    def _ww_default_handler(self) -> tuple[type[RequestHandler], dict[str, Any]]:
        """The handler class, and its arguments, for requests that no route matches."""
        chosen = self.settings.get("default_handler_class")
        if chosen:
            return chosen, self.settings.get("default_handler_args", {})
        return ErrorHandler, {"status_code": 404}

    def get_handler_delegate(
        self,
        request: HTTPServerRequest,
        target_class: type[RequestHandler],
        target_kwargs: dict[str, Any] | None = None,
        path_args: list[bytes] | None = None,
        path_kwargs: dict[str, bytes] | None = None,
    ) -> HandlerDelegate:
        """A delegate that runs a handler class for a request (Tornado 4.5).

        :arg target_class: the `RequestHandler` class.
        :arg target_kwargs: for its ``initialize``.
        :arg path_args, path_kwargs: for its HTTP method.
        """
        return HandlerDelegate(self, request, target_class, target_kwargs, path_args, path_kwargs)

    def _ww_forget_cached_files(self) -> None:
        """Have files looked at again, for what the settings want no cache."""
        from whirlwind.web.static import StaticFileHandler

        settings = self.settings
        if not settings.get("compiled_template_cache", True):
            reset_template_loaders(self)
        if not settings.get("static_hash_cache", True):
            settings.get("static_handler_class", StaticFileHandler).reset()

    def _ww_direct_entry(self) -> DirectEntry:
        """What a server calls with whole requests, as long as nothing above is replaced."""
        return DirectEntry(self, _PLAIN)

    def log_request(self, handler: RequestHandler) -> None:
        """Log a finished request: 5xx as errors, 4xx as warnings, the rest as information.

        Override it, or set ``log_function``, to log in another way.

        :arg handler: the handler that is done.
        """
        access.log_request(self, handler)

    def reverse_url(self, name: str, *args: Any) -> str:
        """The path of a named route.

        :arg args: values for the groups of its pattern; anything but str and bytes is turned into
            str first.
        :raises KeyError: no route has that name.
        """
        path = self.default_router.reverse_url(name, *args)
        if path is None:
            raise KeyError(f"{name} not found in named urls")
        return path


access.say_where(Application.log_request.__code__)
note_application(Application, access.log_request)

_PLAIN_NAMES = frozenset(("find_handler", "get_handler_delegate", "start_request"))
_PLAIN = (Application.find_handler, Application.get_handler_delegate, Application.start_request)


claim("whirlwind.web", Application)
