"""``whirlwind routes package.module:app``: which path leads where."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from whirlwind.asgi import ASGIContainer
from whirlwind.cli.errors import CommandError
from whirlwind.cli.loading import call_factory, import_target, is_factory
from whirlwind.routing import (
    AnyMatches,
    DefaultHostMatches,
    HostMatches,
    Matcher,
    PathMatches,
    Rule,
    RuleRouter,
)
from whirlwind.web import Application, RequestHandler
from whirlwind.websocket import WebSocketHandler
from whirlwind.wsgi import WSGIContainer


class Route(NamedTuple):
    """One line of the table."""

    path: str
    methods: str
    target: str
    name: str


_HEAD = Route("PATH", "METHODS", "TARGET", "NAME")


async def print_routes(specification: str) -> None:
    """Print the routes of an application, in the order in which they are tried.

    :arg specification: ``package.module:app``, the application or a function that makes it.
    :raises CommandError: it is not there, or has no routes that can be known.
    """
    found = import_target(specification)
    if is_factory(found):
        found = await call_factory(found, specification)
    rules = _rules_of(found)
    if rules is None:
        raise CommandError(
            f"{specification} is a {type(found).__qualname__}: only a web.Application or a "
            "RuleRouter can tell its routes"
        )
    table = [_HEAD, *_routes(rules, "")]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def _rules_of(target: object) -> Sequence[Rule] | None:
    if isinstance(target, Application):
        return target.default_router.rules
    if isinstance(target, RuleRouter):
        return target.rules
    return None


def _routes(rules: Sequence[Rule], outside: str) -> Iterator[Route]:
    for rule in rules:
        place = " ".join(filter(None, (outside, _condition(rule.matcher))))
        inside = _rules_of(rule.target)
        if inside is None:
            yield Route(place or "*", _methods(rule.target), _shown(rule.target), rule.name or "")
        else:
            yield from _routes(inside, place)


def _condition(matcher: Matcher) -> str:
    """What a matcher asks for, in short."""
    if isinstance(matcher, PathMatches):
        return matcher.regex.pattern.removesuffix("$")
    if isinstance(matcher, HostMatches):
        return "host " + matcher.host_pattern.pattern.removesuffix("$")
    if isinstance(matcher, DefaultHostMatches):
        return "default host " + matcher.host_pattern.pattern.removesuffix("$")
    return "" if isinstance(matcher, AnyMatches) else type(matcher).__qualname__


def _methods(target: Any) -> str:
    """The HTTP methods that a handler class defines; a star where that does not tell."""
    if not (isinstance(target, type) and issubclass(target, RequestHandler)):
        return "*"
    if issubclass(target, WebSocketHandler):
        return "WebSocket"
    names = [
        method
        for method in target.SUPPORTED_METHODS
        if getattr(target, method.lower()) is not getattr(RequestHandler, method.lower(), None)
    ]
    return " ".join(names) or "*"


def _shown(target: Any) -> str:
    if isinstance(target, ASGIContainer):
        return f"ASGI: {_shown(target.app)}"
    if isinstance(target, WSGIContainer):
        return f"WSGI: {_shown(target.wsgi_application)}"
    named = target if hasattr(target, "__qualname__") else type(target)
    return f"{named.__module__}.{named.__qualname__}"
